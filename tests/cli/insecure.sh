#!/bin/sh
# RUN --security=insecure: refused with a hint, granted by the flag, and what it is
# when granted.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
dockerfile <<'D'
FROM base AS s
RUN mkdir /o
RUN --security=sandbox grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status >/o/sandbox; mkdir /m; mount -t tmpfs none /m 2>/dev/null && echo mounted >>/o/sandbox || echo refused >>/o/sandbox; (echo x >/proc/sys/kernel/domainname) 2>/dev/null && echo wrote >>/o/sandbox; true
RUN --security=insecure grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status >/o/insecure; \
    mount -t tmpfs none /m && echo mounted >>/o/insecure; umount /m; \
    hostname other && hostname >>/o/insecure; echo open >/proc/sys/kernel/domainname && cat /proc/sys/kernel/domainname >>/o/insecure; \
    mknod /tmp/zero c 1 5 && head -c 3 /tmp/zero | wc -c >>/o/insecure; rm /tmp/zero; \
    ls /sys/firmware >/dev/null && stat -c %a /sys/kernel >/dev/null && echo seen >>/o/insecure
RUN hostname >/o/after; mount -t tmpfs none /m 2>/dev/null || echo refused >>/o/after
FROM scratch
COPY --from=s /o /
D
# All capabilities that we have ourselves.
all=$(sed -n 's/^CapEff:.//p' /proc/self/status)
bound=$(sed -n 's/^CapBnd:.//p' /proc/self/status)
for executor in $executors; do
    use_executor $executor
    run 1 build --no-cache
    assert_has "$work/err" "security.insecure is not allowed"
    assert_has "$work/err" "hint: pass --allow security.insecure"
    ! grep -q '^#.*RUN mkdir' "$work/err" || fail "something ran"
    run 1 build --no-cache --allow network.host
    assert_has "$work/err" "security.insecure is not allowed"
    run 2 build --no-cache --allow security.insecur
    assert_has "$work/err" "security.insecur"
    # By nobody but the command line.
    printf '{"executor": "%s", "allow": ["security.insecure"]}\n' $executor >"$TENON_CONFIG"
    got=0
    build --no-cache >"$work/out" 2>"$work/err" || got=$?
    [ $got != 0 ] || fail "the configuration granted it"
    use_executor $executor

    result --no-cache --allow security.insecure
    saw sandbox "CapEff:	00000000a80425fb
CapBnd:	00000000a80425fb
Seccomp:	2
refused"
    saw insecure "CapEff:	$all
CapBnd:	$bound
Seccomp:	0
mounted
other
open
3
seen"
    saw after "buildkitsandbox
refused"
    # A result that was granted once is no grant: the step is in the store, and not
    # given out without the flag.
    run 1 build
    assert_has "$work/err" "security.insecure is not allowed"
done
run 1 build --allow security.insecure -f - <<'D'
FROM base
RUN --security=unsafe true
D
assert_has "$work/err" "unsafe"

#!/bin/sh
# What becomes of the processes of a step: daemons that it leaves, and all of them
# at Ctrl-C. By each executor.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

# ---- what a step leaves running --------------------------------------------------
# A daemon of each kind ends with its step, and the build does not wait for it: it
# would sleep for longer than the test may take.
dockerfile <<'D'
FROM base AS s
RUN sleep 1111 & echo background >/1
RUN setsid sleep 1111 & echo session >/2
RUN (setsid sh -c 'sleep 1111 & exit' >/dev/null 2>&1 </dev/null &) ; echo twice >/3
RUN trap '' TERM HUP INT; nohup sh -c 'trap "" TERM HUP INT; while :; do sleep 1111; done' & echo deaf >/4
RUN ! pidof sleep && echo none >/5
FROM scratch
COPY --from=s /1 /2 /3 /4 /5 /
D
for executor in $executors; do
    use_executor $executor
    rm -rf "$work/tree"
    run 0 timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
        --build-context "base=oci-layout://$bases/busybox" -o "$work/tree" "$context"
    assert_eq "background session twice deaf none" "$(echo $(cat "$work"/tree/[1-5]))"
done

# ---- Ctrl-C --------------------------------------------------------------------
# A whole tree: deaf ones, other sessions, stopped ones. They are known by what is
# in their environment.
mark=mark-$$-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
dockerfile <<'D'
FROM base
ARG MARK
RUN (trap '' INT TERM; sleep 1111) & setsid sleep 1111 & (sleep 1111 & kill -STOP $!; wait) & sh -c 'sh -c "sleep 1111"; :' & \
    sleep 0.2; echo begun; wait
D
echo "MARK=$mark" >"$work/mark"
nobody() { [ "$(alive)" = 0 ]; }
alive() { grep -lsF -f "$work/mark" /proc/[0-9]*/environ 2>/dev/null | wc -l; }
for executor in $executors; do
    use_executor $executor
    rm -f "$work/slow"
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache --build-arg "MARK=$mark" \
        --build-context "base=oci-layout://$bases/busybox" "$context" >"$work/slow" 2>&1 &
    pid=$!
    remember $pid
    wait_for "$work/slow" "begun"
    [ "$(alive)" -ge 5 ] || fail "$executor: $(alive) processes of the step"
    kill -INT $pid
    status=0
    wait $pid || status=$?
    assert_eq 130 $status
    await "the end of all its processes" nobody
done

#!/bin/sh
# What a RUN step finds around it: user and groups, directories, names, limits,
# devices. By each executor.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

# ---- who and where -------------------------------------------------------------
{
    cat <<'D'
FROM base AS s
RUN mkdir -m 1777 /o
D
    # As BuildKit has it: a name or a number that passwd knows has its groups, one
    # with a group has that alone.
    n=0
    for user in root app 1000 worker nobody app:extra 1000:2000 worker:staff 4321 4321:8765 0:0; do
        n=$((n + 1))
        echo "USER $user"
        echo "RUN echo \"$user uid=\$(id -u) gid=\$(id -g) groups=\$(echo \$(for g in \$(id -G); do echo \$g; done | sort -n)) home=\$HOME\" >/o/user-$n"
    done
    cat <<'D'
USER app
WORKDIR /made/here
RUN pwd >/o/cwd; stat -c '%a %u %g' . >>/o/cwd; umask >>/o/cwd; touch /o/f && mkdir /o/d && stat -c '%a %u %g' /o/f /o/d >>/o/cwd
ENV HOME=/elsewhere
RUN echo $HOME >/o/home
USER root
ENV HOME=
RUN echo "<$HOME>" >>/o/home; env | grep -c '^TERM=' >>/o/home; echo $PATH >>/o/home; env | grep -v '^\(HOME\|PATH\|PWD\|SHLVL\|OLDPWD\)=' >>/o/home; true
FROM scratch
COPY --from=s /o /
D
} | dockerfile
for executor in $executors; do
    use_executor $executor
    result --no-cache
    cat "$work/tree"/user-? "$work/tree"/user-1? >"$work/users"
    cat >"$work/wanted" <<'W'
root uid=0 gid=0 groups=0 home=/root
app uid=1000 gid=1000 groups=1000 2000 home=/home/app
1000 uid=1000 gid=1000 groups=1000 2000 home=/home/app
worker uid=1001 gid=1002 groups=1002 2000 home=/home/worker
nobody uid=65534 gid=65534 groups=65534 home=/nonexistent
app:extra uid=1000 gid=2000 groups=2000 home=/home/app
1000:2000 uid=1000 gid=2000 groups=2000 home=/home/app
worker:staff uid=1001 gid=1002 groups=1002 home=/home/worker
4321 uid=4321 gid=0 groups=0 home=/
4321:8765 uid=4321 gid=8765 groups=8765 home=/
0:0 uid=0 gid=0 groups=0 home=/root
W
    diff "$work/wanted" "$work/users" || fail "$executor: users"
    saw cwd "/made/here
755 1000 1000
0022
644 1000 1000
755 1000 1000"
    assert_eq "/elsewhere </root> 0 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$(echo $(cat "$work/tree/home"))"
done

# ---- names ---------------------------------------------------------------------
dockerfile <<'D'
FROM base AS s
RUN mkdir /o
RUN cat /etc/hosts >/o/hosts; hostname >/o/hostname; cat /etc/resolv.conf >/o/resolv; stat -c '%a %u %g' /etc/hosts /etc/resolv.conf >/o/modes; \
    for f in /etc/hosts /etc/resolv.conf; do (echo x >>$f) 2>/dev/null && echo wrote >>/o/modes; done; true
RUN echo 'own' >/etc/motd; ls /etc/hosts /etc/resolv.conf >/o/stubs
FROM scratch
COPY --from=s /o /
COPY --from=s /etc /etc
D
for executor in $executors; do
    use_executor $executor
    result --no-cache
    saw hosts "127.0.0.1	localhost buildkitsandbox
::1	localhost ip6-localhost ip6-loopback"
    saw hostname buildkitsandbox
    saw resolv "$(cat /etc/resolv.conf)"
    saw modes "644 0 0
644 0 0"
    assert_no_file "$work/tree/etc/hosts"
    assert_no_file "$work/tree/etc/resolv.conf"

    result --no-cache --build-arg BUILDKIT_SANDBOX_HOSTNAME=builder7 --add-host db=10.1.2.3 --add-host six:fd00::7 \
        --add-host "bracket=[fd00::8]" --add-host gate:host-gateway
    saw hosts "127.0.0.1	localhost builder7
::1	localhost ip6-localhost ip6-loopback
10.1.2.3	db
fd00::7	six
fd00::8	bracket
127.0.0.1	gate"
    saw hostname builder7
    # On a network of its own the machine is at an address that is no loopback.
    case $(ip -4 -o addr show scope global up 2>/dev/null) in
    ?*)
        result --no-cache --network none --add-host gate:host-gateway
        assert_has "$work/tree/hosts" "	gate"
        assert_lacks "$work/tree/hosts" "127.0.0.1	gate"
        ;;
    *) not_tried "host-gateway on a network of its own: this machine has no address but loopback" ;;
    esac
done
# A resolver on the machine's loopback is none for a step that does not reach it.
dockerfile <<'D'
FROM base AS s
RUN cat /etc/resolv.conf >/resolv
FROM scratch
COPY --from=s /resolv /
D
printf '# by hand\nsearch example.org\nnameserver 127.0.0.53\noptions edns0\n' >"$work/resolv.local"
printf 'nameserver 127.0.0.1\nnameserver 10.1.1.1\nsearch a.example b.example\noptions ndots:2 timeout:1\n' >"$work/resolv.mixed"
printf 'nameserver 10.2.2.2\nsearch upstream.example.org\n' >"$work/resolv.upstream"
with_resolv() { # FILE FLAG...; upstream: what systemd-resolved keeps, or nothing
    file=$1
    shift
    rm -rf "$work/tree"
    cat >"$work/inside" <<'I'
mount --bind "$1" /etc/resolv.conf && mount -t tmpfs none /run || exit 77
[ -z "$2" ] || { mkdir -p /run/systemd/resolve && cp "$2" /run/systemd/resolve/resolv.conf; }
shift 2
exec "$@"
I
    run 0 unshare --mount sh "$work/inside" "$file" "$upstream" "$abs_top_builddir/tenon-dev" --root "$store" build \
        --no-cache --build-context "base=oci-layout://$bases/busybox" -o "$work/tree" "$@" "$context"
}
use_executor native
upstream=
with_resolv "$work/resolv.local"
saw resolv "$(cat "$work/resolv.local")"
with_resolv "$work/resolv.mixed" --network none
saw resolv "nameserver 10.1.1.1
search a.example b.example
options ndots:2 timeout:1"
with_resolv "$work/resolv.local" --network none
assert_eq "8.8.8.8 8.8.4.4 2001:4860:4860::8888 2001:4860:4860::8844" "$(echo $(sed -n 's/^nameserver //p' "$work/tree/resolv"))"
assert_eq "search example.org options edns0" "$(echo $(grep -v '^[#n]' "$work/tree/resolv"))"
upstream=$work/resolv.upstream
with_resolv "$work/resolv.local" --network none
saw resolv "$(cat "$work/resolv.upstream")"

for bad in far:nowhere far:1.2.3 far:fd00:::1; do
    run 2 build --add-host "$bad"
    assert_has "$work/err" "invalid host \"$bad\": "
done
run 2 build --add-host far
assert_has "$work/err" 'invalid host "far", expected HOST:IP'

# ---- limits and devices --------------------------------------------------------
dockerfile <<'D'
FROM base AS s
RUN mkdir /o
RUN ulimit -n >/o/limits; ulimit -Hn >>/o/limits; ulimit -c >>/o/limits; ulimit -u >>/o/limits; df -k /dev/shm | awk 'END { print $2 }' >>/o/limits
RUN ls /dev | grep -vx 'core\|kmsg' | sort | tr '\n' ' ' >/o/dev; \
    for d in null zero full random urandom tty; do stat -c '%n %a %F %t:%T' /dev/$d; done >/o/nodes; \
    for l in fd stdin stdout stderr ptmx; do echo "$l $(readlink /dev/$l)"; done >/o/links; \
    stat -c '%n %a' /dev/shm /dev/pts /dev/mqueue >/o/dirs; \
    echo x >/dev/null && head -c 2 /dev/zero | wc -c >/o/use; head -c 2 /dev/urandom | wc -c >>/o/use; (echo x >/dev/full) 2>/dev/null || echo full >>/o/use; \
    cat <&0 | wc -c >>/o/use; echo to stdout >/dev/stdout; echo to stderr >/dev/stderr
FROM scratch
COPY --from=s /o /
D
for executor in $executors; do
    use_executor $executor
    result --no-cache --ulimit nofile=1000:2000 --ulimit core=0 --ulimit nproc=5000:5000 --shm-size 8m
    saw limits "1000
2000
0
5000
8192"
    saw dev "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
    saw nodes "/dev/null 666 character special file 1:3
/dev/zero 666 character special file 1:5
/dev/full 666 character special file 1:7
/dev/random 666 character special file 1:8
/dev/urandom 666 character special file 1:9
/dev/tty 666 character special file 5:0"
    saw links "fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx"
    saw dirs "/dev/shm 1777
/dev/pts 755
/dev/mqueue 1777"
    saw use "2
2
full
0"
    assert_has "$work/err" " to stdout"
    assert_has "$work/err" " to stderr"
    result --no-cache
    assert_eq 65536 "$(tail -n 1 "$work/tree/limits")"
done
# Nodes of the machine's devices can be made, and nobody gets in by them: not where
# they are made, not from a layer.
dockerfile <<'D'
FROM base AS s
RUN mkdir /o && mknod /disk b 259 0 && mknod /mem c 1 1 && mknod /kmsg c 1 11 && mknod /loop b 7 0 && mknod /dm b 253 0 && mknod /vd b 254 0
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=type=bind,from=base,target=/b,rw \
    for at in / /dev/ /dev/shm/ /c/ /t/ /b/ /tmp/; do \
      for node in "mem c 1 1" "kmsg c 1 11" "loop b 7 0" "dm b 253 0" "vd b 254 0" "disk b 259 0"; do \
        set -- $node; test $at = / || mknod $at$1 $2 $3 $4 || echo "no $at$1"; \
        dd if=$at$1 of=/dev/null bs=1 count=1 2>&1 | grep -q 'not permitted\|denied' || echo "opened $at$1"; \
        dd if=/dev/null of=$at$1 conv=notrunc bs=1 count=0 2>&1 | grep -q 'not permitted\|denied' || echo "opened $at$1 to write"; \
        test -b $at$1 -o -c $at$1 && echo >>/o/tried; \
      done; done >/o/nodes; wc -l </o/tried >/o/count
FROM scratch
COPY --from=s /o /
D
for executor in $executors; do
    use_executor $executor
    result --no-cache
    saw nodes ""
    saw count 42 # 6 nodes in 7 places
done
# The same where control groups are of version 2 alone, and where there are none.
use_executor native
for hierarchy in cgroup2 tmpfs; do
    rm -rf "$work/tree"
    printf 'mount -t %s none /sys/fs/cgroup || exit 77\nexec "$@"\n' $hierarchy >"$work/inside"
    got=0
    unshare --mount sh "$work/inside" "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
        --build-context "base=oci-layout://$bases/busybox" -o "$work/tree" "$context" >"$work/out" 2>"$work/err" || got=$?
    if [ $got = 77 ]; then not_tried "control groups as $hierarchy: it cannot be mounted here"; continue; fi
    [ $got = 0 ] || { cat "$work/err" >&2; fail "with $hierarchy"; }
    saw nodes ""
    saw count 42 # 6 nodes in 7 places
done

run 2 build --ulimit nothing=1
run 2 build --ulimit nofile=2:1
run 2 build --shm-size much

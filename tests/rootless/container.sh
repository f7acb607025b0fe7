#!/bin/sh
# Surroundings that are like containers: user namespaces that we are in already,
# a /proc of which parts are hidden, a chroot, root without the right to mount.
# A build works, or says what would help.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_MOUNTS-}" ]; then
    unshare --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --mount env OWN_MOUNTS=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need nsenter
make_user alice many
public_bases
range=$(uid_range "$alice")

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END_FILE'
FROM base
RUN echo "map $(tr -s ' ' </proc/self/uid_map | tr '\n' ',')" && echo x >/f && chown 12:34 /f
USER app
RUN id -u && ls -ln /f && test -d /proc/self && echo "pid $$"
END_FILE
chmod -R go+rX "$work/context"
flags() {
    printf '%s\n' build --progress=plain,detail=short --no-cache -o type=cacheonly \
        --build-context "$base" "$work/context"
}
build() { tenon_as "$alice" --config "$work/tenon.json" $(flags); }
find_executors

# In a namespace with all ids, alice makes one below it.
make_namespace outer "0 0 4294967295"
as_in="nsenter --user --target $outer"
for executor in $executors; do
    echo "{\"executor\": \"$executor\"}" >"$work/tenon.json"
    run 0 build
    assert_has "$work/err" " 0 $(id -u "$alice") 1, 1 ${range% *} 65536,"
    assert_has "$work/err" " 12 "
done
# May no namespace be made there, it says so.
$as_in sh -c 'echo 0 >/proc/sys/user/max_user_namespaces'
run 1 build
assert_has "$work/err" "building as an ordinary user: make a user namespace"
assert_has "$work/err" "hint: sudo sysctl -w user.max_user_namespaces="
as_in=

# Root of a namespace, as in a container of podman's: with its ids, without newuidmap.
make_namespace inner "0 $range"
copy_program "$work/inner/program" # root's files are nobody's there
chown -R "${range% *}:${range% *}" "$work/inner"
in_inner() { (cd / && nsenter --user --target $inner env -i HOME="$work/inner" PATH="$PATH" "$@"); }
for executor in $executors; do
    echo "{\"executor\": \"$executor\"}" >"$work/tenon.json"
    run 0 in_inner "$work/inner/program/tenon-dev" --config "$work/tenon.json" $(flags)
    assert_has "$work/err" " 0 ${range% *} 65536,"
    assert_has "$work/err" " 12 "
done
assert_file "$work/inner/.local/share/tenon/tenon.db"
run 0 in_inner "$work/inner/program/tenon-dev" --config "$work/tenon.json" doctor
assert_has "$work/out" "A build: as root of the user namespace we are in, with 65536 user and 65536 group ids"
run 0 in_inner "$work/inner/program/tenon-dev" --config "$work/tenon.json" prune --force --all

# Parts of /proc are hidden: then no step can have its own.  It sees processes, but
# not into them: neither the user's nor tenon.
mount -t tmpfs tmpfs /proc/fs
echo '{"executor": "native"}' >"$work/tenon.json"
cat >"$work/context/look.Dockerfile" <<'END_FILE'
FROM base
RUN for p in /proc/[0-9]*; do echo "sees $(tr '\0' ' ' <$p/cmdline)"; done 2>/dev/null | grep -E ' (sleep 345|.*tenon.*build)'; \
    cat /proc/[0-9]*/environ 2>/dev/null | grep -c "MARK-$((40 + 2))" || echo "sees nothing in them"; \
    pids=; for p in /proc/[0-9]*; do \
        case $(tr '\0' ' ' <$p/cmdline) in "sleep 345 "* | /*/tenon\ *) pids="$pids ${p#/proc/}" ;; esac; done; \
    echo "of $(echo $pids | wc -w)"; \
    for p in $pids; do ! ls /proc/$p/root/ /proc/$p/fd/ >/dev/null 2>&1 || echo "enters $p"; done; \
    kill $pids 2>/dev/null || echo "kills nothing"
END_FILE
as_env="LEAK=MARK-42"
become "$alice" sleep 345 &
remember $!
sleeper=$!
sleeps() { [ "$(tr '\0' ' ' <"/proc/$sleeper/cmdline")" = "sleep 345 " ]; }
await "the user's process" sleeps
run 0 tenon_as "$alice" --config "$work/tenon.json" build --progress=plain,detail=short --no-cache -o type=cacheonly \
    --build-context "$base" -f "$work/context/look.Dockerfile" "$work/context"
as_env=
assert_has "$work/err" "sees sleep 345"
assert_has "$work/err" "--build-context"
assert_has "$work/err" "sees nothing in them"
grep -qE ' of ([2-9]|[1-9][0-9])$' "$work/err" || fail "the step does not see the user's processes"
! grep -q ' enters [0-9]' "$work/err" || fail "a step enters a process of the user"
assert_has "$work/err" "kills nothing"
kill -0 $sleeper || fail "a step ended a process of the user"
run 0 build
assert_has "$work/err" "parts of /proc are hidden here"
assert_has "$work/err" " 12 "
run 0 tenon_as "$alice" doctor
assert_has "$work/out" "parts of /proc are hidden here"
assert_has "$work/out" "systempaths=unconfined"
if [ "$executors" != native ]; then
    echo '{"executor": "oci"}' >"$work/tenon.json"
    run 1 build
    assert_has "$work/err" '{"executor": "native"} in tenon.json can do without'
fi
umount /proc/fs
echo '{"executor": "native"}' >"$work/tenon.json"
run 0 build
assert_lacks "$work/err" "parts of /proc"

# In a chroot nobody can make user namespaces; in a container the filter forbids it,
# and there it is known what helps.
mkdir "$work/root"
mount --rbind / "$work/root"
mount --make-rslave "$work/root"
as_in="chroot $work/root"
in_root() { (cd / && exec chroot "$work/root" setpriv --reuid "$alice" --regid "$alice" --init-groups \
    env -i HOME="$work/$alice" PATH="$PATH" "$@"); }
run 1 in_root "$program" $(flags)
assert_has "$work/err" "make a user namespace: Operation not permitted"
assert_has "$work/err" "hint: "
mount -t tmpfs tmpfs "$work/root/run"
touch "$work/root/run/.containerenv"
run 1 in_root "$program" $(flags)
assert_has "$work/err" "hint: podman run --security-opt seccomp=unconfined"
run 1 in_root "$program" doctor
assert_has "$work/out" "NO  user namespaces"
assert_has "$work/out" "A build: cannot work here"
assert_has "$work/out" "Would help most: podman run --security-opt seccomp=unconfined"
umount -l "$work/root/run"
umount -l "$work/root"
as_in=

# Root with the rights that containers leave it.
run 1 setpriv --bounding-set -sys_admin "$program" --root "$work/store" $(flags)
assert_has "$work/err" "make a mount namespace: Operation not permitted"
assert_has "$work/err" "hint: root lacks CAP_SYS_ADMIN, as in most containers: docker run --privileged"
run 1 setpriv --bounding-set -sys_admin "$program" --root "$work/store" doctor
assert_has "$work/out" "NO  rights"
assert_has "$work/out" "Would help most: docker run --privileged"

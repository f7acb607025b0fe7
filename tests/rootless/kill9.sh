#!/bin/sh
# kill -9 of an ordinary user's build in the middle of a step: no process (of the
# user or of the range), no mount, no control group; the next build is right and
# sweeps what was left.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_NETWORK-}" ]; then
    unshare --net --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --net --mount env OWN_NETWORK=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need ip
make_user alice many
public_bases

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END_FILE'
FROM base
ARG SALT
RUN --mount=type=cache,target=/c,uid=1000 chown 12:34 /bin/busybox; touch /c/x
USER app
RUN --mount=type=cache,target=/c,uid=1000 touch /c/begun; (sleep 300 &) ; sleep 300
END_FILE
printf 'FROM base\nRUN id -u >/end\n' >"$work/context/after.Dockerfile"
chmod -R go+rX "$work/context"
store=$work/$alice/.local/share/tenon

# It has begun, and both its processes are there.
step_seen() {
    begun=$(find "$store/cache-mounts" -name begun 2>/dev/null || :)
    [ -n "$begun" ] && [ "$(processes_of "$alice" | grep -c ' sleep 300')" -ge 2 ]
}
nobody_left() { left=$(processes_of "$alice"); [ -z "$left" ]; }

one() { # EXECUTOR NETWORK
    printf '{"executor": "%s", "network": "%s"}\n' "$1" "$2" >"$work/tenon.json"
    salt=$1-$2
    become "$alice" "$program" --config "$work/tenon.json" build --progress=plain --build-arg SALT=$salt \
        --build-context "$base" -o type=cacheonly "$work/context" >"$work/out" 2>"$work/err" &
    tenon=$!
    remember $tenon
    await "the step ($salt)" step_seen
    tr '\0' ' ' </proc/$tenon/cmdline | grep -q 'tenon.* build ' || fail "$tenon is not tenon"
    kill -KILL $tenon
    wait $tenon 2>/dev/null || :
    await "the end of the processes ($salt)" nobody_left
    ! grep -F "$store" /proc/self/mountinfo || fail "mounts outlive the build ($salt)"
    assert_eq "" "$(find /sys/fs/cgroup -type d -user "$alice" 2>/dev/null || :)"
    rm -f "$begun"

    run 0 tenon_as "$alice" --config "$work/tenon.json" build --build-context "$base" -o type=cacheonly --no-cache \
        -f "$work/context/after.Dockerfile" "$work/context"
    assert_eq "" "$(ls "$store/tmp" "$store/locks" | grep -v ':$' | sed '/^$/d')"
}

one native host
if can_try "executor-oci" runc; then one oci host; fi
helper=$(command -v pasta || command -v slirp4netns || :)
if [ -n "$helper" ] && [ -e /dev/net/tun ]; then
    # A way out, which the helper looks for, and its device as distributions have it.
    ip link set lo up
    ip link add here type veth peer name there
    ip addr add 10.77.0.1/24 dev here
    ip link set here up
    ip link set there up
    ip route add default via 10.77.0.2
    mknod "$work/tun" c 10 200
    chmod 666 "$work/tun"
    mount --bind "$work/tun" /dev/net/tun
    one native sandbox
else
    not_tried "the network sandbox: needs pasta or slirp4netns, and /dev/net/tun"
fi
run 0 tenon_as "$alice" prune --force --all
assert_eq "" "$(of_others "$alice" "$store")"

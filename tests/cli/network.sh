#!/bin/sh
# The networks of steps: host, none, and sandbox with what carries its traffic. The
# way out leads to another machine of the test's own: a network namespace behind a
# pair of virtual cables.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_NETWORK-}" ]; then
    unshare --net --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --net --mount env OWN_NETWORK=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need ip python3
make_bases

# Here 10.77.0.1, there 10.77.0.2; a resolver for the one name that there is.
ip link set lo up
unshare --net sleep 600 &
there=$!
remember $there
elsewhere() { [ "$(readlink /proc/$there/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
await "another network" elsewhere
ip link add here type veth peer name there
ip link set there netns $there
ip addr add 10.77.0.1/24 dev here
ip link set here up
ip route add default via 10.77.0.2
in_there() { nsenter --target $there --net "$@"; }
in_there ip addr add 10.77.0.2/24 dev there
in_there ip link set there up
mkdir "$work/www" "$work/context"
echo "from far away" >"$work/www/index.html"
nsenter --target $there --net python3 -m http.server --directory "$work/www" --bind 10.77.0.2 8080 \
    >"$work/far.log" 2>&1 &
remember $! # not through a function, whose shell that would be
# What listens on the machine's own loopback, and on an abstract socket.
mkdir "$work/near"
echo "from this machine" >"$work/near/index.html"
python3 -m http.server --directory "$work/near" --bind 127.0.0.1 8081 >"$work/near.log" 2>&1 &
remember $!
await "the server far away" curl -sf -o /dev/null http://10.77.0.2:8080/
await "the server on this machine" curl -sf -o /dev/null http://127.0.0.1:8081/

cat >"$work/context/Dockerfile" <<'END'
FROM base
RUN ip -o addr | grep -v 'scope link' | sed 's/.*inet6* \([^ ]*\).*/address \1/'; \
    get() { timeout 20 wget -q -O - http://$1:$2/ | grep from; }; \
    get 10.77.0.2 8080 || echo "far is not reached"; \
    get 127.0.0.1 8081 || echo "near is not reached"
END
build() {
    tenon build --progress=plain,detail=short --build-context "base=oci-layout://$bases/busybox" --no-cache \
        -o type=cacheonly "$@" "$work/context"
}
set_up() { printf '{"executor": "%s", "network": "%s"}\n' "$1" "$2" >"$TENON_CONFIG"; }
# By the log that it writes to, which is in the store. Its status tells nothing: other
# processes end while it looks.
find_helpers() { find /proc/[0-9]*/fd -lname "$store/*/network.log*" >"$work/left" 2>/dev/null || :; }
helpers_gone() { find_helpers; [ ! -s "$work/left" ]; }
no_helper() {
    find_helpers
    [ ! -s "$work/left" ] || fail "a helper is left: $(cat "$work/left")"
    assert_eq "" "$(grep "$store" /proc/self/mountinfo || :)"
}

find_executors
for executor in $executors; do
    set_up $executor host
    run 0 build
    assert_has "$work/err" "from far away"
    assert_has "$work/err" "from this machine"

    run 0 build --network none
    assert_has "$work/err" "address 127.0.0.1/8"
    assert_lacks "$work/err" "address 10."
    assert_has "$work/err" "far is not reached"
    assert_has "$work/err" "near is not reached"

    set_up $executor nonsense
    run 1 build
    assert_has "$work/err" 'network "nonsense"'
done

tried=
for helper in pasta slirp4netns; do
    can_try "the network sandbox by $helper" $helper || continue
    tried=$helper
    for executor in $executors; do
        printf '{"executor": "%s", "network": "sandbox", "plugins": {"executor-%s": {"network-helper": "%s"}}}\n' \
            $executor $executor $helper >"$TENON_CONFIG"
        run 0 build
        assert_has "$work/err" "from far away"
        assert_has "$work/err" "near is not reached"
        no_helper
        # It ends with a step that is stopped, too. What the step before had is not kept for the build.
        printf 'FROM base\nRUN echo first\nRUN echo begun; sleep 600\n' >"$work/context/slow.Dockerfile"
        # Not through a function, whose shell that would be.
        "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short --no-cache -o type=cacheonly \
            --build-context "base=oci-layout://$bases/busybox" -f "$work/context/slow.Dockerfile" "$work/context" \
            >"$work/slow" 2>&1 &
        slow=$!
        remember $slow
        await_line "$work/slow" ' begun$'
        assert_eq 1 "$(grep -c ' - nsfs ' "/proc/$slow/mountinfo")"
        find_helpers
        [ -s "$work/left" ] || fail "the test does not see the helper"
        sed 's#fd/[0-9]*$#cmdline#' "$work/left" | xargs grep -qsF "$helper" || fail "another helper than $helper"
        # Where AppArmor's profiles of helpers let them open it.
        if [ -d /run/user ]; then
            sed 's#fd/[0-9]*$#cmdline#' "$work/left" | xargs grep -qsF /run/user/0/netns/tenon ||
                fail "$helper was not given the namespace where AppArmor lets it open it"
        fi
        kill -KILL $slow
        wait $slow 2>/dev/null || :
        await "the end of the helper" helpers_gone # taking a network apart can take a while
        no_helper
    done
done

#!/bin/sh
# The network "sandbox" of an ordinary user: pasta and slirp4netns carry the traffic
# out of the user namespace; the way out leads to another machine of the test's own.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_NETWORK-}" ]; then
    unshare --net --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --net --mount env OWN_NETWORK=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need ip python3 curl
make_user alice many
public_bases
[ -e /dev/net/tun ] || skip "needs /dev/net/tun"

# Here 10.77.0.1, there 10.77.0.2.
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
mkdir "$work/www" "$work/near" "$work/context"
echo "from far away" >"$work/www/index.html"
nsenter --target $there --net python3 -m http.server --directory "$work/www" --bind 10.77.0.2 8080 \
    >"$work/far.log" 2>&1 &
remember $! # not through a function, whose shell that would be
echo "from this machine" >"$work/near/index.html"
python3 -m http.server --directory "$work/near" --bind 127.0.0.1 8081 >"$work/near.log" 2>&1 &
remember $!
await "the server far away" curl -sf -o /dev/null http://10.77.0.2:8080/
await "the server on this machine" curl -sf -o /dev/null http://127.0.0.1:8081/

cat >"$work/context/Dockerfile" <<'END_FILE'
FROM base
USER app
RUN get() { timeout 20 wget -q -O - http://$1:$2/ | grep from; }; \
    get 10.77.0.2 8080 || echo "far is not reached"; \
    get 127.0.0.1 8081 || echo "near is not reached"
END_FILE
chmod -R go+rX "$work/context"
build() {
    tenon_as "$alice" --config "$work/tenon.json" build --progress=plain,detail=short --no-cache \
        --build-context "$base" -o type=cacheonly "$@" "$work/context"
}

# The node as distributions have it, and as one cannot use it.
tun() { # MODE
    rm -f "$work/tun"
    mknod "$work/tun" c 10 200
    chmod "$1" "$work/tun"
    mount --bind "$work/tun" /dev/net/tun
}

echo '{"network": "host"}' >"$work/tenon.json"
run 0 build
assert_has "$work/err" "from far away"
assert_has "$work/err" "from this machine"
run 0 build --network none
assert_has "$work/err" "far is not reached"
assert_has "$work/err" "near is not reached"

find_executors
tried=
tun 666
for helper in pasta slirp4netns; do
    can_try "the network sandbox by $helper" $helper || continue
    tried=$helper
    for executor in $executors; do
        printf '{"executor": "%s", "network": "sandbox", "plugins": {"executor-%s": {"network-helper": "%s"}}}\n' \
            $executor $executor $helper >"$work/tenon.json"
        run 0 build
        assert_has "$work/err" "from far away"
        assert_has "$work/err" "near is not reached"
        assert_eq "" "$(processes_of "$alice")"
    done
done
[ -n "$tried" ] || exit 0

umount /dev/net/tun
tun 600
run 1 build
assert_has "$work/err" 'network "sandbox"'
assert_has "$work/err" "hint: sudo chmod 666 /dev/net/tun"

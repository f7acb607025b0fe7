#!/bin/sh
# A build with {"network": "sandbox"}: nothing of what listens on the machine's loopback, of
# either version of IP, or on its abstract sockets, is reached; on the machine's network all
# of it is. Names are looked up as the machine does, where a resolver can be reached.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_NETWORK-}" ]; then
    unshare --net --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --net --mount env OWN_NETWORK=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need ip python3

# The machine's network: a loopback, and one cable with an end that is far away.
ip link set lo up
unshare --net sleep 600 &
there=$!
remember $there
elsewhere() { [ "$(readlink /proc/$there/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
await "another network" elsewhere
ip link add here type veth peer name there
ip link set there netns $there
in_there() { nsenter --target $there --net "$@"; }
for end in here there; do
    case $end in here) n=1 at= ;; there) n=2 at=in_there ;; esac
    $at ip addr add 10.77.0.$n/24 dev $end
    $at ip -6 addr add fd77::$n/64 dev $end nodad
    $at ip link set $end up
done
in_there ip link set lo up
ip route add default via 10.77.0.2
ip -6 route add default via fd77::2

cat >"$work/listen.py" <<'END'
import socket, sys, threading
def serve(s, word):
    s.listen(20)
    while True:
        c = s.accept()[0]
        c.sendall(word.encode() + b"\n")
        c.close()
socks = []
for where in sys.argv[2:]:
    kind, rest = where.split(":", 1)
    if kind == "abstract":
        s = socket.socket(socket.AF_UNIX)
        s.bind("\0" + rest)
    else:
        address, port = rest.split("%")
        s = socket.socket(socket.AF_INET if kind == "inet" else socket.AF_INET6)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, int(port)))
    socks.append(s)
for s in socks:
    threading.Thread(target=serve, args=(s, sys.argv[1])).start()
print("ready", flush=True)
END
near="inet:127.0.0.1%8081 inet:127.0.0.77%8081 inet6:::1%8081 abstract:tenon-test-$$"
far="inet:10.77.0.2%8080 inet6:fd77::2%8080"
python3 "$work/listen.py" near $near >"$work/near" 2>&1 &
remember $!
nsenter --target $there --net python3 "$work/listen.py" far $far >"$work/far" 2>&1 &
remember $!
await_line "$work/near" ready
await_line "$work/far" ready

printf 'search corp.example net.example\nnameserver 127.0.0.53\nnameserver 10.77.0.2\noptions ndots:2\n' >"$work/resolv.conf"
mount --bind "$work/resolv.conf" /etc/resolv.conf
{
    for where in $near $far; do echo "RUN /probe reach $where"; done
    echo "RUN sed 's/^/resolv: /' /etc/resolv.conf"
} | dockerfile

reached() { for where; do assert_said "$where: works $word"; done; }
resolves() { # how the machine does, but for who listens on the loopback
    assert_said "resolv: search corp.example net.example"
    assert_said "resolv: nameserver 10.77.0.2"
    assert_said "resolv: options ndots:2"
}

# One that users can open, too; in a mount namespace of the test's own.
if [ -c /dev/net/tun ]; then
    mknod -m 666 "$work/tun" c 10 200
    mount --bind "$work/tun" /dev/net/tun
fi
helpers=
for helper in pasta slirp4netns; do
    if command -v $helper >/dev/null && [ -c /dev/net/tun ]; then helpers="$helpers $helper"; else not_tried "$helper: needs it, and /dev/net/tun"; fi
done
trial() {
    try 0 --no-cache --network host
    word=near reached $near
    word=far reached $far
    assert_said "resolv: nameserver 127.0.0.53"

    for helper in $helpers; do
        printf '{"executor": "%s", "network": "sandbox", "plugins": {"executor-%s": {"network-helper": "%s"}}}\n' \
            $executor $executor $helper >"$TENON_CONFIG"
        try 0 --no-cache
        assert_not_said near
        word=far reached "inet:10.77.0.2%8080"
        [ $helper != pasta ] || word=far reached $far
        resolves
        assert_not_said 127.0.0.53
    done
}
each_executor trial

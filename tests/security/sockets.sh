#!/bin/sh
# Sockets that lead past a step's network: packets of the machine's network, which carry
# other people's passwords, and the machine's hypervisor. By every entry that the kernel
# has, also those of 32-bit programs, whose arguments no filter sees, and with numbers
# that are too wide. A step that has a network of its own reads its own packets.
. "$(dirname "$0")/lib.sh"

cat >"$context/Dockerfile" <<'END'
FROM base
COPY probe /
RUN /probe sockets
RUN grep -E '^Cap(Prm|Bnd)' /proc/self/status | sed 's/[[:space:]][[:space:]]*/ /g'
RUN /probe port 877
USER app
RUN /probe port 877 | sed 's/^/as user: /'
RUN /probe sockets | sed 's/^/as user: /'
END
packets=0000000000002000 # CAP_NET_RAW
# ENOSYS: there is no such entry. EPROTONOSUPPORT: there, and no such kind.
refusal='EPERM|ENOSYS|EPROTONOSUPPORT|EAFNOSUPPORT|ESOCKTNOSUPPORT|EFAULT|EINVAL'
refused() { # KIND: by all entries, for root and users
    said | grep -E "^(as user: )?$1, " >"$work/kind" || fail "$executor: $1 was not tried"
    [ "$(grep -c '' "$work/kind")" -ge 4 ] || fail "$executor: few entries were tried"
    ! grep -vE ": ($refusal)\$" "$work/kind" || fail "$executor: $1"
}
had() { # BITS WHO
    bits=$(said | sed -n "s/^Cap$2: //p")
    [ "$((0x$bits & 0x$1))" = "$((0x$1))" ]
}

low_ports() {
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)" -gt 877 ] || return 0
    for port in 877 '877 of 6'; do
        assert_said "port $port: $1"
        assert_said "as user: port $port: EACCES"
    done
}
trial() {
    try 0 --no-cache --network host
    for kind in vsock packet 'packet cooked' 'packet of 2.0' raw 'raw 6'; do refused "$kind"; done
    for kind in inet 'inet 6' unix netlink; do assert_said "$kind, socket: works"; done
    assert_said "as user: inet, socket: works"
    # What 32-bit programs ask for is looked at, and made; for an ordinary user's not.
    [ $as = root ] || assert_said "inet, socketcall: EPERM"
    if [ $as = root ] && said | grep -q '^inet, socket of 32 bits: works'; then
        for kind in inet 'inet 6' unix netlink 'as user: inet' 'as user: unix'; do assert_said "$kind, socketcall: works"; done
    fi
    # Low ports are root's, as without a user namespace.
    low_ports "$([ $as = root ] && echo works || echo EACCES)"
    # Programs that have it as a file's capability start: it is of a user namespace that has no
    # say in the machine's network.
    had $packets Bnd || fail "$executor: ping would not start"

    # Its own network is its own affair. What leads to the machine is not.
    try 0 --no-cache --network none
    refused vsock
    for kind in packet 'packet cooked' raw; do assert_said "$kind, socket: works"; done
    low_ports works
    had $packets Bnd || fail "$executor: no packets on a network of its own"

    # Granted all, which for an ordinary user is nothing on the machine's network.
    sed 's,^RUN /,RUN --security=insecure /,' "$context/Dockerfile" >"$context/insecure.Dockerfile"
    try 0 --no-cache --network host --allow security.insecure -f "$context/insecure.Dockerfile"
    assert_said "packet, socket: $([ $as = root ] && echo works || echo EPERM)"

    # Without a namespace of users the capability would be one of the machine's network.
    [ $as = root ] || return 0
    cp "$TENON_CONFIG" "$work/as-it-was"
    printf '{"executor": "%s", "plugins": {"executor-%s": {"user-namespace": false}}}\n' $executor $executor >"$TENON_CONFIG"
    try 0 --no-cache --network host
    had $packets Bnd && fail "$executor: packets of the machine's network"
    try 0 --no-cache --network none
    had $packets Bnd || fail "$executor: among the machine's users, no packets on a network of its own"
    cp "$work/as-it-was" "$TENON_CONFIG"
}
# Where somebody listens to our own system calls already, nobody looks at what 32-bit programs ask for.
listened_to() {
    [ $as = root ] || return 0
    run 0 "$context/probe" listened "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
        --network host --build-context "$base" -o type=cacheonly "$context"
    refused vsock
    refused packet
    for kind in inet unix; do assert_said "$kind, socketcall: EPERM"; done
}
both() { trial && listened_to; }
each_executor both

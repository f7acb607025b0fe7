#!/bin/sh
# A step of USER 1000 is, by its number, a process of whoever is 1000 on the machine. That user
# looks into it by /proc and ptrace: secrets, agent, files, layer, cache mount, memory,
# output; sends it signals; and believes what it says on a socket. So does the machine's nobody with a
# step of nobody. Steps have numbers of their own; or the same, in a user namespace; or
# none of that, by the configuration.
. "$(dirname "$0")/lib.sh"
need setpriv ssh-agent ssh-add
chmod 755 "$work"
word=held-$mark
as() { id=$1; shift; setpriv --reuid "$id" --regid "$id" --clear-groups --no-new-privs "$@"; }
as 1000 "$python" "$here/look-into-step" nothing >/dev/null 2>&1 || skip "needs a python that others can run"

# The test sees what there is to be seen: of a process that no sandbox is around.
setpriv --reuid 1000 --regid 1000 --clear-groups env SECRET=x sh -c "while :; do sleep 1; done # $word" \
    </dev/null >/dev/null 2>&1 &
plain=$!
remember $plain
plain() { as 1000 "$python" "$here/look-into-step" "$word" >"$work/plain" && grep -q '^got environ$' "$work/plain"; }
await "a process to look into" plain
for what in environ maps "link root" files memory ptrace process_vm_readv signal; do
    grep -qx "got $what" "$work/plain" || fail "the attack does not work: $what"
done
kill $plain
wait $plain 2>/dev/null || :

start_agent "$work/agent"
echo "of the file" >"$work/secret"

# It waits for an abstract socket, which is there when all has been tried.
cat >"$work/listen.py" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.bind("\0" + sys.argv[1])
s.listen(5)
print("ready", flush=True)
while True:
    c = s.accept()[0]
    print("peer %d %d" % struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:], flush=True)
    c.sendall(b"done\n")
END
for id in 1000 65534; do
    dockerfile <<END
RUN mkdir /work && chown $id:$id /work
USER $id:$id
WORKDIR /work
RUN --mount=type=secret,id=file,uid=$id --mount=type=secret,id=var,env=TOKEN --mount=type=cache,id=c,target=/cache,uid=$id \\
    --mount=type=ssh,uid=$id cat /run/secrets/file >/dev/null && echo held by \$(id -u); \\
    n=0; while [ \$n -lt 600 ] && ! /probe reach abstract:$word | grep -q done; do sleep 0.1; n=\$((n + 1)); done; : $word; \\
    ls /work /cache | sed 's/^/seen /'; echo over; test \$n -lt 600
END
    cp "$context/Dockerfile" "$work/Dockerfile.$id"
done

# look ID: builds, and what the machine's ID sees meanwhile is in $work/got. Who builds owns the steps'
# namespaces, and may look: on a machine without another user that is 1000.
look() {
    watcher=$1
    [ "$watcher" != "$whose" ] || watcher=$((watcher + 1))
    : >"$work/err" # what is waited for is in that of the last look, too
    build "$store" --build-context "$base" -o type=cacheonly --no-cache --secret "id=file,src=$work/secret" \
        --secret "id=var,src=$work/secret" --ssh "default=$work/agent" -f "$work/Dockerfile.$1" "$context" \
        >"$work/out" 2>"$work/err" &
    building=$!
    remember $building
    await_line "$work/err" "held by $1\$"
    as "$watcher" "$python" "$here/look-into-step" "$word" >"$work/got" || fail "the look ended badly"
    "$python" "$work/listen.py" "$word" >"$work/listening" &
    listening=$!
    remember $listening
    wait $building || { cat "$work/err" >&2; fail "$executor: the build failed"; }
    kill $listening
    wait $listening 2>/dev/null || :
    # (Nobody else has the ids that an ordinary user's steps run as: there is nothing of the machine's.)
    [ "$(sed -n 's/^looked at //p' "$work/got")" -ge "$([ $as = root ] && echo 1 || echo 0)" ] ||
        fail "$executor: there was nothing to look into"
    assert_said over
}
configured() { # TEXT: for the executor
    printf '{"executor": "%s", "plugins": {"executor-%s": {%s}}}\n' $executor $executor "$1" >"$TENON_CONFIG"
}
# is_number ID: as the machine's, and as a socket's other end sees it.
is_number() {
    grep -qx "number $1" "$work/got" || { cat "$work/got" >&2; fail "$executor: no step of number $1"; }
    grep -qE "^peer (${2-$1}) (${2-$1})\$" "$work/listening" || { cat "$work/listening" >&2; fail "$executor: another at the socket"; }
}
sees_nothing() { # ID EXCEPT
    look "$1"
    ! grep '^got ' "$work/got" | grep -vxq "got ${2-nothing}" || { cat "$work/got" >&2; fail "$executor: the machine's $watcher sees into a step of $1"; }
    ! said | grep -E '^(seen planted|forged)' >&2 || fail "$executor: the machine's $1 writes into a step of $1"
}
trial() {
    chown $whose "$work/agent"
    if [ $as != root ]; then # whose steps always have ids of their own
        sees_nothing 1000
        sees_nothing 65534
        return
    fi
    for id in 1000 65534; do
        sees_nothing $id
        is_number $((2013265920 + id))
        ! grep -qx "number $id" "$work/got" || fail "$executor: a process of $id"
    done
    configured '"id-base": 3000000'
    sees_nothing 1000
    is_number 3001000
    # The same numbers, in a namespace.
    configured '"id-base": 0'
    sees_nothing 1000 signal
    is_number 1000
    # Who does not want it has what there was.
    configured '"user-namespace": false'
    look 1000
    is_number 1000
    for what in environ secret "planted file" "poisoned cache" agent; do
        grep -qx "got $what" "$work/got" || fail "$executor: without the namespace, and not seen: $what"
    done
}
each_executor trial

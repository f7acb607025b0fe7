#!/bin/sh
# RUN --mount=type=ssh: each key, several agents, and the socket, which is the
# step's alone. What keys there can be, and a real sshd: ssh-keys.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need ssh-keygen ssh-add ssh-agent ldd
mkdir "$work/keys"
for k in a b c; do ssh-keygen -q -t ed25519 -N '' -C "comment-$k" -f "$work/keys/$k"; done
put ssh-add ssh-keygen
mkdir -p "$context/tools/etc"
printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n' >"$context/tools/etc/passwd"
cp "$work/keys/c" "$context/tools/key"
chmod 600 "$context/tools/key"
cat "$work/keys/a.pub" >"$context/tools/key-a.pub"

# Two of the user's agents, and keys served by ours.
agent() { # KEY: sets sock
    sock=$work/agent-$1
    start_agent "$sock"
    SSH_AUTH_SOCK=$sock ssh-add -q "$work/keys/$1"
}
agent a
agent b

dockerfile <<'D'
FROM base AS s
COPY tools /
RUN mkdir /o
WORKDIR /w
# The first place, the second; the variable names the first.
RUN --mount=type=ssh --mount=type=ssh,id=two --mount=type=ssh,id=keys,target=/k/sock \
    echo $SSH_AUTH_SOCK >/o/places; \
    ssh-add -l | grep -o 'comment-.' >>/o/places; \
    SSH_AUTH_SOCK=/run/buildkit/ssh_agent.1 ssh-add -l | grep -o 'comment-.' >>/o/places; \
    SSH_AUTH_SOCK=/k/sock ssh-add -l | grep -o 'comment-.' >>/o/places; \
    stat -c '%F %a %u %g' /run/buildkit/ssh_agent.0 >>/o/places
RUN --mount=type=ssh,target=rel/sock,mode=0666,uid=1000,gid=1002 \
    echo $SSH_AUTH_SOCK >/o/keys; stat -c '%F %a %u %g' /w/rel/sock >>/o/keys; ssh-add -l | grep -o 'comment-.' >>/o/keys
# Another user reaches it only when it is given to it.
USER app
RUN --mount=type=ssh,target=/tmp/sock ssh-add -l >/dev/null 2>&1 && echo reached >/tmp/app || echo refused >/tmp/app
RUN --mount=type=ssh,target=/tmp/sock,uid=1000 ssh-add -l | grep -o 'comment-.' >>/tmp/app
USER root
RUN mv /tmp/app /o/app
# List and sign.
RUN --mount=type=ssh echo data >/data; ssh-keygen -Y sign -n test -f /key-a.pub /data 2>/dev/null && \
    head -n 1 /data.sig >/o/sign
# Nothing else: no key comes or goes, no lock.
RUN --mount=type=ssh for command in "ssh-add /key" "ssh-add -D" "ssh-add -d /key-a.pub" "ssh-add -x" "ssh-add -t 1 /key" "ssh-add -c /key" "ssh-add -s /lib.so"; do \
      if $command </dev/null >/dev/null 2>&1; then echo "$command: done"; fi; done >/o/refused; ssh-add -l | grep -o 'comment-.' >>/o/refused
# Not the step's without a mount, nor after it.
RUN ls /run/buildkit /run 2>/dev/null >/o/left; echo "<$SSH_AUTH_SOCK>" >>/o/left
# Not given and not required: no socket, but the variable, as BuildKit has it.
RUN --mount=type=ssh,id=none echo $SSH_AUTH_SOCK >/o/none; test -e $SSH_AUTH_SOCK || echo absent >>/o/none
FROM scratch
COPY --from=s /o /
D
for executor in $executors; do
    use_executor $executor
    SSH_AUTH_SOCK=$work/agent-a result --no-cache --ssh default --ssh "two=$work/agent-b" \
        --ssh "keys=$work/keys/c,$work/keys/a"
    saw places "/run/buildkit/ssh_agent.0
comment-a
comment-b
comment-c
comment-a
socket 600 0 0"
    saw keys "/w/rel/sock
socket 666 1000 1002
comment-a"
    saw app "refused
comment-a"
    saw sign "-----BEGIN SSH SIGNATURE-----"
    saw refused comment-a
    saw left "<>"
    saw none "/run/buildkit/ssh_agent.0
absent"
    assert_eq "comment-a" "$(SSH_AUTH_SOCK=$work/agent-a ssh-add -l | grep -o 'comment-.')"
done

# The same for an agent of ours: it takes no key and gives none away.
printf 'FROM base\nCOPY tools /\nRUN --mount=type=ssh ! ssh-add /key 2>/dev/null && ! ssh-add -D && ssh-add -l\n' |
    dockerfile
run 0 build --no-cache --ssh "default=$work/keys/a"
assert_has "$work/err" "comment-a"
assert_lacks "$work/err" "comment-c"

# While a step has it, no other does: its socket is below no path that a process
# of somebody else may enter, and a second step has no such file.
dockerfile <<'D'
FROM base AS one
RUN --mount=type=ssh,mode=0666 --mount=type=cache,target=/c echo waiting; while test ! -e /c/go; do sleep 0.05; done
FROM base AS two
RUN --mount=type=cache,target=/c while test ! -e /c/go; do find / -xdev -type s 2>/dev/null >/found; \
    set -- /proc/[0-9]*; echo $# >>/found; test -s /c/asked && touch /c/go; sleep 0.05; done
FROM scratch
COPY --from=one /etc/passwd /
COPY --from=two /found /
D
printf 'FROM base\nARG N\nRUN --mount=type=cache,target=/c echo $N >/c/asked\n' >"$context/go.Dockerfile"
build --no-cache --ssh "default=$work/keys/a" -o "$work/tree2" >"$work/slow" 2>&1 &
slow=$!
wait_for "$work/slow" "waiting"
as_app() { "$(command -v setpriv)" --reuid 65534 --regid 65534 --clear-groups "$@"; }
find "$store" -type s >"$work/sockets"
[ -s "$work/sockets" ] || fail "where is the socket of the step?"
while read -r path; do
    ! as_app test -e "$path" || fail "anybody may reach $path"
done <"$work/sockets"
run 0 build -f "$context/go.Dockerfile"
wait $slow || { cat "$work/slow" >&2; fail "the build"; }
assert_eq "1" "$(tail -n 1 "$work/tree2/found")" # the shell that counts
assert_eq "1" "$(wc -l <"$work/tree2/found")"
assert_eq "" "$(find "$store" -type s)"

# Refused.
refused() { # STATUS TEXT MOUNT FLAG...
    status=$1 text=$2
    printf 'FROM base\nRUN --mount=%s true\n' "$3" >"$context/bad.Dockerfile"
    shift 3
    run $status build -f "$context/bad.Dockerfile" "$@"
    assert_has "$work/err" "$text"
}
refused 1 "unset ssh forward key deploy" type=ssh,id=deploy,required
assert_has "$work/err" "hint: pass --ssh deploy"
refused 1 "unset ssh forward key default" type=ssh,required=true --ssh "other=$work/keys/a"
refused 1 "ssh does not support source" type=ssh,source=/x
refused 1 "unexpected key 'size'" type=ssh,size=1
ln -s "$work/keys" "$work/loop"
refused 2 "is neither a socket nor a file" type=ssh --ssh "default=$work/loop"
refused 2 "is a socket: an id has one" type=ssh --ssh "default=$work/agent-a,$work/agent-b"
refused 2 "an id has one socket or keys, not both" type=ssh --ssh "default=$work/agent-a,$work/keys/a"

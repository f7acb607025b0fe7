#!/bin/sh
# A git repository behind ssh: the user's agent, host keys that are new, known,
# and changed.
. "$(dirname "$0")/lib.sh"
need python3 git ssh ssh-agent ssh-keygen unshare
need_root
[ -e "$abs_top_builddir/.libs/source-git.so" ] || skip "built without source-git"
sshd=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$sshd" ] || skip "needs sshd"

port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -f "$work/host-key"
ssh-keygen -q -t ed25519 -N '' -f "$work/user-key"
mkdir -p "$work/keys" /run/sshd
cp "$work/user-key.pub" "$work/keys/root"
chmod 755 "$work" "$work/keys"
cat >"$work/sshd_config" <<END
ListenAddress 127.0.0.1:$port
HostKey $work/host-key
PidFile none
AuthorizedKeysFile $work/keys/%u
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
END
start_sshd() {
    "$sshd" -D -f "$work/sshd_config" -E "$work/sshd.log" &
    sshd_pid=$!
    remember $sshd_pid
    for _ in $(seq 600); do
        ssh-keyscan -p "$port" 127.0.0.1 2>/dev/null | grep -q . && return
        kill -0 $sshd_pid 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/sshd.log" >&2
    skip "sshd does not start here"
}
start_sshd
eval "$(ssh-agent -s)" >/dev/null
remember "$SSH_AGENT_PID"
ssh-add -q "$work/user-key"

git config --global user.name test
git config --global user.email test@example.org
git config --global init.defaultBranch main
git init -q "$work/it's a repo"
cd "$work/it's a repo"
echo one >f
git add .
git commit -qm one
cd "$work"
mkdir "$work/context"
ln -s "it's a repo" "$work/repo"

build() {
    out=$1
    shift
    { echo 'FROM scratch'; cat; } >"$work/context/Dockerfile"
    rm -rf "${work:?}/$out"
    tenon build --progress=plain -o "type=local,dest=$work/$out" "$@" "$work/context"
}

run 1 build a <<END
ADD ssh://root@127.0.0.1:$port$work/repo /r
END
assert_has "$work/err" 'no SSH key "default" forwarded from the client'
run 0 build a --ssh default <<END
ADD ssh://root@127.0.0.1:$port$work/repo /r
END
assert_eq "$(cat "$work/a/r/f")" one
# A context that comes over ssh takes the agent without being told to; nothing else does.
mkdir "$work/cloned"
git clone -q "$work/repo" "$work/cloned/tree"
printf 'FROM scratch\nCOPY f /f\n' >"$work/cloned/tree/Dockerfile"
git -C "$work/cloned/tree" add Dockerfile
git -C "$work/cloned/tree" -c user.name=n -c user.email=e@example.org commit -q -m dockerfile
git clone -q --bare "$work/cloned/tree" "$work/cloned/app"
run 0 tenon build --progress=plain -o "type=local,dest=$work/remote" "ssh://root@127.0.0.1:$port$work/cloned/app"
assert_eq one "$(cat "$work/remote/f")"
run 1 env SSH_AUTH_SOCK= "$abs_top_builddir/tenon-dev" --root "$store" build "ssh://root@127.0.0.1:$port$work/cloned/app"
assert_has "$work/err" 'no SSH key "default" forwarded from the client'
run 1 build b --ssh default <<END
ADD ssh://root@127.0.0.1:$port$work/none /r
END
assert_has "$work/err" "failed to fetch remote ssh://root@127.0.0.1:$port$work/none"

# The path is a name for the server, and no command.
run 1 build b --ssh default <<END
ADD ssh://root@127.0.0.1:$port$work/none';>$work/commanded;' /r
END
assert_has "$work/err" "failed to fetch remote"
assert_no_file "$work/commanded"

# Of the user's own, the agent alone: not the key in the home directory, and not what the
# configuration there says. (ssh takes that directory from passwd, which is another in here.)
mkdir -m 700 "$HOME/.ssh"
cp "$work/user-key" "$HOME/.ssh/id_ed25519"
cat >"$HOME/.ssh/config" <<END
Host 127.0.0.1
ProxyCommand touch $work/configured
END
awk -F: -v OFS=: -v home="$HOME" '$1 == "root" { $6 = home } 1' /etc/passwd >"$work/passwd"
cat >"$work/at-home" <<'END'
mount --bind "$1" /etc/passwd
shift
exec "$@"
END
at_home() { unshare -m sh -e "$work/at-home" "$work/passwd" "$@"; }
at_home ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile="$work/known" -o ProxyCommand=none \
    -p "$port" 127.0.0.1 true || fail "the key in the home directory opens nothing"
run 255 at_home ssh -p "$port" 127.0.0.1 true
assert_file "$work/configured"
rm "$work/configured"
start_agent "$work/empty-agent"
fresh() { # AGENT: a build with a new store, of somebody who has that home directory
    rm -rf "$work/fresh"
    at_home env SSH_AUTH_SOCK="$1" "$abs_top_builddir/tenon-dev" --root "$work/fresh" build \
        --progress=plain --ssh default -o "type=local,dest=$work/b" "$work/context"
}
printf 'FROM scratch\nADD ssh://root@127.0.0.1:%s /r\n' "$port$work/repo" >"$work/context/Dockerfile"
run 1 fresh "$work/empty-agent"
assert_has "$work/err" "Permission denied"
run 0 fresh "$SSH_AUTH_SOCK"
assert_no_file "$work/configured"

# Another machine under the same name is refused.
kill "$sshd_pid"
wait "$sshd_pid" || :
rm "$work/host-key" "$work/host-key.pub"
ssh-keygen -q -t ed25519 -N '' -f "$work/host-key"
start_sshd
run 1 build a --ssh default <<END
ADD ssh://root@127.0.0.1:$port$work/repo /r
END
assert_has "$work/err" "Host key verification failed"

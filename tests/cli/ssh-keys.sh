#!/bin/sh
# --ssh with key files: what our agent lists, that its signatures are good to a
# real sshd, and what is refused.
. "${abs_top_srcdir:-$(dirname "$0")/../..}/tests/cli/lib.sh"
need_root
need ssh-keygen ssh-add ssh busybox python3
sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || skip "needs sshd"
make_bases

cd "$work"
mkdir keys ctx
for type in ed25519 ecdsa rsa; do
    ssh-keygen -q -t "$type" -N '' -C "$type-comment" -f "keys/$type"
done
ssh-keygen -q -t ecdsa -b 384 -N '' -C e384 -f keys/e384
ssh-keygen -q -t ecdsa -b 521 -N '' -C e521 -f keys/e521
ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -C none -f keys/rsa-pem
ssh-keygen -q -t ecdsa -m PEM -N '' -C none -f keys/ecdsa-pem
ssh-keygen -q -t rsa -b 2048 -m PKCS8 -N '' -C none -f keys/rsa-p8
good='ed25519 ecdsa rsa e384 e521 rsa-pem ecdsa-pem rsa-p8'
ssh-keygen -q -t ed25519 -N secret -f keys/locked
ssh-keygen -q -t rsa -b 2048 -m PEM -N secret -f keys/locked-pem
ssh-keygen -q -t rsa -b 2048 -m PKCS8 -N secret -f keys/locked-p8
list=
for k in $good; do list=$list${list:+,}keys/$k; done


# An image with the ssh and git of this machine.
put() { # PROGRAM...: with the libraries it needs
    for p; do
        mkdir -p "ctx/tools$(dirname "$p")"
        cp -L "$p" "ctx/tools$p"
        ldd "$p" | grep -o '/[^ ]*' | while read -r lib; do
            mkdir -p "ctx/tools$(dirname "$lib")"
            cp -L "$lib" "ctx/tools$lib"
        done
    done
}
put "$(command -v ssh)" "$(command -v ssh-add)" "$(command -v git)"
mkdir -p ctx/tools/etc
echo root:x:0:0:root:/root:/bin/sh >ctx/tools/etc/passwd
cat >ctx/Dockerfile <<'D'
FROM base
COPY tools /
ARG COMMAND
RUN --network=host --mount=type=ssh,id=one sh -ec "$COMMAND"
D
build() { # COMMAND ARGUMENTS...
    command=$1
    shift
    tenon build --progress=plain --no-cache --build-context "base=oci-layout://$bases/busybox" \
        --allow network.host --build-arg "COMMAND=$command" "$@" ctx
}

# Every key is listed, in order.
run 0 build 'echo ==; ssh-add -L; echo ==' --ssh "one=$list"
for k in $good; do
    assert_has "$work/err" "$(cut -d' ' -f1,2 "keys/$k.pub")"
done
assert_has "$work/err" "ed25519-comment"
# It lists and signs, no more.
run 0 build 'ssh-add -D && exit 1; ssh-add -x </dev/null && exit 1; ssh-add -l' --ssh "one=$list"
# Not given and not required: there is no agent.
run 0 build 'ssh-add -l && exit 1; test ! -e /run/buildkit/ssh_agent.0'

# A loopback sshd takes a signature of each key, and serves git.
port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -f hostkey
mkdir -p /run/sshd
cat >sshd_config <<C
Port $port
ListenAddress 127.0.0.1
HostKey $work/hostkey
AuthorizedKeysFile $work/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
C
: >authorized
"$sshd" -D -e -f "$work/sshd_config" 2>sshd.log &
remember $!
await_line sshd.log 'Server listening'
options="-p $port -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
git init -q --bare repo.git
tree=$(git -C repo.git hash-object -t tree -w /dev/null)
commit=$(git -C repo.git -c user.name=n -c user.email=e@example.org commit-tree -m first "$tree")
git -C repo.git update-ref HEAD "$commit"
cat keys/*.pub >authorized
logins=
for k in $good; do
    ssh-keygen -y -f "keys/$k" >"keys/$k.pub"
    cut -d' ' -f1,2 "keys/$k.pub" >"ctx/tools/$k.pub"
    logins="$logins ssh $options -o IdentitiesOnly=yes -i /$k.pub root@127.0.0.1 echo in with $k;"
done
cat keys/*.pub >authorized
# rsa with either hash, as the client asks the agent for it
for hash in rsa-sha2-256 rsa-sha2-512; do
    logins="$logins ssh $options -o PubkeyAcceptedAlgorithms=$hash -o IdentitiesOnly=yes \
        -i /rsa.pub root@127.0.0.1 echo in by $hash;"
done
run 0 build "chmod 600 /*.pub; $logins" --ssh "one=$list"
for k in $good; do assert_has "$work/err" "in with $k"; done
assert_has "$work/err" "in by rsa-sha2-256"
assert_has "$work/err" "in by rsa-sha2-512"
run 0 build "GIT_SSH_COMMAND='ssh $options' git clone -q ssh://root@127.0.0.1:$port$work/repo.git /r
    echo cloned \$(git -C /r rev-parse HEAD)" --ssh one=keys/ed25519
assert_has "$work/err" "cloned $commit"

# An agent of the user's, by default and by name; beside keys under another id.
eval "$(ssh-agent -s)" >/dev/null
remember "$SSH_AGENT_PID"
ssh-add -q keys/rsa
for spec in one one="$SSH_AUTH_SOCK"; do
    run 0 build 'ssh-add -L' --ssh "$spec" --ssh other=keys/ed25519
    assert_has "$work/err" "rsa-comment"
    assert_lacks "$work/err" "ed25519-comment"
done
unset SSH_AUTH_SOCK

# Refused, with what to do.
for k in locked locked-pem locked-p8; do
    run 2 build true --ssh "one=keys/$k"
    assert_has "$work/err" "ssh key keys/$k: the key is encrypted"
    assert_has "$work/err" "hint: ssh-add keys/$k, then --ssh one"
done
run 2 build true --ssh one
assert_has "$work/err" "SSH_AUTH_SOCK is not set"
run 2 build true --ssh one=keys/ed25519 --ssh one=keys/rsa
assert_has "$work/err" 'ssh id "one" was given twice'
run 2 build true --ssh one=keys/nothing
assert_has "$work/err" "keys/nothing: No such file or directory"
run 2 build true --ssh one=keys/ed25519.pub
assert_has "$work/err" "not a private key"
head -c 200 keys/ed25519 >keys/short
run 2 build true --ssh one=keys/short
assert_has "$work/err" "damaged private key"

# seed-page-net.sh - rows S9 to S12: an agent, registries. Part of seed-page.sh.

# The host's own git and ssh with all they load, as a directory.
tools_of_host() { # DIRECTORY PROGRAM...
    to=$1
    shift
    for p; do
        p=$(command -v "$p")
        for f in "$p" $(ldd "$p" | grep -o '/[^ ]*'); do
            mkdir -p "$to$(dirname "$f")"
            [ -e "$to$f" ] || cp -L "$f" "$to$f"
        done
    done
}

# An sshd for one user, git, whom only a mount namespace of its own knows.
start_sshd() {
    ssh-keygen -q -t ed25519 -N '' -f hostkey
    ssh-keygen -q -t ed25519 -N '' -f "$work/agent/key"
    sshd_port=$(free_port)
    mkdir home
    cp "$work/agent/key.pub" authorized
    printf 'git:x:0:0::%s:/bin/sh\n' "$PWD/home" | cat - /etc/passwd >passwd
    cat >sshd_config <<END
ListenAddress 127.0.0.1
Port $sshd_port
HostKey $PWD/hostkey
AuthorizedKeysFile $PWD/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
END
    unshare -m sh -c "mount --bind passwd /etc/passwd && mount -t tmpfs none /run &&
        mkdir -p /run/sshd && exec $(command -v sshd) -D -e -f sshd_config" >sshd.log 2>&1 &
    remember $!
    await_line sshd.log listening
}

row S9 # one step reaches the agent
if have sshd ssh ssh-agent ssh-add ssh-keygen git unshare; then
    mkdir "$work/agent"
    start_sshd
    git init -q --bare home/org/repo.git
    git -c user.name=t -c user.email=t@localhost -c init.defaultBranch=main init -q tree
    echo "from the repository" >tree/README
    git -C tree add README
    git -C tree -c user.name=t -c user.email=t@localhost commit -q -m one
    git -C tree push -q "$PWD/home/org/repo.git" HEAD:refs/heads/main
    git -C home/org/repo.git symbolic-ref HEAD refs/heads/main

    eval "$(ssh-agent -a "$work/agent/socket")" >agent.log
    remember "$SSH_AGENT_PID"
    ssh-add -q "$work/agent/key"
    tools_of_host tools git ssh ssh-add
    mkdir -p tools/etc tools/root/.ssh
    printf 'root:x:0:0::/root:/bin/sh\n' >tools/etc/passwd
    printf 'Host host\n HostName 127.0.0.1\n Port %s\n UserKnownHostsFile /root/.ssh/known\n' \
        "$sshd_port" >tools/root/.ssh/config
    printf '[127.0.0.1]:%s %s\n' "$sshd_port" "$(cut -d' ' -f1,2 hostkey.pub)" >tools/root/.ssh/known
    cat >Dockerfile <<END
FROM $base AS git
COPY tools/ /
RUN ln -s "$(command -v git)" /usr/bin/git-upload-pack 2>/dev/null; chmod 700 /root/.ssh
RUN --mount=type=ssh git clone git@host:org/repo.git
RUN --mount=type=ssh ssh-add -l > /keys && ls "\$SSH_AUTH_SOCK" > /socket
RUN [ -z "\$SSH_AUTH_SOCK" ] && ! ssh-add -l && ! git clone git@host:org/repo.git /two
FROM $base
COPY --from=git /repo/README /keys /
END
    printf 'home\ntree\nhostkey\n' >.dockerignore
    run 0 $build --ssh default --progress=plain -o type=oci,dest=image.tar .
    assert_eq "from the repository" "$(oci image.tar cat /README)"
    oci image.tar cat /keys >keys
    assert_has keys "$(ssh-keygen -lf "$work/agent/key.pub" | cut -d' ' -f2)"
    sed -n 2p "$work/agent/key" >private
    run 1 oci image.tar grep "$(cat private)"
    ! grep -rlaF -f private "$store" >found || fail "S9: the key is in $(cat found)"
    oci image.tar ls >files
    assert_lacks files ssh_agent
    # Without --ssh the step says what is missing.
    unset SSH_AUTH_SOCK
    run 1 $build --no-cache-filter git .
    assert_has "$work/err" "--ssh"
    run 2 $build --ssh default .
    assert_has "$work/err" "SSH_AUTH_SOCK"
else
    without S9 "git, ssh, sshd"
fi

# The recap below a failed step: dashes, its name, dashes, what it says.
recap() { # FILE NAME ERROR
    python3 - "$@" <<'END' || { cat "$1"; fail "no such recap"; }
import re, sys
text = open(sys.argv[1]).read()
text = "\n".join(l.rstrip() for l in text.split("\n"))
block = "------\n > %s:\n------\n" % sys.argv[2]
assert block in text, "block"
after = text.split(block, 1)[1]
assert re.match(sys.argv[3], after), after
END
}

row S10 # a registry whose certificate nobody knows
if have openssl; then
    tls_port=$(free_port)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem 2>openssl.log ||
        { cat openssl.log; fail "S10: openssl"; }
    cat >tls.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $PWD/tls}}
http: {addr: "127.0.0.1:$tls_port", tls: {certificate: $PWD/cert.pem, key: $PWD/key.pem}}
END
    docker-registry serve tls.yml >tls.log 2>&1 &
    remember $!
    await "the registry" curl -sk -o /dev/null "https://127.0.0.1:$tls_port/v2/"
    ref=localhost:$tls_port/docker/base:experimental
    printf 'FROM %s\n' "$ref" >Dockerfile
    x509="failed to do request: Head https://localhost:$tls_port/v2/docker/base/manifests/experimental: x509: certificate signed by unknown authority\n"
    run 1 tenon build --progress=plain .
    recap "$work/err" "[internal] load metadata for $ref" "$x509"
    if have tmux; then
        term_start 100 24 "$dev build ."
        term_wait 1
        term_all >screen
        term_end
        recap screen "[internal] load metadata for $ref" "$x509"
        grep -Eq "^\[\+\] Building [0-9.]+s \(3/3\) FINISHED" screen || { cat screen; fail "S10: no header"; }
        grep -q "^ => \[internal\] load build definition from Dockerfile " screen || { cat screen; fail "S10"; }
        grep -q "^ => => transferring dockerfile: [0-9]*B " screen || { cat screen; fail "S10"; }
        grep -q "^ => => transferring context: 2B " screen || { cat screen; fail "S10"; }
        grep -q "^ => ERROR \[internal\] load metadata for $ref " screen || { cat screen; fail "S10"; }
    fi
    # With the authority made known it works (there is no such image yet).
    printf '{"registries": {"localhost:%s": {"ca": "%s"}}}' "$tls_port" "$PWD/cert.pem" >tenon.json
    run 1 env TENON_CONFIG="$PWD/tenon.json" "$dev" build .
    assert_has "$work/err" "$ref"
    assert_has "$work/err" "not found"
else
    without S10 openssl
fi

row S11 # a registry without the image: a Docker Hub of our own, in a network of its own
if have openssl unshare; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hub \
        -addext subjectAltName=DNS:registry-1.docker.io -keyout key.pem -out cert.pem 2>openssl.log ||
        { cat openssl.log; fail "S11: openssl"; }
    cat >hub.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $PWD/hub}}
http: {addr: "127.0.0.1:443", tls: {certificate: $PWD/cert.pem, key: $PWD/key.pem}}
END
    echo "127.0.0.1 registry-1.docker.io localhost" >hosts
    printf '{"registries": {"docker.io": {"ca": "%s"}}}' "$PWD/cert.pem" >tenon.json
    cat >with-hub <<END
#!/bin/sh
busybox ip link set lo up && mount --bind $PWD/hosts /etc/hosts || exit 99
docker-registry serve $PWD/hub.yml >$PWD/hub.log 2>&1 &
for _ in \$(seq 600); do
    ! curl -sk -o /dev/null https://registry-1.docker.io/v2/ || break
    sleep 0.1
done
TENON_CONFIG=$PWD/tenon.json $dev build "\$@" $PWD
status=\$?
kill \$!
exit \$status
END
    chmod +x with-hub
    printf 'FROM maven:3.5.3-alpine\nRUN mvn -v\n' >Dockerfile
    name=docker.io/library/maven:3.5.3-alpine
    run 1 unshare -nm ./with-hub --progress=plain
    recap "$work/err" "[internal] load metadata for $name" "$name not found\n"
    assert_has "$work/err" "Dockerfile:1"
    if have tmux; then
        term_start 100 24 "unshare -nm ./with-hub"
        term_wait 1
        term_all >screen
        term_end
        recap screen "[internal] load metadata for $name" "$name not found\n"
        grep -q "^ => ERROR \[internal\] load metadata for $name " screen || { cat screen; fail "S11"; }
    fi
else
    without S11 "openssl, unshare"
fi

row S12 # over the network, verified, cached
printf 'FROM %s\nCOPY Dockerfile /\n' "$base" >Dockerfile
run 0 tenon --root "$work/other" build --progress=plain .
grep -Eq '^#[0-9]+ sha256:[0-9a-f]{64} [0-9.]+MB / [0-9.]+MB( [0-9.]+s)? done$' "$work/err" ||
    { cat "$work/err"; fail "S12: no transfer of a layer"; }
run 0 tenon --root "$work/other" build --progress=plain --no-cache .
assert_lacks "$work/err" " / "
# A layer that is not what its digest says.
layer=$(find "$work/registry-${registry#*:}" -path '*/blobs/sha256/*' -name data -size +100k | head -n1)
cp "$layer" saved
printf x | dd of="$layer" bs=1 seek=5000 conv=notrunc 2>/dev/null
run 1 tenon --root "$work/third" build --progress=plain .
assert_has "$work/err" sha256:
grep -Eiq 'digest|verif|mismatch' "$work/err" || { cat "$work/err"; fail "S12: a wrong digest is not told"; }
cp saved "$layer"
run 0 tenon --root "$work/third" build .

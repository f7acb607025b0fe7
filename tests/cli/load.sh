#!/bin/sh
# --load and -o type=docker: which engine an image goes to, what it is sent, and what is said of an
# engine that refuses; with an engine of the test's own, and with podman's service and program.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3 jq
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH CONTAINERS_STORAGE_CONF 2>/dev/null || :

start_engine() { # DIR [PORT [CERTS]]
    mkdir -p "$1"
    "$abs_top_srcdir/tests/cli/engine" "$@" >"$1/log" 2>&1 &
    remember $!
    await "an engine" test -e "$1/ready"
}
got() { ls "$1" | grep -c '^got-[0-9]*$' || :; }
port=$(free_port)
start_engine "$work/a"
start_engine "$work/b" "$port"
head -c 4000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null >"$context/blob"
printf 'FROM base\nCOPY blob /\n' | dockerfile

# ---- what it is sent: what the archive would have been ------------------------------------
run 0 build -t example.org/app -o "type=docker,dest=$work/archive.tar"
run 0 env DOCKER_HOST="unix://$work/a/engine.sock" "$abs_top_builddir/tenon-dev" --root "$store" build \
    --progress=plain --build-context "base=oci-layout://$bases/busybox" -t example.org/app --load \
    --iidfile "$work/iid" "$context"
for file in archive.tar a/got-1; do # but for when it was made
    { tar -tf "$work/$file"; tar -xOf "$work/$file" manifest.json; } >"$work/${file##*/}.parts"
done
cmp "$work/archive.tar.parts" "$work/got-1.parts" || fail "another archive"
assert_eq "/images/load?quiet=1 application/x-tar" "$(cat "$work/a/request-1")"
assert_lacks "$work/err" "in the store"
assert_has "$work/err" "exporting to docker image format"

# ---- which engine: that of DOCKER_HOST, of a context, of a well-known place ----------------
to() { # DIR: what follows, a command, loads into it, and into no other
    dir=$1
    shift
    a=$(got "$work/a") b=$(got "$work/b")
    case $dir in a) a=$((a + 1)) ;; b) b=$((b + 1)) ;; esac
    run 0 env "$@" "$abs_top_builddir/tenon-dev" --root "$store" build -q \
        --build-context "base=oci-layout://$bases/busybox" -t app -o type=docker "$context"
    assert_eq "$a $b" "$(got "$work/a") $(got "$work/b")"
}
to b DOCKER_HOST="tcp://127.0.0.1:$port"
context_of() { # NAME HOST
    meta=$HOME/.docker/contexts/meta/$(printf %s "$1" | sha256sum | cut -d' ' -f1)
    mkdir -p "$meta"
    printf '{"Name":"%s","Endpoints":{"docker":{"Host":"%s"}}}' "$1" "$2" >"$meta/meta.json"
}
context_of mine "unix://$work/a/engine.sock"
context_of other "tcp://127.0.0.1:$port"
echo '{"currentContext": "mine"}' >"$HOME/.docker/config.json"
to a A=1
to b DOCKER_CONTEXT=other
to b DOCKER_HOST="tcp://127.0.0.1:$port" DOCKER_CONTEXT=mine
rm "$HOME/.docker/config.json"
if [ -e /run/docker.sock ]; then
    not_tried "sockets of XDG_RUNTIME_DIR: this machine has docker"
else
    mkdir -p "$work/run/podman"
    ln -s "$work/a/engine.sock" "$work/run/podman/podman.sock"
    to a XDG_RUNTIME_DIR="$work/run"
fi

# ---- TLS: both show who they are, and nothing goes there otherwise -------------------------
if can_try "an engine behind TLS" openssl; then
    certs=$work/certs
    mkdir "$certs" "$certs/none" "$certs/nobody"
    for name in ca other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$name" \
            -addext keyUsage=critical,keyCertSign -keyout "$certs/$name-key.pem" -out "$certs/$name.pem" 2>/dev/null
    done
    for name in server client; do
        file=$certs/$name
        [ $name = server ] || file=$certs/cert
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
            -keyout "$certs/$name-key.pem" -out "$certs/request" 2>/dev/null
        echo 'subjectAltName=IP:127.0.0.1' | openssl x509 -req -in "$certs/request" -CA "$certs/ca.pem" \
            -CAkey "$certs/ca-key.pem" -set_serial 7 -days 30 -out "$file.pem" -extfile /dev/stdin 2>/dev/null
    done
    mv "$certs/client-key.pem" "$certs/key.pem"
    tls=$(free_port)
    start_engine "$work/c" "$tls" "$certs"
    over_tls() { # STATUS DIR [HOST]: with the files of DIR
        run "$1" env DOCKER_HOST="${3-tcp://127.0.0.1:$tls}" DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$2" \
            "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
            --build-context "base=oci-layout://$bases/busybox" -t app --load "$context"
    }
    over_tls 0 "$certs"
    assert_eq 1 "$(got "$work/c")"
    # docker's own directory, where no other is named; a context with the files that it came with
    mkdir -p "$HOME/.docker"
    cp "$certs/ca.pem" "$certs/cert.pem" "$certs/key.pem" "$HOME/.docker"
    over_tls 0 ""
    rm "$HOME/.docker/ca.pem" "$HOME/.docker/cert.pem" "$HOME/.docker/key.pem"
    context_of secure "tcp://127.0.0.1:$tls"
    files=$HOME/.docker/contexts/tls/$(printf secure | sha256sum | cut -d' ' -f1)/docker
    mkdir -p "$files"
    cp "$certs/ca.pem" "$certs/cert.pem" "$certs/key.pem" "$files"
    run 0 env DOCKER_CONTEXT=secure "$abs_top_builddir/tenon-dev" --root "$store" build -q \
        --build-context "base=oci-layout://$bases/busybox" -t app --load "$context"
    assert_eq 3 "$(got "$work/c")"
    # Nobody's authority; another's; no certificate of our own; an engine without TLS.
    cp "$certs/other.pem" "$certs/none/ca.pem"
    cp "$certs/ca.pem" "$certs/nobody/ca.pem"
    b=$(got "$work/b")
    for case in "$work/absent" "$certs/none" "$certs/nobody"; do
        over_tls 1 "$case"
        assert_has "$work/err" "load into tcp://127.0.0.1:$tls: "
    done
    over_tls 1 "$certs" "tcp://127.0.0.1:$port"
    assert_eq "3 $b" "$(got "$work/c") $(got "$work/b")"
fi

# ---- it is known before the first step ----------------------------------------------------
loading() { # STATUS HOST FLAG...
    wanted=$1 host=$2
    shift 2
    run "$wanted" env DOCKER_HOST="$host" "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        --build-context "base=oci-layout://$bases/busybox" -t app --load "$@" "$context"
}
loading 2 "unix://$work/none.sock"
assert_has "$work/err" "output type docker: container engine unix://$work/none.sock: No such file or directory"
assert_has "$work/err" "hint: start docker, or podman's service"
assert_lacks "$work/err" "COPY blob"
loading 2 ssh://somewhere
assert_has "$work/err" "container engine ssh://somewhere: not supported"
loading 2 "unix://$work/a/engine.sock" --platform linux/amd64,linux/arm64
assert_has "$work/err" "docker exporter does not currently support exporting manifest lists"
run 2 env DOCKER_CONTEXT=none "$abs_top_builddir/tenon-dev" --root "$store" build --load "$context"
assert_has "$work/err" "docker's context \"none\""

# ---- an engine that refuses: in its words --------------------------------------------------
a=$(got "$work/a")
echo '200 {"stream":"so far"}
{"errorDetail":{"message":"no space left in the engine"},"error":"no space left in the engine"}' >"$work/a/answer"
loading 1 "unix://$work/a/engine.sock"
assert_has "$work/err" "load into unix://$work/a/engine.sock: no space left in the engine"
echo '500 {"cause":"a cause","message":"payload is not for us","response":500}' >"$work/a/answer"
: >"$work/a/early" # while we still write
loading 1 "unix://$work/a/engine.sock"
assert_has "$work/err" "load into unix://$work/a/engine.sock: payload is not for us"
echo '503 busy' >"$work/a/answer"
loading 1 "unix://$work/a/engine.sock"
assert_has "$work/err" "load into unix://$work/a/engine.sock: status 503"
rm "$work/a/answer" "$work/a/early"
# A build that fails has told no engine anything.
printf 'FROM base\nRUN exit 3\n' | dockerfile
loading 1 "unix://$work/a/engine.sock"
assert_eq "$((a + 1))" "$(got "$work/a")"

# ---- podman ------------------------------------------------------------------------------
if can_try "podman's engine" podman; then
    mkdir -p "$work/podman"
    printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$work/podman" "$work/podman" \
        >"$work/podman/storage.conf"
    export CONTAINERS_STORAGE_CONF="$work/podman/storage.conf"
    podman system service --time 0 "unix://$work/podman/sock" >"$work/podman/log" 2>&1 &
    remember $!
    await "podman's service" curl -s -o /dev/null --unix-socket "$work/podman/sock" http://podman/_ping
    for change in one two; do
        printf 'FROM base\nCOPY blob /\nLABEL change=%s\nENTRYPOINT ["/bin/true"]\n' $change | dockerfile
        loading 0 "unix://$work/podman/sock" -t example.org/app:1 --iidfile "$work/iid"
        podman image inspect example.org/app:1 >"$work/podman/image"
        assert_eq "$(cat "$work/iid") $change" \
            "$(jq -r '"sha256:\(.[0].Id) \(.[0].Labels.change)"' "$work/podman/image")"
    done
    # Without a service podman takes a layout of links, of each layer that it does not have, and
    # the names that the image has, no other.
    if [ -e /run/docker.sock ] || [ -e /run/podman/podman.sock ]; then
        not_tried "the program podman: this machine has an engine's socket"
    else
        run 0 build -t example.org/app:2 -t localhost/also:here --load --iidfile "$work/iid"
        for name in example.org/app:2 localhost/also:here; do
            podman image inspect $name >"$work/podman/image" || fail "podman has no $name"
            assert_eq "$(cat "$work/iid")" "$(jq -r '"sha256:\(.[0].Id)"' "$work/podman/image")"
        done
        podman images --noheading --format '{{.Repository}}' >"$work/podman/names"
        assert_lacks "$work/podman/names" tenon-load
        # Who ends the build ends podman, which waits here for somebody to write its settings.
        mkfifo "$work/podman/hang.conf"
        env CONTAINERS_STORAGE_CONF="$work/podman/hang.conf" "$abs_top_builddir/tenon-dev" --root "$store" \
            build -q --build-context "base=oci-layout://$bases/busybox" -t app --load "$context" 2>"$work/hang.err" &
        loader=$!
        remember $loader
        await "podman" pgrep -P $loader -x podman >"$work/podman/pid"
        remember "$(cat "$work/podman/pid")"
        kill -TERM $loader
        status=0
        wait $loader || status=$?
        assert_eq 130 $status
        [ ! -d "/proc/$(cat "$work/podman/pid")" ] || fail "podman goes on"
        mkdir "/tmp/tenon-load-0-$$" # as of a process that was killed: the next one removes it
        # Its words where it fails, before it has looked at the image.
        printf 'storage = nonsense\n' >"$work/podman/broken.conf"
        run 1 env CONTAINERS_STORAGE_CONF="$work/podman/broken.conf" "$abs_top_builddir/tenon-dev" --root "$store" \
            build -q --build-context "base=oci-layout://$bases/busybox" -t app --load "$context"
        assert_has "$work/err" "load into /usr/bin/podman: "
        assert_has "$work/err" "nonsense"
        for left in /tmp/tenon-load-*; do # of a process that is there it may be
            pid=${left#/tmp/tenon-load-}
            [ ! -e "$left" ] || [ -d "/proc/${pid%-*}" ] || fail "$left is left"
        done
    fi
fi

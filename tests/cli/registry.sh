#!/bin/sh
# Registries: over TLS and without, with bearer tokens; the media types of OCI and
# docker, gzip and zstd; layers side by side; pushes that send what is missing, and
# take it from a neighbour; mirrors.
. "$(dirname "$0")/lib.sh"
need_root
need python3 jq docker-registry curl openssl skopeo zstd
make_bases
base="base=oci-layout://$bases/busybox"
context=$work/context
mkdir "$context" "$work/docker"
DOCKER_CONFIG=$work/docker
export DOCKER_CONFIG
for i in 1 2 3; do head -c 300000 /dev/urandom >"$context/f$i"; done

# login WHO: the credentials docker login leaves; none: nobody
login() {
    if [ "$1" = none ]; then rm -f "$work/docker/config.json"; return; fi
    echo "{\"auths\": {\"$secure\": {\"auth\": \"$(printf '%s:%s-password' "$1" "$1" | base64 -w0)\"}}}" \
        >"$work/docker/config.json"
}
build() { tenon build --progress=plain --build-context "$base" "$@" "$context"; }
same() { # DIRECTORY: has the files of the context
    for i in 1 2 3; do cmp "$context/f$i" "$1/f$i" || fail "f$i came wrong"; done
}
# Requests since the last look, as "METHOD PATH".
requests() {
    sed -n 's/.*"\(GET\|HEAD\|POST\|PUT\|PATCH\) \([^ ]*\) HTTP.*/\1 \2/p' "$1" | tail -n "+$((seen + 1))" >"$work/requests"
}
look() { seen=$(grep -c ' HTTP/' "$1" || :); }

# ---- a registry behind TLS, whose tokens somebody else gives ----------------------------

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" \
    2>"$work/openssl.log" || { cat "$work/openssl.log" >&2; fail openssl; }
"$abs_top_srcdir/tests/cli/token-server" "$work/cert.pem" "$work/key.pem" tenon-test "$work/tokens" \
    >"$work/token-port" 2>"$work/token.err" &
remember $!
await "the port of a server" test -s "$work/token-port"
port=$(free_port)
secure=127.0.0.1:$port
cat >"$work/secure.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/secure}}
http: {addr: "$secure", tls: {certificate: $work/cert.pem, key: $work/key.pem}}
auth:
  token: {realm: "https://127.0.0.1:$(cat "$work/token-port")/token", service: test, issuer: tenon-test,
          rootcertbundle: $work/cert.pem}
END
docker-registry serve "$work/secure.yml" >"$work/secure.log" 2>&1 &
remember $!
await "the registry" curl -sk -o /dev/null "https://$secure/v2/"
config() { printf '{"http": {"first-pause": "10ms"}, "registries": {"%s": {"ca": "%s"}%s}}' "$secure" "$work/cert.pem" "${1-}" >"$TENON_CONFIG"; }
config

printf 'FROM base\nCOPY f1 /\nCOPY f2 /\nCOPY f3 /\n' >"$context/Dockerfile"
login none
run 1 build -o type=registry -t "$secure/private/app:1"
assert_has "$work/err" "$secure/private/app"
login reader
run 1 build -o type=registry -t "$secure/private/app:1"
login pusher
: >"$work/tokens"
run 0 build -o type=registry -t "$secure/private/app:1"
grep -qx 'GET pusher repository:private/app:pull,push' "$work/tokens" || { cat "$work/tokens" >&2; fail "no such token"; }
# A token serves for all of a push.
[ "$(wc -l <"$work/tokens")" -le 3 ] || { cat "$work/tokens" >&2; fail "a token a request"; }
assert_lacks "$work/err" pusher-password
run 0 build -o type=registry -t "$secure/public/app:1"
echo "{\"auths\": {\"$secure\": {\"auth\": \"$(printf 'pusher:wrong' | base64 -w0)\"}}}" >"$work/docker/config.json"
run 1 build -o type=registry -t "$secure/private/app:1"
assert_has "$work/err" "401"

# To pull: nobody, a reader, and docker's identity token.
printf 'FROM %s/private/app:1\n' "$secure" >"$context/Dockerfile"
login none
run 1 tenon --root "$work/store1" build --progress=plain "$context"
assert_has "$work/err" "$secure/private/app:1"
login reader
run 0 tenon --root "$work/store1" build --progress=plain -o "$work/one" "$context"
same "$work/one"
echo "{\"auths\": {\"$secure\": {\"auth\": \"$(printf '<token>:' | base64 -w0)\",
    \"identitytoken\": \"identity-of-pusher\"}}}" >"$work/docker/config.json"
: >"$work/tokens"
run 0 tenon --root "$work/store2" build --progress=plain -o "$work/two" "$context"
same "$work/two"
grep -qx 'POST pusher repository:private/app:pull' "$work/tokens" || { cat "$work/tokens" >&2; fail "no refresh"; }
login none
printf 'FROM %s/public/app:1\n' "$secure" >"$context/Dockerfile"
run 0 tenon --root "$work/store3" build --progress=plain -o "$work/three" "$context"
same "$work/three"
# Without the authority it is not spoken to.
echo '{}' >"$TENON_CONFIG"
run 1 tenon --root "$work/store4" build --progress=plain "$context"
assert_has "$work/err" "x509: certificate signed by unknown authority"
# Unless that is asked for, for one push.
login pusher
printf 'FROM scratch\nCOPY f1 /\n' >"$context/Dockerfile"
run 1 build -o "type=image,name=$secure/public/insecure:1,push=true"
assert_has "$work/err" "x509: certificate signed by unknown authority"
run 0 build -o "type=image,name=$secure/public/insecure:1,push=true,registry.insecure=true"
config

# ---- pushes send what is not there --------------------------------------------------------

login pusher
log=$work/secure.log
printf 'FROM base\nCOPY f1 /\nCOPY f2 /\nCOPY f3 /\n' >"$context/Dockerfile"
look "$log"
run 0 build -o type=registry -t "$secure/private/app:1"
requests "$log"
grep -q '^HEAD /v2/private/app/blobs/' "$work/requests" || { cat "$work/requests"; fail "nobody looked"; }
! grep -E '^(POST|PUT|PATCH)' "$work/requests" || fail "sent what was there"
# One layer more is one upload more, and a configuration.
printf 'FROM base\nCOPY f1 /\nCOPY f2 /\nCOPY f3 /\nCOPY f1 /more\n' >"$context/Dockerfile"
look "$log"
run 0 build -o type=registry -t "$secure/private/app:2"
requests "$log"
assert_eq 2 "$(grep -c '^PUT /v2/private/app/blobs/uploads/' "$work/requests")"
# Into another repository, what was pushed or pulled here before goes without a transfer.
look "$log"
run 0 build -o type=registry -t "$secure/third/app:2"
requests "$log"
[ "$(grep -c '^POST .*mount=sha256:.*from=private/app' "$work/requests")" -ge 5 ] ||
    { cat "$work/requests"; fail "no layer was taken from where it was pushed"; }
! grep '^PUT /v2/third/app/blobs/' "$work/requests" || fail "sent what is next door"
printf 'FROM %s/private/app:1\nCOPY f1 /again\n' "$secure" >"$context/Dockerfile"
: >"$work/tokens"
look "$log"
run 0 tenon --root "$work/store5" build --progress=plain -o type=registry -t "$secure/other/app:1" "$context"
requests "$log"
[ "$(grep -c '^POST .*mount=sha256:.*from=private/app' "$work/requests")" -ge 4 ] ||
    { cat "$work/requests"; fail "no layer was taken from the neighbour"; }
assert_eq 2 "$(grep -c '^PUT /v2/other/app/blobs/uploads/' "$work/requests")"
grep -q 'repository:other/app:pull,push repository:private/app:pull$' "$work/tokens" ||
    { cat "$work/tokens" >&2; fail "no token for both"; }
printf 'FROM %s/other/app:1\n' "$secure" >"$context/Dockerfile"
run 0 tenon --root "$work/store6" build --progress=plain -o "$work/other" "$context"
same "$work/other"

# ---- what images are made of, without TLS ----------------------------------------------------

login none
start_registry </dev/null
printf 'FROM base\nCOPY f1 /\nCOPY f2 /\nCOPY f3 /\n' >"$context/Dockerfile"
for c in gzip zstd uncompressed; do
    run 0 build -o "type=oci,tar=false,dest=$work/layout-$c,compression=$c,force-compression=true"
    run 0 skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:$work/layout-$c" "docker://$registry/$c:oci"
done
run 0 skopeo copy -q --format v2s2 --dest-tls-verify=false "oci:$work/layout-gzip" "docker://$registry/gzip:docker"
run 0 skopeo copy -q --all --dest-tls-verify=false "oci:$bases/multi" "docker://$registry/multi:oci"
media() { # NAME TAG: the types of the manifest and its first layer
    curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
        -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://$registry/v2/$1/manifests/$2" |
        jq -r '.mediaType + " " + .layers[-1].mediaType'
}
assert_eq "application/vnd.oci.image.manifest.v1+json application/vnd.oci.image.layer.v1.tar+zstd" "$(media zstd oci)"
assert_eq "application/vnd.docker.distribution.manifest.v2+json application/vnd.docker.image.rootfs.diff.tar.gzip" \
    "$(media gzip docker)"
for name in gzip:oci zstd:oci uncompressed:oci gzip:docker; do
    printf 'FROM %s\n' "$registry/$name" >"$context/Dockerfile"
    out=$work/media-$(echo $name | tr : -)
    run 0 tenon --root "$out.store" build --progress=plain -o "$out" "$context"
    same "$out"
done
# Of an index the manifest of this machine, or of the one that is asked for.
printf 'FROM %s/multi:oci\n' "$registry" >"$context/Dockerfile"
for arch in amd64 arm64; do
    run 0 tenon --root "$work/multi.store" build --progress=plain --platform "linux/$arch" \
        -o "type=oci,dest=$work/multi.tar" "$context"
    assert_eq "$arch" "$("$abs_top_srcdir/tests/cli/ociread" "$work/multi.tar" config | jq -r .architecture)"
done
# By digest.
digest=$(jq -r '.manifests[0].digest' "$work/layout-zstd/index.json")
printf 'FROM %s/zstd@%s\n' "$registry" "$digest" >"$context/Dockerfile"
run 0 tenon --root "$work/digest.store" build --progress=plain -o "$work/digest" "$context"
same "$work/digest"

# A push by digest leaves tags alone.
printf 'FROM scratch\nCOPY f1 /\n' >"$context/Dockerfile"
run 0 build -o "type=image,name=$registry/untagged,push=true,push-by-digest=true" --metadata-file "$work/metadata"
code() { curl -s -o /dev/null -w '%{http_code}' -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json' "http://$registry/v2/untagged/manifests/$1"; }
assert_eq 200 "$(code "$(jq -r '."containerimage.digest"' "$work/metadata")")"
assert_eq 404 "$(code latest)"
assert_eq null "$(curl -s "http://$registry/v2/untagged/tags/list" | jq -c .tags)"

# ---- side by side, and from mirrors --------------------------------------------------------------

: >"$work/layout.log"
"$abs_top_srcdir/tests/cli/layout-registry" "$work/layout-gzip" 3 "$work/layout.log" >"$work/layout-port" &
remember $!
await "the port of a server" test -s "$work/layout-port"
mirror=127.0.0.1:$(cat "$work/layout-port")
printf 'FROM %s/any\n' "$mirror" >"$context/Dockerfile"
# Each of the first layers is answered when all three have been asked for.
[ "$(jq '.layers | length' "$work/layout-gzip/blobs/sha256/$(jq -r '.manifests[0].digest' "$work/layout-gzip/index.json" |
    cut -d: -f2)")" -ge 4 ] || fail "too few layers to tell"
run 0 tenon --root "$work/parallel.store" build --progress=plain -o "$work/parallel" "$context"
same "$work/parallel"
! grep ' 500$' "$work/layout.log" || fail "layers come one after the other"

dead=127.0.0.1:$(free_port)
gone=127.0.0.1:$(free_port)
config ", \"$gone\": {\"mirrors\": [\"$dead\", \"$registry\"]}"
printf 'FROM %s/gzip:oci\n' "$gone" >"$context/Dockerfile"
run 0 tenon --root "$work/mirror.store" build --progress=plain -o "$work/mirrored" "$context"
same "$work/mirrored"
# What no mirror has is asked for where it belongs; nothing is pushed to a mirror.
printf 'FROM %s/nothing\n' "$gone" >"$context/Dockerfile"
run 1 tenon --root "$work/mirror.store" build --progress=plain "$context"
assert_has "$work/err" "$gone"
printf 'FROM %s/gzip:oci\n' "$gone" >"$context/Dockerfile"
run 1 tenon --root "$work/mirror.store" build --progress=plain -o type=registry -t "$gone/pushed" "$context"
assert_has "$work/err" "$gone"
assert_eq 404 "$(curl -s -o /dev/null -w '%{http_code}' "http://$registry/v2/pushed/manifests/latest")"

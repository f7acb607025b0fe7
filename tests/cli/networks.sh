#!/bin/sh
# Networks that are slow, busy, or unlike the textbook, as a build meets them: registries and
# their storages, mirrors, proxies, authorities, credentials. (Each request with each fault:
# tests/unit/test-registry-faults.c.)
. "$(dirname "$0")/lib.sh"
need python3 jq
need_root
make_bases

start_odd() { # LOG [STORAGE]; sets port
    : >"$work/$1.log"
    "$abs_top_srcdir/tests/cli/odd-registry" "$bases/busybox" "$work/$1.log" ${2-} >"$work/$1.port" &
    remember $!
    await_line "$work/$1.port" .
    port=$(cat "$work/$1.port")
}
start_odd plain
registry=127.0.0.1:$port
log=$work/plain.log
context=$work/context
mkdir "$context"
echo file >"$context/file"

# As tenon is, but for what would take minutes.
config() { # [MORE MEMBERS]
    echo "{\"http\": {\"stall-timeout\": \"400ms\", \"first-pause\": \"50ms\"} ${1-}}" >"$TENON_CONFIG"
}
config
fresh() { rm -rf "$store" "$work/result"; : >"$log"; }
pull() { # REPOSITORY
    fresh
    printf 'FROM %s\nCOPY file /file\n' "$1" >"$context/Dockerfile"
    tenon build --progress=plain -o "$work/result" "$context"
}
pulled() { [ -x "$work/result/bin/busybox" ] || fail "no busybox"; assert_eq file "$(cat "$work/result/file")"; }
push() { # NAME
    fresh
    printf 'FROM base\nCOPY file /file\n' >"$context/Dockerfile"
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" -t "$1" --push "$context"
}
count() { grep -cE "$1" "$log" || :; }

# ---- slow --------------------------------------------------------------------------------

for odd in late stall cut packed; do
    run 0 pull "$registry/$odd/image"
    pulled
done
assert_eq 2 "$(fresh; pull "$registry/late/image" >/dev/null 2>&1; count 'GET .*/blobs/')"
run 0 push "$registry/commit/image:1"
blobs=$(count 'POST')
[ "$blobs" -ge 1 ] || fail "nothing was pushed"
assert_eq "$blobs" "$(count 'PUT .*/blobs/')"
# What was taken, though the answer did not come, is not sent again.
run 0 push "$registry/unheard/image:1"
assert_eq "$(count 'POST')" "$(count 'PUT .*/blobs/')"
assert_eq 1 "$(count ' broken ')"
run 0 push "$registry/lost/image:1"
assert_eq 1 "$(count 'PUT .*/blobs/.* 404 ')"

# ---- busy --------------------------------------------------------------------------------

for status in 429 503; do
    for verb in gm gb; do
        run 0 pull "$registry/s$status-$verb-2/image"
        pulled
        [ "$(count " $status ")" -ge 2 ] || fail "$status for $verb was not said"
    done
    for verb in post pb pm; do
        run 0 push "$registry/s$status-$verb-2/image:1"
        [ "$(count " $status ")" -ge 2 ] || fail "$status for $verb was not said"
    done
done
run 0 pull "$registry/s429-gb-1-1/image"
# For an hour nobody waits, and one error says why.
run 1 timeout 20 sh -c 'printf "FROM %s\n" "$1" >"$2/Dockerfile"; exec "$3/tenon-dev" --root "$4" build --progress=plain "$2"' \
    sh "$registry/s429-hm-99-3600/image" "$context" "$abs_top_builddir" "$work/hour"
assert_has "$work/err" "429 Too Many Requests (it asks to come back in 3600s)"
assert_eq 1 "$(grep -c '^ERROR: ' "$work/err")"

# A mirror that is busy is asked once, and does not keep anybody.
start_odd mirror
mirror=localhost:$port
config ", \"registries\": {\"$registry\": {\"mirrors\": [\"$mirror/s503-hm-99\"]}}"
run 0 pull "$registry/good/image"
pulled
assert_eq 1 "$(wc -l <"$work/mirror.log")"
assert_has "$work/err" "mirror $mirror is left alone for the rest of this build"
config

# ---- whose names these are -----------------------------------------------------------------

# What was pushed from here is no more than what the registry says of the name later.
echo one >"$context/file"
run 0 push "$registry/good/base:1"
echo two >"$context/file"
mv "$store" "$work/first"
run 0 push "$registry/good/base:1"
rm -rf "$store"
mv "$work/first" "$store"
printf 'FROM %s/good/base:1\n' "$registry" >"$context/Dockerfile"
run 0 tenon build --progress=plain -o "$work/now" "$context"
assert_eq two "$(cat "$work/now/file")"
# Who wants the store's says so, and is told.
run 0 tenon build --progress=plain --no-cache --pull=missing -o "$work/kept" "$context"
assert_eq one "$(cat "$work/kept/file")"
assert_has "$work/err" "$registry/good/base:1: using sha256:"
run 2 tenon build --pull=sometimes "$context"
# A name that only the store has is found there, and that is said.
printf 'FROM %s/base\nCOPY file /\n' "$registry" >"$context/Dockerfile"
run 0 tenon build --progress=plain --build-context "$registry/base=oci-layout://$bases/busybox" -t "127.0.0.1:1/only/here" "$context"
printf 'FROM 127.0.0.1:1/only/here\n' >"$context/Dockerfile"
run 0 tenon build --progress=plain -o "$work/here" "$context"
assert_has "$work/err" "of this store"
assert_eq two "$(cat "$work/here/file")"
echo file >"$context/file"

# By digest, as several machines push what one of them puts together.
fresh
printf 'FROM base\nCOPY file /\n' >"$context/Dockerfile"
by_digest() { # OUTPUT
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" -o "$1" \
        --metadata-file "$work/metadata" "$context"
}
run 0 by_digest "type=image,name=$registry/good/part,push-by-digest=true,name-canonical=true,push=true"
digest=$(jq -r '."containerimage.digest"' "$work/metadata")
grep -q "^PUT /v2/good/part/manifests/$digest 201" "$log" || fail "not pushed by digest"
tenon images >"$work/images"
assert_has "$work/images" "$registry/good/part"
run 2 by_digest "type=image,name=$registry/good/part:1,push-by-digest=true,push=true"
assert_has "$work/err" "can't push tagged ref $registry/good/part:1 by digest"
run 0 by_digest "type=oci,dest=$work/x.tar,name=foo/bar:1,name-canonical=true,attestation-inline=true,oci-artifact=true"
run 0 by_digest "type=image,dangling-name-prefix=here/nameless,danging-name-empty-only=true,buildinfo=false"
tenon images >"$work/images"
assert_has "$work/images" "here/nameless"

# ---- credentials -----------------------------------------------------------------------------

DOCKER_CONFIG=$work/docker
export DOCKER_CONFIG
mkdir "$DOCKER_CONFIG"
mine=$(printf 'me:pw' | base64)
team=$(printf 'team:pw' | base64)
# credentials JSON: what the registry is shown for asks/team/image.
shown() {
    echo "$1" >"$DOCKER_CONFIG/config.json"
    run 0 pull "$registry/asks/team/image"
    pulled
    assert_eq "Basic $2" "$(awk '$4 == "Basic" { print $4, $5 }' "$log" | sort -u)"
}
shown "{\"auths\": {\"$registry\": {\"auth\": \"$mine\"}}}" "$mine"
shown "{\"auths\": {\"$registry\": {\"username\": \"me\", \"password\": \"pw\"}}}" "$mine"
shown "{\"auths\": {\"http://$registry\": {\"auth\": \"$mine\"}}}" "$mine"
shown "{\"auths\": {\"https://$registry/v2/\": {\"auth\": \"$mine\"}}}" "$mine"
shown "{\"auths\": {\"$registry/asks\": {\"auth\": \"$mine\"}}}" "$mine"
shown "{\"auths\": {\"$registry/asks/team\": {\"auth\": \"$team\"}, \"$registry\": {\"auth\": \"$mine\"}}}" "$team"
shown "{\"auths\": {\"$registry\": {\"auth\": \"$mine\"}, \"$registry/asks/team/image\": {\"auth\": \"$team\"}}}" "$team"
shown "{\"auths\": {\"$registry/ask\": {\"auth\": \"$team\"}, \"$registry/asks/tea\": {\"auth\": \"$team\"}, \"$registry\": {\"auth\": \"$mine\"}}}" "$mine"
shown "{\"credHelpers\": {\"$registry\": \"\"}, \"credsStore\": \"\", \"auths\": {\"$registry\": {\"auth\": \"$mine\"}}}" "$mine"
shown "{\"credHelpers\": null, \"auths\": {\"other.example\": null, \"$registry\": {\"auth\": \"$mine\", \"email\": \"\", \"identitytoken\": \"\"}}}" "$mine"
echo '{"auths": {}}' >"$DOCKER_CONFIG/config.json"
run 1 pull "$registry/asks/team/image"
export DOCKER_AUTH_CONFIG="{\"auths\": {\"$registry\": {\"auth\": \"$mine\"}}}"
run 0 pull "$registry/asks/team/image"
# Of it, auths alone counts; what cannot be read is said, and the files go on.
DOCKER_AUTH_CONFIG="{\"credsStore\": \"not-installed\", \"auths\": {\"$registry\": {\"auth\": \"$mine\"}}}"
run 0 pull "$registry/asks/team/image"
for DOCKER_AUTH_CONFIG in '{"credHelpers": {"'"$registry"'": "not-installed"}}' '{}' 'none' '[]' '{"auths": []}' \
    '{"auths": {"'"$registry"'": {"auth": "?"}}}'; do
    shown "{\"auths\": {\"$registry\": {\"auth\": \"$mine\"}}}" "$mine"
    case $DOCKER_AUTH_CONFIG in
        *credHelpers* | '{}') ! grep -q DOCKER_AUTH_CONFIG "$work/err" || fail "a warning: $DOCKER_AUTH_CONFIG" ;;
        *) assert_has "$work/err" "DOCKER_AUTH_CONFIG: " ;;
    esac
done
unset DOCKER_AUTH_CONFIG

# ---- proxies -----------------------------------------------------------------------------------

cat >"$work/proxy" <<'END_PYTHON'
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        open(sys.argv[1], "a").write(self.path + "\n")
        self.send_response(200); self.send_header("Content-Length", "8"); self.end_headers(); self.wfile.write(b"proxied\n")
    do_HEAD = do_GET
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END_PYTHON
python3 "$work/proxy" "$work/proxied" >"$work/proxy.port" &
remember $!
await_line "$work/proxy.port" .
proxy=http://127.0.0.1:$(cat "$work/proxy.port")
printf 'FROM scratch\nADD http://web.invalid/file /\n' >"$context/Dockerfile"
for name in http_proxy HTTP_PROXY all_proxy ALL_PROXY; do
    rm -rf "$store" "$work/added"
    run 0 env $name="$proxy" "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain -o "$work/added" "$context"
    assert_eq proxied "$(cat "$work/added/file")"
done
assert_eq http://web.invalid/file "$(sort -u "$work/proxied")"
for name in no_proxy NO_PROXY; do
    rm -rf "$store"
    run 1 env HTTP_PROXY="$proxy" $name=.example,invalid "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain "$context"
    assert_has "$work/err" "lookup web.invalid: no such host"
done
config ", \"http\": {\"proxy\": {\"http\": \"$proxy\"}}"
run 0 tenon build --progress=plain -o "$work/added" "$context"
config

# docker's for containers reach the steps, and neither the image nor the key.
if [ -e "$abs_top_builddir/.libs/executor-native.so" ]; then
    printf 'FROM base\nRUN env | grep -i proxy | sort >/seen\n' >"$context/Dockerfile"
    steps() { tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" "$@" "$context"; }
    echo '{"proxies": {"default": {"httpProxy": "http://p:1", "httpsProxy": "http://p:2", "noProxy": "here"}}}' \
        >"$DOCKER_CONFIG/config.json"
    run 0 steps -o "$work/steps" --build-arg HTTPS_PROXY=http://mine:3
    assert_eq "HTTPS_PROXY=http://mine:3 HTTP_PROXY=http://p:1 NO_PROXY=here http_proxy=http://p:1 https_proxy=http://mine:3 no_proxy=here" \
        "$(tr '\n' ' ' <"$work/steps/seen" | sed 's/ $//')"
    echo '{"proxies": {"default": {"httpProxy": "http://other:1"}}}' >"$DOCKER_CONFIG/config.json"
    run 0 steps -o "type=oci,tar=false,dest=$work/image"
    assert_eq CACHED "$(step_ended "$work/err" 'RUN env')"
    ! grep -rq 'http://p:' "$work/image" || fail "a proxy is in the image"
    DOCKER_HOST=tcp://there:1 run 0 steps --no-cache -o "$work/steps"
    assert_eq "HTTP_PROXY=http://other:1 http_proxy=http://other:1" "$(tr '\n' ' ' <"$work/steps/seen" | sed 's/ $//')"
    echo '{"proxies": {"tcp://there:1": {"ftpProxy": "f"}, "default": {"httpProxy": "http://other:1"}}}' \
        >"$DOCKER_CONFIG/config.json"
    DOCKER_HOST=tcp://there:1 run 0 steps --no-cache -o "$work/steps"
    assert_eq "FTP_PROXY=f ftp_proxy=f" "$(tr '\n' ' ' <"$work/steps/seen" | sed 's/ $//')"
else
    not_tried "proxies of docker's configuration: built without executor-native"
fi
unset DOCKER_CONFIG

# ---- build files from elsewhere ---------------------------------------------------------------

mkdir "$work/www" "$work/tree"
echo version >"$work/tree/v.txt"
tar -C "$work/tree" -cf "$work/www/ctx.tar" .
printf 'FROM scratch\nCOPY v.txt /v\n' >"$work/www/remote.Dockerfile"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/web.log" >"$work/web-port" &
remember $!
await_line "$work/web-port" .
web=http://127.0.0.1:$(cat "$work/web-port")
contexts="$web/ctx.tar $work/tree"
if can_try "build files beside a context of git" git && [ -e "$abs_top_builddir/.libs/source-git.so" ]; then
    git init -q "$work/tree.git"
    cp "$work/tree/v.txt" "$work/tree.git"
    git -C "$work/tree.git" add v.txt
    git -C "$work/tree.git" -c user.name=n -c user.email=e@example.org commit -q -m first
    git clone -q --bare "$work/tree.git" "$work/www/app.git"
    contexts="$contexts $web/git/app.git"
fi
for where in $contexts; do
    rm -rf "$work/out1" "$work/out2"
    run 0 tenon build --progress=plain -f - -o "$work/out1" "$where" <"$work/www/remote.Dockerfile"
    assert_eq version "$(cat "$work/out1/v")"
    run 0 tenon build --progress=plain -f "$web/remote.Dockerfile" -o "$work/out2" "$where"
    assert_eq version "$(cat "$work/out2/v")"
done
run 1 tenon build -f "$web/none" "$work/tree"
assert_has "$work/err" "failed to read dockerfile: $web/none: invalid response status 404"
truncate -s 17M "$work/www/huge"
run 1 tenon build -f "$web/huge" "$work/tree"
assert_has "$work/err" "failed to read dockerfile: $web/huge: "
assert_has "$work/err" "/huge: answer of more than 16777216 bytes"

# ---- TLS ------------------------------------------------------------------------------------------

can_try "TLS" openssl || exit 0
mkdir "$work/certs" "$work/authorities"
(
    cd "$work/certs"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=ours \
        -addext keyUsage=critical,keyCertSign -keyout ../ours.key -out ../authorities/ours.crt
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=any -keyout right.key -out ../request
    printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >../extensions
    openssl x509 -req -in ../request -CA ../authorities/ours.crt -CAkey ../ours.key -CAcreateserial -days 3650 \
        -extfile ../extensions -out right.pem
) >"$work/openssl.log" 2>&1 || { cat "$work/openssl.log" >&2; fail openssl; }
start_odd secret "http://$registry"
front() { # PORT: sets tls
    : >"$work/front-$1" # not what an earlier one has said
    "$abs_top_srcdir/tests/cli/tls-front" "$1" "$work/certs" "$work/fronts.log" >"$work/front-$1" &
    remember $!
    await_line "$work/front-$1" '^$'
    tls=127.0.0.1:$(sed -n 's/^right //p' "$work/front-$1")
}
front "$port"
log=$work/secret.log
ours=$work/authorities/ours.crt
run 1 pull "$tls/good/image"
assert_has "$work/err" "x509: certificate signed by unknown authority"
believing() { SSL_CERT_FILE=$ours "$@"; }
run 0 believing pull "$tls/good/image"
pulled
SSL_CERT_DIR=$work/no:$work/authorities run 0 pull "$tls/good/image"
front "$(cat "$work/web-port")"
rm -rf "$store"
printf 'FROM scratch\nADD https://%s/remote.Dockerfile /f\n' "$tls" >"$context/Dockerfile"
run 1 tenon build "$context"
SSL_CERT_FILE=$ours run 0 tenon build -o "$work/added" "$context"
assert_file "$work/added/f"
config ", \"http\": {\"cert-file\": \"$ours\"}"
rm -rf "$store"
run 0 tenon build -o "$work/added" "$context"
config

# A storage without TLS has blobs, which a digest tells, and nothing else.
front "$port"
: >"$work/plain.log"
run 0 believing pull "$tls/storage/image"
pulled
[ "$(grep -c '^GET /storage/sha256:' "$work/plain.log")" -ge 2 ] || fail "the storage was not asked"
# A registry that does not know what its proxy speaks: nothing is sent in the clear for that.
run 0 believing push "$tls/forgetful/image:1"
config ", \"registries\": {\"$tls\": {\"insecure\": true}}"
run 0 push "$tls/forgetful/image:2"
run 0 pull "$tls/storage/image"

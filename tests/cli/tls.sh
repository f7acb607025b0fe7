#!/bin/sh
# TLS: which servers are believed, by certificates of the test's own; the places where an
# authority may stand; who gets to see our certificate; no way from TLS to plain. All of
# it for registries and for files of the web.
. "$(dirname "$0")/lib.sh"
need_root
need python3 openssl unshare mount jq
if [ -z "${TLS_INSIDE-}" ]; then
    unshare -m true 2>/dev/null || skip "needs a mount namespace"
    rm -rf "$work"
    TLS_INSIDE=1 exec unshare -m --propagation private sh "$0"
fi
make_bases

# An /etc of our own: authorities, hosts, certificates of registries.
cp -a /etc "$work/etc"
mount --bind "$work/etc" /etc
rm -rf /etc/docker /etc/containers
mkdir -p /etc/docker /etc/containers /etc/ssl/certs
system=/etc/ssl/certs/ca-certificates.crt
[ -f "$system" ] || : >"$system"
cp "$system" "$work/system.crt"
echo '127.0.0.1 localhost registry.test other.test a.wild.test b.a.wild.test' >/etc/hosts

# ---- certificates ---------------------------------------------------------------------------

certs=$work/certs
mkdir "$certs" "$work/ca"
: >"$work/ca/index.txt"
cat >"$work/ca/config" <<END
[ca]
default_ca = ours
[ours]
new_certs_dir = $work/ca
database = $work/ca/index.txt
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = none
unique_subject = no
[any]
commonName = supplied
END
quiet() { "$@" 2>"$work/openssl.log" || { cat "$work/openssl.log" >&2; fail "$*"; }; }
authority() { # FILE
    quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=${1##*/}" \
        -addext keyUsage=critical,keyCertSign -keyout "$1.key" -out "$1.crt"
}
ours=$work/ca/ours
authority "$ours"
authority "$work/ca/unknown"
# certify NAME AUTHORITY FROM UNTIL CN [EXTENSION...]
certify() {
    file=$certs/$1 by=$2 from=$3 until=$4 cn=$5
    shift 5
    printf '%s\n' 'basicConstraints=CA:FALSE' "$@" >"$work/ca/extensions"
    quiet openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$cn" \
        -keyout "$file.key" -out "$work/ca/request"
    quiet openssl ca -batch -notext -config "$work/ca/config" -cert "$by.crt" -keyfile "$by.key" \
        -in "$work/ca/request" -out "$file.pem" -startdate "$from" -enddate "$until" -extfile "$work/ca/extensions"
}
then=20000101000000Z since=20010101000000Z later=20480101000000Z last=20490101000000Z
server=extendedKeyUsage=serverAuth
here=subjectAltName=DNS:registry.test,IP:127.0.0.1
certify right "$ours" $then $later any "$here" $server
certify plain-usage "$ours" $then $later any "$here"
certify other-host "$ours" $then $later registry.test subjectAltName=DNS:other.test $server
certify other-address "$ours" $then $later any subjectAltName=DNS:registry.test,IP:127.0.0.2 $server
certify cn-only "$ours" $then $later registry.test $server
certify wild "$ours" $then $later any 'subjectAltName=DNS:*.wild.test' $server
certify expired "$ours" $then $since any "$here" $server
certify early "$ours" $later $last any "$here" $server
certify for-clients "$ours" $then $later any "$here" extendedKeyUsage=clientAuth
certify unknown "$work/ca/unknown" $then $later any "$here" $server
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=self \
    -addext "$here" -keyout "$certs/self.key" -out "$certs/self.pem"
for name in asks needs; do
    certify $name "$ours" $then $later any "$here" $server
    cp "$ours.crt" "$certs/$name.$name"
done
clients=$work/clients
mkdir "$clients"
for name in client another; do
    certify $name "$ours" $then $later $name extendedKeyUsage=clientAuth
    mv "$certs/$name.pem" "$clients/$name.cert"
    mv "$certs/$name.key" "$clients/$name.key"
done

# ---- servers ----------------------------------------------------------------------------------

wait_for_line() { # FILE LINE
    await "a server" grep -qsx -e "$2" "$1"
}
mkdir "$work/www" "$work/context"
echo 'of the web' >"$work/www/file"
echo '{"token": "of-the-test"}' >"$work/www/token"
# Whatever has been asked of either, and who was shown what.
: >"$work/web.log"; : >"$work/registry.log"; : >"$work/fronts.log"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/web.log" >"$work/web-port" &
remember $!
"$abs_top_srcdir/tests/cli/layout-registry" "$bases/busybox" 0 "$work/registry.log" >"$work/registry-port" &
remember $!
wait_for_line "$work/web-port" '[0-9]*'
wait_for_line "$work/registry-port" '[0-9]*'
web=$(cat "$work/web-port")
for which in web registry; do
    "$abs_top_srcdir/tests/cli/tls-front" "$(cat "$work/$which-port")" "$certs" "$work/fronts.log" >"$work/$which-fronts" &
    remember $!
    wait_for_line "$work/$which-fronts" ''
done
port() { sed -n "s/^$2 //p" "$work/$1-fronts"; } # web|registry NAME
forget() { : >"$work/web.log"; : >"$work/registry.log"; : >"$work/fronts.log"; rm -rf "$work/out.d" "$work/fresh"; }
build() { tenon --root "$work/fresh" build --progress=plain -o "$work/out.d" "$work/context"; }
from() { printf 'FROM %s/any\n' "$1" >"$work/context/Dockerfile"; } # HOST:PORT
add() { printf 'FROM scratch\nADD %s /file\n' "$1" >"$work/context/Dockerfile"; } # URL

# believed NAME HOST: the server that shows NAME.pem, as HOST, by what the system trusts.
believed() {
    forget
    from "$2:$(port registry "$1")"
    run 0 build
    assert_file "$work/out.d/bin/busybox"
    forget
    add "https://$2:$(port web "$1")/file"
    run 0 build
    assert_eq 'of the web' "$(cat "$work/out.d/file")"
}
# Nothing has been asked, nothing has come.
untouched() {
    assert_eq '' "$(cat "$work/web.log" "$work/registry.log")"
    ! grep -v ' refused$' "$work/fronts.log" || fail "something was asked"
    assert_no_file "$work/out.d"
    assert_eq '' "$(find "$work/fresh/content/blobs" -type f 2>/dev/null)"
}
refused() { # NAME HOST WORDS
    forget
    from "$2:$(port registry "$1")"
    run 1 build
    assert_has "$work/err" "https://$2:$(port registry "$1")/v2/"
    assert_has "$work/err" "$3"
    untouched
    forget
    add "https://$2:$(port web "$1")/file"
    run 1 build
    assert_has "$work/err" "https://$2:$(port web "$1")/file: $3"
    untouched
    # A build file from there: the server is at fault, not the flag.
    run 1 tenon --root "$work/fresh" build -f "https://$2:$(port web "$1")/file" "$work/context"
    assert_has "$work/err" "$3"
    untouched
}

cat "$work/system.crt" "$ours.crt" >"$system"
believed right registry.test
believed right 127.0.0.1
believed plain-usage registry.test
believed wild a.wild.test
refused other-host registry.test "x509: certificate is valid for other names, not registry.test"
refused other-address 127.0.0.1 "x509: certificate is valid for other names, not 127.0.0.1"
refused right other.test "x509: certificate is valid for other names, not other.test"
refused wild b.a.wild.test "x509: certificate is valid for other names, not b.a.wild.test"
refused cn-only registry.test "x509: certificate relies on legacy Common Name field, use SANs instead"
refused expired registry.test "x509: certificate has expired or is not yet valid"
refused early registry.test "x509: certificate has expired or is not yet valid"
refused for-clients registry.test "x509: certificate specifies an incompatible key usage"
refused unknown registry.test "x509: certificate signed by unknown authority"
refused self registry.test "x509: certificate signed by unknown authority"
# Repositories of git come by the same way.
if can_try "git over TLS" git && [ -e "$abs_top_builddir/.libs/source-git.so" ]; then
    git init -q --bare "$work/www/r.git"
    tree=$(git -C "$work/www/r.git" hash-object -t tree -w /dev/null)
    commit=$(git -C "$work/www/r.git" -c user.name=n -c user.email=e@example.org commit-tree -m first "$tree")
    git -C "$work/www/r.git" update-ref HEAD "$commit"
    for name in right expired for-clients other-host; do
        forget
        add "https://registry.test:$(port web $name)/git/r.git"
        if [ $name = right ]; then
            run 0 build
        else
            run 1 build
            assert_has "$work/err" "x509: "
            untouched
        fi
    done
fi
cp "$work/system.crt" "$system"
refused right registry.test "x509: certificate signed by unknown authority"

# ---- where an authority may stand, for its registry ----------------------------------------------

here=registry.test:$(port registry right)
there=127.0.0.1:$(port registry right)
configured() { echo "{\"registries\": {\"$1\": {\"ca\": \"$ours.crt\"}}}" >"$TENON_CONFIG"; }
in_docker() { mkdir -p "/etc/docker/certs.d/$1"; cp "$ours.crt" "/etc/docker/certs.d/$1/any.crt"; }
in_containers() { mkdir -p "/etc/containers/certs.d/$1"; cp "$ours.crt" "/etc/containers/certs.d/$1/any.crt"; }
misnamed() { mkdir -p "/etc/docker/certs.d/$1"; cp "$ours.crt" "/etc/docker/certs.d/$1/any.pem"; }
nowhere() {
    rm -rf /etc/docker/certs.d /etc/containers/certs.d /etc/docker/daemon.json
    echo '{}' >"$TENON_CONFIG"
}
for place in configured in_docker in_containers; do
    for host in "$here" "$there"; do # another name of it is another registry
        nowhere
        $place "$here"
        forget
        from "$host"
        if [ "$host" = "$here" ]; then
            run 0 build
            assert_file "$work/out.d/bin/busybox"
        else
            run 1 build
            assert_has "$work/err" "x509: certificate signed by unknown authority"
            untouched
        fi
    done
done
nowhere
misnamed "$here"
forget
from "$here"
run 1 build
untouched
# It is one more than the system's, and they stay.
cat "$work/system.crt" "$ours.crt" >"$system"
for name in right unknown; do
    host=registry.test:$(port registry $name)
    echo "{\"registries\": {\"$host\": {\"ca\": \"$work/ca/unknown.crt\"}}}" >"$TENON_CONFIG"
    forget
    from "$host"
    run 0 build
done
cp "$work/system.crt" "$system"
# It is not the web's.
nowhere
in_docker "registry.test:$(port web right)"
forget
add "https://registry.test:$(port web right)/file"
run 1 build
assert_has "$work/err" "x509: certificate signed by unknown authority"
untouched
# What docker calls insecure, and what the configuration does.
nowhere
echo "{\"insecure-registries\": [\"$here\"]}" >/etc/docker/daemon.json
for host in "$here" "registry.test:$(port registry self)"; do
    forget
    from "$host"
    if [ "$host" = "$here" ]; then run 0 build; else run 1 build; untouched; fi
done
nowhere
echo "{\"registries\": {\"registry.test:$(port registry self)\": {\"insecure\": true}}}" >"$TENON_CONFIG"
forget
from "registry.test:$(port registry self)"
run 0 build

# Docker's mirrors are for its hub; others are not asked there.
nowhere
plain=127.0.0.1:$(cat "$work/registry-port")
echo "{\"registry-mirrors\": [\"http://$plain\"]}" >/etc/docker/daemon.json
forget
printf 'FROM anything/of-the-hub\n' >"$work/context/Dockerfile"
run 0 build
assert_has "$work/registry.log" "HEAD /v2/anything/of-the-hub/manifests/latest?ns=docker.io 200"
forget
from "127.0.0.1:$(free_port)"
run 1 build
assert_eq '' "$(cat "$work/registry.log")"

# ---- our own certificate -----------------------------------------------------------------------

cat "$work/system.crt" "$ours.crt" >"$system"
nowhere
# with_client DIR HOST NAME
with_client() { mkdir -p "/etc/$1/certs.d/$2"; cp "$clients/$3".* "/etc/$1/certs.d/$2/"; }
for which in docker containers; do
    nowhere
    needs=registry.test:$(port registry needs)
    with_client $which "$needs" client
    forget
    from "$needs"
    run 0 build
    assert_eq 'needs client' "$(sort -u "$work/fronts.log")"
    # Another registry that asks gets none.
    forget
    from "registry.test:$(port registry asks)"
    run 0 build
    assert_eq 'asks -' "$(sort -u "$work/fronts.log")"
done
# Of two the first by name.
nowhere
with_client docker "$needs" client
with_client docker "$needs" another
forget
from "$needs"
run 0 build
assert_eq 'needs another' "$(sort -u "$work/fronts.log")"
# Without one it is refused, at once and in so many words.
nowhere
forget
from "$needs"
run 1 build
assert_has "$work/err" "https://$needs/v2/any/manifests/latest: remote error: tls: "
assert_eq '1' "$(wc -l <"$work/fronts.log")"
assert_eq '' "$(cat "$work/registry.log")"
# A key that is not there is an error, and no reason to go on without.
with_client docker "$needs" client
rm "/etc/docker/certs.d/$needs/client.key"
forget
run 1 build
assert_has "$work/err" "tls: "
assert_eq '' "$(cat "$work/registry.log")"

# Who gives tokens is another host: it gets what there is for it, and not the registry's.
: >"$work/guarded.log"
asks=registry.test:$(port web asks)
"$abs_top_srcdir/tests/cli/layout-registry" "$bases/busybox" 0 "$work/guarded.log" "https://$asks/token" >"$work/guarded-port" &
remember $!
wait_for_line "$work/guarded-port" '[0-9]*'
"$abs_top_srcdir/tests/cli/tls-front" "$(cat "$work/guarded-port")" "$certs" "$work/fronts.log" >"$work/guarded-fronts" &
remember $!
wait_for_line "$work/guarded-fronts" ''
guarded=registry.test:$(port guarded needs)
nowhere
with_client docker "$guarded" client
forget
from "$guarded"
run 0 build
assert_eq 'asks -,needs client' "$(sort -u "$work/fronts.log" | paste -sd, -)"
with_client docker "$asks" another
forget
run 0 build
assert_eq 'asks another,needs client' "$(sort -u "$work/fronts.log" | paste -sd, -)"

# ---- from TLS to plain ----------------------------------------------------------------------------

nowhere
forget
add "https://registry.test:$(port web right)/to/http://127.0.0.1:$web/file"
run 1 build
assert_has "$work/err" "redirected from https to \"http://127.0.0.1:$web/file\""
assert_eq 1 "$(wc -l <"$work/web.log")"
assert_no_file "$work/out.d"
forget
add "http://127.0.0.1:$web/to/https://registry.test:$(port web right)/file"
run 0 build
assert_eq 'of the web' "$(cat "$work/out.d/file")"
# A registry whose tokens are to be had without TLS; nobody asks there.
"$abs_top_srcdir/tests/cli/layout-registry" "$bases/busybox" 0 "$work/guarded.log" "http://127.0.0.1:$web/token" >"$work/lured-port" &
remember $!
wait_for_line "$work/lured-port" '[0-9]*'
"$abs_top_srcdir/tests/cli/tls-front" "$(cat "$work/lured-port")" "$certs" "$work/fronts.log" >"$work/lured-fronts" &
remember $!
wait_for_line "$work/lured-fronts" ''
forget
from "registry.test:$(port lured right)"
run 1 build
assert_has "$work/err" "http://127.0.0.1:$web/token\" for a token: not https"
assert_eq '' "$(cat "$work/web.log")"

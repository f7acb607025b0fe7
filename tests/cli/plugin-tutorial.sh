#!/bin/sh
# docs/tutorial-plugin.md: its commands as they stand there, with an installed tenon; and the other
# packages that `tenon plugin new` begins.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/installed-lib.sh"
need docker-registry
page=$abs_top_srcdir/docs/tutorial-plugin.md
install_tenon
assert_file "$prefix/include/tenon-plugin-test.h"

# ---- words ------------------------------------------------------------------------------
run 2 installed plugin new mount
run 2 installed plugin new mont hello "$work/none"
assert_has "$work/err" "did you mean mount"
run 2 installed plugin new mount Hello "$work/none"
assert_has "$work/err" "small letters"
run 2 installed plugin new mount cache "$work/none"
assert_has "$work/err" "take another name"
assert_no_file "$work/none"
mkdir "$work/full"
touch "$work/full/mine"
run 2 installed plugin new mount hello "$work/full"
assert_has "$work/err" "not empty"
assert_eq mine "$(ls "$work/full")"

# ---- each kind ----------------------------------------------------------------------------
for kind in mount exporter progress frontend source attester; do
    run 0 installed plugin new $kind my-own "$work/$kind"
    [ -x "$work/$kind/debian/rules" ] || fail "debian/rules is no program"
    ! grep -rE '@[A-Z]+@' "$work/$kind" || fail "$kind: a word is not filled in"
    make -C "$work/$kind" CFLAGS="-O2 -Wall -Wextra -Werror" check >"$work/out" 2>&1 ||
        { cat "$work/out" >&2; fail "$kind: make check"; }
    grep -q "^$kind-my-own: [0-9]* checks: .* 0 warnings, 0 failed" "$work/out" || fail "$kind: was it checked?"
    make -C "$work/$kind" install DESTDIR="$work/there" plugindir=/plugins >"$work/out" 2>&1
    assert_file "$work/there/plugins/$kind-my-own.so"
done
# No name makes the plugin and its test one file.
run 0 installed plugin new mount test "$work/test"
assert_has "$work/test/test.c" TENON_PLUGIN_EXPORT
assert_has "$work/test/test-test.c" tenon_test_open
make -C "$work/test" check >"$work/out" 2>&1 || { cat "$work/out" >&2; fail "mount-test: make check"; }
# Where nobody says where plugins are, they are not put into the root directory.
run 2 make -C "$work/mount" PKG_CONFIG=false install DESTDIR="$work/nowhere/"
assert_has "$work/err" "say plugindir=DIR"
assert_no_file "$work/nowhere"
# The test notices a plugin that does something else.
sed -i 's/, %s!/: %s!/' "$work/mount/my-own.c"
run 2 make -C "$work/mount" check
assert_has "$work/err" "not so"

need_root
make_bases
run 0 installed --plugin-dir "$work/exporter" build --progress=plain -o "type=my-own,dest=$work/list" "$work/exporter"
assert_eq "/etc/Dockerfile" "$(grep Dockerfile "$work/list")"
run 2 installed --plugin-dir "$work/exporter" build -o "type=my-own,dest=$work/list/below" "$work/exporter"
run 0 installed --plugin-dir "$work/progress" build --progress=my-own --no-cache "$work/progress"
assert_has "$work/err" "COPY Dockerfile /etc/"
assert_has "$work/err" "of them from the cache"

run 2 installed --plugin-dir "$work/attester" build --attest type=my-own,ticket=what? "$work/attester"
run 0 installed --plugin-dir "$work/attester" build --attest type=my-own,ticket=WEB-7 -o "$work/attested" "$work/attester"
assert_has "$work/attested/my-own.json" '"ticket": "WEB-7"'
run 0 installed --plugin-dir "$work/frontend" build -o "$work/made" "$work/frontend"
assert_eq Welcome "$(cat "$work/made/motd")"
run 0 installed --plugin-dir "$work/frontend" build --platform linux/arm/v6 -o type=oci,dest="$work/arm.tar" "$work/frontend"
mkdir "$work/arm"
tar -xf "$work/arm.tar" -C "$work/arm"
grep -rqs '"variant":"v6"' "$work/arm/blobs" || fail "not the platform that was asked for"
run 1 installed --plugin-dir "$work/frontend" build --platform linux/amd64,linux/arm64 "$work/frontend"
assert_has "$work/err" "is not one platform"

# ---- the page -------------------------------------------------------------------------------
serve_busybox

awk '/^```/ { inside = /^```sh$/; next } inside' "$page" >"$work/commands"
[ "$(wc -l <"$work/commands")" -lt 10 ] || fail "these are ten commands, or more"
grep -q "plugin new" "$work/commands" || fail "no commands in $page"
mkdir "$work/desk"
(cd "$work/desk" && sh -ex "$work/commands") >"$work/out" 2>&1 || { cat "$work/out" >&2; fail "the tutorial"; }
assert_has "$work/out" " Hello, Ada!"
assert_has "$work/out" " Moin, Ada!"
assert_has "$work/out" "(default world)"

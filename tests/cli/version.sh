#!/bin/sh
# Version, help, and wrong usage.
. "$(dirname "$0")/lib.sh"

run 0 tenon --version
grep -Eqx 'tenon [0-9]+\.[0-9]+\.[0-9]+' "$work/out" || fail "odd version: $(cat "$work/out")"
version=$(cut -d' ' -f2 "$work/out")

run 0 tenon version -q
assert_eq "$version" "$(cat "$work/out")"
run 0 tenon version
assert_has "$work/out" "plugin interface"
# what a layer's bytes depend on (docs/reproducible.md)
grep -Eq '^gzip encoder +[0-9]+$' "$work/out" || fail "no gzip encoder"
grep -Eq '^zstd +[0-9]+\.[0-9]+\.[0-9]+$' "$work/out" || fail "no version of zstd"
run 0 tenon version --format json
assert_has "$work/out" "\"version\":\"$version\""
# A library that is loaded late and cannot be is told, and no reason to end.
mkdir "$work/broken"
: >"$work/broken/$(sed -n 's/^#define TENON_GNUTLS_SONAME "\(.*\)"/\1/p' "$abs_top_builddir/config.h")"
LD_LIBRARY_PATH=$work/broken run 0 tenon version
grep -Eqx 'gnutls +missing' "$work/out" || fail "a version of a broken gnutls: $(cat "$work/out")"

run 0 tenon --help
cp "$work/out" "$work/help"
# Each verb of the overview has a help of its own.
sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/help" >"$work/verbs"
[ "$(wc -l <"$work/verbs")" -ge 8 ] || fail "too few verbs in the help"
while read -r verb; do
    run 0 tenon "$verb" --help
    assert_has "$work/out" "Usage: tenon $verb"
    run 0 tenon help "$verb"
    assert_has "$work/out" "Usage: tenon $verb"
    [ ! -s "$work/err" ] || fail "help of $verb talks on standard error"
    run 2 tenon "$verb" --no-such-option
    assert_has "$work/err" "no-such-option"
    [ ! -s "$work/out" ] || fail "wrong usage of $verb writes to standard output"
done <"$work/verbs"
run 0 tenon
cmp -s "$work/out" "$work/help" || fail "no verb: not the help"

run 2 tenon buil
assert_has "$work/err" 'unknown verb "buil" (did you mean build?)'
run 2 tenon --rot /x version
assert_has "$work/err" "--root"
run 2 tenon prune --filer x=y
assert_has "$work/err" "did you mean --filter?"
run 2 tenon prune --filter typ=regular --force
assert_has "$work/err" "did you mean type?"
run 2 tenon du --format yaml
assert_has "$work/err" "table or json"

# The configuration is checked, and unknown keys are warned about.
echo '{"progres": "plain"}' >"$work/tenon.json"
run 0 tenon version
assert_has "$work/err" 'unknown key "progres" (did you mean "progress"?)'
# So are those of objects in it, and plugins that nobody has.
echo '{"registries": {"a.example": {"mirors": [], "mirrors": [], "insecure": true, "ca": "x", "plain-http": false, "zzz": 1}}}' \
    >"$work/tenon.json"
run 0 tenon version
assert_has "$work/err" 'registries: a.example: unknown key "mirors" (did you mean "mirrors"?)'
assert_has "$work/err" 'registries: a.example: unknown key "zzz"'
assert_eq 2 "$(grep -c unknown "$work/err")"
echo '{"plugins": {"mount-secert": {}, "mount-secret": {}}}' >"$work/tenon.json"
run 0 tenon plugins
assert_has "$work/err" 'no plugin "mount-secert" (did you mean "mount-secret"?)'
assert_eq 1 "$(grep -c 'no plugin' "$work/err")"
echo '{"progress": 1}' >"$work/tenon.json"
run 1 tenon version
assert_has "$work/err" "progress: expected string"
echo '{' >"$work/tenon.json"
run 1 tenon version
assert_has "$work/err" "$work/tenon.json"
run 1 tenon --config "$work/absent.json" version
assert_has "$work/err" "absent.json"

# A reader that went away is a failure, not silence.
run 1 sh -c "'$abs_top_builddir/tenon-dev' --help >/dev/full"
assert_has "$work/err" "write to standard output"

echo '{}' >"$work/tenon.json"
# doctor tries things in the store's file system and leaves nothing there.
"$abs_top_builddir/tenon-dev" --root "$work/not/yet/store" doctor >"$work/out" || [ $? = 1 ]
for topic in kernel store overlay "user namespaces" "subordinate ids" runtime cgroups network; do
    assert_has "$work/out" "$topic"
done
assert_no_file "$work/not"
assert_eq "" "$(find "$work" -name '.tenon-doctor*')"

# Where plugins are installed is the same for the program and for who makes them.
if can_try "tenon.pc" pkg-config; then
    run 0 tenon version --format json
    assert_has "$work/out" "\"plugins\":\"$(pkg-config --variable=plugindir "$abs_top_builddir/tenon.pc")\""
fi

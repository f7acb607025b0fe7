#!/bin/sh
# tenon plugins: what is found, what it tells, and what is refused.
. "$(dirname "$0")/lib.sh"

run 0 tenon plugins -q
for p in frontend-dockerfile exporter-oci mount-secret mount-ssh progress-tty progress-plain; do
    grep -qx "$p" "$work/out" || fail "$p is not listed"
done

run 0 tenon plugins
assert_has "$work/out" "KIND"
grep -Eq '^mount +secret +[0-9]' "$work/out" || fail "mount secret has no row"
[ ! -s "$work/err" ] || { cat "$work/err" >&2; fail "a plugin of the tree is refused"; }

run 0 tenon plugins mount-secret
assert_has "$work/out" "options:"
assert_has "$work/out" "id=string"
run 0 tenon plugins secret -v
assert_has "$work/out" "mount-secret.so"
assert_has "$work/out" "cache key:"
run 1 tenon plugins no-such
assert_has "$work/err" 'no plugin "no-such"'

need jq
run 0 tenon plugins --format json
jq -se 'length > 10 and all(.[]; .kind and .name and .path and .summary != "")' \
    "$work/out" >/dev/null || fail "JSON lacks members"
jq -se '.[] | select(.kind == "mount" and .name == "secret") | .options | map(.name)
    | contains(["id", "required"])' "$work/out" >/dev/null || fail "no options in JSON"

# The first directory wins; -v shows the hidden one.
libs=$(jq -r 'select(.name == "secret") | .path' "$work/out")
mkdir -m 755 "$work/plugins"
chmod 755 "$work"
install -m 644 "$libs" "$work/plugins/mount-secret.so"
tenon_with() { "$abs_top_builddir/tenon" --plugin-dir "$work/plugins" --plugin-dir "${libs%/*}" "$@"; }
run 0 tenon_with plugins -v
assert_has "$work/out" "$work/plugins/mount-secret.so"
assert_has "$work/out" "hidden by another"
run 0 tenon_with plugins -q
assert_eq 1 "$(grep -cx mount-secret "$work/out")"

# Others may write to it: refused, and the rest is listed all the same.
chmod 666 "$work/plugins/mount-secret.so"
run 1 tenon_with plugins
assert_has "$work/err" "others may write"
assert_has "$work/out" "(cannot be used)"
grep -Eq '^exporter +oci' "$work/out" || fail "the others are not listed"

# Not a module, a wrong name inside, no directory.
chmod 644 "$work/plugins/mount-secret.so"
mv "$work/plugins/mount-secret.so" "$work/plugins/mount-other.so"
run 1 tenon_with plugins other
assert_has "$work/err" "mount-other.so"
echo nonsense >"$work/plugins/mount-other.so"
run 1 tenon_with plugins other
assert_has "$work/err" "load plugin"
run 1 "$abs_top_builddir/tenon" --plugin-dir "$work/absent" plugins
assert_has "$work/err" "$work/absent"

# What lies there and is no plugin is told to who asks, with the reason.
cp "$libs" "$work/plugins/libhelper.so"
cp "$libs" "$work/plugins/mount-Other.so"
run 1 tenon_with plugins
assert_lacks "$work/out" SKIPPED
run 1 tenon_with plugins -v
assert_has "$work/out" "mount-other.so: " # the reason for it stands below it, too
assert_eq "the name is not KIND-NAME.so with a kind of plugin" \
    "$(grep -A 1 libhelper.so "$work/out" | sed -n '2s/^ *//p')"
grep -A 1 mount-Other.so "$work/out" | grep -q "small letters" || fail "mount-Other.so: no reason"
run 1 tenon_with plugins -v --format json
jq -se 'any(.[]; (.path | endswith("libhelper.so")) and .skipped) and
    any(.[]; .name == "other" and (.refused | contains("mount-other.so")))' "$work/out" >/dev/null ||
    fail "JSON lacks what is skipped"
# What a file is called is no order to the terminal.
odd=$(printf '%s/plugins/\033]0;x.so' "$work")
cp "$libs" "$odd"
run 1 tenon_with plugins -v
! grep -q "$(printf '\033')" "$work/out" || fail "an escape sequence goes to the terminal"
rm "$work/plugins/libhelper.so" "$work/plugins/mount-Other.so" "$odd"

# root's environment often is somebody else's.
if [ "$(id -u)" = 0 ]; then
    run 0 env TENON_PLUGIN_PATH="$work/plugins" "$abs_top_builddir/tenon-dev" plugins -q
    assert_has "$work/err" "TENON_PLUGIN_PATH is ignored as root"
    assert_lacks "$work/out" mount-other
fi

# A site's own: --plugin-dir comes before it, tenon's own after it; what is not there is told.
echo '{"plugin-dirs": ["'$work/site'", "'$work/absent'"]}' >"$work/site.json"
site() { TENON_CONFIG=$work/site.json "$abs_top_builddir/tenon" "$@" plugins --format json -v; }
from() { jq -r 'select(.kind == "mount" and .name == "secret" and (.shadowed | not)) | .path' "$work/out"; }
mkdir -m 755 "$work/site"
install -m 644 "$libs" "$work/site/mount-secret.so"
run 0 site
assert_eq "$work/site/mount-secret.so" "$(from)"
jq -se 'any(.[]; .path == "'"$work/absent"'" and .skipped)' "$work/out" >/dev/null || fail "absent: not told"
run 0 site --plugin-dir "${libs%/*}"
assert_eq "$libs" "$(from)"
if [ "$(id -u)" = 0 ] && can_try "a directory that is closed to the user" setpriv; then
    mkdir -m 700 "$work/closed"
    chmod 755 "$work"
    echo '{"plugin-dirs": ["'$work/closed'", "'$work/site/mount-secret.so'", "'$work/site'"]}' >"$work/site.json"
    run 0 setpriv --reuid 4321 --regid 4321 --clear-groups \
        env TENON_CONFIG="$work/site.json" HOME=/ "$abs_top_builddir/tenon" plugins --format json -v
    assert_eq "$work/site/mount-secret.so" "$(from)"
    for at in closed site/mount-secret.so; do
        jq -se 'any(.[]; .path == "'"$work/$at"'" and .skipped)' "$work/out" >/dev/null || fail "$at: not told"
    done
fi
for wrong in '"a"' '["b/c"]' '[1]'; do
    echo '{"plugin-dirs": '"$wrong"'}' >"$work/site.json"
    run 1 site
    assert_has "$work/err" "plugin-dirs"
done
mv "$work/site/mount-secret.so" "$work/site/real"
ln -s real "$work/site/mount-secret.so"
echo '{"plugin-dirs": ["'$work/site'"]}' >"$work/site.json"
run 0 env TENON_CONFIG="$work/site.json" "$abs_top_builddir/tenon" plugins secret
chmod 666 "$work/site/real"
run 1 env TENON_CONFIG="$work/site.json" "$abs_top_builddir/tenon" plugins secret
assert_has "$work/err" "mount-secret.so is a link to"

# One symbol a module.
if can_try "one symbol a module" nm; then
    for so in "${libs%/*}"/*-*.so; do
        count=$(nm -D --defined-only "$so" | grep -vc ' [Ww] ' || :)
        assert_eq "1 ${so##*/}" "$count ${so##*/}"
    done
fi

#!/bin/sh
# Plugins of before: kept/MINOR has the header of that minor and a plugin that was written for it.  The
# plugin, compiled with that header, is loaded and works; and abidiff finds nothing between that interface
# and this one but what was appended (docs/abi.md).
. "$(dirname "$0")/../cli/lib.sh"
need cc python3
mkdir -m 755 "$work/plugins"
chmod 755 "$work"
umask 022
kept=$abs_top_srcdir/tests/abi/kept

# objects DIR OUT: what the header of DIR declares, with debug information.
objects() {
    python3 "$kept/objects" "$1/tenon-plugin.h" >"$work/objects.c"
    cc -g -shared -fPIC -I"$1" -o "$2" "$work/objects.c"
}

# Lines of abidiff that tell of more than members, constants and functions behind those that were there.
only_appended() {
    ! grep -Ev '^$|^Leaf changes|^Changed leaf|^Removed/Changed/Added (functions|variables) summary: 0 Removed' "$1" |
        grep -E '[0-9]+ (Removed|Deleted)|\[D\]|deletion|member change|type of|offset changed|name changed|changed from|size hasn.t changed' |
        grep -Ev '^ *type size changed from'
}

if command -v abidiff >/dev/null; then
    objects "$abs_top_srcdir/core/include" "$work/now.so"
else
    not_tried "abidiff: it is not installed (abigail-tools)"
fi
count=0
for dir in "$kept"/*/; do
    minor=$(basename "$dir")
    grep -q "^#define TENON_ABI_MINOR ${minor#*.} " "$dir/tenon-plugin.h" || fail "$minor: the header is of another"
    cc -std=gnu11 -D_GNU_SOURCE -shared -fPIC -fvisibility=hidden -I"$dir" -o "$work/plugins/mount-hello.so" \
        "$dir/mount-hello.c"
    run 0 tenon --plugin-dir "$work/plugins" plugins -v mount-hello
    assert_has "$work/out" "interface: $minor"
    run 0 tenon plugin check "$work/plugins/mount-hello.so"
    if [ -e "$work/now.so" ]; then
        objects "$dir" "$work/then.so"
        abidiff --leaf-changes-only "$work/then.so" "$work/now.so" >"$work/diff" || :
        only_appended "$work/diff" || { cat "$work/diff" >&2; fail "$minor: more than appended"; }
    fi
    count=$((count + 1))
done
[ "$count" -gt 0 ] || fail "nothing is kept"

# What it is there to find is found.
[ -e "$work/now.so" ] || exit 0
for change in 's/^    uint32_t key_epoch;/    uint64_t key_epoch;/' '/^    TENON_E_NOMEM = -10,/d' \
    's/^    TENON_E_LIMIT = -9,/    TENON_E_LIMIT = -90,/' '/^    const char \*version; \/\* of the plugin/d' \
    's/int64_t min, max;/int64_t max, min;/'; do
    mkdir -p "$work/changed"
    sed "$change" "$abs_top_srcdir/core/include/tenon-plugin.h" >"$work/changed/tenon-plugin.h"
    cmp -s "$work/changed/tenon-plugin.h" "$abs_top_srcdir/core/include/tenon-plugin.h" && fail "$change fits nothing"
    objects "$work/changed" "$work/changed.so"
    abidiff --leaf-changes-only "$work/now.so" "$work/changed.so" >"$work/diff" || :
    ! only_appended "$work/diff" >/dev/null || { cat "$work/diff" >&2; fail "not noticed: $change"; }
done

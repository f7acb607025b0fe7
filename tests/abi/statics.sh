#!/bin/sh
# No static holds anything of a build: each writable object of the linked program and of the
# modules is in the list tests/abi/statics, with the reason.
. "$(dirname "$0")/../cli/lib.sh"
need objdump
list=$abs_top_srcdir/tests/abi/statics
wrong=$(sed -e '/^#/d' -e '/^$/d' -e '/^[^ ]* *# ./d' "$list")
[ -z "$wrong" ] || fail "tests/abi/statics: no reason: $wrong"
sed -n 's/^\([^# ][^ ]*\) .*/\1/p' "$list" | sort -u >"$work/allowed"

tenon=$abs_top_builddir/.libs/tenon
[ -e "$tenon" ] || tenon=$abs_top_builddir/tenon
# .data and .bss alone: what is only relocated is read-only when it runs. A number at the end of
# a name is the compiler's.
for file in "$tenon" "$abs_top_builddir"/.libs/*.so; do
    objdump -t "$file" | sed -n 's/^[0-9a-f]* [lg]     O \.t\{0,1\}\(data\|bss\)[[:space:]][[:space:]]*[0-9a-f]*[[:space:]]*\(\.hidden \)\{0,1\}//p' |
        sed -e 's/@.*//' -e 's/\.[0-9]*$//' | sort -u >"$work/has"
    cat "$work/has" >>"$work/seen"
    comm -23 "$work/has" "$work/allowed" >"$work/more"
    [ ! -s "$work/more" ] || { cat "$work/more" >&2; fail "${file##*/}: writable statics that tests/abi/statics does not know"; }
done
[ -s "$work/seen" ] || fail "no object was looked at"
sort -u "$work/seen" | comm -13 - "$work/allowed" >"$work/gone"
[ ! -s "$work/gone" ] || { cat "$work/gone" >&2; fail "in tests/abi/statics, and in no object"; }

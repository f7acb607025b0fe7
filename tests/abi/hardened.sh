#!/bin/sh
# How the program and its plugins are linked: at an address that nobody knows before, with tables
# that cannot be written once they are filled, and with no stack or segment that is executed and
# written to. Asked of what was built, whatever flags it was built with.
. "$(dirname "$0")/../cli/lib.sh"
need readelf
# wrong FILE: what is missing, one a line
wrong() {
    readelf -W -h -l -d "$1" >"$work/elf" 2>"$work/err" || { cat "$work/err" >&2; fail "$1 cannot be read"; }
    grep -Eq '^ *Type: +DYN ' "$work/elf" || echo "not position-independent"
    grep -Eq '^ *GNU_RELRO ' "$work/elf" || echo "no RELRO"
    grep -Eq 'BIND_NOW|Flags:.* NOW' "$work/elf" || echo "no BIND_NOW"
    grep -E '^ *GNU_STACK ' "$work/elf" | grep -Eq ' RW ' || echo "an executable stack"
    ! grep -Eq '^ *LOAD .* RWE ' "$work/elf" || echo "a segment that is written to and executed"
    ! grep -Eq '\((RPATH|RUNPATH|TEXTREL)\)' "$work/elf" || echo "$(grep -Eo '\((RPATH|RUNPATH|TEXTREL)\)' "$work/elf")"
}

# Each fault is noticed.
echo 'int main(void) { return 0; }' >"$work/t.c"
noticed() { # WORDS FLAG...
    words=$1
    shift
    cc -o "$work/t" "$work/t.c" "$@" 2>"$work/err" || { not_tried "$words: $(head -n 1 "$work/err")"; return 0; }
    wrong "$work/t" | grep -qF "$words" || fail "not noticed: $words"
}
noticed "not position-independent" -no-pie
noticed "no RELRO" -Wl,-z,norelro
noticed "no BIND_NOW" -Wl,-z,lazy
noticed "an executable stack" -Wl,-z,execstack
noticed "RUNPATH" -Wl,--enable-new-dtags,-rpath,/tmp

[ -x "$abs_top_builddir/tenon" ] || skip "nothing was built"
seen=0
for file in "$abs_top_builddir/tenon" "$abs_top_builddir"/.libs/*-*.so; do
    wrong "$file" >"$work/wrong"
    [ ! -s "$work/wrong" ] || { cat "$work/wrong" >&2; fail "${file##*/}"; }
    seen=$((seen + 1))
done
[ $seen -ge 15 ] || fail "only $seen files"

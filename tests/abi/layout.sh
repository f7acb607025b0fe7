#!/bin/sh
# Each member of the plugin interface stays where it is, and each number is what it was
# (docs/abi.md): tests/abi/layout.64 and .32 are where that is. On machines whose pointers have 32
# bits it is one place, too, whether 64-bit numbers are aligned to 8 bytes there (armhf) or to 4
# (i386): there are no holes. What each is declared as is in tests/abi/layout.words.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"

same() # GOLDEN COMPILER FLAGS...
{
    golden=tests/abi/layout.$1
    shift
    tests/abi/layout "$@" >"$work/now"
    [ "$(grep -c . "$work/now")" -ge 520 ] || fail "only $(grep -c . "$work/now") members were found"
    diff -u "$golden" "$work/now" >&2 ||
        fail "the interface is another. If something was appended, and its minor number raised:
tests/abi/layout $* >$golden"
}

same words --words
compiler=${CC:-cc}
echo 'int x[sizeof(void *) == 8 ? 1 : -1];' >"$work/x.c"
if $compiler -c -o "$work/x.o" "$work/x.c" 2>/dev/null; then
    same 64 $compiler
else
    same 32 $compiler
fi
if echo 'int x;' | $compiler -m32 -malign-double -x c -c -o "$work/x.o" - 2>/dev/null; then
    same 32 $compiler -m32 -ffreestanding
    same 32 $compiler -m32 -malign-double -ffreestanding
else
    not_tried "32 bit: $compiler has no -m32"
fi

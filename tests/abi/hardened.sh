#!/bin/sh
# How the program and its plugins are linked: at an address that nobody knows before, with tables
# that cannot be written once they are filled, and with no stack or segment that is executed and
# written to. And how they are compiled: functions with arrays have a canary, and libc knows the size
# of what it writes to. Asked of what was built, whatever flags it was built with.
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

# uncanny FILE: no function of it has a canary; unfortified FILE: no function of libc that is told
# a size. What needs none has none of them, so it is the small ones that may.
needs() { readelf -W --syms "$1" 2>"$work/err" | awk '$7 == "UND" { print $8 }' | sed 's/@.*//' | sort -u; }
uncanny() { ! needs "$1" | grep -qx __stack_chk_fail; }
unfortified() { ! needs "$1" | grep -qE '^__[a-z0-9_]+_chk$'; }

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

cat >"$work/t.c" <<'END_C'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) { char a[100]; strcpy(a, argv[argc - 1]); return printf("%s", a); }
END_C
compiled() { cc -O2 -o "$work/t" "$work/t.c" "$@" 2>"$work/err" || fail "cc"; }
compiled -fno-stack-protector -U_FORTIFY_SOURCE
uncanny "$work/t" || fail "not noticed: no canaries"
unfortified "$work/t" || fail "not noticed: no sizes"
compiled -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
! uncanny "$work/t" || fail "canaries are not seen"
! unfortified "$work/t" || fail "sizes are not seen"

[ -x "$abs_top_builddir/tenon" ] || skip "nothing was built"
seen=0
for file in "$abs_top_builddir/tenon" "$abs_top_builddir"/.libs/*-*.so; do
    wrong "$file" >"$work/wrong"
    [ ! -s "$work/wrong" ] || { cat "$work/wrong" >&2; fail "${file##*/}"; }
    seen=$((seen + 1))
    case ${file##*/} in
    # Functions of some lines, without an array.
    mount-tmpfs.so | mount-cache.so | mount-bind.so | exporter-*.so | cache-local.so) ;;
    *) ! uncanny "$file" || fail "${file##*/}: compiled without -fstack-protector-strong" ;;
    esac
    case ${file##*/} in
    tenon | executor-*.so | frontend-*.so | progress-*.so | source-git.so)
        if grep -q 'fsanitize' "$abs_top_builddir/Makefile"; then continue; fi
        ! unfortified "$file" || fail "${file##*/}: compiled without _FORTIFY_SOURCE" ;;
    esac
done
[ $seen -ge 15 ] || fail "only $seen files"
# Whatever a file needs: that it is compiled so is said by the flags of all.
grep -q '^TENON_CFLAGS = .*-fstack-protector-strong' "$abs_top_builddir/Makefile" || fail "configure found no -fstack-protector-strong"

#!/bin/sh
# What `make dist` packs: every file of the repository but its own affairs, and
# none that came by accident.
. "$(dirname "$0")/lib.sh"
need git make
git() { command git -c safe.directory='*' -C "$abs_top_srcdir" "$@"; } # root in a user's tree
[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(realpath "$abs_top_srcdir")" ] ||
    skip "not a git checkout"
unset MAKEFLAGS MFLAGS MAKELEVEL

make -s -C "$abs_top_builddir" distdir distdir="$work/dist" >"$work/make.log" 2>&1 ||
    { tail -n 20 "$work/make.log" >&2; fail "make distdir"; }
git ls-files | grep -vxE '\.gitignore|\.ci/.*' | LC_ALL=C sort >"$work/wanted"
# autoreconf's are there, too; without them the archive could not be configured.
made='aclocal\.m4|configure|config\.h\.in|Makefile\.in|build-aux/.*|m4/(libtool|lt.*)\.m4'
(cd "$work/dist" && find . ! -type d | sed 's|^\./||' | LC_ALL=C sort) >"$work/all"
for f in configure Makefile.in config.h.in build-aux/install-sh; do
    grep -qx "$f" "$work/all" || fail "$f is not packed"
done
grep -vxE "$made" "$work/all" >"$work/packed"
diff "$work/wanted" "$work/packed" >"$work/diff" || {
    sed -n -e 's/^</not packed:/p' -e 's/^>/not of the repository:/p' "$work/diff" >&2
    fail "make dist is not complete"
}
# As they are, and as executable.
while read -r f; do
    cmp -s "$abs_top_srcdir/$f" "$work/dist/$f" || fail "$f is another file in the archive"
    [ -x "$work/dist/$f" ] || [ ! -x "$abs_top_srcdir/$f" ] || fail "$f is not executable in the archive"
done <"$work/wanted"

# The archive is the same bytes the next time, whoever makes it.
made=tenon-dist-test # below the build directory, as make has it
remove_made() { rm -rf "$abs_top_builddir/$made" "$abs_top_builddir/$made.tar.xz"; }
at_exit="$at_exit remove_made"
archive() { # UMASK TZ: its sum
    (umask "$1" && TZ=$2 make -s -C "$abs_top_builddir" dist-xz distdir=$made XZ_OPT=-0) \
        >"$work/make.log" 2>&1 || { tail -n 20 "$work/make.log" >&2; fail "make dist"; }
    sha256sum <"$abs_top_builddir/$made.tar.xz"
}
first=$(archive 022 UTC)
tar -tvf "$abs_top_builddir/$made.tar.xz" --numeric-owner >"$work/list"
assert_eq "0/0" "$(awk '{ print $2 }' "$work/list" | sort -u)"
assert_eq 1 "$(awk '{ print $4, $5 }' "$work/list" | sort -u | wc -l)"
remove_made
assert_eq "$first" "$(archive 077 Asia/Tokyo)"

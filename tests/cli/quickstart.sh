#!/bin/sh
# scripts/quickstart, as a newcomer runs it, in this build tree: it builds its
# image, what it says to try next works, and the second time nothing runs.
. "$(dirname "$0")/lib.sh"
need make
[ "$(id -u)" = 0 ] || unshare -Urm true 2>/dev/null || skip "needs root or user namespaces"
missing=$(sh -c '. "$1/scripts/setup.sh" && missing_packages' "$abs_top_srcdir/scripts/any" "$abs_top_srcdir" 2>&1)
[ -z "$missing" ] || skip "packages are missing: $(echo $missing)"
unset MAKEFLAGS MFLAGS MAKELEVEL

# A build directory for it that borrows what is built here.
BUILD=$work/build
export BUILD
mkdir "$BUILD"
printf 'all:\n\t$(MAKE) -C %s all\n' "$abs_top_builddir" >"$BUILD/Makefile"
ln -s "$abs_top_builddir/tenon" "$abs_top_builddir/tenon-dev" "$BUILD/"
cd "$BUILD"
run 0 "$abs_top_srcdir/scripts/quickstart"
assert_lacks "$work/out" installing
sed -n '/^Try next:/,$s/^  //p' "$work/out" >"$work/next"
assert_has "$work/err" "the slow part, once"
assert_has "$work/err" "exporting to oci image format"
[ "$("$abs_top_srcdir/tests/cli/ociread" quickstart/hello.tar cat /usr/share/hello/words | wc -l)" -ge 2 ] ||
    fail "no image"
# Neither its token nor an encoding of it is in the image.
run 1 "$abs_top_srcdir/tests/cli/ociread" quickstart/hello.tar grep "$(cat quickstart/token)"

# What it says, as it says it.
for what in 'skopeo inspect' 'build --progress=plain' 'build --help' plugins doctor; do
    grep -qF -e "$what" "$work/next" || { cat "$work/next" >&2; fail "no $what to try next"; }
done
[ -n "$(command -v skopeo)" ] || sed -i '/^skopeo/d' "$work/next"
sed -i -e '/docker enable/d' -e 's/\([^ ]\)  \+[^ ].*/\1/' "$work/next"
sed -n '/build --progress/,$p' "$work/next" >"$work/rest"
grep '^skopeo' "$work/next" | cat - "$work/rest" >"$work/script"
run 0 sh -e "$work/script"
again() { # nothing that can be in the cache ran
    assert_eq "" "$(steps_ended "$work/err" DONE)"
    [ "$(steps_ended "$work/err" CACHED | wc -l)" -ge "$1" ] || { cat "$work/err" >&2; fail "too few steps"; }
}
again 5

run 0 "$abs_top_srcdir/scripts/quickstart"
assert_lacks "$work/err" "the slow part, once"
assert_eq 0 "$(grep -c '^#[0-9]* [0-9]*\.[0-9]* ' "$work/err" || :)"
again 10
# With files of several ids, nobody else could remove it.
"$BUILD/tenon-dev" --root quickstart/store prune --all --force >"$work/prune" 2>&1 ||
    { cat "$work/prune" >&2; fail "its store cannot be emptied"; }

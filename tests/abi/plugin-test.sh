#!/bin/sh
# libtenon-plugin-test.a has all that it calls: tests of plugins elsewhere are linked with it alone.
. "$(dirname "$0")/../cli/lib.sh"
archive=$abs_top_builddir/libtenon-plugin-test.a
assert_file "$archive"
${NM:-nm} "$archive" >"$work/symbols"
awk 'NF == 3 { print $3 }' "$work/symbols" | sort -u >"$work/there"
awk '$1 == "U" && $2 ~ /^tenon_/ { print $2 }' "$work/symbols" | sort -u >"$work/called"
assert_has "$work/called" tenon_error_set
missing=$(comm -13 "$work/there" "$work/called")
[ -z "$missing" ] || fail "core/kit/local.mk leaves out who defines $(echo $missing)"

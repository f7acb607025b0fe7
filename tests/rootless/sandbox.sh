#!/bin/sh
# Each check of the sandbox, by both executors, in an ordinary user's namespace:
# tests/unit/test-exec-executors with the ids that a build of the user has.
. "$(dirname "$0")/lib.sh"
: "${TENON_BUILD_PLUGIN_DIR:=$abs_top_builddir/.libs}"
export TENON_BUILD_PLUGIN_DIR
need nsenter
make_user alice many
test=$abs_top_builddir/tests/unit/test-exec-executors
[ -x "$test" ] || skip "needs the unit tests (check)"

cp "$test" "$work/test" # where the user can read it; it makes its root in /var/tmp
make_namespace own "$(printf '0 %s 1\n1 %s' "$(id -u "$alice")" "$(uid_range "$alice")")"
run 0 nsenter --user --target $own "$work/test"
grep -q '^100%: Checks: [1-9][0-9]*, Failures: 0, Errors: 0$' "$work/out" || { cat "$work/out"; fail "no checks"; }
for executor in oci native; do
    [ -e "$abs_top_builddir/.libs/executor-$executor.so" ] || continue
    assert_lacks "$work/err" "executor-$executor.so: not built"
done
assert_eq "" "$(processes_of "$alice" | grep -v 'sleep 600' || :)"

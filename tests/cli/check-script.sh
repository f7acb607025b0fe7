#!/bin/sh
# scripts/check counts, lists what was not tried, repeats what failed, and leaves nothing
# running: with a build directory whose "tests" do as they are told.
. "$(dirname "$0")/lib.sh"
need make setsid cc nm
unset MAKEFLAGS MFLAGS MAKELEVEL
BUILD=$work/build
export BUILD
mkdir -p "$BUILD/tests/unit"
# Each test does what tests/unit/NAME.does says, and leaves what automake leaves.
cat >"$BUILD/Makefile" <<'END'
all:
print-tests:
	@[ $(AREA) != cli ] || exit 0; [ $(AREA) != fault ] || exit 1; cd tests/unit && for t in *.does; do echo tests/unit/$${t%.does}; done
check:
	@for t in $(TESTS); do \
	    sh $$t.does >$$t.log 2>&1; status=$$?; result=FAIL; \
	    case $$status in 0) result=PASS ;; 77) result=SKIP ;; esac; \
	    echo ":test-result: $$result" >$$t.trs; echo "$$result: $$t"; \
	done
END
does() { cat >"$BUILD/tests/unit/$1.does"; }
check() { "$abs_top_srcdir/scripts/check" --no-packages --unit "$@"; }
gone() { ! kill -0 "$(cat "$work/pid")" 2>/dev/null; }
last() { assert_eq "$1" "$(tail -n 1 "$work/out")"; }

does good </dev/null
echo 'echo "NOT TRIED: a part: needs a moon"' | does partly
run 0 check
last "2 passed, 0 failed, 0 skipped"
assert_has "$work/out" "  tests/unit/partly: a part: needs a moon"
assert_has "$work/out" "[2/2] PASS: tests/unit/partly"
grep -Eq '^ *took [0-9]+ s' "$work/out" || fail "how long it took is not said"
run 1 check --strict
last "1 passed, 1 failed, 0 skipped"
assert_has "$work/out" "FAIL tests/unit/partly: not tried, and not in tests/may-skip: a part: needs a moon"

# What failed, and that alone, is repeated; then nothing is left to repeat.
echo 'echo "it needs a sun"; exit 77' | does skipped
echo "echo ran >>$work/ran; exit 1" | does bad
rm "$BUILD/tests/unit/partly.does"
run 1 check -v
last "1 passed, 1 failed, 1 skipped"
assert_has "$work/out" "tests/unit/skipped: it needs a sun"
run 1 "$abs_top_srcdir/scripts/check" --no-packages --failed
last "0 passed, 1 failed, 0 skipped"
echo "echo ran >>$work/ran" | does bad
run 0 "$abs_top_srcdir/scripts/check" --no-packages --failed
last "1 passed, 0 failed, 0 skipped"
assert_eq 3 "$(wc -l <"$work/ran")"
run 0 "$abs_top_srcdir/scripts/check" --no-packages --failed
assert_has "$work/out" "nothing failed the last time"

# As it was run: a unit test with the disk beside its memory, one of a build below as one of that
# build, a case as a case.
echo "echo \"\$ON_DISK\" >>$work/where; exit 1" | does bad
run 1 check
run 1 "$abs_top_srcdir/scripts/check" --no-packages --failed
assert_eq "${TMPDIR:-/tmp} ${TMPDIR:-/tmp}" "$(paste -sd' ' "$work/where")"
repeats() { # FUNCTION ARGUMENT...: what --failed would repeat after it
    (
        for part in setup check-results check-parts; do . "$abs_top_srcdir/scripts/$part.sh"; done
        top=$abs_top_srcdir strict=1 verbose=
        read_may_skip
        begin_results
        "$@" >"$work/said"
        paste -sd, "$build/check.failed.new"
    )
}
rm -f "$BUILD/check.failed"
mkdir -p "$BUILD/asan/tests/unit"
for test in partly left; do echo ":test-result: PASS" >"$BUILD/asan/tests/unit/$test.trs"; done
echo ":test-result: SKIP" >"$BUILD/asan/tests/unit/left.trs"
echo "NOT TRIED: a part: needs a moon" >"$BUILD/asan/tests/unit/partly.log"
echo "needs a sun" >"$BUILD/asan/tests/unit/left.log"
assert_eq "asan tests/unit/partly,asan tests/unit/left,asan tests/unit/none" \
    "$(repeats count_tests "$BUILD/asan" asan tests/unit/partly tests/unit/left tests/unit/none)"
assert_has "$work/said" "FAIL asan/tests/unit/none"
printf '%s\n' 'SKIP a/b: needs a sun' 'FAIL a/c' '0 passed, 1 failed, 1 skipped' >"$work/cases"
assert_eq "cases-oci a/b,cases-oci a/c" "$(repeats count_cases "$work/cases" cases-oci cases)"
rm -f "$BUILD/check.failed.new"

# No names are not the same as no tests.
run 1 check --cli
assert_has "$work/err" 'make knows no test of "cli"'
run 1 check --fault
assert_has "$work/err" 'make does not say which tests "fault" has'

# A test without a result did not pass.
echo "kill -9 \$PPID" | does vanishes
run 1 check
assert_has "$work/out" "FAIL tests/unit/vanishes"
rm "$BUILD/tests/unit/vanishes.does"

# What a conformance case failed by is shown with it.
printf '%s\n' 'FAIL a/b' '  one' '  two' 'FAIL a/bc' '  other' '0 passed, 2 failed, 0 skipped' >"$work/cases"
assert_eq "  |   one
  |   two" "$(. "$abs_top_srcdir/scripts/check-parts.sh"; differences "$work/cases" a/b)"

# Under TSan is what has threads, and what nobody could look at.
mkdir -p "$BUILD/asan"
echo 'int main(void) { return 0; }' >"$work/one.c"
printf '#include <pthread.h>\nint main(void) { pthread_t t; return pthread_create(&t, 0, 0, 0); }\n' >"$work/two.c"
for program in one two; do
    cc -w -pthread -o "$BUILD/asan/$program" "$work/$program.c" || fail "$program.c does not compile"
done
assert_eq "two three" "$(. "$abs_top_srcdir/scripts/check-parts.sh"; build=$BUILD; threaded one two three | paste -sd' ')"

# A signal ends all of it, with the status that tells so.
for signal in "INT 130" "TERM 143" "HUP 129"; do
    set -- $signal
    rm -f "$work/pid"
    echo "echo \$\$ >$work/pid.new; mv $work/pid.new $work/pid; exec sleep 600" | does hangs
    env --default-signal=INT "$abs_top_srcdir/scripts/check" --no-packages --unit >"$work/out" 2>&1 &
    checking=$!
    remember $checking
    await "the test that hangs" test -e "$work/pid"
    kill -$1 $checking
    status=0
    wait $checking || status=$?
    assert_eq "$1 $2" "$1 $status"
    await "the end of the test that hangs, by $1" gone
done
# What had failed by then is repeated, also when nobody could write it down at the end.
assert_has "$BUILD/check.failed" "unit tests/unit/bad"
rm -f "$work/pid" "$BUILD/check.failed"
setsid "$abs_top_srcdir/scripts/check" --no-packages --unit >"$work/out" 2>&1 &
checking=$!
remember $checking
await "the test that hangs" test -e "$work/pid"
await "what failed before it" grep -qs bad "$BUILD/check.failed.new"
kill -KILL $checking
wait $checking || :
kill "$(cat "$work/pid")" # and may be written down, too
for test in bad hangs; do echo exit 0 | does $test; done
run 0 "$abs_top_srcdir/scripts/check" --no-packages --failed
assert_has "$work/out" "PASS: tests/unit/bad"
rm "$BUILD/tests/unit/hangs.does"

# A line without a reason is no line of tests/may-skip.
mkdir -p "$work/copy/tests" "$work/copy/core"
cp -r "$abs_top_srcdir/scripts" "$work/copy"
cp "$abs_top_srcdir/tests/in-memory" "$work/copy/tests"
touch -d 2020-01-01 "$work/copy/configure.ac"
touch "$work/copy/configure" # the newer one
chmod +x "$work/copy/configure"
echo 'tests/unit/skipped: *  # the sun is for the next release' >"$work/copy/tests/may-skip"
run 0 "$work/copy/scripts/check" --no-packages --unit --strict
last "2 passed, 0 failed, 1 skipped"
echo 'tests/unit/skipped: *' >"$work/copy/tests/may-skip"
run 1 "$work/copy/scripts/check" --no-packages --unit --strict
assert_has "$work/err" 'tests/may-skip: "tests/unit/skipped: *" is not'

# What works in memory does so where nobody else sees it; its status is the command's.
mkdir "$work/memory" "$work/disk"
run 3 env -u ON_DISK TMPDIR="$work/disk" "$abs_top_srcdir/tests/in-memory" "$work/memory" \
    sh -c 'echo kept >"$TMPDIR/file"; echo "$TMPDIR ${ON_DISK-}"; stat -f -c %T "$TMPDIR"; exit 3'
if [ "$(head -n 1 "$work/out")" = "$work/disk " ]; then
    not_tried "tests in memory: needs root, namespaces, 8 GiB and Linux 6.6"
    assert_file "$work/disk/file"
else
    assert_eq "$work/memory $work/disk
tmpfs" "$(cat "$work/out")"
    assert_no_file "$work/disk/file"
fi
assert_no_file "$work/memory/file"
! grep -qF "$work/memory" /proc/self/mountinfo || fail "memory is mounted for all"
# Faults are of disks.
mkdir "$work/fault" "$work/other"
for place in fault other; do
    printf '#!/bin/sh\necho "in $TMPDIR"\n' >"$work/$place/test.sh"
    chmod +x "$work/$place/test.sh"
    env ON_DISK=disk TMPDIR=memory sh "$abs_top_srcdir/tests/bounded" "$work/$place/test.sh" >>"$work/places"
done
assert_eq "in disk in memory" "$(grep '^in ' "$work/places" | paste -sd' ')"

# check-parts.sh - sourced by check: one function for each kind of test. Each says what
# it does as it goes, and counts in passed, failed and skipped.

tests_of() { make -s -C "$build" --no-print-directory print-tests AREA="$1"; }

# new_scratch NAME: sets scratch to a directory, for tests/in-memory to take. Not in the tree:
# overlayfs may not work where that is.
new_scratch() { scratch=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX"); }
end_scratch() {
    $root rm -rf "$scratch"
    scratch=
}

# Each result of automake's as it comes: "PASS: NAME".
follow_tests() { # LOG HOW-MANY
    done=0
    tail -q -n +1 -f --pid="$running" "$1" 2>/dev/null | while read -r result test; do
        case $result in
        PASS: | FAIL: | SKIP: | ERROR:)
            done=$((done + 1))
            say "  [$done/$2] $result $test"
            ;;
        esac
    done
}

# The parts that a passing test did not try; false when one of them had to be.
parts_left_out() { # NAME LOG HOW
    sed -n 's/^NOT TRIED: //p' "$2" | sort -u >"$build/check.parts"
    accepted=0
    while IFS= read -r what; do left_out "$1" "$what" "$3" || accepted=1; done <"$build/check.parts"
    return $accepted
}

# How long a part took, and which of its tests longest: from when a log was made until its
# result was written, where the file system knows that.
say_times() { # BUILD-DIRECTORY SINCE TEST...
    dir=$1 since=$2
    shift 2
    slowest=$(for test; do
        from=$(stat -c %W "$dir/$test.log" 2>/dev/null) to=$(stat -c %Y "$dir/$test.trs" 2>/dev/null) || continue
        [ "${from:-0}" -le 0 ] || echo "$((to - from)) $test"
    done | sort -rn | sed 's/^\([0-9]*\) \(.*\)/\2 \1 s/; 6q' | paste -sd, | sed 's/,/, /g')
    say "  took $(($(date +%s) - since)) s${slowest:+; the slowest: $slowest}"
}

# Automake leaves a NAME.trs and a NAME.log for each test.
count_tests() { # BUILD-DIRECTORY HOW TEST...
    dir=$1 how=$2
    shift 2
    for test; do
        name=${dir#"$build"}/$test
        name=${name#/}
        log=$dir/$test.log
        case $(sed -n 's/^:test-result: *\([A-Z]*\).*/\1/p' "$dir/$test.trs" 2>/dev/null | head -n 1) in
        PASS) ! parts_left_out "$name" "$log" "$how" || passed=$((passed + 1)) ;;
        SKIP)
            skipped_one "$name" "$(grep -v -e '^SKIP ' -e '^TOOK ' -e '^NOT TRIED: ' "$log" | tail -n 1)" "$how"
            ;;
        *)
            failed_one "$how" "$test"
            # Its end at least: where a test fails once in a hundred, there is no second look.
            [ ! -e "$log" ] || tail -n "$([ -n "$verbose" ] && echo +1 || echo 20)" "$log" | sed 's/^/  | /'
            ;;
        esac
    done
}

run_tests() { # TITLE "[as root] [env ...]" TEST...
    title=$1 prefix=$2
    shift 2
    say "$title ($#)"
    part_began=$(date +%s)
    rm -f "$build/check.log"
    : >"$build/check.log"
    for test; do $root rm -f "$build/$test.trs" "$build/$test.log"; done
    # More than there are processors: each of them waits for something half of the time.
    new_scratch t # short: sockets are made below it
    in_session $prefix "$top/tests/in-memory" "$scratch" \
        make -C "$build" -j"$(($(nproc) + 2))" -k check TESTS="$*" >"$build/check.log" 2>&1
    follow_tests "$build/check.log" $# &
    follower=$!
    wait_session || : # the results tell
    wait $follower
    end_scratch
    say_times "$build" "$part_began" "$@"
    count_tests "$build" test "$@"
}

# The builds below $build, all at once. Compiled with less than -g -O2 they are there in half
# the time, and a trace has its lines.
configure_sanitized() { # asan | tsan ...
    in_session sh -c 'top=$1 build=$2
        shift 2
        for how; do
            flag=--enable-sanitizers
            [ $how != tsan ] || flag=$flag=thread
            mkdir -p "$build/$how" && cd "$build/$how" || exit
            [ -f Makefile ] || "$top/configure" -q $flag CFLAGS="-O1 -g1" >configure.log 2>&1 &
        done
        wait' sh "$top" "$build" "$@"
    wait_session || : # where no Makefile is it failed
}

# A build of its own below $build, of the test programs and no more.
run_sanitized() { # asan | tsan TEST...
    dir=$build/$1
    how=$1
    shift
    say "unit tests with $how ($#)"
    part_began=$(date +%s)
    [ -f "$dir/Makefile" ] ||
        { tail -n 20 "$dir/configure.log" >&2; failed_one "$how" configure "for $how"; return; }
    for test; do rm -f "$dir/$test.trs" "$dir/$test.log"; done
    # Many tests load modules.
    in_session make -C "$dir" -j"$(nproc)" -k modules "$@" >"$dir/check.log" 2>&1
    wait_session || : # a program that is missing is a failure below
    say "  built in $(($(date +%s) - part_began)) s"
    part_began=$(date +%s)
    new_scratch t
    in_session "$top/tests/in-memory" "$scratch" \
        make -C "$dir" -j"$(($(nproc) + 1))" -k check-TESTS TESTS="$*" >>"$dir/check.log" 2>&1
    follow_tests "$dir/check.log" $# &
    follower=$!
    wait_session || :
    wait $follower
    end_scratch
    say_times "$dir" "$part_began" "$@"
    count_tests "$dir" "$how" "$@"
}

# threaded TEST...: those that can make a thread, or load what does. Of the build with ASan; one
# that is not there is named, too.
threaded() {
    for test; do
        if nm -u "$build/asan/$test" >"$build/check.parts" 2>&1; then
            grep -qE ' (pthread_create|thrd_create|dlopen)(@|$)' "$build/check.parts" || continue
        fi
        echo "$test"
    done
}

# differences LOG CASE: what the runner says below "FAIL CASE"
differences() {
    awk -v head="FAIL $2" '/^[^ ]/ { on = $0 == head; next } on { print "  | " $0 }' "$1"
}

# The runner's lines "FAIL AREA/NAME" and "SKIP AREA/NAME: why", and its last one.
count_cases() { # LOG HOW TITLE
    if [ -n "$verbose" ]; then cat "$1"; fi
    sed -n 's/^SKIP \([^:]*\): /\1 /p' "$1" >"$build/check.parts"
    while read -r case why; do skipped_one "conformance:$case" "$why" "$2"; done <"$build/check.parts"
    sed -n 's/^\(FAIL\|ERROR\) \([^ :]*\).*/\2/p' "$1" >"$build/check.parts"
    while read -r case; do
        failed_one "$2" "$case"
        [ -n "$verbose" ] || differences "$1" "$case" | head -n 20
    done <"$build/check.parts"
    runs=0
    while read -r p _; do
        [ -n "$p" ] || continue
        passed=$((passed + p)) runs=$((runs + 1))
    done <<END
$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1")
END
}

run_cases() { # TITLE HOW RUNS COMMAND...: RUNS lines of numbers are to come; $scratch is used up
    title=$1 how=$2 wanted=$3
    shift 3
    say "$title"
    if [ "$(id -u)" != 0 ] && [ -z "$root" ]; then
        end_scratch
        skipped_one "$title" "needs root" "$how"
        return
    fi
    log=$build/conformance-$how.log
    part_began=$(date +%s)
    where=
    [ "$how" != cases-oci ] || where=$on_disk
    in_session $root $where "$top/tests/in-memory" "$scratch" "$@" -v >"$log" 2>&1
    status=0
    wait_session || status=$?
    end_scratch
    say "  took $(($(date +%s) - part_began)) s"
    if [ $status = 77 ]; then
        skipped_one "$title" "$(tail -n 1 "$log")" "$how"
        return
    fi
    count_cases "$log" "$how" "$title"
    if [ "$runs" -lt "$wanted" ]; then
        tail -n 5 "$log" >&2
        failed_one "$how" "*" "$title: the runner stopped"
    fi
}

run_conformance() { # TITLE [OPTION...] of the runner
    title=$1
    shift
    new_scratch tenon-conformance
    run_cases "$title" "${conformance_how-cases}" 1 "$top/tests/conformance/run" --tool tenon \
        --bin "$build/tenon-dev" --jobs "$jobs" --dir "$scratch" "$@"
}

run_conformance_oci() { # [OPTION...]
    if ! command -v runc >/dev/null; then
        skipped_one "conformance with executor-oci" "needs runc" cases-oci
        return
    fi
    echo '{"executor": "oci"}' >"$build/oci.json"
    conformance_how=cases-oci
    run_conformance "conformance with executor-oci" --env "TENON_CONFIG=$build/oci.json" "$@"
    unset conformance_how
}

# Where no overlay can be had, as in a container.
run_conformance_copies() { # [OPTION...]
    new_scratch tc
    run_cases "conformance with copied trees" cases-copies 1 "$top/tests/conformance/on-overlay" \
        --tool tenon --bin "$build/tenon-dev" --jobs "$jobs" "$@"
}

run_rootless_cases() {
    new_scratch tr
    run_cases "conformance as ordinary users" cases-rootless 2 \
        env abs_top_builddir="$build" "$top/tests/rootless/conformance" --jobs "$jobs"
}

run_mutations() { # OPTION...
    say "mistakes that the tests must notice"
    if [ "$(id -u)" != 0 ]; then
        skipped_one "tests/mutation" "needs root" mutation
        return
    fi
    log=$build/mutation.log
    part_began=$(date +%s)
    in_session "$top/tests/mutation/run" -v --built "$build" "$@" >"$log" 2>&1
    wait_session || : # its lines tell
    say "  took $(($(date +%s) - part_began)) s"
    sed -n 's/^/  /p' "$log"
    passed=$((passed + $(grep -c '^NOTICED ' "$log" || :)))
    sed -n 's/^\(SURVIVED\|BROKEN\|WRONG\) *\([^ ]*\).*/\2/p' "$log" >"$build/check.parts"
    while read -r name; do failed_one mutation "$name" "not noticed"; done <"$build/check.parts"
    tail -n 1 "$log" | grep -Eq '^[0-9]+ noticed, [0-9]+ survived, [0-9]+ broken$' || [ -s "$build/check.parts" ] ||
        failed_one mutation "*" "the runner stopped"
}

# Repeats what the last run wrote to check.failed.
run_failed() {
    list=$build/check.failed
    [ -s "$list" ] || { say "nothing failed the last time"; return; }
    of() { sed -n "s/^$1 //p" "$list"; }
    filters_of() { of "$1" | sed 's/.*/--filter &/'; }
    [ -z "$(of test)" ] ||
        run_tests "tests that failed" "$root env FAULT_ROUNDS=${FAULT_ROUNDS-10}" $(of test)
    for sanitizer in asan tsan; do
        [ -n "$(of $sanitizer)" ] || continue
        configure_sanitized $sanitizer
        run_sanitized $sanitizer $(of $sanitizer | sed '/^configure$/d')
    done
    set -f # "*" stays one
    [ -z "$(of cases)" ] || run_conformance "cases that failed" $(filters_of cases)
    [ -z "$(of cases-copies)" ] || run_conformance_copies $(filters_of cases-copies)
    [ -z "$(of cases-oci)" ] || run_conformance_oci $(filters_of cases-oci)
    [ -z "$(of mutation)" ] || run_mutations $(of mutation)
    set +f
    [ -z "$(of cases-rootless)" ] || run_rootless_cases
}

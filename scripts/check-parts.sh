# check-parts.sh - sourced by check: one function for each kind of test. Each says what
# it does as it goes, and counts in passed, failed and skipped.

# To be assigned, so that its failure ends check.
tests_of() {
    names=$(make -s -C "$build" --no-print-directory print-tests AREA="$1") ||
        die "make does not say which tests \"$1\" has"
    [ -n "$names" ] || die "make knows no test of \"$1\""
    printf '%s\n' "$names"
}

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
parts_left_out() { # NAME LOG HOW TEST
    sed -n 's/^NOT TRIED: //p' "$2" | sort -u >"$build/check.parts"
    accepted=0
    while IFS= read -r what; do left_out "$1" "$what" "$3" "$4" || accepted=1; done <"$build/check.parts"
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
        PASS) ! parts_left_out "$name" "$log" "$how" "$test" || passed=$((passed + 1)) ;;
        SKIP)
            skipped_one "$name" "$(grep -v -e '^SKIP ' -e '^TOOK ' -e '^NOT TRIED: ' "$log" | tail -n 1)" \
                "$how" "$test"
            ;;
        *)
            failed_one "$how" "$test" "$name"
            # Its end at least: where a test fails once in a hundred, there is no second look.
            [ ! -e "$log" ] || tail -n "$([ -n "$verbose" ] && echo +1 || echo 20)" "$log" | sed 's/^/  | /'
            ;;
        esac
    done
}

failed_test='s/^\(FAIL\|ERROR\): //p'

run_tests() { # TITLE HOW "[as root] [env ...]" TEST...
    title=$1 how=$2 prefix=$3
    shift 3
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
    note_failures "$how" "$build/check.log" "$failed_test" &
    wait_session || : # the results tell
    wait $follower $!
    end_scratch
    say_times "$build" "$part_began" "$@"
    count_tests "$build" "$how" "$@"
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
        { tail -n 20 "$dir/configure.log" >&2; failed_one "$how" configure "configure for $how"; return; }
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
    note_failures "$how" "$dir/check.log" "$failed_test" &
    wait_session || :
    wait $follower $!
    end_scratch
    say_times "$dir" "$part_began" "$@"
    count_tests "$dir" "$how" "$@"
}

# All that are run with it. One thread has nobody to race with.
run_all_sanitized() { # asan | tsan
    programs=$(tests_of unit)
    programs=$(printf '%s\n' "$programs" | sed '/\.sh$/d')
    [ "$1" != tsan ] || programs=$(threaded $programs)
    run_sanitized "$1" $programs
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

failed_case='s/^\(FAIL\|ERROR\) \([^ :]*\).*/\2/p'

# The runner's lines "FAIL AREA/NAME" and "SKIP AREA/NAME: why", and its last one.
count_cases() { # LOG HOW TITLE
    if [ -n "$verbose" ]; then cat "$1"; fi
    sed -n 's/^SKIP \([^:]*\): /\1 /p' "$1" >"$build/check.parts"
    while read -r case why; do skipped_one "conformance:$case" "$why" "$2" "$case"; done <"$build/check.parts"
    sed -n "$failed_case" "$1" >"$build/check.parts"
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
        skipped_one "$title" "needs root" "$how" "*"
        return
    fi
    log=$build/conformance-$how.log
    part_began=$(date +%s)
    where=
    [ "$how" != cases-oci ] || where=$on_disk
    rm -f "$log"
    : >"$log"
    in_session $root $where "$top/tests/in-memory" "$scratch" "$@" -v >"$log" 2>&1
    note_failures "$how" "$log" "$failed_case" &
    status=0
    wait_session || status=$?
    wait $!
    end_scratch
    say "  took $(($(date +%s) - part_began)) s"
    if [ $status = 77 ]; then
        skipped_one "$title" "$(tail -n 1 "$log")" "$how" "*"
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

by_executor="--filter run --filter caching" # what depends on it

run_conformance_oci() { # [OPTION...]
    if ! command -v runc >/dev/null; then
        skipped_one "conformance with executor-oci" "needs runc" cases-oci "*"
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

failed_mutation='s/^\(SURVIVED\|BROKEN\|WRONG\) *\([^ ]*\).*/\2/p'

run_mutations() { # OPTION...
    say "mistakes that the tests must notice"
    if [ "$(id -u)" != 0 ]; then
        skipped_one "tests/mutation" "needs root" mutation "*"
        return
    fi
    log=$build/mutation.log
    part_began=$(date +%s)
    rm -f "$log"
    : >"$log"
    in_session "$top/tests/mutation/run" -v --built "$build" "$@" >"$log" 2>&1
    note_failures mutation "$log" "$failed_mutation" &
    wait_session || : # its lines tell
    wait $!
    say "  took $(($(date +%s) - part_began)) s"
    sed -n 's/^/  /p' "$log"
    passed=$((passed + $(grep -c '^NOTICED ' "$log" || :)))
    sed -n "$failed_mutation" "$log" >"$build/check.parts"
    while read -r name; do failed_one mutation "$name" "$name: not noticed"; done <"$build/check.parts"
    tail -n 1 "$log" | grep -Eq '^[0-9]+ noticed, [0-9]+ survived, [0-9]+ broken$' || [ -s "$build/check.parts" ] ||
        failed_one mutation "*" "mutations: the runner stopped"
}

# Repeats what the last run wrote to check.failed, as it was run there. "*" is all of it.
run_failed() {
    list=$build/check.failed
    [ -s "$list" ] || { say "nothing failed the last time"; return; }
    of() { sed -n "s/^$1 //p" "$list"; }
    # filters_of HOW ALL...
    filters_of() {
        of "$1" | sed 's/.*/--filter &/' >"$build/check.parts"
        shift
        if grep -qxF -e '--filter *' "$build/check.parts"; then echo "$@"; else cat "$build/check.parts"; fi
    }
    [ -z "$(of unit)" ] || run_tests "unit tests that failed" unit "$on_disk" $(of unit)
    [ -z "$(of test)" ] || run_tests "tests that failed" test "$in_shell" $(of test)
    for sanitizer in asan tsan; do
        [ -n "$(of $sanitizer)" ] || continue
        configure_sanitized $sanitizer
        if of $sanitizer | grep -qx configure; then run_all_sanitized $sanitizer
        else run_sanitized $sanitizer $(of $sanitizer); fi
    done
    set -f # "*" stays one
    [ -z "$(of cases)" ] || run_conformance "cases that failed" $(filters_of cases)
    [ -z "$(of cases-copies)" ] || run_conformance_copies $(filters_of cases-copies --quick)
    [ -z "$(of cases-oci)" ] || run_conformance_oci $(filters_of cases-oci $by_executor)
    case $(of mutation) in
    "") ;;
    *"*"*) run_mutations --sample "$MUTATIONS" ;;
    *) run_mutations $(of mutation) ;;
    esac
    set +f
    [ -z "$(of cases-rootless)" ] || run_rootless_cases
}

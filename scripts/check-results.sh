# check-results.sh - sourced by check: what passed, failed and was left out; what to
# repeat; and that nothing runs on when check is ended.

passed=0 failed=0 skipped=0
began=$(date +%s)
running=

# in_session COMMAND...: in the background, in a session of its own, so that a signal
# reaches all of it. Background jobs ignore Ctrl-C unless told otherwise, and some
# tests are about that.
in_session() {
    setsid env --default-signal=INT,QUIT "$@" &
    running=$!
}

# Its exit status is that of the command.
wait_session() {
    session_status=0
    wait "$running" || session_status=$?
    running=
    return $session_status
}

stopped() { # SIGNAL-NUMBER
    trap '' INT TERM HUP
    say "ended by a signal; ending what runs"
    if [ -n "$running" ]; then
        kill -s TERM -- "-$running" || say "it had ended"
        wait "$running" || :
        wait # for what writes down failures
    fi
    keep_failures
    [ -z "${scratch-}" ] || $root rm -rf "$scratch"
    exit $((128 + $1))
}
trap 'stopped 1' HUP
trap 'stopped 2' INT
trap 'stopped 15' TERM

# tests/may-skip: lines "NAME: WHAT  # why"; both may be patterns.
read_may_skip() {
    may_skip=$top/tests/may-skip
    wrong=$(sed -e '/^#/d' -e '/^ *$/d' -e '/^[^ ]*: .* # ./d' "$may_skip")
    [ -z "$wrong" ] || die "tests/may-skip: \"$wrong\" is not \"NAME: WHAT  # why\""
}

may_be_left_out() { # NAME WHAT
    while IFS= read -r line; do
        case $line in "#"* | "") continue ;; esac
        pattern=${line%%" # "*}
        pattern=$(printf '%s' "$pattern" | sed 's/ *$//')
        case "$1: $2" in $pattern) return 0 ;; esac
    done <"$may_skip"
    return 1
}

# left_out NAME WHAT HOW TEST: a test, or a part of one, that could not be tried. False when
# that is a failure, which is counted here. HOW and TEST: see failed_one.
left_out() {
    if [ -n "$strict" ] && ! may_be_left_out "$1" "$2"; then
        failed_one "$3" "$4" "$1: not tried, and not in tests/may-skip: $2"
        return 1
    fi
    printf '  %s: %s\n' "$1" "$2" >>"$build/check.left-out"
}

# skipped_one NAME WHY HOW TEST: as a whole.
skipped_one() { ! left_out "$@" || skipped=$((skipped + 1)); }

# failed_one HOW TEST [TEXT]: what --failed needs to repeat it, and what is said of it (TEST).
failed_one() {
    failed=$((failed + 1))
    say "FAIL ${3-$2}"
    printf '%s %s\n' "$1" "$2" >>"$build/check.failed.new"
}

# note_failures HOW LOG SED: while what runs writes LOG, the tests that it says have failed: SED
# makes a test's name of such a line. They are counted at its end, which may not come.
note_failures() {
    tail -q -n +1 -f --pid="$running" "$2" 2>/dev/null | sed -un "$3" | sed -u "s/^/$1 /" \
        >>"$build/check.failed.new"
}

# What a run that did not reach its end knew, with what the one before it knew.
keep_failures() {
    [ -e "$build/check.failed.new" ] || return 0
    touch "$build/check.failed"
    sort -u -o "$build/check.failed" "$build/check.failed" "$build/check.failed.new"
    rm "$build/check.failed.new"
}

begin_results() {
    keep_failures
    : >"$build/check.left-out"
    : >"$build/check.failed.new"
}

end_results() {
    sort -u "$build/check.failed.new" >"$build/check.failed"
    rm "$build/check.failed.new"
    if [ -s "$build/check.left-out" ]; then
        say "not tried:"
        sort -u "$build/check.left-out"
    fi
    say "it took $(($(date +%s) - began)) s"
    [ "$failed" = 0 ] || say "scripts/check --failed -v repeats what failed"
    say "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

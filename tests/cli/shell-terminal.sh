#!/bin/sh
# tenon shell on a real terminal: prompt, keys, job control, size; and the terminal
# is as it was, however the shell ends.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/terminal.sh"
need_terminal

# Two stages at once; the one that fails is entered, though the other ran last.
dockerfile <<'D'
FROM base AS good
WORKDIR /good
RUN --mount=type=cache,target=/marks touch /marks/good; sleep 1111
FROM base AS bad
WORKDIR /bad
ENV WHO="the bad one"
RUN --mount=type=cache,target=/marks n=0; while ! test -e /marks/good; do n=$((n + 1)); [ $n -lt 600 ] || exit 9; sleep 0.05; done; \
    rm /marks/good; echo half >half; echo printed; exit 3
FROM base
COPY --from=good / /
COPY --from=bad / /
D

begin() { # FLAG...: the shell, in a terminal of 80 columns and 24 lines
    term_start 80 24 "stty -g >$work/before; $abs_top_builddir/tenon-dev --root $store shell $*; s=\$?; stty -g >$work/after; exit \$s"
}
type_line() { tm send-keys -l "$1"; tm send-keys Enter; }
restored() {
    await "the end of the shell" test -s "$work/after"
    diff "$work/before" "$work/after" || fail "the terminal is not as before"
    rm -f "$work/before" "$work/after"
}

# A program that is this test's: "sleep N", by the number that it has nowhere else.
nap=1$$
naps() { grep -qsxaz -e "$nap$1" /proc/[0-9]*/cmdline; }
no_naps() { ! naps "$1"; }

for executor in $executors; do
    use_executor $executor
    run 1 build --no-cache
    assert_has "$work/err" "exit code: 3"
    assert_has "$work/err" "hint: tenon shell"

    begin
    term_until "[bad 2/3] /bad #" # the step, the directory, the user
    term_all >"$work/screen"
    screen_has '^step: +\[bad 2/3\] RUN --mount=type=cache'
    screen_has '^kept: .*files'
    screen_has '^not kept: +running programs'
    screen_has "^output: +$store/logs/[0-9a-f-]+/[0-9a-f]{64}\$"
    type_line 'tty | sed "s/^/named /"; echo open >/dev/tty; : >"$(tty)" && [ "$(stat -Lc %d:%i "$(tty)")" = "$(stat -Lc %d:%i /proc/self/fd/0)" ] && echo "by name" | tr a-z A-Z'
    term_until "named /dev/"
    term_until "BY NAME"
    type_line clear
    type_line 'cat half; echo "I am $WHO"; stty size'
    term_until "half"
    term_until "I am the bad one"
    term_until "24 80"
    ! term_screen | grep -q "job control turned off\|can't access tty" || fail "no terminal of its own"

    # Ctrl-C is for what runs in the shell.
    type_line "sleep ${nap}1"'; echo "ended with $?"'
    await "the program of the shell" naps 1
    tm send-keys C-c
    term_until "/bad #"
    type_line 'echo "code $?" | tr a-z A-Z'
    term_until "CODE 130"
    # Ctrl-Z, and the jobs.
    type_line "sleep ${nap}2"
    await "the program of the shell" naps 2
    tm send-keys C-z
    term_until "Stopped"
    type_line 'kill %1; fg; jobs; echo "no jobs" | tr a-z A-Z'
    term_until "NO JOBS"
    # Ctrl-\ and Ctrl-D are the shell's, too; bytes pass as they are. What is typed before
    # the shell has given the terminal away is its own, and Ctrl-D a byte like others.
    type_line 'echo reading | tr a-z A-Z; cat | od -An -tx1'
    term_until "READING"
    tm send-keys -l 'äé'
    tm send-keys Enter
    tm send-keys C-d
    term_until "c3 a4 c3 a9 0a"

    # The window changes: the shell's program sees it.
    type_line 'clear; n=0; until [ "$(stty size)" = "30 100" ] || [ $n -gt 300 ]; do n=$((n + 1)); sleep 0.1; done; stty size'
    term_resize 100 30
    term_until "30 100"

    type_line 'exit 7'
    term_wait 7
    restored
    term_end

    # A command, not a shell; it may have been ended by a signal.
    # (A runtime may tell its own terminal of the size when the command runs already.)
    begin sh -c "'n=0; until [ \"\$(stty size)\" = \"24 80\" ] || [ \$n -gt 300 ]; do n=\$((n + 1)); sleep 0.1; done; stty size; kill -KILL \$\$; exit 4'"
    term_until "24 80"
    term_wait 4 # number 1 of a namespace takes no such signal from itself
    restored
    term_end

    # tenon is told to end: the terminal is given back, and nothing runs on.
    begin
    term_until "/bad #"
    type_line "sleep ${nap}3"
    await "the program of the shell" naps 3
    # Its guard is a copy with the same arguments, and its child.
    pid=$(for p in $(grep -lsaF "$store" /proc/[0-9]*/cmdline | cut -d/ -f3); do
        parent=$(sed -n 's/^PPid:.//p' "/proc/$p/status" 2>/dev/null) || continue
        case $(readlink "/proc/$p/exe"):$(readlink "/proc/$parent/exe") in
        */tenon:*/tenon) ;;
        */tenon:*) echo "$p" ;;
        esac
    done)
    kill -TERM "$pid"
    restored
    await "the end of the shell's program" no_naps 3
    term_end
done

# What is typed for a program that does not read is in nobody's way.
seq 60000 >"$work/typed"
begin sh -c "'echo asleep; sleep 2'"
term_until "asleep"
tm load-buffer "$work/typed"
tm paste-buffer
term_wait 0
restored
term_end

# What the step had and the shell has not is named once, with the way to give it again.
dockerfile <<'D'
FROM base
RUN --mount=type=secret,id=s --mount=type=secret,id=s,target=/again --mount=type=secret,id=v,env=V \
    --mount=type=ssh,id=key --mount=type=tmpfs,target=/t --mount=type=tmpfs,target=/u exit 3
D
use_executor native
run 1 build --no-cache
assert_has "$work/err" "exit code: 3"
term_start 240 24 "$abs_top_builddir/tenon-dev --root $store shell"
term_until "/ #"
term_all | tr -d '\r' | sed -n 's/^not kept: *//p' | tr ',' '\n' | sed 's/^ *//; s/ *$//' | sort >"$work/lost"
sort >"$work/wanted" <<'END'
running programs
what was in /t
what was in /u
secret s (--secret id=s,src=FILE)
secret v (--secret id=v,src=FILE)
agent key (--ssh key)
END
# The commas of the hints are between words, too.
sed -i 's/,/\n/' "$work/wanted"
sort -o "$work/wanted" "$work/wanted"
diff "$work/wanted" "$work/lost" || fail "what is not kept"
type_line 'exit 5'
term_wait 5
term_end

# A prune takes it.
run 0 tenon prune --all --force
begin
term_wait 1
term_screen | grep -q "no failed step of build .* is kept" || { term_screen >&2; fail "not gone"; }
restored
term_end

# terminal.sh - a real terminal for a command: tmux with a socket of its own.
# Sourced after lib.sh.
need_terminal() {
    need tmux
    TMUX_TMPDIR=$work
    export TMUX_TMPDIR
    unset TMUX TERM NO_COLOR BUILDKIT_COLORS BUILDKIT_TTY_LOG_LINES TTY_DISPLAY_RATE 2>/dev/null || :
}

tm() { tmux -L t -f /dev/null "$@"; }

# term_start COLUMNS ROWS COMMAND: runs it there; the screen stands when it is over.
# All that it writes is in $work/term-record.
term_start() {
    rm -f "$work/term-status" "$work/term-go"
    : >"$work/term-record"
    {
        printf '#!/bin/sh\nuntil [ -e "%s" ]; do sleep 0.05; done\n' "$work/term-go"
        printf 'trap : INT\n(trap : INT; %s)\nstatus=$?\n' "$3"
        printf 'printf "\\033]2;over\\007"\necho $status >"%s"\nexec sleep 600\n' "$work/term-status"
    } >"$work/term.sh"
    tm new-session -d -x "$1" -y "$2" "exec sh $work/term.sh"
    tm set-option -g status off
    tm set-option -g history-limit 20000
    tm resize-window -x "$1" -y "$2"
    term_pid=$(tm display-message -p '#{pid}')
    remember "$term_pid"
    tm pipe-pane "exec cat >'$work/term-record'"
    : >"$work/term-go"
}

# The next server cannot come before this one has gone.
term_end() {
    tm kill-server 2>/dev/null || :
    await "the end of the terminal" term_gone
}
term_gone() { ! kill -0 "$term_pid" 2>/dev/null; }
term_screen() { tm capture-pane -p "$@"; }            # what is seen
term_all() { tm capture-pane -p -S - -J "$@"; }       # and what scrolled away
term_cursor() { tm display-message -p '#{cursor_flag}'; } # 1: visible
term_resize() { tm resize-window -x "$1" -y "$2"; }
term_keys() { tm send-keys "$@"; }
# Pictures that were drawn: each hides the cursor once.
term_frames() { grep -ao "$(printf '\033\\[?25l')" "$work/term-record" | wc -l; }

# term_until TEXT: it is on the screen.
term_until() {
    for _ in $(seq 600); do
        ! term_screen | grep -qF -e "$1" || return 0
        [ ! -s "$work/term-status" ] || break
        sleep 0.1
    done
    term_screen | grep -qF -e "$1" || { term_screen >&2; fail "no \"$1\" on the terminal"; }
}

# term_wait STATUS: the command is over.
term_wait() {
    for _ in $(seq 600); do
        [ ! -s "$work/term-status" ] || break
        sleep 0.1
    done
    [ -s "$work/term-status" ] || { term_screen >&2; fail "the command does not end"; }
    # What was written last has been drawn when the title has come, which is not its own.
    await "the last of what was written" grep -qaF "$esc]2;over" "$work/term-record"
    sed -i "s/$esc]2;over$bell//" "$work/term-record"
    [ "$(cat "$work/term-status")" = "$1" ] || {
        term_all >&2
        fail "status $(cat "$work/term-status") instead of $1"
    }
}

esc=$(printf '\033')
bell=$(printf '\007')
show() { sed 's/^/  | /' "$work/screen" >&2; fail "$@"; }
screen_has() { grep -Eq -e "$1" "$work/screen" || show "no /$1/ on the screen"; }
screen_lacks() { ! grep -Eq -e "$1" "$work/screen" || show "/$1/ is on the screen"; }
record_has() {
    grep -qaF -e "$1" "$work/term-record" || { cat -v "$work/term-record" >&2; fail "\"$1\" was not written"; }
}
record_lacks() {
    ! grep -qaF -e "$1" "$work/term-record" || { cat -v "$work/term-record" >&2; fail "\"$1\" was written"; }
}

# start_gates FILE: writes a program for a step, "FILE NAME", which waits until
# open_gate NAME.
start_gates() {
    need busybox
    mkdir "$work/gates"
    gates_port=$(free_port)
    busybox httpd -f -p "127.0.0.1:$gates_port" -h "$work/gates" &
    remember $!
    cat >"$1" <<END
#!/bin/sh
until wget -q -O /dev/null "http://127.0.0.1:$gates_port/\$1" 2>/dev/null; do sleep 0.1; done
END
    chmod 755 "$1"
}
open_gate() { : >"$work/gates/$1"; }

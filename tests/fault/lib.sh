# lib.sh - sourced by the tests of faults, on top of that of tests/cli.
. "$(dirname "$0")/../cli/lib.sh"
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null || :) # no wrapper's start each time
here=$(cd "$(dirname "$0")" && pwd -P)

# In the environment or the arguments of every process of a build that was
# given --build-arg "MARK=$mark" (and of steps below an ARG MARK).
mark=mark-$$-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')

# begin ROOT FLAG...: a build in the background; sets tenon to its process.
# Not through the function: a shell between us and it would get our signals.
begin() {
    begin_root=$1
    shift
    : >"$work/began.err" # not the last one's
    "$abs_top_builddir/tenon-dev" --root "$begin_root" build --progress=plain \
        --build-arg "MARK=$mark" "$@" >"$work/began.out" 2>"$work/began.err" &
    tenon=$!
    remember $tenon
}

build() { # ROOT FLAG...
    build_root=$1
    shift
    "$abs_top_builddir/tenon-dev" --root "$build_root" build --progress=plain \
        --build-arg "MARK=$mark" "$@"
}

# The processes that know the mark; the mark itself goes to grep by a file.
processes_left() {
    echo "$mark" >"$work/mark"
    { grep -lFs -f "$work/mark" /proc/[0-9]*/environ /proc/[0-9]*/cmdline || :; } |
        cut -d/ -f3 | sort -u
}

# What the kernel does to the children of the killed takes it a moment.
no_process() {
    for _ in $(seq 600); do
        left=$(processes_left)
        [ -n "$left" ] || return 0
        sleep 0.05
    done
    for p in $left; do tr '\0' ' ' <"/proc/$p/cmdline" >&2; echo >&2; done
    fail "processes outlive the build"
}

no_mount() { # ROOT
    ! grep -F "$1" /proc/self/mountinfo >&2 || fail "mounts outlive the build"
}

no_leftover() { # ROOT
    left=$(ls "$1/tmp" 2>/dev/null)
    [ -z "$left" ] || fail "in tmp/: $left"
    left=$(ls "$1/locks" 2>/dev/null)
    [ -z "$left" ] || fail "in locks/: $left"
}

store_right() { # ROOT: as tenon says, and as is on disk
    [ -e "$1/tenon.db" ] || return 0
    "$abs_top_builddir/tenon-dev" --root "$1" du >"$work/du" 2>&1 || { cat "$work/du" >&2; fail "du"; }
    "$abs_top_builddir/tenon-dev" --root "$1" fsck >"$work/fsck" 2>&1 || { cat "$work/fsck" >&2; fail "fsck"; }
    "$python" -E -S "$abs_top_srcdir/tests/fault/check-store" "$1" || fail "the store is not right"
}

now() { date +%s%N; }
# milliseconds since T
since() { echo $((($(now) - $1) / 1000000)); }

#!/bin/sh
# Escape sequences and other controls in what steps print, in build files, names
# of files and images, and in what registries and servers say: none of them reaches
# a terminal, whichever display is on it and whichever verb writes.
. "$(dirname "$0")/lib.sh"

# Each kind: OSC (title, clipboard, link), CSI, DCS, a private one, C1 controls as
# bytes and as UTF-8, direction marks; and what a line of a build file can hold.
printf 'A\033]0;rude\007B\033]52;c;cnVkZQ==\033\\C\033[31337mD\033[2J\033[3;1HE\033P1;rude\033\\F\033_rude\033\\G\033c' >"$work/rude"
printf 'H\233\063\061\063\063\067mI\302\233\063\061\063\063\067mJ\302\235rude\302\234K\342\200\256L\342\201\246M\342\200\217N' >>"$work/rude"
printf 'O\033(0P\016Q\177R\b\b\bS\033[6nT\033[?1049hU\033Z' >>"$work/rude"
rude=$(cat "$work/rude")

"$python" "$here/rude-server" "$work/rude" >"$work/port" 2>"$work/server.log" &
remember $!
await "the port of a server" test -s "$work/port"
server=127.0.0.1:$(cat "$work/port")

# judge DIRECTORY: of each file N what N.what says it is.
cat >"$work/judge" <<'END_PYTHON'
import glob, re, sys

# What our own display uses: colors of one or two digits, moves, erasing, its cursor.
own = re.compile(rb"\x1b\[(?:[0-9]{0,2}(?:;[0-9]{1,2})*m|[0-9]{0,3}[ABCDGJK]|\?25[lh]|\?2026[lh])")


def judge(data):
    bare = own.sub(b"", data)
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", bare):
        yield "a control character"
    if b"31337m" in data and re.search(rb"(?:\x1b\[|\x9b)31337m", data):
        yield "a color of the build"
    try:
        text = bare.decode("utf-8")
    except UnicodeDecodeError:
        yield "not UTF-8"
        text = bare.decode("utf-8", "replace")
    if re.search("[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text):
        yield "a control of Unicode"
    if b"\x1b[2J" in data or b"\x1b[3;1H" in data or b"\x1b[6n" in data:
        yield "moves of the build"


names = glob.glob(sys.argv[1] + "/*.what")
for name in names:
    with open(name) as what, open(name[:-len(".what")], "rb") as screen:
        data = screen.read()
        found = list(judge(data))
        if found:
            sys.exit("%s: %s\n%r" % (what.read().strip(), ", ".join(found), data[-3000:]))
print(len(names))
END_PYTHON

# screen WHAT: where to write what will be judged.
shown=0
mkdir "$work/screens"
screen() {
    shown=$((shown + 1))
    screen=$work/screens/$shown
    printf '%s\n' "$1" >"$screen.what"
}
# show STATUS WHAT COMMAND...: on a terminal
show() {
    show_status=$1
    screen "$2 on a terminal"
    shift 2
    got=0
    "$python" -E -S "$here/record-terminal" "$screen" "$@" </dev/null || got=$?
    [ "$show_status" = any ] || assert_eq "$show_status" "$got"
}
displays() { # STATUS WHAT FLAG...: a build, on a terminal and to a file
    displays_status=$1
    what=$2
    shift 2
    for progress in tty plain rawjson quiet; do
        flags="--progress=$progress"
        case $progress in plain) flags="$flags -D --explain" ;; quiet) flags=-q ;; esac
        show $displays_status "$what, $progress" "$abs_top_builddir/tenon-dev" --root "$store" build $flags --no-cache \
            --build-context "$base" "$@"
        screen "$what, $progress, to a file"
        "$abs_top_builddir/tenon-dev" --root "$store" build $flags --build-context "$base" "$@" >"$screen" 2>&1 || :
    done
}

mkdir "$context/names"
: >"$context/names/$rude"
# A step's output, whole and cut into pieces; its name; its failure.
printf 'FROM base AS rude\nCOPY names/ rude /names/\nRUN cat /names/rude; cat /names/rude >&2; head -c 3 /names/rude; echo; tail -c 9 /names/rude; : "%s"\nRUN ls /names; : "%s"; cat /names/rude; exit 3\n' \
    "$rude" "$rude" >"$context/step.Dockerfile"
cp "$work/rude" "$context/rude"
# Errors that quote: an instruction, a stage, a file, a program, a user, a directory.
printf 'FROM base\n%s me\n' "$rude" >"$context/instruction.Dockerfile"
printf 'FROM base AS %s\nRUN true\n' "$rude" >"$context/stage.Dockerfile"
printf 'FROM base\nCOPY --from=%s / /\nCOPY nothing-%s /\n' "$rude" "$rude" >"$context/from.Dockerfile"
printf 'FROM base\nCOPY nothing-%s names/%s/x /\n' "$rude" "$rude" >"$context/file.Dockerfile"
printf 'FROM base\nUSER %s\nWORKDIR /%s\nENV A=%s\nRUN true\n' "$rude" "$rude" "$rude" >"$context/user.Dockerfile"
printf 'FROM base\nRUN ["/\\u001b]0;rude\\u0007\\u009b31337m\\u202e"]\n' >"$context/program.Dockerfile"
printf 'FROM base\nRUN --mount=type=%s true\n' "$rude" >"$context/mount.Dockerfile"
printf 'FROM base\nRUN --mount=type=secret,required=true,id=%s true\n' "$rude" >"$context/secret.Dockerfile"
printf 'FROM base\nRUN --%s true\nLABEL %s\nHEALTHCHECK %s\n' "$rude" "$rude" "$rude" >"$context/flag.Dockerfile"
printf '# syntax=%s\nFROM base\n' "$rude" >"$context/syntax.Dockerfile"
printf '# escape=%s\nFROM base\n' "$rude" >"$context/escape.Dockerfile"
printf 'from base as Rude\nMAINTAINER %s\nARG %s\nCMD echo %s\n' "$rude" "$rude" "$rude" >"$context/warnings.Dockerfile"
printf 'FROM %s/x/plain\n' "$server" >"$context/registry.Dockerfile"
printf 'FROM %s/x/escaped:%s\n' "$server" "$rude" >"$context/reference.Dockerfile"
printf 'FROM %s/token/x\n' "$server" >"$context/token.Dockerfile"
printf 'FROM base\nADD http://%s/none-%s /\n' "$server" none >"$context/http.Dockerfile"
printf 'FROM base\nADD http://%s/moved /\n' "$server" >"$context/moved.Dockerfile"
printf 'FROM base\nADD http://%s/file /x/\nRUN ls /x; exit 1\n' "$server" >"$context/disposition.Dockerfile"
printf '# what %s\nFROM base AS one\n# %s\nARG A=%s\n' "$rude" "$rude" "$rude" >"$context/outline.Dockerfile"
printf 'FROM scratch\nADD rude.tar /\n' >"$context/archive.Dockerfile"
"$python" - "$context/rude.tar" "$rude" <<'END_PYTHON'
import os, sys, tarfile
with tarfile.open(sys.argv[1], "w") as t:
    i = tarfile.TarInfo("a"); i.size = 0; t.addfile(i)
    i = tarfile.TarInfo("a/" + sys.argv[2]); i.size = 0; t.addfile(i)
    i = tarfile.TarInfo("l" + sys.argv[2]); i.type = tarfile.LNKTYPE; i.linkname = "none" + sys.argv[2]; t.addfile(i)
END_PYTHON

trial() {
    screens
    assert_eq "$shown" "$("$python" -E -S "$work/judge" "$work/screens")"
}
screens() {
    displays 1 "a step" -f "$context/step.Dockerfile" "$context"
    show 1 "a kept step" "$abs_top_builddir/tenon-dev" --root "$store" shell --build "$rude" true
    show 0 "du -v" "$abs_top_builddir/tenon-dev" --root "$store" du -v
    show 0 why "$abs_top_builddir/tenon-dev" --root "$store" why
    show 0 "why a step" "$abs_top_builddir/tenon-dev" --root "$store" why ''  # each of them, with its key
    show 0 "why json" "$abs_top_builddir/tenon-dev" --root "$store" why --format json
    show any "no step" "$abs_top_builddir/tenon-dev" --root "$store" why "$rude"
    show 0 "du json" "$abs_top_builddir/tenon-dev" --root "$store" du --format json
    [ $executor = native ] || return 0

    # What another process says for an ordinary user: of a step, and of what it unpacks.
    for file in user program disposition archive; do displays 1 $file -f "$context/$file.Dockerfile" "$context"; done
    [ $as = root ] || return 0
    for file in instruction from file mount secret flag syntax escape registry token http moved; do
        displays 1 $file -f "$context/$file.Dockerfile" "$context"
    done
    for file in stage warnings reference; do
        displays any $file -f "$context/$file.Dockerfile" "$context"
    done
    for call in check outline targets check,format=json outline,format=json targets,format=json; do
        for file in warnings outline stage; do
            show any "--call=$call $file" "$abs_top_builddir/tenon-dev" --root "$store" build --call=$call \
                --build-context "$base" -f "$context/$file.Dockerfile" "$context"
        done
    done
    # Names and words of the command line, which a script may have taken from elsewhere.
    show 1 "a target" "$abs_top_builddir/tenon-dev" --root "$store" build --target "$rude" --build-context "$base" "$context"
    show any "a verb" "$abs_top_builddir/tenon-dev" "$rude"
    show any "a flag" "$abs_top_builddir/tenon-dev" build "--$rude"
    show any "an output" "$abs_top_builddir/tenon-dev" build -o "type=$rude" "$context"
    show any "a context" "$abs_top_builddir/tenon-dev" build "/none/$rude"
    show any "an image" "$abs_top_builddir/tenon-dev" --root "$store" images rm "$rude"
    show any "a filter" "$abs_top_builddir/tenon-dev" --root "$store" du --filter "$rude=x"
    show any "a plugin" "$abs_top_builddir/tenon-dev" plugins "$rude"
    show any "a root" "$abs_top_builddir/tenon-dev" --root "/proc/$rude" du
    show 0 images "$abs_top_builddir/tenon-dev" --root "$store" images
    show 0 "prune -v" "$abs_top_builddir/tenon-dev" --root "$store" prune --all --force -v
}
each_executor trial
[ $shown -gt 100 ] || fail "only $shown screens"

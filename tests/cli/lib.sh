# lib.sh - sourced by the tests of the command, which run under `make check`
# (abs_top_srcdir, abs_top_builddir) or by hand below the build directory.
# Exit status 77 means skipped; the last line says why.
set -eu
LC_ALL=C
export LC_ALL

: "${abs_top_builddir:=$PWD}"
: "${abs_top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd -P)}"
name=${0##*/}
name=${name%.sh}
work=$(mktemp -d "${TMPDIR:-/tmp}/tenon-$name.XXXXXX")
store=$work/store
started=
at_exit= # functions

# Ends what was remembered, also what is deaf to a request.
end_started() {
    alive=
    [ -n "$started" ] || return 0
    for pid in $started; do kill "$pid" 2>/dev/null || :; done
    for _ in $(seq 30); do
        alive=
        for pid in $started; do ! grep -qs '^State:.[^Z]' "/proc/$pid/status" || alive="$alive $pid"; done
        [ -n "$alive" ] || break
        sleep 0.1
    done
    for pid in $alive; do kill -KILL "$pid" 2>/dev/null || :; done
    for pid in $started; do wait "$pid" 2>/dev/null || :; done
    started=
}

# A test that failed may have left / itself bound below its directory, and removing goes
# through such a mount. As mountinfo has them, the last first; \040 is a space.
mounted_inside() {
    awk -v dir="$(cd "$work" && pwd -P)/" 'index($5 "/", dir) == 1 { at[n++] = $5 }
        END { while (n) print at[--n] }' /proc/self/mountinfo
}

unmount_inside() {
    points=$(mounted_inside) || return 1
    [ -n "$points" ] || return 0
    printf '%s\n' "$points" | while IFS= read -r point; do
        umount --lazy -- "$(printf %b "$(printf %s "$point" | sed 's/\\/\\0/g')")" || :
    done
    points=$(mounted_inside) && [ -z "$points" ]
}

remove_work() {
    if [ -n "${KEEP-}" ]; then
        echo "kept: $work"
    elif unmount_inside; then
        rm -rf "$work"
    else
        echo "kept, for what is mounted there: $work"
    fi
}

cleanup() {
    status=$?
    trap '' INT TERM HUP
    end_started
    for function in $at_exit; do $function; done
    [ ! -e "$work/.ports" ] || xargs rm -f <"$work/.ports"
    remove_work
    exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Nothing of the user's.
unset TENON_ROOT TENON_CONFIG TENON_PLUGIN_PATH DOCKER_CONFIG REGISTRY_AUTH_FILE \
    BUILDKIT_PROGRESS DOCKER_DEFAULT_PLATFORM SOURCE_DATE_EPOCH SSH_AUTH_SOCK \
    XDG_RUNTIME_DIR XDG_DATA_HOME XDG_CONFIG_HOME http_proxy https_proxy all_proxy \
    HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY SSL_CERT_FILE SSL_CERT_DIR \
    DOCKER_AUTH_CONFIG DOCKER_HOST BUILDX_BUILDER BUILDKIT_HOST EXPERIMENTAL_BUILDKIT_SOURCE_POLICY 2>/dev/null || :
HOME=$work/home
mkdir -p "$HOME"
echo '{}' >"$work/tenon.json"
export HOME TENON_CONFIG="$work/tenon.json"
# What a build leaves is looked at, and removed, when it is over.
export TENON_UPKEEP=off

tenon() { "$abs_top_builddir/tenon-dev" --root "$store" "$@"; }

fail() { echo "FAIL: $*" >&2; exit 1; }
skip() { echo "$*"; exit 77; }
# not_tried WHAT: WHY - a part that could not be done here; the test goes on. scripts/check
# lists these, and in CI tests/may-skip says which there may be.
not_tried() { echo "NOT TRIED: $*"; }
# can_try WHAT PROGRAM...: whether the programs of a part are there; says so if not.
can_try() {
    part=$1
    shift
    for p; do command -v "$p" >/dev/null || { not_tried "$part: needs $p"; return 1; }; done
}
need() { for p; do command -v "$p" >/dev/null || skip "needs $p"; done; }
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# What failed shows what it printed.
assert_eq() { [ "$1" = "$2" ] || fail "expected \"$1\", got \"$2\""; }
assert_has() { # FILE TEXT
    grep -qF -e "$2" "$1" || { sed 's/^/  | /' "$1" >&2; fail "no \"$2\" in ${1##*/}"; }
}
assert_lacks() {
    ! grep -qF -e "$2" "$1" || { sed 's/^/  | /' "$1" >&2; fail "\"$2\" in ${1##*/}"; }
}
# step_ended FILE TEXT: CACHED, DONE, ERROR or CANCELED, what became of the step with TEXT in its
# title. Its number is looked up: it depends on what was faster.
step_ended() {
    awk -v text="$2" '
        substr($0, 1, 1) == "#" && index($0, text) && !($1 in wanted) { wanted[$1] = 1 }
        ($1 in wanted) && $2 ~ /^(CACHED|DONE|ERROR:?|CANCELED)$/ { sub(/:$/, "", $2); how = $2 }
        END { print how }' "$1"
}
# steps_ended FILE HOW: the titles of the steps of a build file that ended so, one a line. (A
# base image that is there is CACHED, too; it is no step.) FILE may hold several builds.
steps_ended() {
    awk -v how="$2" '
        /^#1 DONE / { builds++ }
        { n = builds $1 }
        /^#[0-9]+ \[([^] ]+ +)?[0-9]+\/[0-9]+\] / && !/\] FROM / { title[n] = substr($0, length($1) + 2) }
        (n in title) && $2 ~ /^(CACHED|DONE|ERROR:?|CANCELED)$/ { sub(/:$/, "", $2); ended[n] = $2 }
        END { for (n in ended) if (ended[n] == how) print title[n] }' "$1" | sort
}
assert_file() { [ -e "$1" ] || fail "$1 is missing"; }
assert_no_file() { [ ! -e "$1" ] && [ ! -L "$1" ] || fail "$1 is there"; }

# await WHAT COMMAND...: until it succeeds. A minute is for a machine that is busy: how fast
# it is decides nothing.
await() {
    awaited=$1
    shift
    for _ in $(seq 1200); do
        ! "$@" || return 0
        sleep 0.05
    done
    fail "waited in vain for $awaited"
}
# await_line FILE PATTERN: until a line of it matches (an extended regular expression).
await_line() {
    for _ in $(seq 1200); do
        ! grep -Eqs -e "$2" "$1" || return 0
        sleep 0.05
    done
    sed 's/^/  | /' "$1" >&2
    fail "waited in vain for /$2/ in ${1##*/}"
}

# run STATUS COMMAND...: its output is in $work/out and $work/err.
run() {
    wanted=$1
    shift
    got=0
    "$@" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" = "$wanted" ] || {
        sed 's/^/  | /' "$work/out" "$work/err" >&2
        fail "status $got instead of $wanted: $*"
    }
}

# executors: those that can be had here, the bundled one first.
find_executors() {
    executors=native
    if can_try "executor-oci" runc; then executors="native oci"; fi
}

# remember PID: ended with the test, by its id.
remember() { started="$started $1"; }

# An ssh agent on SOCKET, until the test ends. The socket is there before it answers.
start_agent() { # SOCKET
    ssh-agent -D -a "$1" >"$work/agent.log" 2>&1 &
    remember $!
    await "the ssh agent" agent_answers "$1"
}
agent_answers() { # SOCKET
    answer=0
    SSH_AUTH_SOCK=$1 ssh-add -l >>"$work/agent.log" 2>&1 || answer=$?
    [ $answer != 2 ] # 1: it has no keys
}

# A port of this machine for a server that has to be told one; this test's until it ends.
# The kernel gives it to nobody who asks for any, and another test has another one.
free_port() {
    python3 - "${TMPDIR:-/tmp}" "$work/.ports" <<'END_PYTHON'
import os, random, socket, sys
for port in random.sample(range(20000, 30000), 1000):
    claim = "%s/tenon-port-%d" % (sys.argv[1], port)
    try:
        os.close(os.open(claim, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        continue
    with open(sys.argv[2], "a") as claims:
        print(claim, file=claims)
    try:
        with socket.socket() as s:
            s.bind(("", port))
    except OSError:
        continue # somebody listens there
    print(port)
    break
else:
    sys.exit("no port is free")
END_PYTHON
}

# A registry on loopback; sets registry to HOST:PORT. More lines of its
# configuration come on standard input (or /dev/null).
start_registry() {
    need docker-registry python3 curl
    port=$(free_port)
    registry=127.0.0.1:$port
    mkdir -p "$work/registry-$port"
    {
        printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: %s}}\n' "${registry_quiet:-true}"
        printf 'storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n' \
            "$work/registry-$port"
        printf 'http: {addr: "%s"}\n' "$registry"
        cat
    } >"$work/registry-$port.yml"
    docker-registry serve "$work/registry-$port.yml" >"$work/registry-$port.log" 2>&1 &
    remember $!
    await "the registry" registry_answers
}
registry_answers() {
    case $(curl -s -o /dev/null -w '%{http_code}' "http://$registry/v2/" || :) in 200 | 401) ;; *) false ;; esac
}

# The base images of the conformance cases as OCI layouts, made once a build
# tree; sets bases to their directory.
make_bases() {
    need python3 busybox
    bases=$abs_top_builddir/tests/bases
    [ -d "$bases/busybox" ] || {
        rm -rf "$bases.$$"
        "$abs_top_srcdir/tests/conformance/bases/make-bases" "$bases.$$" >/dev/null
        mv -T "$bases.$$" "$bases" 2>/dev/null || rm -rf "$bases.$$"
    }
}

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

cleanup() {
    status=$?
    trap '' INT TERM HUP
    end_started
    for function in $at_exit; do $function; done
    if [ -n "${KEEP-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
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
    HTTP_PROXY HTTPS_PROXY 2>/dev/null || :
HOME=$work/home
mkdir -p "$HOME"
echo '{}' >"$work/tenon.json"
export HOME TENON_CONFIG="$work/tenon.json"

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
assert_file() { [ -e "$1" ] || fail "$1 is missing"; }
assert_no_file() { [ ! -e "$1" ] && [ ! -L "$1" ] || fail "$1 is there"; }

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
    for _ in $(seq 100); do
        answer=0
        SSH_AUTH_SOCK=$1 ssh-add -l >>"$work/agent.log" 2>&1 || answer=$?
        [ $answer = 2 ] || return 0 # 1: it has no keys
        sleep 0.05
    done
    cat "$work/agent.log" >&2
    fail "the ssh agent does not start"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
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
    for _ in $(seq 50); do
        code=$(curl -s -o /dev/null -w '%{http_code}' "http://$registry/v2/" || :)
        case $code in 200 | 401) return 0 ;; esac
        sleep 0.1
    done
    cat "$work/registry-$port.log" >&2
    fail "the registry does not start"
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

# lib.sh - sourced by the tests of known holes, on top of that of tests/fault.
. "$(dirname "$0")/../fault/lib.sh"
need_root
need python3 cc
make_bases

context=$work/context
mkdir "$context"
base=base=oci-layout://$bases/busybox
cc -static -O1 -o "$context/probe" "$here/probe.c" || fail "the probe does not compile"

# each_executor FUNCTION: with both, each with a store of its own.
each_executor() {
    for executor in native oci; do
        if [ $executor = oci ] && ! command -v runc >/dev/null; then
            not_tried "executor-oci: needs runc"
            continue
        fi
        printf '{"executor": "%s"%s}\n' $executor "${config:+, $config}" >"$TENON_CONFIG"
        store=$work/store-$executor
        "$1"
        no_process
        no_mount "$store"
        no_leftover "$store"
        store_right "$store"
    done
}

# try STATUS FLAG...: builds $context; what was printed is in $work/err.
try() {
    try_status=$1
    shift
    run "$try_status" build "$store" --build-context "$base" -o type=cacheonly "$@" "$context"
}

# attempt FLAG...: builds $context as somebody tries to get out; whether it succeeds is
# in $got.  It may fail, but with an error and not by a bug.
attempt() {
    got=0
    build "$store" --build-context "$base" -o type=cacheonly "$@" "$context" >"$work/out" 2>"$work/err" || got=$?
    case $got in
    0) ;;
    1) [ "$(grep -c '^ERROR: ' "$work/err")" = 1 ] || { cat "$work/err" >&2; fail "$executor: no error"; } ;;
    *) cat "$work/err" >&2; fail "$executor: status $got" ;;
    esac
    ! grep -Eiw 'bug|assertion' "$work/err" >&2 || fail "$executor: a bug"
}

# dockerfile: from standard input, below a common head.
dockerfile() {
    { echo "FROM base"; echo "COPY probe /"; cat; } >"$context/Dockerfile"
}

# said: what the steps of the last build printed, without numbers and times.
said() { sed -nE 's/^#[0-9]+ [0-9]+\.[0-9]+ //p' "$work/err"; }

assert_said() { said | grep -qxF -e "$1" || { said >&2; fail "$executor: no line \"$1\""; }; }
assert_not_said() { # TEXT: in no line
    ! said | grep -F -e "$1" >&2 || fail "$executor: \"$1\""
}

# Where attacks lead to.  Nothing of it may change.
target=$work/target
outside=outside-$mark # what its files say
mkdir "$target" "$target/dir"
echo "$outside" >"$target/kept"
echo "$outside" >"$target/dir/kept"
target_state() { find "$target" -printf '%p %y %m %U %G %n %T@ %s\n' | sort; cat "$target/kept" "$target/dir/kept"; }
target_before=$(target_state)
target_untouched() { assert_eq "$target_before" "$(target_state)"; }

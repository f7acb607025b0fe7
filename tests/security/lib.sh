# lib.sh - sourced by the tests of known holes, on top of that of tests/fault.
. "$(dirname "$0")/../fault/lib.sh"
need_root
need python3 cc
make_bases

context=$work/context
mkdir "$context"
base=base=oci-layout://$bases/busybox
cc -static -O1 -o "$context/probe" "$here/probe.c" || fail "the probe does not compile"

# each_executor FUNCTION: with both, each with a store of its own; as root, and then as an ordinary
# user, for whom all that the test calls tenon is tenon as that user ($as is "root" or "user"); below $own
# whoever it is, $whose, can write. A test that is about root alone says why in $roots_alone; SECURITY_AS=root or user is one of them.
as=root
roots_alone=
each_executor() {
    [ "${SECURITY_AS-root}" != root ] || with_executors "$1"
    [ "${SECURITY_AS-user}" = user ] || return 0
    if [ -n "$roots_alone" ]; then
        not_tried "as an ordinary user: $roots_alone"
    elif become_user; then
        with_executors "$1"
        become_root
    fi
}
with_executors() {
    for executor in native oci; do
        if [ $executor = oci ] && ! command -v runc >/dev/null; then
            not_tried "executor-oci: needs runc"
            continue
        fi
        printf '{"executor": "%s"%s}\n' $executor "${config:+, $config}" >"$TENON_CONFIG"
        store=$own/store-$executor
        "$1"
        no_process
        no_mount "$store"
        no_leftover "$store"
        store_right "$store"
    done
}

# ---- an ordinary user ----------------------------------------------------------------------
. "$abs_top_srcdir/tests/rootless/users.sh"
at_exit="$at_exit remove_users"
own=$work whose=0
built=$abs_top_builddir

# become_user: makes one, the first time; false when there can be none.
become_user() {
    part="as an ordinary user"
    can_try "$part" useradd userdel setpriv newuidmap || return 1
    if ! grep -q '^ *0 *0 *4294967295$' /proc/self/uid_map; then
        not_tried "$part: needs all ids of the machine"
        return 1
    fi
    if ! { [ -e /etc/subuid ] && [ -e /etc/subgid ]; }; then
        not_tried "$part: needs /etc/subuid and /etc/subgid"
        return 1
    fi
    if [ -z "$users" ]; then
        make_user builder many
        public_bases
        mkdir "$work/as-user"
        # Its environment is the test's; its home is its own.
        cat >"$work/as-user/tenon-dev" <<END
#!/bin/sh
exec setpriv --reuid "$builder" --regid "$builder" --init-groups \\
    env HOME="$work/$builder" USER="$builder" LOGNAME="$builder" "$program" "\$@"
END
        chmod 755 "$work/as-user/tenon-dev"
    fi
    chmod 755 "$work"
    chmod -R go+rX "$context"
    as=user
    base=base=oci-layout://$work/busybox
    own=$work/$builder whose=$(id -u "$builder")
    abs_top_builddir=$work/as-user
}
become_root() {
    as=root
    base=base=oci-layout://$bases/busybox
    own=$work whose=0
    abs_top_builddir=$built
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

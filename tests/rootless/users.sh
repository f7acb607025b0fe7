# users.sh - users of the machine that a test makes, and what is done as them; sourced by lib.sh,
# and by the tests of known holes, on top of the lib.sh of tests/cli. Whoever sources it adds
# remove_users to at_exit.
users=

# The lock of /etc/passwd is everybody's.
patiently() {
    for _ in $(seq 600); do
        ! "$@" >"$work/user.log" 2>&1 || return 0
        grep -q 'cannot lock' "$work/user.log" || break
        sleep 0.1
    done
    cat "$work/user.log" >&2
    return 1
}

# make_user VARIABLE many|one: its name goes to VARIABLE, its home is $work/NAME;
# with a range of ids of its own, or with none.
make_user() {
    new_user=tt$$-$1
    case $2 in
    many)
        need newuidmap
        [ -e /etc/subuid ] && [ -e /etc/subgid ] || skip "needs /etc/subuid and /etc/subgid"
        count=65536
        ;;
    one) count=0 ;;
    esac
    patiently useradd --no-create-home --home-dir "$work/$new_user" --user-group --shell /bin/sh \
        -K SUB_UID_COUNT=$count -K SUB_GID_COUNT=$count "$new_user" || fail "useradd"
    users="$users $new_user"
    mkdir -m 700 "$work/$new_user"
    chown "$new_user:$new_user" "$work/$new_user"
    eval "$1=\$new_user"
    find_program
    [ $2 = one ] || grep -q "^$new_user:" /etc/subuid || skip "useradd gives no range of ids"
}

# copy_program DIR: tenon-dev with all it needs.
copy_program() {
    mkdir -p "$1/.libs"
    cp "$abs_top_builddir/tenon" "$1/"
    cp "$abs_top_builddir"/.libs/*-*.so "$1/.libs/"
    sed "s|^build=.*|build='$1'|" "$abs_top_builddir/tenon-dev" >"$1/tenon-dev"
    chmod 755 "$1/tenon-dev"
}

# Sets program: the tenon of the build tree; or a copy where users cannot reach that,
# or the tree belongs to another user, whose plugins are refused.
find_program() {
    program=$abs_top_builddir/tenon-dev
    if setpriv --reuid "$new_user" --regid "$new_user" --clear-groups test -r "$program" &&
        [ -z "$(find "$abs_top_builddir/.libs" -maxdepth 1 ! -user root)" ]; then
        return 0
    fi
    program=$work/program/tenon-dev
    [ -e "$program" ] || copy_program "$work/program"
}

in_own_namespace() { [ "$(readlink "/proc/$1/ns/user")" != "$(readlink /proc/self/ns/user)" ]; }
# make_namespace VARIABLE MAP: a user namespace, by the process that holds it.
make_namespace() {
    unshare --user sleep 600 &
    remember $!
    await "a user namespace" in_own_namespace $!
    echo "$2" >/proc/$!/uid_map
    echo "$2" >/proc/$!/gid_map
    eval "$1=$!"
}

# The base images where users can read them; sets base to a --build-context.
public_bases() {
    make_bases
    cp -r "$bases/busybox" "$work/busybox"
    chmod -R go+rX "$work/busybox"
    base="base=oci-layout://$work/busybox"
}

# uid_range USER: "FIRST COUNT" of the first range.
uid_range() { awk -F: -v u="$1" '$1 == u { print $2, $3; exit }' /etc/subuid; }

# Processes of USER and of the user's range: uid, PID and arguments.  Not those that
# have ended and wait for the machine's init.
processes_of() {
    set -- "$(id -u "$1")" $(uid_range "$1")
    ps -eo uid=,pid=,stat=,args= | awk -v own="$1" -v first="${2:-0}" -v count="${3:-0}" \
        '($1 == own || ($1 >= first && $1 < first + count)) && $3 !~ /^Z/'
}

remove_users() {
    for user in $users; do
        # Made here, so what runs as it was started here.
        for pid in $(processes_of "$user" | awk '{ print $2 }'); do
            kill -KILL "$pid" 2>/dev/null || :
        done
        patiently userdel "$user" || :
    done
}

# become USER COMMAND...: in its home, with a login's environment (and as_env), in
# place of this shell: `become ... &` is the program itself.  as_in: a command
# that changes root's surroundings before.
become() {
    as_user=$1
    shift
    cd "$work/$as_user"
    exec ${as_in-} setpriv --reuid "$as_user" --regid "$as_user" --init-groups \
        env -i HOME="$work/$as_user" USER="$as_user" LOGNAME="$as_user" LC_ALL=C \
        PATH="$PATH" TERM=dumb TENON_UPKEEP=off ${as_env-} "$@"
}

as() { (become "$@"); }

tenon_as() { # USER ARGUMENT...
    tenon_user=$1
    shift
    as "$tenon_user" "$program" "$@"
}

# Files below DIR whose owner is not USER.
of_others() { # USER DIR
    find "$2" ! -user "$1" -o ! -group "$1"
}

#!/bin/sh
# What does not reach its reader is a failure, with the reason: each verb that prints,
# and each result that a build can give to standard output or to a file, where the last
# write, or the close, is refused.
. "$(dirname "$0")/lib.sh"
need cc python3

printf 'ARG A=1\nFROM scratch AS one\nCOPY Dockerfile /f\n' >"$work/Dockerfile"
mkdir "$work/context"
cp "$work/Dockerfile" "$work/context/"
run 0 tenon build -t example.org/x:1 "$work/context"

full=/dev/full
[ -c $full ] || skip "there is no /dev/full"

# ---- standard output -------------------------------------------------------------
tried=0
full() { # ARGUMENT...: prints, and fails when it cannot
    run 0 tenon "$@"
    [ -s "$work/out" ] || fail "prints nothing, so this tries nothing: $*"
    for to in ">$full" ">&-"; do
        got=0
        eval '"$abs_top_builddir/tenon-dev" --root "$store" "$@" 2>"$work/err"' "$to" || got=$?
        [ $got = 1 ] || { cat "$work/err" >&2; fail "status $got with $to: $*"; }
        case $to in
        *full) wanted="No space left on device" ;;
        *) wanted="Bad file descriptor" ;;
        esac
        grep -q "$wanted" "$work/err" || { cat "$work/err" >&2; fail "not told, $to: $*"; }
    done
    tried=$((tried + 1))
}

full
full --help
full --version
full help
full help build
full version
full version -q
full version --format json
full du
full du -v
full du --format json
full images
full images -q
full images --format json
full plugins
full plugins -q
full plugins -v
full plugins --format json
full plugins mount-secret
full docker status --config "$work/docker"
[ "$(id -u)" != 0 ] || full doctor
[ "$(id -u)" != 0 ] || full doctor --format json
# Help of every verb there is.
tenon --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$work/verbs"
while read -r verb; do full "$verb" --help; done <"$work/verbs"
[ "$(wc -l <"$work/verbs")" -ge 9 ] || fail "too few verbs"

# What a build prints.
full build -q "$work/context"
full build -q --no-cache "$work/context"
full build --check "$work/context"
full build --call check "$work/context"
full build --call check,format=json "$work/context"
full build --call outline "$work/context"
full build --call outline,format=json "$work/context"
full build --call targets "$work/context"
full build --call targets,format=json "$work/context"
full build --call subrequests.describe "$work/context"
full build -o - "$work/context"
full build -o type=tar "$work/context"
full build -o type=oci "$work/context"
full build -o type=oci,dest=- "$work/context"
full build -o type=docker,dest=- "$work/context"

# What has less to say: each in a state in which it does.
prune_something() { run 0 tenon build --no-cache -t example.org/x:1 "$work/context"; }
for flags in "" "-v" "--format json"; do
    prune_something
    got=0
    "$abs_top_builddir/tenon-dev" --root "$store" prune --all --force $flags >$full 2>"$work/err" || got=$?
    assert_eq "1 prune $flags" "$got prune $flags"
    assert_has "$work/err" "No space left on device"
    tried=$((tried + 1))
done
prune_something
run 1 sh -c "'$abs_top_builddir/tenon-dev' --root '$store' images rm example.org/x:1 >$full"
assert_has "$work/err" "No space left on device"
ln -s "$abs_top_builddir/tenon-dev" "$work/docker-tenon"
for arguments in docker-cli-plugin-metadata "tenon --help" "tenon version -q"; do
    run 0 "$work/docker-tenon" $arguments
    run 1 sh -c "'$work/docker-tenon' $arguments >$full"
    assert_has "$work/err" "No space left on device"
    tried=$((tried + 1))
done
[ $tried -ge 50 ] || fail "only $tried tried"

# What is closed stays so, and no file of the store takes its place.
for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&- 2>&-'; do
    for talk in --progress=plain -q; do
        case "$talk $closed" in "-q "*'1>&-'*) wanted=1 ;; *) wanted=0 ;; esac
        got=0
        eval '"$abs_top_builddir/tenon-dev" --root "$work/closed" build $talk --no-cache -t example.org/x:1 \
            "$work/context" >"$work/out" 2>"$work/err"' "$closed" || got=$?
        [ $got = $wanted ] || { cat "$work/err" >&2; fail "status $got of build $talk $closed"; }
        python3 "$abs_top_srcdir/tests/fault/check-store" "$work/closed" || fail "the store, build $talk $closed"
        [ -z "$(find "$work/closed" -name 'tenon.db*' -prune -o -type f -size +0 -print |
            xargs -r grep -lE '^(sha256:[0-9a-f]{64}|#[0-9]+ .*)$')" ] ||
            fail "talk went into the store: build $talk $closed"
    done
done

# Talk is not the result: the picture of a build that nobody can see is no reason to
# throw the build away.
run 0 sh -c "'$abs_top_builddir/tenon-dev' --root '$store' build -q -o '$work/tree' '$work/context' 2>$full"
for progress in plain rawjson; do
    rm -rf "$work/tree"
    run 0 sh -c "'$abs_top_builddir/tenon-dev' --root '$store' build --progress=$progress -o '$work/tree' '$work/context' 2>$full"
    cmp "$work/Dockerfile" "$work/tree/f"
done

# ---- files ---------------------------------------------------------------------------
# Devices and pipes are written to, and are there afterwards. Ours, not those of the
# machine, which would be gone if this failed.
ln -s /proc/self/fd/1 "$work/stdout"
device=
mknod "$work/full" c 1 7 2>/dev/null && mknod "$work/null" c 1 3 && echo >"$work/null" 2>/dev/null && device=yes ||
    not_tried "devices as --iidfile and --metadata-file: they cannot be made here"
for flag in --metadata-file --iidfile; do
    if [ -n "$device" ]; then
        run 1 tenon build --progress=none $flag "$work/full" "$work/context"
        assert_has "$work/err" "No space left on device"
        assert_has "$work/err" "write $work/full"
        [ -c "$work/full" ] || fail "$flag replaced a device"
        run 0 tenon build --progress=none $flag "$work/null" "$work/context"
        [ -c "$work/null" ] || fail "$flag replaced a device"
    fi
    mkfifo "$work/pipe"
    tenon build --progress=none $flag "$work/pipe" "$work/context" &
    cat "$work/pipe" >"$work/through"
    wait $!
    [ -p "$work/pipe" ] || fail "$flag replaced a pipe"
    grep -q sha256: "$work/through" || fail "nothing through the pipe of $flag"
    rm "$work/pipe"
    run 0 tenon build --progress=none $flag "$work/stdout" "$work/context"
    assert_has "$work/out" sha256:
    echo before >"$work/log"
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=none $flag "$work/stdout" \
        "$work/context" >>"$work/log"
    assert_has "$work/log" before
    assert_has "$work/log" sha256:
    [ -L "$work/stdout" ] || fail "$flag replaced the link to standard output"
    # A file is replaced, whatever it was; a link leads to one.
    echo old, and longer than what comes now >"$work/real"
    ln "$work/real" "$work/other-name"
    run 0 tenon build --progress=none $flag "$work/real" "$work/context"
    assert_lacks "$work/real" old
    assert_has "$work/real" sha256:
    assert_has "$work/other-name" old
    ln -s other-name "$work/link"
    run 0 tenon build --progress=none $flag "$work/link" "$work/context"
    assert_has "$work/other-name" sha256:
    assert_lacks "$work/other-name" longer
    [ -L "$work/link" ] || fail "$flag replaced a link"
    rm "$work/link" "$work/other-name" "$work/real"
    run 2 tenon build --progress=none $flag "$work/none/file" "$work/context"
    assert_has "$work/err" "$flag $work/none/file: no such directory"
    run 2 tenon build --progress=none $flag "$work/context" "$work/context"
    assert_has "$work/err" "$work/context"
done

# A library in front of the C library's: close() of a file whose directory is $LATE
# fails, as it does where quotas and servers tell then; so does the write of one byte
# or more, or a rename.
cat >"$work/late.c" <<'END_C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int
late(int fd, const char *call)
{
    char link[64], path[4096];
    const char *dir = getenv("LATE"), *which = getenv("LATE_CALL");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (!dir || !which || strcmp(which, call) || n < 0)
        return 0;
    path[n] = '\0';
    size_t len = strlen(dir);
    return !strncmp(path, dir, len) && path[len] == '/';
}

int
close(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    int fails = late(fd, "close");
    int rc = real(fd);
    if (!fails)
        return rc;
    errno = EDQUOT;
    return -1;
}

ssize_t
write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (!late(fd, "write"))
        return real(fd, data, len);
    errno = EDQUOT;
    return -1;
}
END_C
cc -shared -fPIC -o "$work/late.so" "$work/late.c" -ldl
mkdir "$work/target"
late() { # CALL ARGUMENT...
    call=$1
    shift
    env LATE="$work/target" LATE_CALL="$call" LD_PRELOAD="$work/late.so" \
        "$abs_top_builddir/tenon-dev" --root "$store" "$@"
}
if LATE_CALL=none late none version -q 2>&1 >/dev/null | grep -q .; then
    not_tried "closes that fail: a library cannot be put in front of others here"
else
    for call in write close; do
        for where in "-o type=oci,dest=$work/target/file" "-o type=docker,dest=$work/target/file" \
            "-o type=tar,dest=$work/target/file" "--metadata-file $work/target/file" \
            "--iidfile $work/target/file"; do
            echo old >"$work/target/file"
            case $where in --iidfile*) stays= ;; *) stays=old ;; esac # a stale id is worse than none
            run 1 late $call build --progress=plain $where "$work/context"
            assert_has "$work/err" "Disk quota exceeded"
            assert_has "$work/err" "$work/target"
            assert_eq "$stays" "$(cat "$work/target/file" 2>/dev/null || :)"
            left=$(ls -A "$work/target")
            case $left in file | "") ;; *) fail "$call, $where leaves $left" ;; esac
            rm -f "$work/target/file"
        done
    done
fi

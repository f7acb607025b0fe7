#!/bin/sh
# A store on a disk that gets full, during a COPY, a RUN, a pull, an unpacking,
# an export, or that was full or read-only to begin with: one error that names
# the store and the reason, status 1, nothing left; with space there the next
# build is right.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${FAULT_MOUNTS-}" ]; then
    unshare --mount true 2>/dev/null || { echo "needs a mount namespace"; exit 77; }
    exec unshare --mount env FAULT_MOUNTS=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need docker-registry python3
make_bases

small=$work/small
store=$small/store
mkdir "$small"
mount -t tmpfs -o size=64m tmpfs "$small" || skip "needs to mount a tmpfs"
trap 'status=$?; umount -l "$small" "$work/target" 2>/dev/null || :; set +e; (exit $status); cleanup' EXIT
context=$work/context
mkdir -p "$context/many"
"$python" - "$context" <<'END_PYTHON'
import random, sys
r = random.Random(1)
open(sys.argv[1] + "/big", "wb").write(r.randbytes(6 << 20))
for i in range(300):
    open("%s/many/%d" % (sys.argv[1], i), "w").write("x")
END_PYTHON
head -c 6291456 /dev/zero >"$work/zeros"
base="base=oci-layout://$bases/busybox"

free_kb() { df -k --output=avail "$small" | tail -n 1 | tr -d ' '; }
# leave KB: fill the disk but for so much.
leave() {
    rm -f "$small/filler"
    kb=$(($(free_kb) - $1))
    [ "$kb" -le 0 ] || dd if=/dev/zero of="$small/filler" bs=1024 count="$kb" 2>/dev/null
}
make_room() { rm -f "$small/filler"; }

cat >"$context/warm.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
COPY many/1 /one
RUN true
END_FILE
cat >"$context/copy.Dockerfile" <<'END_FILE'
FROM base
COPY big /big
END_FILE
cat >"$context/scratch.Dockerfile" <<'END_FILE'
FROM scratch
COPY big /
END_FILE
cat >"$context/run.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN head -c 6291456 /dev/zero >/big
END_FILE
cat >"$context/quiet.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN head -c 6291456 /dev/zero >/big 2>/dev/null; exit 3
END_FILE
cat >"$context/cache.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN --mount=type=cache,target=/c head -c 6291456 /dev/zero >/c/big && head -c 6291456 /c/big >/big
END_FILE
cat >"$context/add.Dockerfile" <<'END_FILE'
FROM base
ADD big.tar /
END_FILE
tar -C "$context" -cf "$context/big.tar" big

start_registry </dev/null
printf 'FROM base\nCOPY big /one\nCOPY many /many\n' >"$context/pulled.Dockerfile"
run 0 build "$work/other-store" -f "$context/pulled.Dockerfile" --build-context "$base" \
    -o "type=image,name=$registry/pulled,push=true" "$context"
printf 'FROM %s/pulled\n' "$registry" >"$context/pull.Dockerfile"
awk 'BEGIN { print "FROM base"; print "COPY big /big"; print "COPY many /many" }' >"$context/export.Dockerfile"

warm() {
    make_room
    rm -rf "$store"
    run 0 build "$store" -f "$context/warm.Dockerfile" --build-context "$base" "$context"
}

# one_error REASON [OBJECT]: what the build printed is one error naming both.
one_error() {
    assert_eq 1 "$(grep -c '^ERROR: failed to build' "$work/err")"
    assert_has "$work/err" "${2-$store}"
    sed -n '/^ERROR: failed to build/,$p' "$work/err" >"$work/said"
    grep -Eq -e "$1" "$work/said" || { cat "$work/err" >&2; fail "the reason is not told"; }
    assert_has "$work/said" "${2-$store}"
    ! grep -w bug "$work/err" || fail "a bug"
    assert_lacks "$work/err" "ssertion"
}

failing() { # NAME FLAG...: fails, and then does not
    what=$1
    shift
    run 1 build "$store" -f "$context/$what.Dockerfile" --build-context "$base" "$@" "$context"
    one_error 'No space left on device|disk is full|is full'
    echo "$what: $(grep -E '^(ERROR: failed|hint)' "$work/err" | cut -c1-250)"
    make_room
    store_right "$store"
    no_process
    no_leftover "$store"
    assert_eq "" "$(grep "$store" /proc/self/mountinfo || :)"
}

# The image holds the big file, or that of zeros.
right() { # NAME PATH [FILE]
    rm -rf "$work/result"
    run 0 build "$store" -f "$context/$1.Dockerfile" --build-context "$base" -o "$work/result" "$context"
    cmp "${3-$context/big}" "$work/result/$2" || fail "$1: the next build is not right"
    rm -rf "$work/result"
    store_right "$store"
}

warm; leave 2000; failing copy; right copy big
warm; leave 2000; failing scratch; right scratch big
warm; leave 2000; failing add; right add big
warm; leave 2000; failing run; right run big "$work/zeros"
warm; leave 2000; failing quiet
warm; leave 2000; failing cache; right cache big "$work/zeros"

# Of files, not of bytes.
warm
mount -o remount,nr_inodes=$(($(df --output=iused "$small" | tail -n 1) + 100)) "$small"
printf 'FROM base\nCOPY many /many\nCOPY big /big\n' >"$context/inodes.Dockerfile"
run 1 build "$store" -f "$context/inodes.Dockerfile" --build-context "$base" "$context"
one_error 'No space left on device|is full'
mount -o remount,nr_inodes=100000 "$small"
store_right "$store"
no_leftover "$store"
right inodes big

# While the layers come, and while they are unpacked.
warm; leave 4000; failing pull; right pull one
warm; leave 9500; failing pull; right pull one

# While layers are made of the tree.
warm
run 0 build "$store" -f "$context/export.Dockerfile" --build-context "$base" -o type=cacheonly "$context"
leave 2000; failing export -o "type=oci,dest=$work/none.tar"
assert_no_file "$work/none.tar"
run 0 build "$store" -f "$context/export.Dockerfile" --build-context "$base" -o "type=oci,dest=$work/some.tar" "$context"
tar -tf "$work/some.tar" >/dev/null
leave 2000
rm "$work/some.tar"
# What is made already needs no room.
run 0 build "$store" -f "$context/export.Dockerfile" --build-context "$base" -o "type=oci,dest=$work/some.tar" "$context"
make_room

# Where the result goes is full, not the store.
mkdir "$work/target"
mount -t tmpfs -o size=1m tmpfs "$work/target"
for output in "type=oci,dest=$work/target/o.tar" "type=docker,dest=$work/target/d.tar" \
    "type=tar,dest=$work/target/t.tar" "type=local,dest=$work/target/l" \
    "type=oci,tar=false,dest=$work/target/layout" "type=cacheonly --cache-to type=local,dest=$work/target/cache"; do
    # shellcheck disable=SC2086 # flags
    run 1 build "$store" -f "$context/export.Dockerfile" --build-context "$base" -o $output "$context"
    one_error 'No space left on device' "$work/target"
    assert_lacks "$work/said" "$store"
    assert_eq "" "$(find "$work/target" -name '*.tar*')"
    rm -rf "$work/target"/*
done
umount "$work/target"

# Full to the last byte before it begins: an old store and a new one.
warm; leave 0
run 1 build "$store" -f "$context/copy.Dockerfile" --build-context "$base" "$context"
one_error 'No space left on device|disk is full|is full'
make_room; store_right "$store"; right copy big
rm -rf "$store"; leave 0
run 1 build "$store" -f "$context/copy.Dockerfile" --build-context "$base" "$context"
grep -E 'No space left on device|disk is full|is full' "$work/err" >"$work/said" || { cat "$work/err" >&2; fail "no reason"; }
assert_has "$work/said" "$store"
make_room; right copy big

# Read-only: an old store and none.
warm
mount -o remount,ro "$small"
run 1 build "$store" -f "$context/copy.Dockerfile" --build-context "$base" "$context"
grep -Ei 'read-?only' "$work/err" >"$work/said" || { cat "$work/err" >&2; fail "no reason"; }
assert_has "$work/said" "$store"
assert_eq 1 "$(grep -Eci '^(ERROR|tenon): |error' "$work/err")"
run 1 build "$small/none" -f "$context/copy.Dockerfile" --build-context "$base" "$context"
grep -Ei 'read-?only' "$work/err" >"$work/said" || { cat "$work/err" >&2; fail "no reason"; }
assert_has "$work/said" "$small/none"
mount -o remount,rw "$small"
right copy big

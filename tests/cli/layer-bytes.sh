#!/bin/sh
# Same bytes everywhere: fixed samples, compressed by every method at every level, have the
# digests that are kept in tests/bytes, however the input is cut, with any number of threads,
# whatever is in memory, and on processors that are emulated.  docs/reproducible.md has the promise.
#
# After a change of the output that is meant (and that NEWS tells):
#   UPDATE=1 sh ../tests/cli/layer-bytes.sh
. "$(dirname "$0")/lib.sh"
need sha256sum

bytes=$abs_top_builddir/tests/bytes/layer-bytes
kept=$abs_top_srcdir/tests/bytes
make -C "$abs_top_builddir" tests/bytes/layer-bytes >"$work/make" 2>&1 ||
    fail "cannot make layer-bytes: $(cat "$work/make")"
zstd=$("$bytes" -V)

# made AT-LEAST NAME COMMAND...: what the command writes into a new directory, its last argument.
made() {
    least=$1 what=$2
    shift 2
    rm -rf "$work/made"
    mkdir "$work/made"
    "$@" "$work/made" 2>"$work/said" || fail "$what: exit status $?: $(tail -1 "$work/said")"
    (cd "$work/made" && sha256sum -- *) >"$work/digests"
    got=$(wc -l <"$work/digests")
    [ "$got" -ge "$least" ] || fail "$what: wrote $got files only"
}

# Not one that is not kept: a digest that differs, or a file that nobody knows.
compare() {
    if grep -vxF -f "$work/kept" "$work/digests" >"$work/differ"; then
        sed 's/^/  | /' "$work/differ" >&2
        fail "$what: $(wc -l <"$work/differ") of $got files are not as they are kept"
    fi
    echo "$what: $got files"
}

made 400 native "$bytes"
if [ -n "${UPDATE-}" ]; then
    grep -v ' zstd-' "$work/digests" >"$kept/digests"
    grep ' zstd-' "$work/digests" >"$kept/digests.zstd-$zstd"
fi
cp "$kept/digests" "$work/kept"
if [ -e "$kept/digests.zstd-$zstd" ]; then
    cat "$kept/digests.zstd-$zstd" >>"$work/kept"
else
    # of a version that nobody has looked at, all runs must still agree
    grep ' zstd-' "$work/digests" >>"$work/kept"
    not_tried "zstd against kept digests: there are none of libzstd $zstd"
fi
compare
[ "$(wc -l <"$work/kept")" = "$got" ] || fail "$got files, but digests of $(wc -l <"$work/kept")"
cp "$work/digests" "$work/all"

made 400 "cut into 4099 bytes, one thread" "$bytes" -c 4099 -t 1
compare
MALLOC_PERTURB_=165
export MALLOC_PERTURB_
made 400 "whole, eight threads, memory full of 0xa5" "$bytes" -c 100000000 -t 8
compare
MALLOC_PERTURB_=90
made 200 "cut into 7 bytes, two threads, memory full of 0x5a" "$bytes" -c 7 -t 2 -q
compare
unset MALLOC_PERTURB_

# Other processors of this architecture.
machine=$(uname -m)
if [ "$machine" != x86_64 ]; then
    not_tried "emulated processors: this is a $machine"
elif ! command -v qemu-x86_64-static >/dev/null; then
    not_tried "emulated processors: needs qemu-x86_64-static"
else
    for cpu in Nehalem Haswell; do
        made 200 "on a $cpu" qemu-x86_64-static -cpu "$cpu" "$bytes" -q
        compare
    done
fi

# Other architectures: the encoder alone, which needs no library there.
other() { # MACHINE
    if ! command -v "$1-linux-gnu-gcc" >/dev/null || ! command -v "qemu-$1-static" >/dev/null; then
        not_tried "the encoder on $1: needs $1-linux-gnu-gcc and qemu-$1-static"
        return
    fi
    "$1-linux-gnu-gcc" -std=gnu17 -O2 -D_GNU_SOURCE -DENCODER_ONLY -static \
        -I"$abs_top_srcdir/core" -I"$abs_top_srcdir/core/include" -o "$work/$1" \
        "$kept/layer-bytes.c" "$abs_top_srcdir"/core/image/encoder.c \
        "$abs_top_srcdir"/core/image/match.c "$abs_top_srcdir"/core/image/huffman.c \
        "$abs_top_srcdir"/core/tools/alloc.c || fail "cannot build for $1"
    made 80 "on $1" "qemu-$1-static" "$work/$1" -q
    compare
}
other aarch64
other s390x # the other order of bytes

#!/bin/sh
# Each exporter, when one of its writes fails: the first, the last, the closing of a
# file, putting it in place, each in turn (fail-nth.c).  An error, status 1, and nothing
# under the name of the result that could be taken for one.  And /dev/full as the
# result, where a file is one.
. "$(dirname "$0")/lib.sh"
need_root
need python3 cc
make_bases
base="base=oci-layout://$bases/busybox"
# An archive of one write is no test of the last of several.
context=$work/context
mkdir -p "$context"
"$python" -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(2500000))' >"$context/big"
cat >"$context/Dockerfile" <<'END_FILE'
FROM base AS s
RUN mkdir -p /o/d/e && echo one >/o/d/one && ln /o/d/one /o/d/two && ln -s one /o/d/link && mkfifo /o/d/pipe && \
    mknod /o/d/node c 1 3 && mkdir /o/empty && chmod 750 /o/empty
FROM scratch
COPY --from=s /o /
COPY big /
CMD ["/none"]
END_FILE
run 0 build "$work/store" --build-context "$base" -o type=cacheonly "$context"

# ---- each call in turn -------------------------------------------------------------
cc -shared -fPIC -O1 -o "$work/fail-nth.so" "$here/fail-nth.c" -ldl || fail "fail-nth.c does not compile"
out=$work/results
# faulty NTH FLAG...: a build of which the call NTH fails; its status is in $got.
faulty() {
    nth=$1
    shift
    : >"$work/calls"
    got=0
    LD_PRELOAD=$work/fail-nth.so FAIL_BELOW=$out FAIL_NTH=$nth FAIL_LOG=$work/calls \
        "$abs_top_builddir/tenon-dev" --root "$work/store" build --progress=plain,detail=short --build-context "$base" \
        "$@" "$context" >"$work/printed" 2>"$work/err" || got=$?
}
told() { sed "s,$out,OUT,g; s,^,  | ," "$work/calls" "$work/err" >&2; }

# untouched KIND NAME: what stands under the name is what stood there before.
untouched() {
    case $1 in
    file) [ ! -e "$out/$2" ] || cmp -s "$out/$2" "$work/old" ;; # --iidfile takes the old one away
    layout) cmp -s "$out/$2/index.json" "$work/old" ;;
    # Files are written one by one, and each is whole.
    tree) [ ! -e "$out/$2/big" ] || cmp -s "$out/$2/big" "$context/big" ;;
    esac
}
prepare() { # KIND NAME
    rm -rf "$out"
    mkdir -p "$out"
    echo "what stood here before" >"$work/old"
    case $1 in
    file) cp "$work/old" "$out/$2" ;;
    layout) mkdir "$out/$2" && cp "$work/old" "$out/$2/index.json" ;;
    esac
}
# every_call KIND NAME MINIMUM FLAG...
every_call() {
    kind=$1 name=$2 minimum=$3
    shift 3
    output=$*
    prepare "$kind" "$name"
    faulty 0 "$@"
    [ $got = 0 ] || { told; fail "$output: fails without a fault"; }
    [ "$kind" = tree ] || ! untouched "$kind" "$name" || fail "$output: makes nothing"
    count=$(wc -l <"$work/calls")
    cut -d' ' -f1 "$work/calls" | sort | uniq -c | tr -s ' \n' ' ' >"$work/kinds"
    [ "$count" -ge "$minimum" ] || { told; fail "$output: only $count calls"; }
    for call in $(seq "$count"); do
        prepare "$kind" "$name"
        faulty "$call" "$@"
        grep -q '^!' "$work/calls" || { told; fail "$output: call $call of $count was not reached"; }
        [ $got = 1 ] || { told; fail "$output: status $got when call $call of $count fails"; }
        [ "$(grep -c '^ERROR: ' "$work/err")" = 1 ] || { told; fail "$output: no error"; }
        untouched "$kind" "$name" || { told; fail "$output: a result is there when call $call fails"; }
        find "$out" -name '*.tmp*' -o -name '*.tenon-*' >"$work/left"
        [ ! -s "$work/left" ] || { told; fail "$output: left when call $call fails: $(cat "$work/left")"; }
    done
    echo "$output: $count calls:$(cat "$work/kinds")"
}
if (LD_PRELOAD=$work/fail-nth.so "$abs_top_builddir/tenon-dev" version) >"$work/version" 2>&1; then
    every_call file a.tar 5 -o "type=tar,dest=$out/a.tar"
    every_call file a.tar 5 -o "type=oci,dest=$out/a.tar"
    every_call file a.tar 5 -o "type=docker,dest=$out/a.tar"
    every_call layout a 20 -o "type=oci,tar=false,dest=$out/a"
    every_call layout a 20 -o "type=docker,tar=false,dest=$out/a"
    every_call tree a 12 -o "type=local,dest=$out/a"
    every_call layout a 20 -o type=cacheonly --cache-to "type=local,dest=$out/a"
    every_call file id 4 -o "type=oci,dest=$work/any.tar" --iidfile "$out/id"
    every_call file meta 4 -o "type=oci,dest=$work/any.tar" --metadata-file "$out/meta"
else
    cat "$work/version" >&2
    not_tried "each write of an exporter: nothing can be preloaded into this build"
fi

# ---- a device that is always full ------------------------------------------------------
for type in tar oci docker; do
    run 1 build "$work/store" --build-context "$base" -o "type=$type,dest=/dev/full" "$context"
    assert_has "$work/err" "o space left on device"
    [ -c /dev/full ] || fail "/dev/full is no device any more"
    got=0
    build "$work/store" --build-context "$base" -o "type=$type,dest=-" "$context" >/dev/full 2>"$work/err" || got=$?
    assert_eq 1 $got
    assert_has "$work/err" "o space left on device"
done

#!/bin/sh
# tenon build --repro-check: what is the same is said to be, in one line; what is not is named by
# its step, path and field; the build that was asked for is done, and nothing else is left.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need jq python3
TMPDIR=$work/tmp
mkdir "$TMPDIR"
export TMPDIR
cd "$work"
check() { # STATUS FLAG...
    wanted=$1
    shift
    run "$wanted" build --repro-check "$@"
    assert_eq "" "$(ls "$TMPDIR")"
}

# What a step makes of chance and the clock, in the words of diff; the last step is not blamed.
printf 'FROM base\nRUN echo 1 >/one\nRUN cat /proc/sys/kernel/random/uuid >/two\nRUN ls -l --full-time / >/three\n' | dockerfile
check 1 --iidfile id -t example.org/kept
grep -q '^not reproducible: layer 3 (RUN .* >/two.*): /two: content: 37 bytes, sha256:.* -> 37 bytes, sha256:' err ||
    { cat err >&2; fail "what differs first"; }
grep -q '^  .*: /two: time: ' err || { cat err >&2; fail "the rest"; }
assert_lacks err 'hint: SOURCE_DATE_EPOCH'
assert_file id
run 0 tenon images -q
assert_eq example.org/kept:latest "$(cat out)"

# Times alone, and what helps.
printf 'FROM base\nRUN echo 1 >/one\nCOPY Dockerfile /\n' | dockerfile
check 1
grep -q '^not reproducible: layer 2 (RUN .*): /one: time: ' err || { cat err >&2; fail "times"; }
assert_has err 'hint: SOURCE_DATE_EPOCH'

# It does help, also where nothing comes from a cache the first time, and with another compression.
export SOURCE_DATE_EPOCH=1500000000
for how in 'compression=gzip,"annotation.x=a ""b"", c"' compression=zstd; do
    check 0 --no-cache -o "type=oci,rewrite-timestamp=true,$how,dest=made.tar"
    assert_eq "reproducible: built twice, it is $(tar xOf made.tar index.json | jq -r '.manifests[0].digest')" "$(tail -1 err)"
done
unset SOURCE_DATE_EPOCH

# Ctrl-C, which a terminal sends to all of them, in the first build and in the second, and SIGTERM
# to the first process alone: nothing is left of either.
printf 'FROM base\nRUN sleep 2\n' | dockerfile
for case in 'INT -:RUN sleep 2' 'INT -:building it again' 'TERM :building it again'; do
    at=${case#*:} to=${case%%:*}
    python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execv(sys.argv[1], sys.argv[1:])' "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --repro-check \
        --no-cache --build-context "base=oci-layout://$bases/busybox" "$context" >out 2>interrupted &
    tenon=$!
    await_line interrupted "$at"
    kill -${to% *} ${to#* }$tenon
    status=0
    wait $tenon || status=$?
    [ $status = 130 ] || { cat interrupted >&2; fail "interrupted at \"$at\": status $status"; }
    assert_eq "" "$(ls "$TMPDIR")"
    assert_lacks interrupted "reproducible: "
done

# What fails, or cannot be done twice.
printf 'FROM base\nRUN exit 3\n' | dockerfile
check 1
assert_lacks err 'building it again'
for wrong in "-" "-f - ." "--check ."; do
    run 2 tenon build --repro-check $wrong </dev/null
    assert_has err '--repro-check: '
done

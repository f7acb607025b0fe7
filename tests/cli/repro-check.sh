#!/bin/sh
# tenon build --repro-check: what is the same is said to be, in one line; what is not is named by
# its step, path and field; the build that was asked for is done, and nothing else is left.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need jq
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

# What fails, or cannot be done twice.
printf 'FROM base\nRUN exit 3\n' | dockerfile
check 1
assert_lacks err 'building it again'
for wrong in "-" "-f - ." "--check ."; do
    run 2 tenon build --repro-check $wrong </dev/null
    assert_has err '--repro-check: '
done

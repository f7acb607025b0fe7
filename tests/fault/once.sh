#!/bin/sh
# Several processes build the same at once on a cold store: every step runs once
# in all, every layer of the base is fetched and unpacked once, and all end with
# the same image.
. "$(dirname "$0")/lib.sh"
need_root
need docker-registry python3
make_bases
export SOURCE_DATE_EPOCH=1700000000

registry_quiet=false
start_registry </dev/null
context=$work/context
mkdir -p "$context"
"$python" - "$context" <<'END_PYTHON'
import os, sys
for name in "a", "b", "c":
    open(sys.argv[1] + "/" + name, "wb").write(os.urandom(3 << 20))
END_PYTHON
printf 'FROM base\nCOPY a /a\nCOPY b /b\n' >"$context/base.Dockerfile"
run 0 build "$work/other-store" -f "$context/base.Dockerfile" \
    --build-context "base=oci-layout://$bases/busybox" \
    -o "type=image,name=$registry/base,push=true" "$context"

# A step tells of its run by a line in a cache mount, that nobody else's key or result
# sees. The first goes on when all processes have begun.
cat >"$context/Dockerfile" <<END_FILE
FROM $registry/base AS one
ARG MARK
RUN --mount=type=cache,target=/runs,id=$mark echo one >>/runs/log; touch /runs/here; \\
    until [ -e /runs/go ]; do sleep 0.05; done; echo one >/one
COPY c /c
RUN --mount=type=cache,target=/runs,id=$mark echo two >>/runs/log; sleep 0.2; echo two >/two
FROM $registry/base AS three
ARG MARK
RUN --mount=type=cache,target=/runs,id=$mark echo three >>/runs/log; sleep 0.3; echo three >/three
FROM $registry/base
COPY --from=one /one /two /c /from/
COPY --from=three /three /from/
RUN --mount=type=cache,target=/runs,id=$mark echo four >>/runs/log
END_FILE
cat >"$context/count.Dockerfile" <<END_FILE
FROM $registry/base
ARG TIME
RUN --mount=type=cache,target=/runs,id=$mark sort /runs/log >/log
FROM scratch
COPY --from=0 /log /
END_FILE

step_number() { # PROCESS TEXT: its number on the screen
    grep "^#[0-9]* \[" "$work/$1.err" | grep -F -e "$2" | head -n 1 | sed 's/^#\([0-9]*\).*/\1/'
}

at_once() { # COUNT
    count=$1
    root=$work/store-$count
    : >"$work/registry-$port.log"
    pids=
    for i in $(seq "$count"); do
        "$abs_top_builddir/tenon-dev" --root "$root" build --progress=plain \
            --build-arg "MARK=$mark" --iidfile "$work/iid.$i" \
            -o "type=oci,rewrite-timestamp=true,dest=$work/$i.tar" "$context" \
            >"$work/$i.out" 2>"$work/$i.err" &
        remember $!
        pids="$pids $!"
    done
    for _ in $(seq 1200); do
        first=$(ls "$root"/cache-mounts/*/here "$root"/cache-mounts/*/*/here 2>/dev/null || :)
        begun=$(cat "$work"/?.err | grep -c '^#1 \[internal\]' || :)
        [ -z "$first" ] || [ "$begun" != "$count" ] || break
        sleep 0.05
    done
    [ -n "$first" ] || { cat "$work"/?.err >&2; fail "the first step does not begin"; }
    assert_eq "$count" "$begun"
    touch "${first%here}go"
    for p in $pids; do
        wait "$p" || { tail -n 20 "$work"/?.err >&2; fail "one of $count failed"; }
    done

    run 0 build "$root" -f "$context/count.Dockerfile" --build-arg TIME="$count" -o "$work/count" "$context"
    assert_eq "four one three two" "$(tr '\n' ' ' <"$work/count/log" | sed 's/ $//')"
    for i in $(seq "$count"); do
        cmp -s "$work/iid.1" "$work/iid.$i" || fail "process $i of $count made another image"
        # Own work or somebody else's: each step ends, and none twice.
        for step in 'echo one' 'COPY c /c' 'echo two' 'echo three' 'echo four'; do
            number=$(step_number "$i" "$step")
            [ -n "$number" ] || { cat "$work/$i.err" >&2; fail "process $i does not show $step"; }
            grep -Eq "^#$number (DONE|CACHED)" "$work/$i.err" || fail "process $i: $step has no end"
        done
    done
    # Made once: what one shows as done is cached for all others.
    for step in 'echo one' 'COPY c /c' 'echo two' 'echo three' 'echo four'; do
        done=0
        for i in $(seq "$count"); do
            number=$(step_number "$i" "$step")
            if grep -q "^#$number CACHED" "$work/$i.err"; then :; else done=$((done + 1)); fi
        done
        assert_eq "$step: 1" "$step: $done"
    done

    # Layers came once, and were unpacked once.
    gets=$(grep -a 'GET /v2/base/blobs/' "$work/registry-$port.log" |
        sed 's|.*\(/blobs/[^ ]*\).*|\1|' | sort | uniq -c | awk '$1 > 1')
    assert_eq "" "$gets"
    [ "$(grep -ac 'GET /v2/base/blobs/' "$work/registry-$port.log")" -ge 3 ] || fail "no layer was pulled"
    store_right "$root"
    no_leftover "$root"
    no_process
    no_mount "$root"
}

at_once 2
at_once 4

# Who waits for another's step takes it over when that other is killed.
root=$work/store-killed
flags="--iidfile $work/iid.next -o type=oci,rewrite-timestamp=true,dest=$work/next.tar"
begin "$root" $flags "$context"
killed=$tenon
for _ in $(seq 1200); do
    first=$(ls "$root"/cache-mounts/*/here "$root"/cache-mounts/*/*/here 2>/dev/null || :)
    [ -z "$first" ] || break
    sleep 0.05
done
[ -n "$first" ] || { cat "$work/began.err" >&2; fail "the first step does not begin"; }
mv "$work/began.err" "$work/killed.err"
begin "$root" $flags "$context"
await_line "$work/began.err" '^#[0-9]+ .*echo three'
kill -KILL $killed
wait $killed 2>/dev/null || :
taken_over() { [ "$(grep -c one "${first%here}log")" = 2 ]; }
await "somebody who takes the step over" taken_over
touch "${first%here}go"
wait $tenon || { cat "$work/began.err" >&2; fail "the build that took over"; }
cmp -s "$work/iid.1" "$work/iid.next" || fail "taken over, it is another image"
store_right "$root"
no_leftover "$root"
no_process
no_mount "$root"

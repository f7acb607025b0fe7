#!/bin/sh
# Cache mounts of steps that run at the same time, in one build and in several:
# locked ones never meet, private ones have trees apart, shared ones have one tree.
# No time decides: a step waits for a mark of another, or for the test's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

# until CONDITION, in steps: bounded, and then a failure.
cat >"$context/until" <<'D'
n=0
until eval "$1"; do
    n=$((n + 1))
    [ $n -lt 1200 ] || { echo "never: $1"; exit 9; }
    sleep 0.05
done
D

# ---- in one build --------------------------------------------------------------
meet() { # SHARING: two steps, each in its cache while the other is in its
    cat >"$context/Dockerfile" <<D
FROM base AS one
RUN --mount=type=bind,source=until,target=/until --mount=type=cache,target=/marks \
    --mount=type=cache,target=/c,sharing=$1 \
    echo one >/c/one && touch /marks/one && sh /until 'test -e /marks/two' && ls /c >/saw && \
    touch /marks/one-done && sh /until 'test -e /marks/two-done'
FROM base AS two
RUN --mount=type=bind,source=until,target=/until --mount=type=cache,target=/marks \
    --mount=type=cache,target=/c,sharing=$1 \
    echo two >/c/two && touch /marks/two && sh /until 'test -e /marks/one' && ls /c >/saw && \
    touch /marks/two-done && sh /until 'test -e /marks/one-done'
FROM scratch
COPY --from=one /saw /one
COPY --from=two /saw /two
D
    result
}
for executor in $executors; do
    use_executor $executor
    store=$work/store-$executor
    meet shared
    saw one "one
two"
    saw two "one
two"
    rm -rf "$store"
    meet private
    saw one one
    saw two two
    run 0 tenon du --filter type=exec.cachemount --format json
    assert_eq 3 "$(wc -l <"$work/out")" # with the marks
    # The next private ones take what is free: no third.
    meet private
    run 0 tenon du --filter type=exec.cachemount --format json
    assert_eq 3 "$(wc -l <"$work/out")"
    rm -rf "$store"
done
use_executor native
store=$work/store

# Locked: each makes the mark that is there only while somebody is inside.
{
    for n in 1 2 3 4; do
        echo "FROM base AS s$n"
        # ": $n", or they were one step.
        echo "RUN --mount=type=cache,target=/c,sharing=locked : $n; mkdir /c/inside && sleep 0.1 && echo x >>/c/log && rmdir /c/inside"
        # The same two in different orders: no two wait for each other.
        [ $((n % 2)) = 0 ] && order='a b' || order='b a'
        set -- $order
        echo "RUN --mount=type=cache,target=/$1,sharing=locked --mount=type=cache,target=/$2,sharing=locked : $n; mkdir /a/inside /b/inside && sleep 0.05 && rmdir /a/inside /b/inside"
    done
    echo 'FROM base'
    for n in 1 2 3 4; do echo "COPY --from=s$n /etc/passwd /$n"; done
    echo 'RUN --mount=type=cache,target=/c wc -l </c/log >/log'
} | dockerfile
run 0 build -o "$work/tree"
saw log 4

# ---- in several builds ---------------------------------------------------------
cat >"$context/inside.Dockerfile" <<'D'
FROM base
ARG WHO
RUN --mount=type=bind,source=until,target=/until --mount=type=cache,target=/marks --mount=type=cache,id=SHARING,target=/c,sharing=SHARING \
    mkdir /c/inside && echo in && sh /until "test -e /marks/$WHO-may-go" && rmdir /c/inside
D
cat >"$context/visit.Dockerfile" <<'D'
FROM base
ARG WHO
RUN --mount=type=cache,id=SHARING,target=/c,sharing=SHARING ls /c; test ! -e /c/inside; echo "met=$?"
D
cat >"$context/mark.Dockerfile" <<'D'
FROM base
ARG WHO
RUN --mount=type=cache,target=/marks touch /marks/$WHO-may-go
D
enter() { # WHO SHARING: a step that stays inside until it may go; sets inside
    sed "s/SHARING/$2/g" "$context/inside.Dockerfile" >"$work/Dockerfile.$1"
    # Not through a function, whose shell that would be.
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
        --build-context "base=oci-layout://$bases/busybox" -f "$work/Dockerfile.$1" --build-arg "WHO=$1" "$context" \
        >"$work/$1" 2>&1 &
    inside=$!
    remember $inside
    wait_for "$work/$1" "in"
}
visit() { # WHO SHARING
    sed "s/SHARING/$2/g" "$context/visit.Dockerfile" >"$work/Dockerfile.$1"
    build -f "$work/Dockerfile.$1" --build-arg "WHO=$1" >"$work/$1" 2>&1
}
let_go() { # WHO
    run 0 build -f "$context/mark.Dockerfile" --build-arg "WHO=$1"
    wait $inside || { cat "$work/$1" >&2; fail "$1"; }
}
# at_lock MARK: the build that was given it has the lock's file open, so it wants it.
at_lock() {
    for _ in $(seq 1200); do
        for p in $(grep -lsF "WHO=$1" /proc/[0-9]*/cmdline | cut -d/ -f3); do
            ! ls -l "/proc/$p/fd" 2>/dev/null | grep -q "locks/cache-[0-9]*\$" || return 0
        done
        sleep 0.05
    done
    cat "$work/$1" >&2
    fail "$1 never came to the lock"
}

# Shared: the second is inside while the first is, and sees its mark.
enter a shared
visit b shared || { cat "$work/b" >&2; fail "shared waits"; }
assert_has "$work/b" "met=1"
let_go a

# Private: the second has another tree, and waits for nobody.
enter c private
visit d private || { cat "$work/d" >&2; fail "private waits"; }
assert_has "$work/d" "met=0"
let_go c

# Locked: the second comes to the lock, and does not run before the first is out;
# nor does one that would share.
for second in locked shared; do
    enter "e$second" locked
    # shellcheck disable=SC2030
    (sed "s/id=SHARING/id=locked/; s/SHARING/$second/" "$context/visit.Dockerfile" >"$work/Dockerfile.f$second"
     exec "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
        --build-context "base=oci-layout://$bases/busybox" -f "$work/Dockerfile.f$second" \
        --build-arg "WHO=f$second" "$context" >"$work/f$second" 2>&1) &
    waiting=$!
    remember $waiting
    at_lock "f$second"
    ! grep -q 'met=[01]' "$work/f$second" || fail "$second: in beside the locked one"
    let_go "e$second"
    wait $waiting || { cat "$work/f$second" >&2; fail "the second"; }
    assert_has "$work/f$second" "met=0"
done

# Five builds at once, each in and out several times.
{
    echo 'FROM base'
    echo 'ARG WHO'
    for n in 1 2 3; do
        echo "RUN --mount=type=cache,id=many,target=/c,sharing=locked : $n; mkdir /c/inside && echo \$WHO$n >>/c/log && sleep 0.02 && rmdir /c/inside"
    done
} >"$context/many.Dockerfile"
pids=
for who in v w x y z; do
    build -f "$context/many.Dockerfile" --build-arg WHO=$who >"$work/$who" 2>&1 &
    pids="$pids $!"
done
for p in $pids; do
    wait "$p" || { cat "$work"/[v-z] >&2; fail "two were inside at once"; }
done
printf 'FROM base AS s\nRUN --mount=type=cache,id=many,target=/c wc -l </c/log >/log\nFROM scratch\nCOPY --from=s /log /\n' | dockerfile
result
saw log 15

# The lock of a build that is killed is free.
enter g locked
kill -KILL $inside
wait $inside 2>/dev/null || :
visit h locked || { cat "$work/h" >&2; fail "the lock of the dead"; }
assert_has "$work/h" "met=1" # its tree is as it was

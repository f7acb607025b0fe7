#!/bin/sh
# tenon why: which results were made here, which a cache says, and by what they are known; and what
# came by caches is collected on demand, alone.
. "$(dirname "$0")/lib.sh"
need_root
need jq
make_bases

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END'
FROM base AS made
ARG WORD=one
RUN echo $WORD >/made
FROM base AS more
COPY --from=made /made /copied
RUN cat /copied >/again
END
build() { # STORE FLAG...
    where=$work/$1
    shift
    tenon --root "$where" build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o type=cacheonly "$@" "$work/context"
}
# why FLAG...: of $where, as JSON objects
why() { run 0 tenon --root "$where" why --format json "$@"; }
steps() { jq -rs 'map(select(.step | contains("] RUN") or contains("] COPY"))) | '"$1" "$work/out"; }
origins() { steps 'map(.origin) | unique | join(" ")'; }

# ---- made here --------------------------------------------------------------------------
run 0 build source --cache-to "type=local,dest=$work/cache,mode=max"
why
assert_eq here "$(origins)"
assert_eq 3 "$(steps length)"
run 0 tenon --root "$where" why
grep -Eq 'here  \[more 1/3\] COPY --from=made' "$work/out" || fail "no line of the copy"

# Its key, by name; with its parts in words.
run 0 tenon --root "$where" why "RUN echo"
assert_has "$work/out" "Step:         [made 1/2] RUN echo one >/made"
assert_has "$work/out" "Origin:       made here"
assert_has "$work/out" "    env WORD: one"
! grep -q "RUN cat" "$work/out" || fail "another step"
# A second result of a step replaces the first in what is shown, but is kept.
run 0 build source --build-arg WORD=two
why "RUN echo"
assert_eq two "$(jq -r '.key[] | select(.label == "env WORD").value' "$work/out")"
why --all "RUN echo"
assert_eq 2 "$(steps length)"
run 1 tenon --root "$where" why "RUN nothing of the kind"
assert_has "$work/err" 'no result of a step that is called "RUN nothing of the kind"'

# ---- by a cache -------------------------------------------------------------------------
from=type=local,src=$work/cache
run 0 build taker --cache-from "$from" --target more
why
assert_eq "local:$work/cache" "$(origins)"
assert_eq true "$(steps 'all(.imported and (.trusted | not))')"
run 0 tenon --root "$where" why --imported
assert_has "$work/out" "local:$work/cache  [more 2/3] RUN cat"
run 0 tenon --root "$where" why "RUN cat"
assert_has "$work/out" "Origin:       local:$work/cache"

# What was made upon it is not made here alone; a step of one's own is.
sed -i 's/AS more/AS mine\nRUN echo mine >\/mine\nFROM base AS more/' "$work/context/Dockerfile"
run 0 build taker --cache-from "$from" --target mine
why "RUN echo mine"
assert_eq here "$(origins)"

# ---- and trusted ------------------------------------------------------------------------
run 0 build truster --cache-from "$from,trust=true" --target more
why "RUN cat"
assert_eq "local:$work/cache true false" "$(steps '.[0] | "\(.origin) \(.trusted) \(.imported)"')"
run 0 tenon --root "$where" why
assert_has "$work/out" "local:$work/cache (trusted)  [more 2/3] RUN cat"
why --imported
assert_eq "" "$(cat "$work/out")"

# ---- collected ----------------------------------------------------------------------------
# Of a store that has both: what only the cache says is shown, and goes, by its name or as a kind.
where=$work/taker
rows() { jq -rs "$1" "$work/out"; }
run 0 tenon --root "$where" du --format json --filter origin=import
[ "$(rows length)" -ge 2 ] || fail "du shows nothing that came by the cache"
assert_eq true "$(rows "all(.Origin == \"local:$work/cache\")")"
assert_eq true "$(rows 'any(.ID | startswith("blob:"))')"
run 0 tenon --root "$where" du -v
assert_has "$work/out" "Origin:       local:$work/cache"
run 0 tenon --root "$where" prune --force --format json --filter origin=local:/another
assert_eq "" "$(cat "$work/out")"
run 0 tenon --root "$where" prune --force --format json --filter "origin=local:$work/cache" --filter until=24h
assert_eq "" "$(cat "$work/out")"
# The claims of a cache have no size and no kind: other filters leave them.
for filter in "--filter type=exec.cachemount" --reserved-space=100GB; do
    run 0 tenon --root "$where" prune --force --format json --filter origin=import $filter
    assert_eq "" "$(cat "$work/out")"
    why
    assert_has "$work/out" "local:$work/cache"
done
run 0 tenon --root "$where" prune --force --format json --filter "origin=local:$work/cache"
[ "$(rows length)" -ge 2 ] || fail "prune took nothing"
assert_eq true "$(rows "all(.Origin == \"local:$work/cache\")")"
why
assert_eq here "$(origins)"
run 0 tenon --root "$where" du --format json --filter origin=import
assert_eq "" "$(cat "$work/out")"
"$abs_top_srcdir/tests/fault/check-store" "$where" || fail "the store is not right"
# What was made here is still a hit, also without the cache; the rest is made.
run 0 build taker --target mine
assert_eq CACHED "$(step_ended "$work/err" 'RUN echo mine')"
run 0 build taker --target more
assert_eq DONE "$(step_ended "$work/err" 'RUN cat')"
# Nothing of it is the cache's now, and a prune of imports leaves it.
run 0 tenon --root "$where" prune --force --format json --filter origin=import
assert_eq "" "$(cat "$work/out")"
run 0 build taker --target more
assert_eq CACHED "$(step_ended "$work/err" 'RUN cat')"

# The claims go also where what they lead to was made here as well.
run 0 build both --target more
run 0 build both --cache-from "$from" --target more --no-cache-filter=more
run 0 tenon --root "$where" prune --force --filter origin=import
why --imported
assert_eq "" "$(cat "$work/out")"
run 0 build both --target made
assert_eq CACHED "$(step_ended "$work/err" 'RUN echo')"
run 2 tenon prune --force --filter origin=

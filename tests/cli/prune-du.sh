#!/bin/sh
# du, prune and images on a store that a build filled.
. "$(dirname "$0")/lib.sh"
need_root
need jq
make_bases

run 0 tenon du
assert_has "$work/out" "LAST ACCESSED"
assert_eq "Total: 0B" "$(grep '^Total:' "$work/out" | tr -s ' ')"
run 0 tenon prune --force
assert_has "$work/out" "Total:"

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END'
FROM base
COPY file /file
RUN --mount=type=cache,target=/kept dd if=/dev/zero of=/kept/big bs=1024 count=300 && echo one > /one
RUN dd if=/dev/zero of=/big bs=1024 count=500
END
echo content >"$work/context/file"
build() {
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o "type=image,name=example.org/kept:1" "$@" "$work/context"
}
steps_are() { # CACHED or DONE: all three
    for step in 'COPY file /file' 'of=/kept/big' 'of=/big'; do
        assert_eq "$step: $1" "$step: $(step_ended "$work/err" "$step")"
    done
}
run 0 build
steps_are DONE

run 0 tenon du --format json
jq -se 'length > 3 and all(.[]; .ID and .Type and (.Size | type) == "number")' "$work/out" \
    >/dev/null || fail "JSON of du"
jq -se 'any(.[]; .Type == "exec.cachemount" and .Size >= 300 * 1024)' "$work/out" >/dev/null ||
    fail "the cache mount is not counted"
total=$(jq -s 'map(.Size) | add' "$work/out")
disk=$(du -s --block-size=1 "$store" | cut -f1)
# What is on disk beside: the database, directories, logs.
[ "$total" -le "$disk" ] || fail "du tells $total, the disk holds $disk"
[ "$total" -ge $((disk / 2)) ] || fail "du tells $total of $disk"
run 0 tenon du --filter type=exec.cachemount --format json
assert_eq exec.cachemount "$(jq -rs 'map(.Type) | unique | join(",")' "$work/out")"
run 0 tenon du -v
assert_has "$work/out" "Usage count:"

run 0 tenon images -q
assert_eq example.org/kept:1 "$(cat "$work/out")"

# Nobody to ask is not a yes.
run 1 tenon prune </dev/null
assert_has "$work/err" "--force"

# Too young, or the wrong type: nothing goes.
run 0 tenon prune --force --filter until=24h --format json
assert_eq "" "$(cat "$work/out")"
run 0 build
steps_are CACHED

# One type only; the rest is still a hit.
# What steps printed counts, and goes like the rest: by its age, and by its type.
run 0 tenon du --filter type=log --format json
jq -se 'length >= 1 and all(.[]; .Size > 0)' "$work/out" >/dev/null || fail "logs are not counted"
run 0 tenon prune --force --filter type=log --filter until=24h
[ -n "$(ls "$store/logs")" ] || fail "young logs are gone"
run 0 tenon prune --force --filter type=log
assert_eq "" "$(ls "$store/logs")"
run 0 build
steps_are CACHED
run 0 tenon prune --force --filter type=exec.cachemount --format json
assert_eq exec.cachemount "$(jq -rs 'map(.Type) | unique | join(",")' "$work/out")"
run 0 build
steps_are CACHED

# Keeping more than there is keeps all, as does a disk with room, and what reserves more than it allows.
for space in "--keep-storage 10g" "--max-used-space 10g" "--min-free-space 1" \
    "--max-used-space 1 --reserved-space 10g" "--filter id=no-such"; do
    run 0 tenon prune --force $space --format json
    assert_eq "" "$(cat "$work/out")"
done

run 0 tenon images rm example.org/kept:1
run 0 tenon images -q
assert_eq "" "$(cat "$work/out")"
run 1 tenon images rm example.org/kept:1
assert_has "$work/err" "example.org/kept:1"

run 0 tenon prune --all --force
assert_has "$work/out" "Total:"
run 0 tenon du --format json
assert_eq "0" "$(jq -s 'map(select(.Type != "history") | .Size) | add // 0' "$work/out")"
# The empty files below all steps stay.
left=$(find "$store/snapshots" "$store/content/blobs" "$store/cache-mounts" -mindepth 2 \
    ! -path "$store/snapshots/stubs/*")
assert_eq "" "$left"

# An empty store builds as the first one did.
run 0 build
steps_are DONE

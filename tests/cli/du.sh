#!/bin/sh
# tenon du: in which order, what is in use and by whom, and what could be freed. The
# times and sizes are the test's, and so is the lease of a build that began in between.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3 jq
printf 'FROM base\nRUN echo 1 >/one\nRUN --mount=type=cache,target=/c echo 2 >/two\nRUN echo 3 >/three\n' | dockerfile
run 0 build -o type=cacheonly

# The cache mount was used at 1000, blobs at 2000, trees at 3000, 3001, ...
python3 - "$store" >"$work/lease.log" 2>&1 <<'END_PYTHON' &
import fcntl, os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1] + "/tenon.db")
db.execute("UPDATE cache SET used = 1000")
db.execute("UPDATE blob SET used = 2000")
for n, (id,) in enumerate(db.execute("SELECT id FROM snapshot ORDER BY id").fetchall()):
    db.execute("UPDATE snapshot SET used = ?, size = ? WHERE id = ?", (3000 + n, 1000 * (n % 3 + 1), id))
db.commit()
db.close()
lease = os.open(sys.argv[1] + "/locks/lease-%d-3001" % os.getpid(), os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lease, fcntl.LOCK_SH)
print("held", flush=True)
time.sleep(600)
END_PYTHON
lease=$!
remember $lease
await_line "$work/lease.log" .
assert_eq held "$(cat "$work/lease.log")"
run 0 tenon history rm --all # prune leaves records: history.sh

run 0 tenon du --format json
cp "$work/out" "$work/rows"
jq -se 'length > 5' "$work/rows" >/dev/null || fail "too few rows"
jq -se 'map(.Size) == (map(.Size) | sort | reverse)' "$work/rows" >/dev/null || fail "not the largest first"
jq -se 'all(.[]; .InUse == ((.ID | startswith("snapshot:")) and .LastUsedAt != "1970-01-01T00:00:00.000003Z"))' \
    "$work/rows" >/dev/null || { cat "$work/rows" >&2; fail "what is in use"; }
jq -se 'all(.[]; .Reclaimable != .InUse) and any(.[]; .InUse) and any(.[]; .Reclaimable)' "$work/rows" >/dev/null ||
    fail "what is reclaimable"

# Filters: all of them at once, and each alone.
count() { # JQ-CONDITION FLAG...
    condition=$1
    shift
    run 0 tenon du --format json "$@"
    assert_eq "$(jq -s "map(select($condition)) | length" "$work/rows") $*" "$(wc -l <"$work/out" | tr -d ' ') $*"
}
count .InUse --filter inuse=true
count '.InUse | not' --filter inuse=false
count .Mutable --filter mutable=true
count '.Mutable | not' --filter mutable=false
count '.InUse and .Mutable' --filter inuse=true --filter mutable=true
count '(.InUse | not) and .Mutable' --filter inuse=false --filter mutable=true
count .Shared --filter shared=true
count '.Shared | not' --filter shared=false
count '.ID | startswith("blob:")' --filter id=blob:
count '.Type == "exec.cachemount"' --filter type=exec.cachemount
count '.Type == "exec.cachemount" and .InUse' --filter type=exec.cachemount --filter inuse=true
count true --filter until=24h
count false --filter until=2000000h

# What is told at the end is the sum of what was shown.
bytes() { sed -n "s/^$1: *//p" "$work/out" | tr -d ' '; }
format() { # BYTES as du writes them
    python3 -c 'import sys
n = int(sys.argv[1])
for unit in "B", "kB", "MB", "GB":
    if n < 1000 or unit == "GB": break
    n /= 1000
print(("%.3g" % n) + unit)' "$1"
}
run 0 tenon du
assert_eq "$(format "$(jq -s 'map(.Size) | add' "$work/rows")")" "$(bytes Total)"
assert_eq "$(format "$(jq -s 'map(select(.InUse | not) | .Size) | add' "$work/rows")")" "$(bytes Reclaimable)"
run 0 tenon du --filter inuse=true
assert_eq "0B" "$(bytes Reclaimable)"

# And prune takes just that.
run 0 tenon prune --all --force --format json
jq -r .ID "$work/out" | sort >"$work/gone"
jq -r 'select(.InUse | not) | .ID' "$work/rows" | sort | diff - "$work/gone" || fail "prune takes something else"
kill $lease
wait $lease 2>/dev/null || :
run 0 tenon prune --all --force --format json
jq -r 'select(.InUse) | .ID' "$work/rows" | sort >"$work/rest"
jq -r .ID "$work/out" | sort | diff "$work/rest" - || fail "the rest goes when the build has ended"

# ---- what du calls reclaimable is what prune takes, for each type ----------------------
# A store with all of them: layers, blobs of an image with a name and of none, a cache mount,
# a repository, output, a failed root.
git_source
printf 'FROM base\n%s\nRUN --mount=type=cache,target=/c echo 2 >/two; echo 2 >/c/two; echo said\n' "$git" | dockerfile
run 0 build -t example.org/named:1
run 0 build -o "type=oci,dest=$work/x.tar" --build-arg X=1
echo 'RUN echo half >/half; false' >>"$context/Dockerfile"
run 1 build -o type=cacheonly

summary() { # of rows on standard input: type, number, bytes
    jq -rs 'group_by(.Type) | .[] | "\(.[0].Type) \(length) \(map(.Size) | add)"'
}
compare() { # FLAG...: of both
    run 0 tenon du --format json "$@"
    jq -c 'select(.Reclaimable)' "$work/out" >"$work/may"
    jq -c 'select(.Reclaimable | not) | .ID' "$work/out" | sort >"$work/stay"
    run 0 tenon prune --all --force --format json "$@"
    summary <"$work/may" >"$work/wanted"
    summary <"$work/out" | diff "$work/wanted" - || fail "du and prune differ: $*"
    jq -r .ID "$work/may" | sort >"$work/wanted"
    jq -r .ID "$work/out" | sort | diff "$work/wanted" - || fail "du and prune differ: $*"
    [ -s "$work/may" ] || fail "nothing was reclaimable, so this tries nothing: $*"
    run 0 tenon du --format json "$@"
    jq -c .ID "$work/out" | sort | diff "$work/stay" - || fail "not what was to stay: $*"
}
run 0 tenon du --format json
jq -se 'any(.[]; .Reclaimable | not)' "$work/out" >/dev/null || fail "nothing of the image with a name"
types=$(jq -r .Type "$work/out" | sort -u)
for type in regular exec.cachemount log failed-step; do
    echo "$types" | grep -qx "$type" || fail "no $type in the store"
done
for type in exec.cachemount log failed-step; do compare --filter "type=$type"; done
# All the bytes of the disk that are told are got back.
disk() { du -s --block-size=1 "$store/snapshots" "$store/content" "$store/cache-mounts" "$store/logs" | awk '{n += $1} END {print n}'; }
before=$(disk)
compare
told=$(jq -s 'map(.Size) | add' "$work/may")
got=$((before - $(disk)))
[ "$got" -ge "$told" ] || fail "du told $told, prune made $got bytes free"
[ "$got" -le $((told + told / 10 + 400000)) ] || fail "du told only $told of $got bytes"
run 0 tenon images rm example.org/named:1
compare

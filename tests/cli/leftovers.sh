#!/bin/sh
# What builds leave for whoever wants to look: roots of failed steps, what steps printed.
# It is counted, a prune takes it, and it does not grow without end: of one step the newest
# root is kept, and of all so many, so large and so old as the configuration says.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need jq python3

failed() { # FIELD: of the failed roots that du shows, the oldest first
    run 0 tenon du --format json --filter type=failed-step
    jq -rs "sort_by(.CreatedAt) | .[] | $1" "$work/out"
}
lines() { wc -l | tr -d ' '; }
on_disk() { # of what was written to /big by steps that failed
    find "$store/snapshots" "$store/tmp" -name big | lines
}
fail_at() { # NUMBER FLAG...: the step of stage sN
    n=$1
    shift
    run 1 build -o type=cacheonly --target "s$n" "$@"
    assert_has "$work/err" "exit code: 1"
}
for n in 1 2 3 4 5; do
    echo "FROM base AS s$n"
    echo "ARG TRY"
    echo "RUN dd if=/dev/zero of=/big bs=1024 count=1000 2>/dev/null; false # $n"
done | dockerfile

# ---- the newest of a step ------------------------------------------------------------
fail_at 1
first=$(failed .ID)
assert_eq 1 "$(failed .ID | lines)"
jq -se 'all(.[]; .Reclaimable and .Size >= 1000 * 1024)' "$work/out" >/dev/null || fail "not counted"
fail_at 1
fail_at 1 --no-cache
fail_at 1 --build-arg TRY=2
assert_eq 1 "$(failed .ID | lines)"
[ "$(failed .ID)" != "$first" ] || fail "the oldest is kept"
assert_eq 1 "$(on_disk)"
run 0 tenon shell ls /big </dev/null
# The same step after an edit is the same step; another stage has another one.
sed -i 's/false # 1/exit 1 # edited/' "$context/Dockerfile"
fail_at 1
assert_eq 1 "$(failed .ID | lines)"
fail_at 2
fail_at 3
assert_eq 3 "$(failed .ID | lines)"
assert_eq 3 "$(on_disk)"

# One that somebody is in is not taken away, nor one of a build that still runs.
mkfifo "$work/hold"
"$abs_top_builddir/tenon-dev" --root "$store" shell sh -c 'echo inside; cat; ls -l /big' \
    <"$work/hold" >"$work/shell" 2>&1 &
shell=$!
remember $shell
exec 3>"$work/hold"
await_line "$work/shell" inside
fail_at 3
assert_eq 4 "$(failed .ID | lines)"
exec 3>&-
wait $shell
assert_has "$work/shell" /big
fail_at 3
assert_eq 3 "$(failed .ID | lines)"

# ---- bounds --------------------------------------------------------------------------
keep() { # JSON of "keep"
    printf '{"keep": %s}\n' "$1" >"$TENON_CONFIG"
}
keep '{"failed-steps": {"number": 2}}'
fail_at 4
assert_eq 2 "$(failed .ID | lines)"
run 0 tenon shell true </dev/null
keep '{"failed-steps": {"size": "2500k"}}'
fail_at 5
fail_at 1
assert_eq 2 "$(failed .ID | lines)"
assert_eq 2 "$(on_disk)"
# The root that a newer one of its step takes the place of takes no room of others.
sed -i '/# edited/s/count=1000/count=1400/' "$context/Dockerfile"
fail_at 1
fail_at 1
assert_eq 2 "$(failed .ID | lines)"
assert_eq 2 "$(on_disk)"
# Larger than all that may be kept: not kept, and nobody is told that it was.
keep '{"failed-steps": {"size": "500k"}}'
before=$(failed .ID)
fail_at 2
assert_lacks "$work/err" "tenon shell"
assert_eq "$before" "$(failed .ID)"
keep '{"failed-steps": {"number": 0}}'
fail_at 2
assert_lacks "$work/err" "tenon shell"
# By age: those that were last looked at so long ago.
python3 - "$store" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/tenon.db")
db.execute("UPDATE snapshot SET used = used - 7200 * 1000000000 WHERE type = 5")
db.commit()
END
keep '{"failed-steps": {"age": "1h"}}'
fail_at 3
assert_eq 1 "$(failed .ID | lines)"

# A prune takes them, by their type or with all.
run 0 tenon prune --force --filter type=failed-step --format json
assert_eq failed-step "$(jq -r .Type "$work/out")"
assert_eq 0 "$(failed .ID | lines)"
assert_eq 0 "$(on_disk)"
run 1 tenon shell true </dev/null

# ---- a full disk ---------------------------------------------------------------------
keep '{}'
full=$work/full
mkdir "$full"
unmount() { umount -l "$full"; }
mount -t tmpfs -o size=40m tmpfs "$full" || skip "no tmpfs can be mounted"
at_exit="$at_exit unmount"
kept_store=$store
store=$full/store
dockerfile <<'END'
FROM base
RUN dd if=/dev/zero of=/big bs=4096 2>/dev/null; false
END
run 1 build -o type=cacheonly
assert_has "$work/err" "the disk of the store"
assert_lacks "$work/err" "tenon shell"
assert_eq 0 "$(on_disk)"
[ "$(df --output=avail "$full" | tail -n 1)" -gt 30000 ] || fail "the disk is still full"
store=$kept_store

# ---- what steps print ----------------------------------------------------------------
logs() { find "$store/logs" -mindepth 1 -maxdepth 1 | lines; }
print() { # NUMBER: kilobytes
    echo "$1" >>"$context/n"
    printf 'FROM base\nCOPY n /\nRUN dd if=/dev/zero bs=1024 count=%s 2>/dev/null | tr "\\\\0" "\\\\n"\n' \
        "$1" | dockerfile
    run 0 build -o type=cacheonly
}
run 0 tenon prune --all --force
keep '{"logs": {"number": 3}}'
for n in 1 2 3 4 5; do print $n; done
assert_eq 3 "$(logs)"
newest=$(ls -t "$store/logs" | head -n 1)
# A build that prints nothing leaves and takes nothing.
run 0 build -o type=cacheonly
assert_eq 3 "$(logs)"
keep '{"logs": {"size": "300k"}}'
print 200
print 201
assert_eq 1 "$(logs)"
assert_no_file "$store/logs/$newest"
# Its own stays, however large, until the next one.
print 400
assert_eq 1 "$(logs)"
[ "$(du -sk "$store/logs" | cut -f1)" -ge 400 ] || fail "the log of the build itself is gone"
print 1
assert_eq 1 "$(logs)"
find "$store/logs" -exec touch -d '3 hours ago' {} +
keep '{"logs": {"age": "1h"}}'
print 2
assert_eq 1 "$(logs)"

# One of a build that runs stays.
keep '{"logs": {"number": 1}}'
printf 'FROM base\nRUN echo begun; sleep 600\n' | dockerfile
"$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
    --build-context "base=oci-layout://$bases/busybox" -o type=cacheonly "$context" \
    >"$work/running" 2>&1 &
running=$!
remember $running
wait_for "$work/running" begun
print 3
print 4
assert_eq 3 "$(logs)"
kill -INT $running
wait $running || :
print 5
assert_eq 1 "$(logs)"

# ---- configuration -------------------------------------------------------------------
for bad in '{"logs": 1}' '{"logs": {"number": "x"}}' '{"logs": {"number": -1}}' '{"logs": {"size": 5}}' \
    '{"logs": {"size": "much"}}' '{"failed-steps": {"age": "soon"}}' '{"failed-steps": {"age": "-1h"}}'; do
    keep "$bad"
    run 1 tenon du
    assert_has "$work/err" "keep: "
done

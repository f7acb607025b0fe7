#!/bin/sh
# What a build left is known to be on disk soon after it, also when the build was killed; nobody
# who reads its output waits for that. What is not known to be is made again after a
# restart of the machine, which is played: the store gets the note of another one.
. "$(dirname "$0")/lib.sh"
need_root
need python3
make_bases

context=$work/context
mkdir "$context"
printf 'FROM base\nARG N\nRUN echo $N >/one\n' >"$context/Dockerfile"
make() { # N [FLAG...]
    n=$1
    shift
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" --build-arg "N=$n" \
        "$@" -o type=image,name=kept "$context"
}
unsure() {
    python3 - "$store/tenon.db" <<'END_PYTHON'
import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
print(sum(db.execute("SELECT count(*) FROM %s WHERE unsure IS NOT NULL" % t).fetchone()[0]
          for t in ("snapshot", "blob", "cache")))
END_PYTHON
}
restart() {
    python3 - "$store/tenon.db" <<'END_PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE machine SET value = 'another'")
db.commit()
END_PYTHON
}
all_sure() { [ "$(unsure)" = 0 ]; }
step() { step_ended "$work/err" 'RUN echo'; }

# Nobody sees to it: the step is made again.
run 0 make 1
assert_has "$work/err" "RUN echo"
[ "$(unsure)" -gt 0 ] || fail "there is nothing to see to"
run 0 make 1
assert_eq CACHED "$(step)"
restart
run 0 make 1
assert_eq DONE "$(step)"
assert_has "$work/err" "known to be on disk"
run 0 make 1
assert_eq CACHED "$(step)"
assert_lacks "$work/err" "known to be on disk"

# By hand, and it stays.
run 0 tenon upkeep
assert_eq 0 "$(unsure)"
restart
run 0 make 1
assert_eq CACHED "$(step)"
run 0 tenon fsck

# By itself. The pipe ends with the build.
unset TENON_UPKEEP
make 2 2>&1 | cat >"$work/piped"
assert_has "$work/piped" "RUN echo"
await "all of it on disk" all_sure

# Of a build that was killed.
printf 'FROM base\nRUN echo first >/first\nRUN echo waits; exec sleep 1000\n' >"$context/Dockerfile"
"$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-context \
    "base=oci-layout://$bases/busybox" "$context" >"$work/killed" 2>&1 &
killed=$!
remember $killed
await_line "$work/killed" '[0-9] waits'
kill -9 $killed
await "all of it on disk" all_sure
restart
TENON_UPKEEP=off
export TENON_UPKEEP
printf 'FROM base\nRUN echo first >/first\n' >"$context/Dockerfile"
run 0 make 3
assert_eq CACHED "$(step_ended "$work/err" 'RUN echo first')"

# A store that is gone is not made again.
run 0 tenon --root "$work/none" upkeep
assert_no_file "$work/none"

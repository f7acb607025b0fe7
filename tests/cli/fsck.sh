#!/bin/sh
# tenon fsck: nothing to say of what a build leaves; damage is told, with status 1, forgotten
# by --repair, and the next build makes it again; so of a database that is none any more.
. "$(dirname "$0")/lib.sh"
need_root
need python3 jq
make_bases

context=$work/context
mkdir "$context"
printf 'FROM base\nCOPY file /file\nRUN --mount=type=cache,target=/c echo one >/one\n' >"$context/Dockerfile"
echo text >"$context/file"
make() {
    run 0 tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o type=image,name=kept "$context"
}
make

run 0 tenon fsck
assert_has "$work/out" "1 images, 1 records of builds"
assert_has "$work/out" "Damaged: 0. Left by killed processes: 0. Repaired: 0."
assert_lacks "$work/out" "repair"
run 0 tenon fsck --json
assert_eq "" "$(cat "$work/out")"

# A layer's bytes, a tree, and something of nobody's.
blob=$(python3 - "$store" <<'END_PYTHON'
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/tenon.db")
(digest,) = db.execute("SELECT b.digest FROM snapshot_blob b JOIN snapshot s ON s.id = b.snapshot"
                       " ORDER BY s.id DESC").fetchone()
path = sys.argv[1] + "/content/blobs/" + digest.replace(":", "/")
os.chmod(path, 0o600)
with open(path, "r+b") as f:
    f.write(b"x")
(number,) = db.execute("SELECT max(id) FROM snapshot").fetchone()
os.rename("%s/snapshots/%d/fs" % (sys.argv[1], number), "%s/snapshots/%d/gone" % (sys.argv[1], number))
print(digest)
END_PYTHON
)
mkdir "$store/snapshots/999"
run 1 tenon fsck
assert_has "$work/out" "blob $blob has other bytes than its digest says"
assert_has "$work/out" "has no tree"
assert_has "$work/out" "needs blob $blob, which is damaged"
assert_has "$work/out" "snapshots/999 is nobody's"
assert_has "$work/out" "Damaged: 3. Left by killed processes: 1. Repaired: 0."
assert_has "$work/out" "tenon fsck --repair"
run 1 tenon fsck --format json
assert_eq "damage damage damage leftover" "$(jq -r .kind "$work/out" | paste -sd' ')"
assert_eq false "$(jq -r .repaired "$work/out" | sort -u)"
run 0 tenon fsck --repair
assert_has "$work/out" "has no tree: forgotten"
assert_has "$work/out" "snapshots/999 is nobody's: removed"
run 0 tenon fsck
assert_has "$work/out" "Damaged: 0. Left by killed processes: 0."
make
run 0 tenon images -q
assert_has "$work/out" kept

# The database is none any more: said by whoever opens it, with what helps.
printf 'this is no database, but long enough to be taken for one' >"$store/tenon.db"
rm -f "$store/tenon.db-wal" "$store/tenon.db-shm"
run 1 tenon du
assert_has "$work/err" "fsck --repair"
run 1 tenon fsck
run 0 tenon fsck --repair
assert_has "$work/out" "tenon.db is damaged: all records: forgotten"
make
run 0 tenon images -q
assert_has "$work/out" kept
run 0 tenon fsck --json
assert_eq "" "$(cat "$work/out")"

run 2 tenon fsck extra
run 2 tenon fsck --format xml

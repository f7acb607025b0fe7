#!/bin/sh
# tenon images: what is listed, of which size, for which platforms; what rm and prune
# take; and outputs that are none are found out before anything runs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3 jq

# image NAME: "DIGEST SIZE", as listed.
image() { tenon images --format json | jq -r --arg n "$1" 'select(.name == $n) | "\(.digest) \(.size)"'; }

# weigh DIGEST: the bytes of all that it consists of.
cat >"$work/weigh" <<'END_PYTHON'
import json, os, sys
blobs, total, seen = os.path.join(sys.argv[1], "content/blobs/sha256"), 0, set()
def look(digest):
    global total
    if digest in seen:
        return
    seen.add(digest)
    data = open(os.path.join(blobs, digest.split(":")[1]), "rb").read()
    total += len(data)
    document = json.loads(data) if data[:1] == b"{" else {}
    if "schemaVersion" in document:
        for d in document.get("manifests", []) + document.get("layers", []) + [document.get("config")]:
            if d:
                look(d["digest"])
look(sys.argv[2])
print(total)
END_PYTHON

printf 'FROM base\nRUN head -c 300000 /dev/urandom >/big\n' | dockerfile
run 0 build -t example.org/b:1 -t example.org/a:1 -t example.org/c:1
run 0 tenon images -q
assert_eq "example.org/a:1 example.org/b:1 example.org/c:1" "$(tr '\n' ' ' <"$work/out" | sed 's/ $//')"
set -- $(image example.org/a:1)
assert_eq "$(python3 "$work/weigh" "$store" "$1")" "$2"
[ "$2" -gt 300000 ] || fail "an image of 300000 bytes has $2"
run 0 tenon images
grep -Eq "^example.org/a:1 +$(echo "$1" | cut -c8-19) " "$work/out" || fail "no row of the image"

# All that are named go, and one that is not there is told without keeping the others.
run 1 tenon images rm example.org/a:1 example.org/none:1 example.org/b:1
assert_has "$work/err" "example.org/none:1"
run 0 tenon images -q
assert_eq example.org/c:1 "$(cat "$work/out")"

# A name given to another image is that one's.
printf 'FROM scratch\nCOPY Dockerfile /\n' | dockerfile
run 0 build -t example.org/c:1
[ "$(image example.org/c:1)" != "$*" ] || fail "the name stayed with the first image"

# One image for two platforms: each has a configuration of its own.
printf 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n' | dockerfile
run 0 build --platform linux/amd64,linux/arm64 -t example.org/two:1
set -- $(image example.org/two:1)
python3 - "$store/content/blobs/sha256" "$1" >"$work/platforms" <<'END_PYTHON'
import json, os, sys
def load(digest):
    return json.load(open(os.path.join(sys.argv[1], digest.split(":")[1])))
for m in load(sys.argv[2])["manifests"]:
    config = load(load(m["digest"])["config"]["digest"])
    print(m["platform"]["architecture"], config["architecture"], config["config"]["Labels"]["arch"],
          [e for e in config["config"]["Env"] if e.startswith("ARCH=")][0])
END_PYTHON
printf 'amd64 amd64 amd64 ARCH=amd64\narm64 arm64 arm64 ARCH=arm64\n' | diff - "$work/platforms" ||
    fail "configurations of two platforms"
assert_eq "$(python3 "$work/weigh" "$store" "$1")" "$2"

# Without --all, what frontends and the engine itself keep stays; with it, that goes.
python3 - "$store/tenon.db" <<'END_PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE snapshot SET type = 3")
db.commit()
END_PYTHON
run 0 tenon prune --force --format json
jq -se 'all(.[]; .Type != "internal")' "$work/out" >/dev/null || fail "prune takes what is internal"
run 0 tenon prune --force --all --format json
jq -se 'any(.[]; .Type == "internal")' "$work/out" >/dev/null || fail "prune --all leaves what is internal"

# Before anything runs.
printf 'FROM base\nRUN echo it ran\n' | dockerfile
for output in type=no-such-type type=oci,nonsense=1,dest=/dev/null type=local,compression=gzip,dest=x \
    type=image,compression=none type=tar,dest=/dev/null,nonsense; do
    got=0
    build --no-cache -o "$output" >"$work/out" 2>"$work/err" || got=$?
    [ $got != 0 ] || fail "-o $output is taken"
    assert_lacks "$work/err" "it ran"
done

# An image with a name is nobody's to prune: what it consists of stays, also with --all.
printf 'FROM scratch\nCOPY Dockerfile /\n' | dockerfile
run 0 build -t example.org/stays:1
run 0 tenon prune --all --force
run 0 tenon images -q
assert_has "$work/out" example.org/stays:1
set -- $(image example.org/stays:1)
python3 "$work/weigh" "$store" "$1" >/dev/null || fail "prune --all took a part of a named image"

# The time of a build, from the environment, is that of all that is newer in its layers.
printf 'FROM base\nRUN echo x >/made\n' | dockerfile
export SOURCE_DATE_EPOCH=1500000000
run 0 build -o "type=oci,rewrite-timestamp=true,dest=$work/epoch.tar"
unset SOURCE_DATE_EPOCH
python3 - "$work/epoch.tar" >"$work/times" <<'END_PYTHON'
import gzip, io, json, sys, tarfile
image = tarfile.open(sys.argv[1])
read = lambda digest: image.extractfile("blobs/" + digest.replace(":", "/")).read()
manifest = json.loads(read(json.load(image.extractfile("index.json"))["manifests"][0]["digest"]))
print(json.loads(read(manifest["config"]["digest"]))["created"])
for layer in manifest["layers"][-1:]:
    for m in tarfile.open(fileobj=io.BytesIO(read(layer["digest"]))):
        print(m.name, m.mtime)
END_PYTHON
printf '2017-07-14T02:40:00Z\nmade 1500000000\n' | diff - "$work/times" || fail "SOURCE_DATE_EPOCH"

# Columns stand below each other, however long a name is.
printf 'FROM scratch\nCOPY Dockerfile /\n' | dockerfile
run 0 build -t short:1 -t "registry.example.org:5000/$(printf %0100d 1)/image:tag"
run 0 tenon images
assert_eq 1 "$(sed -n 's/[0-9a-f]\{12\} *[0-9.]*[kMG]*B.*//p' "$work/out" | awk '{ print length($0) }' | sort -u | wc -l)"

#!/bin/sh
# Layouts of images: what index.json and manifest.json say for each kind of name, the order
# of an archive, and a directory that has had an export before.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need jq
export SOURCE_DATE_EPOCH=1700000000 # the same image each time
printf 'FROM base\nCOPY one /\nCOPY two /\n' | dockerfile
echo one >"$context/one"
echo two >"$context/two"

# ---- names ---------------------------------------------------------------------
names() { # NAME REFERENCE DOCKER'S: as given, in index.json, in manifest.json
    run 0 build -o "type=oci,dest=$work/a.tar,name=$1" -o "type=docker,dest=$work/d.tar,name=$1"
    assert_eq "$2" "$(tar -xOf "$work/a.tar" index.json | jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]')"
    assert_eq "$3" "$(tar -xOf "$work/d.tar" manifest.json | jq -r '.[].RepoTags[]')"
}
names app latest app:latest
names app:v1 v1 app:v1
names someone/app:v1 v1 someone/app:v1
names docker.io/library/app:v2 v2 app:v2
names example.org/app:v1 v1 example.org/app:v1
names localhost:5000/app latest localhost:5000/app:latest
names localhost:5000/some/app:v1 v1 localhost:5000/some/app:v1
run 0 build -o "type=oci,dest=$work/a.tar,\"name=app:v1,other:v2\"" -o "type=oci,dest=$work/none.tar"
assert_eq "v1 v2" "$(tar -xOf "$work/a.tar" index.json | jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' | xargs)"
assert_eq "docker.io/library/app:v1 docker.io/library/other:v2" \
    "$(tar -xOf "$work/a.tar" index.json | jq -r '.manifests[].annotations["io.containerd.image.name"]' | xargs)"
assert_eq null "$(tar -xOf "$work/none.tar" index.json | jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]')"

# ---- an archive ----------------------------------------------------------------
# Blobs by their digests, each once; behind them what names them.
tar -tf "$work/d.tar" >"$work/list"
grep '^blobs/sha256/.' "$work/list" >"$work/blobs"
sort -u "$work/blobs" | diff - "$work/blobs" || fail "blobs are not in order"
assert_eq "blobs/ blobs/sha256/" "$(head -n 2 "$work/list" | xargs)"
assert_eq "index.json manifest.json oci-layout" "$(tail -n 3 "$work/list" | xargs)"
for blob in $(cat "$work/blobs"); do
    assert_eq "${blob##*/}" "$(tar -xOf "$work/d.tar" "$blob" | sha256sum | cut -d' ' -f1)"
done
# What docker load reads: the configuration, and the layers from the lowest on.
manifest=$(tar -xOf "$work/d.tar" index.json | jq -r '.manifests[0].digest' | sed 's|:|/|')
tar -xOf "$work/d.tar" "blobs/$manifest" >"$work/manifest"
assert_eq "$(jq -r '"blobs/" + (.config.digest | sub(":"; "/"))' "$work/manifest")" \
    "$(tar -xOf "$work/d.tar" manifest.json | jq -r '.[0].Config')"
assert_eq "$(jq -r '.layers[] | "blobs/" + (.digest | sub(":"; "/"))' "$work/manifest")" \
    "$(tar -xOf "$work/d.tar" manifest.json | jq -r '.[0].Layers[]')"
[ "$(jq '.layers | length' "$work/manifest")" -ge 3 ] || fail "not all layers"
tar --full-time -tvf "$work/d.tar" | grep -v '1970-01-01 00:00:00' && fail "a time in an archive"

# ---- a directory, again ----------------------------------------------------------
for type in oci docker; do
    dir=$work/dir-$type
    run 0 build -o "type=$type,tar=false,dest=$dir,name=app:v1"
    (cd "$dir" && find . -type f | sort) >"$work/files"
    [ $type = oci ] || assert_has "$work/files" ./manifest.json
    (cd "$dir" && find . -type f -exec sha256sum {} + | sort) >"$work/sums"
    # One blob was cut, one is gone, one is a link to elsewhere; another has been there.
    set -- $(ls "$dir/blobs/sha256")
    : >"$dir/blobs/sha256/$1"
    rm "$dir/blobs/sha256/$2"
    echo kept >"$work/elsewhere"
    rm "$dir/blobs/sha256/$3" && ln -s "$work/elsewhere" "$dir/blobs/sha256/$3"
    before=$(stat -c '%i %Y' "$dir/blobs/sha256/$4")
    run 0 build -o "type=$type,tar=false,dest=$dir,name=app:v1"
    (cd "$dir" && find . -type f -exec sha256sum {} + | sort) | diff "$work/sums" - || fail "$type: not made whole again"
    assert_eq kept "$(cat "$work/elsewhere")"
    assert_eq "$before" "$(stat -c '%i %Y' "$dir/blobs/sha256/$4")"
    # Another name replaces the first; blobs stay.
    echo more >"$context/two"
    run 0 build -o "type=$type,tar=false,dest=$dir,name=app:v2"
    echo two >"$context/two"
    assert_eq v2 "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$dir/index.json")"
    [ "$(ls "$dir/blobs/sha256" | wc -l)" -gt $# ] || fail "$type: blobs of the first export are gone"
done
# Caches of two tags lie in one directory, and each is replaced by its like alone.
for tag in a b a; do
    run 0 build -o type=cacheonly --cache-to "type=local,dest=$work/cache,tag=$tag"
done
assert_eq "a b" "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' "$work/cache/index.json" | sort | xargs)"

# ---- refused --------------------------------------------------------------------
for type in oci docker; do
    run 2 build -o "type=$type,dest=$work/bad.tar,name=Not A Name"
    assert_has "$work/err" "output type $type"
    assert_has "$work/err" "Not A Name"
    assert_no_file "$work/bad.tar"
    run 2 build -o "type=$type,dest=$work/bad.tar,compression-level=100"
    assert_has "$work/err" "100"
    assert_no_file "$work/bad.tar"
    run 2 build -o "type=$type,tar=false,dest=$context/one"
    assert_has "$work/err" "$context/one"
    assert_eq one "$(cat "$context/one")"
done

# ---- links ---------------------------------------------------------------------
# A file of several names is one file of an output, a symbolic link is several; in a layer both
# are one.
python3 - "$context/links.tar" <<'END_PYTHON'
import sys, tarfile
with tarfile.open(sys.argv[1], "w") as t:
    for name, kind, target in (("f", "0", ""), ("g", "1", "f"), ("s", "2", "f"), ("h", "1", "s"), ("i", "1", "h")):
        e = tarfile.TarInfo(name)
        e.type, e.linkname, e.mtime = kind.encode(), target, 1600000000
        t.addfile(e)
END_PYTHON
printf 'FROM scratch\nADD links.tar /\n' | dockerfile
rm -rf "$work/tree" "$work/layout"
run 0 build -o "type=tar,dest=$work/links.tar" -o "$work/tree" -o "type=oci,tar=false,dest=$work/layout"
kinds() { # ARCHIVE: NAME:TYPE:TARGET of each
    python3 -c 'import sys, tarfile
for m in tarfile.open(sys.argv[1]):
    print(m.name + ":" + m.type.decode() + ":" + m.linkname)' "$1" | xargs
}
assert_eq "f:0: g:1:f h:2:f i:2:f s:2:f" "$(kinds "$work/links.tar")"
manifest=$(jq -r '.manifests[0].digest[7:]' "$work/layout/index.json")
layer=$(jq -r '.layers[0].digest[7:]' "$work/layout/blobs/sha256/$manifest")
assert_eq "f:0: g:1:f h:2:f i:1:h s:1:h" "$(kinds "$work/layout/blobs/sha256/$layer")"
assert_eq "2 f 2 g 1 h 1 i 1 s" "$(cd "$work/tree" && stat -c '%h %n' * | xargs)"

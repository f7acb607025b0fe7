#!/bin/sh
# Images in OCI layouts: by tag, by digest, by the only one there is; what is not there, and
# what is not what its name says.
. "$(dirname "$0")/lib.sh"
need_root
need skopeo jq

mkdir "$work/context"
for n in one two; do
    echo "$n" >"$work/context/f"
    printf 'FROM scratch\nCOPY f /f\n' >"$work/context/Dockerfile"
    run 0 tenon build --progress=plain -o "type=oci,tar=false,dest=$work/$n" "$work/context"
    run 0 skopeo copy -q "oci:$work/$n" "oci:$work/both:$n"
done
run 0 skopeo copy -q "oci:$work/one" "oci:$work/latest:latest"
run 0 skopeo copy -q "oci:$work/two" "oci:$work/latest:other"
digest() { jq -r --arg n "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n).digest' "$work/both/index.json"; }

printf 'FROM image\n' >"$work/context/Dockerfile"
use() { # STATUS NAME
    rm -rf "$work/out.d"
    run "$1" tenon --root "$work/fresh" build --progress=plain --build-context "image=oci-layout://$2" \
        -o "$work/out.d" "$work/context"
    rm -rf "$work/fresh"
}
gives() { use 0 "$2"; assert_eq "$1" "$(cat "$work/out.d/f")"; }
gives one "$work/one"
gives one "$work/both:one"
gives two "$work/both:two"
gives one "$work/both@$(digest one)"
gives two "$work/both@$(digest two)"
gives two "$work/both:one@$(digest two)" # the digest has the last word
# Of one tag the name tells which.
for n in one two; do
    run 0 tenon image copy "oci-layout://$work/$n" "oci-layout://$work/named:example.org/$n:1"
done
gives one "$work/named:example.org/one:1"
gives two "$work/named:example.org/two:1"
gives one "$work/latest"
gives two "$work/latest:other"

none=sha256:0000000000000000000000000000000000000000000000000000000000000000
use 2 "$work/both:three"
assert_has "$work/err" three
use 2 "$work/named:example.org/three:1"
assert_has "$work/err" "no image \"example.org/three:1\""
use 1 "$work/both@$none"
assert_has "$work/err" "$none"
use 1 "$work/both@sha256:abc"
assert_has "$work/err" "sha256:abc"
use 2 "$work/nothing"
assert_has "$work/err" nothing

# One byte, of each kind of blob.
for which in manifest config layer; do
    rm -rf "$work/bad"
    cp -r "$work/one" "$work/bad"
    blob=$(jq -r '.manifests[0].digest' "$work/bad/index.json")
    [ $which != config ] || blob=$(jq -r .config.digest "$work/bad/blobs/sha256/${blob#sha256:}")
    [ $which != layer ] || blob=$(jq -r '.layers[0].digest' "$work/bad/blobs/sha256/${blob#sha256:}")
    file=$work/bad/blobs/sha256/${blob#sha256:}
    size=$(stat -c %s "$file")
    printf ' ' | dd of="$file" bs=1 seek=$((size - 1)) conv=notrunc status=none
    use 1 "$work/bad"
    assert_has "$work/err" "${blob#sha256:}"
    assert_no_file "$work/out.d"
    rm "$file"
    use 1 "$work/bad"
    assert_no_file "$work/out.d"
done

# An index in an index in an index: as deep as anybody has them, and no deeper.
nest() { # LAYOUT: its index becomes the one entry of another
    wrapped=$(jq -c 'del(.manifests[].annotations) | .mediaType = "application/vnd.oci.image.index.v1+json"' "$1/index.json")
    hex=$(printf %s "$wrapped" | sha256sum | cut -d' ' -f1)
    printf %s "$wrapped" >"$1/blobs/sha256/$hex"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%d}]}' \
        "$hex" "${#wrapped}" >"$1/index.json"
}
cp -r "$work/one" "$work/nested"
for depth in 1 2 3 4; do
    nest "$work/nested"
    gives one "$work/nested"
done
nest "$work/nested"
use 1 "$work/nested"
assert_has "$work/err" "indexes are nested too deep"

# ---- what others read, and we do not (README, Limits) -------------------------------------
# A copy of one, with another configuration, or another manifest: changed NAME CONFIG MANIFEST,
# the changes as programs of jq.
changed() {
    rm -rf "$work/$1"
    cp -r "$work/one" "$work/$1"
    python3 - "$work/$1" "$2" "$3" <<'END_PYTHON'
import hashlib, json, subprocess, sys
top, of_config, of_manifest = sys.argv[1:]
index = json.load(open(top + "/index.json"))


def read(d):
    return open(top + "/blobs/" + d["digest"].replace(":", "/"), "rb").read()


def replace(d, program):
    data = subprocess.run(["jq", "-c", program], input=read(d), stdout=subprocess.PIPE, check=True).stdout
    d["digest"], d["size"] = "sha256:" + hashlib.sha256(data).hexdigest(), len(data)
    open(top + "/blobs/" + d["digest"].replace(":", "/"), "wb").write(data)


manifest = json.loads(read(index["manifests"][0]))
replace(manifest["config"], of_config)
open(top + "/blobs/" + index["manifests"][0]["digest"].replace(":", "/"), "w").write(json.dumps(manifest))
replace(index["manifests"][0], of_manifest)
json.dump(index, open(top + "/index.json", "w"))
END_PYTHON
}
config_of() { # LAYOUT: as JSON
    jq -c .config "$1/blobs/sha256/$(jq -r '.config.digest[7:]' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")")"
}
# Members count in their own spelling only, and others get lost: none is half believed.
changed spelled '.config = {"env": ["A=1"], "CMD": ["x"], "Entrypoint": ["/own"], "entrypoint": ["/other"]}' .
run 0 tenon build --build-context "image=oci-layout://$work/spelled" -o "type=oci,tar=false,dest=$work/out.d" \
    "$work/context"
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
assert_eq "{\"Env\":[\"PATH=$path\"],\"Entrypoint\":[\"/own\"]}" "$(config_of "$work/out.d")"
# A layer that is elsewhere is missing here, and nothing is asked for there.
changed foreign . '.layers[0].urls = ["http://127.0.0.1:1/layer"] |
    .layers[0].mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"'
gives one "$work/foreign"
layer=$(jq -r '.layers[0].digest[7:]' "$work/foreign/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$work/foreign/index.json")")
rm "$work/foreign/blobs/sha256/$layer"
use 1 "$work/foreign"
assert_has "$work/err" "$layer"
assert_lacks "$work/err" "127.0.0.1:1"

# ---- layers of which parts can be fetched -------------------------------------------------
# A reader of its own finds all that the table says to be so, in our layer and in the base's that
# was compressed again; others see the files that are in it.
mkdir "$work/parts"
head -c 9000000 /dev/urandom >"$work/parts/three chunks"
head -c 4194304 /dev/zero >"$work/parts/one chunk, whole"
: >"$work/parts/empty"
ln -s empty "$work/parts/link"
ln "$work/parts/empty" "$work/parts/zz hard link"
mkfifo "$work/parts/fifo"
mkdir "$work/parts/a directory whose name <&> is of more than a hundred bytes, so that it comes in a header of its own äöü"
printf 'FROM image\nCOPY . /\n' >"$work/parts/Dockerfile"
for how in estargz zstd:chunked; do
    made=$work/parts-${how%:*}
    run 0 tenon build --build-context "image=oci-layout://$work/one" "$work/parts" \
        -o "type=oci,tar=false,dest=$made,compression=$how,force-compression=true"
    run 0 "$abs_top_srcdir/tests/cli/layer-parts" "$made" "$how"
    printf '%s\n' "f 1" "Dockerfile 1" "empty 0" "one chunk, whole 1" "three chunks 3" >"$work/wanted"
    diff "$work/wanted" "$work/out" || fail "$how: not these files"
    # as a base: kept as it is, annotations and all, also where that is asked for
    for force in true false; do
        rm -rf "$work/again" "$work/out.d"
        run 0 tenon --root "$work/fresh" build --build-context "image=oci-layout://$made" "$work/context" \
            -o "type=oci,tar=false,dest=$work/again,compression=$how,force-compression=$force" -o "$work/out.d"
        run 0 "$abs_top_srcdir/tests/cli/layer-parts" "$work/again" "$how"
        diff "$work/wanted" "$work/out" || fail "$how: not these files of a base"
        rm -rf "$work/fresh"
    done
    cmp "$work/parts/three chunks" "$work/out.d/three chunks"
    assert_no_file "$work/out.d/stargz.index.json"
done

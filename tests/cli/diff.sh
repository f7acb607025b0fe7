#!/bin/sh
# tenon diff: images and trees from everywhere, what differs in which words, what is fetched
# for it, and the exit status.
. "$(dirname "$0")/lib.sh"
need python3 jq
start_registry </dev/null

cd "$work"
mkdir ctx ctx/d
printf 'FROM scratch\nENV A=1 B=2\nCOPY a /a\nCOPY d /d\n' >ctx/Dockerfile
echo 1 >ctx/a
echo 2 >ctx/d/x
export SOURCE_DATE_EPOCH=1500000000
# make NAME: this context's image, in all places.
make() {
    find ctx -exec touch -d @1000000000 {} +
    tenon build -q -t "$registry/$1" --push ctx >>"$work/log" 2>&1 || { cat "$work/log" >&2; fail "build"; }
    tenon build -q -t "example.org/$1" -o type=image ctx >>"$work/log" 2>&1
    tenon build -q -o "type=oci,tar=false,dest=$1.layout" ctx >>"$work/log" 2>&1
    tenon build -q -o "type=oci,dest=$1.oci.tar" ctx >>"$work/log" 2>&1
    tenon build -q -t "$1:1" -o "type=docker,dest=$1.docker.tar" ctx >>"$work/log" 2>&1
    tenon build -q -o "type=local,dest=$1.files" ctx >>"$work/log" 2>&1
    tenon build -q -o "type=tar,dest=$1.tar" ctx >>"$work/log" 2>&1
}
make one
echo 3 >ctx/d/x
chmod 755 ctx/d/x
sed -i s/B=2/B=3/ ctx/Dockerfile
make two
unset SOURCE_DATE_EPOCH

# What `docker save` writes: layers as they are, equal ones linked, no digests for names.
python3 - one.layout saved.tar <<'END_PYTHON'
import gzip, io, json, sys, tarfile
read = lambda d: open(sys.argv[1] + "/blobs/" + d.replace(":", "/"), "rb").read()
top = json.load(open(sys.argv[1] + "/index.json"))["manifests"][0]
manifest = json.loads(read(top["digest"]))
out = tarfile.open(sys.argv[2], "w")
def add(name, data=b"", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for k, v in more.items():
        setattr(info, k, v)
    out.addfile(info, io.BytesIO(data))
layers = ["%d/layer.tar" % i for i in range(len(manifest["layers"]))]
add("real.tar", gzip.decompress(read(manifest["layers"][0]["digest"])))
add(layers[0], type=tarfile.SYMTYPE, linkname="../real.tar")
for name, layer in list(zip(layers, manifest["layers"]))[1:]:
    add(name, gzip.decompress(read(layer["digest"])))
add("c.json", read(manifest["config"]["digest"]))
add("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["saved:1"], "Layers": layers}]).encode())
END_PYTHON

cat >said <<'END'
config Env.B: "2" -> "3"
history[0].created_by: "ENV A=1 B=2" -> "ENV A=1 B=3"
layer 2 (COPY d /d # buildkit): /d/x: content: 2 bytes, sha256:53c234e5e847 -> 2 bytes, sha256:1121cfccd591
layer 2 (COPY d /d # buildkit): /d/x: mode: 0644 -> 0755
END
# From each place to each: the first differs from the second in that, and from itself in nothing.
for one in "$registry/one" store://example.org/one oci-layout://one.layout ./one.layout one.oci.tar one.docker.tar \
    docker-archive://one.docker.tar:1; do
    for two in "docker-image://$registry/two" two.layout oci-archive://two.oci.tar; do
        run 1 tenon diff "$one" "$two"
        diff said out || fail "$one and $two"
        assert_eq "" "$(cat err)"
    done
    run 0 tenon diff "$one" one.layout
    assert_eq "" "$(cat out)"
done

# The same layers, not compressed; what else they differ in is the kind of the document.
run 0 tenon diff --ignore manifest,compression saved.tar one.layout
run 0 tenon diff --ignore manifest,compression saved.tar:1 one.layout
run 1 tenon diff saved.tar:saved:1 one.layout
assert_has out 'layer 1 (COPY a /a # buildkit): compression: tar, '
assert_has out 'manifest layers[1].mediaType: "application/vnd.docker'
run 2 tenon diff saved.tar:other one.layout
assert_has err 'no image called "other"'

# Trees, and what an image unpacks to.
tail -2 said | sed 's/^layer 2 ([^)]*): //' >files
for one in one.files one.tar tree://one.tar; do
    run 0 tenon diff --ignore time "$one" one.layout
    run 1 tenon diff --ignore time "$one" two.oci.tar
    diff files out || fail "$one and an image"
done
run 1 tenon diff --tree one.layout two.layout
diff files out || fail "--tree"
run 0 tenon diff --tree --ignore content,mode one.layout two.layout
# An archive that holds an image is a file all the same.
run 1 tenon diff tree://one.oci.tar one.files
assert_has out '/index.json: only in A: file'

# Attributes that a build takes over, and devices, where they lie in a directory.
mkdir xa xb
if python3 - 2>log <<'END_PYTHON'
import os, struct
for tree, value in ("xa", b"1"), ("xb", b"2"):
    for name in "fg":
        open(tree + "/" + name, "w").write("same")
    for name in "user.a", "user.z", "trusted.t", "security.other":
        os.setxattr(tree + "/f", name, value)
    os.setxattr(tree + "/f", "user.b", b"x")
    os.setxattr(tree + "/g", "security.capability", struct.pack("<IIIII", 0x02000001, int(value), 0, 0, 0))
    os.mknod(tree + "/n", 0o20644, os.makedev(1, int(value) + 2))
os.setxattr("xb/g", "user.only", b"\0y")
END_PYTHON
then
    run 1 tenon diff --ignore time xa xb
    diff - out <<'END' || fail "attributes and devices"
/f: xattr trusted.t: 1 -> 2
/f: xattr user.a: 1 -> 2
/f: xattr user.z: 1 -> 2
/g: xattr security.capability: 0x0100000201000000000000000000000000000000 -> 0x0100000202000000000000000000000000000000
/g: xattr user.only: only in B: 0x0079
/n: device: 1:3 -> 1:4
END
    run 0 tenon diff --ignore time,xattr,device xa xb
else
    not_tried "attributes and devices of directories: $(tail -n 1 log)"
fi

# A name is one line, whatever is in it.
mkdir none.files lines.files
echo >"lines.files/a
b: only in A: file"
run 1 tenon diff --ignore time lines.files none.files
assert_eq '/a\nb: only in A: file: only in A: file, 1 bytes' "$(cat out)"
# An attestation is a list of so many statements, each of which is an object.
python3 - <<'END_PYTHON'
import hashlib, json, os
def put(out, data, **more):
    data = json.dumps(data).encode()
    name = hashlib.sha256(data).hexdigest()
    open(out + "/blobs/sha256/" + name, "wb").write(data)
    return dict(more, digest="sha256:" + name, size=len(data))
oci = "application/vnd.oci.image."
for out, layers in ("said-a", []), ("said-many", [{}] * 4097), ("said-text", ["x"]):
    os.makedirs(out + "/blobs/sha256")
    config = put(out, {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}},
        mediaType=oci + "config.v1+json")
    kind = {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": config}
    image = put(out, dict(kind, layers=[]), mediaType=oci + "manifest.v1+json")
    about = put(out, dict(kind, layers=layers, x=1), mediaType=oci + "manifest.v1+json", annotations={
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]})
    image["platform"] = {"architecture": "amd64", "os": "linux"}
    about["platform"] = {"architecture": "unknown", "os": "unknown"}
    top = put(out, {"schemaVersion": 2, "mediaType": oci + "index.v1+json", "manifests": [image, about]},
        mediaType=oci + "index.v1+json")
    json.dump({"schemaVersion": 2, "manifests": [top]}, open(out + "/index.json", "w"))
    open(out + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
END_PYTHON
run 2 tenon diff said-a said-many
assert_has err 'attestation with 4097 statements'
run 2 tenon diff said-a said-text
assert_has err 'layers[0] is no object'

# For programs: whole digests, one object a line.
run 1 tenon diff --format json one.layout two.layout
jq -se 'length == 4 and .[0] == {differs: "config", member: "Env.B", a: "\"2\"", b: "\"3\""} and
    (.[3] | .layer == 2 and .step == "COPY d /d # buildkit" and .path == "/d/x" and .differs == "mode") and
    (.[2].a | test("^2 bytes, sha256:[0-9a-f]{64}$"))' out >jq || { cat out >&2; fail "--format json"; }
run 1 tenon diff -q one.layout two.layout
assert_eq "" "$(cat out err)"

# Layers that both have are not asked for.
store=$work/other-store
run 1 tenon diff "$registry/one" "$registry/two"
diff said out || fail "in a new store"
blob() { jq -r ".layers[$1].digest" "one.layout/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' one.layout/index.json)"; }
assert_no_file "$store/content/blobs/sha256/$(blob 0 | cut -c8-)"
assert_file "$store/content/blobs/sha256/$(blob 1 | cut -c8-)"

# Other numbers of layers: what they come to. A file that a layer removes is nowhere.
printf 'FROM scratch\nENV A=1 B=2\nCOPY . /t\nCOPY a /a\nCOPY d /d\n' >ctx/Dockerfile
printf 'Dockerfile\nd\n' >ctx/.dockerignore
printf 'FROM scratch\nENV A=1 B=2\nCOPY . /t\nCOPY a /a\n' >ctx/Dockerfile
SOURCE_DATE_EPOCH=1500000000 tenon build -q -o type=oci,tar=false,dest=three.layout ctx >log 2>&1 || fail "three"
printf 'FROM scratch\nENV A=1 B=2\nCOPY a /a\n' >ctx/Dockerfile
SOURCE_DATE_EPOCH=1500000000 tenon build -q -o type=oci,tar=false,dest=four.layout ctx >log 2>&1 || fail "four"
run 1 tenon diff --ignore time,history three.layout four.layout
assert_has out 'layers: 2 -> 1'
assert_has out '/t: only in A: directory, 2 below it'

# Of several platforms each, and those of one side alone.
printf 'FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY a /a\n' >ctx/Dockerfile
SOURCE_DATE_EPOCH=1 tenon build -q --platform linux/amd64,linux/arm64 -o type=oci,dest=many.tar ctx >log 2>&1 || fail "many"
echo 4 >ctx/a
SOURCE_DATE_EPOCH=1 tenon build -q --platform linux/amd64,linux/riscv64 -o type=oci,dest=more.tar ctx >log 2>&1
run 1 tenon diff many.tar more.tar
assert_has out 'linux/amd64: layer 1 (COPY a /a # buildkit): /a: content: '
assert_has out 'platform linux/arm64: only in A: sha256:'
assert_has out 'platform linux/riscv64: only in B: sha256:'
run 1 tenon diff --platform linux/amd64 many.tar more.tar
assert_lacks out 'linux/arm64'
run 2 tenon diff --platform linux/arm64 many.tar more.tar
assert_has err 'more.tar: no match for platform in manifest'

# Trouble is told apart from a difference: what is not there, or is not what it says.
for wrong in "" "one.layout" "one.layout nowhere.layout/x" "one.layout UPPER" "--ignore times one.layout two.layout" \
    "--platform x/y/z/v one.layout two.layout" "one.layout bad://x" "one.layout:none two.layout" "--format xml a b"; do
    run 2 tenon diff $wrong
    [ -s err ] || fail "nothing is said of: $wrong"
done
run 2 tenon diff --ignore times one.layout two.layout
assert_has err '(did you mean time?)'
cp -r two.layout bad.layout
layer=bad.layout/blobs/sha256/$(jq -r '.layers[1].digest[7:]' "two.layout/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' two.layout/index.json)")
cp "one.layout/blobs/sha256/$(blob 1 | cut -c8-)" "$layer"
run 2 tenon diff one.layout bad.layout
assert_has err 'bad.layout: layer 2: wrong diff id'
echo '{}' >"bad.layout/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' bad.layout/index.json)"
run 2 tenon diff one.layout bad.layout
assert_has err 'bad.layout: sha256:'

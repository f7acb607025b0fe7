#!/bin/sh
# tenon image: what inspect shows, copies from each kind of place to each, names, pages of tags,
# and what of it passes through here.
. "$(dirname "$0")/lib.sh"
need python3 jq
registry_quiet=false start_registry </dev/null
first=$registry log=$work/registry-$port.log
start_registry </dev/null
second=$registry
cd "$work"
mkdir ctx
printf 'FROM scratch\nENV A=b\nLABEL x=y\nCOPY a /a\nCMD ["/a"]\n' >ctx/Dockerfile
head -c 100000 /dev/urandom >ctx/a
tenon build -q --platform linux/amd64,linux/arm64 --annotation index:note=told -t "$first/one:1" --push ctx >log 2>&1 ||
    { cat log >&2; fail "build"; }
digest=$(cat log)

# ---- inspect
run 0 tenon image inspect --raw "$first/one:1"
assert_eq "$digest" "sha256:$(sha256sum <out | cut -d' ' -f1)"
run 0 tenon image inspect "$first/one:1"
for line in "^Name: *$first/one:1\$" "^Digest: *$digest\$" '^ *note: *told$' '^  Platform: *linux/arm64$' \
    '^  Env: .*"A=b"' '^  Cmd: *\["/a"\]$'; do
    grep -q "$line" out || { cat out >&2; fail "inspect: no /$line/"; }
done
run 0 tenon image inspect --format json "$first/one:1"
jq -e --arg d "$digest" '.manifest.digest == $d and (.manifest.manifests | length == 2) and
    .image["linux/arm64"].architecture == "arm64" and .image["linux/amd64"].config.Labels.x == "y"' out >jq ||
    fail "inspect --format json"
run 0 tenon image inspect --platform linux/arm64 --format '{{.Name}} {{.Manifest.Digest}} {{json .Image.config.Cmd}}!' \
    "$first/one:1"
assert_eq "$first/one:1 $digest [\"/a\"]!" "$(cat out)"
run 1 tenon image inspect --format '{{range .}}' "$first/one:1"
assert_has err 'is not understood'
run 1 tenon image inspect --platform linux/s390x "$first/one:1"

# ---- what attests: as it lies in an index
python3 - "$store/content/blobs/sha256" "$digest" attested <<'END_PYTHON'
import hashlib, json, os, shutil, sys
blobs, digest, out = sys.argv[1:]
os.makedirs(out + "/blobs/sha256")
def put(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    name = hashlib.sha256(data).hexdigest()
    open(out + "/blobs/sha256/" + name, "wb").write(data)
    return {"digest": "sha256:" + name, "size": len(data)}
def keep(d):
    shutil.copy(blobs + "/" + d[7:], out + "/blobs/sha256/" + d[7:])
    return json.load(open(blobs + "/" + d[7:], "rb")) if os.path.getsize(blobs + "/" + d[7:]) < 9000 else None
index = keep(digest)
for m in list(index["manifests"]):
    manifest = keep(m["digest"])
    keep(manifest["config"]["digest"])
    for l in manifest["layers"]:
        shutil.copy(blobs + "/" + l["digest"][7:], out + "/blobs/sha256/")
    layers = []
    for kind, predicate in ("https://slsa.dev/provenance/v1", {"by": m["platform"]["architecture"]}), \
            ("https://spdx.dev/Document", {"spdxVersion": "SPDX-2.3"}), \
            ("https://slsa.dev/provenance/v1", {"by": "a second one, which is not shown"}):
        layers.append(dict(put({"predicateType": kind, "predicate": predicate}),
            mediaType="application/vnd.in-toto+json", annotations={"in-toto.io/predicate-type": kind}))
    config = dict(put({"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers",
        "diff_ids": [l["digest"] for l in layers]}}), mediaType="application/vnd.oci.image.config.v1+json")
    about = put({"schemaVersion": 2, "mediaType": m["mediaType"], "config": config, "layers": layers})
    index["manifests"].append(dict(about, mediaType=m["mediaType"], platform={"architecture": "unknown", "os": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": m["digest"]}))
top = dict(put(index), mediaType=index["mediaType"], annotations={"org.opencontainers.image.ref.name": "1"})
json.dump({"schemaVersion": 2, "manifests": [top]}, open(out + "/index.json", "w"))
open(out + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
END_PYTHON
run 0 tenon image inspect --format '{{json .Provenance}} {{json .SBOM}}' attested
assert_eq '{"linux/amd64":{"SLSA":{"by":"amd64"}},"linux/arm64":{"SLSA":{"by":"arm64"}}} {"linux/amd64":{"SPDX":{"spdxVersion":"SPDX-2.3"}},"linux/arm64":{"SPDX":{"spdxVersion":"SPDX-2.3"}}}' "$(cat out)"
run 0 tenon image inspect attested
assert_eq 2 "$(grep -c '^  Provenance: *yes' out)"
assert_eq 2 "$(grep -c 'vnd.docker.reference.type: *attestation-manifest' out)"

size=$(jq -r '.manifests[0].size' attested/index.json)
for arch in amd64 arm64; do
    run 0 tenon image inspect --platform linux/$arch --format '{{json .Image}} {{json .Provenance}} {{.Manifest.Size}}' attested
    assert_eq "$arch $arch $size" "$(jq -rs '[.[0].architecture, .[1].SLSA.by, .[2]] | join(" ")' out)"
done

# An index beside an image in one: of what is in it nothing is shown.
cp -r attested nested
python3 - nested <<'END_PYTHON'
import hashlib, json, sys
out = sys.argv[1]
inner = json.load(open(out + "/index.json"))["manifests"][0]
beside = json.load(open(out + "/blobs/sha256/" + inner["digest"][7:]))["manifests"][0]
data = json.dumps({"schemaVersion": 2, "mediaType": inner["mediaType"],
    "manifests": [{k: inner[k] for k in ("mediaType", "digest", "size")}, beside]}).encode()
name = hashlib.sha256(data).hexdigest()
open(out + "/blobs/sha256/" + name, "wb").write(data)
json.dump({"schemaVersion": 2, "manifests": [dict(inner, digest="sha256:" + name, size=len(data))]}, open(out + "/index.json", "w"))
END_PYTHON
run 0 tenon image inspect --format '{{json .Image}}' nested
assert_eq linux/amd64 "$(jq -r 'keys[]' out)"

# ---- what is hostile: escapes in the keys of annotations, and more than there is reason for
python3 - attested <<'END_PYTHON'
import hashlib, json, os, shutil, sys
def put(out, data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    name = hashlib.sha256(data).hexdigest()
    open(out + "/blobs/sha256/" + name, "wb").write(data)
    return {"digest": "sha256:" + name, "size": len(data)}
def layout(out, *top):
    json.dump({"schemaVersion": 2, "manifests": [dict(t, annotations={"org.opencontainers.image.ref.name": n}) for n, t in top]},
        open(out + "/index.json", "w"))
    open(out + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
oci = "application/vnd.oci.image."
def manifest(out, config, size=None):
    d = dict(put(out, config), mediaType=oci + "config.v1+json")
    if size:
        d["size"] = size
    return dict(put(out, {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": d, "layers": []}),
        mediaType=oci + "manifest.v1+json")
def index(out, list, **more):
    return dict(put(out, dict(more, schemaVersion=2, mediaType=oci + "index.v1+json", manifests=list)),
        mediaType=oci + "index.v1+json")
out = "hostile"
os.makedirs(out + "/blobs/sha256")
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
plain = manifest(out, config)
large = manifest(out, dict(config, config={"Labels": {"x": "y" * (7 << 20)}}))
statement = dict(put(out, {}), mediaType="application/vnd.in-toto+json",
    annotations={"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"})
attests = dict(put(out, {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": statement, "layers": [statement] * 1001}),
    mediaType=oci + "manifest.v1+json", platform={"os": "unknown", "architecture": "unknown"},
    annotations={"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": plain["digest"]})
nested = plain
for i in range(8):
    nested = index(out, [nested] * 4096)
layout(out, ("keys", index(out, [plain], annotations={"\33]0;x\7k": "v", "two\nlines": "of\ntext"})),
    ("document", manifest(out, config, 1 << 40)),
    ("many", index(out, [plain] * 4097)),
    ("statements", index(out, [dict(plain, platform={"os": "linux", "architecture": "amd64"}), attests])),
    ("configs", index(out, [dict(large, platform={"os": "linux", "architecture": "a%d" % i}) for i in range(10)])),
    ("nested", nested))
END_PYTHON
run 0 tenon image inspect hostile:keys
grep -qF '  \x1b]0;x\x07k:    v' out || { cat -v out >&2; fail "a key is not escaped"; }
grep -qF '  two\nlines:  of\ntext' out || { cat out >&2; fail "a line of an annotation looks like another's"; }
run 1 tenon image inspect hostile:document
assert_has err 'a document of 1099511627776 bytes'
run 1 tenon image inspect hostile:many
assert_has err 'index has 4097 manifests, more than 4096'
run 1 tenon image copy hostile:many oci-layout://hostile-copy
assert_has err 'index has 4097 manifests, more than 4096'
run 1 tenon image inspect hostile:statements
assert_has err '1001 statements, more than 1000'
run 1 tenon image inspect hostile:configs
assert_has err 'its configurations have more than 67108864 bytes'
# 4096^8 ways to one image, which are nine documents.
run 0 tenon image copy hostile:nested store://example.org/nested:1
run 0 tenon image rm example.org/nested:1

# ---- copies: each kind of place to the next, with all that it has, and the same at the end
digest=$(jq -r '.manifests[0].digest' attested/index.json)
set -- attested oci-archive://a.tar "docker-image://$first/all:1" "$second/all:1" oci-layout://b:tag store://example.org/all:1 \
    oci-archive://c.tar "$second/again:1"
while [ $# -gt 1 ]; do
    store=$work/store-$#
    [ "$1" != oci-archive://c.tar ] || store=$work/store-none
    case $2 in store://*) kept=$store ;; esac
    case $1 in store://*) store=$kept ;; esac
    run 0 tenon image copy "$1" "$2"
    assert_eq "$digest" "$(cat out)"
    shift
done
store=$work/store-last
run 0 tenon image inspect --format '{{.Manifest.Digest}} {{json .Provenance}}' "$second/again:1"
assert_eq "$digest {\"linux/amd64\":{\"SLSA\":{\"by\":\"amd64\"}},\"linux/arm64\":{\"SLSA\":{\"by\":\"arm64\"}}}" "$(cat out)"
run 0 tenon diff attested "$second/again:1"
# A layout keeps its other entries, and its own under a name again.
run 0 tenon image copy "$first/one:1" oci-layout://b:other
run 0 tenon image copy "$first/one:1" oci-layout://b:other
assert_eq 2 "$(jq '.manifests | length' b/index.json)"
run 0 tenon image inspect b:tag
run 1 tenon image inspect b
assert_has err "which one?"
# What has no name is replaced by the same alone; whole names are told apart.
for from in "--platform linux/arm64 attested" attested attested; do
    run 0 tenon image copy $from oci-layout://several
done
assert_eq 2 "$(jq '.manifests | length' several/index.json)"
for name in example.org/a:1 example.org/b:1 example.org/a:1; do
    run 0 tenon image copy attested "oci-layout://several:$name"
done
assert_eq "null example.org/b:1 example.org/a:1" \
    "$(jq -r '[.manifests[].annotations["io.containerd.image.name"] | tostring] | join(" ")' several/index.json)"
# A word is where to push, whatever file has that name; only an image's file is replaced unasked.
echo mine >127.0.0.1
run 0 tenon image copy "docker-image://$first/one:1" "$second/word:1"
run 1 tenon image copy "docker-image://$first/one:1" ./127.0.0.1
assert_has err 'oci-archive://./127.0.0.1'
assert_eq mine "$(cat 127.0.0.1)"
for to in oci-archive://./127.0.0.1 ./127.0.0.1; do
    run 0 tenon image copy "docker-image://$first/one:1" "$to"
done
rm 127.0.0.1
run 0 tenon diff "$second/word:1" "$first/one:1"
# One platform is what docker loads.
run 0 tenon image copy --platform linux/arm64 "$first/one:1" docker-archive://one.tar
tar xOf one.tar manifest.json | jq -e --arg n "$first/one:1" '.[0].RepoTags == [$n] and (.[0].Layers | length == 1)' >jq ||
    fail "manifest.json"
if can_try "skopeo reads what was copied" skopeo; then
    skopeo inspect --raw oci-archive:a.tar >raw
    assert_eq "$digest" "sha256:$(sha256sum <raw | cut -d' ' -f1)"
fi

# ---- in one registry layers do not pass through here, and names are but a document
store=$work/store-small
run 0 tenon image copy "$first/all:1" "$first/mounted:1"
assert_eq 0 "$(find "$store/content/blobs" -type f -size +50k | wc -l)"
: >"$log"
run 0 tenon image tag "$first/all:1" "$first/all:2"
assert_eq "$digest" "$(cat out)"
! grep -E '"(POST|PUT|GET|HEAD) /v2/all/blobs' "$log" || fail "a name moves blobs"
run 0 tenon image tag "$first/all:1" "$first/elsewhere:3"
run 0 tenon diff "$first/elsewhere:3" attested

# ---- tags, more than a page, sorted; what is none is left out
run 0 tenon image ls "$first/all"
assert_eq "1 2" "$(xargs <out)"
run 1 tenon image ls "$first/none"
cat >pages.py <<'END_PYTHON'
import http.server, json, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        q = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        tags = sorted("t%04d" % i for i in range(25))
        after = [t for t in tags if t > q.get("last", [""])[0]]
        body = json.dumps({"name": "x", "tags": after[:10] + ["-x", "a b", "\x1b[1m", "t\0", "", "x" * 129, 7, None]}).encode()
        self.send_response(200)
        if len(after) > 10:
            self.send_header("Link", '<http://inside.invalid/v2/x/tags/list?n=10&last=%s>; rel="next"' % after[9])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END_PYTHON
python3 pages.py >pages.port &
remember $!
await_line pages.port .
run 0 tenon image ls --format json "127.0.0.1:$(cat pages.port)/x"
assert_eq "25 t0000 t0024" "$(jq -r .tag out | awk 'NR == 1 { a = $1 } END { print NR, a, $1 }')"

# ---- referrers go along: here by the tag that stands in for the API
put() { # REPO REF FILE [REGISTRY]
    curl -sfX PUT -H "Content-Type: $(jq -r .mediaType "$3")" --data-binary "@$3" \
        "http://${4:-$first}/v2/$1/manifests/$2" >curl
}
jq -c --arg d "$digest" --argjson s "$(jq '.manifests[0].size' attested/index.json)" '. + {artifactType: "application/x.signature",
    subject: {mediaType: "application/vnd.oci.image.index.v1+json", digest: $d, size: $s}}' \
    "attested/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "attested/blobs/sha256/${digest#sha256:}")" >signature
signed=sha256:$(sha256sum <signature | cut -d' ' -f1)
put all "$signed" signature
jq -nc --arg d "$signed" --argjson s "$(wc -c <signature)" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s}]}' | tr -d '\n' >list
put all "sha256-${digest#sha256:}" list
run 0 tenon image copy "$first/all:1" "$second/signed:1"
same() { # REF FILE
    curl -sf -H "Accept: $(jq -r .mediaType "$2")" "http://$second/v2/signed/manifests/$1" | cmp - "$2" || fail "$2 was not copied"
}
same "sha256-${digest#sha256:}" list
same "$signed" signature
# The other registry's own list stays.
jq -c '. + {annotations: {by: "others"}}' signature >theirs
their=sha256:$(sha256sum <theirs | cut -d' ' -f1)
put signed "$their" theirs "$second"
jq -c --arg d "$their" --argjson s "$(wc -c <theirs)" '.manifests[0] += {digest: $d, size: $s}' list >their-list
put signed "sha256-${digest#sha256:}" their-list "$second"
for again in 1 2; do
    run 0 tenon image copy "$first/all:1" "$second/signed:$again"
    curl -sf -H "Accept: $(jq -r .mediaType list)" "http://$second/v2/signed/manifests/sha256-${digest#sha256:}" >merged
    assert_eq "$their $signed" "$(jq -r '[.manifests[].digest] | join(" ")' merged)"
done
jq -c '.manifests = [range(1001) as $_ | .manifests[0]]' list >long-list
put all "sha256-${digest#sha256:}" long-list
run 1 tenon image copy "$first/all:1" "$second/unsigned:1"
assert_has err '1001 with those before, more than 1000'
run 0 tenon image copy --no-referrers "$first/all:1" "$second/unsigned:1"
assert_eq 404 "$(curl -s -o curl -w '%{http_code}' "http://$second/v2/unsigned/manifests/$signed")"

# ---- a layout that was changed gives nothing on
cp -r attested bad
find bad/blobs -type f -size +50k -exec sh -c 'echo changed >>"$1"' - {} \;
run 1 tenon image copy bad oci-layout://bad-copy
assert_has err 'is not what it is called'
store=$work/store-bad
run 1 tenon image copy bad "$second/bad:1"
assert_eq 404 "$(curl -s -o curl -w '%{http_code}' "http://$second/v2/bad/manifests/1")"

# ---- words
store=$kept
run 0 tenon image ls -q
assert_eq example.org/all:1 "$(cat out)"
run 0 tenon image tag store://example.org/all:1 example.org/all:2
run 0 tenon image rm example.org/all:1
# What goes out under a registry's name is the registry's, not what the store has by that name.
run 0 tenon image tag store://example.org/all:2 "$first/lost:1"
for words in "copy $first/lost:1 oci-layout://lost" "tag $first/lost:1 $first/all:9"; do
    run 1 tenon image $words
    assert_has err "store://$first/lost:1"
done
[ ! -e lost ] || fail "a layout of another image"
run 0 tenon image rm "$first/lost:1"
run 0 tenon images -q
assert_eq example.org/all:2 "$(cat out)"
for wrong in "" "inspect" "copy a" "tag a" "ls a b" "inspct a" "copy --platform x/y/z/v a b" "ls --format xml $first/all"; do
    run 2 tenon image $wrong
done
run 2 tenon image inspct a
assert_has err '(did you mean inspect?)'
run 1 tenon image copy "$first/all:1" ./nowhere
assert_has err 'oci-layout://./nowhere'
run 1 tenon image tag attested "$first/all:3"
assert_has err 'tenon image copy attested'

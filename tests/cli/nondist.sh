#!/bin/sh
# Layers that have URLs and are in no registry: fetched from there, exported as others or, with
# prefer-nondist-layers=true, as they came; and who asks for them says nothing of itself.
. "$(dirname "$0")/lib.sh"
need python3 jq
need_root
make_bases
mkdir "$work/www"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/web.log" >"$work/web-port" &
web_server=$!
remember $web_server
await_line "$work/web-port" .
web=http://127.0.0.1:$(cat "$work/web-port")
context=$work/context
mkdir "$context"
echo file >"$context/file"
dockerfile() { printf 'FROM %s\nCOPY file /file\n' "$1" >"$context/Dockerfile"; }
pull() { # REPOSITORY
    rm -rf "$store" "$work/result"
    dockerfile "$1"
    tenon build --progress=plain -o "$work/result" "$context"
}

# A base whose layer has URLs, and which its registry has not got.
cp -r "$bases/busybox" "$work/nondist"
foreign=$(python3 - "$work/nondist" "$web" <<'END_PYTHON'
import hashlib, json, os, sys
layout, web = sys.argv[1:]
path = lambda digest: "%s/blobs/%s" % (layout, digest.replace(":", "/"))
index = json.load(open(layout + "/index.json"))
manifest = json.load(open(path(index["manifests"][0]["digest"])))
layer = manifest["layers"][0]
layer.update(mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
             urls=["ftp://127.0.0.1/x", web + "/none", web + "/moved/cut/layer"], annotations={"of.a": "layer"})
os.rename(path(layer["digest"]), layout + "/layer")
data = json.dumps(manifest).encode()
digest = "sha256:" + hashlib.sha256(data).hexdigest()
open(path(digest), "wb").write(data)
index["manifests"] = [dict(index["manifests"][0], digest=digest, size=len(data))]
json.dump(index, open(layout + "/index.json", "w"))
print(layer["digest"])
END_PYTHON
)
: >"$work/nondist.log"
"$abs_top_srcdir/tests/cli/odd-registry" "$work/nondist" "$work/nondist.log" >"$work/nondist.port" &
remember $!
await_line "$work/nondist.port" .
log=$work/nondist.log
registry=127.0.0.1:$(cat "$work/nondist.port")
run 1 pull "$registry/asks/base" # whose password goes to no other place
run 1 pull "$registry/good/base"
assert_has "$work/err" "nor has $web/moved/cut/layer got it: $foreign not found"
head -c "$(wc -c <"$work/nondist/layer")" /dev/zero >"$work/www/layer" # another one
run 1 pull "$registry/good/base"
assert_has "$work/err" "nor has $web/moved/cut/layer got it: "
mv "$work/nondist/layer" "$work/www/layer"
mkdir "$work/login"
printf '{"auths": {"%s": {"auth": "dTpw"}}}' "$registry" >"$work/login/config.json"
DOCKER_CONFIG=$work/login run 0 pull "$registry/asks/base"
[ -x "$work/result/bin/busybox" ] || fail "no busybox"
grep -q " Basic dTpw$" "$log" || fail "nobody asked for the password"
assert_lacks "$work/web.log" Authorization
assert_has "$work/web.log" "GET /cut/layer 206" # not from the beginning again
# What it was is kept where that is wished for, and goes to no registry; else it is a layer as others.
layer() { # TAG: the media type and URLs of the first
    tenon image inspect --raw "$registry/good/made:$1" | jq -r '.layers[0] | "\(.mediaType) \(.digest) \(.urls)"'
}
exported() { # OUTPUT
    dockerfile "$registry/good/base"
    : >"$log"
    run 0 tenon build --progress=plain -o "$1" "$context"
}
taken="PUT .*digest=$foreign 201"
oci=application/vnd.oci.image.layer. docker=application/vnd.docker.image.rootfs.
urls="[\"$web/none\",\"$web/moved/cut/layer\"]"
exported "type=image,push=true,name=$registry/good/made:1,prefer-nondist-layers=true"
assert_eq "${oci}nondistributable.v1.tar+gzip $foreign $urls" "$(layer 1)"
exported "type=image,push=true,name=$registry/good/made:2,prefer-nondist-layers=true,oci-mediatypes=false"
assert_eq "${docker}foreign.diff.tar.gzip $foreign $urls" "$(layer 2)"
exported "type=oci,tar=false,dest=$work/kept,prefer-nondist-layers=true"
[ -e "$work/kept/blobs/sha256/${foreign#*:}" ] || fail "a layout lacks a layer"
exported "type=image,push=true,name=$registry/good/made:3,prefer-nondist-layers=true,compression=zstd,force-compression=true"
[ "$(layer 3)" = "${oci}v1.tar+zstd $foreign null" ] && fail "not compressed anew"
assert_eq "${oci}v1.tar+zstd null" "$(layer 3 | cut -d' ' -f1,3)"
# Copies of it send what the first one did, and bring it along to where all of it is.
: >"$log"
run 0 tenon --root "$work/other" image copy "$registry/good/made:1" "$registry/good/copied:1"
run 0 tenon --root "$work/third" image copy "$registry/good/made:1" "oci-layout://$work/brought"
[ -e "$work/brought/blobs/sha256/${foreign#*:}" ] || fail "a copy lacks a layer"
grep -q "$taken" "$work/nondist.log" && fail "a layer that stays where it is was pushed"
kill "$web_server"
wait "$web_server" 2>/dev/null || :
run 1 tenon --root "$work/fourth" build --progress=plain -o "$work/result" "$context"
assert_has "$work/err" "connection refused" # may pass, other than what the registry says
assert_has "$work/err" "its registry has not got it: "
exported "type=image,push=true,name=$registry/good/made:4"
assert_eq "${oci}v1.tar+gzip $foreign null" "$(layer 4)"
grep -q "$taken" "$log" || fail "a layer was not pushed"
# Who names a layer with URLs decides for no image that has it as an ordinary one.
changed() { # FROM TO CODE: another manifest, by python on the manifest m
    python3 - "$registry" "$1" "$2" "$3" <<'END_PYTHON'
import json, sys, urllib.request
registry, name, to, code = sys.argv[1:]
place = "http://%s/v2/good/made/manifests/" % registry
get = lambda tag: urllib.request.urlopen(place + tag)
m = json.load(get(name))
exec(code)
kind = m.get("mediaType", "application/vnd.oci.image.manifest.v1+json")
urllib.request.urlopen(urllib.request.Request(place + to, json.dumps(m).encode(), {"Content-Type": kind}, method="PUT"))
END_PYTHON
}
as_other() { # STORE BASE TAG
    dockerfile "$registry/good/made:$2"
    run 0 tenon --root "$1" build --progress=plain \
        -o "type=image,push=true,name=$registry/good/made:$3,prefer-nondist-layers=true" "$context"
    assert_eq "${oci}v1.tar+gzip $foreign null" "$(layer "$3")"
}
as_other "$store" 4 5
changed 4 evil 'm["layers"][0]["urls"] = ["http://127.0.0.1:9/x"]'
as_other "$work/fifth" evil 6
# One without a URL is nowhere else, and one that another image of an index needs is sent.
sent() { # TAG
    : >"$log"
    run 0 tenon --root "$work/sixth" image copy "$registry/good/made:$1" "$registry/good/copied:$1"
    grep -q "^HEAD /v2/good/copied/blobs/$foreign " "$log" || fail "$1: a layer was left out"
}
changed 1 alone 'del m["layers"][0]["urls"]'
sent alone
changed 1 mixed 'm = dict(schemaVersion=2, mediaType="application/vnd.oci.image.index.v1+json", manifests=[
    dict(mediaType=a.headers["Content-Type"], digest=a.headers["Docker-Content-Digest"], size=len(a.read()))
    for a in map(get, ("1", "4", "2"))])'
sent mixed

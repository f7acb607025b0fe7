#!/bin/sh
# Trouble of this machine (a full disk, no descriptors left) is told as what it is, with the
# place: not as a server's, not held against a mirror, and not tried again elsewhere.
. "$(dirname "$0")/lib.sh"
need_root
make_bases
need skopeo python3
registry_quiet=false
start_registry </dev/null
origin=$registry origin_port=$port
start_registry </dev/null
mirror=$registry mirror_port=$port
python3 - "$work/layout" <<'END'
# An image of one layer of 8 MB that does not compress.
import hashlib, io, json, os, random, sys, tarfile
top = sys.argv[1]
os.makedirs(top + "/blobs/sha256")
def blob(data, kind):
    d = hashlib.sha256(data).hexdigest()
    open(top + "/blobs/sha256/" + d, "wb").write(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + d, "size": len(data)}
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as tar:
    e = tarfile.TarInfo("big")
    e.size = 8 << 20
    tar.addfile(e, io.BytesIO(random.Random(1).randbytes(e.size)))
layer = out.getvalue()
config = {"architecture": "amd64", "os": "linux", "config": {},
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob(json.dumps(config).encode(), "config.v1+json"), "layers": [blob(layer, "layer.v1.tar")]}
entry = dict(blob(json.dumps(manifest).encode(), "manifest.v1+json"), annotations={"org.opencontainers.image.ref.name": "1"})
json.dump({"schemaVersion": 2, "manifests": [entry]}, open(top + "/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(top + "/oci-layout", "w"))
END
for to in "$origin" "$mirror"; do
    skopeo copy -q --dest-tls-verify=false "oci:$work/layout:1" "docker://$to/big:1" 2>"$work/err" ||
        { cat "$work/err" >&2; fail "push to $to"; }
done
printf '{"registries": {"%s": {"mirrors": ["http://%s"], "plain-http": true}}}\n' "$origin" "$mirror" >"$TENON_CONFIG"
mkdir "$work/context"
echo "FROM $origin/big:1" >"$work/context/Dockerfile"
echo 'COPY Dockerfile /' >>"$work/context/Dockerfile"
build() { tenon build --progress=plain --platform linux/amd64 -o type=cacheonly "$work/context"; }
asked() { grep -c 'GET /v2/big/' "$work/registry-$1.log" || :; } # PORT: how often for the image

no_server_is_blamed() { # WHAT
    for text in "left alone" "failed to do request" "connection refused" "no such host" "i/o timeout" "$mirror:" "unexpected EOF"; do
        ! grep -F "$text" "$work/err" | grep -q "ERROR\|warning\|left alone" ||
            { cat "$work/err" >&2; fail "$1: \"$text\""; }
    done
}

# ---- disk ----------------------------------------------------------------------------
small=$work/small
mkdir "$small"
unmount() { umount -l "$small"; }
mount -t tmpfs -o size=6m tmpfs "$small" || skip "no tmpfs can be mounted"
at_exit="$at_exit unmount"
plain=$store
store=$small/store
run 1 build
assert_has "$work/err" "No space left on device"
assert_has "$work/err" "$store"
no_server_is_blamed "a full disk"
assert_eq 0 "$(asked "$origin_port")"
[ "$(asked "$mirror_port")" -gt 0 ] || fail "the mirror was not asked, so this tries nothing"

# ---- descriptors ---------------------------------------------------------------------
# Each limit from none at all to enough: what fails says why, wherever it is that the last
# descriptor is missing.
store=$plain
said=0 good=0
for limit in $(seq 8 48) 200; do
    rm -rf "$store"
    got=0
    (ulimit -n "$limit" && echo "FROM scratch" | tenon build --progress=plain -o type=cacheonly -) \
        >"$work/out" 2>"$work/err" || got=$?
    assert_lacks "$work/err" "broken promise"
    rm -rf "$store"
    got=0
    (ulimit -n "$limit" && build) >"$work/out" 2>"$work/err" || got=$?
    if [ $got = 0 ]; then
        good=$((good + 1))
        continue
    fi
    no_server_is_blamed "$limit descriptors"
    assert_lacks "$work/err" "broken promise"
    ! grep -q 'Too many open files' "$work/err" || said=$((said + 1))
done
[ $good -gt 0 ] || fail "no limit was enough"
[ $said -gt 0 ] || fail "no limit was too low"
assert_eq 0 "$(asked "$origin_port")"

#!/bin/sh
# Frontends that use others: inputs, also of dockerfile.v0; results of before there were arrays;
# caches; what a result may hold.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/frontend-lib.sh"
make_front "LABEL moby.buildkit.frontend.network.none=true" \
    "LABEL moby.buildkit.frontend.caps=moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests"
mkdir "$work/context/dir"

cd "$work/context"
echo hello >hello
printf '# syntax=%s\n' "$image" >Dockerfile
# What the frontend makes of this is a file system with build files in it.
cat >Tree.Dockerfile <<'INNER'
FROM scratch
COPY hello /dir/hello
COPY <<EOF /proof.json
{"some": "thing"}
EOF
COPY <<EOF /proofs/one.json
{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://example.org/bundled",
 "subject": [], "predicate": {}}
EOF
COPY <<EOF /Inner
FROM scratch
COPY /dir/hello /of/context
ENV OF=inner
EOF
INNER
cat >Onto.Dockerfile <<'INNER'
FROM base
COPY hello /more
FROM scratch
COPY --from=base /dir/hello /copied
COPY --from=0 / /
INNER

# config_of TAR: the configuration of its only image.
config_of() {
    rm -rf oci
    mkdir oci
    tar -C oci -xf "$1"
    manifest=$(jq -r '.manifests[0].digest' oci/index.json)
    jq -c . "oci/blobs/sha256/$(jq -r .config.digest "oci/blobs/sha256/${manifest#sha256:}" | cut -d: -f2)"
}

echo "-- inputs of dockerfile.v0: the context, and where the build file is"
does 0 "solve:Tree.Dockerfile within:Inner return" -o out
assert_eq hello "$(cat out/of/context)"
assert_eq of "$(ls out)"
does 0 "solve:Tree.Dockerfile within:Inner read:/of/context return" -o type=oci,dest=image.tar
said "/of/context has 6 bytes"
config_of image.tar | jq -e '.config.Env | index("OF=inner")' >/dev/null || fail "another image's configuration"
does 1 "solve:Tree.Dockerfile within:None exit:1"
said "Solve: not found"
rm -r out

echo "-- an input as a named context, with its configuration"
does 0 "solve:Tree.Dockerfile onto:Onto.Dockerfile return" -o out
assert_eq hello "$(cat out/copied)"
assert_eq hello "$(cat out/more)"
assert_eq hello "$(cat out/dir/hello)"
printf 'FROM base\n' >Same.Dockerfile
does 0 "solve:Tree.Dockerfile onto:Same.Dockerfile return" -o type=oci,dest=image.tar
config_of image.tar | jq -e '.config.Env | index("OF=base")' >/dev/null || fail "the input has lost its configuration"
rm -r out

echo "-- an input of another image"
does 0 "solve:Tree.Dockerfile give:$image return"
said "input given, some bytes"
said "/dir/hello has 6 bytes"
does 0 "inputs solve:Tree.Dockerfile return" # none by itself
grep -q "frontend: input" "$work/err" && fail "inputs that nobody gave"

echo "-- in the way of 2018"
does 0 "old:Tree.Dockerfile" -o type=oci,dest=image.tar
said "an old answer: a name"
config_of image.tar | jq -e '.config.Env | index("OF=old")' >/dev/null || fail "not the metadata of the last solve"
does 0 "old:Tree.Dockerfile return"
said "Return: unknown: the frontend has returned already"
does 0 "solve:Tree.Dockerfile oldkeys:linux/arm64 return" -o type=oci,dest=image.tar
config_of image.tar >/dev/null
assert_eq arm64 "$(jq -r '.manifests[0].platform.architecture' oci/index.json)"

echo "-- what a result may hold"
does 0 "solve:Tree.Dockerfile key:frontend.mine=yes key:other=no return" --metadata-file meta.json
assert_eq yes "$(jq -r '."frontend.mine"' meta.json)"
assert_eq null "$(jq -r .other meta.json)"
does 0 "attestor:$image read:/dir/hello return"
said "attestation of linux/amd64: in-toto, https://example.org/predicate, /proof.json, 2 subjects, 1 keys, reference"
does 1 "solve:Tree.Dockerfile attest:linux/arm64 return"
said "Return: unknown: attestations of linux/arm64, which is no platform of the result"
for kind in attest bundle; do
    does 0 "solve:Tree.Dockerfile $kind:linux/amd64 return" -o type=oci,dest=attested.tar
    rm -rf oci
    mkdir oci
    tar -C oci -xf attested.tar
    index=$(jq -r '.manifests[0].digest' oci/index.json)
    proof=$(jq -r '.manifests[] | select(.platform.os == "unknown").digest' "oci/blobs/sha256/${index#sha256:}")
    jq -r '.layers[].annotations["in-toto.io/predicate-type"]' "oci/blobs/sha256/${proof#sha256:}" >"$work/types"
    case $kind in
    attest) assert_eq https://example.org/predicate "$(cat "$work/types")" ;;
    bundle) assert_eq https://example.org/bundled "$(cat "$work/types")" ;;
    esac
done

echo "-- a name that the frontend gives"
named="solve:Tree.Dockerfile key:image.name=$registry/named:1,named/too return"
does 0 "$named" -o "type=image,name=*"
run 0 tenon images
assert_has "$work/out" "$registry/named:1"
assert_has "$work/out" "named/too:latest"
does 0 "$named" -o "type=oci,name=*,dest=named.tar" -o "type=docker,name=*,dest=named-docker.tar"
tar -xOf named.tar index.json | jq -e '[.manifests[].annotations["io.containerd.image.name"]] |
    index("docker.io/named/too:latest")' >/dev/null || fail "another name in the layout"
tar -xOf named-docker.tar manifest.json | jq -e '.[0].RepoTags | index("named/too:latest")' >/dev/null ||
    fail "another name in the archive"
does 1 "solve:Tree.Dockerfile return" -o "type=image,name=*,push=true"
assert_has "$work/err" "the frontend has given the image no name to push it by"
does 1 "solve:Tree.Dockerfile key:image.name=No return" -o "type=image,name=*"
assert_has "$work/err" "No"

echo "-- a result of other platforms"
warned() { assert_has "$work/err" " - $1"; }
does 0 "solve:Tree.Dockerfile return" --platform linux/arm64
warned 'Requested platform "linux/arm64" does not match result platform "linux/amd64"'
does 0 "solve:Tree.Dockerfile return" --platform linux/arm64,linux/amd64
warned "Multiple platforms requested but result is not multi-platform"
does 0 "solve:Tree.Dockerfile platforms" --platform linux/arm64,linux/amd64
warned "Requested platforms linux/arm64,linux/amd64 do not match result platforms linux/arm/v7,linux/amd64"
does 0 "solve:Tree.Dockerfile platforms" --platform linux/amd64
warned "Requested platforms linux/amd64 do not match result platforms linux/arm/v7,linux/amd64"
for platform in linux/amd64,linux/arm/v7 linux/amd64,linux/arm; do # in another order, in other words
    does 0 "solve:Tree.Dockerfile platforms" --platform $platform
    assert_lacks "$work/err" "Requested platform"
done
does 0 "answer:{}" --platform linux/arm64 --call outline
assert_lacks "$work/err" "platform requested"
assert_lacks "$work/err" "Requested platform"

echo "-- policies of a frontend"
does 1 "solve:Tree.Dockerfile policy:local://* again exit:1"
said 'Solve: permission denied: failed to load LLB: error evaluating the source policy: source "local://context" denied by policy'
does 1 "policy:*/front:* config:$image meta:docker-image://$image exit:1"
said "ResolveImageConfig: permission denied: failed to resolve source metadata for $image: could not resolve image due to policy: source \"docker-image://$image\" denied"
said "ResolveSourceMeta: permission denied: failed to resolve source metadata for"
does 1 "policy:docker-image://$registry/x:1>docker-image://$image config:$registry/x:1 meta:docker-image://$registry/x:1 exit:1"
said "$image is sha256:"
said "docker-image://$image is sha256:"
does 0 "solve:Tree.Dockerfile policy:local://context>local://dockerfile again evaluate return" -o out
assert_file out/dir/hello
does 0 "policy:local://* solve:Tree.Dockerfile return" -o out # of definitions, not of frontends

echo "-- caches"
does 0 "cache:registry,ref=$registry/none:1 solve:Tree.Dockerfile return"
assert_has "$work/err" "cache $registry/none:1 is not used"
does 0 "cache:local,src=/etc solve:Tree.Dockerfile return"
assert_has "$work/err" "the frontend asks for a cache of type local: only --cache-from gives that"
does 1 "cache:registry,ref=$registry/none:1,trust=true solve:Tree.Dockerfile exit:1"
said "Solve: permission denied: cache of the frontend: a frontend cannot say trust of it"
does 1 "cache:registry,ref=$registry/cache:1,ref=$registry/none:1 solve:Tree.Dockerfile exit:1"
said "Solve: unknown: cache of the frontend: a frontend's cache has one ref"
does 1 "cache:local,src=/etc caches:60 solve:Tree.Dockerfile caches:4 solve:Tree.Dockerfile solve:Tree.Dockerfile exit:1"
said "Solve: resource exhausted: the frontend names more than 64 caches"
assert_eq 2 "$(grep -c 'frontend: reference named' "$work/err")"
printf 'FROM scratch\nCOPY hello /cached\n' >Cached.Dockerfile
run 0 tenon build -f Cached.Dockerfile --cache-to "type=registry,ref=$registry/cache:1,mode=max" .
store=$work/fresh
does 0 "cache:registry,ref=$registry/cache:1 solve:Cached.Dockerfile again evaluate solve:Cached.Dockerfile return"
assert_eq 1 "$(grep -c "importing cache manifest from $registry/cache:1" "$work/err")"
grep -A3 "COPY hello /cached" "$work/err" | grep -q CACHED || fail "the cache was not used"

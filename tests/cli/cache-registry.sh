#!/bin/sh
# --cache-to and --cache-from of type registry, the same as a bare name, and caches inside of
# images (type=inline).
. "$(dirname "$0")/lib.sh"
need_root
need jq skopeo
make_bases
start_registry </dev/null

context=$work/context
mkdir "$context"
cat >"$context/Dockerfile" <<'END'
FROM base AS one
RUN head -c 1000 /dev/urandom >/one; rm /etc/group
FROM base
COPY file /file
COPY --from=one /one /one
COPY --link file /linked
RUN head -c 1000 /dev/urandom >/random
END
echo content >"$context/file"

# build STORE FLAG...: the number of steps that were taken from a cache, and that ran, in $steps.
build() {
    at=$1
    shift
    run 0 "$abs_top_builddir/tenon-dev" --root "$work/$at" build --progress=rawjson \
        --build-context "base=oci-layout://$bases/busybox" "$@" "$context"
    steps=$(jq -rs '[.[] | .vertexes // [] | .[]] | group_by(.digest) |
        map(select(any(.completed) and (last.name | test("\\] (RUN|COPY)")))) |
        "\(map(select(any(.cached))) | length) \(map(select(all(.cached | not))) | length)"' "$work/err")
}
# words STORE FLAG...: what a person reads of a build.
words() {
    at=$1
    shift
    run 0 "$abs_top_builddir/tenon-dev" --root "$work/$at" build --progress=plain -o type=cacheonly \
        --build-context "base=oci-layout://$bases/busybox" "$@" "$context"
}
random() { sha256sum <"$work/tree/random"; }
cache=$registry/app:cache

# Filled by one store, used by others, under each spelling.
build a -o "$work/tree" --cache-to "type=registry,ref=$cache,mode=max"
assert_eq "0 5" "$steps"
assert_has "$work/err" "exporting cache to registry"
random=$(random)
skopeo inspect --raw --tls-verify=false "docker://$cache" >"$work/manifest"
assert_eq application/vnd.buildkit.cacheconfig.v0 "$(jq -r .config.mediaType "$work/manifest")"
n=0
for from in "type=registry,ref=$cache" "$cache" "$registry/nothing:here,$cache"; do
    n=$((n + 1))
    rm -rf "$work/tree"
    build "b$n" -o "$work/tree" --cache-from "$from"
    assert_eq "5 0" "$steps"
    assert_eq "$random" "$(random)"
    assert_has "$work/err" "importing cache manifest from $cache"
done
words w1 --cache-from "$registry/nothing:here"
assert_has "$work/err" "WARNING: cache $registry/nothing:here is not used"

# The same steps are the same manifest, and only what the result is made of is in a smaller one.
digest() { skopeo inspect --raw --tls-verify=false "docker://$1" | sha256sum; }
before=$(digest "$cache")
build a -o type=cacheonly --cache-to "type=registry,ref=$cache,mode=max"
assert_eq "5 0" "$steps"
assert_eq "$before" "$(digest "$cache")"
build a -o type=cacheonly --cache-to "$registry/app:small"
layers() { skopeo inspect --raw --tls-verify=false "docker://$1" | jq '.layers | length'; }
[ "$(layers "$registry/app:small")" -lt "$(layers "$cache")" ] || fail "min has all layers"

# A layer that nothing needs is not fetched: it could not be. The first step's is needed.
layer() { # NAME-OF-A-FILE: the layer of the cache that has it
    for l in $(jq -r '.layers[].digest' "$work/manifest"); do
        blob=$work/registry-$port/docker/registry/v2/blobs/sha256/$(printf %.2s "${l#sha256:}")/${l#sha256:}/data
        tar tf "$blob" | grep -qx "$1" && echo "$blob" && return
    done
    fail "no layer has $1"
}
lost=$(layer random)
mv "$lost" "$work/lost"
echo changed >"$context/file"
build c -o type=cacheonly --cache-from "$cache"
assert_eq "1 4" "$steps"
words w2 --cache-from "$cache"
assert_lacks "$work/err" WARNING
# One that is needed and lost is a warning, and the step runs.
echo content >"$context/file"
rm -rf "$work/tree"
build d -o "$work/tree" --cache-from "$cache"
[ "$random" != "$(random)" ] || fail "the lost layer came from somewhere"
words w3 --cache-from "$cache"
assert_has "$work/err" "runs instead"
mv "$work/lost" "$lost"

# Cache mounts are blobs of the same manifest; what is there is not sent again.
cat >"$context/Mounts" <<'END'
FROM base
ARG N
RUN --mount=type=cache,target=/m echo "$N" >>/m/log; [ -e /m/data ] || head -c 300000 /dev/urandom >/m/data; cp /m/log /log
END
build mount1 -f "$context/Mounts" -o type=cacheonly --build-arg N=1 --cache-to "type=registry,ref=$registry/app:mounts,mounts=all"
build mount2 -f "$context/Mounts" -o "$work/tree" --build-arg N=2 --cache-from "$registry/app:mounts" \
    --cache-to "type=registry,ref=$registry/app:mounts,mounts=all"
assert_has "$work/err" "importing cache mount //m from $registry/app:mounts"
assert_eq "1 2" "$(echo $(cat "$work/tree/log"))"
packs() { skopeo inspect --raw --tls-verify=false "docker://$registry/app:mounts" |
    jq -r '.layers[] | select(.mediaType | endswith("cachemount.pack.v1")) | "\(.size) \(.digest)"' | sort -n; }
assert_eq 2 "$(packs | wc -l)"
[ "$(packs | sed 's/ .*//;q')" -lt 10000 ] || fail "all of the mount was sent again: $(packs)"
# Handed on by a store that never had it, and fetched nothing of it.
build mount3 -f "$context/Mounts" -o type=cacheonly --build-arg N=2 --cache-from "$registry/app:mounts" \
    --cache-to "type=registry,ref=$registry/app:mounts,mounts=all"
assert_eq "1 0" "$steps"
assert_eq 2 "$(packs | wc -l)"
packs | while read -r _ digest; do assert_no_file "$work/mount3/content/blobs/sha256/${digest#sha256:}"; done

# Layers are sent while steps run: the second one waits until the registry has the first one's.
cat >"$context/Ahead" <<'END'
FROM base
RUN echo first >/first
RUN --mount=type=cache,target=/m touch /m/begun; i=0; while [ ! -e /m/go ]; do i=$((i + 1)); [ $i -lt 1500 ] || exit 9; usleep 100000; done
END
(
    await "the second step" test -e "$work/ahead/cache-mounts/1/fs/begun"
    await "a layer in the registry" test -d "$work/registry-$port/docker/registry/v2/repositories/ahead/_layers/sha256"
    touch "$work/ahead/cache-mounts/1/fs/go"
) &
opener=$!
remember $opener
build ahead -f "$context/Ahead" -o type=cacheonly --cache-to "type=registry,ref=$registry/ahead:1,mode=max"
wait $opener
assert_has "$work/err" "exporting cache to registry, while steps run"
build ahead2 -f "$context/Ahead" -o type=cacheonly --cache-from "$registry/ahead:1"
assert_eq "2 0" "$steps"

# What is wrong is said before anything runs.
refused() { # TEXT FLAG...
    text=$1
    shift
    run 2 tenon build -o type=cacheonly "$@" "$context"
    assert_has "$work/err" "$text"
    assert_lacks "$work/err" "#1"
}
refused "ref is missing" --cache-to type=registry
refused "ref is missing" --cache-to type=registry,ref=
refused "invalid reference format" --cache-to "type=registry,ref=$registry/UPPER"
refused "invalid reference format" --cache-to "$registry/UPPER"
refused "unknown option \"color\"" --cache-to "type=registry,ref=$cache,color=red"
refused "an inline cache is a part of an image" --cache-from type=inline
refused "unknown option \"mode\"" --cache-to type=inline,mode=max
run 2 tenon build -o type=cacheonly --cache-from type=registry "$context"
assert_has "$work/err" "ref is missing"

# A registry that cannot be reached: no cache, or no export, which fails unless it may.
gone=127.0.0.1:$(free_port)
configuration=$TENON_CONFIG
TENON_CONFIG=$work/impatient.json
echo '{"http": {"patience": "200ms"}}' >"$TENON_CONFIG"
words e --cache-from "$gone/app"
assert_has "$work/err" "WARNING: cache $gone/app is not used"
run 1 "$abs_top_builddir/tenon-dev" --root "$work/e" build -o type=cacheonly --cache-to "$gone/app" \
    --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "$gone/app"
words e --cache-to "type=registry,ref=$gone/app,ignore-error=true"
assert_has "$work/err" "WARNING: the cache was not exported"
TENON_CONFIG=$configuration

# ---- inside of images ----------------------------------------------------------------------------

inline() { # IMAGE: what its config says, or null
    skopeo inspect --config --raw --tls-verify=false "docker://$1" |
        jq -r '."moby.buildkit.cache.v0" // empty' | base64 -d | jq -c .
}
build a -o "type=image,name=$registry/app:plain,push=true"
assert_eq "" "$(inline "$registry/app:plain")"
build a -o "type=image,name=$registry/app:1,push=true" --cache-to type=inline
inline "$registry/app:1" >"$work/inline"
# As BuildKit has it, a list of records; ours have our keys, BuildKit's their inputs.
assert_eq true "$(jq 'any(.[]; has("results")) and any(.[]; has("inputs") and has("layers")) and
    all(.[] | select(has("results")); ."tenon.keys" | length > 0)' "$work/inline")"
assert_lacks "$work/inline" createdAt
BUILDKIT_INLINE_CACHE=1
export BUILDKIT_INLINE_CACHE
for argument in BUILDKIT_INLINE_CACHE=true BUILDKIT_INLINE_CACHE; do
    build a -o "type=image,name=$registry/app:2,push=true" --build-arg "$argument"
    inline "$registry/app:2" | cmp - "$work/inline" || fail "$argument"
done
build a -o "type=image,name=$registry/app:2,push=true" --build-arg BUILDKIT_INLINE_CACHE=0
assert_eq "" "$(inline "$registry/app:2")"

# The steps of the image come from it; of the stage that is no part of it the keys are known.
rm -rf "$work/tree"
build g -o "$work/tree" --cache-from "$registry/app:1"
assert_eq "0" "${steps#* }"
assert_eq "$random" "$(random)"
# That stage has no result there: what is at its place in the image is another's.
rm -rf "$work/tree"
build g2 -o "$work/tree" --target one --cache-from "$registry/app:1"
assert_eq "0 1" "$steps"
assert_file "$work/tree/one"
# Layers of the base are the base's: an export leaves them as they are.
types() { # STORE FLAG...
    from=$1
    shift
    build "$from" -o "type=oci,dest=$work/$from.tar,compression=zstd,tar=true" "$@"
    skopeo inspect --raw "oci-archive:$work/$from.tar" | jq -c '[.layers[].mediaType]'
}
assert_eq "$(types a)" "$(types g3 --cache-from "$registry/app:1")"
# An image that is in the store alone is no cache in a registry.
build a -o "type=image,name=$registry/app:here" --cache-to type=inline
words a --cache-from "$registry/app:here"
assert_has "$work/err" "cache $registry/app:here is not used"
words h --cache-from "$registry/app:plain"
assert_has "$work/err" "has no cache in its config"
assert_lacks "$work/err" CACHED

# Of an index each platform's.
cat >"$context/Dockerfile" <<'END'
FROM base
COPY file /file
END
platforms=linux/amd64,linux/arm64
build a --platform $platforms -o "type=image,name=$registry/app:both,push=true" --cache-to type=inline
build i --platform $platforms -o type=cacheonly --cache-from "$registry/app:both"
assert_eq "2 0" "$steps"

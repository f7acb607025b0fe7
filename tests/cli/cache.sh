#!/bin/sh
# --cache-to and --cache-from of type local: between stores, in both modes, and
# with a cache that is missing, damaged or of BuildKit's keys alone.
. "$(dirname "$0")/lib.sh"
need_root
need jq
make_bases

context=$work/context
mkdir "$context"
cat >"$context/Dockerfile" <<'END'
FROM base AS one
RUN --mount=type=secret,id=slow test ! -e /run/secrets/slow || sleep 300; echo ran > /one && rm -rf /etc/group
FROM base
COPY file /file
COPY --from=one /one /one
COPY --link file /linked
RUN head -c 1000 /dev/urandom > /random
END
echo content >"$context/file"

# build STORE FLAG...: the names of the steps that were CACHED are in cached, those
# that ran in ran, the root file system in out-STORE.
build() {
    at=$1
    shift
    rm -rf "$work/tree"
    run 0 "$abs_top_builddir/tenon-dev" --root "$work/$at" build --progress=rawjson \
        --build-context "base=oci-layout://$bases/busybox" -o "$work/tree" "$@" "$context"
    jq -rs '[.[] | .vertexes // [] | .[]] | group_by(.digest)[] |
        select(any(.completed)) | (if any(.cached) then "cached " else "ran " end) + last.name |
        select(test("\\] (RUN|COPY)"))' "$work/err" | sed 's/\[.*\] //' | sort >"$work/steps"
    jq -rs '[.[] | .vertexes // [] | .[]] | group_by(.digest)[] |
        select(any(.started) and (any(.completed) | not)) | last.name' "$work/err" >"$work/unended"
    assert_eq "" "$(cat "$work/unended")"
}
expect() { # CACHED RAN
    assert_eq "$1 $2" "$(grep -c ^cached "$work/steps") $(grep -c ^ran "$work/steps")"
}

build a --cache-to "type=local,dest=$work/max,mode=max" --cache-to "type=local,dest=$work/min"
expect 0 5
random=$(sha256sum <"$work/tree/random")

# It is an OCI layout, complete and true.
assert_file "$work/max/oci-layout"
for blob in "$work"/max/blobs/sha256/*; do
    assert_eq "${blob##*/}" "$(sha256sum <"$blob" | cut -d' ' -f1)"
done
blob() { echo "$work/$1/blobs/sha256/${2#sha256:}"; }
manifest() { blob "$1" "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "'"${2-latest}"'").digest' "$work/$1/index.json")"; }
config() { blob "$1" "$(jq -r .config.digest "$(manifest "$@")")"; }
assert_eq application/vnd.buildkit.cacheconfig.v0 "$(jq -r .config.mediaType "$(manifest max)")"
for digest in $(jq -r '.layers[].digest' "$(manifest max)"); do assert_file "$(blob max "$digest")"; done
assert_eq true "$(jq '(.layers | length) > 3 and all(.records[] | select(has("tenon.keys")); .results and (."tenon.keys" | length) > 0)' "$(config max)")"
[ "$(jq '.layers | length' "$(config min)")" -lt "$(jq '.layers | length' "$(config max)")" ] ||
    fail "min has all layers"

# The same store, the same cache: nothing that is there is written anew.
before=$(cat "$work/max/index.json")
build a --cache-to "type=local,dest=$work/max,mode=max"
expect 5 0
assert_eq "$before" "$(cat "$work/max/index.json")"

# In another store all is there, and the results are those of the first.
build b --cache-from "type=local,src=$work/max"
expect 5 0
assert_eq "$random" "$(sha256sum <"$work/tree/random")"
cmp "$context/file" "$work/tree/linked" || fail "/linked"
# They are for those who name the cache (tests/security/cache-decides.sh): it is not asked again.
mv "$work/max" "$work/away"
build b --cache-from "type=local,src=$work/max"
mv "$work/away" "$work/max"
expect 3 0
build b
expect 0 5
# Of a cache that is trusted they are the store's own, as far as they are parts of the result; of
# the others it knows the keys, and nothing runs.
build t --cache-from "type=local,src=$work/max,trust=true"
expect 5 0
build t
expect 3 0
# min has the last stage alone, and knows the others by their keys.
build c --cache-from "type=local,src=$work/min"
expect 3 0
assert_eq "$random" "$(sha256sum <"$work/tree/random")"

# A cache of a cache: imported and exported at once, from a store that has
# nothing.
build d --cache-from "type=local,src=$work/max" --cache-to "type=local,dest=$work/copy,mode=max"
expect 5 0
assert_eq "$(jq '[.records[] | select(has("tenon.keys")) | {digest, n: (.results | length)}]' "$(config max)")" \
    "$(jq '[.records[] | select(has("tenon.keys")) | {digest, n: (.results | length)}]' "$(config copy)")"
build e --cache-from "type=local,src=$work/copy"
expect 5 0

# What changed runs; the rest is found. COPY goes by content.
sed -i 's/echo ran/echo  ran/' "$context/Dockerfile"
build f --cache-from "type=local,src=$work/nothing" --cache-from "type=local,src=$work/max"
expect 4 1
assert_has "$work/steps" "ran RUN --mount"
sed -i 's/echo  ran/echo ran/' "$context/Dockerfile"

# Another tag does not replace the first, and the one that is named is taken.
sed -i 's/echo ran/echo   ran/' "$context/Dockerfile"
build a --cache-to "type=local,dest=$work/max,tag=other,mode=max"
assert_file "$(manifest max other)"
build g --cache-from "type=local,src=$work/max,tag=other"
expect 5 0
sed -i 's/echo   ran/echo ran/' "$context/Dockerfile"
build g2 --cache-from "type=local,src=$work/max"
expect 5 0
# What "other" does not have runs, for the COPY is known by its content.
sed -i 's/echo ran/echo    ran/' "$context/Dockerfile"
build g3 --cache-from "type=local,src=$work/max,tag=other"
expect 4 1
assert_has "$work/steps" "ran RUN"
sed -i 's/echo    ran/echo ran/' "$context/Dockerfile"
# Store a knew the COPY by this definition too, and said so: the step that was begun in case it
# would be needed is not waited for, and ends as one can see.
echo yes >"$work/yes"
build g3 --secret "id=slow,src=$work/yes" --cache-from "type=local,src=$work/max,tag=other"
run 0 tenon build --progress=plain --cache-from "type=local,src=$work/max,tag=none" -o type=cacheonly \
    --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "WARNING: cache local:$work/max is not used"

# times of imported layers are ours to set, those of the base are not
tar_of() {
    "$abs_top_builddir/tenon-dev" --root "$work/$1" build -q \
        --build-context "base=oci-layout://$bases/busybox" \
        -o "type=oci,dest=$work/$1.tar,rewrite-timestamp=true,source-date-epoch=1000" "$context" >/dev/null
    mkdir -p "$work/$1.oci"
    tar -xf "$work/$1.tar" -C "$work/$1.oci"
    jq -c '[.layers[].digest]' "$work/$1.oci/blobs/sha256/$(jq -r '.manifests[0].digest | sub("sha256:"; "")' "$work/$1.oci/index.json")"
}
assert_eq "$(tar_of a)" "$(tar_of t)"

# Nothing there: told, and built.
build h --cache-from "type=local,src=$work/nothing"
expect 0 5
run 0 tenon build --progress=plain --cache-from "type=local,src=$work/nothing" -o type=cacheonly \
    --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "WARNING: cache local:$work/nothing is not used: no directory $work/nothing"

# A layer that is not what its name says: that step runs.
cp -r "$work/max" "$work/damaged"
top=$(jq -r '.layers[-1].blob' "$(config damaged)")
jq -r '.layers[] | select(."tenon.base" | not).blob' "$(config damaged)" | while read -r digest; do
    echo junk >"$(blob damaged "$digest")"
done
[ -n "$top" ]
build i --cache-from "type=local,src=$work/damaged"
assert_has "$work/tree/one" ran
assert_file "$work/tree/linked"
run 0 "$abs_top_builddir/tenon-dev" --root "$work/j" build --progress=plain -o type=cacheonly \
    --cache-from "type=local,src=$work/damaged" \
    --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "runs instead"

# The document is in its manifest, too, and not asked for. Where another one stands there it is.
cp -r "$work/max" "$work/broken"
echo '{' >"$(config broken)"
build k --cache-from "type=local,src=$work/broken"
expect 5 0
jq -c '.config.data = "e30="' "$(manifest max)" >"$work/other-data"
hex=$(sha256sum <"$work/other-data" | cut -d' ' -f1)
cp -r "$work/max" "$work/other"
cp "$work/other-data" "$work/other/blobs/sha256/$hex"
build n --cache-from "type=local,src=$work/other,tag=no-such,digest=sha256:$hex"
expect 5 0
# Neither document nor index is one.
echo '[' >"$work/broken/index.json"
build l --cache-from "type=local,src=$work/broken"
expect 0 5

# By what BuildKit knows the steps by, alone: as a cache of BuildKit's.
cp -r "$work/max" "$work/foreign"
jq -c 'del(.records[]."tenon.keys")' "$(config max)" >"$work/foreign.json"
hex=$(sha256sum <"$work/foreign.json" | cut -d' ' -f1)
cp "$work/foreign.json" "$work/foreign/blobs/sha256/$hex"
jq -c ".config.digest = \"sha256:$hex\" | .config.size = $(wc -c <"$work/foreign.json")" \
    "$(manifest max)" >"$work/foreign-manifest.json"
hex=$(sha256sum <"$work/foreign-manifest.json" | cut -d' ' -f1)
cp "$work/foreign-manifest.json" "$work/foreign/blobs/sha256/$hex"
build m --cache-from "type=local,src=$work/foreign,digest=sha256:$hex"
expect 5 0

# Failed exports: where none can be, and while one is written.
mkdir "$work/blocked"
echo file >"$work/blocked/blobs"
run 1 tenon build --cache-to "type=local,dest=$work/blocked" -o type=cacheonly \
    --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "write $work/blocked"
assert_no_file "$work/blocked/index.json"
echo file >"$work/file"
run 2 tenon build --cache-to "type=local,dest=$work/file/x" -o type=cacheonly \
    --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "is not a directory"
assert_lacks "$work/err" "#1"
run 0 tenon build --progress=plain --cache-to "type=local,dest=$work/file/x,ignore-error=true" \
    -o type=cacheonly --build-context "base=oci-layout://$bases/busybox" "$context"
assert_has "$work/err" "WARNING: the cache was not exported"
run 0 tenon build --progress=rawjson --cache-to "type=local,dest=$work/file/x,ignore-error=true" \
    -o type=cacheonly --build-context "base=oci-layout://$bases/busybox" "$context"
jq -r '.warnings[]?.short | @base64d' "$work/err" >"$work/warnings"
assert_has "$work/warnings" "the cache was not exported"

# Layers in another compression, in an index beside the document; types that are not OCI's are accepted and not made.
build a --cache-to "type=local,dest=$work/zstd,mode=max,compression=zstd,force-compression=true,oci-mediatypes=false,image-manifest=false"
assert_eq '["application/vnd.oci.image.layer.v1.tar+zstd"]' "$(jq -c '[.manifests[:-1][].mediaType] | unique' "$(manifest zstd)")"
assert_eq "application/vnd.oci.image.index.v1+json application/vnd.buildkit.cacheconfig.v0" \
    "$(jq -r '"\(.mediaType) \(.manifests[-1].mediaType)"' "$(manifest zstd)")"
for digest in $(jq -r '.manifests[].digest' "$(manifest zstd)"); do assert_file "$(blob zstd "$digest")"; done
build from-zstd --cache-from "type=local,src=$work/zstd"
expect 5 0

# Options.
run 2 tenon build --cache-to type=local "$context"
assert_has "$work/err" "requires dest"
run 2 tenon build --cache-to "type=local,dest=$work/x,mode=most" "$context"
assert_has "$work/err" "most"
run 2 tenon build --cache-to "type=nowhere" "$context"
assert_has "$work/err" 'unknown cache type "nowhere"'
assert_has "$work/err" "there are: azblob, gha, local, registry"

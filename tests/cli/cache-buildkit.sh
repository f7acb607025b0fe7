#!/bin/sh
# Caches of BuildKit's: what it exported (tests/buildkit-cache) gives hits, and what is exported here is the
# same records, so it gives hits there. In a directory, in a registry's index form, in an image's config.
. "$(dirname "$0")/lib.sh"
need_root
need jq python3
fixture=$abs_top_srcdir/tests/buildkit-cache
"$fixture/context" "$work/context"
"$fixture/unpack" "$work/theirs"
build() { # STORE FLAG...
    at=$1
    shift
    run 0 "$abs_top_builddir/tenon-dev" --root "$work/$at" build --platform linux/amd64 --progress=plain "$@" "$work/context"
}
steps() { grep -E '^#[0-9]+ \[.*\] (RUN|COPY|ADD|WORKDIR)' "$work/err" | cut -d' ' -f1 | sort -u | wc -l; }
hits() { grep -c '^#[0-9]* CACHED' "$work/err" || :; }
manifest() { echo "$work/$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$work/$1/index.json")"; }
config() { echo "$work/$1/blobs/sha256/$(jq -r '.config.digest[7:]' "$(manifest "$1")")"; }
all_hits() { assert_eq "13 13" "$(steps) $(hits)"; }
# What BuildKit knows a cache's steps by: of each record its digest, whether it has a result, what its inputs may be.
records() {
    jq -c '.records as $r | $r[] | select(has("tenon.keys") | not) |
        {digest, result: ((.layers // []) | length), inputs: [(.inputs // [])[] | [.[] | [.selector // "", $r[.link].digest]] | sort]}' \
        "$(config "$1")" | sort
}

# All are hits; nothing runs, and what comes out is what they made.
build a -o "type=local,dest=$work/tree" --cache-from "type=local,src=$work/theirs"
all_hits
assert_eq "a a b one two 640" "$(cd "$work/tree" && echo "$(cat linked) $(cat other/a.txt) $(cat all/b.txt) $(cat some/one)" \
    "$(cat all/dir/sub/two) $(stat -c '%a' other/a.txt)")"
assert_no_file "$work/tree/some/sub"
run 0 tenon --root "$work/a" why --format json
assert_eq "local:$work/theirs" "$(jq -rs 'map(select(.imported)) | map(.origin) | unique | join(" ")' "$work/out")"
# It stays apart: who does not name the cache makes the steps, and exports the records that BuildKit made of them.
if [ "$(uname -m)" = x86_64 ]; then
    build a -o type=cacheonly --cache-to "type=local,dest=$work/ours,mode=max"
    assert_eq "13 0" "$(steps) $(hits)"
    records theirs >"$work/theirs.records"
    records ours >"$work/ours.records"
    diff "$work/theirs.records" "$work/ours.records" >&2 || fail "other records than BuildKit's"
else
    not_tried "what is exported: the steps run on amd64"
fi
# What changed runs, and what stands upon it.
echo changed >"$work/context/b.txt"
build b -o type=cacheonly --target one --cache-from "type=local,src=$work/theirs"
assert_eq "6 2" "$(steps) $(hits)"
echo b >"$work/context/b.txt"

# image-manifest=false: the document and the layers are entries of an index.
jq -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: (.layers + [.config])}' \
    "$(manifest theirs)" >"$work/index"
digest=$(sha256sum <"$work/index" | cut -d' ' -f1)
cp "$work/index" "$work/theirs/blobs/sha256/$digest"
build c -o type=cacheonly --cache-from "type=local,src=$work/theirs,digest=sha256:$digest"
all_hits
# A layer of which nothing is known has no results; what stands upon it is found all the same.
jq -c 'del(.layers[0].annotations)' "$(manifest theirs)" >"$work/partly"
digest=$(sha256sum <"$work/partly" | cut -d' ' -f1)
cp "$work/partly" "$work/theirs/blobs/sha256/$digest"
build d -o type=cacheonly --cache-from "type=local,src=$work/theirs,digest=sha256:$digest"
[ "$(hits)" -gt 0 ] && [ "$(hits)" -lt "$(steps)" ] || fail "$(hits) hits of $(steps)"

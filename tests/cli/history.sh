#!/bin/sh
# tenon history: what builds of the command leave, shown, filtered, replayed, exported, removed; and
# what is secret is in no file of it.
. "$(dirname "$0")/lib.sh"
need_root
need jq
make_bases

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END'
FROM base AS made
ARG PLAIN NPM_TOKEN
RUN --mount=type=secret,id=tok echo out here; echo err here >&2
FROM made AS bad
RUN exit 3
FROM made
COPY Dockerfile /copied
END
printf hush-secret >"$work/tok"
build() { # FLAG...
    tenon build --build-context "base=oci-layout://$bases/busybox" \
        --secret "id=tok,src=$work/tok" "$@" "$work/context"
}
history() { run 0 tenon history --format json "$@"; }
refs() { jq -r .ref "$work/out"; }

echo "-- none"
run 0 tenon history
assert_eq 1 "$(wc -l <"$work/out")"
run 1 tenon history logs
assert_has "$work/err" "no records of builds"
run 0 tenon history rm --all

echo "-- some"
run 0 build --progress=plain -o "type=oci,dest=$work/image.tar" --build-arg PLAIN=shown --build-arg NPM_TOKEN=hush-token \
    --build-arg HTTP_PROXY=http://user:hush-password@127.0.0.1:1/ --metadata-file "$work/metadata"
cp "$work/err" "$work/first"
run 1 build --target bad -o type=cacheonly
run 0 build --quiet -o type=cacheonly
run 0 build --call targets
history
assert_eq "Completed Error Completed" "$(jq -r .status "$work/out" | xargs)"
assert_eq "context context (bad) context" "$(jq -r .name "$work/out" | xargs)"
ref=$(refs | tail -n 1)
bad=$(refs | sed -n 2p)
assert_eq "default/default/$ref" "$(jq -r '."buildx.build.ref"' "$work/metadata")"
jq -se 'all(.[]; .total_steps == .completed_steps and .total_steps > 3) and .[0].cached_steps > .[2].cached_steps' \
    "$work/out" >/dev/null || { cat "$work/out"; fail "numbers of steps"; }
! grep -rq hush "$store/history" || fail "a secret in $(grep -rl hush "$store/history")"
grep -rq shown "$store/history" || fail "what is no secret is not there"

echo "-- those that are meant"
history --filter status=error
assert_eq "$bad" "$(refs)"
history --filter "status!=error,duration<1h,startedAt>1h,ref=${ref#?}"
assert_eq "$ref" "$(refs)"
history --filter "startedAt>2006-01-02T15:04:05Z,completedAt<2006-01-02T15:04:05Z"
assert_eq "" "$(refs)"
history --filter "startedAt<2006-01-02T15:04:05Z" --filter "ref=$ref" # one of two is enough
assert_eq "$ref" "$(refs)"
history --filter '"ref=a,b (c"","' --filter "ref=.*"
assert_eq "" "$(refs)"
for filter in status= "" "status=error," '"ref=a' "status<1" "duration=1" "startedAt>soon" "no=such" ref; do
    run "$([ "$filter" = "startedAt>soon" ] && echo 1 || echo 2)" tenon history --filter "$filter"
done
run 2 tenon history lgos
assert_has "$work/err" "did you mean logs"
for words in "rm" "rm --all x" "logs a b" "ls x" "ls --all" "ls -o x" "inspect --progress plain" "rm --filter ref=x"; do
    run 2 tenon history $words
done
run 1 tenon history inspect no-such
run 1 tenon history inspect ^3
run 1 tenon history inspect "$(printf %.3s "$ref")"
assert_has "$work/err" "beginning of several"

echo "-- one"
run 0 tenon history logs "$ref"
step() { sed -n '/RUN --mount/,/DONE/p' "$1" | sed 's/^#[0-9]* //; s/^[0-9.]* //; s/DONE .*/DONE/; /^ /d; /^$/d'; }
step "$work/first" >"$work/wanted"
step "$work/err" | diff "$work/wanted" - || fail "the replay is another one"
assert_has "$work/wanted" "out here"
run 0 tenon history logs --progress rawjson ^0
jq -se 'length > 3' "$work/err" >/dev/null || fail "no JSON"
run 0 tenon history inspect "${bad%?}"
assert_has "$work/out" "exit code: 3"
assert_has "$work/out" ">>> RUN exit 3"
run 0 tenon history inspect --format json ^2
assert_eq "xxxxx shown $work/context completed" "$(jq -r '[(.BuildArgs[] | select(.Name == "NPM_TOKEN", .Name == "PLAIN") | .Value), .Context, .Status] | join(" ")' "$work/out")"

echo "-- a bundle"
run 0 tenon history export -o "$work/bundle" "$bad" "$ref"
mkdir "$work/layout"
tar -xzf "$work/bundle" -C "$work/layout"
blob() { echo "$work/layout/blobs/sha256/${1#sha256:}"; }
(cd "$work/layout/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c) || fail "blobs that are others"
index=$(blob "$(jq -r '.manifests[0].digest' "$work/layout/index.json")")
assert_eq "$bad $ref" "$(jq -r '.manifests[].annotations["vnd.buildkit.history.reference"]' "$index" | xargs)"
manifest=$(blob "$(jq -r '.manifests[1].digest' "$index")")
record=$(blob "$(jq -r .config.digest "$manifest")")
assert_eq "$ref" "$(jq -r .Ref "$record")"
for digest in $(jq -r '.layers[].digest, .config.digest' "$manifest"); do assert_file "$(blob "$digest")"; done
jq -e --arg logs "$(jq -r .logs.digest "$record")" 'any(.layers[]; .digest == $logs)' "$manifest" >/dev/null || fail "no logs"

run 0 tenon history export -o "$work/bundle-of-one" "$ref"
mkdir "$work/one"
tar -xzf "$work/bundle-of-one" -C "$work/one"
assert_eq "$(jq -c .config.digest "$manifest")" "$(jq -c .config.digest \
    "$work/one/blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' "$work/one/index.json")")"

run 1 tenon history export -o /dev/full "$ref"
[ -c /dev/full ] || fail "a device is gone"
cp "$work/bundle" "$work/before"
mv "$store/history/$ref" "$work/away"
run 1 tenon history export -o "$work/bundle" "$bad" "$ref"
mv "$work/away" "$store/history/$ref"
cmp "$work/bundle" "$work/before" || fail "the bundle that was there is gone"

echo "-- bounds, and the end"
run 0 tenon du --filter type=history --format json
assert_eq 3 "$(jq -s length "$work/out")"
run 0 tenon prune --all --force
history
assert_eq 3 "$(refs | wc -l)"
echo '{"keep": {"history": {"number": 1}}}' >"$work/tenon.json"
run 0 build -o type=cacheonly
history
assert_eq 1 "$(refs | wc -l)"
echo '{}' >"$work/tenon.json"
run 0 tenon history rm "$(refs)"
history
assert_eq "" "$(refs)"
mkdir "$store/history/damaged" "$store/history/too"
run 1 tenon history rm none
run 0 tenon history rm damaged
run 0 tenon history rm --all
assert_eq "too" "$(cat "$work/out")"
assert_eq "" "$(ls "$store/history")"
[ -z "$(ls "$store/tmp")" ] || fail "something is left"

#!/bin/sh
# Caches in stores of objects: type=s3, azblob and gha with servers that check what was signed.
. "$(dirname "$0")/lib.sh"
need_root
need jq python3
make_bases
context=$work/context
mkdir "$context"
printf 'FROM base AS one\nARG N\nRUN --mount=type=cache,target=/m head -c 1000 /dev/urandom | tee -a /m/all >/one\nFROM base\nCOPY --from=one /one /one\nRUN wc -c </one >/two\n' \
    >"$context/Dockerfile"

start_objects() { # KIND: its directory in $objects, its address in $address
    objects=$work/objects-$1
    mkdir -p "$objects"
    rm -f "$work/port-$1"
    python3 "$abs_top_srcdir/tests/objects/server.py" "$1" "$objects" "$work/port-$1" 2>"$work/$1.log" &
    remember $!
    await "the server of $1" test -s "$work/port-$1"
    address=127.0.0.1:$(cat "$work/port-$1")
}
asked() { grep -c "^$1 .*$2" "$objects/@log" || :; }
# build STORE FLAG...: the number of steps that were taken from a cache, and that ran, in $steps.
build() {
    at=$1
    shift
    rm -f "$objects/@log"
    : >"$objects/@log"
    run 0 "$abs_top_builddir/tenon-dev" --root "$work/$at" build --progress=rawjson -o type=cacheonly \
        --build-context "base=oci-layout://$bases/busybox" "$@" "$context"
    steps=$(jq -rs '[.[] | .vertexes // [] | .[]] | group_by(.digest) |
        map(select(any(.completed) and (last.name | test("\\] (RUN|COPY)")))) |
        "\(map(select(any(.cached))) | length) \(map(select(all(.cached | not))) | length)"' "$work/err")
}
# The same with the words that people read, in $work/err.
says() { # STATUS STORE FLAG...
    status=$1 at=$2
    shift 2
    run "$status" "$abs_top_builddir/tenon-dev" --root "$work/$at" build --progress=plain -o type=cacheonly \
        --build-context "base=oci-layout://$bases/busybox" "$@" "$context"
}

# Filled by one store, used by another; what is there is not sent again; nothing that is not needed comes.
travels() { # OPTIONS of the cache, PATTERN of a blob's path
    build "a-$kind" --cache-to "$1,mode=max"
    assert_eq "0 3" "$steps"
    [ "$(asked PUT "$2")" -ge 3 ] || fail "no blobs were sent"
    build "b-$kind" --cache-from "$1"
    assert_eq "3 0" "$steps"
    assert_eq 0 "$(asked PUT "")"
    build "a-$kind" --cache-to "$1,mode=max"
    assert_eq 0 "$(asked PUT "$2")"
    assert_eq 1 "$(asked PUT manifests)"
    # Under two names; the first of them is read.
    build "a-$kind" --cache-to "$1,name=x;y"
    assert_eq 2 "$(asked PUT manifests)"
    build "c-$kind" --cache-from "$1,name=y;z"
    assert_eq "2 0" "$(echo "$steps" | sed 's/^3/2/')"
    assert_eq 1 "$(asked GET manifests/y)"
    # Not there: a warning, and the build runs.
    build "d-$kind" --cache-from "$1,name=nothing"
    assert_eq "0 3" "$steps"
    assert_has "$work/err" "manifests/nothing"
    mounts_travel "$1,name=mounts"
}
# Cache mounts lie beside the layers, and come when a step wants them.
mounts_travel() { # OPTIONS of a cache
    build "a-$kind" --cache-to "$1,mounts=all"
    build "m-$kind" --build-arg N=2 --cache-from "$1"
    assert_has "$work/err" "importing cache mount //m from"
    assert_eq 2000 "$(stat -c %s "$work/m-$kind/cache-mounts/1/fs/all")"
}
# What the store refuses is told with its words, and only a failed export fails the build.
refuses() { # OPTIONS that are wrong, WORDS...
    options=$1
    shift
    says 1 "a-$kind" --cache-to "$options"
    for words; do assert_has "$work/err" "$words"; done
    for secret in sec/ret c2VjcmV0IGtleQ== wrong-secret to/ken; do assert_lacks "$work/err" "$secret"; done
    build "e-$kind" --cache-from "$options"
    assert_eq "0 3" "$steps"
    rm -rf "$work/e-$kind"
    build "a-$kind" --cache-to "$options,ignore-error=true"
}
wrong() { # TEXT OPTIONS
    run 2 tenon build -o type=cacheonly --cache-to "$2" "$context"
    assert_has "$work/err" "$1"
    run 2 tenon build -o type=cacheonly --cache-from "$2" "$context"
    assert_has "$work/err" "$1"
}

# ---- Amazon S3 -----------------------------------------------------------------------------
kind=s3
start_objects s3
place=type=s3,bucket=b,region=eu-test-1,endpoint_url=http://$address/,use_path_style=true
keys=access_key_id=AKID,secret_access_key=sec/ret
travels "$place,$keys,prefix=a b/" "/b/a b/blobs/sha256:"
refuses "$place,access_key_id=AKID,secret_access_key=wrong-secret" SignatureDoesNotMatch "AWS_SECRET_ACCESS_KEY"
refuses "$place,$keys,session_token=wrong-secret" InvalidToken
refuses "$(echo "$place" | sed s/eu-test-1/us-test-1/),$keys" "expecting 'eu-test-1'" "is the bucket in region us-test-1"
# Keys of the environment; a token with them.
export AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=sec/ret AWS_SESSION_TOKEN=to/ken AWS_REGION=eu-test-1 AWS_BUCKET=b
place=type=s3,endpoint_url=http://$address,use_path_style=true
build f --cache-from "$place,prefix=a b/"
assert_eq "3 0" "$steps"
# The bucket in the host: localhost's names are this machine's.
build g --cache-from "type=s3,endpoint_url=http://localhost:${address#*:},prefix=a b/"
assert_eq "3 0" "$steps"
# What somebody changed there is told of, and no layer of ours: the steps run.
cp -a "$objects/b" "$work/bucket"
find "$objects/b" -name 'sha256*' -exec python3 -c '
import sys
for name in sys.argv[1:]:
    with open(name, "r+b") as f:
        data = f.read()
        f.seek(len(data) // 2)
        f.write(bytes([data[len(data) // 2] ^ 1]))' {} +
says 0 changed --cache-from "type=s3,endpoint_url=http://$address,use_path_style=true,prefix=a b/"
assert_has "$work/err" "runs instead"
assert_has "$work/err" ": blob has digest sha256:"
rm -r "$objects/b"
mv "$work/bucket" "$objects/b"
# What is old is copied onto itself, so that rules of expiry keep what is used.
find "$objects/b" -name 'sha256*' -exec touch -d "2 days ago" {} +
echo PUT 200 >"$objects/@fail" # its status came before it was tried
says 1 a-s3 --cache-to "$place,prefix=a b/"
assert_has "$work/err" "in bucket b: status 200: Planned"
build a-s3 --cache-to "$place,prefix=a b/,mode=max"
[ "$(asked PUT /blobs/)" -ge 3 ] || fail "nothing was refreshed"
build a-s3 --cache-to "$place,prefix=a b/,mode=max"
assert_eq 0 "$(asked PUT /blobs/)"
find "$objects/b" -name 'sha256*' -exec touch -d "2 days ago" {} +
build a-s3 --cache-to "$place,prefix=a b/,mode=max,touch_refresh=100h"
assert_eq 0 "$(asked PUT /blobs/)"
# A passing trouble passes; another host than was meant is not followed.
echo PUT 503 >"$objects/@fail"
build a-s3 --cache-to "$place"
[ ! -e "$objects/@fail" ] || fail "the trouble did not come"
# A blob that is not what its name says is not used.
blob=$(find "$objects/b/a b" -name 'sha256*' -size -2 | head -n 1)
for blob in "$objects/b/a b/blobs"/*; do echo x >>"$blob"; done
says 0 h --cache-from "$place,prefix=a b/" -o type=tar,dest=/dev/null
assert_eq DONE "$(step_ended "$work/err" "head -c 1000")"
# Where a result came from is the bucket's cache.
run 0 tenon --root "$work/f" why --format json
assert_eq "s3:b/a b/manifests/buildkit" "$(jq -rs 'map(select(.imported)) | map(.origin) | unique | join(" ")' "$work/out")"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_BUCKET
wrong "bucket (\$AWS_BUCKET) not set for s3 cache" type=s3
wrong "region (\$AWS_REGION) not set for s3 cache" type=s3,bucket=b
wrong "belong together" type=s3,bucket=b,region=r,access_key_id=x
wrong "endpoint_url \"ftp://x\"" type=s3,bucket=b,region=r,endpoint_url=ftp://x
wrong "upload_parallelism" type=s3,bucket=b,region=r,upload_parallelism=0

# ---- Azure Blob Storage ----------------------------------------------------------------------
kind=azblob
start_objects azblob
place=type=azblob,account_url=http://$address,account_name=account,container=c
key=secret_access_key=c2VjcmV0IGtleQ==
travels "$place,$key,prefix=/a b/" "/c/a b/blobs/sha256:"
[ -d "$objects/c" ] || fail "no container was made"
refuses "$place,secret_access_key=d3JvbmcgKGtleSk=" "status 403: AuthenticationFailed" "the key of account account"
export BUILDKIT_AZURE_STORAGE_ACCOUNT_URL="http://$address/" BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME=account \
    BUILDKIT_AZURE_STORAGE_CONTAINER=c BUILDKIT_AZURE_STORAGE_PREFIX="a b"
build f-az --cache-from "type=azblob,$key"
assert_eq "3 0" "$steps"
run 0 tenon --root "$work/f-az" why --format json
assert_eq "azblob:account/c/a b/manifests/buildkit" \
    "$(jq -rs 'map(select(.imported)) | map(.origin) | unique | join(" ")' "$work/out")"
unset BUILDKIT_AZURE_STORAGE_ACCOUNT_URL BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME
wrong "account_url attribute is required" type=azblob
wrong "secret_access_key is missing" type=azblob,account_url=http://account.example
wrong "is not base64" type=azblob,account_url=http://account.example,secret_access_key=!
wrong "is no http or https URL without parameters" type=azblob,account_url=https://x/?sig=1,secret_access_key=AAAA

# ---- GitHub's Actions ------------------------------------------------------------------------
kind=gha
start_objects gha
token() { # UNTIL SCOPE PERMISSION [SCOPE PERMISSION]
    claims=$(jq -nc --argjson until "$1" '$ARGS.positional as $a | {exp: $until, nbf: 1, ac:
        [range(0; $a | length; 2) | {Scope: $a[.], Permission: ($a[. + 1] | tonumber)}] | tojson}' --args "$2" "$3" ${4+"$4" "$5"})
    echo "e30.$(printf %s "$claims" | base64 -w 0 | tr +/ -_ | tr -d =).good"
}
main=$(token 99999999999 refs/heads/main 3)
export ACTIONS_RUNTIME_TOKEN="$main" ACTIONS_RESULTS_URL="http://$address/" ACTIONS_CACHE_SERVICE_V2=True
blob="buildkit-blob-1-sha256:"
index=index-buildkit-1-$(printf refs/heads/main | sha256sum | cut -c 1-8)
build a-gha --cache-to type=gha,mode=max
assert_eq "0 3" "$steps"
[ "$(asked PUT "/blob/.* $blob")" -ge 3 ] || fail "no blobs were sent"
assert_eq 1 "$(asked PUT " $index#1")"
build a-gha --cache-to type=gha,mode=max
assert_eq "0 1" "$(asked PUT "$blob") $(asked PUT " $index#2")"
# A branch reads what its origin has, and what it writes the origin does not read.
export ACTIONS_RUNTIME_TOKEN="$(token 99999999999 refs/heads/branch 3 refs/heads/main 1)"
build b-gha --cache-from type=gha --cache-to type=gha,mode=max,scope=other
assert_eq "3 0" "$steps"
assert_eq 0 "$(asked PUT "$blob")"
run 0 tenon --root "$work/b-gha" why --format json
assert_eq gha:buildkit "$(jq -rs 'map(select(.imported)) | map(.origin) | unique | join(" ")' "$work/out")"
build c-gha --cache-from type=gha,scope=other
assert_eq "3 0" "$steps"
kind=gha
mounts_travel type=gha,scope=mounts
export ACTIONS_RUNTIME_TOKEN="$main"
says 0 d-gha --cache-from type=gha,scope=other
assert_has "$work/err" "there is no gha:other yet"
# What there is, told by GitHub's public interface; where that says no, asked for one by one.
export GITHUB_API_URL="http://$address"
build a-gha --cache-to type=gha,mode=max,repository=o/r,ghtoken=gh-token
assert_eq "1 0 0" "$(asked GET /repos/o/r/actions/caches) $(asked POST "$blob") $(asked PUT "$blob")"
build a-gha --cache-to type=gha,repository=o/liar,ghtoken=gh-token # which has a million, it says
assert_eq "2 0" "$(asked GET /repos/o/liar/actions/caches) $(asked PUT "$blob")"
build a-gha --cache-to type=gha,mode=max,repository=o/r,ghtoken=wrong-secret
[ "$(asked POST "GetCacheEntryDownloadURL $blob")" -ge 3 ] || fail "nothing was asked for"
assert_eq 0 "$(asked PUT "$blob")"
# An entry that somebody began and never finished is passed over.
echo PUT 403 >"$objects/@fail"
says 1 a-gha --cache-to type=gha
assert_has "$work/err" "upload $index#6 in GitHub's cache: status 403: Planned"
for secret in "$main" sig-secret; do assert_lacks "$work/err" "$secret"; done
build a-gha --cache-to type=gha,timeout=2562047h # the longest that there is
assert_eq 1 "$(asked PUT " $index#7")"
says 0 a-gha --cache-to type=gha,ignore-error=true,timeout=1ns
assert_has "$work/err" "took longer than was allowed"
says 0 a-gha --cache-to "type=gha,ignore-error=true,token=$(token 99999999999 main 1)"
assert_has "$work/err" "permission_denied: the token writes nothing"
# A place is taken once: where the answer is lost nobody may think that another build fills it. A build that
# ended leaves such a place; who finds it taken and empty says so, and who misses the blob runs the step.
for version in 2 1; do
    export ACTIONS_RUNTIME_TOKEN="$(token 99999999999 refs/heads/lost$version 3)"
    case $version in 2) echo CreateCacheEntry ;; 1) echo artifactcache/caches ;; esac >"$objects/@lose"
    says 1 a-gha --cache-to "type=gha,mode=max,version=$version"
    assert_has "$work/err" "in GitHub's cache: status 502"
    [ ! -e "$objects/@lose" ] || fail "no answer was lost"
    says 0 a-gha --cache-to "type=gha,mode=max,version=$version"
    assert_has "$work/err" "is taken in GitHub's cache and not there"
    assert_eq 1 "$(grep -c "is taken in GitHub's cache" "$work/err")"
done
says 0 i-gha --cache-from type=gha,version=1 -o type=tar,dest=/dev/null
assert_eq DONE "$(step_ended "$work/err" "RUN wc")"
# The first version of the service, which takes data itself.
unset ACTIONS_RESULTS_URL ACTIONS_CACHE_SERVICE_V2
export ACTIONS_CACHE_URL="http://$address/x/" ACTIONS_RUNTIME_TOKEN="$(token 99999999999 refs/heads/old 3)"
build a-gha --cache-to type=gha,mode=max
[ "$(asked PATCH "$blob")" -ge 3 ] || fail "no blobs were sent"
build e-gha --cache-from type=gha
assert_eq "3 0" "$steps"
# A token that is none, or none any more; no job at all, where nothing is a cache.
wrong "no JSON Web Token" type=gha,token=x
wrong "expired at 1970-01-01T00:01:40Z" "type=gha,token=$(token 100 main 3)"
wrong "url \"ftp://x\"" type=gha,url=ftp://x
wrong 'scope "a;b" has a ";"' "type=gha,scope=a;b"
unset ACTIONS_CACHE_URL ACTIONS_RUNTIME_TOKEN GITHUB_API_URL
says 0 a-gha --cache-from type=gha --cache-to type=gha
assert_has "$work/err" "no job of GitHub's Actions"

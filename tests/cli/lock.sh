#!/bin/sh
# Lock files and --offline: what a build stands on is written down; nothing else is used with
# --locked, whatever the tags, branches and files of the web have become; and nobody is asked with
# --offline.
. "$(dirname "$0")/lib.sh"
need python3 git jq docker-registry
[ -e "$abs_top_builddir/.libs/source-git.so" ] || skip "built without source-git"
registry_quiet=false
start_registry </dev/null
mkdir "$work/www" "$work/base" "$work/named" "$work/context"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
web=127.0.0.1:$(cat "$work/port")
cd "$work"

# publish WORD: all that is elsewhere says so.
publish() {
    echo "$1" >base/image
    printf 'FROM scratch\nCOPY image /image\n' >base/Dockerfile
    run 0 tenon build --push -t "$registry/base:1" base
    echo "$1" >www/file
    [ -d repo ] || git init -q -b main repo
    echo "$1" >repo/commit
    git -C repo add .
    git -C repo -c user.name=test -c user.email=test@example.org commit -qm "$1"
    rm -rf www/repo.git
    git clone -q --bare repo www/repo.git
}
publish old
echo old >named/named
echo unseen >named/unseen
cat >context/Dockerfile <<INNER
FROM $registry/base:1
ADD http://$web/file /web
ADD http://$web/git/repo.git#main /git
COPY --from=named named /named
INNER
built() {
    rm -rf out.d
    run 0 tenon build -o out.d --build-context named=named "$@" context
}
is() { assert_eq "$1" "$(cat out.d/image out.d/web out.d/git/commit out.d/named | paste -sd ' ')"; }
no() {
    text=$1
    shift
    rm -rf out.d
    ! tenon build -o out.d --build-context named=named "$@" context >"$work/out" 2>"$work/err" ||
        fail "built: $*"
    assert_has "$work/err" "$text"
    assert_no_file out.d
}

echo "-- written"
no "--locked: open" --locked
assert_has "$work/err" "tenon lock"
run 0 tenon lock --build-context named=named context
assert_eq context/Dockerfile.lock "$(cat "$work/out")"
assert_lacks "$work/err" "COPY --from=named"
commit=$(git -C repo rev-parse HEAD)
jq -r '.sources[] | [.source, .platform, .digest] | join(" ")' context/Dockerfile.lock >entries
assert_has entries "docker-image://$registry/base:1 linux/"
assert_has entries "git://$web/git/repo.git#main  $commit"
assert_has entries "http://$web/file  sha256:$(sha256sum <www/file | cut -d' ' -f1)"
assert_eq 2 "$(grep -c "^local://named  sha256:" entries)"
assert_eq 5 "$(wc -l <entries)" # of the directory its ignore file, too
cp context/Dockerfile.lock first
run 0 tenon lock --build-context named=named --lock-file other.lock context
cmp first other.lock

echo "-- obeyed, wherever names have gone"
built --locked
is "old old old old"
publish new
built
is "new new new old"
cp -r named moved
echo changed >named/unseen
rm -rf www/file
echo old >www/file
built --locked
is "old old old old"
kept_store=$store store=$work/fresh
built --locked
is "old old old old"

echo "-- what differs is refused"
echo changed >named/named
no 'source "local://named": the lock file context/Dockerfile.lock has sha256:' --locked
assert_has "$work/err" "tenon lock, with the flags of this build"
cp moved/named named/named
echo newer >www/file
store=$work/fresher
no "digest mismatch" --locked
store=$kept_store
assert_has "$work/err" "tenon lock"
echo old >www/file
cp context/Dockerfile kept
echo "ADD http://$web/other /other" >>context/Dockerfile
no "source \"http://$web/other\" is not in the lock file context/Dockerfile.lock" --locked
sed "s,base:1,base:2," kept >context/Dockerfile
no "source \"docker-image://$registry/base:2\" for linux/" --locked
digest=sha256:$(printf '%064d' 0)
sed "s,base:1,base:1@$digest," kept >context/Dockerfile
no "not $digest" --locked
sed "s,#main,#other," kept >context/Dockerfile
no "repo.git#other\" is not in the lock file" --locked
cp kept context/Dockerfile
echo '{"version": 7}' >odd.lock
no "lock file odd.lock: version 7 is not known" --locked --lock-file odd.lock
run 2 tenon lock --locked context
run 2 tenon build --locked - <context/Dockerfile
assert_has "$work/err" "--lock-file"
# A policy comes first: what it makes of a source is what is locked.
echo "{\"rules\":[{\"action\":\"CONVERT\",\"selector\":{\"identifier\":\"http://$web/file\"},\"updates\":{\"identifier\":\"http://$web/mirror\"}}]}" >mirror.json
no "source \"http://$web/mirror\" is not in the lock file" --locked --policy filename=mirror.json

echo "-- named as the build's own are"
mkdir own
printf 'FROM scratch\nCOPY --from=context named /a\nCOPY --from=dockerfile named /b\nCOPY --from=upload named /c\n' >own/Dockerfile
set -- --build-context context=named --build-context dockerfile=named --build-context upload=named
run 0 tenon lock "$@" own
assert_eq "local://_context local://_dockerfile local://_upload" \
    "$(jq -r '.sources[].source' own/Dockerfile.lock | sort -u | paste -sd ' ')"
run 0 tenon build --locked -o own.d "$@" own
assert_eq "old old old" "$(cat own.d/a own.d/b own.d/c | paste -sd ' ')"
echo changed >named/named
run 1 tenon build --locked -o own.d "$@" own
assert_has "$work/err" 'source "local://_'
echo old >named/named
run 2 tenon build "$@" --build-context _context=base own
assert_has "$work/err" 'two directories are called "_context"'

echo "-- offline"
# asked: how many requests servers have had.
asked() { cat "$work/log" "$work/registry-$port.log" | grep -c . || :; }
cat >context/Dockerfile <<INNER
FROM $registry/base:1
ADD http://$web/file /web
ADD http://$web/git/repo.git#main /git
COPY --from=named named /named
INNER
cp first context/Dockerfile.lock
built --locked
built
is "new old new old"
before=$(asked)
built --offline
is "new old new old"
built --offline --no-cache
is "new old new old"
built --offline --locked
is "old old old old"
no "offline: image $registry/other:1 is not in the store" --offline --build-arg X=1 -f - <<INNER
FROM $registry/other:1
INNER
no "offline: http://$web/other is not in the store" --offline -f - <<INNER
FROM scratch
ADD http://$web/other /
INNER
no "offline: other is not in the store" --offline -f - <<INNER
FROM scratch
ADD http://$web/git/repo.git#other /
INNER
no "offline: image $registry/front:1 is not in the store" --offline -f - <<INNER
# syntax=$registry/front:1
FROM scratch
INNER
assert_has "$work/err" "build once without --offline"
built --offline --cache-from "$registry/cache:1"
assert_has "$work/err" "cache $registry/cache:1 is not used: "
no "an image cannot be pushed offline" --offline --push -t "$registry/x:1"
no "a cache cannot be written to a registry offline" --offline --cache-to "type=registry,ref=$registry/c:1"
no "--offline and --pull" --offline --pull
assert_eq "$before" "$(asked)"
# "offline" of the configuration is the same.
echo '{"offline": true}' >off.json
export TENON_CONFIG=$work/off.json
built
is "new old new old"
unset TENON_CONFIG
assert_eq "$before" "$(asked)"

# Where there is no network at all, not even a loopback.
if unshare -n true 2>/dev/null; then
    rm -rf out.d
    run 0 unshare -n "$abs_top_builddir/tenon-dev" --root "$store" build -o out.d --build-context named=named --offline context
    is "new old new old"
else
    not_tried "a build without any network: no network namespace"
fi

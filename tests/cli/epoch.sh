#!/bin/sh
# SOURCE_DATE_EPOCH: seconds, and sources that have a time: the build context, a named
# context, a stage that ADDs one thing.
. "$(dirname "$0")/lib.sh"
need python3 git jq
need_root
[ -e "$abs_top_builddir/.libs/source-git.so" ] || skip "built without source-git"

mkdir "$work/www" "$work/context"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
echo hello >"$work/www/file.txt"
touch -d @1500000000 "$work/www/file.txt"

GIT_AUTHOR_DATE='1400000000 +0000' GIT_COMMITTER_DATE='1400000000 +0000'
export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
git -c init.defaultBranch=main init -q "$work/repo"
mkdir "$work/repo/dir"
printf 'FROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY f /\nLABEL epoch=$SOURCE_DATE_EPOCH\n' >"$work/repo/Dockerfile"
echo f >"$work/repo/f"
echo g >"$work/repo/dir/g"
git -C "$work/repo" add .
git -C "$work/repo" -c user.name=t -c user.email=t@localhost commit -q -m one
git clone -q --bare "$work/repo" "$work/www/repo.git"
cp "$work/www/file.txt" "$work/context/"

cat >"$work/context/Dockerfile" <<END
FROM scratch AS From-Web
ADD $url/file.txt /
FROM scratch AS from-git
ADD $url/git/repo.git /
FROM scratch AS two
ADD $url/file.txt $url/file.txt /d/
FROM scratch AS more
ADD $url/file.txt /
COPY file.txt /other
FROM scratch
ARG SOURCE_DATE_EPOCH
COPY file.txt /
LABEL epoch=\$SOURCE_DATE_EPOCH
END

# epoch VALUE CONTEXT FLAG...: what becomes the time of the image, "" for none.
epoch() {
    value=$1
    shift
    rm -rf "$work/layout"
    run 0 tenon build --progress=plain --build-arg "SOURCE_DATE_EPOCH=$value" \
        -o "type=oci,tar=false,dest=$work/layout" "$@"
    blob() { echo "$work/layout/blobs/sha256/${1#sha256:}"; }
    manifest=$(blob "$(jq -r '.manifests[0].digest' "$work/layout/index.json")")
    config=$(blob "$(jq -r .config.digest "$manifest")")
    label=$(jq -r '.config.Labels.epoch // ""' "$config")
    created=$(jq -r .created "$config")
    [ -z "$label" ] || assert_eq "$label" "$(date -u -d "$created" +%s)"
}
wanted() { assert_eq "$1" "$label"; }

epoch 1600000000 "$work/context"; wanted 1600000000
epoch from-web "$work/context"; wanted 1500000000
epoch FROM-WEB "$work/context"; wanted 1500000000
epoch from-git "$work/context"; wanted 1400000000
epoch page --build-context "page=$url/file.txt" "$work/context"; wanted 1500000000
epoch code --build-context "code=$url/git/repo.git#main:dir" "$work/context"; wanted 1400000000
# A named context stands in the place of a stage.
epoch from-web --build-context "from-web=$url/git/repo.git" "$work/context"; wanted 1400000000
epoch context "$url/git/repo.git"; wanted 1400000000
# A directory has none.
epoch context "$work/context"; wanted ""
# The file's own, and what takes it back.
mkdir "$work/own"
printf 'ARG SOURCE_DATE_EPOCH=1300000000\nFROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL epoch=$SOURCE_DATE_EPOCH is=${SOURCE_DATE_EPOCH+set}\n' >"$work/own/Dockerfile"
epoch 1600000000 "$work/own"; wanted 1600000000
assert_eq set "$(jq -r .config.Labels.is "$config")"
epoch "" "$work/own"; wanted ""
assert_eq "" "$(jq -r .config.Labels.is "$config")"
# Of an archive that came without a time it is that of the newest file in it, not of a directory.
mkdir -p "$work/packed/deep/er"
cp "$work/repo/Dockerfile" "$work/packed/"
echo f >"$work/packed/f"
echo newest >"$work/packed/deep/er/file"
touch -d @1300000000 "$work/packed/f" "$work/packed/Dockerfile"
touch -d @1350000000 "$work/packed/deep/er/file"
touch -d @1390000000 "$work/packed/deep/er" "$work/packed/deep" "$work/packed"
tar -czf "$work/www/packed.tar.gz" -C "$work/packed" .
epoch context "$url/untimed/packed.tar.gz"; wanted 1350000000
epoch packed --build-context "packed=$url/untimed/packed.tar.gz" "$work/context"; wanted 1350000000
run 1 tenon build --build-arg SOURCE_DATE_EPOCH=page --build-context "page=$url/untimed/file.txt" "$work/context"
assert_has "$work/err" "the server does not say when page was modified"

refused() {
    run 1 tenon build --build-arg "SOURCE_DATE_EPOCH=$1" "$work/context"
    assert_has "$work/err" "$2: $1"
}
refused two "does not meet source-only requirements"
refused more "does not meet source-only requirements"
refused nobody "invalid SOURCE_DATE_EPOCH"
epoch "" "$work/context"; wanted ""
# An output's own wins: empty, there is none, and only what the frontend wrote has the build's.
printf 'FROM scratch\nCOPY file.txt /\n' >"$work/context/out.Dockerfile"
echo "of that time" >"$work/context/file.txt" # else a COPY of before would do
touch -d @1234567890 "$work/context/file.txt"
for own in "" 1100000000; do
    rm -rf "$work/tree" "$work/layout" "$work/untarred"
    run 0 tenon build -f "$work/context/out.Dockerfile" --build-arg SOURCE_DATE_EPOCH=1200000000 \
        -o "type=local,dest=$work/tree,source-date-epoch=$own" -o "type=tar,dest=$work/tree.tar,source-date-epoch=$own" \
        -o "type=oci,tar=false,dest=$work/layout,source-date-epoch=$own,rewrite-timestamp=true" "$work/context"
    assert_eq "${own:-1234567890}" "$(stat -c %Y "$work/tree/file.txt")"
    mkdir "$work/untarred"
    tar -xf "$work/tree.tar" -C "$work/untarred"
    assert_eq "${own:-1234567890}" "$(stat -c %Y "$work/untarred/file.txt")"
    manifest=$(blob "$(jq -r '.manifests[0].digest' "$work/layout/index.json")")
    config=$(blob "$(jq -r .config.digest "$manifest")")
    for created in $(jq -r '.created, .history[].created' "$config"); do
        assert_eq "${own:-1200000000}" "$(date -u -d "$created" +%s)"
    done
    tar -xzf "$(blob "$(jq -r '.layers[0].digest' "$manifest")")" -C "$work/untarred"
    assert_eq "${own:-1234567890}" "$(stat -c %Y "$work/untarred/file.txt")"
done
# What cannot be had is told as such.
run 1 tenon build --build-arg SOURCE_DATE_EPOCH=gone --build-context "gone=$url/none.txt" "$work/context"
assert_has "$work/err" "SOURCE_DATE_EPOCH"
assert_has "$work/err" "404"

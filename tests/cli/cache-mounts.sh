#!/bin/sh
# --cache-to mounts=, and back: cache mounts that travel, when a step first wants one; kept apart,
# outside of keys, little more than what changed is sent; and what is no good is no harm.
. "$(dirname "$0")/lib.sh"
need_root
need jq
make_bases

context=$work/context
mkdir "$context"
cat >"$context/Dockerfile" <<'END'
FROM base
ARG N
RUN --mount=type=cache,target=/c --mount=type=cache,id=own,target=/o,uid=1000,gid=1002,mode=0710 \
    echo "$N" >/n && ls -A /c >/saw && cat /o/log >>/saw 2>/dev/null; stat -c '%a %u %g' /o >>/saw; \
    echo "$N" >>/o/log; [ -e /c/0 ] || for i in $(seq 0 99); do head -c 40000 /dev/urandom >/c/$i; done; \
    head -c 40000 /dev/urandom >/c/50; chown 1000:1002 /c/1; chmod 4711 /c/1; ln -sf 2 /c/l; ln -f /c/3 /c/h
END

# build STORE N FLAG...: the files that its step saw are in $work/tree/saw
build() {
    at=$1 n=$2
    shift 2
    rm -rf "$work/tree"
    run 0 "$abs_top_builddir/tenon-dev" --root "$work/$at" build --progress=plain --build-arg "N=$n" \
        --build-context "base=oci-layout://$bases/busybox" -o "${out:-$work/tree}" "$@" "$context"
}
to() { echo "type=local,dest=$work/$1,mounts=${2-all},mode=max"; }
from() { echo "type=local,src=$work/$1"; }
blobs() { find "$work/$1/blobs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }
blob() { echo "$work/$1/blobs/sha256/${2#sha256:}"; }
manifest() { blob "$1" "$(jq -r '.manifests[-1].digest' "$work/$1/index.json")"; }
config() { blob "$1" "$(jq -r .config.digest "$(manifest "$1")")"; }

build a 1 --cache-to "$(to one)"
assert_eq "710 1000 1002" "$(cat "$work/tree/saw")"
assert_eq '[null,"1000:1002:0710"]' "$(jq -c '[."tenon.mounts"[].seed]' "$(config one)")"

# All that it names is there, and true.
jq -r '.layers[], .config | "\(.digest) \(.size)"' "$(manifest one)" >"$work/listed"
while read -r digest size; do
    assert_eq "$digest $size" \
        "sha256:$(sha256sum <"$(blob one "$digest")" | cut -d' ' -f1) $(stat -c %s "$(blob one "$digest")")"
done <"$work/listed"

# Nobody's step runs: nothing comes. It goes on, though, from a store that never had it.
build b 1 --cache-from "$(from one)" --cache-to "$(to handed-on)"
assert_has "$work/err" CACHED
assert_lacks "$work/err" "importing cache mount"
assert_no_file "$work/b/cache-mounts/1"
assert_eq "$(jq -c '."tenon.mounts"' "$(config one)")" "$(jq -c '."tenon.mounts"' "$(config handed-on)")"

# A place that has lost some of a mount gets what there is: no build fails, then or later.
cp -r "$work/handed-on" "$work/lost"
rm "$(blob lost "$(jq -r '[.layers[] | select(.mediaType | test("pack")).digest][0]' "$(manifest lost)")")"
for turn in first next; do
    rm -rf "$work/k"
    build k 1 --cache-from "$(from lost)" --cache-to "$(to lost)"
    assert_has "$work/err" CACHED
    [ $turn = next ] || assert_has "$work/err" "WARNING: cache mount //c is not exported: "
    assert_eq '[["/own","1000:1002:0710"]]' "$(jq -c '[."tenon.mounts"[] | [.id, .seed]]' "$(config lost)")"
done

# A step that runs has them, as they were: content, modes, owners, links, times.
build b 2 --cache-from "$(from handed-on)"
assert_has "$work/err" "importing cache mount //c from local:$work/handed-on"
assert_eq "104 1 710 1000 1002" "$(echo $(grep -c '^[0-9lh]' "$work/tree/saw") $(tail -n 2 "$work/tree/saw"))"
look() { (cd "$work/$1/cache-mounts/1/fs" && ls -lAn --time-style=full-iso | grep -v ' 50$\| l ->' && sha256sum 1 h 99 && readlink l); }
assert_eq "$(look a)" "$(look b)"

# It is those builds' alone that name the cache.
build b 3
assert_eq "710 1000 1002" "$(cat "$work/tree/saw")"
run 0 tenon --root "$work/b" du --format json --filter origin=import --filter type=exec.cachemount
assert_eq 2 "$(wc -l <"$work/out")"
build b 4 --cache-from "$(from one)" # and now there is one of its own
assert_eq "3 710 1000 1002" "$(echo $(tail -n 2 "$work/tree/saw"))"
run 0 tenon --root "$work/b" prune --force --filter origin=import
run 0 tenon --root "$work/b" du --format json --filter origin=import --filter type=exec.cachemount
assert_eq 0 "$(wc -l <"$work/out")"
# One that is trusted is as good as what was made here.
build c 2 --cache-from "$(from one),trust=true"
build c 3
assert_has "$work/tree/saw" 99
# --no-cache empties them, and takes none from elsewhere.
build d 2 --cache-from "$(from one)"
assert_has "$work/tree/saw" 99
build d 3 --no-cache --cache-from "$(from one)"
assert_lacks "$work/tree/saw" 99
assert_lacks "$work/err" "importing cache mount"

# Again: one file of a hundred is another; by who exported before, and by who imported.
before=$(blobs one)
build a 5 --cache-to "$(to one)"
build e 6 --cache-from "$(from one)" --cache-to "$(to one)"
assert_eq "5 710 1000 1002" "$(echo $(tail -n 2 "$work/tree/saw"))"
sent=$(($(blobs one) - before))
[ "$sent" -lt $((before * 2 / 20)) ] || fail "$sent bytes were sent for two changes, after $before"
build f 7 --cache-from "$(from one)"
assert_eq "6 710 1000 1002" "$(echo $(tail -n 2 "$work/tree/saw"))"

# It comes while what the step stands on is made: the first step waits until the second one's is here.
cat >"$work/Ahead" <<'END'
FROM base
RUN --mount=type=cache,id=gate,target=/g touch /g/begun; i=0; while [ ! -e /g/go ]; do i=$((i + 1)); [ $i -lt 1500 ] || exit 9; usleep 100000; done
RUN --mount=type=cache,target=/c ls /c >/saw
END
one() { [ -e "$1" ]; }
here() { one "$work"/g/cache-mounts/*/fs/"$1"; }
(
    await "the first step" here begun
    await "the second step's mount" here 99
    touch "$(dirname "$work"/g/cache-mounts/*/fs/begun)/go"
) &
opener=$!
remember $opener
build g 7 --cache-from "$(from one)" -f "$work/Ahead"
wait $opener
assert_has "$work/tree/saw" 99
assert_eq 1 "$(grep -c '"importing cache mount' "$work/err")"

# By their ids; one that is not there is no failure.
out=type=cacheonly
build a 8 --cache-to "$(to named 'nothing;/c')"
assert_eq '["//c"]' "$(jq -c '[."tenon.mounts"[].id]' "$(config named)")"
assert_has "$work/err" "WARNING: cache mount /nothing is not exported: there is none of this id"
build a 8 --cache-to "$(to none '')"
assert_eq null "$(jq -c '."tenon.mounts"' "$(config none)")"
# All: as the steps of this build have them, and not what others of the store made of the id.
sed 's/1000,gid=1002,mode=0710/7,mode=0700/' "$context/Dockerfile" >"$work/Dockerfile"
build a 8 --cache-to "$(to others)" -f "$work/Dockerfile"
assert_eq '[["//c",null],["/own","7:0:0700"]]' "$(jq -c '[."tenon.mounts"[] | [.id, .seed]]' "$(config others)")"
# One that begins as a copy stays, and is not what others of the store have of that id.
cat >"$work/Plain" <<'END'
FROM base
RUN --mount=type=cache,id=copied,target=/c echo >/c/plain
END
cat >"$work/Copied" <<'END'
FROM base
RUN --mount=type=cache,id=copied,from=base,source=/etc,target=/c ls /c
END
build a 8 --cache-to "$(to plain)" -f "$work/Plain"
assert_eq '["/copied"]' "$(jq -c '[."tenon.mounts"[].id]' "$(config plain)")"
build a 8 --cache-to "$(to copied)" -f "$work/Copied"
assert_eq null "$(jq -c '."tenon.mounts"' "$(config copied)")"
build l 8 --cache-from "$(from plain)" -f "$work/Copied"
assert_lacks "$work/err" "importing cache mount"
build a 8 --cache-to "$(to both own)"
assert_eq '[["/own","1000:1002:0710"],["/own","7:0:0700"]]' \
    "$(jq -c '[."tenon.mounts"[] | [.id, .seed]]' "$(config both)")"
run 2 tenon build --cache-to type=inline,mounts=all "$context"
assert_has "$work/err" "an image has no place for cache mounts"
assert_has "$work/err" "type=registry,ref=NAME,mounts=all"

# hostile NAME JQ: a cache whose document says something else of its mounts
hostile() {
    cp -r "$work/one" "$work/$1"
    jq -c "$2" "$(config one)" >"$work/document"
    hex=$(sha256sum <"$work/document" | cut -d' ' -f1)
    cp "$work/document" "$work/$1/blobs/sha256/$hex"
    jq -c ".config = {mediaType: .config.mediaType, digest: \"sha256:$hex\", size: $(wc -c <"$work/document")}" \
        "$(manifest one)" >"$work/manifest"
    hex=$(sha256sum <"$work/manifest" | cut -d' ' -f1)
    cp "$work/manifest" "$work/$1/blobs/sha256/$hex"
    from="$(from "$1"),digest=sha256:$hex"
}
# All of it is passed over with a warning, and the steps' results are of use.
while read -r name what expected; do
    hostile "$name" "$what"
    build h 6 --cache-from "$from"
    assert_has "$work/err" CACHED
    if [ "$name" = no-list ]; then
        assert_has "$work/err" "WARNING: cache mounts of local:$work/$name are not used: $expected"
    else # that one, and not the others
        assert_has "$work/err" "WARNING: a cache mount of local:$work/$name is not used: $expected"
    fi
done <<'END'
no-list ."tenon.mounts"={} "tenon.mounts"
twice ."tenon.mounts"[1]=."tenon.mounts"[0] tenon.mounts[1] is there twice
words ."tenon.mounts"=[1] tenon.mounts[0] is malformed
source ."tenon.mounts"[1].id="\u0001git" tenon.mounts[1] is malformed
another's ."tenon.mounts"[1].id="a\u001eb" tenon.mounts[1] is malformed
seed ."tenon.mounts"[1].seed="a\u001eb" tenon.mounts[1] is malformed
nameless ."tenon.mounts"[0].id="" tenon.mounts[0] is malformed
digest ."tenon.mounts"[0].digest="sha256:0" tenon.mounts[0] is malformed
large ."tenon.mounts"[0].size=1000000000 tenon.mounts[0] is malformed
END
build h2 7 --cache-from "$from"
assert_lacks "$work/err" "importing cache mount //c" # the one that was large
assert_has "$work/err" "importing cache mount /own"
hostile newer '."tenon.mounts"[].mediaType="application/vnd.tenon.cachemount.index.v2"'
build h 7 --cache-from "$from"
assert_lacks "$work/err" "cache mounts of"

out=
# What comes is not what it should be: that mount is empty, the build goes on.
index=$(jq -r '."tenon.mounts"[0].digest' "$(config one)")
pack=$(jq -r '.layers[] | select(.mediaType == "application/vnd.tenon.cachemount.pack.v1").digest' \
    "$(manifest one)" | head -n 1)
for what in "$index" "$pack"; do
    cp -r "$work/one" "$work/damaged"
    echo junk >"$(blob damaged "$what")"
    rm -rf "$work/i"
    build i 7 --cache-from "$(from damaged)"
    assert_has "$work/err" "WARNING: cache mount //c is not imported from local:$work/damaged"
    assert_lacks "$work/tree/saw" 99
    rm -rf "$work/damaged"
done

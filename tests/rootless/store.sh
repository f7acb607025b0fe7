#!/bin/sh
# The store of an ordinary user: below XDG_DATA_HOME, the user's alone, with the
# owners that images have; prune gives all of it back, files of subordinate ids
# included.  What -o local writes is the user's.
. "$(dirname "$0")/lib.sh"
need python3 jq
make_user alice many
make_user bob many
public_bases

mkdir "$work/context"
echo content >"$work/context/file"
cat >"$work/context/Dockerfile" <<'END_FILE'
FROM base
COPY --chown=7:8 file /copied
RUN mkdir -p /d/e && echo x >/d/e/f && chown -R 12:34 /d/e && chmod 2750 /d/e
RUN --mount=type=cache,target=/c,uid=1000,gid=1002 id -u >/c/root && chown 5:5 /c/root
USER app
RUN echo mine >/home/app/mine
END_FILE
cat >"$work/context/scratch.Dockerfile" <<'END_FILE'
FROM base AS one
RUN mkdir -p /o/d && echo x >/o/d/f && chown -R 12:34 /o/d && chmod 700 /o/d && ln -s d /o/l && chown -h 9:9 /o/l
FROM scratch
COPY --from=one /o /
END_FILE
chmod -R go+rX "$work/context"

build() { # USER FLAG...
    user=$1
    shift
    tenon_as "$user" build --progress=plain --build-context "$base" "$@" "$work/context"
}

# Below XDG_DATA_HOME where that is set, and else in the home directory.
as_env=XDG_DATA_HOME=$work/$alice/data
run 0 build "$alice" -o "type=oci,dest=image.tar"
store=$work/$alice/data/tenon
assert_file "$store/tenon.db"
assert_no_file "$work/$alice/.local"
as_env=
run 0 build "$bob" -o "type=cacheonly"
assert_file "$work/$bob/.local/share/tenon/tenon.db"

# The image has its owners, and the archive is the user's.
assert_eq "$alice" "$(stat -c %U "$work/$alice/image.tar")"
python3 - "$work/$alice/image.tar" >"$work/owners" <<'END_PYTHON'
import gzip, io, json, sys, tarfile
image = tarfile.open(sys.argv[1])
read = lambda digest: image.extractfile("blobs/" + digest.replace(":", "/")).read()
index = json.load(image.extractfile("index.json"))
manifest = json.loads(read(index["manifests"][0]["digest"]))
if "manifests" in manifest:
    manifest = json.loads(read(manifest["manifests"][0]["digest"]))
for layer in manifest["layers"][1:]:
    for m in tarfile.open(fileobj=io.BytesIO(read(layer["digest"]))):
        print("%s %d:%d %o" % (m.name.rstrip("/"), m.uid, m.gid, m.mode))
END_PYTHON
assert_has "$work/owners" "copied 7:8 644"
assert_has "$work/owners" "d/e 12:34 2750"
assert_has "$work/owners" "d/e/f 12:34 644"
assert_has "$work/owners" "home/app/mine 1000:1000 644"
assert_has "$work/owners" "d 0:0 755"

# In the store they are of the user's range.
set -- $(uid_range "$alice")
assert_eq $(($1 + 11)) "$(find "$store/snapshots" -path '*/d/e/f' -exec stat -c %u {} + | head -n 1)"
[ -n "$(of_others "$alice" "$store")" ] || fail "no file of a subordinate id"

# Nobody else sees it, even in a home that is open; and nobody gets from it.
chmod 755 "$work/$alice" "$work/$alice/data"
run 2 as "$bob" ls "$store"
run 1 tenon_as "$bob" --root "$store" du
assert_has "$work/err" "Permission denied"
assert_has "$work/err" "hint: tenon --root DIR ..., or TENON_ROOT=DIR"
run 0 tenon_as "$bob" du --format json
bobs=$(cat "$work/out")
as_env=XDG_DATA_HOME=$work/$alice/data
run 0 tenon_as "$alice" prune --force --all
as_env=
run 0 tenon_as "$bob" du --format json
assert_eq "$bobs" "$(cat "$work/out")"

# Without a login's environment: HOME is still that of root, say.
as_env="HOME=$work/home" # 0700, and not alice's
chmod 700 "$work/home"
run 1 tenon_as "$alice" du
assert_has "$work/err" "Permission denied"
assert_has "$work/err" "hint: set HOME (now $work/home) to a directory of this user"
as_env="HOME=$work/none"
run 1 tenon_as "$alice" du
assert_has "$work/err" "open store $work/none/.local/share/tenon: "
assert_has "$work/err" "hint: tenon --root DIR ..., or TENON_ROOT=DIR"
as_env=

# All is given back: what is left is the user's own, and little.
assert_eq "" "$(of_others "$alice" "$store")"
assert_eq "" "$(find "$store/snapshots" "$store/cache-mounts" "$store/content/blobs/sha256" "$store/tmp" \
    -mindepth 1 ! -name empty ! -path '*/stubs*')"
run 0 as "$alice" rm -r "$work/$alice/data"
assert_no_file "$work/$alice/data"

# -o local: whatever the owner in the image, here it is the user.
run 0 build "$alice" -f "$work/context/scratch.Dockerfile" -o "type=local,dest=out"
assert_file "$work/$alice/out/d/f"
assert_eq "" "$(of_others "$alice" "$work/$alice/out")"
assert_eq "700 d" "$(as "$alice" stat -c '%a %n' out/d | sed 's|out/||')"
run 0 as "$alice" rm -r out
# -o tar keeps them.
run 0 build "$alice" -f "$work/context/scratch.Dockerfile" -o "type=tar,dest=out.tar"
tar --numeric-owner -tvf "$work/$alice/out.tar" >"$work/list"
grep -q ' 12/34 .* d/f$' "$work/list" || { cat "$work/list"; fail "owner of d/f in the archive"; }

# A device in a layer of a base image: nobody but root makes one; the layer stays.
printf 'FROM base\nRUN mkdir /d && mknod /d/full c 1 7 && echo x >/d/x\n' >"$work/context/device.Dockerfile"
printf 'FROM withdevice\nRUN ls /d >/seen && test ! -e /d/full\n' >"$work/context/on.Dockerfile"
store=$work/root-store
run 0 tenon build --build-context "$base" -f "$work/context/device.Dockerfile" -o "type=oci,tar=false,dest=$work/device" \
    "$work/context"
chmod -R go+rX "$work/device" "$work/context"
run 0 build "$bob" --build-context "withdevice=oci-layout://$work/device" -f "$work/context/on.Dockerfile" \
    -o "type=oci,tar=false,dest=on-device"
layers() { # LAYOUT
    manifest=$(jq -r '.manifests[0].digest' "$1/index.json" | tr : /)
    jq -r '.layers[].digest' "$1/blobs/$manifest"
}
layers "$work/device" >"$work/below"
assert_eq "$(cat "$work/below")" "$(layers "$work/$bob/on-device" | head -n "$(wc -l <"$work/below")")"

# Without prune the user cannot remove what belongs to the range: documented so.
run 1 as "$alice" rm -r .local
run 0 tenon_as "$alice" prune --force --all
run 0 as "$alice" rm -r .local

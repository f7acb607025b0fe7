#!/bin/sh
# A store that cannot hold an overlay, as on the overlay that a container has for a root:
# its trees are copied, one line says so and why, and what comes of it is the same: images
# to the byte, keys, what the next build takes from the cache. No step changes a layer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need cc jq python3

mkdir "$work/l" "$work/u" "$work/w" "$work/over"
mount -t overlay -o "lowerdir=$work/l,upperdir=$work/u,workdir=$work/w" overlay "$work/over" ||
    skip "no overlay can be mounted"
unmount() { umount -l "$work/over"; }
at_exit="$at_exit unmount"
plain=$store
over=$work/over/store

echo content >"$context/file"
mkdir -p "$context/tree/sub" && echo 1 >"$context/tree/one" && echo 2 >"$context/tree/sub/two"
python3 - "$context" <<'END'
import io, sys, tarfile
def add(tar, name, data=None):
    e = tarfile.TarInfo(name)
    e.mtime = 1000000000
    if data is None:
        e.type, e.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(e)
    else:
        e.size, e.mode = len(data), 0o644
        tar.addfile(e, io.BytesIO(data))
# Layers: removed, opaque with what the same layer brings before and after, links.
with tarfile.open(sys.argv[1] + "/layer.tar", "w") as tar:
    add(tar, "x"); add(tar, "x/y"); add(tar, "x/y/f", b"f")
END
cat >"$context/Dockerfile" <<'END'
FROM scratch AS two
COPY tree /
FROM base AS one
RUN mkdir -p /d/deep/er /e /m && echo a >/d/deep/a && echo b >/d/deep/er/b && echo c >/e/c && \
    ln /e/c /e/same && ln -s c /e/link && mkfifo /e/pipe && echo 1 >/m/1 && echo 2 >/m/2 && mkdir /m/in && echo 3 >/m/in/3
# Removed, replaced by another kind, a directory in the place of another, back again.
RUN rm -r /d/deep && mkdir -p /d/deep/new /d/deep/er && echo n >/d/deep/new/n && echo n2 >/d/deep/er/n2
RUN rm /e/same && rm /e/link && mkdir /e/link && echo in >/e/link/in && rm /e/pipe && echo file >/e/pipe
RUN test -e /d/deep/new/n && test ! -e /d/deep/a && test ! -e /d/deep/er/b && test -d /e/link && \
    test "$(cat /e/c)" = c && test ! -e /e/same && rm -r /m && echo plain >/m
RUN rm /m && mkdir /m && echo 4 >/m/4 && test ! -e /m/1 && chmod 2751 /e && chown 7:8 /e/c && chmod 4755 /bin/busybox
# Touched and left as it was, renamed, appended to, only its times.
RUN touch -d @1000000000 /e/c && mv /d/deep/new /d/moved && echo more >>/m/4 && chmod 755 /d && touch -h -d @1 /d
RUN rm /etc/group && ln -s /etc/passwd /etc/group && rm -rf /tmp && mkdir -m 1777 /tmp
COPY file /etc/file
COPY --chown=1000:1002 --chmod=640 tree /d/deep/
COPY --link tree/one /linked/one
ADD layer.tar /d/
WORKDIR /made/on/the/way
FROM base
COPY --from=one /d /from/d
COPY --from=one /e/link/in /from/in
RUN --mount=type=bind,from=one,target=/one cp -a /one/m /m && ! touch /one/x 2>/dev/null
RUN --mount=type=bind,from=one,target=/one,rw echo lost >/one/m/4 && test "$(cat /one/m/4)" = lost
RUN --mount=type=bind,from=one,target=/one test "$(head -n 1 /one/m/4)" = 4 && test ! -e /one/x
RUN --mount=type=cache,from=one,source=/d,target=/c cat /c/deep/er/n2 >/cached && echo own >/c/own
RUN --mount=type=tmpfs,target=/from touch /from/lost
RUN ls -la / /from /from/d && rm -r /from/d/moved /from/in
COPY --from=two / /two/
RUN stat -c '%n %a %u:%g %Y' /two >/two.stat
END
image() { # STORE NAME ATTRIBUTES
    store=$1
    run 0 build --build-arg SOURCE_DATE_EPOCH=1500000000 \
        -o "type=oci,dest=$work/$2.tar,rewrite-timestamp=true${3-}" --metadata-file "$work/$2.json"
}
digest() { jq -r '."containerimage.digest"' "$work/$1.json"; }
slower() { grep -c 'cannot hold an overlay' "$work/err" || :; }
keys() { # STORE
    python3 - "$1" <<'END'
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1] + "/tenon.db").execute("SELECT key FROM key ORDER BY key"):
    print(row[0])
END
}

image "$plain" plain
assert_eq 0 "$(slower)"
assert_no_file "$plain/copies"
image "$over" over
if [ ! -e "$over/copies" ]; then
    skip "this kernel stacks overlays"
fi
# One line, with the place, the reason and what helps; no other word of the kernel's.
assert_eq 1 "$(slower)"
grep 'cannot hold an overlay' "$work/err" >"$work/line"
assert_has "$work/line" "$over"
assert_has "$work/line" "(Invalid argument)"
assert_has "$work/line" "--root DIR"
assert_lacks "$work/err" "upperdir"
assert_eq "$(digest plain)" "$(digest over)"
keys "$plain" >"$work/keys"
keys "$over" | diff "$work/keys" - || fail "other keys"
[ -s "$work/keys" ] || fail "no keys"

# Nothing of it is left but layers.
assert_eq "" "$(ls "$over/tmp")"
find "$over/snapshots" -name merged | grep . && fail "copies are left"

# All from the cache; the line again, for who reads only this build; the layers are found.
image "$over" again
assert_eq "" "$(steps_ended "$work/err" DONE)"
assert_eq "$(digest plain)" "$(digest again)"
# The kept layers are written out anew in the same way.
image "$plain" plain-zstd ,compression=zstd
image "$over" over-zstd ,compression=zstd
assert_eq "$(digest plain-zstd)" "$(digest over-zstd)"

# ---- no layer is changed by a step, not even by one that may do everything ---------------
fingerprint() { (cd "$over/snapshots" && find . ! -type d -exec stat -c '%n %s %Y %Z %a' {} + | sort | md5sum; find . -type f -exec md5sum {} + | sort | md5sum); }
cat >>"$context/Dockerfile" <<'END'
FROM one
RUN --security=insecure --mount=type=bind,from=base,target=/base \
    mount -o remount,rw /base 2>/dev/null || mount -o remount,bind,rw /base || true; \
    echo changed >/base/changed || true; echo changed >>/base/etc/passwd || true; \
    chmod 600 /e/c && echo x >>/e/c && find / -xdev -type f -exec touch {} + 2>/dev/null; true
END
store=$over
before=$(fingerprint)
[ -n "$before" ] || fail "no fingerprint"
run 0 build -o type=cacheonly --target one
assert_eq "$before" "$(fingerprint)"
run 0 build -o type=cacheonly --allow security.insecure
newest=$(ls "$over/snapshots" | grep -v '[a-z]' | sort -n | tail -n 1)
mv "$over/snapshots/$newest" "$work/newest"
assert_eq "$before" "$(fingerprint)"
mv "$work/newest" "$over/snapshots/$newest"

# ---- a failed step, the shell, du and prune ----------------------------------------------
printf 'FROM base\nRUN echo half >/half; rm /etc/passwd; false\n' | dockerfile
run 1 build -o type=cacheonly
run 0 tenon shell sh -c 'cat /half; test ! -e /etc/passwd; touch /mine' </dev/null
assert_eq half "$(cat "$work/out")"
run 0 tenon shell sh -c 'test ! -e /mine' </dev/null
run 0 tenon prune --all --force
assert_eq 0 "$(find "$over/snapshots" -mindepth 1 -maxdepth 1 -name '[0-9]*' | wc -l | tr -d ' ')"

# ---- layers of others: removed entries and opaque directories ----------------------------
layers() { # DIRECTORY: an OCI layout with two layers
    python3 - "$1" <<'END'
import hashlib, io, json, os, sys, tarfile
top = sys.argv[1]
os.makedirs(top + "/blobs/sha256")
def blob(data):
    d = hashlib.sha256(data).hexdigest()
    open(top + "/blobs/sha256/" + d, "wb").write(data)
    return {"digest": "sha256:" + d, "size": len(data)}
def layer(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in entries:
            e = tarfile.TarInfo(name)
            e.mtime = 1000000000
            if data is None:
                e.type, e.mode = tarfile.DIRTYPE, 0o755
            else:
                e.size, e.mode = len(data), 0o644
            tar.addfile(e, io.BytesIO(data) if data is not None else None)
    return out.getvalue()
one = layer(("d", None), ("d/old", b"old"), ("d/keep", None), ("d/keep/old", b"old"), ("d/keep/both", b"1"),
            ("gone", b"gone"), ("tree", None), ("tree/x", b"x"), ("f", b"file"))
two = layer(("d", None), ("d/first", b"first"), ("d/keep", None), ("d/keep/both", b"2"),
            ("d/.wh..wh..opq", b""), ("d/last", b"last"), (".wh.gone", b""), (".wh.tree", b""),
            ("tree", None), ("tree/y", b"y"), ("f", None), ("f/in", b"in"))
types = "application/vnd.oci.image."
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers",
          "diff_ids": ["sha256:" + hashlib.sha256(l).hexdigest() for l in (one, two)]}, "config": {}}
manifest = {"schemaVersion": 2, "mediaType": types + "manifest.v1+json",
            "config": dict(blob(json.dumps(config).encode()), mediaType=types + "config.v1+json"),
            "layers": [dict(blob(l), mediaType=types + "layer.v1.tar") for l in (one, two)]}
index = {"schemaVersion": 2, "manifests": [dict(blob(json.dumps(manifest).encode()), mediaType=types + "manifest.v1+json")]}
json.dump(index, open(top + "/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(top + "/oci-layout", "w"))
END
}
layers "$work/layers"
printf 'FROM layers\n' | dockerfile
for store in "$plain" "$over"; do
    rm -rf "$work/tree"
    run 0 build --platform linux/amd64 --build-context "layers=oci-layout://$work/layers" -o "$work/tree"
    (cd "$work/tree" && find . -type f -exec grep -H '' {} + | sort) >"$work/$(basename "$(dirname "$store")").seen"
done
cat >"$work/wanted" <<'END'
./d/first:first
./d/keep/both:2
./d/last:last
./f/in:in
./tree/y:y
END
for seen in "$work"/*.seen; do diff "$work/wanted" "$seen" || fail "$seen"; done

# ---- without the attributes that an overlay marks directories with -----------------------
# The mount would succeed, and the first directory in the place of another fail.
cat >"$work/no-marks.c" <<'END_C'
#include <errno.h>
#include <string.h>
#include <sys/types.h>
int
fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
    (void)fd, (void)name, (void)value, (void)size, (void)flags;
    errno = ENOTSUP;
    return -1;
}
END_C
cc -shared -fPIC -o "$work/no-marks.so" "$work/no-marks.c"
printf 'FROM base\nRUN mkdir /d && echo 1 >/d/1\nRUN rm -r /d && mkdir /d && ls -a /d >/seen\n' | dockerfile
store=$work/bare
LD_PRELOAD=$work/no-marks.so
export LD_PRELOAD
result
unset LD_PRELOAD
grep -q 'cannot hold an overlay (it keeps no extended attributes)' "$work/err" || fail "not told"
saw seen ".
.."
assert_eq "" "$(ls -A "$work/tree/d")"

# ---- what doctor says --------------------------------------------------------------------
store=$over
run 0 tenon doctor
grep -Eq '^-- +overlay +cannot be mounted: Invalid argument; trees are copied' "$work/out" ||
    { cat "$work/out" >&2; fail "doctor does not tell"; }

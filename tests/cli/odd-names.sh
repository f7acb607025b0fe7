#!/bin/sh
# Names are bytes, in and out and in every locale: not UTF-8, control characters, 255 bytes,
# paths of 4095; in contexts, COPY, archives for ADD and on standard input, layers, local
# caches, and in every output.
. "$(dirname "$0")/lib.sh"
need python3
need_root
context=$work/context
mkdir "$context"

# tree.py make DIR, show DIR, show-tar FILE: hostile names, and what is there, one escaped
# line an entry.
cat >"$work/tree.py" <<'END'
import os, sys, tarfile
names = [b"plain", "Grüße.txt".encode(), b"b\xfcd", b"\xff\xfe\x80", b"new\nline", b"tab\there",
         b"\x01\x1b[31m\x7f", b"'quotes\"", b"back\\slash", b" blank ", b"-dash", b"n" * 100, b"n" * 101,
         b"n" * 255, b"\xe9" + b"n" * 253 + b"\xc3", b"star*?[x]", b"\xe2\x80\xae" + b"rtl", b"..x", b"=,;:",
         # Unicode would compose these; bytes stay as they are.
         b"e\xcc\x81", b"\xe2\x84\xab", b"\xe1\x84\x80\xe1\x85\xa1", "é".encode()]
def make(top):
    top = os.fsencode(top)
    for i, n in enumerate(names):
        d = os.path.join(top, n)
        os.mkdir(d)
        with open(os.path.join(d, n), "wb") as f:
            f.write(b"%d" % i)
        os.link(os.path.join(d, n), os.path.join(d, b"hard"))
        os.symlink(n, os.path.join(d, b"soft"))
    # The longest path that a system call takes, counted from the top.
    os.chdir(top)
    path = b""
    while len(path) + 251 < 3900:
        path += b"\xe9" + b"d" * 249 + b"/"
        os.mkdir(path)
    with open(path + b"far", "wb") as f:
        f.write(b"far")
def line(path, kind, text):
    return ascii(path) + " " + kind + " " + ascii(text)
def show(top):
    out = []
    os.chdir(os.fsencode(top))
    for d, dirs, files in os.walk(b"."):
        for n in dirs + files:
            p = os.path.join(d, n)[2:]
            if os.path.islink(p):
                out.append(line(p, "link", os.readlink(p)))
            elif os.path.isdir(p):
                out.append(line(p, "dir", b""))
            else:
                out.append(line(p, "file%d" % os.stat(p).st_nlink, open(p, "rb").read()))
    return out
def show_tar(name):
    raw = open(name, "rb").read()
    assert b"LIBARCHIVE" not in raw, "records of a library"
    content, links, out = {}, {}, []
    enc = lambda s: s.encode("utf-8", "surrogateescape")
    with tarfile.open(name, encoding="utf-8", errors="surrogateescape") as t:
        for m in t:
            p = enc(m.name)
            if m.isdir():
                out.append(line(p, "dir", b""))
            elif m.issym():
                out.append(line(p, "link", enc(m.linkname)))
            else:
                first = enc(m.linkname) if m.islnk() else p
                if not m.islnk():
                    content[p] = t.extractfile(m).read()
                links.setdefault(first, []).append(p)
    for first, all in links.items():
        for p in all:
            out.append(line(p, "file%d" % len(all), content[first]))
    return out
if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    rows = (show if sys.argv[1] == "show" else show_tar)(sys.argv[2])
    assert len(rows) > 80, len(rows)
    print("\n".join(sorted(rows)))
END
mkdir "$context/tree"
python3 "$work/tree.py" make "$context/tree"
python3 "$work/tree.py" show "$context/tree" >"$work/expected"

tried=0
# is WHAT show|show-tar PATH: the tree, byte by byte.
is() {
    python3 "$work/tree.py" "$2" "$3" >"$work/got" || fail "$1: cannot be read"
    diff "$work/expected" "$work/got" >"$work/diff" || { head -n 5 "$work/diff" >&2; fail "$1 ($LC_ALL)"; }
    tried=$((tried + 1))
    case $2 in show) rm -rf "$3" ;; esac
}

# The last one: a machine that has no locales at all.
mkdir "$work/locales"
for locale in C POSIX C.UTF-8 none.such C.UTF-8:nowhere; do
    LC_ALL=${locale%:*}
    export LC_ALL
    [ "$locale" = "$LC_ALL" ] || export LOCPATH="$work/locales"
    rm -rf "$work"/*.tar "$work/layout" "$work/cache" "$store"

    printf 'FROM scratch\nCOPY tree /\n' >"$context/Dockerfile"
    run 0 tenon build -o "$work/local" -o "type=tar,dest=$work/files.tar" -o "type=oci,tar=false,dest=$work/layout" \
        -o "type=oci,dest=$work/oci.tar" -o "type=docker,dest=$work/docker.tar" \
        --cache-to "type=local,dest=$work/cache,mode=max" "$context"
    is "COPY, type=local" show "$work/local"
    is "type=tar" show-tar "$work/files.tar"
    tenon build -o - "$context" >"$work/stdout.tar" 2>"$work/err" || { cat "$work/err" >&2; fail "-o -"; }
    is "-o -" show-tar "$work/stdout.tar"

    # Archives as ADD reads them, compressed or not, and as a context on standard input.
    printf 'FROM scratch\nADD files.tar /\n' >"$context/add.Dockerfile"
    cp "$work/files.tar" "$context/files.tar"
    run 0 tenon build -f "$context/add.Dockerfile" -o "$work/added" "$context"
    is "ADD" show "$work/added"
    if command -v xz >/dev/null; then
        xz -c "$work/files.tar" >"$context/files.tar"
        run 0 tenon build -f "$context/add.Dockerfile" -o "$work/added" "$context"
        is "ADD of xz" show "$work/added"
    fi
    # GNU tar's own way with long names.
    LC_ALL=C tar --format=gnu -C "$context/tree" -cf "$context/files.tar" .
    run 0 tenon build -f "$context/add.Dockerfile" -o "$work/added" "$context"
    is "ADD of GNU's format" show "$work/added"
    # Records of pax that say they were UTF-8, whatever they are.
    python3 - "$context" <<'END'
import sys, tarfile
with tarfile.open(sys.argv[1] + "/files.tar", "w", format=tarfile.PAX_FORMAT, encoding="utf-8",
                  errors="surrogateescape") as t:
    t.add(sys.argv[1] + "/tree", arcname=".")
END
    run 0 tenon build -f "$context/add.Dockerfile" -o "$work/added" "$context"
    is "ADD of pax records" show "$work/added"
    rm "$context/files.tar"
    mkdir "$work/stdin"
    cp -a "$context/tree" "$work/stdin/tree"
    cp "$context/Dockerfile" "$work/stdin/Dockerfile"
    (cd "$work/stdin" && LC_ALL=C tar --format=pax -cf "$work/context.tar" .)
    rm -r "$work/stdin"
    tenon build -o "$work/from-stdin" - <"$work/context.tar" >"$work/out" 2>"$work/err" ||
        { cat "$work/err" >&2; fail "a context on standard input"; }
    is "a context on standard input" show "$work/from-stdin"

    # Layers, read by a store that has nothing yet; and a cache.
    printf 'FROM image\n' >"$context/layers.Dockerfile"
    run 0 tenon --root "$work/second" build -f "$context/layers.Dockerfile" -o "$work/from-layers" \
        --build-context "image=oci-layout://$work/layout" "$context"
    is "layers" show "$work/from-layers"
    mkdir "$work/unpacked"
    LC_ALL=C tar -xf "$work/oci.tar" -C "$work/unpacked"
    run 0 tenon --root "$work/second" build --no-cache -f "$context/layers.Dockerfile" -o "$work/from-layers" \
        --build-context "image=oci-layout://$work/unpacked" "$context"
    is "layers of an archive" show "$work/from-layers"
    rm -r "$work/second" "$work/unpacked"
    run 0 tenon --root "$work/third" build --progress=plain,detail=short \
        --cache-from "type=local,src=$work/cache" -o "$work/from-cache" "$context"
    assert_eq CACHED "$(step_ended "$work/err" "COPY tree")"
    is "a local cache" show "$work/from-cache"
    rm -r "$work/third"
done
[ $tried -ge 45 ] || fail "only $tried tried"

"""Trees of files: from layers, directories and archives to a listing."""
import collections
import hashlib
import io
import os
import stat
import tarfile

import times
from compression import decompress

TEXT_MAX = 400                          # contents up to this are shown to the reader
# [(address of this run, address in the cases)]: contexts hold their own Dockerfiles,
# in which cases.copy() changed the addresses.
ADDRESSES = []


class Entry(dict):
    """One file; hard links share the same Entry."""


def octal(mode):
    return "%04o" % (mode & 0o7777)


def add_content(e, data):
    if b"\0" not in data:
        for here, there in ADDRESSES:
            data = data.replace(here.encode(), there.encode())
    e["size"], e["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    if len(data) <= TEXT_MAX:
        try:
            e["text"] = data.decode("utf-8")
        except UnicodeDecodeError:
            pass


def from_member(t, m):
    e = Entry(type={tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.FIFOTYPE: "fifo",
                    tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block"}.get(m.type, "file"),
              mode=octal(m.mode), uid=m.uid, gid=m.gid,
              mtime=times.from_text(m.pax_headers["mtime"]) if "mtime" in m.pax_headers else int(m.mtime))
    if e["type"] == "symlink":
        e["link"] = m.linkname
        del e["mode"]
    elif e["type"] == "file":
        add_content(e, t.extractfile(m).read() if m.size else b"")
    elif e["type"] in ("char", "block"):
        e["dev"] = "%d:%d" % (m.devmajor, m.devminor)
    x = {k[len("SCHILY.xattr."):]: v for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")}
    if x:
        e["xattrs"] = {k: v.encode("utf-8", "surrogateescape").hex() for k, v in x.items()}
    return e


def clean(name):
    return "/" + os.path.normpath(name.lstrip("/")).lstrip("/") if name.strip("./") else "/"


def remove_tree(state, path):
    below = path.rstrip("/") + "/"
    for p in [p for p in state if p.startswith(below) or p == path]:
        del state[p]


def without_time(e):
    return {k: v for k, v in e.items() if k != "mtime"}


def apply_layer(state, data):
    """Apply a layer's tar; returns what it means (added, removed) and the raw names."""
    before = dict(state)
    raw, added = [], []
    with tarfile.open(fileobj=io.BytesIO(data)) as t:
        fresh = set()                   # paths that this layer brings
        for m in t.getmembers():
            p = clean(m.name)
            raw.append(p + ("/" if m.isdir() and p != "/" else ""))
            d, b = os.path.split(p)
            if b == ".wh..wh..opq":
                for q in [q for q in state if q.startswith(d.rstrip("/") + "/") and q not in fresh]:
                    del state[q]
                continue
            if b.startswith(".wh."):
                remove_tree(state, os.path.join(d, b[4:]))
                continue
            if m.islnk():
                e = state.get(clean(m.linkname))
                if e is None:
                    e = Entry(type="broken-hardlink", link=clean(m.linkname))
            else:
                e = from_member(t, m)
            old = state.get(p)
            if old is not None and e["type"] != "dir" and old["type"] == "dir":
                remove_tree(state, p)
            state[p] = e
            fresh.add(p)
            if e["type"] != "dir" or p not in before or without_time(before[p]) != without_time(e):
                if p != "/":
                    added.append(p + ("/" if e["type"] == "dir" else ""))
    gone = {p for p in before if p not in state}
    removed = [p for p in gone if os.path.dirname(p) not in gone]
    return {"added": sorted(added), "removed": sorted(removed)}, sorted(raw)


def listing(state, window, reference):
    """{path: entry} of what is not the same in the reference base."""
    groups = collections.defaultdict(list)
    for p, e in state.items():
        if e["type"] == "file":
            groups[id(e)].append(p)
    out = {}
    for p, e in sorted(state.items()):
        r = dict(e)
        if "mtime" in r:
            r["mtime"] = window.stamp(r["mtime"])
        if e["type"] == "file" and len(groups[id(e)]) > 1:
            r["links"] = sorted(groups[id(e)])
        out[p] = r
    if reference and out.get("/bin/busybox", {}).get("sha256") == reference["/bin/busybox"]["sha256"]:
        missing = sorted(p for p in reference if p not in out)
        out = {p: e for p, e in out.items() if reference.get(p) != e}
        if missing:
            out["missing-from-base"] = missing
    return out


def read_dir(path, window, reference, user=None):
    """Files of the user who built are 0:0, as they are in a record made by root."""
    state, inodes = {}, {}

    def read(full, p):
        st = os.lstat(full)
        if (st.st_dev, st.st_ino) in inodes and not stat.S_ISDIR(st.st_mode):
            state[p] = inodes[(st.st_dev, st.st_ino)]
            return
        f = stat.S_IFMT(st.st_mode)
        e = Entry(type={stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
                        stat.S_IFCHR: "char", stat.S_IFBLK: "block"}.get(f, "file"),
                  mode=octal(st.st_mode), uid=st.st_uid, gid=st.st_gid,
                  mtime=times.seconds(*divmod(st.st_mtime_ns, 10**9)))
        if user and (e["uid"], e["gid"]) == (user.uid, user.gid):
            e["uid"] = e["gid"] = 0
        if e["type"] == "symlink":
            e["link"] = os.readlink(full)
            del e["mode"]
        elif e["type"] == "file":
            with open(full, "rb") as fh:
                add_content(e, fh.read())
        elif e["type"] in ("char", "block"):
            e["dev"] = "%d:%d" % (os.major(st.st_rdev), os.minor(st.st_rdev))
        x = {k: os.getxattr(full, k, follow_symlinks=False).hex() for k in os.listxattr(full, follow_symlinks=False)}
        if x:
            e["xattrs"] = x
        inodes[(st.st_dev, st.st_ino)] = e
        state[p] = e

    read(path, "/")
    for root, dirs, files in os.walk(path):
        for n in dirs + files:
            full = os.path.join(root, n)
            read(full, "/" + os.path.relpath(full, path))
    return listing(state, window, reference)


def read_tar(path, window, reference):
    state = {}
    with open(path, "rb") as f:
        apply_layer(state, decompress(f.read()))
    return listing(state, window, reference)

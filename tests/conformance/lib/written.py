"""Makes the trees that a case wrote down: "python3 -m written" where the file `trees` is. A line is
[kind, path, mode, text]: a file, a link (text: its target), a dir, or a tar (text: its entries
[name, type, mode, uid, link]; mode: how many bytes of its end are missing)."""
import json
import os
import tarfile

for line in open("trees"):
    kind, path, mode, text = json.loads(line)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if kind == "tar":
        with tarfile.open(path, "w") as t:
            for i, (name, type_, m, uid, link) in enumerate(text):
                e = tarfile.TarInfo(name)
                e.type, e.mode, e.uid, e.mtime, e.linkname = type_.encode(), m, uid, 1500000000 + i, link
                t.addfile(e)
        os.truncate(path, os.path.getsize(path) - mode)
    elif kind == "link":
        os.symlink(text, path)
    elif kind == "dir":
        os.makedirs(path, exist_ok=True)
    else:
        with open(path, "w") as f:
            f.write(text)
    if kind in ("dir", "file"):
        os.chmod(path, mode)
    if kind != "dir":
        os.utime(path, (1700000000, 1700000000), follow_symlinks=False)

import io
import tarfile


def make(name, *entries):
    """Each entry: name, type and what differs from a plain file of root's."""
    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as t:
        for n, kind, more in entries:
            i = tarfile.TarInfo(n)
            i.type = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE,
                      "p": tarfile.FIFOTYPE, "c": tarfile.CHRTYPE}[kind]
            i.mode, i.mtime = 0o755 if kind == "d" else 0o644, 1500000000
            data = more.pop("data", "").encode()
            i.size = len(data)
            for k, v in more.items():
                setattr(i, k, v)
            t.addfile(i, io.BytesIO(data))


WHO = dict(uid=1000, gid=1001)
make("ctx.tar", ("Dockerfile", "f", dict(WHO, data="FROM scratch\nCOPY . /x/\nCOPY a/g /y\nCOPY --chown=7 a /z\n")),
     ("a", "d", dict(WHO, mode=0o2750, mtime=1400000000)), ("a/f", "f", dict(WHO, data="x", mode=0o4711)),
     ("a/g", "f", dict(WHO, data="y")), ("a/h", "h", dict(WHO, linkname="a/g")),
     ("a/l", "l", dict(WHO, linkname="g")), ("a/p", "p", dict(WHO)),
     (".dockerignore", "f", dict(WHO, data="a/f\nDockerfile\n")))

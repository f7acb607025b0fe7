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


make("self.tar", ("a", "f", dict(data="x")), ("./a", "h", dict(linkname="/a")))
make("twice.tar", ("a", "f", dict(data="x")), ("b", "h", dict(linkname="a")), ("b", "h", dict(linkname="a")), ("a", "h", dict(linkname="b")))

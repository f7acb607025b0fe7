from archives import make

make("hard.tar", ("f", "f", dict(data="x")), ("h", "h", dict(linkname="f", mode=0o700, uid=5, gid=6, mtime=1400000000)))
make("twice.tar", ("f", "f", dict(data="first", mode=0o600)), ("f", "f", dict(data="2", uid=3)),
     ("d", "d", dict(mode=0o700)), ("d", "d", dict(uid=4, mode=0o711, mtime=1400000000)))
make("late.tar", ("a/b/f", "f", dict(data="x", uid=9)), ("a", "d", dict(uid=5, mode=0o700, mtime=1400000000)))
make("shadow.tar", ("x", "d", {}), ("x/f", "f", dict(data="1")), ("x", "f", dict(data="now a file")),
     ("y", "f", dict(data="1")), ("y", "d", dict(uid=2)), ("y/g", "f", dict(data="2")))
make("kinds.tar", ("p", "p", dict(mode=0o622, uid=1)), ("l", "l", dict(linkname="p", uid=2, mode=0o777)),
     ("set", "f", dict(mode=0o6755, uid=3)), ("sticky", "d", dict(mode=0o1777)), ("lh", "h", dict(linkname="l", uid=4)))
make("again.tar", ("f", "f", dict(data="x")), ("h", "h", dict(linkname="f")), ("f", "f", dict(data="y", mode=0o600)))

from archives import make

TOP = dict(mode=0o700, uid=33, gid=44, mtime=1400000000)
for name, top in (("root", "./"), ("dot", "."), ("climb", "a/.."), ("slash", "/"), ("slashes", "//"), ("up", "..")):
    make(name + ".tar", (top, "d", dict(TOP)), ("./f", "f", dict(data="1")))

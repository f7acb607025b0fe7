from archives import make

WHO = dict(uid=1000, gid=1001)
make("ctx.tar", ("Dockerfile", "f", dict(WHO, data="FROM scratch\nCOPY . /x/\nCOPY a/g /y\nCOPY --chown=7 a /z\n")),
     ("a", "d", dict(WHO, mode=0o2750, mtime=1400000000)), ("a/f", "f", dict(WHO, data="x", mode=0o4711)),
     ("a/g", "f", dict(WHO, data="y")), ("a/h", "h", dict(WHO, linkname="a/g")),
     ("a/l", "l", dict(WHO, linkname="g")), ("a/p", "p", dict(WHO)),
     (".dockerignore", "f", dict(WHO, data="a/f\nDockerfile\n")))

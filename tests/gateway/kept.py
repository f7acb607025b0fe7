"""What client.py tries of directories that stay in the store between two builds: which files are
asked for again, and whose a directory is.  No program."""
import glob
import os
import socket
import subprocess
import sys
import threading

import grpc

SECOND = 10 ** 9
EARLIER = 1445412480 * SECOND


class File:
    def __init__(self, data=b"", mode=0o644, mtime=EARLIER + 1, link="", names=None):
        self.data, self.mode, self.mtime, self.link, self.names = data, mode, mtime, link, names


def session_class(c):
    class Tree(c.Session):
        """A client that says of its directory what it likes: self.tree, by paths."""

        def __init__(self, channel, key, tree):
            self.tree, self.asked, self.hold, self.dies = tree, [], None, None
            metadata = [("x-docker-expose-session-sharedkey", key)] if key else []
            super().__init__(channel, {}, {}, metadata=metadata)

        def sync(self, requests, name, context):
            files = sorted(self.tree.items(), key=lambda f: f[0].replace("/", "\0"))
            for path, f in files:
                yield c.m.Packet(type=c.STAT, stat=c.m.Stat(
                    path=path, mode=f.mode, size=len(f.data), modTime=f.mtime,
                    linkname=f.names or f.link))
            yield c.m.Packet(type=c.STAT)
            for packet in requests:
                if packet.type == c.FIN:
                    yield c.m.Packet(type=c.FIN)
                    return
                path, f = files[packet.ID]
                self.asked.append(path)
                if self.dies == path:
                    yield c.m.Packet(type=c.DATA, ID=packet.ID, data=f.data[:1])
                    if self.hold:
                        self.hold(self)
                    context.abort(grpc.StatusCode.ABORTED, "gone in the middle")
                if f.data:
                    yield c.m.Packet(type=c.DATA, ID=packet.ID, data=f.data)
                yield c.m.Packet(type=c.DATA, ID=packet.ID)
    return Tree


STRANGER = '''
import ctypes, os, socket, sys
ctypes.CDLL(None).prctl(28, 4, 0, 0, 0) # nobody, with all capabilities: the socket is in reach
os.seteuid(65534)
to = socket.socket(socket.AF_UNIX)
to.connect(sys.argv[1])
socket.send_fds(socket.socket(fileno=int(sys.argv[2])), [b"x"], [to.fileno()])
'''


def pump(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def stranger(address, directory):
    """A channel of a user that has no number: the kernel tells 65534 of all of them."""
    ours, its = socket.socketpair()
    path = os.path.join(directory, "stranger")
    with ours, its, socket.socket(socket.AF_UNIX) as listener:
        subprocess.run([sys.executable, "-c", STRANGER, address.split(":", 1)[1],
                        str(its.fileno())], pass_fds=[its.fileno()], check=True, timeout=60)
        server = socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0])
        listener.bind(path)
        listener.listen()
        listener.settimeout(60)
        channel = grpc.insecure_channel("unix:" + path)
        ready = grpc.channel_ready_future(channel)
        client = listener.accept()[0]
    os.remove(path)
    for pair in ((client, server), (server, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
    ready.result(60)
    return channel


def kept(c, address, channel, directory, server):
    Tree = session_class(c)

    def definition(**attrs):
        op = c.m.Op(source=c.m.SourceOp(identifier="local://kept", attrs={
            "local." + name: value for name, value in attrs.items()}))
        return c.defined(op)

    def build(key, tree, via=channel, **attrs):
        """What was asked for, and what the tree was: {path: bytes, or what a link says}."""
        session = Tree(via, key, tree)
        answer = c.Build(via, session, Definition=definition(**attrs), Exporters=c.TAR).wait()
        session.close()
        if isinstance(answer, grpc.RpcError):
            return session.asked, answer.details()
        tar = session.results[0]
        return sorted(session.asked), {
            name: c.content(tar, name) if member.isfile() or member.islnk() else member.linkname
            for name, member in c.names(tar).items() if not member.isdir()}

    def meant(tree):
        return {path: f.link or (tree[f.names].data if f.names else f.data)
                for path, f in tree.items() if not f.mode & c.GO_DIR}

    first = {"a": File(b"one"), "dir": File(mode=c.GO_DIR | 0o755), "dir/b": File(b"two"),
             "dir/c": File(b"three"), "empty": File(), "link": File(mode=c.GO_LINK | 0o777, link="a"),
             "z": File(b"zed")}
    closed = File(mode=c.GO_DIR | 0o500)

    def changed(**paths):
        tree = dict(first)
        for path, f in paths.items():
            tree[path.replace("__", "/")] = f
        return {path: f for path, f in tree.items() if f}

    all_files = ["a", "dir/b", "dir/c", "empty", "z"]
    table = [ # the same client's directory, one after the other
        ("at first", first, all_files),
        ("nothing is new", first, []),
        ("other bytes", changed(a=File(b"four")), ["a"]),
        ("another time", changed(a=File(b"five", mtime=EARLIER + 2)), ["a"]),
        ("another mode", changed(a=File(b"five", 0o600, EARLIER + 2)), ["a"]),
        ("one is gone", changed(a=None, link=None, dir__b=None), []),
        ("it is back", first, ["a", "dir/b"]),
        ("a directory is a file", changed(dir=File(b"flat"), dir__b=None, dir__c=None), ["dir"]),
        ("a file is a directory", first, ["dir/b", "dir/c"]),
        ("a file is a link", changed(z=File(mode=c.GO_LINK | 0o777, link="dir/b")), []),
        ("a link is a file", changed(link=File(b"not a link")), ["link", "z"]),
        ("a directory is a link", changed(dir=File(mode=c.GO_LINK | 0o777, link=".."), dir__b=None,
                                          dir__c=None), []),
        ("a link is a directory", changed(dir=closed), ["dir/b", "dir/c"]),
        ("more in a closed directory", changed(dir=closed, dir__d=File(b"four")), ["dir/d"]),
        ("two names of one", changed(z=File(names="a")), []),
        ("two files of one", changed(z=File(b"one")), ["a"]),
        ("other bytes, of one time", changed(a=File(b"ONE"), z=File(b"one")), []),
    ]
    for thing, tree, wanted in table:
        asked, got = build("key", tree)
        want = dict(meant(tree))
        if thing == "other bytes, of one time": # nothing shows that they are others
            want["a"] = b"one"
        c.check("a kept directory: " + thing, asked == wanted and got == want, (asked, got))

    whose = [ # whole: nothing of it is known
        ("without a key", None, {}, True), ("without a key, again", None, {}, False),
        ("of another key", "other", {}, True), ("of that, again", "other", {}, False),
        ("by another hint", "key", {"sharedkeyhint": "x"}, True),
        ("that does not look at times", "key", {"differ": "none"}, True),
        ("that does, again", "key", {"differ": "metadata"}, False),
    ]
    for thing, key, attrs, whole in whose:
        asked, got = build(key, first, **attrs)
        c.check("a directory " + thing, asked == (all_files if whole else []) and
                got == meant(first), (asked, got))
    for thing in "a stranger's directory", "a stranger's, again":
        with stranger(address, directory) as via:
            asked, got = build("strange", first, via)
            c.check(thing, asked == all_files and got == meant(first), (asked, got))
            asked, got = build("strange", first, via)
            c.check(thing + ", on one connection", asked == [] and got == meant(first), (asked, got))
    commit = {"a": File(b"old", mtime=EARLIER)}
    build(None, commit)
    commit["a"].data = b"new"
    c.check("times of whole seconds, of any directory", build(None, commit) == (["a"], {"a": b"new"}))
    build("commit", commit)
    c.check("times of whole seconds, of one directory", build("commit", commit)[0] == [])

    asked, got = build("told", first, metadatatransfer="true", metadatatransferexclude='["**/b"]')
    rest, listed = got.pop(".fsutil-metadata", b""), []
    while len(rest) > 4:
        size = int.from_bytes(rest[:4], "little")
        listed.append(c.m.Stat.FromString(rest[4:4 + size]).path)
        rest = rest[4 + size:]
    c.check("what is listed in place of files", asked == ["dir/b"] and got == {"dir/b": b"two"} and
            listed == sorted(first, key=lambda p: p.replace("/", "\0")), (asked, got, listed))
    c.check("it, again", build("told", first, metadatatransfer="true")[0] == [])
    found = at_once(c, Tree, channel, definition, first, meant)
    c.check("two builds with one directory", all(found), found)
    in_the_middle(c, Tree, channel, definition, directory, server, build, first, meant)


def at_once(c, Tree, channel, definition, first, meant):
    """The first has not brought it yet when the second begins, and ends after that."""
    begun, go_on, found = threading.Event(), threading.Event(), []

    class Slow(Tree):
        def sync(self, requests, name, context):
            begun.set()
            go_on.wait(60)
            yield from super().sync(requests, name, context)
    other = {"a": File(b"other"), "only": File(b"here")}
    slow, quick = Slow(channel, "shared", first), Tree(channel, "shared", other)
    late = c.Build(channel, slow, Definition=definition(), Exporters=c.TAR)
    begun.wait(60)
    c.Build(channel, quick, Definition=definition(), Exporters=c.TAR).wait()
    go_on.set()
    late.wait()
    for session, tree in ((quick, other), (slow, first)):
        tar = session.results[0]
        found.append({n for n, member in c.names(tar).items() if not member.isdir()} ==
                     set(meant(tree)) and c.content(tar, "a") == tree["a"].data)
        session.close()
    return found


def in_the_middle(c, Tree, channel, definition, directory, server, build, first, meant):
    """What has not come whole comes again: its client has gone, or the server was killed."""
    with open("/proc/%d/cmdline" % server, "rb") as file:
        command = [word.decode() for word in file.read().split(b"\0")[:-1]]
    halves = command[command.index("--root") + 1] + "/cache-mounts/*/fs/dir/c"

    def half_there(session):
        """And so is all that was asked for before."""
        c.check("half a file", c.until(lambda: any(os.path.getsize(f) == 1
                                                   for f in glob.glob(halves))))

    def again(key):
        asked, got = build(key, first)
        return ("dir/c" in asked and "a" not in asked and "dir/b" not in asked and
                got == meant(first), (asked, got))

    session = Tree(channel, "middle", first)
    session.hold, session.dies = half_there, "dir/c"
    answer = c.Build(channel, session, Definition=definition(), Exporters=c.TAR).wait()
    session.close()
    good, found = again("middle")
    c.check("a client that goes in the middle", isinstance(answer, grpc.RpcError) and good, found)

    path = os.path.join(directory, "killed")
    killed = subprocess.Popen(command + ["--addr", "unix://" + path], stderr=subprocess.DEVNULL)
    c.check("another server", c.until(lambda: os.path.exists(path)))
    with grpc.insecure_channel("unix:" + path) as own:
        session = Tree(own, "killed", first)
        reached = threading.Event()

        def hold(session):
            half_there(session)
            reached.set()
            killed.wait(60)
        session.hold, session.dies = hold, "dir/c"
        threading.Thread(daemon=True, target=c.Build(own, session, Definition=definition(),
                                                     Exporters=c.TAR).wait).start()
        reached.wait(60)
        killed.kill()
        killed.wait(60)
    os.remove(path)
    c.check("a server that is killed in the middle", *again("killed"))

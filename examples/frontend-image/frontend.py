"""A frontend that is a program in an image.  The language is a list of files, one a line:

    # syntax=registry.example.org/team/files
    /etc/motd Welcome

It speaks BuildKit's LLBBridge, gRPC over HTTP/2, on its standard input and output: there is
nothing of tenon in it, and BuildKit runs the same image.
"""
import hashlib
import json
import os
import socket
import sys
import tempfile
import threading

import grpc


# ---- messages: fields of a number and a value; texts, bytes and messages all look alike ---------

def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def entry(key, value):
    return message((1, key), (2, value))


def find(data, number):
    """The first field of that number, of those that are bytes."""
    at = 0

    def number_at():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(data):
        tag = number_at()
        size = number_at()
        if tag & 7 != 2:
            continue
        if tag >> 3 == number:
            return data[at:at + size]
        at += size
    return b""


# ---- calls --------------------------------------------------------------------------------------

class Bridge:
    """grpcio wants a socket; two threads carry the bytes from there to the pipes and back."""

    def __init__(self):
        path = tempfile.mkdtemp() + "/socket"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        threading.Thread(target=self.carry, args=(listener,), daemon=True).start()
        self.channel = grpc.insecure_channel("unix:" + path)

    def carry(self, listener):
        peer, _ = listener.accept()
        threading.Thread(target=self.copy, daemon=True,
                         args=(lambda: os.read(0, 65536), peer.sendall)).start()
        self.copy(lambda: peer.recv(65536), sys.stdout.buffer.raw.write)

    @staticmethod
    def copy(read, write):
        data = read()
        while data:
            while data:
                data = data[write(data) or len(data):]
            data = read()

    def call(self, method, request):
        path = "/moby.buildkit.v1.frontend.LLBBridge/" + method
        return self.channel.unary_unary(path)(request)

    def solve(self, *ops):
        """A reference to what the last operation makes."""
        digest = "sha256:" + hashlib.sha256(ops[-1]).hexdigest()
        end = message((1, message((1, digest))))
        definition = message(*[(1, op) for op in ops], (1, end))
        answer = self.call("Solve", message((1, definition), (5, 1), (6, 1)))
        return find(find(find(answer, 3), 3), 1)


# ---- the language -------------------------------------------------------------------------------

class Mistake(Exception):
    pass


def parse(text):
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        path, _, content = line.partition(" ")
        if not path.startswith("/") or not content:
            raise Mistake("line %d: expected a path and a text: %s" % (number, line))
        yield path, content


def translate(text):
    """One operation, an action a file; each works on what the one before has left."""
    actions = []
    for path, content in parse(text):
        mkfile = message((1, path), (2, 0o644), (3, content), (5, 0))
        before = len(actions) - 1
        actions.append(((1, before), (2, -1), (5, mkfile)))
    if not actions:
        raise Mistake("no file is listed")
    outputs = [-1] * (len(actions) - 1) + [0]
    file_op = message(*[(2, message(*a[:2], (3, output), a[2])) for a, output in
                        zip(actions, outputs)])
    return message((4, file_op))


def main():
    options = dict(value.split("=", 1) for name, value in os.environ.items()
                   if name.startswith("BUILDKIT_FRONTEND_OPT_"))
    platform = json.loads(os.environ["BUILDKIT_WORKERS"])[0]["platforms"][0]
    bridge = Bridge()
    name = options.get("filename", "Dockerfile")
    local = message((1, "local://dockerfile"),
                    (2, entry("local.session", os.environ["BUILDKIT_SESSION_ID"])),
                    (2, entry("local.followpaths", json.dumps([name]))))
    ref = bridge.solve(message((3, local)))
    text = find(bridge.call("ReadFile", message((1, ref), (2, name))), 1).decode()
    try:
        ref = bridge.solve(translate(text))
    except Mistake as why:
        bridge.call("Return", message((2, message((1, 2), (2, "%s: %s" % (name, why))))))
        sys.exit(1)
    config = json.dumps({"architecture": platform["architecture"], "os": "linux", "config": {}})
    result = message((3, message((1, ref))), (10, entry("containerimage.config", config)))
    bridge.call("Return", message((1, result)))


main()

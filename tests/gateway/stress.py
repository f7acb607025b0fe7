"""What client.py does to a server all at once: clients with large contexts and results, one that
reads a byte a second, and one that takes its result when it likes to.  Nobody waits for those two,
and nothing of them stays.  No program."""
import os
import socket
import threading

import grpc

FREE = 1 << 16 # bytes that the slow one reads as fast as anybody: what it says of its window


class Relay:
    """A socket to the server, by which FREE bytes come as they are and then one in a second."""

    def __init__(self, server, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.server, self.path, self.over = server, path, threading.Event()
        self.slow = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        self.near, _ = self.listener.accept()
        self.far = socket.socket(socket.AF_UNIX)
        self.far.connect(self.server)
        threading.Thread(target=self.out, daemon=True).start()
        left = FREE
        try:
            while not self.over.is_set():
                data = self.far.recv(4096 if left > 0 else 1)
                if not data:
                    return
                self.near.sendall(data)
                left -= len(data)
                if left <= 0:
                    self.slow.set()
                    self.over.wait(1)
        except OSError:
            pass

    def out(self):
        try:
            while True:
                self.far.sendall(self.near.recv(65536) or self.end())
        except OSError:
            pass

    def end(self):
        raise OSError("the client has gone")

    def close(self):
        self.over.set()
        for end in (self.near, self.far, self.listener):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


def stress(client, address, directory, server):
    """TENON_SERVE_STRESS says how many clients, and of how many megabytes: 8 200 for the whole of
    it."""
    clients, megabytes = map(int, os.environ.get("TENON_SERVE_STRESS", "3 4").split())
    check = client.check
    before = client.held(server)

    class Session(client.Session):
        """Of results it counts the bytes; the first of them may have to wait."""
        wait = began = None

        def result(self, requests, metadata, context):
            wait, self.wait = self.wait, None
            taken = 0
            for part in requests:
                taken += len(part.data)
                if wait:
                    self.began.set()
                    wait.wait()
                    wait = None
            self.results.setdefault("bytes", []).append(taken)
            return iter(())

    def build(channel, session):
        return client.Build(channel, session, Frontend="dockerfile.v0", Exporters=client.TAR)

    def make(number):
        path = os.path.join(directory, "stress-%d" % number)
        os.mkdir(path)
        with open(path + "/Dockerfile", "w") as file:
            file.write("FROM scratch\nCOPY . /\n")
        with open(path + "/large", "wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1 << 20))
        return {"context": path, "dockerfile": path}

    relay = Relay(address[len("unix:"):], os.path.join(directory, "slow"))
    slow_channel = client.alone("unix:" + relay.path)
    slow = build(slow_channel, Session(slow_channel, make(0), {}))
    channels = [client.alone(address) for _ in range(clients - 1)]
    sessions = [Session(c, make(n + 1), {}) for n, c in enumerate(channels)]
    last = sessions[-1]
    held_up, last.began, last.wait = threading.Event(), threading.Event(), None
    last.wait = held_up
    builds = [build(c, s) for c, s in zip(channels, sessions)]
    check("a result that waits for its client", last.began.wait(600))
    beside = build(channels[-1], last) # through the same stream, whose other result stands still
    for b in builds[:-1] + [beside]:
        answer = b.wait()
        check("a build beside slow ones", not isinstance(answer, grpc.RpcError) and b.ended,
              str(answer))
    check("one that takes its time", not builds[-1].future.done())
    held_up.set()
    answer = builds[-1].wait()
    check("and has it all", not isinstance(answer, grpc.RpcError), str(answer))
    sizes = [size for s in sessions for size in s.results["bytes"]]
    check("all bytes", len(sizes) == clients and min(sizes) > megabytes << 20, sizes)
    check("one that reads a byte a second", relay.slow.wait(600) and not slow.future.done())
    relay.close()
    slow.wait()
    for s, c in zip(sessions, channels):
        s.close()
        c.close()
    slow_channel.close()
    check("nothing left of them", client.until(
        lambda: all(now <= then for now, then in zip(client.held(server), before))),
        (before, client.held(server)))

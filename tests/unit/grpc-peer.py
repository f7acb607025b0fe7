#!/usr/bin/python3
"""An independent gRPC (grpcio) for test-grpc-interop: messages are bytes.

grpc-peer.py server SOCKET           serves until its standard input ends
grpc-peer.py client SOCKET           calls each method; says what was wrong, and fails
"""
import sys
import threading

import grpc

BIG = 5 * 1024 * 1024
OPTIONS = [
    ("grpc.max_metadata_size", 32 * 1024 * 1024),
    ("grpc.absolute_max_metadata_size", 32 * 1024 * 1024),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.max_send_message_length", 32 * 1024 * 1024),
]
DETAILS = "grpc-status-details-bin"
TEXT = "100% \u00e4\u20ac\n no such thing "


def details(length):
    return bytes(i * 31 % 256 for i in range(256)) * (length // 256)


class Service(grpc.GenericRpcHandler):
    def service(self, call):
        kinds = {
            "Echo": grpc.unary_unary_rpc_method_handler(lambda m, c: m),
            "Many": grpc.unary_stream_rpc_method_handler(self.many),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(lambda ms, c: ms),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
        }
        return kinds.get(call.method.rsplit("/", 1)[1])

    def many(self, message, context):
        count, size = map(int, message.split())
        for i in range(count):
            yield bytes([i % 256]) * size

    def sum(self, messages, context):
        sizes = [len(m) for m in messages]
        return b"%d messages, %d bytes" % (len(sizes), sum(sizes))

    def fail(self, message, context):
        context.set_trailing_metadata(((DETAILS, message), ("x-trailer", "there")))
        context.abort(grpc.StatusCode.NOT_FOUND, TEXT)

    def wait(self, message, context):
        ended = threading.Event()
        if context.add_callback(ended.set):  # otherwise it has ended, and nobody would say so
            ended.wait()
        return b""


def server(path):
    from concurrent import futures

    s = grpc.server(futures.ThreadPoolExecutor(16), (Service(),), options=OPTIONS)
    if not s.add_insecure_port("unix:" + path):
        sys.exit("cannot listen")
    s.start()
    print("ready", flush=True)
    sys.stdin.read()
    s.stop(0).wait()


def expect(what, got, wanted):
    if got != wanted:
        sys.exit("%s: %.200r instead of %.200r" % (what, got, wanted))


def fails(what, code, function):
    try:
        function()
    except grpc.RpcError as error:
        expect(what, error.code(), code)
        return error
    sys.exit("%s: no error" % what)


def client(path):
    channel = grpc.insecure_channel("unix:" + path, options=OPTIONS)
    name = "/test.Test/%s"
    echo = channel.unary_unary(name % "Echo")
    for data in b"", b"x", bytes(range(256)) * 1000, b"big" * BIG:
        expect("Echo", echo(data), data)
    # Before any call is given up: such calls count until their methods are over.
    futures = [echo.future(b"%d" % i) for i in range(300)]
    expect("300 at once", [f.result() for f in futures], [b"%d" % i for i in range(300)])
    expect("Many", list(channel.unary_stream(name % "Many")(b"50 100000")),
           [bytes([i]) * 100000 for i in range(50)])
    expect("Sum", channel.stream_unary(name % "Sum")(iter([b"123"] * 1000)),
           b"1000 messages, 3000 bytes")
    parts = [bytes([i]) * 30000 for i in range(100)]
    expect("Chat", list(channel.stream_stream(name % "Chat")(iter(parts))), parts)

    import base64
    coded = base64.b64encode(TEXT.encode()).decode()
    for length in 0, 256, 1024 * 1024, BIG:
        error = fails("Fail", grpc.StatusCode.NOT_FOUND,
                      lambda: channel.unary_unary(name % "Fail")(
                          details(length), metadata=(("x-message", coded),)))
        expect("Fail's message", error.details(), TEXT)
        got = dict(error.trailing_metadata()).get(DETAILS, b"")
        expect("Fail's details", got == details(length), True)
    fails("unknown", grpc.StatusCode.UNIMPLEMENTED,
          lambda: channel.unary_unary(name % "None")(b""))
    fails("deadline", grpc.StatusCode.DEADLINE_EXCEEDED,
          lambda: channel.stream_stream(name % "Chat")(iter(threading.Event().wait, 1),
                                                       timeout=0.1).next())
    fails("compressed", grpc.StatusCode.UNIMPLEMENTED,
          lambda: echo(b"x" * 1000, compression=grpc.Compression.Gzip))

    # One is given up, and the next goes on.
    chat = channel.stream_stream(name % "Chat")(iter(threading.Event().wait, 1))
    chat.cancel()
    fails("cancel", grpc.StatusCode.CANCELLED, chat.next)
    expect("after all", echo(b"still there"), b"still there")
    channel.close()


if __name__ == "__main__":
    {"server": server, "client": client}[sys.argv[1]](sys.argv[2])

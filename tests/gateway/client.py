#!/usr/bin/python3
"""A client of `tenon serve`, for tests, which has nothing of ours: gRPC and messages are grpcio's
and protobuf's, and the tables were written from BuildKit's interface alone (frontend.py has those
of LLBBridge).  It says on standard error what it found: "ok THING", or "WRONG THING: why".

client.py unix:SOCKET DIRECTORY SERVER     all of it, in DIRECTORY; SERVER: the server's process
client.py stdio PROGRAM ARGUMENT...        the same connection on a program's pipes: Info
client.py tls ADDRESS DIRECTORY            Info with and without the certificate in DIRECTORY
client.py activated DIRECTORY PROGRAM ARGUMENT...   Info of a server that gets its socket
"""
import base64
import concurrent.futures
import http.server
import io
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import asked  # noqa: E402
import frontend  # noqa: E402
import grpc  # noqa: E402
import kept  # noqa: E402
import records  # noqa: E402
import sources  # noqa: E402
import stress  # noqa: E402

frontend.TABLES += """\
Bytes: 1 data bytes
Version: 1 package string, 2 version string, 4 dockerfileVersion string
Info: 1 buildkitVersion Version
Workers: 1 record WorkerRecord*
WorkerRecord: 1 ID string, 2 Labels string%, 3 platforms Platform*, 6 CDIDevices CDIDevice*
CDIDevice: 1 Name string, 2 AutoAllow bool, 3 Annotations string%
DiskUsage: 1 filter string*, 2 ageLimit int64
Usage: 1 record UsageRecord*
Exporter: 1 Type string, 2 Attrs string%
CacheOptions: 4 Exports Exporter*, 5 Imports Exporter*
ControlSolve: 1 Ref string, 2 Definition Definition, 3 Exporter string, 5 Session string, 6 Frontend string, 7 FrontendAttrs string%, 8 Cache CacheOptions, 9 Entitlements string*, 10 FrontendInputs Definition%, 12 SourcePolicy Policy, 13 Exporters Exporter*, 14 EnableSessionExporter bool, 15 SourcePolicySession string, 16 CompatibilityVersion int64
Selector: 1 identifier string
Rule: 1 action int32, 2 selector Selector
Policy: 1 version int64, 2 rules Rule*
Solved: 1 ExporterResponse string%
StatusRequest: 1 Ref string
Time: 1 seconds int64, 2 nanos int32
Vertex: 1 digest string, 2 inputs string*, 3 name string, 4 cached bool, 5 started Time, 6 completed Time, 7 error string
VertexStatus: 1 ID string, 2 vertex string, 3 name string, 4 current int64
VertexLog: 1 vertex string, 3 stream int64, 4 msg bytes
VertexWarning: 1 vertex string, 3 short bytes, 6 info SourceInfo, 7 ranges Range*
StatusResponse: 1 vertexes Vertex*, 2 statuses VertexStatus*, 3 logs VertexLog*, 4 warnings VertexWarning*
Id: 1 ID string
Secret: 1 data bytes
Find: 1 metadata bytes%, 2 refs string*
Found: 1 exporters Exporter*
Finalize: 1 ExporterResponse string%
TokenAuthority: 1 Host string, 2 Salt bytes
PublicKey: 1 PublicKey bytes
FetchToken: 1 ClientID string, 2 Host string, 3 Realm string, 4 Service string, 5 Scopes string*
Token: 1 Token string, 2 ExpiresIn int64, 3 IssuedAt int64
Credentials: 1 Username string, 2 Secret string
ReadContent: 1 digest string
ContentPiece: 2 data bytes
WriteContent: 1 action int32, 2 ref string, 3 total int64, 4 expected string, 5 offset int64, 6 data bytes
WrittenContent: 1 action int32, 4 offset int64
Packet: 1 type int32, 2 stat Stat, 3 ID uint32, 4 data bytes
"""
frontend.TABLES += records.TABLES + sources.TABLES
m = frontend.Messages()
NONE = getattr(m, "None")
say, check = frontend.say, frontend.check
CONTROL = "/moby.buildkit.v1.Control/"
BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
STAT, REQ, DATA, FIN = range(4)
GO_DIR, GO_LINK, GO_FIFO = 1 << 31, 1 << 27, 1 << 25


def encode(message):
    return message.SerializeToString()


def call(channel, method, request, answer, metadata=()):
    """A unary call; its answer, or the RpcError."""
    stub = channel.unary_unary(method, request_serializer=encode,
                               response_deserializer=answer.FromString)
    try:
        return stub(request, timeout=60, metadata=metadata)
    except grpc.RpcError as error:
        return error


# ---- a session -------------------------------------------------------------


def walk(directory):
    """What is in it, as the protocol orders it: '/' before all others."""
    found = []
    for where, dirs, files in os.walk(directory):
        for name in dirs + files:
            path = os.path.join(where, name)
            found.append((os.path.relpath(path, directory), os.lstat(path), path))
    return sorted(found, key=lambda f: f[0].replace("/", "\0"))


class Session(grpc.GenericRpcHandler):
    """What a client has: directories, secrets, places for results.  grpcio wants a socket for its
    server: two threads carry the bytes between that and the stream."""

    def __init__(self, channel, directories, secrets, hostile=None, deaf=False, metadata=()):
        self.id = str(uuid.uuid4())
        self.directories, self.secrets, self.hostile = directories, secrets, hostile
        self.uploads = {}
        self.deaf, self.stores, self.read = deaf, {}, []
        self.choose = self.finalize = None
        self.authority, self.tokens, self.credentials, self.user = None, [], [], "me"
        self.results, self.followed, self.wants_tree, self.refuses = {}, {}, False, None
        self.told = {}
        self.policy = None # what decides about sources
        path = os.path.join(tempfile.mkdtemp(), "socket")
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((self,))
        self.server.add_insecure_port("unix:" + path)
        self.server.start()
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.connect(path)
        metadata = list(metadata) + [("x-docker-expose-session-uuid", self.id)] + [
            ("x-docker-expose-session-grpc-method", name) for name in (
                "/moby.filesync.v1.FileSync/DiffCopy", "/moby.filesync.v1.FileSend/DiffCopy",
                "/moby.buildkit.secrets.v1.Secrets/GetSecret",
                "/moby.exporter.v1.Exporter/FindExporters",
                "/moby.exporter.v1.Exporter/FinalizeExport", "/moby.filesync.v1.Auth/FetchToken", "/moby.filesync.v1.Auth/GetTokenAuthority",
                "/moby.filesync.v1.Auth/Credentials",
                sources.CHECK_POLICY,
                "/moby.upload.v1.Upload/Pull", "/containerd.services.content.v1.Content/Read",
                "/containerd.services.content.v1.Content/Write")]
        stream = channel.stream_stream(CONTROL + "Session", request_serializer=encode,
                                       response_deserializer=m.Bytes.FromString)
        self.stream = stream(self.send(), metadata=metadata)
        threading.Thread(target=self.receive, daemon=True).start()

    def send(self):
        while True:
            data = self.peer.recv(65536)
            if not data:
                return
            yield m.Bytes(data=data)

    def receive(self):
        try:
            for message in self.stream:
                if self.deaf:
                    continue
                self.peer.sendall(message.data)
        except (grpc.RpcError, OSError):
            pass

    def close(self):
        self.peer.shutdown(socket.SHUT_RDWR)
        self.server.stop(None)

    def service(self, details):
        name = details.method
        metadata = dict(details.invocation_metadata)
        if name.endswith("FileSync/DiffCopy"):
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: self.sync(requests, metadata["dir-name"], context),
                m.Packet.FromString, encode)
        if name.endswith("FileSend/DiffCopy"):
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: self.result(requests, metadata, context),
                (lambda data: data) if self.wants_tree else m.Bytes.FromString, encode)
        if name.endswith("Upload/Pull"):
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: self.pull(metadata["urlhost"], metadata["urlpath"],
                                                    context), m.Bytes.FromString, encode)
        if name.endswith("Content/Read"):
            return grpc.unary_stream_rpc_method_handler(
                lambda request, context: self.give(request, self.stores.get(
                    metadata["buildkit-attachable-store-id"], {}), context),
                m.ReadContent.FromString, encode)
        if name.endswith("Content/Write"):
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: self.take(requests, self.stores.setdefault(
                    metadata["buildkit-attachable-store-id"], {}), context),
                m.WriteContent.FromString, encode)
        if name == sources.CHECK_POLICY:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: self.policy(request, context),
                m.PolicyQuestion.FromString, encode)
        if name.endswith("GetSecret"):
            return grpc.unary_unary_rpc_method_handler(self.secret, m.Id.FromString, encode)
        if name.endswith("FindExporters") and self.choose:
            return grpc.unary_unary_rpc_method_handler(self.choose, m.Find.FromString, encode)
        if name.endswith("FinalizeExport") and self.finalize:
            return grpc.unary_unary_rpc_method_handler(self.finalize, m.Finalize.FromString, encode)
        if name.endswith("Auth/GetTokenAuthority") and self.authority is not None:
            return grpc.unary_unary_rpc_method_handler(self.has_authority,
                                                       m.TokenAuthority.FromString, encode)
        if name.endswith("Auth/FetchToken"):
            return grpc.unary_unary_rpc_method_handler(self.token, m.FetchToken.FromString, encode)
        if name.endswith("Auth/Credentials"):
            return grpc.unary_unary_rpc_method_handler(self.password, m.Id.FromString, encode)
        return None

    def has_authority(self, request, context):
        if not self.authority:
            context.abort(grpc.StatusCode.UNAVAILABLE, "no tokens from here")
        return m.PublicKey(PublicKey=self.authority)

    def token(self, request, context):
        self.tokens.append(request)
        if request.Service == "refused":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for that one")
        return m.Token(Token="t0ken-of-client", ExpiresIn=60)

    def password(self, request, context):
        self.credentials.append(request.ID)
        return m.Credentials(Username=self.user, Secret="passw0rd")

    def secret(self, request, context):
        if request.ID not in self.secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, "not here")
        return m.Secret(data=self.secrets[request.ID])

    def pull(self, host, path, context):
        """Once: a client's standard input is gone then."""
        if host != "buildkit-session" or path[1:] not in self.uploads:
            context.abort(grpc.StatusCode.NOT_FOUND, "no " + path)
        data = self.uploads.pop(path[1:])
        for at in range(0, len(data), 1000):
            yield m.Bytes(data=data[at:at + 1000])

    def give(self, request, store, context):
        self.read.append(request.digest)
        if request.digest not in store:
            context.abort(grpc.StatusCode.NOT_FOUND, "no " + request.digest)
        data = store[request.digest]
        for at in range(0, len(data), 100000):
            yield m.ContentPiece(data=data[at:at + 100000])

    def take(self, requests, store, context):
        """As containerd: pieces follow each other, and a commit says how many bytes and which."""
        data = b""
        for request in requests:
            if request.expected in store:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "it is there")
            if request.offset != len(data) or not request.ref:
                context.abort(grpc.StatusCode.OUT_OF_RANGE, "at %d" % request.offset)
            data += request.data
            if request.action == 2:
                found = "sha256:" + frontend.hashlib.sha256(data).hexdigest()
                if request.total != len(data) or request.expected != found:
                    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it is " + found)
                store[found] = data
            yield m.WrittenContent(action=request.action, offset=len(data))

    def tree(self, requests):
        """A directory as a result: everything is asked for, the last first."""
        entries, files, packet = [], {}, None
        for data in requests:
            packet = m.Packet.FromString(data)
            if not packet.HasField("stat"):
                break
            entries.append(packet.stat)
        wanted = [n for n, stat in enumerate(entries)
                  if not stat.mode & (GO_DIR | GO_LINK | GO_FIFO) and not stat.linkname]
        for number in reversed(wanted):
            yield m.Packet(type=REQ, ID=number)
            parts = []
            for data in requests:
                packet = m.Packet.FromString(data)
                if not packet.data:
                    break
                parts.append(packet.data)
            files[entries[number].path] = b"".join(parts)
        yield m.Packet(type=FIN)
        check("the end of a directory", [m.Packet.FromString(data).type for data in requests] == [FIN])
        self.entries, self.files = {stat.path: stat for stat in entries}, files
        self.order = [stat.path for stat in entries]

    def result(self, requests, metadata, context):
        number = int(metadata["buildkit-attachable-exporter-id"])
        if self.refuses:
            return self.refuses(context)
        if self.wants_tree:
            self.all_platforms = metadata.get("buildkit-exporter-multi-platform") == "1"
            return self.tree(requests)
        self.told[number] = {k: v for k, v in metadata.items() if k.startswith("exporter-md-")}
        self.results[number] = b"".join(part.data for part in requests)
        return iter(())

    def sync(self, requests, name, context):
        if name not in self.directories:
            context.abort(grpc.StatusCode.NOT_FOUND, "no access allowed to dir " + name)
        files = walk(self.directories[name])
        asked = context.invocation_metadata()
        follow = {value for key, value in asked if key == "followpaths"}
        self.followed[name] = follow | self.followed.get(name, set())
        if self.hostile and name == "context":
            yield from self.hostile()
        else:
            for path, st, full in files:
                mode = st.st_mode & 0o777
                for bit, go in ((0o4000, 23), (0o2000, 22), (0o1000, 20)):
                    mode |= bool(st.st_mode & bit) << go
                link = ""
                if os.path.islink(full):
                    mode, link = mode | GO_LINK, os.readlink(full)
                elif os.path.isdir(full):
                    mode |= GO_DIR
                elif not os.path.isfile(full):
                    mode |= GO_FIFO
                yield m.Packet(type=STAT, stat=m.Stat(path=path, mode=mode, size=st.st_size,
                                                      modTime=st.st_mtime_ns, linkname=link))
        yield m.Packet(type=STAT)
        for packet in requests:
            if packet.type == FIN:
                yield m.Packet(type=FIN)
                return
            if packet.type == REQ:
                with open(files[packet.ID][2], "rb") as file:
                    for data in iter(lambda: file.read(32768), b""):
                        yield m.Packet(type=DATA, ID=packet.ID, data=data)
                yield m.Packet(type=DATA, ID=packet.ID)


# ---- builds ----------------------------------------------------------------


class Build:
    """One Solve, and what its Status tells; both at once, as clients do."""

    def __init__(self, channel, session=None, drive=None, ref=None, **fields):
        self.channel, self.ref = channel, ref or uuid.uuid4().hex
        self.vertexes, self.logs, self.ended, self.warnings = {}, b"", False, []
        self.starts = {}
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        solve = channel.unary_unary(CONTROL + "Solve", request_serializer=encode,
                                    response_deserializer=m.Solved.FromString)
        request = m.ControlSolve(Ref=self.ref, Session=session.id if session else "", **fields)
        self.future = solve.future(request, timeout=120)
        if drive:
            drive(self)
        self.watcher = watcher

    def wait(self):
        try:
            self.answer = self.future.result()
        except grpc.RpcError as error:
            self.answer = error
        self.watcher.join(30)
        return self.answer

    def watch(self):
        stub = self.channel.unary_stream(CONTROL + "Status", request_serializer=encode,
                                         response_deserializer=m.StatusResponse.FromString)
        try:
            for part in stub(m.StatusRequest(Ref=self.ref), timeout=120):
                for v in part.vertexes:
                    self.vertexes[v.digest] = v
                    if v.HasField("started"):
                        self.starts.setdefault(v.digest, set()).add(encode(v.started))
                self.warnings += part.warnings
                self.logs += b"".join(log.msg for log in part.logs)
            self.ended = True
        except grpc.RpcError as error:
            say("status: %s" % error.details())

    def bridge(self, method, request, answer):
        return call(self.channel, BRIDGE + method, request, answer,
                    (("buildkit-controlapi-buildid", self.ref),))


TAR = [m.Exporter(Type="tar")]


def names(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


def content(data, name):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.extractfile(name).read()


def refused(thing, answer, code, text):
    check(thing, isinstance(answer, grpc.RpcError) and answer.code() == code and
          text in answer.details(),
          answer.details() if isinstance(answer, grpc.RpcError) else "it was taken")


def defined(op):
    """A definition: one operation."""
    data = encode(op)
    digest = "sha256:" + frontend.hashlib.sha256(data).hexdigest()
    last = m.Op(inputs=[m.Input(digest=digest, index=0)])
    return m.Definition(**{"def": [data, encode(last)]})


def write_file(text, name="/made"):
    """One file."""
    return defined(m.Op(file=m.FileOp(actions=[m.Action(input=-1, secondaryInput=-1, output=0,
                                              mkfile=m.Mkfile(path=name, mode=0o644, data=text,
                                                              timestamp=-1))])))


def questions(channel):
    info = call(channel, CONTROL + "Info", NONE(), m.Info)
    check("Info", info.buildkitVersion.package == "tenon")
    workers = call(channel, CONTROL + "ListWorkers", NONE(), m.Workers)
    check("ListWorkers", workers.record[0].ID and workers.record[0].platforms[0].OS == "linux")
    usage = call(channel, CONTROL + "DiskUsage", m.DiskUsage(filter=[""]), m.Usage)
    check("DiskUsage", isinstance(usage, m.Usage), usage)
    health = call(channel, "/grpc.health.v1.Health/Check", m.HealthRequest(), m.HealthResponse)
    check("Health", health.status == 1)
    unimplemented, unknown = grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNKNOWN
    refused("a method that is not there", call(channel, CONTROL + "Nope", NONE(),
                                               m.Usage), unimplemented, "Control/Nope")
    table = [
        ("an attestation of no name", dict(FrontendAttrs={"attest:x": ""}), unknown,
         'unknown attestation type "x"'),
        ("a generator of no name", dict(FrontendAttrs={"attest:sbom": "generator="}), unknown,
         "sbom generator cannot be empty"),
        ("an attestation with an open quote", dict(FrontendAttrs={"attest:provenance": '"a'}),
         unknown, "failed to parse provenance"),
        ("an entitlement of no name", dict(Entitlements=["x"]), unknown, "unknown entitlement x"),
        ("an entitlement that is not given", dict(Entitlements=["security.insecure"]),
         unknown, "granting entitlement security.insecure is not allowed by build daemon "
         "configuration"),
        ("a frontend of no name", dict(Frontend="x"), grpc.StatusCode.NOT_FOUND, '"x"'),
        ("an exporter of no name", dict(Frontend="dockerfile.v0",
                                        Exporters=[m.Exporter(Type="nope")]),
         unknown, "nope"),
        ("a result without a session", dict(Frontend="dockerfile.v0", Exporters=TAR),
         unknown, "without a session"),
        ("a version that is not there", dict(Frontend="dockerfile.v0", CompatibilityVersion=31),
         unknown, "compatibility-version 31"),
        ("a build without a session", dict(Frontend="dockerfile.v0"), unknown,
         "without a session"),
    ]
    for thing, fields, code, text in table:
        refused(thing, Build(channel, **fields).wait(), code, text)
    refused("a build without a name", call(channel, CONTROL + "Solve", m.ControlSolve(),
                                           m.Solved), grpc.StatusCode.INVALID_ARGUMENT, "Ref")
    refused("a call of no build", call(channel, BRIDGE + "Ping", NONE(), m.Pong),
            grpc.StatusCode.UNKNOWN, "no buildid found in context")


def limits(address, channel):
    """One more than there may be.  The name of a build that is refused is free again at once."""
    many, spare = dict.fromkeys(map(str, range(1001)), ""), uuid.uuid4().hex
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    table = [
        ("exporters", dict(Exporters=TAR * 33), exhausted, "32 exporters"),
        ("options", dict(FrontendAttrs=many), exhausted, "1000 options"),
        ("entitlements", dict(Entitlements=list(many)), exhausted, "1000 options"),
        ("attributes of an exporter", dict(Exporters=[m.Exporter(Type="tar", Attrs=many)]),
         exhausted, "1000 attributes"),
        ("caches", dict(Cache=m.CacheOptions(Imports=[m.Exporter(Type="local")] * 65)),
         exhausted, "64 caches"),
        ("attributes of a cache", dict(Cache=m.CacheOptions(Exports=[m.Exporter(
            Type="local", Attrs=many)])), exhausted, "1000 attributes"),
        ("bytes of a message", dict(FrontendAttrs={"a": "x" * (16 << 20)}), exhausted,
         "16777216 bytes"),
        ("bytes of a name", dict(Ref="x" * 257), grpc.StatusCode.INVALID_ARGUMENT,
         "1 to 256 bytes"),
    ]
    for thing, fields, code, text in table:
        refused("too many " + thing, call(channel, CONTROL + "Solve", m.ControlSolve(
            **{"Ref": spare, "Frontend": "dockerfile.v0", **fields}), m.Solved), code, text)
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    clients, let_in = [], True
    while let_in and len(clients) <= 250: # the server says something, or goodbye
        clients.append(socket.socket(socket.AF_UNIX))
        try:
            clients[-1].connect(address[len("unix:"):])
            clients[-1].sendall(greeting)
            let_in = clients[-1].recv(1)
        except ConnectionError:
            let_in = False
    check("too many clients", not let_in and len(clients) > 200, len(clients))
    for client in clients:
        client.close()
    check("who may come again", until(lambda: not isinstance(call(
        alone(address), CONTROL + "Info", NONE(), m.Info), grpc.RpcError)))


def with_frontend(channel, session):
    """A Dockerfile, with a context, a secret, output, and a link."""
    build = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR)
    answer = build.wait()
    check("a Dockerfile", not isinstance(answer, grpc.RpcError), str(answer))
    tar = session.results.pop(0, b"")
    single = Build(channel, session, Frontend="dockerfile.v0", Exporter="tar")
    check("an exporter as it once was named", not isinstance(single.wait(), grpc.RpcError) and
          names(session.results.pop(0)).keys() == names(tar).keys(), str(single.answer))
    event = next(channel.unary_stream(CONTROL + "ListenBuildHistory", request_serializer=encode,
                                      response_deserializer=m.HistoryEvent.FromString)(
        m.History(Ref=single.ref, EarlyExit=True), timeout=60))
    check("and its record", [x.Type for x in event.record.Exporters] == ["tar"], event)
    check("a context", content(tar, "dir/hello") == b"hello\n")
    check("a large file", len(content(tar, "dir/large")) == 1 << 20)
    check("a link", names(tar)["dir/link"].linkname == "hello")
    check("a mode", names(tar)["dir/hello"].mode == 0o640)
    check("what is wanted of a directory", "Dockerfile" in session.followed["dockerfile"] and
          ".dockerignore" in session.followed["context"], session.followed)
    check("other modes", names(tar)["dir/set"].mode == 0o6755 and
          names(tar)["dir/sticky"].mode == 0o1777 and names(tar)["dir/pipe"].mode == 0o666)
    check("a secret", content(tar, "secret") == b"s3cret")
    check("what is ignored", "dir/ignored" not in names(tar))
    check("output", b"out here\n" in build.logs and b"err here\n" in build.logs)
    done = [v for v in build.vertexes.values() if v.HasField("completed")]
    check("steps", len(done) == len(build.vertexes) >= 5 and
          any("COPY" in v.name for v in done), [v.name for v in build.vertexes.values()])
    check("one start", all(len(s) == 1 for s in build.starts.values()), build.starts)
    check("the end of the status", build.ended)
    late = Build.__new__(Build)
    late.channel, late.ref, late.vertexes, late.starts = channel, build.ref, {}, {}
    late.warnings = []
    late.logs, late.ended = b"", False
    late.watch()
    check("a status that is asked for late", late.ended and late.logs == build.logs and
          late.vertexes.keys() == build.vertexes.keys())
    again = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR)
    again.wait()
    check("the cache", sum(v.cached for v in again.vertexes.values()) >= 2)
    old = Build(channel, session, Frontend="dockerfile.v0", CompatibilityVersion=20,
                Exporters=[m.Exporter(Type="image", Attrs={"name": "example.org/old:1"})]).wait()
    made = json.loads(base64.b64decode(old.ExporterResponse["containerimage.descriptor"]))
    check("an older version", made["mediaType"].startswith("application/vnd.docker."), made)
    check("the same files", names(session.results.pop(0)).keys() == names(tar).keys())


def gone(channel, session):
    """A session that is none, and a secret that is too large for a step."""
    refused("a session that is gone", call(channel, CONTROL + "Solve", m.ControlSolve(
        Ref=uuid.uuid4().hex, Session="gone", Definition=write_file(b"x")), m.Solved),
        grpc.StatusCode.UNKNOWN, "no active session for gone")
    session.secrets["huge"] = b"x" * (500 * 1024 + 1)
    answer = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs={"target": "huge"}).wait()
    refused("a secret that is too large", answer, grpc.StatusCode.UNKNOWN,
            "secret huge too big. max size 500KB")


def by_anybody(channel, session):
    build = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs={"target": "anybody"})
    answer = build.wait()
    check("a context for any user", not isinstance(answer, grpc.RpcError) and
          b"AS anybody" in build.logs, str(answer))


def as_directory(channel, session):
    session.wants_tree = True
    answer = Build(channel, session, Frontend="dockerfile.v0",
                   Exporters=[m.Exporter(Type="local")]).wait()
    session.wants_tree = False
    check("a directory as a result", not isinstance(answer, grpc.RpcError), str(answer))
    check("its files", session.files["dir/hello"] == b"hello\n" and
          len(session.files["dir/large"]) == 1 << 20 and session.files["dir/set"] == b"")
    check("its entries", session.entries["dir/link"].linkname == "hello" and
          session.entries["dir/hello"].mode == 0o640 and
          session.entries["dir/sticky"].mode == GO_DIR | 1 << 20 | 0o777)
    check("two names of one file", session.entries["kept/one"].linkname == "" and
          session.entries["kept/two"].linkname == "kept/one" and
          session.files["kept/one"] == b"one\n", session.entries["kept/two"])
    check("its times", session.entries["dir/hello"].modTime == os.stat(
        session.directories["context"] + "/hello").st_mtime_ns == 1577934245123456789,
        session.entries["dir/hello"])
    check("its order", session.order == sorted(session.order, key=lambda p: p.replace("/", "\0")))
    session.wants_tree = True
    answer = Build(channel, session, Frontend="dockerfile.v0",
                   Exporters=[m.Exporter(Type="local", Attrs={"mode": "delete"})]).wait()
    session.wants_tree = False
    check("a directory that is to lose files", not isinstance(answer, grpc.RpcError) and
          session.all_platforms and "dir/hello" in session.entries, str(answer))


def unknown_options(channel, session):
    """What we know nothing of says something about the result, or nothing at all."""
    def build(**attrs):
        answer = Build(channel, session, Definition=write_file(b"x"),
                       Exporters=[m.Exporter(Type="oci", Attrs=attrs)]).wait()
        check("options that are %s" % sorted(attrs), not isinstance(answer, grpc.RpcError), answer)
        tar = session.results.pop(0)
        return b"".join(content(tar, name) for name, member in names(tar).items()
                        if name.startswith("blobs/sha256/") and member.size < 10000)

    text = build(**{"containerimage.config": '{"architecture":"amd64","os":"linux","config":'
                    '{"Env":["GIVEN=so"]},"rootfs":{"type":"layers"}}', "annotation.a.b": "kept",
                    "some.option": "x"})
    check("a configuration by an option", b"GIVEN=so" in text and b"kept" in text)


def documents(tar):
    """The small blobs of a layout, one after the other."""
    return b"".join(content(tar, name) for name, member in names(tar).items()
                    if name.startswith("blobs/sha256/") and member.size < 1 << 18)


def machine(address, *said):
    """What a machine says of itself is in the provenance of what is built there; its devices."""
    channel = grpc.insecure_channel(address)
    devices = call(channel, CONTROL + "ListWorkers", NONE(), m.Workers).record[0].CDIDevices
    check("the devices", [(d.Name, d.AutoAllow, dict(d.Annotations)) for d in devices] == [
        ("vendor.com/dev=a", True, {"org.mobyproject.buildkit.device.autoallow": "true", "is": "own"}),
        ("vendor.com/dev=b", True, {"org.mobyproject.buildkit.device.autoallow": "true", "is": "all"})],
        devices)
    session = Session(channel, {}, {})
    Build(channel, session, Definition=write_file(b"x"), Exporters=[m.Exporter(Type="oci")],
          FrontendAttrs={"attest:provenance": "mode=min"}, Entitlements=["device"]).wait()
    text = documents(session.results.pop(0))
    for member in said:
        check("provenance with " + member, member.encode() in text, text)
    session.close()


def attested(channel, session):
    """What is said of an image goes into its layout; what is inline only, into images alone."""
    def layout(stale, **options):
        attrs = {"target": "made", "local-sessionid": stale, "vcs:source": "", "vcs:revision": "4321"}
        attrs.update(("attest:" + key, value) for key, value in options.items())
        answer = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs=attrs,
                       Exporters=[m.Exporter(Type="oci")]).wait()
        check("a layout with %s" % options, not isinstance(answer, grpc.RpcError), str(answer))
        return documents(session.results.pop(0))

    # Sessions that are gone, of an id before and one after ours in a list of options.
    text = layout("!", provenance="mode=max,capture-usage=true", sbom="type=sbom,disabled=false")
    check("provenance", b"https://slsa.dev/provenance/v1" in text)
    said = [word for word in ("local-sessionid", "local.session", session.id) if word.encode() in text]
    check("the steps of a context", b"local://context" in text)
    close = text.replace(b" ", b"").replace(b"\n", b"")
    check("what is known of its repository", b'"revision":"4321"' in close and
          b'"source":""' not in close, text)
    check("without which session it was", not said, said)
    info = call(channel, CONTROL + "Info", NONE(), m.Info)
    check("the version of Dockerfiles", b"dockerfileVersion" in text and
          b'"%s"' % info.buildkitVersion.dockerfileVersion.encode() in text, str(info))
    check("a bill of materials", b"https://spdx.dev/Document" in text)
    text = layout("~", provenance="mode=min,inline-only=true")
    check("provenance that is inline only", b"https://slsa.dev/provenance" not in text)


def entitled(channel, session):
    """The server gives network.host, and only to who asks for it."""
    attrs = {"target": "made", "force-network-mode": "host"}
    answer = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs=attrs).wait()
    refused("a network that was not asked for", answer, grpc.StatusCode.UNKNOWN,
            "network.host is not allowed")
    answer = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs=attrs,
                   Entitlements=["network.host"]).wait()
    check("an entitlement", not isinstance(answer, grpc.RpcError), str(answer))


def by_content(channel, session):
    """Layouts and caches that the client keeps, as blobs by their digests."""
    def build(target, *exporters, cache=None, **attrs):
        attrs["target"] = target
        answer = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs=attrs,
                       Exporters=exporters, Cache=cache).wait()
        return answer, getattr(answer, "ExporterResponse", {})

    local = m.Exporter(Type="local", Attrs={"dest": "some/where", "mode": "max"})
    layout = m.Exporter(Type="oci", Attrs={"tar": "false"})
    answer, told = build("made", layout, cache=m.CacheOptions(Exports=[local]))
    check("a layout and a cache", not isinstance(answer, grpc.RpcError), str(answer))
    made = told["containerimage.digest"]
    check("the blobs of a layout", made in session.stores["export"] and
          len(session.stores["export"]) >= 3)
    cached = json.loads(told["cache.manifest"])["digest"]
    check("the blobs of a cache", cached in session.stores["local:some/where"])
    answer, _ = build("made", layout)
    check("blobs that are there", not isinstance(answer, grpc.RpcError), str(answer))
    two = [m.Action(input=-1, secondaryInput=-1, output=i, mkfile=m.Mkfile(
        path="/made", mode=0o644, data=b"%d" % i, timestamp=-1)) for i in range(2)]
    op = encode(m.Op(file=m.FileOp(actions=two)))
    second = m.Definition(**{"def": [op, encode(m.Op(inputs=[m.Input(digest=hashed(op).digest,
                                                                   index=1)]))]})
    least = m.Exporter(Type="local", Attrs={"dest": "least", "mode": "min"})
    answer = Build(channel, session, Definition=second,
                   Cache=m.CacheOptions(Exports=[least])).wait()
    manifest = json.loads(answer.ExporterResponse["cache.manifest"])["digest"]
    check("a cache of a step with results beside the image",
          len(json.loads(session.stores["local:least"][manifest])["layers"]) == 2)
    other = "sha256:" + "1" * 64 # nobody has it: the build goes on without
    local = m.Exporter(Type="local", Attrs={"src": "some/where", "digest": other})
    answer, _ = build("base", cache=m.CacheOptions(Imports=[local]))
    check("a cache of files", not isinstance(answer, grpc.RpcError), str(answer))
    check("its document", other in session.read)
    session.stores["oci:mine"] = dict(session.stores["export"])
    name = "context:example.invalid/x"
    answer, _ = build("laid", TAR[0], **{name: "oci-layout://mine@" + made})
    check("a layout to build from", not isinstance(answer, grpc.RpcError), str(answer))
    check("its files", content(session.results.pop(0), "secret") == b"s3cret")
    doctored = b'{"schemaVersion": 2}'
    digest = "sha256:" + "0" * 64
    session.stores["oci:mine"] = {digest: doctored}
    answer, _ = build("laid", **{name: "oci-layout://mine@" + digest})
    check("a blob that is another", isinstance(answer, grpc.RpcError) and
          digest[:20] in answer.details(), str(answer))
    answer, _ = build("laid", **{name: "oci-layout://none@" + digest})
    check("a layout that is not there", isinstance(answer, grpc.RpcError), str(answer))


def by_upload(channel, session):
    """A context on the client's standard input."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in (("Dockerfile", b"FROM scratch AS Named\nCOPY given /\n"
                        b"# https://me:hush@example.org/\n"), ("given", b"so")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    session.uploads["name"] = packed.getvalue()
    for name, good in (("absent", False), ("name", True)):
        build = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR, FrontendAttrs={
            "context": "http://buildkit-session/" + name})
        answer = build.wait()
        check("an upload: %s" % name, good != isinstance(answer, grpc.RpcError), str(answer))
    check("what is in it", content(session.results.pop(0), "given") == b"so")
    warning, = build.warnings
    check("nothing hidden in a file", b"hush" not in warning.info.data, warning)
    check("where a warning is", b"StageNameCasing" in warning.short and
          warning.info.filename == "Dockerfile" and warning.info.data.startswith(b"FROM ") and
          [(r.start.line, r.end.line) for r in warning.ranges] == [(1, 1)], build.warnings)


def by_policy(channel, session):
    """Sources that the client does not want."""
    for thing, rule, text in (
            ("a source that is denied", m.Rule(action=1, selector=m.Selector(
                identifier="local://*")), "denied by policy"),
            ("a rule about nothing", m.Rule(action=1), "invalid nil selector in policy"),
            ("a rule that means nothing", m.Rule(action=9000, selector=m.Selector(
                identifier="x")), "9000")):
        refused(thing, Build(channel, session, Frontend="dockerfile.v0", SourcePolicy=m.Policy(
            version=1, rules=[rule])).wait(), grpc.StatusCode.UNKNOWN, text)


def by_token(channel, directory):
    """A registry wants a token: the client has it, or tells us its password."""
    seen, told, service = [], [], ["service"]

    class Registry(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path.split("?")[0], self.headers.get("Authorization", "")))
            body = b'{"token": "t0ken-of-registry"}' if self.path.startswith("/token") else b"{}"
            if self.path.startswith("/token"):
                self.send_response(200)
            elif self.headers.get("Authorization", "").startswith("Bearer t0ken-of-"):
                self.send_response(404)
            else:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Bearer realm="http://%s/token",service="%s",'
                                 'scope="repository:x:pull"' % (host, service[0]))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        do_HEAD = do_GET

        def do_POST(self):
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def log_message(self, *words):
            pass
    registry = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    host = "127.0.0.1:%d" % registry.server_port
    threading.Thread(target=registry.serve_forever, daemon=True).start()

    def pull(authority, user="me"):
        session = Session(channel, {}, {})
        session.authority, session.user = authority, user
        del seen[:]
        op = m.Op(source=m.SourceOp(identifier="docker-image://%s/x:1" % host))
        answer = Build(channel, session, Definition=defined(op), Exporters=TAR).wait()
        session.close()
        return session, answer.details(), {auth for path, auth in seen if path.startswith("/v2")}

    session, text, shown = pull(b"k" * 32)
    asked = session.tokens[0] if session.tokens else None
    check("a token of the client", "not found" in text and "Bearer t0ken-of-client" in shown and
          asked and (asked.Host, asked.Realm, asked.Service) == (host, "http://%s/token" % host,
                                                                 "service") and
          "repository:x:pull" in asked.Scopes, (text, shown, str(asked)))
    check("its password stays there", not session.credentials and
          "/token" not in [path for path, _ in seen], seen)
    for thing, authority in (("a client without tokens", b""), ("a client that knows none", None)):
        session, text, shown = pull(authority)
        check(thing, session.credentials == [host] * len(session.credentials) != [] and
              not session.tokens and "Bearer t0ken-of-registry" in shown and
              ("/token", "Basic bWU6cGFzc3cwcmQ=") in seen, (text, seen))
    session, text, shown = pull(b"", user="")
    check("a password that is a token", "Bearer t0ken-of-registry" in shown and told and
          b"refresh_token=passw0rd" in told[0], (text, seen, told))
    service[0] = "refused"
    session, text, shown = pull(b"k" * 32)
    check("a token that the client refuses", "not for that one" in text and
          not session.credentials, (text, seen))
    registry.shutdown()


def by_another(channel, directory):
    """Directories that another session of the client has, as builds of bake share them."""
    owner = Session(channel, {"context": directory + "/context",
                              "dockerfile": directory + "/context"}, {})
    session = Session(channel, {}, {})
    attrs = {"target": "anybody"}
    attrs.update(("local-sessionid:" + name, owner.id) for name in owner.directories)
    answer = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs=attrs).wait()
    check("another session's directories", not isinstance(answer, grpc.RpcError) and
          "context" in owner.followed, str(answer))
    session.close()
    owner.close()


def by_link(channel, directory):
    """What one build describes is an input of another's, whose directories have the same names, as
    linked targets of bake are."""
    other = os.path.join(directory, "other")
    os.mkdir(other)
    with open(other + "/Dockerfile", "w") as file:
        file.write("FROM lib\nCOPY Dockerfile /of-other\n")
    first = Session(channel, dict.fromkeys(("context", "dockerfile"), directory + "/context"), {})
    second = Session(channel, dict.fromkeys(("context", "dockerfile"), other), {})
    linked = []

    def describe(build):
        solved = build.bridge("Solve", m.SolveRequest(
            Frontend="dockerfile.v0", FrontendOpt={"target": "base"}, allowResultReturn=True,
            allowResultArrayRef=True), m.SolveResponse)
        linked.append(Build(channel, second, Frontend="dockerfile.v0", Exporters=TAR,
                            FrontendInputs={"lib": getattr(solved.result.ref, "def")},
                            FrontendAttrs={"context:lib": "input:lib"}))
        linked[0].wait()
        build.bridge("Return", m.ReturnRequest(result=m.Result()), NONE)

    Build(channel, first, describe).wait()
    check("a build that is linked to another", not isinstance(linked[0].answer, grpc.RpcError),
          str(linked[0].answer))
    check("the files of both", {"bin/sh", "of-other"} <= names(second.results.pop(0)).keys())
    for session in (first, second):
        session.close()


def source_details(error):
    """The places in build files that an answer tells of."""
    status = m.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    return [json.loads(a.value) for a in status.details
            if a.type_url == "github.com/moby/buildkit/errdefs.Source+json"]


def lines(place):
    return [(r["start"]["line"], r["end"]["line"]) for r in place["ranges"]]


def by_places(channel, session):
    """A definition says where its operations come from: each place is told, the last first, and is
    as it was given."""
    def at(index, *ranges):
        return m.Ranges(sourceIndex=index, ranges=[
            m.Range(start=m.Position(line=a, character=c), end=m.Position(line=b)) for a, b, c in ranges])

    bad = encode(m.Op(file=m.FileOp(actions=[m.Action(
        input=-1, secondaryInput=-1, output=0, mkdir=m.Mkdir(path="/a/b", mode=0o755, timestamp=-1))])))
    digest = "sha256:" + frontend.hashlib.sha256(bad).hexdigest()
    last = encode(m.Op(inputs=[m.Input(digest=digest, index=0)]))
    source = m.Source(
        locations={digest: m.Locations(locations=[
            at(0, (7, 7, 0), (8, 8, 0)), at(1, (3, 5, 0)), at(0, (9, 9, 4))])},
        infos=[m.SourceInfo(filename="foo", data=b"data1"),
               m.SourceInfo(filename="bar", data=b"data2", language="mine",
                            definition=write_file(b"data2"))])
    answer = Build(channel, session, Definition=m.Definition(
        **{"def": [bad, last]}, Source=source)).wait()
    told = source_details(answer)
    check("all places of a definition", [(p["info"]["filename"], lines(p)) for p in told] == [
        ("foo", [(9, 9)]), ("bar", [(3, 5)]), ("foo", [(7, 7), (8, 8)])], told)
    check("a character", told[0]["ranges"][0]["start"].get("character") == 4, told)
    check("a language", [p["info"].get("language") for p in told] == [None, "mine", None], told)
    check("what a file was read from", [p["info"].get("definition") for p in told] == [None, {"def": [
        base64.b64encode(op).decode() for op in getattr(write_file(b"data2"), "def")]}, None], told)


def failures(channel, session):
    build = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs={"target": "bad"})
    refused("a step that fails", build.wait(), grpc.StatusCode.UNKNOWN, "exit code: 3")
    check("its error", build.ended and
          any("exit code: 3" in v.error for v in build.vertexes.values()))
    details = dict(build.answer.trailing_metadata())["grpc-status-details-bin"]
    types = [a.type_url for a in m.Status.FromString(details).details]
    check("its details", "github.com/moby/buildkit/errdefs.Source+json" in types, types)
    bad = write_file(b"x", name="/not/there")
    infos = [m.SourceInfo(filename="a", data=b"A", language="L", definition=write_file(b"a")),
             m.SourceInfo(filename="b", data=b"B")]

    def at(source, *lines):
        return m.Ranges(sourceIndex=source, ranges=[m.Range(
            start=m.Position(line=line, character=column), end=m.Position(line=line))
            for line, column in lines])
    bad.Source.CopyFrom(m.Source(infos=infos, locations={hashed(getattr(bad, "def")[0]).digest: m.Locations(
        locations=[at(0, (7, 0), (8, 0)), at(1, (9, 2)), at(0, (1, 0))])}))
    answer = Build(channel, session, Definition=bad).wait()
    details = dict(answer.trailing_metadata())["grpc-status-details-bin"]
    places = [json.loads(a.value) for a in m.Status.FromString(details).details
              if "errdefs.Source" in a.type_url]
    told = [(p["info"]["filename"], [(r["start"]["line"], r["start"].get("character", 0))
                                     for r in p["ranges"]]) for p in places]
    check("all its places, the first last", told == [
        ("a", [(1, 0)]), ("b", [(9, 2)]), ("a", [(7, 0), (8, 0)])], told)
    info = places[0]["info"]
    check("a place's file", base64.b64decode(info["data"]) == b"A" and info["language"] == "L" and
          len(info["definition"]["def"]) == 2 and "definition" not in places[1]["info"], info)
    places = source_details(build.answer)
    check("its place", len(places) == 1 and lines(places[0]) == [(6, 6)], places)
    check("and its file", base64.b64decode(places[0]["info"]["data"]).startswith(b"FROM scratch") and
          places[0]["info"]["language"] == "Dockerfile", places)
    read = m.Op.FromString(base64.b64decode(places[0]["info"]["definition"]["def"][0]))
    check("and where that came from", read.source.identifier == "local://dockerfile", read)
    refused("a secret that is not there", Build(
        channel, session, Frontend="dockerfile.v0", FrontendAttrs={"target": "secretive"}).wait(),
        grpc.StatusCode.UNKNOWN, "secret absent: not found")


def hostile(channel, directory):
    """What a client lists is not believed."""
    outside = os.path.join(directory, "outside")
    directories = {"context": directory + "/context", "dockerfile": directory + "/context"}

    def stat(path, mode=0o644, **more):
        return m.Packet(type=STAT, stat=m.Stat(path=path, mode=mode, **more))

    table = {
        "a name above": [stat("../outside")],
        "an absolute name": [stat(outside)],
        "a name that is not clean": [stat("a//b")],
        "a name twice": [stat("a"), stat("a")],
        "names out of order": [stat("b"), stat("a")],
        "a file in no directory": [stat("a/b")],
        "a file in a file": [stat("a"), stat("a/b")],
        "a file in a link": [stat("a", GO_LINK | 0o777, linkname=directory), stat("a/outside")],
        "a link to what is not listed": [stat("a", 0o644, linkname="../outside")],
        "a device": [stat("a", 1 << 26 | 1 << 21)],
        "data of a file that is complete": [stat("a"), stat("b"), m.Packet(type=DATA, ID=0),
                                            m.Packet(type=DATA, ID=0)],
        "data that nobody asked for": [m.Packet(type=DATA, ID=7, data=b"x")],
        "an end in the beginning": [m.Packet(type=FIN)],
        "a packet of no type": [m.Packet(type=99)],
    }
    for thing, packets in table.items():
        session = Session(channel, directories, {}, lambda: iter(packets))
        answer = Build(channel, session, Frontend="dockerfile.v0").wait()
        session.close()
        check(thing, isinstance(answer, grpc.RpcError) and "context" in answer.details(),
              getattr(answer, "details", lambda: "it was taken")())
    check("nothing outside", not os.path.exists(outside))


def hashed(data):
    return m.Input(digest="sha256:" + frontend.hashlib.sha256(data).hexdigest(), index=0)


def passed_through(outputs, name=b"both"):
    """Two files, of which one, or more, is what an op that makes nothing passes through."""
    ops = [getattr(write_file(text, "/" + text.decode()), "def")[0] for text in (b"left", b"right")]
    body = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(outputs)]) + bytes(outputs)
    ops.append(encode(m.Op(inputs=[hashed(op) for op in ops])) + b"\x42" + bytes([len(body)]) + body)
    return m.Definition(**{"def": ops + [encode(m.Op(inputs=[hashed(ops[2])]))]})


def by_passthrough(channel, session):
    build = Build(channel, session, Definition=passed_through([1, 0]), Exporters=TAR)
    answer = build.wait()
    check("an op that passes things through", not isinstance(answer, grpc.RpcError), str(answer))
    made = session.results.pop(0)
    check("what it passes", content(made, "right") == b"right")
    check("what it only waits for", any("left" in v.name and v.HasField("completed")
                                        for v in build.vertexes.values()),
          [v.name for v in build.vertexes.values()])
    for thing, definition, why in (
            ("an output of no input", passed_through([2]), "input index 2"),
            ("an op without outputs", passed_through([]), "with no outputs"),
            ("an op without a name", passed_through([0], b""), "with no id")):
        refused(thing, Build(channel, session, Definition=definition).wait(),
                grpc.StatusCode.UNKNOWN, why)


def by_name_of_gateway(channel, session):
    """Frontends in images ask for directories of the session that they were told of."""
    piece = lambda tag, data: bytes([tag, len(data)]) + data
    attr = piece(0x0a, b"local.session") + piece(0x12, b"tenon")
    op = piece(0x1a, piece(0x0a, b"local://context") + piece(0x12, attr))
    asked = m.Definition(**{"def": [op, encode(m.Op(inputs=[hashed(op)]))]})
    answer = Build(channel, session, Definition=asked, Exporters=TAR).wait()
    check("a directory of a frontend's session", not isinstance(answer, grpc.RpcError), str(answer))
    check("what is in it", "hello" in names(session.results.pop(0)))


def by_name_of_builtin(channel, session):
    """The gateway runs what needs no image by its name, whatever the build file says."""
    answer = Build(channel, session, Frontend="gateway.v0", Exporters=[m.Exporter(Type="oci")],
                   FrontendAttrs={"source": "dockerfile.v0", "cmdline": "dockerfile.v0",
                                  "target": "base", "attest:provenance": "mode=max"}).wait()
    check("a frontend that needs no image", not isinstance(answer, grpc.RpcError), str(answer))
    said, _ = asked.request_of(sys.modules[__name__], session.results.pop(0))
    check("which it was", said["frontend"] == "dockerfile.v0" and "source" not in said["args"] and
          said["args"]["target"] == "base" and said["root"]["request"]["frontend"] == "gateway.v0", said)


def by_nothing(channel, session):
    """A definition without ops is the empty tree, and no client that wants to drive."""
    answer = Build(channel, session, Definition=m.Definition(), Exporters=TAR).wait()
    check("an empty definition", not isinstance(answer, grpc.RpcError), str(answer))
    check("an empty tree", not names(session.results.pop(0)))


def by_merge(channel, session):
    """A tree that is merged twice: the last one counts."""
    ops = [getattr(write_file(text, "/same"), "def")[0] for text in (b"first", b"second")]
    ops.append(encode(m.Op(inputs=[hashed(op) for op in ops])) +
               b"\x32\x08\x0a\x00\x0a\x02\x08\x01\x0a\x00") # 0, 1, 0
    merged = m.Definition(**{"def": ops + [encode(m.Op(inputs=[hashed(ops[2])]))]})
    answer = Build(channel, session, Definition=merged, Exporters=TAR).wait()
    check("a tree that is merged twice", not isinstance(answer, grpc.RpcError), str(answer))
    check("which of them counts", content(session.results.pop(0), "same") == b"first")


def by_definition(channel, session):
    build = Build(channel, session, Definition=write_file(b"from a definition"), Exporters=TAR)
    build.wait()
    check("a definition", content(session.results.pop(0), "made") == b"from a definition")
    Build(channel, session, Definition=write_file(b"long ago"), Exporters=TAR,
          FrontendAttrs={"build-arg:SOURCE_DATE_EPOCH": "1445412480"}).wait()
    with tarfile.open(fileobj=io.BytesIO(session.results.pop(0))) as tar:
        check("an epoch for what no Dockerfile says", tar.getmember("made").mtime == 1445412480)
    answer = Build(channel, session, Definition=write_file(b"a word"), Exporters=TAR,
                   FrontendAttrs={"build-arg:SOURCE_DATE_EPOCH": "context"}).wait()
    check("an epoch that is a word", not isinstance(answer, grpc.RpcError), str(answer))
    session.results.pop(0)
    build = Build(channel, session, Definition=write_file(b"twice"), Exporters=TAR + [
        m.Exporter(Type="oci"), m.Exporter(Type="tar"), m.Exporter(Type="image", Attrs={
            "name": "example.org/several:1", "oci-mediatypes": "false"})])
    several = build.wait()
    check("several exporters", not isinstance(several, grpc.RpcError) and
          content(session.results.pop(0), "made") == content(session.results.pop(2), "made") and
          "index.json" in names(session.results.pop(1)), str(several))
    kept = records.Asker(sys.modules[__name__], channel).listen(Ref=build.ref)[0].record.Result
    types = {r.key: r.value.media_type for r in kept.Results}
    check("the images of several exporters", sorted(types) == [1, 3] and
          ".oci." in types[1] and ".docker." in types[3], str(kept))
    digests = {r.key: r.value.digest for r in kept.Results}
    check("what comes with an archive of an image", not session.told[0] and not session.told[2] and
          session.told[1]["exporter-md-containerimage.digest"] == digests[1], session.told)
    again = Build(channel, session, ref=build.ref, Exporters=TAR,
                  Definition=write_file(b"another")).wait()
    check("the name of a build that is over", not isinstance(again, grpc.RpcError) and
          content(session.results.pop(0), "made") == b"another", str(again))


def no_room(channel, session):
    """A client that does not take its result says why, or not."""
    session.refuses = lambda context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "no room")
    answer = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR).wait()
    refused("a result that the client refuses", answer, grpc.StatusCode.UNKNOWN, "no room")
    session.refuses = lambda context: iter(())
    answer = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR).wait()
    # What was on its way whole when the client ended the call counts as sent.
    check("a result that the client does not read", not isinstance(answer, grpc.RpcError) or
          "ended too early" in answer.details(), str(answer))
    session.refuses = lambda context: context.abort(grpc.StatusCode.ALREADY_EXISTS, "it is here")
    answer = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR).wait()
    check("a result that the client has", not isinstance(answer, grpc.RpcError), str(answer))
    session.refuses = None


def never(event):
    """The requests of a call: none, and no end."""
    event.wait()
    return
    yield


def alone(address):
    """Channels of one address would share a connection."""
    return grpc.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),))


def half_a_question(address, ref, event):
    """Asks a build on a connection of its own, without a request."""
    channel = alone(address)
    ask = channel.stream_unary(BRIDGE + "Ping", request_serializer=encode,
                               response_deserializer=m.Pong.FromString)
    which = (("buildkit-controlapi-buildid", ref),)
    half = ask.future(never(event), metadata=which)
    pong = call(channel, BRIDGE + "Ping", NONE(), m.Pong, which)
    check("a whole question after it", isinstance(pong, m.Pong), pong) # it is there, too
    return channel, half


def silent(address, channel, directory):
    """A client that says nothing more does not keep a build."""
    asked, event = threading.Event(), threading.Event()

    def wait():
        asked.set()
        event.wait()
        return
        yield

    directories = {"context": directory + "/context", "dockerfile": directory + "/context"}
    session = Session(channel, directories, {}, wait)
    build = Build(channel, session, Frontend="dockerfile.v0")
    check("a directory that does not come", asked.wait(60))
    build.future.cancel()
    build.watcher.join(60)
    check("a build that is cancelled meanwhile", build.ended)
    event.set()
    session.close()
    deaf = Session(channel, directories, {}, deaf=True,
                   metadata=[("x-buildkit-session-health-custom-timeout", "1")])
    answer = Build(channel, deaf, Frontend="dockerfile.v0").wait()
    check("a session that does not answer", isinstance(answer, grpc.RpcError) and
          "does not answer" in deaf.stream.details(), (deaf.stream.details(), str(answer)))
    halves, later = [], threading.Event()

    def drive(build):
        build.bridge("Ping", NONE(), m.Pong)
        halves.append(half_a_question(address, build.ref, later))
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref())), NONE)

    answer = Build(channel, drive=drive).wait()
    check("a build with half a question", not isinstance(answer, grpc.RpcError), str(answer))
    later.set()
    halves[0][0].close()


def ending(address, directory, server):
    """Builds that go on when the server is told to end, with all kinds of waiting."""
    channel, event, asked = grpc.insecure_channel(address), threading.Event(), threading.Event()

    def wait():
        asked.set()
        event.wait()
        return
        yield

    directories = {"context": directory + "/context", "dockerfile": directory + "/context"}
    session = Session(alone(address), directories, {}, wait)
    builds = [Build(channel, session, Frontend="dockerfile.v0"),
              Build(channel, drive=lambda build: build.bridge("Ping", NONE(), m.Pong))]
    check("builds that last", asked.wait(60))
    half = half_a_question(address, builds[1].ref, event)
    os.kill(server, signal.SIGTERM)
    check("their end", all(isinstance(build.wait(), grpc.RpcError) for build in builds))
    event.set()
    half[0].close()


def driven(channel, session):
    """The client describes the build itself, as buildctl and buildx do."""
    def drive(build):
        pong = build.bridge("Ping", NONE(), m.Pong)
        check("Ping", any(c.ID == "source.local" for c in pong.LLBCaps))
        solved = build.bridge("Solve", m.SolveRequest(
            Definition=write_file(b"driven"), allowResultReturn=True, allowResultArrayRef=True),
            m.SolveResponse)
        ref = solved.result.ref.id
        read = build.bridge("ReadFile", m.ReadFileRequest(Ref=ref, FilePath="/made"),
                            m.ReadFileResponse)
        check("ReadFile", read.Data == b"driven")
        refused("a reference that is not there", build.bridge(
            "ReadFile", m.ReadFileRequest(Ref="ref-99", FilePath="/made"), m.ReadFileResponse),
            grpc.StatusCode.NOT_FOUND, "ref-99")
        refused("an input of nothing", build.bridge("Solve", m.SolveRequest(
            Frontend="dockerfile.v0", FrontendInputs={"context": m.Definition()},
            allowResultReturn=True), m.SolveResponse), grpc.StatusCode.UNKNOWN, "nil input definition")
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref(id=ref))), NONE)

    Build(channel, session, drive, Exporters=TAR).wait()
    check("a client that drives", content(session.results.pop(0), "made") == b"driven")

    def with_inputs(build):
        given = build.bridge("Inputs", NONE(), m.InputsResponse)
        check("the inputs of its request", list(given.Definitions) == ["context"], given)
        solved = build.bridge("Solve", m.SolveRequest(
            Definition=given.Definitions["context"], allowResultReturn=True, allowResultArrayRef=True),
            m.SolveResponse)
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=solved.result.ref)), NONE)

    Build(channel, session, with_inputs, Exporters=TAR,
          FrontendInputs={"context": write_file(b"an input")}).wait()
    check("an input that is the result", content(session.results.pop(0), "made") == b"an input")

    def asking(build):
        def ask(**options):
            return build.bridge("Solve", m.SolveRequest(
                Frontend="dockerfile.v0", FrontendOpt=options, allowResultReturn=True), m.SolveResponse)
        refused("what the frontend does not know", ask(**{
            "frontend.caps": "moby.buildkit.frontend.inputs,moby.buildkit.frontend.notexistcap"}),
            grpc.StatusCode.UNIMPLEMENTED, "unsupported frontend capability moby.buildkit.frontend.notexistcap")
        forwarded = {"frontend.caps": "moby.buildkit.frontend.notexistcap+forward"}
        refused("nor any that the file names", ask(**forwarded), grpc.StatusCode.UNIMPLEMENTED, "notexistcap")
        answer = ask(requestid="frontend.convertllb", target="anybody")
        graph = json.loads(answer.result.metadata["result.json"])
        ops = list(graph["def"].values())
        check("a Dockerfile as a graph", any(op.get("source", {}).get("identifier") == "local://context"
                                             for op in ops) and
              any("cat /src/Dockerfile" in " ".join(op.get("exec", {}).get("meta", {}).get("args", []))
                  for op in ops), graph)
        for stale in "!", "~":
            answer = ask(**{"requestid": "frontend.convertllb", "local-sessionid": stale})
            sources = [op.get("source", {}) for op in json.loads(
                answer.result.metadata["result.json"])["def"].values()]
            owners = {s["attrs"].get("local.session") for s in sources
                      if s.get("identifier") == "local://context"}
            check("whose its context is, after " + stale, owners == {session.id}, owners)
        check("its names", any("RUN" in v.get("description", {}).get("llb.customname", "")
                               for v in graph["metadata"].values()), graph["metadata"])
        check("its places", graph["source"]["infos"][0]["filename"] == "Dockerfile" and
              set(graph["source"]["locations"]) <= set(graph["def"]), graph["source"])
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref())), NONE)

    Build(channel, session, asking).wait()

    def twice(build):
        ref = build.bridge("Solve", m.SolveRequest(
            Definition=write_file(b"driven"), allowResultReturn=True, allowResultArrayRef=True),
            m.SolveResponse).result.ref
        one = {"ID": "linux/amd64", "Platform": {"os": "linux", "architecture": "amd64"}}
        build.bridge("Return", m.ReturnRequest(result=m.Result(
            refs=m.Refs(refs={"linux/amd64": ref}),
            metadata={"refs.platforms": json.dumps({"Platforms": [one, one]}).encode()})), NONE)

    again = Build(channel, session, twice, FrontendAttrs={"platform": "linux/amd64,linux/amd64"})
    check("a platform that is named twice", not isinstance(again.wait(), grpc.RpcError), again.answer)
    check("a warning of it", [w.short for w in again.warnings] == [
        b'Duplicate platform result requested "linux/amd64"'], again.warnings)

    def give_up(build):
        build.bridge("Return", m.ReturnRequest(error=m.Status(code=5, message="not mine")),
                     NONE)

    refused("a client that returns an error", Build(channel, session, give_up).wait(),
            grpc.StatusCode.UNKNOWN, "not mine")

    for key, value, why in (("refs.platforms", b"null", "invalid empty platforms index for exporter"),
                            ("refs.platforms", b'{"Platforms": [{}]}', "invalid empty platform key for exporter"),
                            ("refs.platforms", b'{"Platforms": [{"ID": "a", "Platform": {"os": "linux"}}]}',
                             "invalid platform value for exporter"),
                            ("refs.platforms", b"[]", "refs.platforms is malformed"),
                            ("containerimage.config", b'{"architecture": "amd64"}',
                             "os and architecture must be specified together"),
                            ("containerimage.config", b"null", "invalid null image config for export")):
        def wrong(build):
            build.bridge("Return", m.ReturnRequest(result=m.Result(
                ref=m.Ref(), metadata={key: value})), NONE)

        refused("a result with %s %s" % (key, value), Build(
            channel, session, wrong, Exporters=[m.Exporter(Type="oci")]).wait(),
            grpc.StatusCode.UNKNOWN, why)

    def noted(build):
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref(), metadata={
            "annotation-manifest.said": b"by the client", "annotation.both": b"by the client"})), NONE)

    Build(channel, session, noted, Exporters=[m.Exporter(Type="oci", Attrs={
        "annotation.both": "by an option", "annotation.given": "by an option"})]).wait()
    tar = session.results.pop(0)
    manifest = json.loads(content(tar, "index.json"))["manifests"][0]["digest"].replace(":", "/")
    notes = json.loads(content(tar, "blobs/" + manifest))["annotations"]
    check("annotations of a result", notes == {"said": "by the client", "both": "by the client",
                                               "given": "by an option"}, notes)

    def nothing(build):
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref())), NONE)

    check("nothing at all", not isinstance(Build(channel, session, nothing).wait(), grpc.RpcError))


def chosen(channel):
    """The client says what becomes of its result when it has looked at it."""
    def drive(build):
        builds.append(build)
        ref = build.bridge("Solve", m.SolveRequest(
            Definition=write_file(b"looked at"), allowResultReturn=True, allowResultArrayRef=True),
            m.SolveResponse).result.ref
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=ref, metadata={"a": b"b"})),
                     NONE)

    def choose(request, context):
        read = builds and builds.pop().bridge("ReadFile", m.ReadFileRequest(
            Ref=request.refs[0], FilePath="/made"), m.ReadFileResponse).Data
        looked.append((len(request.refs), dict(request.metadata), read))
        return m.Found(exporters=[m.Exporter(Type="tar"), m.Exporter(Type="oci", Attrs=dict(
            {"x%d" % i: "1" for i in range(200)}, compression="zstd", **{"containerimage.config":
             '{"architecture":"amd64","os":"linux","config":{"Env":["CHOSEN=so"]},'
             '"rootfs":{"type":"layers"}}'}))] + more)

    def finalize(request, context):
        told.append(dict(request.ExporterResponse))
        if fails:
            context.abort(*fails)
        return NONE()

    def build(choose=None, finalize=None, drive=drive, **fields):
        session = Session(channel, {}, {})
        session.choose, session.finalize = choose, finalize
        session.build = Build(channel, session, drive, EnableSessionExporter=True, Exporters=[
            m.Exporter(Type="image", Attrs={"name": "example.org/chosen:1", "x": "1"})], **fields)
        answer = session.build.wait()
        session.close()
        return session, answer

    builds, looked, told, fails, more = [], [], [], (), []
    session, answer = build(choose=choose, finalize=finalize)
    check("exporters of a session", not isinstance(answer, grpc.RpcError), str(answer))
    texts = b"".join(content(session.results[2], n) for n, member in
                     names(session.results[2]).items() if 0 < member.size < 10000)
    check("what they are told to do", content(session.results[1], "made") == b"looked at" and
          b"tar+zstd" in texts and b"CHOSEN=so" in texts, texts)
    record = records.Asker(sys.modules[__name__], channel).listen(Ref=session.build.ref)[0].record
    check("their record", [x.Type for x in record.Exporters] == ["image", "tar", "oci"] and
          "x199" in record.Exporters[2].Attrs and [r.key for r in record.Result.Results] == [0, 2],
          str(record))
    check("what it is asked with", looked == [(1, {"a": b"b"}, b"looked at")], looked)
    check("what it is told", "containerimage.descriptor" in told[0] and
          told[0] == dict(answer.ExporterResponse), told)
    file = write_file(b"FROM scratch\nCOPY Dockerfile /made\n", "/Dockerfile")
    for thing, name, fields in (
            ("a definition", "Dockerfile", {"Definition": file}),
            ("a frontend", "made", {"Frontend": "dockerfile.v0",
                                    "FrontendInputs": {"context": file, "dockerfile": file}})):
        session, answer = build(choose, finalize, None, **fields)
        check("exporters of a session, of " + thing, not isinstance(answer, grpc.RpcError) and
              content(session.results.get(1), name).startswith(b"FROM") and looked[-1][0] == 1,
              str(answer))
    check("a session that chooses nothing", not isinstance(build()[1], grpc.RpcError))
    fails = (grpc.StatusCode.UNAVAILABLE, "not now")
    check("a session that cannot be told", not isinstance(build(finalize=finalize)[1],
                                                          grpc.RpcError))
    fails = (grpc.StatusCode.ABORTED, "not like this")
    refused("a session that objects", build(finalize=finalize)[1], grpc.StatusCode.UNKNOWN,
            "not like this")
    fails, more = (), [m.Exporter(Type="oci", Attrs={"compression": "lzma"})]
    session, answer = build(choose=choose)
    refused("a mistake in an exporter of a session", answer, grpc.StatusCode.UNKNOWN, "lzma")
    check("nothing is exported before", not any(
        "export" in v.name for v in session.build.vertexes.values()),
        [v.name for v in session.build.vertexes.values()])
    more = [m.Exporter(Type="tar")] * 40
    refused("too many exporters of a session", build(choose=choose)[1], grpc.StatusCode.UNKNOWN,
            "more than 32 exporters")


def children(server, word):
    """Processes below the server with that word in their command."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if word in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return [pid for pid in found if pid != server and pid != os.getpid()]


def until(what):
    for _ in range(600):
        if what():
            return True
        time.sleep(0.1)
    return False


def vanish(address, directory, server):
    """A client that goes ends its build; others do not notice."""
    channel = grpc.insecure_channel(address)
    session = Session(channel, {"context": directory + "/context",
                                "dockerfile": directory + "/context"}, {})
    build = Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs={"target": "slow"})
    check("a step that lasts", until(lambda: b"begun" in build.logs))
    word = b"sleep\x0098765"
    check("its process", until(lambda: children(server, word)))
    channel.close()
    check("its end", until(lambda: not children(server, word)))


def held(server):
    """Descriptors, threads and mounts of a process, but for connections to its database: some stay
    open, and of others SQLite keeps the descriptor meanwhile for the next that is made."""
    process = "/proc/%d/" % server
    with open(process + "mountinfo") as mounts:
        return (len(os.listdir(process + "fd")) - at_database(server),
                len(os.listdir(process + "task")), len(mounts.readlines()))


def at_database(server):
    fds = "/proc/%d/fd/" % server

    def where(fd):
        try:
            return os.readlink(fds + fd)
        except FileNotFoundError:
            return ""
    return sum("/tenon.db" in where(fd) for fd in os.listdir(fds))


def many(address, directory, server):
    """Builds that end well, that fail and that are given up leave the server as it was, each on a
    connection of its own.  TENON_SERVE_BUILDS says how many, 1000 for the whole of it."""
    count = int(os.environ.get("TENON_SERVE_BUILDS", "6"))
    directories = {"context": directory + "/context", "dockerfile": directory + "/context"}

    def memory(what="VmRSS:"):
        with open("/proc/%d/status" % server) as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what))

    def one(which):
        channel = alone(address)
        session = Session(channel, directories, {})
        build = Build(channel, session, Frontend="dockerfile.v0", Exporters=TAR,
                      FrontendAttrs={"target": ("anybody", "bad", "slow")[which % 3]})
        if which % 3 == 2:
            build.future.cancel()
            build.watcher.join(60)
        else:
            build.wait()
        session.close()
        channel.close()

    def settled():
        same, last = 0, held(server) # what others did before us may still be on its way out
        for _ in range(300):
            time.sleep(0.1)
            same, last = (same + 1 if held(server) == last else 0), held(server)
            if same == 10:
                break
        return last

    one(0)
    before = settled()
    for i in range(count):
        one(i)
        if i == 99: # buffers have the size that they will have, and old builds are forgotten
            first = memory()
    check("nothing left of %d builds" % count, until(
        lambda: all(now <= then for now, then in zip(held(server), before))), (before, held(server)))
    kept = memory("RssAnon:")
    if memory("VmSize:") < 1 << 30: # else it is ASan's, which keeps all for a while
        check("memory that is kept", kept < 36 * 1024, kept) # 25 MB; by itself 47
    if count > 100:
        check("memory", memory() - first < 16 * 1024, (first, memory()))


def everything(address, directory, server):
    channel = grpc.insecure_channel(address)
    questions(channel)
    limits(address, channel)
    session = Session(channel, {"context": directory + "/context",
                                "dockerfile": directory + "/context"}, {"tok": b"s3cret"})
    with_frontend(channel, session)
    gone(channel, session)
    by_anybody(channel, session)
    as_directory(channel, session)
    unknown_options(channel, session)
    attested(channel, session)
    asked.asked(sys.modules[__name__], channel, session)
    entitled(channel, session)
    by_content(channel, session)
    by_upload(channel, session)
    by_policy(channel, session)
    by_token(channel, directory)
    sources.sources(sys.modules[__name__], channel, session)
    by_another(channel, directory)
    by_link(channel, directory)
    failures(channel, session)
    by_places(channel, session)
    by_definition(channel, session)
    by_passthrough(channel, session)
    by_merge(channel, session)
    by_nothing(channel, session)
    by_name_of_gateway(channel, session)
    by_name_of_builtin(channel, session)
    no_room(channel, session)
    driven(channel, session)
    chosen(channel)
    records.records(sys.modules[__name__], channel, session)
    records.store(sys.modules[__name__], channel, session)
    records.names(sys.modules[__name__], channel)
    session.close()
    kept.kept(sys.modules[__name__], address, channel, directory, server)
    hostile(channel, directory)
    silent(address, channel, directory)
    vanish(address, directory, server)
    many(address, directory, server)
    stress.stress(sys.modules[__name__], address, directory, server)
    check("a server that goes on", call(channel, CONTROL + "Info", NONE(),
                                        m.Info).buildkitVersion.package == "tenon")
    ending(address, directory, server)


def stdio(command):
    """grpcio wants a socket: two threads carry the bytes."""
    path = os.path.join(tempfile.mkdtemp(), "socket")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    channel = grpc.insecure_channel("unix:" + path)
    answer = queue.Queue()
    threading.Thread(daemon=True, target=lambda: answer.put(
        call(channel, CONTROL + "Info", NONE(), m.Info))).start()
    peer, _ = listener.accept()
    shared, end = os.pipe() # we have its other end, too, as a shell has a terminal
    program = subprocess.Popen(command, stdin=shared, stdout=subprocess.PIPE)
    stdin = os.fdopen(end, "wb")

    def take(data):
        try:
            peer.sendall(data)
        except OSError: # the channel was closed: nobody hears the goodbye
            pass
    threading.Thread(target=frontend.relay, daemon=True, args=(
        lambda: os.read(program.stdout.fileno(), 65536), take)).start()

    def give(data):
        stdin.write(data)
        stdin.flush()

    def hear():
        try:
            return peer.recv(65536)
        except OSError: # it was closed before it had read all
            return b""
    threading.Thread(target=frontend.relay, daemon=True, args=(hear, give, stdin.close)).start()
    check("stdio", answer.get(timeout=60).buildkitVersion.package == "tenon")
    channel.close()
    check("the end of stdio", program.wait(timeout=60) == 0)
    check("what the caller has", os.get_blocking(shared))


def over_tls(address, directory):
    """DIRECTORY has ca.pem, cert.pem and key.pem: with them we are let in, and without them not."""
    def read(name):
        with open(os.path.join(directory, name), "rb") as file:
            return file.read()

    def info(*mine):
        with grpc.secure_channel(address, grpc.ssl_channel_credentials(read("ca.pem"), *mine)) as c:
            return call(c, CONTROL + "Info", NONE(), m.Info)
    check("TLS", info(read("key.pem"), read("cert.pem")).buildkitVersion.package == "tenon")
    refused("TLS without a certificate", info(), grpc.StatusCode.UNAVAILABLE, "")


def activated(directory, command):
    """The server is started as systemd does it, with a socket that is there already."""
    path = os.path.join(directory, "activated")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)

        def hand_over():
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="tenon")
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True) # which dup2 leaves as it was, if it was 3
        server = subprocess.Popen(command, preexec_fn=hand_over, close_fds=False)
    with grpc.insecure_channel("unix:" + path) as channel:
        check("a socket that was there", call(channel, CONTROL + "Info", NONE(),
                                              m.Info).buildkitVersion.package == "tenon")
    server.terminate()
    check("its server's end", server.wait(timeout=60) == 0)
    check("whose socket it is", os.path.exists(path))


if sys.argv[1] == "stdio":
    stdio(sys.argv[2:])
elif sys.argv[1] == "tls":
    over_tls(*sys.argv[2:])
elif sys.argv[1] == "asked": # by hand
    channel = grpc.insecure_channel(sys.argv[2])
    asked.asked(sys.modules[__name__], channel, Session(channel, dict.fromkeys(
        ("context", "dockerfile"), sys.argv[3]), {}))
elif sys.argv[1] == "machine":
    machine(*sys.argv[2:])
elif sys.argv[1] == "activated":
    activated(sys.argv[2], sys.argv[3:])
else:
    everything(sys.argv[1], sys.argv[2], int(sys.argv[3]))
say("done")
os._exit(0)

#!/usr/bin/python3
"""A frontend in an image, for tests, which has nothing of ours: gRPC and messages are grpcio's
and protobuf's, and the tables below were written from BuildKit's interface alone.  It asks for
everything once and says on standard error what it found: "ok THING", or "WRONG THING: why".

The build argument DO says what it does: walk (all methods and errors), old (as frontends of
2018 end), fail (returns an error).

frontend.py files FILE      writes what it is made of on this machine into a tar archive
"""
import base64
import hashlib
import json
import os
import queue
import socket
import sys
import tempfile
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# NAME: NUMBER FIELD TYPE ...; "*" is a list, "%" a map from strings.
TABLES = """
None:
Platform: 1 Architecture string, 2 OS string, 3 Variant string
Worker: 1 ID string, 3 platforms Platform*
Cap: 1 ID string, 2 Enabled bool
Pong: 1 FrontendAPICaps Cap*, 2 LLBCaps Cap*, 3 Workers Worker*
Input: 1 digest string, 2 index int64
SourceOp: 1 identifier string, 2 attrs string%
Mkfile: 1 path string, 2 mode int32, 3 data bytes, 5 timestamp int64
Mkdir: 1 path string, 2 mode int32, 3 makeParents bool, 5 timestamp int64
Symlink: 1 oldpath string, 2 newpath string, 4 timestamp int64
Action: 1 input int64, 2 secondaryInput int64, 3 output int64, 5 mkfile Mkfile, 6 mkdir Mkdir, 8 symlink Symlink
FileOp: 2 actions Action*
Meta: 1 args string*, 2 env string*, 3 cwd string
Mount: 1 input int64, 3 dest string, 4 output int64
ExecOp: 1 meta Meta, 2 mounts Mount*
Op: 1 inputs Input*, 2 exec ExecOp, 3 source SourceOp, 4 file FileOp, 10 platform Platform
Position: 1 line int32, 2 character int32
Range: 1 start Position, 2 end Position
SourceInfo: 1 filename string, 2 data bytes, 3 definition Definition, 4 language string
Ranges: 1 sourceIndex int32, 2 ranges Range*
Locations: 1 locations Ranges*
Source: 1 locations Locations%, 2 infos SourceInfo*
OpMetadata: 2 description string%
Definition: 1 def bytes*, 2 metadata OpMetadata%, 3 Source Source
Ref: 1 id string, 2 def Definition
Refs: 1 refs Ref%
OldRefs: 1 refs string%
Result: 1 refDeprecated string, 2 refsDeprecated OldRefs, 3 ref Ref, 4 refs Refs, 10 metadata bytes%
SolveRequest: 1 Definition Definition, 2 Frontend string, 3 FrontendOpt string%, 5 allowResultReturn bool, 6 allowResultArrayRef bool, 10 Final bool, 11 ExporterAttr bytes, 13 FrontendInputs Definition%, 14 Evaluate bool
SolveResponse: 1 ref string, 3 result Result
Any: 1 type_url string, 2 value bytes
Status: 1 code int32, 2 message string, 3 details Any*
ReturnRequest: 1 result Result, 2 error Status
FileRange: 1 Offset int64, 2 Length int64
ReadFileRequest: 1 Ref string, 2 FilePath string, 3 Range FileRange, 4 MountIndex int32
ReadFileResponse: 1 Data bytes
Stat: 1 path string, 2 mode uint32, 3 uid uint32, 4 gid uint32, 5 size int64, 6 modTime int64, 7 linkname string
ReadDirRequest: 1 Ref string, 2 DirPath string, 3 IncludePattern string
ReadDirResponse: 1 entries Stat*
StatFileRequest: 1 Ref string, 2 Path string
StatFileResponse: 1 stat Stat
EvaluateRequest: 1 Ref string
AskGit: 1 ReturnObject bool
AskImage: 1 NoConfig bool, 2 AttestationChain bool, 3 ResolveAttestations string*
Checksum: 1 Algo int32, 2 Suffix bytes
AskHTTP: 1 ChecksumRequest Checksum
ResolveSourceMetaRequest: 1 Source SourceOp, 2 Platform Platform, 3 LogName string, 4 ResolveMode string, 5 Git AskGit, 6 Image AskImage, 7 HTTP AskHTTP
DocumentDescriptor: 1 media_type string, 2 digest string, 3 size int64
Document: 1 descriptor DocumentDescriptor, 2 data bytes
Chain: 1 Root string, 2 ImageManifest string, 3 AttestationManifest string, 4 SignatureManifests string*, 5 Blobs Document%
MetaImage: 1 Digest string, 2 Config bytes, 3 AttestationChain Chain
MetaGit: 1 Checksum string, 2 Ref string, 3 CommitChecksum string, 4 CommitObject bytes, 5 TagObject bytes
ChecksumAnswer: 1 Digest string, 2 Suffix bytes
MetaHTTP: 1 Checksum string, 2 Filename string, 4 ChecksumResponse ChecksumAnswer
ResolveSourceMetaResponse: 1 Source SourceOp, 2 Image MetaImage, 3 Git MetaGit, 4 HTTP MetaHTTP
ResolveImageConfigRequest: 1 Ref string, 2 Platform Platform, 3 ResolveMode string, 4 LogName string
ResolveImageConfigResponse: 1 Digest string, 2 Config bytes, 3 Ref string
WarnRequest: 1 digest string, 2 level int64, 3 short bytes, 4 detail bytes*, 5 url string, 6 info SourceInfo, 7 ranges Range*
InputsResponse: 1 Definitions Definition%
PbMount: 1 input int64, 3 dest string, 4 output int64, 5 readonly bool, 6 mountType int32, 23 resultID string
NewContainerRequest: 1 ContainerID string, 2 Mounts PbMount*, 3 Network int32, 7 hostname string
ReleaseContainerRequest: 1 ContainerID string
Init: 1 ContainerID string, 2 Meta Meta, 3 Fds uint32*, 4 Tty bool, 5 Security int32
Fd: 1 Fd uint32, 2 EOF bool, 3 Data bytes
Exit: 1 Code uint32, 2 Error Status
Signal: 1 Name string
ExecMessage: 1 ProcessID string, 2 Init Init, 3 File Fd, 5 Started None, 6 Exit Exit, 7 Done None, 8 Signal Signal
HealthRequest: 1 service string
HealthResponse: 1 status int32
"""
METHODS = {
    "Ping": ("None", "Pong"),
    "Inputs": ("None", "InputsResponse"),
    "Solve": ("SolveRequest", "SolveResponse"),
    "Evaluate": ("EvaluateRequest", "None"),
    "ReadFile": ("ReadFileRequest", "ReadFileResponse"),
    "ReadDir": ("ReadDirRequest", "ReadDirResponse"),
    "StatFile": ("StatFileRequest", "StatFileResponse"),
    "ResolveSourceMeta": ("ResolveSourceMetaRequest", "ResolveSourceMetaResponse"),
    "ResolveImageConfig": ("ResolveImageConfigRequest", "ResolveImageConfigResponse"),
    "Warn": ("WarnRequest", "None"),
    "Return": ("ReturnRequest", "None"),
    "NewContainer": ("NewContainerRequest", "None"),
    "ReleaseContainer": ("ReleaseContainerRequest", "None"),
    "ReadFileContainer": ("ReadFileRequest", "ReadFileResponse"),
}
FIELD = descriptor_pb2.FieldDescriptorProto


class Messages:
    """Classes of the tables, by their names."""

    def __init__(self):
        file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
        for line in TABLES.strip().splitlines():
            name, fields = line.split(":")
            message = file.message_type.add(name=name)
            for field in filter(None, fields.strip().split(", ")):
                self.add(message, *field.split())
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        for message in file.message_type:
            kind = factory.GetPrototype(pool.FindMessageTypeByName("t." + message.name))
            setattr(self, message.name, kind)

    def add(self, message, number, name, kind):
        field = message.field.add(name=name, number=int(number), label=FIELD.LABEL_OPTIONAL)
        if kind.endswith("%"):
            entry = message.nested_type.add(name=name[0].upper() + name[1:] + "Entry")
            entry.options.map_entry = True
            self.add(entry, 1, "key", "string")
            self.add(entry, 2, "value", kind[:-1])
            field.label = FIELD.LABEL_REPEATED
            field.type = FIELD.TYPE_MESSAGE
            field.type_name = ".t.%s.%s" % (message.name, entry.name)
            return
        if kind.endswith("*"):
            field.label = FIELD.LABEL_REPEATED
            kind = kind[:-1]
        if kind[0].islower():
            field.type = getattr(FIELD, "TYPE_" + kind.upper())
        else:
            field.type = FIELD.TYPE_MESSAGE
            field.type_name = ".t." + kind


m = Messages()


def relay(read, write, done=None):
    while True:
        data = read()
        if not data:
            break
        write(data)
    if done:
        done()


class Bridge:
    """The methods of LLBBridge.  grpcio wants a socket: two threads carry the bytes between that
    and the standard input and output."""

    def __init__(self):
        self.directory = tempfile.mkdtemp()
        path = os.path.join(self.directory, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        self.channel = grpc.insecure_channel("unix:" + path, options=[
            ("grpc.max_metadata_size", 8 << 20), ("grpc.absolute_max_metadata_size", 8 << 20),
            ("grpc.max_receive_message_length", 16 << 20),
            ("grpc.max_send_message_length", 16 << 20)])
        threading.Thread(target=self.carry, args=(listener,), daemon=True).start()

    def carry(self, listener):
        peer, _ = listener.accept()
        threading.Thread(target=relay, daemon=True, args=(
            lambda: os.read(0, 65536), peer.sendall,
            lambda: peer.shutdown(socket.SHUT_WR))).start()

        def write(data):
            while data:
                data = data[os.write(1, data):]
        relay(lambda: peer.recv(65536), write)

    def method(self, name):
        request, answer = METHODS[name]
        return self.channel.unary_unary(
            "/moby.buildkit.v1.frontend.LLBBridge/" + name,
            request_serializer=getattr(m, request).SerializeToString,
            response_deserializer=getattr(m, answer).FromString)

    def __getattr__(self, name):
        request = getattr(m, METHODS[name][0])
        return lambda **fields: self.method(name)(request(**fields), timeout=120)


def say(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def check(thing, good, why=""):
    say("ok " + thing if good else "WRONG %s: %s" % (thing, " ".join(repr(why).split())))


def refused(thing, code, words, ask, **fields):
    """The answer must be an error; returns it."""
    try:
        answer = ask(**fields)
    except grpc.RpcError as e:
        check(thing, e.code() == code and words in (e.details() or ""), (e.code(), e.details()))
        return e
    check(thing, False, answer)
    return None


def details(error):
    for key, value in error.trailing_metadata() if error else ():
        if key == "grpc-status-details-bin":
            status = m.Status.FromString(value)
            return {d.type_url: json.loads(d.value) for d in status.details}
    return {}


def options():
    found = {}
    for name, value in os.environ.items():
        if name.startswith("BUILDKIT_FRONTEND_OPT_"):
            key, _, value = value.partition("=")
            found[key] = value
    return found


# ---- operations -------------------------------------------------------------------------------

def define(*ops, metadata=None):
    """The last one is the result."""
    encoded = [op.SerializeToString(deterministic=True) for op in ops]
    last = m.Op(inputs=[m.Input(digest=digest(encoded[-1]))])
    definition = m.Definition()
    getattr(definition, "def").extend(encoded + [last.SerializeToString(deterministic=True)])
    for one, text in zip(encoded, metadata or []):
        definition.metadata[digest(one)].description["llb.customname"] = text
    return definition


def ops_of(definition):
    return list(getattr(definition, "def"))


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def local(**attrs):
    attrs = {"local." + name: value for name, value in attrs.items()}
    attrs["local.session"] = os.environ["BUILDKIT_SESSION_ID"]
    return m.Op(source=m.SourceOp(identifier="local://context", attrs=attrs))


def files(*actions):
    """Each works on what the one before has left."""
    listed = []
    for i, action in enumerate(actions):
        listed.append(m.Action(input=i - 1, secondaryInput=-1, output=-1, **action))
    listed[-1].output = 0
    return m.Op(file=m.FileOp(actions=listed))


def mkfile(path, data, mode=0o644):
    return {"mkfile": m.Mkfile(path=path, mode=mode, data=data, timestamp=10**18)}


# ---- all of it --------------------------------------------------------------------------------

def solve(bridge, **fields):
    return bridge.Solve(allowResultReturn=True, allowResultArrayRef=True, **fields).result


def walk_basics(bridge):
    pong = bridge.Ping()
    caps = {c.ID: c.Enabled for c in pong.FrontendAPICaps}
    check("Ping: methods", caps.get("solve.base") and caps.get("return"), caps)
    check("Ping: operations", {"file.base", "source.local"} <= {c.ID for c in pong.LLBCaps})
    worker = json.loads(os.environ["BUILDKIT_WORKERS"])[0]
    platform = pong.Workers[0].platforms[0]
    check("Ping: the machine is the one of the environment",
          (platform.OS, platform.Architecture) ==
          (worker["platforms"][0]["os"], worker["platforms"][0]["architecture"]))
    check("Inputs: none", not bridge.Inputs().Definitions)
    health = bridge.channel.unary_unary(
        "/grpc.health.v1.Health/Check", request_serializer=m.HealthRequest.SerializeToString,
        response_deserializer=m.HealthResponse.FromString)
    check("Health", health(m.HealthRequest(), timeout=120).status == 1)
    unknown = bridge.channel.unary_unary("/moby.buildkit.v1.frontend.LLBBridge/Other")
    refused("a method that there is not", grpc.StatusCode.UNIMPLEMENTED, "",
            lambda: unknown(b"", timeout=120))
    raw = bridge.channel.unary_unary("/moby.buildkit.v1.frontend.LLBBridge/Solve")
    refused("a message that is none", grpc.StatusCode.INTERNAL, "",
            lambda: raw(b"\xff\xff\xff", timeout=120))


def walk_files(bridge):
    definition = define(local(followpaths='["hello","link"]', sharedkeyhint="context"))
    result = solve(bridge, Definition=definition)
    ref = result.ref.id
    check("Solve: a definition", ref and ops_of(getattr(result.ref, "def")) == ops_of(definition))
    check("ReadFile", bridge.ReadFile(Ref=ref, FilePath="/hello").Data == b"hello\n")
    part = bridge.ReadFile(Ref=ref, FilePath="hello", Range=m.FileRange(Offset=1, Length=3)).Data
    check("ReadFile: a part", part == b"ell", part)
    check("ReadFile: no way out",
          bridge.ReadFile(Ref=ref, FilePath="/../../hello").Data == b"hello\n")
    refused("ReadFile: none", grpc.StatusCode.NOT_FOUND, "none", bridge.ReadFile, Ref=ref,
            FilePath="/none")
    refused("ReadFile: what was not asked for", grpc.StatusCode.NOT_FOUND, "", bridge.ReadFile,
            Ref=ref, FilePath="/Dockerfile")
    refused("ReadFile: a directory", grpc.StatusCode.UNKNOWN, "not a regular file",
            bridge.ReadFile, Ref=ref, FilePath="/")
    names = [s.path for s in bridge.ReadDir(Ref=ref, DirPath="/").entries]
    check("ReadDir", names == ["hello", "link"], names)
    names = [s.path for s in bridge.ReadDir(Ref=ref, DirPath="/", IncludePattern="h*").entries]
    check("ReadDir: a pattern", names == ["hello"], names)
    for pattern, wanted in (("*k", ["link"]), ("hell?", ["hello"]), ("[hl]*", ["hello", "link"]),
                            ("[^h]*", ["link"]), ("hello", ["hello"]), ("none", [])):
        names = [s.path for s in bridge.ReadDir(Ref=ref, IncludePattern=pattern).entries]
        check("ReadDir: the pattern " + pattern, names == wanted, names)
    refused("ReadDir: a bad pattern", grpc.StatusCode.UNKNOWN, "malformed pattern",
            bridge.ReadDir, Ref=ref, DirPath="/", IncludePattern="[")
    refused("ReadDir: none", grpc.StatusCode.NOT_FOUND, "", bridge.ReadDir, Ref=ref, DirPath="/no")
    stat = bridge.StatFile(Ref=ref, Path="/hello").stat
    check("StatFile", (stat.path, stat.size, stat.mode >> 9) == ("hello", 6, 0), stat)
    stat = bridge.StatFile(Ref=ref, Path="link").stat
    check("StatFile: a link is itself", (stat.linkname, stat.mode >> 27) == ("hello", 1), stat)
    refused("StatFile: none", grpc.StatusCode.NOT_FOUND, "", bridge.StatFile, Ref=ref, Path="/no")
    ask = bridge.method("ReadFile")
    calls = [ask.future(m.ReadFileRequest(Ref=ref, FilePath="hello"), timeout=120)
             for _ in range(200)]
    check("ReadFile: two hundred at once", all(c.result().Data == b"hello\n" for c in calls))


def walk_operations(bridge):
    made = define(files(mkfile("/made", b"by python\n", 0o600),
                        {"mkdir": m.Mkdir(path="/d", mode=0o750, timestamp=10**18)},
                        {"symlink": m.Symlink(oldpath="made", newpath="/l", timestamp=10**18)}),
                  metadata=["make some files"])
    ref = solve(bridge, Definition=made).ref.id
    bridge.Evaluate(Ref=ref)
    check("Evaluate", bridge.ReadFile(Ref=ref, FilePath="/l").Data == b"by python\n")
    stat = {s.path: s for s in bridge.ReadDir(Ref=ref, DirPath="/").entries}
    check("Solve: modes and times", stat["made"].mode == 0o600 and
          stat["d"].mode == (1 << 31 | 0o750) and stat["made"].modTime == 10**18, stat)
    big = os.urandom(1 << 20) * 10
    ref = solve(bridge, Definition=define(files(mkfile("/big", big))), Evaluate=True).ref.id
    check("Solve: ten megabytes", bridge.ReadFile(Ref=ref, FilePath="/big").Data == big)
    nothing = solve(bridge)
    check("Solve: nothing is scratch", nothing.ref.id == "", nothing)

    broken = m.Op(exec=m.ExecOp(meta=m.Meta(args=["/no/such/program"], cwd="/"),
                                mounts=[m.Mount(input=-1, dest="/", output=0)]))
    definition = define(broken, metadata=["fail"])
    where = definition.Source.locations[digest(ops_of(definition)[0])].locations.add()
    where.ranges.append(m.Range(start=m.Position(line=2), end=m.Position(line=2)))
    definition.Source.infos.append(m.SourceInfo(filename="Mine", data=b"one\ntwo\n"))
    ref = solve(bridge, Definition=definition).ref.id
    error = refused("Evaluate: a step that fails", grpc.StatusCode.UNKNOWN, "", bridge.Evaluate,
                    Ref=ref)
    known = details(error)
    vertex = known.get("github.com/moby/buildkit/errdefs.Vertex+json", {})
    check("Evaluate: which step", vertex.get("digest") == digest(ops_of(definition)[0]),
          known)
    refused("ReadFile: of a step that fails", grpc.StatusCode.UNKNOWN, "", bridge.ReadFile,
            Ref=ref, FilePath="/x")
    bad = m.Definition()
    getattr(bad, "def").extend([b"\xff\xff", b"\x0a"])
    refused("Solve: garbage", grpc.StatusCode.UNKNOWN, "", solve_error(bridge), Definition=bad)
    forged = define(files(mkfile("/x", b"x")))
    del getattr(forged, "def")[0]
    refused("Solve: an input that is not there", grpc.StatusCode.UNKNOWN, "", solve_error(bridge),
            Definition=forged)
    for name in ("", "ref-0", "ref-999", "ref-1x", "../1", "other"):
        if name:
            refused("Evaluate: no reference %r" % name, grpc.StatusCode.NOT_FOUND,
                    "no such reference", bridge.Evaluate, Ref=name)
        refused("ReadFile: no reference %r" % name, grpc.StatusCode.NOT_FOUND,
                "no such reference", bridge.ReadFile, Ref=name, FilePath="/x")


def solve_error(bridge):
    return lambda **fields: solve(bridge, **fields)


def walk_frontends(bridge):
    result = solve(bridge, Frontend="dockerfile.v0", FrontendOpt={
        "filename": "Real.Dockerfile", "platform": "linux/amd64,linux/arm64"})
    check("Solve: two platforms", sorted(result.refs.refs) == ["linux/amd64", "linux/arm64"], result)
    check("Solve: metadata", json.loads(
        result.metadata["containerimage.config/linux/arm64"])["architecture"] == "arm64")
    old = bridge.Solve(Frontend="dockerfile.v0", allowResultReturn=True, FrontendOpt={
        "filename": "Real.Dockerfile", "platform": "linux/amd64,linux/arm64"}).result
    check("Solve: two platforms, without arrays",
          sorted(old.refsDeprecated.refs) == ["linux/amd64", "linux/arm64"], old)
    older = bridge.Solve(Frontend="dockerfile.v0", FrontendOpt={"filename": "Real.Dockerfile"})
    check("Solve: a name alone", older.ref and not older.HasField("result"), older)
    check("Solve: its files",
          bridge.ReadFile(Ref=older.ref, FilePath="/dir/hello").Data == b"hello\n")
    error = refused("Solve: a build file with a mistake", grpc.StatusCode.UNKNOWN, "",
                    solve_error(bridge), Frontend="dockerfile.v0",
                    FrontendOpt={"filename": "Wrong.Dockerfile"})
    source = details(error).get("github.com/moby/buildkit/errdefs.Source+json", {})
    check("Solve: where the mistake is", source.get("info", {}).get("filename") ==
          "Wrong.Dockerfile" and source["ranges"][0]["start"]["line"] == 2, source)
    refused("Solve: a frontend that there is not", grpc.StatusCode.NOT_FOUND, "other.v0",
            solve_error(bridge), Frontend="other.v0")
    refused("Solve: gateway.v0 without an image", grpc.StatusCode.UNKNOWN, "source",
            solve_error(bridge), Frontend="gateway.v0")
    context = define(files(mkfile("/in", b"given"), mkfile("/Other", b"FROM scratch\nCOPY in /\n")))
    given = solve(bridge, Frontend="dockerfile.v0", FrontendOpt={"filename": "Other"},
                  FrontendInputs={"context": context, "dockerfile": context})
    check("Solve: inputs of dockerfile.v0",
          bridge.ReadFile(Ref=given.ref.id, FilePath="/in").Data == b"given")


def walk_sources(bridge, image):
    name = "docker-image://" + image
    meta = bridge.ResolveSourceMeta(Source=m.SourceOp(identifier=name))
    check("ResolveSourceMeta", meta.Image.Digest.startswith("sha256:") and
          json.loads(meta.Image.Config)["os"] == "linux", meta)
    config = bridge.ResolveImageConfig(Ref=image)
    check("ResolveImageConfig", (config.Digest, config.Config) ==
          (meta.Image.Digest, meta.Image.Config))
    none = image.rsplit("/", 1)[0] + "/none:1"
    refused("ResolveSourceMeta: none", grpc.StatusCode.NOT_FOUND, none, bridge.ResolveSourceMeta,
            Source=m.SourceOp(identifier="docker-image://" + none), LogName="look for it")
    refused("ResolveImageConfig: none", grpc.StatusCode.NOT_FOUND, none,
            bridge.ResolveImageConfig, Ref=none)
    refused("ResolveSourceMeta: nothing", grpc.StatusCode.UNKNOWN, "no source",
            bridge.ResolveSourceMeta)
    refused("ResolveSourceMeta: of no kind", grpc.StatusCode.NOT_FOUND, "nothing://",
            bridge.ResolveSourceMeta, Source=m.SourceOp(identifier="nothing://x"))
    bridge.Warn(level=1, short=b"Python warns", detail=[b"in detail"], url="https://example.org/x",
                info=m.SourceInfo(filename="Mine", data=b"one\ntwo\n"),
                ranges=[m.Range(start=m.Position(line=2), end=m.Position(line=2))])
    say("ok Warn")


class Processes:
    """One stream of ExecProcess: what is put in goes out, what comes is kept by process."""

    def __init__(self, bridge):
        self.out = queue.Queue()
        ask = bridge.channel.stream_stream(
            "/moby.buildkit.v1.frontend.LLBBridge/ExecProcess",
            request_serializer=m.ExecMessage.SerializeToString,
            response_deserializer=m.ExecMessage.FromString)
        self.answers = ask(iter(self.out.get, None), timeout=120)

    def send(self, **fields):
        self.out.put(m.ExecMessage(**fields))

    def until(self, process, kind):
        """All messages of the process up to one of that kind, and that one."""
        seen = []
        for message in self.answers:
            if message.ProcessID == process:
                seen.append(message)
                if message.HasField(kind):
                    break
        return seen


def walk_containers(bridge):
    with open("/run/config/buildkit/metadata/frontend.bin", "rb") as f:
        own = m.Definition.FromString(f.read())
    root = solve(bridge, Definition=own).ref.id
    more = solve(bridge, Definition=define(files(mkfile("/more", b"mounted")))).ref.id
    bridge.NewContainer(ContainerID="c", hostname="python", Mounts=[
        m.PbMount(dest="/", resultID=root), m.PbMount(dest="/m", resultID=more, readonly=True)])
    say("ok NewContainer")
    refused("NewContainer: twice", grpc.StatusCode.UNKNOWN, "is there already",
            bridge.NewContainer, ContainerID="c", Mounts=[m.PbMount(dest="/", resultID=root)])
    script = ("import os, sys; print(os.uname().nodename, open('/m/more').read(), flush=True); "
              "sys.stderr.write(sys.stdin.readline()); sys.exit(5)")
    meta = m.Meta(args=[sys.executable, "-c", script], cwd="/", env=["PYTHONDONTWRITEBYTECODE=1"])
    processes = Processes(bridge)
    processes.send(ProcessID="p", Init=m.Init(ContainerID="c", Meta=meta, Fds=[0, 1, 2]))
    check("ExecProcess: it begins", processes.until("p", "Started")[-1].HasField("Started"))
    said = processes.until("p", "File")[-1].File
    check("ExecProcess: its output", (said.Fd, said.Data) == (1, b"python mounted\n"), said)
    check("ReadFileContainer", bridge.ReadFileContainer(
        Ref="c", FilePath="/more", MountIndex=1).Data == b"mounted")
    processes.send(ProcessID="p", File=m.Fd(Fd=0, Data=b"a line\n"))
    rest = processes.until("p", "Done")
    errors = b"".join(r.File.Data for r in rest if r.HasField("File") and r.File.Fd == 2)
    check("ExecProcess: its input", errors == b"a line\n", rest)
    ends = {r.File.Fd for r in rest if r.HasField("File") and r.File.EOF}
    check("ExecProcess: its streams end", ends == {1, 2}, rest)
    exits = [r.Exit for r in rest if r.HasField("Exit")]
    known = {d.type_url: json.loads(d.value) for d in exits[0].Error.details}
    check("ExecProcess: how it ended", len(exits) == 1 and exits[0].Code == 5 and known.get(
        "github.com/moby/buildkit/gatewayapi.ExitMessage+json") == {"Code": 5}, rest)
    check("ExecProcess: in order", rest[-2].HasField("Exit") and rest[-1].HasField("Done"), rest)
    processes.out.put(None)
    check("ExecProcess: the end", not list(processes.answers))
    bridge.ReleaseContainer(ContainerID="c")
    say("ok ReleaseContainer")
    refused("ReleaseContainer: twice", grpc.StatusCode.NOT_FOUND, "was released",
            bridge.ReleaseContainer, ContainerID="c")


def walk(bridge):
    walk_basics(bridge)
    walk_files(bridge)
    walk_operations(bridge)
    walk_frontends(bridge)
    walk_sources(bridge, options()["source"])
    walk_containers(bridge)
    result = solve(bridge, Frontend="dockerfile.v0", FrontendOpt={"filename": "Real.Dockerfile"})
    bridge.Return(result=m.Result(ref=m.Ref(id=result.ref.id), metadata=result.metadata))
    say("ok Return")
    try:
        bridge.Return(result=m.Result())
        check("Return: once", False)
    except grpc.RpcError:
        say("ok Return: once")


def old(bridge):
    """No Return, patterns instead of paths, no result but a name."""
    definition = define(local(includepattern='["hel*"]'))
    config = {"architecture": "amd64", "os": "linux", "config": {"Env": ["OF=2018"]}}
    attr = {"containerimage.config": base64.b64encode(json.dumps(config).encode()).decode()}
    answer = bridge.Solve(Definition=definition, Final=True, ExporterAttr=json.dumps(attr).encode())
    check("Solve: the last one", answer.ref and not answer.HasField("result"), answer)


def fail(bridge):
    place = {"info": {"filename": "Mine", "data": "b25lCnR3bwp0aHJlZQo="},
             "ranges": [{"start": {"line": 2}, "end": {"line": 2}}]}
    bridge.Return(error=m.Status(code=2, message="python says no", details=[
        m.Any(type_url="github.com/moby/buildkit/errdefs.Source+json",
              value=json.dumps(place).encode()),
        m.Any(type_url="example.org/unknown+json", value=b'{"any": 1}')]))
    sys.exit(2)


# ---- what it is made of -----------------------------------------------------------------------

def own_files():
    """The program, its modules, its libraries; with the links that lead to them."""
    found = {os.path.realpath(sys.executable)}
    for module in list(sys.modules.values()):
        found.add(getattr(module, "__file__", None) or "")
    with open("/proc/self/maps") as maps:
        found.update(line.split(None, 5)[5].strip() for line in maps if line.count("/"))
    return sorted(f for f in found if f.startswith("/usr/") and os.path.isfile(f))


def load_all():
    """Some modules come with the first call, and with the first error."""
    import encodings.ascii, encodings.idna, encodings.latin_1  # noqa
    try:
        channel = grpc.insecure_channel("unix:/nobody/listens")
        channel.unary_unary("/a/call").future(b"", timeout=60).result()
    except grpc.RpcError as e:
        e.trailing_metadata()


def pack(archive):
    import tarfile
    load_all()
    own, links = own_files(), {}
    for directory in {os.path.dirname(f) for f in own if ".so" in f}:
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if os.path.islink(path) and os.path.realpath(path) in own:
                links[path] = os.readlink(path)
    with tarfile.open(archive, "w") as tar:
        for name in ("lib", "lib64"):
            if os.path.islink("/" + name):
                tar.add("/" + name, name)
        loader = "/usr/lib64"
        if os.path.isdir(loader):
            for name in os.listdir(loader):
                tar.add(os.path.join(loader, name), "usr/lib64/" + name)
        for path in own:
            tar.add(path, path[1:])
        for path in links:
            tar.add(path, path[1:])
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(tmp)


if __name__ == "__main__":
    if sys.argv[1:2] == ["files"]:
        pack(sys.argv[2])
    else:
        try:
            {"walk": walk, "old": old, "fail": fail}[options().get("build-arg:DO", "walk")](Bridge())
        except grpc.RpcError as e:
            say("WRONG %s: %s" % (e.code(), e.details()))
            sys.exit(1)

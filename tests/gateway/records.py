"""What client.py asks about builds that are over, and about the store: ListenBuildHistory and
UpdateBuildHistory, the content service, DiskUsage and Prune.  No program."""
import hashlib
import json
import queue
import threading

import grpc

TABLES = """\
UsageRecord: 1 ID string, 2 Mutable bool, 3 InUse bool, 4 Size int64, 6 CreatedAt Time, 7 LastUsedAt Time, 8 UsageCount int64, 9 Description string, 10 RecordType string, 11 Shared bool, 12 Parents string*
Prune: 1 filter string*, 2 all bool, 3 keepDuration int64, 4 reservedSpace int64, 5 maxUsedSpace int64, 6 minFreeSpace int64
History: 1 ActiveOnly bool, 2 Ref string, 3 EarlyExit bool, 4 Filter string*, 5 Limit int32
HistoryEvent: 1 type int32, 2 record HistoryRecord
Failure: 1 code int32, 2 message string, 3 details Any*
Descriptor: 1 media_type string, 2 digest string, 3 size int64, 5 annotations string%
NumberedDescriptor: 1 key int64, 2 value Descriptor
ResultInfo: 2 Attestations Descriptor*, 3 Results NumberedDescriptor*
HistoryRecord: 1 Ref string, 2 Frontend string, 3 FrontendAttrs string%, 4 Exporters Exporter*, 5 error Failure, 6 CreatedAt Time, 7 CompletedAt Time, 8 logs Descriptor, 9 ExporterResponse string%, 10 Result ResultInfo, 12 Generation int32, 14 pinned bool, 15 numCachedSteps int32, 16 numTotalSteps int32, 17 numCompletedSteps int32, 18 externalError Descriptor, 19 numWarnings int32
UpdateHistory: 1 Ref string, 2 Pinned bool, 3 Delete bool, 4 Finalize bool
Digest: 1 digest string
ContentInfo: 1 digest string, 2 size int64
InfoAnswer: 1 info ContentInfo
ListAnswer: 1 info ContentInfo*
ReadRequest: 1 digest string, 2 offset int64, 3 size int64
Piece: 1 offset int64, 2 data bytes
"""
STARTED, COMPLETE, DELETED = range(3)
CONTROL = "/moby.buildkit.v1.Control/"
CONTENT = "/containerd.services.content.v1.Content/"


class Asker:
    def __init__(self, client, channel):
        self.client, self.channel, self.m = client, channel, client.m
        self.check, self.refused = client.check, client.refused

    def call(self, method, request, answer):
        return self.client.call(self.channel, method, request, answer)

    def stream(self, method, request, answer, timeout=60):
        stub = self.channel.unary_stream(method, request_serializer=self.client.encode,
                                         response_deserializer=answer.FromString)
        return stub(request, timeout=timeout)

    def take(self, method, request, answer):
        """All of a stream, or its error."""
        try:
            return list(self.stream(method, request, answer))
        except grpc.RpcError as error:
            return error

    def listen(self, **fields):
        return self.take(CONTROL + "ListenBuildHistory",
                         self.m.History(EarlyExit=True, **fields), self.m.HistoryEvent)

    def update(self, **fields):
        return self.call(CONTROL + "UpdateBuildHistory", self.m.UpdateHistory(**fields),
                         getattr(self.m, "None"))

    def read(self, digest, **fields):
        pieces = self.take(CONTENT + "Read", self.m.ReadRequest(digest=digest, **fields),
                           self.m.Piece)
        return pieces if isinstance(pieces, grpc.RpcError) else b"".join(p.data for p in pieces)

    def whole(self, descriptor):
        data = self.read(descriptor.digest)
        good = isinstance(data, bytes) and len(data) == descriptor.size and \
            "sha256:" + hashlib.sha256(data).hexdigest() == descriptor.digest
        return data if good else None


def frames(data):
    """The messages of a record's logs."""
    while data:
        size = int.from_bytes(data[:4], "little")
        yield data[4:4 + size]
        data = data[4 + size:]


def records(client, channel, session):
    """A build that works, one that fails, and what is kept of them."""
    a, m = Asker(client, channel), client.m
    heard = queue.Queue()
    listening = a.stream(CONTROL + "ListenBuildHistory", m.History(), m.HistoryEvent, 120)

    def hear():
        try:
            for event in listening:
                heard.put((event.type, event.record.Ref))
        except grpc.RpcError:
            pass
    threading.Thread(target=hear, daemon=True).start()

    def hears(kind, ref):
        try:
            while True:
                if heard.get(timeout=60) == (kind, ref):
                    return True
        except queue.Empty:
            return False

    good = client.Build(channel, session, Frontend="dockerfile.v0", FrontendAttrs={
        "build-arg:NPM_TOKEN": "hidden1", "build-arg:A": "shown",
        "build-arg:SITE": "https://user:hidden2@example.org/x",
        "cache-imports": json.dumps([{"Type": "s3", "Attrs": {
            "bucket": "b", "secret_access_key": "hidden3"}}])}, Exporters=client.TAR)
    a.check("a build that is recorded", not isinstance(good.wait(), grpc.RpcError))
    session.results.pop(0)
    a.check("that it began was heard", hears(STARTED, good.ref))
    a.check("that it ended was heard", hears(COMPLETE, good.ref))
    events = a.listen(Ref=good.ref)
    a.check("a record", len(events) == 1 and events[0].type == COMPLETE, events)
    record = events[0].record
    a.check("of what", record.Frontend == "dockerfile.v0" and
            record.FrontendAttrs["build-arg:A"] == "shown" and record.Exporters[0].Type == "tar")
    a.check("nothing hidden in it", b"hidden" not in client.encode(record), record)
    a.check("when", record.CreatedAt.seconds <= record.CompletedAt.seconds and
            record.CreatedAt.seconds > 0)
    a.check("how many steps", record.numTotalSteps == len(good.vertexes) ==
            record.numCompletedSteps and record.numCachedSteps >= 2, record)
    logs = a.whole(record.logs)
    status = [m.StatusResponse.FromString(f) for f in frames(logs or b"")]
    a.check("logs as content", logs and {v.digest for s in status for v in s.vertexes} ==
            set(good.vertexes))
    proof = [d for d in record.Result.Attestations
             if d.annotations["in-toto.io/predicate-type"].startswith("https://slsa.dev/")]
    a.check("provenance", len(proof) == 1 and json.loads(a.whole(proof[0]))["buildDefinition"],
            (record.Result, record.Ref))
    a.check("a piece of a content", a.read(record.logs.digest, offset=1, size=2) == logs[1:3])
    for offset, size, piece in ((-1, 2, logs[:2]), (2, len(logs), logs[2:]),
                                (len(logs), 1, b""), (1, -1, logs[1:])):
        a.check(f"a piece at {offset} of {size} bytes",
                a.read(record.logs.digest, offset=offset, size=size) == piece)
    info = a.call(CONTENT + "Info", m.Digest(digest=record.logs.digest), m.InfoAnswer)
    a.check("Info", info.info.size == len(logs))
    listed = a.take(CONTENT + "List", m.DiskUsage(
        filter=["digest==" + record.logs.digest]), m.ListAnswer)
    a.check("List", [i.size for part in listed for i in part.info] == [len(logs)], listed)
    for thing, answer, code, text in (
            ("a content that is not there", a.read("sha256:" + 64 * "0"),
             grpc.StatusCode.NOT_FOUND, "not found"),
            ("a content's name that leads out", a.read("../tenon.db"),
             grpc.StatusCode.INVALID_ARGUMENT, "no digest"),
            ("what is beyond a content", a.read(record.logs.digest, offset=len(logs) + 1, size=1),
             grpc.StatusCode.OUT_OF_RANGE, "bytes"),
            ("a content's removal", a.call(CONTENT + "Delete", m.Digest(
                digest=record.logs.digest), m.InfoAnswer), grpc.StatusCode.PERMISSION_DENIED,
             "only be read")):
        a.refused(thing, answer, code, text)

    bad = client.Build(channel, session, Frontend="dockerfile.v0",
                       FrontendAttrs={"target": "bad"})
    a.check("a build that fails", isinstance(bad.wait(), grpc.RpcError))
    record = a.listen(Ref=bad.ref)[0].record
    a.check("its error", "exit code: 3" in record.error.message and not record.error.details)
    details = m.Failure.FromString(a.whole(record.externalError))
    a.check("and its details", {"errdefs.Vertex", "errdefs.Source"} <=
            {d.type_url.split("/")[-1].split("+")[0] for d in details.details}, details)

    def refs(**fields):
        events = a.listen(**fields)
        return events if isinstance(events, grpc.RpcError) else [e.record.Ref for e in events]
    a.check("by status", bad.ref in refs(Filter=["status==error"]) and
            good.ref not in refs(Filter=["status==error"]))
    a.check("all of one filter", refs(Filter=["status==error,ref~=" + bad.ref[:9]]) == [bad.ref])
    a.check("any of several", set(refs(Filter=["ref==" + bad.ref, "ref==" + good.ref])) ==
            {bad.ref, good.ref})
    a.check("by time", bad.ref in refs(Filter=["startedAt>1h,duration<1h"]) and
            not refs(Filter=["completedAt<1h"]))
    a.check("the newest", refs(Limit=1) == [bad.ref])
    a.check("those that run", refs(ActiveOnly=True) == [])
    for filter_text in ("status=error", "startedAt>soon", "ref~=("):
        a.refused("the filter " + filter_text, a.listen(Filter=[filter_text]),
                  grpc.StatusCode.INVALID_ARGUMENT, "filter")

    a.check("Finalize", not isinstance(a.update(Ref=bad.ref, Finalize=True), grpc.RpcError))
    a.check("a pin", not isinstance(a.update(Ref=bad.ref, Pinned=True), grpc.RpcError))
    record = a.listen(Ref=bad.ref)[0].record
    a.check("that is there", record.pinned and record.Generation == 2)
    a.check("and was heard", hears(COMPLETE, bad.ref))
    a.update(Ref=bad.ref)
    a.check("that is gone", not a.listen(Ref=bad.ref)[0].record.pinned)
    a.check("a removal", not isinstance(a.update(Ref=bad.ref, Delete=True), grpc.RpcError))
    a.check("that was heard", hears(DELETED, bad.ref))
    a.check("after which there is none", a.listen(Ref=bad.ref) == [])
    a.refused("a removal of nothing", a.update(Ref=bad.ref, Delete=True),
              grpc.StatusCode.NOT_FOUND, bad.ref)
    a.refused("a pin of nothing", a.update(Ref="../" + good.ref, Pinned=True),
              grpc.StatusCode.NOT_FOUND, "no record")
    listening.cancel()


def store(client, channel, session):
    """What the store holds, and what goes."""
    a, m = Asker(client, channel), client.m

    def usage(**fields):
        answer = a.call(CONTROL + "DiskUsage", m.DiskUsage(**fields), client.m.Usage)
        return answer if isinstance(answer, grpc.RpcError) else list(answer.record)

    def prune(**fields):
        return a.take(CONTROL + "Prune", m.Prune(**fields), m.UsageRecord)
    rows = usage()
    kinds = {"regular", "internal", "frontend", "source.local", "source.git.checkout",
             "exec.cachemount"}
    a.check("kinds of usage", rows and {r.RecordType for r in rows} <= kinds, rows)
    a.check("fields of usage", all(r.ID and r.Description and r.CreatedAt.seconds and
                                   r.LastUsedAt.seconds for r in rows), rows)
    ids = {r.ID for r in rows}
    parents = {p for r in rows for p in r.Parents}
    a.check("parents", parents and parents <= ids, parents - ids)
    one = next(r for r in rows if r.Parents)
    a.check("one by its id", [r.ID for r in usage(filter=["id==" + one.ID])] == [one.ID])
    a.check("no filter", len(usage(filter=[""])) == len(rows))
    a.check("two of a kind", {r.ID for r in usage(filter=["immutable,id~=^snap"])} ==
            {r.ID for r in rows if r.ID.startswith("snap")})
    a.check("what is too young", usage(ageLimit=10**15) == [])
    a.refused("half a filter", usage(filter=["id=x"]), grpc.StatusCode.INVALID_ARGUMENT, "filter")
    a.refused("to prune by half a filter", prune(filter=["type=="]),
              grpc.StatusCode.INVALID_ARGUMENT, "filter")
    a.refused("to keep less than nothing", prune(reservedSpace=-1),
              grpc.StatusCode.INVALID_ARGUMENT, "below zero")
    for what, fields in (("what is young", dict(keepDuration=10**15)),
                         ("what there is room for", dict(maxUsedSpace=10**15)),
                         ("what is reserved", dict(maxUsedSpace=1, reservedSpace=10**15)),
                         ("while there is room", dict(minFreeSpace=1)),
                         ("another kind", dict(filter=["type==source.git.checkout"]))):
        a.check("prune leaves " + what, prune(all=True, **fields) == [])
    gone = prune(filter=["id==" + one.ID])
    a.check("prune of one", [r.ID for r in gone] == [one.ID] and gone[0].Size, gone)
    a.check("which is gone", {r.ID for r in usage()} < ids)
    named = client.Build(channel, session, Definition=client.write_file(b"named"), Exporters=[
        m.Exporter(Type="image", Attrs={"name": "example.org/kept:1", "store": "true"})]).wait()
    a.check("an image with a name", not isinstance(named, grpc.RpcError), named)

    def all_gone(): # a build is answered before it lets go of what it used
        prune(all=True)
        return usage() == []
    a.check("prune of all", client.until(all_gone), usage())
    a.check("which leaves records", a.listen() != [])


def names(client, channel):
    """A worker has a name, by which it is found."""
    a, m = Asker(client, channel), client.m
    workers = [list(a.call(CONTROL + "ListWorkers", m.DiskUsage(filter=f), m.Workers).record)
               for f in ([], ["labels.org.mobyproject.buildkit.worker.snapshotter==overlayfs"],
                         ["id==x"])]
    a.check("the worker's name", len(workers[0]) == 1 and len(workers[0][0].ID) == 25)
    a.check("a worker by a label", [w.ID for w in workers[1]] == [workers[0][0].ID])
    a.check("a worker of another name", workers[2] == [])
    return workers[0][0].ID

"""What client.py tries of provenance: which requests made a result and its inputs, and for whom
that is known.  No program."""
import json
import threading


def request_of(c, tar):
    """What its provenance says of the request, and whether that is all."""
    for name, member in c.names(tar).items():
        if name.startswith("blobs/sha256/") and member.size < 1 << 18:
            text = c.content(tar, name)
            if b"https://slsa.dev/provenance/v1" in text and text.startswith(b'{"_type"'):
                predicate = json.loads(text)["predicate"]
                return (predicate["buildDefinition"]["externalParameters"]["request"],
                        predicate["runDetails"]["metadata"]["buildkit_completeness"]["request"])
    raise AssertionError("no provenance")


def asked(c, channel, session):
    m = c.m

    def solve(build, inputs=None, **options):
        return build.bridge("Solve", m.SolveRequest(
            Frontend="dockerfile.v0", FrontendOpt=options, FrontendInputs=inputs or {},
            allowResultReturn=True, allowResultArrayRef=True), m.SolveResponse).result.ref

    def produce(build, **options):
        return solve(build, **{"target": "base", "build-arg:WORD": "in", "label:a": "b", **options})

    def consume(build, definition):
        ref = solve(build, {"one": definition},
                    **{"target": "laid", "context:example.invalid/x": "input:one"})
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref(id=ref.id))), c.NONE)

    def attested(drive, mode="max", **attrs):
        c.Build(channel, session, drive, Exporters=[m.Exporter(Type="oci")],
                FrontendAttrs={"attest:provenance": "mode=" + mode, **attrs}).wait()
        return request_of(c, session.results.pop(0))

    def both(build):
        consume(build, getattr(produce(build), "def"))

    said, whole = attested(both, **{"root-request": "so"})
    one = said["inputs"]["one"]["request"]
    c.check("the request of a result", said["frontend"] == "dockerfile.v0" and
            said["args"]["target"] == "laid" and whole, said)
    c.check("the request of its input", one == {"frontend": "dockerfile.v0", "args": {
        "target": "base", "build-arg:WORD": "in", "label:a": "b"}}, one)
    c.check("what the client was asked for", said["root"]["request"] == {
        "args": {"root-request": "so"}}, said)
    said, whole = attested(both, "min", **{"root-request": "so"})
    one = said["inputs"]["one"]["request"]
    c.check("the least of it", one["args"] == {"target": "base"} and not whole, said)

    def secretive(build):
        consume(build, getattr(produce(build, **{"build-arg:API_TOKEN": "t0psecret"}), "def"))

    said, whole = attested(secretive)
    c.check("no secret of an input's request", "t0psecret" not in json.dumps(said) and not whole and
            said["inputs"]["one"]["request"]["args"]["build-arg:WORD"] == "in", said)

    # What is a secret of the consumer's only, the producer's request shows no more than its own.
    def reused(build):
        definition = getattr(produce(build, **{"build-arg:WORD": "t0psecret"}), "def")
        ref = solve(build, {"one": definition}, **{
            "target": "laid", "context:example.invalid/x": "input:one",
            "build-arg:API_TOKEN": "t0psecret"})
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref(id=ref.id))), c.NONE)

    said, _ = attested(reused)
    c.check("no secret of the consumer's", "t0psecret" not in json.dumps(said) and
            said["inputs"]["one"]["request"]["args"]["build-arg:WORD"] == "xxxxx", said)

    # A long chain of inputs: its beginning is told, and that this is not all.
    def chain(build):
        definition = getattr(produce(build), "def")
        for _ in range(20):
            definition = getattr(solve(build, {"one": definition}, **{
                "target": "chained", "context:example.invalid/x": "input:one"}), "def")
        consume(build, definition)

    said, whole = attested(chain)
    depth, request = 0, said
    while "inputs" in request:
        depth, request = depth + 1, request["inputs"]["one"]["request"]
    c.check("a chain of inputs", depth == 6 and not whole, (depth, whole))

    def plain(build):
        ref = build.bridge("Solve", m.SolveRequest(
            Definition=c.write_file(b"plain"), allowResultReturn=True, allowResultArrayRef=True),
            m.SolveResponse).result.ref
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref(id=ref.id))), c.NONE)

    said, whole = attested(plain, **{"root-request": "so"})
    c.check("no request of a definition", set(said) == {"compatibilityVersion"} and not whole, said)

    # Of another build of the same client, and for as long as that lasts.
    made, enough = [], threading.Event()

    def hold(build):
        made.append(getattr(produce(build), "def"))
        both_ends.release()
        enough.wait(60)
        build.bridge("Return", m.ReturnRequest(result=m.Result(ref=m.Ref())), c.NONE)

    both_ends = threading.Semaphore(0)
    holder = threading.Thread(target=lambda: c.Build(channel, session, hold).wait())
    holder.start()
    both_ends.acquire(timeout=60)
    said, _ = attested(lambda build: consume(build, made[0]))
    c.check("an input of another build", said["inputs"]["one"]["request"]["args"]["target"] == "base",
            said)
    said, _ = attested(lambda build: consume(build, made[0]), **{"context:x": "input:one"})
    c.check("which the first request has not", "inputs" not in said["root"]["request"], said)
    enough.set()
    holder.join(60)
    said, _ = attested(lambda build: consume(build, made[0]))
    c.check("which is over", "inputs" not in said, said)

"""What client.py tries of sources: what is known of them, and a session that is asked about each.
It is the server of the files, the repository and the image, too.  No program."""
import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import tempfile
import threading

import grpc

TABLES = """\
PolicyQuestion: 1 Platform Platform, 2 Source ResolveSourceMetaResponse
DenyMessage: 1 message string
Decision: 1 action int32, 2 denyMessages DenyMessage*, 3 update SourceOp
PolicyAnswer: 1 decision Decision, 2 request ResolveSourceMetaRequest
"""
CHECK_POLICY = "/moby.buildkit.v1.sourcepolicy.policysession.PolicyVerifier/CheckPolicy"
ALLOW, DENY, CONVERT = range(3)
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SLSA = "https://slsa.dev/provenance/v1"


def hashed(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    """Documents of an image whose attestation is signed, as a registry has them."""

    def __init__(self):
        self.blobs, self.types = {}, {}
        config = self.put(b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}')
        self.image = self.manifest(config, [])
        self.statement = self.put(b'{"_type":"statement"}')
        self.other = self.put(b'{"_type":"another"}')
        self.attestation = self.manifest(config, [
            self.layer(self.statement, SLSA), self.layer(self.other, "https://example.org/x")])
        self.bundle = self.put(b'{"bundle":1}')
        self.signature = self.manifest(config, [self.layer(self.bundle, "")])
        foreign = self.manifest(config, [self.layer(self.other, SLSA)])
        about = {"vnd.docker.reference.type": "attestation-manifest",
                 "vnd.docker.reference.digest": self.image}
        self.index = self.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            self.entry(self.image, platform={"os": "linux", "architecture": "amd64"}),
            self.entry(foreign, annotations=dict(about, **{
                "vnd.docker.reference.digest": self.attestation})),
            self.entry(self.attestation, annotations=about,
                       platform={"os": "unknown", "architecture": "unknown"})]}).encode(), INDEX)
        self.referrers = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            self.entry(self.image, artifactType="application/x-other"),
            self.entry(self.signature, artifactType=BUNDLE)]}).encode()

    def with_file(self, name):
        """The index of an image that has an empty file."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name))
        layer = self.put(out.getvalue(), "application/vnd.oci.image.layer.v1.tar")
        config = self.put(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
            "type": "layers", "diff_ids": [layer]}}).encode())
        image = self.manifest(config, [self.entry(layer)])
        return self.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            self.entry(image, platform={"os": "linux", "architecture": "amd64"})]}).encode(), INDEX)

    def put(self, data, kind="application/json"):
        digest = hashed(data)
        self.blobs[digest], self.types[digest] = data, kind
        return digest

    def entry(self, digest, **more):
        return dict(mediaType=self.types[digest], digest=digest, size=len(self.blobs[digest]),
                    **more)

    def layer(self, digest, kind):
        return self.entry(digest, annotations={"in-toto.io/predicate-type": kind})

    def manifest(self, config, layers):
        return self.put(json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": dict(self.entry(
                config), mediaType="application/vnd.oci.image.config.v1+json"),
            "layers": layers}).encode(), MANIFEST)


class Web(http.server.BaseHTTPRequestHandler):
    """Files by their paths, and one image by any name."""
    files, named, image, tags, directory, denied = {}, {}, Image(), {}, None, ""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def find(self):
        last = self.path.rsplit("/", 1)[1]
        if self.path.startswith("/repo/") and self.directory:
            path = os.path.join(self.directory, self.path[len("/repo/"):].split("?")[0])
            if not os.path.isfile(path):
                return None, None
            with open(path, "rb") as file:
                return file.read(), "text/plain"
        if "/referrers/" in self.path:
            here = last == self.image.attestation
            return self.image.referrers if here else b'{"manifests":[]}', INDEX
        if "/manifests/" in self.path or "/blobs/" in self.path:
            digest = last if ":" in last else self.tags.get(last, self.image.index)
            return self.image.blobs.get(digest), self.image.types.get(digest)
        return (b"{}" if self.path == "/v2/" else self.files.get(self.path)), "text/plain"

    def do_GET(self):
        data, kind = self.find()
        if self.denied and self.denied in self.path:
            data, kind = b"", "text/plain"
            self.send_response(403)
        else:
            self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("Content-Type", kind or "text/plain")
        if self.path in self.named:
            self.send_header("Content-Disposition", self.named[self.path])
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data or b"")


class Asker:
    def __init__(self, client, channel, session, port):
        self.client, self.channel, self.session, self.m = client, channel, session, client.m
        self.check, self.refused = client.check, client.refused
        self.host = "127.0.0.1:%d" % port
        self.url = "http://" + self.host

    def definition(self, *identifiers):
        """Sources, of which the last is the result; all of them are asked about."""
        return self.define(*(self.m.Op(source=self.m.SourceOp(identifier=name), platform=(
            self.m.Platform(OS="linux", Architecture="amd64"))) for name in identifiers))

    def define(self, *ops):
        ops = [self.client.encode(op) for op in ops]
        last = self.m.Op(inputs=[self.m.Input(digest=hashed(ops[-1]))])
        return self.m.Definition(**{"def": ops + [self.client.encode(last)]})

    def build(self, policy, *identifiers):
        self.session.policy = policy
        build = self.client.Build(self.channel, self.session, Exporters=self.client.TAR,
                                  Definition=self.definition(*identifiers),
                                  SourcePolicySession=self.session.id)
        build.wait()
        return build

    def drive(self, what):
        """what(ask): with ask(identifier, ...) for what is known of a source."""
        def drive(build):
            def ask(identifier, attrs=None, **fields):
                return build.bridge("ResolveSourceMeta", self.m.ResolveSourceMetaRequest(
                    Source=self.m.SourceOp(identifier=identifier, attrs=attrs), **fields),
                    self.m.ResolveSourceMetaResponse)

            build.solved = what(ask)
            result = self.m.Result(ref=self.m.Ref())
            if build.solved:
                result = build.bridge("Solve", self.m.SolveRequest(
                    Definition=build.solved, allowResultReturn=True, allowResultArrayRef=True),
                    self.m.SolveResponse).result
            build.bridge("Return", self.m.ReturnRequest(result=result),
                         getattr(self.m, "None"))

        return self.client.Build(self.channel, self.session, drive,
                                 Exporters=self.client.TAR).wait()


# ---- what is known ---------------------------------------------------------


def downloads(asker):
    m, check, name = asker.m, asker.check, asker.url + "/changing"
    Web.files["/changing"], Web.named["/named"] = b"first", 'attachment; filename="a b.txt"'
    Web.files["/named"] = b"named"

    def what(ask):
        ask(name, {"http.checksum": hashed(b"first")}) # which is a claim: nobody looks
        meta = ask(name)
        check("a download", meta.HTTP.Checksum == hashed(b"first") and
              meta.HTTP.Filename == "changing", meta)
        meta = ask(asker.url + "/named")
        check("a name that the server gives", meta.HTTP.Filename == "a b.txt", meta)
        Web.files["/changing"] = b"second"
        for number, algorithm in enumerate(("sha256", "sha384", "sha512")):
            meta = ask(name, HTTP=m.AskHTTP(ChecksumRequest=m.Checksum(Algo=number, Suffix=b"\0x")))
            answer = meta.HTTP.ChecksumResponse
            check("a digest with a suffix, " + algorithm, answer.Suffix == b"\0x" and
                  answer.Digest == "%s:%s" % (algorithm, hashlib.new(
                      algorithm, b"first\0x").hexdigest()), meta)
        wish = {"http.digest": "sha256:6868"}
        meta = ask(name, wish)
        check("a wish of the source's own", meta.HTTP.Checksum == hashed(b"first") and
              not meta.HTTP.HasField("ChecksumResponse"), meta)
        meta = ask(name, wish, HTTP=m.AskHTTP(ChecksumRequest=m.Checksum(Suffix=b"zz")))
        check("a wish in the place of what is asked", (
            meta.HTTP.ChecksumResponse.Digest, meta.HTTP.ChecksumResponse.Suffix) == (
                hashed(b"firstzz"), b"zz"), meta)
        for thing, checksum, text in (
                ("an algorithm of no name", m.Checksum(Algo=9), "unsupported checksum algorithm"),
                ("a long suffix", m.Checksum(Suffix=b"x" * 4097), "suffix exceeds max size")):
            asker.refused(thing, ask(name, HTTP=m.AskHTTP(ChecksumRequest=checksum)),
                          grpc.StatusCode.UNKNOWN, text)
        return asker.definition(name)

    answer = asker.drive(what)
    check("a build that asked", not isinstance(answer, grpc.RpcError), str(answer))
    check("what it was told", asker.client.content(
        asker.session.results.pop(0), "changing") == b"first")


def run_git(directory, *words):
    return subprocess.run(("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", directory) +
                          words, check=True, stdout=subprocess.PIPE).stdout.decode().strip()


def repository(asker):
    check, m = asker.check, asker.m
    with tempfile.TemporaryDirectory() as directory:
        run_git(directory, "init", "-q", "-b", "main")
        run_git(directory, "commit", "-q", "--allow-empty", "-m", "one")
        run_git(directory, "tag", "-a", "-m", "a tag", "v1")
        commit, tag = run_git(directory, "rev-parse", "HEAD"), run_git(directory, "rev-parse", "v1")
        run_git(directory, "update-server-info")
        Web.directory = directory + "/.git"

        def what(ask):
            name, attrs = "git://%s/repo" % asker.host, {"git.fullurl": asker.url + "/repo"}
            git = ask(name, attrs).Git
            check("a default branch", (git.Ref, git.Checksum, git.CommitChecksum) == (
                "refs/heads/main", commit, ""), git)
            git = ask(name + "#v1", attrs, Git=m.AskGit(ReturnObject=True)).Git
            check("a tag", (git.Ref, git.Checksum, git.CommitChecksum) == (
                "refs/tags/v1", tag, commit), git)
            check("its objects", b"\n\none\n" in git.CommitObject and
                  b"tag v1\n" in git.TagObject, git)
            run_git(directory, "commit", "-q", "--allow-empty", "-m", "two")
            run_git(directory, "update-server-info")
            check("a branch that has moved", ask(name, attrs).Git.Checksum == commit)
            git = ask(name + "#" + commit, attrs).Git
            check("a commit", (git.Ref, git.Checksum) == (commit, commit), git)

        asker.drive(what)


def moved(asker):
    """A tag that moves between a policy's question and the build."""
    m, check, image = asker.m, asker.check, Web.image
    indexes = [image.with_file(name) for name in ("first", "second")]
    name, roots = "docker-image://%s/some/image:moving" % asker.host, []
    Web.tags["moving"] = indexes[0]

    def policy(question, _):
        if not question.Source.HasField("Image"):
            return m.PolicyAnswer(request=m.ResolveSourceMetaRequest(
                Source=question.Source.Source, Platform=question.Platform,
                Image=m.AskImage(NoConfig=True, AttestationChain=True)))
        roots.append(question.Source.Image.Digest)
        Web.tags["moving"] = indexes[1]
        return m.PolicyAnswer(decision=m.Decision(action=ALLOW))

    for thing in ("a tag that moves", "a build after it"):
        build = asker.build(policy, name)
        check(thing, not isinstance(build.answer, grpc.RpcError), str(build.answer))
        check(thing + ": its files", list(asker.client.names(asker.session.results.pop(0))) ==
              [("first", "second")[indexes.index(roots[-1])]])
    check("what the policy saw of it", roots == indexes, roots)
    asker.session.policy = None


def images(asker):
    m, check, image = asker.m, asker.check, Web.image
    name = "docker-image://%s/some/image:1" % asker.host

    def what(ask):
        def chain_of(**fields):
            return ask(name, Platform=m.Platform(OS="linux", Architecture="amd64"),
                       Image=m.AskImage(NoConfig=True, **fields)).Image

        plain = chain_of()
        check("an image alone", plain.Digest == image.index and not plain.Config and
              not plain.HasField("AttestationChain"), plain)
        chain = chain_of(AttestationChain=True).AttestationChain
        check("a chain", (chain.Root, chain.ImageManifest, chain.AttestationManifest,
                          list(chain.SignatureManifests)) == (
            image.index, image.image, image.attestation, [image.signature]), chain)
        expected = {image.index, image.attestation, image.signature, image.bundle}
        check("its documents", set(chain.Blobs) == expected and all(
            d.data == image.blobs[digest] and d.descriptor.size == len(d.data) and
            d.descriptor.digest == digest for digest, d in chain.Blobs.items()), chain)
        check("what they are", chain.Blobs[image.index].descriptor.media_type == INDEX)
        chain = chain_of(ResolveAttestations=[SLSA]).AttestationChain
        check("a statement", set(chain.Blobs) == expected | {image.statement}, chain)

    def without_signatures(ask):
        answer = ask(name, Platform=m.Platform(OS="linux", Architecture="amd64"), Image=m.AskImage(
            NoConfig=True, AttestationChain=True))
        check("a registry that keeps its referrers", not isinstance(answer, grpc.RpcError),
              str(answer))
        chain = answer.Image.AttestationChain
        check("no signature, and the rest", not chain.SignatureManifests and
              chain.AttestationManifest == image.attestation and
              set(chain.Blobs) == {image.index, image.attestation}, chain)

    asker.drive(what)
    Web.denied = "/referrers/"
    asker.drive(without_signatures)
    Web.denied = ""
    m = asker.m
    blob = asker.m.SourceOp(identifier="docker-image+blob://%s/some/image@%s" % (
        asker.host, image.statement), attrs={"http.filename": "said", "http.perm": "0640",
                                              "http.uid": "12", "http.gid": "34"})
    session, asker.session.policy = asker.session, None
    session.stores["oci:blobs"] = {image.other: image.blobs[image.other]}
    mine = asker.m.SourceOp(identifier="oci-layout+blob://any/thing@" + image.other,
                            attrs={"oci.store": "blobs"})
    for source, name, mode, owner, data in (
            (blob, "said", 0o640, (12, 34), image.blobs[image.statement]),
            (mine, image.other[7:], 0o600, (0, 0), image.blobs[image.other])):
        build = asker.client.Build(asker.channel, session, Exporters=asker.client.TAR,
                                   Definition=asker.define(m.Op(source=source)))
        build.wait()
        check("a blob of " + source.identifier[:12], not isinstance(build.answer, grpc.RpcError),
              str(build.answer))
        tar = session.results.pop(0)
        entry = asker.client.names(tar)[name]
        check("its file", asker.client.content(tar, name) == data and entry.mode == mode and
              (entry.uid, entry.gid, entry.mtime) == owner + (0,), entry.get_info())
    moved(asker)
    for thing, name, attrs, text in (
            ("a blob without a digest", "some/image", {}, "NAME@DIGEST"),
            ("a blob above", "some/image@" + image.other, {"http.filename": "../x"}, "invalid name")):
        source = m.SourceOp(identifier="docker-image+blob://%s/%s" % (asker.host, name), attrs=attrs)
        asker.refused(thing, asker.client.Build(asker.channel, session, Definition=asker.define(
            m.Op(source=source))).wait(), grpc.StatusCode.UNKNOWN, text)


# ---- a session that is asked -----------------------------------------------


def policies(asker):
    m, check = asker.m, asker.check
    Web.files.update({"/one": b"1", "/two": b"2"})
    one, two = asker.url + "/one", asker.url + "/two"

    def decide(action, **more):
        return m.PolicyAnswer(decision=m.Decision(action=action, **more))

    def name_of(question):
        return question.Source.Source.identifier

    asked = []

    def allow(question, _):
        asked.append((name_of(question), question.Platform.OS, question.Platform.Architecture))
        return decide(ALLOW)

    build = asker.build(allow, one)
    check("a source that the client allows", asked == [(one, "linux", "amd64")], asked)
    check("its file", asker.client.content(asker.session.results.pop(0), "one") == b"1")

    def deny(question, _):
        return decide(DENY, denyMessages=[m.DenyMessage(message="not \"that\"")])

    build = asker.build(deny, one)
    asker.refused("a source that it denies", build.answer, grpc.StatusCode.UNKNOWN,
                  'source "%s" not allowed by policy: action DENY' % one)
    details = m.Status.FromString(dict(build.answer.trailing_metadata())[
        "grpc-status-details-bin"]).details
    said = [json.loads(d.value) for d in details if d.type_url ==
            "github.com/moby/buildkit/policysession.DecisionResponse+json"]
    check("why", said == [{"action": 1, "denyMessages": [{"message": 'not "that"'}]}], details)

    def convert(question, _):
        update = m.SourceOp(identifier=two, attrs={"http.filename": "renamed"})
        return decide(CONVERT, update=update) if name_of(question) == one else allow(question, _)

    asked.clear()
    asker.build(convert, one)
    check("a source in the place of another", asker.client.content(
        asker.session.results.pop(0), "renamed") == b"2" and asked[0][0] == two, asked)

    def look(question, _):
        if not question.Source.HasField("HTTP"):
            return m.PolicyAnswer(request=m.ResolveSourceMetaRequest(
                Source=question.Source.Source, HTTP=m.AskHTTP(ChecksumRequest=m.Checksum())))
        asked.append(question.Source.HTTP.ChecksumResponse.Digest)
        return decide(ALLOW)

    asked.clear()
    asker.build(look, one)
    asker.session.results.pop(0)
    check("what it asks about a source", asked == [hashed(b"1")], asked)

    def count(answer):
        def policy(question, _):
            asked.append(name_of(question))
            return answer(question)
        return policy

    source = m.SourceOp(identifier=two)
    for thing, answer, text, times in (
            ("endless change", lambda q: decide(CONVERT, update=q.Source.Source),
             "too many policy requests", 10),
            ("endless questions", lambda q: m.PolicyAnswer(request=m.ResolveSourceMetaRequest(
                Source=q.Source.Source)), "too many policy requests", 10),
            ("a question about another", lambda q: m.PolicyAnswer(
                request=m.ResolveSourceMetaRequest(Source=source)), "different source identifier", 1),
            ("a question about other attributes", lambda q: m.PolicyAnswer(
                request=m.ResolveSourceMetaRequest(Source=m.SourceOp(
                    identifier=one, attrs={"a": "b"}))), "different source attrs", 1),
            ("a change to nothing", lambda q: decide(CONVERT), "requires updated source", 1),
            ("an attribute of no name", lambda q: decide(CONVERT, update=m.SourceOp(
                identifier=two, attrs={"a=b": "c"})), "invalid name", 1),
            ("no decision", lambda q: m.PolicyAnswer(), "no decision", 1),
            ("an action of no name", lambda q: decide(77), "action unknown", 1)):
        asked.clear()
        build = asker.build(count(answer), one)
        asker.refused(thing, build.answer, grpc.StatusCode.UNKNOWN, text)
        check("%s: how often" % thing, len(asked) == times, asked)

    def fail(_, context):
        context.abort(grpc.StatusCode.UNKNOWN, "it is broken")

    asker.refused("a policy that fails", asker.build(fail, one).answer, grpc.StatusCode.UNKNOWN,
                  "it is broken")
    both = threading.Barrier(2, timeout=60)

    def together(question, _):
        both.wait()
        return decide(ALLOW)

    build = asker.build(together, one, two)
    check("two sources at once", not isinstance(build.answer, grpc.RpcError), str(build.answer))
    asker.session.results.pop(0)
    asked.clear()

    def dockerfile(question, context):
        allow(question, context)
        return decide(DENY if name_of(question) == "local://context" else ALLOW)

    asker.session.policy = dockerfile
    asker.refused("a context", asker.client.Build(
        asker.channel, asker.session, Frontend="dockerfile.v0",
        SourcePolicySession=asker.session.id).wait(), grpc.StatusCode.UNKNOWN, "local://context")
    check("the file before it", ("local://dockerfile", "", "") in asked, asked)


def sources(client, channel, session):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asker = Asker(client, channel, session, server.server_address[1])
    downloads(asker)
    repository(asker)
    images(asker)
    policies(asker)
    server.shutdown()
    server.server_close()

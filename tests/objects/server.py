#!/usr/bin/env python3
"""Stores of objects for tests: server.py KIND DIR PORT-FILE, on a port of its own.

KIND s3: Amazon's, which checks Signature Version 4; azblob: Azure's, which checks Shared Keys; gha: GitHub's
(actions.py), which checks tokens.
Objects are files below DIR; the name in DIR/@log of each request with its status is what was asked.
What a test writes into DIR/@fail ("PUT 403") is the answer to the next request of that method; with status 200
it is an <Error> all the same, as of a copy. A part of a path in DIR/@lose: the next such request is done, and
its answer is lost (502).
The account is "account", its key "c2VjcmV0IGtleQ==" for Azure; AKID and "sec/ret" for S3, with the session
token "to/ken" when one is sent at all.
"""
import base64, email.utils, hashlib, hmac, os, sys, threading, time, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.dont_write_bytecode = True  # the sources may be read-only
import actions  # noqa: E402

KIND, DIR, PORT_FILE = sys.argv[1:4]
LOCK = threading.Lock()
REGION, KEY_ID, SECRET = "eu-test-1", "AKID", b"sec/ret"
ACCOUNT, ACCOUNT_KEY = "account", b"secret key"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Refused(Exception):
    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    # ---- who asks -----------------------------------------------------------------------
    def check_s3(self, body):
        h = {k.lower(): v.strip() for k, v in self.headers.items()}
        authorization = h.get("authorization", "")
        if not authorization.startswith("AWS4-HMAC-SHA256 "):
            raise Refused(403, "AccessDenied", "Access Denied.")
        fields = dict(f.strip().split("=", 1) for f in authorization.split(" ", 1)[1].split(","))
        key_id, day, region, service, end = fields["Credential"].split("/")
        if key_id != KEY_ID:
            raise Refused(403, "InvalidAccessKeyId", "The key %s does not exist." % key_id)
        if region != REGION:
            raise Refused(400, "AuthorizationHeaderMalformed", "the region '%s' is wrong; expecting '%s'" % (region, REGION))
        names = fields["SignedHeaders"].split(";")
        must = {"host"} | {n for n in h if n.startswith("x-amz-")}
        if names != sorted(names) or not must <= set(names):
            raise Refused(403, "AccessDenied", "There were headers present in the request which were not signed")
        if "x-amz-security-token" in h and h["x-amz-security-token"] != "to/ken":
            raise Refused(403, "InvalidToken", "The provided token is malformed.")
        if h["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch", "The provided header does not match what was computed.")
        when = time.mktime(time.strptime(h["x-amz-date"], "%Y%m%dT%H%M%SZ")) - time.timezone
        if abs(time.time() - when) > 900 or h["x-amz-date"][:8] != day:
            raise Refused(403, "RequestTimeTooSkewed", "The difference between the times is too large.")
        path, _, query = self.path.partition("?")
        path = urllib.parse.quote(urllib.parse.unquote(path), safe="/-_.~")
        canonical = "\n".join([self.command, path, query] + ["%s:%s" % (n, h[n]) for n in names] +
                              ["", ";".join(names), h["x-amz-content-sha256"]])
        scope = "/".join([day, region, service, end])
        text = "\n".join(["AWS4-HMAC-SHA256", h["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + SECRET
        for part in (day, region, service, end):
            key = mac(key, part)
        if not hmac.compare_digest(mac(key, text).hex(), fields["Signature"]):
            raise Refused(403, "SignatureDoesNotMatch", "The signature does not match.")

    def check_azblob(self, body):
        h = {k.lower(): v.strip() for k, v in self.headers.items()}
        kind, _, rest = h.get("authorization", "").partition(" ")
        account, _, signature = rest.partition(":")
        if kind != "SharedKey" or account != ACCOUNT:
            raise Refused(403, "AuthenticationFailed", "Server failed to authenticate the request.")
        when = email.utils.parsedate_to_datetime(h["x-ms-date"]).timestamp()
        if abs(time.time() - when) > 900 or "x-ms-version" not in h:
            raise Refused(403, "AuthenticationFailed", "Server failed to authenticate the request.")
        length = h.get("content-length", "")
        lines = [self.command, h.get("content-encoding", ""), h.get("content-language", ""), "" if length == "0" else length,
                 h.get("content-md5", ""), h.get("content-type", ""), h.get("date", ""), h.get("if-modified-since", ""),
                 h.get("if-match", ""), h.get("if-none-match", ""), h.get("if-unmodified-since", ""), h.get("range", "")]
        lines += ["%s:%s" % (n, h[n]) for n in sorted(h) if n.startswith("x-ms-")]
        path, _, query = self.path.partition("?")
        lines.append("/" + ACCOUNT + path)
        lines += ["%s:%s" % (k.lower(), ",".join(sorted(v))) for k, v in sorted(urllib.parse.parse_qs(query).items())]
        good = base64.b64encode(mac(ACCOUNT_KEY, "\n".join(lines))).decode()
        if not hmac.compare_digest(good, signature):
            raise Refused(403, "AuthenticationFailed", "The MAC signature found in the HTTP request is not the same.")

    # ---- what is there --------------------------------------------------------------------
    def file(self):
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if KIND == "s3" and not self.headers["Host"].startswith("127."):  # bucket.host:port
            path = "/" + self.headers["Host"].split(".")[0] + path
        return DIR + os.path.normpath(path)

    def lost(self):
        with LOCK:
            try:
                lost = open(DIR + "/@lose").read().strip() in self.path
            except FileNotFoundError:
                return False
            if lost:
                os.unlink(DIR + "/@lose")
            return lost

    def answer(self, status, body=b"", headers=()):
        if self.lost():
            status, body, headers = 502, b"", ()
        with LOCK, open(DIR + "/@log", "a") as log:
            what = urllib.parse.unquote(self.path.partition("?sig=")[0]) + (" " + self.about if self.about else "")
            log.write("%s %s %d\n" % (self.command, what, status))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def planned(self):
        with LOCK:
            try:
                method, status = open(DIR + "/@fail").read().split()
            except FileNotFoundError:
                return
            if method != self.command:
                return
            os.unlink(DIR + "/@fail")
        raise Refused(int(status), "Planned", "as the test wanted it")

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":  # as Go's client sends what has no length
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def serve(self):
        body = self.body()
        self.about = ""
        try:
            if KIND == "gha":
                self.planned()
                return actions.serve(self, body)
            (self.check_s3 if KIND == "s3" else self.check_azblob)(body)
            self.planned()
            self.container() if "restype=container" in self.path else self.object(body)
        except Refused as r:
            text = "<?xml version='1.0'?>\n<Error><Code>%s</Code><Message>%s</Message></Error>" % (r.code, r.message)
            self.answer(r.status, text.encode(), [("Content-Type", "application/xml")])

    def container(self):
        if self.command == "PUT":
            os.mkdir(self.file())
            self.answer(201)
        elif os.path.isdir(self.file()):
            self.answer(200)
        else:
            raise Refused(404, "ContainerNotFound", "The specified container does not exist.")

    def object(self, body):
        path = self.file()
        if self.command == "PUT":
            source = self.headers.get("x-amz-copy-source")
            if source:
                os.utime(DIR + urllib.parse.unquote(source))
                return self.answer(200, b"<CopyObjectResult/>")
            if KIND == "azblob" and self.headers.get("If-None-Match") == "*" and os.path.exists(path):
                raise Refused(409, "BlobAlreadyExists", "The specified blob already exists.")
            if KIND == "azblob" and self.headers.get("x-ms-blob-type") != "BlockBlob":
                raise Refused(400, "MissingRequiredHeader", "An HTTP header that's mandatory is not specified.")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open("%s.%d" % (path, threading.get_ident()), "wb") as f:
                f.write(body)
            os.rename(f.name, path)
            return self.answer(200 if KIND == "s3" else 201)
        try:
            data, changed = open(path, "rb").read(), os.stat(path).st_mtime
        except (FileNotFoundError, IsADirectoryError):
            raise Refused(404, "NoSuchKey" if KIND == "s3" else "BlobNotFound", "It does not exist.") from None
        self.answer(200, data, [("Content-Length", str(len(data))), ("Last-Modified", email.utils.formatdate(changed, usegmt=True))])

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = serve


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w") as f:
    f.write("%d\n" % server.server_address[1])
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()

#!/bin/sh
# tenon registry check: each step of the way, where it stops, and what it leaves.
. "$(dirname "$0")/lib.sh"
need python3 openssl jq
cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=ours \
    -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>openssl.log || fail "openssl"

# Registries, each on a port: open, with a password, with tokens, over TLS, and none at all.
cat >server.py <<'END_PYTHON'
import base64, http.server, json, ssl, sys, threading
log = open("asked", "a", buffering=1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def answer(self, status, body=b"", **headers):
        log.write("%s %s %d\n" % (self.command, self.path, status))
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def handle_one(self):
        kind, path = self.server.kind, self.path
        want = "Basic " + base64.b64encode(b"me:right").decode()
        if kind == "none":
            return self.answer(404)
        if kind == "password" and self.headers.get("Authorization") != want:
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        if kind == "token" and path.startswith("/token"):
            return self.answer(200, b'{"token": "t"}') if self.headers.get("Authorization") == want else self.answer(401)
        if kind == "token" and self.headers.get("Authorization") != "Bearer t":
            return self.answer(401, WWW_Authenticate='Bearer realm="http://%s/token",service="x"' % self.headers["Host"])
        if path == "/v2/":
            return self.answer(200, b"{}")
        repo = path.split("/")[2]
        if "/tags/" in path:
            return self.answer({"denied": 403, "new": 404}.get(repo, 200), json.dumps({"tags": ["1"]}).encode())
        if "/manifests/" in path:
            return self.answer(200, json.dumps({"config": {"digest": "sha256:" + "0" * 64}}).encode())
        if self.command == "DELETE":
            return self.answer(204)
        if repo in ("readonly", "mirror"):
            return self.answer(403 if repo == "readonly" else 405)
        if "mount=" in path and repo != "sent":
            return self.answer(201)
        where = {"away": "http://localhost:%d/elsewhere", "bare": "http://%s" % self.headers["Host"]}.get(repo, "")
        self.answer(202, Location=where.replace("%d", str(self.server.server_address[1])) + "/v2/%s/blobs/uploads/one" % repo)
    do_GET = do_POST = do_DELETE = handle_one
for kind in sys.argv[1:]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.kind = kind
    if kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("cert.pem", "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(kind, server.server_address[1], flush=True)
print("", flush=True)
threading.Event().wait()
END_PYTHON
python3 server.py open password token tls none >ports &
remember $!
await_line ports '^$'
at() { echo "127.0.0.1:$(sed -n "s/^$1 //p" ports)"; }

# steps STATUS WHERE EXPECTED: how each step came out.
steps() {
    run "$1" tenon registry check --format json "$2"
    assert_eq "$3" "$(jq -r '.step + "=" + .outcome' out | xargs)"
}
way="dns=ok tcp=ok tls=noted ping=ok"
steps 0 "$(at open)" "$way push=noted"
steps 0 "$(at open)/good" "$way pull=ok push=ok mount=ok"
steps 0 "$(at open)/new" "$way pull=noted push=ok mount=noted"
steps 0 "$(at open)/sent" "$way pull=ok push=ok mount=noted"
steps 1 "$(at open)/denied" "$way pull=failed"
steps 1 "$(at open)/readonly" "$way pull=ok push=failed"
steps 1 "$(at open)/mirror" "$way pull=ok push=failed"
assert_has out 'for reading, a mirror'
steps 1 "$(at none)" "dns=ok tcp=ok tls=noted ping=failed"
steps 1 "127.0.0.1:1" "dns=ok tcp=failed"
steps 1 "nowhere.invalid/x" "dns=failed"

# What was begun is taken back.
assert_eq "$(grep -c 'POST .* 202' asked)" "$(grep -c 'DELETE /v2/[a-z]*/blobs/uploads/one 204' asked)"

# Elsewhere nothing is deleted.
steps 0 "$(at open)/away" "$way pull=ok push=ok mount=ok"
! grep 'DELETE /elsewhere' asked || fail "it deletes what another server has"

# Who one is there; a wrong password, none, the right one.
steps 1 "$(at password)/good" "$way auth=failed"
assert_has out "docker login $(at password)"
mkdir -p "$HOME/.docker"
for try in wrong right; do
    auth=$(printf 'me:%s' $try | base64)
    printf '{"auths": {"%s": {"auth": "%s"}, "%s": {"auth": "%s"}}}\n' "$(at password)" "$auth" "$(at token)" "$auth" >"$HOME/.docker/config.json"
    for kind in password token; do
        [ $try = right ] || { steps 1 "$(at $kind)/good" "$way auth=failed"; continue; }
        steps 0 "$(at $kind)" "$way auth=ok push=noted"
        steps 0 "$(at $kind)/good" "$way auth=ok pull=ok push=ok mount=ok"
        assert_has out 'as \"me\"'
    done
done

# Whose certificate, who does not believe it, and what makes it believed.
steps 1 "$(at tls)/good" "dns=ok tcp=ok tls=failed"
assert_has out 'certificate of CN=ours, by CN=ours, until 20'
assert_has out "/etc/docker/certs.d/$(at tls)/ca.crt"
run 0 tenon registry check --insecure "$(at tls)/good"
grep -q '^tls  *-  *certificate of CN=ours.*not verified' out || { cat out >&2; fail "--insecure"; }
printf '{"registries": {"%s": {"ca": "%s"}}}\n' "$(at tls)" "$work/cert.pem" >"$TENON_CONFIG"
steps 0 "$(at tls)/good" "dns=ok tcp=ok tls=ok ping=ok pull=ok push=ok mount=ok"
# A registry behind a proxy that takes TLS off names itself without.
steps 0 "$(at tls)/bare" "dns=ok tcp=ok tls=ok ping=ok pull=ok push=ok mount=ok"
grep -q 'DELETE /v2/bare/blobs/uploads/one 204' asked || fail "an upload stays there"

for wrong in "" "check" "chek $(at open)" "check a b" "check x" "check UPPER/x" "check --format xml $(at open)"; do
    run 2 tenon registry $wrong
done

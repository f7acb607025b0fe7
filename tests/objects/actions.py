"""GitHub's caches of Actions for tests, both versions of the service and the public listing; see server.py.

A token is HEADER.CLAIMS.SIGNATURE, the last of which has to be "good"; its claim "ac" says which scopes it
reads and writes. Entries are in memory: one is found by those who read its scope, once it is complete.
What is logged of a request is its path and the key that it is about.
"""
import base64, json, threading, urllib.parse

VERSION = "693bb7016429d80366022f036f84856888c9f13e00145f5f6f4dce303a38d6f2"
GITHUB_TOKEN = "gh-token"
LOCK = threading.Lock()
ENTRIES = []  # {"id", "key", "scope", "data", "complete"}, the newest last


class Failed(Exception):
    def __init__(self, status, **members):
        self.status, self.members = status, members


def scopes_of(authorization):
    """(those that are read, the one that is written)"""
    kind, _, token = (authorization or "").partition(" ")
    parts = token.split(".")
    if kind != "Bearer" or len(parts) != 3 or parts[2] != "good":
        raise Failed(401, code="unauthenticated", msg="the token is not valid", typeKey="AuthorizationException")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    scopes = json.loads(claims["ac"])
    return [s["Scope"] for s in scopes], next((s["Scope"] for s in reversed(scopes) if s["Permission"] & 2), None)


def find(scopes, key, begins):
    with LOCK:
        seen = [e for e in ENTRIES if e["complete"] and e["scope"] in scopes]
    exact = [e for e in seen if e["key"] == key]
    begun = [e for e in seen if any(e["key"].startswith(b) for b in begins)]
    return (exact or begun or [None])[-1]


def create(scope, key, version):
    if scope is None:
        raise Failed(403, code="permission_denied", msg="the token writes nothing")
    if version != VERSION:
        raise Failed(400, code="invalid_argument", msg="another version")
    with LOCK:
        if any(e["key"] == key and e["scope"] == scope for e in ENTRIES):
            raise Failed(409, code="already_exists", msg="cache entry with the same key exists",
                         typeKey="ArtifactCacheItemAlreadyExistsException")
        ENTRIES.append({"id": len(ENTRIES) + 1, "key": key, "scope": scope, "data": b"", "complete": False})
        return ENTRIES[-1]


def complete(scope, key, size):
    with LOCK:
        entry = next((e for e in ENTRIES if e["key"] == key and e["scope"] == scope), None)
    if not entry or len(entry["data"]) != size:
        raise Failed(400, code="invalid_argument", msg="that is not what came")
    with LOCK:
        entry["complete"] = True
        ENTRIES.remove(entry)
        ENTRIES.append(entry)


def by_id(text):
    with LOCK:
        entry = next((e for e in ENTRIES if e["id"] == int(text)), None)
    if not entry:
        raise Failed(404, code="not_found", msg="no such entry")
    return entry


def second(handler, method, scopes, scope, body, base):
    question = json.loads(body)
    key = question["key"]
    handler.about = key
    if method == "CreateCacheEntry":
        url = "%s/blob/%d?sig=sig-secret" % (base, create(scope, key, question["version"])["id"])
        return {"ok": True, "signed_upload_url": url}
    if method == "FinalizeCacheEntryUpload":
        complete(scope, key, question["size_bytes"])
        return {"ok": True, "entry_id": "1"}
    entry = find(scopes, key, question.get("restore_keys", []))
    if not entry or question["version"] != VERSION:
        return {"ok": False, "signed_download_url": "", "matched_key": ""}
    return {"ok": True, "signed_download_url": "%s/blob/%d?sig=sig-secret" % (base, entry["id"]), "matched_key": entry["key"]}


def first(handler, path, query, scopes, scope, body, base):
    if path == "cache":
        handler.about = query["keys"][0]
        entry = find(scopes, handler.about, [handler.about])
        return {"cacheKey": entry["key"], "archiveLocation": "%s/blob/%d?sig=sig-secret" % (base, entry["id"])} if entry else None
    if path == "caches":
        question = json.loads(body)
        handler.about = question["key"]
        return {"cacheId": create(scope, question["key"], question["version"])["id"]}
    entry = by_id(path.split("/")[1])
    handler.about = entry["key"]
    if handler.command == "PATCH":
        start, _, end = handler.headers["Content-Range"].split(" ")[1].split("/")[0].partition("-")
        if int(end) - int(start) + 1 != len(body):
            raise Failed(400, message="that is not what the range says")
        with LOCK:
            entry["data"] = entry["data"][:int(start)].ljust(int(start), b"\0") + body + entry["data"][int(end) + 1:]
        return {}
    complete(scope, entry["key"], json.loads(body)["size"])
    return {}


def blob(handler, path, query, body):
    """Azure's part: whoever has the URL may."""
    if query.get("sig") != ["sig-secret"] or handler.headers.get("Authorization"):
        return handler.answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
    entry = by_id(path.split("/")[-1])
    handler.about = entry["key"]
    if handler.command == "GET":
        return handler.answer(200, entry["data"])
    if handler.headers.get("x-ms-blob-type") != "BlockBlob":
        return handler.answer(400, b"<Error><Code>MissingRequiredHeader</Code></Error>")
    entry["data"] = body
    return handler.answer(201, headers=[("x-ms-request-id", "1")])  # BuildKit dies without


def listing(handler, query):
    if handler.headers.get("Authorization") != "Bearer " + GITHUB_TOKEN:
        raise Failed(401, message="Bad credentials")
    with LOCK:
        keys = [e["key"] for e in ENTRIES if e["complete"] and e["scope"] == query["ref"][0] and e["key"].startswith(query["key"][0])]
    page, size = int(query["page"][0]), int(query["per_page"][0])
    total = 1000000 if "/liar/" in handler.path else len(keys)
    return {"total_count": total, "actions_caches": [{"key": k} for k in keys[(page - 1) * size:page * size]]}


def serve(handler, body):
    path, _, text = handler.path.partition("?")
    query, base = urllib.parse.parse_qs(text), "http://" + handler.headers["Host"]
    try:
        if path.startswith("/blob/"):
            return blob(handler, path, query, body)
        if path.startswith("/repos/"):
            said = listing(handler, query)
        else:
            scopes, scope = scopes_of(handler.headers.get("Authorization"))
            words = path.split("/")
            if "/_apis/artifactcache/" in path:
                said = first(handler, path.split("/_apis/artifactcache/")[1], query, scopes, scope, body, base)
            else:
                said = second(handler, words[-1], scopes, scope, body, base)
        handler.answer(204 if said is None else 200, b"" if said is None else json.dumps(said).encode())
    except Failed as f:
        handler.answer(f.status, json.dumps(f.members).encode())

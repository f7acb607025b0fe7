#!/bin/sh
# The table of docs/mounts.md, field by field: what a step sees at the target of each kind of
# mount, over nothing, a directory and a file, and what is left of it in the layer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3 ssh-agent ssh-add ssh-keygen
echo secret >"$work/secret"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"

cat >"$work/table.py" <<'END'
import io, json, re, subprocess, sys, tarfile, time
docs, context, out, *build = sys.argv[1:]
rows = [[f.strip() for f in line.strip().strip("|").split("|")]
        for line in open(docs) if line.startswith("| `type=")]
assert len(rows) >= 14 and all(len(r) == 4 for r in rows), rows
began = int(time.time())

def base(n):
    return ["mkdir -p /have%d/dir && echo in >/have%d/dir/in && echo file >/have%d/file && "
            "chown 7:8 /have%d/dir /have%d/file && chmod 2750 /have%d/dir && chmod 640 /have%d/file && "
            "touch -d @1000000000 /have%d/dir/in /have%d/dir /have%d/file /have%d" % ((n,) * 11)]

class Case:
    def __init__(self, row, n, name, target, wanted, beside):
        self.row, self.name, self.wanted, self.beside, self.n = row, name, wanted, beside, n
        self.target = target % n
        mount = row[0].strip("`").replace("id=ID", "id=%d" % n)
        self.line = ("RUN --mount=%s,target=%s P=$(dirname %s); echo 'SAW %d' "
                     "$(stat -c '%%F %%a %%u:%%g %%Y' %s 2>/dev/null) , $(test -d %s && ls -A %s); "
                     "echo 'PAR %d' $(stat -c '%%a %%u:%%g %%Y' $P 2>/dev/null)%s" %
                     (mount, self.target, self.target, n, self.target, self.target, self.target, n,
                      "; touch $P/beside" if beside else ""))

cases, n = [], 0
for row in rows:
    for name, target, wanted, beside in (
            ("new", "/new%d/deep/t", row[1], False), ("new, beside", "/new%d/deep/t", row[1], True),
            ("in", "/have%d/dir/t", row[1], False), ("in, beside", "/have%d/dir/t", row[1], True),
            ("dir", "/have%d/dir", row[2], False), ("file", "/have%d/file", row[3], False)):
        if name == "new, beside" and wanted == "nothing":
            continue # there is no place for it
        n += 1
        cases.append(Case(row, n, name, target, wanted, beside))

def run(lines, **more):
    src = ("RUN mkdir /d && echo x >/d/x && echo f >/f && chmod 2711 /d && chown 3:4 /d /f && "
           "chmod 604 /f && touch -d @1100000000 /d /f")
    file = ["FROM base AS src", src, "FROM base"]
    file += ["RUN " + " && ".join(sum((base(c.n) for c in lines), []))]
    open(context + "/Dockerfile", "w").write("\n".join(file + [c.line for c in lines]) + "\n")
    return subprocess.run(build + ["-o", "type=oci,compression=uncompressed,dest=" + out, context],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)

def whose(seconds):
    t = int(seconds)
    return {1000000000: "image", 1100000000: "source"}.get(t, "step" if t >= began else str(t))

wrong = []
def check(case, what, got, wanted):
    if got != wanted:
        wrong.append("%s, %s: %s: %s, not %s" % (case.row[0], case.name, what, got, wanted))

good = [c for c in cases if c.wanted != "fails"]
done = run(good)
if done.returncode:
    sys.exit(done.stderr[-3000:])
seen = dict(re.findall(r"^#\d+ [\d.]+ (SAW \d+|PAR \d+) ?(.*)$", done.stderr, re.M))
tar = tarfile.open(out)
blob = lambda d: tar.extractfile("blobs/sha256/" + d[7:]).read()
manifest = json.loads(blob(json.load(tar.extractfile("index.json"))["manifests"][0]["digest"]))
layers = manifest["layers"][-len(good):]
for case, layer in zip(good, layers):
    what, names = [s.strip() for s in seen["SAW %d" % case.n].split(",")]
    m = re.match(r"(?:regular )?(.*) (\d+) (\S+) (\d+)$", what)
    got = "%s %s %s %s" % (m[1], m[2], m[3], whose(m[4])) if m else "nothing"
    check(case, "seen", got + (", " + names if names else ""), case.wanted)
    if case.name.startswith("in"):
        check(case, "parent", re.sub(r"\d+$", lambda t: whose(t[0]), seen["PAR %d" % case.n]), "2750 7:8 image")
    left = sorted("%s %o %d:%d %s" % (e.name.strip("/"), e.mode, e.uid, e.gid, whose(e.mtime))
                  for e in tarfile.open(fileobj=io.BytesIO(blob(layer["digest"]))))
    n = case.n
    wanted = []
    if case.name == "new, beside":
        wanted = ["new%d 755 0:0 step" % n, "new%d/deep 755 0:0 step" % n, "new%d/deep/beside 644 0:0 step" % n]
    if case.name == "in, beside":
        wanted = ["have%d 755 0:0 image" % n, "have%d/dir 2750 7:8 step" % n, "have%d/dir/beside 644 0:8 step" % n]
    check(case, "left", left, wanted)
bad = [c for c in cases if c.wanted == "fails"]
for case in bad:
    done = run([case])
    check(case, "status", done.returncode, 1)
    check(case, "blames the step", "did not complete" in done.stderr, True)
print(len(good), "fields and", len(bad), "that fail")
sys.exit("\n".join(wrong) if wrong else 0)
END
for executor in $executors; do
    use_executor $executor
    python3 "$work/table.py" "$abs_top_srcdir/docs/mounts.md" "$context" "$work/image.tar" \
        "$abs_top_builddir/tenon-dev" --root "$store-$executor" build --progress=plain --no-cache \
        --build-context "base=oci-layout://$bases/busybox" --secret "id=s,src=$work/secret" \
        --ssh "default=$work/key" || fail "$executor"

    # A tmpfs over a directory, wherever that is.
    dockerfile <<'END'
FROM base AS src
RUN mkdir /d && chmod 2711 /d && chown 3:4 /d
FROM base
RUN mkdir -p /real && chmod 705 /real && ln -s real /link && chmod 1733 /srv 2>/dev/null || mkdir -m 1733 /srv
RUN --mount=type=bind,from=src,target=/b --mount=type=tmpfs,target=/b/d stat -c '%a %u:%g' /b/d >/nested
RUN --mount=type=tmpfs,target=/link stat -c '%a %u:%g' /link/. >/linked
RUN --mount=type=tmpfs,target=/t --mount=type=tmpfs,target=/t/u stat -c '%a %u:%g' /t/u >/twice
RUN --mount=type=tmpfs,target=/srv touch /srv/x && stat -c '%a %u:%g' /srv >/over && stat -c '%a %u:%g' /srv/x
END
    result
    saw nested "2711 0:0"
    saw linked "705 0:0"
    saw twice "1777 0:0"
    saw over "1733 0:0"
    assert_eq "" "$(ls -A "$work/tree/srv")"
done

"""A case: what its files say, and the copy of it that a tool builds."""
import fnmatch
import json
import os

import errors

STAMP = 1700000000                      # mtime of every context file
CASE_KEYS = {"title", "area", "build", "also", "ignore", "instead", "needs", "skip", "timeout"}
BUILD_KEYS = {"dockerfile", "context", "target", "tag", "platforms", "no_cache", "args", "labels",
              "build_contexts", "secrets", "ssh", "flags", "output", "output_opts", "call", "env", "stdin",
              "prepare", "error", "log", "nolog"}
ALSO = {"layers-raw", "shared-layers"}


class Case:
    def __init__(self, path):
        self.path = path
        self.id = "/".join(path.split("/")[-2:])
        self.area = self.id.split("/")[0]
        with open(os.path.join(path, "case.json")) as f:
            self.spec = json.load(f)
        expect = os.path.join(path, "expect.json")
        self.expect = None
        if os.path.exists(expect):
            with open(expect) as f:
                self.expect = json.load(f)
        problem = problem_of(self.spec)
        if problem:
            raise ValueError("%s: %s" % (self.id, problem))


def problem_of(spec):
    """What is wrong with the text of a case, if anything."""
    if set(spec) - CASE_KEYS:
        return "unknown keys %s" % sorted(set(spec) - CASE_KEYS)
    if set(spec.get("also", [])) - ALSO:
        return "unknown aspects %s" % sorted(set(spec["also"]) - ALSO)
    ignore = spec.get("ignore", {})
    if not isinstance(ignore, dict) or not all(isinstance(r, str) and r.strip() for r in ignore.values()):
        return '"ignore" is {path: reason}, and a reason is required'
    for tool, changes in spec.get("instead", {}).items():
        for path, change in changes.items():
            if not (isinstance(change, dict) and set(change) == {"is", "reason"} and str(change["reason"]).strip()):
                return '"instead" is {tool: {path: {"is": value, "reason": why}}}: %s %s' % (tool, path)
    for b in spec["build"]:
        if set(b) - BUILD_KEYS:
            return "unknown keys of a build %s" % sorted(set(b) - BUILD_KEYS)
        e = b.get("error")
        if e is None:
            continue
        if e.get("class") not in errors.CLASSES:
            return "unknown error class %r" % e.get("class")
        if not e.get("phrases") or not all(e["phrases"]):
            return "an expected error without phrases"
    return None


def find(top, filters=(), names=None):
    """The cases below top: of an area, by a glob, or of a set of names."""
    out = []
    for area in sorted(os.listdir(top)):
        if not os.path.isdir(os.path.join(top, area)):
            continue
        for name in sorted(os.listdir(os.path.join(top, area))):
            cid = area + "/" + name
            if not os.path.exists(os.path.join(top, cid, "case.json")):
                continue
            if filters and not any(fnmatch.fnmatch(cid, f) or area == f.rstrip("/") for f in filters):
                continue
            if names is not None and cid not in names:
                continue
            out.append(Case(os.path.join(top, cid)))
    return out


def copy(case, work, outward):
    """Make WORK/ctx and WORK/www: modes and times are the same wherever the tree is checked out.

    outward is what changes addresses in texts, or None."""
    ctx, www = os.path.join(work, "ctx"), os.path.join(work, "www")
    os.makedirs(ctx)
    os.makedirs(www)
    for root, dirs, files in os.walk(case.path):
        rel = os.path.relpath(root, case.path)
        top = rel.split("/")[0]
        dst = os.path.join(work, rel) if top == "www" else os.path.join(ctx, rel)
        os.makedirs(dst, exist_ok=True)
        for n in dirs:
            if os.path.islink(os.path.join(root, n)):
                os.symlink(os.readlink(os.path.join(root, n)), os.path.join(dst, n))
        for n in files:
            if rel == "." and n in ("case.json", "expect.json"):
                continue
            copy_file(os.path.join(root, n), os.path.join(dst, n), outward)
    for top in (ctx, www):
        for root, dirs, files in os.walk(top, topdown=False):
            for n in files + [d for d in dirs if os.path.islink(os.path.join(root, d))]:
                os.utime(os.path.join(root, n), (STAMP, STAMP), follow_symlinks=False)
            os.chmod(root, 0o755)
            os.utime(root, (STAMP, STAMP))
    return ctx, www


def copy_file(s, d, outward):
    if os.path.islink(s):
        os.symlink(os.readlink(s), d)
        return
    with open(s, "rb") as f:
        data = f.read()
    if outward and b"\0" not in data:
        data = outward(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    with open(d, "wb") as f:
        f.write(data)
    os.chmod(d, 0o755 if os.stat(s).st_mode & 0o100 else 0o644)

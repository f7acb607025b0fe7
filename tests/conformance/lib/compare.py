"""Compare what a tool did with the record, member by member."""
import fnmatch
import json

import errors
import output

# Compared in every case; lib/cases.py has those that a case asks for besides.
PARTS = ("call", "files", "manifest", "steps", "warnings")
IMAGE = ("config", "history", "layers", "rootfs")
ABSENT = object()


def show(v):
    return "(absent)" if v is ABSENT else json.dumps(v, ensure_ascii=False)


class Differences:
    """Collects them, less those that the case names."""

    def __init__(self, ignore, only=None):
        self.ignore, self.only, self.found = ignore, only, []

    def named(self, build, where):
        if self.only and where.split("/")[0] not in self.only:
            return True
        for g in self.ignore:
            n, _, path = g.partition(":")
            if not n.isdigit():
                n, path = "", g
            if (not n or int(n) == build) and (
                    where == path or where.startswith(path + "/") or fnmatch.fnmatch(where, path)):
                return True
        return False

    def note(self, build, where, text):
        if not self.named(build, where):
            self.found.append("build %d: %s" % (build, text))

    def differ(self, build, where, a, b):
        self.note(build, where, "%s\n    expected %s\n    got      %s" % (where, show(a), show(b)))

    def walk(self, build, where, a, b):
        """a is null, [], {} or absent: four different things."""
        if isinstance(a, dict) and isinstance(b, dict):
            for k in sorted(set(a) | set(b)):
                self.walk(build, where + "/" + k.lstrip("/"), a.get(k, ABSENT), b.get(k, ABSENT))
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and any(isinstance(x, dict) for x in a):
            for n, (x, y) in enumerate(zip(a, b)):
                self.walk(build, "%s/%d" % (where, n), x, y)
        elif show(a) != show(b):        # as JSON: false is not 0
            self.differ(build, where, a, b)


def put(o, path, value):
    """Change the member of o that shows as path; it must be another there."""
    if isinstance(o, list):
        key, _, rest = path.partition("/")
        key = int(key)
        here = o[key]
    else:
        key, rest = member(o, path)
        here = o.get(key, ABSENT)
    if rest:
        return put(here, rest, value)
    if show(here) == show(value):
        raise ValueError("the record says the same at %s" % path)
    if value is ABSENT:
        del o[key]
    else:
        o[key] = value
    return None


def member(o, path):
    """Keys contain slashes, too: the key that path begins with, and the rest of path."""
    if path.startswith("/"):            # "/" itself shows as nothing
        return "/", path[1:]
    for k in sorted(o, key=len, reverse=True):
        shown = k.lstrip("/")
        if path == shown:
            return k, ""
        if shown and path.startswith(shown + "/"):
            return k, path[len(shown) + 1:]
    return path, ""                     # a new one


def get(o, path):
    """The member of o that shows as path, or ABSENT."""
    while path and isinstance(o, (dict, list)):
        if isinstance(o, list):
            key, _, path = path.partition("/")
            o = o[int(key)] if int(key) < len(o) else ABSENT
        else:
            key, path = member(o, path)
            o = o.get(key, ABSENT)
    return ABSENT if path else o


def parts_with(build, path):
    """Where path stands in what is recorded of a build: each of its images, or the build itself."""
    if path.split("/")[0] in IMAGE and "images" in build:
        return build["images"]
    return {"": build}


def expected_by(case, tool, results=None):
    """The record's builds, with what the case says that this tool does instead. Given results, it
    need not: where they are as recorded, the record stays."""
    builds = json.loads(json.dumps(case.expect["builds"]))
    for path, change in case.spec.get("instead", {}).get(tool, {}).items():
        n, _, rest = path.partition(":")
        value = ABSENT if change.get("is", None) == {"absent": True} else change["is"]
        done = parts_with(results[int(n) - 1], rest) if results else {}
        for name, part in parts_with(builds[int(n) - 1], rest).items():
            if not results or show(get(done.get(name), rest)) != show(get(part, rest)):
                put(part, rest, value)
    return builds


def compare(case, results, tool="tenon", ignore=(), only=None, frontend=None):
    """The differences, as texts; ignore is what this tool is never asked for. With a frontend of
    its own a build may do what the record says or what the tool does instead."""
    d = Differences(list(case.spec.get("ignore", {})) + list(ignore), only and set(only) | {"status", "platforms"})
    expected = expected_by(case, tool, results if frontend else None)
    if len(expected) != len(case.spec["build"]) or len(results) != len(expected):
        return ["the record has %d builds, the case %d, and %d were done" %
                (len(expected), len(case.spec["build"]), len(results))]
    for n, (e, r) in enumerate(zip(expected, results), 1):
        compare_build(d, n, case.spec["build"][n - 1], e, r)
    return d.found


def compare_build(d, n, b, e, r):
    if e["status"] != r["status"]:
        d.differ(n, "status", e["status"], r["status"])
        if bool(e["status"]) != bool(r["status"]):
            d.note(n, "status", output.first_line(output.message(r["output"])) if r["status"] else "it was built")
            return
    if "error" in e:
        for where, text in errors.check(e["error"], r["output"]):
            d.note(n, where, text)
    for p in b.get("log", []):
        if p not in r["output"]:
            d.differ(n, "log", p, ABSENT)
    for p in b.get("nolog", []):
        if p in r["output"]:
            d.differ(n, "nolog", ABSENT, p)
    for part in PARTS:
        if part in e:
            d.walk(n, part, e[part], r.get(part, ABSENT))
    if "images" in e:
        compare_images(d, n, e["images"], r.get("images") or {})


def compare_images(d, n, want, got):
    if sorted(want) != sorted(got):
        d.differ(n, "platforms", sorted(want), sorted(got))
    for platform, image in want.items():
        if platform in got:
            for k, v in image.items():
                d.walk(n, k, v, got[platform].get(k, ABSENT))

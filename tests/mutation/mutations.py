"""The mistakes as data: tests/mutation/list/ROOM.toml, see README.md."""
import fnmatch, glob, os, sys, tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LIST = os.path.join(HERE, "list")
KEYS = {"name", "file", "text", "with", "tests", "suffers", "equivalent", "survives"}
NEEDED = KEYS - {"equivalent", "survives"}
PLACES = ("unit", "fuzz", "cli", "fault", "security", "rootless", "abi")


class Mutation:
    def __init__(self, room, entry):
        self.room, self.entry = room, entry
        self.name, self.file = entry.get("name", "?"), entry.get("file", "?")
        self.text, self.replacement = entry.get("text", ""), entry.get("with")
        self.tests = entry.get("tests", [])
        self.suffers = entry.get("suffers", "")
        self.equivalent, self.survives = entry.get("equivalent"), entry.get("survives")

    def matches(self, names, rooms, files):
        return any(fnmatch.fnmatch(self.name, n) for n in names) or self.room in rooms or \
            any(fnmatch.fnmatch(self.file, f) for f in files)

    def apply(self, source):
        """The source with the mistake in it."""
        return source.replace(self.text, self.replacement, 1)


def load():
    out = []
    for path in sorted(glob.glob(os.path.join(LIST, "*.toml"))):
        room = os.path.basename(path)[:-len(".toml")]
        with open(path, "rb") as f:
            try:
                entries = tomllib.load(f).get("mutation", [])
            except tomllib.TOMLDecodeError as e:
                sys.exit("%s: %s" % (os.path.relpath(path, TOP), e))
        out += [Mutation(room, e) for e in entries]
    return out


def test_exists(test):
    if test.startswith("conformance:"):
        return os.path.isdir(os.path.join(TOP, "tests/conformance/cases", test.split(":", 1)[1]))
    place, _, name = test.partition("/")
    if place not in PLACES:
        return False
    return any(os.path.exists(os.path.join(TOP, "tests", place, name + end)) for end in ("", ".c"))


def lint(every):
    """What is wrong with the list, one line each: it must not rot while the code moves."""
    wrong, seen = [], set()
    for m in every:
        where = "%s.toml: %s: " % (m.room, m.name)
        extra, lacking = set(m.entry) - KEYS, NEEDED - set(m.entry)
        if extra or lacking:
            wrong.append(where + ", ".join(["unknown key " + k for k in sorted(extra)] +
                                           ["no " + k for k in sorted(lacking)]))
            continue
        if m.name in seen:
            wrong.append(where + "the name is there twice")
        seen.add(m.name)
        try:
            with open(os.path.join(TOP, m.file), encoding="utf-8") as f:
                found = f.read().count(m.text)
        except OSError as e:
            wrong.append(where + "%s: %s" % (m.file, e.strerror))
            continue
        if found != 1:
            wrong.append(where + "its text is %s in %s" % ("not" if not found else "%d times" % found, m.file))
        if m.text == m.replacement:
            wrong.append(where + "it changes nothing")
        if not m.tests and not m.equivalent:
            wrong.append(where + "no tests")
        wrong += [where + "no test " + t for t in m.tests if not test_exists(t)]
    return wrong

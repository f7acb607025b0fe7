"""What BuildKit's suites said.

  results.py passes LOG              the tests that passed, one a line
  results.py compare PASSES LOG [RE] how many of PASSES did, and why the others did not; of those
                                     whose function matches RE"""
import re, sys

# What each name has alike.
ALIKE = re.compile(r"^Test\w*Integration/|/worker=oci|/frontend=\w+")


def read(path):
    """The results and the first errors, by name."""
    results, errors, at = {}, {}, None
    with open(path, errors="replace") as log:
        lines = log.read().split("\n")
    for i, line in enumerate(lines):
        begun = re.match(r"=== (?:RUN|CONT|NAME|PAUSE)\s+(\S+)", line)
        ended = re.match(r"\s*--- (PASS|FAIL|SKIP): (\S+)", line)
        error = re.match(r"\s*Error:\s+(.*)", line)
        if begun:
            at = begun[1]
        elif ended:
            at = ended[2]
            if "/worker=" in at:
                results[at] = ended[1]
        elif error and at not in errors:
            more = lines[i + 1].strip() if lines[i + 1].startswith("        \t") else ""
            errors[at] = error[1] + ("" if more.startswith(("Test:", "Messages:")) else " | " + more)
    short = lambda table: {ALIKE.sub("", name): value for name, value in table.items() if name}
    return short(results), short(errors)


def passes(path):
    results, _ = read(path)
    for name in sorted(name for name, result in results.items() if result == "PASS"):
        print(name)


def compare(wanted, path, only):
    with open(wanted) as file:
        names = [n for n in file.read().split() if re.search(only, n.split("/")[0])]
    results, errors = read(path)
    failed = [name for name in names if results.get(name) != "PASS"]
    title = wanted.rsplit("/", 1)[-1]
    for name in failed:
        why = errors.get(name, "") or results.get(name, "it did not run")
        print("%s: %s: %s" % (title, name, why[:300]))
    share = 100 * (len(names) - len(failed)) / len(names) if names else 0
    print("%s: %d of %d pass: %.1f %%" % (title, len(names) - len(failed), len(names), share))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "passes":
        passes(sys.argv[2])
    elif len(sys.argv) in (4, 5) and sys.argv[1] == "compare":
        compare(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) == 5 else "")
    else:
        sys.exit(__doc__)

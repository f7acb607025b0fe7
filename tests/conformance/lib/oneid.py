"""What a user with one id cannot have (--user NAME --one-id)."""
import re
import sys

SAYS = "one id to build with"


def read(path):
    """The list of what a user with one id cannot have: {case: (kind, detail)}."""
    out = {}
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                case, kind, detail = line.rstrip("\n").split(None, 2)
                if kind not in ("fails", "owner"):
                    sys.exit("%s: %r is neither fails nor owner" % (path, kind))
                out[case] = (kind, detail)
    return out


def judge(listed, problems, results):
    """What is wrong with a listed case: it is right when it goes wrong as the list says."""
    kind, detail = listed
    text = "\n".join(r["output"] for r in results)
    if not problems:
        return ["passes, and is in the list of what does not with one id"]
    if SAYS not in text:
        return problems + ["the output does not say that there is one id"]
    if kind == "fails":
        if not any(r["status"] for r in results):
            return problems + ["differs, and should have failed"]
        return [] if detail in text and "hint: " in text else problems + ["the output lacks %r or a hint" % detail]
    paths = detail.split()
    other = [p for p in problems if not any(
        re.match(r"build \d+: (rootfs|files)%s(/uid|/gid)?\n" % re.escape(x), p) for x in paths)]
    return ["more than owners differs"] + other if other else []

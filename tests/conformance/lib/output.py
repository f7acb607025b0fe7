"""What a tool prints, read: steps, warnings, lines, the message, answers to --call."""
import base64
import json
import re

STEP = re.compile(r"^#(\d+) \[([^\]]*)\] (.*)$")
END = re.compile(r"^#(\d+) (CACHED|DONE|ERROR|CANCELED)")
STATES = {"CACHED": "cached", "DONE": "ran", "ERROR": "failed", "CANCELED": "canceled"}
# What a build file asks for; each tool has other steps around it.
SHOWN = re.compile(r"(RUN|COPY|ADD|WORKDIR)\b")


def steps(text):
    """{step as it is shown, with its stage: how each of that name ended}."""
    names, state = {}, {}
    for line in text.splitlines():
        m = STEP.match(line)
        if m and m.group(1) not in names:
            if SHOWN.match(m.group(3)):
                names[m.group(1)] = "[%s] %s" % (m.group(2), " ".join(m.group(3).split()))
            continue
        m = END.match(line)
        if m and m.group(1) in names:    # a group may end more than once: the last time counts
            state[m.group(1)] = STATES[m.group(2)]
    out = {}
    for n in sorted(names, key=int):
        if n in state:
            out.setdefault(names[n], []).append(state[n])
    for name, ends in out.items():      # a download may be a step of its own, of the same name
        if "] ADD " in name and "://" in name and set(ends) <= {"cached", "ran"}:
            out[name] = ["cached" if "cached" in ends else "ran"]
    return {name: sorted(ends) for name, ends in out.items()}


def warnings(text):
    """Rule and line of each lint warning that a build prints."""
    found = {(m.group(1), int(m.group(2))) for m in re.finditer(r"^ - (\w+): .*\(line (\d+)\)$", text, re.M)}
    return [list(w) for w in sorted(found)]


def lines_named(text):
    found = []
    for m in re.finditer(r"^\S*?[^\s:]+:(\d+)\s*$|\b[Ll]ine (\d+)\b|Dockerfile\S*?:(\d+)\b|^\s*(\d+) \| >>>", text, re.M):
        n = int(next(g for g in m.groups() if g))
        if n not in found:
            found.append(n)
    return found


def oracle_line(text):
    m = re.search(r"^\S*?[^\s:]+:(\d+)\s*\n-{5,}", text, re.M) or re.search(r"on line (\d+)", text)
    return int(m.group(1)) if m else None


def message(text):
    """The error that ends the output, all its lines."""
    starts = list(re.finditer(r"^ERROR: ", text, re.M))
    if starts:
        return text[starts[-1].end():].strip()
    return "\n".join(text.strip().splitlines()[-3:])


def first_line(text):
    return text.split("\n", 1)[0]


def answer(out, inward=lambda s: s):
    """What a --call said in its JSON form, all of it, with the sources as text. The
    graph by which BuildKit got a build file stands beside it, with the session's name."""
    try:
        j = json.loads(out)
    except ValueError:
        return {"not-json": out[:300]}

    def text(data):
        return inward(base64.b64decode(data).decode("utf-8", "replace"))

    if isinstance(j.get("sources"), list):
        j["sources"] = [text(s) if isinstance(s, str) else
                        {k: text(v) if k == "data" else v for k, v in s.items() if k != "definition"}
                        for s in j["sources"]]
    for key in ("secrets", "ssh"):      # BuildKit's order is that of a map: another each time
        if isinstance(j.get(key), list):
            j[key].sort(key=lambda x: x["name"])
    if isinstance(j.get("warnings"), list):     # and that of the warnings of one line, of its sort
        j["warnings"].sort(key=lambda w: (first_line_of(w), w["ruleName"]))
    return j


def first_line_of(warning):
    ranges = warning["location"].get("ranges") or [{}]
    return ranges[0].get("start", {}).get("line", 0)

"""From the results of the oracle to expect.json."""
import json
import os
import re

import compare
import errors
import output

ORACLE = "buildkit v0.32.0, docker/dockerfile 1.26"


def stable(message, scratch):
    """The message without what is another at each run; for the reader."""
    message = re.sub(r"ref \w+::\w+", "ref <ref>", message)
    return re.sub(r"/\S*/(cachemounts/buildkit\d+|snapshots/\d+/fs)", "<mount>", message).replace(scratch, "<dir>")


def record(case, results, scratch):
    """(the record, what the oracle did that the case does not say)"""
    builds, problems = [], []
    for b, r in zip(case.spec["build"], results):
        e = {"status": r["status"], "steps": r["steps"], "warnings": r["warnings"]}
        if r["status"] and not b.get("call"):
            message = output.first_line(output.message(r["output"]))
            if b.get("error"):
                e["error"] = dict(b["error"], line=output.oracle_line(r["output"]))
                problems += [text for _, text in errors.check(e["error"], r["output"])]
                e["error"]["oracle-message"] = stable(message, scratch)
            else:
                problems.append("failed, and case.json tells no error: " + message)
        elif b.get("error"):
            problems.append("an error was expected, the oracle built it")
        problems += ["log lacks %r" % p for p in b.get("log", []) if p not in r["output"]]
        problems += ["log has %r" % p for p in b.get("nolog", []) if p in r["output"]]
        for k in compare.PARTS:
            if k in r:
                e[k] = r[k]
        if "images" in r:
            want = compare.IMAGE + tuple(case.spec.get("also", []))
            e["images"] = {p: {k: v for k, v in im.items() if k in want} for p, im in r["images"].items()}
        builds.append(e)
    return {"oracle": ORACLE, "builds": builds}, problems


def write(case, expect):
    with open(os.path.join(case.path, "expect.json"), "w") as f:
        json.dump(expect, f, indent=1, ensure_ascii=False, sort_keys=True)
        f.write("\n")

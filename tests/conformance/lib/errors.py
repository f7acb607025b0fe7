"""Kinds of errors, and whether an output tells of the expected one.

A class is narrow: it names what is wrong, in words that BuildKit and another tool
would both use, and is looked for in the message that ends the output, not in all of
it. The self-test holds that no recorded message is of a class other than its own.
"""
import re

import output

# A class holds when one of its patterns (case-insensitive) is found.
CLASSES = {
    # the build file as a whole
    "dockerfile-missing": [r"failed to read dockerfile"],
    "dockerfile-empty": [r"file with no instructions", r"dockerfile.*(is empty|cannot be empty|contains no stages)",
                         r"no build stage"],
    "context-missing": [r"unable to prepare context", r"context.*(not found|no such)"],
    "line-too-long": [r"line greater than max", r"line .*too long"],
    "unterminated": [r"unterminated heredoc", r"unexpected end of statement"],
    "escape-token": [r"invalid escape token"],
    "escape-twice": [r"only one escape parser directive"],
    # instructions
    "unknown-instruction": [r"unknown instruction"],
    "unknown-flag": [r"unknown flag"],
    "argument-count": [r"requires (exactly|at least|at most|either) \w+", r"must have two arguments"],
    "json-form": [r"requires the arguments to be in JSON form"],
    "json-strings": [r"arrays must be comprised of strings only"],
    "missing-command": [r"missing command after"],
    "unknown-type": [r"unknown type .* in HEALTHCHECK"],
    "duration": [r"invalid duration"],
    "negative": [r"cannot be negative"],
    "signal": [r"invalid signal"],
    "port": [r"invalid containerPort", r"invalid port"],
    "no-equals-sign": [r"can't find = in"],
    "blank-name": [r"names? can ?not be blank"],
    "empty-volume": [r"volume specified can ?not be an empty string"],
    "trigger": [r"isn't allowed"],
    "file-mode": [r"invalid chmod parameter"],
    # names and variables
    "stage-name": [r"invalid name for build stage"],
    "stage-missing": [r"target stage .* could not be found", r"invalid stage index"],
    "cycle": [r"circular dependency"],
    "base-blank": [r"base name .* should not be blank"],
    "reference": [r"invalid reference format"],
    "platform": [r"invalid component", r"empty platform value"],
    "variable-here": [r"variable expansion is not supported"],
    "unset-variable": [r"failed to process.*please give"],
    "substitution": [r"unsupported modifier"],
    # mounts
    "mount-key": [r"unexpected key"],
    "mount-type": [r"unsupported mount type"],
    "mount-target": [r"invalid mount target"],
    "mount-sharing": [r"unsupported sharing value"],
    "mount-mode": [r"invalid value \S+ for mode"],
    # sources
    "image-missing": [r"failed to resolve source metadata for .*: \S+ not found"],
    "platform-missing": [r"no match for platform"],
    "source-missing": [r"failed to (compute cache key|calculate checksum).*: not found", r"solve: (open|lstat) \S+: no such file"],
    "checksum": [r"digest mismatch"],
    "checksum-format": [r"invalid checksum"],
    "http": [r"invalid response status"],
    "not-a-directory": [r"cannot copy to non-directory", r"cannot replace to directory",
                        r"(mkdir|lstat|make directory) \S+: not a directory"],
    "archive": [r"solve: unexpected EOF", r"truncated tar", r"link \S+ \S+: no such file",
                r"hard link \S+ to .*: no such file"],
    "pattern": [r"syntax error in pattern"],
    "link-loop": [r"too many links"],
    # steps
    "run-failed": [r"did not complete successfully: exit code: \d+"],
    "user-missing": [r"unable to find user"],
    "secret-missing": [r"secret \S+: not found"],
    "ssh-missing": [r"unset ssh forward key"],
    "denied": [r"(network\.host|security\.insecure) is not allowed"],
    # results
    "lint": [r"lint violation found"],
    "overwrite": [r"cannot overwrite"],
}


def classes_of(message):
    return [c for c, patterns in CLASSES.items() if any(re.search(p, message, re.I) for p in patterns)]


def check(want, text):
    """What is wrong with the output of a build that failed, as [(aspect, what)]."""
    bad, message = [], output.message(text)
    if want.get("class") not in classes_of(message):
        bad.append(("error/class", "error: %s is not of class %s" % (message, want.get("class"))))
    for p in want.get("phrases", []):
        if p.lower() not in message.lower():
            bad.append(("error/phrases", "error: the message lacks %r: %s" % (p, message)))
    if want.get("line"):
        named = output.lines_named(text)
        if want["line"] not in named:
            bad.append(("error/line", "error: line %d is not named (lines named: %s): %s" %
                        (want["line"], named, message)))
    return bad

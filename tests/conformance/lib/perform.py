"""Run the builds of a case, and read what came out."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import cases
import fixtures
import images
import output
import processes
import times
import tools
import trees
from tools import Skip


class Runner:
    """What all cases of a run share."""

    def __init__(self, opts):
        self.opts = opts
        self.registry = self.web = None

    def start(self):
        o = self.opts
        os.makedirs(o.dir, exist_ok=True)
        if o.user:
            os.chmod(o.dir, os.stat(o.dir).st_mode | 0o111)
        self.bases = fixtures.Bases(o.bases or os.path.join(o.dir, "bases"), given=bool(o.bases))
        self.registry = fixtures.start_registry(o.registry, o.dir, self.bases.path)
        if o.frontend and os.path.isdir(o.frontend):
            o.frontend = fixtures.push_frontend(o.frontend, o.registry)
        self.web = fixtures.Web(int(o.web_port))
        trees.ADDRESSES = [(here, there) for here, there in
                           ((o.registry, fixtures.REG), (self.web.address, fixtures.WEB)) if here != there]

    def stop(self):
        if self.web:
            self.web.stop()
        if self.registry:
            processes.end(self.registry)

    def outward(self, s):
        return s.replace(fixtures.REG, self.opts.registry).replace(fixtures.WEB, self.web.address)

    def inward(self, s):
        return s.replace(self.opts.registry, fixtures.REG).replace(self.web.address, fixtures.WEB)

    def perform(self, case):
        """The results of all builds of the case, in the form of a record, with the output."""
        spec = case.spec
        for need in spec.get("needs", []):
            if not shutil.which(need, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
                raise Skip("needs " + need)
        if self.opts.tool in spec.get("skip", {}):
            raise Skip(spec["skip"][self.opts.tool])
        work = tempfile.mkdtemp(prefix="c-", dir=self.opts.dir)
        try:
            return self.perform_in(case, work)
        finally:
            self.web.live.pop(case.id, None)
            if not self.opts.keep:
                subprocess.run(["rm", "-rf", work], stderr=subprocess.DEVNULL)

    def perform_in(self, case, work):
        o = self.opts
        tool = tools.TOOLS[o.tool](o, os.path.join(work, "t"))
        os.makedirs(os.path.join(work, "t"))
        os.makedirs(os.path.join(work, "t", "run"), 0o700)
        os.makedirs(os.path.join(work, "tmp"))
        os.makedirs(os.path.join(work, "python"))
        for module in "archives.py", "written.py":  # for what a case prepares
            shutil.copy(os.path.join(os.path.dirname(__file__), module), os.path.join(work, "python"))
        moved = o.registry != fixtures.REG or self.web.address != fixtures.WEB
        ctx, www = cases.copy(case, work, self.outward if moved else None)
        if o.user:
            o.user.give(work)
        self.web.live[case.id] = www
        names = {"@SSH@": os.path.join(work, "agent"), "@TMP@": os.path.join(work, "tmp"), "@CTX@": ctx}
        agent, opened = None, False
        try:
            if "@SSH@" in json.dumps(case.spec["build"]):
                agent = self.start_agent(names["@SSH@"])
            opened = True
            tool.open()
            deadline = time.time() + case.spec.get("timeout", o.timeout)
            window, results, seen = times.Window(), [], set()
            for i, b in enumerate(case.spec["build"]):
                r = self.build(tool, self.expand(b, names), ctx, www, names["@TMP@"],
                               os.path.join(work, "out%d" % i), window, deadline)
                results.append(r)
                shared_layers(r, seen)
            return results
        finally:
            if opened:
                tool.close()
            if agent:
                processes.end(agent)

    def start_agent(self, path):
        if not shutil.which("ssh-agent"):
            raise Skip("needs ssh-agent")
        agent = processes.start(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, **self.opts.as_user)
        for _ in range(500):            # until it listens
            if os.path.exists(path) or agent.poll() is not None:
                break
            time.sleep(0.02)
        return agent

    def expand(self, v, names):
        if isinstance(v, str):
            v = self.outward(v)
            for name, path in names.items():
                v = v.replace(name, path)
            return v
        if isinstance(v, list):
            return [self.expand(x, names) for x in v]
        if isinstance(v, dict):        # names of build contexts can be addresses too
            return {self.expand(k, names): self.expand(x, names) for k, x in v.items()}
        return v

    def build(self, tool, b, ctx, www, tmp, out, window, deadline):
        if b.get("prepare"):
            p = processes.run(["sh", "-ec", "umask 022; " + b["prepare"]], cwd=ctx,
                              env={"PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8", "WWW": www, "TMP": tmp,
                                   "PYTHONPATH": os.path.join(os.path.dirname(tmp), "python"),
                                   "PYTHONDONTWRITEBYTECODE": "1"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.opts.as_user)
            if p.returncode:
                raise RuntimeError("prepare failed: " + p.stdout.decode("utf-8", "replace"))
        status, so, se = tool.build(b, ctx, out, b.get("env") or {}, max(1, deadline - time.time()))
        window.close()
        if b.get("output") == "push" and status == 0:
            processes.run(["skopeo", "--insecure-policy", "copy", "-q", "--all", "--src-tls-verify=false",
                           "docker://" + tool.pushed(out), "oci:" + out], stderr=subprocess.PIPE).check_returncode()
        return self.result(b, status, so, se, out, window)

    def result(self, b, status, so, se, out, window):
        text = self.inward(re.sub(r"\x1b\[[0-9;]*m", "", se + ("" if b.get("call") else "\n" + so)))
        r = {"status": status, "output": text, "steps": output.steps(text), "warnings": output.warnings(text)}
        if b.get("call"):
            r["call"] = output.answer(self.inward(so), self.inward)
        if status or b.get("call"):
            return r
        kind, reference = b.get("output", "oci"), self.bases.reference
        if kind in ("oci", "docker", "push"):
            r["images"], r["manifest"] = images.read_image(out, window, reference, self.bases.layers, self.inward)
            if kind == "docker":
                r["manifest"].append({"manifest.json": images.read_docker_names(out, self.inward)})
        elif kind == "local":
            r["files"] = trees.read_dir(out, window, reference, self.opts.user)
        elif kind == "tar":
            r["files"] = trees.read_tar(out, window, reference)
        return r


def shared_layers(r, seen):
    """Which layers an earlier build of the case made."""
    ims = (r.get("images") or {}).values()
    for im in ims:
        im["shared-layers"] = [d in seen for d in im["diff-ids"]]
    for im in ims:
        seen.update(im.pop("diff-ids"))

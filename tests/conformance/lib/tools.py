"""The tools that are compared: how each is started, and its command line."""
import glob
import os
import pwd
import shutil
import subprocess
import time

import processes


class Skip(Exception):
    """The case says nothing about this tool or this machine."""


class User:
    """Whom the tool runs as (--user); the runner itself stays root."""

    def __init__(self, name):
        pw = pwd.getpwnam(name)
        self.name, self.uid, self.gid = name, pw.pw_uid, pw.pw_gid
        self.groups = os.getgrouplist(name, pw.pw_gid)

    def popen(self):
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups}

    def give(self, top):
        """A change of owner would drop set-user-id bits: to be done before there are any."""
        os.chown(top, self.uid, self.gid)
        for root, dirs, files in os.walk(top):
            for n in dirs + files:
                os.chown(os.path.join(root, n), self.uid, self.gid, follow_symlinks=False)


class Tool:
    name = "?"
    ignore = []                 # what this tool is never asked for

    def __init__(self, opts, work):
        self.opts, self.work = opts, work

    def open(self):
        pass

    def close(self):
        pass

    def env(self):
        e = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "HOME": self.work, "TZ": "UTC",
             "LANG": "C.UTF-8", "NO_COLOR": "1", "DOCKER_CONFIG": os.path.join(self.work, "docker")}
        e.update(v.split("=", 1) for v in self.opts.env)
        if self.opts.user:
            e.update(USER=self.opts.user.name, LOGNAME=self.opts.user.name,
                     XDG_RUNTIME_DIR=os.path.join(self.work, "run"))
        return e

    def prefix(self):
        raise NotImplementedError

    def command(self, b, out):
        """The docker-buildx command line of one build step."""
        a = ["build", "--progress=plain"]
        for key, flag in (("dockerfile", "-f"), ("target", "--target"), ("tag", "-t")):
            if b.get(key):
                a += [flag, b[key]]
        for k, v in (b.get("args") or {}).items():
            a += ["--build-arg", k if v is None else "%s=%s" % (k, v)]
        for k, v in (b.get("labels") or {}).items():
            a += ["--label", "%s=%s" % (k, v)]
        if self.opts.frontend:
            a += ["--build-arg", "BUILDKIT_SYNTAX=" + self.opts.frontend]
        for s in b.get("secrets") or []:
            a += ["--secret", "id=%s,%s" % (s["id"], "src=" + s["file"] if "file" in s else "env=" + s["env"])]
        for s in b.get("ssh") or []:
            a += ["--ssh", s]
        if b.get("platforms"):
            a += ["--platform", ",".join(b["platforms"])]
        for k, v in (b.get("build_contexts") or {}).items():
            a += ["--build-context", "%s=%s" % (k, v)]
        if b.get("no_cache"):
            a += ["--no-cache"]
        a += b.get("flags") or []
        if b.get("call"):
            a += ["--call=%s,format=json" % b["call"]]
        elif b.get("output") == "push":
            a += ["-o", ",".join(["type=image", "push=true", "name=" + self.pushed(out)] +
                                 ["%s=%s" % kv for kv in (b.get("output_opts") or {}).items()])]
        elif b.get("output", "oci") != "none":
            a += ["-o", ",".join(["type=" + b.get("output", "oci"), "dest=" + out] +
                                 ["%s=%s" % kv for kv in (b.get("output_opts") or {}).items()])]
        return self.prefix() + a + [b.get("context", ".")]

    def pushed(self, out):
        return "%s/pushed/%s:v1" % (self.opts.registry, out.rstrip("/").replace("/", "-").strip("-").lower().replace("_", "-"))

    def build(self, b, ctx, out, env, timeout):
        e = self.env()
        e.update(env)
        stdin = open(os.path.join(ctx, b["stdin"]), "rb") if b.get("stdin") else subprocess.DEVNULL
        return self.call(self.command(b, out), ctx, e, stdin, timeout)

    def call(self, argv, cwd, env, stdin, timeout):
        p = processes.run(argv, timeout=timeout, cwd=cwd, env=env, stdin=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self.opts.as_user)
        return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")


class TenonTool(Tool):
    name = "tenon"

    def prefix(self):
        return [self.opts.bin or shutil.which("tenon") or "tenon"]

    def env(self):
        e = super().env()
        e["TENON_ROOT"] = os.path.join(self.work, "store")
        return e


class BuildKitTool(Tool):
    """docker-buildx with the remote driver against an own buildkitd; a fresh one for each case."""
    name = "buildkit"

    def exe(self, n):
        if self.opts.bin:
            return os.path.join(self.opts.bin, n)
        return shutil.which(n) or (glob.glob("/opt/*/bin/" + n) + [n])[0]

    def open(self):
        os.makedirs(self.work, exist_ok=True)
        self.sock = os.path.join(self.work, "s")
        conf = os.path.join(self.work, "buildkitd.toml")
        with open(conf, "w") as f:
            f.write('root="%s/root"\ninsecure-entitlements=["network.host","security.insecure"]\n'
                    '[worker.oci]\nenabled=true\nsnapshotter="overlayfs"\ngc=false\nbinary="%s"\n'
                    '[worker.containerd]\nenabled=false\n[registry."%s"]\nhttp=true\n'
                    % (self.work, shutil.which("runc", path=self.env()["PATH"]), self.opts.registry))
        self.log = open(os.path.join(self.work, "buildkitd.log"), "wb")
        self.p = processes.start([self.exe("buildkitd"), "--config", conf, "--addr", "unix://" + self.sock],
                                 stdout=self.log, stderr=self.log, env=self.env())
        for _ in range(400):
            if os.path.exists(self.sock) or self.p.poll() is not None:
                break
            time.sleep(0.02)
        processes.run([self.exe("docker-buildx"), "create", "--name", "t", "--driver", "remote", "unix://" + self.sock],
                      env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).check_returncode()

    def close(self):
        processes.end(self.p)
        self.log.close()

    def env(self):
        e = super().env()
        e.update(BUILDX_CONFIG=os.path.join(self.work, "buildx"), BUILDX_NO_DEFAULT_ATTESTATIONS="1",
                 BUILDX_GIT_INFO="false", BUILDX_GIT_LABELS="0", BUILDKIT_COLORS="", BUILDX_BUILDER="t")
        return e

    def prefix(self):
        return [self.exe("docker-buildx")]


class BuildahTool(Tool):
    """buildah bud, for a peer's score: no checks, no local or tar output."""
    name = "buildah"
    ignore = ["history", "layers", "layers-raw", "manifest", "cached-steps", "shared-layers", "warnings",
              "log", "nolog", "status", "error/line", "error/phrases", "rootfs/*/mtime", "rootfs/etc/hostname", "rootfs/etc/hosts", "rootfs/etc/resolv.conf",
              "rootfs/run", "rootfs/dev", "rootfs/proc", "rootfs/sys",
              "config/config/ArgsEscaped", "config/config/WorkingDir"]

    def base(self):
        return [self.opts.bin or "buildah", "--root", self.work + "/root", "--runroot", self.work + "/run",
                "--storage-driver", "overlay"]

    def build(self, b, ctx, out, env, timeout):
        if b.get("call") or b.get("flags") or b.get("output", "oci") != "oci":
            raise Skip("not offered by buildah")
        e = self.env()
        e.pop("DOCKER_CONFIG")
        e.update(env)
        a = Tool.command(self, dict(b, output="none"), out)
        a = [x for x in a if x != "--progress=plain"]
        a = self.base() + ["bud", "--format", "oci", "--layers", "--identity-label=false", "--tls-verify=false", "--isolation", "oci",
                           "--runtime", "/usr/sbin/runc", "-t", "result"] + a[1:]
        rc, so, se = self.call(a, ctx, e, subprocess.DEVNULL, timeout)
        if rc == 0:
            q = processes.run(self.base() + ["push", "-q", "result", "oci-archive:" + out], env=e,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
            if q.returncode:
                raise RuntimeError("buildah push: " + q.stdout.decode())
        return rc, so, se

    def prefix(self):
        return []

    def close(self):
        subprocess.run(self.base() + ["rm", "-a"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


TOOLS = {t.name: t for t in (TenonTool, BuildKitTool, BuildahTool)}

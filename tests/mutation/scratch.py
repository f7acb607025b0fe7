"""A clone of the tree that is built once, gets one mistake at a time, and runs tests."""
import contextlib, os, shutil, signal, subprocess, sys, tempfile, time

from mutations import TOP


class Broken(Exception):
    """The mistake cannot be judged: it does not compile."""


# Of a build: objects, libraries and what each was made of.
BUILT = (".o", ".lo", ".a", ".la", ".lai", ".so", ".Plo", ".Po")

# What a mutated program may write to, as root: it could be the check that kept
# tenon inside of its store which is gone.  Tests make users: in an /etc of their own.
READ_ONLY = """set -e
mount --make-rprivate /
for dir in /tmp /var/tmp /run "$SCRATCH"; do
    if [ -d "$dir" ]; then mount --bind "$dir" "$dir"; fi
done
mkdir -p "$SCRATCH/etc"
mount -t tmpfs etc "$SCRATCH/etc"
cp -a /etc/. "$SCRATCH/etc"
mount --bind "$SCRATCH/etc" /etc
mount -o remount,bind,ro /
cd "$SCRATCH/tree/build"
exec "$@"
"""


class Scratch:
    def __init__(self, options):
        self.o = options
        self.keep = options.dir is not None
        self.dir = os.path.abspath(options.dir) if options.dir else None
        self.unchanged = {}
        self.running = None

    def __enter__(self):
        for s in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, lambda number, _: sys.exit(128 + number))
        if self.dir is None:
            self.dir = tempfile.mkdtemp(prefix="tenon-mutation.")
        os.makedirs(self.dir, exist_ok=True)
        self.tree, self.build = os.path.join(self.dir, "tree"), os.path.join(self.dir, "tree/build")
        try:
            self.copy()
            self.configure()
            status, text = self.make()
            if status:
                sys.exit("the tree without a mistake does not build:\n" + text[-2000:])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.end_running()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    # -- the clone
    def copy(self):
        """What git knows and does not ignore, as it is in the working tree; equal files keep their times."""
        names = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "-co", "--exclude-standard"],
                               stdout=subprocess.PIPE, check=True).stdout.split(b"\0")
        for name in filter(None, names):
            a, b = os.path.join(os.fsencode(TOP), name), os.path.join(os.fsencode(self.tree), name)
            if not os.path.lexists(a):
                continue
            if os.path.islink(a):
                if os.path.lexists(b):
                    os.unlink(b)
                os.makedirs(os.path.dirname(b), exist_ok=True)
                os.symlink(os.readlink(a), b)
                continue
            with open(a, "rb") as f:
                data = f.read()
            if os.path.exists(b):
                with open(b, "rb") as f:
                    if f.read() == data:
                        continue
                shutil.copy(a, b)
            else:
                os.makedirs(os.path.dirname(b), exist_ok=True)
                shutil.copy2(a, b)   # with its time: it may be older than what --built has of it
        if not os.path.isdir(os.path.join(self.tree, ".git")):   # some tests ask git what the tree is
            for args in (["init", "-q"], ["add", "-A"], ["-c", "user.name=m", "-c", "user.email=m@localhost",
                                                        "commit", "-q", "-m", "mutation"]):
                subprocess.run(["git", "-C", self.tree] + args, check=True)

    def take_built(self):
        """What autoreconf made of the tree and make in a build of it, with their times, as if made here."""
        names = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "-oi", "--exclude-standard",
                                "configure", "*.in", "aclocal.m4", "build-aux", "m4"],
                               stdout=subprocess.PIPE, check=True).stdout.split(b"\0")
        for name in filter(None, names):
            to = os.path.join(os.fsencode(self.tree), name)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy2(os.path.join(os.fsencode(TOP), name), to)
        built = os.path.abspath(self.o.built)
        for place, dirs, files in os.walk(built):
            dirs[:] = [d for d in dirs if not os.path.exists(os.path.join(place, d, "config.status"))]
            to = os.path.join(self.build, os.path.relpath(place, built))
            for name in files:
                if name not in ("config.h", ".dirstamp") and not name.endswith(BUILT):
                    continue
                a, b = os.path.join(place, name), os.path.join(to, name)
                os.makedirs(to, exist_ok=True)
                shutil.copy2(a, b)
                if name.endswith((".la", ".lai", ".Plo", ".Po")):   # their names are those of files there
                    with open(b, encoding="utf-8") as f:
                        text = f.read()
                    with open(b, "w", encoding="utf-8") as f:
                        f.write(text.replace(built + "/", self.build + "/").replace(TOP + "/", self.tree + "/"))
                    shutil.copystat(a, b)

    def configure(self):
        if self.o.built and not os.path.exists(self.build):
            self.take_built()

        def do(args, cwd):
            env = {"CONFIG_SHELL": "/bin/sh", **os.environ}   # as scripts/check: libtool is slow with bash
            p = subprocess.run(args, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if p.returncode:
                sys.exit("%s: %s" % (args[0], p.stdout[-2000:]))
        if not os.path.exists(os.path.join(self.tree, "configure")):
            do(["autoreconf", "-i"], self.tree)
        os.makedirs(self.build, exist_ok=True)
        if not os.path.exists(os.path.join(self.build, "Makefile")):
            # Mistakes are about what is done, not about how fast.
            do(["../configure", "-q", "CFLAGS=-O1 -g0"] + os.environ.get("CONFIGURE_FLAGS", "").replace(
                "--enable-werror", "").split(), self.build)

    def make(self, *programs, command=True):
        """Everything, then test programs: not in one call, "all" is a make of its own and would race.
        Who runs nothing but programs is spared the linking of the command."""
        for targets in (["all"], programs) if command else (["modules", *programs],):
            p = subprocess.run(["make", "-j%d" % self.o.jobs, *targets], cwd=self.build, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if p.returncode or not programs:
                break
        return p.returncode, p.stdout

    @contextlib.contextmanager
    def mutated(self, mutation):
        self.baseline(mutation.tests)
        path = os.path.join(self.tree, mutation.file)
        with open(path, encoding="utf-8") as f:
            source = f.read()
        try:
            with open(path, "w", encoding="utf-8") as f:
                f.write(mutation.apply(source))
            command = any(t.split("/")[0] not in ("unit", "fuzz") for t in mutation.tests)
            status, text = self.make(*self.programs(mutation.tests), command=command)
            if status:
                raise Broken("does not compile: " + "; ".join(
                    [line for line in text.splitlines() if "error" in line or "***" in line][:3]))
            yield
        finally:
            with open(path, "w", encoding="utf-8") as f:
                f.write(source)

    # -- tests
    def programs(self, tests):
        needed = {"tests/" + t for t in tests if t.split("/")[0] in ("unit", "fuzz")}
        # What scripts put into images, if they do.
        with_programs = ("cli/frontend-", "cli/plugin-missing")
        if any(t.startswith(with_programs) for t in tests):
            needed.add("tests/gateway/frontend")
        return sorted(needed)

    def baseline(self, tests):
        """Run each test once on the tree as it is: only one that passes there can notice."""
        fresh = [t for t in tests if t not in self.unchanged]
        if not fresh:
            return
        status, text = self.make(*self.programs(fresh))
        if status:
            sys.exit("the tree without a mistake does not build:\n" + text[-2000:])
        for t in fresh:
            self.unchanged[t] = self.status(t) == 0
            if not self.unchanged[t]:
                print("NOTE %s does not pass on the unchanged tree, and judges nothing (see %s)" % (t, self.log(t)))

    def passes_unchanged(self, test):
        return self.unchanged[test]

    def fails(self, test):
        return self.status(test) not in (0, 77)

    def log(self, test):
        return os.path.join(self.dir, test.replace("/", "-").replace(":", "-") + ".log")

    def command(self, test):
        if test.startswith("conformance:"):
            return [os.path.join(self.tree, "tests/conformance/run"), "--bin", os.path.join(self.build, "tenon-dev"),
                    "--registry", "127.0.0.1:%d" % self.o.web, "--web-port", str(self.o.web + 1),
                    "--dir", os.path.join(self.dir, "conformance"), "-v", "--filter", test.split(":", 1)[1]]
        place = test.split("/")[0]
        if place in ("unit", "fuzz"):
            return [os.path.join(self.build, "tests", test)]
        return ["sh", os.path.join(self.tree, "tests", test)]

    def status(self, test):
        """Exit status of a test; a test that hangs has noticed, too."""
        env = dict(os.environ, abs_top_srcdir=self.tree, abs_top_builddir=self.build, FAULT_ROUNDS="5",
                   TENON_BUILD_PLUGIN_DIR=os.path.join(self.build, ".libs"), SCRATCH=self.dir)
        args = self.command(test)
        if os.geteuid() == 0:
            args = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"] + args
        tap = self.log(test) + ".tap"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(tap)
        env["CK_TAP_LOG_FILE_NAME"] = tap
        with open(self.log(test), "wb") as log:
            self.running = subprocess.Popen(args, cwd=self.build, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
            try:
                return self.first_result(tap)
            finally:
                self.end_running()

    def first_result(self, tap):
        """Its exit status, or 1 when a case of it has failed: what the others would say is not waited for."""
        end = time.monotonic() + self.o.timeout
        while time.monotonic() < end:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.running.wait(0.5)
            with contextlib.suppress(FileNotFoundError), open(tap, "rb") as f:
                if any(line.startswith(b"not ok") for line in f):
                    return 1
        return 124

    def end_running(self):
        """The whole session of a test, by its id: TERM so that it cleans up, then KILL."""
        if not self.running:
            return
        for s, grace in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            if self.running.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.running.pid, s)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.running.wait(grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running = None

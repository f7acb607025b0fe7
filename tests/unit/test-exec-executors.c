/* Both executors on a busybox root: what a step sees, may do and leaves.  Inside
 * of a user namespace (tests/rootless/sandbox.sh) as an ordinary user's build. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/ids.h"
#include "fakehost.h"

static const struct {
    const char *file, *symbol, *config[2];
    bool is_native;
} executors[] = {
    { "executor-oci.so", "executor_oci_LTX_tenon_plugin_query", { NULL }, false },
    { "executor-native.so", "executor_native_LTX_tenon_plugin_query", { NULL }, true },
};

static char top[64], rootfs[80];
static const struct tenon_plugin *plugin;
static void *self;
static struct fake_ctx ctx;
static char output[65536];
static int32_t status;
static unsigned step_number;

static int
make_root(void)
{
    if (getuid() != 0 || access("/bin/busybox", X_OK) < 0)
        return -1;
    strcpy(top, "/var/tmp/tenon-exec-XXXXXX");
    if (!mkdtemp(top))
        return -1;
    snprintf(rootfs, sizeof rootfs, "%s/rootfs", top);
    char command[1200];
    snprintf(command, sizeof command,
             "mkdir -p %s/bin %s/tmp %s/proc %s/sys %s/dev %s/etc && chmod 1777 %s/tmp && "
             "cp /bin/busybox %s/bin/ && for a in sh cat id grep awk sort ls echo sleep mount "
             "umask hostname df touch mkdir env readlink chroot unshare tail wc kill test "
             "tr head stat; do ln -s busybox %s/bin/$a; done",
             rootfs, rootfs, rootfs, rootfs, rootfs, rootfs, rootfs, rootfs, rootfs);
    return system(command) == 0 ? 0 : -1;
}

static void
remove_root(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (top[0])
        tenon_remove_tree(AT_FDCWD, top, &err);
}

static int
load(int i)
{
    plugin = fake_load(executors[i].file, executors[i].symbol);
    if (!plugin)
        return -1;
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_values *config = NULL;
    static const struct tenon_param no_params[] = { { .name = NULL } };
    ck_assert_int_eq(tenon_values_parse(plugin->config ? plugin->config : no_params,
                                        sizeof(struct tenon_param), executors[i].config,
                                        "config", &config, &err), 0);
    ck_assert_int_eq(plugin->init(&fake_host, config, &self, &err), 0);
    tenon_values_free(config);
    memset(&ctx, 0, sizeof ctx);
    ctx.agent_fd = -1;
    ctx.cancel = tenon_cancel_new(NULL);
    return plugin->ops.executor->probe(self, (struct tenon_ctx *)(void *)&ctx, &err) == 0 ? 0
                                                                                           : -1;
}

static void
unload(void)
{
    plugin->fini(self);
    tenon_cancel_free(ctx.cancel);
    fake_ctx_release(&ctx);
}

/* Runs x with what is not set filled in, or in the step of the name `join`. */
static int
call_executor(struct tenon_exec *x, const char *id, const char *join, struct fake_ctx *c,
              FILE *out, int32_t *wait_status, struct tenon_error *err)
{
    static const char *const env[] = { "PATH=/bin:/usr/bin", "HOME=/", NULL };
    char work[120];
    snprintf(work, sizeof work, "%s/%s", top, id);
    ck_assert_int_eq(mkdir(work, 0700), 0);
    x->struct_size = sizeof *x;
    x->flags |= tenon_ids_mapped() ? TENON_EXEC_ROOTLESS : 0;
    x->id = id;
    x->rootfs = rootfs;
    x->work = work;
    x->rootfs_fd = open(rootfs, O_PATH | O_CLOEXEC);
    x->work_fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    x->env = x->env ? x->env : env;
    x->cwd = x->cwd ? x->cwd : "/";
    x->network = x->network ? x->network : "host";
    x->hostname = "buildkitsandbox";
    x->stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    x->stdout_fd = x->stderr_fd = fileno(out);
    struct tenon_ctx *of = (struct tenon_ctx *)(void *)c;
    int r = join ? plugin->ops.executor->join(self, of, join, x, wait_status, err)
                 : plugin->ops.executor->run(self, of, x, wait_status, err);
    close(x->rootfs_fd);
    close(x->work_fd);
    close(x->stdin_fd);
    return r;
}

static void
name_step(char id[static 40])
{
    snprintf(id, 40, "tenon-%d-%u", (int)getpid(), step_number++);
}

/* The text of both streams in output. */
static int
run_step(struct tenon_exec *x, struct tenon_error *err)
{
    char id[40];
    name_step(id);
    FILE *out = tmpfile();
    status = -1;
    int r = call_executor(x, id, NULL, &ctx, out, &status, err);
    rewind(out);
    size_t n = fread(output, 1, sizeof output - 1, out);
    output[n] = 0;
    fclose(out);
    return r;
}

static int
run_shell_as(const char *script, struct tenon_exec *x)
{
    struct tenon_error err = TENON_ERROR_INIT;
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    x->argv = argv;
    int r = run_step(x, &err);
    ck_assert_msg(r == 0, "%s", err.message);
    ck_assert_msg(WIFEXITED(status), "status %x", (unsigned)status);
    return WEXITSTATUS(status);
}

static int
run_shell(const char *script)
{
    struct tenon_exec x = {0};
    return run_shell_as(script, &x);
}

static bool
begin(int i)
{
    if (load(i) == 0)
        return true;
    auto_free char *text = tenon_asprintf("%s: not built, or cannot run here", executors[i].file);
    unit_not_tried(text);
    return false;
}

START_TEST(test_executor_capabilities_are_the_known_ones)
{
    if (!begin(_i))
        return;
    ck_assert_int_eq(
        run_shell("grep -E "
                  "'^(CapPrm|CapEff|CapBnd|CapInh|CapAmb|NoNewPrivs|Seccomp:)' "
                  "/proc/self/status"),
        0);
    ck_assert_str_eq(output, "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
                             "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
                             "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
    static const uint32_t groups[] = { 1000 };
    struct tenon_exec x = { .uid = 1000, .gid = 1000, .groups = groups, .group_count = 1 };
    ck_assert_int_eq(run_shell_as("grep -E '^(CapPrm|CapEff|CapBnd|CapInh)' /proc/self/status; id",
                                  &x), 0);
    ck_assert_str_eq(output, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                             "CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
                             "uid=1000 gid=1000 groups=1000\n");
    unload();
}
END_TEST

START_TEST(test_executor_dev_and_mounts)
{
    if (!begin(_i))
        return;
    ck_assert_int_eq(
        run_shell(
            "ls /dev | grep -vE '^(core|kmsg)$' | sort | tr '\\n' ' '; echo;"
            "awk '$5 ~ "
            "\"^/(proc|sys|dev|dev/pts|dev/shm|dev/mqueue|sys/fs/cgroup)$\" "
            "{print $5}' /proc/self/mountinfo | sort -u | tr '\\n' ' '"),
        0);
    ck_assert_str_eq(output, "fd full mqueue null ptmx pts random shm stderr stdin stdout tty "
                             "urandom zero \n"
                             "/dev /dev/mqueue /dev/pts /dev/shm /proc /sys /sys/fs/cgroup ");
    ck_assert_int_eq(
        run_shell(
            "echo $$; umask; hostname; df -k /dev/shm | tail -1 | "
            "awk '{print $2}'; test -t 0 || echo notty; cat;"
            "echo x > /dev/null && echo nulled; head -c 3 /dev/zero | wc -c"),
        0);
    ck_assert_str_eq(output, "1\n0022\nbuildkitsandbox\n65536\nnotty\nnulled\n3\n");
    unload();
}
END_TEST

START_TEST(test_executor_system_mounts)
{
    if (!begin(_i))
        return;
    if (tenon_ids_mapped()) { /* some of them are the machine's own there */
        unit_not_tried("attributes of system mounts: needs to be root of the machine");
        unload();
        return;
    }
    ck_assert_int_eq(run_shell(
        "for at in /proc /dev /dev/pts /dev/shm /dev/mqueue /sys; do "
        "echo \"$at: $(awk -v at=$at '$5 == at { print $6 }' /proc/self/mountinfo | tr ',' '\\n' | "
        "grep -x 'ro\\|rw\\|nosuid\\|nodev\\|noexec' | sort | tr '\\n' ' ')\"; done; "
        "stat -c '%a %n' /dev/null /dev/full /dev/tty; ls -l /dev/null | cut -c 1-10; umask"), 0);
    ck_assert_str_eq(
        output,
        "/proc: nodev noexec nosuid rw \n/dev: nosuid rw \n/dev/pts: noexec "
        "nosuid rw \n"
        "/dev/shm: nodev noexec nosuid rw \n/dev/mqueue: nodev noexec nosuid "
        "rw \n"
        "/sys: nodev noexec nosuid ro \n"
        "666 /dev/null\n666 /dev/full\n666 /dev/tty\ncrw-rw-rw-\n0022\n");
    unload();
}
END_TEST

START_TEST(test_executor_hidden_and_readonly_paths)
{
    if (!begin(_i))
        return;
    ck_assert_int_eq(
        run_shell(
            "head -c 1 /proc/keys | wc -c; ls /sys/firmware | wc -l;"
            "(echo 1 > /proc/sys/kernel/panic) 2>/dev/null && echo wrote || "
            "echo ro;"
            "(echo x > /sys/x) 2>/dev/null && echo wrote || echo ro;"
            "mount -t tmpfs none /tmp 2>/dev/null && echo mounted || echo "
            "refused;"
            "unshare -U true 2>/dev/null && echo unshared || echo refused;"
            "chroot / /bin/echo chrooted"),
        0);
    ck_assert_str_eq(output, "0\n0\nro\nro\nrefused\nrefused\nchrooted\n");
    unload();
}
END_TEST

/* Whoever may open the machine's disks is out. */
START_TEST(test_executor_nodes_lead_nowhere)
{
    static const char script[] =
        "for at in /tmp /dev /dev/shm; do for n in 'c 1 1' 'c 1 11' 'b 7 0' 'b 254 0'; do "
        "busybox mknod $at/node $n 2>/dev/null || continue; " /* in a user namespace */
        "(: <$at/node) 2>/dev/null && echo read; (: >>$at/node) 2>/dev/null && echo wrote; "
        "busybox rm $at/node; done; done; echo done";
    if (!begin(_i))
        return;
    ck_assert_int_eq(run_shell(script), 0);
    ck_assert_str_eq(output, "done\n");
    if (tenon_ids_mapped()) { /* no node can be made there */
        unload();
        return;
    }
    char command[200];
    snprintf(command, sizeof command, "mknod %s/tmp/kmsg c 1 11", rootfs); /* as a layer has it */
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_ne(run_shell("cat </tmp/kmsg"), 0);
    ck_assert_int_eq(run_shell("busybox rm /tmp/kmsg"), 0);
    /* Granted all: they are devices. */
    struct tenon_exec x = { .flags = TENON_EXEC_INSECURE };
    ck_assert_int_eq(run_shell_as("busybox mknod /tmp/zero c 1 5; head -c 1 /tmp/zero | wc -c; "
                                  "busybox rm /tmp/zero", &x), 0);
    ck_assert_str_eq(output, "1\n");
    unload();
}
END_TEST

START_TEST(test_executor_insecure_may_mount)
{
    if (!begin(_i))
        return;
    struct tenon_exec x = { .flags = TENON_EXEC_INSECURE };
    ck_assert_int_eq(run_shell_as("mount -t tmpfs none /tmp && echo mounted; "
                                  "grep Seccomp: /proc/self/status", &x), 0);
    ck_assert_str_eq(output, "mounted\nSeccomp:\t0\n");
    unload();
}
END_TEST

START_TEST(test_executor_no_descriptor_leaks)
{
    if (!begin(_i))
        return;
    int leak = open("/", O_RDONLY | O_DIRECTORY); /* not O_CLOEXEC on purpose */
    int high = fcntl(leak, F_DUPFD, 700); /* above all that tenon has itself */
    ck_assert_int_ge(high, 700);
    struct tenon_exec x = {0};
    const char *argv[] = { "/bin/busybox", "ls", "/proc/self/fd", NULL };
    struct tenon_error err = TENON_ERROR_INIT;
    x.argv = argv;
    ck_assert_int_eq(run_step(&x, &err), 0);
    ck_assert_str_eq(output, "0\n1\n2\n3\n"); /* 3: the directory being read */
    close(leak);
    close(high);
    unload();
}
END_TEST

/* nohup, or a shell that starts tenon in the background, ignores some; a step does not. */
START_TEST(test_executor_signals_are_as_ever)
{
    if (!begin(_i))
        return;
    static const int ignored[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGCONT };
    for (size_t i = 0; i < tenon_countof(ignored); i++)
        signal(ignored[i], SIG_IGN);
    sigset_t some, before;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigprocmask(SIG_BLOCK, &some, &before);
    const char *argv[] = {"/bin/busybox",      "grep", "-E", "Sig(Ign|Blk)",
                          "/proc/self/status", NULL};
    struct tenon_exec x = { .argv = argv };
    struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(run_step(&x, &err), 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (size_t i = 0; i < tenon_countof(ignored); i++)
        signal(ignored[i], SIG_DFL);
    ck_assert_str_eq(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    unload();
}
END_TEST

START_TEST(test_executor_exit_codes)
{
    if (!begin(_i))
        return;
    ck_assert_int_eq(run_shell("exit 3"), 3);
    ck_assert_int_eq(run_shell("sh -c 'kill -9 $$'; exit $?"), 137);
    struct tenon_exec x = {0};
    const char *argv[] = { "nosuchprogram", "arg", NULL };
    struct tenon_error err = TENON_ERROR_INIT;
    x.argv = argv;
    ck_assert_int_eq(run_step(&x, &err), 0);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
    ck_assert_ptr_nonnull(strstr(output, "nosuchprogram"));
    unload();
}
END_TEST

START_TEST(test_executor_user_groups_cwd)
{
    if (!begin(_i))
        return;
    static const uint32_t groups[] = { 1002, 2000, 3000 };
    struct tenon_exec x = { .uid = 1000, .gid = 1002, .groups = groups, .group_count = 3,
                            .cwd = "/tmp" };
    ck_assert_int_eq(run_shell_as("id; pwd; touch f && ls -ln f | awk '{print $3,$4}'", &x), 0);
    ck_assert_ptr_nonnull(strstr(
        output, "uid=1000 gid=1002 groups=1002,2000,3000\n/tmp\n1000 1002\n"));
    unload();
}
END_TEST

START_TEST(test_executor_network_none_has_only_lo)
{
    if (!begin(_i))
        return;
    struct tenon_exec x = { .network = "none" };
    ck_assert_int_eq(run_shell_as("ls /sys/class/net; cat /sys/class/net/lo/flags", &x), 0);
    ck_assert_str_eq(output, "lo\n0x9\n"); /* up, loopback */
    unload();
}
END_TEST

START_TEST(test_executor_mounts_in_order)
{
    if (!begin(_i))
        return;
    char dir[120], file[140], command[600];
    snprintf(dir, sizeof dir, "%s/src-%d", top, _i);
    snprintf(file, sizeof file, "%s/secret", dir);
    snprintf(command, sizeof command, "mkdir -p %s/sub %s/m && echo s > %s", dir, rootfs, file);
    ck_assert_int_eq(system(command), 0);
    auto_close int dfd = open(dir, O_PATH | O_CLOEXEC);
    auto_close int ffd = open(file, O_PATH | O_CLOEXEC);
    struct tenon_exec_mount mounts[] = {
        { .source = dir, .target = "/m", .fd = dfd },
        { .source = file, .target = "/m/new/file", .fd = ffd,
          .flags = TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC },
        { .source = dir, .target = "/dev/shm/x", .fd = dfd, .flags = TENON_MOUNT_RDONLY },
    };
    const struct tenon_exec_mount *const list[] = { &mounts[0], &mounts[1], &mounts[2] };
    struct tenon_exec x = { .mounts = list, .mount_count = 3 };
    ck_assert_int_eq(run_shell_as("cat /m/new/file; ls -d /dev/shm/x/sub; echo y > /m/w; "
                                  "(echo z > /m/new/file) 2>/dev/null || echo ro; "
                                  "touch /dev/shm/x/y 2>/dev/null || echo ro", &x), 0);
    ck_assert_str_eq(output, "s\n/dev/shm/x/sub\nro\nro\n");
    snprintf(command, sizeof command, "test -f %s/w", dir);
    ck_assert_int_eq(system(command), 0);
    unload();
}
END_TEST

/* By the executor alone: what is asked for here has no attributes of its own. */
START_TEST(test_executor_mount_attributes)
{
    static const struct {
        uint32_t flags;
        const char *seen;
    } wanted[] = {
        { 0, "rw" },
        { TENON_MOUNT_RDONLY, "ro" },
        { TENON_MOUNT_NOEXEC, "nodev noexec nosuid rw" },
        { TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC, "nodev noexec nosuid ro" },
    };
    if (!begin(_i))
        return;
    char dir[120], target[40];
    snprintf(dir, sizeof dir, "%s/bare-%d", top, _i);
    ck_assert_int_eq(mkdir(dir, 0755), 0);
    /* In a mount of its own, with another one in it: both are meant. */
    char inner[140];
    snprintf(inner, sizeof inner, "%s/inner", dir);
    bool can_mount = mount("none", dir, "tmpfs", 0, NULL) == 0 && mkdir(inner, 0755) == 0 &&
                     mount("none", inner, "tmpfs", 0, NULL) == 0;
    ck_assert(can_mount || tenon_ids_mapped());
    /* In /dev a runtime mounts, elsewhere we do. */
    for (size_t k = 0; can_mount && k < 2 * tenon_countof(wanted); k++) {
        const size_t i = k / 2;
        snprintf(target, sizeof target, "%s/at%zu", k % 2 ? "/dev" : "/tmp", i);
        struct tenon_exec_mount m = { .source = dir, .target = target, .flags = wanted[i].flags,
                                      .fd = open(dir, O_PATH | O_CLOEXEC) };
        const struct tenon_exec_mount *const list[] = { &m };
        struct tenon_exec x = { .mounts = list, .mount_count = 1 };
        /* A runtime has options for the one mount; the core's are for all in it. */
        char inside[50] = "";
        if (strstr(executors[_i].file, "native"))
            snprintf(inside, sizeof inside, "%s/inner", target);
        auto_free char *script =
            tenon_asprintf("for at in %s %s; do awk -v at=$at '$5 == at { "
                           "print $6 }' /proc/self/mountinfo | tr ',' '\\n' | "
                           "grep -x 'ro\\|rw\\|nosuid\\|nodev\\|noexec' | sort "
                           "| tr '\\n' ' '; echo; done",
                           target, inside);
        auto_free char *expected = tenon_asprintf(
            *inside ? "%s \n%s \n" : "%s \n", wanted[i].seen, wanted[i].seen);
        ck_assert_int_eq(run_shell_as(script, &x), 0);
        ck_assert_str_eq(output, expected);
        close(m.fd);
    }
    umount2(inner, MNT_DETACH);
    umount2(dir, MNT_DETACH);
    unload();
}
END_TEST

/* Nothing of the machine lies under the step's root. */
START_TEST(test_executor_root_is_all)
{
    if (!begin(_i))
        return;
    ck_assert_int_eq(run_shell("awk '$5 == \"/\" { n++ } END { print n }' /proc/self/mountinfo; "
                               "ls -d /root /var /usr 2>/dev/null; pwd"), 0);
    ck_assert_str_eq(output, "1\n/\n");
    unload();
}
END_TEST

/* A program without a slash is one of PATH, where that is absolute. */
START_TEST(test_executor_program_by_path)
{
    static const struct {
        const char *path, *cwd, *program;
        int code;
    } programs[] = {
        { "PATH=/none:/bin", "/", "true", 0 },
        { "PATH=/bin:/none", "/", "true", 0 },
        { "PATH=/none", "/bin", "true", 1 },
        { "PATH=.:/none", "/bin", "true", 1 },
        { "PATH=", "/bin", "true", 1 },
        { "PATH=/none", "/bin", "./true", 0 },
        { "PATH=/none", "/", "bin/true", 0 },
        { "PATH=/etc:/bin", "/", "true", 0 }, /* what is none, is passed over */
    };
    if (!begin(_i))
        return;
    char command[300];
    snprintf(
        command, sizeof command,
        "ln -sf busybox %s/bin/true && : >%s/etc/true && chmod 644 %s/etc/true",
        rootfs, rootfs, rootfs);
    ck_assert_int_eq(system(command), 0);
    for (size_t i = 0; i < tenon_countof(programs); i++) {
        const char *argv[] = { programs[i].program, NULL }, *env[] = { programs[i].path, NULL };
        struct tenon_exec x = { .argv = argv, .env = env, .cwd = programs[i].cwd };
        struct tenon_error err = TENON_ERROR_INIT;
        ck_assert_msg(run_step(&x, &err) == 0, "%s", err.message);
        ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0) == (programs[i].code == 0),
                      "%s in %s with %s: status %x, %s", programs[i].program, programs[i].cwd,
                      programs[i].path, (unsigned)status, output);
    }
    unload();
}
END_TEST

START_TEST(test_executor_limits)
{
    if (!begin(_i))
        return;
    struct tenon_exec_limit l[] = {{ .name = "nofile", .soft = 321, .hard = 654 },
                                   { .name = "core", .soft = 0, .hard = 4096 },
                                   { .name = "nproc", .soft = 700, .hard = 700 },
                                   { .name = "stack", .soft = 1 << 20, .hard = 4 << 20 }};
    const struct tenon_exec_limit *const list[] = { &l[0], &l[1], &l[2], &l[3] };
    struct tenon_exec x = { .limits = list, .limit_count = 4 };
    ck_assert_int_eq(run_shell_as("awk '/open files|core file|processes|stack/ "
                                  "{ print $(NF - 2), $(NF - 1) }' "
                                  "/proc/self/limits | sort | tr '\\n' ' '",
                                  &x),
                     0);
    char *nproc = strstr(output, "700 700"); /* its line has another count of words */
    ck_assert_msg(strstr(output, "0 4096 ") && strstr(output, "321 654 ") &&
                      strstr(output, "1048576 4194304 ") && nproc,
                  "%s", output);
    ck_assert_int_eq(run_shell_as("ulimit -n; ulimit -Hn", &x), 0);
    ck_assert_str_eq(output, "321\n654\n");
    unload();
}
END_TEST

START_TEST(test_executor_memory_limit)
{
    if (!begin(_i))
        return;
    struct tenon_exec x = { .memory_bytes = 64 << 20 };
    if (tenon_ids_mapped()) { /* no group is ours: refused before anything runs */
        struct tenon_error err = TENON_ERROR_INIT;
        const char *argv[] = { "/bin/echo", "ran", NULL };
        x.argv = argv;
        ck_assert_int_eq(run_step(&x, &err), TENON_E_UNSUPPORTED);
        ck_assert_str_eq(output, "");
        ck_assert_ptr_nonnull(strstr(err.hint, "Delegate=yes"));
        tenon_error_release(&err);
        unload();
        return;
    }
    ck_assert_int_eq(run_shell_as("cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || "
                                  "cat /sys/fs/cgroup/memory.max", &x), 0);
    ck_assert_str_eq(output, "67108864\n");
    /* And the group is gone: its name has our process number. */
    char command[120];
    snprintf(command, sizeof command, "ls -d /sys/fs/cgroup/*/tenon-%d-* "
             "/sys/fs/cgroup/tenon-%d-* >/dev/null 2>&1", (int)getpid(), (int)getpid());
    ck_assert_int_ne(system(command) == 0, 1);
    unload();
}
END_TEST

START_TEST(test_executor_background_process_ends)
{
    if (!begin(_i))
        return;
    /* For longer than this test may take. */
    ck_assert_int_eq(run_shell("(sleep 11111; echo late) & echo started"), 0);
    ck_assert_str_eq(output, "started\n");
    unload();
}
END_TEST

/* How long a step of ours sleeps: a number that no other test has at the time. */
static unsigned
unique_seconds(char first)
{
    return (unsigned)(first - '0') * 1000000 + (unsigned)getpid() % 1000000;
}

static bool
sleeps(char first)
{
    char command[80];
    snprintf(command, sizeof command, "ps ax | grep -q '[s]leep %u'", unique_seconds(first));
    return system(command) == 0;
}

/* When both processes of the step are there, or a minute has gone by. */
static void *
fire_later(void *data)
{
    for (int tries = 600; !sleeps('1') && tries > 0; tries--)
        usleep(100000);
    tenon_cancel_fire(data);
    return NULL;
}

START_TEST(test_executor_cancel_kills_the_tree)
{
    if (!begin(_i))
        return;
    pthread_t t;
    ck_assert_int_eq(pthread_create(&t, NULL, fire_later, ctx.cancel), 0);
    struct tenon_exec x = {0};
    auto_free char *script = tenon_asprintf(
        "sleep %u & sleep %u", unique_seconds('1'), unique_seconds('1'));
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct tenon_error err = TENON_ERROR_INIT;
    x.argv = argv;
    ck_assert_int_eq(run_step(&x, &err), TENON_E_CANCELLED);
    pthread_join(t, NULL);
    ck_assert(!sleeps('1'));
    tenon_error_release(&err);
    unload();
}
END_TEST

START_TEST(test_executor_dies_with_its_parent)
{
    if (!begin(_i))
        return;
    const unsigned seconds = unique_seconds('2');
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct tenon_exec x = {0};
        auto_free char *script = tenon_asprintf("sleep %u & exec sleep %u", seconds, seconds);
        const char *argv[] = { "/bin/sh", "-c", script, NULL };
        struct tenon_error err = TENON_ERROR_INIT;
        x.argv = argv;
        run_step(&x, &err);
        _exit(0);
    }
    int tries = 1200;
    while (!sleeps('2') && --tries)
        usleep(50000);
    ck_assert_int_gt(tries, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    tries = 200; /* each of them takes longer where there is much else to do */
    while (sleeps('2') && --tries)
        usleep(50000);
    ck_assert_int_gt(tries, 0);
    unload();
}
END_TEST

/* ---- one process more in a step that runs ---- */

struct process { /* zeroed, but for the first three */
    const char *script;
    const struct process *joins; /* the first one; NULL: it is that */
    uint64_t memory_bytes;
    char id[40];
    struct fake_ctx ctx;
    pthread_t thread;
    int started[2]; /* a pipe, which ends when it is over; a byte: it has begun */
    int rc;
    int32_t status;
    struct tenon_error err;
};

static void
has_started(void *data)
{
    const struct process *p = data;
    ck_assert_int_eq(write(p->started[1], "", 1), 1);
}

static void *
process_main(void *data)
{
    struct process *p = data;
    const char *argv[] = { "/bin/sh", "-c", p->script, NULL };
    struct tenon_exec x = { .argv = argv, .memory_bytes = p->memory_bytes,
                            .started = has_started, .started_data = p };
    FILE *out = tmpfile();
    p->rc = call_executor(&x, p->id, p->joins ? p->joins->id : NULL, &p->ctx, out, &p->status,
                          &p->err);
    fclose(out);
    close(p->started[1]);
    return NULL;
}

static void
process_begin(struct process *p)
{
    name_step(p->id);
    p->err = (struct tenon_error)TENON_ERROR_INIT;
    p->ctx.agent_fd = -1;
    p->ctx.cancel = tenon_cancel_new(NULL);
    ck_assert_int_eq(pipe2(p->started, O_CLOEXEC), 0);
    ck_assert_int_eq(pthread_create(&p->thread, NULL, process_main, p), 0);
}

static bool
process_has_begun(struct process *p)
{
    char byte;
    return read(p->started[0], &byte, 1) == 1;
}

static void
process_end(struct process *p)
{
    pthread_join(p->thread, NULL);
    close(p->started[0]);
    tenon_cancel_free(p->ctx.cancel);
    fake_ctx_release(&p->ctx);
}

static void
process_cancel(struct process *p)
{
    tenon_cancel_fire(p->ctx.cancel);
    process_end(p);
    ck_assert_msg(p->rc == TENON_E_CANCELLED, "%d: %s", p->rc, p->err.message);
    tenon_error_release(&p->err);
}

/* How many of our children are in a control group that is named after the step? */
static int
children_in_group(const char *id)
{
    char command[200], line[40] = "";
    snprintf(command, sizeof command,
             "for p in $(ps -o pid= --ppid %d); do cat /proc/$p/cgroup 2>/dev/null | "
             "grep -q /%s && echo $p; done | wc -l", (int)getpid(), id);
    FILE *f = popen(command, "re");
    ck_assert(f && fgets(line, sizeof line, f));
    pclose(f);
    return atoi(line);
}

/* Who waits for a process that joined is in none of the step's groups, which could not be removed
 * else when the first process ends. */
START_TEST(test_executor_join_leaves_groups_free)
{
    if (!begin(_i))
        return;
    struct process first = { .script = "while :; do sleep 1; done", .memory_bytes = 64 << 20 };
    struct process second = { .script = "while :; do sleep 1; done", .joins = &first };
    if (tenon_ids_mapped()) { /* it has no groups */
        unload();
        return;
    }
    process_begin(&first);
    ck_assert_msg(process_has_begun(&first), "%s", first.err.message);
    const int before = children_in_group(first.id);
    ck_assert_int_le(before, 1);
    process_begin(&second);
    ck_assert_msg(process_has_begun(&second), "%s", second.err.message);
    ck_assert_int_eq(children_in_group(first.id), before);
    process_cancel(&second);
    process_cancel(&first);
    unload();
}
END_TEST

/* Is there a grandchild of ours that was stopped? */
static bool
is_stopped(void)
{
    char command[120];
    snprintf(command, sizeof command, "for p in $(ps -o pid= --ppid %d); do ps -o stat= --ppid $p; "
             "done | grep -q '^T'", (int)getpid());
    return system(command) == 0;
}

/* What is in the step already may stop who joins, before it is the joining program. */
START_TEST(test_executor_join_that_is_stopped)
{
    if (!begin(_i))
        return;
    struct process first = { .script = "while :; do kill -STOP -1; done 2>/dev/null" };
    struct process second = { .script = "while :; do sleep 1; done", .joins = &first };
    if (tenon_ids_mapped() && !executors[_i].is_native) { /* nobody joins there */
        unload();
        return;
    }
    process_begin(&first);
    ck_assert_msg(process_has_begun(&first), "%s", first.err.message);
    process_begin(&second);
    /* A runtime is in another namespace than what it starts, and is not stopped. */
    if (executors[_i].is_native)
        for (int tries = 600; !is_stopped() && tries > 0; tries--)
            usleep(100000);
    process_cancel(&second);
    process_cancel(&first);
    unload();
}
END_TEST

/* A runtime that is told to start one more process says whether it could: in words alone, which are
 * those of a program that cannot be started, too. */
static const char runtime[] =
    "#!/bin/sh\n"
    "while [ $# -gt 0 ]; do\n"
    "    case $1 in\n"
    "    --log) log=$2 ;;\n"
    "    --pid-file) pid=$2 ;;\n"
    "    run | exec) verb=$1 ;;\n"
    "    esac\n"
    "    shift\n"
    "done\n"
    "if [ $verb = exec ]; then cp \"${0%/*}/says\" \"$log\"; exit 255; fi\n"
    "echo 2 >\"$pid.new\" && mv \"$pid.new\" \"$pid\"\n"
    "while :; do sleep 1; done\n";

static const struct {
    const char *message;
    int rc;
} joining[] = {
    { "exec failed: cannot exec in a stopped container", TENON_E_NOT_FOUND },
    { "cannot exec a container that has stopped", TENON_E_NOT_FOUND },
    { "the container `tenon-1-1` is not running", TENON_E_NOT_FOUND },
    { "container does not exist", TENON_E_NOT_FOUND },
    { "exec failed: unable to start container process: exec: \\\"/none\\\": no such file", 0 },
    { "exec failed: unable to start: exec: \\\"/a stopped container\\\": no such file", 0 },
    { "open /etc/thing: permission denied", TENON_E_FAILED },
};

START_TEST(test_executor_join_that_is_late)
{
    struct process first = { .script = "" };
    struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_values *config = NULL;
    auto_free char *path = tenon_asprintf("%s/runtime", top);
    auto_free char *says = tenon_asprintf("%s/says", top);
    auto_free char *line = tenon_asprintf("runtime=%s", path);
    const char *const lines[] = { line, NULL };
    plugin = fake_load(executors[0].file, executors[0].symbol);
    if (!plugin || tenon_ids_mapped()) {
        unit_not_tried("a runtime of our own: executor-oci is not built, or has no /proc of its own");
        return;
    }
    unit_write(AT_FDCWD, path, runtime);
    ck_assert_int_eq(chmod(path, 0755), 0);
    ck_assert_int_eq(tenon_values_parse(plugin->config, sizeof(struct tenon_param), lines, "config",
                                        &config, &err), 0);
    ck_assert_int_eq(plugin->init(&fake_host, config, &self, &err), 0);
    tenon_values_free(config);
    process_begin(&first);
    ck_assert_msg(process_has_begun(&first), "%s", first.err.message);
    for (size_t i = 0; i < tenon_countof(joining); i++) {
        struct process late = { .script = "", .joins = &first };
        auto_free char *log = tenon_asprintf("{\"level\": \"error\", \"msg\": \"%s\"}\n",
                                             joining[i].message);
        unit_write(AT_FDCWD, says, log);
        process_begin(&late);
        ck_assert(!process_has_begun(&late));
        process_end(&late);
        ck_assert_msg(late.rc == joining[i].rc, "%s: %d", joining[i].message, late.rc);
        ck_assert_int_eq(late.rc == 0 ? WEXITSTATUS(late.status) : 255, 255);
        tenon_error_release(&late.err);
    }
    process_cancel(&first);
    plugin->fini(self);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("exec-executors");
    TCase *t = tcase_create("both");
    int n = (int)tenon_countof(executors);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_executor_capabilities_are_the_known_ones, 0, n);
    tcase_add_loop_test(t, test_executor_dev_and_mounts, 0, n);
    tcase_add_loop_test(t, test_executor_system_mounts, 0, n);
    tcase_add_loop_test(t, test_executor_hidden_and_readonly_paths, 0, n);
    tcase_add_loop_test(t, test_executor_nodes_lead_nowhere, 0, n);
    tcase_add_loop_test(t, test_executor_insecure_may_mount, 0, n);
    tcase_add_loop_test(t, test_executor_no_descriptor_leaks, 0, n);
    tcase_add_loop_test(t, test_executor_signals_are_as_ever, 0, n);
    tcase_add_loop_test(t, test_executor_exit_codes, 0, n);
    tcase_add_loop_test(t, test_executor_user_groups_cwd, 0, n);
    tcase_add_loop_test(t, test_executor_network_none_has_only_lo, 0, n);
    tcase_add_loop_test(t, test_executor_mounts_in_order, 0, n);
    tcase_add_loop_test(t, test_executor_mount_attributes, 0, n);
    tcase_add_loop_test(t, test_executor_root_is_all, 0, n);
    tcase_add_loop_test(t, test_executor_program_by_path, 0, n);
    tcase_add_loop_test(t, test_executor_limits, 0, n);
    tcase_add_loop_test(t, test_executor_memory_limit, 0, n);
    tcase_add_loop_test(t, test_executor_background_process_ends, 0, n);
    tcase_add_loop_test(t, test_executor_cancel_kills_the_tree, 0, n);
    tcase_add_loop_test(t, test_executor_dies_with_its_parent, 0, n);
    tcase_add_loop_test(t, test_executor_join_leaves_groups_free, 0, n);
    tcase_add_loop_test(t, test_executor_join_that_is_stopped, 0, n);
    tcase_add_test(t, test_executor_join_that_is_late);
    suite_add_tcase(s, t);
    return s;
}

int
main(void)
{
#ifdef __SANITIZE_THREAD__
    /* A guard begins in the memory of its parent: what it closes is the parent's for TSan, and
     * that it is there is a fork of a process with threads. */
    puts("a guard shares its parent's memory, and TSan takes what it does for the parent's");
    return 77;
#endif
    if (make_root() < 0) {
        fprintf(stderr, "skipped: needs root and /bin/busybox\n");
        remove_root();
        return 77;
    }
    /* As the command does: mounts are ours alone. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return 1;
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    remove_root();
    return failures ? 1 : 0;
}

/* cli/weakness.c - see weakness.h. */
#include "weakness.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"

struct found {
    weakness_said *said;
    void *data;
};

static void
say(struct found *f, const char *topic, const char *helps, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
say(struct found *f, const char *topic, const char *helps, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    f->said(f->data, topic, text, helps);
}

/* ---- settings of the kernel ------------------------------------------------------ */

/* The first line of a file, or NULL. */
static char *
read_line(const char *path)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, 65536, &text, &ignored) < 0)
        return NULL;
    return tenon_strndup(tenon_buf_str(&text), strcspn(tenon_buf_str(&text), "\n"));
}

static const struct {
    const char *path, *weak; /* the value that is */
    const char *topic, *text, *helps;
} settings[] = {
    {"/proc/sys/kernel/yama/ptrace_scope", "0", "ptrace",
     "any program of a user looks into that user's builds, their secrets included "
     "(kernel.yama.ptrace_scope is 0)", "sudo sysctl -w kernel.yama.ptrace_scope=1"},
    {"/proc/sys/fs/suid_dumpable", "1", "cores",
     "programs that changed their user leave cores that others may read, newuidmap and sudo "
     "among them (fs.suid_dumpable is 1)", "sudo sysctl -w fs.suid_dumpable=0"},
    {"/proc/sys/fs/protected_symlinks", "0", "links of others",
     "programs beside tenon follow links that others put into directories for everybody "
     "(fs.protected_symlinks is 0)", "sudo sysctl -w fs.protected_symlinks=1"},
    {"/proc/sys/fs/protected_hardlinks", "0", "links to files",
     "users make links to files of others, set-user-id programs among them, and keep them when "
     "these are mended (fs.protected_hardlinks is 0)", "sudo sysctl -w fs.protected_hardlinks=1"},
};

static void
look_at_settings(struct found *f)
{
    for (size_t i = 0; i < tenon_countof(settings); i++) {
        auto_free char *value = read_line(settings[i].path);
        if (value && tenon_streq(value, settings[i].weak))
            say(f, settings[i].topic, settings[i].helps, "%s", settings[i].text);
    }
    if (access("/proc/sys/kernel", R_OK) == 0 && access("/proc/sys/kernel/yama", F_OK) < 0)
        say(f, "ptrace", "a kernel with Yama (lsm=yama)",
            "any program of a user looks into that user's builds, their secrets included (there is "
            "no Yama)");
}

/* Cores go to a program in the machine's first namespaces, as root of the machine. */
static void
look_at_cores(struct found *f)
{
    auto_free char *pattern = read_line("/proc/sys/kernel/core_pattern");
    if (!pattern || *pattern != '|')
        return;
    auto_free char *program = tenon_strndup(pattern + 1, strcspn(pattern + 1, " "));
    say(f, "cores", "sudo sysctl -w kernel.core_pattern=core, or RUN with --ulimit core=0",
        "what crashes in a step is given, with its memory and secrets, to %s, which runs as root "
        "outside of the step (kernel.core_pattern)", program);
}

/* Options of /proc, the last that is mounted there. */
static void
look_at_processes(struct found *f)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    bool hidden = false, known = false;
    if (tenon_read_file("/proc/self/mounts", 16 << 20, &text, &ignored) < 0)
        return;
    char *rest = text.data, *line;
    while ((line = strsep(&rest, "\n"))) {
        char *place = strchr(line, ' ');
        if (!place || !tenon_has_prefix(place, " /proc proc "))
            continue;
        known = true;
        hidden = strstr(place, "hidepid=1") || strstr(place, "hidepid=2") ||
                 strstr(place, "hidepid=noaccess") || strstr(place, "hidepid=invisible") ||
                 strstr(place, "hidepid=4") || strstr(place, "hidepid=ptraceable");
    }
    if (known && !hidden)
        say(f, "processes", "sudo mount -o remount,hidepid=invisible /proc",
            "all users see the arguments of all programs: those of tenon, as --build-arg, and of "
            "steps (/proc without hidepid)");
}

static void
look_at_filters(struct found *f)
{
    auto_free char *actions = read_line("/proc/sys/kernel/seccomp/actions_avail");
    if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
        say(f, "system calls", "a kernel with CONFIG_SECCOMP_FILTER",
            "those of steps cannot be filtered: the kernel has no seccomp");
    else if (!actions || !strstr(actions, "user_notif"))
        say(f, "system calls", "Linux 5.0 or newer",
            "tenon cannot answer for a step (seccomp's user_notif): device nodes are not made in "
            "steps with ids of their own");
}

/* ---- the store's file system -------------------------------------------------------- */

static void
look_at_attributes(struct found *f, const char *dir)
{
    if (getxattr(dir, "user.tenon", NULL, 0) >= 0 || errno != ENOTSUP)
        return;
    say(f, "attributes", "tenon --root DIR_ON_ANOTHER_FILE_SYSTEM build ...",
        "the store's file system keeps no attributes (user.*): files of images lose theirs");
}

/* ---- the OCI runtime ------------------------------------------------------------------ */

/* What a program prints first; "" if it cannot be run. */
static char *
first_line_of(const char *program)
{
    int fds[2];
    pid_t pid;
    char text[4096];
    size_t len = 0;
    char *const argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)"--version", NULL};
    char *const env[] = {(char *)(uintptr_t)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return tenon_strdup("");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    const int e = posix_spawn(&pid, program, &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    for (ssize_t n; e == 0 && len < sizeof text - 1; len += (size_t)n)
        if ((n = read(fds[0], text + len, sizeof text - 1 - len)) <= 0)
            break;
    close(fds[0]);
    if (e == 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    text[len] = '\0';
    return tenon_strndup(text, strcspn(text, "\n"));
}

struct version {
    uint64_t part[3];
    uint64_t candidate; /* of "-rc.N"; UINT64_MAX: released */
};

static bool
read_version(const char *text, struct version *out)
{
    *out = (struct version){.candidate = UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        const size_t digits = strspn(text, "0123456789");
        auto_free char *number = tenon_strndup(text, digits);
        if (!digits || !tenon_parse_u64(number, 10, &out->part[i]))
            return false;
        text += digits;
        if (i < 2 && *text++ != '.')
            return false;
    }
    if (!tenon_has_prefix(text, "-rc"))
        return true;
    text += strlen("-rc");
    text += *text == '.';
    auto_free char *number = tenon_strndup(text, strspn(text, "0123456789"));
    return tenon_parse_u64(number, 10, &out->candidate);
}

static bool
is_older(const struct version *a, const struct version *b)
{
    for (size_t i = 0; i < 3; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i];
    return a->candidate < b->candidate;
}

/* Holes of runc by which a step gets out, and the first version of each line without. */
static const struct {
    const char *name;
    struct version from, mended;
} holes[] = {
#define RELEASED UINT64_MAX
    {"CVE-2024-21626", {{0, 0, 0}, 0}, {{1, 1, 12}, RELEASED}},
    {"CVE-2025-31133", {{0, 0, 0}, 0}, {{1, 2, 8}, RELEASED}},
    {"CVE-2025-31133", {{1, 3, 0}, 0}, {{1, 3, 3}, RELEASED}},
    {"CVE-2025-31133", {{1, 4, 0}, 0}, {{1, 4, 0}, 3}},
};

static void
look_at_runtime(struct found *f, const char *runtime)
{
    static const char runc[] = "runc version ";
    auto_free char *line = first_line_of(runtime);
    struct version v;
    if (!tenon_has_prefix(line, runc) || !read_version(line + strlen(runc), &v))
        return;
    auto_buf struct tenon_buf names = TENON_BUF_INIT;
    for (size_t i = 0; i < tenon_countof(holes); i++)
        if (!is_older(&v, &holes[i].from) && is_older(&v, &holes[i].mended))
            tenon_buf_addf(&names, "%s%s", names.len ? ", " : "", holes[i].name);
    if (names.len)
        say(f, "old runtime", "a newer runc (1.2.8, 1.3.3), or {\"executor\": \"native\"}",
            "%s is runc %s, of which %s are known, if nobody mended it under this number: that a "
            "step does not get out rests on tenon's own checks alone (executors.md)", runtime,
            line + strlen(runc), tenon_buf_str(&names));
}

/* Without a hierarchy of version 2 there is nothing that tenon's program could be attached to. */
static void
look_at_devices(struct found *f)
{
    auto_close int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
    if (geteuid() == 0 && fs < 0 && errno != EPERM)
        say(f, "devices", "a kernel with control groups of version 2",
            "the runtime decides which devices a step opens, for there are no control groups of "
            "version 2");
}

void
weakness_find(const char *dir, const char *runtime, weakness_said *said, void *data)
{
    struct found f = {said, data};
    look_at_settings(&f);
    look_at_cores(&f);
    look_at_processes(&f);
    look_at_filters(&f);
    look_at_attributes(&f, dir);
    if (!runtime)
        return;
    look_at_runtime(&f, runtime);
    look_at_devices(&f);
}

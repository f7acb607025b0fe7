#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/path.h"

#define ROOT "/sys/fs/cgroup"

struct hierarchy { /* our own group in one hierarchy */
    char *dir;
    char *controllers; /* "cpu,cpuacct"; "" is version 2 */
};

static void
hierarchies_free(struct hierarchy *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(h[i].dir);
        free(h[i].controllers);
    }
    free(h);
}

static bool
is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Version 2 alone; where version 1 has the controllers too, version 2 is beside
 * it, if it is there at all. */
static bool
is_pure_v2(void)
{
    struct stat st;
    return stat(ROOT "/cgroup.controllers", &st) == 0;
}

/* One line of /proc/self/cgroup: "4:cpu,cpuacct:/path". */
static bool
parse_line(char *line, struct hierarchy *out)
{
    char *first = strchr(line, ':');
    char *second = first ? strchr(first + 1, ':') : NULL;
    if (!second)
        return false;
    *second = 0;
    const char *controllers = first + 1;
    const char *path = second + 1;
    char *dir = NULL;
    if (*controllers) {
        const char *name = !strncmp(controllers, "name=", 5) ? controllers + 5 : controllers;
        dir = tenon_asprintf(ROOT "/%s%s", name, path);
    } else if (is_dir(ROOT "/unified")) {
        dir = tenon_asprintf(ROOT "/unified%s", path);
    } else if (!is_pure_v2()) {
        return false; /* mounted nowhere */
    } else {
        /* Version 2 has no processes in inner groups: go beside ours. */
        auto_free char *up = tenon_path_join(path, "..");
        auto_free char *clean = tenon_path_join("/", up);
        dir = tenon_asprintf(ROOT "%s", strcmp(path, "/") ? clean : "/");
    }
    out->dir = dir;
    out->controllers = tenon_strdup(controllers);
    return true;
}

static size_t
hierarchies(struct hierarchy **out)
{
    *out = NULL;
    size_t n = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while (f && (len = getline(&line, &cap, f)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = 0;
        struct hierarchy h;
        if (!parse_line(line, &h))
            continue;
        *out = tenon_reallocarray(*out, n + 1, sizeof **out);
        (*out)[n++] = h;
    }
    free(line);
    if (f)
        fclose(f);
    return n;
}

char *
cgroup_path(const struct tenon_exec *x)
{
    if (!x->cgroup_parent)
        return tenon_strdup(x->id);
    auto_free char *parent = tenon_path_join("/", x->cgroup_parent);
    return tenon_asprintf("%s/%s", strcmp(parent, "/") ? parent : "", x->id);
}

bool
cgroup_has_limits(const struct tenon_exec *x)
{
    return x->memory_bytes || x->memory_swap_bytes || x->cpu_quota || x->cpu_period ||
           x->cpu_shares || x->cpuset_cpus || x->cpuset_mems || x->cgroup_parent;
}

/* Absolute paths count from the hierarchy's root, as runtimes have it. */
static char *
place(const struct hierarchy *h, const char *path)
{
    if (path[0] != '/')
        return tenon_asprintf("%s/%s", h->dir, path);
    if (!*h->controllers)
        return tenon_asprintf("%s%s", is_dir(ROOT "/unified") ? ROOT "/unified" : ROOT, path);
    const char *name = !strncmp(h->controllers, "name=", 5) ? h->controllers + 5
                                                             : h->controllers;
    return tenon_asprintf(ROOT "/%s%s", name, path);
}

/* With the groups in it: a runtime that was killed leaves its own. */
static void
remove_group(int parent, const char *name)
{
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
        return;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    auto_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            remove_group(dirfd(d), e->d_name);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void
cgroup_remove(const char *path)
{
    struct hierarchy *h;
    size_t n = hierarchies(&h);
    for (size_t i = 0; i < n; i++) {
        auto_free char *dir = place(&h[i], path);
        remove_group(AT_FDCWD, dir);
    }
    hierarchies_free(h, n);
}

/* "tenon-PID-N" of a process that is no more. */
static bool
is_stale(const char *name)
{
    if (strncmp(name, "tenon-", 6))
        return false;
    const char *end = strchr(name + 6, '-');
    auto_free char *digits = end ? tenon_strndup(name + 6, (size_t)(end - name - 6)) : NULL;
    uint64_t pid;
    return digits && tenon_parse_u64(digits, 10, &pid) && pid > 1 && pid < INT32_MAX &&
           kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void
cgroup_sweep_in(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (is_stale(e->d_name))
            remove_group(dir, e->d_name); /* busy ones stay */
}

void
cgroup_sweep(void)
{
    struct hierarchy *h;
    size_t n = hierarchies(&h);
    for (size_t i = 0; i < n; i++) {
        auto_close int dir = open(h[i].dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir >= 0)
            cgroup_sweep_in(dir);
    }
    hierarchies_free(h, n);
}

char *
cgroup_own_v2(void)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char *line = NULL, *path = NULL;
    size_t cap = 0;
    ssize_t len;
    while (f && !path && (len = getline(&line, &cap, f)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = 0;
        if (!strncmp(line, "0::/", 4) && line[4])
            path = tenon_strdup(line + 3);
    }
    free(line);
    if (f)
        fclose(f);
    return path;
}

/* ---- making one ------------------------------------------------------------------ */

static bool
has_controller(const struct hierarchy *h, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = h->controllers; *p;) {
        size_t len = strcspn(p, ",");
        if (len == n && !strncmp(p, name, n))
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

static int
write_file(const char *dir, const char *name, const char *value)
{
    auto_free char *path = tenon_asprintf("%s/%s", dir, name);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    size_t len = strlen(value);
    return write(fd, value, len) == (ssize_t)len ? 0 : errno;
}

static int
write_number(const char *dir, const char *name, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return write_file(dir, name, text);
}

static ssize_t
read_file(const char *dir, const char *name, char *text, size_t size)
{
    auto_free char *path = tenon_asprintf("%s/%s", dir, name);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    text[n > 0 ? n : 0] = 0;
    return n;
}

/* A version 1 cpuset starts empty and takes no process so: it gets what the one
 * above has, and so do those that --cgroup-parent had made. */
static int
fill_cpuset(const char *dir, const char *const wanted[2])
{
    static const char *const names[] = { "cpuset.cpus", "cpuset.mems" };
    static const char *const none[2] = { NULL, NULL };
    auto_free char *above = tenon_path_join(dir, "..");
    for (int i = 0; i < 2; i++) {
        char text[1024];
        if (!wanted[i] && read_file(dir, names[i], text, sizeof text) > 1)
            continue;
        if (read_file(above, names[i], text, sizeof text) < 0)
            return errno;
        if (text[0] <= '\n' && strlen(above) > sizeof ROOT) {
            int e = fill_cpuset(above, none);
            if (e || read_file(above, names[i], text, sizeof text) < 0)
                return e ? e : errno;
        }
        int e = write_file(dir, names[i], wanted[i] ? wanted[i] : text);
        if (e)
            return e;
    }
    return 0;
}

static int
limit_v1(const struct hierarchy *h, const char *dir, const struct tenon_exec *x,
         const char **what)
{
    int e = 0;
    if (has_controller(h, "cpuset")) {
        *what = "set cpuset";
        e = fill_cpuset(dir, (const char *const[]){ x->cpuset_cpus, x->cpuset_mems });
    }
    if (!e && has_controller(h, "memory") && x->memory_bytes) {
        *what = "set memory.limit_in_bytes";
        e = write_number(dir, "memory.limit_in_bytes", x->memory_bytes);
    }
    if (!e && has_controller(h, "memory") && x->memory_swap_bytes) {
        *what = "set memory.memsw.limit_in_bytes";
        e = write_number(dir, "memory.memsw.limit_in_bytes", x->memory_swap_bytes);
    }
    if (!e && has_controller(h, "cpu")) {
        *what = "set cpu limits";
        if (x->cpu_shares)
            e = write_number(dir, "cpu.shares", x->cpu_shares);
        if (!e && x->cpu_period)
            e = write_number(dir, "cpu.cfs_period_us", x->cpu_period);
        if (!e && x->cpu_quota)
            e = write_number(dir, "cpu.cfs_quota_us", x->cpu_quota);
    }
    return e;
}

/* Each group hands on what its own may use.  A controller that is missing
 * shows later, by its file. */
static void
hand_on_controllers(const char *dir)
{
    static const char *const names[] = { "+memory", "+cpu", "+cpuset" };
    auto_free char *path = tenon_strdup(dir);
    for (char *p = path + strlen(ROOT); p; p = strchr(p + 1, '/')) {
        *p = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            write_file(path, "cgroup.subtree_control", names[i]);
        *p = '/';
    }
}

/* -1 is no limit. */
static int
write_limit(const char *dir, const char *name, int64_t value)
{
    return value < 0 ? write_file(dir, name, "max") : write_number(dir, name, value);
}

/* Version 1 counts memory and swap together. */
static int
limit_swap_v2(const char *dir, const struct tenon_exec *x)
{
    if (x->memory_swap_bytes < 0)
        return write_limit(dir, "memory.swap.max", -1);
    if (x->memory_bytes <= 0 || x->memory_swap_bytes < x->memory_bytes)
        return EINVAL;
    int e = write_limit(dir, "memory.swap.max", x->memory_swap_bytes - x->memory_bytes);
    /* No swap here, and none wanted. */
    return e == ENOENT && x->memory_swap_bytes == x->memory_bytes ? 0 : e;
}

/* 2..262144 to 1..10000 */
static int64_t
weight_of(int64_t shares)
{
    int64_t s = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    return 1 + ((s - 2) * 9999) / 262142;
}

static int
limit_v2(const char *dir, const struct tenon_exec *x, const char **what)
{
    hand_on_controllers(dir);
    int e = 0;
    if (x->memory_bytes) {
        *what = "set memory.max";
        e = write_limit(dir, "memory.max", x->memory_bytes);
    }
    if (!e && x->memory_swap_bytes) {
        *what = "set memory.swap.max";
        e = limit_swap_v2(dir, x);
    }
    if (!e && x->cpu_shares) {
        *what = "set cpu.weight";
        e = write_number(dir, "cpu.weight", weight_of(x->cpu_shares));
    }
    if (!e && (x->cpu_quota || x->cpu_period)) {
        *what = "set cpu.max";
        char text[64];
        int64_t period = x->cpu_period ? x->cpu_period : 100000;
        if (x->cpu_quota > 0)
            snprintf(text, sizeof text, "%lld %lld", (long long)x->cpu_quota,
                     (long long)period);
        else
            snprintf(text, sizeof text, "max %lld", (long long)period);
        e = write_file(dir, "cpu.max", text);
    }
    *what = e ? *what : "set cpuset";
    if (!e && x->cpuset_cpus)
        e = write_file(dir, "cpuset.cpus", x->cpuset_cpus);
    if (!e && x->cpuset_mems)
        e = write_file(dir, "cpuset.mems", x->cpuset_mems);
    return e;
}

static int
make_dirs(const char *dir)
{
    auto_free char *path = tenon_strdup(dir);
    for (char *p = path + sizeof ROOT; (p = strchr(p, '/')); p++) {
        *p = 0;
        int r = mkdir(path, 0755);
        *p = '/';
        if (r < 0 && errno != EEXIST)
            return errno;
    }
    return mkdir(path, 0755) < 0 && errno != EEXIST ? errno : 0;
}

static int
make_in(struct cgroup *c, const struct hierarchy *h, const struct tenon_exec *x,
        const char **what)
{
    auto_free char *dir = place(h, c->path);
    *what = "make a control group";
    int e = make_dirs(dir);
    if (!e)
        e = *h->controllers ? limit_v1(h, dir, x, what) : is_pure_v2() ? limit_v2(dir, x, what) : 0;
    if (e)
        return e;
    *what = "open cgroup.procs";
    auto_free char *procs = tenon_asprintf("%s/cgroup.procs", dir);
    int fd = open(procs, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    c->procs = tenon_reallocarray(c->procs, c->count + 1, sizeof *c->procs);
    c->procs[c->count++] = fd;
    if (!*h->controllers && c->v2 < 0)
        c->v2 = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return !*h->controllers && c->v2 < 0 ? errno : 0;
}

/* Does the hierarchy carry one of the step's limits? */
static bool
is_needed(const struct hierarchy *h, const struct tenon_exec *x)
{
    if (x->cgroup_parent)
        return true;
    if (!*h->controllers)
        return is_pure_v2();
    return (has_controller(h, "memory") && (x->memory_bytes || x->memory_swap_bytes)) ||
           (has_controller(h, "cpu") && (x->cpu_quota || x->cpu_period || x->cpu_shares)) ||
           (has_controller(h, "cpuset") && (x->cpuset_cpus || x->cpuset_mems));
}

int
cgroup_make(struct cgroup *c, const struct tenon_exec *x, const char **what)
{
    struct hierarchy *h;
    size_t n = hierarchies(&h);
    c->path = cgroup_path(x);
    int e = n ? 0 : ENOENT;
    *what = "find control groups";
    for (size_t i = 0; !e && i < n; i++)
        if (is_dir(h[i].dir)) {
            e = make_in(c, &h[i], x, what);
            if ((e == EACCES || e == EPERM || e == EROFS) && !is_needed(&h[i], x))
                e = 0; /* not given to this user, and nothing is lost */
        }
    hierarchies_free(h, n);
    return e;
}

int
cgroup_open(const struct tenon_host *host, struct cgroup *c, const struct tenon_exec *x,
            struct tenon_error *err)
{
    const char *what = "";
    int e = cgroup_make(c, x, &what);
    if (!e)
        return TENON_OK;
    cgroup_release(c);
    host->error(err, TENON_E_UNSUPPORTED, e, "resource limits: %s", what);
    if (x->flags & TENON_EXEC_ROOTLESS)
        host->error_hint(err, "have a control group of your own: systemd-run --user --scope -p "
                              "Delegate=yes tenon build ...");
    else if (e == ENOENT || e == EBUSY)
        host->error_hint(err, "the control group above has no such controller to hand on: "
                              "systemd-run --scope -p Delegate=yes tenon build ...");
    return TENON_E_UNSUPPORTED;
}

int
cgroup_join(const int *procs, size_t count, const char **what)
{
    *what = "join the control group";
    for (size_t i = 0; i < count; i++)
        if (write(procs[i], "0", 1) < 0)
            return errno;
    return 0;
}

/* The number behind "oom_kill ". */
static bool
counts_kills(const char *dir, const char *file)
{
    static const char word[] = "oom_kill ";
    char text[4096];
    read_file(dir, file, text, sizeof text);
    for (const char *p = text; p && *p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (!strncmp(p, word, sizeof word - 1))
            return p[sizeof word - 1] > '0';
    }
    return false;
}

bool
cgroup_ran_out_of_memory(const char *path)
{
    struct hierarchy *h;
    size_t n = hierarchies(&h);
    bool found = false;
    for (size_t i = 0; i < n && !found; i++) {
        auto_free char *dir = place(&h[i], path);
        if (has_controller(&h[i], "memory"))
            found = counts_kills(dir, "memory.oom_control");
        else if (!*h[i].controllers)
            found = counts_kills(dir, "memory.events");
    }
    hierarchies_free(h, n);
    return found;
}

void
cgroup_release(struct cgroup *c)
{
    for (size_t i = 0; i < c->count; i++)
        close(c->procs[i]);
    free(c->procs);
    if (c->v2 >= 0)
        close(c->v2);
    if (c->path)
        cgroup_remove(c->path);
    free(c->path);
    *c = (struct cgroup)CGROUP_INIT;
}

/* common/exec/cgroup.c - see cgroup.h. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/buf.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "limits.h"

#define ROOT CGROUP_ROOT

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

/* A number means something only where it was given. */
static bool
is_of_other_namespace(const char *name)
{
    static const char mark[] = "-" CGROUP_DEVICES "-";
    const char *at = strstr(name, mark);
    uint64_t ino;
    return at && tenon_parse_u64(at + sizeof mark - 1, 10, &ino) && ino != cgroup_pid_namespace();
}

uint64_t
cgroup_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* "tenon-PID-N" of a process that has ended. */
static bool
is_stale(const char *name)
{
    if (strncmp(name, "tenon-", 6) || is_of_other_namespace(name))
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
        e = *h->controllers ? limits_v1(h->controllers, dir, x, what)
            : is_pure_v2()  ? limits_v2(dir, x, what)
                            : 0;
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
    const char *c = h->controllers;
    return (tenon_comma_has(c, "memory") && (x->memory_bytes || x->memory_swap_bytes)) ||
           (tenon_comma_has(c, "cpu") && (x->cpu_quota || x->cpu_period || x->cpu_shares)) ||
           (tenon_comma_has(c, "cpuset") && (x->cpuset_cpus || x->cpuset_mems));
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
cgroup_make_outer(const char *path, char **inner)
{
    if (!is_pure_v2()) {
        errno = ENOTSUP;
        return -1;
    }
    struct hierarchy *h;
    size_t n = hierarchies(&h);
    int fd = -1, e = ENOENT;
    for (size_t i = 0; fd < 0 && i < n; i++) {
        if (*h[i].controllers)
            continue;
        auto_free char *dir = place(&h[i], path);
        e = make_dirs(dir);
        fd = e ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            *inner = tenon_asprintf("%s/step", dir + sizeof ROOT - 1);
        else if (!e)
            e = errno;
    }
    hierarchies_free(h, n);
    errno = e;
    return fd;
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
    host->error->set(err, TENON_E_UNSUPPORTED, e, "resource limits: %s", what);
    if (x->flags & TENON_EXEC_ROOTLESS)
        host->error->hint(err, "have a control group of your own: systemd-run --user --scope -p "
                              "Delegate=yes tenon build ...");
    else if (e == ENOENT || e == EBUSY)
        host->error->hint(err, "the control group above has no such controller to hand on: "
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

/* The number after "oom_kill ". */
static bool
counts_kills(const char *dir, const char *file)
{
    static const char word[] = "oom_kill ";
    char text[4096];
    limits_read(dir, file, text, sizeof text);
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
        if (tenon_comma_has(h[i].controllers, "memory"))
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

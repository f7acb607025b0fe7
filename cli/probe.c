/* cli/probe.c - see probe.h. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/io.h"
#include "exec/processors.h"
#include "tools/alloc.h"
#include "subids.h"
#include "userns.h"

/* ---- in a child --------------------------------------------------------- */

static void
found(struct probe_step *s, int sys)
{
    s->is_known = true;
    s->sys = sys;
    snprintf(s->text, sizeof s->text, "%s", sys ? strerror(sys) : "");
}

static void
found_error(struct probe_step *s, const struct tenon_error *err)
{
    s->is_known = true;
    s->sys = err->sys ? err->sys : EPERM;
    snprintf(s->text, sizeof s->text, "%s", err->message);
}

static int
try_overlay(void)
{
    uint64_t users, groups;
    tenon_ids_totals(&users, &groups);
    if (mkdir("l", 0755) < 0 || mkdir("u", 0755) < 0 || mkdir("w", 0755) < 0)
        return errno;
    const char *options = users < UINT32_MAX ? "lowerdir=l,upperdir=u,workdir=w,userxattr"
                                             : "lowerdir=l,upperdir=u,workdir=w";
    if (mount("overlay", "m", "overlay", 0, options) < 0)
        return errno;
    return umount2("m", MNT_DETACH) < 0 ? errno : 0;
}

/* In a process namespace of its own, like a step. */
static int
try_proc(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        return errno;
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(mount("proc", "m", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? errno : 0);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* Root needs none; whether others could is reported all the same. */
static void
try_namespace_as_root(struct probe *p)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    found(&p->namespace, WIFEXITED(status) ? WEXITSTATUS(status) : EIO);
}

static void
try_all(struct probe *p, const char *tmp)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    bool ordinary = geteuid() != 0;
    if (ordinary) {
        struct subids_lack lack = {0};
        if (userns_enter(&lack, &err) < 0) {
            found_error(&p->namespace, &err);
            return;
        }
        found(&p->namespace, 0);
        snprintf(p->why_one, sizeof p->why_one, "%s", lack.why ? lack.why : "");
    } else {
        try_namespace_as_root(p);
    }
    tenon_ids_totals(&p->users, &p->groups);
    if (userns_private_mounts(ordinary, &err) < 0) {
        found_error(&p->rights, &err);
        return;
    }
    found(&p->rights, 0);
    if (!tmp)
        return;
    if (chdir(tmp) < 0 || mkdir("m", 0755) < 0) {
        found(&p->overlay, errno);
        return;
    }
    found(&p->overlay, try_overlay());
    if (!ordinary && p->users == UINT32_MAX && !p->overlay.sys)
        found(&p->own_ids, probe_own_ids(&p->own_lists));
    found(&p->formats, probe_formats(ordinary));
    for (size_t i = 0; i < PROBE_PROCESSORS && tenon_processor_at(i); i++)
        p->processors[i] = tenon_processor_try(tenon_processor_at(i), "m");
    found(&p->proc, try_proc()); /* the last: no process can be made after it */
}

/* ---- */

struct probe *
probe_build(const char *dir)
{
    struct probe *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                           -1, 0);
    tenon_assert(p != MAP_FAILED);
    auto_free char *tmp = tenon_asprintf("%s/.tenon-doctor-XXXXXX", dir);
    bool made = mkdtemp(tmp);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        try_all(p, made ? tmp : NULL);
        exit(0); /* nothing is left to print: flushed before */
    }
    int status;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    if (made)
        tenon_remove_tree(AT_FDCWD, tmp, &ignored);
    return p;
}

void
probe_free(struct probe *p)
{
    munmap(p, sizeof *p);
}

/* ---- control groups ----------------------------------------------------- */

#define ROOT "/sys/fs/cgroup"

/* Makes a group in dir, and removes it. */
static int
try_group(const char *dir)
{
    auto_free char *path = tenon_asprintf("%s/tenon-%ld-doctor", dir, (long)getpid());
    return mkdir(path, 0755) < 0 || rmdir(path) < 0 ? errno : 0;
}

/* Version 2: next to our own group, since a group with processes cannot have
 * children. */
static void
try_version_2(struct probe_cgroups *out, const char *path)
{
    auto_free char *dir = tenon_asprintf(ROOT "%s", strcmp(path, "/") ? path : "");
    if (strcmp(path, "/"))
        *strrchr(dir, '/') = '\0';
    out->version = 2;
    out->sys = try_group(dir);
    auto_free char *file = tenon_asprintf("%s/cgroup.controllers", dir);
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(file, 4096, &text, &ignored) == 0)
        snprintf(out->controllers, sizeof out->controllers, "%.*s",
                 (int)strcspn(tenon_buf_str(&text), "\n"), tenon_buf_str(&text));
}

static void
try_version_1(struct probe_cgroups *out, const char *controllers, const char *path)
{
    static const char *const wanted[] = {"memory", "cpu", "cpuset"};
    auto_free char *padded = tenon_asprintf(",%s,", controllers);
    auto_free char *dir = tenon_asprintf(ROOT "/%s%s", controllers, path);
    for (size_t i = 0; i < tenon_countof(wanted); i++) {
        auto_free char *name = tenon_asprintf(",%s,", wanted[i]);
        if (!strstr(padded, name))
            continue;
        int sys = try_group(dir);
        size_t len = strlen(out->controllers);
        if (!sys)
            snprintf(out->controllers + len, sizeof out->controllers - len, "%s%s",
                     len ? " " : "", wanted[i]);
        else if (!out->sys)
            out->sys = sys;
    }
    if (*out->controllers)
        out->sys = 0; /* some is better than none, and is named */
}

void
probe_cgroups(struct probe_cgroups *out)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    *out = (struct probe_cgroups){0};
    bool v2 = access(ROOT "/cgroup.controllers", F_OK) == 0;
    if (tenon_read_file("/proc/self/cgroup", 65536, &text, &ignored) < 0)
        return;
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        strsep(&line, ":");
        const char *controllers = strsep(&line, ":");
        if (!line)
            continue;
        if (v2 && !*controllers)
            try_version_2(out, line);
        else if (!v2 && access(ROOT "/memory", F_OK) == 0) {
            out->version = 1;
            try_version_1(out, controllers, line);
        }
    }
}

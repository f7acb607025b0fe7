/* common/exec/limits.c - the resource limits of one control group: memory, processors,
 * which processors. */
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/comma.h"
#include "tools/path.h"
#include "cgroup.h"

/* A file of the group dir.  0 or an errno. */
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

ssize_t
limits_read(const char *dir, const char *name, char *text, size_t size)
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
        if (!wanted[i] && limits_read(dir, names[i], text, sizeof text) > 1)
            continue;
        if (limits_read(above, names[i], text, sizeof text) < 0)
            return errno;
        if (text[0] <= '\n' && strlen(above) > sizeof CGROUP_ROOT) {
            int e = fill_cpuset(above, none);
            if (e || limits_read(above, names[i], text, sizeof text) < 0)
                return e ? e : errno;
        }
        int e = write_file(dir, names[i], wanted[i] ? wanted[i] : text);
        if (e)
            return e;
    }
    return 0;
}

int
limits_v1(const char *controllers, const char *dir, const struct tenon_exec *x,
          const char **what)
{
    int e = 0;
    if (tenon_comma_has(controllers, "cpuset")) {
        *what = "set cpuset";
        e = fill_cpuset(dir, (const char *const[]){ x->cpuset_cpus, x->cpuset_mems });
    }
    if (!e && tenon_comma_has(controllers, "memory") && x->memory_bytes) {
        *what = "set memory.limit_in_bytes";
        e = write_number(dir, "memory.limit_in_bytes", x->memory_bytes);
    }
    if (!e && tenon_comma_has(controllers, "memory") && x->memory_swap_bytes) {
        *what = "set memory.memsw.limit_in_bytes";
        e = write_number(dir, "memory.memsw.limit_in_bytes", x->memory_swap_bytes);
    }
    if (!e && tenon_comma_has(controllers, "cpu")) {
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
    for (char *p = path + strlen(CGROUP_ROOT); p; p = strchr(p + 1, '/')) {
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

int
limits_v2(const char *dir, const struct tenon_exec *x, const char **what)
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

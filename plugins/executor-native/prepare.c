/* executor-native/prepare.c - what a step's process needs and only its parent can make: done
 * before clone. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/cleanup.h"
#include "common/exec/nodes.h"
#include "common/exec/profile.h"

static const struct {
    const char *name;
    int resource;
} limit_names[] = {
    { "as", RLIMIT_AS },           { "core", RLIMIT_CORE },
    { "cpu", RLIMIT_CPU },         { "data", RLIMIT_DATA },
    { "fsize", RLIMIT_FSIZE },     { "locks", RLIMIT_LOCKS },
    { "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE },
    { "nice", RLIMIT_NICE },       { "nofile", RLIMIT_NOFILE },
    { "nproc", RLIMIT_NPROC },     { "rss", RLIMIT_RSS },
    { "rtprio", RLIMIT_RTPRIO },   { "rttime", RLIMIT_RTTIME },
    { "sigpending", RLIMIT_SIGPENDING }, { "stack", RLIMIT_STACK },
};

static rlim_t
limit_value(int64_t v)
{
    return v < 0 ? RLIM_INFINITY : (rlim_t)v;
}

static int
prepare_limits(struct native_launch *l, const struct tenon_host *host,
               struct tenon_error *err)
{
    l->limits = tenon_calloc(l->x->limit_count + 1, sizeof *l->limits);
    for (size_t i = 0; i < l->x->limit_count; i++) {
        const struct tenon_exec_limit *x = l->x->limits[i];
        size_t k = 0;
        while (k < tenon_countof(limit_names) && strcmp(limit_names[k].name, x->name))
            k++;
        if (k == tenon_countof(limit_names))
            return host->error->set(err, TENON_E_INVALID, 0, "unknown limit \"%s\"", x->name);
        l->limits[l->limit_count++] = (struct native_limit){
            limit_names[k].resource, { limit_value(x->soft), limit_value(x->hard) } };
    }
    return 0;
}

static void
prepare_candidates(struct native_launch *l)
{
    const char *program = l->x->argv[0];
    if (strchr(program, '/')) {
        tenon_strv_push(&l->candidates, tenon_strdup(program));
        return;
    }
    const char *path = "";
    for (const char *const *e = l->x->env; e && *e; e++)
        if (!strncmp(*e, "PATH=", 5))
            path = *e + 5;
    while (*path) {
        size_t n = strcspn(path, ":");
        if (path[0] == '/') /* programs in the working directory are not found */
            tenon_strv_push(&l->candidates,
                            tenon_asprintf("%.*s/%s", (int)n, path, program));
        path += n + (path[n] == ':');
    }
    if (!l->candidates)
        l->candidates = tenon_calloc(1, sizeof *l->candidates);
}

/* ---- cgroup hierarchies to show ----------------------------------------- */

static void
add_hierarchy(struct native_launch *l, char *line)
{
    char *first = strchr(line, ':');
    char *second = first ? strchr(first + 1, ':') : NULL;
    if (!second)
        return;
    *second = 0;
    char *list = first + 1;
    struct native_hierarchy h = { .is_v2 = !*list };
    if (h.is_v2)
        h.name = tenon_strdup("unified");
    else
        h.name = tenon_strdup(!strncmp(list, "name=", 5) ? list + 5 : list);
    if (!strncmp(list, "name=", 5))
        tenon_strv_push(&h.options, tenon_strdup("none"));
    auto_strv char **items = *list ? tenon_comma_split(list) : NULL;
    for (char **i = items; i && *i; i++)
        tenon_strv_push(&h.options, tenon_strdup(*i));
    l->hierarchies = tenon_reallocarray(l->hierarchies, l->hierarchy_count + 1,
                                        sizeof *l->hierarchies);
    l->hierarchies[l->hierarchy_count++] = h;
}

static void
prepare_hierarchies(struct native_launch *l)
{
    struct stat st;
    if (stat("/sys/fs/cgroup/cgroup.controllers", &st) == 0)
        return; /* version 2 alone */
    FILE *f = fopen("/proc/self/cgroup", "re");
    char *line = NULL;
    size_t cap = 0;
    while (f && getline(&line, &cap, f) > 0)
        add_hierarchy(l, line);
    free(line);
    if (f)
        fclose(f);
}

/* -------------------------------------------------------------------------------------- */

static int
move_up(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

int
native_prepare(struct native_launch *l, const struct tenon_exec *x,
               const struct tenon_host *host, const char *network, struct tenon_error *err)
{
    memset(l, 0, sizeof *l);
    l->net_fd = l->users_fd = l->requests_fd = -1;
    l->step.pidfd = l->joined.pidfd = l->news[0] = l->news[1] = -1;
    l->x = x;
    l->in = nodes_move_up(x->stdin_fd);
    l->out = nodes_move_up(x->stdout_fd);
    l->err = nodes_move_up(x->stderr_fd);
    if (l->in < 0 || l->out < 0 || l->err < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "duplicate the standard streams");
    char name[64];
    if (ttyname_r(l->in, name, sizeof name) == 0)
        l->terminal = tenon_strdup(name);
    if (network) {
        auto_close int fd = open(network, O_RDONLY | O_CLOEXEC);
        l->net_fd = fd < 0 ? -1 : move_up(fd);
        if (l->net_fd < 0)
            return host->error->set(err, TENON_E_FAILED, errno, "open %s", network);
    }
    l->rootless = x->flags & TENON_EXEC_ROOTLESS;
    l->insecure = x->flags & TENON_EXEC_INSECURE;
    l->own_net = strcmp(x->network, "host") != 0;
    l->caps = profile_cap_set(x, false);
    l->first_id = x->first_id;
    l->uid = l->outside_uid = x->uid;
    l->gid = x->gid;
    l->groups = tenon_calloc(x->group_count + 1, sizeof *l->groups);
    for (size_t i = 0; i < x->group_count; i++)
        l->groups[i] = x->groups[i];
    l->group_count = x->group_count;
    l->shm_size = tenon_asprintf("%lld", (long long)(x->shm_bytes > 0 ? x->shm_bytes
                                                                        : PROFILE_SHM_BYTES));
    prepare_candidates(l);
    prepare_hierarchies(l);
    return prepare_limits(l, host, err);
}

void
native_release(struct native_launch *l)
{
    const int fds[] = { l->in, l->out, l->err, l->net_fd };
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 10) /* ours: moved up, or zeroed */
            close(fds[i]);
    for (int i = 0; i < 2; i++)
        if (l->news[i] >= 10)
            close(l->news[i]);
    running_copy_release(&l->joined);
    free(l->groups);
    free(l->limits);
    free(l->cgroup_procs);
    free((char *)l->shm_size);
    tenon_strv_free(l->candidates);
    free(l->terminal);
    for (size_t i = 0; i < l->hierarchy_count; i++) {
        free(l->hierarchies[i].name);
        tenon_strv_free(l->hierarchies[i].options);
    }
    free(l->hierarchies);
}

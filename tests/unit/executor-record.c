/* executor-record: runs nothing. It writes what it was asked to run, a line a field, to
 * the file that TENON_RECORD names, and the step ends with the wait status that its
 * arguments say: "status", NUMBER. "answer", NUMBER is what it answers itself, "silent": without a
 * word of how it ended. Compiled by test-exec-step. */
#define _GNU_SOURCE
#include <tenon-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const struct tenon_host *host;

static void
list(FILE *f, const char *key, const char *const *l)
{
    for (; l && *l; l++)
        fprintf(f, "%s %s\n", key, *l);
}

/* Of the mount that a path is on.  "closed": nothing in it is run, set-id or a device. */
static void
attributes(FILE *f, const char *path)
{
    const unsigned long closed = ST_NOSUID | ST_NODEV | ST_NOEXEC;
    struct statvfs v;
    if (statvfs(path, &v) < 0)
        fprintf(f, " unknown");
    else
        fprintf(f, "%s%s", v.f_flag & ST_RDONLY ? " ro" : " rw",
                (v.f_flag & closed) == closed ? " closed" : "");
}

static int
record(void *self, struct tenon_ctx *ctx, const struct tenon_exec *x, int32_t *wait_status,
       struct tenon_error *err)
{
    FILE *f = fopen(getenv("TENON_RECORD"), "w");
    struct stat root, work;
    (void)self, (void)ctx, (void)err;
    fprintf(f, "flags %s%s\n", x->flags & TENON_EXEC_INSECURE ? " insecure" : "",
            x->flags & TENON_EXEC_ROOTLESS ? " rootless" : "");
    fprintf(f, "root");
    attributes(f, x->rootfs);
    fprintf(f, "\ndescriptors%s%s\n",
            stat(x->rootfs, &root) == 0 && fstat(x->rootfs_fd, &work) == 0 &&
                    root.st_ino == work.st_ino
                ? " root"
                : "",
            stat(x->work, &root) == 0 && fstat(x->work_fd, &work) == 0 &&
                    root.st_ino == work.st_ino
                ? " work"
                : "");
    list(f, "argument", x->argv);
    list(f, "variable", x->env);
    fprintf(f, "cwd %s\nnetwork %s\nhostname %s\ngroup above %s\n", x->cwd, x->network, x->hostname,
            x->cgroup_parent ? x->cgroup_parent : "none");
    for (size_t i = 0; i < x->mount_count; i++) {
        fprintf(f, "mount %s%s%s%s of", x->mounts[i]->target,
                x->mounts[i]->flags & TENON_MOUNT_RDONLY ? " rdonly" : "",
                x->mounts[i]->flags & TENON_MOUNT_NOEXEC ? " noexec" : "",
                x->mounts[i]->flags & TENON_MOUNT_DEVICE ? " device" : "");
        attributes(f, x->mounts[i]->source);
        fprintf(f, "\n");
    }
    for (size_t i = 0; i < x->limit_count; i++)
        fprintf(f, "limit %s %lld %lld\n", x->limits[i]->name, (long long)x->limits[i]->soft,
                (long long)x->limits[i]->hard);
    fprintf(f, "user %u\ngroup %u\ngroups", x->uid, x->gid);
    for (size_t i = 0; i < x->group_count; i++)
        fprintf(f, " %u", x->groups[i]);
    fprintf(f, "\nmemory %lld\nswap %lld\nquota %lld\nperiod %lld\nshares %lld\n",
            (long long)x->memory_bytes, (long long)x->memory_swap_bytes, (long long)x->cpu_quota,
            (long long)x->cpu_period, (long long)x->cpu_shares);
    fprintf(f, "cpus %s\nmems %s\n", x->cpuset_cpus ? x->cpuset_cpus : "all",
            x->cpuset_mems ? x->cpuset_mems : "all");
    fclose(f);
    if (x->argv[0] && !strcmp(x->argv[0], "silent"))
        return TENON_OK;
    *wait_status = 0;
    if (x->argv[0] && !strcmp(x->argv[0], "answer"))
        return (int)strtol(x->argv[1], NULL, 10);
    if (x->argv[0] && !strcmp(x->argv[0], "status"))
        *wait_status = (int32_t)strtol(x->argv[1], NULL, 10);
    return TENON_OK;
}

/* As TENON_PROBE says. */
static int
probe(void *self, struct tenon_ctx *ctx, struct tenon_error *err)
{
    const char *why = getenv("TENON_PROBE");
    (void)self, (void)ctx;
    return why ? host->error->set(err, TENON_E_UNSUPPORTED, 0, "%s", why) : TENON_OK;
}

static int
start(const struct tenon_host *h, const struct tenon_values *config, void **self,
      struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

static const struct tenon_executor_ops ops = {
    .struct_size = sizeof ops, .probe = probe, .run = record };
static const struct tenon_param options[] = { { .name = NULL } };
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXECUTOR),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "record",
    .version = "1.0",
    .options = options,
    .init = start,
    .ops.executor = &ops,
};
TENON_PLUGIN_EXPORT(executor_record, plugin);

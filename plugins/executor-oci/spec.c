/* executor-oci/spec.c - config.json of a step for an OCI runtime. */
#include "spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/exec/cgroup.h"
#include "common/exec/profile.h"
#include "ocimounts.h"

/* ---- small helpers ------------------------------------------------------ */

static struct json_object *
add_object(struct json_object *o, const char *key)
{
    struct json_object *c = json_object_new_object();
    json_object_object_add(o, key, c);
    return c;
}

static struct json_object *
add_array(struct json_object *o, const char *key)
{
    struct json_object *c = json_object_new_array();
    json_object_object_add(o, key, c);
    return c;
}

static void
add_string(struct json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void
add_number(struct json_object *o, const char *key, int64_t value)
{
    json_object_object_add(o, key, json_object_new_int64(value));
}

static void
push_string(struct json_object *array, const char *value)
{
    json_object_array_add(array, json_object_new_string(value));
}

static void
add_strings(struct json_object *o, const char *key, const char *const *list)
{
    struct json_object *a = add_array(o, key);
    for (; list && *list; list++)
        push_string(a, *list);
}

/* ---- process ------------------------------------------------------------ */

static void
add_capabilities(struct json_object *process, const struct tenon_exec *x, bool has_own_users)
{
    /* No ambient and no inheritable ones: a user without privileges gains
     * none by running a program. */
    static const char *const sets[] = { "bounding", "effective", "permitted" };
    uint64_t have = profile_cap_set(x, has_own_users);
    struct json_object *caps = add_object(process, "capabilities");
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        struct json_object *a = add_array(caps, sets[s]);
        for (size_t i = 0; i < profile_cap_count; i++)
            if (have & (UINT64_C(1) << profile_caps[i].number))
                push_string(a, profile_caps[i].name);
    }
}

static void
add_limits(struct json_object *process, const struct tenon_exec *x)
{
    if (!x->limit_count)
        return;
    struct json_object *a = add_array(process, "rlimits");
    for (size_t i = 0; i < x->limit_count; i++) {
        char name[40] = "RLIMIT_";
        size_t n = 7;
        for (const char *p = x->limits[i]->name; *p && n < sizeof name - 1; p++)
            name[n++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
        name[n] = 0;
        struct json_object *l = json_object_new_object();
        add_string(l, "type", name);
        /* -1 is no limit; config.json has unsigned numbers. */
        json_object_object_add(l, "soft", json_object_new_uint64((uint64_t)x->limits[i]->soft));
        json_object_object_add(l, "hard", json_object_new_uint64((uint64_t)x->limits[i]->hard));
        json_object_array_add(a, l);
    }
}

struct json_object *
oci_process(const struct tenon_exec *x, bool has_own_users)
{
    struct json_object *p = json_object_new_object();
    struct json_object *user = add_object(p, "user");
    add_number(user, "uid", x->uid);
    add_number(user, "gid", x->gid);
    if (x->group_count) {
        struct json_object *groups = add_array(user, "additionalGids");
        for (size_t i = 0; i < x->group_count; i++)
            json_object_array_add(groups, json_object_new_int64(x->groups[i]));
    }
    add_strings(p, "args", x->argv);
    add_strings(p, "env", x->env);
    add_string(p, "cwd", x->cwd);
    add_capabilities(p, x, has_own_users);
    add_limits(p, x);
    json_object_object_add(p, "noNewPrivileges", json_object_new_boolean(0));
    /* Of `tenon shell`: the runtime makes one for the container, and passes on. */
    json_object_object_add(p, "terminal", json_object_new_boolean(isatty(x->stdin_fd)));
    return p;
}

/* ---- mounts ------------------------------------------------------------- */

static struct json_object *
add_mount(struct json_object *mounts, const char *target, const char *type,
          const char *source, const char *const *options)
{
    struct json_object *m = json_object_new_object();
    add_string(m, "destination", target);
    add_string(m, "type", type);
    add_string(m, "source", source);
    add_strings(m, "options", options);
    json_object_array_add(mounts, m);
    return json_object_object_get(m, "options");
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
add_system_mounts(struct json_object *mounts, const struct tenon_exec *x, const char *network,
                  bool users)
{
    bool rootless = x->flags & TENON_EXEC_ROOTLESS;
    const char *rw = x->flags & TENON_EXEC_INSECURE ? "rw" : "ro";

    add_mount(mounts, "/proc", "proc", "proc", LIST("nosuid", "noexec", "nodev"));
    add_mount(mounts, "/dev", "tmpfs", "tmpfs",
              LIST("nosuid", "strictatime", "mode=755", "size=65536k"));
    struct json_object *pts =
        add_mount(mounts, "/dev/pts", "devpts", "devpts",
                  LIST("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"));
    if (!rootless) /* a user namespace may not have the group tty */
        push_string(pts, "gid=5");
    char size[40];
    snprintf(size, sizeof size, "size=%lld",
             (long long)(x->shm_bytes > 0 ? x->shm_bytes : PROFILE_SHM_BYTES));
    add_mount(mounts, "/dev/shm", "tmpfs", "shm",
              LIST("nosuid", "noexec", "nodev", "mode=1777", size));
    add_mount(mounts, "/dev/mqueue", "mqueue", "mqueue", LIST("nosuid", "noexec", "nodev"));
    /* sysfs belongs to a network namespace; one that is not ours is bound.  What
     * is mounted in it is read-only, too: control groups may be the user's. */
    if ((rootless || users) && (!strcmp(x->network, "host") || (users && network)))
        add_mount(mounts, "/sys", "none", "/sys",
                  LIST("rbind", "nosuid", "noexec", "nodev", "ro", "rro"));
    else
        add_mount(mounts, "/sys", "sysfs", "sysfs", LIST("nosuid", "noexec", "nodev", rw));
    if (!rootless)
        add_mount(mounts, "/sys/fs/cgroup", "cgroup", "cgroup",
                  LIST("nosuid", "noexec", "nodev", "relatime", rw));
}

static void
add_step_mounts(struct json_object *mounts, const struct tenon_exec *x, bool users)
{
    for (size_t i = 0; i < x->mount_count; i++) {
        const struct tenon_exec_mount *m = x->mounts[i];
        if (!ocimounts_is_of_runtime(m))
            continue;
        struct json_object *options =
            add_mount(mounts, m->target, "bind", m->source, LIST("rbind"));
        /* With a user namespace a node is bound read-only already: in it a runtime may not. */
        if ((m->flags & TENON_MOUNT_RDONLY) && !(users && (m->flags & TENON_MOUNT_DEVICE)))
            push_string(options, "ro");
        if (m->flags & TENON_MOUNT_NOEXEC)
            push_string(options, "noexec");
        if (m->flags & TENON_MOUNT_IS_NOSUID) {
            push_string(options, "nosuid");
            push_string(options, "nodev");
        }
    }
}

/* ---- linux -------------------------------------------------------------- */

static void
add_namespaces(struct json_object *linux_part, const struct tenon_exec *x,
               const char *network, bool users, const char *users_path)
{
    struct json_object *a = add_array(linux_part, "namespaces");
    const char *const names[] = { "pid", "ipc", "uts", "mount", "cgroup",
                                  strcmp(x->network, "host") ? "network" : NULL,
                                  users ? "user" : NULL };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!names[i])
            continue;
        struct json_object *n = json_object_new_object();
        add_string(n, "type", names[i]);
        if (network && !strcmp(names[i], "network"))
            add_string(n, "path", network);
        if (users_path && !strcmp(names[i], "user"))
            add_string(n, "path", users_path);
        json_object_array_add(a, n);
    }
}

/* A mount of any other device node, such as one from a layer, gives no access. */
static void
add_granted_devices(struct json_object *devices, const struct tenon_exec *x)
{
    for (size_t i = 0; i < x->mount_count; i++) {
        struct stat st;
        if (!(x->mounts[i]->flags & TENON_MOUNT_DEVICE) || fstat(x->mounts[i]->fd, &st) < 0 ||
            (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
            continue;
        struct json_object *d = json_object_new_object();
        json_object_object_add(d, "allow", json_object_new_boolean(1));
        add_string(d, "type", S_ISCHR(st.st_mode) ? "c" : "b");
        add_number(d, "major", major(st.st_rdev));
        add_number(d, "minor", minor(st.st_rdev));
        add_string(d, "access", "rwm");
        json_object_array_add(devices, d);
    }
}

static void
add_resources(struct json_object *linux_part, const struct tenon_exec *x)
{
    struct json_object *r = add_object(linux_part, "resources");
    if (!(x->flags & TENON_EXEC_ROOTLESS)) {
        /* Everything is refused but what the runtime itself allows (null, tty and
         * so on); with the entitlement to all devices a step gets all. */
        struct json_object *d = json_object_new_object();
        bool all = x->flags & TENON_EXEC_INSECURE;
        json_object_object_add(d, "allow", json_object_new_boolean(all));
        add_string(d, "access", "rwm");
        struct json_object *devices = add_array(r, "devices");
        json_object_array_add(devices, d);
        add_granted_devices(devices, x);
    } else {
        return; /* limits: oci.c */
    }
    if (x->memory_bytes || x->memory_swap_bytes) {
        struct json_object *m = add_object(r, "memory");
        if (x->memory_bytes)
            add_number(m, "limit", x->memory_bytes);
        if (x->memory_swap_bytes)
            add_number(m, "swap", x->memory_swap_bytes);
    }
    if (x->cpu_quota || x->cpu_period || x->cpu_shares || x->cpuset_cpus || x->cpuset_mems) {
        struct json_object *c = add_object(r, "cpu");
        if (x->cpu_quota)
            add_number(c, "quota", x->cpu_quota);
        if (x->cpu_period)
            add_number(c, "period", x->cpu_period);
        if (x->cpu_shares)
            add_number(c, "shares", x->cpu_shares);
        if (x->cpuset_cpus)
            add_string(c, "cpus", x->cpuset_cpus);
        if (x->cpuset_mems)
            add_string(c, "mems", x->cpuset_mems);
    }
}

static void
add_rule(struct json_object *calls, const struct profile_rule *rule)
{
    if (!*rule->names)
        return;
    struct json_object *o = json_object_new_object();
    add_strings(o, "names", rule->names);
    add_string(o, "action",
               rule->action == PROFILE_ALLOW ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
    if (rule->action == PROFILE_ENOSYS)
        add_number(o, "errnoRet", ENOSYS);
    if (rule->compare != PROFILE_ANY) {
        struct json_object *arg = json_object_new_object();
        bool masked = rule->compare == PROFILE_MASKED;
        add_number(arg, "index", rule->argument);
        add_number(arg, "value", (int64_t)(masked ? rule->mask : rule->value));
        if (masked)
            add_number(arg, "valueTwo", (int64_t)rule->value);
        add_string(arg, "op", masked ? "SCMP_CMP_MASKED_EQ" : "SCMP_CMP_EQ");
        json_object_array_add(add_array(o, "args"), arg);
    }
    json_object_array_add(calls, o);
}

static void
add_seccomp(struct json_object *linux_part)
{
    struct json_object *s = add_object(linux_part, "seccomp");
    add_string(s, "defaultAction", "SCMP_ACT_ERRNO");
    add_number(s, "defaultErrnoRet", EPERM);
    add_strings(s, "architectures", profile_arches);
    struct json_object *calls = add_array(s, "syscalls");
    for (size_t i = 0; i < profile_rule_count; i++)
        add_rule(calls, &profile_rules[i]);
}

static void
add_ids(struct json_object *map, uint32_t inside, uint32_t outside, uint32_t count)
{
    struct json_object *o = json_object_new_object();
    add_number(o, "containerID", inside);
    add_number(o, "hostID", outside);
    add_number(o, "size", count);
    json_object_array_add(map, o);
}

static void
add_map(struct json_object *linux_part, bool groups, const struct usernamespace *users)
{
    struct json_object *map = add_array(linux_part, groups ? "gidMappings" : "uidMappings");
    struct usernamespace_extent list[USERNAMESPACE_EXTENTS];
    size_t n = usernamespace_map(users, groups, list);
    for (size_t i = 0; i < n; i++)
        add_ids(map, list[i].inside, list[i].outside, list[i].count);
}

static void
add_linux(struct json_object *spec, const struct tenon_exec *x, const char *cgroup,
          const char *network, const struct usernamespace *users, const char *users_path)
{
    struct json_object *l = add_object(spec, "linux");
    add_namespaces(l, x, network, users != NULL, users_path);
    if (users) {
        add_map(l, false, users);
        add_map(l, true, users);
    }
    add_resources(l, x);
    if (!(x->flags & TENON_EXEC_ROOTLESS))
        add_string(l, "cgroupsPath", cgroup);
    if (x->flags & TENON_EXEC_INSECURE)
        return;
    add_strings(l, "maskedPaths", profile_masked);
    add_strings(l, "readonlyPaths", profile_readonly);
    add_seccomp(l);
}

struct json_object *
oci_spec(const struct tenon_exec *x, const char *cgroup, const char *network,
         const struct usernamespace *users, const char *users_path)
{
    struct json_object *spec = json_object_new_object();
    add_string(spec, "ociVersion", "1.0.2");
    json_object_object_add(spec, "process", oci_process(x, users != NULL));
    add_string(add_object(spec, "root"), "path", x->rootfs);
    add_string(spec, "hostname", x->hostname);
    struct json_object *mounts = add_array(spec, "mounts");
    add_system_mounts(mounts, x, network, users != NULL);
    add_step_mounts(mounts, x, users != NULL);
    add_linux(spec, x, cgroup, network, users, users_path);
    return spec;
}

/* executor-native/native.h - one step as data: everything that the step's first process will
 * need, made before it is forked, because afterwards nothing may be allocated
 * (common/exec/guard.h). */
#ifndef EXECUTOR_NATIVE_H
#define EXECUTOR_NATIVE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <tenon-plugin.h>

#include "common/exec/running.h"

struct native_limit {
    int resource;
    struct rlimit value;
};
struct native_hierarchy { /* of cgroups version 1 */
    char *name;           /* of the directory: "cpu,cpuacct", "systemd" */
    char **options;       /* "cpu", "cpuacct"; "none", "name=systemd" */
    bool is_v2;           /* "unified" */
};

struct native_launch {
    const struct tenon_exec *x;
    int in, out, err;      /* above the standard numbers */
    char *terminal;        /* of `tenon shell`: the name here of what becomes /dev/console */
    int net_fd;            /* namespace to join, or -1 */
    int users_fd;          /* the same, of users; borrowed */
    uint32_t first_id;     /* of that on the machine, and what root is there */
    uint32_t root_id, outside_uid;
    int requests_fd;       /* of requests.h, or -1; borrowed */
    bool rootless, insecure, own_net;
    bool bind_proc;        /* the machine's /proc in place of one of our own */
    bool nodev;            /* no control group guards devices: mounts have to */
    uint64_t caps;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t group_count;
    struct native_limit *limits;
    size_t limit_count;
    char **candidates;     /* paths to exec, in order; NULL-terminated */
    const char *shm_size;  /* as text */
    struct sock_fprog filter; /* len 0: none */
    struct native_hierarchy *hierarchies; /* version 1; none: version 2 */
    size_t hierarchy_count;
    int *cgroup_procs;     /* joined by the guard */
    size_t cgroup_count;
    bool own_cgroup;       /* removed with the step, so it is not busy */

    /* when it is to be joined, or joins another */
    struct running *running;
    struct running_step step;
    struct running_copy joined; /* pidfd -1: none */
    bool joins_net;             /* it has a network of its own */
    int news[2];                /* a socket's ends; or -1 */
};

/* prepare.c.  0 or a status with err set by host. */
int native_prepare(struct native_launch *l, const struct tenon_exec *x,
                   const struct tenon_host *host, const char *network,
                   struct tenon_error *err);
void native_release(struct native_launch *l);

/* callfilter.c: made once in a process.  Any thread. */
void native_filter(bool shares_network, bool is_served, struct sock_fprog *out);

/* steproot.c, system.c, child.c: after fork.  0, or an errno with *what (static). */
extern const char native_mounting_proc[]; /* what was tried, as the guard puts it */
extern const char native_setting_limits[];
int native_enter_root(const struct native_launch *l, int *root, const char **what);
int native_mount_system(const struct native_launch *l, int root, const char **what);
int native_hide_paths(int root, const char **what);
int native_mount_step(const struct native_launch *l, int root, const char **what);
int native_leave_host(int root, const char **what);
void native_child(void *launch, int report_fd);
void native_joining_child(void *launch, int report_fd);
int native_join_cgroup(void *launch, const char **what);

#endif

/* cli/probe.h - what doctor finds out by doing it: what a build does first, in a child that
 * leaves nothing behind.  One thread only. */
#ifndef TENON_CLI_PROBE_H
#define TENON_CLI_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct probe_step {
    bool is_known; /* false: an earlier check failed */
    int sys;       /* errno, 0 when it works */
    char text[200];
};

enum { PROBE_PROCESSORS = 32 };
struct probe {
    struct probe_step namespace; /* a user namespace; as root: whether one is possible */
    struct probe_step rights;    /* a mount namespace and mounts in it */
    struct probe_step overlay;   /* below the directory, as the store has it */
    struct probe_step proc;      /* a /proc of a step's own */
    struct probe_step own_ids;   /* of root's steps, on the machine */
    bool own_lists;              /* then: access lists are shown with the step's ids */
    struct probe_step formats;   /* of programs, for steps alone */
    int processors[PROBE_PROCESSORS]; /* of exec/processors.h: errno, 0 when its programs run */
    uint64_t users, groups;      /* ids to build with; UINT32_MAX: all */
    char why_one[200];           /* why newuidmap refused more; or "" */
};
/* dir: where the store is, or would be; a writable directory. Never NULL. */
struct probe *probe_build(const char *dir);
void probe_free(struct probe *p);
/* probeids.c, probeformats.c, for it: 0 or an errno. */
int probe_own_ids(bool *lists);
int probe_formats(bool ordinary);

struct probe_cgroups {
    int version;           /* 0: none */
    int sys;               /* of creating a group; 0: it can be created */
    char controllers[200]; /* that our groups would have */
};
void probe_cgroups(struct probe_cgroups *out);

#endif

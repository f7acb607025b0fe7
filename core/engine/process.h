/* engine/process.h - processes beside the build, and containers, which have several: what their
 * two files share. */
#ifndef TENON_ENGINE_PROCESS_H
#define TENON_ENGINE_PROCESS_H

#include "engine/build_private.h"
#include "exec/exec.h"

struct tenon_sandbox_inputs { /* of a vertex, made */
    struct tenon_solved *made;
    struct tenon_exec_input *inputs;
    size_t count;
};
/* Also what was made before it failed is to be released. */
int tenon_sandbox_inputs_make(struct tenon_sandbox_inputs *in, struct tenon_build *b,
                              struct tenon_cancel *cancel, const struct tenon_vertex *v,
                              struct tenon_error *err);
void tenon_sandbox_inputs_release(struct tenon_sandbox_inputs *in);
/* Of an exec node, whose entitlements are granted. */
const struct tenon_vertex *tenon_sandbox_vertex(struct tenon_build *b, struct tenon_node *n,
                                                struct tenon_error *err);

struct tenon_process_place { /* a container */
    struct tenon_container *container;
    struct tenon_exec_container *exec;
    void (*leave)(struct tenon_container *c); /* when the process uses exec no longer */
};

struct tenon_process {
    struct tenon_build *build;
    struct tenon_process_place place; /* or zero: a sandbox of its own */
    const struct tenon_vertex *vertex;
    struct tenon_sandbox_inputs inputs; /* of a sandbox of its own */
    char *id;                           /* in a container */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;  /* of the following */
    pthread_cond_t changed;
    bool runs, over;       /* it runs, and can be signalled; it has ended */
    struct tenon_ctx *ctx; /* of its own: killing it leaves others alone; NULL: all is cleared
                            * away */
    bool waited;
    /* its thread's, until it is over */
    int stdio[3];
    int32_t wait_status;
    struct tenon_error err;
};

/* Takes the descriptors.  parent: what ends it.  place: NULL for a sandbox of its own. */
struct tenon_process *tenon_process_new(struct tenon_build *b, struct tenon_cancel *parent,
                                        const struct tenon_process_place *place,
                                        const int32_t stdio[3]);
int tenon_process_launch(struct tenon_process *p, const struct tenon_vertex *v,
                         struct tenon_error *err);
void tenon_process_free(void *process); /* of a thread that nobody waits in */

#endif

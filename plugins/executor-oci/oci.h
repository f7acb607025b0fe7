/* executor-oci/oci.h - what the files of the executor share: the runtime, how it is started, and
 * what it says. */
#ifndef EXECUTOR_OCI_H
#define EXECUTOR_OCI_H

#include <json-c/json.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tenon-plugin.h>

#include "common/exec/devices.h"
#include "common/exec/emulation.h"
#include "common/exec/guard.h"
#include "common/exec/requests.h"
#include "common/exec/running.h"
#include "common/exec/usernamespace.h"

struct oci {
    const struct tenon_host *host;
    char *runtime; /* as configured */
    char *path;    /* absolute; NULL: not found */
    char *network_helper;
    struct devices_pool devices;
    struct running running;
    pthread_mutex_t lock; /* of the following */
    bool wants_users, was_tried;
    int why_no_users;
    struct usernamespace all_ids, own_ids; /* the runtime makes its own, as one of these */
    struct emulation emulation;
};

struct oci_users { /* the user namespace of a step */
    const struct usernamespace *ids; /* NULL: it has none */
    int fd;     /* one that is there, borrowed; -1: the runtime makes it */
    char *path; /* where the runtime finds that; free it */
};

/* Files in a step's directory for work. */
#define OCI_STATE "state"
#define OCI_LOG "runtime.log"
#define OCI_PID "pid"

/* ---- users.c ---- */

/* Which user namespace shall the runtime make, if any?  What the step asks of us then. */
int oci_separate(struct oci *o, struct tenon_ctx *ctx, const struct tenon_exec *x,
                 struct requests **r, struct oci_users *users, struct tenon_error *err);
int oci_emulate(void *self, struct tenon_ctx *ctx, const struct tenon_exec_format *const *formats,
                size_t count, struct tenon_error *err);
int oci_ids(void *self, struct tenon_ctx *ctx, struct tenon_step_ids *out,
            struct tenon_error *err);

/* ---- document.c ---- */

/* Into the step's directory for work.  Puts the document, too. */
int oci_write_json(const struct oci *o, const struct tenon_exec *x, const char *name,
                   struct json_object *document, struct tenon_error *err);

/* ---- launch.c: the runtime below a guard ---- */

struct oci_launch {
    struct oci *o;
    const struct tenon_exec *x;
    char *const *argv;
    const int *cgroup_procs;  /* joined by the guard, or by the runtime that joins */
    size_t cgroup_count;
    const struct requests *requests; /* NULL: none are served */
    const struct running_copy *joined; /* where the runtime runs already; or NULL */
    bool hides_v2;
    const struct oci_users *users; /* NULL: the runtime knows which it is */
    struct running_step *step; /* in the list from when it has started */
    int news;                  /* inotify; -1: nobody wants to know when that is */
    int sent[2];               /* what the guard sends: a pidfd of the runtime; -1 */
    int cancel_fd;             /* readable: stop */
};

/* Somebody may want to know when the step has started. */
int oci_expect_start(struct oci_launch *l, struct tenon_error *err);
void oci_close_news(struct oci_launch *l);
void oci_launch(struct oci_launch *l, struct tenon_ctx *ctx, struct guard_result *result);
/* Of what was started there, in the namespace of the runtime; 0: nothing yet. */
int oci_read_pid(const char *work);
extern const char oci_mounting_proc[]; /* what was tried, as the guard puts it */

/* ---- said.c: what the runtime says ---- */

int oci_blame(const struct oci *o, const char *message, struct tenon_error *err);
/* The last error in its log, malloc'ed; NULL when there is none. */
char *oci_last_error(const struct tenon_exec *x);
/* The step's program could not be started: that is a step that failed. */
bool oci_is_of_program(const char *message);
/* What was to be joined is over. */
bool oci_is_of_end(const char *message);

/* ---- join.c: one more process in a step that runs ---- */

int oci_join(void *self, struct tenon_ctx *ctx, const char *id, const struct tenon_exec *x,
             int32_t *wait_status, struct tenon_error *err);
int oci_signal(void *self, const char *id, int32_t number, struct tenon_error *err);

#endif

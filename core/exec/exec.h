/* exec/exec.h - one RUN step: from an exec op and its inputs to snapshots.
 *
 * Root and mounts are put together in the process's private mount namespace,
 * the executor plugin runs the command, stubs are removed and parents' times
 * restored, and the written layers become snapshots.  On a worker thread. */
#ifndef TENON_EXEC_EXEC_H
#define TENON_EXEC_EXEC_H

#include "context/engine.h"
#include "graph/graph.h"
#include "context/ctx.h"
#include "store/store.h"
#include "tree/tree.h"

struct tenon_exec_input { /* one op input, made */
    const struct tenon_chain *chain; /* or NULL with a view in place */
    struct tenon_view *view;
};

/* outputs: array of as many chains as the op has outputs (1 + the highest
 * mount output); filled in order.  A step that fails gives FAILED with
 * BuildKit's message: process "/bin/sh -c false" did not complete successfully:
 * exit code: 1 */
int tenon_exec_step(struct tenon_engine *engine, struct tenon_ctx *ctx,
                    const struct tenon_vertex *v,
                    const struct tenon_exec_input *inputs,
                    struct tenon_chain *outputs, size_t output_count,
                    struct tenon_error *err);
/* The same with the caller's standard streams, and without a result; any exit
 * status is success. */
struct tenon_exec_visit {
    const int *stdio; /* three */
    bool prompt;      /* PS1 names the step */
    /* The process has ended, or there is none: status and err are what they will be, and only
     * the sandbox is still to be cleared away, which takes its time.  May be NULL. */
    void (*ended)(void *data);
    void *data;
};
int tenon_exec_enter(struct tenon_engine *engine, struct tenon_ctx *ctx,
                     const struct tenon_vertex *v, const struct tenon_exec_input *inputs,
                     const struct tenon_exec_visit *visit, int32_t *status,
                     struct tenon_error *err);

/* Can the executor run steps here?  One that does not say can. */
int tenon_exec_probe(struct tenon_module *executor, struct tenon_ctx *ctx,
                     struct tenon_error *err);

/* emptycaches.c: whether the cache mount of this id was, for a step that must not use the cache. */
bool tenon_cache_was_emptied(struct tenon_engine *engine, const char *id);

/* ---- container.c: a sandbox for several processes -------------------------- */

/* v: what is mounted, the network, names of hosts; inputs stay the caller's as long as it is
 * there. */
struct tenon_exec_container;
int tenon_exec_container_new(struct tenon_engine *engine, struct tenon_ctx *ctx,
                             const struct tenon_vertex *v, const struct tenon_exec_input *inputs,
                             struct tenon_exec_container **out, struct tenon_error *err);
/* Nothing runs in it any more. */
void tenon_exec_container_free(struct tenon_exec_container *c);
/* Who comes first is the container's number 1, with which the others end: before a thread is begun
 * for it, so that order is that of the calls.  Who is claimed runs, or ends. */
bool tenon_exec_container_claim(struct tenon_exec_container *c, const char *id);
void tenon_exec_container_ended(struct tenon_exec_container *c, const char *id);
/* A process, until it has ended; any number of threads. */
struct tenon_exec_process {
    const struct tenon_vertex *v; /* what else there is to say of it */
    const char *id;   /* of tenon_exec_unique_id, for tenon_exec_container_signal */
    const int *stdio; /* three */
    void (*started)(void *data); /* it runs, and can be signalled; in any thread */
    void *data;
};
int tenon_exec_container_run(struct tenon_exec_container *c, struct tenon_ctx *ctx,
                             const struct tenon_exec_process *how, int32_t *status,
                             struct tenon_error *err);
int tenon_exec_container_signal(struct tenon_exec_container *c, const char *id, int number,
                                struct tenon_error *err);
/* What is mounted at that target, "/" or the op's: an O_PATH descriptor, the caller's. */
int tenon_exec_container_root(struct tenon_exec_container *c, const char *target,
                              struct tenon_error *err);
/* Whose a file there is, as those in the container have it. */
void tenon_exec_container_owner(const struct tenon_exec_container *c, uint32_t *uid, uint32_t *gid);
/* Unique on this machine; to free. */
char *tenon_exec_unique_id(void);

/* Where emulators are, as tenon.json has it; NULL: at the usual places. */
const char *tenon_exec_emulators(struct json_object *config);

/* UNSUPPORTED where the kernel is too old for steps, whichever the executor. */
int tenon_exec_check_kernel(struct tenon_error *err);

/* A command in what a failed step left: its root, environment, user, working directory and
 * mounts.  What it writes into the root is thrown away.  NOT_FOUND when nothing is kept, or not
 * any more. */
struct tenon_shell {
    const char *build; /* NULL: the last one that failed */
    const char *const *argv;
    int stdio[3]; /* pipes or a terminal of their own: the step may change whose they are */
    bool prompt; /* a shell of a person's: its prompt names the step */
    /* Before it is entered: which build's step that is; may be NULL. */
    void (*about)(void *data, const char *build, const struct tenon_vertex *v);
    void *data;
};
/* What tenon_log_read takes for the output of a build's step; to free.  build NULL: NULL. */
char *tenon_exec_log_name(const char *build, const struct tenon_vertex *v);
int tenon_exec_shell(struct tenon_engine *engine, struct tenon_ctx *ctx,
                     const struct tenon_shell *shell, int32_t *status,
                     struct tenon_error *err);

enum { TENON_LEFTOVERS_MAX = 64 }; /* of one build; of what fails later nothing is kept */

/* Of a vertex that failed. */
struct tenon_remains {
    const struct tenon_vertex *v; /* the build's, which may be gone when this is freed */
    struct tenon_chain *mounts;   /* what is in those of its op, or what its file actions made */
    size_t count;                 /* as many as these, or 0 */
    enum tenon_failure_subject subject;
    size_t index; /* of the file action, or of the input */
};
/* What steps that fail from now on leave in their mounts is kept until the build ends; of those
 * that failed already nothing is. */
void tenon_exec_want_leftovers(struct tenon_engine *engine);
/* Does somebody want to look into what is left of it, and nothing is there yet?  Any thread. */
bool tenon_exec_leaves(struct tenon_engine *engine, const struct tenon_vertex *v);
/* Takes the chains; they are dropped where that has changed meanwhile.  Any thread. */
void tenon_exec_leave(struct tenon_engine *engine, const struct tenon_remains *left);
/* That of the vertex with that digest, whose chains stay ours; false: nothing is kept of it.  Any
 * thread. */
bool tenon_exec_leftover(struct tenon_engine *engine, const char *digest,
                         struct tenon_remains *out);

/* Is it an entitlement, as --allow has it? */
int tenon_exec_check_entitlement(const char *text, struct tenon_error *err);
/* Does the user's --allow cover what the step wants (network.host,
 * security.insecure, device)?  Checked before anything runs, also for cached
 * steps. */
int tenon_exec_check_entitled(struct tenon_engine *engine, const struct tenon_vertex *v,
                              struct tenon_error *err);
/* Adds names and epochs of mount plugins to the step's key, and reports the options of
 * third-party types that are in it; *is_volatile: a mount type says that the step may never be
 * cached. */
struct tenon_hash;
typedef void tenon_exec_key_option(void *data, const struct tenon_op_mount *m,
                                   const struct tenon_pair *option);
int tenon_exec_mount_keys(struct tenon_engine *engine, const struct tenon_vertex *v,
                          struct tenon_hash *h, tenon_exec_key_option *option, void *data,
                          bool *is_volatile, struct tenon_error *err);
/* What mount plugins whose key_policy is CONTENT say now of what they give the step; "" when the
 * step has none of these. */
int tenon_exec_mount_contents(struct tenon_engine *engine, struct tenon_ctx *ctx,
                              const struct tenon_vertex *v, struct tenon_digest *out,
                              struct tenon_error *err);
/* The arguments as a shell would show them, for names and messages. */
char *tenon_exec_describe(const struct tenon_vertex *v);

#endif

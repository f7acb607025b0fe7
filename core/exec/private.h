/* exec/private.h - what the files of core/exec share: one step while it runs.
 *
 * Everything belongs to the worker that runs the step; only the relay of the
 * output has a thread of its own. */
#ifndef TENON_EXEC_PRIVATE_H
#define TENON_EXEC_PRIVATE_H

#include "tools/vec.h"
#include "exec/exec.h"
#include "exec/stubs.h"

#define TENON_EXEC_HOSTNAME "buildkitsandbox" /* BuildKit's, seen by steps */
#define TENON_EXEC_PATH                                                       \
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define TENON_EXEC_MAX_MOUNTS 1024

/* One tree of the step: an input, mounted, with or without an upper. */
struct tenon_step_tree {
    char *path;                       /* where it is mounted; NULL: it is not */
    int fd;                           /* O_PATH of its root, or -1 */
    struct tenon_snapshot_work *work; /* of a writable one */
    struct tenon_snapshot_work *copy; /* of one that is not, where it had to be copied */
    const struct tenon_chain *lower;  /* NULL: empty */
};

/* One mount besides the root, in the order of the op. */
struct tenon_step_mount {
    const struct tenon_op_mount *op;
    struct tenon_step_tree tree;
    struct tenon_module *module;
    struct tenon_ctx *ctx; /* of attach: ends, with its locks, after detach */
    void *cookie;
    bool attached;
    char *target; /* clean and absolute */
    char *source; /* mount point below the temporary directory; NULL: nothing to mount */
    uint32_t flags;
    uint32_t index; /* among the mounts of its type */
    bool is_dir, covered; /* covered: a later one has the same target */
    bool absent;          /* a secret or an agent that was not given */
};

struct tenon_step {
    struct tenon_engine *engine;
    struct tenon_ctx *ctx;
    const struct tenon_vertex *v;
    const struct tenon_op_exec *op;
    const struct tenon_exec_input *inputs;
    struct tenon_tempdir *tempdir;
    const char *dir; /* path of it */
    unsigned names;  /* made in it so far */
    const struct tenon_op_mount *root_op;
    struct tenon_step_tree root;
    int rootfd; /* O_RDONLY of the mounted root */
    TENON_VEC(struct tenon_step_mount) mounts;
    TENON_VEC(struct tenon_exec_mount) list; /* for the executor; owns the fds,
                                              * strings are the mounts' or the ctx's */
    struct tenon_stubs stubs;
    struct tenon_user user;
    char **env;
    bool ran_well;
    char *why;        /* the executor's reason for the failure; or NULL */
    bool judged;      /* it ran, and its exit status was not accepted */
    const int *stdio; /* of the one who enters it; NULL: output goes to the ctx */
    bool prompt;      /* PS1 names the step */
    const struct tenon_exec_visit *visit; /* of the one who enters it; NULL: nobody does */
    struct tenon_step_ids ids; /* the executor's; first 0: the machine's */
    bool has_machine_ids;      /* it must */
    bool wants_machine_ids;    /* what failed would not, with them */
    uint16_t machine;          /* of ELF: of programs that are run, besides the machine's own; 0 */
    bool emulated;             /* the executor emulates all that it runs */
    char *emulator;            /* or else this is put before its program; NULL: nothing is */
};

/* ---- step.c ---------------------------------------------------------------- */

struct tenon_step_launch { /* how the executor gets it */
    const char *id;
    const char *work; /* name of a directory to be made for the executor */
    const char *join; /* the id of the one that it joins; NULL: none */
    void (*started)(void *data); /* or NULL */
    void *data;
};
int tenon_step_check_command(const struct tenon_step *s, struct tenon_error *err);
/* Its temporary directory, its trees and what plugins attach. */
int tenon_step_set_up(struct tenon_step *s, struct tenon_module **executor,
                      struct tenon_error *err);
int tenon_step_open_root(struct tenon_step *s, struct tenon_error *err);
/* s->user, out of the root. */
int tenon_step_user(struct tenon_step *s, bool make_cwd, struct tenon_error *err);
/* s->list, and mount points for it. Then the root is sealed, if it is to be read-only. */
int tenon_step_furnish(struct tenon_step *s, struct tenon_error *err);
int tenon_step_seal(struct tenon_step *s, struct tenon_error *err);
int tenon_step_run_executor(struct tenon_step *s, struct tenon_module *executor,
                            const struct tenon_step_launch *how, int32_t *status,
                            struct tenon_error *err);
void tenon_step_release(struct tenon_step *s);

/* ---- tree.c: inputs as mounted trees ------------------------------------ */

int tenon_step_tree_mount(struct tenon_step *s, const struct tenon_op_mount *m,
                          bool writable, struct tenon_step_tree *t,
                          struct tenon_error *err);
void tenon_step_tree_unmount(struct tenon_step_tree *t);
void tenon_step_tree_release(struct tenon_step_tree *t); /* discards work */

/* ---- stepids.c: which ids the step has on the machine -------------------- */

/* Before anything is mounted. */
void tenon_step_ids_choose(struct tenon_step *s, struct tenon_module *executor);
/* The step cannot run with ids of its own: it is to start again. */
void tenon_step_ids_refuse(struct tenon_step *s, const char *why);
bool tenon_step_ids_have(const struct tenon_step *s, uint32_t uid, uint32_t gid);
uint32_t tenon_step_id_outside(const struct tenon_step *s, uint32_t id);
/* The other way; false: it has no place among the step's, and shows as another. */
bool tenon_step_id_inside(const struct tenon_step_ids *ids, uint32_t *id);
/* What this thread makes in between is of the step's root.  With what came of that: the machine's
 * ids may be wanted. */
void tenon_step_ids_enter(const struct tenon_step *s);
void tenon_step_ids_leave(struct tenon_step *s, const struct tenon_error *err);
unsigned tenon_step_ids_mount_flag(const struct tenon_step *s); /* of store.h */
/* A mount that is not attached yet, of fd; what lies in the mount of tree_fd (-1: none) is
 * mapped already. */
int tenon_step_ids_map(struct tenon_step *s, int mount_fd, int fd, int tree_fd,
                       struct tenon_error *err);

/* ---- program.c: which file of the root the program is ---------------------- */

/* The program's path in the root; NULL when there is none.  *unsure: some
 * directory of PATH is a mount that is not in this view. */
char *tenon_step_find_program(const struct tenon_step *s, bool *unsure);
/* Readable; or -1. */
int tenon_step_open_program(const struct tenon_step *s, const char *path);
bool tenon_step_is_mounted_over(const struct tenon_step *s, const char *path);

/* ---- emulation.c: steps of another platform than the machine's ------------- */

/* Who runs its programs?  Nobody is no error. */
int tenon_step_emulation(struct tenon_step *s, struct tenon_module *executor,
                         struct tenon_error *err);
/* Adds the emulator to s->list, if one is put before the program. */
int tenon_step_emulator_file(struct tenon_step *s, struct tenon_error *err);
/* The arguments, with that; the ctx's or the op's. */
const char *const *tenon_step_args(const struct tenon_step *s);
/* A hint for a step that failed, when it was or should have been emulated. */
void tenon_step_diagnose_emulation(const struct tenon_step *s, struct tenon_error *err);

/* ---- stepmounts.c ------------------------------------------------------- */

/* Name of the plugin that serves m ("bind"). */
const char *tenon_step_mount_type(const struct tenon_op_mount *m);
/* Its options as "name=value" for the plugin's declared array; a list for
 * tenon_strv_free. */
char **tenon_step_mount_options(const struct tenon_op_mount *m, const char *cache_id);
/* Mount every tree and attach every plugin; fills s->mounts. */
int tenon_step_attach(struct tenon_step *s, struct tenon_error *err);
/* s->list: /etc/hosts and /etc/resolv.conf, then the mounts by target. */
int tenon_step_list_mounts(struct tenon_step *s, struct tenon_error *err);
/* Before mount points are made. */
int tenon_step_tmpfs_modes(struct tenon_step *s, struct tenon_error *err);
/* Once each for what was attached, in reverse order; then everything is
 * unmounted. */
void tenon_step_detach(struct tenon_step *s);

/* ---- emptycaches.c ------------------------------------------------------ */

/* A step that must not use the cache starts with empty cache mounts; each name
 * is emptied once in a build, so that later steps find what earlier ones left. */
int tenon_step_empty_caches(struct tenon_step *s, struct tenon_error *err);

/* ---- failedstep.c ------------------------------------------------------- */

/* Keep the root of a step that failed, for tenon_exec_shell; failing to is not an
 * error of the step.  Detaches and unmounts. */
void tenon_step_keep_failed(struct tenon_step *s, struct tenon_error *why);
/* What was kept of a build's failed step: its record, and the vertex in a graph of
 * the caller.  NOT_FOUND: nothing, or not any more. */
int tenon_failed_step_load(struct tenon_store *st, const char *build,
                           struct tenon_record *r, struct tenon_graph *g,
                           const struct tenon_vertex **v, struct tenon_error *err);
/* The build of the last one that was kept; NULL or malloc'ed. */
char *tenon_failed_step_last(struct tenon_store *st);

/* ---- leftover.c ---------------------------------------------------------- */

/* Nothing is mounted any more; root: what is in it now. */
void tenon_step_leave(struct tenon_step *s, const struct tenon_chain *root, const char *what);

/* ---- bindpoint.c: descriptors of plugins become paths ------------------- */

/* Bind what fd is (a directory, a file, a socket, or a mount that is not
 * attached yet) to a new name below the temporary directory.  tree_fd: of whose mount the ids
 * are right; or -1. */
int tenon_step_bind(struct tenon_step *s, int fd, int tree_fd, uint32_t flags,
                    char **source, bool *is_dir, struct tenon_error *err);

/* ---- env.c, net.c, relay.c, diagnose.c, describe.c ---------------------- */

int tenon_step_env(struct tenon_step *s, struct tenon_error *err);
void tenon_step_env_add(struct tenon_step *s, const char *pair); /* replaces */
const char *tenon_step_network(const struct tenon_step *s);
int tenon_step_net_files(struct tenon_step *s, struct tenon_error *err);
/* Adds to s->list, s->env and s->user what the step's devices need. */
int tenon_step_devices(struct tenon_step *s, struct tenon_error *err);

struct tenon_relay; /* moves two pipes to tenon_ctx_output */
int tenon_relay_start(struct tenon_ctx *ctx, bool one_stream, int *out_fd, int *err_fd,
                      struct tenon_relay **relay, struct tenon_error *err);
/* What is in the pipes is still delivered; what could come later is not waited
 * for.  Closes the writers' ends, too. */
void tenon_relay_finish(struct tenon_relay *r);

/* A hint why the program could not be started, from what the root holds. */
void tenon_step_diagnose(const struct tenon_step *s, int code, struct tenon_error *err);
/* A step that filled the disk: its root is most of what is there. */
bool tenon_step_disk_is_full(const struct tenon_step *s);
/* A hint when the store is full. */
void tenon_step_diagnose_disk(const struct tenon_step *s, struct tenon_error *err);
char *tenon_exec_quote(const char *text); /* as Go's %q */

#endif

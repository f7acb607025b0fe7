/* solve/private.h - what the files of core/solve share.
 *
 * A vertex state belongs to the loop thread.  While a job of it is out, the
 * loop leaves the state alone but for its lists of users, and the worker reads
 * it and the finished states below it; what the job found comes back in the
 * job itself (but for `source`, which the resolve job sets). */
#ifndef TENON_SOLVE_PRIVATE_H
#define TENON_SOLVE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/vec.h"
#include "context/ctx.h"
#include "solve/solve.h"

/* ---- key parts ---------------------------------------------------------- */

struct key_parts { /* owns its strings */
    TENON_VEC(struct tenon_key_part) list;
};
void key_parts_add(struct key_parts *p, const char *label, const char *value);
void key_parts_addf(struct key_parts *p, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void key_parts_release(struct key_parts *p);
/* The key made of a type tag and the parts in order. */
void key_parts_digest(const struct key_parts *p, const char *tag, struct tenon_digest *out);

/* ---- what a vertex depends on ------------------------------------------- */

struct dep_selector {
    struct tenon_selector sel;
    char *path; /* of sel */
};

struct dep { /* one input of a vertex */
    TENON_VEC(struct dep_selector) selectors;
    bool content;                /* has a content function */
    bool whole;                  /* of everything, whatever the selectors say */
    char *selector_text;         /* enters K1 */
    struct tenon_digest digest;  /* content, once known */
    struct tenon_digest buildkit; /* the same as BuildKit has it, when somebody asked */
};

enum goal { GOAL_NONE, GOAL_KEY, GOAL_RESULT };
enum phase {
    PHASE_NEW,
    PHASE_RESOLVE,        /* job: a source is asked what it is */
    PHASE_INPUT_KEYS,     /* waits for the keys of its inputs */
    PHASE_LOOKUP,         /* job: own key, look-up under K1 */
    PHASE_CONTENT_INPUTS, /* waits for inputs to be made that are read for K2 */
    PHASE_CONTENT,        /* job: content digests, look-up under K2 */
    PHASE_KEYED,          /* its key is known; waits to be wanted */
    PHASE_RESULT_INPUTS,  /* waits for all inputs to be made */
    PHASE_RUN,            /* job: make the result */
    PHASE_DONE,
    PHASE_FAILED,
};

struct source_state;  /* sourcejob.c */
struct import_record; /* import.h */

/* Records of BuildKit's that stand for the outputs of a vertex (buildkitrecords.h). */
struct buildkit_record;
struct buildkit_found {
    struct buildkit_find {
        const struct buildkit_record *record;
        uint32_t output;
    } *list;
    struct buildkit_find *sorted; /* the same, for looking up; NULL: there are none */
    size_t count;
};

struct state {
    struct tenon_solver *solver;
    const struct tenon_vertex *v;
    UT_hash_handle hh; /* by v */
    enum goal goal;
    enum phase phase;
    struct state **inputs; /* one an input of v */
    struct dep *deps;      /* the same count */
    TENON_VEC(struct state *) users;
    bool queued; /* in the solver's list of those to look at */

    /* keys */
    struct key_parts own;
    struct tenon_digest own_key, k1, k2; /* "" when there is none */
    struct tenon_digest ckey;            /* what users build their K1 on */
    const struct import_record *imported; /* a result that only has to be unpacked */
    struct buildkit_found buildkit;
    struct tenon_digest alias;           /* of a record that has a key and no result */
    bool apart;       /* rests on an imported claim: apart.h; immutable once there is a ckey */
    bool is_volatile;                    /* never stored */
    struct tenon_digest contents; /* what mount plugins said when the key was made, or "" */
    bool unlike_key; /* made of something else, or upon what was: not stored; fixed once made */
    bool fresh;                          /* never looked up: no cache wanted */

    /* result */
    struct source_state *source; /* of a source op */
    struct tenon_view *view;     /* of a source in place */
    struct tenon_chain *outputs;
    uint32_t output_count;
    bool cached;

    struct tenon_ctx *ctx; /* of the current or last job; a source's stays */
    struct tenon_cancel *cancel; /* of the job that is out; a source's stays */
    bool shown_started, shown_done;
    struct tenon_error err; /* FAILED */
    uint64_t failure;       /* its number, by time */

    /* requests.c */
    bool out;      /* a job of it is */
    bool stopped;  /* nobody wants it any more: it is to begin anew */
    unsigned seen; /* the walk that has seen it */
};

/* ---- jobs (jobs.c) ------------------------------------------------------ */

struct job {
    struct job *next;
    struct state *state;
    int (*work)(struct job *); /* worker; sets err when negative */
    void (*finish)(struct job *); /* loop; takes over what it wants */
    int code;
    struct tenon_error err;
    /* what was found */
    bool found;
    struct tenon_record record;
    const struct import_record *imported; /* when not found */
    struct tenon_digest alias;            /* when neither */
    bool apart;   /* what was found, or the alias, came by an import */
    bool gave_up; /* what was imported cannot be fetched */
    struct buildkit_found buildkit;
    struct tenon_digest *buildkit_digests; /* as digests; NULL: nobody asked */
    struct tenon_digest *digests; /* one an input; "" where none is needed */
    struct key_parts own;
    struct tenon_digest own_key, k1, k2, ckey, contents;
    bool is_volatile, unlike_key, cached;
    struct tenon_view *view;
    struct tenon_chain *outputs;
    uint32_t output_count;
};
struct job *job_new(struct state *s, int (*work)(struct job *),
                    void (*finish)(struct job *));
void job_free(struct job *j);
void jobs_submit(struct tenon_solver *s, struct job *j); /* loop thread */
void jobs_start(struct tenon_solver *s);
unsigned jobs_worker_count(struct tenon_solver *s); /* now; any thread */
bool jobs_do_one(struct tenon_solver *s); /* for tests: here, not by a worker */
void jobs_stop(struct tenon_solver *s);   /* after s->stop was set */
/* Have the loop look at what came in. */
void solver_wake(struct tenon_solver *s);

/* ---- the loop ----------------------------------------------------------- */

struct request {
    struct request *next;
    const struct tenon_edge *edges;
    size_t count;
    struct tenon_solved *made; /* count of them, zeroed */
    void (*visit)(struct tenon_solver *s, void *data); /* loop thread; or NULL */
    void *visit_data;
    int event_fd;              /* written when done */
    bool finished, cancelled;  /* the solver's lock; cancelled: its owner has given it up */
    bool doomed;               /* it fails, once what only it wanted has stopped */
    int code;
    struct tenon_error err;
};

struct source_meta; /* sourcemeta.c */

struct solver_imports { /* immutable */
    const struct tenon_import **list;
    size_t count;
    char *origin; /* names of those that are not trusted; NULL: all are */
    struct solver_imports *older; /* somebody may still look into it */
};

struct tenon_solver {
    struct tenon_solver_options options;
    _Atomic(struct solver_imports *) imports; /* the newest; NULL: none */
    struct tenon_engine *engine;
    struct tenon_cancel *cancel; /* of the whole solver */

    /* loop thread only */
    struct state *states;
    TENON_VEC(struct state *) dirty;
    struct request *requests;
    unsigned running; /* jobs out */
    uint64_t failures;
    TENON_VEC(struct state *) failed;  /* not yet looked at */
    TENON_VEC(struct state *) stopped;
    struct request *held;              /* they begin when what is stopped has ended */
    unsigned walks;

    /* shared */
    pthread_mutex_t lock;
    pthread_cond_t work_there;
    struct job *todo, **todo_last, *done, **done_last;
    struct request *incoming, **incoming_last;
    bool stop, cancel_asked; /* of some request */
    int wake_fd, epoll_fd;

    pthread_t loop;
    /* locked by `lock` */
    pthread_t *workers;
    unsigned worker_count, worker_limit, idle; /* started; at most; waiting for work */
    unsigned todo_count;
    bool stepped; /* no threads: tests call tenon_solver_step */

    pthread_mutex_t meta_lock;
    pthread_cond_t meta_ready;
    struct source_meta *metas;
};

/* For tests: no threads; each step runs one job, if any is waiting, and then
 * the loop.  False when there was nothing to do. */
struct tenon_solver *tenon_solver_new_stepped(const struct tenon_solver_options *o);
bool tenon_solver_step(struct tenon_solver *s);
/* Have the loop thread do it, and wait. */
int solver_visit(struct tenon_solver *s, void (*visit)(struct tenon_solver *, void *),
                 void *data, struct tenon_error *err);

/* entitled.c: may all of it run?  The caller's thread. */
int solver_check_entitled(struct tenon_solver *s, const struct tenon_edge *edges, size_t count,
                          struct tenon_error *err);

int loop_start(struct tenon_solver *s, bool stepped); /* 0, or an errno */
void loop_stop(struct tenon_solver *s);

/* ---- states (state.c, loop thread) -------------------------------------- */

struct state *state_get(struct tenon_solver *s, const struct tenon_vertex *v);
void state_free(struct state *st);
void state_want(struct state *st, enum goal goal);
void states_advance(struct tenon_solver *s);
void state_reset(struct state *st);
void state_job_back(struct state *st);
void states_settle(struct tenon_solver *s);
static inline bool
state_has_key(const struct state *st)
{
    return st->phase >= PHASE_KEYED && st->phase != PHASE_FAILED;
}

/* ---- requests (requests.c, loop thread) --------------------------------- */

void requests_start(struct tenon_solver *s, struct request *list);
/* Failures and requests that were given up: what nobody else wants stops. */
void requests_doom(struct tenon_solver *s);
/* True: some were started, that had to wait. */
bool requests_check(struct tenon_solver *s);

/* ---- showing (vertexevents.c) ------------------------------------------- */
void vertex_planned(struct state *st);
void vertex_started(struct state *st);
void vertex_done(struct state *st, bool cached, const struct tenon_error *err);
void vertex_refused(struct tenon_solver *s, const struct tenon_vertex *v,
                    const struct tenon_error *err);
/* Place in the build file, and the vertex as a detail. */
void vertex_blame(const struct tenon_vertex *v, struct tenon_error *err);
void explain_miss(struct state *st);                   /* worker, in a run */
char *explain_scope(const struct state *st);
void explain_parts(const struct state *st, struct key_parts *out);

/* ---- work (workers) ----------------------------------------------------- */
int work_lookup(struct job *j);
int work_content(struct job *j);
int work_run(struct job *j);
int work_resolve(struct job *j);
int run_file(struct job *j);
int run_merge(struct job *j); /* mergediff.c */
int run_diff(struct job *j);

/* jobchains.c: a chain an input, NULL with j->err; for job_release_chains. */
struct tenon_chain *job_input_chains(struct job *j);
void job_release_chains(struct tenon_chain *chains, size_t count);
void job_outputs_new(struct job *j); /* as many as the vertex has, empty */
int run_source(struct job *j);

void deps_init(struct state *st);
void deps_release(struct state *st);
int key_own(struct state *st, struct key_parts *p, bool *is_volatile,
            struct tenon_digest *contents, struct tenon_digest *out, struct tenon_error *err);
/* What its mount plugins say now of what they hold: of an exec alone; "" when nothing. */
int key_mount_contents(struct state *st, struct tenon_digest *out, struct tenon_error *err);

/* The content of output `index` of a made state, as the selectors of d mean it. */
int content_of_input(struct state *user, size_t input, struct tenon_digest *out,
                     struct tenon_error *err);
/* The same as BuildKit has it. */
int buildkit_content_of_input(struct state *user, size_t input, struct tenon_digest *out,
                              struct tenon_error *err);
/* The same, if an earlier build looked; on the loop's thread. */
bool buildkit_content_known(const struct state *user, size_t input, struct tenon_digest *out);
/* The chain of an input; a view in place becomes a snapshot (once). */
int input_chain(struct state *user, size_t input, struct tenon_chain *out,
                struct tenon_error *err);

/* sourcejob.c */
void source_free(struct state *st);
const char *source_key(const struct state *st); /* NULL: content only */
bool source_in_place(const struct state *st);
bool source_is_tree(const struct state *st);
char *source_platform(struct tenon_engine *e, const struct tenon_vertex *v);

/* ---- cache mounts of steps (mountids.c) --------------------------------- */
/* Each that is not in *ids yet; for tenon_strv_free. */
void vertex_mount_ids(const struct tenon_vertex *v, char ***ids);

/* ---- mounts of one job (jobmounts.c) ------------------------------------ */
struct job_mounts {
    struct tenon_store *store;
    struct tenon_tempdir *tempdir;
    unsigned count;
    TENON_VEC(char *) paths;
    TENON_VEC(int) fds;
};
void job_mounts_release(struct job_mounts *m);
TENON_DEFINE_AUTO_STRUCT(job_mounts, struct job_mounts, job_mounts_release);
#define auto_job_mounts __attribute__((cleanup(tenon_auto_job_mounts)))
/* Mount a chain; returns m's descriptor of its root. */
int job_mount(struct job_mounts *m, const struct tenon_chain *chain,
              struct tenon_snapshot_work *upper, struct tenon_error *err);
/* Unmount what job_mount gave, before the upper is committed. */
int job_unmount(struct job_mounts *m, int fd, struct tenon_error *err);

/* sourcemeta.c */
void metas_free(struct tenon_solver *s);
/* What was said of a source for a frontend, with the attributes nearest to these; or NULL.  It
 * lasts. */
const struct tenon_source_info *metas_before(struct tenon_solver *s, const char *identifier,
                                             const char *platform, const char *const *attrs);
struct tenon_named; /* known.h */
void metas_copy(struct tenon_solver *s, struct tenon_named **out, size_t *count);

#endif

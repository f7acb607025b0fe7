/* engine/build_private.h - a build's insides, for the files of core/engine: the object
 * (build.c), its way (buildrun.c), the bridge and the host table. */
#ifndef TENON_ENGINE_BUILD_PRIVATE_H
#define TENON_ENGINE_BUILD_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/vec.h"
#include "engine/build.h"
#include "context/ctx.h"
#include "context/waiting.h"

struct tenon_cache; /* remotecache.c */
struct tenon_ahead; /* cacheahead.c */
struct tenon_attesting; /* attesters.c */

struct tenon_mount_offer { /* a cache mount that an imported cache has; cachemounts.c */
    char *id;
    struct tenon_cache *cache;
    struct tenon_digest digest; /* of its index */
    int64_t size;
};

struct tenon_left { /* of a step that failed; leftovers.c */
    const struct tenon_vertex *vertex; /* stands for it */
    const struct tenon_chain *chain;   /* what it is; the engine's */
};

struct tenon_build {
    struct tenon_engine *engine;
    struct tenon_graph *graph;
    struct tenon_solver *solver;
    pthread_mutex_t lock; /* tempdir to ended, and what is in them: frontends have threads */
    struct tenon_result result;
    struct tenon_tempdir *tempdir;      /* mounts of references; made when needed */
    unsigned mounts;                    /* made in it so far */
    unsigned frontends;                 /* called so far */
    atomic_bool has_guests;             /* caches that a frontend named, not the user */
    size_t warned;                      /* bytes of warnings by frontends */
    size_t cache_bytes;                 /* of the documents of caches */
    TENON_VEC(struct tenon_ref *) refs; /* all of this build */
    TENON_VEC(struct tenon_left) lefts;
    TENON_VEC(struct tenon_process *) ended; /* frontends' own; process.c clears them away */
    TENON_VEC(const char *) sources;    /* file names registered; graph numbers */
    TENON_VEC(struct tenon_cache *) caches; /* remotecache.c */
    TENON_VEC(const struct tenon_import *) imports;
    struct tenon_ahead *ahead; /* NULL: nothing is sent while steps run */
    struct tenon_mount_ahead *mount_ahead; /* NULL: no import has cache mounts, or none is wanted */
    TENON_VEC(struct tenon_mount_offer) mount_offers; /* complete before the first step */
    TENON_VEC(struct tenon_attesting *) attesting;
    const char *const *options;  /* of the request: borrowed while it runs */
    TENON_VEC(struct tenon_asked *) asked; /* asked.c */
    struct tenon_asked *driven;  /* the request of who drives; NULL: nobody, or a frontend's */
    struct tenon_producers *producers; /* the engine's, or its own */
    uint64_t started_ns;
    int64_t compatibility; /* of the request; the newest is a number, too */
    bool inline_cache; /* images say what their layers came from */
    struct tenon_waiting waiting; /* for the store's records */
    int imports_turn; /* eventfd, whose one is who may change caches, imports: frontends add some */
};

extern const struct tenon_bridge tenon_build_bridge;

/* The build that a graph belongs to: the bridge's functions get the graph. */
struct tenon_build *tenon_build_of(struct tenon_graph *g);
/* The same by the engine of a ctx. */
struct tenon_build *tenon_build_current(struct tenon_engine *engine);

/* Calls a frontend by the name of its plugin.  caller: another frontend's, NULL for the
 * build.  bridge: tenon_build_bridge, which calls this itself. */
int tenon_build_frontend(struct tenon_build *b, const struct tenon_bridge *bridge,
                         struct tenon_ctx *caller, const struct tenon_frontend_call *call,
                         struct tenon_result *result, struct tenon_error *err);
/* The same by the driver of the request, whose ctx lasts as long as the call. */
int tenon_build_drive(struct tenon_build *b, const struct tenon_bridge *bridge,
                      const struct tenon_build_request *req, struct tenon_error *err);

/* platformcheck.c: warns where the result is not of the platforms that were asked for, a list with
 * commas, or NULL. */
void tenon_build_check_platforms(struct tenon_build *b, const char *option);

/* A reference to what may not have been made yet; the build's. */
struct tenon_ref *tenon_build_ref_new(struct tenon_build *b, struct tenon_edge edge);

/* What the vertex stands for, a mount of a step that failed; NULL: it does not. */
const struct tenon_chain *tenon_build_left(struct tenon_build *b, const struct tenon_vertex *v);

/* leftovers.c: the bridge's. */
void tenon_build_keep_failures(struct tenon_ctx *ctx, struct tenon_graph *g);
int tenon_build_failure(struct tenon_ctx *ctx, struct tenon_graph *g, const struct tenon_error *of,
                        struct tenon_failure *out, struct tenon_error *err);

/* process.c: the bridge's. */
int tenon_process_start(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
                        const int32_t stdio[3], struct tenon_process **out,
                        struct tenon_error *err);
void tenon_process_kill(struct tenon_process *p);
int tenon_process_signal(struct tenon_process *p, int32_t number, struct tenon_error *err);
int tenon_process_wait(struct tenon_process *p, int32_t *wait_status, struct tenon_error *err);
/* At the end of the build: nothing is left of those that its frontends had. */
void tenon_processes_clear(struct tenon_build *b);

/* containers.c: the bridge's. */
int tenon_container_new(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
                        struct tenon_container **out, struct tenon_error *err);
void tenon_container_release(struct tenon_container *c);
int tenon_container_start(struct tenon_container *c, struct tenon_node *n, const int32_t stdio[3],
                          struct tenon_process **out, struct tenon_error *err);
/* A directory of it: an O_PATH descriptor, the caller's. */
int tenon_container_root(struct tenon_container *c, const char *target, struct tenon_error *err);
/* Whose a file there is, as those in it have it. */
void tenon_container_owner(struct tenon_container *c, uint32_t *uid, uint32_t *gid);

/* O_PATH descriptor of a reference's tree, mounted when it must be; the
 * reference's.  Runs what is needed. */
int tenon_build_ref_root(struct tenon_build *b, struct tenon_ref *ref,
                         struct tenon_cancel *cancel, struct tenon_error *err);
int tenon_build_ref_solve(struct tenon_build *b, struct tenon_ref *ref,
                          struct tenon_cancel *cancel, struct tenon_error *err);

#endif

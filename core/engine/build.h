/* engine/build.h - one build from request to exports. */
#ifndef TENON_ENGINE_BUILD_H
#define TENON_ENGINE_BUILD_H

#include "context/engine.h"
#include "engine/result.h"

struct tenon_export { /* one -o, --cache-from or --cache-to */
    char *type;    /* exporter or cache plugin */
    char **pairs;  /* "k=v", NULL at the end */
};

struct tenon_attest { /* one --attest */
    enum tenon_kind kind; /* of the plugin: an attester, or a scanner */
    char *name;
    char **pairs;
};

struct tenon_build;
struct tenon_build_request {
    /* A plugin; of a driver the one that it calls, NULL: none, and what it asks for is asked for
     * by this request. */
    const char *frontend;
    /* Or, in its place, who describes the build: the caller itself, called as a frontend. */
    const struct tenon_frontend_ops *driver;
    void *driver_self;
    const char *const *options; /* BuildKit's frontend options, sorted "k=v" */
    const struct tenon_export *exports; /* a driver may add some until it returns: unchecked */
    size_t export_count;
    const struct tenon_export *cache_from, *cache_to; /* --cache-from, --cache-to */
    size_t cache_from_count, cache_to_count;
    const struct tenon_attest *attests;
    size_t attest_count;
    bool inline_cache; /* --cache-to type=inline: images say what their layers came from */
    int64_t compatibility; /* BuildKit's number (compatibility.h), 0: the newest */
    bool lock_only; /* no step runs and nothing is exported: the engine's lock is filled */
    void (*explain)(void *data, const char *vertex, const char *text);
    void *explain_data;
    /* Optional.  After each export, with what it has answered to the result. */
    int (*exported)(void *data, const struct tenon_export *x, const struct tenon_result *r,
                    struct tenon_error *err);
    void *exported_data;
    /* All is done, and what the build knows can still be asked for; or NULL. */
    void (*look_back)(void *data, struct tenon_build *b);
    void *look_back_data;
};

/* The build as an object: its graph and references live until it is freed, so
 * that errors can show where they come from. */
struct tenon_build *tenon_build_new(struct tenon_engine *engine);
/* Types, options and places of exports and caches: what is certain to fail later
 * fails here.  Nothing is run or written; before tenon_build_run. */
int tenon_build_check(struct tenon_build *b, const struct tenon_build_request *req,
                      struct tenon_error *err);
/* The same of exports alone, from the first-th on: a driver that may add some has them checked. */
int tenon_build_check_exports(struct tenon_build *b, const struct tenon_build_request *req,
                              size_t first, struct tenon_error *err);
/* Blocking; from the main thread, once. */
int tenon_build_run(struct tenon_build *b, const struct tenon_build_request *req,
                    struct tenon_error *err);
/* By a driver that calls no frontend: the inputs of its request, before it asks for anything. */
void tenon_build_drive_inputs(struct tenon_graph *g, const struct tenon_named_ref *inputs,
                              size_t count);
/* By who looks back: something more is said about its result, which no export has. */
int tenon_build_attest(struct tenon_build *b, const struct tenon_attest *attest,
                       struct tenon_error *err);
const struct tenon_result *tenon_build_result(const struct tenon_build *b);
struct tenon_graph *tenon_build_graph(const struct tenon_build *b);
/* Source of a build file by name, for the excerpt of an error. */
const struct tenon_graph_source *
tenon_build_source(const struct tenon_build *b, const char *filename);
void tenon_build_free(struct tenon_build *b);

#endif

/* convert/build.h - one request to the frontend, and what its files share: the host, the
 * options, the build file, the contexts.
 *
 * Lives for one call of solve(); one thread.  Everything it points to is in
 * its arena or belongs to the host's ctx. */
#ifndef DF_BUILD_H
#define DF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon-plugin.h>

#include "language/arena.h"
#include "language/instructions.h"
#include "language/language.h"
#include "platform.h"
#include "tools/ulimit.h"

struct df_context_cache;
struct df_meta_cache;

struct df_host_ip {
    const char *host, *ip;
};

/* The options of a request, read and checked; options.c. */
struct df_config {
    const struct df_platform *host;       /* this machine */
    const struct df_platform **platforms; /* wanted; none: the host's */
    size_t platforms_len;
    bool multi_platform;
    const char *resolve_mode; /* "default", "pull", "local" */
    const char *network;      /* "sandbox", "none", "host" */
    const char *target, *hostname, *cgroup_parent, *cache_namespace;
    int64_t shm_bytes; /* 0: default */
    struct df_pairs build_args, labels; /* sorted */
    struct df_host_ip *hosts;
    size_t hosts_len;
    struct tenon_ulimit *ulimits;
    size_t ulimits_len;
    struct df_pairs resources; /* "memory" ... as the graph names them */
    struct df_list no_cache;   /* stages; see no_cache_given */
    bool no_cache_given;       /* with an empty list: all stages */
    bool lint_given;           /* BUILDKIT_DOCKERFILE_CHECK */
    struct df_lint_config lint;
};

struct df_build {
    const struct tenon_host *host;
    const struct tenon_bridge *bridge;
    struct tenon_ctx *ctx;
    struct tenon_graph *graph;
    struct df_arena *arena;
    const char *const *options;
    const struct tenon_named_ref *inputs; /* of another frontend */
    size_t input_count;
    struct df_config config;

    /* The build file; load.c. */
    const char *filename;
    const char *text;
    size_t text_len;
    uint32_t source;        /* of graph_source */
    const char *definition; /* digest of the vertex that loads it */
    const void *definition_op; /* which is this; NULL when it needs others */
    size_t definition_len;
    bool have_source;       /* text is there: errors may point into it */
    struct df_lines fail_lines; /* where the last error was put */
    struct df_lines shown_lines; /* the same, or where df_show_at() put it */

    struct df_context_cache *contexts; /* load.c */
    struct df_meta_cache *metas;       /* meta.c */
};

/* ---- options.c ---- */

/* The value of an option of the request, or NULL. */
const char *df_option(const struct df_build *b, const char *key);
/* What another frontend gave under this name, or NULL. */
const struct tenon_named_ref *df_input(const struct df_build *b, const char *name);
int df_options_read(struct df_build *b, const char *host_platform,
                    struct tenon_error *err);
/* The value of a --build-arg, or NULL. */
const char *df_build_arg(const struct df_build *b, const char *name);
bool df_is_no_cache(const struct df_build *b, const char *stage);

/* ---- fail.c ---- */

/* Fail with the user's input; lines may be zero. */
int df_fail(struct df_build *b, struct tenon_error *err, struct df_lines lines,
            const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Add lines to an error that has none yet. */
int df_fail_at(struct df_build *b, struct tenon_error *err,
               struct df_lines lines);
/* The same for an error that has no place in BuildKit: it is shown with one, and
 * the answer of a check has none. */
int df_show_at(struct df_build *b, struct tenon_error *err,
               struct df_lines lines);
/* The first problem of a list as the error. */
int df_fail_problem(struct df_build *b, struct tenon_error *err,
                    const struct df_problems *problems);
/* Further problems, after the one that the error is about. */
void df_fail_further(struct df_build *b, struct tenon_error *err,
                     const struct df_problems *problems);
/* Adds " (did you mean X?)" to the error when something is near. */
int df_fail_suggest(struct df_build *b, struct tenon_error *err,
                    const char *word, const char *const *options);

#endif

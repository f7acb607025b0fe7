/* engine/sources.h - sources of a build are held to its policies and its lock file, wherever
 * they come from: a frontend's question, a node, a definition. */
#ifndef TENON_ENGINE_SOURCES_H
#define TENON_ENGINE_SOURCES_H

#include "engine/build_private.h"
#include "policy/policy.h"

/* Somebody who decides about each source when policies have: the engine's `judge`. */
struct tenon_judge {
    /* 0: s may be used; 1: it is another now, and all are asked about that; negative: it may not.
     * platform: "linux/amd64", or NULL.  *left is how often may be asked about this source, and
     * counts down.  Any thread, for several sources at once. */
    int (*judge)(void *data, struct tenon_build *b, struct tenon_policy_source *s,
                 const char *platform, unsigned *left, struct tenon_error *err);
    void *data;
};
enum { TENON_JUDGE_QUESTIONS = 10 };

struct tenon_verdict;
/* Policies of one call of a frontend, and what was decided about sources before its definition
 * is loaded. */
struct tenon_policy_list {
    TENON_VEC(const struct tenon_policy *) list;
    TENON_VEC(struct tenon_verdict *) verdicts;
};
/* JSON documents, NULL at the end; texts NULL: none. */
int tenon_policy_list_parse(const char *const *texts, struct tenon_policy_list *out,
                            struct tenon_error *err);
void tenon_policy_list_release(struct tenon_policy_list *l);

/* A filter of graphs; data: the build, more: a tenon_policy_list. */
tenon_source_filter tenon_sources_filter;
/* resolve_source_meta of the bridge. */
int tenon_sources_meta(struct tenon_build *b, struct tenon_ctx *ctx,
                       const struct tenon_source_query *q, struct tenon_source_meta *out,
                       struct tenon_error *err);
/* A judge may take its time: it decides about all sources of a definition at once, and before the
 * graph is locked. */
int tenon_sources_judge(struct tenon_build *b, const void *def, size_t len,
                        struct tenon_policy_list *list, struct tenon_error *err);
/* What a source is, whatever policies say. */
int tenon_sources_ask(struct tenon_build *b, struct tenon_ctx *ctx,
                      const struct tenon_source_query *q, struct tenon_source_meta *out,
                      struct tenon_error *err);
/* For a lock file: what the sources of a result stand for, though nothing else is run. */
int tenon_sources_lock(struct tenon_build *b, struct tenon_error *err);

#endif

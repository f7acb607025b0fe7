/* engine/sources.h - sources of a build are held to its policies and its lock file, wherever
 * they come from: a frontend's question, a node, a definition. */
#ifndef TENON_ENGINE_SOURCES_H
#define TENON_ENGINE_SOURCES_H

#include "engine/build_private.h"
#include "policy/policy.h"

/* Policies of one call of a frontend. */
struct tenon_policy_list {
    TENON_VEC(const struct tenon_policy *) list;
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
/* For a lock file: what the sources of a result stand for, though nothing else is run. */
int tenon_sources_lock(struct tenon_build *b, struct tenon_error *err);

#endif

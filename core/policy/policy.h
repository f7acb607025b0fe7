/* policy/policy.h - source policies: rules that allow, deny or replace sources.
 *
 * The language is BuildKit's (docs/policies.md): a document of rules in order, each with a
 * selector. Rules never see more than a source's identifier and attributes. */
#ifndef TENON_POLICY_POLICY_H
#define TENON_POLICY_POLICY_H

#include <stddef.h>

#include "base/error.h"

enum { TENON_POLICY_MAX = 16 << 20 }; /* bytes of a document */

struct tenon_policy; /* immutable; any thread */

/* A document as JSON. INVALID for what means nothing: a rule that cannot be understood must
 * not be passed over. */
int tenon_policy_parse(const char *text, size_t len, struct tenon_policy **out,
                       struct tenon_error *err);
void tenon_policy_free(struct tenon_policy *p);

struct tenon_policy_source { /* owns its strings */
    char *identifier; /* "docker-image://docker.io/library/alpine:3" */
    char **attrs;     /* "k=v" each, NULL at the end; or NULL */
};
void tenon_policy_source_release(struct tenon_policy_source *s);
/* NULL: it is not there. */
const char *tenon_policy_source_attr(const struct tenon_policy_source *s, const char *key);
/* 1: that changed it, 0: it was so already. */
int tenon_policy_source_set(struct tenon_policy_source *s, const char *key, const char *value);

/* Holds a source to policies: 1 when one of them changed it (several may, one after the other),
 * 0 when it is as it was; DENIED when it may not be used, INVALID for a rule that cannot be
 * applied to it, LIMIT when rules change it without end. */
int tenon_policies_apply(const struct tenon_policy *const *list, size_t count,
                         struct tenon_policy_source *s, struct tenon_error *err);
/* DENIED when it is a repository that is not fetched from where its name says: what decides by
 * names cannot decide about it.  With a list that is not empty the above has looked. */
int tenon_policy_check_repository(const struct tenon_policy_source *s, struct tenon_error *err);

#endif

/* engine/facts.h - what a build knows about one of its results: for the predicates that attesters
 * make of it (docs/attestations.md has its members). */
#ifndef TENON_ENGINE_FACTS_H
#define TENON_ENGINE_FACTS_H

#include "tenon-plugin.h"

/* For the host table. */
int tenon_host_result_facts(struct tenon_ctx *ctx, const struct tenon_result *r, size_t i,
                            uint32_t flags, const char **json, struct tenon_error *err);

#endif

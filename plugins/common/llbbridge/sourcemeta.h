/* common/llbbridge/sourcemeta.h - questions about sources, and the answers, as messages. */
#ifndef TENON_COMMON_LLBBRIDGE_SOURCEMETA_H
#define TENON_COMMON_LLBBRIDGE_SOURCEMETA_H

#include <tenon-plugin.h>

#include "llbbridge.h"

/* What asked->source, which is there, is asked about; without policies.  All of it is the arena's,
 * or the message's. */
struct tenon_source_query gateway_query(struct tenon_arena *arena,
                                        const struct gw_resolve_meta *asked);
/* The answer to it. */
const struct gw_meta *gateway_meta(struct tenon_arena *arena, const struct gw_resolve_meta *asked,
                                   const struct tenon_source_meta *meta);

/* Identifier and "k=v" attributes (NULL at the end) as one. */
struct gw_source gateway_source(struct tenon_arena *arena, const char *identifier,
                                const char *const *attrs);
/* "k=v", sorted; NULL at the end. */
const char **gateway_join(struct tenon_arena *arena, const struct message_list *pairs);
/* "linux/arm/v7" in its parts. */
struct gw_platform gateway_split_platform(struct tenon_arena *arena, const char *text);
/* NULL: it is none. */
const char *gateway_join_platform(struct tenon_arena *arena, const struct gw_platform *p);

#endif

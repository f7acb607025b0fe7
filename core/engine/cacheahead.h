/* engine/cacheahead.h - --cache-to mode=max begins while steps run: layers of what is made are
 * compressed and sent by a thread, so that little is left for the end. What fails here is tried
 * again there, and said there. */
#ifndef TENON_ENGINE_CACHEAHEAD_H
#define TENON_ENGINE_CACHEAHEAD_H

#include "engine/build_private.h"

struct tenon_ahead;
/* NULL: there is nothing that could be sent ahead. */
struct tenon_ahead *tenon_ahead_new(struct tenon_build *b, const struct tenon_build_request *req);
/* A step has this result; apart: it rests on what an import says. The solver's loop. */
void tenon_ahead_made(void *ahead, const struct tenon_chain *chain, bool apart);
/* What is under way ends, or with failed is given up; nothing else begins, whatever is made. NULL
 * is fine, and so is a second time. */
void tenon_ahead_end(struct tenon_ahead *a, bool failed);
/* After the solver's loop, and tenon_ahead_end. */
void tenon_ahead_free(struct tenon_ahead *a);

#endif

/* serve/sessionexports.h - results of a build that its client chooses when it has seen what came
 * out of it (moby.exporter.v1.Exporter), and is told of. */
#ifndef TENON_SERVE_SESSIONEXPORTS_H
#define TENON_SERVE_SESSIONEXPORTS_H

#include "base/error.h"
#include "callset.h"
#include "ctlmessages.h"

struct tunnel;

/* Into *out, in the arena; a client that has no such service, or not now, chooses nothing. */
int sessionexports_find(struct callset *asked, const struct tunnel *t, const struct ses_find *what,
                        struct tenon_arena *arena, struct ses_found *out, struct tenon_error *err);
/* All is written, and this is the answer. */
int sessionexports_finalize(struct callset *asked, const struct tunnel *t,
                            const struct ctl_solved *reply, struct tenon_error *err);

#endif

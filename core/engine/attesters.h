/* engine/attesters.h - who says something about the result of a build: attesters and scanners. */
#ifndef TENON_ENGINE_ATTESTERS_H
#define TENON_ENGINE_ATTESTERS_H

#include "engine/build_private.h"

/* Names and options: what is certain to fail later fails here. */
int tenon_attesters_check(struct tenon_build *b, const struct tenon_build_request *req,
                          struct tenon_error *err);
/* Before the exports, and after them.  bridge: tenon_build_bridge. */
int tenon_attesters_run(struct tenon_build *b, const struct tenon_bridge *bridge,
                        const struct tenon_build_request *req, struct tenon_error *err);
int tenon_attesters_respond(struct tenon_build *b, const struct tenon_bridge *bridge,
                            struct tenon_error *err);
void tenon_attesters_free(struct tenon_build *b);

#endif

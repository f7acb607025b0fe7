/* cli/buildrecord.h - the record of a build of the command (history/history.h). */
#ifndef TENON_CLI_BUILDRECORD_H
#define TENON_CLI_BUILDRECORD_H

#include "buildflags.h"
#include "engine/build.h"

struct build_record;
/* NULL: none is kept of what is asked about a build file, or for its lock file. */
struct build_record *build_record_new(const struct build_flags *f, struct tenon_engine *engine);
void build_record_free(struct build_record *r); /* NULL is fine */
/* For tenon_events_keep. */
void build_record_event(void *data, const struct tenon_event *ev);
/* For tenon_build_request: what came out. */
void build_record_outcome(void *data, struct tenon_build *b);
/* No event comes any more; err as the build left it. r NULL is fine. */
void build_record_finish(struct build_record *r, const struct tenon_build_request *request,
                         const struct tenon_build *b, const struct tenon_error *err);

#endif

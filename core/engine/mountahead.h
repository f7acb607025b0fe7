/* engine/mountahead.h - cache mounts of an import come while the inputs of the step that wants them
 * are made (fetched, unpacked): by a thread, into the store. What fails is tried again by the
 * step, and said there. */
#ifndef TENON_ENGINE_MOUNTAHEAD_H
#define TENON_ENGINE_MOUNTAHEAD_H

#include "engine/build_private.h"

/* A step will run that has cache mounts of these ids; build is a struct tenon_build. The solver's
 * loop. */
void tenon_mount_ahead_want(void *build, char *const *ids);
/* What is under way is given up. After the solver's end; a second time is fine. */
void tenon_mount_ahead_end(struct tenon_build *b);

#endif

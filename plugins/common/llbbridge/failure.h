/* common/llbbridge/failure.h - a step that failed, as BuildKit's errdefs.Solve tells it: the names
 * of references to what was in its mounts, and to what is there now. */
#ifndef TENON_COMMON_LLBBRIDGE_FAILURE_H
#define TENON_COMMON_LLBBRIDGE_FAILURE_H

#include "serving.h"

#define FAILURE_DETAIL "errdefs.Solve"

/* Adds that to the error of the call, if there is such a step. */
void failure_add(struct serving *s);
void failure_release(struct gateway *gw);

#endif

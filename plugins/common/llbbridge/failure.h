/* common/llbbridge/failure.h - what failed, as BuildKit's errdefs.Solve tells it: the operation,
 * and the names of references to what it had before, and to what is there now. */
#ifndef TENON_COMMON_LLBBRIDGE_FAILURE_H
#define TENON_COMMON_LLBBRIDGE_FAILURE_H

#include "serving.h"

#define FAILURE_DETAIL "errdefs.Solve"

/* Adds that to the error of the call, if it is that of an operation. */
void failure_add(struct serving *s);
void failure_release(struct gateway *gw);

#endif

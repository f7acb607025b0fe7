/* serve/budget.h - bytes that the client of one build may bring: contexts, blobs.  Any thread. */
#ifndef TENON_SERVE_BUDGET_H
#define TENON_SERVE_BUDGET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BUDGET_BYTES_MAX (INT64_C(256) << 30)

struct budget {
    _Atomic int64_t taken;
};

int budget_take(struct budget *b, size_t bytes, struct tenon_error *err);

#endif

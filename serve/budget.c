/* serve/budget.c - a sum, and its limit. */
#include "budget.h"

int
budget_take(struct budget *b, size_t bytes, struct tenon_error *err)
{
    if (atomic_fetch_add(&b->taken, (int64_t)bytes) + (int64_t)bytes <= BUDGET_BYTES_MAX)
        return TENON_OK;
    return tenon_error_set(err, TENON_E_LIMIT, "the client brings more than %d GiB to one build",
                           (int)(BUDGET_BYTES_MAX >> 30));
}

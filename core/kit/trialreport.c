/* kit/trialreport.c - what a trial found: see trial.h. */
#include "kit/trial.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "kit/private.h"

void
tenon_trial_add(struct tenon_trial_report *r, enum tenon_trial_outcome outcome,
                const char *name, const char *fmt, ...)
{
    struct tenon_trial_result result = {.outcome = outcome,
                                        .name = tenon_strdup(name)};
    va_list ap;
    va_start(ap, fmt);
    result.text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    tenon_vec_push(&r->results, result);
    r->count[outcome]++;
}

void
tenon_trial_report_release(struct tenon_trial_report *r)
{
    tenon_vec_foreach (x, &r->results) {
        free(x->name);
        free(x->text);
    }
    tenon_vec_release(&r->results);
    free(r->plugin);
    memset(r, 0, sizeof *r);
}

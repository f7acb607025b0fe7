/* registry/patience.h - what is worth another try, when, and for how long. */
#ifndef TENON_REGISTRY_PATIENCE_H
#define TENON_REGISTRY_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"

/* Of one operation (a blob, a manifest, a token), whatever number of requests it takes.  One
 * thread. */
struct tenon_patience {
    uint64_t first_ns; /* pause before the second try, and none is shorter */
    uint64_t total_ns; /* of all pauses */
    uint64_t spent_ns;
    unsigned pauses;   /* so far */
    unsigned unasked;  /* of these, for a server that did not say when to come back */
    bool over;         /* there have been enough */
};

/* May a later answer be another one? */
bool tenon_status_is_transient(long status);
/* Wait before the next try: longer each time, by a different amount for each of those who wait
 * for the same, and at least after_ns, when the server said so (0: it did not).  LIMIT when there
 * have been enough of them, with nothing in err; CANCELLED. */
int tenon_patience_pause(struct tenon_patience *p, uint64_t after_ns, struct tenon_cancel *cancel,
                         struct tenon_error *err);
/* There was progress: from the beginning again. */
void tenon_patience_renew(struct tenon_patience *p);

/* "120" or a date, as an answer's Retry-After, or NULL; date is the answer's Date, or NULL.
 * 0 when it is neither, and never 0 for "now". */
uint64_t tenon_retry_after(const char *text, const char *date);

#endif

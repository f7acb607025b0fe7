/* history/stepcount.h - how many steps a build had, as BuildKit's records count them. */
#ifndef TENON_HISTORY_STEPCOUNT_H
#define TENON_HISTORY_STEPCOUNT_H

#include "context/events.h"

enum { STEPCOUNT_MAX = 1000000 }; /* steps that are told apart */

struct stepcount_one;
struct stepcount { /* zero at first */
    struct stepcount_one *all;
    size_t total, cached, finished, warnings;
};
void stepcount_add(struct stepcount *c, const struct tenon_event *ev);
void stepcount_release(struct stepcount *c);

#endif

/* history/stepcount.c - steps by their digests. */
#include "stepcount.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "tools/alloc.h"

struct stepcount_one {
    char *digest;
    bool is_cached, is_finished;
    UT_hash_handle hh;
};

void
stepcount_add(struct stepcount *c, const struct tenon_event *ev)
{
    struct stepcount_one *one = NULL;

    c->warnings += ev->type == TENON_EVENT_WARNING;
    if (ev->type != TENON_EVENT_VERTEX || !ev->vertex)
        return;
    HASH_FIND_STR(c->all, ev->vertex, one);
    if (!one && c->total >= STEPCOUNT_MAX)
        return;
    if (!one) {
        one = tenon_new0(struct stepcount_one);
        one->digest = tenon_strdup(ev->vertex);
        HASH_ADD_KEYPTR(hh, c->all, one->digest, strlen(one->digest), one);
        c->total++;
    }
    if (!one->is_cached && ev->flags & TENON_EVENT_CACHED) {
        one->is_cached = true;
        c->cached++;
    }
    if (!one->is_finished && ev->completed_ns) {
        one->is_finished = true;
        c->finished++;
    }
}

void
stepcount_release(struct stepcount *c)
{
    struct stepcount_one *one, *next;

    HASH_ITER(hh, c->all, one, next) {
        HASH_DEL(c->all, one);
        free(one->digest);
        free(one);
    }
    *c = (struct stepcount){0};
}

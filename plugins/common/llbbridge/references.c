/* common/llbbridge/references.c - references, by what the program calls them: numbers in a table of
 * this program's. */
#include "gateway.h"

#include <stdio.h>

bool
gateway_name_ref(struct gateway *gw, struct tenon_ref *ref, char name[GATEWAY_NAME_MAX])
{
    pthread_mutex_lock(&gw->lock);
    bool full = gw->refs.len >= GATEWAY_REFS_MAX;
    if (!full)
        tenon_vec_push(&gw->refs, ref);
    snprintf(name, GATEWAY_NAME_MAX, "ref-%zu", gw->refs.len);
    pthread_mutex_unlock(&gw->lock);
    return !full;
}

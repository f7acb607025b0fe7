/* registry/leftout.c - see leftout.h. */
#include "registry/leftout.h"

#include <stdio.h>
#include <uthash.h>

#include "image/nondist.h"
#include "tools/alloc.h"

struct tenon_leftout_layer {
    char digest[TENON_DIGEST_STR_LEN + 1];
    bool is_needed;
    UT_hash_handle hh;
};

static void
note(struct tenon_leftout *l, const char *digest, bool is_needed)
{
    struct tenon_leftout_layer *there;
    HASH_FIND_STR(l->layers, digest, there);
    if (!there) {
        there = tenon_new0(struct tenon_leftout_layer);
        snprintf(there->digest, sizeof there->digest, "%s", digest);
        HASH_ADD_STR(l->layers, digest, there);
    }
    there->is_needed = there->is_needed || is_needed;
}

void
tenon_leftout_add(struct tenon_leftout *l, const struct tenon_manifest *m)
{
    for (size_t i = 0; i < m->layer_count; i++)
        note(l, m->layers[i].digest,
             !m->urls[i] || !tenon_media_is_nondist(m->layers[i].media_type));
}

bool
tenon_leftout_has(const struct tenon_leftout *l, const char *digest)
{
    struct tenon_leftout_layer *there;
    HASH_FIND_STR(l->layers, digest, there);
    return there && !there->is_needed;
}

void
tenon_leftout_release(struct tenon_leftout *l)
{
    struct tenon_leftout_layer *i, *next;
    HASH_ITER(hh, l->layers, i, next) {
        HASH_DEL(l->layers, i);
        free(i);
    }
}

/* solve/layerset.h - layers, from wherever they come, to snapshots. */
#ifndef TENON_SOLVE_LAYERSET_H
#define TENON_SOLVE_LAYERSET_H

#include "solve/private.h"

struct layer_set {
    struct tenon_store *store;
    struct tenon_ctx *ctx; /* status lines go there */
    struct tenon_cancel *cancel;
    const struct tenon_descriptor *const *layers; /* lowest first, with diff ids */
    size_t count;
    /* Have the blob of layer i in the content store; several threads. */
    int (*fetch)(void *data, size_t i, struct tenon_error *err);
    /* As what the blob of layer i is remembered beside its snapshot; NULL: an image's, all as
     * a base's. */
    const char *(*variant)(void *data, size_t i);
    void *data;
};

/* The chain of all layers, when all are unpacked; else out may hold some.  as_base: they are an
 * image's, and remembered as such. */
bool layers_there(struct tenon_store *store, const struct tenon_descriptor *const *layers,
                  size_t count, bool as_base, struct tenon_chain *out);
/* The same, making what is missing. */
int layers_make(const struct layer_set *set, struct tenon_chain *out,
                struct tenon_error *err);

#endif

/* convert/vars.h - an environment: names and values in the order of their last assignment, as
 * BuildKit's graph client keeps them. */
#ifndef DF_VARS_H
#define DF_VARS_H

#include "index.h"
#include "language/arena.h"
#include "language/instructions.h"
#include "language/word.h"

struct df_vars { /* `= {0}` is empty */
    struct df_pair *items; /* key NULL: was deleted; see df_vars_next() */
    size_t len, cap, live;
    struct df_index index;
    size_t indexed; /* the number of items that are in it */
    size_t sets;    /* a few are not worth an index */
    struct df_tail *tail; /* of items */
};

const char *df_vars_get(const struct df_vars *v, const char *name);
void df_vars_set(struct df_arena *a, struct df_vars *v, const char *name,
                 const char *value);
void df_vars_delete(struct df_arena *a, struct df_vars *v, const char *name);
/* Shares the items as long as nothing in them changes. */
void df_vars_clone(struct df_arena *a, const struct df_vars *src,
                   struct df_vars *out);
/* The next one from *at = 0 on, or NULL. */
const struct df_pair *df_vars_next(const struct df_vars *v, size_t *at);
/* As word.h wants it; borrows v. */
struct df_env df_vars_env(const struct df_vars *v);
/* "K=V", NULL-terminated. */
const char **df_vars_list(struct df_arena *a, const struct df_vars *v);

#endif

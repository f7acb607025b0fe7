/* store/named.h - the blobs that images with a name consist of: no collector takes them. */
#ifndef TENON_STORE_NAMED_H
#define TENON_STORE_NAMED_H

#include "tools/vec.h"
#include "store/private.h"

struct store_named {
    TENON_VEC(char *) digests;
};
int store_named_list(struct tenon_store *s, struct store_named *k, struct tenon_error *err);
/* Those of one image alone, whose manifest or index this is. */
void store_named_add(struct tenon_store *s, const char *digest, struct store_named *k);
bool store_is_named(const struct store_named *k, const char *digest);
void store_named_release(struct store_named *k);

#endif

/* common/export/seen.h - what an output has already, by path: for several platforms in one
 * tree, and for what is to be removed beside it. */
#ifndef TENON_COMMON_EXPORT_SEEN_H
#define TENON_COMMON_EXPORT_SEEN_H

#include "walk.h"

struct export_seen_path;
struct export_seen { /* zero is empty */
    struct export_seen_path *table;
    size_t size, used;
};

/* 0: it is new.  1: a directory that another platform brought, too.  INVALID: a file
 * that one did.  platform stays the caller's. */
int export_seen_add(const struct tenon_host *host, struct export_seen *s,
                       const struct export_entry *e, const char *platform,
                       struct tenon_error *err);
bool export_seen_has(const struct export_seen *s, const char *path);
void export_seen_release(struct export_seen *s);

#endif

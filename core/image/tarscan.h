/* image/tarscan.h - a tar that passes by in pieces of any size: what is in it, and which bytes
 * are a file's.  Nothing is unpacked or changed, and the archive is not trusted. */
#ifndef TENON_IMAGE_TARSCAN_H
#define TENON_IMAGE_TARSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tools/cleanup.h"
#include "tools/tarheader.h"

struct tenon_tarscan_entry { /* lives until the next call */
    char type;         /* TENON_TAR_* */
    const char *name;  /* as it is written: a directory's may end with '/' */
    const char *link;  /* of links; "" of others */
    const char *user, *group; /* "" where there is none */
    int64_t mode, uid, gid, mtime, size, major, minor;
    const struct tenon_tar_xattr *xattrs; /* sorted by name */
    size_t xattr_count;
    bool is_plain; /* its headers say nothing else, and it is in whole seconds */
};

struct tenon_tarscan_ops {
    /* Its headers have passed, its data come next. */
    int (*entry)(void *data, const struct tenon_tarscan_entry *e, struct tenon_error *err);
    /* All bytes of the archive in their order; is_content: of the last entry's file. */
    int (*bytes)(void *data, const void *buf, size_t len, bool is_content,
                 struct tenon_error *err);
};

struct tenon_tarscan;
struct tenon_tarscan *tenon_tarscan_new(const struct tenon_tarscan_ops *ops, void *data);
void tenon_tarscan_free(struct tenon_tarscan *s);
TENON_DEFINE_AUTO(tarscan, struct tenon_tarscan *, tenon_tarscan_free);
#define auto_tarscan __attribute__((cleanup(tenon_auto_tarscan)))
/* CORRUPT: no tar; UNSUPPORTED: an entry of a kind that images do not have (sparse files);
 * LIMIT: more of names and attributes than an entry may have. */
int tenon_tarscan_write(struct tenon_tarscan *s, const void *buf, size_t len,
                        struct tenon_error *err);
/* The archive is whole. */
int tenon_tarscan_finish(const struct tenon_tarscan *s, struct tenon_error *err);

#endif

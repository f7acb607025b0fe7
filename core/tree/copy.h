/* tree/copy.h - one copy action at work; private to core/tree. */
#ifndef TENON_TREE_COPY_H
#define TENON_TREE_COPY_H

#include "base/aside.h"
#include "tools/buf.h"
#include "tree/view.h"

struct tenon_link_map; /* uthash, in copy_file.c */

/* A directory of the source and its place in the destination, which may not
 * be there yet: with include patterns it is made for the first thing below. */
struct tenon_copy_dir {
    struct tenon_copy_dir *up;
    struct tenon_entry *from;
    const char *name;  /* in up */
    int to_fd;         /* -1: not made or opened yet, or set aside */
    int from_fd;       /* -1: not opened yet */
    unsigned depth;    /* below what was opened first */
    struct tenon_aside aside; /* to_fd, while one in it is at hand */
    bool created;      /* by us */
    bool overwrite;    /* what was there gets our attributes */
};

struct tenon_copier {
    const struct tenon_copy *c;
    struct tenon_view *view;
    int dst;
    struct tenon_patterns *include, *exclude; /* NULL: none */
    struct tenon_link_map *links; /* of this one source */
    char *to;                     /* resolved path of the top */
    struct tenon_buf path;        /* of the entry, below the top */
    struct tenon_cancel *cancel;
    struct tenon_error *err;
};

/* Owner, mode, extended attributes and times of a directory. */
int tenon_copy_dir_info(struct tenon_copier *k, struct tenon_copy_dir *d);
int tenon_copy_dir_times(struct tenon_copier *k, struct tenon_copy_dir *d);
/* Anything but a directory, into d (which is there) under name. */
int tenon_copy_leaf(struct tenon_copier *k, struct tenon_copy_dir *d,
                    struct tenon_entry *e, const char *name);
void tenon_copy_forget_links(struct tenon_copier *k);

#endif

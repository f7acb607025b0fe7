/* compare/filetree.h - what is in a tree of files, for comparing: everything but the bytes, which
 * are a digest.  It is filled from layers, archives and directories; nothing is unpacked. */
#ifndef TENON_COMPARE_FILETREE_H
#define TENON_COMPARE_FILETREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"

struct tenon_file_xattr {
    char *name;
    char *value; /* as text: as it is when that can be printed, in hex, or a digest */
};

struct tenon_file {
    struct tenon_file *parent;  /* NULL: the top */
    struct tenon_file *kids;    /* a hash; tenon_filetree_kids has them in order */
    char *name;                 /* "" for the top */
    uint32_t mode;              /* with its type; 0: only known by what is below it */
    bool gone;                  /* a layer removes it; nothing else is known */
    bool opaque;                /* a layer removes all that was in it */
    bool has_digest;
    uint32_t uid, gid, major, minor;
    uint64_t size;              /* of regular files */
    int64_t mtime_s;
    uint32_t mtime_ns;
    char *link;                 /* of a symbolic link; of a hard link to what is not in the tree */
    char *leader;               /* the first of its names, when it has several; NULL for that */
    uint8_t digest[TENON_DIGEST_BIN_LEN];
    struct tenon_file_xattr *xattrs; /* by name */
    size_t xattr_count;
    uint64_t inode;             /* equal for hard links */
    unsigned layer;             /* the last one that brought it, from 1; 0: none did */
    unsigned emptied;           /* the last layer that removed what older ones had below it */
    size_t order;               /* in its archive */
    unsigned depth;             /* 0: the top */
    UT_hash_handle hh;          /* among the kids of parent, by name */
};

struct tenon_filetree {
    const struct tenon_limits *limits; /* NULL: the defaults */
    struct tenon_cancel *cancel;       /* or NULL */
    struct tenon_file *top;
    int rootfd;         /* of a directory, whose files are read when somebody asks; else -1 */
    uint64_t entries, nodes, holes, inodes;
    bool whole_seconds; /* no time has a fraction */
};
#define TENON_FILETREE_INIT {.rootfd = -1, .whole_seconds = true}
void tenon_filetree_release(struct tenon_filetree *t);
TENON_DEFINE_AUTO_STRUCT(filetree, struct tenon_filetree, tenon_filetree_release);
#define auto_filetree __attribute__((cleanup(tenon_auto_filetree)))

enum tenon_filetree_way {
    TENON_FILETREE_LAYER,   /* what one layer holds: removing is an entry, too */
    TENON_FILETREE_APPLY,   /* on top of the layers before: what is removed is gone */
    TENON_FILETREE_ARCHIVE, /* an ordinary tar: names of whiteouts are names */
};
/* All of a tar, which may be compressed, from where fd stands.  diff_id: what it must be
 * uncompressed, or NULL.  layer: its number. */
int tenon_filetree_add_tar(struct tenon_filetree *t, int fd, const char *diff_id,
                           enum tenon_filetree_way way, unsigned layer, struct tenon_error *err);
/* A directory and all below it, on its file system and others; dirfd stays the caller's, and has
 * to outlive the tree. */
int tenon_filetree_add_dir(struct tenon_filetree *t, int dirfd, struct tenon_error *err);
/* When all is added: hard links learn who leads them. */
void tenon_filetree_settle(struct tenon_filetree *t);

/* The kids by name; NULL-terminated, the caller frees the array. */
struct tenon_file **tenon_filetree_kids(const struct tenon_file *dir);
/* The digest of a regular file is known afterwards. */
int tenon_filetree_digest(struct tenon_filetree *t, struct tenon_file *f, struct tenon_error *err);
/* "/a/b"; malloc'ed. */
char *tenon_file_path(const struct tenon_file *f);
/* "file", "directory", ... */
const char *tenon_file_type(const struct tenon_file *f);

/* ---- for those that fill it ------------------------------------------------------ */

/* The entry of that name in dir, made when it is missing and wanted.  NULL: there is none, or,
 * when it is wanted, the error says why not. */
struct tenon_file *tenon_file_kid(struct tenon_filetree *t, struct tenon_file *dir,
                                  const char *name, size_t len, bool make,
                                  struct tenon_error *err);
void tenon_file_remove(struct tenon_file *f); /* with all below it */
void tenon_file_clear(struct tenon_file *f);  /* what is known of it, but for name and kids */
void tenon_file_add_xattr(struct tenon_file *f, const char *name, const void *value, size_t len);
void tenon_file_sort_xattrs(struct tenon_file *f);
int tenon_filetree_count(struct tenon_filetree *t, const char *path, struct tenon_error *err);
struct tenon_file *tenon_filetree_top(struct tenon_filetree *t);

#endif

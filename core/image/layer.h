/* image/layer.h - layers as tar streams: in (unpack) and out (the difference that a
 * snapshot is), with whiteouts as OCI image-spec layer.md has them.
 *
 * In: archives are hostile.  Nothing is written outside the given root: names
 * are cleaned, "..", absolute links and links through links are resolved or
 * refused inside the root, hard links only to files of the tree. */
#ifndef TENON_IMAGE_LAYER_H
#define TENON_IMAGE_LAYER_H

#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/store.h"

/* Unpack one layer blob on top of `lower`, as a new snapshot: whiteouts
 * become overlay's (0:0 devices, opaque attributes).  The store's limits hold.
 * The uncompressed stream's digest must equal diff_id (NULL: any).  Compression by
 * magic bytes: gzip, zstd, none. */
int tenon_layer_unpack(struct tenon_store *s, int blob_fd, const char *diff_id,
                       const struct tenon_chain *lower, struct tenon_cancel *cancel,
                       int64_t *snapshot, struct tenon_error *err);
/* Plain unpacking of any archive libarchive knows (tar, gz, bz2, xz, zstd) into
 * a directory tree, for ADD and tar contexts.  Returns 1 unpacked, 0 when fd is not
 * an archive (position restored), negative on errors. owner: -1 keep. limits NULL: the
 * defaults. */
int tenon_archive_unpack(int fd, int rootfd, const char *dest, int64_t uid, int64_t gid,
                         const struct tenon_limits *limits, struct tenon_cancel *cancel,
                         struct tenon_error *err);
/* The same for a context as a whole, which a user with one id can have, too: what such a
 * user cannot give away is 0:0, with a warning. */
int tenon_context_unpack(int fd, int rootfd, const char *dest, int64_t uid, int64_t gid,
                         const struct tenon_limits *limits, struct tenon_cancel *cancel,
                         struct tenon_error *err);
/* A tar of a tree (image/treewrite.h), from where fd stands (a pipe will do), into the empty
 * directory at rootfd; owners as for a context. */
int tenon_tree_unpack(int fd, int rootfd, const struct tenon_limits *limits,
                      struct tenon_cancel *cancel, struct tenon_error *err);

struct archive;
struct archive_entry; /* image/libarchive.h */
/* 0: go on; 1: enough. What it does not read of an entry is passed over. */
typedef int tenon_layer_entry(void *data, struct archive *a, struct archive_entry *e,
                              struct tenon_error *err);
/* All entries of a tar, or a gzip or zstd of one, in their order, from where fd stands; nothing is
 * unpacked. diff_id as above. Returns what the last visit did. */
int tenon_layer_each(int fd, const char *diff_id, const struct tenon_limits *limits,
                     tenon_layer_entry *visit, void *data, struct tenon_error *err);

struct tenon_layer_write_options {
    const char *compression; /* "gzip", "zstd", "uncompressed", "estargz", "zstd:chunked" */
    int level;               /* -1 default */
    bool has_epoch;          /* clamp mtimes to this many seconds */
    int64_t epoch;
    struct tenon_cancel *cancel;
    void (*progress)(void *data, int64_t bytes);
    void *data;
};
/* The tar of one snapshot relative to the chain below it, compressed, into
 * the content store: both digests in one pass; deterministic for equal trees.
 * *depends (or NULL) tells whether another chain below would give other bytes. */
int tenon_layer_write(struct tenon_store *s, int64_t snapshot,
                      const struct tenon_chain *lower,
                      const struct tenon_layer_write_options *o,
                      struct tenon_snapshot_blob *out, bool *depends,
                      struct tenon_error *err);

#endif

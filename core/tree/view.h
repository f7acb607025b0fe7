/* tree/view.h - inside a view; private to core/tree.
 *
 * A view keeps the entries it has seen as a tree.  Directories are read when
 * they are needed, or all at once by a scan; links are resolved in this tree, so
 * that what the filter hides cannot be reached through a link either. */
#ifndef TENON_TREE_VIEW_H
#define TENON_TREE_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>

#include "tools/buf.h"
#include "tools/vec.h"
#include "tree/tree.h"

#define TENON_VIEW_MAX_LINKS 255      /* as BuildKit resolves */
#define TENON_VIEW_MAX_ENTRIES 50000000u

enum {
    TENON_ENTRY_IMPLIED = 1u << 0, /* shown only for what is below it */
    TENON_ENTRY_HIDDEN = 1u << 1,  /* an implied one with nothing below it */
    TENON_ENTRY_EMPTY = 1u << 2,   /* a socket of a context: an empty file */
    TENON_ENTRY_ACL = 1u << 3,     /* a directory that has attributes which are no part of it */
};

/* Immutable once its directory is loaded, but for the atomics. */
struct tenon_entry {
    struct tenon_entry *parent; /* NULL: the root */
    const char *name;           /* "" for the root */
    const char *link;           /* what a symbolic link says */
    struct tenon_entry *kids;   /* sorted by name */
    size_t kid_count;
    /* Directories: digest of the extended attributes, NULL none. */
    struct tenon_digest *xattrs;
    /* Regular files: digest of data and extended attributes, once known. */
    _Atomic(struct tenon_digest *) body;
    uint64_t dev, ino, rdev, size;
    int64_t mtime_ns, ctime_ns;
    uint32_t mode, uid, gid, nlink;
    uint32_t flags;
    bool read;           /* kids are there; under view->lock */
    atomic_bool loaded;  /* read, and nothing below is undecided */
    atomic_bool unstable; /* differed from this stat while it was hashed */
};

struct tenon_view {
    int root;
    char *root_path;
    bool steady;
    bool owner_root;
    struct tenon_store *store;
    struct tenon_patterns *include, *exclude; /* NULL: none */
    /* Held while directories are read: whoever asks for the same tree meanwhile has to wait for
     * the answer anyway. */
    pthread_mutex_t lock;
    struct tenon_entry top;
    /* A leaf lock: publishing digests, and what follows. */
    pthread_mutex_t body_lock;
    struct tenon_stat_cache *stats; /* only looked up in, until the end */
    bool stats_tried;
    TENON_VEC(struct tenon_entry *) hashed; /* to go into the stat cache */
};

/* A directory's kids are there afterwards. */
int tenon_view_load(struct tenon_view *v, struct tenon_entry *dir,
                    struct tenon_error *err);
/* The same without the decision about implied entries; with v->lock held. */
int tenon_view_read_dir(struct tenon_view *v, struct tenon_entry *dir,
                        struct tenon_error *err);
void tenon_view_settle(struct tenon_entry *dir); /* decide, all below is read */

/* NULL when there is none; dir must be loaded. */
struct tenon_entry *tenon_entry_child(struct tenon_entry *dir, const char *name);
/* "a/b", "" for the root; appended to out. */
void tenon_entry_path(const struct tenon_entry *e, struct tenon_buf *out);

/* The entry that path means; links on the way are followed inside the view,
 * one at the end when `follow`.  NOT_FOUND: `"/path": not found`. */
int tenon_view_lookup(struct tenon_view *v, const char *path, bool follow,
                      struct tenon_entry **out, struct tenon_error *err);

struct tenon_match {
    struct tenon_entry *entry; /* not followed */
    char *path;                /* "/a/b" */
};
struct tenon_matches {
    TENON_VEC(struct tenon_match) list;
};
void tenon_matches_release(struct tenon_matches *m);
TENON_DEFINE_AUTO_STRUCT(matches, struct tenon_matches, tenon_matches_release);
#define auto_matches __attribute__((cleanup(tenon_auto_matches)))
/* Does the pattern hold an unescaped * ? or [ ? */
bool tenon_view_is_wildcard(const char *pattern);
/* What a wildcard pattern matches, in the order of names; a directory that
 * matches stands for all that is in it.  Links before the first wildcard are
 * followed.  NOT_FOUND when the directory above the first wildcard is not there. */
int tenon_view_glob(struct tenon_view *v, const char *pattern, bool follow,
                    struct tenon_matches *out, struct tenon_error *err);

/* What include and exclude patterns have come to for a directory. */
struct tenon_held {
    bool *include, *exclude;
};
static inline struct tenon_held
tenon_held_in(const struct tenon_patterns *include,
              const struct tenon_patterns *exclude, const char *dir)
{
    return (struct tenon_held){tenon_patterns_enter(include, dir),
                               tenon_patterns_enter(exclude, dir)};
}
static inline void
tenon_held_release(struct tenon_held *h)
{
    free(h->include);
    free(h->exclude);
}
TENON_DEFINE_AUTO_STRUCT(held, struct tenon_held, tenon_held_release);
#define auto_held __attribute__((cleanup(tenon_auto_held)))

/* A list of patterns; NULL or empty leaves *out alone. */
int tenon_view_compile(const char *const *lines, const char *what,
                       struct tenon_patterns **out, struct tenon_error *err);

/* Fails with INVALID when one of the patterns (NULL: none) had to be looked at and could not
 * be: to be asked after a walk. */
int tenon_view_check_patterns(const struct tenon_patterns *include,
                              const struct tenon_patterns *exclude, struct tenon_error *err);

/* Fails with NOT_FOUND when one of the paths is missing, or excluded with all below:
 * below `base`, or absolute and below it all the same. Likewise when a link leads nowhere that is
 * selected by patterns (NULL: none) and stands in the top directory, if links are followed. */
int tenon_view_require(struct tenon_view *v, const char *base, bool follow,
                       const char *const *required,
                       const struct tenon_patterns *include,
                       const struct tenon_patterns *exclude,
                       struct tenon_error *err);

/* Open for reading, never through a link at the end.  dirfd is that of the
 * entry's directory or -1.  A regular entry gives a regular file. */
int tenon_view_open(struct tenon_view *v, const struct tenon_entry *e,
                    int dirfd, struct tenon_error *err);
/* As a path alone, for what cannot be opened for reading: a link, a device. */
int tenon_view_open_path(struct tenon_view *v, const struct tenon_entry *e,
                         struct tenon_error *err);
int64_t tenon_stat_mtime_ns(const struct stat *st);
int64_t tenon_stat_ctime_ns(const struct stat *st);

/* The digest of a regular file, from memory, the stat cache or the file.
 * *bytes (may be NULL) is what had to be read. */
int tenon_view_body(struct tenon_view *v, struct tenon_entry *e,
                    struct tenon_cancel *cancel, const struct tenon_digest **out,
                    uint64_t *bytes, struct tenon_error *err);
/* Known without reading the file? */
bool tenon_view_body_known(struct tenon_view *v, struct tenon_entry *e);
void tenon_view_load_stats(struct tenon_view *v);
void tenon_view_save_stats(struct tenon_view *v); /* and close it */
/* Over the data of one open file and the extended attributes of another. */
int tenon_body_digest(const struct tenon_view *v, int data_fd, int xattr_fd,
                      struct tenon_cancel *cancel, struct tenon_digest *out,
                      uint64_t *bytes, struct tenon_error *err);

/* ---- extended attributes (xattr.c) ----------------------------------------
 * overlay's own are never touched: a copied one would change what the layer
 * means. */
/* A descriptor may be one of O_PATH.
 * Those that count of a file of the view, sorted and framed, appended to out; true: there are
 * others that are copied (POSIX ACLs). */
bool tenon_xattr_read(const struct tenon_view *v, int fd, struct tenon_buf *out);
/* The same of what cannot be opened for reading: a link, a device. None of what is gone. */
void tenon_xattr_read_special(struct tenon_view *v, const struct tenon_entry *e,
                              struct tenon_buf *out);
/* All that may be copied, in the same way. */
void tenon_xattr_read_copied(const struct tenon_view *v, int fd, struct tenon_buf *out);
/* Copy all that may be copied; refusals are logged, as BuildKit does. */
void tenon_xattr_copy(const struct tenon_view *v, int from, int to);
void tenon_xattr_clear(int fd); /* of those */

#endif

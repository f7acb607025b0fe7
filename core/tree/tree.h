/* tree/tree.h - views of file trees: walk, filter, content digest, copy.
 *
 * A view is a root descriptor and a filter.  The build context is a view of a
 * directory of the user's, in place; a stage's result is a view of a mounted
 * chain.  Every path inside goes through base/root.h.  A view is immutable but
 * for its caches, which are locked; any thread. */
#ifndef TENON_TREE_TREE_H
#define TENON_TREE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "tools/pattern.h"
#include "store/store.h"

struct tenon_cancel; /* base/cancel.h */

struct tenon_view;

struct tenon_view_options {
    int rootfd;                 /* dup'ed */
    const char *root_path;      /* host path, names the stat cache; NULL: none */
    bool steady;                /* nobody changes it: what is new goes into that, too */
    bool owner_root;            /* all entries count as 0:0 */
    const char *const *include; /* .dockerignore-like lists; NULL: no filter */
    const char *const *exclude;
    const char *const *follow;  /* only these paths, wildcards allowed, and what
                                 * their links lead to (BuildKit's followpaths) */
    struct tenon_store *store;  /* for the stat cache; may be NULL */
};
int tenon_view_new(const struct tenon_view_options *o, struct tenon_view **out,
                   struct tenon_error *err);
void tenon_view_free(struct tenon_view *v); /* writes the stat cache back */
int tenon_view_root(const struct tenon_view *v);
bool tenon_view_visible(const struct tenon_view *v, const char *path); /* by the filter */

/* Walk all visible entries once (lstat only, sorted) and hash the regular
 * files whose digest the stat cache does not know, on `threads` threads.
 * progress (may be NULL) gets the number of bytes read so far. */
typedef void tenon_tree_progress(void *data, int64_t bytes);
int tenon_view_scan(struct tenon_view *v, unsigned threads,
                    struct tenon_cancel *cancel, tenon_tree_progress *progress,
                    void *data, struct tenon_error *err);

/* What one input of a step contributes to its content key. */
struct tenon_selector {
    const char *path;        /* inside the view; "" or "/": all */
    bool wildcard;           /* path may hold * ? [ ] */
    bool follow;             /* follow a link at the end */
    bool include_root_name;  /* hash names relative to the parent, as a copy of
                              * the thing itself rather than its contents */
    const char *const *include, *const *exclude; /* or NULL */
    const char *const *required; /* paths that must be there, absolute or below
                                  * `path`, or NULL: else NOT_FOUND */
};
/* Digest over path, type, mode, uid, gid, link, size, device, xattrs (less
 * security.* but capability, and system.*) and data of what the selector
 * means; no mtime.  What matches nothing has a digest, too. */
int tenon_view_digest(struct tenon_view *v, const struct tenon_selector *sel,
                      struct tenon_cancel *cancel, struct tenon_digest *out,
                      struct tenon_error *err);

/* ---- file actions on a tree ------------------------------------------------
 * `dst` is the root descriptor of a writable tree (a mounted chain, or a bare
 * directory for a scratch chain). */
struct tenon_owner {
    bool set;
    uint32_t uid, gid;
};
struct tenon_copy {
    struct tenon_view *src_view; /* where from */
    const char *src, *dest;
    struct tenon_owner owner;    /* unset: keep (the view's owner_root applies) */
    int64_t mode;                /* -1: keep; octal bits */
    const char *mode_str;        /* symbolic chmod ("u=rwX,go=rX"), "" none */
    int64_t timestamp_ns;        /* -1: keep */
    bool follow_symlink, dir_copy_contents, attempt_unpack, create_dest_path;
    bool allow_wildcard, allow_empty_wildcard, always_replace;
    const char *const *include, *const *exclude, *const *required;
    /* For attempt_unpack: tenon_archive_unpack (image/layer.h).  1 unpacked, 0
     * not an archive; uid and gid -1 keep those of the archive. */
    int (*unpack)(int fd, int rootfd, const char *dest, int64_t uid,
                  int64_t gid, const struct tenon_limits *limits,
                  struct tenon_cancel *cancel, struct tenon_error *err);
    const struct tenon_limits *limits; /* of that */
};
int tenon_tree_copy(int dst, const struct tenon_copy *c,
                    struct tenon_cancel *cancel, struct tenon_error *err);
int tenon_tree_mkdir(int dst, const char *path, uint32_t mode, bool parents,
                     const struct tenon_owner *owner, int64_t timestamp_ns,
                     struct tenon_error *err);
int tenon_tree_mkfile(int dst, const char *path, uint32_t mode,
                      const void *data, size_t len,
                      const struct tenon_owner *owner, int64_t timestamp_ns,
                      struct tenon_error *err);
int tenon_tree_rm(int dst, const char *path, bool allow_not_found,
                  bool wildcard, struct tenon_error *err);
int tenon_tree_symlink(int dst, const char *target, const char *path,
                       const struct tenon_owner *owner, int64_t timestamp_ns,
                       struct tenon_error *err);

/* The tree of root becomes what wanted has, and only what differs is written: by owner, mode,
 * attributes, device, link, or, but for directories, time and data.  A name of a file that has
 * several becomes a file of its own.  root may be an overlay's, so that its upper directory
 * has the difference. */
int tenon_tree_become(int root, int wanted, struct tenon_cancel *cancel, struct tenon_error *err);

/* uid and gid of "user[:group]" by the passwd and group files of a root;
 * numbers need no file.  groups are the supplementary ones, home is the home
 * directory; both go with tenon_user_release.  As BuildKit does it: a user
 * without a group gets the primary gid, an unknown number gid 0 (for exec) or
 * the same number (for chown). */
struct tenon_user {
    uint32_t uid, gid;
    uint32_t *groups;
    size_t group_count;
    char *home;
};
void tenon_user_release(struct tenon_user *u);
void tenon_user_add_group(struct tenon_user *u, uint32_t gid);
int tenon_user_lookup(int rootfd, const char *spec, struct tenon_user *out,
                      struct tenon_error *err);
/* The owner that --chown means: user and group are names, numbers or NULL, each
 * looked up in its own root.  A user alone brings his primary group, a bare
 * number the group of the same number; a name that does not exist counts as 0,
 * which is what BuildKit makes of it. */
int tenon_user_owner(int user_rootfd, const char *user, int group_rootfd,
                     const char *group, struct tenon_owner *out,
                     struct tenon_error *err);

#endif

/* source-git/checkout.h - the files of a commit. */
#ifndef TENON_SOURCE_GIT_CHECKOUT_H
#define TENON_SOURCE_GIT_CHECKOUT_H

#include "conn.h"

struct gs_submodule_at { /* a place for another repository */
    char *path; /* in the commit's tree */
    char *sha;
    int dirfd;  /* the empty directory that is there for it */
};
struct gs_submodule_list {
    struct gs_submodule_at *items;
    size_t len;
};
void gs_submodule_list_release(struct gs_submodule_list *l);

#define GS_DEPTH_MAX 1000 /* of directories */

struct gs_spent { /* of a commit and its submodules */
    uint64_t entries, bytes;
};

struct gs_checkout {
    git_repository *repo;
    git_commit *commit;
    const char *subdir; /* clean, relative; "" for all */
    bool commit_time;   /* files get the commit's time */
    bool for_everybody; /* 0666 for 0644 */
    struct gs_spent *spent; /* counted on */
};
/* Write the files into dirfd: modes 0644 and 0755, text converted as
 * .gitattributes wants, no name that leads out.  Submodules are only noted. */
int gs_checkout_files(struct gs_conn *conn, const struct gs_checkout *c, int dirfd,
                       struct gs_submodule_list *submodules);

/* The .git directory of a clone of depth one, below dirfd; ref is a full name
 * or NULL, sha what it stands for, perhaps a tag object. */
int gs_checkout_gitdir(struct gs_conn *conn, const struct gs_checkout *c, const char *ref,
                        const char *sha, int dirfd);

/* ---- count.c ---- */

/* Entries of the tree and of all below, UINT64_MAX for more than that. */
int gs_count_entries(struct gs_conn *conn, git_repository *repo, const git_oid *id,
                     uint64_t *out);

/* ---- modules.c ---- */

/* url of the submodule at path, out of .gitmodules; NULL: not there. */
char *gs_modules_url(const char *text, size_t len, const char *path);

#endif

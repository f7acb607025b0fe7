/* source-git/remote.h - asking a remote what it has, and getting it. */
#ifndef TENON_SOURCE_GIT_REMOTE_H
#define TENON_SOURCE_GIT_REMOTE_H

#include "conn.h"
#include "refs.h"

/* All refs; strings live until ctx ends.  *head is the default branch, a full
 * name, or NULL. */
int gs_remote_list(struct gs_conn *conn, const struct gs_ref **refs, size_t *count,
                    const char **head);

/* The bare repository in dir, made when it is not there. */
int gs_store_open(struct gs_conn *conn, int dirfd, git_repository **out);

/* Have the object sha, a commit or a tag, in repo; ref (or NULL) is where it is
 * expected. */
int gs_remote_get(struct gs_conn *conn, git_repository *repo, const char *sha,
                   const char *ref);

/* ---- dumb.c: servers of files, after a transport found conn->dumb ---- */

int gs_dumb_list(struct gs_conn *conn, const struct gs_ref **refs, size_t *count,
                 const char **head);
int gs_dumb_get(struct gs_conn *conn, git_repository *repo, const git_oid *id);
/* Is what the commit or tag needs here, too? Without it only its name is. */
bool gs_dumb_is_whole(struct gs_conn *conn, git_repository *repo, const git_oid *id);
/* Its name alone is here, and git fetches nothing that it has: so it has it no more. */
void gs_dumb_forget(const struct gs_conn *conn, git_repository *repo, const git_oid *id);

#endif

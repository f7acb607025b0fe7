/* source-git/conn.h - one remote repository, and what reaches it.
 *
 * libgit2 speaks git's protocol; the bytes go through the host's HTTP client,
 * or the ssh program with the user's agent.  libgit2's own transports know no
 * cancellation, and would be a second place that verifies TLS. */
#ifndef TENON_SOURCE_GIT_CONN_H
#define TENON_SOURCE_GIT_CONN_H

#include <git2.h>
#include <git2/sys/transport.h>

#include <tenon-plugin.h>

struct gs_conn { /* used by one worker */
    const struct tenon_host *host;
    const struct tenon_http_api *http;
    const struct tenon_limits_api *limits;
    struct tenon_ctx *ctx;
    const char *url;
    const char *authorization; /* for url and what is below; or NULL */
    const char *ssh_id;        /* which agent; NULL: none */
    const char *known_hosts;   /* text; NULL: new hosts are trusted once */
    int keep_fd;               /* where new host keys are kept, or -1 */
    uint64_t object_bytes;     /* the largest object, see memory.c */
    size_t refused_bytes;      /* one that was larger, or 0 */
    struct tenon_error *err;
    const char *dumb; /* the repository's URL when its server gives files alone; or NULL */
    bool failed; /* err was set by a transport: libgit2 knows less */
};

/* http, https, ssh or git URL, or user@host:path? */
bool gs_conn_allowed(const char *url);

/* Callbacks for libgit2 that use conn, which must outlive them. */
void gs_conn_callbacks(struct gs_conn *conn, git_remote_callbacks *out);

/* Of a pack that arrives; data is the conn. */
int gs_conn_progress(const git_indexer_progress *p, void *data);

/* There was an object of conn->refused_bytes; the code. */
int gs_conn_too_large(struct gs_conn *conn);

/* What libgit2 says went wrong, unless a transport said it; the code. */
int gs_conn_error(struct gs_conn *conn, const char *what);

/* ---- memory.c ---- */

/* With the first of git_libgit2_init. */
int gs_memory_init(void);
/* This thread works for conn, which has a limit; and no longer. */
void gs_memory_begin(struct gs_conn *conn);
void gs_memory_end(void);

/* ---- http.c, ssh.c ---- */

int gs_http_subtransport(git_smart_subtransport **out, git_transport *owner, void *conn);
int gs_ssh_subtransport(git_smart_subtransport **out, git_transport *owner, void *conn);

/* ---- url.c: pure ---- */

/* "scheme://host:port" of both the same? */
bool gs_url_same_origin(const char *a, const char *b);
/* ssh: or scp-like.  Strings for the caller to free; user may be NULL, port
 * "" when not given.  False when it is none, or could be taken for an option. */
bool gs_url_ssh(const char *url, char **user, char **host, char **port, char **path);
/* url of a submodule against that of the repository it is in ("../x.git");
 * NULL when it leads nowhere. */
char *gs_url_resolve(const char *base, const char *url);
/* Text for a POSIX shell. */
char *gs_shell_quote(const char *s);
/* May credentials for remote be used for url?  For what lies below it, and for
 * all of github.com when remote is there. */
bool gs_url_in_scope(const char *remote, const char *url);

#endif

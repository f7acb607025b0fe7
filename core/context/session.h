/* context/session.h - what only this user has: local directories, secrets, ssh agents,
 * variables.  Nothing below the command touches the host's files or environment except
 * through this one vtable; cli/localsession.c implements it.  Any thread. */
#ifndef TENON_CONTEXT_SESSION_H
#define TENON_CONTEXT_SESSION_H

#include <stdint.h>

#include "base/error.h"
#include "registry/tokenask.h"

struct tenon_session {
    void *data;
    /* host->client->open: service "secret", "ssh", "local", "local-files", "blob", "upload",
     * "env". */
    int (*open)(void *data, const char *service, const char *id, struct tenon_error *err);
    /* Host path of a local directory, for the stat cache's name; NULL: none. */
    const char *(*local_path)(void *data, const char *name);
    /* Where there is none: another name for the stat cache of directories that nobody changes while
     * they are read, as long as the session is there.  NULL: none. */
    const char *(*local_stats)(void *data, const char *name);
    /* Credentials for "HOST/REPOSITORY"; *user and *secret malloc'ed (NULL: anonymous); identity
     * tokens have user "<token>", tokens for the registry itself "<bearer>". */
    int (*credentials)(void *data, const char *where, char **user, char **secret,
                       struct tenon_error *err);
    /* A token that the user's side gets for a registry by itself, and keeps the password: 1 with
     * *token malloc'ed and *seconds (0: not said).  0: it does not, there are credentials. */
    int (*token)(void *data, const struct tenon_token_request *what, char **token,
                 int64_t *seconds, struct tenon_error *err);
    int (*sink_open)(void *data, const char *dest, struct tenon_error *err);
    int (*sink_commit)(void *data, int fd, struct tenon_error *err);
    void (*sink_abort)(void *data, int fd);
    int (*sink_dir)(void *data, const char *dest, struct tenon_error *err);
    /* Before anything runs, for each place that will be asked for: kind is one of
     * TENON_SINK_*.  NULL: all will do. */
    int (*sink_check)(void *data, const char *dest, uint32_t kind, struct tenon_error *err);
};

#endif

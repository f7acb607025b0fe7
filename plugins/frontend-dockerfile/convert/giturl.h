/* convert/giturl.h - git repositories as build files name them: ADD URL.git#ref:dir,
 * git@host:path, URL.git?ref=...&subdir=... */
#ifndef DF_GITURL_H
#define DF_GITURL_H

#include <stdbool.h>

#include "vertex.h"

struct df_git { /* strings "" when absent */
    const char *remote; /* what git is given */
    const char *scheme, *host, *path;
    const char *ref, *subdir, *checksum, *mtime;
    int keep_git_dir, submodules; /* -1: not said */
    bool fetch_by_commit;
    bool like_local; /* "github.com/x/y": may be a directory, too */
};

enum df_git_answer { DF_GIT_NO, DF_GIT_YES, DF_GIT_BAD };

/* BAD: it is one, and *message says what is wrong with it.  `known`: an
 * http URL is a repository even when it does not end in ".git". */
enum df_git_answer df_git_parse(struct df_arena *a, const char *text, bool known,
                                struct df_git *out, const char **message);
struct df_vertex *df_git_source(struct df_plan *p, const struct df_git *g,
                                const char *name);

#endif

/* cli/buildcache.h - --cache-from and --cache-to. */
#ifndef TENON_CLI_BUILDCACHE_H
#define TENON_CLI_BUILDCACHE_H

#include "buildflags.h"
#include "engine/build.h"
#include "localsession.h"

struct build_caches {
    struct tenon_export *list;
    size_t count;
    bool is_inline; /* type=inline, which no plugin keeps */
};

/* Directories to import from become local directories of the session, under
 * their absolute paths. */
int build_caches_parse(const struct build_flags *f, struct tenon_plugins *plugins,
                       struct cli_session *session, struct build_caches *from,
                       struct build_caches *to, struct tenon_error *err);
void build_caches_release(struct build_caches *c);

#endif

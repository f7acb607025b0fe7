/* cli/buildlock.h - lock files: where that of a build is, and --offline, which is about the same
 * (docs/policies.md). */
#ifndef TENON_CLI_BUILDLOCK_H
#define TENON_CLI_BUILDLOCK_H

#include "buildcache.h"
#include "buildflags.h"
#include "buildoutput.h"
#include "policy/lockfile.h"

/* NAME.lock beside the build file NAME, or what --lock-file says; malloc'ed. NULL: it has to be
 * said. */
char *build_lock_path(const struct build_flags *f, struct tenon_error *err);
int build_lock_read(const char *path, struct tenon_lockfile **out, struct tenon_error *err);
int build_lock_write(const char *path, struct tenon_lockfile *l, struct tenon_error *err);

/* What cannot be done with --offline, before anything is. */
int build_offline_check(const struct build_flags *f, const struct build_outputs *outputs,
                        const struct build_caches *cache_to, struct tenon_error *err);

#endif

/* policy/lockfile.h - lock files: what each source of a build stood for (docs/policies.md).
 *
 * One of two kinds: read from a file, it says what a build may use; made new, it takes down what
 * a build uses. A source is its identifier without credentials and, of an image, a platform. */
#ifndef TENON_POLICY_LOCKFILE_H
#define TENON_POLICY_LOCKFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "policy/policy.h"
#include "tools/buf.h"

struct tenon_lockfile; /* any thread */

/* One that takes down. */
struct tenon_lockfile *tenon_lockfile_new(void);
/* One that is obeyed; path is for messages. */
int tenon_lockfile_parse(const char *text, size_t len, const char *path,
                         struct tenon_lockfile **out, struct tenon_error *err);
void tenon_lockfile_free(struct tenon_lockfile *l);
const char *tenon_lockfile_path(const struct tenon_lockfile *l); /* NULL: one that takes down */
/* The file's text: sorted, a line a source. */
void tenon_lockfile_text(struct tenon_lockfile *l, struct tenon_buf *out);

/* Is this source of the kind that a lock is about?  The main context and the build file are
 * what is being worked on, and an upload is a part of them. */
bool tenon_lockfile_concerns(const char *identifier);
/* The source is used and stands for this digest: one that takes down notes it, one that is
 * obeyed gives DENIED when it says otherwise. */
int tenon_lockfile_use(struct tenon_lockfile *l, const char *identifier, const char *platform,
                       const char *digest, struct tenon_error *err);
/* Pins a source to what the lock says: 1 when that changed it, 0 when there is nothing to do,
 * DENIED when the lock does not have it or says otherwise. */
int tenon_lockfile_pin(struct tenon_lockfile *l, struct tenon_policy_source *s,
                       const char *platform, struct tenon_error *err);

#endif

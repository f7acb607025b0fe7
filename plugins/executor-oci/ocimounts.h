/* executor-oci/ocimounts.h - which of a step's mounts the runtime makes: as few as can be.
 *
 * A runtime mounts the step's before it hides what is to be hidden, with files of the
 * step's own /dev, and looks up targets by itself; some let themselves be led astray
 * (CVE-2025-31133, -52881).  So the step's mounts are in its root before the
 * runtime starts, which covers with its own /proc, /dev and /sys whatever is there. */
#ifndef EXECUTOR_OCI_OCIMOUNTS_H
#define EXECUTOR_OCI_OCIMOUNTS_H

#include <stdbool.h>
#include <tenon-plugin.h>

/* Below the runtime's /dev and /sys, which hold nothing of the step's. */
bool ocimounts_is_of_runtime(const struct tenon_exec_mount *m);
/* The first mount that would cover what the runtime works with; NULL: none would. */
const struct tenon_exec_mount *ocimounts_refused(const struct tenon_exec *x);

/* Mount all others below the root; in mounts of our own, async-signal-safe.  0, or an errno
 * and *what (x's, or static). */
int ocimounts_attach(const struct tenon_exec *x, const char **what);

#endif

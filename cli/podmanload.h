/* cli/podmanload.h - an image on its way into podman's storage without a service: podman takes it
 * from a layout whose blobs are links into the store, and reads of them what it does not have.
 * Made, finished and freed by one thread. */
#ifndef TENON_CLI_PODMANLOAD_H
#define TENON_CLI_PODMANLOAD_H

#include "base/cancel.h"
#include "base/error.h"

struct podman_load;
/* The descriptor of a directory to make the layout in, the load's; or a status.  cancel ends
 * podman, too; or NULL. */
int podman_load_begin(const char *program, struct tenon_cancel *cancel, struct podman_load **out,
                      struct tenon_error *err);
/* The layout is whole: podman takes the image and names it.  Frees l. */
int podman_load_finish(struct podman_load *l, struct tenon_error *err);
/* Nothing is to come of it.  Frees l. */
void podman_load_abort(struct podman_load *l);

#endif

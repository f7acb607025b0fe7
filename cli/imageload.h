/* cli/imageload.h - an image on its way into the user's container engine, as an archive that is
 * never a file of ours, or as a directory of links to the store's.  Made, finished and freed by one
 * thread. */
#ifndef TENON_CLI_IMAGELOAD_H
#define TENON_CLI_IMAGELOAD_H

#include "base/cancel.h"
#include "base/error.h"

struct image_load;
/* Is there an engine?  Nothing is sent. */
int image_load_check(struct tenon_error *err);
/* A descriptor that the archive is written to, or of the directory that the layout is made in; the
 * load's.  Or a status.  cancel: where a program takes the image, ends it; or NULL. */
int image_load_begin(struct tenon_cancel *cancel, struct image_load **out,
                     struct tenon_error *err);
/* It is whole: waits for what the engine says of it.  Frees l. */
int image_load_finish(struct image_load *l, struct tenon_error *err);
/* It is not, and nothing is to come of it. */
void image_load_abort(struct image_load *l);

#endif

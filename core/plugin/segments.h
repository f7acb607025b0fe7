/* plugin/segments.h - is a module's file all there?  One that was cut off has the loader, or the
 * first call, touch memory that no file is behind: SIGBUS. */
#ifndef TENON_PLUGIN_SEGMENTS_H
#define TENON_PLUGIN_SEGMENTS_H

#include "base/error.h"

/* INVALID: it ends before what it says of itself does.  What is no module of this machine is the
 * loader's to refuse. */
int tenon_segments_check(const char *path, struct tenon_error *err);

#endif

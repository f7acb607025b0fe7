/* convert/caps.h - what a request says that its frontend has to know ("frontend.caps"). */
#ifndef DF_CAPS_H
#define DF_CAPS_H

#include "build.h"

/* The last one that this frontend does not know, or NULL; *forward: that is for the frontend that
 * the build file names, and no error before it is asked.  Of those that are not, the first. */
const char *df_unknown_cap(struct df_build *b, bool *forward);
int df_refuse_cap(struct df_build *b, const char *cap, struct tenon_error *err);

#endif

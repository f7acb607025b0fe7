/* cli/ending.h - how a build ended, as progress plugins are told (struct tenon_progress_end). */
#ifndef TENON_CLI_ENDING_H
#define TENON_CLI_ENDING_H

#include "base/error.h"
#include "engine/build.h"

struct ending; /* while its texts are used */

/* err as the build left it (code 0: fine); text: the whole error line; warned: files that warnings
 * are about, or NULL.  Borrowed until it is freed. */
struct ending *ending_new(const struct tenon_build *b, const struct tenon_error *err,
                          const char *text, char *const *warned);
const struct tenon_progress_end *ending_told(const struct ending *e);
void ending_free(struct ending *e);

/* The file that an event warns about is one of *warned from now on. */
void ending_note(char ***warned, const struct tenon_event *ev);

#endif

/* cli/streams.h - pipes between our standard streams and a program in a step. The files that we
 * were given are not its own: their owner is root, as it may be by its number. */
#ifndef TENON_CLI_STREAMS_H
#define TENON_CLI_STREAMS_H

#include "base/error.h"

struct streams;

/* fds: what the program gets as 0, 1 and 2. */
int streams_open(struct streams **out, int fds[3], struct tenon_error *err);
/* Delivers what the program wrote; an error when that could not be, but for a reader who went. */
int streams_close(struct streams *s, struct tenon_error *err); /* NULL is fine */

#endif

/* serve/granted.h - what steps of a client's build may have that others do not. */
#ifndef TENON_SERVE_GRANTED_H
#define TENON_SERVE_GRANTED_H

#include "base/error.h"
#include "common/message/message.h"

/* Of the server's own: words that clients may be given.  False: there is no such word. */
bool granted_is_word(const char *word);
/* Is all that is asked for (strings) among what the server gives?  allowed: ends with NULL, or
 * NULL: nothing. */
int granted_check(const struct message_list *asked, const char *const *allowed,
                   struct tenon_error *err);

#endif

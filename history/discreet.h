/* history/discreet.h - what was asked for, without what is secret in it. */
#ifndef TENON_HISTORY_DISCREET_H
#define TENON_HISTORY_DISCREET_H

#include "buildmessages.h"

/* The same pairs without users and passwords of URLs, without values of options and arguments whose
 * names promise a secret, and of caches only what they are called.  In the arena. */
struct message_list discreet_pairs(struct tenon_arena *a, struct message_list pairs);
/* Of texts "k=v", NULL at the end. */
struct message_list discreet_texts(struct tenon_arena *a, const char *const *texts);

#endif

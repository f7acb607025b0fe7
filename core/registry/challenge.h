/* registry/challenge.h - what a server that refuses wants to see (WWW-Authenticate). */
#ifndef TENON_REGISTRY_CHALLENGE_H
#define TENON_REGISTRY_CHALLENGE_H

#include <stdbool.h>

#include "tools/cleanup.h"

struct tenon_challenge { /* malloc'ed, or NULL when not said */
    char *realm, *service, *scope;
};
void tenon_challenge_release(struct tenon_challenge *c);
TENON_DEFINE_AUTO_STRUCT(challenge, struct tenon_challenge, tenon_challenge_release);
#define auto_challenge __attribute__((cleanup(tenon_auto_challenge)))

/* The first challenge of that scheme; a header may have several (RFC 9110, 11.6.1). */
bool tenon_challenge_find(char *const *headers, const char *scheme, struct tenon_challenge *out);
/* The scopes of both, a blank between, without those that another one covers; malloc'ed. */
char *tenon_scopes_merge(const char *wanted, const char *said);

#endif

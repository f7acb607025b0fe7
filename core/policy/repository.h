/* policy/repository.h - does a git source fetch what it is called? */
#ifndef TENON_POLICY_REPOSITORY_H
#define TENON_POLICY_REPOSITORY_H

#include <stdbool.h>

/* A git source is called "git://HOST/PATH#REF", and fetched from the URL of its attribute
 * "git.fullurl" if it has one. Is that HOST/PATH? */
bool tenon_repository_is_named(const char *identifier, const char *url);

#endif

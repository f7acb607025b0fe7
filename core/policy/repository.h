/* policy/repository.h - does a git source fetch what it is called, and what do rules call it? */
#ifndef TENON_POLICY_REPOSITORY_H
#define TENON_POLICY_REPOSITORY_H

#include <stdbool.h>

/* A git source is called "git://HOST/PATH#REF", and fetched from the URL of its attribute
 * "git.fullurl" if it has one. Is that HOST/PATH? */
bool tenon_repository_is_named(const char *identifier, const char *url);
/* The name that rules are written for, whoever wrote this one: without scheme, user, doubled
 * slashes and "..".  *url, the caller's like the name: what it is fetched from, which that does not
 * say any more; NULL: it does, or has_url, the attribute is there. */
char *tenon_repository_canonical(const char *identifier, bool has_url, char **url);

#endif

/* source-git/refs.h - which commit a name stands for, among what a remote offers. */
#ifndef TENON_SOURCE_GIT_REFS_H
#define TENON_SOURCE_GIT_REFS_H

#include <stdbool.h>
#include <stddef.h>

#define GS_SHA_LEN 40

struct gs_ref { /* as in the answer to ls-remote */
    const char *name; /* "refs/heads/main", "refs/tags/v1^{}" */
    const char *sha;
};

struct gs_choice { /* strings of the refs */
    const char *name; /* full; NULL: nothing suits */
    const char *sha;
    const char *commit; /* what an annotated tag points to, else NULL */
};

/* A full name, a branch, a tag: the first of these that is there. */
void gs_refs_choose(const struct gs_ref *refs, size_t count, const char *wanted,
                     struct gs_choice *out);

bool gs_is_sha(const char *s);        /* 40 or 64 digits, lower case */
bool gs_is_hex(const char *s);        /* not empty, either case */
/* Does sha begin with the digits? */
bool gs_sha_matches(const char *sha, const char *digits);

#endif

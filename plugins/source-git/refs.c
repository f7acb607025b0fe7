/* source-git/refs.c - see refs.h. */
#include "refs.h"

#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

bool
gs_is_sha(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");
    return s[n] == '\0' && (n == GS_SHA_LEN || n == 64);
}

bool
gs_is_hex(const char *s)
{
    return *s && s[strspn(s, "0123456789abcdefABCDEF")] == '\0';
}

bool
gs_sha_matches(const char *sha, const char *digits)
{
    return strncmp(sha, digits, strlen(digits)) == 0;
}

static const struct gs_ref *
find(const struct gs_ref *refs, size_t count, const char *prefix, const char *name,
     const char *suffix)
{
    if (tenon_has_prefix(name, prefix))
        name += strlen(prefix);
    auto_free char *full = tenon_asprintf("%s%s%s", prefix, name, suffix);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(refs[i].name, full))
            return &refs[i];
    return NULL;
}

void
gs_refs_choose(const struct gs_ref *refs, size_t count, const char *wanted,
                struct gs_choice *out)
{
    *out = (struct gs_choice){0};
    /* git prefers branches, too, where a name is both. */
    const struct gs_ref *r = find(refs, count, "refs/", wanted, "");
    if (!r)
        r = find(refs, count, "refs/heads/", wanted, "");
    if (!r)
        r = find(refs, count, "refs/tags/", wanted, "");
    if (!r)
        return;
    out->name = r->name;
    out->sha = r->sha;
    if (!tenon_has_prefix(r->name, "refs/tags/"))
        return;
    const struct gs_ref *peeled = find(refs, count, "refs/tags/", r->name, "^{}");
    out->commit = peeled ? peeled->sha : NULL;
}

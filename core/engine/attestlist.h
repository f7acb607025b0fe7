/* engine/attestlist.h - the attesters and scanners of a request, from what a user says of each:
 * flags of the command, options of a client of `tenon serve`. */
#ifndef TENON_ENGINE_ATTESTLIST_H
#define TENON_ENGINE_ATTESTLIST_H

#include "engine/build.h"

struct tenon_attests {
    struct tenon_attest *list;
    size_t count;
};

/* attrs: "k=v", NULL at the end; taken over.  The new one. */
struct tenon_attest *tenon_attests_add(struct tenon_attests *a, enum tenon_kind kind,
                                       const char *name, char **attrs);
/* Of a bill of materials: scanner=NAME, or the one that runs what is in an image
 * (generator=IMAGE); without either it is `other`.  attrs are taken over.  NULL: both were
 * given. */
struct tenon_attest *tenon_attests_add_sbom(struct tenon_attests *a, char **attrs,
                                            const char *other);
/* NULL: it is not there. */
struct tenon_attest *tenon_attests_find(const struct tenon_attests *a, enum tenon_kind kind,
                                        const char *name);
void tenon_attests_release(struct tenon_attests *a);

#endif

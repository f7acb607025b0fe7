/* places/beside.h - what stands beside an image at its place, signatures above all: manifests
 * that refer to it (the referrers API of registries, or the tag that stands in for it), and the
 * one whose tag is made of its digest, as cosign has it.
 *
 * In the store names stand for tags, and in layouts and archives entries of index.json. */
#ifndef TENON_PLACES_BESIDE_H
#define TENON_PLACES_BESIDE_H

#include "places/places.h"
#include "tools/vec.h"

#define TENON_BESIDE_SIGNED ".sig" /* sha256-HEX.sig, cosign's tag of signatures */

struct tenon_beside {
    struct tenon_desc desc;
    bool is_tagged; /* sha256-HEX.sig; else it refers to the image */
};
struct tenon_besides {
    TENON_VEC(struct tenon_beside) list;
};
void tenon_besides_release(struct tenon_besides *b);
TENON_DEFINE_AUTO_STRUCT(besides, struct tenon_besides, tenon_besides_release);
#define auto_besides __attribute__((cleanup(tenon_auto_besides)))

enum tenon_besides_of {
    TENON_BESIDES_ALL,
    TENON_BESIDES_CURRENT, /* as the registry itself has it, for who will add to it */
    TENON_BESIDES_TAGGED,  /* the tagged one alone */
    TENON_BESIDES_REPLACED, /* the same, for who puts another there: no other thing has that tag */
};
/* Of the image that the digest is.  What is no manifest is left out. */
int tenon_place_besides(const struct tenon_reach *reach, const struct tenon_place *p,
                        const char *digest, enum tenon_besides_of which,
                        struct tenon_besides *out, struct tenon_error *err);
/* Put a manifest there that is in the content store, with all that it has.  is_tagged: in place of
 * the one that has the tag; else it has a subject.  Trees and archives of `docker save` have no
 * place for it: UNSUPPORTED. */
int tenon_place_put_beside(const struct tenon_reach *reach, struct tenon_place *p,
                           const char *digest, const struct tenon_beside *x,
                           struct tenon_error *err);
/* The registry whose image is called `name` keeps its list of what refers to `digest` itself, under
 * a tag: the entries are added to it.  With the API there is nothing to do. */
int tenon_place_list_beside(const struct tenon_reach *reach, const char *name, const char *digest,
                            struct json_object *entries, struct tenon_error *err);

#endif

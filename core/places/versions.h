/* places/versions.h - what an index holds: images for platforms, and what attests to them. */
#ifndef TENON_PLACES_VERSIONS_H
#define TENON_PLACES_VERSIONS_H

#include "places/places.h"
#include "tools/vec.h"

#define TENON_NOTE_REFERENCE_TYPE "vnd.docker.reference.type"
#define TENON_NOTE_REFERENCE_DIGEST "vnd.docker.reference.digest"
#define TENON_NOTE_PREDICATE_TYPE "in-toto.io/predicate-type"

struct tenon_version {
    struct tenon_desc desc;
    char *platform;              /* "linux/arm64", or NULL when the entry says none */
    char *attests;               /* digest of the image that it is about, or NULL */
    struct json_object *entry;   /* of the index; borrowed from it */
};
struct tenon_versions {
    TENON_VEC(struct tenon_version) list;
};
/* Of an index, in its order. */
int tenon_versions_read(struct json_object *index, struct tenon_versions *out,
                        struct tenon_error *err);
void tenon_versions_release(struct tenon_versions *v);
TENON_DEFINE_AUTO_STRUCT(versions, struct tenon_versions, tenon_versions_release);
#define auto_versions __attribute__((cleanup(tenon_auto_versions)))

/* The image for that platform, attestations never. NULL: none. */
const struct tenon_version *tenon_versions_find(const struct tenon_versions *v,
                                                const char *platform);
/* What attests to that image. */
const struct tenon_version *tenon_versions_about(const struct tenon_versions *v,
                                                 const char *digest);
/* An annotation of an entry or a document, or NULL; it is borrowed. */
const char *tenon_annotation(struct json_object *o, const char *key);
/* The platform that a configuration, or an entry's "platform", says; malloc'ed or NULL. */
char *tenon_platform_said(struct json_object *o);

#endif

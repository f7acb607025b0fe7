/* places/places.h - images wherever they are: in registries, in the store, in OCI layouts, in
 * archives of layouts or of `docker save`; and trees of files, which are none.
 *
 * What a place is called: NAME (as in FROM: the registry's, else the store's),
 * docker-image://NAME, store://NAME, oci-layout://DIR[:TAG][@DIGEST], oci-archive://FILE[:TAG],
 * docker-archive://FILE[:NAME], tree://DIR-or-TAR, or a path: "/x", "./x", or "x" where there is
 * such a file; then it is told by what it holds. */
#ifndef TENON_PLACES_PLACES_H
#define TENON_PLACES_PLACES_H

#include <stdbool.h>

#include "base/cancel.h"
#include "base/error.h"
#include "image/image.h"
#include "registry/registry.h"
#include "store/store.h"
#include "tools/buf.h"

#define TENON_PLACE_DOCUMENT_MAX ((size_t)8 << 20)

/* What is needed to get there. */
struct tenon_reach {
    struct tenon_store *store;
    struct tenon_registry *registry;
    struct tenon_registry_call call;
};

enum tenon_place_kind {
    TENON_PLACE_REGISTRY,
    TENON_PLACE_STORE,
    TENON_PLACE_LAYOUT,  /* a directory */
    TENON_PLACE_ARCHIVE, /* what was in it is in the content store */
    TENON_PLACE_TREE,    /* a directory of files */
    TENON_PLACE_TAR,     /* an archive of files */
};

struct tenon_place {
    enum tenon_place_kind kind;
    char *text;   /* as the user called it */
    char *name;   /* the reference, whole; or the path */
    char *tag;    /* of an entry of a layout or an archive, or NULL */
    char *digest; /* the same */
    bool itself;  /* of a registry's: not what the store has by that name instead */
    bool guessed; /* a path whose kind is what was found there */
    bool loads_others; /* an archive of which `docker load` takes what is not top */
    int fd;       /* of the directory or file, -1 none */
    struct json_object *index; /* index.json of a layout or an archive of one, as it was found */
    struct tenon_desc top; /* the image's index or manifest; not of trees */
};
#define TENON_PLACE_INIT {.fd = -1}
void tenon_place_release(struct tenon_place *p);
TENON_DEFINE_AUTO_STRUCT(place, struct tenon_place, tenon_place_release);
#define auto_place __attribute__((cleanup(tenon_auto_place)))

/* What the text means; looks at nothing but whether there is such a file.  INVALID. */
int tenon_place_parse(const char *text, struct tenon_place *out, struct tenon_error *err);
/* The same, where a file must not be taken for the image of that name: INVALID for both in one. */
int tenon_place_parse_trusted(const char *text, struct tenon_place *out, struct tenon_error *err);
/* The same, of what may be written to: a word is the name of an image, whatever files there are. */
int tenon_place_parse_target(const char *text, struct tenon_place *out, struct tenon_error *err);
/* Go there, and find the image. */
int tenon_place_find(const struct tenon_reach *reach, struct tenon_place *p,
                     struct tenon_error *err);
/* DENIED: who loads it gets something else. */
int tenon_place_check_loads(const struct tenon_place *p, struct tenon_error *err);
static inline bool
tenon_place_is_image(const struct tenon_place *p)
{
    return p->kind <= TENON_PLACE_ARCHIVE;
}

/* A document (index, manifest, config, attestation) of the image, verified. */
int tenon_place_read(const struct tenon_reach *reach, const struct tenon_place *p,
                     const struct tenon_desc *d, struct tenon_buf *out, struct tenon_error *err);
/* A blob for reading; of a layout it is not verified. */
int tenon_place_open(const struct tenon_reach *reach, const struct tenon_place *p,
                     const struct tenon_desc *d, struct tenon_error *err);
/* The same, parsed. */
int tenon_place_json(const struct tenon_reach *reach, const struct tenon_place *p,
                     const struct tenon_desc *d, struct json_object **out,
                     struct tenon_error *err);
/* The media type that a document has, by itself. */
const char *tenon_document_type(struct json_object *document);

#endif

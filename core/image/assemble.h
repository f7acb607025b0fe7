/* image/assemble.h - the parts of making an image: blobs of the layers, the config,
 * annotations, and JSON documents as BuildKit lays them out. */
#ifndef TENON_IMAGE_ASSEMBLE_H
#define TENON_IMAGE_ASSEMBLE_H

#include "base/json.h"
#include "tools/buf.h"
#include "image/image.h"

/* ---- layers ---------------------------------------------------------------- */
struct tenon_image_layer {
    struct tenon_snapshot_blob blob; /* media type in the family asked for */
    int64_t created_ns;              /* when its snapshot was made */
    struct json_object *notes;       /* annotations of its descriptor, or NULL */
    struct json_object *urls;        /* where it is, when it is pushed nowhere; or NULL */
};
/* Blobs for a whole chain, found or made; *out is chain->len long, and the caller's to free. */
int tenon_image_layers(struct tenon_store *s, const struct tenon_chain *chain,
                       const struct tenon_image_options *o,
                       struct tenon_image_layer **out, struct tenon_error *err);
void tenon_image_layers_free(struct tenon_image_layer *list, size_t count);
/* Those that are there already, as images have them that nobody wanted otherwise; out has room
 * for chain->len.  False: some are not there. */
bool tenon_image_layers_known(struct tenon_store *s, const struct tenon_chain *chain,
                              struct tenon_snapshot_blob *out);

/* ---- config ----------------------------------------------------------------
 * The config JSON: rootfs and history brought in line with the layers, created
 * times filled in and clamped, all else as the frontend gave it. */
int tenon_image_config(const struct tenon_image_source *src,
                       const struct tenon_image_layer *layers, size_t count,
                       const struct tenon_image_options *o, struct tenon_buf *out,
                       struct tenon_error *err);

/* ---- annotations ----------------------------------------------------------- */
enum tenon_annotation_kind {
    TENON_ANNOTATION_MANIFEST,
    TENON_ANNOTATION_MANIFEST_DESCRIPTOR,
    TENON_ANNOTATION_INDEX,
    TENON_ANNOTATION_INDEX_DESCRIPTOR,
};
/* Refuse what cannot be parsed, and index kinds when there is no index. */
int tenon_annotations_check(const char *const *list, bool index,
                            struct tenon_error *err);
/* Those of one kind and platform (NULL: of none) as an object with sorted
 * keys, the caller's; NULL when there are none. */
struct json_object *tenon_annotations_get(const char *const *list,
                                          enum tenon_annotation_kind kind,
                                          const struct tenon_platform *platform);

/* ---- attestations ---------------------------------------------------------- */
#define TENON_MT_INTOTO "application/vnd.in-toto+json"
struct tenon_attestation_manifest {
    struct tenon_buf text;   /* of the manifest */
    struct tenon_buf config; /* that it refers to */
};
/* The manifest that holds the statements about an image (its descriptor's digest, size and
 * type), whose blobs are put into the store.  as_image: with a config as images have. */
int tenon_attestation_manifest(struct tenon_store *s, const struct tenon_desc *subject,
                               const struct tenon_image_statement *list, size_t count,
                               bool as_image, struct tenon_attestation_manifest *out,
                               struct tenon_error *err);
/* Its entry of the index: the platform is unknown/unknown, annotations tell what it is about. */
struct json_object *tenon_attestation_entry(const struct tenon_digest *manifest, int64_t size,
                                            const char *subject);

/* ---- documents ------------------------------------------------------------- */
/* {"architecture", "os", ...} */
struct json_object *tenon_platform_json(const struct tenon_platform *p);

#endif

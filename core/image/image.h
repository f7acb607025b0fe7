/* image/image.h - OCI documents: references, platforms, configs, manifests, and the
 * image made from a result.  Sources: OCI image-spec 1.1, Docker image
 * manifest v2.2, github.com/containerd/platforms for normalisation. */
#ifndef TENON_IMAGE_IMAGE_H
#define TENON_IMAGE_IMAGE_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "store/store.h"

/* ---- references: [domain/]path[:tag][@digest] ------------------------------ */
struct tenon_reference {
    char *domain; /* "docker.io" */
    char *path;   /* "library/busybox" */
    char *tag;    /* or NULL */
    char *digest; /* or NULL */
};
/* Familiar names are normalised; a missing tag becomes "latest" unless there
 * is a digest.  INVALID: "invalid reference format" and what is wrong. */
int tenon_reference_parse(const char *s, struct tenon_reference *out, struct tenon_error *err);
void tenon_reference_release(struct tenon_reference *r);
char *tenon_reference_string(const struct tenon_reference *r); /* docker.io/library/x:latest */
bool tenon_reference_tag_ok(const char *tag); /* is it one, by the grammar? */
char *tenon_reference_familiar(const struct tenon_reference *r); /* busybox:latest */

/* ---- platforms -------------------------------------------------------------- */
struct tenon_platform {
    char os[32], arch[32], variant[32], os_version[64];
};
int tenon_platform_parse(const char *s, struct tenon_platform *out,
                         struct tenon_error *err); /* normalised */
void tenon_platform_format(const struct tenon_platform *p, char out[200]); /* linux/arm/v7 */
void tenon_platform_host(struct tenon_platform *out);
/* Does an image for `have` run where `want` is wanted?  0 no; greater is better (exact
 * first, then lower variants), containerd's Only() order. */
int tenon_platform_match(const struct tenon_platform *want, const struct tenon_platform *have);

/* "pkg:docker/busybox@latest?platform=linux%2Famd64" of a reference; type "docker", or "oci" for
 * what is in no registry; platform or NULL.  purl.c; the caller's. */
char *tenon_image_purl(const char *type, const char *name, const struct tenon_platform *platform,
                       struct tenon_error *err);

/* ---- media types ------------------------------------------------------------ */
#define TENON_MT_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define TENON_MT_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TENON_MT_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define TENON_MT_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define TENON_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define TENON_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define TENON_MT_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define TENON_MT_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
bool tenon_media_is_index(const char *mt);
bool tenon_media_is_manifest(const char *mt);

/* Choose from an index the manifest for a platform; NOT_FOUND with BuildKit's
 * "no match for platform in manifest: not found". *desc members malloc'ed. */
struct tenon_desc {
    char *media_type, *digest;
    int64_t size;
};
void tenon_desc_release(struct tenon_desc *d);
/* what: "layer", "config", for messages. */
int tenon_desc_parse(struct json_object *o, const char *what, struct tenon_desc *out,
                     struct tenon_error *err);
/* The list of an index, or NULL; not longer than a list may be. */
int tenon_index_list(struct json_object *index, struct json_object **list, struct tenon_error *err);
int tenon_index_choose(struct json_object *index, const struct tenon_platform *want,
                       struct tenon_desc *out, struct tenon_error *err);
/* A manifest taken apart and checked: config, layers; diff ids come from the
 * config.  Counts and sizes are limited. */
struct tenon_manifest {
    struct tenon_desc config;
    struct tenon_desc *layers;
    char **urls; /* of each layer: where else it is, a list as JSON (nondist.h); or NULL */
    size_t layer_count;
};
int tenon_manifest_parse(const void *data, size_t len, const char *media_type,
                         struct tenon_manifest *out, struct tenon_error *err);
void tenon_manifest_release(struct tenon_manifest *m);
/* rootfs.diff_ids of a config, NULL-terminated for tenon_strv_free. */
int tenon_config_diff_ids(const void *data, size_t len, char ***out, struct tenon_error *err);
/* Chain id of diff ids [0, n). */
void tenon_chain_id(char *const *diff_ids, size_t n, struct tenon_digest *out);

/* ---- an image from results (host->image->build) ------------------------------ */
/* One that is stored with an image: JSON, in its own layer of the attestation manifest. */
struct tenon_image_statement {
    char *path, *predicate_type, *text;
    size_t len;
    bool is_core; /* of a scan of several trees, the one of the image itself */
};

struct tenon_image_source { /* one platform */
    const char *platform;      /* "linux/amd64" */
    struct tenon_chain chain;
    const void *config;        /* containerimage.config of the frontend; NULL: a minimal one */
    size_t config_len;
    const void *base_config;   /* containerimage.base.config, or NULL: whose history
                                * an epoch leaves alone */
    size_t base_config_len;
    bool attested; /* options' attest is asked, and there is an index */
};
/* The statements about the image that sources[i] became, by the digest of its manifest; *out
 * lives until tenon_image_make returns. */
typedef int tenon_image_attest(void *data, size_t i, const struct tenon_platform *platform,
                               const char *manifest, const struct tenon_image_statement **out,
                               size_t *count, struct tenon_error *err);
struct tenon_image_layer; /* assemble.h */
/* More members for the config of an image of these layers. */
typedef int tenon_image_more(void *data, const struct tenon_chain *chain,
                             const struct tenon_image_layer *layers,
                             struct json_object *config, struct tenon_error *err);
struct tenon_image_options {
    const char *compression;   /* NULL: gzip; "uncompressed" "zstd" "estargz" */
    int level;                 /* -1 default */
    bool force_compression, docker_mediatypes, rewrite_timestamp, force_index;
    bool prefer_nondist;       /* a base's layers keep their URLs, and are pushed nowhere */
    bool is_undated;           /* its descriptor does not say when it was made */
    bool has_epoch;
    int64_t epoch;             /* seconds: clamps times */
    const char *const *annotations; /* "KEY=VALUE", KEY as written after
                                * "annotation": ".k", "-index.k", "[linux/amd64].k",
                                * "-manifest-descriptor[...].k" */
    struct tenon_cancel *cancel;
    void (*status)(void *data, const char *id, int64_t cur, int64_t total, bool done);
    /* ID: "exporting layers", "exporting manifest sha256:..", "exporting config sha256:..",
     * "exporting attestation manifest sha256:..", "exporting manifest list sha256:.." */
    void *status_data;
    tenon_image_more *more; /* NULL: none */
    void *more_data;
    tenon_image_attest *attest; /* for sources that are attested */
    void *attest_data;
    bool attestations_as_images; /* not as artifacts with a subject */
};
/* What is certain to fail in tenon_image_make, before there is anything to make
 * an image of.  index: it will be of several platforms. */
int tenon_image_options_check(const struct tenon_image_options *o, bool index,
                              struct tenon_error *err);
struct tenon_image_made {
    char *digest, *media_type, *config_digest, *descriptor_json;
    int64_t size;
    bool is_index;
};
void tenon_image_made_release(struct tenon_image_made *m);
/* Layers' blobs are made (or found), history is aligned with the layers as
 * BuildKit's exporter does it, created times are filled in, config, manifest
 * and index are written to the content store. */
int tenon_image_make(struct tenon_store *s, const struct tenon_image_source *src,
                     size_t count, const struct tenon_image_options *o,
                     struct tenon_image_made *out, struct tenon_error *err);
/* Children before parents. */
typedef int tenon_image_visit(void *data, const struct tenon_desc *d, struct tenon_error *err);
int tenon_image_walk(struct tenon_store *s, const char *digest,
                     tenon_image_visit *visit, void *data, struct tenon_error *err);

#endif

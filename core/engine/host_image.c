/* engine/host_image.c - the host table's image functions: from a result to documents and
 * layers. */
#include "engine/host_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "engine/attestation.h"
#include "engine/build_private.h"
#include "engine/remotecache.h"
#include "engine/sbomlayers.h"
#include "image/image.h"

static void
forward_status(void *data, const char *id, int64_t current, int64_t total, bool done)
{
    tenon_ctx_status(data, id, current, total);
    if (done)
        tenon_ctx_status_done(data, id);
}

#define ANNOTATION "annotation"

/* "annotation-index.k" as written by the user to "-index.k=v", and what a frontend says of its
 * result in the same words, which wins: of two of one name the latter is taken. */
static char **
collect_annotations(const struct tenon_values *options, const struct tenon_result *r)
{
    const size_t len = strlen(ANNOTATION);
    char **list = NULL;
    const char *key, *value;
    for (size_t i = 0; (value = tenon_values_map(options, ANNOTATION, i, &key)); i++)
        tenon_strv_push(&list, tenon_asprintf("%s=%s", key + len, value));
    for (size_t i = 0; r && i < r->meta.len; i++) {
        const struct tenon_result_value *m = &r->meta.items[i];
        if (tenon_has_prefix(m->key, ANNOTATION) && m->key[len] && strchr(".-[", m->key[len]))
            tenon_strv_push(&list, tenon_asprintf("%s=%s", m->key + len, (const char *)m->data));
    }
    return list;
}

static int
read_epoch(struct tenon_result *r, const struct tenon_values *options,
           struct tenon_image_options *o, struct tenon_error *err)
{
    const char *text = tenon_values_string(options, "source-date-epoch");
    if (!text) { /* an empty one is none, whatever the result says */
        const struct tenon_result_value *v = tenon_result_meta(r, "source.date.epoch");
        text = v ? v->data : NULL;
    }
    if (!text || !*text)
        return TENON_OK;
    if (!tenon_parse_i64(text, &o->epoch))
        return tenon_error_set(err, TENON_E_INVALID, "invalid SOURCE_DATE_EPOCH \"%s\"", text);
    o->has_epoch = true;
    return TENON_OK;
}

int
tenon_host_image_check(const struct tenon_values *options, bool index,
                       struct tenon_error *err)
{
    int64_t epoch;
    const char *text = tenon_values_string(options, "source-date-epoch");
    if (text && *text && !tenon_parse_i64(text, &epoch))
        return tenon_error_set(err, TENON_E_INVALID, "invalid source-date-epoch \"%s\"", text);
    char **annotations = collect_annotations(options, NULL);
    const struct tenon_image_options o = {
        .compression = tenon_values_string(options, "compression"),
        .level = (int)tenon_values_int(options, "compression-level"),
        .docker_mediatypes = !tenon_values_bool(options, "oci-mediatypes"),
        .annotations = (const char *const *)annotations,
    };
    tenon_image_options_check(&o, index, err);
    tenon_strv_free(annotations);
    return err->code;
}

/* ---- attestations ----------------------------------------------------------------------- */

struct attesting {
    struct tenon_ctx *ctx;
    const struct tenon_image_source *sources; /* one a platform */
    const struct tenon_image_options *made_as;
    const struct tenon_result *result;
    const struct tenon_values *options;
    tenon_statements made; /* of the platform that was asked for last */
};

/* The image by each of its names, as package URLs. */
static int
name_subjects(struct attesting *a, const struct tenon_platform *platform,
              const char *const *digests, struct tenon_subject **out, size_t *count,
              struct tenon_error *err)
{
    TENON_VEC(struct tenon_subject) list = {0};
    const char *text;
    for (size_t i = 0; (text = tenon_values_nth(a->options, "name", i)) && !err->code; i++) {
        char **names = tenon_comma_fields(text, NULL);
        for (char **n = names; n && *n && !err->code; n++) {
            const bool is_name = **n && strcmp(*n, "*");
            auto_free char *purl = is_name ? tenon_image_purl("docker", *n, platform, err) : NULL;
            struct tenon_subject s = { .kind = TENON_SUBJECT_RAW, .digests = digests };
            if (!purl)
                continue;
            s.name = tenon_ctx_strdup(a->ctx, purl);
            tenon_vec_push(&list, s);
        }
        tenon_strv_free(names);
    }
    *out = list.items;
    *count = list.len;
    return err->code;
}

/* The list of what is in the image itself says where. */
static int
place_files(struct attesting *a, const struct tenon_chain *chain, struct tenon_error *err)
{
    struct tenon_store *s = tenon_ctx_engine(a->ctx)->store;
    for (size_t k = 0; k < a->made.len; k++) {
        struct tenon_image_statement *st = &a->made.items[k];
        struct tenon_image_layer *layers = NULL;
        if (!st->is_core || !tenon_streq(st->predicate_type, TENON_PREDICATE_SPDX))
            continue;
        if (tenon_image_layers(s, chain, a->made_as, &layers, err) < 0)
            return err->code;
        tenon_sbom_layers(s, chain, layers, st, err);
        tenon_image_layers_free(layers, chain->len);
        if (err->code)
            return err->code;
    }
    return TENON_OK;
}

static int
attest(void *data, size_t i, const struct tenon_platform *platform, const char *manifest,
       const struct tenon_image_statement **out, size_t *count, struct tenon_error *err)
{
    struct attesting *a = data;
    const char *const digests[] = { manifest, NULL };
    auto_free struct tenon_subject *self = NULL;
    size_t self_count = 0;
    tenon_statements_release(&a->made);
    if (name_subjects(a, platform, digests, &self, &self_count, err) < 0 ||
        tenon_statements_make(a->ctx, a->result, a->result->platforms.items[i].platform, true,
                              self, self_count, &a->made, err) < 0 ||
        place_files(a, &a->sources[i].chain, err) < 0)
        return err->code;
    *out = a->made.items;
    *count = a->made.len;
    return TENON_OK;
}

/* One that is inline-only is no reason for an index, but where the exporter says so; where there
 * is an index for another reason, it is in it. */
static void
choose_attested(const struct tenon_result *r, const struct tenon_values *options,
                bool is_index, struct tenon_image_source *src)
{
    bool any = is_index || tenon_values_bool(options, "attestation-inline");
    for (size_t i = 0; i < r->platforms.len && !any; i++)
        any = tenon_result_is_attested(r, r->platforms.items[i].platform, false);
    for (size_t i = 0; i < r->platforms.len; i++)
        src[i].attested = any && tenon_result_is_attested(r, r->platforms.items[i].platform, true);
}

int
tenon_host_image_build(struct tenon_ctx *ctx, struct tenon_result *r,
                       const struct tenon_values *options,
                       struct tenon_image *out, struct tenon_error *err)
{
    struct tenon_engine *engine = tenon_ctx_engine(ctx);
    struct tenon_build *b = tenon_build_current(engine);
    struct attesting attesting = { .ctx = ctx, .result = r, .options = options };
    struct tenon_image_options o = {
        .compression = tenon_values_string(options, "compression"),
        .level = (int)tenon_values_int(options, "compression-level"),
        .force_compression = tenon_values_bool(options, "force-compression"),
        .docker_mediatypes = !tenon_values_bool(options, "oci-mediatypes"),
        .prefer_nondist = tenon_values_bool(options, "prefer-nondist-layers"),
        .rewrite_timestamp = tenon_values_bool(options, "rewrite-timestamp"),
        .force_index = tenon_result_meta(r, "tenon.force-index") != NULL,
        .is_undated = !tenon_values_declared(options, "dest"), /* it goes into no layout's index */
        .cancel = tenon_ctx_cancel(ctx),
        .status = forward_status,
        .status_data = ctx,
        .more = b->inline_cache ? tenon_inline_cache_add : NULL,
        .more_data = b,
        .attest = attest,
        .attest_data = &attesting,
        .attestations_as_images = !tenon_values_bool(options, "oci-artifact"),
    };
    if (read_epoch(r, options, &o, err) < 0)
        return err->code;

    size_t n = r->platforms.len;
    struct tenon_image_source *src = tenon_calloc(n ? n : 1, sizeof *src);
    char **annotations = collect_annotations(options, r);
    o.annotations = (const char *const *)annotations;
    attesting.sources = src;
    attesting.made_as = &o;
    struct tenon_image_made made = {0};
    for (size_t i = 0; i < n; i++) {
        struct tenon_result_platform *p = &r->platforms.items[i];
        if (p->ref) {
            if (tenon_build_ref_solve(b, p->ref, tenon_ctx_cancel(ctx), err) < 0)
                goto done;
            if (p->ref->made.view) {
                tenon_error_set(err, TENON_E_BUG, "an image cannot be made from a tree in place");
                goto done;
            }
            src[i].chain = p->ref->made.chain; /* borrowed */
        }
        src[i].platform = p->platform;
        const struct tenon_result_value *c =
            tenon_result_platform_meta(r, "containerimage.config", p->platform);
        src[i].config = c ? c->data : NULL;
        src[i].config_len = c ? c->len : 0;
        const struct tenon_result_value *base =
            tenon_result_platform_meta(r, "containerimage.base.config", p->platform);
        src[i].base_config = base ? base->data : NULL;
        src[i].base_config_len = base ? base->len : 0;
    }
    choose_attested(r, options, n > 1 || o.force_index, src);
    if (tenon_image_make(engine->store, src, n, &o, &made, err) < 0)
        goto done;
    const struct tenon_image image = {
        .struct_size = sizeof image,
        .is_index = made.is_index,
        .digest = tenon_ctx_strdup(ctx, made.digest),
        .media_type = tenon_ctx_strdup(ctx, made.media_type),
        .size = made.size,
        .config_digest = made.config_digest ? tenon_ctx_strdup(ctx, made.config_digest) : NULL,
        .descriptor_json = made.descriptor_json ? tenon_ctx_strdup(ctx, made.descriptor_json)
                                                : NULL,
    };
    tenon_sized_give(out, &image, sizeof image);
done:
    tenon_image_made_release(&made);
    tenon_statements_release(&attesting.made);
    tenon_strv_free(annotations);
    free(src);
    return err->code;
}

struct walk {
    tenon_blob_visit *visit;
    void *data;
};

static int
walk_one(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    struct walk *w = data;
    const struct tenon_descriptor desc = { .struct_size = sizeof desc, .size = d->size,
                                           .media_type = d->media_type, .digest = d->digest };
    return w->visit(w->data, &desc, err);
}

int
tenon_host_image_walk(struct tenon_ctx *ctx, const char *digest,
                      tenon_blob_visit *visit, void *data, struct tenon_error *err)
{
    struct walk w = { visit, data };
    return tenon_image_walk(tenon_ctx_engine(ctx)->store, digest, walk_one, &w, err);
}

static int
sum_size(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    (void)err;
    *(int64_t *)data += d->size;
    return TENON_OK;
}

int
tenon_host_image_tag(struct tenon_ctx *ctx, const char *name, const char *digest,
                     struct tenon_error *err)
{
    struct tenon_store *s = tenon_ctx_engine(ctx)->store;
    int64_t size = 0;
    if (tenon_image_walk(s, digest, sum_size, &size, err) < 0)
        return err->code;
    return tenon_image_set(s, name, digest, NULL, size, err);
}

const char *
tenon_host_image_normalize(struct tenon_ctx *ctx, const char *name,
                           struct tenon_error *err)
{
    struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, err) < 0)
        return NULL;
    auto_free char *text = tenon_reference_string(&ref);
    tenon_reference_release(&ref);
    return tenon_ctx_strdup(ctx, text);
}

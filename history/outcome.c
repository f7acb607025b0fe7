/* history/outcome.c - of a result: what exporters answered, documents of an image, provenance. */
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "context/ctx.h"
#include "discreet.h"
#include "engine/attestation.h"
#include "history.h"
#include "recorder.h"
#include "tools/alloc.h"
#include "tools/base64.h"

#define IN_TOTO "application/vnd.in-toto+json"
#define DESCRIPTOR "containerimage.descriptor"
enum { DEPTH_MAX = 3 }; /* an index, its manifests, what is attested */

/* ---- answers ------------------------------------------------------------- */

/* As clients have them: JSON is base64 in there. */
static struct message_list
answers(struct tenon_arena *a, const struct tenon_result *result)
{
    struct ctl_pair *pairs = tenon_arena_array(a, result->responses.len + 1, sizeof *pairs);
    size_t count = 0;

    tenon_vec_foreach(r, &result->responses) {
        auto_free char *coded = r->is_json ? tenon_base64(r->data, r->len) : NULL;
        pairs[count++] = (struct ctl_pair){tenon_arena_strdup(a, r->key),
                                           tenon_arena_strdup(a, coded ? coded : r->data)};
    }
    return discreet_pairs(a, (struct message_list){pairs, count});
}

/* ---- documents ----------------------------------------------------------- */

static const char *
member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_string)
               ? json_object_get_string(value) : NULL;
}

static void keep_document(struct recorder *r, struct tenon_store *store, const char *media_type,
                          const char *digest, unsigned depth);

static void
keep_all(struct recorder *r, struct tenon_store *store, struct json_object *document,
         const char *key, unsigned depth)
{
    struct json_object *list = NULL;

    if (!json_object_object_get_ex(document, key, &list) ||
        !json_object_is_type(list, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char *type = member(one, "mediaType"), *digest = member(one, "digest");
        const bool is_layer = strcmp(key, "layers") == 0;
        if (type && digest && (!is_layer || !strcmp(type, IN_TOTO)))
            keep_document(r, store, type, digest, depth + 1);
    }
}

/* Of an image what is text: it stays with the record when the image has gone. */
static void
keep_document(struct recorder *r, struct tenon_store *store, const char *media_type,
              const char *digest, unsigned depth)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    struct tenon_digest parsed;

    if (depth > DEPTH_MAX || !tenon_digest_parse(digest, &parsed) ||
        tenon_blob_read(store, digest, HISTORY_CONTENT_MAX, &bytes, &ignored) < 0 ||
        !recorder_add(r, media_type, NULL, bytes.data, bytes.len) ||
        tenon_json_parse(bytes.data, bytes.len, HISTORY_CONTENT_MAX, &o, &ignored) < 0)
        return;
    keep_all(r, store, o, "manifests", depth);
    keep_all(r, store, o, "layers", depth);
}

/* NULL: no exporter told of one, or it is not in the store. */
static const struct ctl_descriptor *
exported(struct recorder *r, struct tenon_store *store, const struct tenon_result *result)
{
    const struct tenon_result_value *v = tenon_result_response(result, DESCRIPTOR);
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    struct ctl_descriptor d = {0};
    int64_t size;

    if (!v || tenon_json_parse(v->data, v->len, HISTORY_CONTENT_MAX, &o, &ignored) < 0)
        return NULL;
    const char *type = member(o, "mediaType"), *digest = member(o, "digest");
    if (!type || !digest || !tenon_blob_exists(store, digest, &size))
        return NULL;
    keep_document(r, store, type, digest, 0);
    d.media_type = tenon_arena_strdup(recorder_arena(r), type);
    d.digest = tenon_arena_strdup(recorder_arena(r), digest);
    d.size = size;
    return tenon_arena_dup(recorder_arena(r), &d, sizeof d);
}

void
recorder_exported(struct recorder *r, struct ctl_record *record, size_t exporter,
                  struct tenon_engine *engine, const struct tenon_result *result)
{
    struct tenon_arena *arena = recorder_arena(r);
    const struct ctl_descriptor *image = exported(r, engine->store, result);
    const struct ctl_outcome *before = record->outcome;
    const struct message_list results = before ? before->results : (struct message_list){0};

    if (!image)
        return;
    struct ctl_numbered *all = tenon_arena_grow(arena, results.items, results.len, sizeof *all);
    all[results.len] = (struct ctl_numbered){(int64_t)exporter, image};
    const struct ctl_outcome now = {before ? before->first : image, {0}, {all, results.len + 1}};
    record->outcome = tenon_arena_dup(arena, &now, sizeof now);
}

/* ---- provenance ---------------------------------------------------------- */

static const struct ctl_descriptor *
provenance(struct recorder *r, struct tenon_engine *engine, const struct tenon_attestation *a)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const void *data = a->data;
    size_t len = a->len;

    if (!a->predicate_type || !tenon_has_prefix(a->predicate_type, TENON_SLSA_PREFIX))
        return NULL;
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(engine, NULL, engine->cancel, NULL);
    if (!data && a->content && a->content(a->cookie, ctx, &data, &len, &err) < 0) {
        tenon_log(TENON_LOG_DEBUG, "no provenance in a record: %s", err.message);
        return NULL;
    }
    return data ? recorder_add(r, IN_TOTO, a->predicate_type, data, len) : NULL;
}

/* Of one platform; NULL where nothing is said. */
static const struct ctl_outcome *
attested(struct recorder *r, struct tenon_engine *engine, const struct tenon_result *result,
         const char *platform, const struct ctl_outcome *from)
{
    struct tenon_arena *arena = recorder_arena(r);
    struct ctl_outcome o = from ? *from : (struct ctl_outcome){0};
    struct ctl_descriptor *list = NULL;
    size_t count = 0;

    tenon_vec_foreach(x, &result->attestations) {
        const struct ctl_descriptor *d =
            strcmp(x->platform, platform) ? NULL : provenance(r, engine, &x->a);
        if (!d)
            continue;
        list = tenon_arena_grow(arena, list, count, sizeof *list);
        list[count++] = *d;
    }
    o.attestations = (struct message_list){list, count};
    return from || count ? tenon_arena_dup(arena, &o, sizeof o) : NULL;
}

void
recorder_outcome(struct recorder *r, struct ctl_record *record, struct tenon_engine *engine,
                 const struct tenon_result *result)
{
    struct tenon_arena *arena = recorder_arena(r);
    const bool many = result->platforms.len > 1;
    struct ctl_platform_outcome *list =
        tenon_arena_array(arena, result->platforms.len + 1, sizeof *list);
    size_t count = 0;

    record->response = answers(arena, result);
    if (!record->outcome)
        recorder_exported(r, record, 0, engine, result);
    if (!many && result->platforms.len)
        record->outcome = attested(r, engine, result, result->platforms.items[0].platform,
                                   record->outcome);
    for (size_t i = 0; many && i < result->platforms.len; i++) {
        const char *platform = result->platforms.items[i].platform;
        const struct ctl_outcome *o = attested(r, engine, result, platform, NULL);
        if (o)
            list[count++] = (struct ctl_platform_outcome){tenon_arena_strdup(arena, platform), o};
    }
    record->outcomes = (struct message_list){list, count};
}

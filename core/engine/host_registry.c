/* engine/host_registry.c - "tenon.registry/0": plugins pull and push through the core's
 * client. */
#include "engine/host_registry.h"

#include <string.h>

#include "tools/alloc.h"
#include "base/sized.h"
#include "context/engine.h"
#include "context/kept.h"
#include "context/session.h"
#include "context/waiting.h"
#include "context/ctx.h"
#include "engine/host_attested.h"
#include "image/nondist.h"
#include "registry/registry.h"

#define INDEX_MAX ((size_t)8 << 20)

static int
session_credentials(void *data, const char *host, char **user, char **secret,
                    struct tenon_error *err)
{
    struct tenon_engine *engine = data;
    struct tenon_session *s = engine->session;
    return s && s->credentials ? s->credentials(s->data, host, user, secret, err) : 0;
}

static int
session_token(void *data, const struct tenon_token_request *what, char **token, int64_t *seconds,
              struct tenon_error *err)
{
    struct tenon_engine *engine = data;
    struct tenon_session *s = engine->session;
    return s && s->token ? s->token(s->data, what, token, seconds, err) : 0;
}

static void *
client_new(struct tenon_engine *engine)
{
    struct tenon_registry_options o = {
        .store = engine->store,
        .config = engine->config,
        .credentials = session_credentials,
        .token = session_token,
        .data = engine,
    };
    return tenon_registry_new(&o);
}

static void
client_free(void *client)
{
    tenon_registry_free(client);
}

/* Tokens and connections last as long as the engine. */
static const struct tenon_kept_kind client_kind = { client_new, client_free };

static struct tenon_registry *
registry_of(struct tenon_ctx *ctx)
{
    return tenon_engine_kept(tenon_ctx_engine(ctx), &client_kind);
}

static void
forward(void *data, const char *id, int64_t current, int64_t total, bool done)
{
    tenon_ctx_status(data, id, current, total);
    if (done)
        tenon_ctx_status_done(data, id);
}

static struct tenon_registry_call
call_of(struct tenon_ctx *ctx)
{
    return (struct tenon_registry_call){
        .cancel = tenon_ctx_cancel(ctx), .status = forward, .data = ctx};
}

static void
give_desc(struct tenon_ctx *ctx, const struct tenon_desc *from, struct tenon_descriptor *to)
{
    const struct tenon_descriptor own = {
        .struct_size = sizeof own,
        .media_type = tenon_ctx_strdup(ctx, from->media_type),
        .digest = tenon_ctx_strdup(ctx, from->digest),
        .size = from->size,
    };
    tenon_sized_give(to, &own, sizeof own);
}

/* ---- registries --------------------------------------------------------- */

static int
resolve(struct tenon_ctx *ctx, const char *ref, enum tenon_resolve_mode mode, uint32_t flags,
        struct tenon_descriptor *desc, const void **data, size_t *len, struct tenon_error *err)
{
    struct tenon_registry_call call = call_of(ctx);
    struct tenon_desc d = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    call.insecure = flags & TENON_PULL_INSECURE;
    if (tenon_registry_manifest(registry_of(ctx), &call, ref, mode, &d, &text, err) < 0)
        return err->code;
    char *copy = tenon_ctx_alloc(ctx, text.len + 1);
    memcpy(copy, tenon_buf_str(&text), text.len);
    give_desc(ctx, &d, desc);
    tenon_desc_release(&d);
    *data = copy;
    *len = text.len;
    return 0;
}

static int
api_resolve(struct tenon_ctx *ctx, const char *ref, const char *mode,
            struct tenon_descriptor *desc, const void **data, size_t *len,
            struct tenon_error *err)
{
    enum tenon_resolve_mode m = TENON_RESOLVE_DEFAULT;
    if (tenon_streq(mode, "pull"))
        m = TENON_RESOLVE_PULL;
    else if (tenon_streq(mode, "local"))
        m = TENON_RESOLVE_LOCAL;
    else if (mode && *mode && !tenon_streq(mode, "default"))
        return tenon_error_set(err, TENON_E_INVALID, "invalid resolve mode \"%s\"", mode);
    return resolve(ctx, ref, m, 0, desc, data, len, err);
}

static int
api_manifest(struct tenon_ctx *ctx, const char *ref, struct tenon_descriptor *desc,
             const void **data, size_t *len, struct tenon_error *err)
{
    return resolve(ctx, ref, TENON_RESOLVE_DEFAULT, 0, desc, data, len, err);
}

static int
api_pull_manifest(struct tenon_ctx *ctx, const char *ref, uint32_t flags,
                  struct tenon_descriptor *desc, const void **data, size_t *len,
                  struct tenon_error *err)
{
    return resolve(ctx, ref, TENON_RESOLVE_PULL, flags, desc, data, len, err);
}

static int
api_pull_blob(struct tenon_ctx *ctx, const char *ref, uint32_t flags,
              const struct tenon_descriptor *desc, struct tenon_error *err)
{
    struct tenon_registry_call call = call_of(ctx);
    auto_free char *what = tenon_asprintf("fetches %s", desc->digest);
    struct tenon_waiting waiting;
    tenon_waiting_init(&waiting, tenon_ctx_engine(ctx), tenon_ctx_vertex(ctx), what);
    call.watch = &waiting.watch;
    call.insecure = flags & TENON_PULL_INSECURE;
    return tenon_registry_blob(registry_of(ctx), &call, ref, desc->digest,
                               desc->size > 0 ? desc->size : -1, err);
}

static int
api_blob(struct tenon_ctx *ctx, const char *ref, const struct tenon_descriptor *desc,
         struct tenon_error *err)
{
    return api_pull_blob(ctx, ref, 0, desc, err);
}

static int
api_push(struct tenon_ctx *ctx, const char *ref, const char *digest, uint32_t flags,
         struct tenon_error *err)
{
    struct tenon_registry_call call = call_of(ctx);
    call.insecure = flags & TENON_PUSH_INSECURE;
    return tenon_registry_push(registry_of(ctx), &call, ref, digest,
                               flags & TENON_PUSH_BY_DIGEST, err);
}

static int
api_push_blob(struct tenon_ctx *ctx, const char *ref, uint32_t flags,
              const struct tenon_descriptor *desc, struct tenon_error *err)
{
    struct tenon_registry_call call = call_of(ctx);
    const struct tenon_desc d = { (char *)desc->media_type, (char *)desc->digest, desc->size };
    call.insecure = (flags & TENON_PUSH_INSECURE) != 0;
    return tenon_registry_push_blob(registry_of(ctx), &call, ref, &d, err);
}

static int
read_platform(const char *text, struct tenon_platform *out, struct tenon_error *err)
{
    if (text && *text)
        return tenon_platform_parse(text, out, err);
    tenon_platform_host(out);
    return 0;
}

static int
api_attestations(struct tenon_ctx *ctx, const char *ref, const struct tenon_descriptor *root,
                 const void *index, size_t len, const char *platform,
                 const char *const *predicates, const struct tenon_fact **facts, size_t *count,
                 struct tenon_error *err)
{
    const struct tenon_registry_call call = call_of(ctx);
    struct tenon_platform want;
    if (read_platform(platform, &want, err) < 0)
        return err->code;
    const struct tenon_attested_query q = {
        .registry = registry_of(ctx), .call = &call, .ref = ref, .root = root, .index = index,
        .len = len, .platform = &want, .predicates = predicates,
    };
    return tenon_attested_facts(ctx, &q, facts, count, err);
}

/* ---- documents ---------------------------------------------------------- */

static int
api_choose(struct tenon_ctx *ctx, const void *index, size_t len, const char *platform,
           struct tenon_descriptor *out, struct tenon_error *err)
{
    struct tenon_platform want;
    if (read_platform(platform, &want, err) < 0)
        return err->code;
    auto_json struct json_object *o = NULL;
    if (tenon_json_parse(index, len, INDEX_MAX, &o, err) < 0)
        return tenon_error_context(err, "index");
    if (json_object_get_type(o) != json_type_object)
        return tenon_error_set(err, TENON_E_CORRUPT, "index is not an object");
    struct tenon_desc d = {0};
    if (tenon_index_choose(o, &want, &d, err) < 0)
        return err->code;
    give_desc(ctx, &d, out);
    tenon_desc_release(&d);
    return 0;
}

static int
api_image_config(struct tenon_ctx *ctx, const void *manifest, size_t len,
                 struct tenon_descriptor *out, struct tenon_error *err)
{
    struct tenon_manifest m = {0};
    if (tenon_manifest_parse(manifest, len, NULL, &m, err) < 0)
        return err->code;
    give_desc(ctx, &m.config, out);
    tenon_manifest_release(&m);
    return 0;
}

static int
fill_layers(struct tenon_ctx *ctx, const struct tenon_manifest *m, char *const *ids,
            const struct tenon_descriptor *const **layers, size_t *count, struct tenon_error *err)
{
    if (tenon_strv_len(ids) != m->layer_count)
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "mismatched image rootfs and manifest layers");
    struct tenon_descriptor *list =
        tenon_ctx_alloc(ctx, (m->layer_count + 1) * sizeof *list);
    for (size_t i = 0; i < m->layer_count; i++) {
        list[i].struct_size = sizeof *list;
        give_desc(ctx, &m->layers[i], &list[i]);
        list[i].diff_id = tenon_ctx_strdup(ctx, ids[i]);
    }
    *layers = tenon_ctx_pointers(ctx, list, sizeof *list, m->layer_count);
    *count = m->layer_count;
    return 0;
}

static int
api_image_layers(struct tenon_ctx *ctx, const void *manifest, size_t len,
                 const void *config, size_t config_len,
                 const struct tenon_descriptor *const **layers, size_t *count,
                 struct tenon_error *err)
{
    struct tenon_manifest m = {0};
    char **ids = NULL;
    if (tenon_manifest_parse(manifest, len, NULL, &m, err) < 0)
        return err->code;
    int rc = tenon_config_diff_ids(config, config_len, &ids, err);
    if (rc >= 0)
        rc = tenon_layer_urls_note(tenon_ctx_engine(ctx)->store, &m, err);
    if (rc >= 0)
        rc = fill_layers(ctx, &m, ids, layers, count, err);
    tenon_manifest_release(&m);
    tenon_strv_free(ids);
    return rc;
}

static const char *
api_chain_id(struct tenon_ctx *ctx, const struct tenon_descriptor *const *layers, size_t count)
{
    struct tenon_digest id;
    char **ids = tenon_calloc(count + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = tenon_strdup(layers[i]->diff_id);
    tenon_chain_id(ids, count, &id);
    tenon_strv_free(ids);
    return tenon_ctx_strdup(ctx, id.str);
}

static bool
api_is_index(struct tenon_ctx *ctx, const char *media_type, const void *data, size_t len)
{
    (void)ctx;
    if (media_type && *media_type)
        return tenon_media_is_index(media_type);
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    return tenon_json_parse(data, len, INDEX_MAX, &o, &none) == 0 &&
           json_object_get_type(o) == json_type_object &&
           json_object_object_get_ex(o, "manifests", NULL);
}

const struct tenon_registry_api *
tenon_registry_api(void)
{
    static const struct tenon_registry_api api = {
        .struct_size = sizeof api,
        .manifest = api_manifest,
        .blob = api_blob,
        .push = api_push,
        .resolve = api_resolve,
        .choose = api_choose,
        .image_config = api_image_config,
        .image_layers = api_image_layers,
        .chain_id = api_chain_id,
        .is_index = api_is_index,
        .pull_manifest = api_pull_manifest,
        .pull_blob = api_pull_blob,
        .push_blob = api_push_blob,
        .attestations = api_attestations,
    };
    return &api;
}

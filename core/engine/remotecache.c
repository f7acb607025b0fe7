/* engine/remotecache.c - --cache-from and --cache-to: cache plugins are asked, read and
 * filled. */
#include "engine/remotecache.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "tools/base64.h"
#include "engine/cachemounts.h"
#include "engine/onecache.h"
#include "image/image.h"
#include "solve/cache.h"

#define INDEX_DOCUMENTS_MAX 256 /* that are read; a cache may have more blobs */
#define DOCUMENTS_MAX ((size_t)256 << 20) /* bytes of all of a build */

static int
lacks(const struct tenon_export *x, const char *what, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_UNSUPPORTED, "cache type %s cannot %s", x->type,
                           what);
}

typedef int cache_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
                        struct tenon_error *err);

static int
ask(struct tenon_build *b, struct tenon_module *m, cache_check *check, const char *name,
    const struct tenon_values *values, struct tenon_error *err)
{
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(b->engine, NULL, b->engine->cancel, NULL);
    tenon_module_enter(m, name);
    int rc = check(m->self, ctx, values, err);
    tenon_module_leave(m);
    return tenon_module_check(m, name, rc, err);
}

static int
check_save(struct tenon_build *b, struct tenon_module *m, const struct tenon_values *values,
           struct tenon_error *err)
{
    cache_check *check = m->plugin.ops.cache->check_save;
    const struct tenon_image_options o = {
        .compression = tenon_values_string(values, "compression"),
        .level = (int)tenon_values_int(values, "compression-level"),
    };
    if (tenon_image_options_check(&o, true, err) < 0)
        return tenon_error_context(err, "cache type %s", m->plugin.name);
    /* With ignore-error it may fail later: no reason to stop now. */
    return check && !tenon_values_bool(values, "ignore-error")
               ? ask(b, m, check, "check_save", values, err)
               : TENON_OK;
}

int
tenon_caches_check(struct tenon_build *b, const struct tenon_build_request *req,
                   struct tenon_error *err)
{
    for (size_t i = 0; i < req->cache_from_count + req->cache_to_count; i++) {
        bool from = i < req->cache_from_count;
        const struct tenon_export *x =
            from ? &req->cache_from[i] : &req->cache_to[i - req->cache_from_count];
        struct tenon_module *m;
        auto_values struct tenon_values *v = NULL;
        if (tenon_cache_open(b, x, &m, &v, err) < 0)
            return err->code;
        const struct tenon_cache_ops *ops = m->plugin.ops.cache;
        auto_free char *what = tenon_asprintf("cache type %s", x->type);
        tenon_values_warn(v, what);
        if (from && !(ops->load && ops->fetch))
            return lacks(x, "be imported", err);
        if (!from && !ops->save)
            return lacks(x, "be exported", err);
        if (from && ops->check_load && ask(b, m, ops->check_load, "check_load", v, err) < 0)
            return err->code;
        if (!from && check_save(b, m, v, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

/* ---- import ------------------------------------------------------------- */

static int
read_blob(struct tenon_build *b, struct tenon_cache *c, const struct tenon_desc *d,
          struct tenon_buf *out, struct tenon_error *err)
{
    const struct tenon_descriptor blob = { .struct_size = sizeof blob, .media_type = d->media_type,
                                           .digest = d->digest, .size = d->size };
    int rc = tenon_cache_fetch(c, c->ctx, &blob, err);
    return rc < 0 ? rc : tenon_blob_read(b->engine->store, d->digest, TENON_CACHE_DOCUMENT_MAX,
                                         out, err);
}

/* One at a time: at the beginning, or with imports_turn. */
static int
read_document(struct tenon_build *b, struct tenon_cache *c, const struct tenon_buf *text,
              struct tenon_error *err)
{
    if (text->len > DOCUMENTS_MAX - b->cache_bytes)
        return tenon_error_set(err, TENON_E_LIMIT, "the caches of this build are too large");
    b->cache_bytes += text->len;
    struct tenon_import *import = NULL;
    if (tenon_import_new(c->name, text->data, text->len, tenon_cache_fetch, c, &import, err) < 0)
        return err->code;
    if (tenon_cache_is_trusted(c))
        tenon_import_trust(import);
    tenon_vec_push(&c->imports, import);
    if (!c->is_guest)
        tenon_mounts_offer(b, c, text->data, text->len);
    return TENON_OK;
}

/* The document that stands in a manifest, or an index, beside its layers. */
static int
read_beside(struct tenon_build *b, struct tenon_cache *c, struct json_object *layers,
            struct tenon_buf *document, struct tenon_error *err)
{
    if (layers && tenon_buildkit_cache_complete(layers, document, err) < 0)
        return err->code;
    return read_document(b, c, document, err);
}

/* What the manifest has of it as "data". */
static bool
has_data(struct json_object *manifest, const struct tenon_desc *d, struct tenon_buf *out)
{
    struct json_object *config = NULL, *data = NULL;
    struct tenon_digest digest;
    if (!json_object_object_get_ex(manifest, "config", &config) ||
        !json_object_object_get_ex(config, "data", &data) ||
        !json_object_is_type(data, json_type_string))
        return false;
    const size_t len = (size_t)json_object_get_string_len(data);
    bool good = tenon_base64_decode(json_object_get_string(data), len, out);
    tenon_digest_of(out->data, out->len, &digest);
    if (good && tenon_streq(digest.str, d->digest))
        return true;
    tenon_buf_clear(out); /* it is asked for */
    return false;
}

/* A cache's own manifest, or that of an image with a cache in its config. */
static int
read_manifest(struct tenon_build *b, struct tenon_cache *c, const void *text,
              size_t len, struct tenon_error *err)
{
    struct tenon_manifest m = {0};
    auto_buf struct tenon_buf config = TENON_BUF_INIT, document = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *layers = NULL;
    if (tenon_manifest_parse(text, len, NULL, &m, err) < 0 ||
        tenon_json_parse(text, len, TENON_CACHE_DOCUMENT_MAX, &o, err) < 0 ||
        tenon_json_get_array(o, "layers", &layers, err) < 0)
        return err->code;
    int rc = has_data(o, &m.config, &config) ? TENON_OK
                                             : read_blob(b, c, &m.config, &config, err);
    bool is_cache = tenon_streq(m.config.media_type, TENON_MT_CACHE_CONFIG);
    if (rc == 0 && !is_cache)
        rc = tenon_inline_cache_read(&m, config.data, config.len, &document, err);
    tenon_manifest_release(&m);
    if (rc < 0)
        return rc;
    return is_cache ? read_beside(b, c, layers, &config, err)
                    : read_document(b, c, &document, err);
}

/* One of an index: an image of one platform, or, as BuildKit writes caches with
 * image-manifest=false, the document itself. Proofs beside the images are neither. */
static int
read_entry(struct tenon_build *b, struct tenon_cache *c, struct json_object *entries,
           struct json_object *entry, size_t *documents, struct tenon_error *err)
{
    struct tenon_desc d = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    int rc = tenon_desc_parse(entry, "manifests", &d, err);
    const bool is_cache = rc == 0 && tenon_streq(d.media_type, TENON_MT_CACHE_CONFIG);
    const bool is_image = rc == 0 && tenon_media_is_manifest(d.media_type);
    if ((is_cache || is_image) && ++*documents > INDEX_DOCUMENTS_MAX)
        rc = tenon_error_set(err, TENON_E_LIMIT, "an index of more than %d documents",
                             INDEX_DOCUMENTS_MAX);
    if (rc == 0 && is_cache) {
        rc = read_blob(b, c, &d, &text, err);
        if (rc == 0)
            rc = read_beside(b, c, entries, &text, err);
    } else if (rc == 0 && is_image) {
        rc = read_blob(b, c, &d, &text, err);
        if (rc == 0)
            rc = read_manifest(b, c, text.data, text.len, err);
    }
    tenon_desc_release(&d);
    return rc;
}

static int
read_index(struct tenon_build *b, struct tenon_cache *c, struct json_object *entries,
           struct tenon_error *err)
{
    size_t documents = 0;
    for (size_t i = 0; i < json_object_array_length(entries); i++) {
        struct json_object *entry = json_object_array_get_idx(entries, i);
        int rc = read_entry(b, c, entries, entry, &documents, err);
        if (rc < 0 && rc != TENON_E_NOT_FOUND && rc != TENON_E_UNSUPPORTED &&
            rc != TENON_E_CORRUPT)
            return rc;
        if (rc < 0) /* other platforms may have one */
            tenon_error_release(err);
    }
    return c->imports.len ? TENON_OK
                          : tenon_error_set(err, TENON_E_NOT_FOUND,
                                            "no image of the index has a cache in its config");
}

/* Stores of objects have the document itself under a cache's name, BuildKit's as ours. */
static int
read_top(struct tenon_build *b, struct tenon_cache *c, const void *text, size_t len,
         struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *entries = NULL;
    if (tenon_json_parse(text, len, TENON_CACHE_DOCUMENT_MAX, &o, err) < 0)
        return err->code;
    if (json_object_get_type(o) == json_type_object && json_object_object_get(o, "records")) {
        const struct tenon_buf document = { .data = (char *)text, .len = len };
        return read_document(b, c, &document, err);
    }
    if (json_object_get_type(o) == json_type_object &&
        tenon_json_get_array(o, "manifests", &entries, err) < 0)
        return err->code;
    return entries ? read_index(b, c, entries, err) : read_manifest(b, c, text, len, err);
}

static void
forget(struct tenon_cache *c)
{
    tenon_vec_foreach(import, &c->imports)
        tenon_import_free(*import);
    tenon_vec_release(&c->imports);
}

static int
load(struct tenon_build *b, struct tenon_cache *c, struct tenon_error *err)
{
    struct tenon_module *m = c->module;
    const void *text = NULL;
    size_t len = 0;
    tenon_module_enter(m, "load");
    int rc = m->plugin.ops.cache->load(m->self, c->ctx, c->values, &text, &len, err);
    tenon_module_leave(m);
    rc = tenon_module_check(m, "load", rc, err);
    if (rc == TENON_E_CANCELLED || rc == TENON_E_INVALID)
        return rc;
    if (rc == 0)
        rc = read_top(b, c, text, len, err);
    if (rc == TENON_E_CANCELLED)
        return rc;
    if (rc < 0) {
        auto_free char *what = tenon_asprintf("cache %s is not used", c->name);
        tenon_cache_warn(b, what, err);
        tenon_mounts_forget(b, c);
        forget(c);
    }
    return TENON_OK;
}

/* The caches whose results are apart, also those that could not be read this time: one name,
 * whatever their order. */
static char *
origin_of(const struct tenon_build *b)
{
    char **names = NULL;
    auto_buf struct tenon_buf all = TENON_BUF_INIT;

    tenon_vec_foreach(p, &b->caches)
        if (!tenon_values_bool((*p)->values, "trust"))
            tenon_strv_push(&names, tenon_strdup((*p)->name));
    if (!names)
        return NULL;
    qsort(names, tenon_strv_len(names), sizeof *names, tenon_by_text);
    for (char **n = names; *n; n++)
        tenon_buf_addf(&all, "%s%s", n == names ? "" : " ", *n);
    tenon_strv_free(names);
    return tenon_buf_steal(&all);
}

/* cancel: of the one who wants it. */
static int
import_one(struct tenon_build *b, const struct tenon_export *from, bool is_guest,
           struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct tenon_module *m;
    auto_values struct tenon_values *values = NULL;
    char digest[72];
    if (tenon_cache_open(b, from, &m, &values, err) < 0)
        return err->code;
    if (!m->plugin.ops.cache->load || !m->plugin.ops.cache->fetch)
        return lacks(from, "be imported", err);
    struct tenon_cache *c = tenon_new0(struct tenon_cache);
    tenon_vec_push(&b->caches, c);
    c->name = tenon_cache_name(b, from);
    c->module = m;
    c->is_guest = is_guest;
    c->values = tenon_steal(&values);
    auto_free char *title = tenon_asprintf("importing cache manifest from %s", c->name);
    c->ctx = tenon_cache_start(b, cancel, title, digest);
    int rc = load(b, c, err);
    tenon_ctx_free(tenon_steal(&c->ctx));
    tenon_events_done(b->engine->events, digest, false, rc < 0 ? err->message : NULL,
                      rc == TENON_E_CANCELLED);
    if (rc < 0)
        return rc;
    tenon_vec_foreach(import, &c->imports)
        tenon_vec_push(&b->imports, *import);
    return TENON_OK;
}

int
tenon_caches_import(struct tenon_build *b, const struct tenon_build_request *req,
                    struct tenon_error *err)
{
    for (size_t i = 0; i < req->cache_from_count; i++)
        if (import_one(b, &req->cache_from[i], false, b->engine->cancel, err) < 0)
            return err->code;
    return TENON_OK;
}

void
tenon_caches_tell(struct tenon_build *b)
{
    auto_free char *origin = origin_of(b);
    tenon_solver_import(b->solver, b->imports.items, b->imports.len, origin);
}

static bool
is_known(struct tenon_build *b, const struct tenon_export *from)
{
    auto_free char *name = tenon_cache_name(b, from);
    bool known = false;
    tenon_vec_foreach(p, &b->caches)
        known = known || tenon_streq((*p)->name, name);
    return known;
}

static void
cache_free(struct tenon_cache *c)
{
    forget(c);
    tenon_values_free(c->values);
    free(c->name);
    free(c);
}

/* One at a time; who waits can be given up, too. */
static int
take_turn(struct tenon_build *b, struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct pollfd fds[] = {
        { .fd = b->imports_turn, .events = POLLIN },
        { .fd = tenon_cancel_fd(cancel), .events = POLLIN },
    };
    eventfd_t one;

    while (tenon_cancel_check(cancel, err) == 0) {
        if (eventfd_read(b->imports_turn, &one) == 0)
            return TENON_OK;
        if (errno != EAGAIN && errno != EINTR)
            return tenon_error_sys(err, "wait for another cache");
        poll(fds, tenon_countof(fds), -1);
    }
    return err->code;
}

static int
add(struct tenon_build *b, const struct tenon_export *from, struct tenon_cancel *cancel,
    struct tenon_error *err)
{
    const size_t before = b->caches.len;

    if (before >= TENON_CACHES_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "more than %d caches", TENON_CACHES_MAX);
    int rc = import_one(b, from, true, cancel, err);
    while (rc < 0 && b->caches.len > before) /* the next one who names it tries again */
        cache_free(b->caches.items[--b->caches.len]);
    return rc;
}

int
tenon_caches_add(struct tenon_build *b, const char *type, const char *const *options,
                 struct tenon_cancel *cancel, struct tenon_error *err)
{
    const struct tenon_export from = { (char *)type, (char **)options };
    int rc = take_turn(b, cancel, err);

    if (rc < 0)
        return rc;
    if (!is_known(b, &from)) {
        rc = add(b, &from, cancel, err);
        atomic_store(&b->has_guests, true);
        if (rc == TENON_E_NOT_FOUND || rc == TENON_E_UNSUPPORTED) { /* a cache is never needed */
            auto_free char *name = tenon_cache_name(b, &from);
            auto_free char *what = tenon_asprintf("cache %s is not used", name);
            tenon_cache_warn(b, what, err);
            rc = TENON_OK;
        }
        tenon_caches_tell(b);
    }
    eventfd_write(b->imports_turn, 1);
    return rc;
}

void
tenon_caches_free(struct tenon_build *b)
{
    tenon_vec_foreach(p, &b->caches)
        cache_free(*p);
    tenon_vec_release(&b->caches);
    tenon_vec_release(&b->imports);
    tenon_mounts_forget(b, NULL);
}

/* ---- export ------------------------------------------------------------- */

static int
make_document(struct tenon_build *b, const struct tenon_values *values,
              struct tenon_ctx *ctx, const struct tenon_mounts *mounts,
              struct tenon_desc *manifest, struct tenon_error *err)
{
    static const char preparing[] = "preparing build cache for export";
    const struct tenon_image_options o = {
        .compression = tenon_values_string(values, "compression"),
        .level = (int)tenon_values_int(values, "compression-level"),
        .force_compression = tenon_values_bool(values, "force-compression"),
        .force_index = tenon_values_declared(values, "image-manifest") &&
                       !tenon_values_bool(values, "image-manifest"),
        .cancel = tenon_ctx_cancel(ctx),
    };
    const bool all = tenon_streq(tenon_values_string(values, "mode"), "max");
    struct tenon_cache_entry *known = NULL;
    size_t count = 0;
    tenon_ctx_status(ctx, preparing, 0, 0);
    if (tenon_caches_known(b, all, &known, &count, err) < 0)
        return err->code;
    TENON_VEC(struct tenon_chain) final = {0}; /* borrowed */
    tenon_vec_foreach(p, &b->result.platforms)
        if (p->ref && p->ref->solved)
            tenon_vec_push(&final, p->ref->made.chain);
    int rc = tenon_cache_document(b->engine->store, known, count, final.items, final.len,
                                  all, &o, mounts, manifest, err);
    tenon_vec_release(&final);
    tenon_cache_entries_free(known, count);
    tenon_ctx_status_done(ctx, preparing);
    return rc;
}

/* Clients whose directory it is name it in an index by that. */
static int
tell_manifest(struct tenon_build *b, const struct tenon_desc *manifest, struct tenon_error *err)
{
    auto_free char *json =
        tenon_asprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%lld}",
                       manifest->media_type, manifest->digest, (long long)manifest->size);

    return tenon_result_respond(&b->result, "cache.manifest", json, false, err);
}

static int
call_save(struct tenon_module *m, const struct tenon_values *values, struct tenon_ctx *ctx,
          const struct tenon_desc *manifest, struct tenon_error *err)
{
    const struct tenon_descriptor d = { .struct_size = sizeof d, .media_type = manifest->media_type,
                                        .digest = manifest->digest, .size = manifest->size };
    tenon_module_enter(m, "save");
    int rc = m->plugin.ops.cache->save(m->self, ctx, values, &d, err);
    tenon_module_leave(m);
    return tenon_module_check(m, "save", rc, err);
}

/* name: the place's. */
static int
save_with(struct tenon_build *b, struct tenon_module *m, const struct tenon_values *values,
          const char *name, struct tenon_ctx *ctx, struct tenon_mounts *mounts,
          struct tenon_error *err)
{
    struct tenon_desc manifest = {0};
    int rc = tenon_mounts_export(b, ctx, tenon_values_string(values, "mounts"), name, mounts,
                                 err);
    if (rc == 0)
        rc = make_document(b, values, ctx, mounts, &manifest, err);
    if (rc == 0)
        rc = call_save(m, values, ctx, &manifest, err);
    if (rc == 0)
        rc = tell_manifest(b, &manifest, err);
    tenon_desc_release(&manifest);
    return rc;
}

static int
save(struct tenon_build *b, struct tenon_module *m, const struct tenon_values *values,
     const char *name, struct tenon_ctx *ctx, struct tenon_error *err)
{
    auto_mounts struct tenon_mounts mounts = {0}, others = { .leaves_none = true };
    int rc = save_with(b, m, values, name, ctx, &mounts, err);
    if (rc == TENON_E_NOT_FOUND && mounts.leaves_some) { /* it has lost what was there */
        tenon_error_release(err);
        rc = save_with(b, m, values, name, ctx, &others, err);
    }
    return rc < 0 ? tenon_error_context(err, "export cache") : TENON_OK;
}

static int
export_one(struct tenon_build *b, const struct tenon_export *x, struct tenon_error *err)
{
    struct tenon_module *m;
    auto_values struct tenon_values *values = NULL;
    char digest[72];
    if (tenon_cache_open(b, x, &m, &values, err) < 0)
        return err->code;
    const char *title = m->plugin.ops.cache->title;
    auto_free char *name = tenon_cache_name(b, x);
    struct tenon_ctx *ctx = tenon_cache_start(b, b->engine->cancel,
                                              title ? title : "exporting cache", digest);
    int rc = save(b, m, values, name, ctx, err);
    tenon_ctx_free(ctx);
    if (rc < 0 && rc != TENON_E_CANCELLED && tenon_values_bool(values, "ignore-error")) {
        tenon_cache_warn(b, "the cache was not exported", err);
        rc = TENON_OK;
    }
    tenon_events_done(b->engine->events, digest, false, rc < 0 ? err->message : NULL,
                      rc == TENON_E_CANCELLED);
    if (rc < 0) {
        auto_free char *detail = tenon_asprintf("{\"digest\":\"%s\"}", digest);
        tenon_error_detail(err, "errdefs.Vertex", detail);
    }
    return rc;
}

int
tenon_caches_export(struct tenon_build *b, const struct tenon_build_request *req,
                    struct tenon_error *err)
{
    for (size_t i = 0; i < req->cache_to_count; i++)
        if (export_one(b, &req->cache_to[i], err) < 0)
            return err->code;
    return TENON_OK;
}

/* registry/pull.c - manifests and blobs out of registries into the content store. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "tools/parse.h"
#include "image/nondist.h"
#include "registry/again.h"
#include "registry/private.h"
#include "registry/settings.h"

#define BLOB_MAX (INT64_C(1) << 46)
#define PAUSES 8

static void
blob_abort(struct tenon_blob_writer *w)
{
    if (w)
        tenon_blob_abort(w);
}
TENON_DEFINE_AUTO(writer, struct tenon_blob_writer *, blob_abort);
#define auto_writer __attribute__((cleanup(tenon_auto_writer)))
TENON_DEFINE_AUTO(lock, struct tenon_lock *, tenon_lock_release);
TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

struct tenon_registry *
tenon_registry_new(const struct tenon_registry_options *o)
{
    struct tenon_registry *r = tenon_new0(struct tenon_registry);
    r->o = *o;
    r->http = tenon_http_new(o->config);
    const struct tenon_http_settings *s = tenon_http_settings_of(r->http);
    r->pause_ns = o->retry_ns ? o->retry_ns : s->pause_ns;
    r->patience_ns = o->patience_ns ? o->patience_ns : s->patience_ns;
    if (r->patience_ns / PAUSES < r->pause_ns) /* all of them have to fit in */
        r->patience_ns = r->pause_ns * PAUSES;
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void
tenon_registry_free(struct tenon_registry *r)
{
    if (!r)
        return;
    tenon_auth_free(r);
    tenon_hosts_free(r);
    tenon_http_free(r->http);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static char *
pull_scope(const struct tenon_endpoint *e)
{
    return tenon_asprintf("repository:%s:pull", e->scope_repo);
}

/* ---- what the store knows ---------------------------------------------------- */

static char *
pin_name(const struct tenon_reference *ref)
{
    auto_free char *name = tenon_reference_string(ref);
    return tenon_asprintf("docker-image://%s", name);
}

static char *
origin_pin(const char *domain, const char *digest)
{
    return tenon_asprintf("blob-origin:%s/%s", domain, digest);
}

char *
tenon_blob_origin(struct tenon_registry *r, const char *domain, const char *digest)
{
    auto_free char *name = origin_pin(domain, digest);
    return tenon_pin_get(r->o.store, name);
}

void
tenon_blob_note_origin(struct tenon_registry *r, const struct tenon_reference *ref,
                       const char *digest)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_free char *known = tenon_blob_origin(r, ref->domain, digest);
    if (known)
        return; /* as good as another */
    auto_free char *name = origin_pin(ref->domain, digest);
    tenon_pin_set(r->o.store, name, ref->path, &none);
}

/* The media type of a document, as it says itself or by what it holds. */
static char *
own_media_type(const struct tenon_buf *data, const char *header, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const char *said;
    if (tenon_json_parse(data->data, data->len, TENON_REGISTRY_MANIFEST_MAX, &o, err) < 0) {
        tenon_error_context(err, "manifest");
        return NULL;
    }
    if (json_object_get_type(o) != json_type_object) {
        tenon_error_set(err, TENON_E_CORRUPT, "manifest is not an object");
        return NULL;
    }
    if (tenon_json_get_str(o, "mediaType", NULL, &said, err) < 0) {
        tenon_error_context(err, "manifest");
        return NULL;
    }
    if (said)
        return tenon_strdup(said);
    if (header && (tenon_media_is_index(header) || tenon_media_is_manifest(header)))
        return tenon_strdup(header);
    return tenon_strdup(json_object_object_get_ex(o, "manifests", NULL)
                            ? TENON_MT_OCI_INDEX
                            : TENON_MT_OCI_MANIFEST);
}

/* A manifest that the content store has. */
static int
from_store(struct tenon_registry *r, const char *digest, const char *header,
           struct tenon_desc *desc, struct tenon_buf *data, struct tenon_error *err)
{
    if (tenon_blob_read(r->o.store, digest, TENON_REGISTRY_MANIFEST_MAX, data, err) < 0)
        return err->code;
    char *mt = own_media_type(data, header, err);
    if (!mt)
        return err->code;
    *desc = (struct tenon_desc){mt, tenon_strdup(digest), (int64_t)data->len};
    return 0;
}

static bool
stored(struct tenon_registry *r, const char *digest)
{
    return digest && tenon_blob_exists(r->o.store, digest, NULL);
}

/* The digest of an image kept under this name, or of what the name stood for
 * when last asked; malloc'ed or NULL. */
static char *
local_digest(struct tenon_registry *r, const struct tenon_reference *ref, bool pins)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct tenon_image_row row = {0};
    auto_free char *name = tenon_reference_string(ref);
    char *digest = NULL;
    if (tenon_image_get(r->o.store, name, &row, &none) >= 0) {
        digest = tenon_strdup(row.digest);
        tenon_image_row_release(&row);
    } else if (pins) {
        auto_free char *pin = pin_name(ref);
        digest = tenon_pin_get(r->o.store, pin);
    }
    if (!stored(r, digest)) {
        free(digest);
        return NULL;
    }
    return digest;
}

/* ---- manifests ----------------------------------------------------------------- */

struct wanted { /* a manifest, and where it goes */
    struct tenon_registry *r;
    const struct tenon_registry_call *call;
    const struct tenon_reference *ref;
    struct tenon_desc *desc;
    struct tenon_buf *data;
    struct tenon_patience patience; /* with one endpoint */
};

/* What the document must have: digest, or NULL for whatever the tag stands for. */
static int
get_manifest(struct wanted *w, struct tenon_endpoint *e, const char *what, const char *digest,
             struct tenon_error *err)
{
    struct tenon_registry *r = w->r;
    auto_free char *name = tenon_reference_string(w->ref);
    auto_free char *scope = pull_scope(e);
    auto_free char *url = tenon_endpoint_url(e, "manifests", what);
    struct tenon_http_request req = {.method = "GET", .url = url,
                                     .accept = TENON_REGISTRY_ACCEPT,
                                     .limit = TENON_REGISTRY_MANIFEST_MAX,
                                     .in_clear = digest != NULL, .patience = &w->patience};
    auto_response struct tenon_http_response res = {0};
    if (tenon_registry_request(r, w->call, e, scope, &req, &res, NULL, err) < 0)
        return err->code;
    if (res.status != 200) {
        req.url = url;
        return tenon_registry_status_error(&req, &res, name, err);
    }
    struct tenon_digest got;
    tenon_digest_of(res.body.data ? res.body.data : "", res.body.len, &got);
    if (digest && !tenon_streq(got.str, digest))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "%s: manifest has digest %s instead of %s", name, got.str,
                               digest);
    auto_free char *mt = own_media_type(&res.body, res.content_type, err);
    if (!mt)
        return tenon_error_context(err, "%s", name);
    struct tenon_digest put;
    if (tenon_blob_put(r->o.store, res.body.data, res.body.len, &put, err) < 0)
        return err->code;
    tenon_buf_clear(w->data);
    tenon_buf_add(w->data, res.body.data, res.body.len);
    *w->desc = (struct tenon_desc){tenon_steal(&mt), tenon_strdup(got.str),
                                   (int64_t)res.body.len};
    return 0;
}

/* By tag: first a HEAD, which is cheap and not counted by hubs with quotas; the
 * content itself is often here already. */
static int
resolve_tag(struct wanted *w, struct tenon_endpoint *e, struct tenon_error *err)
{
    const char *tag = w->ref->tag;
    auto_free char *name = tenon_reference_string(w->ref);
    auto_free char *scope = pull_scope(e);
    auto_free char *url = tenon_endpoint_url(e, "manifests", tag);
    struct tenon_http_request req = {.method = "HEAD", .url = url,
                                     .accept = TENON_REGISTRY_ACCEPT,
                                     .patience = &w->patience};
    auto_response struct tenon_http_response res = {0};
    if (tenon_registry_request(w->r, w->call, e, scope, &req, &res, NULL, err) < 0)
        return err->code;
    if (res.status == 405 || res.status == 501) /* it knows no HEAD */
        return get_manifest(w, e, tag, NULL, err);
    if (res.status != 200) {
        req.url = url;
        return tenon_registry_status_error(&req, &res, name, err);
    }
    struct tenon_digest digest;
    if (!res.digest || !tenon_digest_parse(res.digest, &digest))
        return get_manifest(w, e, tag, NULL, err);
    tenon_patience_renew(&w->patience); /* the other request */
    if (stored(w->r, digest.str))
        return from_store(w->r, digest.str, res.content_type, w->desc, w->data, err);
    return get_manifest(w, e, digest.str, digest.str, err);
}

static int
manifest_from(void *data, struct tenon_endpoint *e, struct tenon_error *err)
{
    struct wanted *w = data;
    w->patience = tenon_registry_patience(w->r);
    tenon_buf_clear(w->data);
    const char *digest = w->ref->digest;
    return digest ? get_manifest(w, e, digest, digest, err) : resolve_tag(w, e, err);
}

/* What the store has for a name when the registry gave rc; malloc'ed or NULL. */
static char *
instead(struct tenon_registry *r, const struct tenon_reference *ref, int rc)
{
    bool away = rc == TENON_E_UNAVAILABLE;
    return away || rc == TENON_E_NOT_FOUND || rc == TENON_E_DENIED ? local_digest(r, ref, away)
                                                                   : NULL;
}

static int
ask_registry(struct wanted *w, const char *text, enum tenon_resolve_mode mode,
             struct tenon_error *err)
{
    auto_free char *pin = pin_name(w->ref);
    auto_free char *kept = mode == TENON_RESOLVE_DEFAULT
                               ? instead(w->r, w->ref, TENON_E_UNAVAILABLE) : NULL;
    struct tenon_registry_call call = *w->call;
    call.hurry = kept != NULL;
    w->call = &call;
    int rc = tenon_endpoints_try(w->r, &call, w->ref, false, manifest_from, w, err);
    if (rc == 0) {
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        tenon_pin_set(w->r->o.store, pin, w->desc->digest, &none);
        return 0;
    }
    auto_free char *last = mode == TENON_RESOLVE_DEFAULT ? instead(w->r, w->ref, rc) : NULL;
    if (!last)
        return rc;
    tenon_log(TENON_LOG_WARNING, "%s: using %s of this store: %s", text, last,
              err->message ? err->message : "registry cannot be reached");
    tenon_error_release(err);
    tenon_buf_clear(w->data);
    return from_store(w->r, last, NULL, w->desc, w->data, err);
}

static bool
is_offline(const struct tenon_registry *r)
{
    return tenon_http_settings_of(r->http)->offline;
}

static int
not_here(const char *what, const char *of, struct tenon_error *err)
{
    tenon_error_set(err, TENON_E_NOT_FOUND, "offline: %s%s is not in the store", what, of);
    return tenon_error_hint(err, "build once without --offline: what was used stays in the store");
}

int
tenon_registry_manifest(struct tenon_registry *r, const struct tenon_registry_call *call,
                        const char *text, enum tenon_resolve_mode mode,
                        struct tenon_desc *desc, struct tenon_buf *data,
                        struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(text, &ref, err) < 0)
        return err->code;
    struct wanted w = {.r = r, .call = call, .ref = &ref, .desc = desc, .data = data};
    if (ref.digest) {
        if (stored(r, ref.digest))
            return from_store(r, ref.digest, NULL, desc, data, err);
        if (is_offline(r))
            return not_here("image ", text, err);
        return tenon_endpoints_try(r, call, &ref, false, manifest_from, &w, err);
    }
    auto_free char *known = mode == TENON_RESOLVE_LOCAL ? local_digest(r, &ref, true) : NULL;
    if (is_offline(r)) {
        auto_free char *last = local_digest(r, &ref, true);
        return last ? from_store(r, last, NULL, desc, data, err) : not_here("image ", text, err);
    }
    if (!known)
        return ask_registry(&w, text, mode, err);
    tenon_log(TENON_LOG_NOTICE, "%s: using %s of this store, as it was told to", text, known);
    return from_store(r, known, NULL, desc, data, err);
}

/* ---- blobs ------------------------------------------------------------------------ */

struct download {
    struct tenon_registry *r;
    const struct tenon_registry_call *call;
    const struct tenon_reference *ref;
    struct tenon_blob_writer *w;
    const char *digest;
    const char *url; /* of a file server; NULL: it is an endpoint's */
    int64_t size;  /* -1: unknown */
    uint64_t have; /* in the writer */
    uint64_t skip; /* bytes of this answer that are there already */
    struct tenon_http_response *res;
    bool checked;  /* the answer's kind was looked at */
    bool whole;    /* ranges of it are of something else */
};

/* A range was asked for; a server may send all the same. */
static int
check_range(struct download *d, struct tenon_error *err)
{
    d->checked = true;
    if (d->have == 0)
        return 0;
    if (d->res->content_encoding && !d->whole) {
        d->whole = true;
        return tenon_error_set(err, TENON_E_UNAVAILABLE, "blob %s: a part in encoding \"%.60s\"",
                               d->digest, d->res->content_encoding);
    }
    if (d->res->status == 200) {
        d->skip = d->have;
        return 0;
    }
    char want[64];
    snprintf(want, sizeof want, "bytes %llu-", (unsigned long long)d->have);
    if (d->res->content_range && !tenon_has_prefix(d->res->content_range, want))
        return tenon_error_set(err, TENON_E_CORRUPT, "blob %s: wrong range \"%.60s\"",
                               d->digest, d->res->content_range);
    return 0;
}

static int
on_bytes(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct download *d = data;
    if (!d->checked && check_range(d, err) < 0)
        return err->code;
    size_t skip = d->skip < len ? (size_t)d->skip : len;
    d->skip -= skip;
    buf = (const char *)buf + skip;
    len -= skip;
    if (len == 0)
        return 0;
    if ((d->size >= 0 && d->have + len > (uint64_t)d->size) || d->have + len > BLOB_MAX)
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "blob %s is larger than its descriptor says", d->digest);
    const struct tenon_limits *l = tenon_store_limits(d->r->o.store);
    if (d->have + len > tenon_limit(l, TENON_LIMIT_DOWNLOAD))
        return tenon_limit_exceeded(l, TENON_LIMIT_DOWNLOAD, err,
                                    "blob %s has more than %llu bytes", d->digest,
                                    (unsigned long long)d->have);
    if (tenon_blob_write(d->w, buf, len, err) < 0)
        return err->code;
    d->have += len;
    if (d->call->status)
        d->call->status(d->call->data, d->digest, (int64_t)d->have,
                        d->size > 0 ? d->size : 0, false);
    return 0;
}

/* One answer, from where the last one left off.  Without an endpoint it is of a file server, where
 * nobody is told who asks. */
static int
continue_download(struct download *d, struct tenon_endpoint *e, struct tenon_patience *patience,
                  struct tenon_http_response *res, bool *began, struct tenon_error *err)
{
    auto_free char *scope = e ? pull_scope(e) : NULL;
    auto_free char *url = e ? tenon_endpoint_url(e, "blobs", d->digest) : tenon_strdup(d->url);
    const uint64_t before = d->have;
    char range[64];
    snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)d->have);
    struct tenon_http_request req = {.method = "GET", .url = url,
                                     .range = d->have > 0 && !d->whole ? range : NULL,
                                     .sink = on_bytes, .data = d, .in_clear = true,
                                     .cancel = d->call->cancel, .patience = patience};
    d->checked = false;
    d->skip = 0;
    d->res = res;
    int rc = e ? tenon_registry_request(d->r, d->call, e, scope, &req, res, began, err)
               : tenon_http_patiently(d->r->http, &req, res, patience, NULL, err);
    if (!e)
        *began = d->have > before;
    if (rc < 0)
        return rc;
    if (res->status == 200 || res->status == 206)
        return 0;
    auto_free char *name = e ? tenon_reference_string(d->ref) : tenon_strdup(d->digest);
    req.url = url;
    *began = false;
    return tenon_registry_status_error(&req, res, name, err);
}

/* From one endpoint or URL, going on where a broken connection left off. */
static int
download(struct download *d, struct tenon_endpoint *e, struct tenon_error *err)
{
    struct tenon_patience patience = tenon_registry_patience(d->r);
    for (;;) {
        auto_response struct tenon_http_response res = {0};
        uint64_t before = d->have;
        bool began = false;
        int rc = continue_download(d, e, &patience, &res, &began, err);
        bool all = d->size >= 0 && d->have >= (uint64_t)d->size;
        if (rc == TENON_E_UNAVAILABLE && began && all) { /* the digest tells */
            tenon_error_release(err);
            rc = 0;
        }
        if (rc == 0 && (d->size < 0 || all))
            return 0;
        if (rc == 0) {
            began = true;
            auto_free char *from = e ? tenon_strdup(e->name) : tenon_url_conceal(d->url);
            tenon_error_set(err, TENON_E_UNAVAILABLE, "%s: blob %s: unexpected EOF", from,
                            d->digest);
        }
        if (err->code != TENON_E_UNAVAILABLE || !began || (e && e->quick))
            return err->code;
        if (d->have > before)
            tenon_patience_renew(&patience); /* it goes on, if in pieces */
        rc = tenon_patience_pause(&patience, 0, d->call->cancel, err);
        if (rc == TENON_E_LIMIT)
            return err->code;
        if (rc < 0)
            return rc;
        tenon_error_release(err);
    }
}

static int
blob_from(void *data, struct tenon_endpoint *e, struct tenon_error *err)
{
    const struct download *what = data;
    struct download d = *what;
    if (tenon_blob_writer_new(d.r->o.store, &d.w, err) < 0)
        return err->code;
    auto_writer struct tenon_blob_writer *w = d.w;
    struct tenon_digest got;
    if (download(&d, e, err) < 0)
        return err->code;
    int rc = tenon_blob_commit(tenon_steal(&w), d.digest, d.size, &got, err);
    return rc == TENON_E_CORRUPT ? tenon_error_context(err, "%s", e->name) : rc;
}

/* ---- a layer that its registry need not have --------------------------------- */

static int
blob_at(const struct download *what, const char *url, struct tenon_error *err)
{
    struct download d = *what;
    struct tenon_digest got;
    d.url = url;
    if (tenon_blob_writer_new(d.r->o.store, &d.w, err) < 0)
        return err->code;
    auto_writer struct tenon_blob_writer *w = d.w;
    if (download(&d, NULL, err) < 0)
        return err->code;
    return tenon_blob_commit(tenon_steal(&w), what->digest, what->size, &got, err);
}

/* The first of its URLs that has it.  *err is what the registry said, and stays when none has; but
 * a server of which one cannot know is the error: later it may have it. */
static int
blob_by_urls(const struct download *what, struct tenon_error *err)
{
    auto_error struct tenon_error away = TENON_ERROR_INIT;
    auto_json struct json_object *urls = tenon_layer_urls(what->r->o.store, what->digest);
    for (size_t i = 0; urls && i < json_object_array_length(urls); i++) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        const char *url = json_object_get_string(json_object_array_get_idx(urls, i));
        const int rc = blob_at(what, url, &why);
        if (rc >= 0 || rc == TENON_E_CANCELLED) {
            tenon_error_release(err);
            return rc < 0 ? tenon_error_move(err, &why) : 0;
        }
        auto_free char *shown = tenon_url_conceal(url);
        if (rc == TENON_E_UNAVAILABLE && !away.code) {
            tenon_error_context(&why, "%s", shown);
            tenon_error_move(&away, &why);
        } else {
            tenon_error_hint(err, "nor has %s got it: %s", shown, why.message);
        }
    }
    if (!away.code)
        return err->code;
    tenon_error_hint(&away, "its registry has not got it: %s", err->message);
    return tenon_error_move(err, &away);
}

/* Before the first byte of what its descriptor says already. */
static int
check_size(struct tenon_registry *r, const char *digest, int64_t size, struct tenon_error *err)
{
    const struct tenon_limits *l = tenon_store_limits(r->o.store);
    struct statvfs v;
    uint64_t room;
    if (size > 0 && (uint64_t)size > tenon_limit(l, TENON_LIMIT_DOWNLOAD))
        return tenon_limit_exceeded(l, TENON_LIMIT_DOWNLOAD, err, "blob %s has %lld bytes", digest,
                                    (long long)size);
    /* Without blocks it does not say: a tmpfs without a limit, some servers. */
    if (size <= 0 || fstatvfs(tenon_store_fd(r->o.store), &v) < 0 || !v.f_blocks ||
        __builtin_mul_overflow(v.f_bavail, v.f_frsize, &room) || (uint64_t)size <= room)
        return 0;
    tenon_error_errno(err, ENOSPC, "blob %s has %lld bytes, and %llu are free", digest,
                      (long long)size, (unsigned long long)room);
    return tenon_error_hint(err, "tenon prune, or a store on a larger disk: tenon --root DIR ...");
}

static int
fetch(struct tenon_registry *r, const struct tenon_registry_call *call,
      const struct tenon_reference *ref, const char *digest, int64_t size,
      struct tenon_error *err)
{
    if (check_size(r, digest, size, err) < 0)
        return err->code;
    struct download d = {.r = r, .call = call, .ref = ref, .digest = digest, .size = size};
    const int rc = tenon_endpoints_try(r, call, ref, false, blob_from, &d, err);
    if ((rc == TENON_E_NOT_FOUND || rc == TENON_E_DENIED) && blob_by_urls(&d, err) >= 0)
        return 0;
    if (rc < 0)
        return tenon_error_context(err, "failed to copy");
    tenon_blob_note_origin(r, ref, digest);
    return 0;
}

int
tenon_registry_blob(struct tenon_registry *r, const struct tenon_registry_call *call,
                    const char *text, const char *digest, int64_t size,
                    struct tenon_error *err)
{
    struct tenon_digest checked;
    if (!tenon_digest_parse(digest, &checked))
        return tenon_error_set(err, TENON_E_INVALID, "invalid digest \"%.100s\"", digest);
    if (stored(r, digest))
        return 0;
    if (is_offline(r)) {
        auto_free char *of = tenon_asprintf("%s of %s", digest, text);
        return not_here("", of, err);
    }
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(text, &ref, err) < 0)
        return err->code;
    /* once across threads and processes: the others find it there */
    __attribute__((cleanup(tenon_auto_lock))) struct tenon_lock *lock = NULL;
    auto_free char *lock_name = tenon_asprintf("blob-%s", tenon_digest_hex(&checked));
    if (tenon_lock_acquire(r->o.store, lock_name, false, tenon_cancel_fd(call->cancel),
                           call->watch, &lock, err) < 0)
        return err->code;
    if (stored(r, digest)) /* even without a wait: who held the lock may have finished */
        return 0;
    if (call->status)
        call->status(call->data, digest, 0, size > 0 ? size : 0, false);
    if (fetch(r, call, &ref, digest, size, err) < 0)
        return err->code;
    if (call->status)
        call->status(call->data, digest, size > 0 ? size : 0, size > 0 ? size : 0, true);
    return 0;
}

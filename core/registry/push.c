/* registry/push.c - images from the content store to a registry: blobs in parallel, each
 * mounted from where it came from when that is on the same registry, then
 * manifests, children before parents. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/conceal.h"
#include "tools/vec.h"
#include "image/nondist.h"
#include "registry/leftout.h"
#include "registry/url.h"
#include "registry/private.h"
#include "registry/redirect.h"

#define UPLOADS 3
#define LOST_MAX 2 /* uploads that a registry begins and then knows nothing of */

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

struct push {
    struct tenon_registry *r;
    const struct tenon_registry_call *call;
    const struct tenon_reference *ref;
    struct tenon_endpoint *endpoint; /* scheme settled before threads start */
    char *name;                      /* of ref */
    const struct tenon_registry_source *source; /* NULL: the content store has it all */
    TENON_VEC(struct tenon_desc) blobs;
    TENON_VEC(struct tenon_desc) manifests;
    bool has_nondist; /* a layer of such a media type was met */
    struct tenon_leftout leftout;

    pthread_mutex_t lock;
    size_t next;            /* blob to do; locked, as is error */
    struct tenon_error error;
};

static int
collect(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    (void)err;
    struct push *p = data;
    struct tenon_desc copy = {tenon_strdup(d->media_type), tenon_strdup(d->digest), d->size};
    if (tenon_media_is_index(d->media_type) || tenon_media_is_manifest(d->media_type))
        tenon_vec_push(&p->manifests, copy);
    else
        tenon_vec_push(&p->blobs, copy);
    return 0;
}

/* Of all the image: also which layers its manifests are content not to have there.  Layers come
 * before their manifest. */
static int
collect_all(void *data, const struct tenon_desc *d, struct tenon_error *err)
{
    struct push *p = data;
    p->has_nondist = p->has_nondist || tenon_media_is_nondist(d->media_type);
    if (p->has_nondist && tenon_media_is_manifest(d->media_type)) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        struct tenon_manifest m = {0};
        if (tenon_blob_read(p->r->o.store, d->digest, TENON_REGISTRY_MANIFEST_MAX, &text,
                            err) < 0 ||
            tenon_manifest_parse(text.data, text.len, d->media_type, &m, err) < 0)
            return err->code;
        tenon_leftout_add(&p->leftout, &m);
        tenon_manifest_release(&m);
    }
    return collect(data, d, err);
}

static void
leave_out(struct push *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->blobs.len; i++) {
        struct tenon_desc *d = &p->blobs.items[i];
        if (tenon_media_is_nondist(d->media_type) && tenon_leftout_has(&p->leftout, d->digest))
            tenon_desc_release(d);
        else
            p->blobs.items[kept++] = *d;
    }
    p->blobs.len = kept;
}

/* ---- blobs ------------------------------------------------------------------------- */

/* Where on this registry the blob may be mounted from; malloc'ed or NULL. */
static char *
mount_source(const struct push *p, const char *digest)
{
    auto_free char *origin = p->source && p->source->mount_from
                                 ? tenon_strdup(p->source->mount_from)
                                 : tenon_blob_origin(p->r, p->ref->domain, digest);
    return tenon_streq(origin, p->ref->path) ? NULL : tenon_steal(&origin);
}

static char *
push_scope(const struct push *p, const char *from)
{
    return from ? tenon_asprintf("repository:%s:pull,push repository:%s:pull",
                                 p->endpoint->scope_repo, from)
                : tenon_asprintf("repository:%s:pull,push", p->endpoint->scope_repo);
}

/* 1 it is there, 0 it is not, or that cannot be known: the push itself will tell. */
static int
exists(struct push *p, const char *kind, const char *what, const char *digest,
       struct tenon_patience *patience, struct tenon_error *err)
{
    auto_free char *scope = push_scope(p, NULL);
    auto_free char *url = tenon_endpoint_url(p->endpoint, kind, what);
    struct tenon_http_request req = {.method = "HEAD", .url = url,
                                     .accept = TENON_REGISTRY_ACCEPT, .patience = patience};
    auto_response struct tenon_http_response res = {0};
    if (tenon_registry_request(p->r, p->call, p->endpoint, scope, &req, &res, NULL, err) < 0)
        return err->code;
    if (res.status == 200)
        return !digest || tenon_streq(res.digest, digest);
    switch (res.status) {
    case 400: case 401: case 403: case 404: case 405: case 501:
        return 0;
    default:
        req.url = url;
        return tenon_registry_status_error(&req, &res, p->name, err);
    }
}

/* The registry says that it has it now, but not so that it can be believed. */
static int
verify(struct push *p, const char *kind, const char *what, const char *digest,
       struct tenon_patience *patience, struct tenon_error *err)
{
    int rc = exists(p, kind, what, digest, patience, err);
    if (rc == 0)
        return tenon_error_set(err, TENON_E_CORRUPT, "%s: the registry took %s and has not got it",
                               p->name, what);
    return rc < 0 ? rc : 0;
}

/* The answer to a PUT of what has that digest. */
static int
check_taken(const struct push *p, const struct tenon_http_request *req,
            const struct tenon_http_response *res, const char *digest, struct tenon_error *err)
{
    struct tenon_digest got;
    if (res->status != 200 && res->status != 201 && res->status != 202 && res->status != 204)
        return tenon_registry_status_error(req, res, p->name, err);
    if (res->digest && tenon_digest_parse(res->digest, &got) && !tenon_streq(got.str, digest))
        return tenon_error_set(err, TENON_E_CORRUPT, "%s: got digest %s, expected %s", p->name,
                               got.str, digest);
    return 0;
}

/* Where an upload goes on: with TLS if it began so, unless nobody depends on that here. */
static int
upload_place(const struct push *p, struct tenon_http_response *res, char **location,
             struct tenon_error *err)
{
    if (!res->location)
        return tenon_error_set(err, TENON_E_CORRUPT, "%s: upload without a location",
                               p->name);
    *location = tenon_redirect_with_tls(p->endpoint->base, res->location);
    if (*location)
        return 0; /* a proxy takes TLS off before the registry sees the request */
    if (tenon_has_prefix(p->endpoint->base, "https:") &&
        !tenon_has_prefix(res->location, "https:") && !p->endpoint->tls.insecure) {
        auto_free char *shown = tenon_url_conceal(res->location);
        return tenon_error_set(err, TENON_E_DENIED, "%s: upload sent from https to \"%s\"",
                               p->name, shown);
    }
    *location = tenon_steal(&res->location);
    return 0;
}

/* Begin an upload; 1 it is there, nothing to send; 0 *location is where to. */
static int
begin_upload(struct push *p, const char *digest, struct tenon_patience *patience, char **location,
             struct tenon_error *err)
{
    auto_free char *from = mount_source(p, digest);
    auto_free char *scope = push_scope(p, from);
    auto_free char *base = tenon_endpoint_url(p->endpoint, "blobs", "uploads/");
    auto_free char *url = from ? tenon_asprintf("%s?mount=%s&from=%s", base, digest, from)
                               : tenon_strdup(base);
    struct tenon_http_request req = {.method = "POST", .url = url, .patience = patience};
    auto_response struct tenon_http_response res = {0};
    int rc = tenon_registry_request(p->r, p->call, p->endpoint, scope, &req, &res, NULL, err);
    if (rc < 0 && !(from && rc == TENON_E_DENIED))
        return rc;
    bool mounts = from != NULL;
    if (from && (rc < 0 || res.status == 401 || res.status == 403)) {
        /* we may push here, but not read there; the registry says so, or who gives tokens */
        tenon_error_release(err);
        tenon_http_response_release(&res);
        auto_free char *own = push_scope(p, NULL);
        req = (struct tenon_http_request){.method = "POST", .url = base, .patience = patience};
        mounts = false;
        if (tenon_registry_request(p->r, p->call, p->endpoint, own, &req, &res, NULL,
                                   err) < 0)
            return err->code;
    }
    if (res.status == 201) {
        if (!mounts && verify(p, "blobs", digest, NULL, patience, err) < 0)
            return err->code;
        return 1;
    }
    if (res.status != 200 && res.status != 202 && res.status != 204) {
        req.url = url;
        return tenon_registry_status_error(&req, &res, p->name, err);
    }
    return upload_place(p, &res, location, err);
}

struct attempt { /* to send a blob */
    struct tenon_patience patience;
    uint64_t after_ns; /* when the server wants the next one; 0: it does not say */
    unsigned lost;     /* uploads that were begun and are not known */
};

static int
send_blob(struct push *p, const struct tenon_desc *d, struct attempt *a, struct tenon_error *err)
{
    auto_free char *location = NULL;
    int rc = begin_upload(p, d->digest, &a->patience, &location, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    int64_t size = 0;
    auto_close int fd = p->source ? p->source->open(p->source->data, d, &size, err)
                                  : tenon_blob_open(p->r->o.store, d->digest, &size, err);
    if (fd < 0)
        return fd;
    auto_free char *scope = push_scope(p, NULL);
    auto_free char *url = tenon_asprintf("%s%sdigest=%s", location,
                                         strchr(location, '?') ? "&" : "?", d->digest);
    struct tenon_http_request req = {.method = "PUT", .url = url,
                                     .content_type = "application/octet-stream",
                                     .body_fd = fd, .body_len = (uint64_t)size,
                                     .once = true, .patience = &a->patience};
    auto_response struct tenon_http_response res = {0};
    if (tenon_registry_request(p->r, p->call, p->endpoint, scope, &req, &res, NULL, err) < 0)
        return err->code;
    a->after_ns = tenon_retry_after(res.retry_after, res.date);
    req.url = url;
    if (check_taken(p, &req, &res, d->digest, err) < 0) {
        if ((res.status == 404 || res.status == 416) && a->lost++ < LOST_MAX)
            err->code = TENON_E_UNAVAILABLE; /* another of its servers has it */
        return err->code;
    }
    return res.turned ? verify(p, "blobs", d->digest, NULL, &a->patience, err) : 0;
}

/* It was spoken to in TLS, and will not understand it later either. */
static bool
is_without_tls(const struct push *p)
{
    return tenon_has_prefix(p->endpoint->base, "https:") &&
           tenon_host_is(p->r, p->endpoint, TENON_HOST_NO_TLS);
}

/* An upload that broke is begun anew, for its location may be gone; but what was taken without
 * our knowing is not sent again. */
static int
push_blob(struct push *p, const struct tenon_desc *d, struct tenon_error *err)
{
    struct attempt a = {.patience = tenon_registry_patience(p->r)};
    for (;;) {
        a.after_ns = 0;
        int rc = exists(p, "blobs", d->digest, NULL, &a.patience, err);
        if (rc == 0)
            rc = send_blob(p, d, &a, err);
        if (rc >= 0) {
            tenon_blob_note_origin(p->r, p->ref, d->digest);
            return 0;
        }
        if (rc != TENON_E_UNAVAILABLE || is_without_tls(p))
            return rc;
        int pause = tenon_patience_pause(&a.patience, a.after_ns, p->call->cancel, err);
        if (pause < 0)
            return pause == TENON_E_LIMIT ? rc : pause;
        tenon_error_release(err);
    }
}

static void *
uploader(void *data)
{
    struct push *p = data;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        bool stop = p->error.code || p->next == p->blobs.len;
        size_t mine = stop ? 0 : p->next++;
        pthread_mutex_unlock(&p->lock);
        if (stop)
            return NULL;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        if (push_blob(p, &p->blobs.items[mine], &err) < 0) {
            pthread_mutex_lock(&p->lock);
            if (!p->error.code)
                tenon_error_move(&p->error, &err);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static int
push_blobs(struct push *p, struct tenon_error *err)
{
    /* the first one alone: it settles the scheme and the token */
    if (p->blobs.len > 0) {
        p->next = 1;
        if (push_blob(p, &p->blobs.items[0], err) < 0)
            return err->code;
    }
    pthread_t threads[UPLOADS];
    size_t started = 0;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    while (started < UPLOADS && started + 1 < p->blobs.len &&
           pthread_create(&threads[started], NULL, uploader, p) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (started == 0)
        uploader(p);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return p->error.code ? tenon_error_move(err, &p->error) : 0;
}

/* ---- manifests ----------------------------------------------------------- */

static int
push_manifest(struct push *p, const struct tenon_desc *d, const char *as,
              struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_blob_read(p->r->o.store, d->digest, TENON_REGISTRY_MANIFEST_MAX, &text, err) < 0)
        return err->code;
    struct tenon_patience patience = tenon_registry_patience(p->r);
    int rc = exists(p, "manifests", as, d->digest, &patience, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    auto_free char *scope = push_scope(p, NULL);
    auto_free char *url = tenon_endpoint_url(p->endpoint, "manifests", as);
    struct tenon_http_request req = {.method = "PUT", .url = url,
                                     .content_type = d->media_type, .body = text.data,
                                     .body_len = text.len, .patience = &patience};
    auto_response struct tenon_http_response res = {0};
    if (tenon_registry_request(p->r, p->call, p->endpoint, scope, &req, &res, NULL, err) < 0)
        return err->code;
    req.url = url;
    if (check_taken(p, &req, &res, d->digest, err) < 0)
        return err->code;
    return res.turned ? verify(p, "manifests", as, d->digest, &patience, err) : 0;
}

static int
push_manifests(struct push *p, bool by_digest, struct tenon_error *err)
{
    for (size_t i = 0; i < p->manifests.len; i++) {
        const struct tenon_desc *d = &p->manifests.items[i];
        bool top = i + 1 == p->manifests.len;
        const char *as = top && !by_digest && p->ref->tag ? p->ref->tag : d->digest;
        if (push_manifest(p, d, as, err) < 0)
            return err->code;
    }
    return 0;
}

static void
status(const struct push *p, const char *id, bool done)
{
    if (p->call->status)
        p->call->status(p->call->data, id, 0, 0, done);
}

static int
push_to(struct push *p, const char *digest, bool by_digest, struct tenon_error *err)
{
    p->next = 0;
    status(p, "pushing layers", false);
    if (push_blobs(p, err) < 0)
        return err->code;
    status(p, "pushing layers", true);
    if (!p->manifests.len)
        return 0;
    auto_free char *id = tenon_asprintf("pushing manifest for %s@%s", p->name, digest);
    status(p, id, false);
    if (push_manifests(p, by_digest, err) < 0)
        return err->code;
    status(p, id, true);
    return 0;
}

/* alone: this manifest, of an image that the repository has, or this blob; else NULL, and all of
 * the image. */
static int
push(struct tenon_registry *r, const struct tenon_registry_call *call, const char *text,
     const struct tenon_registry_source *source, const char *digest, const struct tenon_desc *alone,
     bool by_digest, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(text, &ref, err) < 0)
        return err->code;
    auto_endpoints struct tenon_endpoints list = {0};
    if (tenon_endpoints_find(r, &ref, true, call->insecure, &list, err) < 0)
        return err->code;
    struct push p = {.r = r, .call = call, .ref = &ref, .source = source};
    p.name = by_digest ? tenon_asprintf("%s/%s", ref.domain, ref.path)
                       : tenon_reference_string(&ref);
    pthread_mutex_init(&p.lock, NULL);
    int rc = alone ? collect(&p, alone, err)
                   : tenon_image_walk(r->o.store, digest, collect_all, &p, err);
    leave_out(&p);
    for (size_t i = 0; rc == 0 && i < list.len;) {
        p.endpoint = &list.items[i];
        rc = push_to(&p, digest, by_digest, err);
        i = rc == 0 ? list.len : tenon_endpoints_next(&list, i, rc, err);
        if (rc == 0 || i == list.len)
            break;
        tenon_error_release(err);
        rc = 0;
    }
    if (rc < 0)
        tenon_error_context(err, "failed to push %s", p.name);
    tenon_vec_foreach(d, &p.blobs)
        tenon_desc_release(d);
    tenon_vec_foreach(d, &p.manifests)
        tenon_desc_release(d);
    tenon_vec_release(&p.blobs);
    tenon_vec_release(&p.manifests);
    tenon_leftout_release(&p.leftout);
    tenon_error_release(&p.error);
    pthread_mutex_destroy(&p.lock);
    free(p.name);
    return rc;
}

int
tenon_registry_push(struct tenon_registry *r, const struct tenon_registry_call *call,
                    const char *ref, const char *digest, bool by_digest, struct tenon_error *err)
{
    return push(r, call, ref, NULL, digest, NULL, by_digest, err);
}

int
tenon_registry_send(struct tenon_registry *r, const struct tenon_registry_call *call,
                    const char *ref, const struct tenon_registry_source *source,
                    const char *digest, bool by_digest, struct tenon_error *err)
{
    return push(r, call, ref, source, digest, NULL, by_digest, err);
}

int
tenon_registry_push_blob(struct tenon_registry *r, const struct tenon_registry_call *call,
                         const char *ref, const struct tenon_desc *blob,
                         struct tenon_error *err)
{
    return push(r, call, ref, NULL, blob->digest, blob, true, err);
}

int
tenon_registry_tag(struct tenon_registry *r, const struct tenon_registry_call *call,
                   const char *ref, const struct tenon_desc *manifest, struct tenon_error *err)
{
    return push(r, call, ref, NULL, manifest->digest, manifest, false, err);
}

/* common/objects/objects.c - see objects.h. */
#include "common/objects/objects.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"

#define UPLOADS_MAX 64
#define MT_DOCUMENT "application/vnd.buildkit.cacheconfig.v0"

static const struct tenon_host *host;

int
objects_init(const struct tenon_host *h, const struct objects_ops *ops, void **self,
             struct tenon_error *err)
{
    host = h;
    *self = (void *)ops; /* no state: each call stands alone */
    return host->extension("tenon.http/0")
               ? TENON_OK
               : host->error->set(err, TENON_E_UNSUPPORTED, 0, "this tenon has no HTTP client");
}

static int
open_cache(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
           struct objects *o, struct tenon_error *err)
{
    *o = (struct objects){ .ops = self, .uploads = 1 };
    return o->ops->open(o, ctx, options, err);
}

int
objects_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
              struct tenon_error *err)
{
    struct objects o;
    return open_cache(self, ctx, options, &o, err);
}

const char *
objects_name(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
             struct tenon_error *err)
{
    struct objects o;
    return open_cache(self, ctx, options, &o, err) < 0 ? NULL : o.ops->name(&o, ctx);
}

static const char *
first_name(const struct objects *o, struct tenon_ctx *ctx)
{
    char *name = host->ctx->strdup(ctx, o->names);
    name[strcspn(name, ";")] = '\0';
    return name;
}

/* ---- import ---------------------------------------------------------------------- */

int
objects_read(struct tenon_ctx *ctx, int fd, const void **data, size_t *len,
             struct tenon_error *err)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0 || size > OBJECTS_DOCUMENT_MAX)
        return host->error->set(err, TENON_E_LIMIT, 0, "a document of more than %d bytes",
                                OBJECTS_DOCUMENT_MAX);
    char *to = host->ctx->alloc(ctx, (size_t)size + 1);
    for (off_t done = 0; done < size;) {
        ssize_t n = pread(fd, to + done, (size_t)(size - done), done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return host->error->set(err, TENON_E_FAILED, n < 0 ? errno : EIO, "read a document");
        done += n;
    }
    *data = to;
    *len = (size_t)size;
    return TENON_OK;
}

static int
load_first(const struct objects *o, struct tenon_ctx *ctx, const void **data, size_t *len,
           struct tenon_error *err)
{
    const char *key = o->ops->key(o, ctx, NULL, first_name(o, ctx));
    auto_close int fd = memfd_create("cache document", MFD_CLOEXEC);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "memfd_create");
    int rc = o->ops->get(o, ctx, key, fd, OBJECTS_DOCUMENT_MAX, err);
    return rc < 0 ? rc : objects_read(ctx, fd, data, len, err);
}

int
objects_load(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
             const void **data, size_t *len, struct tenon_error *err)
{
    struct objects o;
    int rc = open_cache(self, ctx, options, &o, err);
    if (rc < 0)
        return rc;
    return o.ops->load ? o.ops->load(&o, ctx, data, len, err)
                       : load_first(&o, ctx, data, len, err);
}

/* What load has had to keep is not asked for again. */
static bool
is_here(struct tenon_ctx *ctx, const char *digest)
{
    int64_t size;
    auto_close int fd = host->blobs->open(ctx, digest, &size, host->error->create(ctx));
    return fd >= 0;
}

int
objects_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
              const struct tenon_descriptor *blob, struct tenon_error *err)
{
    struct objects o;
    int rc = open_cache(self, ctx, options, &o, err);
    if (rc < 0 || is_here(ctx, blob->digest))
        return rc < 0 ? rc : TENON_OK;
    int fd = host->blobs->create(ctx, err);
    if (fd < 0)
        return fd;
    const char *key = o.ops->key(&o, ctx, blob->digest, NULL);
    rc = o.ops->get(&o, ctx, key, fd, blob->size > 0 ? (uint64_t)blob->size : 1, err);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return host->blobs->commit(ctx, fd, blob->digest, err) ? TENON_OK : host->error->code(err);
}

/* ---- export ---------------------------------------------------------------------- */

struct piece { /* a blob to be there */
    const char *digest;
    int64_t size;
};

struct upload {
    const struct objects *o;
    struct tenon_ctx *ctx;
    const char *manifest; /* its digest: what it says of layers the document says, too */
    const char *document; /* its digest: it goes last, by name */
    TENON_VEC(struct piece) pieces;
    pthread_mutex_t lock;
    size_t next; /* locked by lock, as are the following */
    int rc;
    struct tenon_error *err;
};

static int
collect(void *data, const struct tenon_descriptor *desc, struct tenon_error *err)
{
    (void)err;
    struct upload *u = data;
    if (desc->media_type && !strcmp(desc->media_type, MT_DOCUMENT))
        u->document = host->ctx->strdup(u->ctx, desc->digest);
    else if (strcmp(desc->digest, u->manifest) != 0)
        tenon_vec_push(&u->pieces, (struct piece){ host->ctx->strdup(u->ctx, desc->digest),
                                                   desc->size });
    return TENON_OK;
}

static int
send_file(const struct objects *o, struct tenon_ctx *ctx, const char *digest, const char *key,
          const char *shown, bool replace, struct tenon_error *err)
{
    int64_t size = 0;
    auto_close int fd = host->blobs->open(ctx, digest, &size, err);
    if (fd < 0)
        return fd;
    host->progress->status(ctx, shown, 0, size);
    int rc = o->ops->put(o, ctx, key, fd, size, digest + strlen("sha256:"), replace, err);
    host->progress->status(ctx, shown, rc < 0 ? 0 : size, size);
    host->progress->status_done(ctx, shown);
    return rc < 0 ? rc : TENON_OK;
}

static int
send_piece(const struct objects *o, struct tenon_ctx *ctx, const struct piece *p,
           struct tenon_error *err)
{
    const char *key = o->ops->key(o, ctx, p->digest, NULL);
    int rc = o->ops->has(o, ctx, key, err);
    if (rc != 0)
        return rc < 0 ? rc : TENON_OK;
    auto_free char *shown = tenon_asprintf("writing layer %s", p->digest);
    return send_file(o, ctx, p->digest, key, shown, false, err);
}

static const struct piece *
next_piece(struct upload *u)
{
    pthread_mutex_lock(&u->lock);
    const struct piece *p = u->rc == 0 && u->next < u->pieces.len ? &u->pieces.items[u->next++]
                                                                  : NULL;
    pthread_mutex_unlock(&u->lock);
    return p;
}

/* The first failure is the whole's. */
static void
failed(struct upload *u, int rc, const struct tenon_error *err)
{
    pthread_mutex_lock(&u->lock);
    if (u->rc == 0) {
        u->rc = rc;
        host->error->set(u->err, rc, 0, "%s", host->error->text(err));
    }
    pthread_mutex_unlock(&u->lock);
}

static void *
work(void *data)
{
    struct upload *u = data;
    for (const struct piece *p; (p = next_piece(u)) != NULL;) {
        struct tenon_ctx *scope = host->ctx->scope_begin(u->ctx);
        struct tenon_error *err = host->error->create(scope);
        int rc = send_piece(u->o, scope, p, err);
        if (rc < 0)
            failed(u, rc, err);
        host->ctx->scope_end(scope);
    }
    return NULL;
}

/* With as many threads as can be had; this one works as well.  The first goes alone: a store that
 * refuses us is asked once. */
static int
send_all(struct upload *u)
{
    pthread_t threads[UPLOADS_MAX];
    const struct piece *first = next_piece(u);
    int rc = first ? send_piece(u->o, u->ctx, first, u->err) : TENON_OK;
    if (rc < 0)
        return rc;
    unsigned wanted = u->o->uploads < UPLOADS_MAX ? u->o->uploads : UPLOADS_MAX, count = 0;
    while (count + 1 < wanted && count + 1 < u->pieces.len &&
           pthread_create(&threads[count], NULL, work, u) == 0)
        count++;
    work(u);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return u->rc;
}

/* After all it refers to: who finds a document finds the rest. As what they find has to be used by
 * one request, and by BuildKit, it is the document and no manifest that names it. */
static int
send_document(const struct objects *o, struct tenon_ctx *ctx, const char *digest,
              struct tenon_error *err)
{
    auto_free char *shown = tenon_asprintf("writing cache manifest %s", digest);
    auto_free char *names = tenon_strdup(o->names);
    char *rest = names;
    for (const char *name; (name = strsep(&rest, ";")) != NULL;) {
        int rc = send_file(o, ctx, digest, o->ops->key(o, ctx, NULL, name), shown, true, err);
        if (rc < 0)
            return host->error->context(err, "error writing manifest %s", name);
    }
    return TENON_OK;
}

static int
send_cache(const struct objects *o, struct tenon_ctx *ctx, const struct tenon_descriptor *manifest,
           struct tenon_error *err)
{
    struct upload u = { .o = o, .ctx = ctx, .manifest = manifest->digest, .err = err,
                        .lock = PTHREAD_MUTEX_INITIALIZER };
    int rc = host->image->walk(ctx, manifest->digest, collect, &u, err);
    if (rc == TENON_OK && !u.document)
        rc = host->error->set(err, TENON_E_BUG, 0, "a cache manifest without a document");
    if (rc == TENON_OK)
        rc = send_all(&u);
    tenon_vec_release(&u.pieces);
    return rc < 0 ? rc : send_document(o, ctx, u.document, err);
}

int
objects_send(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
             const struct tenon_descriptor *blob, struct tenon_error *err)
{
    struct objects o;
    const struct piece p = { blob->digest, blob->size };
    int rc = open_cache(self, ctx, options, &o, err);
    return rc < 0 || o.ops->begin ? rc : send_piece(&o, ctx, &p, err);
}

int
objects_save(void *self, struct tenon_ctx *ctx, const struct tenon_values *options,
             const struct tenon_descriptor *manifest, struct tenon_error *err)
{
    struct objects o;
    int rc = open_cache(self, ctx, options, &o, err);
    if (rc < 0)
        return rc;
    if (o.ops->begin && (rc = o.ops->begin(&o, ctx, err)) <= 0)
        return rc;
    rc = send_cache(&o, ctx, manifest, err);
    if (o.ops->end)
        o.ops->end(&o);
    return rc;
}

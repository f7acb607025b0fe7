/* solve/layerset.c - layers to snapshots: fetched several at a time, unpacked one after the
 * other from the bottom, each under a lock so that processes share the work. */
#include "solve/layerset.h"

#include <stdio.h>
#include <string.h>

#include "context/waiting.h"
#include "image/image.h"
#include "image/layer.h"
#include "image/stream.h"

#define FETCHERS_MAX 4

/* Each from the one below it, which stands for all that are there. */
static void
chain_ids(const struct tenon_descriptor *const *layers, size_t n, struct tenon_digest *out)
{
    for (size_t i = 0; i < n; i++) {
        char *const pair[] = { i ? out[i - 1].str : NULL, (char *)layers[i]->diff_id };
        tenon_chain_id(i ? pair : pair + 1, i ? 2 : 1, &out[i]);
    }
}

/* Is it unpacked? An image's layer has to be remembered with an image's blob, too: a cache may have
 * brought it first, and what that said of it is for builds that name the cache. */
static bool
is_there(struct tenon_store *store, const struct tenon_digest *chain_id, bool as_base,
         int64_t *snapshot)
{
    struct tenon_snapshot_blob b;

    return tenon_snapshot_by_chain_id(store, chain_id->str, snapshot) &&
           (!as_base || tenon_snapshot_get_blob(store, *snapshot, TENON_BLOB_BASE, &b));
}

bool
layers_there(struct tenon_store *store, const struct tenon_descriptor *const *layers,
             size_t count, bool as_base, struct tenon_chain *out)
{
    auto_free struct tenon_digest *ids = tenon_calloc(count, sizeof *ids);

    chain_ids(layers, count, ids);
    for (size_t i = 0; i < count; i++) {
        int64_t snapshot;
        if (!is_there(store, &ids[i], as_base, &snapshot))
            return false;
        tenon_chain_append(out, snapshot);
    }
    return true;
}

/* ---- fetching ----------------------------------------------------------- */

struct fetch {
    const struct layer_set *set;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t ready;
    size_t next;    /* layer to take */
    bool *finished; /* one a layer */
    bool failed;
    struct tenon_error err;
};

static int
fetch_one(const struct layer_set *set, size_t i, struct tenon_error *err)
{
    if (tenon_cancel_check(set->cancel, err) < 0)
        return err->code;
    return set->fetch(set->data, i, err);
}

static void *
fetcher(void *data)
{
    struct fetch *f = data;
    const size_t count = f->set->count;

    pthread_mutex_lock(&f->lock);
    while (f->next < count && !f->failed) {
        const size_t i = f->next++;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        pthread_mutex_unlock(&f->lock);
        int rc = fetch_one(f->set, i, &err);
        pthread_mutex_lock(&f->lock);
        f->finished[i] = true;
        if (rc < 0 && !f->failed) {
            f->failed = true;
            tenon_error_move(&f->err, &err);
        }
        pthread_cond_broadcast(&f->ready);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int
wait_fetched(struct fetch *f, size_t i, struct tenon_error *err)
{
    int rc = 0;

    pthread_mutex_lock(&f->lock);
    while (!f->finished[i] && !f->failed)
        pthread_cond_wait(&f->ready, &f->lock);
    if (f->failed) {
        rc = f->err.code;
        tenon_error_copy(err, &f->err);
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}

/* ---- unpacking ---------------------------------------------------------- */

/* The exporters reuse the very blob a snapshot came from. */
static int
remember_blob(const struct layer_set *set, size_t i, int64_t snapshot,
              struct tenon_error *err)
{
    const struct tenon_descriptor *layer = set->layers[i];
    struct tenon_snapshot_blob b = {0};

    if (!tenon_blob_exists(set->store, layer->digest, &b.size))
        return tenon_error_set(err, TENON_E_NOT_FOUND, "layer %s is gone", layer->digest);
    if (layer->size > 0 && layer->size != b.size)
        return tenon_error_set(err, TENON_E_CORRUPT, "layer %s has %lld bytes, and %lld were said",
                               layer->digest, (long long)b.size, (long long)layer->size);
    if (!tenon_digest_parse(layer->digest, &b.digest) ||
        !tenon_digest_parse(layer->diff_id, &b.diff_id))
        return tenon_error_set(err, TENON_E_INVALID,
                               "layer \"%s\": not a sha256 digest",
                               layer->digest);
    snprintf(b.media_type, sizeof b.media_type, "%s",
             layer->media_type ? layer->media_type : "");
    return tenon_snapshot_set_blob(set->store, snapshot,
                                   set->variant ? set->variant(set->data, i) : TENON_BLOB_BASE,
                                   &b, err);
}

/* It is unpacked already, from another blob: is this one the same inside? */
static int
remember_another(const struct layer_set *set, size_t i, int64_t snapshot, struct tenon_error *err)
{
    const struct tenon_descriptor *layer = set->layers[i];
    struct tenon_digest inside;

    auto_close int fd = tenon_blob_open(set->store, layer->digest, NULL, err);
    if (fd < 0)
        return fd;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, tenon_store_limits(set->store));
    if (tenon_inflate_finish(in, &inside, err) < 0)
        return tenon_error_context(err, "layer %s", layer->digest);
    if (!tenon_streq(inside.str, layer->diff_id))
        return tenon_error_set(err, TENON_E_CORRUPT, "layer %s: it is %s inside, and not %s",
                               layer->digest, inside.str, layer->diff_id);
    return remember_blob(set, i, snapshot, err);
}

static int
unpack(const struct layer_set *set, size_t i, const struct tenon_digest *chain_id,
       const struct tenon_chain *lower, int64_t *snapshot,
       struct tenon_error *err)
{
    const struct tenon_descriptor *layer = set->layers[i];
    auto_free char *status = tenon_asprintf("extracting %s", layer->digest);

    auto_close int fd = tenon_blob_open(set->store, layer->digest, NULL, err);
    if (fd < 0)
        return fd;
    tenon_ctx_status(set->ctx, status, 0, 0);
    int rc = tenon_layer_unpack(set->store, fd, layer->diff_id, lower,
                               set->cancel, snapshot, err);
    if (rc < 0)
        return tenon_error_context(err, "layer %s", layer->digest);
    rc = remember_blob(set, i, *snapshot, err);
    if (rc == 0)
        rc = tenon_snapshot_set_chain_id(set->store, *snapshot, chain_id->str, err);
    tenon_ctx_status_done(set->ctx, status);
    return rc;
}

static int
make_layer(struct fetch *f, size_t i, const struct tenon_digest *chain_id,
           const struct tenon_chain *lower, int64_t *snapshot,
           struct tenon_error *err)
{
    const struct layer_set *set = f->set;
    auto_free char *name =
        tenon_asprintf("layer-%s", tenon_digest_hex(chain_id));
    struct tenon_lock *lock = NULL;
    auto_free char *what = tenon_asprintf("extracts layer %s", set->layers[i]->digest);
    struct tenon_waiting waiting;

    if (is_there(set->store, chain_id, !set->variant, snapshot))
        return 0;
    int rc = wait_fetched(f, i, err);
    if (rc < 0)
        return rc;
    tenon_waiting_init(&waiting, tenon_ctx_engine(set->ctx), tenon_ctx_vertex(set->ctx), what);
    rc = tenon_lock_acquire(set->store, name, false, tenon_cancel_fd(set->cancel),
                           &waiting.watch, &lock, err);
    if (rc < 0)
        return rc;
    if (!tenon_snapshot_by_chain_id(set->store, chain_id->str, snapshot))
        rc = unpack(set, i, chain_id, lower, snapshot, err);
    else if (!is_there(set->store, chain_id, !set->variant, snapshot))
        rc = remember_another(set, i, *snapshot, err);
    tenon_lock_release(lock);
    return rc;
}

static void
mark_present(struct fetch *f, const struct tenon_digest *ids, size_t count)
{
    int64_t snapshot;

    /* From the bottom: a layer counts only on top of those below it. */
    while (f->next < count &&
           is_there(f->set->store, &ids[f->next], !f->set->variant, &snapshot))
        f->finished[f->next++] = true;
}

int
layers_make(const struct layer_set *set, struct tenon_chain *out,
            struct tenon_error *err)
{
    const size_t count = set->count;
    auto_free struct tenon_digest *ids = tenon_calloc(count, sizeof *ids);
    auto_free bool *finished = tenon_calloc(count, sizeof *finished);
    struct fetch f = { .set = set, .finished = finished,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .ready = PTHREAD_COND_INITIALIZER };
    pthread_t threads[FETCHERS_MAX];
    unsigned thread_count = 0;
    int rc = 0;

    chain_ids(set->layers, count, ids);
    mark_present(&f, ids, count);
    const size_t missing = count - f.next;
    for (int e = 0; !e && thread_count < FETCHERS_MAX && thread_count < missing;) {
        e = pthread_create(&threads[thread_count], NULL, fetcher, &f);
        thread_count += e == 0;
        if (e && thread_count == 0) /* one is enough */
            rc = tenon_error_errno(err, e, "start a thread for layers");
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        int64_t snapshot;
        rc = make_layer(&f, i, &ids[i], out, &snapshot, err);
        if (rc == 0)
            tenon_chain_append(out, snapshot);
    }
    pthread_mutex_lock(&f.lock);
    f.failed = f.failed || rc < 0; /* nothing more is begun */
    pthread_mutex_unlock(&f.lock);
    for (unsigned i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&f.lock);
    pthread_cond_destroy(&f.ready);
    tenon_error_release(&f.err);
    return rc;
}

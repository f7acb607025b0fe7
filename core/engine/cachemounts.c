/* engine/cachemounts.c - see cachemounts.h: which mounts a build's caches have, and how one of
 * them gets here. */
#include "engine/cachemounts.h"

#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "context/engine.h"
#include "engine/mountoffer.h"
#include "engine/onecache.h"
#include "exec/exec.h"
#include "image/chunkindex.h"
#include "solve/cache.h"

/* Seeds that travel are empty directories; what an id says of one. */
#define SEED TENON_CACHE_SEEDED TENON_CACHE_EMPTY
#define ID_MAX 4096 /* bytes */
/* Packs may be more than what is made of them: half of one is of no use at most, as we write
 * them, and this for those who write them otherwise. */
#define PACKS_PER_BYTE 4

/* ---- what documents say -------------------------------------------------------- */

bool
tenon_mount_id_is_good(const char *id)
{
    for (const char *p = id; *p; p++)
        if ((unsigned char)*p < ' ')
            return false; /* those are ours */
    return *id && strlen(id) <= ID_MAX;
}

static int
read_offer(struct tenon_cache *c, struct json_object *o, size_t i, struct tenon_mount_offer *to,
           struct tenon_error *err)
{
    const char *id, *seed, *digest, *type;
    if (!json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_CORRUPT, "tenon.mounts[%zu] is malformed", i);
    if (tenon_json_get_str(o, "id", "", &id, err) < 0 ||
        tenon_json_get_str(o, "seed", NULL, &seed, err) < 0 ||
        tenon_json_get_str(o, "mediaType", "", &type, err) < 0 ||
        tenon_json_get_str(o, "digest", "", &digest, err) < 0 ||
        tenon_json_get_int(o, "size", -1, &to->size, err) < 0)
        return tenon_error_context(err, "tenon.mounts[%zu]", i);
    if (!tenon_streq(type, TENON_MT_CHUNK_INDEX))
        return 1; /* of another version */
    if (!tenon_mount_id_is_good(id) || (seed && !tenon_mount_id_is_good(seed)) ||
        !tenon_digest_parse(digest, &to->digest) || to->size <= 0 ||
        (uint64_t)to->size > TENON_CHUNK_INDEX_MAX)
        return tenon_error_set(err, TENON_E_CORRUPT, "tenon.mounts[%zu] is malformed", i);
    to->id = seed ? tenon_asprintf("%s" SEED "%s", id, seed) : tenon_strdup(id);
    to->cache = c;
    return TENON_OK;
}

/* By the document whose offers begin there. */
static bool
is_offered(const struct tenon_build *b, size_t first, const char *id)
{
    for (size_t i = first; i < b->mount_offers.len; i++)
        if (tenon_streq(b->mount_offers.items[i].id, id))
            return true;
    return false;
}

static int
read_offers(struct tenon_build *b, struct tenon_cache *c, const char *text, size_t len,
            struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    if (tenon_json_parse(text, len, TENON_CACHE_DOCUMENT_MAX, &o, err) < 0 ||
        tenon_json_get_array(o, "tenon.mounts", &list, err) < 0)
        return err->code;
    const size_t count = list ? json_object_array_length(list) : 0;
    if (count > TENON_MOUNTS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "%zu cache mounts, more than %d", count,
                               TENON_MOUNTS_MAX);
    const size_t first = b->mount_offers.len;
    for (size_t i = 0; i < count; i++) {
        struct tenon_mount_offer offer = {0};
        int rc = read_offer(c, json_object_array_get_idx(list, i), i, &offer, err);
        if (rc == 0 && is_offered(b, first, offer.id))
            rc = tenon_error_set(err, TENON_E_CORRUPT, "tenon.mounts[%zu] is there twice", i);
        if (rc == 0)
            tenon_vec_push(&b->mount_offers, offer);
        else
            free(offer.id);
        if (rc < 0) { /* the others are no worse for it */
            auto_free char *what =
                tenon_asprintf("a cache mount of %s is not used", tenon_cache_place(c));
            tenon_cache_warn(b, what, err);
        }
    }
    return TENON_OK;
}

void
tenon_mounts_offer(struct tenon_build *b, struct tenon_cache *c, const char *text, size_t len)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (!memmem(text, len, "\"tenon.mounts\"", strlen("\"tenon.mounts\"")))
        return;
    if (read_offers(b, c, text, len, &err) < 0) {
        auto_free char *what =
            tenon_asprintf("cache mounts of %s are not used", tenon_cache_place(c));
        tenon_mounts_forget(b, c);
        tenon_cache_warn(b, what, &err);
    }
}

void
tenon_mounts_forget(struct tenon_build *b, const struct tenon_cache *c)
{
    size_t kept = 0;
    tenon_vec_foreach(o, &b->mount_offers) {
        if (c && o->cache != c)
            b->mount_offers.items[kept++] = *o;
        else
            free(o->id);
    }
    b->mount_offers.len = kept;
    if (!kept)
        tenon_vec_release(&b->mount_offers);
}

/* All are there before the first step, and until the last. */
const struct tenon_mount_offer *
tenon_mount_offer_find(const struct tenon_build *b, const char *id, size_t *from)
{
    while (*from < b->mount_offers.len) {
        const struct tenon_mount_offer *o = &b->mount_offers.items[(*from)++];
        if (tenon_streq(o->id, id))
            return o;
    }
    return NULL;
}

/* The id of the directory that it becomes. */
char *
tenon_mount_offer_place(const struct tenon_mount_offer *o)
{
    return tenon_cache_is_trusted(o->cache)
               ? tenon_strdup(o->id)
               : tenon_asprintf("%s" TENON_CACHE_IMPORTED "%s", o->id,
                                tenon_cache_place(o->cache));
}

/* "ID", or "ID (1000:1000:0700)". */
char *
tenon_mount_shown(const char *id)
{
    const char *seed = strstr(id, SEED);
    return seed ? tenon_asprintf("%.*s (%s)", (int)(seed - id), id, seed + strlen(SEED))
                : tenon_strdup(id);
}

int
tenon_mount_offer_index(const struct tenon_mount_offer *o, struct tenon_ctx *ctx,
                        struct tenon_chunk_index *out, struct tenon_error *err)
{
    struct tenon_store *s = tenon_ctx_engine(ctx)->store;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    const struct tenon_descriptor d = { .struct_size = sizeof d, .media_type = TENON_MT_CHUNK_INDEX,
                                        .digest = o->digest.str, .size = o->size };
    if (!tenon_blob_exists(s, d.digest, NULL) && tenon_cache_fetch(o->cache, ctx, &d, err) < 0)
        return err->code;
    return tenon_blob_read(s, d.digest, TENON_CHUNK_INDEX_MAX, &text, err) < 0
               ? err->code
               : tenon_chunk_index_parse(text.data, text.len, tenon_store_limits(s), out, err);
}

int
tenon_mount_fetch_pack(struct tenon_cache *c, struct tenon_ctx *ctx,
                       const struct tenon_digest *digest, int64_t size, struct tenon_error *err)
{
    const struct tenon_descriptor d = { .struct_size = sizeof d, .media_type = TENON_MT_CHUNK_PACK,
                                        .digest = digest->str, .size = size };
    return tenon_blob_exists(tenon_ctx_engine(ctx)->store, d.digest, NULL)
               ? TENON_OK
               : tenon_cache_fetch(c, ctx, &d, err);
}

/* ---- into the store ---------------------------------------------------------------- */

struct arrival {
    struct tenon_ctx *ctx; /* of the step that wants it */
    const struct tenon_mount_offer *offer;
};

static int
fetch_packs(const struct arrival *a, const struct tenon_chunk_index *x, const char *shown,
            struct tenon_error *err)
{
    int64_t done = 0, total = 0;
    auto_free bool *needed = tenon_calloc(x->pack_count + (size_t)1, sizeof *needed);
    for (uint32_t i = 0; i < x->order_len; i++)
        needed[x->chunks[x->order[i]].pack] = true;
    for (uint32_t i = 0; i < x->pack_count; i++)
        total += needed[i] ? x->packs[i].size : 0;
    if ((uint64_t)total / PACKS_PER_BYTE > x->bytes)
        return tenon_error_set(err, TENON_E_LIMIT, "its packs have %lld bytes, for %llu",
                               (long long)total, (unsigned long long)x->bytes);
    for (uint32_t i = 0; i < x->pack_count; i++) {
        struct tenon_digest digest;
        if (!needed[i])
            continue;
        tenon_chunk_pack_digest(&x->packs[i], &digest);
        if (tenon_mount_fetch_pack(a->offer->cache, a->ctx, &digest, x->packs[i].size, err) < 0)
            return err->code;
        done += x->packs[i].size;
        tenon_ctx_status(a->ctx, shown, done, total);
    }
    return TENON_OK;
}

static int
arrive(const struct arrival *a, int dirfd, const char *shown, struct tenon_error *err)
{
    auto_chunk_index struct tenon_chunk_index x = {0};
    return tenon_mount_offer_index(a->offer, a->ctx, &x, err) < 0 ||
                   fetch_packs(a, &x, shown, err) < 0
               ? err->code
               : tenon_chunk_read(tenon_ctx_engine(a->ctx)->store, &x, dirfd,
                                  tenon_ctx_cancel(a->ctx), err);
}

/* A cache is never needed: without it the mount starts empty. */
static int
fill(void *data, int dirfd, struct tenon_error *err)
{
    const struct arrival *a = data;
    auto_free char *name = tenon_mount_shown(a->offer->id);
    auto_free char *shown = tenon_asprintf("importing cache mount %s from %s", name,
                                           tenon_cache_place(a->offer->cache));
    tenon_ctx_status(a->ctx, shown, 0, 0);
    const int rc = arrive(a, dirfd, shown, err);
    tenon_ctx_status_done(a->ctx, shown);
    if (rc >= 0 || rc == TENON_E_CANCELLED)
        return rc;
    auto_free char *what = tenon_asprintf("cache mount %s is not imported from %s", name,
                                          tenon_cache_place(a->offer->cache));
    tenon_cache_warn(tenon_ctx_engine(a->ctx)->build, what, err);
    return 1;
}

/* The step that finds none says why, and begins without. */
static int
fill_or_not(void *data, int dirfd, struct tenon_error *err)
{
    const struct arrival *a = data;
    return arrive(a, dirfd, "unpacking", err);
}

/* A step may have emptied it meanwhile: what it waits for would be this. */
static bool
is_wanted(void *data)
{
    const struct arrival *a = data;
    return !tenon_cache_was_emptied(tenon_ctx_engine(a->ctx), a->offer->id);
}

int
tenon_mount_offer_bring(const struct tenon_mount_offer *o, struct tenon_ctx *ctx,
                        struct tenon_error *err)
{
    struct arrival a = { ctx, o };
    const struct tenon_cache_fill f = { fill_or_not, &a, is_wanted };
    auto_free char *place = tenon_mount_offer_place(o);
    return tenon_cache_mount_make(tenon_ctx_engine(ctx)->store, place, &f,
                                  tenon_cancel_fd(tenon_ctx_cancel(ctx)), err);
}

/* mode=, uid= and gid= are those of an empty directory, which is the seed: it is one wherever it
 * comes from. NULL: of another kind. */
static char *
empty_seed_id(const struct tenon_mount_want *w)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* whoever copies it is told */
    struct stat st;
    char **names = NULL;
    const char *seed = strstr(w->id, TENON_CACHE_SEEDED);
    if (!seed || w->seed_fd < 0 || fstat(w->seed_fd, &st) < 0 ||
        tenon_dir_names(w->seed_fd, &names, &ignored) < 0)
        return NULL;
    const bool empty = !names || !*names;
    tenon_strv_free(names);
    return empty ? tenon_asprintf("%.*s" SEED "%u:%u:%04o", (int)(seed - w->id), w->id,
                                  st.st_uid, st.st_gid, st.st_mode & 07777)
                 : NULL;
}

const struct tenon_mount_offer *
tenon_mount_offer_wanted(struct tenon_engine *engine, const char *id)
{
    size_t from = 0;
    if (!engine->build || tenon_cache_was_emptied(engine, id) ||
        tenon_cache_mount_exists(engine->store, id))
        return NULL;
    return tenon_mount_offer_find(engine->build, id, &from);
}

int
tenon_mounts_open(struct tenon_ctx *ctx, const struct tenon_mount_want *w,
                  struct tenon_lock **lock, struct tenon_error *err)
{
    struct tenon_engine *engine = tenon_ctx_engine(ctx);
    auto_free char *what = tenon_asprintf(
        "uses the cache mount \"%.*s\"", (int)strcspn(w->id, TENON_CACHE_SEEDED), w->id);
    struct tenon_waiting waiting;
    tenon_waiting_init(&waiting, engine, tenon_ctx_vertex(ctx), what);
    const int cancel = tenon_cancel_fd(tenon_ctx_cancel(ctx));
    auto_free char *of_empty = empty_seed_id(w);
    const char *id = of_empty ? of_empty : w->id;
    const struct tenon_mount_offer *offer = tenon_mount_offer_wanted(engine, id);
    if (!offer)
        return tenon_cache_mount_open(engine->store, id, w->sharing, w->seed_fd, w->mode,
                                      w->uid, w->gid, cancel, &waiting.watch, lock, err);
    struct arrival a = { ctx, offer };
    const struct tenon_cache_fill f = { fill, &a, NULL };
    auto_free char *place = tenon_mount_offer_place(offer);
    return tenon_cache_mount_open_filled(engine->store, place, w->sharing, &f, w->mode, w->uid,
                                         w->gid, cancel, &waiting.watch, lock, err);
}

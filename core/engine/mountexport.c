/* engine/mountexport.c - the part of --cache-to that is cache mounts; see cachemounts.h.
 *
 * What was exported or imported before is the base of what is exported now: the index of the last
 * time, which the store knows by a pin, and those of the caches of this build. */
#include <string.h>

#include "base/json.h"
#include "context/engine.h"
#include "engine/cachemounts.h"
#include "engine/mountoffer.h"
#include "engine/onecache.h"
#include "image/chunkindex.h"
#include "solve/cache.h"
#include "tools/comma.h"

#define SEED TENON_CACHE_SEEDED TENON_CACHE_EMPTY /* what an id says of it */
#define BASES_MAX 8
#define BASES_BYTES_MAX TENON_CHUNK_INDEX_MAX /* of all their indexes */
#define STEP_BYTES (UINT64_C(4) << 20) /* between two numbers that are shown */

struct shipment { /* of one mount */
    struct tenon_build *b;
    struct tenon_ctx *ctx;
    const char *id, *shown;
    const char *to; /* where it goes */
    struct tenon_mounts *out;
    struct tenon_chunk_index bases[BASES_MAX];
    size_t base_count;
    bool is_nowhere; /* there is no mount of this id */
    uint64_t told;
};

void
tenon_mounts_release(struct tenon_mounts *m)
{
    json_object_put(m->entries);
    json_object_put(m->blobs);
    m->entries = m->blobs = NULL;
    m->leaves_some = false;
}

static struct json_object *
descriptor(const char *media_type, const char *digest, int64_t size)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "mediaType", json_object_new_string(media_type));
    json_object_object_add(o, "digest", json_object_new_string(digest));
    json_object_object_add(o, "size", json_object_new_int64(size));
    return o;
}

static void
add_entry(struct tenon_mounts *out, const char *id, const char *digest, int64_t size)
{
    struct json_object *o = descriptor(TENON_MT_CHUNK_INDEX, digest, size);
    const char *seed = strstr(id, SEED);
    const size_t len = seed ? (size_t)(seed - id) : strlen(id);
    json_object_object_add(o, "id", json_object_new_string_len(id, (int)len));
    if (seed)
        json_object_object_add(o, "seed", json_object_new_string(seed + strlen(SEED)));
    if (!out->entries) {
        out->entries = json_object_new_array();
        out->blobs = json_object_new_array();
    }
    json_object_array_add(out->entries, o);
    json_object_array_add(out->blobs, descriptor(TENON_MT_CHUNK_INDEX, digest, size));
}

/* ---- bases --------------------------------------------------------------------- */

/* What was sent last of this directory. */
static char *
pin_name(const char *place)
{
    return tenon_asprintf("cache-mount:%s", place);
}

static int
pinned_index(struct tenon_store *s, const char *place, struct tenon_chunk_index *out,
             struct tenon_error *err)
{
    auto_free char *name = pin_name(place);
    auto_free char *digest = tenon_pin_get(s, name);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!digest)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "it was not exported before");
    if (tenon_blob_read(s, digest, TENON_CHUNK_INDEX_MAX, &text, err) < 0)
        return err->code;
    return tenon_chunk_index_parse(text.data, text.len, tenon_store_limits(s), out, err);
}

/* What cannot be had is no base: then more is sent. */
static void
find_bases(struct shipment *s, const char *place)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const struct tenon_mount_offer *o;
    size_t bytes = 0;
    for (size_t from = 0; s->base_count + 1 < BASES_MAX &&
                          (o = tenon_mount_offer_find(s->b, s->id, &from)) != NULL;) {
        tenon_error_release(&ignored);
        bytes += (size_t)o->size; /* each TENON_CHUNK_INDEX_MAX at most */
        if (bytes > BASES_BYTES_MAX)
            break;
        if (tenon_mount_offer_index(o, s->ctx, &s->bases[s->base_count], &ignored) == 0)
            s->base_count++;
    }
    tenon_error_release(&ignored);
    if (pinned_index(s->b->engine->store, place, &s->bases[s->base_count], &ignored) == 0)
        s->base_count++;
}

/* A step of this build would find one. */
static bool
is_anywhere(struct tenon_build *b, const char *id)
{
    size_t from = 0;
    return tenon_cache_mount_exists(b->engine->store, id) || tenon_mount_offer_find(b, id, &from);
}

/* ---- sending --------------------------------------------------------------------- */

/* from: the cache that has them, or NULL: they are here. What comes from where it goes to stays
 * there. */
static int
list_packs(struct shipment *s, const struct tenon_chunk_index *x, struct tenon_cache *from,
           struct tenon_error *err)
{
    struct tenon_store *store = s->b->engine->store;
    for (uint32_t i = 0; i < x->pack_count; i++) {
        struct tenon_digest digest;
        tenon_chunk_pack_digest(&x->packs[i], &digest);
        if (tenon_blob_exists(store, digest.str, NULL)) {
            ; /* it goes from here */
        } else if (from && !s->out->leaves_none &&
                   tenon_streq(tenon_cache_place(from), s->to)) {
            s->out->leaves_some = true;
        } else if (!from) {
            return tenon_error_set(err, TENON_E_NOT_FOUND, "%s is gone", digest.str);
        } else if (tenon_mount_fetch_pack(from, s->ctx, &digest, x->packs[i].size, err) < 0) {
            return err->code;
        }
    }
    for (uint32_t i = 0; i < x->pack_count; i++) {
        struct tenon_digest digest;
        tenon_chunk_pack_digest(&x->packs[i], &digest);
        json_object_array_add(s->out->blobs,
                              descriptor(TENON_MT_CHUNK_PACK, digest.str, x->packs[i].size));
    }
    return TENON_OK;
}

static void
show(void *data, uint64_t bytes)
{
    struct shipment *s = data;
    if (bytes - s->told < STEP_BYTES)
        return;
    s->told = bytes;
    tenon_ctx_status(s->ctx, s->shown, (int64_t)bytes, 0);
}

/* The directory as it is now; those who share it may go on. */
static int
pack_directory(struct shipment *s, const char *place, struct tenon_chunk_index *x,
               struct tenon_error *err)
{
    struct tenon_store *store = s->b->engine->store;
    const struct tenon_chunk_index *bases[BASES_MAX];
    struct tenon_lock *lock = NULL;
    struct tenon_waiting waiting;
    auto_free char *name = tenon_mount_shown(s->id);
    auto_free char *what = tenon_asprintf("uses the cache mount \"%s\"", name);
    tenon_waiting_init(&waiting, s->b->engine, tenon_ctx_vertex(s->ctx), what);
    auto_close int fd =
        tenon_cache_mount_look(store, place, tenon_cancel_fd(tenon_ctx_cancel(s->ctx)),
                               &waiting.watch, &lock, err);
    if (fd < 0)
        return fd;
    for (size_t i = 0; i < s->base_count; i++)
        bases[i] = &s->bases[i];
    struct tenon_chunk_write w = { .bases = bases, .base_count = s->base_count,
                                   .progress = show, .data = s,
                                   .cancel = tenon_ctx_cancel(s->ctx) };
    const int rc = tenon_chunk_write(store, fd, &w, x, err);
    tenon_lock_release(lock);
    return rc;
}

static int
send_directory(struct shipment *s, const char *place, struct tenon_error *err)
{
    struct tenon_store *store = s->b->engine->store;
    auto_chunk_index struct tenon_chunk_index x = {0};
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_digest digest;
    find_bases(s, place);
    if (pack_directory(s, place, &x, err) < 0)
        return err->code;
    tenon_chunk_index_write(&x, &text);
    if (text.len > TENON_CHUNK_INDEX_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "its index has %zu bytes", text.len);
    auto_free char *pin = pin_name(place);
    if (tenon_blob_put(store, text.data, text.len, &digest, err) < 0 ||
        tenon_pin_set(store, pin, digest.str, err) < 0)
        return err->code;
    add_entry(s->out, s->id, digest.str, (int64_t)text.len);
    return list_packs(s, &x, NULL, err);
}

/* No step wanted it: it goes on as it came. */
static int
pass_on(struct shipment *s, const struct tenon_mount_offer *o, struct tenon_error *err)
{
    auto_chunk_index struct tenon_chunk_index x = {0};
    if (tenon_mount_offer_index(o, s->ctx, &x, err) < 0)
        return err->code;
    add_entry(s->out, s->id, o->digest.str, o->size);
    return list_packs(s, &x, o->cache, err);
}

/* What no import would take is not sent. */
static int
check_id(const struct shipment *s, struct tenon_error *err)
{
    const char *seed = strstr(s->id, SEED);
    auto_free char *id = seed ? tenon_strndup(s->id, (size_t)(seed - s->id)) : tenon_strdup(s->id);
    if (!tenon_mount_id_is_good(id) || (seed && !tenon_mount_id_is_good(seed + strlen(SEED))))
        return tenon_error_set(err, TENON_E_INVALID,
                               "its id is too long, or has control characters");
    if (s->out->entries && json_object_array_length(s->out->entries) >= TENON_MOUNTS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "there are more than %d", TENON_MOUNTS_MAX);
    return TENON_OK;
}

/* As a step of this build would find it. */
static int
send(struct shipment *s, struct tenon_error *err)
{
    struct tenon_store *store = s->b->engine->store;
    const struct tenon_mount_offer *o;
    size_t from = 0;
    s->is_nowhere = !is_anywhere(s->b, s->id);
    if (s->is_nowhere)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "there is none of this id");
    if (check_id(s, err) < 0)
        return err->code;
    if (tenon_cache_mount_exists(store, s->id))
        return send_directory(s, s->id, err);
    o = tenon_mount_offer_find(s->b, s->id, &from);
    auto_free char *place = tenon_mount_offer_place(o);
    return tenon_cache_mount_exists(store, place) ? send_directory(s, place, err)
                                                  : pass_on(s, o, err);
}

/* What was added for a mount that failed. */
static void
take_back(struct tenon_mounts *out, size_t entries, size_t blobs, bool left_some)
{
    out->leaves_some = left_some;
    if (!out->entries)
        return;
    const size_t now = json_object_array_length(out->entries);
    const size_t with = json_object_array_length(out->blobs);
    json_object_array_del_idx(out->entries, entries, now - entries);
    json_object_array_del_idx(out->blobs, blobs, with - blobs);
}

static int
export_one(struct tenon_build *b, struct tenon_ctx *ctx, const char *id, bool named,
           const char *to, struct tenon_mounts *out, struct tenon_error *err)
{
    auto_free char *name = tenon_mount_shown(id);
    auto_free char *shown = tenon_asprintf("exporting cache mount %s", name);
    struct shipment s = { .b = b, .ctx = ctx, .id = id, .shown = shown, .to = to, .out = out };
    const size_t entries = out->entries ? json_object_array_length(out->entries) : 0;
    const size_t blobs = out->blobs ? json_object_array_length(out->blobs) : 0;
    const bool left_some = out->leaves_some;
    tenon_ctx_status(ctx, shown, 0, 0);
    const int rc = send(&s, err);
    tenon_ctx_status_done(ctx, shown);
    for (size_t i = 0; i < s.base_count; i++)
        tenon_chunk_index_release(&s.bases[i]);
    if (rc >= 0 || rc == TENON_E_CANCELLED)
        return rc;
    take_back(out, entries, blobs, left_some);
    if (s.is_nowhere && !named) {
        tenon_error_release(err); /* a step of a build that has it is still to come */
        return TENON_OK;
    }
    auto_free char *what = tenon_asprintf("cache mount %s is not exported", name);
    tenon_cache_warn(b, what, err);
    return TENON_OK;
}

static void
add_once(char ***list, char *taken)
{
    bool known = false;
    for (char **p = *list; !known && p && *p; p++)
        known = tenon_streq(*p, taken);
    if (known)
        free(taken);
    else
        tenon_strv_push(list, taken);
}

/* Of each id that a user named the plain one, and those that started empty, here or where one comes
 * from, whatever build made them. */
static int
with_seeds(struct tenon_build *b, char *const *ids, char ***out, struct tenon_error *err)
{
    for (char *const *id = ids; id && *id; id++) {
        auto_strv char **here = NULL;
        auto_free char *prefix = tenon_asprintf("%s" SEED, *id);
        add_once(out, tenon_strdup(*id));
        if (tenon_cache_mount_ids(b->engine->store, prefix, &here, err) < 0)
            return err->code;
        for (char **p = here; p && *p; p++) {
            auto_free char *plain = tenon_strndup(*p, strcspn(*p, TENON_CACHE_IMPORTED));
            if (is_anywhere(b, plain)) /* and not of a cache that others named */
                add_once(out, tenon_strdup(plain));
        }
        tenon_vec_foreach(o, &b->mount_offers)
            if (tenon_has_prefix(o->id, prefix))
                add_once(out, tenon_strdup(o->id));
    }
    return TENON_OK;
}

/* Ids have a namespace before them, "NAMESPACE/ID", which mostly is empty; a user says ID. */
static bool
is_named(const char *id, const char *name)
{
    const char *slash = strchr(id, '/');
    return tenon_streq(id, name) || (slash && tenon_streq(slash + 1, name));
}

/* Those of this build that name means, else what it would be; without seeds. */
static void
resolve(char *const *known, const char *name, char ***ids)
{
    bool any = false;
    for (char *const *p = known; p && *p; p++) {
        auto_free char *id = tenon_strndup(*p, strcspn(*p, TENON_CACHE_SEEDED));
        if (!is_named(id, name))
            continue;
        add_once(ids, tenon_steal(&id));
        any = true;
    }
    if (!any)
        add_once(ids, tenon_asprintf("/%s", name));
}

/* The plain one is not missed then. */
static bool
has_seed(char *const *list, const char *id)
{
    auto_free char *prefix = tenon_asprintf("%s" SEED, id);
    bool any = false;
    for (char *const *p = list; p && *p; p++)
        any = any || tenon_has_prefix(*p, prefix);
    return any;
}

int
tenon_mounts_export(struct tenon_build *b, struct tenon_ctx *ctx, const char *which,
                    const char *to, struct tenon_mounts *out, struct tenon_error *err)
{
    auto_strv char **known = NULL, **chosen = NULL, **each = NULL;
    const bool all = tenon_streq(which, "all");
    if (!which || !*which)
        return TENON_OK;
    if (tenon_solver_mount_ids(b->solver, &known, err) < 0)
        return err->code;
    auto_free char *copy = all ? NULL : tenon_strdup(which);
    char *rest = copy;
    for (const char *name; (name = strsep(&rest, ";")) != NULL;)
        if (*name)
            resolve(known, name, &chosen);
    if (!all && with_seeds(b, chosen, &each, err) < 0)
        return err->code;
    for (char **id = all ? known : each; id && *id; id++)
        if (export_one(b, ctx, *id, !all && !has_seed(each, *id), to, out, err) < 0)
            return err->code;
    return TENON_OK;
}

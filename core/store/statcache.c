/* File digests of a context by what lstat says.
 *
 * Git's racy rule: a file changed within the same tick as it was looked at can
 * change again without a trace; what was younger than that when recorded is
 * not kept. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "store/private.h"

/* uthash is not used here: a sorted array that is searched fits a table that
 * is read whole and mostly hit in the order it was written. */
struct entry {
    char *path;
    struct tenon_stat_key key;
    unsigned char digest[TENON_DIGEST_BIN_LEN];
    bool dirty;
};

struct tenon_stat_cache {
    struct tenon_store *store;
    char *root;
    struct entry *slots; /* open addressing; cap is a power of two */
    size_t cap, used;
    size_t dirty;
    int64_t loaded_ns;
};

static const int64_t racy_ns = 2000000000; /* coarse file systems tick in seconds */

static size_t
hash_path(const char *p)
{
    uint64_t h = UINT64_C(1469598103934665603);
    for (; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 29);
}

static struct entry *
slot_for(struct tenon_stat_cache *c, const char *path)
{
    size_t i = hash_path(path) & (c->cap - 1);
    while (c->slots[i].path && strcmp(c->slots[i].path, path))
        i = (i + 1) & (c->cap - 1);
    return &c->slots[i];
}

static struct entry *
entry_add(struct tenon_stat_cache *c, const char *path)
{
    if (c->used * 2 >= c->cap) {
        struct entry *old = c->slots;
        size_t n = c->cap;
        c->cap = n ? n * 2 : 1024;
        c->slots = tenon_calloc(c->cap, sizeof *c->slots);
        for (size_t i = 0; i < n; i++)
            if (old[i].path)
                *slot_for(c, old[i].path) = old[i];
        free(old);
    }
    struct entry *e = slot_for(c, path);
    if (!e->path) {
        e->path = tenon_strdup(path);
        c->used++;
    }
    return e;
}

static void
to_text(const unsigned char *bin, struct tenon_digest *out)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out->str, "sha256:", 7);
    for (size_t i = 0; i < TENON_DIGEST_BIN_LEN; i++) {
        out->str[7 + 2 * i] = hex[bin[i] >> 4];
        out->str[8 + 2 * i] = hex[bin[i] & 15];
    }
    out->str[TENON_DIGEST_STR_LEN] = '\0';
}

static unsigned
hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void
to_bin(const struct tenon_digest *d, unsigned char *bin)
{
    for (size_t i = 0; i < TENON_DIGEST_BIN_LEN; i++)
        bin[i] = (unsigned char)(hex_value(d->str[7 + 2 * i]) << 4 | hex_value(d->str[8 + 2 * i]));
}

int
tenon_stat_cache_load(struct tenon_store *s, const char *root_path, struct tenon_stat_cache **out,
                      struct tenon_error *err)
{
    struct tenon_stat_cache *c = tenon_new0(struct tenon_stat_cache);
    c->store = s;
    c->root = tenon_strdup(root_path);
    c->loaded_ns = (int64_t)tenon_now_ns();
    c->cap = 1024;
    c->slots = tenon_calloc(c->cap, sizeof *c->slots);
    struct db_query q;
    if (db_begin(s, &q, "SELECT path, dev, ino, size, mtime, ctime, digest FROM stat WHERE root = ?1", err) < 0) {
        tenon_stat_cache_save(c);
        return err->code;
    }
    db_text(&q, 1, root_path);
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        const void *digest = sqlite3_column_blob(q.stmt, 6);
        if (!digest || sqlite3_column_bytes(q.stmt, 6) != TENON_DIGEST_BIN_LEN)
            continue;
        struct entry *e = entry_add(c, db_get_text(&q, 0));
        e->key = (struct tenon_stat_key){
            (uint64_t)db_get_int(&q, 1), (uint64_t)db_get_int(&q, 2), (uint64_t)db_get_int(&q, 3),
            db_get_int(&q, 4), db_get_int(&q, 5) };
        memcpy(e->digest, digest, sizeof e->digest);
    }
    db_end(&q);
    if (rc < 0) {
        tenon_stat_cache_save(c);
        return rc;
    }
    *out = c;
    return 0;
}

bool
tenon_stat_cache_get(struct tenon_stat_cache *c, const char *path,
                     const struct tenon_stat_key *key, struct tenon_digest *out)
{
    struct entry *e = slot_for(c, path);
    if (!e->path || memcmp(&e->key, key, sizeof *key))
        return false;
    to_text(e->digest, out);
    return true;
}

void
tenon_stat_cache_put(struct tenon_stat_cache *c, const char *path, const struct tenon_stat_key *key,
                     const struct tenon_digest *digest)
{
    int64_t newest = key->mtime_ns > key->ctime_ns ? key->mtime_ns : key->ctime_ns;
    if (newest + racy_ns > c->loaded_ns)
        return; /* may change again unseen */
    struct entry *e = entry_add(c, path);
    e->key = *key;
    to_bin(digest, e->digest);
    if (!e->dirty)
        c->dirty++;
    e->dirty = true;
}

static int
write_back(struct tenon_stat_cache *c, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(c->store, &q, "INSERT OR REPLACE INTO stat (root, path, dev, ino, size, mtime, ctime, digest)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", err) < 0)
        return err->code;
    int rc = 0;
    db_text(&q, 1, c->root);
    for (size_t i = 0; rc == 0 && i < c->cap; i++) {
        struct entry *e = &c->slots[i];
        if (!e->path || !e->dirty)
            continue;
        sqlite3_reset(q.stmt);
        sqlite3_bind_text(q.stmt, 2, e->path, -1, SQLITE_STATIC);
        db_int(&q, 3, (int64_t)e->key.dev);
        db_int(&q, 4, (int64_t)e->key.ino);
        db_int(&q, 5, (int64_t)e->key.size);
        db_int(&q, 6, e->key.mtime_ns);
        db_int(&q, 7, e->key.ctime_ns);
        sqlite3_bind_blob(q.stmt, 8, e->digest, sizeof e->digest, SQLITE_STATIC);
        rc = db_step(&q, err);
    }
    db_end(&q);
    return rc;
}

void
tenon_stat_cache_save(struct tenon_stat_cache *c)
{
    if (!c)
        return;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* it is only a cache */
    if (c->dirty && db_transaction(c->store, &ignored) == 0) {
        if (write_back(c, &ignored) < 0)
            db_rollback(c->store);
        else
            db_commit(c->store, &ignored);
    }
    for (size_t i = 0; i < c->cap; i++)
        free(c->slots[i].path);
    free(c->slots);
    free(c->root);
    free(c);
}

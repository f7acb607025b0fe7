/* store/statcache.c - file digests of a context by what lstat says.
 *
 * Git's racy rule: a file changed within the same tick as it was looked at can
 * change again without a trace; what was younger than that when recorded is
 * not kept. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/private.h"

/* A file is found by a hash of its path: numbers are compared faster than names. Not
 * by its inode: some file systems invent inode numbers whenever a file is looked up, and
 * each file that is written anew would be one more line. */
struct entry {
    struct tenon_stat_key key;
    unsigned char digest[TENON_DIGEST_BIN_LEN];
    bool dirty;
};

/* The entries in the order in which they came; an open-addressed table of their
 * numbers plus one, which is small enough to stay near the processor. */
struct tenon_stat_cache {
    struct tenon_store *store;
    int64_t root; /* its row */
    TENON_VEC(struct entry) entries;
    uint32_t *slots;
    unsigned bits; /* the table has 1 << bits places */
    size_t dirty;
    int64_t loaded_ns;
    bool steady;
};

enum { FIRST_BITS = 10, MAX_BITS = 30 };
static const int64_t racy_ns = 2000000000; /* coarse file systems tick in seconds */

static uint32_t *
slot_for(struct tenon_stat_cache *c, uint64_t path)
{
    const size_t mask = ((size_t)1 << c->bits) - 1;
    size_t i = (size_t)((path * UINT64_C(11400714819323198485)) >> (64 - c->bits));
    for (; c->slots[i]; i = (i + 1) & mask)
        if (c->entries.items[c->slots[i] - 1].key.path == path)
            break;
    return &c->slots[i];
}

static void
make_table(struct tenon_stat_cache *c, unsigned bits)
{
    free(c->slots);
    c->bits = bits;
    c->slots = tenon_calloc((size_t)1 << bits, sizeof *c->slots);
    for (size_t i = 0; i < c->entries.len; i++) {
        *slot_for(c, c->entries.items[i].key.path) = (uint32_t)i + 1;
    }
}

/* NULL when the table is as large as it may be. */
static struct entry *
entry_add(struct tenon_stat_cache *c, const struct tenon_stat_key *key)
{
    if (c->entries.len * 2 >= (size_t)1 << c->bits) {
        if (c->bits == MAX_BITS)
            return NULL;
        make_table(c, c->bits + 1);
    }
    uint32_t *slot = slot_for(c, key->path);
    if (!*slot) {
        tenon_vec_push(&c->entries, (struct entry){0});
        *slot = (uint32_t)c->entries.len;
    }
    struct entry *e = &c->entries.items[*slot - 1];
    e->key = *key;
    return e;
}

/* The row of a root, made when it is new; -1 when that fails. */
static int64_t
root_row(struct tenon_store *s, const char *path, struct tenon_error *err)
{
    struct db_query q;
    int64_t id = -1;
    if (db_begin(s, &q, "SELECT id FROM stat_root WHERE path = ?1", err) < 0)
        return -1;
    db_text(&q, 1, path);
    int rc = db_step(&q, err);
    if (rc == 1)
        id = db_get_int(&q, 0);
    db_end(&q);
    if (rc != 0)
        return id;
    if (db_begin(s, &q, "INSERT INTO stat_root (path) VALUES (?1) ON CONFLICT (path)"
                 " DO UPDATE SET path = ?1 RETURNING id", err) < 0)
        return -1;
    db_text(&q, 1, path);
    if (db_step(&q, err) == 1)
        id = db_get_int(&q, 0);
    db_end(&q);
    return id;
}

int
tenon_stat_cache_load(struct tenon_store *s, const char *root_path, struct tenon_stat_cache **out,
                      struct tenon_error *err)
{
    struct db_query q;
    int64_t root = root_row(s, root_path, err);
    if (root < 0 || db_begin(s, &q, "SELECT path, dev, ino, size, mtime, ctime, digest FROM stat"
                             " WHERE root = ?1", err) < 0)
        return err->code;
    struct tenon_stat_cache *c = tenon_new0(struct tenon_stat_cache);
    c->store = s;
    c->root = root;
    c->loaded_ns = (int64_t)tenon_now_ns();
    make_table(c, FIRST_BITS);
    db_int(&q, 1, root);
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        const void *digest = sqlite3_column_blob(q.stmt, 6);
        if (!digest || sqlite3_column_bytes(q.stmt, 6) != TENON_DIGEST_BIN_LEN)
            continue;
        const struct tenon_stat_key key = {
            (uint64_t)db_get_int(&q, 0), (uint64_t)db_get_int(&q, 1), (uint64_t)db_get_int(&q, 2),
            (uint64_t)db_get_int(&q, 3), db_get_int(&q, 4), db_get_int(&q, 5) };
        struct entry *e = entry_add(c, &key);
        if (!e)
            break;
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

/* FNV-1a.  Two paths with one hash only push each other out: the rest of the key
 * tells them apart. */
uint64_t
tenon_stat_path(const char *path)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *path; path++)
        h = (h ^ (unsigned char)*path) * UINT64_C(1099511628211);
    return h;
}

bool
tenon_stat_cache_get(struct tenon_stat_cache *c, const struct tenon_stat_key *key,
                     struct tenon_digest *out)
{
    const uint32_t *slot = slot_for(c, key->path);
    const struct entry *e = *slot ? &c->entries.items[*slot - 1] : NULL;
    if (!e || memcmp(&e->key, key, sizeof *key))
        return false;
    tenon_digest_of_bytes(e->digest, out);
    return true;
}

void
tenon_stat_cache_put(struct tenon_stat_cache *c, const struct tenon_stat_key *key,
                     const struct tenon_digest *digest)
{
    int64_t newest = key->mtime_ns > key->ctime_ns ? key->mtime_ns : key->ctime_ns;
    if (!c->steady && newest + racy_ns > c->loaded_ns)
        return; /* may change again unseen */
    struct entry *e = entry_add(c, key);
    if (!e)
        return;
    tenon_digest_bytes(digest, e->digest);
    if (!e->dirty)
        c->dirty++;
    e->dirty = true;
}

void
tenon_stat_cache_steady(struct tenon_stat_cache *c)
{
    c->steady = true;
}

static int
write_back(struct tenon_stat_cache *c, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(c->store, &q,
                 "INSERT OR REPLACE INTO stat (root, path, dev, ino, size, mtime, ctime, digest)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                 err) < 0)
        return err->code;
    int rc = 0;
    db_int(&q, 1, c->root);
    for (size_t i = 0; rc == 0 && i < c->entries.len; i++) {
        const struct entry *e = &c->entries.items[i];
        if (!e->dirty)
            continue;
        sqlite3_reset(q.stmt);
        db_int(&q, 2, (int64_t)e->key.path);
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

/* It may have been trimmed; its number comes to no other root. */
static bool
has_root(struct tenon_stat_cache *c, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(c->store, &q, "SELECT id FROM stat_root WHERE id = ?1", err) < 0)
        return false;
    db_int(&q, 1, c->root);
    const bool has = db_step(&q, err) == 1;
    db_end(&q);
    return has;
}

void
tenon_stat_cache_save(struct tenon_stat_cache *c)
{
    if (!c)
        return;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* it is only a cache */
    if (c->dirty && db_transaction(c->store, &ignored) == 0) {
        if (!has_root(c, &ignored) || write_back(c, &ignored) < 0)
            db_rollback(c->store);
        else
            db_commit(c->store, &ignored);
    }
    tenon_vec_release(&c->entries);
    free(c->slots);
    free(c);
}

struct old_roots {
    TENON_VEC(int64_t) list;
};

/* The newest, and with it the greatest number, always stays: none is given twice. */
static int
find_old_roots(struct tenon_store *s, const char *prefix, size_t newest, struct old_roots *out,
               struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(s, &q, "SELECT id FROM stat_root WHERE substr(path, 1, length(?1)) = ?1"
                 " ORDER BY id DESC LIMIT -1 OFFSET ?2", err) < 0)
        return err->code;
    db_text(&q, 1, prefix);
    db_int(&q, 2, newest ? (int64_t)newest : 1);
    while ((rc = db_step(&q, err)) == 1)
        tenon_vec_push(&out->list, db_get_int(&q, 0));
    db_end(&q);
    return rc;
}

static int
drop_root(struct tenon_store *s, int64_t root, struct tenon_error *err)
{
    if (db_transaction(s, err) < 0)
        return err->code;
    if (db_run(s, err, "DELETE FROM stat WHERE root = ?1", "i", root) == 0 &&
        db_run(s, err, "DELETE FROM stat_root WHERE id = ?1", "i", root) == 0)
        return db_commit(s, err);
    db_rollback(s);
    return err->code;
}

int
tenon_stat_cache_trim(struct tenon_store *s, const char *prefix, size_t newest,
                      struct tenon_error *err)
{
    struct old_roots old = {0};
    int rc = find_old_roots(s, prefix, newest, &old, err);
    for (size_t i = 0; rc == 0 && i < old.list.len; i++)
        rc = drop_root(s, old.list.items[i], err);
    tenon_vec_release(&old.list);
    return rc;
}

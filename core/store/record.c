/* store/record.c - cache records: keys lead to a record, a record to snapshots. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "store/private.h"

void
tenon_record_release(struct tenon_record *r)
{
    for (uint32_t i = 0; i < r->output_count; i++)
        tenon_chain_release(&r->outputs[i]);
    free(r->outputs);
    free(r->extra);
    *r = (struct tenon_record){0};
}

/* "1,2,3;;4": chains of snapshot numbers; "-": no outputs. */
static char *
outputs_text(const struct tenon_record *r)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    if (!r->output_count)
        return tenon_strdup("-");
    for (uint32_t i = 0; i < r->output_count; i++) {
        if (i)
            tenon_buf_addc(&b, ';');
        for (size_t n = 0; n < r->outputs[i].len; n++)
            tenon_buf_addf(&b, "%s%lld", n ? "," : "", (long long)r->outputs[i].ids[n]);
    }
    return b.data ? tenon_buf_steal(&b) : tenon_strdup("");
}

bool
store_parse_outputs(const char *text, struct tenon_record *r)
{
    TENON_VEC(struct tenon_chain) list = {0};
    if (!strcmp(text, "-"))
        return true;
    auto_free char *copy = tenon_strdup(text);
    char *rest = copy;
    bool good = true;
    for (char *one = strsep(&rest, ";"); one; one = strsep(&rest, ";")) {
        struct tenon_chain *c = tenon_vec_add(&list);
        for (char *id = strsep(&one, ","); id && *id; id = strsep(&one, ",")) {
            uint64_t n;
            good = good && tenon_parse_u64(id, 10, &n);
            if (good)
                tenon_chain_append(c, (int64_t)n);
        }
    }
    r->outputs = list.items;
    r->output_count = (uint32_t)list.len;
    return good;
}

/* The snapshots of a record are marked in the same transaction: a collector
 * deletes by the mark in a transaction of its own, before it touches files. */
static int
touch_snapshots(struct tenon_store *s, const char *id, int64_t now, struct tenon_error *err)
{
    return db_run(s, err, "UPDATE snapshot SET used = ?2, uses = uses + 1 WHERE id IN"
                  " (SELECT snapshot FROM record_snapshot WHERE record = ?1)", "ti", id, now);
}

#define HAS_SNAPSHOTS(record) \
    "NOT EXISTS (SELECT 1 FROM record_snapshot WHERE record = " record \
    " AND snapshot NOT IN (SELECT id FROM snapshot))"

int
tenon_record_find(struct tenon_store *s, const char *key, struct tenon_record *out,
                  struct tenon_error *err)
{
    struct tenon_record r = {0};
    struct db_query q;
    int64_t now = (int64_t)tenon_now_ns();
    int found = 0;
    /* Most look-ups of a first build miss: ask before taking the write lock. */
    if (db_begin(s, &q, "SELECT 1 FROM key WHERE key = ?1", err) < 0)
        return err->code;
    db_text(&q, 1, key);
    found = db_step(&q, err);
    db_end(&q);
    if (found <= 0)
        return found;
    if (db_transaction(s, err) < 0)
        return err->code;
    if (db_begin(s, &q, "SELECT r.id, r.outputs, r.created, r.extra FROM key k JOIN record r"
                 " ON r.id = k.record WHERE k.key = ?1 AND " HAS_SNAPSHOTS("r.id"), err) < 0) {
        db_rollback(s);
        return err->code;
    }
    db_text(&q, 1, key);
    found = db_step(&q, err);
    if (found == 1) {
        if (!tenon_digest_parse(db_get_text(&q, 0), &r.id) ||
            !store_parse_outputs(db_get_text(&q, 1), &r))
            found = tenon_error_set(err, TENON_E_CORRUPT, "store: record %s cannot be read",
                                    db_get_text(&q, 0));
        else {
            r.created_ns = db_get_int(&q, 2);
            r.extra = tenon_strdup(db_get_text(&q, 3));
        }
    }
    db_end(&q);
    if (found == 1 &&
        (db_run(s, err, "UPDATE record SET used = ?2 WHERE id = ?1", "ti", r.id.str, now) < 0 ||
         touch_snapshots(s, r.id.str, now, err) < 0))
        found = err->code;
    if (found < 0) {
        db_rollback(s);
        tenon_record_release(&r);
        return found;
    }
    if (db_commit(s, err) < 0) {
        tenon_record_release(&r);
        return err->code;
    }
    *out = r;
    return found;
}

static int
insert_record(struct tenon_store *s, const struct tenon_record *r, const char *scope,
              const char *description, struct tenon_error *err)
{
    auto_free char *outputs = outputs_text(r);
    int64_t now = (int64_t)tenon_now_ns();
    if (db_run(
            s, err,
            "INSERT INTO record (id, outputs, created, used, extra, scope, description)"
            " VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6) ON CONFLICT(id) DO UPDATE SET"
            " outputs = excluded.outputs, created = excluded.created, used = excluded.used,"
            " extra = excluded.extra, scope = excluded.scope, description = excluded.description",
            "ttittw", r->id.str, outputs, now, r->extra, scope, description) < 0 ||
        db_run(s, err, "DELETE FROM record_snapshot WHERE record = ?1", "t", r->id.str) < 0)
        return err->code;
    for (uint32_t i = 0; i < r->output_count; i++)
        for (size_t n = 0; n < r->outputs[i].len; n++)
            if (db_run(s, err, "INSERT OR IGNORE INTO record_snapshot (record, snapshot)"
                       " VALUES (?1, ?2)", "ti", r->id.str, r->outputs[i].ids[n]) < 0)
                return err->code;
    return touch_snapshots(s, r->id.str, now, err);
}

static int
insert_parts(struct tenon_store *s, const char *id, const struct tenon_key_part *parts,
             size_t count, struct tenon_error *err)
{
    if (db_run(s, err, "DELETE FROM part WHERE record = ?1", "t", id) < 0)
        return err->code;
    for (size_t i = 0; i < count; i++)
        if (db_run(s, err, "INSERT INTO part (record, n, label, value) VALUES (?1, ?2, ?3, ?4)",
                   "titw", id, (int64_t)i, parts[i].label, parts[i].value) < 0)
            return err->code;
    return 0;
}

static int
link_key(struct tenon_store *s, const char *key, const char *id, struct tenon_error *err)
{
    return db_run(s, err, "INSERT INTO key (key, record) VALUES (?1, ?2)"
                  " ON CONFLICT(key) DO UPDATE SET record = excluded.record", "tt", key, id);
}

/* 0: a check of the store has forgotten one meanwhile, which was damaged. */
static int
has_snapshots(struct tenon_store *s, const char *id, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT 1 WHERE " HAS_SNAPSHOTS("?1"), err) < 0)
        return err->code;
    db_text(&q, 1, id);
    int rc = db_step(&q, err);
    db_end(&q);
    return rc;
}

int
tenon_record_store(struct tenon_store *s, const char *const *keys, size_t key_count,
                   const struct tenon_record *r, const char *scope, const char *description,
                   const struct tenon_key_part *parts, size_t part_count, struct tenon_error *err)
{
    if (db_transaction(s, err) < 0)
        return err->code;
    int rc = insert_record(s, r, scope, description, err);
    if (rc == 0 && (rc = has_snapshots(s, r->id.str, err)) == 0) {
        db_rollback(s);
        return 0; /* it is made again when it is wanted again */
    }
    rc = rc < 0 ? rc : 0;
    for (size_t i = 0; rc == 0 && i < key_count; i++)
        rc = link_key(s, keys[i], r->id.str, err);
    if (rc == 0)
        rc = insert_parts(s, r->id.str, parts, part_count, err);
    if (rc < 0) {
        db_rollback(s);
        return rc;
    }
    return db_commit(s, err);
}

int
tenon_record_link(struct tenon_store *s, const char *key, const char *id, struct tenon_error *err)
{
    struct db_query q;
    if (db_transaction(s, err) < 0)
        return err->code;
    int rc = db_begin(s, &q, "SELECT 1 FROM record WHERE id = ?1", err);
    if (rc == 0) {
        db_text(&q, 1, id);
        rc = db_step(&q, err);
        db_end(&q);
        if (rc == 0)
            rc = tenon_error_set(err, TENON_E_NOT_FOUND, "store: record %s: not there", id);
    }
    if (rc < 0 || link_key(s, key, id, err) < 0) {
        db_rollback(s);
        return err->code;
    }
    return db_commit(s, err);
}

int
tenon_record_keys(struct tenon_store *s, const char *id, char ***out, struct tenon_error *err)
{
    struct db_query q;
    char **list = NULL;
    int rc;
    if (db_begin(s, &q, "SELECT key FROM key WHERE record = ?1 ORDER BY key", err) < 0)
        return err->code;
    db_text(&q, 1, id);
    while ((rc = db_step(&q, err)) == 1)
        tenon_strv_push(&list, tenon_strdup(db_get_text(&q, 0)));
    db_end(&q);
    if (rc < 0)
        tenon_strv_free(list);
    else
        *out = list;
    return rc;
}

int
tenon_record_parts(struct tenon_store *s, const char *id, tenon_key_part_visit *visit, void *data,
                   struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(s, &q, "SELECT label, value FROM part WHERE record = ?1 ORDER BY n", err) < 0)
        return err->code;
    db_text(&q, 1, id);
    while ((rc = db_step(&q, err)) == 1)
        visit(data, db_get_text(&q, 0), db_get_text(&q, 1));
    db_end(&q);
    return rc;
}

int
tenon_record_last_parts(struct tenon_store *s, const char *scope, char *id_out,
                        tenon_key_part_visit *visit, void *data, struct tenon_error *err)
{
    struct db_query q;
    struct tenon_digest id = {0};
    if (db_begin(s, &q, "SELECT id FROM record WHERE scope = ?1 ORDER BY created DESC LIMIT 1",
                 err) < 0)
        return err->code;
    db_text(&q, 1, scope);
    int rc = db_step(&q, err);
    if (rc == 1)
        tenon_digest_parse(db_get_text(&q, 0), &id);
    db_end(&q);
    if (rc <= 0)
        return rc;
    if (id_out)
        strcpy(id_out, id.str);
    rc = tenon_record_parts(s, id.str, visit, data, err);
    return rc < 0 ? rc : 1;
}

/* ---- small tables ----------------------------------------------------------------- */

static char *
get_value(struct tenon_store *s, const char *sql, const char *key)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct db_query q;
    char *value = NULL;
    if (db_begin(s, &q, sql, &ignored) < 0)
        return NULL;
    db_text(&q, 1, key);
    if (db_step(&q, &ignored) == 1)
        value = tenon_strdup(db_get_text(&q, 0));
    db_end(&q);
    return value;
}

bool
tenon_content_digest_get(struct tenon_store *s, const char *key, struct tenon_digest *out)
{
    auto_free char *text = get_value(s, "SELECT digest FROM content WHERE key = ?1", key);
    return text && tenon_digest_parse(text, out);
}

void
tenon_content_digest_put(struct tenon_store *s, const char *key, const struct tenon_digest *d)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* a cache of a cache */
    db_run(s, &ignored, "INSERT OR REPLACE INTO content (key, digest, used) VALUES (?1, ?2, ?3)",
           "tti", key, d->str, (int64_t)tenon_now_ns());
}

int
tenon_pin_set(struct tenon_store *s, const char *name, const char *value, struct tenon_error *err)
{
    return db_run(s, err, "INSERT OR REPLACE INTO pin (name, value, used) VALUES (?1, ?2, ?3)",
                  "tti", name, value, (int64_t)tenon_now_ns());
}

char *
tenon_pin_get(struct tenon_store *s, const char *name)
{
    return get_value(s, "SELECT value FROM pin WHERE name = ?1", name);
}

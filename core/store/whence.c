/* store/whence.c - what came by imported caches: records, and the snapshots and blobs that nothing
 * which was made here needs. */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/json.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "store/private.h"

#define EXTRA_MAX 65536

/* A member of a record's extra, for the caller to free; NULL: it has none. */
static char *
member(const char *extra, const char *name)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    const char *text = NULL;
    if (!extra || tenon_json_parse(extra, strlen(extra), EXTRA_MAX, &o, &ignored) < 0 ||
        tenon_json_get_str(o, name, NULL, &text, &ignored) < 0)
        return NULL;
    return tenon_strdup(text);
}

bool
store_is_origin(const char *wanted, const char *origin)
{
    return origin && (tenon_streq(wanted, "import") || tenon_streq(wanted, origin));
}

/* ---- records ------------------------------------------------------------------------ */

/* Names have "imported from ORIGIN: " before them, which is said by origin. */
static char *
plain_name(const char *description, const char *origin)
{
    auto_free char *prefix = origin ? tenon_asprintf("imported from %s: ", origin) : NULL;
    size_t skip = prefix && description && tenon_has_prefix(description, prefix)
                      ? strlen(prefix) : 0;
    return description ? tenon_strdup(description + skip) : NULL;
}

int
tenon_whence_list(struct tenon_store *s, struct tenon_whence **rows, size_t *count,
                  struct tenon_error *err)
{
    TENON_VEC(struct tenon_whence) list = {0};
    struct db_query q;
    int rc;
    if (db_begin(s, &q, "SELECT id, description, scope, extra, outputs, created, used FROM record"
                 " ORDER BY used DESC, id", err) < 0)
        return err->code;
    while ((rc = db_step(&q, err)) == 1) {
        struct tenon_whence *w = tenon_vec_add(&list);
        w->id = tenon_strdup(db_get_text(&q, 0));
        w->place = tenon_strdup(db_get_text(&q, 2));
        w->origin = member(db_get_text(&q, 3), TENON_RECORD_IMPORTED);
        w->name = plain_name(db_get_text(&q, 1), w->origin);
        if (!w->origin) {
            w->origin = member(db_get_text(&q, 3), TENON_RECORD_TRUSTED);
            w->is_trusted = w->origin != NULL;
        }
        w->has_result = !tenon_streq(db_get_text(&q, 4), "-");
        w->created_ns = db_get_int(&q, 5);
        w->used_ns = db_get_int(&q, 6);
    }
    db_end(&q);
    if (rc < 0) {
        tenon_whence_free(list.items, list.len);
        return rc;
    }
    *rows = list.items;
    *count = list.len;
    return 0;
}

void
tenon_whence_free(struct tenon_whence *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rows[i].id);
        free(rows[i].name);
        free(rows[i].place);
        free(rows[i].origin);
    }
    free(rows);
}

int
store_delete_imported(struct tenon_store *s, const char *wanted, int64_t before,
                      struct tenon_error *err)
{
    char **ids = NULL;
    struct db_query q;
    int rc;
    if (db_begin(s, &q, "SELECT id, extra FROM record WHERE extra IS NOT NULL AND used < ?1",
                 err) < 0)
        return err->code;
    db_int(&q, 1, before);
    while ((rc = db_step(&q, err)) == 1) {
        auto_free char *origin = member(db_get_text(&q, 1), TENON_RECORD_IMPORTED);
        if (store_is_origin(wanted, origin))
            tenon_strv_push(&ids, tenon_strdup(db_get_text(&q, 0)));
    }
    db_end(&q);
    for (char **id = ids; rc == 0 && id && *id; id++)
        rc = db_run(s, err, "DELETE FROM record WHERE id = ?1", "t", *id);
    tenon_strv_free(ids);
    return rc;
}

/* ---- what they lead to ---------------------------------------------------------------- */

struct origin { /* of a row of the usage, by its id */
    char *id;
    char *name; /* NULL: something that was made here needs it */
    UT_hash_handle hh;
};

/* One more that needs it: another cache, or (NULL) what was made here, which decides. */
static void
note(struct origin **all, const char *id, const char *name)
{
    struct origin *o;
    HASH_FIND_STR(*all, id, o);
    if (!o) {
        o = tenon_new0(struct origin);
        o->id = tenon_strdup(id);
        o->name = tenon_strdup(name);
        HASH_ADD_KEYPTR(hh, *all, o->id, strlen(o->id), o);
    } else if (!name) {
        free(tenon_steal(&o->name));
    }
}

static int
note_snapshots(struct tenon_store *s, struct origin **all, struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(s, &q, "SELECT rs.snapshot, r.extra FROM record_snapshot rs"
                 " JOIN record r ON r.id = rs.record ORDER BY rs.snapshot, r.extra", err) < 0)
        return err->code;
    while ((rc = db_step(&q, err)) == 1) {
        auto_free char *id = tenon_asprintf("snapshot:%lld", (long long)db_get_int(&q, 0));
        auto_free char *name = member(db_get_text(&q, 1), TENON_RECORD_IMPORTED);
        note(all, id, name);
    }
    db_end(&q);
    return rc;
}

static int
note_blobs(struct tenon_store *s, struct origin **all, struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(s, &q, "SELECT snapshot, digest FROM snapshot_blob ORDER BY digest, snapshot",
                 err) < 0)
        return err->code;
    while ((rc = db_step(&q, err)) == 1) {
        struct origin *from;
        auto_free char *snapshot = tenon_asprintf("snapshot:%lld", (long long)db_get_int(&q, 0));
        auto_free char *id = tenon_asprintf("blob:%s", db_get_text(&q, 1));
        HASH_FIND_STR(*all, snapshot, from);
        note(all, id, from ? from->name : NULL);
    }
    db_end(&q);
    return rc;
}

int
store_find_origins(struct tenon_store *s, struct tenon_usage_row *rows, size_t count,
                   struct tenon_error *err)
{
    struct origin *all = NULL, *o, *next;
    int rc = note_snapshots(s, &all, err);
    if (rc == 0)
        rc = note_blobs(s, &all, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (rows[i].origin)
            continue; /* a cache mount's id has it */
        HASH_FIND_STR(all, rows[i].id, o);
        rows[i].origin = o ? tenon_strdup(o->name) : NULL;
    }
    HASH_ITER(hh, all, o, next) {
        HASH_DEL(all, o);
        free(o->id);
        free(o->name);
        free(o);
    }
    return rc;
}

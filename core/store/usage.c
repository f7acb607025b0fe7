/* store/usage.c - what the store holds, how large it is, what still needs it. */
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "store/lease.h"
#include "store/named.h"

static const char *const snapshot_types[] = {
    [TENON_SNAPSHOT_REGULAR] = "regular", [TENON_SNAPSHOT_LOCAL] = "source.local",
    [TENON_SNAPSHOT_GIT] = "source.git.checkout", [TENON_SNAPSHOT_INTERNAL] = "internal",
    [TENON_SNAPSHOT_FRONTEND] = "frontend", [TENON_SNAPSHOT_FAILED] = "failed-step",
};

struct rows {
    TENON_VEC(struct tenon_usage_row) list;
};

static int
list_snapshots(struct tenon_store *s, struct rows *out, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT id, type, description, created, used, uses, size, chain_id,"
                 " (SELECT count(*) FROM record_snapshot r WHERE r.snapshot = snapshot.id)"
                 " FROM snapshot ORDER BY id", err) < 0)
        return err->code;
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        struct tenon_usage_row *r = tenon_vec_add(&out->list);
        int64_t type = db_get_int(&q, 1);
        r->id = tenon_asprintf("snapshot:%lld", (long long)db_get_int(&q, 0));
        r->type = tenon_strdup(type >= 0 && type < (int64_t)tenon_countof(snapshot_types)
                                   ? snapshot_types[type] : "regular");
        r->description = tenon_strdup(db_get_text(&q, 2) ? db_get_text(&q, 2) : "");
        r->created_ns = db_get_int(&q, 3);
        r->last_used_ns = db_get_int(&q, 4);
        r->use_count = db_get_int(&q, 5);
        r->size_bytes = db_get_int(&q, 6);
        r->shared = db_get_text(&q, 7) != NULL || db_get_int(&q, 8) > 1;
    }
    db_end(&q);
    return rc;
}

static int
list_blobs(struct tenon_store *s, struct rows *out, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT digest, size, created, used FROM blob ORDER BY digest", err) < 0)
        return err->code;
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        struct tenon_usage_row *r = tenon_vec_add(&out->list);
        r->id = tenon_asprintf("blob:%s", db_get_text(&q, 0));
        r->type = tenon_strdup("regular");
        r->description = tenon_strdup("blob");
        r->size_bytes = (db_get_int(&q, 1) + 4095) / 4096 * 4096;
        r->created_ns = db_get_int(&q, 2);
        r->last_used_ns = db_get_int(&q, 3);
    }
    db_end(&q);
    return rc;
}

static int
list_caches(struct tenon_store *s, struct rows *out, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT n, id, created, used, size FROM cache ORDER BY n", err) < 0)
        return err->code;
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        struct tenon_usage_row *r = tenon_vec_add(&out->list);
        r->id = tenon_asprintf("cache:%lld", (long long)db_get_int(&q, 0));
        const char *id = db_get_text(&q, 1);
        bool kept = tenon_has_prefix(id, TENON_CACHE_KEPT);
        const bool local = tenon_has_prefix(id, TENON_CACHE_LOCAL);
        const char *name = local ? strchr(id + strlen(TENON_CACHE_LOCAL), ' ') : NULL;
        r->type = tenon_strdup(local ? "source.local" : kept ? "regular" : "exec.cachemount");
        r->description = name   ? tenon_asprintf("local source for%s", name)
                         : kept ? tenon_strdup(id + strlen(TENON_CACHE_KEPT))
                              : tenon_asprintf("cached mount %.*s",
                                               (int)strcspn(id, TENON_CACHE_SEEDED
                                                                TENON_CACHE_IMPORTED), id);
        const char *imported = strstr(id, TENON_CACHE_IMPORTED);
        if (imported && !kept)
            r->origin = tenon_strdup(imported + strlen(TENON_CACHE_IMPORTED));
        r->created_ns = db_get_int(&q, 2);
        r->last_used_ns = db_get_int(&q, 3);
        r->size_bytes = -1; /* it changes with each step that uses it */
        r->is_mutable = true;
    }
    db_end(&q);
    return rc;
}

/* What steps printed has no row: its directories and their times are all there is. */
static int
list_logs(struct tenon_store *s, struct rows *out, struct tenon_error *err)
{
    char **names = NULL;
    int rc = store_log_builds(s, &names, err);
    if (names)
        qsort(names, tenon_strv_len(names), sizeof *names, tenon_by_text);
    for (char **n = names; rc == 0 && n && *n; n++) {
        struct tenon_usage_row *r = tenon_vec_add(&out->list);
        r->id = tenon_asprintf("log:%s", *n);
        r->type = tenon_strdup("log");
        r->description = tenon_asprintf("output of build %s", *n);
        store_log_measure(s, *n, &r->created_ns, &r->last_used_ns, &r->size_bytes);
    }
    tenon_strv_free(names);
    return rc;
}

/* They go by their own rules, and by `history rm`: prune leaves them. */
static int
list_history(struct tenon_store *s, struct rows *out, struct tenon_error *err)
{
    char **names = NULL;
    int rc = tenon_history_list(s, &names, err);
    for (char **n = names; rc == 0 && n && *n; n++) {
        struct tenon_usage_row *r = tenon_vec_add(&out->list);
        r->id = tenon_asprintf("history:%s", *n);
        r->type = tenon_strdup("history");
        r->description = tenon_asprintf("record of build %s", *n);
        store_history_measure(s, *n, &r->created_ns, &r->size_bytes);
        r->last_used_ns = r->created_ns;
        r->is_named = true;
    }
    tenon_strv_free(names);
    return rc;
}

/* ---- what snapshots are laid on ------------------------------------------ */

static int
by_number(const void *a, const void *b)
{
    const int64_t *id = a;
    const struct tenon_usage_row *r = b;
    uint64_t n = 0;

    tenon_parse_u64(r->id + strlen("snapshot:"), 10, &n);
    return *id < (int64_t)n ? -1 : *id > (int64_t)n;
}

static void
add_parent(struct tenon_usage_row *r, int64_t below)
{
    auto_free char *name = tenon_asprintf("snapshot:%lld", (long long)below);
    auto_free char *all = tenon_asprintf(";%s;", r->parents ? r->parents : "");
    auto_free char *wanted = tenon_asprintf(";%s;", name);

    if (strstr(all, wanted))
        return;
    char *more = r->parents ? tenon_asprintf("%s;%s", r->parents, name) : tenon_strdup(name);
    free(r->parents);
    r->parents = more;
}

/* A snapshot may be in several chains: layers of equal content, say.  count: those that are first
 * in the list, in the order of their numbers. */
static int
find_parents(struct tenon_store *s, struct rows *out, size_t count, struct tenon_error *err)
{
    struct db_query q;

    if (db_begin(s, &q, "SELECT outputs FROM record", err) < 0)
        return err->code;
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        int64_t below = 0;
        for (const char *at = db_get_text(&q, 0); at && *at;) {
            char *end;
            const int64_t id = strtoll(at, &end, 10);
            struct tenon_usage_row *r =
                end > at && below && count
                    ? bsearch(&id, out->list.items, count, sizeof *out->list.items, by_number)
                    : NULL;
            if (r)
                add_parent(r, below);
            below = end > at && *end == ',' ? id : 0;
            at = *end ? end + 1 : end;
        }
    }
    db_end(&q);
    return rc;
}

static void
measure(struct tenon_store *s, struct tenon_usage_row *r)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const char *number = strchr(r->id, ':') + 1;
    if (r->size_bytes >= 0)
        return;
    if (r->is_mutable) {
        auto_free char *place = tenon_asprintf("cache-mounts/%s", number);
        r->size_bytes = (int64_t)store_disk_bytes(s->fd, place);
        return;
    }
    r->size_bytes = (int64_t)store_disk_bytes(s->snapshots_fd, number);
    uint64_t id;
    if (tenon_parse_u64(number, 10, &id)) /* immutable: measured once */
        db_run(s, &ignored, "UPDATE snapshot SET size = ?2 WHERE id = ?1", "ii", (int64_t)id,
               r->size_bytes);
}

int
tenon_usage_list(struct tenon_store *s, struct tenon_usage_row **rows, size_t *count,
                 struct tenon_error *err)
{
    struct rows out = {0};
    if (list_snapshots(s, &out, err) < 0 || find_parents(s, &out, out.list.len, err) < 0 ||
        list_blobs(s, &out, err) < 0 || list_caches(s, &out, err) < 0 ||
        list_logs(s, &out, err) < 0 || list_history(s, &out, err) < 0) {
        tenon_usage_free(out.list.items, out.list.len);
        return err->code;
    }
    int64_t oldest = store_oldest_lease(s);
    struct store_named named = {0};
    if (store_named_list(s, &named, err) < 0) {
        store_named_release(&named);
        tenon_usage_free(out.list.items, out.list.len);
        return err->code;
    }
    tenon_vec_foreach(r, &out.list) {
        measure(s, r);
        r->in_use = r->last_used_ns >= oldest;
        if (tenon_has_prefix(r->id, "blob:"))
            r->is_named = store_is_named(&named, r->id + strlen("blob:"));
    }
    store_named_release(&named);
    if (store_find_origins(s, out.list.items, out.list.len, err) < 0) {
        tenon_usage_free(out.list.items, out.list.len);
        return err->code;
    }
    *rows = out.list.items;
    *count = out.list.len;
    return 0;
}

void
tenon_usage_free(struct tenon_usage_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rows[i].id);
        free(rows[i].description);
        free(rows[i].type);
        free(rows[i].parents);
        free(rows[i].origin);
    }
    free(rows);
}

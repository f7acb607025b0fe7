/* store/trim.c - bounds for what builds leave that no later build asks for: roots of failed steps,
 * what steps printed, and records of builds.  A build that added some looks through them at its
 * end. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/lease.h"
#include "store/orphans.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

const struct tenon_bounds tenon_default_bounds[TENON_LEFT_KINDS] = {
    [TENON_LEFT_FAILED] = { 10, INT64_C(4) << 30, 7 * DAY_NS },
    [TENON_LEFT_LOGS] = { 100, INT64_C(512) << 20, 14 * DAY_NS },
    [TENON_LEFT_HISTORY] = { 100, INT64_C(512) << 20, 30 * DAY_NS },
};

void
tenon_store_set_bounds(struct tenon_store *s, enum tenon_leftover kind,
                       const struct tenon_bounds *b)
{
    s->bounds[kind] = *b;
}

const struct tenon_bounds *
tenon_store_bounds(const struct tenon_store *s, enum tenon_leftover kind)
{
    return &s->bounds[kind];
}

struct left { /* one failed root, or the output of one build */
    int64_t id, created_ns, used_ns, bytes;
    char *name; /* of the step, or of the build; NULL: of nothing any more */
};

struct lefts {
    TENON_VEC(struct left) list;
};

static int
newest_first(const void *a, const void *b)
{
    const struct left *x = a, *y = b;
    if (x->created_ns != y->created_ns)
        return x->created_ns < y->created_ns ? 1 : -1;
    return x->id != y->id ? (x->id < y->id ? 1 : -1)
                          : tenon_streq(x->name, y->name) ? 0 : strcmp(y->name, x->name);
}

static void
release(struct lefts *l)
{
    tenon_vec_foreach(x, &l->list)
        free(x->name);
    tenon_vec_release(&l->list);
}

static bool
has_name(const struct left *list, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++)
        if (tenon_streq(list[i].name, name))
            return true;
    return false;
}

/* Those beyond the bounds come to the end of the list; their number. */
static size_t
choose(struct lefts *l, const struct tenon_bounds *b, int64_t now)
{
    if (l->list.len)
        qsort(l->list.items, l->list.len, sizeof *l->list.items, newest_first);
    struct left *all = l->list.items;
    size_t kept = 0;
    int64_t bytes = 0;
    bool full = false;
    for (size_t i = 0; i < l->list.len; i++) {
        if (!all[i].name || has_name(all, kept, all[i].name) || now - all[i].used_ns > b->age_ns)
            continue; /* goes anyhow, and takes no room of others */
        full = full || (int64_t)kept >= b->number || all[i].bytes > b->bytes - bytes;
        if (full)
            continue;
        struct left one = all[i];
        bytes += one.bytes;
        memmove(all + kept + 1, all + kept, (i - kept) * sizeof *all);
        all[kept++] = one;
    }
    return l->list.len - kept;
}

/* ---- failed roots ------------------------------------------------------- */

static int
list_failed(struct tenon_store *s, struct lefts *out, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT s.id, s.created, s.used, s.size, max(r.scope) FROM snapshot s"
                 " LEFT JOIN record_snapshot rs ON rs.snapshot = s.id"
                 " LEFT JOIN record r ON r.id = rs.record WHERE s.type = ?1 GROUP BY s.id",
                 err) < 0)
        return err->code;
    db_int(&q, 1, TENON_SNAPSHOT_FAILED);
    int rc;
    while ((rc = db_step(&q, err)) == 1) {
        struct left *x = tenon_vec_add(&out->list);
        *x = (struct left){ db_get_int(&q, 0), db_get_int(&q, 1), db_get_int(&q, 2),
                            db_get_int(&q, 3), tenon_strdup(db_get_text(&q, 4)) };
    }
    db_end(&q);
    tenon_vec_foreach(x, &out->list) {
        auto_free char *number = tenon_asprintf("%lld", (long long)x->id);
        if (x->bytes < 0)
            x->bytes = (int64_t)store_disk_bytes(s->snapshots_fd, number);
    }
    return rc;
}

/* The rows first, then the files, as a collector does it. */
static int
trim_failed(struct tenon_store *s, int64_t before, struct tenon_error *err)
{
    struct lefts all = {0};
    char **gone = NULL;
    int rc = list_failed(s, &all, err);
    size_t n = rc < 0 ? 0 : choose(&all, &s->bounds[TENON_LEFT_FAILED], (int64_t)tenon_now_ns());
    if (n && db_transaction(s, err) == 0) {
        for (size_t i = all.list.len - n; rc >= 0 && i < all.list.len; i++) {
            rc = store_delete_snapshot(s, all.list.items[i].id, before, err);
            if (rc == 1)
                tenon_strv_push(&gone,
                                tenon_asprintf("%lld", (long long)all.list.items[i].id));
        }
        if (rc < 0)
            db_rollback(s);
        else if (db_commit(s, err) == 0)
            store_collect_snapshots(s, gone, err);
    }
    tenon_strv_free(gone);
    release(&all);
    return err->code;
}

/* ---- logs --------------------------------------------------------------- */

static int
trim_logs(struct tenon_store *s, int64_t before, struct tenon_error *err)
{
    struct lefts all = {0};
    char **names = NULL;
    if (store_log_builds(s, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++) {
        struct left *x = tenon_vec_add(&all.list);
        store_log_measure(s, *n, &x->created_ns, &x->used_ns, &x->bytes);
        x->name = tenon_strdup(*n);
    }
    tenon_strv_free(names);
    size_t n = choose(&all, &s->bounds[TENON_LEFT_LOGS], (int64_t)tenon_now_ns());
    for (size_t i = all.list.len - n; i < all.list.len; i++)
        if (all.list.items[i].used_ns < before)
            store_log_remove(s, all.list.items[i].name);
    release(&all);
    return 0;
}

/* ---- records of builds -------------------------------------------------- */

/* Those that are pinned take no room of others.  One that ended since the oldest of the live
 * processes began may be theirs. */
static int
trim_history(struct tenon_store *s, int64_t before, struct tenon_error *err)
{
    struct lefts all = {0};
    char **names = NULL;
    if (tenon_history_list(s, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++) {
        struct left x = {0};
        if (store_history_measure(s, *n, &x.used_ns, &x.bytes))
            continue;
        x.created_ns = x.used_ns;
        x.name = tenon_strdup(*n);
        tenon_vec_push(&all.list, x);
    }
    tenon_strv_free(names);
    size_t n = choose(&all, &s->bounds[TENON_LEFT_HISTORY], (int64_t)tenon_now_ns());
    for (size_t i = all.list.len - n; i < all.list.len; i++) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* the next one tries again */
        if (all.list.items[i].used_ns < before)
            store_history_remove(s, all.list.items[i].name, &ignored);
    }
    release(&all);
    return 0;
}

/* ---- */

void
tenon_store_trim(struct tenon_store *s)
{
    static int (*const trim[])(struct tenon_store *, int64_t, struct tenon_error *) = {
        [TENON_LEFT_FAILED] = trim_failed, [TENON_LEFT_LOGS] = trim_logs,
        [TENON_LEFT_HISTORY] = trim_history,
    };
    int64_t before = 0;
    for (size_t i = 0; i < tenon_countof(trim); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        if (!__atomic_exchange_n(&s->left[i], false, __ATOMIC_RELAXED))
            continue;
        if (i == TENON_LEFT_HISTORY && !store_history_is_due(s))
            continue;
        if (!before)
            before = store_oldest_lease(s);
        if (s->began_ns < before)
            before = s->began_ns;
        if (trim[i](s, before, &err) < 0) /* the next build tries again */
            tenon_log(TENON_LOG_DEBUG, "not all that may go is gone: %s", err.message);
    }
}

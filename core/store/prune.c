/* store/prune.c - collection.  What goes is decided and deleted in one transaction, by the marks
 * that look-ups leave in theirs.  The files follow only when that is committed, through tmp/: a
 * process killed in between, or a disk that is full, leaves files without a row (orphans.c finds
 * them), never a row without its files. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "store/lease.h"
#include "store/orphans.h"

static int
oldest_first(const void *a, const void *b)
{
    const struct tenon_usage_row *x = a, *y = b;
    if (x->last_used_ns != y->last_used_ns)
        return x->last_used_ns < y->last_used_ns ? -1 : 1;
    /* A record marks all its layers at once: the top one, made last, is of use
     * to the fewest. */
    if (x->created_ns != y->created_ns)
        return x->created_ns > y->created_ns ? -1 : 1;
    return strcmp(x->id, y->id);
}

struct pruning {
    struct tenon_store *store;
    const struct tenon_prune_options *options;
    int64_t before; /* used earlier than this: may go */
    TENON_VEC(struct tenon_usage_row) removed;
};

static void
at(const struct pruning *p, enum tenon_prune_moment moment)
{
    if (p->options->at)
        p->options->at(p->options->at_data, moment);
}

/* By its kind; whether it is in use is asked when it is deleted. */
static bool
may_go(const struct pruning *p, const struct tenon_usage_row *r)
{
    if (p->options->type && strcmp(p->options->type, r->type))
        return false;
    if (!p->options->all && (!strcmp(r->type, "internal") || !strcmp(r->type, "frontend")))
        return false;
    if (p->options->origin && !store_is_origin(p->options->origin, r->origin))
        return false;
    return !r->is_named &&
           (!p->options->passes || p->options->passes(p->options->passes_data, r));
}

/* How much is to stay, as BuildKit's daemon finds it; 0: nothing that may go. */
static int
space_to_keep(const struct pruning *p, int64_t total, int64_t *keep, struct tenon_error *err)
{
    const struct tenon_prune_options *o = p->options;
    struct statvfs fs;

    *keep = o->max_bytes;
    if (o->min_free_bytes) {
        if (fstatvfs(p->store->fd, &fs) < 0)
            return tenon_error_sys(err, "store %s", p->store->path);
        const int64_t missing = o->min_free_bytes - (int64_t)(fs.f_bfree * fs.f_frsize);
        if (missing > 0)
            *keep = *keep && *keep < total - missing ? *keep : total - missing;
        else if (!*keep)
            *keep = total;
    }
    if (*keep < o->keep_bytes)
        *keep = o->keep_bytes;
    if (*keep < 0)
        *keep = 0;
    return TENON_OK;
}

/* In the transaction: delete the row, unless its mark says now that it is in use; the
 * mark that it had when it was listed may be out of date.  1: gone. */
static int
delete_row(struct pruning *p, const struct tenon_usage_row *r, struct tenon_error *err)
{
    struct tenon_store *s = p->store;
    const char *name = strchr(r->id, ':') + 1;
    if (tenon_has_prefix(r->id, "log:")) /* has no row, and no other build takes it up */
        return r->last_used_ns < p->before;
    uint64_t n = 0;
    tenon_parse_u64(name, 10, &n);
    struct db_query q;
    int rc;
    if (tenon_has_prefix(r->id, "snapshot:"))
        return store_delete_snapshot(s, (int64_t)n, p->before, err);
    if (tenon_has_prefix(r->id, "blob:")) {
        if (db_begin(s, &q, "DELETE FROM blob WHERE digest = ?1 AND used < ?2 RETURNING digest",
                     err) < 0)
            return err->code;
        db_text(&q, 1, name);
    } else {
        if (db_begin(s, &q, "DELETE FROM cache WHERE n = ?1 AND used < ?2 RETURNING n", err) < 0)
            return err->code;
        db_int(&q, 1, (int64_t)n);
    }
    db_int(&q, 2, p->before);
    rc = db_step(&q, err);
    db_end(&q);
    return rc;
}

/* What is no row, nobody has asked for then. */
static bool
is_filtered(const struct tenon_prune_options *o)
{
    return o->type || o->passes;
}

static int
remove_rows(struct pruning *p, struct tenon_usage_row *rows, size_t count, struct tenon_error *err)
{
    int64_t total = 0, keep;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].type, "history")) /* never goes: nothing goes in its place, either */
            total += rows[i].size_bytes;
    if (space_to_keep(p, total, &keep, err) < 0 || db_transaction(p->store, err) < 0)
        return err->code;
    for (size_t i = 0; i < count && (!keep || total > keep); i++) {
        if (!may_go(p, &rows[i]))
            continue;
        int rc = delete_row(p, &rows[i], err);
        if (rc < 0) {
            db_rollback(p->store);
            return rc;
        }
        if (rc == 1) {
            total -= rows[i].size_bytes;
            tenon_vec_push(&p->removed, rows[i]);
            rows[i] = (struct tenon_usage_row){0};
        }
    }
    if (p->options->origin && !is_filtered(p->options) && (!keep || total > keep) &&
        store_delete_imported(p->store, p->options->origin, p->before, err) < 0) {
        db_rollback(p->store);
        return err->code;
    }
    if (p->options->all && !is_filtered(p->options) && !p->options->origin &&
        (db_run(p->store, err, "DELETE FROM content WHERE used < ?1", "i", p->before) < 0 ||
         db_run(p->store, err, "DELETE FROM stat", "") < 0)) {
        db_rollback(p->store);
        return err->code;
    }
    return db_commit(p->store, err);
}

int
tenon_prune(struct tenon_store *s, const struct tenon_prune_options *o,
            struct tenon_usage_row **removed, size_t *count, struct tenon_error *err)
{
    struct pruning p = { .store = s, .options = o };
    struct tenon_usage_row *rows = NULL;
    size_t n = 0;
    tenon_store_sweep(s);
    at(&p, TENON_PRUNE_BEGINS);
    /* Before the names are listed: a build that names an image and ends in between
     * is at work now, or what it used is younger than now. */
    p.before = store_oldest_lease(s);
    int64_t now = (int64_t)tenon_now_ns();
    if (o->older_than_ns && now - o->older_than_ns < p.before)
        p.before = now - o->older_than_ns;
    at(&p, TENON_PRUNE_DATED);
    if (tenon_usage_list(s, &rows, &n, err) < 0)
        goto done;
    at(&p, TENON_PRUNE_LISTED);
    if (n)
        qsort(rows, n, sizeof *rows, oldest_first);
    if (remove_rows(&p, rows, n, err) < 0) {
        tenon_usage_free(p.removed.items, p.removed.len); /* rolled back */
        memset(&p.removed, 0, sizeof p.removed);
    } else {
        at(&p, TENON_PRUNE_DELETED);
        tenon_vec_foreach(r, &p.removed)
            if (tenon_has_prefix(r->id, "log:"))
                store_log_remove(s, r->id + strlen("log:"));
        store_collect_orphans(s, o, err);
    }
done:
    tenon_usage_free(rows, n);
    *removed = p.removed.items;
    *count = p.removed.len;
    return err->code;
}

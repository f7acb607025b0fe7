/* store/snapshot.c - snapshots: made below tmp/ under a lock, renamed into place,
 * recorded. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "store/copies.h"

void
tenon_chain_release(struct tenon_chain *c)
{
    free(c->ids);
    *c = (struct tenon_chain){0};
}

void
tenon_chain_copy(struct tenon_chain *to, const struct tenon_chain *from)
{
    to->ids = from->len ? tenon_memdup(from->ids, from->len * sizeof *from->ids) : NULL;
    to->len = from->len;
}

void
tenon_chain_append(struct tenon_chain *c, int64_t id)
{
    c->ids = tenon_reallocarray(c->ids, c->len + 1, sizeof *c->ids);
    c->ids[c->len++] = id;
}

int
tenon_snapshot_begin(struct tenon_store *s, struct tenon_snapshot_work **out,
                     struct tenon_error *err)
{
    struct tenon_snapshot_work *w = tenon_new0(struct tenon_snapshot_work);
    w->store = s;
    w->dir = w->fs = w->merged = -1;
    w->dir = store_temp_dir(s, "work", &w->name, err);
    if (w->dir < 0)
        goto fail;
    if (mkdirat(w->dir, "fs", 0755) < 0 || fchmodat(w->dir, "fs", 0755, 0) < 0 ||
        mkdirat(w->dir, "work", 0700) < 0) {
        tenon_error_sys(err, "make %s/tmp/%s", s->path, w->name);
        goto fail;
    }
    w->fs = openat(w->dir, "fs", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (w->fs < 0) {
        tenon_error_sys(err, "open %s/tmp/%s/fs", s->path, w->name);
        goto fail;
    }
    w->fs_path = tenon_asprintf("%s/tmp/%s/fs", s->path, w->name);
    *out = w;
    return 0;
fail:
    tenon_snapshot_discard(w);
    return err->code;
}

int
tenon_snapshot_work_fs(struct tenon_snapshot_work *w)
{
    return w->fs;
}

static void
work_free(struct tenon_snapshot_work *w)
{
    if (w->fs >= 0)
        close(w->fs);
    if (w->dir >= 0)
        close(w->dir);
    if (w->merged >= 0)
        close(w->merged);
    store_changes_free(w->before);
    free(w->name);
    free(w->fs_path);
    free(w);
}

void
tenon_snapshot_discard(struct tenon_snapshot_work *w)
{
    if (!w)
        return;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    if (w->name && w->dir >= 0)
        tenon_remove_tree(w->store->tmp_fd, w->name, &ignored); /* else the next sweep does */
    work_free(w);
}

int
tenon_snapshot_settle(struct tenon_snapshot_work *w, struct tenon_error *err)
{
    if (w->settled == NOT_ALL_SETTLED)
        return tenon_error_set(err, TENON_E_FAILED, "a layer was not made as a whole");
    if (!w->before || w->settled)
        return 0;
    w->settled = NOT_ALL_SETTLED;
    if (store_changes_take(w, err) == 0)
        w->settled = SETTLED;
    return err->code;
}

bool
tenon_snapshot_work_has(struct tenon_snapshot_work *w, const char *path)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct stat st;
    return w->before && !w->settled ? store_changes_have(w, path)
                                    : tenon_root_stat(w->fs, path, false, &st, &ignored) >= 0;
}

/* A directory under a number that no record has is what a process left that
 * died between rename and commit. */
static int
move_into_place(struct tenon_snapshot_work *w, const char *number, struct tenon_error *err)
{
    struct tenon_store *s = w->store;
    if (renameat(s->tmp_fd, w->name, s->snapshots_fd, number) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return tenon_error_sys(err, "move a snapshot to %s/snapshots/%s", s->path, number);
    auto_free char *stale = store_temp_name("stale");
    if (renameat(s->snapshots_fd, number, s->tmp_fd, stale) < 0 ||
        renameat(s->tmp_fd, w->name, s->snapshots_fd, number) < 0)
        return tenon_error_sys(err, "move a snapshot to %s/snapshots/%s", s->path, number);
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    tenon_remove_tree(s->tmp_fd, stale, &ignored);
    return 0;
}

int
tenon_snapshot_commit(struct tenon_snapshot_work *w, enum tenon_snapshot_type type,
                      const char *description, int64_t *id, struct tenon_error *err)
{
    struct tenon_store *s = w->store;
    int64_t now = (int64_t)tenon_now_ns();
    if (tenon_snapshot_settle(w, err) < 0 || tenon_remove_tree(w->dir, "work", err) < 0 ||
        tenon_remove_tree(w->dir, "merged", err) < 0 || db_transaction(s, err) < 0) {
        tenon_snapshot_discard(w);
        return err->code;
    }
    int rc = db_run(s, err, "INSERT INTO snapshot (type, description, created, used, bare,"
                    " unsure) VALUES (?1, ?2, ?3, ?3, ?4, ?5)", "iwiit", (int64_t)type,
                    description, now, (int64_t)!w->overlaid, s->boot);
    int64_t n = rc == 0 ? db_last_id(s) : 0;
    auto_free char *number = tenon_asprintf("%lld", (long long)n);
    if (rc == 0)
        rc = move_into_place(w, number, err);
    if (rc < 0) {
        db_rollback(s);
        tenon_snapshot_discard(w);
        return rc;
    }
    if (db_commit(s, err) < 0) {
        renameat(s->snapshots_fd, number, s->tmp_fd, w->name);
        tenon_snapshot_discard(w);
        return err->code;
    }
    if (type == TENON_SNAPSHOT_FAILED)
        __atomic_store_n(&s->left[TENON_LEFT_FAILED], true, __ATOMIC_RELAXED);
    *id = n;
    work_free(w);
    return 0;
}

int64_t
tenon_snapshot_work_bytes(struct tenon_snapshot_work *w)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    tenon_snapshot_settle(w, &ignored);
    return (int64_t)store_disk_bytes(w->dir, "fs");
}

int
store_delete_snapshot(struct tenon_store *s, int64_t id, int64_t before, struct tenon_error *err)
{
    struct db_query q;
    /* the records that need it go first */
    if (db_run(s, err,
               "DELETE FROM record WHERE id IN (SELECT record FROM record_snapshot"
               " WHERE snapshot = ?1) AND EXISTS (SELECT 1 FROM snapshot"
               " WHERE id = ?1 AND used < ?2)",
               "ii", id, before) < 0 ||
        db_begin(s, &q, "DELETE FROM snapshot WHERE id = ?1 AND used < ?2 RETURNING id", err) < 0)
        return err->code;
    db_int(&q, 1, id);
    db_int(&q, 2, before);
    int rc = db_step(&q, err);
    db_end(&q);
    return rc;
}

int
tenon_snapshot_open(struct tenon_store *s, int64_t id, struct tenon_error *err)
{
    auto_free char *name = tenon_asprintf("%lld/fs", (long long)id);
    int fd = openat(s->snapshots_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? tenon_error_sys(err, "snapshot %lld", (long long)id) : fd;
}

bool
tenon_snapshot_is_bare(struct tenon_store *s, int64_t id)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct db_query q;
    if (db_begin(s, &q, "SELECT bare FROM snapshot WHERE id = ?1", &ignored) < 0)
        return false;
    db_int(&q, 1, id);
    bool bare = db_step(&q, &ignored) == 1 && db_get_int(&q, 0);
    db_end(&q);
    return bare;
}

int
tenon_snapshot_set_bare(struct tenon_store *s, int64_t id, struct tenon_error *err)
{
    return db_run(s, err, "UPDATE snapshot SET bare = 1 WHERE id = ?1 AND bare = 0", "i", id);
}

bool
tenon_snapshot_by_chain_id(struct tenon_store *s, const char *chain_id, int64_t *id)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct db_query q;
    if (db_begin(s, &q, "UPDATE snapshot SET used = ?2, uses = uses + 1 WHERE chain_id = ?1"
                 " RETURNING id", &ignored) < 0)
        return false;
    db_text(&q, 1, chain_id);
    db_int(&q, 2, (int64_t)tenon_now_ns());
    bool found = db_step(&q, &ignored) == 1;
    if (found)
        *id = db_get_int(&q, 0);
    db_end(&q);
    return found;
}

int
tenon_snapshot_set_chain_id(struct tenon_store *s, int64_t id, const char *chain_id,
                            struct tenon_error *err)
{
    /* Two that unpack the same layer at once: the first name stays. */
    return db_run(s, err, "UPDATE OR IGNORE snapshot SET chain_id = ?2 WHERE id = ?1", "it", id,
                  chain_id);
}

bool
tenon_snapshot_get_blob(struct tenon_store *s, int64_t id, const char *variant,
                        struct tenon_snapshot_blob *out)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct db_query q;
    if (db_begin(s, &q, "SELECT digest, diff_id, size, media_type FROM snapshot_blob"
                 " WHERE snapshot = ?1 AND variant = ?2", &ignored) < 0)
        return false;
    db_int(&q, 1, id);
    db_text(&q, 2, variant);
    bool found = db_step(&q, &ignored) == 1 &&
                 tenon_digest_parse(db_get_text(&q, 0), &out->digest) &&
                 tenon_digest_parse(db_get_text(&q, 1), &out->diff_id);
    if (found) {
        out->size = db_get_int(&q, 2);
        snprintf(out->media_type, sizeof out->media_type, "%s", db_get_text(&q, 3));
    }
    db_end(&q);
    return found;
}

bool
tenon_snapshot_get_base(struct tenon_store *s, int64_t id, struct tenon_snapshot_blob *out)
{
    return tenon_snapshot_get_blob(s, id, TENON_BLOB_BASE, out) ||
           tenon_snapshot_get_blob(s, id, TENON_BLOB_IMPORTED, out);
}

int
tenon_snapshot_set_blob(struct tenon_store *s, int64_t id, const char *variant,
                        const struct tenon_snapshot_blob *b, struct tenon_error *err)
{
    return db_run(s, err, "INSERT OR REPLACE INTO snapshot_blob"
                  " (snapshot, variant, digest, diff_id, size, media_type)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "itttit", id, variant, b->digest.str,
                  b->diff_id.str, b->size, b->media_type);
}

/* store/fsck.c - does the store hold what docs/store.md promises?  What does not is forgotten:
 * it is cache, and is made again.
 *
 * The database by itself, its rows against the files (fsckrows.c), records of builds against
 * the digests that their files are named by, and what belongs to nobody. */
#include "store/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "store/lease.h"
#include "store/orphans.h"

/* ---- the database by itself ------------------------------------------------------ */

static int
check_database(struct fsck *f, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(f->store, &q, "PRAGMA integrity_check(10)", err) < 0)
        return err->code;
    bool is_bad = false;
    int rc;
    while ((rc = db_step(&q, err)) == 1)
        if (strcmp(db_get_text(&q, 0), "ok") != 0) {
            char *problem = tenon_asprintf("is damaged: %s", db_get_text(&q, 0));
            fsck_tell(f, "tenon.db", &problem, false, false);
            is_bad = true;
        }
    db_end(&q);
    return rc < 0 ? rc : is_bad ? tenon_error_set(err, TENON_E_CORRUPT, "store %s/tenon.db is "
                                                  "damaged", f->store->path) : 0;
}

static const struct {
    const char *object, *count, *forget;
} lost[] = {
    { "keys", "SELECT count(*) FROM key WHERE record NOT IN (SELECT id FROM record)",
      "DELETE FROM key WHERE record NOT IN (SELECT id FROM record)" },
    { "parts of keys", "SELECT count(*) FROM part WHERE record NOT IN (SELECT id FROM record)",
      "DELETE FROM part WHERE record NOT IN (SELECT id FROM record)" },
    { "results", "SELECT count(*) FROM record_snapshot WHERE record NOT IN (SELECT id FROM record)",
      "DELETE FROM record_snapshot WHERE record NOT IN (SELECT id FROM record)" },
    { "layers",
      "SELECT count(*) FROM snapshot_blob WHERE snapshot NOT IN (SELECT id FROM snapshot)",
      "DELETE FROM snapshot_blob WHERE snapshot NOT IN (SELECT id FROM snapshot)" },
};

/* SQLite sees to it; a file that was changed by other hands may have some. */
static int
check_references(struct fsck *f, struct tenon_error *err)
{
    for (size_t i = 0; i < tenon_countof(lost); i++) {
        struct db_query q;
        if (db_begin(f->store, &q, lost[i].count, err) < 0)
            return err->code;
        int rc = db_step(&q, err);
        int64_t n = rc == 1 ? db_get_int(&q, 0) : 0;
        db_end(&q);
        if (rc < 0 || (n && f->options->repair && db_run(f->store, err, lost[i].forget, "") < 0))
            return err->code;
        char *problem = n ? tenon_asprintf("%lld of nothing that is there", (long long)n) : NULL;
        if (problem)
            fsck_tell(f, lost[i].object, &problem, false, f->options->repair);
    }
    return 0;
}

/* ---- records of builds ----------------------------------------------------------- */

/* A content is named by its digest: is it that? */
static bool
is_content_right(int dir, const char *name)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct tenon_digest d;
    auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || tenon_read_all(fd, SIZE_MAX / 2, &b, &ignored) < 0)
        return false;
    tenon_digest_of(b.data, b.len, &d);
    return strcmp(tenon_digest_hex(&d), name + strlen("sha256-")) == 0;
}

static char *
look_at_build(struct tenon_store *s, const char *name)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int dir = tenon_history_open(s, name, &ignored);
    char **files = NULL, *problem = NULL;
    struct stat st;
    if (dir < 0)
        return NULL; /* gone meanwhile */
    if (fstatat(dir, "record", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        problem = tenon_strdup("has no record");
    else if (!st.st_size)
        problem = tenon_strdup("has an empty record");
    else if (tenon_dir_names(dir, &files, &ignored) < 0)
        problem = tenon_strdup("cannot be read");
    for (char **n = files; !problem && n && *n; n++)
        if (tenon_has_prefix(*n, "sha256-") && !is_content_right(dir, *n))
            problem = tenon_asprintf("has other bytes in %s than its digest says", *n);
    tenon_strv_free(files);
    return problem;
}

static int
check_builds(struct fsck *f, struct tenon_error *err)
{
    char **names = NULL;
    if (tenon_history_list(f->store, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n; n++) {
        f->counts->looked_at[TENON_FSCK_BUILDS]++;
        char *problem = look_at_build(f->store, *n);
        if (!problem)
            continue;
        auto_free char *object = tenon_asprintf("history/%s", *n);
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        fsck_tell(f, object, &problem, false,
                  f->options->repair && store_history_remove(f->store, *n, &ignored) == 0);
    }
    tenon_strv_free(names);
    return 0;
}

/* ---- what belongs to nobody ------------------------------------------------------ */

static int
check_orphans(struct fsck *f, struct tenon_error *err)
{
    static const struct tenon_prune_options none = {0};
    char **paths = NULL;
    int rc = store_list_orphans(f->store, &paths, err);
    if (rc == 0 && paths && f->options->repair)
        rc = store_collect_orphans(f->store, &none, err);
    for (char **p = paths; rc == 0 && p && *p; p++) {
        char *problem = tenon_strdup("is nobody's");
        fsck_tell(f, *p, &problem, true, f->options->repair);
    }
    tenon_strv_free(paths);
    return rc;
}

/* Whoever works there, or holds it, has it locked. */
static bool
is_abandoned(int dir, const char *name)
{
    auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd >= 0 && store_flock(fd, LOCK_EX | LOCK_NB) == 0 && store_still_there(dir, name, fd);
}

static int
list_abandoned(struct fsck *f, int dir, const char *place, char ***out, struct tenon_error *err)
{
    char **names = NULL;
    if (tenon_dir_names(dir, &names, err) < 0)
        return tenon_error_context(err, "store %s", f->store->path);
    for (char **n = names; n && *n; n++)
        if (**n != '.' && is_abandoned(dir, *n))
            tenon_strv_push(out, tenon_asprintf("%s/%s", place, *n));
    tenon_strv_free(names);
    return 0;
}

static int
check_abandoned(struct fsck *f, struct tenon_error *err)
{
    enum { AT_ONCE = 128 }; /* a sweep takes some hundred */
    char **left = NULL;
    int rc = list_abandoned(f, f->store->tmp_fd, "tmp", &left, err);
    if (rc == 0)
        rc = list_abandoned(f, f->store->locks_fd, "locks", &left, err);
    for (size_t i = 0; f->options->repair && left && i < tenon_strv_len(left); i += AT_ONCE)
        tenon_store_sweep(f->store);
    for (char **n = left; rc == 0 && n && *n; n++) {
        char *problem = tenon_strdup("was left by a process that is gone");
        fsck_tell(f, *n, &problem, true,
                  f->options->repair &&
                      faccessat(f->store->fd, *n, F_OK, AT_SYMLINK_NOFOLLOW) < 0);
    }
    tenon_strv_free(left);
    return rc;
}

int
tenon_store_fsck(struct tenon_store *s, const struct tenon_fsck_options *o,
                 struct tenon_fsck_counts *counts, struct tenon_error *err)
{
    struct fsck f = { .store = s, .options = o, .counts = counts };
    *counts = (struct tenon_fsck_counts){0};
    int rc = check_database(&f, err);
    if (rc == 0)
        rc = check_references(&f, err);
    if (rc == 0)
        rc = fsck_rows(&f, err);
    if (rc == 0)
        rc = check_builds(&f, err);
    if (rc == 0)
        rc = check_orphans(&f, err);
    if (rc == 0)
        rc = check_abandoned(&f, err);
    store_named_release(&f.damaged);
    return rc;
}

/* ---- a database that cannot be read ---------------------------------------------- */

static int
refuse_if_open(int locks, const char *root, struct tenon_error *err)
{
    char **names = NULL;
    if (tenon_dir_names(locks, &names, err) < 0)
        return tenon_error_context(err, "store %s", root);
    for (char **n = names; n && *n; n++) {
        auto_close int fd = openat(locks, *n, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && store_flock(fd, LOCK_EX | LOCK_NB) == -EWOULDBLOCK)
            tenon_error_set(err, TENON_E_UNAVAILABLE, "store %s is in use (locks/%s): its "
                            "database cannot be replaced", root, *n);
    }
    tenon_strv_free(names);
    return err->code;
}

int
tenon_store_start_over(const char *root, struct tenon_error *err)
{
    static const char *const files[] = { "tenon.db", "tenon.db-wal", "tenon.db-shm" };
    auto_close int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open store %s", root);
    auto_close int locks = openat(fd, "locks", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (locks >= 0 && refuse_if_open(locks, root, err) < 0)
        return err->code;
    for (size_t i = 0; i < tenon_countof(files); i++)
        if (unlinkat(fd, files[i], 0) < 0 && errno != ENOENT)
            return tenon_error_sys(err, "remove %s/%s", root, files[i]);
    return 0;
}

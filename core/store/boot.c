/* store/boot.c - what counts after the machine went down.
 *
 * Rows are written without a flush while the files that they speak of are in the page cache.
 * kill -9 does not mind; a power cut may leave a row that is on disk beside files that are
 * not.  So each row that comes with files carries the id of the machine's start ("unsure")
 * until the file system was told to write all of it and has said that it did.  The first process
 * that finds another start than the last one forgets what is unsure still, what has lost its
 * files (a collector's rows that came back, their files gone), and what belongs to nobody, which
 * may be half there under a right name. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/named.h"
#include "store/orphans.h"

static void
read_boot_id(struct tenon_store *s)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    s->boot[0] = '\0'; /* such a kernel does not tell: nothing is ever found to be another start */
    if (tenon_read_file("/proc/sys/kernel/random/boot_id", sizeof s->boot - 1, &b, &ignored) == 0)
        snprintf(s->boot, sizeof s->boot, "%.*s", (int)strcspn(b.data, "\n"), b.data);
}

/* 1: the store was used since this start. */
static int
is_known_start(struct tenon_store *s, bool *is_first, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT value FROM machine WHERE name = 'boot'", err) < 0)
        return err->code;
    int rc = db_step(&q, err);
    int known = rc < 0 ? rc : rc == 1 && strcmp(db_get_text(&q, 0), s->boot) == 0;
    *is_first = rc == 0;
    db_end(&q);
    return known;
}

/* Before this one has a lease of its own.  A process of this start would have noted the start
 * before it took one. */
static int
refuse_other_machine(struct tenon_store *s, struct tenon_error *err)
{
    char **names = NULL;
    if (tenon_dir_names(s->locks_fd, &names, err) < 0)
        return tenon_error_context(err, "store %s", s->path);
    for (char **n = names; n && *n && !err->code; n++) {
        if (!tenon_has_prefix(*n, "lease-"))
            continue;
        auto_close int fd = openat(s->locks_fd, *n, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && store_flock(fd, LOCK_EX | LOCK_NB) == -EWOULDBLOCK) {
            tenon_error_set(err, TENON_E_UNAVAILABLE, "store %s is in use on another machine: it "
                            "can be one machine's at a time", s->path);
            tenon_error_hint(err, "tenon --root DIR ... on a disk of this machine");
        }
    }
    tenon_strv_free(names);
    return err->code;
}

/* ---- what is forgotten ----------------------------------------------------------- */

struct doubt { /* about one kind of rows */
    const char *all;    /* id, is it unsure?, size or -1 */
    const char *place;  /* printf: where its files are */
    const char *forget[2];
};

static const struct doubt doubts[] = {
    { "SELECT id, unsure IS NOT NULL, -1 FROM snapshot", "snapshots/%s/fs",
      { "DELETE FROM record WHERE id IN (SELECT record FROM record_snapshot WHERE snapshot = ?1)",
        "DELETE FROM snapshot WHERE id = ?1" } },
    { "SELECT n, unsure IS NOT NULL, -1 FROM cache", "cache-mounts/%s/fs",
      { "DELETE FROM cache WHERE n = ?1", NULL } },
    { "SELECT substr(digest, 8), unsure IS NOT NULL, size FROM blob", "content/blobs/sha256/%s",
      { "DELETE FROM blob WHERE digest = 'sha256:' || ?1", NULL } },
};

static char *
place_of(const struct doubt *d, const char *id)
{
    auto_free char *head = tenon_strndup(d->place, strcspn(d->place, "%"));
    return tenon_asprintf("%s%s%s", head, id, strchr(d->place, '%') + 2);
}

static bool
is_lost(struct tenon_store *s, const struct doubt *d, const char *id, int64_t size)
{
    auto_free char *path = place_of(d, id);
    struct stat st;
    return fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
           (size >= 0 && st.st_size != size);
}

static int
list_doubtful(struct tenon_store *s, const struct doubt *d, char ***ids, struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(s, &q, d->all, err) < 0)
        return err->code;
    while ((rc = db_step(&q, err)) == 1)
        if (db_get_int(&q, 1) || is_lost(s, d, db_get_text(&q, 0), db_get_int(&q, 2)))
            tenon_strv_push(ids, tenon_strdup(db_get_text(&q, 0)));
    db_end(&q);
    return rc;
}

static int
forget_images(struct tenon_store *s, char *const *blobs, struct tenon_error *err)
{
    struct tenon_image_row *rows;
    size_t n;
    if (!blobs)
        return 0;
    int rc = tenon_image_list(s, &rows, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct store_named of = {0};
        store_named_add(s, rows[i].digest, &of);
        for (char *const *b = blobs; rc == 0 && *b; b++) {
            auto_free char *digest = tenon_asprintf("sha256:%s", *b);
            if (store_is_named(&of, digest))
                rc = db_run(s, err, "DELETE FROM image WHERE name = ?1", "t", rows[i].name);
        }
        store_named_release(&of);
        tenon_image_row_release(&rows[i]);
    }
    free(rows);
    return rc;
}

/* In the transaction. */
static int
forget(struct tenon_store *s, size_t *number, struct tenon_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < tenon_countof(doubts); i++) {
        const struct doubt *d = &doubts[i];
        char **ids = NULL;
        rc = list_doubtful(s, d, &ids, err);
        for (char **id = ids; rc == 0 && id && *id; id++, ++*number)
            for (size_t n = 0; rc == 0 && n < tenon_countof(d->forget) && d->forget[n]; n++)
                rc = db_run(s, err, d->forget[n], "t", *id);
        if (rc == 0 && i == tenon_countof(doubts) - 1)
            rc = forget_images(s, ids, err);
        tenon_strv_free(ids);
    }
    return rc;
}

/* Records of builds have no row.  What had not been written of one has no bytes; only what is
 * nothing by its digest may have none. */
static bool
is_record_whole(int dir, char *const *files)
{
    static const char nothing[] =
        "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct stat st;
    if (fstatat(dir, "record", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size == 0)
        return false;
    for (char *const *f = files; f && *f; f++)
        if (tenon_has_prefix(*f, "sha256-") && strcmp(*f, nothing) != 0 &&
            (fstatat(dir, *f, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size == 0))
            return false;
    return true;
}

static void
forget_builds(struct tenon_store *s)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* they are not believed, either */
    char **names = NULL;
    if (tenon_history_list(s, &names, &ignored) < 0)
        return;
    for (char **n = names; n && *n; n++) {
        auto_error struct tenon_error gone = TENON_ERROR_INIT;
        char **files = NULL;
        auto_close int dir = tenon_history_open(s, *n, &gone);
        if (dir >= 0 && tenon_dir_names(dir, &files, &gone) == 0 && !is_record_whole(dir, files))
            store_history_remove(s, *n, &gone);
        tenon_strv_free(files);
    }
    tenon_strv_free(names);
}

int
store_after_start(struct tenon_store *s, struct tenon_error *err)
{
    static const struct tenon_prune_options none = {0};
    bool is_first = false;
    size_t number = 0;
    read_boot_id(s);
    int known = is_known_start(s, &is_first, err);
    if (known != 0)
        return known < 0 ? known : 0;
    if (db_transaction(s, err) < 0)
        return err->code;
    known = is_known_start(s, &is_first, err); /* another process may have been at it */
    if (known == 0 && !is_first && refuse_other_machine(s, err) == 0)
        forget(s, &number, err);
    if (known != 0 || err->code) {
        db_rollback(s);
        return err->code;
    }
    if (db_commit(s, err) < 0)
        return err->code;
    /* Before the start is noted: who comes then takes up what has a right name. */
    if (!is_first && store_collect_orphans(s, &none, err) < 0)
        return err->code;
    if (!is_first)
        forget_builds(s);
    if (number)
        tenon_log(TENON_LOG_NOTICE, "store %s: the machine went down before %zu of the results "
                  "were known to be on disk; they are made again", s->path, number);
    return db_run(s, err, "INSERT OR REPLACE INTO machine (name, value) VALUES ('boot', ?1)", "t",
                  s->boot);
}

/* ---- what becomes sure ----------------------------------------------------------- */

struct unsure {
    char *id;
    int64_t since; /* made, or used, then: has it changed meanwhile? */
};

struct unsures {
    TENON_VEC(struct unsure) list;
};

struct pending { /* of one kind of rows */
    const char *list, *settle;
    bool is_cache;
};

static const struct pending pending[] = {
    { "SELECT id, created FROM snapshot WHERE unsure IS NOT NULL",
      "UPDATE snapshot SET unsure = NULL WHERE id = ?1 AND created = ?2", false },
    { "SELECT digest, created FROM blob WHERE unsure IS NOT NULL",
      "UPDATE blob SET unsure = NULL WHERE digest = ?1 AND created = ?2", false },
    { "SELECT n, used FROM cache WHERE unsure IS NOT NULL",
      "UPDATE cache SET unsure = NULL WHERE n = ?1 AND used = ?2", true },
};

/* A cache mount that somebody works in changes on. */
static bool
is_at_rest(struct tenon_store *s, const char *cache)
{
    auto_free char *name = tenon_asprintf("cache-%s", cache);
    auto_close int fd = openat(s->locks_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 || store_flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int
list_unsure(struct tenon_store *s, const struct pending *p, struct unsures *out,
            struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(s, &q, p->list, err) < 0)
        return err->code;
    while ((rc = db_step(&q, err)) == 1) {
        const struct unsure one = { tenon_strdup(db_get_text(&q, 0)), db_get_int(&q, 1) };
        tenon_vec_push(&out->list, one);
    }
    db_end(&q);
    size_t kept = 0;
    for (size_t i = 0; i < out->list.len; i++)
        if (p->is_cache && !is_at_rest(s, out->list.items[i].id))
            free(out->list.items[i].id);
        else
            out->list.items[kept++] = out->list.items[i];
    out->list.len = kept;
    return rc;
}

static int
make_sure(struct tenon_store *s, const struct unsures *all, struct tenon_error *err)
{
    if (db_transaction(s, err) < 0)
        return err->code;
    for (size_t i = 0; i < tenon_countof(pending); i++)
        tenon_vec_foreach(u, &all[i].list)
            if (db_run(s, err, pending[i].settle, "ti", u->id, u->since) < 0) {
                db_rollback(s);
                return err->code;
            }
    return db_commit(s, err);
}

int
store_flush(struct tenon_store *s, void (*between)(void *data), void *data,
            struct tenon_error *err)
{
    struct unsures all[tenon_countof(pending)] = {{{0}}};
    size_t number = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < tenon_countof(pending); i++) {
        rc = list_unsure(s, &pending[i], &all[i], err);
        number += all[i].list.len;
    }
    if (between)
        between(data);
    if (rc == 0 && number)
        rc = syncfs(s->blobs_fd) < 0 ? tenon_error_sys(err, "flush store %s to its disk", s->path)
                                     : make_sure(s, all, err);
    for (size_t i = 0; i < tenon_countof(all); i++) {
        tenon_vec_foreach(u, &all[i].list)
            free(u->id);
        tenon_vec_release(&all[i].list);
    }
    return rc;
}

bool
tenon_store_has_unsure(struct tenon_store *s)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct db_query q;
    if (db_begin(s, &q, "SELECT EXISTS(SELECT 1 FROM snapshot WHERE unsure IS NOT NULL)"
                 " OR EXISTS(SELECT 1 FROM blob WHERE unsure IS NOT NULL)"
                 " OR EXISTS(SELECT 1 FROM cache WHERE unsure IS NOT NULL)", &ignored) < 0)
        return false;
    bool has = db_step(&q, &ignored) == 1 && db_get_int(&q, 0);
    db_end(&q);
    return has;
}

int
tenon_store_flush(struct tenon_store *s, struct tenon_error *err)
{
    return store_flush(s, NULL, NULL, err);
}

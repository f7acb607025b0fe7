/* store/cachemount.c - directories of RUN --mount=type=cache: found by id, shared,
 * cloned or locked.
 *
 * Several directories may carry one id ("private" makes another one when all are taken).  A
 * user holds the lock "cache-N": exclusive for locked and private, shared for shared. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/private.h"

struct numbers {
    TENON_VEC(int64_t) list;
};

#define ALL_OF "SELECT n FROM cache WHERE id = ?1 ORDER BY n"
#define ALL_OF_USED "SELECT n FROM cache WHERE id = ?1 ORDER BY used DESC"
#define ALL_THAT_BEGIN "SELECT n FROM cache WHERE substr(id, 1, length(?1)) = ?1 ORDER BY n"
#define ALL_THAT_BEGIN_USED \
    "SELECT n FROM cache WHERE substr(id, 1, length(?1)) = ?1 ORDER BY used DESC"

static int
find_all(struct tenon_store *s, const char *id, const char *which, struct numbers *out,
         struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, which, err) < 0)
        return err->code;
    db_text(&q, 1, id);
    int rc;
    while ((rc = db_step(&q, err)) == 1)
        tenon_vec_push(&out->list, db_get_int(&q, 0));
    db_end(&q);
    return rc;
}

struct want { /* of one who opens one */
    const char *id;
    bool is_private, shared;
    int seed_fd; /* -1: it starts empty, or as fill does it */
    const struct tenon_cache_fill *fill;
    uint32_t mode, uid, gid;
};

struct patience { /* of one who waits */
    int cancel_fd;
    const struct tenon_lock_watch *watch;
};

/* p NULL: now or not at all. */
static int
take_lock(struct tenon_store *s, int64_t n, bool shared, const struct patience *p,
          struct tenon_lock **lock, struct tenon_error *err)
{
    auto_free char *name = tenon_asprintf("cache-%lld", (long long)n);
    if (p)
        return tenon_lock_acquire(s, name, shared, p->cancel_fd, p->watch, lock, err);
    /* A descriptor that is readable at once makes "wait" a single try. */
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return tenon_error_sys(err, "pipe");
    close(pipe_fd[1]); /* end of file: readable */
    int rc = tenon_lock_acquire(s, name, shared, pipe_fd[0], NULL, lock, err);
    close(pipe_fd[0]);
    return rc;
}

static int
open_number(struct tenon_store *s, int64_t n, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("cache-mounts/%lld/fs", (long long)n);
    int fd = openat(s->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? tenon_error_sys(err, "open %s/%s", s->path, path) : fd;
}

static int
open_new(int dir, struct tenon_error *err)
{
    if (mkdirat(dir, "fs", 0700) < 0)
        return tenon_error_sys(err, "make a cache directory");
    int fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fs < 0 ? tenon_error_sys(err, "open a cache directory") : fs;
}

/* 1: filled, its own owner and mode included. *fs may be another directory afterwards. */
static int
fill_new(int dir, int *fs, const struct tenon_cache_fill *fill, struct tenon_error *err)
{
    int rc = fill->fill(fill->data, *fs, err);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    close(tenon_steal_fd(fs));
    if (tenon_remove_tree(dir, "fs", err) < 0)
        return err->code;
    *fs = open_new(dir, err);
    return *fs < 0 ? *fs : 0;
}

static int
set_up_new(const struct want *w, int fs, struct tenon_error *err)
{
    struct stat seed;
    bool seeded = w->seed_fd >= 0 && fstat(w->seed_fd, &seed) == 0;
    if (seeded && store_copy_tree(w->seed_fd, fs, err) < 0)
        return tenon_error_context(err, "fill a cache mount from its source");
    uint32_t own_uid = seeded ? seed.st_uid : w->uid, own_gid = seeded ? seed.st_gid : w->gid;
    if (fchown(fs, own_uid, own_gid) < 0)
        return tenon_error_owner(err, own_uid, own_gid, "set owner of a cache directory");
    if (fchmod(fs, seeded ? seed.st_mode & 07777 : w->mode) < 0)
        return tenon_error_sys(err, "set mode of a cache directory");
    if (seeded && futimens(fs, (const struct timespec[2]){ seed.st_atim, seed.st_mtim }) < 0)
        return tenon_error_sys(err, "set times of a cache directory");
    return 0;
}

/* Filled in tmp/, renamed, then recorded: a half copied seed is never seen. */
static int
make_new(struct tenon_store *s, const struct want *w, int64_t *out, struct tenon_error *err)
{
    auto_free char *name = NULL;
    auto_close int dir = store_temp_dir(s, "cache", &name, err);
    if (dir < 0)
        return err->code;
    auto_close int fs = open_new(dir, err);
    if (fs < 0)
        return err->code;
    int filled = w->fill ? fill_new(dir, &fs, w->fill, err) : 0;
    if (filled < 0 || (!filled && set_up_new(w, fs, err) < 0))
        return err->code;
    if (tenon_mkdir_p(s->fd, "cache-mounts", 0700, err) < 0 || db_transaction(s, err) < 0)
        return err->code;
    if (w->fill && w->fill->is_wanted && !w->fill->is_wanted(w->fill->data)) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        db_rollback(s);
        tenon_remove_tree(s->tmp_fd, name, &ignored);
        return tenon_error_set(err, TENON_E_CANCELLED, "it is no longer wanted");
    }
    int64_t now = (int64_t)tenon_now_ns();
    int rc =
        db_run(s, err, "INSERT INTO cache (id, created, used, unsure) VALUES (?1, ?2, ?2, ?3)",
               "tit", w->id, now, s->boot);
    int64_t n = rc == 0 ? db_last_id(s) : 0;
    auto_free char *place = tenon_asprintf("cache-mounts/%lld", (long long)n);
    if (rc == 0 && renameat(s->tmp_fd, name, s->fd, place) < 0) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        tenon_remove_tree(s->fd, place, &ignored); /* of a number that was rolled back */
        if (renameat(s->tmp_fd, name, s->fd, place) < 0)
            rc = tenon_error_sys(err, "move a cache directory to %s", place);
    }
    if (rc < 0) {
        db_rollback(s);
        return rc;
    }
    if (db_commit(s, err) < 0)
        return err->code;
    *out = n;
    return 0;
}

/* Its mark keeps a collector away, so it comes before the tree is opened.
 * NOT_FOUND without a message: collected before the lock was ours. */
static int
mark_used(struct tenon_store *s, int64_t n, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "UPDATE cache SET used = ?2, size = -1, unsure = ?3 WHERE n = ?1"
                 " RETURNING 1", err) < 0)
        return err->code;
    db_int(&q, 1, n);
    db_int(&q, 2, (int64_t)tenon_now_ns());
    db_text(&q, 3, s->boot); /* what is done in it now may be half there after a power cut */
    int rc = db_step(&q, err);
    db_end(&q);
    return rc == 0 ? TENON_E_NOT_FOUND : rc;
}

static int
open_locked(struct tenon_store *s, int64_t n, bool shared, const struct patience *p,
            struct tenon_lock **lock, struct tenon_error *err)
{
    if (take_lock(s, n, shared, p, lock, err) < 0)
        return err->code;
    int fd = mark_used(s, n, err);
    if (fd >= 0)
        fd = open_number(s, n, err);
    if (fd < 0) {
        tenon_lock_release(*lock);
        *lock = NULL;
    }
    return fd;
}

/* Two that want the same new id must not both make it. */
static int
take_guard(struct tenon_store *s, const char *id, const struct patience *p,
           struct tenon_lock **guard, struct tenon_error *err)
{
    struct tenon_digest d;
    tenon_digest_of(id, strlen(id), &d);
    auto_free char *making = tenon_asprintf("cache-id-%.32s", tenon_digest_hex(&d));
    return tenon_lock_acquire(s, making, false, p->cancel_fd, p->watch, guard, err);
}

/* NOT_FOUND without a message: what was there has been collected meanwhile. */
static int
open_once(struct tenon_store *s, const struct want *w, const struct patience *p,
          struct tenon_lock **lock, struct tenon_error *err)
{
    struct tenon_lock *guard;
    if (take_guard(s, w->id, p, &guard, err) < 0)
        return err->code;

    struct numbers found = {0};
    int fd = find_all(s, w->id, ALL_OF, &found, err) < 0 ? err->code : TENON_E_NOT_FOUND;
    int64_t first = found.list.len ? found.list.items[0] : 0;
    for (size_t i = 0; w->is_private && fd == TENON_E_NOT_FOUND && i < found.list.len; i++) {
        auto_error struct tenon_error busy = TENON_ERROR_INIT;
        int got = open_locked(s, found.list.items[i], false, NULL, lock, &busy);
        if (got >= 0)
            fd = got;
    }
    if (fd == TENON_E_NOT_FOUND && (w->is_private || !found.list.len) &&
        make_new(s, w, &first, err) < 0)
        fd = err->code;
    tenon_vec_release(&found.list);
    if (w->is_private && fd == TENON_E_NOT_FOUND)
        fd = open_locked(s, first, false, p, lock, err);
    tenon_lock_release(guard);
    /* The wait for another step comes without the guard. */
    if (fd == TENON_E_NOT_FOUND)
        fd = open_locked(s, first, w->shared, p, lock, err);
    return fd;
}

static int
open_wanted(struct tenon_store *s, struct want *w, const char *sharing, const struct patience *p,
            struct tenon_lock **lock, struct tenon_error *err)
{
    w->is_private = !strcmp(sharing, "private");
    w->shared = !strcmp(sharing, "shared");
    if (!w->is_private && !w->shared && strcmp(sharing, "locked"))
        return tenon_error_set(err, TENON_E_INVALID, "unknown sharing mode \"%s\"", sharing);
    int fd;
    do
        fd = open_once(s, w, p, lock, err);
    while (fd == TENON_E_NOT_FOUND && !err->code);
    return fd;
}

int
tenon_cache_mount_open(struct tenon_store *s, const char *id, const char *sharing, int seed_fd,
                       uint32_t mode, uint32_t uid, uint32_t gid, int cancel_fd,
                       const struct tenon_lock_watch *watch, struct tenon_lock **lock,
                       struct tenon_error *err)
{
    const struct patience p = { cancel_fd, watch };
    struct want w = { .id = id, .seed_fd = seed_fd, .mode = mode, .uid = uid, .gid = gid };
    return open_wanted(s, &w, sharing, &p, lock, err);
}

int
tenon_cache_mount_open_filled(struct tenon_store *s, const char *id, const char *sharing,
                              const struct tenon_cache_fill *fill, uint32_t mode, uint32_t uid,
                              uint32_t gid, int cancel_fd, const struct tenon_lock_watch *watch,
                              struct tenon_lock **lock, struct tenon_error *err)
{
    const struct patience p = { cancel_fd, watch };
    struct want w = { .id = id, .seed_fd = -1, .fill = fill, .mode = mode, .uid = uid,
                      .gid = gid };
    return open_wanted(s, &w, sharing, &p, lock, err);
}

int
tenon_cache_mount_make(struct tenon_store *s, const char *id, const struct tenon_cache_fill *fill,
                       int cancel_fd, struct tenon_error *err)
{
    const struct patience p = { cancel_fd, NULL };
    const struct want w = { .id = id, .seed_fd = -1, .fill = fill };
    struct tenon_lock *guard;
    struct numbers found = {0};
    int64_t n;
    if (take_guard(s, id, &p, &guard, err) < 0)
        return err->code;
    int rc = find_all(s, id, ALL_OF, &found, err);
    if (rc == 0 && !found.list.len)
        rc = make_new(s, &w, &n, err);
    tenon_vec_release(&found.list);
    tenon_lock_release(guard);
    return rc < 0 ? rc : TENON_OK;
}

bool
tenon_cache_mount_exists(struct tenon_store *s, const char *id)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* who opens it is told */
    struct numbers found = {0};
    bool there = find_all(s, id, ALL_OF, &found, &ignored) == 0 && found.list.len > 0;
    tenon_vec_release(&found.list);
    return there;
}

int
tenon_cache_mount_ids(struct tenon_store *s, const char *prefix, char ***out,
                      struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT DISTINCT id FROM cache WHERE substr(id, 1, length(?1)) = ?1"
                 " ORDER BY id", err) < 0)
        return err->code;
    db_text(&q, 1, prefix);
    int rc;
    while ((rc = db_step(&q, err)) == 1)
        tenon_strv_push(out, tenon_strdup(db_get_text(&q, 0)));
    db_end(&q);
    return rc;
}

int
tenon_cache_mount_look(struct tenon_store *s, const char *id, int cancel_fd,
                       const struct tenon_lock_watch *watch, struct tenon_lock **lock,
                       struct tenon_error *err)
{
    const struct patience p = { cancel_fd, watch };
    struct numbers found = {0};
    int fd = find_all(s, id, ALL_OF_USED, &found, err) < 0 ? err->code : TENON_E_NOT_FOUND;
    for (size_t i = 0; fd == TENON_E_NOT_FOUND && i < found.list.len; i++) {
        auto_error struct tenon_error busy = TENON_ERROR_INIT;
        int got = open_locked(s, found.list.items[i], true, NULL, lock, &busy);
        if (got >= 0)
            fd = got;
    }
    if (fd == TENON_E_NOT_FOUND && found.list.len)
        fd = open_locked(s, found.list.items[0], true, &p, lock, err);
    tenon_vec_release(&found.list);
    return fd == TENON_E_NOT_FOUND && !err->code
               ? tenon_error_set(err, TENON_E_NOT_FOUND, "no cache mount \"%s\"", id) : fd;
}

/* All but the first few. */
static int
drop(struct tenon_store *s, const char *id, const char *which, size_t few, struct tenon_error *err)
{
    struct numbers found = {0};
    /* What is being made is there by now, or asks whether it is wanted later than this. */
    if (db_transaction(s, err) < 0)
        return err->code;
    if (find_all(s, id, which, &found, err) < 0) {
        db_rollback(s);
        tenon_vec_release(&found.list);
        return err->code;
    }
    if (db_commit(s, err) < 0) {
        tenon_vec_release(&found.list);
        return err->code;
    }
    for (size_t i = few; i < found.list.len; i++) {
        int64_t n = found.list.items[i];
        struct tenon_lock *lock = NULL;
        auto_error struct tenon_error busy = TENON_ERROR_INIT;
        if (take_lock(s, n, false, NULL, &lock, &busy) < 0)
            continue; /* a step works in it: it stays */
        auto_free char *place = tenon_asprintf("cache-mounts/%lld", (long long)n);
        auto_free char *gone = store_temp_name("gone");
        if (db_run(s, err, "DELETE FROM cache WHERE n = ?1", "i", n) == 0 &&
            renameat(s->fd, place, s->tmp_fd, gone) == 0)
            tenon_remove_tree(s->tmp_fd, gone, &busy);
        tenon_lock_release(lock);
    }
    tenon_vec_release(&found.list);
    return err->code;
}

int
tenon_cache_mount_drop(struct tenon_store *s, const char *id, bool seeded,
                       struct tenon_error *err)
{
    auto_free char *others =
        tenon_asprintf("%s%s", id, seeded ? TENON_CACHE_SEEDED : TENON_CACHE_IMPORTED);
    if (!seeded && drop(s, id, ALL_OF, 0, err) < 0)
        return err->code;
    return drop(s, others, ALL_THAT_BEGIN, 0, err);
}

int
tenon_cache_mount_trim(struct tenon_store *s, const char *prefix, size_t newest,
                       struct tenon_error *err)
{
    return drop(s, prefix, ALL_THAT_BEGIN_USED, newest, err);
}

/* store/blob.c - blobs: hashed while written, linked into place under their digest. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

struct tenon_blob_writer {
    struct tenon_store *store;
    int fd;
    struct tenon_hash *hash;
    uint64_t len;
};

int
tenon_blob_temp_fd(struct tenon_store *s, struct tenon_error *err)
{
    int fd = openat(s->tmp_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    return fd < 0 ? tenon_error_sys(err, "create a file in %s/tmp", s->path) : fd;
}

int
tenon_blob_writer_new(struct tenon_store *s, struct tenon_blob_writer **out,
                      struct tenon_error *err)
{
    int fd = tenon_blob_temp_fd(s, err);
    if (fd < 0)
        return fd;
    struct tenon_blob_writer *w = tenon_new0(struct tenon_blob_writer);
    *w = (struct tenon_blob_writer){ s, fd, tenon_hash_new(), 0 };
    *out = w;
    return 0;
}

int
tenon_blob_write(struct tenon_blob_writer *w, const void *data, size_t len, struct tenon_error *err)
{
    if (tenon_write_all(w->fd, data, len, err) < 0)
        return tenon_error_context(err, "write a blob to %s", w->store->path);
    tenon_hash_update(w->hash, data, len);
    w->len += len;
    return 0;
}

uint64_t
tenon_blob_written(const struct tenon_blob_writer *w)
{
    return w->len;
}

void
tenon_blob_abort(struct tenon_blob_writer *w)
{
    if (!w)
        return;
    close(w->fd);
    tenon_hash_free(w->hash);
    free(w);
}

/* The record comes after the file: a crash in between leaves a file that the
 * next commit of the same digest takes up.  is_new: its bytes were written just now. */
static int
note_blob(struct tenon_store *s, const char *digest, int64_t size, bool is_new,
          struct tenon_error *err)
{
    int64_t now = (int64_t)tenon_now_ns();
    return db_run(s, err,
                  "INSERT INTO blob (digest, size, created, used, unsure)"
                  " VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT(digest) DO UPDATE SET"
                  " used = excluded.used, size = excluded.size,"
                  " unsure = CASE WHEN ?5 THEN excluded.unsure ELSE unsure END,"
                  " created = CASE WHEN ?5 THEN excluded.created ELSE created END",
                  "tiiti", digest, size, now, s->boot, (int64_t)is_new);
}

/* 1: it got its name; 0: it was there. */
static int
link_blob(struct tenon_store *s, int fd, const struct tenon_digest *digest, int64_t size,
          struct tenon_error *err)
{
    auto_free char *from = tenon_asprintf("/proc/self/fd/%d", fd);
    while (linkat(AT_FDCWD, from, s->blobs_fd, tenon_digest_hex(digest), AT_SYMLINK_FOLLOW) < 0) {
        struct stat there;
        if (errno != EEXIST)
            return tenon_error_sys(err, "store blob %s", digest->str);
        if (fstatat(s->blobs_fd, tenon_digest_hex(digest), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            there.st_size == size)
            return 0;
        /* of another size: left by a crash of the machine */
        unlinkat(s->blobs_fd, tenon_digest_hex(digest), 0);
    }
    return 1;
}

/* Inside one transaction: a collector takes a file away only inside one that
 * has seen no row, so it cannot come between the name and the row. */
int
tenon_blob_adopt_fd(struct tenon_store *s, int fd, const struct tenon_digest *digest,
                    struct tenon_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat a blob");
    if (fchmod(fd, 0444) < 0)
        return tenon_error_sys(err, "chmod a blob");
    if (db_transaction(s, err) < 0)
        return err->code;
    int linked = link_blob(s, fd, digest, st.st_size, err);
    if (linked < 0 || note_blob(s, digest->str, st.st_size, linked == 1, err) < 0) {
        db_rollback(s);
        return err->code;
    }
    return db_commit(s, err);
}

int
tenon_blob_commit(struct tenon_blob_writer *w, const char *expect, int64_t expect_size,
                  struct tenon_digest *out, struct tenon_error *err)
{
    struct tenon_digest d;
    tenon_hash_final(w->hash, &d);
    if (expect_size >= 0 && w->len != (uint64_t)expect_size)
        tenon_error_set(err, TENON_E_CORRUPT, "blob %s has %llu bytes, expected %lld",
                        expect ? expect : d.str, (unsigned long long)w->len,
                        (long long)expect_size);
    else if (expect && strcmp(expect, d.str))
        tenon_error_set(err, TENON_E_CORRUPT, "blob has digest %s, expected %s", d.str, expect);
    else
        tenon_blob_adopt_fd(w->store, w->fd, &d, err);
    tenon_blob_abort(w);
    if (err->code)
        return err->code;
    if (out)
        *out = d;
    return 0;
}

int
tenon_blob_put(struct tenon_store *s, const void *data, size_t len, struct tenon_digest *out,
               struct tenon_error *err)
{
    struct tenon_blob_writer *w;
    if (tenon_blob_writer_new(s, &w, err) < 0)
        return err->code;
    if (tenon_blob_write(w, data, len, err) < 0) {
        tenon_blob_abort(w);
        return err->code;
    }
    return tenon_blob_commit(w, NULL, -1, out, err);
}

static bool
stat_blob(struct tenon_store *s, const char *digest, struct stat *st)
{
    struct tenon_digest d;
    return tenon_digest_parse(digest, &d) &&
           fstatat(s->blobs_fd, tenon_digest_hex(&d), st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st->st_mode);
}

/* Marked used before it is looked at: a collector that comes in between sees
 * the mark.  What has no row (its process was killed) gets one if the file is
 * there; 1 when there is a row now, 0 when there is nothing. */
static int
use_blob(struct tenon_store *s, const char *digest, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "UPDATE blob SET used = ?2 WHERE digest = ?1 RETURNING 1", err) < 0)
        return err->code;
    db_text(&q, 1, digest);
    db_int(&q, 2, (int64_t)tenon_now_ns());
    int rc = db_step(&q, err);
    db_end(&q);
    struct stat st;
    if (rc != 0 || !stat_blob(s, digest, &st))
        return rc;
    if (db_transaction(s, err) < 0)
        return err->code;
    rc = stat_blob(s, digest, &st);
    if (rc == 1 && note_blob(s, digest, st.st_size, false, err) < 0) {
        db_rollback(s);
        return err->code;
    }
    return db_commit(s, err) < 0 ? err->code : rc;
}

bool
tenon_blob_exists(struct tenon_store *s, const char *digest, int64_t *size)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct stat st;
    if (use_blob(s, digest, &ignored) != 1 || !stat_blob(s, digest, &st))
        return false;
    if (size)
        *size = st.st_size;
    return true;
}

int
tenon_blob_open(struct tenon_store *s, const char *digest, int64_t *size, struct tenon_error *err)
{
    struct tenon_digest d;
    if (!tenon_digest_parse(digest, &d))
        return tenon_error_set(err, TENON_E_INVALID, "invalid digest \"%s\"", digest);
    if (use_blob(s, digest, err) < 0)
        return tenon_error_context(err, "blob %s", digest);
    auto_close int fd =
        openat(s->blobs_fd, tenon_digest_hex(&d), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return tenon_error_sys(err, "blob %s", digest);
    if (size)
        *size = st.st_size;
    return tenon_steal_fd(&fd);
}

int
tenon_blob_read(struct tenon_store *s, const char *digest, size_t limit, struct tenon_buf *out,
                struct tenon_error *err)
{
    auto_close int fd = tenon_blob_open(s, digest, NULL, err);
    return fd < 0 ? fd : tenon_read_all(fd, limit, out, err);
}

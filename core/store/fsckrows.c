/* store/fsckrows.c - each row of the database against the files that it speaks of.
 *
 * Rows come after their files and go before them, in transactions.  What looks wrong is
 * therefore looked at again in one: if it still does, it is no other process's work that we
 * came into. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "store/fsck.h"
#include "store/lease.h"

void
fsck_tell(struct fsck *f, const char *object, char **problem, bool is_leftover, bool is_repaired)
{
    auto_free char *text = tenon_steal(problem);
    const struct tenon_fault fault = { object, text ? text : "is damaged", is_leftover,
                                       is_repaired };
    f->counts->damaged += !is_leftover;
    f->counts->leftovers += is_leftover;
    f->counts->repaired += is_repaired;
    f->counts->still_damaged += !is_leftover && !is_repaired;
    f->options->found(f->options->data, &fault);
}

struct kind {
    enum tenon_fsck_kind number;
    const char *word;   /* before an object's name */
    const char *list;   /* the ids of all */
    const char *there;  /* is there (still) a row of this id? */
    const char *forget; /* delete it */
    const char *used;   /* when a build used its files last; NULL: there are none */
    /* 0: it is right; 1: it is not, and why.  again: once more, in a transaction. */
    int (*look)(struct fsck *f, const char *id, bool again, char **problem,
                struct tenon_error *err);
    /* Beside the row; in the transaction.  Or NULL. */
    int (*forget_more)(struct fsck *f, const char *id, struct tenon_error *err);
};

/* 1 and the first column, malloc'ed; 0: no row. */
static int
ask(struct tenon_store *s, const char *sql, const char *id, char **out, struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, sql, err) < 0)
        return err->code;
    db_text(&q, 1, id);
    int rc = db_step(&q, err);
    if (rc == 1 && out)
        *out = tenon_strdup(db_get_text(&q, 0));
    db_end(&q);
    return rc;
}

/* ---- snapshots ----------------------------------------------------------------- */

/* What a file system counts may move a little afterwards; what is missing is more than that. */
static bool
is_about(int64_t said, int64_t is)
{
    enum { SLACK = 64 << 10 };
    int64_t off = said < is ? is - said : said - is;
    return off <= SLACK || off <= is / 100;
}

static int
look_at_snapshot(struct fsck *f, const char *id, bool again, char **problem,
                 struct tenon_error *err)
{
    (void)again;
    struct tenon_store *s = f->store;
    auto_free char *fs = tenon_asprintf("%s/fs", id);
    auto_free char *work = tenon_asprintf("%s/work", id);
    struct stat st;
    if (fstatat(s->snapshots_fd, fs, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
        *problem = tenon_strdup("has no tree");
        return 1;
    }
    if (faccessat(s->snapshots_fd, work, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        *problem = tenon_strdup("is half made");
        return 1;
    }
    auto_free char *text = NULL;
    int64_t size;
    int rc = ask(s, "SELECT size FROM snapshot WHERE id = ?1", id, &text, err);
    if (rc < 0 || !text || !tenon_parse_size(text, &size)) /* -1: not measured yet */
        return rc < 0 ? rc : 0;
    int64_t is = (int64_t)store_disk_bytes(s->snapshots_fd, id);
    if (is_about(size, is))
        return 0;
    *problem = tenon_asprintf("takes %lld bytes, and took %lld when it was made", (long long)is,
                              (long long)size);
    return 1;
}

/* What leads to it leads to nothing then. */
static int
forget_records_of(struct fsck *f, const char *id, struct tenon_error *err)
{
    return db_run(f->store, err, "DELETE FROM record WHERE id IN (SELECT record FROM"
                  " record_snapshot WHERE snapshot = ?1)", "t", id);
}

/* ---- records --------------------------------------------------------------------- */

static bool
has_output(const struct tenon_record *r, int64_t snapshot)
{
    for (uint32_t i = 0; i < r->output_count; i++)
        for (size_t n = 0; n < r->outputs[i].len; n++)
            if (r->outputs[i].ids[n] == snapshot)
                return true;
    return false;
}

/* Are they what the record says, and there? */
static int
look_at_outputs(struct fsck *f, const char *id, const struct tenon_record *r, char **problem,
                struct tenon_error *err)
{
    struct tenon_record seen = {0};
    struct tenon_chain all = {0};
    struct db_query q;
    int rc;
    if (db_begin(f->store, &q, "SELECT r.snapshot, s.id FROM record_snapshot r LEFT JOIN snapshot s"
                 " ON s.id = r.snapshot WHERE r.record = ?1", err) < 0)
        return err->code;
    db_text(&q, 1, id);
    while ((rc = db_step(&q, err)) == 1) {
        tenon_chain_append(&all, db_get_int(&q, 0));
        if (!*problem && db_get_int(&q, 1) == 0)
            *problem = tenon_asprintf("leads to snapshot %lld, which is not there",
                                      (long long)db_get_int(&q, 0));
        else if (!*problem && !has_output(r, db_get_int(&q, 0)))
            *problem = tenon_asprintf("needs snapshot %lld, and does not lead to it",
                                      (long long)db_get_int(&q, 0));
    }
    db_end(&q);
    seen.outputs = &all;
    seen.output_count = 1;
    for (uint32_t i = 0; rc == 0 && !*problem && i < r->output_count; i++)
        for (size_t n = 0; !*problem && n < r->outputs[i].len; n++)
            if (!has_output(&seen, r->outputs[i].ids[n]))
                *problem = tenon_asprintf("leads to snapshot %lld, which it does not keep",
                                          (long long)r->outputs[i].ids[n]);
    tenon_chain_release(&all);
    return rc < 0 ? rc : *problem != NULL;
}

static int
look_at_record(struct fsck *f, const char *id, bool again, char **problem,
               struct tenon_error *err)
{
    (void)again;
    auto_free char *outputs = NULL;
    struct tenon_record r = {0};
    struct tenon_digest d;
    int rc = ask(f->store, "SELECT outputs FROM record WHERE id = ?1", id, &outputs, err);
    if (rc <= 0)
        return rc;
    if (!tenon_digest_parse(id, &d) || !outputs || !store_parse_outputs(outputs, &r)) {
        *problem = tenon_strdup("cannot be read");
        rc = 1;
    } else
        rc = look_at_outputs(f, id, &r, problem, err);
    tenon_record_release(&r);
    if (rc != 0)
        return rc;
    rc = ask(f->store, "SELECT 1 FROM key WHERE record = ?1", id, NULL, err);
    if (rc == 0)
        *problem = tenon_strdup("has no key");
    return rc < 0 ? rc : *problem != NULL;
}

/* ---- blobs ----------------------------------------------------------------------- */

static int
digest_of(int fd, struct tenon_digest *out)
{
    enum { PIECE = 256 << 10 };
    auto_hash struct tenon_hash *h = tenon_hash_new();
    auto_free char *data = tenon_malloc(PIECE);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t n;
    while ((n = tenon_read_full(fd, data, PIECE, &err)) > 0)
        tenon_hash_update(h, data, (size_t)n);
    if (n < 0)
        return -(err.sys ? err.sys : EIO);
    tenon_hash_final(h, out);
    return 0;
}

static int
look_at_blob(struct fsck *f, const char *id, bool again, char **problem, struct tenon_error *err)
{
    struct tenon_digest d, is;
    struct stat st;
    auto_free char *text = NULL;
    uint64_t size;
    int rc = ask(f->store, "SELECT size FROM blob WHERE digest = ?1", id, &text, err);
    if (rc <= 0)
        return rc;
    if (again && f->has_read)
        return 1; /* its bytes do not change: read once, outside of the transaction */
    f->has_read = false;
    if (!tenon_digest_parse(id, &d)) {
        *problem = tenon_strdup("has a name that is no digest");
        return 1;
    }
    auto_close int fd = openat(f->store->blobs_fd, tenon_digest_hex(&d),
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        *problem = tenon_strdup(errno == ENOENT ? "is not there" : strerror(errno));
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        *problem = tenon_strdup("is no file");
    else if (!tenon_parse_u64(text, 10, &size) || (uint64_t)st.st_size != size)
        *problem = tenon_asprintf("has %lld bytes, not %s", (long long)st.st_size, text);
    else if ((rc = digest_of(fd, &is)) < 0)
        *problem = tenon_asprintf("cannot be read: %s", strerror(-rc));
    else if (strcmp(is.str, d.str) != 0)
        *problem = tenon_strdup("has other bytes than its digest says");
    f->has_read = fd >= 0;
    return *problem != NULL;
}

/* The file, too: whoever makes the blob again would find it there. */
static int
forget_blob(struct fsck *f, const char *id, struct tenon_error *err)
{
    struct tenon_digest d;
    if (!tenon_digest_parse(id, &d) ||
        unlinkat(f->store->blobs_fd, tenon_digest_hex(&d), 0) == 0 || errno == ENOENT)
        return 0;
    return tenon_error_sys(err, "remove blob %s of store %s", id, f->store->path);
}

/* ---- cache mounts, images -------------------------------------------------------- */

static int
look_at_cache(struct fsck *f, const char *id, bool again, char **problem, struct tenon_error *err)
{
    (void)again, (void)err;
    auto_free char *fs = tenon_asprintf("cache-mounts/%s/fs", id);
    struct stat st;
    if (fstatat(f->store->fd, fs, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return 0;
    *problem = tenon_strdup("has no directory");
    return 1;
}

/* An index names more than what was fetched of it; the manifest itself is there, and what is
 * there of the rest is right. */
static int
look_at_image(struct fsck *f, const char *id, bool again, char **problem, struct tenon_error *err)
{
    (void)again;
    auto_free char *digest = NULL;
    struct tenon_digest d;
    struct stat st;
    int rc = ask(f->store, "SELECT digest FROM image WHERE name = ?1", id, &digest, err);
    if (rc <= 0)
        return rc;
    if (!digest || !tenon_digest_parse(digest, &d) ||
        fstatat(f->store->blobs_fd, tenon_digest_hex(&d), &st, AT_SYMLINK_NOFOLLOW) < 0) {
        *problem = tenon_asprintf("is %s, which is not there", digest ? digest : "nothing");
        return 1;
    }
    struct store_named of = {0};
    store_named_add(f->store, digest, &of);
    tenon_vec_foreach(one, &f->damaged.digests)
        if (!*problem && store_is_named(&of, *one))
            *problem = tenon_asprintf("needs blob %s, which is damaged", *one);
    store_named_release(&of);
    return *problem != NULL;
}

/* Blobs before images, which may have to go for them; snapshots before records. */
static const struct kind kinds[] = {
    { TENON_FSCK_SNAPSHOTS, "snapshot ", "SELECT id FROM snapshot ORDER BY id",
      "SELECT 1 FROM snapshot WHERE id = ?1", "DELETE FROM snapshot WHERE id = ?1",
      "SELECT used FROM snapshot WHERE id = ?1", look_at_snapshot, forget_records_of },
    { TENON_FSCK_RECORDS, "record ", "SELECT id FROM record ORDER BY id",
      "SELECT 1 FROM record WHERE id = ?1", "DELETE FROM record WHERE id = ?1", NULL,
      look_at_record, NULL },
    { TENON_FSCK_BLOBS, "blob ", "SELECT digest FROM blob ORDER BY digest",
      "SELECT 1 FROM blob WHERE digest = ?1", "DELETE FROM blob WHERE digest = ?1",
      "SELECT used FROM blob WHERE digest = ?1", look_at_blob, forget_blob },
    { TENON_FSCK_CACHES, "cache mount ", "SELECT n FROM cache ORDER BY n",
      "SELECT 1 FROM cache WHERE n = ?1", "DELETE FROM cache WHERE n = ?1",
      "SELECT used FROM cache WHERE n = ?1", look_at_cache, NULL },
    { TENON_FSCK_IMAGES, "image ", "SELECT name FROM image ORDER BY name",
      "SELECT 1 FROM image WHERE name = ?1", "DELETE FROM image WHERE name = ?1", NULL,
      look_at_image, NULL },
};

static int
list_ids(struct fsck *f, const struct kind *k, char ***ids, struct tenon_error *err)
{
    struct db_query q;
    int rc;
    if (db_begin(f->store, &q, k->list, err) < 0)
        return err->code;
    while ((rc = db_step(&q, err)) == 1)
        tenon_strv_push(ids, tenon_strdup(db_get_text(&q, 0)));
    db_end(&q);
    return rc;
}

/* In the transaction: could a build have it mounted, or read it?  Who opens the store later uses
 * what has a row then. */
static int
is_in_use(struct fsck *f, const struct kind *k, const char *id, struct tenon_error *err)
{
    auto_free char *text = NULL;
    uint64_t used;
    int rc = k->used ? ask(f->store, k->used, id, &text, err) : 0;
    return rc < 0 ? rc
                  : rc == 1 && text && tenon_parse_u64(text, 10, &used) &&
                        (int64_t)used >= store_oldest_lease(f->store);
}

/* In the transaction.  1: it is wrong, and forgotten if that was asked for and can be. */
static int
settle(struct fsck *f, const struct kind *k, const char *id, char **problem, bool *is_forgotten,
       struct tenon_error *err)
{
    char *again = NULL;
    int rc = ask(f->store, k->there, id, NULL, err);
    if (rc == 1)
        rc = k->look(f, id, true, &again, err);
    if (rc == 1 && again) {
        free(*problem);
        *problem = tenon_steal(&again);
    }
    free(again);
    if (rc != 1 || !f->options->repair)
        return rc;
    rc = is_in_use(f, k, id, err);
    if (rc == 1) {
        auto_free char *text = tenon_steal(problem);
        *problem = tenon_asprintf("%s, and is in use: not repaired", text ? text : "is damaged");
    }
    if (rc != 0)
        return rc;
    *is_forgotten = true;
    if (db_run(f->store, err, k->forget, "t", id) < 0 ||
        (k->forget_more && k->forget_more(f, id, err) < 0))
        return err->code;
    return 1;
}

static int
check_one(struct fsck *f, const struct kind *k, const char *id, struct tenon_error *err)
{
    auto_free char *problem = NULL;
    auto_free char *object = tenon_asprintf("%s%s", k->word, id);
    bool is_forgotten = false;
    int rc = k->look(f, id, false, &problem, err);
    if (rc <= 0)
        return rc;
    if (db_transaction(f->store, err) < 0)
        return err->code;
    rc = settle(f, k, id, &problem, &is_forgotten, err);
    if (rc < 0) {
        db_rollback(f->store);
        return rc;
    }
    if (db_commit(f->store, err) < 0)
        return err->code;
    if (rc != 1)
        return 0;
    if (k->number == TENON_FSCK_BLOBS && !store_is_named(&f->damaged, id))
        tenon_vec_push(&f->damaged.digests, tenon_strdup(id));
    fsck_tell(f, object, &problem, false, is_forgotten);
    return 0;
}

int
fsck_rows(struct fsck *f, struct tenon_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < tenon_countof(kinds); i++) {
        char **ids = NULL;
        rc = list_ids(f, &kinds[i], &ids, err);
        for (char **id = ids; rc >= 0 && id && *id; id++) {
            f->counts->looked_at[kinds[i].number]++;
            rc = check_one(f, &kinds[i], *id, err);
        }
        tenon_strv_free(ids);
    }
    return rc < 0 ? rc : 0;
}

/* store/db.c - records in SQLite.
 *
 * WAL with synchronous=NORMAL: a transaction is one append without fsync.  After a crash
 * of the machine the last ones may be missing, but never in part; what they recorded is
 * made again.  What became of the files that the others speak of: boot.c. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "store/private.h"
#include "store/spare.h"

enum { BUSY_PAUSE_MS = 20 };
#define BUSY_NS UINT64_C(30000000000)
#define NOTICE_NS UINT64_C(500000000)


static int
failed(struct tenon_store *s, struct tenon_error *err)
{
    int code = sqlite3_errcode(s->db);
    if (code != SQLITE_BUSY && code != SQLITE_FULL)
        s->is_spoilt = true;
    int status = code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_READONLY ||
                         code == SQLITE_CANTOPEN
                     ? TENON_E_FAILED
                 : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? TENON_E_CORRUPT
                 : code == SQLITE_BUSY ? TENON_E_UNAVAILABLE : TENON_E_FAILED;
    tenon_error_set(err, status, "store %s/tenon.db: %s", s->path, sqlite3_errmsg(s->db));
    return status == TENON_E_CORRUPT
               ? tenon_error_hint(err, "tenon --root %s fsck --repair forgets what is damaged",
                                  s->path)
               : status;
}

/* SQLite's pauses between two tries, and whoever watches them. */
static int
wait_for_others(void *store, int tries)
{
    struct tenon_store *s = store;
    const struct tenon_lock_holder unknown = {0};
    const uint64_t now = tenon_monotonic_ns();
    if (!tries)
        s->waits_since_ns = now;
    if (now - s->waits_since_ns > BUSY_NS)
        return 0;
    s->waits = true;
    s->watch.look(s->watch.data, &unknown);
    sqlite3_sleep(tries < BUSY_PAUSE_MS ? tries + 1 : BUSY_PAUSE_MS);
    return 1;
}

static void
wait_is_over(struct tenon_store *s)
{
    if (!s->waits)
        return;
    s->waits = false;
    s->watch.look(s->watch.data, NULL);
}

/* Until somebody else watches. */
static void
notice(void *store, const struct tenon_lock_holder *holder)
{
    struct tenon_store *s = store;
    if (!holder)
        s->is_noticed = false;
    else if (!s->is_noticed && tenon_monotonic_ns() - s->waits_since_ns > NOTICE_NS) {
        s->is_noticed = true;
        tenon_log(TENON_LOG_NOTICE, "waiting for another process, which has %s/tenon.db locked",
                  s->path);
    }
}

void
tenon_store_watch(struct tenon_store *s, const struct tenon_lock_watch *watch)
{
    pthread_mutex_lock(&s->lock);
    s->watch = watch ? *watch : (struct tenon_lock_watch){ notice, s };
    pthread_mutex_unlock(&s->lock);
}

static int
exec(struct tenon_store *s, const char *sql, struct tenon_error *err)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    wait_is_over(s);
    return rc == SQLITE_OK ? 0 : failed(s, err);
}

static int
read_version(struct tenon_store *s, int64_t *version, struct tenon_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
        return failed(s, err);
    int rc = sqlite3_step(stmt);
    *version = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? 0 : failed(s, err);
}

/* Another process may be doing it just now: decide under the lock. */
static int
bring_up_to_date(struct tenon_store *s, struct tenon_error *err)
{
    int64_t version;
    if (exec(s, "PRAGMA journal_mode=WAL;", err) < 0 || exec(s, "BEGIN IMMEDIATE", err) < 0)
        return err->code;
    int rc = read_version(s, &version, err);
    if (rc == 0 && version == 0)
        rc = exec(s, store_schema, err);
    for (; rc == 0 && version >= STORE_SCHEMA_OLDEST && version < STORE_SCHEMA; version++)
        rc = exec(s, store_schema_steps[version - STORE_SCHEMA_OLDEST], err);
    if (rc < 0 || exec(s, "COMMIT", err) < 0) {
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        return err->code;
    }
    return 0;
}

static int
make_connection(struct tenon_store *s, struct tenon_error *err)
{
    auto_free char *file = tenon_asprintf("%s/tenon.db", s->path);

    if (sqlite3_open_v2(file, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return s->db ? failed(s, err) : tenon_error_set(err, TENON_E_NOMEM, "open %s", file);
    sqlite3_busy_handler(s->db, wait_for_others, s);
    /* Folding the log into the file costs two flushes; not at the end of every
     * build, SQLite does it when the log has grown. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return exec(s, "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;", err);
}

enum { MAKE_TRIES = 400, MAKE_PAUSE_MS = 5 };

static int
check_version(struct tenon_store *s, struct tenon_error *err)
{
    /* While the first process turns WAL on, the others get "busy" without the
     * wait that the time limit promises. */
    int64_t version = 0;
    int rc;
    for (int i = 0;; i++) {
        rc = read_version(s, &version, err);
        if (rc == 0 && (version == 0 ||
                        (version >= STORE_SCHEMA_OLDEST && version < STORE_SCHEMA))) {
            rc = bring_up_to_date(s, err);
            if (rc == 0)
                continue; /* read what it is now */
        }
        if (rc != TENON_E_UNAVAILABLE || i >= MAKE_TRIES)
            break;
        tenon_error_release(err);
        sqlite3_sleep(MAKE_PAUSE_MS);
    }
    if (rc < 0)
        return rc;
    s->is_spoilt = s->is_spoilt || version != STORE_SCHEMA;
    if (version > STORE_SCHEMA)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "store %s was written by a newer tenon (schema %lld)", s->path,
                               (long long)version);
    if (version != STORE_SCHEMA) {
        tenon_error_set(err, TENON_E_UNSUPPORTED,
                        "store %s was written by an older tenon (schema %lld)", s->path,
                        (long long)version);
        return tenon_error_hint(err, "it holds cache only: remove %s", s->path);
    }
    return 0;
}

int
db_open(struct tenon_store *s, struct tenon_error *err)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    tenon_store_watch(s, NULL);
    if (!store_spare_take(s->spares, s) && make_connection(s, err) < 0)
        return err->code;
    sqlite3_busy_handler(s->db, wait_for_others, s);
    return check_version(s, err);
}

/* The next open reads the whole log.  Folding it in costs two flushes, so it is
 * done when it has grown, and when no other process needs it. */
static const off_t LONG_LOG = 2 << 20;

static void
shorten_log(struct tenon_store *s)
{
    struct stat st;
    if (fstatat(s->fd, "tenon.db-wal", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size < LONG_LOG)
        return;
    sqlite3_busy_timeout(s->db, 0);
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void
db_close(struct tenon_store *s)
{
    shorten_log(s);
    if (!store_spare_put(s->spares, s))
        store_disconnect(s->db, s->statements);
    pthread_mutex_destroy(&s->lock);
}

static struct db_statement *
statement(struct tenon_store *s, const char *sql, struct tenon_error *err)
{
    for (struct db_statement *d = s->statements; d; d = d->next)
        if (!d->busy && (d->sql == sql || !strcmp(d->sql, sql)))
            return d;
    struct db_statement *d = tenon_new0(struct db_statement);
    d->sql = sql;
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &d->stmt, NULL) !=
        SQLITE_OK) {
        failed(s, err);
        free(d);
        return NULL;
    }
    d->next = s->statements;
    s->statements = d;
    return d;
}

int
db_begin(struct tenon_store *s, struct db_query *q, const char *sql, struct tenon_error *err)
{
    pthread_mutex_lock(&s->lock);
    struct db_statement *d = statement(s, sql, err);
    *q = (struct db_query){ s, d ? d->stmt : NULL };
    if (!d) {
        pthread_mutex_unlock(&s->lock);
        return err->code;
    }
    d->busy = true;
    return 0;
}

/* The file is kept for long and goes to backups: it has no passwords of URLs, in descriptions,
 * parts of keys or names of caches. What is looked for is changed as what was kept, so it is
 * found. */
void
db_text(struct db_query *q, int at, const char *value)
{
    auto_free char *kept = value && strstr(value, "://") ? tenon_url_conceal_id(value) : NULL;
    if (value)
        sqlite3_bind_text(q->stmt, at, kept ? kept : value, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(q->stmt, at);
}

/* For people, and not looked for: it can have less than an id. */
static void
bind_words(struct db_query *q, int at, const char *value)
{
    auto_free char *shown = value && tenon_url_maybe(value) ? tenon_url_conceal(value) : NULL;
    db_text(q, at, shown ? shown : value);
}

void
db_int(struct db_query *q, int at, int64_t value)
{
    sqlite3_bind_int64(q->stmt, at, value);
}

int
db_step(struct db_query *q, struct tenon_error *err)
{
    int rc = sqlite3_step(q->stmt);
    wait_is_over(q->store);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : failed(q->store, err);
}

const char *
db_get_text(struct db_query *q, int column)
{
    return (const char *)sqlite3_column_text(q->stmt, column);
}

int64_t
db_get_int(struct db_query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

void
db_end(struct db_query *q)
{
    if (!q->stmt)
        return;
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    for (struct db_statement *d = q->store->statements; d; d = d->next)
        if (d->stmt == q->stmt)
            d->busy = false;
    q->stmt = NULL;
    pthread_mutex_unlock(&q->store->lock);
}

int
db_run(struct tenon_store *s, struct tenon_error *err, const char *sql, const char *fmt, ...)
{
    struct db_query q;
    if (db_begin(s, &q, sql, err) < 0)
        return err->code;
    va_list ap;
    va_start(ap, fmt);
    for (int at = 1; fmt[at - 1]; at++)
        if (fmt[at - 1] == 't')
            db_text(&q, at, va_arg(ap, const char *));
        else if (fmt[at - 1] == 'w')
            bind_words(&q, at, va_arg(ap, const char *));
        else
            db_int(&q, at, va_arg(ap, int64_t));
    va_end(ap);
    int rc = db_step(&q, err);
    db_end(&q);
    return rc < 0 ? rc : 0;
}

int
db_transaction(struct tenon_store *s, struct tenon_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (exec(s, "BEGIN IMMEDIATE", err) < 0) {
        pthread_mutex_unlock(&s->lock);
        return err->code;
    }
    return 0;
}

int
db_commit(struct tenon_store *s, struct tenon_error *err)
{
    int rc = exec(s, "COMMIT", err);
    if (rc < 0)
        exec(s, "ROLLBACK", &(struct tenon_error)TENON_ERROR_INIT);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void
db_rollback(struct tenon_store *s)
{
    struct tenon_error ignored = TENON_ERROR_INIT;
    exec(s, "ROLLBACK", &ignored);
    tenon_error_release(&ignored);
    pthread_mutex_unlock(&s->lock);
}

int64_t
db_last_id(struct tenon_store *s)
{
    return sqlite3_last_insert_rowid(s->db);
}

/* store/private.h - what the files of the store share. */
#ifndef TENON_STORE_PRIVATE_H
#define TENON_STORE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

struct tenon_store {
    char *path;
    int fd;          /* O_PATH of the root */
    int blobs_fd;    /* content/blobs/sha256 */
    int snapshots_fd, tmp_fd, locks_fd;
    bool userxattr; /* rootless: overlay marks are user.overlay.*, not trusted.* */
    struct tenon_lock *lease;
    char *lease_name; /* in locks/ */
    int64_t began_ns; /* of the lease */
    struct tenon_bounds bounds[TENON_LEFT_KINDS];
    struct tenon_limits limits;
    bool left[TENON_LEFT_KINDS]; /* by this process; atomic */
    int64_t history_bytes; /* of the records that were written here since the last look; atomic */
    char boot[40]; /* id of this start of the machine; empty: not known */
    uint64_t log_total; /* bytes of the logs that were written here; atomic */
    sqlite3 *db;
    struct tenon_store_spares *spares; /* where it goes; NULL: it is closed */
    bool is_spoilt; /* nobody else shall have it */
    pthread_mutex_t lock; /* the connection and the statements */
    struct db_statement *statements;
    struct tenon_lock_watch watch; /* of waits for other processes' transactions */
    uint64_t waits_since_ns;
    bool waits, is_noticed;
    struct { /* copies.c */
        pthread_mutex_t lock;
        bool on, told, looked; /* atomic */
        char *why; /* set with on, then left alone */
        struct store_view *views;
    } copies;
    struct { /* deep.c */
        pthread_mutex_t lock;
        struct store_deep *trees;
    } deep;
    struct { /* tmpfs.c; made once, under the lock */
        pthread_mutex_t lock;
        bool is_tried;
        char *name; /* below tmp/ */
        int fd, lock_fd;
    } tmpfs;
    struct { /* mapped.c; made once, under the lock */
        pthread_mutex_t lock;
        bool is_tried;
        bool is_off;      /* atomic */
        char *path;       /* of the store, with other ids; NULL: there is none */
        int snapshots_fd; /* the same of snapshots/ */
        uint32_t first, root;
        char *why_none;
    } mapped;
};

/* ---- schema.c ----------------------------------------------------------------- */
enum { STORE_SCHEMA = 4, STORE_SCHEMA_OLDEST = 3 /* that can become it */ };
extern const char store_schema[];
/* [0]: from the oldest to the next. */
extern const char *const store_schema_steps[STORE_SCHEMA - STORE_SCHEMA_OLDEST];

/* ---- boot.c ------------------------------------------------------------------- */
/* At the first opening since the machine was started: forget what was not known to be on disk
 * when it went down, and what has lost its files.  UNAVAILABLE: another machine has it open. */
int store_after_start(struct tenon_store *s, struct tenon_error *err);
/* tenon_store_flush; between is called, for tests, when what will be sure is decided. */
int store_flush(struct tenon_store *s, void (*between)(void *data), void *data,
                struct tenon_error *err);

/* ---- db.c: one connection, statements prepared once -------------------------- */
/* sql text -> statement; the texts are literals, compared by address first */
struct db_statement {
    const char *sql;
    sqlite3_stmt *stmt;
    bool busy;
    struct db_statement *next;
};
int db_open(struct tenon_store *s, struct tenon_error *err);
void db_close(struct tenon_store *s);

/* A statement in use: the store is locked from begin to end.
 *   struct db_query q; if (db_begin(s, &q, "SELECT ...", err) < 0) ...
 *   db_text(&q, 1, x); while ((rc = db_step(&q, err)) == 1) ...; db_end(&q); */
struct db_query {
    struct tenon_store *store;
    sqlite3_stmt *stmt;
};
int db_begin(struct tenon_store *s, struct db_query *q, const char *sql,
             struct tenon_error *err);
void db_text(struct db_query *q, int at, const char *value); /* NULL: null */
void db_int(struct db_query *q, int at, int64_t value);
int db_step(struct db_query *q, struct tenon_error *err); /* 1 row, 0 end */
const char *db_get_text(struct db_query *q, int column); /* valid until the next step */
int64_t db_get_int(struct db_query *q, int column);
void db_end(struct db_query *q);
/* The same for a statement that gives no row; fmt: 't' text that is looked for, 'w' words for
 * people, 'i' int64_t. */
int db_run(struct tenon_store *s, struct tenon_error *err, const char *sql,
           const char *fmt, ...);

/* A transaction holds the store (recursively: db_run and db_begin inside). */
int db_transaction(struct tenon_store *s, struct tenon_error *err);
int db_commit(struct tenon_store *s, struct tenon_error *err);
void db_rollback(struct tenon_store *s);
int64_t db_last_id(struct tenon_store *s);

/* ---- closed.c ----------------------------------------------------------------- */
/* Before anything of the store is opened: its root and parts are ours, no links, and closed
 * to others from here on; DENIED with what is not. */
int store_close_to_others(struct tenon_store *s, struct tenon_error *err);

/* ---- flock.c ------------------------------------------------------------------ */
/* flock a directory or file; 0, or -errno */
int store_flock(int fd, int operation);
/* Is name still what fd is? */
bool store_still_there(int dirfd, const char *name, int fd);

/* ---- temp.c ------------------------------------------------------------------- */
char *store_temp_name(const char *prefix); /* "work-PID-N" */
/* A fresh locked directory below tmp/; its descriptor, and *name malloc'ed. */
int store_temp_dir(struct tenon_store *s, const char *prefix, char **name,
                   struct tenon_error *err);

/* ---- steplog.c ---------------------------------------------------------------- */
/* The builds whose steps' output is there; NULL: none. */
int store_log_builds(struct tenon_store *s, char ***names, struct tenon_error *err);
/* When it began and was written to last, and what it takes of the disk. */
void store_log_measure(struct tenon_store *s, const char *build, int64_t *created_ns,
                       int64_t *used_ns, int64_t *bytes);
void store_log_remove(struct tenon_store *s, const char *build);

/* ---- history.c ---------------------------------------------------------------- */
/* When the build ended, and what the record takes of the disk; whether it is pinned. */
bool store_history_measure(struct tenon_store *s, const char *name, int64_t *ended_ns,
                           int64_t *bytes);
/* By its directory. */
int store_history_remove(struct tenon_store *s, const char *name, struct tenon_error *err);
/* Is it time to measure all? */
bool store_history_is_due(struct tenon_store *s);

/* ---- tmpfs.c ------------------------------------------------------------------ */
/* A directory in memory that is there as long as the store is open, and its name
 * below tmp/; -1 when there can be none. */
int store_tmpfs(struct tenon_store *s, const char **name);
void store_tmpfs_close(struct tenon_store *s);

/* ---- mapped.c ----------------------------------------------------------------- */
/* Overlays of it cannot be made here. */
void store_mapped_turn_off(struct tenon_store *s);
void store_mapped_close(struct tenon_store *s);

/* ---- snapshot.c --------------------------------------------------------------- */
/* In a transaction: delete its row, and the records that need it, unless it was used
 * since.  1: gone. */
int store_delete_snapshot(struct tenon_store *s, int64_t id, int64_t before,
                          struct tenon_error *err);

/* ---- record.c ----------------------------------------------------------------- */
/* r->outputs, of the column of that name; false: it is not of that form. */
bool store_parse_outputs(const char *text, struct tenon_record *r);

/* ---- whence.c ----------------------------------------------------------------- */
/* rows[].origin, of snapshots and their blobs. */
int store_find_origins(struct tenon_store *s, struct tenon_usage_row *rows, size_t count,
                       struct tenon_error *err);
/* Is it what tenon_prune_options.origin asks for? */
bool store_is_origin(const char *wanted, const char *origin);
/* In a transaction: the records of that origin which were not used since. */
int store_delete_imported(struct tenon_store *s, const char *wanted, int64_t before,
                          struct tenon_error *err);

/* ---- disksize.c --------------------------------------------------------------- */
uint64_t store_disk_bytes(int dirfd, const char *name); /* st_blocks, links once */

/* ---- copytree.c --------------------------------------------------------------- */
/* Recursive copy with modes, owners, times, links and xattrs. */
int store_copy_tree(int from, int to, struct tenon_error *err);
/* The same of a layer onto a copy of what is below it. */
int store_copy_layer(struct tenon_store *s, int from, int to, struct tenon_error *err);
/* The same with links to the files in place of copies: to be looked at only. */
int store_link_tree(int from, int to, struct tenon_error *err);
int store_link_layer(struct tenon_store *s, int from, int to, struct tenon_error *err);
/* Owner, mode and attributes of a directory alone. */
int store_copy_root(int from, int to, struct tenon_error *err);

/* ---- gone.c ------------------------------------------------------------------- */
/* The mark that tenon_snapshot_is_gone tells. */
int store_mark_gone(int dirfd, const char *name, struct tenon_error *err);

#endif

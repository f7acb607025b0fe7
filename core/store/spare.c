/* store/spare.c - see spare.h.
 *
 * To open a database is to read its schema, and the first of a process to have it open reads all
 * of the log; to prepare a statement is to parse it.  Of a connection that nobody uses there is
 * no lock and no lease: other processes prune, and fold the log in, as if it were not there. */
#include "store/spare.h"

#include <pthread.h>
#include <string.h>

#include "tools/alloc.h"

/* Each has two descriptors, and all have one.  A build of a client needs two at a time, for Solve
 * and for Status. */
enum { SPARES_MAX = 2 };

struct spare {
    char *path; /* of the store */
    sqlite3 *db;
    struct db_statement *statements;
};

struct tenon_store_spares {
    pthread_mutex_t lock;
    struct spare list[SPARES_MAX];
    size_t len;
};

struct tenon_store_spares *
tenon_store_spares_new(void)
{
    struct tenon_store_spares *spares = tenon_new0(struct tenon_store_spares);

    pthread_mutex_init(&spares->lock, NULL);
    return spares;
}

void
store_disconnect(sqlite3 *db, struct db_statement *statements)
{
    while (statements) {
        struct db_statement *next = statements->next;
        sqlite3_finalize(statements->stmt);
        free(statements);
        statements = next;
    }
    sqlite3_close(db);
}

static void
close_spare(struct spare *x)
{
    store_disconnect(x->db, x->statements);
    free(x->path);
}

void
tenon_store_spares_free(struct tenon_store_spares *spares)
{
    if (!spares)
        return;
    for (size_t i = 0; i < spares->len; i++)
        close_spare(&spares->list[i]);
    pthread_mutex_destroy(&spares->lock);
    free(spares);
}

/* The last that was put, which knows most of what is in the file. */
static bool
take_last(struct tenon_store_spares *spares, const char *path, struct spare *out)
{
    bool found = false;

    pthread_mutex_lock(&spares->lock);
    for (size_t i = spares->len; i-- > 0 && !found;) {
        found = !strcmp(spares->list[i].path, path);
        if (!found)
            continue;
        *out = spares->list[i];
        memmove(&spares->list[i], &spares->list[i + 1],
                (--spares->len - i) * sizeof *spares->list);
    }
    pthread_mutex_unlock(&spares->lock);
    return found;
}

/* Somebody may have removed the store, and made one of its name. */
static bool
is_of_the_file(sqlite3 *db)
{
    int moved = 1;

    return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && !moved;
}

bool
store_spare_take(struct tenon_store_spares *spares, struct tenon_store *s)
{
    struct spare x;

    while (spares && take_last(spares, s->path, &x)) {
        const bool good = is_of_the_file(x.db);
        if (good) {
            s->db = x.db;
            s->statements = x.statements;
            free(x.path);
            return true;
        }
        close_spare(&x);
    }
    return false;
}

bool
store_spare_put(struct tenon_store_spares *spares, struct tenon_store *s)
{
    if (!spares || s->is_spoilt || !sqlite3_get_autocommit(s->db))
        return false;
    sqlite3_busy_handler(s->db, NULL, NULL); /* it names the store, which ends */
    sqlite3_db_release_memory(s->db);
    pthread_mutex_lock(&spares->lock);
    const bool has_room = spares->len < SPARES_MAX;
    if (has_room)
        spares->list[spares->len++] = (struct spare){tenon_strdup(s->path), s->db, s->statements};
    pthread_mutex_unlock(&spares->lock);
    return has_room;
}

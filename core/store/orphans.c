/* store/orphans.c - trees and blobs without a row.
 *
 * Both get their names inside the write transaction that adds the row, so that what has
 * no row while we hold such a transaction belongs to no process.  It is moved to tmp/
 * there, which is quick, and removed afterwards; should we be killed in between, the
 * sweep of tmp/ removes it. */
#include "store/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"

struct place {
    const char *dir;   /* below the root */
    const char *query; /* is there a row? */
    bool blobs;        /* names are hex digits, not numbers */
};

static const struct place places[] = {
    { "snapshots", "SELECT 1 FROM snapshot WHERE id = ?1", false },
    { "cache-mounts", "SELECT 1 FROM cache WHERE n = ?1", false },
    { "content/blobs/sha256", "SELECT 1 FROM blob WHERE digest = ?1", true },
};

/* 1 also for a name that is not a number or digest ("empty"): it stays. */
static int
has_row(struct tenon_store *s, const struct place *p, const char *name, struct tenon_error *err)
{
    uint64_t n = 0;
    struct tenon_digest d;
    auto_free char *digest = p->blobs ? tenon_asprintf("sha256:%s", name) : NULL;
    if (p->blobs ? !tenon_digest_parse(digest, &d)
                 : !tenon_parse_u64(name, 10, &n) || n > INT64_MAX)
        return 1;
    struct db_query q;
    if (db_begin(s, &q, p->query, err) < 0)
        return err->code;
    if (p->blobs)
        db_text(&q, 1, d.str);
    else
        db_int(&q, 1, (int64_t)n);
    int rc = db_step(&q, err);
    db_end(&q);
    return rc;
}

/* The names without a row, as far as can be seen without excluding writers. */
static int
find(struct tenon_store *s, const struct place *p, char ***names, struct tenon_error *err)
{
    int fd = openat(s->fd, p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return errno == ENOENT ? 0 : tenon_error_sys(err, "read %s/%s", s->path, p->dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        int rc = e->d_name[0] == '.' ? 1 : has_row(s, p, e->d_name, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            tenon_strv_push(names, tenon_strdup(e->d_name));
    }
    return 0;
}

/* Look again, now alone, and move what still has no row. */
static int
move_away(struct tenon_store *s, const struct place *p, char *const *names, char ***gone,
          struct tenon_error *err)
{
    if (db_transaction(s, err) < 0)
        return err->code;
    for (; names && *names; names++) {
        int rc = has_row(s, p, *names, err);
        if (rc < 0) {
            db_rollback(s);
            return rc;
        }
        if (rc == 1)
            continue;
        auto_free char *from = tenon_asprintf("%s/%s", p->dir, *names);
        auto_free char *to = store_temp_name("gone");
        if (renameat(s->fd, from, s->tmp_fd, to) == 0)
            tenon_strv_push(gone, tenon_steal(&to));
    }
    return db_commit(s, err);
}

static void
remove_all(struct tenon_store *s, char **gone)
{
    for (char **g = gone; g && *g; g++) {
        auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* left to the sweep */
        tenon_remove_tree(s->tmp_fd, *g, &ignored);
    }
    tenon_strv_free(gone);
}

int
store_collect_snapshots(struct tenon_store *s, char *const *numbers, struct tenon_error *err)
{
    char **gone = NULL;
    int rc = numbers ? move_away(s, &places[0], numbers, &gone, err) : 0;
    remove_all(s, gone);
    return rc;
}

int
store_list_orphans(struct tenon_store *s, char ***paths, struct tenon_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < tenon_countof(places); i++) {
        char **names = NULL;
        rc = find(s, &places[i], &names, err);
        if (rc == 0 && names && (rc = db_transaction(s, err)) == 0) {
            for (char **n = names; rc >= 0 && *n; n++) {
                rc = has_row(s, &places[i], *n, err);
                if (rc == 0)
                    tenon_strv_push(paths, tenon_asprintf("%s/%s", places[i].dir, *n));
            }
            db_rollback(s);
        }
        tenon_strv_free(names);
    }
    return rc < 0 ? rc : 0;
}

int
store_collect_orphans(struct tenon_store *s, const struct tenon_prune_options *o,
                      struct tenon_error *err)
{
    int rc = 0;
    char **gone = NULL;
    for (size_t i = 0; rc == 0 && i < tenon_countof(places); i++) {
        char **names = NULL;
        rc = find(s, &places[i], &names, err);
        if (o->at)
            o->at(o->at_data, TENON_PRUNE_FOUND);
        if (rc == 0 && names)
            rc = move_away(s, &places[i], names, &gone, err);
        tenon_strv_free(names);
    }
    remove_all(s, gone);
    return rc;
}

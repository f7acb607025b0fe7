/* store/imagenames.c - images by name. */
#include <stdlib.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/private.h"

int
tenon_image_set(struct tenon_store *s, const char *name, const char *digest, const char *media_type,
                int64_t size_bytes, struct tenon_error *err)
{
    return db_run(s, err, "INSERT OR REPLACE INTO image (name, digest, media_type, size, created)"
                  " VALUES (?1, ?2, ?3, ?4, ?5)", "tttii", name, digest, media_type, size_bytes,
                  (int64_t)tenon_now_ns());
}

void
tenon_image_row_release(struct tenon_image_row *r)
{
    free(r->name);
    free(r->digest);
    free(r->media_type);
    *r = (struct tenon_image_row){0};
}

static void
read_row(struct db_query *q, struct tenon_image_row *r)
{
    r->name = tenon_strdup(db_get_text(q, 0));
    r->digest = tenon_strdup(db_get_text(q, 1));
    r->media_type = tenon_strdup(db_get_text(q, 2));
    r->size_bytes = db_get_int(q, 3);
    r->created_ns = db_get_int(q, 4);
}

int
tenon_image_get(struct tenon_store *s, const char *name, struct tenon_image_row *out,
                struct tenon_error *err)
{
    struct db_query q;
    if (db_begin(s, &q, "SELECT name, digest, media_type, size, created FROM image WHERE name = ?1",
                 err) < 0)
        return err->code;
    db_text(&q, 1, name);
    int rc = db_step(&q, err);
    if (rc == 1)
        read_row(&q, out);
    db_end(&q);
    if (rc == 0)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "image %s: not found", name);
    return rc < 0 ? rc : 0;
}

int
tenon_image_list(struct tenon_store *s, struct tenon_image_row **rows, size_t *count,
                 struct tenon_error *err)
{
    TENON_VEC(struct tenon_image_row) list = {0};
    struct db_query q;
    if (db_begin(s, &q, "SELECT name, digest, media_type, size, created FROM image ORDER BY name",
                 err) < 0)
        return err->code;
    int rc;
    while ((rc = db_step(&q, err)) == 1)
        read_row(&q, tenon_vec_add(&list));
    db_end(&q);
    *rows = list.items;
    *count = list.len;
    return rc;
}

int
tenon_image_remove(struct tenon_store *s, const char *name, struct tenon_error *err)
{
    struct tenon_image_row row = {0};
    if (tenon_image_get(s, name, &row, err) < 0)
        return err->code;
    tenon_image_row_release(&row);
    return db_run(s, err, "DELETE FROM image WHERE name = ?1", "t", name);
}

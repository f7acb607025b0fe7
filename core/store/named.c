/* store/named.c - see named.h. */
#include "store/named.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "tools/alloc.h"

enum { MANIFEST_MAX = 8 << 20 };

bool
store_is_named(const struct store_named *k, const char *digest)
{
    tenon_vec_foreach(d, &k->digests)
        if (!strcmp(*d, digest))
            return true;
    return false;
}

/* Being asked about is no use of it, so it is not marked. */
static int
read_document(struct tenon_store *s, const char *digest, struct tenon_buf *out,
              struct tenon_error *err)
{
    struct tenon_digest d;
    if (!tenon_digest_parse(digest, &d))
        return tenon_error_set(err, TENON_E_INVALID, "invalid digest");
    auto_close int fd =
        openat(s->blobs_fd, tenon_digest_hex(&d), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? tenon_error_sys(err, "blob %s", digest)
                  : tenon_read_all(fd, MANIFEST_MAX, out, err);
}

/* Any document: every "digest" in it is something it needs. */
static void
keep_from(struct tenon_store *s, struct json_object *o, struct store_named *k, unsigned depth);

static void
keep(struct tenon_store *s, const char *digest, struct store_named *k, unsigned depth)
{
    if (store_is_named(k, digest) || depth > 4)
        return;
    tenon_vec_push(&k->digests, tenon_strdup(digest));
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    auto_json struct json_object *o = NULL;
    if (read_document(s, digest, &b, &ignored) == 0 && b.len && b.data[0] == '{' &&
        tenon_json_parse(b.data, b.len, MANIFEST_MAX, &o, &ignored) == 0)
        keep_from(s, o, k, depth + 1);
}

static void
keep_from(struct tenon_store *s, struct json_object *o, struct store_named *k, unsigned depth)
{
    if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            keep_from(s, json_object_array_get_idx(o, i), k, depth);
    } else if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, value) {
            if (!strcmp(key, "digest") && json_object_is_type(value, json_type_string))
                keep(s, json_object_get_string(value), k, depth);
            else
                keep_from(s, value, k, depth);
        }
    }
}

void
store_named_add(struct tenon_store *s, const char *digest, struct store_named *k)
{
    keep(s, digest, k, 0);
}

int
store_named_list(struct tenon_store *s, struct store_named *k, struct tenon_error *err)
{
    struct tenon_image_row *rows;
    size_t n;
    if (tenon_image_list(s, &rows, &n, err) < 0)
        return err->code;
    for (size_t i = 0; i < n; i++) {
        keep(s, rows[i].digest, k, 0);
        tenon_image_row_release(&rows[i]);
    }
    free(rows);
    return 0;
}

void
store_named_release(struct store_named *k)
{
    tenon_vec_foreach(d, &k->digests)
        free(*d);
    tenon_vec_release(&k->digests);
}

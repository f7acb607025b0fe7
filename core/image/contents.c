/* image/contents.c - see contents.h.  The text is what Go's json.MarshalIndent makes of the
 * peer's table, member by member: readers compare digests of it. */
#include "image/contents.h"

#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "image/tarscan.h"
#include "image/tarsplit.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/vec.h"

#define CHUNK_BYTES ((int64_t)4 << 20)
#define TIME_MAX INT64_C(9000000000) /* seconds: what fits into nanoseconds */

struct chunk {
    int64_t offset, end, size;
    struct tenon_digest digest;
};

struct tenon_contents {
    struct tenon_contents_sink sink;
    struct tenon_tarscan *scan;
    struct tenon_tarsplit *split; /* NULL: not wanted */
    struct tenon_buf table; /* entries, without what is around them */
    /* the file whose data pass */
    int64_t left;              /* of it */
    int64_t chunk_left;
    struct tenon_buf head, tail; /* members of its entry, before and behind its offset */
    char *name;
    struct tenon_hash *whole, *part;
    TENON_VEC(struct chunk) chunks; /* the last is the one at hand */
};

/* ---- text ------------------------------------------------------------------ */

#define MEMBER "\t\t\t"

static void
add_key(struct tenon_buf *b, const char *key)
{
    tenon_buf_addf(b, "%s" MEMBER "\"%s\": ", b->len ? ",\n" : "", key);
}

static void
add_text(struct tenon_buf *b, const char *key, const char *value)
{
    if (!*value)
        return;
    add_key(b, key);
    tenon_json_add_string(b, value, strlen(value), true);
}

static void
add_number(struct tenon_buf *b, const char *key, int64_t value)
{
    if (!value)
        return;
    add_key(b, key);
    tenon_buf_addf(b, "%" PRId64, value);
}

static void
add_xattrs(struct tenon_buf *b, const struct tenon_tarscan_entry *e)
{
    if (!e->xattr_count)
        return;
    add_key(b, "xattrs");
    for (size_t i = 0; i < e->xattr_count; i++) {
        const struct tenon_tar_xattr *x = &e->xattrs[i];
        auto_free char *value = tenon_base64(x->value, x->len);
        tenon_buf_adds(b, i ? ",\n" MEMBER "\t" : "{\n" MEMBER "\t");
        tenon_json_add_string(b, x->name, strlen(x->name), true);
        tenon_buf_addf(b, ": \"%s\"", value);
    }
    tenon_buf_adds(b, "\n" MEMBER "}");
}

static const char *
kind_of(char type)
{
    static const char *const kinds[] = {
        [TENON_TAR_FILE - '0'] = "reg",      [TENON_TAR_HARDLINK - '0'] = "hardlink",
        [TENON_TAR_SYMLINK - '0'] = "symlink", [TENON_TAR_CHAR - '0'] = "char",
        [TENON_TAR_BLOCK - '0'] = "block",   [TENON_TAR_DIR - '0'] = "dir",
        [TENON_TAR_FIFO - '0'] = "fifo",
    };
    return kinds[type - '0'];
}

/* All but where its data are. */
static void
add_head(struct tenon_buf *b, const struct tenon_tarscan_entry *e)
{
    const bool is_link = e->type == TENON_TAR_HARDLINK || e->type == TENON_TAR_SYMLINK;
    add_text(b, "name", e->name);
    add_text(b, "type", kind_of(e->type));
    add_number(b, "size", e->size);
    if (e->mtime && e->mtime > -TIME_MAX && e->mtime < TIME_MAX) {
        auto_free char *time = tenon_format_time(e->mtime * 1000000000);
        add_text(b, "modtime", time);
    }
    add_text(b, "linkName", is_link ? e->link : "");
    add_number(b, "mode", e->mode);
    add_number(b, "uid", e->uid);
    add_number(b, "gid", e->gid);
    add_text(b, "userName", e->user);
    add_text(b, "groupName", e->group);
}

static void
add_tail(struct tenon_buf *b, const struct tenon_tarscan_entry *e)
{
    if (e->type == TENON_TAR_CHAR || e->type == TENON_TAR_BLOCK) {
        add_number(b, "devMajor", e->major);
        add_number(b, "devMinor", e->minor);
    }
    add_xattrs(b, e);
}

static void
add_members(struct tenon_buf *b, const struct tenon_buf *members)
{
    if (members->len)
        tenon_buf_addf(b, "%s%s", b->len ? ",\n" : "", members->data);
}

static void
add_entry(struct tenon_contents *c, const struct tenon_buf *members)
{
    tenon_buf_addf(&c->table, "%s\t\t{\n%s\n\t\t}", c->table.len ? ",\n" : "", members->data);
}

/* ---- files ----------------------------------------------------------------- */

static int
start_chunk(struct tenon_contents *c, struct tenon_error *err)
{
    struct chunk next = { .size = c->left < CHUNK_BYTES ? c->left : CHUNK_BYTES };
    if (c->sink.cut(c->sink.data, &next.offset, err) < 0)
        return err->code;
    c->chunk_left = next.size;
    tenon_vec_push(&c->chunks, next);
    return 0;
}

static int
end_chunk(struct tenon_contents *c, struct tenon_error *err)
{
    struct chunk *k = &c->chunks.items[c->chunks.len - 1];
    tenon_hash_final(c->part, &k->digest);
    return c->sink.has_ends ? c->sink.cut(c->sink.data, &k->end, err) : 0;
}

/* The entry of a file and, behind it, one of each further chunk. */
static void
end_file(struct tenon_contents *c)
{
    struct tenon_digest whole;
    int64_t at = 0;
    tenon_hash_final(c->whole, &whole);
    for (size_t i = 0; i < c->chunks.len; i++) {
        const struct chunk *k = &c->chunks.items[i];
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        if (i == 0) {
            add_members(&b, &c->head);
        } else {
            add_text(&b, "name", c->name);
            add_text(&b, "type", "chunk");
        }
        add_number(&b, "offset", k->offset);
        add_number(&b, "endOffset", k->end);
        if (i == 0) {
            add_members(&b, &c->tail);
            add_text(&b, "digest", whole.str);
        }
        add_number(&b, "chunkOffset", at);
        /* without: up to the end of the file */
        add_number(&b, "chunkSize", k->size == CHUNK_BYTES ? k->size : 0);
        add_text(&b, "chunkDigest", k->digest.str);
        add_entry(c, &b);
        at += k->size;
    }
    c->chunks.len = 0;
}

static int
take_entry(void *data, const struct tenon_tarscan_entry *e, struct tenon_error *err)
{
    struct tenon_contents *c = data;
    if (c->split && tenon_tarsplit_entry(c->split, e, err) < 0)
        return err->code;
    auto_free char *clean = tenon_path_clean(e->name);
    const bool is_table = !strcmp(clean + strspn(clean, "/"), TENON_CONTENTS_NAME);
    if (is_table)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "there is a file \"%s\" in it, which is the name of the table",
                               TENON_CONTENTS_NAME);
    tenon_buf_clear(&c->head);
    tenon_buf_clear(&c->tail);
    add_head(&c->head, e);
    add_tail(&c->tail, e);
    c->left = e->size;
    if (e->type == TENON_TAR_FILE && e->size > 0) {
        free(c->name);
        c->name = tenon_strdup(e->name);
        return 0;
    }
    add_members(&c->head, &c->tail);
    if (e->type == TENON_TAR_FILE) {
        struct tenon_digest nothing;
        tenon_digest_of("", 0, &nothing);
        add_text(&c->head, "digest", nothing.str);
    }
    add_entry(c, &c->head);
    return 0;
}

static int
take_content(struct tenon_contents *c, const char *p, size_t len, struct tenon_error *err)
{
    while (len > 0) {
        if (!c->chunk_left && start_chunk(c, err) < 0)
            return err->code;
        const size_t n = (int64_t)len < c->chunk_left ? len : (size_t)c->chunk_left;
        tenon_hash_update(c->whole, p, n);
        tenon_hash_update(c->part, p, n);
        if (c->sink.write(c->sink.data, p, n, err) < 0)
            return err->code;
        p += n;
        len -= n;
        c->left -= (int64_t)n;
        c->chunk_left -= (int64_t)n;
        if (!c->chunk_left && end_chunk(c, err) < 0)
            return err->code;
    }
    if (!c->left)
        end_file(c);
    return 0;
}

static int
take_bytes(void *data, const void *buf, size_t len, bool is_content, struct tenon_error *err)
{
    struct tenon_contents *c = data;
    if (c->split && tenon_tarsplit_bytes(c->split, buf, len, is_content, err) < 0)
        return err->code;
    return is_content ? take_content(c, buf, len, err) : c->sink.write(c->sink.data, buf, len, err);
}

/* ---- the interface --------------------------------------------------------- */

struct tenon_contents *
tenon_contents_new(const struct tenon_contents_sink *sink, struct tenon_error *err)
{
    static const struct tenon_tarscan_ops ops = { take_entry, take_bytes };
    struct tenon_tarsplit *split = NULL;
    if (sink->has_ends && !(split = tenon_tarsplit_new(sink->level, err)))
        return NULL;
    struct tenon_contents *c = tenon_new0(struct tenon_contents);
    c->sink = *sink;
    c->split = split;
    c->scan = tenon_tarscan_new(&ops, c);
    c->whole = tenon_hash_new();
    c->part = tenon_hash_new();
    return c;
}

void
tenon_contents_free(struct tenon_contents *c)
{
    if (!c)
        return;
    tenon_tarscan_free(c->scan);
    tenon_tarsplit_free(c->split);
    tenon_hash_free(c->whole);
    tenon_hash_free(c->part);
    tenon_buf_release(&c->table);
    tenon_buf_release(&c->head);
    tenon_buf_release(&c->tail);
    tenon_vec_release(&c->chunks);
    free(c->name);
    free(c);
}

int
tenon_contents_write(struct tenon_contents *c, const void *buf, size_t len,
                     struct tenon_error *err)
{
    return tenon_tarscan_write(c->scan, buf, len, err);
}

int
tenon_contents_finish(struct tenon_contents *c, struct tenon_buf *table,
                      struct tenon_contents_rest *rest, struct tenon_error *err)
{
    if (tenon_tarscan_finish(c->scan, err) < 0 ||
        (c->split && tenon_tarsplit_finish(c->split, &rest->packed, &rest->size, err) < 0))
        return err->code;
    tenon_buf_adds(table, "{\n\t\"version\": 1,\n\t\"entries\": [");
    if (c->table.len) {
        tenon_buf_addc(table, '\n');
        tenon_buf_add(table, c->table.data, c->table.len);
        tenon_buf_adds(table, "\n\t");
    }
    tenon_buf_addc(table, ']');
    if (c->split && rest->packed.len) {
        struct tenon_digest digest;
        tenon_digest_of(rest->packed.data, rest->packed.len, &digest);
        tenon_buf_addf(table, ",\n\t\"tarSplitDigest\": \"%s\"", digest.str);
    }
    tenon_buf_adds(table, "\n}");
    return 0;
}

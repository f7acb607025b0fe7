/* image/tarsplit.c - see tarsplit.h.  A line of JSON is one part: the bytes between the data of two
 * files (type 2), or a file, with its name, size and CRC (type 1). */
#include "image/tarsplit.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/jsontext.h"
#include "tools/vec.h"

enum { KIND_FILE = 1, KIND_BYTES = 2, SLICES = 8, BYTE = 256 };
enum { OUT_BYTES = 1 << 16 };
enum { BETWEEN_MAX = 8 << 20 }; /* longer headers, or more at the end, nobody has */
#define CRC64_ISO UINT64_C(0xd800000000000000)

struct tenon_tarsplit {
    ZSTD_CCtx *zstd;
    struct tenon_buf packed;
    uint64_t size;          /* of all lines */
    uint64_t position;      /* the next line's number */
    struct tenon_buf between;
    char *name;             /* of the file whose data pass */
    int64_t file, left;     /* its bytes */
    uint64_t crc;
    TENON_VEC(uint64_t) names; /* hashes of them */
    bool is_inexact;
    uint64_t slices[SLICES][BYTE];
};

/* ---- CRC-64 of ISO 3309, eight bytes at a time ------------------------------------ */

static void
make_slices(uint64_t slices[SLICES][BYTE])
{
    for (unsigned i = 0; i < BYTE; i++) {
        uint64_t v = i;
        for (unsigned bit = 0; bit < 8; bit++)
            v = v & 1 ? v >> 1 ^ CRC64_ISO : v >> 1;
        slices[0][i] = v;
    }
    for (unsigned s = 1; s < SLICES; s++)
        for (unsigned i = 0; i < BYTE; i++)
            slices[s][i] = slices[0][slices[s - 1][i] & 0xff] ^ slices[s - 1][i] >> 8;
}

static uint64_t
crc64(const struct tenon_tarsplit *t, uint64_t crc, const unsigned char *p, size_t len)
{
    crc = ~crc;
    for (; len >= SLICES; p += SLICES, len -= SLICES) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        crc ^= le64toh(word);
        uint64_t next = 0;
        for (unsigned s = 0; s < SLICES; s++)
            next ^= t->slices[SLICES - 1 - s][crc >> 8 * s & 0xff];
        crc = next;
    }
    for (; len; len--)
        crc = t->slices[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
    return ~crc;
}

/* ---- lines ------------------------------------------------------------------------ */

static int
squeeze(struct tenon_tarsplit *t, const void *data, size_t len, ZSTD_EndDirective how,
        struct tenon_error *err)
{
    ZSTD_inBuffer in = {data, len, 0};
    char room[OUT_BYTES];
    for (;;) {
        ZSTD_outBuffer out = {room, sizeof room, 0};
        const size_t rc = ZSTD_compressStream2(t->zstd, &out, &in, how);
        if (ZSTD_isError(rc))
            return tenon_error_set(err, TENON_E_FAILED, "zstd: %s", ZSTD_getErrorName(rc));
        tenon_buf_add(&t->packed, room, out.pos);
        if (how == ZSTD_e_end ? rc == 0 : in.pos == in.size)
            return 0;
    }
}

static int
add_line(struct tenon_tarsplit *t, struct tenon_buf *line, const char *payload,
         struct tenon_error *err)
{
    if (payload)
        tenon_buf_addf(line, "\"payload\":\"%s\"", payload);
    else
        tenon_buf_adds(line, "\"payload\":null");
    tenon_buf_addf(line, ",\"position\":%" PRIu64 "}\n", t->position++);
    t->size += line->len;
    return squeeze(t, line->data, line->len, ZSTD_e_continue, err);
}

/* Before each header one line, which has all of it, and before that what fills the last file's
 * block: readers go by that. */
static int
add_between(struct tenon_tarsplit *t, struct tenon_error *err)
{
    auto_buf struct tenon_buf line = TENON_BUF_INIT;
    auto_free char *payload = tenon_base64(t->between.data ? t->between.data : "", t->between.len);
    if (!t->between.len)
        return 0;
    tenon_buf_clear(&t->between);
    tenon_buf_addf(&line, "{\"type\":%d,", KIND_BYTES);
    return add_line(t, &line, payload, err);
}

static int
add_file(struct tenon_tarsplit *t, struct tenon_error *err)
{
    auto_buf struct tenon_buf line = TENON_BUF_INIT;
    const uint64_t crc = htobe64(t->crc);
    auto_free char *sum = t->file ? tenon_base64(&crc, sizeof crc) : NULL;
    tenon_buf_addf(&line, "{\"type\":%d,\"name\":", KIND_FILE);
    tenon_json_add_string(&line, t->name, strlen(t->name), true);
    if (t->file)
        tenon_buf_addf(&line, ",\"size\":%" PRId64, t->file);
    tenon_buf_addc(&line, ',');
    return add_line(t, &line, sum, err);
}

/* ---- what passes ------------------------------------------------------------------- */

static void
note_name(struct tenon_tarsplit *t, const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a; two of one hash are as good as one name */
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    tenon_vec_push(&t->names, h);
}

static int
by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool
has_a_name_twice(struct tenon_tarsplit *t)
{
    if (t->names.len)
        qsort(t->names.items, t->names.len, sizeof *t->names.items, by_value);
    for (size_t i = 1; i < t->names.len; i++)
        if (t->names.items[i] == t->names.items[i - 1])
            return true;
    return false;
}

int
tenon_tarsplit_entry(struct tenon_tarsplit *t, const struct tenon_tarscan_entry *e,
                     struct tenon_error *err)
{
    t->is_inexact = t->is_inexact || !e->is_plain;
    if (t->is_inexact)
        return 0;
    note_name(t, e->name);
    free(t->name);
    t->name = tenon_strdup(e->name);
    t->file = t->left = e->size;
    t->crc = 0;
    if (add_between(t, err) < 0)
        return err->code;
    return e->size ? 0 : add_file(t, err);
}

int
tenon_tarsplit_bytes(struct tenon_tarsplit *t, const void *buf, size_t len, bool is_content,
                     struct tenon_error *err)
{
    if (t->is_inexact)
        return 0;
    if (!is_content) {
        t->is_inexact = t->between.len + len > BETWEEN_MAX;
        tenon_buf_add(&t->between, buf, len);
        return 0;
    }
    t->crc = crc64(t, t->crc, buf, len);
    t->left -= (int64_t)len;
    return t->left ? 0 : add_file(t, err);
}

static bool
is_zero(const struct tenon_buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i])
            return false;
    return true;
}

int
tenon_tarsplit_finish(struct tenon_tarsplit *t, struct tenon_buf *packed, uint64_t *size,
                      struct tenon_error *err)
{
    /* What follows the end of the archive readers would take for a header. */
    if (t->is_inexact || !is_zero(&t->between) || has_a_name_twice(t))
        return 0;
    if (add_between(t, err) < 0 || squeeze(t, "", 0, ZSTD_e_end, err) < 0)
        return err->code;
    *packed = t->packed;
    t->packed = (struct tenon_buf)TENON_BUF_INIT;
    *size = t->size;
    return 0;
}

struct tenon_tarsplit *
tenon_tarsplit_new(int level, struct tenon_error *err)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd || ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level))) {
        ZSTD_freeCCtx(zstd);
        tenon_error_set(err, TENON_E_NOMEM, "zstd: no memory");
        return NULL;
    }
    struct tenon_tarsplit *t = tenon_new0(struct tenon_tarsplit);
    t->zstd = zstd;
    make_slices(t->slices);
    return t;
}

void
tenon_tarsplit_free(struct tenon_tarsplit *t)
{
    if (!t)
        return;
    ZSTD_freeCCtx(t->zstd);
    tenon_buf_release(&t->packed);
    tenon_buf_release(&t->between);
    tenon_vec_release(&t->names);
    free(t->name);
    free(t);
}

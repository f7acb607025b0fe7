/* image/pieces.c - see pieces.h.  Blobs of others are read, too: nothing that they say is
 * believed, and what does not hold together is an ordinary layer. */
#include "image/pieces.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "image/contents.h"
#include "image/stream.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/vec.h"

#define TABLE_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define PLAIN_SIZE "io.containers.estargz.uncompressed-size"
#define CHECKSUM "io.github.containers.zstd-chunked.manifest-checksum"
#define POSITION "io.github.containers.zstd-chunked.manifest-position"
#define REST_POSITION "io.github.containers.zstd-chunked.tarsplit-position"

/* What claims more is an ordinary layer; a file has some 300 bytes in it. */
#define TABLE_MAX ((uint64_t)256 << 20)

enum { OFFSET_AT = 16, OFFSET_DIGITS = 16, TAR_BLOCK = 512, KIND_TABLE = 1 };

/* ---- words ------------------------------------------------------------------- */

bool
tenon_is_in_pieces(const char *compression)
{
    return compression &&
           (tenon_streq(compression, "estargz") || tenon_streq(compression, "zstd:chunked"));
}

const char *
tenon_layer_suffix(const char *compression)
{
    if (!compression || tenon_streq(compression, "gzip") || tenon_streq(compression, "estargz"))
        return "+gzip";
    return tenon_has_prefix(compression, "zstd") ? "+zstd" : "";
}

/* ---- the ends of blobs ----------------------------------------------------- */

/* RFC 1952: with an extra field, "SG" and 22 bytes; an empty stored block, no bytes. */
static const unsigned char stargz_head[OFFSET_AT] = { 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff,
                                                      26, 0, 'S', 'G', 22, 0 };
static const unsigned char stargz_tail[19] = { 'S', 'T', 'A', 'R', 'G', 'Z', 1, 0, 0, 0xff, 0xff };
static const unsigned char skip_magic[4] = { 0x50, 0x2a, 0x4d, 0x18 };
static const unsigned char chunked_magic[8] = { 'G', 'N', 'U', 'l', 'I', 'n', 'U', 'x' };
/* Before there was a rest (and by tenon, too): the table alone, and another magic. */
static const unsigned char older_magic[8] = { 'G', 'n', 'U', 'l', 'I', 'n', 'U', 'x' };
enum { OLDER_FOOTER = 48, FOOTER_NUMBERS = 7, OLDER_NUMBERS = 4 };

void
tenon_stargz_footer(int64_t offset, unsigned char out[TENON_STARGZ_FOOTER])
{
    char digits[OFFSET_DIGITS + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, (uint64_t)offset);
    memcpy(out, stargz_head, sizeof stargz_head);
    memcpy(out + OFFSET_AT, digits, OFFSET_DIGITS);
    memcpy(out + OFFSET_AT + OFFSET_DIGITS, stargz_tail, sizeof stargz_tail);
}

void
tenon_zstd_skip_head(uint32_t len, unsigned char out[TENON_ZSTD_SKIP_HEAD])
{
    const uint32_t le = htole32(len);
    memcpy(out, skip_magic, sizeof skip_magic);
    memcpy(out + sizeof skip_magic, &le, sizeof le);
}

void
tenon_chunked_footer(const struct tenon_chunked_part *table, const struct tenon_chunked_part *rest,
                     unsigned char out[TENON_CHUNKED_FOOTER])
{
    const uint64_t fields[FOOTER_NUMBERS] = {
        htole64(table->offset), htole64(table->len), htole64(table->size), htole64(KIND_TABLE),
        htole64(rest->offset), htole64(rest->len), htole64(rest->size),
    };
    tenon_zstd_skip_head(TENON_CHUNKED_FOOTER - TENON_ZSTD_SKIP_HEAD, out);
    memcpy(out + TENON_ZSTD_SKIP_HEAD, fields, sizeof fields);
    memcpy(out + TENON_ZSTD_SKIP_HEAD + sizeof fields, chunked_magic, sizeof chunked_magic);
}

struct place { /* of the table */
    bool is_gzip;
    int64_t blob, offset, len; /* bytes of the whole, of the table as it is compressed */
    /* of zstd:chunked: */
    uint64_t size;             /* of the table */
    struct tenon_chunked_part rest;
};

static bool
read_at(int fd, void *to, size_t len, int64_t at)
{
    return at >= 0 && pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

static bool
find_stargz(int fd, struct place *p)
{
    unsigned char end[TENON_STARGZ_FOOTER];
    uint64_t offset;
    if (!read_at(fd, end, sizeof end, p->blob - (int64_t)sizeof end) ||
        memcmp(end, stargz_head, sizeof stargz_head) ||
        memcmp(end + OFFSET_AT + OFFSET_DIGITS, stargz_tail, sizeof stargz_tail))
        return false;
    auto_free char *digits = tenon_strndup((const char *)end + OFFSET_AT, OFFSET_DIGITS);
    if (!tenon_parse_u64(digits, 16, &offset) ||
        offset > (uint64_t)(p->blob - (int64_t)sizeof end))
        return false;
    p->is_gzip = true;
    p->offset = (int64_t)offset;
    p->len = p->blob - (int64_t)sizeof end - p->offset;
    return true;
}

static bool
is_within(const struct tenon_chunked_part *part, uint64_t end)
{
    return part->offset <= end && part->len <= end - part->offset;
}

/* numbers: of a footer of either kind. */
static bool
read_footer(int fd, const struct place *p, size_t size, const unsigned char magic[8],
            uint64_t *numbers, size_t count)
{
    unsigned char end[TENON_CHUNKED_FOOTER], head[TENON_ZSTD_SKIP_HEAD];
    tenon_zstd_skip_head((uint32_t)(size - sizeof head), head);
    if (!read_at(fd, end, size, p->blob - (int64_t)size) || memcmp(end, head, sizeof head) ||
        memcmp(end + size - sizeof chunked_magic, magic, sizeof chunked_magic))
        return false;
    memcpy(numbers, end + sizeof head, count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = le64toh(numbers[i]);
    return true;
}

static bool
find_chunked(int fd, struct place *p)
{
    uint64_t n[FOOTER_NUMBERS] = {0};
    const bool is_new = read_footer(fd, p, TENON_CHUNKED_FOOTER, chunked_magic, n, FOOTER_NUMBERS);
    if (!is_new && !read_footer(fd, p, OLDER_FOOTER, older_magic, n, OLDER_NUMBERS))
        return false;
    const uint64_t end = (uint64_t)(p->blob - (is_new ? TENON_CHUNKED_FOOTER : OLDER_FOOTER));
    const struct tenon_chunked_part table = { n[0], n[1], n[2] };
    p->rest = (struct tenon_chunked_part){ n[4], n[5], n[6] };
    if (n[3] != KIND_TABLE || !is_within(&table, end) || !is_within(&p->rest, end))
        return false;
    p->is_gzip = false;
    p->offset = (int64_t)table.offset;
    p->len = (int64_t)table.len;
    p->size = table.size;
    return true;
}

static bool
find(int fd, struct place *p)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return false;
    *p = (struct place){ .blob = (int64_t)st.st_size };
    return find_stargz(fd, p) || find_chunked(fd, p);
}

const char *
tenon_pieces_method(int fd)
{
    struct place p;
    return !find(fd, &p) ? NULL : p.is_gzip ? "estargz" : "zstd:chunked";
}

/* ---- the table ------------------------------------------------------------- */

/* Only where the pieces begin is wanted of it: "offset": NUMBER, wherever it stands. */
struct reading {
    struct tenon_hash *hash;
    TENON_VEC(int64_t) offsets; /* each greater than the one before it */
    char word[8];               /* the string at hand, or the last one */
    size_t word_len;
    bool in_string, is_escaped, is_key, is_number, is_broken;
    int64_t number;
    int64_t end; /* of the blob: no piece begins behind it */
};

static void
end_number(struct reading *r)
{
    const int64_t before = r->offsets.len ? r->offsets.items[r->offsets.len - 1] : 0;
    r->is_number = false;
    if (r->number < before || r->number > r->end)
        r->is_broken = true;
    else if (r->number > before) /* else one more file in the same piece */
        tenon_vec_push(&r->offsets, r->number);
}

static void
look_at(struct reading *r, char c)
{
    if (r->in_string) {
        if (r->word_len < sizeof r->word)
            r->word[r->word_len] = c;
        r->word_len += r->is_escaped || c != '"';
        r->in_string = r->is_escaped || c != '"';
        r->is_escaped = c == '\\' && !r->is_escaped;
        return;
    }
    if (r->is_number && c >= '0' && c <= '9') {
        if (r->number > INT64_MAX / 10 - 1)
            r->is_broken = true;
        else
            r->number = r->number * 10 + (c - '0');
        return;
    }
    if (r->is_number)
        end_number(r);
    if (c == '"') {
        r->in_string = true;
        r->word_len = 0;
        r->is_key = false;
    } else if (c == ':') {
        r->is_key = r->word_len == strlen("offset") && !memcmp(r->word, "offset", r->word_len);
    } else if (r->is_key && c >= '0' && c <= '9') {
        r->is_number = true;
        r->is_key = false;
        r->number = c - '0';
    }
}

/* The size of the table's file, of whose tar this is the first block; -1: it is another, or too
 * large. */
static int64_t
table_size(const char *block)
{
    uint64_t size;
    auto_free char *digits = tenon_strndup(block + 124, 11);
    return strcmp(block, TENON_CONTENTS_NAME) || !tenon_parse_u64(digits, 8, &size) ||
                   size > TABLE_MAX
               ? -1
               : (int64_t)size;
}

/* 1: it is one. */
static int
read_table(int fd, const struct place *p, const struct tenon_pieces_reader *how,
           struct reading *r, struct tenon_digest *digest, struct tenon_error *err)
{
    char block[TAR_BLOCK + 1] = "";
    size_t have = 0;
    int64_t left = 0, n;
    const void *data;
    if (lseek(fd, (off_t)p->offset, SEEK_SET) < 0)
        return tenon_error_sys(err, "seek");
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, how->limits);
    auto_error struct tenon_error no_stream = TENON_ERROR_INIT;
    tenon_inflate_no_digest(in);
    while ((have < TAR_BLOCK || left > 0) && !r->is_broken &&
           (n = tenon_inflate_read(in, &data, &no_stream)) > 0) {
        if (tenon_cancel_check(how->cancel, err) < 0)
            return err->code;
        const char *at = data;
        size_t rest = (size_t)n;
        if (have < TAR_BLOCK) {
            const size_t take = rest < TAR_BLOCK - have ? rest : TAR_BLOCK - have;
            memcpy(block + have, at, take);
            have += take;
            at += take;
            rest -= take;
            if (have == TAR_BLOCK && (left = table_size(block)) < 0)
                return 0;
        }
        if ((int64_t)rest > left)
            rest = (size_t)left;
        tenon_hash_update(r->hash, at, rest);
        left -= (int64_t)rest;
        for (size_t i = 0; i < rest && !r->is_broken; i++)
            look_at(r, at[i]);
    }
    tenon_hash_final(r->hash, digest);
    return have == TAR_BLOCK && !left && !r->is_broken;
}

/* ---- annotations ----------------------------------------------------------- */

/* Of all that the blob inflates to, where each piece is one member.  Its last four bytes say how
 * many it holds, so that nothing is inflated.  (A member is a chunk and headers, less than the
 * 4 GiB that would need more.) */
static bool
plain_size(int fd, const struct place *p, struct reading *r, int64_t *out)
{
    int64_t sum = 0, before = 0;
    tenon_vec_push(&r->offsets, p->offset);
    tenon_vec_push(&r->offsets, p->offset + p->len);
    for (size_t i = 0; i < r->offsets.len; i++) {
        const int64_t end = r->offsets.items[i];
        uint32_t size;
        if (end == before)
            continue;
        if (end < before || end > p->blob || !read_at(fd, &size, sizeof size, end - 4))
            return false;
        sum += le32toh(size);
        before = end;
    }
    *out = sum;
    return true;
}

/* 1: each piece is one member.  Others begin members that no file begins with, too; theirs begin
 * with no flags and no time.  (Where these bytes are in a member, nothing but the size is
 * missed.) */
static int
has_whole_pieces(int fd, const struct place *p, const struct reading *r,
                 struct tenon_cancel *cancel, struct tenon_error *err)
{
    static const unsigned char begin[8] = { 0x1f, 0x8b, 8 };
    const int64_t len = p->offset + p->len;
    size_t next = 0;
    char part[65536];
    for (int64_t at = 0; len - at >= (int64_t)sizeof begin;) {
        const size_t n = len - at < (int64_t)sizeof part ? (size_t)(len - at) : sizeof part;
        if (tenon_cancel_check(cancel, err) < 0)
            return err->code;
        if (!read_at(fd, part, n, at))
            return 0;
        for (const char *m = part; (m = memmem(m, n - (size_t)(m - part), begin, sizeof begin));
             m++) {
            const int64_t place = at + (m - part);
            while (next < r->offsets.len && r->offsets.items[next] < place)
                next++;
            if (place && (next == r->offsets.len || r->offsets.items[next] != place))
                return 0;
        }
        at += (int64_t)(n - sizeof begin + 1);
    }
    return 1;
}

/* 1: it could be read. */
static int
digest_of_part(int fd, const struct place *p, struct tenon_cancel *cancel,
               struct tenon_digest *out, struct tenon_error *err)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();
    char part[16384];
    for (int64_t at = 0; at < p->len;) {
        const size_t n = p->len - at < (int64_t)sizeof part ? (size_t)(p->len - at) : sizeof part;
        if (tenon_cancel_check(cancel, err) < 0)
            return err->code;
        if (!read_at(fd, part, n, p->offset + at))
            return 0;
        tenon_hash_update(h, part, n);
        at += (int64_t)n;
    }
    tenon_hash_final(h, out);
    return 1;
}

static void
add(struct json_object *to, const char *key, const char *value)
{
    json_object_object_add(to, key, json_object_new_string(value));
}

static int
stargz_notes(int fd, const struct place *p, const struct tenon_pieces_reader *how,
             struct json_object **out, struct tenon_error *err)
{
    struct reading r = { .hash = tenon_hash_new(), .end = p->blob };
    struct tenon_digest digest;
    int64_t size = 0;
    int rc = read_table(fd, p, how, &r, &digest, err);
    if (rc > 0 && plain_size(fd, p, &r, &size)) {
        *out = json_object_new_object();
        add(*out, TABLE_DIGEST, digest.str);
    }
    /* Readers can do without a size, not with a wrong one. */
    if (*out && !how->is_ours)
        rc = has_whole_pieces(fd, p, &r, how->cancel, err);
    if (*out && rc > 0) {
        auto_free char *text = tenon_asprintf("%" PRId64, size);
        add(*out, PLAIN_SIZE, text);
    }
    tenon_hash_free(r.hash);
    tenon_vec_release(&r.offsets);
    return rc < 0 ? rc : 0;
}

/* Not the digest of the table as it is, too: engines refuse a layer that has both. */
static int
chunked_notes(int fd, const struct place *p, struct tenon_cancel *cancel,
              struct json_object **out, struct tenon_error *err)
{
    struct tenon_digest packed;
    const int rc = digest_of_part(fd, p, cancel, &packed, err);
    if (rc <= 0)
        return rc;
    auto_free char *position = tenon_asprintf("%" PRId64 ":%" PRId64 ":%" PRIu64 ":%d", p->offset,
                                              p->len, p->size, KIND_TABLE);
    *out = json_object_new_object();
    add(*out, CHECKSUM, packed.str);
    add(*out, POSITION, position);
    if (p->rest.len) {
        auto_free char *rest = tenon_asprintf("%" PRIu64 ":%" PRIu64 ":%" PRIu64, p->rest.offset,
                                              p->rest.len, p->rest.size);
        add(*out, REST_POSITION, rest);
    }
    return 0;
}

int
tenon_pieces_notes(int fd, const struct tenon_pieces_reader *how, struct json_object **out,
                   struct tenon_error *err)
{
    struct place p;
    *out = NULL;
    if (!find(fd, &p))
        return 0;
    if (p.is_gzip)
        return stargz_notes(fd, &p, how, out, err);
    return chunked_notes(fd, &p, how->cancel, out, err);
}

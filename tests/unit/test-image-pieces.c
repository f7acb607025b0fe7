/* Layers in pieces (contents.h, pieces.h): tars that are cut anywhere, that hold what no table can
 * name, or that are none; and blobs whose end says more than is true.  That the table is right,
 * tests/cli/layer-parts says of whole images, with a reader of its own. */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "image/contents.h"
#include "image/pieces.h"
#include "image/stream.h"
#include "tools/alloc.h"
#include "tools/tarheader.h"

enum { BLOCK = 512, SUM_AT = 148, TYPE_AT = 156 };

static int
collect(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_buf_add(data, buf, len);
    return 0;
}

static void
set_sum(char *block)
{
    unsigned sum = 0;
    memset(block + SUM_AT, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)block[i];
    snprintf(block + SUM_AT, 8, "%06o", sum);
}

/* An entry of any kind: type is written over the one that it is encoded with. */
static void
add(struct tenon_buf *tar, char type, const char *name, const char *text)
{
    const struct tenon_tar_entry e = { .type = TENON_TAR_FILE, .name = name, .mode = 0644,
                                       .size = strlen(text), .mtime = 1500000000 };
    const size_t at = tar->len;
    ck_assert(tenon_tar_encode(tar, &e));
    tar->data[at + TYPE_AT] = type;
    set_sum(tar->data + at);
    tenon_buf_adds(tar, text);
    tenon_tar_pad_buf(tar, strlen(text));
}

static int
squeeze(const char *method, const struct tenon_buf *tar, size_t piece, struct tenon_buf *out,
        struct tenon_error *err)
{
    struct tenon_digest digest;
    auto_deflate struct tenon_deflate *d = NULL;
    if (tenon_deflate_new(method, -1, collect, out, &d, err) < 0)
        return err->code;
    for (size_t at = 0; at < tar->len; at += piece)
        if (tenon_deflate_write(d, tar->data + at, tar->len - at < piece ? tar->len - at : piece,
                                err) < 0)
            return err->code;
    return tenon_deflate_finish(d, &digest, err);
}

static int
memory(const struct tenon_buf *b, size_t len)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fd = memfd_create("blob", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(tenon_write_all(fd, b->data, len, &err), 0);
    return fd;
}

static const char *const methods[] = { "estargz", "zstd:chunked" };

static const char LONG[] =
    "a/path/of/more/than/one/hundred/bytes/that/has/no/place/in/the/header/itself/and/so/is/in/"
    "front/of/it/as/text";

/* ---- what is in it ---------------------------------------------------------- */

static void
add_good(struct tenon_buf *tar)
{
    add(tar, 'L', "././@LongLink", LONG);
    add(tar, '0', "short", "one");
    add(tar, 'g', "pax_global_header", "19 comment=nothing\n");
    add(tar, 'x', "p", "20 path=of/pax/name\n30 SCHILY.xattr.user.a=value1\n"
                       "30 SCHILY.xattr.user.a=value2\n22 mtime=1400000000.5\n");
    add(tar, '0', "q", "two");
    add(tar, '\0', "old/", "");
    tenon_tar_end_buf(tar);
    tenon_buf_adds(tar, "and what follows");
}

START_TEST(test_pieces_any_cut)
{
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    auto_buf struct tenon_buf whole = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    add_good(&tar);
    ck_assert_int_eq(squeeze(methods[_i], &tar, tar.len, &whole, &err), 0);
    static const size_t cuts[] = { 1, 7, 511, 512, 513 };
    for (size_t i = 0; i < tenon_countof(cuts); i++) {
        auto_buf struct tenon_buf cut = TENON_BUF_INIT;
        ck_assert_int_eq(squeeze(methods[_i], &tar, cuts[i], &cut, &err), 0);
        ck_assert_uint_eq(cut.len, whole.len);
        ck_assert_mem_eq(cut.data, whole.data, cut.len);
    }
    auto_close int fd = memory(&whole, whole.len);
    ck_assert_str_eq(tenon_pieces_method(fd), methods[_i]);
}
END_TEST

struct table {
    struct tenon_buf text;
    int64_t cuts;
};

static int
count_cut(void *data, int64_t *offset, struct tenon_error *err)
{
    (void)err;
    *offset = 100 * ++((struct table *)data)->cuts;
    return 0;
}

static int
drop(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    (void)data, (void)buf, (void)len, (void)err;
    return 0;
}

START_TEST(test_contents_table)
{
    static const char wanted[] =
        "{\n\t\"version\": 1,\n\t\"entries\": [\n"
        "\t\t{\n\t\t\t\"name\": \"%s\",\n\t\t\t\"type\": \"reg\",\n\t\t\t\"size\": 3,\n"
        "\t\t\t\"modtime\": \"2017-07-14T02:40:00Z\",\n\t\t\t\"mode\": 420,\n\t\t\t\"offset\": 100,\n"
        "\t\t\t\"digest\": \"%s\",\n\t\t\t\"chunkDigest\": \"%s\"\n\t\t},\n"
        "\t\t{\n\t\t\t\"name\": \"of/pax/name\",\n\t\t\t\"type\": \"reg\",\n\t\t\t\"size\": 3,\n"
        "\t\t\t\"modtime\": \"2014-05-13T16:53:21Z\",\n\t\t\t\"mode\": 420,\n\t\t\t\"offset\": 200,\n"
        "\t\t\t\"xattrs\": {\n\t\t\t\t\"user.a\": \"dmFsdWUy\"\n\t\t\t},\n"
        "\t\t\t\"digest\": \"%s\",\n\t\t\t\"chunkDigest\": \"%s\"\n\t\t},\n"
        "\t\t{\n\t\t\t\"name\": \"old/\",\n\t\t\t\"type\": \"dir\",\n"
        "\t\t\t\"modtime\": \"2017-07-14T02:40:00Z\",\n\t\t\t\"mode\": 420\n\t\t}\n\t]\n}";
    struct table t = { TENON_BUF_INIT, 0 };
    struct tenon_digest one, two;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_contents_sink sink = { drop, count_cut, &t, false, 0 };
    auto_contents struct tenon_contents *c = tenon_contents_new(&sink, &err);
    add_good(&tar);
    tenon_digest_of("one", 3, &one);
    tenon_digest_of("two", 3, &two);
    ck_assert_int_eq(tenon_contents_write(c, tar.data, tar.len, &err), 0);
    ck_assert_int_eq(tenon_contents_finish(c, &t.text, NULL, &err), 0);
    auto_free char *text = tenon_asprintf(wanted, LONG, one.str, one.str, two.str, two.str);
    ck_assert_str_eq(t.text.data, text);
    tenon_buf_release(&t.text);
}
END_TEST

/* ---- what cannot be in it --------------------------------------------------- */

START_TEST(test_pieces_refused)
{
    static const struct {
        char type;
        const char *name, *text;
        size_t less; /* so many bytes of the end are missing */
        int code;
    } cases[] = {
        { '0', "./stargz.index.json", "{}", 0, TENON_E_UNSUPPORTED },
        { '7', "contiguous", "", 0, TENON_E_UNSUPPORTED },
        { 'S', "sparse", "", 0, TENON_E_UNSUPPORTED },
        { 'x', "p", "22 GNU.sparse.major=1\n", 0, TENON_E_UNSUPPORTED },
        { 'x', "p", "19 path=/no/length", 0, TENON_E_CORRUPT },
        { 'x', "p", "99 path=/too/long\n", 0, TENON_E_CORRUPT },
        { 'x', "p", "12 size=-10\n", 0, TENON_E_CORRUPT },
        { 'x', "p", "no record\n", 0, TENON_E_CORRUPT },
        { '0', "cut", "text", 1536, TENON_E_CORRUPT },
        { 'L', "cut", "text", 1100, TENON_E_CORRUPT },
        { 'x', "no entry behind it", "12 size=10\n", 1024 + 1024, TENON_E_CORRUPT },
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_buf struct tenon_buf tar = TENON_BUF_INIT;
        auto_buf struct tenon_buf out = TENON_BUF_INIT;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        add(&tar, cases[i].type, cases[i].name, cases[i].text);
        if (cases[i].less < 1100)
            add(&tar, '0', "ordinary", "");
        else if (cases[i].less > 2000)
            tenon_tar_end_buf(&tar);
        tenon_tar_end_buf(&tar);
        tenon_buf_truncate(&tar, tar.len - cases[i].less);
        ck_assert_msg(squeeze(methods[_i], &tar, 1000, &out, &err) == cases[i].code,
                      "case %zu: %d %s", i, err.code, err.message ? err.message : "no error");
    }
    /* a header that is changed in one bit, and a block that follows half an end */
    for (int what = 0; what < 2; what++) {
        auto_buf struct tenon_buf tar = TENON_BUF_INIT;
        auto_buf struct tenon_buf out = TENON_BUF_INIT;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        char zeros[BLOCK] = "";
        if (what)
            tenon_buf_add(&tar, zeros, sizeof zeros);
        add(&tar, '0', "f", "text");
        if (!what)
            tar.data[1] ^= 1;
        ck_assert_int_eq(squeeze(methods[_i], &tar, 1000, &out, &err), TENON_E_CORRUPT);
    }
}
END_TEST

START_TEST(test_pieces_header_too_large)
{
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *text = tenon_malloc((1 << 20) + 2);
    memset(text, 'x', (1 << 20) + 1);
    text[(1 << 20) + 1] = '\0';
    add(&tar, 'L', "l", text);
    ck_assert_int_eq(squeeze(methods[_i], &tar, tar.len, &out, &err), TENON_E_LIMIT);
}
END_TEST

static const struct tenon_pieces_reader defaults = { .is_ours = true };

/* ---- ends ------------------------------------------------------------------- */

/* What does not hold together is an ordinary layer: no annotations, and no error. */
START_TEST(test_pieces_false_ends)
{
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    auto_buf struct tenon_buf good = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    add_good(&tar);
    ck_assert_int_eq(squeeze(methods[_i], &tar, tar.len, &good, &err), 0);
    const size_t len = good.len;
    const bool is_gzip = _i == 0;
    struct {
        size_t at, keep; /* a byte that is changed; how long the blob is then */
    } cases[] = {
        { len, len - 1 },                    /* the footer is cut */
        { len, 3 },                          /* there is no room for one */
        { len - (is_gzip ? 19 : 1), len },   /* the magic */
        { is_gzip ? len - 20 : len - 64, len }, /* the offset: elsewhere */
        { is_gzip ? len - 35 : len - 57, len }, /* the offset: far away */
        { is_gzip ? len - 51 : len - 40, len }, /* the head; the kind of table */
        { is_gzip ? len - 51 : len - 25, len }, /* ... where the rest of the tar is */
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_buf struct tenon_buf bad = TENON_BUF_INIT;
        struct json_object *notes = NULL;
        tenon_buf_add(&bad, good.data, len);
        tenon_buf_addc(&bad, '\0');
        bad.data[cases[i].at] ^= i == 4 ? 0x08 : 1;
        auto_close int fd = memory(&bad, cases[i].keep);
        ck_assert_int_eq(tenon_pieces_notes(fd, &defaults, &notes, &err), 0);
        const bool is_elsewhere = i == 3 && !is_gzip; /* a digest of other bytes: nobody is misled */
        ck_assert_msg(is_elsewhere || !notes, "case %zu: %s", i, json_object_to_json_string(notes));
        json_object_put(notes);
    }
    struct json_object *notes = NULL;
    auto_close int fd = memory(&good, len);
    ck_assert_int_eq(tenon_pieces_notes(fd, &defaults, &notes, &err), 0);
    ck_assert_int_eq(json_object_object_length(notes), 2);
    json_object_put(notes);
}
END_TEST

/* The rest of a tar is there only when a table says all that is in its headers. */
START_TEST(test_pieces_rest)
{
    static const struct {
        char before;
        const char *text; /* of an entry before the file's */
        char type;
        const char *name, *behind; /* the archive's end */
        bool is_there;
    } cases[] = {
        { 0, "", '0', "f", "", true },
        { 0, "", '5', "d/", "", true },
        { 'x', "17 path=of/pax/p\n25 SCHILY.xattr.user.a=v\n20 mtime=1400000000\n", '0', "p", "", true },
        { 'x', "22 mtime=1400000000.5\n", '0', "p", "", false },
        { 'x', "20 atime=1400000000\n", '0', "p", "", false },
        { 'x', "8 path=\n", '0', "p", "", false },
        { 'g', "19 comment=nothing\n", '0', "f", "", false },
        { 'L', "long", '0', "l", "", false },
        { 0, "", '0', "first", "", false }, /* the name is there already */
        { 0, "", '\0', "old/", "", false },
        { 'x', "9 path=\xe4\n", '0', "p", "", false },
        { 0, "", '0', "f", "behind", false },
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_buf struct tenon_buf tar = TENON_BUF_INIT, blob = TENON_BUF_INIT;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct json_object *notes = NULL;
        add(&tar, '0', "first", "text of an odd length");
        if (cases[i].before)
            add(&tar, cases[i].before, "before", cases[i].text);
        add(&tar, cases[i].type, cases[i].name, "");
        tenon_tar_end_buf(&tar);
        tenon_buf_adds(&tar, cases[i].behind);
        ck_assert_int_eq(squeeze("zstd:chunked", &tar, tar.len, &blob, &err), 0);
        auto_close int fd = memory(&blob, blob.len);
        ck_assert_int_eq(tenon_pieces_notes(fd, &defaults, &notes, &err), 0);
        ck_assert_msg(json_object_object_length(notes) == (cases[i].is_there ? 3 : 2), "case %zu: %s",
                      i, json_object_to_json_string(notes));
        json_object_put(notes);
    }
}
END_TEST

/* As it was made before: its footer is shorter. */
START_TEST(test_pieces_older_footer)
{
    static const unsigned char footer[] = {
        0x50, 0x2a, 0x4d, 0x18, 40, 0, 0, 0,
        4, 0, 0, 0, 0, 0, 0, 0,  8, 0, 0, 0, 0, 0, 0, 0,  99, 0, 0, 0, 0, 0, 0, 0,
        1, 0, 0, 0, 0, 0, 0, 0,  'G', 'n', 'U', 'l', 'I', 'n', 'U', 'x',
    };
    auto_buf struct tenon_buf blob = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct json_object *notes = NULL, *position;
    tenon_buf_adds(&blob, "0123the table");
    tenon_buf_add(&blob, footer, sizeof footer);
    auto_close int fd = memory(&blob, blob.len);
    ck_assert_str_eq(tenon_pieces_method(fd), "zstd:chunked");
    ck_assert_int_eq(tenon_pieces_notes(fd, &defaults, &notes, &err), 0);
    ck_assert_int_eq(json_object_object_length(notes), 2);
    ck_assert(json_object_object_get_ex(
        notes, "io.github.containers.zstd-chunked.manifest-position", &position));
    ck_assert_str_eq(json_object_get_string(position), "4:8:99:1");
    json_object_put(notes);
}
END_TEST

/* Of tables that may be anybody's: what they come to is held to the limits, no piece begins behind
 * the blob, and reading them can be given up. */
START_TEST(test_pieces_hostile_table)
{
    static const struct {
        const char *name, *table;
        uint64_t unpacked; /* 0: the default limit */
        bool cancelled, is_ours;
        int code, count; /* of annotations */
    } cases[] = {
        { "stargz.index.json", "{\"entries\":[{\"offset\":10}]}", 0, false, true, 0, 2 },
        { "stargz.index.json", "{\"entries\":[{\"offset\":10}]}", 0, false, false, 0, 2 },
        { "stargz.index.json", "{\"entries\":[{\"offset\":9}]}", 0, false, false, 0, 1 },
        { "stargz.index.json", "{\"entries\":[{\"offset\":10}]}", 8, false, true, 0, 0 },
        { "stargz.index.json", "{\"entries\":[{\"offset\":10}]}", 0, true, true, TENON_E_CANCELLED, 0 },
        { "stargz.index.json", "{\"entries\":[{\"offset\":99999}]}", 0, false, true, 0, 0 },
        { "stargz.index.json", "{\"entries\":[{\"offset\":20},{\"offset\":10}]}", 0, false, true, 0, 0 },
        { "another", "{\"entries\":[{\"offset\":10}]}", 0, false, true, 0, 0 },
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_buf struct tenon_buf tar = TENON_BUF_INIT, blob = TENON_BUF_INIT;
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        const struct tenon_limits limits = { .value[TENON_LIMIT_UNPACKED] = cases[i].unpacked };
        struct tenon_cancel *cancel = tenon_cancel_new(NULL);
        const struct tenon_pieces_reader how = { &limits, cancel, cases[i].is_ours };
        unsigned char footer[TENON_STARGZ_FOOTER];
        struct json_object *notes = NULL;
        char front[32] = "";
        static const char member[3] = { 0x1f, (char)0x8b, 8 };
        memcpy(front + 10, member, sizeof member); /* none, but it begins like one */
        add(&tar, '0', cases[i].name, cases[i].table);
        tenon_buf_add(&blob, front, sizeof front); /* two pieces */
        ck_assert_int_eq(squeeze("gzip", &tar, tar.len, &blob, &err), 0);
        tenon_stargz_footer(sizeof front, footer);
        tenon_buf_add(&blob, footer, sizeof footer);
        auto_close int fd = memory(&blob, blob.len);
        if (cases[i].cancelled)
            tenon_cancel_fire(cancel);
        ck_assert_int_eq(tenon_pieces_notes(fd, &how, &notes, &err), cases[i].code);
        ck_assert_msg((notes ? json_object_object_length(notes) : 0) == cases[i].count,
                      "case %zu: %s", i, json_object_to_json_string(notes));
        json_object_put(notes);
        tenon_cancel_free(cancel);
    }
}
END_TEST

int
main(void)
{
    TCase *t = tcase_create("pieces");
    const int count = (int)tenon_countof(methods);
    tcase_add_loop_test(t, test_pieces_any_cut, 0, count);
    tcase_add_test(t, test_contents_table);
    tcase_add_test(t, test_pieces_rest);
    tcase_add_test(t, test_pieces_older_footer);
    tcase_add_loop_test(t, test_pieces_refused, 0, count);
    tcase_add_loop_test(t, test_pieces_header_too_large, 0, count);
    tcase_add_loop_test(t, test_pieces_false_ends, 0, count);
    tcase_add_test(t, test_pieces_hostile_table);
    Suite *s = suite_create("image-pieces");
    suite_add_tcase(s, t);
    return unit_run(s);
}

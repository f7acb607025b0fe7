/* Limits on what unpacks: each holds at its edge, while bytes come, and counts what repeats; the
 * defaults let real layers pass. And the log of a step, which has a size. */
#include "layerkit.h"

#include <zlib.h>
#include <zstd.h>

#include "image/stream.h"
#include "store/cutlog.h"

#define KIB UINT64_C(1024)
#define MIB (KIB << 10)
#define GIB (KIB << 20)

static void
names_limit(const struct tenon_error *err, const char *name, const char *value)
{
    auto_free char *said = tenon_asprintf(": the limit \"%s\" is %s", name, value);
    auto_free char *key = tenon_asprintf("\"limits\": {\"%s\": ", name);
    ck_assert_msg(err->code == TENON_E_LIMIT, "%d %s", err->code, err->message);
    ck_assert_msg(strstr(err->message, said) != NULL, "%s", err->message);
    ck_assert_msg(err->hint && strstr(err->hint, key), "%s", err->hint);
}

/* ---- the table ------------------------------------------------------------------ */

START_TEST(test_limits_table)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_limits l = {.value[TENON_LIMIT_ENTRIES] = 7};
    for (int i = 0; i < TENON_LIMITS; i++) {
        const struct tenon_limit_kind *k = &tenon_limit_kinds[i];
        ck_assert_int_eq(tenon_limit_find(k->name), i);
        ck_assert(k->least <= k->preset && k->preset <= k->most);
        ck_assert_uint_eq(tenon_limit(NULL, (enum tenon_limit)i), k->preset);
        ck_assert_uint_eq(tenon_limit(&l, (enum tenon_limit)i),
                          i == TENON_LIMIT_ENTRIES ? 7 : k->preset);
    }
    ck_assert_int_lt(tenon_limit_find("entrie"), 0);
    ck_assert_int_eq(tenon_limit_exceeded(&l, TENON_LIMIT_ENTRIES, &err, "%d of them", 8),
                     TENON_E_LIMIT);
    ck_assert_str_eq(err.message, "8 of them: the limit \"entries\" is 7");
    names_limit(&err, "entries", "7");
    tenon_error_release(&err);
    tenon_limit_exceeded(NULL, TENON_LIMIT_WINDOW, &err, "x");
    names_limit(&err, "window", "134217728 bytes");
}
END_TEST

/* in: bytes that were read */
static const struct {
    uint64_t in, out;
    uint64_t unpacked, ratio, from;
    const char *limit; /* that is exceeded; NULL: none */
} streams[] = {
    {1, 1000, 1000, 1, 1000, NULL},
    {1, 1001, 1000, 1, 1000, "unpacked"},
    {1, 1001, 2000, 1, 1000, "ratio"},
    {10, 1000, 2000, 100, 999, NULL},
    {10, 1099, 2000, 100, 999, NULL},
    {10, 1100, 2000, 100, 999, "ratio"},
    {0, 1000, 2000, 100, 1000, NULL},
    {0, UINT64_MAX, TENON_LIMIT_NONE, TENON_LIMIT_NONE, 1, NULL},
    /* what there is in the world, by default */
    {20 * MIB, 20 * GIB, 0, 0, 0, NULL},          /* text, a thousandth */
    {100 * GIB, 200 * GIB, 0, 0, 0, NULL},
    {64 * KIB, 10 * GIB, 0, 0, 0, NULL},          /* a disk of zeros as zstd */
    {10 * MIB, 100 * GIB, 0, 0, 0, "ratio"},
    {100 * GIB, 300 * GIB, 0, 0, 0, "unpacked"},
};

START_TEST(test_limits_stream)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_limits l = {.value = {
        [TENON_LIMIT_UNPACKED] = streams[_i].unpacked,
        [TENON_LIMIT_RATIO] = streams[_i].ratio,
        [TENON_LIMIT_RATIO_FROM] = streams[_i].from,
    }};
    int rc = tenon_limit_unpacked(&l, streams[_i].in, streams[_i].out, &err);
    ck_assert_msg(rc == (streams[_i].limit ? TENON_E_LIMIT : 0), "%s", err.message);
    if (streams[_i].limit)
        names_limit(&err, streams[_i].limit, "");
}
END_TEST

/* ---- streams ----------------------------------------------------------------------- */

/* len zeros as gzip. */
static void
pack_zeros(struct tenon_buf *out, size_t len)
{
    static unsigned char zeros[65536], chunk[65536];
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    int rc = Z_OK;
    for (size_t left = len; rc != Z_STREAM_END;) {
        if (!z.avail_in && left) {
            z.next_in = zeros;
            z.avail_in = left < sizeof zeros ? (uInt)left : sizeof zeros;
            left -= z.avail_in;
        }
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        rc = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
        tenon_buf_add(out, chunk, sizeof chunk - z.avail_out);
    }
    deflateEnd(&z);
}

/* What came before the end, or the error. */
static uint64_t
read_stream(int fd, const struct tenon_limits *l, struct tenon_error *err)
{
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, l);
    const void *p;
    uint64_t all = 0;
    int64_t n;
    while ((n = tenon_inflate_read(in, &p, err)) > 0)
        all += (uint64_t)n;
    return all;
}

START_TEST(test_limits_stream_stops_early)
{
    auto_buf struct tenon_buf gz = TENON_BUF_INIT;
    pack_zeros(&gz, 64 * MIB);
    const struct {
        struct tenon_limits l;
        const char *name;
    } cases[] = {
        {{.value[TENON_LIMIT_UNPACKED] = 2 * MIB}, "unpacked"},
        {{.value = {[TENON_LIMIT_RATIO] = 8, [TENON_LIMIT_RATIO_FROM] = MIB}}, "ratio"},
        {{.value = {[TENON_LIMIT_RATIO] = 8, [TENON_LIMIT_RATIO_FROM] = 64 * MIB}}, NULL},
        {{.value[TENON_LIMIT_UNPACKED] = 64 * MIB}, NULL},
        {{.value[TENON_LIMIT_UNPACKED] = 64 * MIB - 1}, "unpacked"},
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = kit_fd(gz.data, gz.len);
        uint64_t made = read_stream(fd, &cases[i].l, &err);
        if (cases[i].name) {
            names_limit(&err, cases[i].name, "");
            ck_assert_uint_le(made, i < 2 ? 3 * MIB : 64 * MIB);
        } else {
            ck_assert_msg(!err.code, "%s", err.message);
            ck_assert_uint_eq(made, 64 * MIB);
        }
    }
}
END_TEST

START_TEST(test_limits_window)
{
    auto_buf struct tenon_buf frame = TENON_BUF_INIT;
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 20);
    char chunk[4096];
    ZSTD_inBuffer in = {"some text", 9, 0};
    ZSTD_outBuffer out = {chunk, sizeof chunk, 0};
    /* in two calls: how much there will be is not known, so the frame says its window */
    ck_assert(!ZSTD_isError(ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush)));
    ck_assert_uint_eq(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(z);
    tenon_buf_add(&frame, chunk, out.pos);
    static const struct {
        uint64_t window;
        bool fits;
    } cases[] = {{0, true}, {MIB, true}, {MIB - 1, false}, {512 * KIB, false}, {2 * GIB, true}};
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_limits l = {.value[TENON_LIMIT_WINDOW] = cases[i].window};
        auto_close int fd = kit_fd(frame.data, frame.len);
        uint64_t made = read_stream(fd, &l, &err);
        if (cases[i].fits)
            ck_assert_msg(!err.code && made == 9, "%s", err.message);
        else
            names_limit(&err, "window", "");
    }
}
END_TEST

/* ---- entries ----------------------------------------------------------------------- */

static const struct {
    const char *what;
    const char *lines[5];
    uint64_t enough; /* one less is not */
} trees[] = {
    {"files", {"f a 1", "f b 2", "f c 3"}, 3},
    {"the same name", {"f a 1", "f a 2", "f a 3"}, 3},
    {"links to one", {"f a 1", "h b a", "h c a"}, 3},
    {"directories that nobody names", {"f a/b/c/d/e 1"}, 5},
    {"those are made once", {"f a/b/c 1", "f a/b/d 1"}, 4},
    {"whiteouts", {"f .wh.a", "f .wh.b"}, 2},
};

START_TEST(test_limits_entries)
{
    struct kit k;
    kit_open(&k);
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    kit_tar(&tar, trees[_i].lines);
    for (unsigned way = 0; way < 4; way++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        const bool layer = way & 1, less = way & 2;
        const struct tenon_limits l = {.value[TENON_LIMIT_ENTRIES] =
                                           trees[_i].enough - (less ? 1 : 0)};
        auto_close int fd = kit_fd(tar.data, tar.len);
        auto_free char *to = tenon_asprintf("to%u", way);
        int64_t id;
        tenon_store_set_limits(k.store, &l);
        int rc = layer ? tenon_layer_unpack(k.store, fd, NULL, NULL, NULL, &id, &err)
                       : tenon_archive_unpack(fd, k.dirfd, to, -1, -1, &l, NULL, &err);
        ck_assert_msg(less ? rc == TENON_E_LIMIT : rc >= 0, "%s, %s: %s", trees[_i].what,
                      layer ? "layer" : "ADD", err.message);
        if (less)
            names_limit(&err, "entries", "");
    }
    kit_close(&k);
}
END_TEST

/* A link to what a layer below has is a copy of it, and so is the next one, to another name of the
 * same file; to a name that was copied it is a link. */
START_TEST(test_limits_copied_by_links)
{
    if (!kit_can_mount()) {
        unit_not_tried("links to layers below: needs to mount");
        return;
    }
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *file = tenon_malloc(100001 + 4);
    strcpy(file, "f a ");
    memset(file + 4, 'x', 100000);
    file[100004] = '\0';
    const char *const base[] = {file, "h b a", "h c a", "d d/", "l e d", NULL};
    static const char *const twice[] = {"h x a", "h y x", "h z a", NULL},
                      *const thrice[] = {"h d/x a", "h y b", "h e/z c", "h u e/x", NULL},
                      *const same[] = {"h b a", "h c a", NULL}; /* their attributes alone */
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_msg(kit_unpack(&k, base, NULL, &id, &err) == 0, "%s", err.message);
    tenon_chain_append(&chain, id);
    const struct {
        const char *const *lines;
        uint64_t limit;
        bool fits;
    } cases[] = {{twice, 100000, true}, {twice, 99999, false}, {thrice, 300000, true},
                 {thrice, 299999, false}, {same, 200000, true}, {same, 199999, false}};
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        const struct tenon_limits l = {.value[TENON_LIMIT_UNPACKED] = cases[i].limit};
        tenon_store_set_limits(k.store, &l);
        int rc = kit_unpack(&k, cases[i].lines, &chain, &id, &err);
        ck_assert_msg(rc == (cases[i].fits ? 0 : TENON_E_LIMIT), "%zu: %s", i, err.message);
        if (!cases[i].fits)
            names_limit(&err, "unpacked", "");
        tenon_error_release(&err);
    }
    kit_close(&k);
}
END_TEST

/* ---- the log of a step ------------------------------------------------------------------ */

enum { LOG_MOST = 4096 };

static uint64_t
file_size(int fd)
{
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    return (uint64_t)st.st_size;
}

/* Lines "N\n" with consecutive numbers, written in pieces; what is there afterwards has the first
 * and the last, whole lines behind the cut, and says how much is between. */
static const struct {
    unsigned lines;
    size_t piece;
    bool cut;
} logs[] = {{1, 1, false}, {800, 100000, false}, {1040, 7, false}, {1041, 100000, true}, {1100, 1, true},
            {5000, 11, true}, {5000, 1000000, true}, {200000, 4096, true}};

START_TEST(test_limits_log)
{
    char path[64];
    int dir = unit_tmpdir(path);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf all = TENON_BUF_INIT, kept = TENON_BUF_INIT;
    const struct tenon_limits limits = {.value[TENON_LIMIT_STEP_LOG] = LOG_MOST};
    for (unsigned i = 0; i < logs[_i].lines; i++)
        tenon_buf_addf(&all, "%u\n", i + 1);
    struct tenon_cutlog l = {.fd = -1};
    int fd = openat(dir, "log", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    auto_close int look = openat(dir, "log", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(tenon_cutlog_open(&l, fd, &limits, NULL, &err), 0);
    for (size_t at = 0; at < all.len;) {
        size_t n = all.len - at < logs[_i].piece ? all.len - at : logs[_i].piece;
        ck_assert_msg(tenon_cutlog_write(&l, all.data + at, n, &err) == 0, "%s", err.message);
        ck_assert_uint_le(file_size(look), LOG_MOST);
        at += n;
    }
    tenon_cutlog_close(&l);
    tenon_cutlog_close(&l);
    ck_assert_int_eq(tenon_read_all(look, LOG_MOST, &kept, &err), 0);
    ck_assert_int_eq(tenon_cutlog_was_cut(look, &limits), logs[_i].cut);
    if (!logs[_i].cut) {
        ck_assert_str_eq(tenon_buf_str(&kept), tenon_buf_str(&all));
    } else {
        unsigned long long lost, most;
        int width = 0;
        const char *line = tenon_buf_str(&kept) + LOG_MOST / 2;
        ck_assert(memcmp(kept.data, all.data, LOG_MOST / 2) == 0);
        ck_assert_msg(sscanf(line, "\n[%llu bytes are not kept: the limit \"step-log\" is %llu bytes]\n%n",
                             &lost, &most, &width) == 2 && width > 0, "%s", line);
        const size_t tail = kept.len - LOG_MOST / 2 - (size_t)width;
        ck_assert_uint_eq(most, LOG_MOST);
        ck_assert_uint_eq(LOG_MOST / 2 + lost + tail, all.len);
        ck_assert_uint_ge(tail, LOG_MOST / 8);
        ck_assert(memcmp(line + width, all.data + all.len - tail, tail) == 0);
        ck_assert(all.data[all.len - tail - 1] == '\n');
    }
    unit_tmpdir_remove(dir, path);
}
END_TEST

static unsigned long long
lost_of(int fd, unsigned most, const char *name)
{
    char text[200] = "", said[40] = "";
    unsigned long long lost = 0, limit = 0;
    ck_assert_int_gt(pread(fd, text, sizeof text - 1, most / 2), 0);
    ck_assert_msg(sscanf(text, "\n[%llu bytes are not kept: the limit \"%39[^\"]\" is %llu", &lost, said,
                         &limit) == 3, "%s", text);
    ck_assert_str_eq(said, name);
    return lost;
}

/* What is not kept is what is not there, in however many parts it was written. */
START_TEST(test_limits_log_counts_on)
{
    char path[64], block[5000];
    int dir = unit_tmpdir(path);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_limits limits = {.value[TENON_LIMIT_STEP_LOG] = LOG_MOST};
    uint64_t mine = 0; /* opened four times, counted once */
    memset(block, 'x', sizeof block);
    auto_close int look = openat(dir, "log", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    for (unsigned i = 1; i <= 4; i++) {
        struct tenon_cutlog l;
        ck_assert_int_eq(tenon_cutlog_open(&l, openat(dir, "log", O_RDWR | O_CLOEXEC), &limits, &mine,
                                           &err), 0);
        ck_assert_int_eq(tenon_cutlog_write(&l, block, sizeof block, &err), 0);
        tenon_cutlog_close(&l);
        ck_assert_uint_eq(mine, file_size(look));
        const char *const line = "\n[                   0 bytes are not kept: the limit \"step-log\" is 4096 bytes]\n";
        ck_assert_uint_eq(lost_of(look, LOG_MOST, "step-log"),
                          i * sizeof block + strlen(line) - file_size(look));
    }
    ck_assert_uint_le(mine, LOG_MOST);
    unit_tmpdir_remove(dir, path);
}
END_TEST

/* Many logs: all together have what they may, and little each. */
START_TEST(test_limits_logs_together)
{
    enum { EACH = 1 << 20, ALL = 3 << 20, COUNT = 50, LITTLE = 4096 };
    char path[64], name[16];
    int dir = unit_tmpdir(path);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_limits limits = {.value = {[TENON_LIMIT_STEP_LOG] = EACH, [TENON_LIMIT_LOGS] = ALL}};
    auto_free char *block = tenon_calloc(EACH, 1);
    uint64_t total = 0, there = 0;
    memset(block, 'x', EACH);
    for (unsigned i = 0; i < COUNT; i++) {
        struct tenon_cutlog l;
        snprintf(name, sizeof name, "log%u", i);
        int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        auto_close int look = openat(dir, name, O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(tenon_cutlog_open(&l, fd, &limits, &total, &err), 0);
        ck_assert_int_eq(tenon_cutlog_write(&l, block, EACH, &err), 0);
        tenon_cutlog_close(&l);
        there += file_size(look);
        ck_assert_int_eq(tenon_cutlog_was_cut(look, &limits), i >= ALL / EACH);
        if (i >= ALL / EACH)
            ck_assert_uint_gt(lost_of(look, LITTLE, "logs"), EACH - LITTLE);
    }
    ck_assert_uint_eq(total, there);
    ck_assert_uint_le(there, ALL + COUNT * LITTLE);
    unit_tmpdir_remove(dir, path);
}
END_TEST

/* What was there already counts, and one that cannot be written to says so. */
START_TEST(test_limits_log_opened_again)
{
    char path[64];
    int dir = unit_tmpdir(path);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_limits limits = {.value[TENON_LIMIT_STEP_LOG] = LOG_MOST};
    char block[3000];
    memset(block, 'x', sizeof block);
    for (unsigned i = 0; i < 3; i++) {
        struct tenon_cutlog l;
        int fd = openat(dir, "log", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(tenon_cutlog_open(&l, fd, &limits, NULL, &err), 0);
        ck_assert_int_eq(tenon_cutlog_write(&l, block, sizeof block, &err), 0);
        ck_assert_uint_le(file_size(fd), LOG_MOST);
        tenon_cutlog_close(&l);
    }
    struct tenon_cutlog l;
    ck_assert_int_eq(tenon_cutlog_open(&l, openat(dir, "log", O_RDONLY | O_CLOEXEC), &limits, NULL,
                                       &err),
                     0);
    ck_assert_int_lt(tenon_cutlog_write(&l, "x", 1, &err), 0);
    tenon_cutlog_close(&l);
    unit_tmpdir_remove(dir, path);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("limits");
    TCase *t = tcase_create("limits");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_limits_table);
    tcase_add_loop_test(t, test_limits_stream, 0, (int)tenon_countof(streams));
    tcase_add_test(t, test_limits_stream_stops_early);
    tcase_add_test(t, test_limits_window);
    tcase_add_loop_test(t, test_limits_log, 0, (int)tenon_countof(logs));
    tcase_add_test(t, test_limits_log_opened_again);
    tcase_add_test(t, test_limits_log_counts_on);
    tcase_add_test(t, test_limits_logs_together);
    if (geteuid() == 0) {
        tcase_add_loop_test(t, test_limits_entries, 0, (int)tenon_countof(trees));
        tcase_add_test(t, test_limits_copied_by_links);
    } else {
        unit_not_tried("entries: needs root, for owners are set");
    }
    suite_add_tcase(s, t);
    return unit_run(s);
}

#include "unit.h"

#include <sys/mman.h>
#include <zlib.h>

#include "../bytes/samples.h"
#include "tools/buf.h"
#include "image/stream.h"

static int
collect(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_buf_add(data, buf, len);
    return 0;
}

/* Half repetition, half noise, the same each time. */
static char *
sample(size_t len)
{
    char *p = tenon_malloc(len + 1);
    uint32_t x = 12345;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (i >> 12) & 1 ? (char)(x >> 24) : (char)('a' + i % 17);
    }
    return p;
}

static int
memory(const void *data, size_t len)
{
    int fd = memfd_create("t", MFD_CLOEXEC);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_write_all(fd, data, len, &err), 0);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int
inflate_all(int fd, struct tenon_buf *out, struct tenon_digest *digest, struct tenon_error *err)
{
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, NULL);
    const void *p;
    int64_t n;
    while ((n = tenon_inflate_read(in, &p, err)) > 0)
        tenon_buf_add(out, p, (size_t)n);
    return n < 0 ? (int)n : tenon_inflate_finish(in, digest, err);
}

static const struct {
    const char *method;
    int level;
} methods[] = {{"gzip", -1}, {"gzip", 0}, {"gzip", 1}, {"gzip", 3}, {"gzip", 6}, {"gzip", 9},
               {"zstd", -1}, {"zstd", 9}, {"uncompressed", -1}};
static const size_t sizes[] = {0, 1, 511, 1 << 20, (1 << 20) + 1, 5 << 20, UNIT_MANY(20, 8) << 20};

static void
deflate_as(const char *method, int level, const char *data, size_t len, size_t piece,
           struct tenon_buf *out, struct tenon_digest *digest)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_deflate struct tenon_deflate *d = NULL;
    ck_assert_int_eq(tenon_deflate_new(method, level, collect, out, &d, &err), 0);
    for (size_t at = 0; at < len; at += piece)
        ck_assert_int_eq(tenon_deflate_write(d, data + at, len - at < piece ? len - at : piece,
                                             &err), 0);
    ck_assert_int_eq(tenon_deflate_finish(d, digest, &err), 0);
}

static void
deflate_all(int method, const char *data, size_t len, size_t piece, struct tenon_buf *out,
            struct tenon_digest *digest)
{
    deflate_as(methods[method].method, methods[method].level, data, len, piece, out, digest);
}

START_TEST(test_stream_round_trip_and_stable)
{
    for (size_t s = 0; s < tenon_countof(sizes); s++) {
        if (sizes[s] > 5 << 20 && methods[_i].level > UNIT_MANY(3, 0))
            continue;
        auto_free char *data = sample(sizes[s]);
        auto_buf struct tenon_buf one = TENON_BUF_INIT;
        auto_buf struct tenon_buf two = TENON_BUF_INIT;
        struct tenon_digest a, b, c, want;
        tenon_digest_of(data, sizes[s], &want);
        deflate_all(_i, data, sizes[s], 100000, &one, &a);
        ck_assert_str_eq(a.str, want.str);
        deflate_all(_i, data, sizes[s], 12345, &two, &b);
        ck_assert_uint_eq(one.len, two.len);
        ck_assert_int_eq(memcmp(tenon_buf_str(&one), tenon_buf_str(&two), one.len), 0);

        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = memory(tenon_buf_str(&one), one.len);
        auto_buf struct tenon_buf back = TENON_BUF_INIT;
        ck_assert_msg(inflate_all(fd, &back, &c, &err) == 0, "%s", err.message);
        ck_assert_uint_eq(back.len, sizes[s]);
        ck_assert_str_eq(c.str, want.str);
    }
}
END_TEST

/* What another program reads: zlib over the whole file. */
START_TEST(test_stream_gzip_is_ordinary)
{
    size_t len = (3 << 20) + 77;
    auto_free char *data = sample(len);
    auto_buf struct tenon_buf gz = TENON_BUF_INIT;
    struct tenon_digest digest;
    deflate_all(0, data, len, 65536, &gz, &digest);
    auto_free unsigned char *out = tenon_malloc(len + 1);
    z_stream z = {.next_in = (unsigned char *)gz.data, .avail_in = (unsigned)gz.len,
                  .next_out = out, .avail_out = (unsigned)len + 1};
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.total_out, len);
    ck_assert_uint_eq(z.avail_in, 0);
    ck_assert_int_eq(memcmp(out, data, len), 0);
    inflateEnd(&z);
}
END_TEST

START_TEST(test_stream_members_are_one)
{
    auto_buf struct tenon_buf gz = TENON_BUF_INIT;
    struct tenon_digest digest, got;
    for (int i = 0; i < 40; i++) {
        auto_free char *data = sample(5000);
        deflate_all(0, data, 5000, 5000, &gz, &digest);
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int fd = memory(gz.data, gz.len);
    auto_buf struct tenon_buf back = TENON_BUF_INIT;
    ck_assert_msg(inflate_all(fd, &back, &got, &err) == 0, "%s", err.message);
    ck_assert_uint_eq(back.len, 40 * 5000);
}
END_TEST

/* Cut anywhere, or with a byte changed: an error, never short data. */
START_TEST(test_stream_damage_is_noticed)
{
    static const int which[] = {0, 6};
    for (size_t m = 0; m < tenon_countof(which); m++) {
        auto_free char *data = sample(70000);
        auto_buf struct tenon_buf z = TENON_BUF_INIT;
        struct tenon_digest digest;
        deflate_all(which[m], data, 70000, 70000, &z, &digest);
        for (size_t cut = 12; cut < z.len; cut += 997) {
            auto_error struct tenon_error err = TENON_ERROR_INIT;
            auto_close int fd = memory(z.data, cut);
            auto_buf struct tenon_buf back = TENON_BUF_INIT;
            ck_assert_int_eq(inflate_all(fd, &back, &digest, &err), TENON_E_CORRUPT);
        }
        z.data[z.len - 6] ^= 0x55; /* the checksum */
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = memory(z.data, z.len);
        auto_buf struct tenon_buf back = TENON_BUF_INIT;
        ck_assert_int_eq(inflate_all(fd, &back, &digest, &err), TENON_E_CORRUPT);
    }
}
END_TEST

START_TEST(test_stream_unknown_method)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_deflate *d = NULL;
    ck_assert_int_eq(tenon_deflate_new("lzma", -1, collect, NULL, &d, &err),
                     TENON_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "lzma"));
    static const struct {
        const char *method;
        int level;
        const char *range;
    } wrong[] = {{"gzip", 10, "0..9"}, {"gzip", -2, "0..9"}, {"zstd", 23, "0..22"},
                 {"zstd", -2, "0..22"}, {NULL, 10, "0..9"}, {"estargz", 10, "0..9"},
                 {"zstd:chunked", 23, "0..22"}};
    for (size_t i = 0; i < tenon_countof(wrong); i++) {
        auto_error struct tenon_error told = TENON_ERROR_INIT;
        ck_assert_int_eq(tenon_deflate_new(wrong[i].method, wrong[i].level, collect, NULL, &d,
                                           &told), TENON_E_INVALID);
        ck_assert_ptr_nonnull(strstr(told.message, wrong[i].range));
    }
}
END_TEST

/* The level that was asked for is the level that is used, on each of the ways
 * that a block may go: the rest of a stream, the caller's, a thread's. */
START_TEST(test_stream_levels)
{
    static const struct {
        const char *method;
        int first, last, ordinary;
    } ranges[] = {{"gzip", 0, UNIT_MANY(9, 2), 1}, {"zstd", 1, UNIT_MANY(9, 3), 3}};
    static const size_t lens[] = {300000, 3 << 20};
    for (size_t r = 0; r < tenon_countof(ranges); r++) {
        for (size_t n = 0; n < tenon_countof(lens); n++) {
            auto_free char *data = tenon_malloc(lens[n]);
            size_t half = lens[n] / 2, before = SIZE_MAX;
            fill_letters((unsigned char *)data, half);
            fill_text((unsigned char *)data + half, lens[n] - half);
            auto_buf struct tenon_buf unnamed = TENON_BUF_INIT;
            struct tenon_digest digest;
            deflate_as(ranges[r].method, -1, data, lens[n], 65536, &unnamed, &digest);
            for (int level = ranges[r].first; level <= ranges[r].last; level++) {
                auto_buf struct tenon_buf z = TENON_BUF_INIT;
                deflate_as(ranges[r].method, level, data, lens[n], 65536, &z, &digest);
                bool same = z.len == unnamed.len && memcmp(z.data, unnamed.data, z.len) == 0;
                ck_assert_msg(same == (level == ranges[r].ordinary), "%s: %d and the default",
                              ranges[r].method, level);
                /* zstd's are not all in order */
                if (ranges[r].first == 0)
                    ck_assert_msg(z.len < before, "gzip: %d is not below %d", level, level - 1);
                before = z.len;
            }
        }
    }
    ck_assert_str_eq(tenon_deflate_maker(NULL), tenon_deflate_maker("gzip"));
    ck_assert_str_eq(tenon_deflate_maker("uncompressed"), "");
    ck_assert_ptr_nonnull(strchr(tenon_deflate_maker("zstd"), '.'));
}
END_TEST

struct failing {
    int calls, fail_at;
};

static int
fail_once(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    struct failing *f = data;
    (void)buf;
    (void)len;
    return ++f->calls == f->fail_at ? tenon_error_set(err, TENON_E_LIMIT, "full") : 0;
}

/* Whichever write of the output fails, the first or the last, the caller hears
 * of it, before the end or at the end. */
START_TEST(test_stream_failed_write_is_told)
{
    if (methods[_i].level > UNIT_MANY(1, 0))
        return; /* threads have the same work at each level */
    size_t len = (UNIT_MANY(9, 5) << 20) + 5, failures = 0;
    auto_free char *data = sample(len);
    for (int fail_at = 1;; fail_at++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_deflate struct tenon_deflate *d = NULL;
        struct failing f = {0, fail_at};
        struct tenon_digest digest;
        int rc = 0;
        ck_assert_int_eq(tenon_deflate_new(methods[_i].method, methods[_i].level, fail_once, &f,
                                           &d, &err), 0);
        for (size_t at = 0; rc == 0 && at < len; at += 1 << 20)
            rc = tenon_deflate_write(d, data + at, len - at < 1 << 20 ? len - at : 1 << 20, &err);
        if (rc == 0)
            rc = tenon_deflate_finish(d, &digest, &err);
        if (f.calls < fail_at) { /* it needs no more writes than that */
            ck_assert_int_eq(rc, 0);
            break;
        }
        ck_assert_int_eq(rc, TENON_E_LIMIT);
        ck_assert_str_eq(err.message, "full");
        failures++;
    }
    ck_assert_uint_ge(failures, 3);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("image-stream");
    TCase *t = tcase_create("stream");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_stream_round_trip_and_stable, 0, (int)tenon_countof(methods));
    tcase_add_test(t, test_stream_gzip_is_ordinary);
    tcase_add_test(t, test_stream_members_are_one);
    tcase_add_test(t, test_stream_damage_is_noticed);
    tcase_add_test(t, test_stream_unknown_method);
    tcase_add_test(t, test_stream_levels);
    tcase_add_loop_test(t, test_stream_failed_write_is_told, 0, (int)tenon_countof(methods));
    suite_add_tcase(s, t);
    return unit_run(s);
}

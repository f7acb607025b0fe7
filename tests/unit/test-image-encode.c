/* The encoder: what comes out is deflate, of the size that the level promises,
 * and depends on nothing that it should not depend on. It has no threads. */
#include "unit.h"

#include <sys/mman.h>
#include <zlib.h>

#include "../bytes/samples.h"
#include "image/encoder.h"
#include "image/huffman.h"

/* zlib reads it, to its end and without a byte more. */
static void
check_inflates(const unsigned char *z, size_t z_len, const unsigned char *data, size_t len)
{
    auto_free unsigned char *back = tenon_malloc(len + 1);
    auto_free unsigned char *whole = tenon_malloc(z_len + 2);
    memcpy(whole, z, z_len);
    memcpy(whole + z_len, "\x03\x00", 2); /* an empty last block */
    z_stream s = {.next_in = whole, .avail_in = (unsigned)z_len + 2,
                  .next_out = back, .avail_out = (unsigned)len + 1};
    ck_assert_int_eq(inflateInit2(&s, -15), Z_OK);
    ck_assert_int_eq(inflate(&s, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(s.total_out, len);
    ck_assert_uint_eq(s.avail_in, 0);
    ck_assert(memcmp(back, data, len) == 0);
    inflateEnd(&s);
}

START_TEST(test_encode_round_trip)
{
    auto_encoder struct tenon_encoder *e = tenon_encoder_new(_i);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    for (size_t s = 0; s < tenon_countof(samples); s++) {
        const size_t most = UNIT_MANY(TENON_ENCODE_INPUT, 100000);
        size_t len = samples[s].len < most ? samples[s].len : most;
        auto_free unsigned char *data = sample_make(&samples[s]);
        size_t n = tenon_encode(e, data, len, out);
        ck_assert_uint_le(n, len + len / 65535 * 5 + 10 + len / 1024);
        check_inflates(out, n, data, len);
    }
    /* every short length: the ends of all loops */
    auto_free unsigned char *data = tenon_malloc(700);
    fill_text(data, 700);
    for (size_t len = 0; len < 700; len += UNIT_MANY(1, 7))
        check_inflates(out, tenon_encode(e, data, len, out), data, len);
    memset(data, 'x', 700);
    for (size_t len = 0; len < 700; len += UNIT_MANY(1, 7))
        check_inflates(out, tenon_encode(e, data, len, out), data, len);
}
END_TEST

/* All kinds of input that nobody thought of. */
START_TEST(test_encode_anything)
{
    auto_encoder struct tenon_encoder *e = tenon_encoder_new(_i);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    auto_free unsigned char *data = tenon_malloc(TENON_ENCODE_INPUT);
    uint32_t x = 1000 + (uint32_t)_i;
    for (int round = 0; round < UNIT_MANY(60, 4); round++) {
        size_t len = sample_random(&x) % (round % 10 ? 70000 : TENON_ENCODE_INPUT) + 1;
        unsigned letters = 1 + sample_random(&x) % 256, again = sample_random(&x) % 100;
        for (size_t i = 0; i < len;) {
            size_t most = 1 + sample_random(&x) % 400, n = 1 + sample_random(&x) % most;
            size_t back = i > 0 ? 1 + sample_random(&x) % (i < 40000 ? i : 40000) : 0;
            bool copy = back > 0 && sample_random(&x) % 100 < again;
            for (; n > 0 && i < len; n--, i++)
                data[i] = copy ? data[i - back]
                               : (unsigned char)(sample_random(&x) % letters);
        }
        check_inflates(out, tenon_encode(e, data, len, out), data, len);
    }
}
END_TEST

/* Where each next place has a longer match than the one before, the search goes on and
 * on before it writes: also when the block has no room left but for little. */
START_TEST(test_encode_ever_better_matches)
{
    enum { STAIRS = 130, FROM = 31000, TO = 32800, STEP = UNIT_MANY(4, 100) };
    auto_encoder struct tenon_encoder *e = tenon_encoder_new(_i);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    auto_free unsigned char *data = tenon_malloc(TENON_ENCODE_INPUT);
    unsigned char text[2 * STAIRS + 8];
    uint32_t x = 77;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)sample_random(&x);
    for (size_t pad = FROM; pad < TO; pad += STEP) {
        size_t len = pad;
        fill_random(data, pad);
        /* step k is of the text from its byte k on, and a byte longer than step k - 1 */
        for (size_t k = 0; k < STAIRS; k++) {
            memcpy(data + len, text + k, k + 4);
            len += k + 4;
            data[len++] = (unsigned char)sample_random(&x);
        }
        memcpy(data + len, text, sizeof text);
        len += sizeof text;
        check_inflates(out, tenon_encode(e, data, len, out), data, len);
    }
}
END_TEST

/* Neither what was encoded before nor the memory around the input shows, and
 * nothing beyond its ends is read. */
START_TEST(test_encode_depends_on_input_alone)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), len = 10 * page;
    unsigned char *map = mmap(NULL, len + 2 * page, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_int_eq(mprotect(map, page, PROT_NONE), 0);
    ck_assert_int_eq(mprotect(map + page + len, page, PROT_NONE), 0);
    auto_encoder struct tenon_encoder *used = tenon_encoder_new(_i);
    auto_free unsigned char *one = tenon_malloc(TENON_ENCODE_ROOM);
    auto_free unsigned char *two = tenon_malloc(TENON_ENCODE_ROOM);
    for (size_t cut = 0; cut < 24; cut += UNIT_MANY(1, 8)) {
        auto_encoder struct tenon_encoder *fresh = tenon_encoder_new(_i);
        fill_text(map + page, len);
        size_t n = tenon_encode(fresh, map + page, len - cut, one);
        auto_free unsigned char *copy = tenon_malloc(len + 3);
        memcpy(copy + 3, map + page, len - cut);
        memset(copy + 3 + len - cut, 0xa5, cut);
        ck_assert_uint_eq(tenon_encode(used, copy + 3, len - cut, two), n);
        ck_assert(memcmp(one, two, n) == 0);
        /* the same, up against the end of what may be read */
        memmove(map + page + cut, map + page, len - cut);
        memset(map + page, 0x5a, cut);
        ck_assert_uint_eq(tenon_encode(used, map + page + cut, len - cut, two), n);
        ck_assert(memcmp(one, two, n) == 0);
        fill_random(map + page, len);
        tenon_encode(used, map + page, len, two);
    }
    munmap(map, len + 2 * page);
}
END_TEST

/* Each level is smaller than the one below it, and all are near zlib's. */
START_TEST(test_encode_levels)
{
    size_t len = 500000, before = len;
    auto_free unsigned char *data = tenon_malloc(len);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    fill_text(data, len / 2);
    fill_letters(data + len / 2, len / 2);
    for (int level = 0; level <= TENON_ENCODE_LEVEL_MAX; level++) {
        auto_encoder struct tenon_encoder *e = tenon_encoder_new(level);
        size_t n = tenon_encode(e, data, len, out);
        uLongf zlib = TENON_ENCODE_ROOM;
        ck_assert_int_eq(compress2(out, &zlib, data, len, level), Z_OK);
        ck_assert_msg(level == 0 ? n == len + 5 * ((len + 65534) / 65535) : n < before,
                      "level %d: %zu bytes after %zu", level, n, before);
        ck_assert_msg(n < zlib + zlib / 20, "level %d: %zu bytes, zlib %lu", level, n, zlib);
        before = n;
    }
}
END_TEST

/* What cannot be made smaller grows by the marks of stored blocks alone, and
 * what is small takes no table. */
START_TEST(test_encode_block_types)
{
    auto_free unsigned char *data = tenon_malloc(TENON_ENCODE_INPUT);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    for (int level = 1; level <= TENON_ENCODE_LEVEL_MAX; level++) {
        auto_encoder struct tenon_encoder *e = tenon_encoder_new(level);
        fill_random(data, TENON_ENCODE_INPUT);
        ck_assert_uint_le(tenon_encode(e, data, TENON_ENCODE_INPUT, out),
                          TENON_ENCODE_INPUT + 64 * 6);
        ck_assert_int_eq(out[0] & 7, 0);
        ck_assert_uint_eq(tenon_encode(e, (const unsigned char *)"aaaaaaaaaaaaaaaaaaaa", 20, out),
                          4);
        ck_assert_int_eq(out[0] & 7, 2);
        ck_assert_uint_eq(tenon_encode(e, data, 0, out), 0);
        fill_zeros(data, TENON_ENCODE_INPUT);
        ck_assert_uint_lt(tenon_encode(e, data, TENON_ENCODE_INPUT, out), 2000);
    }
}
END_TEST

/* Between what can be made smaller and what cannot: random bytes, and ever more short matches
 * from far away, whose distances take bits beside their symbols. */
START_TEST(test_encode_never_larger_than_stored)
{
    enum { LEN = 16000, AWAY = 12000, MARKS = 2 * (5 + 1) };
    auto_encoder struct tenon_encoder *e = tenon_encoder_new(_i);
    auto_free unsigned char *data = tenon_malloc(LEN);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    bool smaller = false;
    for (size_t matches = 0; matches < 400; matches += 5) {
        fill_random(data, LEN);
        for (size_t i = 0; i < matches; i++)
            memcpy(data + AWAY + i * 10, data + i * 13, 4);
        size_t n = tenon_encode(e, data, LEN, out);
        ck_assert_msg(n <= LEN + MARKS, "%zu matches: %zu bytes of %d", matches, n, LEN);
        smaller = smaller || n < LEN;
        check_inflates(out, n, data, LEN);
    }
    ck_assert_msg(smaller || _i == 1, "no match was of use"); /* the first level skips */
}
END_TEST

/* Codes of counts in a row of Fibonacci: Huffman's own would be deeper than
 * deflate allows. */
START_TEST(test_huffman_limits)
{
    static const struct {
        size_t n;
        unsigned longest;
    } cases[] = {{286, 15}, {30, 15}, {19, 7}, {30, 5}, {2, 1}, {3, 2}, {286, 9}};
    for (size_t c = 0; c < tenon_countof(cases); c++) {
        uint32_t counts[TENON_HUFFMAN_SYMBOLS] = {0};
        struct tenon_huffman h;
        uint32_t given = 0;
        for (size_t i = 0; i < cases[c].n; i++)
            counts[i] = i < 2 ? 1 : i < 40 ? counts[i - 1] + counts[i - 2] : 5;
        tenon_huffman_build(&h, counts, cases[c].n, cases[c].longest);
        for (size_t i = 0; i < cases[c].n; i++) {
            ck_assert_uint_ge(h.of[i].length, 1);
            ck_assert_uint_le(h.of[i].length, cases[c].longest);
            given += 1U << (cases[c].longest - h.of[i].length);
            for (size_t k = 0; k < cases[c].n; k++) /* what is frequent is short */
                ck_assert(counts[i] <= counts[k] || h.of[i].length <= h.of[k].length);
        }
        ck_assert_uint_eq(given, 1U << cases[c].longest);
    }
}
END_TEST

START_TEST(test_huffman_is_the_best)
{
    static const uint32_t counts[] = {45, 13, 12, 16, 9, 5, 0};
    static const uint8_t lengths[] = {1, 3, 3, 3, 4, 4, 0};
    static const uint16_t bits[] = {0, 1, 5, 3, 7, 15, 0}; /* 0 100 101 110 1110 1111, turned */
    struct tenon_huffman h;
    tenon_huffman_build(&h, counts, tenon_countof(counts), 15);
    for (size_t i = 0; i < tenon_countof(counts); i++) {
        ck_assert_uint_eq(h.of[i].length, lengths[i]);
        ck_assert_uint_eq(h.of[i].bits, bits[i]);
    }
    /* one symbol, or none: two have codes, of one bit */
    static const uint32_t none[4], one[4] = {0, 0, 7, 0};
    tenon_huffman_build(&h, none, 4, 15);
    ck_assert(h.of[0].length == 1 && h.of[1].length == 1 && h.of[2].length == 0);
    tenon_huffman_build(&h, one, 4, 15);
    ck_assert(h.of[0].length == 1 && h.of[1].length == 0 && h.of[2].length == 1);
    ck_assert(h.of[0].bits != h.of[2].bits);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("image-encode");
    TCase *t = tcase_create("encode");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_encode_round_trip, 0, TENON_ENCODE_LEVEL_MAX + 1);
    tcase_add_loop_test(t, test_encode_anything, 0, TENON_ENCODE_LEVEL_MAX + 1);
    tcase_add_loop_test(t, test_encode_ever_better_matches, 1, TENON_ENCODE_LEVEL_MAX + 1);
    tcase_add_loop_test(t, test_encode_depends_on_input_alone, 0, TENON_ENCODE_LEVEL_MAX + 1);
    tcase_add_test(t, test_encode_levels);
    tcase_add_test(t, test_encode_block_types);
    tcase_add_loop_test(t, test_encode_never_larger_than_stored, 1, TENON_ENCODE_LEVEL_MAX + 1);
    tcase_add_test(t, test_huffman_limits);
    tcase_add_test(t, test_huffman_is_the_best);
    suite_add_tcase(s, t);
    return unit_run(s);
}

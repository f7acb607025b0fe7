#include "unit.h"

#include <stdint.h>

#include "tools/parse.h"

static const struct {
    const char *text;
    bool ok;
    int64_t value;
} ints[] = {
    {"0", true, 0}, {"10", true, 10}, {"-1", true, -1}, {"+7", true, 7},
    {"0755", true, 0755}, {"0o755", true, 0755}, {"0x1F", true, 31},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"9223372036854775808", false, 0}, {"-9223372036854775809", false, 0},
    {"", false, 0}, {"-", false, 0}, {" 1", false, 0}, {"1 ", false, 0},
    {"08", false, 0}, {"0x", false, 0}, {"1e3", false, 0}, {"--1", false, 0},
};

START_TEST(test_parse_i64)
{
    int64_t v = 4711;
    ck_assert_int_eq(tenon_parse_i64(ints[_i].text, &v), ints[_i].ok);
    ck_assert_int_eq(v, ints[_i].ok ? ints[_i].value : 4711);
}
END_TEST

START_TEST(test_parse_u64)
{
    uint64_t v;
    ck_assert(tenon_parse_u64("18446744073709551615", 10, &v));
    ck_assert_uint_eq(v, UINT64_MAX);
    ck_assert(!tenon_parse_u64("18446744073709551616", 10, &v));
    ck_assert(!tenon_parse_u64("-1", 10, &v));
    ck_assert(!tenon_parse_u64("8", 8, &v));
    ck_assert(tenon_parse_u64("644", 8, &v) && v == 0644);
    ck_assert(tenon_parse_u64("fF", 16, &v) && v == 255);
    ck_assert(!tenon_parse_u64(NULL, 10, &v));
}
END_TEST

START_TEST(test_parse_bool)
{
    bool v;
    ck_assert(tenon_parse_bool("True", &v) && v);
    ck_assert(tenon_parse_bool("0", &v) && !v);
    ck_assert(!tenon_parse_bool("tRue", &v));
    ck_assert(!tenon_parse_bool("yes", &v));
    ck_assert(!tenon_parse_bool("", &v));
}
END_TEST

/* from go-units' tests */
static const struct {
    const char *text;
    bool ok;
    int64_t value;
} sizes[] = {
    {"32", true, 32}, {"32b", true, 32}, {"32B", true, 32},
    {"32k", true, 32 << 10}, {"32K", true, 32 << 10}, {"32kb", true, 32 << 10},
    {"32Kib", true, 32 << 10}, {"32Mb", true, 32 << 20},
    {"32Gb", true, INT64_C(32) << 30}, {"32Tb", true, INT64_C(32) << 40},
    {"32Pb", true, INT64_C(32) << 50}, {"32.5kB", true, 33280},
    {"32.5 kB", true, 33280}, {"32.3", true, 32}, {".3kB", true, 307},
    {"0", true, 0}, {"0.", true, 0}, {"32 ", true, 32},
    {"1.5m", true, 3 << 19}, {"10MiB", true, 10 << 20},
    {"", false, 0}, {"hello", false, 0}, {"-32", false, 0},
    {".", false, 0}, {". ", false, 0}, {" 32 ", false, 0},
    {"32m b", false, 0}, {"32bm", false, 0}, {"32mm", false, 0},
    {"32  m", false, 0}, {"1..5", false, 0}, {"8192P", false, 0},
    {"99999999999999999999", false, 0},
};

START_TEST(test_parse_size)
{
    int64_t v = 4711;
    ck_assert_msg(tenon_parse_size(sizes[_i].text, &v) == sizes[_i].ok,
                  "\"%s\"", sizes[_i].text);
    ck_assert_int_eq(v, sizes[_i].ok ? sizes[_i].value : 4711);
}
END_TEST

static const struct {
    const char *text;
    bool ok;
    int64_t ns;
} durations[] = {
    {"0", true, 0}, {"5s", true, 5000000000}, {"30s", true, 30000000000},
    {"1478s", true, 1478000000000}, {"-5s", true, -5000000000},
    {"+5s", true, 5000000000}, {"-0", true, 0}, {"5.0s", true, 5000000000},
    {"5.6s", true, 5600000000}, {"5.s", true, 5000000000},
    {".5s", true, 500000000}, {"1.0020s", true, 1002000000},
    {"10ns", true, 10}, {"11us", true, 11000}, {"12\xc2\xb5s", true, 12000},
    {"12\xce\xbcs", true, 12000}, {"13ms", true, 13000000},
    {"15m", true, 900000000000}, {"16h", true, 57600000000000},
    {"3h30m", true, 12600000000000}, {"10.5s4m", true, 250500000000},
    {"-2m3.4s", true, -123400000000},
    {"0.3333333333333333333h", true, 1200000000000},
    {"9223372036854775807ns", true, INT64_MAX},
    {"-9223372036854775808ns", true, INT64_MIN},
    {"9007199254740993ns", true, 9007199254740993},
    {"", false, 0}, {"3", false, 0}, {"-", false, 0}, {"s", false, 0},
    {".", false, 0}, {"-.", false, 0}, {".s", false, 0}, {"+.s", false, 0},
    {"1d", false, 0}, {"9223372036854775808ns", false, 0},
    {"9223372036854775.808us", false, 0}, {"3000000h", false, 0},
    {"1 s", false, 0},
};

START_TEST(test_parse_duration)
{
    int64_t v = 4711;
    ck_assert_msg(tenon_parse_duration(durations[_i].text, &v) ==
                      durations[_i].ok,
                  "\"%s\"", durations[_i].text);
    ck_assert_int_eq(v, durations[_i].ok ? durations[_i].ns : 4711);
}
END_TEST

static const struct {
    const char *text;
    bool ok;
    int64_t ns;
    const char *back;
} times[] = {
    {"1970-01-01T00:00:00Z", true, 0, "1970-01-01T00:00:00Z"},
    {"2024-02-29T12:34:56.789Z", true, 1709210096789000000,
     "2024-02-29T12:34:56.789Z"},
    {"2024-02-29T12:34:56.000000001+01:30", true, 1709204696000000001,
     "2024-02-29T11:04:56.000000001Z"},
    {"1969-12-31T23:59:59.5Z", true, -500000000, "1969-12-31T23:59:59.5Z"},
    {"2000-01-01T00:00:00-00:00", true, 946684800000000000,
     "2000-01-01T00:00:00Z"},
    {"2023-02-29T00:00:00Z", false, 0, NULL},
    {"2023-13-01T00:00:00Z", false, 0, NULL},
    {"2023-01-01 00:00:00Z", false, 0, NULL},
    {"2023-01-01T00:00:00", false, 0, NULL},
    {"2023-01-01T24:00:00Z", false, 0, NULL},
    {"2023-01-01T00:00:00.Z", false, 0, NULL},
    {"2023-01-01T00:00:00Zx", false, 0, NULL},
    {"9999-01-01T00:00:00Z", false, 0, NULL},
    {"", false, 0, NULL},
};

START_TEST(test_parse_time_and_back)
{
    int64_t v = 4711;
    ck_assert_msg(tenon_parse_time(times[_i].text, &v) == times[_i].ok, "%s",
                  times[_i].text);
    if (!times[_i].ok)
        return;
    ck_assert_int_eq(v, times[_i].ns);
    auto_free char *back = tenon_format_time(v);
    ck_assert_str_eq(back, times[_i].back);
}
END_TEST

static const struct {
    int64_t bytes;
    const char *text;
} byte_texts[] = {
    {0, "0B"}, {142, "142B"}, {999, "999B"}, {1000, "1.00kB"},
    {1050, "1.05kB"}, {3400000, "3.40MB"}, {1234567890, "1.23GB"},
    {INT64_MAX, "9.22EB"},
};

START_TEST(test_format_bytes)
{
    auto_free char *s = tenon_format_bytes(byte_texts[_i].bytes);
    ck_assert_str_eq(s, byte_texts[_i].text);
}
END_TEST

START_TEST(test_edit_distance)
{
    ck_assert_uint_eq(tenon_edit_distance("kitten", "sitting", 5), 3);
    ck_assert_uint_eq(tenon_edit_distance("", "abc", 3), 3);
    ck_assert_uint_eq(tenon_edit_distance("abc", "abc", 0), 0);
    ck_assert_uint_eq(tenon_edit_distance("abc", "xyz", 2), SIZE_MAX);
    static const char *const words[] = {"FROM", "RUN", "COPY", "WORKDIR",
                                        NULL};
    ck_assert_str_eq(tenon_nearest("WORKDI", words), "WORKDIR");
    ck_assert_str_eq(tenon_nearest("form", (const char *const[]){"FORM", NULL}),
                     "FORM");
    ck_assert_ptr_null(tenon_nearest("xxxx", words));
    ck_assert_str_eq(tenon_nearest("cpy", words), "COPY");
    /* Two keys in the wrong order are one slip, also at the ends of a short word. */
    static const char *const verbs[] = { "build", "plain", "tag", "quiet", NULL };
    ck_assert_str_eq(tenon_nearest("biuld", verbs), "build");
    ck_assert_str_eq(tenon_nearest("buidl", verbs), "build");
    ck_assert_str_eq(tenon_nearest("Plian", verbs), "plain");
    ck_assert_str_eq(tenon_nearest("tga", verbs), "tag");
    ck_assert_str_eq(tenon_nearest("atg", verbs), "tag");
    ck_assert_str_eq(tenon_nearest("quite", verbs), "quiet");
    ck_assert_ptr_null(tenon_nearest("gat", verbs));
    ck_assert_ptr_null(tenon_nearest("bilud", verbs));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("parse");
    TCase *c = tcase_create("parse");
    tcase_add_loop_test(c, test_parse_i64, 0, tenon_countof(ints));
    tcase_add_test(c, test_parse_u64);
    tcase_add_test(c, test_parse_bool);
    tcase_add_loop_test(c, test_parse_size, 0, tenon_countof(sizes));
    tcase_add_loop_test(c, test_parse_duration, 0, tenon_countof(durations));
    tcase_add_loop_test(c, test_parse_time_and_back, 0, tenon_countof(times));
    tcase_add_loop_test(c, test_format_bytes, 0, tenon_countof(byte_texts));
    tcase_add_test(c, test_edit_distance);
    suite_add_tcase(s, c);
    return unit_run(s);
}

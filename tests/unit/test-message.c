/* Protobuf messages by tables: what is written is read again, and what is no message is
 * refused, whatever the bytes. */
#include "unit.h"

#include "common/message/message.h"

struct inner {
    const char *text;
    int64_t number;
};
struct outer {
    const char *text;
    bool flag;
    int64_t number;
    struct message_bytes bytes;
    const struct inner *one;
    struct message_list texts, many, ints;
};
static const struct message_field inner_fields[] = {
    MESSAGE_FIELD(1, STRING, inner, text),
    MESSAGE_FIELD(2, INT, inner, number),
};
static const struct message_type_info inner_message = MESSAGE_INFO(inner, inner_fields);
static const struct message_field outer_fields[] = {
    MESSAGE_FIELD(1, STRING, outer, text),
    MESSAGE_FIELD(2, BOOL, outer, flag),
    MESSAGE_FIELD(3, INT, outer, number),
    MESSAGE_FIELD(4, BYTES, outer, bytes),
    MESSAGE_OF(5, ONE, outer, one, inner_message),
    MESSAGE_FIELD(6, STRINGS, outer, texts),
    MESSAGE_OF(2000, MANY, outer, many, inner_message),
    MESSAGE_FIELD(2001, INTS, outer, ints),
};
static const struct message_type_info outer_message = MESSAGE_INFO(outer, outer_fields);

START_TEST(test_message_round_trip)
{
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT, again = TENON_BUF_INIT;
    static const char *const texts[] = {"", "two", "\xc3\xa4"};
    static const int64_t ints[] = {0, 300, -1};
    static const struct inner one = {"inside", -1}, many[] = {{"", 0}, {"x", 300}};
    const struct outer in = {
        .text = "text", .flag = true, .number = INT64_MIN, .bytes = {"a\0b", 3}, .one = &one,
        .texts = {texts, 3}, .many = {many, 2}, .ints = {ints, 3},
    };
    struct outer out = {0};
    const char *why = NULL;

    message_encode(&b, &outer_message, &in);
    ck_assert(message_decode(&a, &outer_message, b.data, b.len, &out, &why));
    ck_assert_str_eq(out.text, "text");
    ck_assert(out.flag);
    ck_assert_int_eq(out.number, INT64_MIN);
    ck_assert_uint_eq(out.bytes.len, 3);
    ck_assert_int_eq(memcmp(out.bytes.data, "a\0b", 3), 0);
    ck_assert_str_eq(out.one->text, "inside");
    ck_assert_int_eq(out.one->number, -1);
    ck_assert_uint_eq(out.texts.len, 3);
    ck_assert_str_eq(((const char *const *)out.texts.items)[2], "\xc3\xa4");
    ck_assert_uint_eq(out.many.len, 2);
    ck_assert_int_eq(((const struct inner *)out.many.items)[1].number, 300);
    ck_assert_uint_eq(out.ints.len, 3);
    ck_assert_int_eq(memcmp(out.ints.items, ints, sizeof ints), 0);
    message_encode(&again, &outer_message, &out);
    ck_assert_uint_eq(again.len, b.len);
    ck_assert_int_eq(memcmp(again.data, b.data, b.len), 0);
}
END_TEST

/* What is no UTF-8 would make others refuse all of the message. */
START_TEST(test_message_texts_are_utf8)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"plain", "plain"},
        {"\xc3\xa4\xf0\x9f\x98\x80", "\xc3\xa4\xf0\x9f\x98\x80"},
        {"\xff", "\xef\xbf\xbd"},
        {"a\xff\xfe" "b", "a\xef\xbf\xbd\xef\xbf\xbd" "b"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc3\xa4\x80\xc3\xa4", "\xc3\xa4\xef\xbf\xbd\xc3\xa4"},
    };

    for (size_t i = 0; i < tenon_countof(table); i++) {
        auto_arena struct tenon_arena a = TENON_ARENA_INIT;
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        const struct outer in = {.text = table[i].in, .texts = {&table[i].in, 1}};
        struct outer out = {0};
        const char *why = NULL;

        message_encode(&b, &outer_message, &in);
        ck_assert(message_decode(&a, &outer_message, b.data, b.len, &out, &why));
        ck_assert_str_eq(out.text, table[i].out);
        ck_assert_str_eq(((const char *const *)out.texts.items)[0], table[i].out);
    }
}
END_TEST

/* Packed, as others write them, and one by one. */
START_TEST(test_message_ints_both_ways)
{
    static const char one_by_one[] = "\x88\x7d\x05\x88\x7d\xac\x02";
    static const char packed[] = "\x8a\x7d\x03\x05\xac\x02";
    static const char half[] = "\x8a\x7d\x01\xac";
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    const char *why = NULL;

    for (int i = 0; i < 2; i++) {
        struct outer out = {0};
        ck_assert(message_decode(&a, &outer_message, i ? packed : one_by_one,
                                 (i ? sizeof packed : sizeof one_by_one) - 1, &out, &why));
        ck_assert_uint_eq(out.ints.len, 2);
        ck_assert_int_eq(((const int64_t *)out.ints.items)[0], 5);
        ck_assert_int_eq(((const int64_t *)out.ints.items)[1], 300);
    }
    struct outer out = {0};
    ck_assert(!message_decode(&a, &outer_message, half, sizeof half - 1, &out, &why));
    ck_assert_str_eq(why, "malformed number");
}
END_TEST

/* Of a member that comes again the last counts, whole; and it takes no memory each time. */
START_TEST(test_message_member_again)
{
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    static const struct inner first = {"", 7}, last = {"", 0};
    struct outer out = {0};
    const char *why = NULL;

    for (int i = 0; i < 1000; i++)
        message_encode(&b, &outer_message, &(struct outer){.text = "", .one = &first});
    message_encode(&b, &outer_message, &(struct outer){.text = "", .one = &last});
    ck_assert(message_decode(&a, &outer_message, b.data, b.len, &out, &why));
    ck_assert_int_eq(out.one->number, 0);
    ck_assert_uint_lt(a.bytes, 1000 * sizeof(struct inner));
}
END_TEST

/* Zero is not written; present and empty is. */
START_TEST(test_message_absent_and_empty)
{
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    static const struct inner empty;
    struct outer in = {.text = ""}, out = {0};
    const char *why = NULL;

    message_encode(&b, &outer_message, &in);
    ck_assert_uint_eq(b.len, 0);
    ck_assert(message_decode(&a, &outer_message, b.data, b.len, &out, &why));
    ck_assert_str_eq(out.text, "");
    ck_assert_ptr_null(out.one);
    ck_assert_ptr_null(out.bytes.data);
    in.one = &empty;
    in.bytes.data = "";
    message_encode(&b, &outer_message, &in);
    ck_assert_uint_eq(b.len, 4);
    ck_assert_int_eq(memcmp(b.data, "\x22\0\x2a\0", 4), 0);
    ck_assert(message_decode(&a, &outer_message, b.data, b.len, &out, &why));
    ck_assert_ptr_nonnull(out.one);
    ck_assert_ptr_nonnull(out.bytes.data);
    ck_assert_str_eq(out.one->text, "");
}
END_TEST

static const struct wrong {
    const char *bytes;
    size_t len;
    const char *why; /* NULL: it is fine */
} wrongs[] = {
#define BYTES(s) s, sizeof s - 1
    {BYTES("\x0a"), "malformed number"},             /* no length */
    {BYTES("\x0a\x05" "abc"), "malformed field"},    /* too short */
    {BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "malformed field"},
    {BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "malformed number"},
    {BYTES("\x0a\x03" "a\0b"), "a text with a NUL inside"},
    {BYTES("\x32\x01\0"), "a text with a NUL inside"},
    {BYTES("\x08\x01"), "a field of another type"},  /* a number for the text */
    {BYTES("\x12\x01x"), "a field of another type"}, /* bytes for the flag */
    {BYTES("\x2a\x02\x0a\x05"), "malformed field"},  /* inside */
    {BYTES("\x0b\x0c"), "malformed field"},          /* groups */
    {BYTES("\x0f"), "malformed field"},              /* no such type */
    {BYTES("\x9a\x06\x03" "abc\xa0\x06\x07"), NULL}, /* fields that nobody knows */
    {BYTES("\xa1\x06" "12345678\xa5\x06" "1234"), NULL},
    {BYTES("\x0a\x01" "a\x0a\x01" "b"), NULL},       /* twice: the last counts */
};

START_TEST(test_message_wrong_bytes)
{
    const struct wrong *w = &wrongs[_i];
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    struct outer out = {0};
    const char *why = NULL;

    bool good = message_decode(&a, &outer_message, w->bytes, w->len, &out, &why);
    ck_assert_msg(good == !w->why, "%s", why ? why : "");
    if (w->why)
        ck_assert_str_eq(why, w->why);
}
END_TEST

START_TEST(test_message_lists_have_an_end)
{
    auto_arena struct tenon_arena a = TENON_ARENA_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct outer out = {0};
    const char *why = NULL;

    for (int i = 0; i < MESSAGE_ITEMS_MAX; i++)
        tenon_buf_add(&b, "\x32\0", 2);
    ck_assert(message_decode(&a, &outer_message, b.data, b.len, &out, &why));
    ck_assert_uint_eq(out.texts.len, MESSAGE_ITEMS_MAX);
    tenon_buf_add(&b, "\x32\0", 2);
    out = (struct outer){0};
    ck_assert(!message_decode(&a, &outer_message, b.data, b.len, &out, &why));
    ck_assert_str_eq(why, "a list with too many items");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("message");
    TCase *t = tcase_create("message");

    tcase_add_test(t, test_message_round_trip);
    tcase_add_test(t, test_message_texts_are_utf8);
    tcase_add_test(t, test_message_ints_both_ways);
    tcase_add_test(t, test_message_member_again);
    tcase_add_test(t, test_message_absent_and_empty);
    tcase_add_loop_test(t, test_message_wrong_bytes, 0, (int)tenon_countof(wrongs));
    tcase_add_test(t, test_message_lists_have_an_end);
    suite_add_tcase(s, t);
    return unit_run(s);
}

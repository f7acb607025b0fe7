/* tenon-json.h: what plugins write is JSON, whatever is in it. */
#include "unit.h"

#include "base/json.h"
#include "kit/standin.h"
#include "tenon-json.h"

static struct tenon_standin *standin;

static void
setup(void)
{
    standin = tenon_standin_new();
}

static void
teardown(void)
{
    tenon_standin_free(standin);
}

static void
begin(struct tenon_json *j)
{
    tenon_json_begin(j, tenon_standin_host(), tenon_standin_ctx(standin));
}

START_TEST(test_tenon_json_members_and_lists_have_their_commas)
{
    const char *const list[] = {"a", "b", NULL};
    struct tenon_json j;
    begin(&j);
    tenon_json_open(&j, NULL, '{');
    tenon_json_open(&j, "empty", '[');
    tenon_json_close(&j);
    tenon_json_strings(&j, "list", list);
    tenon_json_strings(&j, "none", NULL);
    tenon_json_open(&j, "o", '{');
    tenon_json_int(&j, "least", INT64_MIN);
    tenon_json_bool(&j, "yes", true);
    tenon_json_string(&j, "null", NULL);
    tenon_json_close(&j);
    tenon_json_raw(&j, "raw", "[1]");
    ck_assert_str_eq(tenon_json_end(&j),
                     "{\"empty\":[],\"list\":[\"a\",\"b\"],\"none\":[],\"o\":{\"least\":"
                     "-9223372036854775808,\"yes\":true,\"null\":null},\"raw\":[1]}");
}
END_TEST

START_TEST(test_tenon_json_text_comes_back_as_it_was)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    char text[128 * 3 + 1] = "";
    struct tenon_json j;
    for (int c = 1; c < 128; c++)
        snprintf(text + strlen(text), 4, "%c%c", c, 'x');
    strcat(text, "\xc3\xa9");
    begin(&j);
    tenon_json_open(&j, NULL, '{');
    for (int i = 0; i < 200; i++) { /* longer than any room that it begins with */
        char key[16];
        snprintf(key, sizeof key, "\"%d\\", i);
        tenon_json_string(&j, key, text);
    }
    const char *json = tenon_json_end(&j);
    ck_assert_msg(tenon_json_parse(json, strlen(json), 1 << 20, &o, &err) == 0, "%s", err.message);
    ck_assert_int_eq(json_object_object_length(o), 200);
    struct json_object *last = NULL;
    ck_assert(json_object_object_get_ex(o, "\"199\\", &last));
    ck_assert_str_eq(json_object_get_string(last), text);
}
END_TEST

START_TEST(test_tenon_json_too_deep_is_told)
{
    struct tenon_json j;
    for (int levels = 32; levels <= 33; levels++) {
        begin(&j);
        for (int i = 0; i < levels; i++)
            tenon_json_open(&j, NULL, '[');
        for (int i = 0; i < levels; i++)
            tenon_json_close(&j);
        const char *json = tenon_json_end(&j);
        ck_assert_msg(levels == 32 ? json && strlen(json) == 64 : !json, "%d levels", levels);
    }
    tenon_json_close(&j); /* more than there is is nothing */
    begin(&j);
    ck_assert_str_eq(tenon_json_end(&j), "");
}
END_TEST

START_TEST(test_tenon_json_what_is_no_text_is_replaced)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"\xf0\x9f\x8e\x84\xe2\x82\xac", "\"\xf0\x9f\x8e\x84\xe2\x82\xac\""},
        {"a\xff""b", "\"a\\ufffdb\""},             /* never one */
        {"\xc3", "\"\\ufffd\""},                  /* cut off */
        {"\xe2\x82\"", "\"\\ufffd\\ufffd\\\"\""}, /* cut off, before what is escaped */
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},      /* "/" in two bytes */
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},           /* half of a pair */
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* beyond U+10FFFF */
    };
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        struct tenon_json j;
        begin(&j);
        tenon_json_string(&j, NULL, cases[i].text);
        ck_assert_str_eq(tenon_json_end(&j), cases[i].json);
    }
}
END_TEST

START_TEST(test_tenon_json_image_config_has_what_was_said)
{
    const char *const env[] = {"PATH=/bin", NULL}, *const labels[] = {"a.b=1", "a.b=c=d", "alone", NULL};
    const char *const ports[] = {"80/tcp", "80/tcp", NULL}, *const cmd[] = {"sh", "-c", "x \"y\"", NULL};
    const struct tenon_image_config config = {
        .platform = "linux/arm/v7", .user = "1000", .working_dir = "/w", .created = "1970-01-01T00:00:00Z",
        .env = env, .cmd = cmd, .labels = labels, .exposed_ports = ports,
    };
    ck_assert_str_eq(
        tenon_image_config_json(tenon_standin_host(), tenon_standin_ctx(standin), &config),
        "{\"created\":\"1970-01-01T00:00:00Z\",\"architecture\":\"arm\",\"variant\":\"v7\",\"os\":"
        "\"linux\",\"config\":{\"User\":\"1000\",\"WorkingDir\":\"/w\",\"Env\":[\"PATH=/bin\"],\"Cmd\":"
        "[\"sh\",\"-c\",\"x \\\"y\\\"\"],\"Labels\":{\"a.b\":\"c=d\",\"alone\":\"\"},\"ExposedPorts\":"
        "{\"80/tcp\":{}}}}");
    const struct tenon_image_config none = {0};
    ck_assert_str_eq(
        tenon_image_config_json(tenon_standin_host(), tenon_standin_ctx(standin), &none),
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{}}");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tenon-json");
    TCase *tc = tcase_create("tenon-json");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_tenon_json_members_and_lists_have_their_commas);
    tcase_add_test(tc, test_tenon_json_text_comes_back_as_it_was);
    tcase_add_test(tc, test_tenon_json_too_deep_is_told);
    tcase_add_test(tc, test_tenon_json_what_is_no_text_is_replaced);
    tcase_add_test(tc, test_tenon_json_image_config_has_what_was_said);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

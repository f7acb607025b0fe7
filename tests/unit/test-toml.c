/* buildkitd.toml is read as others read TOML: what they make of these texts was asked of Python's
 * tomllib. */
#include "unit.h"

#include "buildkitd.h"
#include "toml.h"

static const struct {
    const char *text;
    const char *json; /* NULL: it is refused */
} texts[] = {
    {"", "{}"},
    {"# nothing\n\n \t\n", "{}"},
    {"a=1#d\r\nb = true\r\n", "{\"a\":1,\"b\":true}"},
    {"a=+3\nb=-5\nc=1_000\nd=0x1F\ne=0o17\nf=0b101",
     "{\"a\":3,\"b\":-5,\"c\":1000,\"d\":31,\"e\":15,\"f\":5}"},
    {"a=1.5\nb=1e3", "{\"a\":1.5,\"b\":1000.0}"},
    {"a = [1,\n 2, # x\n]\n", "{\"a\":[1,2]}"},
    {"a=[[1,[2]],3,{b=[]}]", "{\"a\":[[1,[2]],3,{\"b\":[]}]}"},
    {"a.b.\"c.d\"=1\na.e='x'", "{\"a\":{\"b\":{\"c.d\":1},\"e\":\"x\"}}"},
    {"a={b=1, c.d=\"e\"}", "{\"a\":{\"b\":1,\"c\":{\"d\":\"e\"}}}"},
    {"[a.b]\nx=1\n[a]\ny=2\n", "{\"a\":{\"b\":{\"x\":1},\"y\":2}}"},
    {"[ a . 'b' ]\nc=1", "{\"a\":{\"b\":{\"c\":1}}}"},
    {"[[a]]\nb=1\n[[a]]\nb=2\n[a.c]\nd=3", "{\"a\":[{\"b\":1},{\"b\":2,\"c\":{\"d\":3}}]}"},
    {"[registry.\"docker.io\"]\n  mirrors = [\"127.0.0.1:5000\"]\n",
     "{\"registry\":{\"docker.io\":{\"mirrors\":[\"127.0.0.1:5000\"]}}}"},
    {"a=\"x\\t\\\"\\u0041\\U0001F600\"", "{\"a\":\"x\\t\\\"A\xf0\x9f\x98\x80\"}"},
    {"a='c:\\n'", "{\"a\":\"c:\\\\n\"}"},
    {"a=\"\"\"\nx\\\n   y\n\"\"\"", "{\"a\":\"xy\\n\"}"},
    {"a='''it's'''\nb=\"\"\"\"q\"\"\"\"", "{\"a\":\"it's\",\"b\":\"\\\"q\\\"\"}"},
    {"\"\"=1", "{\"\":1}"},
    /* Twice the same. */
    {"a=1\na=2", NULL},
    {"a.b=1\na=2", NULL},
    {"a=1\n[a]", NULL},
    {"[a]\n[a]", NULL},
    {"a=[1]\n[[a]]", NULL},
    {"[[a]]\n[a]", NULL},
    {"a={b=1}\n[a.c]", NULL},
    {"a={}\na.b=1", NULL},
    /* No TOML. */
    {"a", NULL},
    {"a=", NULL},
    {"=1", NULL},
    {"a=1 b=2", NULL},
    {"a=01", NULL},
    {"a=1__0", NULL},
    {"a=_1", NULL},
    {"a=.5", NULL},
    {"a=5.", NULL},
    {"a=-0x1", NULL},
    {"a=truex", NULL},
    {"a=[1,,2]", NULL},
    {"a=[1 2]", NULL},
    {"a=[1", NULL},
    {"a={b=1,}", NULL},
    {"a={b=1", NULL},
    {"[a", NULL},
    {"[a]]", NULL},
    {"[[a]", NULL},
    {"[a] b=1", NULL},
    {"a=\"x", NULL},
    {"a=\"x\ny\"", NULL},
    {"a=\"\\q\"", NULL},
    {"a=\"\\u12\"", NULL},
    {"a=\"\\u0000\"", NULL},
    {"a=\"\\ud800\"", NULL},
    {"a=\"\x01\"", NULL},
    {"a=\"\xff\"", NULL},
    {"a=1\rb=2", NULL},
    /* TOML, and not understood. */
    {"a=1979-05-27", NULL},
    {"a=inf", NULL},
    {"a=9223372036854775808", NULL},
};

START_TEST(text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    const char *in = texts[_i].text;

    if (toml_parse(in, strlen(in), &o, &err) < 0) {
        ck_assert_msg(!texts[_i].json, "%s: %s", in, err.message);
        ck_assert_msg(strstr(err.message, "line "), "%s: %s", in, err.message);
        ck_assert_ptr_null(o);
        return;
    }
    ck_assert_msg(texts[_i].json, "%s", in);
    const int plain = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    ck_assert_str_eq(json_object_to_json_string_ext(o, plain), texts[_i].json);
}
END_TEST

/* What goes deeper and deeper ends before the stack does. */
START_TEST(deep)
{
    static const char *const parts[] = {"[", "a={a=", "a."};
    auto_buf struct tenon_buf in = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;

    tenon_buf_adds(&in, _i == 0 ? "a=" : "");
    for (int i = 0; i < 100000; i++)
        tenon_buf_adds(&in, parts[_i] + (_i == 1 && i > 0 ? 2 : 0));
    ck_assert_int_lt(toml_parse(in.data, in.len, &o, &err), 0);
    ck_assert_msg(strstr(err.message, "too many"), "%s", err.message);
}
END_TEST

START_TEST(line_of_error)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    static const char in[] = "a = \"\"\"\n\n\"\"\"\n\n[b]\nc = [\n1,\n2]\nd = !\n";

    ck_assert_int_lt(toml_parse(in, sizeof in - 1, &o, &err), 0);
    ck_assert_msg(strstr(err.message, "line 9: expected a value"), "%s", err.message);
}
END_TEST

/* ---- what buildkitd.toml and the flags come to together ------------------ */

#define ALLOWS(what) "--allow-insecure-entitlement=" what " "

static const struct {
    const char *file, *flags; /* the flags are a file that comes second */
    const char *config;       /* ours */
    const char *args;
    bool debug;
} daemons[] = {
    {"[cdi]\ndisabled=true\nspecDirs=['/a']", "", "{\"cdi-dirs\":[]}", "", false},
    {"[cdi]\nspecDirs=['/a']\ndisabled=true", "", "{\"cdi-dirs\":[]}", "", false},
    {"cdi.disabled=true", "cdi.specDirs=['/a']", "{\"cdi-dirs\":[]}", "", false},
    {"cdi.disabled=true\ncdi.specDirs=['/a']", "cdi.disabled='false'", "{\"cdi-dirs\":[\"/a\"]}",
     ALLOWS("device"), false},
    {"[frontend.\"gateway.v0\"]\nenabled=false\nallowedRepositories=['a/b']", "",
     "{\"plugins\":{\"frontend-gateway\":{\"allowed\":[\"\"]}}}", ALLOWS("device"), false},
    {"[frontend.\"gateway.v0\"]\nenabled=true\nallowedRepositories=['a/b']", "",
     "{\"plugins\":{\"frontend-gateway\":{\"allowed\":[\"a/b\"]}}}", ALLOWS("device"), false},
    {"insecure-entitlements=['network.host','security.insecure']",
     "insecure-entitlements=['device']", "{}", ALLOWS("device") ALLOWS("device"), false},
    {"insecure-entitlements=['network.host']", "", "{}",
     ALLOWS("network.host") ALLOWS("device"), false},
    {"grpc.address=['unix:///a','unix:///b']\ninsecure-entitlements=['device']",
     "grpc.address=['unix:///c']", "{}",
     ALLOWS("device") "--addr=unix:///c " ALLOWS("device"), false},
    {"debug=true", "", "{}", ALLOWS("device"), true},
    {"debug=true", "debug='false'", "{}", ALLOWS("device"), false},
    {"debug=false", "debug='true'", "{}", ALLOWS("device"), true},
    {"debug=false\ntrace=true", "", "{}", ALLOWS("device"), true},
    {"log.level='debug'", "log.level='info'", "{}", ALLOWS("device"), false},
};

/* Every daemon has a directory where files say something of the machine: taken out of config. */
static void
take_environment_dir(struct json_object *config)
{
    struct json_object *plugins = json_object_object_get(config, "plugins");
    struct json_object *attester = json_object_object_get(plugins, "attester-provenance");
    const char *dir = json_object_get_string(json_object_object_get(attester, "environment-dir"));

    ck_assert_ptr_nonnull(dir);
    ck_assert_msg(strstr(dir, "/buildkit/provenance.d"), "%s", dir);
    json_object_object_del(plugins, "attester-provenance");
    if (json_object_object_length(plugins) == 0)
        json_object_object_del(config, "plugins");
}

static void
take(struct daemon *d, const char *in)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;

    ck_assert_msg(toml_parse(in, strlen(in), &o, &err) == 0, "%s: %s", in, err.message);
    ck_assert_msg(buildkitd_take(d, "test", o, &err) == 0, "%s: %s", in, err.message);
}

START_TEST(daemon_of)
{
    auto_json struct json_object *config = json_object_new_object();
    auto_buf struct tenon_buf args = TENON_BUF_INIT;
    struct daemon d = {.config = config};
    const int plain = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

    take(&d, daemons[_i].file);
    take(&d, daemons[_i].flags);
    buildkitd_settle(&d);
    take_environment_dir(config);
    ck_assert_str_eq(json_object_to_json_string_ext(config, plain), daemons[_i].config);
    tenon_vec_foreach(arg, &d.args) {
        tenon_buf_addf(&args, "%s ", *arg);
        free(*arg);
    }
    tenon_vec_release(&d.args);
    ck_assert_str_eq(tenon_buf_str(&args), daemons[_i].args);
    ck_assert(buildkitd_debugs(&d) == daemons[_i].debug);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("toml");
    TCase *t = tcase_create("toml");

    tcase_add_loop_test(t, text, 0, (int)tenon_countof(texts));
    tcase_add_loop_test(t, deep, 0, 3);
    tcase_add_test(t, line_of_error);
    tcase_add_loop_test(t, daemon_of, 0, (int)tenon_countof(daemons));
    suite_add_tcase(s, t);
    return unit_run(s);
}

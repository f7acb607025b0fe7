#include "unit.h"

#include "image/image.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define MT "\"mediaType\":\"" TENON_MT_OCI_MANIFEST "\""
#define ENTRY(d, p) "{" MT ",\"digest\":\"" d "\",\"size\":1" p "}"
#define PLATFORM(a, v) ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" a "\"" v "}"

static const char index_text[] =
    "{\"schemaVersion\":2,\"manifests\":["
    ENTRY(A, PLATFORM("arm", ",\"variant\":\"v6\"")) ","
    ENTRY(B, PLATFORM("arm", ",\"variant\":\"v7\"")) ","
    ENTRY(C, PLATFORM("amd64", "")) ","
    ENTRY(A, ",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}") "]}";

static int
choose(const char *text, const char *platform, struct tenon_desc *out, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct tenon_platform p;
    ck_assert_int_eq(tenon_json_parse(text, strlen(text), 1 << 20, &o, err), 0);
    ck_assert_int_eq(tenon_platform_parse(platform, &p, err), 0);
    return tenon_index_choose(o, &p, out, err);
}

START_TEST(test_index_choose_best)
{
    static const struct {
        const char *platform, *digest;
    } cases[] = {{"linux/arm/v7", B}, {"linux/arm/v6", A}, {"linux/amd64", C},
                 {"linux/amd64/v3", C}, {"linux/arm/v8", B}};
    for (size_t i = 0; i < tenon_countof(cases); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_desc d = {0};
        ck_assert_int_eq(choose(index_text, cases[i].platform, &d, &err), 0);
        ck_assert_str_eq(d.digest, cases[i].digest);
        tenon_desc_release(&d);
    }
}
END_TEST

START_TEST(test_index_choose_none)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_desc d = {0};
    ck_assert_int_eq(choose(index_text, "linux/s390x", &d, &err), TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, "no match for platform in manifest: not found");
}
END_TEST

START_TEST(test_index_choose_garbage)
{
    static const char *const texts[] = {
        "{\"manifests\":[1]}", "{\"manifests\":{}}", "{\"manifests\":\"x\"}",
        "{\"manifests\":[{" MT ",\"digest\":\"sha256:zz\",\"size\":1}]}",
        "{\"manifests\":[{" MT ",\"digest\":\"" A "\",\"size\":-1}]}",
        "{\"manifests\":[{" MT ",\"digest\":7,\"size\":1}]}",
    };
    for (size_t i = 0; i < tenon_countof(texts); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_desc d = {0};
        ck_assert_msg(choose(texts[i], "linux/amd64", &d, &err) < 0, "%s", texts[i]);
        ck_assert_ptr_null(d.digest);
    }
}
END_TEST

#define CONFIG "\"config\":{\"mediaType\":\"c\",\"digest\":\"" A "\",\"size\":3}"
#define LAYER "{\"mediaType\":\"l\",\"digest\":\"" B "\",\"size\":9}"

START_TEST(test_manifest_parse_good)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char text[] = "{" MT "," CONFIG ",\"layers\":[" LAYER "," LAYER "],\"x\":1}";
    struct tenon_manifest m = {0};
    ck_assert_int_eq(tenon_manifest_parse(text, strlen(text), TENON_MT_OCI_MANIFEST, &m, &err), 0);
    ck_assert_str_eq(m.config.digest, A);
    ck_assert_uint_eq(m.layer_count, 2);
    ck_assert_str_eq(m.layers[1].digest, B);
    ck_assert_int_eq(m.layers[1].size, 9);
    tenon_manifest_release(&m);
}
END_TEST

START_TEST(test_manifest_parse_bad)
{
    static const char *const texts[] = {
        "", "null", "[]", "{", "{}", "{" CONFIG ",\"layers\":[1]}",
        "{" CONFIG ",\"layers\":[],\"manifests\":[]}",
        "{" CONFIG ",\"layers\":[],\"fsLayers\":[]}",
        "{\"config\":[],\"layers\":[]}",
        "{\"mediaType\":\"application/x\"," CONFIG ",\"layers\":[]}",
        "{" CONFIG ",\"layers\":[{\"digest\":\"" A "\",\"size\":99999999999999999}]}",
        "{" CONFIG "} trailing",
    };
    for (size_t i = 0; i < tenon_countof(texts); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_manifest m = {0};
        ck_assert_msg(tenon_manifest_parse(texts[i], strlen(texts[i]), NULL, &m, &err) < 0,
                      "%s", texts[i]);
        ck_assert_ptr_null(m.layers);
    }
}
END_TEST

START_TEST(test_manifest_type_confusion_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char text[] = "{" MT "," CONFIG ",\"layers\":[]}";
    struct tenon_manifest m = {0};
    ck_assert_int_lt(tenon_manifest_parse(text, strlen(text), TENON_MT_DOCKER_MANIFEST, &m, &err), 0);
}
END_TEST

START_TEST(test_config_diff_ids)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char text[] = "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" A "\",\"" B "\"]}}";
    char **ids = NULL;
    ck_assert_int_eq(tenon_config_diff_ids(text, strlen(text), &ids, &err), 0);
    ck_assert_uint_eq(tenon_strv_len(ids), 2);
    ck_assert_str_eq(ids[1], B);

    struct tenon_digest d, want;
    tenon_chain_id(ids, 1, &d);
    ck_assert_str_eq(d.str, A);
    tenon_chain_id(ids, 2, &d);
    tenon_digest_of(A " " B, strlen(A " " B), &want);
    ck_assert_str_eq(d.str, want.str);
    tenon_chain_id(ids, 0, &d);
    ck_assert_str_eq(d.str, "");
    tenon_strv_free(ids);

    static const char bad[] = "{\"rootfs\":{\"diff_ids\":[\"x\"]}}";
    ck_assert_int_lt(tenon_config_diff_ids(bad, strlen(bad), &ids, &err), 0);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("image-document");
    TCase *t = tcase_create("document");
    tcase_add_test(t, test_index_choose_best);
    tcase_add_test(t, test_index_choose_none);
    tcase_add_test(t, test_index_choose_garbage);
    tcase_add_test(t, test_manifest_parse_good);
    tcase_add_test(t, test_manifest_parse_bad);
    tcase_add_test(t, test_manifest_type_confusion_refused);
    tcase_add_test(t, test_config_diff_ids);
    suite_add_tcase(s, t);
    return unit_run(s);
}

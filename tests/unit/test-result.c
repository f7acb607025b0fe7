/* What a frontend gives back: one reference a platform, values by name, and what is
 * answered to who asked. */
#include "unit.h"

#include "engine/attestation.h"

static struct tenon_error err;

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
}

static void
teardown(void)
{
    tenon_error_release(&err);
}

START_TEST(test_result_platform_twice_is_refused)
{
    struct tenon_result r = {0};
    ck_assert_int_eq(tenon_result_add(&r, "linux/amd64", NULL, &err), 0);
    ck_assert_int_eq(tenon_result_add(&r, "linux/arm64", NULL, &err), 0);
    ck_assert_int_eq(tenon_result_add(&r, "linux/amd64", NULL, &err), TENON_E_INVALID);
    ck_assert_str_eq(err.message, "platform linux/amd64 was given twice");
    tenon_error_release(&err);
    /* one that has no name is one, too */
    ck_assert_int_eq(tenon_result_add(&r, "", NULL, &err), 0);
    ck_assert_int_eq(tenon_result_add(&r, "", NULL, &err), TENON_E_INVALID);
    ck_assert_uint_eq(r.platforms.len, 3);
    tenon_result_release(&r);
}
END_TEST

/* Outputs make names of directories of them. */
START_TEST(test_result_platform_is_one)
{
    static const char *const none[] = { "..", ".", "/", "a b", "linux/amd64/v2/x", "\n" };
    struct tenon_result r = {0};
    ck_assert_int_lt(tenon_result_add(&r, none[_i], NULL, &err), 0);
    ck_assert_uint_eq(r.platforms.len, 0);
    tenon_error_release(&err);
    tenon_result_release(&r);
}
END_TEST

START_TEST(test_result_values_last_one_counts)
{
    struct tenon_result r = {0};
    ck_assert_ptr_null(tenon_result_meta(&r, "config"));
    ck_assert_int_eq(tenon_result_set(&r, "config", "one", 3, &err), 0);
    ck_assert_int_eq(tenon_result_set(&r, "config/linux/arm64", "arm", 3, &err), 0);
    ck_assert_int_eq(tenon_result_set(&r, "config", "other", 5, &err), 0);
    const struct tenon_result_value *v = tenon_result_meta(&r, "config");
    ck_assert_uint_eq(v->len, 5);
    ck_assert_int_eq(memcmp(v->data, "other", 5), 0);
    /* a platform's own, else everybody's */
    v = tenon_result_platform_meta(&r, "config", "linux/arm64");
    ck_assert_int_eq(memcmp(v->data, "arm", 3), 0);
    v = tenon_result_platform_meta(&r, "config", "linux/amd64");
    ck_assert_int_eq(memcmp(v->data, "other", 5), 0);
    tenon_result_release(&r);
}
END_TEST

START_TEST(test_result_responses_last_one_counts)
{
    struct tenon_result r = {0};
    ck_assert_ptr_null(tenon_result_response(&r, "result"));
    ck_assert_int_eq(tenon_result_respond(&r, "result", "text", false, &err), 0);
    ck_assert_int_eq(tenon_result_respond(&r, "other", "1", true, &err), 0);
    ck_assert_int_eq(tenon_result_respond(&r, "result", "{}", true, &err), 0);
    const struct tenon_result_value *v = tenon_result_response(&r, "result");
    ck_assert_str_eq(v->data, "{}");
    ck_assert(v->is_json);
    ck_assert_uint_eq(v->len, 2);
    tenon_result_release(&r);
}
END_TEST

/* ---- attestations ----------------------------------------------------------------- */

static const char *const sums[] = { "sha256:12", NULL }, *const late[] = { "inline-only=true", NULL };
static const struct tenon_subject about[] = {
    { .kind = TENON_SUBJECT_SELF },
    { .kind = TENON_SUBJECT_SELF, .name = "more" },
    { .kind = TENON_SUBJECT_RAW, .name = "raw", .digests = sums },
    { .kind = TENON_SUBJECT_RAW, .digests = sums },
};
static struct tenon_ref somewhere;

static const struct {
    struct tenon_attestation a;
    const char *message;
} refused[] = {
    { { .kind = 7 }, "unknown attestation kind 7" },
    { { .data = "{}", .len = 2, .predicate_type = "t" }, "attestation does not have set path" },
    { { .path = "p", .predicate_type = "t" }, "attestation does not have available content" },
    { { .path = "p", .data = "{}", .len = 2 }, "attestation p has no predicate type" },
    { { .kind = TENON_ATTESTATION_BUNDLE, .data = "{}", .len = 2 },
      "an attestation bundle is a directory" },
    { { .path = "p", .ref = &somewhere, .predicate_type = "https://slsa.dev/provenance/v1" },
      "frontend may not set provenance attestations" },
    { { .path = "p", .data = "{}", .len = 2, .predicate_type = "t", .subject_count = 1,
        .subjects = &(const struct tenon_subject){ .kind = 9 } },
      "unknown attestation subject type 9" },
    { { .path = "p", .data = "{}", .len = 2, .predicate_type = "t", .subject_count = 10001,
        .subjects = about },
      "attestation p has 10001 subjects; 10000 are allowed" },
};

START_TEST(test_result_attestations_refused)
{
    struct tenon_result r = {0};
    struct tenon_attestation a = refused[_i].a;
    a.struct_size = sizeof a;
    ck_assert_int_lt(tenon_result_attest(&r, "", &a, &err), 0);
    ck_assert_str_eq(err.message, refused[_i].message);
    ck_assert_ptr_null(tenon_result_attestation(&r, "", 0));
    tenon_result_release(&r);
}
END_TEST

/* Each platform has its own, in their order, as copies. */
START_TEST(test_result_attestations_are_kept)
{
    struct tenon_result r = {0};
    char path[] = "one.json";
    struct tenon_attestation a = { .struct_size = sizeof a, .path = path, .data = "{}", .len = 2,
                                   .predicate_type = "t", .subjects = about, .subject_count = 4,
                                   .metadata = late };
    ck_assert_int_eq(tenon_result_attest(&r, "linux/amd64", &a, &err), 0);
    path[0] = 'O';
    ck_assert_int_eq(tenon_result_attest(&r, "linux/arm64", &a, &err), 0);
    a.metadata = NULL;
    ck_assert_int_eq(tenon_result_attest(&r, "linux/amd64", &a, &err), 0);
    ck_assert_int_lt(tenon_result_attest(&r, "a b", &a, &err), 0);
    const struct tenon_attestation *first = tenon_result_attestation(&r, "linux/amd64", 0);
    ck_assert_str_eq(first->path, "one.json");
    ck_assert_str_eq(first->subjects[2].digests[0], "sha256:12");
    ck_assert_str_eq(tenon_attestation_meta(first, "inline-only"), "true");
    ck_assert_ptr_null(tenon_attestation_meta(first, "inline"));
    ck_assert_str_eq(tenon_result_attestation(&r, "linux/amd64", 1)->path, "One.json");
    ck_assert_ptr_null(tenon_result_attestation(&r, "linux/amd64", 2));
    ck_assert(!tenon_result_is_attested(&r, "linux/arm64", false));
    ck_assert(tenon_result_is_attested(&r, "linux/arm64", true));
    ck_assert(tenon_result_is_attested(&r, "linux/amd64", false));
    ck_assert(!tenon_result_is_attested(&r, "", true));
    tenon_result_release(&r);
}
END_TEST

START_TEST(test_result_statements)
{
    struct tenon_result r = {0};
    tenon_statements made = {0};
    static const char *const digests[] = { "sha256:34", "sha512:5", NULL };
    static const struct tenon_subject self = { .kind = TENON_SUBJECT_RAW, .name = "itself",
                                               .digests = digests };
    static const char *const core[] = { "sbom-core=sbom", NULL };
    const struct tenon_attestation list[] = {
        { .struct_size = sizeof list[0], .path = "a.json", .data = "{ \"b\":\"<\", \"a\": 1 }",
          .len = 19, .predicate_type = "t", .subjects = about, .subject_count = 4 },
        { .struct_size = sizeof list[0], .path = "x/sbom.json", .data = "{}", .len = 2,
          .predicate_type = "c", .metadata = core },
        { .struct_size = sizeof list[0], .path = "b.json", .data = "{}", .len = 2,
          .predicate_type = "u", .metadata = late },
    };
    for (size_t i = 0; i < tenon_countof(list); i++)
        ck_assert_int_eq(tenon_result_attest(&r, "", &list[i], &err), 0);
    ck_assert_int_eq(tenon_statements_make(NULL, &r, "", false, &self, 1, &made, &err), 0);
    ck_assert_uint_eq(made.len, 2);
    /* that of the image itself comes first */
    ck_assert_str_eq(made.items[0].predicate_type, "c");
    ck_assert_str_eq(made.items[0].text,
                     "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"c\","
                     "\"subject\":[{\"name\":\"itself\",\"digest\":{\"sha256\":\"34\","
                     "\"sha512\":\"5\"}}],\"predicate\":{}}");
    ck_assert_str_eq(made.items[1].text,
                     "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"t\","
                     "\"subject\":[{\"name\":\"itself\",\"digest\":{\"sha256\":\"34\","
                     "\"sha512\":\"5\"}},{\"name\":\"itself\",\"digest\":{\"sha256\":\"34\","
                     "\"sha512\":\"5\"}},{\"name\":\"more\",\"digest\":{\"sha256\":\"34\","
                     "\"sha512\":\"5\"}},{\"name\":\"raw\",\"digest\":{\"sha256\":\"12\"}},"
                     "{\"name\":\"_\",\"digest\":{\"sha256\":\"12\"}}],"
                     "\"predicate\":{\"b\":\"\\u003c\",\"a\":1}}");
    tenon_statements_release(&made);
    /* and all of them, about nothing that has a name */
    ck_assert_int_eq(tenon_statements_make(NULL, &r, "", true, NULL, 0, &made, &err), 0);
    ck_assert_uint_eq(made.len, 3);
    ck_assert_ptr_nonnull(strstr(made.items[2].text, "\"subject\":[],"));
    tenon_statements_release(&made);

    const struct tenon_attestation broken = { .struct_size = sizeof broken, .path = "c.json",
                                              .data = "{", .len = 1, .predicate_type = "t" };
    ck_assert_int_eq(tenon_result_attest(&r, "", &broken, &err), 0);
    ck_assert_int_lt(tenon_statements_make(NULL, &r, "", true, NULL, 0, &made, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "attestation c.json"));
    tenon_statements_release(&made);
    tenon_result_release(&r);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("result");
    TCase *t = tcase_create("result");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_result_platform_twice_is_refused);
    tcase_add_loop_test(t, test_result_platform_is_one, 0, 6);
    tcase_add_test(t, test_result_values_last_one_counts);
    tcase_add_test(t, test_result_responses_last_one_counts);
    tcase_add_loop_test(t, test_result_attestations_refused, 0, (int)tenon_countof(refused));
    tcase_add_test(t, test_result_attestations_are_kept);
    tcase_add_test(t, test_result_statements);
    suite_add_tcase(s, t);
    return unit_run(s);
}

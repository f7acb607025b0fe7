#include "unit.h"

#include "tools/ociindex.h"
#include "tools/sniff.h"

/* What begins like an archive. */
static const struct {
    const char *bytes;
    size_t len;
    bool archive;
} heads[] = {
    {"", 0, false},
    {"\x1f\x8b", 2, true},
    {"\x1f", 1, false},
    {"BZh", 3, true},
    {"BZ", 2, false},
    {"\xfd" "7zXZ\0", 6, true},
    {"\xfd" "7zXZ", 5, false},
    {"\xfd" "7zXZ1", 6, false},
    {"\x28\xb5\x2f\xfd", 4, true},
    {"\x28\xb5\x2f", 3, false},
    {"FROM scratch\n", 13, false},
};

START_TEST(test_sniff_magic)
{
    ck_assert_int_eq(tenon_may_be_archive(heads[_i].bytes, heads[_i].len), heads[_i].archive);
}
END_TEST

/* The sum of a header with the name "a" and nothing else, in octal: the eight bytes of
 * the sum itself count as blanks. */
static const struct {
    const char *sum;
    bool archive;
} sums[] = {
    {"000541\0 ", true}, {"  541\0 ", true},   {"0000541 ", true}, {"000542\0 ", false},
    {"541", true},       {"\0\0\0\0\0\0\0\0", false}, {"        ", false},
};

START_TEST(test_sniff_tar_checksum)
{
    char head[TENON_SNIFF_BYTES] = {"a"};
    memcpy(head + 148, sums[_i].sum, strlen(sums[_i].sum));
    ck_assert_int_eq(tenon_may_be_archive(head, sizeof head), sums[_i].archive);
    ck_assert(!tenon_may_be_archive(head, sizeof head - 1));
}
END_TEST

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ENTRY(digest, name) \
    "{\"digest\":\"" digest "\",\"annotations\":{\"" TENON_OCI_REF_NAME "\":\"" name "\"}}"

#define WHOLE(digest, name, tag) \
    "{\"digest\":\"" digest "\",\"annotations\":{\"" TENON_OCI_WHOLE_NAME "\":\"" name \
    "\",\"" TENON_OCI_REF_NAME "\":\"" tag "\"}}"

static const struct {
    const char *index, *tag;
    bool any;
    const char *digest;
    bool of_several;
} finds[] = {
    {"{\"manifests\":[" ENTRY(A, "v1") "," ENTRY(B, "v2") "]}", "v2", false, B, false},
    {"{\"manifests\":[" ENTRY(A, "docker.io/library/x:v1") "]}", "v1", false, A, false},
    {"{\"manifests\":[" ENTRY(A, "v1") "]}", "1", false, NULL, false},
    {"{\"manifests\":[" ENTRY(A, "x:v10") "," ENTRY(B, "x:v1") "]}", "v1", false, B, false},
    {"{\"manifests\":[" ENTRY(A, "x:v1") "," ENTRY(B, "v1") "]}", "v1", false, B, false},
    {"{\"manifests\":[" ENTRY(A, "v1") "," ENTRY(B, "v1") "]}", "v1", false, A, true},
    {"{\"manifests\":[" ENTRY(A, "v1") "," ENTRY(A, "v1") "]}", "v1", false, A, false},
    {"{\"manifests\":[" ENTRY(A, "x:v1") "," ENTRY(B, "y:v1") "]}", "v1", false, A, true},
    {"{\"manifests\":[" ENTRY(A, "v1") "]}", "v2", false, NULL, false},
    {"{\"manifests\":[" ENTRY(A, "v1") "]}", "latest", true, A, false},
    {"{\"manifests\":[" ENTRY(A, "v1") "," ENTRY(B, "v2") "]}", "latest", true, NULL, false},
    {"{\"manifests\":[" ENTRY("md5:1", "v1") "," ENTRY(B, "v1") "]}", "v1", false, B, false},
    {"{\"manifests\":[1,[],null,{\"digest\":1},{\"digest\":\"" A "\",\"annotations\":1}]}", "v1",
     false, NULL, false},
    {"{\"manifests\":[" WHOLE(A, "h/a:v1", "v1") "," WHOLE(B, "h/b:v1", "v1") "]}", "h/b:v1", false, B, false},
    {"{\"manifests\":[" WHOLE(A, "h/a:v1", "v1") "," WHOLE(B, "h/b:v1", "v1") "]}", "v1", false, A, true},
    {"{\"manifests\":[" WHOLE(A, "docker.io/library/b:v1", "v1") "]}", "b:v1", false, A, false},
    {"{\"manifests\":[" WHOLE(A, "docker.io/c/b:v1", "v1") "]}", "c/b:v1", false, A, false},
    {"{\"manifests\":[" WHOLE(A, "h/a:v1", "v1") "]}", "h/b:v1", false, NULL, false},
    {"{\"manifests\":[" WHOLE(A, "tag", "v1") "]}", "tag", false, NULL, false},
    {"{\"manifests\":{}}", "v1", true, NULL, false},
    {"[]", "v1", true, NULL, false},
    {"null", "v1", true, NULL, false},
};

START_TEST(test_ociindex_find)
{
    struct json_object *index = json_tokener_parse(finds[_i].index);
    bool is_one;
    const char *found = tenon_oci_index_find(index, finds[_i].tag, finds[_i].any, &is_one);
    ck_assert_pstr_eq(found, finds[_i].digest);
    ck_assert(is_one == !finds[_i].of_several);
    json_object_put(index);
}
END_TEST

START_TEST(test_ociindex_digest)
{
    ck_assert(tenon_is_sha256(A));
    ck_assert(!tenon_is_sha256(A "a"));
    ck_assert(!tenon_is_sha256("sha256:"));
    ck_assert(!tenon_is_sha256("sha512:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    ck_assert(!tenon_is_sha256("sha256:Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sniff");
    TCase *c = tcase_create("sniff");
    tcase_add_loop_test(c, test_sniff_magic, 0, tenon_countof(heads));
    tcase_add_loop_test(c, test_sniff_tar_checksum, 0, tenon_countof(sums));
    tcase_add_loop_test(c, test_ociindex_find, 0, tenon_countof(finds));
    tcase_add_test(c, test_ociindex_digest);
    suite_add_tcase(s, c);
    return unit_run(s);
}

/* Headers of tars, beyond what layers and exports of trees show of them. */
#include "unit.h"

#include "tools/tarheader.h"

static bool
has(const struct tenon_buf *b, const char *text)
{
    return memmem(b->data, b->len, text, strlen(text)) != NULL;
}

/* In a pax record the key ends at the first "=". */
START_TEST(test_attribute_that_pax_cannot_name)
{
    const struct tenon_tar_xattr xattrs[] = {
        {.name = "user.a=b", .value = "lost", .len = 4},
        {.name = "user.ok", .value = "kept=1", .len = 6},
    };
    const struct tenon_tar_entry e = {
        .name = "f", .type = TENON_TAR_FILE, .xattrs = xattrs, .xattr_count = 2};
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert(tenon_tar_encode(&b, &e));
    ck_assert(has(&b, "SCHILY.xattr.user.ok=kept=1\n"));
    ck_assert(!has(&b, "user.a"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tarheader");
    TCase *c = tcase_create("tarheader");
    tcase_add_test(c, test_attribute_that_pax_cannot_name);
    suite_add_tcase(s, c);
    return unit_run(s);
}

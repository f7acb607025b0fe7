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

/* What ustar's fields may not have is in pax, which says bytes; the field has a stand-in. */
START_TEST(test_bytes_above_127_are_pax)
{
    static const struct { const char *name, *link, *record; } rows[] = {
        {"plain", NULL, NULL},
        {"\xc3\xa4", NULL, "path=\xc3\xa4\n"},
        {"d/\xff", NULL, "path=d/\xff\n"},
        {"to", "\xc3\xa4", "linkpath=\xc3\xa4\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tenon_tar_entry e = {
            .name = rows[i].name, .link = rows[i].link,
            .type = rows[i].link ? TENON_TAR_SYMLINK : TENON_TAR_FILE};
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        ck_assert(tenon_tar_encode(&b, &e));
        if (!rows[i].record) {
            ck_assert_uint_eq(b.len, 512);
            continue;
        }
        ck_assert_uint_eq(b.len, 3 * 512);
        ck_assert(has(&b, rows[i].record));
        for (size_t k = 0; k < 512; k++)
            ck_assert_int_lt((unsigned char)b.data[1024 + k], 0x80);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tarheader");
    TCase *c = tcase_create("tarheader");
    tcase_add_test(c, test_attribute_that_pax_cannot_name);
    tcase_add_test(c, test_bytes_above_127_are_pax);
    suite_add_tcase(s, c);
    return unit_run(s);
}

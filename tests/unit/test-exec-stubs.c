/* Mount stubs, and the texts of messages. */
#include "unit.h"

#include "base/ids.h"
#include "exec/private.h"

static char dir[64];
static int rootfd;

static void
set_up(void)
{
    rootfd = unit_tmpdir(dir);
}

static void
tear_down(void)
{
    unit_tmpdir_remove(rootfd, dir);
}

static bool
exists(const char *name)
{
    struct stat st;
    return fstatat(rootfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct stat
stat_of(const char *name)
{
    struct stat st;
    ck_assert_int_eq(fstatat(rootfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

static void
set_old(const char *name)
{
    const struct timespec t[2] = { { 1700000000, 5 }, { 1700000000, 7 } };
    ck_assert_int_eq(utimensat(rootfd, name, t, 0), 0);
}

static int
add(struct tenon_stubs *s, const char *target, bool is_dir)
{
    struct tenon_error err = TENON_ERROR_INIT;
    int r = tenon_stubs_add(s, rootfd, target, is_dir, is_dir, &err);
    tenon_error_release(&err);
    return r;
}

START_TEST(test_stubs_vanish_and_times_stay)
{
    struct tenon_stubs s = {0};
    ck_assert_int_eq(mkdirat(rootfd, "etc", 0755), 0);
    set_old("etc");
    set_old(".");
    ck_assert_int_eq(add(&s, "/etc/hosts", false), 0);
    ck_assert_int_eq(add(&s, "/new/deep/dir", true), 0);
    ck_assert(exists("etc/hosts") && exists("new/deep/dir"));
    tenon_stubs_remove(&s, true);
    ck_assert(!exists("etc/hosts") && !exists("new"));
    ck_assert_int_eq(stat_of("etc").st_mtim.tv_nsec, 7);
    ck_assert_int_eq(stat_of(".").st_mtim.tv_nsec, 7);
    tenon_stubs_release(&s);
}
END_TEST

/* Owners of the directories above are remembered as they are on disk; one that is none of the
 * step's cannot be. */
START_TEST(test_stubs_owners_on_disk)
{
    static const struct {
        uint32_t first, root, shown;
        int code;
        uint32_t on_disk;
    } table[] = {
        { 0, 0, 5, 0, 5 },
        { 1000, 0, 0, 0, 0 },
        { 1000, 0, 1005, 0, 5 },
        { 1000, 1000, 1000, 0, 0 },
        { 1000, 1000, 1001, 0, 1 },
        { 1000, 0, 1099, 0, 99 },
        { 1000, 0, 1100, -1, 0 },
        { 100000, 0, 65534, -1, 0 }, /* the kernel's for all that it cannot tell */
        { 1000, 0, 4294967295u - 65536, -1, 0 },
    };
    if (getuid() != 0 || tenon_ids_mapped()) {
        unit_not_tried("owners: needs the machine's root");
        return;
    }
    ck_assert_int_eq(mkdirat(rootfd, "owned", 0755), 0);
    for (size_t i = 0; i < tenon_countof(table); i++) {
        struct tenon_stubs s = { .ids = { .first = table[i].first, .count = 100,
                                          .root = table[i].root } };
        struct tenon_error err = TENON_ERROR_INIT;
        ck_assert_int_eq(fchownat(rootfd, "owned", table[i].shown, table[i].shown, 0), 0);
        const int rc = tenon_stubs_add(&s, rootfd, "/owned/x", true, true, &err);
        ck_assert_int_eq(rc < 0 ? -1 : 0, table[i].code);
        ck_assert_int_eq(err.sys, rc < 0 ? EOVERFLOW : 0);
        if (rc == 0)
            ck_assert_uint_eq(s.parents.items[0].st.st_uid, table[i].on_disk);
        tenon_stubs_remove(&s, true);
        tenon_stubs_release(&s);
        tenon_error_release(&err);
    }
}
END_TEST

START_TEST(test_stubs_keep_what_the_step_made)
{
    struct tenon_stubs s = {0};
    ck_assert_int_eq(add(&s, "/a/b", true), 0);
    ck_assert_int_eq(add(&s, "/f", false), 0);
    int a = openat(rootfd, "a", O_RDONLY | O_DIRECTORY);
    unit_write(a, "beside", "x");
    close(a);
    unit_write(rootfd, "f", "filled");
    tenon_stubs_remove(&s, true);
    ck_assert(exists("a/beside") && !exists("a/b") && exists("f"));
    tenon_stubs_release(&s);
}
END_TEST

START_TEST(test_stubs_leaf_only)
{
    struct tenon_stubs s = {0};
    ck_assert_int_eq(add(&s, "/a/b/c", true), 0);
    tenon_stubs_remove(&s, false);
    ck_assert(exists("a/b") && !exists("a/b/c"));
    tenon_stubs_release(&s);
}
END_TEST

START_TEST(test_stubs_links_stay_inside)
{
    struct tenon_stubs s = {0};
    ck_assert_int_eq(mkdirat(rootfd, "real", 0755), 0);
    ck_assert_int_eq(symlinkat("/real", rootfd, "abs"), 0);
    ck_assert_int_eq(symlinkat("../../../../../../tmp/../real", rootfd, "up"), 0);
    ck_assert_int_eq(mkdirat(rootfd, "tmp", 0755), 0);
    ck_assert_int_eq(add(&s, "/abs/m", true), 0);
    ck_assert_int_eq(add(&s, "/up/n", false), 0);
    ck_assert(exists("real/m") && exists("real/n"));
    tenon_stubs_remove(&s, true);
    ck_assert(!exists("real/m") && !exists("real/n") && exists("real"));
    tenon_stubs_release(&s);
}
END_TEST

/* CVE-2024-23652: a step that replaces a stub's directory by a link to the host
 * must not have a file of the host removed. */
START_TEST(test_stubs_directory_replaced_by_link_is_not_followed)
{
    struct tenon_stubs s = {0};
    char outside[64];
    int out = unit_tmpdir(outside);
    unit_write(out, "m", "");
    ck_assert_int_eq(add(&s, "/a/m", false), 0);
    ck_assert_int_eq(renameat(rootfd, "a", rootfd, "moved"), 0);
    ck_assert_int_eq(symlinkat(outside, rootfd, "a"), 0);
    tenon_stubs_remove(&s, true);
    struct stat st;
    ck_assert_int_eq(fstatat(out, "m", &st, 0), 0);
    ck_assert(!exists("moved/m"));
    ck_assert_int_eq(unlinkat(rootfd, "a", 0), 0);
    tenon_stubs_release(&s);
    unit_tmpdir_remove(out, outside);
}
END_TEST

START_TEST(test_stubs_below_a_mount_are_the_executors)
{
    struct tenon_stubs s = {0};
    ck_assert_int_eq(add(&s, "/m", true), 0);
    ck_assert_int_eq(add(&s, "/m/inner", true), 0);
    ck_assert_int_eq(add(&s, "/dev/shm/x", true), 0);
    ck_assert(!exists("m/inner") && !exists("dev"));
    tenon_stubs_remove(&s, true);
    tenon_stubs_release(&s);
}
END_TEST

START_TEST(test_stubs_refuse)
{
    struct tenon_stubs s = {0};
    unit_write(rootfd, "file", "");
    ck_assert_int_lt(add(&s, "/file/below", true), 0);
    ck_assert_int_eq(add(&s, "/..", true), TENON_E_INVALID);
    tenon_stubs_release(&s);
}
END_TEST

START_TEST(test_stubs_prune_copied_up_directory)
{
    struct tenon_stubs s = {0};
    ck_assert_int_eq(mkdirat(rootfd, "etc", 0755), 0);
    ck_assert_int_eq(mkdirat(rootfd, "etc/sub", 0755), 0);
    set_old("etc/sub");
    set_old("etc");
    ck_assert_int_eq(add(&s, "/etc/sub/stub", false), 0);
    tenon_stubs_remove(&s, true);

    char upper[64];
    int up = unit_tmpdir(upper); /* what overlayfs would have copied up */
    ck_assert_int_eq(mkdirat(up, "etc", 0755), 0);
    ck_assert_int_eq(mkdirat(up, "etc/sub", 0755), 0);
    const struct timespec t[2] = { { 1700000000, 5 }, { 1700000000, 7 } };
    ck_assert_int_eq(utimensat(up, "etc/sub", t, 0), 0);
    ck_assert_int_eq(utimensat(up, "etc", t, 0), 0);
    tenon_stubs_prune(&s, up);
    struct stat st;
    ck_assert_int_lt(fstatat(up, "etc", &st, 0), 0);

    ck_assert_int_eq(mkdirat(up, "etc", 0700), 0); /* the step changed its mode */
    ck_assert_int_eq(utimensat(up, "etc", t, 0), 0);
    tenon_stubs_prune(&s, up);
    ck_assert_int_eq(fstatat(up, "etc", &st, 0), 0);
    tenon_stubs_release(&s);
    unit_tmpdir_remove(up, upper);
}
END_TEST

START_TEST(test_quote_is_gos)
{
    static const char *const table[][2] = {
        { "/bin/sh -c exit 3", "\"/bin/sh -c exit 3\"" },
        { "a \"b\" \\ \t\n", "\"a \\\"b\\\" \\\\ \\t\\n\"" },
        { "\x01\x7f\xff", "\"\\x01\\x7f\\xff\"" },
        { "\xc3\xa4 \xe2\x82\xac", "\"\xc3\xa4 \xe2\x82\xac\"" },
        { "\xc2\x85", "\"\\u0085\"" },
        { "", "\"\"" },
    };
    for (size_t i = 0; i < tenon_countof(table); i++) {
        auto_free char *got = tenon_exec_quote(table[i][0]);
        ck_assert_str_eq(got, table[i][1]);
    }
}
END_TEST

START_TEST(test_allowed_needs_the_entitlement)
{
    static const char *const entitlements[] = { "network.host", NULL };
    struct tenon_engine e = {0};
    struct tenon_vertex v = { .op = { .type = TENON_OP_EXEC } };
    struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_exec_check_entitled(&e, &v, &err), 0);
    v.op.exec.network = TENON_LLB_NET_HOST;
    ck_assert_int_eq(tenon_exec_check_entitled(&e, &v, &err), TENON_E_DENIED);
    ck_assert_str_eq(err.message, "network.host is not allowed");
    tenon_error_release(&err);
    e.entitlements = entitlements;
    ck_assert_int_eq(tenon_exec_check_entitled(&e, &v, &err), 0);
    v.op.exec.security = 1;
    ck_assert_int_eq(tenon_exec_check_entitled(&e, &v, &err), TENON_E_DENIED);
    tenon_error_release(&err);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("exec-stubs");
    TCase *t = tcase_create("stubs");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, test_stubs_vanish_and_times_stay);
    tcase_add_test(t, test_stubs_owners_on_disk);
    tcase_add_test(t, test_stubs_keep_what_the_step_made);
    tcase_add_test(t, test_stubs_leaf_only);
    tcase_add_test(t, test_stubs_links_stay_inside);
    tcase_add_test(t, test_stubs_directory_replaced_by_link_is_not_followed);
    tcase_add_test(t, test_stubs_below_a_mount_are_the_executors);
    tcase_add_test(t, test_stubs_refuse);
    tcase_add_test(t, test_stubs_prune_copied_up_directory);
    suite_add_tcase(s, t);
    TCase *p = tcase_create("plain");
    tcase_add_test(p, test_quote_is_gos);
    tcase_add_test(p, test_allowed_needs_the_entitlement);
    suite_add_tcase(s, p);
    return unit_run(s);
}

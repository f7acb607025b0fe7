/* Users and groups of a root, and symbolic modes. */
#include "treekit.h"

#include "tree/chmod.h"

static char tmp[64];
static int root = -1;

static void
setup(void)
{
    root = unit_tmpdir(tmp);
    ck_assert_int_eq(mkdirat(root, "etc", 0755), 0);
    unit_write(root, "etc/passwd",
               "root:x:0:0:root:/root:/bin/sh\n"
               "# comment\n\n"
               "  app:x:1000:1000:app:/home/app:/bin/sh  \n"
               "worker:x:1001:1002::/home/w:/bin/sh\n"
               "short:x\n"
               "bad:x:abc:5::/:\n"
               "-1:x:-1:5::/:\n"
               "many:x:4294967296:5::/:\n"
               "last:x:4294967295:5::/:\n"
               "nobody:x:4294967294:4294967294::/:\n"
               "blank:x::5::/:\n"
               "group:x:8:::/:\n"
               "below:x:8:-2::/:\n"
               "octal:x:0x10:5::/:\n"
               "half:x:12 3:5::/:\n"
               "member:x:9:9::/:\n"
               "app:x:7:7::/second:/bin/sh");
    unit_write(root, "etc/group",
               "root:x:0:\nstaff:x:1002:\nextra:x:2000:app,worker\n"
               "more:x:2001:xapp,app\n55:x:9:\n"
               "wrong:x:abc:\nover:x:4294967295:member\nempty:x::\n");
}

static void
teardown(void)
{
    unit_tmpdir_remove(root, tmp);
}

static const struct {
    const char *spec;
    int code;
    uint32_t uid, gid;
    const char *groups, *home; /* groups: words of the error, if there is one */
} users[] = {
    {"", 0, 0, 0, "", "/root"},
    {"root", 0, 0, 0, "", "/root"},
    {"app", 0, 1000, 1000, "2000 2001 ", "/home/app"},
    {"1000", 0, 1000, 1000, "2000 2001 ", "/home/app"},
    {"worker", 0, 1001, 1002, "2000 ", "/home/w"},
    {"worker:extra", 0, 1001, 2000, "", "/home/w"},
    {"worker:77", 0, 1001, 77, "", "/home/w"},
    {"worker:", 0, 1001, 1002, "2000 ", "/home/w"},
    {"4242", 0, 4242, 0, "", NULL},
    {"4242:staff", 0, 4242, 1002, "", NULL},
    {"4242:55", 0, 4242, 55, "", NULL}, /* a number is never a name */
    {":staff", 0, 0, 1002, "", "/root"},
    {"stranger", TENON_E_NOT_FOUND, 0, 0, NULL, NULL},
    {"app:nobody", TENON_E_NOT_FOUND, 0, 0, NULL, NULL},
    {"99999999999", TENON_E_INVALID, 0, 0, NULL, NULL},
    {"2147483648", TENON_E_INVALID, 0, 0, NULL, NULL},
    {"2147483647", 0, 2147483647, 0, "", NULL},
    /* Root is nobody by mistake: what is no id is an error with its line. */
    {"bad", TENON_E_INVALID, 0, 0, "/etc/passwd:7: \"bad\" has an invalid uid: \"abc\"", NULL},
    {"short", TENON_E_INVALID, 0, 0, "/etc/passwd:6: \"short\" has an invalid uid: \"\"", NULL},
    {"-1", TENON_E_INVALID, 0, 0, "/etc/passwd:8: \"-1\" has an invalid uid: \"-1\"", NULL},
    {"many", TENON_E_INVALID, 0, 0, "/etc/passwd:9: \"many\" has an invalid uid", NULL},
    {"last", TENON_E_INVALID, 0, 0, "/etc/passwd:10: \"last\" has an invalid uid", NULL},
    {"nobody", 0, 4294967294, 4294967294, "", "/"},
    {"blank", TENON_E_INVALID, 0, 0, "/etc/passwd:12: ", NULL},
    {"group", TENON_E_INVALID, 0, 0, "/etc/passwd:13: \"group\" has an invalid gid: \"\"", NULL},
    {"below", TENON_E_INVALID, 0, 0, "/etc/passwd:14: \"below\" has an invalid gid: \"-2\"", NULL},
    {"octal", TENON_E_INVALID, 0, 0, "/etc/passwd:15: ", NULL},
    {"half", TENON_E_INVALID, 0, 0, "/etc/passwd:16: ", NULL},
    {"app:wrong", TENON_E_INVALID, 0, 0, "/etc/group:6: \"wrong\" has an invalid gid: \"abc\"", NULL},
    {"app:over", TENON_E_INVALID, 0, 0, "/etc/group:7: ", NULL},
    {"app:empty", TENON_E_INVALID, 0, 0, "/etc/group:8: \"empty\" has an invalid gid: \"\"", NULL},
    {"app:-1", TENON_E_NOT_FOUND, 0, 0, NULL, NULL},
    {"app:4294967295", TENON_E_INVALID, 0, 0, "out of range", NULL},
    {"member", TENON_E_INVALID, 0, 0, "/etc/group:7: \"over\" has an invalid gid", NULL},
};

START_TEST(test_user_lookup)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_user u = {0};
    int ret = tenon_user_lookup(root, users[_i].spec, &u, &err);
    ck_assert_int_eq(ret, users[_i].code);
    if (ret < 0 && users[_i].groups)
        ck_assert_msg(strstr(err.message, users[_i].groups) != NULL, "%s", err.message);
    if (ret < 0)
        return;
    ck_assert_uint_eq(u.uid, users[_i].uid);
    ck_assert_uint_eq(u.gid, users[_i].gid);
    auto_buf struct tenon_buf groups = TENON_BUF_INIT;
    for (size_t i = 0; i < u.group_count; i++)
        tenon_buf_addf(&groups, "%u ", u.groups[i]);
    ck_assert_str_eq(tenon_buf_str(&groups), users[_i].groups);
    ck_assert_pstr_eq(u.home, users[_i].home);
    tenon_user_release(&u);
}
END_TEST

START_TEST(test_user_lookup_without_files)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_user u = {0};
    ck_assert_int_eq(unlinkat(root, "etc/passwd", 0), 0);
    ck_assert_int_eq(unlinkat(root, "etc/group", 0), 0);
    ck_assert_int_eq(tenon_user_lookup(root, "12:34", &u, &err), 0);
    ck_assert_uint_eq(u.uid, 12);
    ck_assert_uint_eq(u.gid, 34);
    ck_assert_int_eq(tenon_user_lookup(root, "", &u, &err), 0);
    ck_assert_uint_eq(u.uid, 0);
    ck_assert_int_eq(tenon_user_lookup(root, "app", &u, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "unable to find user app"));
}
END_TEST

/* Links of a hostile image lead nowhere outside, and a pipe does not hang. */
START_TEST(test_user_hostile_files)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_user u = {0};
    ck_assert_int_eq(unlinkat(root, "etc/passwd", 0), 0);
    ck_assert_int_eq(symlinkat("../../../../etc/passwd", root, "etc/passwd"),
                     0);
    ck_assert_int_lt(tenon_user_lookup(root, "daemon", &u, &err), 0);
    tenon_error_release(&err);
    ck_assert_int_eq(unlinkat(root, "etc/passwd", 0), 0);
    ck_assert_int_eq(mkfifoat(root, "etc/passwd", 0644), 0);
    ck_assert_int_eq(tenon_user_lookup(root, "app", &u, &err),
                     TENON_E_INVALID);
}
END_TEST

static const struct { /* conformance: copy-add/chown, chown-unknown */
    const char *user, *group;
    uint32_t uid, gid;
} owners[] = {
    {"12", "34", 12, 34},          {"12", NULL, 12, 12},
    {"app", NULL, 1000, 1000},     {"app", "staff", 1000, 1002},
    {"7", "staff", 7, 1002},       {"worker", "99", 1001, 99},
    {"worker", NULL, 1001, 1002},  {"stranger", NULL, 0, 0},
    {"app", "stranger", 1000, 1000}, {NULL, "staff", 0, 1002},
    {"4000000000", NULL, 4000000000, 4000000000},
};

START_TEST(test_user_owner)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_owner o = {0};
    ck_assert_int_eq(tenon_user_owner(root, owners[_i].user, root,
                                      owners[_i].group, &o, &err), 0);
    ck_assert(o.set);
    ck_assert_uint_eq(o.uid, owners[_i].uid);
    ck_assert_uint_eq(o.gid, owners[_i].gid);
    ck_assert_int_eq(err.code, 0);
}
END_TEST

/* No number of an id is larger, and none is taken for a name. */
START_TEST(test_user_owner_out_of_range)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_owner o = {0};
    static const char *const ids[] = { "4294967295", "4294967296", "99999999999999999999", "-1",
                                       "-4294967295" };
    for (size_t i = 0; i < tenon_countof(ids); i++) {
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_user_owner(root, ids[i], root, NULL, &o, &err), TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, ids[i]) != NULL, "%s", err.message);
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_user_owner(root, "app", root, ids[i], &o, &err), TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, ids[i]) != NULL, "%s", err.message);
        ck_assert(!o.set);
    }
    static const char *const named[] = { "bad", "last", "blank", "group", "below" };
    for (size_t i = 0; i < tenon_countof(named); i++) {
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_user_owner(root, named[i], root, NULL, &o, &err), TENON_E_INVALID);
        ck_assert_msg(strstr(err.message, "/etc/passwd:") != NULL, "%s", err.message);
    }
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_user_owner(root, "1", root, "wrong", &o, &err), TENON_E_INVALID);
    ck_assert_msg(strstr(err.message, "/etc/group:6: ") != NULL, "%s", err.message);
}
END_TEST

static const struct {
    const char *text;
    uint32_t mode;
    bool is_dir;
    int32_t result; /* -1: malformed */
} modes[] = {
    {"644", 0777, false, 0644},
    {"04755", 0, false, 04755},
    {"7777", 0, false, 07777},
    {"10000", 0, false, -1},
    {"8", 0, false, -1},
    {"u=rw,g=r,o=", 0644, false, 0640},
    {"a+X", 0644, false, 0644},
    {"a+X", 0744, false, 0755},
    {"a+X", 0644, true, 0755},
    {"+X", 0600, true, 0711},
    {"go-rwx", 0755, false, 0700},
    {"u+x,g+w", 0644, false, 0764},
    {"u=rwX,go=rX", 0755, false, 0755},
    {"u=rwX,go=rX", 0640, false, 0644},
    {"u=rwX,go=rX", 0600, true, 0755},
    {"a=rX,u+w", 0711, false, 0755},
    {"=X", 0100, false, 0111},
    {"go-X", 0755, false, 0744},
    {"a-X", 0755, true, 0644},
    {"-X", 0777, false, 0666},
    {"a-x,a=rX", 0755, false, 0555}, /* X asks what was there at first */
    {"g=Xu", 0700, false, 0770},
    {"o=gX,g-X", 0750, false, 0745},
    {"u=rX+w-X", 0755, false, 0655},
    {"u-Xr,g=Xw", 0755, false, 0235},
    {"+x", 0644, false, 0755},
    {"=r", 0777, false, 0444},
    {"=", 06777, false, 0},
    {"u=", 0777, false, 0077},
    {"g=u", 0740, false, 0770},
    {"o=g", 0750, false, 0755},
    {"go=u-w", 0700, false, 0755},
    {"g+u", 0710, false, 0770},
    {"g-u", 0770, false, 0700},
    {"u+s", 0755, false, 04755},
    {"g+s", 0755, true, 02755},
    {"+s", 0755, false, 06755},
    {"o+s", 0755, false, 0755},
    {"+t", 0755, true, 01755},
    {"o+t", 0755, true, 0755},
    {"a-s", 06755, false, 0755},
    {"u=rwx", 04644, false, 0744},
    {"u+r-w+x", 0200, false, 0500},
    {"ug=rw,o=r", 0, false, 0664},
    {"", 0, false, -1},
    {"u", 0, false, -1},
    {"u+q", 0, false, -1},
    {"u+x,", 0, false, -1},
    {"99x", 0, false, -1},
    {"rwx", 0, false, -1},
};

START_TEST(test_chmod)
{
    uint32_t out = 0;
    bool ok = tenon_chmod_apply(modes[_i].text, modes[_i].mode,
                                modes[_i].is_dir, &out);
    ck_assert_msg(ok == (modes[_i].result >= 0), "\"%s\"", modes[_i].text);
    if (ok)
        ck_assert_msg((int32_t)out == modes[_i].result, "\"%s\" %04o: %04o",
                      modes[_i].text, modes[_i].mode, out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tree-user");
    TCase *c = tcase_create("user");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_user_lookup, 0, tenon_countof(users));
    tcase_add_test(c, test_user_lookup_without_files);
    tcase_add_test(c, test_user_hostile_files);
    tcase_add_test(c, test_user_owner_out_of_range);
    tcase_add_loop_test(c, test_user_owner, 0, tenon_countof(owners));
    suite_add_tcase(s, c);
    c = tcase_create("chmod");
    tcase_add_loop_test(c, test_chmod, 0, tenon_countof(modes));
    suite_add_tcase(s, c);
    return unit_run(s);
}

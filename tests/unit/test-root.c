/* Runs twice: as it is, and with TENON_NO_OPENAT2=1 for the walk. */
#include "unit.h"

#include <stdio.h>

#include "base/root.h"

static char tmp[64];
static int top = -1;  /* the temporary directory, "outside" */
static int root = -1; /* tmp/root */

static void
setup(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    top = unit_tmpdir(tmp);
    ck_assert_int_eq(tenon_mkdir_p(top, "root/a/b/c", 0755, &err), 0);
    ck_assert_int_eq(tenon_mkdir_p(top, "root/etc", 0755, &err), 0);
    unit_write(top, "secret", "outside");
    unit_write(top, "root/secret", "inside");
    unit_write(top, "root/a/b/file", "file");
    root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(root, 0);
    static const char *const links[][2] = {
        {"/a/b", "abs"},           {"a/b", "rel"},
        {"../../secret", "up"},    {"/secret", "abs-file"},
        {"/../../../secret", "far"}, {"loop2", "loop1"},
        {"loop1", "loop2"},        {"/a/new", "dangling"},
        {"../../../../secret", "a/b/up"}, {"/proc/self/root", "magic"},
        {"rel/", "slashed"},       {"/", "top"},
        {"a/b/file", "to-file"},   {"a/made/here", "to-made"},
    };
    for (size_t i = 0; i < tenon_countof(links); i++)
        ck_assert_int_eq(symlinkat(links[i][0], root, links[i][1]), 0);
}

static void
teardown(void)
{
    close(root);
    unit_tmpdir_remove(top, tmp);
}

static const struct {
    const char *path;
    int flags;
    int code;         /* expected status, or 0 */
    const char *text; /* expected content, NULL: a directory or link */
} opens[] = {
    {"secret", O_RDONLY, 0, "inside"},
    {"/secret", O_RDONLY, 0, "inside"},
    {"../secret", O_RDONLY, 0, "inside"},
    {"/a/../../secret", O_RDONLY, 0, "inside"},
    {"a/b/../../secret", O_RDONLY, 0, "inside"},
    {"up", O_RDONLY, 0, "inside"},
    {"a/b/up", O_RDONLY, 0, "inside"},
    {"abs-file", O_RDONLY, 0, "inside"},
    {"far", O_RDONLY, 0, "inside"},
    {"abs/file", O_RDONLY, 0, "file"},
    {"rel/file", O_RDONLY, 0, "file"},
    {"rel/../b/file", O_RDONLY, 0, "file"},
    {"slashed/file", O_RDONLY, 0, "file"},
    {"top/top/a//b/./file", O_RDONLY, 0, "file"},
    {"abs/../../secret", O_RDONLY, 0, "inside"},
    {"to-file", O_RDONLY, 0, "file"},
    {"a", O_RDONLY | O_DIRECTORY, 0, NULL},
    {"", O_RDONLY | O_DIRECTORY, 0, NULL},
    {"/", O_RDONLY, 0, NULL},
    {"..", O_RDONLY, 0, NULL},
    {"a/", O_PATH, 0, NULL},
    {"abs/", O_PATH | O_NOFOLLOW, 0, NULL},
    {"abs", O_PATH | O_NOFOLLOW, 0, NULL},
    {"loop1", O_PATH | O_NOFOLLOW, 0, NULL},
    {"none", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"none/x", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"secret/x", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"secret/", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"to-file/", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"dangling", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"magic", O_RDONLY, TENON_E_NOT_FOUND, NULL},
    {"loop1", O_RDONLY, TENON_E_INVALID, NULL},
    {"loop1/x", O_RDONLY, TENON_E_INVALID, NULL},
    {"abs", O_RDONLY | O_NOFOLLOW, TENON_E_INVALID, NULL},
    {"secret", O_RDONLY | O_DIRECTORY, TENON_E_NOT_FOUND, NULL},
    {"abs", O_PATH | O_NOFOLLOW | O_DIRECTORY, TENON_E_NOT_FOUND, NULL},
};

START_TEST(test_root_open)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int fd =
        tenon_root_open(root, opens[_i].path, opens[_i].flags, 0, &err);
    if (opens[_i].code) {
        ck_assert_msg(fd == opens[_i].code, "\"%s\": %d %s", opens[_i].path, fd,
                      err.message ? err.message : "");
        return;
    }
    ck_assert_msg(fd >= 0, "\"%s\": %s", opens[_i].path, err.message);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    if (!opens[_i].text)
        return;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_read_all(fd, 100, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&b), opens[_i].text);
}
END_TEST

START_TEST(test_root_open_create)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat st;
    int flags = O_WRONLY | O_CREAT;
    auto_close int a = tenon_root_open(root, "/a/n1", flags, 0600, &err);
    ck_assert_int_ge(a, 0);
    ck_assert_int_eq(fstatat(root, "a/n1", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    /* through a dangling link: inside */
    auto_close int b = tenon_root_open(root, "dangling", flags, 0600, &err);
    ck_assert_int_ge(b, 0);
    ck_assert_int_eq(fstatat(root, "a/new", &st, 0), 0);
    /* O_EXCL does not follow */
    ck_assert_int_lt(
        tenon_root_open(root, "to-made", flags | O_EXCL, 0600, &err), 0);
    ck_assert_int_eq(err.sys, EEXIST);
    ck_assert_int_lt(
        tenon_root_open(root, "a", flags | O_EXCL, 0600, &err), 0);
    ck_assert_int_eq(err.sys, EEXIST);
    ck_assert_int_lt(tenon_root_open(root, "a", flags, 0600, &err), 0);
    ck_assert_int_eq(err.sys, EISDIR);
    ck_assert_int_lt(tenon_root_open(root, "no/n", flags, 0600, &err), 0);
    ck_assert_int_eq(err.code, TENON_E_NOT_FOUND);
    auto_close int up =
        tenon_root_open(root, "../../../made", flags, 0600, &err);
    ck_assert_int_ge(up, 0);
    ck_assert_int_eq(fstatat(root, "made", &st, 0), 0);
    ck_assert_int_lt(fstatat(top, "made", &st, 0), 0);
}
END_TEST

static const struct {
    const char *path, *name, *entry; /* entry: seen below the directory */
} parents[] = {
    {"/a/b/file", "file", "c"}, {"abs/x", "x", "file"},
    {"secret", "secret", "a"},  {"/secret/", "secret", "a"},
    {"/", ".", "secret"},       {"", ".", "secret"},
    {"a/b/..", ".", "b"},       {"../x", "x", "secret"},
    {"/x", "x", "secret"},      {"a/b/.", ".", "file"},
};

START_TEST(test_root_open_parent)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *keep = NULL;
    const char *name = NULL;
    auto_close int fd = tenon_root_open_parent(root, parents[_i].path, &keep,
                                               &name, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    ck_assert_str_eq(name, parents[_i].name);
    struct stat st;
    ck_assert_int_eq(
        fstatat(fd, parents[_i].entry, &st, AT_SYMLINK_NOFOLLOW), 0);
}
END_TEST

START_TEST(test_root_stat)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat st;
    ck_assert_int_eq(tenon_root_stat(root, "abs", true, &st, &err), 0);
    ck_assert(S_ISDIR(st.st_mode));
    ck_assert_int_eq(tenon_root_stat(root, "abs", false, &st, &err), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(tenon_root_stat(root, "none", true, &st, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_int_eq(err.sys, ENOENT);
    ck_assert_int_eq(tenon_root_stat(root, "secret/x", true, &st, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_int_eq(err.sys, ENOTDIR);
}
END_TEST

START_TEST(test_root_mkdir_p)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat st;
    unsigned made = 99;
    uint32_t uid = getuid(), gid = getgid();
    auto_close int a =
        tenon_root_mkdir_p(root, "/a/x/../y/z/", 02751, uid, gid, &made, &err);
    ck_assert_msg(a >= 0, "%s", err.message);
    ck_assert_uint_eq(made, 3);
    ck_assert_int_eq(fstatat(root, "a/y/z", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 02751);
    auto_close int again =
        tenon_root_mkdir_p(root, "a/y/z", 0700, uid, gid, &made, &err);
    ck_assert_int_ge(again, 0);
    ck_assert_uint_eq(made, 0);
    /* through links, also dangling ones */
    auto_close int b =
        tenon_root_mkdir_p(root, "abs/n", 0755, uid, gid, &made, &err);
    ck_assert_int_ge(b, 0);
    ck_assert_int_eq(fstatat(root, "a/b/n", &st, 0), 0);
    auto_close int c =
        tenon_root_mkdir_p(root, "to-made/n", 0755, uid, gid, &made, &err);
    ck_assert_msg(c >= 0, "%s", err.message);
    ck_assert_uint_eq(made, 3);
    ck_assert_int_eq(fstatat(root, "a/made/here/n", &st, 0), 0);
    auto_close int d = tenon_root_mkdir_p(root, "../../out", 0755, uid, gid,
                                          NULL, &err);
    ck_assert_int_ge(d, 0);
    ck_assert_int_lt(fstatat(top, "out", &st, 0), 0);
    auto_close int e =
        tenon_root_mkdir_p(root, "/", 0755, uid, gid, &made, &err);
    ck_assert_int_ge(e, 0);

    ck_assert_int_lt(
        tenon_root_mkdir_p(root, "secret", 0755, uid, gid, &made, &err), 0);
    ck_assert_int_lt(
        tenon_root_mkdir_p(root, "secret/x", 0755, uid, gid, &made, &err), 0);
    ck_assert_int_lt(
        tenon_root_mkdir_p(root, "loop1/x", 0755, uid, gid, &made, &err), 0);
    /* what is in a set-group-id directory is one, and of its group */
    ck_assert_int_eq(fchmodat(root, "a/y/z", 02700, 0), 0);
    auto_close int s = tenon_root_mkdir_p(root, "a/y/z/s/t", 0755, (uint32_t)-1, (uint32_t)-1,
                                          &made, &err);
    ck_assert_int_ge(s, 0);
    ck_assert_int_eq(fstatat(root, "a/y/z/s/t", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 02755);
    if (getuid() == 0) {
        auto_close int o =
            tenon_root_mkdir_p(root, "owned/by", 0700, 12, 34, &made, &err);
        ck_assert_int_ge(o, 0);
        ck_assert_int_eq(fstatat(root, "owned", &st, 0), 0);
        ck_assert_uint_eq(st.st_uid, 12);
        ck_assert_uint_eq(st.st_gid, 34);
    }
}
END_TEST

static const struct {
    const char *path, *real; /* NULL: an error */
} reals[] = {
    {"/", "/"}, {"", "/"}, {"..", "/"}, {"a/b", "/a/b"}, {"abs", "/a/b"},
    {"abs/file", "/a/b/file"}, {"rel/../x", "/a/x"}, {"up", "/secret"},
    {"none/x/../y", "/none/y"}, {"none/../a/b/up", "/secret"},
    {"dangling", "/a/new"}, {"dangling/x", "/a/new/x"},
    {"secret/x", "/secret/x"}, {"top/abs/c/", "/a/b/c"}, {"loop1", NULL},
    {"to-made", "/a/made/here"}, {"none/../../..", "/"},
};

START_TEST(test_root_realpath)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *out = NULL;
    int ret = tenon_root_realpath(root, reals[_i].path, &out, &err);
    if (!reals[_i].real) {
        ck_assert_int_lt(ret, 0);
        ck_assert_ptr_null(out);
        return;
    }
    ck_assert_msg(ret == 0, "%s", err.message);
    ck_assert_str_eq(out, reals[_i].real);
}
END_TEST

int
main(int argc, char **argv)
{
    (void)argc;
    Suite *s = suite_create(getenv("TENON_NO_OPENAT2") ? "root (walk)"
                                                       : "root");
    TCase *c = tcase_create("root");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_root_open, 0, tenon_countof(opens));
    tcase_add_test(c, test_root_open_create);
    tcase_add_loop_test(c, test_root_open_parent, 0, tenon_countof(parents));
    tcase_add_test(c, test_root_stat);
    tcase_add_test(c, test_root_mkdir_p);
    tcase_add_loop_test(c, test_root_realpath, 0, tenon_countof(reals));
    suite_add_tcase(s, c);
    int ret = unit_run(s);
    if (ret == 0 && !getenv("TENON_NO_OPENAT2")) {
        setenv("TENON_NO_OPENAT2", "1", 1);
        fflush(NULL);
        execv("/proc/self/exe", argv);
        return EXIT_FAILURE;
    }
    return ret;
}

#include "unit.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char tmp[64];
static int top = -1;

static void
setup(void)
{
    top = unit_tmpdir(tmp);
}

static void
teardown(void)
{
    unit_tmpdir_remove(top, tmp);
}

START_TEST(test_io_read_all_limit)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    unit_write(top, "f", "0123456789");
    auto_free char *path = tenon_asprintf("%s/f", tmp);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, ">");
    ck_assert_int_eq(tenon_read_file(path, 10, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&b), ">0123456789");
    ck_assert_int_eq(tenon_read_file(path, 9, &b, &err), TENON_E_LIMIT);
    ck_assert_str_eq(tenon_buf_str(&b), ">0123456789");
    ck_assert_int_eq(tenon_read_file(path, 0, &b, &err), TENON_E_LIMIT);
    ck_assert_int_eq(tenon_read_file("/proc/version", 4096, &b, &err), 0);
    ck_assert_uint_gt(b.len, 20);
    ck_assert_int_eq(tenon_read_file("/nonexistent", 1, &b, &err),
                     TENON_E_NOT_FOUND);
}
END_TEST

START_TEST(test_io_read_all_pipe_grows)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        char block[1000];
        memset(block, 'x', sizeof block);
        for (int i = 0; i < 300; i++)
            if (write(fds[1], block, sizeof block) != sizeof block)
                _exit(1);
        _exit(0);
    }
    close(fds[1]);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_read_all(fds[0], SIZE_MAX, &b, &err), 0);
    ck_assert_uint_eq(b.len, 300000);
    close(fds[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

START_TEST(test_io_read_full_short_at_end)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    unit_write(top, "f", "abc");
    auto_close int fd = openat(top, "f", O_RDONLY | O_CLOEXEC);
    char room[10];
    ck_assert_int_eq(tenon_read_full(fd, room, 2, &err), 2);
    ck_assert_int_eq(tenon_read_full(fd, room, 10, &err), 1);
    ck_assert_int_eq(tenon_read_full(fd, room, 10, &err), 0);
    ck_assert_int_eq(tenon_read_full(-1, room, 10, &err), TENON_E_BUG);
}
END_TEST

START_TEST(test_io_copy_fd)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *text = tenon_malloc(700001);
    for (size_t i = 0; i < 700000; i++)
        text[i] = (char)('a' + i * 7 % 26);
    text[700000] = '\0';
    unit_write(top, "in", text);
    auto_free char *out_path = tenon_asprintf("%s/out", tmp);

    auto_close int in = openat(top, "in", O_RDONLY | O_CLOEXEC);
    auto_close int out =
        openat(top, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(tenon_copy_fd(in, out, UINT64_MAX, &err), 700000);
    /* both stand at the end */
    ck_assert_int_eq(lseek(in, 0, SEEK_CUR), 700000);
    ck_assert_int_eq(lseek(out, 0, SEEK_CUR), 700000);
    /* a part, from the middle, behind what is there */
    ck_assert_int_eq(lseek(in, 100, SEEK_SET), 100);
    ck_assert_int_eq(tenon_copy_fd(in, out, 50, &err), 50);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_read_file(out_path, 1 << 20, &b, &err), 0);
    ck_assert_uint_eq(b.len, 700050);
    ck_assert_mem_eq(b.data, text, 700000);
    ck_assert_mem_eq(b.data + 700000, text + 100, 50);
    /* only so much of the start, into an empty file */
    auto_close int part =
        openat(top, "part", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(lseek(in, 0, SEEK_SET), 0);
    ck_assert_int_eq(tenon_copy_fd(in, part, 10, &err), 10);
    struct stat st;
    ck_assert_int_eq(fstat(part, &st), 0);
    ck_assert_int_eq(st.st_size, 10);
    /* proc says its files are empty */
    auto_close int proc = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(tenon_copy_fd(proc, part, UINT64_MAX, &err), 20);
}
END_TEST

START_TEST(test_io_copy_fd_pipe)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_assert_int_eq(tenon_write_all(fds[1], "hello", 5, &err), 0);
    close(fds[1]);
    auto_close int out =
        openat(top, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(tenon_copy_fd(fds[0], out, UINT64_MAX, &err), 5);
    close(fds[0]);
}
END_TEST

START_TEST(test_io_write_file_replaces)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *path = tenon_asprintf("%s/d/f", tmp);
    ck_assert_int_eq(mkdirat(top, "d", 0755), 0);
    ck_assert_int_eq(
        tenon_write_file_at(top, "d/f", "one", 3, 0640, true, &err), 0);
    ck_assert_int_eq(
        tenon_write_file_at(top, "d/f", "two2", 4, 0600, false, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstatat(top, "d/f", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_read_file(path, 100, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&b), "two2");
    ck_assert_int_lt(
        tenon_write_file_at(top, "none/f", "x", 1, 0600, false, &err), 0);
    /* nothing left behind when the rename fails */
    ck_assert_int_eq(mkdirat(top, "e", 0755), 0);
    ck_assert_int_eq(mkdirat(top, "e/f", 0755), 0);
    ck_assert_int_lt(
        tenon_write_file_at(top, "e/f", "x", 1, 0600, false, &err), 0);
    ck_assert_int_eq(unlinkat(top, "e/f", AT_REMOVEDIR), 0);
    ck_assert_int_eq(unlinkat(top, "e", AT_REMOVEDIR), 0);
}
END_TEST

START_TEST(test_io_mkdir_p)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat st;
    ck_assert_int_eq(tenon_mkdir_p(top, "a/b//c/", 0755, &err), 0);
    ck_assert_int_eq(tenon_mkdir_p(top, "a/b/c", 0755, &err), 0);
    ck_assert_int_eq(fstatat(top, "a/b/c", &st, 0), 0);
    auto_free char *path = tenon_asprintf("%s/x/y", tmp);
    ck_assert_int_eq(tenon_mkdir_p(AT_FDCWD, path, 0700, &err), 0);
    ck_assert_int_eq(tenon_mkdir_p(AT_FDCWD, "/", 0700, &err), 0);
    ck_assert_int_eq(tenon_mkdir_p(top, ".", 0700, &err), 0);
    unit_write(top, "file", "");
    ck_assert_int_lt(tenon_mkdir_p(top, "file", 0755, &err), 0);
    ck_assert_int_lt(tenon_mkdir_p(top, "file/x", 0755, &err), 0);
    ck_assert_int_eq(symlinkat("a", top, "link"), 0);
    ck_assert_int_eq(tenon_mkdir_p(top, "link/n", 0755, &err), 0);
    ck_assert_int_eq(fstatat(top, "a/n", &st, 0), 0);
}
END_TEST

START_TEST(test_io_remove_tree)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat st;
    ck_assert_int_eq(tenon_mkdir_p(top, "t/a/b", 0755, &err), 0);
    ck_assert_int_eq(tenon_mkdir_p(top, "outside/keep", 0755, &err), 0);
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "t/a/f%d", i);
        unit_write(top, name, "x");
        snprintf(name, sizeof name, "t/d%d", i);
        ck_assert_int_eq(mkdirat(top, name, 0755), 0);
    }
    ck_assert_int_eq(symlinkat("../../outside", top, "t/a/link"), 0);
    ck_assert_int_eq(fchmodat(top, "t/a/b", 0, 0), 0);
    ck_assert_int_eq(fchmodat(top, "t/a", 0, 0), 0);
    ck_assert_int_eq(fchmodat(top, "t", 0500, 0), 0);
    ck_assert_int_eq(tenon_remove_tree(top, "t", &err), 0);
    ck_assert_int_lt(fstatat(top, "t", &st, 0), 0);
    ck_assert_int_eq(fstatat(top, "outside/keep", &st, 0), 0);
    /* nothing there, a file, a link to a directory */
    ck_assert_int_eq(tenon_remove_tree(top, "t", &err), 0);
    ck_assert_int_eq(tenon_remove_tree(top, "none/t", &err), 0);
    unit_write(top, "f", "");
    ck_assert_int_eq(tenon_remove_tree(top, "f", &err), 0);
    ck_assert_int_eq(symlinkat("outside", top, "l"), 0);
    ck_assert_int_eq(tenon_remove_tree(top, "l", &err), 0);
    ck_assert_int_eq(fstatat(top, "outside/keep", &st, 0), 0);
}
END_TEST

START_TEST(test_io_remove_tree_without_permission_bits_as_user)
{
    if (getuid() != 0)
        return;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(fchmod(top, 0777), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setresgid(65534, 65534, 65534) < 0 ||
            setresuid(65534, 65534, 65534) < 0 ||
            tenon_mkdir_p(top, "u/v/w", 0755, &err) < 0)
            _exit(2);
        unit_write(top, "u/v/f", "x");
        if (fchmodat(top, "u/v/w", 0, 0) < 0 || fchmodat(top, "u/v", 0, 0) < 0 ||
            fchmodat(top, "u", 0400, 0) < 0)
            _exit(3);
        _exit(tenon_remove_tree(top, "u", &err) < 0 ? 4 : 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_io_remove_tree_deep)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    enum { DEPTH = 5000 };
    int fd = dup(top);
    for (int i = 0; i < DEPTH; i++) {
        ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
        unit_write(fd, "f", "x");
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(next, 0);
        close(fd);
        fd = next;
    }
    close(fd);
    struct rlimit old, low = {100, 100};
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low.rlim_max = old.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    int ret = tenon_remove_tree(top, "d", &err);
    setrlimit(RLIMIT_NOFILE, &old);
    ck_assert_msg(ret == 0, "%s", err.message);
    struct stat st;
    ck_assert_int_lt(fstatat(top, "d", &st, 0), 0);
}
END_TEST

START_TEST(test_io_remove_tree_stops_at_mounts)
{
    if (getuid() != 0)
        return;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *m = tenon_asprintf("%s/t/m", tmp);
    auto_free char *o = tenon_asprintf("%s/o", tmp);
    ck_assert_int_eq(tenon_mkdir_p(top, "t/m", 0755, &err), 0);
    ck_assert_int_eq(tenon_mkdir_p(top, "o/keep", 0755, &err), 0);
    /* the same file system: st_dev would not tell */
    if (mount(o, m, NULL, MS_BIND, NULL) < 0)
        return; /* not allowed here */
    int ret = tenon_remove_tree(top, "t", &err);
    umount2(m, MNT_DETACH);
    ck_assert_int_eq(ret, TENON_E_UNAVAILABLE);
    struct stat st;
    ck_assert_int_eq(fstatat(top, "o/keep", &st, 0), 0);
}
END_TEST

START_TEST(test_io_clocks)
{
    ck_assert_uint_gt(tenon_now_ns(), UINT64_C(1600000000000000000));
    uint64_t a = tenon_monotonic_ns();
    ck_assert_uint_ge(tenon_monotonic_ns(), a);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("io");
    TCase *c = tcase_create("io");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_io_read_all_limit);
    tcase_add_test(c, test_io_read_all_pipe_grows);
    tcase_add_test(c, test_io_read_full_short_at_end);
    tcase_add_test(c, test_io_copy_fd);
    tcase_add_test(c, test_io_copy_fd_pipe);
    tcase_add_test(c, test_io_write_file_replaces);
    tcase_add_test(c, test_io_mkdir_p);
    tcase_add_test(c, test_io_remove_tree);
    tcase_add_test(c, test_io_remove_tree_without_permission_bits_as_user);
    tcase_add_test(c, test_io_remove_tree_deep);
    tcase_add_test(c, test_io_remove_tree_stops_at_mounts);
    tcase_add_test(c, test_io_clocks);
    suite_add_tcase(s, c);
    return unit_run(s);
}

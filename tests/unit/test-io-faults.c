/* Files when the kernel says no: at the last write, at a close, at a rename. What was
 * there stays, what was begun goes, and the reason is told with the file's name. */
#include "refuse.h"
#include "unit.h"

#include <dirent.h>
#include <signal.h>
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

static int
entries(void)
{
    auto_dir DIR *d = fdopendir(openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    return n;
}

static void
assert_text(const char *name, const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    auto_close int fd = openat(top, name, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(tenon_read_all(fd, 1 << 20, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&b), text);
}

/* ---- a file is written whole or not at all --------------------------------------- */

struct writing {
    bool durable;
    int rc;
    struct tenon_error err;
};

static void
write_file(void *data)
{
    struct writing *w = data;
    w->rc = tenon_write_file_at(top, "file", "new", 3, 0644, w->durable, &w->err);
}

static const struct {
    int call, sys;
    bool durable; /* it fails only then */
    const char *what;
} steps[] = {
    { SYS_openat, EACCES, false, "create" }, { SYS_write, ENOSPC, false, "write" },
    { SYS_write, EIO, false, "write" },      { SYS_write, EDQUOT, false, "write" },
    { SYS_fchmod, EPERM, false, "chmod" },   { SYS_fsync, EIO, true, "sync" },
    { SYS_close, EDQUOT, false, "close" },   { SYS_close, EIO, false, "close" },
#ifdef SYS_renameat
    { SYS_renameat, EIO, false, "rename" },
#else
    { SYS_renameat2, EIO, false, "rename" },
#endif
};

START_TEST(test_io_faults_write_file)
{
    for (int durable = 0; durable < 2; durable++) {
        struct writing w = { .durable = durable };
        unit_write(top, "file", "old");
        refused(steps[_i].call, steps[_i].sys, write_file, &w);
        if (steps[_i].durable && !durable) { /* nobody waits for the disk unless asked to */
            ck_assert_int_eq(w.rc, 0);
            assert_text("file", "new");
            continue;
        }
        ck_assert_msg(w.rc < 0, "%s was not noticed", steps[_i].what);
        ck_assert_int_eq(w.err.code, w.rc);
        ck_assert_int_eq(w.err.sys, steps[_i].sys);
        ck_assert_msg(strstr(w.err.message, steps[_i].what) != NULL, "%s", w.err.message);
        ck_assert_msg(strstr(w.err.message, "\"file\"") != NULL, "%s", w.err.message);
        assert_text("file", "old");
        ck_assert_int_eq(entries(), 1);
        tenon_error_release(&w.err);
    }
}
END_TEST

START_TEST(test_io_faults_write_file_mode)
{
    static const uint32_t modes[] = { 0644, 0600, 0755, 0444, 02775, 0 };
    for (size_t i = 0; i < tenon_countof(modes); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct stat st;
        umask(i % 2 ? 077 : 0);
        ck_assert_int_eq(tenon_write_file_at(top, "file", "new", 3, modes[i], false, &err), 0);
        umask(022);
        ck_assert_int_eq(fstatat(top, "file", &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, modes[i]);
    }
}
END_TEST

/* ---- all of it ---------------------------------------------------------------------- */

START_TEST(test_io_faults_write_all)
{
    static const struct { const char *path; int flags, sys; } files[] = {
        { "/dev/full", O_WRONLY, ENOSPC }, { "/dev/null", O_RDONLY, EBADF },
    };
    for (size_t i = 0; i < tenon_countof(files); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = open(files[i].path, files[i].flags | O_CLOEXEC);
        ck_assert_int_lt(tenon_write_all(fd, "x", 1, &err), 0);
        ck_assert_int_eq(err.sys, files[i].sys);
        ck_assert_int_eq(tenon_write_all(fd, "", 0, &(struct tenon_error)TENON_ERROR_INIT), 0);
    }
}
END_TEST

/* A pipe takes what it has room for; the rest follows. */
START_TEST(test_io_faults_write_all_in_parts)
{
    enum { SIZE = 1 << 20 };
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *data = tenon_malloc(SIZE);
        struct tenon_error err = TENON_ERROR_INIT;
        close(fds[0]);
        for (size_t i = 0; i < SIZE; i++)
            data[i] = (char)(i * 7 % 251);
        _exit(tenon_write_all(fds[1], data, SIZE, &err) < 0);
    }
    close(fds[1]);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_read_all(fds[0], SIZE, &b, &err), 0);
    ck_assert_uint_eq(b.len, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        ck_assert_int_eq(b.data[i], (char)(i * 7 % 251));
    close(fds[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* A file takes what its limit allows, and then nothing: not the first part alone is
 * the answer. */
START_TEST(test_io_faults_write_all_up_to_a_limit)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error err = TENON_ERROR_INIT;
        static const char data[3000];
        const struct rlimit limit = { 1000, 1000 };
        int fd = openat(top, "out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        signal(SIGXFSZ, SIG_IGN);
        if (fd < 0 || setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(1);
        int rc = tenon_write_all(fd, data, sizeof data, &err);
        _exit(rc < 0 && err.sys == EFBIG ? 0 : 2);
    }
    int status;
    struct stat st;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(fstatat(top, "out", &st, 0), 0);
    ck_assert_int_eq(st.st_size, 1000);
}
END_TEST

START_TEST(test_io_faults_reading_a_directory)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    char c;
    tenon_buf_adds(&b, "before");
    ck_assert_int_lt(tenon_read_all(top, 100, &b, &err), 0);
    ck_assert_int_eq(err.sys, EISDIR);
    ck_assert_str_eq(tenon_buf_str(&b), "before");
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_read_full(top, &c, 1, &err), 0);
    ck_assert_int_eq(err.sys, EISDIR);
    tenon_error_release(&err);
    auto_close int out = openat(top, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_lt(tenon_copy_fd(top, out, 100, &err), 0);
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_read_file("/nowhere/at/all", 100, &b, &err), 0);
    ck_assert_msg(strstr(err.message, "/nowhere/at/all") != NULL, "%s", err.message);
}
END_TEST

/* ---- copies ---------------------------------------------------------------------------- */

struct copying {
    int in, out;
    int64_t rc;
    struct tenon_error err;
};

static void
copy(void *data)
{
    struct copying *c = data;
    c->rc = tenon_copy_fd(c->in, c->out, UINT64_MAX, &c->err);
}

/* Where the kernel will not copy, we do; where it cannot, nobody can. */
static const struct { int sys; bool fails; } answers[] = {
    { EXDEV, false }, { EINVAL, false }, { ENOSYS, false }, { EOPNOTSUPP, false }, { EPERM, false },
    { EBADF, false }, { ETXTBSY, false }, { EIO, false }, { ENOSPC, true }, { EFBIG, true },
    { EDQUOT, true },
};

START_TEST(test_io_faults_copy)
{
    struct copying c = {0};
    unit_write(top, "in", "text to copy");
    auto_close int in = openat(top, "in", O_RDONLY | O_CLOEXEC);
    auto_close int out = openat(top, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    unit_write(top, "out", "x"); /* not empty: it cannot be shared */
    ck_assert_int_eq(lseek(out, 1, SEEK_SET), 1);
    c.in = in;
    c.out = out;
    refused(SYS_copy_file_range, answers[_i].sys, copy, &c);
    if (answers[_i].fails) {
        ck_assert_int_lt(c.rc, 0);
        ck_assert_int_eq(c.err.sys, answers[_i].sys);
    } else {
        ck_assert_int_eq(c.rc, 12);
        assert_text("out", "xtext to copy");
    }
    tenon_error_release(&c.err);
}
END_TEST

START_TEST(test_io_faults_copy_to_a_full_device)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    unit_write(top, "in", "text to copy");
    auto_close int in = openat(top, "in", O_RDONLY | O_CLOEXEC);
    auto_close int out = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_lt(tenon_copy_fd(in, out, UINT64_MAX, &err), 0);
    ck_assert_int_eq(err.sys, ENOSPC);
}
END_TEST

/* No more than was asked for, from where the files are. */
START_TEST(test_io_faults_copy_of_a_part)
{
    static const struct { off_t from; uint64_t len; const char *text; } parts[] = {
        { 0, 4, "text" }, { 5, 2, "to" }, { 8, 100, "copy" }, { 0, 0, "" }, { 12, 5, "" },
        { 0, 12, "text to copy" },
    };
    for (size_t i = 0; i < tenon_countof(parts); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        unit_write(top, "in", "text to copy");
        unit_write(top, "out", "");
        auto_close int in = openat(top, "in", O_RDONLY | O_CLOEXEC);
        auto_close int out = openat(top, "out", O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(lseek(in, parts[i].from, SEEK_SET), parts[i].from);
        ck_assert_int_eq(tenon_copy_fd(in, out, parts[i].len, &err), (int64_t)strlen(parts[i].text));
        assert_text("out", parts[i].text);
    }
}
END_TEST

/* ---- directories --------------------------------------------------------------------------- */

static const char *const paths[] = { "file/x", "file", "dir/file/x/y", "dangling" };

START_TEST(test_io_faults_mkdir_p)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_mkdir_p(top, "dir", 0755, &err), 0);
    unit_write(top, "file", "x");
    unit_write(top, "dir/file", "x");
    ck_assert_int_eq(symlinkat("nowhere", top, "dangling"), 0);
    ck_assert_int_lt(tenon_mkdir_p(top, paths[_i], 0755, &err), 0);
    ck_assert_msg(strstr(err.message, "create directory") != NULL, "%s", err.message);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_mkdir_p(top, "dir//deep///er/", 0711, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstatat(top, "dir/deep/er", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0711);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("io-faults");
    TCase *c = tcase_create("faults");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_io_faults_write_file, 0, (int)tenon_countof(steps));
    tcase_add_test(c, test_io_faults_write_file_mode);
    tcase_add_test(c, test_io_faults_write_all);
    tcase_add_test(c, test_io_faults_write_all_in_parts);
    tcase_add_test(c, test_io_faults_write_all_up_to_a_limit);
    tcase_add_test(c, test_io_faults_reading_a_directory);
    tcase_add_loop_test(c, test_io_faults_copy, 0, (int)tenon_countof(answers));
    tcase_add_test(c, test_io_faults_copy_to_a_full_device);
    tcase_add_test(c, test_io_faults_copy_of_a_part);
    tcase_add_loop_test(c, test_io_faults_mkdir_p, 0, (int)tenon_countof(paths));
    suite_add_tcase(s, c);
    return unit_run(s);
}

/* Trees of files as -o local and -o tar write them: every attribute, over what lies there
 * already, for several platforms, and where they refuse. With a fake host. */
#include "fakehost.h"
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* ---- what the host says of a result -------------------------------------- */

struct fake_result { /* struct tenon_result is one of these */
    size_t count;
    const char *platforms[3];
    int trees[3];
    const char *epoch; /* of the result, or NULL */
};

static char dir_path[64], dest[80];
static int dir_fd;
static struct fake_tables fake;
static struct fake_result result;
static struct fake_ctx ctx;
static int sink;         /* of tar */
static bool committed, cancel;
static const struct tenon_plugin *plugin;
static struct tenon_error err;

/* Nothing is said about them: tests/cli/attestations.sh has what is. */
static const struct tenon_attestation *
attestation(const struct tenon_result *r, const char *platform, size_t i)
{
    (void)r, (void)platform, (void)i;
    return NULL;
}

static size_t
count(const struct tenon_result *r)
{
    (void)r;
    return result.count;
}

static const char *
platform(const struct tenon_result *r, size_t i)
{
    (void)r;
    return result.platforms[i];
}

static const void *
get(const struct tenon_result *r, const char *key, size_t *len)
{
    (void)r, (void)len;
    return strcmp(key, "source.date.epoch") ? NULL : result.epoch;
}

static int
tree(struct tenon_ctx *c, struct tenon_result *r, size_t i, struct tenon_error *e)
{
    (void)c, (void)r;
    return result.trees[i] < 0 ? tenon_error_set(e, TENON_E_FAILED, "no tree") : result.trees[i];
}

static int
sink_dir(struct tenon_ctx *c, const char *name, struct tenon_error *e)
{
    (void)c;
    if (mkdir(name, 0755) < 0 && errno != EEXIST)
        return tenon_error_sys(e, "make %s", name);
    return open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
sink_open(struct tenon_ctx *c, const char *name, struct tenon_error *e)
{
    (void)c, (void)e;
    sink = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return sink;
}

static int
sink_commit(struct tenon_ctx *c, int fd, struct tenon_error *e)
{
    (void)c, (void)e;
    committed = fd == sink;
    return 0;
}

static bool
cancelled(struct tenon_ctx *c)
{
    (void)c;
    return cancel;
}

static void
status(struct tenon_ctx *c, const char *id, int64_t current, int64_t total)
{
    (void)c, (void)id, (void)current, (void)total;
}

static void
status_done(struct tenon_ctx *c, const char *id)
{
    (void)c, (void)id;
}

#define LOCAL "exporter-local.so", "exporter_local_LTX_tenon_plugin_query"
#define TAR "exporter-tar.so", "exporter_tar_LTX_tenon_plugin_query"

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    dir_fd = unit_tmpdir(dir_path);
    snprintf(dest, sizeof dest, "%s/dest", dir_path);
    fake_tables_init(&fake);
    fake.result.count = count;
    fake.result.platform = platform;
    fake.result.get = get;
    fake.result.tree = tree;
    fake.result.attestation = attestation;
    fake.sink.dir = sink_dir;
    fake.sink.open = sink_open;
    fake.sink.commit = sink_commit;
    fake.ctx.cancelled = cancelled;
    fake.progress.status = status;
    fake.progress.status_done = status_done;
    memset(&ctx, 0, sizeof ctx);
    result = (struct fake_result){ .count = 1, .platforms = { "linux/amd64" } };
    cancel = committed = false;
}

static void
teardown(void)
{
    tenon_error_release(&err);
    unit_tmpdir_remove(dir_fd, dir_path);
}

/* A new directory that is result number i. */
static int
new_tree(size_t i)
{
    char name[16];
    snprintf(name, sizeof name, "tree%zu", i);
    ck_assert_int_eq(mkdirat(dir_fd, name, 0755), 0);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return result.trees[i] = fd; /* the plugin's view of it is the core's descriptor */
}

/* The result has a second platform; its tree. */
static int
new_platform(void)
{
    result.count = 2;
    result.platforms[1] = "linux/arm/v7";
    return new_tree(1);
}

static int
new_dest(void)
{
    ck_assert_int_eq(mkdirat(dir_fd, "dest", 0755), 0);
    int fd = openat(dir_fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* false: not built. */
static bool
begin(const char *file, const char *symbol)
{
    plugin = fake_load(file, symbol);
    if (!plugin) {
        auto_free char *text = tenon_asprintf("%s: not built", file);
        unit_not_tried(text);
        return false;
    }
    void *self;
    ck_assert_int_eq(plugin->init(&fake.host, NULL, &self, &err), 0);
    return true;
}

static int
write_out(const char *option, const char *second)
{
    auto_free char *to = tenon_asprintf("dest=%s", dest);
    const char *const pairs[] = { to, option, option ? second : NULL, NULL };
    struct tenon_values *v = NULL;
    tenon_error_release(&err);
    ck_assert_msg(tenon_values_parse(plugin->options, plugin->param_size, pairs,
                                     "test", &v, &err) == 0,
                  "%s", err.message);
    mode_t before = umask(077); /* nobody's mask is in a result */
    int r = plugin->ops.exporter->write(NULL, (struct tenon_ctx *)(void *)&ctx, v,
                                        (struct tenon_result *)(void *)&result, &err);
    umask(before);
    tenon_values_free(v);
    return r;
}

static void
age(int fd, const char *name, int64_t s, long ns)
{
    struct timespec t[2] = { { s, ns }, { s, ns } };
    ck_assert_int_eq(utimensat(fd, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

/* ---- one tree of everything ---------------------------------------------- */

enum { MANY = 100, BIG = 2500000 };
static const char cap[20] = "\1\0\0\2\0\4";

static void
fill(int fd)
{
    static char big[BIG + 1];
    memset(big, 'b', BIG);
    memcpy(big + BIG - 3, "end", 3);
    ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
    ck_assert_int_eq(mkdirat(fd, "d/closed", 0755), 0);
    unit_write(fd, "d/closed/in", "in");
    unit_write(fd, "big", big);
    unit_write(fd, "plain", "text");
    unit_write(fd, "empty", "");
    ck_assert_int_eq(fchownat(fd, "plain", 7, 8, 0), 0);
    ck_assert_int_eq(fchmodat(fd, "plain", 04751, 0), 0);
    ck_assert_int_eq(symlinkat("../none", fd, "d/link"), 0);
    ck_assert_int_eq(mkfifoat(fd, "pipe", 0), 0);
    ck_assert_int_eq(fchmodat(fd, "pipe", 0622, 0), 0);
    ck_assert_int_eq(mknodat(fd, "node", S_IFCHR | 0660, makedev(10, 229)), 0);
    ck_assert_int_eq(fchmodat(fd, "node", 0666, 0), 0);
    ck_assert_int_eq(mknodat(fd, "socket", S_IFSOCK | 0644, 0), 0);
    for (int i = 0; i < MANY; i++) { /* more than one table of them */
        char one[20], two[20];
        snprintf(one, sizeof one, "d/one%03d", i);
        snprintf(two, sizeof two, "two%03d", i);
        unit_write(fd, one, one);
        ck_assert_int_eq(linkat(fd, one, fd, two, 0), 0);
    }
    auto_free char *path = tenon_asprintf("%s/tree0/big", dir_path);
    ck_assert_int_eq(setxattr(path, "security.capability", cap, sizeof cap, 0), 0);
    ck_assert_int_eq(fchmodat(fd, "d/closed", 01500, 0), 0);
    age(fd, "plain", 1000000001, 123456789);
    age(fd, "big", 2000000002, 5);
    age(fd, "empty", 1, 1);
    age(fd, "d/link", 1000000003, 333333333);
    age(fd, "pipe", 1000000004, 444444444);
    age(fd, "node", 1000000005, 555555555);
    age(fd, "d/one007", 1000000006, 7);
    age(fd, "d/closed/in", 1000000008, 8);
    age(fd, "d/closed", 1000000009, 999999999);
    age(fd, "d", 1000000010, 101010101);
}

static void
check_stat(int fd, const char *name, mode_t mode, int64_t s, long ns)
{
    struct stat st;
    ck_assert_msg(fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "no %s", name);
    ck_assert_msg(S_ISLNK(mode) ? S_ISLNK(st.st_mode) : st.st_mode == mode,
                  "%s: mode %o", name, st.st_mode);
    ck_assert_msg(st.st_mtim.tv_sec == s && st.st_mtim.tv_nsec == ns, "%s: time %lld.%09ld", name,
                  (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    ck_assert_uint_eq(st.st_uid, geteuid()); /* of who asked, not of the image */
    ck_assert_uint_eq(st.st_gid, getegid());
}

static void
check_text(int fd, const char *name, const char *text)
{
    auto_close int in = openat(fd, name, O_RDONLY | O_CLOEXEC);
    char got[64] = "";
    ck_assert_msg(in >= 0, "no %s", name);
    ck_assert_int_ge(read(in, got, sizeof got - 1), 0);
    ck_assert_str_eq(got, text);
}

START_TEST(test_local_keeps_everything)
{
    if (!begin(LOCAL))
        return;
    int fd = new_tree(0);
    fill(fd);
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    auto_close int out = openat(dir_fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_stat(out, "plain", S_IFREG | 04751, 1000000001, 123456789);
    check_stat(out, "big", S_IFREG | 0644, 2000000002, 5);
    check_stat(out, "empty", S_IFREG | 0644, 1, 1);
    check_stat(out, "d/link", S_IFLNK, 1000000003, 333333333);
    check_stat(out, "pipe", S_IFIFO | 0622, 1000000004, 444444444);
    check_stat(out, "node", S_IFCHR | 0666, 1000000005, 555555555);
    check_stat(out, "d/one007", S_IFREG | 0644, 1000000006, 7);
    check_stat(out, "d/closed/in", S_IFREG | 0644, 1000000008, 8);
    check_stat(out, "d/closed", S_IFDIR | 01500, 1000000009, 999999999);
    check_stat(out, "d", S_IFDIR | 0755, 1000000010, 101010101);
    struct stat a, b;
    ck_assert_int_lt(fstatat(out, "socket", &a, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_int_eq(fstatat(out, "node", &a, 0), 0);
    ck_assert_uint_eq(a.st_rdev, makedev(10, 229));
    char to[20] = "";
    ck_assert_int_eq(readlinkat(out, "d/link", to, sizeof to), 7);
    ck_assert_str_eq(to, "../none");
    for (int i = 0; i < MANY; i++) {
        char one[20], two[20];
        snprintf(one, sizeof one, "d/one%03d", i);
        snprintf(two, sizeof two, "two%03d", i);
        ck_assert_int_eq(fstatat(out, one, &a, 0), 0);
        ck_assert_int_eq(fstatat(out, two, &b, 0), 0);
        ck_assert_uint_eq(a.st_ino, b.st_ino);
        ck_assert_uint_eq(a.st_nlink, 2);
        check_text(out, two, one);
    }
    auto_close int in = openat(out, "big", O_RDONLY | O_CLOEXEC);
    auto_free char *got = tenon_malloc(BIG + 1);
    ck_assert_int_eq(tenon_read_full(in, got, BIG + 1, &err), BIG);
    ck_assert_int_eq(got[0], 'b');
    ck_assert_int_eq(memcmp(got + BIG - 4, "bend", 4), 0);
    close(fd);
}
END_TEST

/* ---- what lies there already
 * ------------------------------------------------------------------- */

START_TEST(test_local_over_another_tree)
{
    if (!begin(LOCAL))
        return;
    auto_close int fd = new_tree(0);
    auto_close int out = new_dest();
    ck_assert_int_eq(mkdirat(fd, "dir", 0750), 0);
    unit_write(fd, "dir/new", "new");
    ck_assert_int_eq(mkdirat(fd, "was-file", 0755), 0);
    unit_write(fd, "was-file/in", "in");
    ck_assert_int_eq(mkdirat(fd, "was-link", 0755), 0);
    unit_write(fd, "was-link/in", "in");
    unit_write(fd, "was-dir", "file");
    unit_write(fd, "target", "file");
    unit_write(fd, "same", "short");
    ck_assert_int_eq(symlinkat("same", fd, "link"), 0);

    unit_write(dir_fd, "outside", "outside");
    ck_assert_int_eq(mkdirat(out, "dir", 0700), 0);
    unit_write(out, "dir/kept", "kept");
    unit_write(out, "was-file", "file");
    ck_assert_int_eq(symlinkat("../tree0", out, "was-link"), 0);
    ck_assert_int_eq(mkdirat(out, "was-dir", 0755), 0);
    ck_assert_int_eq(symlinkat("../outside", out, "target"), 0);
    unit_write(out, "same", "longer than the new one");
    unit_write(out, "link", "file");

    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    check_text(out, "dir/kept", "kept");
    check_text(out, "dir/new", "new");
    check_text(out, "was-file/in", "in");
    check_text(out, "was-link/in", "in");
    check_text(out, "was-dir", "file");
    check_text(out, "target", "file");
    check_text(out, "same", "short");
    check_text(out, "link", "short");
    check_text(dir_fd, "outside", "outside");
    struct stat st;
    ck_assert_int_eq(fstatat(out, "was-link", &st, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert(S_ISDIR(st.st_mode));
    ck_assert_int_eq(fstatat(out, "dir", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0750);

    /* A directory makes way for a file or a link with all that is in it; what a link in it
     * leads to stays. */
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(unlinkat(out, "was-dir", 0), 0);
        ck_assert_int_eq(mkdirat(out, "was-dir", 0755), 0);
        ck_assert_int_eq(mkdirat(out, "was-dir/deep", 0755), 0);
        unit_write(out, "was-dir/deep/file", "gone");
        ck_assert_int_eq(symlinkat("../../dir", out, "was-dir/deep/link"), 0);
        if (round) {
            ck_assert_int_eq(unlinkat(fd, "was-dir", 0), 0);
            ck_assert_int_eq(symlinkat("same", fd, "was-dir"), 0);
        }
        ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
        check_text(out, "was-dir", round ? "short" : "file");
        check_text(out, "dir/kept", "kept");
    }
}
END_TEST

/* ---- times --------------------------------------------------------------- */

static const struct {
    const char *of_result, *option;
    int64_t old_s, new_s; /* of files of 1000.5 and 3000.5 */
    bool old_ns, new_ns;
} epochs[] = {
    { NULL, NULL, 1000, 3000, true, true },
    { "2000", NULL, 2000, 2000, false, false }, /* all of them, not the later alone */
    { NULL, "source-date-epoch=2000", 2000, 2000, false, false },
    { "1500", "source-date-epoch=2500", 2500, 2500, false, false },
    { "0", NULL, 0, 0, false, false },
    { "-5", NULL, -5, -5, false, false },
    { "", NULL, 1000, 3000, true, true },
    { "2000", "source-date-epoch=", 1000, 3000, true, true },
    { NULL, "rewrite-timestamp=true", 1000, 3000, true, true },
};

START_TEST(test_local_epoch)
{
    if (!begin(LOCAL))
        return;
    auto_close int fd = new_tree(0);
    result.epoch = epochs[_i].of_result;
    unit_write(fd, "old", "");
    unit_write(fd, "new", "");
    ck_assert_int_eq(mkdirat(fd, "dir", 0755), 0);
    ck_assert_int_eq(symlinkat("new", fd, "link"), 0);
    age(fd, "old", 1000, 500000000);
    age(fd, "new", 3000, 500000000);
    age(fd, "dir", 3000, 500000000);
    age(fd, "link", 3000, 500000000);
    ck_assert_msg(write_out(epochs[_i].option, NULL) == 0, "%s", err.message);
    auto_close int out = openat(dir_fd, "dest", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_stat(out, "old", S_IFREG | 0644, epochs[_i].old_s, epochs[_i].old_ns ? 500000000 : 0);
    check_stat(out, "new", S_IFREG | 0644, epochs[_i].new_s, epochs[_i].new_ns ? 500000000 : 0);
    check_stat(out, "dir", S_IFDIR | 0755, epochs[_i].new_s, epochs[_i].new_ns ? 500000000 : 0);
    check_stat(out, "link", S_IFLNK, epochs[_i].new_s, epochs[_i].new_ns ? 500000000 : 0);
}
END_TEST

/* ---- several platforms --------------------------------------------------- */

START_TEST(test_local_platforms)
{
    if (!begin(LOCAL))
        return;
    auto_close int one = new_tree(0);
    auto_close int two = new_platform();
    ck_assert_int_eq(mkdirat(one, "bin", 0755), 0);
    ck_assert_int_eq(mkdirat(two, "bin", 0711), 0);
    unit_write(one, "bin/a", "of one");
    unit_write(two, "bin/b", "of two");
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    check_text(dir_fd, "dest/linux_amd64/bin/a", "of one");
    check_text(dir_fd, "dest/linux_arm_v7/bin/b", "of two");

    ck_assert_msg(write_out("platform-split=false", NULL) == 0, "%s", err.message);
    check_text(dir_fd, "dest/bin/a", "of one");
    check_text(dir_fd, "dest/bin/b", "of two");

    unit_write(two, "bin/a", "of two, too");
    ck_assert_int_eq(write_out("platform-split=false", NULL), TENON_E_INVALID);
    ck_assert_ptr_nonnull(
        strstr(err.message,
               "cannot overwrite bin/a from linux/amd64 with linux/arm/v7 "
               "when split option is disabled"));
    check_text(dir_fd, "dest/bin/a", "of one");
    ck_assert_msg(write_out("platform-split=true", NULL) == 0, "%s", err.message);

    result.count = 1;
    ck_assert_msg(write_out("platform-split=true", NULL) == 0, "%s", err.message);
    check_text(dir_fd, "dest/linux_amd64/bin/a", "of one");
    result.trees[0] = -1;
    ck_assert_int_eq(write_out(NULL, NULL), TENON_E_FAILED);
    ck_assert_ptr_nonnull(strstr(err.message, "export to "));
    ck_assert_ptr_nonnull(strstr(err.message, "no tree"));
}
END_TEST

/* ---- mode=delete --------------------------------------------------------- */

static bool
is_there(const char *name)
{
    auto_free char *path = tenon_asprintf("dest/%s", name);
    return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(test_local_delete)
{
    if (!begin(LOCAL))
        return;
    auto_close int fd = new_tree(0);
    auto_close int out = new_dest();
    ck_assert_int_eq(mkdirat(fd, "dir", 0755), 0);
    unit_write(fd, "dir/new", "new");
    unit_write(fd, "file", "file");
    age(fd, "dir", 1000, 0);
    ck_assert_int_eq(mkdirat(dir_fd, "outside", 0755), 0);
    unit_write(dir_fd, "outside/kept", "kept");
    ck_assert_int_eq(mkdirat(out, "dir", 0755), 0);
    unit_write(out, "dir/old", "old");
    unit_write(out, "old", "old");
    ck_assert_int_eq(mkdirat(out, "olddir", 0755), 0);
    ck_assert_int_eq(mkdirat(out, "olddir/deep", 0555), 0);
    unit_write(out, "olddir/file", "old");
    ck_assert_int_eq(symlinkat("../outside", out, "link"), 0);

    cancel = true; /* what fails removes nothing */
    ck_assert_int_eq(write_out("mode=delete", NULL), TENON_E_CANCELLED);
    ck_assert(is_there("old") && is_there("dir/old") && is_there("olddir/file"));
    cancel = false;
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    ck_assert(is_there("old") && is_there("dir/old") && is_there("link"));
    ck_assert_msg(write_out("mode=delete", NULL) == 0, "%s", err.message);
    check_text(out, "dir/new", "new");
    check_text(out, "file", "file");
    ck_assert(!is_there("dir/old") && !is_there("old") && !is_there("olddir") && !is_there("link"));
    check_text(dir_fd, "outside/kept", "kept");
    check_stat(out, "dir", S_IFDIR | 0755, 1000, 0); /* removing in it is not seen */

    /* Of several platforms, all that they have stays. */
    auto_close int two = new_platform();
    unit_write(two, "second", "of two");
    for (int split = 0; split < 2; split++) {
        const char *const option = split ? "platform-split=true" : "platform-split=false";
        unit_write(out, "stray", "");
        ck_assert_msg(write_out("mode=delete", option) == 0, "%s", err.message);
        ck_assert(!is_there("stray"));
        ck_assert(is_there("file") == !split && is_there("second") == !split);
        ck_assert(is_there("linux_amd64/file") == split && is_there("linux_arm_v7/second") == split);
    }
    unit_write(two, "file", "of two, another"); /* one name, two files: refused, with nothing removed */
    unit_write(out, "stray", "");
    ck_assert_int_lt(write_out("mode=delete", "platform-split=false"), 0);
    ck_assert(is_there("stray") && is_there("linux_amd64/file"));
}
END_TEST

/* A link where the directory of a platform would be leads nowhere. */
START_TEST(test_local_platform_by_a_link)
{
    if (!begin(LOCAL))
        return;
    auto_close int fd = new_tree(0);
    auto_close int out = new_dest();
    unit_write(fd, "a", "a");
    ck_assert_int_eq(mkdirat(dir_fd, "elsewhere", 0755), 0);
    ck_assert_int_eq(symlinkat("../elsewhere", out, "linux_amd64"), 0);
    ck_assert_int_eq(write_out("platform-split=true", NULL), TENON_E_FAILED);
    ck_assert_int_ne(faccessat(dir_fd, "elsewhere/a", F_OK, 0), 0);
}
END_TEST

/* ---- refusals ------------------------------------------------------------ */

static int
deep_tree(unsigned depth)
{
    int top = new_tree(0), at = dup(top);
    for (unsigned i = 0; i < depth; i++) {
        ck_assert_int_eq(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(next, 0);
        close(at);
        at = next;
    }
    unit_write(at, "file", "deep");
    close(at);
    return top;
}

START_TEST(test_exporters_depth)
{
    static const struct {
        unsigned depth;
        int code;
    } depths[] = { { 512, 0 }, { 513, TENON_E_LIMIT } };
    if (!begin(LOCAL) || !begin(TAR))
        return;
    auto_close int fd = deep_tree(depths[_i].depth);
    ck_assert_int_eq(write_out(NULL, NULL), depths[_i].code);
    ck_assert_int_eq(committed, depths[_i].code == 0);
    if (depths[_i].code)
        ck_assert_ptr_nonnull(strstr(err.message, "more than 512 directories deep"));
}
END_TEST

static const struct {
    bool tar;
    const char *option, *of_result, *message;
    int code;
    bool cancel;
} refusals[] = {
    {false, "source-date-epoch=never", NULL,
     "invalid source-date-epoch \"never\"", TENON_E_INVALID, false},
    {false, NULL, "12x", "invalid source-date-epoch \"12x\"", TENON_E_INVALID,
     false},
    {false, NULL, NULL, "cancelled", TENON_E_CANCELLED, true},
    {true, "source-date-epoch=never", NULL,
     "invalid source-date-epoch \"never\"", TENON_E_INVALID, false},
    {true, NULL, "1.5", "invalid source-date-epoch \"1.5\"", TENON_E_INVALID,
     false},
    {true, NULL, NULL, "cancelled", TENON_E_CANCELLED, true},
};

START_TEST(test_exporters_refuse)
{
    if (!(refusals[_i].tar ? begin(TAR) : begin(LOCAL)))
        return;
    auto_close int fd = new_tree(0);
    unit_write(fd, "a", "a");
    result.epoch = refusals[_i].of_result;
    cancel = refusals[_i].cancel;
    ck_assert_int_eq(write_out(refusals[_i].option, NULL), refusals[_i].code);
    ck_assert_msg(strstr(err.message, refusals[_i].message) != NULL, "%s", err.message);
    ck_assert(!committed);
    ck_assert_int_ne(faccessat(dir_fd, "dest/a", F_OK, 0), 0);
}
END_TEST

/* ---- as an archive ------------------------------------------------------- */

struct wanted {
    const char *name, *link;
    mode_t mode;
    int64_t s;
};

static void
check_archive(const struct wanted *wanted, size_t n)
{
    auto_close int in = openat(dir_fd, "dest", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(in, 0);
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(utf8);
    struct archive *a = archive_read_new();
    archive_read_support_format_tar(a);
    ck_assert_int_eq(archive_read_open_fd(a, in, 65536), ARCHIVE_OK);
    struct archive_entry *e;
    for (size_t i = 0; i < n; i++) {
        const struct wanted *w = &wanted[i];
        /* A name that is no UTF-8 is read as it is, with a word about it. */
        ck_assert_int_ge(archive_read_next_header(a, &e), ARCHIVE_WARN);
        ck_assert_str_eq(archive_entry_pathname(e), w->name);
        const char *link = archive_entry_hardlink(e) ? archive_entry_hardlink(e)
                                                     : archive_entry_symlink(e);
        ck_assert_str_eq(link ? link : "", w->link ? w->link : "");
        ck_assert_msg(archive_entry_perm(e) == (w->mode & 07777) ||
                          (S_ISLNK(w->mode) && archive_entry_filetype(e) == S_IFLNK),
                      "%s: mode %o", w->name, archive_entry_perm(e));
        if (!archive_entry_hardlink(e))
            ck_assert_uint_eq(archive_entry_filetype(e), w->mode & S_IFMT);
        ck_assert_msg(archive_entry_mtime(e) == w->s && archive_entry_mtime_nsec(e) == 0,
                      "%s: time %lld.%09ld", w->name, (long long)archive_entry_mtime(e),
                      archive_entry_mtime_nsec(e));
        if (!strcmp(w->name, "plain")) {
            ck_assert_int_eq(archive_entry_uid(e), 7); /* an archive keeps owners */
            ck_assert_int_eq(archive_entry_gid(e), 8);
            char text[8] = "";
            ck_assert_int_eq(archive_read_data(a, text, sizeof text), 4);
            ck_assert_str_eq(text, "text");
        } else if (!strcmp(w->name, "node")) {
            ck_assert_uint_eq(archive_entry_rdevmajor(e), 10);
            ck_assert_uint_eq(archive_entry_rdevminor(e), 229);
        } else if (!strcmp(w->name, "big")) {
            const char *key;
            const void *value;
            size_t len;
            ck_assert_int_eq(archive_entry_size(e), BIG);
            ck_assert_int_eq(archive_entry_xattr_reset(e), 1);
            ck_assert_int_eq(archive_entry_xattr_next(e, &key, &value, &len), ARCHIVE_OK);
            ck_assert_str_eq(key, "security.capability");
            ck_assert_uint_eq(len, sizeof cap);
            ck_assert_int_eq(memcmp(value, cap, len), 0);
        }
    }
    ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_EOF);
    archive_read_free(a);
    uselocale(before);
    freelocale(utf8);
}

START_TEST(test_tar_keeps_everything)
{
    if (!begin(TAR))
        return;
    auto_close int fd = new_tree(0);
    fill(fd);
    for (int i = 0; i < MANY; i++) { /* two pairs of names will do */
        char one[20], two[20];
        snprintf(one, sizeof one, "d/one%03d", i);
        snprintf(two, sizeof two, "two%03d", i);
        if (i != 7 && i != 8)
            ck_assert(unlinkat(fd, one, 0) == 0 && unlinkat(fd, two, 0) == 0);
    }
    unit_write(fd, "B", "");
    unit_write(fd, "\xc3\xa4", ""); /* in UTF-8, and in no charset at all */
    ck_assert_int_eq(symlinkat("\xc3\xb6", fd, "\xc3\xa4.link"), 0);
    unit_write(fd, "\xff", "");
    ck_assert_int_eq(mkdirat(fd, "d.x", 0755), 0);
    static const char *const plain[] = {
        "B", "\xc3\xa4", "\xc3\xa4.link", "\xff", "d.x", "d/one008", "d"};
    for (size_t i = 0; i < tenon_countof(plain); i++)
        age(fd, plain[i], 1000000010, 101010101);
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    ck_assert(committed);
    static const struct wanted wanted[] = { /* by bytes, directories before what is in them */
        { "B", NULL, S_IFREG | 0644, 1000000010 },
        { "big", NULL, S_IFREG | 0644, 2000000002 },
        { "d/", NULL, S_IFDIR | 0755, 1000000010 },
        { "d/closed/", NULL, S_IFDIR | 01500, 1000000009 },
        { "d/closed/in", NULL, S_IFREG | 0644, 1000000008 },
        { "d/link", "../none", S_IFLNK, 1000000003 },
        { "d/one007", NULL, S_IFREG | 0644, 1000000006 },
        { "d/one008", NULL, S_IFREG | 0644, 1000000010 },
        { "d.x/", NULL, S_IFDIR | 0755, 1000000010 },
        { "empty", NULL, S_IFREG | 0644, 1 },
        { "node", NULL, S_IFCHR | 0666, 1000000005 },
        { "pipe", NULL, S_IFIFO | 0622, 1000000004 },
        { "plain", NULL, S_IFREG | 04751, 1000000001 },
        { "two007", "d/one007", S_IFREG | 0644, 1000000006 },
        { "two008", "d/one008", S_IFREG | 0644, 1000000010 },
        { "\xc3\xa4", NULL, S_IFREG | 0644, 1000000010 },
        { "\xc3\xa4.link", "\xc3\xb6", S_IFLNK, 1000000010 },
        { "\xff", NULL, S_IFREG | 0644, 1000000010 },
    };
    check_archive(wanted, tenon_countof(wanted));
}
END_TEST

START_TEST(test_tar_platforms_and_epoch)
{
    if (!begin(TAR))
        return;
    result.epoch = "2000";
    auto_close int one = new_tree(0);
    auto_close int two = new_platform();
    unit_write(one, "a", "a");
    age(one, "a", 3000, 500000000);
    unit_write(two, "b", "b");
    age(two, "b", 1000, 500000000);
    ck_assert_int_eq(linkat(two, "b", two, "c", 0), 0);
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    static const struct wanted wanted[] = {
        { "linux_amd64/", NULL, S_IFDIR | 0755, 2000 },
        { "linux_amd64/a", NULL, S_IFREG | 0644, 2000 },
        { "linux_arm_v7/", NULL, S_IFDIR | 0755, 2000 },
        { "linux_arm_v7/b", NULL, S_IFREG | 0644, 2000 },
        { "linux_arm_v7/c", "linux_arm_v7/b", S_IFREG | 0644, 2000 },
    };
    check_archive(wanted, tenon_countof(wanted));
    ck_assert_msg(write_out("source-date-epoch=", NULL) == 0, "%s", err.message);
    static const struct wanted without[] = {
        { "linux_amd64/", NULL, S_IFDIR | 0755, 0 },
        { "linux_amd64/a", NULL, S_IFREG | 0644, 3000 },
        { "linux_arm_v7/", NULL, S_IFDIR | 0755, 0 },
        { "linux_arm_v7/b", NULL, S_IFREG | 0644, 1000 },
        { "linux_arm_v7/c", "linux_arm_v7/b", S_IFREG | 0644, 1000 },
    };
    check_archive(without, tenon_countof(without));
}
END_TEST

/* Without a split: each directory once, and no file of two platforms. */
START_TEST(test_tar_platforms_in_one)
{
    if (!begin(TAR))
        return;
    auto_close int one = new_tree(0);
    auto_close int two = new_platform();
    ck_assert_int_eq(mkdirat(one, "bin", 0755), 0);
    ck_assert_int_eq(mkdirat(two, "bin", 0755), 0);
    unit_write(one, "bin/a", "a");
    unit_write(two, "bin/b", "b");
    age(one, "bin/a", 1000, 0);
    age(two, "bin/b", 1000, 0);
    age(one, "bin", 1000, 0);
    ck_assert_msg(write_out("platform-split=false", NULL) == 0, "%s", err.message);
    static const struct wanted wanted[] = {
        { "bin/", NULL, S_IFDIR | 0755, 1000 },
        { "bin/a", NULL, S_IFREG | 0644, 1000 },
        { "bin/b", NULL, S_IFREG | 0644, 1000 },
    };
    check_archive(wanted, tenon_countof(wanted));
    committed = false;
    unit_write(two, "bin/a", "of two");
    ck_assert_int_eq(write_out("platform-split=false", NULL), TENON_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot overwrite bin/a from linux/amd64 with "
                                              "linux/arm/v7 when split option is disabled"));
    ck_assert(!committed);
}
END_TEST

/* ---- names, targets and attributes are bytes -------------------------------- */

static const char *const odd[] = {
    "Gr\xc3\xbc\xc3\x9f" "e.txt", "b\xfc" "d", "\xff\xfe\x80", "new\nline", "tab\there", "\x01\x1b[31m\x7f",
    "'quotes\"", "back\\slash", " blank ", "-dash", "0123456789" /* and long ones: */,
};

/* Every length around the limits of ustar: 100 bytes, and 155 before a "/". */
static void
odd_name(int i, char out[256])
{
    static const int lengths[] = { 99, 100, 101, 154, 155, 156, 254, 255 };
    size_t n = tenon_countof(odd);
    if ((size_t)i < n) {
        snprintf(out, 256, "%s", odd[i]);
        return;
    }
    size_t k = (size_t)i - n;
    int len = lengths[k % tenon_countof(lengths)];
    memset(out, 'n', (size_t)len);
    if (k >= tenon_countof(lengths)) { /* not UTF-8, and not at the end alone */
        out[0] = '\xe9';
        out[len - 1] = '\xc3';
    }
    out[len] = '\0';
}
enum { ODD_NAMES = 11 + 2 * 8 };

/* As a reader that knows pax and nothing of charsets sees it: GNU tar, in C. */
START_TEST(test_tar_odd_bytes)
{
    char name[256], again[80];
    odd_name(_i, name);
    if (!begin(TAR))
        return;
    auto_close int fd = new_tree(0);
    auto_free char *nested = tenon_asprintf("%s/%s", name, name);
    ck_assert_int_eq(mkdirat(fd, name, 0755), 0);
    unit_write(fd, nested, "text");
    auto_free char *second = tenon_asprintf("%s/2nd", name);
    ck_assert_int_eq(linkat(fd, nested, fd, second, 0), 0);
    auto_free char *link = tenon_asprintf("%s/3rd", name);
    ck_assert_int_eq(symlinkat(nested, fd, link), 0);
    auto_free char *whole = tenon_asprintf("%s/tree0/%s", dir_path, name);
    ck_assert_int_eq(setxattr(whole, "user.of-dir", name, strlen(name), 0), 0);
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);

    snprintf(again, sizeof again, "%s/again", dir_path);
    ck_assert_int_eq(mkdir(again, 0755), 0);
    auto_free char *command = tenon_asprintf("LC_ALL=C tar --xattrs -xf %s -C %s 2>&1", dest, again);
    ck_assert_int_eq(system(command), 0);
    auto_close int out = open(again, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_text(out, nested, "text");
    check_text(out, second, "text");
    char target[1024] = "", value[300] = "";
    ck_assert_int_gt(readlinkat(out, link, target, sizeof target), 0);
    ck_assert_str_eq(target, nested);
    auto_free char *unpacked = tenon_asprintf("%s/%s", again, name);
    ck_assert_int_eq(getxattr(unpacked, "user.of-dir", value, sizeof value), (int)strlen(name));
    ck_assert_str_eq(value, name);
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    ck_assert_int_eq(tenon_read_file(dest, 1 << 20, &bytes, &err), 0);
    ck_assert_ptr_null(memmem(bytes.data, bytes.len, "LIBARCHIVE", 10));
}
END_TEST

START_TEST(test_tar_longest_path)
{
    if (!begin(TAR))
        return;
    auto_close int fd = new_tree(0);
    char path[PATH_MAX] = "";
    while (strlen(path) + 251 < PATH_MAX) { /* below 4096 with its end */
        char part[252];
        memset(part, 'p', 250);
        strcpy(part + 250, "/");
        part[0] = '\xe9';
        strcat(path, part);
        ck_assert_int_eq(mkdirat(fd, path, 0755), 0);
    }
    size_t left = PATH_MAX - 1 - strlen(path);
    memset(path + strlen(path), 'f', left);
    ck_assert_uint_eq(strlen(path), PATH_MAX - 1);
    unit_write(fd, path, "far");
    ck_assert_msg(write_out(NULL, NULL) == 0, "%s", err.message);
    char again[80];
    snprintf(again, sizeof again, "%s/again", dir_path);
    ck_assert_int_eq(mkdir(again, 0755), 0);
    auto_free char *command = tenon_asprintf("cd %s && LC_ALL=C tar -xf %s 2>&1", again, dest);
    ck_assert_int_eq(system(command), 0);
    auto_close int out = open(again, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_text(out, path, "far");
}
END_TEST

int
main(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "skipped: needs root, for it sets owners and makes devices\n");
        return 77;
    }
    umask(022);
    Suite *s = suite_create("exporters");
    TCase *t = tcase_create("trees");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_local_keeps_everything);
    tcase_add_test(t, test_local_over_another_tree);
    tcase_add_loop_test(t, test_local_epoch, 0, (int)tenon_countof(epochs));
    tcase_add_test(t, test_local_platforms);
    tcase_add_test(t, test_local_platform_by_a_link);
    tcase_add_loop_test(t, test_exporters_depth, 0, 2);
    tcase_add_loop_test(t, test_exporters_refuse, 0, (int)tenon_countof(refusals));
    tcase_add_test(t, test_local_delete);
    tcase_add_test(t, test_tar_keeps_everything);
    tcase_add_test(t, test_tar_platforms_in_one);
    tcase_add_loop_test(t, test_tar_odd_bytes, 0, ODD_NAMES);
    tcase_add_test(t, test_tar_longest_path);
    tcase_add_test(t, test_tar_platforms_and_epoch);
    suite_add_tcase(s, t);
    return unit_run(s);
}

/* The plain copy that fills a new cache mount: everything that a file has. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "store/private.h"

static char tmp[64];
static int top = -1, from = -1, to = -1;
static struct tenon_error err;

#define OK(e) ck_assert_msg((e) == 0, "%s", err.message ? err.message : "?")

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    top = unit_tmpdir(tmp);
    ck_assert_int_eq(mkdirat(top, "from", 0755), 0);
    ck_assert_int_eq(mkdirat(top, "to", 0755), 0);
    from = openat(top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    to = openat(top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert(from >= 0 && to >= 0);
}

static void
teardown(void)
{
    close(from);
    close(to);
    unit_tmpdir_remove(top, tmp);
    tenon_error_release(&err);
}

static struct stat
stat_of(int root, const char *name)
{
    struct stat st;
    ck_assert_msg(fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s: %s",
                  name, strerror(errno));
    return st;
}

static bool
is_there(int root, const char *name)
{
    return faccessat(root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
set_times(const char *name, time_t seconds, long nanoseconds)
{
    const struct timespec t[2] = { { seconds + 1, nanoseconds + 1 },
                                   { seconds, nanoseconds } };
    ck_assert_int_eq(utimensat(from, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void
assert_same(const char *name)
{
    const struct stat a = stat_of(from, name), b = stat_of(to, name);

    ck_assert_msg(a.st_mode == b.st_mode, "%s: mode %o, not %o", name, b.st_mode,
                  a.st_mode);
    ck_assert_msg(a.st_uid == b.st_uid, "%s: user %u", name, b.st_uid);
    ck_assert_msg(a.st_gid == b.st_gid, "%s: group %u", name, b.st_gid);
    ck_assert_msg(a.st_rdev == b.st_rdev, "%s: device", name);
    ck_assert_msg(a.st_nlink == b.st_nlink, "%s: links", name);
    ck_assert_msg(S_ISDIR(a.st_mode) || a.st_size == b.st_size, "%s: size", name);
    ck_assert_msg(a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
                      a.st_mtim.tv_nsec == b.st_mtim.tv_nsec,
                  "%s: time", name);
}

static void
assert_text(const char *name, const char *text)
{
    char buf[64] = "";
    auto_close int fd = openat(to, name, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(read(fd, buf, sizeof buf - 1), 0);
    ck_assert_str_eq(buf, text);
}

/* Each kind with a mode, a time and an owner of its own. */
static const struct kind {
    const char *name;
    mode_t mode;
    const char *text; /* of a file or a link */
    bool root;
    unsigned major, minor;
} kinds[] = {
    { "d", S_IFDIR | 02750, NULL, false, 0, 0 },
    { "d/f", S_IFREG | 0640, "data", false, 0, 0 },
    { "d/empty", S_IFREG | 0400, "", false, 0, 0 },
    { "d/deeper", S_IFDIR | 01777, NULL, false, 0, 0 },
    { "d/deeper/setuid", S_IFREG | 04711, "x", false, 0, 0 },
    { "setgid", S_IFREG | 02755, "x", false, 0, 0 },
    { "link", S_IFLNK | 0777, "d/f", false, 0, 0 },
    { "dangling", S_IFLNK | 0777, "../../nowhere", false, 0, 0 },
    { "pipe", S_IFIFO | 0622, NULL, false, 0, 0 },
    { "null", S_IFCHR | 0666, NULL, true, 1, 3 },
    { "disk", S_IFBLK | 0600, NULL, true, 7, 9 },
};

static void
make_kind(const struct kind *k)
{
    const mode_t type = k->mode & S_IFMT;
    int r = 0;

    if (type == S_IFDIR)
        r = mkdirat(from, k->name, 0700);
    else if (type == S_IFREG)
        unit_write(from, k->name, k->text);
    else if (type == S_IFLNK)
        r = symlinkat(k->text, from, k->name);
    else
        r = mknodat(from, k->name, k->mode, makedev(k->major, k->minor));
    ck_assert_msg(r == 0, "%s: %s", k->name, strerror(errno));
}

START_TEST(test_copytree_every_kind)
{
    const bool root = geteuid() == 0;

    if (!root)
        unit_not_tried("owners and devices: needs root");
    for (size_t i = 0; i < tenon_countof(kinds); i++)
        if (root || !kinds[i].root)
            make_kind(&kinds[i]);
    for (size_t i = tenon_countof(kinds); i-- > 0;) { /* directories last */
        const struct kind *k = &kinds[i];
        if (k->root && !root)
            continue;
        if (root)
            ck_assert_int_eq(fchownat(from, k->name, (uid_t)(100 + i),
                                      (gid_t)(200 + i), AT_SYMLINK_NOFOLLOW), 0);
        if (!S_ISLNK(k->mode))
            ck_assert_int_eq(fchmodat(from, k->name, k->mode & 07777, 0), 0);
        set_times(k->name, 1000000000 + (time_t)i, 123456789 + (long)i);
    }
    OK(store_copy_tree(from, to, &err));
    for (size_t i = 0; i < tenon_countof(kinds); i++)
        if (root || !kinds[i].root)
            assert_same(kinds[i].name);
    assert_text("d/f", "data");
    char target[64] = "";
    ck_assert_int_eq(readlinkat(to, "dangling", target, sizeof target - 1), 13);
    ck_assert_str_eq(target, "../../nowhere");
}
END_TEST

START_TEST(test_copytree_names_of_one_file_stay_one)
{
    ck_assert_int_eq(mkdirat(from, "d", 0755), 0);
    unit_write(from, "a", "one");
    ck_assert_int_eq(linkat(from, "a", from, "b", 0), 0);
    ck_assert_int_eq(linkat(from, "a", from, "d/c", 0), 0);
    unit_write(from, "other", "two");
    ck_assert_int_eq(linkat(from, "other", from, "d/other", 0), 0);
    unit_write(from, "alone", "one");
    ck_assert_int_eq(symlinkat("a", from, "l"), 0);
    ck_assert_int_eq(linkat(from, "l", from, "d/l", 0), 0);
    OK(store_copy_tree(from, to, &err));
    const ino_t a = stat_of(to, "a").st_ino;
    ck_assert_uint_eq(stat_of(to, "b").st_ino, a);
    ck_assert_uint_eq(stat_of(to, "d/c").st_ino, a);
    ck_assert_uint_ne(stat_of(to, "other").st_ino, a);
    ck_assert_uint_ne(stat_of(to, "alone").st_ino, a);
    ck_assert_uint_eq(stat_of(to, "d/other").st_ino, stat_of(to, "other").st_ino);
    ck_assert_uint_eq(stat_of(to, "d/l").st_ino, stat_of(to, "l").st_ino);
    ck_assert_uint_eq(stat_of(to, "alone").st_nlink, 1);
    assert_text("d/c", "one");
    assert_text("d/other", "two");
}
END_TEST

/* They are nothing without the process behind them, under however many names. */
START_TEST(test_copytree_leaves_sockets_out)
{
    ck_assert_int_eq(mknodat(from, "s", S_IFSOCK | 0644, 0), 0);
    ck_assert_int_eq(linkat(from, "s", from, "s2", 0), 0);
    unit_write(from, "f", "x");
    OK(store_copy_tree(from, to, &err));
    ck_assert(is_there(to, "f") && !is_there(to, "s") && !is_there(to, "s2"));
}
END_TEST

static void
set_xattr(const char *file, const char *name, const void *value, size_t len)
{
    auto_close int fd = openat(from, file, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(fsetxattr(fd, name, value, len, 0) == 0, "%s: %s", name,
                  strerror(errno));
}

static ssize_t
get_xattr(const char *file, const char *name, char *value, size_t size)
{
    auto_close int fd = openat(to, file, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fgetxattr(fd, name, value, size);
}

START_TEST(test_copytree_extended_attributes)
{
    /* cap_net_raw+ep, as setcap writes it */
    static const char capability[20] = { 1, 0, 0, 2, 0, 0x20 };
    char value[64];

    ck_assert_int_eq(mkdirat(from, "d", 0755), 0);
    unit_write(from, "f", "x");
    if (fsetxattr(from, "user.probe", "", 0, 0) < 0) {
        unit_not_tried("extended attributes: the file system of /tmp has none");
        return;
    }
    set_xattr("f", "user.one", "1", 1);
    set_xattr("f", "user.none", "", 0);
    set_xattr("f", "user.binary", "a\0b", 3);
    set_xattr("d", "user.dir", "2", 1);
    set_xattr("f", "user.overlay.x", "3", 1);
    if (geteuid() == 0) {
        set_xattr("f", "security.capability", capability, sizeof capability);
        set_xattr("d", "trusted.overlay.opaque", "y", 1);
    } else {
        unit_not_tried("capabilities of files: needs root");
    }
    OK(store_copy_tree(from, to, &err));
    ck_assert_int_eq(get_xattr("f", "user.one", value, sizeof value), 1);
    ck_assert_int_eq(value[0], '1');
    ck_assert_int_eq(get_xattr("f", "user.none", value, sizeof value), 0);
    ck_assert_int_eq(get_xattr("f", "user.binary", value, sizeof value), 3);
    ck_assert_mem_eq(value, "a\0b", 3);
    ck_assert_int_eq(get_xattr("d", "user.dir", value, sizeof value), 1);
    /* what overlayfs keeps for itself would change what the copy means */
    ck_assert_int_eq(get_xattr("f", "user.overlay.x", value, sizeof value), -1);
    if (geteuid() == 0) {
        ck_assert_int_eq(get_xattr("d", "trusted.overlay.opaque", value, sizeof value), -1);
        ck_assert_int_eq(get_xattr("f", "security.capability", value, sizeof value),
                         sizeof capability);
        ck_assert_mem_eq(value, capability, sizeof capability);
    }
}
END_TEST

/* What is there already is not written over. */
static const char *const obstacles[] = { "f", "d", "l", "p" };

START_TEST(test_copytree_says_what_is_in_the_way)
{
    const char *name = obstacles[_i];

    unit_write(from, "a", "a");
    switch (*name) {
    case 'f':
        unit_write(from, name, "x");
        break;
    case 'd':
        ck_assert_int_eq(mkdirat(from, name, 0755), 0);
        break;
    case 'l':
        ck_assert_int_eq(symlinkat("x", from, name), 0);
        break;
    default:
        ck_assert_int_eq(mkfifoat(from, name, 0644), 0);
        break;
    }
    unit_write(to, name, "before");
    ck_assert_int_lt(store_copy_tree(from, to, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, name));
    assert_text(name, "before");
}
END_TEST

START_TEST(test_copytree_second_name_in_the_way)
{
    unit_write(from, "a", "x");
    ck_assert_int_eq(linkat(from, "a", from, "b", 0), 0);
    unit_write(to, "a", "before");
    ck_assert_int_lt(store_copy_tree(from, to, &err), 0);
    tenon_error_release(&err);
    ck_assert_int_eq(unlinkat(to, "a", 0), 0);
    unit_write(to, "b", "before");
    (void)unlinkat(to, "a", 0);
    ck_assert_int_lt(store_copy_tree(from, to, &err), 0);
}
END_TEST

static void
make_deep(int depth)
{
    int at = dup(from);

    for (int i = 0; i < depth; i++) {
        ck_assert_int_eq(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(next, 0);
        close(at);
        at = next;
    }
    close(at);
}

START_TEST(test_copytree_depth_has_an_end)
{
    make_deep(500);
    OK(store_copy_tree(from, to, &err));
    ck_assert_int_eq(tenon_remove_tree(top, "to", &err), 0);
    ck_assert_int_eq(mkdirat(top, "to", 0755), 0);
    auto_close int again = openat(top, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(tenon_remove_tree(top, "from", &err), 0);
    ck_assert_int_eq(mkdirat(top, "from", 0755), 0);
    close(from);
    from = openat(top, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_deep(501);
    ck_assert_int_eq(store_copy_tree(from, again, &err), TENON_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "too many directories deep"));
}
END_TEST

START_TEST(test_copytree_needs_directories)
{
    unit_write(from, "f", "x");
    auto_close int file = openat(from, "f", O_RDONLY | O_CLOEXEC);
    ck_assert_int_lt(store_copy_tree(file, to, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "open a tree to copy"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store-copytree");
    TCase *c = tcase_create("copytree");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_copytree_every_kind);
    tcase_add_test(c, test_copytree_names_of_one_file_stay_one);
    tcase_add_test(c, test_copytree_leaves_sockets_out);
    tcase_add_test(c, test_copytree_extended_attributes);
    tcase_add_loop_test(c, test_copytree_says_what_is_in_the_way, 0,
                        tenon_countof(obstacles));
    tcase_add_test(c, test_copytree_second_name_in_the_way);
    tcase_add_test(c, test_copytree_depth_has_an_end);
    tcase_add_test(c, test_copytree_needs_directories);
    suite_add_tcase(s, c);
    return unit_run(s);
}

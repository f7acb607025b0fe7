/* Attributes of files through layers, one after another: each one that differs makes
 * the file part of the layer, is written as it is, and comes out again. */
#include "layerkit.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/sysmacros.h>

#include "image/diff.h"
#include "image/image.h"

struct thing { /* all that a layer says of one name */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct timespec mtime;
    const char *text; /* of a file or a symbolic link */
    unsigned major, minor;
    const char *capability; /* CAPABILITY_LEN bytes, or NULL */
};

enum { CAPABILITY_LEN = 20 };
static const char cap_one[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
static const char cap_two[] = "\1\0\0\2\0\4\0\1\0\0\0\0\0\0\0\0\0\0\0\0";

#define LONG(last)                                                                \
    LONG_4K LONG_4K LONG_4K LONG_4K "0123456789" last /* more than one read */
#define LONG_64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
#define LONG_512 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64
#define LONG_4K LONG_512 LONG_512 LONG_512 LONG_512 LONG_512 LONG_512 LONG_512 LONG_512

/* Names of who made it and of what it is in it; times that no clock gives. */
#define PLAIN { S_IFREG | 0644, 11, 22, { 1000000000, 123456789 }, "text", 0, 0, NULL }
static const struct thing file = PLAIN;

static void
make(int fs, const char *name, const struct thing *t)
{
    if (S_ISREG(t->mode))
        unit_write(fs, name, t->text);
    else if (S_ISDIR(t->mode))
        ck_assert_int_eq(mkdirat(fs, name, 0700), 0);
    else if (S_ISLNK(t->mode))
        ck_assert_int_eq(symlinkat(t->text, fs, name), 0);
    else
        ck_assert_int_eq(mknodat(fs, name, t->mode, makedev(t->major, t->minor)), 0);
    ck_assert_int_eq(fchownat(fs, name, t->uid, t->gid, AT_SYMLINK_NOFOLLOW), 0);
    if (!S_ISLNK(t->mode))
        ck_assert_int_eq(fchmodat(fs, name, t->mode & 07777, 0), 0);
    if (t->capability) {
        auto_free char *path = tenon_asprintf("/proc/self/fd/%d/%s", fs, name);
        ck_assert_int_eq(setxattr(path, "security.capability", t->capability, CAPABILITY_LEN, 0),
                         0);
    }
    struct timespec times[2] = { t->mtime, t->mtime };
    ck_assert_int_eq(utimensat(fs, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static int64_t
commit(struct tenon_snapshot_work *w)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id;
    ck_assert_msg(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "test", &id, &err) == 0, "%s",
                  err.message);
    return id;
}

static struct tenon_snapshot_work *
begin(struct kit *k)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    ck_assert_int_eq(tenon_snapshot_begin(k->store, &w, &err), 0);
    return w;
}

/* The upper tree of one that was mounted, as a step's is: what is equal below is none of
 * its layer.  (What was never mounted counts as a whole.) */
static struct tenon_snapshot_work *
begin_above(struct kit *k, const struct tenon_chain *lower)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w = begin(k);
    auto_free char *target = tenon_asprintf("%s/mnt", k->dir);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_msg(tenon_chain_mount(k->store, lower, w, target, &err) == 0, "%s", err.message);
    tenon_unmount(target);
    return w;
}

/* The layer that a snapshot is on another, as an archive that is read. */
static struct archive *
layer_of(struct kit *k, int64_t id, const struct tenon_chain *lower)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_layer_write_options o = { .compression = "uncompressed", .level = -1 };
    struct tenon_snapshot_blob blob;
    bool depends;
    ck_assert_msg(tenon_layer_write(k->store, id, lower, &o, &blob, &depends, &err) == 0, "%s",
                  err.message);
    int fd = tenon_blob_open(k->store, blob.digest.str, NULL, &err);
    ck_assert_int_ge(fd, 0);
    struct archive *a = archive_read_new();
    archive_read_support_format_tar(a);
    ck_assert_int_eq(archive_read_open_fd(a, fd, 65536), ARCHIVE_OK);
    return a; /* the descriptor lives as long as the test */
}

static void
check_entry(struct archive *a, struct archive_entry *e, const struct thing *t)
{
    ck_assert_uint_eq(archive_entry_filetype(e), t->mode & S_IFMT);
    if (!S_ISLNK(t->mode))
        ck_assert_uint_eq(archive_entry_perm(e), t->mode & 07777);
    ck_assert_int_eq(archive_entry_uid(e), t->uid);
    ck_assert_int_eq(archive_entry_gid(e), t->gid);
    ck_assert_int_eq(archive_entry_mtime(e), t->mtime.tv_sec);
    ck_assert_int_eq(archive_entry_mtime_nsec(e), 0); /* as BuildKit writes them */
    if (S_ISLNK(t->mode))
        ck_assert_str_eq(archive_entry_symlink(e), t->text);
    if (S_ISCHR(t->mode) || S_ISBLK(t->mode)) {
        ck_assert_uint_eq(archive_entry_rdevmajor(e), t->major);
        ck_assert_uint_eq(archive_entry_rdevminor(e), t->minor);
    }
    const char *key;
    const void *value;
    size_t len;
    ck_assert_int_eq(archive_entry_xattr_reset(e), t->capability ? 1 : 0);
    if (t->capability) {
        ck_assert_int_eq(archive_entry_xattr_next(e, &key, &value, &len), ARCHIVE_OK);
        ck_assert_str_eq(key, "security.capability");
        ck_assert_uint_eq(len, CAPABILITY_LEN);
        ck_assert_int_eq(memcmp(value, t->capability, len), 0);
    }
    if (!S_ISREG(t->mode))
        return;
    ck_assert_int_eq(archive_entry_size(e), (int64_t)strlen(t->text));
    auto_free char *got = tenon_malloc(strlen(t->text) + 1);
    ck_assert_int_eq(archive_read_data(a, got, strlen(t->text) + 1), (ssize_t)strlen(t->text));
    ck_assert_int_eq(memcmp(got, t->text, strlen(t->text)), 0);
}

/* ---- what differs is in the layer -------------------------------------------------- */

#define TIMED(ns, content) S_IFREG | 0644, 11, 22, { 1000000000, ns }, content, 0, 0, NULL
#define LINK(ns, to) S_IFLNK | 0777, 11, 22, { 1000000000, ns }, to, 0, 0, NULL
#define NODE(type, major, minor) type | 0600, 11, 22, { 1000000000, 5 }, NULL, major, minor, NULL
#define DIRECTORY(mode, uid, gid, s) S_IFDIR | mode, uid, gid, { s, 5 }, NULL, 0, 0, NULL

static const struct {
    const char *what;
    struct thing below, above;
    bool differs;
} changes[] = {
    {"nothing", PLAIN, PLAIN, false},
    {"user",
     PLAIN,
     {S_IFREG | 0644, 22, 22, {1000000000, 123456789}, "text", 0, 0, NULL},
     true},
    {"group",
     PLAIN,
     {S_IFREG | 0644, 11, 11, {1000000000, 123456789}, "text", 0, 0, NULL},
     true},
    {"both exchanged",
     PLAIN,
     {S_IFREG | 0644, 22, 11, {1000000000, 123456789}, "text", 0, 0, NULL},
     true},
    {"seconds",
     PLAIN,
     {S_IFREG | 0644, 11, 22, {1000000001, 123456789}, "text", 0, 0, NULL},
     true},
    {"nanoseconds", PLAIN, {TIMED(123456788, "text")}, true},
    {"nanoseconds to none", PLAIN, {TIMED(0, "text")}, true},
    {"seconds before 1970",
     PLAIN,
     {S_IFREG | 0644, 11, 22, {-1000, 0}, "text", 0, 0, NULL},
     true},
    {"size", PLAIN, {TIMED(123456789, "texts")}, true},
    {"size to nothing", PLAIN, {TIMED(123456789, "")}, true},
    /* A time of whole seconds may be out of an archive, and proves nothing ... */
    {"content", {TIMED(0, "text")}, {TIMED(0, "tent")}, true},
    {"content, the end of a long file",
     {TIMED(0, LONG("a"))},
     {TIMED(0, LONG("b"))},
     true},
    {"same content, whole seconds",
     {TIMED(0, LONG("a"))},
     {TIMED(0, LONG("a"))},
     false},
    {"empty, whole seconds", {TIMED(0, "")}, {TIMED(0, "")}, false},
    /* ... and another is of a clock, as BuildKit has it. */
    {"content, a time with nanoseconds", PLAIN, {TIMED(123456789, "tent")}, false},
    {"capability added",
     PLAIN,
     {S_IFREG | 0644, 11, 22, {1000000000, 123456789}, "text", 0, 0, cap_one},
     true},
    {"capability removed",
     {S_IFREG | 0644, 11, 22, {1000000000, 7}, "text", 0, 0, cap_one},
     {TIMED(7, "text")},
     true},
    {"capability changed",
     {S_IFREG | 0644, 11, 22, {1000000000, 7}, "text", 0, 0, cap_one},
     {S_IFREG | 0644, 11, 22, {1000000000, 7}, "text", 0, 0, cap_two},
     true},
    {"capability the same",
     {S_IFREG | 0644, 11, 22, {1000000000, 7}, "text", 0, 0, cap_two},
     {S_IFREG | 0644, 11, 22, {1000000000, 7}, "text", 0, 0, cap_two},
     false},
    {"file to link", {TIMED(5, "text")}, {LINK(5, "text")}, true},
    {"link to file", {LINK(5, "text")}, {TIMED(5, "text")}, true},
    {"file to pipe", {TIMED(5, "")}, {NODE(S_IFIFO, 0, 0)}, true},
    {"link the same", {LINK(0, "target")}, {LINK(0, "target")}, false},
    {"target of a link", {LINK(0, "target")}, {LINK(0, "tarmac")}, true},
    {"length of a link", {LINK(5, "target")}, {LINK(5, "target2")}, true},
    {"user of a link",
     {LINK(5, "target")},
     {S_IFLNK | 0777, 12, 22, {1000000000, 5}, "target", 0, 0, NULL},
     true},
    {"group of a link",
     {LINK(5, "target")},
     {S_IFLNK | 0777, 11, 23, {1000000000, 5}, "target", 0, 0, NULL},
     true},
    {"device the same", {NODE(S_IFCHR, 1, 3)}, {NODE(S_IFCHR, 1, 3)}, false},
    {"major number", {NODE(S_IFCHR, 1, 3)}, {NODE(S_IFCHR, 2, 3)}, true},
    {"minor number", {NODE(S_IFCHR, 1, 3)}, {NODE(S_IFCHR, 1, 5)}, true},
    {"numbers of a block device", {NODE(S_IFBLK, 7, 0)}, {NODE(S_IFBLK, 7, 1)}, true},
    {"kind of device", {NODE(S_IFCHR, 7, 1)}, {NODE(S_IFBLK, 7, 1)}, true},
    {"directory the same",
     {DIRECTORY(0755, 1, 2, 5)},
     {DIRECTORY(0755, 1, 2, 5)},
     false},
    {"time of a directory",
     {DIRECTORY(0755, 1, 2, 5)},
     {DIRECTORY(0755, 1, 2, 6)},
     false},
    {"mode of a directory",
     {DIRECTORY(0755, 1, 2, 5)},
     {DIRECTORY(0750, 1, 2, 5)},
     true},
    {"user of a directory",
     {DIRECTORY(0755, 1, 2, 5)},
     {DIRECTORY(0755, 2, 2, 5)},
     true},
    {"group of a directory",
     {DIRECTORY(0755, 1, 2, 5)},
     {DIRECTORY(0755, 1, 1, 5)},
     true},
};

static void
check_change(const struct thing *below, const struct thing *above, bool differs)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    struct tenon_snapshot_work *w = begin(&k);
    make(tenon_snapshot_work_fs(w), "x", below);
    tenon_chain_append(&chain, commit(w));
    w = begin_above(&k, &chain);
    make(tenon_snapshot_work_fs(w), "x", above);
    struct archive *a = layer_of(&k, commit(w), &chain);
    struct archive_entry *e;
    int found = archive_read_next_header(a, &e);
    ck_assert_int_eq(found, differs ? ARCHIVE_OK : ARCHIVE_EOF);
    if (differs) {
        ck_assert_str_eq(archive_entry_pathname(e), S_ISDIR(above->mode) ? "x/" : "x");
        check_entry(a, e, above);
        ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_EOF);
    }
    archive_read_free(a);
    kit_close(&k);
}

START_TEST(test_attributes_that_differ)
{
    fprintf(stderr, "%s\n", changes[_i].what);
    check_change(&changes[_i].below, &changes[_i].above, changes[_i].differs);
}
END_TEST

/* Permissions, set-id bits, the sticky bit: each for itself. */
START_TEST(test_attributes_bits_of_mode)
{
    struct thing below = file, above = file;
    above.mode ^= 1u << _i;
    check_change(&below, &above, true);
    below.mode = above.mode;
    check_change(&below, &above, false);
}
END_TEST

/* Names of one file are one file in the layer, whoever has them below; equal files
 * are two. */
START_TEST(test_attributes_names_of_one_file)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    struct tenon_snapshot_work *w = begin(&k);
    int fs = tenon_snapshot_work_fs(w);
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        make(fs, names[i], &file);
    tenon_chain_append(&chain, commit(w));
    w = begin_above(&k, &chain);
    fs = tenon_snapshot_work_fs(w);
    struct thing other = file;
    other.text = "other";
    make(fs, "a", &other);
    ck_assert_int_eq(linkat(fs, "a", fs, "c", 0), 0);
    ck_assert_int_eq(linkat(fs, "a", fs, "new", 0), 0);
    make(fs, "b", &other);
    make(fs, "d", &file); /* nothing changed but the number of its names */
    ck_assert_int_eq(linkat(fs, "d", fs, "e", 0), 0);

    struct archive *a = layer_of(&k, commit(w), &chain);
    static const char *const want[][2] = {
        {"a", NULL}, {"b", NULL}, {"c", "a"}, {"new", "a"}};
    struct archive_entry *e;
    for (size_t i = 0; i < tenon_countof(want); i++) {
        ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_OK);
        ck_assert_str_eq(archive_entry_pathname(e), want[i][0]);
        if (!want[i][1])
            check_entry(a, e, &other);
        else
            ck_assert_str_eq(archive_entry_hardlink(e), want[i][1]);
    }
    ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_EOF);
    archive_read_free(a);
    kit_close(&k);
}
END_TEST

/* What lies between hides what is below, whether it is the same or not. */
START_TEST(test_attributes_of_what_came_back)
{
    struct kit k;
    kit_open(&k);
    auto_chain struct tenon_chain chain = {0};
    struct tenon_snapshot_work *w = begin(&k);
    struct thing dir = { S_IFDIR | 0755, 1, 2, { 5, 5 }, NULL, 0, 0, NULL };
    int fs = tenon_snapshot_work_fs(w);
    make(fs, "d", &dir);
    make(fs, "d/x", &file);
    make(fs, "kept", &file);
    make(fs, "x", &file);
    tenon_chain_append(&chain, commit(w));
    w = begin(&k); /* x is removed, and d is made anew */
    fs = tenon_snapshot_work_fs(w);
    ck_assert_int_eq(mknodat(fs, "x", S_IFCHR, 0), 0);
    make(fs, "d", &dir);
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/d", tenon_snapshot_work_fs(w));
    ck_assert_int_eq(setxattr(path, "trusted.overlay.opaque", "y", 1, 0), 0);
    tenon_chain_append(&chain, commit(w));
    w = begin_above(&k, &chain);
    fs = tenon_snapshot_work_fs(w);
    make(fs, "d", &dir);
    make(fs, "d/x", &file);
    make(fs, "kept", &file);
    make(fs, "x", &file);
    struct archive *a = layer_of(&k, commit(w), &chain);
    static const char *const want[] = { "d/", "d/x", "x" };
    struct archive_entry *e;
    for (size_t i = 0; i < tenon_countof(want); i++) {
        ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_OK);
        ck_assert_str_eq(archive_entry_pathname(e), want[i]);
    }
    ck_assert_int_eq(archive_read_next_header(a, &e), ARCHIVE_EOF);
    archive_read_free(a);
    kit_close(&k);
}
END_TEST

/* ---- what an archive says comes out -------------------------------------------------- */

static const struct thing things[] = {
    PLAIN,
    { S_IFREG | 06751, 22, 11, { 999999999, 999999999 }, LONG("x"), 0, 0, cap_one },
    { S_IFREG | 0, 70000, 70001, { 1, 1 }, "", 0, 0, NULL },
    { S_IFREG | 01777, 0, 5, { 2000000000, 500000000 }, "x", 0, 0, NULL },
    { S_IFDIR | 01777, 1, 2, { 1234567890, 987654321 }, NULL, 0, 0, NULL },
    { S_IFDIR | 02750, 2, 1, { 1234567890, 1 }, NULL, 0, 0, NULL },
    { S_IFLNK | 0777, 3, 4, { 1234567891, 22222222 }, "../to/somewhere", 0, 0, NULL },
    { S_IFCHR | 0660, 5, 6, { 1234567892, 33333333 }, NULL, 10, 229, NULL },
    { S_IFBLK | 0640, 6, 5, { 1234567893, 44444444 }, NULL, 259, 77777, NULL },
    { S_IFIFO | 0622, 7, 8, { 1234567894, 55555555 }, NULL, 0, 0, NULL },
};

static const struct {
    const char *name, *value;
    bool kept;
} xattrs[] = {
    { "user.mine", "value", true },
    { "user.overlay.opaque", "y", false },
    { "trusted.overlay.opaque", "y", false },
    { "security.other", "x", false },
};

static la_ssize_t
add_to(struct archive *a, void *data, const void *buf, size_t len)
{
    (void)a;
    tenon_buf_add(data, buf, len);
    return (la_ssize_t)len;
}

static void
write_archive(struct tenon_buf *out, const struct thing *t)
{
    struct archive *a = archive_write_new();
    archive_write_set_format_pax(a);
    ck_assert_int_eq(archive_write_open(a, out, NULL, add_to, NULL), ARCHIVE_OK);
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, "x");
    archive_entry_set_mode(e, t->mode);
    archive_entry_set_uid(e, t->uid);
    archive_entry_set_gid(e, t->gid);
    archive_entry_set_mtime(e, t->mtime.tv_sec, t->mtime.tv_nsec);
    if (S_ISLNK(t->mode))
        archive_entry_set_symlink(e, t->text);
    archive_entry_set_size(e, S_ISREG(t->mode) ? (int64_t)strlen(t->text) : 0);
    archive_entry_set_rdevmajor(e, t->major);
    archive_entry_set_rdevminor(e, t->minor);
    if (t->capability)
        archive_entry_xattr_add_entry(e, "security.capability", t->capability, CAPABILITY_LEN);
    for (size_t i = 0; S_ISREG(t->mode) && i < tenon_countof(xattrs); i++)
        archive_entry_xattr_add_entry(e, xattrs[i].name, xattrs[i].value, strlen(xattrs[i].value));
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    if (S_ISREG(t->mode))
        ck_assert_int_eq(archive_write_data(a, t->text, strlen(t->text)),
                         (la_ssize_t)strlen(t->text));
    if (S_ISDIR(t->mode)) { /* what is put into it does not change its time */
        archive_entry_clear(e);
        archive_entry_set_pathname(e, "x/in");
        archive_entry_set_mode(e, S_IFREG | 0644);
        archive_entry_set_size(e, 0);
    } else { /* a link repeats what its file is */
        archive_entry_set_pathname(e, "y");
        archive_entry_set_size(e, 0);
        archive_entry_set_hardlink(e, "x");
    }
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    archive_entry_free(e);
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static void
check_tree(int fs, const struct thing *t, uid_t uid, gid_t gid)
{
    struct stat st, other;
    ck_assert_int_eq(fstatat(fs, "x", &st, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_uint_eq(st.st_mode, t->mode);
    ck_assert_uint_eq(st.st_uid, uid);
    ck_assert_uint_eq(st.st_gid, gid);
    ck_assert_int_eq(st.st_mtim.tv_sec, t->mtime.tv_sec);
    ck_assert_int_eq(st.st_mtim.tv_nsec, t->mtime.tv_nsec);
    if (S_ISDIR(t->mode))
        ck_assert_int_eq(fstatat(fs, "x/in", &other, AT_SYMLINK_NOFOLLOW), 0);
    else {
        ck_assert_int_eq(fstatat(fs, "y", &other, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert_uint_eq(st.st_ino, other.st_ino);
    }
    if (S_ISCHR(t->mode) || S_ISBLK(t->mode))
        ck_assert_uint_eq(st.st_rdev, makedev(t->major, t->minor));
    if (S_ISLNK(t->mode)) {
        char text[100] = "";
        ck_assert_int_ge(readlinkat(fs, "x", text, sizeof text - 1), 0);
        ck_assert_str_eq(text, t->text);
    }
    if (!S_ISREG(t->mode))
        return;
    ck_assert_int_eq(st.st_size, (off_t)strlen(t->text));
    auto_close int fd = openat(fs, "x", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    auto_free char *got = tenon_malloc(strlen(t->text) + 1);
    ck_assert_int_eq(read(fd, got, strlen(t->text) + 1), (ssize_t)strlen(t->text));
    ck_assert_int_eq(memcmp(got, t->text, strlen(t->text)), 0);
    char value[64];
    ck_assert_int_eq(fgetxattr(fd, "security.capability", value, sizeof value),
                     t->capability ? CAPABILITY_LEN : -1);
    if (t->capability)
        ck_assert_int_eq(memcmp(value, t->capability, CAPABILITY_LEN), 0);
    for (size_t i = 0; i < tenon_countof(xattrs); i++) {
        ssize_t n = fgetxattr(fd, xattrs[i].name, value, sizeof value);
        ck_assert_msg((n >= 0) == xattrs[i].kept, "%s", xattrs[i].name);
        if (n >= 0)
            ck_assert_int_eq(memcmp(value, xattrs[i].value, (size_t)n), 0);
    }
}

START_TEST(test_attributes_out_of_a_layer)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    const struct thing *t = &things[_i];
    write_archive(&tar, t);
    auto_close int blob = kit_fd(tar.data, tar.len);
    int64_t id;
    ck_assert_msg(tenon_layer_unpack(k.store, blob, NULL, NULL, NULL, &id, &err) == 0, "%s",
                  err.message);
    auto_close int fs = tenon_snapshot_open(k.store, id, &err);
    check_tree(fs, t, t->uid, t->gid);
    kit_close(&k);
}
END_TEST

/* By ADD: with the owners of the archive, or with others that the build file wants. */
START_TEST(test_attributes_out_of_an_archive)
{
    static const struct { int64_t uid, gid; } owners[] = { { -1, -1 }, { 31, 32 }, { 0, 0 } };
    const struct thing *t = &things[_i];
    for (size_t i = 0; i < tenon_countof(owners); i++) {
        struct kit k;
        kit_open(&k);
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_buf struct tenon_buf tar = TENON_BUF_INIT;
        write_archive(&tar, t);
        auto_close int blob = kit_fd(tar.data, tar.len);
        ck_assert_int_eq(mkdirat(k.dirfd, "root", 0755), 0);
        auto_close int root = openat(k.dirfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_msg(tenon_archive_unpack(blob, root, "to", owners[i].uid, owners[i].gid, NULL,
                                           NULL, &err) == 1, "%s", err.message);
        auto_close int to = openat(root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check_tree(to, t, owners[i].uid < 0 ? t->uid : (uid_t)owners[i].uid,
                   owners[i].gid < 0 ? t->gid : (gid_t)owners[i].gid);
        kit_close(&k);
    }
}
END_TEST

int
main(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "skipped: needs root, for it sets owners\n");
        return 77;
    }
    if (!kit_can_mount()) {
        fprintf(stderr, "skipped: needs to mount\n");
        return 77;
    }
    Suite *s = suite_create("image-attributes");
    TCase *t = tcase_create("attributes");
    tcase_set_timeout(t, 60);
    int thing_count = (int)tenon_countof(things);
    tcase_add_loop_test(t, test_attributes_that_differ, 0, (int)tenon_countof(changes));
    tcase_add_loop_test(t, test_attributes_bits_of_mode, 0, 12);
    tcase_add_test(t, test_attributes_names_of_one_file);
    tcase_add_test(t, test_attributes_of_what_came_back);
    tcase_add_loop_test(t, test_attributes_out_of_a_layer, 0, thing_count);
    tcase_add_loop_test(t, test_attributes_out_of_an_archive, 0, thing_count);
    suite_add_tcase(s, t);
    return unit_run(s);
}

/* Trees when the kernel says no, for every system call that changes or reads one: a copy, an
 * unpacked archive, a removal and a layer are whole, or an error that says why; never a part
 * that is taken for the whole. */
#include "treekit.h"

#include "image/layer.h"
#include "layerkit.h"
#include "refuse.h"

static char tmp[64];
static int top = -1;
static struct tenon_store *store;
static int64_t snapshot;

/* One entry of each kind; "first" and "second" are one file. */
static const char *const specs[] = {
    "d/", "0750:7:8 d/e/", "d/e/file=text", "0640:7:8 owned=of somebody", "first=linked",
    "second@first", "link>d/e/file", "pipe|", "device%c1:3", NULL,
};
/* The same in an archive, as far as those are written here. */
static const char *const lines[] = {
    "d d", "d d/e", "f d/e/file text", "f owned of somebody", "f first linked", "h second first",
    "l link d/e/file", "p pipe", "c device x", NULL,
};

static void
make_snapshot(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *path = tenon_asprintf("%s/store", tmp);
    struct tenon_snapshot_work *w;

    ck_assert_msg(tenon_store_open(path, &store, &err) == 0, "%s", err.message);
    ck_assert_int_eq(tenon_snapshot_begin(store, &w, &err), 0);
    auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree_make(fs, specs);
    ck_assert_int_eq(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &snapshot, &err), 0);
}

static void
setup(void)
{
    static const char attribute[] = "kept";
    top = unit_tmpdir(tmp);
    ck_assert_int_eq(mkdirat(top, "src", 0755), 0);
    auto_close int src = openat(top, "src", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree_make(src, specs);
    auto_close int file = openat(src, "d/e/file", O_RDONLY | O_CLOEXEC);
    /* Not every file system has them. */
    if (fsetxattr(file, "user.test", attribute, sizeof attribute, 0) < 0)
        ck_assert_int_eq(errno, ENOTSUP);
    tree_age(src, "d/e/file", 1000000000);
    tree_age(src, "d/e", 1000000000);
    make_snapshot();
}

static void
teardown(void)
{
    tenon_store_close(store);
    unit_tmpdir_remove(top, tmp);
}

/* ---- what is tried --------------------------------------------------------------- */

struct trial {
    int src, dst, archive;
    int rc;
    struct tenon_error err;
    struct tenon_snapshot_blob layer;
};

static void
copy(void *data)
{
    struct trial *t = data;
    struct tenon_view_options o = { .rootfd = t->src };
    struct tenon_copy c = { .src = "/", .dest = "/", .dir_copy_contents = true, .mode = -1,
                            .timestamp_ns = -1 };
    struct tenon_view *v;

    t->rc = tenon_view_new(&o, &v, &t->err);
    if (t->rc < 0)
        return;
    c.src_view = v;
    t->rc = tenon_tree_copy(t->dst, &c, NULL, &t->err);
    tenon_view_free(v);
}

static void
unpack(void *data)
{
    struct trial *t = data;
    t->rc = tenon_archive_unpack(t->archive, t->dst, "/", -1, -1, NULL, NULL, &t->err);
}

static void
take_away(void *data)
{
    struct trial *t = data;
    t->rc = tenon_remove_tree(top, "dst", &t->err);
}

static void
write_layer(void *data)
{
    static const struct tenon_chain nothing;
    const struct tenon_layer_write_options o = { .compression = "gzip", .level = -1 };
    struct trial *t = data;
    t->rc = tenon_layer_write(store, snapshot, &nothing, &o, &t->layer, NULL, &t->err);
}

/* What a call is refused to: some can be done without, or are not made at all. */
enum { COPY = 1, UNPACK = 2, REMOVE = 4, LAYER = 8 };
static const struct {
    const char *name;
    int call;
    unsigned needed; /* by these: they fail */
} calls[] = {
#define CALL(name, needed) { #name, SYS_##name, needed }
    CALL(openat, UNPACK | LAYER),
    CALL(mkdirat, COPY | UNPACK),
    CALL(mknodat, COPY | UNPACK),
    CALL(symlinkat, COPY | UNPACK),
    CALL(linkat, UNPACK), /* a copy of the file is the same tree, but not of an archive */
    CALL(unlinkat, REMOVE),
    CALL(fchmod, 0),
    CALL(fchmodat, 0),
    CALL(fchown, 0),
    CALL(fchownat, COPY | UNPACK),
#ifdef SYS_utimensat_time64 /* where a long has 32 bits */
    CALL(utimensat_time64, COPY | UNPACK),
#else
    CALL(utimensat, COPY | UNPACK),
#endif
    CALL(ftruncate, 0),
    CALL(write, UNPACK | LAYER),
    CALL(read, UNPACK | LAYER),
    CALL(lseek, 0),
    CALL(getdents64, COPY | REMOVE | LAYER),
    CALL(readlinkat, COPY | LAYER),
    CALL(fsetxattr, 0),
    CALL(fgetxattr, 0),
    CALL(flistxattr, 0),
    CALL(copy_file_range, 0),
    CALL(ioctl, 0),
    CALL(fstat, 0),
#ifdef SYS_newfstatat
    CALL(newfstatat, 0),
#endif
#ifdef SYS_openat2
    CALL(openat2, 0),
#endif
};

static const struct {
    unsigned bit;
    const char *name;
    void (*run)(void *data);
} operations[] = {
    { COPY, "copy", copy }, { UNPACK, "unpack", unpack }, { REMOVE, "remove", take_away },
    { LAYER, "layer", write_layer },
};

static int
open_dir(const char *name)
{
    int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
    return fd;
}

/* An attribute that cannot be set is told, and no reason to fail (as with BuildKit). */
static bool
is_of_attributes(int call)
{
    return call == SYS_fsetxattr || call == SYS_fgetxattr || call == SYS_flistxattr;
}

/* All there is to see: tree_show() leaves times and links out. */
static char *
show(int root, bool attributes)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    auto_free char *text = tree_show(root);
    struct stat first, second;
    char value[16] = "";

    tenon_buf_adds(&out, text);
    ck_assert_int_eq(fstatat(root, "first", &first, 0), 0);
    ck_assert_int_eq(fstatat(root, "second", &second, 0), 0);
    auto_close int file = openat(root, "d/e/file", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(file, 0);
    if (attributes)
        (void)!fgetxattr(file, "user.test", value, sizeof value);
    tenon_buf_addf(&out, "%lld %lld %s %s\n", (long long)tree_mtime(root, "d/e"),
                   (long long)tree_mtime(root, "d/e/file"),
                   first.st_ino == second.st_ino ? "one file" : "two files", value);
    return tenon_buf_steal(&out);
}

/* What came of it, as text: equal, if it is the same. */
static char *
result(size_t operation, const struct trial *t, bool attributes)
{
    switch (operations[operation].bit) {
    case REMOVE:
        return tenon_strdup(faccessat(top, "dst", F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? "gone" : "something is left");
    case LAYER:
        return tenon_asprintf("%s %s %lld", t->layer.digest.str, t->layer.diff_id.str,
                              (long long)t->layer.size);
    default:
        return show(t->dst, attributes);
    }
}

static void
run(size_t operation, int call, int sys, struct trial *t)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;

    *t = (struct trial){0};
    ck_assert_msg(tenon_remove_tree(top, "dst", &err) == 0, "%s", err.message);
    ck_assert_int_eq(mkdirat(top, "dst", 0755), 0);
    kit_tar(&tar, lines);
    t->src = open_dir("src");
    t->dst = open_dir("dst");
    t->archive = kit_fd(tar.data, tar.len);
    if (operations[operation].bit == REMOVE)
        tree_make(t->dst, specs);
    refused(call, sys, operations[operation].run, t);
}

static void
finish(struct trial *t)
{
    close(t->src);
    close(t->dst);
    close(t->archive);
    tenon_error_release(&t->err);
}

static const int answers[] = { EIO, ENOSPC };

START_TEST(test_tree_faults)
{
    const size_t operation = (size_t)_i / tenon_countof(answers);
    const int sys = answers[(size_t)_i % tenon_countof(answers)];
    const unsigned bit = operations[operation].bit;
    struct trial t;

    run(operation, -1, 0, &t);
    ck_assert_msg(t.rc >= 0, "%s", t.err.message);
    ck_assert(bit != UNPACK || t.rc == 1);
    auto_free char *whole = result(operation, &t, true);
    auto_free char *without = result(operation, &t, false);
    finish(&t);
    for (size_t i = 0; i < tenon_countof(calls); i++) {
        const char *what = operations[operation].name, *name = calls[i].name;
        run(operation, calls[i].call, sys, &t);
        if (t.rc < 0) {
            ck_assert_msg(t.err.code == t.rc && t.err.message && *t.err.message, "%s without %s: %d, and no words",
                          what, name, t.rc);
            ck_assert_msg(t.err.sys == sys, "%s without %s: %s", what, name, t.err.message);
        } else {
            const bool attributes = !is_of_attributes(calls[i].call);
            ck_assert_msg(bit != UNPACK || t.rc == 1, "%s without %s: taken for no archive", what, name);
            auto_free char *now = result(operation, &t, attributes);
            ck_assert_msg(strcmp(now, attributes ? whole : without) == 0, "%s without %s is not all of it:\n%s",
                          what, name, now);
        }
        ck_assert_msg(t.rc < 0 || !(calls[i].needed & bit), "%s without %s: no error", what, name);
        finish(&t);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tree-faults");
    TCase *t = tcase_create("tree-faults");

    if (geteuid() != 0) {
        puts("owners and devices: needs root");
        return 77;
    }
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_tree_faults, 0, (int)(tenon_countof(operations) * tenon_countof(answers)));
    suite_add_tcase(s, t);
    return unit_run(s);
}

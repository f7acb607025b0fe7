#include "layerkit.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/resource.h>

#include "base/aside.h"
#include "image/diff.h"
#include "image/image.h"
#include "image/stream.h"

/* The names in a layer blob, "NAME" or "NAME=LINK", in their order. */
static char *
names_of(struct kit *k, const char *digest)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_buf out = TENON_BUF_INIT;
    auto_close int fd = tenon_blob_open(k->store, digest, NULL, &err);
    ck_assert_int_ge(fd, 0);
    struct archive *a = archive_read_new();
    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    ck_assert_int_eq(archive_read_open_fd(a, fd, 65536), ARCHIVE_OK);
    struct archive_entry *e;
    while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
        const char *link = archive_entry_hardlink(e) ? archive_entry_hardlink(e)
                                                     : archive_entry_symlink(e);
        tenon_buf_addf(&out, "%s%s%s%s", out.len ? " " : "", archive_entry_pathname(e),
                       link ? "=" : "", link ? link : "");
    }
    archive_read_free(a);
    tenon_buf_addc(&out, '\0');
    return tenon_buf_steal(&out);
}

static char *
write_names(struct kit *k, int64_t id, const struct tenon_chain *lower, bool *depends)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_layer_write_options o = {.compression = "uncompressed", .level = -1};
    struct tenon_snapshot_blob blob;
    ck_assert_msg(tenon_layer_write(k->store, id, lower, &o, &blob, depends, &err) == 0,
                  "%s", err.message);
    ck_assert_str_eq(blob.digest.str, blob.diff_id.str);
    return names_of(k, blob.digest.str);
}

/* ---- in --------------------------------------------------------------------- */

START_TEST(test_layer_unpack_types)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id;
    static const char *const lines[] = {"d d/", "f d/a hello", "h d/b d/a", "l d/l ../x",
                                        "p d/p", "f x/y/z deep", NULL};
    ck_assert_msg(kit_unpack(&k, lines, NULL, &id, &err) == 0, "%s", err.message);
    auto_close int fs = tenon_snapshot_open(k.store, id, &err);
    struct stat a, b, st;
    ck_assert_int_eq(fstatat(fs, "d/a", &a, 0), 0);
    ck_assert_int_eq(fstatat(fs, "d/b", &b, 0), 0);
    ck_assert_uint_eq(a.st_ino, b.st_ino);
    ck_assert_int_eq(a.st_size, 5);
    ck_assert_int_eq(a.st_mtim.tv_sec, 1000000000);
    ck_assert_int_eq(fstatat(fs, "d", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_sec, 1000000000); /* after it was filled */
    ck_assert_uint_eq(st.st_mode & 07777, 0755);
    ck_assert_int_eq(fstatat(fs, "x/y/z", &st, 0), 0);
    ck_assert_int_eq(fstatat(fs, "d/p", &st, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert(S_ISFIFO(st.st_mode));
    kit_close(&k);
}
END_TEST

/* Each must leave the outside alone; whether it is refused is its own affair. */
static const struct {
    const char *const lines[6];
    bool fails;
    const char *inside; /* must be there afterwards, when it did not fail */
} hostile[] = {
    {{"f ../../escape bad"}, false, "escape"},
    {{"f /escape bad"}, false, "escape"},
    {{"f a/../../../escape bad"}, false, "escape"},
    {{"l out ../../../../..", "f out/escape bad"}, false, "escape"},
    {{"l out /", "f out/escape bad"}, false, "escape"},
    {{"d d/", "l d/up ../..", "f d/up/escape bad"}, false, "escape"},
    {{"h steal ../../../etc/passwd"}, true, NULL},
    {{"h steal /etc/passwd"}, true, NULL},
    {{"l passwd /etc/passwd", "h steal passwd", "f steal bad"}, false, "steal"},
    {{"l f /tmp/tenon-unit-escape", "f f bad"}, false, "f"},
    {{"f f one", "f f two"}, false, "f"},
    {{"d d/", "f d/x", "f d now-a-file"}, false, "d"},
    {{"f f one", "d f/", "f f/x"}, false, "f/x"},
    {{"h d d"}, true, NULL},
    {{"d d/", "h e d"}, true, NULL},
    {{"f .wh..wh.plnk x"}, false, NULL},
    {{"f a/.wh... x"}, true, NULL},
    {{"f a/.wh... x", "f b"}, true, NULL},
    {{"f a/.wh. x"}, true, NULL},
    {{"f f x", "f f/y z"}, true, NULL},
    {{"c dev", "f z"}, false, "z"},
    {{"f a/b/c one", "f a/b/c/../../../../../escape"}, false, NULL},
};

START_TEST(test_layer_unpack_hostile)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id = -1;
    unlink("/tmp/tenon-unit-escape");
    int rc = kit_unpack(&k, hostile[_i].lines, NULL, &id, &err);
    ck_assert_int_ne(access("/tmp/tenon-unit-escape", F_OK), 0);
    ck_assert_int_ne(access("/escape", F_OK), 0);
    struct stat st;
    ck_assert_int_ne(fstatat(k.dirfd, "escape", &st, 0), 0);
    ck_assert_int_ne(fstatat(k.dirfd, "store/escape", &st, 0), 0);
    ck_assert_msg((rc < 0) == hostile[_i].fails, "%s: %d %s", hostile[_i].lines[0], rc,
                  err.message ? err.message : "");
    if (rc < 0 && strstr(hostile[_i].lines[0], "/.wh.")) /* before anything is removed */
        ck_assert_msg(strstr(err.message, "invalid whiteout") != NULL, "%s", err.message);
    if (rc == 0 && hostile[_i].inside) {
        auto_close int fs = tenon_snapshot_open(k.store, id, &err);
        ck_assert_int_eq(fstatat(fs, hostile[_i].inside, &st, AT_SYMLINK_NOFOLLOW), 0);
    }
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_unpack_device_zero_is_no_whiteout)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id;
    static const char *const lines[] = {"c gone", "f here x", NULL};
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    auto_close int fs = tenon_snapshot_open(k.store, id, &err);
    struct stat st;
    ck_assert_int_ne(fstatat(fs, "gone", &st, AT_SYMLINK_NOFOLLOW), 0);
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_unpack_damaged)
{
    struct kit k;
    kit_open(&k);
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    static const char *const lines[] = {"f a some-text", "f b more-text", NULL};
    kit_tar(&tar, lines);
    int64_t id;
    struct tenon_digest digest;
    tenon_digest_of(tar.data, tar.len, &digest);
    {
        /* the right diff id */
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = kit_fd(tar.data, tar.len);
        ck_assert_int_eq(tenon_layer_unpack(k.store, fd, digest.str, NULL, NULL, &id, &err), 0);
    }
    {
        /* another */
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = kit_fd(tar.data, tar.len);
        digest.str[10] = digest.str[10] == '0' ? '1' : '0';
        ck_assert_int_eq(tenon_layer_unpack(k.store, fd, digest.str, NULL, NULL, &id, &err),
                         TENON_E_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.message, "diff id"));
    }
    /* cut within a header, and within data */
    static const size_t cuts[] = {100, 700};
    for (size_t i = 0; i < tenon_countof(cuts); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_close int fd = kit_fd(tar.data, cuts[i]);
        ck_assert_int_eq(tenon_layer_unpack(k.store, fd, NULL, NULL, NULL, &id, &err),
                         TENON_E_CORRUPT);
    }
    /* an empty layer is two blocks of zeros, or nothing */
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int fd = kit_fd(tar.data + tar.len - 1024, 1024);
    ck_assert_msg(tenon_layer_unpack(k.store, fd, NULL, NULL, NULL, &id, &err) == 0, "%s",
                  err.message);
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_unpack_whiteouts)
{
    if (!kit_can_mount()) {
        unit_not_tried("layers on others: needs to mount");
        return;
    }
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const base[] = {"d d/", "f d/a 1", "f d/b 2", "d o/", "f o/x 3",
                                       "d o/s/", "f o/s/y 4", "d usr/", "d usr/lib/",
                                       "l lib usr/lib", NULL};
    static const char *const next[] = {"f d/.wh.a", "f o/new 5", "d o/s/", "f o/s/z 6",
                                       "f o/.wh..wh..opq", "f lib/libx.so 7",
                                       "f .wh.nothing", NULL};
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_int_eq(kit_unpack(&k, base, NULL, &id, &err), 0);
    tenon_chain_append(&chain, id);
    ck_assert_msg(kit_unpack(&k, next, &chain, &id, &err) == 0, "%s", err.message);

    auto_chain struct tenon_chain both = {0};
    tenon_chain_copy(&both, &chain);
    tenon_chain_append(&both, id);
    auto_free char *target = tenon_asprintf("%s/mnt", k.dir);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_msg(tenon_chain_mount(k.store, &both, NULL, target, &err) == 0, "%s", err.message);
    static const struct {
        const char *name;
        bool there;
    } want[] = {{"d/a", false}, {"d/b", true}, {"o/x", false}, {"o/new", true},
                {"o/s/y", false}, {"o/s/z", true}, {"usr/lib/libx.so", true},
                {"lib/libx.so", true}};
    struct stat st;
    auto_close int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < tenon_countof(want); i++)
        ck_assert_msg((fstatat(root, want[i].name, &st, 0) == 0) == want[i].there, "%s",
                      want[i].name);
    /* the link of the lower layer is one still */
    ck_assert_int_eq(fstatat(root, "lib", &st, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert(S_ISLNK(st.st_mode));
    close(tenon_steal_fd(&root));
    tenon_unmount(target);

    /* and out again: the same meaning */
    bool depends;
    auto_free char *names = write_names(&k, id, &chain, &depends);
    ck_assert_str_eq(names, "d/ d/.wh.a o/ o/new o/s/ o/s/.wh.y o/s/z o/.wh.x usr/ usr/lib/ "
                            "usr/lib/libx.so");
    ck_assert(depends);
    kit_close(&k);
}
END_TEST

/* ---- out --------------------------------------------------------------------- */

/* A snapshot made by hand. */
static struct tenon_snapshot_work *
begin(struct kit *k)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    ck_assert_int_eq(tenon_snapshot_begin(k->store, &w, &err), 0);
    return w;
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

START_TEST(test_layer_write_without_lower)
{
    struct kit k;
    kit_open(&k);
    struct tenon_snapshot_work *w = begin(&k);
    int fs = tenon_snapshot_work_fs(w);
    ck_assert_int_eq(mkdirat(fs, "d", 0755), 0);
    unit_write(fs, "d/b", "b");
    unit_write(fs, "d/a", "a");
    ck_assert_int_eq(linkat(fs, "d/b", fs, "d/c", 0), 0);
    ck_assert_int_eq(symlinkat("d/a", fs, "l"), 0);
    int64_t id = commit(w);
    struct tenon_chain none = {0};
    bool depends;
    auto_free char *names = write_names(&k, id, &none, &depends);
    ck_assert_str_eq(names, "d/ d/a d/b d/c=d/b l=d/a");
    ck_assert(!depends);
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_write_deeper_than_descriptors)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf name = TENON_BUF_INIT;
    enum { DEPTH = 4 * TENON_ASIDE_DEPTH };
    const char *lines[DEPTH + 2] = {0};
    for (int i = 0; i < DEPTH; i++) { /* f d/f d/d/f ... */
        lines[i] = tenon_asprintf("f %sf x", tenon_buf_str(&name));
        tenon_buf_adds(&name, "d/");
    }
    int64_t id;
    lines[DEPTH] = tenon_asprintf("d %s", name.data);
    ck_assert_msg(kit_unpack(&k, lines, NULL, &id, &err) == 0, "%s", err.message);
    struct rlimit old, low = {2 * TENON_ASIDE_DEPTH, 0};
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low.rlim_max = old.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    auto_free char *got = write_names(&k, id, NULL, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    size_t files = 0;
    for (const char *p = got; (p = strstr(p, "/f")); p++)
        files++;
    ck_assert_uint_eq(files, DEPTH - 1); /* and the one at the top */
    for (int i = 0; i <= DEPTH; i++)
        free((char *)lines[i]);
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_write_leaves_out_what_is_the_same)
{
    if (!kit_can_mount()) {
        unit_not_tried("layers on others: needs to mount");
        return;
    }
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const lines[] = {"d d/", "f d/same 1", "f d/text 2", "d e/", "d e/f/", NULL};
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    tenon_chain_append(&chain, id);
    /* a copy of all of it, as overlay's copy-up leaves it, with one change that
     * neither size nor time shows */
    struct tenon_snapshot_work *w = begin(&k);
    auto_free char *target = tenon_asprintf("%s/mnt", k.dir);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_int_eq(tenon_chain_mount(k.store, &chain, w, target, &err), 0);
    {
        auto_close int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct timespec t[2] = {{1000000000, 0}, {1000000000, 0}};
        ck_assert_int_eq(utimensat(root, "d/same", t, 0), 0);
        ck_assert_int_eq(utimensat(root, "e/f", t, 0), 0);
        unit_write(root, "d/text", "3");
        ck_assert_int_eq(utimensat(root, "d/text", t, 0), 0);
    }
    tenon_unmount(target);
    id = commit(w);
    bool depends;
    auto_free char *names = write_names(&k, id, &chain, &depends);
    ck_assert_str_eq(names, "d/ d/text");
    ck_assert(depends);
    kit_close(&k);
}
END_TEST

/* What COPY --link made counts as a whole, on whatever it lies. */
START_TEST(test_layer_write_own_layer_is_whole)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const lines[] = {"d d/", "f d/same 1", NULL};
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    tenon_chain_append(&chain, id);
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    bool depends;
    auto_free char *names = write_names(&k, id, &chain, &depends);
    ck_assert_str_eq(names, "d/ d/same");
    ck_assert(!depends);
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_write_opaque_and_whiteouts)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const lines[] = {"d old/", "f old/a", "f old/b", "d old/s/", "f old/s/x",
                                        "f gone", NULL};
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    tenon_chain_append(&chain, id);
    struct tenon_snapshot_work *w = begin(&k);
    int fs = tenon_snapshot_work_fs(w);
    ck_assert_int_eq(mkdirat(fs, "old", 0700), 0);
    ck_assert_int_eq(mkdirat(fs, "old/s", 0755), 0);
    unit_write(fs, "old/b", "new");
    ck_assert_int_eq(mkdirat(fs, "new", 0755), 0); /* opaque, hides nothing */
    unit_write(fs, "new/f", "x");
    ck_assert_int_eq(mknodat(fs, "gone", S_IFCHR, 0), 0);
    ck_assert_int_eq(mknodat(fs, "never", S_IFCHR, 0), 0);
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/old", tenon_snapshot_work_fs(w));
    auto_free char *path2 = tenon_asprintf("/proc/self/fd/%d/new", tenon_snapshot_work_fs(w));
    ck_assert_int_eq(setxattr(path, "trusted.overlay.opaque", "y", 1, 0), 0);
    ck_assert_int_eq(setxattr(path2, "trusted.overlay.opaque", "y", 1, 0), 0);
    id = commit(w);
    bool depends;
    auto_free char *names = write_names(&k, id, &chain, &depends);
    ck_assert_str_eq(names, ".wh.gone new/ new/f old/ old/.wh.a old/b old/s/ old/s/.wh.x");
    ck_assert(depends);
    kit_close(&k);
}
END_TEST

/* A step's layer on what it was made upon, and what it would be on another tree. */
static const struct {
    const char *what;
    const char *const commands[4]; /* "r PATH", "d PATH", "f PATH", "k PATH": touched only */
    bool alone;
} standing[] = {
    {"a new file", {"f d/new"}, true},
    {"a changed file", {"f d/text"}, true},
    {"a removed file", {"r d/text"}, true},
    {"a removed directory", {"r d"}, true},
    {"a directory in the place of a removed one", {"r d", "d d", "f d/new"}, false},
    {"a directory in the place of a file", {"r d/text", "d d/text"}, true},
    {"a file that was moved away and back", {"k d/same", "f d/new"}, false},
    {"a directory in which nothing is new", {"k e/f"}, false},
    {"a removed file that was not there", {"w none"}, false},
};

static void
change(int root, const char *command)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct timespec t[2] = {{1000000000, 0}, {1000000000, 0}};
    const char *path = command + 2;

    if (command[0] == 'r')
        ck_assert_int_eq(tenon_remove_tree(root, path, &err), 0);
    else if (command[0] == 'd')
        ck_assert_int_eq(mkdirat(root, path, 0755), 0);
    else if (command[0] == 'f')
        unit_write(root, path, "new");
    else
        ck_assert_int_eq(utimensat(root, path, t, 0), 0);
}

START_TEST(test_layer_stands_alone)
{
    if (!kit_can_mount()) {
        unit_not_tried("layers on others: needs to mount");
        return;
    }
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const lines[] = {"d d/", "f d/same 1", "f d/text 2", "d e/", "d e/f/", NULL};
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_int_eq(kit_unpack(&k, lines, NULL, &id, &err), 0);
    tenon_chain_append(&chain, id);
    struct tenon_snapshot_work *w = begin(&k);
    auto_free char *target = tenon_asprintf("%s/mnt", k.dir);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_int_eq(tenon_chain_mount(k.store, &chain, w, target, &err), 0);
    {
        auto_close int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < 4 && standing[_i].commands[i]; i++)
            if (*standing[_i].commands[i] != 'w')
                change(root, standing[_i].commands[i]);
    }
    tenon_unmount(target);
    const char *first = standing[_i].commands[0];
    if (*first == 'w') /* no overlay lets one be made */
        ck_assert_int_eq(mknodat(tenon_snapshot_work_fs(w), first + 2, S_IFCHR, 0), 0);
    id = commit(w);
    ck_assert_msg(tenon_diff_stands_alone(k.store, id, &chain, NULL, &err) == standing[_i].alone,
                  "%s", standing[_i].what);
    /* Once it is known that all was put there on purpose, what is equal below counts. */
    ck_assert_int_eq(tenon_snapshot_set_bare(k.store, id, &err), 0);
    ck_assert_msg(tenon_diff_stands_alone(k.store, id, &chain, NULL, &err) ==
                      (standing[_i].alone || strchr("kw", *first)),
                  "%s, bare", standing[_i].what);
    kit_close(&k);
}
END_TEST

/* The topmost of several is what is seen, and no overlay is given a layer twice. */
START_TEST(test_layer_several_times_in_a_chain)
{
    if (!kit_can_mount()) {
        unit_not_tried("a layer that comes twice: needs to mount");
        return;
    }
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const one[] = {"f f one", NULL}, *const two[] = {"f f two", "f g", NULL};
    int64_t a, b;
    ck_assert_int_eq(kit_unpack(&k, one, NULL, &a, &err), 0);
    ck_assert_int_eq(kit_unpack(&k, two, NULL, &b, &err), 0);
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, a);
    tenon_chain_append(&chain, b);
    tenon_chain_append(&chain, a);
    auto_free char *target = tenon_asprintf("%s/mnt", k.dir);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_msg(tenon_chain_mount(k.store, &chain, NULL, target, &err) == 0, "%s", err.message);
    {
        auto_close int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_close int f = openat(root, "f", O_RDONLY | O_CLOEXEC);
        char text[4] = "";
        ck_assert_int_eq(read(f, text, 3), 3);
        ck_assert_str_eq(text, "one");
        ck_assert_int_eq(faccessat(root, "g", F_OK, 0), 0);
    }
    tenon_unmount(target);
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_write_long_names_and_big_ids)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w = begin(&k);
    int fs = tenon_snapshot_work_fs(w);
    char name[256], link[1001];
    memset(name, 'n', 255);
    name[255] = '\0';
    memset(link, 'k', 1000);
    link[1000] = '\0';
    unit_write(fs, name, "x");
    unit_write(fs, "\xc3\xa4\xff", "x"); /* not UTF-8 throughout */
    ck_assert_int_eq(symlinkat(link, fs, "z"), 0);
    ck_assert_int_eq(fchownat(fs, name, 4000000000u, 3000000, 0), 0);
    int64_t id = commit(w), back;
    struct tenon_chain none = {0};
    struct tenon_layer_write_options o = {.compression = "zstd", .level = -1};
    struct tenon_snapshot_blob blob, again;
    ck_assert_int_eq(tenon_layer_write(k.store, id, &none, &o, &blob, NULL, &err), 0);
    ck_assert_str_eq(blob.media_type, TENON_MT_OCI_LAYER "+zstd");
    auto_close int fd = tenon_blob_open(k.store, blob.digest.str, NULL, &err);
    ck_assert_msg(tenon_layer_unpack(k.store, fd, blob.diff_id.str, NULL, NULL, &back, &err) == 0,
                  "%s", err.message);
    auto_close int bfs = tenon_snapshot_open(k.store, back, &err);
    struct stat st;
    ck_assert_int_eq(fstatat(bfs, name, &st, 0), 0);
    ck_assert_uint_eq(st.st_uid, 4000000000u);
    ck_assert_uint_eq(st.st_gid, 3000000u);
    char target[2000];
    ck_assert_int_eq(readlinkat(bfs, "z", target, sizeof target), 1000);
    /* the tree that came back gives the same bytes */
    ck_assert_int_eq(tenon_layer_write(k.store, back, &none, &o, &again, NULL, &err), 0);
    (void)again;
    kit_close(&k);
}
END_TEST

START_TEST(test_layer_write_capability_and_clamp)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w = begin(&k);
    int fs = tenon_snapshot_work_fs(w);
    unit_write(fs, "f", "x");
    unit_write(fs, "old", "x");
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/f", tenon_snapshot_work_fs(w));
    static const unsigned char cap[20] = {1, 0, 0, 2, 0, 4};
    ck_assert_int_eq(setxattr(path, "security.capability", cap, sizeof cap, 0), 0);
    setxattr(path, "user.mine", "1", 1, 0);
    ck_assert_int_eq(linkat(fs, "f", fs, "zlink", 0), 0); /* and all that speaks of f last */
    struct timespec t[2] = {{100, 5}, {100, 5}};
    ck_assert_int_eq(utimensat(fs, "old", t, 0), 0);
    int64_t id = commit(w), back;
    struct tenon_chain none = {0};
    struct tenon_layer_write_options o = {.compression = "gzip", .level = -1, .has_epoch = true,
                                          .epoch = 1000};
    struct tenon_snapshot_blob blob;
    ck_assert_int_eq(tenon_layer_write(k.store, id, &none, &o, &blob, NULL, &err), 0);
    auto_close int fd = tenon_blob_open(k.store, blob.digest.str, NULL, &err);
    ck_assert_int_eq(tenon_layer_unpack(k.store, fd, blob.diff_id.str, NULL, NULL, &back, &err), 0);
    auto_close int bfs = tenon_snapshot_open(k.store, back, &err);
    struct stat st;
    ck_assert_int_eq(fstatat(bfs, "f", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_sec, 1000);
    ck_assert_int_eq(fstatat(bfs, "old", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_sec, 100);
    auto_close int f = openat(bfs, "f", O_RDONLY | O_CLOEXEC);
    unsigned char got[64];
    ck_assert_int_eq(fgetxattr(f, "security.capability", got, sizeof got), 20);
    ck_assert_int_eq(memcmp(got, cap, 20), 0);
    ck_assert_int_eq(fstatat(bfs, "zlink", &st, 0), 0);
    ck_assert_uint_eq(st.st_nlink, 2);
    ck_assert_int_lt(fgetxattr(f, "user.mine", got, sizeof got), 0);
    kit_close(&k);
}
END_TEST

/* ---- ADD ---------------------------------------------------------------------- */

START_TEST(test_archive_unpack)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(mkdirat(k.dirfd, "root", 0755), 0);
    auto_close int root = openat(k.dirfd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    static const char *const lines[] = {"d ./", "f .wh.kept x", "f \xc3\xa4/b y", NULL};
    kit_tar(&tar, lines);
    auto_close int fd = kit_fd(tar.data, tar.len);
    ck_assert_msg(tenon_archive_unpack(fd, root, "to/dir", -1, -1, NULL, NULL, &err) == 1, "%s",
                  err.message);
    struct stat st;
    ck_assert_int_eq(fstatat(root, "to/dir/.wh.kept", &st, 0), 0); /* a plain file here */
    ck_assert_int_eq(fstatat(root, "to/dir/\xc3\xa4/b", &st, 0), 0);

    /* no archive: untouched, position restored */
    auto_close int plain = kit_fd("just some text, longer than nothing", 35);
    lseek(plain, 5, SEEK_SET);
    ck_assert_int_eq(tenon_archive_unpack(plain, root, "other", -1, -1, NULL, NULL, &err), 0);
    ck_assert_int_eq(lseek(plain, 0, SEEK_CUR), 5);
    ck_assert_int_ne(fstatat(root, "other", &st, 0), 0);
    auto_close int empty = kit_fd("", 0);
    ck_assert_int_eq(tenon_archive_unpack(empty, root, "other", -1, -1, NULL, NULL, &err), 0);

    tenon_buf_clear(&tar);
    static const char *const out[] = {"f ../out x", NULL};
    kit_tar(&tar, out);
    auto_close int bad = kit_fd(tar.data, tar.len);
    ck_assert_int_eq(tenon_archive_unpack(bad, root, "to", -1, -1, NULL, NULL, &err), 1);
    ck_assert_int_eq(fstatat(root, "to/out", &st, 0), 0);
    ck_assert_int_ne(fstatat(root, "out", &st, 0), 0);

    /* through a link of its own that leads nowhere */
    tenon_buf_clear(&tar);
    static const char *const link[] = {"l l /elsewhere", "f l/f x", NULL};
    kit_tar(&tar, link);
    auto_close int dangling = kit_fd(tar.data, tar.len);
    ck_assert_int_eq(tenon_archive_unpack(dangling, root, "to", -1, -1, NULL, NULL, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, "open /l/f: no such file or directory");
    kit_close(&k);
}
END_TEST

int
main(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "skipped: needs root, for it sets owners\n");
        return 77;
    }
    Suite *s = suite_create("image-layer");
    TCase *t = tcase_create("layer");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_layer_unpack_types);
    tcase_add_loop_test(t, test_layer_unpack_hostile, 0, (int)tenon_countof(hostile));
    tcase_add_test(t, test_layer_unpack_device_zero_is_no_whiteout);
    tcase_add_test(t, test_layer_unpack_damaged);
    tcase_add_test(t, test_layer_unpack_whiteouts);
    tcase_add_test(t, test_layer_write_without_lower);
    tcase_add_test(t, test_layer_write_deeper_than_descriptors);
    tcase_add_test(t, test_layer_write_leaves_out_what_is_the_same);
    tcase_add_test(t, test_layer_write_own_layer_is_whole);
    tcase_add_test(t, test_layer_write_opaque_and_whiteouts);
    tcase_add_loop_test(t, test_layer_stands_alone, 0, tenon_countof(standing));
    tcase_add_test(t, test_layer_several_times_in_a_chain);
    tcase_add_test(t, test_layer_write_long_names_and_big_ids);
    tcase_add_test(t, test_layer_write_capability_and_clamp);
    tcase_add_test(t, test_archive_unpack);
    suite_add_tcase(s, t);
    return unit_run(s);
}

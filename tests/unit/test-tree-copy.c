/* The rules of COPY, and that hostile trees lead nowhere. */
#include "treekit.h"

#include <sys/resource.h>
#include <sys/xattr.h>

#include "base/aside.h"
#include "base/cancel.h"

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}
/* As the Dockerfile frontend asks for it. */
#define DOCKER                                                                 \
    .follow_symlink = true, .dir_copy_contents = true,                         \
    .create_dest_path = true, .allow_wildcard = true,                          \
    .allow_empty_wildcard = true
#define KEEP .mode = -1, .timestamp_ns = -1

static char tmp[64];
static int top = -1, src = -1, dst = -1;

static void
setup(void)
{
    top = unit_tmpdir(tmp);
    unit_write(top, "secret", "outside");
    ck_assert_int_eq(mkdirat(top, "src", 0755), 0);
    ck_assert_int_eq(mkdirat(top, "dst", 0755), 0);
    src = openat(top, "src", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dst = openat(top, "dst", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
teardown(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_close int fd = openat(top, "secret", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(tenon_read_all(fd, 100, &text, &err), 0);
    ck_assert_str_eq(text.data, "outside");
    close(src);
    close(dst);
    unit_tmpdir_remove(top, tmp);
}

static int
copy_with(struct tenon_copy c, bool owner_root, const char *const *ignore,
          struct tenon_error *err)
{
    struct tenon_view_options o = {
        .rootfd = src, .owner_root = owner_root, .exclude = ignore};
    struct tenon_view *v;
    ck_assert_int_eq(tenon_view_new(&o, &v, err), 0);
    c.src_view = v;
    int ret = tenon_tree_copy(dst, &c, NULL, err);
    tenon_view_free(v);
    return ret;
}

static const struct {
    const char *what;
    const char *const *src, *const *dst;
    struct tenon_copy c;
    const char *shown; /* the destination, or the error when code is set */
    int code;
} copies[] = {
    {"a file to a name", LIST("f=1"), LIST("x/"),
     {.src = "/f", .dest = "/x/y", DOCKER, KEEP}, "x/\nx/y=1\n", 0},
    {"a file to a deep name", LIST("f=1"), NULL,
     {.src = "f", .dest = "/a/b/c", DOCKER, KEEP}, "a/\na/b/\na/b/c=1\n", 0},
    {"a file into a new directory", LIST("f=1"), NULL,
     {.src = "f", .dest = "/a/", DOCKER, KEEP}, "a/\na/f=1\n", 0},
    {"a file into an existing directory", LIST("f=1"), LIST("0700 a/"),
     {.src = "f", .dest = "/a", DOCKER, KEEP}, "a/ 0700\na/f=1\n", 0},
    {"a file to /.", LIST("f=1"), NULL,
     {.src = "f", .dest = "/a/.", DOCKER, KEEP}, "a/\na/f=1\n", 0},
    {"a file over a file", LIST("0600 f=1"), LIST("x=old"),
     {.src = "f", .dest = "/x", DOCKER, KEEP}, "x=1 0600\n", 0},
    {"a directory's contents", LIST("0700 d/", "d/f=1", "0711 d/e/"), NULL,
     {.src = "d", .dest = "/x", DOCKER, KEEP}, "x/\nx/e/ 0711\nx/f=1\n", 0},
    {"contents with slashes", LIST("d/f=1"), NULL,
     {.src = "d/", .dest = "/x/", DOCKER, KEEP}, "x/\nx/f=1\n", 0},
    {"the directory itself, new", LIST("d/f=1"), NULL,
     {.src = "d", .dest = "/x", .create_dest_path = true, KEEP},
     "x/\nx/f=1\n", 0},
    {"the directory itself, into one", LIST("0700 d/", "d/f=1"), LIST("x/"),
     {.src = "d", .dest = "/x", .create_dest_path = true, KEEP},
     "x/\nx/d/ 0700\nx/d/f=1\n", 0},
    {"d/. is its contents", LIST("d/f=1"), LIST("x/"),
     {.src = "d/.", .dest = "/x", .create_dest_path = true, KEEP},
     "x/\nx/f=1\n", 0},
    {"onto an existing directory: keeps it, not those below",
     LIST("0700 d/", "0700 d/e/", "d/f=1"), LIST("0777 x/", "0770:7:8 x/e/"),
     {.src = "d", .dest = "/x", DOCKER, KEEP},
     "x/ 0777\nx/e/ 0700\nx/f=1\n", 0},
    {"onto the root", LIST("0700 d/", "d/f=1", "0700 d/tmp/"),
     LIST("1777 tmp/"), {.src = "d", .dest = "/", DOCKER, KEEP},
     "f=1\ntmp/ 0700\n", 0},
    {"all onto the root", LIST("a=1", "d/b=2"), NULL,
     {.src = "/", .dest = "/", DOCKER, KEEP}, "a=1\nd/\nd/b=2\n", 0},
    {".. of a source is clamped", LIST("f=1"), NULL,
     {.src = "../../f", .dest = "/x", DOCKER, KEEP}, "x=1\n", 0},
    {".. of a destination is clamped", LIST("f=1"), NULL,
     {.src = "f", .dest = "/../../x", DOCKER, KEEP}, "x=1\n", 0},
    {"a directory over a file", LIST("d/f=1"), LIST("x=old"),
     {.src = "d", .dest = "/x", DOCKER, KEEP},
     "cannot copy to non-directory: /x", TENON_E_INVALID},
    {"a directory over a file below", LIST("d/e/f=1"), LIST("x/e=old"),
     {.src = "d", .dest = "/x", DOCKER, KEEP},
     "cannot copy to non-directory: /x/e", TENON_E_INVALID},
    {"a file over a directory below", LIST("d/f=1"), LIST("x/f/g=1"),
     {.src = "d", .dest = "/x", DOCKER, KEEP},
     "cannot replace to directory /x/f with file", TENON_E_INVALID},
    {"replace a directory", LIST("d/f=1"), LIST("x/f/g=1"),
     {.src = "d", .dest = "/x", DOCKER, KEEP, .always_replace = true},
     "x/\nx/f=1\n", 0},
    {"replace a file", LIST("d/e/f=1"), LIST("x/e=old"),
     {.src = "d", .dest = "/x", DOCKER, KEEP, .always_replace = true},
     "x/\nx/e/\nx/e/f=1\n", 0},
    {"through a file", LIST("f=1"), LIST("x=old"),
     {.src = "f", .dest = "/x/", DOCKER, KEEP},
     "cannot make directory \"/x/\": not a directory", TENON_E_INVALID},
    {"no parents wanted", LIST("f=1"), NULL,
     {.src = "f", .dest = "/a/b/c", .allow_wildcard = true, KEEP},
     "destination \"/a/b/c\": \"/a/b\": No such file or directory",
     TENON_E_NOT_FOUND},

    {"owner", LIST("0644:5:6 d/f=1", "d/l>f"), NULL,
     {.src = "d", .dest = "/a/b", DOCKER, KEEP, .owner = {true, 12, 34}},
     "a/ 12:34\na/b/ 12:34\na/b/f=1 12:34\na/b/l>f 12:34\n", 0},
    {"owner kept", LIST("0644:5:6 d/f=1", "0755:7:8 d/e/"), NULL,
     {.src = "d", .dest = "/a", DOCKER, KEEP},
     "a/\na/e/ 7:8\na/f=1 5:6\n", 0},
    {"octal mode", LIST("d/f=1", "d/e/"), NULL,
     {.src = "d", .dest = "/a/b", DOCKER, .mode = 0700, .timestamp_ns = -1},
     "a/ 0700\na/b/ 0700\na/b/e/ 0700\na/b/f=1 0700\n", 0},
    {"set-id mode", LIST("f=1"), NULL,
     {.src = "f", .dest = "/x", DOCKER, .mode = 04755, .timestamp_ns = -1,
      .owner = {true, 1, 1}}, "x=1 4755 1:1\n", 0},
    {"symbolic mode: not for directories made on the way",
     LIST("d/f=1", "0755 d/g=2", "d/e/"), NULL,
     {.src = "d", .dest = "/a", DOCKER, KEEP, .mode_str = "go-rwx"},
     "a/\na/e/ 0700\na/f=1 0600\na/g=2 0700\n", 0},
    {"bad mode", LIST("f=1"), NULL,
     {.src = "f", .dest = "/a", DOCKER, KEEP, .mode_str = "99x"},
     "invalid mode \"99x\"", TENON_E_INVALID},
    {"special bits kept", LIST("4755 d/s=1", "2775 d/e/", "1777 d/t/"), NULL,
     {.src = "d", .dest = "/a", DOCKER, KEEP},
     "a/\na/e/ 2775\na/s=1 4755\na/t/ 1777\n", 0},
    {"an unreadable file", LIST("0001 f=1"), NULL,
     {.src = "f", .dest = "/x", DOCKER, KEEP}, "x=1 0001\n", 0},

    {"a wildcard", LIST("a.c=1", "b.c=2", "x=3"), NULL,
     {.src = "*.c", .dest = "/d/", DOCKER, KEEP}, "d/\nd/a.c=1\nd/b.c=2\n", 0},
    {"a wildcard with directories: contents", LIST("d1/a=1", "d2/b=2", "d3=3"),
     NULL, {.src = "d*", .dest = "/x/", DOCKER, KEEP},
     "x/\nx/a=1\nx/b=2\nx/d3=3\n", 0},
    {"one match without slash", LIST("only1=1"), NULL,
     {.src = "only*", .dest = "/x", DOCKER, KEEP}, "x=1\n", 0},
    {"several onto one: the last stays", LIST("f1=1", "f2=2"), NULL,
     {.src = "f*", .dest = "/x", DOCKER, KEEP}, "x=2\n", 0},
    {"no match", LIST("a=1"), NULL,
     {.src = "n*", .dest = "/x/", DOCKER, KEEP}, "", 0},
    {"no directory for a match", LIST("a=1"), NULL,
     {.src = "d/n*", .dest = "/x/", DOCKER, KEEP},
     "lstat /d: no such file or directory", TENON_E_NOT_FOUND},
    {"no match in a directory", LIST("d/a=1"), NULL,
     {.src = "d/n*", .dest = "/x/", DOCKER, KEEP}, "", 0},
    {"no match, wanted", LIST("a=1"), NULL,
     {.src = "n*", .dest = "/x/", .create_dest_path = true,
      .allow_wildcard = true, KEEP}, "/n* not found", TENON_E_NOT_FOUND},
    {"a star that is a name", LIST("*=1", "a=2"), NULL,
     {.src = "*", .dest = "/x", .create_dest_path = true, KEEP}, "x=1\n", 0},
    {"an escaped bracket", LIST("[b]=1"), NULL,
     {.src = "[[]b]", .dest = "/x", DOCKER, KEEP}, "x=1\n", 0},
    {"missing", LIST("a=1"), NULL, {.src = "n", .dest = "/x", DOCKER, KEEP},
     "lstat /n: no such file or directory", TENON_E_NOT_FOUND},

    {"a named link is followed", LIST("l>f", "f=1"), NULL,
     {.src = "l", .dest = "/x/", DOCKER, KEEP}, "x/\nx/l=1\n", 0},
    {"a link to a directory", LIST("l>d", "d/f=1"), NULL,
     {.src = "l", .dest = "/x", DOCKER, KEEP}, "x/\nx/f=1\n", 0},
    {"a link that is not followed", LIST("l>f", "f=1"), NULL,
     {.src = "l", .dest = "/x", .create_dest_path = true, KEEP}, "x>f\n", 0},
    {"links below are kept", LIST("d/l>../f", "d/n>nowhere", "f=1"), NULL,
     {.src = "d", .dest = "/x", DOCKER, KEEP}, "x/\nx/l>../f\nx/n>nowhere\n",
     0},
    {"links lead out of the source nowhere", LIST("l>../secret"), NULL,
     {.src = "l", .dest = "/x", DOCKER, KEEP}, "lstat /l: no such file or directory",
     TENON_E_NOT_FOUND},
    {"an absolute link stays inside", LIST("l>/secret", "secret=in"), NULL,
     {.src = "l", .dest = "/x", DOCKER, KEEP}, "x=in\n", 0},
    {"a link in the way stays inside", LIST("l>../../..", "secret=in"), NULL,
     {.src = "l/secret", .dest = "/x", DOCKER, KEEP}, "x=in\n", 0},

    {"the destination is a link to a directory", LIST("f=1"),
     LIST("real/", "l>real"), {.src = "f", .dest = "/l", DOCKER, KEEP},
     "l>real\nreal/\nreal/f=1\n", 0},
    {"through an absolute link", LIST("f=1"), LIST("real/", "l>/real"),
     {.src = "f", .dest = "/l/g", DOCKER, KEEP},
     "l>/real\nreal/\nreal/g=1\n", 0},
    {"onto a link to a file", LIST("f=1"), LIST("l>a", "a=old", "b@a"),
     {.src = "f", .dest = "/l", DOCKER, KEEP}, "a=1\nb=old\nl>a\n", 0},
    {"through a dangling link", LIST("f=1"), LIST("l>/no/where"),
     {.src = "f", .dest = "/l/f", DOCKER, KEEP},
     "l>/no/where\nno/\nno/where/\nno/where/f=1\n", 0},
    {"through a link out", LIST("secret=in"), LIST("l>../.."),
     {.src = "secret", .dest = "/l/secret", DOCKER, KEEP},
     "l>../..\nsecret=in\n", 0},
    {"onto a link out", LIST("secret=in"), LIST("l>../secret"),
     {.src = "secret", .dest = "/l", DOCKER, KEEP},
     "l>../secret\nsecret=in\n", 0},
    {"a link below is replaced, not followed", LIST("d/f=1"),
     LIST("x/f>/secret", "secret=old"),
     {.src = "d", .dest = "/x", DOCKER, KEEP}, "secret=old\nx/\nx/f=1\n", 0},
    {"a link to a directory below is not followed", LIST("d/e/f=1"),
     LIST("x/e>/out", "out/"), {.src = "d", .dest = "/x", DOCKER, KEEP},
     "cannot copy to non-directory: /x/e", TENON_E_INVALID},
    {"a link over a link", LIST("d/l>new"), LIST("x/l>old"),
     {.src = "d", .dest = "/x", DOCKER, KEEP}, "x/\nx/l>new\n", 0},
    {"a link to itself", LIST("f=1"), LIST("loop>loop"),
     {.src = "f", .dest = "/loop/f", DOCKER, KEEP},
     "\"/loop/\": too many links", TENON_E_INVALID},

    {"exclude", LIST("d/a=1", "d/x.log=2", "d/e/y.log=3"), NULL,
     {.src = "d", .dest = "/x", DOCKER, KEEP, .exclude = LIST("*.log")},
     "x/\nx/a=1\nx/e/\nx/e/y.log=3\n", 0},
    {"exclude everywhere", LIST("d/a=1", "d/x.log=2", "d/e/y.log=3"), NULL,
     {.src = "d", .dest = "/x", DOCKER, KEEP, .exclude = LIST("**/*.log")},
     "x/\nx/a=1\nx/e/\n", 0},
    {"exclude a directory but", LIST("d/e/a=1", "d/e/b=2", "d/g/c=3"), NULL,
     {.src = "d", .dest = "/x", DOCKER, KEEP, .exclude = LIST("e", "!e/b", "g")},
     "x/\nx/e/\nx/e/b=2\n", 0},
    {"exclude is below the source only", LIST("x.log=1"), NULL,
     {.src = "x.log", .dest = "/y", DOCKER, KEEP, .exclude = LIST("*.log")},
     "y=1\n", 0},
    {"parents", LIST("0700 a/", "a/b/c=1", "a/d=2", "z/"), NULL,
     {.src = "/", .dest = "/x/", DOCKER, KEEP, .include = LIST("a/b/c")},
     "x/\nx/a/ 0700\nx/a/b/\nx/a/b/c=1\n", 0},
    {"parents with wildcards", LIST("a/b/c=1", "a/d=2", "z/c=3"), NULL,
     {.src = "/", .dest = "/x/", DOCKER, KEEP, .include = LIST("*/c")},
     "x/\nx/z/\nx/z/c=3\n", 0},
    {"parents with a directory", LIST("a/b/c=1", "a/b/e/f=2", "a/d=2"), NULL,
     {.src = "/", .dest = "/x/", DOCKER, KEEP, .include = LIST("a/b")},
     "x/\nx/a/\nx/a/b/\nx/a/b/c=1\nx/a/b/e/\nx/a/b/e/f=2\n", 0},
    {"parents and mode", LIST("d/f=1", "d/g=2"), NULL,
     {.src = "/", .dest = "/x/", DOCKER, .mode = 0640, .timestamp_ns = -1,
      .include = LIST("d/f"), .owner = {true, 1, 2}},
     "x/ 0640 1:2\nx/d/ 0640 1:2\nx/d/f=1 0640 1:2\n", 0},
    {"parents over a file", LIST("a/b=1"), LIST("x/a=old"),
     {.src = "/", .dest = "/x/", DOCKER, KEEP, .include = LIST("a/b")},
     "cannot copy to non-directory: /x/a", TENON_E_INVALID},
    {"a required path", LIST("a/b=1"), NULL,
     {.src = "/", .dest = "/x/", DOCKER, KEEP, .include = LIST("a/b", "a/n"),
      .required = LIST("a/b", "a/n")}, "\"/a/n\": not found",
     TENON_E_NOT_FOUND},
    {"a pipe and a socket", LIST("0640 d/p|", "d/s&"), NULL,
     {.src = "d", .dest = "/x", DOCKER, KEEP}, "x/\nx/p| 0640\nx/s&\n", 0},
};

START_TEST(test_copy)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, copies[_i].src);
    if (copies[_i].dst)
        tree_make(dst, copies[_i].dst);
    int ret = copy_with(copies[_i].c, false, NULL, &err);
    ck_assert_msg(ret == copies[_i].code, "%s: %d %s", copies[_i].what, ret,
                  err.message);
    if (ret < 0) {
        ck_assert_msg(strstr(err.message, copies[_i].shown) != NULL, "%s: %s",
                      copies[_i].what, err.message);
        return;
    }
    auto_free char *got = tree_show(dst);
    ck_assert_msg(strcmp(got, copies[_i].shown) == 0, "%s:\n%s",
                  copies[_i].what, got);
}
END_TEST

static const struct {
    const char *what;
    const char *const *had, *const *wanted;
    const char *shown;
} becomings[] = {
    {"nothing from something", LIST("f=1", "d/e/g=2"), LIST("x/"), "x/\n"},
    {"something from nothing", LIST("x/"), LIST("0600 f=1", "0700 d/", "d/g=2"),
     "d/ 0700\nd/g=2\nf=1 0600\n"},
    {"data of one size", LIST("f=1", "g=2"), LIST("f=1", "g=3"), "f=1\ng=3\n"},
    {"modes", LIST("0600 f=1", "0700 d/"), LIST("0640 f=1", "0711 d/"), "d/ 0711\nf=1 0640\n"},
    {"files for directories", LIST("a/b/c=1", "d=1"), LIST("a=1", "d/e=2"),
     "a=1\nd/\nd/e=2\n"},
    {"names that are patterns", LIST("*=1", "d/q=1"), LIST("[a]/*=2", "d/?=3"),
     "[a]/\n[a]/*=2\nd/\nd/?=3\n"},
};

START_TEST(test_become)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat before, after;
    tree_make(dst, becomings[_i].had);
    tree_make(src, becomings[_i].wanted);
    tree_make(dst, LIST("same/kept=k"));
    tree_make(src, LIST("same/kept=k"));
    tree_age(dst, "same/kept", 1000);
    tree_age(src, "same/kept", 1000);
    ck_assert_int_eq(fstatat(dst, "same/kept", &before, 0), 0);
    tree_age(src, ".", 500);
    ck_assert_msg(tenon_tree_become(dst, src, NULL, &err) == 0, "%s: %s", becomings[_i].what,
                  err.message);
    auto_free char *got = tree_show(dst), *want = tree_show(src);
    ck_assert_msg(strstr(got, becomings[_i].shown) != NULL, "%s:\n%s", becomings[_i].what, got);
    ck_assert_str_eq(got, want);
    ck_assert_int_eq(tree_mtime(dst, "."), tree_mtime(src, "."));
    ck_assert_int_eq(fstatat(dst, "same/kept", &after, 0), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
}
END_TEST

/* A list as the kernel has it: version 2, then tag, permissions and id of each. */
static const unsigned char acl[] = {
    2, 0, 0, 0,  1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,  2, 0, 5, 0, 7, 0, 0, 0, 4, 0, 5, 0, 0xff,
    0xff, 0xff, 0xff,  16, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,  32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
static const struct {
    const char *path, *name;
    const void *value;
    size_t len;
} beyond[] = { /* of what is no regular file, or no part of a file's digest */
    {"d", "system.posix_acl_default", acl, sizeof acl},
    {"d/e", "system.posix_acl_default", acl, sizeof acl}, /* nothing else opens it */
    {"d/f", "system.posix_acl_access", acl, sizeof acl},
    {"d/l", "trusted.t", "1", 1},
    {"d/p", "trusted.t", "2", 1},
};

static ssize_t
beyond_in(int root, size_t i, char value[static 64])
{
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/%s", root, beyond[i].path);
    return lgetxattr(path, beyond[i].name, value, 64);
}

static bool
put_beyond(size_t i)
{
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/%s", src, beyond[i].path);
    if (lsetxattr(path, beyond[i].name, beyond[i].value, beyond[i].len, 0) == 0)
        return true;
    auto_free char *what = tenon_asprintf("%s of %s: %s", beyond[i].name, beyond[i].path,
                                          strerror(errno));
    unit_not_tried(what);
    return false;
}

START_TEST(test_attributes_beyond_files)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const tree[] = {"d/e/", "d/f=1", "d/l>f", "d/p|", NULL};
    char value[64];
    tree_make(src, tree);
    for (const char *const *p = LIST("d/e", "d/f", "d/l", "d/p", "d"); *p; p++)
        tree_age(src, *p, 1000);
    if (!put_beyond(_i))
        return;
    struct tenon_copy c = {.src = "/", .dest = "/", DOCKER, KEEP};
    ck_assert_msg(copy_with(c, false, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(beyond_in(dst, _i, value), beyond[_i].len);
    ck_assert_mem_eq(value, beyond[_i].value, beyond[_i].len);

    /* Alone it makes a difference, there and back. */
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/%s", dst, beyond[_i].path);
    ck_assert_int_eq(lremovexattr(path, beyond[_i].name), 0);
    ck_assert_msg(tenon_tree_become(dst, src, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(beyond_in(dst, _i, value), beyond[_i].len);
    ck_assert_msg(tenon_tree_become(src, dst, NULL, &err) == 0, "%s", err.message);
    auto_free char *again = tenon_asprintf("/proc/self/fd/%d/%s", src, beyond[_i].path);
    ck_assert_int_eq(lremovexattr(again, beyond[_i].name), 0);
    ck_assert_msg(tenon_tree_become(dst, src, NULL, &err) == 0, "%s", err.message);
    ck_assert_int_eq(beyond_in(dst, _i, value), -1);
}
END_TEST

START_TEST(test_copy_ignored_source_is_missing)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("f=1", "d/x.log=1", "d/y=2"));
    struct tenon_copy c = {.src = "f", .dest = "/x", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, LIST("f", "**/*.log"), &err),
                     TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    c.src = "/";
    ck_assert_int_eq(copy_with(c, true, LIST("f", "**/*.log"), &err), 0);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "x/\nx/d/\nx/d/y=2\n");
}
END_TEST

/* A directory that shows only for what might be brought back below it, and
 * nothing is. */
START_TEST(test_copy_ignored_directory_stays_away)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("d/x/a=1", "d/b=1", "e/f=1"));
    const struct tenon_copy c = {.src = "/", .dest = "/", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, LIST("d", "!d/*/none"), &err), 0);
    auto_free char *shown = tree_show(dst);
    ck_assert_str_eq(shown, "e/\ne/f=1\n");
}
END_TEST

START_TEST(test_copy_context_belongs_to_root)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("0644:5:6 d/f=1", "0700:7:8 d/e/", "d/s&"));
    struct tenon_copy c = {.src = "d", .dest = "/x", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "x/\nx/e/ 0700\nx/f=1\nx/s=\n");
}
END_TEST

START_TEST(test_copy_times)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("d/e/f=1", "d/l>e"));
    tree_make(dst, LIST("old/"));
    static const char *const all[] = {"d/e/f", "d/l", "d/e", "d"};
    for (size_t i = 0; i < tenon_countof(all); i++)
        tree_age(src, all[i], 981173106 + (int64_t)i);
    struct tenon_copy c = {.src = "d", .dest = "/x/y", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    ck_assert_int_eq(tree_mtime(dst, "x/y/e/f"), 981173106);
    ck_assert_int_eq(tree_mtime(dst, "x/y/l"), 981173107);
    ck_assert_int_eq(tree_mtime(dst, "x/y/e"), 981173108);
    /* the directory that gets the contents has the source's time, new or not;
     * those made on the way have none */
    ck_assert_int_eq(tree_mtime(dst, "x/y"), 981173109);
    ck_assert_int_gt(tree_mtime(dst, "x"), 1000000000);

    c.dest = "/t/u";
    c.timestamp_ns = INT64_C(1500000000123456789);
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    static const char *const made[] = {"t", "t/u", "t/u/e", "t/u/e/f", "t/u/l"};
    for (size_t i = 0; i < tenon_countof(made); i++)
        ck_assert_int_eq(tree_mtime(dst, made[i]), 1500000000);
    struct stat st;
    ck_assert_int_eq(fstatat(dst, "t/u/e/f", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_nsec, 123456789);

    /* the first second is a time like any other, and so is one before it */
    static const int64_t early[] = {0, 1, INT64_C(999999999), INT64_C(1000000000)};
    for (size_t i = 0; i < tenon_countof(early); i++) {
        auto_free char *dest = tenon_asprintf("/early%zu/u", i);
        auto_free char *file = tenon_asprintf("early%zu/u/e/f", i);
        c.dest = dest;
        c.timestamp_ns = early[i];
        ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
        ck_assert_int_eq(fstatat(dst, file, &st, 0), 0);
        ck_assert_int_eq(tenon_stat_mtime_ns(&st), early[i]);
        auto_free char *dir = tenon_asprintf("early%zu", i);
        ck_assert_int_eq(fstatat(dst, dir, &st, 0), 0);
        ck_assert_int_eq(tenon_stat_mtime_ns(&st), early[i]);
    }
    struct timespec before[2] = {{.tv_sec = -2, .tv_nsec = 5}, {.tv_sec = -2, .tv_nsec = 5}};
    ck_assert_int_eq(utimensat(src, "d/e/f", before, 0), 0);
    c.dest = "/before";
    c.timestamp_ns = -1;
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    ck_assert_int_eq(fstatat(dst, "before/e/f", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_sec, -2);
    ck_assert_int_eq(st.st_mtim.tv_nsec, 5);

    /* also with parents that wait for something below */
    struct tenon_copy p = {.src = "/", .dest = "/p/", DOCKER, .mode = -1,
                           .timestamp_ns = INT64_C(1500000000000000000),
                           .include = LIST("d/e/f")};
    ck_assert_int_eq(copy_with(p, true, NULL, &err), 0);
    ck_assert_int_eq(tree_mtime(dst, "p"), 1500000000);
    ck_assert_int_eq(tree_mtime(dst, "p/d"), 1500000000);
    ck_assert_int_eq(tree_mtime(dst, "p/d/e"), 1500000000);
}
END_TEST

START_TEST(test_copy_hard_links)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("d/a=1", "d/e/b@d/a", "c@d/a"));
    struct tenon_copy c = {.src = "d", .dest = "/x", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    struct stat a, b;
    ck_assert_int_eq(fstatat(dst, "x/a", &a, 0), 0);
    ck_assert_int_eq(fstatat(dst, "x/e/b", &b, 0), 0);
    ck_assert_uint_eq(a.st_ino, b.st_ino);
    ck_assert_uint_eq(a.st_nlink, 2);
    /* not with what another copy brought */
    struct tenon_copy again = {.src = "c", .dest = "/c", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(again, true, NULL, &err), 0);
    ck_assert_int_eq(fstatat(dst, "c", &b, 0), 0);
    ck_assert_uint_ne(a.st_ino, b.st_ino);
}
END_TEST

/* Two files with two names each, and one with the same bytes and one name. */
START_TEST(test_copy_hard_links_of_several)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("d/a=1", "d/a2@d/a", "d/b=2", "d/b2@d/b", "d/c=1"));
    struct tenon_copy c = {.src = "d", .dest = "/x", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    static const char *const names[] = {"x/a", "x/a2", "x/b", "x/b2", "x/c"};
    static const unsigned file[] = {0, 0, 1, 1, 2};
    struct stat st[5];
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(fstatat(dst, names[i], &st[i], 0), 0);
        ck_assert_uint_eq(st[i].st_nlink, i == 4 ? 1 : 2);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg((st[i].st_ino == st[k].st_ino) == (file[i] == file[k]), "%s and %s",
                          names[i], names[k]);
    }
    auto_free char *shown = tree_show(dst);
    ck_assert_str_eq(shown, "x/\nx/a=1\nx/a2=1\nx/b=2\nx/b2=2\nx/c=1\n");
}
END_TEST

/* Around the sizes at which another way of copying begins, with a last byte that
 * tells; whole, and with a hole in front or at the end. */
START_TEST(test_copy_sizes)
{
    static const size_t sizes[] = {0, 1, 2, 4095, 4096, 16383, 16384, 16385, 16386, 65537,
                                   262143, 262144, 262145, 1048577};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (size_t i = 0; i < tenon_countof(sizes); i++) {
        for (int holes = 0; holes < 3; holes++) {
            size_t size = sizes[i];
            auto_free char *want = tenon_calloc(size + 1, 1);
            auto_free char *got = tenon_calloc(size + 1, 1);
            auto_close int fd = openat(src, "f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
            for (size_t k = 0; k < size; k++)
                if (!holes || (holes == 1 ? k + 9 > size : k < 9))
                    want[k] = (char)('a' + k % 23);
            ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
            for (size_t k = 0; k < size; k += 4096) {
                size_t n = size - k < 4096 ? size - k : 4096;
                if (memcmp(want + k, (char[4096]){0}, n) != 0)
                    ck_assert_int_eq(pwrite(fd, want + k, n, (off_t)k), (ssize_t)n);
            }
            struct tenon_copy c = {.src = "f", .dest = "/f", DOCKER, KEEP};
            ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
            auto_close int copy = openat(dst, "f", O_RDONLY | O_CLOEXEC);
            struct stat st;
            ck_assert_int_eq(fstat(copy, &st), 0);
            ck_assert_msg((size_t)st.st_size == size, "%zu: %lld", size, (long long)st.st_size);
            ck_assert_int_eq(pread(copy, got, size, 0), (ssize_t)size);
            ck_assert_msg(memcmp(got, want, size) == 0, "%zu, holes %d", size, holes);
        }
    }
}
END_TEST

START_TEST(test_copy_sparse_and_large)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int fd =
        openat(src, "s", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(ftruncate(fd, 5000000), 0);
    ck_assert_int_eq(pwrite(fd, "mid", 3, 2500000), 3);
    struct tenon_copy c = {.src = "s", .dest = "/s", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstatat(dst, "s", &st, 0), 0);
    ck_assert_int_eq(st.st_size, 5000000);
    ck_assert_int_lt(st.st_blocks, 1000);
    char text[4] = "";
    auto_close int got = openat(dst, "s", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(pread(got, text, 3, 2500000), 3);
    ck_assert_str_eq(text, "mid");
}
END_TEST

START_TEST(test_copy_xattrs)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("d/f=1", "d/e/"));
    auto_close int f = openat(src, "d/f", O_RDONLY | O_CLOEXEC);
    auto_close int e = openat(src, "d/e", O_RDONLY | O_CLOEXEC);
    if (fsetxattr(f, "user.k", "v", 1, 0) < 0)
        return; /* the file system has none */
    ck_assert_int_eq(fsetxattr(e, "user.k", "v", 1, 0), 0);
    ck_assert_int_eq(fsetxattr(e, "user.overlay.opaque", "y", 1, 0), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(fsetxattr(e, "trusted.overlay.opaque", "y", 1, 0), 0);
    struct tenon_copy c = {.src = "d", .dest = "/x", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    auto_close int xf = openat(dst, "x/f", O_RDONLY | O_CLOEXEC);
    auto_close int xe = openat(dst, "x/e", O_RDONLY | O_CLOEXEC);
    char v[8];
    ck_assert_int_eq(fgetxattr(xf, "user.k", v, sizeof v), 1);
    ck_assert_int_eq(fgetxattr(xe, "user.k", v, sizeof v), 1);
    /* these would make the layer hide what is below it */
    ck_assert_int_lt(fgetxattr(xe, "user.overlay.opaque", v, sizeof v), 0);
    ck_assert_int_lt(fgetxattr(xe, "trusted.overlay.opaque", v, sizeof v), 0);
}
END_TEST

START_TEST(test_copy_whiteout_device_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(mkdirat(src, "d", 0755), 0);
    if (mknodat(src, "d/n", S_IFCHR | 0644, makedev(1, 3)) < 0)
        return; /* not allowed here */
    struct tenon_copy c = {.src = "d", .dest = "/x", DOCKER, KEEP};
    ck_assert_int_eq(copy_with(c, false, NULL, &err), 0);
    struct stat st;
    ck_assert_int_eq(fstatat(dst, "x/n", &st, 0), 0);
    ck_assert(S_ISCHR(st.st_mode));
    ck_assert_uint_eq(st.st_rdev, makedev(1, 3));
    ck_assert_int_eq(mknodat(src, "d/w", S_IFCHR | 0644, 0), 0);
    ck_assert_int_eq(copy_with(c, false, NULL, &err), TENON_E_UNSUPPORTED);
}
END_TEST

/* The cache key says one thing, the file another: the step fails. */
START_TEST(test_copy_file_changed_after_digest_fails)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("f=one"));
    tree_age(src, "f", 1000);
    struct tenon_view_options o = {.rootfd = src, .owner_root = true};
    struct tenon_view *v;
    ck_assert_int_eq(tenon_view_new(&o, &v, &err), 0);
    ck_assert_int_eq(tenon_view_scan(v, 1, NULL, NULL, NULL, &err), 0);
    struct tenon_copy c = {.src_view = v, .src = "f", .dest = "/x", DOCKER,
                           KEEP};
    /* touched only: the same bytes are fine */
    tree_age(src, "f", 2000);
    ck_assert_int_eq(tenon_tree_copy(dst, &c, NULL, &err), 0);
    unit_write(src, "f", "two");
    ck_assert_int_eq(tenon_tree_copy(dst, &c, NULL, &err),
                     TENON_E_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.message, "changed while the build"));
    tenon_error_release(&err);
    /* and a link that takes the file's place is not followed */
    ck_assert_int_eq(unlinkat(src, "f", 0), 0);
    ck_assert_int_eq(symlinkat("../secret", src, "f"), 0);
    ck_assert_int_lt(tenon_tree_copy(dst, &c, NULL, &err), 0);
    tenon_view_free(v);
}
END_TEST

static int unpack_says;
static char unpacked_to[64];
static int64_t unpack_owner;

static int
fake_unpack(int fd, int rootfd, const char *dest, int64_t uid, int64_t gid,
            const struct tenon_limits *limits, struct tenon_cancel *cancel,
            struct tenon_error *err)
{
    (void)fd, (void)rootfd, (void)gid, (void)limits, (void)cancel, (void)err;
    snprintf(unpacked_to, sizeof unpacked_to, "%s", dest);
    unpack_owner = uid;
    return unpack_says;
}

START_TEST(test_copy_unpack)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("plain=text", "gz=\x1f\x8b rest", "d/f=1", "s&"));
    struct tenon_copy c = {.src = "plain", .dest = "/x", DOCKER, KEEP,
                           .attempt_unpack = true, .unpack = fake_unpack};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    ck_assert_str_eq(unpacked_to, "");

    /* What cannot be opened, or does something when it is, is not looked into. */
    c.src = "s";
    c.dest = "/s";
    ck_assert_int_eq(copy_with(c, false, NULL, &err), 0);
    ck_assert_str_eq(unpacked_to, "");
    ck_assert_int_eq(unlinkat(dst, "s", 0), 0);

    c.src = "gz";
    c.dest = "/in/it";
    unpack_says = 0; /* compressed, but no archive: a plain copy */
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    ck_assert_str_eq(unpacked_to, "/in/it");
    ck_assert_int_eq(unpack_owner, -1);

    unpack_says = 1;
    c.dest = "/out/of/it";
    c.owner = (struct tenon_owner){true, 5, 6};
    ck_assert_int_eq(copy_with(c, true, NULL, &err), 0);
    ck_assert_int_eq(unpack_owner, 5);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "in/\nin/it=\x1f\x8b rest\nout/ 5:6\nout/of/ 5:6\n"
                          "out/of/it/ 5:6\nx=text\n");
    c.unpack = NULL;
    ck_assert_int_eq(copy_with(c, true, NULL, &err), TENON_E_UNSUPPORTED);
}
END_TEST

/* ---- the other actions ------------------------------------------------------ */

START_TEST(test_actions_mkdir)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(dst, LIST("real/", "l>/real", "f=1", "out>../../.."));
    struct tenon_owner o = {true, 3, 4};
    int64_t t = INT64_C(1500000000000000000);
    ck_assert_int_eq(tenon_tree_mkdir(dst, "/l/a/b", 0750, true, &o, t, &err),
                     0);
    ck_assert_int_eq(tree_mtime(dst, "real/a"), 1500000000);
    ck_assert_int_eq(tree_mtime(dst, "real/a/b"), 1500000000);
    ck_assert_int_eq(tenon_tree_mkdir(dst, "/real/a", 0700, true, NULL, -1,
                                      &err), 0);
    ck_assert_int_eq(tenon_tree_mkdir(dst, "new", 01777, false, NULL, -1, &err),
                     0);
    ck_assert_int_eq(tenon_tree_mkdir(dst, "/out/here", 0755, true, NULL, -1,
                                      &err), 0);
    ck_assert_int_eq(tenon_tree_mkdir(dst, "f", 0700, false, NULL, -1, &err),
                     0);
    ck_assert_int_lt(tenon_tree_mkdir(dst, "no/such", 0700, false, NULL, -1,
                                      &err), 0);
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_tree_mkdir(dst, "f/x", 0700, true, NULL, -1, &err),
                     0);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "f=1\nhere/\nl>/real\nnew/ 0777\nout>../../..\n"
                          "real/\nreal/a/ 0750 3:4\nreal/a/b/ 0750 3:4\n");
}
END_TEST

START_TEST(test_actions_mkfile)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(dst, LIST("l>f", "f=old", "g@f", "p|", "d/", "out>../secret"));
    struct tenon_owner o = {true, 3, 4};
    ck_assert_int_eq(tenon_tree_mkfile(dst, "/l", 04640, "new", 3, &o,
                                       INT64_C(1500000000000000000), &err), 0);
    ck_assert_int_eq(tree_mtime(dst, "f"), 1500000000);
    ck_assert_int_eq(tenon_tree_mkfile(dst, "p", 0644, "", 0, NULL, -1, &err),
                     0);
    ck_assert_int_eq(tenon_tree_mkfile(dst, "out", 0644, "in", 2, NULL, -1,
                                       &err), 0);
    ck_assert_int_lt(tenon_tree_mkfile(dst, "d", 0644, "", 0, NULL, -1, &err),
                     0);
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_tree_mkfile(dst, "/", 0644, "", 0, NULL, -1, &err),
                     0);
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_tree_mkfile(dst, "n/f", 0644, "", 0, NULL, -1, &err),
                     0);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "d/\nf=new 0640 3:4\ng=old\nl>f\nout>../secret\np=\n"
                          "secret=in\n");
}
END_TEST

START_TEST(test_actions_rm)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(dst, LIST("a.c=1", "b.c=2", "x=3", "d/e/f=4", "l>d", "out>../..",
                        "dangling>no"));
    ck_assert_int_eq(tenon_tree_rm(dst, "/*.c", false, true, &err), 0);
    ck_assert_int_eq(tenon_tree_rm(dst, "/l", false, false, &err), 0);
    ck_assert_int_eq(tenon_tree_rm(dst, "dangling", false, false, &err), 0);
    ck_assert_int_eq(tenon_tree_rm(dst, "none", true, false, &err), 0);
    ck_assert_int_eq(tenon_tree_rm(dst, "none", false, false, &err),
                     TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_tree_rm(dst, "no/no", true, false, &err), 0);
    ck_assert_int_lt(tenon_tree_rm(dst, "/", true, false, &err), 0);
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_tree_rm(dst, "out/secret", false, false, &err), 0);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_tree_rm(dst, "/d", false, false, &err), 0);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "out>../..\nx=3\n");
}
END_TEST

START_TEST(test_actions_symlink)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(dst, LIST("d/"));
    struct tenon_owner o = {true, 3, 4};
    ck_assert_int_eq(tenon_tree_symlink(dst, "../x", "/d/l", &o,
                                        INT64_C(1500000000000000000), &err), 0);
    ck_assert_int_eq(tree_mtime(dst, "d/l"), 1500000000);
    ck_assert_int_lt(tenon_tree_symlink(dst, "y", "/d", NULL, -1, &err), 0);
    auto_free char *got = tree_show(dst);
    ck_assert_str_eq(got, "d/\nd/l>../x 3:4\n");
}
END_TEST

/* Something is beside each directory, before and after it in the order of a walk. */
START_TEST(test_copy_deeper_than_descriptors)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    enum { DEPTH = 4 * TENON_ASIDE_DEPTH };
    struct rlimit old, low = {3 * TENON_ASIDE_DEPTH, 0};
    int at = dup(src);
    for (int i = 0; i < DEPTH; i++) {
        ck_assert_int_eq(mkdirat(at, "d", 0750), 0);
        unit_write(at, "a", "1");
        unit_write(at, "z", "2");
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
        tenon_buf_adds(&path, "d/");
    }
    unit_write(at, "last", "3");
    close(at);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low.rlim_max = old.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct tenon_copy all = {.src = "/", .dest = "/all", DOCKER, KEEP};
    struct tenon_copy one = {.src = "/", .dest = "/one", .include = LIST("**/last"), DOCKER, KEEP};
    int rc = copy_with(all, false, NULL, &err);
    if (rc == 0)
        rc = copy_with(one, false, NULL, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_msg(rc == 0, "%s", err.message);

    for (int i = 0; i < 2; i++) {
        auto_free char *inner = tenon_asprintf("%s/%slast", i ? "one" : "all", path.data);
        struct stat st;
        ck_assert_int_eq(fstatat(dst, inner, &st, 0), 0);
        for (int depth = DEPTH; depth > 0; depth--) {
            for (int leaf = 0; leaf < 2; leaf++) {
                strcpy(inner + 4 + 2 * (depth - 1), leaf ? "z" : "a");
                ck_assert_int_eq(fstatat(dst, inner, &st, 0), i ? -1 : 0);
            }
            strcpy(inner + 4 + 2 * (depth - 1), "d");
            ck_assert_int_eq(fstatat(dst, inner, &st, 0), 0);
            ck_assert_uint_eq(st.st_mode & 07777, 0750);
        }
    }
}
END_TEST

START_TEST(test_become_deeper_than_descriptors)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    enum { DEPTH = 4 * TENON_ASIDE_DEPTH };
    struct rlimit old, low = {3 * TENON_ASIDE_DEPTH, 0};
    const int roots[] = {src, dst};
    for (int tree = 0; tree < 2; tree++) {
        int at = dup(roots[tree]);
        for (int i = 0; i < DEPTH; i++) {
            ck_assert_int_eq(mkdirat(at, "d", 0750), 0);
            int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            close(at);
            at = next;
            unit_write(at, tree ? "a" : "z", "1"); /* before and behind the next one */
        }
        close(at);
    }
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low.rlim_max = old.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    const int rc = tenon_tree_become(dst, src, NULL, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_msg(rc == 0, "%s", err.message);
    auto_free char *got = tree_show(dst), *want = tree_show(src);
    ck_assert_str_eq(got, want);
}
END_TEST

START_TEST(test_aside_moved_directory_fails)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_aside aside = {0};
    tree_make(src, LIST("a/b/", "c/"));
    int fd = openat(src, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int inner = openat(fd, "b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(tenon_aside_open(inner, &fd, &aside, &err), 0); /* which is open */
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(tenon_aside_close(&fd, &aside, &err), 0);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(renameat(src, "a/b", src, "c/b"), 0);
    ck_assert_int_eq(tenon_aside_open(inner, &fd, &aside, &err), TENON_E_FAILED);
    ck_assert_int_eq(fd, -1);
    tenon_error_release(&err);
    ck_assert_int_eq(renameat(src, "c/b", src, "a/b"), 0);
    ck_assert_int_eq(tenon_aside_open(inner, &fd, &aside, &err), 0);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

START_TEST(test_copy_cancelled)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(src, LIST("f=1"));
    struct tenon_view_options o = {.rootfd = src};
    struct tenon_view *v;
    ck_assert_int_eq(tenon_view_new(&o, &v, &err), 0);
    struct tenon_cancel *cancel = tenon_cancel_new(NULL);
    tenon_cancel_fire(cancel);
    struct tenon_copy c = {.src_view = v, .src = "f", .dest = "/x", DOCKER,
                           KEEP};
    ck_assert_int_eq(tenon_tree_copy(dst, &c, cancel, &err),
                     TENON_E_CANCELLED);
    tenon_cancel_free(cancel);
    tenon_view_free(v);
}
END_TEST

int
main(void)
{
    if (geteuid() != 0) {
        printf("skipped: owners can be given by root only\n");
        return 77;
    }
    umask(022);
    Suite *s = suite_create("tree-copy");
    TCase *c = tcase_create("copy");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_copy, 0, tenon_countof(copies));
    tcase_add_loop_test(c, test_become, 0, tenon_countof(becomings));
    tcase_add_loop_test(c, test_attributes_beyond_files, 0, tenon_countof(beyond));
    tcase_add_test(c, test_copy_ignored_source_is_missing);
    tcase_add_test(c, test_copy_ignored_directory_stays_away);
    tcase_add_test(c, test_copy_context_belongs_to_root);
    tcase_add_test(c, test_copy_times);
    tcase_add_test(c, test_copy_hard_links);
    tcase_add_test(c, test_copy_hard_links_of_several);
    tcase_add_test(c, test_copy_sizes);
    tcase_add_test(c, test_copy_sparse_and_large);
    tcase_add_test(c, test_copy_xattrs);
    tcase_add_test(c, test_copy_whiteout_device_is_refused);
    tcase_add_test(c, test_copy_file_changed_after_digest_fails);
    tcase_add_test(c, test_copy_unpack);
    tcase_add_test(c, test_copy_deeper_than_descriptors);
    tcase_add_test(c, test_become_deeper_than_descriptors);
    tcase_add_test(c, test_aside_moved_directory_fails);
    tcase_add_test(c, test_copy_cancelled);
    suite_add_tcase(s, c);
    c = tcase_create("actions");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_actions_mkdir);
    tcase_add_test(c, test_actions_mkfile);
    tcase_add_test(c, test_actions_rm);
    tcase_add_test(c, test_actions_symlink);
    suite_add_tcase(s, c);
    return unit_run(s);
}

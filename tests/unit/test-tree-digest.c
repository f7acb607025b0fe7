/* What changes the digest of a selection, and what does not. */
#include "treekit.h"

#include "base/cancel.h"
#include "tree/buildkitdigest.h"

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}

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
make(const char *name, const char *const *specs)
{
    ck_assert_int_eq(mkdirat(top, name, 0755), 0);
    int root = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(root, 0);
    tree_make(root, specs);
    return root;
}

static int
digest_of(int root, const char *const *exclude,
          const struct tenon_selector *sel, bool owner_root, bool scan,
          struct tenon_digest *out, struct tenon_error *err)
{
    struct tenon_view_options o = {
        .rootfd = root, .owner_root = owner_root, .exclude = exclude};
    struct tenon_view *v;
    ck_assert_msg(tenon_view_new(&o, &v, err) == 0, "%s", err->message);
    int ret = scan ? tenon_view_scan(v, 2, NULL, NULL, NULL, err) : 0;
    if (ret == 0)
        ret = tenon_view_digest(v, sel, NULL, out, err);
    tenon_view_free(v);
    return ret;
}

static const struct {
    const char *what;
    const char *const *one, *const *two;
    struct tenon_selector sel;
    bool equal;
} pairs[] = {
    {"the same", LIST("d/a=1", "d/b=2"), LIST("d/b=2", "d/a=1"),
     {.path = "d"}, true},
    {"content", LIST("f=1"), LIST("f=2"), {.path = "f"}, false},
    {"content of equal length", LIST("d/f=12"), LIST("d/f=21"), {.path = "d"}, false},
    {"an end", LIST("d/f="), LIST("d/f=1"), {.path = "d"}, false},
    {"where one file ends", LIST("d/a=12", "d/b=3"), LIST("d/a=1", "d/b=23"),
     {.path = "d"}, false},
    {"which file has it", LIST("d/a=1", "d/b=2"), LIST("d/a=2", "d/b=1"),
     {.path = "d"}, false},
    {"mode", LIST("f=1"), LIST("0600 f=1"), {.path = "f"}, false},
    {"the least bit of a mode", LIST("0644 f=1"), LIST("0645 f=1"), {.path = "f"}, false},
    {"set-user-id", LIST("0755 f=1"), LIST("04755 f=1"), {.path = "f"}, false},
    {"set-group-id", LIST("0755 f=1"), LIST("02755 f=1"), {.path = "f"}, false},
    {"sticky", LIST("0755 f=1"), LIST("01755 f=1"), {.path = "f"}, false},
    {"set-user-id of a directory", LIST("0755 d/e/"), LIST("04755 d/e/"),
     {.path = "d"}, false},
    {"set-group-id of a directory", LIST("0755 d/e/"), LIST("02755 d/e/"),
     {.path = "d"}, false},
    {"sticky directory", LIST("0777 d/e/"), LIST("01777 d/e/"), {.path = "d"}, false},
    {"set-id bits of the selected directory", LIST("0755 d/"), LIST("02755 d/"),
     {.path = "d"}, false},
    {"mode of a pipe", LIST("d/p|"), LIST("0600 d/p|"), {.path = "d"}, false},
    {"owner", LIST("f=1"), LIST("0644:1:0 f=1"), {.path = "f"}, false},
    {"group", LIST("f=1"), LIST("0644:0:1 f=1"), {.path = "f"}, false},
    {"owner and group", LIST("0644:1:2 f=1"), LIST("0644:2:1 f=1"), {.path = "f"}, false},
    {"an owner above 16 bits", LIST("0644:1:0 f=1"), LIST("0644:65537:0 f=1"),
     {.path = "f"}, false},
    {"a group above 16 bits", LIST("0644:0:1 f=1"), LIST("0644:0:65537 f=1"),
     {.path = "f"}, false},
    {"owner of a directory", LIST("0755 d/e/"), LIST("0755:1:0 d/e/"), {.path = "d"}, false},
    {"group of a directory", LIST("0755 d/e/"), LIST("0755:0:1 d/e/"), {.path = "d"}, false},
    {"owner of a link", LIST("d/l>a"), LIST("0:1:0 d/l>a"), {.path = "d"}, false},
    {"group of a link", LIST("d/l>a"), LIST("0:0:1 d/l>a"), {.path = "d"}, false},
    {"owner of a pipe", LIST("0644 d/p|"), LIST("0644:1:0 d/p|"), {.path = "d"}, false},
    {"names of one file or two files", LIST("d/a=1", "d/b@d/a"), LIST("d/a=1", "d/b=1"),
     {.path = "d"}, true},
    {"a name outside", LIST("d/a=1", "e@d/a"), LIST("d/a=1"), {.path = "d"}, true},
    {"unselected", LIST("f=1", "g=1"), LIST("f=1", "g=2"), {.path = "f"}, true},
    {"a name below", LIST("d/a=1"), LIST("d/b=1"), {.path = "d"}, false},
    {"an added file", LIST("d/a=1"), LIST("d/a=1", "d/b="), {.path = "d"},
     false},
    {"an empty directory", LIST("d/a=1"), LIST("d/a=1", "d/e/"), {.path = "d"},
     false},
    {"mode of a directory", LIST("d/e/a=1"), LIST("d/e/a=1", "0700 d/e/"),
     {.path = "d"}, false},
    {"a file or a directory", LIST("d/e="), LIST("d/e/"), {.path = "d"}, false},
    {"a name that holds a slash's place", LIST("d/a/b=1"), LIST("d/ab=1"),
     {.path = "d"}, false},
    {"link target", LIST("d/l>a"), LIST("d/l>b"), {.path = "d"}, false},
    {"a longer link target", LIST("d/l>a"), LIST("d/l>ab"), {.path = "d"}, false},
    {"a link target or a file's text", LIST("d/l>a"), LIST("d/l=a"), {.path = "d"}, false},
    {"a link's target or its name", LIST("d/l>al"), LIST("d/la>l"), {.path = "d"}, false},
    {"a link or its target", LIST("l>f", "f=1"), LIST("l=1"), {.path = "l"},
     false},
    {"a followed link is its target", LIST("l>f", "f=1"), LIST("l=1"),
     {.path = "l", .follow = true}, true},
    {"through a link", LIST("l>d", "d/f=1"), LIST("l/f=1"), {.path = "l/f"},
     true},
    {"a pipe or a file", LIST("d/p|"), LIST("d/p="), {.path = "d"}, false},
    {"a pipe", LIST("d/p|"), LIST("d/p|"), {.path = "d"}, true},
    {"the root's name counts when asked", LIST("x/f=1"), LIST("y/f=1"),
     {.path = "*", .wildcard = true}, false},
    {"matches", LIST("a.c=1", "b.c=2", "x=1"), LIST("a.c=1", "b.c=2", "y=7"),
     {.path = "*.c", .wildcard = true}, true},
    {"names of matches", LIST("a.c=1"), LIST("b.c=1"),
     {.path = "*.c", .wildcard = true}, false},
    {"base names of matches are enough", LIST("d/a.c=1"), LIST("e/a.c=1"),
     {.path = "*/*.c", .wildcard = true}, true},
    {"no match", LIST("x=1"), LIST("y=1"),
     {.path = "*.c", .wildcard = true}, true},
    {"no match or no directory", LIST("d/x=1"), LIST("x=1"),
     {.path = "d/*.c", .wildcard = true}, false},
    {"no directory", LIST("x=1"), LIST("y=1"),
     {.path = "d/*.c", .wildcard = true}, true},
    {"an exception below what it does not change", LIST("d/a.md=1", "d/b=1"),
     LIST("d/a.md=2", "d/b=1"), {.exclude = LIST("**/*.md", "!d")}, true},
    {"exclude", LIST("d/a=1", "d/x.log=1"), LIST("d/a=1", "d/x.log=2"),
     {.path = "d", .exclude = LIST("*.log")}, true},
    {"exclude but", LIST("d/x/a=1", "d/x/b=1"), LIST("d/x/a=1", "d/x/b=2"),
     {.path = "d", .exclude = LIST("x", "!x/b")}, false},
    {"include", LIST("d/a=1", "d/b=1"), LIST("d/a=1", "d/b=2"),
     {.path = "d", .include = LIST("a")}, true},
    {"include takes the parents' modes", LIST("d/e/a=1"),
     LIST("d/e/a=1", "0700 d/e/"), {.path = "/", .include = LIST("d/e/a")},
     false},
    {"include leaves other directories out", LIST("d/e/a=1"),
     LIST("d/e/a=1", "d/z/"), {.path = "/", .include = LIST("d/*/a")}, true},
};

START_TEST(test_digest_pair)
{
    if (geteuid() != 0) {
        unit_not_tried("digests of trees with owners: needs root");
        return;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int one = make("one", pairs[_i].one);
    auto_close int two = make("elsewhere", pairs[_i].two);
    /* times do not matter */
    utimensat(top, "elsewhere", NULL, 0);
    struct tenon_digest a, b;
    ck_assert_msg(digest_of(one, NULL, &pairs[_i].sel, false, false, &a,
                            &err) == 0, "%s", err.message);
    ck_assert_msg(digest_of(two, NULL, &pairs[_i].sel, false, true, &b,
                            &err) == 0, "%s", err.message);
    ck_assert_msg((strcmp(a.str, b.str) == 0) == pairs[_i].equal, "%s",
                  pairs[_i].what);
}
END_TEST

/* As many bits as a number of a device has. */
static const struct {
    const char *what, *one, *two;
    bool equal;
} devices[] = {
    {"the same", "d/n%c1:3", "d/n%c1:3", true},
    {"minor", "d/n%c1:3", "d/n%c1:5", false},
    {"major", "d/n%c1:3", "d/n%c2:3", false},
    {"minor above eight bits", "d/n%c1:3", "d/n%c1:259", false},
    {"major above eight bits", "d/n%c1:3", "d/n%c257:3", false},
    {"of characters or of blocks", "d/n%c7:0", "d/n%b7:0", false},
    {"number of a block device", "d/n%b7:0", "d/n%b7:1", false},
    {"mode", "d/n%c1:3", "0600 d/n%c1:3", false},
    {"owner", "0644 d/n%c1:3", "0644:1:0 d/n%c1:3", false},
    {"a device or a pipe", "d/n%c1:3", "d/n|", false},
};

START_TEST(test_digest_device)
{
    if (geteuid() != 0) {
        unit_not_tried("digests of devices: needs root");
        return;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int one = make("one", LIST(devices[_i].one));
    auto_close int two = make("two", LIST(devices[_i].two));
    struct tenon_selector sel = {.path = "d"};
    struct tenon_digest a, b;
    ck_assert_int_eq(digest_of(one, NULL, &sel, false, false, &a, &err), 0);
    ck_assert_int_eq(digest_of(two, NULL, &sel, false, true, &b, &err), 0);
    ck_assert_msg((strcmp(a.str, b.str) == 0) == devices[_i].equal, "%s",
                  devices[_i].what);
}
END_TEST

START_TEST(test_digest_time_does_not_count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root = make("r", LIST("d/f=1"));
    struct tenon_selector sel = {.path = "/"};
    struct tenon_digest a, b;
    ck_assert_int_eq(digest_of(root, NULL, &sel, true, true, &a, &err), 0);
    tree_age(root, "d/f", 5);
    tree_age(root, "d", 5);
    ck_assert_int_eq(digest_of(root, NULL, &sel, true, true, &b, &err), 0);
    ck_assert_str_eq(a.str, b.str);
}
END_TEST

START_TEST(test_digest_context_root_and_owner_do_not_count)
{
    if (geteuid() != 0) {
        unit_not_tried("digests of trees with owners: needs root");
        return;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int one = make("one", LIST("f=1"));
    auto_close int two = make("two", LIST("0644:5:6 f=1"));
    ck_assert_int_eq(fchmod(two, 0700), 0);
    struct tenon_selector sel = {.path = "/"};
    struct tenon_digest a, b;
    ck_assert_int_eq(digest_of(one, NULL, &sel, true, false, &a, &err), 0);
    ck_assert_int_eq(digest_of(two, NULL, &sel, true, false, &b, &err), 0);
    ck_assert_str_eq(a.str, b.str);
}
END_TEST

/* More than is hashed at a time: the first and the last one count. */
START_TEST(test_digest_of_many)
{
    enum { MANY = 3000 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root = make("r", LIST("d/"));
    struct tenon_selector sel = {.path = "/"};
    struct tenon_digest d[3];
    for (int i = 0; i < MANY; i++) {
        auto_free char *name = tenon_asprintf("d/%04d", i);
        ck_assert_int_eq(symlinkat("a link that leads to somewhere", root, name), 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(digest_of(root, NULL, &sel, true, false, &d[i], &err), 0);
        if (i == 2)
            break;
        auto_free char *name = tenon_asprintf("d/%04d", i ? MANY - 1 : 0);
        ck_assert_int_eq(unlinkat(root, name, 0), 0);
        ck_assert_int_eq(symlinkat("a link that leads to nowhere..", root, name), 0);
    }
    ck_assert_str_ne(d[0].str, d[1].str);
    ck_assert_str_ne(d[1].str, d[2].str);
}
END_TEST

START_TEST(test_digest_ignored_files_do_not_count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int one = make("one", LIST("d/f=1"));
    auto_close int two = make("two", LIST("d/f=1", "d/x.log=1"));
    struct tenon_selector sel = {.path = "d"};
    struct tenon_digest a, b;
    ck_assert_int_eq(
        digest_of(one, LIST("**/*.log"), &sel, true, false, &a, &err), 0);
    ck_assert_int_eq(
        digest_of(two, LIST("**/*.log"), &sel, true, false, &b, &err), 0);
    ck_assert_str_eq(a.str, b.str);
}
END_TEST

/* One attribute more on one entry of a tree; those of the host's
 * security modules, of overlayfs and of the kernel itself say nothing. */
static const struct {
    const char *on, *name;
    const void *value;
    size_t len;
    bool counts, root;
} xattrs[] = {
    {"d/f", "user.k", "v", 1, true, false},
    {"d/f", "user.k", "w", 1, true, false},
    {"d/f", "user.k", "", 0, true, false},
    {"d/f", "user.k", "v\0", 2, true, false},
    {"d/f", "user.l", "v", 1, true, false},
    {"d", "user.k", "v", 1, true, false},
    {"d", "user.k", "w", 1, true, false},
    {"d/e", "user.k", "v", 1, true, false},
    {"d/f", "trusted.k", "v", 1, true, true},
    {"d/f", "security.capability", "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20,
     true, true},
    {"d/f", "security.capability", "\1\0\0\2\0\x30\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20,
     true, true},
    {"d/f", "security.capability", "\0\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20,
     true, true},
    {"d", "trusted.overlay.opaque", "y", 1, false, true},
    {"d/f", "user.overlay.x", "y", 1, false, false},
    {"d/f", "security.tenon", "x", 1, false, true},
    {"d/l", "trusted.k", "v", 1, true, true},
    {"d/l", "trusted.k", "w", 1, true, true},
    {"d/p", "trusted.k", "v", 1, true, true},
    {"d/p", "security.tenon", "x", 1, false, true},
};

static int
buildkit_digest_of(int root, bool owner_root, struct tenon_digest *out, struct tenon_error *err)
{
    const struct tenon_view_options o = { .rootfd = root, .owner_root = owner_root };
    const struct tenon_selector sel = { .path = "/" };
    struct tenon_view *v;
    ck_assert_msg(tenon_view_new(&o, &v, err) == 0, "%s", err->message);
    int ret = tenon_view_buildkit_digest(v, &sel, NULL, out, err);
    tenon_view_free(v);
    return ret;
}

/* Of trees that the build made, and of a user's own, where capabilities are none. */
START_TEST(test_digest_every_xattr)
{
    bool context = _i;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root = make("r", LIST("d/f=1", "d/e/", "d/l>f", "d/p|"));
    struct tenon_selector sel = {.path = "/"};
    struct tenon_digest plain, seen[tenon_countof(xattrs)], buildkit, other;
    ck_assert_int_eq(digest_of(root, NULL, &sel, context, false, &plain, &err), 0);
    ck_assert_int_eq(buildkit_digest_of(root, context, &buildkit, &err), 0);
    for (size_t i = 0; i < tenon_countof(xattrs); i++) {
        seen[i] = plain;
        auto_free char *on = tenon_asprintf("/proc/self/fd/%d/%s", root, xattrs[i].on);
        if (lsetxattr(on, xattrs[i].name, xattrs[i].value, xattrs[i].len, 0) < 0) {
            auto_free char *what = tenon_asprintf("digest with %s: %s", xattrs[i].name,
                                                  strerror(errno));
            ck_assert_msg(xattrs[i].root && geteuid() != 0 ? true : errno == ENOTSUP,
                          "%s", what);
            unit_not_tried(what);
            continue;
        }
        ck_assert_int_eq(digest_of(root, NULL, &sel, context, i % 2, &seen[i], &err), 0);
        ck_assert_int_eq(buildkit_digest_of(root, context, &other, &err), 0);
        ck_assert_msg(tenon_streq(seen[i].str, plain.str) == tenon_streq(other.str, buildkit.str),
                      "%zu with BuildKit", i);
        ck_assert_int_eq(lremovexattr(on, xattrs[i].name), 0);
        if (!xattrs[i].counts ||
            (context && !strcmp(xattrs[i].name, "security.capability"))) {
            ck_assert_msg(tenon_streq(seen[i].str, plain.str), "%s counts", xattrs[i].name);
            continue;
        }
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(!tenon_streq(seen[i].str, seen[k].str), "%zu is like %zu", i, k);
        ck_assert_msg(!tenon_streq(seen[i].str, plain.str), "%zu does not count", i);
    }
}
END_TEST

/* Whatever the order in which they came, and a file system lists them. */
START_TEST(test_digest_xattrs_have_an_order)
{
    static const char *const names[] = {"user.b", "user.a", "user.d", "user.c"};
    enum { NAMES = tenon_countof(names) };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d[2];
    for (int turned = 0; turned < 2; turned++) {
        auto_close int root = make(turned ? "two" : "one", LIST("f=1"));
        auto_close int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
        for (int i = 0; i < NAMES; i++) {
            const char *name = names[turned ? NAMES - 1 - i : i];
            if (fsetxattr(fd, name, name, strlen(name), 0) < 0) {
                unit_not_tried("order of extended attributes: /tmp has none");
                return;
            }
        }
        struct tenon_selector sel = {.path = "/"};
        ck_assert_int_eq(digest_of(root, NULL, &sel, true, false, &d[turned], &err), 0);
    }
    ck_assert_str_eq(d[0].str, d[1].str);
}
END_TEST

static const struct {
    struct tenon_selector sel;
    const char *message;
} missing[] = {
    {{.path = "gone"}, "\"/gone\": not found"},
    {{.path = "/d/gone"}, "\"/d/gone\": not found"},
    {{.path = "../gone"}, "\"/gone\": not found"},
    {{.path = "d/f/x"}, "\"/d/f/x\": not found"},
    {{.path = "out", .follow = true}, "\"/out\": not found"},
    {{.path = "ignored"}, "\"/ignored\": not found"},
    {{.path = "/", .required = LIST("d/f", "d/gone")}, "\"/d/gone\": not found"},
    {{.path = "/d", .required = LIST("gone")}, "\"/d/gone\": not found"},
    {{.path = "/d", .required = LIST("/d/f", "/gone")},
     "\"/gone\": not found"},
    {{.path = "/d", .required = LIST("/df")}, "\"/df\": not found"}, /* which is not /d/f */
    {{.path = "/d", .required = LIST("/")}, "\"/\": not found"}, /* shorter than the base */
    {{.path = "/", .required = LIST("/")}, "\"/\": not found"},
    {{.path = "/", .required = LIST("/d/l", "/l/f")}, "\"/l/f\": not found"}, /* l is a link */
    {{.path = "/", .required = LIST("/d/f"), .exclude = LIST("d/f")}, "\"/d/f\": not found"},
    {{.path = "/", .required = LIST("/d/f"), .exclude = LIST("d")}, "\"/d/f\": not found"},
    {{.path = "/", .required = LIST("/d"), .exclude = LIST("d", "!d/e")}, "\"/d\": not found"},
    {{.path = "/l", .follow = true, .required = LIST("/l/f"), .exclude = LIST("f")},
     "\"/l/f\": not found"},
};

/* And these are. */
static const struct tenon_selector found[] = {
    {.path = "/", .required = LIST("/d/f", "/l", "/d/l")},
    {.path = "/", .required = LIST("/d"), .exclude = LIST("d/f", "d/l")},
    {.path = "/", .required = LIST("/d"), .exclude = LIST("d", "!d/f")},
    {.path = "/", .required = LIST("/d/f"), .exclude = LIST("d", "!d/f")},
    {.path = "/l", .follow = true, .required = LIST("/l/f")},
    {.path = "/d", .required = LIST("f", "/d/l"), .exclude = LIST("g")},
};

START_TEST(test_digest_required_is_found)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root = make("r", LIST("d/f=1", "d/l>f", "l>d"));
    struct tenon_digest d;
    ck_assert_msg(digest_of(root, NULL, &found[_i], true, false, &d, &err) == 0, "%s",
                  err.message);
}
END_TEST

START_TEST(test_digest_missing_is_not_found)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root = make("r", LIST("d/f=1", "d/l>f", "l>d", "out>../elsewhere",
                                         "ignored=1"));
    struct tenon_digest d;
    ck_assert_int_eq(digest_of(root, LIST("ignored"), &missing[_i].sel, true,
                               false, &d, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, missing[_i].message);
}
END_TEST

/* Golden: what is in the store must stay valid. */
START_TEST(test_digest_golden)
{
    if (geteuid() != 0) {
        unit_not_tried("digests of trees with owners: needs root");
        return;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root =
        make("r", LIST("d/f=1", "d/l>f", "0700:3:4 d/e/", "d/p|"));
    struct tenon_selector sel = {.path = "d"};
    struct tenon_digest d;
    ck_assert_int_eq(digest_of(root, NULL, &sel, false, false, &d, &err), 0);
    ck_assert_str_eq(
        d.str,
        "sha256:0bfcd6e53c992b75321699b8ebfef312bd3dbd578f6d61b33eaf128b97df2389");
}
END_TEST

START_TEST(test_digest_cancelled)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int root = make("r", LIST("f=1"));
    struct tenon_view_options o = {.rootfd = root};
    struct tenon_view *v;
    ck_assert_int_eq(tenon_view_new(&o, &v, &err), 0);
    struct tenon_cancel *cancel = tenon_cancel_new(NULL);
    tenon_cancel_fire(cancel);
    struct tenon_selector sel = {.path = "/"};
    struct tenon_digest d;
    ck_assert_int_eq(tenon_view_digest(v, &sel, cancel, &d, &err),
                     TENON_E_CANCELLED);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_view_scan(v, 2, cancel, NULL, NULL, &err),
                     TENON_E_CANCELLED);
    tenon_view_free(v);
    tenon_cancel_free(cancel);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tree-digest");
    TCase *c = tcase_create("digest");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_digest_pair, 0, tenon_countof(pairs));
    tcase_add_test(c, test_digest_time_does_not_count);
    tcase_add_test(c, test_digest_context_root_and_owner_do_not_count);
    tcase_add_test(c, test_digest_of_many);
    tcase_add_test(c, test_digest_ignored_files_do_not_count);
    tcase_add_loop_test(c, test_digest_device, 0, tenon_countof(devices));
    tcase_add_loop_test(c, test_digest_every_xattr, 0, 2);
    tcase_add_test(c, test_digest_xattrs_have_an_order);
    tcase_add_loop_test(c, test_digest_required_is_found, 0, tenon_countof(found));
    tcase_add_loop_test(c, test_digest_missing_is_not_found, 0,
                        tenon_countof(missing));
    tcase_add_test(c, test_digest_golden);
    tcase_add_test(c, test_digest_cancelled);
    suite_add_tcase(s, c);
    return unit_run(s);
}

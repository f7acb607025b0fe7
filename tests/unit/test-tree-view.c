/* What a view shows: filters, followed paths, links, scans. */
#include "treekit.h"

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}

static char tmp[64];
static int top = -1, root = -1;

static void
setup(void)
{
    top = unit_tmpdir(tmp);
    ck_assert_int_eq(mkdirat(top, "ctx", 0755), 0);
    root = openat(top, "ctx", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unit_write(top, "secret", "outside");
}

static void
teardown(void)
{
    close(root);
    unit_tmpdir_remove(top, tmp);
}

static struct tenon_view *
view(const char *const *include, const char *const *exclude,
     const char *const *follow)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_view_options o = {.rootfd = root,
                                   .owner_root = true,
                                   .include = include,
                                   .exclude = exclude,
                                   .follow = follow};
    struct tenon_view *v;
    ck_assert_msg(tenon_view_new(&o, &v, &err) == 0, "%s", err.message);
    return v;
}

static const struct {
    const char *what;
    const char *const *tree, *const *include, *const *exclude, *const *follow;
    const char *shown;
} shows[] = {
    {"everything", LIST("a=1", "d/e=2", "l>a"), NULL, NULL, NULL,
     "a=1\nd/\nd/e=2\nl>a\n"},
    {"exclude a directory", LIST("a=1", "d/e=2", "d/f/g=3"), NULL, LIST("d"),
     NULL, "a=1\n"},
    {"exclude what is in it", LIST("a=1", "d/e=2"), NULL, LIST("d/*"), NULL,
     "a=1\nd/\n"},
    {"an exception below", LIST("d/e=2", "d/f/g=3", "x=1"), NULL,
     LIST("d", "!d/f/g"), NULL, "d/\nd/f/\nd/f/g=3\nx=1\n"},
    {"an exception that matches nothing shows no parents",
     LIST("d/e=2", "d/f/g=3", "x=1"), NULL, LIST("d", "!d/f/nope"), NULL,
     "x=1\n"},
    {"everything but", LIST("a=1", "src/x=2", "src/y.log=3", "docs/z=4"), NULL,
     LIST("*", "!src", "**/*.log"), NULL, "src/\nsrc/x=2\n"},
    {"include", LIST("a=1", "d/e=2", "d/f=3"), LIST("d/e"), NULL, NULL,
     "d/\nd/e=2\n"},
    {"include with a wildcard", LIST("a.c=1", "d/b.c=2", "e/f=3"),
     LIST("**/*.c"), NULL, NULL, "a.c=1\nd/\nd/b.c=2\n"},
    {"include and exclude", LIST("d/e=2", "d/f=3"), LIST("d"), LIST("d/f"),
     NULL, "d/\nd/e=2\n"},
    {"follow a file", LIST("a=1", "b=2"), NULL, NULL, LIST("a"), "a=1\n"},
    {"follow a link", LIST("l>d/f", "d/f=1", "d/g=2"), NULL, NULL, LIST("l"),
     "d/\nd/f=1\nl>d/f\n"},
    {"follow a link on the way", LIST("l>d", "d/f=1", "d/g=2"), NULL, NULL,
     LIST("l/f"), "d/\nd/f=1\nl>d\n"},
    {"follow a link in a directory", LIST("d/l>f", "d/f=1", "f=2"), NULL, NULL, LIST("d/l"),
     "d/\nd/f=1\nd/l>f\n"},
    {"follow a link upwards", LIST("d/l>../f", "d/f=1", "f=2"), NULL, NULL, LIST("d/l"),
     "d/\nd/l>../f\nf=2\n"},
    {"follow an absolute link", LIST("d/l>/f", "d/f=1", "f=2"), NULL, NULL, LIST("d/l"),
     "d/\nd/l>/f\nf=2\n"},
    {"follow a wildcard in a directory", LIST("d/l1>f", "d/l2>g", "d/f=1", "d/g=2", "f=3"), NULL,
     NULL, LIST("d/l*"), "d/\nd/f=1\nd/g=2\nd/l1>f\nd/l2>g\n"},
    {"follow a link to a link", LIST("a>d/b", "d/b>c", "d/c=1", "c=2"), NULL, NULL, LIST("a"),
     "a>d/b\nd/\nd/b>c\nd/c=1\n"},
    {"follow a wildcard", LIST("a1=1", "a2>t", "t=3", "u=4"), NULL, NULL,
     LIST("a*"), "a1=1\na2>t\nt=3\n"},
    {"follow the root", LIST("a=1", "b=2"), NULL, NULL, LIST("a", "."),
     "a=1\nb=2\n"},
    {"follow in circles", LIST("a>b", "b>a", "c=1"), NULL, NULL, LIST("a"),
     "a>b\nb>a\n"},
    {"follow out of the root", LIST("a>../../secret", "secret=in"), NULL, NULL,
     LIST("a"), "a>../../secret\nsecret=in\n"},
    {"follow what is missing", LIST("a=1"), NULL, NULL, LIST("no/such"), ""},
    {"an excluded link target", LIST("l>x", "x=1"), NULL, LIST("x"), LIST("l"),
     "l>x\n"},
    {"owners are root's", LIST("0600:5:6 f=1"), NULL, NULL, NULL, "f=1 0600\n"},
    {"a socket is an empty file", LIST("s&"), NULL, NULL, NULL, "s=\n"},
};

START_TEST(test_view_filter_shows)
{
    if (geteuid() != 0)
        return; /* it sets owners */
    tree_make(root, shows[_i].tree);
    for (int scan = 0; scan < 2; scan++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_view *v =
            view(shows[_i].include, shows[_i].exclude, shows[_i].follow);
        if (scan)
            ck_assert_msg(tenon_view_scan(v, 3, NULL, NULL, NULL, &err) == 0,
                          "%s", err.message);
        auto_free char *got = view_show(v);
        ck_assert_msg(strcmp(got, shows[_i].shown) == 0, "%s:\n%s",
                      shows[_i].what, got);
        tenon_view_free(v);
    }
}
END_TEST

START_TEST(test_view_bad_pattern_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_view_options o = {.rootfd = root, .exclude = LIST("a[")};
    struct tenon_view *v;
    ck_assert_int_eq(tenon_view_new(&o, &v, &err), TENON_E_INVALID);
}
END_TEST

static const struct {
    const char *path;
    bool follow;
    const char *found; /* NULL: not found */
} lookups[] = {
    {"", true, ""},
    {"/", false, ""},
    {"d/f", false, "d/f"},
    {"/d/../d/./f", false, "d/f"},
    {"../d/f", false, "d/f"},
    {"link", false, "link"},
    {"link", true, "d"},
    {"link/f", false, "d/f"},
    {"abs/f", false, "d/f"},
    {"e/abs", true, "secret"},
    {"e/near", true, "e/f"},
    {"e/up", true, "secret"},
    {"e/abs", false, "e/abs"},
    {"e/up/../f", true, "e/f"}, /* arithmetic, as in Go's path.Join */
    {"out/f", true, NULL},
    {"out", true, "secret"},
    {"far", true, "secret"},
    {"hidden-link", false, "hidden-link"},
    {"hidden-link", true, NULL},
    {"hidden", false, NULL},
    {"d/f/g", false, NULL},
    {"d/no", false, NULL},
    {"loop", false, "loop"},
};

START_TEST(test_view_lookup_stays_inside)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(root, LIST("d/f=1", "link>d", "abs>/d", "out>../secret",
                         "far>/../../../secret", "secret=in", "hidden=x",
                         "e/f=1", "e/abs>/secret", "e/near>f", "e/up>../secret",
                         "hidden-link>hidden", "loop>loop"));
    struct tenon_view *v = view(NULL, LIST("hidden"), NULL);
    struct tenon_entry *e;
    int ret =
        tenon_view_lookup(v, lookups[_i].path, lookups[_i].follow, &e, &err);
    if (lookups[_i].found) {
        ck_assert_msg(ret == 0, "%s", err.message);
        auto_buf struct tenon_buf path = TENON_BUF_INIT;
        tenon_entry_path(e, &path);
        ck_assert_str_eq(tenon_buf_str(&path), lookups[_i].found);
    } else {
        ck_assert_int_eq(ret, TENON_E_NOT_FOUND);
        ck_assert_msg(strstr(err.message, "\": not found"), "%s", err.message);
    }
    tenon_view_free(v);
}
END_TEST

START_TEST(test_view_lookup_loop_is_an_error)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(root, LIST("a>b", "b>a"));
    struct tenon_view *v = view(NULL, NULL, NULL);
    struct tenon_entry *e;
    ck_assert_int_eq(tenon_view_lookup(v, "a", true, &e, &err),
                     TENON_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "too many links"));
    tenon_view_free(v);
}
END_TEST

START_TEST(test_view_visible)
{
    tree_make(root, LIST("d/f=1", "x=1", "l>x", "m>d/f", "n>nowhere"));
    struct tenon_view *v = view(NULL, LIST("x"), NULL);
    ck_assert(tenon_view_visible(v, "d/f"));
    ck_assert(tenon_view_visible(v, "/"));
    ck_assert(!tenon_view_visible(v, "x"));
    ck_assert(!tenon_view_visible(v, "l"));
    ck_assert(tenon_view_visible(v, "m"));
    ck_assert(tenon_view_visible(v, "n"));
    ck_assert(!tenon_view_visible(v, "none"));
    tenon_view_free(v);
}
END_TEST

/* What is ignored is not looked into: a directory nobody may read. */
START_TEST(test_view_excluded_directory_is_not_read)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(root, LIST("node_modules/a=1", "f=2"));
    struct tenon_view *v = view(NULL, LIST("node_modules", "!src/x"), NULL);
    ck_assert_int_eq(tenon_view_scan(v, 1, NULL, NULL, NULL, &err), 0);
    ck_assert_uint_eq(v->top.kid_count, 1);
    tenon_view_free(v);
}
END_TEST

static void
count_bytes(void *data, int64_t bytes)
{
    *(int64_t *)data = bytes;
}

START_TEST(test_view_scan_hashes_all)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t bytes = 0;
    for (int i = 0; i < 300; i++) {
        auto_free char *spec = tenon_asprintf("d%d/e/f%d=%d", i % 17, i, i);
        tree_add(root, spec);
    }
    struct tenon_view *v = view(NULL, NULL, NULL);
    ck_assert_int_eq(tenon_view_scan(v, 4, NULL, count_bytes, &bytes, &err), 0);
    ck_assert_int_eq(bytes, 10 + 2 * 90 + 3 * 200);
    struct tenon_entry *e;
    ck_assert_int_eq(tenon_view_lookup(v, "d1/e/f1", false, &e, &err), 0);
    ck_assert(tenon_view_body_known(v, e));
    struct tenon_digest want;
    tenon_digest_of("1", 1, &want);
    ck_assert_str_eq(e->body->str, want.str);
    tenon_view_free(v);
}
END_TEST

static void
take_the_others_away(void *data, int64_t bytes)
{
    (void)data, (void)bytes;
    for (int i = 0; i < 3; i++) {
        auto_free char *name = tenon_asprintf("f%d", i);
        unlinkat(root, name, 0);
    }
}

/* Files that go after they were seen, and before they are read: nobody has asked for them. */
START_TEST(test_view_scan_does_without_what_has_gone)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(root, LIST("f0=1", "f1=2", "f2=3"));
    struct tenon_view *v = view(NULL, NULL, NULL);
    ck_assert_msg(tenon_view_scan(v, 1, NULL, take_the_others_away, NULL, &err) == 0, "%s",
                  err.message);
    unsigned known = 0;
    for (size_t i = 0; i < v->top.kid_count; i++)
        known += v->top.kids[i].body != NULL;
    ck_assert_uint_eq(known, 1);
    tenon_view_free(v);
}
END_TEST

/* A scan that finds this in d/f; how much it read. */
static int64_t
scan_of(struct tenon_store *store, const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *path = tenon_asprintf("%s/ctx", tmp);
    struct tenon_view_options o = {.rootfd = root,
                                   .root_path = path,
                                   .owner_root = true,
                                   .store = store};
    struct tenon_view *v;
    int64_t bytes = 0;
    ck_assert_int_eq(tenon_view_new(&o, &v, &err), 0);
    ck_assert_msg(tenon_view_scan(v, 2, NULL, count_bytes, &bytes, &err) == 0,
                  "%s", err.message);
    struct tenon_entry *e;
    ck_assert_int_eq(tenon_view_lookup(v, "d/f", false, &e, &err), 0);
    struct tenon_digest want;
    tenon_digest_of(text, strlen(text), &want);
    ck_assert_str_eq(e->body->str, want.str);
    tenon_view_free(v);
    return bytes;
}

static int64_t
scan_with(struct tenon_store *store)
{
    return scan_of(store, "12345");
}

START_TEST(test_view_scan_uses_the_stat_cache)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *path = tenon_asprintf("%s/store", tmp);
    struct tenon_store *store;
    const uint64_t young_until = tenon_now_ns() + UINT64_C(1500000000);
    tree_make(root, LIST("d/f=12345", "g=678"));
    ck_assert_msg(tenon_store_open(path, &store, &err) == 0, "%s", err.message);
    ck_assert_int_eq(scan_with(store), 8);
    /* too young to be trusted, unless this took long */
    const int64_t again = scan_with(store);
    ck_assert(again == 8 || tenon_now_ns() > young_until);
    sleep(3);
    ck_assert_int_eq(scan_with(store), 8);
    ck_assert_int_eq(scan_with(store), 0);
    unit_write(root, "g", "9999");
    ck_assert_int_eq(scan_with(store), 4);
    /* other bytes of the same length and the time of before: the change of the
     * inode tells */
    struct stat st;
    ck_assert_int_eq(fstatat(root, "d/f", &st, 0), 0);
    unit_write(root, "d/f", "12344");
    ck_assert_int_eq(utimensat(root, "d/f", (const struct timespec[]){ st.st_atim, st.st_mtim },
                               0), 0);
    ck_assert_int_eq(scan_of(store, "12344"), 9); /* g is still young */
    tenon_store_close(store);
}
END_TEST

/* What took the place of a file since it was listed is not waited for. */
START_TEST(test_view_open_is_of_what_was_seen)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(root, LIST("d/f=1", "d/g=2"));
    struct tenon_view *v = view(NULL, NULL, NULL);
    struct tenon_entry *f, *g;
    ck_assert_int_eq(tenon_view_lookup(v, "d/f", false, &f, &err), 0);
    ck_assert_int_eq(tenon_view_lookup(v, "d/g", false, &g, &err), 0);
    auto_close int good = tenon_view_open(v, f, -1, &err);
    ck_assert_int_ge(good, 0);
    ck_assert_int_eq(unlinkat(root, "d/f", 0), 0);
    ck_assert_int_eq(mkfifoat(root, "d/f", 0644), 0);
    ck_assert_int_eq(unlinkat(root, "d/g", 0), 0);
    ck_assert_int_eq(symlinkat("f", root, "d/g"), 0);
    auto_close int dir = openat(root, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int by_dir = 0; by_dir < 2; by_dir++) {
        ck_assert_int_eq(tenon_view_open(v, f, by_dir ? dir : -1, &err), TENON_E_UNAVAILABLE);
        ck_assert_str_eq(err.message, "\"/d/f\": is no longer a regular file");
        tenon_error_release(&err);
        ck_assert_int_lt(tenon_view_open(v, g, by_dir ? dir : -1, &err), 0); /* no link either */
        tenon_error_release(&err);
    }
    tenon_view_free(v);
}
END_TEST

static const struct {
    const char *pattern, *found, *missing;
} globs[] = {
    {"*.c", "/a.c /b.c ", NULL},
    {"d*", "/d1 /d2 ", NULL},
    {"d*/", "/d1 /d2 ", NULL},
    {"*/x", "/d1/x ", NULL}, /* not through l */
    {"d[1-1]/*", "/d1/x /d1/y ", NULL},
    {"l/*", "/d1/x /d1/y ", NULL},
    {"no*", "", NULL},
    {"no*/x", "", NULL},
    {"d1/no*/x", "", NULL},
    {"a.c/*", "", NULL},
    {"d1/x", "/d1/x ", NULL},
    {"?.c", "/a.c /b.c ", NULL},
    {"[", "", NULL},
    {"no/*", NULL, "lstat /no: no such file or directory"},
    {"d1/no/a/[b]/*", NULL, "lstat /d1/no/a: no such file or directory"},
    {"nil/*", NULL, "lstat /nil: no such file or directory"},
};

START_TEST(test_view_glob)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tree_make(root, LIST("a.c=1", "b.c=1", "d1/x=1", "d1/y=1", "d2/z=1",
                         "l>d1", "nil>nowhere"));
    struct tenon_view *v = view(NULL, NULL, NULL);
    auto_matches struct tenon_matches m = {0};
    int ret = tenon_view_glob(v, globs[_i].pattern, true, &m, &err);
    if (globs[_i].missing) {
        ck_assert_int_eq(ret, TENON_E_NOT_FOUND);
        ck_assert_str_eq(err.message, globs[_i].missing);
        ck_assert_uint_eq(m.list.len, 0);
        tenon_view_free(v);
        return;
    }
    ck_assert_int_eq(ret, 0);
    auto_buf struct tenon_buf got = TENON_BUF_INIT;
    tenon_vec_foreach(one, &m.list)
    {
        tenon_buf_addf(&got, "%s ", one->path);
    }
    ck_assert_str_eq(tenon_buf_str(&got), globs[_i].found);
    tenon_view_free(v);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tree-view");
    TCase *c = tcase_create("view");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_view_filter_shows, 0, tenon_countof(shows));
    tcase_add_test(c, test_view_bad_pattern_is_refused);
    tcase_add_loop_test(c, test_view_lookup_stays_inside, 0,
                        tenon_countof(lookups));
    tcase_add_test(c, test_view_lookup_loop_is_an_error);
    tcase_add_test(c, test_view_visible);
    tcase_add_test(c, test_view_excluded_directory_is_not_read);
    tcase_add_test(c, test_view_scan_hashes_all);
    tcase_add_test(c, test_view_scan_does_without_what_has_gone);
    tcase_add_test(c, test_view_scan_uses_the_stat_cache);
    tcase_add_test(c, test_view_open_is_of_what_was_seen);
    tcase_add_loop_test(c, test_view_glob, 0, tenon_countof(globs));
    suite_add_tcase(s, c);
    return unit_run(s);
}

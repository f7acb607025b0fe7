/* In what trees of files and documents differ, in which words. */
#include "unit.h"

#include <sys/mman.h>

#include "compare/jsondiff.h"
#include "compare/treediff.h"
#include "image/tar.h"
#include "tools/parse.h"

static int
collect(void *data, const struct tenon_difference *d, struct tenon_error *err)
{
    (void)err;
    tenon_difference_text(d, data);
    tenon_buf_addc(data, '\n');
    return 0;
}

static int
put(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    return tenon_write_all(*(int *)data, buf, len, err);
}

/* "TYPE NAME MODE UID:GID MTIME [x:NAME=VALUE] [TEXT, LINK or MAJOR:MINOR]": a tar's entry. */
static void
add_entry(int fd, char *line)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_tar t = {put, &fd};
    char *word[7] = {0}, *at = NULL;
    size_t n = 0;
    for (char *w = strtok_r(line, " ", &at); w && n < 7; w = strtok_r(NULL, " ", &at))
        word[n++] = w;
    ck_assert_uint_ge(n, 5);
    uint64_t mode, uid, gid, mtime, major = 0, minor = 0;
    char *colon = strchr(word[3], ':');
    *colon = '\0';
    ck_assert(tenon_parse_u64(word[2], 8, &mode) && tenon_parse_u64(word[3], 10, &uid) &&
              tenon_parse_u64(colon + 1, 10, &gid) && tenon_parse_u64(word[4], 10, &mtime));
    const bool has_xattr = word[5] && tenon_has_prefix(word[5], "x:");
    char *rest = has_xattr ? word[6] : word[5];
    struct tenon_tar_entry e = {.type = word[0][0], .name = word[1], .mode = (uint32_t)mode,
                                .uid = (uint32_t)uid, .gid = (uint32_t)gid,
                                .mtime = (int64_t)mtime};
    if (strchr("12", e.type))
        e.link = rest;
    if (e.type == TENON_TAR_FILE)
        e.size = rest ? strlen(rest) : 0;
    if (strchr("34", e.type)) {
        colon = strchr(rest, ':');
        *colon = '\0';
        ck_assert(tenon_parse_u64(rest, 10, &major) && tenon_parse_u64(colon + 1, 10, &minor));
        e.major = (uint32_t)major;
        e.minor = (uint32_t)minor;
    }
    struct tenon_tar_xattr x;
    if (has_xattr) {
        char *equals = strchr(word[5], '=');
        *equals = '\0';
        x = (struct tenon_tar_xattr){word[5] + 2, equals + 1, strlen(equals + 1)};
        e.xattrs = &x;
        e.xattr_count = 1;
    }
    ck_assert_int_eq(tenon_tar_header(&t, &e, &err), 0);
    if (e.type == TENON_TAR_FILE && rest)
        ck_assert_int_eq(put(&fd, rest, e.size, &err), 0);
    if (e.type == TENON_TAR_FILE)
        ck_assert_int_eq(tenon_tar_pad(&t, e.size, &err), 0);
}

/* Lines of entries; "--" begins the next layer. */
static int
try_fill(struct tenon_filetree *t, const char *text, enum tenon_filetree_way way,
         struct tenon_error *e)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *copy = tenon_strdup(text);
    unsigned layer = 1;
    for (char *at = copy; at; layer++) {
        auto_close int fd = memfd_create("tar", MFD_CLOEXEC);
        struct tenon_tar tar = {put, &fd};
        char *next = NULL;
        while (*at && !next) {
            char *line = at;
            at += strcspn(at, "\n");
            if (*at)
                *at++ = '\0';
            if (!strcmp(line, "--"))
                next = at;
            else
                add_entry(fd, line);
        }
        at = next;
        ck_assert_int_eq(tenon_tar_end(&tar, &err), 0);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        if (tenon_filetree_add_tar(t, fd, NULL, way, layer, e) < 0)
            return e->code;
    }
    tenon_filetree_settle(t);
    return 0;
}

static void
fill(struct tenon_filetree *t, const char *text, enum tenon_filetree_way way)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_msg(try_fill(t, text, way, &err) == 0, "%s", err.message);
}

#define FILE_A "0 a 644 0:0 5 one\n"
/* Each leads to the top by the one before it, twice. */
#define LINKS "2 a 777 0:0 5 .\n2 b 777 0:0 5 a/a\n2 c 777 0:0 5 b/b\n2 d 777 0:0 5 c/c\n" \
              "2 e 777 0:0 5 d/d\n"
static const struct {
    enum tenon_filetree_way way;
    const char *a, *b, *said;
} trees[] = {
    /* One field a line. */
    { TENON_FILETREE_LAYER, FILE_A, FILE_A, "" },
    { TENON_FILETREE_LAYER, FILE_A, "0 a 644 0:0 5 two\n",
      "/a: content: 3 bytes, sha256:7692c3ad3540 -> 3 bytes, sha256:3fc4ccfe7458\n" },
    { TENON_FILETREE_LAYER, FILE_A, "0 a 755 0:0 5 one\n", "/a: mode: 0644 -> 0755\n" },
    { TENON_FILETREE_LAYER, FILE_A, "0 a 644 1:2 5 one\n", "/a: owner: 0:0 -> 1:2\n" },
    { TENON_FILETREE_LAYER, FILE_A, "0 a 644 0:0 6 one\n",
      "/a: time: 1970-01-01T00:00:05Z -> 1970-01-01T00:00:06Z\n" },
    { TENON_FILETREE_LAYER, FILE_A, "0 a 644 0:0 5 x:user.k=v one\n",
      "/a: xattr user.k: only in B: v\n" },
    { TENON_FILETREE_LAYER, "0 a 644 0:0 5 x:user.k=v\n", "0 a 644 0:0 5 x:user.k=w\n",
      "/a: xattr user.k: v -> w\n" },
    { TENON_FILETREE_LAYER, "2 l 777 0:0 5 a\n", "2 l 777 0:0 5 b\n", "/l: link: a -> b\n" },
    { TENON_FILETREE_LAYER, "3 n 600 0:0 5 1:2\n", "3 n 600 0:0 5 1:3\n",
      "/n: device: 1:2 -> 1:3\n" },
    { TENON_FILETREE_LAYER, FILE_A, "5 a/ 755 0:0 5\n", "/a: type: file -> directory\n" },
    /* What one side has alone: with all that is below it, said once. */
    { TENON_FILETREE_LAYER, FILE_A "5 d/ 755 0:0 5\n0 d/x 644 0:0 5 x\n", FILE_A,
      "/d: only in A: directory, 1 below it\n" },
    { TENON_FILETREE_LAYER, "0 d/e/x 644 0:0 5 x\n", "0 d/y 644 0:0 5 xy\n",
      "/d/e/x: only in A: file, 1 bytes\n/d/y: only in B: file, 2 bytes\n" },
    /* Hard links: whoever comes first in the archive, and a file that is one no more. */
    { TENON_FILETREE_LAYER, FILE_A "1 b 644 0:0 5 a\n", "0 b 644 0:0 5 one\n1 a 644 0:0 5 b\n", "" },
    { TENON_FILETREE_LAYER, FILE_A "1 b 644 0:0 5 a\n", FILE_A "0 b 644 0:0 5 one\n",
      "/b: link hard: only in A: /a\n" },
    /* What layers remove. */
    { TENON_FILETREE_LAYER, "0 .wh.a 0 0:0 0\n", "0 .wh.a 0 0:0 0\n", "" },
    { TENON_FILETREE_LAYER, "0 .wh.a 0 0:0 0\n", FILE_A, "/a: type: removed -> file\n" },
    { TENON_FILETREE_LAYER, "0 .wh.a 0 0:0 0\n", "", "/a: only in A: removed\n" },
    { TENON_FILETREE_LAYER, "5 d/ 755 0:0 5\n0 d/.wh..wh..opq 0 0:0 0\n", "5 d/ 755 0:0 5\n",
      "/d: only in A: what was in it is removed\n" },
    { TENON_FILETREE_ARCHIVE, "0 .wh.a 644 0:0 0\n", "", "/.wh.a: only in A: file, 0 bytes\n" },
    /* What they come to, however it was arrived at. */
    { TENON_FILETREE_APPLY, FILE_A "--\n0 b 644 0:0 5 two\n", "0 b 644 0:0 5 two\n" FILE_A, "" },
    { TENON_FILETREE_APPLY, FILE_A "0 b 644 0:0 5\n--\n0 .wh.b 0 0:0 0\n", FILE_A, "" },
    { TENON_FILETREE_APPLY, "0 d/x 644 0:0 5\n--\n0 d/.wh..wh..opq 0 0:0 0\n0 d/y 644 0:0 5\n",
      "0 d/y 644 0:0 5\n", "" },
    /* A layer's own files stay, whether the removal comes before or after them. */
    { TENON_FILETREE_APPLY, "0 d/x 644 0:0 5\n--\n0 d/y 644 0:0 5\n0 d/.wh..wh..opq 0 0:0 0\n",
      "0 d/y 644 0:0 5\n", "" },
    { TENON_FILETREE_APPLY, "5 d/ 755 0:0 5\n0 d/x 644 0:0 5\n--\n0 d 644 0:0 5 one\n",
      "0 d 644 0:0 5 one\n", "" },
    { TENON_FILETREE_APPLY, "2 lib 777 0:0 5 usr/lib\n5 usr/lib/ 755 0:0 5\n--\n0 lib/x 644 0:0 5\n",
      "2 lib 777 0:0 5 usr/lib\n5 usr/lib/ 755 0:0 5\n0 usr/lib/x 644 0:0 5\n", "" },
    /* A hard link outlives the name that it was made by. */
    { TENON_FILETREE_APPLY, FILE_A "1 b 644 0:0 5 a\n--\n0 .wh.a 0 0:0 0\n", "0 b 644 0:0 5 one\n", "" },
    { TENON_FILETREE_APPLY, "2 l 777 0:0 5 m\n2 m 777 0:0 5 d\n5 d/ 755 0:0 5\n--\n0 l/x 644 0:0 5\n",
      "2 l 777 0:0 5 m\n2 m 777 0:0 5 d\n5 d/ 755 0:0 5\n0 d/x 644 0:0 5\n", "" },
    /* One name follows 40 links in all: these are 31, and the next ones 63. */
    { TENON_FILETREE_APPLY, LINKS "--\n0 e/x 644 0:0 5\n", LINKS "0 x 644 0:0 5\n", "" },
    { TENON_FILETREE_APPLY, LINKS "2 f 777 0:0 5 e/e\n--\n0 f/x 644 0:0 5\n",
      LINKS "0 f/x 644 0:0 5\n", "" },
    /* Links that lead to themselves lead nowhere. */
    { TENON_FILETREE_APPLY, "2 l 777 0:0 5 l\n--\n0 l/x 644 0:0 5\n", "0 l/x 644 0:0 5\n", "" },
};

START_TEST(test_trees)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_filetree struct tenon_filetree a = TENON_FILETREE_INIT, b = TENON_FILETREE_INIT;
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    fill(&a, trees[_i].a, trees[_i].way);
    fill(&b, trees[_i].b, trees[_i].way);
    struct tenon_comparison c = {.report = collect, .data = &said};
    ck_assert_int_eq(tenon_treediff(&c, &a, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&said), trees[_i].said);
}
END_TEST

/* One name is many directories; a link on the way makes it longer than a name is. */
START_TEST(test_trees_have_limits)
{
    static const struct tenon_limits limits = {.value[TENON_LIMIT_ENTRIES] = 100};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf deep = TENON_BUF_INIT;
    for (int i = 0; i < 45; i++)
        tenon_buf_adds(&deep, "d/");
    auto_free char *one = tenon_asprintf("5 %s 755 0:0 5\n0 %sx 644 0:0 5\n5 e/%s 755 0:0 5\n",
                                         deep.data, deep.data, deep.data);
    auto_filetree struct tenon_filetree a = TENON_FILETREE_INIT, b = TENON_FILETREE_INIT;
    a.limits = b.limits = &limits;
    fill(&a, one, TENON_FILETREE_LAYER); /* 45 + 1 + 46 */
    auto_free char *two = tenon_asprintf("%s5 f/%s 755 0:0 5\n", one, deep.data);
    ck_assert_int_eq(try_fill(&b, two, TENON_FILETREE_LAYER, &err), TENON_E_LIMIT);
    ck_assert_msg(strstr(err.message, "101") != NULL, "%s", err.message);
}
END_TEST

START_TEST(test_trees_are_not_deeper_than_walks_can_be)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    enum { LINKED = 25, EACH = 90 };
    auto_buf struct tenon_buf deep = TENON_BUF_INIT;
    for (int i = 0; i < EACH; i++)
        tenon_buf_adds(&deep, "d/");
    tenon_buf_addf(&text, "5 %s 755 0:0 5\n2 0 777 0:0 5 %s\n", deep.data, deep.data);
    for (int i = 1; i < LINKED; i++)
        tenon_buf_addf(&text, "5 %d/%s 755 0:0 5\n2 %d 777 0:0 5 %d/%s\n", i - 1, deep.data, i,
                       i - 1, deep.data);
    auto_filetree struct tenon_filetree t = TENON_FILETREE_INIT;
    ck_assert_int_eq(try_fill(&t, text.data, TENON_FILETREE_LAYER, &err), TENON_E_LIMIT);
    ck_assert_str_eq(err.message, "directories are nested too deep");
}
END_TEST

START_TEST(test_what_is_ignored_is_seen_and_not_reported)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_filetree struct tenon_filetree a = TENON_FILETREE_INIT, b = TENON_FILETREE_INIT;
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    fill(&a, "0 a 600 0:0 5\n0 b 600 0:0 5\n", TENON_FILETREE_LAYER);
    fill(&b, "0 a 644 0:0 6\n0 b 600 0:0 5\n", TENON_FILETREE_LAYER);
    struct tenon_comparison c = {.report = collect, .data = &said,
                                 .ignored = TENON_WORD_BIT(TENON_WORD_TIME)};
    ck_assert_int_eq(tenon_treediff(&c, &a, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&said), "/a: mode: 0600 -> 0644\n");
    ck_assert_uint_eq(c.found, 1);
    ck_assert_uint_eq(c.seen, 2);
}
END_TEST

/* A directory, and an archive of whole seconds that says the same. */
START_TEST(test_directory_and_archive)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char path[64];
    auto_close int dir = unit_tmpdir(path);
    ck_assert_int_eq(tenon_write_file_at(dir, "a", "one", 3, 0644, false, &err), 0);
    ck_assert_int_eq(mkdirat(dir, "d", 0755), 0);
    ck_assert_int_eq(symlinkat("../a", dir, "d/l"), 0);
    ck_assert_int_eq(linkat(dir, "a", dir, "d/h", 0), 0);
    const struct timespec t[2] = {{1000, 500}, {1000, 500}};
    static const char *const names[] = { "a", "d/l", "d" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        ck_assert_int_eq(utimensat(dir, names[i], t, AT_SYMLINK_NOFOLLOW), 0);
    auto_free char *text = tenon_asprintf(
        "0 a 644 %u:%u 1000 one\n5 d/ 755 %u:%u 1000\n1 d/h 644 %u:%u 1000 a\n"
        "2 d/l 777 %u:%u 1000 ../a\n",
        geteuid(), getegid(), geteuid(), getegid(), geteuid(), getegid(), geteuid(), getegid());
    for (int changed = 0; changed < 2; changed++) {
        auto_filetree struct tenon_filetree a = TENON_FILETREE_INIT, b = TENON_FILETREE_INIT;
        auto_buf struct tenon_buf said = TENON_BUF_INIT;
        fill(&b, text, TENON_FILETREE_ARCHIVE);
        ck_assert_int_eq(tenon_filetree_add_dir(&a, dir, &err), 0);
        tenon_filetree_settle(&a);
        struct tenon_comparison c = {.report = collect, .data = &said};
        ck_assert_int_eq(tenon_treediff(&c, &a, &b, &err), 0);
        ck_assert_str_eq(tenon_buf_str(&said), changed ? "/d: mode: 0700 -> 0755\n" : "");
        ck_assert_int_eq(fchmodat(dir, "d", 0700, 0), 0);
    }
    unit_tmpdir_remove(dir, path);
    dir = -1;
}
END_TEST

static const struct {
    const char *a, *b, *said;
} documents[] = {
    { "{\"a\":1}", "{\"a\":1}", "" },
    { "{\"a\":1}", "{\"a\":2}", "config a: 1 -> 2\n" },
    { "{\"a\":1}", "{\"b\":\"x\"}", "config a: only in A: 1\nconfig b: only in B: \"x\"\n" },
    { "{\"a\":{\"b\":[1,2]}}", "{\"a\":{\"b\":[1,3,4]}}",
      "config a.b[1]: 2 -> 3\nconfig a.b[2]: only in B: 4\n" },
    { "{\"a\":[]}", "{\"a\":{}}", "config a: [] -> {}\n" },
    /* By the names of variables; where they are the same, by their places. */
    { "{\"Env\":[\"A=1\",\"B=2\"]}", "{\"Env\":[\"N=0\",\"A=1\",\"B=3\"]}",
      "config Env.B: \"2\" -> \"3\"\nconfig Env.N: only in B: \"0\"\n" },
    { "{\"Env\":[\"A=1\",\"B=2\"]}", "{\"Env\":[\"B=2\",\"A=1\"]}",
      "config Env[0]: \"A=1\" -> \"B=2\"\nconfig Env[1]: \"B=2\" -> \"A=1\"\n" },
    { "{\"Env\":[\"A=1\",\"A=2\"]}", "{\"Env\":[\"A=1\",\"A=3\"]}",
      "config Env[1]: \"A=2\" -> \"A=3\"\n" },
    { "{\"created\":\"x\",\"skipped\":1}", "{\"created\":\"y\",\"skipped\":2}",
      "time config created: \"x\" -> \"y\"\n" },
};

START_TEST(test_documents)
{
    static const char *const skip[] = { "skipped", NULL };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_json struct json_object *a = json_tokener_parse(documents[_i].a);
    auto_json struct json_object *b = json_tokener_parse(documents[_i].b);
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    struct tenon_comparison c = {.report = collect, .data = &said};
    ck_assert_int_eq(tenon_jsondiff(&c, TENON_WORD_CONFIG, "", a, b, skip, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&said), documents[_i].said);
}
END_TEST

/* A step of many lines, and whoever wants to know no more. */
START_TEST(test_texts)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_difference d = {.word = TENON_WORD_MODE, .platform = "linux/arm64", .layer = 2,
                                 .step = "RUN <<E\nmake\nE", .path = "/x", .a = "0644", .b = "0600"};
    tenon_difference_text(&d, &text);
    ck_assert_str_eq(tenon_buf_str(&text),
                     "linux/arm64: layer 2 (RUN <<E...): /x: mode: 0644 -> 0600");
}
END_TEST

static int
first(void *data, const struct tenon_difference *d, struct tenon_error *err)
{
    collect(data, d, err);
    return 1;
}

START_TEST(test_a_report_that_has_enough_ends_it)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_filetree struct tenon_filetree a = TENON_FILETREE_INIT, b = TENON_FILETREE_INIT;
    auto_buf struct tenon_buf said = TENON_BUF_INIT;
    fill(&a, "0 a 600 0:0 5\n0 b 600 0:0 5\n", TENON_FILETREE_LAYER);
    fill(&b, "0 a 644 0:0 6\n0 b 644 0:0 5\n", TENON_FILETREE_LAYER);
    struct tenon_comparison c = {.report = first, .data = &said};
    ck_assert_int_eq(tenon_treediff(&c, &a, &b, &err), 1);
    ck_assert_str_eq(tenon_buf_str(&said), "/a: mode: 0600 -> 0644\n");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("compare");
    TCase *c = tcase_create("compare");
    tcase_add_loop_test(c, test_trees, 0, (int)tenon_countof(trees));
    tcase_add_loop_test(c, test_documents, 0, (int)tenon_countof(documents));
    tcase_add_test(c, test_trees_have_limits);
    tcase_add_test(c, test_trees_are_not_deeper_than_walks_can_be);
    tcase_add_test(c, test_what_is_ignored_is_seen_and_not_reported);
    tcase_add_test(c, test_directory_and_archive);
    tcase_add_test(c, test_texts);
    tcase_add_test(c, test_a_report_that_has_enough_ends_it);
    suite_add_tcase(s, c);
    return unit_run(s);
}

/* Entries of archives that repeat, contradict or cut short what others say: what comes
 * of them with ADD, and as a layer.  What is not docker's and containerd's own archive
 * code's result says so. */
#include "layerkit.h"

#include <zlib.h>

struct entry {
    char type; /* of the header; 0 ends the list */
    const char *name, *link;
    uint32_t mode, uid;
    int64_t mtime;
    const char *text;
};

#define FILE(n, t) {'0', n, "", 0644, 0, 1500000000, t}
#define TOP(n) {'5', n, "", 0700, 33, 1400000000, NULL}

static const struct {
    const char *what;
    struct entry entries[5];
    /* "NAME MODE UID MTIME" of what is asked; NULL: it fails */
    const char *ask, *add, *layer;
} cases[] = {
    {"the top as tar writes it", {TOP("./"), FILE("./f", "1")}, ".", "755 7 now", "755 0 now"},
    {"the top in other words", {TOP("a/.."), FILE("f", "1")}, ".", "755 7 now", "755 0 now"},
    {"the top as a root", {TOP("/"), FILE("f", "1")}, ".", "700 33 1400000000", "755 0 now"},
    {"above the top", {TOP(".."), FILE("f", "1")}, ".", "700 33 1400000000", "755 0 now"},
    {"a hard link has the last word",
     {FILE("f", "1"), {'1', "h", "f", 0750, 5, 1400000000, NULL}},
     "f", "750 5 1400000000", "750 5 1400000000"},
    {"a hard link that is there",
     {FILE("f", "1"), {'1', "h", "f", 0750, 5, 1400000000, NULL},
      {'1', "h", "f", 0711, 6, 1300000000, NULL}},
     "f", "711 6 1300000000", "711 6 1300000000"},
    {"a hard link to a link: ADD leaves its time",
     {{'2', "l", "x", 0777, 1, 1500000000, NULL}, {'1', "h", "l", 0700, 5, 1400000000, NULL}},
     "l", "777 5 1500000000", "777 5 1400000000"},
    {"set-id bits of a hard link",
     {FILE("f", "1"), {'1', "h", "f", 06755, 5, 1400000000, NULL}},
     "f", "6755 5 1400000000", "6755 5 1400000000"},
    {"a directory twice",
     {{'5', "d/", "", 0700, 0, 1500000000, NULL}, FILE("d/f", "1"),
      {'5', "d/", "", 0711, 4, 1400000000, NULL}},
     "d", "711 4 1400000000", "711 4 1400000000"},
    {"a directory after what is in it",
     {FILE("a/b/f", "1"), {'5', "a", "", 0700, 5, 1400000000, NULL}},
     "a", "700 5 1400000000", "700 5 1400000000"},
    {"nobody's directory", {FILE("a/b/f", "1")}, "a/b", "755 0 now", "755 0 now"},
    {"nobody's directory of a directory",
     {{'5', "a/b", "", 0700, 5, 1400000000, NULL}}, "a", "755 0 now", "755 0 now"},
    {"before 1970", {{'0', "f", "", 0644, 0, -5, "1"}}, "f", "644 0 0", "644 0 0"},
    {"after 2262", {{'0', "f", "", 0644, 0, INT64_C(9223372037), "1"}}, "f", "644 0 0", "644 0 0"},
    {"at the end of 2262's first months", {{'0', "f", "", 0644, 0, INT64_C(9223372036), "1"}}, "f",
     "644 0 9223372036", "644 0 9223372036"},
    {"before 1970, a directory", {{'5', "d", "", 0755, 0, -5, NULL}}, "d", "755 0 0", "755 0 0"},
    {"a hard link to what comes later",
     {{'1', "h", "f", 0644, 0, 0, NULL}, FILE("f", "1")}, "f", NULL, NULL},
    {"below a file", {FILE("f", "1"), FILE("f/g", "2")}, "f", NULL, NULL},
};

static void
write_entries(struct tenon_buf *out, const struct entry *e)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_tar t = {kit_tar_write, out};
    for (; e->type; e++) {
        struct tenon_tar_entry h = {.type = e->type, .name = e->name, .link = e->link,
                                    .mode = e->mode, .uid = e->uid, .mtime = e->mtime,
                                    .size = e->text ? strlen(e->text) : 0};
        ck_assert_int_eq(tenon_tar_header(&t, &h, &err), 0);
        if (h.size) {
            tenon_buf_add(out, e->text, h.size);
            ck_assert_int_eq(tenon_tar_pad(&t, h.size, &err), 0);
        }
    }
    ck_assert_int_eq(tenon_tar_end(&t, &err), 0);
}

static char *
state_of(int root, const char *name)
{
    struct stat st;
    ck_assert_int_eq(fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    char time[32] = "now";
    if (st.st_mtime < 1600000000 || st.st_mtime > 9000000000)
        snprintf(time, sizeof time, "%lld", (long long)st.st_mtime);
    return tenon_asprintf("%o %u %s", st.st_mode & 07777, st.st_uid, time);
}

START_TEST(test_entries_add)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    write_entries(&tar, cases[_i].entries);
    auto_close int fd = kit_fd(tar.data, tar.len);
    /* a destination that is there, and somebody's */
    ck_assert_int_eq(mkdirat(k.dirfd, "to", 0755), 0);
    ck_assert_int_eq(fchownat(k.dirfd, "to", 7, 0, 0), 0);
    int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, &err);
    if (cases[_i].add) {
        ck_assert_msg(ret == 1, "%s", err.message);
        auto_close int to = openat(k.dirfd, "to", O_PATH | O_CLOEXEC);
        auto_free char *got = state_of(to, cases[_i].ask);
        ck_assert_msg(!strcmp(got, cases[_i].add), "%s: %s", cases[_i].what, got);
    } else {
        ck_assert_int_lt(ret, 0);
    }
    kit_close(&k);
}
END_TEST

START_TEST(test_entries_layer)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    write_entries(&tar, cases[_i].entries);
    auto_close int fd = kit_fd(tar.data, tar.len);
    int64_t id;
    int ret = tenon_layer_unpack(k.store, fd, NULL, NULL, NULL, &id, &err);
    if (cases[_i].layer) {
        ck_assert_msg(ret == 0, "%s", err.message);
        auto_close int fs = tenon_snapshot_open(k.store, id, &err);
        auto_free char *got = state_of(fs, cases[_i].ask);
        ck_assert_msg(!strcmp(got, cases[_i].layer), "%s: %s", cases[_i].what, got);
    } else {
        ck_assert_int_lt(ret, 0);
    }
    kit_close(&k);
}
END_TEST

static void
gzip(struct tenon_buf *out, const struct tenon_buf *in)
{
    z_stream z = {.next_in = (unsigned char *)in->data, .avail_in = (uInt)in->len};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    unsigned char chunk[8192];
    z.next_out = chunk;
    z.avail_out = sizeof chunk;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    tenon_buf_add(out, chunk, sizeof chunk - z.avail_out);
    deflateEnd(&z);
}

/* Cut off anywhere behind its first header a packed archive is none that passes for a
 * file, and none that succeeds. */
START_TEST(test_entries_cut)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char noise[2000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof noise - 1; i++)
        noise[i] = (char)('!' + (x = x * 1103515245 + 12345) / 65536 % 90);
    noise[sizeof noise - 1] = '\0';
    const struct entry list[] = {FILE("a", noise), FILE("b", noise), {0}};
    auto_buf struct tenon_buf tar = TENON_BUF_INIT, packed = TENON_BUF_INIT;
    write_entries(&tar, list);
    gzip(&packed, &tar);
    unsigned tried = 0;
    for (size_t len = 600; len + 40 < packed.len; len += 97, tried++) {
        auto_close int fd = kit_fd(packed.data, len);
        int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, &err);
        ck_assert_msg(ret < 0, "%zu of %zu bytes: %d", len, packed.len, ret);
        tenon_error_release(&err);
    }
    ck_assert_uint_gt(tried, 10);
    for (size_t len = 700; len + 1024 < tar.len; len += 97) {
        if (len == 512 + 2048)
            continue; /* between two entries: as tar, an archive without an end */
        auto_close int fd = kit_fd(tar.data, len);
        int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, &err);
        ck_assert_msg(ret < 0, "%zu of %zu bytes: %d", len, tar.len, ret);
        tenon_error_release(&err);
    }
    /* what is no archive inside stays a file, cut or not */
    tenon_buf_clear(&packed);
    tenon_buf_clear(&tar);
    tenon_buf_add(&tar, noise, sizeof noise);
    gzip(&packed, &tar);
    auto_close int text = kit_fd(packed.data, packed.len / 2);
    ck_assert_int_eq(tenon_archive_unpack(text, k.dirfd, "no", -1, -1, NULL, &err), 0);
    kit_close(&k);
}
END_TEST

/* A second header that is none: nothing is guessed from what comes behind it. */
START_TEST(test_entries_damaged_header)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT;
    const struct entry list[] = {FILE("a", "1"), FILE("b", "2"), FILE("c", "3"), {0}};
    write_entries(&tar, list);
    tar.data[1024 + 150] ^= 1; /* the checksum of b */
    auto_close int fd = kit_fd(tar.data, tar.len);
    ck_assert_int_eq(tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, &err),
                     TENON_E_CORRUPT);
    ck_assert_msg(strstr(err.message, "amaged") != NULL, "%s", err.message);
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
    Suite *s = suite_create("image-entries");
    TCase *t = tcase_create("entries");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_entries_add, 0, (int)tenon_countof(cases));
    tcase_add_loop_test(t, test_entries_layer, 0, (int)tenon_countof(cases));
    tcase_add_test(t, test_entries_cut);
    tcase_add_test(t, test_entries_damaged_header);
    suite_add_tcase(s, t);
    return unit_run(s);
}

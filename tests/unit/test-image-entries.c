/* Entries of archives that repeat, contradict or cut short what others say: what comes
 * of them with ADD, and as a layer.  What is not docker's and containerd's own archive
 * code's result says so. */
#include "layerkit.h"

#include <zlib.h>

#include "image/linkfield.h"

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
    int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, NULL, &err);
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
        int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, NULL, &err);
        ck_assert_msg(ret < 0, "%zu of %zu bytes: %d", len, packed.len, ret);
        tenon_error_release(&err);
    }
    ck_assert_uint_gt(tried, 10);
    for (size_t len = 700; len + 1024 < tar.len; len += 97) {
        if (len == 512 + 2048)
            continue; /* between two entries: as tar, an archive without an end */
        auto_close int fd = kit_fd(tar.data, len);
        int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, NULL, &err);
        ck_assert_msg(ret < 0, "%zu of %zu bytes: %d", len, tar.len, ret);
        tenon_error_release(&err);
    }
    /* nor within what stands before the first entry and is of it: here, its name */
    const struct entry named[] = {FILE(noise, "x"), {0}};
    tenon_buf_clear(&packed);
    tenon_buf_clear(&tar);
    write_entries(&tar, named);
    gzip(&packed, &tar);
    ck_assert_uint_gt(packed.len, 1500);
    for (size_t len = 600; len < 1500; len += 97) {
        auto_close int fd = kit_fd(packed.data, len);
        int ret = tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, NULL, &err);
        ck_assert_msg(ret < 0, "%zu of %zu bytes of a name: %d", len, packed.len, ret);
        tenon_error_release(&err);
    }
    /* what is no archive inside stays a file, cut or not */
    tenon_buf_clear(&packed);
    tenon_buf_clear(&tar);
    tenon_buf_add(&tar, noise, sizeof noise);
    gzip(&packed, &tar);
    auto_close int text = kit_fd(packed.data, packed.len / 2);
    ck_assert_int_eq(tenon_archive_unpack(text, k.dirfd, "no", -1, -1, NULL, NULL, &err), 0);
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
    ck_assert_int_eq(tenon_archive_unpack(fd, k.dirfd, "to", -1, -1, NULL, NULL, &err),
                     TENON_E_CORRUPT);
    ck_assert_msg(strstr(err.message, "amaged") != NULL, "%s", err.message);
    kit_close(&k);
}
END_TEST

/* ---- targets in extensions alone ----------------------------------------------- */

/* As Go writes what has no byte of ASCII: a pax record, and an empty field. */
static const struct {
    const char *what;
    char extension; /* 'x': a record of the target, 'K': the target */
    const char *target;
    char type;
} bare[] = {
    {"a symbolic link by Go", 'x', "\346\227\245\346\234\254", '2'},
    {"a hard link of a record", 'x', "before", '1'},
    {"plain text", 'x', "target", '2'},
    {"as GNU's tar has long ones", 'K', "target", '2'},
    {"a hard link as GNU's tar has them", 'K', "before", '1'},
};

static void
add_block(struct tenon_buf *out, char type, const char *name, const char *text)
{
    auto_buf struct tenon_buf block = TENON_BUF_INIT;
    const struct tenon_tar_entry h = {.type = type == 'x' || type == 'K' ? '0' : type, .name = name,
                                      .link = "", .mode = 0644, .mtime = 1500000000,
                                      .size = text ? strlen(text) : 0};
    ck_assert(tenon_tar_encode(&block, &h));
    block.data[156] = type;
    unsigned sum = 0;
    for (size_t i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)block.data[i];
    snprintf(block.data + 148, 8, "%06o", sum);
    tenon_buf_add(out, block.data, 512);
    if (text) {
        tenon_buf_adds(out, text);
        tenon_tar_pad_buf(out, strlen(text));
    }
}

static void
write_bare(struct tenon_buf *out, size_t i)
{
    char record[64];
    size_t len = strlen(bare[i].target) + strlen("00 linkpath=\n");
    snprintf(record, sizeof record, "%zu linkpath=%s\n", len, bare[i].target);
    add_block(out, '0', "before", "1");
    add_block(out, bare[i].extension, "ext", bare[i].extension == 'x' ? record : bare[i].target);
    add_block(out, bare[i].type, "link", NULL);
    add_block(out, '0', "after", "3");
    tenon_tar_end_buf(out);
}

static void
check_bare(int root, size_t i)
{
    char target[64] = "";
    struct stat a, b;
    if (bare[i].type == '2') {
        ck_assert_msg(readlinkat(root, "link", target, sizeof target - 1) > 0, "%s", bare[i].what);
        ck_assert_str_eq(target, bare[i].target);
    } else {
        ck_assert_int_eq(fstatat(root, "link", &a, 0), 0);
        ck_assert_int_eq(fstatat(root, bare[i].target, &b, 0), 0);
        ck_assert(a.st_ino == b.st_ino);
    }
    ck_assert_int_eq(fstatat(root, "after", &a, 0), 0);
}

START_TEST(test_entries_bare_links)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT, packed = TENON_BUF_INIT;
    write_bare(&tar, (size_t)_i);
    gzip(&packed, &tar);
    const struct tenon_buf *const forms[] = {&tar, &packed};
    for (size_t f = 0; f < tenon_countof(forms); f++) {
        auto_close int fd = kit_fd(forms[f]->data, forms[f]->len);
        auto_close int layer = kit_fd(forms[f]->data, forms[f]->len);
        auto_free char *to = tenon_asprintf("to%zu", f);
        int64_t id;
        ck_assert_msg(tenon_archive_unpack(fd, k.dirfd, to, -1, -1, NULL, NULL, &err) == 1, "%s: %s",
                      bare[_i].what, err.message);
        auto_close int root = openat(k.dirfd, to, O_PATH | O_CLOEXEC);
        check_bare(root, (size_t)_i);
        ck_assert_msg(tenon_layer_unpack(k.store, layer, NULL, NULL, NULL, &id, &err) == 0,
                      "%s: %s", bare[_i].what, err.message);
        auto_close int fs = tenon_snapshot_open(k.store, id, &err);
        check_bare(fs, (size_t)_i);
    }
    kit_close(&k);
}
END_TEST

/* In pieces of any size the same goes on as in one; and of what needs nothing, what came. */
START_TEST(test_entries_in_pieces)
{
    static const size_t pieces[] = {1, 7, 511, 512, 513, 1000, 100000};
    auto_buf struct tenon_buf tar = TENON_BUF_INIT, plain = TENON_BUF_INIT;
    for (size_t i = 0; i < tenon_countof(bare); i++)
        write_bare(&tar, i); /* one behind the other: ends are no end here */
    for (size_t i = 0; i < tenon_countof(cases); i++)
        write_entries(&plain, cases[i].entries);
    tenon_buf_adds(&plain, "and no block");
    const struct tenon_buf *const inputs[] = {&tar, &plain};
    for (size_t in = 0; in < tenon_countof(inputs); in++) {
        auto_buf struct tenon_buf whole = TENON_BUF_INIT;
        for (size_t p = tenon_countof(pieces); p-- > 0;) {
            struct tenon_linkfield l = {0};
            auto_buf struct tenon_buf out = TENON_BUF_INIT;
            size_t len, n;
            for (size_t at = 0; at <= inputs[in]->len; at += n) {
                n = inputs[in]->len - at < pieces[p] ? inputs[in]->len - at : pieces[p];
                const void *more = tenon_linkfield_pass(&l, inputs[in]->data + at, n, &len);
                tenon_buf_add(&out, more, len);
                if (!n)
                    break;
            }
            ck_assert_uint_eq(out.len, inputs[in]->len);
            if (!whole.len)
                tenon_buf_add(&whole, out.data, out.len);
            ck_assert_mem_eq(out.data, whole.data, whole.len);
            tenon_linkfield_release(&l);
        }
        size_t changed = 0;
        for (size_t i = 0; i < whole.len; i++)
            changed += i % 512 == 157 && whole.data[i] != inputs[in]->data[i];
        ck_assert_uint_eq(changed, in ? 0 : tenon_countof(bare));
        ck_assert(!in || !memcmp(whole.data, plain.data, plain.len));
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
    Suite *s = suite_create("image-entries");
    TCase *t = tcase_create("entries");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_entries_add, 0, (int)tenon_countof(cases));
    tcase_add_loop_test(t, test_entries_layer, 0, (int)tenon_countof(cases));
    tcase_add_test(t, test_entries_cut);
    tcase_add_test(t, test_entries_damaged_header);
    tcase_add_loop_test(t, test_entries_bare_links, 0, (int)tenon_countof(bare));
    tcase_add_test(t, test_entries_in_pieces);
    suite_add_tcase(s, t);
    return unit_run(s);
}

/* Trees in chunks (chunker.h, treewrite.h, chunkindex.h): cuts are where the content says, and stay
 * there; a tree comes back as it was; what was sent is not sent again; an index may say anything. */
#include "storekit.h"

#include <sys/syscall.h>
#include <sys/xattr.h>

#include "image/chunkindex.h"
#include "image/treewrite.h"
#include "tools/chunker.h"

static uint64_t seed;

static unsigned char
noise(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned char)(seed >> 56);
}

static unsigned char *
noisy(uint64_t from, size_t len)
{
    unsigned char *p = tenon_malloc(len);
    seed = from;
    for (size_t i = 0; i < len; i++)
        p[i] = noise();
    return p;
}

/* ---- cuts -------------------------------------------------------------------- */

enum { CUTS_MAX = 4096 };

/* Where chunks end, given in steps of so many bytes. */
static size_t
cut(const unsigned char *data, size_t len, size_t step, size_t *ends)
{
    struct tenon_chunker c;
    size_t count = 0, at = 0;
    tenon_chunker_init(&c);
    while (at < len) {
        bool end;
        const size_t most = len - at < step ? len - at : step;
        const size_t n = tenon_chunker_pass(&c, data + at, most, &end);
        ck_assert_uint_gt(n, 0);
        ck_assert_uint_le(n, most);
        ck_assert(end || n == most);
        at += n;
        if (end) {
            ck_assert_uint_lt(count, CUTS_MAX);
            ends[count++] = at;
        }
    }
    return count;
}

START_TEST(cuts_have_sizes_and_need_no_luck)
{
    static const size_t steps[] = { 1, 7, 63, 64, 65, 4095, 4096, 65536, 1 << 22 };
    const size_t len = 2 << 20;
    auto_free unsigned char *data = noisy(1, len);
    static size_t ends[CUTS_MAX], others[CUTS_MAX];
    const size_t count = cut(data, len, len, ends);
    size_t before = 0;
    for (size_t i = 0; i < count; before = ends[i++]) {
        ck_assert_uint_ge(ends[i] - before, TENON_CHUNK_MIN);
        ck_assert_uint_le(ends[i] - before, TENON_CHUNK_MAX);
    }
    ck_assert_uint_gt(count, len / (32 << 10)); /* some 20 KiB each */
    ck_assert_uint_lt(count, len / (12 << 10));
    for (size_t i = 0; i < tenon_countof(steps); i++) {
        ck_assert_uint_eq(cut(data, len, steps[i], others), count);
        ck_assert_mem_eq(ends, others, count * sizeof *ends);
    }
}
END_TEST

/* A format: what one version sent another one finds. */
START_TEST(cuts_are_those_of_the_format)
{
    static const size_t expected[] = { 65536, 83931, 91729, 110014, 150408 };
    static size_t ends[CUTS_MAX];
    auto_free unsigned char *data = noisy(7, 1 << 18);
    ck_assert_uint_gt(cut(data, 1 << 18, 1 << 18, ends), tenon_countof(expected));
    for (size_t i = 0; i < tenon_countof(expected); i++)
        ck_assert_uint_eq(ends[i], expected[i]);
}
END_TEST

/* What is put in, or taken out, anywhere, moves the cuts around it. */
START_TEST(cuts_stay_where_the_content_is)
{
    static const size_t sizes[] = { 1, 100, 4096, 70000 };
    static const size_t places[] = { 0, 1, 5000, 700001, 1 << 20 };
    const size_t len = 1 << 20;
    static size_t ends[CUTS_MAX], others[CUTS_MAX];
    auto_free unsigned char *data = noisy(2, len);
    const size_t count = cut(data, len, len, ends);
    for (size_t i = 0; i < tenon_countof(sizes); i++)
        for (size_t k = 0; k < tenon_countof(places); k++) {
            const size_t add = sizes[i], at = places[k];
            auto_free unsigned char *more = tenon_malloc(len + add);
            auto_free unsigned char *put = noisy(3 + i, add);
            memcpy(more, data, at);
            memcpy(more + at, put, add);
            memcpy(more + at + add, data + at, len - at);
            const size_t now = cut(more, len + add, len, others);
            size_t same = 0, n = 0;
            for (size_t j = 0; j < count; j++) {
                const size_t moved = ends[j] <= at ? ends[j] : ends[j] + add;
                while (n < now && others[n] < moved)
                    n++;
                same += n < now && others[n] == moved;
            }
            ck_assert_msg(count - same <= 6, "%zu bytes at %zu: %zu of %zu cuts moved", add, at,
                          count - same, count);
        }
}
END_TEST

/* What the hash never likes is cut by its size. */
START_TEST(sameness_is_cut_by_size)
{
    static size_t ends[CUTS_MAX];
    auto_free unsigned char *zeros = tenon_calloc(1, 1 << 20);
    const size_t count = cut(zeros, 1 << 20, 1 << 20, ends);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(ends[i], (i + 1) * TENON_CHUNK_MAX);
}
END_TEST

/* ---- trees -------------------------------------------------------------------- */

static int tree = -1;

static void
put(const char *name, const void *data, size_t len)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_close int fd = openat(tree, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    OK(tenon_write_all(fd, data, len, &err));
}

static void
put_noise(const char *name, uint64_t from, size_t len)
{
    auto_free unsigned char *data = noisy(from, len);
    put(name, data, len);
}

static int
make_dir(const char *name)
{
    ck_assert_int_eq(mkdirat(dir_fd, name, 0700), 0);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static int
to_buf(void *data, const void *buf, size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_buf_add(data, buf, len);
    return 0;
}

static void
tar_of(int fd, struct tenon_buf *out)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_tar tar = { to_buf, out };
    const struct tenon_tree_tar t = { .tar = &tar };
    OK(tenon_tree_tar_write(&t, fd, &err));
}

/* Of version 2: CAP_NET_BIND_SERVICE, effective. */
static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 4 };

static void
fill_tree(void)
{
    const struct timespec when[2] = { { 1500000000, 0 }, { 1500000000, 123456789 } };
    tree = make_dir("tree");
    mkdirat(tree, "dir", 0700);
    mkdirat(tree, "dir/empty", 01777);
    put_noise("dir/large", 10, 3 << 20);
    for (int i = 0; i < 200; i++) {
        auto_free char *name = tenon_asprintf("dir/small-%03d", i);
        put_noise(name, 100 + (uint64_t)i, 500 + (size_t)i * 37);
    }
    put("text", "hello\n", 6);
    put(".wh.text", "no whiteout\n", 12);
    put("empty", "", 0);
    put("r\303\251sum\303\251 \377\n", "odd\n", 4);
    ck_assert_int_eq(symlinkat("/etc/passwd", tree, "link"), 0);
    ck_assert_int_eq(linkat(tree, "dir/small-001", tree, "other-name", 0), 0);
    ck_assert_int_eq(mkfifoat(tree, "pipe", 0622), 0);
    ck_assert_int_eq(fchmodat(tree, "text", 04751, 0), 0);
    ck_assert_int_eq(utimensat(tree, "text", when, 0), 0);
    ck_assert_int_eq(utimensat(tree, "dir", when, 0), 0);
    auto_close int fd = openat(tree, "text", O_RDONLY | O_CLOEXEC);
    if (fsetxattr(fd, "user.mime", "text/plain", 10, 0) < 0)
        unit_not_tried("attributes of files: the file system has none");
    if (geteuid() == 0)
        ck_assert_int_eq(fsetxattr(fd, "security.capability", capability, sizeof capability, 0), 0);
    else
        unit_not_tried("capabilities of files: needs root");
    ck_assert_int_eq(fchmod(tree, 02775), 0);
}

static void
write_tree(struct tenon_chunk_write *w, struct tenon_chunk_index *x)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_chunk_write(store, tree, w, x, &err));
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct tenon_chunk_index again;
    tenon_chunk_index_write(x, &text);
    OK(tenon_chunk_index_parse(text.data, text.len, NULL, &again, &err));
    ck_assert_uint_eq(again.bytes, x->bytes);
    tenon_chunk_index_release(&again);
}

static void
check_comes_back(const struct tenon_chunk_index *x, const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf was = TENON_BUF_INIT, is = TENON_BUF_INIT;
    auto_close int back = make_dir(name);
    OK(tenon_chunk_read(store, x, back, NULL, &err));
    tar_of(tree, &was);
    tar_of(back, &is);
    ck_assert_uint_eq(is.len, was.len);
    ck_assert_mem_eq(is.data, was.data, was.len);
}

/* Attributes that have sizes which few file systems take: of the top directory, in order. */
static const struct {
    const char *name;
    size_t size;
    char byte;
} attributes[] = {
    { "user.a", 10, 'a' }, { "user.b", (64 << 10) - 10, 'b' }, { "user.c", 9, 'c' },
    { "user.d", 11, 'd' },
};
static bool are_faked;

ssize_t
flistxattr(int fd, char *list, size_t size)
{
    size_t len = 0;
    if (!are_faked)
        return syscall(SYS_flistxattr, fd, list, size);
    for (size_t i = 0; i < tenon_countof(attributes); i++) {
        const size_t n = strlen(attributes[i].name) + 1;
        ck_assert_uint_le(len + n, size);
        memcpy(list + len, attributes[i].name, n);
        len += n;
    }
    return (ssize_t)len;
}

ssize_t
fgetxattr(int fd, const char *name, void *value, size_t size)
{
    if (!are_faked)
        return syscall(SYS_fgetxattr, fd, name, value, size);
    for (size_t i = 0; i < tenon_countof(attributes); i++) {
        if (!tenon_streq(name, attributes[i].name))
            continue;
        if (size && size < attributes[i].size) {
            errno = ERANGE;
            return -1;
        }
        if (size)
            memset(value, attributes[i].byte, attributes[i].size);
        return (ssize_t)attributes[i].size;
    }
    errno = ENODATA;
    return -1;
}

START_TEST(attributes_fill_their_room_and_no_more)
{
    auto_buf struct tenon_buf is = TENON_BUF_INIT;
    tree = make_dir("tree");
    are_faked = true;
    tar_of(tree, &is);
    are_faked = false;
    ck_assert_ptr_nonnull(memmem(is.data, is.len, "SCHILY.xattr.user.b=bbb", 23));
    ck_assert_ptr_null(memmem(is.data, is.len, "user.c", 6));
    ck_assert_ptr_null(memmem(is.data, is.len, "user.d", 6));
    close(tree);
}
END_TEST

START_TEST(a_tree_comes_back)
{
    auto_chunk_index struct tenon_chunk_index x = {0}, y = {0};
    struct tenon_chunk_write w = {0}, v = {0};
    auto_buf struct tenon_buf a = TENON_BUF_INIT, b = TENON_BUF_INIT;
    fill_tree();
    write_tree(&w, &x);
    check_comes_back(&x, "back");
    if (geteuid() == 0) {
        uint8_t is[sizeof capability] = {0};
        auto_close int text = openat(dir_fd, "back/text", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(fgetxattr(text, "security.capability", is, sizeof is), sizeof is);
        ck_assert_mem_eq(is, capability, sizeof is);
    }
    write_tree(&v, &y); /* and is the same each time */
    tenon_chunk_index_write(&x, &a);
    tenon_chunk_index_write(&y, &b);
    ck_assert_uint_eq(a.len, b.len);
    ck_assert_mem_eq(a.data, b.data, a.len);
    close(tree);
}
END_TEST

START_TEST(what_was_sent_is_not_made_again)
{
    auto_chunk_index struct tenon_chunk_index x = {0}, y = {0}, z = {0};
    const struct tenon_chunk_index *bases[] = { &x, &y };
    struct tenon_chunk_write w = {0};
    tree = make_dir("tree");
    for (int i = 0; i < 200; i++) {
        auto_free char *name = tenon_asprintf("f%03d", i);
        put_noise(name, 1000 + (uint64_t)i, 60 << 10);
    }
    write_tree(&w, &x);
    const uint64_t whole = w.new_bytes;
    ck_assert_uint_gt(whole, 200 * (60 << 10) - 1);
    w = (struct tenon_chunk_write){ .bases = bases, .base_count = 1 };
    write_tree(&w, &y);
    ck_assert_uint_eq(w.new_bytes, 0);
    tenon_chunk_index_release(&y);
    put_noise("f050", 5, 61 << 10); /* changed, new, gone */
    put_noise("f0999", 6, 60 << 10);
    ck_assert_int_eq(unlinkat(tree, "f150", 0), 0);
    write_tree(&w, &y);
    ck_assert_uint_lt(w.new_bytes, (61 + 60 + 4) << 10); /* and nothing of their neighbours */
    check_comes_back(&y, "back");
    /* two bases; and what is of little use goes */
    for (int i = 0; i < 190; i++) {
        auto_free char *name = tenon_asprintf("f%03d", i);
        unlinkat(tree, name, 0);
    }
    w = (struct tenon_chunk_write){ .bases = bases, .base_count = 2 };
    write_tree(&w, &z);
    ck_assert_uint_le(w.new_bytes, 11 * (64 << 10));
    uint64_t kept = 0;
    for (uint32_t i = 0; i < z.pack_count; i++)
        kept += z.packs[i].size;
    ck_assert_uint_lt(kept, whole / 5);
    check_comes_back(&z, "again");
    close(tree);
}
END_TEST

/* Exports of a little each, day after day, do not end in a thousand packs. */
START_TEST(small_packs_are_put_together)
{
    auto_chunk_index struct tenon_chunk_index x = {0};
    size_t most = 0;
    tree = make_dir("tree");
    for (int i = 0; i < 80; i++) {
        auto_free char *name = tenon_asprintf("day-%d", i);
        const struct tenon_chunk_index *base[] = { &x };
        struct tenon_chunk_write w = { .bases = base, .base_count = i > 0 };
        struct tenon_chunk_index y = {0};
        put_noise(name, (uint64_t)i, 9 << 10);
        write_tree(&w, &y);
        tenon_chunk_index_release(&x);
        x = y;
        most = x.pack_count > most ? x.pack_count : most;
    }
    ck_assert_uint_gt(most, 20);
    ck_assert_uint_lt(most, 50);
    check_comes_back(&x, "back");
    close(tree);
}
END_TEST

enum lie { PACK_GONE, PACK_OF_ANOTHER, COMPRESSED, BEYOND, LIES };

/* A base that says of its first pack what is not so. */
static void
lie(struct tenon_chunk_index *x, enum lie what)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest other;
    auto_free char *same_size = tenon_calloc(1, x->packs[0].size);
    if (what == PACK_GONE)
        x->packs[0].digest[0] ^= 1;
    OK(tenon_blob_put(store, same_size, x->packs[0].size, &other, &err));
    if (what == PACK_OF_ANOTHER)
        tenon_digest_bytes(&other, x->packs[0].digest);
    for (uint32_t i = 0; i < x->packs[0].count; i++) {
        x->chunks[i].stored -= what == COMPRESSED;
        x->chunks[i].offset += what == BEYOND ? x->packs[0].size : 0;
    }
}

START_TEST(what_bases_say_is_compared)
{
    auto_chunk_index struct tenon_chunk_index x = {0}, y = {0};
    const struct tenon_chunk_index *base[] = { &x };
    struct tenon_chunk_write w = {0}, v = { .bases = base, .base_count = 1 };
    tree = make_dir("tree");
    put_noise("file", 1, 1 << 20);
    write_tree(&w, &x);
    lie(&x, (enum lie)_i);
    write_tree(&v, &y);
    ck_assert_uint_eq(v.new_bytes, w.new_bytes);
    check_comes_back(&y, "back");
    close(tree);
}
END_TEST

/* ---- hostile ------------------------------------------------------------------- */

static void
number(struct tenon_buf *b, uint32_t n)
{
    const unsigned char bytes[] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
                                    (unsigned char)(n >> 8), (unsigned char)n };
    tenon_buf_add(b, bytes, 4);
}

static const struct { /* one pack with one chunk, used once; and what is wrong with it */
    const char *what;
    const char *magic;
    uint32_t packs, chunks, order, pack_size, pack_count, size, stored, place;
    size_t left_out; /* bytes at the end */
    int code;
} indexes[] = {
    { "right", "tenoncm1", 1, 1, 1, 9, 1, 10, 9, 0, 0, TENON_OK },
    { "another magic", "tenoncm2", 1, 1, 1, 9, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "cut", "tenoncm1", 1, 1, 1, 9, 1, 10, 9, 0, 1, TENON_E_CORRUPT },
    { "cut in the head", "tenoncm1", 1, 1, 1, 9, 1, 10, 9, 0, 90, TENON_E_CORRUPT },
    { "more packs", "tenoncm1", 2, 1, 1, 9, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "too many packs", "tenoncm1", 2001, 1, 1, 9, 1, 10, 9, 0, 0, TENON_E_LIMIT },
    { "chunks without end", "tenoncm1", 1, UINT32_MAX, 1, 9, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "order without end", "tenoncm1", 1, 1, UINT32_MAX, 9, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "a pack without chunks", "tenoncm1", 1, 1, 1, 9, 0, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "a pack of others' chunks", "tenoncm1", 1, 1, 1, 9, 2, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "an empty pack", "tenoncm1", 1, 1, 1, 0, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "a pack too large", "tenoncm1", 1, 1, 1, (32 << 20) + 1, 1, 10, 9, 0, 0,
      TENON_E_CORRUPT },
    { "a pack with a rest", "tenoncm1", 1, 1, 1, 10, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "a chunk beyond its pack", "tenoncm1", 1, 1, 1, 8, 1, 10, 9, 0, 0, TENON_E_CORRUPT },
    { "an empty chunk", "tenoncm1", 1, 1, 1, 9, 1, 0, 9, 0, 0, TENON_E_CORRUPT },
    { "a chunk out of nothing", "tenoncm1", 1, 1, 1, 9, 1, 10, 0, 0, 0, TENON_E_CORRUPT },
    { "a chunk too large", "tenoncm1", 1, 1, 1, 9, 1, 65537, 9, 0, 0, TENON_E_CORRUPT },
    { "stored as more", "tenoncm1", 1, 1, 1, 11, 1, 10, 11, 0, 0, TENON_E_CORRUPT },
    { "a place that is none", "tenoncm1", 1, 1, 1, 9, 1, 10, 9, 1, 0, TENON_E_CORRUPT },
};

static void
make_index(size_t i, const struct tenon_digest *pack, struct tenon_buf *b)
{
    uint8_t digest[32] = {0};
    if (pack)
        tenon_digest_bytes(pack, digest);
    tenon_buf_adds(b, indexes[i].magic);
    number(b, indexes[i].packs);
    number(b, indexes[i].chunks);
    number(b, indexes[i].order);
    tenon_buf_add(b, digest, 32);
    number(b, indexes[i].pack_size);
    number(b, indexes[i].pack_count);
    memset(digest, 0, 32);
    tenon_buf_add(b, digest, 32);
    number(b, indexes[i].size);
    number(b, indexes[i].stored);
    number(b, indexes[i].place);
    tenon_buf_truncate(b, b->len - indexes[i].left_out);
}

START_TEST(indexes_that_do_not_fit_are_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct tenon_chunk_index x = {0};
    make_index((size_t)_i, NULL, &b);
    ck_assert_int_eq(tenon_chunk_index_parse(b.data, b.len, NULL, &x, &err), indexes[_i].code);
    ck_assert_msg((indexes[_i].code == 0) == !err.message, "%s", indexes[_i].what);
    tenon_chunk_index_release(&x);
}
END_TEST

/* 65,536 chunks of 64 KiB are 4 GiB, which is nothing to 32 bits. */
START_TEST(lengths_of_chunks_do_not_go_round)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct tenon_chunk_index x = {0};
    const uint8_t digest[32] = {0};
    tenon_buf_adds(&b, "tenoncm1");
    number(&b, 1);
    number(&b, 65537);
    number(&b, 0);
    tenon_buf_add(&b, digest, 32);
    number(&b, 9);
    number(&b, 65537);
    for (int i = 0; i <= 65536; i++) {
        tenon_buf_add(&b, digest, 32);
        number(&b, i < 65536 ? 65536 : 9);
        number(&b, i < 65536 ? 65536 : 9);
    }
    ck_assert_int_eq(tenon_chunk_index_parse(b.data, b.len, NULL, &x, &err), TENON_E_CORRUPT);
    tenon_chunk_index_release(&x);
}
END_TEST

/* A few bytes that stand for very much: it is said before one is written. */
START_TEST(a_bomb_is_no_larger_than_the_limit)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    const struct tenon_limits limits = { .value = { [TENON_LIMIT_UNPACKED] = 20 } };
    struct tenon_chunk_index x = {0};
    make_index(0, NULL, &b);
    b.data[19] = 3; /* times */
    number(&b, 0);
    number(&b, 0);
    ck_assert_int_eq(tenon_chunk_index_parse(b.data, b.len, &limits, &x, &err), TENON_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "\"unpacked\""));
}
END_TEST

/* The pack is what its digest says, and not what the index does. */
START_TEST(chunks_are_what_their_digests_say)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    auto_chunk_index struct tenon_chunk_index x = {0};
    struct tenon_digest pack;
    auto_close int to = make_dir("to");
    OK(tenon_blob_put(store, "123456789", 9, &pack, &err));
    make_index(0, &pack, &b);
    OK(tenon_chunk_index_parse(b.data, b.len, NULL, &x, &err));
    ck_assert_int_eq(tenon_chunk_read(store, &x, to, NULL, &err), TENON_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "is damaged"));
    tenon_error_release(&err);
    x.chunks[0].size = 9; /* as it is */
    ck_assert_int_eq(tenon_chunk_read(store, &x, to, NULL, &err), TENON_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "has digest"));
    tenon_error_release(&err);
    x.chunks[0].offset = 5;
    ck_assert_int_eq(tenon_chunk_read(store, &x, to, NULL, &err), TENON_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "a pack ends before"));
    tenon_error_release(&err);
    x.packs[0].digest[0] ^= 1;
    ck_assert_int_eq(tenon_chunk_read(store, &x, to, NULL, &err), TENON_E_NOT_FOUND);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("chunks");
    TCase *cuts = tcase_create("cuts");
    tcase_add_test(cuts, cuts_have_sizes_and_need_no_luck);
    tcase_add_test(cuts, cuts_are_those_of_the_format);
    tcase_add_test(cuts, cuts_stay_where_the_content_is);
    tcase_add_test(cuts, sameness_is_cut_by_size);
    suite_add_tcase(s, cuts);
    TCase *trees = tcase_create("trees");
    tcase_add_checked_fixture(trees, setup, teardown);
    tcase_add_test(trees, attributes_fill_their_room_and_no_more);
    tcase_add_test(trees, a_tree_comes_back);
    tcase_add_test(trees, what_was_sent_is_not_made_again);
    tcase_add_test(trees, small_packs_are_put_together);
    tcase_add_loop_test(trees, what_bases_say_is_compared, 0, LIES);
    suite_add_tcase(s, trees);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, setup, teardown);
    tcase_add_loop_test(hostile, indexes_that_do_not_fit_are_refused, 0, tenon_countof(indexes));
    tcase_add_test(hostile, lengths_of_chunks_do_not_go_round);
    tcase_add_test(hostile, a_bomb_is_no_larger_than_the_limit);
    tcase_add_test(hostile, chunks_are_what_their_digests_say);
    suite_add_tcase(s, hostile);
    return unit_run(s);
}

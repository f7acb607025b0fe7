/* image/unpack.c - layers and archives into trees, see layer.h.
 *
 * A layer is unpacked through a mount of the chain below it: the kernel then
 * makes whiteouts, opaque marks and copies of parent directories, and a link in
 * a lower layer is seen as what it is.  The lowest layer needs no mount. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "image/extract.h"
#include "image/layer.h"
#include "image/linkfield.h"
#include "image/stream.h"
#include "tools/sniff.h"

static inline void
close_archive(struct archive *a)
{
    if (a)
        archive_read_free(a);
}
TENON_DEFINE_AUTO(archive, struct archive *, close_archive);
#define auto_archive __attribute__((cleanup(tenon_auto_archive)))

static struct archive *
new_reader(struct tenon_error *err)
{
    if (tenon_libarchive(err) < 0)
        return NULL;
    struct archive *a = archive_read_new();
    if (!a)
        tenon_error_set(err, TENON_E_NOMEM, "libarchive: no memory");
    return a;
}
TENON_DEFINE_AUTO_STRUCT(locale, struct tenon_extract_locale,
                         tenon_extract_locale_leave);
#define auto_locale __attribute__((cleanup(tenon_auto_locale)))
TENON_DEFINE_AUTO(work, struct tenon_snapshot_work *, tenon_snapshot_discard);
#define auto_work __attribute__((cleanup(tenon_auto_work)))

static void
tempdir_free(struct tenon_tempdir *x)
{
    if (x)
        tenon_tempdir_free(x);
}
TENON_DEFINE_AUTO(tempdir, struct tenon_tempdir *, tempdir_free);
#define auto_tempdir __attribute__((cleanup(tenon_auto_tempdir)))

/* ---- what libarchive reads -------------------------------------------------- */

struct feed { /* decompressed by our own stream, which has the limits, as far as that knows how */
    struct tenon_inflate *in;
    struct tenon_error *err;
};

static la_ssize_t
feed_read(struct archive *a, void *data, const void **buf)
{
    struct feed *f = data;
    int64_t n = tenon_inflate_read(f->in, buf, f->err);
    if (n < 0) {
        archive_set_error(a, EIO, "%s",
                          f->err->message ? f->err->message : "read");
        return ARCHIVE_FATAL;
    }
    return (la_ssize_t)n;
}

struct tar_feed { /* of a tar */
    struct feed feed;
    struct archive *raw; /* what libarchive decompressed of a feed; NULL: the feed itself */
    struct tenon_linkfield links;
};

/* Bytes of the tar, 0 at its end. */
static la_ssize_t
tar_more(struct tar_feed *f, struct archive *a, const void **buf)
{
    size_t len = 0;
    la_int64_t offset;
    if (!f->raw)
        return feed_read(a, &f->feed, buf);
    int rc = archive_read_data_block(f->raw, buf, &len, &offset);
    if (rc >= ARCHIVE_WARN)
        return rc == ARCHIVE_EOF ? 0 : (la_ssize_t)len;
    const char *text = archive_error_string(f->raw);
    archive_set_error(a, archive_errno(f->raw), "%s", text ? text : "damaged");
    return ARCHIVE_FATAL;
}

static la_ssize_t
tar_read(struct archive *a, void *data, const void **buf)
{
    struct tar_feed *f = data;
    size_t len = 0;
    for (la_ssize_t n = 1; n && !len;) {
        n = tar_more(f, a, buf);
        if (n < 0)
            return n;
        *buf = tenon_linkfield_pass(&f->links, *buf, (size_t)n, &len);
    }
    return (la_ssize_t)len;
}

static void
tar_feed_release(struct tar_feed *f)
{
    tenon_linkfield_release(&f->links);
}
TENON_DEFINE_AUTO_STRUCT(tar_feed, struct tar_feed, tar_feed_release);
#define auto_tar_feed __attribute__((cleanup(tenon_auto_tar_feed)))

/* What is done with a tar once it is open; `in` is what it is read from. */
typedef int tar_work(void *data, struct archive *a, const struct tenon_inflate *in,
                     struct tenon_error *err);

static int
with_tar(int fd, const char *diff_id, const struct tenon_limits *limits, tar_work *work,
         void *data, struct tenon_error *err)
{
    auto_locale struct tenon_extract_locale locale = {0};
    if (tenon_extract_locale_enter(&locale, err) < 0)
        return err->code;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, limits);
    auto_tar_feed struct tar_feed feed = {.feed = {in, err}};
    auto_archive struct archive *a = new_reader(err);
    if (!a)
        return err->code;
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    if (archive_read_open(a, &feed, NULL, tar_read, NULL) != ARCHIVE_OK) {
        if (!err->code)
            tenon_error_set(err, TENON_E_CORRUPT, "archive: %s",
                            archive_error_string(a));
        return err->code;
    }
    int rc = work(data, a, in, err);
    if (rc != 0)
        return rc;

    struct tenon_digest digest;
    if (tenon_inflate_finish(in, &digest, err) < 0)
        return err->code;
    if (diff_id && !tenon_streq(digest.str, diff_id))
        return tenon_error_set(err, TENON_E_CORRUPT,
                               "wrong diff id: layer holds %s, its config says %s",
                               digest.str, diff_id);
    return 0;
}

static int
extract(void *data, struct archive *a, const struct tenon_inflate *in, struct tenon_error *err)
{
    struct tenon_extract x = *(const struct tenon_extract *)data;
    x.stream = in;
    return tenon_extract_all(&x, a, NULL, err);
}

static int
unpack_stream(const struct tenon_extract *given, int blob_fd, const char *diff_id,
              struct tenon_error *err)
{
    struct tenon_extract x = *given;
    return with_tar(blob_fd, diff_id, given->limits, extract, &x, err);
}

int
tenon_tree_unpack(int fd, int rootfd, const struct tenon_limits *limits,
                  struct tenon_cancel *cancel, struct tenon_error *err)
{
    const struct tenon_extract x = { .rootfd = rootfd, .squash = true, .uid = -1, .gid = -1,
                                     .limits = limits, .cancel = cancel };
    return unpack_stream(&x, fd, NULL, err);
}

struct each {
    tenon_layer_entry *visit;
    void *data;
};

static int
read_failed(struct archive *a, struct tenon_error *err)
{
    const char *text = archive_error_string(a);
    return err->code ? err->code
                     : tenon_error_set(err, TENON_E_CORRUPT, "archive: %s",
                                       text ? text : "damaged");
}

static int
visit_all(void *data, struct archive *a, const struct tenon_inflate *in, struct tenon_error *err)
{
    const struct each *x = data;
    (void)in;
    for (;;) {
        struct archive_entry *e;
        int rc = archive_read_next_header(a, &e);
        if (rc == ARCHIVE_EOF)
            return 0;
        if (rc < ARCHIVE_WARN || rc == ARCHIVE_RETRY) /* what comes next is a guess */
            return read_failed(a, err);
        rc = x->visit(x->data, a, e, err);
        if (rc != 0)
            return rc;
        const void *block;
        size_t len;
        la_int64_t offset;
        do /* what nobody read; with the next header there would be no end in sight */
            rc = archive_read_data_block(a, &block, &len, &offset);
        while (rc == ARCHIVE_OK || rc == ARCHIVE_WARN);
        if (rc != ARCHIVE_EOF)
            return read_failed(a, err);
    }
}

int
tenon_layer_each(int fd, const char *diff_id, const struct tenon_limits *limits,
                 tenon_layer_entry *visit, void *data, struct tenon_error *err)
{
    struct each x = {visit, data};
    return with_tar(fd, diff_id, limits, visit_all, &x, err);
}

/* Through a mount of lower with the new snapshot on top. */
static int
unpack_merged(struct tenon_store *s, struct tenon_snapshot_work *work,
              int blob_fd, const char *diff_id, const struct tenon_chain *lower,
              struct tenon_cancel *cancel, struct tenon_error *err)
{
    auto_tempdir struct tenon_tempdir *tempdir = NULL;
    if (tenon_tempdir_new(s, &tempdir, err) < 0)
        return err->code;
    if (mkdirat(tenon_tempdir_fd(tempdir), "root", 0700) < 0)
        return tenon_error_sys(err, "make mount point");
    auto_free char *target = tenon_path_join(tenon_tempdir_path(tempdir), "root");
    if (tenon_chain_mount(s, lower, work, target, err) < 0)
        return err->code;
    int rc;
    {
        auto_close int rootfd = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (rootfd < 0) {
            rc = tenon_error_sys(err, "open %s", target);
        } else {
            struct tenon_extract x = {
                .rootfd = rootfd,
                .work = work,
                .layer = true,
                .squash = true,
                .uid = -1,
                .gid = -1,
                .limits = tenon_store_limits(s),
                .cancel = cancel,
            };
            rc = unpack_stream(&x, blob_fd, diff_id, err);
        }
    }
    tenon_unmount(target);
    return rc;
}

int
tenon_layer_unpack(struct tenon_store *s, int blob_fd, const char *diff_id,
                   const struct tenon_chain *lower, struct tenon_cancel *cancel,
                   int64_t *snapshot, struct tenon_error *err)
{
    auto_work struct tenon_snapshot_work *work = NULL;
    if (tenon_snapshot_begin(s, &work, err) < 0)
        return err->code;
    int rc;
    if (lower && lower->len > 0) {
        rc = unpack_merged(s, work, blob_fd, diff_id, lower, cancel, err);
    } else {
        struct tenon_extract x = {
            .rootfd = tenon_snapshot_work_fs(work),
            .layer = true,
            .squash = true,
            .uid = -1,
            .gid = -1,
            .limits = tenon_store_limits(s),
            .cancel = cancel,
        };
        rc = unpack_stream(&x, blob_fd, diff_id, err);
    }
    if (rc < 0)
        return tenon_error_context(err, "unpack layer");
    return tenon_snapshot_commit(tenon_steal(&work), TENON_SNAPSHOT_REGULAR,
                                 "pulled layer", snapshot, err);
}

/* ---- ADD ------------------------------------------------------------------ */

/* What is in a file once it is decompressed: by our own stream, or by libarchive, what that does
 * not know.  0: nothing that was asked for. */
static int
open_packed(struct archive *a, struct feed *feed, struct tenon_error *err)
{
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    if (archive_read_open(a, feed, NULL, feed_read, NULL) == ARCHIVE_OK)
        return 1;
    if (err->code)
        return err->code;
    if (archive_errno(a) == ENOMEM)
        return tenon_error_set(err, TENON_E_NOMEM, "libarchive: no memory");
    return 0;
}

/* libarchive gives nothing of a stream that ends within the headers of its first entry, such as
 * those of a long name.  What has been an archive must not pass for any other file. */
static int
check_cut(int fd, int64_t start, struct tenon_error *err)
{
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, NULL);
    const void *head;
    int64_t n = tenon_inflate_read(in, &head, &none);
    unsigned char magic[2];
    bool gzip = pread(fd, magic, sizeof magic, start) == sizeof magic &&
                magic[0] == 0x1f && magic[1] == 0x8b;
    if (gzip && n >= TENON_SNIFF_BYTES && tenon_has_tar_header(head))
        return tenon_error_set(err, TENON_E_CORRUPT, "archive: unexpected end");
    return 0;
}

enum { PROBED = 128 << 10 }; /* bytes at a time */

/* What cannot be read is no archive for libarchive, and would be added as a file. */
static int
check_readable(int fd, struct tenon_error *err)
{
    auto_free char *buf = tenon_malloc(PROBED);
    struct stat st;

    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat archive");
    return tenon_read_full(fd, buf, PROBED, err) < 0 ? err->code : 0;
}

/* An archive is what starts with a tar header, once decompressed.  Uses a handle of its own,
 * because the extraction wants to start before it. */
static int
is_archive(int fd, int64_t start, const struct tenon_limits *limits, struct tenon_error *err)
{
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, limits);
    struct feed feed = {in, &why};
    auto_archive struct archive *a = new_reader(err);
    if (!a)
        return err->code;
    archive_read_support_format_tar(a);
    int rc = open_packed(a, &feed, &why);
    if (rc > 0) {
        struct archive_entry *e;
        int header = archive_read_next_header(a, &e);
        rc = header == ARCHIVE_OK || header == ARCHIVE_WARN;
    }
    /* What is damaged is no archive; what asks for too much must not pass for a file. */
    if (why.code == TENON_E_LIMIT || why.code == TENON_E_NOMEM)
        return tenon_error_move(err, &why);
    if (rc < 0)
        rc = 0;
    if (lseek(fd, start, SEEK_SET) < 0)
        return tenon_error_sys(err, "seek");
    if (rc == 0) {
        rc = check_readable(fd, err);
        if (rc < 0 || lseek(fd, start, SEEK_SET) < 0)
            return rc < 0 ? rc : tenon_error_sys(err, "seek");
        rc = check_cut(fd, start, err);
        if (lseek(fd, start, SEEK_SET) < 0)
            return tenon_error_sys(err, "seek");
    }
    return rc;
}

static int
unpack_archive(int fd, int rootfd, const char *dest, int64_t uid, int64_t gid, bool squash,
               const struct tenon_limits *limits, struct tenon_cancel *cancel,
               struct tenon_error *err)
{
    auto_locale struct tenon_extract_locale locale = {0};
    if (tenon_extract_locale_enter(&locale, err) < 0)
        return err->code;
    int64_t start = lseek(fd, 0, SEEK_CUR);
    if (start < 0)
        return tenon_error_sys(err, "seek");
    int rc = is_archive(fd, start, limits, err);
    if (rc <= 0)
        return rc;

    auto_free char *rooted = tenon_asprintf("/%s", dest);
    auto_free char *clean = tenon_path_clean(rooted);
    auto_close int made = tenon_root_mkdir_p(
        rootfd, clean, 0755, (uint32_t)(uid >= 0 ? uid : 0),
        (uint32_t)(gid >= 0 ? gid : 0), NULL, err);
    if (made < 0)
        return err->code;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, limits);
    tenon_inflate_no_digest(in);
    auto_archive struct archive *raw = new_reader(err), *a = new_reader(err);
    if (!raw || !a)
        return err->code;
    auto_tar_feed struct tar_feed feed = {.feed = {in, err}, .raw = raw};
    struct archive_entry *e;
    archive_read_support_format_raw(raw);
    archive_read_support_format_tar(a);
    rc = open_packed(raw, &feed.feed, err);
    if (rc > 0 && (archive_read_next_header(raw, &e) != ARCHIVE_OK ||
                   archive_read_open(a, &feed, NULL, tar_read, NULL) != ARCHIVE_OK))
        rc = 0;
    if (rc <= 0 && !err->code)
        tenon_error_set(err, TENON_E_CORRUPT, "archive: %s",
                        archive_error_string(archive_errno(a) ? a : raw));
    if (rc <= 0)
        return err->code;
    /* The destination is the root for what is in the archive, as it is in a
     * chroot: ".." and absolute links of it stop there. */
    struct tenon_extract x = {
        .rootfd = made,
        .uid = uid,
        .gid = gid,
        .squash = squash,
        .limits = limits,
        .stream = in,
        .cancel = cancel,
    };
    rc = tenon_extract_all(&x, a, NULL, err);
    return rc < 0 ? rc : 1;
}

int
tenon_archive_unpack(int fd, int rootfd, const char *dest, int64_t uid, int64_t gid,
                     const struct tenon_limits *limits, struct tenon_cancel *cancel,
                     struct tenon_error *err)
{
    return unpack_archive(fd, rootfd, dest, uid, gid, false, limits, cancel, err);
}

int
tenon_context_unpack(int fd, int rootfd, const char *dest, int64_t uid, int64_t gid,
                     const struct tenon_limits *limits, struct tenon_cancel *cancel,
                     struct tenon_error *err)
{
    return unpack_archive(fd, rootfd, dest, uid, gid, true, limits, cancel, err);
}

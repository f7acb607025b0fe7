/* fuzz-unpack - archives and layers into trees: nothing outside of the destination changes, and a
 * layer changes nothing of those below it.
 *
 * The first byte chooses: ADD into an image's tree, a context, the lowest layer, a layer upon
 * another one; and whether what follows is an archive as it is, or lines that become the headers of
 * one (a header with a wrong sum would be the end of most inputs):
 *
 *     TYPE|NAME|LINK|MODE|UID|GID|SIZE|MAJOR|MINOR|DATA
 *
 * TYPE is the type flag; numbers are written as they are, or in binary after a "#"; without a SIZE
 * it is that of DATA.  In DATA of the types x and g "KEY=VALUE;..." become records with their
 * lengths. "\n" ends a line, so names have none. */
#define FUZZ_CORPUS "unpack"
#include <sys/mman.h>

#include "jail.h"
#include "base/log.h"
#include "image/extract.h"
#include "image/layer.h"
#include "image/stream.h"
#include "tools/parse.h"

static void fuzz_prepare(void);
#include "fuzz.h"

enum { DATA_MAX = 8192 };

/* Before the jail, where there are no libraries to look for. */
static void
fuzz_prepare(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (tenon_libarchive(&err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        _exit(77);
    }
}

/* ---- lines to a tar ------------------------------------------------------------------ */

static void
put_number(char *to, size_t width, const char *text)
{
    int64_t n;
    if (*text != '#') {
        memcpy(to, text, strnlen(text, width));
        return;
    }
    if (!tenon_parse_i64(text + 1, &n))
        n = INT64_MIN;
    for (size_t i = 0; i < width; i++)
        to[width - 1 - i] = i < 8 ? (char)((uint64_t)n >> (8 * i)) : n < 0 ? (char)0xff : 0;
    to[0] |= (char)0x80;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static void
add_records(const char *text, struct tenon_buf *out)
{
    for (const char *p = text; *p; p += *p == ';') {
        int n = (int)strcspn(p, ";");
        unsigned len = (unsigned)n + 3;
        while (len < (unsigned)n + 2 + (unsigned)snprintf(NULL, 0, "%u", len))
            len++;
        tenon_buf_addf(out, "%u %.*s\n", len, n, p);
        p += n;
    }
}

static void
add_header(char *const *f, size_t data_len, struct tenon_buf *out)
{
    char h[512] = {0}, size[32];
    unsigned sum = 0;
    memcpy(h, f[1], strnlen(f[1], 100));
    put_number(h + 100, 8, *f[3] ? f[3] : "0000644");
    put_number(h + 108, 8, f[4]);
    put_number(h + 116, 8, f[5]);
    snprintf(size, sizeof size, "%011zo", data_len);
    put_number(h + 124, 12, *f[6] ? f[6] : size);
    put_number(h + 136, 12, "07346545000");
    h[156] = f[0][0];
    memcpy(h + 157, f[2], strnlen(f[2], 100));
    memcpy(h + 257, f[0][0] && f[0][1] ? "ustar  \0" : "ustar\0" "00", 8);
    put_number(h + 329, 8, f[7]);
    put_number(h + 337, 8, f[8]);
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    tenon_buf_add(out, h, sizeof h);
}

static void
add_entry(char *line, struct tenon_buf *out)
{
    static char none[] = "";
    char *f[10];
    auto_buf struct tenon_buf data = TENON_BUF_INIT;
    for (size_t i = 0; i < tenon_countof(f); i++) {
        char *bar = i + 1 < tenon_countof(f) ? strchr(line, '|') : NULL;
        f[i] = line;
        if (bar)
            *bar = '\0';
        line = bar ? bar + 1 : none;
    }
    if (f[0][0] == 'x' || f[0][0] == 'g')
        add_records(f[9], &data);
    else
        tenon_buf_adds(&data, f[9]);
    add_header(f, data.len, out);
    tenon_buf_add(out, data.data, data.len);
    while (out->len % 512)
        tenon_buf_addc(out, '\0');
}

static void
add_entries(const char *text, size_t len, struct tenon_buf *out)
{
    static const char end[1024];
    for (const char *p = text, *stop = text + len; p < stop;) {
        const char *newline = memchr(p, '\n', (size_t)(stop - p));
        size_t n = (size_t)((newline ? newline : stop) - p);
        auto_free char *line = tenon_strndup(p, n < DATA_MAX ? n : DATA_MAX);
        add_entry(line, out);
        p += n + 1;
    }
    tenon_buf_add(out, end, sizeof end);
}

/* ---- where they are unpacked ----------------------------------------------------------- */

static void
must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

/* A tree with what leads out of a careless one. */
static void
fill(int dirfd)
{
    static const char *const links[][2] = {
        {"/canary", "abs"}, {"../../canary", "up"}, {"../../../../canary/dir", "dir/up"},
        {"loop", "loop"}, {"/nowhere/at/all", "dangling"}, {"dir", "same"}, {".", "self"},
        {"/", "top"}, {"/proc/self/root/canary", "magic"}, {"../beside", "near"},
    };
    must(mkdirat(dirfd, "dir", 0755) == 0 && mkdirat(dirfd, "dir/sub", 0700) == 0, "mkdir");
    for (size_t i = 0; i < tenon_countof(links); i++)
        must(symlinkat(links[i][0], dirfd, links[i][1]) == 0, links[i][1]);
    must(mkfifoat(dirfd, "fifo", 0600) == 0, "fifo");
    auto_close int fd = openat(dirfd, "dir/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    must(fd >= 0 && write(fd, "here", 4) == 4, "dir/file");
    must(linkat(dirfd, "dir/file", dirfd, "linked", 0) == 0, "linked");
}

static void
add_archive(int fd, bool context)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf before = TENON_BUF_INIT, after = TENON_BUF_INIT;
    static const char place[] = JAIL_ROOM "/root/in/here";
    must(mkdir(JAIL_ROOM "/root", 0755) == 0 && mkdir(JAIL_ROOM "/root/in", 0755) == 0 &&
         mkdir(place, 0755) == 0 && mkdir(JAIL_ROOM "/root/in/beside", 0755) == 0, "mkdir");
    auto_close int root = open(JAIL_ROOM "/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int here = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fill(here);
    jail_note(JAIL_ROOM "/root/in", "here", &before);
    int rc = context ? tenon_context_unpack(fd, root, "in/here", -1, -1, NULL, NULL, &err)
                     : tenon_archive_unpack(fd, root, "in/here", 0, 0, NULL, NULL, &err);
    tenon_assert(rc >= 0 || err.message);
    jail_note(JAIL_ROOM "/root/in", "here", &after);
    jail_same(&before, &after);
}

/* Upon `work`'s mount at root, or into an empty directory. */
static void
apply(int fd, int root, struct tenon_snapshot_work *work)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_extract x = {
        .rootfd = root, .work = work, .layer = true, .squash = true, .uid = -1, .gid = -1,
    };
    struct tenon_extract_locale locale = {0};
    struct archive *a = archive_read_new();
    must(a && tenon_extract_locale_enter(&locale, &err) == 0, "libarchive");
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    if (archive_read_open_fd(a, fd, 10240) == ARCHIVE_OK)
        tenon_assert(tenon_extract_all(&x, a, NULL, &err) == 0 || err.message);
    archive_read_free(a);
    tenon_extract_locale_leave(&locale);
}

static void
lowest_layer(int fd)
{
    must(mkdir(JAIL_ROOM "/root", 0755) == 0, "mkdir");
    auto_close int root = open(JAIL_ROOM "/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    apply(fd, root, NULL);
}

static struct tenon_store *store;
static struct tenon_chain below;

static void
make_store(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *work = NULL;
    int64_t id;
    must(tenon_store_open(JAIL_ROOM "/store", &store, &err) == 0, "store");
    must(tenon_snapshot_begin(store, &work, &err) == 0, "snapshot");
    fill(tenon_snapshot_work_fs(work));
    must(tenon_snapshot_commit(work, TENON_SNAPSHOT_REGULAR, "lower", &id, &err) == 0, "commit");
    tenon_chain_append(&below, id);
}

static void
upper_layer(int fd)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf before = TENON_BUF_INIT, after = TENON_BUF_INIT;
    struct tenon_snapshot_work *work = NULL;
    auto_free char *lower =
        tenon_asprintf(JAIL_ROOM "/store/snapshots/%lld", (long long)below.ids[0]);
    jail_note(lower, NULL, &before);
    must(mkdir(JAIL_ROOM "/root", 0755) == 0, "mkdir");
    must(tenon_snapshot_begin(store, &work, &err) == 0, "snapshot");
    if (tenon_chain_mount(store, &below, work, JAIL_ROOM "/root", &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    {
        auto_close int root = open(JAIL_ROOM "/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        apply(fd, root, work);
    }
    must(tenon_unmount(JAIL_ROOM "/root") == 0, "unmount");
    tenon_snapshot_discard(work);
    jail_note(lower, NULL, &after);
    jail_same(&before, &after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf tar = TENON_BUF_INIT, before = TENON_BUF_INIT,
                              after = TENON_BUF_INIT;
    if (size == 0)
        return 0;
    if (!store) {
        make_store();
        tenon_log_set_level(TENON_LOG_ERROR);
    }
    unsigned how = data[0] & 7;
    if (how & 4)
        tenon_buf_add(&tar, data + 1, size - 1);
    else
        add_entries((const char *)data + 1, size - 1, &tar);
    auto_close int fd = memfd_create("tar", MFD_CLOEXEC);
    must(fd >= 0 && tenon_write_all(fd, tenon_buf_str(&tar), tar.len, &err) == 0 &&
         lseek(fd, 0, SEEK_SET) == 0, "memfd");

    jail_note_all(&before);
    switch (how & 3) {
    case 0: add_archive(fd, false); break;
    case 1: add_archive(fd, true); break;
    case 2: lowest_layer(fd); break;
    default: upper_layer(fd); break;
    }
    jail_note_all(&after);
    jail_same(&before, &after);
    auto_close int room = open(JAIL_ROOM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(room >= 0 && tenon_remove_tree(room, "root", &err) == 0, "remove");
    return 0;
}

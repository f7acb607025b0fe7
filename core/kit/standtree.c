/* kit/standtree.c - see standtree.h. */
#include "kit/standtree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"

enum { MAX_DEPTH = 64, MAX_LINK = 4096 };

/* FNV-1a: tells files of a test apart, no more. */
static int
add_sum(int fd, struct tenon_buf *out, struct tenon_error *err)
{
    unsigned char bytes[16384];
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    int64_t n = 0;

    while ((n = tenon_read_full(fd, bytes, sizeof bytes, err)) > 0)
        for (int64_t i = 0; i < n; i++)
            sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    tenon_buf_addf(out, " %016" PRIx64, sum);
    return n < 0 ? err->code : TENON_OK;
}

static int
add_entry(int dirfd, const char *name, const char *path, unsigned depth, struct tenon_buf *out,
          struct tenon_error *err);

static int
add_names(int fd, const char *path, unsigned depth, struct tenon_buf *out, struct tenon_error *err)
{
    char **names = NULL;
    if (depth > MAX_DEPTH)
        return tenon_error_set(err, TENON_E_LIMIT, "\"%s\": too deep for a test", path);
    if (tenon_dir_names(fd, &names, err) < 0)
        return err->code;
    for (size_t i = 0; err->code == 0 && names[i]; i++) {
        auto_free char *below =
            tenon_asprintf("%s%s%s", path, *path ? "/" : "", names[i]);
        add_entry(fd, names[i], below, depth + 1, out, err);
    }
    tenon_strv_free(names);
    return err->code;
}

static int
add_entry(int dirfd, const char *name, const char *path, unsigned depth, struct tenon_buf *out,
          struct tenon_error *err)
{
    auto_close int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return tenon_error_sys(err, "open \"%s\"", path);
    tenon_buf_addf(out, "%s %06o", *path ? path : ".", (unsigned)st.st_mode);
    if (S_ISREG(st.st_mode)) {
        auto_close int file = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (file < 0)
            return tenon_error_sys(err, "open \"%s\"", path);
        if (add_sum(file, out, err) < 0)
            return err->code;
    } else if (S_ISLNK(st.st_mode)) {
        char to[MAX_LINK];
        ssize_t n = readlinkat(fd, "", to, sizeof to);
        tenon_buf_addf(out, " -> %.*s", n > 0 ? (int)n : 0, to);
    }
    tenon_buf_addc(out, '\n');
    return S_ISDIR(st.st_mode) ? add_names(fd, path, depth, out, err) : TENON_OK;
}

int
tenon_standin_tree(int dirfd, const char *path, struct tenon_buf *out, struct tenon_error *err)
{
    auto_free char *name = NULL;
    auto_close int fd = tenon_root_open(dirfd, path, O_PATH, 0, err);
    struct stat st;
    if (fd < 0)
        return err->code;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return add_entry(fd, ".", "", 0, out, err);
    const char *last = NULL;
    auto_close int parent = tenon_root_open_parent(dirfd, path, &name, &last, err);
    return parent < 0 ? err->code : add_entry(parent, last, last, 0, out, err);
}

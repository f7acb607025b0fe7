/* tree/entry.c - one entry of a view: its name, its path, its file. */
#include <fcntl.h>
#include <string.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tree/view.h"

int64_t
tenon_stat_mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int64_t
tenon_stat_ctime_ns(const struct stat *st)
{
    return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

struct tenon_entry *
tenon_entry_child(struct tenon_entry *dir, const char *name)
{
    size_t lo = 0, hi = dir->kid_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        struct tenon_entry *e = &dir->kids[mid];
        int cmp = strcmp(name, e->name);
        if (cmp == 0)
            return e->flags & TENON_ENTRY_HIDDEN ? NULL : e;
        if (cmp < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

void
tenon_entry_path(const struct tenon_entry *e, struct tenon_buf *out)
{
    if (!e->parent)
        return;
    size_t before = out->len;
    tenon_entry_path(e->parent, out);
    if (out->len > before)
        tenon_buf_addc(out, '/');
    tenon_buf_adds(out, e->name);
}

int
tenon_view_open(struct tenon_view *v, const struct tenon_entry *e, int dirfd,
                struct tenon_error *err)
{
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    /* O_NONBLOCK: a pipe may have taken the place of the file. */
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    if (S_ISDIR(e->mode))
        flags |= O_DIRECTORY;
    auto_close int fd = -1;
    if (dirfd >= 0 && e->parent) {
        fd = openat(dirfd, e->name, flags);
        if (fd < 0) {
            int sys = errno;
            tenon_entry_path(e, &path);
            return tenon_error_errno(err, sys, "\"/%s\"", path.data);
        }
    } else {
        tenon_entry_path(e, &path);
        fd = tenon_root_open(v->root, path.len ? path.data : ".", flags, 0,
                             err);
        if (fd < 0)
            return fd;
    }
    struct stat st;
    if (S_ISREG(e->mode) && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        tenon_buf_clear(&path);
        tenon_entry_path(e, &path);
        return tenon_error_set(err, TENON_E_UNAVAILABLE,
                               "\"/%s\": is no longer a regular file",
                               tenon_buf_str(&path));
    }
    return tenon_steal_fd(&fd);
}

int
tenon_view_open_path(struct tenon_view *v, const struct tenon_entry *e, struct tenon_error *err)
{
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    tenon_entry_path(e, &path);
    return tenon_root_open(v->root, path.len ? path.data : ".", O_PATH | O_NOFOLLOW, 0, err);
}

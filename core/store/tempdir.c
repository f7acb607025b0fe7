/* store/tempdir.c - directories below tmp/ that live as long as their owner. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "store/private.h"

struct tenon_tempdir {
    int parent; /* the store's */
    char *name, *path;
    int fd;
};

static struct tenon_tempdir *
new_tempdir(int parent, char *name, char *path, int fd)
{
    struct tenon_tempdir *x = tenon_new0(struct tenon_tempdir);
    *x = (struct tenon_tempdir){ parent, name, path, fd };
    return x;
}

int
tenon_tempdir_new(struct tenon_store *s, struct tenon_tempdir **out, struct tenon_error *err)
{
    char *name;
    int fd = store_temp_dir(s, "tempdir", &name, err);
    if (fd < 0)
        return fd;
    *out = new_tempdir(s->tmp_fd, name, tenon_asprintf("%s/tmp/%s", s->path, name), fd);
    return 0;
}

int
tenon_tempdir_new_small(struct tenon_store *s, struct tenon_tempdir **out,
                        struct tenon_error *err)
{
    const char *tmpfs;
    int parent = store_tmpfs(s, &tmpfs);
    if (parent < 0)
        return tenon_tempdir_new(s, out, err);
    auto_free char *name = store_temp_name("s"); /* the whole tmpfs is locked */
    auto_free char *path = tenon_asprintf("%s/tmp/%s/%s", s->path, tmpfs, name);
    if (mkdirat(parent, name, 0700) < 0)
        return tenon_error_sys(err, "make %s", path);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", path);
    *out = new_tempdir(parent, tenon_steal(&name), tenon_steal(&path), fd);
    return 0;
}

const char *
tenon_tempdir_path(struct tenon_tempdir *x)
{
    return x->path;
}

int
tenon_tempdir_fd(struct tenon_tempdir *x)
{
    return x->fd;
}

/* Mount points below `path`, as our mount namespace has them. */
static void
unmount_below(const char *path)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    if (tenon_read_file("/proc/self/mountinfo", 64 << 20, &b, &ignored) < 0)
        return;
    TENON_VEC(char *) points = {0};
    size_t len = strlen(path);
    char *rest = tenon_buf_steal(&b);
    char *text = rest;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        char *field = line;
        for (int i = 0; i < 4 && field; i++)
            strsep(&field, " ");
        char *point = field ? strsep(&field, " ") : NULL;
        if (point && !strncmp(point, path, len) && (point[len] == '/' || !point[len]))
            tenon_vec_push(&points, point);
    }
    for (size_t i = points.len; i-- > 0;) /* later mounts first */
        tenon_unmount(points.items[i]);
    tenon_vec_release(&points);
    free(text);
}

void
tenon_tempdir_free(struct tenon_tempdir *x)
{
    if (!x)
        return;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    /* It never crosses a mount, and stops where one was left. */
    if (tenon_remove_tree(x->parent, x->name, &ignored) < 0) {
        tenon_error_release(&ignored);
        unmount_below(x->path);
        (void)tenon_remove_tree(x->parent, x->name, &ignored);
    }
    close(x->fd);
    free(x->name);
    free(x->path);
    free(x);
}

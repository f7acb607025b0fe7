/* common/export/walk.c - see walk.h. */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"

struct link { /* a file with several names, by its first */
    dev_t dev;
    ino_t ino;
    char *path;
};

struct walk {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    export_visit *visit;
    void *data;
    TENON_VEC(struct link) links; /* open addressing by inode, len is a power of two */
    size_t used;
};

static size_t
slot_of(const struct walk *w, dev_t dev, ino_t ino)
{
    size_t i = (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (w->links.len - 1);
    while (w->links.items[i].path &&
           (w->links.items[i].ino != ino || w->links.items[i].dev != dev))
        i = (i + 1) & (w->links.len - 1);
    return i;
}

/* The first path of this inode, or NULL after remembering this one. */
static const char *
first_name(struct walk *w, const struct stat *st, const char *path)
{
    if (w->used * 2 >= w->links.len) {
        struct link *old = w->links.items;
        size_t n = w->links.len;
        w->links.len = w->links.cap = n ? n * 2 : 64;
        w->links.items = tenon_calloc(w->links.len, sizeof *w->links.items);
        for (size_t i = 0; i < n; i++)
            if (old[i].path)
                w->links.items[slot_of(w, old[i].dev, old[i].ino)] = old[i];
        free(old);
    }
    struct link *l = &w->links.items[slot_of(w, st->st_dev, st->st_ino)];
    if (l->path)
        return l->path;
    *l = (struct link){ st->st_dev, st->st_ino, tenon_strdup(path) };
    w->used++;
    return NULL;
}

int
export_list(const struct tenon_host *host, int dirfd, const char *path, char ***out,
               struct tenon_error *err)
{
    auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return host->error->set(err, TENON_E_FAILED, errno, "read /%s", path);
    fd = -1; /* the stream's */
    TENON_VEC(char *) list = {0};
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            tenon_vec_push(&list, tenon_strdup(e->d_name));
    closedir(dir);
    if (list.len)
        qsort(list.items, list.len, sizeof *list.items, tenon_by_text);
    tenon_vec_push(&list, NULL);
    *out = list.items;
    return TENON_OK;
}

enum { MAX_DEPTH = 512 };

static int
walk_dir(struct walk *w, int dirfd, const char *path, unsigned depth, struct tenon_error *err)
{
    if (depth > MAX_DEPTH)
        return w->host->error->set(err, TENON_E_LIMIT, 0, "/%s: more than %d directories deep",
                                   path, MAX_DEPTH);
    char **names = NULL;
    int rc = export_list(w->host, dirfd, path, &names, err);
    if (rc < 0)
        return rc;
    for (char **n = names; rc == 0 && *n; n++) {
        if (w->host->ctx->cancelled(w->ctx)) {
            rc = w->host->error->set(err, TENON_E_CANCELLED, 0, "export was cancelled");
            break;
        }
        auto_free char *full = *path ? tenon_asprintf("%s/%s", path, *n) : tenon_strdup(*n);
        struct stat st;
        if (fstatat(dirfd, *n, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            rc = w->host->error->set(err, TENON_E_FAILED, errno, "stat /%s", full);
            break;
        }
        struct export_entry e = { .path = full, .name = *n, .dirfd = dirfd, .st = &st };
        /* A symbolic link is one of its own each time, as with BuildKit. */
        if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode) && st.st_nlink > 1)
            e.first = first_name(w, &st, full);
        rc = w->visit(w->data, &e, err);
        if (rc == 0 && S_ISDIR(st.st_mode)) {
            auto_close int sub = openat(dirfd, *n, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            rc = sub < 0 ? w->host->error->set(err, TENON_E_FAILED, errno, "open /%s", full)
                         : walk_dir(w, sub, full, depth + 1, err);
        }
    }
    tenon_strv_free(names);
    return rc;
}

int
export_walk(const struct tenon_host *host, struct tenon_ctx *ctx, int rootfd,
               export_visit *visit, void *data, struct tenon_error *err)
{
    struct walk w = { .host = host, .ctx = ctx, .visit = visit, .data = data };
    auto_close int fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "open the result");
    int rc = walk_dir(&w, fd, "", 0, err);
    tenon_vec_foreach(l, &w.links)
        free(l->path);
    tenon_vec_release(&w.links);
    return rc;
}

bool
export_several(const struct tenon_host *host, const struct tenon_result *r)
{
    size_t len;

    return host->result->count(r) > 1 || host->result->get(r, "tenon.force-index", &len) != NULL;
}

bool
export_split(const struct tenon_host *host, const struct tenon_values *options,
                const struct tenon_result *r)
{
    if (host->values->given(options, "platform-split"))
        return host->values->get_bool(options, "platform-split");
    return export_several(host, r);
}

char *
export_platform_dir(const char *platform)
{
    char *dir = tenon_strdup(platform);
    for (char *c = dir; *c; c++)
        if (*c == '/')
            *c = '_';
    return dir;
}

/* image/lower.c - see lower.h.  The rules are those of the kernel's overlayfs: an entry
 * hides what is below when it is not a directory, or a whiteout, or opaque. */
#include "image/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/vec.h"

void
tenon_lower_release(struct tenon_lower *l)
{
    for (size_t i = 0; i < l->len; i++)
        close(l->fds[i]);
    free(l->fds);
    *l = (struct tenon_lower){0};
}

char
tenon_overlay_attr(int fd, const char *which)
{
    static const char *const spelling[] = {"trusted", "user"};
    char path[64], name[64], value[4096];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < tenon_countof(spelling); i++) {
        snprintf(name, sizeof name, "%s.overlay.%s", spelling[i], which);
        ssize_t n = getxattr(path, name, value, sizeof value);
        if (n > 0)
            return value[0];
        if (n == 0)
            return 'y'; /* an empty metacopy means yes */
    }
    return 0;
}

/* Of a layer that is in a chain several times the topmost is what is seen. */
static bool
is_among(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

int
tenon_lower_open(struct tenon_store *s, const struct tenon_chain *chain,
                 struct tenon_lower *out, struct tenon_error *err)
{
    auto_lower struct tenon_lower l = {0};
    size_t len = chain ? chain->len : 0;
    l.store = s;
    l.fds = tenon_calloc(len + 1, sizeof *l.fds);
    auto_free int64_t *opened = tenon_calloc(len + 1, sizeof *opened);
    for (size_t i = len; i-- > 0;) {
        if (is_among(opened, l.len, chain->ids[i]))
            continue;
        int fd = tenon_snapshot_open(s, chain->ids[i], err);
        if (fd < 0)
            return err->code;
        opened[l.len] = chain->ids[i];
        l.fds[l.len++] = fd;
    }
    *out = l;
    l = (struct tenon_lower){0};
    return 0;
}

int
tenon_lower_find(const struct tenon_lower *l, const char *name, struct stat *st,
                 struct tenon_lower *sub, int *at, struct tenon_error *err)
{
    auto_lower struct tenon_lower found = {0};
    for (size_t i = 0; i < l->len; i++) {
        struct stat here;
        if (fstatat(l->fds[i], name, &here, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT)
                continue;
            return tenon_error_sys(err, "stat \"%s\" in a lower layer", name);
        }
        if (tenon_snapshot_is_gone(l->store, l->fds[i], name, &here))
            break;
        if (!S_ISDIR(here.st_mode)) {
            if (found.len > 0)
                break;
            *st = here;
            *at = l->fds[i];
            return 1;
        }
        int fd = openat(l->fds[i], name,
                        O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return tenon_error_sys(err, "open \"%s\" in a lower layer", name);
        if (found.len == 0) {
            found.fds = tenon_calloc(l->len - i, sizeof *found.fds);
            found.store = l->store;
            *st = here;
        }
        found.fds[found.len++] = fd;
        if (tenon_overlay_attr(fd, "opaque") == 'y')
            break;
    }
    if (found.len == 0)
        return 0;
    *at = -1;
    *sub = found;
    found = (struct tenon_lower){0};
    return 1;
}

int
tenon_lower_list(const struct tenon_lower *l, char ***names,
                 struct tenon_error *err)
{
    TENON_VEC(char *) all = {0};
    int rc = 0;
    for (size_t i = 0; i < l->len && rc == 0; i++) {
        char **part = NULL;
        rc = tenon_dir_names(l->fds[i], &part, err);
        if (rc < 0)
            break;
        for (char **p = part; *p; p++)
            tenon_vec_push(&all, *p);
        free(part);
    }
    if (all.len > 1)
        qsort(all.items, all.len, sizeof *all.items, tenon_by_text);
    /* once each, and only what the parts together still show */
    size_t kept = 0;
    for (size_t i = 0; i < all.len; i++) {
        struct stat st;
        int at, there = 0;
        auto_lower struct tenon_lower sub = {0};
        bool again = kept > 0 && tenon_streq(all.items[kept - 1], all.items[i]);
        if (rc == 0 && !again) {
            there = tenon_lower_find(l, all.items[i], &st, &sub, &at, err);
            if (there < 0)
                rc = there;
        }
        if (there > 0)
            all.items[kept++] = all.items[i];
        else
            free(all.items[i]);
    }
    all.len = kept;
    tenon_vec_push(&all, NULL);
    if (rc < 0) {
        tenon_strv_free(all.items);
        return rc;
    }
    *names = all.items;
    return 0;
}

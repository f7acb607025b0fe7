/* tree/place.c - see place.h. */
#include "tree/place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"

void
tenon_place_times(int64_t x_ns, struct timespec out[2])
{
    int64_t ns = x_ns % 1000000000;
    int64_t s = x_ns / 1000000000;
    if (ns < 0) { /* before 1970 */
        ns += 1000000000;
        s--;
    }
    out[0].tv_sec = s;
    out[0].tv_nsec = (long)ns;
    out[1] = out[0];
}

void
tenon_made_dirs_release(struct tenon_made_dirs *m)
{
    tenon_vec_foreach(p, &m->paths)
        free(*p);
    tenon_vec_release(&m->paths);
}

int
tenon_place_resolve(int dst, const char *path, char **out,
                    struct tenon_error *err)
{
    int rc = tenon_root_realpath(dst, path, out, err);
    if (rc < 0 && err->sys == ELOOP)
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\": too many links",
                               path);
    return rc;
}

static void
note_made(struct tenon_made_dirs *made, const char *real, unsigned count)
{
    size_t first = made->paths.len;
    auto_free char *path = tenon_strdup(real);
    for (; count && path[1]; count--) {
        tenon_vec_push(&made->paths, tenon_strdup(path));
        char *slash = strrchr(path, '/');
        slash[slash == path] = '\0';
    }
    for (size_t a = first, b = made->paths.len; a + 1 < b; a++, b--) {
        char *swap = made->paths.items[a];
        made->paths.items[a] = made->paths.items[b - 1];
        made->paths.items[b - 1] = swap;
    }
}

int
tenon_place_mkdir_p(int dst, const char *path, uint32_t mode,
                    const struct tenon_owner *owner,
                    struct tenon_made_dirs *made, struct tenon_error *err)
{
    uint32_t uid = owner && owner->set ? owner->uid : (uint32_t)-1;
    uint32_t gid = owner && owner->set ? owner->gid : (uint32_t)-1;
    unsigned count = 0;
    auto_close int fd =
        tenon_root_mkdir_p(dst, path, mode & 0777, uid, gid, &count, err);
    if (fd < 0) {
        if (err->sys == ELOOP)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "\"%s\": too many links", path);
        if (err->sys == ENOTDIR)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "cannot make directory \"%s\": "
                                   "not a directory", path);
        return tenon_error_context(err, "make directory");
    }
    if (!made || !count)
        return 0;
    auto_free char *real = NULL;
    int rc = tenon_place_resolve(dst, path, &real, err);
    if (rc < 0)
        return rc;
    note_made(made, real, count);
    return 0;
}

int
tenon_place_parent(int dst, const char *path, const char **name,
                   struct tenon_error *err)
{
    const char *slash = strrchr(path, '/');
    auto_free char *dir = tenon_strndup(path, (size_t)(slash - path));
    int fd = tenon_root_open(dst, *dir ? dir : "/", O_RDONLY | O_DIRECTORY, 0,
                             err);
    if (fd >= 0)
        *name = slash + 1;
    return fd;
}

int
tenon_place_fix_times(int dst, const struct tenon_made_dirs *made,
                      int64_t timestamp_ns, struct tenon_error *err)
{
    if (timestamp_ns < 0)
        return 0;
    struct timespec times[2];
    tenon_place_times(timestamp_ns, times);
    tenon_vec_foreach(p, &made->paths)
    {
        auto_close int fd = tenon_root_open(dst, *p, O_RDONLY | O_DIRECTORY, 0,
                                            err);
        if (fd < 0)
            return fd;
        if (futimens(fd, times) < 0)
            return tenon_error_sys(err, "set times of \"%s\"", *p);
    }
    return 0;
}

void
tenon_place_unmake(int dst, const struct tenon_made_dirs *made)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    for (size_t i = made->paths.len; i-- > 0;) {
        const char *name;
        auto_close int dir =
            tenon_place_parent(dst, made->paths.items[i], &name, &ignored);
        if (dir < 0 || unlinkat(dir, name, AT_REMOVEDIR) < 0)
            return;
    }
}

/* common/export/remove.c - see remove.h. */
#include "remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"

enum { MAX_DEPTH = 1000 };

static int
failed(const struct tenon_host *host, const char *path, struct tenon_error *err)
{
    return host->error->set(err, TENON_E_FAILED, errno, "replace %s", path);
}

static int
remove_at(const struct tenon_host *host, int dirfd, const char *name, const char *path,
          unsigned depth, struct tenon_error *err)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return TENON_OK;
    if (errno != EISDIR && errno != EPERM)
        return failed(host, path, err);
    const int sys = errno;
    /* What is mounted says so here, before anything in it is gone. */
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
        return TENON_OK;
    if (errno == ENOTDIR)
        errno = sys;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return failed(host, path, err);
    if (depth > MAX_DEPTH)
        return host->error->set(err, TENON_E_LIMIT, 0, "replace %s: too deep", path);
    char **names = NULL;
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(host, path, err);
    int rc = export_list(host, fd, path, &names, err);
    for (char **n = names; rc == 0 && n && *n; n++)
        rc = remove_at(host, fd, *n, path, depth + 1, err);
    tenon_strv_free(names);
    if (rc == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
        rc = failed(host, path, err);
    return rc;
}

int
export_remove(const struct tenon_host *host, int dirfd, const char *name, const char *path,
                 struct tenon_error *err)
{
    return remove_at(host, dirfd, name, path, 0, err);
}

static int
remove_others(const struct tenon_host *host, struct tenon_ctx *ctx, int dirfd, const char *path,
              const struct export_seen *keep, struct tenon_error *err)
{
    char **names = NULL;
    int rc = export_list(host, dirfd, path, &names, err);
    for (char **n = names; rc == 0 && n && *n; n++) {
        auto_free char *full = *path ? tenon_asprintf("%s/%s", path, *n) : tenon_strdup(*n);
        if (host->ctx->cancelled(ctx)) {
            rc = host->error->set(err, TENON_E_CANCELLED, 0, "export was cancelled");
        } else if (!export_seen_has(keep, full)) {
            rc = export_remove(host, dirfd, *n, full, err);
        } else {
            auto_close int fd = openat(dirfd, *n, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (fd < 0 && errno != ENOTDIR && errno != ELOOP && errno != ENOENT)
                rc = failed(host, full, err);
            if (fd >= 0)
                rc = remove_others(host, ctx, fd, full, keep, err);
        }
    }
    tenon_strv_free(names);
    return rc;
}

int
export_remove_others(const struct tenon_host *host, struct tenon_ctx *ctx, int dirfd,
                        const struct export_seen *keep, struct tenon_error *err)
{
    return remove_others(host, ctx, dirfd, "", keep, err);
}

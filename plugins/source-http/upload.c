/* source-http/upload.c - what a client sends along instead of a URL of the web. */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/cleanup.h"

#define PREFIX "http://buildkit-session/"

const char *
http_upload_name(const char *url)
{
    return strncmp(url, PREFIX, strlen(PREFIX)) == 0 ? url + strlen(PREFIX) : NULL;
}

/* Where the user's session has no uploads it has one, as a directory. */
static int
open_dir(const struct tenon_host *host, struct tenon_ctx *ctx, const char *name,
         struct tenon_error *err)
{
    const int dir = host->client->open(ctx, "upload", name, err);
    if (dir >= 0 || host->error->code(err) != TENON_E_UNSUPPORTED)
        return dir;
    host->error->clear(err);
    if (strcmp(name, "upload"))
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "upload \"%s\": there is none", name);
    return host->client->open(ctx, "local", name, err);
}

int
http_upload_open(const struct tenon_host *host, struct tenon_ctx *ctx, const char *name,
                 struct tenon_error *err)
{
    struct stat st;
    auto_close int dir = open_dir(host, ctx, name, err);
    if (dir < 0)
        return host->error->context(err, "upload \"%s\"", name);
    /* A FIFO would wait for somebody. */
    auto_close int fd = openat(dir, "context", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return host->error->set(err, errno == ENOENT ? TENON_E_NOT_FOUND : TENON_E_FAILED, errno,
                                "upload \"%s\"", name);
    if (!S_ISREG(st.st_mode))
        return host->error->set(err, TENON_E_INVALID, 0, "upload \"%s\": not a regular file", name);
    return tenon_steal_fd(&fd);
}

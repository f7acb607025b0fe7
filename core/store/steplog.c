/* store/steplog.c - the files that keep what steps print. */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

int
tenon_log_file(struct tenon_store *s, const char *build, const char *step, struct tenon_error *err)
{
    auto_free char *dir = tenon_asprintf("logs/%s", build);
    auto_free char *path = tenon_asprintf("logs/%s/%s", build, step);
    for (char *c = path + strlen(dir) + 1; *c; c++)
        if (*c == '/' || *c == ':')
            *c = '-';
    if (tenon_mkdir_p(s->fd, dir, 0700, err) < 0)
        return err->code;
    int fd = openat(s->fd, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? tenon_error_sys(err, "create %s/%s", s->path, path) : fd;
}

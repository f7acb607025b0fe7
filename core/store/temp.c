/* store/temp.c - names and locked directories below tmp/, each of one process. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "store/private.h"

/* Of the process: it may have the store open several times, and names are taken by renaming. */
static unsigned temp_serial; /* atomic */

char *
store_temp_name(const char *prefix)
{
    unsigned n = __atomic_fetch_add(&temp_serial, 1, __ATOMIC_RELAXED);
    return tenon_asprintf("%s-%ld-%u", prefix, (long)getpid(), n);
}

/* A name may be taken by a dead process that had our number, as the first process of
 * each container has the same one: then comes the next name.  Until the new directory
 * is locked a sweep may take it for a dead process's, and another one is made. */
int
store_temp_dir(struct tenon_store *s, const char *prefix, char **name, struct tenon_error *err)
{
    *name = NULL;
    for (;;) {
        auto_free char *own = store_temp_name(prefix);
        if (mkdirat(s->tmp_fd, own, 0700) < 0) {
            if (errno == EEXIST)
                continue;
            return tenon_error_sys(err, "make %s/tmp/%s", s->path, own);
        }
        auto_close int fd = openat(s->tmp_fd, own, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return tenon_error_sys(err, "open %s/tmp/%s", s->path, own);
        int rc = store_flock(fd, LOCK_EX | LOCK_NB);
        if (rc == -EWOULDBLOCK)
            continue;
        if (rc < 0)
            return tenon_error_errno(err, -rc, "lock %s/tmp/%s", s->path, own);
        if (!store_still_there(s->tmp_fd, own, fd))
            continue;
        *name = tenon_steal(&own);
        return tenon_steal_fd(&fd);
    }
}

/* store/flock.c - the kernel's locks on open files, which end with their process. */
#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "store/private.h"

int
store_flock(int fd, int operation)
{
    while (flock(fd, operation) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

bool
store_still_there(int dir, const char *name, int fd)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

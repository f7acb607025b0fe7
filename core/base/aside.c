/* base/aside.c - see aside.h. */
#include "base/aside.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"

int
tenon_aside_close(int *fd, struct tenon_aside *a, struct tenon_error *err)
{
    struct stat st;
    if (fstat(*fd, &st) < 0)
        return tenon_error_sys(err, "stat a directory");
    *a = (struct tenon_aside){st.st_dev, st.st_ino};
    close(tenon_steal_fd(fd));
    return 0;
}

int
tenon_aside_open(int inner, int *fd, struct tenon_aside *a, struct tenon_error *err)
{
    struct stat st;
    if (!a->ino)
        return 0;
    auto_close int up = openat(inner, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (up < 0 || fstat(up, &st) < 0)
        return tenon_error_sys(err, "open the directory above");
    if (st.st_dev != a->dev || st.st_ino != a->ino)
        return tenon_error_set(err, TENON_E_FAILED, "a directory was moved while it was walked");
    *fd = tenon_steal_fd(&up);
    *a = (struct tenon_aside){0};
    return 0;
}

/* fail-nth.so - for LD_PRELOAD: of the calls that change files below the directory
 * FAIL_BELOW, number FAIL_NTH fails, as on a disk that is full or lost.  Each call is a
 * line in the file FAIL_LOG; the one that failed begins with "!".
 *
 * Reflinks and copies within the kernel are refused, so that data goes by write(2). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static int
is_below(const char *path)
{
    const char *dir = getenv("FAIL_BELOW");
    size_t n = dir ? strlen(dir) : 0;
    return n && !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

static int
place_of(int fd, char path[PATH_MAX])
{
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return n > 0;
}

/* Is this the one that fails?  Keeps errno. */
static int
fails(const char *call, const char *path)
{
    const char *nth = getenv("FAIL_NTH"), *log = getenv("FAIL_LOG");
    int saved = errno;
    int it = atomic_fetch_add(&calls, 1) + 1 == (nth ? atol(nth) : 0);
    char line[PATH_MAX + 40];
    int len = snprintf(line, sizeof line, "%s%s %s\n", it ? "!" : "", call, path);
    int fd = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd >= 0) {
        syscall(SYS_write, fd, line, len);
        syscall(SYS_close, fd);
    }
    errno = saved;
    return it;
}

static int
fd_fails(const char *call, int fd)
{
    char path[PATH_MAX];
    return place_of(fd, path) && is_below(path) && fails(call, path);
}

static int
name_fails(const char *call, int dirfd, const char *name)
{
    char path[2 * PATH_MAX];
    if (name[0] == '/' || dirfd == AT_FDCWD)
        snprintf(path, sizeof path, "%s", name);
    else if (place_of(dirfd, path))
        snprintf(path + strlen(path), PATH_MAX, "/%s", name);
    else
        return 0;
    return is_below(path) && fails(call, path);
}

static int
fail(int code)
{
    errno = code;
    return -1;
}

#define REAL(result, name, ...)                                                     \
    static result (*real)(__VA_ARGS__);                                              \
    if (!real)                                                                       \
        *(void **)&real = dlsym(RTLD_NEXT, #name)

ssize_t
write(int fd, const void *data, size_t len)
{
    REAL(ssize_t, write, int, const void *, size_t);
    return fd_fails("write", fd) ? fail(ENOSPC) : real(fd, data, len);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return fd_fails("write", fd) ? fail(ENOSPC) : real(fd, v, count);
}

ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags)
{
    char path[PATH_MAX];
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    return place_of(out, path) && is_below(path) ? fail(EXDEV)
                                                  : real(in, in_at, out, out_at, len, flags);
}

int
ioctl(int fd, unsigned long request, ...)
{
    char path[PATH_MAX];
    va_list ap;
    va_start(ap, request);
    void *argument = va_arg(ap, void *);
    va_end(ap);
    REAL(int, ioctl, int, unsigned long, ...);
    return request == FICLONE && place_of(fd, path) && is_below(path)
               ? fail(EOPNOTSUPP) : real(fd, request, argument);
}

/* Nothing is lost with it: whether something could be made here was tried. */
static int
is_trial(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && !st.st_nlink && !st.st_size;
}

int
close(int fd)
{
    REAL(int, close, int);
    int flags = getenv("FAIL_BELOW") ? fcntl(fd, F_GETFL) : -1;
    int bad = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && !is_trial(fd) &&
              fd_fails("close", fd);
    int r = real(fd);
    return bad ? fail(EIO) : r;
}

int
fchmod(int fd, mode_t mode)
{
    REAL(int, fchmod, int, mode_t);
    return fd_fails("fchmod", fd) ? fail(EIO) : real(fd, mode);
}

int
futimens(int fd, const struct timespec times[2])
{
    REAL(int, futimens, int, const struct timespec *);
    return fd_fails("futimens", fd) ? fail(EIO) : real(fd, times);
}

int
mkdirat(int dirfd, const char *name, mode_t mode)
{
    REAL(int, mkdirat, int, const char *, mode_t);
    if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return real(dirfd, name, mode); /* is there, and that is no failure */
    return name_fails("mkdir", dirfd, name) ? fail(ENOSPC) : real(dirfd, name, mode);
}

int
symlinkat(const char *to, int dirfd, const char *name)
{
    REAL(int, symlinkat, const char *, int, const char *);
    return name_fails("symlink", dirfd, name) ? fail(ENOSPC) : real(to, dirfd, name);
}

int
mknodat(int dirfd, const char *name, mode_t mode, dev_t dev)
{
    REAL(int, mknodat, int, const char *, mode_t, dev_t);
    return name_fails("mknod", dirfd, name) ? fail(ENOSPC) : real(dirfd, name, mode, dev);
}

int
linkat(int from, const char *old, int to, const char *name, int flags)
{
    REAL(int, linkat, int, const char *, int, const char *, int);
    return name_fails("link", to, name) ? fail(ENOSPC) : real(from, old, to, name, flags);
}

int
rename(const char *old, const char *name)
{
    REAL(int, rename, const char *, const char *);
    return name_fails("rename", AT_FDCWD, name) ? fail(EIO) : real(old, name);
}

int
renameat(int from, const char *old, int to, const char *name)
{
    REAL(int, renameat, int, const char *, int, const char *);
    return name_fails("rename", to, name) ? fail(EIO) : real(from, old, to, name);
}

static int
opened(int dirfd, const char *name, int flags, mode_t mode)
{
    if ((flags & O_CREAT) && name_fails("create", dirfd, name))
        return fail(ENOSPC);
    return (int)syscall(SYS_openat, dirfd, name, flags, mode);
}

#define MODE                                                                         \
    mode_t mode = 0;                                                                 \
    if (flags & (O_CREAT | O_TMPFILE)) {                                             \
        va_list ap;                                                                  \
        va_start(ap, flags);                                                         \
        mode = va_arg(ap, mode_t);                                                   \
        va_end(ap);                                                                  \
    }
int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int
openat(int dirfd, const char *name, int flags, ...)
{
    MODE return opened(dirfd, name, flags, mode);
}
int
openat64(int dirfd, const char *name, int flags, ...)
{
    MODE return opened(dirfd, name, flags, mode);
}

/* cli/destination.c - see destination.h. */
#include "destination.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/ownership.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "cli.h"

enum { LINKS_MAX = 40, /* the kernel's */ NAMES_MAX = 100 };

/* ---- names --------------------------------------------------------------- */

static char *
parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash         ? tenon_strdup(".")
           : slash == path ? tenon_strdup("/")
                           : tenon_strndup(path, (size_t)(slash - path));
}

/* Where the link of this name leads to; NULL: it is none. */
static char *
target_of(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
        return NULL;
    target[n] = '\0';
    auto_free char *dir = parent_of(path);
    return *target == '/' ? tenon_strdup(target) : tenon_asprintf("%s/%s", dir, target);
}

/* What is there, or will be, where the last component is a link. */
static char *
follow(const char *path)
{
    char *real = tenon_strdup(path);
    for (int i = 0; i < LINKS_MAX; i++) {
        char *next = target_of(real);
        if (!next)
            break;
        free(real);
        real = next;
    }
    return real;
}

/* Names that mean a number, with which there is something else while a build runs. */
static bool
is_stdout_name(const char *path)
{
    static const char *const names[] = { "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (!strcmp(path, names[i]))
            return true;
    return false;
}

bool
destination_is_stdout(const char *path, int out)
{
    struct stat there, own;
    if (stat(path, &there) == 0 && S_ISREG(there.st_mode) && fstat(out, &own) == 0 &&
        own.st_dev == there.st_dev && own.st_ino == there.st_ino)
        return true;
    auto_free char *name = tenon_strdup(path);
    for (int i = 0; name && i < LINKS_MAX; i++) {
        if (is_stdout_name(name))
            return true;
        char *next = target_of(name);
        free(name);
        name = next;
    }
    return false;
}

char *
destination_name(const char *path)
{
    char whole[PATH_MAX];
    if (realpath(path, whole))
        return tenon_strdup(whole);
    auto_free char *real = follow(path);
    /* What is not there will be made, as directories and no links. */
    auto_free char *up = parent_of(real);
    while (!realpath(up, whole)) {
        if (!strcmp(up, ".") || !strcmp(up, "/")) {
            strcpy(whole, "/"); /* our own directory is gone */
            break;
        }
        char *next = parent_of(up);
        free(up);
        up = next;
    }
    auto_free char *all = tenon_asprintf("%s/%s", whole,
                                         strcmp(up, ".") ? real + strlen(up) : real);
    return tenon_path_clean(all);
}

/* The descriptor of ours that goes there, or 0. */
static int
own_output(const struct stat *there)
{
    struct stat own;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &own) == 0 && own.st_dev == there->st_dev && own.st_ino == there->st_ino)
            return fd;
    return 0;
}

/* Links below /proc do not say where they lead to. */
static bool
is_there(const char *path, const struct stat *st)
{
    struct stat found;
    return lstat(path, &found) == 0 && found.st_dev == st->st_dev && found.st_ino == st->st_ino;
}

/* ---- before -------------------------------------------------------------- */

static int
useless(const char *path, int sys, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_INVALID, "destination \"%s\": %s", path, strerror(sys));
}

static int
wrong_kind(const char *path, bool is_dir, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_INVALID,
                           is_dir ? "destination \"%s\" is a directory, expected a file"
                                  : "destination \"%s\" is a file, expected a directory", path);
}

/* A link or a file that waits in /tmp for who writes there next. */
static int
refuse_planted(const char *path, struct tenon_error *err)
{
    if (tenon_vet_shared(path, err) == 0)
        return TENON_OK;
    err->code = TENON_E_INVALID; /* known before the build, as other places of no use */
    return tenon_error_context(err, "destination \"%s\"", path);
}

/* Another build that was killed, or another output of ours, may have left one. */
static bool
next_name(struct destination *d, const char *dir)
{
    free(d->temp);
    d->temp = tenon_asprintf("%s/.tenon-%ld-%u", dir, (long)getpid(), d->tries++);
    return d->tries < NAMES_MAX;
}

/* The kernel's own trees say that they can be written to, and take nothing: something is made
 * there, of no name where the file system has that, and removed.  0 or errno. */
static int
try_in(const char *dir, bool directory)
{
    auto_close int nameless = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    struct destination d = { .fd = -1 };
    int rc = nameless < 0 ? EEXIST : 0;
    while (rc == EEXIST && next_name(&d, dir)) {
        auto_close int fd = directory ? -1 : open(d.temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
                                                  O_NOFOLLOW, 0600);
        rc = (directory ? mkdir(d.temp, 0700) : fd) < 0 ? errno : 0;
        if (rc == 0)
            directory ? rmdir(d.temp) : unlink(d.temp);
    }
    free(d.temp);
    return rc;
}

/* Can something be made in dir, once its own directories are made? */
static int
check_parents(const char *path, const char *dir, struct tenon_error *err)
{
    auto_free char *p = tenon_strdup(dir);
    for (;;) {
        struct stat st;
        if (stat(p, &st) == 0 && !S_ISDIR(st.st_mode))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "destination \"%s\": \"%s\" is not a directory", path, p);
        if (faccessat(AT_FDCWD, p, W_OK | X_OK, AT_EACCESS) == 0) {
            const int rc = try_in(p, strcmp(p, dir) != 0);
            return rc ? useless(path, rc, err) : TENON_OK;
        }
        if ((errno != ENOENT && errno != ENOTDIR) || lstat(p, &st) == 0)
            return useless(path, errno, err);
        char *up = parent_of(p);
        free(p);
        p = up;
    }
}

int
destination_check_file(const char *path, struct tenon_error *err)
{
    struct stat st;
    size_t len = strlen(path);
    if (!len)
        return tenon_error_set(err, TENON_E_INVALID, "destination is empty");
    if (refuse_planted(path, err) < 0)
        return err->code;
    bool exists = stat(path, &st) == 0;
    if (!exists && errno != ENOENT && errno != ENOTDIR)
        return useless(path, errno, err);
    if (exists ? S_ISDIR(st.st_mode) : path[len - 1] == '/')
        return wrong_kind(path, true, err);
    if (exists && own_output(&st))
        return TENON_OK;
    /* What cannot be replaced may still be written to. */
    if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
        return TENON_OK;
    if (exists && !S_ISREG(st.st_mode))
        return useless(path, errno, err);
    auto_free char *real = follow(path);
    auto_free char *dir = parent_of(real);
    return check_parents(path, dir, err);
}

int
destination_check_dir(const char *path, struct tenon_error *err)
{
    struct stat st;
    if (!*path)
        return tenon_error_set(err, TENON_E_INVALID, "destination is empty");
    if (refuse_planted(path, err) < 0)
        return err->code;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return wrong_kind(path, false, err);
    return check_parents(path, path, err);
}

int
destination_clear(const char *path, struct tenon_error *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return TENON_OK;
    if (refuse_planted(path, err) < 0)
        return err->code;
    if (S_ISREG(st.st_mode) && unlink(path) == 0)
        return TENON_OK;
    if (S_ISREG(st.st_mode) && errno != EBUSY && errno != EACCES && errno != EPERM &&
        errno != EROFS)
        return tenon_error_sys(err, "remove %s", path);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && !own_output(&st) && truncate(path, 0) < 0)
        return tenon_error_sys(err, "empty %s", path);
    return TENON_OK;
}

/* ---- one file ------------------------------------------------------------ */

static int
failed(struct destination *d, const char *what, struct tenon_error *err)
{
    tenon_error_sys(err, "%s %s", what, d->path);
    destination_abort(d);
    return err->code;
}

/* A file that goes with us if we are killed; where the file system has none, one with a
 * name. */
static void
open_beside(struct destination *d, const char *dir)
{
    d->fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, cli_result_mode(0666));
    d->nameless = d->fd >= 0;
    while (next_name(d, dir) && d->fd < 0) {
        d->fd = open(d->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                     cli_result_mode(0666));
        if (d->fd < 0 && errno != EEXIST)
            break;
    }
    if (d->fd < 0) { /* what has the name is not ours */
        int saved = errno;
        free(d->temp);
        d->temp = NULL;
        errno = saved;
    }
}

static void
write_directly(struct destination *d, const char *path)
{
    d->fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
}

/* As what it will replace. */
static int
adopt(struct destination *d, const struct stat *old, struct tenon_error *err)
{
    struct stat st;
    if (fstat(d->fd, &st) < 0)
        return failed(d, "stat", err);
    /* A user who may not give files away writes one of their own. */
    if ((st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
        fchown(d->fd, old->st_uid, old->st_gid) < 0 && errno != EPERM && errno != EINVAL)
        return failed(d, "set the owner of", err);
    return fchmod(d->fd, old->st_mode & 07777) < 0 ? failed(d, "set the mode of", err) : TENON_OK;
}

int
destination_open(const char *path, struct destination *out, struct tenon_error *err)
{
    struct destination d = { .fd = -1 };
    struct stat st;
    if (refuse_planted(path, err) < 0) /* it may have come since */
        return err->code;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return wrong_kind(path, true, err);
    d.path = follow(path);
    int own = exists ? own_output(&st) : 0;
    if (own) {
        d.fd = fcntl(own, F_DUPFD_CLOEXEC, 3); /* others may append to it */
    } else if (exists && (!S_ISREG(st.st_mode) || !is_there(d.path, &st))) {
        write_directly(&d, path);
    } else {
        auto_free char *dir = parent_of(d.path);
        if (!exists && tenon_mkdir_p(AT_FDCWD, dir, cli_result_mode(0777), err) < 0) {
            destination_abort(&d);
            return tenon_error_context(err, "create %s", path);
        }
        open_beside(&d, dir);
        if (d.fd < 0 && exists && (errno == EACCES || errno == EPERM || errno == EROFS))
            write_directly(&d, d.path);
        else if (d.fd >= 0 && exists && adopt(&d, &st, err) < 0)
            return err->code;
    }
    if (d.fd < 0)
        return failed(&d, "create", err);
    *out = d;
    return TENON_OK;
}

/* What another file is mounted on cannot be replaced, nor can another user's in /tmp. */
static int
copy_over(struct destination *d, struct tenon_error *err)
{
    enum { CHUNK = 1 << 16 };
    auto_close int from = open(d->temp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    auto_close int to = from < 0 ? -1 : open(d->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (from < 0 || to < 0)
        return tenon_error_sys(err, "write %s", d->path);
    auto_free char *chunk = tenon_malloc(CHUNK);
    for (;;) {
        int64_t n = tenon_read_full(from, chunk, CHUNK, err);
        if (n < 0 || (n > 0 && tenon_write_all(to, chunk, (size_t)n, err) < 0))
            return tenon_error_context(err, "write %s", d->path);
        if (n == 0)
            break;
    }
    return close(tenon_steal_fd(&to)) < 0 ? tenon_error_sys(err, "close %s", d->path) : TENON_OK;
}

static int
put_in_place(struct destination *d, struct tenon_error *err)
{
    if (rename(d->temp, d->path) == 0)
        return TENON_OK;
    if (errno != EBUSY && errno != EPERM && errno != EACCES)
        return tenon_error_sys(err, "rename to %s", d->path);
    int rc = copy_over(d, err);
    unlink(d->temp);
    return rc;
}

int
destination_commit(struct destination *d, struct tenon_error *err)
{
    /* No call puts a nameless file where another is: it gets a name first. */
    auto_free char *self = tenon_asprintf("/proc/self/fd/%d", d->fd);
    auto_free char *dir = d->nameless ? parent_of(d->path) : NULL;
    while (d->nameless) {
        if (linkat(AT_FDCWD, self, AT_FDCWD, d->temp, AT_SYMLINK_FOLLOW) == 0)
            d->nameless = false;
        else if (errno != EEXIST || !next_name(d, dir))
            return failed(d, "create", err);
    }
    /* Quotas and network file systems report a lost write at close. */
    if (close(tenon_steal_fd(&d->fd)) < 0)
        return failed(d, "close", err);
    if (d->temp && put_in_place(d, err) < 0) {
        destination_abort(d);
        return err->code;
    }
    free(d->temp);
    d->temp = NULL;
    destination_abort(d);
    return TENON_OK;
}

void
destination_abort(struct destination *d)
{
    int saved = errno;
    if (d->fd >= 0)
        close(d->fd);
    if (d->temp && !d->nameless)
        unlink(d->temp);
    free(d->temp);
    free(d->path);
    *d = (struct destination){ .fd = -1 };
    errno = saved;
}

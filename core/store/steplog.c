/* store/steplog.c - the files that keep what steps print. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

uint64_t *
tenon_log_total(struct tenon_store *s)
{
    return &s->log_total;
}

int
tenon_log_file(struct tenon_store *s, const char *build, const char *step, struct tenon_error *err)
{
    auto_free char *dir = tenon_asprintf("logs/%s", build);
    auto_free char *path = tenon_asprintf("logs/%s/%s", build, step);
    __atomic_store_n(&s->left[TENON_LEFT_LOGS], true, __ATOMIC_RELAXED);
    for (char *c = path + strlen(dir) + 1; *c; c++)
        if (*c == '/' || *c == ':')
            *c = '-';
    if (tenon_mkdir_p(s->fd, dir, 0700, err) < 0)
        return err->code;
    int fd = openat(s->fd, path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tenon_error_sys(err, "create %s/%s", s->path, path);
    /* The kernel's times are some milliseconds late, and what is older than the lease of
     * its build could be collected. */
    struct timespec now[2];
    clock_gettime(CLOCK_REALTIME, &now[0]);
    now[1] = now[0];
    utimensat(s->fd, dir, now, 0);
    return fd;
}

int
tenon_log_read(struct tenon_store *s, const char *name)
{
    const char *step = strchr(name, '/');
    if (name[0] == '.' || !step || step[1] == '.' || strchr(step + 1, '/'))
        return -1;
    auto_free char *build = tenon_strndup(name, (size_t)(step - name));
    auto_free char *path = tenon_asprintf("logs/%s", build);
    auto_close int dir = openat(s->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return dir < 0 ? -1 : openat(dir, step + 1, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int64_t
time_of(const struct stat *st)
{
    return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

int
store_log_builds(struct tenon_store *s, char ***names, struct tenon_error *err)
{
    int fd = openat(s->fd, "logs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return errno == ENOENT ? 0 : tenon_error_sys(err, "read %s/logs", s->path);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (e->d_name[0] != '.')
            tenon_strv_push(names, tenon_strdup(e->d_name));
    return 0;
}

void
store_log_measure(struct tenon_store *s, const char *build, int64_t *created_ns,
                  int64_t *used_ns, int64_t *bytes)
{
    auto_free char *path = tenon_asprintf("logs/%s", build);
    int fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct stat st;
    *created_ns = *used_ns = *bytes = 0;
    if (!dir || fstat(fd, &st) < 0)
        return;
    /* The directory is as young as its last step, the files as what they printed. */
    *created_ns = *used_ns = time_of(&st);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (time_of(&st) > *used_ns)
            *used_ns = time_of(&st);
    }
    *bytes = (int64_t)store_disk_bytes(s->fd, path);
}

void
store_log_remove(struct tenon_store *s, const char *build)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* the next one tries again */
    auto_free char *path = tenon_asprintf("logs/%s", build);
    tenon_remove_tree(s->fd, path, &ignored);
}

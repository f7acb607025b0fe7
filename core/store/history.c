/* store/history.c - records of builds: a directory for each, made below tmp/ and moved to where it
 * is found, so that there is all of one or nothing.  What is in them is their writers' business,
 * but for two files: `record` is as old as the end of the build, and `pinned` is there when the
 * record stays. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "store/private.h"

enum { PLAIN_MAX = 100 }; /* bytes of a build's name that is the directory's, too */
static const char hashed[] = "sha256-";

char *
tenon_history_name(const char *ref)
{
    static const char plain[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-";
    const size_t len = strlen(ref);
    struct tenon_digest d;

    if (len && len <= PLAIN_MAX && strspn(ref, plain) == len && ref[0] != '.' &&
        !tenon_has_prefix(ref, hashed))
        return tenon_strdup(ref);
    tenon_digest_of(ref, len, &d);
    return tenon_asprintf("%s%s", hashed, tenon_digest_hex(&d));
}

/* ---- one that is made ---------------------------------------------------- */

struct tenon_history_work {
    struct tenon_store *store;
    char *name; /* in tmp/ */
    int fd;
};

int
tenon_history_begin(struct tenon_store *s, struct tenon_history_work **out,
                    struct tenon_error *err)
{
    char *name;
    const int fd = store_temp_dir(s, "history", &name, err);

    if (fd < 0)
        return fd;
    *out = tenon_new0(struct tenon_history_work);
    **out = (struct tenon_history_work){s, name, fd};
    return TENON_OK;
}

int
tenon_history_work_fd(const struct tenon_history_work *w)
{
    return w->fd;
}

static void
work_free(struct tenon_history_work *w)
{
    close(w->fd);
    free(w->name);
    free(w);
}

void
tenon_history_discard(struct tenon_history_work *w)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;

    if (!w)
        return;
    tenon_remove_tree(w->store->tmp_fd, w->name, &ignored);
    work_free(w);
}

static int
open_all(struct tenon_store *s, struct tenon_error *err)
{
    int fd = openat(s->fd, "history", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT && tenon_mkdir_p(s->fd, "history", 0700, err) == 0)
        fd = openat(s->fd, "history", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 ? fd : err->code ? err->code : tenon_error_sys(err, "open %s/history", s->path);
}

/* Out of the way first, so that no half of it is found.  1: it was there. */
static int
remove_from(struct tenon_store *s, int all, const char *name, struct tenon_error *err)
{
    auto_free char *gone = store_temp_name("history-gone");

    if (renameat(all, name, s->tmp_fd, gone) < 0)
        return errno == ENOENT ? 0 : tenon_error_sys(err, "remove %s/history/%s", s->path, name);
    return tenon_remove_tree(s->tmp_fd, gone, err) < 0 ? err->code : 1;
}

static int
move_in(struct tenon_history_work *w, int all, const char *name, struct tenon_error *err)
{
    struct tenon_store *s = w->store;

    while (renameat(s->tmp_fd, w->name, all, name) < 0) {
        if (errno != ENOTEMPTY && errno != EEXIST)
            return tenon_error_sys(err, "make %s/history/%s", s->path, name);
        if (remove_from(s, all, name, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

int
tenon_history_commit(struct tenon_history_work *w, const char *ref, struct tenon_error *err)
{
    struct tenon_store *s = w->store;
    auto_free char *name = tenon_history_name(ref);
    auto_close int all = open_all(s, err);

    if (all < 0 || move_in(w, all, name, err) < 0) {
        tenon_history_discard(w);
        return err->code;
    }
    auto_free char *path = tenon_asprintf("history/%s", name);
    __atomic_fetch_add(&s->history_bytes, (int64_t)store_disk_bytes(s->fd, path),
                       __ATOMIC_RELAXED);
    __atomic_store_n(&s->left[TENON_LEFT_HISTORY], true, __ATOMIC_RELAXED);
    work_free(w);
    return TENON_OK;
}

/* ---- those that there are ------------------------------------------------ */

int
tenon_history_list(struct tenon_store *s, char ***names, struct tenon_error *err)
{
    auto_close int all = openat(s->fd, "history", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    char **found = NULL;

    *names = NULL;
    if (all < 0)
        return errno == ENOENT ? TENON_OK : tenon_error_sys(err, "open %s/history", s->path);
    if (tenon_dir_names(all, &found, err) < 0)
        return tenon_error_context(err, "store %s", s->path);
    for (char **n = found; n && *n; n++)
        if (**n != '.')
            tenon_strv_push(names, tenon_strdup(*n));
    tenon_strv_free(found);
    return TENON_OK;
}

int
tenon_history_open(struct tenon_store *s, const char *name, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("history/%s", name);
    const int fd = *name && *name != '.' && !strchr(name, '/')
                       ? openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;

    return fd >= 0 ? fd : tenon_error_set(err, TENON_E_NOT_FOUND, "no record of a build %s", name);
}

int
store_history_remove(struct tenon_store *s, const char *name, struct tenon_error *err)
{
    auto_close int all = open_all(s, err);

    if (all < 0)
        return all;
    const int rc = remove_from(s, all, name, err);
    return rc == 0 ? tenon_error_set(err, TENON_E_NOT_FOUND, "no record of a build %s", name)
                   : rc < 0 ? rc : TENON_OK;
}

int
tenon_history_remove(struct tenon_store *s, const char *ref, struct tenon_error *err)
{
    auto_free char *name = tenon_history_name(ref);
    auto_error struct tenon_error other = TENON_ERROR_INIT;
    const int rc = store_history_remove(s, name, err);

    if (rc != TENON_E_NOT_FOUND || !tenon_has_prefix(ref, hashed) || strchr(ref, '/') ||
        store_history_remove(s, ref, &other) < 0)
        return rc;
    tenon_error_release(err); /* the name of a directory: what its record says cannot be known */
    return TENON_OK;
}

int
tenon_history_pin(struct tenon_store *s, const char *ref, bool pinned, struct tenon_error *err)
{
    auto_free char *name = tenon_history_name(ref);
    auto_close int dir = tenon_history_open(s, name, err);

    if (dir < 0)
        return dir;
    if (!pinned)
        return unlinkat(dir, "pinned", 0) == 0 || errno == ENOENT
                   ? TENON_OK : tenon_error_sys(err, "store %s: unpin %s", s->path, ref);
    auto_close int fd = openat(dir, "pinned", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? tenon_error_sys(err, "store %s: pin %s", s->path, ref) : TENON_OK;
}

bool
tenon_history_is_pinned(int dir)
{
    return faccessat(dir, "pinned", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- for du and the collector -------------------------------------------- */

bool
store_history_measure(struct tenon_store *s, const char *name, int64_t *ended_ns, int64_t *bytes)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int dir = tenon_history_open(s, name, &ignored);
    auto_free char *path = tenon_asprintf("history/%s", name);
    struct stat st;

    *ended_ns = 0; /* one without a record is older than all others */
    *bytes = dir < 0 ? 0 : (int64_t)store_disk_bytes(s->fd, path);
    if (dir >= 0 && fstatat(dir, "record", &st, AT_SYMLINK_NOFOLLOW) == 0)
        *ended_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    return *ended_ns && tenon_history_is_pinned(dir);
}

/* Each has a directory, which is a link of the one that they are in, where the file system counts
 * these; -1: it does not. */
static int64_t
count(struct tenon_store *s)
{
    struct stat st;

    return fstatat(s->fd, "history", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink >= 2
               ? (int64_t)st.st_nlink - 2 : -1;
}

/* All of them are measured once in a while only: when there are some too many, when this process
 * wrote more than is one's share, or an hour after the last time.  time() may be a tick behind what
 * the kernel wrote into the file: a second ahead is not yet to come. */
bool
store_history_is_due(struct tenon_store *s)
{
    enum { HOUR = 3600 };
    const struct tenon_bounds *b = &s->bounds[TENON_LEFT_HISTORY];
    const int64_t number = b->number < INT32_MAX ? b->number : INT32_MAX;
    const int64_t most = number + number / 8, there = count(s);
    const int64_t written = __atomic_load_n(&s->history_bytes, __ATOMIC_RELAXED);
    struct stat st;

    if (there >= 0 && there <= most && written <= b->bytes / (most + 1) &&
        fstatat(s->fd, "history/.looked", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        time(NULL) - st.st_mtim.tv_sec < HOUR && time(NULL) >= st.st_mtim.tv_sec - 1)
        return false;
    auto_close int fd = openat(s->fd, "history/.looked",
                               O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        futimens(fd, NULL);
    __atomic_store_n(&s->history_bytes, 0, __ATOMIC_RELAXED);
    return true;
}

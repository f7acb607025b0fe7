/* base/root.c - paths inside a root.
 *
 * Two ways to the same answer: openat2(RESOLVE_IN_ROOT), and a walk that opens
 * one component at a time with O_PATH | O_NOFOLLOW and follows links itself.
 * The walk also serves what openat2 cannot say: the path itself, and making
 * directories on the way. */
#include "root.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "ids.h"
#include "tools/vec.h"

#define MAX_LINKS 40      /* as the kernel */
#define MAX_RETRIES 128   /* of openat2's EAGAIN: renames raced with ".." */
#define MAX_EXPANDED 65536 /* bytes of a path with its links expanded */

/* ---- openat2 ------------------------------------------------------------ */

enum { UNKNOWN, PRESENT, ABSENT };
static atomic_int openat2_state = UNKNOWN;

static int
call_openat2(int rootfd, const char *path, uint64_t flags, uint64_t mode)
{
    struct open_how how = {
        .flags = flags,
        .mode = mode,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, rootfd, path, &how, sizeof how);
}

/* Asked once with a call that can only fail when openat2 is missing or
 * refused: a later EPERM is then about the file. */
static bool
have_openat2(int rootfd)
{
    int state = atomic_load_explicit(&openat2_state, memory_order_relaxed);
    if (state == UNKNOWN) {
        const char *forced = secure_getenv("TENON_NO_OPENAT2");
        state = ABSENT;
        if (!forced || !*forced || tenon_streq(forced, "0")) {
            int fd = call_openat2(rootfd, ".",
                                  O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
            if (fd >= 0)
                close(fd);
            if (fd >= 0)
                state = PRESENT;
            else if (errno != ENOSYS && errno != EPERM)
                return false; /* rootfd is bad; ask again next time */
        }
        atomic_store(&openat2_state, state);
    }
    return state == PRESENT;
}

/* ---- the walk ----------------------------------------------------------- */

enum {
    WALK_NOFOLLOW = 1u << 0, /* leave a link alone when it comes last */
    WALK_MKDIR = 1u << 1,    /* create what is missing; the last, too */
    WALK_LENIENT = 1u << 2,  /* take what is missing as it is written */
};

struct walk {
    int rootfd;
    int dir;              /* O_PATH of the directory reached; -1: the root */
    TENON_VEC(char *) names; /* of dir, then `missing` more */
    size_t missing;
    char *last; /* final component when it is not a directory of the walk */
    bool must_be_dir;
    unsigned links;
    /* for WALK_MKDIR */
    uint32_t mode, uid, gid;
    unsigned made;
};

static void
walk_release(struct walk *w)
{
    if (w->dir >= 0)
        close(w->dir);
    tenon_vec_foreach(name, &w->names)
        free(*name);
    tenon_vec_release(&w->names);
    free(w->last);
}
TENON_DEFINE_AUTO_STRUCT(walk, struct walk, walk_release);
#define auto_walk __attribute__((cleanup(tenon_auto_walk)))

static int
walk_dirfd(const struct walk *w)
{
    return w->dir >= 0 ? w->dir : w->rootfd;
}

static void
walk_set_dir(struct walk *w, int fd)
{
    if (w->dir >= 0)
        close(w->dir);
    w->dir = fd;
}

static void
walk_to_root(struct walk *w)
{
    walk_set_dir(w, -1);
    tenon_vec_foreach(name, &w->names)
        free(*name);
    w->names.len = 0;
    w->missing = 0;
}

/* Go to the parent.  Opening ".." would lead out if the directory were moved
 * meanwhile, so the names are opened again from the root. */
static int
walk_up(struct walk *w)
{
    if (w->names.len == 0)
        return 0;
    free(w->names.items[--w->names.len]);
    if (w->missing) {
        w->missing--;
        return 0;
    }
    walk_set_dir(w, -1);
    tenon_vec_foreach(name, &w->names)
    {
        int fd = openat(walk_dirfd(w), *name,
                        O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -1;
        walk_set_dir(w, fd);
    }
    return 0;
}

/* Make the directory `name` with the mode and owner asked for, and nothing of our umask; that it
 * lies in a set-group-id directory shows, as after any mkdir. */
static int
walk_mkdir(struct walk *w, const char *name)
{
    int dir = walk_dirfd(w);
    if (mkdirat(dir, name, 0700) < 0)
        return errno == EEXIST ? 0 : -1;
    w->made++;
    auto_close int fd = openat(
        dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    bool chown_needed = (w->uid != (uint32_t)-1 && w->uid != st.st_uid) ||
                        (w->gid != (uint32_t)-1 && w->gid != st.st_gid);
    if (chown_needed && fchown(fd, w->uid, w->gid) < 0)
        return -1;
    /* after fchown, which clears the set-id bits */
    return fchmod(fd, (w->mode & 07777) | (st.st_mode & S_ISGID));
}

/* Follow the link that fd is open on: *rest becomes its target and what was left. */
static int
walk_link(struct walk *w, int fd, char **whole, char **rest)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
    if (n < 0)
        return -1;
    if (n == 0) {
        errno = ENOENT;
        return -1;
    }
    target[n] = '\0';
    if (++w->links > MAX_LINKS ||
        (size_t)n + strlen(*rest) > MAX_EXPANDED) {
        errno = ELOOP;
        return -1;
    }
    if (target[0] == '/')
        walk_to_root(w);
    char *joined = tenon_asprintf("%s%s%s", target, **rest ? "/" : "", *rest);
    free(*whole);
    *whole = *rest = joined;
    return 0;
}

/* Resolve path.  Afterwards w->last is set when the final component is not a
 * directory that was entered (a file, a link, or missing); otherwise w->dir is
 * the directory.  -1 with errno. */
static int
walk_path(struct walk *w, const char *path, unsigned flags)
{
    auto_free char *whole = tenon_strdup(path);
    char *rest = whole;
    for (;;) {
        while (*rest == '/')
            rest++;
        if (!*rest)
            return 0;
        char *end = rest + strcspn(rest, "/");
        char *next = end;
        while (*next == '/')
            next++;
        bool last = !*next;
        bool slash = next > end;
        *end = '\0';
        const char *name = rest;
        rest = next;

        if (tenon_streq(name, "."))
            continue;
        if (tenon_streq(name, "..")) {
            if (walk_up(w) < 0)
                return -1;
            continue;
        }
        if (w->missing) {
            tenon_vec_push(&w->names, tenon_strdup(name));
            w->missing++;
            continue;
        }

        auto_close int fd = openat(walk_dirfd(w), name,
                                   O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && (flags & WALK_MKDIR)) {
            if (walk_mkdir(w, name) < 0)
                return -1;
            fd = openat(walk_dirfd(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        }
        if (fd < 0) {
            if (errno != ENOENT)
                return -1;
            if (flags & WALK_LENIENT) {
                tenon_vec_push(&w->names, tenon_strdup(name));
                w->missing++;
                continue;
            }
            if (!last)
                return -1;
            w->last = tenon_strdup(name);
            w->must_be_dir = slash;
            return 0;
        }
        struct stat st;
        if (fstat(fd, &st) < 0)
            return -1;
        if (S_ISDIR(st.st_mode)) {
            tenon_vec_push(&w->names, tenon_strdup(name));
            walk_set_dir(w, tenon_steal_fd(&fd));
            continue;
        }
        if (S_ISLNK(st.st_mode) &&
            !(last && !slash && (flags & WALK_NOFOLLOW))) {
            if (walk_link(w, fd, &whole, &rest) < 0)
                return -1;
            /* a slash after the link is one after its target */
            if (last && slash) {
                char *with = tenon_asprintf("%s/", rest);
                free(whole);
                whole = rest = with;
            }
            continue;
        }
        if (flags & WALK_LENIENT) {
            tenon_vec_push(&w->names, tenon_strdup(name));
            w->missing++;
            continue;
        }
        if (!last || slash || (flags & WALK_MKDIR)) {
            errno = ENOTDIR;
            return -1;
        }
        w->last = tenon_strdup(name);
        return 0;
    }
}

static int
open_by_walk(int rootfd, const char *path, int flags, uint32_t mode)
{
    auto_walk struct walk w = {.rootfd = rootfd, .dir = -1};
    bool exclusive = (flags & O_CREAT) && (flags & O_EXCL);
    unsigned how = (flags & O_NOFOLLOW) || exclusive ? WALK_NOFOLLOW : 0;
    if (walk_path(&w, path, how) < 0)
        return -1;
    if (!w.last) {
        if (exclusive) {
            errno = EEXIST;
            return -1;
        }
        if ((flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE) {
            errno = EISDIR;
            return -1;
        }
        return openat(walk_dirfd(&w), ".", flags, mode);
    }
    if (w.must_be_dir) {
        errno = flags & O_CREAT ? EISDIR : ENOENT;
        return -1;
    }
    /* The walk has followed every link it was to follow. */
    return openat(walk_dirfd(&w), w.last, flags | O_NOFOLLOW, mode);
}

/* ---- the interface ------------------------------------------------------ */

/* Returns a descriptor, or -1 with errno. */
static int
root_open(int rootfd, const char *path, int flags, uint32_t mode)
{
    flags |= O_CLOEXEC;
    /* openat2 refuses what open(2) ignores */
    if (flags & O_PATH)
        flags &= O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
        mode &= 07777;
    else
        mode = 0;
    if (!*path)
        path = ".";

    int fd;
    if (have_openat2(rootfd)) {
        unsigned tries = 0;
        do
            fd = call_openat2(rootfd, path, (uint64_t)(unsigned)flags, mode);
        while (fd < 0 && (errno == EINTR ||
                          (errno == EAGAIN && ++tries < MAX_RETRIES)));
        /* Too busy a place for the kernel to be sure of "..": the walk does
         * not depend on that. */
        if (fd >= 0 || errno != EAGAIN || (flags & O_NONBLOCK))
            return fd;
    }
    do
        fd = open_by_walk(rootfd, path, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int
resolve_error(struct tenon_error *err, const char *path)
{
    int sys = errno;
    /* out of the root by a magic link, or round in circles */
    if (sys == EXDEV) {
        tenon_error_set(err, TENON_E_DENIED, "\"%s\": leads out of the root",
                        path);
        err->sys = sys;
        return err->code;
    }
    return tenon_error_errno(err, sys, "\"%s\"", path);
}

int
tenon_root_open(int rootfd, const char *path, int flags, uint32_t mode,
                struct tenon_error *err)
{
    int fd = root_open(rootfd, path, flags, mode);
    return fd < 0 ? resolve_error(err, path) : fd;
}

int
tenon_root_open_parent(int rootfd, const char *path, char **keep,
                       const char **name, struct tenon_error *err)
{
    auto_free char *copy = tenon_strdup(path);
    size_t len = strlen(copy);
    while (len > 0 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *slash = strrchr(copy, '/');
    char *base = slash ? slash + 1 : copy;

    const char *dir;
    if (!*base || tenon_streq(base, ".") || tenon_streq(base, "..")) {
        /* No name of its own: the directory itself, as ".". */
        auto_free char *all = tenon_strdup(*copy ? copy : "/");
        int fd = tenon_root_open(rootfd, all, O_PATH | O_DIRECTORY, 0, err);
        if (fd < 0)
            return fd;
        *keep = tenon_strdup(".");
        *name = *keep;
        return fd;
    }
    if (slash) {
        *slash = '\0';
        dir = *copy ? copy : "/";
    } else {
        dir = ".";
    }
    int fd = tenon_root_open(rootfd, dir, O_PATH | O_DIRECTORY, 0, err);
    if (fd < 0)
        return fd;
    *name = base;
    *keep = tenon_steal(&copy);
    return fd;
}

int
tenon_root_stat(int rootfd, const char *path, bool follow, struct stat *st,
                struct tenon_error *err)
{
    auto_close int fd =
        root_open(rootfd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
    struct stat found;
    if (fd < 0 || fstat(fd, &found) < 0)
        return resolve_error(err, path);
    *st = found;
    return 0;
}

int
tenon_root_mkdir_p(int rootfd, const char *path, uint32_t mode, uint32_t uid,
                   uint32_t gid, unsigned *made, struct tenon_error *err)
{
    int fd = root_open(rootfd, path, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0) {
        if (made)
            *made = 0;
        return fd;
    }
    if (errno != ENOENT)
        return resolve_error(err, path);

    auto_walk struct walk w = {
        .rootfd = rootfd, .dir = -1, .mode = mode, .uid = uid, .gid = gid};
    if (walk_path(&w, path, WALK_MKDIR) < 0)
        return errno == EINVAL && (uid != (uint32_t)-1 || gid != (uint32_t)-1)
                   ? tenon_error_owner(err, uid, gid, "make directory \"%s\"", path)
                   : resolve_error(err, path);
    if (w.dir >= 0) {
        fd = tenon_steal_fd(&w.dir);
    } else {
        fd = openat(rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return resolve_error(err, path);
    }
    if (made)
        *made = w.made;
    return fd;
}

int
tenon_root_realpath(int rootfd, const char *path, char **out,
                    struct tenon_error *err)
{
    auto_walk struct walk w = {.rootfd = rootfd, .dir = -1};
    if (walk_path(&w, path, WALK_LENIENT) < 0)
        return resolve_error(err, path);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_vec_foreach(name, &w.names)
    {
        tenon_buf_addc(&text, '/');
        tenon_buf_adds(&text, *name);
    }
    if (text.len == 0)
        tenon_buf_addc(&text, '/');
    *out = tenon_buf_steal(&text);
    return 0;
}

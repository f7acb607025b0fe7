/* store/mount.c - chains as overlay mounts.
 *
 * index, metacopy and redirect_dir are off so that an upper directory holds
 * whole files only and can be a layer by itself anywhere.  Writable mounts are
 * "volatile": a machine that crashes while a step runs loses the step anyway,
 * and what is committed becomes durable with the file system's own order
 * (contents before the rename that the record follows). */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/io.h"
#include "tools/alloc.h"
#include "store/copies.h"
#include "store/deep.h"

/* The kernel's own limit is 500, of all; a page of options has room for fewer. */
enum { LAYERS_MAX = 480, LAYERS_MAX_OLD = 300 };

static int
sys_fsopen(const char *type)
{
    return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static int
set_string(int fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int
set_flag(int fs, const char *key)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

/* upperdir and workdir are read with escapes, "lowerdir+" is not. */
static int
set_escaped(int fs, const char *key, const char *path)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (; *path; path++)
        tenon_buf_addf(&b, *path == '\\' ? "\\%c" : "%c", *path);
    return set_string(fs, key, tenon_buf_str(&b));
}

/* What the kernel says about the last failure, "" when nothing. */
static void
kernel_message(int fs, char *text, size_t size)
{
    ssize_t n = read(fs, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (text[0] && text[1] == ' ') /* its level: e, w or i */
        memmove(text, text + 2, strlen(text + 2) + 1);
}

/* What an overlay is made of; paths are the store's. */
struct parts {
    struct tenon_store *s;
    const struct tenon_chain *lower;
    const char *deep, *bottom; /* below these, or NULL */
    const char *upper, *work;
    bool is_mapped; /* every layer has the ids of mapped.c */
};

/* A path in the store, as the parts are to be seen. */
static char *
seen_path(struct tenon_store *s, bool is_mapped, const char *path)
{
    return tenon_asprintf("%s%s", is_mapped ? s->mapped.path : s->path, path + strlen(s->path));
}

static int
set_path(const struct parts *p, int fs, const char *key, const char *path)
{
    auto_free char *seen = seen_path(p->s, p->is_mapped, path);
    return strchr(key, '+') ? set_string(fs, key, seen) : set_escaped(fs, key, seen);
}

static int
configure(const struct parts *p, int fs)
{
    struct tenon_store *s = p->s;
    /* topmost first */
    for (size_t i = p->lower->len; i-- > 0;) {
        auto_free char *path = tenon_asprintf("%s/snapshots/%lld/fs", s->path,
                                              (long long)p->lower->ids[i]);
        if (set_path(p, fs, "lowerdir+", path) < 0)
            return -1;
    }
    if ((p->deep && set_path(p, fs, "lowerdir+", p->deep) < 0) ||
        (p->bottom && set_path(p, fs, "lowerdir+", p->bottom) < 0))
        return -1;
    if (p->upper && (set_path(p, fs, "upperdir", p->upper) < 0 ||
                     set_path(p, fs, "workdir", p->work) < 0 || set_flag(fs, "volatile") < 0))
        return -1;
    if (s->userxattr && set_flag(fs, "userxattr") < 0)
        return -1;
    if (!s->userxattr && (set_string(fs, "redirect_dir", "off") < 0 ||
                          set_string(fs, "metacopy", "off") < 0))
        return -1;
    return set_string(fs, "index", "off");
}

/* Until 6.5 overlayfs takes its options as one text, which it reads when the mount is
 * made: then any option can be set, "lowerdir+" too, and the only answer is
 * EINVAL much later, and a line in the machine's log.  So an option is tried that
 * no kernel has.  From 6.5 to 6.7 there is no "lowerdir+", and the kernel says so. */
enum { UNKNOWN, NEW_WAY, OLD_WAY };
static atomic_int overlay_way = UNKNOWN;

static bool
is_forced_to_old_way(void)
{
    const char *forced = secure_getenv("TENON_OLD_MOUNT");
    return forced && *forced && !tenon_streq(forced, "0");
}

static bool
has_old_way_only(void)
{
    int way = atomic_load_explicit(&overlay_way, memory_order_relaxed);
    if (way == UNKNOWN) {
        auto_close int fs = sys_fsopen("overlay");
        if (fs < 0 && errno != ENOSYS)
            return false; /* the error comes again with the mount */
        way = fs < 0 || is_forced_to_old_way() || set_string(fs, "no-such-option", "1") == 0
                  ? OLD_WAY
                  : NEW_WAY;
        atomic_store(&overlay_way, way);
    }
    return way == OLD_WAY;
}

/* Whoever mounts an overlay is whose its own files are: of mapped layers no id is 0. */
static void
act_for(const struct parts *p, bool on)
{
    if (p->is_mapped)
        tenon_ids_act_as(on ? p->s->mapped.root : 0);
}

static int
create(const struct parts *p, int fs, int *mnt)
{
    act_for(p, true);
    int rc = (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    int sys = errno;
    act_for(p, false);
    errno = sys;
    if (rc == 0)
        *mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, p->upper ? 0 : MOUNT_ATTR_RDONLY);
    return rc < 0 || *mnt < 0 ? -1 : 0;
}

/* TENON_E_UNSUPPORTED without a message: an older kernel. */
static int
mount_new_api(const struct parts *p, const char *target, struct tenon_error *err)
{
    char said[256];
    if (has_old_way_only())
        return TENON_E_UNSUPPORTED;
    auto_close int fs = sys_fsopen("overlay");
    if (fs < 0)
        return errno == ENOSYS ? TENON_E_UNSUPPORTED
                               : tenon_error_sys(err, "open the overlay file system");
    if (configure(p, fs) < 0) {
        int sys = errno;
        kernel_message(fs, said, sizeof said);
        if (sys == EINVAL && strstr(said, "lowerdir+")) {
            atomic_store(&overlay_way, OLD_WAY);
            return TENON_E_UNSUPPORTED;
        }
        return tenon_error_errno(err, sys, "configure an overlay (%s)", said);
    }
    auto_close int mnt = -1;
    if (create(p, fs, &mnt) < 0) {
        int sys = errno;
        kernel_message(fs, said, sizeof said);
        return tenon_error_errno(err, sys, "mount an overlay of %zu layers (%s)", p->lower->len,
                                 said);
    }
    if (syscall(SYS_move_mount, mnt, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return tenon_error_sys(err, "mount at %s", target);
    return 0;
}

/* ---- older kernels: one page of options, hence relative names from a thread that
 * has a working directory of its own.  No name of the user's is among them, so
 * none has a comma or colon. ---- */

struct old_mount {
    const struct parts *parts;
    const char *options, *target;
    unsigned long flags;
    int sys;
};

static void *
old_mount_thread(void *data)
{
    struct old_mount *m = data;
    const struct parts *p = m->parts;
    m->sys = 0;
    if (unshare(CLONE_FS) < 0 ||
        fchdir(p->is_mapped ? p->s->mapped.snapshots_fd : p->s->snapshots_fd) < 0) {
        m->sys = errno;
        return NULL;
    }
    act_for(p, true); /* the thread ends here */
    if (mount("overlay", m->target, "overlay", m->flags, m->options) < 0)
        m->sys = errno;
    return NULL;
}

/* The name of something in snapshots/ or tmp/, relative to snapshots/. */
static void
add_relative(struct tenon_buf *b, struct tenon_store *s, const char *path)
{
    path += strlen(s->path) + 1;
    if (tenon_has_prefix(path, "snapshots/"))
        tenon_buf_adds(b, path + strlen("snapshots/"));
    else
        tenon_buf_addf(b, "../%s", path);
}

static void
add_below(struct tenon_buf *b, struct tenon_store *s, const char *path)
{
    if (!path)
        return;
    if (b->data[b->len - 1] != '=')
        tenon_buf_addc(b, ':');
    add_relative(b, s, path);
}

static int
mount_old_api(const struct parts *p, const char *target, struct tenon_error *err)
{
    struct tenon_store *s = p->s;
    const struct tenon_chain *lower = p->lower;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, "lowerdir=");
    for (size_t i = lower->len; i-- > 0;)
        tenon_buf_addf(&b, "%s%lld/fs", i + 1 < lower->len ? ":" : "", (long long)lower->ids[i]);
    add_below(&b, s, p->deep);
    add_below(&b, s, p->bottom);
    if (p->upper) {
        tenon_buf_adds(&b, ",upperdir=");
        add_relative(&b, s, p->upper);
        tenon_buf_adds(&b, ",workdir=");
        add_relative(&b, s, p->work);
        tenon_buf_adds(&b, ",volatile");
    }
    tenon_buf_adds(&b, s->userxattr ? ",userxattr" : ",redirect_dir=off,metacopy=off");
    tenon_buf_adds(&b, ",index=off");
    if (b.len >= (size_t)sysconf(_SC_PAGESIZE))
        return tenon_error_set(err, TENON_E_LIMIT,
                               "this kernel cannot mount %zu layers at once", lower->len);
    struct old_mount m = { p, tenon_buf_str(&b), target, p->upper ? 0 : MS_RDONLY, 0 };
    pthread_t t;
    int rc = pthread_create(&t, NULL, old_mount_thread, &m);
    if (rc == 0)
        pthread_join(t, NULL);
    if (rc || m.sys)
        return tenon_error_errno(err, rc ? rc : m.sys, "mount an overlay of %zu layers",
                                 lower->len);
    return 0;
}

/* ---- chains ---- */

static int
bind(const char *from, const char *target, bool readonly, struct tenon_error *err)
{
    if (mount(from, target, NULL, MS_BIND, NULL) < 0 ||
        (readonly && mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0))
        return tenon_error_sys(err, "bind %s to %s", from, target);
    return 0;
}

/* With the mode that images have, whatever the umask of the first process to need it. */
static int
make_dir(int parent, const char *name)
{
    return mkdirat(parent, name, 0755) < 0 || fchmodat(parent, name, 0755, 0) < 0 ? -1 : 0;
}

/* An empty directory to go below a single layer: overlayfs requires two. */
static int
empty_layer(struct tenon_store *s, char **path, struct tenon_error *err)
{
    *path = tenon_asprintf("%s/snapshots/empty", s->path);
    if (make_dir(s->snapshots_fd, "empty") < 0 && errno != EEXIST) {
        tenon_error_sys(err, "make %s", *path);
        free(*path);
        *path = NULL;
    }
    return err->code;
}

/* Does the tree have a directory /etc?  Seen from the top. */
static bool
has_etc(struct tenon_store *s, const struct tenon_chain *c)
{
    for (size_t i = c->len; i-- > 0;) {
        auto_free char *path = tenon_asprintf("%lld/fs/etc", (long long)c->ids[i]);
        struct stat st;
        if (fstatat(s->snapshots_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return S_ISDIR(st.st_mode);
    }
    return false;
}

/* A lowest layer with what is mounted upon.  Where an image lacks it, it would have to be made
 * above, copying /etc up, and taken away again; below all others it is seen when nothing else is,
 * and is not part of what the step makes. */
struct stubs {
    const char *name;
    const char *const *dirs, *const *files;
};
static const char *const stub_files[] = { "etc/hosts", "etc/resolv.conf", NULL };
static const char *const step_dirs[] = { "etc", NULL };
static const struct stubs step_stubs = { "stubs", step_dirs, stub_files };
/* A frontend's process is gone with its root: here are all the directories that it gets, of which
 * each costs 0.2 ms to make, and as much to remove. */
static const char *const visit_dirs[] = {
    "etc", "proc", "sys", "dev", "run", "run/config", "run/config/buildkit",
    "run/config/buildkit/metadata", NULL,
};
static const struct stubs visit_stubs = { "stubs-visit", visit_dirs, stub_files };

static int
make_stubs(struct tenon_store *s, const struct stubs *what, const char *name)
{
    if (make_dir(s->tmp_fd, name) < 0)
        return -1;
    for (const char *const *d = what->dirs; *d; d++) {
        auto_free char *dir = tenon_asprintf("%s/%s", name, *d);
        if (make_dir(s->tmp_fd, dir) < 0)
            return -1;
    }
    for (const char *const *f = what->files; *f; f++) {
        auto_free char *file = tenon_asprintf("%s/%s", name, *f);
        auto_close int fd =
            openat(s->tmp_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 || fchmod(fd, 0644) < 0)
            return -1;
    }
    return 0;
}

static int
stub_layer(struct tenon_store *s, const struct stubs *what, char **path, struct tenon_error *err)
{
    auto_free char *dir = tenon_asprintf("%s/snapshots/%s", s->path, what->name);
    struct stat st;
    if (fstatat(s->snapshots_fd, what->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        auto_free char *name = store_temp_name("stubs");
        if (make_stubs(s, what, name) < 0)
            return tenon_error_sys(err, "make %s", dir);
        /* Another process was quicker: its directory is as good. */
        if (renameat(s->tmp_fd, name, s->snapshots_fd, what->name) < 0 &&
            tenon_remove_tree(s->tmp_fd, name, err) < 0)
            return err->code;
    }
    *path = tenon_steal(&dir);
    return 0;
}

/* That of a step's root; NULL: it needs none. */
static int
stubs_below(struct tenon_store *s, const struct tenon_chain *lower, unsigned flags, char **path,
            struct tenon_error *err)
{
    if (flags & TENON_MOUNT_VISIT)
        return stub_layer(s, &visit_stubs, path, err);
    if ((flags & TENON_MOUNT_AS_ROOT) && has_etc(s, lower))
        return stub_layer(s, &step_stubs, path, err);
    return 0;
}

/* "/" of an overlay is the upper directory, a new one: it gets the owner of the "/"
 * below.  (Its mode is that of a new one, as in BuildKit.) */
static int
inherit_root_owner(struct tenon_store *s, const struct tenon_chain *lower,
                   struct tenon_snapshot_work *upper, struct tenon_error *err)
{
    auto_free char *top = tenon_asprintf("%lld/fs", (long long)lower->ids[lower->len - 1]);
    struct stat below, own;
    if (fstatat(s->snapshots_fd, top, &below, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstat(upper->fs, &own) < 0)
        return tenon_error_sys(err, "snapshot %s", top);
    /* An owner without an id here, of a store that had more of them, stays ours. */
    if ((below.st_uid != own.st_uid || below.st_gid != own.st_gid) &&
        fchownat(upper->fs, "", below.st_uid, below.st_gid, AT_EMPTY_PATH) < 0 &&
        errno != EPERM && errno != EINVAL)
        return tenon_error_sys(err, "change owner of %s", upper->fs_path);
    return 0;
}

static int
mount_overlay(const struct parts *p, const char *target, struct tenon_error *err)
{
    int rc = mount_new_api(p, target, err);
    if (rc == TENON_E_UNSUPPORTED && !err->code)
        rc = mount_old_api(p, target, err);
    return rc;
}

/* ---- where no overlay can be ---- */

/* Without attributes the mount succeeds, and the first directory that takes the place of
 * another fails.  Looked at until it is known. */
static bool
keeps_marks(struct tenon_store *s, const struct tenon_snapshot_work *w, char **why)
{
    static const char value[] = "y";
    if (__atomic_load_n(&s->copies.looked, __ATOMIC_RELAXED))
        return true;
    if (fsetxattr(w->dir, s->userxattr ? "user.overlay.tenon" : "trusted.overlay.tenon", value, 1,
                  0) == 0) {
        __atomic_store_n(&s->copies.looked, true, __ATOMIC_RELAXED);
        return true;
    }
    if (errno != ENOTSUP && errno != EOPNOTSUPP)
        return true; /* it may pass */
    *why = tenon_strdup("it keeps no extended attributes");
    return false;
}

/* Of the disk or of memory there may be enough later; the rest is how it is here. */
static bool
may_pass(int sys)
{
    static const int passing[] = { ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE, EIO, EROFS, EINTR,
                                   EAGAIN, EBUSY };
    for (size_t i = 0; i < tenon_countof(passing); i++)
        if (sys == passing[i])
            return true;
    return false;
}

/* An overlay could not be mounted.  Can none be, not even the least? */
static bool
is_no_place(struct tenon_store *s, const struct tenon_error *err, char **why)
{
    static const char *const names[] = { "lower", "upper", "work", "target" };
    static const struct tenon_chain none;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    char *paths[tenon_countof(names)] = {0};
    auto_free char *dir = NULL;
    if (may_pass(err->sys))
        return false;
    auto_close int fd = store_temp_dir(s, "probe", &dir, &ignored);
    if (fd < 0)
        return false;
    bool made = true;
    for (size_t i = 0; i < tenon_countof(names); i++) {
        paths[i] = tenon_asprintf("%s/tmp/%s/%s", s->path, dir, names[i]);
        made = made && mkdir(paths[i], 0700) == 0;
    }
    struct parts p = { s, &none, NULL, paths[0], paths[1], paths[2], false };
    int rc = made ? mount_overlay(&p, paths[3], &ignored) : 0;
    /* Where nothing can be mounted it is a right that is missing, and another process has it. */
    auto_error struct tenon_error no_bind = TENON_ERROR_INIT;
    bool mounts = made && (rc == 0 || bind(paths[0], paths[3], false, &no_bind) == 0);
    if (mounts)
        umount2(paths[3], MNT_DETACH | UMOUNT_NOFOLLOW);
    for (size_t i = 0; i < tenon_countof(names); i++)
        free(paths[i]);
    auto_error struct tenon_error left = TENON_ERROR_INIT; /* to the sweep */
    tenon_remove_tree(s->tmp_fd, dir, &left);
    if (rc == 0 || !mounts || may_pass(ignored.sys))
        return false;
    *why = tenon_strdup(strerror(ignored.sys));
    return true;
}

/* The file system's own flags (nodev, nosuid) are not those of an overlay; in a user
 * namespace they stay. */
static int
bind_copy(struct tenon_store *s, unsigned flags, const char *path, const char *target,
          bool readonly, struct tenon_error *err)
{
    auto_free char *from = seen_path(s, flags & TENON_MOUNT_MAPPED, path);
    struct mount_attr attr = { .attr_clr = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
                                           MOUNT_ATTR_NOEXEC };
    if (bind(from, target, false, err) < 0)
        return err->code;
    (void)!syscall(SYS_mount_setattr, AT_FDCWD, target, 0, &attr, sizeof attr);
    attr = (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY };
    if (readonly && syscall(SYS_mount_setattr, AT_FDCWD, target, 0, &attr, sizeof attr) < 0)
        return tenon_error_sys(err, "make %s read-only", target);
    return 0;
}

static int
mount_copy(struct tenon_store *s, const struct tenon_chain *lower,
           struct tenon_snapshot_work *upper, unsigned flags, const char *target,
           struct tenon_error *err)
{
    auto_free char *path = NULL;
    auto_free char *bottom = NULL;
    store_tell_copies(s);
    if (!upper) {
        if (store_copy_to_read(s, lower, NULL, &path, err) < 0)
            return err->code;
        return bind_copy(s, flags, path, target, true, err);
    }
    tenon_assert(!upper->before); /* a work is mounted once */
    if (stubs_below(s, lower, flags, &bottom, err) < 0 ||
        inherit_root_owner(s, lower, upper, err) < 0)
        return err->code;
    upper->overlaid = true;
    if (store_copy_for(s, lower, bottom, upper, err) < 0)
        return err->code;
    path = tenon_asprintf("%s/tmp/%s/merged", s->path, upper->name);
    return bind_copy(s, flags, path, target, false, err);
}

/* Nothing is stacked: the upper directory itself, or nothing at all. */
static int
mount_empty(struct tenon_store *s, struct tenon_snapshot_work *upper, bool is_mapped,
            const char *target, struct tenon_error *err)
{
    if (upper) {
        auto_free char *from = seen_path(s, is_mapped, upper->fs_path);
        return bind(from, target, false, err);
    }
    uint32_t root = is_mapped ? s->mapped.root : 0;
    auto_free char *options = tenon_asprintf("size=4k,mode=0755,uid=%u,gid=%u", root, root);
    if (mount("tmpfs", target, "tmpfs", MS_RDONLY, options) < 0)
        return tenon_error_sys(err, "mount an empty tree at %s", target);
    return 0;
}

/* No overlay has a layer twice. */
static void
topmost_of_each(const struct tenon_chain *c, struct tenon_chain *out)
{
    for (size_t i = 0; i < c->len; i++) {
        bool again = false;
        for (size_t k = i + 1; k < c->len && !again; k++)
            again = c->ids[k] == c->ids[i];
        if (!again)
            tenon_chain_append(out, c->ids[i]);
    }
}

static int
mount_chain(struct tenon_store *s, const struct tenon_chain *chain,
            struct tenon_snapshot_work *upper, unsigned flags, const char *target,
            struct tenon_error *err)
{
    const bool is_mapped = flags & TENON_MOUNT_MAPPED;
    auto_free char *why = NULL;
    auto_chain struct tenon_chain seen = {0};
    const struct tenon_chain *lower = &seen;
    topmost_of_each(chain, &seen);
    if (lower->len == 0)
        return mount_empty(s, upper, is_mapped, target, err);
    if (upper && !tenon_store_copies(s) && !keeps_marks(s, upper, &why))
        store_turn_to_copies(s, why);
    if (tenon_store_copies(s))
        return mount_copy(s, lower, upper, flags, target, err);
    auto_free char *bottom = NULL;
    auto_free char *work = upper ? tenon_asprintf("%s/tmp/%s/work", s->path, upper->name) : NULL;
    /* A read-only overlay needs two layers; a single one may hold whiteouts, so
     * that a bind mount would show what must not be seen. */
    if (!upper && lower->len == 1 && empty_layer(s, &bottom, err) < 0)
        return err->code;
    if (upper && stubs_below(s, lower, flags, &bottom, err) < 0)
        return err->code;
    if (upper && !upper->overlaid && inherit_root_owner(s, lower, upper, err) < 0)
        return err->code;
    if (upper)
        upper->overlaid = true;
    auto_free char *deep = NULL;
    auto_chain struct tenon_chain rest = {0};
    tenon_chain_copy(&rest, lower);
    if (store_deep_bottom(s, &rest, has_old_way_only() ? LAYERS_MAX_OLD : LAYERS_MAX, &deep,
                          err) < 0)
        return err->code;
    struct parts p = { s, &rest, deep, bottom, upper ? upper->fs_path : NULL, work, is_mapped };
    int rc = mount_overlay(&p, target, err);
    if (rc == 0)
        return 0;
    if (is_no_place(s, err, &why) && store_turn_to_copies(s, why)) {
        tenon_error_release(err);
        return mount_copy(s, lower, upper, flags, target, err);
    }
    /* The kernel may know mapped mounts, and no overlays of them (before Linux 5.19). */
    if (is_mapped && !may_pass(err->sys)) {
        store_mapped_turn_off(s);
        err->code = TENON_E_UNSUPPORTED;
    }
    return err->code;
}

int
tenon_chain_mount_view(struct tenon_store *s, const struct tenon_chain *lower,
                       struct tenon_snapshot_work *own, unsigned flags, const char *target,
                       struct tenon_error *err)
{
    auto_free char *path = NULL;
    if (!own || !lower->len)
        return mount_chain(s, lower, NULL, flags, target, err);
    store_tell_copies(s);
    return store_copy_to_read(s, lower, own, &path, err) < 0
               ? err->code
               : bind_copy(s, flags, path, target, true, err);
}

int
tenon_chain_mount(struct tenon_store *s, const struct tenon_chain *lower,
                  struct tenon_snapshot_work *upper, const char *target, struct tenon_error *err)
{
    return mount_chain(s, lower, upper, 0, target, err);
}

int
tenon_chain_mount_step(struct tenon_store *s, const struct tenon_chain *lower,
                       struct tenon_snapshot_work *upper, unsigned flags, const char *target,
                       struct tenon_error *err)
{
    return mount_chain(s, lower, upper, flags, target, err);
}

int
tenon_unmount(const char *target)
{
    return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

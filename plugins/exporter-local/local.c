/* exporter-local: the finished files in a directory of the user's.  They
 * belong to the user who asked; modes and times are kept. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"
#include "common/export/attested.h"
#include "common/export/epoch.h"
#include "common/export/remove.h"
#include "common/export/seen.h"
#include "common/export/walk.h"
#include "common/export/xattr.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "dest", .help = "directory to write into",
      .type = TENON_TYPE_HOST_PATH, .flags = TENON_PARAM_REQUIRED },
    { .name = "mode", .help = "copy: leave what is there already; delete: remove it",
      .type = TENON_TYPE_CHOICE, .choices = "copy|delete", .def = "copy" },
    { .name = "platform-split", .help = "a directory for each platform",
      .type = TENON_TYPE_BOOL },
    { .name = "rewrite-timestamp", .help = "taken; source-date-epoch sets all times anyway",
      .type = TENON_TYPE_BOOL },
    { .name = "attestation-prefix", .help = "of the names of attestations",
      .type = TENON_TYPE_STRING },
    { .name = "source-date-epoch", .help = "seconds since 1970; time of all files",
      .type = TENON_TYPE_STRING },
    { .name = NULL },
};

enum { CHUNK = 1 << 20 };

struct dir_xattr {
    char *name;
    void *value;
    size_t len;
};

struct dir_time { /* set last: writing below changes it, and an ACL changes what is written */
    char *path;
    TENON_VEC(struct dir_xattr) xattrs;
    struct timespec times[2];
    mode_t mode;
};

struct out {
    struct tenon_ctx *ctx;
    int root; /* of this platform */
    const char *platform;
    bool shared; /* several platforms in one tree */
    struct export_epoch epoch;
    char *chunk;
    int64_t done;
    TENON_VEC(struct dir_time) dirs;
    bool mirror;            /* what is not seen goes */
    const char *below;      /* "linux_amd64/" or "" */
    struct export_seen seen;
};

static int
local_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

static int
failed(struct tenon_error *err, const char *what, const char *path)
{
    return host->error->set(err, TENON_E_FAILED, errno, "%s %s", what, path);
}

/* As BuildKit has it: an epoch is the time of all of them, not of the later ones alone. */
static void
file_times(const struct out *o, const struct stat *st, struct timespec times[2])
{
    times[0] = times[1] = st->st_mtim;
    if (o->epoch.is_set)
        times[0] = times[1] = (struct timespec){ .tv_sec = o->epoch.s };
}

static void
set_xattr(void *data, const char *name, const void *value, size_t len)
{
    /* The user's file system may support none: then the files are written without. */
    (void)fsetxattr(*(int *)data, name, value, len, 0);
}

static int
copy_data(struct out *o, const struct export_entry *e, int to, struct tenon_error *err)
{
    auto_close int from = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0)
        return failed(err, "open", e->path);
    export_xattrs(from, set_xattr, &to);
    if (ioctl(to, FICLONE, from) == 0)
        return TENON_OK;
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
        if (n == 0)
            return TENON_OK;
        if (n < 0)
            break; /* another file system: read and write, from where it stopped */
    }
    for (;;) {
        ssize_t n = read(from, o->chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(err, "read", e->path);
        if (n == 0)
            return TENON_OK;
        for (ssize_t off = 0; off < n;) {
            ssize_t w = write(to, o->chunk + off, (size_t)(n - off));
            if (w < 0 && errno != EINTR)
                return failed(err, "write", e->path);
            if (w > 0)
                off += w;
        }
    }
}

/* One tree for several platforms: a file that two bring is an error. */
static int
note(struct out *o, const struct export_entry *e, struct tenon_error *err)
{
    if (!o->shared && !o->mirror)
        return TENON_OK;
    auto_free char *path = tenon_asprintf("%s%s", o->below, e->path);
    struct export_entry whole = *e;
    whole.path = path;
    int rc = export_seen_add(host, &o->seen, &whole, o->platform, err);
    return rc < 0 ? rc : TENON_OK;
}

static int
make_special(int parent, const struct export_entry *e, struct tenon_error *err)
{
    if (S_ISLNK(e->st->st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(e->dirfd, e->name, target, sizeof target - 1);
        if (n < 0)
            return failed(err, "read link", e->path);
        target[n] = '\0';
        if (symlinkat(target, parent, e->name) < 0)
            return failed(err, "make link", e->path);
        return TENON_OK;
    }
    if (mknodat(parent, e->name, e->st->st_mode, e->st->st_rdev) < 0) {
        if (errno == EPERM && !S_ISFIFO(e->st->st_mode))
            return TENON_OK; /* devices need privilege; what the user asked for is the files */
        return failed(err, "make", e->path);
    }
    /* less the umask; never that of what a link leads to, if somebody puts one there */
    fchmodat(parent, e->name, e->st->st_mode & 07777, AT_SYMLINK_NOFOLLOW);
    return TENON_OK;
}

static void
keep_xattr(void *data, const char *name, const void *value, size_t len)
{
    struct dir_time *d = data;
    struct dir_xattr x = { tenon_strdup(name), tenon_memdup(value, len), len };
    tenon_vec_push(&d->xattrs, x);
}

static void
read_dir_xattrs(const struct export_entry *e, struct dir_time *d)
{
    auto_close int from = openat(e->dirfd, e->name,
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from >= 0)
        export_xattrs(from, keep_xattr, d);
}

static int
put_entry(void *data, const struct export_entry *e, struct tenon_error *err)
{
    struct out *o = data;
    if (note(o, e, err) < 0)
        return TENON_E_INVALID;
    const char *slash = strrchr(e->path, '/');
    auto_free char *parent_path = slash ? tenon_strndup(e->path, (size_t)(slash - e->path))
                                        : tenon_strdup(".");
    auto_close int parent = host->files->open_in(o->ctx, o->root, parent_path,
                                                 O_RDONLY | O_DIRECTORY, 0, err);
    if (parent < 0)
        return parent;
    struct timespec times[2];
    file_times(o, e->st, times);

    struct stat there;
    bool exists = fstatat(parent, e->name, &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISDIR(e->st->st_mode)) {
        if (exists && !S_ISDIR(there.st_mode) && unlinkat(parent, e->name, 0) < 0)
            return failed(err, "replace", e->path);
        if ((!exists || !S_ISDIR(there.st_mode)) && mkdirat(parent, e->name, 0700) < 0)
            return failed(err, "make directory", e->path);
        struct dir_time d = { .path = tenon_asprintf("%s%s", o->below, e->path),
                              .times = { times[0], times[1] }, .mode = e->st->st_mode & 07777 };
        read_dir_xattrs(e, &d);
        tenon_vec_push(&o->dirs, d);
        return TENON_OK;
    }
    if (exists && export_remove(host, parent, e->name, e->path, err) < 0)
        return TENON_E_FAILED;
    if (S_ISSOCK(e->st->st_mode))
        return TENON_OK;
    if (e->first) {
        auto_free char *keep = tenon_strdup(e->first);
        char *cut = strrchr(keep, '/');
        if (cut)
            *cut = '\0';
        auto_close int from = host->files->open_in(o->ctx, o->root, cut ? keep : ".",
                                                   O_PATH | O_DIRECTORY, 0, err);
        if (from < 0)
            return from;
        return linkat(from, cut ? cut + 1 : keep, parent, e->name, 0) < 0
                   ? failed(err, "link", e->path) : TENON_OK;
    }
    if (!S_ISREG(e->st->st_mode)) {
        int rc = make_special(parent, e, err);
        utimensat(parent, e->name, times, AT_SYMLINK_NOFOLLOW);
        return rc;
    }
    auto_close int to =
        openat(parent, e->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return failed(err, "create", e->path);
    int rc = copy_data(o, e, to, err);
    if (rc == 0 && (fchmod(to, e->st->st_mode & 07777) < 0 || futimens(to, times) < 0))
        rc = failed(err, "set mode and time of", e->path);
    /* What a network disk could not keep shows at the end. */
    if (close(tenon_steal_fd(&to)) < 0 && rc == 0)
        rc = failed(err, "write", e->path);
    if (rc < 0)
        unlinkat(parent, e->name, 0); /* no half file */
    o->done += e->st->st_size;
    host->progress->status(o->ctx, "copying files", o->done, 0);
    return rc;
}

static int
finish_dirs(struct out *o, int dest, struct tenon_error *err)
{
    int rc = TENON_OK;
    for (size_t i = o->dirs.len; i-- > 0;) {
        struct dir_time *d = &o->dirs.items[i];
        auto_close int fd = rc == 0 ? host->files->open_in(o->ctx, dest, d->path,
                                                           O_RDONLY | O_DIRECTORY, 0, err) : -1;
        if (rc == 0 && fd < 0)
            rc = fd;
        tenon_vec_foreach(x, &d->xattrs) {
            if (fd >= 0)
                set_xattr(&fd, x->name, x->value, x->len);
            free(x->name);
            free(x->value);
        }
        tenon_vec_release(&d->xattrs);
        if (fd >= 0 && (fchmod(fd, d->mode) < 0 || futimens(fd, d->times) < 0))
            rc = failed(err, "set mode and time of", d->path);
        free(d->path);
    }
    tenon_vec_release(&o->dirs);
    return rc;
}

/* For the user alone, as BuildKit writes it. */
static int
put_statement(void *data, const char *name, const void *text, size_t len,
              struct tenon_error *err)
{
    struct out *o = data;
    const struct stat st = { .st_mode = S_IFREG | 0600 };
    const struct export_entry e = { .path = name, .name = name, .st = &st };
    struct stat there;
    if (note(o, &e, err) < 0)
        return TENON_E_INVALID;
    if (fstatat(o->root, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        export_remove(host, o->root, name, name, err) < 0)
        return TENON_E_FAILED;
    auto_close int to =
        openat(o->root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return failed(err, "create", name);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(to, (const char *)text + done, len - done);
        if (n < 0 && errno != EINTR)
            return failed(err, "write", name);
        done += n > 0 ? (size_t)n : 0;
    }
    const struct timespec epoch[2] = { { .tv_sec = o->epoch.s }, { .tv_sec = o->epoch.s } };
    if (o->epoch.is_set && futimens(to, epoch) < 0)
        return failed(err, "set time of", name);
    return close(tenon_steal_fd(&to)) < 0 ? failed(err, "write", name) : TENON_OK;
}

static int
put_platform(struct out *o, const struct tenon_values *opt, struct tenon_result *r, size_t i,
             int dest, bool split, struct tenon_error *err)
{
    o->platform = host->result->platform(r, i);
    int tree = host->result->tree(o->ctx, r, i, err);
    if (tree < 0)
        return tree;
    auto_free char *name = export_platform_dir(o->platform);
    if (split && mkdirat(dest, name, 0755) < 0 && errno != EEXIST)
        return failed(err, "make directory", name);
    auto_close int root = openat(dest, split ? name : ".",
                                 O_RDONLY | O_DIRECTORY | O_CLOEXEC | (split ? O_NOFOLLOW : 0));
    if (root < 0)
        return failed(err, "open", name);
    o->root = root;
    auto_free char *below = split ? tenon_asprintf("%s/", name) : tenon_strdup("");
    o->below = below;
    if (split && o->mirror) {
        const struct stat st = { .st_mode = S_IFDIR };
        const struct export_entry e = { .path = name, .st = &st };
        if (export_seen_add(host, &o->seen, &e, o->platform, err) < 0)
            return TENON_E_INVALID;
    }
    int rc = export_walk(host, o->ctx, tree, put_entry, o, err);
    return rc < 0 ? rc
                  : export_attested(host, o->ctx, r, i, tree,
                                    host->values->get_string(opt, "attestation-prefix"), o->shared,
                                    put_statement, o, err);
}

static bool
is_mirror(const struct tenon_values *opt)
{
    return !strcmp(host->values->get_string(opt, "mode"), "delete");
}

static int
local_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
            uint64_t platforms, struct tenon_error *err)
{
    (void)self, (void)platforms;
    struct export_epoch epoch = {0};
    int rc = export_epoch(host, opt, NULL, &epoch, err);
    if (rc == 0)
        rc = host->sink->check(ctx, host->values->get_string(opt, "dest"),
                               is_mirror(opt) ? TENON_SINK_MIRROR : TENON_SINK_DIR, err);
    return rc < 0 ? host->error->context(err, "output type local") : TENON_OK;
}

static int
local_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
            struct tenon_result *r, struct tenon_error *err)
{
    (void)self;
    const char *dest = host->values->get_string(opt, "dest");
    struct out o = { .ctx = ctx, .root = -1, .mirror = is_mirror(opt) };
    if (export_epoch(host, opt, r, &o.epoch, err) < 0)
        return host->error->context(err, "output type local");
    int dir = host->sink->dir(ctx, dest, err);
    if (dir < 0)
        return dir;
    auto_free char *chunk = tenon_malloc(CHUNK);
    o.chunk = chunk;
    bool split = export_split(host, opt, r);
    o.shared = !split && host->result->count(r) > 1;
    host->progress->status(ctx, "copying files", 0, 0);
    int rc = TENON_OK;
    for (size_t i = 0; rc == 0 && i < host->result->count(r); i++)
        rc = put_platform(&o, opt, r, i, dir, split, err);
    if (rc == 0 && o.mirror) /* a failed export removes nothing */
        rc = export_remove_others(host, ctx, dir, &o.seen, err);
    if (finish_dirs(&o, dir, err) < 0)
        rc = host->error->code(err);
    host->progress->status_done(ctx, "copying files");
    export_seen_release(&o.seen);
    return rc < 0 ? host->error->context(err, "export to %s", dest) : rc;
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_DIR,
    .title = "exporting to client directory",
    .write = local_write,
    .check = local_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "local",
    .version = "1.0",
    .summary = "the finished files in a directory",
    .options = options,
    .init = local_init,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_local, plugin);

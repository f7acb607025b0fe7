/* exporter-tar: the finished files as one tar, in a fixed order. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"
#include "common/export/archive.h"
#include "common/export/attested.h"
#include "common/export/epoch.h"
#include "common/export/seen.h"
#include "common/export/walk.h"
#include "common/export/xattr.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "dest", .help = "archive to write, - for standard output",
      .type = TENON_TYPE_HOST_PATH, .flags = TENON_PARAM_REQUIRED },
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

struct out {
    struct export_archive archive;
    const char *prefix; /* "linux_amd64/" or "" */
    const char *platform;
    bool shared; /* several platforms in one tree */
    struct export_epoch epoch;
    struct export_seen seen;
};

static int
tar_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

struct xattrs {
    TENON_VEC(struct tenon_tar_xattr) list;
};

static void
add_xattr(void *data, const char *name, const void *value, size_t len)
{
    struct xattrs *x = data;
    const struct tenon_tar_xattr one = { tenon_strdup(name), tenon_memdup(value, len), len };
    tenon_vec_push(&x->list, one);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct tenon_tar_xattr *)a)->name,
                  ((const struct tenon_tar_xattr *)b)->name);
}

static void
release_xattrs(struct xattrs *x)
{
    tenon_vec_foreach(one, &x->list) {
        free((char *)(uintptr_t)one->name);
        free((void *)(uintptr_t)one->value);
    }
    tenon_vec_release(&x->list);
}

static const struct { mode_t mode; char type; } types[] = {
    { S_IFREG, TENON_TAR_FILE }, { S_IFDIR, TENON_TAR_DIR }, { S_IFLNK, TENON_TAR_SYMLINK },
    { S_IFCHR, TENON_TAR_CHAR }, { S_IFBLK, TENON_TAR_BLOCK }, { S_IFIFO, TENON_TAR_FIFO },
};

static char
type_of(const struct export_entry *e)
{
    for (size_t i = 0; !e->first && i < tenon_countof(types); i++)
        if ((e->st->st_mode & S_IFMT) == types[i].mode)
            return types[i].type;
    return TENON_TAR_HARDLINK;
}

/* Header and data of what can be opened. */
static int
add_opened(struct out *o, const struct export_entry *e, struct tenon_tar_entry *t,
           struct tenon_error *err)
{
    char capability[64];
    auto_close int fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "open /%s", e->path);
    ssize_t n = fgetxattr(fd, "security.capability", capability, sizeof capability);
    if (n > 0) {
        t->capability = capability;
        t->capability_len = (size_t)n;
    }
    struct xattrs x = {0};
    export_xattrs(fd, add_xattr, &x);
    if (x.list.len)
        qsort(x.list.items, x.list.len, sizeof *x.list.items, by_name);
    t->xattrs = x.list.items;
    t->xattr_count = x.list.len;
    int rc = export_archive_entry(&o->archive, t, err);
    release_xattrs(&x);
    if (rc < 0 || t->type != TENON_TAR_FILE)
        return rc;
    auto_free char *what = tenon_asprintf("/%s", e->path);
    return export_archive_copy(&o->archive, fd, t->size, what, err);
}

/* As BuildKit has it: all of them, not the later ones alone. */
static int64_t
time_of(const struct out *o, const struct stat *st)
{
    return o->epoch.is_set ? o->epoch.s : st->st_mtim.tv_sec; /* whole seconds, as in layers */
}

static int
add_entry(void *data, const struct export_entry *e, struct tenon_error *err)
{
    struct out *o = data;
    const bool is_dir = S_ISDIR(e->st->st_mode);
    if (S_ISSOCK(e->st->st_mode))
        return TENON_OK; /* tar has no sockets */
    if (o->shared) {
        int there = export_seen_add(host, &o->seen, e, o->platform, err);
        if (there)
            return there < 0 ? there : TENON_OK;
    }
    auto_free char *name = tenon_asprintf("%s%s%s", o->prefix, e->path, is_dir ? "/" : "");
    auto_free char *first = e->first ? tenon_asprintf("%s%s", o->prefix, e->first) : NULL;
    char target[PATH_MAX];
    struct tenon_tar_entry t = {
        .type = type_of(e), .name = name, .link = first, .mode = e->st->st_mode & 07777,
        .uid = e->st->st_uid, .gid = e->st->st_gid, .size = (uint64_t)e->st->st_size,
        .major = major(e->st->st_rdev), .minor = minor(e->st->st_rdev),
        .mtime = time_of(o, e->st),
    };
    if (t.type == TENON_TAR_SYMLINK) {
        ssize_t n = readlinkat(e->dirfd, e->name, target, sizeof target - 1);
        if (n < 0)
            return host->error->set(err, TENON_E_FAILED, errno, "read link /%s", e->path);
        target[n] = '\0';
        t.link = target;
    }
    return t.type == TENON_TAR_FILE || t.type == TENON_TAR_DIR
               ? add_opened(o, e, &t, err)
               : export_archive_entry(&o->archive, &t, err);
}

static int
add_platform_dir(struct out *o, struct tenon_error *err)
{
    const struct tenon_tar_entry t = { .type = TENON_TAR_DIR, .name = o->prefix, .mode = 0755,
                                       .mtime = o->epoch.is_set ? o->epoch.s : 0 };
    return export_archive_entry(&o->archive, &t, err);
}

static int
add_statement(void *data, const char *name, const void *text, size_t len,
              struct tenon_error *err)
{
    struct out *o = data;
    const struct stat st = { .st_mode = S_IFREG | 0600 };
    const struct export_entry e = { .path = name, .name = name, .st = &st };
    if (o->shared && export_seen_add(host, &o->seen, &e, o->platform, err) < 0)
        return TENON_E_INVALID;
    auto_free char *path = tenon_asprintf("%s%s", o->prefix, name);
    const struct tenon_tar_entry t = { .type = TENON_TAR_FILE, .name = path, .mode = 0600,
                                       .size = len,
                                       .mtime = o->epoch.is_set ? o->epoch.s : time(NULL) };
    int rc = export_archive_entry(&o->archive, &t, err);
    return rc < 0 ? rc : export_archive_bytes(&o->archive, text, len, err);
}

static int
add_all(struct out *o, const struct tenon_values *opt, struct tenon_result *r,
        struct tenon_error *err)
{
    const bool split = export_split(host, opt, r);
    o->shared = !split && host->result->count(r) > 1;
    int rc = TENON_OK;
    for (size_t i = 0; rc == 0 && i < host->result->count(r); i++) {
        o->platform = host->result->platform(r, i);
        auto_free char *dir = export_platform_dir(o->platform);
        auto_free char *prefix = split ? tenon_asprintf("%s/", dir) : tenon_strdup("");
        o->prefix = prefix;
        int root = host->result->tree(o->archive.ctx, r, i, err);
        if (root < 0)
            return root;
        if (split)
            rc = add_platform_dir(o, err);
        if (rc == 0)
            rc = export_walk(host, o->archive.ctx, root, add_entry, o, err);
        if (rc == 0)
            rc = export_attested(host, o->archive.ctx, r, i, root,
                                 host->values->get_string(opt, "attestation-prefix"), o->shared,
                                 add_statement, o, err);
    }
    return rc == 0 ? export_archive_end(&o->archive, err) : rc;
}

static int
tar_check(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
          uint64_t platforms, struct tenon_error *err)
{
    (void)self, (void)platforms;
    struct export_epoch epoch = {0};
    int rc = export_epoch(host, opt, NULL, &epoch, err);
    if (rc == 0)
        rc = host->sink->check(ctx, host->values->get_string(opt, "dest"), TENON_SINK_FILE, err);
    return rc < 0 ? host->error->context(err, "output type tar") : TENON_OK;
}

static int
tar_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
          struct tenon_result *r, struct tenon_error *err)
{
    (void)self;
    const char *dest = host->values->get_string(opt, "dest");
    struct out o = { .archive = { .host = host, .ctx = ctx } };
    if (export_epoch(host, opt, r, &o.epoch, err) < 0)
        return host->error->context(err, "output type tar");
    o.archive.fd = host->sink->open(ctx, dest, err);
    if (o.archive.fd < 0)
        return o.archive.fd;
    host->progress->status(ctx, "sending tarball", 0, 0);
    int rc = add_all(&o, opt, r, err);
    if (rc == 0)
        rc = host->sink->commit(ctx, o.archive.fd, err);
    export_archive_release(&o.archive);
    export_seen_release(&o.seen);
    host->progress->status_done(ctx, "sending tarball");
    return rc < 0 ? host->error->context(err, "export to %s", dest) : rc;
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_FILE,
    .title = "exporting to client tarball",
    .write = tar_write,
    .check = tar_check,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_EXPORTER),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "tar",
    .version = "1.0",
    .summary = "the finished files as a tar",
    .options = options,
    .init = tar_init,
    .ops.exporter = &ops,
};
TENON_PLUGIN_EXPORT(exporter_tar, plugin);

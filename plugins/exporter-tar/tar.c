/* exporter-tar: the finished files as one tar, in a fixed order. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "common/export/epoch.h"
#include "common/export/walk.h"
#include "common/export/xattr.h"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "dest", .help = "archive to write, - for standard output",
      .type = TENON_TYPE_HOST_PATH, .flags = TENON_PARAM_REQUIRED },
    { .name = "platform-split", .help = "a directory for each platform",
      .type = TENON_TYPE_BOOL },
    { .name = "source-date-epoch", .help = "seconds since 1970; time of all files",
      .type = TENON_TYPE_STRING },
    { .name = NULL },
};

enum { CHUNK = 1 << 20 };

struct out {
    struct tenon_ctx *ctx;
    struct archive *a;
    const char *prefix; /* "linux_amd64/" or "" */
    struct export_epoch epoch;
    char *chunk;
};

static int
tar_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config, (void)self, (void)err;
    host = h;
    return TENON_OK;
}

static int
archive_failed(struct out *o, struct tenon_error *err)
{
    const char *text = archive_error_string(o->a);
    return host->error(err, TENON_E_FAILED, archive_errno(o->a), "write archive: %s",
                       text ? text : "");
}

/* A name that is not valid UTF-8 is written as it is, with a warning (WARN). */
static int
write_header(struct out *o, struct archive_entry *ae, struct tenon_error *err)
{
    return archive_write_header(o->a, ae) < ARCHIVE_WARN ? archive_failed(o, err) : TENON_OK;
}

static void
add_xattr(void *data, const char *name, const void *value, size_t len)
{
    archive_entry_xattr_add_entry(data, name, value, len);
}

static void
add_xattrs(struct archive_entry *ae, int dirfd, const char *name)
{
    char value[64];
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : fgetxattr(fd, "security.capability", value, sizeof value);
    if (n > 0)
        archive_entry_xattr_add_entry(ae, "security.capability", value, (size_t)n);
    if (fd >= 0)
        export_xattrs(fd, add_xattr, ae);
}

static int
add_data(struct out *o, const struct export_entry *e, struct tenon_error *err)
{
    auto_close int fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return host->error(err, TENON_E_FAILED, errno, "open /%s", e->path);
    for (;;) {
        ssize_t n = read(fd, o->chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return host->error(err, TENON_E_FAILED, errno, "read /%s", e->path);
        if (n == 0)
            return TENON_OK;
        if (archive_write_data(o->a, o->chunk, (size_t)n) != n)
            return archive_failed(o, err);
    }
}

static int
add_entry(void *data, const struct export_entry *e, struct tenon_error *err)
{
    struct out *o = data;
    if (S_ISSOCK(e->st->st_mode))
        return TENON_OK; /* tar has no sockets */
    bool with_data = S_ISREG(e->st->st_mode) && !e->first;
    auto_free char *name = tenon_asprintf("%s%s%s", o->prefix, e->path,
                                          S_ISDIR(e->st->st_mode) ? "/" : "");
    struct archive_entry *ae = archive_entry_new();
    archive_entry_set_pathname(ae, name);
    archive_entry_set_mode(ae, e->st->st_mode);
    archive_entry_set_uid(ae, e->st->st_uid);
    archive_entry_set_gid(ae, e->st->st_gid);
    archive_entry_set_size(ae, with_data ? e->st->st_size : 0);
    if (o->epoch.is_set && e->st->st_mtim.tv_sec > o->epoch.s)
        archive_entry_set_mtime(ae, o->epoch.s, 0);
    else
        archive_entry_set_mtime(ae, e->st->st_mtim.tv_sec, 0); /* whole seconds, as in layers */
    if (e->first) {
        auto_free char *first = tenon_asprintf("%s%s", o->prefix, e->first);
        archive_entry_set_hardlink(ae, first);
    } else if (S_ISLNK(e->st->st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(e->dirfd, e->name, target, sizeof target - 1);
        if (n < 0) {
            archive_entry_free(ae);
            return host->error(err, TENON_E_FAILED, errno, "read link /%s", e->path);
        }
        target[n] = '\0';
        archive_entry_set_symlink(ae, target);
    } else if (S_ISCHR(e->st->st_mode) || S_ISBLK(e->st->st_mode)) {
        archive_entry_set_rdevmajor(ae, major(e->st->st_rdev));
        archive_entry_set_rdevminor(ae, minor(e->st->st_rdev));
    } else if (with_data) {
        add_xattrs(ae, e->dirfd, e->name);
    }
    int rc = write_header(o, ae, err);
    archive_entry_free(ae);
    return rc == 0 && with_data ? add_data(o, e, err) : rc;
}

static int
add_platform_dir(struct out *o, struct tenon_error *err)
{
    struct archive_entry *ae = archive_entry_new();
    archive_entry_set_pathname(ae, o->prefix);
    archive_entry_set_mode(ae, S_IFDIR | 0755);
    archive_entry_set_mtime(ae, o->epoch.is_set ? o->epoch.s : 0, 0);
    int rc = write_header(o, ae, err);
    archive_entry_free(ae);
    return rc;
}

static int
add_all(struct out *o, const struct tenon_values *opt, struct tenon_result *r,
        struct tenon_error *err)
{
    bool split = export_split(host, opt, r);
    if (!split && host->result_count(r) > 1)
        return host->error(err, TENON_E_INVALID, 0,
                           "several platforms in one archive need platform-split=true");
    int rc = TENON_OK;
    for (size_t i = 0; rc == 0 && i < host->result_count(r); i++) {
        auto_free char *dir = export_platform_dir(host->result_platform(r, i));
        auto_free char *prefix = split ? tenon_asprintf("%s/", dir) : tenon_strdup("");
        o->prefix = prefix;
        int root = host->result_tree(o->ctx, r, i, err);
        if (root < 0)
            return root;
        if (split)
            rc = add_platform_dir(o, err);
        if (rc == 0)
            rc = export_walk(host, o->ctx, root, add_entry, o, err);
    }
    return rc;
}

static int
tar_write(void *self, struct tenon_ctx *ctx, const struct tenon_values *opt,
          struct tenon_result *r, struct tenon_error *err)
{
    (void)self;
    const char *dest = host->get_string(opt, "dest");
    struct out o = { .ctx = ctx };
    if (export_epoch(host, opt, r, &o.epoch, err) < 0)
        return host->error_code(err);
    int fd = host->sink_open(ctx, dest, err);
    if (fd < 0)
        return fd;
    auto_free char *chunk = tenon_malloc(CHUNK);
    o.chunk = chunk;
    o.a = archive_write_new();
    archive_write_set_format_pax_restricted(o.a);
    archive_write_set_options(o.a, "xattrheader=SCHILY"); /* and none of its own */
    archive_write_set_bytes_per_block(o.a, 1 << 16);
    archive_write_set_bytes_in_last_block(o.a, 1);
    host->status(ctx, "sending tarball", 0, 0);
    int rc = archive_write_open_fd(o.a, fd) == ARCHIVE_OK ? TENON_OK : archive_failed(&o, err);
    /* The library takes names for text of the locale, and files have those of UTF-8. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    if (rc == 0)
        rc = add_all(&o, opt, r, err);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    if (rc == 0 && archive_write_close(o.a) != ARCHIVE_OK)
        rc = archive_failed(&o, err);
    archive_write_free(o.a);
    if (rc == 0)
        rc = host->sink_commit(ctx, fd, err);
    host->status_done(ctx, "sending tarball");
    return rc < 0 ? host->error_context(err, "export to %s", dest) : rc;
}

static const struct tenon_exporter_ops ops = {
    .struct_size = sizeof ops,
    .flags = TENON_EXPORTER_FILE,
    .title = "exporting to client tarball",
    .write = tar_write,
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

/* fakehost.h - a host table for plugin tests: enough for mounts and executors,
 * backed by the real base, values and nothing of the engine. */
#ifndef TENON_TESTS_FAKEHOST_H
#define TENON_TESTS_FAKEHOST_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "plugin/plugins.h"
#include "tenon-plugin.h"

/* What the fake's services see; struct tenon_ctx is one of these. */
struct fake_ctx {
    struct tenon_cancel *cancel;
    const char *secret;    /* what client_open("secret") holds, or NULL */
    size_t secret_len;
    int agent_fd;          /* of client_open("ssh"), or -1 */
    char temp[64];         /* the temporary directory, once asked for */
    int temp_fd;
    void *allocs[64];
    size_t alloc_count;
    char cache_id[200];    /* what cache_dir was asked for */
    unsigned cache_mode;
    const char *fails;     /* the service that does: "client_open", "temp_dir", ..., or NULL */
};

static inline struct fake_ctx *
fake_of(struct tenon_ctx *ctx)
{
    return (struct fake_ctx *)(void *)ctx;
}

__attribute__((format(printf, 4, 5))) static inline int
fake_error(struct tenon_error *err, int code, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vset(err, code, sys, fmt, ap);
    va_end(ap);
    return err->code;
}

__attribute__((format(printf, 2, 3))) static inline int
fake_context(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vcontext(err, fmt, ap);
    va_end(ap);
    return err->code;
}

static inline bool
fake_fails(struct tenon_ctx *ctx, const char *service, struct tenon_error *err)
{
    if (!tenon_streq(fake_of(ctx)->fails, service))
        return false;
    tenon_error_set(err, TENON_E_UNAVAILABLE, "%s fails", service);
    return true;
}

__attribute__((format(printf, 2, 3))) static inline void
fake_hint(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vhint(err, fmt, ap);
    va_end(ap);
}

static inline int
fake_code(const struct tenon_error *err)
{
    return err->code;
}

static inline void *
fake_alloc(struct tenon_ctx *ctx, size_t size)
{
    struct fake_ctx *f = fake_of(ctx);
    tenon_assert(f->alloc_count < tenon_countof(f->allocs));
    return f->allocs[f->alloc_count++] = tenon_calloc(1, size);
}

static inline char *
fake_strdup(struct tenon_ctx *ctx, const char *s)
{
    return strcpy(fake_alloc(ctx, strlen(s) + 1), s);
}

static inline int
fake_cancel_fd(struct tenon_ctx *ctx)
{
    return tenon_cancel_fd(fake_of(ctx)->cancel);
}

static inline int
fake_open_in(struct tenon_ctx *ctx, int dirfd, const char *path, int flags, uint32_t mode,
             struct tenon_error *err)
{
    return fake_fails(ctx, "open_in", err) ? err->code
                                           : tenon_root_open(dirfd, path, flags, mode, err);
}

static inline int
fake_temp_dir(struct tenon_ctx *ctx, uint32_t flags, const char **path,
              struct tenon_error *err)
{
    (void)flags;
    struct fake_ctx *f = fake_of(ctx);
    if (fake_fails(ctx, "temp_dir", err))
        return err->code;
    strcpy(f->temp, "/tmp/tenon-fake-XXXXXX");
    if (!mkdtemp(f->temp))
        return tenon_error_sys(err, "mkdtemp");
    f->temp_fd = open(f->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (path)
        *path = f->temp;
    return f->temp_fd;
}

static inline int
fake_client_open(struct tenon_ctx *ctx, const char *service, const char *id,
                 struct tenon_error *err)
{
    struct fake_ctx *f = fake_of(ctx);
    if (fake_fails(ctx, "client_open", err))
        return err->code;
    if (!strcmp(service, "secret") && f->secret) {
        int fd = memfd_create("secret", MFD_CLOEXEC);
        if (tenon_write_all(fd, f->secret, f->secret_len, err) < 0)
            abort();
        lseek(fd, 0, SEEK_SET);
        return fd;
    }
    if (!strcmp(service, "ssh") && f->agent_fd >= 0)
        return tenon_steal_fd(&f->agent_fd);
    return tenon_error_set(err, TENON_E_NOT_FOUND, "%s \"%s\": not supplied", service, id);
}

static inline int
fake_cache_dir(struct tenon_ctx *ctx, const char *id, const char *sharing, int seed_fd,
               uint32_t mode, uint32_t uid, uint32_t gid, struct tenon_error *err)
{
    (void)sharing, (void)seed_fd, (void)uid, (void)gid;
    struct fake_ctx *f = fake_of(ctx);
    if (fake_fails(ctx, "cache_dir", err))
        return err->code;
    snprintf(f->cache_id, sizeof f->cache_id, "%s", id);
    f->cache_mode = mode;
    int fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : tenon_error_sys(err, "open");
}

static inline void
fake_log(struct tenon_ctx *ctx, int level, const char *fmt, ...)
{
    (void)ctx, (void)level, (void)fmt;
}

static const struct tenon_error_api fake_error_table = {
    .struct_size = sizeof fake_error_table,
    .set = fake_error,
    .context = fake_context,
    .hint = fake_hint,
    .code = fake_code,
    .clear = tenon_error_release,
};

static const struct tenon_values_api fake_values_table = {
    .struct_size = sizeof fake_values_table,
    .given = tenon_values_given,
    .get_string = tenon_values_string,
    .get_nth = tenon_values_nth,
    .get_int = tenon_values_int,
    .get_bool = tenon_values_bool,
    .get_map = tenon_values_map,
};

static const struct tenon_ctx_api fake_ctx_table = {
    .struct_size = sizeof fake_ctx_table,
    .alloc = fake_alloc,
    .strdup = fake_strdup,
    .cancel_fd = fake_cancel_fd,
};

static const struct tenon_progress_api fake_progress_table = {
    .struct_size = sizeof fake_progress_table,
    .log = fake_log,
};

static const struct tenon_files_api fake_files_table = {
    .struct_size = sizeof fake_files_table,
    .open_in = fake_open_in,
    .temp_dir = fake_temp_dir,
    .cache_dir = fake_cache_dir,
};

static const struct tenon_client_api fake_client_table = {
    .struct_size = sizeof fake_client_table,
    .open = fake_client_open,
};

static const struct tenon_key_api fake_key_table = { .struct_size = sizeof fake_key_table };
static const struct tenon_blobs_api fake_blobs_table = { .struct_size = sizeof fake_blobs_table };
static const struct tenon_graph_api fake_graph_table = { .struct_size = sizeof fake_graph_table };
static const struct tenon_result_api fake_result_table = { .struct_size = sizeof fake_result_table };
static const struct tenon_image_api fake_image_table = { .struct_size = sizeof fake_image_table };
static const struct tenon_sink_api fake_sink_table = { .struct_size = sizeof fake_sink_table };

static const struct tenon_host fake_host = {
    .struct_size = sizeof fake_host,
    .abi_major = TENON_ABI_MAJOR,
    .abi_minor = TENON_ABI_MINOR,
    .version = "test",
    .error = &fake_error_table,
    .values = &fake_values_table,
    .ctx = &fake_ctx_table,
    .progress = &fake_progress_table,
    .key = &fake_key_table,
    .files = &fake_files_table,
    .client = &fake_client_table,
    .blobs = &fake_blobs_table,
    .graph = &fake_graph_table,
    .result = &fake_result_table,
    .image = &fake_image_table,
    .sink = &fake_sink_table,
};

/* The same tables, for a test that puts functions of its own into them. */
struct fake_tables {
    struct tenon_host host;
    struct tenon_error_api error;
    struct tenon_values_api values;
    struct tenon_ctx_api ctx;
    struct tenon_progress_api progress;
    struct tenon_key_api key;
    struct tenon_files_api files;
    struct tenon_client_api client;
    struct tenon_blobs_api blobs;
    struct tenon_graph_api graph;
    struct tenon_result_api result;
    struct tenon_image_api image;
    struct tenon_sink_api sink;
};

static inline void
fake_tables_init(struct fake_tables *f)
{
    f->host = fake_host;
    f->host.error = &f->error;
    f->error = fake_error_table;
    f->host.values = &f->values;
    f->values = fake_values_table;
    f->host.ctx = &f->ctx;
    f->ctx = fake_ctx_table;
    f->host.progress = &f->progress;
    f->progress = fake_progress_table;
    f->host.key = &f->key;
    f->key = fake_key_table;
    f->host.files = &f->files;
    f->files = fake_files_table;
    f->host.client = &f->client;
    f->client = fake_client_table;
    f->host.blobs = &f->blobs;
    f->blobs = fake_blobs_table;
    f->host.graph = &f->graph;
    f->graph = fake_graph_table;
    f->host.result = &f->result;
    f->result = fake_result_table;
    f->host.image = &f->image;
    f->image = fake_image_table;
    f->host.sink = &f->sink;
    f->sink = fake_sink_table;
}

static inline void
fake_ctx_release(struct fake_ctx *f)
{
    for (size_t i = 0; i < f->alloc_count; i++)
        free(f->allocs[i]);
    if (f->temp[0]) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        tenon_remove_tree(AT_FDCWD, f->temp, &err);
        close(f->temp_fd);
    }
    memset(f, 0, sizeof *f);
}

/* The plugin KIND-NAME.so of the build tree, or NULL: it was not built. */
static inline const struct tenon_plugin *
fake_load(const char *file, const char *symbol)
{
    const char *dir = getenv("TENON_BUILD_PLUGIN_DIR");
    auto_free char *path = tenon_asprintf("%s/%s", dir ? dir : ".libs", file);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        return NULL;
    const struct tenon_plugin *(*query)(void);
    void *found = dlsym(module, symbol);
    memcpy(&query, &found, sizeof query);
    return found ? query() : NULL;
}

#endif

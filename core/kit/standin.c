/* kit/standin.c - see standin.h. */
#include "kit/standin.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/io.h"
#include "base/programtext.h"
#include "base/root.h"
#include "kit/standtree.h"
#include "plugin/plugins.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/vec.h"

struct given { /* by tenon_standin_give */
    char *service, *id;
    void *data;
    size_t len;
};

struct temp {
    char *path;
    int fd;
};

struct tenon_standin {    /* what a struct tenon_ctx points to here */
    pthread_mutex_t lock; /* all but cancel */
    struct tenon_cancel *cancel;
    struct tenon_standin *parent; /* of a scope: who has `given`, and counts failures */
    TENON_VEC(void *) memory;
    TENON_VEC(struct temp) temps;
    TENON_VEC(struct tenon_error *) errors;
    TENON_VEC(struct given) given;
    TENON_VEC(int) sinks; /* that nobody has committed */
    struct tenon_buf log;
    unsigned fail_in; /* calls until one fails; 0: none does */
    bool has_failed;
};

struct tenon_standin *
tenon_standin_new(void)
{
    struct tenon_standin *s = tenon_new0(struct tenon_standin);
    pthread_mutex_init(&s->lock, NULL);
    s->cancel = tenon_cancel_new(NULL);
    return s;
}

void
tenon_standin_free(struct tenon_standin *s)
{
    if (!s)
        return;
    tenon_vec_foreach (p, &s->memory)
        free(*p);
    tenon_vec_release(&s->memory);
    tenon_vec_foreach (t, &s->temps) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        close(t->fd);
        tenon_remove_tree(AT_FDCWD, t->path, &err);
        free(t->path);
    }
    tenon_vec_release(&s->temps);
    tenon_vec_foreach (e, &s->errors) {
        tenon_error_release(*e);
        free(*e);
    }
    tenon_vec_release(&s->errors);
    tenon_vec_foreach (g, &s->given) {
        free(g->service);
        free(g->id);
        free(g->data);
    }
    tenon_vec_release(&s->given);
    tenon_vec_foreach (fd, &s->sinks)
        close(*fd);
    tenon_vec_release(&s->sinks);
    tenon_buf_release(&s->log);
    tenon_cancel_free(s->cancel);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct tenon_ctx *
tenon_standin_ctx(struct tenon_standin *s)
{
    return (struct tenon_ctx *)(void *)s;
}

static struct tenon_standin *
standin_of(struct tenon_ctx *ctx)
{
    return (struct tenon_standin *)(void *)ctx;
}

static struct tenon_standin *
outermost(struct tenon_ctx *ctx)
{
    struct tenon_standin *s = standin_of(ctx);
    while (s->parent)
        s = s->parent;
    return s;
}

void
tenon_standin_give(struct tenon_standin *s, const char *service, const char *id,
                   const void *data, size_t len)
{
    struct given g = {tenon_strdup(service), tenon_strdup(id),
                      tenon_memdup(data, len), len};
    tenon_vec_push(&s->given, g);
}

void
tenon_standin_fail(struct tenon_standin *s, unsigned nth)
{
    s->fail_in = nth;
    s->has_failed = false;
}

bool
tenon_standin_has_failed(struct tenon_standin *s)
{
    return s->has_failed;
}

void
tenon_standin_cancel(struct tenon_standin *s)
{
    tenon_cancel_fire(s->cancel);
}

const char *
tenon_standin_log(struct tenon_standin *s)
{
    return tenon_buf_str(&s->log);
}

/* Is it the turn of this call to fail? Then *err says so. */
static bool
fails(struct tenon_ctx *ctx, const char *service, struct tenon_error *err)
{
    struct tenon_standin *s = outermost(ctx);
    pthread_mutex_lock(&s->lock);
    const bool now = s->fail_in && --s->fail_in == 0;
    s->has_failed |= now;
    pthread_mutex_unlock(&s->lock);
    if (now)
        tenon_error_set(err, TENON_E_UNAVAILABLE, "%s fails, for a test",
                        service);
    return now;
}

/* ---- errors ---------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static int
error_set(struct tenon_error *err, int code, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vset(err, code, sys, fmt, ap);
    va_end(ap);
    return err->code;
}

__attribute__((format(printf, 2, 3))) static int
error_context(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vcontext(err, fmt, ap);
    va_end(ap);
    return err->code;
}

__attribute__((format(printf, 2, 3))) static void
error_hint(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vhint(err, fmt, ap);
    va_end(ap);
}

static void
error_at(struct tenon_error *err, const char *file, uint32_t line,
         uint32_t end_line)
{
    tenon_error_at(err, file, line, end_line);
}

static void
error_detail(struct tenon_error *err, const char *type, const char *json)
{
    tenon_error_detail(err, type, json);
}

static const char *
error_detail_nth(const struct tenon_error *err, size_t i, const char **json)
{
    const struct tenon_error_detail *d = err->details;
    for (; d && i; i--)
        d = d->next;
    if (d)
        *json = d->json;
    return d ? d->type : NULL;
}

static int
error_code(const struct tenon_error *err)
{
    return err->code;
}

static const char *
error_text(const struct tenon_error *err)
{
    return err->message ? err->message : "";
}

static struct tenon_error *
error_create(struct tenon_ctx *ctx)
{
    struct tenon_standin *s = standin_of(ctx);
    struct tenon_error *e = tenon_new0(struct tenon_error);
    pthread_mutex_lock(&s->lock);
    tenon_vec_push(&s->errors, e);
    pthread_mutex_unlock(&s->lock);
    return e;
}

static bool
error_source(struct tenon_graph *g, const struct tenon_error *err,
             struct tenon_source_excerpt *out)
{
    (void)g, (void)err, (void)out;
    return false;
}

static void
error_place(struct tenon_graph *g, struct tenon_error *err)
{
    (void)g, (void)err;
}

static int
error_set_text(struct tenon_error *err, int code, int sys, const char *text)
{
    return error_set(err, code, sys, "%s", text);
}

static int
error_context_text(struct tenon_error *err, const char *text)
{
    return error_context(err, "%s", text);
}

static void
error_hint_text(struct tenon_error *err, const char *text)
{
    error_hint(err, "%s", text);
}

static const struct tenon_error_api errors = {
    .struct_size = sizeof errors,
    .set = error_set,
    .context = error_context,
    .hint = error_hint,
    .at = error_at,
    .detail = error_detail,
    .detail_nth = error_detail_nth,
    .code = error_code,
    .text = error_text,
    .clear = tenon_error_release,
    .create = error_create,
    .source = error_source,
    .place = error_place,
    .set_text = error_set_text,
    .context_text = error_context_text,
    .hint_text = error_hint_text,
};

static const struct tenon_values_api values = {
    .struct_size = sizeof values,
    .given = tenon_values_given,
    .get_string = tenon_values_string,
    .get_nth = tenon_values_nth,
    .get_int = tenon_values_int,
    .get_bool = tenon_values_bool,
    .get_map = tenon_values_map,
};

/* ---- a unit of work --------------------------------------------------------- */

static void *
ctx_alloc(struct tenon_ctx *ctx, size_t size)
{
    struct tenon_standin *s = standin_of(ctx);
    void *p = tenon_calloc(1, size ? size : 1);
    pthread_mutex_lock(&s->lock);
    tenon_vec_push(&s->memory, p);
    pthread_mutex_unlock(&s->lock);
    return p;
}

static char *
ctx_strdup(struct tenon_ctx *ctx, const char *text)
{
    return text ? strcpy(ctx_alloc(ctx, strlen(text) + 1), text) : NULL;
}

static bool
ctx_cancelled(struct tenon_ctx *ctx)
{
    return tenon_cancel_fired(standin_of(ctx)->cancel);
}

static int
ctx_cancel_fd(struct tenon_ctx *ctx)
{
    return tenon_cancel_fd(standin_of(ctx)->cancel);
}

static struct tenon_ctx *
ctx_scope_begin(struct tenon_ctx *ctx)
{
    struct tenon_standin *s = tenon_standin_new();
    s->parent = standin_of(ctx);
    tenon_cancel_set_parent(s->cancel, s->parent->cancel);
    return tenon_standin_ctx(s);
}

static void
ctx_scope_end(struct tenon_ctx *scope)
{
    tenon_standin_free(standin_of(scope));
}

static void
ctx_scope_cancel(struct tenon_ctx *scope)
{
    tenon_standin_cancel(standin_of(scope));
}

static const struct tenon_ctx_api work = {
    .struct_size = sizeof work,
    .alloc = ctx_alloc,
    .strdup = ctx_strdup,
    .cancelled = ctx_cancelled,
    .cancel_fd = ctx_cancel_fd,
    .scope_begin = ctx_scope_begin,
    .scope_end = ctx_scope_end,
    .scope_cancel = ctx_scope_cancel,
};

/* ---- what the user sees ------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void
progress_log(struct tenon_ctx *ctx, int level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    if (!ctx)
        return;
    struct tenon_standin *s = outermost(ctx);
    pthread_mutex_lock(&s->lock);
    tenon_buf_addf(&s->log, "%s: %s\n",
                   level <= 3   ? "error"
                   : level == 4 ? "warning"
                   : level <= 6 ? "info"
                                : "debug",
                   text);
    pthread_mutex_unlock(&s->lock);
}

static void
progress_log_text(struct tenon_ctx *ctx, int level, const char *text)
{
    progress_log(ctx, level, "%s", text);
}

static void
progress_status(struct tenon_ctx *ctx, const char *id, int64_t current,
                int64_t total)
{
    (void)ctx, (void)id, (void)current, (void)total;
}

static void
progress_status_done(struct tenon_ctx *ctx, const char *id)
{
    (void)ctx, (void)id;
}

static void
progress_output(struct tenon_ctx *ctx, int stream, const void *buf, size_t len)
{
    (void)ctx, (void)stream, (void)buf, (void)len;
}

static const struct tenon_progress_api progress = {
    .struct_size = sizeof progress,
    .log = progress_log,
    .status = progress_status,
    .status_done = progress_status_done,
    .output = progress_output,
    .log_text = progress_log_text,
};

/* ---- keys --------------------------------------------------------------------- */

struct tenon_key *
tenon_standin_key_new(void)
{
    struct tenon_buf *b = tenon_new0(struct tenon_buf);
    return (struct tenon_key *)(void *)b;
}

static struct tenon_buf *
buf_of(struct tenon_key *key)
{
    return (struct tenon_buf *)(void *)key;
}

const char *
tenon_standin_key_text(struct tenon_key *key)
{
    return tenon_buf_str(buf_of(key));
}

void
tenon_standin_key_free(struct tenon_key *key)
{
    if (key)
        tenon_buf_release(buf_of(key));
    free(key);
}

static void
key_add(struct tenon_key *key, const char *label, const void *data, size_t len)
{
    struct tenon_buf *b = buf_of(key);
    const unsigned char *p = data;
    tenon_buf_addf(b, "%s=", label);
    for (size_t i = 0; i < len; i++)
        tenon_buf_addf(
            b, p[i] >= ' ' && p[i] < 0x7f && p[i] != '\\' ? "%c" : "\\x%02x",
            p[i]);
    tenon_buf_addf(b, "\n");
}

static int
key_add_tree(struct tenon_key *key, const char *label, int dirfd,
             const char *path, struct tenon_error *err)
{
    auto_buf struct tenon_buf tree = TENON_BUF_INIT;
    if (tenon_standin_tree(dirfd, path, &tree, err) < 0)
        return err->code;
    key_add(key, label, tenon_buf_str(&tree), strlen(tenon_buf_str(&tree)));
    return TENON_OK;
}

static const struct tenon_key_api keys = {
    .struct_size = sizeof keys,
    .add = key_add,
    .add_tree = key_add_tree,
};

/* ---- files --------------------------------------------------------------------- */

static int
files_open_in(struct tenon_ctx *ctx, int dirfd, const char *path, int flags,
              uint32_t mode, struct tenon_error *err)
{
    return fails(ctx, "open_in", err)
               ? err->code
               : tenon_root_open(dirfd, path, flags, mode, err);
}

static int
new_temp(struct tenon_ctx *ctx, const char **path, struct tenon_error *err)
{
    struct tenon_standin *s = standin_of(ctx);
    const char *dir = secure_getenv("TMPDIR");
    struct temp t = {
        .path = tenon_asprintf("%s/tenon-standin-XXXXXX", dir ? dir : "/tmp")};
    t.fd =
        mkdtemp(t.path) ? open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (t.fd < 0) {
        tenon_error_sys(err, "make a temporary directory %s", t.path);
        free(t.path);
        return err->code;
    }
    pthread_mutex_lock(&s->lock);
    tenon_vec_push(&s->temps, t);
    pthread_mutex_unlock(&s->lock);
    if (path)
        *path = t.path;
    return t.fd;
}

static int
files_temp_dir(struct tenon_ctx *ctx, uint32_t flags, const char **path,
               struct tenon_error *err)
{
    (void)flags;
    return fails(ctx, "temp_dir", err) ? err->code : new_temp(ctx, path, err);
}

/* Another one each time: nothing is kept between builds that there are not. */
static int
files_cache_dir(struct tenon_ctx *ctx, const char *id, const char *sharing,
                int seed_fd, uint32_t mode, uint32_t uid, uint32_t gid,
                struct tenon_error *err)
{
    (void)id, (void)sharing, (void)seed_fd, (void)mode, (void)uid, (void)gid;
    const char *path;
    if (fails(ctx, "cache_dir", err) || new_temp(ctx, &path, err) < 0)
        return err->code;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : tenon_error_sys(err, "open %s", path);
}

static const struct tenon_files_api files = {
    .struct_size = sizeof files,
    .open_in = files_open_in,
    .temp_dir = files_temp_dir,
    .cache_dir = files_cache_dir,
};

/* ---- what only a user has --------------------------------------------------------- */

static int
client_open(struct tenon_ctx *ctx, const char *service, const char *id,
            struct tenon_error *err)
{
    struct tenon_standin *s = outermost(ctx);
    if (fails(ctx, "client->open", err))
        return err->code;
    tenon_vec_foreach (g, &s->given)
        if (!strcmp(g->service, service) && !strcmp(g->id, id))
            return tenon_sealed(g->data, g->len, err);
    return tenon_error_set(err, TENON_E_NOT_FOUND, "%s \"%s\": not supplied",
                           service, id);
}

static const struct tenon_client_api client = {
    .struct_size = sizeof client,
    .open = client_open,
};

/* ---- where an export goes: into nothing ------------------------------------------ */

static int
sink_open(struct tenon_ctx *ctx, const char *dest, struct tenon_error *err)
{
    (void)dest;
    struct tenon_standin *s = standin_of(ctx);
    if (fails(ctx, "sink->open", err))
        return err->code;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open /dev/null");
    pthread_mutex_lock(&s->lock);
    tenon_vec_push(&s->sinks, fd);
    pthread_mutex_unlock(&s->lock);
    return fd;
}

static int
sink_commit(struct tenon_ctx *ctx, int fd, struct tenon_error *err)
{
    (void)fd; /* it goes with the ctx */
    return fails(ctx, "sink->commit", err) ? err->code : TENON_OK;
}

static int
sink_dir(struct tenon_ctx *ctx, const char *dest, struct tenon_error *err)
{
    (void)dest;
    return fails(ctx, "sink->dir", err) ? err->code : new_temp(ctx, NULL, err);
}

static int
sink_check(struct tenon_ctx *ctx, const char *dest, uint32_t kind,
           struct tenon_error *err)
{
    (void)dest, (void)kind;
    return fails(ctx, "sink->check", err) ? err->code : TENON_OK;
}

static const struct tenon_sink_api sinks = {
    .struct_size = sizeof sinks,
    .open = sink_open,
    .commit = sink_commit,
    .dir = sink_dir,
    .check = sink_check,
};

/* ---- what only a build has ---------------------------------------------------- */

/* Exporters look at names before a build. */
static const char *
image_normalize(struct tenon_ctx *ctx, const char *name, struct tenon_error *err)
{
    if (!fails(ctx, "image->normalize", err))
        tenon_error_set(err, TENON_E_UNSUPPORTED, "\"%s\": there is no build here", name);
    return NULL;
}

static const struct tenon_blobs_api no_blobs = {.struct_size = sizeof no_blobs};
static const struct tenon_graph_api no_graph = {.struct_size = sizeof no_graph};
static const struct tenon_result_api no_result = {.struct_size =
                                                      sizeof no_result};
static const struct tenon_image_api images = {
    .struct_size = sizeof images,
    .normalize = image_normalize,
};

/* ---- programs: they are of this machine, build or not ------------------------------ */

static void
program_said(void *ctx, int stream, const void *text, size_t len)
{
    (void)ctx, (void)stream, (void)text, (void)len;
}

static void
program_line(void *ctx, const char *line)
{
    progress_log(ctx, 7, "%s", line);
}

static void
program_status(void *ctx, const char *id, int64_t percent)
{
    (void)ctx, (void)id, (void)percent;
}

static void
program_status_done(void *ctx, const char *id)
{
    (void)ctx, (void)id;
}

static const char *
process_find(struct tenon_ctx *ctx, const char *name, const char *package, struct tenon_error *err)
{
    auto_free char *path =
        fails(ctx, "process->find", err) ? NULL : tenon_program_need(name, package, err);
    return path ? ctx_strdup(ctx, path) : NULL;
}

static int
process_run(struct tenon_ctx *ctx, const struct tenon_program *program, int32_t *wait_status,
            struct tenon_error *err)
{
    static const struct tenon_program_talk talk = {program_said, program_line, program_status,
                                                   program_status_done};
    return fails(ctx, "process->run", err)
               ? err->code
               : tenon_program_serve(program, standin_of(ctx)->cancel, &talk, ctx, wait_status,
                                     err);
}

static const void *
extension(const char *name)
{
    static const struct tenon_process_api process = {
        .struct_size = sizeof process, .find = process_find, .run = process_run,
    };
    return strcmp(name, "tenon.process/0") ? NULL : &process;
}

static const struct tenon_host host = {
    .struct_size = sizeof host,
    .abi_major = TENON_ABI_MAJOR,
    .abi_minor = TENON_ABI_MINOR,
    .version = TENON_VERSION,
    .error = &errors,
    .values = &values,
    .ctx = &work,
    .progress = &progress,
    .key = &keys,
    .files = &files,
    .client = &client,
    .blobs = &no_blobs,
    .graph = &no_graph,
    .result = &no_result,
    .image = &images,
    .sink = &sinks,
    .extension = extension,
};

const struct tenon_host *
tenon_standin_host(void)
{
    return &host;
}

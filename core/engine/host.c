/* engine/host.c - the table that plugins call (struct tenon_host).  Thin: each function
 * finds the engine through the ctx and calls the room that does the work. */
#include "engine/host.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/root.h"
#include "base/sized.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "engine/attestation.h"
#include "engine/build_private.h"
#include "engine/cachemounts.h"
#include "engine/facts.h"
#include "engine/host_fetch.h"
#include "engine/host_image.h"
#include "engine/host_limits.h"
#include "engine/host_process.h"
#include "engine/host_registry.h"
#include "engine/host_store.h"
#include "graph/opjson.h"
#include "graph/errorplaces.h"
#include "context/session.h"
#include "context/waiting.h"
#include "registry/http.h"
#include "registry/registry.h"

enum { MEMORY_TEMP_BYTES = 4 << 20 };

__attribute__((format(printf, 4, 5))) static int
host_error(struct tenon_error *err, int code, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vset(err, code, sys, fmt, ap);
    va_end(ap);
    return err->code;
}

__attribute__((format(printf, 2, 3))) static int
host_error_context(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vcontext(err, fmt, ap);
    va_end(ap);
    return err->code;
}

__attribute__((format(printf, 2, 3))) static void
host_error_hint(struct tenon_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vhint(err, fmt, ap);
    va_end(ap);
}

/* A text that is no format: whoever calls has none, or no variadic functions. */
static int
host_error_text_set(struct tenon_error *err, int code, int sys, const char *text)
{
    return host_error(err, code, sys, "%s", text);
}

static int
host_error_text_context(struct tenon_error *err, const char *text)
{
    return host_error_context(err, "%s", text);
}

static void
host_error_text_hint(struct tenon_error *err, const char *text)
{
    host_error_hint(err, "%s", text);
}

static void
host_error_at(struct tenon_error *err, const char *file, uint32_t line,
              uint32_t end_line)
{
    tenon_error_at(err, file, line, end_line);
}

static void
host_error_detail(struct tenon_error *err, const char *type, const char *json)
{
    tenon_error_detail(err, type, json);
}

static int
host_error_code(const struct tenon_error *err)
{
    return err->code;
}

static const char *
host_error_text(const struct tenon_error *err)
{
    return err->message ? err->message : "";
}

__attribute__((format(printf, 3, 4))) static void
host_log(struct tenon_ctx *ctx, int level, const char *fmt, ...)
{
    (void)ctx;
    va_list ap;
    va_start(ap, fmt);
    tenon_vlog(level, fmt, ap);
    va_end(ap);
}

static void
host_log_text(struct tenon_ctx *ctx, int level, const char *text)
{
    host_log(ctx, level, "%s", text);
}

static bool
host_cancelled(struct tenon_ctx *ctx)
{
    return tenon_cancel_fired(tenon_ctx_cancel(ctx));
}

static int
host_cancel_fd(struct tenon_ctx *ctx)
{
    return tenon_cancel_fd(tenon_ctx_cancel(ctx));
}

static void
host_digest(const void *data, size_t len, char out[72])
{
    struct tenon_digest d;
    tenon_digest_of(data, len, &d);
    memcpy(out, d.str, sizeof d.str);
}

static void
host_key_add(struct tenon_key *key, const char *label, const void *data, size_t len)
{
    tenon_hash_item((struct tenon_hash *)key, label, data, len);
}

static int
host_key_add_tree(struct tenon_key *key, const char *label, int dirfd,
                  const char *path, struct tenon_error *err)
{
    struct tenon_view_options o = { .rootfd = dirfd };
    struct tenon_view *view;
    if (tenon_view_new(&o, &view, err) < 0)
        return err->code;
    struct tenon_selector sel = { .path = path, .follow = true };
    struct tenon_digest d;
    if (tenon_view_digest(view, &sel, NULL, &d, err) == 0)
        tenon_hash_item((struct tenon_hash *)key, label, d.str, strlen(d.str));
    tenon_view_free(view);
    return err->code;
}

/* ---- files -------------------------------------------------------------- */

static int
host_open_in(struct tenon_ctx *ctx, int dirfd, const char *path, int flags,
             uint32_t mode, struct tenon_error *err)
{
    (void)ctx;
    return tenon_root_open(dirfd, path, flags, mode, err);
}

static void
close_later(void *data)
{
    close((int)(intptr_t)data);
}

static void
free_tempdir(void *data)
{
    tenon_tempdir_free(data);
}

static void
unmount_later(void *data)
{
    tenon_unmount(data);
}

static int
host_temp_dir(struct tenon_ctx *ctx, uint32_t flags, const char **path,
              struct tenon_error *err)
{
    struct tenon_tempdir *x;
    if (tenon_tempdir_new(tenon_ctx_engine(ctx)->store, &x, err) < 0)
        return err->code;
    tenon_ctx_defer(ctx, free_tempdir, x);
    if (path)
        *path = tenon_ctx_strdup(ctx, tenon_tempdir_path(x));
    if (!(flags & TENON_TEMP_MEMORY))
        return tenon_tempdir_fd(x);

    auto_free char *options = tenon_asprintf("mode=0700,size=%d", MEMORY_TEMP_BYTES);
    auto_free char *noswap = tenon_asprintf("%s,noswap", options);
    const char *where = tenon_tempdir_path(x);
    /* noswap came with Linux 6.4; an older kernel may swap it, as it may any
     * page of ours that is not locked. */
    if (mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV, noswap) < 0 &&
        mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return tenon_error_sys(err, "mount a tmpfs");
    tenon_ctx_defer(ctx, unmount_later, tenon_ctx_strdup(ctx, where));
    int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open %s", where);
    tenon_ctx_defer(ctx, close_later, (void *)(intptr_t)fd);
    return fd;
}

static int
host_blob_open(struct tenon_ctx *ctx, const char *digest, int64_t *size,
               struct tenon_error *err)
{
    return tenon_blob_open(tenon_ctx_engine(ctx)->store, digest, size, err);
}

static int
host_blob_create(struct tenon_ctx *ctx, struct tenon_error *err)
{
    return tenon_blob_temp_fd(tenon_ctx_engine(ctx)->store, err);
}

static const char *
host_blob_commit(struct tenon_ctx *ctx, int fd, const char *expect,
                 struct tenon_error *err)
{
    auto_close int own = fd;
    auto_hash struct tenon_hash *h = tenon_hash_new();
    auto_free char *chunk = tenon_malloc(1 << 16);
    if (lseek(own, 0, SEEK_SET) < 0) {
        tenon_error_sys(err, "rewind a new blob");
        return NULL;
    }
    for (;;) {
        int64_t n = tenon_read_full(own, chunk, 1 << 16, err);
        if (n < 0)
            return NULL;
        if (n == 0)
            break;
        tenon_hash_update(h, chunk, (size_t)n);
    }
    struct tenon_digest d;
    tenon_hash_final(h, &d);
    if (expect && strcmp(expect, d.str)) {
        tenon_error_set(err, TENON_E_CORRUPT, "blob has digest %s, expected %s", d.str, expect);
        return NULL;
    }
    if (tenon_blob_adopt_fd(tenon_ctx_engine(ctx)->store, own, &d, err) < 0)
        return NULL;
    return tenon_ctx_strdup(ctx, d.str);
}

static void
release_lock(void *data)
{
    tenon_lock_release(data);
}

static int
host_cache_dir(struct tenon_ctx *ctx, const char *id, const char *sharing,
               int seed_fd, uint32_t mode, uint32_t uid, uint32_t gid,
               struct tenon_error *err)
{
    struct tenon_lock *lock = NULL;
    if (tenon_has_prefix(id, TENON_CACHE_KEPT)) /* not a step's to write to */
        return tenon_error_set(err, TENON_E_INVALID, "invalid cache id");
    const struct tenon_mount_want want = { .id = id, .sharing = sharing, .seed_fd = seed_fd,
                                           .mode = mode, .uid = uid, .gid = gid };
    int fd = tenon_mounts_open(ctx, &want, &lock, err);
    if (fd >= 0 && lock)
        tenon_ctx_defer(ctx, release_lock, lock);
    return fd;
}

/* ---- graph -------------------------------------------------------------- */

static const char *
host_node_digest(struct tenon_node *n, struct tenon_error *err)
{
    const struct tenon_vertex *v = tenon_node_freeze(n, err);
    return v ? v->digest.str : NULL;
}

static const void *
host_node_bytes(struct tenon_node *n, size_t *len, struct tenon_error *err)
{
    const struct tenon_vertex *v = tenon_node_freeze(n, err);
    if (!v)
        return NULL;
    *len = v->len;
    return v->bytes;
}

static const struct tenon_param *
host_mount_options(struct tenon_graph *g, const char *type, size_t *stride,
                   struct tenon_error *err)
{
    const struct tenon_plugin *p = NULL;
    if (tenon_plugins_peek(tenon_build_of(g)->engine->plugins, TENON_KIND_MOUNT,
                           type, &p, err) < 0)
        return NULL;
    static const struct tenon_param none = {0};
    *stride = p->param_size;
    return p->options ? p->options : &none;
}

/* ---- results ------------------------------------------------------------ */

static size_t
host_result_count(const struct tenon_result *r)
{
    return r->platforms.len;
}

static const char *
host_result_platform(const struct tenon_result *r, size_t i)
{
    return i < r->platforms.len ? r->platforms.items[i].platform : NULL;
}

static const void *
host_result_get(const struct tenon_result *r, const char *key, size_t *len)
{
    const struct tenon_result_value *v = tenon_result_meta(r, key);
    if (v && len)
        *len = v->len;
    return v ? v->data : NULL;
}

static int
host_result_tree(struct tenon_ctx *ctx, struct tenon_result *r, size_t i,
                 struct tenon_error *err)
{
    struct tenon_build *b = tenon_build_current(tenon_ctx_engine(ctx));
    if (i >= r->platforms.len)
        return tenon_error_set(err, TENON_E_BUG, "result has no platform number %zu", i);
    struct tenon_ref *ref = r->platforms.items[i].ref;
    if (!ref)
        return host_temp_dir(ctx, 0, NULL, err); /* scratch: an empty tree */
    struct tenon_cancel *cancel = tenon_ctx_cancel(ctx);
    if (tenon_build_ref_solve(b, ref, cancel, err) < 0 ||
        tenon_solver_make_chain(b->solver, &ref->made, cancel, err) < 0)
        return err->code; /* of a directory in place only a copy is without what is ignored */
    return tenon_build_ref_root(b, ref, cancel, err);
}

/* ---- where an export goes ----------------------------------------------- */

struct sink { /* aborted, unless committed, when the ctx ends */
    struct tenon_session *session;
    int fd;
};

static void
abort_sink(void *data)
{
    struct sink *s = data;
    s->session->sink_abort(s->session->data, s->fd); /* does nothing for a committed one */
}

static int
host_sink_open(struct tenon_ctx *ctx, const char *dest, struct tenon_error *err)
{
    struct tenon_session *s = tenon_ctx_engine(ctx)->session;
    int fd = s->sink_open(s->data, dest, err);
    if (fd < 0)
        return fd;
    struct sink *keep = tenon_ctx_alloc(ctx, sizeof *keep);
    *keep = (struct sink){ s, fd };
    tenon_ctx_defer(ctx, abort_sink, keep);
    return fd;
}

static int
host_sink_commit(struct tenon_ctx *ctx, int fd, struct tenon_error *err)
{
    struct tenon_session *s = tenon_ctx_engine(ctx)->session;
    return s->sink_commit(s->data, fd, err);
}

static int
host_sink_dir(struct tenon_ctx *ctx, const char *dest, struct tenon_error *err)
{
    struct tenon_session *s = tenon_ctx_engine(ctx)->session;
    int fd = s->sink_dir(s->data, dest, err);
    if (fd >= 0)
        tenon_ctx_defer(ctx, close_later, (void *)(intptr_t)fd);
    return fd;
}

static int
host_sink_check(struct tenon_ctx *ctx, const char *dest, uint32_t kind,
                struct tenon_error *err)
{
    struct tenon_session *s = tenon_ctx_engine(ctx)->session;
    return s->sink_check ? s->sink_check(s->data, dest, kind, err) : TENON_OK;
}

/* ---- minor 2 ---------------------------------------------------------------- */

static int
host_node_input_ref(struct tenon_node *n, const char *slot, struct tenon_ref *ref,
                    struct tenon_error *err)
{
    const struct tenon_edge scratch = {0};
    return tenon_node_input_edge(n, slot, ref ? ref->edge : scratch, err);
}

static struct tenon_node *
host_node_of_ref(struct tenon_graph *g, struct tenon_ref *ref, uint32_t *output)
{
    const struct tenon_edge edge = ref ? ref->edge : (struct tenon_edge){0};
    *output = edge.index;
    return edge.vertex ? tenon_node_of_vertex(g, edge.vertex) : NULL;
}

static bool
host_error_source(struct tenon_graph *g, const struct tenon_error *err,
                  struct tenon_source_excerpt *out)
{
    const struct tenon_graph_source *s =
        err->file ? tenon_build_source(tenon_build_of(g), err->file) : NULL;
    const struct tenon_source_excerpt own = {
        .struct_size = sizeof own, .filename = err->file,
        .data = s ? s->data : "", .len = s ? s->len : 0,
        .line = err->line, .end_line = err->end_line,
    };
    tenon_sized_give(out, &own, sizeof own);
    return err->file && err->line;
}

static const char *
host_error_detail_nth(const struct tenon_error *err, size_t i, const char **json)
{
    const struct tenon_error_detail *d = err->details;
    while (d && i-- > 0)
        d = d->next;
    *json = d ? d->json : NULL;
    return d ? d->type : NULL;
}

static int
host_definition_json(struct tenon_ctx *ctx, const void *def, size_t len, const char **json,
                     struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    if (tenon_definition_proto_json(def, len, &o, err) < 0)
        return err->code;
    tenon_json_write(&text, o, true);
    *json = tenon_ctx_strdup(ctx, tenon_buf_str(&text));
    return TENON_OK;
}

static struct tenon_ctx *
host_scope_begin(struct tenon_ctx *ctx)
{
    struct tenon_ctx *scope = tenon_ctx_new(tenon_ctx_engine(ctx), tenon_ctx_events(ctx),
                                            tenon_ctx_cancel(ctx), tenon_ctx_vertex(ctx));
    tenon_ctx_set_depth(scope, tenon_ctx_depth(ctx));
    tenon_ctx_set_users_options(scope, tenon_ctx_users_options(ctx));
    tenon_ctx_set_users_own(scope, tenon_ctx_is_users_own(ctx));
    tenon_ctx_set_asked(scope, tenon_ctx_asked(ctx));
    return scope;
}

static void
host_scope_cancel(struct tenon_ctx *scope)
{
    tenon_cancel_fire(tenon_ctx_cancel(scope));
}

static void
release_error(void *data)
{
    tenon_error_release(data);
}

static struct tenon_error *
host_error_new(struct tenon_ctx *ctx)
{
    struct tenon_error *err = tenon_ctx_alloc(ctx, sizeof *err);
    tenon_ctx_defer(ctx, release_error, err);
    return err;
}

static void
release_result(void *data)
{
    tenon_result_release(data);
}

static struct tenon_result *
host_result_new(struct tenon_ctx *ctx)
{
    struct tenon_result *r = tenon_ctx_alloc(ctx, sizeof *r);
    tenon_ctx_defer(ctx, release_result, r);
    return r;
}

static struct tenon_ref *
host_result_ref(const struct tenon_result *r, size_t i)
{
    return i < r->platforms.len ? r->platforms.items[i].ref : NULL;
}

static const char *
host_result_key(const struct tenon_result *r, size_t i)
{
    return i < r->meta.len ? r->meta.items[i].key : NULL;
}

static const void *
host_extension(const char *name)
{
    if (!strcmp(name, "tenon.registry/0"))
        return tenon_registry_api();
    if (!strcmp(name, "tenon.http/0"))
        return tenon_http_api();
    if (!strcmp(name, "tenon.limits/0"))
        return tenon_limits_api();
    if (!strcmp(name, "tenon.process/0"))
        return tenon_process_api();
    return strcmp(name, "tenon.store/0") ? NULL : tenon_store_api();
}

static const struct tenon_error_api error_table = {
    .struct_size = sizeof error_table,
    .set = host_error,
    .context = host_error_context,
    .hint = host_error_hint,
    .at = host_error_at,
    .detail = host_error_detail,
    .detail_nth = host_error_detail_nth,
    .code = host_error_code,
    .text = host_error_text,
    .clear = tenon_error_release,
    .create = host_error_new,
    .source = host_error_source,
    .place = tenon_places_of_error,
    .set_text = host_error_text_set,
    .context_text = host_error_text_context,
    .hint_text = host_error_text_hint,
};

static const struct tenon_values_api values_table = {
    .struct_size = sizeof values_table,
    .given = tenon_values_given,
    .get_string = tenon_values_string,
    .get_nth = tenon_values_nth,
    .get_int = tenon_values_int,
    .get_bool = tenon_values_bool,
    .get_map = tenon_values_map,
};

static const struct tenon_ctx_api ctx_table = {
    .struct_size = sizeof ctx_table,
    .alloc = tenon_ctx_alloc,
    .strdup = tenon_ctx_strdup,
    .cancelled = host_cancelled,
    .cancel_fd = host_cancel_fd,
    .scope_begin = host_scope_begin,
    .scope_end = tenon_ctx_free,
    .scope_cancel = host_scope_cancel,
};

static const struct tenon_progress_api progress_table = {
    .struct_size = sizeof progress_table,
    .log = host_log,
    .status = tenon_ctx_status,
    .status_done = tenon_ctx_status_done,
    .output = tenon_ctx_output,
    .log_text = host_log_text,
};

static const struct tenon_key_api key_table = {
    .struct_size = sizeof key_table,
    .add = host_key_add,
    .add_tree = host_key_add_tree,
};

static const struct tenon_files_api files_table = {
    .struct_size = sizeof files_table,
    .open_in = host_open_in,
    .temp_dir = host_temp_dir,
    .cache_dir = host_cache_dir,
};

static const struct tenon_client_api client_table = {
    .struct_size = sizeof client_table,
    .open = tenon_ctx_client_open,
};

static const struct tenon_blobs_api blobs_table = {
    .struct_size = sizeof blobs_table,
    .open = host_blob_open,
    .create = host_blob_create,
    .commit = host_blob_commit,
    .digest = host_digest,
};

static const struct tenon_graph_api graph_table = {
    .struct_size = sizeof graph_table,
    .node_new = tenon_node_new,
    .node_part = tenon_node_part,
    .node_set = tenon_node_set,
    .node_set_int = tenon_node_set_int,
    .node_set_bytes = tenon_node_set_bytes,
    .node_input = tenon_node_input,
    .node_input_ref = host_node_input_ref,
    .node_describe = tenon_node_describe,
    .node_at = tenon_node_at,
    .node_digest = host_node_digest,
    .node_bytes = host_node_bytes,
    .node_of_ref = host_node_of_ref,
    .source = tenon_graph_source,
    .source_from = tenon_graph_source_from,
    .mount_options = host_mount_options,
    .definition_json = host_definition_json,
};

static const struct tenon_result_api result_table = {
    .struct_size = sizeof result_table,
    .add = tenon_result_add,
    .set = tenon_result_set,
    .count = host_result_count,
    .platform = host_result_platform,
    .ref = host_result_ref,
    .get = host_result_get,
    .key = host_result_key,
    .tree = host_result_tree,
    .respond = tenon_result_respond,
    .create = host_result_new,
    .attest = tenon_result_attest,
    .attestation = tenon_result_attestation,
    .statements = tenon_host_result_statements,
    .facts = tenon_host_result_facts,
    .scan_add = tenon_result_scan_add,
    .scan = tenon_result_scan,
};

static const struct tenon_image_api image_table = {
    .struct_size = sizeof image_table,
    .build = tenon_host_image_build,
    .walk = tenon_host_image_walk,
    .tag = tenon_host_image_tag,
    .normalize = tenon_host_image_normalize,
};

static const struct tenon_sink_api sink_table = {
    .struct_size = sizeof sink_table,
    .open = host_sink_open,
    .commit = host_sink_commit,
    .dir = host_sink_dir,
    .check = host_sink_check,
};

static const struct tenon_host host_table = {
    .struct_size = sizeof host_table,
    .abi_major = TENON_ABI_MAJOR,
    .abi_minor = TENON_ABI_MINOR,
    .version = TENON_VERSION,
    .error = &error_table,
    .values = &values_table,
    .ctx = &ctx_table,
    .progress = &progress_table,
    .key = &key_table,
    .files = &files_table,
    .client = &client_table,
    .blobs = &blobs_table,
    .graph = &graph_table,
    .result = &result_table,
    .image = &image_table,
    .sink = &sink_table,
    .extension = host_extension,
};

const struct tenon_host *
tenon_engine_host(void)
{
    return &host_table;
}

/* dfkit.h - a host and a bridge that only write down what the Dockerfile
 * frontend asks of them.  One request at a time. */
#ifndef TENON_TEST_DFKIT_H
#define TENON_TEST_DFKIT_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/vec.h"
#include "image/image.h"
#include "tenon-plugin.h"

const struct tenon_plugin *frontend_dockerfile_LTX_tenon_plugin_query(void);

/* A node or a part of one: "op attr=value attr=value", and its number, so
 * that inputs can be told as "input=#3". */
struct tenon_node {
    struct tenon_buf text;
    struct tenon_node *whole; /* of a part */
    char name[24];
};

struct dfkit_file {
    const char *source, *path, *text; /* "local://context", ".dockerignore" */
};
struct dfkit_image {
    const char *name, *config; /* "docker-image://docker.io/library/x:latest" */
};
struct dfkit_entry {
    char *key, *value;
};

static struct dfkit {
    const struct dfkit_file *files;   /* end with source NULL */
    const struct dfkit_image *images; /* end with name NULL */
    TENON_VEC(struct tenon_node *) nodes;
    TENON_VEC(struct dfkit_entry) result;
    TENON_VEC(char *) warnings, memory;
    struct tenon_error err;
} kit;

static void *
kit_keep(void *p)
{
    tenon_vec_push(&kit.memory, p);
    return p;
}

/* ---- the host ------------------------------------------------------------- */

static int kit_error(struct tenon_error *e, int code, int sys, const char *fmt, ...)
    TENON_PRINTF(4, 5);
static int
kit_error(struct tenon_error *e, int code, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vset(e, code, sys, fmt, ap);
    va_end(ap);
    return code;
}

static int kit_context(struct tenon_error *e, const char *fmt, ...)
    TENON_PRINTF(2, 3);
static int
kit_context(struct tenon_error *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vcontext(e, fmt, ap);
    va_end(ap);
    return e->code;
}

static void kit_hint(struct tenon_error *e, const char *fmt, ...)
    TENON_PRINTF(2, 3);
static void
kit_hint(struct tenon_error *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tenon_error_vhint(e, fmt, ap);
    va_end(ap);
}

static void
kit_at(struct tenon_error *e, const char *file, uint32_t line, uint32_t end)
{
    tenon_error_at(e, file, line, end);
}

static void
kit_detail(struct tenon_error *e, const char *type, const char *json)
{
    tenon_error_detail(e, type, json);
}

static int
kit_code(const struct tenon_error *e)
{
    return e->code;
}

static const char *
kit_text(const struct tenon_error *e)
{
    return e->message ? e->message : "";
}

static void
kit_clear(struct tenon_error *e)
{
    tenon_error_release(e);
}

static bool
kit_cancelled(struct tenon_ctx *ctx)
{
    (void)ctx;
    return false;
}

static const char *
kit_normalize(struct tenon_ctx *ctx, const char *name, struct tenon_error *err)
{
    (void)ctx;
    struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, err) < 0)
        return NULL;
    char *text = tenon_reference_string(&ref);
    tenon_reference_release(&ref);
    return kit_keep(text);
}

static struct tenon_node *
kit_node(const char *op, struct tenon_node *whole)
{
    struct tenon_node *n = tenon_new0(struct tenon_node);
    n->whole = whole;
    tenon_buf_adds(&n->text, op);
    snprintf(n->name, sizeof n->name, "#%zu", kit.nodes.len);
    tenon_vec_push(&kit.nodes, n);
    return n;
}

static struct tenon_node *
kit_node_new(struct tenon_graph *g, const char *op, struct tenon_error *err)
{
    (void)g, (void)err;
    return kit_node(op, NULL);
}

static struct tenon_node *
kit_node_part(struct tenon_node *n, const char *part, struct tenon_error *err)
{
    (void)err;
    return kit_node(part, n);
}

static int
kit_set(struct tenon_node *n, const char *attr, const char *value,
        struct tenon_error *err)
{
    (void)err;
    tenon_buf_addc(&n->text, ' ');
    tenon_buf_adds(&n->text, attr);
    tenon_buf_addc(&n->text, '=');
    tenon_buf_adds(&n->text, value);
    return 0;
}

static int
kit_set_int(struct tenon_node *n, const char *attr, int64_t value,
            struct tenon_error *err)
{
    (void)err;
    tenon_buf_addf(&n->text, " %s=%lld", attr, (long long)value);
    return 0;
}

static int
kit_set_bytes(struct tenon_node *n, const char *attr, const void *data,
              size_t len, struct tenon_error *err)
{
    (void)err;
    tenon_buf_addf(&n->text, " %s=", attr);
    tenon_buf_add(&n->text, data, len);
    return 0;
}

static int
kit_input(struct tenon_node *n, const char *slot, struct tenon_node *from,
          uint32_t output, struct tenon_error *err)
{
    (void)output, (void)err;
    tenon_buf_addf(&n->text, " %s<%s", slot, from ? from->name : "scratch");
    return 0;
}

/* The one input of each request, "given". */
static struct tenon_node *
kit_node_of_ref(struct tenon_graph *g, struct tenon_ref *ref, uint32_t *output)
{
    (void)g, (void)ref;
    *output = 0;
    return kit_node("given input", NULL);
}

static int
kit_describe(struct tenon_node *n, const char *key, const char *value,
             struct tenon_error *err)
{
    (void)err;
    tenon_buf_addf(&n->text, " %s:%s", key, value);
    return 0;
}

static int
kit_node_at(struct tenon_node *n, uint32_t source, uint32_t line, uint32_t end)
{
    (void)source, (void)end;
    tenon_buf_addf(&n->text, " @%u", line);
    return 0;
}

static uint32_t
kit_source(struct tenon_graph *g, const char *filename, const char *language,
           const void *data, size_t len, const void *definition, size_t definition_len)
{
    (void)g, (void)filename, (void)language, (void)data, (void)len;
    (void)definition, (void)definition_len;
    return 0;
}

/* Neither is looked at here. */
static int
kit_definition(struct tenon_ctx *ctx, struct tenon_ref *ref, const void **data, size_t *len,
               struct tenon_error *err)
{
    (void)ctx, (void)ref, (void)err;
    *data = "";
    *len = 0;
    return 0;
}

static int
kit_definition_json(struct tenon_ctx *ctx, const void *def, size_t len, const char **json,
                    struct tenon_error *err)
{
    (void)ctx, (void)def, (void)len, (void)err;
    *json = "{}";
    return 0;
}

static const char *
kit_digest(struct tenon_node *n, struct tenon_error *err)
{
    (void)err;
    return n->name;
}

static const void *
kit_bytes(struct tenon_node *n, size_t *len, struct tenon_error *err)
{
    (void)err;
    *len = strlen(n->name);
    return n->name;
}

static void
kit_hash(const void *data, size_t len, char out[72])
{
    snprintf(out, 72, "sha256:%zu-%02x", len, *(const unsigned char *)data);
}

static void
kit_log(struct tenon_ctx *ctx, int level, const char *fmt, ...)
{
    va_list ap;
    (void)ctx, (void)level;
    va_start(ap, fmt);
    char *text = NULL;
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    tenon_vec_push(&kit.warnings, text);
}

static const struct tenon_param *
kit_mount_options(struct tenon_graph *g, const char *type, size_t *stride,
                  struct tenon_error *err)
{
    static const struct tenon_param options[] = {
        {.name = "size", .type = TENON_TYPE_SIZE},
        {.name = "path", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REQUIRED},
        {.name = "tag", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT},
        {.name = "env", .type = TENON_TYPE_MAP},
        {.name = "what", .type = TENON_TYPE_STRING, .flags = TENON_PARAM_BARE},
        {.name = "old", .help = "no effect", .type = TENON_TYPE_BOOL,
         .flags = TENON_PARAM_DEPRECATED},
        {.name = NULL},
    };
    (void)g;
    *stride = sizeof *options;
    if (strcmp(type, "thirdparty") == 0)
        return options;
    kit_error(err, TENON_E_NOT_FOUND, 0, "mount type \"%s\": no plugin", type);
    return NULL;
}

static int
kit_result_set(struct tenon_result *r, const char *key, const void *data,
               size_t len, struct tenon_error *err)
{
    (void)r, (void)err;
    tenon_vec_push(&kit.result, (struct dfkit_entry){
        tenon_strdup(key), tenon_memdup(data, len)});
    return 0;
}

static int
kit_result_add(struct tenon_result *r, const char *platform,
               struct tenon_ref *ref, struct tenon_error *err)
{
    (void)r, (void)err;
    const char *name = ref ? ((struct tenon_node *)ref)->name : "scratch";
    auto_free char *key = tenon_asprintf("ref/%s", platform);
    for (size_t i = 0; i < kit.result.len; i++)
        if (strcmp(kit.result.items[i].key, key) == 0)
            return kit_error(err, TENON_E_INVALID, 0, "platform %s was given twice", platform);
    tenon_vec_push(&kit.result, (struct dfkit_entry){tenon_steal(&key), tenon_strdup(name)});
    return 0;
}

/* ---- the bridge ----------------------------------------------------------- */

static int
kit_solve(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
          uint32_t output, struct tenon_ref **out, struct tenon_error *err)
{
    (void)ctx, (void)g, (void)output, (void)err;
    *out = (struct tenon_ref *)n;
    return 0;
}

static const char *
kit_file(struct tenon_ref *ref, const char *path, struct tenon_error *err)
{
    const char *text = tenon_buf_str(&((struct tenon_node *)ref)->text);
    for (const struct dfkit_file *f = kit.files; f->source; f++)
        if (strstr(text, f->source) && strcmp(f->path, path) == 0)
            return f->text;
    kit_error(err, TENON_E_NOT_FOUND, 0, "open %s: no such file or directory", path);
    return NULL;
}

static int
kit_read_file(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path,
              size_t limit, const void **data, size_t *len,
              struct tenon_error *err)
{
    (void)ctx, (void)limit;
    *data = kit_file(ref, path, err);
    if (!*data)
        return TENON_E_NOT_FOUND;
    *len = strlen(*data);
    return 0;
}

static int
kit_stat(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path, struct tenon_stat *out,
         struct tenon_error *err)
{
    (void)ctx;
    const char *text = kit_file(ref, path, err);
    if (!text)
        return TENON_E_NOT_FOUND;
    if (out->struct_size != sizeof *out)
        return kit_error(err, TENON_E_BUG, 0, "no room is told");
    *out = (struct tenon_stat){
        .struct_size = sizeof *out, .path = path, .mode = S_IFREG | 0644, .size = (int64_t)strlen(text),
    };
    return 0;
}

static int
kit_meta(struct tenon_ctx *ctx, struct tenon_graph *g,
         const struct tenon_source_query *q, struct tenon_source_meta *out,
         struct tenon_error *err)
{
    (void)ctx, (void)g;
    kit_set(kit_node("meta", NULL), "name", q->log_name, err);
    for (const struct dfkit_image *i = kit.images; i && i->name; i++)
        if (strcmp(i->name, q->identifier) == 0) {
            out->identifier = q->identifier;
            out->digest = "sha256:"
                "000000000000000000000000000000000000000000000000000000000000cafe";
            out->config = i->config;
            out->config_len = strlen(i->config);
            return 0;
        }
    return kit_error(err, TENON_E_NOT_FOUND, 0, "%s: not found",
                     strstr(q->identifier, "://") + 3);
}

static void
kit_warn(struct tenon_ctx *ctx, struct tenon_graph *g,
         const struct tenon_warning *w)
{
    (void)ctx, (void)g;
    tenon_vec_push(&kit.warnings, tenon_strdup(w->summary));
}

/* ---- a request -------------------------------------------------------------- */

static void
kit_release(void)
{
    for (size_t i = 0; i < kit.nodes.len; i++) {
        tenon_buf_release(&kit.nodes.items[i]->text);
        free(kit.nodes.items[i]);
    }
    for (size_t i = 0; i < kit.result.len; i++) {
        free(kit.result.items[i].key);
        free(kit.result.items[i].value);
    }
    for (size_t i = 0; i < kit.warnings.len; i++)
        free(kit.warnings.items[i]);
    for (size_t i = 0; i < kit.memory.len; i++)
        free(kit.memory.items[i]);
    tenon_vec_release(&kit.nodes);
    tenon_vec_release(&kit.result);
    tenon_vec_release(&kit.warnings);
    tenon_vec_release(&kit.memory);
    tenon_error_release(&kit.err);
}

static const struct tenon_error_api kit_host_error = {
    .struct_size = sizeof kit_host_error,
    .set = kit_error,
    .context = kit_context,
    .hint = kit_hint,
    .at = kit_at,
    .detail = kit_detail,
    .code = kit_code,
    .text = kit_text,
    .clear = kit_clear,
};

static const struct tenon_ctx_api kit_host_ctx = {
    .struct_size = sizeof kit_host_ctx,
    .cancelled = kit_cancelled,
};

static const struct tenon_progress_api kit_host_progress = {
    .struct_size = sizeof kit_host_progress,
    .log = kit_log,
};

static const struct tenon_blobs_api kit_host_blobs = {
    .struct_size = sizeof kit_host_blobs,
    .digest = kit_hash,
};

static const struct tenon_graph_api kit_host_graph = {
    .struct_size = sizeof kit_host_graph,
    .node_new = kit_node_new,
    .node_part = kit_node_part,
    .node_set = kit_set,
    .node_set_int = kit_set_int,
    .node_set_bytes = kit_set_bytes,
    .node_input = kit_input,
    .node_describe = kit_describe,
    .node_at = kit_node_at,
    .node_digest = kit_digest,
    .node_bytes = kit_bytes,
    .node_of_ref = kit_node_of_ref,
    .source_from = kit_source,
    .mount_options = kit_mount_options,
    .definition_json = kit_definition_json,
};

static const struct tenon_result_api kit_host_result = {
    .struct_size = sizeof kit_host_result,
    .add = kit_result_add,
    .set = kit_result_set,
};

static const struct tenon_image_api kit_host_image = {
    .struct_size = sizeof kit_host_image,
    .normalize = kit_normalize,
};

/* Options are "k=v", end with NULL.  The outcome is in kit until the next. */
static int
kit_run(const struct dfkit_file *files, const struct dfkit_image *images,
        const char *const *options)
{
    static const struct tenon_host host = {
        .struct_size = sizeof host,
        .error = &kit_host_error,
        .ctx = &kit_host_ctx,
        .progress = &kit_host_progress,
        .blobs = &kit_host_blobs,
        .graph = &kit_host_graph,
        .result = &kit_host_result,
        .image = &kit_host_image,
    };
    static const struct tenon_bridge bridge = {
        .struct_size = sizeof bridge, .solve = kit_solve,
        .resolve_source_meta = kit_meta, .read_file = kit_read_file,
        .stat = kit_stat, .warn = kit_warn, .definition = kit_definition,
    };
    static const struct tenon_named_ref input = {"given", NULL};
    const struct tenon_plugin *p = frontend_dockerfile_LTX_tenon_plugin_query();
    struct tenon_frontend_request request = {
        .struct_size = sizeof request, .options = options,
        .host_platform = "linux/amd64", .inputs = &input, .input_count = 1,
    };
    void *self = NULL;
    kit_release();
    kit.files = files;
    kit.images = images;
    p->init(&host, NULL, &self, &kit.err);
    return p->ops.frontend->solve(self, NULL, &request, &bridge, NULL, &kit.err);
}

__attribute__((unused)) static const char *
kit_result(const char *key)
{
    for (size_t i = 0; i < kit.result.len; i++)
        if (strcmp(kit.result.items[i].key, key) == 0)
            return kit.result.items[i].value;
    return NULL;
}

/* The first node or part whose text has all of the words; NULL if none. */
__attribute__((unused)) static const char *
kit_find(const char *a, const char *b)
{
    for (size_t i = 0; i < kit.nodes.len; i++) {
        const char *text = tenon_buf_str(&kit.nodes.items[i]->text);
        if (strstr(text, a) && (!b || strstr(text, b)))
            return text;
    }
    return NULL;
}

#endif

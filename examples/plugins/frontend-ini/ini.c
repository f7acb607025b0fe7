/* frontend-ini: build files in the form of INI files.
 *
 *   [image]
 *   from = busybox
 *   cmd = httpd -f -h /srv
 *   [copy]
 *   site = /srv
 *   [run]
 *   index = ls /srv >/srv/files.txt
 *
 * A section may come again; [copy] and [run] are steps in the order of their lines. */
#define _GNU_SOURCE
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon-graph.h>
#include <tenon-plugin.h>

#include "language.h"

enum { MAX_BYTES = 1 << 20, MAX_LINES = 4096 };

static const struct tenon_host *host;

struct build {
    struct tenon_ctx *ctx;
    const struct tenon_frontend_request *request;
    const struct tenon_bridge *bridge;
    struct tenon_error *err;
    const char *file, *platform;
    struct ini_line *lines;
    size_t count;
    uint32_t source; /* of the text, for places of errors */
    bool no_cache;
    struct json_object *document, *config, *env; /* of the image; document has the others */
    const char *cwd;
    struct tenon_node *state; /* what the steps so far have made; NULL: nothing */
    struct tenon_node *context;
};

/* ---- what the user asked for --------------------------------------------------------------- */

/* BuildKit's options, "key=value" each; NULL: it was not given. */
static const char *
option(const struct build *b, const char *name)
{
    const size_t len = strlen(name);
    for (const char *const *o = b->request->options; o && *o; o++)
        if (strncmp(*o, name, len) == 0 && (*o)[len] == '=')
            return *o + len + 1;
    return NULL;
}

static int
wrong(const struct build *b, uint32_t line, const char *what, const char *word)
{
    host->error->set(b->err, TENON_E_INVALID, 0, what, word);
    host->error->at(b->err, b->file, line, 0);
    return TENON_E_INVALID;
}

static int
read_file(struct build *b)
{
    struct tenon_graph *g = b->request->graph;
    struct tenon_ref *ref = NULL;
    struct ini_wrong bad;
    const void *data = NULL;
    size_t len = 0;

    b->file = option(b, "filename") ? option(b, "filename") : "Dockerfile";
    /* A list, as BuildKit has it, in JSON: no other file is read. */
    struct json_object *only = json_object_new_array();
    json_object_array_add(only, json_object_new_string(b->file));
    const char *pattern = host->ctx->strdup(b->ctx, json_object_to_json_string(only));
    json_object_put(only);
    struct tenon_node *dir = tenon_llb_source(host, g, "local://dockerfile", NULL, b->err);
    if (!dir || tenon_llb_source_attr(host, dir, "local.sharedkeyhint", "dockerfile", b->err) < 0 ||
        tenon_llb_source_attr(host, dir, "local.includepattern", pattern, b->err) < 0 ||
        tenon_llb_name(host, dir, "[internal] load build file", b->err) < 0 ||
        b->bridge->solve(b->ctx, g, dir, 0, &ref, b->err) < 0 ||
        b->bridge->read_file(b->ctx, ref, b->file, MAX_BYTES, &data, &len, b->err) < 0)
        return host->error->context(b->err, "read %s", b->file);
    b->source = host->graph->source(g, b->file, "ini", data, len);
    if (memchr(data, '\0', len))
        return host->error->set(b->err, TENON_E_INVALID, 0, "%s is no text", b->file);

    char *text = host->ctx->alloc(b->ctx, len + 1); /* a copy: it is taken apart */
    memcpy(text, data, len);
    b->lines = host->ctx->alloc(b->ctx, MAX_LINES * sizeof *b->lines);
    long count = ini_parse(text, b->lines, MAX_LINES, &bad);
    if (count < 0)
        return wrong(b, bad.number, "%s", bad.what);
    b->count = (size_t)count;
    return TENON_OK;
}

/* ---- the image's configuration ------------------------------------------------------------- */

/* "httpd -f" is ["httpd", "-f"]. */
static struct json_object *
words(struct build *b, const char *text)
{
    struct json_object *list = json_object_new_array();
    char *rest = NULL, *copy = host->ctx->strdup(b->ctx, text);
    for (char *w = strtok_r(copy, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest))
        json_object_array_add(list, json_object_new_string(w));
    return list;
}

/* Takes the place of a variable of this name. */
static void
set_env(struct build *b, const char *name, const char *value)
{
    const size_t len = strlen(name);
    char *pair = host->ctx->alloc(b->ctx, len + strlen(value) + 2);
    sprintf(pair, "%s=%s", name, value);
    for (size_t i = 0; i < json_object_array_length(b->env); i++) {
        const char *old = json_object_get_string(json_object_array_get_idx(b->env, i));
        if (old && strncmp(old, pair, len + 1) == 0) {
            json_object_array_put_idx(b->env, i, json_object_new_string(pair));
            return;
        }
    }
    json_object_array_add(b->env, json_object_new_string(pair));
}

static int
set_image(struct build *b, const struct ini_line *line)
{
    static const struct { const char *key, *member; bool list; } keys[] = {
        { "cmd", "Cmd", true },         { "entrypoint", "Entrypoint", true },
        { "user", "User", false },      { "workdir", "WorkingDir", false },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].key, line->key) == 0) {
            if (strcmp(line->key, "workdir") == 0)
                b->cwd = line->value;
            json_object_object_add(b->config, keys[i].member,
                                   keys[i].list ? words(b, line->value)
                                                : json_object_new_string(line->value));
            return TENON_OK;
        }
    if (strcmp(line->key, "from") == 0)
        return TENON_OK; /* was read before */
    return wrong(b, line->number, "[image] has no \"%s\": from, cmd, entrypoint, user, workdir",
                 line->key);
}

/* The base's configuration is anybody's: what has another type than it should is not there. */
static const char *
text_of(struct json_object *o, const char *member)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(o, member, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

/* "os/architecture" or "os/architecture/variant"; ini_solve has looked at it. */
static void
set_platform(struct build *b)
{
    static const char *const members[] = { "os", "architecture", "variant" };
    const char *from = b->platform;
    for (size_t i = 0; i < sizeof members / sizeof *members && *from; i++) {
        const size_t len = strcspn(from, "/");
        json_object_object_add(b->document, members[i],
                               json_object_new_string_len(from, (int)len));
        from += len + (from[len] == '/');
    }
}

/* What an image says is the base of what this one says, also what nobody here knows. */
static int
begin_config(struct build *b, const void *text, size_t len)
{
    struct json_object *value = NULL;
    if (text) {
        struct json_tokener *tokener = json_tokener_new();
        b->document = json_tokener_parse_ex(tokener, text, (int)len);
        json_tokener_free(tokener);
        if (!json_object_is_type(b->document, json_type_object))
            return host->error->set(b->err, TENON_E_CORRUPT, 0, "the base's config is no object");
    } else {
        b->document = json_object_new_object();
        set_platform(b);
    }
    if (!json_object_object_get_ex(b->document, "config", &value) ||
        !json_object_is_type(value, json_type_object)) {
        value = json_object_new_object();
        json_object_object_add(b->document, "config", value);
    }
    b->config = value;
    if (!json_object_object_get_ex(b->config, "Env", &b->env) ||
        !json_object_is_type(b->env, json_type_array)) {
        b->env = json_object_new_array();
        json_object_object_add(b->config, "Env", b->env);
        set_env(b, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    const char *cwd = text_of(b->config, "WorkingDir");
    b->cwd = *cwd ? host->ctx->strdup(b->ctx, cwd) : "/";
    return TENON_OK;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static int
begin_image(struct build *b)
{
    const struct ini_line *from = NULL;
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->lines[i].section, "image") == 0 && strcmp(b->lines[i].key, "from") == 0)
            from = &b->lines[i];
    if (!from)
        return wrong(b, 0, "%s says no base: from = scratch, or an image, in [image]", b->file);
    if (strcmp(from->value, "scratch") == 0)
        return begin_config(b, NULL, 0);

    const char *name = host->image->normalize(b->ctx, from->value, b->err);
    char *id = NULL, *log = NULL;
    if (!name || asprintf(&id, "docker-image://%s", name) < 0 ||
        asprintf(&log, "[internal] load metadata for %s", name) < 0)
        return wrong(b, from->number, "\"%s\" is no name of an image", from->value);
    struct tenon_source_query query = { .struct_size = sizeof query, .identifier = id,
                                        .platform = b->platform, .log_name = log };
    struct tenon_source_meta meta = { .struct_size = sizeof meta };
    int rc = b->bridge->resolve_source_meta(b->ctx, b->request->graph, &query, &meta, b->err);
    free(id), free(log);
    if (rc < 0) {
        host->error->at(b->err, b->file, from->number, 0);
        return rc;
    }
    /* meta's name has the digest: what was looked at is what is built on. */
    b->state = tenon_llb_source(host, b->request->graph, meta.identifier, b->platform, b->err);
    if (!b->state)
        return host->error->code(b->err);
    host->graph->node_at(b->state, b->source, from->number, 0);
    return begin_config(b, meta.config, meta.config_len);
}

/* What all steps have: a name, a place in the build file, and whether they must run. */
static int
describe(struct build *b, struct tenon_node *n, const struct ini_line *line, const char *text)
{
    char *name = NULL;
    if (asprintf(&name, "[%s %s] %s", line->section, line->key, text) < 0)
        return host->error->set(b->err, TENON_E_NOMEM, 0, "out of memory");
    int rc = tenon_llb_name(host, n, name, b->err);
    free(name);
    if (rc == 0 && b->no_cache)
        rc = tenon_llb_ignore_cache(host, n, b->err);
    if (rc == 0)
        rc = host->graph->node_at(n, b->source, line->number, 0);
    return rc;
}

static int
add_copy(struct build *b, const struct ini_line *line)
{
    struct tenon_graph *g = b->request->graph;
    if (!b->context) {
        b->context = tenon_llb_source(host, g, "local://context", NULL, b->err);
        if (!b->context ||
            tenon_llb_source_attr(host, b->context, "local.sharedkeyhint", "context", b->err) < 0 ||
            tenon_llb_name(host, b->context, "[internal] load build context", b->err) < 0)
            return host->error->code(b->err);
    }
    const struct tenon_llb_copy copy = {
        .from = b->context, .src = line->key, .dest = line->value,
        .flags = TENON_LLB_FOLLOW_SYMLINK | TENON_LLB_DIR_COPY_CONTENTS |
                 TENON_LLB_CREATE_DEST_PATH | TENON_LLB_ALLOW_WILDCARD,
        .owner = { "0", "0" },
    };
    struct tenon_node *file = tenon_llb_file(host, g, b->err);
    struct tenon_node *action = file ? tenon_llb_copy(host, file, &copy, b->err) : NULL;
    if (!action || (b->state && tenon_llb_on(host, action, b->state, 0, b->err) < 0))
        return host->error->code(b->err);
    b->state = file;
    return describe(b, file, line, line->value);
}

static int
add_run(struct build *b, const struct ini_line *line)
{
    const char *const args[] = { "/bin/sh", "-c", line->value, NULL };
    const char *user = text_of(b->config, "User");
    struct tenon_node *n =
        tenon_llb_exec(host, b->request->graph, args, b->cwd, b->platform, b->state, 0, b->err);
    if (!n)
        return host->error->code(b->err);
    for (size_t i = 0; i < json_object_array_length(b->env); i++) {
        const char *pair = json_object_get_string(json_object_array_get_idx(b->env, i));
        if (pair && host->graph->node_set(n, "env", pair, b->err) < 0)
            return host->error->code(b->err);
    }
    if (*user && host->graph->node_set(n, "user", user, b->err) < 0)
        return host->error->code(b->err);
    b->state = n;
    return describe(b, n, line, line->value);
}

static int
add_line(struct build *b, const struct ini_line *line)
{
    if (strcmp(line->section, "image") == 0)
        return set_image(b, line);
    if (strcmp(line->section, "copy") == 0)
        return add_copy(b, line);
    if (strcmp(line->section, "run") == 0)
        return add_run(b, line);
    if (strcmp(line->section, "env") == 0) {
        set_env(b, line->key, line->value);
        return TENON_OK;
    }
    return wrong(b, line->number, "there is no section [%s]: image, env, copy, run", line->section);
}

static int
finish(struct build *b, struct tenon_result *result)
{
    struct tenon_ref *ref = NULL;
    if (b->bridge->solve(b->ctx, b->request->graph, b->state, 0, &ref, b->err) < 0 ||
        host->result->add(result, b->platform, ref, b->err) < 0)
        return host->error->code(b->err);
    const char *text = json_object_to_json_string_ext(b->document, JSON_C_TO_STRING_PLAIN);
    return host->result->set(result, "containerimage.config", text, strlen(text), b->err);
}

static int
ini_solve(void *self, struct tenon_ctx *ctx, const struct tenon_frontend_request *request,
          const struct tenon_bridge *bridge, struct tenon_result *result, struct tenon_error *err)
{
    struct build b = { .ctx = ctx, .request = request, .bridge = bridge, .err = err };
    (void)self;
    b.platform = option(&b, "platform") ? option(&b, "platform") : request->host_platform;
    b.no_cache = option(&b, "no-cache") != NULL;
    if (strchr(b.platform, ','))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "an INI file makes one platform, not %s", b.platform);
    if (!strchr(b.platform, '/'))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "the platform %s says no architecture", b.platform);
    int rc = read_file(&b);
    if (rc == 0)
        rc = begin_image(&b);
    for (size_t i = 0; rc == 0 && i < b.count; i++)
        rc = add_line(&b, &b.lines[i]);
    if (rc == 0)
        rc = finish(&b, result);
    json_object_put(b.document);
    return rc;
}

static int
ini_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL;
    return TENON_OK;
}

static const char *const syntaxes[] = { "example.org/ini", NULL };
static const char *const files[] = { "*.ini", NULL };
static const struct tenon_frontend_ops ops = {
    .struct_size = sizeof ops,
    .solve = ini_solve,
    .syntaxes = syntaxes,
    .files = files,
    .default_file = "site.ini",
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_FRONTEND),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL, /* what it asks for is in the graph, which is keyed */
    .key_epoch = 1,
    .name = "ini",
    .version = "1.0",
    .summary = "build files in the form of INI files",
    .init = ini_init,
    .ops.frontend = &ops,
};
TENON_PLUGIN_EXPORT(frontend_ini, plugin);

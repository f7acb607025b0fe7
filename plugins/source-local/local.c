/* source-local: a directory of the user's, used where it is; where it is elsewhere, the session
 * brings what is asked for.
 *
 * Nothing is copied and nothing enters the cache key but what a step reads:
 * the name of the directory and the patterns say only where to look. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "common/source/source.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/parse.h"

#define SCHEME "local://"
#define ATTR_MAX (4 * 1024 * 1024)
#define PATTERNS_MAX 100000

static const struct tenon_host *host;

static int
local_init(const struct tenon_host *h, const struct tenon_values *config,
           void **self, struct tenon_error *err)
{
    (void)config, (void)err;
    host = h;
    *self = NULL; /* no state: every open stands alone */
    return TENON_OK;
}

static const char *
name_of(const struct tenon_source_request *req, struct tenon_error *err)
{
    const char *id = req->identifier;
    if (strncmp(id, SCHEME, strlen(SCHEME)) == 0)
        id += strlen(SCHEME);
    else
        id = "";
    if (!*id)
        host->error->set(err, TENON_E_INVALID, 0,
                         "invalid local source \"%s\": no name", req->identifier);
    return *id ? id : NULL;
}

/* The strings of a parsed array, copied to where ctx keeps them. */
static int
take_strings(struct tenon_ctx *ctx, const char *key, struct json_object *array,
             const char *const **out, struct tenon_error *err)
{
    size_t count = json_object_array_length(array);
    if (count > PATTERNS_MAX)
        return host->error->set(err, TENON_E_LIMIT, 0, "%s: too many entries", key);
    const char **list = host->ctx->alloc(ctx, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(array, i);
        if (!json_object_is_type(one, json_type_string) ||
            strlen(json_object_get_string(one)) !=
                (size_t)json_object_get_string_len(one))
            return host->error->set(err, TENON_E_INVALID, 0,
                                    "%s[%zu]: expected a string", key, i);
        list[i] = host->ctx->strdup(ctx, json_object_get_string(one));
    }
    *out = list;
    return TENON_OK;
}

/* An attribute that holds a JSON array of strings; *out stays NULL when it is
 * not there. */
static int
string_list(struct tenon_ctx *ctx, const struct tenon_source_request *req,
            const char *key, const char *const **out, struct tenon_error *err)
{
    const char *text = source_attr(req, key);
    if (!text || !*text)
        return TENON_OK;
    size_t len = strlen(text);
    if (len > ATTR_MAX)
        return host->error->set(err, TENON_E_LIMIT, 0, "%s: too long", key);
    struct json_tokener *tokener = json_tokener_new_ex(4);
    if (!tokener)
        return host->error->set(err, TENON_E_NOMEM, 0, "%s: out of memory", key);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *array =
        json_tokener_parse_ex(tokener, text, (int)len + 1);
    int rc = TENON_OK;
    if (json_tokener_get_error(tokener) != json_tokener_success)
        rc = host->error->set(err, TENON_E_INVALID, 0, "%s: %s", key,
                              json_tokener_error_desc(
                              json_tokener_get_error(tokener)));
    else if (array && !json_object_is_type(array, json_type_array))
        rc = host->error->set(err, TENON_E_INVALID, 0,
                              "%s: expected a list of strings", key);
    else if (array) /* null means none */
        rc = take_strings(ctx, key, array, out, err);
    json_object_put(array);
    json_tokener_free(tokener);
    return rc;
}

static int
local_resolve(void *self, struct tenon_ctx *ctx,
              const struct tenon_source_request *req,
              struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self, (void)ctx;
    if (!name_of(req, err))
        return TENON_E_INVALID;
    info->flags = TENON_SOURCE_IN_PLACE;
    info->key = NULL; /* what is read, wherever it lies */
    info->identifier = req->identifier;
    return TENON_OK;
}

#define METADATA_EXCEPT "local.metadatatransferexclude"

/* Of files, but for exceptions, what is listed of them in place of them. */
static bool
wants_metadata(const struct tenon_source_request *req)
{
    const char *text = source_attr(req, "local.metadatatransfer");
    bool wants = false;

    return text && tenon_parse_bool(text, &wants) && wants;
}

/* What is wanted of it, for a session that has to bring it: the lists are JSON, and were read. */
static char *
describe_files(const struct tenon_source_request *req, const char *name)
{
    static const struct { const char *attr, *member; } lists[] = {
        {"local.includepattern", "include"},
        {"local.excludepatterns", "exclude"},
        {"local.followpaths", "follow"},
    };
    static const struct { const char *attr, *member; } texts[] = {
        {"local.session", "session"},
        {"local.sharedkeyhint", "hint"},
        {"local.differ", "differ"},
    };
    auto_buf struct tenon_buf json = TENON_BUF_INIT;

    tenon_buf_adds(&json, "{\"name\":");
    tenon_json_add_string(&json, name, strlen(name), false);
    for (size_t i = 0; i < tenon_countof(texts); i++) {
        const char *text = source_attr(req, texts[i].attr);
        if (!text || !*text)
            continue;
        tenon_buf_addf(&json, ",\"%s\":", texts[i].member);
        tenon_json_add_string(&json, text, strlen(text), false);
    }
    for (size_t i = 0; i < tenon_countof(lists); i++) {
        const char *list = source_attr(req, lists[i].attr);
        if (list && *list)
            tenon_buf_addf(&json, ",\"%s\":%s", lists[i].member, list);
    }
    if (wants_metadata(req)) {
        const char *except = source_attr(req, METADATA_EXCEPT);
        tenon_buf_addf(&json, ",\"metadata-except\":%s", except && *except ? except : "[]");
    }
    tenon_buf_addc(&json, '}');
    return tenon_buf_steal(&json);
}

/* A session that has the directory itself gives it whole. */
static int
open_files(struct tenon_ctx *ctx, const struct tenon_source_request *req, const char *name,
           struct tenon_error *err)
{
    auto_free char *files = describe_files(req, name);
    int fd = host->client->open(ctx, "local-files", files, err);

    if (fd != TENON_E_UNSUPPORTED)
        return fd;
    host->error->clear(err);
    if (wants_metadata(req))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "local.metadatatransfer: this session gives no lists of files");
    return host->client->open(ctx, "local", name, err);
}

static int
local_open_tree(void *self, struct tenon_ctx *ctx,
                const struct tenon_source_request *req,
                struct tenon_source_tree *out, struct tenon_error *err)
{
    (void)self;
    const char *name = name_of(req, err);
    if (!name)
        return TENON_E_INVALID;
    const char *const *except;
    int rc = string_list(ctx, req, METADATA_EXCEPT, &except, err);
    if (rc == TENON_OK)
        rc = string_list(ctx, req, "local.includepattern", &out->include, err);
    if (rc == TENON_OK)
        rc = string_list(ctx, req, "local.excludepatterns", &out->exclude, err);
    if (rc == TENON_OK)
        rc = string_list(ctx, req, "local.followpaths", &out->follow, err);
    if (rc != TENON_OK)
        return host->error->context(err, "local source \"%s\"", name);

    int fd = open_files(ctx, req, name, err);
    if (fd < 0)
        return host->error->context(err, "local source \"%s\"", name);
    out->dirfd = fd; /* now the core's */
    if (wants_metadata(req)) /* the list is nothing that they could name */
        out->include = out->exclude = out->follow = NULL;
    /* Whose files they are here says nothing about the image. */
    out->flags = TENON_TREE_OWNER_ROOT;
    return TENON_OK;
}

static const char *const schemes[] = {"local", NULL};

static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops,
    .schemes = schemes,
    .resolve = local_resolve,
    .open_tree = local_open_tree,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS, /* the content is keyed by who reads it */
    .key_epoch = 1,
    .name = "local",
    .version = "1.0",
    .summary = "a directory of the user's, in place",
    .init = local_init,
    .ops.source = &ops,
};
TENON_PLUGIN_EXPORT(source_local, plugin);

/* cache-azblob: a cache in a container of Azure Blob Storage. */
#include <string.h>

#include "common/objects/objects.h"
#include "container.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

#define BLOB_MAX (INT64_C(5000) << 20) /* of one PUT */

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "account_url", .help = "(else $BUILDKIT_AZURE_STORAGE_ACCOUNT_URL)",
      .type = TENON_TYPE_STRING },
    { .name = "account_name", .help = "else the first word of the URL's host",
      .type = TENON_TYPE_STRING },
    { .name = "secret_access_key", .help = "the account's key", .type = TENON_TYPE_STRING,
      .flags = TENON_PARAM_SENSITIVE },
    { .name = "container", .help = "container, made when it is missing (buildkit-cache)",
      .type = TENON_TYPE_STRING },
    { .name = "prefix", .help = "directory of all blobs", .type = TENON_TYPE_STRING },
    { .name = "manifests_prefix", .help = "directory of the manifests",
      .type = TENON_TYPE_STRING, .def = "manifests" },
    { .name = "blobs_prefix", .help = "directory of all else",
      .type = TENON_TYPE_STRING, .def = "blobs" },
    { .name = "name", .help = "of the cache; several with ;, of which the first is read",
      .type = TENON_TYPE_STRING, .def = "buildkit" },
    TENON_CACHE_PARAMS,
    { .name = NULL },
};

static const struct objects_ops objects_ops;

static int
azblob_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
            struct tenon_error *err)
{
    (void)config;
    host = h;
    return objects_init(h, &objects_ops, self, err);
}

/* ---- which cache ------------------------------------------------------------------ */

struct cache { /* the store of struct objects */
    struct az_container container;
    const char *manifests, *blobs; /* with the prefix, each with a slash at its end */
};

/* "prefix/directory/", with no more slashes than that. */
static const char *
directory(struct tenon_ctx *ctx, const char *prefix, const char *name)
{
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    const char *const parts[] = { prefix, name };
    for (size_t i = 0; i < 2; i++) {
        auto_free char *copy = tenon_strdup(parts[i]);
        char *rest = copy;
        for (const char *word; (word = strsep(&rest, "/")) != NULL;)
            if (*word)
                tenon_buf_addf(&out, "%s/", word);
    }
    return host->ctx->strdup(ctx, tenon_buf_str(&out));
}

static int
take_account(struct tenon_ctx *ctx, const struct tenon_values *opt, struct az_container *c,
             struct tenon_error *err)
{
    const char *url = objects_setting(host, ctx, opt, "account_url",
                                      "BUILDKIT_AZURE_STORAGE_ACCOUNT_URL", NULL);
    if (!url)
        return host->error->set(err, TENON_E_INVALID, 0, "cache type azblob: either "
                                "${BUILDKIT_AZURE_STORAGE_ACCOUNT_URL} or account_url attribute is "
                                "required for azblob cache");
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        url[strcspn(url, "?#")])
        return host->error->set(err, TENON_E_INVALID, 0,
                                "cache type azblob: account_url \"%s\" is no "
                                "http or https URL without parameters",
                                url);
    char *plain = host->ctx->strdup(ctx, url);
    while (tenon_has_suffix(plain, "/"))
        plain[strlen(plain) - 1] = '\0';
    c->url = plain;
    auto_free char *name = objects_host(url);
    name[strcspn(name, ".:")] = '\0';
    c->account =
        objects_setting(host, ctx, opt, "account_name", "BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME",
                        host->ctx->strdup(ctx, name));
    return *c->account ? TENON_OK
                       : host->error->set(err, TENON_E_INVALID, 0, "cache type azblob: unable to "
                                          "retrieve account name from account url");
}

static int
take_key(struct tenon_ctx *ctx, const struct tenon_values *opt, struct az_container *c,
         struct tenon_error *err)
{
    const char *text = host->values->get_string(opt, "secret_access_key");
    auto_buf struct tenon_buf key = TENON_BUF_INIT;
    if (!text || !*text) {
        host->error->set(err, TENON_E_INVALID, 0,
                         "cache type azblob: secret_access_key is missing");
        host->error->hint(err, "an account's key is the only identity that tenon shows to Azure");
        return TENON_E_INVALID;
    }
    if (!tenon_base64_decode(text, strlen(text), &key))
        return host->error->set(err, TENON_E_INVALID, 0,
                                "cache type azblob: secret_access_key is not base64");
    void *copy = host->ctx->alloc(ctx, key.len + 1);
    memcpy(copy, key.data, key.len);
    c->key = copy;
    c->key_len = key.len;
    explicit_bzero(key.data, key.len);
    return TENON_OK;
}

static int
open_cache(struct objects *o, struct tenon_ctx *ctx, const struct tenon_values *opt,
           struct tenon_error *err)
{
    struct cache *x = o->store = host->ctx->alloc(ctx, sizeof *x);
    struct az_container *c = &x->container;
    *x = (struct cache){ .container = { .host = host, .http = host->extension("tenon.http/0") } };
    if (take_account(ctx, opt, c, err) < 0 || take_key(ctx, opt, c, err) < 0)
        return host->error->code(err);
    c->name = objects_setting(host, ctx, opt, "container", "BUILDKIT_AZURE_STORAGE_CONTAINER",
                              "buildkit-cache");
    const char *prefix = objects_setting(host, ctx, opt, "prefix", "BUILDKIT_AZURE_STORAGE_PREFIX",
                                         "");
    x->manifests = directory(ctx, prefix, host->values->get_string(opt, "manifests_prefix"));
    x->blobs = directory(ctx, prefix, host->values->get_string(opt, "blobs_prefix"));
    o->names = host->values->get_string(opt, "name");
    o->uploads = 4;
    return *o->names
               ? TENON_OK
               : host->error->set(err, TENON_E_INVALID, 0, "cache type azblob: name is empty");
}

/* ---- its blobs -------------------------------------------------------------------- */

static const char *
key_of(const struct objects *o, struct tenon_ctx *ctx, const char *digest, const char *name)
{
    const struct cache *x = o->store;
    auto_free char *key = digest ? tenon_asprintf("%s%s", x->blobs, digest)
                                 : tenon_asprintf("%s%s", x->manifests, name);
    return host->ctx->strdup(ctx, key);
}

/* <Code> of an answer, for people. */
static const char *
code_of(struct tenon_ctx *ctx, const struct tenon_fetch_answer *a)
{
    const char *text = a->said ? strstr(a->said, "<Code>") : NULL;
    if (!text)
        return "";
    text += strlen("<Code>");
    auto_free char *code = tenon_asprintf(": %.*s", (int)strcspn(text, "<\r\n"), text);
    return host->ctx->strdup(ctx, code);
}

static int
refused(const struct cache *x, struct tenon_ctx *ctx, const char *doing, const char *key,
        const struct tenon_fetch_answer *a, struct tenon_error *err)
{
    int code = a->status == 404                        ? TENON_E_NOT_FOUND
               : a->status == 401 || a->status == 403 ? TENON_E_DENIED
                                                       : TENON_E_FAILED;
    host->error->set(err, code, 0, "%s %s in container %s of account %s: status %d%s", doing, key,
                     x->container.name, x->container.account, a->status, code_of(ctx, a));
    if (code == TENON_E_DENIED)
        host->error->hint(err, "is secret_access_key the key of account %s?", x->container.account);
    return code;
}

static int
has(const struct objects *o, struct tenon_ctx *ctx, const char *key, struct tenon_error *err)
{
    const struct cache *x = o->store;
    struct tenon_fetch_answer a;
    const struct az_request r = { .method = "HEAD", .blob = key };
    int rc = az_do(&x->container, ctx, &r, -1, &a, err);
    if (rc < 0 || a.status == 404)
        return rc;
    return a.status == 200 ? 1 : refused(x, ctx, "look for", key, &a, err);
}

static int
get(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd,
    uint64_t most, struct tenon_error *err)
{
    const struct cache *x = o->store;
    struct tenon_fetch_answer a;
    const struct az_request r = { .method = "GET", .blob = key, .most = most };
    int rc = az_do(&x->container, ctx, &r, fd, &a, err);
    return rc < 0 || a.status == 200 ? rc : refused(x, ctx, "get", key, &a, err);
}

static int
put(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
    const char *sha256, bool replace, struct tenon_error *err)
{
    (void)sha256;
    const struct cache *x = o->store;
    struct tenon_fetch_answer a;
    const struct az_request r = { .method = "PUT", .blob = key, .fd = fd, .size = size,
                                  .keep = !replace };
    if (size > BLOB_MAX)
        return host->error->set(err, TENON_E_LIMIT, 0,
                                "a blob of more than 5,000 MiB in a container");
    int rc = az_do(&x->container, ctx, &r, -1, &a, err);
    if (rc < 0 || a.status == 201 || (a.status == 409 && !replace)) /* another build was first */
        return rc;
    return refused(x, ctx, "put", key, &a, err);
}

/* It is there, or is made; 409: another build was first. */
static int
make_container(struct objects *o, struct tenon_ctx *ctx, struct tenon_error *err)
{
    const struct cache *x = o->store;
    struct tenon_fetch_answer a;
    const struct az_request look = { .method = "GET" }, make = { .method = "PUT" };
    int rc = az_do(&x->container, ctx, &look, -1, &a, err);
    if (rc < 0 || a.status == 200)
        return rc < 0 ? rc : 1;
    if (a.status != 404)
        return refused(x, ctx, "look for", "blobs", &a, err);
    rc = az_do(&x->container, ctx, &make, -1, &a, err);
    if (rc < 0)
        return rc;
    return a.status == 201 || a.status == 409 ? 1 : refused(x, ctx, "make", "it", &a, err);
}

static const char *
name_of(const struct objects *o, struct tenon_ctx *ctx)
{
    const struct cache *x = o->store;
    auto_free char *text = tenon_asprintf("azblob:%s/%s/%s%.*s", x->container.account,
                                          x->container.name, x->manifests,
                                          (int)strcspn(o->names, ";"), o->names);
    return host->ctx->strdup(ctx, text);
}

static const struct objects_ops objects_ops = {
    .open = open_cache, .name = name_of, .begin = make_container,
    .has = has, .get = get, .put = put, .key = key_of,
};
static const struct tenon_cache_ops ops = {
    .struct_size = sizeof ops,
    .title = "exporting cache to Azure Blob Storage",
    OBJECTS_CACHE_OPS,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_CACHE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "azblob",
    .version = "1.0",
    .summary = "a build cache in a container of Azure Blob Storage",
    .options = options,
    .init = azblob_init,
    .ops.cache = &ops,
};
TENON_PLUGIN_EXPORT(cache_azblob, plugin);

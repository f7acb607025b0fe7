/* cache-gha: a cache in GitHub's caches of Actions, or in what speaks like them (Gitea, Forgejo,
 * act). Entries are BuildKit's: "buildkit-blob-1-DIGEST" for blobs, "index-SCOPE-1-HASH#N" for
 * documents, the newest of which counts; HASH is of the branch, which the token names. */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "common/objects/mac.h"
#include "common/objects/objects.h"
#include "service.h"
#include "token.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/vec.h"

#define BLOBS "buildkit-blob-1-"
#define TRIES_MAX 64
#define AWAIT_LAST_MS 800 /* the longest pause; 1.5 s together */
#define MT_INDEX "application/vnd.oci.image.index.v1+json"
#define MT_DOCUMENT "application/vnd.buildkit.cacheconfig.v0"

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "scope", .help = "of caches of one repository, the name", .type = TENON_TYPE_STRING,
      .def = "buildkit" },
    { .name = "token", .help = "of the job (else $ACTIONS_RUNTIME_TOKEN)",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_SENSITIVE },
    { .name = "url", .help = "of the service (else $ACTIONS_CACHE_URL, $ACTIONS_RESULTS_URL)",
      .type = TENON_TYPE_STRING },
    { .name = "url_v2", .help = "of its second version (else $ACTIONS_RESULTS_URL where "
      "$ACTIONS_CACHE_SERVICE_V2 is set)", .type = TENON_TYPE_STRING },
    { .name = "version", .help = "of the service", .type = TENON_TYPE_CHOICE, .choices = "1|2" },
    { .name = "timeout", .help = "of an export, or each part of an import",
      .type = TENON_TYPE_DURATION, .def = "10m" },
    { .name = "repository", .help = "OWNER/NAME, to ask for many entries at once",
      .type = TENON_TYPE_STRING },
    { .name = "ghtoken", .help = "the same: a token of GitHub's public interface",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_SENSITIVE },
    TENON_CACHE_PARAMS,
    { .name = NULL },
};

static const struct objects_ops objects_ops;

static int
gha_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)config;
    host = h;
    return objects_init(h, &objects_ops, self, err);
}

/* ---- which cache ------------------------------------------------------------------ */

struct cache { /* the store of struct objects */
    struct gha_service service;
    struct gha_token token;
    const char *repository, *ghtoken, *api; /* or NULL */
    bool listed; /* known has all that there were */
    TENON_VEC(const char *) known; /* the ctx's strings, sorted; not changed once pieces are sent */
};

static const char *
without_slash(struct tenon_ctx *ctx, const char *url)
{
    char *copy = host->ctx->strdup(ctx, url);
    while (tenon_has_suffix(copy, "/"))
        copy[strlen(copy) - 1] = '\0';
    return copy;
}

static const char *
variable(struct tenon_ctx *ctx, const struct tenon_values *opt, const char *option,
         const char *name)
{
    const char *value = objects_setting(host, ctx, opt, option, name, NULL);
    return value && *value ? value : NULL;
}

/* As buildx and BuildKit choose it, together. */
static void
take_url(struct tenon_ctx *ctx, const struct tenon_values *opt, struct gha_service *s)
{
    const char *version =
        host->values->given(opt, "version") ? host->values->get_string(opt, "version") : NULL;
    const char *has2 = objects_environment(host, ctx, "ACTIONS_CACHE_SERVICE_V2");
    bool second = false;
    if (!version && has2 && tenon_parse_bool(has2, &second) && second)
        version = "2";
    const bool first = version && !strcmp(version, "1");
    const char *url2 = host->values->given(opt, "url_v2") ? host->values->get_string(opt, "url_v2")
                       : version && !first
                           ? objects_environment(host, ctx, "ACTIONS_RESULTS_URL") : NULL;
    const char *url = !first && url2 && *url2 ? url2 : NULL;
    s->second = url || (version && !first);
    if (!url)
        url = variable(ctx, opt, "url", "ACTIONS_CACHE_URL");
    if (!url)
        url = objects_environment(host, ctx, "ACTIONS_RESULTS_URL");
    if (!url || !*url)
        return;
    if (!version && strstr(url, "results-receiver.actions.githubusercontent.com"))
        s->second = true;
    s->url = without_slash(ctx, url);
}

static bool
is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/* So much later than now, or never. */
static int64_t
in_ns(int64_t ns)
{
    struct timespec now;
    int64_t until;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (__builtin_add_overflow(now.tv_sec * INT64_C(1000000000) + now.tv_nsec, ns, &until))
        return INT64_MAX;
    return until;
}

static int
open_cache(struct objects *o, struct tenon_ctx *ctx, const struct tenon_values *opt,
           struct tenon_error *err)
{
    struct cache *c = o->store = host->ctx->alloc(ctx, sizeof *c);
    struct gha_service *s = &c->service;
    *c = (struct cache){ .service = { .host = host, .http = host->extension("tenon.http/0") } };
    s->until_ns = in_ns(host->values->get_int(opt, "timeout"));
    o->names = host->values->get_string(opt, "scope");
    o->uploads = 4;
    if (!*o->names)
        return host->error->set(err, TENON_E_INVALID, 0, "cache type gha: scope is empty");
    if (strchr(o->names, ';')) /* there names are apart where there are several: here is one */
        return host->error->set(err, TENON_E_INVALID, 0, "cache type gha: scope \"%s\" has a \";\"",
                                o->names);
    take_url(ctx, opt, s);
    if (s->url && !is_http(s->url))
        return host->error->set(err, TENON_E_INVALID, 0, "cache type gha: url \"%s\" is no http or "
                                "https URL", s->url);
    s->token = variable(ctx, opt, "token", "ACTIONS_RUNTIME_TOKEN");
    if (!s->url || !s->token) /* not in a job: no cache, as buildx has it */
        return TENON_OK;
    c->repository = variable(ctx, opt, "repository", NULL);
    c->ghtoken = variable(ctx, opt, "ghtoken", NULL);
    const char *api = objects_environment(host, ctx, "GITHUB_API_URL");
    c->api = without_slash(ctx, api ? api : "https://api.github.com");
    return gha_token_read(host, ctx, s->token, (int64_t)time(NULL), &c->token, err);
}

static bool
is_there(const struct cache *c)
{
    return c->service.url && c->service.token;
}

static const char *
name_of(const struct objects *o, struct tenon_ctx *ctx)
{
    const struct cache *c = o->store;
    auto_free char *text = tenon_asprintf("gha:%s%s%s", c->repository ? c->repository : "",
                                          c->repository ? ":" : "", o->names);
    return host->ctx->strdup(ctx, text);
}

/* ---- its entries ------------------------------------------------------------------ */

static const char *
index_key(struct tenon_ctx *ctx, const char *name, const char *scope)
{
    char hash[MAC_HEX];
    mac_sha256(scope, strlen(scope), hash);
    auto_free char *key = tenon_asprintf("index-%s-1-%.8s", name, hash);
    return host->ctx->strdup(ctx, key);
}

static const char *
key_of(const struct objects *o, struct tenon_ctx *ctx, const char *digest, const char *name)
{
    const struct cache *c = o->store;
    const char *scope = "";
    for (size_t i = 0; i < c->token.count; i++)
        if (c->token.scopes[i].writable)
            scope = c->token.scopes[i].name;
    if (!digest)
        return index_key(ctx, name, scope);
    auto_free char *key = tenon_asprintf(BLOBS "%s", digest);
    return host->ctx->strdup(ctx, key);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
has(const struct objects *o, struct tenon_ctx *ctx, const char *key, struct tenon_error *err)
{
    const struct cache *c = o->store;
    struct gha_entry e;
    if (!c->listed)
        return gha_find(&c->service, ctx, key, false, &e, err);
    return c->known.len && bsearch(&key, c->known.items, c->known.len, sizeof key, by_text);
}

static int
get(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd, uint64_t most,
    struct tenon_error *err)
{
    const struct cache *c = o->store;
    struct gha_entry e;
    int rc = gha_find(&c->service, ctx, key, false, &e, err);
    if (rc == 0)
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "%s is not in GitHub's cache", key);
    return rc < 0 ? rc : gha_get(&c->service, ctx, &e, fd, most, err);
}

/* KEY#N with the next N: an entry is never changed, the newest counts.  One that is taken is
 * another build's, which may never have finished it. */
static int
put_next(const struct cache *c, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
         struct tenon_error *err)
{
    struct gha_entry e;
    auto_free char *begin = tenon_asprintf("%s#", key);
    int64_t last = 0;
    int rc = gha_find(&c->service, ctx, begin, true, &e, err);
    if (rc > 0 && (!tenon_parse_i64(e.key + strlen(begin), &last) || last < 0 ||
                   last > INT64_MAX - TRIES_MAX))
        return host->error->set(err, TENON_E_CORRUPT, 0, "GitHub's cache has an entry %s", e.key);
    for (int i = 1; rc >= 0 && i <= TRIES_MAX; i++) {
        auto_free char *next = tenon_asprintf("%s%lld", begin, (long long)(last + i));
        rc = gha_put(&c->service, ctx, next, fd, size, err);
        if (rc > 0)
            return TENON_OK;
    }
    return rc < 0 ? rc : host->error->set(err, TENON_E_FAILED, 0, "%d builds write %s at once",
                                          TRIES_MAX, key);
}

/* Another build was first: it is the same, once it is there.  One that was killed never brings it,
 * and its key stays taken: that stops no export, since who finds no blob runs the step. */
static int
await_other(const struct cache *c, struct tenon_ctx *ctx, const char *key, struct tenon_error *err)
{
    struct gha_entry e;
    int rc = gha_find(&c->service, ctx, key, false, &e, err);
    for (int ms = 100; rc == 0 && ms <= AWAIT_LAST_MS; ms *= 2) {
        struct pollfd cancel = { .fd = host->ctx->cancel_fd(ctx), .events = POLLIN };
        if (poll(&cancel, 1, ms) > 0)
            return host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
        rc = gha_find(&c->service, ctx, key, false, &e, err);
    }
    if (rc == 0)
        host->progress->log(ctx, 4, "%s is taken in GitHub's cache and not there: a build is "
                            "writing it, or ended while it did", key);
    return rc < 0 ? rc : TENON_OK;
}

static int
put(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
    const char *sha256, bool replace, struct tenon_error *err)
{
    (void)sha256;
    const struct cache *c = o->store;
    if (replace)
        return put_next(c, ctx, key, fd, size, err);
    int rc = gha_put(&c->service, ctx, key, fd, size, err);
    if (rc != 0)
        return rc < 0 ? rc : TENON_OK;
    return await_other(c, ctx, key, err);
}

/* ---- import ---------------------------------------------------------------------- */

static int
absent(struct tenon_error *err)
{
    host->error->set(err, TENON_E_NOT_FOUND, 0,
                     "no token or no URL of a service: this is no job of "
                     "GitHub's Actions");
    host->error->hint(err, "url= and token=, or ACTIONS_RESULTS_URL and ACTIONS_RUNTIME_TOKEN, "
                      "which jobs have to be given: \"run\" steps have neither by themselves");
    return TENON_E_NOT_FOUND;
}

/* The document of one branch, as a blob and an entry of the index; none is no failure. */
static int
load_scope(const struct objects *o, struct tenon_ctx *ctx, const char *scope,
           struct json_object *list, struct tenon_error *err)
{
    const struct cache *c = o->store;
    struct gha_entry e;
    auto_free char *begin = tenon_asprintf("%s#", index_key(ctx, o->names, scope));
    int64_t size = 0;
    int rc = gha_find(&c->service, ctx, begin, true, &e, err);
    if (rc <= 0)
        return rc;
    int fd = host->blobs->create(ctx, err);
    if (fd < 0)
        return fd;
    rc = gha_get(&c->service, ctx, &e, fd, OBJECTS_DOCUMENT_MAX, err);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    const char *digest = host->blobs->commit(ctx, fd, NULL, err);
    auto_close int blob = digest ? host->blobs->open(ctx, digest, &size, err) : -1;
    if (blob < 0)
        return host->error->code(err);
    struct json_object *entry = json_object_new_object();
    json_object_object_add(entry, "mediaType", json_object_new_string(MT_DOCUMENT));
    json_object_object_add(entry, "digest", json_object_new_string(digest));
    json_object_object_add(entry, "size", json_object_new_int64(size));
    json_object_array_add(list, entry);
    return TENON_OK;
}

/* A job reads the caches of its branch, and of the ones it comes from. */
static int
load(const struct objects *o, struct tenon_ctx *ctx, const void **data, size_t *len,
     struct tenon_error *err)
{
    const struct cache *c = o->store;
    if (!is_there(c))
        return absent(err);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_object struct json_object *index = json_object_new_object();
    struct json_object *list = json_object_new_array();
    json_object_object_add(index, "mediaType", json_object_new_string(MT_INDEX));
    json_object_object_add(index, "manifests", list);
    for (size_t i = 0; i < c->token.count; i++) {
        int rc = load_scope(o, ctx, c->token.scopes[i].name, list, err);
        if (rc < 0)
            return rc;
    }
    if (json_object_array_length(list) == 0)
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "there is no %s yet", name_of(o, ctx));
    tenon_json_write(&text, index, true);
    *data = host->ctx->strdup(ctx, tenon_buf_str(&text));
    *len = text.len;
    return TENON_OK;
}

/* ---- export ---------------------------------------------------------------------- */

struct listing {
    struct cache *c;
    struct tenon_ctx *ctx;
};

static void
take_key(void *data, const char *key)
{
    struct listing *l = data;
    tenon_vec_push(&l->c->known, host->ctx->strdup(l->ctx, key));
}

/* What cannot be listed is asked for one by one. */
static void
list(struct cache *c, struct tenon_ctx *ctx)
{
    struct listing l = { c, ctx };
    struct tenon_error *err = host->error->create(ctx);
    int rc = TENON_OK;
    for (size_t i = 0; rc == TENON_OK && i < c->token.count; i++)
        rc = gha_list(&c->service, ctx, c->api, c->repository, c->ghtoken, BLOBS,
                      c->token.scopes[i].name, take_key, &l, err);
    if (rc < 0)
        host->progress->log(ctx, 4, "%s", host->error->text(err));
    else if (c->known.len)
        qsort(c->known.items, c->known.len, sizeof *c->known.items, by_text);
    c->listed = rc == TENON_OK;
}

static int
begin(struct objects *o, struct tenon_ctx *ctx, struct tenon_error *err)
{
    struct cache *c = o->store;
    if (!is_there(c)) {
        (void)absent(err);
        host->progress->log(ctx, 4, "the cache was not exported: %s", host->error->text(err));
        host->error->clear(err);
        return 0;
    }
    if (c->repository && c->ghtoken)
        list(c, ctx);
    return 1;
}

static void
end(struct objects *o)
{
    struct cache *c = o->store;
    tenon_vec_release(&c->known);
}

static const struct objects_ops objects_ops = {
    .open = open_cache, .name = name_of, .begin = begin, .end = end, .load = load,
    .has = has, .get = get, .put = put, .key = key_of,
};

static const struct tenon_cache_ops ops = {
    .struct_size = sizeof ops,
    .title = "exporting to GitHub Actions Cache",
    OBJECTS_CACHE_OPS,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_CACHE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "gha",
    .version = "1.0",
    .summary = "a build cache in GitHub's caches of Actions",
    .options = options,
    .init = gha_init,
    .ops.cache = &ops,
};
TENON_PLUGIN_EXPORT(cache_gha, plugin);

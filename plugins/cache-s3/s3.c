/* cache-s3: a cache in a bucket of Amazon S3, or of what speaks like it (MinIO, Ceph, R2, ...). */
#include "s3.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/objects/objects.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

#define DAY_NS INT64_C(86400000000000)
#define OBJECT_MAX (INT64_C(5) << 30) /* of one PUT */
#define ANSWER_MAX (64 << 10)

static const struct tenon_host *host;

static const struct tenon_param options[] = {
    { .name = "bucket", .help = "bucket (else $AWS_BUCKET)", .type = TENON_TYPE_STRING },
    { .name = "region", .help = "region (else $AWS_REGION)", .type = TENON_TYPE_STRING },
    { .name = "prefix", .help = "in front of every key", .type = TENON_TYPE_STRING, .def = "" },
    { .name = "manifests_prefix", .help = "in front of names",
      .type = TENON_TYPE_STRING, .def = "manifests/" },
    { .name = "blobs_prefix", .help = "in front of digests",
      .type = TENON_TYPE_STRING, .def = "blobs/" },
    { .name = "name", .help = "of the cache; several with ;, of which the first is read",
      .type = TENON_TYPE_STRING, .def = "buildkit" },
    { .name = "endpoint_url", .help = "of another service than Amazon's",
      .type = TENON_TYPE_STRING },
    { .name = "use_path_style", .help = "the bucket in the path of URLs, not in the host",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "access_key_id", .help = "(else $AWS_ACCESS_KEY_ID)", .type = TENON_TYPE_STRING,
      .flags = TENON_PARAM_SENSITIVE },
    { .name = "secret_access_key", .help = "(else $AWS_SECRET_ACCESS_KEY)",
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_SENSITIVE },
    { .name = "session_token", .help = "(else $AWS_SESSION_TOKEN)", .type = TENON_TYPE_STRING,
      .flags = TENON_PARAM_SENSITIVE },
    { .name = "touch_refresh", .help = "what is older is copied onto itself, for rules of expiry",
      .type = TENON_TYPE_DURATION, .def = "24h" },
    { .name = "upload_parallelism", .help = "uploads at once", .type = TENON_TYPE_INT, .def = "4",
      .min = 1, .max = 64 },
    { .name = "disable_accept_encoding", .help = "accepted; none is asked for",
      .type = TENON_TYPE_BOOL, .def = "false" },
    { .name = "retry_mode", .help = "accepted; tenon's own patience counts",
      .type = TENON_TYPE_CHOICE, .choices = "standard|adaptive" },
    { .name = "retry_max_attempts", .help = "accepted; tenon's own patience counts",
      .type = TENON_TYPE_INT, .def = "3", .min = 1, .max = 1000000 },
    TENON_CACHE_PARAMS,
    { .name = NULL },
};

static const struct objects_ops objects_ops;

static int
cache_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
           struct tenon_error *err)
{
    (void)config;
    host = h;
    return objects_init(h, &objects_ops, self, err);
}

/* ---- which cache ------------------------------------------------------------------ */

struct cache { /* the store of struct objects */
    struct s3_bucket bucket;
    const char *manifests, *blobs; /* with the prefix */
    int64_t touch_ns;
};

static const char *
joined(struct tenon_ctx *ctx, const char *a, const char *b)
{
    auto_free char *both = tenon_asprintf("%s%s", a, b);
    return host->ctx->strdup(ctx, both);
}

static const char *
endpoint(struct tenon_ctx *ctx, const struct tenon_values *opt, const char *bucket,
         const char *region, struct tenon_error *err)
{
    const bool in_path = host->values->get_bool(opt, "use_path_style");
    auto_free char *amazon = tenon_asprintf("https://s3.%s.amazonaws.com", region);
    auto_free char *url = tenon_strdup(host->values->given(opt, "endpoint_url")
                                           ? host->values->get_string(opt, "endpoint_url")
                                           : amazon);
    char *at = strstr(url, "://");
    if (!at || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)) {
        host->error->set(err, TENON_E_INVALID, 0,
                         "cache type s3: endpoint_url \"%s\" is no http or "
                         "https URL",
                         url);
        return NULL;
    }
    while (tenon_has_suffix(url, "/"))
        url[strlen(url) - 1] = '\0';
    auto_free char *scheme = tenon_strndup(url, (size_t)(at + 3 - url));
    auto_free char *all = in_path ? tenon_asprintf("%s/%s", url, bucket)
                                  : tenon_asprintf("%s%s.%s", scheme, bucket, at + 3);
    return host->ctx->strdup(ctx, all);
}

static int
needed(const char *value, const char *name, const char *variable, struct tenon_error *err)
{
    return value && *value ? TENON_OK
                           : host->error->set(err, TENON_E_INVALID, 0,
                                              "cache type s3: %s ($%s) not "
                                              "set for s3 cache",
                                              name, variable);
}

static int
open_cache(struct objects *o, struct tenon_ctx *ctx, const struct tenon_values *opt,
           struct tenon_error *err)
{
    struct cache *c = o->store = host->ctx->alloc(ctx, sizeof *c);
    struct s3_bucket *b = &c->bucket;
    *c = (struct cache){ .bucket = { .host = host, .http = host->extension("tenon.http/0") } };
    b->bucket = objects_setting(host, ctx, opt, "bucket", "AWS_BUCKET", NULL);
    b->region = objects_setting(host, ctx, opt, "region", "AWS_REGION", NULL);
    if (needed(b->bucket, "bucket", "AWS_BUCKET", err) < 0 ||
        needed(b->region, "region", "AWS_REGION", err) < 0)
        return TENON_E_INVALID;
    b->endpoint = endpoint(ctx, opt, b->bucket, b->region, err);
    if (!b->endpoint)
        return TENON_E_INVALID;
    b->key_id = objects_setting(host, ctx, opt, "access_key_id", "AWS_ACCESS_KEY_ID", NULL);
    b->secret = objects_setting(host, ctx, opt, "secret_access_key", "AWS_SECRET_ACCESS_KEY", NULL);
    b->token = objects_setting(host, ctx, opt, "session_token", "AWS_SESSION_TOKEN", NULL);
    if (!b->key_id != !b->secret)
        return host->error->set(err, TENON_E_INVALID, 0, "cache type s3: access_key_id and "
                                "secret_access_key belong together");
    const char *prefix = host->values->get_string(opt, "prefix");
    c->manifests = joined(ctx, prefix, host->values->get_string(opt, "manifests_prefix"));
    c->blobs = joined(ctx, prefix, host->values->get_string(opt, "blobs_prefix"));
    c->touch_ns = host->values->get_int(opt, "touch_refresh");
    o->names = host->values->get_string(opt, "name");
    o->uploads = (unsigned)host->values->get_int(opt, "upload_parallelism");
    return *o->names ? TENON_OK
                     : host->error->set(err, TENON_E_INVALID, 0, "cache type s3: name is empty");
}

/* ---- its objects ------------------------------------------------------------------ */

static const char *
key_of(const struct objects *o, struct tenon_ctx *ctx, const char *digest, const char *name)
{
    const struct cache *c = o->store;
    return digest ? joined(ctx, c->blobs, digest) : joined(ctx, c->manifests, name);
}

/* <Code> and <Message> of an answer, for people. */
static void
say(struct tenon_buf *out, const char *said, const char *tag)
{
    auto_free char *open = tenon_asprintf("<%s>", tag);
    const char *text = said ? strstr(said, open) : NULL;
    if (text) {
        text += strlen(open);
        tenon_buf_addf(out, ": %.*s", (int)strcspn(text, "<\r\n"), text);
    }
}

static int
refused(const struct cache *c, const char *doing, const char *key,
        const struct tenon_fetch_answer *a, struct tenon_error *err)
{
    auto_buf struct tenon_buf why = TENON_BUF_INIT;
    int code = a->status == 404                        ? TENON_E_NOT_FOUND
               : a->status == 401 || a->status == 403 ? TENON_E_DENIED
                                                       : TENON_E_FAILED;
    say(&why, a->said, "Code");
    say(&why, a->said, "Message");
    host->error->set(err, code, 0, "%s %s in bucket %s: status %d%s", doing, key, c->bucket.bucket,
                     a->status, tenon_buf_str(&why));
    if (code == TENON_E_DENIED)
        host->error->hint(err, "access_key_id and secret_access_key, or AWS_ACCESS_KEY_ID and "
                          "AWS_SECRET_ACCESS_KEY");
    else if (a->status == 301 || a->status == 307 || a->status == 400)
        host->error->hint(err, "is the bucket in region %s?", c->bucket.region);
    return code;
}

/* A copy takes its time, so its status comes first: 200 may be followed by an <Error>. */
static int
check_copied(const struct cache *c, struct tenon_ctx *ctx, const char *key, int fd,
             struct tenon_fetch_answer *a, struct tenon_error *err)
{
    const void *said;
    size_t len;
    int rc = objects_read(ctx, fd, &said, &len, err);
    a->said = said;
    return rc < 0 || !strstr(a->said, "<Error>") ? rc : refused(c, "refresh", key, a, err);
}

/* So that a rule that deletes what is old keeps what is used. */
static int
touch(const struct cache *c, struct tenon_ctx *ctx, const char *key, struct tenon_error *err)
{
    struct tenon_fetch_answer a;
    auto_free char *path = objects_path(key);
    auto_free char *source = tenon_asprintf("/%s/%s", c->bucket.bucket, path);
    const struct s3_request r = { .method = "PUT", .key = key, .copy_source = source,
                                  .most = ANSWER_MAX };
    auto_close int said = memfd_create("answer to a copy", MFD_CLOEXEC);
    if (said < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "memfd_create");
    int rc = s3_do(&c->bucket, ctx, &r, said, &a, err);
    if (rc < 0)
        return rc;
    return a.status == 200 ? check_copied(c, ctx, key, said, &a, err)
                           : refused(c, "refresh", key, &a, err);
}

/* The answer to HEAD has no words: the one to a GET of what is not there has them, when that is
 * refused as well. */
static int
refused_head(const struct cache *c, struct tenon_ctx *ctx, const char *key,
             const struct tenon_fetch_answer *a, struct tenon_error *err)
{
    struct tenon_fetch_answer why;
    const struct s3_request r = { .method = "GET", .key = joined(ctx, key, ".why") };
    struct tenon_error *ignored = host->error->create(ctx);
    if (s3_do(&c->bucket, ctx, &r, -1, &why, ignored) == TENON_OK && why.status == a->status)
        a = &why;
    return refused(c, "look for", key, a, err);
}

static int
has(const struct objects *o, struct tenon_ctx *ctx, const char *key, struct tenon_error *err)
{
    const struct cache *c = o->store;
    struct tenon_fetch_answer a;
    const struct s3_request r = { .method = "HEAD", .key = key };
    int rc = s3_do(&c->bucket, ctx, &r, -1, &a, err);
    if (rc < 0 || a.status == 404)
        return rc;
    if (a.status != 200)
        return refused_head(c, ctx, key, &a, err);
    int64_t age_ns = (int64_t)time(NULL) * INT64_C(1000000000) - a.last_modified_ns;
    rc = a.last_modified_ns && age_ns > c->touch_ns ? touch(c, ctx, key, err) : TENON_OK;
    return rc < 0 ? rc : 1;
}

static int
get(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd,
    uint64_t most, struct tenon_error *err)
{
    const struct cache *c = o->store;
    struct tenon_fetch_answer a;
    const struct s3_request r = { .method = "GET", .key = key, .most = most };
    int rc = s3_do(&c->bucket, ctx, &r, fd, &a, err);
    return rc < 0 || a.status == 200 ? rc : refused(c, "get", key, &a, err);
}

static int
put(const struct objects *o, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
    const char *sha256, bool replace, struct tenon_error *err)
{
    (void)replace; /* the last one counts */
    const struct cache *c = o->store;
    struct tenon_fetch_answer a;
    const struct s3_request r = { .method = "PUT", .key = key, .sha256 = sha256, .fd = fd,
                                  .size = size };
    if (size > OBJECT_MAX)
        return host->error->set(err, TENON_E_LIMIT, 0, "a blob of more than 5 GiB in a bucket");
    int rc = s3_do(&c->bucket, ctx, &r, -1, &a, err);
    return rc < 0 || a.status == 200 ? rc : refused(c, "put", key, &a, err);
}

static const char *
name_of(const struct objects *o, struct tenon_ctx *ctx)
{
    const struct cache *c = o->store;
    auto_free char *text = tenon_asprintf("s3:%s/%s%.*s", c->bucket.bucket, c->manifests,
                                          (int)strcspn(o->names, ";"), o->names);
    return host->ctx->strdup(ctx, text);
}

static const struct objects_ops objects_ops = {
    .open = open_cache, .name = name_of, .has = has, .get = get, .put = put, .key = key_of,
};
static const struct tenon_cache_ops ops = {
    .struct_size = sizeof ops,
    .title = "exporting cache to Amazon S3",
    OBJECTS_CACHE_OPS,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_CACHE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "s3",
    .version = "1.0",
    .summary = "a build cache in a bucket of Amazon S3, or of what speaks like it",
    .options = options,
    .init = cache_init,
    .ops.cache = &ops,
};
TENON_PLUGIN_EXPORT(cache_s3, plugin);

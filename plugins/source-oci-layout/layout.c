/* source-oci-layout: an image out of an OCI layout, a directory of the user's.
 *
 * oci-layout://NAME[:TAG][@DIGEST]; the directory is the session's local NAME,
 * or what oci.store names.  Blobs are verified while they are copied into the
 * content store; nothing else of the directory is trusted or used. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon-plugin.h>

#define SCHEME "oci-layout://"
#define DOCUMENT_MAX (8 * 1024 * 1024)
#define DEPTH_MAX 4
#define REF_NAME "org.opencontainers.image.ref.name"

static const struct tenon_host *host;
static const struct tenon_registry_api *registry;

/* What an identifier says. */
struct layout {
    const char *store, *tag, *digest; /* tag "latest" and digest NULL: not given */
    bool tag_given;
    int dirfd;
};

static int
layout_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
            struct tenon_error *err)
{
    (void)config;
    host = h;
    registry = host->extension("tenon.registry/0");
    *self = NULL; /* no state: each call stands alone */
    if (!registry || !TENON_HAS(struct tenon_registry_api, registry, is_index))
        return host->error(err, TENON_E_UNSUPPORTED, 0,
                           "this tenon offers no registry service");
    return TENON_OK;
}

static const char *
attribute(const struct tenon_source_request *req, const char *key)
{
    size_t len = strlen(key);
    for (const char *const *a = req->attrs; a && *a; a++)
        if (strncmp(*a, key, len) == 0 && (*a)[len] == '=')
            return *a + len + 1;
    return NULL;
}

static bool
digest_ok(const char *d)
{
    return strncmp(d, "sha256:", 7) == 0 && strlen(d) == 71 &&
           strspn(d + 7, "0123456789abcdef") == 64;
}

static int
open_layout(struct tenon_ctx *ctx, const struct tenon_source_request *req,
            struct layout *out, struct tenon_error *err)
{
    if (strncmp(req->identifier, SCHEME, strlen(SCHEME)) != 0 ||
        !req->identifier[strlen(SCHEME)])
        return host->error(err, TENON_E_INVALID, 0, "invalid oci-layout source \"%s\"",
                           req->identifier);
    char *name = host->strdup(ctx, req->identifier + strlen(SCHEME));
    *out = (struct layout){.tag = "latest", .dirfd = -1};
    char *at = strchr(name, '@');
    if (at) {
        *at = '\0';
        out->digest = at + 1;
        if (!digest_ok(out->digest))
            return host->error(err, TENON_E_INVALID, 0, "invalid digest \"%s\"",
                               out->digest);
    }
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash ? slash : name, ':');
    if (colon) {
        *colon = '\0';
        out->tag = colon + 1;
        out->tag_given = true;
    }
    out->store = attribute(req, "oci.store");
    if (!out->store || !*out->store)
        out->store = name;
    out->dirfd = host->client_open(ctx, "local", out->store, err);
    if (out->dirfd < 0)
        return host->error_context(err, "oci-layout \"%s\"", out->store);
    return TENON_OK;
}

/* ---- files of the layout ------------------------------------------------------- */

static int
read_fd(struct tenon_ctx *ctx, int fd, const char *what, const void **data, size_t *len,
        struct tenon_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return host->error(err, TENON_E_FAILED, errno, "stat %s", what);
    if (!S_ISREG(st.st_mode) || st.st_size > DOCUMENT_MAX)
        return host->error(err, TENON_E_LIMIT, 0, "%s is no file of at most %d bytes", what,
                           DOCUMENT_MAX);
    char *text = host->alloc(ctx, (size_t)st.st_size + 1);
    size_t have = 0;
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, text + have, (size_t)st.st_size - have);
        if (n < 0)
            return host->error(err, TENON_E_FAILED, errno, "read %s", what);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    *data = text;
    *len = have;
    return TENON_OK;
}

/* Copy a blob of the layout into the content store. */
static int
import(struct tenon_ctx *ctx, const struct layout *l, const char *digest,
       struct tenon_error *err)
{
    int fd = host->blob_open(ctx, digest, NULL, err);
    if (fd >= 0) {
        close(fd);
        return TENON_OK;
    }
    if (host->error_code(err) != TENON_E_NOT_FOUND)
        return fd;
    host->error_clear(err);

    char path[7 + 7 + 64 + 1] = "blobs/sha256/";
    memcpy(path + 13, digest + 7, 65);
    fd = host->open_in(ctx, l->dirfd, path, O_RDONLY, 0, err);
    if (fd < 0)
        return host->error_context(err, "oci-layout \"%s\"", l->store);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return host->error(err, TENON_E_INVALID, 0, "%s is not a regular file", path);
    }
    int out = host->blob_create(ctx, err);
    int rc = out < 0 ? out : TENON_OK;
    char *buf = host->alloc(ctx, 1 << 18);
    int64_t copied = 0;
    while (rc == TENON_OK) {
        ssize_t n = read(fd, buf, 1 << 18);
        if (n < 0)
            rc = host->error(err, TENON_E_FAILED, errno, "read %s", path);
        if (n <= 0)
            break;
        for (ssize_t done = 0; done < n && rc == TENON_OK;) {
            ssize_t w = write(out, buf + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                rc = host->error(err, TENON_E_FAILED, errno, "write blob");
            else if (w > 0)
                done += w;
        }
        copied += n;
        host->status(ctx, digest, copied, st.st_size);
        if (rc == TENON_OK && host->cancelled(ctx))
            rc = host->error(err, TENON_E_CANCELLED, 0, "cancelled");
    }
    close(fd);
    if (rc < 0) {
        if (out >= 0)
            close(out);
        return rc;
    }
    if (!host->blob_commit(ctx, out, digest, err))
        return host->error_context(err, "oci-layout \"%s\"", l->store);
    host->status_done(ctx, digest);
    return TENON_OK;
}

static int
read_blob(struct tenon_ctx *ctx, const struct layout *l, const char *digest,
          const void **data, size_t *len, struct tenon_error *err)
{
    int rc = import(ctx, l, digest, err);
    if (rc < 0)
        return rc;
    int fd = host->blob_open(ctx, digest, NULL, err);
    if (fd < 0)
        return fd;
    rc = read_fd(ctx, fd, digest, data, len, err);
    close(fd);
    return rc;
}

/* ---- index.json ------------------------------------------------------------------- */

static const char *
member(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    if (json_object_get_type(o) != json_type_object ||
        !json_object_object_get_ex(o, key, &v) ||
        json_object_get_type(v) != json_type_string)
        return NULL;
    return json_object_get_string(v);
}

/* "v1" is meant by "v1" and by "docker.io/library/x:v1". */
static bool
tag_matches(const char *name, const char *tag)
{
    if (!name)
        return false;
    const char *colon = strrchr(name, ':');
    return strcmp(name, tag) == 0 || (colon && strcmp(colon + 1, tag) == 0);
}

/* The digest that the tag has; a layout with one image needs no tag. */
static const char *
find_tag(struct tenon_ctx *ctx, const struct layout *l, struct json_object *index)
{
    struct json_object *list = NULL;
    if (json_object_get_type(index) != json_type_object ||
        !json_object_object_get_ex(index, "manifests", &list) ||
        json_object_get_type(list) != json_type_array)
        return NULL;
    size_t count = json_object_array_length(list);
    for (size_t i = 0; i < count; i++) {
        struct json_object *m = json_object_array_get_idx(list, i), *notes = NULL;
        if (json_object_get_type(m) != json_type_object)
            continue;
        json_object_object_get_ex(m, "annotations", &notes);
        bool only = count == 1 && !l->tag_given;
        const char *digest = member(m, "digest");
        if (digest && digest_ok(digest) && (only || tag_matches(member(notes, REF_NAME), l->tag)))
            return host->strdup(ctx, digest);
    }
    return NULL;
}

static int
resolve_tag(struct tenon_ctx *ctx, struct layout *l, struct tenon_error *err)
{
    const void *text;
    size_t len;
    int fd = host->open_in(ctx, l->dirfd, "index.json", O_RDONLY, 0, err);
    if (fd < 0)
        return host->error_context(err, "oci-layout \"%s\"", l->store);
    int rc = read_fd(ctx, fd, "index.json", &text, &len, err);
    close(fd);
    if (rc < 0)
        return rc;
    struct json_tokener *t = json_tokener_new();
    json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    struct json_object *index = json_tokener_parse_ex(t, text, (int)len);
    json_tokener_free(t);
    if (!index)
        return host->error(err, TENON_E_CORRUPT, 0, "oci-layout \"%s\": index.json is no JSON",
                           l->store);
    l->digest = find_tag(ctx, l, index);
    json_object_put(index);
    if (!l->digest)
        return host->error(err, TENON_E_NOT_FOUND, 0,
                           "oci-layout \"%s\": no image with the tag \"%s\"", l->store,
                           l->tag);
    return TENON_OK;
}

/* ---- the source --------------------------------------------------------------------- */

static int
find_manifest(struct tenon_ctx *ctx, const struct tenon_source_request *req,
              const struct layout *l, const void **data, size_t *len,
              struct tenon_error *err)
{
    struct tenon_descriptor desc = {.digest = l->digest, .media_type = ""};
    for (int depth = 0;; depth++) {
        int rc = read_blob(ctx, l, desc.digest, data, len, err);
        if (rc < 0 || !registry->is_index(ctx, "", *data, *len))
            return rc;
        if (depth == DEPTH_MAX)
            return host->error(err, TENON_E_LIMIT, 0, "indexes are nested too deep");
        rc = registry->choose(ctx, *data, *len, req->platform, &desc, err);
        if (rc < 0)
            return rc;
    }
}

static int
resolve_opened(struct tenon_ctx *ctx, const struct tenon_source_request *req,
               struct layout *l, struct tenon_source_info *info, struct tenon_error *err)
{
    const void *manifest;
    size_t len;
    struct tenon_descriptor config;
    int rc = l->digest ? TENON_OK : resolve_tag(ctx, l, err);
    if (rc == TENON_OK)
        rc = find_manifest(ctx, req, l, &manifest, &len, err);
    if (rc == TENON_OK)
        rc = registry->image_config(ctx, manifest, len, &config, err);
    if (rc == TENON_OK)
        rc = read_blob(ctx, l, config.digest, &info->config, &info->config_len, err);
    if (rc == TENON_OK)
        rc = registry->image_layers(ctx, manifest, len, info->config, info->config_len,
                                    &info->layers, &info->layer_count, err);
    if (rc < 0)
        return rc;
    info->flags = TENON_SOURCE_LAYERS;
    info->digest = l->digest;
    info->identifier = req->identifier;
    if (!strchr(req->identifier, '@')) {
        size_t n = strlen(req->identifier);
        char *pinned = host->alloc(ctx, n + 1 + strlen(l->digest) + 1);
        memcpy(pinned, req->identifier, n);
        pinned[n] = '@';
        strcpy(pinned + n + 1, l->digest);
        info->identifier = pinned;
    }
    info->key = info->layer_count > 0
                    ? registry->chain_id(ctx, info->layers, info->layer_count)
                    : config.digest;
    return TENON_OK;
}

static int
layout_resolve(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
               struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self;
    struct layout l;
    int rc = open_layout(ctx, req, &l, err);
    if (rc < 0)
        return rc;
    rc = resolve_opened(ctx, req, &l, info, err);
    close(l.dirfd);
    return rc;
}

static int
layout_fetch_layer(void *self, struct tenon_ctx *ctx,
                   const struct tenon_source_request *req,
                   const struct tenon_source_info *info,
                   const struct tenon_descriptor *layer, struct tenon_error *err)
{
    (void)self, (void)info;
    struct layout l;
    int rc = open_layout(ctx, req, &l, err);
    if (rc < 0)
        return rc;
    rc = digest_ok(layer->digest)
             ? import(ctx, &l, layer->digest, err)
             : host->error(err, TENON_E_INVALID, 0, "invalid digest \"%s\"", layer->digest);
    close(l.dirfd);
    return rc;
}

static const char *const schemes[] = {"oci-layout", NULL};

static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops,
    .schemes = schemes,
    .resolve = layout_resolve,
    .fetch_layer = layout_fetch_layer,
};

static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "oci-layout",
    .version = "1.0",
    .summary = "images from OCI layout directories",
    .init = layout_init,
    .ops.source = &ops,
};
TENON_PLUGIN_EXPORT(source_oci_layout, plugin);

/* source-http: one file of the web as a tree.
 *
 * The server is asked each time, but given the ETag of the last download it can
 * answer "not modified" in a few bytes.  The body is kept as a
 * blob: resolving has to read it (its digest is the key), fetching is a copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tenon-plugin.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "name.h"
#include "suffixed.h"
#include "upload.h"
#include "common/source/source.h"

#define NS_PER_S INT64_C(1000000000)
#define DIGEST_LEN 71

static const struct tenon_host *host;
static const struct tenon_http_api *http;
static const struct tenon_store_api *store;

struct options { /* strings of the request */
    const char *url;
    const char *checksum; /* or NULL */
    const char *filename; /* "" when not given */
    const char *auth_secret;
    const char *accept, *user_agent;
    int64_t perm, uid, gid;
};

/* What is known of the file; strings live until ctx ends. */
struct found {
    const char *digest; /* "sha256:..." */
    const char *etag;   /* without "W/"; "" for none */
    const char *disposition;
    const char *asked_as; /* the file's name that the request had; "" for none */
    int64_t mtime_ns;     /* -1: not known */
};

static int
http_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
          struct tenon_error *err)
{
    (void)config;
    host = h;
    http = host->extension("tenon.http/0");
    store = host->extension("tenon.store/0");
    *self = NULL; /* no state: each call stands alone */
    if (!http || !store)
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "this tenon offers no HTTP or no store service");
    return TENON_OK;
}

/* ---- what is asked for ----------------------------------------------------------- */

static int
number(const struct tenon_source_request *req, const char *key, int64_t max, int64_t *out,
       struct tenon_error *err)
{
    const char *text = source_attr(req, key);
    *out = 0;
    if (!text)
        return TENON_OK;
    if (!tenon_parse_i64(text, out) || *out < 0 || *out > max)
        return host->error->set(err, TENON_E_INVALID, 0, "invalid %s \"%s\"", key, text);
    return TENON_OK;
}

static const char *
text_of(const struct tenon_source_request *req, const char *key)
{
    const char *s = source_attr(req, key);
    return s ? s : "";
}

static int
read_options(const struct tenon_source_request *req, struct options *o, struct tenon_error *err)
{
    *o = (struct options){
        .url = req->identifier,
        .checksum = source_attr(req, "http.checksum"),
        .filename = text_of(req, "http.filename"),
        .auth_secret = text_of(req, "http.authheadersecret"),
        .accept = text_of(req, "http.header.accept"),
        .user_agent = text_of(req, "http.header.user-agent"),
    };
    if (source_attr(req, "http.sig.pubkey") || source_attr(req, "http.sig.verify") ||
        source_attr(req, "http.sig.signature"))
        return host->error->set(err, TENON_E_UNSUPPORTED, 0,
                                "signatures of downloads cannot be verified yet");
    int rc = number(req, "http.perm", 07777, &o->perm, err);
    if (rc == TENON_OK)
        rc = number(req, "http.uid", UINT32_MAX - 1, &o->uid, err);
    if (rc == TENON_OK)
        rc = number(req, "http.gid", UINT32_MAX - 1, &o->gid, err);
    return rc;
}

/* "" or the host's name without user and port. */
static char *
host_name(const char *url)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    size_t len = strcspn(p, "/?#");
    const char *at = memrchr(p, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    if (*p == '[')
        return tenon_strndup(p + 1, strcspn(p + 1, "]"));
    return tenon_strndup(p, strcspn(p, ":/?#") < len ? strcspn(p, ":/?#") : len);
}

/* The Authorization of the user's secrets, for source_forget; NULL: none. */
static int
authorization(struct tenon_ctx *ctx, const struct options *o, char **out,
              struct tenon_error *err)
{
    *out = NULL;
    if (*o->auth_secret) {
        int rc = source_secret(host, ctx, o->auth_secret, out, err);
        if (rc == TENON_OK && !*out)
            rc = host->error->set(err, TENON_E_NOT_FOUND, 0,
                                  "failed to retrieve HTTP auth secret %s: not found",
                                  o->auth_secret);
        return rc;
    }
    auto_free char *name = host_name(o->url);
    auto_free char *token_id = tenon_asprintf("HTTP_AUTH_TOKEN_%s", name);
    auto_free char *header_id = tenon_asprintf("HTTP_AUTH_HEADER_%s", name);
    char *token = NULL;
    int rc = source_secret(host, ctx, token_id, &token, err);
    if (rc < 0 || !token)
        return rc < 0 ? rc : source_secret(host, ctx, header_id, out, err);
    *out = tenon_asprintf("Bearer %s", token);
    source_forget(&token);
    return TENON_OK;
}

/* ---- requests ---------------------------------------------------------------------- */

/* etag NULL: without a condition. */
static int
ask(struct tenon_ctx *ctx, const struct options *o, const char *method, const char *etag,
    int fd, struct tenon_fetch_answer *answer, struct tenon_error *err)
{
    const char *headers[5];
    size_t n = 0;
    auto_free char *accept = tenon_asprintf("Accept: %s", o->accept);
    auto_free char *agent = tenon_asprintf("User-Agent: %s", o->user_agent);
    auto_free char *match = tenon_asprintf("If-None-Match: %s", etag ? etag : "");
    /* The host undoes it; and an ETag may be that of the encoding. */
    headers[n++] = "Accept-Encoding: gzip";
    if (*o->accept)
        headers[n++] = accept;
    if (*o->user_agent)
        headers[n++] = agent;
    if (etag)
        headers[n++] = match;
    headers[n] = NULL;

    char *auth = NULL;
    int rc = authorization(ctx, o, &auth, err);
    if (rc < 0)
        return rc;
    auto_free char *name = http_file_name(o->filename, NULL, o->url);
    auto_free char *status = tenon_asprintf("downloading %s", name);
    struct tenon_fetch f = {
        .struct_size = sizeof f,
        .method = method,
        .url = o->url,
        .headers = headers,
        .authorization = auth,
        .status_id = status,
    };
    *answer = (struct tenon_fetch_answer){.struct_size = sizeof *answer};
    rc = http->fetch(ctx, &f, fd, answer, err);
    source_forget(&auth);
    return rc;
}

static const char *
strong(const char *etag)
{
    if (!etag)
        return "";
    return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

static int
load_upload(struct tenon_ctx *ctx, const char *name, struct found *found, struct tenon_error *err)
{
    auto_close int from = http_upload_open(host, ctx, name, err);
    auto_close int to = from >= 0 ? host->blobs->create(ctx, err) : -1;
    if (to < 0)
        return host->error->code(err);
    const int e = source_copy(from, to);
    if (e)
        return host->error->set(err, TENON_E_FAILED, e, "read upload \"%s\"", name);
    *found = (struct found){host->blobs->commit(ctx, tenon_steal_fd(&to), NULL, err), "", "", "",
                            -1};
    return found->digest ? TENON_OK : host->error->code(err);
}

/* Load it into the content store.  With an etag, found->digest stays NULL when
 * the server says that nothing changed. */
static int
load(struct tenon_ctx *ctx, const struct options *o, const char *etag, struct found *found,
     struct tenon_error *err)
{
    struct tenon_fetch_answer answer;
    const char *upload = http_upload_name(o->url);
    if (upload)
        return load_upload(ctx, upload, found, err);
    auto_close int fd = host->blobs->create(ctx, err);
    if (fd < 0)
        return fd;
    int rc = ask(ctx, o, "GET", etag, fd, &answer, err);
    if (rc < 0)
        return rc;
    const char *now = strong(answer.etag);
    if (etag && answer.status == 304) {
        if (*now && strcmp(now, etag) != 0)
            return host->error->set(err, TENON_E_FAILED, 0, "invalid not-modified ETag: %s", now);
        return TENON_OK;
    }
    if (answer.status < 200 || answer.status >= 300)
        return host->error->set(err, answer.status == 404 ? TENON_E_NOT_FOUND : TENON_E_FAILED, 0,
                                "invalid response status %d", (int)answer.status);
    found->digest = host->blobs->commit(ctx, tenon_steal_fd(&fd), NULL, err);
    if (!found->digest)
        return host->error->code(err);
    found->etag = now;
    found->disposition = answer.content_disposition ? answer.content_disposition : "";
    found->mtime_ns = answer.last_modified ? answer.last_modified_ns : -1;
    return TENON_OK;
}

/* ---- what is remembered of a URL ----------------------------------------- */

static char *
note_name(const struct options *o)
{
    char digest[72];
    auto_free char *id = tenon_asprintf("%s\n%s\n%s\n%s", o->url, o->auth_secret, o->accept,
                                        o->user_agent);
    host->blobs->digest(id, strlen(id), digest);
    return tenon_asprintf("http:%s", digest);
}

/* Neither header values nor names of files have newlines, so the note is five lines, or four: an
 * older one has no name. */
static bool
recall(struct tenon_ctx *ctx, const struct options *o, struct found *found)
{
    auto_free char *name = note_name(o);
    const char *text = store->note_get(ctx, name);
    char *fields[4], *p = text ? host->ctx->strdup(ctx, text) : NULL;
    for (size_t i = 0; i < 4; i++) {
        if (!p)
            return false;
        fields[i] = p;
        p = strchr(p, '\n');
        if (p)
            *p++ = '\0';
    }
    found->digest = fields[0];
    found->etag = fields[2];
    found->disposition = fields[3];
    found->asked_as = p ? p : "";
    return strlen(found->digest) == DIGEST_LEN && tenon_parse_i64(fields[1], &found->mtime_ns);
}

static int
remember(struct tenon_ctx *ctx, const struct options *o, const struct found *found,
         struct tenon_error *err)
{
    auto_free char *name = note_name(o);
    auto_free char *text = tenon_asprintf("%s\n%lld\n%s\n%s\n%s", found->digest,
                                          (long long)found->mtime_ns, found->etag,
                                          found->disposition, o->filename);
    return store->note_set(ctx, name, text, err);
}

/* Is the file with that ETag still the one?  Some servers give ETags and do not
 * know conditions, so a HEAD is asked first and compared here; whatever goes
 * wrong with it, a GET will tell.  What was asked for as another file has no
 * condition, as in BuildKit: who counts a server's answers finds the same. */
static int
unchanged(struct tenon_ctx *ctx, const struct options *o, struct found *known,
          struct tenon_error *err)
{
    struct tenon_fetch_answer answer;
    const bool same_name = !strcmp(known->asked_as, o->filename);
    int rc = ask(ctx, o, "HEAD", same_name ? known->etag : NULL, -1, &answer, err);
    if (rc == TENON_E_CANCELLED)
        return rc;
    if (rc < 0) {
        host->error->clear(err);
        return 0;
    }
    const char *now = strong(answer.etag);
    bool same = (answer.status == 200 || answer.status == 304) && !strcmp(now, known->etag);
    if (!same && (answer.status != 304 || *now))
        return 0;
    if (answer.content_disposition)
        known->disposition = answer.content_disposition;
    return 1;
}

struct resolved { /* from resolve to fetch */
    struct options o;
    struct found found;
    const char *name;
};

/* The file may have changed since, but not for this build.  A checksum is a claim. */
static bool
said_before(const struct tenon_source_info *before, const struct options *o, struct found *found)
{
    const struct resolved *r = before ? before->cookie : NULL;

    if (!r || (r->o.checksum && *r->o.checksum) || strcmp(r->o.url, o->url) != 0 ||
        strcmp(r->o.auth_secret, o->auth_secret) != 0 || strcmp(r->o.accept, o->accept) != 0 ||
        strcmp(r->o.user_agent, o->user_agent) != 0)
        return false;
    *found = r->found;
    return true;
}

/* What the URL stands for now; its body is in the content store, or was. */
static int
look_up(struct tenon_ctx *ctx, const struct options *o, struct found *found,
        struct tenon_error *err)
{
    struct found known = {0};
    const bool recalled = recall(ctx, o, &known);
    if (source_offline(http, ctx) && !http_upload_name(o->url)) {
        if (!recalled)
            return source_not_here(host, o->url, err);
        *found = known;
        return TENON_OK;
    }
    if (recalled && *known.etag) {
        int rc = unchanged(ctx, o, &known, err);
        if (rc < 0)
            return rc;
        if (rc > 0) {
            *found = known;
            return TENON_OK;
        }
        rc = load(ctx, o, known.etag, found, err);
        if (rc < 0)
            return rc;
        if (!found->digest) {
            *found = known;
            return TENON_OK;
        }
    } else {
        int rc = load(ctx, o, NULL, found, err);
        if (rc < 0)
            return rc;
    }
    return remember(ctx, o, found, err);
}

/* ---- the plugin's operations --------------------------------------------- */

static const char *
key_of(struct tenon_ctx *ctx, const struct resolved *r)
{
    const struct options *o = &r->o;
    auto_free char *text = tenon_asprintf(
        "%s perm=%llo uid=%lld gid=%lld mtime=%lld auth=%s accept=%s agent=%s name=%s",
        r->found.digest, (unsigned long long)o->perm, (long long)o->uid, (long long)o->gid,
        (long long)(r->found.mtime_ns / NS_PER_S), o->auth_secret, o->accept, o->user_agent,
        r->name);
    return host->ctx->strdup(ctx, text);
}

/* The blob, loaded if it is not here; its mtime may become known then. */
static int
open_content(struct tenon_ctx *ctx, struct resolved *r, struct tenon_error *err)
{
    struct found known = {0};
    int64_t size;
    bool mine = recall(ctx, &r->o, &known) && !strcmp(known.digest, r->found.digest);
    if (mine) {
        int fd = host->blobs->open(ctx, known.digest, &size, err);
        if (fd >= 0) {
            if (r->found.mtime_ns < 0)
                r->found.mtime_ns = known.mtime_ns;
            return fd;
        }
        host->error->clear(err);
    }
    struct found now = {0};
    int rc = load(ctx, &r->o, NULL, &now, err);
    if (rc == TENON_OK)
        rc = remember(ctx, &r->o, &now, err);
    if (rc < 0)
        return rc;
    if (strcmp(now.digest, r->found.digest) != 0)
        return host->error->set(err, TENON_E_CORRUPT, 0, "digest mismatch %s: %s", now.digest,
                                r->found.digest);
    r->found.mtime_ns = now.mtime_ns;
    return host->blobs->open(ctx, now.digest, &size, err);
}

/* A digest that only those ask for who have a signature of it. */
static int
add_digest(struct tenon_ctx *ctx, struct resolved *r, const char *wanted,
           struct tenon_source_info *info, struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    const char *why;
    auto_close int fd = open_content(ctx, r, err);

    if (fd < 0)
        return host->error->code(err);
    const int rc = http_suffixed_digest(fd, wanted, &text, &why);
    if (why)
        return host->error->set(err, TENON_E_INVALID, 0, "digest of \"%s\": %s", r->o.url, why);
    if (rc < 0)
        return host->error->set(err, TENON_E_FAILED, -rc, "read \"%s\"", r->o.url);
    source_add_fact(host, ctx, info, "http.digest", host->ctx->strdup(ctx, tenon_buf_str(&text)),
                    text.len);
    return TENON_OK;
}

static int
http_resolve(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
             struct tenon_source_info *info, struct tenon_error *err)
{
    (void)self;
    struct resolved *r = host->ctx->alloc(ctx, sizeof *r);
    int rc = read_options(req, &r->o, err);
    if (rc < 0)
        return rc;
    if (r->o.checksum && *r->o.checksum) {
        /* The build file says what it is: nothing to ask. */
        r->found = (struct found){r->o.checksum, "", "", "", -1};
    } else if (!said_before(req->before, &r->o, &r->found)) {
        rc = look_up(ctx, &r->o, &r->found, err);
        if (rc < 0)
            return rc;
    }
    auto_free char *name = http_file_name(r->o.filename, r->found.disposition, r->o.url);
    r->name = host->ctx->strdup(ctx, name);
    source_add_fact(host, ctx, info, "http.filename", r->name, strlen(name));
    const char *wanted = source_attr(req, "http.digest");
    if (wanted && add_digest(ctx, r, wanted, info, err) < 0)
        return host->error->code(err);
    info->flags = TENON_SOURCE_TREE;
    info->key = key_of(ctx, r);
    info->identifier = req->identifier;
    info->digest = r->found.digest;
    info->modified_ns = r->found.mtime_ns > 0 ? r->found.mtime_ns : 0;
    info->cookie = r;
    return TENON_OK;
}

static int
http_fetch(void *self, struct tenon_ctx *ctx, const struct tenon_source_request *req,
           const struct tenon_source_info *info, int dest_dirfd, struct tenon_error *err)
{
    (void)self, (void)req;
    struct resolved r = *(const struct resolved *)info->cookie;
    auto_close int from = open_content(ctx, &r, err);
    if (from < 0)
        return from;
    auto_close int to = openat(dest_dirfd, r.name,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "make \"%s\"", r.name);
    struct timespec times[2] = {{0}, {0}};
    if (r.found.mtime_ns > 0) {
        times[0].tv_sec = times[1].tv_sec = (time_t)(r.found.mtime_ns / NS_PER_S);
        times[0].tv_nsec = times[1].tv_nsec = (long)(r.found.mtime_ns % NS_PER_S);
    }
    int e = source_copy(from, to);
    /* Owner first: changing it takes setuid bits away. */
    if (!e && (fchown(to, (uid_t)r.o.uid, (gid_t)r.o.gid) < 0 ||
               fchmod(to, r.o.perm ? (mode_t)r.o.perm : 0600) < 0 ||
               futimens(to, times) < 0))
        e = errno;
    return e ? host->error->set(err, TENON_E_FAILED, e, "write \"%s\"", r.name) : TENON_OK;
}

static const char *const schemes[] = {"http", "https", NULL};

static const struct tenon_source_ops ops = {
    .struct_size = sizeof ops,
    .schemes = schemes,
    .resolve = http_resolve,
    .fetch = http_fetch,
};

static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_SOURCE),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_OPTIONS,
    .key_epoch = 1,
    .name = "http",
    .version = "1.0",
    .summary = "files of the web",
    .init = http_init,
    .ops.source = &ops,
};
TENON_PLUGIN_EXPORT(source_http, plugin);

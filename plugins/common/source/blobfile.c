/* common/source/blobfile.c - see blobfile.h. */
#include "common/source/blobfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/ociindex.h"
#include "tools/parse.h"

static int
number(const struct tenon_host *host, const struct tenon_source_request *req, const char *key,
       int64_t max, int64_t *out, struct tenon_error *err)
{
    const char *text = source_attr(req, key);

    *out = 0;
    if (text && (!tenon_parse_i64(text, out) || *out < 0 || *out > max))
        return host->error->set(err, TENON_E_INVALID, 0, "invalid %s \"%s\"", key, text);
    return TENON_OK;
}

/* As a umask is written: "0644". */
static int
mode(const struct tenon_host *host, const struct tenon_source_request *req, int64_t *out,
     struct tenon_error *err)
{
    const char *text = source_attr(req, "http.perm");

    *out = 0;
    for (const char *p = text ? text : ""; *p; p++) {
        *out = *out * 8 + (*p - '0');
        if (*p < '0' || *p > '7' || *out > 07777)
            return host->error->set(err, TENON_E_INVALID, 0, "invalid http.perm \"%s\"", text);
    }
    return TENON_OK;
}

static bool
is_name(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < 0x20 || *c == 0x7f || *c == '/')
            return false;
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int
file_name(const struct tenon_host *host, const struct tenon_source_request *req,
          struct source_blobfile *out, struct tenon_error *err)
{
    const char *wanted = source_attr(req, "http.filename");

    out->name = wanted && *wanted ? wanted : strchr(out->digest, ':') + 1;
    return is_name(out->name) ? TENON_OK
                              : host->error->set(err, TENON_E_INVALID, 0, "invalid name of a file "
                                                 "\"%s\"", out->name);
}

int
source_blobfile_read(const struct tenon_host *host, struct tenon_ctx *ctx,
                     const struct tenon_source_request *req, struct source_blobfile *out,
                     const char **name, struct tenon_error *err)
{
    const char *rest = strstr(req->identifier, "://");
    char *copy = host->ctx->strdup(ctx, rest ? rest + strlen("://") : ""), *at = strrchr(copy, '@');

    *out = (struct source_blobfile){0};
    if (!at || at == copy || !tenon_is_sha256(at + 1))
        return host->error->set(err, TENON_E_INVALID, 0, "\"%s\": a blob is called NAME@DIGEST",
                                req->identifier);
    *at = '\0';
    *name = copy;
    out->digest = at + 1;
    int rc = file_name(host, req, out, err);
    if (rc == TENON_OK)
        rc = mode(host, req, &out->perm, err);
    if (rc == TENON_OK)
        rc = number(host, req, "http.uid", UINT32_MAX - 1, &out->uid, err);
    if (rc == TENON_OK)
        rc = number(host, req, "http.gid", UINT32_MAX - 1, &out->gid, err);
    return rc;
}

void
source_blobfile_tell(const struct tenon_host *host, struct tenon_ctx *ctx,
                     const struct tenon_source_request *req, const struct source_blobfile *file,
                     struct tenon_source_info *info)
{
    auto_free char *key = tenon_asprintf("blob %s perm=%llo uid=%lld gid=%lld name=%s",
                                         file->digest, (unsigned long long)file->perm,
                                         (long long)file->uid, (long long)file->gid, file->name);

    info->flags = TENON_SOURCE_TREE;
    info->key = host->ctx->strdup(ctx, key);
    info->identifier = req->identifier;
    info->digest = file->digest;
}

int
source_blobfile_write(const struct tenon_host *host, struct tenon_ctx *ctx,
                      const struct source_blobfile *file, int dirfd, struct tenon_error *err)
{
    static const struct timespec times[2] = {{0}, {0}};
    int64_t size;
    auto_close int from = host->blobs->open(ctx, file->digest, &size, err);
    if (from < 0)
        return from;
    auto_close int to = openat(dirfd, file->name,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int e = to < 0 ? errno : source_copy(from, to);

    /* Owner first: changing it takes setuid bits away. */
    if (!e && (fchown(to, (uid_t)file->uid, (gid_t)file->gid) < 0 ||
               fchmod(to, file->perm ? (mode_t)file->perm : 0600) < 0 || futimens(to, times) < 0))
        e = errno;
    return e ? host->error->set(err, TENON_E_FAILED, e, "write \"%s\"", file->name) : TENON_OK;
}

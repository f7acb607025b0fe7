/* common/oci-layout/oci-layout.c - see oci-layout.h. */
#include "oci-layout.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"
#include "tools/ociindex.h"

#define DOCUMENT_MAX (8 * 1024 * 1024)
#define CHUNK ((size_t)1 << 18)
/* Files are opened with O_NONBLOCK: a pipe of that name would not be waited for, but refused. */

static int
read_fd(const struct oci_layout *l, int fd, const char *what, const void **data,
        size_t *len, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "stat %s", what);
    if (!S_ISREG(st.st_mode) || st.st_size > DOCUMENT_MAX)
        return host->error->set(err, TENON_E_LIMIT, 0, "%s is not a file of at most %d bytes", what,
                                DOCUMENT_MAX);
    char *text = host->ctx->alloc(l->ctx, (size_t)st.st_size + 1);
    size_t have = 0;
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, text + have, (size_t)st.st_size - have);
        if (n < 0)
            return host->error->set(err, TENON_E_FAILED, errno, "read %s", what);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    *data = text;
    *len = have;
    return TENON_OK;
}

/* ---- blobs ------------------------------------------------------------------------- */

static int
copy(const struct oci_layout *l, int from, int to, int64_t size, const char *digest,
     struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    char *buf = host->ctx->alloc(l->ctx, CHUNK);
    int64_t copied = 0;
    for (;;) {
        ssize_t n = read(from, buf, CHUNK);
        if (n < 0)
            return host->error->set(err, TENON_E_FAILED, errno, "read %s", digest);
        if (n == 0)
            return TENON_OK;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, buf + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                return host->error->set(err, TENON_E_FAILED, errno, "write blob");
            if (w > 0)
                done += w;
        }
        copied += n;
        host->progress->status(l->ctx, digest, copied, size);
        if (host->ctx->cancelled(l->ctx))
            return host->error->set(err, TENON_E_CANCELLED, 0, "cancelled");
    }
}

static int
import(const struct oci_layout *l, int fd, const char *digest, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return host->error->set(err, TENON_E_INVALID, 0, "blob %s is not a regular file", digest);
    int out = host->blobs->create(l->ctx, err);
    if (out < 0)
        return out;
    int rc = copy(l, fd, out, st.st_size, digest, err);
    if (rc < 0) {
        close(out);
        return rc;
    }
    if (!host->blobs->commit(l->ctx, out, digest, err))
        return host->error->code(err);
    host->progress->status_done(l->ctx, digest);
    return TENON_OK;
}

int
oci_layout_open(struct oci_layout *l, const char *name, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    auto_free char *any = tenon_asprintf("%s@", name);

    l->store = NULL;
    l->dirfd = host->client->open(l->ctx, "blob", any, err);
    if (l->dirfd >= 0) {
        l->store = name;
        return TENON_OK;
    }
    if (host->error->code(err) != TENON_E_UNSUPPORTED)
        return host->error->code(err);
    host->error->clear(err);
    l->dirfd = host->client->open(l->ctx, "local", name, err);
    return l->dirfd < 0 ? host->error->code(err) : TENON_OK;
}

static int
open_blob(const struct oci_layout *l, const char *digest, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    char path[7 + 7 + 64 + 1] = "blobs/sha256/";

    if (l->store) {
        auto_free char *id = tenon_asprintf("%s@%s", l->store, digest);
        return host->client->open(l->ctx, "blob", id, err);
    }
    memcpy(path + 13, digest + 7, 65);
    return host->files->open_in(l->ctx, l->dirfd, path, O_RDONLY | O_NONBLOCK, 0, err);
}

int
oci_layout_blob(const struct oci_layout *l, const char *digest, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    if (!tenon_is_sha256(digest))
        return host->error->set(err, TENON_E_INVALID, 0, "invalid digest \"%s\"", digest);
    int fd = host->blobs->open(l->ctx, digest, NULL, err);
    if (fd >= 0) {
        close(fd);
        return TENON_OK;
    }
    if (host->error->code(err) != TENON_E_NOT_FOUND)
        return fd;
    host->error->clear(err);

    fd = open_blob(l, digest, err);
    if (fd < 0)
        return host->error->context(err, "%s", l->what);
    int rc = import(l, fd, digest, err);
    close(fd);
    return rc < 0 ? host->error->context(err, "%s", l->what) : TENON_OK;
}

int
oci_layout_read(const struct oci_layout *l, const char *digest, const void **data,
               size_t *len, struct tenon_error *err)
{
    int rc = oci_layout_blob(l, digest, err);
    if (rc < 0)
        return rc;
    int fd = l->host->blobs->open(l->ctx, digest, NULL, err);
    if (fd < 0)
        return fd;
    rc = read_fd(l, fd, digest, data, len, err);
    close(fd);
    return rc;
}

/* ---- index.json ---------------------------------------------------------- */

int
oci_layout_tag(const struct oci_layout *l, const char *tag, bool any,
              const char **digest, struct tenon_error *err)
{
    const struct tenon_host *host = l->host;
    const void *text;
    size_t len;
    if (l->store)
        return host->error->set(err, TENON_E_INVALID, 0, "%s: it is named by a digest alone",
                                l->what);
    int fd = host->files->open_in(l->ctx, l->dirfd, "index.json", O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return host->error->context(err, "%s", l->what);
    int rc = read_fd(l, fd, "index.json", &text, &len, err);
    close(fd);
    if (rc < 0)
        return rc;
    if (!tenon_json_is_modest(text, len))
        return host->error->set(err, TENON_E_LIMIT, 0,
                                "%s: index.json has more than %u objects or %u "
                                "values",
                                l->what, TENON_JSON_OBJECTS_MAX, TENON_JSON_VALUES_MAX);
    struct json_tokener *t = json_tokener_new();
    json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    struct json_object *index = json_tokener_parse_ex(t, text, (int)len);
    json_tokener_free(t);
    if (!index)
        return host->error->set(err, TENON_E_CORRUPT, 0, "%s: index.json is not valid JSON",
                                l->what);
    const char *found = tenon_oci_index_find(index, tag, any, NULL);
    if (found)
        found = host->ctx->strdup(l->ctx, found);
    json_object_put(index);
    if (!found)
        return host->error->set(err, TENON_E_NOT_FOUND, 0, "%s: no image with the tag \"%s\"",
                                l->what, tag);
    *digest = found;
    return TENON_OK;
}

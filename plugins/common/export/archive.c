/* common/export/archive.c - see archive.h. */
#include "archive.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

enum { CHUNK = 1 << 20, HEAD_MAX = 1 << 16 };

static int
put(struct export_archive *a, const char *data, size_t len, struct tenon_error *err)
{
    while (len) {
        ssize_t n = write(a->fd, data, len);
        if (n < 0 && errno == EAGAIN) { /* a pipe that others made so */
            struct pollfd p = { .fd = a->fd, .events = POLLOUT };
            if (a->host->ctx->cancelled(a->ctx))
                return a->host->error->set(err, TENON_E_CANCELLED, 0, "export was cancelled");
            poll(&p, 1, 100);
        } else if (n < 0 && errno != EINTR) {
            return a->host->error->set(err, TENON_E_FAILED, errno, "write archive");
        } else if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return TENON_OK;
}

static int
flush(struct export_archive *a, struct tenon_error *err)
{
    int rc = put(a, a->head.data, a->head.len, err);
    tenon_buf_clear(&a->head);
    return rc;
}

int
export_archive_entry(struct export_archive *a, const struct tenon_tar_entry *e,
                        struct tenon_error *err)
{
    if (!tenon_tar_encode(&a->head, e))
        return a->host->error->set(err, TENON_E_UNSUPPORTED, 0, "/%s: tar cannot hold device %u:%u",
                                   e->name, e->major, e->minor);
    return a->head.len > HEAD_MAX ? flush(a, err) : TENON_OK;
}

int
export_archive_copy(struct export_archive *a, int fd, uint64_t size, const char *what,
                       struct tenon_error *err)
{
    auto_free char *chunk = tenon_malloc(size < CHUNK ? (size_t)size + 1 : CHUNK);
    int rc = flush(a, err);
    for (uint64_t left = size; rc == 0 && left;) {
        if (a->host->ctx->cancelled(a->ctx))
            return a->host->error->set(err, TENON_E_CANCELLED, 0, "export was cancelled");
        ssize_t n = read(fd, chunk, left < CHUNK ? (size_t)left : CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return a->host->error->set(err, TENON_E_FAILED, errno, "read %s", what);
        if (n == 0)
            return a->host->error->set(err, TENON_E_FAILED, 0, "read %s: it became shorter", what);
        rc = put(a, chunk, (size_t)n, err);
        left -= (uint64_t)n;
    }
    if (rc == 0)
        tenon_tar_pad_buf(&a->head, size);
    return rc;
}

int
export_archive_bytes(struct export_archive *a, const void *data, size_t len,
                        struct tenon_error *err)
{
    tenon_buf_add(&a->head, data, len);
    tenon_tar_pad_buf(&a->head, len);
    return a->head.len > HEAD_MAX ? flush(a, err) : TENON_OK;
}

int
export_archive_end(struct export_archive *a, struct tenon_error *err)
{
    tenon_tar_end_buf(&a->head);
    return flush(a, err);
}

void
export_archive_release(struct export_archive *a)
{
    tenon_buf_release(&a->head);
}

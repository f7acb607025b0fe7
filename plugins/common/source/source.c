/* common/source/source.c - see source.h. */
#include "common/source/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"

#define LINE_MAX_BYTES 16384

const char *
source_attr(const struct tenon_source_request *req, const char *key)
{
    size_t len = strlen(key);
    for (const char *const *a = req->attrs; a && *a; a++)
        if (strncmp(*a, key, len) == 0 && (*a)[len] == '=')
            return *a + len + 1;
    return NULL;
}

int
source_secret(const struct tenon_host *host, struct tenon_ctx *ctx, const char *id,
              char **out, struct tenon_error *err)
{
    auto_close int fd = host->client->open(ctx, "secret", id, err);
    if (fd == TENON_E_NOT_FOUND) {
        host->error->clear(err);
        *out = NULL;
        return TENON_OK;
    }
    if (fd < 0)
        return host->error->context(err, "secret %s", id);
    char *text = tenon_calloc(1, LINE_MAX_BYTES + 1);
    size_t len = 0;
    while (len < LINE_MAX_BYTES) {
        ssize_t n = pread(fd, text + len, LINE_MAX_BYTES - len, (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    if (len == LINE_MAX_BYTES || strlen(text) != len || text[strcspn(text, "\r\n")]) {
        source_forget(&text);
        return host->error->set(err, TENON_E_INVALID, 0, "secret %s is not a line of text", id);
    }
    *out = text;
    return TENON_OK;
}

void
source_forget(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void
source_add_fact(const struct tenon_host *host, struct tenon_ctx *ctx,
                struct tenon_source_info *info, const char *name, const void *data, size_t len)
{
    struct tenon_fact *facts = host->ctx->alloc(ctx, (info->fact_count + 1) * sizeof *facts);

    for (size_t i = 0; i < info->fact_count; i++)
        facts[i] = info->facts[i];
    facts[info->fact_count++] = (struct tenon_fact){.name = name, .data = data, .len = len};
    info->facts = facts;
}

int
source_copy(int from, int to)
{
    char chunk[65536];
    ssize_t n;
    while ((n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
        ;
    if (n == 0)
        return 0;
    for (;;) { /* another file system: from where it stopped */
        n = read(from, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, chunk + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR)
                return errno;
            if (w > 0)
                done += w;
        }
    }
}

bool
source_offline(const struct tenon_http_api *http, struct tenon_ctx *ctx)
{
    return TENON_HAS(struct tenon_http_api, http, offline) && http->offline && http->offline(ctx);
}

int
source_not_here(const struct tenon_host *host, const char *what, struct tenon_error *err)
{
    auto_free char *shown = tenon_url_conceal(what);
    host->error->set(err, TENON_E_NOT_FOUND, 0, "offline: %s is not in the store", shown);
    host->error->hint(err, "build once without --offline: what was used stays in the store");
    return TENON_E_NOT_FOUND;
}

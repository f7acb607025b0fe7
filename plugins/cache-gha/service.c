/* cache-gha/service.c - see service.h: which version is asked. */
#include "service.h"

#include <string.h>

#include "ask.h"

int
gha_find(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, bool begins,
         struct gha_entry *out, struct tenon_error *err)
{
    int rc = (s->second ? gha_find2 : gha_find1)(s, ctx, key, out, err);
    if (rc <= 0)
        return rc;
    /* Both take the newest whose key begins so when there is none of that key. */
    return strncmp(out->key, key, strlen(key)) == 0 && (begins || !out->key[strlen(key)]);
}

int
gha_get(const struct gha_service *s, struct tenon_ctx *ctx, const struct gha_entry *e, int fd,
        uint64_t most, struct tenon_error *err)
{
    const struct tenon_fetch f = { .struct_size = sizeof f, .method = "GET", .url = e->url,
                                   .most = most };
    struct tenon_fetch_answer a = { .struct_size = sizeof a };
    int rc = gha_in_time(s, err);
    if (rc == TENON_OK)
        rc = s->http->fetch(ctx, &f, fd, &a, err);
    return rc < 0 || a.status == 200 ? rc : gha_refused(s, "get", e->key, a.status, a.said, err);
}

int
gha_put(const struct gha_service *s, struct tenon_ctx *ctx, const char *key, int fd, int64_t size,
        struct tenon_error *err)
{
    return (s->second ? gha_put2 : gha_put1)(s, ctx, key, fd, size, err);
}

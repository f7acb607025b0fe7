/* cache-gha/listing.c - see service.h: GitHub's public interface tells a hundred keys a request,
 * where the service of a job tells one. */
#include <inttypes.h>

#include "common/objects/objects.h"
#include "ask.h"
#include "service.h"
#include "tools/alloc.h"

#define PAGE 100
#define PAGES_MAX 100

/* How many keys it has; -1: it is no page. */
static int
take_page(struct json_object *o, void (*take)(void *data, const char *key), void *data,
          int64_t *total)
{
    struct json_object *list = NULL, *count = NULL;
    if (!json_object_is_type(o, json_type_object) ||
        !json_object_object_get_ex(o, "actions_caches", &list) ||
        !json_object_is_type(list, json_type_array))
        return -1;
    json_object_object_get_ex(o, "total_count", &count);
    *total = json_object_get_int64(count);
    int keys = 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *key = gha_text(json_object_array_get_idx(list, i), "key");
        if (key) {
            take(data, key);
            keys++;
        }
    }
    return keys;
}

struct page {
    const char *url, *token, *begin;
    void (*take)(void *data, const char *key);
    void *data;
    int64_t total;
};

static int
ask_page(const struct gha_service *s, struct tenon_ctx *ctx, struct page *p,
         struct tenon_error *err)
{
    int status = 0;
    const char *said = NULL;
    auto_object struct json_object *o = NULL;
    const struct gha_ask a = { .method = "GET", .url = p->url, .token = p->token,
                               .accept = "application/vnd.github+json" };
    int rc = gha_ask(s, ctx, &a, &status, &said, &o, err);
    if (rc < 0)
        return rc;
    int keys = status == 200 ? take_page(o, p->take, p->data, &p->total) : -1;
    return keys < 0 ? gha_refused(s, "list", p->begin, status, said, err) : keys;
}

/* The server's word for how many there are is not enough: it ends with a page without keys. */
int
gha_list(const struct gha_service *s, struct tenon_ctx *ctx, const char *api,
         const char *repository, const char *token, const char *begin, const char *scope,
         void (*take)(void *data, const char *key), void *data, struct tenon_error *err)
{
    auto_free char *ref = objects_path(scope);
    struct page p = { .token = token, .begin = begin, .take = take, .data = data, .total = 1 };
    int rc = 1;
    for (int page = 1; rc > 0 && page <= PAGES_MAX && (int64_t)(page - 1) * PAGE < p.total;
         page++) {
        auto_free char *url = tenon_asprintf("%s/repos/%s/actions/caches?key=%s&page=%d&per_page=%d"
                                             "&ref=%s", api, repository, begin, page, PAGE, ref);
        struct tenon_ctx *scope_of_page =
            s->host->ctx->scope_begin(ctx); /* what is kept of it goes */
        p.url = url;
        rc = ask_page(s, scope_of_page, &p, err);
        s->host->ctx->scope_end(scope_of_page);
    }
    return rc < 0 ? rc : TENON_OK;
}

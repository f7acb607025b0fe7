/* registry/listing.c - what a registry has: tags of a repository, and what refers to a manifest. */
#include <string.h>

#include "tools/alloc.h"
#include "registry/private.h"

#define PAGE 1000
#define PAGES_MAX 1000
#define TAGS_MAX 1000000u
#define DOCUMENT_MAX ((size_t)8 << 20)

TENON_DEFINE_AUTO_STRUCT(reference, struct tenon_reference, tenon_reference_release);
#define auto_reference __attribute__((cleanup(tenon_auto_reference)))

struct listing {
    struct tenon_registry *r;
    const struct tenon_registry_call *call;
    const struct tenon_reference *ref;
    char **tags;
    size_t count;
    const char *digest;      /* of what is referred to */
    struct tenon_buf *found; /* the index of those that do */
    bool by_tag;
};

/* One GET; 404 is an answer: *is_there is false then. */
static int
get(struct listing *l, struct tenon_endpoint *e, const char *url, struct tenon_http_response *res,
    bool *is_there, struct tenon_error *err)
{
    auto_free char *scope = tenon_asprintf("repository:%s:pull", e->scope_repo);
    auto_free char *name = tenon_asprintf("%s/%s", l->ref->domain, l->ref->path);
    struct tenon_http_request req = {.method = "GET", .url = url, .limit = DOCUMENT_MAX,
                                     .accept = "application/json, " TENON_REGISTRY_ACCEPT};
    if (tenon_registry_request(l->r, l->call, e, scope, &req, res, NULL, err) < 0)
        return err->code;
    *is_there = res->status == 200;
    if (*is_there || res->status == 404)
        return 0;
    req.url = url;
    return tenon_registry_status_error(&req, res, name, err);
}

/* ---- tags ----------------------------------------------------------------------------- */

static int
add_tags(struct listing *l, const struct tenon_buf *body, struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    struct json_object *list = NULL;
    if (tenon_json_parse(tenon_buf_str(body), body->len, DOCUMENT_MAX, &o, err) < 0)
        return tenon_error_context(err, "list of tags");
    if (!json_object_is_type(o, json_type_object) ||
        tenon_json_get_array(o, "tags", &list, err) < 0)
        return tenon_error_set(err, TENON_E_CORRUPT, "list of tags is none");
    const size_t count = list ? json_object_array_length(list) : 0;
    if (l->count + count > TAGS_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "more than %u tags", TAGS_MAX);
    l->tags = tenon_reallocarray(l->tags, l->count + count + 1, sizeof *l->tags);
    for (size_t i = 0; i < count; i++) {
        struct json_object *tag = json_object_array_get_idx(list, i);
        if (json_object_is_type(tag, json_type_string))
            l->tags[l->count++] = tenon_strdup(json_object_get_string(tag));
    }
    l->tags[l->count] = NULL;
    return 0;
}

/* Where the rest is: <PATH?QUERY>; rel="next".  On this endpoint, whatever host it names: a
 * registry behind a proxy names itself. NULL: this was the last page. */
static char *
next_page(const struct tenon_endpoint *e, const char *link)
{
    const char *end = link && *link == '<' ? strchr(link, '>') : NULL;
    if (!end || !strstr(end, "next"))
        return NULL;
    auto_free char *url = tenon_strndup(link + 1, (size_t)(end - link - 1));
    const char *query = strchr(url, '?');
    if (!query)
        return NULL;
    auto_free char *first = tenon_endpoint_url(e, "tags", "list");
    return tenon_asprintf("%.*s%s", (int)strcspn(first, "?"), first, query);
}

static int
tags_from(void *data, struct tenon_endpoint *e, struct tenon_error *err)
{
    struct listing *l = data;
    auto_free char *first = tenon_endpoint_url(e, "tags", "list");
    auto_free char *url = tenon_asprintf("%s%cn=%d", first, strchr(first, '?') ? '&' : '?', PAGE);
    tenon_strv_free(tenon_steal(&l->tags));
    l->count = 0;
    for (unsigned page = 0; url && page < PAGES_MAX; page++) {
        auto_response struct tenon_http_response res = {0};
        bool is_there = false;
        if (get(l, e, url, &res, &is_there, err) < 0)
            return err->code;
        if (!is_there)
            return tenon_error_set(err, TENON_E_NOT_FOUND, "%s/%s: repository not found",
                                   l->ref->domain, l->ref->path);
        if (add_tags(l, &res.body, err) < 0)
            return tenon_error_context(err, "%s/%s", l->ref->domain, l->ref->path);
        char *next = next_page(e, res.link);
        const bool again = tenon_streq(next, url); /* it would go round for ever */
        free(url);
        url = next;
        if (again)
            break;
    }
    return 0;
}

int
tenon_registry_tags(struct tenon_registry *r, const struct tenon_registry_call *call,
                    const char *text, char ***out, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(text, &ref, err) < 0)
        return err->code;
    struct listing l = {.r = r, .call = call, .ref = &ref};
    if (tenon_endpoints_try(r, call, &ref, tags_from, &l, err) < 0) {
        tenon_strv_free(l.tags);
        return err->code;
    }
    if (l.count)
        qsort(l.tags, l.count, sizeof *l.tags, tenon_by_text);
    *out = l.tags;
    return 0;
}

/* ---- referrers --------------------------------------------------------------------------- */

static int
referrers_from(void *data, struct tenon_endpoint *e, struct tenon_error *err)
{
    struct listing *l = data;
    auto_response struct tenon_http_response res = {0};
    auto_free char *url = tenon_endpoint_url(e, "referrers", l->digest);
    auto_free char *tag = tenon_asprintf("sha256-%s", l->digest + strlen("sha256:"));
    bool is_there = false;
    tenon_buf_clear(l->found);
    if (get(l, e, url, &res, &is_there, err) < 0)
        return err->code;
    l->by_tag = !is_there;
    if (!is_there) { /* it has no such API (distribution-spec, "Unavailable Referrers API") */
        auto_free char *by_tag = tenon_endpoint_url(e, "manifests", tag);
        tenon_http_response_release(&res);
        if (get(l, e, by_tag, &res, &is_there, err) < 0)
            return err->code;
    }
    if (is_there)
        tenon_buf_add(l->found, res.body.data, res.body.len);
    return 0;
}

int
tenon_registry_referrers(struct tenon_registry *r, const struct tenon_registry_call *call,
                         const char *text, const char *digest, struct tenon_buf *out,
                         bool *by_tag, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(text, &ref, err) < 0)
        return err->code;
    struct listing l = {.r = r, .call = call, .ref = &ref, .digest = digest, .found = out};
    int rc = tenon_endpoints_try(r, call, &ref, referrers_from, &l, err);
    *by_tag = l.by_tag;
    return rc;
}

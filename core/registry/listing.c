/* registry/listing.c - what a registry has: tags of a repository, and what refers to a manifest. */
#include <string.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"
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
    bool mirrors_lack_it;
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
        const char *text = json_object_is_type(tag, json_type_string)
                               ? json_object_get_string(tag) : "";
        if (tenon_reference_tag_ok(text) &&
            strlen(text) == (size_t)json_object_get_string_len(tag))
            l->tags[l->count++] = tenon_strdup(text);
    }
    l->tags[l->count] = NULL;
    return 0;
}

/* Where the rest is: <PATH?QUERY>; rel="next".  On this endpoint, whatever host it names: a
 * registry behind a proxy names itself. NULL: this was the last page. */
static char *
next_page(const char *first, const char *link)
{
    const char *end = link && *link == '<' ? strchr(link, '>') : NULL;
    if (!end || !strstr(end, "next"))
        return NULL;
    auto_free char *url = tenon_strndup(link + 1, (size_t)(end - link - 1));
    const char *query = strchr(url, '?');
    if (!query)
        return NULL;
    return tenon_asprintf("%.*s%s", (int)strcspn(first, "?"), first, query);
}

/* To the next page; NULL after the last one, and where it would go round for ever. */
static void
turn(char **url, const char *first, const char *link)
{
    auto_free char *next = next_page(first, link);
    const bool again = tenon_streq(next, *url);
    free(*url);
    *url = again ? NULL : tenon_steal(&next);
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
        turn(&url, first, res.link);
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
    if (tenon_endpoints_try(r, call, &ref, false, tags_from, &l, err) < 0) {
        tenon_strv_free(l.tags);
        return err->code;
    }
    if (l.count)
        qsort(l.tags, l.count, sizeof *l.tags, tenon_by_text);
    *out = l.tags;
    return 0;
}

/* ---- referrers --------------------------------------------------------------------------- */

/* One more page, after those that were found. */
static int
add_referrers(struct listing *l, const struct tenon_buf *body, struct tenon_error *err)
{
    auto_json struct json_object *all = NULL, *more = NULL;
    struct json_object *to = NULL, *from = NULL;
    if (!l->found->len) {
        tenon_buf_add(l->found, body->data, body->len);
        return 0;
    }
    if (tenon_json_parse(l->found->data, l->found->len, DOCUMENT_MAX, &all, err) < 0 ||
        tenon_json_parse(tenon_buf_str(body), body->len, DOCUMENT_MAX, &more, err) < 0)
        return err->code;
    if (!json_object_is_type(all, json_type_object) ||
        !json_object_is_type(more, json_type_object) ||
        tenon_json_get_array(all, "manifests", &to, err) < 0 ||
        tenon_json_get_array(more, "manifests", &from, err) < 0 || !to)
        return tenon_error_set(err, TENON_E_CORRUPT, "list of referrers is none");
    for (size_t i = 0; from && i < json_object_array_length(from); i++)
        json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i)));
    tenon_buf_clear(l->found);
    tenon_json_write(l->found, all, false);
    return l->found->len <= DOCUMENT_MAX
               ? 0 : tenon_error_set(err, TENON_E_LIMIT, "list of referrers is too large");
}

static int
referrers_by_tag(struct listing *l, struct tenon_endpoint *e, struct tenon_error *err)
{
    auto_response struct tenon_http_response res = {0};
    auto_free char *tag = tenon_asprintf("sha256-%s", l->digest + strlen("sha256:"));
    auto_free char *url = tenon_endpoint_url(e, "manifests", tag);
    bool is_there = false;
    l->by_tag = true;
    if (get(l, e, url, &res, &is_there, err) < 0)
        return err->code;
    if (is_there)
        tenon_buf_add(l->found, res.body.data, res.body.len);
    if (is_there || !e->ns)
        return 0;
    l->mirrors_lack_it = true; /* they need not have all that the registry has */
    return tenon_error_set(err, TENON_E_NOT_FOUND, "referrers of %s: none here", l->digest);
}

static int
referrers_from(void *data, struct tenon_endpoint *e, struct tenon_error *err)
{
    struct listing *l = data;
    auto_free char *first = tenon_endpoint_url(e, "referrers", l->digest);
    auto_free char *url = tenon_strdup(first);
    tenon_buf_clear(l->found);
    l->by_tag = false;
    for (unsigned page = 0; url && page < PAGES_MAX; page++) {
        auto_response struct tenon_http_response res = {0};
        bool is_there = false;
        if (get(l, e, url, &res, &is_there, err) < 0)
            return err->code;
        if (!is_there && page == 0) /* distribution-spec, "Unavailable Referrers API" */
            return referrers_by_tag(l, e, err);
        if (!is_there)
            return tenon_error_set(err, TENON_E_CORRUPT, "referrers of %s: a page is missing",
                                   l->digest);
        if (add_referrers(l, &res.body, err) < 0)
            return tenon_error_context(err, "referrers of %s", l->digest);
        turn(&url, first, res.link);
    }
    return 0;
}

int
tenon_registry_referrers(struct tenon_registry *r, const struct tenon_registry_call *call,
                         const char *text, const char *digest, bool push,
                         struct tenon_buf *out, bool *by_tag, struct tenon_error *err)
{
    auto_reference struct tenon_reference ref = {0};
    if (tenon_reference_parse(text, &ref, err) < 0)
        return err->code;
    struct listing l = {.r = r, .call = call, .ref = &ref, .digest = digest, .found = out};
    int rc = tenon_endpoints_try(r, call, &ref, push, referrers_from, &l, err);
    *by_tag = l.by_tag;
    if (rc == TENON_E_NOT_FOUND && l.mirrors_lack_it) { /* and there is nothing but mirrors */
        tenon_error_release(err);
        rc = 0;
    }
    return rc;
}

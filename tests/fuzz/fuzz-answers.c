/* fuzz-answers - what registries and who gives their tokens say: lines at the head of answers,
 * challenges, tokens, redirects, errors, names of files.
 *
 * The input is three answers, NULs between them (of the registry, and two of who gives tokens),
 * each of them lines, an empty one, and a body.  The first byte chooses what the user has, and
 * whether the registry is reached by TLS. */
#define FUZZ_CORPUS "answers"

/* auth.c with another network. */
#define tenon_http_patiently fuzz_patiently
#include "../../core/registry/auth.c"
#undef tenon_http_patiently

#include "fuzz.h"
#include "registry/answer.h"
#include "registry/redirect.h"
#include "source-http/name.h"

struct network {
    const char *next, *end; /* answers that are left */
    bool tls;
    const char *realm;      /* where requests may go */
};
static struct network network;

/* The next answer, as libcurl would give it to http.c. */
static void
take_answer(struct tenon_http_response *r)
{
    const char *stop = memchr(network.next, '\0', (size_t)(network.end - network.next));
    const char *end = stop ? stop : network.end, *p = network.next;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = newline ? (size_t)(newline - p) + 1 : (size_t)(end - p);
        char *line = fuzz_copy(p, n);
        bool empty = *line == '\n' || *line == '\r';
        if (!empty)
            tenon_answer_line(r, line, n);
        free(line);
        p += n;
        if (empty)
            break;
    }
    tenon_buf_add(&r->body, p, (size_t)(end - p));
    network.next = stop ? stop + 1 : network.end;
}

/* No text of a server adds a line to a request, an error or a terminal. */
static void
one_line_only(const char *text)
{
    for (; text && *text; text++)
        tenon_assert((unsigned char)*text >= ' ' && *text != 127);
}

int
fuzz_patiently(struct tenon_http *h, const struct tenon_http_request *req,
               struct tenon_http_response *res, struct tenon_patience *p,
               int (*back)(void *data, struct tenon_error *err), struct tenon_error *err)
{
    (void)h, (void)p, (void)back, (void)err;
    tenon_assert(tenon_has_prefix(req->url, network.realm));
    if (network.tls) /* a password is on the way */
        tenon_assert(tenon_has_prefix(req->url, "https://"));
    tenon_assert(!req->authorization || !req->authorization[strcspn(req->authorization, "\r\n")]);
    tenon_assert(req->limit <= TOKEN_ANSWER_MAX);
    take_answer(res);
    return 0;
}

static int
have_credentials(void *data, const char *where, char **user, char **secret,
                 struct tenon_error *err)
{
    static const char *const users[] = {NULL, "user", IDENTITY_USER, BEARER_USER};
    (void)where, (void)err;
    *user = tenon_strdup(users[*(unsigned *)data]);
    *secret = *user ? tenon_strdup("secret") : NULL;
    return 0;
}

static void
authorize(const struct tenon_http_response *refused, unsigned who)
{
    static const char scope[] = "repository:a/b:pull";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_challenge struct tenon_challenge bearer = {0};
    struct tenon_registry r = {.o = {.credentials = have_credentials, .data = &who},
                               .lock = PTHREAD_MUTEX_INITIALIZER};
    struct tenon_registry_call call = {0};
    struct tenon_endpoint e = {
        .name = (char *)"registry.test", .scope_repo = (char *)"a/b", .repo = (char *)"a/b",
        .base = (char *)(network.tls ? "https://registry.test/v2" : "http://registry.test/v2"),
    };
    struct tenon_patience patience = {.over = true};

    tenon_challenge_find(refused->challenges, "Bearer", &bearer);
    network.realm = bearer.realm ? bearer.realm : "nowhere";
    int rc = tenon_auth_challenge(&r, &call, &e, scope, refused, &patience, &err);
    tenon_assert(rc >= 0 || err.message);
    auto_wipe char *header = tenon_auth_header(&r, &e, scope);
    tenon_assert(rc <= 0 || header);
    tenon_assert(!header || !header[strcspn(header, "\r\n")]);
    tenon_auth_free(&r);
}

static void
say_no(const struct tenon_http_response *res)
{
    static const char *const methods[] = {"GET", "PUT", "HEAD"};
    for (size_t i = 0; i < tenon_countof(methods); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_http_request req = {.method = methods[i], .url = "https://registry.test/v2/"};
        tenon_registry_status_error(&req, res, "registry.test/a/b:c", &err);
        one_line_only(err.message);
    }
    (void)tenon_retry_after(res->retry_after, res->date);
}

static void
go_elsewhere(const struct tenon_http_response *res)
{
    static const char here[] = "https://registry.test:443/v2/a/blobs/uploads/";
    struct tenon_http_request req = {.method = "PUT", .url = here, .secret_body = true};
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *to = res->location;
    bool as_get;
    if (!to)
        return;
    (void)tenon_redirect_wanted(req.method, res->status, &as_get);
    bool may = tenon_redirect_check(&req, here, to, &err) == 0;
    tenon_assert(!may || !tenon_has_prefix(to, "http://"));
    tenon_assert(!tenon_redirect_is_home(here, to) || tenon_has_prefix(to, "https://") ||
                 strncasecmp(to, "https://", 8) == 0);
    auto_free char *with_tls = tenon_redirect_with_tls(here, to);
    tenon_assert(!with_tls || tenon_has_prefix(with_tls, "https://"));
    (void)tenon_url_same_origin(here, to);
    (void)tenon_host_is_loopback(to);
}

static void
name_file(const struct tenon_http_response *res)
{
    auto_free char *name = http_file_name(NULL, res->content_disposition, res->location);
    tenon_assert(*name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/'));
    one_line_only(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (size == 0)
        return 0;
    tenon_assert(tenon_libcurl(&err) == 0);
    char *text = fuzz_copy(data + 1, size - 1);
    auto_response struct tenon_http_response res = {0};
    network = (struct network){.next = text, .end = text + size - 1, .tls = data[0] & 4};
    take_answer(&res);
    say_no(&res);
    go_elsewhere(&res);
    name_file(&res);
    authorize(&res, data[0] & 3);
    free(text);
    return 0;
}

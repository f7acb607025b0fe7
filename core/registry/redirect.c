/* registry/redirect.c - see redirect.h.
 *
 * RFC 9110, 15.4: 301, 302, 307 and 308 are for the same request elsewhere. That a POST may
 * become a GET for 301 and 302 is a tolerance for browsers; a registry would lose an upload by
 * it. */
#include "registry/redirect.h"

#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/conceal.h"
#include "registry/url.h"

bool
tenon_redirect_wanted(const char *method, long status, bool *as_get)
{
    *as_get = status == 303 && !tenon_streq(method, "GET") && !tenon_streq(method, "HEAD");
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

int
tenon_redirect_check(const struct tenon_http_request *req, const char *from, const char *to,
                     struct tenon_error *err)
{
    auto_free char *first = tenon_url_conceal(req->url);
    auto_free char *next = tenon_url_conceal(to);
    bool clear = req->in_clear || (req->tls && req->tls->insecure);
    if (tenon_has_prefix(from, "https:") && !tenon_has_prefix(to, "https:") && !clear)
        return tenon_error_set(err, TENON_E_DENIED, "failed to do request: \"%s\": redirected "
                               "from https to \"%s\"", first, next);
    if (req->secret_body && !tenon_redirect_is_home(from, to))
        return tenon_error_set(err, TENON_E_DENIED, "failed to do request: \"%s\": redirected "
                               "to \"%s\", which is another server", first, next);
    return 0;
}

/* The host of a URL when its port is the scheme's usual one. */
static char *
usual_host(const char *url, const char *scheme, const char *port)
{
    size_t len;
    if (strncasecmp(url, scheme, strlen(scheme)) != 0)
        return NULL;
    const char *p = tenon_url_authority(url, &len);
    auto_free char *host = tenon_strndup(p, len);
    if (tenon_has_suffix(host, port))
        host[strlen(host) - strlen(port)] = '\0';
    const char *colon = *host == '[' ? strstr(host, "]:") : strchr(host, ':');
    return colon ? NULL : tenon_steal(&host);
}

bool
tenon_redirect_is_home(const char *from, const char *to)
{
    if (tenon_url_same_origin(from, to))
        return true;
    auto_free char *plain = usual_host(from, "http://", ":80");
    auto_free char *tls = usual_host(to, "https://", ":443");
    return plain && tls && *plain && strcasecmp(plain, tls) == 0;
}

char *
tenon_redirect_with_tls(const char *from, const char *to)
{
    size_t from_len, to_len;
    if (!tenon_has_prefix(from, "https://") || !tenon_has_prefix(to, "http://"))
        return NULL;
    const char *a = tenon_url_authority(from, &from_len), *b = tenon_url_authority(to, &to_len);
    if (from_len == to_len && strncasecmp(a, b, to_len) == 0)
        return tenon_asprintf("https%s", to + strlen("http"));
    auto_free char *plain = usual_host(to, "http://", ":80");
    auto_free char *tls = usual_host(from, "https://", ":443");
    if (!plain || !tls || strcasecmp(plain, tls) != 0)
        return NULL;
    return tenon_asprintf("https://%s%s", tls, b + to_len);
}

/* registry/url.c - see url.h. */
#include "registry/url.h"

#include <string.h>

#include "registry/libcurl.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/cleanup.h"

const char *
tenon_url_authority(const char *url, size_t *len)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    *len = strcspn(p, "/?#");
    const char *at = memrchr(p, '@', *len);
    if (!at)
        return p;
    *len -= (size_t)(at + 1 - p);
    return at + 1;
}

bool
tenon_host_is_loopback(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    auto_free char *name = tenon_strndup(host, len);
    if (tenon_streq(name, "localhost") || tenon_streq(name, "[::1]"))
        return true;
    return tenon_has_prefix(name, "127.") &&
           name[strspn(name, "0123456789.")] == '\0';
}

/* scheme, host and port of a URL, in one spelling; "" when it is none. */
static char *
origin(const char *url)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    /* libcurl reads "https:/host" and "https:///host" as well, which others take for a path. */
    const char *rest = strstr(url, "://");
    if (!rest || rest[3] == '/' || tenon_libcurl(&ignored) < 0)
        return tenon_strdup("");
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *out = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        out = tenon_lower(tenon_asprintf("%s://%s:%s", scheme, host, port));
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return out ? out : tenon_strdup("");
}

bool
tenon_url_same_origin(const char *a, const char *b)
{
    auto_free char *x = origin(a);
    auto_free char *y = origin(b);
    return *x && tenon_streq(x, y);
}

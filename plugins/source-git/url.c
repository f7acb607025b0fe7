/* source-git/url.c - see conn.h. */
#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/buf.h"
#include "tools/path.h"
#include "conn.h"

bool
gs_conn_allowed(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "ssh://", "git://"};
    char *user, *host, *port, *path;
    for (size_t i = 0; i < tenon_countof(schemes); i++)
        if (tenon_has_prefix(url, schemes[i]))
            return true;
    if (!gs_url_ssh(url, &user, &host, &port, &path))
        return false;
    free(user);
    free(host);
    free(port);
    free(path);
    return true;
}

/* scheme://host:port in lower case with the port written out. */
static char *
origin(const char *url)
{
    const char *host = strstr(url, "://");
    if (!host)
        return tenon_strdup("");
    size_t scheme = (size_t)(host - url);
    host += 3;
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    const char *close = *host == '[' ? memchr(host, ']', len) : host;
    bool port = close && memchr(close, ':', len - (size_t)(close - host));
    return tenon_lower(tenon_asprintf("%.*s://%.*s%s", (int)scheme, url, (int)len, host,
                                      port ? "" : scheme == 5 ? ":443" : ":80"));
}

bool
gs_url_same_origin(const char *a, const char *b)
{
    auto_free char *x = origin(a);
    auto_free char *y = origin(b);
    return *x && !strcmp(x, y);
}

/* What ssh would take for an option is refused. */
static bool
word_ok(const char *s, size_t len)
{
    return len > 0 && *s != '-' && memchr(s, '\n', len) == NULL;
}

bool
gs_url_ssh(const char *url, char **user, char **host, char **port, char **path)
{
    const char *p, *end, *rest;
    if (tenon_has_prefix(url, "ssh://")) {
        p = url + strlen("ssh://");
        end = p + strcspn(p, "/");
        rest = end;
        if (rest[0] == '/' && rest[1] == '~')
            rest++;
    } else {
        if (strstr(url, "://"))
            return false;
        p = url;
        end = p + strcspn(p, ":/");
        if (*end != ':' || !memchr(p, '@', (size_t)(end - p)))
            return false;
        rest = end + 1;
    }
    const char *at = memrchr(p, '@', (size_t)(end - p));
    const char *name = at ? at + 1 : p;
    const char *colon = memchr(name, ':', (size_t)(end - name));
    const char *name_end = colon ? colon : end;
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (!*rest || !word_ok(name, (size_t)(name_end - name)) ||
        (at && !word_ok(p, (size_t)(at - p))) || (colon && colon + 1 + digits != end))
        return false;
    *user = at ? tenon_strndup(p, (size_t)(at - p)) : NULL;
    *host = tenon_strndup(name, (size_t)(name_end - name));
    *port = colon ? tenon_strndup(colon + 1, digits) : tenon_strdup("");
    *path = tenon_strdup(rest);
    return true;
}

char *
gs_url_resolve(const char *base, const char *url)
{
    if (!tenon_has_prefix(url, "./") && !tenon_has_prefix(url, "../"))
        return gs_conn_allowed(url) ? tenon_strdup(url) : NULL;
    auto_free char *at = tenon_strdup(base);
    size_t len = strlen(at);
    while (len && at[len - 1] == '/')
        at[--len] = '\0';
    const char *scheme = strstr(at, "://");
    /* what ".." cannot take away: "https://host", "git@host:" */
    size_t fixed = scheme ? (size_t)(scheme + 3 - at) : 0;
    fixed += scheme ? strcspn(at + fixed, "/") : strcspn(at, ":") + 1;
    if (fixed > len)
        return NULL;
    while (tenon_has_prefix(url, "./") || tenon_has_prefix(url, "../")) {
        bool up = url[1] == '.';
        url += up ? 3 : 2;
        if (!up)
            continue;
        char *slash = memrchr(at + fixed, '/', strlen(at + fixed));
        if (slash)
            *slash = '\0';
        else if (at[fixed])
            at[fixed] = '\0';
        else
            return NULL;
    }
    bool joined = !scheme && at[fixed] == '\0';
    return tenon_asprintf("%s%s%s", at, joined ? "" : "/", url);
}

char *
gs_shell_quote(const char *s)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_addc(&b, '\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '!')
            tenon_buf_addf(&b, "'\\%c'", *s);
        else
            tenon_buf_addc(&b, *s);
    }
    tenon_buf_addc(&b, '\'');
    return tenon_buf_steal(&b);
}

bool
gs_url_in_scope(const char *remote, const char *url)
{
    static const char *const hubs[] = {"https://github.com/", "https://www.github.com/"};
    for (size_t i = 0; i < tenon_countof(hubs); i++)
        if (tenon_has_prefix(remote, hubs[i]))
            return tenon_has_prefix(url, hubs[i]);
    size_t len = strlen(remote);
    return tenon_has_prefix(url, remote) &&
           (url[len] == '\0' || url[len] == '/' || (len && remote[len - 1] == '/'));
}

/* source-http/name.c - see name.h. */
#include "name.h"

#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "tools/path.h"

static char *
unescape(const char *s, size_t len)
{
    char *out = tenon_strndup(s, len), *w = out;
    for (const char *r = out; *r; r++) {
        int high = *r == '%' ? tenon_hex_digit(r[1]) : -1;
        int low = high >= 0 ? tenon_hex_digit(r[2]) : -1;
        if (low >= 0 && (high || low)) {
            *w++ = (char)(high * 16 + low);
            r += 2;
        } else {
            *w++ = *r;
        }
    }
    *w = '\0';
    return out;
}

/* The last component, if that can name a file. */
static char *
safe(const char *s)
{
    auto_free char *clean = tenon_strdup(s);
    char *w = clean;
    for (const char *r = clean; *r; r++)
        if ((unsigned char)*r >= 0x20 && *r != 0x7f)
            *w++ = *r;
    while (w > clean && (w[-1] == '/' || w[-1] == ' '))
        w--;
    *w = '\0';
    const char *base = strrchr(clean, '/');
    base = base ? base + 1 : clean;
    base += strspn(base, " ");
    if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
        return NULL;
    return tenon_strdup(base);
}

/* One `; name=value` or `; name="value"` of a header (RFC 6266); *p goes past
 * it.  False at the end, or where it is malformed. */
static bool
next_parameter(const char **p, const char **name, size_t *name_len, char **value)
{
    const char *s = *p + strspn(*p, " \t");
    if (*s != ';')
        return false;
    s++;
    s += strspn(s, " \t");
    *name = s;
    *name_len = strcspn(s, "=; \t");
    s += *name_len;
    s += strspn(s, " \t");
    if (*s++ != '=')
        return false;
    s += strspn(s, " \t");
    if (*s != '"') {
        size_t len = strcspn(s, "; \t");
        *value = tenon_strndup(s, len);
        *p = s + len;
        return true;
    }
    char *out = tenon_strdup(++s), *w = out;
    for (; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
        *w++ = *s;
    }
    *w = '\0';
    *value = out;
    *p = *s ? s + 1 : s;
    return true;
}

static char *
from_disposition(const char *header)
{
    const char *p = header + strcspn(header, "; \t"), *name;
    size_t len;
    char *value = NULL;
    auto_free char *plain = NULL;
    auto_free char *extended = NULL;
    while (next_parameter(&p, &name, &len, &value)) {
        char **to = NULL;
        if (len == 8 && !strncasecmp(name, "filename", len))
            to = &plain;
        else if (len == 9 && !strncasecmp(name, "filename*", len))
            to = &extended;
        if (to && !*to)
            *to = value;
        else
            free(value);
    }
    /* filename*=utf-8'en'%e2%82%ac%20rates */
    const char *quote = extended ? strchr(extended, '\'') : NULL;
    quote = quote ? strchr(quote + 1, '\'') : NULL;
    if (!plain && quote && !strncasecmp(extended, "utf-8'", 6))
        plain = unescape(quote + 1, strlen(quote + 1));
    if (!plain || !*plain || tenon_has_suffix(plain, "/"))
        return NULL;
    return safe(plain);
}

static char *
from_url(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    const char *path = strpbrk(host, "/?#");
    if (!path || *path != '/')
        return NULL;
    auto_free char *plain = unescape(path, strcspn(path, "?#"));
    auto_free char *clean = tenon_path_clean(plain);
    return safe(clean);
}

char *
http_file_name(const char *wanted, const char *disposition, const char *url)
{
    char *name = NULL;
    if (wanted && *wanted) {
        name = safe(wanted);
        return name ? name : tenon_strdup("download");
    }
    if (disposition)
        name = from_disposition(disposition);
    if (!name && url)
        name = from_url(url);
    return name ? name : tenon_strdup("download");
}

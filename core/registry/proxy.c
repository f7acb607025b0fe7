/* registry/proxy.c - see proxy.h. */
#include "registry/proxy.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/parse.h"
#include "registry/url.h"

struct target {
    char *host; /* lower case, without brackets */
    char *port; /* as text */
    int family; /* of an address; 0: a name */
    unsigned char address[16];
};

static int
parse_address(const char *text, unsigned char address[16])
{
    if (inet_pton(AF_INET, text, address) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, text, address) == 1 ? AF_INET6 : 0;
}

/* "host", "host:port", "[address]:port" in two; *port is NULL when there is none. */
static void
split(const char *text, size_t len, char **host, char **port)
{
    auto_free char *all = tenon_strndup(text, len);
    char *colon = strrchr(all, ':');
    bool bracket = *all == '[' && strchr(all, ']');
    *port = NULL;
    if (bracket) {
        char *end = strchr(all, ']');
        if (end[1] == ':')
            *port = tenon_strdup(end + 2);
        *host = tenon_strndup(all + 1, (size_t)(end - all - 1));
    } else if (colon && strchr(all, ':') == colon) {
        *port = tenon_strdup(colon + 1);
        *host = tenon_strndup(all, (size_t)(colon - all));
    } else { /* a name, or an IPv6 address without brackets */
        *host = tenon_strdup(all);
    }
    tenon_lower(*host);
}

static bool
in_network(const struct target *t, const char *network, const char *bits)
{
    unsigned char base[16];
    uint64_t n;
    int family = parse_address(network, base);
    if (!family || family != t->family || !tenon_parse_u64(bits, 10, &n) ||
        n > (family == AF_INET ? 32 : 128))
        return false;
    for (size_t i = 0; n > 0; i++) {
        unsigned take = n > 8 ? 8 : (unsigned)n;
        unsigned mask = 0xff00 >> take & 0xff;
        if ((base[i] & mask) != (t->address[i] & mask))
            return false;
        n -= take;
    }
    return true;
}

/* One word of NO_PROXY. */
static bool
is_excepted(const struct target *t, const char *word, size_t len)
{
    if (len == 1 && *word == '*')
        return true;
    const char *slash = memchr(word, '/', len);
    if (slash) {
        auto_free char *network = tenon_strndup(word, (size_t)(slash - word));
        auto_free char *bits = tenon_strndup(slash + 1, len - (size_t)(slash - word) - 1);
        return in_network(t, network, bits);
    }
    auto_free char *host = NULL;
    auto_free char *port = NULL;
    unsigned char address[16];
    split(word, len, &host, &port);
    if (!*host || (port && !tenon_streq(port, t->port)))
        return false;
    int family = parse_address(host, address);
    if (family || t->family)
        return family == t->family &&
               memcmp(address, t->address, family == AF_INET ? 4 : 16) == 0;
    /* "example.org": it and what is below; ".example.org", "*.example.org": what is below */
    const char *name = host[0] == '*' && host[1] == '.' ? host + 1 : host;
    if (*name != '.' && tenon_streq(t->host, name))
        return true;
    size_t tail = strlen(name), all = strlen(t->host), dot = *name != '.';
    return all > tail + dot && strcmp(t->host + all - tail, name) == 0 &&
           (!dot || t->host[all - tail - 1] == '.');
}

const char *
tenon_proxy_for(const struct tenon_http_settings *s, const char *url)
{
    bool tls = strncasecmp(url, "https:", 6) == 0;
    const char *proxy = tls ? s->proxy_https : s->proxy_http;
    size_t len;
    const char *authority = tenon_url_authority(url, &len);
    auto_free char *text = tenon_strndup(authority, len);
    if (!proxy || !*proxy || tenon_host_is_loopback(text))
        return "";
    struct target t = {0};
    split(authority, len, &t.host, &t.port);
    if (!t.port)
        t.port = tenon_strdup(tls ? "443" : "80");
    t.family = parse_address(t.host, t.address);
    for (const char *p = s->no_proxy ? s->no_proxy : ""; *p && *proxy;) {
        p += strspn(p, ", \t");
        size_t word = strcspn(p, ", \t");
        if (word && is_excepted(&t, p, word))
            proxy = "";
        p += word;
    }
    free(t.host);
    free(t.port);
    return proxy;
}

/* tools/conceal.c - see conceal.h.
 *
 * It looks into any text, since a URL comes in sentences, in lines of a build file and in the
 * words of servers and libraries, and one that was missed is a secret that is out. */
#include "conceal.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "alloc.h"
#include "ascii.h"

#define MASK "xxxxx"

static bool
is_scheme(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '+' || c == '-' || c == '.';
}

/* Where the URL that `p` is in ends at the latest. */
static size_t
span(const char *p, const char *end)
{
    const char *q = p;
    while (q < end && (unsigned char)*q > ' ' && *q != '"' && *q != '<' && *q != '>')
        q++;
    return (size_t)(q - p);
}

static size_t
span_of_authority(const char *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] != '/' && p[n] != '?' && p[n] != '#')
        n++;
    return n;
}

static bool
is_port(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    return true;
}

/* A name is no longer than DNS has them, nor is an address. What is behind an "@" is looked at no
 * further: a word may have very many of them. */
enum { HOST_MAX = 253, PORT_MAX = 6 /* with its colon */ };

/* The bytes of "[::1]" at p; 0: that is not one. */
static size_t
span_of_ipv6(const char *p, size_t len)
{
    size_t n = 1;
    if (!len || *p != '[')
        return 0;
    while (n < len && n < HOST_MAX && (tenon_hex_digit(p[n]) >= 0 || p[n] == ':' || p[n] == '.'))
        n++;
    if (n < len && p[n] == '%') /* eth0 */
        while (n < len && n < HOST_MAX && (is_scheme(p[n]) || p[n] == '%' || p[n] == '_'))
            n++;
    return n > 2 && n < len && p[n] == ']' ? n + 1 : 0;
}

/* "example.org", "10.0.0.1", "localhost", "[::1]", with a port or without: a host, and not a
 * version or the name of a scope, as paths have them behind an "@". */
static bool
is_host(const char *p, size_t len)
{
    const size_t most = HOST_MAX + PORT_MAX, ipv6 = span_of_ipv6(p, len);
    const size_t authority = span_of_authority(p, len < most ? len : most + 1);
    if (authority > most)
        return false;
    const char *end = p + authority, *colon = memchr(p + ipv6, ':', authority - ipv6);
    if (colon && !is_port(colon + 1, (size_t)(end - (colon + 1))))
        return false;
    if (colon)
        end = colon;
    if (ipv6)
        return end == p + ipv6;
    size_t dots = 0, digits = 0, letters = 0; /* letters of the last label */
    for (const char *q = p; q < end; q++) {
        const bool is_letter = (*q >= 'a' && *q <= 'z') || (*q >= 'A' && *q <= 'Z');
        const bool is_digit = *q >= '0' && *q <= '9';
        if (!is_letter && !is_digit && *q != '.' && *q != '-')
            return false;
        dots += *q == '.';
        digits += is_digit;
        letters = *q == '.' ? 0 : letters + is_letter;
    }
    const size_t n = (size_t)(end - p);
    return (n == 9 && !strncasecmp(p, "localhost", 9)) || (dots && letters >= 2) ||
           (dots == 3 && digits + dots == n);
}

/* Of NAME:DIGITS/...@HOST: the last such "@", or NULL. It is a password if that is what stands
 * before a host: a port is, too, but then there is seldom a host in the path, and to show less is
 * no harm. */
static const char *
end_of_password_like_port(const char *p, size_t authority, size_t len)
{
    const char *inner = memmem(p + authority, len - authority, "://", 3), *at;
    const char *const begin = p + authority;
    for (size_t n = inner ? (size_t)(inner - begin) : len - authority;
         (at = memrchr(begin, '@', n)); n = (size_t)(at - begin))
        if (is_host(at + 1, len - (size_t)(at + 1 - p)))
            return at;
    return NULL;
}

/* What follows the "@" of an image that is named by its digest. */
static bool
is_digest(const char *p, size_t len)
{
    enum { DIGITS = 64 };
    static const char head[] = "sha256:";
    const size_t n = sizeof head - 1;
    if (len < n + DIGITS || memcmp(p, head, n))
        return false;
    for (size_t i = n; i < n + DIGITS; i++)
        if (tenon_hex_digit(p[i]) < 0)
            return false;
    return true;
}

/* The "@" that ends a user's name and password, or NULL. Also in a URL that is none, because
 * the password has a slash in it: who refuses that prints it. */
static const char *
end_of_user(const char *p, size_t len)
{
    size_t authority = span_of_authority(p, len);
    if (!len)
        return NULL;
    const char *at = memrchr(p, '@', authority);
    if (at && is_digest(at + 1, len - (size_t)(at + 1 - p))) {
        authority = len = (size_t)(at - p);
        at = memrchr(p, '@', len);
    }
    if (!len)
        return NULL;
    const char *colon = *p == '[' ? NULL : memchr(p, ':', authority);
    if (at || !colon)
        return at;
    return is_port(colon + 1, authority - (size_t)(colon + 1 - p))
               ? end_of_password_like_port(p, authority, len)
               : memrchr(p, '@', len);
}

static bool
names_secret(const char *name, size_t len)
{
    static const char *const parts[] = { "token", "secret", "passw", "pwd", "sig", "auth", "cred",
                                         "apikey", "api_key", "api-key", "accesskey", "access_key",
                                         "jwt" };
    static const char *const whole[] = { "key", "pass", "pw", "sas", "code", "_state" };
    for (size_t i = 0; i < tenon_countof(whole); i++)
        if (len == strlen(whole[i]) && !strncasecmp(name, whole[i], len))
            return true;
    for (size_t i = 0; i < tenon_countof(parts); i++)
        for (size_t at = 0, n = strlen(parts[i]); at + n <= len; at++)
            if (!strncasecmp(name + at, parts[i], n))
                return true;
    return false;
}

/* The value of a parameter may be a URL itself, and then has its "://" and "@" as "%3A". One with
 * nothing to hide stays as it is. */
static bool
add_coded(struct tenon_buf *out, const char *p, size_t len)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT, shown = TENON_BUF_INIT;
    if (!memchr(p, '%', len))
        return false;
    for (size_t i = 0; i < len; i++) {
        const int high = p[i] == '%' && i + 2 < len ? tenon_hex_digit(p[i + 1]) : -1;
        const int low = high >= 0 ? tenon_hex_digit(p[i + 2]) : -1;
        tenon_buf_addc(&plain, low >= 0 ? (char)(high * 16 + low) : p[i]);
        i += low >= 0 ? 2 : 0;
    }
    tenon_url_conceal_bytes(&shown, plain.data, plain.len);
    if (shown.len == plain.len && !memcmp(shown.data, plain.data, plain.len))
        return false;
    for (size_t i = 0; i < shown.len; i++) {
        const char c = shown.data[i];
        if (is_scheme(c) || c == '_' || c == '~')
            tenon_buf_addc(out, c);
        else
            tenon_buf_addf(out, "%%%02X", (unsigned char)c);
    }
    return true;
}

/* What follows "?" or "#": NAME=VALUE&... */
static void
add_parameters(struct tenon_buf *out, const char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = i;
        while (n < len && p[n] != '&' && p[n] != ';' && p[n] != '?' && p[n] != '#')
            n++;
        const char *equals = memchr(p + i, '=', n - i);
        size_t name = equals ? (size_t)(equals - (p + i)) : 0;
        const size_t value = equals ? name + 1 : 0;
        if (equals && value < n - i && names_secret(p + i, name)) {
            tenon_buf_addf(out, "%.*s=" MASK, (int)name, p + i);
        } else {
            tenon_buf_add(out, p + i, value);
            if (!add_coded(out, p + i + value, n - i - value))
                tenon_buf_add(out, p + i + value, n - i - value);
        }
        if (n < len)
            tenon_buf_addc(out, p[n++]);
        i = n;
    }
}

/* `p` is behind "://". */
static void
add_url(struct tenon_buf *out, const char *p, size_t len, bool ssh)
{
    const char *at = end_of_user(p, len);
    if (at) {
        const char *colon = memchr(p, ':', (size_t)(at - p));
        size_t user = (size_t)((colon ? colon : at) - p);
        if (ssh && user)
            tenon_buf_add(out, p, user);
        else if (user)
            tenon_buf_adds(out, MASK);
        if (colon)
            tenon_buf_adds(out, ":" MASK);
        len -= (size_t)(at - p);
        p = at;
    }
    size_t plain = 0;
    while (plain < len && p[plain] != '?' && p[plain] != '#')
        plain++;
    tenon_buf_add(out, p, plain);
    add_parameters(out, p + plain, len - plain);
}

/* ---- USER:PASSWORD@HOST:PATH, as git has it for ssh ------------------------------------ */

/* "bar.c:12": a line of a file, as compilers have it. Elsewhere a number alone is shown as little
 * as a path is: what is before "@proxy.example.org:3128" is a password. The endings are those of
 * no domain. */
static bool
is_line_of_file(const char *name, size_t name_len, const char *behind, size_t len)
{
    static const char *const endings[] = { "c", "h", "cpp", "hpp", "cxx", "go", "js",
                                           "ts", "java", "rb", "lua", "kt" };
    const char *dot = memrchr(name, '.', name_len);
    size_t digits = 0;
    while (digits < len && is_port(behind + digits, 1))
        digits++;
    if (!dot || !digits || (digits < len && !strchr(":.,;)", behind[digits])))
        return false;
    const size_t n = name_len - (size_t)(dot + 1 - name);
    for (size_t i = 0; i < tenon_countof(endings); i++)
        if (strlen(endings[i]) == n && !memcmp(endings[i], dot + 1, n))
            return true;
    return false;
}

/* A name or an address with a path behind it; "sha256:..." is of an image. */
static bool
is_scp_host(const char *p, size_t len)
{
    const size_t ipv6 = span_of_ipv6(p, len);
    if (ipv6)
        return ipv6 + 1 < len && p[ipv6] == ':';
    const char *colon = memchr(p, ':', len < HOST_MAX ? len : HOST_MAX + 1);
    const size_t n = colon ? (size_t)(colon - p) : 0;
    if (!n || n + 1 == len || (n > 3 && !memcmp(p, "sha", 3) && is_port(p + 3, n - 3)) ||
        is_line_of_file(p, n, colon + 1, len - n - 1))
        return false;
    bool has_letter = false;
    for (size_t i = 0; i < n; i++) {
        if ((!is_scheme(p[i]) && p[i] != '_') || p[i] == '+')
            return false;
        has_letter = has_letter || (p[i] >= 'A');
    }
    return has_letter || is_host(p, n); /* "1.2.3" is a version */
}

/* Attributes have such names, and their value follows "=". */
static bool
is_kind_of_attribute(const char *p, size_t len)
{
    static const char *const kinds[] = { "build-arg", "context", "label", "input", "opt", "attr" };
    for (size_t i = 0; i < tenon_countof(kinds); i++)
        if (strlen(kinds[i]) == len && !memcmp(kinds[i], p, len))
            return true;
    return false;
}

/* The first colon that a name is before, and where the name begins; NULL: there is none. */
static const char *
end_of_name(const char *p, size_t len, const char **name)
{
    const char *colon = p, *const end = p + len;
    while ((colon = memchr(colon, ':', (size_t)(end - colon)))) {
        const char *at = colon;
        while (at > p && (is_scheme(at[-1]) || at[-1] == '_'))
            at--;
        *name = at;
        if (at < colon)
            break;
        colon++;
    }
    return colon;
}

static void
add_word(struct tenon_buf *out, const char *p, size_t len)
{
    const char *user = NULL, *colon;
    for (;;) {
        colon = end_of_name(p, len, &user);
        const char *equals = colon ? memchr(colon, '=', len - (size_t)(colon - p)) : NULL;
        if (!equals || !is_kind_of_attribute(user, (size_t)(colon - user)))
            break;
        const size_t n = (size_t)(equals + 1 - p);
        tenon_buf_add(out, p, n);
        p += n;
        len -= n;
    }
    const char *at = p + len;
    while (colon && (at = memrchr(colon, '@', (size_t)(at - colon))))
        if (is_scp_host(at + 1, len - (size_t)(at + 1 - p)))
            break;
    if (colon && at && at > colon + 1) {
        tenon_buf_add(out, p, (size_t)(colon + 1 - p));
        tenon_buf_adds(out, MASK);
        len -= (size_t)(at - p);
        p = at;
    }
    tenon_buf_add(out, p, len);
}

/* Text in which there is no "://". */
static void
add_words(struct tenon_buf *out, const char *p, size_t len)
{
    const char *const end = p + len;
    while (p < end) {
        const size_t n = span(p, end);
        if (memchr(p, '@', n))
            add_word(out, p, n);
        else
            tenon_buf_add(out, p, n);
        p += n;
        if (p < end)
            tenon_buf_addc(out, *p++);
    }
}

static void
add_plain(struct tenon_buf *out, const char *p, size_t len)
{
    tenon_buf_add(out, p, len);
}

static void
add_text(struct tenon_buf *out, const char *text, size_t len, bool urls_alone)
{
    const char *p = text, *end = text + len;
    const char *word = text, *last = NULL; /* where the one of the last URL ends, its last "@" */
    void (*add_rest)(struct tenon_buf *, const char *, size_t) = urls_alone ? add_plain : add_words;
    if (len > 2 && text[0] == '/' && text[1] == '/') { /* as a server may say where to go */
        const size_t n = span(text + 2, end);
        if (!memmem(text + 2, n, "://", 3)) {
            tenon_buf_adds(out, "//");
            add_url(out, text + 2, n, false);
            p = word = text + 2 + n;
        }
    }
    for (const char *found; (found = memmem(p, (size_t)(end - p), "://", 3));) {
        const char *scheme = found, *url = found + 3;
        while (scheme > p && is_scheme(scheme[-1]))
            scheme--;
        if (url > word) {
            word = url + span(url, end);
            last = memrchr(url, '@', (size_t)(word - url));
        }
        size_t n = (size_t)(word - url);
        add_rest(out, p, (size_t)(scheme - p));
        tenon_buf_add(out, scheme, (size_t)(url - scheme));
        /* Of a URL in a parameter of another one, the inner one is looked at, too. */
        const char *at = last && last >= url ? end_of_user(url, n) : NULL;
        size_t front = at ? (size_t)(at - url) : 0;
        const char *inner = memmem(url + front, n - front, "://", 3);
        if (inner)
            n = (size_t)(inner - url);
        while (inner && n > 0 && is_scheme(url[n - 1]))
            n--;
        bool ssh = url - 3 - scheme >= 3 && !strncasecmp(url - 6, "ssh", 3);
        add_url(out, url, n, ssh);
        p = url + n;
        if (inner) {
            tenon_buf_add(out, p, (size_t)(inner - p));
            p = inner;
        }
    }
    add_rest(out, p, (size_t)(end - p));
}

void
tenon_url_conceal_bytes(struct tenon_buf *out, const char *text, size_t len)
{
    add_text(out, text, len, false);
}

char *
tenon_url_conceal_id(const char *id)
{
    struct tenon_buf out = TENON_BUF_INIT;
    if (!strstr(id, "://"))
        return tenon_strdup(id);
    add_text(&out, id, strlen(id), true);
    return tenon_buf_steal(&out);
}

bool
tenon_url_maybe(const char *text)
{
    return strchr(text, '@') || strstr(text, "://");
}

char *
tenon_url_conceal_n(const char *text, size_t len)
{
    struct tenon_buf out = TENON_BUF_INIT;
    tenon_url_conceal_bytes(&out, text, len);
    return out.data ? tenon_buf_steal(&out) : tenon_strdup("");
}

char *
tenon_url_conceal(const char *text)
{
    return tenon_url_conceal_n(text, strlen(text));
}

/* ---- names --------------------------------------------------------------------------- */

/* Is one of the words in name, alone or between '_'? */
static bool
has_word(const char *name, const char *const *words)
{
    for (;;) {
        size_t len = strcspn(name, "_");
        for (const char *const *w = words; *w; w++) {
            if (strlen(*w) == len && strncasecmp(name, *w, len) == 0)
                return true;
        }
        if (!name[len])
            return false;
        name += len + 1;
    }
}

bool
tenon_is_secret_name(const char *name)
{
    static const char *const secret[] = {
        "apikey", "auth",  "credential", "credentials", "key",  "password",
        "pword",  "passwd", "secret",     "token",       NULL};
    static const char *const harmless[] = {"public", "file", "version", NULL};
    return has_word(name, secret) && !has_word(name, harmless);
}

bool
tenon_is_doubtful_name(const char *name)
{
    static const char *const parts[] = {"token", "secret", "passw", "passphrase", "pwd",
                                        "credential", "apikey", "api_key", "api-key", "accesskey",
                                        "access_key", "jwt", NULL};
    static const char *const whole[] = {"pass", "pw", "sas", "sig", "cred", "creds", NULL};

    for (const char *const *p = parts; *p; p++)
        if (strcasestr(name, *p))
            return true;
    return has_word(name, whole) || tenon_is_secret_name(name);
}

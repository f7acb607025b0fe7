/* image/reference.c - image names as users write them.
 *
 * The grammar is that of github.com/distribution/reference: an optional domain
 * (the first component counts as one when it has a '.', a ':' or a capital, or
 * is "localhost"), lower-case path components, a tag and a digest. */
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "image/image.h"

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN "index.docker.io"
#define OFFICIAL "library/"
#define NAME_MAX_LEN 255
#define TAG_MAX_LEN 128

static bool
is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]+ joined by one '.', one or two '_' or any number of '-' */
static bool
component_ok(const char *s, size_t len)
{
    size_t i = 0;
    for (;;) {
        size_t start = i;
        while (i < len && is_lower_alnum(s[i]))
            i++;
        if (i == start)
            return false;
        if (i == len)
            return true;
        if (s[i] == '.') {
            i++;
        } else if (s[i] == '_') {
            i++;
            if (i < len && s[i] == '_')
                i++;
        } else if (s[i] == '-') {
            while (i < len && s[i] == '-')
                i++;
        } else {
            return false;
        }
    }
}

static bool
path_ok(const char *path)
{
    for (const char *p = path;; p++) {
        size_t len = strcspn(p, "/");
        if (!component_ok(p, len))
            return false;
        p += len;
        if (!*p)
            return true;
    }
}

static bool
label_ok(const char *s, size_t len)
{
    if (len == 0 || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool
domain_ok(const char *d)
{
    const char *p = d;
    if (*p == '[') {
        size_t len = strspn(p + 1, "0123456789abcdefABCDEF:");
        if (len == 0 || p[1 + len] != ']')
            return false;
        p += len + 2;
    } else {
        for (;;) {
            size_t len = strcspn(p, ".:");
            if (!label_ok(p, len))
                return false;
            p += len;
            if (*p != '.')
                break;
            p++;
        }
    }
    if (*p == '\0')
        return true;
    if (*p++ != ':')
        return false;
    return *p && p[strspn(p, "0123456789")] == '\0';
}

bool
tenon_reference_tag_ok(const char *tag)
{
    size_t len = strlen(tag);
    if (len == 0 || len > TAG_MAX_LEN)
        return false;
    if (!is_alnum(tag[0]) && tag[0] != '_')
        return false;
    for (size_t i = 1; i < len; i++)
        if (!is_alnum(tag[i]) && !strchr("_.-", tag[i]))
            return false;
    return true;
}

static bool
looks_like_id(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static bool
is_domain(const char *s, size_t len)
{
    if (len == strlen("localhost") && memcmp(s, "localhost", len) == 0)
        return true;
    for (size_t i = 0; i < len; i++)
        if (s[i] == '.' || s[i] == ':' || (s[i] >= 'A' && s[i] <= 'Z'))
            return true;
    return false;
}

static int
bad(struct tenon_error *err, const char *s)
{
    return tenon_error_set(err, TENON_E_INVALID,
                           "invalid reference format: \"%s\"", s);
}

/* `name` without tag and digest; fills domain and path. */
static int
split_name(const char *name, struct tenon_reference *r, const char *whole,
           struct tenon_error *err)
{
    const char *slash = strchr(name, '/');
    const char *rest = name;
    if (slash && is_domain(name, (size_t)(slash - name))) {
        r->domain = tenon_strndup(name, (size_t)(slash - name));
        rest = slash + 1;
        if (tenon_streq(r->domain, LEGACY_DOMAIN)) {
            free(r->domain);
            r->domain = tenon_strdup(DEFAULT_DOMAIN);
        }
    } else {
        r->domain = tenon_strdup(DEFAULT_DOMAIN);
    }
    bool official = tenon_streq(r->domain, DEFAULT_DOMAIN) && *rest &&
                    !strchr(rest, '/');
    r->path = tenon_asprintf("%s%s", official ? OFFICIAL : "", rest);

    for (const char *p = r->path; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            return tenon_error_set(err, TENON_E_INVALID,
                                   "invalid reference format: repository name "
                                   "(%s) must be lowercase", r->path);
    if (!domain_ok(r->domain) || !path_ok(r->path))
        return bad(err, whole);
    if (strlen(r->domain) + 1 + strlen(r->path) > NAME_MAX_LEN)
        return tenon_error_set(err, TENON_E_INVALID,
                               "repository name must not be more than %d "
                               "characters", NAME_MAX_LEN);
    return 0;
}

int
tenon_reference_parse(const char *s, struct tenon_reference *out,
                      struct tenon_error *err)
{
    if (!*s)
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid reference format: empty name");
    if (looks_like_id(s))
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid repository name (%s), cannot specify "
                               "64-byte hexadecimal strings", s);

    struct tenon_reference r = {0};
    auto_free char *name = tenon_strdup(s);
    char *at = strchr(name, '@');
    if (at) {
        struct tenon_digest digest;
        *at = '\0';
        if (!tenon_digest_parse(at + 1, &digest)) {
            if (strchr(at + 1, ':') && !tenon_has_prefix(at + 1, "sha256:"))
                return tenon_error_set(err, TENON_E_UNSUPPORTED,
                                       "invalid reference \"%s\": unsupported "
                                       "digest algorithm", s);
            return bad(err, s);
        }
        r.digest = tenon_strdup(at + 1);
    }
    /* the tag's colon comes after the last slash; another is a port's */
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash ? slash : name, ':');
    if (colon) {
        *colon = '\0';
        r.tag = tenon_strdup(colon + 1);
    }
    int rc = 0;
    if (r.tag && !tenon_reference_tag_ok(r.tag))
        rc = bad(err, s);
    if (rc == 0)
        rc = split_name(name, &r, s, err);
    if (rc < 0) {
        tenon_reference_release(&r);
        return rc;
    }
    if (!r.tag && !r.digest)
        r.tag = tenon_strdup("latest");
    *out = r;
    return 0;
}

void
tenon_reference_release(struct tenon_reference *r)
{
    if (!r)
        return;
    free(r->domain);
    free(r->path);
    free(r->tag);
    free(r->digest);
    *r = (struct tenon_reference){0};
}

static char *
join(const char *domain, const char *path, const struct tenon_reference *r)
{
    struct tenon_buf b = TENON_BUF_INIT;
    if (domain)
        tenon_buf_addf(&b, "%s/", domain);
    tenon_buf_adds(&b, path);
    if (r->tag)
        tenon_buf_addf(&b, ":%s", r->tag);
    if (r->digest)
        tenon_buf_addf(&b, "@%s", r->digest);
    return tenon_buf_steal(&b);
}

char *
tenon_reference_string(const struct tenon_reference *r)
{
    return join(r->domain, r->path, r);
}

char *
tenon_reference_familiar(const struct tenon_reference *r)
{
    if (!tenon_streq(r->domain, DEFAULT_DOMAIN))
        return join(r->domain, r->path, r);
    const char *path = r->path;
    if (tenon_has_prefix(path, OFFICIAL) &&
        !strchr(path + strlen(OFFICIAL), '/'))
        path += strlen(OFFICIAL);
    return join(NULL, path, r);
}

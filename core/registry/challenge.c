/* registry/challenge.c - see challenge.h. */
#include "registry/challenge.h"

#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/buf.h"

#define SCOPE_MAX 4096

void
tenon_challenge_release(struct tenon_challenge *c)
{
    free(c->realm);
    free(c->service);
    free(c->scope);
    *c = (struct tenon_challenge){0};
}

/* A token or a quoted string from *s on; *s moves past it. */
static char *
value(const char **s)
{
    struct tenon_buf b = TENON_BUF_INIT;
    const char *p = *s;
    if (*p == '"') {
        for (p++; *p && *p != '"'; p++) {
            if (*p == '\\' && p[1])
                p++;
            tenon_buf_addc(&b, *p);
        }
        p += *p == '"';
    } else {
        size_t n = strcspn(p, ", \t");
        tenon_buf_add(&b, p, n);
        p += n;
    }
    *s = p;
    tenon_buf_addc(&b, '\0');
    return tenon_buf_steal(&b);
}

static void
keep(struct tenon_challenge *c, const char *name, size_t len, char *text)
{
    struct { const char *name; char **to; } members[] = {
        {"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}};
    for (size_t i = 0; i < tenon_countof(members); i++)
        if (strlen(members[i].name) == len && strncasecmp(members[i].name, name, len) == 0 &&
            !*members[i].to) {
            *members[i].to = text;
            return;
        }
    free(text);
}

static bool
find_in(const char *s, const char *scheme, struct tenon_challenge *out)
{
    bool found = false;
    for (;;) {
        s += strspn(s, " \t,");
        if (!*s)
            return found;
        const char *name = s;
        size_t len = strcspn(s, "=, \t");
        s += len;
        const char *equals = s + strspn(s, " \t");
        if (*equals == '=') {
            s = equals + 1;
            s += strspn(s, " \t");
            char *text = value(&s);
            if (found)
                keep(out, name, len, text);
            else
                free(text);
        } else { /* the name of a scheme: what follows is its */
            if (found)
                return true;
            found = len == strlen(scheme) && strncasecmp(name, scheme, len) == 0;
        }
    }
}

bool
tenon_challenge_find(char *const *headers, const char *scheme, struct tenon_challenge *out)
{
    *out = (struct tenon_challenge){0};
    for (char *const *h = headers; h && *h; h++)
        if (find_in(*h, scheme, out))
            return true;
    return false;
}

/* ---- scopes: "repository:NAME:ACTION,ACTION" ----------------------------- */

static bool
has_action(const char *actions, size_t all, const char *action, size_t len)
{
    for (size_t i = 0; i < all;) {
        size_t n = 0;
        while (i + n < all && actions[i + n] != ',')
            n++;
        if (n == len && memcmp(actions + i, action, len) == 0)
            return true;
        i += n + 1;
    }
    return false;
}

/* Does one scope grant all that the other does? */
static bool
covers(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len == b_len && memcmp(a, b, a_len) == 0)
        return true;
    const char *a_actions = memrchr(a, ':', a_len), *b_actions = memrchr(b, ':', b_len);
    if (!a_actions || !b_actions || a_actions - a != b_actions - b ||
        memcmp(a, b, (size_t)(a_actions - a)) != 0)
        return false;
    size_t all = a_len - (size_t)(a_actions - a) - 1, left = b_len - (size_t)(b_actions - b) - 1;
    for (const char *p = b_actions + 1; left > 0;) {
        size_t n = 0;
        while (n < left && p[n] != ',')
            n++;
        if (!has_action(a_actions + 1, all, p, n))
            return false;
        size_t step = n < left ? n + 1 : n;
        p += step;
        left -= step;
    }
    return true;
}

static bool
is_covered(const char *scopes, const char *one, size_t len)
{
    for (const char *p = scopes; *p;) {
        p += strspn(p, " ");
        size_t n = strcspn(p, " ");
        if (n > 0 && covers(p, n, one, len))
            return true;
        p += n;
    }
    return false;
}

char *
tenon_scopes_merge(const char *wanted, const char *said)
{
    struct tenon_buf b = TENON_BUF_INIT;
    tenon_buf_adds(&b, wanted);
    if (!said || strlen(said) > SCOPE_MAX)
        said = "";
    for (const char *p = said; *p;) {
        p += strspn(p, " ");
        size_t n = strcspn(p, " ");
        if (n > 0 && !is_covered(tenon_buf_str(&b), p, n)) {
            tenon_buf_adds(&b, b.len ? " " : "");
            tenon_buf_add(&b, p, n);
        }
        p += n;
    }
    tenon_buf_addc(&b, '\0');
    return tenon_buf_steal(&b);
}

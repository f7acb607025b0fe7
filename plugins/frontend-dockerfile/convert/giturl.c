/* convert/giturl.c - git repositories as build files name them. */
#include "giturl.h"

#include <ctype.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/parse.h"
#include "tools/path.h"

static const char *
unescape(struct df_arena *a, const char *s, size_t len, bool plus)
{
    char *out = df_arena_strndup(a, s, len), *w = out;
    for (const char *r = out; *r; r++) {
        int high = *r == '%' ? tenon_hex_digit(r[1]) : -1;
        int low = high >= 0 ? tenon_hex_digit(r[2]) : -1;
        if (low >= 0) {
            *w++ = (char)(high * 16 + low);
            r += 2;
        } else {
            *w++ = plus && *r == '+' ? ' ' : *r;
        }
    }
    *w = '\0';
    return out;
}

static const char *
set_ref(struct df_arena *a, struct df_git *g, const char *value)
{
    if (*g->ref && strcmp(g->ref, value) != 0)
        return df_arena_printf(a, "ref conflicts: %s vs %s", df_quote(a, g->ref),
                               df_quote(a, value));
    g->ref = value;
    return NULL;
}

static const char *
set_bool(struct df_arena *a, const char *key, const char *value, int *out)
{
    bool b = true;
    if (*value && !tenon_parse_bool(value, &b))
        return df_arena_printf(a, "invalid %s value: %s", key, df_quote(a, value));
    *out = b;
    return NULL;
}

static const char *
with_prefix(struct df_arena *a, const char *prefix, const char *s)
{
    return tenon_has_prefix(s, prefix) ? s : df_arena_printf(a, "%s%s", prefix, s);
}

static const char *
read_pair(struct df_arena *a, struct df_git *g, const char *key,
          const char *value, const char **tag, const char **branch)
{
    bool flag = strcmp(key, "submodules") == 0 ||
                strcmp(key, "keep-git-dir") == 0 ||
                strcmp(key, "fetch-by-commit") == 0;
    if (!*value && !flag)
        return df_arena_printf(a, "query %s has no value", df_quote(a, key));
    if (strcmp(key, "ref") == 0)
        return set_ref(a, g, value);
    if (strcmp(key, "tag") == 0) {
        *tag = value;
    } else if (strcmp(key, "branch") == 0) {
        *branch = value;
    } else if (strcmp(key, "subdir") == 0) {
        if (*g->subdir && strcmp(g->subdir, value) != 0)
            return df_arena_printf(a, "subdir conflicts: %s vs %s",
                                   df_quote(a, g->subdir), df_quote(a, value));
        g->subdir = value;
    } else if (strcmp(key, "checksum") == 0 || strcmp(key, "commit") == 0) {
        g->checksum = value;
    } else if (strcmp(key, "mtime") == 0) {
        g->mtime = value;
    } else if (strcmp(key, "keep-git-dir") == 0) {
        return set_bool(a, key, value, &g->keep_git_dir);
    } else if (strcmp(key, "submodules") == 0) {
        return set_bool(a, key, value, &g->submodules);
    } else if (strcmp(key, "fetch-by-commit") == 0) {
        int on = 0;
        const char *why = set_bool(a, key, value, &on);
        g->fetch_by_commit = on == 1;
        return why;
    } else {
        return df_arena_printf(a, "unexpected query %s", df_quote(a, key));
    }
    return NULL;
}

static bool
is_commit(const char *s)
{
    const size_t n = strspn(s, "0123456789abcdef");

    return !s[n] && (n == 40 || n == 64);
}

static const char *
read_query(struct df_arena *a, struct df_git *g, const char *query)
{
    const char *tag = "", *branch = "", *why = NULL;
    while (*query && !why) {
        size_t n = strcspn(query, "&");
        const char *eq = memchr(query, '=', n);
        size_t key = eq ? (size_t)(eq - query) : n;
        if (n)
            why = read_pair(a, g, unescape(a, query, key, true),
                            eq ? unescape(a, eq + 1, n - key - 1, true) : "",
                            &tag, &branch);
        query += n + (query[n] == '&');
    }
    if (!why && *tag)
        why = set_ref(a, g, with_prefix(a, "refs/tags/", tag));
    if (!why && *branch && *tag)
        why = "branch conflicts with tag";
    if (!why && *branch)
        why = set_ref(a, g, with_prefix(a, "refs/heads/", branch));
    /* The beginning of one is only compared with what the default branch has. */
    if (!why && !*g->ref && is_commit(g->checksum))
        g->ref = g->checksum;
    return why;
}

static void
read_fragment(struct df_arena *a, struct df_git *g, const char *fragment)
{
    const char *colon = strchr(fragment, ':');
    g->ref = unescape(a, fragment,
                      colon ? (size_t)(colon - fragment) : strlen(fragment), false);
    if (colon)
        g->subdir = unescape(a, colon + 1, strlen(colon + 1), false);
}

static size_t
scheme_len(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]))
        n++;
    return n && strncmp(s + n, "://", 3) == 0 ? n : 0;
}

/* user@host:path */
static bool
split_scp(struct df_arena *a, const char *text, struct df_git *g)
{
    size_t user = 0, host = 0;
    while (isalnum((unsigned char)text[user]) || text[user] == '-' ||
           text[user] == '_')
        user++;
    if (!user || text[user] != '@')
        return false;
    const char *h = text + user + 1;
    while (isalnum((unsigned char)h[host]) || h[host] == '-' || h[host] == '.')
        host++;
    if (!host || h[host] != ':')
        return false;
    g->scheme = "ssh";
    g->host = df_arena_strndup(a, h, host);
    g->path = h + host + 1;
    g->remote = text;
    return true;
}

static bool
split_url(struct df_arena *a, const char *text, bool known, struct df_git *g)
{
    static const char *const schemes[] = {"http", "https", "ssh", "git"};
    size_t n = scheme_len(text), i = 0;
    g->scheme = df_lower(a, df_arena_strndup(a, text, n));
    while (i < tenon_countof(schemes) && strcmp(g->scheme, schemes[i]) != 0)
        i++;
    if (i == tenon_countof(schemes))
        return false;
    const char *host = text + n + 3;
    size_t len = strcspn(host, "/");
    const char *at = memchr(host, '@', len);
    size_t skip = at ? (size_t)(at - host) + 1 : 0;
    g->host = df_arena_strndup(a, host + skip, len - skip);
    g->path = host + len;
    g->remote = text;
    return i >= 2 || known || tenon_has_suffix(g->path, ".git");
}

enum df_git_answer
df_git_parse(struct df_arena *a, const char *text, bool known,
             struct df_git *out, const char **message)
{
    struct df_git g = {.ref = "", .subdir = "", .checksum = "", .mtime = "",
                       .keep_git_dir = -1, .submodules = -1};
    if (tenon_has_prefix(text, "./") || tenon_has_prefix(text, "../"))
        return DF_GIT_NO;

    size_t n = strcspn(text, "#");
    const char *fragment = text[n] ? text + n + 1 : "";
    char *plain = df_arena_strndup(a, text, n);
    char *query = strchr(plain, '?');
    if (query)
        *query++ = '\0';

    if (tenon_has_prefix(plain, "github.com/")) {
        g.like_local = true;
        if (!split_url(a, df_arena_printf(a, "https://%s", plain), true, &g))
            return DF_GIT_NO;
    } else if (scheme_len(plain)) {
        if (!split_url(a, plain, known, &g))
            return DF_GIT_NO;
    } else if (!split_scp(a, plain, &g)) {
        return DF_GIT_NO;
    }

    read_fragment(a, &g, fragment);
    const char *why = query ? read_query(a, &g, query) : NULL;
    if (why) {
        *message = why;
        return DF_GIT_BAD;
    }
    *out = g;
    return DF_GIT_YES;
}

struct df_vertex *
df_git_source(struct df_plan *p, const struct df_git *g, const char *name)
{
    struct df_arena *a = p->build->arena;
    auto_free char *path = tenon_path_join("/", g->path);
    const char *id = df_arena_printf(a, "git://%s%s", g->host, path);
    if (*g->ref || *g->subdir)
        id = df_arena_printf(a, "%s#%s%s%s", id, g->ref, *g->subdir ? ":" : "",
                             g->subdir);
    struct df_vertex *v = df_plan_source(p, id, NULL, name);
    if (g->keep_git_dir == 1)
        df_vertex_attr(p, v, "git.keepgitdir", "true");
    df_vertex_attr(p, v, "git.fullurl", g->remote);
    df_vertex_attr(p, v, "git.authtokensecret", "GIT_AUTH_TOKEN");
    df_vertex_attr(p, v, "git.authheadersecret", "GIT_AUTH_HEADER");
    if (strcmp(g->scheme, "ssh") == 0)
        df_vertex_attr(p, v, "git.mountsshsock", "default");
    if (*g->checksum)
        df_vertex_attr(p, v, "git.checksum", g->checksum);
    if (g->submodules == 0)
        df_vertex_attr(p, v, "git.skipsubmodules", "true");
    if (*g->mtime)
        df_vertex_attr(p, v, "git.mtime", g->mtime);
    if (g->fetch_by_commit)
        df_vertex_attr(p, v, "git.fetchbycommit", "true");
    return v;
}

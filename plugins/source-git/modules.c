/* source-git/modules.c - .gitmodules (gitmodules(5)), as far as a checkout needs it.
 *
 * Not libgit2's configuration reader: that follows include.path, and this file
 * comes from anyone. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "checkout.h"

/* A value after "=": quotes and escapes undone, comments and blanks at the end
 * taken away (git-config(1), "Syntax").  *p goes to the next line. */
static char *
read_value(const char **p, const char *end)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    const char *s = *p;
    size_t keep = 0; /* blanks after this are dropped */
    bool quoted = false, comment = false;
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    for (; s < end && *s != '\n'; s++) {
        if (comment)
            continue;
        if (*s == '"') {
            quoted = !quoted;
            keep = b.len;
        } else if (*s == '\\' && s + 1 < end) {
            s++;
            if (*s == '\n')
                continue;
            tenon_buf_addc(&b, *s == 'n' ? '\n' : *s == 't' ? '\t' : *s);
            keep = b.len;
        } else if (!quoted && (*s == '#' || *s == ';')) {
            comment = true;
        } else if (*s) {
            tenon_buf_addc(&b, *s);
            if (quoted || !isspace((unsigned char)*s))
                keep = b.len;
        }
    }
    *p = s;
    tenon_buf_addc(&b, ' '); /* so that there is something to cut */
    tenon_buf_truncate(&b, keep);
    return tenon_buf_steal(&b);
}

/* Of one section: done when both are known and path is the one wanted. */
struct section {
    char *path, *url;
};

static void
section_clear(struct section *s)
{
    free(s->path);
    free(s->url);
    *s = (struct section){0};
}

char *
gs_modules_url(const char *text, size_t len, const char *path)
{
    const char *p = text, *end = text + len;
    struct section now = {0};
    bool submodule = false;
    char *url = NULL;
    while (p < end && !url) {
        while (p < end && isspace((unsigned char)*p))
            p++;
        if (p < end && *p == '[') {
            section_clear(&now);
            submodule = (size_t)(end - p) > 10 && !strncasecmp(p, "[submodule", 10) &&
                        (p[10] == ' ' || p[10] == '\t');
            while (p < end && *p != '\n' && *p != ']')
                p += *p == '\\' && p + 1 < end ? 2 : 1;
            p += p < end && *p == ']';
            continue;
        }
        const char *key = p;
        while (p < end && (isalnum((unsigned char)*p) || *p == '-'))
            p++;
        size_t n = (size_t)(p - key);
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (!n || p >= end || *p != '=') { /* a comment, or a key alone */
            while (p < end && *p != '\n')
                p++;
            continue;
        }
        p++;
        char *value = read_value(&p, end);
        char **to = NULL;
        if (submodule && n == 4 && !strncasecmp(key, "path", n))
            to = &now.path;
        else if (submodule && n == 3 && !strncasecmp(key, "url", n))
            to = &now.url;
        free(to ? *to : NULL);
        if (to)
            *to = value;
        else
            free(value);
        if (now.path && now.url && !strcmp(now.path, path))
            url = tenon_strdup(now.url);
    }
    section_clear(&now);
    return url;
}

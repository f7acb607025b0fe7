/* tools/path.c - path arithmetic on text, as Go's package path does it. */
#include "tools/path.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

char *
tenon_path_clean(const char *path)
{
    size_t len = strlen(path);
    if (len == 0)
        return tenon_strdup(".");

    bool rooted = path[0] == '/';
    char *out = tenon_malloc(len + 2);
    size_t w = 0, dotdot = 0; /* `..` does not back up beyond dotdot */
    const char *r = path;
    if (rooted) {
        out[w++] = '/';
        r++;
        dotdot = 1;
    }
    while (*r) {
        size_t n = strcspn(r, "/");
        if (n == 0 || (n == 1 && r[0] == '.')) {
            /* nothing */
        } else if (n == 2 && r[0] == '.' && r[1] == '.') {
            if (w > dotdot) {
                w--;
                while (w > dotdot && out[w] != '/')
                    w--;
            } else if (!rooted) {
                if (w > 0)
                    out[w++] = '/';
                out[w++] = '.';
                out[w++] = '.';
                dotdot = w;
            }
        } else {
            if ((rooted && w != 1) || (!rooted && w != 0))
                out[w++] = '/';
            memcpy(out + w, r, n);
            w += n;
        }
        r += n;
        while (*r == '/')
            r++;
    }
    if (w == 0)
        out[w++] = '.';
    out[w] = '\0';
    return out;
}

char *
tenon_path_join(const char *a, const char *b)
{
    /* path.Join leaves empty elements out and gives "" when all are. */
    if (!a[0] && !b[0])
        return tenon_strdup("");
    if (!a[0])
        return tenon_path_clean(b);
    if (!b[0])
        return tenon_path_clean(a);
    size_t la = strlen(a), lb = strlen(b);
    auto_free char *both = tenon_malloc(la + lb + 2);
    memcpy(both, a, la);
    both[la] = '/';
    memcpy(both + la + 1, b, lb + 1);
    return tenon_path_clean(both);
}

const char *
tenon_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

bool
tenon_path_is_below(const char *path, const char *dir)
{
    size_t len = strcmp(dir, "/") ? strlen(dir) : 0;
    return !strncmp(path, dir, len) && path[len] == '/' && path[len + 1];
}

/* tree/find.c - from paths and wildcards to the entries of a view. */
#include <string.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tree/view.h"

#define MAX_EXPANDED 65536 /* bytes of a path with its links expanded */

static int
not_found(const char *path, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_NOT_FOUND, "\"/%s\": not found",
                           path + strspn(path, "/"));
}

static bool
is_last(const char *rest)
{
    return !rest[strspn(rest, "/")];
}

/* Links of a view lead where they would if the view were all there is. */
static int
walk(struct tenon_view *v, const char *path, bool follow,
     struct tenon_entry **out, struct tenon_error *err)
{
    auto_free char *whole = tenon_strdup(path);
    char *rest = whole;
    struct tenon_entry *at = &v->top;
    unsigned links = 0;
    for (;;) {
        rest += strspn(rest, "/");
        if (!*rest)
            break;
        char *name = rest;
        rest += strcspn(rest, "/");
        if (*rest)
            *rest++ = '\0';
        if (tenon_streq(name, "."))
            continue;
        if (tenon_streq(name, "..")) {
            at = at->parent ? at->parent : at;
            continue;
        }
        if (!S_ISDIR(at->mode))
            return not_found(path, err);
        int rc = tenon_view_load(v, at, err);
        if (rc < 0)
            return rc;
        struct tenon_entry *e = tenon_entry_child(at, name);
        if (!e)
            return not_found(path, err);
        if (!S_ISLNK(e->mode) || (is_last(rest) && !follow)) {
            at = e;
            continue;
        }
        if (++links > TENON_VIEW_MAX_LINKS ||
            strlen(e->link) + strlen(rest) > MAX_EXPANDED)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "\"%s\": too many links", path);
        if (e->link[0] == '/')
            at = &v->top;
        char *joined = tenon_asprintf("%s/%s", e->link, rest);
        free(whole);
        whole = rest = joined;
    }
    *out = at;
    return 0;
}

int
tenon_view_lookup(struct tenon_view *v, const char *path, bool follow,
                  struct tenon_entry **out, struct tenon_error *err)
{
    /* ".." in what the user wrote is arithmetic, as in Go's path.Join. */
    auto_free char *rooted = tenon_asprintf("/%s", path);
    auto_free char *clean = tenon_path_clean(rooted);
    return walk(v, clean, follow, out, err);
}

bool
tenon_view_visible(const struct tenon_view *v, const char *path)
{
    /* Only the caches change. */
    struct tenon_view *view = (struct tenon_view *)v;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct tenon_entry *e;
    if (tenon_view_lookup(view, path, false, &e, &ignored) < 0)
        return false;
    if (!S_ISLNK(e->mode))
        return true;
    /* A link shows, unless it leads to what does not. */
    if (tenon_view_lookup(view, path, true, &e, &ignored) == 0)
        return true;
    struct stat st;
    tenon_error_release(&ignored);
    return tenon_root_stat(v->root, path, true, &st, &ignored) < 0;
}

/* ---- wildcards ----------------------------------------------------------- */

void
tenon_matches_release(struct tenon_matches *m)
{
    tenon_vec_foreach(one, &m->list)
        free(one->path);
    tenon_vec_release(&m->list);
}

bool
tenon_view_is_wildcard(const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == '\\' && pattern[1])
            pattern++;
        else if (*pattern == '*' || *pattern == '?' || *pattern == '[')
            return true;
    }
    return false;
}

/* Match the components of `pattern` level by level: none of them matches a
 * slash, so nothing outside these levels has to be looked at. */
static int
match_below(struct tenon_view *v, struct tenon_entry *dir, const char *pattern,
            struct tenon_buf *path, struct tenon_matches *out,
            struct tenon_error *err)
{
    if (!S_ISDIR(dir->mode))
        return 0;
    int rc = tenon_view_load(v, dir, err);
    if (rc < 0)
        return rc;
    size_t len = strcspn(pattern, "/");
    auto_free char *part = tenon_strndup(pattern, len);
    const char *rest = pattern + len + (pattern[len] == '/');
    size_t keep = path->len;
    for (size_t i = 0; rc == 0 && i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        bool bad;
        if ((e->flags & TENON_ENTRY_HIDDEN) ||
            !tenon_glob_match(part, e->name, &bad))
            continue;
        tenon_buf_addc(path, '/');
        tenon_buf_adds(path, e->name);
        if (*rest)
            rc = match_below(v, e, rest, path, out, err);
        else
            tenon_vec_push(&out->list, (struct tenon_match){
                .entry = e, .path = tenon_strdup(path->data)});
        tenon_buf_truncate(path, keep);
    }
    return rc;
}

int
tenon_view_glob(struct tenon_view *v, const char *pattern, bool follow,
                struct tenon_matches *out, struct tenon_error *err)
{
    auto_free char *rooted = tenon_asprintf("/%s", pattern);
    auto_free char *clean = tenon_path_clean(rooted);
    /* Where the first component with a wildcard starts. */
    char *wild = clean + 1;
    while (*wild) {
        size_t len = strcspn(wild, "/");
        auto_free char *part = tenon_strndup(wild, len);
        if (tenon_view_is_wildcard(part))
            break;
        wild += len + (wild[len] == '/');
    }
    auto_free char *prefix = tenon_strndup(clean, (size_t)(wild - clean));
    struct tenon_entry *dir;
    int rc = tenon_view_lookup(v, prefix, follow, &dir, err);
    if (rc == TENON_E_NOT_FOUND && *wild) {
        size_t len = strlen(prefix);
        tenon_error_release(err);
        return tenon_error_set(err, rc, "lstat %.*s: no such file or directory",
                               (int)(len - (len > 1)), prefix);
    }
    if (rc < 0)
        return rc;
    if (!*wild) {
        tenon_vec_push(&out->list, (struct tenon_match){
            .entry = dir, .path = tenon_steal(&prefix)});
        return 0;
    }
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    if (dir->parent)
        tenon_buf_addc(&path, '/');
    tenon_entry_path(dir, &path);
    return match_below(v, dir, wild, &path, out, err);
}

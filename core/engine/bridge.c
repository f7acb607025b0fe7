/* engine/bridge.c - the bridge: what the engine does for a frontend while it works. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "base/root.h"
#include "base/sized.h"
#include "tools/buf.h"
#include "tools/path.h"
#include "engine/remotecache.h"
#include "engine/sources.h"
#include "plugin/declared.h"

enum { READ_FILE_LIMIT = 64 << 20, DIRECTORY_MAX = 64 << 20, WARNINGS_MAX = 64 << 20 };

static int
bridge_solve(struct tenon_ctx *ctx, struct tenon_graph *g, struct tenon_node *n,
             uint32_t output, struct tenon_ref **out, struct tenon_error *err)
{
    (void)ctx;
    struct tenon_edge edge = { NULL, output };
    if (n) {
        edge.vertex = tenon_node_freeze(n, err);
        if (!edge.vertex)
            return err->code;
    }
    *out = tenon_build_ref_new(tenon_build_of(g), edge);
    return TENON_OK;
}

static int
bridge_solve_definition_held(struct tenon_ctx *ctx, struct tenon_graph *g, const void *def,
                             size_t len, const char *const *policies, struct tenon_ref **out,
                             struct tenon_error *err)
{
    (void)ctx;
    struct tenon_build *b = tenon_build_of(g);
    struct tenon_edge edge = {0};
    struct tenon_policy_list list = {0};
    int rc = tenon_policy_list_parse(policies, &list, err);
    if (rc == TENON_OK)
        rc = tenon_sources_judge(b, def, len, &list, err);
    if (rc == TENON_OK)
        rc = tenon_graph_load_held(g, def, len, &list, &edge, err);
    if (rc == TENON_OK)
        *out = tenon_build_ref_new(b, edge);
    tenon_policy_list_release(&list);
    return rc;
}

static int
bridge_solve_definition(struct tenon_ctx *ctx, struct tenon_graph *g,
                        const void *def, size_t len, struct tenon_ref **out,
                        struct tenon_error *err)
{
    return bridge_solve_definition_held(ctx, g, def, len, NULL, out, err);
}

static int
bridge_resolve_source_meta(struct tenon_ctx *ctx, struct tenon_graph *g,
                           const struct tenon_source_query *q,
                           struct tenon_source_meta *out,
                           struct tenon_error *err)
{
    struct tenon_source_query query;
    struct tenon_source_meta meta = {.struct_size = sizeof meta};
    tenon_sized_take(&query, sizeof query, q);
    int rc = tenon_sources_meta(tenon_build_of(g), ctx, &query, &meta, err);
    if (rc == 0)
        tenon_sized_give(out, &meta, sizeof meta);
    return rc;
}

/* A reference does not say which build it belongs to; the ctx does. */
static struct tenon_build *
build_of_ctx(struct tenon_ctx *ctx)
{
    return tenon_build_current(tenon_ctx_engine(ctx));
}

struct tree { /* where files are read */
    int root;
    struct tenon_view *view; /* or NULL: all of it is seen */
    struct tenon_container *container; /* or NULL: files are of who they say */
};

/* In-place trees are filtered: what the filter hides is not there. */
static int
check_visible(struct tree t, const char *path, struct tenon_error *err)
{
    while (*path == '/')
        path++;
    if (t.view && *path && !tenon_view_visible(t.view, path))
        return tenon_error_errno(err, ENOENT, "%s", path);
    return TENON_OK;
}

static int
read_file(struct tenon_ctx *ctx, struct tree t, const char *path, size_t limit,
          const void **data, size_t *len, struct tenon_error *err)
{
    if (check_visible(t, path, err) < 0)
        return err->code;
    /* Nobody may ever write to a FIFO. */
    auto_close int fd = tenon_root_open(t.root, path, O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return tenon_error_context(err, "read %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return tenon_error_sys(err, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return tenon_error_set(err, TENON_E_INVALID, "%s: not a regular file", path);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_all(fd, limit ? limit : READ_FILE_LIMIT, &text, err) < 0)
        return tenon_error_context(err, "read %s", path);
    char *copy = tenon_ctx_alloc(ctx, text.len + 1);
    if (text.len)
        memcpy(copy, text.data, text.len);
    *data = copy;
    *len = text.len;
    return TENON_OK;
}

static void
fill_stat(struct tenon_ctx *ctx, struct tree t, int dirfd, const char *name,
          const struct stat *st, struct tenon_stat *out)
{
    *out = (struct tenon_stat){ .struct_size = sizeof *out };
    out->path = tenon_ctx_strdup(ctx, name);
    out->mode = st->st_mode;
    out->uid = t.view ? 0 : st->st_uid;
    out->gid = t.view ? 0 : st->st_gid;
    if (t.container)
        tenon_container_owner(t.container, &out->uid, &out->gid);
    out->size = st->st_size;
    out->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    if (S_ISLNK(st->st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(dirfd, name, target, sizeof target - 1);
        if (n >= 0) {
            target[n] = '\0';
            out->linkname = tenon_ctx_strdup(ctx, target);
        }
    }
}

/* Those of overlays are about how a tree is kept, not about the file. */
static bool
is_ours(const char *name)
{
    return tenon_has_prefix(name, "trusted.overlay.") || tenon_has_prefix(name, "user.overlay.");
}

static int
read_xattrs(struct tenon_ctx *ctx, int dirfd, const char *name, struct tenon_stat_more *out,
            struct tenon_error *err)
{
    char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d/%s", dirfd, name);
    const ssize_t len = llistxattr(path, names, sizeof names);
    if (len < 0 && errno != ENOTSUP)
        return tenon_error_sys(err, "list extended attributes");
    size_t count = 0;
    for (const char *n = names; len > 0 && n < names + len; n += strlen(n) + 1)
        count++;
    struct tenon_xattr *list = tenon_ctx_alloc(ctx, (count + 1) * sizeof *list);
    for (const char *n = names; len > 0 && n < names + len; n += strlen(n) + 1) {
        const ssize_t size = is_ours(n) ? -1 : lgetxattr(path, n, value, sizeof value);
        if (size < 0)
            continue; /* gone in between */
        void *copy = tenon_ctx_alloc(ctx, (size_t)size + 1);
        memcpy(copy, value, (size_t)size);
        list[out->xattr_count++] =
            (struct tenon_xattr){ tenon_ctx_strdup(ctx, n), copy, (size_t)size };
    }
    out->xattrs = list;
    return 0;
}

static int
by_path(const void *a, const void *b)
{
    return strcmp(((const struct tenon_stat *)a)->path,
                  ((const struct tenon_stat *)b)->path);
}

static int
read_dir(struct tenon_ctx *ctx, struct tree t, const char *path,
         const struct tenon_stat *const **entries, size_t *count, struct tenon_error *err)
{
    if (check_visible(t, path, err) < 0)
        return err->code;
    int fd = tenon_root_open(t.root, path, O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0)
        return tenon_error_context(err, "read directory %s", path);
    auto_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return tenon_error_sys(err, "read directory %s", path);
    }
    auto_free char *rooted = tenon_asprintf("/%s", path);
    auto_free char *clean = tenon_path_clean(rooted);
    const char *rel = clean + 1; /* as the view has it */
    TENON_VEC(struct tenon_stat) list = {0};
    size_t bytes = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        auto_free char *full = *rel ? tenon_asprintf("%s/%s", rel, e->d_name)
                                    : tenon_strdup(e->d_name);
        if (t.view && !tenon_view_visible(t.view, full))
            continue;
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone in between */
        struct tenon_stat *entry = tenon_vec_add(&list);
        fill_stat(ctx, t, dirfd(dir), e->d_name, &st, entry);
        bytes += sizeof *entry + strlen(entry->path) +
                 (entry->linkname ? strlen(entry->linkname) : 0);
        if (bytes > DIRECTORY_MAX) {
            tenon_vec_release(&list);
            return tenon_error_set(err, TENON_E_LIMIT, "directory %s has too many files", path);
        }
    }
    struct tenon_stat *copy = tenon_ctx_alloc(ctx, (list.len + 1) * sizeof *copy);
    if (list.len) {
        qsort(list.items, list.len, sizeof *list.items, by_path);
        memcpy(copy, list.items, list.len * sizeof *copy);
    }
    *entries = tenon_ctx_pointers(ctx, copy, sizeof *copy, list.len);
    *count = list.len;
    tenon_vec_release(&list);
    return TENON_OK;
}

/* Its directory, its name there (in *keep) and what it is; a link is not followed. */
static int
find(struct tree t, const char *path, char **keep, const char **name, struct stat *st,
     struct tenon_error *err)
{
    if (check_visible(t, path, err) < 0)
        return err->code;
    auto_close int parent = tenon_root_open_parent(t.root, path, keep, name, err);
    if (parent < 0)
        return err->code;
    if (fstatat(parent, *name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return tenon_error_sys(err, "%s", path);
    return tenon_steal_fd(&parent);
}

static int
stat_path(struct tenon_ctx *ctx, struct tree t, const char *path, struct tenon_stat *theirs,
          struct tenon_error *err)
{
    struct tenon_stat own;
    auto_free char *keep = NULL;
    const char *name = NULL;
    struct stat st;
    auto_close int parent = find(t, path, &keep, &name, &st, err);
    if (parent < 0)
        return err->code;
    fill_stat(ctx, t, parent, name, &st, &own);
    tenon_sized_give(theirs, &own, sizeof own);
    return TENON_OK;
}

static int
stat_more(struct tenon_ctx *ctx, struct tree t, const char *path, struct tenon_stat_more *theirs,
          struct tenon_error *err)
{
    struct tenon_stat_more more = { .struct_size = sizeof more };
    auto_free char *keep = NULL;
    const char *name = NULL;
    struct stat st;
    auto_close int parent = find(t, path, &keep, &name, &st, err);
    if (parent < 0)
        return err->code;
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        more.dev_major = major(st.st_rdev);
        more.dev_minor = minor(st.st_rdev);
    }
    if (read_xattrs(ctx, parent, name, &more, err) < 0)
        return tenon_error_context(err, "%s", path);
    tenon_sized_give(theirs, &more, sizeof more);
    return TENON_OK;
}

/* ---- of references --------------------------------------------------------------------- */

static int
tree_of_ref(struct tenon_ctx *ctx, struct tenon_ref *ref, struct tree *t, struct tenon_error *err)
{
    t->root = tenon_build_ref_root(build_of_ctx(ctx), ref, tenon_ctx_cancel(ctx), err);
    t->view = ref->made.view;
    t->container = NULL;
    return t->root < 0 ? err->code : TENON_OK;
}

static int
bridge_read_file(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path, size_t limit,
                 const void **data, size_t *len, struct tenon_error *err)
{
    struct tree t;
    return tree_of_ref(ctx, ref, &t, err) < 0 ? err->code
                                              : read_file(ctx, t, path, limit, data, len, err);
}

static int
bridge_read_dir(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path,
                const struct tenon_stat *const **entries, size_t *count, struct tenon_error *err)
{
    struct tree t;
    return tree_of_ref(ctx, ref, &t, err) < 0 ? err->code
                                              : read_dir(ctx, t, path, entries, count, err);
}

static int
bridge_stat(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path,
            struct tenon_stat *out, struct tenon_error *err)
{
    struct tree t;
    return tree_of_ref(ctx, ref, &t, err) < 0 ? err->code : stat_path(ctx, t, path, out, err);
}

static int
bridge_stat_more(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path,
                 struct tenon_stat_more *out, struct tenon_error *err)
{
    struct tree t;
    return tree_of_ref(ctx, ref, &t, err) < 0 ? err->code : stat_more(ctx, t, path, out, err);
}

/* ---- of containers ---------------------------------------------------------------------- */

static int
container_read_file(struct tenon_ctx *ctx, struct tenon_container *c, const char *target,
                    const char *path, size_t limit, const void **data, size_t *len,
                    struct tenon_error *err)
{
    auto_close int root = tenon_container_root(c, target, err);
    return root < 0 ? root : read_file(ctx, (struct tree){ root, NULL, c }, path, limit, data, len,
                                       err);
}

static int
container_read_dir(struct tenon_ctx *ctx, struct tenon_container *c, const char *target,
                   const char *path, const struct tenon_stat *const **entries, size_t *count,
                   struct tenon_error *err)
{
    auto_close int root = tenon_container_root(c, target, err);
    const struct tree t = { root, NULL, c };
    return root < 0 ? root : read_dir(ctx, t, path, entries, count, err);
}

static int
container_stat(struct tenon_ctx *ctx, struct tenon_container *c, const char *target,
               const char *path, struct tenon_stat *out, struct tenon_error *err)
{
    auto_close int root = tenon_container_root(c, target, err);
    return root < 0 ? root : stat_path(ctx, (struct tree){ root, NULL, c }, path, out, err);
}

static int
container_stat_more(struct tenon_ctx *ctx, struct tenon_container *c, const char *target,
                    const char *path, struct tenon_stat_more *out, struct tenon_error *err)
{
    auto_close int root = tenon_container_root(c, target, err);
    return root < 0 ? root : stat_more(ctx, (struct tree){ root, NULL, c }, path, out, err);
}

static void
bridge_warn(struct tenon_ctx *ctx, struct tenon_graph *g,
            const struct tenon_warning *theirs)
{
    struct tenon_build *b = tenon_build_of(g);
    struct tenon_warning w;
    tenon_sized_take(&w, sizeof w, theirs);
    size_t bytes = 256 + (w.summary ? strlen(w.summary) : 0) + w.more_count * sizeof *w.more;
    for (const char *const *d = w.detail; d && *d; d++)
        bytes += 64 + strlen(*d);
    pthread_mutex_lock(&b->lock);
    const bool has_room = bytes <= WARNINGS_MAX - b->warned;
    b->warned += has_room ? bytes : 0;
    pthread_mutex_unlock(&b->lock);
    if (!has_room)
        return;
    struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_WARNING,
        .vertex = w.digest, .name = w.summary, .detail = w.detail,
        .url = w.url, .filename = w.filename, .line = w.line,
        .end_line = w.end_line, .level = w.level, .more = w.more, .more_count = w.more_count,
    };
    tenon_events_post(tenon_ctx_events(ctx), &ev);
}

static int
bridge_definition(struct tenon_ctx *ctx, struct tenon_ref *ref, const void **data,
                  size_t *len, struct tenon_error *err)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT;
    (void)err;
    tenon_graph_save(build_of_ctx(ctx)->graph, ref->edge, &def);
    char *copy = tenon_ctx_alloc(ctx, def.len + 1);
    if (def.len)
        memcpy(copy, def.data, def.len);
    *data = copy;
    *len = def.len;
    return TENON_OK;
}

static int
bridge_evaluate(struct tenon_ctx *ctx, struct tenon_ref *ref, struct tenon_error *err)
{
    return tenon_build_ref_solve(build_of_ctx(ctx), ref, tenon_ctx_cancel(ctx), err);
}

static int
bridge_solve_frontend(struct tenon_ctx *ctx, struct tenon_graph *g,
                      const struct tenon_frontend_call *theirs,
                      struct tenon_result *result, struct tenon_error *err)
{
    struct tenon_frontend_call call;
    tenon_sized_take(&call, sizeof call, theirs);
    return tenon_build_frontend(tenon_build_of(g), &tenon_build_bridge, ctx, &call, result, err);
}

static int
bridge_find_frontend(struct tenon_ctx *ctx, struct tenon_graph *g, const char *syntax,
                     const char *file, const char **plugin, struct tenon_error *err)
{
    struct tenon_plugins *plugins = tenon_build_of(g)->engine->plugins;
    (void)ctx;
    return syntax ? tenon_declared_syntax(plugins, syntax, plugin, err)
                  : tenon_declared_file(plugins, file, plugin, err);
}

static int
bridge_find_source(struct tenon_ctx *ctx, struct tenon_graph *g, const char *scheme,
                   const char **plugin, struct tenon_error *err)
{
    (void)ctx;
    return tenon_declared_scheme(tenon_build_of(g)->engine->plugins, scheme, plugin, err);
}

static int
bridge_import_cache(struct tenon_ctx *ctx, struct tenon_graph *g, const char *type,
                    const char *const *options, struct tenon_error *err)
{
    return tenon_caches_add(tenon_build_of(g), type, options, tenon_ctx_cancel(ctx), err);
}

const struct tenon_bridge tenon_build_bridge = {
    .struct_size = sizeof tenon_build_bridge,
    .solve = bridge_solve,
    .solve_definition = bridge_solve_definition,
    .resolve_source_meta = bridge_resolve_source_meta,
    .read_file = bridge_read_file,
    .read_dir = bridge_read_dir,
    .stat = bridge_stat,
    .warn = bridge_warn,
    .definition = bridge_definition,
    .evaluate = bridge_evaluate,
    .solve_frontend = bridge_solve_frontend,
    .process_start = tenon_process_start,
    .process_kill = tenon_process_kill,
    .process_wait = tenon_process_wait,
    .import_cache = bridge_import_cache,
    .container_new = tenon_container_new,
    .container_release = tenon_container_release,
    .container_start = tenon_container_start,
    .process_signal = tenon_process_signal,
    .container_read_file = container_read_file,
    .container_read_dir = container_read_dir,
    .container_stat = container_stat,
    .keep_failures = tenon_build_keep_failures,
    .failure = tenon_build_failure,
    .solve_definition_held = bridge_solve_definition_held,
    .stat_more = bridge_stat_more,
    .container_stat_more = container_stat_more,
    .find_frontend = bridge_find_frontend,
    .find_source = bridge_find_source,
};

/* tree/views.c - the life of a view, and its filters. */
#include <fcntl.h>
#include <string.h>

#include "tools/alloc.h"
#include "tree/follow.h"
#include "tree/view.h"

int
tenon_view_compile(const char *const *lines, const char *what,
                   struct tenon_patterns **out, struct tenon_error *err)
{
    if (!lines || !lines[0])
        return 0;
    const char *bad = NULL;
    *out = tenon_patterns_compile(lines, tenon_strv_len((char *const *)lines),
                                  &bad);
    if (!*out)
        return tenon_error_set(err, TENON_E_INVALID,
                               "invalid %spatterns: syntax error in pattern \"%s\"", what, bad);
    return 0;
}

static int
check_list(const struct tenon_patterns *p, const char *what, struct tenon_error *err)
{
    const char *broken = tenon_patterns_broken(p);
    if (!broken)
        return 0;
    tenon_error_set(err, TENON_E_INVALID, "failed to match %spatterns: syntax error in pattern "
                    "\"%s\"", what, broken);
    return strchr(broken, '\\') ? tenon_error_hint(err, "directories are separated by \"/\"; a "
                                                    "backslash is for what follows it")
                                 : err->code;
}

int
tenon_view_check_patterns(const struct tenon_patterns *include,
                          const struct tenon_patterns *exclude, struct tenon_error *err)
{
    int rc = check_list(include, "include", err);
    return rc < 0 ? rc : check_list(exclude, "exclude", err);
}

/* Include patterns and the places that the wanted paths lead to are one list;
 * an empty one is no filter. */
static int
make_filters(struct tenon_view *v, const struct tenon_view_options *o,
             struct tenon_error *err)
{
    char **list = tenon_strv_dup(o->include);
    int rc = o->follow ? tenon_follow_paths(v->root, o->follow, &list, err) : 0;
    if (rc == 0)
        rc = tenon_view_compile((const char *const *)list, "include",
                                 &v->include, err);
    tenon_strv_free(list);
    if (rc == 0)
        rc = tenon_view_compile(o->exclude, "exclude", &v->exclude, err);
    return rc;
}

int
tenon_view_new(const struct tenon_view_options *o, struct tenon_view **out,
               struct tenon_error *err)
{
    struct tenon_view *v = tenon_new0(struct tenon_view);
    pthread_mutex_init(&v->lock, NULL);
    pthread_mutex_init(&v->body_lock, NULL);
    v->root_path = tenon_strdup(o->root_path);
    v->steady = o->steady;
    v->owner_root = o->owner_root;
    v->store = o->store;
    v->top.name = "";
    /* Opened anew rather than dup'ed: then an O_PATH descriptor will do. */
    struct stat st;
    v->root = openat(o->rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (v->root < 0 || fstat(v->root, &st) < 0) {
        int rc = tenon_error_sys(err, "open \"%s\"",
                                  o->root_path ? o->root_path : "/");
        tenon_view_free(v);
        return rc;
    }
    v->top.mode = st.st_mode;
    v->top.uid = o->owner_root ? 0 : st.st_uid;
    v->top.gid = o->owner_root ? 0 : st.st_gid;
    v->top.dev = st.st_dev;
    v->top.ino = st.st_ino;
    v->top.mtime_ns = tenon_stat_mtime_ns(&st);
    v->top.ctime_ns = tenon_stat_ctime_ns(&st);
    int rc = make_filters(v, o, err);
    if (rc < 0) {
        tenon_view_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

static void
release_kids(struct tenon_entry *dir)
{
    for (size_t i = 0; i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        release_kids(e);
        free(e->xattrs);
        free(e->body);
    }
    free(dir->kids); /* names and links are in the same block */
}

void
tenon_view_free(struct tenon_view *v)
{
    if (!v)
        return;
    tenon_view_save_stats(v);
    release_kids(&v->top);
    free(v->top.xattrs);
    tenon_patterns_free(v->include);
    tenon_patterns_free(v->exclude);
    pthread_mutex_destroy(&v->lock);
    pthread_mutex_destroy(&v->body_lock);
    if (v->root >= 0)
        close(v->root);
    free(v->root_path);
    free(v);
}

int
tenon_view_root(const struct tenon_view *v)
{
    return v->root;
}

/* tree/copy.c - the copy action: which entries go where.  The rules are those of
 * BuildKit's file op, each a line of tests/unit/test-tree-copy.c; copy_file.c
 * does the single entry. */
#include "tree/copy.h"

#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/sniff.h"
#include "tree/chmod.h"
#include "tree/place.h"

#define DIR_MODE 0755

/* ---- directories of the destination ---------------------------------------- */

static void
close_dir(struct tenon_copy_dir *d)
{
    if (d->to_fd >= 0)
        close(d->to_fd);
    if (d->from_fd >= 0)
        close(d->from_fd);
}
TENON_DEFINE_AUTO_STRUCT(copy_dir, struct tenon_copy_dir, close_dir);
#define auto_copy_dir __attribute__((cleanup(tenon_auto_copy_dir)))

/* Its source is opened again when it is needed again. */
static int
set_aside(struct tenon_copier *k, struct tenon_copy_dir *d)
{
    if (d->depth < TENON_ASIDE_DEPTH)
        return 0;
    if (d->from_fd >= 0)
        close(tenon_steal_fd(&d->from_fd));
    return tenon_aside_close(&d->to_fd, &d->aside, k->err);
}

static int
not_a_directory(struct tenon_copier *k, struct tenon_copy_dir *d)
{
    auto_buf struct tenon_buf below = TENON_BUF_INIT;
    /* d may be above the entry at hand */
    size_t depth = 0;
    for (struct tenon_copy_dir *u = d; u->up && u->up->up; u = u->up)
        depth++;
    const char *p = tenon_buf_str(&k->path);
    for (size_t i = 0; i < depth; i++) {
        size_t n = strcspn(p, "/");
        if (i)
            tenon_buf_addc(&below, '/');
        tenon_buf_add(&below, p, n);
        p += n + (p[n] == '/');
    }
    auto_free char *path = tenon_path_join(k->to, tenon_buf_str(&below));
    return tenon_error_set(k->err, TENON_E_INVALID,
                           "cannot copy to non-directory: %s", path);
}

static int
open_or_make(struct tenon_copier *k, struct tenon_copy_dir *d, bool direct)
{
    int parent = d->up->to_fd;
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    for (;;) {
        /* open to us alone until it has its own mode */
        if (mkdirat(parent, d->name, 0700) == 0)
            d->created = true;
        else if (errno != EEXIST)
            return tenon_error_sys(k->err, "make directory \"%s\"", d->name);
        d->to_fd = openat(parent, d->name, flags);
        if (d->to_fd >= 0)
            return set_aside(k, d->up);
        if (errno != ENOTDIR && errno != ELOOP)
            return tenon_error_sys(k->err, "open directory \"%s\"", d->name);
        if (!k->c->always_replace || !direct)
            return not_a_directory(k, d);
        if (unlinkat(parent, d->name, 0) < 0)
            return tenon_error_sys(k->err, "remove \"%s\"", d->name);
    }
}

/* Have the directory and those above it.  direct: it is wanted for itself, and
 * gets its attributes when its contents are there. */
static int
ensure_dir(struct tenon_copier *k, struct tenon_copy_dir *d, bool direct)
{
    if (d->to_fd >= 0)
        return 0;
    int rc = ensure_dir(k, d->up, false);
    if (rc == 0)
        rc = open_or_make(k, d, direct);
    if (rc < 0 || direct)
        return rc;
    if (d->created)
        return tenon_copy_dir_info(k, d);
    if (d->overwrite && fchmod(d->to_fd, d->from->mode & 07777) < 0)
        return tenon_error_sys(k->err, "change mode of \"%s\"", d->name);
    return 0;
}

/* ---- the walk --------------------------------------------------------------- */

static int copy_entry(struct tenon_copier *k, struct tenon_copy_dir *up,
                      struct tenon_entry *e, const char *name,
                      const struct tenon_held *held);

static int
copy_kids(struct tenon_copier *k, struct tenon_copy_dir *d)
{
    struct tenon_entry *dir = d->from;
    int rc = tenon_view_load(k->view, dir, k->err);
    auto_held struct tenon_held held =
        tenon_held_in(k->include, k->exclude, tenon_buf_str(&k->path));
    size_t keep = k->path.len;
    for (size_t i = 0; rc == 0 && i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        if (e->flags & TENON_ENTRY_HIDDEN)
            continue;
        if (keep)
            tenon_buf_addc(&k->path, '/');
        tenon_buf_adds(&k->path, e->name);
        rc = copy_entry(k, d, e, e->name, &held);
        tenon_buf_truncate(&k->path, keep);
    }
    return rc;
}

static int
copy_dir(struct tenon_copier *k, struct tenon_copy_dir *d, bool top,
         bool included, bool descend)
{
    int rc = included ? ensure_dir(k, d, true) : 0;
    if (rc == 0 && descend)
        rc = copy_kids(k, d);
    if (rc < 0 || d->to_fd < 0)
        return rc;
    /* What was there under the name that the user gave keeps its owner and
     * mode; what was there below it does not. */
    if (included && (d->created || !top))
        return tenon_copy_dir_info(k, d);
    if (included || d->created)
        return tenon_copy_dir_times(k, d);
    return 0;
}

/* held: of the directory that the entry is in; NULL for the top, which no pattern
 * is about. */
static int
copy_entry(struct tenon_copier *k, struct tenon_copy_dir *up,
           struct tenon_entry *e, const char *name,
           const struct tenon_held *held)
{
    int rc = tenon_cancel_check(k->cancel, k->err);
    if (rc < 0)
        return rc;
    const char *path = tenon_buf_str(&k->path);
    bool top = !held;
    bool included = top || !k->include ||
                    tenon_patterns_match_in(k->include, held->include, path);
    bool excluded = !top && k->exclude &&
                    tenon_patterns_match_in(k->exclude, held->exclude, path);

    if (!S_ISDIR(e->mode)) {
        if (!included || excluded)
            return 0;
        rc = ensure_dir(k, up, false);
        return rc < 0 ? rc : tenon_copy_leaf(k, up, e, name);
    }
    auto_copy_dir struct tenon_copy_dir d = {.up = up,
                                             .from = e,
                                             .name = name,
                                             .to_fd = -1,
                                             .from_fd = -1,
                                             .depth = up->depth + 1,
                                             .overwrite = !top};
    bool descend = true;
    if (excluded)
        descend = tenon_patterns_may_reinclude(k->exclude, path);
    if (!included)
        descend = descend && tenon_patterns_may_match_below(k->include, path);
    /* Onto the root itself, which has no name. */
    if (top && !*name) {
        d.to_fd = openat(up->to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (d.to_fd < 0)
            return tenon_error_sys(k->err, "open \"/\"");
    }
    rc = copy_dir(k, &d, top, included && !excluded, descend);
    return rc < 0 ? rc : tenon_aside_open(d.to_fd, &up->to_fd, &up->aside, k->err);
}

/* ---- where it goes ------------------------------------------------------------ */

/* Clean, absolute, with the "/" or "/." at the end that mean something. */
static char *
clean_dest(const char *path)
{
    auto_free char *rooted = tenon_asprintf("/%s", path);
    auto_free char *clean = tenon_path_clean(rooted);
    const char *tail = "";
    if (tenon_has_suffix(rooted, "/."))
        tail = clean[1] ? "/." : ".";
    else if (tenon_has_suffix(rooted, "/") && clean[1])
        tail = "/";
    return tenon_asprintf("%s%s", clean, tail);
}

/* The directory that has to be there before anything else: of a destination
 * with a slash or "/." at the end, that itself. */
static char *
dir_to_ensure(const char *dest)
{
    const char *slash = strrchr(dest, '/');
    if (tenon_streq(slash, "/.") || tenon_streq(slash, "/"))
        return tenon_strdup(dest);
    return tenon_strndup(dest, (size_t)(slash - dest) + 1);
}

static uint32_t
made_dir_mode(const struct tenon_copy *c)
{
    bool octal = c->mode >= 0 && !(c->mode_str && *c->mode_str);
    return octal ? (uint32_t)c->mode & 0777 : DIR_MODE;
}

static int
make_dirs(struct tenon_copier *k, const char *path,
          struct tenon_made_dirs *made)
{
    return tenon_place_mkdir_p(k->dst, path, made_dir_mode(k->c), &k->c->owner,
                               made, k->err);
}

/* A path as written, with the last name taken from "." and "/" as Go's
 * filepath.Base gives it: then it adds nothing. */
static const char *
source_name(const char *src)
{
    const char *slash = strrchr(src, '/');
    return slash ? slash + 1 : src;
}

/* Decide under which name the source appears; k->to is that path. */
static int
choose_target(struct tenon_copier *k, const struct tenon_entry *e,
              const char *src, const char *dest, struct tenon_made_dirs *made)
{
    auto_free char *clean = tenon_path_clean(dest);
    auto_free char *real = NULL;
    int rc = tenon_place_resolve(k->dst, clean, &real, k->err);
    if (rc < 0)
        return rc;
    struct stat st;
    bool exists = true;
    rc = tenon_root_stat(k->dst, real, true, &st, k->err);
    if (rc == TENON_E_NOT_FOUND && k->err->sys == ENOENT) {
        tenon_error_release(k->err);
        exists = false;
    } else if (rc < 0) {
        return tenon_error_context(k->err, "destination");
    }

    bool is_dir = S_ISDIR(e->mode);
    bool contents = is_dir && k->c->dir_copy_contents;
    if (exists && !contents && (is_dir || S_ISDIR(st.st_mode))) {
        char *below = tenon_path_join(real, source_name(src));
        free(real);
        real = below;
    }
    if (contents && !exists) {
        rc = make_dirs(k, real, made);
    } else {
        auto_free char *up = tenon_path_join(real, "..");
        rc = make_dirs(k, up, made);
    }
    if (rc < 0)
        return rc;
    free(k->to);
    k->to = tenon_steal(&real);
    return 0;
}

/* In the words of what would have been called: those of a checksum, "not found", are for what is
 * known to be wanted before the step runs. */
static int
find_source(struct tenon_copier *k, const char *src, struct tenon_entry **out)
{
    const int rc = tenon_view_lookup(k->view, src, k->c->follow_symlink, out, k->err);

    if (rc != TENON_E_NOT_FOUND)
        return rc;
    tenon_error_release(k->err);
    return tenon_error_set(k->err, rc, "lstat /%s: no such file or directory",
                           src + strspn(src, "/"));
}

static int
copy_source(struct tenon_copier *k, const char *src, const char *dest)
{
    auto_made_dirs struct tenon_made_dirs made = {0};
    auto_free char *first = dir_to_ensure(dest);
    int rc = make_dirs(k, first, &made);
    if (rc < 0)
        return rc;
    struct tenon_entry *e;
    rc = find_source(k, src, &e);
    if (rc == 0)
        rc = choose_target(k, e, src, dest, &made);
    if (rc < 0)
        return rc;

    const char *name;
    auto_copy_dir struct tenon_copy_dir up = {
        .from = e->parent ? e->parent : e, .to_fd = -1, .from_fd = -1};
    int fd = tenon_place_parent(k->dst, k->to, &name, k->err);
    if (fd < 0)
        return fd;
    up.to_fd = fd;
    rc = copy_entry(k, &up, e, name, NULL);
    if (rc == 0)
        rc = tenon_place_fix_times(k->dst, &made, k->c->timestamp_ns, k->err);
    tenon_copy_forget_links(k);
    return rc;
}

/* ---- archives ------------------------------------------------------------------ */

/* A cheap look, so that what cannot be an archive makes no directory. */
static bool
may_be_archive(int fd)
{
    char head[TENON_SNIFF_BYTES];
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n > 0 && tenon_may_be_archive(head, (size_t)n);
}

/* 1 unpacked, 0 not an archive. */
static int
try_unpack(struct tenon_copier *k, const char *src, const char *dest)
{
    const struct tenon_copy *c = k->c;
    struct tenon_entry *e;
    int rc = tenon_view_lookup(k->view, src, true, &e, k->err);
    if (rc < 0)
        return rc;
    if (!S_ISREG(e->mode) || (e->flags & TENON_ENTRY_EMPTY))
        return 0;
    auto_close int fd = tenon_view_open(k->view, e, -1, k->err);
    if (fd < 0)
        return fd;
    if (!may_be_archive(fd))
        return 0;
    if (!c->unpack)
        return tenon_error_set(k->err, TENON_E_UNSUPPORTED,
                               "unpacking of \"%s\" is not available", src);
    auto_made_dirs struct tenon_made_dirs made = {0};
    auto_free char *real = NULL;
    rc = tenon_place_mkdir_p(k->dst, dest, DIR_MODE, &c->owner, &made, k->err);
    if (rc == 0)
        rc = tenon_place_resolve(k->dst, dest, &real, k->err);
    if (rc == 0)
        rc = c->unpack(fd, k->dst, real,
                        c->owner.set ? (int64_t)c->owner.uid : -1,
                        c->owner.set ? (int64_t)c->owner.gid : -1, c->limits, k->cancel,
                        k->err);
    if (rc == 0) /* compressed, but no tar inside */
        tenon_place_unmake(k->dst, &made);
    if (rc <= 0)
        return rc;
    int fixed = tenon_place_fix_times(k->dst, &made, c->timestamp_ns, k->err);
    return fixed < 0 ? fixed : 1;
}

/* ---- the action ------------------------------------------------------------------ */

static int
check_dest(int dst, const char *dest, struct tenon_error *err)
{
    auto_free char *clean = tenon_path_clean(dest);
    auto_free char *real = NULL;
    int rc = tenon_place_resolve(dst, clean, &real, err);
    if (rc < 0)
        return rc;
    auto_free char *up = tenon_path_join(real, "..");
    struct stat st;
    rc = tenon_root_stat(dst, up, false, &st, err);
    return rc < 0 ? tenon_error_context(err, "destination \"%s\"", clean) : 0;
}

static int
copy_all(struct tenon_copier *k, const char *dest)
{
    const struct tenon_copy *c = k->c;
    auto_matches struct tenon_matches found = {0};
    auto_free char *src = clean_dest(c->src ? c->src : "");
    bool wildcard = c->allow_wildcard && tenon_view_is_wildcard(src);
    if (wildcard) {
        int rc = tenon_view_glob(k->view, src, c->follow_symlink, &found,
                                  k->err);
        if (rc < 0)
            return rc;
        if (!found.list.len && !c->allow_empty_wildcard)
            return tenon_error_set(k->err, TENON_E_NOT_FOUND, "%s not found",
                                   src);
    } else {
        /* A pattern's path is cleaned on the way; without, "/." at the end
         * still asks for the contents. */
        if (c->allow_wildcard) {
            char *clean = tenon_path_clean(src);
            free(src);
            src = clean;
        }
        tenon_vec_push(&found.list,
                       (struct tenon_match){.path = tenon_steal(&src)});
    }
    int rc = 0;
    tenon_vec_foreach(m, &found.list)
    {
        rc = c->attempt_unpack ? try_unpack(k, m->path, dest) : 0;
        if (rc == 0)
            rc = copy_source(k, m->path, dest);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int
tenon_tree_copy(int dst, const struct tenon_copy *c,
                struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct tenon_copier k = {.c = c,
                             .view = c->src_view,
                             .dst = dst,
                             .cancel = cancel,
                             .err = err};
    if (c->mode_str && *c->mode_str &&
        !tenon_chmod_apply(c->mode_str, 0, false, NULL))
        return tenon_error_set(err, TENON_E_INVALID, "invalid mode \"%s\"",
                               c->mode_str);
    auto_free char *dest = clean_dest(c->dest ? c->dest : "");
    int rc = c->create_dest_path ? 0 : check_dest(dst, dest, err);
    if (rc == 0)
        rc = tenon_view_compile(c->include, "include", &k.include, err);
    if (rc == 0)
        rc = tenon_view_compile(c->exclude, "exclude", &k.exclude, err);
    if (rc == 0)
        rc = tenon_view_require(c->src_view, c->src ? c->src : "",
                                 c->follow_symlink, c->required, k.include,
                                 k.exclude, err);
    if (rc == 0)
        rc = copy_all(&k, dest);
    if (rc == 0)
        rc = tenon_view_check_patterns(k.include, k.exclude, err);
    tenon_copy_forget_links(&k);
    tenon_patterns_free(k.include);
    tenon_patterns_free(k.exclude);
    tenon_buf_release(&k.path);
    free(k.to);
    return rc < 0 ? rc : 0;
}

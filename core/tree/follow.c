/* tree/follow.c - see follow.h. */
#include "tree/follow.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "tools/pattern.h"
#include "tools/vec.h"

/* against bombs of links and wildcards */
#define MAX_RESOLVED 10000
#define MAX_DEPTH 255

struct follower {
    int rootfd;
    TENON_VEC(char *) resolved; /* in the order of finding; few */
};

static void
follower_release(struct follower *f)
{
    tenon_vec_foreach(p, &f->resolved)
        free(*p);
    tenon_vec_release(&f->resolved);
}
TENON_DEFINE_AUTO_STRUCT(follower, struct follower, follower_release);

static bool
is_resolved(const struct follower *f, const char *path)
{
    tenon_vec_foreach(p, &f->resolved)
        if (tenon_streq(*p, path))
            return true;
    return false;
}

static int
add_resolved(struct follower *f, const char *path, struct tenon_error *err)
{
    if (f->resolved.len >= MAX_RESOLVED)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "too many links after \"%s\"", path);
    tenon_vec_push(&f->resolved, tenon_strdup(path));
    return 0;
}

/* The place, relative to the root, that a link at path leads to; NULL when it
 * is not a link. */
static int
link_target(struct follower *f, const char *path, char **out,
            struct tenon_error *err)
{
    *out = NULL;
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int fd =
        tenon_root_open(f->rootfd, path, O_PATH | O_NOFOLLOW, 0, &ignored);
    if (fd == TENON_E_NOT_FOUND)
        return 0;
    if (fd < 0)
        return tenon_error_move(err, &ignored);
    char text[PATH_MAX];
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
        return 0;
    ssize_t n = readlinkat(fd, "", text, sizeof text - 1);
    if (n < 0)
        return tenon_error_sys(err, "read link \"%s\"", path);
    text[n] = '\0';
    auto_free char *joined = NULL;
    if (text[0] == '/')
        joined = tenon_strdup(text);
    else
        joined = tenon_asprintf("/%s/../%s", path, text);
    auto_free char *clean = tenon_path_clean(joined);
    *out = tenon_strdup(clean[1] ? clean + 1 : ".");
    return 0;
}

static bool
has_wildcard(const char *name)
{
    for (; *name; name++) {
        if (*name == '\\' && name[1])
            name++;
        else if (*name == '*' || *name == '?' || *name == '[')
            return true;
    }
    return false;
}

typedef TENON_VEC(char *) string_list;

static void
string_list_release(string_list *l)
{
    tenon_vec_foreach(p, l)
        free(*p);
    tenon_vec_release(l);
}
TENON_DEFINE_AUTO_STRUCT(string_list, string_list, string_list_release);

/* Targets of all links in the directory of `path` whose name it matches. */
static int
wildcard_targets(struct follower *f, const char *path, string_list *out,
                 struct tenon_error *err)
{
    auto_free char *up = tenon_path_join(path, "..");
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_close int fd = tenon_root_open(f->rootfd, up, O_RDONLY | O_DIRECTORY,
                                        0, &ignored);
    if (fd < 0)
        return fd == TENON_E_NOT_FOUND ? 0 : tenon_error_move(err, &ignored);
    auto_dir DIR *dir = fdopendir(fd);
    if (!dir)
        return tenon_error_sys(err, "read directory \"%s\"", up);
    fd = -1;
    const char *base = tenon_path_base(path);
    for (struct dirent *d; (d = readdir(dir));) {
        bool bad;
        if (tenon_streq(d->d_name, ".") || tenon_streq(d->d_name, "..") ||
            !tenon_glob_match(base, d->d_name, &bad))
            continue;
        auto_free char *one = tenon_path_join(up, d->d_name);
        char *target;
        int rc = link_target(f, one, &target, err);
        if (rc < 0)
            return rc;
        if (target)
            tenon_vec_push(out, target);
    }
    return 0;
}

static int
follow_one(struct follower *f, const char *path, unsigned depth,
           struct tenon_error *err)
{
    if (depth > MAX_DEPTH)
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\": too many links",
                               path);
    auto_free char *rooted = tenon_asprintf("/%s", path);
    auto_free char *clean = tenon_path_clean(rooted);
    auto_free char *current = tenon_strdup(".");
    const char *rest = clean + 1;
    do {
        size_t len = strcspn(rest, "/");
        auto_free char *name = tenon_strndup(rest, len);
        rest += len + (rest[len] == '/');
        char *next = tenon_path_join(current, name);
        free(current);
        current = next;

        __attribute__((cleanup(tenon_auto_string_list))) string_list targets =
            {0};
        int rc = 0;
        if (has_wildcard(name)) {
            rc = wildcard_targets(f, current, &targets, err);
        } else {
            char *target;
            rc = link_target(f, current, &target, err);
            if (rc == 0 && target)
                tenon_vec_push(&targets, target);
        }
        if (rc < 0)
            return rc;
        if (*rest && !targets.len)
            continue;
        /* The end of the path, or a link: what is below that is not looked
         * at, the link's target with the rest after it is. */
        if (is_resolved(f, current))
            return 0;
        rc = add_resolved(f, current, err);
        tenon_vec_foreach(target, &targets)
        {
            if (rc < 0)
                return rc;
            auto_free char *on = tenon_path_join(*target, rest);
            rc = follow_one(f, on, depth + 1, err);
        }
        return rc;
    } while (*rest);
    return 0;
}

int
tenon_follow_paths(int rootfd, const char *const *wanted, char ***list,
                   struct tenon_error *err)
{
    __attribute__((cleanup(tenon_auto_follower))) struct follower f = {
        .rootfd = rootfd};
    for (; *wanted; wanted++) {
        int rc = follow_one(&f, *wanted, 0, err);
        if (rc < 0)
            return tenon_error_context(err, "follow \"%s\"", *wanted);
    }
    if (is_resolved(&f, "."))
        return 0;
    tenon_vec_foreach(p, &f.resolved)
    {
        tenon_strv_push(list, *p);
        *p = NULL;
    }
    return 0;
}

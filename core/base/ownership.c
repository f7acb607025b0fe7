/* base/ownership.c - see ownership.h. */
#include "ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ids.h"
#include "privategroup.h"
#include "tools/alloc.h"
#include "tools/buf.h"

enum { OVERFLOW_ID = 65534, LINKS_MAX = 40 };

/* What the checks of one path have in common. */
struct vet {
    const char *what;   /* begins its messages */
    bool mapped;        /* root of outside is the overflow uid */
    struct tenon_error *err;
};

static bool
owner_is_trusted(const struct stat *st, bool overflow)
{
    return st->st_uid == 0 || st->st_uid == geteuid() ||
           (overflow && st->st_uid == OVERFLOW_ID);
}

static int
refuse_owner(const struct vet *v, const char *path, const struct stat *st)
{
    return tenon_error_set(v->err, TENON_E_DENIED,
                           "%s: %s belongs to uid %u, not to root or this user", v->what, path,
                           (unsigned)st->st_uid);
}

/* Then the bits of the group are a mask of what users and groups by name may, and the group's
 * name says nothing.  What cannot be looked up counts as one. */
static bool
has_access_list(const char *path)
{
    static const char *const kinds[] = {
        "system.posix_acl_access", "system.nfs4_acl", "system.nfs4acl_xdr",
        "system.richacl", "system.cifs_acl", "system.ntfs_acl",
    };

    for (size_t i = 0; i < tenon_countof(kinds); i++)
        if (lgetxattr(path, kinds[i], NULL, 0) >= 0 || (errno != ENODATA && errno != EOPNOTSUPP))
            return true;
    return false;
}

/* With umask 002, as many systems have it for who has a group of their own, all is writable for
 * that group.  Root's is older than that custom, and has had members. */
static bool
is_ours_alone(const char *path, gid_t gid)
{
    return geteuid() != 0 && tenon_is_private_group(geteuid(), gid) && !has_access_list(path);
}

static int
vet_one(const struct vet *v, const char *path, const struct stat *st, bool overflow)
{
    if (!owner_is_trusted(st, overflow))
        return refuse_owner(v, path, st);
    if ((st->st_mode & S_IWOTH) || ((st->st_mode & S_IWGRP) && !is_ours_alone(path, st->st_gid))) {
        tenon_error_set(v->err, TENON_E_DENIED, "%s: others may write to %s", v->what, path);
        return tenon_error_hint(v->err, "chmod go-w %s", path);
    }
    return TENON_OK;
}

/* Where the link `name` leads to, from where it is; malloc'ed, NULL with errno. */
static char *
link_target(const char *name)
{
    char target[PATH_MAX];
    ssize_t n = readlink(name, target, sizeof target - 1);
    if (n < 0)
        return NULL;
    target[n] = '\0';
    const char *last = strrchr(name, '/');
    return *target == '/' ? tenon_strdup(target)
                          : tenon_asprintf("%.*s/%s", (int)(last - name), name, target);
}

/* A user who may write to a directory on the way may put something else there.  A
 * component that is a link is judged by the directory it is in, and by each directory on
 * the way to its target.  What is not there may be there in a moment: whoever could put it is
 * looked for all the same. */
static int
vet_directories(const struct vet *v, const char *path, unsigned depth)
{
    if (depth > LINKS_MAX)
        return tenon_error_errno(v->err, ELOOP, "stat %s", path);
    int failure = TENON_OK; /* v->err, until something is worse */
    auto_free char *dir = tenon_strdup(path);
    for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
        struct stat st;
        *slash = '\0';
        const char *name = *dir ? dir : "/";
        if (lstat(name, &st) < 0) {
            failure = tenon_error_sys(v->err, "stat %s", name);
            continue;
        }
        if (S_ISLNK(st.st_mode)) {
            if (!owner_is_trusted(&st, v->mapped)) /* a sticky directory lets its owner change it */
                return refuse_owner(v, name, &st);
            auto_free char *target = link_target(name);
            if (!target)
                return tenon_error_sys(v->err, "read link %s", name);
            auto_free char *to = tenon_asprintf("%s/", target);
            int rc = vet_directories(v, to, depth + 1);
            if (rc == TENON_E_DENIED)
                return rc;
            failure = rc < 0 ? rc : failure;
            continue;
        }
        /* In a sticky directory such as /tmp other users cannot replace our file, and
         * what is below it has been checked already. */
        if (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) && owner_is_trusted(&st, v->mapped))
            continue;
        if (vet_one(v, name, &st, v->mapped) < 0)
            return v->err->code;
    }
    return failure;
}

static char *
absolute(const char *path)
{
    auto_free char *cwd = *path == '/' ? NULL : getcwd(NULL, 0);
    return cwd ? tenon_asprintf("%s/%s", cwd, path) : tenon_strdup(path);
}

int
tenon_vet_path(const char *path, const char *what, struct tenon_error *err)
{
    struct vet v = { what, tenon_ids_mapped(), err };
    auto_free char *whole = absolute(path);
    auto_free char *all = tenon_asprintf("%s/", whole); /* itself, too */
    return vet_directories(&v, all, 0);
}

static bool
are_neighbours(const char *a, const char *b)
{
    const size_t len = (size_t)(strrchr(a, '/') + 1 - a);
    return !strncmp(a, b, len) && !strchr(b + len, '/');
}

/* The path itself, which may be a link.  Where it leads out of its directory, the overflow uid is
 * nobody's that is known. */
static int
vet_file(const struct vet *v, const char *path, bool file_of_root, unsigned depth)
{
    auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    const bool is_link = fd < 0 && errno == ELOOP && lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    if (!is_link && (fd < 0 || fstat(fd, &st) < 0))
        return tenon_error_sys(v->err, "open %s", path);
    if (!is_link && !S_ISREG(st.st_mode))
        return tenon_error_set(v->err, TENON_E_DENIED, "%s: %s is not a regular file", v->what,
                               path);
    if (is_link ? !owner_is_trusted(&st, file_of_root) : vet_one(v, path, &st, file_of_root) < 0)
        return is_link ? refuse_owner(v, path, &st) : v->err->code;
    auto_free char *whole = absolute(path);
    if (vet_directories(v, whole, 0) < 0 || !is_link)
        return v->err->code;
    if (depth == LINKS_MAX)
        return tenon_error_errno(v->err, ELOOP, "open %s", path);
    auto_free char *target = link_target(whole);
    if (!target)
        return tenon_error_sys(v->err, "read link %s", path);
    if (vet_file(v, target, file_of_root && are_neighbours(whole, target), depth + 1) < 0)
        return tenon_error_context(v->err, "%s is a link to %s", path, target);
    return TENON_OK;
}

int
tenon_vet_file(const char *path, const char *what, bool file_of_root, struct tenon_error *err)
{
    const struct vet v = { what, tenon_ids_mapped(), err };
    return vet_file(&v, path, file_of_root, 0);
}

/* ---- where everybody may write --------------------------------------------------- */

/* In a user namespace that is everybody who has no id there: root, and all others. */
static bool
is_anybody(uid_t uid)
{
    return uid == OVERFLOW_ID && tenon_ids_mapped();
}

/* Was it put by a user who is neither we nor the owner of `dir`, where everybody may put
 * things?  Of directories it is what lies in them that matters. */
static bool
planted(const char *dir, const struct stat *it)
{
    struct stat st;
    return !S_ISDIR(it->st_mode) && stat(dir, &st) == 0 && (st.st_mode & S_ISVTX) &&
           (st.st_mode & (S_IWOTH | S_IWGRP)) && it->st_uid != geteuid() &&
           (it->st_uid != st.st_uid || is_anybody(it->st_uid));
}

static int
vet_shared(const char *path, unsigned depth, struct tenon_error *err)
{
    if (depth > LINKS_MAX)
        return tenon_error_errno(err, ELOOP, "%s", path);
    auto_free char *at = tenon_strdup(path);
    for (char *end = at; *end;) {
        end += strspn(end, "/");
        char *name = end;
        end += strcspn(end, "/");
        if (end == name)
            break;
        char kept = *end;
        *end = '\0';
        struct stat st;
        if (lstat(at, &st) < 0)
            return TENON_OK; /* to be made, or for others to complain about */
        char first = *name;
        *name = '\0';
        bool foreign = planted(*at ? at : "/", &st);
        *name = first;
        if (foreign) {
            auto_free char *who = is_anybody(st.st_uid)
                                      ? tenon_strdup("another user")
                                      : tenon_asprintf("uid %u", (unsigned)st.st_uid);
            return tenon_error_set(err, TENON_E_DENIED,
                                   "%s was put by %s into a directory where everybody may "
                                   "write, and is not used", at, who);
        }
        if (S_ISLNK(st.st_mode)) {
            auto_free char *target = link_target(at);
            *end = kept;
            auto_free char *to = target ? tenon_asprintf("%s%s", target, end) : NULL;
            return to ? vet_shared(to, depth + 1, err) : TENON_OK;
        }
        *end = kept;
    }
    return TENON_OK;
}

int
tenon_vet_shared(const char *path, struct tenon_error *err)
{
    auto_free char *whole = absolute(path);
    return vet_shared(whole, 0, err);
}

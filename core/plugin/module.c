/* plugin/module.c - see module.h. */
#include "plugin/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <ltdl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"

static pthread_mutex_t ltdl_lock = PTHREAD_MUTEX_INITIALIZER;

enum { OVERFLOW_ID = 65534, LINKS_MAX = 40 };

static bool
owner_is_trusted(const struct stat *st, bool below_trusted)
{
    return st->st_uid == 0 || st->st_uid == geteuid() ||
           (below_trusted && st->st_uid == OVERFLOW_ID);
}

static int
refuse_owner(const char *path, const struct stat *st, struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_DENIED,
                           "plugin refused: %s belongs to uid %u, not to root or this user",
                           path, (unsigned)st->st_uid);
}

static int
vet_one(const char *path, const struct stat *st, bool below_trusted,
        struct tenon_error *err)
{
    if (!owner_is_trusted(st, below_trusted))
        return refuse_owner(path, st, err);
    if (st->st_mode & (S_IWGRP | S_IWOTH)) {
        tenon_error_set(err, TENON_E_DENIED,
                        "plugin refused: others may write to %s", path);
        return tenon_error_hint(err, "chmod go-w %s", path);
    }
    return TENON_OK;
}

/* A user who may write to a directory on the way may put something else there.  A
 * component that is a link is judged by the directory it is in, and by each directory on
 * the way to its target. */
static int
vet_directories(const char *path, unsigned depth, struct tenon_error *err)
{
    if (depth > LINKS_MAX)
        return tenon_error_errno(err, ELOOP, "stat %s", path);
    auto_free char *dir = tenon_strdup(path);
    for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
        struct stat st;
        *slash = '\0';
        const char *name = *dir ? dir : "/";
        if (lstat(name, &st) < 0)
            return tenon_error_sys(err, "stat %s", name);
        if (S_ISLNK(st.st_mode)) {
            char target[PATH_MAX];
            if (!owner_is_trusted(&st, true)) /* a sticky directory lets its owner change it */
                return refuse_owner(name, &st, err);
            ssize_t n = readlink(name, target, sizeof target - 1);
            if (n < 0)
                return tenon_error_sys(err, "read link %s", name);
            target[n] = '\0';
            const char *last = strrchr(name, '/');
            auto_free char *to = *target == '/'
                                     ? tenon_asprintf("%s/", target)
                                     : tenon_asprintf("%.*s/%s/", (int)(last - name), name, target);
            if (vet_directories(to, depth + 1, err) < 0)
                return err->code;
            continue;
        }
        /* In a sticky directory such as /tmp other users cannot replace our file, and
         * what is below it has been checked already. */
        if ((st.st_mode & S_ISVTX) && owner_is_trusted(&st, true))
            continue;
        if (vet_one(name, &st, true, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

static bool
is_below(const char *path, const char *dir)
{
    return dir && tenon_has_prefix(path, dir) && path[strlen(dir)] == '/';
}

int
tenon_module_vet(const char *path, const char *trusted_dir,
                 struct tenon_error *err)
{
    bool trusted = is_below(path, trusted_dir);
    auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return tenon_error_sys(err, "open plugin %s", path);
    if (!S_ISREG(st.st_mode))
        return tenon_error_set(err, TENON_E_DENIED,
                               "plugin refused: %s is not a regular file", path);
    if (vet_one(path, &st, trusted, err) < 0)
        return err->code;
    return vet_directories(path, 0, err);
}

static int
start_ltdl(struct tenon_error *err)
{
    static bool started; /* under ltdl_lock */
    if (started)
        return TENON_OK;
    if (lt_dlinit() != 0)
        return tenon_error_set(err, TENON_E_FAILED, "start libltdl: %s",
                               lt_dlerror());
    started = true;
    return TENON_OK;
}

/* libltdl says "file not found" for an undefined symbol; the loader itself
 * knows the reason. */
static int
explain_failure(const char *path, const char *said, struct tenon_error *err)
{
    auto_free char *keep = tenon_strdup(said ? said : "unknown reason");
    void *again = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *reason = again ? keep : dlerror();
    return tenon_error_set(err, TENON_E_FAILED, "load plugin %s: %s", path,
                           reason ? reason : keep);
}

int
tenon_module_open(const char *path, const char *symbol,
                  const struct tenon_plugin **out, struct tenon_error *err)
{
    typedef const struct tenon_plugin *query_fn(void);
    int rc = TENON_OK;

    pthread_mutex_lock(&ltdl_lock);
    lt_dladvise advise = NULL;
    lt_dlhandle handle = NULL;
    if (start_ltdl(err) < 0)
        goto done;
    if (lt_dladvise_init(&advise) == 0 && lt_dladvise_local(&advise) == 0 &&
        lt_dladvise_resident(&advise) == 0)
        handle = lt_dlopenadvise(path, advise);
    if (!handle) {
        explain_failure(path, lt_dlerror(), err);
        goto done;
    }
    /* lt_dlsym looks up KIND-NAME_LTX_... by the module's own name, with the
     * hyphens kept in some versions: ask for the full symbol. */
    void *address = lt_dlsym(handle, symbol);
    if (!address)
        address = lt_dlsym(handle, "tenon_plugin_query");
    if (!address) {
        tenon_error_set(err, TENON_E_INVALID,
                        "load plugin %s: it does not export %s", path, symbol);
        goto done;
    }
    query_fn *query;
    memcpy(&query, &address, sizeof query);
    *out = query();
    if (!*out)
        tenon_error_set(err, TENON_E_INVALID,
                        "load plugin %s: its query function gave nothing", path);
done:
    rc = err->code;
    if (advise)
        lt_dladvise_destroy(&advise);
    pthread_mutex_unlock(&ltdl_lock);
    return rc;
}

/* executor-oci/ocimounts.c - see ocimounts.h. */
#include "ocimounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/exec/mountapi.h"
#include "common/exec/profile.h"
#include "tools/alloc.h"
#include "tools/path.h"

static const char *const own_trees[] = { "dev", "proc", "sys" };
static const char *const own_names[] = { "fd",   "stdin", "stdout", "stderr",
                                         "ptmx", "pts",   "console" };

bool
ocimounts_is_of_runtime(const struct tenon_exec_mount *m)
{
    return tenon_path_is_below(m->target, "/dev") || tenon_path_is_below(m->target, "/sys");
}

/* What the runtime makes itself in /dev; it hides files with the step's null. */
static bool
is_own_name(const char *target)
{
    if (!tenon_path_is_below(target, "/dev"))
        return false;
    const char *name = target + sizeof "/dev/" - 1;
    size_t len = strcspn(name, "/");
    for (size_t i = 0; i < tenon_countof(own_names); i++)
        if (strlen(own_names[i]) == len && !strncmp(own_names[i], name, len))
            return true;
    for (size_t i = 0; i < profile_device_count; i++)
        if (strlen(profile_devices[i].name) == len && !strncmp(profile_devices[i].name, name, len))
            return true;
    return false;
}

/* In another mount there are links of the step's. */
static bool
is_nested(const struct tenon_exec *x, const struct tenon_exec_mount *m)
{
    for (size_t i = 0; i < x->mount_count; i++)
        if (tenon_path_is_below(m->target, x->mounts[i]->target))
            return true;
    return false;
}

const struct tenon_exec_mount *
ocimounts_refused(const struct tenon_exec *x)
{
    for (size_t i = 0; i < x->mount_count; i++) {
        const struct tenon_exec_mount *m = x->mounts[i];
        if (!strcmp(m->target, "/dev") || !strcmp(m->target, "/proc") ||
            !strcmp(m->target, "/sys") || tenon_path_is_below(m->target, "/proc") ||
            is_own_name(m->target) ||
            (ocimounts_is_of_runtime(m) && is_nested(x, m)))
            return m;
    }
    return NULL;
}

/* ---- before the runtime starts ---------------------------------------------------- */

/* By a link of the image, or of what is mounted. */
static int
check_place(int root, const struct tenon_exec_mount *m)
{
    char name[40] = "/proc/self/fd/", path[PATH_MAX], top[PATH_MAX];
    int fds[2] = { root, mountapi_open_in(root, m->target, O_PATH) };
    char *const out[2] = { top, path };
    int e = fds[1] < 0 ? errno : 0;
    for (int i = 0; !e && i < 2; i++) {
        char digits[12];
        size_t n = 0, at = sizeof "/proc/self/fd/" - 1;
        for (int fd = fds[i]; !n || fd; fd /= 10)
            digits[n++] = (char)('0' + fd % 10);
        while (n)
            name[at++] = digits[--n];
        name[at] = 0;
        ssize_t len = readlink(name, out[i], PATH_MAX - 1);
        if (len < 0)
            e = errno;
        out[i][len > 0 ? len : 0] = 0;
    }
    size_t n = e ? 0 : strlen(top);
    for (size_t i = 0; !e && i < tenon_countof(own_trees); i++) {
        size_t len = strlen(own_trees[i]);
        if (!strncmp(path, top, n) && path[n] == '/' && !strncmp(path + n + 1, own_trees[i], len) &&
            (!path[n + 1 + len] || path[n + 1 + len] == '/'))
            e = EXDEV;
    }
    if (fds[1] >= 0)
        close(fds[1]);
    return e;
}

int
ocimounts_attach(const struct tenon_exec *x, const char **what)
{
    *what = "open the step's root";
    int root = open(x->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int e = root < 0 ? errno : 0;
    for (size_t i = 0; !e && i < tenon_countof(own_trees); i++) {
        *what = own_trees[i];
        int fd = mountapi_open_plain(root, own_trees[i], O_PATH | O_DIRECTORY);
        if (fd >= 0)
            close(fd);
        else if (errno != ENOENT) /* the runtime makes it */
            e = errno;
    }
    for (size_t i = 0; !e && i < x->mount_count; i++) {
        const struct tenon_exec_mount *m = x->mounts[i];
        if (ocimounts_is_of_runtime(m))
            continue;
        *what = m->target;
        e = check_place(root, m);
        if (!e || e == ENOENT)
            e = mountapi_attach_step(root, m, 0);
    }
    if (root >= 0)
        close(root);
    return e;
}

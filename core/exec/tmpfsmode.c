/* exec/tmpfsmode.c - a tmpfs over a directory of the image has the mode of that directory, as
 * runc gives it one; where there is none it is anybody's, as /tmp is.  Owner and contents
 * are the tmpfs's own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/root.h"
#include "exec/private.h"

static bool
is_tmpfs(const struct tenon_step_mount *m)
{
    return !m->op->plugin_type && m->op->type == TENON_LLB_MOUNT_TMPFS;
}

/* The innermost other mount that target is in; NULL: it is in the root. */
static const struct tenon_step_mount *
around(const struct tenon_step *s, const struct tenon_step_mount *inner)
{
    const struct tenon_step_mount *found = NULL;
    tenon_vec_foreach(m, &s->mounts) {
        size_t len = m->target ? strlen(m->target) : 0;
        if (m == inner || !m->source || m->covered || strncmp(inner->target, m->target, len) ||
            inner->target[len] != '/')
            continue;
        if (!found || len > strlen(found->target))
            found = m;
    }
    return found;
}

int
tenon_step_tmpfs_modes(struct tenon_step *s, struct tenon_error *err)
{
    tenon_vec_foreach(m, &s->mounts) {
        struct stat st;
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        if (!is_tmpfs(m) || !m->source || m->covered)
            continue;
        const struct tenon_step_mount *outer = around(s, m);
        auto_close int fd = outer ? open(outer->source, O_PATH | O_CLOEXEC) : -1;
        if (outer && fd < 0)
            return tenon_error_sys(err, "open %s", outer->source);
        const char *path = m->target + (outer ? strlen(outer->target) : 0);
        if (tenon_root_stat(outer ? fd : s->rootfd, path, true, &st, &none) < 0 ||
            !S_ISDIR(st.st_mode))
            continue;
        if (chmod(m->source, st.st_mode & 07777) < 0 && errno != EROFS)
            return tenon_error_sys(err, "mount tmpfs at %s: set its mode", m->target);
    }
    return 0;
}

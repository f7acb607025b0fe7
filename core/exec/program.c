/* exec/program.c - the step's program: which file of its root is it? */
#include <fcntl.h>
#include <string.h>

#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "exec/private.h"

static const char *
path_of(const struct tenon_step *s)
{
    for (char **e = s->env; e && *e; e++)
        if (tenon_has_prefix(*e, "PATH="))
            return *e + 5;
    return "";
}

bool
tenon_step_is_mounted_over(const struct tenon_step *s, const char *path)
{
    tenon_vec_foreach(m, &s->mounts) {
        size_t n = m->target ? strlen(m->target) : 0;
        if (n && !strncmp(path, m->target, n) && (!path[n] || path[n] == '/'))
            return true;
    }
    return false;
}

int
tenon_step_open_program(const struct tenon_step *s, const char *path)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    return tenon_root_open(s->rootfd, path, O_RDONLY | O_NONBLOCK, 0, &ignored);
}

char *
tenon_step_find_program(const struct tenon_step *s, bool *unsure)
{
    const char *name = s->op->args[0];
    if (strchr(name, '/')) {
        auto_free char *cwd = tenon_path_join("/", s->op->cwd);
        char *path = name[0] == '/' ? tenon_path_clean(name) : tenon_path_join(cwd, name);
        *unsure = tenon_step_is_mounted_over(s, path);
        auto_close int fd = tenon_step_open_program(s, path);
        if (fd < 0)
            free(tenon_steal(&path));
        return path;
    }
    for (const char *p = path_of(s); *p;) {
        size_t n = strcspn(p, ":");
        auto_free char *dir = tenon_strndup(p, n);
        auto_free char *path = tenon_path_join(dir, name);
        *unsure = *unsure || tenon_step_is_mounted_over(s, path);
        auto_close int fd = tenon_step_open_program(s, path);
        if (fd >= 0)
            return tenon_steal(&path);
        p += n + (p[n] == ':');
    }
    return NULL;
}

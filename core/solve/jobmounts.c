/* solve/jobmounts.c - chains mounted for the time of one job, below a temporary directory. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "solve/private.h"

void
job_mounts_release(struct job_mounts *m)
{
    for (size_t i = m->fds.len; i > 0; i--) {
        if (m->fds.items[i - 1] < 0)
            continue;
        close(m->fds.items[i - 1]);
        tenon_unmount(m->paths.items[i - 1]);
    }
    tenon_vec_foreach(p, &m->paths)
        free(*p);
    tenon_vec_release(&m->paths);
    tenon_vec_release(&m->fds);
    if (m->tempdir)
        tenon_tempdir_free(m->tempdir);
    m->tempdir = NULL;
}

int
job_mount(struct job_mounts *m, const struct tenon_chain *chain,
          struct tenon_snapshot_work *upper, struct tenon_error *err)
{
    if (!m->tempdir && tenon_tempdir_new_small(m->store, &m->tempdir, err) < 0)
        return err->code;
    auto_free char *path = tenon_asprintf(
        "%s/m%u", tenon_tempdir_path(m->tempdir), m->count++);
    if (mkdir(path, 0700) < 0)
        return tenon_error_sys(err, "make %s", path);
    if (tenon_chain_mount(m->store, chain, upper, path, err) < 0)
        return err->code;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        tenon_error_sys(err, "open %s", path);
        tenon_unmount(path);
        return err->code;
    }
    tenon_vec_push(&m->fds, fd);
    tenon_vec_push(&m->paths, tenon_steal(&path));
    return fd;
}

int
job_unmount(struct job_mounts *m, int fd, struct tenon_error *err)
{
    for (size_t i = 0; i < m->fds.len; i++) {
        if (m->fds.items[i] != fd)
            continue;
        close(fd);
        m->fds.items[i] = -1;
        int rc = tenon_unmount(m->paths.items[i]);
        if (rc < 0)
            return tenon_error_errno(err, -rc, "unmount %s", m->paths.items[i]);
        return 0;
    }
    return tenon_error_set(err, TENON_E_BUG, "no such mount");
}

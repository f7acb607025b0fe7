/* common/exec/mountapi.h - the new mount API as functions: -1 and errno.  Async-signal-safe. */
#ifndef TENON_COMMON_EXEC_MOUNTAPI_H
#define TENON_COMMON_EXEC_MOUNTAPI_H

#include <stdbool.h>

#include <tenon-plugin.h>

struct mountapi_option {
    const char *key, *value; /* value NULL: a flag */
};
int mountapi_fs(const char *type, const struct mountapi_option *options, unsigned attrs);
int mountapi_open_tree(int dirfd, const char *path, bool recursive);
int mountapi_set_attrs(int fd, unsigned attrs, bool recursive);
int mountapi_attach(int mountfd, int targetfd);
/* Below root as if it were "/"; follows links inside it only. */
int mountapi_open_in(int root, const char *path, int flags);
/* No link in path at all. */
int mountapi_open_plain(int root, const char *path, int flags);

/* Mount what m says at its target below root, and make mount points that are inside of
 * other mounts; attrs are added to those of m.  0 or an errno. */
int mountapi_attach_step(int root, const struct tenon_exec_mount *m, unsigned attrs);

#endif

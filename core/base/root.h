/* base/root.h - the only way to a path inside a rootfs, a context or an archive.
 *
 * All resolve `path` as if rootfd were "/": neither "..", absolute links nor
 * magic links lead out (openat2 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, or
 * the component walk where openat2 is refused; TENON_NO_OPENAT2=1 in the
 * environment of the tests forces the walk).  Descriptors are O_CLOEXEC and the
 * caller's.  Any thread. */
#ifndef TENON_BASE_ROOT_H
#define TENON_BASE_ROOT_H

#include <stdint.h>
#include <sys/stat.h>

#include "error.h"

/* flags as for open(2); O_NOFOLLOW concerns the last component only.
 * NOT_FOUND when something is missing (sys tells ENOENT or ENOTDIR). */
int tenon_root_open(int rootfd, const char *path, int flags, uint32_t mode,
                    struct tenon_error *err);
/* The directory that holds path's last component, and that component:
 * *name points into `path` copy in *keep (caller frees).  With "/" the name
 * is ".". */
int tenon_root_open_parent(int rootfd, const char *path, char **keep,
                           const char **name, struct tenon_error *err);
int tenon_root_stat(int rootfd, const char *path, bool follow, struct stat *st,
                    struct tenon_error *err);
/* mkdir -p inside the root, through links as the root sees them; new
 * directories get mode, uid and gid, and the set-group-id bit of what they are
 * in.  Returns an O_PATH descriptor of the last one.  If `made` is not NULL it
 * receives the number of directories created. */
int tenon_root_mkdir_p(int rootfd, const char *path, uint32_t mode,
                       uint32_t uid, uint32_t gid, unsigned *made,
                       struct tenon_error *err);
/* The path that `path` means inside the root once all links are followed,
 * clean and absolute; components that do not exist are kept as they are. */
int tenon_root_realpath(int rootfd, const char *path, char **out,
                        struct tenon_error *err);

#endif

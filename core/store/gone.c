/* store/gone.c - the mark of what a layer removes: overlayfs's device 0:0, or, in a store
 * that copies, where there may be no such device, a link to a text that is ours. */
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "store/private.h"

#define LINK_TEXT "\001removed by a layer of tenon's"

bool
tenon_store_copies(struct tenon_store *s)
{
    return __atomic_load_n(&s->copies.on, __ATOMIC_ACQUIRE);
}

bool
tenon_snapshot_is_gone(struct tenon_store *s, int dirfd, const char *name, const struct stat *st)
{
    char target[sizeof LINK_TEXT];
    if (S_ISCHR(st->st_mode))
        return st->st_rdev == makedev(0, 0);
    return S_ISLNK(st->st_mode) && st->st_size == sizeof LINK_TEXT - 1 && tenon_store_copies(s) &&
           readlinkat(dirfd, name, target, sizeof target) == sizeof LINK_TEXT - 1 &&
           !memcmp(target, LINK_TEXT, sizeof LINK_TEXT - 1);
}

int
store_mark_gone(int dirfd, const char *name, struct tenon_error *err)
{
    return mknodat(dirfd, name, S_IFCHR, makedev(0, 0)) < 0 &&
                   symlinkat(LINK_TEXT, dirfd, name) < 0
               ? tenon_error_sys(err, "mark \"%s\" as removed", name)
               : 0;
}

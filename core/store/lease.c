/* store/lease.c - see lease.h. */
#include "store/lease.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"

int64_t
store_oldest_lease(struct tenon_store *s)
{
    /* A process that comes while we look, or later, uses things after now. */
    int64_t oldest = (int64_t)tenon_now_ns();
    int fd = openat(s->locks_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        if (!tenon_has_prefix(e->d_name, "lease-"))
            continue;
        uint64_t pid, start;
        const char *dash = strrchr(e->d_name, '-');
        if (dash < e->d_name + 6)
            continue; /* not a lease: it has one number only */
        auto_free char *pid_text = tenon_strndup(e->d_name + 6, (size_t)(dash - e->d_name - 6));
        if (!tenon_parse_u64(pid_text, 10, &pid) || !tenon_parse_u64(dash + 1, 10, &start) ||
            tenon_streq(e->d_name, s->lease_name)) /* by number is not enough: other
                                                    * pid namespaces have ours, too */
            continue;
        auto_close int lease = openat(s->locks_fd, e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (lease < 0)
            continue;
        if (store_flock(lease, LOCK_EX | LOCK_NB) == 0)
            unlinkat(s->locks_fd, e->d_name, 0); /* its owner is dead */
        else if ((int64_t)start < oldest)
            oldest = (int64_t)start;
    }
    return oldest;
}

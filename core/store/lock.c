/* store/lock.c - locks by name: files in locks/, held with flock.  A holder that is done
 * may remove the file; one that waited on the removed file notices, and opens the name
 * again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "store/private.h"

struct tenon_lock {
    int fd;
    int dir; /* locks/, the store's */
    char *name;
};

enum { PAUSE_MAX_MS = 20, DESCRIPTION_MAX = 256 };

/* "PID LOG\nHANDLE\n", of a file that its holder may be writing just now.  Of two handles of one
 * process each has another directory open, and so another number for it. */
static void
tell(const struct tenon_store *s, const struct tenon_lock_watch *watch, int fd)
{
    char text[DESCRIPTION_MAX + 1];
    ssize_t n = pread(fd, text, DESCRIPTION_MAX, 0);
    struct tenon_lock_holder holder = {0};
    text[n > 0 ? n : 0] = '\0';
    char *end = strchr(text, '\n');
    if (end) {
        *end = '\0';
        char *log = strchr(text, ' ');
        if (log)
            *log++ = '\0';
        char *handle = end + 1;
        handle[strcspn(handle, "\n")] = '\0';
        uint64_t pid, number;
        if (tenon_parse_u64(text, 10, &pid) && pid <= INT32_MAX)
            holder = (struct tenon_lock_holder){
                (int64_t)pid, log,
                pid == (uint64_t)getpid() && tenon_parse_u64(handle, 10, &number) &&
                    number == (uint64_t)s->locks_fd };
    }
    watch->look(watch->data, &holder);
}

static int
acquire(struct tenon_store *s, const char *name, bool shared, int cancel_fd,
        const struct tenon_lock_watch *watch, bool *waited, struct tenon_lock **out,
        struct tenon_error *err)
{
    int pause = 1;
    for (;;) {
        auto_close int fd =
            openat(s->locks_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return tenon_error_sys(err, "open lock %s", name);
        int rc = store_flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
        if (rc == 0 && store_still_there(s->locks_fd, name, fd)) {
            struct tenon_lock *l = tenon_new0(struct tenon_lock);
            l->fd = tenon_steal_fd(&fd);
            l->dir = s->locks_fd;
            l->name = tenon_strdup(name);
            *out = l;
            return 0;
        }
        if (rc == 0)
            continue; /* removed in the meantime */
        if (rc != -EWOULDBLOCK)
            return tenon_error_errno(err, -rc, "lock %s", name);
        *waited = true;
        if (watch)
            tell(s, watch, fd);
        struct pollfd p = { .fd = cancel_fd, .events = POLLIN };
        if (poll(&p, cancel_fd >= 0, pause) > 0)
            return tenon_error_set(err, TENON_E_CANCELLED, "cancelled while waiting for %s", name);
        if (pause < PAUSE_MAX_MS)
            pause *= 2;
    }
}

void
tenon_lock_describe(struct tenon_lock *l, const char *log)
{
    auto_free char *text = tenon_asprintf("%lld%s%s\n%d\n", (long long)getpid(), log ? " " : "",
                                          log ? log : "", l->dir);
    /* For information only: who waits can do without. */
    if (ftruncate(l->fd, 0) == 0)
        (void)!pwrite(l->fd, text, strlen(text), 0);
}

int
tenon_lock_acquire(struct tenon_store *s, const char *name, bool shared, int cancel_fd,
                   const struct tenon_lock_watch *watch, struct tenon_lock **out,
                   struct tenon_error *err)
{
    bool waited = false;
    int rc = acquire(s, name, shared, cancel_fd, watch, &waited, out, err);
    if (watch && waited)
        watch->look(watch->data, NULL);
    if (rc == 0)
        tenon_lock_describe(*out, NULL);
    return rc;
}

void
tenon_lock_release(struct tenon_lock *l)
{
    if (!l)
        return;
    /* Only the last holder can take it alone, and removes the file. */
    if (store_flock(l->fd, LOCK_EX | LOCK_NB) == 0 && store_still_there(l->dir, l->name, l->fd))
        unlinkat(l->dir, l->name, 0);
    close(l->fd);
    free(l->name);
    free(l);
}

/* common/progress/output.c - see output.h. */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

void
pk_write(int fd, const struct tenon_buf *b)
{
    for (size_t off = 0; off < b->len;) {
        ssize_t n = write(fd, b->data + off, b->len - off);
        if (n >= 0) {
            off += (size_t)n;
        } else if (errno == EAGAIN) { /* O_NONBLOCK was set by another process */
            struct pollfd p = { .fd = fd, .events = POLLOUT };
            if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return;
        } else if (errno != EINTR) {
            return;
        }
    }
}

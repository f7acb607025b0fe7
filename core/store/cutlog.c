/* store/cutlog.c - see cutlog.h.
 *
 * Half of it is the head. When the rest is full, its newest half moves up, to where the line is:
 * each byte is moved once at most for one that is written. */
#include "store/cutlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

#define NOT_KEPT " bytes are not kept: the limit "
#define CHUNK ((size_t)64 << 10)
#define LITTLE ((uint64_t)4 << 10) /* what a log may have when all have too much */

/* The line of a log that may have `most`, if it has one: how much it says is lost. */
static bool
read_line(int fd, uint64_t most, uint64_t *lost)
{
    char line[64];
    unsigned long long n = 0;
    ssize_t len = pread(fd, line, sizeof line - 1, (off_t)(most / 2));
    line[len > 0 ? len : 0] = '\0';
    if (!tenon_has_prefix(line, "\n[") || !strstr(line, NOT_KEPT) ||
        sscanf(line + 2, "%20llu", &n) != 1)
        return false;
    *lost = n;
    return true;
}

static void
count(struct tenon_cutlog *l)
{
    if (l->total) /* modulo 2^64, for it can be less than before */
        __atomic_add_fetch(l->total, l->size - l->counted, __ATOMIC_RELAXED);
    l->counted = l->size;
}

int
tenon_cutlog_open(struct tenon_cutlog *l, int fd, const struct tenon_limits *limits,
                  uint64_t *total, struct tenon_error *err)
{
    struct stat st;
    *l = (struct tenon_cutlog){ .fd = fd, .most = tenon_limit(limits, TENON_LIMIT_STEP_LOG),
                                .which = TENON_LIMIT_STEP_LOG, .total = total };
    l->limit = l->most;
    const uint64_t all = tenon_limit(limits, TENON_LIMIT_LOGS);
    if (total && __atomic_load_n(total, __ATOMIC_RELAXED) >= all && l->most > LITTLE) {
        l->most = LITTLE;
        l->which = TENON_LIMIT_LOGS;
        l->limit = all;
    }
    if (fstat(fd, &st) < 0) {
        tenon_error_sys(err, "log");
        tenon_cutlog_close(l);
        return err->code;
    }
    l->size = l->counted = (uint64_t)st.st_size; /* a build writes its own logs alone */
    read_line(fd, l->most, &l->lost);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_APPEND); /* or pwrite appends */
    return 0;
}

void
tenon_cutlog_close(struct tenon_cutlog *l)
{
    if (l->most && l->fd >= 0)
        close(l->fd);
    *l = (struct tenon_cutlog){ .fd = -1 };
}

static int
write_at(struct tenon_cutlog *l, const char *data, size_t len, uint64_t at,
         struct tenon_error *err)
{
    while (len) {
        ssize_t n = pwrite(l->fd, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tenon_error_sys(err, "write log");
        data += n;
        len -= (size_t)n;
        at += (size_t)n;
    }
    return 0;
}

/* The number has one width, so that the line can be written again. */
static int
write_line(struct tenon_cutlog *l, uint64_t at, size_t *len, struct tenon_error *err)
{
    char line[160];
    *len = (size_t)snprintf(line, sizeof line, "\n[%20llu" NOT_KEPT "\"%s\" is %llu "
                            "bytes]\n", (unsigned long long)l->lost,
                            tenon_limit_kinds[l->which].name, (unsigned long long)l->limit);
    return write_at(l, line, *len, at, err);
}

bool
tenon_cutlog_was_cut(int fd, const struct tenon_limits *limits)
{
    uint64_t lost;
    return read_line(fd, tenon_limit(limits, TENON_LIMIT_STEP_LOG), &lost) ||
           read_line(fd, LITTLE, &lost);
}

/* Bytes [from, size) to `to`, which is before them. */
static int
move_up(struct tenon_cutlog *l, uint64_t from, uint64_t to, struct tenon_error *err)
{
    char buf[CHUNK];
    while (from < l->size) {
        size_t want = l->size - from < sizeof buf ? (size_t)(l->size - from) : sizeof buf;
        ssize_t n = pread(l->fd, buf, want, (off_t)from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? tenon_error_sys(err, "read log")
                     : tenon_error_set(err, TENON_E_CORRUPT, "the log was cut by somebody else");
        if (write_at(l, buf, (size_t)n, to, err) < 0)
            return err->code;
        from += (size_t)n;
        to += (size_t)n;
    }
    l->size = to;
    return ftruncate(l->fd, (off_t)to) < 0 ? tenon_error_sys(err, "cut log") : 0;
}

/* Where the next line begins, if that is near. */
static uint64_t
next_line(const struct tenon_cutlog *l, uint64_t from)
{
    char buf[1024];
    ssize_t n = pread(l->fd, buf, sizeof buf, (off_t)from);
    const char *end = n > 0 ? memchr(buf, '\n', (size_t)n) : NULL;
    return end ? from + (uint64_t)(end + 1 - buf) : from;
}

static int
make_room(struct tenon_cutlog *l, struct tenon_error *err)
{
    const uint64_t head = l->most / 2, rest = l->most / 4;
    size_t line = 0;
    const bool first = !l->lost;
    if (!first && write_line(l, head, &line, err) < 0)
        return err->code;
    const uint64_t begin = head + line; /* of what is behind the line, or will be */
    uint64_t from = l->size - rest;
    if (from < begin)
        from = begin;
    from = next_line(l, from);
    l->lost += from - begin;
    /* The line goes where something is lost already. */
    if (write_line(l, head, &line, err) < 0)
        return err->code;
    return move_up(l, from, head + line, err);
}

int
tenon_cutlog_write(struct tenon_cutlog *l, const void *data, size_t len, struct tenon_error *err)
{
    const char *p = data;
    /* So much fits behind what is kept when room was made. */
    const size_t piece = l->most / 8 < CHUNK ? (size_t)(l->most / 8) : CHUNK;
    while (len) {
        size_t n = len < piece ? len : piece;
        if (l->size + n > l->most && make_room(l, err) < 0)
            return err->code;
        if (write_at(l, p, n, l->size, err) < 0)
            return err->code;
        l->size += n;
        count(l);
        p += n;
        len -= n;
    }
    return 0;
}

/* store/cutlog.h - a log with a size: its head stays, and of what comes later the end, with a line
 * between them that says how much is not there.
 *
 * The file is in this form at any time, whoever reads it and however its writer dies. */
#ifndef TENON_STORE_CUTLOG_H
#define TENON_STORE_CUTLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct tenon_cutlog { /* locked by its owner */
    int fd;
    uint64_t size;    /* of the file; at first what was there */
    uint64_t most;    /* that it may have; 0: not begun */
    uint64_t lost;    /* bytes that are not there any more */
    enum tenon_limit which; /* why there is a `most`, */
    uint64_t limit;         /* and the value of that */
    uint64_t *total, counted; /* bytes of all logs, and ours of them; atomic, or NULL */
};

/* fd becomes the log's, with what is in it. `total` counts what all logs have, if it is not NULL:
 * one that is opened when that is more than the limit may have little. */
int tenon_cutlog_open(struct tenon_cutlog *l, int fd, const struct tenon_limits *limits,
                      uint64_t *total, struct tenon_error *err);
int tenon_cutlog_write(struct tenon_cutlog *l, const void *data, size_t len,
                       struct tenon_error *err);
/* Of such a file: is there something that it lost? */
bool tenon_cutlog_was_cut(int fd, const struct tenon_limits *limits);
void tenon_cutlog_close(struct tenon_cutlog *l); /* one that was not opened, too */

#endif

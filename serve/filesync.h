/* serve/filesync.h - a directory of a client's, by FileSync.DiffCopy: we are the receiver.
 *
 * The client lists its entries in the order of a walk; we ask for each file, and it sends them,
 * several at a time.  What it says is not believed: an entry is in a directory that was listed
 * before it, each is named once and in order, and nothing is opened through a link. */
#ifndef TENON_SERVE_FILESYNC_H
#define TENON_SERVE_FILESYNC_H

#include <stdbool.h>

#include "base/error.h"
#include "common/grpc/grpc.h"

enum {
    FILESYNC_ENTRIES_MAX = 2000000,
    FILESYNC_NAMES_MAX = 256 << 20, /* bytes of all paths */
    FILESYNC_ASKED_MAX = 256,       /* files that were asked for and are not complete */
};

/* Into dirfd, which is empty. */
int filesync_receive(struct grpc_conn *conn, const char *method, const char *name, int dirfd,
                     struct tenon_error *err);

/* For tests: is b after a in the order of a walk, and inside of a directory? */
bool filesync_follows(const char *a, const char *b);
/* A path that may be listed: relative, clean, no "..". */
bool filesync_is_clean(const char *path);
/* Of Go's os.FileMode; 0: a type that we do not take. */
uint32_t filesync_mode(int64_t go);

#endif

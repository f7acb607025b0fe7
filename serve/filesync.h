/* serve/filesync.h - a directory of a client's, by FileSync.DiffCopy: we are the receiver.
 *
 * The client lists its entries in the order of a walk; we ask for each file, and it sends them,
 * several at a time.  What it says is not believed: an entry is in a directory that was listed
 * before it, each is named once and in order, and nothing is opened through a link. */
#ifndef TENON_SERVE_FILESYNC_H
#define TENON_SERVE_FILESYNC_H

#include "base/error.h"
#include "budget.h"
#include "callset.h"

#define FILESYNC_METHOD "/moby.filesync.v1.FileSync/DiffCopy"

enum {
    FILESYNC_ENTRIES_MAX = 2000000,
    FILESYNC_NAMES_MAX = 256 << 20, /* bytes of all paths */
    FILESYNC_ASKED_MAX = 256,       /* files that were asked for and are not complete */
};

/* What the directory holds at the beginning, if anything: what an earlier transfer left, which may
 * have ended early.  Files whose size, mode and time are what is listed are not asked for, and what
 * is not listed goes.  A file that changes while it is read has another time in the next list. */
enum filesync_old {
    FILESYNC_SAME, /* the same directory of the client's */
    FILESYNC_ANY,  /* any that has the same name: times of whole seconds, as archives and commits
                    * give them, do not tell files from each other */
};

struct json_object;
/* Into dirfd.  wanted: an object with the lists "include", "exclude" and "follow", or without them:
 * the client leaves out what is not meant; "differ": "none" asks for all files, as does "content";
 * "metadata-except": only what these patterns match comes, and .fsutil-metadata lists all.  On
 * failure dirfd holds what another transfer can begin from. */
int filesync_receive(struct callset *asked, struct grpc_conn *conn, const char *name,
                     struct json_object *wanted, struct budget *budget, int dirfd,
                     enum filesync_old old, struct tenon_error *err);

#endif

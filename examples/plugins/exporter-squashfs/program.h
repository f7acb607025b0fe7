/* program.h - run a program in a process that has threads, and can be cancelled. */
#ifndef SQUASHFS_PROGRAM_H
#define SQUASHFS_PROGRAM_H

#include <tenon-plugin.h>

struct program {
    const struct tenon_host *host;
    const char *path;
    const char *const *args; /* NULL at the end */
    int dirfd;               /* its working directory */
};

/* Waits for its end. What it prints is output of the ctx; when it fails, its last line is in the
 * error. CANCELLED: it was killed. */
int program_run(const struct program *p, struct tenon_ctx *ctx, struct tenon_error *err);

#endif

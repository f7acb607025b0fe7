/* serve/oldtree.h - what is in a directory from an earlier transfer, held against what is listed
 * now.  Names are below a directory that was opened; nothing is reached through a link. */
#ifndef TENON_SERVE_OLDTREE_H
#define TENON_SERVE_OLDTREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

struct oldtree_listed {
    mode_t mode; /* as stat(2) has it */
    int64_t size, mtime_ns;
    const char *link;           /* what a symbolic link says */
    const struct stat *linked; /* of the file that it is another name of; NULL: of none */
    bool unsure; /* size and time say too little of a file: it is not the same */
};

/* 1: it is there, as listed but for what a directory, link or FIFO can be given without making it
 * anew.  0: nothing of that name is there any more. */
int oldtree_keep(int parent, const char *name, const struct oldtree_listed *listed,
                 struct tenon_error *err);

/* Removes from one directory what was not listed, and all that is in it.  path: the directory's;
 * "" of the first. */
struct oldtree_list {
    bool (*has)(const void *data, const char *path);
    const void *data;
};
int oldtree_prune(int dirfd, const char *path, const struct oldtree_list *list,
                  struct tenon_error *err);

#endif

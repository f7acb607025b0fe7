/* cli/destination.h - files that a build writes for who asked: archives, --iidfile,
 * --metadata-file.  Nothing appears under its name before it is whole. */
#ifndef TENON_CLI_DESTINATION_H
#define TENON_CLI_DESTINATION_H

#include <stdbool.h>

#include "base/error.h"

struct destination { /* one file under way */
    int fd;
    char *path;    /* where links lead to */
    char *temp;    /* its name until it is whole; NULL: written directly */
    bool nameless; /* temp comes at the end */
    unsigned tries; /* of temp */
};

/* Directories on the way are made, links followed, a file that is there keeps its
 * mode and, where that may be, its owner.  Devices, pipes and our own standard
 * output are written to, for nobody wants another /dev/stdout; so is a file whose
 * directory takes no other. */
int destination_open(const char *path, struct destination *out, struct tenon_error *err);
/* Closes; after an error, too, nothing else is to be done. */
int destination_commit(struct destination *d, struct tenon_error *err);
void destination_abort(struct destination *d);

/* Is it certain that destination_open fails, or that a directory of this name cannot
 * be made and written to?  INVALID then.  Nothing is made. */
int destination_check_file(const char *path, struct tenon_error *err);
int destination_check_dir(const char *path, struct tenon_error *err);

/* Take away what an earlier build left there; a file that a link leads to is emptied, our own
 * output is not. */
int destination_clear(const char *path, struct tenon_error *err);

/* Does this lead to our own standard output, which is out while a build runs: as the file that it
 * is, or as /dev/stdout, maybe behind links? */
bool destination_is_stdout(const char *path, int out);

/* The same file always has the same name; malloc'ed. */
char *destination_name(const char *path);

#endif

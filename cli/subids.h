/* cli/subids.h - the ids that a machine sets aside for a user, and how the user gets more of
 * them.  One thread only. */
#ifndef TENON_CLI_SUBIDS_H
#define TENON_CLI_SUBIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct subids {  /* zeroed: none */
    char **args; /* "INSIDE" "OUTSIDE" "COUNT" ..., from id 1 on */
    size_t ranges;
    uint64_t count;
};
/* Adds what file (/etc/subuid, /etc/subgid) sets aside for the user. */
void subids_read(struct subids *ids, const char *file, uid_t uid);
void subids_release(struct subids *ids);
/* Path of newuidmap or newgidmap; NULL when it is not installed. */
char *subids_mapper(const char *name);

struct subids_lack {        /* zeroed: nothing */
    char *why;              /* a build has one id; NULL: it has the ranges */
    char *advice;           /* the command that changes this; or NULL */
    uint64_t users, groups; /* what the two files set aside */
};
void subids_look(struct subids_lack *lack, uid_t uid);
void subids_lack_release(struct subids_lack *lack);

#endif

/* userns.h - the user namespace of an ordinary user's build, and what doctor
 * wants to know about it.  One thread only. */
#ifndef TENON_CLI_USERNS_H
#define TENON_CLI_USERNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct userns_ids { /* zeroed: none */
    char **args;    /* "INSIDE" "OUTSIDE" "COUNT" ..., from id 1 on */
    size_t ranges;
    uint64_t count;
};

/* Adds what file (/etc/subuid, /etc/subgid) sets aside for the user. */
void userns_ids_read(struct userns_ids *ids, const char *file, uid_t uid);
void userns_ids_release(struct userns_ids *ids);
/* Path of newuidmap or newgidmap; NULL when it is not installed. */
char *userns_mapper(const char *name);
/* The command that allows user namespaces where something here forbids them;
 * NULL when nothing is known to. */
const char *userns_advice(void);

#endif

/* userns.h - the user namespace of an ordinary user's build, and what doctor
 * wants to know about it.  One thread only. */
#ifndef TENON_CLI_USERNS_H
#define TENON_CLI_USERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

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
/* The same where root may not mount, and where parts of /proc are hidden. */
const char *userns_root_advice(void);
const char *userns_proc_advice(void);
/* AppArmor lets only programs with a profile have them. */
bool userns_is_restricted(void);

struct userns_lack {        /* zeroed: nothing */
    char *why;              /* a build has one id; NULL: it has the ranges */
    char *advice;           /* the command that changes this; or NULL */
    uint64_t users, groups; /* what /etc/subuid and /etc/subgid set aside */
};
void userns_look(struct userns_lack *lack, uid_t uid);
void userns_lack_release(struct userns_lack *lack);

/* The two halves of cli_private_mounts, for an ordinary user. */
int userns_enter(struct userns_lack *lack, struct tenon_error *err);
int userns_private_mounts(bool ordinary, struct tenon_error *err);

#endif

/* cli/userns.h - the user namespace of an ordinary user's build, and what doctor wants to
 * know about it.  One thread only. */
#ifndef TENON_CLI_USERNS_H
#define TENON_CLI_USERNS_H

#include <stdbool.h>

#include "base/error.h"

/* The command that allows user namespaces where something here forbids them;
 * NULL when nothing is known to. */
const char *userns_advice(void);
/* The same where root may not mount, and where parts of /proc are hidden. */
const char *userns_root_advice(void);
const char *userns_proc_advice(void);
/* AppArmor lets only programs with a profile have them. */
bool userns_is_restricted(void);

/* The two halves of cli_private_mounts, for an ordinary user.  lack says why there
 * is one id, and is the caller's to release. */
struct subids_lack;
int userns_enter(struct subids_lack *lack, struct tenon_error *err);
int userns_private_mounts(bool ordinary, struct tenon_error *err);

#endif

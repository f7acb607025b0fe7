/* cli/sshagent.h - an ssh agent in this process: it lists the keys that the user named and
 * signs with them, and does nothing else.  Made and freed by the main thread, between which
 * every connection is served by a thread of its own. */
#ifndef TENON_CLI_SSHAGENT_H
#define TENON_CLI_SSHAGENT_H

#include "base/error.h"

struct ssh_agent;

struct ssh_agent *ssh_agent_new(void);
int ssh_agent_add(struct ssh_agent *a, const char *path, struct tenon_error *err);
/* The other end of a new connection; the caller's.  Any thread. */
int ssh_agent_connect(struct ssh_agent *a, struct tenon_error *err);
void ssh_agent_free(struct ssh_agent *a); /* ends the connections */

#endif

/* common/ssh-agent/proxy.h - one listening socket for one step, one thread that serves
 * it.
 *
 * The agent protocol is question and answer, so all connections of the step
 * share the one connection to the user's agent, a question at a time.  The
 * thread lives from start to stop and calls nothing but the system. */
#ifndef TENON_COMMON_SSH_AGENT_PROXY_H
#define TENON_COMMON_SSH_AGENT_PROXY_H

struct ssh_proxy;
/* Takes both descriptors over, also on failure.  NULL and errno. */
struct ssh_proxy *ssh_proxy_start(int listen_fd, int agent_fd);
void ssh_proxy_stop(struct ssh_proxy *p); /* joins; NULL is fine */

#endif

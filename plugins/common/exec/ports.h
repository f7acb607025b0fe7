/* common/exec/ports.h - ports below 1024 for root of a step: CAP_NET_BIND_SERVICE counts in the
 * namespace that a network belongs to, and the machine's belongs to the machine. */
#ifndef TENON_COMMON_EXEC_PORTS_H
#define TENON_COMMON_EXEC_PORTS_H

#include <stdint.h>

/* For all in the version 2 group, a directory: root, and what is root_id on the machine and root
 * in steps.  0, or an errno: before Linux 5.12 root of a
 * step that is in a user namespace has those that every user has. */
int ports_allow(int group_fd, uint32_t root_id);

#endif

/* common/exec/sockets.h - kinds of sockets that no step makes: those that lead past its
 * network, to the machine's hypervisor (AF_VSOCK), and on the machine's own network packets
 * (AF_PACKET).
 *
 * Apart from the profile's filter, because libraries that compile such filters compare
 * a family as 64 bits, of which the kernel reads 32, and let through what a 32-bit process
 * asks of socketcall(2): that has its arguments in memory, where no filter looks. */
#ifndef TENON_COMMON_EXEC_SOCKETS_H
#define TENON_COMMON_EXEC_SOCKETS_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

enum { SOCKETS_MAX = 64 };

/* Instructions that refuse with EPERM, and for everything else go on behind their end, where
 * another program or an answer has to follow.  is_served: requests.h answers socketcall(2).
 * Returns how many. */
size_t sockets_program(struct sock_filter out[SOCKETS_MAX], bool shares_network, bool is_served);
/* As a filter of its own, for this process and what it starts; async-signal-safe.
 * 0 or an errno. */
int sockets_restrict(bool shares_network, bool is_served);

#endif

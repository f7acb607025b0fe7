/* common/ssh-agent/filter.h - the agent protocol, as far as a proxy must know it:
 * messages are a big-endian length, a type byte and the rest. */
#ifndef TENON_COMMON_SSH_AGENT_FILTER_H
#define TENON_COMMON_SSH_AGENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SSH_MESSAGE_MAX = 256 * 1024 }; /* OpenSSH's own limit */
enum {
    SSH_AGENT_FAILURE = 5,
    SSH_AGENTC_REQUEST_IDENTITIES = 11,
    SSH_AGENTC_SIGN_REQUEST = 13,
};

/* May a step send a message of this type?  Listing keys and signing only;
 * adding, removing, locking and extensions are refused. */
bool ssh_filter_allows(uint8_t type);

/* One side of a connection that is being read. */
struct ssh_reader {
    uint8_t *data; /* grows to the message's length */
    size_t have, cap;
};
/* How many bytes to read next into ssh_reader_space(); 0: a whole message is
 * there; SIZE_MAX: longer than a message may be, or empty. */
size_t ssh_reader_wants(const struct ssh_reader *r);
uint8_t *ssh_reader_space(struct ssh_reader *r, size_t n); /* NULL: no memory */
void ssh_reader_reset(struct ssh_reader *r);
void ssh_reader_release(struct ssh_reader *r); /* wipes */

#endif

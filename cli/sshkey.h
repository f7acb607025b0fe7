/* cli/sshkey.h - private keys of ssh from files: OpenSSH's own format and PEM.
 *
 * The bytes are in locked memory that is not dumped and that children see as
 * zeros; gnutls has them on its heap only while it reads or signs, and wipes
 * what it had.  Immutable once opened; sign from any thread. */
#ifndef TENON_CLI_SSHKEY_H
#define TENON_CLI_SSHKEY_H

#include "base/error.h"
#include "tools/buf.h"

struct ssh_key;

/* DENIED with the key encrypted, UNSUPPORTED for types other than ed25519,
 * ecdsa and rsa. */
int ssh_key_open(const char *path, struct ssh_key **out, struct tenon_error *err);
void ssh_key_free(struct ssh_key *k); /* wipes */
/* The public half as in an authorized_keys file, decoded. */
const struct tenon_buf *ssh_key_public(const struct ssh_key *k);
const char *ssh_key_comment(const struct ssh_key *k);
/* out: the algorithm's name and the signature, as the protocol frames them.
 * flags: of the agent's sign request (which hash for rsa). */
int ssh_key_sign(const struct ssh_key *k, const void *data, size_t len, uint32_t flags,
                 struct tenon_buf *out, struct tenon_error *err);

/* A string of the protocol: its length, and its bytes. */
void ssh_put_string(struct tenon_buf *b, const void *data, size_t len);
void ssh_put_u32(struct tenon_buf *b, uint32_t v);

struct ssh_slice { /* what is left to read; reading past the end empties it */
    const uint8_t *p;
    size_t len;
    bool bad;
};
uint32_t ssh_get_u32(struct ssh_slice *s);
struct ssh_slice ssh_get_string(struct ssh_slice *s);

#endif

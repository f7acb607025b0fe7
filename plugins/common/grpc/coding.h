/* common/grpc/coding.h - the texts of gRPC's headers: times, messages. */
#ifndef TENON_COMMON_GRPC_CODING_H
#define TENON_COMMON_GRPC_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/buf.h"

/* grpc-timeout: at most eight digits and a unit, "15S".  What overflows is as long as can
 * be. */
bool grpc_timeout_parse(const char *text, size_t len, uint64_t *ns);
/* Rounded up, so that the server does not give up before the client does. */
void grpc_timeout_format(uint64_t ns, char out[16]);

/* grpc-message: all but printable ASCII, and '%', as %XX.  Stops before `max` bytes would be
 * exceeded, at a character. */
void grpc_percent_encode(struct tenon_buf *out, const char *text, size_t max);
/* Never fails: what is no %XX stays as it is. */
void grpc_percent_decode(struct tenon_buf *out, const char *text, size_t len);

/* The code of a response that is HTTP's and not gRPC's; of a stream that was reset. */
int grpc_code_of_http(unsigned status);
int grpc_code_of_reset(uint32_t http2_error);

#endif

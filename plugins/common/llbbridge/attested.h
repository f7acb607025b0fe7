/* common/llbbridge/attested.h - attestations in results. */
#ifndef TENON_COMMON_LLBBRIDGE_ATTESTED_H
#define TENON_COMMON_LLBBRIDGE_ATTESTED_H

#include "llbbridge.h"
#include "serving.h"

/* To the result of the request, whose references are there already; known: how the program calls
 * its platforms. */
int attested_take(struct serving *s, const struct message_list *attestations,
                  const struct gateway_platforms *known);
/* Those of another frontend's result.  False: see s->err. */
bool attested_put(struct serving *s, const struct tenon_result *from, struct message_list *out);

#endif

/* frontend.h - what the files of the tests' frontend share. */
#ifndef TENON_TESTS_FRONTEND_H
#define TENON_TESTS_FRONTEND_H

#include "common/grpc/grpc.h"
#include "common/llbbridge/llbbridge.h"

extern struct grpc_conn *conn;
extern struct tenon_arena arena;
extern const char *ref;                 /* to work on */
extern struct message_bytes definition; /* of it */

/* One call; false with the reason on standard error. */
bool call(const char *method, const struct message_type_info *in, const void *request,
          const struct message_type_info *out, void *answer);
/* The stream of processes, if there is one. */
void hang_up(void);
/* False: it is no word of containers. */
bool act_container(const char *word, char *value);

#endif

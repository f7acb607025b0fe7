/* cli/buildkitd.h - `tenon serve` by the name of buildkitd: what its flags and its file come to.
 *
 * A flag is a key of the file that is given on the command line; then each key is obeyed, is
 * of no consequence here, or is warned about. What would let less through than is asked for,
 * and cannot be done, is an error: nobody may believe in a limit that is not there. */
#ifndef TENON_CLI_BUILDKITD_H
#define TENON_CLI_BUILDKITD_H

#include "cli.h"
#include "tools/vec.h"

struct daemon {
    struct json_object *config; /* tenon.json's, with more of it; borrowed */
    TENON_VEC(char *) args;     /* of `tenon serve` */
    char *root;                 /* NULL: nobody says */
    bool debug, trace, verbose; /* each says of itself whether debugging is wanted */
    bool no_devices, no_frontends; /* whatever the lists have */
};

/* The keys of a document; from: what it is, for messages. */
int buildkitd_take(struct daemon *d, const char *from, struct json_object *o,
                   struct tenon_error *err);
/* After the last of them: a key that forbids is no weaker before another than behind it. */
void buildkitd_settle(struct daemon *d);
bool buildkitd_debugs(const struct daemon *d);
void buildkitd_add_argument(struct daemon *d, const char *flag, const char *value);
/* That member, made if it is no object. */
struct json_object *buildkitd_object_in(struct json_object *o, const char *key);

#endif

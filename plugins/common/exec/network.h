/* common/exec/network.h - a network namespace with a way out for one step.
 *
 * pasta or slirp4netns, whichever is there, carries what the step sends; the
 * step sees neither the machine's loopback nor its abstract sockets, and nobody
 * reaches the step.  The helper ends with the step, or with us. */
#ifndef TENON_COMMON_EXEC_NETWORK_H
#define TENON_COMMON_EXEC_NETWORK_H

#include <tenon-plugin.h>

struct network;

/* For the configuration of an executor. */
#define NETWORK_HELPER_PARAM                                                              \
    { .name = "network-helper", .help = "what carries the network of \"sandbox\" steps", \
      .def = "auto", .choices = "auto|pasta|slirp4netns", .type = TENON_TYPE_CHOICE }

/* *net NULL, and nothing done, unless the step's network is "sandbox".  Returns
 * when the network works.  helper: the value of that parameter. */
int network_open(const struct tenon_host *host, struct tenon_ctx *ctx,
                 const struct tenon_exec *x, const char *helper, struct network **net,
                 struct tenon_error *err);
/* Where the namespace is bound, below x->work; for setns(2). */
const char *network_path(const struct network *net);
void network_close(struct network *net); /* NULL is fine */

/* The device lo, in the namespace that we are in; 0 or an errno. */
int network_loopback_up(void);

#endif

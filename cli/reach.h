/* cli/reach.h - what verbs need that look at images in registries and elsewhere: the store, a
 * client with the user's credentials, progress on a terminal. */
#ifndef TENON_CLI_REACH_H
#define TENON_CLI_REACH_H

#include "cli.h"
#include "places/places.h"

/* insecure: TLS is not verified, and HTTP will do.  r stays where it is until it is released. */
int cli_reach_open(const struct cli *cli, bool insecure, struct tenon_reach *r,
                   struct tenon_error *err);
/* The same with a store that is the caller's; registry is to be freed. */
void cli_reach_with(const struct cli *cli, struct tenon_store *store, bool insecure,
                    struct tenon_reach *r);
void cli_reach_close(struct tenon_reach *r);
TENON_DEFINE_AUTO_STRUCT(reach, struct tenon_reach, cli_reach_close);
#define auto_reach __attribute__((cleanup(tenon_auto_reach)))

#endif

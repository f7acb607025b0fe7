/* cli/reach.c - see reach.h. */
#include "reach.h"

static int
credentials(void *data, const char *where, char **user, char **secret, struct tenon_error *err)
{
    (void)data;
    return cli_credentials(where, user, secret, err);
}

void
cli_reach_with(const struct cli *cli, struct tenon_store *store, bool insecure,
               struct tenon_reach *r)
{
    const struct tenon_registry_options o = {
        .store = store,
        .config = cli->config,
        .credentials = credentials,
    };
    *r = (struct tenon_reach){.store = store, .registry = tenon_registry_new(&o),
                              .call = {.insecure = insecure}};
}

int
cli_reach_open(const struct cli *cli, bool insecure, struct tenon_reach *r, struct tenon_error *err)
{
    struct tenon_store *store;
    if (cli_open_store(cli, &store, err) < 0)
        return err->code;
    cli_reach_with(cli, store, insecure, r);
    return 0;
}

void
cli_reach_close(struct tenon_reach *r)
{
    tenon_registry_free(r->registry);
    tenon_store_close(r->store);
    *r = (struct tenon_reach){0};
}

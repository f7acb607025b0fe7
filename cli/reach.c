/* cli/reach.c - see reach.h. */
#include "reach.h"

static int
credentials(void *data, const char *where, char **user, char **secret, struct tenon_error *err)
{
    (void)data;
    return cli_credentials(where, user, secret, err);
}

int
cli_reach_open(const struct cli *cli, bool insecure, struct tenon_reach *r, struct tenon_error *err)
{
    if (cli_open_store(cli, &r->store, err) < 0)
        return err->code;
    const struct tenon_registry_options o = {
        .store = r->store,
        .config = cli->config,
        .credentials = credentials,
    };
    r->registry = tenon_registry_new(&o);
    r->call = (struct tenon_registry_call){.insecure = insecure};
    return 0;
}

void
cli_reach_close(struct tenon_reach *r)
{
    tenon_registry_free(r->registry);
    tenon_store_close(r->store);
    *r = (struct tenon_reach){0};
}

/* convert/llb.c - what a build file becomes: the graph of the target, as JSON. */
#include "subrequests.h"

int
df_llb_report(struct df_build *b, const char **json, struct tenon_error *err)
{
    struct df_convert c = {
        .build = b, .arena = b->arena,
        /* As BuildKit answers: for the machine's own platform, whatever was asked. */
        .platform = b->config.host, .implicit = true,
    };
    struct tenon_ref *ref = NULL;
    const void *definition;
    size_t len;
    int rc = df_convert(&c, err);

    df_convert_release(&c);
    if (rc < 0 || (rc = df_plan_emit(&c.plan, c.target->tree, &ref, err)) < 0 ||
        (rc = b->bridge->definition(b->ctx, ref, &definition, &len, err)) < 0)
        return rc;
    return b->host->graph->definition_json(b->ctx, definition, len, json, err);
}

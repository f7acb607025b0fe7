/* convert/scans.c - what a bill of materials is to tell of beside the result, by the arguments
 * BUILDKIT_SBOM_SCAN_CONTEXT and BUILDKIT_SBOM_SCAN_STAGE: true, or a list of stages. */
#include <string.h>

#include "convert.h"
#include "tools/parse.h"

#define SCAN_CONTEXT "BUILDKIT_SBOM_SCAN_CONTEXT"
#define SCAN_STAGE "BUILDKIT_SBOM_SCAN_STAGE"

bool
df_scans_is_arg(const char *name)
{
    return !strcmp(name, SCAN_CONTEXT) || !strcmp(name, SCAN_STAGE);
}

/* true, false, or "build,test" */
static bool
means(const char *value, const char *stage)
{
    const size_t len = strlen(stage);
    bool on;
    if (tenon_parse_bool(value, &on))
        return on;
    for (const char *at = value;; at++) {
        const size_t n = strcspn(at, ",");
        if (n == len && !memcmp(at, stage, len))
            return true;
        at += n;
        if (!*at)
            return false;
    }
}

/* The stage's own argument, or one that it has of its base, wins over the file's. */
static bool
is_wanted(const struct df_convert *c, const struct df_state *s, const char *arg)
{
    const char *value = df_vars_get(&c->globals, arg);
    size_t at;
    if (df_index_get(&s->build_args_index, arg, strlen(arg), &at) && s->build_args.items[at].value)
        value = s->build_args.items[at].value;
    return value && means(value, s->stage_name);
}

static int
add(struct df_convert *c, struct tenon_result *result, const char *platform, const char *name,
    struct df_vertex *tree, struct tenon_error *err)
{
    struct tenon_ref *ref = NULL;
    const int rc = tree ? df_plan_emit(&c->plan, tree, &ref, err) : 0;
    return rc < 0 ? rc : c->build->host->result->scan_add(result, platform, name, ref, err);
}

int
df_scans_add(struct df_convert *c, struct tenon_result *result, const char *platform,
             struct tenon_error *err)
{
    int rc = 0;
    if (!TENON_HAS(struct tenon_result_api, c->build->host->result, scan_add))
        return 0;
    if (is_wanted(c, c->target, SCAN_CONTEXT))
        rc = add(c, result, platform, "context", c->context, err);
    for (size_t i = 0; i < c->states_len && rc == 0; i++) {
        const struct df_state *s = c->states[i];
        if (s != c->target && s->reachable && *s->stage_name && is_wanted(c, s, SCAN_STAGE))
            rc = add(c, result, platform, s->stage_name, s->tree, err);
    }
    return rc;
}

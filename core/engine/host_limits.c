/* engine/host_limits.c - the extension "tenon.limits/0": the configuration's limits, for sources
 * that unpack by themselves. */
#include "engine/host_limits.h"

#include "context/ctx.h"
#include "context/engine.h"

static uint64_t
get(struct tenon_ctx *ctx, const char *name)
{
    const int which = tenon_limit_find(name);
    return which < 0 ? TENON_LIMIT_NONE
                     : tenon_limit(tenon_store_limits(tenon_ctx_engine(ctx)->store),
                                   (enum tenon_limit)which);
}

static int
exceeded(struct tenon_ctx *ctx, const char *name, struct tenon_error *err, const char *fmt, ...)
{
    const int which = tenon_limit_find(name);
    va_list ap;
    va_start(ap, fmt);
    int rc = which < 0 ? tenon_error_vset(err, TENON_E_LIMIT, 0, fmt, ap)
                       : tenon_limit_vexceeded(tenon_store_limits(tenon_ctx_engine(ctx)->store),
                                               (enum tenon_limit)which, err, fmt, ap);
    va_end(ap);
    return rc;
}

const struct tenon_limits_api *
tenon_limits_api(void)
{
    static const struct tenon_limits_api api = {
        .struct_size = sizeof api,
        .get = get,
        .exceeded = exceeded,
    };
    return &api;
}

/* Entitlements: what a step may only have when the user granted it. */
#include "config.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/exec.h"

static bool
granted(const struct tenon_engine *e, const char *name)
{
    for (const char *const *a = e->allow; a && *a; a++)
        if (!strcmp(*a, name))
            return true;
    return false;
}

static int
refuse(struct tenon_error *err, const char *name)
{
    tenon_error_set(err, TENON_E_DENIED, "%s is not allowed", name);
    tenon_error_hint(err, "pass --allow %s", name);
    return err->code;
}

int
tenon_exec_allowed(struct tenon_engine *engine, const struct tenon_vertex *v,
                   struct tenon_error *err)
{
    if (v->op.type != TENON_OP_EXEC)
        return 0;
    const struct tenon_op_exec *op = &v->op.exec;
    if (op->network == TENON_LLB_NET_HOST && !granted(engine, "network.host"))
        return refuse(err, "network.host");
    if (op->security != 0 && !granted(engine, "security.insecure"))
        return refuse(err, "security.insecure");
    for (size_t i = 0; i < op->device_count; i++) {
        auto_free char *one = tenon_asprintf("device=%s", op->devices[i].key);
        if (!granted(engine, "device") && !granted(engine, one))
            return refuse(err, one);
    }
    return 0;
}

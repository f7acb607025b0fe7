/* exec/reenter.c - back into a step that failed (tenon shell): its op with another command,
 * in the root that it left.  Secrets and agents are asked for again, and so are the
 * entitlements. */
#include <string.h>

#include "tools/alloc.h"
#include "exec/private.h"

static int
enter(struct tenon_engine *engine, struct tenon_ctx *ctx, const struct tenon_record *r,
      const struct tenon_vertex *kept, const struct tenon_shell *shell, int32_t *status,
      struct tenon_error *err)
{
    if (kept->op.type != TENON_OP_EXEC || r->output_count != kept->input_count + 1)
        return tenon_error_set(err, TENON_E_CORRUPT, "the record that was kept is inconsistent");
    struct tenon_vertex v = *kept;
    struct tenon_op_exec *op = &v.op.exec;
    auto_free struct tenon_op_mount *mounts = tenon_calloc(op->mount_count + 1, sizeof *mounts);
    if (op->mount_count)
        memcpy(mounts, op->mounts, op->mount_count * sizeof *mounts);
    for (size_t i = 0; i < op->mount_count; i++)
        if (!strcmp(mounts[i].dest, "/"))
            mounts[i].input = (int64_t)kept->input_count; /* the one that is added below */
    auto_free struct tenon_exec_input *inputs = tenon_calloc(r->output_count, sizeof *inputs);
    for (size_t i = 0; i < kept->input_count; i++)
        inputs[i].chain = &r->outputs[i + 1];
    inputs[kept->input_count].chain = &r->outputs[0];
    v.input_count++;
    v.meta.ignore_cache = false; /* its caches are to be looked at, not emptied */
    op->mounts = mounts;
    op->args = shell->argv;
    if (tenon_exec_check_entitled(engine, &v, err) < 0)
        return err->code;
    const struct tenon_exec_visit visit = { .stdio = shell->stdio, .prompt = shell->prompt };
    return tenon_exec_enter(engine, ctx, &v, inputs, &visit, status, err);
}

int
tenon_exec_shell(struct tenon_engine *engine, struct tenon_ctx *ctx,
                 const struct tenon_shell *shell, int32_t *status, struct tenon_error *err)
{
    auto_free char *last = shell->build ? NULL : tenon_failed_step_last(engine->store);
    const char *build = shell->build ? shell->build : last;
    if (!build)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no failed step is kept");
    struct tenon_record r = {0};
    const struct tenon_vertex *v;
    struct tenon_graph *g = tenon_graph_new();
    int rc = tenon_failed_step_load(engine->store, build, &r, g, &v, err);
    if (rc == 0) {
        if (shell->about)
            shell->about(shell->data, build, v);
        rc = enter(engine, ctx, &r, v, shell, status, err);
        if (rc < 0)
            tenon_error_context(err, "failed step of build %s", build);
    }
    tenon_graph_free(g);
    tenon_record_release(&r);
    return rc;
}

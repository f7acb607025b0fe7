/* engine/leftovers.c - steps that failed, as references: what was in their mounts before, and what
 * is there now.  The latter is the result of no op that could run; a source that nobody else can
 * name stands for it in the graph. */
#include <string.h>

#include "base/sized.h"
#include "engine/build_private.h"
#include "engine/result.h"
#include "exec/exec.h"
#include "tools/alloc.h"

#define SCHEME "tenon-left://"

void
tenon_build_keep_failures(struct tenon_ctx *ctx, struct tenon_graph *g)
{
    (void)ctx;
    tenon_exec_want_leftovers(tenon_build_of(g)->engine);
}

/* What is in a mount now; NULL: see err. */
static struct tenon_ref *
left_ref(struct tenon_build *b, const struct tenon_vertex *step, size_t mount,
         const struct tenon_chain *chain, struct tenon_error *err)
{
    auto_free char *name = tenon_asprintf(SCHEME "%s/%zu", tenon_digest_hex(&step->digest), mount);
    struct tenon_node *n = tenon_node_new(b->graph, "source", err);

    if (!n || tenon_node_set(n, "identifier", name, err) < 0)
        return NULL;
    const struct tenon_edge edge = { tenon_node_freeze(n, err), 0 };
    if (!edge.vertex)
        return NULL;
    if (!tenon_build_left(b, edge.vertex)) {
        const struct tenon_left left = { edge.vertex, chain };
        pthread_mutex_lock(&b->lock);
        tenon_vec_push(&b->lefts, left);
        pthread_mutex_unlock(&b->lock);
    }
    return tenon_build_ref_new(b, edge);
}

/* The digest in the detail that names the step; NULL: there is none. */
static const char *
failed_vertex(struct tenon_ctx *ctx, const struct tenon_error *of)
{
    static const char head[] = "{\"digest\":\"";

    for (const struct tenon_error_detail *d = of->details; d; d = d->next) {
        if (strcmp(d->type, "errdefs.Vertex") || strncmp(d->json, head, strlen(head)))
            continue;
        char *digest = tenon_ctx_strdup(ctx, d->json + strlen(head));
        digest[strcspn(digest, "\"")] = '\0';
        return digest;
    }
    return NULL;
}

/* Only what is bound has an inside that stays. */
static int
fill(struct tenon_build *b, const struct tenon_vertex *v, const struct tenon_chain *chains,
     struct tenon_ref **inputs, struct tenon_ref **mounts, struct tenon_error *err)
{
    const struct tenon_op_exec *op = &v->op.exec;

    for (size_t i = 0; i < op->mount_count; i++) {
        const struct tenon_op_mount *m = &op->mounts[i];
        if (m->type != TENON_LLB_MOUNT_BIND)
            continue;
        if (m->input >= 0)
            inputs[i] = tenon_build_ref_new(b, v->inputs[m->input]);
        mounts[i] = left_ref(b, v, i, &chains[i], err);
        if (!mounts[i])
            return err->code;
    }
    return TENON_OK;
}

int
tenon_build_failure(struct tenon_ctx *ctx, struct tenon_graph *g, const struct tenon_error *of,
                    struct tenon_failure *out, struct tenon_error *err)
{
    struct tenon_build *b = tenon_build_of(g);
    const struct tenon_chain *chains = NULL;
    const char *digest = failed_vertex(ctx, of);
    const struct tenon_vertex *v = digest ? tenon_exec_leftover(b->engine, digest, &chains) : NULL;

    if (!v)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "nothing is kept of the step that failed");
    const size_t count = v->op.exec.mount_count;
    struct tenon_ref **inputs = tenon_ctx_alloc(ctx, (count + 1) * sizeof *inputs);
    struct tenon_ref **mounts = tenon_ctx_alloc(ctx, (count + 1) * sizeof *mounts);
    if (fill(b, v, chains, inputs, mounts, err) < 0)
        return err->code;
    const struct tenon_failure f = { .struct_size = sizeof f, .vertex = digest, .inputs = inputs,
                                     .mounts = mounts, .mount_count = count };
    tenon_sized_give(out, &f, sizeof f);
    return TENON_OK;
}

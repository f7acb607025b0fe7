/* engine/leftovers.c - steps and file operations that failed, as references: what they had before,
 * and what is there now.  The latter is the result of no op that could run; a source that nobody
 * else can name stands for it in the graph. */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/sized.h"
#include "engine/build_private.h"
#include "engine/result.h"
#include "exec/exec.h"
#include "graph/opjson.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"

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

/* A step's: only what is bound has an inside that stays. */
static int
fill_mounts(struct tenon_build *b, const struct tenon_remains *l, struct tenon_ref **inputs,
            struct tenon_ref **mounts, struct tenon_error *err)
{
    const struct tenon_vertex *v = l->v;

    for (size_t i = 0; i < l->count; i++) {
        const struct tenon_op_mount *m = &v->op.exec.mounts[i];
        if (m->type != TENON_LLB_MOUNT_BIND)
            continue;
        if (m->input >= 0)
            inputs[i] = tenon_build_ref_new(b, v->inputs[m->input]);
        mounts[i] = left_ref(b, v, i, &l->mounts[i], err);
        if (!mounts[i])
            return err->code;
    }
    return TENON_OK;
}

/* Of file actions, what they began with and what they made. */
static int
fill_actions(struct tenon_build *b, const struct tenon_remains *l, struct tenon_ref **inputs,
             struct tenon_ref **made, struct tenon_error *err)
{
    for (size_t i = 0; i < l->v->input_count; i++)
        inputs[i] = tenon_build_ref_new(b, l->v->inputs[i]);
    for (size_t i = 0; i < l->count; i++) {
        if (l->mounts[i].len)
            made[i] = left_ref(b, l->v, i, &l->mounts[i], err);
        if (l->mounts[i].len && !made[i])
            return err->code;
    }
    return TENON_OK;
}

/* What is kept, as references. */
static int
fill(struct tenon_ctx *ctx, struct tenon_build *b, const struct tenon_remains *l,
     struct tenon_failure *f, struct tenon_error *err)
{
    const bool is_step = l->subject == TENON_FAILURE_STEP;
    f->subject = l->subject;
    f->subject_index = (uint32_t)l->index;
    f->mount_count = l->count;
    f->input_count = is_step                               ? l->count
                     : l->subject == TENON_FAILURE_ACTION ? l->v->input_count : 1;
    struct tenon_ref **inputs = tenon_ctx_alloc(ctx, (f->input_count + 1) * sizeof *inputs);
    struct tenon_ref **mounts = tenon_ctx_alloc(ctx, (f->mount_count + 1) * sizeof *mounts);
    f->inputs = inputs;
    f->mounts = mounts;
    if (is_step)
        return fill_mounts(b, l, inputs, mounts, err);
    if (l->subject == TENON_FAILURE_ACTION)
        return fill_actions(b, l, inputs, mounts, err);
    inputs[0] = tenon_build_ref_new(b, l->v->inputs[l->index]);
    return TENON_OK;
}

static const char *
text_of(struct tenon_ctx *ctx, struct json_object *o)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, false);
    return tenon_ctx_strdup(ctx, tenon_buf_str(&text));
}

/* What it is, as JSON. */
static int
describe(struct tenon_ctx *ctx, const struct tenon_vertex *v, struct tenon_failure *f,
         struct tenon_error *err)
{
    auto_json struct json_object *op = NULL;
    auto_json struct json_object *said = json_object_new_object();

    if (tenon_op_proto_json(v->bytes, v->len, &op, err) < 0)
        return err->code;
    for (size_t i = 0; i < v->meta.description_count; i++)
        json_object_object_add(said, v->meta.description[i].key,
                               json_object_new_string(v->meta.description[i].value));
    f->op = text_of(ctx, op);
    f->description = text_of(ctx, said);
    return TENON_OK;
}

int
tenon_build_failure(struct tenon_ctx *ctx, struct tenon_graph *g, const struct tenon_error *of,
                    struct tenon_failure *out, struct tenon_error *err)
{
    struct tenon_build *b = tenon_build_of(g);
    const char *digest = failed_vertex(ctx, of);
    const struct tenon_vertex *v = digest ? tenon_graph_vertex(b->graph, digest) : NULL;
    struct tenon_failure f = { .struct_size = sizeof f, .vertex = digest };
    struct tenon_remains l;

    if (!v)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "the failure is that of no vertex");
    if (describe(ctx, v, &f, err) < 0)
        return err->code;
    const struct tenon_failure alone = f; /* what it is can be told whatever was kept of it */
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    if (tenon_exec_leftover(b->engine, digest, &l) && fill(ctx, b, &l, &f, &ignored) < 0) {
        tenon_log(TENON_LOG_DEBUG, "what a step left is not told: %s", ignored.message);
        f = alone;
    }
    tenon_sized_give(out, &f, sizeof f);
    return TENON_OK;
}

/* solve/runjob.c - making a result: the lock that keeps equal steps of several processes
 * apart, the work, and the record of it. */
#include <string.h>

#include "base/log.h"
#include "context/waiting.h"
#include "exec/exec.h"
#include "solve/apart.h"
#include "solve/import.h"

/* ---- exec --------------------------------------------------------------- */

/* The step does not fail when its log cannot be opened. */
static int
open_log(void *data)
{
    struct state *st = data;
    struct tenon_engine *e = st->solver->engine;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    return tenon_log_file(e->store, e->build_id, tenon_digest_hex(&st->v->digest), &err);
}

static int
run_exec(struct job *j)
{
    struct state *st = j->state;
    struct tenon_engine *e = st->solver->engine;
    const size_t count = st->v->input_count;
    struct tenon_chain *chains = job_input_chains(j);

    if (!chains)
        return j->err.code;
    auto_free struct tenon_exec_input *inputs =
        tenon_calloc(count, sizeof *inputs);
    for (size_t i = 0; i < count; i++)
        inputs[i].chain = &chains[i];
    struct tenon_ctx *ctx =
        tenon_ctx_new(e, e->events, st->cancel, st->v->digest.str);
    if (st->solver->engine->build_id)
        tenon_ctx_set_log(ctx, open_log, st);
    job_outputs_new(j);
    int rc = tenon_exec_step(e, ctx, st->v, inputs, j->outputs, j->output_count,
                            &j->err);
    tenon_ctx_free(ctx);
    job_release_chains(chains, count);
    return rc;
}

/* ---- passthrough ------------------------------------------------------------------- */

static int
run_passthrough(struct job *j)
{
    const struct tenon_op_passthrough *p = &j->state->v->op.passthrough;
    const size_t count = j->state->v->input_count;
    struct tenon_chain *chains = job_input_chains(j);

    if (!chains)
        return j->err.code;
    job_outputs_new(j);
    for (size_t i = 0; i < p->count; i++) {
        const struct tenon_chain *from = &chains[p->outputs[i]];
        for (size_t k = 0; k < from->len; k++)
            tenon_chain_append(&j->outputs[i], from->ids[k]);
    }
    job_release_chains(chains, count);
    return 0;
}

/* ---- the record --------------------------------------------------------- */

static int
make(struct job *j)
{
    switch (j->state->v->op.type) {
    case TENON_OP_EXEC:
        return run_exec(j);
    case TENON_OP_FILE:
        return run_file(j);
    case TENON_OP_MERGE:
        return run_merge(j);
    case TENON_OP_DIFF:
        return run_diff(j);
    case TENON_OP_SOURCE:
        return run_source(j);
    case TENON_OP_PASSTHROUGH:
        return run_passthrough(j);
    case TENON_OP_BUILD:
    case TENON_OP_NONE:
        break;
    }
    return tenon_error_set(&j->err, TENON_E_BUG, "nothing to run");
}

/* Is it made upon what is not what its key says? */
static bool
upon_unlike(const struct state *st)
{
    for (size_t i = 0; i < st->v->input_count; i++)
        if (st->inputs[i]->unlike_key)
            return true;
    return false;
}

static bool
kept(const struct state *st)
{
    return !st->is_volatile && (st->k1.str[0] || st->k2.str[0]) && !upon_unlike(st);
}

/* failure: there is no telling; NULL: it changed. */
static void
tell_unlike(const struct state *st, const char *failure)
{
    auto_free char *text =
        failure ? tenon_asprintf("WARNING: what a mount of \"%s\" holds cannot be told any more; "
                                 "its result is not kept: %s", st->v->name, failure)
                : tenon_asprintf("WARNING: what a mount of \"%s\" holds changed while the build "
                                 "ran; its result is not kept", st->v->name);
    const struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_MESSAGE, .name = text,
        .level = TENON_LOG_WARNING,
    };
    tenon_events_post(st->solver->engine->events, &ev);
}

/* A key is made when the step is looked up, and what mounts hold is read when it runs: later, and
 * maybe of something else.  Under that key it must not be found again. */
static int
compare_contents(struct job *j)
{
    struct tenon_digest now;

    if (!j->state->contents.str[0])
        return 0;
    int rc = key_mount_contents(j->state, &now, &j->err);
    if (rc == TENON_E_CANCELLED)
        return tenon_error_context(&j->err, "whether mounts still hold what they held");
    j->unlike_key = rc < 0 || strcmp(now.str, j->state->contents.str) != 0;
    if (j->unlike_key)
        tell_unlike(j->state, rc < 0 ? j->err.message : NULL);
    tenon_error_release(&j->err); /* what was made is no worse for it */
    return 0;
}

static int
store_record(struct job *j)
{
    struct state *st = j->state;
    TENON_VEC(const char *) keys = {0};
    auto_free char *scope = explain_scope(st);
    struct key_parts parts = {0};
    auto_free char *trusted = j->gave_up ? NULL : apart_trusted(st->imported);
    const struct tenon_record record = {
        .id = st->ckey, .output_count = j->output_count,
        .outputs = j->outputs, .extra = trusted,
    };

    if (st->k1.str[0])
        tenon_vec_push(&keys, st->k1.str);
    if (st->k2.str[0])
        tenon_vec_push(&keys, st->k2.str);
    if (st->fresh) /* its canonical key is none of them */
        tenon_vec_push(&keys, st->ckey.str);
    for (size_t i = 0; st->imported && st->imported->keys[i]; i++)
        tenon_vec_push(&keys, st->imported->keys[i]);
    explain_parts(st, &parts);
    int rc = apart_store(st->solver, st->apart, keys.items, keys.len, &record, scope, st->v->name,
                        parts.list.items, parts.list.len, &j->err);
    key_parts_release(&parts);
    tenon_vec_release(&keys);
    return rc < 0 ? tenon_error_context(&j->err, "keep the result") : 0;
}

/* 1: another process has made it meanwhile. */
static int
look_again(struct job *j)
{
    struct state *st = j->state;
    const struct tenon_digest *const keys[] = { &st->k1, &st->k2 };

    for (size_t i = 0; i < 2 && !st->fresh; i++) {
        if (!keys[i]->str[0])
            continue;
        bool apart;
        int rc = apart_find(st->solver, keys[i]->str, &j->record, &apart, &j->err);
        if (rc < 0)
            return rc;
        if (rc > 0 && (!apart || st->apart) && /* what is built upon it is kept as it is */
            j->record.output_count >= tenon_vertex_output_count(st->v)) {
            j->outputs = tenon_steal(&j->record.outputs);
            j->output_count = j->record.output_count;
            j->record.output_count = 0;
            j->cached = true;
            return 1;
        }
        tenon_record_release(&j->record);
        j->record = (struct tenon_record){0};
    }
    return 0;
}

static int
make_or_take(struct job *j)
{
    if (!j->state->imported) {
        explain_miss(j->state);
        int rc = make(j);
        return rc < 0 ? rc : compare_contents(j);
    }
    int rc = import_make(j);
    if (rc < 0 && rc != TENON_E_CANCELLED) {
        import_give_up(j);
        rc = 0;
    }
    return rc;
}

int
work_run(struct job *j)
{
    struct state *st = j->state;
    struct tenon_engine *e = st->solver->engine;
    struct tenon_lock *lock = NULL;
    struct tenon_waiting waiting;

    /* Sources in layers lock and remember each layer on their own. */
    j->unlike_key = upon_unlike(st);
    if (!kept(st) || (st->source && !source_is_tree(st)))
        return make(j);
    const struct tenon_digest *key = st->k2.str[0] ? &st->k2 : &st->k1;
    auto_free char *name = tenon_asprintf("step-%s", tenon_digest_hex(key));
    tenon_waiting_init(&waiting, e, st->v->digest.str, "makes this step");
    int rc = tenon_lock_acquire(e->store, name, false, tenon_cancel_fd(st->cancel),
                               &waiting.watch, &lock, &j->err);
    if (rc < 0)
        return rc;
    auto_free char *log = tenon_exec_log_name(e->build_id, st->v);
    tenon_lock_describe(lock, log);
    rc = look_again(j);
    if (rc == 0) {
        rc = make_or_take(j);
        if (rc == 0 && !j->gave_up && !j->unlike_key)
            rc = store_record(j);
    }
    tenon_lock_release(lock);
    return rc < 0 ? rc : 0;
}

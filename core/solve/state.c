/* solve/state.c - the state machine of a vertex, on the loop thread.
 *
 *   NEW -> (RESOLVE) -> INPUT_KEYS -> LOOKUP -> CONTENT_INPUTS -> CONTENT
 *       -> KEYED -> RESULT_INPUTS -> RUN -> DONE
 *
 * A hit in LOOKUP or CONTENT goes to DONE at once.  A vertex that is wanted
 * for its key only stops at KEYED: what it would make is not made. */
#include "solve/apart.h"
#include "solve/buildkitrecords.h"
#include "solve/import.h"

struct state *
state_get(struct tenon_solver *s, const struct tenon_vertex *v)
{
    struct state *st;

    HASH_FIND_PTR(s->states, &v, st);
    if (st)
        return st;
    st = tenon_new0(struct state);
    st->solver = s;
    st->v = v;
    st->fresh = v->op.type != TENON_OP_SOURCE && v->meta.ignore_cache;
    st->inputs = tenon_calloc(v->input_count, sizeof(struct state *));
    st->deps = tenon_calloc(v->input_count, sizeof *st->deps);
    HASH_ADD_PTR(s->states, v, st);
    deps_init(st);
    vertex_planned(st);
    return st;
}

static void
state_clear(struct state *st)
{
    source_free(st);
    tenon_ctx_free(st->ctx);
    st->ctx = NULL;
    tenon_cancel_free(st->cancel);
    st->cancel = NULL;
    key_parts_release(&st->own);
    st->imported = NULL;
    buildkit_found_release(&st->buildkit);
    for (uint32_t i = 0; i < st->output_count; i++)
        tenon_chain_release(&st->outputs[i]);
    free(st->outputs);
    st->outputs = NULL;
    st->output_count = 0;
    tenon_view_free(st->view);
    st->view = NULL;
    tenon_error_release(&st->err);
}

void
state_free(struct state *st)
{
    state_clear(st);
    deps_release(st);
    tenon_vec_release(&st->users);
    free(st->deps);
    free(st->inputs);
    free(st);
}

/* Sources that were asked, and then not needed. */
void
states_settle(struct tenon_solver *s)
{
    struct state *st, *tmp;

    HASH_ITER(hh, s->states, st, tmp)
        if (st->phase == PHASE_KEYED)
            vertex_done(st, false, NULL);
}

static bool
waits_for_inputs(const struct state *st)
{
    return !st->out && (st->phase == PHASE_INPUT_KEYS || st->phase == PHASE_CONTENT_INPUTS ||
                        st->phase == PHASE_RESULT_INPUTS);
}

/* It begins anew, if somebody wants it again; and so does what waits for it, which nobody
 * wants: it was begun early. */
void
state_reset(struct state *st)
{
    if (st->shown_started && !st->shown_done)
        vertex_done(st, false, &(const struct tenon_error){
            .code = TENON_E_CANCELLED });
    state_clear(st);
    st->phase = PHASE_NEW;
    st->goal = GOAL_NONE;
    st->shown_started = st->shown_done = false;
    st->failure = 0;
    for (size_t i = 0; i < st->users.len; i++)
        if (waits_for_inputs(st->users.items[i]))
            state_reset(st->users.items[i]);
}

/* Its job has ended. */
void
state_job_back(struct state *st)
{
    st->out = false;
    if (st->v->op.type == TENON_OP_SOURCE) { /* whose ctx stays, below it */
        tenon_cancel_close_fd(st->cancel);
        return;
    }
    tenon_cancel_free(st->cancel);
    st->cancel = NULL;
}

static void
state_touch(struct state *st)
{
    if (!st->queued) {
        st->queued = true;
        tenon_vec_push(&st->solver->dirty, st);
    }
}

void
state_want(struct state *st, enum goal goal)
{
    if (goal > st->goal) {
        st->goal = goal;
        state_touch(st);
    }
}

static void
touch_users(struct state *st)
{
    if (st->stopped) /* what it made is thrown away */
        return;
    for (size_t i = 0; i < st->users.len; i++)
        state_touch(st->users.items[i]);
}

static void
state_fail(struct state *st, struct tenon_error *err)
{
    struct tenon_solver *s = st->solver;

    st->phase = PHASE_FAILED;
    tenon_error_move(&st->err, err);
    st->failure = ++s->failures;
    tenon_vec_push(&s->failed, st);
}

static void
state_keyed(struct state *st)
{
    st->phase = PHASE_KEYED;
    state_touch(st);
    touch_users(st);
}

/* What a cache may get. */
static void
tell_made(const struct state *st)
{
    const struct tenon_solver_options *o = &st->solver->options;

    if (!o->made || st->is_volatile || st->unlike_key || st->view ||
        (st->source && !source_is_tree(st)))
        return;
    for (uint32_t i = 0; i < st->output_count; i++)
        o->made(o->made_data, &st->outputs[i], st->apart);
}

static void
tell_will_run(const struct state *st)
{
    const struct tenon_solver_options *o = &st->solver->options;
    char **ids = NULL;

    /* what is not looked up empties its mounts first */
    if (!o->will_run || st->v->op.type != TENON_OP_EXEC || st->fresh)
        return;
    vertex_mount_ids(st->v, &ids);
    if (ids)
        o->will_run(o->will_run_data, ids);
    tenon_strv_free(ids);
}

static void
state_made(struct state *st, struct job *j)
{
    st->outputs = tenon_steal(&j->outputs);
    st->output_count = j->output_count;
    j->output_count = 0;
    if (!st->view)
        st->view = tenon_steal(&j->view);
    st->phase = PHASE_DONE;
    tell_made(st);
    touch_users(st);
}

/* ---- ends of jobs ------------------------------------------------------- */

/* Takes over what a job found in the store. */
static void
take_record(struct state *st, struct job *j)
{
    st->ckey = j->record.id;
    st->apart = j->apart;
    j->outputs = tenon_steal(&j->record.outputs);
    j->output_count = j->record.output_count;
    j->record.output_count = 0;
    st->cached = true;
    vertex_started(st);
    vertex_done(st, true, NULL);
    state_made(st, j);
}

static void
take_buildkit(struct state *st, struct job *j)
{
    buildkit_found_release(&st->buildkit);
    st->buildkit = j->buildkit;
    j->buildkit = (struct buildkit_found){0};
}

/* There is an imported result: it counts as made, and is fetched when it is
 * wanted. */
static void
take_import(struct state *st, struct job *j)
{
    st->imported = j->imported;
    st->ckey = j->imported->id.str[0] ? j->imported->id : st->k1.str[0] ? st->k1 : st->k2;
    st->apart = apart_by_import(j->imported) || apart_by_inputs(st);
    st->cached = true;
    vertex_started(st);
    vertex_done(st, true, NULL);
    state_keyed(st);
}

static bool
job_failed(struct job *j)
{
    struct state *st = j->state;

    if (j->code >= 0)
        return false;
    bool cancelled = j->code == TENON_E_CANCELLED;
    if (!cancelled || st->shown_started) {
        vertex_started(st);
        vertex_done(st, false, &j->err);
    }
    if (j->work == work_content && !cancelled)
        tenon_error_context(&j->err, "failed to compute cache key");
    vertex_blame(st->v, &j->err);
    state_fail(st, &j->err);
    return true;
}

static void
resolve_finish(struct job *j)
{
    struct state *st = j->state;
    const char *key;

    if (job_failed(j))
        return;
    take_buildkit(st, j);
    key = source_key(st);
    if (key) {
        key_parts_add(&st->own, "source", key);
        key_parts_digest(&st->own, "source", &st->own_key);
        st->k1 = st->ckey = st->own_key;
    }
    if (j->found) {
        take_record(st, j);
    } else if (j->imported) {
        take_import(st, j);
    } else if (j->outputs) {
        st->cached = true;
        vertex_done(st, true, NULL);
        state_made(st, j);
    } else {
        state_keyed(st);
    }
}

static bool
needs_content(const struct state *st, size_t input)
{
    /* A view in place has no key but its content. */
    return st->deps[input].content || !st->inputs[input]->ckey.str[0];
}

static bool
needs_any_content(const struct state *st)
{
    for (size_t i = 0; i < st->v->input_count; i++)
        if (needs_content(st, i))
            return true;
    return false;
}

static void
key_without_record(struct state *st)
{
    st->apart = st->apart || apart_by_inputs(st);
    if (st->fresh || st->is_volatile) {
        /* Its result will be a new one even if there is an old one, so nothing
         * that was built on the old one may be found. */
        tenon_events_fresh_digest(st->ckey.str);
    } else {
        st->ckey = st->alias.str[0] ? st->alias : st->k1.str[0] ? st->k1 : st->k2;
    }
    state_keyed(st);
}

static void
lookup_finish(struct job *j)
{
    struct state *st = j->state;

    if (job_failed(j))
        return;
    st->own = j->own;
    j->own = (struct key_parts){0};
    st->own_key = j->own_key;
    st->k1 = j->k1;
    st->is_volatile = j->is_volatile;
    st->contents = j->contents;
    take_buildkit(st, j);
    st->alias = j->alias;
    st->apart = j->alias.str[0] && j->apart;
    if (j->found) {
        take_record(st, j);
    } else if (j->imported) {
        take_import(st, j);
    } else if (needs_any_content(st) && !st->is_volatile) {
        st->phase = PHASE_CONTENT_INPUTS;
        state_touch(st);
    } else {
        key_without_record(st);
    }
}

static void
content_finish(struct job *j)
{
    struct state *st = j->state;

    if (job_failed(j))
        return;
    for (size_t i = 0; i < st->v->input_count; i++)
        st->deps[i].digest = j->digests[i];
    for (size_t i = 0; i < st->v->input_count && j->buildkit_digests; i++)
        st->deps[i].buildkit = j->buildkit_digests[i];
    st->k2 = j->k2;
    take_buildkit(st, j);
    if (j->alias.str[0]) {
        st->alias = j->alias;
        st->apart = st->apart || j->apart;
    }
    if (j->found)
        take_record(st, j);
    else if (j->imported)
        take_import(st, j);
    else
        key_without_record(st);
}

static void
run_finish(struct job *j)
{
    struct state *st = j->state;

    if (job_failed(j))
        return;
    if (j->gave_up) {
        st->imported = NULL;
        st->phase = PHASE_KEYED;
        state_touch(st);
        return;
    }
    st->cached = j->cached;
    st->unlike_key = j->unlike_key;
    vertex_done(st, j->cached, NULL);
    state_made(st, j);
}

/* ---- steps -------------------------------------------------------------- */

static void
submit(struct state *st, enum phase phase, int (*work)(struct job *),
       void (*finish)(struct job *))
{
    st->phase = phase;
    if (!st->cancel)
        st->cancel = tenon_cancel_new(st->solver->cancel);
    st->out = true;
    jobs_submit(st->solver, job_new(st, work, finish));
}

static void
connect(struct state *st)
{
    for (size_t i = 0; i < st->v->input_count; i++) {
        if (!st->inputs[i]) {
            struct state *in = state_get(st->solver, st->v->inputs[i].vertex);
            st->inputs[i] = in;
            tenon_vec_push(&in->users, st);
        }
        state_want(st->inputs[i], GOAL_KEY);
    }
}

static void
begin(struct state *st)
{
    switch (st->v->op.type) {
    case TENON_OP_SOURCE:
        vertex_started(st);
        submit(st, PHASE_RESOLVE, work_resolve, resolve_finish);
        return;
    case TENON_OP_EXEC:
    case TENON_OP_FILE:
    case TENON_OP_MERGE:
    case TENON_OP_DIFF:
    case TENON_OP_PASSTHROUGH:
        connect(st);
        st->phase = PHASE_INPUT_KEYS;
        state_touch(st);
        return;
    case TENON_OP_BUILD:
    case TENON_OP_NONE:
        break;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tenon_error_set(&err, TENON_E_UNSUPPORTED,
                    "ops of kind %d cannot be solved", (int)st->v->op.type);
    vertex_blame(st->v, &err);
    state_fail(st, &err);
}

/* An input that was looked for and not found has a key under which nothing can
 * be in the store yet.  What is built on it will have to know its content, or
 * will not be found itself: its result is needed in any case.  So it need not
 * wait for the keys of its siblings; independent stages, and the steps before
 * and after a COPY from one, run at the same time because of this.  A source is
 * another matter: it may never have to be fetched. */
static void
hurry_input(struct state *st, size_t i)
{
    const struct state *in = st->inputs[i];

    /* A result that was made once may have users that are in the store, too. */
    if (in->imported || in->alias.str[0] || in->buildkit.count)
        return;
    if (in->phase == PHASE_KEYED &&
        (!in->source || (needs_content(st, i) && source_in_place(in))))
        state_want(st->inputs[i], GOAL_RESULT);
}

static bool
inputs_keyed(struct state *st)
{
    bool keyed = true;

    for (size_t i = 0; i < st->v->input_count; i++) {
        keyed = keyed && state_has_key(st->inputs[i]);
        hurry_input(st, i);
    }
    return keyed;
}

static bool
inputs_made(struct state *st, bool all)
{
    bool made = true;

    for (size_t i = 0; i < st->v->input_count; i++) {
        if (!all && !needs_content(st, i))
            continue;
        state_want(st->inputs[i], GOAL_RESULT);
        made = made && st->inputs[i]->phase == PHASE_DONE;
    }
    return made;
}

static void
advance(struct state *st)
{
    switch (st->phase) {
    case PHASE_NEW:
        if (st->goal >= GOAL_KEY)
            begin(st);
        break;
    case PHASE_INPUT_KEYS:
        if (inputs_keyed(st))
            submit(st, PHASE_LOOKUP, work_lookup, lookup_finish);
        break;
    case PHASE_CONTENT_INPUTS:
        if (inputs_made(st, false))
            submit(st, PHASE_CONTENT, work_content, content_finish);
        break;
    case PHASE_KEYED:
        if (st->goal < GOAL_RESULT)
            break;
        if (st->imported) {
            submit(st, PHASE_RUN, work_run, run_finish);
            break;
        }
        st->phase = PHASE_RESULT_INPUTS;
        tell_will_run(st);
        /* fall through */
    case PHASE_RESULT_INPUTS:
        if (inputs_made(st, true)) {
            vertex_started(st);
            submit(st, PHASE_RUN, work_run, run_finish);
        }
        break;
    case PHASE_RESOLVE:
    case PHASE_LOOKUP:
    case PHASE_CONTENT:
    case PHASE_RUN:
    case PHASE_DONE:
    case PHASE_FAILED:
        break;
    }
}

void
states_advance(struct tenon_solver *s)
{
    /* by index: advancing adds to the list */
    for (size_t i = 0; i < s->dirty.len; i++) {
        struct state *st = s->dirty.items[i];
        st->queued = false;
        if (!st->stopped)
            advance(st);
    }
    s->dirty.len = 0;
}

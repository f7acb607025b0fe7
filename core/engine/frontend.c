/* engine/frontend.c - calls of frontends: the build's own, and those that another makes. */
#include "engine/asked.h"
#include "engine/build_private.h"

enum {
    FRONTEND_DEPTH_MAX = 8, /* of frontends that call frontends */
    FRONTENDS_MAX = 250,    /* in one build: each may be a process, and call as many */
};

/* Are the named contexts those of the user, who may say what stands for a frontend? */
static bool
has_users_contexts(const char *const *options, const char *const *users)
{
    for (size_t i = 0; options && options[i]; i++) {
        size_t at = 0;
        if (!tenon_has_prefix(options[i], "context:"))
            continue;
        while (users && users[at] && strcmp(users[at], options[i]))
            at++;
        if (!users || !users[at])
            return false;
    }
    return true;
}

int
tenon_build_frontend(struct tenon_build *b, const struct tenon_bridge *bridge,
                     struct tenon_ctx *caller, const struct tenon_frontend_call *call,
                     struct tenon_result *result, struct tenon_error *err)
{
    const char *const *users = caller && !tenon_ctx_is_users_own(caller)
                                   ? tenon_ctx_users_options(caller) : call->options;
    const unsigned depth = caller ? tenon_ctx_depth(caller) + 1 : 0;
    struct tenon_module *m;

    if (depth > FRONTEND_DEPTH_MAX)
        return tenon_error_set(err, TENON_E_LIMIT,
                               "frontend %s: more than %d frontends that call each other",
                               call->frontend, FRONTEND_DEPTH_MAX);
    pthread_mutex_lock(&b->lock);
    const bool one_more = b->frontends < FRONTENDS_MAX;
    b->frontends += one_more;
    pthread_mutex_unlock(&b->lock);
    if (!one_more)
        return tenon_error_set(err, TENON_E_LIMIT, "frontend %s: more than %d in one build",
                               call->frontend, FRONTENDS_MAX);
    if (tenon_plugins_get(b->engine->plugins, TENON_KIND_FRONTEND, call->frontend, &m, err) < 0)
        return err->code;
    struct tenon_frontend_request fr = {
        .struct_size = sizeof fr,
        .flags = has_users_contexts(call->options, users) ? TENON_FRONTEND_USERS_CONTEXTS : 0,
        .options = call->options,
        .host_platform = b->engine->host_platform,
        .graph = b->graph,
        .inputs = call->inputs,
        .input_count = call->input_count,
    };
    auto_ctx struct tenon_ctx *ctx =
        tenon_ctx_new(b->engine, b->engine->events,
                      caller ? tenon_ctx_cancel(caller) : b->engine->cancel, NULL);
    tenon_ctx_set_depth(ctx, depth);
    tenon_ctx_set_users_options(ctx, users);
    /* Of a command what it was called with stands before the frontend, as with buildx. */
    const struct tenon_asked *up =
        caller ? tenon_ctx_asked(caller) : tenon_asked_new(b, "", call->options, NULL);
    struct tenon_asked *asked = tenon_asked_new(b, call->frontend, call->options, up);
    tenon_asked_inputs(b, asked, call->inputs, call->input_count);
    tenon_ctx_set_asked(ctx, asked);
    tenon_module_enter(m, "solve");
    int rc = m->plugin.ops.frontend->solve(m->self, ctx, &fr, bridge, result, err);
    tenon_module_leave(m);
    rc = tenon_module_check(m, "solve", rc, err);
    if (rc == TENON_OK)
        tenon_asked_made(b, asked, result);
    return rc;
}

int
tenon_build_drive(struct tenon_build *b, const struct tenon_bridge *bridge,
                  const struct tenon_build_request *req, struct tenon_error *err)
{
    const struct tenon_frontend_request fr = {
        .struct_size = sizeof fr,
        .flags = TENON_FRONTEND_USERS_CONTEXTS, /* whoever drives is the user */
        .options = req->options,
        .host_platform = b->engine->host_platform,
        .graph = b->graph,
    };
    auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(b->engine, b->engine->events,
                                                   b->engine->cancel, NULL);

    tenon_ctx_set_users_options(ctx, req->options);
    tenon_ctx_set_users_own(ctx, true);
    if (!req->frontend)
        b->driven = tenon_asked_new(b, "", req->options, NULL);
    tenon_ctx_set_asked(ctx, b->driven);
    return req->driver->solve(req->driver_self, ctx, &fr, bridge, &b->result, err);
}

void
tenon_build_drive_inputs(struct tenon_graph *g, const struct tenon_named_ref *inputs, size_t count)
{
    struct tenon_build *b = tenon_build_of(g);

    if (b->driven)
        tenon_asked_inputs(b, b->driven, inputs, count);
}

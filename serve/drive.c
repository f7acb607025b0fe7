/* serve/drive.c - a definition, a frontend, or the client. */
#include "drive.h"

#include <stdlib.h>
#include <string.h>

#include "common/llbbridge/containers.h"
#include "common/llbbridge/serving.h"
#include "engine/build.h"
#include "engine/host.h"
#include "tools/alloc.h"

#define BUILD_HEADER "buildkit-controlapi-buildid"

/* What is asked of Solve, and not of the bridge: beside gateway_llb_caps, and only what works. */
static const char *const caps[] = {
    "exporter.image.attestations",
    "exporter.multiple",
    "source.policy.session",
    NULL,
};

const char *
drive_plugin(const char *frontend)
{
    return strcmp(frontend, "dockerfile.v0") == 0 ? "dockerfile"
           : strcmp(frontend, "gateway.v0") == 0  ? "gateway" : NULL;
}

/* ---- a definition, a frontend -------------------------------------------- */

static int
drive_definition(struct gateway *gw, const struct message_bytes *definition,
                 struct tenon_error *err)
{
    struct tenon_ref *ref = NULL;
    int rc = gw->bridge->solve_definition(gw->ctx, gw->graph, definition->data, definition->len,
                                          &ref, err);

    return rc < 0 ? rc : gw->host->result->add(gw->result, gw->request->host_platform, ref, err);
}

/* Of the request, as references; NULL: err. */
static struct tenon_named_ref *
make_inputs(struct gateway *gw, const struct ctl_solve *request, struct tenon_error *err)
{
    const struct ctl_blob *blobs = request->inputs.items;
    auto_free struct tenon_named_ref *inputs =
        tenon_calloc(request->inputs.len + 1, sizeof *inputs);

    for (size_t i = 0; i < request->inputs.len; i++) {
        inputs[i].name = blobs[i].key;
        if (gw->bridge->solve_definition(gw->ctx, gw->graph, blobs[i].value.data,
                                         blobs[i].value.len, &inputs[i].ref, err) < 0)
            return NULL;
    }
    return tenon_steal(&inputs);
}

static int
drive_frontend(struct gateway *gw, const struct ctl_solve *request, struct tenon_error *err)
{
    auto_free struct tenon_named_ref *inputs = make_inputs(gw, request, err);
    const struct tenon_frontend_call call = {
        .struct_size = sizeof call,
        .frontend = drive_plugin(request->frontend),
        .options = gw->request->options,
        .inputs = inputs,
        .input_count = request->inputs.len,
    };

    if (!inputs)
        return err->code;
    return gw->bridge->solve_frontend(gw->ctx, gw->graph, &call, gw->result, err);
}

/* ---- the client ---------------------------------------------------------- */

static bool
has_returned(struct gateway *gw)
{
    pthread_mutex_lock(&gw->lock);
    const bool returned = gw->returned;
    pthread_mutex_unlock(&gw->lock);
    return returned;
}

/* With the lock held: is a question answered yet? */
static bool
is_asked(const struct servejob *j)
{
    tenon_vec_foreach(c, &j->calls)
        if (!c->is_stream)
            return true;
    return false;
}

/* With the lock held: until it has returned, and all that it asked for was answered; or it is not
 * to go on. */
static void
wait_for_client(struct servejob *j)
{
    while (!tenon_cancel_fired(j->cancel) && !(has_returned(&j->gateway) && !is_asked(j)))
        pthread_cond_wait(&j->changed, &j->lock);
}

static bool
has_result(const struct servejob *j)
{
    return !tenon_cancel_fired(j->cancel) && !j->gateway.failure.len && !j->gateway.refused;
}

/* Calls that are there in the end are ended: some wait for what their client sends or reads, which
 * need not come. */
static void
attend(struct servejob *j, const struct drive *d, struct tenon_error *err)
{
    pthread_mutex_lock(&j->lock);
    j->driving = true;
    pthread_cond_broadcast(&j->changed);
    wait_for_client(j);
    if (d->returned && has_result(j)) {
        pthread_mutex_unlock(&j->lock);
        d->returned(d->returned_data, &j->gateway, err);
        pthread_mutex_lock(&j->lock);
        wait_for_client(j);
    }
    j->driving = false;
    tenon_vec_foreach(c, &j->calls)
        grpc_call_abort(c->call, GRPC_CANCELLED, "the build has ended");
    while (j->calls.len > 0)
        pthread_cond_wait(&j->changed, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

/* It asks for the inputs of its request, which it had sent. */
static int
drive_client(const struct drive *d, struct tenon_error *err)
{
    struct servejob *j = d->job;
    struct gateway *gw = &j->gateway;
    auto_free struct tenon_named_ref *inputs = make_inputs(gw, d->request, err);
    const struct tenon_frontend_request *given = gw->request;
    struct tenon_frontend_request request = *given;

    if (!inputs)
        return err->code;
    request.inputs = inputs;
    request.input_count = d->request->inputs.len;
    tenon_build_drive_inputs(gw->graph, inputs, d->request->inputs.len);
    gw->request = &request;
    gateway_open(gw);
    int rc = watch_start(&gw->watch, gw->host, serving_wake, gw);
    if (rc == 0) {
        attend(j, d, err);
        watch_stop(&gw->watch);
    }
    containers_release(gw);
    gw->request = given;
    if (rc != 0)
        tenon_error_errno(err, rc, "serve the client");
    else if (err->code)
        ; /* what came after its result */
    else if (gw->failure.len)
        gateway_take_failure(gw, err);
    else if (tenon_cancel_check(j->cancel, err) == 0 && gw->refused)
        tenon_error_set(err, TENON_E_INVALID, "%s", gw->refused);
    gateway_release(gw);
    return err->code;
}

/* ---- all ----------------------------------------------------------------- */

static int
add_metadata(struct gateway *gw, char *const *pairs, struct tenon_error *err)
{
    for (; pairs && *pairs; pairs++) {
        const char *value = strchr(*pairs, '=') + 1;
        auto_free char *key = tenon_strndup(*pairs, (size_t)(value - 1 - *pairs));
        if (gw->host->result->set(gw->result, key, value, strlen(value), err) < 0)
            return err->code;
    }
    return TENON_OK;
}

/* Of what the client does not drive it can ask nothing. */
static int
tell_returned(struct gateway *gw, const struct drive *d, struct tenon_error *err)
{
    if (!d->returned)
        return TENON_OK;
    gateway_open(gw);
    d->returned(d->returned_data, gw, err);
    gateway_release(gw);
    return err->code;
}

static int
describe(struct gateway *gw, const struct drive *d, struct tenon_error *err)
{
    const bool defined = d->request->definition.data; /* of nothing, too: that is the empty tree */

    if (!defined && !*d->request->frontend)
        return drive_client(d, err);
    if ((defined ? drive_definition(gw, &d->request->definition, err)
                 : drive_frontend(gw, d->request, err)) < 0)
        return err->code;
    return tell_returned(gw, d, err);
}

static int
drive_solve(void *self, struct tenon_ctx *ctx, const struct tenon_frontend_request *request,
            const struct tenon_bridge *bridge, struct tenon_result *result,
            struct tenon_error *err)
{
    const struct drive *d = self;
    struct gateway *gw = &d->job->gateway;

    *gw = (struct gateway){
        .session = *d->request->session ? d->request->session : NULL,
        .more_caps = caps,
        .host = tenon_engine_host(), .bridge = bridge, .request = request, .ctx = ctx,
        .graph = request->graph, .result = result,
    };
    return describe(gw, d, err) < 0 ? err->code : add_metadata(gw, *d->metadata, err);
}

const struct tenon_frontend_ops drive_ops = {
    .struct_size = sizeof drive_ops,
    .solve = drive_solve,
};

void
drive_end(struct servejob *j)
{
    pthread_mutex_lock(&j->lock);
    j->over = true;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

void
drive_wake(struct servejob *j)
{
    pthread_mutex_lock(&j->lock);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

/* ---- its calls ----------------------------------------------------------- */

/* The client may drive now, or soon; false: it may not. */
static bool
begin_call(struct servejob *j, struct grpc_call *call, bool is_stream)
{
    const struct timespec until = server_deadline(SERVER_WAIT_JOB);
    int waited = 0;

    pthread_mutex_lock(&j->lock);
    while (!j->driving && !j->over && waited == 0)
        waited = pthread_cond_timedwait(&j->changed, &j->lock, &until);
    const bool good = j->driving;
    if (good)
        tenon_vec_push(&j->calls, ((struct drive_call){call, is_stream}));
    pthread_mutex_unlock(&j->lock);
    return good;
}

static void
end_call(struct servejob *j, const struct grpc_call *call)
{
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < j->calls.len; i++)
        if (j->calls.items[i].call == call) {
            j->calls.items[i] = j->calls.items[--j->calls.len];
            break;
        }
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

static const struct grpc_method *
find_method(const char *path)
{
    size_t count;
    const struct grpc_method *methods = gateway_methods(&count);

    for (size_t i = 0; i < count; i++)
        if (!strcmp(methods[i].path, path))
            return &methods[i];
    return NULL;
}

void
drive_call(struct server *s, struct grpc_call *call)
{
    const char *ref = grpc_call_header(call, BUILD_HEADER);
    const struct grpc_method *method = find_method(grpc_call_path(call));
    const bool is_stream = tenon_has_suffix(grpc_call_path(call), "/ExecProcess");

    if (!ref) {
        grpc_call_fail(call, GRPC_UNKNOWN, "no buildid found in context: no " BUILD_HEADER);
        return;
    }
    if (!grpc_call_await(call, !is_stream))
        return; /* a build does not wait for half a question */
    struct servejob *j = servejob_find(s, ref);
    if (!j) {
        grpc_call_fail(call, GRPC_NOT_FOUND, "no such job %s", ref);
        return;
    }
    if (begin_call(j, call, is_stream)) {
        method->run(&j->gateway, call);
        end_call(j, call);
    } else {
        grpc_call_fail(call, GRPC_FAILED_PRECONDITION, "job %s is not driven by its client, or no "
                       "longer", ref);
    }
    servejob_leave(j);
}

/* common/llbbridge/serving.c - one call: a message in, one out; references by their names. */
#include "serving.h"

#include "failure.h"
#include "llbbridge.h"
#include "tools/alloc.h"
#include "tools/parse.h"

/* False: nobody waits for the answer any more. */
static bool
take_turn(struct serving *s)
{
    struct gateway *gw = s->gw;

    pthread_mutex_lock(&gw->lock);
    while (gw->answers >= GATEWAY_ANSWERS_MAX && !gw->host->ctx->cancelled(s->ctx))
        pthread_cond_wait(&gw->changed, &gw->lock);
    s->gathers = gw->answers < GATEWAY_ANSWERS_MAX;
    gw->answers += s->gathers;
    pthread_mutex_unlock(&gw->lock);
    return s->gathers;
}

bool
serving_gather(struct serving *s)
{
    if (take_turn(s))
        return true;
    s->gw->host->error->set(s->err, TENON_E_CANCELLED, 0, "the call is over");
    return false;
}

void
serving_wake(void *gateway)
{
    struct gateway *gw = gateway;

    pthread_mutex_lock(&gw->lock);
    pthread_cond_broadcast(&gw->changed);
    pthread_mutex_unlock(&gw->lock);
}

static void
gathered(struct gateway *gw)
{
    pthread_mutex_lock(&gw->lock);
    gw->answers--;
    pthread_cond_broadcast(&gw->changed);
    pthread_mutex_unlock(&gw->lock);
}

void
serving_done(struct serving *s)
{
    static const struct grpc_status ok = {0};

    if (s->gw->host->error->code(s->err) < 0) {
        if (s->gathers || take_turn(s)) /* operations may be large */
            failure_add(s);
        gateway_fail(s->gw, s->call, s->err);
    } else {
        grpc_call_finish(s->call, &ok); /* nothing, where it was finished before */
    }
    tenon_buf_release(&s->request);
    tenon_arena_release(&s->arena);
    watch_end(&s->gw->watch, s->watched);
    s->gw->host->ctx->scope_end(s->ctx);
    if (s->gathers)
        gathered(s->gw);
}

void
serving_open(struct serving *s, struct gateway *gw, struct grpc_call *call)
{
    *s = (struct serving){.gw = gw, .call = call, .ctx = gw->host->ctx->scope_begin(gw->ctx)};
    s->err = gw->host->error->create(s->ctx);
    s->watched = watch_begin(&gw->watch, call, s->ctx);
}

bool
serving_begin(struct serving *s, struct gateway *gw, struct grpc_call *call,
              const struct message_type_info *m, void *request)
{
    const char *why = NULL;

    serving_open(s, gw, call);
    bool good = grpc_call_recv_only(call, &s->request) == 0;
    if (good && !message_decode(&s->arena, m, s->request.data, s->request.len, request, &why)) {
        grpc_call_fail(call, GRPC_INTERNAL, "%s: %s", grpc_call_path(call), why);
        good = false;
    }
    if (!good)
        serving_done(s);
    return good;
}

void
serving_answer(struct serving *s, const struct message_type_info *m, const void *message)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, m, message);
    grpc_call_send(s->call, tenon_buf_str(&bytes), bytes.len);
}

/* ---- references ---------------------------------------------------------- */

const char *
serving_name_ref(struct serving *s, struct tenon_ref *ref)
{
    char text[GATEWAY_NAME_MAX];

    if (gateway_name_ref(s->gw, ref, text))
        return tenon_arena_strdup(&s->arena, text);
    s->gw->host->error->set(s->err, TENON_E_LIMIT, 0, "the frontend has more than %d references",
                            GATEWAY_REFS_MAX);
    return NULL;
}

bool
serving_put_ref(struct serving *s, struct tenon_ref *ref, struct gw_ref *out)
{
    if (s->gw->bridge->definition(s->ctx, ref, &out->def.data, &out->def.len, s->err) < 0)
        return false;
    if (out->def.len == 0)
        out->def.data = NULL;
    out->id = serving_name_ref(s, ref);
    return out->id != NULL;
}

struct tenon_ref *
serving_find_ref(struct serving *s, const char *name)
{
    struct gateway *gw = s->gw;
    struct tenon_ref *ref = NULL;
    uint64_t n;

    pthread_mutex_lock(&gw->lock);
    if (tenon_has_prefix(name, "ref-") && tenon_parse_u64(name + 4, 10, &n) && n > 0 &&
        n <= gw->refs.len)
        ref = gw->refs.items[n - 1];
    pthread_mutex_unlock(&gw->lock);
    if (!ref)
        gw->host->error->set(s->err, TENON_E_NOT_FOUND, 0, "no such reference: \"%s\"", name);
    return ref;
}

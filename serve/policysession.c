/* serve/policysession.c - see policysession.h.  The client says yes or no, names another source, or
 * asks what is known of this one and is asked again. */
#include "policysession.h"

#include <stdlib.h>
#include <string.h>

#include "callerror.h"
#include "common/llbbridge/sourcemeta.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"

#define CHECK_POLICY \
    "/moby.buildkit.v1.sourcepolicy.policysession.PolicyVerifier/CheckPolicy"
#define DENY_DETAIL "policysession.DecisionResponse"

enum action { ALLOW, DENY, CONVERT };

struct policysession {
    struct tenon_judge judge;
    struct server *server;
    struct tunnel *tunnel;
    struct tenon_engine *engine;
    struct callset *asked;
};

/* ---- messages -------------------------------------------------------------- */

struct check_request {
    const struct gw_platform *platform;
    const struct gw_meta *meta;
};
struct deny_message {
    const char *text;
};
struct decision {
    int64_t action;
    struct message_list messages; /* deny_message */
    const struct gw_source *update;
};
struct check_answer { /* one of the two */
    const struct decision *decision;
    const struct gw_resolve_meta *request;
};

#define FIELDS static const struct message_field
#define INFO(name) \
    static const struct message_type_info name##_message = MESSAGE_INFO(name, name##_fields)

FIELDS check_request_fields[] = {
    MESSAGE_OF(1, ONE, check_request, platform, gw_platform_message),
    MESSAGE_OF(2, ONE, check_request, meta, gw_meta_message),
};
INFO(check_request);

FIELDS deny_message_fields[] = {MESSAGE_FIELD(1, STRING, deny_message, text)};
INFO(deny_message);

FIELDS decision_fields[] = {
    MESSAGE_FIELD(1, INT, decision, action),
    MESSAGE_OF(2, MANY, decision, messages, deny_message_message),
    MESSAGE_OF(3, ONE, decision, update, gw_source_message),
};
INFO(decision);

FIELDS check_answer_fields[] = {
    MESSAGE_OF(1, ONE, check_answer, decision, decision_message),
    MESSAGE_OF(2, ONE, check_answer, request, gw_resolve_meta_message),
};
INFO(check_answer);

/* ---- one question ---------------------------------------------------------- */

static int
ask(struct policysession *p, struct tenon_arena *arena, const struct check_request *request,
    struct check_answer *out, struct tenon_error *err)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT, reply = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    const char *why;

    *out = (struct check_answer){0};
    message_encode(&bytes, &check_request_message, request);
    if (!callset_unary(p->asked, p->tunnel->conn, CHECK_POLICY, 0, &bytes, &reply, &status))
        return callerror_set(&status, "the client's policy", err);
    /* Bytes of the answer may be in the next question. */
    const void *kept = reply.len ? tenon_arena_dup(arena, reply.data, reply.len) : "";
    if (!message_decode(arena, &check_answer_message, kept, reply.len, out, &why))
        return tenon_error_set(err, TENON_E_FAILED, "the client's policy: %s", why);
    return TENON_OK;
}

/* ---- decisions ------------------------------------------------------------- */

static int
refuse(const struct decision *d, const char *identifier, struct tenon_error *err)
{
    static const char *const names[] = {"ALLOW", "DENY", "CONVERT"};
    const bool known = d->action >= 0 && d->action < (int64_t)tenon_countof(names);
    const struct deny_message *m = d->messages.items;
    auto_buf struct tenon_buf json = TENON_BUF_INIT;

    tenon_error_set(err, TENON_E_DENIED, "source \"%s\" not allowed by policy: action %s",
                    identifier, known ? names[d->action] : "unknown");
    tenon_buf_addf(&json, "{\"action\":%d,\"denyMessages\":[", DENY);
    for (size_t i = 0; i < d->messages.len; i++) {
        tenon_buf_adds(&json, i ? ",{\"message\":" : "{\"message\":");
        tenon_json_add_string(&json, m[i].text, strlen(m[i].text), true);
        tenon_buf_adds(&json, "}");
    }
    tenon_buf_adds(&json, "]}");
    return d->messages.len ? tenon_error_detail(err, DENY_DETAIL, tenon_buf_str(&json))
                           : err->code;
}

static int
convert(const struct gw_source *update, struct tenon_policy_source *s, struct tenon_error *err)
{
    const struct gw_pair *pairs = update ? update->attrs.items : NULL;

    if (!update)
        return tenon_error_set(err, TENON_E_INVALID, "convert action requires updated source");
    for (size_t i = 0; i < update->attrs.len; i++)
        if (!*pairs[i].key || strchr(pairs[i].key, '='))
            return tenon_error_set(err, TENON_E_INVALID, "the client's policy: invalid name of an "
                                   "attribute: \"%s\"", pairs[i].key);
    tenon_policy_source_release(s);
    s->identifier = tenon_strdup(update->identifier);
    for (size_t i = 0; i < update->attrs.len; i++)
        tenon_policy_source_set(s, pairs[i].key, pairs[i].value);
    return 1;
}

/* ---- what is known of a source ----------------------------------------------- */

static bool
same_attrs(struct tenon_arena *arena, const struct message_list *pairs, char *const *attrs)
{
    const size_t count = attrs ? tenon_strv_len(attrs) : 0;
    const char **theirs = gateway_join(arena, pairs);
    const char **ours = tenon_arena_array(arena, count + 1, sizeof *ours);

    for (size_t i = 0; i < count; i++)
        ours[i] = attrs[i];
    qsort(ours, count, sizeof *ours, tenon_by_text);
    for (size_t i = 0; i < count && i < pairs->len; i++)
        if (strcmp(ours[i], theirs[i]) != 0)
            return false;
    return count == pairs->len;
}

/* Of this source and no other: the client has the say about what is used, not about what is
 * asked for on its way. */
static int
look_up(struct tenon_build *b, struct tenon_ctx *ctx, struct tenon_arena *arena,
        const struct gw_resolve_meta *asked, const struct tenon_policy_source *s,
        const struct gw_meta **out, struct tenon_error *err)
{
    struct tenon_source_meta meta = {.struct_size = sizeof meta};

    if (!asked->source || strcmp(asked->source->identifier, s->identifier) != 0)
        return tenon_error_set(err, TENON_E_INVALID, "policy requested different source "
                               "identifier: \"%s\" != \"%s\"",
                               asked->source ? asked->source->identifier : "", s->identifier);
    if (!same_attrs(arena, &asked->source->attrs, s->attrs))
        return tenon_error_set(err, TENON_E_INVALID, "policy requested different source attrs");
    const struct tenon_source_query query = gateway_query(arena, asked);
    if (tenon_sources_ask(b, ctx, &query, &meta, err) < 0)
        return tenon_error_context(err, "error resolving source metadata from policy request");
    *out = gateway_meta(arena, asked, &meta);
    return TENON_OK;
}

/* ---- all --------------------------------------------------------------------- */

static int
discuss(struct policysession *p, struct tenon_build *b, struct tenon_ctx *ctx,
        struct tenon_policy_source *s, const char *text, unsigned *left, struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const struct gw_source source = gateway_source(&arena, s->identifier,
                                                   (const char *const *)s->attrs);
    const struct gw_platform platform = text ? gateway_split_platform(&arena, text)
                                             : (struct gw_platform){0};
    const struct gw_meta begin = {.source = &source};
    struct check_request request = {text ? &platform : NULL, &begin};
    struct check_answer answer;

    for (; *left > 0; (*left)--) {
        if (ask(p, &arena, &request, &answer, err) < 0)
            return err->code;
        if (!answer.request)
            break;
        if (look_up(b, ctx, &arena, answer.request, s, &request.meta, err) < 0)
            return err->code;
    }
    if (*left == 0)
        return tenon_error_set(err, TENON_E_LIMIT, "too many policy requests");
    (*left)--;
    if (!answer.decision)
        return tenon_error_set(err, TENON_E_FAILED, "no decision in policy response");
    return answer.decision->action == ALLOW     ? 0
           : answer.decision->action == CONVERT ? convert(answer.decision->update, s, err)
                                                : refuse(answer.decision, s->identifier, err);
}

static int
judge(void *data, struct tenon_build *b, struct tenon_policy_source *s, const char *platform,
      unsigned *left, struct tenon_error *err)
{
    struct policysession *p = data;
    struct tenon_ctx *ctx = tenon_ctx_new(p->engine, p->engine->events, p->engine->cancel, NULL);
    const int rc = discuss(p, b, ctx, s, platform, left, err);

    tenon_ctx_free(ctx);
    return rc;
}

struct policysession *
policysession_new(struct server *s, const char *id, struct tenon_engine *engine,
                  struct callset *asked, struct tenon_error *err)
{
    struct tunnel *t = tunnel_find(s, id);

    if (!t || !tunnel_has(t, CHECK_POLICY)) {
        tenon_error_set(err, TENON_E_NOT_FOUND, "the client's policy: %s",
                        t ? "its session does not offer that" : "its session has gone");
        if (t)
            tunnel_leave(s, t);
        return NULL;
    }
    struct policysession *p = tenon_new0(struct policysession);
    *p = (struct policysession){{judge, p}, s, t, engine, asked};
    return p;
}

const struct tenon_judge *
policysession_judge(const struct policysession *p)
{
    return &p->judge;
}

void
policysession_free(struct policysession *p)
{
    if (!p)
        return;
    tunnel_leave(p->server, p->tunnel);
    free(p);
}

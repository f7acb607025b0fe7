/* fuzz-verdicts - what a client says of a source: it may be used, it may not, another one in its
 * place, or a question first.
 *
 * The input is answers, each behind its length in two bytes.  What comes out is an error with a
 * text, or a source with a name and attributes that have one. */
#define FUZZ_CORPUS "verdicts"
#include "fuzz.h"

#include "base/error.h"
#include "context/ctx.h"
#include "context/engine.h"
#include "engine/sources.h"
#include "policysession.h"
#include "tunnel.h"

enum { QUESTIONS_MAX = 16 };

struct grpc_call;
static struct {
    const uint8_t *data;
    size_t size;
} answers;

/* ---- the rest of the server and of the build ------------------------------------------ */

bool
callset_unary(struct callset *s, struct grpc_conn *conn, const char *path, uint64_t timeout_ns,
              const struct tenon_buf *request, struct tenon_buf *reply,
              struct grpc_status *status)
{
    (void)s, (void)conn, (void)timeout_ns;
    tenon_assert(*path == '/' && request->len > 0);
    *status = (struct grpc_status){0};
    if (answers.size < 2) {
        status->code = GRPC_UNAVAILABLE;
        return false;
    }
    size_t len = (size_t)answers.data[0] | (size_t)answers.data[1] << 8;
    answers.data += 2;
    answers.size -= 2;
    len = len < answers.size ? len : answers.size;
    auto_free char *copy = fuzz_copy(answers.data, len);
    tenon_buf_add(reply, copy, len);
    answers.data += len;
    answers.size -= len;
    return true;
}

const char *
grpc_code_name(int code, char room[24])
{
    (void)code, (void)room;
    return "ended";
}

void
grpc_status_release(struct grpc_status *s)
{
    (void)s;
}

struct tunnel *
tunnel_find(struct server *s, const char *id)
{
    static struct tunnel one;

    (void)s, (void)id;
    return &one;
}

bool
tunnel_has(const struct tunnel *t, const char *method)
{
    (void)t, (void)method;
    return true;
}

void
tunnel_leave(struct server *s, struct tunnel *t)
{
    (void)s, (void)t;
}

int
tenon_sources_ask(struct tenon_build *b, struct tenon_ctx *ctx, const struct tenon_source_query *q,
                  struct tenon_source_meta *out, struct tenon_error *err)
{
    (void)b, (void)ctx;
    if (!q->identifier || strchr(q->identifier, '!'))
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no such source");
    out->identifier = "docker-image://docker.io/library/x@sha256:1";
    out->source = q->identifier;
    out->digest = "sha256:1";
    out->config = "{}";
    out->config_len = 2;
    return TENON_OK;
}

/* ---- the question --------------------------------------------------------------------- */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_engine engine = {0};
    struct tenon_policy_source source = {.identifier = tenon_strdup("docker-image://x")};
    unsigned left = QUESTIONS_MAX;

    answers.data = data;
    answers.size = size;
    struct policysession *p = policysession_new(NULL, "id", &engine, NULL, &err);
    const struct tenon_judge *judge = policysession_judge(p);
    const int rc = judge->judge(judge->data, NULL, &source, size & 1 ? "linux/arm/v7" : NULL,
                                &left, &err);
    tenon_assert(rc >= 0 ? !err.code : err.message && *err.message);
    tenon_assert(left < QUESTIONS_MAX || rc < 0);
    tenon_assert(source.identifier);
    for (char **a = source.attrs; a && *a; a++)
        tenon_assert(**a != '=' && strchr(*a, '='));
    policysession_free(p);
    tenon_policy_source_release(&source);
    return 0;
}

/* engine/attesters.c - calls of attesters and scanners, each once a platform. */
#include "engine/attesters.h"

#include <stdlib.h>
#include <string.h>

#include "context/ctx.h"

struct tenon_attesting { /* one --attest */
    struct tenon_module *module;
    struct tenon_values *values;
    TENON_VEC(struct tenon_ctx *) ctxs; /* one a platform: what was said lives in it */
};

static const struct tenon_attester_ops *
ops_of(const struct tenon_attesting *a)
{
    return a->module->plugin.ops.attester;
}

static void
attesting_free(struct tenon_attesting *a)
{
    tenon_vec_foreach(c, &a->ctxs)
        tenon_ctx_free(*c);
    tenon_vec_release(&a->ctxs);
    tenon_values_free(a->values);
    free(a);
}

void
tenon_attesters_free(struct tenon_build *b)
{
    tenon_vec_foreach(a, &b->attesting)
        attesting_free(*a);
    tenon_vec_release(&b->attesting);
}

static struct tenon_attesting *
open_one(struct tenon_build *b, const struct tenon_attest *x, struct tenon_error *err)
{
    struct tenon_module *m;
    if (tenon_plugins_get(b->engine->plugins, x->kind, x->name, &m, err) < 0)
        return NULL;
    struct tenon_attesting *a = tenon_new0(struct tenon_attesting);
    a->module = m;
    auto_free char *what = tenon_asprintf("%s %s", tenon_kind_name(x->kind), x->name);
    if (tenon_values_parse(m->plugin.options, m->plugin.param_size,
                           (const char *const *)x->pairs, what, &a->values, err) < 0) {
        attesting_free(a);
        return NULL;
    }
    return a;
}

int
tenon_attesters_check(struct tenon_build *b, const struct tenon_build_request *req,
                      struct tenon_error *err)
{
    for (size_t i = 0; i < req->attest_count && !err->code; i++) {
        struct tenon_attesting *a = open_one(b, &req->attests[i], err);
        if (!a)
            return err->code;
        auto_ctx struct tenon_ctx *ctx = tenon_ctx_new(b->engine, NULL, b->engine->cancel, NULL);
        if (ops_of(a)->check) {
            tenon_module_enter(a->module, "check");
            int rc = ops_of(a)->check(a->module->self, ctx, a->values, err);
            tenon_module_leave(a->module);
            tenon_module_check(a->module, "check", rc, err);
        }
        attesting_free(a);
    }
    return err->code;
}

static struct tenon_attester_request
request_of(struct tenon_build *b, const struct tenon_bridge *bridge, size_t i)
{
    return (struct tenon_attester_request){
        .struct_size = sizeof(struct tenon_attester_request),
        .result = &b->result, .index = i, .graph = b->graph, .bridge = bridge,
    };
}

static int
attest(struct tenon_build *b, const struct tenon_bridge *bridge, struct tenon_attesting *a,
       size_t i, struct tenon_error *err)
{
    const struct tenon_attester_ops *ops = ops_of(a);
    const struct tenon_attester_request req = request_of(b, bridge, i);
    const char *platform = b->result.platforms.items[i].platform;
    char digest[72];
    tenon_events_fresh_digest(digest);
    auto_free char *name = tenon_asprintf(*platform ? "[%s] %s" : "%s%s", platform,
                                          ops->title ? ops->title : "");
    const struct tenon_vertex_info info = { .digest = digest, .name = name };
    if (ops->title)
        tenon_events_start(b->engine->events, &info);
    struct tenon_ctx *ctx = tenon_ctx_new(b->engine, b->engine->events, b->engine->cancel,
                                          ops->title ? digest : NULL);
    tenon_vec_push(&a->ctxs, ctx);
    tenon_module_enter(a->module, "attest");
    int rc = ops->attest(a->module->self, ctx, a->values, &req, err);
    tenon_module_leave(a->module);
    rc = tenon_module_check(a->module, "attest", rc, err);
    if (ops->title)
        tenon_events_done(b->engine->events, digest, false, rc < 0 ? err->message : NULL,
                          rc == TENON_E_CANCELLED);
    return rc < 0 ? tenon_error_context(err, "attestation %s", a->module->plugin.name) : rc;
}

/* By a frontend that has called a scanner itself, as clients of `tenon serve` tell it to. */
static bool
has_sbom(const struct tenon_result *r)
{
    tenon_vec_foreach(x, &r->attestations)
        if (tenon_streq(x->a.predicate_type, "https://spdx.dev/Document"))
            return true;
    return false;
}

int
tenon_attesters_run(struct tenon_build *b, const struct tenon_bridge *bridge,
                    const struct tenon_build_request *req, struct tenon_error *err)
{
    const bool scanned = has_sbom(&b->result);
    for (size_t i = 0; i < req->attest_count; i++) {
        if (scanned && req->attests[i].kind == TENON_KIND_SCANNER)
            continue;
        struct tenon_attesting *a = open_one(b, &req->attests[i], err);
        if (!a)
            return err->code;
        tenon_vec_push(&b->attesting, a);
        for (size_t n = 0; n < b->result.platforms.len; n++)
            if (attest(b, bridge, a, n, err) < 0)
                return err->code;
    }
    return TENON_OK;
}

int
tenon_attesters_respond(struct tenon_build *b, const struct tenon_bridge *bridge,
                        struct tenon_error *err)
{
    tenon_vec_foreach(x, &b->attesting) {
        struct tenon_attesting *a = *x;
        for (size_t n = 0; n < b->result.platforms.len && ops_of(a)->respond; n++) {
            const struct tenon_attester_request req = request_of(b, bridge, n);
            tenon_module_enter(a->module, "respond");
            int rc = ops_of(a)->respond(a->module->self, a->ctxs.items[n], a->values, &req, err);
            tenon_module_leave(a->module);
            if (tenon_module_check(a->module, "respond", rc, err) < 0)
                return tenon_error_context(err, "attestation %s", a->module->plugin.name);
        }
    }
    return TENON_OK;
}

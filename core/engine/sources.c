/* engine/sources.c - see sources.h. */
#include "engine/sources.h"

#include <string.h>

#include "image/image.h"
#include "policy/lockfile.h"
#include "tools/arena.h"

int
tenon_policy_list_parse(const char *const *texts, struct tenon_policy_list *out,
                        struct tenon_error *err)
{
    for (size_t i = 0; texts && texts[i]; i++) {
        struct tenon_policy *p;
        if (tenon_policy_parse(texts[i], strlen(texts[i]), &p, err) < 0)
            return tenon_error_context(err, "source policy");
        tenon_vec_push(&out->list, p);
    }
    return TENON_OK;
}

void
tenon_policy_list_release(struct tenon_policy_list *l)
{
    tenon_vec_foreach(p, &l->list)
        tenon_policy_free((struct tenon_policy *)*p);
    tenon_vec_release(&l->list);
}

/* Rules and lock files know an image by its whole name, a frontend may have written a short one
 * (docker-image://alpine). 1: it has changed. */
static int
normalize(struct tenon_policy_source *s, struct tenon_error *err)
{
    static const char scheme[] = "docker-image://";
    struct tenon_reference ref = {0};
    if (!tenon_has_prefix(s->identifier, scheme))
        return 0;
    if (tenon_reference_parse(s->identifier + sizeof scheme - 1, &ref, err) < 0)
        return err->code;
    auto_free char *name = tenon_reference_string(&ref);
    auto_free char *whole = tenon_asprintf("%s%s", scheme, name);
    tenon_reference_release(&ref);
    if (!strcmp(whole, s->identifier))
        return 0;
    free(s->identifier);
    s->identifier = tenon_steal(&whole);
    return 1;
}

/* Until no rule changes it and it has its whole name; 1: it has changed. */
static int
settle(const struct tenon_policy *const *list, size_t count, struct tenon_policy_source *s,
       struct tenon_error *err)
{
    enum { ROUNDS_MAX = 20 };
    int changed = 0;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        int rc = normalize(s, err);
        if (rc < 0)
            return rc;
        changed |= rc;
        if (i && !rc)
            return changed;
        rc = tenon_policies_apply(list, count, s, err);
        if (rc <= 0)
            return rc < 0 ? rc : changed;
        changed = 1;
    }
    return tenon_error_set(err, TENON_E_LIMIT, "too many mutations on a single source");
}

/* A source that is a build's own may have no policy, but then it is in the lock file. */
static int
hold(struct tenon_engine *e, const struct tenon_policy *const *first, size_t first_count,
     const struct tenon_policy *const *then, size_t then_count, struct tenon_policy_source *s,
     const char *platform, struct tenon_error *err)
{
    TENON_VEC(const struct tenon_policy *) all = {0};
    if (!first_count && !then_count && !e->lock)
        return 0;
    for (size_t i = 0; i < first_count; i++)
        tenon_vec_push(&all, first[i]);
    for (size_t i = 0; i < then_count; i++)
        tenon_vec_push(&all, then[i]);
    int rc = settle(all.items, all.len, s, err);
    tenon_vec_release(&all);
    if (rc < 0 || !e->lock)
        return rc;
    int pinned = tenon_lockfile_pin(e->lock, s, platform, err);
    return pinned < 0 ? pinned : rc | pinned;
}

/* ---- of graphs --------------------------------------------------------------------- */

static char *
platform_text(const struct tenon_engine *e, const struct tenon_op *op)
{
    const struct tenon_op_platform *p = &op->platform;
    if (!op->has_platform || !*p->os)
        return tenon_strdup(e->host_platform);
    return tenon_asprintf("%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "", p->variant);
}

static int
by_key(const void *a, const void *b)
{
    return strcmp(((const struct tenon_pair *)a)->key, ((const struct tenon_pair *)b)->key);
}

static void
give(struct tenon_arena *arena, const struct tenon_policy_source *s, struct tenon_op_source *out)
{
    const size_t count = s->attrs ? tenon_strv_len(s->attrs) : 0;
    struct tenon_pair *pairs = tenon_arena_array(arena, count, sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        char *key = tenon_arena_strdup(arena, s->attrs[i]);
        char *eq = strchr(key, '=');
        *eq = '\0';
        pairs[i] = (struct tenon_pair){key, eq + 1};
    }
    if (count)
        qsort(pairs, count, sizeof *pairs, by_key);
    *out = (struct tenon_op_source){tenon_arena_strdup(arena, s->identifier), pairs, count};
}

int
tenon_sources_filter(void *data, const void *more, const struct tenon_op *op,
                     struct tenon_arena *arena, struct tenon_op_source *source,
                     struct tenon_error *err)
{
    struct tenon_build *b = data;
    struct tenon_engine *e = b->engine;
    const struct tenon_policy_list *theirs = more;
    const size_t count = theirs ? theirs->list.len : 0;
    if (!e->policy_count && !count && !e->lock)
        return 0;
    /* Rules would see another attribute than the source's plugin does. */
    for (size_t i = 0; i < source->attr_count; i++)
        if (strchr(source->attrs[i].key, '='))
            return tenon_error_set(err, TENON_E_INVALID, "failed to load LLB: source \"%s\": "
                                   "invalid name of an attribute: \"%s\"", source->identifier,
                                   source->attrs[i].key);
    struct tenon_policy_source s = {.identifier = tenon_strdup(source->identifier)};
    for (size_t i = 0; i < source->attr_count; i++)
        tenon_strv_push(&s.attrs, tenon_asprintf("%s=%s", source->attrs[i].key,
                                                 source->attrs[i].value));
    auto_free char *platform = platform_text(e, op);
    int rc = hold(e, e->policies, e->policy_count, count ? theirs->list.items : NULL, count, &s,
                  platform, err);
    if (rc > 0)
        give(arena, &s, source);
    tenon_policy_source_release(&s);
    if (rc < 0)
        tenon_error_context(err, "failed to load LLB: error evaluating the source policy");
    return rc;
}

/* ---- of questions -------------------------------------------------------------------- */

static const char *
name_of(const char *identifier)
{
    const char *rest = strstr(identifier, "://");
    return rest ? rest + strlen("://") : identifier;
}

static int
ask(struct tenon_build *b, struct tenon_ctx *ctx, const struct tenon_source_query *q,
    const struct tenon_policy_source *s, struct tenon_source_meta *out, struct tenon_error *err)
{
    struct tenon_source_query query = *q;
    query.identifier = s->identifier;
    query.attrs = (const char *const *)s->attrs;
    if (tenon_solver_source_meta(b->solver, ctx, &query, out, err) < 0)
        return err->code;
    const size_t count = s->attrs ? tenon_strv_len(s->attrs) : 0;
    const char **attrs = tenon_ctx_alloc(ctx, (count + 1) * sizeof *attrs);
    for (size_t i = 0; i < count; i++)
        attrs[i] = tenon_ctx_strdup(ctx, s->attrs[i]);
    attrs[count] = NULL;
    out->source = tenon_ctx_strdup(ctx, s->identifier);
    out->source_attrs = attrs;
    if (!b->engine->lock || !out->digest)
        return TENON_OK;
    return tenon_lockfile_use(b->engine->lock, s->identifier,
                          q->platform ? q->platform : b->engine->host_platform, out->digest, err);
}

int
tenon_sources_meta(struct tenon_build *b, struct tenon_ctx *ctx,
                   const struct tenon_source_query *q, struct tenon_source_meta *out,
                   struct tenon_error *err)
{
    struct tenon_engine *e = b->engine;
    struct tenon_policy_list theirs = {0};
    struct tenon_policy_source s = {.identifier = tenon_strdup(q->identifier)};
    for (size_t i = 0; q->attrs && q->attrs[i]; i++)
        tenon_strv_push(&s.attrs, tenon_strdup(q->attrs[i]));
    const char *platform = q->platform ? q->platform : e->host_platform;
    int rc = tenon_policy_list_parse(q->policies, &theirs, err);
    if (rc == TENON_OK)
        rc = hold(e, theirs.list.items, theirs.list.len, e->policies, e->policy_count, &s,
                  platform, err);
    if (rc < 0)
        tenon_error_context(err, "failed to resolve source metadata for %s: could not resolve "
                            "image due to policy", name_of(q->identifier));
    else
        rc = ask(b, ctx, q, &s, out, err);
    tenon_policy_list_release(&theirs);
    tenon_policy_source_release(&s);
    return rc < 0 ? rc : TENON_OK;
}

/* ---- for a lock file ------------------------------------------------------------------ */

typedef TENON_VEC(const struct tenon_vertex *) vertex_list;

static void
add_once(vertex_list *list, const struct tenon_vertex *v)
{
    if (!v)
        return;
    tenon_vec_foreach(seen, list)
        if (*seen == v)
            return;
    tenon_vec_push(list, v);
}

/* By its own digest: which stands for the content. */
static int
lock_source(struct tenon_build *b, struct tenon_ctx *ctx, const struct tenon_vertex *v,
            struct tenon_error *err)
{
    struct tenon_policy_source s = {.identifier = tenon_strdup(v->op.source.identifier)};
    for (size_t i = 0; i < v->op.source.attr_count; i++)
        tenon_strv_push(&s.attrs, tenon_asprintf("%s=%s", v->op.source.attrs[i].key,
                                                 v->op.source.attrs[i].value));
    auto_free char *platform = platform_text(b->engine, &v->op);
    struct tenon_source_meta meta = {.struct_size = sizeof meta};
    const struct tenon_source_query q = {
        .struct_size = sizeof q, .identifier = s.identifier, .platform = platform,
        .log_name = v->name,
    };
    int rc = ask(b, ctx, &q, &s, &meta, err);
    tenon_policy_source_release(&s);
    return rc;
}

/* One that is used where it is notes its content once it was read: sourcejob.c. */
static int
read_local(struct tenon_build *b, const struct tenon_vertex *v, struct tenon_error *err)
{
    struct tenon_solved made = {0};
    const struct tenon_edge edge = {v, 0};
    int rc = tenon_solver_solve(b->solver, edge, b->engine->cancel, &made, err);
    tenon_solved_release(&made);
    return rc;
}

int
tenon_sources_lock(struct tenon_build *b, struct tenon_error *err)
{
    vertex_list all = {0};
    int rc = TENON_OK;
    tenon_vec_foreach(p, &b->result.platforms)
        if (p->ref)
            add_once(&all, p->ref->edge.vertex);
    for (size_t i = 0; i < all.len; i++)
        for (size_t k = 0; k < all.items[i]->input_count; k++)
            add_once(&all, all.items[i]->inputs[k].vertex);
    struct tenon_ctx *ctx = tenon_ctx_new(b->engine, b->engine->events, b->engine->cancel, NULL);
    for (size_t i = 0; i < all.len && rc == TENON_OK; i++) {
        const struct tenon_vertex *v = all.items[i];
        if (v->op.type != TENON_OP_SOURCE || !tenon_lockfile_concerns(v->op.source.identifier))
            continue;
        rc = tenon_has_prefix(v->op.source.identifier, "local://") ? read_local(b, v, err)
                                                                   : lock_source(b, ctx, v, err);
    }
    tenon_ctx_free(ctx);
    tenon_vec_release(&all);
    return rc;
}

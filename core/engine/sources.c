/* engine/sources.c - see sources.h. */
#include "engine/sources.h"

#include <pthread.h>
#include <string.h>

#include "image/image.h"
#include "policy/lockfile.h"
#include "policy/repository.h"
#include "tools/arena.h"

struct tenon_verdict {
    char *asked; /* the source as it was: make_name */
    int rc;      /* 1: s is to be used instead, 0: as it is; negative: neither */
    struct tenon_policy_source s;
};

static void
verdict_free(struct tenon_verdict *v)
{
    tenon_policy_source_release(&v->s);
    free(v->asked);
    free(v);
}

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
    tenon_vec_foreach(v, &l->verdicts)
        verdict_free(*v);
    tenon_vec_release(&l->verdicts);
}

static int
rename_source(struct tenon_policy_source *s, char *name)
{
    const bool same = !strcmp(name, s->identifier);
    free(same ? name : s->identifier);
    s->identifier = same ? s->identifier : name;
    return !same;
}

static int
normalize_repository(struct tenon_policy_source *s)
{
    const char *has = tenon_policy_source_attr(s, "git.fullurl");
    auto_free char *url = NULL;
    char *name = tenon_repository_canonical(s->identifier, has && *has, &url);
    if (url)
        tenon_policy_source_set(s, "git.fullurl", url);
    return rename_source(s, name);
}

/* Rules and lock files know an image by its whole name, a frontend may have written a short one
 * (docker-image://alpine); and a repository has one name, too. 1: it has changed. */
static int
normalize(struct tenon_policy_source *s, struct tenon_error *err)
{
    static const char *const schemes[] = {"docker-image://", "docker-image+blob://"};
    struct tenon_reference ref = {0};
    size_t i = 0;
    while (i < tenon_countof(schemes) && !tenon_has_prefix(s->identifier, schemes[i]))
        i++;
    if (i == tenon_countof(schemes))
        return normalize_repository(s);
    if (tenon_reference_parse(s->identifier + strlen(schemes[i]), &ref, err) < 0)
        return err->code;
    auto_free char *name = tenon_reference_string(&ref);
    tenon_reference_release(&ref);
    return rename_source(s, tenon_asprintf("%s%s", schemes[i], name));
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

/* Until the judge, too, leaves it as it is. */
static int
decide(struct tenon_build *b, const struct tenon_policy *const *list, size_t count,
       struct tenon_policy_source *s, const char *platform, struct tenon_error *err)
{
    const struct tenon_judge *judge = b->engine->judge;
    unsigned left = TENON_JUDGE_QUESTIONS;
    int changed = 0, rc;
    do {
        rc = settle(list, count, s, err);
        changed |= rc > 0;
        if (rc >= 0 && judge)
            rc = judge->judge(judge->data, b, s, platform, &left, err);
        changed |= rc > 0;
    } while (judge && rc > 0);
    /* A judge goes by the name, too: with rules that was looked at. */
    if (rc >= 0 && judge && tenon_policy_check_repository(s, err) < 0)
        return err->code;
    return rc < 0 ? rc : changed;
}

/* A source that is a build's own may have no policy, but then it is in the lock file.  platform
 * NULL: it does not say. */
static int
hold(struct tenon_build *b, const struct tenon_policy *const *first, size_t first_count,
     const struct tenon_policy *const *then, size_t then_count, struct tenon_policy_source *s,
     const char *platform, struct tenon_error *err)
{
    struct tenon_engine *e = b->engine;
    TENON_VEC(const struct tenon_policy *) all = {0};
    if (!first_count && !then_count && !e->lock && !e->judge)
        return 0;
    for (size_t i = 0; i < first_count; i++)
        tenon_vec_push(&all, first[i]);
    for (size_t i = 0; i < then_count; i++)
        tenon_vec_push(&all, then[i]);
    int rc = decide(b, all.items, all.len, s, platform, err);
    tenon_vec_release(&all);
    if (rc < 0 || !e->lock)
        return rc;
    int pinned = tenon_lockfile_pin(e->lock, s, platform ? platform : e->host_platform, err);
    return pinned < 0 ? pinned : rc | pinned;
}

/* ---- of graphs --------------------------------------------------------------------- */

/* NULL: it has none. */
static char *
platform_text(const struct tenon_op *op)
{
    const struct tenon_op_platform *p = &op->platform;
    if (!op->has_platform || !*p->os)
        return NULL;
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

/* Rules would see another attribute than the source's plugin does. */
static int
check_attrs(const struct tenon_op_source *source, struct tenon_error *err)
{
    for (size_t i = 0; i < source->attr_count; i++)
        if (strchr(source->attrs[i].key, '='))
            return tenon_error_set(err, TENON_E_INVALID, "failed to load LLB: source \"%s\": "
                                   "invalid name of an attribute: \"%s\"", source->identifier,
                                   source->attrs[i].key);
    return TENON_OK;
}

static struct tenon_policy_source
take(const struct tenon_op_source *source)
{
    struct tenon_policy_source s = {.identifier = tenon_strdup(source->identifier)};
    for (size_t i = 0; i < source->attr_count; i++)
        tenon_strv_push(&s.attrs, tenon_asprintf("%s=%s", source->attrs[i].key,
                                                 source->attrs[i].value));
    return s;
}

static int
filter(struct tenon_build *b, const struct tenon_policy_list *theirs, const struct tenon_op *op,
       struct tenon_policy_source *s, struct tenon_error *err)
{
    struct tenon_engine *e = b->engine;
    const size_t count = theirs ? theirs->list.len : 0;
    auto_free char *platform = platform_text(op);
    int rc = hold(b, e->policies, e->policy_count, count ? theirs->list.items : NULL, count, s,
                  platform, err);
    return rc < 0 ? tenon_error_context(err, "failed to load LLB: error evaluating the source "
                                        "policy") : rc;
}

/* No part of it has a NUL in it, so that it says which source this is. */
static char *
make_name(const struct tenon_op *op)
{
    const struct tenon_op_source *source = &op->source;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    auto_free char *platform = platform_text(op);
    tenon_buf_addf(&b, "%zu %s%s", strlen(source->identifier), source->identifier,
                   platform ? platform : "");
    for (size_t i = 0; i < source->attr_count; i++)
        tenon_buf_addf(&b, " %zu %s %zu %s", strlen(source->attrs[i].key), source->attrs[i].key,
                       strlen(source->attrs[i].value), source->attrs[i].value);
    return tenon_buf_steal(&b);
}

/* NULL: it was not asked about. */
static const struct tenon_verdict *
find_verdict(const struct tenon_policy_list *theirs, const struct tenon_op *op)
{
    if (!theirs || !theirs->verdicts.len)
        return NULL;
    auto_free char *asked = make_name(op);
    tenon_vec_foreach(v, &theirs->verdicts)
        if (!strcmp((*v)->asked, asked))
            return *v;
    return NULL;
}

int
tenon_sources_filter(void *data, const void *more, const struct tenon_op *op,
                     struct tenon_arena *arena, struct tenon_op_source *source,
                     struct tenon_error *err)
{
    struct tenon_build *b = data;
    struct tenon_engine *e = b->engine;
    const struct tenon_policy_list *theirs = more;
    if (!e->policy_count && !(theirs && theirs->list.len) && !e->lock && !e->judge)
        return 0;
    if (check_attrs(source, err) < 0)
        return err->code;
    const struct tenon_verdict *v = find_verdict(theirs, op);
    if (v) {
        if (v->rc > 0)
            give(arena, &v->s, source);
        return v->rc;
    }
    struct tenon_policy_source s = take(source);
    int rc = filter(b, theirs, op, &s, err);
    if (rc > 0)
        give(arena, &s, source);
    tenon_policy_source_release(&s);
    return rc;
}

/* ---- all of a definition, at once ----------------------------------------------------- */

enum { JUDGES_MAX = 16 }; /* threads */

struct hearing {
    struct tenon_build *b;
    struct tenon_policy_list *list;
    struct tenon_arena arena; /* of the ops */
    TENON_VEC(struct tenon_op *) ops; /* as long as the list's verdicts */
    pthread_mutex_t lock; /* of the following */
    size_t next;
    struct tenon_error *err; /* the first, and no more are asked about */
};

/* A copy of what is looked at of an op. */
static struct tenon_op *
copy_op(struct tenon_arena *arena, const struct tenon_op *op)
{
    struct tenon_op *copy = tenon_arena_alloc(arena, sizeof *copy);
    const struct tenon_op_source *from = &op->source;
    struct tenon_pair *pairs = tenon_arena_array(arena, from->attr_count + 1, sizeof *pairs);
    copy->type = op->type;
    copy->has_platform = op->has_platform;
    if (op->has_platform) {
        copy->platform.os = tenon_arena_strdup(arena, op->platform.os);
        copy->platform.arch = tenon_arena_strdup(arena, op->platform.arch);
        copy->platform.variant = tenon_arena_strdup(arena, op->platform.variant);
    }
    for (size_t i = 0; i < from->attr_count; i++)
        pairs[i] = (struct tenon_pair){tenon_arena_strdup(arena, from->attrs[i].key),
                                       tenon_arena_strdup(arena, from->attrs[i].value)};
    copy->source = (struct tenon_op_source){tenon_arena_strdup(arena, from->identifier), pairs,
                                            from->attr_count};
    return copy;
}

static int
add_source(void *data, const struct tenon_op *op, struct tenon_error *err)
{
    struct hearing *h = data;
    if (check_attrs(&op->source, err) < 0)
        return err->code;
    if (find_verdict(h->list, op))
        return 0;
    struct tenon_verdict *v = tenon_new0(struct tenon_verdict);
    v->asked = make_name(op);
    v->s = take(&op->source);
    tenon_vec_push(&h->list->verdicts, v);
    tenon_vec_push(&h->ops, copy_op(&h->arena, op));
    return 0;
}

static void *
hear(void *data)
{
    struct hearing *h = data;
    pthread_mutex_lock(&h->lock);
    while (!h->err->code && h->next < h->ops.len) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        const size_t i = h->next++;
        struct tenon_verdict *v = h->list->verdicts.items[i];
        pthread_mutex_unlock(&h->lock);
        v->rc = filter(h->b, h->list, h->ops.items[i], &v->s, &err);
        pthread_mutex_lock(&h->lock);
        if (v->rc < 0 && !h->err->code)
            tenon_error_move(h->err, &err);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

int
tenon_sources_judge(struct tenon_build *b, const void *def, size_t len,
                    struct tenon_policy_list *list, struct tenon_error *err)
{
    struct hearing h = {.b = b, .list = list, .err = err};
    pthread_t threads[JUDGES_MAX];
    size_t count = 0;
    if (!b->engine->judge)
        return TENON_OK;
    if (tenon_graph_sources(def, len, add_source, &h, err) == 0) {
        pthread_mutex_init(&h.lock, NULL);
        while (count + 1 < h.ops.len && count < JUDGES_MAX &&
               pthread_create(&threads[count], NULL, hear, &h) == 0)
            count++;
        hear(&h);
        for (size_t i = 0; i < count; i++)
            pthread_join(threads[i], NULL);
        pthread_mutex_destroy(&h.lock);
    }
    tenon_vec_release(&h.ops);
    tenon_arena_release(&h.arena);
    return err->code;
}

/* ---- of questions -------------------------------------------------------------------- */

static const char *
name_of(const char *identifier)
{
    const char *rest = strstr(identifier, "://");
    return rest ? rest + strlen("://") : identifier;
}

int
tenon_sources_ask(struct tenon_build *b, struct tenon_ctx *ctx,
                  const struct tenon_source_query *q, struct tenon_source_meta *out,
                  struct tenon_error *err)
{
    if (tenon_solver_source_meta(b->solver, ctx, q, out, err) < 0)
        return err->code;
    size_t count = 0;
    while (q->attrs && q->attrs[count])
        count++;
    const char **attrs = tenon_ctx_alloc(ctx, (count + 1) * sizeof *attrs);
    for (size_t i = 0; i < count; i++)
        attrs[i] = tenon_ctx_strdup(ctx, q->attrs[i]);
    attrs[count] = NULL;
    out->source = tenon_ctx_strdup(ctx, q->identifier);
    out->source_attrs = attrs;
    return TENON_OK;
}

static int
ask(struct tenon_build *b, struct tenon_ctx *ctx, const struct tenon_source_query *q,
    const struct tenon_policy_source *s, struct tenon_source_meta *out, struct tenon_error *err)
{
    struct tenon_source_query query = *q;
    query.identifier = s->identifier;
    query.attrs = (const char *const *)s->attrs;
    if (tenon_sources_ask(b, ctx, &query, out, err) < 0)
        return err->code;
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
    int rc = tenon_policy_list_parse(q->policies, &theirs, err);
    if (rc == TENON_OK)
        rc = hold(b, theirs.list.items, theirs.list.len, e->policies, e->policy_count, &s,
                  q->platform, err);
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
    struct tenon_policy_source s = take(&v->op.source);
    auto_free char *platform = platform_text(&v->op);
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

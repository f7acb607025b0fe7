/* solve/sourcemeta.c - what a name stands for, resolved for a frontend; once each. */
#include <string.h>

#include "plugin/declared.h"
#include "solve/known.h"
#include "solve/private.h"

struct source_meta { /* the solver's meta_lock */
    char *key; /* identifier, platform, attributes and what is wanted */
    char **attrs;
    bool ready;
    int code;
    struct tenon_error err;
    struct tenon_ctx *ctx; /* info's pointers live in it */
    struct tenon_source_info info;
    UT_hash_handle hh;
};

void
metas_free(struct tenon_solver *s)
{
    struct source_meta *m, *tmp;

    HASH_ITER(hh, s->metas, m, tmp) {
        HASH_DEL(s->metas, m);
        tenon_ctx_free(m->ctx);
        tenon_error_release(&m->err);
        tenon_strv_free(m->attrs);
        free(m->key);
        free(m);
    }
}

static char *
make_key(const struct tenon_source_query *q, const char *platform)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;

    tenon_buf_addf(&b, "%s\n%s", q->identifier, platform);
    /* An attribute is another question than a wish of the same text. */
    for (size_t i = 0; q->attrs && q->attrs[i]; i++)
        tenon_buf_addf(&b, "\n%zu is %s", strlen(q->attrs[i]), q->attrs[i]);
    for (size_t i = 0; q->wanted && q->wanted[i]; i++)
        tenon_buf_addf(&b, "\n%zu wanted %s", strlen(q->wanted[i]), q->wanted[i]);
    return tenon_buf_steal(&b);
}

/* How many of a are not in b. */
static size_t
count_others(const char *const *a, const char *const *b)
{
    size_t count = 0;

    for (; a && *a; a++) {
        size_t i = 0;
        while (b && b[i] && strcmp(b[i], *a) != 0)
            i++;
        count += !b || !b[i];
    }
    return count;
}

/* With the lock held.  Of several the one with the nearest attributes: of the same ones first of
 * all, for that is what a policy has judged. */
static const struct tenon_source_info *
find_before(const struct tenon_solver *s, const char *identifier, const char *platform,
            const char *const *attrs)
{
    auto_free char *begin = tenon_asprintf("%s\n%s", identifier, platform);
    const size_t len = strlen(begin);
    const struct source_meta *best = NULL;
    struct source_meta *m, *tmp;
    size_t best_distance = SIZE_MAX;

    HASH_ITER(hh, s->metas, m, tmp) {
        const char *const *theirs = (const char *const *)m->attrs;
        if (!m->ready || m->code < 0 || strncmp(m->key, begin, len) != 0 ||
            (m->key[len] && m->key[len] != '\n'))
            continue;
        const size_t distance = count_others(attrs, theirs) + count_others(theirs, attrs);
        if (distance < best_distance) {
            best = m;
            best_distance = distance;
        }
    }
    return best ? &best->info : NULL;
}

const struct tenon_source_info *
metas_before(struct tenon_solver *s, const char *identifier, const char *platform,
             const char *const *attrs)
{
    pthread_mutex_lock(&s->meta_lock);
    const struct tenon_source_info *info = find_before(s, identifier, platform, attrs);
    pthread_mutex_unlock(&s->meta_lock);
    return info;
}

/* Is it for who asks to say, and not for the source? */
static bool
is_wish(const char *attr)
{
    static const char *const wishes[] = {"git.object=", "http.digest=", "image.attestations=",
                                         "image.predicate="};

    for (size_t i = 0; i < tenon_countof(wishes); i++)
        if (tenon_has_prefix(attr, wishes[i]))
            return true;
    return false;
}

/* The source's attributes, and behind them what is wanted: as long as the ctx, for a plugin keeps
 * pointers into its request.  A plugin takes the first of a name, and a source must not put a
 * question of its own in the place of the one that was asked. */
static const char *const *
all_attrs(struct tenon_ctx *ctx, const struct tenon_source_query *q)
{
    const size_t some = q->attrs ? tenon_strv_len((char *const *)q->attrs) : 0;
    const size_t more = q->wanted ? tenon_strv_len((char *const *)q->wanted) : 0;
    const char **all = tenon_ctx_alloc(ctx, (some + more + 1) * sizeof *all);
    size_t count = 0;

    for (size_t i = 0; i < some; i++)
        if (!is_wish(q->attrs[i]))
            all[count++] = tenon_ctx_strdup(ctx, q->attrs[i]);
    for (size_t i = 0; i < more; i++)
        all[count++] = tenon_ctx_strdup(ctx, q->wanted[i]);
    all[count] = NULL;
    return all;
}

static int
ask(struct tenon_solver *s, struct source_meta *m,
    const struct tenon_source_query *q, const char *platform,
    const struct tenon_source_info *before, struct tenon_error *err)
{
    const char *end = strstr(q->identifier, "://");
    struct tenon_module *module;

    if (!end)
        return tenon_error_set(err, TENON_E_INVALID, "source \"%s\": no scheme",
                               q->identifier);
    auto_free char *scheme =
        tenon_strndup(q->identifier, (size_t)(end - q->identifier));
    int rc = tenon_declared_source(s->engine->plugins, scheme, &module, err);
    if (rc < 0)
        return rc;
    const struct tenon_source_request request = {
        .struct_size = sizeof request,
        .flags = TENON_SOURCE_NEED_CONFIG,
        .identifier = tenon_ctx_strdup(m->ctx, q->identifier),
        .platform = tenon_ctx_strdup(m->ctx, platform),
        .attrs = all_attrs(m->ctx, q),
        .before = before,
    };
    m->info.struct_size = sizeof m->info;
    tenon_module_enter(module, "resolve");
    rc = module->plugin.ops.source->resolve(module->self, m->ctx, &request,
                                            &m->info, err);
    tenon_module_leave(module);
    return tenon_module_check(module, "resolve", rc, err);
}

/* Shown as a vertex of its own, which is not an op of any graph. */
static void
ask_shown(struct tenon_solver *s, struct source_meta *m,
          const struct tenon_source_query *q, const char *platform,
          const struct tenon_source_info *before)
{
    struct tenon_events *events = s->engine->events;
    struct tenon_digest digest;
    auto_free char *text = tenon_asprintf(
        "%s\n%s", q->log_name ? q->log_name : "", m->key);

    tenon_digest_of(text, strlen(text), &digest);
    const struct tenon_vertex_info info = {
        .digest = digest.str,
        .name = q->log_name ? q->log_name : q->identifier,
    };
    tenon_events_start(events, &info);
    m->ctx = tenon_ctx_new(s->engine, events, s->cancel, digest.str);
    m->code = ask(s, m, q, platform, before, &m->err);
    const bool cancelled = m->code == TENON_E_CANCELLED;
    tenon_events_done(events, digest.str, false,
                      m->code < 0 && !cancelled ? m->err.message : NULL,
                      cancelled);
    if (m->code < 0 && !cancelled) {
        auto_free char *json =
            tenon_asprintf("{\"digest\":\"%s\"}", digest.str);
        tenon_error_detail(&m->err, "errdefs.Vertex", json);
        /* The vertex says by its name what was being done. */
        const char *rest = strstr(q->identifier, "://");
        tenon_error_context(&m->err, "failed to resolve source metadata for %s",
                            rest ? rest + strlen("://") : q->identifier);
    }
}

static const void *
copy_bytes(struct tenon_ctx *ctx, const void *data, size_t len)
{
    char *copy = data ? tenon_ctx_alloc(ctx, len + 1) : NULL;

    if (copy)
        memcpy(copy, data, len);
    return copy;
}

static const struct tenon_fact *
copy_facts(struct tenon_ctx *ctx, const struct tenon_fact *facts, size_t count)
{
    struct tenon_fact *copy = tenon_ctx_alloc(ctx, (count + 1) * sizeof *copy);

    for (size_t i = 0; i < count; i++)
        copy[i] = (struct tenon_fact){
            .name = tenon_ctx_strdup(ctx, facts[i].name),
            .type = tenon_ctx_strdup(ctx, facts[i].type),
            .data = copy_bytes(ctx, facts[i].data, facts[i].len),
            .len = facts[i].len,
        };
    return copy;
}

static void
fill(struct tenon_ctx *ctx, const struct tenon_source_info *info,
     const struct tenon_source_query *q, struct tenon_source_meta *out)
{
    out->identifier = tenon_ctx_strdup(
        ctx, info->identifier ? info->identifier : q->identifier);
    out->digest = tenon_ctx_strdup(ctx, info->digest);
    out->config_len = info->config_len;
    out->config = copy_bytes(ctx, info->config, info->config_len);
    out->modified_ns = info->modified_ns;
    out->object_len = info->object_len;
    out->object = copy_bytes(ctx, info->object, info->object_len);
    out->fact_count = info->fact_count;
    out->facts = copy_facts(ctx, info->facts, info->fact_count);
}

int
tenon_solver_source_meta(struct tenon_solver *s, struct tenon_ctx *ctx,
                         const struct tenon_source_query *q,
                         struct tenon_source_meta *out,
                         struct tenon_error *err)
{
    const char *platform =
        q->platform ? q->platform : s->engine->host_platform;
    auto_free char *key = make_key(q, platform);
    struct source_meta *m;

    pthread_mutex_lock(&s->meta_lock);
    HASH_FIND_STR(s->metas, key, m);
    if (!m) {
        const struct tenon_source_info *before =
            find_before(s, q->identifier, platform, q->attrs);
        m = tenon_new0(struct source_meta);
        m->key = tenon_steal(&key);
        m->attrs = q->attrs ? tenon_strv_dup(q->attrs) : NULL;
        HASH_ADD_KEYPTR(hh, s->metas, m->key, strlen(m->key), m);
        pthread_mutex_unlock(&s->meta_lock);
        ask_shown(s, m, q, platform, before);
        pthread_mutex_lock(&s->meta_lock);
        m->ready = true;
        pthread_cond_broadcast(&s->meta_ready);
    }
    while (!m->ready)
        pthread_cond_wait(&s->meta_ready, &s->meta_lock);
    int rc = m->code;
    if (rc < 0)
        tenon_error_copy(err, &m->err);
    else
        fill(ctx, &m->info, q, out);
    pthread_mutex_unlock(&s->meta_lock);
    return rc;
}

/* By name, then platform: hash tables have no order of their own. */
static int
by_name(const void *a, const void *b)
{
    const struct tenon_named *x = a, *y = b;
    int order = strcmp(x->identifier, y->identifier);
    return order ? order : strcmp(x->platform, y->platform);
}

void
metas_copy(struct tenon_solver *s, struct tenon_named **out, size_t *count)
{
    TENON_VEC(struct tenon_named) list = {0};
    struct source_meta *m, *tmp;

    pthread_mutex_lock(&s->meta_lock);
    HASH_ITER(hh, s->metas, m, tmp) {
        if (!m->ready || m->code < 0 || !m->info.digest)
            continue;
        const char *line = strchr(m->key, '\n');
        const struct tenon_named n = {
            .identifier = tenon_strndup(m->key, (size_t)(line - m->key)),
            .platform = tenon_strndup(line + 1, strcspn(line + 1, "\n")),
            .digest = tenon_strdup(m->info.digest),
        };
        tenon_vec_push(&list, n);
    }
    pthread_mutex_unlock(&s->meta_lock);
    if (list.len)
        qsort(list.items, list.len, sizeof *list.items, by_name);
    *out = list.items;
    *count = list.len;
}

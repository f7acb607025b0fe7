/* solve/explain.c - --explain: what changed since a step was last made.
 *
 * A record keeps the named parts of its key under a scope, which is where the
 * step stands rather than what it says: the directory that is built, the stage
 * and the number in it, and the instruction's word. */
#include <string.h>

#include "context/scope.h"
#include "solve/private.h"
#include "tools/conceal.h"

#define VALUE_SHOWN_BYTES 60

char *
explain_scope(const struct state *st)
{
    return tenon_step_place(st->solver->engine->session, st->v->name);
}

/* The own parts, then what each input is known by. */
void
explain_parts(const struct state *st, struct key_parts *out)
{
    for (size_t i = 0; i < st->own.list.len; i++) {
        /* as the store keeps and gives them */
        auto_free char *value = tenon_url_conceal(st->own.list.items[i].value);
        key_parts_add(out, st->own.list.items[i].label, value);
    }
    for (size_t i = 0; i < st->v->input_count; i++) {
        const struct dep *d = &st->deps[i];
        auto_free char *label =
            tenon_asprintf(d->digest.str[0] ? "content of %s" : "result of %s",
                           st->inputs[i]->v->name);
        key_parts_add(out, label,
                      d->digest.str[0] ? d->digest.str : st->inputs[i]->ckey.str);
    }
}

static void
tell(const struct state *st, const char *fmt, const char *label,
     const char *before, const char *now)
{
    const struct tenon_solver_options *o = &st->solver->options;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;

    tenon_buf_addf(&b, "%s: %s %s", st->v->name, label, fmt);
    if (before && now)
        tenon_buf_addf(&b, ": \"%.*s\" -> \"%.*s\"", VALUE_SHOWN_BYTES, before,
                       VALUE_SHOWN_BYTES, now);
    o->explain(o->explain_data, st->v->digest.str, tenon_buf_str(&b));
}

static void
collect(void *data, const char *label, const char *value)
{
    key_parts_add(data, label, value);
}

static void
compare(const struct state *st, const struct key_parts *before,
        const struct key_parts *now)
{
    const struct tenon_key_part *p = before->list.items;
    const struct tenon_key_part *q = now->list.items;
    const size_t n = before->list.len, m = now->list.len;
    size_t i = 0;

    while (i < n && i < m && tenon_streq(p[i].label, q[i].label) &&
           tenon_streq(p[i].value, q[i].value))
        i++;
    if (i == n && i == m)
        tell(st, "the same; the result is not in the store any more",
             "all parts are", NULL, NULL);
    else if (i == m || (i < n && n > m && !tenon_streq(p[i].label, q[i].label)))
        tell(st, "is gone", p[i].label, NULL, NULL);
    else if (i == n || !tenon_streq(p[i].label, q[i].label))
        tell(st, "is new", q[i].label, NULL, NULL);
    else
        tell(st, "changed", q[i].label, p[i].value, q[i].value);
}

void
explain_miss(struct state *st)
{
    struct tenon_solver *s = st->solver;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct key_parts before = {0}, now = {0};

    if (!s->options.explain || st->source)
        return;
    if (st->fresh) {
        tell(st, "is not to be used for this step", "the cache", NULL, NULL);
        return;
    }
    auto_free char *scope = explain_scope(st);
    /* For information only: a build does not fail for it. */
    int rc = tenon_record_last_parts(s->engine->store, scope, NULL, collect,
                                    &before, &err);
    explain_parts(st, &now);
    if (rc == 1)
        compare(st, &before, &now);
    else
        tell(st, "has not run here before", "a step like it", NULL, NULL);
    key_parts_release(&before);
    key_parts_release(&now);
}

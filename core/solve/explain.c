/* --explain: what changed since a step was last made.
 *
 * The parts of the last run of a step are kept under the step's name; names
 * come from the frontend ("[build 2/5] RUN make"). */
#include <string.h>

#include "base/json.h"
#include "base/jsontext.h"
#include "solve/private.h"

#define PARTS_MAX_BYTES (1u << 20)
#define VALUE_SHOWN_BYTES 60

char *
explain_scope(const struct tenon_vertex *v)
{
    const char *stage =
        tenon_vertex_describe(v, "com.docker.dockerfile.v1.command");
    return stage ? tenon_asprintf("%s %s", v->name, stage)
                 : tenon_strdup(v->name);
}

static char *
pin_name(const struct state *st)
{
    auto_free char *scope = explain_scope(st->v);
    return tenon_asprintf("explain:%s", scope);
}

/* The own parts, then what each input is known by. */
static void
all_parts(const struct state *st, struct parts *out)
{
    for (size_t i = 0; i < st->own.list.len; i++)
        parts_add(out, st->own.list.items[i].label,
                  st->own.list.items[i].value);
    for (size_t i = 0; i < st->v->input_count; i++) {
        const struct dep *d = &st->deps[i];
        auto_free char *label =
            tenon_asprintf(d->digest.str[0] ? "content of %s" : "result of %s",
                           st->inputs[i]->v->name);
        parts_add(out, label,
                  d->digest.str[0] ? d->digest.str : st->inputs[i]->ckey.str);
    }
}

void
explain_keep(struct state *st)
{
    struct parts all = {0};
    auto_free char *name = pin_name(st);
    auto_json struct json_object *list = json_object_new_array();
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (st->source)
        return;
    all_parts(st, &all);
    tenon_vec_foreach(p, &all.list) {
        json_object_array_add(list, json_object_new_string(p->label));
        json_object_array_add(list, json_object_new_string(p->value));
    }
    tenon_json_write(&text, list, false);
    /* For information only: a build does not fail for it. */
    if (text.len < PARTS_MAX_BYTES)
        (void)tenon_pin_set(st->solver->engine->store, name,
                            tenon_buf_str(&text), &err);
    parts_release(&all);
}

static const char *
item(struct json_object *list, size_t i)
{
    return json_object_get_string(json_object_array_get_idx(list, i));
}

static void
tell(const struct state *st, const char *fmt, const char *label,
     const char *old, const char *new)
{
    const struct tenon_solver_options *o = &st->solver->options;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;

    tenon_buf_addf(&b, "%s: ", st->v->name);
    tenon_buf_addf(&b, "%s %s", label, fmt);
    if (old && new)
        tenon_buf_addf(&b, ": \"%.*s\" -> \"%.*s\"", VALUE_SHOWN_BYTES, old,
                       VALUE_SHOWN_BYTES, new);
    o->explain(o->explain_data, tenon_buf_str(&b));
}

static void
compare(const struct state *st, struct json_object *old)
{
    struct parts all = {0};
    const size_t count = json_object_array_length(old) / 2;
    size_t i = 0;

    all_parts(st, &all);
    while (i < count && i < all.list.len &&
           tenon_streq(item(old, 2 * i), all.list.items[i].label) &&
           tenon_streq(item(old, 2 * i + 1), all.list.items[i].value))
        i++;
    if (i == count && i == all.list.len)
        tell(st, "the same; its result is not in the store any more",
             "all parts are", NULL, NULL);
    else if (i == all.list.len)
        tell(st, "is gone", item(old, 2 * i), NULL, NULL);
    else if (i == count ||
             !tenon_streq(item(old, 2 * i), all.list.items[i].label))
        tell(st, "is new", all.list.items[i].label, NULL, NULL);
    else
        tell(st, "changed", all.list.items[i].label, item(old, 2 * i + 1),
             all.list.items[i].value);
    parts_release(&all);
}

void
explain_miss(struct state *st)
{
    struct tenon_solver *s = st->solver;
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (!s->options.explain || st->source)
        return;
    if (st->fresh) {
        tell(st, "is not wanted for this step", "the cache", NULL, NULL);
        return;
    }
    auto_free char *name = pin_name(st);
    auto_free char *text = tenon_pin_get(s->engine->store, name);
    auto_json struct json_object *old = NULL;
    if (!text ||
        tenon_json_parse(text, strlen(text), PARTS_MAX_BYTES, &old, &err) < 0 ||
        !json_object_is_type(old, json_type_array))
        tell(st, "has never run here", "this step", NULL, NULL);
    else
        compare(st, old);
}

/* convert/outline.c - what a target can be given: arguments, secrets, agents. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "subrequests.h"
#include "tools/vec.h"

/* What a used argument is made of is used as well. */
static void
use_deps(struct df_arena *a, struct df_outline *o)
{
    for (size_t i = 0; i < o->used.len; i++) { /* the list grows meanwhile */
        const struct df_arg_info *info = df_outline_find(o, o->used.items[i]);
        for (size_t k = 0; info && k < info->deps_len; k++)
            df_outline_use(a, o, info->deps[k]);
    }
}

static bool
seen(struct df_arena *a, struct df_list *list, const char *s)
{
    for (size_t i = 0; i < list->len; i++)
        if (strcmp(list->items[i], s) == 0)
            return true;
    df_list_add(a, list, df_arena_strdup(a, s));
    return false;
}

struct collected {
    TENON_VEC(struct df_arg_info) args;
    TENON_VEC(struct df_need_info) secrets, ssh;
    struct df_list arg_names, secret_names, ssh_names;
};

static void
collect(struct df_convert *c, struct df_state *s, struct collected *out)
{
    struct df_outline *o = &s->outline;
    use_deps(c->arena, o);
    for (size_t i = 0; i < o->used.len; i++) {
        const struct df_arg_info *info = df_outline_find(o, o->used.items[i]);
        if (info && !seen(c->arena, &out->arg_names, info->key))
            tenon_vec_push(&out->args, *info);
    }
    for (size_t i = 0; i < o->secrets_len; i++)
        if (!seen(c->arena, &out->secret_names, o->secrets[i].id))
            tenon_vec_push(&out->secrets, o->secrets[i]);
    for (size_t i = 0; i < o->ssh_len; i++)
        if (!seen(c->arena, &out->ssh_names, o->ssh[i].id))
            tenon_vec_push(&out->ssh, o->ssh[i]);
}

/* The target first, then its base, then what it copies from, and so on. */
static void
collect_all(struct df_convert *c, struct collected *out)
{
    TENON_VEC(struct df_state *) todo = {0};
    for (size_t i = 0; i < c->states_len; i++)
        c->states[i]->visited = false;
    tenon_vec_push(&todo, c->target);
    while (todo.len) {
        struct df_state *s = todo.items[--todo.len];
        if (s->visited)
            continue;
        s->visited = true;
        collect(c, s, out);
        for (size_t i = s->deps_len; i-- > 0;)
            tenon_vec_push(&todo, s->deps[i].state);
        if (s->base)
            tenon_vec_push(&todo, s->base);
    }
    tenon_vec_release(&todo);
}

static int
args_by_line(const void *x, const void *y)
{
    const struct df_arg_info *a = x, *b = y;
    return (a->lines.first > b->lines.first) - (a->lines.first < b->lines.first);
}

static int
needs_by_line(const void *x, const void *y)
{
    const struct df_need_info *a = x, *b = y;
    return (a->lines.first > b->lines.first) - (a->lines.first < b->lines.first);
}

static void
write_args(const struct collected *all, struct json_object *json,
           struct tenon_buf *text)
{
    if (!all->args.len)
        return;
    struct json_object *list = json_object_new_array();
    auto_buf struct tenon_buf cells = TENON_BUF_INIT;
    tenon_buf_adds(&cells, "BUILD ARG\tVALUE\tDESCRIPTION\n");
    for (size_t i = 0; i < all->args.len; i++) {
        const struct df_arg_info *a = &all->args.items[i];
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "name", json_object_new_string(a->key));
        df_json_put(o, "description", a->description);
        df_json_put(o, "value", a->value);
        json_object_object_add(o, "location", df_json_location(a->lines));
        json_object_array_add(list, o);
        tenon_buf_addf(&cells, "%s\t%s\t%s\n", a->key, a->value ? a->value : "",
                       a->description ? a->description : "");
    }
    json_object_object_add(json, "args", list);
    df_table(text, tenon_buf_str(&cells), 3);
    tenon_buf_addc(text, '\n');
}

static void
write_needs(const struct df_need_info *items, size_t count, const char *key,
            const char *title, struct json_object *json, struct tenon_buf *text)
{
    if (!count)
        return;
    struct json_object *list = json_object_new_array();
    auto_buf struct tenon_buf cells = TENON_BUF_INIT;
    tenon_buf_addf(&cells, "%s\tREQUIRED\n", title);
    for (size_t i = 0; i < count; i++) {
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "name", json_object_new_string(items[i].id));
        if (items[i].required)
            json_object_object_add(o, "required", json_object_new_boolean(1));
        json_object_object_add(o, "location", df_json_location(items[i].lines));
        json_object_array_add(list, o);
        tenon_buf_addf(&cells, "%s\t%s\n", items[i].id,
                       items[i].required ? "true" : "");
    }
    json_object_object_add(json, key, list);
    df_table(text, tenon_buf_str(&cells), 3);
    tenon_buf_addc(text, '\n');
}

int
df_outline_report(struct df_build *b, struct json_object *json,
                  struct tenon_buf *text, struct tenon_error *err)
{
    struct df_convert c = {
        .build = b, .arena = b->arena,
        /* BuildKit answers for the machine's own platform, whatever was asked. */
        .platform = b->config.host,
        .implicit = true,
        .lint = {.warn = df_show_finding, .data = b},
    };
    int rc = df_convert(&c, err);
    df_convert_release(&c);
    if (rc < 0)
        return rc;

    struct collected all = {0};
    collect_all(&c, &all);
    if (all.args.len)
        qsort(all.args.items, all.args.len, sizeof *all.args.items, args_by_line);
    if (all.secrets.len)
        qsort(all.secrets.items, all.secrets.len, sizeof *all.secrets.items,
              needs_by_line);
    if (all.ssh.len)
        qsort(all.ssh.items, all.ssh.len, sizeof *all.ssh.items, needs_by_line);

    const struct df_stage *st = c.target->stage;
    const char *comment = st ? st->comment : "";
    df_json_put(json, "name", c.target->name);
    df_json_put(json, "description", comment);
    if (*c.target->name || *comment) {
        auto_buf struct tenon_buf cells = TENON_BUF_INIT;
        tenon_buf_addf(&cells, "TARGET:\t%s\n",
                       *c.target->name ? c.target->name : "(default)");
        if (*comment)
            tenon_buf_addf(&cells, "DESCRIPTION:\t%s\n", comment);
        df_table(text, tenon_buf_str(&cells), 1);
        tenon_buf_addc(text, '\n');
    }
    write_args(&all, json, text);
    write_needs(all.secrets.items, all.secrets.len, "secrets", "SECRET", json, text);
    write_needs(all.ssh.items, all.ssh.len, "ssh", "SSH", json, text);
    struct json_object *sources = json_object_new_array();
    json_object_array_add(sources, df_json_source(b));
    json_object_object_add(json, "sources", sources);
    tenon_vec_release(&all.args);
    tenon_vec_release(&all.secrets);
    tenon_vec_release(&all.ssh);
    return 0;
}

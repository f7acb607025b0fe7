/* convert/check.c - the lint subrequest: all rules over all stages. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "subrequests.h"
#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/excerpt.h"
#include "tools/vec.h"

struct finding {
    const struct df_rule_info *rule;
    const char *message;
    struct df_lines lines;
    size_t number; /* in the order in which they were found */
};
struct findings {
    struct df_arena *arena;
    TENON_VEC(struct finding) list;
};

static void
note(void *data, const struct df_rule_info *rule, const char *message,
     struct df_lines lines)
{
    struct findings *f = data;
    size_t number = f->list.len;
    tenon_vec_push(&f->list, (struct finding){
        rule, df_arena_strdup(f->arena, message), lines, number});
}

static int
by_place(const void *x, const void *y)
{
    const struct finding *a = x, *b = y;
    if (a->lines.first != b->lines.first)
        return a->lines.first < b->lines.first ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* In the order in which they were found, as a list; by place to read. */
static void
write_warnings(struct df_build *b, struct findings *f,
               struct json_object *json, struct tenon_buf *text)
{
    /* Null when there are none, as in BuildKit's answer. */
    struct json_object *list = f->list.len ? json_object_new_array() : NULL;
    for (size_t i = 0; i < f->list.len; i++) {
        const struct finding *w = &f->list.items[i];
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "ruleName", json_object_new_string(w->rule->name));
        df_json_put(o, "description", w->rule->description);
        df_json_put(o, "url", w->rule->url);
        df_json_put(o, "detail", w->message);
        struct json_object *at = df_json_location(w->lines);
        json_object_object_add(o, "location", at ? at : json_object_new_object());
        json_object_array_add(list, o);
    }
    json_object_object_add(json, "warnings", list);
    if (f->list.len)
        qsort(f->list.items, f->list.len, sizeof *f->list.items, by_place);
    tenon_vec_foreach(w, &f->list)
    {
        tenon_buf_addf(text, "\nWARNING: %s", w->rule->name);
        if (*w->rule->url)
            tenon_buf_addf(text, " - %s", w->rule->url);
        tenon_buf_addf(text, "\n%s\n", w->message);
        tenon_excerpt_add(text, b->filename, b->text, b->text_len, w->lines.first,
                          w->lines.last);
    }
}

static struct json_object *
true_members(const char *const *names)
{
    struct json_object *o = json_object_new_object();
    for (; *names; names++)
        json_object_object_add(o, *names, json_object_new_boolean(true));
    return o;
}

static void
add_base64(struct json_object *list, const void *data, size_t len)
{
    auto_free char *text = tenon_base64(data, len);
    json_object_array_add(list, json_object_new_string(text));
}

/* How the build file was loaded, as LLB: the operation, one more that names its output, and what
 * BuildKit's client says beside them. A session has no part in the operation here. */
static struct json_object *
definition(struct df_build *b)
{
    static const char *const source_caps[] = { "source.local", "source.local.followpaths",
                                               "source.local.sharedkeyhint", NULL };
    static const char *const result_caps[] = { "constraints", "meta.description", "platform",
                                               NULL };
    /* pb.Op{inputs: [pb.Input{digest}]} */
    char result[2 + 2 + 72], digest[72];
    size_t len = strlen(b->definition);
    memcpy(result, (char[]){ 0x0a, (char)(len + 2), 0x0a, (char)len }, 4);
    memcpy(result + 4, b->definition, len);
    b->host->blobs->digest(result, len + 4, digest);

    struct json_object *ops = json_object_new_array();
    add_base64(ops, b->definition_op, b->definition_len);
    add_base64(ops, result, len + 4);
    struct json_object *name = json_object_new_object(), *of_source = json_object_new_object();
    const char *text = df_arena_printf(b->arena, "[internal] load build definition from %s",
                                       b->filename);
    json_object_object_add(name, "llb.customname", json_object_new_string(text));
    json_object_object_add(of_source, "description", name);
    json_object_object_add(of_source, "caps", true_members(source_caps));
    struct json_object *of_result = json_object_new_object();
    json_object_object_add(of_result, "caps", true_members(result_caps));
    struct json_object *metadata = json_object_new_object();
    bool source_first = strcmp(b->definition, digest) < 0;
    json_object_object_add(metadata, source_first ? b->definition : digest,
                           source_first ? of_source : of_result);
    json_object_object_add(metadata, source_first ? digest : b->definition,
                           source_first ? of_result : of_source);
    struct json_object *places = json_object_new_object(), *source = json_object_new_object();
    json_object_object_add(places, b->definition, json_object_new_object());
    json_object_object_add(source, "locations", places);

    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "def", ops);
    json_object_object_add(o, "metadata", metadata);
    json_object_object_add(o, "Source", source);
    return o;
}

static void
write_source(struct df_build *b, struct json_object *json)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "filename", json_object_new_string(b->filename));
    json_object_object_add(o, "data", df_json_source(b));
    if (b->definition_op)
        json_object_object_add(o, "definition", definition(b));
    json_object_object_add(o, "language", json_object_new_string("Dockerfile"));
    struct json_object *sources = json_object_new_array();
    json_object_array_add(sources, o);
    json_object_object_add(json, "sources", sources);
}

int
df_check_report(struct df_build *b, struct json_object *json,
                struct tenon_buf *text, size_t *count, struct tenon_error *err)
{
    struct findings found = {.arena = b->arena};
    struct df_convert c = {
        .build = b, .arena = b->arena,
        /* BuildKit answers for the machine's own platform, whatever was asked. */
        .platform = b->config.host,
        .implicit = true,
        .all_stages = !b->config.target || !*b->config.target,
        .lint = {.warn = note, .data = &found},
    };
    int rc = df_convert(&c, err);
    df_convert_release(&c);
    if (rc == TENON_E_CANCELLED) {
        tenon_vec_release(&found.list);
        return rc;
    }
    write_warnings(b, &found, json, text);
    write_source(b, json);
    *count = found.list.len;
    if (rc < 0) {
        struct json_object *e = json_object_new_object();
        const char *message = b->host->error->text(err);
        json_object_object_add(e, "message", json_object_new_string(message));
        struct json_object *at = df_json_location(b->fail_lines);
        json_object_object_add(e, "location", at ? at : json_object_new_object());
        json_object_object_add(json, "buildError", e);
        b->host->error->clear(err);
        ++*count;
    }
    tenon_vec_release(&found.list);
    return 0;
}

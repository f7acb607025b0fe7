/* convert/targets.c - the stages that can be built. */
#include <string.h>

#include "answer.h"
#include "subrequests.h"

int
df_targets_report(struct df_build *b, struct json_object *json,
                  struct tenon_buf *text, struct tenon_error *err)
{
    struct df_problems problems = {0};
    const struct df_file *file =
        df_file_read(b->arena, b->text, b->text_len, &problems);
    const struct df_instructions *in =
        df_instructions_parse(b->arena, file, NULL, &problems);
    if (!in)
        return df_fail_problem(b, err, &problems);

    struct json_object *list = json_object_new_array();
    auto_buf struct tenon_buf cells = TENON_BUF_INIT;
    tenon_buf_adds(&cells, "TARGET\tDESCRIPTION\n");
    for (size_t i = 0; i < in->stages_len; i++) {
        const struct df_stage *s = &in->stages[i];
        bool last = i + 1 == in->stages_len;
        struct json_object *o = json_object_new_object();
        df_json_put(o, "name", s->name);
        if (last)
            json_object_object_add(o, "default", json_object_new_boolean(1));
        df_json_put(o, "description", s->comment);
        df_json_put(o, "base", s->base);
        df_json_put(o, "platform", s->platform);
        json_object_object_add(o, "location", df_json_location(s->lines));
        json_object_array_add(list, o);
        tenon_buf_addf(&cells, "%s%s%s\t%s\n", s->name,
                       last && *s->name ? " " : "", last ? "(default)" : "",
                       s->comment);
    }
    json_object_object_add(json, "targets", list);
    struct json_object *sources = json_object_new_array();
    json_object_array_add(sources, df_json_source(b));
    json_object_object_add(json, "sources", sources);
    df_table(text, tenon_buf_str(&cells), 1);
    return 0;
}

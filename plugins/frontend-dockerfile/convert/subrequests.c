/* convert/subrequests.c - which questions there are, and how answers are handed over. */
#include "subrequests.h"

#include <string.h>

#include "answer.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"

#define PROTOCOL "1.0.0"

struct kind {
    const char *name, *description;
    const char *const *metadata; /* NULL-terminated */
    bool target;                 /* takes the option of that name */
    bool hidden;                 /* BuildKit does not describe it */
};

static const char *const json_and_text[] = {"result.json", "result.txt", NULL};
static const char *const with_status[] = {"result.json", "result.txt",
                                          "result.statuscode", NULL};
static const char *const json_alone[] = {"result.json", NULL};
enum { OUTLINE, TARGETS, LINT, DESCRIBE, CONVERTLLB };
static const struct kind kinds[] = {
    [OUTLINE] = {"frontend.outline",
                 "List all parameters current build target supports",
                 json_and_text, true, false},
    [TARGETS] = {"frontend.targets", "List all targets current build supports",
                 json_and_text, false, false},
    [LINT] = {"frontend.lint", "Lint a Dockerfile", with_status, false, false},
    [DESCRIBE] = {"frontend.subrequests.describe",
                  "List available subrequest types", json_and_text, false, false},
    [CONVERTLLB] = {"frontend.convertllb", "Convert Dockerfile to LLB", json_alone, false, true},
};

static struct json_object *
describe(struct tenon_buf *text)
{
    struct json_object *all = json_object_new_array();
    auto_buf struct tenon_buf cells = TENON_BUF_INIT;
    tenon_buf_adds(&cells, "NAME\tVERSION\tDESCRIPTION\n");
    for (size_t i = 0; i < tenon_countof(kinds); i++) {
        if (kinds[i].hidden)
            continue;
        struct json_object *o = json_object_new_object();
        df_json_put(o, "name", kinds[i].name);
        df_json_put(o, "version", PROTOCOL);
        df_json_put(o, "type", "rpc");
        df_json_put(o, "description", kinds[i].description);
        if (kinds[i].target) {
            struct json_object *opts = json_object_new_array();
            struct json_object *opt = json_object_new_object();
            df_json_put(opt, "name", "target");
            df_json_put(opt, "description", "Target build stage");
            json_object_array_add(opts, opt);
            json_object_object_add(o, "opts", opts);
        }
        struct json_object *metadata = json_object_new_array();
        for (const char *const *m = kinds[i].metadata; *m; m++) {
            struct json_object *named = json_object_new_object();
            df_json_put(named, "name", *m);
            json_object_array_add(metadata, named);
        }
        json_object_object_add(o, "metadata", metadata);
        json_object_array_add(all, o);
        tenon_buf_addf(&cells, "%s\t%s\t%s\n", kinds[i].name + strlen("frontend."),
                       PROTOCOL, kinds[i].description);
    }
    df_table(text, tenon_buf_str(&cells), 1);
    return all;
}

static int
hand_over(struct df_build *b, struct tenon_result *result, const char *key,
          const char *text, struct tenon_error *err)
{
    return b->host->result->set(result, key, text, strlen(text), err);
}

static int
answer_llb(struct df_build *b, struct tenon_result *result, struct tenon_error *err)
{
    auto_buf struct tenon_buf indented = TENON_BUF_INIT;
    const char *json;

    if (df_llb_report(b, &json, err) < 0)
        return b->host->error->code(err);
    tenon_json_indent(&indented, json, strlen(json));
    if (hand_over(b, result, "result.json", tenon_buf_str(&indented), err) < 0 ||
        hand_over(b, result, "version", "0.1.0", err) < 0)
        return b->host->error->code(err);
    return 1;
}

int
df_subrequest(struct df_build *b, struct tenon_result *result,
              struct tenon_error *err)
{
    const char *id = df_option(b, "requestid");
    size_t which = 0, findings = 0;
    if (!id || !*id)
        return 0;
    while (which < tenon_countof(kinds) && strcmp(kinds[which].name, id) != 0)
        which++;
    if (which == tenon_countof(kinds)) {
        struct json_object *detail = json_object_new_object();
        df_json_put(detail, "name", id);
        b->host->error->set(err, TENON_E_UNSUPPORTED, 0, "unsupported request %s", id);
        b->host->error->detail(err, "errdefs.Subrequest",
                               json_object_to_json_string_ext(
                                  detail, JSON_C_TO_STRING_PLAIN));
        json_object_put(detail);
        return b->host->error->code(err);
    }

    if (which == CONVERTLLB)
        return answer_llb(b, result, err);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    struct json_object *json =
        which == DESCRIBE ? describe(&text) : json_object_new_object();
    int rc = 0;
    if (which == OUTLINE)
        rc = df_outline_report(b, json, &text, err);
    else if (which == TARGETS)
        rc = df_targets_report(b, json, &text, err);
    else if (which == LINT)
        rc = df_check_report(b, json, &text, &findings, err);
    if (rc == 0)
        rc = hand_over(b, result, "result.json",
                       json_object_to_json_string_ext(
                          json, JSON_C_TO_STRING_PRETTY |
                                    JSON_C_TO_STRING_SPACED |
                                    JSON_C_TO_STRING_NOSLASHESCAPE), err);
    if (rc == 0)
        rc = hand_over(b, result, "result.txt", tenon_buf_str(&text), err);
    if (rc == 0)
        rc = hand_over(b, result, "version", PROTOCOL, err);
    if (rc == 0 && which == LINT)
        rc = hand_over(b, result, "result.statuscode", findings ? "1" : "0", err);
    json_object_put(json);
    return rc < 0 ? rc : 1;
}

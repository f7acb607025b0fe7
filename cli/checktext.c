/* cli/checktext.c - see checktext.h. */
#include "checktext.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/libgnutls.h"
#include "tools/alloc.h"
#include "tools/conceal.h"
#include "tools/excerpt.h"
#include "tools/path.h"

enum { ANSWER_MAX = 64 << 20 };

struct source {
    const char *filename; /* as the frontend knows it */
    gnutls_datum_t text;
};

struct finding {
    const char *rule, *url, *detail;
    const struct source *source; /* or NULL */
    size_t first, last;          /* lines; 0: none */
    size_t number;               /* in the order of the answer */
};

struct answer {
    char *shown;
    struct source *sources;
    size_t source_count;
};

static const char *
text_of(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
               json_object_get_string(v) : "";
}

static struct json_object *
list_of(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_array) ?
               v : NULL;
}

static size_t
length_of(struct json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

static int64_t
number_of(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

/* The name by which the build file was asked for, as buildx prints it. */
static char *
shown_name(const struct build_flags *f)
{
    if (!f->file) {
        auto_free char *path = tenon_path_join(f->context, "Dockerfile");
        return tenon_url_conceal(path);
    }
    return strcmp(f->file, "-") ? tenon_url_conceal(f->file) : tenon_strdup("stdin");
}

static void
read_sources(struct answer *a, struct json_object *list)
{
    a->source_count = length_of(list);
    a->sources = tenon_calloc(a->source_count + 1, sizeof *a->sources);
    for (size_t i = 0; i < a->source_count; i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        const char *data = text_of(o, "data");
        const gnutls_datum_t in = { (unsigned char *)data, (unsigned)strlen(data) };
        a->sources[i].filename = text_of(o, "filename");
        if (gnutls_base64_decode2(&in, &a->sources[i].text) < 0)
            a->sources[i].text = (gnutls_datum_t){0};
    }
}

/* From the first line to the last of its ranges. */
static void
read_place(const struct answer *a, struct json_object *of, struct finding *f)
{
    struct json_object *at = NULL, *line = NULL;
    if (!json_object_object_get_ex(of, "location", &at))
        return;
    const int64_t index = number_of(at, "sourceIndex");
    if (index < 0 || (uint64_t)index >= a->source_count)
        return;
    f->source = &a->sources[index];
    struct json_object *ranges = list_of(at, "ranges");
    for (size_t i = 0; i < length_of(ranges); i++) {
        struct json_object *range = json_object_array_get_idx(ranges, i);
        const int64_t from =
            json_object_object_get_ex(range, "start", &line) ? number_of(line, "line") : 0;
        const int64_t to =
            json_object_object_get_ex(range, "end", &line) ? number_of(line, "line") : 0;
        if (from < 1)
            continue;
        if (!f->first || (size_t)from < f->first)
            f->first = (size_t)from;
        if ((size_t)(to > from ? to : from) > f->last)
            f->last = (size_t)(to > from ? to : from);
    }
}

/* Those without a place first, then by file and line. */
static int
by_place(const void *x, const void *y)
{
    const struct finding *a = x, *b = y;
    if (!a->source != !b->source)
        return a->source ? 1 : -1;
    int order = a->source ? strcmp(a->source->filename, b->source->filename) : 0;
    if (order)
        return order;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    order = a->first ? 0 : strcmp(a->rule, b->rule);
    return order ? order : a->number < b->number ? -1 : a->number > b->number;
}

static void
add_excerpt(struct tenon_buf *out, const struct answer *a, const struct finding *f)
{
    const char *text = f->source ? (const char *)f->source->text.data : NULL;
    if (f->first)
        tenon_excerpt_add(out, a->shown, text ? text : "", text ? f->source->text.size : 0,
                          f->first, f->last);
}

static void
write_findings(const struct answer *a, struct json_object *warnings, struct tenon_buf *out)
{
    const size_t count = length_of(warnings);
    auto_free struct finding *list = tenon_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        struct json_object *o = json_object_array_get_idx(warnings, i);
        list[i] = (struct finding){ .rule = text_of(o, "ruleName"), .url = text_of(o, "url"),
                                    .detail = text_of(o, "detail"), .number = i };
        read_place(a, o, &list[i]);
    }
    qsort(list, count, sizeof *list, by_place);
    for (size_t i = 0; i < count; i++) {
        tenon_buf_addf(out, "\nWARNING: %s", list[i].rule);
        if (*list[i].url)
            tenon_buf_addf(out, " - %s", list[i].url);
        tenon_buf_addf(out, "\n%s\n", list[i].detail);
        add_excerpt(out, a, &list[i]);
    }
}

bool
check_text_make(const struct build_flags *f, const void *json, size_t len,
                struct check_text *out)
{
    *out = (struct check_text){0};
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_json struct json_object *o = NULL;
    struct json_object *failure = NULL;
    if (tenon_json_parse(json, len, ANSWER_MAX, &o, &ignored) < 0)
        return false;
    struct answer a = { .shown = shown_name(f) };
    struct json_object *warnings = list_of(o, "warnings");
    read_sources(&a, list_of(o, "sources"));
    out->warnings = length_of(warnings);
    write_findings(&a, warnings, &out->findings);
    out->cannot_build = json_object_object_get_ex(o, "buildError", &failure) &&
                        json_object_is_type(failure, json_type_object);
    if (out->cannot_build) {
        struct finding place = {0};
        tenon_buf_addf(&out->failure, "%s\n", text_of(failure, "message"));
        read_place(&a, failure, &place);
        add_excerpt(&out->failure, &a, &place);
    }
    for (size_t i = 0; i < a.source_count; i++)
        gnutls_free(a.sources[i].text.data);
    free(a.sources);
    free(a.shown);
    return true;
}

void
check_text_release(struct check_text *t)
{
    tenon_buf_release(&t->findings);
    tenon_buf_release(&t->failure);
}

/* compare/jsondiff.c - see jsondiff.h. */
#include "compare/jsondiff.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/jsontext.h"

static char *
value_text(struct json_object *o)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, false);
    return tenon_strdup(tenon_buf_str(&text));
}

static bool
is_skipped(const char *const *skip, const char *key)
{
    for (; skip && *skip; skip++)
        if (!strcmp(*skip, key))
            return true;
    return false;
}

static char **
member_names(struct json_object *a, struct json_object *b)
{
    char **names = NULL;
    json_object_object_foreach(a, key, value) {
        (void)value;
        tenon_strv_push(&names, tenon_strdup(key));
    }
    json_object_object_foreach(b, other, ignored) {
        (void)ignored;
        if (!json_object_object_get_ex(a, other, NULL))
            tenon_strv_push(&names, tenon_strdup(other));
    }
    if (names)
        qsort(names, tenon_strv_len(names), sizeof *names, tenon_by_text);
    return names;
}

static int
compare_members(struct tenon_comparison *c, enum tenon_word word, const char *at,
                struct json_object *a, struct json_object *b, const char *const *skip,
                struct tenon_error *err)
{
    char **names = member_names(a, b);
    int rc = 0;
    for (char **n = names; rc == 0 && n && *n; n++) {
        if (is_skipped(skip, *n))
            continue;
        auto_free char *here = *at ? tenon_asprintf("%s.%s", at, *n) : tenon_strdup(*n);
        const bool is_time = !strcmp(*n, "created");
        auto_free char *of = is_time ? tenon_asprintf("%s%s%s", tenon_words[word],
                                                      *here == '[' ? "" : " ", here) : NULL;
        rc = tenon_jsondiff(c, is_time ? TENON_WORD_TIME : word, is_time ? of : here,
                            json_object_object_get(a, *n), json_object_object_get(b, *n), NULL,
                            err);
    }
    tenon_strv_free(names);
    return rc;
}

/* {"NAME": "VALUE"} of a list of NAME=VALUE, each named once; else NULL. */
static struct json_object *
assignments(struct json_object *list)
{
    auto_json struct json_object *o = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        const char *text = json_object_is_type(item, json_type_string)
                               ? json_object_get_string(item) : "";
        const char *equals = strchr(text, '=');
        if (!equals || equals == text)
            return NULL;
        auto_free char *name = tenon_strndup(text, (size_t)(equals - text));
        if (json_object_object_get_ex(o, name, NULL))
            return NULL;
        json_object_object_add(o, name, json_object_new_string(equals + 1));
    }
    return json_object_array_length(list) ? tenon_steal(&o) : NULL;
}

static int
compare_items(struct tenon_comparison *c, enum tenon_word word, const char *at,
              struct json_object *a, struct json_object *b, struct tenon_error *err)
{
    const size_t before = c->seen;
    auto_json struct json_object *one = assignments(a), *other = assignments(b);
    if (one && other) {
        int rc = compare_members(c, word, at, one, other, NULL, err);
        if (rc || c->seen > before || json_object_equal(a, b))
            return rc;
    } /* else in another order */
    const size_t na = json_object_array_length(a), nb = json_object_array_length(b);
    for (size_t i = 0; i < na || i < nb; i++) {
        auto_free char *here = tenon_asprintf("%s[%zu]", at, i);
        int rc = tenon_jsondiff(c, word, here, i < na ? json_object_array_get_idx(a, i) : NULL,
                                i < nb ? json_object_array_get_idx(b, i) : NULL, NULL, err);
        if (rc)
            return rc;
    }
    return 0;
}

int
tenon_jsondiff(struct tenon_comparison *c, enum tenon_word word, const char *at,
               struct json_object *a, struct json_object *b, const char *const *skip,
               struct tenon_error *err)
{
    const bool objects = json_object_is_type(a, json_type_object) &&
                         json_object_is_type(b, json_type_object);
    const bool lists = json_object_is_type(a, json_type_array) &&
                       json_object_is_type(b, json_type_array);
    if (objects)
        return compare_members(c, word, at, a, b, skip, err);
    if (lists)
        return compare_items(c, word, at, a, b, err);
    if ((!a && !b) || (a && b && json_object_equal(a, b)))
        return 0;
    auto_free char *one = a ? value_text(a) : NULL, *other = b ? value_text(b) : NULL;
    return tenon_differ(c, word, NULL, *at ? at : NULL, one, other, err);
}

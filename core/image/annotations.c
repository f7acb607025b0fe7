/* image/annotations.c - "annotation[-TYPE][[PLATFORM]].KEY=VALUE", without the first
 * word, chosen by kind and platform. */
#include <string.h>

#include "tools/alloc.h"
#include "tools/vec.h"
#include "image/assemble.h"

struct annotation {
    enum tenon_annotation_kind kind;
    bool has_platform;
    struct tenon_platform platform;
    char *key;
    const char *value; /* in the list's string */
};

static const struct {
    const char *word;
    enum tenon_annotation_kind kind;
} kinds[] = {
    {"manifest", TENON_ANNOTATION_MANIFEST},
    {"manifest-descriptor", TENON_ANNOTATION_MANIFEST_DESCRIPTOR},
    {"index", TENON_ANNOTATION_INDEX},
    {"index-descriptor", TENON_ANNOTATION_INDEX_DESCRIPTOR},
};

static int
bad(struct tenon_error *err, const char *s)
{
    return tenon_error_set(err, TENON_E_INVALID,
                           "could not fully parse annotation \"annotation%s\"", s);
}

static int
parse(const char *s, struct annotation *out, struct tenon_error *err)
{
    struct annotation a = {.kind = TENON_ANNOTATION_MANIFEST};
    const char *p = s;
    if (*p == '-') {
        size_t len = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz-");
        size_t i;
        for (i = 0; i < tenon_countof(kinds); i++)
            if (strlen(kinds[i].word) == len &&
                memcmp(kinds[i].word, p + 1, len) == 0)
                break;
        if (i == tenon_countof(kinds))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "unrecognized annotation type \"%.*s\"",
                                   (int)len, p + 1);
        a.kind = kinds[i].kind;
        p += 1 + len;
    }
    if (*p == '[') {
        const char *end = strchr(p, ']');
        if (!end)
            return bad(err, s);
        auto_free char *platform = tenon_strndup(p + 1, (size_t)(end - p - 1));
        if (tenon_platform_parse(platform, &a.platform, err) < 0)
            return tenon_error_context(err, "annotation%s", s);
        a.has_platform = true;
        p = end + 1;
    }
    if (*p != '.')
        return bad(err, s);
    p++;
    const char *equals = strchr(p, '=');
    size_t len = equals ? (size_t)(equals - p) : 0;
    if (len == 0 || strcspn(p, " \t\r\n\f\v") < len)
        return bad(err, s);
    a.key = tenon_strndup(p, len);
    a.value = equals + 1;
    *out = a;
    return 0;
}

int
tenon_annotations_check(const char *const *list, bool index,
                        struct tenon_error *err)
{
    for (; list && *list; list++) {
        struct annotation a;
        if (parse(*list, &a, err) < 0)
            return err->code;
        bool wants_index = a.kind == TENON_ANNOTATION_INDEX ||
                           a.kind == TENON_ANNOTATION_INDEX_DESCRIPTOR;
        free(a.key);
        if (wants_index && !index)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "index annotations not supported for single "
                                   "platform export");
    }
    return 0;
}

static bool
same_platform(const struct tenon_platform *a, const struct tenon_platform *b)
{
    char x[200], y[200];
    tenon_platform_format(a, x);
    tenon_platform_format(b, y);
    return tenon_streq(x, y);
}

static int
by_key(const void *a, const void *b)
{
    return strcmp(((const struct annotation *)a)->key,
                  ((const struct annotation *)b)->key);
}

struct json_object *
tenon_annotations_get(const char *const *list, enum tenon_annotation_kind kind,
                      const struct tenon_platform *platform)
{
    TENON_VEC(struct annotation) found = {0};
    bool of_index = kind == TENON_ANNOTATION_INDEX ||
                    kind == TENON_ANNOTATION_INDEX_DESCRIPTOR;
    /* one that names its platform wins over one that does not */
    for (int specific = 0; specific < 2; specific++)
        for (const char *const *s = list; s && *s; s++) {
            auto_error struct tenon_error none = TENON_ERROR_INIT;
            struct annotation a;
            if (parse(*s, &a, &none) < 0)
                continue;
            bool wanted = a.kind == kind && a.has_platform == (specific == 1) &&
                          (of_index || !a.has_platform ||
                           (platform && same_platform(&a.platform, platform)));
            for (size_t i = 0; wanted && i < found.len; i++)
                if (tenon_streq(found.items[i].key, a.key)) {
                    found.items[i].value = a.value;
                    wanted = false;
                }
            if (wanted)
                tenon_vec_push(&found, a);
            else
                free(a.key);
        }
    struct json_object *o = NULL;
    if (found.len > 0) {
        qsort(found.items, found.len, sizeof *found.items, by_key);
        o = json_object_new_object();
    }
    tenon_vec_foreach(a, &found) {
        json_object_object_add(o, a->key, json_object_new_string(a->value));
        free(a->key);
    }
    tenon_vec_release(&found);
    return o;
}

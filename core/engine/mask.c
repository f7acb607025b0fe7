/* engine/mask.c - what must not be seen in what is said of a build. */
#include "engine/mask.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"

#define MASK "xxxxx"
enum { MASKED_MIN = 4 }; /* a shorter value is a part of every other word */

const char *
tenon_hidden_argument(const char *option)
{
    static const char prefix[] = "build-arg:";
    const char *name = option + sizeof prefix - 1, *eq = strchr(option, '=');
    if (!tenon_has_prefix(option, prefix) || !eq)
        return NULL;
    auto_free char *copy = tenon_strndup(name, (size_t)(eq - name));
    return tenon_is_secret_name(copy) ? eq + 1 : NULL;
}

/* One that holds another goes before it, or its rest would be seen. */
static int
longest_first(const void *a, const void *b)
{
    const size_t x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);
    return x > y ? -1 : x < y;
}

void
tenon_mask_take(struct tenon_mask *m, const char *const *options)
{
    for (; options && *options; options++) {
        const char *value = tenon_hidden_argument(*options);
        bool is_new = value && *value;
        tenon_vec_foreach(h, &m->hidden)
            is_new = is_new && strcmp(*h, value) != 0;
        if (is_new)
            tenon_vec_push(&m->hidden, value);
    }
    if (m->hidden.len)
        qsort(m->hidden.items, m->hidden.len, sizeof *m->hidden.items, longest_first);
}

void
tenon_mask_release(struct tenon_mask *m)
{
    tenon_vec_release(&m->hidden);
}

/* The bytes without the values that are hidden. */
static void
add_masked(const struct tenon_mask *m, const char *data, size_t len, struct tenon_buf *out)
{
    tenon_buf_add(out, data, len);
    tenon_vec_foreach(h, &m->hidden) {
        struct tenon_buf b = TENON_BUF_INIT;
        const size_t hidden = strlen(*h);
        const char *at = out->data, *end = at + out->len, *found;
        if (hidden < MASKED_MIN || !out->len || !memmem(at, out->len, *h, hidden))
            continue;
        for (; (found = memmem(at, (size_t)(end - at), *h, hidden)); at = found + hidden) {
            tenon_buf_add(&b, at, (size_t)(found - at));
            tenon_buf_adds(&b, MASK);
        }
        tenon_buf_add(&b, at, (size_t)(end - at));
        tenon_buf_release(out);
        *out = b;
    }
}

static char *
masked(const struct tenon_mask *m, const char *text)
{
    const char *eq = strchr(text, '=');
    if (eq) { /* a variable, maybe */
        auto_free char *name = tenon_strndup(text, (size_t)(eq - text));
        if (eq[1] && tenon_is_secret_name(name))
            return tenon_asprintf("%s=" MASK, name);
    }
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    add_masked(m, text, strlen(text), &out);
    return tenon_url_conceal(tenon_buf_str(&out));
}

/* Of a file's bytes, which are base64: they are looked at as they are. */
static struct json_object *
mask_bytes(const struct tenon_mask *m, struct json_object *coded)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT, out = TENON_BUF_INIT;
    auto_buf struct tenon_buf shown = TENON_BUF_INIT;
    if (!tenon_base64_decode(json_object_get_string(coded),
                             (size_t)json_object_get_string_len(coded), &plain))
        return json_object_new_string(MASK);
    add_masked(m, plain.data, plain.len, &out);
    tenon_url_conceal_bytes(&shown, tenon_buf_str(&out), out.len);
    auto_free char *again = tenon_base64(shown.data, shown.len);
    return json_object_new_string(again);
}

/* is_file: its "data" are bytes (mkfile, a build file). */
static struct json_object *
mask_in(const struct tenon_mask *m, struct json_object *o, bool is_file)
{
    if (json_object_get_type(o) == json_type_string) {
        auto_free char *text = masked(m, json_object_get_string(o));
        return json_object_new_string(text);
    }
    if (json_object_get_type(o) == json_type_array) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(o); i++)
            json_object_array_add(list, mask_in(m, json_object_array_get_idx(o, i), is_file));
        return list;
    }
    if (json_object_get_type(o) == json_type_object) {
        struct json_object *copy = json_object_new_object();
        json_object_object_foreach(o, key, value) {
            auto_free char *shown = masked(m, key);
            const bool bytes = is_file && !strcmp(key, "data") &&
                               json_object_is_type(value, json_type_string);
            json_object_object_add(
                copy, shown, bytes ? mask_bytes(m, value)
                                   : mask_in(m, value, !strcmp(key, "mkfile")));
        }
        return copy;
    }
    return json_object_get(o);
}

struct json_object *
tenon_mask_json(const struct tenon_mask *m, struct json_object *o)
{
    return mask_in(m, o, false);
}

struct json_object *
tenon_mask_files(const struct tenon_mask *m, struct json_object *o)
{
    return mask_in(m, o, true);
}

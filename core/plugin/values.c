/* plugin/values.c - options: declared by arrays, parsed here and nowhere else. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "plugin/plugins.h"

struct value {
    const struct tenon_param *param;
    TENON_VEC(char *) texts; /* as written; a MAP keeps "key\0value" halves in keys */
    TENON_VEC(char *) keys;
    bool given;
    int64_t number;
};

struct tenon_values {
    TENON_VEC(struct value) list;
};

static const struct tenon_param *
param_at(const struct tenon_param *params, size_t stride, size_t i)
{
    return (const struct tenon_param *)((const char *)params + i * stride);
}

void
tenon_values_free(struct tenon_values *v)
{
    if (!v)
        return;
    tenon_vec_foreach(e, &v->list) {
        tenon_vec_foreach(t, &e->texts)
            free(*t);
        tenon_vec_foreach(k, &e->keys)
            free(*k);
        tenon_vec_release(&e->texts);
        tenon_vec_release(&e->keys);
    }
    tenon_vec_release(&v->list);
    free(v);
}

static bool
is_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        size_t n = strcspn(p, "|");
        if (n == len && !memcmp(p, word, n))
            return true;
    }
    return false;
}

static int
convert(const struct tenon_param *p, const char *text, const char *what,
        int64_t *number, char **out, struct tenon_error *err)
{
    const char *shown = p->flags & TENON_PARAM_SENSITIVE ? "*****" : text;
    bool flag;
    *number = 0;
    *out = NULL;
    switch ((enum tenon_type)p->type) {
    case TENON_TYPE_STRING:
    case TENON_TYPE_MAP:
        break;
    case TENON_TYPE_BOOL:
        if (!tenon_parse_bool(text, &flag))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "%s: invalid value \"%s\" for %s: expected true or false",
                                   what, shown, p->name);
        *number = flag;
        break;
    case TENON_TYPE_INT:
        if (!tenon_parse_i64(text, number))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "%s: invalid value \"%s\" for %s: expected a number",
                                   what, shown, p->name);
        break;
    case TENON_TYPE_SIZE:
        if (!tenon_parse_size(text, number))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "%s: invalid value \"%s\" for %s: expected a size such as 64m",
                                   what, shown, p->name);
        break;
    case TENON_TYPE_DURATION:
        if (!tenon_parse_duration(text, number))
            return tenon_error_set(
                err, TENON_E_INVALID,
                "%s: invalid value \"%s\" for %s: expected a duration such as 5m", what, shown,
                p->name);
        break;
    case TENON_TYPE_CHOICE:
        if (!is_choice(p->choices, text))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "%s: invalid value \"%s\" for %s: expected one of %s",
                                   what, shown, p->name, p->choices);
        break;
    case TENON_TYPE_HOST_PATH:
        if (*text && *text != '/' && strcmp(text, "-")) {
            char cwd[PATH_MAX];
            if (!getcwd(cwd, sizeof cwd))
                return tenon_error_sys(err, "%s: current directory", what);
            *out = tenon_asprintf("%s/%s", cwd, text);
            return TENON_OK;
        }
        break;
    default:
        return tenon_error_set(err, TENON_E_BUG, "%s: option %s has unknown type %u",
                               what, p->name, p->type);
    }
    if ((p->min || p->max) && (*number < p->min || *number > p->max))
        return tenon_error_set(err, TENON_E_INVALID,
                               "%s: invalid value \"%s\" for %s: not within %lld and %lld",
                               what, shown, p->name, (long long)p->min, (long long)p->max);
    *out = tenon_strdup(text);
    return TENON_OK;
}

/* "annotation" stands for annotation.K, annotation-index.K and annotation[linux/arm64].K. */
static bool
is_entry_of(const struct tenon_param *p, const char *name, size_t len)
{
    const size_t own = strlen(p->name);
    return p->type == TENON_TYPE_MAP && len > own && !memcmp(p->name, name, own) &&
           strchr(".-[", name[own]);
}

const struct tenon_param *
tenon_param_find(const struct tenon_param *params, size_t stride, const char *name, size_t len)
{
    const struct tenon_param *map = NULL;
    for (size_t i = 0; params && param_at(params, stride, i)->name; i++) {
        const struct tenon_param *p = param_at(params, stride, i);
        if (strlen(p->name) == len && !memcmp(p->name, name, len))
            return p;
        if (is_entry_of(p, name, len))
            map = p;
    }
    return map;
}

static struct value *
find(const struct tenon_values *v, const char *name, size_t len)
{
    struct value *map = NULL;
    tenon_vec_foreach(e, &v->list) {
        if (strlen(e->param->name) == len && !memcmp(e->param->name, name, len))
            return e;
        if (is_entry_of(e->param, name, len))
            map = e;
    }
    return map;
}

static int
unknown(const struct tenon_values *v, const char *name, const char *what,
        struct tenon_error *err)
{
    TENON_VEC(const char *) names = {0};
    tenon_vec_foreach(e, &v->list)
        tenon_vec_push(&names, e->param->name);
    tenon_vec_push(&names, NULL);
    const char *near = tenon_nearest(name, names.items);
    tenon_error_set(err, TENON_E_INVALID, "%s: unknown option \"%s\"%s%s%s", what,
                    name, near ? " (did you mean " : "", near ? near : "",
                    near ? "?)" : "");
    tenon_vec_release(&names);
    return err->code;
}

static int
add(struct tenon_values *v, const char *name, size_t name_len, const char *text,
    const char *what, struct tenon_error *err)
{
    struct value *e = find(v, name, name_len);
    if (!e) {
        auto_free char *copy = tenon_strndup(name, name_len);
        return unknown(v, copy, what, err);
    }
    if (!text)
        text = e->param->type == TENON_TYPE_BOOL ? "true" : "";
    char *kept;
    int64_t number;
    if (convert(e->param, text, what, &number, &kept, err) < 0)
        return err->code;
    if (!(e->param->flags & TENON_PARAM_REPEAT) && e->param->type != TENON_TYPE_MAP) {
        tenon_vec_foreach(t, &e->texts)
            free(*t);
        e->texts.len = 0; /* the last one counts */
    }
    tenon_vec_push(&e->texts, kept);
    if (e->param->type == TENON_TYPE_MAP)
        tenon_vec_push(&e->keys, tenon_strndup(name, name_len));
    e->number = number;
    e->given = true;
    return TENON_OK;
}

static struct tenon_values *
declare(const struct tenon_param *params, size_t stride)
{
    struct tenon_values *v = tenon_new0(struct tenon_values);
    for (size_t i = 0; params && param_at(params, stride, i)->name; i++)
        tenon_vec_add(&v->list)->param = param_at(params, stride, i);
    return v;
}

static int
finish(struct tenon_values *v, const char *what, struct tenon_error *err)
{
    tenon_vec_foreach(e, &v->list) {
        if (e->given)
            continue;
        if (e->param->flags & TENON_PARAM_REQUIRED)
            return tenon_error_set(err, TENON_E_INVALID, "%s: option \"%s\" is missing",
                                   what, e->param->name);
        if (e->param->def && e->param->type != TENON_TYPE_MAP) {
            char *kept;
            if (convert(e->param, e->param->def, what, &e->number, &kept, err) < 0)
                return err->code;
            tenon_vec_push(&e->texts, kept);
        }
    }
    return TENON_OK;
}

int
tenon_values_parse(const struct tenon_param *params, size_t stride,
                   const char *const *pairs, const char *what,
                   struct tenon_values **out, struct tenon_error *err)
{
    auto_values struct tenon_values *v = declare(params, stride);
    for (; pairs && *pairs; pairs++) {
        const char *eq = strchr(*pairs, '=');
        size_t len = eq ? (size_t)(eq - *pairs) : strlen(*pairs);
        if (!eq && !find(v, *pairs, len)) {
            /* a bare word goes to the parameter that takes one */
            struct value *bare = NULL;
            tenon_vec_foreach(e, &v->list)
                if (e->param->flags & TENON_PARAM_BARE)
                    bare = e;
            if (bare) {
                if (add(v, bare->param->name, strlen(bare->param->name), *pairs, what, err) < 0)
                    return err->code;
                continue;
            }
        }
        if (add(v, *pairs, len, eq ? eq + 1 : NULL, what, err) < 0)
            return err->code;
    }
    if (finish(v, what, err) < 0)
        return err->code;
    *out = tenon_steal(&v);
    return TENON_OK;
}

void
tenon_values_warn(const struct tenon_values *v, const char *what)
{
    tenon_vec_foreach(e, &v->list)
        if (e->given && (e->param->flags & TENON_PARAM_DEPRECATED))
            tenon_log(TENON_LOG_WARNING, "%s: the option \"%s\" is deprecated: %s", what,
                      e->param->name, e->param->help ? e->param->help : "");
}

/* Of an array each item, of a MAP's object each member, of others their text. */
static int
add_json(struct tenon_values *v, const char *key, struct json_object *item, const char *what,
         struct tenon_error *err)
{
    const struct value *e = find(v, key, strlen(key));
    if (e && e->param->type == TENON_TYPE_MAP && json_object_is_type(item, json_type_object)) {
        json_object_object_foreach(item, member, value) {
            auto_free char *name = tenon_asprintf("%s.%s", key, member);
            if (add(v, name, strlen(name), json_object_get_string(value), what, err) < 0)
                return err->code;
        }
        return TENON_OK;
    }
    if (e && json_object_is_type(item, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(item); i++)
            if (add(v, key, strlen(key),
                    json_object_get_string(json_object_array_get_idx(item, i)), what, err) < 0)
                return err->code;
        return TENON_OK;
    }
    return add(v, key, strlen(key), json_object_get_string(item), what, err);
}

int
tenon_values_from_json(const struct tenon_param *params, size_t stride,
                       struct json_object *o, const char *what,
                       struct tenon_values **out, struct tenon_error *err)
{
    auto_values struct tenon_values *v = declare(params, stride);
    if (o && !json_object_is_type(o, json_type_object))
        return tenon_error_set(err, TENON_E_INVALID, "%s: expected an object", what);
    if (o) {
        json_object_object_foreach(o, key, item) {
            if (add_json(v, key, item, what, err) < 0)
                return err->code;
        }
    }
    if (finish(v, what, err) < 0)
        return err->code;
    *out = tenon_steal(&v);
    return TENON_OK;
}

static const struct value *
must_find(const struct tenon_values *v, const char *name)
{
    const struct value *e = find(v, name, strlen(name));
    /* Asking for what was never declared is a bug of the plugin. */
    tenon_assert(e != NULL);
    return e;
}

bool
tenon_values_declared(const struct tenon_values *v, const char *name)
{
    return find(v, name, strlen(name)) != NULL;
}

bool
tenon_values_given(const struct tenon_values *v, const char *name)
{
    return must_find(v, name)->given;
}

const char *
tenon_values_string(const struct tenon_values *v, const char *name)
{
    const struct value *e = must_find(v, name);
    return e->texts.len ? e->texts.items[e->texts.len - 1] : NULL;
}

const char *
tenon_values_nth(const struct tenon_values *v, const char *name, size_t i)
{
    const struct value *e = must_find(v, name);
    return i < e->texts.len ? e->texts.items[i] : NULL;
}

int64_t
tenon_values_int(const struct tenon_values *v, const char *name)
{
    return must_find(v, name)->number;
}

bool
tenon_values_bool(const struct tenon_values *v, const char *name)
{
    return must_find(v, name)->number != 0;
}

const char *
tenon_values_map(const struct tenon_values *v, const char *name, size_t i,
                 const char **key)
{
    const struct value *e = must_find(v, name);
    if (i >= e->texts.len || i >= e->keys.len)
        return NULL;
    *key = e->keys.items[i];
    return e->texts.items[i];
}

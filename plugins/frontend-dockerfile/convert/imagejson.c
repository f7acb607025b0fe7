/* convert/imagejson.c - image configurations from and to JSON. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "tools/jsontext.h"
#include "image.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/jsontext.h"

/* Deeper documents are not image configs. */
#define DEPTH_MAX 32

struct reader {
    struct df_arena *arena;
    const char *error;
};

static struct json_object *
member(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    return o && json_object_object_get_ex(o, key, &v) ? v : NULL;
}

static bool
wrong(struct reader *r, const char *key, const char *want)
{
    if (!r->error)
        r->error = df_arena_printf(r->arena, "\"%s\": expected %s", key, want);
    return false;
}

static const char *
text(struct reader *r, struct json_object *o, const char *key)
{
    struct json_object *v = member(o, key);
    if (!v)
        return "";
    if (!json_object_is_type(v, json_type_string)) {
        wrong(r, key, "a string");
        return "";
    }
    return df_arena_strndup(r->arena, json_object_get_string(v),
                            (size_t)json_object_get_string_len(v));
}

static int64_t
number(struct reader *r, struct json_object *o, const char *key)
{
    struct json_object *v = member(o, key);
    if (!v)
        return 0;
    if (!json_object_is_type(v, json_type_int)) {
        wrong(r, key, "a whole number");
        return 0;
    }
    return json_object_get_int64(v);
}

static bool
truth(struct reader *r, struct json_object *o, const char *key)
{
    struct json_object *v = member(o, key);
    if (!v)
        return false;
    if (!json_object_is_type(v, json_type_boolean))
        return wrong(r, key, "true or false");
    return json_object_get_boolean(v);
}

static struct json_object *
object(struct reader *r, struct json_object *o, const char *key)
{
    struct json_object *v = member(o, key);
    if (v && !json_object_is_type(v, json_type_object)) {
        wrong(r, key, "an object");
        return NULL;
    }
    return v;
}

static struct json_object *
array(struct reader *r, struct json_object *o, const char *key)
{
    struct json_object *v = member(o, key);
    if (v && !json_object_is_type(v, json_type_array)) {
        wrong(r, key, "an array");
        return NULL;
    }
    return v;
}

static void
strings(struct reader *r, struct json_object *o, const char *key,
        struct df_list *out)
{
    struct json_object *v = array(r, o, key);
    for (size_t i = 0; v && i < json_object_array_length(v); i++) {
        struct json_object *s = json_object_array_get_idx(v, i);
        if (!json_object_is_type(s, json_type_string)) {
            wrong(r, key, "strings");
            return;
        }
        df_list_add(r->arena, out,
                    df_arena_strdup(r->arena, json_object_get_string(s)));
    }
}

static void
keys(struct reader *r, struct json_object *o, const char *key,
     struct df_list *out)
{
    struct json_object *v = object(r, o, key);
    if (!v)
        return;
    json_object_object_foreach(v, name, ignored) {
        (void)ignored;
        df_list_add(r->arena, out, df_arena_strdup(r->arena, name));
    }
}

static void
read_config(struct reader *r, struct json_object *c, struct df_image *img)
{
    img->user = text(r, c, "User");
    img->working_dir = text(r, c, "WorkingDir");
    img->stop_signal = text(r, c, "StopSignal");
    img->args_escaped = truth(r, c, "ArgsEscaped");
    keys(r, c, "ExposedPorts", &img->ports);
    keys(r, c, "Volumes", &img->volumes);
    strings(r, c, "Env", &img->env);
    strings(r, c, "Entrypoint", &img->entrypoint);
    strings(r, c, "Cmd", &img->cmd);
    strings(r, c, "OnBuild", &img->onbuild);
    strings(r, c, "Shell", &img->shell);

    struct json_object *labels = object(r, c, "Labels");
    if (labels) {
        json_object_object_foreach(labels, name, ignored) {
            (void)ignored;
            df_image_set_label(r->arena, img, df_arena_strdup(r->arena, name),
                               text(r, labels, name));
        }
    }
    struct json_object *health = object(r, c, "Healthcheck");
    if (health) {
        struct df_health *h = df_arena_new(r->arena, struct df_health);
        strings(r, health, "Test", &h->test);
        h->interval_ns = number(r, health, "Interval");
        h->timeout_ns = number(r, health, "Timeout");
        h->start_period_ns = number(r, health, "StartPeriod");
        h->start_interval_ns = number(r, health, "StartInterval");
        h->retries = number(r, health, "Retries");
        img->health = h;
    }
}

static void
read_history(struct reader *r, struct json_object *root, struct df_image *img)
{
    struct json_object *list = array(r, root, "history");
    size_t n = list ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *h = json_object_array_get_idx(list, i);
        if (!json_object_is_type(h, json_type_object)) {
            wrong(r, "history", "objects");
            return;
        }
        const char *created = text(r, h, "created");
        struct df_history *one = df_arena_new(r->arena, struct df_history);
        *one = (struct df_history){
            .before = img->history,
            .created = *created ? created : NULL,
            .created_by = text(r, h, "created_by"),
            .author = text(r, h, "author"),
            .comment = text(r, h, "comment"),
            .empty_layer = truth(r, h, "empty_layer"),
        };
        img->history = one;
        img->history_len++;
    }
}

bool
df_image_parse(struct df_arena *a, const void *json, size_t len,
               struct df_image *out, const char **message)
{
    struct reader r = {.arena = a};
    struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *root =
        len < INT32_MAX && tenon_json_is_modest(json, len)
            ? json_tokener_parse_ex(t, json, (int)len)
            : NULL;
    bool whole = root && json_object_is_type(root, json_type_object);
    json_tokener_free(t);
    if (!whole) {
        json_object_put(root);
        *message = "not a JSON object";
        return false;
    }

    struct df_image img = {0};
    const char *created = text(&r, root, "created");
    img.created = *created ? created : NULL;
    img.author = text(&r, root, "author");
    img.platform = (struct df_platform){
        .os = text(&r, root, "os"),
        .arch = text(&r, root, "architecture"),
        .variant = text(&r, root, "variant"),
        .os_version = text(&r, root, "os.version"),
    };
    strings(&r, root, "os.features", &img.os_features);
    read_config(&r, object(&r, root, "config"), &img);
    struct json_object *rootfs = object(&r, root, "rootfs");
    img.rootfs_type = text(&r, rootfs, "type");
    strings(&r, rootfs, "diff_ids", &img.diff_ids);
    read_history(&r, root, &img);
    json_object_put(root);

    if (r.error) {
        *message = r.error;
        return false;
    }
    *out = img;
    return true;
}

/* ---- writing ------------------------------------------------------------- */

static void
put(struct json_object *o, const char *key, const char *value)
{
    if (value && *value)
        json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *
list_of(const struct df_list *l)
{
    struct json_object *v = json_object_new_array();
    for (size_t i = 0; i < l->len; i++)
        json_object_array_add(v, json_object_new_string(l->items[i]));
    return v;
}

static void
put_list(struct json_object *o, const char *key, const struct df_list *l)
{
    if (l->len)
        json_object_object_add(o, key, list_of(l));
}

static void
put_set(struct json_object *o, const char *key, const struct df_list *l)
{
    if (!l->len)
        return;
    struct json_object *v = json_object_new_object();
    auto_free char **sorted = tenon_memdup(l->items, l->len * sizeof *sorted);
    qsort(sorted, l->len, sizeof *sorted, tenon_by_text);
    for (size_t i = 0; i < l->len; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
            json_object_object_add(v, sorted[i], json_object_new_object());
    json_object_object_add(o, key, v);
}

static void
put_int(struct json_object *o, const char *key, int64_t value)
{
    if (value)
        json_object_object_add(o, key, json_object_new_int64(value));
}

static struct json_object *
config_json(const struct df_image *img)
{
    struct json_object *c = json_object_new_object();
    put(c, "User", img->user);
    put_set(c, "ExposedPorts", &img->ports);
    put_list(c, "Env", &img->env);
    put_list(c, "Entrypoint", &img->entrypoint);
    put_list(c, "Cmd", &img->cmd);
    put_set(c, "Volumes", &img->volumes);
    put(c, "WorkingDir", img->working_dir);
    if (img->labels_len) {
        struct json_object *labels = json_object_new_object();
        for (size_t i = 0; i < img->labels_len; i++)
            json_object_object_add(labels, img->labels[i].key,
                                   json_object_new_string(img->labels[i].value));
        json_object_object_add(c, "Labels", labels);
    }
    put(c, "StopSignal", img->stop_signal);
    if (img->args_escaped)
        json_object_object_add(c, "ArgsEscaped", json_object_new_boolean(1));
    if (img->health) {
        struct json_object *h = json_object_new_object();
        put_list(h, "Test", &img->health->test);
        put_int(h, "Interval", img->health->interval_ns);
        put_int(h, "Timeout", img->health->timeout_ns);
        put_int(h, "StartPeriod", img->health->start_period_ns);
        put_int(h, "StartInterval", img->health->start_interval_ns);
        put_int(h, "Retries", img->health->retries);
        json_object_object_add(c, "Healthcheck", h);
    }
    put_list(c, "OnBuild", &img->onbuild);
    put_list(c, "Shell", &img->shell);
    return c;
}

void
df_image_write(const struct df_image *img, struct tenon_buf *out)
{
    struct json_object *o = json_object_new_object();
    put(o, "created", img->created);
    put(o, "author", img->author);
    json_object_object_add(o, "architecture",
                           json_object_new_string(img->platform.arch));
    json_object_object_add(o, "os", json_object_new_string(img->platform.os));
    put(o, "os.version", img->platform.os_version);
    put_list(o, "os.features", &img->os_features);
    put(o, "variant", img->platform.variant);

    struct json_object *rootfs = json_object_new_object();
    json_object_object_add(rootfs, "type",
                           json_object_new_string(img->rootfs_type));
    json_object_object_add(rootfs, "diff_ids",
                           img->diff_ids.len ? list_of(&img->diff_ids) : NULL);
    json_object_object_add(o, "rootfs", rootfs);

    if (img->history_len) {
        struct json_object *list = json_object_new_array();
        size_t left = img->history_len;
        auto_free const struct df_history **all =
            tenon_malloc(left * sizeof *all);
        for (const struct df_history *h = img->history; h; h = h->before)
            all[--left] = h;
        for (size_t i = 0; i < img->history_len; i++) {
            const struct df_history *h = all[i];
            struct json_object *e = json_object_new_object();
            put(e, "created", h->created);
            put(e, "created_by", h->created_by);
            put(e, "author", h->author);
            put(e, "comment", h->comment);
            if (h->empty_layer)
                json_object_object_add(e, "empty_layer",
                                       json_object_new_boolean(1));
            json_object_array_add(list, e);
        }
        json_object_object_add(o, "history", list);
    }
    json_object_object_add(o, "config", config_json(img));

    tenon_json_write(out, o, true);
    json_object_put(o);
}

/* image/config.c - the image config, brought in line with the layers.
 *
 * The frontend writes history as far as it knows it: without times, and without
 * entries for layers that it does not know.  What is missing comes from the
 * layers, by the rules of BuildKit's exporter. */
#include <string.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "image/assemble.h"

#define CONFIG_MAX ((size_t)8 << 20)
#define HISTORY_MAX 65536
#define DEFAULT_PATH \
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct item { /* of the history */
    struct json_object *o; /* as given, or NULL: made here; borrowed */
    char *created;         /* RFC 3339, NULL: none */
    bool empty;
};

struct history {
    TENON_VEC(struct item) list;
};

static void
release(struct history *h)
{
    tenon_vec_foreach(i, &h->list)
        free(i->created);
    tenon_vec_release(&h->list);
}
TENON_DEFINE_AUTO_STRUCT(history, struct history, release);
#define auto_history __attribute__((cleanup(tenon_auto_history)))

static int
parse_history(struct json_object *config, struct history *h,
              struct tenon_error *err)
{
    struct json_object *list;
    if (tenon_json_get_array(config, "history", &list, err) < 0)
        return err->code;
    size_t count = list ? json_object_array_length(list) : 0;
    if (count > HISTORY_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "history has %zu entries", count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        if (json_object_get_type(o) != json_type_object)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "history[%zu] is not an object", i);
        const char *created;
        bool empty;
        int64_t ns;
        if (tenon_json_get_str(o, "created", NULL, &created, err) < 0 ||
            tenon_json_get_bool(o, "empty_layer", false, &empty, err) < 0)
            return tenon_error_context(err, "history[%zu]", i);
        if (created && !tenon_parse_time(created, &ns))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "history[%zu]: invalid time \"%.64s\"", i,
                                   created);
        tenon_vec_push(&h->list, (struct item){o, tenon_strdup(created), empty});
    }
    return 0;
}

/* As many non-empty entries as layers. */
static void
align(struct history *h, const struct tenon_image_layer *layers, size_t count)
{
    size_t used = 0;
    tenon_vec_foreach(i, &h->list)
        used += !i->empty;
    if (used > count) {
        tenon_log(TENON_LOG_WARNING, "invalid image config with unaccounted layers");
        size_t seen = 0;
        tenon_vec_foreach(i, &h->list) {
            if (seen >= count)
                i->empty = true;
            seen += !i->empty;
        }
    }
    for (; used < count; used++) {
        char *created = tenon_format_time(layers[used].created_ns);
        tenon_vec_push(&h->list, (struct item){NULL, created, false});
    }
}

/* Layers know when they were made; the others get the time of the first new
 * layer, or of what came before. */
static void
fill_times(struct history *h, const struct tenon_image_layer *layers)
{
    size_t layer = 0;
    tenon_vec_foreach(i, &h->list) {
        if (i->empty)
            continue;
        if (!i->created)
            i->created = tenon_format_time(layers[layer].created_ns);
        layer++;
    }

    const char *created = NULL;
    bool missing = false;
    tenon_vec_foreach(i, &h->list) {
        if (i->created) {
            created = i->created;
            if (missing)
                break;
        } else {
            missing = true;
        }
    }
    missing = false;
    tenon_vec_foreach(i, &h->list) {
        if (i->created) {
            if (missing)
                created = i->created;
        } else {
            missing = true;
            i->created = tenon_strdup(created);
        }
    }
}

/* ---- the epoch ------------------------------------------------------------- */

static bool
later_than(const char *created, int64_t epoch_ns)
{
    int64_t ns;
    return !created || !tenon_parse_time(created, &ns) || ns > epoch_ns;
}

/* How many entries came with the base: their times stay. */
static size_t
base_items(const struct tenon_image_source *src, const struct history *h)
{
    size_t n = 0;
    if (!src->base_config)
        return 0;
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    auto_json struct json_object *base = NULL;
    struct json_object *list = NULL;
    if (tenon_json_parse(src->base_config, src->base_config_len, CONFIG_MAX, &base,
                         &none) < 0 ||
        tenon_json_get_array(base, "history", &list, &none) < 0 || !list)
        return 0;
    size_t count = json_object_array_length(list);
    while (n < count && n < h->list.len && h->list.items[n].o &&
           json_object_equal(h->list.items[n].o,
                             json_object_array_get_idx(list, n)))
        n++;
    return n;
}

static void
clamp(struct history *h, size_t from, int64_t epoch_ns)
{
    for (size_t i = from; i < h->list.len; i++) {
        struct item *item = &h->list.items[i];
        if (later_than(item->created, epoch_ns)) {
            free(item->created);
            item->created = tenon_format_time(epoch_ns);
        }
    }
}

/* ---- writing --------------------------------------------------------------- */

static void
add(struct json_object *to, const char *key, struct json_object *value)
{
    json_object_object_add(to, key, value);
}

/* Members in the order of Go's struct, then what else there was. */
static struct json_object *
item_json(const struct item *i)
{
    static const char *const texts[] = {"created_by", "author", "comment"};
    struct json_object *o = json_object_new_object();
    if (i->created)
        add(o, "created", json_object_new_string(i->created));
    for (size_t k = 0; k < tenon_countof(texts); k++) {
        struct json_object *v = NULL;
        if (i->o && json_object_object_get_ex(i->o, texts[k], &v) && v &&
            !(json_object_get_type(v) == json_type_string &&
              json_object_get_string_len(v) == 0))
            add(o, texts[k], json_object_get(v));
    }
    if (!i->o) {
        add(o, "created_by", json_object_new_string("created by tenon"));
        add(o, "comment", json_object_new_string("buildkit.exporter.image.v0"));
    }
    if (i->empty)
        add(o, "empty_layer", json_object_new_boolean(true));
    if (i->o) {
        struct json_object_iterator it = json_object_iter_begin(i->o);
        struct json_object_iterator end = json_object_iter_end(i->o);
        for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
            const char *key = json_object_iter_peek_name(&it);
            if (!json_object_object_get_ex(o, key, NULL) &&
                !tenon_streq(key, "created") && !tenon_streq(key, "empty_layer") &&
                !tenon_streq(key, "created_by") && !tenon_streq(key, "author") &&
                !tenon_streq(key, "comment"))
                add(o, key, json_object_get(json_object_iter_peek_value(&it)));
        }
    }
    return o;
}

static struct json_object *
rootfs_json(const struct tenon_image_layer *layers, size_t count)
{
    struct json_object *o = json_object_new_object();
    struct json_object *ids = json_object_new_array();
    for (size_t i = 0; i < count; i++)
        json_object_array_add(ids,
                              json_object_new_string(layers[i].blob.diff_id.str));
    add(o, "type", json_object_new_string("layers"));
    add(o, "diff_ids", ids);
    return o;
}

/* Go keeps unknown members in a map, and maps come out sorted. */
static void
write_sorted(struct tenon_buf *out, struct json_object *o)
{
    TENON_VEC(const char *) keys = {0};
    struct json_object_iterator it = json_object_iter_begin(o);
    struct json_object_iterator end = json_object_iter_end(o);
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it))
        tenon_vec_push(&keys, json_object_iter_peek_name(&it));
    if (keys.len > 1)
        qsort(keys.items, keys.len, sizeof *keys.items, tenon_by_text);
    tenon_buf_addc(out, '{');
    for (size_t i = 0; i < keys.len; i++) {
        if (i > 0)
            tenon_buf_addc(out, ',');
        tenon_json_add_string(out, keys.items[i], strlen(keys.items[i]), true);
        tenon_buf_addc(out, ':');
        tenon_json_write(out, json_object_object_get(o, keys.items[i]), true);
    }
    tenon_buf_addc(out, '}');
    tenon_vec_release(&keys);
}

/* What an image is when the frontend says nothing of it. */
static int
minimal(const struct tenon_image_source *src, struct json_object **out,
        struct tenon_error *err)
{
    struct tenon_platform p;
    tenon_platform_host(&p);
    if (src->platform && *src->platform &&
        tenon_platform_parse(src->platform, &p, err) < 0)
        return err->code;
    struct json_object *o = tenon_platform_json(&p);
    struct json_object *config = json_object_new_object();
    struct json_object *env = json_object_new_array();
    json_object_array_add(env, json_object_new_string(DEFAULT_PATH));
    add(config, "Env", env);
    add(config, "WorkingDir", json_object_new_string("/"));
    add(o, "config", config);
    *out = o;
    return 0;
}

static int
load(const struct tenon_image_source *src, struct json_object **out,
     struct tenon_error *err)
{
    if (!src->config || src->config_len == 0)
        return minimal(src, out, err);
    if (tenon_json_parse(src->config, src->config_len, CONFIG_MAX, out, err) < 0)
        return tenon_error_context(err, "image config");
    if (!*out)
        return tenon_error_set(err, TENON_E_INVALID, "invalid null image config for export");
    if (json_object_get_type(*out) != json_type_object)
        return tenon_error_set(err, TENON_E_INVALID,
                               "image config is not an object");
    return 0;
}

/* "created": kept but for the epoch, else the last time in the history. */
static int
set_created(struct json_object *config, const struct history *h,
            const int64_t *epoch_ns, struct tenon_error *err)
{
    const char *own;
    if (tenon_json_get_str(config, "created", NULL, &own, err) < 0)
        return err->code;
    if (own) {
        if (epoch_ns && later_than(own, *epoch_ns)) {
            auto_free char *text = tenon_format_time(*epoch_ns);
            add(config, "created", json_object_new_string(text));
        }
        return 0;
    }
    const char *last = NULL;
    tenon_vec_foreach(i, &h->list)
        if (i->created)
            last = i->created;
    add(config, "created", last ? json_object_new_string(last) : NULL);
    return 0;
}

int
tenon_image_config(const struct tenon_image_source *src,
                   const struct tenon_image_layer *layers, size_t count,
                   const struct tenon_image_options *o, struct tenon_buf *out,
                   struct tenon_error *err)
{
    auto_json struct json_object *config = NULL;
    if (load(src, &config, err) < 0)
        return err->code;
    auto_history struct history h = {{0}};
    if (parse_history(config, &h, err) < 0)
        return tenon_error_context(err, "image config");
    int64_t epoch_ns = 0;
    if (o->has_epoch &&
        __builtin_mul_overflow(o->epoch, INT64_C(1000000000), &epoch_ns))
        return tenon_error_set(err, TENON_E_INVALID,
                               "SOURCE_DATE_EPOCH is out of range");
    size_t base = o->has_epoch ? base_items(src, &h) : 0;
    align(&h, layers, count);
    fill_times(&h, layers);
    if (o->has_epoch)
        clamp(&h, base, epoch_ns);
    if (set_created(config, &h, o->has_epoch ? &epoch_ns : NULL, err) < 0)
        return tenon_error_context(err, "image config");

    struct json_object *list = json_object_new_array();
    tenon_vec_foreach(i, &h.list)
        json_object_array_add(list, item_json(i));
    add(config, "history", list);
    add(config, "rootfs", rootfs_json(layers, count));
    if (o->more && o->more(o->more_data, &src->chain, layers, config, err) < 0)
        return err->code;
    const char *variant = NULL;
    if (tenon_json_get_str(config, "variant", NULL, &variant, err) < 0)
        return tenon_error_context(err, "image config");
    if (variant && !*variant)
        json_object_object_del(config, "variant");
    write_sorted(out, config);
    return 0;
}

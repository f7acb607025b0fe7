/* progress-json: one JSON object an event, BuildKit's rawjson. */
#include <json-c/json.h>
#include <string.h>

#include <tenon-plugin.h>

#include "tools/base64.h"
#include "tools/buf.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/text.h"
#include "common/progress/output.h"
#include "common/progress/recap.h"

enum { LEVEL_WARNING = 4 }; /* of messages, as in syslog(3) */

struct raw {
    int fd;
};

static int
raw_init(const struct tenon_host *h, const struct tenon_values *config, void **self,
         struct tenon_error *err)
{
    (void)h, (void)config, (void)err;
    static struct raw state;
    *self = &state;
    return TENON_OK;
}

static int
raw_open(void *self, int fd, bool is_tty, const struct tenon_values *opt, struct tenon_error *err)
{
    (void)is_tty, (void)opt, (void)err;
    ((struct raw *)self)->fd = fd;
    return TENON_OK;
}

static void
add_string(struct json_object *o, const char *key, const char *value)
{
    if (value && *value)
        json_object_object_add(o, key, json_object_new_string(value));
}

static void
add_time(struct json_object *o, const char *key, int64_t ns)
{
    if (!ns)
        return;
    auto_free char *text = tenon_format_time(ns);
    json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *
base64(const void *data, size_t len)
{
    auto_free char *text = tenon_base64(data, len);
    return json_object_new_string(text);
}

static struct json_object *
vertex(const struct tenon_event *ev)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "digest", ev->vertex);
    if (ev->inputs && ev->inputs[0]) {
        struct json_object *list = json_object_new_array();
        for (const char *const *i = ev->inputs; *i; i++)
            json_object_array_add(list, json_object_new_string(*i));
        json_object_object_add(o, "inputs", list);
    }
    add_string(o, "name", ev->name);
    add_time(o, "started", ev->started_ns);
    add_time(o, "completed", ev->completed_ns);
    if (ev->flags & TENON_EVENT_CACHED)
        json_object_object_add(o, "cached", json_object_new_boolean(true));
    add_string(o, "error", ev->error);
    if (ev->group_id) {
        struct json_object *g = json_object_new_object();
        add_string(g, "id", ev->group_id);
        add_string(g, "name", ev->group_name);
        if (ev->flags & TENON_EVENT_GROUP_WEAK)
            json_object_object_add(g, "weak", json_object_new_boolean(true));
        json_object_object_add(o, "progressGroup", g);
    }
    return o;
}

static struct json_object *
status(const struct tenon_event *ev)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "id", ev->name);
    add_string(o, "vertex", ev->vertex);
    if (ev->total)
        json_object_object_add(o, "total", json_object_new_int64(ev->total));
    json_object_object_add(o, "current", json_object_new_int64(ev->current));
    add_time(o, "timestamp", ev->timestamp_ns);
    add_time(o, "started", ev->started_ns);
    add_time(o, "completed", ev->completed_ns);
    return o;
}

static struct json_object *
log_record(const struct tenon_event *ev)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "vertex", ev->vertex);
    json_object_object_add(o, "stream", json_object_new_int64(ev->stream));
    json_object_object_add(o, "data", base64(ev->data, ev->len));
    add_time(o, "timestamp", ev->timestamp_ns);
    return o;
}

static struct json_object *
warning(const struct tenon_event *ev)
{
    struct json_object *o = json_object_new_object();
    add_string(o, "vertex", ev->vertex);
    json_object_object_add(o, "level", json_object_new_int64(ev->level));
    if (ev->name)
        json_object_object_add(o, "short", base64(ev->name, strlen(ev->name)));
    struct json_object *list = json_object_new_array();
    for (const char *const *d = ev->detail; d && *d; d++)
        json_object_array_add(list, base64(*d, strlen(*d)));
    json_object_object_add(o, "detail", list);
    add_string(o, "url", ev->url);
    return o;
}

static void
raw_event(void *self, const struct tenon_event *ev)
{
    struct raw *r = self;
    struct json_object *one = NULL;
    const char *key = NULL;
    switch (ev->type) {
    case TENON_EVENT_VERTEX:
        key = "vertexes", one = vertex(ev);
        break;
    case TENON_EVENT_STATUS:
        key = "statuses", one = status(ev);
        break;
    case TENON_EVENT_LOG:
        key = "logs", one = log_record(ev);
        break;
    case TENON_EVENT_WARNING:
        key = "warnings", one = warning(ev);
        break;
    case TENON_EVENT_MESSAGE: /* of no line of the build file */
        if (ev->level > LEVEL_WARNING)
            return;
        key = "warnings", one = warning(ev);
        break;
    default:
        return;
    }
    struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();
    json_object_array_add(list, one);
    json_object_object_add(o, key, list);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_json_write(&text, o, true);
    tenon_text_add_json(&b, text.data, text.len);
    tenon_buf_addc(&b, '\n');
    json_object_put(o);
    pk_write(r->fd, &b);
}

static void
raw_close(void *self, const struct tenon_progress_end *end)
{
    struct raw *r = self;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_recap_error(&b, end);
    pk_write(r->fd, &b);
}

static const struct tenon_progress_ops ops = {
    .struct_size = sizeof ops,
    .open = raw_open,
    .event = raw_event,
    .close = raw_close,
};
static const struct tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_PROGRESS),
    .threads = TENON_THREADS_SERIAL,
    .key_policy = TENON_KEY_NEUTRAL,
    .name = "json",
    .version = "1.0",
    .summary = "one JSON object an event, for programs",
    .init = raw_init,
    .ops.progress = &ops,
};
TENON_PLUGIN_EXPORT(progress_json, plugin);

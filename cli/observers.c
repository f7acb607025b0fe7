/* cli/observers.c - see observers.h. */
#include "observers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ending.h"
#include "knownword.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/vec.h"

struct observer {
    struct tenon_module *module;
    struct tenon_values *values;
    int fd; /* where it writes to: its file, or nowhere */
};

struct observers {
    TENON_VEC(struct observer) list;
    char **warned;
};

static void
release(struct observers *o)
{
    tenon_vec_foreach(x, &o->list) {
        tenon_values_free(x->values);
        if (x->fd >= 0)
            close(x->fd);
    }
    tenon_vec_release(&o->list);
    tenon_strv_free(o->warned);
    free(o);
}

/* What is there stays: several builds may tell one file. */
static int
open_dest(const char *dest, struct tenon_error *err)
{
    int fd = dest ? open(dest, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666)
                  : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        tenon_error_sys(err, "open %s", dest ? dest : "/dev/null");
        err->code = TENON_E_INVALID; /* as any place that cannot be written to */
    }
    return fd < 0 ? err->code : fd;
}

bool
observers_have(const struct observers *o, const struct tenon_module *m)
{
    for (size_t i = 0; o && i < o->list.len; i++)
        if (o->list.items[i].module == m)
            return true;
    return false;
}

static int
start(struct observer *x, const char *what, struct tenon_error *err)
{
    tenon_module_enter(x->module, "open");
    int rc = x->module->plugin.ops.progress->open(x->module->self, x->fd, false, x->values, err);
    tenon_module_leave(x->module);
    return tenon_module_check(x->module, "open", rc, err) < 0
               ? tenon_error_context(err, "%s", what) : TENON_OK;
}

/* pairs: without dest, which is ours to open. */
static int
add(struct observers *o, struct tenon_plugins *plugins, const char *name, char **pairs,
    const char *dest, struct tenon_error *err)
{
    static const char *const others[] = {NULL};
    struct observer x = {.fd = -1};
    auto_free char *what = tenon_asprintf("observer %s", name);
    if (known_word_check(plugins, TENON_KIND_PROGRESS, "observer", name, others, err) < 0 ||
        tenon_plugins_get(plugins, TENON_KIND_PROGRESS, name, &x.module, err) < 0)
        return err->code;
    if (observers_have(o, x.module))
        return tenon_error_set(err, TENON_E_INVALID, "%s: it is there twice", what);
    const struct tenon_plugin *p = &x.module->plugin;
    if (tenon_values_parse(p->options, p->param_size, (const char *const *)pairs, what, &x.values,
                           err) < 0)
        return err->code;
    tenon_values_warn(x.values, what);
    x.fd = open_dest(dest, err);
    if (x.fd < 0) {
        tenon_values_free(x.values);
        return tenon_error_context(err, "%s", what);
    }
    tenon_vec_push(&o->list, x);
    if (start(&o->list.items[o->list.len - 1], what, err) < 0) {
        o->list.len--; /* it has no close to come */
        tenon_values_free(x.values);
        close(x.fd);
    }
    return err->code;
}

static int
add_spec(struct observers *o, struct tenon_plugins *plugins, const char *spec,
         struct tenon_error *err)
{
    auto_strv char **parts = tenon_comma_fields(spec, NULL);
    auto_strv char **pairs = NULL;
    const char *dest = NULL;
    if (!parts || !parts[0] || !*parts[0])
        return tenon_error_set(err, TENON_E_INVALID, "invalid observer \"%s\"", spec);
    for (char **p = parts + 1; *p; p++) {
        if (tenon_has_prefix(*p, "dest="))
            dest = *p + strlen("dest=");
        else
            tenon_strv_push(&pairs, tenon_strdup(*p));
    }
    if (dest && !*dest)
        return tenon_error_set(err, TENON_E_INVALID, "observer %s: dest without a file", parts[0]);
    return add(o, plugins, parts[0], pairs, dest, err);
}

static int
add_configured(struct observers *o, struct tenon_plugins *plugins, struct json_object *config,
               struct tenon_error *err)
{
    struct json_object *list = NULL;
    const size_t count = config && json_object_object_get_ex(config, "observers", &list)
                             ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (!json_object_is_type(one, json_type_string))
            return tenon_error_set(err, TENON_E_INVALID, "configuration: observers[%zu]: expected "
                                   "a string", i);
        if (add_spec(o, plugins, json_object_get_string(one), err) < 0)
            return tenon_error_context(err, "configuration: observers[%zu]", i);
    }
    return TENON_OK;
}

/* Those that were opened are told that nothing comes of it. */
static void
give_up(struct observers *o, const struct tenon_error *err)
{
    observers_close(o, NULL, err, err->message);
}

int
observers_open(struct tenon_plugins *plugins, struct json_object *config, char *const *specs,
               struct observers **out, struct tenon_error *err)
{
    struct observers *o = tenon_new0(struct observers);
    *out = NULL;
    for (char *const *s = specs; s && *s && !err->code; s++)
        add_spec(o, plugins, *s, err);
    if (err->code || add_configured(o, plugins, config, err) < 0) {
        give_up(o, err);
        return err->code;
    }
    if (o->list.len)
        *out = o;
    else
        release(o);
    return TENON_OK;
}

void
observers_event(struct observers *o, const struct tenon_event *ev)
{
    ending_note(&o->warned, ev);
    tenon_vec_foreach(x, &o->list) {
        tenon_module_enter(x->module, "event");
        x->module->plugin.ops.progress->event(x->module->self, ev);
        tenon_module_leave(x->module);
    }
}

void
observers_close(struct observers *o, const struct tenon_build *b, const struct tenon_error *err,
                const char *text)
{
    if (!o)
        return;
    struct ending *e = ending_new(b, err, text, o->warned);
    tenon_vec_foreach(x, &o->list) {
        tenon_module_enter(x->module, "close");
        x->module->plugin.ops.progress->close(x->module->self, ending_told(e));
        tenon_module_leave(x->module);
    }
    ending_free(e);
    release(o);
}

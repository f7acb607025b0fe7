/* engine/asked.c - who asked for a result. */
#include "engine/asked.h"

#include <stdlib.h>
#include <string.h>

#include "engine/build_private.h"
#include "engine/producers.h"
#include "tools/jsontext.h"

/* Does it say anything? */
static bool
is_request(const struct tenon_asked *a)
{
    return *a->frontend || (a->options && *a->options) || a->inputs;
}

struct tenon_asked *
tenon_asked_new(struct tenon_build *b, const char *frontend, const char *const *options,
                const struct tenon_asked *up)
{
    struct tenon_asked *a = tenon_new0(struct tenon_asked);

    a->frontend = tenon_strdup(frontend);
    a->options = tenon_strv_dup(options);
    a->root = up && up->root && is_request(up->root) ? up->root : up;
    pthread_mutex_lock(&b->lock);
    tenon_vec_push(&b->asked, a);
    pthread_mutex_unlock(&b->lock);
    return a;
}

void
tenon_asked_release(struct tenon_build *b)
{
    tenon_producers_forget(b->producers, b);
    if (b->producers != b->engine->producers)
        tenon_producers_free(b->producers);
    tenon_vec_foreach(x, &b->asked) {
        struct tenon_asked *a = *x;
        free(a->frontend);
        tenon_strv_free(a->options);
        json_object_put(a->inputs);
        free(a);
    }
    tenon_vec_release(&b->asked);
}

void
tenon_asked_mask(struct tenon_build *b, struct tenon_mask *mask)
{
    pthread_mutex_lock(&b->lock);
    tenon_vec_foreach(a, &b->asked)
        tenon_mask_take(mask, (const char *const *)(*a)->options);
    pthread_mutex_unlock(&b->lock);
}

/* ---- inputs -------------------------------------------------------------------------------- */

static const char *
client_of(const struct tenon_build *b)
{
    return b->engine->client ? b->engine->client : "";
}

/* Of inputs of inputs so many levels are told, as parsers of JSON go no deeper than they like. */
enum { INPUTS_DEPTH = 6 };

static void
cut(struct json_object *request, unsigned levels)
{
    struct json_object *inputs = NULL;
    if (!json_object_object_get_ex(request, "inputs", &inputs))
        return;
    if (levels == 0) {
        json_object_object_del(request, "inputs");
        json_object_object_add(request, "masked", json_object_new_boolean(true));
        return;
    }
    json_object_object_foreach(inputs, name, input) {
        (void)name;
        cut(input, levels - 1);
    }
}

void
tenon_asked_inputs(struct tenon_build *b, struct tenon_asked *asked,
                   const struct tenon_named_ref *inputs, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tenon_vertex *v = inputs[i].ref ? inputs[i].ref->edge.vertex : NULL;
        auto_free char *text =
            v ? tenon_producers_find(b->producers, client_of(b), v->digest.str) : NULL;
        total += text ? strlen(text) : 0;
        if (total > TENON_REQUEST_MAX)
            break; /* nobody would keep it */
        struct json_object *request = text ? json_tokener_parse(text) : NULL;
        if (request && !asked->inputs)
            asked->inputs = json_object_new_object();
        if (request) {
            cut(request, INPUTS_DEPTH - 1);
            json_object_object_add(asked->inputs, inputs[i].name, request);
        }
    }
}

/* Without what it began with: whoever has the input began with something else. */
static void
tell(struct tenon_build *b, const struct tenon_asked *asked, const struct tenon_ref *ref,
     const struct tenon_mask *mask)
{
    struct tenon_asked alone = *asked;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;

    alone.root = NULL;
    auto_json struct json_object *o = tenon_asked_json(&alone, mask);
    tenon_json_write(&text, o, false);
    tenon_producers_add(b->producers, client_of(b), b, ref->edge.vertex->digest.str,
                        tenon_buf_str(&text));
}

void
tenon_asked_made(struct tenon_build *b, const struct tenon_asked *asked,
                 struct tenon_result *result)
{
    struct tenon_mask mask = {0};

    tenon_asked_mask(b, &mask);
    tenon_vec_foreach(p, &result->platforms) {
        p->asked = asked;
        if (!p->ref)
            continue;
        pthread_mutex_lock(&b->lock);
        const bool is_ours = !p->ref->asked;
        if (is_ours)
            p->ref->asked = asked;
        pthread_mutex_unlock(&b->lock);
        if (is_ours && p->ref->edge.vertex)
            tell(b, asked, p->ref, &mask);
    }
    tenon_mask_release(&mask);
}

/* ---- as JSON ------------------------------------------------------------------------------- */

/* Of this machine and this store, not of what is built. */
static bool
is_local_option(const char *option)
{
    static const char *const names[] = { "platform=", "image-resolve-mode=", "cgroup-parent=",
                                         "cache-imports=", "policy-file=", "frontend.caps=",
                                         "local-sessionid=", "local-sessionid:", "attest:" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        if (tenon_has_prefix(option, names[i]))
            return true;
    return false;
}

/* *masked: true when one is left out. */
static struct json_object *
arguments(const struct tenon_asked *asked, const struct tenon_mask *mask, bool *masked)
{
    auto_json struct json_object *o = json_object_new_object();

    for (char *const *p = asked->options; p && *p; p++) {
        const char *eq = strchr(*p, '=');
        if (is_local_option(*p))
            continue;
        if (tenon_hidden_argument(*p)) {
            *masked = true;
            continue;
        }
        auto_free char *key = tenon_strndup(*p, eq ? (size_t)(eq - *p) : strlen(*p));
        json_object_object_add(o, key, json_object_new_string(eq ? eq + 1 : ""));
    }
    return tenon_mask_json(mask, o);
}

struct json_object *
tenon_asked_json(const struct tenon_asked *asked, const struct tenon_mask *mask)
{
    struct json_object *o = json_object_new_object();
    bool masked = false;

    json_object_object_add(o, "frontend", json_object_new_string(asked->frontend));
    json_object_object_add(o, "args", arguments(asked, mask, &masked));
    if (asked->inputs)
        json_object_object_add(o, "inputs", tenon_mask_json(mask, asked->inputs));
    if (asked->root && is_request(asked->root))
        json_object_object_add(o, "root", tenon_asked_json(asked->root, mask));
    if (masked)
        json_object_object_add(o, "masked", json_object_new_boolean(true));
    return o;
}

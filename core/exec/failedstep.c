/* exec/failedstep.c - what is kept of a failed step, for whoever wants to look into it: its
 * root as a snapshot, with a record of the definition and of the inputs.  Secrets are in
 * neither.  reenter.c gets into it again. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "context/kept.h"
#include "context/scope.h"
#include "exec/private.h"

#define LAST "failed-step" /* the pin that names the build of the last one */
enum { DEFINITION_MAX = 64 << 20 };

static void
name_key(const char *build, struct tenon_digest *key)
{
    auto_free char *text = tenon_asprintf(LAST " %s", build);
    tenon_digest_of(text, strlen(text), key);
}

static char *
definition_json(const struct tenon_vertex *v)
{
    static const char hex[] = "0123456789abcdef";
    auto_buf struct tenon_buf def = TENON_BUF_INIT;
    struct tenon_buf out = TENON_BUF_INIT;
    tenon_graph_save((struct tenon_graph *)(uintptr_t)v->graph, (struct tenon_edge){ v, 0 }, &def);
    tenon_buf_adds(&out, "{\"definition\":\"");
    for (size_t i = 0; i < def.len; i++) {
        tenon_buf_addc(&out, hex[(uint8_t)def.data[i] >> 4]);
        tenon_buf_addc(&out, hex[(uint8_t)def.data[i] & 15]);
    }
    tenon_buf_adds(&out, "\"}");
    return tenon_buf_steal(&out);
}

/* root: what is in it now. */
static int
store(struct tenon_step *s, const struct tenon_chain *root, const char *what,
      struct tenon_error *err)
{
    struct tenon_store *st = s->engine->store;
    auto_free char *extra = definition_json(s->v);
    struct tenon_record r = { .output_count = (uint32_t)s->v->input_count + 1, .extra = extra };
    r.outputs = tenon_calloc(r.output_count, sizeof *r.outputs);
    tenon_chain_copy(&r.outputs[0], root);
    for (size_t i = 0; i < s->v->input_count; i++)
        if (s->inputs[i].chain)
            tenon_chain_copy(&r.outputs[i + 1], s->inputs[i].chain);
    name_key(s->engine->build_id, &r.id);
    const char *key = r.id.str;
    auto_free char *place = tenon_step_place(s->engine->session, s->v->name);
    auto_free char *scope = tenon_asprintf(LAST " %s", place);
    if (tenon_record_store(st, &key, 1, &r, scope, what, NULL, 0, err) == 0)
        tenon_pin_set(st, LAST, s->engine->build_id, err);
    for (uint32_t i = 0; i < r.output_count; i++)
        tenon_chain_release(&r.outputs[i]);
    free(r.outputs);
    return err->code;
}

static void *
is_kept_new(struct tenon_engine *engine)
{
    (void)engine;
    return tenon_new0(bool);
}

static const struct tenon_kept_kind is_kept_kind = { is_kept_new, free };

static bool
is_first_of_build(struct tenon_engine *engine)
{
    bool *is_kept = tenon_engine_kept(engine, &is_kept_kind);
    return !__atomic_exchange_n(is_kept, true, __ATOMIC_ACQ_REL);
}

/* For tenon shell, and once a build. */
static bool
is_for_shell(struct tenon_step *s)
{
    return s->engine->build_id && s->root.work &&
           tenon_store_bounds(s->engine->store, TENON_LEFT_FAILED)->number >= 1 &&
           is_first_of_build(s->engine);
}

static bool
is_too_large(struct tenon_step *s)
{
    const int64_t bytes = tenon_snapshot_work_bytes(s->root.work);
    if (bytes <= tenon_store_bounds(s->engine->store, TENON_LEFT_FAILED)->bytes)
        return false;
    tenon_log(TENON_LOG_DEBUG, "the failed step is not kept: it wrote %lld bytes",
              (long long)bytes);
    return true;
}

/* What the step made of its root. */
static int
take_root(struct tenon_step *s, const char *what, struct tenon_chain *root,
          struct tenon_error *err)
{
    int64_t id;
    if (s->root.lower)
        tenon_chain_copy(root, s->root.lower);
    if (!s->root.work)
        return 0;
    if (tenon_snapshot_commit(tenon_steal(&s->root.work), TENON_SNAPSHOT_FAILED, what, &id,
                              err) < 0)
        return err->code;
    tenon_chain_append(root, id);
    return 0;
}

void
tenon_step_keep_failed(struct tenon_step *s, struct tenon_error *why)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain root = {0};
    /* What fills the disk helps nobody; and one that was stopped did not fail. */
    if (!s->v->graph || tenon_step_disk_is_full(s) ||
        tenon_cancel_fired(tenon_ctx_cancel(s->ctx)))
        return;
    const bool leaves = tenon_exec_leaves(s->engine, s->v);
    bool for_shell = is_for_shell(s);
    if (!leaves && !for_shell)
        return;
    tenon_step_detach(s);
    close(tenon_steal_fd(&s->rootfd));
    tenon_step_tree_unmount(&s->root);
    for_shell = for_shell && !is_too_large(s);
    if (!leaves && !for_shell)
        return;
    auto_free char *what = tenon_asprintf("failed: %s", s->v->name ? s->v->name : "step");
    int rc = take_root(s, what, &root, &err);
    if (rc == 0 && leaves)
        tenon_step_leave(s, &root, what);
    if (rc == 0 && for_shell)
        rc = store(s, &root, what, &err);
    if (rc < 0)
        tenon_log(TENON_LOG_DEBUG, "the failed step is not kept: %s", err.message);
    else if (for_shell && !why->hint)
        tenon_error_hint(why, "tenon shell enters the failed step");
}

/* ---- found again -------------------------------------------------------- */

static int
load_definition(const char *extra, struct tenon_graph *g, struct tenon_edge *out,
                struct tenon_error *err)
{
    auto_json struct json_object *o = NULL;
    const char *hex = NULL;
    auto_buf struct tenon_buf def = TENON_BUF_INIT;
    if (!extra || tenon_json_parse(extra, strlen(extra), DEFINITION_MAX, &o, err) < 0 ||
        tenon_json_get_str(o, "definition", NULL, &hex, err) < 0 || !hex)
        return err->code ? err->code
                         : tenon_error_set(err, TENON_E_CORRUPT, "no definition is kept");
    for (; *hex && hex[1]; hex += 2) {
        int high = tenon_hex_digit(hex[0]), low = tenon_hex_digit(hex[1]);
        if (high < 0 || low < 0)
            return tenon_error_set(err, TENON_E_CORRUPT, "the definition is damaged");
        tenon_buf_addc(&def, (char)(high << 4 | low));
    }
    return tenon_graph_load(g, def.data, def.len, out, err);
}

int
tenon_failed_step_load(struct tenon_store *st, const char *build, struct tenon_record *r,
                       struct tenon_graph *g, const struct tenon_vertex **v,
                       struct tenon_error *err)
{
    struct tenon_digest key;
    struct tenon_edge edge = {0};
    name_key(build, &key);
    int found = tenon_record_find(st, key.str, r, err);
    if (found < 0)
        return found;
    if (!found)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no failed step of build %s is kept "
                               "(any more)", build);
    int rc = load_definition(r->extra, g, &edge, err);
    if (rc == 0 && !edge.vertex)
        rc = tenon_error_set(err, TENON_E_CORRUPT, "the definition is empty");
    if (rc < 0)
        return tenon_error_context(err, "failed step of build %s", build);
    *v = edge.vertex;
    return 0;
}

char *
tenon_failed_step_last(struct tenon_store *st)
{
    return tenon_pin_get(st, LAST);
}

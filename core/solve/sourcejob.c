/* solve/sourcejob.c - sources: asked by a plugin what they are, then fetched as layers, as a
 * tree, or used where they are. */
#include "solve/sourcejob.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "context/session.h"
#include "plugin/declared.h"
#include "policy/lockfile.h"
#include "solve/apart.h"
#include "solve/buildkitlookup.h"
#include "solve/import.h"
#include "solve/layerset.h"

void
source_free(struct state *st)
{
    struct source_state *x = st->source;

    if (!x)
        return;
    /* the view reads patterns of the ctx */
    tenon_view_free(st->view);
    st->view = NULL;
    tenon_ctx_free(x->ctx);
    tenon_strv_free(x->attrs);
    free(x->platform);
    free(x);
    st->source = NULL;
}

const char *
source_key(const struct state *st)
{
    return st->source->info.key;
}

bool
source_in_place(const struct state *st)
{
    return st->source->info.flags & TENON_SOURCE_IN_PLACE;
}

bool
source_is_tree(const struct state *st)
{
    return st->source->info.flags & TENON_SOURCE_TREE;
}

char *
source_platform(struct tenon_engine *e, const struct tenon_vertex *v)
{
    const struct tenon_op_platform *p = &v->op.platform;

    if (!v->op.has_platform || !*p->os)
        return tenon_strdup(e->host_platform);
    return tenon_asprintf(*p->os_version ? "%s(%s)/%s%s%s" : "%s%s/%s%s%s",
                          p->os, p->os_version, p->arch,
                          *p->variant ? "/" : "", p->variant);
}

static char *
scheme_of(const char *identifier)
{
    const char *end = strstr(identifier, "://");
    return end ? tenon_strndup(identifier, (size_t)(end - identifier)) : NULL;
}

static struct source_state *
source_new(struct state *st, struct tenon_module *m)
{
    struct tenon_engine *e = st->solver->engine;
    const struct tenon_op_source *op = &st->v->op.source;
    struct source_state *x = tenon_new0(struct source_state);

    x->module = m;
    x->ops = m->plugin.ops.source;
    x->ctx = tenon_ctx_new(e, e->events, st->cancel, st->v->digest.str);
    x->platform = source_platform(e, st->v);
    for (size_t i = 0; i < op->attr_count; i++)
        tenon_strv_push(&x->attrs, tenon_asprintf("%s=%s", op->attrs[i].key,
                                                  op->attrs[i].value));
    /* By the attributes that it was asked about with. */
    const struct tenon_source_info *before = metas_before(
        st->solver, op->identifier, x->platform, (const char *const *)x->attrs);
    if (st->solver->options.compatibility)
        tenon_strv_push(&x->attrs, tenon_asprintf("tenon.compatibility-version=%" PRId64,
                                                  st->solver->options.compatibility));
    if (!x->attrs)
        x->attrs = tenon_calloc(1, sizeof *x->attrs);
    x->request = (struct tenon_source_request){
        .struct_size = sizeof x->request,
        .identifier = op->identifier,
        .platform = x->platform,
        .attrs = (const char *const *)x->attrs,
        .before = before,
    };
    x->info.struct_size = sizeof x->info;
    return x;
}

static int
check_info(struct state *st, struct tenon_error *err)
{
    const struct source_state *x = st->source;
    const uint32_t kinds =
        x->info.flags &
        (TENON_SOURCE_LAYERS | TENON_SOURCE_TREE | TENON_SOURCE_IN_PLACE);
    const bool there =
        (kinds == TENON_SOURCE_LAYERS && x->ops->fetch_layer) ||
        (kinds == TENON_SOURCE_TREE && x->ops->fetch) ||
        (kinds == TENON_SOURCE_IN_PLACE && x->ops->open_tree);

    if (!there)
        return tenon_error_set(err, TENON_E_BUG,
                               "plugin source-%s gave no way to fetch \"%s\"",
                               x->module->plugin.name,
                               x->request.identifier);
    if (kinds == TENON_SOURCE_LAYERS && !x->info.key)
        return tenon_error_set(err, TENON_E_BUG,
                               "plugin source-%s gave no key for \"%s\"",
                               x->module->plugin.name,
                               x->request.identifier);
    for (size_t i = 0; i < x->info.layer_count; i++) {
        const struct tenon_descriptor *layer = x->info.layers[i];
        if (!layer || layer->struct_size < offsetof(struct tenon_descriptor, annotations))
            return tenon_error_set(err, TENON_E_BUG,
                                   "plugin source-%s gave a layer of \"%s\" without its size",
                                   x->module->plugin.name, x->request.identifier);
        if (!layer->diff_id)
            return tenon_error_set(err, TENON_E_INVALID,
                                   "layer %s of \"%s\" has no diff id",
                                   layer->digest, x->request.identifier);
    }
    return 0;
}

/* A tree that was fetched before. */
static int
find_tree(struct job *j)
{
    struct state *st = j->state;
    struct key_parts parts = {0};
    struct tenon_digest key;

    if (!source_is_tree(st) || !st->source->info.key)
        return 0;
    key_parts_add(&parts, "source", st->source->info.key);
    key_parts_digest(&parts, "source", &key);
    key_parts_release(&parts);
    int rc = apart_find(st->solver, key.str, &j->record, &j->apart, &j->err);
    j->found = rc > 0 && j->record.output_count == 1;
    const struct import_record *known =
        rc >= 0 && !j->found ? import_find(st->solver, key.str) : NULL;
    if (known && known->result_count == 1)
        j->imported = known;
    return rc < 0 ? rc : 0;
}

int
work_resolve(struct job *j)
{
    struct state *st = j->state;
    const char *identifier = st->v->op.source.identifier;
    auto_free char *scheme = scheme_of(identifier);
    struct tenon_module *m;

    if (!scheme)
        return tenon_error_set(&j->err, TENON_E_INVALID,
                               "source \"%s\": no scheme", identifier);
    int rc = tenon_declared_source(st->solver->engine->plugins, scheme, &m,
                                  &j->err);
    if (rc < 0)
        return tenon_error_context(&j->err, "source \"%s\"", identifier);
    struct source_state *x = st->source = source_new(st, m);
    tenon_module_enter(m, "resolve");
    rc = x->ops->resolve(m->self, x->ctx, &x->request, &x->info, &j->err);
    tenon_module_leave(m);
    rc = tenon_module_check(m, "resolve", rc, &j->err);
    if (rc == 0)
        rc = check_info(st, &j->err);
    if (rc == 0)
        rc = find_tree(j);
    if (rc == 0)
        rc = buildkit_match(st, NULL, &j->buildkit, &j->err);
    if (rc == 0 && (x->info.flags & TENON_SOURCE_LAYERS)) {
        auto_chain struct tenon_chain chain = {0};
        if (layers_there(st->solver->engine->store, x->info.layers,
                         x->info.layer_count, true, &chain)) {
            j->outputs = tenon_calloc(1, sizeof *j->outputs);
            j->output_count = 1;
            j->outputs[0] = chain;
            chain = (struct tenon_chain){0};
            j->cached = true;
        }
    }
    return rc;
}

/* ---- in place ----------------------------------------------------------- */

struct transfer {
    struct tenon_ctx *ctx;
    char *id;
};

static void
on_progress(void *data, int64_t bytes)
{
    const struct transfer *t = data;
    /* Like BuildKit, which counts the messages too and never shows 0. */
    tenon_ctx_status(t->ctx, t->id, bytes + 2, 0);
}

static const char *
transfer_word(const struct tenon_vertex *v)
{
    const char *word = tenon_vertex_describe(v, "tenon.transfer");
    if (!word)
        word = tenon_vertex_describe(v, "local.status");
    return word ? word : "context";
}

static int
scan(struct state *st, struct tenon_view *view, struct tenon_error *err)
{
    struct source_state *x = st->source;
    auto_free char *id =
        tenon_asprintf("transferring %s:", transfer_word(st->v));
    struct transfer t = { .ctx = x->ctx, .id = id };
    unsigned threads = jobs_worker_count(st->solver);

    on_progress(&t, 0);
    int rc = tenon_view_scan(view, threads ? threads : 1, st->cancel,
                             on_progress, &t, err);
    if (rc == 0)
        tenon_ctx_status_done(x->ctx, id);
    return rc;
}

/* What a directory holds is known only now. */
static int
hold_content(struct state *st, struct tenon_view *view, struct tenon_error *err)
{
    static const struct tenon_selector all = { .path = "" };
    struct tenon_digest digest;
    int rc = tenon_view_digest(view, &all, st->cancel, &digest, err);
    if (rc < 0)
        return rc;
    return tenon_lockfile_use(st->solver->engine->lock, st->source->request.identifier, NULL,
                          digest.str, err);
}

static int
open_in_place(struct job *j)
{
    struct state *st = j->state;
    struct source_state *x = st->source;
    struct tenon_engine *e = st->solver->engine;
    struct tenon_source_tree tree = { .struct_size = sizeof tree, .dirfd = -1 };
    const char *name = strstr(x->request.identifier, "://") + 3;

    tenon_module_enter(x->module, "open_tree");
    int rc = x->ops->open_tree(x->module->self, x->ctx, &x->request, &tree,
                               &j->err);
    tenon_module_leave(x->module);
    rc = tenon_module_check(x->module, "open_tree", rc, &j->err);
    if (rc < 0)
        return rc;
    auto_close int fd = tree.dirfd;
    const struct tenon_session *own = e->session;
    const char *path = own && own->local_path ? own->local_path(own->data, name) : NULL;
    const char *stats = own && own->local_stats ? own->local_stats(own->data, name) : NULL;
    const struct tenon_view_options o = {
        .rootfd = fd,
        .root_path = path ? path : stats,
        .steady = !path && stats,
        .owner_root = tree.flags & TENON_TREE_OWNER_ROOT,
        .include = tree.include,
        .exclude = tree.exclude,
        .follow = tree.follow,
        .store = e->store,
    };
    struct tenon_view *view = NULL;
    rc = tenon_view_new(&o, &view, &j->err);
    if (rc == 0)
        rc = scan(st, view, &j->err);
    if (rc == 0 && e->lock && tenon_lockfile_concerns(x->request.identifier))
        rc = hold_content(st, view, &j->err);
    if (rc < 0) {
        tenon_view_free(view);
        return rc;
    }
    j->view = view;
    j->output_count = 1;
    j->outputs = tenon_calloc(1, sizeof *j->outputs);
    return 0;
}

/* ---- trees -------------------------------------------------------------- */

static int
fetch_tree(struct job *j)
{
    struct state *st = j->state;
    struct source_state *x = st->source;
    struct tenon_snapshot_work *work = NULL;
    int64_t id;

    int rc = tenon_snapshot_begin(st->solver->engine->store, &work, &j->err);
    if (rc < 0)
        return rc;
    tenon_module_enter(x->module, "fetch");
    rc = x->ops->fetch(x->module->self, x->ctx, &x->request, &x->info,
                       tenon_snapshot_work_fs(work), &j->err);
    tenon_module_leave(x->module);
    rc = tenon_module_check(x->module, "fetch", rc, &j->err);
    if (rc == 0)
        rc = tenon_snapshot_commit(tenon_steal(&work), TENON_SNAPSHOT_REGULAR,
                                   st->v->name, &id, &j->err);
    tenon_snapshot_discard(work);
    if (rc < 0)
        return rc;
    j->output_count = 1;
    j->outputs = tenon_calloc(1, sizeof *j->outputs);
    tenon_chain_append(&j->outputs[0], id);
    return 0;
}

/* ---- layers ------------------------------------------------------------- */

static int
fetch_layer(void *data, size_t i, struct tenon_error *err)
{
    struct source_state *x = data;

    tenon_module_enter(x->module, "fetch_layer");
    int rc = x->ops->fetch_layer(x->module->self, x->ctx, &x->request, &x->info,
                                 x->info.layers[i], err);
    tenon_module_leave(x->module);
    return tenon_module_check(x->module, "fetch_layer", rc, err);
}

int
run_source(struct job *j)
{
    struct state *st = j->state;
    struct source_state *x = st->source;

    if (source_in_place(st))
        return open_in_place(j);
    if (source_is_tree(st))
        return fetch_tree(j);
    j->output_count = 1;
    j->outputs = tenon_calloc(1, sizeof *j->outputs);
    const struct layer_set set = {
        .store = st->solver->engine->store, .ctx = x->ctx, .cancel = st->cancel,
        .layers = x->info.layers, .count = x->info.layer_count,
        .fetch = fetch_layer, .data = x,
    };
    return layers_make(&set, &j->outputs[0], &j->err);
}

/* engine/buildrun.c - one build from request to exports: caches, frontend, solver,
 * exporters, caches. */
#include <string.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "tools/comma.h"
#include "engine/attesters.h"
#include "engine/compatibility.h"
#include "engine/cacheahead.h"
#include "engine/mountahead.h"
#include "engine/remotecache.h"
#include "engine/sources.h"
#include "policy/lockfile.h"
#include "solve/cache.h"

static int
call_frontend(struct tenon_build *b, const struct tenon_build_request *req,
              struct tenon_error *err)
{
    const struct tenon_frontend_call call = {
        .struct_size = sizeof call, .frontend = req->frontend, .options = req->options,
    };
    if (req->driver)
        return tenon_build_drive(b, &tenon_build_bridge, req, err);
    return tenon_build_frontend(b, &tenon_build_bridge, NULL, &call, &b->result, err);
}

/* What the frontend has for the caller, not for the image. */
static int
pass_on(struct tenon_build *b, struct tenon_error *err)
{
    tenon_vec_foreach(v, &b->result.meta)
        if (tenon_has_prefix(v->key, "frontend.") &&
            tenon_result_respond(&b->result, v->key, v->data, false, err) < 0)
            return err->code;
    return TENON_OK;
}

/* An answer to a question is no image of a platform. */
static void
check_platforms(struct tenon_build *b, const struct tenon_build_request *req)
{
    const char *platform = NULL;

    for (const char *const *o = req->options; o && *o; o++) {
        if (tenon_has_prefix(*o, "requestid="))
            return;
        if (tenon_has_prefix(*o, "platform="))
            platform = *o + strlen("platform=");
    }
    tenon_build_check_platforms(b, platform);
}

static int
ask_frontend(struct tenon_build *b, const struct tenon_build_request *req,
             struct tenon_error *err)
{
    if (call_frontend(b, req, err) < 0 || pass_on(b, err) < 0)
        return err->code;
    check_platforms(b, req);
    return TENON_OK;
}

static int
solve_results(struct tenon_build *b, struct tenon_error *err)
{
    TENON_VEC(struct tenon_edge) edges = {0};
    TENON_VEC(struct tenon_ref *) refs = {0};
    tenon_vec_foreach(p, &b->result.platforms)
        if (p->ref && p->ref->edge.vertex && !p->ref->solved) {
            tenon_vec_push(&edges, p->ref->edge);
            tenon_vec_push(&refs, p->ref);
        }
    if (edges.len) {
        struct tenon_solved *made = tenon_calloc(edges.len, sizeof *made);
        if (tenon_solver_solve_all(b->solver, edges.items, edges.len,
                                   b->engine->cancel, made, err) == 0)
            for (size_t i = 0; i < edges.len; i++) {
                tenon_solved_release(&refs.items[i]->made); /* of two platforms, maybe */
                refs.items[i]->made = made[i];
                refs.items[i]->solved = true;
                /* exporters need snapshots */
                if (!err->code)
                    tenon_solver_make_chain(b->solver, &refs.items[i]->made,
                                            b->engine->cancel, err);
            }
        free(made);
    }
    tenon_vec_release(&edges);
    tenon_vec_release(&refs);
    return err->code;
}

static int
run_exporter(struct tenon_build *b, const struct tenon_export *x,
             struct tenon_error *err)
{
    struct tenon_module *m;
    if (tenon_plugins_get(b->engine->plugins, TENON_KIND_EXPORTER, x->type, &m, err) < 0)
        return err->code;
    auto_free char *what = tenon_asprintf("output type %s", x->type);
    auto_values struct tenon_values *values = NULL;
    auto_strv char **pairs = tenon_compatibility_pairs(b->compatibility, x->type, x->pairs,
                                                       &b->result);
    if (tenon_values_parse(m->plugin.options, m->plugin.param_size, (const char *const *)pairs,
                           what, &values, err) < 0)
        return err->code;

    char digest[72];
    tenon_events_fresh_digest(digest);
    const char *title = m->plugin.ops.exporter->title;
    struct tenon_vertex_info info = { .digest = digest, .name = title ? title : what };
    tenon_events_start(b->engine->events, &info);
    struct tenon_ctx *ctx =
        tenon_ctx_new(b->engine, b->engine->events, b->engine->cancel, digest);
    tenon_module_enter(m, "write");
    int rc = m->plugin.ops.exporter->write(m->self, ctx, values, &b->result, err);
    tenon_module_leave(m);
    rc = tenon_module_check(m, "write", rc, err);
    tenon_ctx_free(ctx);
    tenon_events_done(b->engine->events, digest, false, rc < 0 ? err->message : NULL,
                      rc == TENON_E_CANCELLED);
    if (rc < 0) {
        auto_free char *detail = tenon_asprintf("{\"digest\":\"%s\"}", digest);
        tenon_error_detail(err, "errdefs.Vertex", detail);
    }
    return rc;
}

static int
tell_exported(struct tenon_build *b, const struct tenon_build_request *req, size_t i,
              struct tenon_error *err)
{
    return req->exported
               ? req->exported(req->exported_data, &req->exports[i], &b->result, err) : TENON_OK;
}

/* Those that want to be last come behind the others, each in the order of the command line: the
 * first that fails ends it. */
static int
run_exporters(struct tenon_build *b, const struct tenon_build_request *req,
              struct tenon_error *err)
{
    for (int last = 0; last < 2; last++)
        for (size_t i = 0; i < req->export_count; i++) {
            const struct tenon_plugin *pl;
            if (tenon_plugins_peek(b->engine->plugins, TENON_KIND_EXPORTER, req->exports[i].type,
                                   &pl, err) < 0)
                return err->code;
            const bool is_last = pl->ops.exporter->flags & TENON_EXPORTER_LAST;
            if (is_last == (last == 1) && (run_exporter(b, &req->exports[i], err) < 0 ||
                                           tell_exported(b, req, i, err) < 0))
                return err->code;
        }
    return TENON_OK;
}

static bool
is_readonly(const struct tenon_store *s)
{
    struct statvfs fs;
    return fstatvfs(tenon_store_fd(s), &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

/* Jobs of the solver write only to the store, but a step's mounts may be read-
 * only. */
static int
blame_store(const struct tenon_build *b, struct tenon_error *err)
{
    const char *path = tenon_store_path(b->engine->store);
    const bool disk = err->sys == ENOSPC || err->sys == EDQUOT ||
                      (err->sys == EROFS && is_readonly(b->engine->store));
    if (disk && !strstr(err->message, path))
        tenon_error_context(err, "store %s", path);
    return err->code;
}

/* What is fetched by a digest of the lock file may be gone, or something else by now. */
static void
blame_lock(const struct tenon_build *b, struct tenon_error *err)
{
    const char *path = b->engine->lock ? tenon_lockfile_path(b->engine->lock) : NULL;
    if (path && (err->code == TENON_E_CORRUPT || err->code == TENON_E_NOT_FOUND))
        tenon_error_hint(err, "sources are what the lock file %s says; if others are meant: "
                         "tenon lock, with the flags of this build", path);
}

static int
run(struct tenon_build *b, const struct tenon_build_request *req, struct tenon_error *err)
{
    b->inline_cache = req->inline_cache;
    b->options = req->options;
    b->started_ns = tenon_now_ns();
    b->compatibility = req->compatibility ? req->compatibility : TENON_COMPATIBILITY_NOW;
    if (tenon_caches_import(b, req, err) < 0)
        return err->code;
    b->ahead = tenon_ahead_new(b, req);
    struct tenon_solver_options so = {
        .engine = b->engine,
        .explain = req->explain,
        .explain_data = req->explain_data,
        .compatibility = req->compatibility,
        .for_buildkit = req->cache_to_count > 0 || req->inline_cache,
        .made = b->ahead ? tenon_ahead_made : NULL,
        .made_data = b->ahead,
        .will_run = tenon_mount_ahead_want,
        .will_run_data = b,
    };
    b->solver = tenon_solver_new(&so);
    if (!b->solver)
        return tenon_error_sys(err, "start a build");
    tenon_caches_tell(b);
    if (ask_frontend(b, req, err) < 0)
        return blame_store(b, err);
    if (req->lock_only)
        return tenon_sources_lock(b, err) < 0 ? blame_store(b, err) : TENON_OK;
    if (solve_results(b, err) < 0)
        return blame_store(b, err);
    tenon_solver_adopt(b->solver);
    if (tenon_attesters_run(b, &tenon_build_bridge, req, err) < 0)
        return err->code;
    if (run_exporters(b, req, err) < 0)
        return err->code;
    if (tenon_attesters_respond(b, &tenon_build_bridge, err) < 0)
        return err->code;
    tenon_ahead_end(b->ahead, false);
    return tenon_caches_export(b, req, err);
}

int
tenon_build_run(struct tenon_build *b, const struct tenon_build_request *req,
                struct tenon_error *err)
{
    if (b->engine->events)
        tenon_waiting_watch_store(&b->waiting, b->engine);
    run(b, req, err);
    tenon_processes_clear(b);
    blame_lock(b, err);
    if (!err->code && req->look_back)
        req->look_back(req->look_back_data, b);
    if (b->solver)
        tenon_solver_end(b->solver); /* while somebody looks */
    tenon_mount_ahead_end(b);
    tenon_ahead_end(b->ahead, true);
    tenon_ahead_free(b->ahead);
    b->ahead = NULL;
    tenon_store_watch(b->engine->store, NULL);
    return err->code;
}

int
tenon_build_attest(struct tenon_build *b, const struct tenon_attest *attest,
                   struct tenon_error *err)
{
    const struct tenon_build_request one = { .attests = attest, .attest_count = 1 };

    return tenon_attesters_run(b, &tenon_build_bridge, &one, err);
}

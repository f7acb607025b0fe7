/* engine/build.c - a build as an object: its graph, references to results, and what is
 * mounted for those who read them.  buildrun.c takes it from request to exports. */
#include "engine/build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/root.h"
#include "engine/asked.h"
#include "engine/attesters.h"
#include "engine/producers.h"
#include "engine/remotecache.h"
#include "engine/sources.h"
#include "solve/cache.h"

struct tenon_build *
tenon_build_of(struct tenon_graph *g)
{
    struct tenon_build *b = tenon_graph_owner(g);
    tenon_assert(b && b->graph == g);
    return b;
}

struct tenon_build *
tenon_build_current(struct tenon_engine *engine)
{
    tenon_assert(engine->build && engine->build->engine == engine);
    return engine->build;
}

struct tenon_build *
tenon_build_new(struct tenon_engine *engine)
{
    tenon_assert(!engine->build);
    struct tenon_build *b = tenon_new0(struct tenon_build);
    b->engine = engine;
    pthread_mutex_init(&b->lock, NULL);
    b->producers = engine->producers ? engine->producers : tenon_producers_new();
    b->imports_turn = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    b->graph = tenon_graph_new();
    tenon_graph_set_owner(b->graph, b);
    tenon_graph_set_filter(b->graph, tenon_sources_filter, b);
    engine->build = b;
    return b;
}

void
tenon_build_free(struct tenon_build *b)
{
    if (!b)
        return;
    tenon_assert(!b->ended.len);
    tenon_result_release(&b->result);
    tenon_attesters_free(b);
    tenon_vec_foreach(r, &b->refs) {
        struct tenon_ref *ref = *r;
        if (ref->root >= 0)
            close(ref->root);
        if (ref->mount) {
            tenon_unmount(ref->mount);
            free(ref->mount);
        }
        tenon_solved_release(&ref->made);
        free(ref);
    }
    tenon_vec_release(&b->refs);
    tenon_asked_release(b);
    tenon_vec_release(&b->lefts);
    tenon_vec_release(&b->sources);
    tenon_solver_free(b->solver);
    tenon_caches_free(b);
    if (b->tempdir)
        tenon_tempdir_free(b->tempdir);
    tenon_graph_free(b->graph);
    b->engine->build = NULL;
    pthread_mutex_destroy(&b->lock);
    if (b->imports_turn >= 0)
        close(b->imports_turn);
    free(b);
}

const struct tenon_result *
tenon_build_result(const struct tenon_build *b)
{
    return &b->result;
}

struct tenon_graph *
tenon_build_graph(const struct tenon_build *b)
{
    return b->graph;
}

const struct tenon_graph_source *
tenon_build_source(const struct tenon_build *b, const char *filename)
{
    for (uint32_t i = 0;; i++) {
        const struct tenon_graph_source *s = tenon_graph_get_source(b->graph, i);
        if (!s)
            return NULL;
        if (tenon_streq(s->filename, filename))
            return s;
    }
}

struct tenon_ref *
tenon_build_ref_new(struct tenon_build *b, struct tenon_edge edge)
{
    struct tenon_ref *ref = tenon_new0(struct tenon_ref);

    ref->edge = edge;
    ref->root = -1;
    pthread_mutex_lock(&b->lock);
    tenon_vec_push(&b->refs, ref);
    pthread_mutex_unlock(&b->lock);
    return ref;
}

const struct tenon_chain *
tenon_build_left(struct tenon_build *b, const struct tenon_vertex *v)
{
    const struct tenon_chain *chain = NULL;

    pthread_mutex_lock(&b->lock);
    tenon_vec_foreach(l, &b->lefts)
        if (l->vertex == v)
            chain = l->chain;
    pthread_mutex_unlock(&b->lock);
    return chain;
}

static bool
is_solved(struct tenon_build *b, const struct tenon_ref *ref)
{
    pthread_mutex_lock(&b->lock);
    bool solved = ref->solved;
    pthread_mutex_unlock(&b->lock);
    return solved;
}

int
tenon_build_ref_solve(struct tenon_build *b, struct tenon_ref *ref,
                      struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct tenon_solved made = {0};

    if (is_solved(b, ref))
        return TENON_OK;
    const struct tenon_chain *left = tenon_build_left(b, ref->edge.vertex);
    if (left)
        tenon_chain_copy(&made.chain, left);
    else if (ref->edge.vertex &&
             tenon_solver_solve(b->solver, ref->edge, cancel, &made, err) < 0)
        return err->code;
    pthread_mutex_lock(&b->lock);
    if (ref->solved) { /* by another thread, meanwhile */
        tenon_solved_release(&made);
    } else {
        ref->made = made;
        ref->solved = true;
    }
    pthread_mutex_unlock(&b->lock);
    return TENON_OK;
}

static int
mount_ref(struct tenon_build *b, struct tenon_ref *ref, struct tenon_error *err)
{
    if (!b->tempdir && tenon_tempdir_new(b->engine->store, &b->tempdir, err) < 0)
        return err->code;
    auto_free char *path = tenon_asprintf("%s/ref%u", tenon_tempdir_path(b->tempdir),
                                          b->mounts++);
    if (mkdir(path, 0700) < 0)
        return tenon_error_sys(err, "make %s", path);
    if (tenon_chain_mount(b->engine->store, &ref->made.chain, NULL, path, err) < 0)
        return tenon_error_context(err, "mount a result");
    ref->mount = tenon_steal(&path);
    ref->root = open(ref->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ref->root < 0)
        return tenon_error_sys(err, "open %s", ref->mount);
    return ref->root;
}

int
tenon_build_ref_root(struct tenon_build *b, struct tenon_ref *ref,
                     struct tenon_cancel *cancel, struct tenon_error *err)
{
    if (tenon_build_ref_solve(b, ref, cancel, err) < 0)
        return err->code;
    pthread_mutex_lock(&b->lock);
    int root = ref->made.view ? tenon_view_root(ref->made.view)
               : ref->root >= 0 ? ref->root : mount_ref(b, ref, err);
    pthread_mutex_unlock(&b->lock);
    return root;
}

/* common/llbbridge/containers.c - NewContainer, ReleaseContainer, and the table between them.
 *
 * A container is described as a step is, with its mounts made of references, and its processes
 * are described apart from it (exec.c). */
#include "containers.h"

#include <string.h>

#include "llbbridge.h"
#include "tools/alloc.h"

/* ---- the table ------------------------------------------------------------- */

static struct gateway_container *
find_locked(struct gateway *gw, const char *name)
{
    tenon_vec_foreach(c, &gw->containers) {
        if (strcmp((*c)->name, name) == 0)
            return *c;
    }
    return NULL;
}

struct gateway_container *
containers_find(struct serving *s, const char *name)
{
    struct gateway *gw = s->gw;

    pthread_mutex_lock(&gw->lock);
    struct gateway_container *c = find_locked(gw, name);
    if (c && !c->ready)
        c = NULL;
    if (c)
        c->users++;
    pthread_mutex_unlock(&gw->lock);
    if (!c)
        gw->host->error->set(s->err, TENON_E_NOT_FOUND, 0,
                             "container \"%s\" was released, or never made", name);
    return c;
}

void
containers_leave(struct gateway *gw, struct gateway_container *c)
{
    pthread_mutex_lock(&gw->lock);
    const bool last = --c->users == 0;
    pthread_mutex_unlock(&gw->lock);
    if (!last)
        return;
    gw->host->ctx->scope_end(c->scope);
    tenon_strv_free(c->targets);
    free(c->name);
    free(c);
}

/* Its name is taken from here on; NULL: see s->err. */
static struct gateway_container *
add(struct serving *s, const char *name)
{
    struct gateway *gw = s->gw;
    struct gateway_container *c = NULL;

    pthread_mutex_lock(&gw->lock);
    const bool taken = find_locked(gw, name), full = gw->containers.len >= GATEWAY_CONTAINERS_MAX;
    if (!taken && !full) {
        c = tenon_new0(struct gateway_container);
        c->name = tenon_strdup(name);
        c->users = 2; /* the table, and this call */
        tenon_vec_push(&gw->containers, c);
    }
    pthread_mutex_unlock(&gw->lock);
    if (taken)
        gw->host->error->set(s->err, TENON_E_INVALID, 0, "container \"%s\" is there already", name);
    else if (full)
        gw->host->error->set(s->err, TENON_E_LIMIT, 0, "more than %d containers at a time",
                             GATEWAY_CONTAINERS_MAX);
    else
        c->scope = gw->host->ctx->scope_begin(gw->ctx);
    return c;
}

/* The table's part of it; false: it was not there. */
static bool
drop(struct gateway *gw, struct gateway_container *c)
{
    bool found = false;

    pthread_mutex_lock(&gw->lock);
    for (size_t i = 0; i < gw->containers.len && !found; i++) {
        found = gw->containers.items[i] == c;
        if (found)
            gw->containers.items[i] = gw->containers.items[--gw->containers.len];
    }
    pthread_mutex_unlock(&gw->lock);
    if (found)
        containers_leave(gw, c);
    return found;
}

void
containers_release(struct gateway *gw)
{
    while (gw->containers.len) /* nobody else uses it by now */
        drop(gw, gw->containers.items[0]);
    tenon_vec_release(&gw->containers);
}

const char *
containers_target(struct serving *s, const struct gateway_container *c, int64_t index)
{
    int64_t i = 0;

    while (index >= 0 && i < index && c->targets && c->targets[i])
        i++;
    if (index >= 0 && c->targets && c->targets[i])
        return c->targets[i];
    s->gw->host->error->set(s->err, TENON_E_INVALID, 0, "container \"%s\" has no mount %lld",
                            c->name, (long long)index);
    return NULL;
}

/* ---- how it is described ----------------------------------------------------- */

static int
set_owned(const struct tenon_host *h, struct tenon_node *m, const struct gw_secret_opt *o,
          struct tenon_error *err)
{
    if (!o)
        return TENON_OK;
    if (h->graph->node_set(m, "id", o->id, err) < 0 ||
        h->graph->node_set_int(m, "uid", o->uid, err) < 0 ||
        h->graph->node_set_int(m, "gid", o->gid, err) < 0 ||
        h->graph->node_set_int(m, "mode", o->mode, err) < 0)
        return h->error->code(err);
    return h->graph->node_set_int(m, "optional", o->optional, err);
}

static int
set_cache(const struct tenon_host *h, struct tenon_node *m, const struct gw_cache_opt *o,
          struct tenon_error *err)
{
    static const char *const sharing[] = {"shared", "private", "locked"};

    if (!o)
        return TENON_OK;
    if (o->sharing < 0 || (uint64_t)o->sharing >= tenon_countof(sharing))
        return h->error->set(err, TENON_E_INVALID, 0, "a cache is shared in way %lld",
                             (long long)o->sharing);
    if (h->graph->node_set(m, "cache_id", o->id, err) < 0)
        return h->error->code(err);
    return h->graph->node_set(m, "cache_sharing", sharing[o->sharing], err);
}

static int
set_kind(struct serving *s, struct tenon_node *n, const struct gw_mount *m)
{
    static const char *const types[] = {"bind", "secret", "ssh", "cache", "tmpfs"};
    const struct tenon_host *h = s->gw->host;

    if (m->type < 0 || (uint64_t)m->type >= tenon_countof(types))
        return h->error->set(s->err, TENON_E_INVALID, 0, "mount %s: of type %lld", m->dest,
                             (long long)m->type);
    if (h->graph->node_set(n, "type", types[m->type], s->err) < 0)
        return h->error->code(s->err);
    switch (m->type) {
    case 1:
        return set_owned(h, n, m->secret, s->err);
    case 2:
        return set_owned(h, n, m->ssh, s->err);
    case 3:
        return set_cache(h, n, m->cache, s->err);
    case 4:
        return h->graph->node_set_int(n, "tmpfs_size", m->tmpfs ? m->tmpfs->size : 0, s->err);
    default: /* what is written goes nowhere */
        return h->graph->node_set_int(n, "no_output", 1, s->err);
    }
}

static int
add_mount(struct serving *s, struct tenon_node *n, const struct gw_mount *m)
{
    const struct tenon_host *h = s->gw->host;
    struct tenon_ref *ref = *m->ref ? serving_find_ref(s, m->ref) : NULL;
    struct tenon_node *part = *m->ref && !ref ? NULL : h->graph->node_part(n, "mount", s->err);

    if (!part || h->graph->node_set(part, "dest", m->dest, s->err) < 0 ||
        set_kind(s, part, m) < 0 ||
        h->graph->node_set_int(part, "readonly", m->readonly, s->err) < 0)
        return h->error->code(s->err);
    if (*m->selector && h->graph->node_set(part, "selector", m->selector, s->err) < 0)
        return h->error->code(s->err);
    return ref ? h->graph->node_input_ref(part, "input", ref, s->err) : TENON_OK;
}

static int
add_host(struct serving *s, struct tenon_node *n, const struct gw_host *host)
{
    const struct tenon_host *h = s->gw->host;
    struct tenon_node *part = h->graph->node_part(n, "extrahost", s->err);

    if (!part || h->graph->node_set(part, "host", host->host, s->err) < 0)
        return h->error->code(s->err);
    return h->graph->node_set(part, "ip", host->ip, s->err);
}

static int
add_device(struct serving *s, struct tenon_node *n, const struct gw_device *device)
{
    const struct tenon_host *h = s->gw->host;
    struct tenon_node *part = h->graph->node_part(n, "device", s->err);

    if (!part || h->graph->node_set(part, "name", device->name, s->err) < 0)
        return h->error->code(s->err);
    return h->graph->node_set_int(part, "optional", device->optional, s->err);
}

static int
set_network(struct serving *s, struct tenon_node *n, int64_t network)
{
    static const char *const networks[] = {"sandbox", "host", "none"};

    if (network < 0 || (uint64_t)network >= tenon_countof(networks))
        return s->gw->host->error->set(s->err, TENON_E_INVALID, 0, "a container with network %lld",
                                       (long long)network);
    return s->gw->host->graph->node_set(n, "network", networks[network], s->err);
}

/* NULL: see s->err. */
static struct tenon_node *
describe(struct serving *s, const struct gw_new_container *request, char ***targets)
{
    const struct tenon_host *h = s->gw->host;
    const struct gw_mount *mounts = request->mounts.items;
    const struct gw_host *hosts = request->hosts.items;
    const struct gw_device *devices = request->devices.items;
    struct tenon_node *n = h->graph->node_new(s->gw->graph, "exec", s->err);

    if (!n || set_network(s, n, request->network) < 0 ||
        (*request->hostname && h->graph->node_set(n, "hostname", request->hostname, s->err) < 0))
        return NULL;
    for (size_t i = 0; i < request->mounts.len; i++) {
        if (add_mount(s, n, &mounts[i]) < 0)
            return NULL;
        tenon_strv_push(targets, tenon_strdup(mounts[i].dest));
    }
    for (size_t i = 0; i < request->hosts.len; i++) {
        if (add_host(s, n, &hosts[i]) < 0)
            return NULL;
    }
    for (size_t i = 0; i < request->devices.len; i++) {
        if (add_device(s, n, &devices[i]) < 0)
            return NULL;
    }
    return n;
}

/* ---- the methods --------------------------------------------------------------- */

static int
make(struct serving *s, const struct gw_new_container *request, struct gateway_container *c)
{
    struct gateway *gw = s->gw;
    struct tenon_node *n = describe(s, request, &c->targets);

    c->is_windows = request->platform && !strcmp(request->platform->os, "windows");
    if (!n)
        return gw->host->error->code(s->err);
    watch_also(&gw->watch, s->watched, c->scope);
    int rc = gw->bridge->container_new(c->scope, gw->graph, n, &c->container, s->err);
    watch_also(&gw->watch, s->watched, NULL);
    return rc;
}

void
containers_new(void *user, struct grpc_call *call)
{
    static const struct gw_none nothing;
    struct gw_new_container request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_new_container_message, &request))
        return;
    struct gateway_container *c = add(&s, request.id);
    if (c && make(&s, &request, c) == 0) {
        pthread_mutex_lock(&s.gw->lock);
        c->ready = true;
        pthread_mutex_unlock(&s.gw->lock);
        serving_answer(&s, &gw_none_message, &nothing);
    } else if (c) {
        drop(s.gw, c);
    }
    if (c)
        containers_leave(s.gw, c);
    serving_done(&s);
}

void
containers_release_one(void *user, struct grpc_call *call)
{
    static const struct gw_none nothing;
    struct gw_release_container request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_release_container_message, &request))
        return;
    struct gateway_container *c = containers_find(&s, request.id);
    if (c) {
        drop(s.gw, c);
        pthread_mutex_lock(&s.gw->lock);
        const bool runs = c->running > 0;
        pthread_mutex_unlock(&s.gw->lock);
        s.gw->bridge->container_release(c->container); /* its processes are told */
        containers_leave(s.gw, c);
        if (!runs)
            serving_answer(&s, &gw_none_message, &nothing);
        else /* the name is free, but it was more than a release */
            s.gw->host->error->set(s.err, TENON_E_CANCELLED, 0, "cancelled");
    }
    serving_done(&s);
}

/* common/llbbridge/serve.c - the methods of moby.buildkit.v1.frontend.LLBBridge. */
#include <string.h>
#include <time.h>

#include "attested.h"
#include "containers.h"
#include "failure.h"
#include "llbbridge.h"
#include "policies.h"
#include "reading.h"
#include "sourcemeta.h"
#include "tools/alloc.h"

/* ---- results, references in them --------------------------------------------- */

static const struct gw_ref *
make_ref(struct serving *s, struct tenon_ref *ref)
{
    struct gw_ref *r = tenon_arena_alloc(&s->arena, sizeof *r);

    return !ref || serving_put_ref(s, ref, r) ? r : NULL; /* scratch: no name */
}

/* One reference, or several by platform, as the program can have it. */
static bool
put_refs(struct serving *s, const struct tenon_result *from, bool by_ref, struct gw_result *out)
{
    const struct tenon_host *h = s->gw->host;
    const size_t count = h->result->count(from);
    struct gw_named_ref *named = tenon_arena_array(&s->arena, count + 1, sizeof *named);
    struct gw_pair *old = tenon_arena_array(&s->arena, count + 1, sizeof *old);

    for (size_t i = 0; i < count; i++) {
        const struct gw_ref *r = make_ref(s, h->result->ref(from, i));
        if (!r)
            return false;
        named[i] = (struct gw_named_ref){h->result->platform(from, i), r};
        old[i] = (struct gw_pair){named[i].key, r->id};
    }
    size_t len;
    if (count > 1 || h->result->get(from, "tenon.force-index", &len)) {
        struct gw_refs *refs = tenon_arena_alloc(&s->arena, sizeof *refs);
        struct gw_old_refs *old_refs = tenon_arena_alloc(&s->arena, sizeof *old_refs);
        refs->refs = (struct message_list){named, count};
        old_refs->refs = (struct message_list){old, count};
        out->refs = by_ref ? refs : NULL;
        out->old_refs = by_ref ? NULL : old_refs;
    } else if (count == 1) {
        out->ref = by_ref ? named[0].value : NULL;
        out->old_ref = by_ref ? NULL : old[0].value;
    }
    return true;
}

static void
put_metadata(struct serving *s, const struct tenon_result *from, struct gw_result *out)
{
    const struct tenon_host *h = s->gw->host;
    size_t count = 0, len;
    const char *key;

    while (h->result->key(from, count))
        count++;
    struct gw_blob *blobs = tenon_arena_array(&s->arena, count + 1, sizeof *blobs);
    count = 0;
    for (size_t i = 0; (key = h->result->key(from, i)) != NULL; i++) {
        const void *data = h->result->get(from, key, &len);
        if (!tenon_has_prefix(key, "tenon.")) /* between us */
            blobs[count++] = (struct gw_blob){key, {data, len}};
    }
    out->metadata = (struct message_list){blobs, count};
}

/* ---- Ping, Inputs -------------------------------------------------------- */

static struct message_list
caps(struct tenon_arena *a, const char *const *names, const char *const *more)
{
    size_t count = 0, more_count = 0;

    while (names[count])
        count++;
    while (more && more[more_count])
        more_count++;
    struct gw_cap *items = tenon_arena_array(a, count + more_count, sizeof *items);
    for (size_t i = 0; i < count + more_count; i++)
        items[i] = (struct gw_cap){i < count ? names[i] : more[i - count], true};
    count += more_count;
    return (struct message_list){items, count};
}

static void
ping(void *user, struct grpc_call *call)
{
    struct gw_none request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_none_message, &request))
        return;
    struct gw_platform platform = gateway_split_platform(&s.arena, s.gw->request->host_platform);
    const struct gw_worker worker = {.id = "tenon", .platforms = {&platform, 1}};
    const struct gw_pong pong = {
        .frontend_caps = caps(&s.arena, gateway_frontend_caps, NULL),
        .llb_caps = caps(&s.arena, gateway_llb_caps, s.gw->more_caps),
        .workers = {&worker, 1},
    };
    serving_answer(&s, &gw_pong_message, &pong);
    serving_done(&s);
}

static void
inputs(void *user, struct grpc_call *call)
{
    struct gw_none request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_none_message, &request))
        return;
    bool good = serving_gather(&s);
    const struct tenon_frontend_request *r = s.gw->request;
    struct gw_blob *blobs = tenon_arena_array(&s.arena, r->input_count + 1, sizeof *blobs);
    for (size_t i = 0; good && i < r->input_count; i++) {
        blobs[i].key = r->inputs[i].name;
        good = s.gw->bridge->definition(s.ctx, r->inputs[i].ref, &blobs[i].value.data,
                                        &blobs[i].value.len, s.err) == 0;
    }
    const struct gw_inputs all = {.definitions = {blobs, r->input_count}};
    if (good)
        serving_answer(&s, &gw_inputs_message, &all);
    serving_done(&s);
}

/* ---- Solve --------------------------------------------------------------- */

static const char *
frontend_plugin(const char *name)
{
    return strcmp(name, "gateway.v0") == 0      ? "gateway"
           : strcmp(name, "dockerfile.v0") == 0 ? "dockerfile" : NULL;
}

/* Options, and whose directories the sources are: what a frontend describes may be taken to a
 * build of another session.  What the frontend was told of it, and hands on, gives way. */
static const char *const *
with_session(struct serving *s, const char *const *options)
{
    static const char option[] = "local-sessionid=";
    size_t room = 2, count = 0;

    if (!s->gw->session)
        return options;
    for (const char *const *o = options; *o; o++)
        room++;
    const char **list = tenon_arena_array(&s->arena, room, sizeof *list);
    for (const char *const *o = options; *o; o++)
        if (!tenon_has_prefix(*o, option))
            list[count++] = *o;
    auto_free char *text = tenon_asprintf("%s%s", option, s->gw->session);
    list[count++] = tenon_arena_strdup(&s->arena, text);
    qsort(list, count, sizeof *list, tenon_by_text);
    return list;
}

static const struct tenon_named_ref *
load_inputs(struct serving *s, const struct message_list *blobs)
{
    const struct gw_blob *b = blobs->items;
    struct tenon_named_ref *list = tenon_arena_array(&s->arena, blobs->len + 1, sizeof *list);

    for (size_t i = 0; i < blobs->len; i++) {
        list[i].name = b[i].key;
        if (!b[i].value.len) {
            s->gw->host->error->set(s->err, TENON_E_INVALID, 0,
                                    "invalid nil input definition to definition op");
            return NULL;
        }
        if (s->gw->bridge->solve_definition(s->ctx, s->gw->graph, b[i].value.data,
                                            b[i].value.len, &list[i].ref, s->err) < 0)
            return NULL;
    }
    return list;
}

/* All references of a result, as the one of a definition. */
static int
evaluate_result(struct serving *s, const struct tenon_result *result)
{
    const struct tenon_host *h = s->gw->host;
    const size_t count = h->result->count(result);

    for (size_t i = 0; i < count; i++) {
        struct tenon_ref *ref = h->result->ref(result, i);
        if (ref && s->gw->bridge->evaluate(s->ctx, ref, s->err) < 0)
            return h->error->code(s->err);
    }
    return 0;
}

static struct tenon_result *
solve_frontend(struct serving *s, const struct gw_solve *request)
{
    const struct tenon_host *h = s->gw->host;
    const char *plugin = frontend_plugin(request->frontend);

    if (!plugin) {
        h->error->set(s->err, TENON_E_NOT_FOUND, 0, "no frontend is called \"%s\"",
                      request->frontend);
        return NULL;
    }
    if (request->options.len > GATEWAY_OPTIONS_MAX) {
        h->error->set(s->err, TENON_E_LIMIT, 0, "more than %d options", GATEWAY_OPTIONS_MAX);
        return NULL;
    }
    struct tenon_result *result = h->result->create(s->ctx);
    const struct tenon_frontend_call call = {
        .struct_size = sizeof call,
        .frontend = plugin,
        .options = with_session(s, gateway_join(&s->arena, &request->options)),
        .inputs = load_inputs(s, &request->inputs),
        .input_count = request->inputs.len,
    };
    if (!call.inputs ||
        s->gw->bridge->solve_frontend(s->ctx, s->gw->graph, &call, result, s->err) < 0 ||
        (request->evaluate && evaluate_result(s, result) < 0))
        return NULL;
    return result;
}

static struct tenon_result *
solve_definition(struct serving *s, const struct gw_solve *request)
{
    struct gateway *gw = s->gw;
    struct tenon_result *result = gw->host->result->create(s->ctx);
    struct tenon_ref *ref = NULL;

    /* An empty one is scratch. */
    if (request->definition.data &&
        gw->bridge->solve_definition_held(s->ctx, gw->graph, request->definition.data,
                                          request->definition.len,
                                          gateway_policies(&s->arena, &request->policies), &ref,
                                          s->err) < 0)
        return NULL;
    if (gw->host->result->add(result, gw->request->host_platform, ref, s->err) < 0 ||
        (request->evaluate && evaluate_result(s, result) < 0))
        return NULL;
    return result;
}

static void
evaluate(void *user, struct grpc_call *call)
{
    static const struct gw_none nothing;
    struct gw_evaluate request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_evaluate_message, &request))
        return;
    struct tenon_ref *ref = *request.ref ? serving_find_ref(&s, request.ref) : NULL;
    if (ref)
        s.gw->bridge->evaluate(s.ctx, ref, s.err);
    if (s.gw->host->error->code(s.err) == 0)
        serving_answer(&s, &gw_none_message, &nothing);
    serving_done(&s);
}

/* ---- sources ------------------------------------------------------------- */

static int
resolve(struct serving *s, const struct gw_resolve_meta *asked, struct tenon_source_meta *meta)
{
    struct tenon_source_query query = gateway_query(&s->arena, asked);

    query.policies = gateway_policies(&s->arena, &asked->policies);
    *meta = (struct tenon_source_meta){.struct_size = sizeof *meta};
    return s->gw->bridge->resolve_source_meta(s->ctx, s->gw->graph, &query, meta, s->err);
}

static const char *
without_scheme(const char *identifier)
{
    const char *rest = strstr(identifier, "://");
    return rest ? rest + strlen("://") : identifier;
}

static void
resolve_source_meta(void *user, struct grpc_call *call)
{
    struct gw_resolve_meta request = {0};
    struct tenon_source_meta meta;
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_resolve_meta_message, &request))
        return;
    if (!request.source) {
        s.gw->host->error->set(s.err, TENON_E_INVALID, 0, "no source to resolve");
    } else if (resolve(&s, &request, &meta) == 0) {
        serving_answer(&s, &gw_meta_message, gateway_meta(&s.arena, &request, &meta));
    }
    serving_done(&s);
}

static void
resolve_image_config(void *user, struct grpc_call *call)
{
    struct gw_resolve_config request = {0};
    struct tenon_source_meta meta;
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_resolve_config_message, &request))
        return;
    auto_free char *identifier = tenon_asprintf("docker-image://%s", request.ref);
    const struct gw_source source = {.identifier = identifier};
    const struct gw_resolve_meta asked = {
        .source = &source, .platform = request.platform, .log_name = request.log_name,
        .mode = request.mode, .policies = request.policies,
    };
    if (resolve(&s, &asked, &meta) == 0) {
        const struct gw_config out = {meta.digest, {meta.config, meta.config_len},
                                      without_scheme(meta.source)};
        serving_answer(&s, &gw_config_message, &out);
    }
    serving_done(&s);
}

/* ---- Warn, Return -------------------------------------------------------- */

static uint32_t
line_number(const struct gw_position *p)
{
    return p && p->line > 0 && p->line <= UINT32_MAX ? (uint32_t)p->line : 0;
}

/* Ranges as lines; one that follows another is part of it.  Those without a place are left out. */
static struct message_list
lines_of(struct serving *s, const struct message_list *ranges)
{
    const struct gw_place *places = ranges->items;
    struct tenon_lines *out = tenon_arena_array(&s->arena, ranges->len + 1, sizeof *out);
    size_t count = 0;

    for (size_t i = 0; i < ranges->len; i++) {
        const struct tenon_lines r = {line_number(places[i].start), line_number(places[i].end)};
        struct tenon_lines *last = count ? &out[count - 1] : NULL;
        if (last && last->end_line && r.line == last->end_line + 1 && r.end_line >= r.line)
            last->end_line = r.end_line;
        else if (r.line)
            out[count++] = r;
    }
    return (struct message_list){out, count};
}

static void
warn(void *user, struct grpc_call *call)
{
    static const struct gw_none nothing;
    struct gw_warn request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_warn_message, &request))
        return;
    const char *const *texts = request.detail.items;
    const char **detail = tenon_arena_array(&s.arena, request.detail.len + 1, sizeof *detail);
    for (size_t i = 0; i < request.detail.len; i++)
        detail[i] = texts[i];
    const struct gw_source_info *info = request.info;
    if (info)
        s.gw->host->graph->source(s.gw->graph, info->filename, info->language, info->data.data,
                                  info->data.len);
    const struct message_list list = lines_of(&s, &request.ranges);
    const struct tenon_lines *lines = list.items;
    const struct tenon_warning w = {
        .struct_size = sizeof w,
        .level = request.level > 0 && request.level < UINT32_MAX ? (uint32_t)request.level : 0,
        .digest = *request.digest ? request.digest : NULL,
        .summary = request.text,
        .detail = detail,
        .url = *request.url ? request.url : NULL,
        .filename = info ? info->filename : NULL,
        .line = list.len ? lines[0].line : 0,
        .end_line = list.len ? lines[0].end_line : 0,
        .more = list.len ? lines + 1 : NULL,
        .more_count = list.len ? list.len - 1 : 0,
    };
    s.gw->bridge->warn(s.ctx, s.gw->graph, &w);
    serving_answer(&s, &gw_none_message, &nothing);
    serving_done(&s);
}

/* What has no platform is of the one that the build is for. */
static int
take_ref(struct serving *s, const char *platform, const char *name)
{
    struct tenon_ref *ref = *name ? serving_find_ref(s, name) : NULL;

    if (*name && !ref)
        return s->gw->host->error->code(s->err);
    return s->gw->host->result->add(s->gw->result, platform, ref, s->err);
}

static const struct gw_pair *
find_pair(const struct gw_pair *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].key, key) == 0)
            return &pairs[i];
    }
    return NULL;
}

/* "KEY/ID" under the platform's name, too. */
static int
name_metadata(struct serving *s, const struct message_list *metadata,
              const struct gateway_platform *p)
{
    const struct gw_blob *blobs = metadata->items;
    const size_t id = strlen(p->id);

    for (size_t i = 0; strcmp(p->id, p->name) != 0 && i < metadata->len; i++) {
        const size_t len = strlen(blobs[i].key);
        if (len <= id || blobs[i].key[len - id - 1] != '/' ||
            strcmp(blobs[i].key + len - id, p->id) != 0)
            continue;
        auto_free char *key = tenon_asprintf("%.*s%s", (int)(len - id), blobs[i].key, p->name);
        if (s->gw->host->result->set(s->gw->result, key, blobs[i].value.data, blobs[i].value.len,
                                     s->err) < 0)
            return s->gw->host->error->code(s->err);
    }
    return 0;
}

/* References by what the program calls their platforms: an index, even of one. */
static int
take_map(struct serving *s, const struct gw_pair *pairs, size_t count,
         const struct gateway_platforms *p, const struct message_list *metadata)
{
    const struct tenon_host *h = s->gw->host;

    if (count > GATEWAY_PLATFORMS_MAX)
        return h->error->set(s->err, TENON_E_LIMIT, 0, "a result of more than %d platforms",
                             GATEWAY_PLATFORMS_MAX);
    if (!count && !p->items)
        return take_ref(s, s->gw->request->host_platform, "");
    if (p->items && p->count != count)
        return h->error->set(s->err, TENON_E_INVALID, 0, "%zu platforms, but %zu references",
                             p->count, count);
    int rc = count ? h->result->set(s->gw->result, "tenon.force-index", "1", 1, s->err) : 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct gateway_platform *as = p->items ? &p->items[i] : NULL;
        const struct gw_pair *pair = as ? find_pair(pairs, count, as->id) : &pairs[i];
        if (!pair)
            return h->error->set(s->err, TENON_E_INVALID, 0, "no reference for platform %s",
                                 as->id);
        rc = take_ref(s, as ? as->name : pair->key, pair->value);
        if (rc == 0 && as)
            rc = name_metadata(s, metadata, as);
    }
    return rc;
}

static int
take_refs(struct serving *s, const struct gw_result *r, const struct gateway_platforms *p)
{
    auto_free char *own = p->count == 1 ? tenon_strdup(p->items[0].name)
                                        : gateway_only_platform(s->gw, r);
    if (r->refs) {
        const struct gw_named_ref *named = r->refs->refs.items;
        const size_t count = r->refs->refs.len;
        struct gw_pair *pairs = tenon_arena_array(&s->arena, count + 1, sizeof *pairs);
        for (size_t i = 0; i < count; i++)
            pairs[i] = (struct gw_pair){named[i].key, named[i].value ? named[i].value->id : ""};
        return take_map(s, pairs, count, p, &r->metadata);
    }
    if (r->old_refs)
        return take_map(s, r->old_refs->refs.items, r->old_refs->refs.len, p, &r->metadata);
    return take_ref(s, own, r->ref ? r->ref->id : r->old_ref);
}

static int
take_result(struct serving *s, const struct gw_result *r)
{
    struct gateway_platforms p;

    const char *fault = gateway_platforms(&s->arena, &r->metadata, &p);
    if (fault)
        return s->gw->host->error->set(s->err, TENON_E_INVALID, 0, "%s", fault);
    int rc = gateway_take_metadata(s->gw, r, s->err);
    if (rc == 0)
        rc = take_refs(s, r, &p);
    return rc < 0 ? rc : attested_take(s, &r->attestations, &p);
}

/* The result, or why there is none: who made the request says it again, to whoever waits. */
static void
keep_result(struct serving *s, const struct gw_result *r)
{
    const struct tenon_host *h = s->gw->host;
    const int rc = r ? take_result(s, r) : h->error->set(s->err, TENON_E_INVALID, 0, "no result");

    if (rc < 0)
        s->gw->refused = tenon_strdup(h->error->text(s->err));
}

/* A program has one result. */
static bool
begin_return(struct serving *s)
{
    struct gateway *gw = s->gw;

    pthread_mutex_lock(&gw->lock);
    const bool first = !gw->returned;
    gw->returned = true;
    pthread_cond_broadcast(&gw->changed);
    pthread_mutex_unlock(&gw->lock);
    if (!first)
        gw->host->error->set(s->err, TENON_E_INVALID, 0, "the frontend has returned already");
    return first;
}

static void
return_result(void *user, struct grpc_call *call)
{
    static const struct gw_none nothing;
    struct gw_return request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_return_message, &request))
        return;
    struct gateway *gw = s.gw;
    const bool first = begin_return(&s);
    if (first && request.error && request.error->code != GRPC_OK)
        gw->failure = s.request; /* main's, once all calls are over */
    else if (first)
        keep_result(&s, request.result);
    if (gw->host->error->code(s.err) == 0)
        serving_answer(&s, &gw_none_message, &nothing);
    if (first && gw->failure.data == s.request.data)
        s.request = (struct tenon_buf)TENON_BUF_INIT;
    serving_done(&s);
    if (first && gw->conn)
        grpc_conn_shutdown(gw->conn); /* nothing is to be asked after that */
}

/* ---- Solve --------------------------------------------------------------- */

static bool
check_solve(struct serving *s, const struct gw_solve *request)
{
    return gateway_import(s->gw, s->ctx, &request->imports, s->err) == 0;
}

/* The last solve of a program of 2018 is its Return: what it made, with other metadata. */
static bool
take_final(struct serving *s, const struct gw_solve *request, const struct gw_result *made)
{
    struct gw_result r = *made;

    if (!gateway_final_metadata(&s->arena, &request->exporter_attr, &r.metadata))
        return s->gw->host->error->set(s->err, TENON_E_INVALID, 0, "ExporterAttr is malformed") ==
               0;
    if (!begin_return(s))
        return false;
    keep_result(s, &r);
    return !s->gw->refused;
}

static void
solve(void *user, struct grpc_call *call)
{
    struct gw_solve request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_solve_message, &request))
        return;
    struct tenon_result *result = NULL;
    if (check_solve(&s, &request))
        result = *request.frontend ? solve_frontend(&s, &request) : solve_definition(&s, &request);
    struct gw_result out = {0};
    if (result && serving_gather(&s) && put_refs(&s, result, request.allow_refs, &out) &&
        attested_put(&s, result, &out.attestations) &&
        (!request.final || take_final(&s, &request, &out))) {
        put_metadata(&s, result, &out);
        const struct gw_solved solved = {
            .ref = request.allow_result ? NULL : out.ref ? out.ref->id : out.old_ref,
            .result = request.allow_result ? &out : NULL,
        };
        serving_answer(&s, &gw_solved_message, &solved);
    }
    serving_done(&s);
}

/* Of gRPC, for any service: it is there. */
static void
health(void *user, struct grpc_call *call)
{
    static const struct gw_health serving = {1};
    struct gw_none request = {0};
    struct serving s;

    if (!serving_begin(&s, user, call, &gw_none_message, &request))
        return;
    serving_answer(&s, &gw_health_message, &serving);
    serving_done(&s);
}

#define METHOD(name, run) {"/moby.buildkit.v1.frontend.LLBBridge/" name, run}
static const struct grpc_method methods[] = {
    METHOD("Ping", ping),
    METHOD("Inputs", inputs),
    METHOD("Solve", solve),
    METHOD("Evaluate", evaluate),
    METHOD("ReadFile", reading_file),
    METHOD("ReadDir", reading_dir),
    METHOD("StatFile", reading_stat),
    METHOD("ResolveSourceMeta", resolve_source_meta),
    METHOD("ResolveImageConfig", resolve_image_config),
    METHOD("Warn", warn),
    METHOD("Return", return_result),
    {"/grpc.health.v1.Health/Check", health},
    METHOD("NewContainer", containers_new),
    METHOD("ReleaseContainer", containers_release_one),
    METHOD("ExecProcess", containers_exec),
    METHOD("ReadFileContainer", reading_file_container),
    METHOD("ReadDirContainer", reading_dir_container),
    METHOD("StatFileContainer", reading_stat_container),
};

const struct grpc_method *
gateway_methods(size_t *count)
{
    *count = tenon_countof(methods);
    return methods;
}

void
gateway_open(struct gateway *gw)
{
    pthread_condattr_t clock;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&gw->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&gw->lock, NULL);
    gw->bridge->keep_failures(gw->ctx, gw->graph);
}

void
gateway_release(struct gateway *gw)
{
    failure_release(gw);
    tenon_vec_release(&gw->refs);
    tenon_buf_release(&gw->failure);
    free(gw->refused);
    pthread_mutex_destroy(&gw->lock);
    pthread_cond_destroy(&gw->changed);
}

void
gateway_serve(struct gateway *gw)
{
    grpc_serve(gw->conn, methods, tenon_countof(methods), gw);
}

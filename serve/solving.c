/* serve/solving.c - a request becomes a build with an engine and a store of its own, and its end an
 * answer. */
#include "solving.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "answertext.h"
#include "attests.h"
#include "base/io.h"
#include "base/log.h"
#include "clientpolicy.h"
#include "clientsession.h"
#include "discreet.h"
#include "drive.h"
#include "engine/attestation.h"
#include "engine/build.h"
#include "engine/host.h"
#include "granted.h"
#include "optionnames.h"
#include "policysession.h"
#include "recorder.h"
#include "sessionexports.h"
#include "store/store.h"
#include "tools/comma.h"
#include "tools/parse.h"

enum {
    REF_MAX = 256,       /* bytes of a build's name */
    EXPORTERS_MAX = 32,
    CACHES_MAX = 64,
    OPTIONS_MAX = 1000,
    DEFINITION_MAX = 16 << 20,
};

struct solving {
    struct server *server;
    struct grpc_call *call;
    const struct ctl_solve *request;
    struct servejob *job;
    struct clientsession *session;
    struct tenon_engine engine;
    struct tenon_build *build;
    struct tenon_build_request *wanted; /* of it, while it is driven */
    struct message_list chosen; /* exporters, by the client; in the recorder's memory */
    char **options, **entitlements;
    struct tenon_policy *policy; /* NULL: none */
    const struct tenon_policy **policies; /* the server's, and that */
    struct policysession *verifier; /* NULL: nobody is asked */
    char **metadata; /* of the result, that exporters were told */
    TENON_VEC(struct tenon_export) exports, cache_from, cache_to;
    struct tenon_attests attests;
    bool inline_cache;
    char *build_id, *client;
    struct recorder *recorder; /* NULL: not begun */
    struct ctl_record record;  /* of what came out, in the recorder's memory */
};

/* ---- what is asked for --------------------------------------------------- */

/* What we would have to leave out, and the client would not know.  NULL: nothing. */
static const char *
not_there_yet(const struct ctl_solve *r)
{
    return r->proxy_network ? "networks with a proxy" : NULL;
}

static bool
has_long_list(const struct message_list *typed)
{
    const struct ctl_typed *t = typed->items;

    for (size_t i = 0; i < typed->len; i++)
        if (t[i].attrs.len > OPTIONS_MAX)
            return true;
    return false;
}

static bool
has_long_attrs(const struct ctl_solve *r)
{
    return has_long_list(&r->exporters) ||
           (r->cache && (has_long_list(&r->cache->exports) || has_long_list(&r->cache->imports)));
}

/* GRPC_OK, or what the client is told. */
static int
check(const struct ctl_solve *r, char **why)
{
    const char *missing = not_there_yet(r);

    if (missing) {
        *why = tenon_asprintf("%s are not there yet", missing);
        return GRPC_UNIMPLEMENTED;
    }
    if (*r->frontend && !drive_plugin(r->frontend)) {
        *why = tenon_asprintf("no frontend is called \"%s\"", r->frontend);
        return GRPC_NOT_FOUND;
    }
    if (r->exporters.len > EXPORTERS_MAX || r->options.len > OPTIONS_MAX ||
        r->inputs.len > OPTIONS_MAX || r->entitlements.len > OPTIONS_MAX ||
        r->definition.len > DEFINITION_MAX)
        *why = tenon_asprintf("more than %d exporters, %d options, inputs or entitlements, or %d "
                              "MiB of a definition", EXPORTERS_MAX, OPTIONS_MAX,
                              DEFINITION_MAX >> 20);
    else if (has_long_attrs(r))
        *why = tenon_asprintf("more than %d attributes of an exporter or a cache", OPTIONS_MAX);
    else if (r->cache && (r->cache->exports.len > CACHES_MAX || r->cache->imports.len > CACHES_MAX))
        *why = tenon_asprintf("more than %d caches", CACHES_MAX);
    return *why ? GRPC_RESOURCE_EXHAUSTED : GRPC_OK;
}

static char **
join(const struct message_list *pairs)
{
    const struct ctl_pair *p = pairs->items;
    char **list = NULL;

    for (size_t i = 0; i < pairs->len; i++)
        tenon_strv_push(&list, tenon_asprintf("%s=%s", p[i].key, p[i].value));
    if (pairs->len)
        qsort(list, pairs->len, sizeof *list, tenon_by_text);
    return list;
}

/* And, for frontends, whose directories their sources are: what they describe may be taken to a
 * build of another session.  What the client says of it is not asked, but of single directories. */
static char **
join_options(const struct ctl_solve *r)
{
    static const char option[] = "local-sessionid=";
    char **list = join(&r->options);
    size_t count = 0;

    if (!*r->frontend || !*r->session)
        return list;
    for (char **from = list; from && *from; from++)
        if (tenon_has_prefix(*from, option))
            free(*from);
        else
            list[count++] = *from;
    if (list)
        list[count] = NULL;
    tenon_strv_push(&list, tenon_asprintf("%s%s", option, r->session));
    count++;
    qsort(list, count, sizeof *list, tenon_by_text);
    return list;
}

static bool
says_no_tar(const struct message_list *attrs)
{
    const struct ctl_pair *p = attrs->items;
    bool tar = true;

    for (size_t i = 0; i < attrs->len; i++)
        if (!strcmp(p[i].key, "tar"))
            tenon_parse_bool(p[i].value, &tar);
    return !tar;
}

/* The option of Dockerfiles is one of results, too, whatever makes them. */
static void
add_epoch(const struct message_list *options, struct tenon_export *x)
{
    static const char option[] = "build-arg:SOURCE_DATE_EPOCH", attr[] = "source-date-epoch=";
    const struct ctl_pair *p = options->items;
    int64_t seconds;

    for (char *const *own = x->pairs; own && *own; own++)
        if (tenon_has_prefix(*own, attr))
            return;
    for (size_t i = 0; i < options->len; i++) /* a word is for the frontend: "context" */
        if (!strcmp(p[i].key, option) && tenon_parse_i64(p[i].value, &seconds))
            tenon_strv_push(&x->pairs, tenon_asprintf("%s%s", attr, p[i].value));
}

/* Exporters that write files have a place: the stream that the client has for them, or its content
 * store, of which it has one. */
static int
add_export(struct solving *v, const struct ctl_typed *asked, size_t number,
           struct tenon_error *err)
{
    struct tenon_export x = {tenon_strdup(asked->type), join(&asked->attrs)};
    const struct tenon_plugin *plugin;
    auto_strv char **others = NULL;

    int rc = tenon_plugins_peek(v->engine.plugins, TENON_KIND_EXPORTER, asked->type, &plugin, err);
    if (rc == 0)
        others = optionnames_split(plugin, &x.pairs);
    for (char **p = others; p && *p && (plugin->ops.exporter->flags & TENON_EXPORTER_IMAGE); p++)
        tenon_strv_push(&v->metadata, tenon_strdup(*p));
    if (rc == 0 && (plugin->ops.exporter->flags & (TENON_EXPORTER_FILE | TENON_EXPORTER_DIR))) {
        const bool tells = plugin->ops.exporter->flags & TENON_EXPORTER_IMAGE;
        auto_free char *place = says_no_tar(&asked->attrs) ? clientsession_store_place("export")
                                                           : clientsession_place(number, tells);
        tenon_strv_push(&x.pairs, tenon_asprintf("dest=%s", place));
    }
    add_epoch(&v->request->options, &x);
    tenon_vec_push(&v->exports, x);
    return rc;
}

static int
add_exports(struct solving *v, struct tenon_error *err)
{
    const struct ctl_solve *r = v->request;
    const struct ctl_typed *asked = r->exporters.items;

    for (size_t i = 0; i < r->exporters.len; i++)
        if (add_export(v, &asked[i], i, err) < 0)
            return err->code;
    return TENON_OK;
}

/* Caches in a directory are the client's: it is not ours that has the path, but its content store
 * that is named after it. */
static void
to_client(struct tenon_export *x, const char *key)
{
    const size_t len = strlen(key);

    for (char **p = x->pairs; p && *p; p++)
        if (!strncmp(*p, key, len) && (*p)[len] == '=') {
            auto_free char *store = tenon_asprintf("local:%s", *p + len + 1);
            auto_free char *place = clientsession_store_place(store);
            free(*p);
            *p = tenon_asprintf("%s=%s", key, place);
        }
}

/* That what nothing needs goes from a directory is the client's to do, which it was told, too. */
static void
drop_reset(struct tenon_export *x)
{
    char **all = tenon_steal(&x->pairs);

    for (char **p = all; p && *p; p++)
        if (tenon_has_prefix(*p, "reset="))
            free(*p);
        else
            tenon_strv_push(&x->pairs, *p);
    free(all);
}

static void
add_caches(struct solving *v)
{
    const struct ctl_cache none = {0}, *cache = v->request->cache ? v->request->cache : &none;
    const struct ctl_typed *from = cache->imports.items, *to = cache->exports.items;

    for (size_t i = 0; i < cache->imports.len + cache->exports.len; i++) {
        const bool imports = i < cache->imports.len;
        const struct ctl_typed *asked = imports ? &from[i] : &to[i - cache->imports.len];
        if (!imports && !strcmp(asked->type, "inline")) {
            v->inline_cache = true;
            continue;
        }
        struct tenon_export x = {tenon_strdup(asked->type), join(&asked->attrs)};
        if (!strcmp(asked->type, "local"))
            to_client(&x, imports ? "src" : "dest");
        if (!imports && !strcmp(asked->type, "local"))
            drop_reset(&x);
        if (imports)
            tenon_vec_push(&v->cache_from, x);
        else
            tenon_vec_push(&v->cache_to, x);
    }
}

/* ---- the answer ---------------------------------------------------------- */

static struct ctl_solved
reply_of(const struct solving *v, struct tenon_arena *arena)
{
    const struct tenon_result *result = tenon_build_result(v->build);
    struct ctl_pair *pairs = tenon_arena_array(arena, result->responses.len + 1, sizeof *pairs);
    struct ctl_solved reply = {{pairs, 0}};

    tenon_vec_foreach(r, &result->responses)
        pairs[reply.response.len++] = (struct ctl_pair){r->key, answertext(arena, r)};
    return reply;
}

static void
answer(struct grpc_call *call, const struct tenon_buf *reply)
{
    static const struct grpc_status ok = {0};

    grpc_call_send(call, tenon_buf_str(reply), reply->len);
    grpc_call_finish(call, &ok);
}

/* ---- its record ---------------------------------------------------------- */

/* What was asked for. */
static struct ctl_record
describe(const struct solving *v, struct tenon_arena *a)
{
    const struct ctl_solve *r = v->request;
    const struct message_list *lists[] = {&r->exporters, &v->chosen};
    struct ctl_typed *kept =
        tenon_arena_array(a, r->exporters.len + v->chosen.len + 1, sizeof *kept);
    size_t count = 0;

    for (size_t n = 0; n < tenon_countof(lists); n++) {
        const struct ctl_typed *x = lists[n]->items;
        for (size_t i = 0; i < lists[n]->len; i++)
            kept[count++] = (struct ctl_typed){x[i].type, discreet_pairs(a, x[i].attrs)};
    }
    return (struct ctl_record){
        .ref = r->ref, .frontend = r->frontend, .options = discreet_pairs(a, r->options),
        .exporters = {kept, count}, .created = &v->job->created,
        .build_id = v->build_id,
    };
}

/* What the client asks about us, before it builds, is no build. */
static void
show(const struct solving *v)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    const struct ctl_record record = describe(v, &arena);

    if (!v->request->is_internal)
        servejob_show(v->job, &record);
}

/* Each has one, as with BuildKit's daemon; a build that says something of the kind itself has
 * that. */
static void
attest(struct tenon_build *b)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    char mode[] = "mode=max", *pairs[] = {mode, NULL}, name[] = "provenance";
    const struct tenon_attest provenance = {TENON_KIND_ATTESTER, name, pairs};

    tenon_vec_foreach(x, &tenon_build_result(b)->attestations)
        if (tenon_has_prefix(x->a.predicate_type ? x->a.predicate_type : "", TENON_SLSA_PREFIX))
            return;
    if (tenon_build_attest(b, &provenance, &ignored) < 0)
        tenon_log(TENON_LOG_DEBUG, "no provenance in a record: %s", ignored.message);
}

/* Others, which write files, leave the answers of those before them. */
static int
note_exported(void *data, const struct tenon_export *x, const struct tenon_result *result,
              struct tenon_error *err)
{
    struct solving *v = data;
    const struct tenon_plugin *plugin;

    if (tenon_plugins_peek(v->engine.plugins, TENON_KIND_EXPORTER, x->type, &plugin, err) < 0)
        return err->code;
    if (v->recorder && (plugin->ops.exporter->flags & TENON_EXPORTER_IMAGE))
        recorder_exported(v->recorder, &v->record, (size_t)(x - v->exports.items), &v->engine,
                          result);
    return TENON_OK;
}

/* What came out, while the build can be asked. */
static void
look_back(void *data, struct tenon_build *b)
{
    struct solving *v = data;

    if (!v->recorder)
        return;
    attest(b);
    recorder_outcome(v->recorder, &v->record, &v->engine, tenon_build_result(b));
}

/* False: there is none. */
static bool
keep(struct solving *v, const struct tenon_error *end)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (v->request->is_internal || !v->engine.store)
        return false;
    if (!v->recorder)
        v->recorder = recorder_new(v->engine.store, v->request->ref);
    struct ctl_record record = describe(v, recorder_arena(v->recorder));
    record.response = v->record.response;
    record.outcome = v->record.outcome;
    record.outcomes = v->record.outcomes;
    if (end->code)
        recorder_failed(v->recorder, &record, end, v->build);
    recorder_finish(v->recorder, &record, &err);
    if (err.code)
        tenon_log(TENON_LOG_WARNING, "a build has no record: %s", err.message);
    return !err.code;
}

/* ---- the build ----------------------------------------------------------- */

static int
add_policy(struct solving *v, struct tenon_error *err)
{
    struct tenon_engine *e = &v->engine;

    if (clientpolicy_take(&v->request->policy, &v->policy, err) < 0 || !v->policy)
        return err->code;
    v->policies = tenon_calloc(e->policy_count + 1, sizeof *v->policies);
    for (size_t i = 0; i < e->policy_count; i++)
        v->policies[i] = e->policies[i];
    v->policies[e->policy_count++] = v->policy;
    e->policies = v->policies;
    return TENON_OK;
}

static int
add_verifier(struct solving *v, struct tenon_error *err)
{
    const char *id = v->request->policy_session;

    if (!*id)
        return TENON_OK;
    v->verifier = policysession_new(v->server, id, &v->engine, &v->job->asked, err);
    if (!v->verifier)
        return err->code;
    v->engine.judge = policysession_judge(v->verifier);
    return TENON_OK;
}

static int
prepare(struct solving *v, struct tenon_error *err)
{
    const struct serve_setup *setup = v->server->setup;

    if (setup->open_store(setup->data, &v->engine.store, err) < 0)
        return err->code;
    v->session = clientsession_new(v->server, v->request->session, v->engine.store,
                                   &v->job->asked, err);
    if (!v->session)
        return err->code;
    v->build_id = tenon_asprintf("%llx-%lx", (unsigned long long)tenon_now_ns(), (long)getpid());
    v->engine.build_id = v->build_id;
    v->client = server_peer(v->call);
    v->engine.client = v->client;
    v->engine.producers = v->server->producers;
    v->engine.session = clientsession_vtable(v->session);
    v->engine.cancel = v->job->cancel;
    v->options = join_options(v->request);
    const char *const *words = v->request->entitlements.items;
    for (size_t i = 0; i < v->request->entitlements.len; i++)
        tenon_strv_push(&v->entitlements, tenon_strdup(words[i]));
    v->engine.entitlements = (const char *const *)v->entitlements;
    add_caches(v);
    return granted_check(&v->request->entitlements, setup->entitlements, err) < 0 ||
                   add_policy(v, err) < 0 || add_verifier(v, err) < 0 || add_exports(v, err) < 0 ||
                   attests_take(&v->request->options, v->engine.plugins, &v->attests, err) < 0
               ? err->code : TENON_OK;
}

/* Exporters that the client chooses by what came out are as if they had been in its request. */
static int
take_exporters(struct solving *v, const struct ses_found *found, struct tenon_error *err)
{
    const struct ctl_typed *asked = found->exporters.items;
    const size_t before = v->exports.len;

    if (found->exporters.len + v->exports.len > EXPORTERS_MAX || has_long_list(&found->exporters))
        return tenon_error_set(err, TENON_E_LIMIT, "more than %d exporters, or %d attributes "
                               "of one", EXPORTERS_MAX, OPTIONS_MAX);
    if (v->recorder)
        v->chosen = found->exporters;
    for (size_t i = 0; i < found->exporters.len && !err->code; i++)
        add_export(v, &asked[i], v->exports.len, err);
    v->wanted->exports = v->exports.items; /* they have moved, even where one is refused */
    v->wanted->export_count = v->exports.len;
    return err->code ? err->code : tenon_build_check_exports(v->build, v->wanted, before, err);
}

static int
find_exporters(void *data, struct gateway *gw, struct tenon_error *err)
{
    struct solving *v = data;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct tenon_arena *kept = v->recorder ? recorder_arena(v->recorder) : &arena;
    const struct tenon_result *r = gw->result;
    struct ctl_blob *metadata = tenon_arena_array(&arena, r->meta.len + 1, sizeof *metadata);
    const char **refs = tenon_arena_array(&arena, r->platforms.len + 1, sizeof *refs);
    struct ses_find what = {{metadata, 0}, {refs, 0}};
    struct ses_found found = {0};
    char name[GATEWAY_NAME_MAX];

    tenon_vec_foreach(meta, &r->meta)
        metadata[what.metadata.len++] = (struct ctl_blob){meta->key, {meta->data, meta->len}};
    tenon_vec_foreach(p, &r->platforms)
        if (p->ref && gateway_name_ref(gw, p->ref, name))
            refs[what.refs.len++] = tenon_arena_strdup(&arena, name);
    return sessionexports_find(&v->job->asked, clientsession_tunnel(v->session), &what, kept,
                               &found, err) < 0 ? err->code : take_exporters(v, &found, err);
}

/* What was written goes to the client, and it is told. */
static int
hand_over(struct solving *v, struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;

    if (clientsession_finish(v->session, err) < 0 || !v->request->session_exporter)
        return err->code;
    const struct ctl_solved reply = reply_of(v, &arena);
    return sessionexports_finalize(&v->job->asked, clientsession_tunnel(v->session), &reply, err);
}

static int
run(struct solving *v, struct tenon_error *err)
{
    struct drive drive = {v->job, v->request, &v->metadata,
                          v->request->session_exporter ? find_exporters : NULL, v};
    struct tenon_build_request request = {
        .frontend = *v->request->frontend ? drive_plugin(v->request->frontend) : NULL,
        .driver = &drive_ops,
        .driver_self = &drive,
        .options = (const char *const *)v->options,
        .exports = v->exports.items,
        .export_count = v->exports.len,
        .cache_from = v->cache_from.items,
        .cache_from_count = v->cache_from.len,
        .cache_to = v->cache_to.items,
        .cache_to_count = v->cache_to.len,
        .attests = v->attests.list,
        .attest_count = v->attests.count,
        .inline_cache = v->inline_cache,
        .compatibility = v->request->compatibility,
        .exported = note_exported,
        .exported_data = v,
        .look_back = look_back,
        .look_back_data = v,
    };

    v->engine.events = tenon_events_new(statuslog_event, statuslog_tick, &v->job->status);
    if (!v->engine.events)
        return tenon_error_sys(err, "start a thread for what happens in the build");
    if (!v->request->is_internal) {
        v->recorder = recorder_new(v->engine.store, v->request->ref);
        tenon_events_keep(v->engine.events, recorder_event, v->recorder);
    }
    v->wanted = &request;
    v->build = tenon_build_new(&v->engine);
    v->job->status.messages.build = v->build;
    clientsession_tell(v->session, tenon_build_result(v->build));
    if (tenon_build_check(v->build, &request, err) == 0 &&
        tenon_build_run(v->build, &request, err) == 0)
        hand_over(v, err);
    tenon_events_free(v->engine.events); /* all of it is in the log now */
    v->engine.events = NULL;
    v->job->status.messages.build = NULL;
    v->wanted = NULL;
    return err->code;
}

static void
release(struct solving *v)
{
    const struct serve_setup *setup = v->server->setup;
    const bool is_new = v->engine.store && tenon_store_has_unsure(v->engine.store);

    recorder_free(v->recorder);
    tenon_build_free(v->build);
    if (v->build) { /* what killed builds left */
        tenon_store_sweep(v->engine.store);
        tenon_store_trim(v->engine.store);
    }
    tenon_engine_release(&v->engine);
    clientsession_free(v->session);
    policysession_free(v->verifier);
    tenon_store_close(v->engine.store);
    if (is_new && setup->after_build)
        setup->after_build(setup->data);
    tenon_vec_foreach(x, &v->exports) {
        free(x->type);
        tenon_strv_free(x->pairs);
    }
    tenon_vec_foreach(x, &v->cache_from) {
        free(x->type);
        tenon_strv_free(x->pairs);
    }
    tenon_vec_foreach(x, &v->cache_to) {
        free(x->type);
        tenon_strv_free(x->pairs);
    }
    tenon_vec_release(&v->exports);
    tenon_vec_release(&v->cache_from);
    tenon_vec_release(&v->cache_to);
    tenon_attests_release(&v->attests);
    tenon_strv_free(v->options);
    tenon_strv_free(v->entitlements);
    tenon_strv_free(v->metadata);
    free(v->policies);
    tenon_policy_free(v->policy);
    free(v->build_id);
    free(v->client);
}

/* ---- a client that gives up ---------------------------------------------- */

struct lookout {
    struct servejob *job;
    int over_fd, stop_fd;
    pthread_t thread;
};

static void *
look_out(void *data)
{
    const struct lookout *l = data;
    struct pollfd p[] = {{.fd = l->stop_fd, .events = POLLIN},
                         {.fd = l->over_fd, .events = POLLIN},
                         {.fd = tenon_cancel_fd(l->job->cancel), .events = POLLIN}};

    while (poll(p, tenon_countof(p), -1) < 0 && errno == EINTR)
        continue;
    if (p[1].revents)
        tenon_cancel_fire(l->job->cancel);
    if (!p[0].revents) {
        callset_cancel(&l->job->asked);
        drive_wake(l->job);
    }
    return NULL;
}

static int
end_early(struct lookout *l, int rc)
{
    if (l->stop_fd >= 0)
        close(l->stop_fd);
    return rc;
}

static int
begin_lookout(struct lookout *l, struct servejob *j, struct grpc_call *call)
{
    *l = (struct lookout){.job = j, .over_fd = grpc_call_over_fd(call),
                          .stop_fd = eventfd(0, EFD_CLOEXEC)};
    if (l->over_fd < 0 || l->stop_fd < 0)
        return end_early(l, EMFILE);
    const int rc = pthread_create(&l->thread, NULL, look_out, l);
    return rc ? end_early(l, rc) : 0;
}

static void
end_lookout(struct lookout *l)
{
    eventfd_write(l->stop_fd, 1);
    pthread_join(l->thread, NULL);
    close(l->stop_fd);
}

/* ---- the method ---------------------------------------------------------- */

/* Clients print a code before the text, but UNKNOWN, which BuildKit's builds have that fail. */
static void
fail(struct gateway *gw, struct grpc_call *call, struct tenon_error *err)
{
    if (err->code == TENON_E_CANCELLED)
        tenon_error_set(err, TENON_E_CANCELLED, "context canceled"); /* they look for the words */
    else
        err->code = TENON_E_FAILED;
    gateway_fail(gw, call, err);
}

static void
solve(struct solving *v)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct gateway *gw = &v->job->gateway;

    gw->host = tenon_engine_host(); /* until it is driven, for its errors */
    show(v);
    const bool good = prepare(v, &err) == 0 && run(v, &err) == 0;
    /* Who asks for the status, or the record, knows all before the answer is there. */
    servejob_end(v->job, keep(v, &err));
    if (good) {
        const struct ctl_solved reply = reply_of(v, &arena);
        message_encode(&bytes, &ctl_solved_message, &reply);
    } else {
        clientsession_leave(v->session);
        fail(gw, v->call, &err);
    }
    gw->graph = NULL;
    release(v);
    /* Who builds again at once finds the directories, and what is known of them; who prunes,
     * nothing that is in use. */
    if (good)
        answer(v->call, &bytes);
}

/* Clients of before there were several name it elsewhere; room: for its list. */
static void
take_old_exporter(struct ctl_solve *r, struct ctl_typed *room)
{
    if (r->exporters.len || !*r->old_exporter)
        return;
    *room = (struct ctl_typed){r->old_exporter, r->old_exporter_attrs};
    r->exporters = (struct message_list){room, 1};
}

void
solving_solve(void *server, struct grpc_call *call)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_solve request = {0};
    struct ctl_typed old_exporter;
    struct solving v = {.server = server, .call = call, .request = &request};
    struct lookout lookout;
    const char *why;
    int code;

    if (grpc_call_recv_only(call, &bytes) < 0)
        return;
    if (!message_decode(&arena, &ctl_solve_message, bytes.data, bytes.len, &request, &why)) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "Solve: %s", why);
        return;
    }
    if (!*request.ref || strlen(request.ref) > REF_MAX) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "Solve: Ref, the name of the build, has to "
                       "have 1 to %d bytes", REF_MAX);
        return;
    }
    take_old_exporter(&request, &old_exporter);
    v.engine = *v.server->setup->engine;
    v.job = servejob_new(server, request.ref, &code, &why);
    if (!v.job) {
        grpc_call_fail(call, code, "Solve: build %s: %s", request.ref, why);
        return;
    }
    auto_free char *refused = NULL;
    code = check(&request, &refused);
    if (code != GRPC_OK) { /* its name is free again before the client knows */
        servejob_end(v.job, false);
        grpc_call_fail(call, code, "Solve: %s", refused);
    } else if (begin_lookout(&lookout, v.job, call) == 0) {
        solve(&v);
        end_lookout(&lookout);
    } else {
        servejob_end(v.job, false);
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "Solve: no thread for the build");
    }
    drive_end(v.job);
    servejob_leave(v.job);
}

/* serve/control.c - the methods of moby.buildkit.v1.Control but Solve and Session, and the table of
 * all.  What is not in the table gets UNIMPLEMENTED with its name. */
#include "control.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "context/engine.h"
#include "ctlmessages.h"
#include "drive.h"
#include "solving.h"
#include "store/store.h"
#include "tools/alloc.h"
#include "tunnel.h"

#define NS_PER_S INT64_C(1000000000)

enum { HOST_MAX = 256 };

/* The one message of a call; false: it is over. */
static bool
take(struct grpc_call *call, struct tenon_arena *arena, struct tenon_buf *bytes,
     const struct message_type_info *m, void *request)
{
    const char *why;

    if (grpc_call_recv_only(call, bytes) < 0)
        return false;
    if (message_decode(arena, m, bytes->data, bytes->len, request, &why))
        return true;
    grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "%s: %s", grpc_call_path(call), why);
    return false;
}

static void
answer(struct grpc_call *call, const struct message_type_info *m, const void *reply)
{
    static const struct grpc_status ok = {0};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    message_encode(&bytes, m, reply);
    grpc_call_send(call, tenon_buf_str(&bytes), bytes.len);
    grpc_call_finish(call, &ok);
}

/* buildx says that it has none with one that is empty. */
static bool
has_filter(const struct message_list *filters)
{
    const char *const *texts = filters->items;

    for (size_t i = 0; i < filters->len; i++)
        if (*texts[i])
            return true;
    return false;
}

/* ---- who we are ---------------------------------------------------------- */

/* The last is that of the language, as provenance has it. */
static const struct ctl_version version = {"tenon", "v" TENON_VERSION, "", "1.26.0"};

static void
info(void *server, struct grpc_call *call)
{
    static const struct ctl_info reply = {&version};
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_none request = {0};

    (void)server;
    if (take(call, &arena, &bytes, &ctl_none_message, &request))
        answer(call, &ctl_info_message, &reply);
}

/* "linux/arm/v7" in its parts. */
static struct ctl_platform
split_platform(struct tenon_arena *a, const char *text)
{
    char *save = NULL;
    struct ctl_platform p = {.os = strtok_r(tenon_arena_strdup(a, text), "/", &save)};

    p.arch = strtok_r(NULL, "/", &save);
    p.variant = p.arch ? strtok_r(NULL, "/", &save) : NULL;
    return p;
}

static void
list_workers(void *server, struct grpc_call *call)
{
    const struct server *s = server;
    const struct tenon_engine *e = s->setup->engine;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_list_workers request = {0};
    char host[HOST_MAX] = "";

    if (!take(call, &arena, &bytes, &ctl_list_workers_message, &request))
        return;
    if (has_filter(&request.filters)) {
        grpc_call_fail(call, GRPC_UNIMPLEMENTED, "ListWorkers: filters are not understood yet");
        return;
    }
    gethostname(host, sizeof host - 1);
    const struct ctl_platform platform = split_platform(&arena, e->host_platform);
    const struct ctl_pair labels[] = {
        {"org.mobyproject.buildkit.worker.executor", e->executor},
        {"org.mobyproject.buildkit.worker.hostname", host},
        {"org.mobyproject.buildkit.worker.network", e->default_network},
        {"org.mobyproject.buildkit.worker.snapshotter", "overlayfs"},
    };
    const struct ctl_worker worker = {"tenon", {labels, tenon_countof(labels)}, {&platform, 1},
                                      &version};
    const struct ctl_workers all = {{&worker, 1}};
    answer(call, &ctl_workers_message, &all);
}

/* ---- the store ----------------------------------------------------------- */

static const struct ctl_time *
time_of(struct tenon_arena *a, int64_t ns)
{
    const struct ctl_time t = {ns / NS_PER_S, ns % NS_PER_S};
    return ns > 0 ? tenon_arena_dup(a, &t, sizeof t) : NULL;
}

static void
tell_usage(struct grpc_call *call, const struct tenon_usage_row *rows, size_t count,
           int64_t age_limit)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_usage *list = tenon_arena_array(&arena, count + 1, sizeof *list);
    struct ctl_usages all = {{list, 0}};
    const int64_t now = (int64_t)tenon_now_ns();

    for (size_t i = 0; i < count; i++) {
        const struct tenon_usage_row *r = &rows[i];
        if (age_limit > 0 && now - r->last_used_ns < age_limit)
            continue;
        list[all.records.len++] = (struct ctl_usage){
            .id = r->id, .is_mutable = r->is_mutable, .in_use = r->in_use,
            .size = r->size_bytes, .created = time_of(&arena, r->created_ns),
            .last_used = time_of(&arena, r->last_used_ns), .use_count = r->use_count,
            .description = r->description, .type = r->type, .shared = r->shared,
        };
    }
    answer(call, &ctl_usages_message, &all);
}

static void
disk_usage(void *server, struct grpc_call *call)
{
    const struct server *s = server;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct ctl_disk_usage request = {0};
    struct tenon_store *store = NULL;
    struct tenon_usage_row *rows = NULL;
    size_t count = 0;

    if (!take(call, &arena, &bytes, &ctl_disk_usage_message, &request))
        return;
    if (has_filter(&request.filters)) {
        grpc_call_fail(call, GRPC_UNIMPLEMENTED, "DiskUsage: filters are not understood yet");
        return;
    }
    if (s->setup->open_store(s->setup->data, &store, &err) < 0 ||
        tenon_usage_list(store, &rows, &count, &err) < 0)
        grpc_call_fail(call, GRPC_UNKNOWN, "%s", err.message);
    else
        tell_usage(call, rows, count, request.age_limit);
    tenon_usage_free(rows, count);
    tenon_store_close(store);
}

/* ---- builds -------------------------------------------------------------- */

static void
status(void *server, struct grpc_call *call)
{
    static const struct grpc_status ok = {0};
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_status request = {0};

    if (!take(call, &arena, &bytes, &ctl_status_message, &request))
        return;
    struct servejob *j = servejob_find(server, request.ref);
    if (!j) {
        grpc_call_fail(call, GRPC_NOT_FOUND, "no such job %s", request.ref);
        return;
    }
    grpc_call_begin(call, NULL, 0);
    if (statuslog_tell(&j->status, call))
        grpc_call_finish(call, &ok);
    servejob_leave(j);
}

/* No record of a build is kept, and clients ask after each. */
static void
listen_history(void *server, struct grpc_call *call)
{
    static const struct grpc_status ok = {0};
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_history request = {0};

    (void)server;
    if (!take(call, &arena, &bytes, &ctl_history_message, &request))
        return;
    if (!request.early_exit) {
        grpc_call_fail(call, GRPC_UNIMPLEMENTED, "ListenBuildHistory: no history is kept yet");
        return;
    }
    grpc_call_begin(call, NULL, 0);
    grpc_call_finish(call, &ok);
}

/* ---- all ----------------------------------------------------------------- */

/* Of gRPC, for any service: it is there. */
static void
health(void *server, struct grpc_call *call)
{
    static const struct ctl_health serving = {1};
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_none request = {0};

    (void)server;
    if (take(call, &arena, &bytes, &ctl_none_message, &request))
        answer(call, &ctl_health_message, &serving);
}

static void
bridge(void *server, struct grpc_call *call)
{
    drive_call(server, call);
}

#define CONTROL(name, run) {"/moby.buildkit.v1.Control/" name, run}
static const struct grpc_method methods[] = {
    CONTROL("Info", info),
    CONTROL("ListWorkers", list_workers),
    CONTROL("DiskUsage", disk_usage),
    CONTROL("Session", tunnel_serve),
    CONTROL("Solve", solving_solve),
    CONTROL("Status", status),
    CONTROL("ListenBuildHistory", listen_history),
    {"/grpc.health.v1.Health/Check", health},
};

/* Ours first: the bridge has health, too. */
void
control_serve(struct server *s, struct grpc_conn *conn)
{
    size_t count;
    const struct grpc_method *theirs = gateway_methods(&count);
    const size_t own = tenon_countof(methods);
    auto_free struct grpc_method *all = tenon_calloc(own + count, sizeof *all);

    memcpy(all, methods, sizeof methods);
    for (size_t i = 0; i < count; i++)
        all[own + i] = (struct grpc_method){theirs[i].path, bridge};
    grpc_serve(conn, all, own + count, s);
}

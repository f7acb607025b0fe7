/* serve/control.c - the methods of moby.buildkit.v1.Control but Solve and Session, and the table of
 * all.  What is not in the table gets UNIMPLEMENTED with its name. */
#include "control.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "contentcalls.h"
#include "context/engine.h"
#include "ctlmessages.h"
#include "devices.h"
#include "drive.h"
#include "exec/entitlements.h"
#include "historycalls.h"
#include "solving.h"
#include "store/store.h"
#include "tools/alloc.h"
#include "tools/fieldfilter.h"
#include "tunnel.h"
#include "unary.h"
#include "usagecalls.h"

enum { HOST_MAX = 256 };

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
    if (unary_take(call, &arena, &bytes, &ctl_none_message, &request))
        unary_answer(call, &ctl_info_message, &reply);
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

/* Of filters: "id", "labels.NAME". */
static const char *
field_of(void *data, const char *const *path, size_t parts)
{
    const struct ctl_worker *w = data;
    const struct ctl_pair *labels = w->labels.items;

    if (!strcmp(path[0], "id"))
        return w->id;
    for (size_t i = 0; i < w->labels.len && parts > 1 && !strcmp(path[0], "labels"); i++) {
        const char *rest = labels[i].key; /* it may have dots, as the path */
        size_t n = 1;
        while (n < parts && tenon_has_prefix(rest, path[n])) {
            rest += strlen(path[n++]);
            rest += *rest == '.' && n < parts;
        }
        if (n == parts && !*rest)
            return labels[i].value;
    }
    return NULL;
}

/* The store's: the worker is what has its cache. */
static int
name_worker(const struct server *s, char id[TENON_STORE_ID_LEN + 1], struct tenon_error *err)
{
    struct tenon_store *store = NULL;

    if (s->setup->open_store(s->setup->data, &store, err) == 0)
        tenon_store_id(store, id, err);
    tenon_store_close(store);
    return err->code;
}

static void
list_workers(void *server, struct grpc_call *call)
{
    const struct server *s = server;
    const struct tenon_engine *e = s->setup->engine;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct ctl_list_workers request = {0};
    auto_cdi struct tenon_cdi cdi = {0};
    char host[HOST_MAX] = "", id[TENON_STORE_ID_LEN + 1];

    if (!unary_take(call, &arena, &bytes, &ctl_list_workers_message, &request))
        return;
    auto_free char *why = NULL;
    auto_field_filter struct tenon_field_filter *filter =
        tenon_field_filter_new(request.filters.items, request.filters.len, &why);
    if (!filter) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "ListWorkers: %s", why);
        return;
    }
    if (name_worker(s, id, &err) < 0) {
        grpc_call_fail(call, GRPC_UNKNOWN, "%s", err.message);
        return;
    }
    tenon_entitlement_load_cdi(e, &cdi); /* each time: devices come and go */
    gethostname(host, sizeof host - 1);
    const struct ctl_platform platform = split_platform(&arena, e->host_platform);
    const struct ctl_pair labels[] = {
        {"org.mobyproject.buildkit.worker.executor", e->executor},
        {"org.mobyproject.buildkit.worker.hostname", host},
        {"org.mobyproject.buildkit.worker.network", e->default_network},
        {"org.mobyproject.buildkit.worker.snapshotter", "overlayfs"},
    };
    struct ctl_worker worker = {id, {labels, tenon_countof(labels)}, {&platform, 1},
                                      &version, devices_list(&cdi, &arena)};
    const struct ctl_workers all = {
        {&worker, tenon_field_filter_passes(filter, field_of, &worker) ? 1 : 0}};
    unary_answer(call, &ctl_workers_message, &all);
}

/* ---- builds -------------------------------------------------------------- */

static void
status(void *server, struct grpc_call *call)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct ctl_status request = {0};

    if (!unary_take(call, &arena, &bytes, &ctl_status_message, &request))
        return;
    struct server_awaiting me = {.ref = request.ref}; /* a short one comes and goes meanwhile */
    const bool told = !servejob_expect(server, &me) &&
                      historycalls_replay(server, call, request.ref);
    struct servejob *j = servejob_await(server, &me, !told);
    if (told) {
        if (j)
            servejob_leave(j);
        return;
    }
    if (!j) { /* it may have ended between two looks */
        if (!historycalls_replay(server, call, request.ref))
            grpc_call_fail(call, GRPC_NOT_FOUND, "no such job %s", request.ref);
        return;
    }
    grpc_call_begin(call, NULL, 0);
    if (statuslog_tell(&j->status, call))
        unary_end(call);
    servejob_leave(j);
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
    if (unary_take(call, &arena, &bytes, &ctl_none_message, &request))
        unary_answer(call, &ctl_health_message, &serving);
}

static void
bridge(void *server, struct grpc_call *call)
{
    drive_call(server, call);
}

#define CONTROL(name, run) {"/moby.buildkit.v1.Control/" name, run}
#define CONTENT(name, run) {"/containerd.services.content.v1.Content/" name, run}
static const struct grpc_method methods[] = {
    CONTROL("Info", info),
    CONTROL("ListWorkers", list_workers),
    CONTROL("DiskUsage", usagecalls_disk_usage),
    CONTROL("Prune", usagecalls_prune),
    CONTROL("Session", tunnel_serve),
    CONTROL("Solve", solving_solve),
    CONTROL("Status", status),
    CONTROL("ListenBuildHistory", historycalls_listen),
    CONTROL("UpdateBuildHistory", historycalls_update),
    CONTENT("Info", contentcalls_info),
    CONTENT("List", contentcalls_list),
    CONTENT("Read", contentcalls_read),
    CONTENT("Write", contentcalls_refuse),
    CONTENT("Update", contentcalls_refuse),
    CONTENT("Delete", contentcalls_refuse),
    CONTENT("Abort", contentcalls_refuse),
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

/* serve/asking.c - the server, asked by us. */
#include "serve.h"

#include <string.h>

#include "common/grpc/grpc.h"
#include "ctlmessages.h"
#include "tools/alloc.h"

#define ASKING_NS UINT64_C(20000000000)

static void
add_row(struct tenon_buf *out, const struct ctl_worker *w)
{
    const struct ctl_platform *platforms = w->platforms.items;

    tenon_buf_adds(out, w->id);
    for (size_t i = 0; i < w->platforms.len; i++) {
        const struct ctl_platform *p = &platforms[i];
        tenon_buf_addf(out, "%s%s/%s", i ? "," : "\t", p->os ? p->os : "", p->arch ? p->arch : "");
        if (p->variant && *p->variant)
            tenon_buf_addf(out, "/%s", p->variant);
    }
    tenon_buf_addc(out, '\n');
}

static int
ask(struct grpc_conn *conn, char **rows, struct tenon_error *err)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf reply = TENON_BUF_INIT, out = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    struct ctl_workers all = {0};
    const char *why = NULL;

    if (!grpc_call_unary(conn, "/moby.buildkit.v1.Control/ListWorkers", NULL, 0, ASKING_NS, "", 0,
                         &reply, &status))
        return tenon_error_set(err, TENON_E_FAILED, "the server: %s",
                               status.message ? status.message : "no answer");
    if (!message_decode(&arena, &ctl_workers_message, reply.data, reply.len, &all, &why))
        return tenon_error_set(err, TENON_E_INVALID, "the server's answer: %s", why);
    const struct ctl_worker *workers = all.records.items;
    for (size_t i = 0; i < all.records.len; i++)
        add_row(&out, &workers[i]);
    *rows = tenon_buf_steal(&out);
    return 0;
}

int
serve_ask_workers(int fd, char **rows, struct tenon_error *err)
{
    struct grpc_conn *conn = grpc_conn_new(GRPC_CLIENT, NULL);
    const int rc = grpc_conn_start(conn, fd, fd);

    if (rc < 0)
        tenon_error_errno(err, -rc, "begin to ask");
    else
        ask(conn, rows, err);
    grpc_conn_free(conn);
    return err->code;
}

/* source-git/conn.c - see conn.h. */
#include "conn.h"

#include <git2/sys/transport.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"
#include "common/source/source.h"

static int
make_transport(git_transport **out, git_remote *owner, void *data)
{
    struct gs_conn *conn = data;
    const char *url = conn->url;
    bool web = tenon_has_prefix(url, "http://") || tenon_has_prefix(url, "https://");
    bool plain = tenon_has_prefix(url, "git://");
    git_smart_subtransport_definition how = {
        .callback = web     ? gs_http_subtransport
                    : plain ? git_smart_subtransport_git
                            : gs_ssh_subtransport,
        .rpc = web,
        .param = plain ? NULL : data,
    };
    if (source_offline(conn->http, conn->ctx)) {
        conn->failed = true;
        source_not_here(conn->host, "the commit", conn->err);
        return -1;
    }
    if (!gs_conn_allowed(url)) {
        git_error_set_str(GIT_ERROR_NET, "transport not allowed");
        return -1;
    }
    return git_transport_smart(out, owner, &how);
}

int
gs_conn_progress(const git_indexer_progress *p, void *data)
{
    struct gs_conn *conn = data;
    if (conn->host->ctx->cancelled(conn->ctx)) {
        conn->failed = true;
        conn->host->error->set(conn->err, TENON_E_CANCELLED, 0, "cancelled");
        return -1;
    }
    if (p->total_objects > conn->limits->get(conn->ctx, "git-objects")) {
        conn->failed = true;
        conn->limits->exceeded(conn->ctx, "git-objects", conn->err, "%u objects in the pack",
                               p->total_objects);
        return -1;
    }
    if (p->received_bytes > conn->limits->get(conn->ctx, "git-pack")) {
        conn->failed = true;
        conn->limits->exceeded(conn->ctx, "git-pack", conn->err, "a pack of more than %llu bytes",
                               (unsigned long long)p->received_bytes - 1);
        return -1;
    }
    conn->host->progress->status(conn->ctx, "receiving objects", (int64_t)p->received_bytes, 0);
    return 0;
}

void
gs_conn_callbacks(struct gs_conn *conn, git_remote_callbacks *out)
{
    git_remote_init_callbacks(out, GIT_REMOTE_CALLBACKS_VERSION);
    out->transport = make_transport;
    out->transfer_progress = gs_conn_progress;
    out->payload = conn;
}

int
gs_conn_too_large(struct gs_conn *conn)
{
    return conn->limits->exceeded(conn->ctx, "git-file", conn->err, "an object of about %zu bytes",
                                  conn->refused_bytes);
}

int
gs_conn_error(struct gs_conn *conn, const char *what)
{
    auto_free char *shown = tenon_url_conceal(conn->url);
    if (!conn->failed && conn->refused_bytes) {
        gs_conn_too_large(conn);
    } else if (!conn->failed) {
        const git_error *e = git_error_last();
        conn->host->error->set(conn->err, TENON_E_FAILED, 0, "%s",
                               e && e->message ? e->message : "git: unknown failure");
    }
    return conn->host->error->context(conn->err, "%s %s", what, shown);
}

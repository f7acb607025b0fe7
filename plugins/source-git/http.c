/* source-git/http.c - git's smart HTTP protocol (gitprotocol-http(5)) over the host's
 * client. */
#include <git2/sys/transport.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "conn.h"

#define LS "/info/refs?service=git-upload-pack"
#define SERVICE "/git-upload-pack"
#define REQUEST_MAX ((size_t)64 << 20)

struct http { /* one remote, while connected */
    git_smart_subtransport base;
    struct gs_conn *conn;
    char *root; /* where redirects led to; NULL: url as given */
};

struct stream { /* one request */
    git_smart_subtransport_stream base;
    struct http *http;
    char *url;
    bool post, asked;
    struct tenon_buf body;
    int fd; /* the answer */
};

static int
stop(struct gs_conn *conn)
{
    conn->failed = true;
    git_error_set_str(GIT_ERROR_NET, "request failed");
    return -1;
}

static int
bad_status(struct gs_conn *conn, int status)
{
    const struct tenon_host *host = conn->host;
    if (status == 401 || status == 403) {
        host->error->set(conn->err, TENON_E_DENIED, 0,
                         "authentication %s (status %d)",
                         conn->authorization ? "failed" : "required", status);
        if (!conn->authorization)
            host->error->hint(conn->err, "pass --secret id=GIT_AUTH_TOKEN,...");
    } else if (status == 404) {
        host->error->set(conn->err, TENON_E_NOT_FOUND, 0, "repository not found");
    } else {
        host->error->set(conn->err, status >= 500 ? TENON_E_UNAVAILABLE : TENON_E_FAILED, 0,
                         "invalid response status %d", status);
    }
    return stop(conn);
}

/* The rest goes where the first answer came from. */
static bool
follow(struct http *h, const char *answered)
{
    size_t len = answered ? strlen(answered) : 0, tail = strlen(LS);
    if (len <= tail || strcmp(answered + len - tail, LS) != 0)
        return false;
    free(h->root);
    h->root = tenon_strndup(answered, len - tail);
    return true;
}

/* To a server of files the question is the name of one: the list of refs. */
static int
not_smart(struct stream *s, const char *answered)
{
    struct gs_conn *conn = s->http->conn;

    conn->host->error->set(conn->err, TENON_E_UNSUPPORTED, 0,
                           "the server does not speak git's smart HTTP protocol");
    if (!s->post) {
        const char *root = follow(s->http, answered) ? s->http->root : s->url;
        const size_t len = strlen(root) - (root == s->url ? strlen(LS) : 0);
        auto_free char *plain = tenon_strndup(root, len);
        conn->dumb = conn->host->ctx->strdup(conn->ctx, plain);
    }
    return stop(conn);
}

static int
ask(struct stream *s)
{
    struct gs_conn *conn = s->http->conn;
    static const char *const get[] = {"User-Agent: git/2.0 (tenon)", "Pragma: no-cache", NULL};
    static const char *const post[] = {
        "User-Agent: git/2.0 (tenon)",
        "Content-Type: application/x-git-upload-pack-request",
        "Accept: application/x-git-upload-pack-result",
        NULL,
    };
    s->asked = true;
    s->fd = conn->host->blobs->create(conn->ctx, conn->err);
    if (s->fd < 0)
        return stop(conn);
    /* no other server gets them */
    bool home = gs_url_same_origin(s->url, conn->url);
    struct tenon_fetch f = {
        .struct_size = sizeof f,
        .method = s->post ? "POST" : "GET",
        .url = s->url,
        .headers = s->post ? post : get,
        .authorization = home ? conn->authorization : NULL,
        .body = s->body.data,
        .body_len = s->body.len,
    };
    struct tenon_fetch_answer answer = {.struct_size = sizeof answer};
    if (conn->http->fetch(conn->ctx, &f, s->fd, &answer, conn->err) < 0)
        return stop(conn);
    if (answer.status != 200)
        return bad_status(conn, answer.status);
    const char *want = s->post ? "application/x-git-upload-pack-result"
                               : "application/x-git-upload-pack-advertisement";
    if (!tenon_streq(answer.content_type, want))
        return not_smart(s, answer.url);
    if (!s->post)
        follow(s->http, answer.url);
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return -1;
    return 0;
}

static int
stream_read(git_smart_subtransport_stream *base, char *buffer, size_t size, size_t *got)
{
    struct stream *s = (struct stream *)base;
    if (!s->asked && ask(s) < 0)
        return -1;
    ssize_t n = read(s->fd, buffer, size);
    if (n < 0) {
        git_error_set_str(GIT_ERROR_OS, "read the answer");
        return -1;
    }
    *got = (size_t)n;
    return 0;
}

static int
stream_write(git_smart_subtransport_stream *base, const char *buffer, size_t len)
{
    struct stream *s = (struct stream *)base;
    if (!s->post || s->asked || s->body.len + len > REQUEST_MAX) {
        git_error_set_str(GIT_ERROR_NET, "unexpected write");
        return -1;
    }
    tenon_buf_add(&s->body, buffer, len);
    return 0;
}

static void
stream_free(git_smart_subtransport_stream *base)
{
    struct stream *s = (struct stream *)base;
    if (s->fd >= 0)
        close(s->fd);
    tenon_buf_release(&s->body);
    free(s->url);
    free(s);
}

static int
http_action(git_smart_subtransport_stream **out, git_smart_subtransport *base, const char *url,
            git_smart_service_t action)
{
    struct http *h = (struct http *)base;
    bool post = action == GIT_SERVICE_UPLOADPACK;
    if (!post && action != GIT_SERVICE_UPLOADPACK_LS) {
        git_error_set_str(GIT_ERROR_NET, "only fetching is supported");
        return -1;
    }
    const char *root = post && h->root ? h->root : url;
    size_t len = strlen(root);
    while (len && root[len - 1] == '/')
        len--;
    struct stream *s = tenon_new0(struct stream);
    s->base = (git_smart_subtransport_stream){
        .subtransport = base,
        .read = stream_read,
        .write = stream_write,
        .free = stream_free,
    };
    s->http = h;
    s->fd = -1;
    s->post = post;
    s->url = tenon_asprintf("%.*s%s", (int)len, root, post ? SERVICE : LS);
    *out = &s->base;
    return 0;
}

static int
http_close(git_smart_subtransport *base)
{
    (void)base;
    return 0;
}

static void
http_free(git_smart_subtransport *base)
{
    struct http *h = (struct http *)base;
    free(h->root);
    free(h);
}

int
gs_http_subtransport(git_smart_subtransport **out, git_transport *owner, void *conn)
{
    (void)owner;
    struct http *h = tenon_new0(struct http);
    h->base = (git_smart_subtransport){
        .action = http_action,
        .close = http_close,
        .free = http_free,
    };
    h->conn = conn;
    *out = &h->base;
    return 0;
}

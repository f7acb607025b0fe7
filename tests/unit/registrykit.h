/* registrykit.h - a server on loopback that answers as told, over TLS if it is given a
 * certificate (tlskit.h), and a registry client to ask it: each test is a list of "METHOD PATH"
 * and the answer to give, in any order. */
#ifndef TENON_TESTS_REGISTRYKIT_H
#define TENON_TESTS_REGISTRYKIT_H

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/digest.h"
#include "tools/buf.h"
#include "tools/vec.h"
#include "image/image.h"
#include "registry/http.h"
#include "registry/registry.h"

struct answer {
    const char *request;  /* prefix of "METHOD path"; a request takes the first
                           * that fits and is not used up */
    int times;            /* 0: any number */
    const char *want;     /* a header line that must be there, or "!line" must not */
    const char *head;     /* status line's rest and headers, "200 OK\r\nX: y\r\n";
                           * "": hang up at once */
    bool reset;           /* not in good order: what was sent may be lost with it */
    const char *body;
    size_t body_len;      /* 0: strlen */
    size_t cut;           /* hang up after so many bytes of the body; 0: never */
    bool accept_upload;   /* keep what comes */
    bool silent;          /* say nothing until the client hangs up */
    bool stall;           /* after `cut` bytes say nothing more until the client hangs up */
    bool unread;          /* hang up when the head has come: what follows it is lost */
    bool deaf;            /* do not read a body, and say nothing until the client hangs up */
    unsigned delay_ms;    /* before the answer */
    void (*then)(void *); /* called before the answer goes out, with the server's data */
};

struct server {
    int fd;
    unsigned port;
    char base[64]; /* "http://127.0.0.1:PORT", for @BASE@ in answers; @PATH@ is the request's */
    pthread_t thread;
    struct answer *answers;
    gnutls_certificate_credentials_t tls; /* or NULL */
    enum { ASK_NOTHING, ASK, NEED } client; /* for a certificate of the client */
    enum { SAY_TLS, HANG_UP, SAY_SO } to_plain; /* to who speaks none of it */
    void *data;                           /* of the answers' `then` */

    pthread_mutex_t lock; /* of what follows */
    int used[32];
    struct tenon_buf log; /* "METHOD path\n" of all requests; "METHOD path CN\n" by who showed
                           * a certificate */
    struct tenon_buf upload;
    int refused; /* requests nobody had an answer for, and uploads of other bytes than they say */
    int broken;  /* handshakes that came to nothing */
};

/* One connection, with TLS or without. */
struct peer {
    int fd;
    gnutls_session_t tls;
    char name[64]; /* in the client's certificate */
};

static inline ssize_t
peer_read(struct peer *p, void *to, size_t len)
{
    return p->tls ? gnutls_record_recv(p->tls, to, len) : read(p->fd, to, len);
}

static inline void
peer_write(struct peer *p, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = p->tls ? gnutls_record_send(p->tls, data, len)
                           : send(p->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

static inline void
peer_subject(struct peer *p)
{
    unsigned count = 0;
    size_t size = sizeof p->name;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(p->tls, &count);
    gnutls_x509_crt_t crt;
    if (!shown || count == 0 || gnutls_x509_crt_init(&crt) < 0)
        return;
    if (gnutls_x509_crt_import(crt, &shown[0], GNUTLS_X509_FMT_DER) < 0 ||
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, p->name, &size) < 0)
        p->name[0] = '\0';
    gnutls_x509_crt_deinit(crt);
}

static inline bool
peer_shake_hands(struct server *s, struct peer *p)
{
    int rc;
    char first = 0;
    if (!s->tls)
        return true;
    if (s->to_plain != SAY_TLS && recv(p->fd, &first, 1, MSG_PEEK) == 1 && first >= 'A') {
        static const char words[] = "HTTP/1.0 400 Bad Request\r\n\r\n"
                                    "Client sent an HTTP request to an HTTPS server.\n";
        peer_write(p, words, s->to_plain == SAY_SO ? strlen(words) : 0);
        return false;
    }
    gnutls_init(&p->tls, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(p->tls);
    gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, s->tls);
    if (s->client != ASK_NOTHING)
        gnutls_certificate_server_set_request(p->tls, s->client == NEED ? GNUTLS_CERT_REQUIRE
                                                                        : GNUTLS_CERT_REQUEST);
    gnutls_transport_set_int(p->tls, p->fd);
    while ((rc = gnutls_handshake(p->tls)) < 0 && !gnutls_error_is_fatal(rc))
        continue;
    if (rc == 0) {
        peer_subject(p);
        return true;
    }
    pthread_mutex_lock(&s->lock);
    s->broken++;
    pthread_mutex_unlock(&s->lock);
    gnutls_alert_send_appropriate(p->tls, rc);
    return false;
}

/* To the empty line and no further; from a plain peer in a few pieces. */
static inline bool
read_head(struct peer *p, struct tenon_buf *head)
{
    char c, piece[4096];
    for (ssize_t n = 1; !p->tls && n > 0 && head->len < 65536;) {
        n = recv(p->fd, piece, sizeof piece, MSG_PEEK);
        if (n > 0 && head->len == 0 && (*piece < 'A' || *piece > 'Z'))
            break; /* TLS, if anything */
        const char *end = n > 0 ? memmem(piece, (size_t)n, "\r\n\r\n", 4) : NULL;
        n = n > 0 ? read(p->fd, piece, end ? (size_t)(end + 4 - piece) : n > 3 ? (size_t)n - 3 : 1)
                  : n;
        if (n > 0)
            tenon_buf_add(head, piece, (size_t)n);
        if (head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    while (head->len < 65536 && peer_read(p, &c, 1) == 1) {
        tenon_buf_addc(head, c);
        if (head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0)
            break;
        if (head->len == 1 && (c < 'A' || c > 'Z'))
            break; /* TLS, if anything */
    }
    return head->len > 0;
}

static inline bool
read_body(struct peer *p, struct tenon_buf *head, struct tenon_buf *body)
{
    const char *length = strcasestr(tenon_buf_str(head), "\r\nContent-Length: ");
    size_t want = length ? strtoul(length + 18, NULL, 10) : 0;
    while (body->len < want) {
        char buf[65536];
        ssize_t n = peer_read(p, buf, sizeof buf);
        if (n <= 0)
            return false;
        tenon_buf_add(body, buf, (size_t)n);
    }
    return true;
}

/* With @BASE@ and @PATH@ filled in; to free. */
static inline char *
fill_in(const struct server *s, const char *text, const char *head)
{
    struct tenon_buf b = TENON_BUF_INIT;
    const char *path = strchr(head, ' ');
    for (const char *p = text; *p; p++) {
        if (tenon_has_prefix(p, "@BASE@")) {
            tenon_buf_adds(&b, s->base);
            p += 5;
        } else if (tenon_has_prefix(p, "@OTHER@")) {
            tenon_buf_addf(&b, "http://localhost:%u", s->port);
            p += 6;
        } else if (tenon_has_prefix(p, "@PATH@") && path) {
            tenon_buf_add(&b, path + 1, strcspn(path + 1, " "));
            p += 5;
        } else {
            tenon_buf_addc(&b, *p);
        }
    }
    tenon_buf_addc(&b, '\0');
    return tenon_buf_steal(&b);
}

static inline struct answer *
find_answer(struct server *s, const char *head)
{
    for (size_t i = 0; s->answers[i].request; i++) {
        struct answer *a = &s->answers[i];
        if (!tenon_has_prefix(head, a->request) || (a->times && s->used[i] >= a->times))
            continue;
        const char *want = a->want;
        bool absent = want && *want == '!';
        if (want && (strcasestr(head, want + absent) != NULL) == absent)
            continue;
        s->used[i]++;
        return a;
    }
    return NULL;
}

/* Is the next answer to it that the body is not read? */
static inline bool
leaves_unread(struct server *s, const char *head)
{
    bool unread = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; s->answers[i].request; i++) {
        const struct answer *a = &s->answers[i];
        if (tenon_has_prefix(head, a->request) && (!a->times || s->used[i] < a->times)) {
            unread = a->unread;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return unread;
}

/* What the request gets; NULL when nobody knows. */
static inline struct answer *
take_down(struct server *s, const struct peer *p, const char *head, const struct tenon_buf *body,
          struct answer *taken)
{
    int line = (int)strcspn(head, "\r");
    const char *version = strstr(head, " HTTP/");
    pthread_mutex_lock(&s->lock);
    tenon_buf_addf(&s->log, "%.*s%s%s\n", version ? (int)(version - head) : line, head,
                   *p->name ? " " : "", p->name);
    struct answer *a = find_answer(s, head);
    const char *digest = strstr(head, "digest=sha256:");
    struct tenon_digest d;
    tenon_digest_of(body->data ? body->data : "", body->len, &d);
    if (!a || (digest && digest < head + line && !tenon_has_prefix(digest + 7, d.str)))
        s->refused++;
    if (a && a->accept_upload) {
        tenon_buf_clear(&s->upload);
        tenon_buf_add(&s->upload, body->data, body->len);
    }
    if (a)
        a = memcpy(taken, a, sizeof *taken); /* the test may change them, once it has this one */
    pthread_mutex_unlock(&s->lock);
    return a;
}

static inline void
serve(struct server *s, struct peer *p)
{
    auto_buf struct tenon_buf head = TENON_BUF_INIT;
    auto_buf struct tenon_buf body = TENON_BUF_INIT;
    if (!peer_shake_hands(s, p) || !read_head(p, &head))
        return;
    char byte;
    bool deaf = false;
    pthread_mutex_lock(&s->lock);
    for (struct answer *d = s->answers; d->request; d++)
        deaf = deaf || (d->deaf && tenon_has_prefix(tenon_buf_str(&head), d->request));
    pthread_mutex_unlock(&s->lock);
    if (deaf) { /* behind what was not read there is no end to be seen: the test's end will do */
        struct pollfd gone[] = {{.fd = p->fd, .events = POLLRDHUP}, {.fd = s->fd}};
        poll(gone, 2, 20000);
        return;
    }
    if (!leaves_unread(s, tenon_buf_str(&head)) && !read_body(p, &head, &body))
        return;
    struct answer taken, *a = take_down(s, p, tenon_buf_str(&head), &body, &taken);
    if (a && a->then)
        a->then(s->data);
    if (!a) {
        peer_write(p, "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n", 42);
        return;
    }
    if (a->delay_ms)
        usleep(a->delay_ms * 1000);
    while (a->silent && peer_read(p, &byte, 1) > 0)
        continue;
    if (a->reset) {
        const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
        connect(p->fd, &nobody, sizeof nobody);
    }
    if (a->unread || a->silent || a->reset || !*a->head)
        return;
    size_t len = a->body_len ? a->body_len : a->body ? strlen(a->body) : 0;
    auto_free char *filled = fill_in(s, a->head, tenon_buf_str(&head));
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    tenon_buf_addf(&out, "HTTP/1.1 %s", filled);
    if (!strcasestr(filled, "Content-Length:"))
        tenon_buf_addf(&out, "Content-Length: %zu\r\n", len);
    tenon_buf_adds(&out, "Connection: close\r\n\r\n");
    if (!tenon_has_suffix(filled, "\n")) { /* hangs up in the middle of it */
        peer_write(p, out.data, strlen("HTTP/1.1 ") + strlen(filled));
        return;
    }
    peer_write(p, out.data, out.len);
    if (!tenon_has_prefix(head.data, "HEAD"))
        peer_write(p, a->body ? a->body : "", a->cut ? a->cut : len);
    while (a->stall && peer_read(p, &byte, 1) > 0)
        continue;
}

/* Clients that have their answer: what they still send is read until they hang up, since the answer
 * may be lost with it else, and nobody who comes meanwhile waits for that. */
struct answered {
    struct pollfd p[33]; /* the first is who comes next */
    nfds_t count;
};

static inline void
read_rests(struct answered *a)
{
    char rest[256];
    for (nfds_t i = a->count - 1; i > 0; i--) {
        if (!a->p[i].revents || read(a->p[i].fd, rest, sizeof rest) > 0)
            continue;
        close(a->p[i].fd);
        a->p[i] = a->p[--a->count];
    }
}

static inline void
add_answered(struct answered *a, int fd)
{
    const size_t last = sizeof a->p / sizeof *a->p - 1;
    shutdown(fd, SHUT_WR);
    if (a->count > last) {
        close(a->p[1].fd);
        a->p[1] = a->p[--a->count];
    }
    a->p[a->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static inline void *
run_server(void *data)
{
    struct server *s = data;
    struct answered a = {.p = {{.fd = s->fd, .events = POLLIN}}, .count = 1};
    for (;;) {
        if (poll(a.p, a.count, -1) < 0 && errno != EINTR)
            break;
        read_rests(&a);
        if (!a.p[0].revents)
            continue;
        struct peer p = {.fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)};
        if (p.fd < 0)
            break;
        serve(s, &p);
        if (p.tls) {
            gnutls_bye(p.tls, GNUTLS_SHUT_WR);
            gnutls_deinit(p.tls);
        }
        add_answered(&a, p.fd);
    }
    while (a.count > 1)
        close(a.p[--a.count].fd);
    return NULL;
}

/* More than `answers` may be set in *s before. */
static inline void
server_start(struct server *s, struct answer *answers)
{
    s->answers = answers;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(s->fd, 16), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    snprintf(s->base, sizeof s->base, "http%s://127.0.0.1:%u", s->tls ? "s" : "", s->port);
    pthread_mutex_init(&s->lock, NULL);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run_server, s), 0);
}

static inline void
server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    tenon_buf_release(&s->log);
    tenon_buf_release(&s->upload);
}

/* A copy of the log; to free. */
static inline char *
server_log(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    char *copy = tenon_strdup(tenon_buf_str(&s->log));
    pthread_mutex_unlock(&s->lock);
    return copy;
}

/* How many requests have begun with that ("" for all). */
static inline int
server_count(struct server *s, const char *prefix)
{
    auto_free char *log = server_log(s);
    int count = 0;
    for (const char *line = log; *line; line = strchr(line, '\n') + 1)
        count += tenon_has_prefix(line, prefix);
    return count;
}

static inline int
server_refused(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    int refused = s->refused;
    pthread_mutex_unlock(&s->lock);
    return refused;
}

/* What was sent last to an answer that accepts uploads; to free. */
static inline char *
server_upload(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    char *copy = tenon_strndup(tenon_buf_str(&s->upload), s->upload.len);
    pthread_mutex_unlock(&s->lock);
    return copy;
}

/* ---- the client's side ----------------------------------------------------------- */

struct kit {
    char dir[64];
    int dirfd;
    struct tenon_store *store;
    struct tenon_registry *registry;
    struct tenon_registry_call call;
    struct server server;
    struct json_object *config;
    const char *user, *secret;
    char asked[400]; /* the hosts that credentials were wanted for, a blank behind each */
    char ref[80];
};

static inline int
kit_credentials(void *data, const char *host, char **user, char **secret,
                struct tenon_error *err)
{
    (void)err;
    struct kit *k = data;
    pthread_mutex_lock(&k->server.lock);
    strncat(k->asked, host, sizeof k->asked - strlen(k->asked) - 2);
    strcat(k->asked, " ");
    pthread_mutex_unlock(&k->server.lock);
    *user = tenon_strdup(k->user);
    *secret = tenon_strdup(k->secret);
    return 0;
}

/* With `o`, what it says of pauses and clocks goes. */
static inline void
kit_open_with(struct kit *k, struct answer *answers, gnutls_certificate_credentials_t tls,
              struct tenon_registry_options o)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    *k = (struct kit){0};
    k->dirfd = unit_tmpdir(k->dir);
    auto_free char *root = tenon_asprintf("%s/store", k->dir);
    ck_assert_int_eq(tenon_store_open(root, &k->store, &err), 0);
    k->server.tls = tls;
    server_start(&k->server, answers);
    snprintf(k->ref, sizeof k->ref, "127.0.0.1:%u/team/app:v1", k->server.port);
    k->config = o.config ? o.config : json_object_new_object(); /* ours, from here on */
    o.store = k->store;
    o.config = k->config;
    o.credentials = kit_credentials;
    o.data = k;
    k->registry = tenon_registry_new(&o);
}

static inline void
kit_open(struct kit *k, struct answer *answers)
{
    kit_open_with(k, answers, NULL, (struct tenon_registry_options){.retry_ns = 1000000});
}

static inline void
kit_close(struct kit *k)
{
    tenon_registry_free(k->registry);
    server_stop(&k->server);
    json_object_put(k->config);
    tenon_store_close(k->store);
    unit_tmpdir_remove(k->dirfd, k->dir);
}

/* Of the registry at HOST (port included), in the configuration. */
static inline struct json_object *
kit_configure(struct kit *k, const char *host)
{
    struct json_object *all = NULL, *own = NULL;
    if (!json_object_object_get_ex(k->config, "registries", &all)) {
        all = json_object_new_object();
        json_object_object_add(k->config, "registries", all);
    }
    if (!json_object_object_get_ex(all, host, &own)) {
        own = json_object_new_object();
        json_object_object_add(all, host, own);
    }
    return own;
}

static inline int
kit_manifest(struct kit *k, enum tenon_resolve_mode mode, struct tenon_buf *text,
             struct tenon_error *err)
{
    struct tenon_desc d = {0};
    tenon_buf_clear(text);
    int rc = tenon_registry_manifest(k->registry, &k->call, k->ref, mode, &d, text, err);
    tenon_desc_release(&d);
    return rc;
}

static inline int
kit_blob(struct kit *k, const char *data, int64_t size, struct tenon_error *err)
{
    struct tenon_digest d;
    tenon_digest_of(data, strlen(data), &d);
    return tenon_registry_blob(k->registry, &k->call, k->ref, d.str, size, err);
}

#define MANIFEST "{\"schemaVersion\":2,\"mediaType\":\"" TENON_MT_OCI_MANIFEST "\"}"
#define OK_MANIFEST "200 OK\r\nContent-Type: " TENON_MT_OCI_MANIFEST "\r\n"
#define PATH_MANIFEST "/v2/team/app/manifests/"
#define PATH_BLOB "/v2/team/app/blobs/"
#define TEXT "0123456789abcdefghijklmnopqrstuvwxyz"

static inline char *
digest_head(const char *body)
{
    struct tenon_digest d;
    tenon_digest_of(body, strlen(body), &d);
    return tenon_asprintf(OK_MANIFEST "Docker-Content-Digest: %s\r\n", d.str);
}

#endif

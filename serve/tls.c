/* serve/tls.c - TLS by gnutls, and bytes between it and a socket pair. */
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libgnutls.h"
#include "base/log.h"
#include "server.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"

#define NS_PER_MS UINT64_C(1000000)
#define GREETING_NS (SERVER_GREETING_S * UINT64_C(1000000000))
#define LINGER_NS UINT64_C(2000000000) /* for what a peer takes slowly, when we have closed */

enum {
    PART = 16 * 1024,       /* a record of TLS */
    NAME_MAX_BYTES = 512,   /* of a client's certificate in the log */
    SILENT_S = 30,          /* until a peer that says nothing is asked whether it is there */
    SILENT_STEP_S = 10,
    SILENT_STEPS = 3,
    UNTAKEN_MS = 60 * 1000, /* until one that takes nothing is given up */
    REFUSALS_MAX = 20,      /* lines of the log */
    REFUSALS_S = 10,        /* in so many seconds; more are counted */
};

/* ---- who we are, and whom we believe ------------------------------------- */

struct serve_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    gnutls_typed_vdata_st purpose; /* of clients' certificates */
    pthread_mutex_t lock; /* of the following */
    TENON_VEC(struct tlslink *) greeting; /* have not shown a certificate yet; the oldest first */
    uint64_t refusals_ns; /* since when they are counted */
    unsigned refusals;
};

static int
failed(struct tenon_error *err, const char *what, const char *path, int code)
{
    return tenon_error_set(err, TENON_E_INVALID, "%s %s: %s", what, path, gnutls_strerror(code));
}

static int
load(struct serve_tls *tls, const char *ca, const char *cert, const char *key,
     struct tenon_error *err)
{
    int rc = gnutls_priority_init2(&tls->priorities, "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL,
                                   GNUTLS_PRIORITY_INIT_DEF_APPEND);
    if (rc < 0)
        return failed(err, "TLS", "1.2 and 1.3", rc);
    rc = gnutls_certificate_allocate_credentials(&tls->credentials);
    if (rc < 0)
        return failed(err, "TLS", "credentials", rc);
    rc = gnutls_certificate_set_x509_trust_file(tls->credentials, ca, GNUTLS_X509_FMT_PEM);
    if (rc <= 0)
        return failed(err, "--tlscacert", ca, rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND);
    rc = gnutls_certificate_set_x509_key_file(tls->credentials, cert, key, GNUTLS_X509_FMT_PEM);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_INVALID, "--tlscert %s, --tlskey %s: %s", cert, key,
                               gnutls_strerror(rc));
    return 0;
}

struct serve_tls *
serve_tls_new(const char *ca, const char *cert, const char *key, struct tenon_error *err)
{
    struct serve_tls *tls = tenon_new0(struct serve_tls);

    pthread_mutex_init(&tls->lock, NULL);
    tls->purpose = (gnutls_typed_vdata_st){
        GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    if (load(tls, ca, cert, key, err) < 0) {
        serve_tls_free(tls);
        return NULL;
    }
    return tls;
}

void
serve_tls_free(struct serve_tls *tls)
{
    if (!tls)
        return;
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priorities)
        gnutls_priority_deinit(tls->priorities);
    tenon_vec_release(&tls->greeting);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

char *
serve_address_name(int fd, bool peers)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if ((peers ? getpeername(fd, (struct sockaddr *)&at, &size)
               : getsockname(fd, (struct sockaddr *)&at, &size)) < 0 ||
        getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return tenon_strdup("tcp://?");
    return tenon_asprintf(strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
}

/* ---- a connection -------------------------------------------------------- */

struct flow { /* bytes that were read and have to be written */
    char data[PART];
    size_t at, len;
    bool ended; /* no more can be read, or written */
};

struct tlslink {
    struct serve_tls *tls;
    gnutls_session_t session;
    char *peer;
    int fd, plain;
    bool displaced; /* the lock of tls */
    char digest[2 * 32 + 1]; /* of its certificate; the same */
    pthread_t thread;
    struct flow in, out; /* the client's bytes, and ours */
    uint64_t give_up_ns; /* 0: not yet */
};

static int
wait_ms(uint64_t until_ns)
{
    const uint64_t now = tenon_monotonic_ns();

    return !until_ns ? -1 : until_ns <= now ? 0 : (int)((until_ns - now) / NS_PER_MS) + 1;
}

/* Is it one to try again, when the socket is ready? */
static bool
is_for_later(ssize_t rc)
{
    return rc < 0 && !gnutls_error_is_fatal((int)rc);
}

/* ---- who has not said who it is ------------------------------------------ */

/* With the lock. */
static bool
remove_greeting(struct tlslink *l)
{
    struct serve_tls *tls = l->tls;

    for (size_t i = 0; i < tls->greeting.len; i++)
        if (tls->greeting.items[i] == l) {
            memmove(&tls->greeting.items[i], &tls->greeting.items[i + 1],
                    (--tls->greeting.len - i) * sizeof l);
            return true;
        }
    return false;
}

/* Strangers that say nothing keep nobody out: where there are too many the oldest goes. */
static void
begin_greeting(struct tlslink *l)
{
    struct serve_tls *tls = l->tls;

    pthread_mutex_lock(&tls->lock);
    if (tls->greeting.len >= SERVER_GREETINGS_MAX) {
        struct tlslink *oldest = tls->greeting.items[0]; /* not freed, as it is on the list */
        oldest->displaced = true;
        shutdown(oldest->fd, SHUT_RDWR);
        remove_greeting(oldest);
    }
    tenon_vec_push(&tls->greeting, l);
    pthread_mutex_unlock(&tls->lock);
}

/* False: another is in its place. */
static bool
end_greeting(struct tlslink *l)
{
    pthread_mutex_lock(&l->tls->lock);
    const bool stays = remove_greeting(l);
    pthread_mutex_unlock(&l->tls->lock);
    return stays;
}

/* Strangers write no more of the log than that. */
static bool
may_log(struct serve_tls *tls)
{
    const uint64_t now = tenon_monotonic_ns();
    unsigned unsaid = 0;

    pthread_mutex_lock(&tls->lock);
    if (now - tls->refusals_ns >= REFUSALS_S * UINT64_C(1000000000)) {
        unsaid = tls->refusals > REFUSALS_MAX ? tls->refusals - REFUSALS_MAX : 0;
        tls->refusals_ns = now;
        tls->refusals = 0;
    }
    const bool may = tls->refusals++ < REFUSALS_MAX;
    pthread_mutex_unlock(&tls->lock);
    if (unsaid)
        tenon_log(TENON_LOG_WARNING, "%u more clients were refused", unsaid);
    return may;
}

static void
log_refused(const struct tlslink *l, int rc)
{
    gnutls_datum_t text = {NULL, 0};

    if (!may_log(l->tls))
        return;
    if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        gnutls_certificate_verification_status_print(
            gnutls_session_get_verify_cert_status(l->session), GNUTLS_CRT_X509, &text, 0) == 0) {
        for (unsigned i = (unsigned)strlen((char *)text.data); i > 0 && text.data[i - 1] == ' ';)
            text.data[--i] = '\0';
        tenon_log(TENON_LOG_WARNING, "%s is refused: %s", l->peer, (char *)text.data);
    } else {
        tenon_log(TENON_LOG_WARNING, "%s is refused: %s", l->peer,
                  l->displaced              ? "it does not say who it is, and others came"
                  : rc == GNUTLS_E_TIMEDOUT ? "it does not say who it is"
                                            : gnutls_strerror(rc));
    }
    gnutls_free(text.data);
}

static void
make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

/* The certificate's name is what its authority let it be; its digest is it alone. */
static void
take_identity(struct tlslink *l)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(l->session, &count);
    gnutls_x509_crt_t crt = NULL;
    unsigned char digest[32];
    char name[NAME_MAX_BYTES] = "", hex[2 * sizeof digest + 1] = "";
    size_t name_len = sizeof name, len = sizeof digest;

    if (count == 0 || gnutls_x509_crt_init(&crt) < 0)
        return;
    if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, digest, &len) == 0) {
        if (gnutls_x509_crt_get_dn(crt, name, &name_len) < 0)
            strcpy(name, "a certificate without a name, or with a long one");
        for (size_t i = 0; i < len; i++)
            sprintf(hex + 2 * i, "%02x", digest[i]);
        pthread_mutex_lock(&l->tls->lock);
        memcpy(l->digest, hex, sizeof hex);
        pthread_mutex_unlock(&l->tls->lock);
        make_printable(name);
        tenon_log(TENON_LOG_NOTICE, "%s is %s (sha256:%s)", l->peer, name, hex);
    }
    gnutls_x509_crt_deinit(crt);
}

char *
tlslink_certificate(struct tlslink *l)
{
    pthread_mutex_lock(&l->tls->lock);
    char *text = tenon_asprintf("certificate sha256:%s", l->digest);
    pthread_mutex_unlock(&l->tls->lock);
    return text;
}

/* 0, or what was wrong. */
static int
greet(struct tlslink *l)
{
    const uint64_t until = tenon_monotonic_ns() + GREETING_NS;

    for (;;) {
        const int rc = gnutls_handshake(l->session);
        if (rc == 0 || !is_for_later(rc))
            return rc;
        const bool writes = gnutls_record_get_direction(l->session) == 1;
        struct pollfd p[] = {{.fd = l->fd, .events = writes ? POLLOUT : POLLIN},
                             {.fd = l->plain, .events = 0}};
        if (rc == GNUTLS_E_AGAIN && poll(p, tenon_countof(p), wait_ms(until)) < 0 &&
            errno != EINTR)
            return GNUTLS_E_PULL_ERROR;
        if (tenon_monotonic_ns() >= until)
            return GNUTLS_E_TIMEDOUT;
        if (rc == GNUTLS_E_AGAIN && p[1].revents)
            return GNUTLS_E_SESSION_EOF; /* the server ends */
    }
}

/* The client is gone, or has said that it sends no more: gRPC ends a connection then. */
static void
end_in(struct tlslink *l)
{
    l->in.ended = true;
    l->in.len = 0;
    shutdown(l->plain, SHUT_WR);
}

static void
read_tls(struct tlslink *l)
{
    ssize_t n;

    do
        n = gnutls_record_recv(l->session, l->in.data, sizeof l->in.data);
    while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED);
    if (n > 0) {
        l->in.at = 0;
        l->in.len = (size_t)n;
    } else if (n == 0 || n == GNUTLS_E_REHANDSHAKE || !is_for_later(n)) {
        end_in(l);
    }
}

static void
write_tls(struct tlslink *l)
{
    while (l->out.len > 0) {
        const ssize_t n = gnutls_record_send(l->session, l->out.data + l->out.at, l->out.len);
        if (n == GNUTLS_E_INTERRUPTED)
            continue;
        if (is_for_later(n))
            return;
        if (n < 0) { /* nothing arrives there any more */
            l->out.len = 0;
            end_in(l);
            return;
        }
        l->out.at += (size_t)n;
        l->out.len -= (size_t)n;
    }
}

static void
read_plain(struct tlslink *l)
{
    const ssize_t n = read(l->plain, l->out.data, sizeof l->out.data);

    if (n > 0) {
        l->out.at = 0;
        l->out.len = (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        l->out.ended = true;
    }
}

static void
write_plain(struct tlslink *l)
{
    while (l->in.len > 0) {
        const ssize_t n = send(l->plain, l->in.data + l->in.at, l->in.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            end_in(l);
            return;
        }
        l->in.at += (size_t)n;
        l->in.len -= (size_t)n;
    }
}

/* Waits for what can go on.  Who asks for nothing of a descriptor is not told of its end, or
 * would be told for ever. */
static bool
await(struct tlslink *l)
{
    const short tls = (short)((!l->in.len && !l->in.ended ? POLLIN : 0) |
                              (l->out.len ? POLLOUT : 0));
    const short plain = (short)((l->in.len ? POLLOUT : 0) |
                                (!l->out.len && !l->out.ended ? POLLIN : 0));
    struct pollfd p[] = {{.fd = tls ? l->fd : -1, .events = tls},
                         {.fd = l->give_up_ns && !plain ? -1 : l->plain, .events = plain}};

    if (poll(p, tenon_countof(p), wait_ms(l->give_up_ns)) < 0 && errno != EINTR)
        return false;
    if ((p[1].revents & (POLLHUP | POLLERR)) && !l->give_up_ns)
        l->give_up_ns = tenon_monotonic_ns() + LINGER_NS;
    return !l->give_up_ns || tenon_monotonic_ns() < l->give_up_ns;
}

static void
carry(struct tlslink *l)
{
    do {
        if (!l->in.len && !l->in.ended)
            read_tls(l);
        write_plain(l);
        if (!l->out.len && !l->out.ended)
            read_plain(l);
        write_tls(l);
    } while (!(l->out.ended && !l->out.len) && await(l));
}

static void *
run(void *data)
{
    struct tlslink *l = data;
    int rc = greet(l);

    if (!end_greeting(l) && rc == 0) /* at that very moment: its socket is shut */
        rc = GNUTLS_E_SESSION_EOF;
    if (rc == 0) {
        take_identity(l);
        carry(l);
        gnutls_bye(l->session, GNUTLS_SHUT_WR);
    } else {
        log_refused(l, rc);
        const gnutls_alert_description_t alert = rc == GNUTLS_E_NO_CERTIFICATE_FOUND
                                                     ? GNUTLS_A_CERTIFICATE_REQUIRED
                                                     : (gnutls_alert_description_t)
                                                           gnutls_error_to_alert(rc, NULL);
        gnutls_alert_send(l->session, GNUTLS_AL_FATAL, alert);
    }
    shutdown(l->plain, SHUT_RDWR);
    shutdown(l->fd, SHUT_RDWR);
    return NULL;
}

/* A peer whose machine or network is gone is noticed. */
static void
watch_peer(int fd)
{
    const int one = 1, idle = SILENT_S, step = SILENT_STEP_S, steps = SILENT_STEPS;
    const unsigned untaken = UNTAKEN_MS;

    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step, sizeof step) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &steps, sizeof steps) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &untaken, sizeof untaken) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        tenon_log(TENON_LOG_DEBUG, "a socket's options: %s", strerror(errno));
}

static bool
open_session(struct tlslink *l)
{
    static const gnutls_datum_t h2 = {(unsigned char *)(uintptr_t)"h2", 2};

    if (gnutls_init(&l->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_priority_set(l->session, l->tls->priorities) < 0 ||
        gnutls_credentials_set(l->session, GNUTLS_CRD_CERTIFICATE, l->tls->credentials) < 0 ||
        gnutls_alpn_set_protocols(l->session, &h2, 1, GNUTLS_ALPN_MANDATORY) < 0)
        return false;
    gnutls_certificate_server_set_request(l->session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert2(l->session, &l->tls->purpose, 1, 0);
    gnutls_transport_set_int(l->session, l->fd);
    return true;
}

static void
release(struct tlslink *l)
{
    if (l->session)
        gnutls_deinit(l->session);
    close(l->fd);
    if (l->plain >= 0)
        close(l->plain);
    free(l->peer);
    free(l);
}

struct tlslink *
tlslink_start(struct serve_tls *tls, int fd, int *plain)
{
    struct tlslink *l = tenon_new0(struct tlslink);
    int ends[2] = {-1, -1};

    *l = (struct tlslink){.tls = tls, .fd = fd, .plain = -1, .peer = serve_address_name(fd, true)};
    watch_peer(fd);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && open_session(l) &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
        l->plain = ends[0];
        begin_greeting(l);
        if (pthread_create(&l->thread, NULL, run, l) == 0) {
            *plain = ends[1];
            return l;
        }
        end_greeting(l);
        close(ends[1]);
    }
    release(l);
    return NULL;
}

void
tlslink_free(struct tlslink *l)
{
    if (!l)
        return;
    pthread_join(l->thread, NULL);
    release(l);
}

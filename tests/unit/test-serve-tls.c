/* tenon serve over TCP: who is let in, and that bytes come through as they are. */
#include "tlskit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "addresses.h"
#include "pulse.h"
#include "server.h"
#include "tls.h"

static struct identity ca, other_ca, server;
static char dir[] = "/tmp/test-serve-tls.XXXXXX";
static char *ca_path, *cert_path, *key_path;
static char logged[4096];

static void
keep_log(void *data, int level, const char *text)
{
    (void)data, (void)level;
    strncat(logged, text, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
}

static char *
in_dir(const char *name)
{
    return tenon_asprintf("%s/%s", dir, name);
}

static void
setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    const int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ca = identity_make(&(struct certificate){.cn = "authority", .is_authority = true});
    other_ca = identity_make(&(struct certificate){.cn = "authority", .is_authority = true});
    server = identity_make(&(struct certificate){.cn = "server", .ip = "127.0.0.1", .by = &ca});
    identity_write_certificate(&ca, dirfd, "ca.pem");
    identity_write_certificate(&server, dirfd, "cert.pem");
    identity_write_key(&server, dirfd, "key.pem");
    identity_write_key(&ca, dirfd, "other-key.pem");
    close(dirfd);
    ca_path = in_dir("ca.pem");
    cert_path = in_dir("cert.pem");
    key_path = in_dir("key.pem");
    tenon_log_set_sink(keep_log, NULL);
}

static void
teardown(void)
{
    static const char *const names[] = {"ca.pem", "cert.pem", "key.pem", "other-key.pem"};

    tenon_log_set_sink(NULL, NULL);
    for (size_t i = 0; i < tenon_countof(names); i++) {
        auto_free char *path = in_dir(names[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(dir), 0);
    free(ca_path);
    free(cert_path);
    free(key_path);
    identity_release(&ca);
    identity_release(&other_ca);
    identity_release(&server);
}

/* ---- a place, and who comes there ---------------------------------------- */

static struct serve_places *
open_place(struct sockaddr_in *at)
{
    const struct serve_rules rules = {.ca = ca_path, .cert = cert_path, .key = key_path};
    struct serve_places *p = serve_places_new(&rules);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    socklen_t size = sizeof *at;

    ck_assert_msg(serve_places_add(p, "tcp://127.0.0.1:0", &err) == 0, "%s", err.message);
    ck_assert_uint_eq(p->list.len, 1);
    ck_assert(p->list.items[0].secure);
    ck_assert_int_eq(getsockname(p->list.items[0].fd, (struct sockaddr *)at, &size), 0);
    return p;
}

static int
come(const struct sockaddr_in *at)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)at, sizeof *at), 0);
    return fd;
}

static int
let_in(struct serve_places *p)
{
    struct pollfd wait = {.fd = p->list.items[0].fd, .events = POLLIN};

    ck_assert_int_eq(poll(&wait, 1, -1), 1);
    return accept4(wait.fd, NULL, NULL, SOCK_CLOEXEC);
}

struct visit {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd;
};

/* As whom: NULL shows nothing.  The client asks nothing of the server: that is the server's test. */
static void
visit_begin(struct visit *v, const struct sockaddr_in *at, const struct identity *who,
            const char *versions, const char *speaks)
{
    const gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)speaks, (unsigned)strlen(speaks)};

    v->fd = come(at);
    if (who)
        v->credentials = identity_credentials(who, NULL);
    else
        ck_assert_int_eq(gnutls_certificate_allocate_credentials(&v->credentials), 0);
    ck_assert_int_eq(gnutls_init(&v->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    ck_assert_int_eq(gnutls_priority_set_direct(v->session, versions, NULL), 0);
    ck_assert_int_eq(gnutls_credentials_set(v->session, GNUTLS_CRD_CERTIFICATE, v->credentials), 0);
    ck_assert_int_eq(gnutls_alpn_set_protocols(v->session, &protocol, 1, 0), 0);
    gnutls_transport_set_int(v->session, v->fd);
}

static void
visit_end(struct visit *v)
{
    gnutls_deinit(v->session);
    gnutls_certificate_free_credentials(v->credentials);
    close(v->fd);
}

/* Does what the client writes come out at the other end? */
static bool
gets_through(struct visit *v, int plain)
{
    char got[5] = "";
    int rc;

    do
        rc = gnutls_handshake(v->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc < 0 || gnutls_record_send(v->session, "hello", 5) != 5)
        return false;
    struct pollfd wait = {.fd = plain, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, -1), 1);
    return read(plain, got, sizeof got) == 5 && memcmp(got, "hello", 5) == 0;
}

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS11 "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT"

enum signer { OURS, ANOTHER, ITSELF, NOBODY };
static const struct {
    const char *name;
    struct certificate shown;
    enum signer by;
    const char *versions;
    const char *speaks;
    const char *logs;
    bool enters;
} visitors[] = {
    {"right", {.cn = "alice"}, OURS, TLS13, "h2", "is CN=alice (sha256:", true},
    {"right, with TLS 1.2", {.cn = "alice"}, OURS, TLS12, "h2", "is CN=alice (sha256:", true},
    {"right, with its purpose", {.cn = "alice", .purpose = GNUTLS_KP_TLS_WWW_CLIENT}, OURS, TLS13,
     "h2", "is CN=alice", true},
    {"a name of two lines", {.cn = "alice\ntcp://1.2.3.4:5 is CN=bob"}, OURS, TLS13, "h2",
     "is CN=alice", true},
    {"no certificate", {.cn = ""}, NOBODY, TLS13, "h2", "is refused", false},
    {"no certificate, with TLS 1.2", {.cn = ""}, NOBODY, TLS12, "h2", "is refused", false},
    {"of another authority of the same name", {.cn = "alice"}, ANOTHER, TLS13, "h2",
     "is refused: The certificate is NOT trusted", false},
    {"its own authority", {.cn = "alice"}, ITSELF, TLS13, "h2", "is refused", false},
    {"expired", {.cn = "alice", .until = TLS_BEFORE_NOW}, OURS, TLS13, "h2", "expired", false},
    {"expired, with TLS 1.2", {.cn = "alice", .until = TLS_BEFORE_NOW}, OURS, TLS12, "h2",
     "expired", false},
    {"not yet valid", {.cn = "alice", .from = TLS_AFTER_NOW, .until = TLS_FAR_OFF}, OURS, TLS13,
     "h2", "not yet valid", false},
    {"of a server", {.cn = "alice", .purpose = GNUTLS_KP_TLS_WWW_SERVER}, OURS, TLS13, "h2",
     "intended purpose", false},
    {"TLS of old", {.cn = "alice"}, OURS, TLS11, "h2", "is refused", false},
    {"another protocol", {.cn = "alice"}, OURS, TLS13, "http/1.1", "is refused", false},
};

START_TEST(visitor)
{
    struct sockaddr_in at;
    struct serve_places *p = open_place(&at);
    struct certificate shown = visitors[_i].shown;
    const bool nobody = visitors[_i].by == NOBODY;
    struct identity who;
    struct visit v;
    int plain = -1;

    shown.by = visitors[_i].by == OURS ? &ca : visitors[_i].by == ANOTHER ? &other_ca : NULL;
    if (!nobody)
        who = identity_make(&shown);
    visit_begin(&v, &at, nobody ? NULL : &who, visitors[_i].versions, visitors[_i].speaks);
    logged[0] = '\0';
    struct tlslink *l = tlslink_start(p->tls, let_in(p), &plain);
    ck_assert_ptr_nonnull(l);
    ck_assert_msg(gets_through(&v, plain) == visitors[_i].enters, "%s", visitors[_i].name);
    visit_end(&v);
    close(plain);
    tlslink_free(l);
    ck_assert_msg(strstr(logged, visitors[_i].logs), "%s: %s", visitors[_i].name, logged);
    ck_assert_msg(strchr(logged, '\n') == logged + strlen(logged) - 1, "%s", logged);
    if (!nobody)
        identity_release(&who);
    serve_places_close(p);
}
END_TEST

/* ---- bytes --------------------------------------------------------------- */

enum { MANY = 4 * 1024 * 1024, STEP = 30011 };

static unsigned char
byte_at(size_t i, unsigned salt)
{
    return (unsigned char)(i * 2654435761u >> 13 ^ salt);
}

struct echo {
    int fd;
    pthread_t thread;
};

/* The server's end: what it reads it writes, a bit turned. */
static void *
echo_run(void *data)
{
    const struct echo *e = data;
    char part[STEP];

    for (ssize_t n;;) {
        struct pollfd wait = {.fd = e->fd, .events = POLLIN};
        poll(&wait, 1, -1);
        if ((n = read(e->fd, part, sizeof part)) <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            part[i] ^= 1;
        for (ssize_t at = 0, w; at < n; at += w > 0 ? w : 0) {
            wait.events = POLLOUT;
            poll(&wait, 1, -1);
            w = write(e->fd, part + at, (size_t)(n - at));
        }
    }
    close(e->fd);
    return NULL;
}

static void *
send_many(void *data)
{
    struct visit *v = data;
    unsigned char part[STEP];

    for (size_t at = 0; at < MANY;) {
        const size_t n = MANY - at < STEP ? MANY - at : STEP;
        for (size_t i = 0; i < n; i++)
            part[i] = byte_at(at + i, 0);
        for (size_t sent = 0; sent < n;) {
            const ssize_t w = gnutls_record_send(v->session, part + sent, n - sent);
            ck_assert(w > 0);
            sent += (size_t)w;
        }
        at += n;
    }
    return NULL;
}

/* Both ways at once, more than any buffer holds. */
START_TEST(bytes)
{
    struct sockaddr_in at;
    struct serve_places *p = open_place(&at);
    struct identity who = identity_make(&(struct certificate){.cn = "alice", .by = &ca});
    struct visit v;
    struct echo e;
    pthread_t sender;
    unsigned char part[STEP];
    size_t wrong_bytes = 0;

    visit_begin(&v, &at, &who, TLS13, "h2");
    struct tlslink *l = tlslink_start(p->tls, let_in(p), &e.fd);
    ck_assert_ptr_nonnull(l);
    ck_assert_int_eq(pthread_create(&e.thread, NULL, echo_run, &e), 0);
    ck_assert_int_eq(gnutls_handshake(v.session), 0);
    ck_assert_int_eq(pthread_create(&sender, NULL, send_many, &v), 0);
    for (size_t got = 0; got < MANY;) {
        const ssize_t n = gnutls_record_recv(v.session, part, sizeof part);
        ck_assert_msg(n > 0 || n == GNUTLS_E_AGAIN, "%zd", n);
        for (ssize_t i = 0; i < n; i++)
            wrong_bytes += part[i] != byte_at(got + (size_t)i, 1);
        got += n > 0 ? (size_t)n : 0;
    }
    ck_assert_uint_eq(wrong_bytes, 0);
    pthread_join(sender, NULL);
    ck_assert_int_eq(gnutls_bye(v.session, GNUTLS_SHUT_WR), 0);
    pthread_join(e.thread, NULL); /* the client's end is the connection's */
    ck_assert_int_eq(gnutls_record_recv(v.session, part, sizeof part), 0);
    tlslink_free(l);
    visit_end(&v);
    identity_release(&who);
    serve_places_close(p);
}
END_TEST

/* A server that ends waits neither for who says nothing, nor for who takes nothing. */
START_TEST(end_of_server)
{
    struct sockaddr_in at;
    struct serve_places *p = open_place(&at);
    struct identity who = identity_make(&(struct certificate){.cn = "alice", .by = &ca});
    struct visit v;
    int plain = -1;

    const int silent = come(&at);
    struct tlslink *l = tlslink_start(p->tls, let_in(p), &plain);
    ck_assert_ptr_nonnull(l);
    close(plain);
    tlslink_free(l);
    close(silent);

    visit_begin(&v, &at, &who, TLS13, "h2");
    l = tlslink_start(p->tls, let_in(p), &plain);
    ck_assert(gets_through(&v, plain));
    char part[STEP] = {0};
    for (struct pollfd wait = {.fd = plain, .events = POLLOUT}; poll(&wait, 1, 500) == 1;)
        ck_assert(write(plain, part, sizeof part) > 0);
    close(plain);
    tlslink_free(l);
    visit_end(&v);
    identity_release(&who);
    serve_places_close(p);
}
END_TEST

/* As many as may be silent, and the right one behind them: it comes in, and the oldest goes. */
START_TEST(silent_strangers)
{
    struct sockaddr_in at;
    struct serve_places *p = open_place(&at);
    struct identity who = identity_make(&(struct certificate){.cn = "alice", .by = &ca});
    struct { int fd, plain; struct tlslink *link; } silent[SERVER_GREETINGS_MAX];
    const uint64_t begun = tenon_monotonic_ns();
    struct visit v;
    int plain = -1;
    char end;

    for (size_t i = 0; i < tenon_countof(silent); i++) {
        silent[i].fd = come(&at);
        silent[i].link = tlslink_start(p->tls, let_in(p), &silent[i].plain);
        ck_assert_ptr_nonnull(silent[i].link);
    }
    logged[0] = '\0';
    visit_begin(&v, &at, &who, TLS13, "h2");
    struct tlslink *l = tlslink_start(p->tls, let_in(p), &plain);
    ck_assert(gets_through(&v, plain));
    ck_assert_int_eq(poll(&(struct pollfd){.fd = silent[0].plain, .events = POLLIN}, 1, -1), 1);
    ck_assert_int_eq(read(silent[0].plain, &end, 1), 0);
    ck_assert_int_lt(read(silent[1].plain, &end, 1), 0); /* it may still say who it is */
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_msg(strstr(logged, "it does not say who it is, and others came"), "%s", logged);
    close(plain);
    tlslink_free(l);
    visit_end(&v);
    for (size_t i = 0; i < tenon_countof(silent); i++) {
        close(silent[i].plain);
        tlslink_free(silent[i].link);
        close(silent[i].fd);
    }
    const char *line = logged;
    unsigned lines = 0;
    while ((line = strstr(line, "is refused")) != NULL)
        line++, lines++;
    if (tenon_monotonic_ns() - begun < 10 * UINT64_C(1000000000))
        ck_assert_uint_eq(lines, 20); /* the log is not theirs */
    identity_release(&who);
    serve_places_close(p);
}
END_TEST

/* ---- addresses ----------------------------------------------------------- */

static bool
has_ipv6(void)
{
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof any) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static const struct {
    const char *address;
    bool with_tls;
    const char *says;
} wrong[] = {
    {"tcp://127.0.0.1:0", false, "it needs an authority"},
    {"tcp://127.0.0.1", true, "expected tcp://HOST:PORT"},
    {"tcp://127.0.0.1:", true, "expected tcp://HOST:PORT"},
    {"tcp://::1:1234", true, "expected tcp://HOST:PORT"},
    {"tcp://127.0.0.1:http", true, "tcp://127.0.0.1:http: "},
    {"tcp://", true, "expected unix://PATH"},
    {"unix://", true, "expected unix://PATH"},
    {"/run/socket", true, "expected unix://PATH"},
    {"http://127.0.0.1:0", true, "expected unix://PATH"},
    {"fd://", true, "nobody has opened sockets"},
};

START_TEST(wrong_address)
{
    struct serve_rules rules = {.mode = 0600};
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (wrong[_i].with_tls) {
        rules.ca = ca_path;
        rules.cert = cert_path;
        rules.key = key_path;
    }
    struct serve_places *p = serve_places_new(&rules);
    ck_assert_int_lt(serve_places_add(p, wrong[_i].address, &err), 0);
    ck_assert_msg(strstr(err.message, wrong[_i].says), "%s: %s", wrong[_i].address, err.message);
    ck_assert_uint_eq(p->list.len, 0);
    serve_places_close(p);
}
END_TEST

/* However many places an address is: no more are waited for than there is room for. */
START_TEST(too_many_places)
{
    const struct serve_rules rules = {.ca = ca_path, .cert = cert_path, .key = key_path,
                                      .mode = 0600};
    auto_free char *path = in_dir("socket"), *address = tenon_asprintf("unix://%s", path);
    struct serve_places *p = serve_places_new(&rules);
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    while (p->list.len < SERVE_PLACES_MAX - 1)
        ck_assert_int_eq(serve_places_add(p, "tcp://127.0.0.1:0", &err), 0);
    const int rc = serve_places_add(p, "tcp://:0", &err);
    ck_assert_msg(rc == TENON_E_LIMIT || (rc == 0 && !has_ipv6()), "%d", rc);
    ck_assert_uint_eq(p->list.len, SERVE_PLACES_MAX);
    tenon_error_release(&err);
    ck_assert_int_eq(serve_places_add(p, address, &err), TENON_E_LIMIT);
    ck_assert_uint_eq(p->list.len, SERVE_PLACES_MAX);
    ck_assert_int_lt(access(path, F_OK), 0);
    serve_places_close(p);
}
END_TEST

/* Of an address that is two, one is another's. */
START_TEST(half_an_address)
{
    const struct serve_rules rules = {.ca = ca_path, .cert = cert_path, .key = key_path};
    struct sockaddr_in at;
    struct serve_places *other = open_place(&at), *p = serve_places_new(&rules);
    auto_free char *address = tenon_asprintf("tcp://:%u", ntohs(at.sin_port));
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    logged[0] = '\0';
    const int rc = serve_places_add(p, address, &err);
    ck_assert_msg(rc == 0 || !has_ipv6(), "%s", err.message);
    ck_assert_uint_eq(p->list.len, rc == 0);
    ck_assert_msg(strstr(logged, ": not at 0.0.0.0: Address already in use"), "%s", logged);
    serve_places_close(p);
    serve_places_close(other);
}
END_TEST

/* A key that is not the certificate's, files that are none. */
START_TEST(wrong_files)
{
    auto_free char *other_key = in_dir("other-key.pem");
    const struct serve_rules all[] = {
        {.ca = ca_path, .cert = cert_path, .key = other_key},
        {.ca = key_path, .cert = cert_path, .key = key_path},
        {.ca = "/dev/null", .cert = cert_path, .key = key_path},
        {.ca = ca_path, .cert = "/none", .key = key_path},
        {.ca = ca_path, .cert = cert_path, .key = "/none"},
        {.ca = ca_path, .cert = cert_path},
        {.cert = cert_path, .key = key_path},
    };

    for (size_t i = 0; i < tenon_countof(all); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct serve_places *p = serve_places_new(&all[i]);
        ck_assert_int_lt(serve_places_add(p, "tcp://127.0.0.1:0", &err), 0);
        ck_assert_uint_eq(p->list.len, 0);
        serve_places_close(p);
    }
}
END_TEST

/* Its own socket is removed; another's in its place is not. */
START_TEST(path_of_another)
{
    const struct serve_rules rules = {.mode = 0640};
    auto_free char *path = in_dir("socket"), *address = tenon_asprintf("unix://%s", path);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct stat st;

    struct serve_places *first = serve_places_new(&rules);
    ck_assert_int_eq(serve_places_add(first, address, &err), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    ck_assert_int_eq(unlink(path), 0);
    struct serve_places *second = serve_places_new(&rules);
    ck_assert_int_eq(serve_places_add(second, address, &err), 0);
    serve_places_close(first);
    ck_assert_int_eq(lstat(path, &st), 0);
    serve_places_close(second);
    ck_assert_int_lt(lstat(path, &st), 0);
}
END_TEST

/* Somebody holds the directory's lock, and keeps it. */
START_TEST(lock_of_another)
{
    const struct serve_rules rules = {.mode = 0600};
    auto_free char *path = in_dir("socket"), *address = tenon_asprintf("unix://%s", path);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const int held = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct serve_places *p = serve_places_new(&rules);

    ck_assert_int_eq(flock(held, LOCK_EX), 0);
    ck_assert_int_eq(serve_places_add(p, address, &err), 0);
    ck_assert_int_eq(access(path, F_OK), 0);
    serve_places_close(p);
    ck_assert_int_lt(access(path, F_OK), 0);
    close(held);
}
END_TEST

/* ---- does a client answer? ----------------------------------------------- */

static const struct {
    const char *wish; /* milliseconds */
    uint64_t seconds;
} wishes[] = {
    {NULL, PULSE_TIMEOUT}, {"", PULSE_TIMEOUT}, {"0", PULSE_TIMEOUT}, {"soon", PULSE_TIMEOUT},
    {"1", PULSE_OWN_MIN},  {"30000", 30},       {"600000", 600},      {"600001", PULSE_OWN_MAX},
    {"18446744073709551615", PULSE_OWN_MAX},
};

START_TEST(patience)
{
    struct pulse p = {0}; /* the first question comes after the interval: it needs nobody yet */

    ck_assert_int_eq(pulse_start(&p, wishes[_i].wish), 0);
    pulse_stop(&p);
    ck_assert_uint_eq(p.timeout_ns, wishes[_i].seconds * UINT64_C(1000000000));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("serve-tls");
    TCase *t = tcase_create("tls");

    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, visitor, 0, (int)tenon_countof(visitors));
    tcase_add_test(t, bytes);
    tcase_add_test(t, end_of_server);
    tcase_add_test(t, silent_strangers);
    tcase_add_loop_test(t, wrong_address, 0, (int)tenon_countof(wrong));
    tcase_add_test(t, too_many_places);
    tcase_add_test(t, half_an_address);
    tcase_add_test(t, wrong_files);
    tcase_add_test(t, path_of_another);
    tcase_add_test(t, lock_of_another);
    tcase_add_loop_test(t, patience, 0, (int)tenon_countof(wishes));
    suite_add_tcase(s, t);
    return unit_run(s);
}

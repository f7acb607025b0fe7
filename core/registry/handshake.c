/* registry/handshake.c - see handshake.h. */
#include "registry/handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/libgnutls.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "registry/trust.h"
#include "registry/url.h"

#define NAME_MAX_LEN 512

void
tenon_peer_release(struct tenon_peer *p)
{
    if (p->addresses)
        freeaddrinfo(p->addresses);
    if (p->fd >= 0)
        close(p->fd);
    free(p->host);
    free(p->port);
    free(p->shown);
    free(p->address);
    *p = (struct tenon_peer)TENON_PEER_INIT;
}

/* ---- addresses --------------------------------------------------------------------------- */

static char *
address_text(const struct addrinfo *a)
{
    char text[NI_MAXHOST];
    return tenon_strdup(getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0,
                                    NI_NUMERICHOST) == 0 ? text : "?");
}

static void
split_authority(const char *url, struct tenon_peer *p)
{
    size_t len;
    const char *at = tenon_url_authority(url, &len);
    auto_free char *authority = tenon_strndup(at, len);
    char *end = *authority == '[' ? strchr(authority, ']') : NULL;
    char *colon = strrchr(end ? end : authority, ':');
    p->port = tenon_strdup(colon ? colon + 1 : tenon_has_prefix(url, "https:") ? "443" : "80");
    if (colon)
        *colon = '\0';
    if (end)
        *end = '\0';
    p->host = tenon_strdup(end ? authority + 1 : authority);
}

int
tenon_peer_find(const char *url, struct tenon_peer *out, struct tenon_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    split_authority(url, out);
    int rc = getaddrinfo(out->host, out->port, &hints, &out->addresses);
    if (rc != 0)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "%s: %s", out->host,
                               rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    for (const struct addrinfo *a = out->addresses; a; a = a->ai_next) {
        auto_free char *one = address_text(a);
        tenon_buf_addf(&text, "%s%s", text.len ? ", " : "", one);
    }
    out->shown = tenon_strdup(tenon_buf_str(&text));
    return 0;
}

/* ---- a connection ---------------------------------------------------------------------------- */

static int
connect_to(const struct addrinfo *a, int patience_ms)
{
    auto_close int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int trouble = 0;
    socklen_t len = sizeof trouble;
    if (fd < 0)
        return -errno;
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        return -errno;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (poll(&p, 1, patience_ms) == 0)
        return -ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &trouble, &len) < 0)
        return -errno;
    if (trouble)
        return -trouble;
    fcntl(fd, F_SETFL, 0); /* gnutls has a time of its own */
    return tenon_steal_fd(&fd);
}

int
tenon_peer_connect(struct tenon_peer *p, uint64_t patience_ns, struct tenon_error *err)
{
    auto_buf struct tenon_buf why = TENON_BUF_INIT;
    for (const struct addrinfo *a = p->addresses; a; a = a->ai_next) {
        auto_free char *address = address_text(a);
        const int fd = connect_to(a, (int)(patience_ns / 1000000));
        if (fd >= 0) {
            p->fd = fd;
            p->address = tenon_steal(&address);
            return 0;
        }
        tenon_buf_addf(&why, "%s%s port %s: %s", why.len ? "; " : "", address, p->port,
                       strerror(-fd));
    }
    return tenon_error_set(err, TENON_E_UNAVAILABLE, "%s", tenon_buf_str(&why));
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static char *
certificate_text(gnutls_session_t session)
{
    unsigned count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t crt;
    char subject[NAME_MAX_LEN] = "?", issuer[NAME_MAX_LEN] = "?";
    size_t subject_len = sizeof subject, issuer_len = sizeof issuer;
    if (!shown || !count || gnutls_x509_crt_init(&crt) < 0)
        return NULL;
    char *text = NULL;
    if (gnutls_x509_crt_import(crt, &shown[0], GNUTLS_X509_FMT_DER) >= 0) {
        gnutls_x509_crt_get_dn(crt, subject, &subject_len);
        gnutls_x509_crt_get_issuer_dn(crt, issuer, &issuer_len);
        auto_free char *until = tenon_format_time(
            (int64_t)gnutls_x509_crt_get_expiration_time(crt) * 1000000000);
        text = tenon_asprintf("certificate of %s, by %s, until %s", subject, issuer, until);
    }
    gnutls_x509_crt_deinit(crt);
    return text;
}

static void
add_trust(gnutls_certificate_credentials_t known, const struct tenon_http_tls *tls,
          const struct tenon_http_settings *s)
{
    auto_free char *own = tenon_trust_text(s);
    const char *texts[] = {own, tls->ca};
    if (!own)
        gnutls_certificate_set_x509_system_trust(known);
    for (size_t i = 0; i < tenon_countof(texts); i++) {
        if (!texts[i])
            continue;
        const gnutls_datum_t pem = {(unsigned char *)(uintptr_t)texts[i],
                                    (unsigned)strlen(texts[i])};
        gnutls_certificate_set_x509_trust_mem(known, &pem, GNUTLS_X509_FMT_PEM);
    }
    if (tls->cert && tls->key)
        gnutls_certificate_set_x509_key_file(known, tls->cert, tls->key, GNUTLS_X509_FMT_PEM);
}

static int
check_certificate(gnutls_session_t session, const char *host, struct tenon_error *err)
{
    unsigned status = 0;
    gnutls_datum_t why = {0};
    if (gnutls_certificate_verify_peers3(session, host, &status) < 0)
        return tenon_error_set(err, TENON_E_DENIED, "it shows no certificate");
    if (!status)
        return 0;
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0);
    size_t len = why.size;
    while (len && strchr(" \n", (char)why.data[len - 1]))
        len--;
    tenon_error_set(err, TENON_E_DENIED, "%.*s", (int)len, (const char *)why.data);
    gnutls_free(why.data);
    return err->code;
}

static int
shake_hands(gnutls_session_t session, gnutls_certificate_credentials_t known,
            const struct tenon_peer *p, const struct tenon_http_settings *s, char **shown,
            struct tenon_error *err)
{
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, known);
    if (strspn(p->host, "0123456789.") != strlen(p->host) && !strchr(p->host, ':'))
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, p->host, strlen(p->host));
    gnutls_transport_set_int(session, p->fd);
    gnutls_handshake_set_timeout(session, (unsigned)(s->connect_ns / 1000000));
    int rc;
    do
        rc = gnutls_handshake(session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc < 0)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "no TLS: %s", gnutls_strerror(rc));
    *shown = certificate_text(session);
    rc = check_certificate(session, p->host, err);
    gnutls_bye(session, GNUTLS_SHUT_WR);
    return rc;
}

int
tenon_peer_tls(struct tenon_peer *p, const struct tenon_http_tls *tls,
               const struct tenon_http_settings *s, char **shown, struct tenon_error *err)
{
    gnutls_certificate_credentials_t known;
    gnutls_session_t session;
    if (gnutls_certificate_allocate_credentials(&known) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "gnutls: no memory");
    add_trust(known, tls, s);
    int rc = gnutls_init(&session, GNUTLS_CLIENT) < 0
                 ? tenon_error_set(err, TENON_E_NOMEM, "gnutls: no memory")
                 : shake_hands(session, known, p, s, shown, err);
    if (rc != TENON_E_NOMEM)
        gnutls_deinit(session);
    gnutls_certificate_free_credentials(known);
    return rc;
}

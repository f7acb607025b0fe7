/* registry/failure.c - see failure.h. */
#include "registry/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/libgnutls.h"
#include "registry/url.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "tenon-plugin.h"

static void
host_of(const char *url, char *host, size_t size, bool port)
{
    size_t len;
    const char *p = tenon_url_authority(url, &len);
    if (!port)
        len = p[0] == '[' ? strcspn(p, "]") + 1 : strcspn(p, ":/?#");
    snprintf(host, size, "%.*s", (int)len, p);
    if (port && (p[0] == '[' ? !strstr(host, "]:") : !strchr(host, ':')))
        snprintf(host, size, "%.*s:%s", (int)len, p,
                 tenon_has_prefix(url, "https:") ? "443" : "80");
}

static char *
certificate_words(CURL *easy, const char *url, const char *detail)
{
    char host[300];
    long bits = 0;
    host_of(url, host, sizeof host, false);
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &bits);
    if (strstr(detail, "does not match"))
        return tenon_asprintf("x509: certificate is valid for other names, not %s", host);
    if ((bits & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) ||
        strstr(detail, "expir") || strstr(detail, "activat"))
        return tenon_strdup("x509: certificate has expired or is not yet valid");
    if (bits & GNUTLS_CERT_REVOKED)
        return tenon_strdup("x509: certificate is revoked");
    return tenon_strdup("x509: certificate signed by unknown authority");
}

/* What a proxy said to the request for a connection. */
static char *
proxy_refusal(const char *detail, int *code, enum tenon_http_trouble *trouble)
{
    const char *number = strstr(detail, "response ");
    bool passes = number && (number[9] == '5' || tenon_has_prefix(number + 9, "429"));
    *trouble = passes ? TENON_HTTP_BROKEN : TENON_HTTP_UNREACHED;
    *code = passes ? TENON_E_UNAVAILABLE : TENON_E_DENIED;
    return tenon_asprintf("proxyconnect tcp: %s", detail);
}

/* The peer as it was reached, or as it is called. */
static void
address_of(const struct tenon_http_failure *f, char *address, size_t size)
{
    char *ip = NULL;
    long port = 0;
    host_of(f->url, address, size, true);
    curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_PORT, &port);
    if (ip && *ip && port > 0)
        snprintf(address, size, strchr(ip, ':') ? "[%s]:%ld" : "%s:%ld", ip, port);
}

static char *
not_connected(const struct tenon_http_failure *f)
{
    char address[340];
    long sys = 0;
    address_of(f, address, sizeof address);
    curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &sys);
    const char *text = sys == EHOSTUNREACH   ? "no route to host"
                       : sys == ENETUNREACH  ? "network is unreachable"
                       : sys == ETIMEDOUT    ? "connection timed out"
                       : sys == ECONNRESET   ? "connection reset by peer"
                                             : "connection refused";
    return tenon_asprintf("%sdial tcp %s: connect: %s", f->proxied ? "proxyconnect tcp: " : "",
                          address, text);
}

/* The only limit of libcurl's that we set is that for connections. */
static char *
too_slow(const struct tenon_http_failure *f)
{
    char address[340];
    curl_off_t connected = 0;
    address_of(f, address, sizeof address);
    curl_easy_getinfo(f->easy, CURLINFO_CONNECT_TIME_T, &connected);
    if (connected > 0)
        return tenon_strdup("net/http: TLS handshake timeout");
    return tenon_asprintf("%sdial tcp %s: i/o timeout", f->proxied ? "proxyconnect tcp: " : "",
                          address);
}

/* A descriptor for the resolver, or for a file of authorities: asked for once more. */
static int
want_of_descriptors(void)
{
    auto_close int fd = open("/", O_PATH | O_CLOEXEC);
    return fd < 0 && (errno == EMFILE || errno == ENFILE) ? errno : 0;
}

int
tenon_http_local_trouble(CURLcode rc, int sys)
{
    if (sys == EMFILE || sys == ENFILE || sys == ENOBUFS || sys == ENOMEM)
        return sys;
    if (rc == CURLE_OUT_OF_MEMORY || rc == CURLE_FAILED_INIT) {
        sys = want_of_descriptors();
        return sys || rc == CURLE_FAILED_INIT ? sys : ENOMEM;
    }
    return rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_RESOLVE_PROXY ||
                   rc == CURLE_COULDNT_CONNECT || rc == CURLE_SSL_CACERT_BADFILE ||
                   rc == CURLE_SSL_CONNECT_ERROR
               ? want_of_descriptors()
               : 0;
}

char *
tenon_http_failure(const struct tenon_http_failure *f, int *code,
                   enum tenon_http_trouble *trouble)
{
    char host[300];
    const char *detail = f->detail;
    CURLcode rc = f->rc;
    *code = TENON_E_UNAVAILABLE;
    *trouble = TENON_HTTP_UNREACHED;
    host_of(f->url, host, sizeof host, false);
    const char *said = *detail ? detail : curl_easy_strerror(rc);
    if ((rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR) &&
        strstr(detail, "alert")) {
        if (!f->answered)
            *code = TENON_E_DENIED; /* and will be again */
        *trouble = TENON_HTTP_BROKEN;
        return tenon_asprintf("remote error: tls: %s", said);
    }
    if (f->proxied && strstr(detail, "CONNECT"))
        return proxy_refusal(detail, code, trouble);
    switch ((int)rc) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return tenon_asprintf("dial tcp: lookup %s: no such host", host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return tenon_asprintf("proxyconnect tcp: %s", said);
    case CURLE_COULDNT_CONNECT:
        return not_connected(f);
    case CURLE_OPERATION_TIMEDOUT:
        return too_slow(f);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        *code = TENON_E_DENIED;
        return certificate_words(f->easy, f->url, detail);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        *code = TENON_E_INVALID;
        return tenon_asprintf("tls: %s", said);
    case CURLE_SSL_CONNECT_ERROR:
        *trouble = TENON_HTTP_BROKEN;
        if (strstr(detail, "error reading X.509")) {
            *code = TENON_E_INVALID; /* our own certificate or key */
            return tenon_asprintf("tls: %s", said);
        }
        if (strstr(detail, "unexpected TLS packet") || strstr(detail, "record")) {
            *trouble = TENON_HTTP_NO_TLS;
            return tenon_strdup("http: server gave HTTP response to HTTPS client");
        }
        return tenon_asprintf("tls: %s", said);
    default:
        break;
    }
    *trouble = TENON_HTTP_BROKEN;
    switch ((int)rc) {
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND: /* the connection broke, and it was not to be sent twice */
        return tenon_strdup("EOF");
    case CURLE_PARTIAL_FILE:
        return tenon_strdup("unexpected EOF");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return tenon_asprintf("connection broken: %s", said);
    case CURLE_UNSUPPORTED_PROTOCOL:
        if (strstr(detail, "HTTP/0.9"))
            return tenon_strdup("malformed HTTP response");
        /* fallthrough */
    case CURLE_URL_MALFORMAT:
        *code = TENON_E_INVALID;
        return tenon_asprintf("invalid URL: %s", said);
    default:
        return tenon_strdup(said);
    }
}

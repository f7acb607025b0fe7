/* registry/failure.c - see failure.h. */
#include "registry/failure.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/parse.h"
#include "tenon-plugin.h"

char *
tenon_url_redact(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    if (!colon)
        return tenon_strdup(url);
    return tenon_asprintf("%.*s:xxxxx%s", (int)(colon - url), url, at);
}

const char *
tenon_url_authority(const char *url, size_t *len)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    *len = strcspn(p, "/?#");
    const char *at = memrchr(p, '@', *len);
    if (!at)
        return p;
    *len -= (size_t)(at + 1 - p);
    return at + 1;
}

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

char *
tenon_http_failure(CURL *easy, CURLcode rc, const char *url, const char *detail,
                   bool answered, int *code)
{
    char host[300], address[340];
    char *ip = NULL;
    long port = 0, sys = 0;
    *code = TENON_E_UNAVAILABLE;
    host_of(url, host, sizeof host, false);
    host_of(url, address, sizeof address, true);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &sys);
    if (ip && *ip && port > 0)
        snprintf(address, sizeof address, strchr(ip, ':') ? "[%s]:%ld" : "%s:%ld", ip,
                 port);
    const char *said = *detail ? detail : curl_easy_strerror(rc);
    if ((rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR) &&
        strstr(detail, "alert")) {
        if (!answered)
            *code = TENON_E_DENIED; /* and will be again */
        return tenon_asprintf("remote error: tls: %s", said);
    }
    switch ((int)rc) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return tenon_asprintf("dial tcp: lookup %s: no such host", host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return tenon_asprintf("proxyconnect tcp: %s", said);
    case CURLE_COULDNT_CONNECT: {
        const char *text = sys == EHOSTUNREACH   ? "no route to host"
                           : sys == ENETUNREACH  ? "network is unreachable"
                           : sys == ETIMEDOUT    ? "connection timed out"
                           : sys == ECONNRESET   ? "connection reset by peer"
                                                 : "connection refused";
        return tenon_asprintf("dial tcp %s: connect: %s", address, text);
    }
    case CURLE_OPERATION_TIMEDOUT:
        return tenon_asprintf("dial tcp %s: i/o timeout", address);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        *code = TENON_E_DENIED;
        return certificate_words(easy, url, detail);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        *code = TENON_E_INVALID;
        return tenon_asprintf("tls: %s", said);
    case CURLE_SSL_CONNECT_ERROR:
        if (strstr(detail, "error reading X.509")) {
            *code = TENON_E_INVALID; /* our own certificate or key */
            return tenon_asprintf("tls: %s", said);
        }
        if (strstr(detail, "unexpected TLS packet") || strstr(detail, "record"))
            return tenon_strdup("http: server gave HTTP response to HTTPS client");
        return tenon_asprintf("tls: %s", said);
    case CURLE_GOT_NOTHING:
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

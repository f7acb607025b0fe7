/* registry/certificate.c - see certificate.h. */
#include "registry/certificate.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "base/libgnutls.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "registry/url.h"

static bool
is_address(const char *url)
{
    unsigned char bytes[16];
    size_t len;
    const char *host = tenon_url_authority(url, &len);
    if (*host == '[')
        return true;
    auto_free char *name = tenon_strndup(host, strcspn(host, ":/?#"));
    return inet_pton(AF_INET, name, bytes) == 1;
}

static bool
has_alternative_name(gnutls_x509_crt_t crt, unsigned wanted)
{
    for (unsigned i = 0;; i++) {
        unsigned char name[1024];
        size_t size = sizeof name;
        unsigned kind = 0;
        int rc = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &size, &kind, NULL);
        if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return false;
        if (rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER)
            return false;
        if (rc >= 0 && (unsigned)rc == wanted)
            return true;
    }
}

static const char *
fault(gnutls_x509_crt_t crt, const char *url)
{
    if (!gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER, 0))
        return "x509: certificate specifies an incompatible key usage";
    /* the host has matched something; without such a name, the common name */
    if (!has_alternative_name(crt, is_address(url) ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME))
        return "x509: certificate relies on legacy Common Name field, use SANs instead";
    return NULL;
}

const char *
tenon_certificate_fault(CURL *easy, const char *url)
{
    struct curl_tlssessioninfo *session = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || !session ||
        session->backend != CURLSSLBACKEND_GNUTLS || !session->internals)
        return NULL; /* other libraries look at both themselves */
    unsigned count = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers(session->internals, &count);
    gnutls_x509_crt_t crt;
    if (!shown || count == 0 || gnutls_x509_crt_init(&crt) < 0)
        return "x509: no certificate";
    const char *what = gnutls_x509_crt_import(crt, &shown[0], GNUTLS_X509_FMT_DER) < 0
                           ? "x509: malformed certificate"
                           : fault(crt, url);
    gnutls_x509_crt_deinit(crt);
    return what;
}

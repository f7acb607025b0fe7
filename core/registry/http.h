/* registry/http.h - one HTTP request over libcurl, cancellable, with Go's words for what
 * goes wrong. */
#ifndef TENON_REGISTRY_HTTP_H
#define TENON_REGISTRY_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

struct tenon_http_api; /* tenon-plugin.h */

struct tenon_http; /* a pool of connections; any thread */
struct tenon_http *tenon_http_new(void);
void tenon_http_free(struct tenon_http *h);

struct tenon_http_tls {
    bool insecure;   /* certificates are not verified */
    const char *ca;  /* PEM text trusted besides the system's, or NULL */
    const char *cert, *key; /* client certificate files, or NULL */
};

struct tenon_http_request {
    const char *method; /* "GET", "HEAD", "POST", "PUT" */
    const char *url;
    const char *accept, *content_type, *authorization; /* or NULL */
    const char *range;  /* "bytes=100-" or NULL */
    const char *const *headers; /* further ones, "Name: value"; or NULL */
    const struct tenon_http_tls *tls;
    struct tenon_cancel *cancel;
    /* Body to send: memory, or body_len bytes of a descriptor from offset 0. */
    const void *body;
    int body_fd; /* used when body is NULL and body_len > 0 */
    uint64_t body_len;
    void (*sent)(void *data, uint64_t bytes); /* progress of the body; or NULL */
    /* Where the body of a success (2xx) goes; NULL: kept in response.body, at
     * most `limit` bytes.  Other statuses' bodies are kept, at most 64 KiB. */
    int (*sink)(void *data, const void *buf, size_t len, struct tenon_error *err);
    void *data;
    size_t limit;
    bool once; /* for tenon_registry_request: a failure is not tried again */
};

struct tenon_http_response {
    long status;
    struct tenon_buf body;
    char *content_type;   /* without parameters; NULL */
    char *location;       /* absolute, of 2xx answers; NULL */
    char *digest;         /* Docker-Content-Digest; NULL */
    char *content_range, *content_disposition, *etag, *last_modified;
    char *url;            /* that answered, after redirects */
    char **challenges;    /* WWW-Authenticate, one a string; NULL-terminated or NULL */
};
void tenon_http_response_release(struct tenon_http_response *r);
TENON_DEFINE_AUTO_STRUCT(http_response, struct tenon_http_response,
                         tenon_http_response_release);
#define auto_response __attribute__((cleanup(tenon_auto_http_response)))

/* Follows redirects of GET and HEAD (at most 10, never from https to http);
 * the authorization stays at the first host.  Fails only when there is no
 * answer: UNAVAILABLE what may pass, DENIED for certificates.  *began (or NULL)
 * tells that bytes of a success have gone to the sink.  *out is initialised (all
 * zero, or an earlier answer, which goes) and filled as headers arrive, so that a
 * sink may look at it. */
int tenon_http_do(struct tenon_http *h, const struct tenon_http_request *req,
                  struct tenon_http_response *out, bool *began,
                  struct tenon_error *err);
/* Is it a TLS server's answer to plain HTTP? */
bool tenon_http_is_tls_answer(const struct tenon_http_response *r);

/* "scheme://host:port" equal? */
bool tenon_url_same_origin(const char *a, const char *b);
bool tenon_host_is_loopback(const char *host); /* with or without a port */

#endif

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

struct json_object;
struct tenon_http_settings; /* registry/settings.h */

struct tenon_http; /* a pool of connections; any thread */
/* config: tenon.json, or NULL; its "http" is read, and borrowed. */
struct tenon_http *tenon_http_new(struct json_object *config);
void tenon_http_free(struct tenon_http *h);
const struct tenon_http_settings *tenon_http_settings_of(const struct tenon_http *h);

struct tenon_http_tls {
    bool insecure;   /* certificates are not verified */
    const char *ca;  /* PEM text trusted besides the system's, or NULL */
    const char *cert, *key; /* client certificate files, or NULL */
};

struct tenon_http_request {
    const char *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
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
    bool decode_all;  /* undo any Content-Encoding, not gzip alone; none is asked for */
    uint64_t connect_ns;   /* less patience than the settings say; 0: no less */
    bool in_clear;    /* a redirect may lead from TLS to plain: a digest tells what comes */
    bool secret_body; /* no other server may be given it */
    bool stay;        /* a redirect is the answer */
    bool once; /* a failure is not tried again; tenon_http_patiently: but 429 and 503 are */
    /* For tenon_registry_request: */
    struct tenon_patience *patience; /* of the operation that this is a part of; or NULL */
};

/* Why there is no answer. */
enum tenon_http_trouble {
    TENON_HTTP_NO_TROUBLE,
    TENON_HTTP_UNREACHED, /* no connection came about */
    TENON_HTTP_NO_TLS,    /* a plain server where one with TLS was expected */
    TENON_HTTP_BROKEN,    /* it broke, or stalled */
};

struct tenon_http_response {
    long status;
    char *reason;         /* as the server calls it; NULL */
    enum tenon_http_trouble trouble; /* when the request fails */
    bool turned;          /* into a GET, by a redirect that says so (303) */
    struct tenon_buf body;
    char *content_type;   /* without parameters; NULL */
    char *content_encoding, *date, *retry_after;
    char *location;       /* absolute and without a fragment; NULL */
    char *digest;         /* Docker-Content-Digest; NULL */
    char *content_range, *content_disposition, *etag, *last_modified;
    char *link;           /* the last one; NULL */
    char *url;            /* that answered, after redirects */
    char **challenges;    /* WWW-Authenticate, one a string; NULL-terminated or NULL */
};
void tenon_http_response_release(struct tenon_http_response *r);
TENON_DEFINE_AUTO_STRUCT(http_response, struct tenon_http_response,
                         tenon_http_response_release);
#define auto_response __attribute__((cleanup(tenon_auto_http_response)))

/* Follows redirects of all methods, with their bodies (at most 10, and from https to http only
 * where nothing depends on it); the authorization stays at the first host.  Fails only when there
 * is no answer: UNAVAILABLE what may pass, DENIED for certificates.  *began (or NULL) tells that
 * bytes of a success have gone to the sink.  *out is initialised (all zero, or an earlier answer,
 * which is released) and filled as headers arrive, so that a sink may look at it. */
int tenon_http_do(struct tenon_http *h, const struct tenon_http_request *req,
                  struct tenon_http_response *out, bool *began,
                  struct tenon_error *err);
/* Is it a TLS server's answer to plain HTTP? */
bool tenon_http_is_tls_answer(const struct tenon_http_response *r);

#endif

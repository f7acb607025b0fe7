/* registry/private.h - shared by the files of this room: endpoints, authorization, and
 * one request with retries.  See registry.h. */
#ifndef TENON_REGISTRY_PRIVATE_H
#define TENON_REGISTRY_PRIVATE_H

#include <pthread.h>

#include "registry/http.h"
#include "registry/patience.h"
#include "registry/registry.h"

#define TENON_REGISTRY_MANIFEST_MAX ((size_t)8 << 20)
#define TENON_REGISTRY_ACCEPT                                                   \
    TENON_MT_DOCKER_MANIFEST ", " TENON_MT_DOCKER_LIST ", " TENON_MT_OCI_MANIFEST \
                             ", " TENON_MT_OCI_INDEX ", */*"

struct token; /* auth.c */
struct host;  /* memory.c */

struct tenon_registry {
    struct tenon_registry_options o;
    struct tenon_http *http;
    uint64_t pause_ns, patience_ns;
    pthread_mutex_t lock;
    struct token *tokens; /* locked by lock, as is hosts */
    struct host *hosts;
};

/* ---- hosts.c ----------------------------------------------------------------- */

/* One place that may have a repository: the registry itself or a mirror. */
struct tenon_endpoint {
    char *name;    /* host[:port] as users say it: credentials go by it */
    char *base;    /* "https://host:port/v2/prefix" */
    char *repo;    /* path below base, prefix included in scope_repo */
    char *scope_repo;
    char *ns;      /* of a mirror: the registry it stands for, else NULL */
    bool maybe_tls; /* http is a guess, because the host is loopback */
    bool fallback;  /* http of the endpoint before, for when that speaks no TLS */
    bool quick;     /* others have it too: one try, and no long wait for a connection */
    bool answered;  /* it has, as it is, in HTTP */
    struct tenon_http_tls tls;
    char *ca, *cert, *key; /* what tls points to */
};
struct tenon_endpoints {
    struct tenon_endpoint *items;
    size_t len;
};
/* Mirrors first (pull only), then the registry itself; insecure ones twice. */
int tenon_endpoints_find(struct tenon_registry *r, const struct tenon_reference *ref,
                         bool push, bool insecure, struct tenon_endpoints *out,
                         struct tenon_error *err);
void tenon_endpoints_release(struct tenon_endpoints *e);
TENON_DEFINE_AUTO_STRUCT(endpoints, struct tenon_endpoints, tenon_endpoints_release);
#define auto_endpoints __attribute__((cleanup(tenon_auto_endpoints)))
/* How long a connection may take where others have it too; 0: as long as the settings say. */
uint64_t tenon_registry_connect_ns(const struct tenon_registry_call *call,
                                   const struct tenon_endpoint *e);
/* base/repo/<kind>/<rest>, with ns where it belongs. */
char *tenon_endpoint_url(const struct tenon_endpoint *e, const char *kind,
                         const char *rest);
/* How to talk to another host that an endpoint sends to for tokens: as its own settings say,
 * trusting also whom the endpoint trusts; the endpoint's client certificate is not for it.  Of
 * *out only tls is set, and what it points to; for tenon_endpoint_release. */
int tenon_endpoint_elsewhere(struct tenon_registry *r, const struct tenon_endpoint *e,
                             const char *url, struct tenon_endpoint *out,
                             struct tenon_error *err);
void tenon_endpoint_release(struct tenon_endpoint *e);
TENON_DEFINE_AUTO_STRUCT(endpoint, struct tenon_endpoint, tenon_endpoint_release);
#define auto_endpoint __attribute__((cleanup(tenon_auto_endpoint)))
void tenon_endpoint_use_tls(struct tenon_endpoint *e); /* http to https */
/* Which one to try after number i failed with rc; len: none. */
size_t tenon_endpoints_next(const struct tenon_endpoints *e, size_t i, int rc,
                            const struct tenon_error *err);

/* ---- memory.c ------------------------------------------------------------------- */

#define TENON_HOST_ANSWERED (1u << 0) /* it is there: a connection that is refused may pass */
#define TENON_HOST_ILL (1u << 1)      /* a mirror to be left alone */
#define TENON_HOST_PLAIN (1u << 2)    /* an insecure one that speaks no TLS */
#define TENON_HOST_NO_TLS (1u << 3)   /* it has answered a greeting of TLS, and not with TLS */
bool tenon_host_is(struct tenon_registry *r, const struct tenon_endpoint *e, unsigned what);
/* True when that is new. */
bool tenon_host_set(struct tenon_registry *r, const struct tenon_endpoint *e, unsigned what,
                    bool on);
void tenon_hosts_free(struct tenon_registry *r);

/* ---- mirrors.c ------------------------------------------------------------------ */

/* 0 or a negative status; may be called again, for another endpoint. */
typedef int tenon_endpoint_work(void *data, struct tenon_endpoint *e, struct tenon_error *err);
/* Until it succeeds: for the mirrors of ref's registry, and itself; with push for itself alone. */
int tenon_endpoints_try(struct tenon_registry *r, const struct tenon_registry_call *call,
                        const struct tenon_reference *ref, bool push,
                        tenon_endpoint_work *work, void *data, struct tenon_error *err);

/* ---- auth.c ------------------------------------------------------------------- */

/* The Authorization header for an endpoint as far as known; NULL: none. */
char *tenon_auth_header(struct tenon_registry *r, const struct tenon_endpoint *e,
                        const char *scope);
/* Learn from a 401: get a token or basic credentials.  1: try again with
 * tenon_auth_header, 0: nothing can be done.  patience is for who gives tokens. */
int tenon_auth_challenge(struct tenon_registry *r, const struct tenon_registry_call *call,
                         const struct tenon_endpoint *e, const char *scope,
                         const struct tenon_http_response *res,
                         struct tenon_patience *patience, struct tenon_error *err);
void tenon_auth_free(struct tenon_registry *r);

/* ---- request.c ---------------------------------------------------------------- */

/* Of one operation, from the beginning. */
struct tenon_patience tenon_registry_patience(const struct tenon_registry *r);
/* tenon_http_do with authorization for scope; the first refusal asks for a
 * token.  Tries again, with pauses that grow or are as long as the server wants, after failures
 * and statuses that may pass, unless the sink has had bytes. */
int tenon_registry_request(struct tenon_registry *r,
                           const struct tenon_registry_call *call,
                           struct tenon_endpoint *e, const char *scope,
                           struct tenon_http_request *req,
                           struct tenon_http_response *res, bool *began,
                           struct tenon_error *err);

/* ---- status.c ----------------------------------------------------------------- */

/* "unexpected status from GET request to URL: 503 Service Unavailable: what it says"; to free. */
char *tenon_registry_status_text(const struct tenon_http_request *req,
                                 const struct tenon_http_response *res);
/* An answer that is not a success, as an error, worded as containerd does. */
int tenon_registry_status_error(const struct tenon_http_request *req,
                                const struct tenon_http_response *res,
                                const char *ref, struct tenon_error *err);

/* ---- pull.c ------------------------------------------------------------------- */

/* A repository of that registry which has the blob, for mounting it from there; malloc'ed
 * or NULL. */
char *tenon_blob_origin(struct tenon_registry *r, const char *domain, const char *digest);
/* It was pulled from or pushed to there. A hint: to lose it costs an upload. */
void tenon_blob_note_origin(struct tenon_registry *r, const struct tenon_reference *ref,
                            const char *digest);

#endif

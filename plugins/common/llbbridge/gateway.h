/* common/llbbridge/gateway.h - BuildKit's LLBBridge for one client: a frontend that is a program
 * in an image (frontend-gateway), or whoever drives a build over the socket of `tenon serve`.
 * What it asks for goes to the bridge of the host.
 *
 *   serving.c    one call: a message in, one out
 *   watch.c      calls that are given up
 *   serve.c      the methods of LLBBridge, by the bridge of the host
 *   platforms.c  which platforms a result is for
 *   imports.c    caches that it names
 *   returned.c   what is in a result
 *   attested.c   attestations in one
 *   containers.c, exec.c, process.c  containers, and processes in them
 *   references.c references, by their names
 *   failure.c    steps that failed, as references
 *   status.c     errors of the host as gRPC has them, and back
 *   caps.c       what is said to be understood
 *   llbbridge.c  the messages
 */
#ifndef TENON_COMMON_LLBBRIDGE_GATEWAY_H
#define TENON_COMMON_LLBBRIDGE_GATEWAY_H

#include <pthread.h>
#include <tenon-plugin.h>

#include "common/grpc/grpc.h"
#include "tools/arena.h"
#include "tools/buf.h"
#include "tools/vec.h"
#include "watch.h"

enum {
    GATEWAY_NAME_MAX = 24,         /* bytes of a reference's name */
    GATEWAY_REFS_MAX = 10000,      /* references that a frontend may have made */
    GATEWAY_OPTIONS_MAX = 1000,    /* options of a frontend that it calls */
    GATEWAY_IMPORTS_MAX = 64,      /* caches that it names */
    GATEWAY_PLATFORMS_MAX = 1000,  /* of its result */
    GATEWAY_ATTESTATIONS_MAX = 10000, /* in its result, with their subjects and metadata */
    GATEWAY_CONTAINERS_MAX = 100,  /* at a time */
    GATEWAY_PROCESSES_MAX = 100,   /* in all of them, at a time */
    GATEWAY_INPUT_MAX = 1 << 20,   /* bytes for the standard input of one, which wait */
    GATEWAY_ATTRIBUTES_MAX = 16 << 20, /* bytes of extended ones in an answer: none is longer */
    GATEWAY_ANSWERS_MAX = 8,       /* that are put together at a time: files, definitions */
    GATEWAY_STDERR_KEPT = 4096,    /* bytes of its last words, for the error */
    GATEWAY_STDERR_LOGGED = 4 << 20, /* bytes of all its words that the log gets */
    GATEWAY_GRACE = 10,            /* seconds: to end, after Return, or without a connection */
};

struct gateway_container;
struct gateway_failure;
struct gateway {
    const struct tenon_host *host;
    const struct tenon_values *config; /* the plugin's; may be NULL */
    const struct tenon_bridge *bridge;
    const struct tenon_frontend_request *request;
    struct tenon_ctx *ctx;
    struct tenon_graph *graph;
    struct grpc_conn *conn; /* this client's alone; NULL: it has none of its own */
    const char *session; /* its client's, whose directories sources are; NULL: the build's own */
    const char *const *more_caps; /* that this client has of LLB; ends with NULL, or NULL */
    struct watch watch; /* while it is served */

    pthread_mutex_t lock; /* what follows: each call has a thread of its own */
    pthread_cond_t changed; /* returned, deaf, gone, answers */
    bool deaf;     /* nobody serves it any more */
    bool gone;     /* its process has ended */
    bool killed;   /* by us: it did not end by itself */
    TENON_VEC(struct tenon_ref *) refs; /* by what the program calls them, less one */
    size_t imports; /* named so far */
    TENON_VEC(struct gateway_container *) containers;
    TENON_VEC(struct gateway_failure *) failures; /* that it was told of */
    unsigned processes; /* in them */
    unsigned answers;   /* that are put together now */
    bool returned; /* or tried to */
    char *refused; /* why what it returned was not taken; NULL: it was */
    struct tenon_result *result; /* of the request: Return fills it */
    struct tenon_buf failure;    /* the ReturnRequest, if it says that it failed */
};

/* ---- references.c -------------------------------------------------------- */

/* What the program is to call the reference; false: there are too many. */
bool gateway_name_ref(struct gateway *gw, struct tenon_ref *ref, char name[GATEWAY_NAME_MAX]);

/* ---- serve.c ------------------------------------------------------------- */

/* host to result are set.  Steps that fail are kept from here on. */
void gateway_open(struct gateway *gw);
/* No call is served any more. */
void gateway_release(struct gateway *gw);
/* The methods of LLBBridge, for which user is the gateway: for who serves others beside them. */
const struct grpc_method *gateway_methods(size_t *count);
/* Serves them, and nothing else, until the connection with the program is over. */
void gateway_serve(struct gateway *gw);

/* ---- platforms.c --------------------------------------------------------- */

struct message_list;
struct gateway_platform {
    const char *id;   /* what the program calls it, in names of metadata too */
    const char *name; /* "linux/arm/v7" */
};
struct gateway_platforms {
    const struct gateway_platform *items;
    size_t count;
};
/* By the metadata; none where it says nothing.  What is wrong with it, or NULL. */
const char *gateway_platforms(struct tenon_arena *arena, const struct message_list *metadata,
                              struct gateway_platforms *out);

/* ---- imports.c ----------------------------------------------------------- */

int gateway_import(struct gateway *gw, struct tenon_ctx *ctx, const struct message_list *imports,
                   struct tenon_error *err);

/* ---- returned.c ---------------------------------------------------------- */

struct gw_result;
struct message_bytes;
/* Of a result that is one reference, where refs.platforms does not say it; to free(). */
char *gateway_only_platform(const struct gateway *gw, const struct gw_result *r);
/* To the result of the request. */
int gateway_take_metadata(struct gateway *gw, const struct gw_result *r, struct tenon_error *err);
/* What came with the last Solve of a program that knows no Return.  False: malformed. */
bool gateway_final_metadata(struct tenon_arena *arena, const struct message_bytes *json,
                            struct message_list *out);

/* ---- status.c ------------------------------------------------------------ */

/* How BuildKit names the type of a detail. */
#define GATEWAY_TYPE(name) "github.com/moby/buildkit/" name "+json"
/* What is in err, as the wire has it; in the arena, and in err. */
struct gw_status;
struct tenon_arena;
void gateway_status(struct gateway *gw, struct tenon_error *err, struct tenon_arena *arena,
                    struct gw_status *out);
/* Ends the call with what is in err. */
void gateway_fail(struct gateway *gw, struct grpc_call *call, struct tenon_error *err);
/* Sets err to what the program says that went wrong: its message, and its details as
 * they are.  Returns the code. */
int gateway_take_failure(struct gateway *gw, struct tenon_error *err);

/* ---- caps.c -------------------------------------------------------------- */

extern const char *const gateway_frontend_caps[], *const gateway_llb_caps[]; /* end with NULL */

#endif

/* common/grpc/grpc.h - gRPC over HTTP/2 on any two descriptors, as the server or the client.
 *
 * A connection is a stream of bytes each way: two pipes, a socket, one end of a socketpair.
 * There is no TLS, no upgrade and no name to look up: the client begins with HTTP/2's preface
 * ("prior knowledge").  A connection has one thread of its own, which reads and writes; all
 * others use calls, which block.  Messages are bytes: what is in them is nobody's business
 * here.
 *
 *   struct grpc_conn *conn = grpc_conn_new(GRPC_CLIENT, NULL);
 *   grpc_conn_start(conn, fd, fd);
 *   struct grpc_call *call = grpc_call_start(conn, "/pkg.Service/Method", NULL, 0, 0);
 *   grpc_call_send(call, data, len);
 *   grpc_call_close_send(call);
 *   while (grpc_call_recv(call, &message) > 0) ...
 *   grpc_call_status(call, &status);
 *   grpc_call_free(call);
 *   grpc_conn_free(conn);
 *
 * Threads: any thread may call anything at any time, but only one at a time receives on a
 * call, and a call or a connection is freed once, when nobody else uses it.
 *
 * Errors: what went wrong is always a status, the call's own; functions say no more than
 * that there is one (-1).  Nothing here raises SIGPIPE.
 *
 * Compression: none is offered and none is taken; a message that says it is compressed ends
 * its call with UNIMPLEMENTED, as gRPC's page on compression wants it. */
#ifndef TENON_COMMON_GRPC_GRPC_H
#define TENON_COMMON_GRPC_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/buf.h"

enum grpc_code {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

struct grpc_status { /* zero is fine, and OK */
    int code;        /* enum grpc_code, or what else the peer sent */
    char *message;   /* UTF-8, of any length; NULL: none */
    void *details;   /* grpc-status-details-bin: a google.rpc.Status, encoded; NULL: none */
    size_t details_len; /* a client receives about 47 KiB at most: a longer header ends the
                         * connection (nghttp2), with the code and the message still there */
};
void grpc_status_release(struct grpc_status *s);
TENON_DEFINE_AUTO_STRUCT(grpc_status, struct grpc_status, grpc_status_release);
#define auto_grpc_status __attribute__((cleanup(tenon_auto_grpc_status)))
/* "not found", for messages; "code 99" for one that has no name (static or not for long:
 * `room` holds it). */
const char *grpc_code_name(int code, char room[24]);

/* What a peer may make us hold.  A call that goes beyond ends with RESOURCE_EXHAUSTED and a
 * message that names the limit; other calls do not notice. */
struct grpc_limits {
    size_t message_max;  /* bytes of one message received; 16 MiB */
    size_t send_max;     /* bytes of one message sent; 16 MiB */
    size_t header_max;   /* bytes of all headers of a call received, 32 more for each; 64 KiB */
    size_t trailer_max;  /* the same of what is sent at a call's end: details that do not fit
                          * are left out, so that the code and the message arrive; 16 MiB */
    size_t memory_max;   /* received, whether taken or not, until the next message of the call
                          * is taken or the call freed; and as much of a server's answers that
                          * are not gone, with their errors' details, which are left out where
                          * there is no room; each of all calls together; 256 MiB */
    size_t queue_max;    /* grpc_call_send() waits while so many bytes are not yet gone; 1 MiB */
    unsigned resets_max;  /* calls that the peer gave up, above those that came to their end: more
                           * end the connection; 100 000 */
    unsigned streams_max; /* calls of the peer at once; 250.  One that it has given up counts
                           * until it is finished or freed here.  More are refused (the peer
                           * sees UNAVAILABLE, and may try again) */
    uint64_t greeting_ns; /* a server's: until the client must have begun to speak HTTP/2, or the
                           * connection ends; 0: whenever it likes */
};
struct grpc_limits grpc_limits_default(void);

/* ---- connections --------------------------------------------------------- */

struct grpc_conn;
struct grpc_call;
enum grpc_role { GRPC_CLIENT, GRPC_SERVER };

struct grpc_conn *grpc_conn_new(enum grpc_role role, const struct grpc_limits *limits);
/* Takes both descriptors over, also on failure, and makes them non-blocking; they may be one.
 * 0 or -errno. */
int grpc_conn_start(struct grpc_conn *conn, int in_fd, int out_fd);
/* What the caller has to say of its peer, before it starts; calls of it have that, too. */
void grpc_conn_set_owner(struct grpc_conn *conn, void *owner);
/* Waits for the peer's next call (a server's conn); NULL: the connection has ended, and none
 * comes any more. */
struct grpc_call *grpc_conn_accept(struct grpc_conn *conn);
/* False with *why, if the connection has ended: UNAVAILABLE when the peer went away or we
 * closed it, INTERNAL for what is not HTTP/2. */
bool grpc_conn_alive(struct grpc_conn *conn, struct grpc_status *why);
/* Does the peer still answer?  Waits for that; false: it has not within the time, or the
 * connection has ended. */
bool grpc_conn_ping(struct grpc_conn *conn, uint64_t timeout_ns);
/* Says goodbye (GOAWAY): no new calls in either direction; those that there are go on, and
 * the connection ends with the last, all of it sent. */
void grpc_conn_shutdown(struct grpc_conn *conn);
/* Ends it now, and all of its calls with it: what was not yet sent is lost (for a server that
 * wants to be heard: shutdown, then accept until NULL).  Waits for the thread, which closes the
 * descriptors.  Twice is fine. */
void grpc_conn_close(struct grpc_conn *conn);
/* Closes it.  Each call has been freed before, but for those that nobody accepted. */
void grpc_conn_free(struct grpc_conn *conn);

/* ---- serving ------------------------------------------------------------- */

struct grpc_method {
    const char *path; /* "/package.Service/Method" */
    /* In a thread of its own, as many at once as there are calls.  The call is freed
     * afterwards; one that was not finished ends with UNKNOWN. */
    void (*run)(void *user, struct grpc_call *call);
};
/* Serves until the connection ends, and returns when the last method has.  Other paths get
 * UNIMPLEMENTED. */
void grpc_serve(struct grpc_conn *conn, const struct grpc_method *methods, size_t count,
                void *user);

/* ---- calls --------------------------------------------------------------- */

/* Metadata.  Names are lower case.  The value of a name that ends in "-bin" is base64 here as on
 * the wire (grpc_base64_*); others are printable ASCII. */
struct grpc_header {
    const char *name, *value;
};

/* Client: begins a call; never NULL.  timeout_ns 0: it may last for ever.  Where it cannot
 * begin, the call is over and has a status. */
struct grpc_call *grpc_call_start(struct grpc_conn *conn, const char *path,
                                  const struct grpc_header *headers, size_t count,
                                  uint64_t timeout_ns);
/* The whole of a unary call; false: see *status (OK otherwise). */
bool grpc_call_unary(struct grpc_conn *conn, const char *path, const struct grpc_header *headers,
                     size_t count, uint64_t timeout_ns, const void *request, size_t len,
                     struct tenon_buf *reply, struct grpc_status *status);

/* Waits for the next message, and puts it into *out in place of what was there.  1: there it
 * is; 0: that was all (client: status OK; server: the client has sent everything); -1: the
 * call is over otherwise. */
int grpc_call_recv(struct grpc_call *call, struct tenon_buf *out);
/* The one message of a unary request; 0 or -1.  Another number of messages finishes the call
 * with INTERNAL. */
int grpc_call_recv_only(struct grpc_call *call, struct tenon_buf *out);
/* Queues a message, waiting while the queue is full.  0; -1: the call is over, or the message
 * is longer than send_max, which ends it. */
int grpc_call_send(struct grpc_call *call, const void *data, size_t len);
/* Client: nothing more will be sent. */
void grpc_call_close_send(struct grpc_call *call);
/* Server: answers with headers before there is a message; otherwise the first message does. */
void grpc_call_begin(struct grpc_call *call, const struct grpc_header *headers, size_t count);
/* Server: ends the call, after what was sent.  Only the first counts.  Does not wait. */
void grpc_call_finish(struct grpc_call *call, const struct grpc_status *status);
void grpc_call_fail(struct grpc_call *call, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Server: waits until the request is there (whole: all of it; otherwise its first message).  False:
 * the call is over. */
bool grpc_call_await(struct grpc_call *call, bool whole);
/* Server: ends it now, for those as well that send or receive: what waits to be sent is lost. */
void grpc_call_abort(struct grpc_call *call, int code, const char *message);
/* Client: gives the call up; the server is told. */
void grpc_call_cancel(struct grpc_call *call);
/* Client: waits for the end, dropping messages that nobody took; a copy for
 * grpc_status_release(). */
void grpc_call_status(struct grpc_call *call, struct grpc_status *out);
/* Is it over: nothing that we send arrives any more?  Server: cancelled, timed out, peer gone
 * (or finished and told). */
bool grpc_call_over(struct grpc_call *call);
/* A descriptor that becomes readable when that is so; the call's.  -1: none to be had. */
int grpc_call_over_fd(struct grpc_call *call);
/* Ends it, if it has not ended: a client's is cancelled, a server's gets UNKNOWN. */
void grpc_call_free(struct grpc_call *call);
TENON_DEFINE_AUTO(grpc_call, struct grpc_call *, grpc_call_free);
#define auto_grpc_call __attribute__((cleanup(tenon_auto_grpc_call)))

/* Server: what was called, "/package.Service/Method". */
const char *grpc_call_path(const struct grpc_call *call);
void *grpc_call_owner(const struct grpc_call *call); /* of its connection; NULL: none */
/* The other side's metadata, until the call is freed: the request's for a server; for a client
 * the response's, once a message or the end was received.  The first of that name, or NULL. */
const char *grpc_call_header(struct grpc_call *call, const char *name);
/* One after the other: *i begins with 0.  False: that was all. */
bool grpc_call_header_next(struct grpc_call *call, size_t *i, struct grpc_header *out);
/* Client: what came with the status, once the call is over. */
const char *grpc_call_trailer(struct grpc_call *call, const char *name);

/* ---- text ---------------------------------------------------------------- */

/* Standard alphabet; written without padding, read with or without.  False: not base64. */
void grpc_base64_encode(struct tenon_buf *out, const void *data, size_t len);
bool grpc_base64_decode(struct tenon_buf *out, const char *text, size_t len);

#endif

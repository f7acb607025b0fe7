/* common/grpc/private.h - what the files of this library share.
 *
 *   state.c       calls and connections as they are kept
 *   outgoing.c    what is sent on a stream: messages, trailers
 *   connection.c  HTTP/2 (nghttp2) and what arrives: bytes in, bytes out, no descriptors
 *   screen.c      what of the bytes nghttp2 does not get to see
 *   link.c        the thread between descriptors and a connection
 *   call.c        calls, as their users see them
 *   serve.c       a server's threads
 *
 * All of a connection and of its calls is guarded by the connection's lock, but for what is
 * said to be immutable.  nghttp2 calls back into connection.c and outgoing.c with it held. */
#ifndef TENON_COMMON_GRPC_PRIVATE_H
#define TENON_COMMON_GRPC_PRIVATE_H

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdarg.h>

#include "common/grpc/grpc.h"
#include "tools/alloc.h"
#include "tools/vec.h"

enum {
    FRAME_HEAD = 5,                   /* of a message: a flag and its length */
    STREAM_WINDOW = 1024 * 1024,      /* bytes that a peer may send ahead, of a call */
    CONN_WINDOW = 16 * 1024 * 1024,   /* and of all */
    HEADER_OVERHEAD = 32,             /* of one header, as HTTP/2 counts them */
    MESSAGE_OVERHEAD = 64,            /* of a message that waits: ours */
    STATUS_TEXT_MAX = 32 * 1024,      /* of grpc-message on the wire */
    EARLY_MAX = 256,                  /* streams given up before they began */
    BACKLOG_MAX = 4096,               /* frames to be sent, before we stop to read */
};

struct grpc_pair {
    char *name, *value;
};
struct grpc_pairs {
    TENON_VEC(struct grpc_pair) list;
};

struct grpc_waiting { /* a message that has arrived */
    struct grpc_waiting *next;
    struct tenon_buf data;
};

struct grpc_call {
    struct grpc_conn *conn;
    struct grpc_call *next, *prev;     /* of all that the connection knows */
    struct grpc_call *next_incoming;   /* of those to be accepted */
    pthread_cond_t changed;
    int32_t stream_id;
    bool held;      /* by its user, or in the queue to be accepted */
    bool open;      /* nghttp2 has the stream */
    bool counted;   /* in conn->theirs */
    bool over;      /* nothing that we send arrives */
    int over_fd;    /* -1: nobody asked */
    uint64_t deadline_ns; /* of CLOCK_MONOTONIC; 0: none */

    /* in */
    struct grpc_pairs headers, trailers; /* headers: immutable once a server's is accepted */
    char *path;
    size_t header_bytes;
    unsigned http_status;
    bool is_grpc, is_post, is_encoded, has_status, bad_timeout;
    bool deaf;       /* what arrives is dropped: the call has failed */
    bool all_in;     /* the peer has sent everything */
    unsigned char head[FRAME_HEAD];
    size_t head_len;
    uint32_t body_len; /* of the message that arrives */
    struct tenon_buf body;
    struct grpc_waiting *first, **last;
    size_t held_bytes;  /* of body and those that wait, as memory_max counts */
    size_t taken_bytes; /* of the last one that was taken: its user has it */
    size_t unconsumed;  /* bytes of the window that the peer does not have back yet */

    /* out */
    struct tenon_buf out; /* from out_at on: not yet given to nghttp2 */
    size_t out_at;
    bool begun;    /* the response's headers were submitted, or the request's */
    bool closing;  /* after `out` the stream's end follows (a server's: with the status) */
    bool closed;   /* it was given to nghttp2 */
    struct grpc_status status; /* server: to be sent, if closing; client: if over */
};

struct grpc_screen { /* frames as a server receives them */
    size_t preface;         /* bytes of it that have arrived */
    unsigned char head[9];  /* of the frame that arrives */
    size_t head_len;
    uint32_t left;          /* of its body */
    bool dropped;
    uint32_t newest;        /* the highest stream with HEADERS */
    int32_t ids[EARLY_MAX]; /* streams that were given up before their HEADERS */
    size_t given_up;
};

struct grpc_conn {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* an incoming call, the answer to a ping, the end */
    enum grpc_role role;    /* immutable, as limits and owner are */
    void *owner;
    struct grpc_limits limits;
    nghttp2_session *session;
    struct grpc_screen screen;
    struct grpc_call *calls;
    struct grpc_call *incoming, **incoming_last;
    unsigned theirs;     /* calls of the peer that nobody has finished here */
    unsigned resets;     /* as resets_max counts */
    size_t held_bytes;   /* of all calls, and what was taken */
    size_t queued_bytes; /* of all calls' `out`, and of the details of a server's errors */
    size_t deadlines;    /* calls with one */
    bool ended, goaway;
    uint32_t fault; /* of HTTP/2, in a GOAWAY that was sent or received */
    struct grpc_status why; /* if ended */
    uint64_t pings_sent, pings_answered;
    uint64_t greet_by_ns; /* as greeting_ns wants it; 0: it has, or need not */

    /* link.c: its thread's, but for those that are set before it starts */
    bool started, stop, joined;
    bool blocked; /* nothing can be written; with the lock, so that others can look */
    pthread_t thread;
    int in_fd, out_fd, wake_fd;
};

/* ---- state.c: with the lock held ----------------------------------------- */

/* All is over; the first reason stays. */
void grpc_conn_end(struct grpc_conn *conn, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void grpc_conn_wake(struct grpc_conn *conn); /* there is something to send */
struct grpc_call *grpc_call_new(struct grpc_conn *conn);
/* Sets the status, unless there is one. */
void grpc_call_set_status(struct grpc_call *call, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void grpc_call_vset_status(struct grpc_call *call, int code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
/* It is over, with the status that it has, or else this one. */
void grpc_call_end(struct grpc_call *call, int code, const char *text);
/* Its method is through with it: the peer may make another in its place. */
void grpc_call_uncount(struct grpc_call *call);
void grpc_call_drop(struct grpc_call *call); /* if neither its user nor nghttp2 has it */
void grpc_call_consume(struct grpc_call *call); /* gives the peer its window back */
void grpc_call_forget_messages(struct grpc_call *call);
void grpc_call_forget_out(struct grpc_call *call); /* what waits to be sent */

/* ---- outgoing.c: with the lock held -------------------------------------- */

void grpc_out_request(struct grpc_call *call, const struct grpc_header *headers, size_t count,
                      uint64_t timeout_ns);
void grpc_out_response(struct grpc_call *call, const struct grpc_header *headers, size_t count);
void grpc_out_message(struct grpc_call *call, const void *data, size_t len);
/* The stream's end, after what is queued: a server's with call->status. */
void grpc_out_close(struct grpc_call *call);
void grpc_out_reset(struct grpc_call *call, uint32_t error); /* if there still is a stream */
/* Tells the peer that it failed, by what the role has for that, and hears no more of it. */
void grpc_call_refuse(struct grpc_call *call, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- screen.c: with the lock held ---------------------------------------- */

/* What has arrived, cut anywhere.  False: the connection has ended. */
bool grpc_conn_feed(struct grpc_conn *conn, const void *data, size_t len);
bool grpc_screen_greeted(const struct grpc_screen *s); /* HTTP/2's first words are there */
/* Was the stream, whose HEADERS are here now, given up before? */
bool grpc_screen_gave_up(const struct grpc_screen *s, int32_t id);

/* ---- connection.c: with the lock held ------------------------------------ */

/* Appends what is to be sent, at least a frame if there is one, and about `most` bytes. */
void grpc_conn_pull(struct grpc_conn *conn, struct tenon_buf *out, size_t most);
/* Both sides are through with it (GOAWAY, or an error of HTTP/2): nothing more is read, and
 * nothing comes after what was pulled. */
bool grpc_conn_is_done(struct grpc_conn *conn);
/* All that was pulled has been written: ends the connection if it is done. */
void grpc_conn_settle(struct grpc_conn *conn);
/* So much is to be sent that more of the peer's had better wait. */
bool grpc_conn_is_behind(struct grpc_conn *conn);
/* Ends the calls whose time is over; the next of the others' deadlines, or 0. */
uint64_t grpc_conn_expire(struct grpc_conn *conn, uint64_t now_ns);

/* ---- all ----------------------------------------------------------------- */

uint64_t grpc_now_ns(void);
const char *grpc_pairs_get(const struct grpc_pairs *p, const char *name);

#endif

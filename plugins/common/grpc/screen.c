/* common/grpc/screen.c - what is kept from nghttp2 of that which a server receives.
 *
 * grpc-core (grpcio, C++) sends RST_STREAM ahead of the HEADERS that it has not written yet when a
 * call is given up at once. To HTTP/2 that is an error of the connection, and of all calls on it;
 * grpc-go's servers let it pass, so clients count on that. */
#include <string.h>

#include "common/grpc/private.h"

enum { PREFACE = 24, TYPE_HEADERS = 1, TYPE_RST_STREAM = 3, RESET_BYTES = 4 };

static bool
feed(struct grpc_conn *conn, const void *data, size_t len)
{
    ssize_t n = len ? nghttp2_session_mem_recv(conn->session, data, len) : 0;

    if (n < 0)
        grpc_conn_end(conn, GRPC_INTERNAL, "does not speak HTTP/2: %s",
                      nghttp2_strerror((int)n));
    return !conn->ended;
}

bool
grpc_screen_greeted(const struct grpc_screen *s)
{
    return s->preface == PREFACE;
}

bool
grpc_screen_gave_up(const struct grpc_screen *s, int32_t id)
{
    for (size_t i = 0; i < s->given_up; i++) {
        if (s->ids[i] == id)
            return true;
    }
    return false;
}

/* The head of a frame is complete: is it one that nghttp2 must not see? */
static bool
is_early_reset(struct grpc_screen *s)
{
    const unsigned char *h = s->head;
    const uint32_t id = (h[5] & 0x7fu) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];

    s->left = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
    if (h[3] == TYPE_HEADERS && id > s->newest) {
        s->newest = id;
        return false;
    }
    if (h[3] != TYPE_RST_STREAM || s->left != RESET_BYTES || id % 2 == 0 || id <= s->newest)
        return false;
    if (s->given_up == tenon_countof(s->ids)) { /* those whose turn is over make room */
        size_t kept = 0;
        for (size_t i = 0; i < s->given_up; i++) {
            if ((uint32_t)s->ids[i] > s->newest)
                s->ids[kept++] = s->ids[i];
        }
        s->given_up = kept;
    }
    if (s->given_up == tenon_countof(s->ids))
        return false; /* no client means that */
    s->ids[s->given_up++] = (int32_t)id;
    return true;
}

bool
grpc_conn_feed(struct grpc_conn *conn, const void *data, size_t len)
{
    struct grpc_screen *s = &conn->screen;
    const unsigned char *at = data, *end = at + len, *from = at;

    if (conn->ended)
        return false;
    if (conn->role == GRPC_CLIENT)
        return feed(conn, data, len);
    while (at < end) {
        const size_t there = (size_t)(end - at), n = s->left < there ? s->left : there;
        if (s->preface < PREFACE) {
            const size_t more = PREFACE - s->preface < there ? PREFACE - s->preface : there;
            s->preface += more;
            at += more;
        } else if (s->left) {
            from = s->dropped ? at + n : from;
            at += n;
            s->left -= (uint32_t)n;
        } else {
            if (s->head_len == 0 && !feed(conn, from, (size_t)(at - from)))
                return false;
            s->head[s->head_len++] = *at++;
            from = at;
            if (s->head_len < sizeof s->head)
                continue;
            s->dropped = is_early_reset(s);
            s->head_len = 0;
            if (!s->dropped && !feed(conn, s->head, sizeof s->head))
                return false;
        }
    }
    return feed(conn, from, (size_t)(end - from));
}

/* context/ctx.c - a unit of work: its memory, cleanups, secrets, output and log. */
#include "context/ctx.h"

#include <pthread.h>
#include <string.h>

#include "base/io.h"
#include "context/engine.h"
#include "context/session.h"
#include "store/cutlog.h"
#include "tools/alloc.h"
#include "tools/arena.h"
#include "tools/vec.h"

#define SECRET_MIN_BYTES 4 /* shorter ones would blot out the log */
#define SECRET_LINE_MIN_BYTES 8u
#define SECRET_LINES_MAX 512u

struct cleanup {
    void (*fn)(void *);
    void *data;
};

struct secret {
    void *data;
    size_t len;
};

struct status_line {
    char *id;
    int64_t current, total, started_ns;
};

struct tenon_ctx {
    struct tenon_engine *engine;
    struct tenon_events *events;
    struct tenon_cancel *cancel;
    char *vertex;
    unsigned depth;
    const char *const *users_options;
    bool is_users_own;
    const struct tenon_asked *asked;
    pthread_mutex_t lock; /* all below */
    struct tenon_arena arena;
    TENON_VEC(struct cleanup) cleanups;
    TENON_VEC(struct secret) secrets;
    TENON_VEC(struct status_line) statuses; /* not yet done */
    struct tenon_cutlog log;
    int (*log_open)(void *); /* NULL: open already, or there is none */
    void *log_data;
    struct tenon_buf held[2]; /* tail of a stream that may begin a secret */
};

struct tenon_ctx *
tenon_ctx_new(struct tenon_engine *engine, struct tenon_events *events,
              struct tenon_cancel *cancel, const char *vertex)
{
    struct tenon_ctx *ctx = tenon_new0(struct tenon_ctx);

    ctx->engine = engine;
    ctx->events = events;
    ctx->cancel = tenon_cancel_new(cancel);
    ctx->vertex = tenon_strdup(vertex);
    ctx->log.fd = -1;
    pthread_mutex_init(&ctx->lock, NULL);
    return ctx;
}

static void
log_bytes(struct tenon_ctx *ctx, const void *data, size_t len)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    /* A full disk must not fail the step because of its log. */
    if (ctx->log.fd >= 0 && len && tenon_cutlog_write(&ctx->log, data, len, &err) < 0)
        tenon_cutlog_close(&ctx->log);
}

void
tenon_ctx_free(struct tenon_ctx *ctx)
{
    if (!ctx)
        return;
    /* A cleanup may add another one. */
    while (ctx->cleanups.len) {
        struct cleanup c = ctx->cleanups.items[--ctx->cleanups.len];
        c.fn(c.data);
    }
    tenon_vec_release(&ctx->cleanups);
    for (unsigned i = 0; i < 2; i++) {
        const struct tenon_event ev = {
            .struct_size = sizeof ev, .type = TENON_EVENT_LOG,
            .vertex = ctx->vertex, .timestamp_ns = (int64_t)tenon_now_ns(),
            .data = ctx->held[i].data, .len = ctx->held[i].len, .stream = i + 1,
        };
        log_bytes(ctx, tenon_buf_str(&ctx->held[i]), ctx->held[i].len);
        if (ev.len)
            tenon_events_post_kept(ctx->events, &ev);
        tenon_buf_release(&ctx->held[i]);
    }
    tenon_cutlog_close(&ctx->log);
    tenon_vec_foreach(s, &ctx->secrets) {
        explicit_bzero(s->data, s->len);
        free(s->data);
    }
    tenon_vec_release(&ctx->secrets);
    tenon_vec_foreach(l, &ctx->statuses)
        free(l->id);
    tenon_vec_release(&ctx->statuses);
    tenon_arena_release(&ctx->arena);
    tenon_cancel_free(ctx->cancel);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx->vertex);
    free(ctx);
}

struct tenon_engine *
tenon_ctx_engine(struct tenon_ctx *ctx)
{
    return ctx->engine;
}

unsigned
tenon_ctx_depth(struct tenon_ctx *ctx)
{
    return ctx->depth;
}

void
tenon_ctx_set_depth(struct tenon_ctx *ctx, unsigned depth)
{
    ctx->depth = depth;
}

void
tenon_ctx_set_users_options(struct tenon_ctx *ctx, const char *const *options)
{
    ctx->users_options = options;
}

const char *const *
tenon_ctx_users_options(const struct tenon_ctx *ctx)
{
    return ctx->users_options;
}

void
tenon_ctx_set_users_own(struct tenon_ctx *ctx, bool is_users)
{
    ctx->is_users_own = is_users;
}

bool
tenon_ctx_is_users_own(const struct tenon_ctx *ctx)
{
    return ctx->is_users_own;
}

void
tenon_ctx_set_asked(struct tenon_ctx *ctx, const struct tenon_asked *asked)
{
    ctx->asked = asked;
}

const struct tenon_asked *
tenon_ctx_asked(const struct tenon_ctx *ctx)
{
    return ctx->asked;
}

struct tenon_events *
tenon_ctx_events(struct tenon_ctx *ctx)
{
    return ctx->events;
}

struct tenon_cancel *
tenon_ctx_cancel(struct tenon_ctx *ctx)
{
    return ctx->cancel;
}

const char *
tenon_ctx_vertex(struct tenon_ctx *ctx)
{
    return ctx->vertex;
}

int
tenon_ctx_client_open(struct tenon_ctx *ctx, const char *service, const char *id,
                      struct tenon_error *err)
{
    struct tenon_session *s = ctx->engine->session;
    return s->open(s->data, service, id, err);
}

void *
tenon_ctx_alloc(struct tenon_ctx *ctx, size_t size)
{
    pthread_mutex_lock(&ctx->lock);
    void *p = tenon_arena_alloc(&ctx->arena, size);
    pthread_mutex_unlock(&ctx->lock);
    return p;
}

void *
tenon_ctx_pointers(struct tenon_ctx *ctx, const void *items, size_t size, size_t count)
{
    const char **list = tenon_ctx_alloc(ctx, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (const char *)items + i * size;
    return list;
}

char *
tenon_ctx_strdup(struct tenon_ctx *ctx, const char *s)
{
    pthread_mutex_lock(&ctx->lock);
    char *p = tenon_arena_strdup(&ctx->arena, s);
    pthread_mutex_unlock(&ctx->lock);
    return p;
}

void
tenon_ctx_defer(struct tenon_ctx *ctx, void (*fn)(void *), void *data)
{
    pthread_mutex_lock(&ctx->lock);
    tenon_vec_push(&ctx->cleanups, (struct cleanup){ .fn = fn, .data = data });
    pthread_mutex_unlock(&ctx->lock);
}

static void
push_secret(struct tenon_ctx *ctx, const char *data, size_t len)
{
    tenon_vec_push(&ctx->secrets, (struct secret){
        .data = tenon_memdup(data, len), .len = len });
}

/* A key is often printed line by line. */
static void
push_lines(struct tenon_ctx *ctx, const char *data, size_t len)
{
    const char *end = data + len;
    for (unsigned n = 0; data < end && n < SECRET_LINES_MAX; n++) {
        const char *stop = memchr(data, '\n', (size_t)(end - data));
        size_t line = (size_t)((stop ? stop : end) - data);
        if (line && data[line - 1] == '\r')
            line--;
        if (line >= SECRET_LINE_MIN_BYTES && line < len)
            push_secret(ctx, data, line);
        data = stop ? stop + 1 : end;
    }
}

void
tenon_ctx_add_secret(struct tenon_ctx *ctx, const void *data, size_t len)
{
    if (len < SECRET_MIN_BYTES || len > TENON_SECRET_MAX_BYTES)
        return;
    /* A trailing newline belongs to the file, not to what gets printed. */
    while (len > SECRET_MIN_BYTES && ((const char *)data)[len - 1] == '\n')
        len--;
    pthread_mutex_lock(&ctx->lock);
    push_secret(ctx, data, len);
    push_lines(ctx, data, len);
    pthread_mutex_unlock(&ctx->lock);
}

void
tenon_ctx_set_log(struct tenon_ctx *ctx, int (*open)(void *data), void *data)
{
    pthread_mutex_lock(&ctx->lock);
    ctx->log_open = open;
    ctx->log_data = data;
    pthread_mutex_unlock(&ctx->lock);
}

/* ---- output ------------------------------------------------------------- */

/* How many bytes at the end of b may be the beginning of a secret. */
static size_t
open_tail(const struct tenon_ctx *ctx, const struct tenon_buf *b)
{
    size_t longest = 0;

    for (size_t i = 0; i < ctx->secrets.len; i++) {
        const struct secret *s = &ctx->secrets.items[i];
        size_t n = s->len - 1 < b->len ? s->len - 1 : b->len;
        for (; n > longest; n--)
            if (!memcmp(b->data + b->len - n, s->data, n))
                longest = n;
    }
    return longest;
}

static void
mask(const struct tenon_ctx *ctx, struct tenon_buf *b)
{
    for (size_t i = 0; i < ctx->secrets.len; i++) {
        const struct secret *s = &ctx->secrets.items[i];
        char *at = b->data;
        while ((at = memmem(at, b->len - (size_t)(at - b->data), s->data,
                            s->len)) != NULL) {
            memset(at, '*', s->len);
            at += s->len;
        }
    }
}

/* What may be kept of the next bytes of a stream, and of those that were held back. */
static void
add_masked(struct tenon_ctx *ctx, unsigned stream, const void *data, size_t len,
           struct tenon_buf *kept)
{
    struct tenon_buf *b = &ctx->held[stream];

    tenon_buf_add(b, data, len);
    mask(ctx, b);
    size_t tail = open_tail(ctx, b);
    tenon_buf_add(kept, b->data, b->len - tail);
    memmove(b->data, b->data + b->len - tail, tail);
    tenon_buf_truncate(b, tail);
}

static void
open_log(struct tenon_ctx *ctx)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const int fd = ctx->log_open(ctx->log_data);

    ctx->log_open = NULL;
    struct tenon_store *store = ctx->engine ? ctx->engine->store : NULL;
    if (fd >= 0)
        tenon_cutlog_open(&ctx->log, fd, store ? tenon_store_limits(store) : NULL,
                          store ? tenon_log_total(store) : NULL, &err);
}

void
tenon_ctx_output(struct tenon_ctx *ctx, int stream, const void *data, size_t len)
{
    if (!len)
        return;
    struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_LOG,
        .vertex = ctx->vertex, .timestamp_ns = (int64_t)tenon_now_ns(),
        .data = data, .len = len, .stream = (uint32_t)stream,
    };
    auto_buf struct tenon_buf kept = TENON_BUF_INIT;
    pthread_mutex_lock(&ctx->lock);
    const bool hides = ctx->secrets.len || ctx->held[stream == 2].len;
    if (ctx->log_open)
        open_log(ctx);
    if (hides)
        add_masked(ctx, stream == 2, data, len, &kept);
    log_bytes(ctx, hides ? kept.data : data, hides ? kept.len : len);
    pthread_mutex_unlock(&ctx->lock);
    if (!hides) {
        tenon_events_post(ctx->events, &ev);
        return;
    }
    tenon_events_post_shown(ctx->events, &ev);
    ev.data = kept.data;
    ev.len = kept.len;
    if (kept.len)
        tenon_events_post_kept(ctx->events, &ev);
}

/* ---- status lines ------------------------------------------------------- */

static void
post_status(struct tenon_ctx *ctx, const struct status_line *l, bool done)
{
    int64_t now = (int64_t)tenon_now_ns();
    struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_STATUS,
        .vertex = ctx->vertex, .name = l->id, .timestamp_ns = now,
        .current = l->current, .total = l->total,
        .started_ns = l->started_ns, .completed_ns = done ? now : 0,
    };
    tenon_events_post(ctx->events, &ev);
}

static struct status_line *
find_status(struct tenon_ctx *ctx, const char *id)
{
    tenon_vec_foreach(l, &ctx->statuses)
        if (!strcmp(l->id, id))
            return l;
    struct status_line *line = tenon_vec_add(&ctx->statuses);
    line->id = tenon_strdup(id);
    line->started_ns = (int64_t)tenon_now_ns();
    return line;
}

void
tenon_ctx_status(struct tenon_ctx *ctx, const char *id, int64_t current,
                 int64_t total)
{
    pthread_mutex_lock(&ctx->lock);
    struct status_line *line = find_status(ctx, id);
    line->current = current;
    line->total = total;
    /* Posted under the lock, to be in order with another thread's "done". */
    post_status(ctx, line, false);
    pthread_mutex_unlock(&ctx->lock);
}

void
tenon_ctx_status_done(struct tenon_ctx *ctx, const char *id)
{
    pthread_mutex_lock(&ctx->lock);
    struct status_line *line = find_status(ctx, id);
    post_status(ctx, line, true);
    free(line->id);
    *line = ctx->statuses.items[--ctx->statuses.len];
    pthread_mutex_unlock(&ctx->lock);
}

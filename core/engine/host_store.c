/* engine/host_store.c - the extension "tenon.store/0": what sources keep between builds. */
#include "engine/host_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "context/engine.h"
#include "context/kept.h"
#include "context/ctx.h"
#include "context/waiting.h"

#define NOTE "note:" /* next to the pins of images, which have a scheme */

static const char *
note_get(struct tenon_ctx *ctx, const char *name)
{
    auto_free char *pin = tenon_asprintf(NOTE "%s", name);
    auto_free char *text = tenon_pin_get(tenon_ctx_engine(ctx)->store, pin);
    return text ? tenon_ctx_strdup(ctx, text) : NULL;
}

static int
note_set(struct tenon_ctx *ctx, const char *name, const char *text, struct tenon_error *err)
{
    auto_free char *pin = tenon_asprintf(NOTE "%s", name);
    return tenon_pin_set(tenon_ctx_engine(ctx)->store, pin, text, err);
}

/* ---- kept directories --------------------------------------------------- */

struct stay { /* freed with its ctx; lock NULL: left already */
    struct tenon_lock *lock;
    int fd;
    struct tenon_ctx *ctx;
    struct stay *next;
};
struct stays {
    pthread_mutex_t lock;
    struct stay *first; /* locked by lock */
};

static void *
stays_new(struct tenon_engine *engine)
{
    (void)engine;
    struct stays *s = tenon_new0(struct stays);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

/* They are gone by then: a ctx leaves all of its directories when it ends. */
static void
stays_free(void *object)
{
    struct stays *s = object;
    tenon_assert(!s->first);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static const struct tenon_kept_kind stays_kind = { stays_new, stays_free };

static struct stays *
stays_of(struct tenon_ctx *ctx)
{
    return tenon_engine_kept(tenon_ctx_engine(ctx), &stays_kind);
}

static void
end(struct stay *s)
{
    if (!s)
        return;
    close(s->fd);
    tenon_lock_release(s->lock);
    free(s);
}

/* Taken out of the list: the caller's from here on. */
static struct stay *
take(struct tenon_ctx *ctx, int fd)
{
    struct stays *stays = stays_of(ctx);
    struct stay *found = NULL;
    pthread_mutex_lock(&stays->lock);
    for (struct stay **s = &stays->first; *s; s = &(*s)->next)
        if ((*s)->ctx == ctx && (fd < 0 || (*s)->fd == fd)) {
            found = *s;
            *s = found->next;
            break;
        }
    pthread_mutex_unlock(&stays->lock);
    return found;
}

static void
leave_all(void *ctx)
{
    struct stay *s;
    while ((s = take(ctx, -1)))
        end(s);
}

static int
enter(struct tenon_ctx *ctx, const char *name, struct tenon_error *err)
{
    struct tenon_lock *lock = NULL;
    auto_free char *id = tenon_asprintf(TENON_CACHE_KEPT "%s", name);
    auto_free char *what = tenon_asprintf("uses the %s", name);
    struct tenon_waiting waiting;
    tenon_waiting_init(&waiting, tenon_ctx_engine(ctx), tenon_ctx_vertex(ctx), what);
    int fd = tenon_cache_mount_open(tenon_ctx_engine(ctx)->store, id, "locked", -1, 0700, 0, 0,
                                    tenon_cancel_fd(tenon_ctx_cancel(ctx)), &waiting.watch,
                                    &lock, err);
    if (fd < 0)
        return fd;
    struct stay *s = tenon_new0(struct stay);
    *s = (struct stay){.lock = lock, .fd = fd, .ctx = ctx};
    struct stays *stays = stays_of(ctx);
    pthread_mutex_lock(&stays->lock);
    s->next = stays->first;
    stays->first = s;
    pthread_mutex_unlock(&stays->lock);
    tenon_ctx_defer(ctx, leave_all, ctx);
    return fd;
}

static void
leave(struct tenon_ctx *ctx, int fd)
{
    if (fd >= 0)
        end(take(ctx, fd));
}

const struct tenon_store_api *
tenon_store_api(void)
{
    static const struct tenon_store_api api = {
        .struct_size = sizeof api,
        .note_get = note_get,
        .note_set = note_set,
        .enter = enter,
        .leave = leave,
    };
    return &api;
}

/* serve/statuslog.c - events of a build as messages: written once, told to anybody. */
#include "statuslog.h"

#include "common/grpc/grpc.h"
#include "server.h"

void
statuslog_init(struct statuslog *l)
{
    *l = (struct statuslog){0};
    pthread_mutex_init(&l->lock, NULL);
    server_cond_init(&l->changed);
}

void
statuslog_release(struct statuslog *l)
{
    tenon_vec_foreach(b, &l->batches)
        tenon_buf_release(b);
    tenon_vec_release(&l->batches);
    tenon_buf_release(&l->next);
    statusmessage_release(&l->messages);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
}

/* ---- events -------------------------------------------------------------- */

/* With the lock held. */
static void
flush(struct statuslog *l)
{
    if (!l->next.len)
        return;
    l->messages.bytes += l->next.len;
    tenon_vec_push(&l->batches, l->next);
    l->next = (struct tenon_buf)TENON_BUF_INIT;
    pthread_cond_broadcast(&l->changed);
}

void
statuslog_event(void *data, const struct tenon_event *ev)
{
    struct statuslog *l = data;

    pthread_mutex_lock(&l->lock);
    statusmessage_add(&l->messages, ev, &l->next);
    if (l->next.len > STATUS_BATCH)
        flush(l);
    pthread_mutex_unlock(&l->lock);
}

void
statuslog_tick(void *data, int64_t now_ns)
{
    struct statuslog *l = data;

    (void)now_ns;
    pthread_mutex_lock(&l->lock);
    flush(l);
    pthread_mutex_unlock(&l->lock);
}

void
statuslog_end(struct statuslog *l)
{
    pthread_mutex_lock(&l->lock);
    flush(l);
    l->ended = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

/* ---- telling ------------------------------------------------------------- */

bool
statuslog_tell(struct statuslog *l, struct grpc_call *call)
{
    size_t told = 0;
    bool good = true;

    pthread_mutex_lock(&l->lock);
    while (good && (told < l->batches.len || !l->ended)) {
        if (told == l->batches.len) {
            const struct timespec soon = server_deadline(1);
            pthread_cond_timedwait(&l->changed, &l->lock, &soon);
            good = !grpc_call_over(call);
            continue;
        }
        const struct tenon_buf batch = l->batches.items[told++]; /* its bytes stay where they are */
        pthread_mutex_unlock(&l->lock);
        good = grpc_call_send(call, batch.data, batch.len) == 0;
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return good;
}

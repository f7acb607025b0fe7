/* base/cancel.c - cooperative cancellation. */
#include "cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "tools/alloc.h"

struct tenon_cancel {
    atomic_bool fired;
    /* locked by lock: */
    int fd; /* -1: nobody has asked for one */
    struct tenon_cancel *parent;
    struct tenon_cancel *children;
    struct tenon_cancel *prev, *next; /* siblings */
};

/* One for all trees: taken at new, free, fire and by those that will poll. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
fire_locked(struct tenon_cancel *c)
{
    if (atomic_exchange(&c->fired, true))
        return; /* and so are the children */
    if (c->fd >= 0)
        eventfd_write(c->fd, 1);
    for (struct tenon_cancel *k = c->children; k; k = k->next)
        fire_locked(k);
}

static void
join_locked(struct tenon_cancel *c, struct tenon_cancel *parent)
{
    if (!parent)
        return;
    c->parent = parent;
    c->next = parent->children;
    if (c->next)
        c->next->prev = c;
    parent->children = c;
    if (atomic_load(&parent->fired))
        fire_locked(c);
}

static void
leave_locked(struct tenon_cancel *c)
{
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else if (c->parent)
        c->parent->children = c->next;
    c->parent = c->prev = c->next = NULL;
}

struct tenon_cancel *
tenon_cancel_new(struct tenon_cancel *parent)
{
    struct tenon_cancel *c = tenon_new0(struct tenon_cancel);
    c->fd = -1;
    tenon_cancel_set_parent(c, parent);
    return c;
}

void
tenon_cancel_set_parent(struct tenon_cancel *c, struct tenon_cancel *parent)
{
    pthread_mutex_lock(&lock);
    leave_locked(c);
    join_locked(c, parent);
    pthread_mutex_unlock(&lock);
}

void
tenon_cancel_free(struct tenon_cancel *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&lock);
    tenon_assert(!c->children);
    leave_locked(c);
    pthread_mutex_unlock(&lock);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

void
tenon_cancel_fire(struct tenon_cancel *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&lock);
    fire_locked(c);
    pthread_mutex_unlock(&lock);
}

bool
tenon_cancel_fired(const struct tenon_cancel *c)
{
    return c && atomic_load(&c->fired);
}

int
tenon_cancel_fd(struct tenon_cancel *c)
{
    if (!c)
        return -1;
    pthread_mutex_lock(&lock);
    if (c->fd < 0)
        c->fd = eventfd(atomic_load(&c->fired), EFD_CLOEXEC | EFD_NONBLOCK);
    /* Where there are no more descriptors: what ends all of the build ends this, too. */
    const struct tenon_cancel *nearest = c;
    while (nearest->fd < 0 && nearest->parent)
        nearest = nearest->parent;
    const int fd = nearest->fd;
    pthread_mutex_unlock(&lock);
    return fd;
}

void
tenon_cancel_close_fd(struct tenon_cancel *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&lock);
    const int fd = c->fd;
    c->fd = -1;
    pthread_mutex_unlock(&lock);
    if (fd >= 0)
        close(fd);
}

int
tenon_cancel_check(const struct tenon_cancel *c, struct tenon_error *err)
{
    if (!tenon_cancel_fired(c))
        return 0;
    return tenon_error_set(err, TENON_E_CANCELLED, "cancelled");
}

/* common/exec/running.c - see running.h. */
#include "running.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

void
running_add(struct running *r, struct running_step *s)
{
    s->pidfd = -1;
    pthread_mutex_lock(&r->lock);
    s->next = r->first;
    r->first = s;
    pthread_mutex_unlock(&r->lock);
}

void
running_remove(struct running *r, struct running_step *s)
{
    struct running_step **at = &r->first;

    pthread_mutex_lock(&r->lock);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->pidfd >= 0)
        close(tenon_steal_fd(&s->pidfd));
    pthread_mutex_unlock(&r->lock);
}

void
running_set(struct running *r, struct running_step *s, int pidfd)
{
    pthread_mutex_lock(&r->lock);
    if (s->pidfd >= 0)
        close(s->pidfd);
    s->pidfd = pidfd;
    pthread_mutex_unlock(&r->lock);
}

static void
copy(const struct running_step *s, struct running_copy *out)
{
    out->pidfd = fcntl(s->pidfd, F_DUPFD_CLOEXEC, 10);
    out->work = tenon_strdup(s->work);
    out->procs = tenon_calloc(s->proc_count + 1, sizeof *out->procs);
    for (; out->proc_count < s->proc_count; out->proc_count++)
        out->procs[out->proc_count] = fcntl(s->procs[out->proc_count], F_DUPFD_CLOEXEC, 10);
}

bool
running_find(struct running *r, const char *id, struct running_copy *out)
{
    *out = (struct running_copy){ .pidfd = -1 };
    pthread_mutex_lock(&r->lock);
    for (const struct running_step *s = r->first; s; s = s->next)
        if (strcmp(s->id, id) == 0 && s->pidfd >= 0)
            copy(s, out);
    pthread_mutex_unlock(&r->lock);
    return out->pidfd >= 0;
}

void
running_copy_release(struct running_copy *c)
{
    if (c->pidfd >= 0)
        close(c->pidfd);
    for (size_t i = 0; i < c->proc_count; i++)
        if (c->procs[i] >= 0)
            close(c->procs[i]);
    free(c->procs);
    free(c->work);
    *c = (struct running_copy){ .pidfd = -1 };
}

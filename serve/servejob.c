/* serve/servejob.c - builds by their names. */
#include "servejob.h"

#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"

static void
job_free(struct servejob *j)
{
    statuslog_release(&j->status);
    tenon_cancel_free(j->cancel);
    tenon_vec_release(&j->calls);
    callset_release(&j->asked);
    tenon_buf_release(&j->record);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->changed);
    free(j->ref);
    free(j);
}

/* With the server's lock held; NULL: none. */
static struct servejob *
find(struct server *s, const char *ref)
{
    tenon_vec_foreach(j, &s->jobs)
        if (!strcmp((*j)->ref, ref))
            return *j;
    return NULL;
}

/* With the server's lock held. */
static void
take_out(struct server *s, const struct servejob *j)
{
    size_t i = 0;

    while (s->jobs.items[i] != j)
        i++;
    memmove(&s->jobs.items[i], &s->jobs.items[i + 1],
            (s->jobs.len - i - 1) * sizeof *s->jobs.items);
    s->jobs.len--;
}

/* With the server's lock held. */
static size_t
count_ended(const struct server *s)
{
    size_t count = 0;

    tenon_vec_foreach(j, &s->jobs)
        count += (*j)->ended;
    return count;
}

/* With the server's lock held; GRPC_OK: it may begin. */
static int
may_begin(struct server *s, const struct servejob *before, const char **why)
{
    if (s->ending) {
        *why = "the server ends";
        return GRPC_UNAVAILABLE;
    }
    if (before && !before->ended) {
        *why = "there is a build of that name";
        return GRPC_ALREADY_EXISTS;
    }
    if (s->jobs.len - count_ended(s) >= SERVER_JOBS_MAX) {
        *why = "there are too many builds";
        return GRPC_RESOURCE_EXHAUSTED;
    }
    return GRPC_OK;
}

static struct ctl_time
now(void)
{
    const int64_t ns = (int64_t)tenon_now_ns(), ns_per_s = INT64_C(1000000000);

    return (struct ctl_time){ns / ns_per_s, ns % ns_per_s};
}

/* With the server's lock held: a new one, for those who have waited for it. */
static void
hand_over(struct server *s, struct servejob *j)
{
    tenon_vec_foreach(a, &s->awaiting)
        if (!(*a)->job && !strcmp((*a)->ref, j->ref)) {
            (*a)->job = j;
            j->users++;
        }
}

struct servejob *
servejob_new(struct server *s, const char *ref, int *code, const char **why)
{
    struct servejob *j = NULL;

    pthread_mutex_lock(&s->lock);
    struct servejob *before = find(s, ref);
    *code = may_begin(s, before, why);
    if (before && *code == GRPC_OK)
        take_out(s, before);
    else
        before = NULL;
    if (*code == GRPC_OK) {
        j = tenon_new0(struct servejob);
        j->server = s;
        j->ref = tenon_strdup(ref);
        j->cancel = tenon_cancel_new(NULL);
        callset_init(&j->asked);
        statuslog_init(&j->status);
        pthread_mutex_init(&j->lock, NULL);
        server_cond_init(&j->changed);
        j->created = now();
        j->users = 2;
        tenon_vec_push(&s->jobs, j);
        hand_over(s, j);
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    if (before)
        servejob_leave(before);
    return j;
}

/* With the server's lock held: of those that have ended the first goes, if there are many. */
static struct servejob *
take_old(struct server *s)
{
    if (count_ended(s) <= SERVER_JOBS_KEPT)
        return NULL;
    size_t i = 0;
    while (!s->jobs.items[i]->ended)
        i++;
    struct servejob *old = s->jobs.items[i];
    take_out(s, old);
    return old;
}

void
servejob_show(struct servejob *j, const struct ctl_record *record)
{
    pthread_mutex_lock(&j->server->lock);
    message_encode(&j->record, &ctl_record_message, record);
    pthread_mutex_unlock(&j->server->lock);
    servejobs_tell(j->server);
}

void
servejobs_tell(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->history_serial++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void
servejob_end(struct servejob *j, bool is_kept)
{
    struct server *s = j->server;
    struct servejob *old = j;

    statuslog_end(&j->status);
    pthread_mutex_lock(&s->lock);
    j->ended = true;
    take_out(s, j);
    if (!is_kept) {
        tenon_vec_push(&s->jobs, j); /* those that have ended are in the order of that */
        old = take_old(s);
    }
    pthread_mutex_unlock(&s->lock);
    if (old)
        servejob_leave(old);
    servejobs_tell(s);
}

bool
servejob_expect(struct server *s, struct server_awaiting *me)
{
    pthread_mutex_lock(&s->lock);
    me->job = find(s, me->ref);
    const bool found = me->job;
    if (found)
        me->job->users++;
    tenon_vec_push(&s->awaiting, me);
    pthread_mutex_unlock(&s->lock);
    return found;
}

struct servejob *
servejob_await(struct server *s, struct server_awaiting *me, bool waits)
{
    const struct timespec until = server_deadline(SERVER_WAIT_JOB);
    int waited = 0;

    pthread_mutex_lock(&s->lock);
    while (!me->job && !s->ending && waits && waited == 0)
        waited = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    size_t i = 0;
    while (s->awaiting.items[i] != me)
        i++;
    s->awaiting.items[i] = s->awaiting.items[--s->awaiting.len];
    pthread_mutex_unlock(&s->lock);
    return me->job;
}

struct servejob *
servejob_find(struct server *s, const char *ref)
{
    struct server_awaiting me = {.ref = ref};

    servejob_expect(s, &me);
    return servejob_await(s, &me, true);
}

void
servejob_leave(struct servejob *j)
{
    struct server *s = j->server;

    pthread_mutex_lock(&s->lock);
    const bool last = --j->users == 0;
    pthread_mutex_unlock(&s->lock);
    if (last)
        job_free(j);
}

void
servejobs_cancel(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    tenon_vec_foreach(j, &s->jobs)
        tenon_cancel_fire((*j)->cancel);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void
servejobs_release(struct server *s)
{
    tenon_vec_foreach(j, &s->jobs)
        servejob_leave(*j);
    tenon_vec_release(&s->jobs);
    tenon_vec_release(&s->awaiting);
}

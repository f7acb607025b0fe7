/* solve/jobs.c - jobs, the workers that do them, and the queues to and from the workers. */
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "solve/buildkitrecords.h"

/* BuildKit has no bound; a running step holds some 25 descriptors of ours, and raising
 * their limit would raise that of the steps. */
enum { WORKERS_MAX = 256, WORKERS_MIN = 4, FILES_EACH = 32 };

static unsigned
most_workers(unsigned wanted)
{
    struct rlimit l;
    unsigned most = wanted ? wanted : WORKERS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur / FILES_EACH >= most)
        return most;
    unsigned n = (unsigned)(l.rlim_cur / FILES_EACH);
    return n > WORKERS_MIN ? n : WORKERS_MIN < most ? WORKERS_MIN : most;
}

struct job *
job_new(struct state *s, int (*work)(struct job *), void (*finish)(struct job *))
{
    struct job *j = tenon_new0(struct job);
    j->state = s;
    j->work = work;
    j->finish = finish;
    return j;
}

void
job_free(struct job *j)
{
    tenon_error_release(&j->err);
    tenon_record_release(&j->record);
    key_parts_release(&j->own);
    buildkit_found_release(&j->buildkit);
    free(j->buildkit_digests);
    free(j->digests);
    for (uint32_t i = 0; i < j->output_count; i++)
        tenon_chain_release(&j->outputs[i]);
    free(j->outputs);
    tenon_view_free(j->view);
    free(j);
}

void
solver_wake(struct tenon_solver *s)
{
    eventfd_write(s->wake_fd, 1);
}

static void *worker(void *data);

/* Most steps wait: for the network, for a disk, for a program that sleeps.  So
 * there are as many workers as there was ever work for at once. */
static int
start_worker_locked(struct tenon_solver *s)
{
    if (s->stepped || s->todo_count <= s->idle || s->worker_count == s->worker_limit)
        return 0;
    int e = pthread_create(&s->workers[s->worker_count], NULL, worker, s);
    if (e == 0)
        s->worker_count++;
    return s->worker_count > 0 ? 0 : e; /* those that there are will come to it */
}

unsigned
jobs_worker_count(struct tenon_solver *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned count = s->worker_count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

static struct job *take_todo_locked(struct tenon_solver *s);

void
jobs_submit(struct tenon_solver *s, struct job *j)
{
    s->running++;
    pthread_mutex_lock(&s->lock);
    *s->todo_last = j;
    s->todo_last = &j->next;
    s->todo_count++;
    const int e = start_worker_locked(s);
    if (e) { /* nobody would ever do it, nor is there another: it comes back failed */
        j = take_todo_locked(s);
        j->code = tenon_error_errno(&j->err, e, "start a thread for the step");
        *s->done_last = j;
        s->done_last = &j->next;
    }
    pthread_cond_signal(&s->work_there);
    pthread_mutex_unlock(&s->lock);
    if (e)
        solver_wake(s);
}

static struct job *
take_todo_locked(struct tenon_solver *s)
{
    struct job *j = s->todo;
    s->todo = j->next;
    if (!s->todo)
        s->todo_last = &s->todo;
    j->next = NULL;
    s->todo_count--;
    return j;
}

static void
do_job(struct tenon_solver *s, struct job *j)
{
    /* A job that was cancelled before it began does not begin. */
    j->code = tenon_cancel_check(j->state->cancel, &j->err);
    if (j->code == 0)
        j->code = j->work(j);
    tenon_assert(j->code <= 0);
    if (j->code < 0 && j->code != TENON_E_CANCELLED &&
        tenon_cancel_fired(j->state->cancel)) {
        /* Whatever its error says, it was cancelled. */
        tenon_error_release(&j->err);
        j->code = tenon_error_set(&j->err, TENON_E_CANCELLED, "canceled");
    }
    if (j->code < 0 && !j->err.code)
        tenon_error_set(&j->err, j->code, "%s", tenon_status_name(j->code));
    pthread_mutex_lock(&s->lock);
    *s->done_last = j;
    s->done_last = &j->next;
    pthread_mutex_unlock(&s->lock);
    solver_wake(s);
}

static void *
worker(void *data)
{
    struct tenon_solver *s = data;

    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!s->todo && !s->stop) {
            s->idle++;
            pthread_cond_wait(&s->work_there, &s->lock);
            s->idle--;
        }
        if (!s->todo) {
            pthread_mutex_unlock(&s->lock);
            return NULL;
        }
        struct job *j = take_todo_locked(s);
        pthread_mutex_unlock(&s->lock);
        do_job(s, j);
    }
}

bool
jobs_do_one(struct tenon_solver *s)
{
    pthread_mutex_lock(&s->lock);
    struct job *j = s->todo ? take_todo_locked(s) : NULL;
    pthread_mutex_unlock(&s->lock);
    if (j)
        do_job(s, j);
    return j;
}

void
jobs_start(struct tenon_solver *s)
{
    s->worker_limit = most_workers(s->engine->jobs);
    s->workers = tenon_calloc(s->worker_limit, sizeof *s->workers);
}

void
jobs_stop(struct tenon_solver *s)
{
    for (unsigned i = 0; i < s->worker_count; i++)
        pthread_join(s->workers[i], NULL);
    free(s->workers);
}

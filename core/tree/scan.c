/* tree/scan.c - read a whole view at once, on several threads: first the
 * directories, then those files whose digest is not known. */
#include <string.h>

#include "base/cancel.h"
#include "tools/alloc.h"
#include "tree/view.h"

#define MAX_THREADS 64

struct scan {
    struct tenon_view *view;
    struct tenon_cancel *cancel;
    tenon_tree_progress *progress;
    void *data;
    unsigned threads;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t more;
    TENON_VEC(struct tenon_entry *) dirs;  /* to be read */
    TENON_VEC(struct tenon_entry *) files; /* to be hashed */
    size_t next_file;
    unsigned busy; /* threads with a directory in their hands */
    uint64_t bytes;
    bool failed;
    struct tenon_error err; /* the first */
};

static void
fail(struct scan *s, struct tenon_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (!s->failed) {
        s->failed = true;
        tenon_error_move(&s->err, err);
    }
    pthread_cond_broadcast(&s->more);
    pthread_mutex_unlock(&s->lock);
    tenon_error_release(err);
}

/* ---- directories --------------------------------------------------------- */

static void
queue_kids(struct scan *s, struct tenon_entry *dir)
{
    /* Look-ups in the stat cache need no lock; keep them out of it. */
    TENON_VEC(struct tenon_entry *) unknown = {0};
    bool any_dir = false;
    for (size_t i = 0; i < dir->kid_count; i++) {
        struct tenon_entry *e = &dir->kids[i];
        any_dir |= S_ISDIR(e->mode);
        if (S_ISREG(e->mode) && !tenon_view_body_known(s->view, e))
            tenon_vec_push(&unknown, e);
    }
    if (unknown.len || any_dir) {
        pthread_mutex_lock(&s->lock);
        /* backwards: the queue is a stack, and so goes in order */
        for (size_t i = dir->kid_count; i-- > 0;)
            if (S_ISDIR(dir->kids[i].mode))
                tenon_vec_push(&s->dirs, &dir->kids[i]);
        tenon_vec_foreach(e, &unknown)
            tenon_vec_push(&s->files, *e);
        if (any_dir)
            pthread_cond_broadcast(&s->more);
        pthread_mutex_unlock(&s->lock);
    }
    tenon_vec_release(&unknown);
}

static void *
read_dirs(void *data)
{
    struct scan *s = data;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    pthread_mutex_lock(&s->lock);
    while (!s->failed) {
        if (!s->dirs.len) {
            if (!s->busy)
                break;
            pthread_cond_wait(&s->more, &s->lock);
            continue;
        }
        struct tenon_entry *dir = s->dirs.items[--s->dirs.len];
        s->busy++;
        pthread_mutex_unlock(&s->lock);

        int rc = tenon_cancel_check(s->cancel, &err);
        if (rc == 0)
            rc = tenon_view_read_dir(s->view, dir, &err);
        if (rc == 0)
            queue_kids(s, dir);
        else
            fail(s, &err);

        pthread_mutex_lock(&s->lock);
        s->busy--;
    }
    pthread_cond_broadcast(&s->more);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- files ---------------------------------------------------------------- */

static bool
is_hidden(const struct tenon_entry *e)
{
    for (; e; e = e->parent)
        if (e->flags & TENON_ENTRY_HIDDEN)
            return true;
    return false;
}

static void *
hash_files(void *data)
{
    struct scan *s = data;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    pthread_mutex_lock(&s->lock);
    while (!s->failed && s->next_file < s->files.len) {
        struct tenon_entry *e = s->files.items[s->next_file++];
        pthread_mutex_unlock(&s->lock);

        const struct tenon_digest *ignored;
        uint64_t bytes = 0;
        int rc = tenon_cancel_check(s->cancel, &err);
        if (rc == 0 && !is_hidden(e))
            rc = tenon_view_body(s->view, e, s->cancel, &ignored, &bytes, &err);
        if (rc == TENON_E_NOT_FOUND) {
            /* Removed since: it matters only to whoever asks for it. */
            tenon_error_release(&err);
            rc = 0;
        }
        if (rc < 0)
            fail(s, &err);

        pthread_mutex_lock(&s->lock);
        s->bytes += bytes;
        if (s->progress && bytes)
            s->progress(s->data, (int64_t)s->bytes);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Run `work` on all threads, this one among them. */
static void
run_all(struct scan *s, void *(*work)(void *), unsigned threads)
{
    pthread_t others[MAX_THREADS];
    unsigned started = 0;
    while (started + 1 < threads &&
           pthread_create(&others[started], NULL, work, s) == 0)
        started++;
    work(s);
    for (unsigned i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}

int
tenon_view_scan(struct tenon_view *v, unsigned threads,
                struct tenon_cancel *cancel, tenon_tree_progress *progress,
                void *data, struct tenon_error *err)
{
    struct scan s = {.view = v,
                     .cancel = cancel,
                     .progress = progress,
                     .data = data,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .more = PTHREAD_COND_INITIALIZER};
    if (threads < 1)
        threads = 1;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    tenon_view_load_stats(v);

    pthread_mutex_lock(&v->lock);
    tenon_vec_push(&s.dirs, &v->top);
    run_all(&s, read_dirs, threads);
    if (!s.failed)
        tenon_view_settle(&v->top);
    pthread_mutex_unlock(&v->lock);

    if (!s.failed && s.files.len)
        run_all(&s, hash_files, threads < s.files.len ? threads
                                                      : (unsigned)s.files.len);
    tenon_vec_release(&s.dirs);
    tenon_vec_release(&s.files);
    pthread_cond_destroy(&s.more);
    pthread_mutex_destroy(&s.lock);
    return s.failed ? tenon_error_move(err, &s.err) : 0;
}

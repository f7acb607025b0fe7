/* store/copies.c - see copies.h: which stores they are, and the copies. */
#include "store/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"

enum { REASON_MAX = 4096 };

void
store_copies_load(struct tenon_store *s)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf why = TENON_BUF_INIT;
    auto_close int fd = openat(s->fd, TENON_STORE_COPIES, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    tenon_read_all(fd, REASON_MAX, &why, &ignored);
    s->copies.why = tenon_strdup(tenon_buf_str(&why));
    __atomic_store_n(&s->copies.on, true, __ATOMIC_RELEASE);
}

bool
store_turn_to_copies(struct tenon_store *s, const char *why)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    pthread_mutex_lock(&s->copies.lock);
    bool on = s->copies.on;
    if (!on && tenon_write_file_at(s->fd, TENON_STORE_COPIES, why, strlen(why), 0600, true,
                                   &err) == 0) {
        s->copies.why = tenon_strdup(why);
        __atomic_store_n(&s->copies.on, true, __ATOMIC_RELEASE);
        on = true;
    }
    pthread_mutex_unlock(&s->copies.lock);
    return on;
}

void
store_tell_copies(struct tenon_store *s)
{
    if (!__atomic_exchange_n(&s->copies.told, true, __ATOMIC_RELAXED))
        tenon_log(TENON_LOG_WARNING, "the file system of the store %s cannot hold an overlay "
                  "(%s): trees are copied, which is slower; --root DIR is for another place",
                  s->path, s->copies.why);
}

/* ---- copies ------------------------------------------------------------- */

static int
copy_chain(struct tenon_store *s, const struct tenon_chain *lower, const char *bottom, int to,
           struct tenon_error *err)
{
    if (bottom) {
        auto_close int fd = open(bottom, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return tenon_error_sys(err, "open %s", bottom);
        if (store_copy_layer(s, fd, to, err) < 0)
            return err->code;
    }
    for (size_t i = 0; i < lower->len; i++) {
        auto_close int fd = tenon_snapshot_open(s, lower->ids[i], err);
        if (fd < 0)
            return fd;
        if (store_copy_layer(s, fd, to, err) < 0)
            return tenon_error_context(err, "copy layers below %s/tmp", s->path);
    }
    return 0;
}

/* merged, in the work's directory. */
static int
make_merged(struct tenon_snapshot_work *w, struct tenon_error *err)
{
    if (mkdirat(w->dir, "merged", 0755) < 0)
        return tenon_error_sys(err, "make %s/tmp/%s/merged", w->store->path, w->name);
    w->merged = openat(w->dir, "merged", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return w->merged < 0 ? tenon_error_sys(err, "open %s/tmp/%s/merged", w->store->path, w->name)
                         : 0;
}

int
store_copy_for(struct tenon_store *s, const struct tenon_chain *lower, const char *bottom,
               struct tenon_snapshot_work *upper, struct tenon_error *err)
{
    if (make_merged(upper, err) < 0 || copy_chain(s, lower, bottom, upper->merged, err) < 0 ||
        store_copy_root(upper->fs, upper->merged, err) < 0)
        return err->code;
    return store_changes_begin(upper, err);
}

/* ---- to read ------------------------------------------------------------ */

/* This process looks at some chains many times: the copies are kept until it ends. */
struct store_view {
    struct tenon_chain chain;
    struct tenon_snapshot_work *work;
    struct store_view *next;
};

static char *
merged_path(const struct tenon_snapshot_work *w)
{
    return tenon_asprintf("%s/tmp/%s/merged", w->store->path, w->name);
}

static int
fill_to_read(struct tenon_store *s, const struct tenon_chain *lower,
             struct tenon_snapshot_work *w, struct tenon_error *err)
{
    auto_close int top = tenon_snapshot_open(s, lower->ids[lower->len - 1], err);
    struct stat st;
    if (top < 0 || make_merged(w, err) < 0 || copy_chain(s, lower, NULL, w->merged, err) < 0 ||
        store_copy_root(top, w->merged, err) < 0)
        return err->code;
    if (fstat(top, &st) < 0 ||
        futimens(w->merged, (const struct timespec[2]){ st.st_atim, st.st_mtim }) < 0)
        return tenon_error_sys(err, "set times of a copy");
    return 0;
}

static struct store_view *
find_view(struct tenon_store *s, const struct tenon_chain *chain)
{
    for (struct store_view *v = s->copies.views; v; v = v->next)
        if (v->chain.len == chain->len &&
            !memcmp(v->chain.ids, chain->ids, chain->len * sizeof *chain->ids))
            return v;
    return NULL;
}

int
store_copy_to_read(struct tenon_store *s, const struct tenon_chain *lower,
                   struct tenon_snapshot_work *own, char **path, struct tenon_error *err)
{
    if (own) {
        if (fill_to_read(s, lower, own, err) < 0)
            return err->code;
        *path = merged_path(own);
        return 0;
    }
    pthread_mutex_lock(&s->copies.lock);
    struct store_view *v = find_view(s, lower);
    if (!v) {
        struct tenon_snapshot_work *w = NULL;
        if (tenon_snapshot_begin(s, &w, err) == 0 && fill_to_read(s, lower, w, err) == 0) {
            v = tenon_new0(struct store_view);
            tenon_chain_copy(&v->chain, lower);
            v->work = tenon_steal(&w);
            v->next = s->copies.views;
            s->copies.views = v;
        }
        tenon_snapshot_discard(w);
    }
    if (v)
        *path = merged_path(v->work);
    pthread_mutex_unlock(&s->copies.lock);
    return err->code;
}

void
store_copies_close(struct tenon_store *s)
{
    while (s->copies.views) {
        struct store_view *v = s->copies.views;
        s->copies.views = v->next;
        tenon_snapshot_discard(v->work);
        tenon_chain_release(&v->chain);
        free(v);
    }
    free(s->copies.why);
    pthread_mutex_destroy(&s->copies.lock);
}

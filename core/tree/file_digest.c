/* tree/file_digest.c - the digest of one regular file, read at most once. */
#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "tools/alloc.h"
#include "tree/view.h"

#define CHUNK (256 * 1024)

int
tenon_body_digest(const struct tenon_view *v, int data_fd, int xattr_fd,
                  struct tenon_cancel *cancel, struct tenon_digest *out,
                  uint64_t *bytes, struct tenon_error *err)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();
    auto_free char *chunk = tenon_malloc(CHUNK);
    uint64_t total = 0;
    for (;;) {
        ssize_t n = read(data_fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tenon_error_sys(err, "read");
        if (n == 0)
            break;
        tenon_hash_update(h, chunk, (size_t)n);
        total += (uint64_t)n;
        if (tenon_cancel_fired(cancel))
            return tenon_cancel_check(cancel, err);
    }
    struct tenon_digest data;
    tenon_hash_final(h, &data);
    if (bytes)
        *bytes += total;

    /* With the attributes in it one record of the stat cache answers for both:
     * changing them changes the ctime. */
    auto_buf struct tenon_buf xattrs = TENON_BUF_INIT;
    tenon_xattr_read(v, xattr_fd, &xattrs);
    if (!xattrs.len) {
        *out = data;
        return 0;
    }
    tenon_hash_item(h, "data", data.str, strlen(data.str));
    tenon_hash_item(h, "xattrs", xattrs.data, xattrs.len);
    tenon_hash_final(h, out);
    return 0;
}

static struct tenon_stat_key
stat_key(const struct tenon_entry *e)
{
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    tenon_entry_path(e, &path);
    return (struct tenon_stat_key){.path = tenon_stat_path(tenon_buf_str(&path)),
                                   .dev = e->dev,
                                   .ino = e->ino,
                                   .size = e->size,
                                   .mtime_ns = e->mtime_ns,
                                   .ctime_ns = e->ctime_ns};
}

void
tenon_view_load_stats(struct tenon_view *v)
{
    if (!v->store || !v->root_path)
        return;
    pthread_mutex_lock(&v->body_lock);
    if (!v->stats_tried) {
        v->stats_tried = true;
        /* Without it everything is hashed: slower, not wrong. */
        auto_error struct tenon_error ignored = TENON_ERROR_INIT;
        tenon_stat_cache_load(v->store, v->root_path, &v->stats, &ignored);
        if (v->stats && v->steady)
            tenon_stat_cache_steady(v->stats);
    }
    pthread_mutex_unlock(&v->body_lock);
}

void
tenon_view_save_stats(struct tenon_view *v)
{
    tenon_vec_foreach(p, &v->hashed)
    {
        struct tenon_stat_key key = stat_key(*p);
        tenon_stat_cache_put(v->stats, &key, atomic_load(&(*p)->body));
    }
    tenon_vec_release(&v->hashed);
    if (v->stats)
        tenon_stat_cache_save(v->stats);
    v->stats = NULL;
}

/* The first digest stays: others may hold it. */
static const struct tenon_digest *
publish(struct tenon_view *v, struct tenon_entry *e,
        const struct tenon_digest *d)
{
    pthread_mutex_lock(&v->body_lock);
    struct tenon_digest *known = atomic_load(&e->body);
    if (!known) {
        known = tenon_memdup(d, sizeof *d);
        atomic_store(&e->body, known);
    }
    pthread_mutex_unlock(&v->body_lock);
    return known;
}

bool
tenon_view_body_known(struct tenon_view *v, struct tenon_entry *e)
{
    if (atomic_load(&e->body))
        return true;
    if (!v->stats)
        return false;
    struct tenon_stat_key key = stat_key(e);
    struct tenon_digest d;
    if (!tenon_stat_cache_get(v->stats, &key, &d))
        return false;
    publish(v, e, &d);
    return true;
}

int
tenon_view_body(struct tenon_view *v, struct tenon_entry *e,
                struct tenon_cancel *cancel, const struct tenon_digest **out,
                uint64_t *bytes, struct tenon_error *err)
{
    struct tenon_digest d;
    if (e->flags & TENON_ENTRY_EMPTY) {
        tenon_digest_of("", 0, &d);
        *out = publish(v, e, &d);
        return 0;
    }
    tenon_view_load_stats(v);
    if (tenon_view_body_known(v, e)) {
        *out = atomic_load(&e->body);
        return 0;
    }
    auto_buf struct tenon_buf path = TENON_BUF_INIT;
    tenon_entry_path(e, &path);
    auto_close int fd = tenon_view_open(v, e, -1, err);
    if (fd < 0)
        return fd;
    if (tenon_body_digest(v, fd, fd, cancel, &d, bytes, err) < 0)
        return tenon_error_context(err, "\"/%s\"", tenon_buf_str(&path));

    /* Was this the file that the walk saw, from the first byte to the last?
     * If not, the digest is of this moment only, and a copy has to prove that
     * it took the same bytes. */
    struct stat st;
    bool same = fstat(fd, &st) == 0 && (uint64_t)st.st_size == e->size &&
                tenon_stat_mtime_ns(&st) == e->mtime_ns &&
                tenon_stat_ctime_ns(&st) == e->ctime_ns;
    if (!same)
        atomic_store(&e->unstable, true);
    *out = publish(v, e, &d);
    if (same && v->stats) {
        pthread_mutex_lock(&v->body_lock);
        tenon_vec_push(&v->hashed, e);
        pthread_mutex_unlock(&v->body_lock);
    }
    return 0;
}

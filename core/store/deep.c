/* store/deep.c - see deep.h. */
#include "store/deep.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "store/work.h"

/* A tree stands for a multiple of SHARE layers, so that the next SHARE steps of a build use it as
 * it is, and the one after them begins with it. */
enum { SHARE = 250, LEFT_MIN = 50 };

struct store_deep {
    struct tenon_chain chain;
    struct tenon_snapshot_work *work;
    struct store_deep *next;
};

static bool
begins_with(const struct tenon_chain *chain, const struct tenon_chain *with)
{
    return with->len <= chain->len && !memcmp(with->ids, chain->ids, with->len * sizeof *with->ids);
}

/* The largest there is of the first `len` layers or fewer. */
static struct store_deep *
find(struct tenon_store *s, const struct tenon_chain *chain, size_t len)
{
    struct store_deep *best = NULL;
    for (struct store_deep *d = s->deep.trees; d; d = d->next)
        if (d->chain.len <= len && begins_with(chain, &d->chain) &&
            (!best || d->chain.len > best->chain.len))
            best = d;
    return best;
}

static void
deep_free(struct store_deep *d)
{
    tenon_snapshot_discard(d->work);
    tenon_chain_release(&d->chain);
    free(d);
}

static int
open_tree(const struct store_deep *d, struct tenon_error *err)
{
    /* By the descriptor that layers are opened by: links go no further than one mount. */
    auto_free char *name = tenon_asprintf("%s/fs", d->work->name);
    int fd = openat(d->work->store->tmp_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? tenon_error_sys(err, "open %s", d->work->fs_path) : fd;
}

static int
fill(struct tenon_store *s, const struct store_deep *d, const struct store_deep *below,
     struct tenon_error *err)
{
    auto_close int to = open_tree(d, err);
    auto_close int from = below && to >= 0 ? open_tree(below, err) : -1;
    if (err->code || (below && store_link_tree(from, to, err) < 0))
        return err->code;
    for (size_t i = below ? below->chain.len : 0; i < d->chain.len; i++) {
        auto_close int layer = tenon_snapshot_open(s, d->chain.ids[i], err);
        if (layer < 0 || store_link_layer(s, layer, to, err) < 0 ||
            store_copy_root(layer, to, err) < 0)
            return err->code;
    }
    return TENON_OK;
}

static struct store_deep *
make(struct tenon_store *s, const struct tenon_chain *chain, size_t len,
     const struct store_deep *below, struct tenon_error *err)
{
    struct store_deep *d = tenon_new0(struct store_deep);
    for (size_t i = 0; i < len; i++)
        tenon_chain_append(&d->chain, chain->ids[i]);
    if (tenon_snapshot_begin(s, &d->work, err) == 0 && fill(s, d, below, err) == 0)
        return d;
    tenon_error_context(err, "lay %zu layers on each other in %s/tmp", len, s->path);
    deep_free(d);
    return NULL;
}

int
store_deep_bottom(struct tenon_store *s, struct tenon_chain *chain, size_t most, char **path,
                  struct tenon_error *err)
{
    *path = NULL;
    if (chain->len <= most)
        return TENON_OK;
    const size_t len = (chain->len - LEFT_MIN) / SHARE * SHARE;
    pthread_mutex_lock(&s->deep.lock);
    struct store_deep *d = find(s, chain, len);
    if (!d || d->chain.len < len) {
        d = make(s, chain, len, d, err);
        if (d) {
            d->next = s->deep.trees;
            s->deep.trees = d;
        }
    }
    if (d)
        *path = tenon_strdup(d->work->fs_path);
    pthread_mutex_unlock(&s->deep.lock);
    if (!d)
        return err->code;
    chain->len -= len;
    memmove(chain->ids, chain->ids + len, chain->len * sizeof *chain->ids);
    return TENON_OK;
}

void
store_deep_close(struct tenon_store *s)
{
    while (s->deep.trees) {
        struct store_deep *d = s->deep.trees;
        s->deep.trees = d->next;
        deep_free(d);
    }
    pthread_mutex_destroy(&s->deep.lock);
}

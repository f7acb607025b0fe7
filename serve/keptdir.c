/* serve/keptdir.c - see keptdir.h. */
#include "keptdir.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "tools/alloc.h"

#define STATS "client:" /* begins its name for the stat cache */

enum {
    NAME_SHOWN = 100, /* bytes of its name, for who lists what is in the store */
    /* Names for the stat cache that stay: the oldest ones go, be they in use or not, and what is
     * known of a directory that is used is known again after a build. */
    STATS_NEWEST = 4 * KEPTDIR_NEWEST,
};

/* Each after its length: no two lists of texts are one. */
static void
add(struct tenon_buf *b, const char *text)
{
    tenon_buf_addf(b, "%zu:%s", text ? strlen(text) : 0, text ? text : "");
}

static char *
digest_of(const struct keptdir_which *w, bool all)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct tenon_digest d;

    add(&b, w->peer);
    add(&b, w->shared_key);
    add(&b, w->name);
    if (all) {
        add(&b, w->hint);
        add(&b, w->is_list ? "list" : "");
    }
    tenon_digest_of(b.data, b.len, &d);
    return tenon_strdup(tenon_digest_hex(&d));
}

int
keptdir_open(struct tenon_store *s, const struct keptdir_which *which, struct keptdir *out,
             struct tenon_error *err)
{
    auto_free char *digest = digest_of(which, true);
    auto_free char *id = tenon_asprintf(TENON_CACHE_LOCAL "%s %.*s", digest, NAME_SHOWN,
                                        which->name);
    struct keptdir k = {.fd = -1};

    auto_close int fd = tenon_cache_mount_open(s, id, "private", -1, 0700, geteuid(), getegid(),
                                               -1, NULL, &k.lock, err);
    if (fd < 0)
        return err->code;
    k.fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k.fd < 0) {
        tenon_lock_release(k.lock);
        return tenon_error_sys(err, "open a directory for \"%s\"", which->name);
    }
    *out = k;
    return TENON_OK;
}

void
keptdir_close(struct keptdir *k)
{
    if (!k->lock)
        return;
    close(k->fd);
    tenon_lock_release(k->lock);
    *k = (struct keptdir){.fd = -1};
}

void
keptdir_trim(struct tenon_store *s)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;

    if (tenon_cache_mount_trim(s, TENON_CACHE_LOCAL, KEPTDIR_NEWEST, &err) < 0)
        tenon_log(TENON_LOG_WARNING, "old directories of clients stay: %s", err.message);
    else if (tenon_stat_cache_trim(s, STATS, STATS_NEWEST, &err) < 0)
        tenon_log(TENON_LOG_WARNING, "what is known of their files stays: %s", err.message);
}

char *
keptdir_stats(const struct keptdir_which *which)
{
    auto_free char *digest = digest_of(which, false);

    return tenon_asprintf(STATS "%s", digest);
}

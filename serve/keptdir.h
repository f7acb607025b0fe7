/* serve/keptdir.h - directories of clients that stay in the store, so that the next build brings
 * what has changed.
 *
 * Which one it is says a digest of who the client is, of what it calls the directory (the shared
 * key of its session, the build's hint, the name), and of how much of it comes: nobody else gets
 * to see it.  While a build has it no other build does, in whatever process: that has another one,
 * or begins a new one. */
#ifndef TENON_SERVE_KEPTDIR_H
#define TENON_SERVE_KEPTDIR_H

#include "base/error.h"
#include "store/store.h"

enum { KEPTDIR_NEWEST = 32 }; /* that stay when a build has ended */

struct keptdir_which {
    const char *peer, *shared_key, *hint, *name;
    bool is_list; /* of what is in it, more than that itself */
};

struct keptdir {
    int fd; /* it can be read */
    struct tenon_lock *lock; /* NULL: it is none */
};

int keptdir_open(struct tenon_store *s, const struct keptdir_which *which, struct keptdir *out,
                 struct tenon_error *err);
void keptdir_close(struct keptdir *k); /* one of zeros is fine */
/* Those that were not used for longest go. */
void keptdir_trim(struct tenon_store *s);
/* The name for the stat cache of all that have its name; malloc'ed. */
char *keptdir_stats(const struct keptdir_which *which);

#endif

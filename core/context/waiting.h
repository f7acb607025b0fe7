/* context/waiting.h - waits for locks that others hold, shown on the step that waits: as a
 * status line, and with what the other prints meanwhile.  One thread each. */
#ifndef TENON_CONTEXT_WAITING_H
#define TENON_CONTEXT_WAITING_H

#include "context/engine.h"

struct tenon_waiting {
    struct tenon_lock_watch watch; /* for tenon_lock_acquire; valid as long as this is */
    struct tenon_engine *engine;
    const char *vertex;
    const char *title; /* of a vertex of its own, where there is no other; borrowed */
    char own[72];      /* that one's digest */
    const char *what; /* borrowed: what the other does, "makes this step" */
    uint64_t since_ns;    /* 0: no wait */
    int64_t started_ns;
    int64_t pid; /* whom the line names */
    bool ours; /* it is of this build */
    char *line;  /* NULL: nothing is shown yet */
    int log_fd;  /* the other's; -1: none */
};

/* What is over within half a second is no news; vertex NULL: nothing is.  Nothing is to be
 * released. */
void tenon_waiting_init(struct tenon_waiting *w, struct tenon_engine *engine,
                        const char *vertex, const char *what);
/* The same for the records of the engine's store, which any thread may wait for; w lasts until
 * the store is watched by somebody else. */
void tenon_waiting_watch_store(struct tenon_waiting *w, struct tenon_engine *engine);

#endif

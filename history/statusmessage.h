/* history/statusmessage.h - an event of a build as a message of Control.Status.  Messages of
 * repeated fields one after the other are one message: a batch is what came in a while. */
#ifndef TENON_HISTORY_STATUSMESSAGE_H
#define TENON_HISTORY_STATUSMESSAGE_H

#include "context/events.h"
#include "tools/buf.h"

struct tenon_build;
struct tenon_graph_source;

enum {
    STATUS_BATCH = 256 * 1024,   /* bytes of one message, about */
    STATUS_EVENT_MAX = 2 << 20,  /* of one event: a larger one is left out */
    STATUS_SOURCE_MAX = 256 << 10, /* of a build file, which comes with the warnings about it */
    STATUS_SOURCES_MAX = 4 << 20, /* of these all: warnings have their lines alone beyond */
    STATUS_LOGS_MAX = 64 << 20,  /* of all: the output of steps is left out beyond */
    STATUS_MAX = 128 << 20,      /* and everything else */
};

struct statusmessage { /* zero at first */
    const struct tenon_build *build; /* whose files warnings are about; NULL: not known */
    const struct tenon_graph_source *shown_of; /* the file that was concealed last */
    struct tenon_buf shown; /* and what became of it */
    size_t sources;         /* bytes of files that warnings took along */
    struct tenon_buf event; /* the one that is put; room to work in */
    size_t bytes; /* of what was flushed, which the caller adds up */
    bool cut;     /* that output is left out was said */
};
/* Adds the event to the batch, if there is room for it. */
void statusmessage_add(struct statusmessage *m, const struct tenon_event *ev,
                       struct tenon_buf *batch);
void statusmessage_release(struct statusmessage *m);

#endif

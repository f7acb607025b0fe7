/* model.h - the state of a build as events tell it.  One thread. */
#ifndef TENON_PROGRESSKIT_MODEL_H
#define TENON_PROGRESSKIT_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <tenon-plugin.h>

#include "base/buf.h"
#include "base/vec.h"

enum { PK_RECAP_LINES = 256 }; /* of a step, kept for the recap */

struct pk_status {
    char *id;
    int64_t current, total;
    int64_t started_ns, completed_ns, timestamp_ns;
    int64_t shown_current, shown_ns; /* plain: what was printed last */
    bool shown_done, changed;
};

struct pk_vertex { /* or a progress group, shown as one */
    char *key;  /* digest or group id */
    char *name; /* sanitised */
    char *digest; /* of the (first) vertex */
    unsigned number; /* 0: never shown */
    unsigned running, members;
    int64_t started_ns, completed_ns, duration_ns;
    bool cached, canceled, internal;
    char *error;
    TENON_VEC(struct pk_status *) statuses;
    /* lines of output, sanitised, without the newline; [first..] are kept */
    TENON_VEC(char *) lines;
    TENON_VEC(int64_t) line_times; /* ns since the start */
    struct tenon_buf partial;      /* a line not ended yet, raw */
    int64_t partial_ns;
    struct tenon_buf pending;      /* plain: text to print, without "#N " */
    size_t pending_lines;
    int64_t last_shown_ns;
    unsigned completed_order;
    bool closed;                   /* plain: closing line was printed */
};

struct pk_warning {
    char *text, *url, *filename;
    char **detail;
    uint32_t line, end_line;
};

struct pk_model {
    TENON_VEC(struct pk_vertex *) vertices; /* in order of appearance */
    TENON_VEC(struct pk_warning) warnings;
    int64_t first_ns;
    unsigned completions;
};

void pk_model_release(struct pk_model *m);
/* Fold an event in; the vertex it is about, or NULL. *status gets the
 * line a STATUS event changed. */
struct pk_vertex *pk_model_event(struct pk_model *m, const struct tenon_event *ev,
                                 struct pk_status **status);
struct pk_vertex *pk_model_find(struct pk_model *m, const char *digest);
/* End a line that has no newline (a step that is over). */
void pk_model_flush_line(struct pk_vertex *v);
bool pk_is_running(const struct pk_vertex *v);

#endif

/* common/progress/model.h - the state of a build as events tell it.  One thread. */
#ifndef TENON_COMMON_PROGRESS_MODEL_H
#define TENON_COMMON_PROGRESS_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <tenon-plugin.h>

#include "tools/buf.h"
#include "tools/vec.h"

/* Of a step's output, kept for the recap; the first lines go when it is more. */
enum { PK_KEPT_BYTES = 2 << 20 };

struct pk_status {
    char *id;
    int64_t current, total;
    int64_t started_ns, completed_ns, timestamp_ns;
    int64_t shown_current, shown_ns; /* plain: what was printed last */
    bool shown_done, changed;
    bool waiting; /* for somebody else: shown at once */
};

struct pk_line { /* of output, sanitised, without the newline */
    char *text;
    int64_t at_ns; /* since the start of the step */
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
    TENON_VEC(struct pk_line) lines;
    size_t lines_bytes;    /* what they take */
    size_t lines_lost;     /* in front of them */
    struct tenon_buf partial; /* a line not ended yet, raw */
    int64_t partial_ns;       /* when it began, since the step's start */
    int64_t silent_ns;        /* plain: no output since then; 0: there was some */
    TENON_VEC(char *) warnings;
    struct tenon_buf pending; /* plain: text to print, without "#N " */
    size_t pending_lines;
    size_t warnings_shown;
    int64_t last_shown_ns;
    unsigned completed_order;
    bool closed;                   /* plain: closing line was printed */
};

struct pk_warning {
    char *text, *url, *filename;
    char **detail;
    uint32_t line, end_line;
    TENON_VEC(struct tenon_lines) more;
};

struct pk_model {
    bool keep_pending; /* collect what is to be printed: set by plain */
    /* Those that started in this order; others anywhere between them. */
    TENON_VEC(struct pk_vertex *) vertices;
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
void pk_model_flush_line(const struct pk_model *m, struct pk_vertex *v);
/* Steps that never started: they were not needed. */
void pk_model_forget_planned(struct pk_model *m);
/* Forget the output that is kept: no recap will need it. */
void pk_model_forget_output(struct pk_vertex *v);
bool pk_is_running(const struct pk_vertex *v);
/* How many are over, and how many there are. */
void pk_model_count(const struct pk_model *m, size_t *done, size_t *total);

#endif

/* kit/private.h - what the files of the checks share. */
#ifndef TENON_KIT_PRIVATE_H
#define TENON_KIT_PRIVATE_H

#include "kit/trial.h"
#include "kit/standin.h"
#include "plugin/plugins.h"

struct tenon_trial { /* of one module */
    const struct tenon_trial_request *request;
    char *dir, *file;     /* of its path */
    enum tenon_kind kind; /* 0: the file's name tells none */
    char *name;
    char *temp;    /* TMPDIR of the children */
    int record_fd; /* of the child: where results go */
};

/* What a child writes down: a letter, a name, a NUL, a text, a NUL. Each says that the call
 * before has come back. */
enum {
    TENON_TRIAL_BEGUN = 'b',
    TENON_TRIAL_CALLS = 'c',
    TENON_TRIAL_ENDED = 'e',
    TENON_TRIAL_FIRST = '0' /* outcome */
};
void tenon_trial_record(struct tenon_trial *c, char what, const char *name, const char *text);
/* What a crash from now on is a result of. */
void tenon_trial_begin(struct tenon_trial *c, const char *name);
/* A call of the plugin comes now, which has the whole time that a call may take. Any thread. */
void tenon_trial_calls(struct tenon_trial *c);
/* A result: OK when it is good, else `otherwise` with this text. Returns good. */
bool tenon_trial_that(struct tenon_trial *c, bool good,
                      enum tenon_trial_outcome otherwise, const char *name,
                      const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* What became of a child. */
struct tenon_trial_end {
    bool ended; /* by itself, after the last check */
    bool hangs, stray; /* it was killed: no answer; written where results go */
    int status; /* of waitpid */
    char *last; /* what it had begun, or NULL */
    char *told, *printed; /* the last of both outputs, in one line */
};
/* Runs a group in a child; what it finds goes to the report. `out` is to be released always. */
int tenon_trial_child(struct tenon_trial *c, void (*group)(struct tenon_trial *),
                      struct tenon_trial_report *report, struct tenon_trial_end *out,
                      struct tenon_error *err);
void tenon_trial_end_release(struct tenon_trial_end *e);
void tenon_trial_add(struct tenon_trial_report *r, enum tenon_trial_outcome outcome,
                     const char *name, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The module, in this child, with its configuration; tenon_plugins_get gives it to be used. */
int tenon_trial_open(struct tenon_trial *c, struct json_object *config,
                     struct tenon_plugins **out, struct tenon_error *err);
/* What stands behind an operation's answer must fit to it: NULL, or what is wrong. malloc'ed. */
char *tenon_trial_answer(int rc, const struct tenon_error *err);
/* Descriptors of this process. */
size_t tenon_trial_descriptors(void);

/* Texts that no plugin expects; NULL at the end. */
extern const char *const tenon_trial_hostile[];
/* Something for what is required, malloc'ed. */
char *tenon_trial_sample(const struct tenon_param *p);
/* The options of a use: what the request has, and something for what is
 * required beside. `extra`
 * ("name=value") goes to the end, or NULL. For tenon_strv_free. */
char **tenon_trial_options(const struct tenon_trial *c,
                           const struct tenon_param *params, const char *extra);

/* Groups; each runs in a child of its own, from what it writes down to its end. */
void tenon_trial_file(struct tenon_trial *c);
void tenon_trial_words(struct tenon_trial *c); /* what it declares */
void tenon_trial_life(struct tenon_trial *c);
void tenon_trial_config(struct tenon_trial *c);
void tenon_trial_use(struct tenon_trial *c);
void tenon_trial_use_cancelled(struct tenon_trial *c);
void tenon_trial_use_faults(struct tenon_trial *c);
void tenon_trial_use_hostile(struct tenon_trial *c);
void tenon_trial_use_parallel(struct tenon_trial *c);

#endif

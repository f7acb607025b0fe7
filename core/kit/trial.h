/* kit/trial.h - what is wrong with a plugin, found without a build: for `tenon
 * plugin check`.
 *
 * The module is loaded and called in children of this process, so that its
 * crash, its exit and its hanging are results, too. To be called by a process
 * with one thread. */
#ifndef TENON_KIT_TRIAL_H
#define TENON_KIT_TRIAL_H

#include "base/error.h"
#include "base/json.h"
#include "tools/vec.h"

enum tenon_trial_outcome {
    TENON_TRIAL_OK,
    TENON_TRIAL_WARNING, /* tenon takes it; its users may wonder */
    TENON_TRIAL_FAILED,
    TENON_TRIAL_SKIPPED, /* could not be tried, and why */
};

struct tenon_trial_result {
    enum tenon_trial_outcome outcome;
    char *name; /* "one-symbol", "option-name-help": to be told apart by programs */
    char *text;
};

struct tenon_trial_report {
    char *plugin; /* "mount-hello"; "?" when the file has no such name */
    TENON_VEC(struct tenon_trial_result) results;
    size_t count[TENON_TRIAL_SKIPPED + 1]; /* by outcome */
};

struct tenon_trial_request {
    const char *path; /* of the module, absolute */
    const char *const *options; /* "name=value" of a use of it, NULL at the end; or NULL */
    struct json_object *config; /* its configuration, or NULL */
    unsigned seconds;           /* after which a call hangs */
};

/* Fails where nothing could be tried; what is wrong with the module is in the report. */
int tenon_trial_run(const struct tenon_trial_request *request,
                       struct tenon_trial_report *out, struct tenon_error *err);
void tenon_trial_report_release(struct tenon_trial_report *r);

#endif

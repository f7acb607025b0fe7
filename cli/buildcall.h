/* cli/buildcall.h - --call and --check: questions about a build file instead of a build. */
#ifndef TENON_CLI_BUILDCALL_H
#define TENON_CLI_BUILDCALL_H

#include <stdbool.h>

#include "buildflags.h"
#include "engine/result.h"

struct build_call {
    const char *request; /* the frontend's id for it; NULL: a build */
    bool json, ignores_status;
};

int build_call_parse(const struct build_flags *f, struct build_call *out,
                     struct tenon_error *err);
/* The answer, on standard output; why a file cannot be built, on standard error.  Returns the
 * exit status (1 when a check found something). */
int build_call_print(const struct build_flags *f, const struct build_call *call,
                     const struct tenon_result *r);

#endif

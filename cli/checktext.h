/* cli/checktext.h - the answer to --call=check as text: made of the frontend's JSON, because only
 * the command knows which name the build file was given by. */
#ifndef TENON_CLI_CHECKTEXT_H
#define TENON_CLI_CHECKTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "buildflags.h"
#include "tools/buf.h"

struct check_text {
    size_t warnings;
    bool cannot_build;
    struct tenon_buf findings, failure; /* from a frontend: not harmless to a terminal */
};

/* false: the answer is none that can be read. */
bool check_text_make(const struct build_flags *f, const void *json, size_t len,
                     struct check_text *out);
void check_text_release(struct check_text *t);

#endif

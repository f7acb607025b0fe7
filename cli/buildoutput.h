/* cli/buildoutput.h - -o, -t, --push: the outputs of a build, and what is reported
 * about them (--iidfile, --metadata-file, -q). */
#ifndef TENON_CLI_BUILDOUTPUT_H
#define TENON_CLI_BUILDOUTPUT_H

#include "buildflags.h"
#include "context/session.h"
#include "engine/build.h"

struct build_outputs {
    struct tenon_export *exports;
    size_t count;
};

int build_outputs_parse(const struct build_flags *f, struct tenon_plugins *plugins,
                        struct build_outputs *out, struct tenon_error *err);
void build_outputs_release(struct build_outputs *o);
/* Does one go into a container engine? */
bool build_outputs_load(const struct build_outputs *o);
/* Before the build: can --iidfile and --metadata-file be written? */
int build_outputs_check(const struct build_flags *f, const struct build_outputs *o,
                        const struct tenon_session *s, struct tenon_error *err);
/* A file of an earlier build must not be taken for this one's.  out: standard output. */
int build_outputs_clear(const struct build_flags *f, int out, struct tenon_error *err);
/* After it: --iidfile and --metadata-file. */
int build_outputs_write(const struct build_flags *f, const struct tenon_result *r,
                        const char *build_id, struct tenon_error *err);
/* Without -t and -o: where the result is, in a line on standard error. */
void build_outputs_tell(const struct build_flags *f, const struct tenon_result *r);
/* What goes to standard output: the id with -q, the text or JSON of --call.
 * Returns the exit status (1 when a check found something). */
int build_outputs_print(const struct build_flags *f, const struct tenon_result *r);

#endif

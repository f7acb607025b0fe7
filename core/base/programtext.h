/* base/programtext.h - programs as the plugin interface has them ("tenon.process/0"): what one says
 * goes where its struct tenon_program wants it, and its failure is a message. */
#ifndef TENON_BASE_PROGRAMTEXT_H
#define TENON_BASE_PROGRAMTEXT_H

#include "base/cancel.h"
#include "base/error.h"
#include "tenon-plugin.h"

/* Who hears it; any of them on the calling thread. */
struct tenon_program_talk {
    void (*output)(void *data, int stream, const void *text, size_t len);
    void (*line)(void *data, const char *line); /* for the log */
    void (*status)(void *data, const char *id, int64_t percent);
    void (*status_done)(void *data, const char *id);
};

/* As `run` of struct tenon_process_api. */
int tenon_program_serve(const struct tenon_program *theirs, struct tenon_cancel *cancel,
                        const struct tenon_program_talk *talk, void *data, int32_t *wait_status,
                        struct tenon_error *err);
/* As its `find`; malloc'ed. */
char *tenon_program_need(const char *name, const char *package, struct tenon_error *err);

#endif

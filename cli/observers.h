/* cli/observers.h - progress plugins beside the display: summaries, traces, a log in a file.  They
 * are shown what a record of the build keeps, in which secrets are masked. */
#ifndef TENON_CLI_OBSERVERS_H
#define TENON_CLI_OBSERVERS_H

#include "base/error.h"
#include "base/json.h"
#include "engine/build.h"
#include "plugin/plugins.h"

struct observers;

/* specs: NAME[,dest=FILE][,K=V...], of --observe; behind them those of "observers" of the
 * configuration.  What is wrong with one fails here.  *out is NULL when there is none. */
int observers_open(struct tenon_plugins *plugins, struct json_object *config, char *const *specs,
                   struct observers **out, struct tenon_error *err);
void observers_event(struct observers *o, const struct tenon_event *ev); /* one thread */
/* A plugin is one display at a time. */
bool observers_have(const struct observers *o, const struct tenon_module *m);
/* After the last event; text: the whole error line.  Frees o, which may be NULL. */
void observers_close(struct observers *o, const struct tenon_build *b,
                     const struct tenon_error *err, const char *text);

#endif

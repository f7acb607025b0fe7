/* cli/renderer.h - the progress plugin between the events and the terminal. */
#ifndef TENON_CLI_RENDERER_H
#define TENON_CLI_RENDERER_H

#include "base/error.h"
#include "engine/build.h"
#include "plugin/plugins.h"

struct renderer;
struct observers; /* observers.h */

struct renderer_about { /* what the renderers show of the command */
    const char *program; /* "tenon", "docker" */
    bool debug;
    const struct observers *observers; /* that were opened before; NULL: none */
};

/* spec: auto, tty, plain[,k=v], rawjson, quiet, none.  *out is NULL for the
 * silent ones.  INVALID when there is no such mode. */
int renderer_open(struct tenon_plugins *plugins, const char *spec,
                  const struct renderer_about *about, struct renderer **out,
                  struct tenon_error *err);
struct tenon_events *renderer_events(struct renderer *r); /* NULL r: NULL */
/* Nobody will ask which stream a step's output came by. */
bool renderer_has_one_stream(const struct renderer *r);
/* The last event is shown before; err as the build left it (code 0: fine).
 * text: the whole error line.  Frees r. */
void renderer_close(struct renderer *r, const struct tenon_build *b,
                    const struct tenon_error *err, const char *text);

#endif

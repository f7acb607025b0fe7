/* solve/sourcejob.h - a source vertex and the plugin that knows it. */
#ifndef TENON_SOLVE_SOURCEJOB_H
#define TENON_SOLVE_SOURCEJOB_H

#include "plugin/plugins.h"
#include "solve/private.h"

struct source_state { /* set by the resolve job, then immutable */
    struct tenon_module *module;
    const struct tenon_source_ops *ops;
    struct tenon_ctx *ctx; /* info's pointers live in it */
    struct tenon_source_request request;
    struct tenon_source_info info;
    char *platform;
    char **attrs;
};

#endif

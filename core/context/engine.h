/* context/engine.h - one build: what the command puts together, and what runs it.
 *
 * The engine owns the store, the plugins, the events and the session of one
 * build, and is what the host table's functions work on.  Made and freed by
 * the main thread; read-only for workers in between. */
#ifndef TENON_CONTEXT_ENGINE_H
#define TENON_CONTEXT_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "context/events.h"
#include "plugin/plugins.h"
#include "store/store.h"

struct tenon_session; /* context/session.h */
struct tenon_kept;    /* context/kept.c */
struct tenon_build;   /* engine/build.h */
struct tenon_policy;  /* policy/policy.h */
struct tenon_lockfile; /* policy/lockfile.h */
struct tenon_judge;    /* engine/sources.h */
struct tenon_producers; /* engine/producers.h */

struct tenon_engine {
    struct tenon_store *store;
    struct tenon_plugins *plugins;
    struct tenon_events *events;   /* NULL: nobody watches */
    struct tenon_session *session;
    struct tenon_cancel *cancel;   /* Ctrl-C */
    struct json_object *config;    /* merged tenon.json; never NULL */
    const char *host_platform;     /* "linux/amd64" */
    const char *executor;          /* the plugin that runs steps */
    const char *default_network;   /* "host", "none", "sandbox" */
    const char *build_id;          /* names the log directory */
    const char *const *entitlements; /* that the user gave: "network.host",
                                      * "security.insecure", "device=..." */
    const struct tenon_policy *const *policies; /* that sources are held to, in order */
    size_t policy_count;
    const struct tenon_judge *judge; /* who is asked about sources after them; NULL: nobody */
    struct tenon_lockfile *lock;   /* that sources are pinned by, or taken down in; or NULL */
    bool offline;                  /* what is neither here nor in the store is missing */
    unsigned jobs;                 /* steps at once; 0: no limit in practice */
    bool rootless;                 /* inside a user namespace */
    bool one_stream; /* nobody asks which stream a step's output came by: then one pipe
                      * keeps its order */
    struct tenon_producers *producers; /* of the builds of one process; NULL: of this one alone */
    const char *client;            /* who learns of what it made; NULL: whoever builds */
    struct tenon_build *build;     /* the one that runs on it; engine/build.c's */
    struct tenon_kept *kept;       /* what rooms remember; kept.h */
};
/* Frees what rooms kept; before the store is closed, after the last worker. */
void tenon_engine_release(struct tenon_engine *engine);

#endif

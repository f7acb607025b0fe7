/* engine/result.h - what a frontend returns and an exporter reads (struct tenon_result), and
 * references to what may not have been made yet (struct tenon_ref).  One build's; used by
 * one thread at a time. */
#ifndef TENON_ENGINE_RESULT_H
#define TENON_ENGINE_RESULT_H

#include "tools/vec.h"
#include "context/engine.h"
#include "graph/graph.h"
#include "solve/solve.h"
#include "tenon-plugin.h"

struct tenon_asked; /* engine/asked.h */

struct tenon_ref {
    struct tenon_edge edge;
    const struct tenon_asked *asked; /* who made it; NULL: a definition of who drives */
    bool solved;               /* then `made` holds it */
    struct tenon_solved made;
    char *mount;               /* where its chain is mounted read-only, or NULL */
    int root;                  /* O_PATH of its tree, or -1 */
};

struct tenon_result_platform {
    char *platform;
    struct tenon_ref *ref; /* borrowed from the build; NULL: scratch */
    const struct tenon_asked *asked; /* for the platform; NULL: nobody but who drives */
};

struct tenon_result_value {
    char *key;
    void *data; /* NUL after the end */
    size_t len;
    bool is_json; /* of a response */
};

struct tenon_result_scan { /* what scanners see beside a platform's result */
    char *platform, *name;
    struct tenon_ref *ref; /* borrowed from the build; NULL: scratch */
};

struct tenon_result_attestation {
    char *platform;
    struct tenon_attestation a; /* all of it owned, but for the reference */
};

struct tenon_result {
    TENON_VEC(struct tenon_result_platform) platforms;
    TENON_VEC(struct tenon_result_attestation) attestations;
    TENON_VEC(struct tenon_result_scan) scans;
    TENON_VEC(struct tenon_result_value) meta;      /* from the frontend */
    TENON_VEC(struct tenon_result_value) responses; /* from exporters */
};

void tenon_result_release(struct tenon_result *r);
const struct tenon_result_value *
tenon_result_meta(const struct tenon_result *r, const char *key);
/* Metadata of one platform: "KEY/PLATFORM" first, then plain "KEY". */
const struct tenon_result_value *
tenon_result_platform_meta(const struct tenon_result *r, const char *key,
                           const char *platform);
const struct tenon_result_value *
tenon_result_response(const struct tenon_result *r, const char *key);

/* For the host table. */
int tenon_result_add(struct tenon_result *r, const char *platform,
                     struct tenon_ref *ref, struct tenon_error *err);
int tenon_result_set(struct tenon_result *r, const char *key, const void *data,
                     size_t len, struct tenon_error *err);
int tenon_result_respond(struct tenon_result *r, const char *key,
                         const char *value, bool is_json,
                         struct tenon_error *err);
int tenon_result_scan_add(struct tenon_result *r, const char *platform, const char *name,
                          struct tenon_ref *ref, struct tenon_error *err);
const char *tenon_result_scan(const struct tenon_result *r, const char *platform, size_t i,
                              struct tenon_ref **ref);

#endif

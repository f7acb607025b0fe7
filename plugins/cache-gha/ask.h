/* cache-gha/ask.h - one request to the service and what it answers, whichever version it has. */
#ifndef TENON_CACHE_GHA_ASK_H
#define TENON_CACHE_GHA_ASK_H

#include <json-c/json.h>
#include <stdint.h>

#include <tenon-plugin.h>

#include "tools/cleanup.h"

TENON_DEFINE_AUTO(object, struct json_object *, json_object_put);
#define auto_object __attribute__((cleanup(tenon_auto_object)))

/* Of entries, BuildKit's and ours: SHA-256 of "|go-actionscache-1.0".  Those of actions/cache have
 * that of their paths. */
#define GHA_VERSION "693bb7016429d80366022f036f84856888c9f13e00145f5f6f4dce303a38d6f2"

struct gha_service { /* strings are the ctx's */
    const struct tenon_host *host;
    const struct tenon_http_api *http;
    const char *url; /* no slash at its end */
    const char *token;
    bool second;
    int64_t until_ns; /* monotonic: after that nothing is asked */
};

enum { GHA_ANSWER_MAX = 1 << 20 }; /* bytes: a page of keys has some 50,000 */

struct gha_ask {
    const char *method, *url, *accept;
    const char *token;            /* or NULL */
    struct json_object *body;     /* or NULL; consumed */
    uint32_t flags;               /* TENON_FETCH_* */
};

/* *status, and of a success the answer, or NULL where there was none that is JSON: the caller's.
 * said: of what is no success. */
int gha_ask(const struct gha_service *s, struct tenon_ctx *ctx, const struct gha_ask *a,
            int *status, const char **said, struct json_object **out, struct tenon_error *err);
/* Room for one request more? */
int gha_in_time(const struct gha_service *s, struct tenon_error *err);
int gha_refused(const struct gha_service *s, const char *doing, const char *key, int status,
                const char *said, struct tenon_error *err);
/* Does it say that there is an entry of that key? */
bool gha_is_taken(int status, const char *said);
/* The member of that name, or NULL. */
const char *gha_text(struct json_object *o, const char *name);
/* {"key": key, "version": GHA_VERSION} */
struct json_object *gha_key_and_version(const char *key);

#endif

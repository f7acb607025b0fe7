/* context/ctx.h - one unit of work, as plugins see it (struct tenon_ctx): where its events
 * go, what stops it, and what is given back when it ends.
 *
 * A ctx is used by the worker that runs it and by threads of a plugin between
 * attach and detach; its lists are locked. */
#ifndef TENON_CONTEXT_CTX_H
#define TENON_CONTEXT_CTX_H

#include "base/cancel.h"
#include "base/error.h"
#include "context/events.h"

struct tenon_engine; /* context/engine.h: what the host table works on */

struct tenon_ctx;
/* vertex: digest that status and log lines belong to, or NULL.  cancel is a
 * parent; the ctx has its own below it. */
struct tenon_ctx *tenon_ctx_new(struct tenon_engine *engine,
                                struct tenon_events *events,
                                struct tenon_cancel *cancel,
                                const char *vertex);
/* Runs the cleanups, last added first; then frees. NULL is fine. */
void tenon_ctx_free(struct tenon_ctx *ctx);
TENON_DEFINE_AUTO(ctx, struct tenon_ctx *, tenon_ctx_free);
#define auto_ctx __attribute__((cleanup(tenon_auto_ctx)))

struct tenon_engine *tenon_ctx_engine(struct tenon_ctx *ctx);
struct tenon_events *tenon_ctx_events(struct tenon_ctx *ctx);
struct tenon_cancel *tenon_ctx_cancel(struct tenon_ctx *ctx);
const char *tenon_ctx_vertex(struct tenon_ctx *ctx);
/* How many frontends have called one another to get here; set before others have the ctx. */
unsigned tenon_ctx_depth(struct tenon_ctx *ctx);
void tenon_ctx_set_depth(struct tenon_ctx *ctx, unsigned depth);
/* The options that the user gave, of the call that all this began with; or NULL. Borrowed. */
void tenon_ctx_set_users_options(struct tenon_ctx *ctx, const char *const *options);
const char *const *tenon_ctx_users_options(const struct tenon_ctx *ctx);
/* Is it the user who describes the build by it? Then the options of its calls are the user's. */
void tenon_ctx_set_users_own(struct tenon_ctx *ctx, bool is_users);
bool tenon_ctx_is_users_own(const struct tenon_ctx *ctx);
/* The request that it works for; or NULL. Borrowed. */
struct tenon_asked;
void tenon_ctx_set_asked(struct tenon_ctx *ctx, const struct tenon_asked *asked);
const struct tenon_asked *tenon_ctx_asked(const struct tenon_ctx *ctx);
/* What only this user has: a descriptor of a service of the session ("secret", "ssh",
 * "local", "env"), the caller's, or a negative status; NOT_FOUND: not supplied. */
int tenon_ctx_client_open(struct tenon_ctx *ctx, const char *service, const char *id,
                          struct tenon_error *err);
void *tenon_ctx_alloc(struct tenon_ctx *ctx, size_t size); /* zeroed */
char *tenon_ctx_strdup(struct tenon_ctx *ctx, const char *s);
/* Pointers to the items of an array, as the plugin interface has lists of what may grow. */
void *tenon_ctx_pointers(struct tenon_ctx *ctx, const void *items, size_t size, size_t count);
void tenon_ctx_defer(struct tenon_ctx *ctx, void (*fn)(void *), void *data);
/* Secrets the work has seen: masked in logs that are kept (not on screen). */
void tenon_ctx_add_secret(struct tenon_ctx *ctx, const void *data, size_t len);
/* Step output goes to the events and to a log file, which is opened at the first
 * byte: most steps print nothing.  open gives a descriptor or a negative number;
 * data must outlive the ctx's output. */
void tenon_ctx_set_log(struct tenon_ctx *ctx, int (*open)(void *data), void *data);
void tenon_ctx_output(struct tenon_ctx *ctx, int stream, const void *data, size_t len);
void tenon_ctx_status(struct tenon_ctx *ctx, const char *id, int64_t current, int64_t total);
void tenon_ctx_status_done(struct tenon_ctx *ctx, const char *id);

#endif

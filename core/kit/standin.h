/* kit/standin.h - a host without a build: what `tenon plugin check` and unit
 * tests of a plugin give it in the place of the core.
 *
 * Errors, options, memory, files, keys, sinks and programs ("tenon.process/0") work; what only a
 * build has (graph, results, images, blobs, other extensions) is absent, and its members are
 * NULL. Nothing is written but below a temporary directory. One thread sets it
 * up; the ctx may then be used by several. */
#ifndef TENON_KIT_STANDIN_H
#define TENON_KIT_STANDIN_H

#include <stdbool.h>
#include <stddef.h>

#include "tenon-plugin.h"

struct tenon_standin; /* a unit of work, as the core makes one for each step */

struct tenon_standin *tenon_standin_new(void);
void tenon_standin_free(struct tenon_standin *s); /* and all that its ctx gave */
struct tenon_ctx *tenon_standin_ctx(struct tenon_standin *s);
const struct tenon_host *tenon_standin_host(void);

/* What client->open(service, id) answers, a memory file of these bytes; without it NOT_FOUND. */
void tenon_standin_give(struct tenon_standin *s, const char *service,
                        const char *id, const void *data, size_t len);
/* The nth call from now on (1: the next) of a service that can fail does, UNAVAILABLE; 0: none. */
void tenon_standin_fail(struct tenon_standin *s, unsigned nth);
bool tenon_standin_has_failed(struct tenon_standin *s); /* that call came */
/* As if the user had pressed Ctrl-C. */
void tenon_standin_cancel(struct tenon_standin *s);
/* What it logged, a line each, "warning: text". Until it logs again. */
const char *tenon_standin_log(struct tenon_standin *s);

/* A key that keeps what is added, to be looked at: "label=bytes", a line each,
 * with bytes other than printable ones, and the backslash, as \xHH; of a tree what
 * standtree.h says. */
struct tenon_key *tenon_standin_key_new(void);
const char *tenon_standin_key_text(struct tenon_key *key);
void tenon_standin_key_free(struct tenon_key *key);

#endif

/* tenon-plugin-test.h - unit tests of a plugin without tenon: it is opened, given a host that has
 * no build behind it, and its operations are called.
 *
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Link with `pkg-config --cflags --libs tenon-plugin-test`; no framework is asked for.
 *
 *     const char *const options[] = { "name=Ada", NULL };
 *     struct tenon_test *t = tenon_test_open("./mount-hello.so", NULL);
 *     struct tenon_mount m;
 *     if (!t || tenon_test_attach(t, options, &m) < 0) ...
 *
 * Of the host's tables, error, values, ctx, progress, key, files, client and sink work: temporary
 * directories are real, sinks write to nothing, a client has what tenon_test_give gave. The members
 * of graph, result, image (but normalize, which refuses) and blobs are NULL: `tenon build` has those.
 * Of extensions there is "tenon.process/0", which drops what programs print. This interface belongs to tests: it may change with a minor version of
 * tenon. Lists of strings end with NULL. One thread, but for the ctx. */
#ifndef TENON_PLUGIN_TEST_H
#define TENON_PLUGIN_TEST_H

#include "tenon-plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tenon_test;

/* Opens a module (with all of its symbols) and calls init with a configuration, "k=v" list or NULL.
 * NULL after the reason was printed to standard error. */
struct tenon_test *tenon_test_open(const char *file, const char *const *config);
void tenon_test_close(struct tenon_test *t); /* fini; takes NULL */

const struct tenon_plugin *tenon_test_plugin(struct tenon_test *t);
void *tenon_test_self(struct tenon_test *t); /* what init made */
/* What init got, for files of the plugin that are linked into the test. */
const struct tenon_host *tenon_test_host(void);

/* The unit of work that operations get; what it gave them lives until the next one begins, as in
 * a build between two steps. */
struct tenon_ctx *tenon_test_ctx(struct tenon_test *t);
void tenon_test_next(struct tenon_test *t);

/* The error to hand to an operation, empty; and what the last one said, "" when nothing. */
struct tenon_error *tenon_test_error(struct tenon_test *t);
const char *tenon_test_message(struct tenon_test *t);
/* What it logged in this unit of work, a line each, "warning: text". */
const char *tenon_test_log(struct tenon_test *t);

/* "k=v" list, as a user gives them: parsed and checked by what the plugin declares. Until
 * tenon_test_next; NULL: refused, see tenon_test_message. */
const struct tenon_values *tenon_test_options(struct tenon_test *t, const char *const *pairs);

/* In this unit of work: what client->open(service, id) gives, which is NOT_FOUND otherwise ... */
void tenon_test_give(struct tenon_test *t, const char *service, const char *id, const void *data,
                     size_t len);
/* ... the nth call from now on that the host may fail does (1: the next); did it come? ... */
void tenon_test_fail(struct tenon_test *t, unsigned nth);
bool tenon_test_has_failed(struct tenon_test *t);
/* ... and the user pressed Ctrl-C. */
void tenon_test_cancel(struct tenon_test *t);

/* Of mounts: attach with these options at /target. Detach calls the plugin's, if there is one, and
 * closes the descriptor. */
int tenon_test_attach(struct tenon_test *t, const char *const *pairs, struct tenon_mount *out);
void tenon_test_detach(struct tenon_test *t, struct tenon_mount *m);
/* What cache_key adds: "label=bytes", a line each, in its order; bytes that are not printable
 * are \xHH, and so is the backslash; of a tree a line ("\x0a") each file, with its name, mode and a
 * sum of its bytes. NULL: it failed. Until the next call. */
const char *tenon_test_key(struct tenon_test *t, const char *const *pairs);

/* The beginning of the file that fd is of, which may be O_PATH: a text of at most size - 1 bytes,
 * or -1 with errno. */
int tenon_test_read(int fd, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif

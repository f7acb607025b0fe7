/* history/recorder.h - the record of one build, made beside it: events or messages while it runs,
 * the rest when it has ended.  Where it cannot be kept the build goes on.  One thread at a time, but that
 * events may come from another one. */
#ifndef TENON_HISTORY_RECORDER_H
#define TENON_HISTORY_RECORDER_H

#include "buildmessages.h"
#include "engine/build.h"

struct recorder;
struct recorder *recorder_new(struct tenon_store *store, const char *ref);
void recorder_free(struct recorder *r); /* NULL is fine; what is not finished is not kept */

/* For tenon_events_keep; data is the recorder. */
void recorder_event(void *data, const struct tenon_event *ev);

/* A content of the record; its descriptor, in the recorder's memory.  predicate: of an attestation,
 * or NULL.  NULL: it could not be kept. */
const struct ctl_descriptor *recorder_add(struct recorder *r, const char *media_type,
                                          const char *predicate, const void *data, size_t len);
/* The record's memory, for what is put into it. */
struct tenon_arena *recorder_arena(struct recorder *r);

/* outcome.c: an exporter, by its number, has answered with an image. */
void recorder_exported(struct recorder *r, struct ctl_record *record, size_t exporter,
                       struct tenon_engine *engine, const struct tenon_result *result);
/* What came out of the build; an image is the first exporter's where nobody was said to have it. */
void recorder_outcome(struct recorder *r, struct ctl_record *record, struct tenon_engine *engine,
                      const struct tenon_result *result);
/* failed.c: why nothing did. build: for the lines of its file, or NULL. */
void recorder_failed(struct recorder *r, struct ctl_record *record, const struct tenon_error *err,
                     const struct tenon_build *build);

/* The end: ref, logs and numbers of steps are set here, and the record is there.  What is secret in
 * options, exporters and answers has been taken out before. */
int recorder_finish(struct recorder *r, struct ctl_record *record, struct tenon_error *err);

#endif

/* history/records.h - records that there are.  What is in the store may be half there, or of
 * anybody's making: it is believed when it is whole. */
#ifndef TENON_HISTORY_RECORDS_H
#define TENON_HISTORY_RECORDS_H

#include "base/error.h"
#include "buildmessages.h"
#include "store/store.h"
#include "tools/arena.h"
#include "tools/fieldfilter.h"
#include "tools/vec.h"

struct records { /* zero at first */
    TENON_VEC(struct ctl_record) list; /* newest first */
    struct tenon_arena arena;          /* what they consist of */
};
/* Those that cannot be read are left out. */
int records_list(struct tenon_store *s, struct records *out, struct tenon_error *err);
void records_release(struct records *r);
TENON_DEFINE_AUTO_STRUCT(records, struct records, records_release);
#define auto_records __attribute__((cleanup(tenon_auto_records)))

/* One, by its build's whole name; NOT_FOUND, CORRUPT. */
int records_read(struct tenon_store *s, const char *ref, struct tenon_arena *arena,
                 struct ctl_record *out, struct tenon_error *err);
/* A person's word for one: a name, the beginning of one alone, "^N": the N-th before the newest,
 * or "": the newest. */
const struct ctl_record *records_find(const struct records *r, const char *word,
                                      struct tenon_error *err);

/* A content that it names, of the right length; a descriptor. */
int records_open(struct tenon_store *s, const struct ctl_record *record,
                 const struct ctl_descriptor *content, struct tenon_error *err);
/* A content of any record, by its digest alone; -1: none has it. */
int records_open_any(struct tenon_store *s, const char *digest);
/* What happened, message by message, until one says false; a length that cannot be is CORRUPT. */
typedef bool records_frame(void *data, const void *message, size_t len);
int records_replay(struct tenon_store *s, const struct ctl_record *record, records_frame *frame,
                   void *data, struct tenon_error *err);

/* Under the lock of its store: pinned or no longer; the record as it is now, in the arena. */
int records_pin(struct tenon_store *s, const char *ref, bool pinned, struct tenon_arena *arena,
                struct ctl_record *out, struct tenon_error *err);

int64_t records_ns(const struct ctl_time *t); /* 0 for NULL */
/* "running", "completed", "error", "canceled" */
const char *records_status(const struct ctl_record *r);
const char *records_option(const struct ctl_record *r, const char *key); /* or NULL */

/* BuildKit's filters: commas are "and", several are "or"; "ref", "status" and "repository" as in
 * tools/fieldfilter.h, and "startedAt", "completedAt" (a time, or an age) and "duration" with <,
 * <=, > and >=. NULL: they are none; *why is malloc'ed. */
struct record_filter;
struct record_filter *record_filter_new(const char *const *texts, size_t count, char **why);
void record_filter_free(struct record_filter *f);
bool record_filter_passes(const struct record_filter *f, const struct ctl_record *r);

#endif

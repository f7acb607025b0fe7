/* solve/import.h - an imported cache as the solver's files use it. */
#ifndef TENON_SOLVE_IMPORT_H
#define TENON_SOLVE_IMPORT_H

#include "solve/private.h"

struct import_record { /* immutable, the import's */
    const struct tenon_import *import;
    struct tenon_digest id;  /* "": BuildKit's, which has none */
    const char *const *keys; /* NULL at the end */
    int64_t *results;        /* topmost layer of each output; -1: an empty tree */
    size_t result_count;     /* 0: only the keys are known */
};

/* What BuildKit's solver can be asked for, or NULL. */
struct buildkit_records;
const struct buildkit_records *import_buildkit(const struct tenon_import *im);
/* Of the caches that are looked into now, NULL: none that is not trusted.  Any thread. */
const char *import_origin(const struct tenon_solver *s);
void imports_free(struct tenon_solver *s);
/* One with results, if there is any; NULL when no import knows the key.  Any
 * thread. */
const struct import_record *import_find(const struct tenon_solver *s, const char *key);
/* Unpack what the state's record promises into the job's outputs.  Worker. */
int import_make(struct job *j);
/* The chain of a result, when all of its layers are unpacked. */
bool import_there(const struct import_record *r, size_t result,
                  struct tenon_store *store, struct tenon_chain *out);
/* After import_make failed: a warning, and the job is as if it had not tried. */
void import_give_up(struct job *j);

#endif

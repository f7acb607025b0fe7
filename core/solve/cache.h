/* solve/cache.h - results out of caches that other stores filled (--cache-from), and what
 * this build knows, for filling one (--cache-to).  docs/caching.md has the document both are
 * about. */
#ifndef TENON_SOLVE_CACHE_H
#define TENON_SOLVE_CACHE_H

#include "solve/solve.h"
#include "tenon-plugin.h"

/* The largest document that is read or written. */
#define TENON_CACHE_DOCUMENT_MAX ((size_t)64 << 20)
/* And in the config of an image, which readers of images take up to 4 MiB. */
#define TENON_CACHE_INLINE_MAX ((size_t)2 << 20)

/* ---- import: immutable once made; must outlive the solver --------------- */

struct tenon_import;
/* Have one blob of the cache in the content store; several threads. */
typedef int tenon_import_fetch(void *data, struct tenon_ctx *ctx,
                               const struct tenon_descriptor *blob,
                               struct tenon_error *err);
/* name is for messages.  A document with records and no key of ours is read as BuildKit's. */
int tenon_import_new(const char *name, const void *config, size_t len,
                     tenon_import_fetch *fetch, void *data,
                     struct tenon_import **out, struct tenon_error *err);
/* Its results are as good as what was made here. Before it is used. */
void tenon_import_trust(struct tenon_import *im);
bool tenon_import_is_trusted(const struct tenon_import *im);
const char *tenon_import_name(const struct tenon_import *im);
void tenon_import_free(struct tenon_import *im);

/* After a build: imported records that nothing needed go into the store, with a
 * result where their layers were unpacked for others, else with the keys alone. */
void tenon_solver_adopt(struct tenon_solver *s);

/* ---- export ------------------------------------------------------------- */

struct tenon_buildkit_input {
    const void *vertex;          /* which entry that is */
    uint32_t output;             /* of it */
    char *selector;              /* a digest, or "" */
    struct tenon_digest content; /* or "" */
};
struct tenon_buildkit_key { /* what BuildKit's solver knows a vertex by */
    const void *vertex;
    struct tenon_digest own[2];
    size_t own_count; /* 0: it knows it by nothing */
    uint32_t output_count;
    struct tenon_buildkit_input *inputs;
    size_t input_count;
};
/* The digest of the record of an output of what has this key; output -1: of such content. */
void tenon_buildkit_root_key(const char *digest, int64_t output, struct tenon_digest *out);

struct tenon_cache_entry { /* a vertex that has a key */
    struct tenon_digest id;   /* of its record, made or not; "": an image, for BuildKit alone */
    char **keys;              /* it can be found under; made ones: the store knows more */
    struct tenon_chain *outputs;
    uint32_t output_count;    /* 0: only the keys are known */
    bool apart;               /* rests on what an import says (solve/apart.h) */
    struct tenon_buildkit_key buildkit;
};
/* Steps and fetched trees of this solver; nothing volatile, no contexts; images when the solver
 * is for_buildkit.  all: imported results are unpacked first. */
int tenon_solver_cache_entries(struct tenon_solver *s, bool all, struct tenon_cancel *cancel,
                               struct tenon_cache_entry **out, size_t *count,
                               struct tenon_error *err);
/* Ids of the cache mounts of its steps, each once and sorted, for tenon_strv_free: with what it
 * started as (TENON_CACHE_SEEDED) where that is an empty directory of an owner and a mode. */
int tenon_solver_mount_ids(struct tenon_solver *s, char ***out, struct tenon_error *err);
void tenon_cache_entry_release(struct tenon_cache_entry *k);
void tenon_cache_entries_free(struct tenon_cache_entry *list, size_t count);

#endif

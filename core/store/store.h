/* store/store.h - everything that outlives a build, shared by any number of
 * processes (docs/architecture.md).
 *
 *   content/blobs/sha256/HEX   blobs        tenon.db   records (SQLite, WAL)
 *   snapshots/N/{fs,work}      trees        locks/     flock files
 *   cache-mounts/N/            RUN caches   tmp/       work in progress
 *   logs/BUILD/STEP            step output     history/BUILD/  records of builds
 *
 * Invariants: a record refers only to what is complete; kill -9 at any
 * instant needs no repair; after a power cut only that counts which was known to be on
 * disk; nothing a live process uses is collected; ENOSPC and
 * EIO leave the store intact.  All functions: any thread. */
#ifndef TENON_STORE_STORE_H
#define TENON_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "tools/buf.h"

struct tenon_store;

/* Makes what is missing (0700 root dir).  Cheap: no scan.  Work directories of
 * dead processes are swept by a later tenon_store_sweep. */
int tenon_store_open(const char *root, struct tenon_store **out,
                     struct tenon_error *err);
void tenon_store_close(struct tenon_store *s);
/* For a process that opens stores again and again: connections to their databases stay open when
 * a store is closed, and the next that is opened takes one.  Nothing else stays, neither a lease
 * nor a lock.  Freed when no store is open that was opened with them. */
struct tenon_store_spares;
struct tenon_store_spares *tenon_store_spares_new(void);
void tenon_store_spares_free(struct tenon_store_spares *spares);
int tenon_store_open_with(struct tenon_store_spares *spares, const char *root,
                          struct tenon_store **out, struct tenon_error *err); /* NULL: none */
/* Remove leftovers in tmp/ and locks/ whose owner is dead; bounded work. */
void tenon_store_sweep(struct tenon_store *s);
const char *tenon_store_path(const struct tenon_store *s);
/* Have all that was made so far on disk: it counts after a power cut, which nothing does before.
 * Takes as long as the disk does; beside builds, never in one's way. */
bool tenon_store_has_unsure(struct tenon_store *s); /* is there anything to do? */
int tenon_store_flush(struct tenon_store *s, struct tenon_error *err);
/* A name for this store that stays: 25 letters and digits, as BuildKit's workers have them. */
#define TENON_STORE_ID_LEN 25
int tenon_store_id(struct tenon_store *s, char out[TENON_STORE_ID_LEN + 1],
                   struct tenon_error *err);
int tenon_store_fd(const struct tenon_store *s); /* O_PATH of the root */

/* ---- blobs ---------------------------------------------------------------
 * A writer hashes while it writes; commit verifies and gives the file its name.  When the
 * blob is there already, commit only marks it as used. */
struct tenon_blob_writer;
int tenon_blob_writer_new(struct tenon_store *s, struct tenon_blob_writer **out,
                          struct tenon_error *err);
int tenon_blob_write(struct tenon_blob_writer *w, const void *data, size_t len,
                     struct tenon_error *err);
uint64_t tenon_blob_written(const struct tenon_blob_writer *w);
/* expect NULL: whatever it is.  The writer is gone afterwards, also on
 * failure; CORRUPT when the digest or expect_size (-1: any) differs. */
int tenon_blob_commit(struct tenon_blob_writer *w, const char *expect,
                      int64_t expect_size, struct tenon_digest *out,
                      struct tenon_error *err);
void tenon_blob_abort(struct tenon_blob_writer *w);
/* A finished file elsewhere in the store's tmp/ becomes a blob of that digest
 * (already computed by the caller while writing). */
int tenon_blob_adopt_fd(struct tenon_store *s, int fd,
                        const struct tenon_digest *digest,
                        struct tenon_error *err);
int tenon_blob_temp_fd(struct tenon_store *s, struct tenon_error *err); /* O_TMPFILE, rw */
int tenon_blob_put(struct tenon_store *s, const void *data, size_t len,
                   struct tenon_digest *out, struct tenon_error *err);
bool tenon_blob_exists(struct tenon_store *s, const char *digest, int64_t *size);
/* O_RDONLY; touches its last use. */
int tenon_blob_open(struct tenon_store *s, const char *digest, int64_t *size,
                    struct tenon_error *err);
int tenon_blob_read(struct tenon_store *s, const char *digest, size_t limit,
                    struct tenon_buf *out, struct tenon_error *err);

/* ---- snapshots -----------------------------------------------------------
 * One snapshot is one layer's tree (overlay's upper directory), immutable once
 * committed.  What a step sees is a chain of them, lowest first; of one that is in it
 * several times the topmost alone is seen, for it covers the others. */
struct tenon_chain {
    int64_t *ids;
    size_t len;
};
void tenon_chain_release(struct tenon_chain *c);
TENON_DEFINE_AUTO_STRUCT(chain, struct tenon_chain, tenon_chain_release);
#define auto_chain __attribute__((cleanup(tenon_auto_chain)))
void tenon_chain_copy(struct tenon_chain *to, const struct tenon_chain *from);
void tenon_chain_append(struct tenon_chain *c, int64_t id);

enum tenon_snapshot_type { TENON_SNAPSHOT_REGULAR = 0, TENON_SNAPSHOT_LOCAL = 1,
                           TENON_SNAPSHOT_GIT = 2, TENON_SNAPSHOT_INTERNAL = 3,
                           TENON_SNAPSHOT_FRONTEND = 4, TENON_SNAPSHOT_FAILED = 5 };

struct tenon_snapshot_work; /* a tree being made, below tmp/, locked */
int tenon_snapshot_begin(struct tenon_store *s, struct tenon_snapshot_work **out,
                         struct tenon_error *err);
int tenon_snapshot_work_fs(struct tenon_snapshot_work *w);   /* O_PATH|O_DIRECTORY, w's */
/* What it takes of the disk.  Nothing is mounted on it any more. */
int64_t tenon_snapshot_work_bytes(struct tenon_snapshot_work *w);
/* Nothing is mounted on it any more: its directory gets what was changed, if it has not
 * been its directory that was written to (tenon_store_copies).  A commit does this, too. */
int tenon_snapshot_settle(struct tenon_snapshot_work *w, struct tenon_error *err);
/* While it is mounted: does it, rather than what is below it, hold the path (clean,
 * without links), or something in it? */
bool tenon_snapshot_work_has(struct tenon_snapshot_work *w, const char *path);
/* Move it to snapshots/N (rename) and record it.  w is gone afterwards. */
int tenon_snapshot_commit(struct tenon_snapshot_work *w,
                          enum tenon_snapshot_type type,
                          const char *description, int64_t *id,
                          struct tenon_error *err);
void tenon_snapshot_discard(struct tenon_snapshot_work *w); /* NULL is fine */
/* O_PATH fd of fs */
int tenon_snapshot_open(struct tenon_store *s, int64_t id, struct tenon_error *err);
struct stat;
/* In a snapshot's directory: the mark of what it removes from the layers below. */
bool tenon_snapshot_is_gone(struct tenon_store *s, int dirfd, const char *name,
                            const struct stat *st);
/* Made on nothing, never the upper of an overlay: all that is in it was put
 * there on purpose, nothing was copied up. */
bool tenon_snapshot_is_bare(struct tenon_store *s, int64_t id);
/* Looked through: nothing is in it that was only copied up. */
int tenon_snapshot_set_bare(struct tenon_store *s, int64_t id, struct tenon_error *err);
/* Snapshot of an image layer, by chain id (the digest over the diff ids from
 * the bottom up to it); false when there is none. */
bool tenon_snapshot_by_chain_id(struct tenon_store *s, const char *chain_id,
                                int64_t *id);
int tenon_snapshot_set_chain_id(struct tenon_store *s, int64_t id,
                                const char *chain_id, struct tenon_error *err);
/* A layer blob made from, or unpacked to, this snapshot; variant names what
 * the exporter asked for and what made it ("gzip~1", "zstd-3~1.5.4"). */
struct tenon_snapshot_blob {
    struct tenon_digest digest, diff_id;
    int64_t size;
    char media_type[80];
};
/* What an image came with; what an imported cache said that one did. */
#define TENON_BLOB_BASE "base"
#define TENON_BLOB_IMPORTED "imported"
bool tenon_snapshot_get_blob(struct tenon_store *s, int64_t id,
                             const char *variant,
                             struct tenon_snapshot_blob *out);
/* Of a layer of a base image, the former before the latter. */
bool tenon_snapshot_get_base(struct tenon_store *s, int64_t id, struct tenon_snapshot_blob *out);
int tenon_snapshot_set_blob(struct tenon_store *s, int64_t id,
                            const char *variant,
                            const struct tenon_snapshot_blob *b,
                            struct tenon_error *err);

/* Mounts, in the mount namespace of the calling thread (the process has a
 * private one).  Nothing outlives the process.  `target` is an existing
 * directory given as a path.
 *  - upper NULL: read-only view of the chain;
 *  - upper given: what is written lands in its fs directory.
 * At most 500 layers.  An empty chain with an upper is a bind mount of
 * the upper; without, an empty read-only tmpfs. */
int tenon_chain_mount(struct tenon_store *s, const struct tenon_chain *lower,
                      struct tenon_snapshot_work *upper, const char *target,
                      struct tenon_error *err);
/* The same for a step. */
int tenon_chain_mount_step(struct tenon_store *s, const struct tenon_chain *lower,
                           struct tenon_snapshot_work *upper, unsigned flags, const char *target,
                           struct tenon_error *err);
/* A view for a step, which may be able to make it writable.  own is where it is copied to in
 * a store that has to (tenon_store_copies); else NULL. */
int tenon_chain_mount_view(struct tenon_store *s, const struct tenon_chain *lower,
                           struct tenon_snapshot_work *own, unsigned flags, const char *target,
                           struct tenon_error *err);
/* Flags: the step's root, in which /etc/hosts and /etc/resolv.conf, which executors mount on,
 * exist when /etc does, without being part of any layer. */
#define TENON_MOUNT_AS_ROOT 1u
/* Ids of the layers are shown, and written, as the namespace has them that the store was mapped
 * for; on disk they stay what they are.  TENON_E_UNSUPPORTED: it cannot be, here. */
#define TENON_MOUNT_MAPPED 2u
/* The root of a frontend's process, which nobody keeps: with all the directories that it gets
 * something mounted on. */
#define TENON_MOUNT_VISIT 4u
/* For a user namespace whose id 0 is `root` on the machine, and 1 is first + 1; the first one
 * stays.  UNSUPPORTED: the store's file system or the kernel cannot. */
int tenon_store_map(struct tenon_store *s, int users_fd, uint32_t first, uint32_t root,
                    struct tenon_error *err);
/* Trees are copied, since the file system can hold no overlay; known from the first
 * mount that fails for it. */
bool tenon_store_copies(struct tenon_store *s);
#define TENON_STORE_COPIES "copies" /* the file in a store that says so, and why */
int tenon_unmount(const char *target); /* lazy; 0 or -errno */

/* ---- cache records ------------------------------------------------------- */
struct tenon_key_part { /* for explaining a miss */
    const char *label;
    const char *value; /* printable; secrets never get here */
};

struct tenon_record { /* what a key leads to */
    struct tenon_digest id;    /* canonical key: the first one it was stored under */
    uint32_t output_count;       /* 0: its keys are known, its result is elsewhere */
    struct tenon_chain *outputs; /* one chain an output index */
    int64_t created_ns;
    char *extra; /* JSON the solver keeps with it, or NULL */
};
/* Members of `extra`, names of caches: whose claim it is, apart from what was made here; and
 * whose it was, but trusted as if it had been made here. */
#define TENON_RECORD_IMPORTED "imported-from"
#define TENON_RECORD_TRUSTED "trusted-from"
void tenon_record_release(struct tenon_record *r);
/* 1 found (and last use touched in the same transaction, so that no collector
 * takes it), 0 not there, negative on trouble. */
int tenon_record_find(struct tenon_store *s, const char *key,
                      struct tenon_record *out, struct tenon_error *err);
/* One transaction: the record under all `keys`.  parts belong to keys[0].
 * `scope` is a stable name of the step (stage and instruction) by which
 * explain finds what it was before. */
int tenon_record_store(struct tenon_store *s, const char *const *keys,
                       size_t key_count, const struct tenon_record *r,
                       const char *scope, const char *description,
                       const struct tenon_key_part *parts, size_t part_count,
                       struct tenon_error *err);
/* A further key for an existing record. */
int tenon_record_link(struct tenon_store *s, const char *key, const char *id,
                      struct tenon_error *err);
/* All keys that lead to a record, sorted, for tenon_strv_free; NULL: none. */
int tenon_record_keys(struct tenon_store *s, const char *id, char ***out,
                      struct tenon_error *err);

/* What is known of the results of steps, last used first; for who asks (tenon why). */
struct tenon_whence {
    char *id, *name;  /* the record's; the step's, or NULL */
    char *place;      /* its scope, or NULL */
    char *origin;     /* the caches that say so, or NULL: made here */
    bool is_trusted;  /* they were trusted */
    bool has_result;  /* not its keys alone */
    int64_t created_ns, used_ns;
};
int tenon_whence_list(struct tenon_store *s, struct tenon_whence **rows, size_t *count,
                      struct tenon_error *err);
void tenon_whence_free(struct tenon_whence *rows, size_t count);

/* The parts of the newest record of that scope, in order; 1 when there is one
 * (its id in id_out, of TENON_DIGEST_STR_LEN + 1 bytes, unless NULL). */
typedef void tenon_key_part_visit(void *data, const char *label, const char *value);
int tenon_record_last_parts(struct tenon_store *s, const char *scope, char *id_out,
                            tenon_key_part_visit *visit, void *data,
                            struct tenon_error *err);
/* Those of one record. */
int tenon_record_parts(struct tenon_store *s, const char *id, tenon_key_part_visit *visit,
                       void *data, struct tenon_error *err);

/* ---- locks by name, across processes and threads --------------------------
 * flock on locks/NAME; the kernel drops it when the process dies.  cancel_fd
 * -1 or readable = stop waiting (CANCELLED). */
struct tenon_lock;
struct tenon_lock_holder { /* what it said of itself; it may be gone by now */
    int64_t pid;     /* 0: nothing */
    const char *log; /* of what it does meanwhile, for tenon_log_read; NULL: none */
    bool own;        /* it has the store by the handle of the one that waits */
};
/* Who watches a wait: called every 20 ms or so by the thread that waits, and once with
 * NULL when the wait is over. */
struct tenon_lock_watch {
    void (*look)(void *data, const struct tenon_lock_holder *holder);
    void *data;
};
/* watch NULL: nobody does. Who waits for it from now on is told of this process. */
int tenon_lock_acquire(struct tenon_store *s, const char *name, bool shared,
                       int cancel_fd, const struct tenon_lock_watch *watch,
                       struct tenon_lock **out, struct tenon_error *err);
/* What those who wait are told beside the process: log, BUILD/STEP. */
void tenon_lock_describe(struct tenon_lock *l, const char *log);
void tenon_lock_release(struct tenon_lock *l);
/* The store's records are locked by another process: by default a notice in the log.
 * The watch must outlive the store's use, and may not use the store. */
void tenon_store_watch(struct tenon_store *s, const struct tenon_lock_watch *watch);

/* ---- cache mounts ---------------------------------------------------------
 * host->files->cache_dir; *lock is held until released.  Ids that begin like this are
 * directories of sources; no build file may name them, or a step could change
 * what a source trusts.  The rest of the id says what it is. */
#define TENON_CACHE_KEPT "\001"
/* Of them, directories of clients: a digest of whose and which follows, a space, and its name. */
#define TENON_CACHE_LOCAL TENON_CACHE_KEPT "local "
/* The id of a directory that started as a copy of something goes on like this,
 * and then says of what. */
#define TENON_CACHE_SEEDED "\037"
/* For one that started empty, with an owner and a mode: these. */
#define TENON_CACHE_EMPTY "empty "
/* And of one that came with an imported cache, apart from what was made here: of which. */
#define TENON_CACHE_IMPORTED "\036"
int tenon_cache_mount_open(struct tenon_store *s, const char *id,
                           const char *sharing, int seed_fd, uint32_t mode,
                           uint32_t uid, uint32_t gid, int cancel_fd,
                           const struct tenon_lock_watch *watch,
                           struct tenon_lock **lock, struct tenon_error *err);
/* What a new one of this id starts with, instead of a seed: put into the directory that it becomes.
 * 1: with nothing after all, whatever is there by now. */
struct tenon_cache_fill {
    int (*fill)(void *data, int dirfd, struct tenon_error *err);
    void *data;
    /* NULL: it is. Asked when it is filled: a drop from then on finds it. May not use the store. */
    bool (*is_wanted)(void *data);
};
int tenon_cache_mount_open_filled(struct tenon_store *s, const char *id, const char *sharing,
                                  const struct tenon_cache_fill *fill, uint32_t mode,
                                  uint32_t uid, uint32_t gid, int cancel_fd,
                                  const struct tenon_lock_watch *watch,
                                  struct tenon_lock **lock, struct tenon_error *err);
/* For whoever opens it later, unless there is one of this id; nobody works in it.
 * CANCELLED: it was no longer wanted. */
int tenon_cache_mount_make(struct tenon_store *s, const char *id,
                           const struct tenon_cache_fill *fill, int cancel_fd,
                           struct tenon_error *err);
/* To read what is in it, as one who shares it does: the one of the id that was used last and that
 * nobody works in alone, else that one when its turn comes. NOT_FOUND: there is none. */
int tenon_cache_mount_look(struct tenon_store *s, const char *id, int cancel_fd,
                           const struct tenon_lock_watch *watch,
                           struct tenon_lock **lock, struct tenon_error *err);
bool tenon_cache_mount_exists(struct tenon_store *s, const char *id);
/* Ids that begin like this, each once and sorted, for tenon_strv_free. */
int tenon_cache_mount_ids(struct tenon_store *s, const char *prefix, char ***out,
                          struct tenon_error *err);
/* Those of the id and what was imported for it, or with seeded all that started as a copy; what a
 * step works in stays. */
int tenon_cache_mount_drop(struct tenon_store *s, const char *id, bool seeded,
                           struct tenon_error *err);
/* Of those whose ids begin like this the newest stay, and what somebody works in. */
int tenon_cache_mount_trim(struct tenon_store *s, const char *prefix, size_t newest,
                           struct tenon_error *err);

/* ---- stat cache -----------------------------------------------------------
 * File digests by (path, dev, ino, size, mtime, ctime); git's racy rule: an entry
 * younger than the file system's tick when recorded is not trusted.  One root
 * directory (host path) is one namespace; load is one read for all of it. */
struct tenon_stat_key {
    uint64_t path; /* tenon_stat_path of it, relative to the root */
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
};
struct tenon_stat_cache; /* one walk; not thread safe but for lookup */
int tenon_stat_cache_load(struct tenon_store *s, const char *root_path,
                          struct tenon_stat_cache **out, struct tenon_error *err);
uint64_t tenon_stat_path(const char *path);
bool tenon_stat_cache_get(struct tenon_stat_cache *c, const struct tenon_stat_key *key,
                          struct tenon_digest *out); /* false: not known */
void tenon_stat_cache_put(struct tenon_stat_cache *c, const struct tenon_stat_key *key,
                          const struct tenon_digest *digest);
/* Nobody changes the files meanwhile: those are kept as well that are young. */
void tenon_stat_cache_steady(struct tenon_stat_cache *c);
/* Write back what changed, if anything; then free. */
void tenon_stat_cache_save(struct tenon_stat_cache *c);
/* Of the roots that begin so only those that came last stay, at least one. */
int tenon_stat_cache_trim(struct tenon_store *s, const char *prefix, size_t newest,
                          struct tenon_error *err);

/* ---- content digests of snapshots -----------------------------------------
 * Cached digest of (chain, selector) so that a tree is hashed once. */
bool tenon_content_digest_get(struct tenon_store *s, const char *key,
                              struct tenon_digest *out);
void tenon_content_digest_put(struct tenon_store *s, const char *key,
                              const struct tenon_digest *d);

/* ---- images by name ------------------------------------------------------- */
struct tenon_image_row {
    char *name, *digest, *media_type;
    int64_t size_bytes, created_ns;
};
int tenon_image_set(struct tenon_store *s, const char *name, const char *digest,
                    const char *media_type, int64_t size_bytes,
                    struct tenon_error *err);
int tenon_image_get(struct tenon_store *s, const char *name,
                    struct tenon_image_row *out, struct tenon_error *err); /* NOT_FOUND */
int tenon_image_list(struct tenon_store *s, struct tenon_image_row **rows,
                     size_t *count, struct tenon_error *err);
int tenon_image_remove(struct tenon_store *s, const char *name, struct tenon_error *err);
void tenon_image_row_release(struct tenon_image_row *r);
/* What a moving name stood for when last asked ("docker-image://x@plat" ->
 * digest), so that a registry need not be asked when it cannot be. */
int tenon_pin_set(struct tenon_store *s, const char *name, const char *value,
                  struct tenon_error *err);
char *tenon_pin_get(struct tenon_store *s, const char *name); /* NULL; caller frees */

/* ---- usage and collection -------------------------------------------------- */
struct tenon_usage_row {
    char *id;            /* "snapshot:12", "blob:sha256:...", "cache:3", "log:BUILD" */
    char *description, *type; /* regular, source.local, exec.cachemount, log, ... */
    int64_t size_bytes, created_ns, last_used_ns, use_count;
    bool in_use, shared, is_mutable;
    bool is_named; /* part of an image with a name: prune leaves it */
    char *parents; /* ids of what it is laid on, with ";" between them; NULL: nothing */
    char *origin; /* the caches that it came by, and nothing that was made here needs it; or NULL */
};
int tenon_usage_list(struct tenon_store *s, struct tenon_usage_row **rows,
                     size_t *count, struct tenon_error *err);
void tenon_usage_free(struct tenon_usage_row *rows, size_t count);
enum tenon_prune_moment {    /* others work in between; no transaction is open */
    TENON_PRUNE_BEGINS,
    TENON_PRUNE_DATED,   /* who is at work has been looked up */
    TENON_PRUNE_LISTED,  /* so have the rows and what named images consist of */
    TENON_PRUNE_DELETED, /* the rows are gone, their files are there */
    TENON_PRUNE_FOUND,   /* the files without a row have been found */
};
struct tenon_prune_options {
    bool all;               /* also what is internal or a frontend */
    int64_t keep_bytes;     /* so much stays, whatever else is said; 0: nothing that may go */
    int64_t max_bytes;      /* no more than so much stays; 0: as keep_bytes says */
    int64_t min_free_bytes; /* nothing goes while so much of the disk is free; 0: no matter */
    int64_t older_than_ns;  /* only what was not used for so long */
    const char *type;       /* or NULL */
    /* Only what came by imported caches, of this name ("import": of any); the records, too, also
     * where something else needs what they lead to.  NULL: whatever it came by. */
    const char *origin;
    /* Whatever else a row has to have, before anything is removed; or NULL. */
    bool (*passes)(void *data, const struct tenon_usage_row *row);
    void *passes_data;
    /* Called at each moment, so that a test can play the other processes; or NULL. */
    void (*at)(void *data, enum tenon_prune_moment moment);
    void *at_data;
};
/* Never touches what a live process uses (a process holds a shared lock on
 * locks/lease-PID-START and what it finds is marked used in the same transaction).
 * removed: rows for tenon_usage_free. */
int tenon_prune(struct tenon_store *s, const struct tenon_prune_options *o,
                struct tenon_usage_row **removed, size_t *count,
                struct tenon_error *err);

/* ---- what builds leave ------------------------------------------------------
 * Roots of failed steps and what steps printed are there to be looked at, not for
 * ever: the newest stay, within bounds, and of one step the newest root only. */
enum tenon_leftover { TENON_LEFT_FAILED, TENON_LEFT_LOGS, TENON_LEFT_HISTORY, TENON_LEFT_KINDS };
struct tenon_bounds {
    int64_t number, bytes;
    int64_t age_ns; /* since it was last used, or written to */
};
extern const struct tenon_bounds tenon_default_bounds[TENON_LEFT_KINDS];
void tenon_store_set_bounds(struct tenon_store *s, enum tenon_leftover kind,
                            const struct tenon_bounds *b);
const struct tenon_bounds *tenon_store_bounds(const struct tenon_store *s,
                                              enum tenon_leftover kind);
/* Remove what is beyond them, if this process added any.  What it left itself
 * stays, and what other live processes use. */
void tenon_store_trim(struct tenon_store *s);

/* ---- whether it holds what it promises ------------------------------------------
 * Each row against its files, each file against its digest; what belongs to nobody.  Others
 * may be at work: what they do meanwhile is no fault. */
struct tenon_fault {
    const char *object;  /* "snapshot 12", "blob sha256:...", "tmp/work-1-2" */
    const char *problem;
    bool is_leftover;    /* of a process that was killed: harmless, and takes room */
    bool is_repaired;    /* by forgetting it */
};
struct tenon_fsck_options {
    bool repair;
    void (*found)(void *data, const struct tenon_fault *fault);
    void *data;
};
enum tenon_fsck_kind { TENON_FSCK_SNAPSHOTS, TENON_FSCK_RECORDS, TENON_FSCK_BLOBS,
                       TENON_FSCK_CACHES, TENON_FSCK_IMAGES, TENON_FSCK_BUILDS,
                       TENON_FSCK_KINDS };
struct tenon_fsck_counts {
    int64_t looked_at[TENON_FSCK_KINDS];
    int64_t damaged, leftovers, repaired;
    int64_t still_damaged; /* not repaired */
};
/* CORRUPT: the database itself is damaged, and was found so; tenon_store_start_over helps. */
int tenon_store_fsck(struct tenon_store *s, const struct tenon_fsck_options *o,
                     struct tenon_fsck_counts *counts, struct tenon_error *err);
/* Forget all that the database says, of a store that nobody has open (UNAVAILABLE).  Trees and
 * blobs are nobody's from then on. */
int tenon_store_start_over(const char *root, struct tenon_error *err);

/* How much of what is hostile goes in (base/limits.h); before there are threads. */
void tenon_store_set_limits(struct tenon_store *s, const struct tenon_limits *l);
/* NULL, which is the defaults, for none. */
const struct tenon_limits *tenon_store_limits(const struct tenon_store *s);

/* ---- logs ------------------------------------------------------------------ */
/* Bytes that the logs of this process have, for tenon_cutlog_open. */
uint64_t *tenon_log_total(struct tenon_store *s);
/* O_RDWR|O_APPEND file logs/BUILD/STEP, for tenon_cutlog_open. */
int tenon_log_file(struct tenon_store *s, const char *build, const char *step,
                   struct tenon_error *err);
/* One that is there, "BUILD/STEP", for reading; -1: none. */
int tenon_log_read(struct tenon_store *s, const char *name);

/* ---- records of builds -------------------------------------------------------
 * history/NAME/, a directory of files for each build; the newest stay, within bounds, and those
 * that are pinned. */
struct tenon_history_work; /* one that is made; nobody finds it yet */
int tenon_history_begin(struct tenon_store *s, struct tenon_history_work **out,
                        struct tenon_error *err);
int tenon_history_work_fd(const struct tenon_history_work *w); /* of its directory; w's */
/* Its place is that of the build's name, whatever was there. w is gone afterwards. */
int tenon_history_commit(struct tenon_history_work *w, const char *ref, struct tenon_error *err);
void tenon_history_discard(struct tenon_history_work *w); /* NULL is fine */
/* The directory of a build of that name, malloc'ed: the same, or a digest of it. */
char *tenon_history_name(const char *ref);
/* The names of all, in no order that means anything; NULL: none. */
int tenon_history_list(struct tenon_store *s, char ***names, struct tenon_error *err);
int tenon_history_open(struct tenon_store *s, const char *name, struct tenon_error *err);
/* NOT_FOUND: there is none. */
int tenon_history_remove(struct tenon_store *s, const char *ref, struct tenon_error *err);
int tenon_history_pin(struct tenon_store *s, const char *ref, bool pinned,
                      struct tenon_error *err);
bool tenon_history_is_pinned(int dir);

/* ---- temporary directories ---------------------------------------------------
 * A directory below tmp/, locked by this process; removed with its content by
 * tenon_tempdir_free (mounts in it are detached first). */
struct tenon_tempdir;
int tenon_tempdir_new(struct tenon_store *s, struct tenon_tempdir **out, struct tenon_error *err);
/* The same in memory: for mount points and files of a few bytes. */
int tenon_tempdir_new_small(struct tenon_store *s, struct tenon_tempdir **out,
                            struct tenon_error *err);
const char *tenon_tempdir_path(struct tenon_tempdir *x);
int tenon_tempdir_fd(struct tenon_tempdir *x);
void tenon_tempdir_free(struct tenon_tempdir *x);

#endif

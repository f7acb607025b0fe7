/* tenon-plugin.h - the one interface between the tenon core and its plugins.
 *
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * C99, usable from C++.  No libtenon to link: everything a plugin may call
 * arrives in struct tenon_host.  Rules that hold for the whole file:
 *
 *  - structs grow only at the end, and only in a new ABI minor; the first
 *    member says how many bytes the filler knew about; absent bytes read as 0
 *    and 0 always means "default / not provided".  A struct without
 *    struct_size never grows.  Of a struct that the callee fills (`out`), the
 *    caller sets struct_size, which is how much room there is, and clears the
 *    rest; the callee writes no more than that;
 *  - what grows is listed by arrays of pointers, never by arrays of structs;
 *  - flags and reserved words that nobody knows yet are 0: other values are
 *    refused, so that they can mean something later;
 *  - widths are fixed (no enum, long or off_t in a struct) and there is no
 *    implicit padding, on no machine: a field added inside padding would not
 *    change the size;
 *  - strings are NUL-terminated UTF-8 unless a length follows them; lists of
 *    strings end with NULL;
 *  - pointers passed in are borrowed for the duration of the call; pointers
 *    handed out by the host live until the ctx ends; ownership of a file
 *    descriptor moves only where said;
 *  - 0 is success, negative is an enum tenon_status; `err` is never NULL;
 *  - times are wall-clock nanoseconds since 1970 unless said otherwise.
 *
 * The ctx of a call is one unit of work: what it gives (memory, temporary
 * directories, strings) lives until it ends, which is after the operation has
 * returned, and as long as the words at the operation say; where nothing is
 * said it may end right then.  Each operation that has no ctx may not block.
 *
 * Operations are optional where it says so; a plugin that lacks another one is
 * refused at load.
 *
 * Processes: the process has threads, so between fork and exec only functions
 * that are safe in a signal handler may be called; children are waited for by
 * their id (no waitpid(-1)), and end before the operation returns.  Signals:
 * dispositions and the mask of the process stay as they are (SIGPIPE is
 * ignored, SIGCHLD is not); no handler, no alarm, no signal to the group.  The
 * working directory, the umask, the locale and the environment are everybody's
 * and are not changed; descriptors are made O_CLOEXEC.  Nobody ends the process.
 *
 * Threads: kind ops run on worker threads, as many at a time as
 * tenon_plugin.threads allows.  Host functions may be called from any thread
 * that was given the ctx; threads of the plugin's own may call progress->log,
 * ctx->cancelled, ctx->cancel_fd and client->open only, between attach and detach.
 */
#ifndef TENON_PLUGIN_H
#define TENON_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TENON_C_LINKAGE extern "C"
extern "C" {
#else
#define TENON_C_LINKAGE extern
#endif

#define TENON_ABI_MAJOR 0 /* incompatible change; also names the plugin dir */
#define TENON_ABI_MINOR 5 /* something was appended */
#define TENON_PLUGIN_MAGIC UINT32_C(0x544e4f4e)

#if defined(__GNUC__) || defined(__clang__)
#define TENON_EXPORT __attribute__((visibility("default")))
#define TENON_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TENON_EXPORT
#define TENON_PRINTF(f, a)
#endif

/* Fills what would be a hole where pointers have 32 bits, and is nothing elsewhere. */
#if UINTPTR_MAX == 0xffffffff
#define TENON_PAD32(name) uint32_t name;
#else
#define TENON_PAD32(name)
#endif

/* Does *p carry member f, and is it set?  To be asked before anything is touched that is newer
 * than the plugin's need_minor. */
#define TENON_HAS(type, p, f)                                                \
    ((p)->struct_size >= offsetof(type, f) + sizeof((p)->f) && (p)->f)

/* ---- vocabulary ------------------------------------------------------- */

enum tenon_kind { /* values are ABI; the word is the file name prefix */
    TENON_KIND_FRONTEND = 1,
    TENON_KIND_SOURCE = 2,
    TENON_KIND_MOUNT = 3,
    TENON_KIND_EXECUTOR = 4,
    TENON_KIND_EXPORTER = 5,
    TENON_KIND_PROGRESS = 6,
    TENON_KIND_CACHE = 7,
    TENON_KIND_ATTESTER = 8, /* --attest type=NAME */
    TENON_KIND_SCANNER = 9,  /* --attest type=sbom,scanner=NAME */
};

enum tenon_status {
    TENON_OK = 0,
    TENON_E_FAILED = -1,      /* anything without a better code */
    TENON_E_INVALID = -2,     /* the user's input is wrong */
    TENON_E_NOT_FOUND = -3,
    TENON_E_DENIED = -4,      /* permission or policy */
    TENON_E_UNSUPPORTED = -5, /* kernel, peer or build lacks it */
    TENON_E_CANCELLED = -6,   /* we were asked to stop, and did */
    TENON_E_UNAVAILABLE = -7, /* transient: the core may retry */
    TENON_E_CORRUPT = -8,     /* a digest or a format check failed */
    TENON_E_LIMIT = -9,       /* input larger than we accept */
    TENON_E_NOMEM = -10,
    TENON_E_BUG = -11,        /* broken contract, ours or a plugin's */
};

/* Who may call into the plugin at the same time.  Spaced out so that a model
 * can be added in between; the core takes the stricter of plugin and user. */
enum tenon_threads {
    TENON_THREADS_SERIAL = 1000,   /* one call at a time, whole plugin */
    TENON_THREADS_INSTANCE = 2000, /* one call at a time per `self` */
    TENON_THREADS_PARALLEL = 3000, /* any number */
};

/* What a plugin adds to the cache key of a step it takes part in.  There is
 * no default: kinds frontend, source, mount and executor are refused at load
 * when this is 0. */
enum tenon_key_policy {
    TENON_KEY_UNDECLARED = 0,
    TENON_KEY_NEUTRAL = 1,  /* promise: cannot change any step's result */
    TENON_KEY_OPTIONS = 2,  /* name, key_epoch and options; nothing else */
    TENON_KEY_CONTENT = 3,  /* the same, plus what .cache_key adds */
    TENON_KEY_VOLATILE = 4, /* a step using it is never served from cache */
};

enum tenon_type {
    TENON_TYPE_STRING = 1,
    TENON_TYPE_BOOL = 2,     /* true/false/1/0; a bare name means true */
    TENON_TYPE_INT = 3,      /* int64; 0x and 0 prefixes; min..max if not both 0 */
    TENON_TYPE_SIZE = 4,     /* bytes; 64k, 2G accepted */
    TENON_TYPE_DURATION = 5, /* nanoseconds; 250ms, 5m accepted */
    TENON_TYPE_CHOICE = 6,   /* one word of `choices`, "a|b|c" */
    TENON_TYPE_HOST_PATH = 7, /* made absolute against the invocation's cwd */
    TENON_TYPE_MAP = 8       /* options named "PREFIX.key" or "PREFIX[...].key";
                              * def is the separator list, see values->get_map */
};

#define TENON_PARAM_REQUIRED (UINT32_C(1) << 0)
#define TENON_PARAM_REPEAT (UINT32_C(1) << 1)     /* read with values->get_nth */
#define TENON_PARAM_SENSITIVE (UINT32_C(1) << 2)  /* never logged or dumped */
#define TENON_PARAM_NOT_IN_KEY (UINT32_C(1) << 3) /* cannot change a result */
#define TENON_PARAM_BARE (UINT32_C(1) << 4)       /* takes a value with no "name=" */
#define TENON_PARAM_DEPRECATED (UINT32_C(1) << 5)

struct tenon_param { /* arrays end with name == NULL */
    const char *name;    /* [a-z][a-z0-9-]*; BuildKit's words have _ and . as well */
    const char *help;    /* one line, lower case, no full stop */
    const char *def;     /* default, as the user would write it, or NULL */
    const char *choices;
    uint32_t type;       /* enum tenon_type */
    uint32_t flags;      /* TENON_PARAM_* */
    int64_t min, max;
};

/* Opaque, owned by the core. */
struct tenon_ctx;    /* one unit of work: cancellation, log and progress scope */
struct tenon_error;
struct tenon_fact;   /* of a source, below */
struct tenon_values; /* options after parsing, checking and defaulting */
struct tenon_key;
struct tenon_graph;  /* vertices being described by a frontend */
struct tenon_node;   /* one vertex, or a part of one (a mount, an action) */
struct tenon_ref;    /* a result that may not have been made yet */
struct tenon_result; /* platform -> ref, and named bytes (metadata) */

struct tenon_source_excerpt { /* a part of a build file */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    const char *filename;
    const void *data; /* the whole file */
    size_t len;
    uint32_t line, end_line; /* 0: no part in particular */
};

/* A blob as OCI descriptors tell it. */
struct tenon_descriptor {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    int64_t size;
    const char *media_type;
    const char *digest; /* "sha256:<hex>" */
    const char *diff_id; /* of a layer: digest of the tar inside, else NULL */
    const char *const *annotations; /* "k=v" list or NULL */
};

/* ---- registries, an extension: host->extension("tenon.registry/0") ------ */

struct tenon_registry_api {
    uint32_t struct_size;
    uint32_t flags;
    /* The manifest or index that ref ("host/repo:tag" or "@digest") names,
     * verified and kept in the content store.  *data lives until ctx ends. */
    int (*manifest)(struct tenon_ctx *ctx, const char *ref,
                    struct tenon_descriptor *desc, const void **data,
                    size_t *len, struct tenon_error *err);
    /* Have the blob in the content store: streamed, verified, resumed.  Shows
     * itself as status lines of ctx. */
    int (*blob)(struct tenon_ctx *ctx, const char *ref,
                const struct tenon_descriptor *desc, struct tenon_error *err);
    /* Push the image (manifest or index) with all it refers to from the
     * content store to ref. */
    int (*push)(struct tenon_ctx *ctx, const char *ref, const char *digest,
                uint32_t flags, struct tenon_error *err);
    /* The same as manifest, for a mode of image.resolvemode: "default", "pull"
     * or "local"; NULL is "default". */
    int (*resolve)(struct tenon_ctx *ctx, const char *ref, const char *mode,
                   struct tenon_descriptor *desc, const void **data,
                   size_t *len, struct tenon_error *err);
    /* These read documents that came from anywhere; strings live until ctx
     * ends.  choose: the entry of an index for a platform, NOT_FOUND when there
     * is none.  image_config: the config of a manifest.  image_layers: its
     * layers, lowest first, with the diff ids that the config (its text) has.
     * chain_id: what the first `count` layers are together, "" for none. */
    int (*choose)(struct tenon_ctx *ctx, const void *index, size_t len,
                  const char *platform, struct tenon_descriptor *out,
                  struct tenon_error *err);
    int (*image_config)(struct tenon_ctx *ctx, const void *manifest, size_t len,
                        struct tenon_descriptor *out, struct tenon_error *err);
    int (*image_layers)(struct tenon_ctx *ctx, const void *manifest, size_t len,
                        const void *config, size_t config_len,
                        const struct tenon_descriptor *const **layers, size_t *count,
                        struct tenon_error *err);
    const char *(*chain_id)(struct tenon_ctx *ctx,
                            const struct tenon_descriptor *const *layers,
                            size_t count);
    /* Is it an index?  By its media type, or where that is "" by content. */
    bool (*is_index)(struct tenon_ctx *ctx, const char *media_type,
                     const void *data, size_t len);
    /* As manifest and blob, with flags (TENON_PULL_INSECURE); of the manifest the one that
     * the registry has now, never one that this store knows by the name. */
    int (*pull_manifest)(struct tenon_ctx *ctx, const char *ref, uint32_t flags,
                         struct tenon_descriptor *desc, const void **data,
                         size_t *len, struct tenon_error *err);
    int (*pull_blob)(struct tenon_ctx *ctx, const char *ref, uint32_t flags,
                     const struct tenon_descriptor *desc,
                     struct tenon_error *err);
    /* One blob of the content store to the repository of ref, unless that has it; of flags
     * TENON_PUSH_INSECURE. */
    int (*push_blob)(struct tenon_ctx *ctx, const char *ref, uint32_t flags,
                     const struct tenon_descriptor *desc,
                     struct tenon_error *err);
    /* What attests the image of a platform in an index that ref names: facts of a source, as
     * documents that nobody has verified.  predicates, NULL at the end, are types of which the
     * statements are wanted, too. */
    int (*attestations)(struct tenon_ctx *ctx, const char *ref,
                        const struct tenon_descriptor *root, const void *index, size_t len,
                        const char *platform, const char *const *predicates,
                        const struct tenon_fact **facts, size_t *count,
                        struct tenon_error *err);
};
#define TENON_PUSH_BY_DIGEST (UINT32_C(1) << 0)
#define TENON_PUSH_INSECURE (UINT32_C(1) << 1)
#define TENON_PULL_INSECURE TENON_PUSH_INSECURE /* any certificate, or plain http */

/* ---- HTTP, an extension: host->extension("tenon.http/0") ----------------- */

struct tenon_fetch { /* one request */
    uint32_t struct_size;
    uint32_t flags;     /* TENON_FETCH_* */
    const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH" */
    const char *url;
    const char *const *headers; /* "Name: value", or NULL */
    const char *authorization;  /* value of that header, which stays at the
                                 * host of url; or NULL */
    const void *body;           /* POST, PUT, PATCH */
    size_t body_len;
    const char *status_id;      /* a status line counts what is received; NULL */
    TENON_PAD32(reserved32)
    int64_t body_fd_len;        /* PUT or PATCH without body: so many bytes, */
    int32_t body_fd;            /* from the beginning of this one */
    uint32_t reserved;
    uint64_t most;              /* bytes of a success's body; 0: what the limits say */
};
#define TENON_FETCH_STAY (UINT32_C(1) << 0) /* a redirect is an answer, and not followed */
/* It must not be done twice: it is repeated only where the server says that it did nothing (429,
 * 503), and not where an answer was lost. */
#define TENON_FETCH_ONCE (UINT32_C(1) << 1)

struct tenon_fetch_answer { /* absent strings are NULL; they live until ctx ends */
    uint32_t struct_size;
    int32_t status;
    const char *url; /* after redirects */
    const char *etag, *last_modified, *content_type, *content_disposition;
    TENON_PAD32(reserved32)
    int64_t last_modified_ns; /* 0 when there is none, or none that can be read */
    int64_t size;             /* bytes written to fd */
    const char *said;         /* the body of what is no success, at most 64 KiB */
    TENON_PAD32(reserved32_end)
};

struct tenon_http_api {
    uint32_t struct_size;
    uint32_t flags;
    /* Ask, following redirects of GET and HEAD; the body of a success (2xx) is
     * appended to fd (-1: dropped).  Any status is an answer: an error means that there was
     * none. */
    int (*fetch)(struct tenon_ctx *ctx, const struct tenon_fetch *request, int fd,
                 struct tenon_fetch_answer *answer, struct tenon_error *err);
    /* Is nobody to be asked?  fetch says no by itself; connections of a
     * plugin's own have to look here. */
    bool (*offline)(struct tenon_ctx *ctx);
};

/* ---- what a source keeps, an extension: host->extension("tenon.store/0") -- */

struct tenon_store_api {
    uint32_t struct_size;
    uint32_t flags;
    /* Small texts under a name of the plugin's ("http:..."); what is lost can
     * be made again.  NULL when there is none; lives until ctx ends. */
    const char *(*note_get)(struct tenon_ctx *ctx, const char *name);
    int (*note_set)(struct tenon_ctx *ctx, const char *name, const char *text,
                    struct tenon_error *err);
    /* A directory kept between builds, one user at a time: waits for others,
     * of any process.  Gives an O_PATH descriptor; leave ends the use, and so
     * does the end of ctx. */
    int (*enter)(struct tenon_ctx *ctx, const char *name, struct tenon_error *err);
    void (*leave)(struct tenon_ctx *ctx, int fd);
};

/* ---- limits, an extension: host->extension("tenon.limits/0") -------------- */

struct tenon_limits_api {
    uint32_t struct_size;
    uint32_t flags;
    /* What the configuration's "limits" says, or its default; UINT64_MAX: no limit, or none of
     * that name. */
    uint64_t (*get)(struct tenon_ctx *ctx, const char *name);
    /* Set err, TENON_E_LIMIT: what is more than that limit, its value, and how to allow it. */
    int (*exceeded)(struct tenon_ctx *ctx, const char *name, struct tenon_error *err,
                    const char *fmt, ...) TENON_PRINTF(4, 5);
};

/* ---- programs of this machine, an extension: host->extension("tenon.process/0") ---- */

enum tenon_program_output { /* where what a program says goes, of both streams */
    TENON_PROGRAM_STEP = 0,   /* progress->output: the user sees it */
    TENON_PROGRAM_LOG = 1,    /* the debug log, line by line */
    TENON_PROGRAM_STATUS = 2, /* percentages ("42%") are a status line called status_id, the
                               * rest is as LOG has it */
    TENON_PROGRAM_DROP = 3,
};

struct tenon_program_fd { /* never grows */
    int32_t fd; /* stays the caller's */
    int32_t as; /* its number in the program: 0 and more */
};

struct tenon_program {
    uint32_t struct_size;
    uint32_t flags;            /* 0 */
    const char *const *argv;   /* argv[0]: absolute, or without "/", looked for as `find` does */
    const char *const *env;    /* all of it, "K=V"; NULL: PATH, HOME and LC_ALL=C */
    const char *directory;     /* to begin in, or NULL: "/" */
    const struct tenon_program_fd *fds; /* what it has beside 0, 1 and 2, or in their place; */
    size_t fd_count;           /* without one 0 is empty */
    uint32_t output;           /* enum tenon_program_output, of 1 and 2 that are not in fds */
    uint32_t reserved;         /* 0 */
    const char *status_id;     /* of STATUS */
};

struct tenon_process_api {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Where a program is, its path, ctx's; name is absolute, or without "/" (else BUG).  NULL with
     * NOT_FOUND; package, or NULL, is told as what to install.  For an exporter's check. */
    const char *(*find)(struct tenon_ctx *ctx, const char *name,
                        const char *package, struct tenon_error *err);
    /* Runs it until it ends.  *wait_status as from waitpid(2); where wait_status is NULL all
     * but exit code 0 is an error, which has the last lines of its standard error.  When ctx
     * is cancelled it gets SIGTERM, then SIGKILL, and the answer is CANCELLED.  It dies with
     * the process of the build, and is the first of a group of processes, of which none is
     * left when this returns. */
    int (*run)(struct tenon_ctx *ctx, const struct tenon_program *program,
               int32_t *wait_status, struct tenon_error *err);
};

/* ---- attestations -------------------------------------------------------
 * What is said about a result: a statement of in-toto, whose predicate is JSON
 * and whose subjects are what it is about (docs/attestations.md). */

enum tenon_attestation_kind {
    TENON_ATTESTATION_INTOTO = 0, /* one predicate */
    TENON_ATTESTATION_BUNDLE = 1, /* a directory: each file is a whole statement */
};

enum tenon_subject_kind {
    TENON_SUBJECT_SELF = 0, /* what is exported: the image, or its files */
    TENON_SUBJECT_RAW = 1,  /* what has these digests */
};

struct tenon_subject {
    uint32_t kind;
    uint32_t reserved;
    const char *name;           /* or NULL */
    const char *const *digests; /* RAW: "sha256:<hex>" list; or NULL */
};

struct tenon_attestation {
    uint32_t struct_size;
    uint32_t kind;              /* enum tenon_attestation_kind */
    const char *predicate_type; /* "https://spdx.dev/Document"; of a bundle NULL: any */
    /* The file or directory inside of ref; of data, the name that it has where it
     * becomes a file ("provenance.json"). */
    const char *path;
    struct tenon_ref *ref;      /* or NULL: data */
    const void *data;           /* the predicate; in-toto only */
    size_t len;
    /* Or, instead of data: makes it when it is stored, by the exporter's ctx, until
     * whose end *data lives; maybe several times, in any thread. */
    int (*content)(void *cookie, struct tenon_ctx *ctx, const void **data,
                   size_t *len, struct tenon_error *err);
    void *cookie;
    const struct tenon_subject *subjects; /* none: SELF */
    size_t subject_count;
    /* "k=v" list, or NULL: "reason=sbom", "sbom-core=NAME", "inline-only=true" ... */
    const char *const *metadata;
};

struct tenon_statement { /* out of result->statements; never grows */
    const char *path; /* of its attestation */
    const char *predicate_type;
    const void *data; /* JSON text, indented */
    size_t len;
};

/* ---- what the core offers --------------------------------------------- */

struct tenon_image { /* out of image->build */
    uint32_t struct_size;
    uint32_t is_index;           /* 1: digest names an index */
    const char *digest;          /* of the manifest or index */
    const char *media_type;
    int64_t size;
    const char *config_digest;   /* of the only image; NULL for an index */
    const char *descriptor_json; /* with annotations */
};

/* What image->walk visits; one call a blob, children before parents. */
typedef int tenon_blob_visit(void *data, const struct tenon_descriptor *desc,
                             struct tenon_error *err);

/* The tables of struct tenon_host, by subject.  Each begins with its size: test a member that is
 * newer than what the plugin needs with TENON_HAS(struct tenon_graph_api, host->graph, member). */

struct tenon_error_api {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* `set` replaces what was set, `context` puts "doing x: " in front of it; both return
     * the code, so: return host->error->set(...).  sys is an errno or 0. */
    int (*set)(struct tenon_error *err, int code, int sys, const char *fmt, ...)
        TENON_PRINTF(4, 5);
    int (*context)(struct tenon_error *err, const char *fmt, ...)
        TENON_PRINTF(2, 3);
    void (*hint)(struct tenon_error *err, const char *fmt, ...)
        TENON_PRINTF(2, 3);
    /* Where in a build file.  Lines count from 1; end_line 0 means the same line. */
    void (*at)(struct tenon_error *err, const char *file, uint32_t line,
               uint32_t end_line);
    /* A typed detail, JSON value.  BuildKit's names ("errdefs.Vertex"), and
     * "tenon.Further", a string: another error that was found beside this one. */
    void (*detail)(struct tenon_error *err, const char *type, const char *json);
    /* The i-th typed detail of err, innermost first: its type, and its JSON;
     * NULL past the end. */
    const char *(*detail_nth)(const struct tenon_error *err, size_t i,
                              const char **json);
    /* The code and the whole message of err as set so far; a plugin that
     * tolerates a failure reads it here and clears it. */
    int (*code)(const struct tenon_error *err);
    const char *(*text)(const struct tenon_error *err);
    void (*clear)(struct tenon_error *err);
    /* An error of the caller's own; the ctx's. */
    struct tenon_error *(*create)(struct tenon_ctx *ctx);
    /* Where in a build file err is (`at`), with its text as far as it is
     * known (graph->source); false: nowhere.  Until err changes. */
    bool (*source)(struct tenon_graph *g, const struct tenon_error *err,
                   struct tenon_source_excerpt *out);
    /* What `source` would tell becomes a detail of err, "errdefs.Source" in
     * BuildKit's JSON, unless there is one already. */
    void (*place)(struct tenon_graph *g, struct tenon_error *err);
    /* ---- minor 5: `set`, `context` and `hint` with a text as it is, for languages
     * that call no variadic function. */
    int (*set_text)(struct tenon_error *err, int code, int sys, const char *text);
    int (*context_text)(struct tenon_error *err, const char *text);
    void (*hint_text)(struct tenon_error *err, const char *text);
};

struct tenon_values_api { /* options; asking for an undeclared name is a bug and aborts */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    bool (*given)(const struct tenon_values *v, const char *name);
    const char *(*get_string)(const struct tenon_values *v, const char *name);
    const char *(*get_nth)(const struct tenon_values *v, const char *name,
                           size_t i); /* NULL past the end */
    int64_t (*get_int)(const struct tenon_values *v, const char *name);
    bool (*get_bool)(const struct tenon_values *v, const char *name);
    /* The i-th option of a MAP parameter: *key gets the full name as written
     * ("annotation-index[linux/amd64].k"); NULL past the end. */
    const char *(*get_map)(const struct tenon_values *v, const char *name,
                           size_t i, const char **key);
};

struct tenon_ctx_api { /* of a unit of work */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Memory that lives until ctx ends.  Zeroed; never NULL. */
    void *(*alloc)(struct tenon_ctx *ctx, size_t size);
    char *(*strdup)(struct tenon_ctx *ctx, const char *s);
    /* Cancellation: poll the fd (readable = stop) or ask between pieces of
     * work; then return TENON_E_CANCELLED.  The fd belongs to the core. */
    bool (*cancelled)(struct tenon_ctx *ctx);
    int (*cancel_fd)(struct tenon_ctx *ctx);
    /* A ctx below ctx, for a part of its work, in any thread: what it gives
     * lives until scope_end, which is before ctx ends. */
    struct tenon_ctx *(*scope_begin)(struct tenon_ctx *ctx);
    void (*scope_end)(struct tenon_ctx *scope);
    /* Has what is done for the scope stop, as if the build were cancelled; what
     * others want as well goes on.  Any thread. */
    void (*scope_cancel)(struct tenon_ctx *scope);
};

struct tenon_progress_api { /* what the user sees of a ctx */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Level as in syslog(3), 3 error .. 7 debug.  ctx may be NULL. */
    void (*log)(struct tenon_ctx *ctx, int level, const char *fmt, ...)
        TENON_PRINTF(3, 4);
    /* A status line `id` ("transferring context", "sha256:..."), in bytes.
     * total 0: unknown.  The first call starts it; `status_done` ends it. */
    void (*status)(struct tenon_ctx *ctx, const char *id, int64_t current,
                   int64_t total);
    void (*status_done)(struct tenon_ctx *ctx, const char *id);
    /* Output of a step.  stream: 1 stdout, 2 stderr. */
    void (*output)(struct tenon_ctx *ctx, int stream, const void *buf,
                   size_t len);
    /* ---- minor 5: `log` with a text as it is */
    void (*log_text)(struct tenon_ctx *ctx, int level, const char *text);
};

struct tenon_key_api { /* every item is framed (label, length, bytes) before hashing */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    void (*add)(struct tenon_key *key, const char *label, const void *data,
                size_t len);
    int (*add_tree)(struct tenon_key *key, const char *label, int dirfd,
                    const char *path, struct tenon_error *err);
};

struct tenon_files_api {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Resolves path as if dirfd were "/": no way out through "..", absolute or
     * magic links.  Results are O_CLOEXEC and the caller's. */
    int (*open_in)(struct tenon_ctx *ctx, int dirfd, const char *path,
                   int flags, uint32_t mode, struct tenon_error *err);
    /* A directory that is emptied and removed when ctx ends; its fd is the core's
     * and so is the path, which is good for this process and its children only.
     * flags: TENON_TEMP_*. */
    int (*temp_dir)(struct tenon_ctx *ctx, uint32_t flags, const char **path,
                    struct tenon_error *err);
    /* Cache-mount directories (mount types that keep files between builds).
     * id names it, sharing is "shared", "private" or "locked" (waits, and can
     * be cancelled).  seed_fd: a tree copied in when it is new, or -1.  mode, uid
     * and gid are of a new one.  The fd (O_PATH) is the caller's; the lock is
     * the ctx's. */
    int (*cache_dir)(struct tenon_ctx *ctx, const char *id,
                     const char *sharing, int seed_fd, uint32_t mode,
                     uint32_t uid, uint32_t gid, struct tenon_error *err);
};

struct tenon_client_api { /* things only the invoking user has */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* service and id:
     *   "secret" ID       a sealed memfd, at most TENON_SECRET_MAX_BYTES
     *   "ssh" ID          a connected agent socket
     *   "local" NAME      O_PATH descriptor of a local directory
     *   "local-files" {"name","session","hint","differ","include","exclude","follow",
     *      "metadata-except"} the same, of what is asked for at least; UNSUPPORTED where
     *                     the whole is there, by "local"
     *   "env" NAME        a sealed memfd with one variable's value
     * NOT_FOUND when the user did not give it.  The fd becomes the caller's. */
    int (*open)(struct tenon_ctx *ctx, const char *service, const char *id,
                struct tenon_error *err);
};

struct tenon_blobs_api { /* the content store; digests are "sha256:<hex>" */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    int (*open)(struct tenon_ctx *ctx, const char *digest, int64_t *size,
                struct tenon_error *err);
    int (*create)(struct tenon_ctx *ctx, struct tenon_error *err);
    /* Consumes the writer fd and fails with E_CORRUPT when `expect` (or NULL)
     * differs; returns the digest, or NULL. */
    const char *(*commit)(struct tenon_ctx *ctx, int fd, const char *expect,
                          struct tenon_error *err);
    /* SHA-256 of some bytes as "sha256:<hex>" (out holds 72). */
    void (*digest)(const void *data, size_t len, char out[72]);
};

/* The build graph (frontends); LLB, see docs/llb.md.
 * op: "source", "exec", "file", "merge", "diff".  Attributes are the names
 * of LLB's fields; setting a list attribute again appends; maps are set as
 * "attr.KEY".  Unknown names and wrong types are errors at once.  A node is
 * frozen, and gets its digest, when it is first used as an input, solved or
 * asked for its digest.  See tenon-graph.h for typed helpers. */
struct tenon_graph_api {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    struct tenon_node *(*node_new)(struct tenon_graph *g, const char *op,
                                   struct tenon_error *err);
    /* A part: of exec "mount" "secretenv" "extrahost" "ulimit" "device"; of file "copy"
     * "mkfile" "mkdir" "rm" "symlink".  Set attributes on what it returns. */
    struct tenon_node *(*node_part)(struct tenon_node *n, const char *part,
                                    struct tenon_error *err);
    int (*node_set)(struct tenon_node *n, const char *attr, const char *value,
                    struct tenon_error *err);
    int (*node_set_int)(struct tenon_node *n, const char *attr, int64_t value,
                        struct tenon_error *err);
    int (*node_set_bytes)(struct tenon_node *n, const char *attr,
                          const void *data, size_t len,
                          struct tenon_error *err);
    /* Connect.  slot: of an exec mount "input"; of a file action "input" and
     * "secondary" (and "owner.user", "owner.group"); of merge "input"
     * (repeated); of diff "lower" and "upper".  from NULL: scratch.  `from` may
     * be a part of the same file op: the result of that action. */
    int (*node_input)(struct tenon_node *n, const char *slot,
                      struct tenon_node *from, uint32_t output,
                      struct tenon_error *err);
    /* The same with a reference in the place of a node. */
    int (*node_input_ref)(struct tenon_node *n, const char *slot,
                          struct tenon_ref *ref, struct tenon_error *err);
    /* Beside the vertex, not in its digest: "llb.customname",
     * "com.docker.dockerfile.v1.command", "ignore_cache" = "true",
     * "progress_group.id/name/weak", "resources.memory" ... */
    int (*node_describe)(struct tenon_node *n, const char *key,
                         const char *value, struct tenon_error *err);
    /* Where in a build file; source is the number that `source` gave. */
    int (*node_at)(struct tenon_node *n, uint32_t source, uint32_t line,
                   uint32_t end_line);
    const char *(*node_digest)(struct tenon_node *n, struct tenon_error *err);
    /* The encoded operation that node_digest is of; the graph's. */
    const void *(*node_bytes)(struct tenon_node *n, size_t *len,
                              struct tenon_error *err);
    /* The op that ref is a result of, and which of its outputs: an input of
     * others, which does not change any more.  NULL: scratch. */
    struct tenon_node *(*node_of_ref)(struct tenon_graph *g,
                                      struct tenon_ref *ref, uint32_t *output);
    /* Register a build file's text for excerpts; returns its number. */
    uint32_t (*source)(struct tenon_graph *g, const char *filename,
                       const char *language, const void *data, size_t len);
    /* The same of a file that was read from what a definition makes (the
     * bridge's definition()); without one when definition_len is 0. */
    uint32_t (*source_from)(struct tenon_graph *g, const char *filename,
                            const char *language, const void *data, size_t len,
                            const void *definition, size_t definition_len);
    /* The options a mount type declares (a plugin mount-TYPE is there), or
     * NULL with NOT_FOUND and a message that names the package. */
    const struct tenon_param *(*mount_options)(struct tenon_graph *g,
                                               const char *type,
                                               size_t *stride,
                                               struct tenon_error *err);
    /* An encoded pb.Definition as JSON, as BuildKit's frontend.convertllb tells it:
     * {"def": {DIGEST: op}, "metadata": {DIGEST: ...}, "source": ...}; the ctx's. */
    int (*definition_json)(struct tenon_ctx *ctx, const void *def, size_t len,
                           const char **json, struct tenon_error *err);
};

struct tenon_result_api { /* frontends fill one, exporters read one */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    int (*add)(struct tenon_result *r, const char *platform,
               struct tenon_ref *ref, struct tenon_error *err);
    int (*set)(struct tenon_result *r, const char *key, const void *data,
               size_t len, struct tenon_error *err);
    size_t (*count)(const struct tenon_result *r);
    const char *(*platform)(const struct tenon_result *r, size_t i);
    /* NULL: scratch. */
    struct tenon_ref *(*ref)(const struct tenon_result *r, size_t i);
    /* NULL when there is none.  Keys: docs/frontend-options.md. */
    const void *(*get)(const struct tenon_result *r, const char *key,
                       size_t *len);
    /* The i-th key of its metadata; NULL past the end. */
    const char *(*key)(const struct tenon_result *r, size_t i);
    /* The finished root file system of one platform, read-only; the fd is the
     * core's and lives until ctx ends. */
    int (*tree)(struct tenon_ctx *ctx, struct tenon_result *r, size_t i,
                struct tenon_error *err);
    /* What the exporter tells the caller: "containerimage.digest" ...
     * (--metadata-file, --iidfile, -q). */
    int (*respond)(struct tenon_result *r, const char *key, const char *value,
                   bool is_json, struct tenon_error *err);
    /* An empty result of the caller's own, for bridge->solve_frontend; the
     * ctx's. */
    struct tenon_result *(*create)(struct tenon_ctx *ctx);
    /* One more attestation of a platform's result (as `add` has it); all of
     * it is copied but ref. */
    int (*attest)(struct tenon_result *r, const char *platform,
                  const struct tenon_attestation *a, struct tenon_error *err);
    /* The i-th of a platform; NULL past the end.  The result's. */
    const struct tenon_attestation *(*attestation)(
        const struct tenon_result *r, const char *platform, size_t i);
    /* For exporters of files: the statements of the i-th platform, about `self`
     * where they are about what is exported; bundles are opened, and what is
     * inline-only is left out.  *out lives until ctx ends. */
    int (*statements)(struct tenon_ctx *ctx, struct tenon_result *r, size_t i,
                      const struct tenon_subject *self, size_t self_count,
                      const struct tenon_statement **out, size_t *count,
                      struct tenon_error *err);
    /* What the build knows of the i-th platform's result, as a JSON object: its
     * sources with their digests, its parameters ... (docs/attestations.md).
     * flags: TENON_FACTS_*.  Secrets are not in it. */
    int (*facts)(struct tenon_ctx *ctx, const struct tenon_result *r, size_t i,
                 uint32_t flags, const char **json, struct tenon_error *err);
    /* Of frontends, for scanners: what they are to see beside a platform's result,
     * "context" or a stage by its name.  ref is made only when one wants it. */
    int (*scan_add)(struct tenon_result *r, const char *platform,
                    const char *name, struct tenon_ref *ref,
                    struct tenon_error *err);
    /* The name of the i-th, and *ref (NULL: scratch); NULL past the end. */
    const char *(*scan)(const struct tenon_result *r, const char *platform,
                        size_t i, struct tenon_ref **ref);
};

struct tenon_image_api { /* exporters */
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Make layers, configs, manifests and, for several platforms, the index in
     * the content store; `options` are those of TENON_IMAGE_PARAMS. */
    int (*build)(struct tenon_ctx *ctx, struct tenon_result *r,
                 const struct tenon_values *options, struct tenon_image *out,
                 struct tenon_error *err);
    int (*walk)(struct tenon_ctx *ctx, const char *digest,
                tenon_blob_visit *visit, void *data, struct tenon_error *err);
    /* Keep the image in this store under a normalised name. */
    int (*tag)(struct tenon_ctx *ctx, const char *name, const char *digest,
               struct tenon_error *err);
    /* "docker.io/library/busybox:latest" from "busybox". */
    const char *(*normalize)(struct tenon_ctx *ctx, const char *name,
                             struct tenon_error *err);
};

/* Where an export goes.  All the core's; a sink that is never committed leaves nothing. */
struct tenon_sink_api {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* A writable descriptor for `dest` ("-": standard output).  NULL is the user's
     * container engine, which takes an archive as `docker load` does; where the
     * descriptor is a directory's, it takes a layout. */
    int (*open)(struct tenon_ctx *ctx, const char *dest,
                struct tenon_error *err);
    /* Makes it appear under its name in one step. */
    int (*commit)(struct tenon_ctx *ctx, int fd, struct tenon_error *err);
    /* A directory, made when missing. */
    int (*dir)(struct tenon_ctx *ctx, const char *dest,
               struct tenon_error *err);
    /* Before anything runs: could dest be written?  Nothing is made.
     * kind: TENON_SINK_*; what is certain to fail fails here, with INVALID. */
    int (*check)(struct tenon_ctx *ctx, const char *dest, uint32_t kind,
                 struct tenon_error *err);
};

struct tenon_host { /* no table is NULL, but for those of a later minor: TENON_HAS */
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* of the running core */
    const char *version;
    const struct tenon_error_api *error;
    const struct tenon_values_api *values;
    const struct tenon_ctx_api *ctx;
    const struct tenon_progress_api *progress;
    const struct tenon_key_api *key;
    const struct tenon_files_api *files;
    const struct tenon_client_api *client;
    const struct tenon_blobs_api *blobs;
    const struct tenon_graph_api *graph;
    const struct tenon_result_api *result;
    const struct tenon_image_api *image;
    const struct tenon_sink_api *sink;
    /* Optional tables, "tenon.registry/0"; NULL when absent. */
    const void *(*extension)(const char *name);
};
#define TENON_FACTS_STEPS (UINT32_C(1) << 0) /* its steps, build files, layers */
#define TENON_SINK_FILE 0   /* for sink->open */
#define TENON_SINK_DIR 1    /* for sink->dir */
#define TENON_SINK_ENGINE 3 /* dest NULL: for sink->open, of the container engine */
#define TENON_SINK_MIRROR 2 /* the same, and what else is there is removed */
/* Of one secret; BuildKit's. */
#define TENON_SECRET_MAX_BYTES (500 * 1024)
#define TENON_TEMP_MEMORY (UINT32_C(1) << 0) /* a small tmpfs, not swapped
                                              * where the kernel can */

/* Options that every exporter of images declares. */
#define TENON_IMAGE_PARAMS TENON_IMAGE_PARAMS_INLINE("false")
/* The same, with the default of attestation-inline: do attestations that are inline-only make
 * an index of what would be a single manifest? */
#define TENON_IMAGE_PARAMS_INLINE(inline_)                                     \
    { .name = "name", .help = "image names, separated by commas",              \
      .type = TENON_TYPE_STRING, .flags = TENON_PARAM_REPEAT },                \
    { .name = "compression", .help = "of new layers",                          \
      .choices = "gzip|uncompressed|zstd|estargz|zstd:chunked",                \
      .type = TENON_TYPE_CHOICE },                                             \
    { .name = "compression-level", .help = "gzip and estargz 0-9, zstd 0-22",  \
      .def = "-1", .type = TENON_TYPE_INT, .min = -1, .max = 22 },             \
    { .name = "force-compression",                                             \
      .help = "recompress the base's layers too", .def = "false",              \
      .type = TENON_TYPE_BOOL },                                               \
    { .name = "oci-mediatypes", .help = "OCI instead of Docker media types",   \
      .def = "true", .type = TENON_TYPE_BOOL },                                \
    { .name = "rewrite-timestamp",                                             \
      .help = "clamp times to SOURCE_DATE_EPOCH", .def = "false",              \
      .type = TENON_TYPE_BOOL },                                               \
    { .name = "source-date-epoch", .help = "seconds since 1970",               \
      .type = TENON_TYPE_STRING },                                             \
    { .name = "name-canonical", .help = "the names with the digest, too",      \
      .def = "false", .type = TENON_TYPE_BOOL },                               \
    { .name = "dangling-name-prefix",                                          \
      .help = "name images PREFIX@DIGEST, too", .type = TENON_TYPE_STRING },   \
    { .name = "danging-name-empty-only",                                       \
      .help = "... those without another name", .def = "false",                \
      .type = TENON_TYPE_BOOL },                                               \
    { .name = "attestation-inline",                                            \
      .help = "attestations that need no index, too", .def = inline_,          \
      .type = TENON_TYPE_BOOL },                                               \
    { .name = "oci-artifact",                                                  \
      .help = "attestations as artifacts, not as images", .def = "true",       \
      .type = TENON_TYPE_BOOL },                                               \
    { .name = "buildinfo", .help = "accepted; images have none any more",      \
      .def = "false", .type = TENON_TYPE_BOOL },                               \
    { .name = "prefer-nondist-layers",                                         \
      .help = "a base's keep their URLs; no push", .def = "false",             \
      .type = TENON_TYPE_BOOL },                                               \
    { .name = "annotation",                                                    \
      .help = "annotation.KEY=VALUE, annotation-index.KEY, ...",               \
      .type = TENON_TYPE_MAP }

/* ---- frontends ---------------------------------------------------------- */

struct tenon_fact { /* one more thing that is known of a source */
    /* Of git: "git.ref" (refs/heads/main), "git.commit" (what an annotated tag leads to) and,
     * asked for by "git.object", "git.tag" (the tag as git has it).  Of downloads:
     * "http.filename" and, asked for, "http.digest" (of the file with the suffix behind it).  Of
     * images with attestations, asked for: "image.root", "image.manifest", "image.attestation"
     * and "image.signature" (digests), and "image.blob sha256:..." (documents). */
    const char *name;
    const char *type; /* media type of a document; or NULL */
    const void *data; /* a text has a NUL behind it, which is not counted */
    size_t len;
};

struct tenon_source_query { /* for resolve_source_meta */
    uint32_t struct_size;
    uint32_t flags;
    const char *identifier; /* "docker-image://docker.io/library/x:latest" */
    const char *platform;   /* "linux/amd64", or NULL: the build's */
    const char *log_name;   /* "[internal] load metadata for ..." */
    const char *const *attrs; /* "k=v" list: image.resolvemode=pull ... */
    /* Source policies for this one alone, before those of the build: JSON
     * documents, NULL at the end; or NULL. */
    const char *const *policies;
    /* What is to be known beside, a "k=v" list or NULL: the source's plugin gets these among the
     * attributes, policies do not see them.  "git.object=true"; "http.digest=sha256:SUFFIX" (or
     * sha384, sha512; in hexadecimal digits); "image.attestations=true";
     * "image.predicate=TYPE", any number of them.  Answered by facts. */
    const char *const *wanted;
};

struct tenon_source_meta {
    uint32_t struct_size;
    uint32_t flags;
    const char *identifier; /* pinned: with the digest */
    const char *digest;     /* of the manifest or index the name stands for */
    const void *config;     /* image config JSON, or NULL */
    size_t config_len;
    /* As in struct tenon_source_info. */
    int64_t modified_ns;
    const void *object;
    size_t object_len;
    /* What policies and lock files made of the query: it was resolved. */
    const char *source;
    const char *const *source_attrs;
    const struct tenon_fact *facts;
    size_t fact_count;
};

struct tenon_stat {
    uint32_t struct_size;
    uint32_t mode; /* as st_mode */
    uint32_t uid, gid;
    int64_t size;
    int64_t mtime_ns;
    const char *path; /* relative, of read_dir */
    const char *linkname;
};

struct tenon_xattr {
    const char *name;
    const void *value;
    size_t len;
};

struct tenon_stat_more {
    uint32_t struct_size;
    uint32_t dev_major, dev_minor; /* of a device node */
    uint32_t reserved;
    const struct tenon_xattr *xattrs; /* as long as the ctx */
    size_t xattr_count;
};

struct tenon_lines { /* of a build file */
    uint32_t line, end_line; /* 0: the same */
};

struct tenon_warning {
    uint32_t struct_size;
    uint32_t level;
    const char *digest;  /* vertex, or NULL */
    const char *summary; /* "Rule: text (line 3)" as the terminal shows it */
    const char *const *detail;
    const char *url;
    const char *filename; /* of a graph->source, or NULL */
    uint32_t line, end_line;
    const struct tenon_lines *more; /* that it is about, too */
    size_t more_count;
};

struct tenon_named_ref { /* an input of a frontend */
    const char *name; /* "context", "dockerfile", ... */
    struct tenon_ref *ref;
};

struct tenon_frontend_call { /* for solve_frontend */
    uint32_t struct_size;
    uint32_t flags;
    const char *frontend;       /* the name of its plugin */
    const char *const *options; /* as in tenon_frontend_request */
    const struct tenon_named_ref *inputs;
    size_t input_count;
};

enum tenon_failure_subject {
    TENON_FAILURE_STEP = 0,   /* all of it */
    TENON_FAILURE_ACTION = 1, /* one of its file actions, by its index */
    TENON_FAILURE_INPUT = 2,  /* one of its inputs, which has not what is read of it */
};

struct tenon_failure { /* out of failure; lists and texts live until ctx ends */
    uint32_t struct_size;
    uint32_t flags;
    const char *vertex;         /* digest of the step that failed */
    /* Of its op's mounts, as many as mounts; of one with file actions all inputs; of
     * TENON_FAILURE_INPUT that one.  NULL in it: none. */
    struct tenon_ref *const *inputs;
    /* What its mounts held then, or what its file actions had made: to be read, or to be
     * mounted.  NULL in it: nothing is kept. */
    struct tenon_ref *const *mounts;
    size_t mount_count;
    size_t input_count;
    const char *op;          /* a pb.Op, in protobuf's JSON */
    const char *description; /* what was said of it beside that: an object of texts */
    uint32_t subject;        /* enum tenon_failure_subject */
    uint32_t subject_index;
};

struct tenon_process;   /* of a bridge */
struct tenon_container; /* the same */

/* What the engine does for a frontend while it works.  Any thread may call it
 * that has the ctx, several at once, while solve() has not returned. */
struct tenon_bridge {
    uint32_t struct_size;
    uint32_t flags;
    /* A reference to output `output` of n; NULL n: scratch.  Nothing runs. */
    int (*solve)(struct tenon_ctx *ctx, struct tenon_graph *g,
                 struct tenon_node *n, uint32_t output, struct tenon_ref **out,
                 struct tenon_error *err);
    /* The same for an encoded pb.Definition, taken as it is. */
    int (*solve_definition)(struct tenon_ctx *ctx, struct tenon_graph *g,
                            const void *def, size_t len,
                            struct tenon_ref **out, struct tenon_error *err);
    int (*resolve_source_meta)(struct tenon_ctx *ctx, struct tenon_graph *g,
                               const struct tenon_source_query *q,
                               struct tenon_source_meta *out,
                               struct tenon_error *err);
    /* These run what the reference needs.  limit 0: 64 MiB. */
    int (*read_file)(struct tenon_ctx *ctx, struct tenon_ref *ref,
                     const char *path, size_t limit, const void **data,
                     size_t *len, struct tenon_error *err);
    int (*read_dir)(struct tenon_ctx *ctx, struct tenon_ref *ref,
                    const char *path, const struct tenon_stat *const **entries,
                    size_t *count, struct tenon_error *err);
    int (*stat)(struct tenon_ctx *ctx, struct tenon_ref *ref, const char *path,
                struct tenon_stat *out, struct tenon_error *err);
    void (*warn)(struct tenon_ctx *ctx, struct tenon_graph *g,
                 const struct tenon_warning *w);

    /* The definition of a reference, an encoded pb.Definition: with it, others
     * build upon the reference.  Empty of scratch. */
    int (*definition)(struct tenon_ctx *ctx, struct tenon_ref *ref,
                      const void **data, size_t *len, struct tenon_error *err);
    /* Runs what the reference needs, now. */
    int (*evaluate)(struct tenon_ctx *ctx, struct tenon_ref *ref,
                    struct tenon_error *err);
    /* What another frontend makes of these options and inputs: added to
     * result.  LIMIT when frontends call frontends without end. */
    int (*solve_frontend)(struct tenon_ctx *ctx, struct tenon_graph *g,
                          const struct tenon_frontend_call *call,
                          struct tenon_result *result, struct tenon_error *err);
    /* A process beside the build, in the sandbox of a step: n is an exec op
     * that nothing else uses, with its mounts and network; its inputs are made
     * first, what it writes is thrown away, and its entitlements are those of a
     * step.  stdio: standard input, output and error, which move to the host,
     * also on failure.  It ends with the ctx at the latest. */
    int (*process_start)(struct tenon_ctx *ctx, struct tenon_graph *g,
                         struct tenon_node *n, const int32_t stdio[3],
                         struct tenon_process **out, struct tenon_error *err);
    /* Kills it, if it still runs.  Does not wait. */
    void (*process_kill)(struct tenon_process *p);
    /* Waits for its end; wait_status as from waitpid(2).  Once. */
    int (*process_wait)(struct tenon_process *p, int32_t *wait_status,
                        struct tenon_error *err);
    /* Look into one more cache from now on, as --cache-from has it: type, and
     * "k=v" options.  One that cannot be read is a warning; one that is there
     * already is nothing new. */
    int (*import_cache)(struct tenon_ctx *ctx, struct tenon_graph *g,
                        const char *type, const char *const *options,
                        struct tenon_error *err);

    /* Containers: a sandbox of a step for several processes, which see one
     * another.  n is an exec op that nothing else uses, and says what is mounted,
     * the network, the names of hosts and limits; inputs are made first, what is
     * written is thrown away.  It ends with the ctx (a scope, maybe) at the
     * latest; its functions may be called until then, by any thread. */
    int (*container_new)(struct tenon_ctx *ctx, struct tenon_graph *g,
                         struct tenon_node *n, struct tenon_container **out,
                         struct tenon_error *err);
    /* Kills what runs in it, and waits for that; what waits for such a process
     * is told.  Nothing can be done with it afterwards. */
    void (*container_release)(struct tenon_container *c);
    /* A process in it.  n is another exec op, without mounts, that says the rest:
     * arguments, environment, user, secrets, security ...; stdio as in
     * process_start.  The first is number 1 of the container: the others begin after
     * it, and end with it.  *out is the container's. */
    int (*container_start)(struct tenon_container *c, struct tenon_node *n,
                           const int32_t stdio[3], struct tenon_process **out,
                           struct tenon_error *err);
    /* A signal, by its number, to a process of a container, when it runs; NOT_FOUND:
     * it has ended. */
    int (*process_signal)(struct tenon_process *p, int32_t number,
                          struct tenon_error *err);
    /* Files of a directory that is mounted in it, by its target; as they are while
     * processes run.  Otherwise as read_file, read_dir and stat. */
    int (*container_read_file)(struct tenon_ctx *ctx, struct tenon_container *c,
                               const char *target, const char *path,
                               size_t limit, const void **data, size_t *len,
                               struct tenon_error *err);
    int (*container_read_dir)(struct tenon_ctx *ctx, struct tenon_container *c,
                              const char *target, const char *path,
                              const struct tenon_stat *const **entries, size_t *count,
                              struct tenon_error *err);
    int (*container_stat)(struct tenon_ctx *ctx, struct tenon_container *c,
                          const char *target, const char *path,
                          struct tenon_stat *out, struct tenon_error *err);
    /* From now on, what steps that fail leave in their mounts is kept as long as the
     * build lasts, for failure. */
    void (*keep_failures)(struct tenon_ctx *ctx, struct tenon_graph *g);
    /* What there is of the vertex whose failure is `of`; NOT_FOUND: it is none's. */
    int (*failure)(struct tenon_ctx *ctx, struct tenon_graph *g,
                   const struct tenon_error *of, struct tenon_failure *out,
                   struct tenon_error *err);
    /* As solve_definition, whose sources are held to these policies after those of the
     * build: JSON documents, NULL at the end. */
    int (*solve_definition_held)(struct tenon_ctx *ctx, struct tenon_graph *g,
                                 const void *def, size_t len,
                                 const char *const *policies,
                                 struct tenon_ref **out, struct tenon_error *err);
    /* What stat has no place for. */
    int (*stat_more)(struct tenon_ctx *ctx, struct tenon_ref *ref,
                     const char *path, struct tenon_stat_more *out,
                     struct tenon_error *err);
    int (*container_stat_more)(struct tenon_ctx *ctx, struct tenon_container *c,
                               const char *target, const char *path,
                               struct tenon_stat_more *out,
                               struct tenon_error *err);

    /* ---- minor 5 ----------------------------------------------------------
     * The frontend plugin that declares this name for "# syntax=" (its tag and digest do not
     * count) or, where syntax is NULL, a build file of this name; *plugin is NULL when none does.
     * INVALID: several do. */
    int (*find_frontend)(struct tenon_ctx *ctx, struct tenon_graph *g,
                         const char *syntax, const char *file,
                         const char **plugin, struct tenon_error *err);
    /* The source plugin that serves this scheme, likewise. */
    int (*find_source)(struct tenon_ctx *ctx, struct tenon_graph *g,
                       const char *scheme, const char **plugin,
                       struct tenon_error *err);
};

struct tenon_frontend_request {
    uint32_t struct_size;
    uint32_t flags;            /* TENON_FRONTEND_* below */
    /* BuildKit's names: "target", "build-arg:K", "label:K", "platform",
     * "context:NAME", "no-cache", "requestid", "filename" ...
     * (docs/frontend-options.md); sorted "k=v" list. */
    const char *const *options;
    const char *host_platform; /* "linux/amd64": of this machine */
    struct tenon_graph *graph;
    /* What another frontend gives to this one, by name. */
    const struct tenon_named_ref *inputs;
    size_t input_count;
};
/* Each "context:NAME" is one that the user gave, and not another frontend. */
#define TENON_FRONTEND_USERS_CONTEXTS (UINT32_C(1) << 0)

struct tenon_frontend_ops {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Describe the build; run nothing but through the bridge. */
    int (*solve)(void *self, struct tenon_ctx *ctx,
                 const struct tenon_frontend_request *request,
                 const struct tenon_bridge *bridge,
                 struct tenon_result *result, struct tenon_error *err);

    /* ---- minor 5; each is optional ----------------------------------------
     * Lists, NULL at the end.  What a build file says in "# syntax=" (or BUILDKIT_SYNTAX) to be
     * this plugin's: a word, or a repository without tag ("example.org/ini"). */
    const char *const *syntaxes;
    /* Names of build files that say nothing, without directory: "site.ini", "*.ini", where *
     * stands for any characters and ? for one.  "Dockerfile", "Dockerfile.*" and
     * "*.Dockerfile" are nobody else's. */
    const char *const *files;
    /* The build file of a context without a Dockerfile where the user names none: "site.ini". */
    const char *default_file;
};

/* ---- sources ------------------------------------------------------------ */

struct tenon_source_request {
    uint32_t struct_size;
    uint32_t flags;           /* TENON_SOURCE_NEED_* */
    const char *identifier;   /* "docker-image://...", "local://context" */
    const char *platform;     /* "linux/amd64" */
    const char *const *attrs; /* LLB's source attributes, "k=v" */
    /* For resolve: what the plugin itself said earlier in this build of the same
     * identifier and platform, asked with these attributes or, if it was not, with those nearest
     * to them; or NULL.  A build that asks twice should be told the same. */
    const struct tenon_source_info *before;
};
#define TENON_SOURCE_NEED_CONFIG (UINT32_C(1) << 0) /* resolve: config wanted */

struct tenon_source_info { /* filled by resolve; pointers live until ctx ends */
    uint32_t struct_size;
    uint32_t flags;         /* TENON_SOURCE_* below: what fetch gives */
    const char *key;        /* what enters cache keys; NULL: content only */
    const char *identifier; /* pinned */
    const char *digest;     /* of what the name stands for, or NULL */
    const void *config;
    size_t config_len;
    const struct tenon_descriptor *const *layers; /* lowest first; LAYERS only */
    size_t layer_count;
    const void *cookie; /* for fetch, the plugin's own */
    int64_t modified_ns; /* when the server says that it changed; 0: it does not say */
    const void *object;  /* the commit as git has it, asked for by the attribute
                          * "git.object"; or NULL */
    size_t object_len;
    const struct tenon_fact *facts;
    size_t fact_count;
};
#define TENON_SOURCE_LAYERS (UINT32_C(1) << 8)   /* blobs: fetch_layer each */
#define TENON_SOURCE_TREE (UINT32_C(1) << 9)     /* fetch writes a tree */
#define TENON_SOURCE_IN_PLACE (UINT32_C(1) << 10) /* open_tree: used where it is */

struct tenon_source_tree { /* filled by open_tree */
    uint32_t struct_size;
    uint32_t flags;            /* TENON_TREE_* */
    int32_t dirfd;             /* O_PATH; moves to the core */
    int32_t reserved;
    const char *const *include; /* include patterns, or NULL: everything */
    const char *const *exclude; /* .dockerignore lines */
    const char *const *follow;  /* paths wanted with what their links lead to */
};
#define TENON_TREE_OWNER_ROOT (UINT32_C(1) << 0) /* show all as 0:0 */

struct tenon_source_ops {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    const char *const *schemes; /* "docker-image", "local", ..., NULL */
    /* Pin a moving reference and say what it is.  May ask the network.  ctx lives as long as
     * the info is used: what fetch and its kin get is what resolve gave. */
    int (*resolve)(void *self, struct tenon_ctx *ctx,
                   const struct tenon_source_request *req,
                   struct tenon_source_info *info, struct tenon_error *err);
    /* Of the following three those that the flags of its infos name.
     * LAYERS: have the blob in the content store. */
    int (*fetch_layer)(void *self, struct tenon_ctx *ctx,
                       const struct tenon_source_request *req,
                       const struct tenon_source_info *info,
                       const struct tenon_descriptor *layer,
                       struct tenon_error *err);
    /* TREE: write the files into dest_dirfd. */
    int (*fetch)(void *self, struct tenon_ctx *ctx,
                 const struct tenon_source_request *req,
                 const struct tenon_source_info *info, int dest_dirfd,
                 struct tenon_error *err);
    /* IN_PLACE */
    int (*open_tree)(void *self, struct tenon_ctx *ctx,
                     const struct tenon_source_request *req,
                     struct tenon_source_tree *out, struct tenon_error *err);
};

/* ---- mounts ------------------------------------------------------------- */

struct tenon_mount_request {
    uint32_t struct_size;
    uint32_t flags;       /* TENON_MOUNT_RDONLY: the build file asked for it */
    const struct tenon_values *options;
    const char *target;   /* where it will appear in the step */
    const char *selector; /* path inside the input, or NULL */
    int32_t input_fd;     /* tree of the mount's input, or -1; the core's */
    uint32_t index;       /* of this mount in its step, of its type, from 0 */
};

struct tenon_mount { /* filled by attach, zeroed by the core before */
    uint32_t struct_size;
    int32_t fd;              /* O_PATH, regular, socket or open_tree(2) fd; moves
                              * to the core; -1: nothing to mount */
    uint32_t flags;          /* TENON_MOUNT_* */
    uint32_t reserved;
    const char *const *env;  /* "K=V" added to the step, or NULL */
    void *cookie;            /* given back to detach */
};
#define TENON_MOUNT_RDONLY (UINT32_C(1) << 0)
#define TENON_MOUNT_NOEXEC (UINT32_C(1) << 1) /* no programs, and what NOSUID is */
#define TENON_MOUNT_DEVICE (UINT32_C(1) << 2) /* a device that the user granted; other
                                               * nodes are there, and do not open */
#define TENON_MOUNT_NOSUID (UINT32_C(1) << 3) /* set-id bits do not count; no devices */
/* Executors ask for either: what has one of them is nosuid and nodev. */
#define TENON_MOUNT_IS_NOSUID (TENON_MOUNT_NOEXEC | TENON_MOUNT_NOSUID)

struct tenon_mount_ops {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    int (*attach)(void *self, struct tenon_ctx *ctx,
                  const struct tenon_mount_request *req,
                  struct tenon_mount *out, struct tenon_error *err);
    /* Optional.  Exactly once per successful attach, also after cancellation; ctx is that of
     * attach, which ends afterwards. */
    void (*detach)(void *self, struct tenon_ctx *ctx, void *cookie,
                   bool step_succeeded);
};

/* ---- executors ---------------------------------------------------------- */

struct tenon_exec_mount {
    uint32_t struct_size;
    uint32_t flags;     /* TENON_MOUNT_* */
    const char *source; /* path in our mount namespace: a file or directory */
    const char *target; /* absolute; inside the root, links not yet followed */
    int32_t fd;         /* the same as source, O_PATH; the core's */
    uint32_t reserved;
};

struct tenon_exec_limit {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    int64_t soft, hard;
    const char *name; /* "nofile" */
    TENON_PAD32(reserved32)
};

struct tenon_exec { /* one step; mount points exist already */
    uint32_t struct_size;
    uint32_t flags;       /* TENON_EXEC_* */
    const char *id;       /* unique on this machine; fit for a container name */
    const char *rootfs;   /* path of the mounted root in our mount namespace */
    const char *work;     /* private directory (for a bundle), removed later */
    int32_t rootfs_fd;
    int32_t work_fd;
    const char *const *argv;
    const char *const *env;
    const char *cwd;
    const char *network;  /* "host", "none", "sandbox" */
    const char *hostname;
    const char *cgroup_parent; /* or NULL */
    const struct tenon_exec_mount *const *mounts; /* in this order, after /proc & co */
    size_t mount_count;
    const struct tenon_exec_limit *const *limits;
    size_t limit_count;
    const uint32_t *groups; /* supplementary */
    size_t group_count;
    uint32_t uid, gid;      /* resolved inside the root */
    TENON_PAD32(reserved32)
    int64_t memory_bytes, memory_swap_bytes, shm_bytes; /* 0: none, default */
    int64_t cpu_quota, cpu_period, cpu_shares;
    const char *cpuset_cpus, *cpuset_mems;
    const char *const *devices; /* CDI names, or NULL */
    int32_t stdin_fd, stdout_fd, stderr_fd; /* the core's */
    uint32_t first_id;      /* that of ops->ids: root and mounts are mapped; 0: they are not */
    /* Or NULL: to be called once the program runs, from where join and
     * signal find it.  In any thread; not at all when it ends too soon. */
    void (*started)(void *data);
    void *started_data;
    TENON_PAD32(reserved32_end)
};
#define TENON_EXEC_INSECURE (UINT32_C(1) << 0) /* all privileges; was granted */
#define TENON_EXEC_ROOTLESS (UINT32_C(1) << 1) /* in a user namespace already */
#define TENON_EXEC_EMULATED (UINT32_C(1) << 2) /* with the formats of ops->emulate */

/* Programs of another processor, and what runs them. */
struct tenon_exec_format {
    uint32_t struct_size;
    uint32_t len;                      /* of the following two */
    const unsigned char *magic, *mask; /* of the beginning of such a file */
    const char *name;                  /* "arm64" */
    const char *interpreter;           /* a path on this machine; needs no libraries */
};

/* Ids that only steps have.  In the namespace those from 1 on are the machine's from first + 1
 * on, and 0 is root. */
struct tenon_step_ids {
    uint32_t struct_size;
    int32_t users_fd; /* the user namespace; the executor's, as long as it is there */
    uint32_t first, count;
    uint32_t root; /* 0 or first */
};

struct tenon_executor_ops {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Optional.  Can it work here?  An error says why not. */
    int (*probe)(void *self, struct tenon_ctx *ctx, struct tenon_error *err);
    /* wait_status as from waitpid(2).  A failing step is success here; a hint
     * without an error says why it failed, where the executor knows.  When it
     * returns, no process of the step is left, also after cancellation. */
    int (*run)(void *self, struct tenon_ctx *ctx, const struct tenon_exec *x,
               int32_t *wait_status, struct tenon_error *err);
    /* Optional: the ids of root's steps.  The core maps what it mounts to them, where the kernel
     * and the file systems can, and run is told by first_id: then the step has to run in
     * such a namespace.  An error says why it has the machine's ids. */
    int (*ids)(void *self, struct tenon_ctx *ctx, struct tenon_step_ids *out,
               struct tenon_error *err);
    /* Optional.  One more process where run has started the step of
     * that id: among its processes, with its mounts, network and groups; what x
     * says of these is not looked at.  Ends with the step at the latest, or when
     * ctx is cancelled, alone.  NOT_FOUND: no such step runs. */
    int (*join)(void *self, struct tenon_ctx *ctx, const char *id,
                const struct tenon_exec *x, int32_t *wait_status,
                struct tenon_error *err);
    /* Optional.  A signal, by its number, to the first process of what
     * run or join was given under this id.  NOT_FOUND: none runs. */
    int (*signal)(void *self, const char *id, int32_t number,
                  struct tenon_error *err);
    /* Optional.  Called once, before the first step with
     * TENON_EXEC_EMULATED: all programs of such a step that have one of these
     * formats are run by its interpreter, which is not in the step's root, and nobody
     * else's are.  UNSUPPORTED: it cannot be had for a step alone.  The list
     * is the caller's. */
    int (*emulate)(void *self, struct tenon_ctx *ctx,
                   const struct tenon_exec_format *const *formats, size_t count,
                   struct tenon_error *err);
};

/* ---- exporters ---------------------------------------------------------- */

struct tenon_exporter_ops {
    uint32_t struct_size;
    uint32_t flags; /* TENON_EXPORTER_* */
    const char *title; /* step name, "exporting to oci image format" */
    int (*write)(void *self, struct tenon_ctx *ctx,
                 const struct tenon_values *options,
                 struct tenon_result *result, struct tenon_error *err);
    /* Optional.  Before anything runs: what is certain to fail in write fails
     * here.  platforms: how many were asked for, 0 for the build
     * file's own. */
    int (*check)(void *self, struct tenon_ctx *ctx,
                 const struct tenon_values *options, uint64_t platforms,
                 struct tenon_error *err);
};
#define TENON_EXPORTER_FILE (UINT32_C(1) << 0) /* wants dest: a file or "-" */
#define TENON_EXPORTER_DIR (UINT32_C(1) << 1)  /* wants dest: a directory */
#define TENON_EXPORTER_IMAGE (UINT32_C(1) << 2) /* makes an image: --iidfile is fine */
/* Minor 5: runs when all exporters without this flag have succeeded, and not otherwise; for
 * what tells others of the result. */
#define TENON_EXPORTER_LAST (UINT32_C(1) << 3)

/* ---- progress: BuildKit's SolveStatus, one change at a time --------------- */

enum tenon_event_type { /* unknown types must be ignored */
    TENON_EVENT_VERTEX = 1,  /* state of a vertex; comes again as it changes */
    TENON_EVENT_STATUS = 2,  /* a status line of a vertex */
    TENON_EVENT_LOG = 3,     /* output of a vertex */
    TENON_EVENT_WARNING = 4,
    TENON_EVENT_MESSAGE = 5, /* a note of the core: name is the text, vertex the step
                              * that it is about, whose name it begins with, or NULL */
};

struct tenon_event {
    uint32_t struct_size;
    uint32_t type;           /* enum tenon_event_type */
    const char *vertex;      /* digest of the vertex it is about */
    const char *name;        /* VERTEX: its name; STATUS: its id; WARNING: short text */
    const char *const *inputs; /* VERTEX: digests, or NULL */
    TENON_PAD32(reserved32)
    int64_t started_ns;      /* wall clock; 0: not yet */
    int64_t completed_ns;    /* 0: not yet; repeats started_ns unchanged */
    int64_t duration_ns;     /* monotonic, of a completed one */
    int64_t timestamp_ns;    /* STATUS, LOG */
    int64_t current, total;  /* STATUS */
    const char *error;       /* VERTEX: why it failed; "" never; NULL none */
    const char *group_id;    /* VERTEX: progress group, or NULL */
    const char *group_name;
    const void *data;        /* LOG: raw output, do NOT send to a terminal as is */
    size_t len;
    const char *const *detail; /* WARNING */
    const char *url;           /* WARNING */
    const char *filename;      /* WARNING */
    uint32_t line, end_line;   /* WARNING */
    uint32_t level;            /* WARNING, MESSAGE */
    uint32_t stream;           /* LOG: 1 stdout, 2 stderr */
    uint32_t flags;            /* TENON_EVENT_* */
    uint32_t reserved;
    const struct tenon_lines *more; /* WARNING: further lines */
    size_t more_count;
};
#define TENON_EVENT_CACHED (UINT32_C(1) << 0)
#define TENON_EVENT_CANCELED (UINT32_C(1) << 1)
#define TENON_EVENT_GROUP_WEAK (UINT32_C(1) << 2)
#define TENON_EVENT_INTERNAL (UINT32_C(1) << 3)
/* Of a STATUS: nothing is done, another process or step is waited for, which
 * its name says; to be shown at once. */
#define TENON_EVENT_WAITING (UINT32_C(1) << 4)

struct tenon_progress_end { /* how the build ended */
    uint32_t struct_size;
    int32_t status;           /* enum tenon_status */
    const char *error;        /* "failed to solve: ..." or NULL */
    const char *hint;         /* what the user can do, or NULL; each line is one */
    const char *vertex;       /* that failed, or NULL */
    const struct tenon_source_excerpt *const *excerpts; /* what failed */
    size_t excerpt_count;
    const struct tenon_source_excerpt *const *files; /* that warnings are about */
    size_t file_count;
    const char *const *further; /* more errors than the one, or NULL */
};

struct tenon_progress_ops { /* always called from one thread */
    uint32_t struct_size;
    uint32_t flags; /* TENON_PROGRESS_* */
    /* fd: where to write (standard error).  width and height come from the fd
     * itself when it is a terminal. */
    int (*open)(void *self, int fd, bool is_tty,
                const struct tenon_values *options, struct tenon_error *err);
    void (*event)(void *self, const struct tenon_event *ev);
    void (*tick)(void *self, int64_t now_ns); /* optional; wall; about 10 per second */
    /* Final picture, failure recap, warnings. */
    void (*close)(void *self, const struct tenon_progress_end *end);
};

/* It does not tell a step's standard output from its standard error: they come as
 * one stream (1), in the order in which they were written.  Without it they are
 * two pipes, and what is written to both at once may come in another order. */
#define TENON_PROGRESS_ONE_STREAM (UINT32_C(1) << 0)

/* ---- caches -------------------------------------------------------------
 * A cache is an OCI manifest somewhere: its config lists results by their keys,
 * its layers are what the results are made of (docs/caching.md).  The core
 * reads and writes the documents, a plugin keeps them.  Which results and mounts are in
 * it and in which compression is told by the options of TENON_CACHE_PARAMS,
 * which every cache plugin declares. */

struct tenon_cache_ops {
    uint32_t struct_size;
    uint32_t flags;    /* 0 */
    const char *title; /* step name of save, "exporting cache to ..." */
    /* load and fetch, or save, or all three.
     * --cache-from: the manifest; *data lives until ctx ends.  A failure is a
     * warning to the user, but for INVALID: wrong options. */
    int (*load)(void *self, struct tenon_ctx *ctx,
                const struct tenon_values *options, const void **data,
                size_t *len, struct tenon_error *err);
    /* Have a blob of it in the content store. */
    int (*fetch)(void *self, struct tenon_ctx *ctx,
                 const struct tenon_values *options,
                 const struct tenon_descriptor *blob, struct tenon_error *err);
    /* --cache-to: the manifest with all it refers to, from the content store
     * (host->image->walk lists the blobs). */
    int (*save)(void *self, struct tenon_ctx *ctx,
                const struct tenon_values *options,
                const struct tenon_descriptor *manifest,
                struct tenon_error *err);
    /* Optional.  Before anything runs: what is certain to fail in save fails
     * here. */
    int (*check_save)(void *self, struct tenon_ctx *ctx,
                      const struct tenon_values *options,
                      struct tenon_error *err);
    /* Optional.  The same for load: options that are wrong, not a cache that is
     * not there. */
    int (*check_load)(void *self, struct tenon_ctx *ctx,
                      const struct tenon_values *options,
                      struct tenon_error *err);
    /* Optional.  What tells this cache from others ("s3:BUCKET/NAME"), for messages and for
     * where results came from; without it that is the option "ref" or "src".  The ctx's; NULL:
     * options that are wrong. */
    const char *(*name)(void *self, struct tenon_ctx *ctx,
                        const struct tenon_values *options,
                        struct tenon_error *err);
    /* Optional.  A blob of the content store that save will need is sent before, while steps
     * run; several threads.  What fails here save tries again. */
    int (*send)(void *self, struct tenon_ctx *ctx,
                const struct tenon_values *options,
                const struct tenon_descriptor *blob, struct tenon_error *err);
};

#define TENON_CACHE_PARAMS                                                     \
    { .name = "mode",                                                          \
      .help = "min: what the result is made of; max: every step",              \
      .def = "min", .choices = "min|max", .type = TENON_TYPE_CHOICE },         \
    { .name = "mounts",                                                        \
      .help = "cache mounts that go with it: all, or ids between ;",           \
      .type = TENON_TYPE_STRING },                                             \
    { .name = "trust",                                                         \
      .help = "what is imported is as good as what was made here",             \
      .def = "false", .type = TENON_TYPE_BOOL },                               \
    { .name = "ignore-error", .help = "a failed export is only a warning",     \
      .def = "false", .type = TENON_TYPE_BOOL },                               \
    { .name = "compression", .help = "of layers that have no blob yet",        \
      .choices = "gzip|uncompressed|zstd", .type = TENON_TYPE_CHOICE },        \
    { .name = "compression-level", .help = "gzip 0-9, zstd 0-22",              \
      .def = "-1", .type = TENON_TYPE_INT, .min = -1, .max = 22 },             \
    { .name = "force-compression",                                             \
      .help = "recompress the base's layers too", .def = "false",              \
      .type = TENON_TYPE_BOOL }

/* ---- attesters and scanners ----------------------------------------------
 * They say something about a result, with host->result->attest: an attester how it
 * was made, a scanner what is in it. */

struct tenon_attester_request {
    uint32_t struct_size;
    uint32_t flags;
    struct tenon_result *result; /* as long as the build */
    size_t index;                /* of the platform: result->platform */
    struct tenon_graph *graph;   /* for steps that have to run first */
    const struct tenon_bridge *bridge;
};

struct tenon_attester_ops {
    uint32_t struct_size;
    uint32_t flags;    /* 0 */
    const char *title; /* step name, "scanning packages"; NULL: not shown */
    /* Once for each platform, when all of it is made and before it is exported.
     * ctx lives as long as the build. */
    int (*attest)(void *self, struct tenon_ctx *ctx,
                  const struct tenon_values *options,
                  const struct tenon_attester_request *req,
                  struct tenon_error *err);
    /* Optional.  Before anything runs: what is certain to fail in attest fails
     * here. */
    int (*check)(void *self, struct tenon_ctx *ctx,
                 const struct tenon_values *options, struct tenon_error *err);
    /* Optional.  Once for each platform, after the exports: tells the caller
     * (host->result->respond). */
    int (*respond)(void *self, struct tenon_ctx *ctx,
                   const struct tenon_values *options,
                   const struct tenon_attester_request *req,
                   struct tenon_error *err);
};

/* ---- the plugin itself ------------------------------------------------ */

struct tenon_plugin {
    uint32_t magic;      /* these six by TENON_PLUGIN_HEADER */
    uint32_t struct_size;
    uint16_t abi_major, abi_minor; /* of the header compiled against */
    uint32_t kind;       /* enum tenon_kind */
    uint32_t param_size; /* stride of the two arrays below */
    uint32_t threads;    /* enum tenon_threads; 0: SERIAL */
    uint32_t key_policy; /* enum tenon_key_policy */
    uint32_t key_epoch;  /* bump when the same options give another result */
    uint32_t flags;      /* bits 0-15: refuse if unknown; 16-31: ignore */
    uint16_t need_minor; /* lowest core minor that will do */
    uint16_t reserved;   /* 0 */

    const char *name;    /* [a-z][a-z0-9-]*; the file is KIND-NAME.so */
    const char *version; /* of the plugin, free form */
    const char *summary; /* one line for `tenon plugins` */
    const struct tenon_param *config;  /* once per run: tenon.json */
    const struct tenon_param *options; /* once per use */

    /* Both optional, called in one thread.  init makes `self`; nothing else is called before it or
     * after fini.  One that failed is called again when the plugin is wanted again, and a process
     * that serves many builds may begin and end a plugin many times.  No side effects before
     * init: the core reads this struct only to print help. */
    int (*init)(const struct tenon_host *host, const struct tenon_values *config,
                void **self, struct tenon_error *err);
    void (*fini)(void *self);

    /* Required of mounts with TENON_KEY_CONTENT.  The core has already added kind, name,
     * key_epoch and all options not marked NOT_IN_KEY. */
    int (*cache_key)(void *self, struct tenon_ctx *ctx,
                     const struct tenon_values *options, struct tenon_key *key,
                     struct tenon_error *err);

    union { /* the member that matches kind */
        const struct tenon_frontend_ops *frontend;
        const struct tenon_source_ops *source;
        const struct tenon_mount_ops *mount;
        const struct tenon_executor_ops *executor;
        const struct tenon_exporter_ops *exporter;
        const struct tenon_progress_ops *progress;
        const struct tenon_cache_ops *cache;
        const struct tenon_attester_ops *attester; /* and of scanners */
    } ops;
};

#define TENON_PLUGIN_HEADER(kind_)                                           \
    .magic = TENON_PLUGIN_MAGIC, .struct_size = sizeof(struct tenon_plugin), \
    .abi_major = TENON_ABI_MAJOR, .abi_minor = TENON_ABI_MINOR,              \
    .kind = (kind_), .param_size = sizeof(struct tenon_param)

/* For C++ before 20, which has no designators: the same six members. */
static inline void
tenon_plugin_begin(struct tenon_plugin *p, uint32_t kind)
{
    p->magic = TENON_PLUGIN_MAGIC;
    p->struct_size = (uint32_t)sizeof *p;
    p->abi_major = TENON_ABI_MAJOR;
    p->abi_minor = TENON_ABI_MINOR;
    p->kind = kind;
    p->param_size = (uint32_t)sizeof(struct tenon_param);
}

/* The only symbol a module exports, e.g. TENON_PLUGIN_EXPORT(mount_secret, p)
 * for mount-secret.so.  The prefix makes the symbol unique, so the same object
 * files serve as a module and inside a single static binary. */
#define TENON_PLUGIN_EXPORT(kind_name, plugin_)                              \
    TENON_C_LINKAGE TENON_EXPORT const struct tenon_plugin *                 \
        kind_name##_LTX_tenon_plugin_query(void);                            \
    const struct tenon_plugin *kind_name##_LTX_tenon_plugin_query(void)      \
    {                                                                        \
        return &(plugin_);                                                   \
    }                                                                        \
    typedef int tenon_plugin_export_needs_semicolon_

#ifdef __cplusplus
}
#endif
#endif

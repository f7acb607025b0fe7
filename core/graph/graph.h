/* graph/graph.h - vertices: LLB ops, their bytes, their digests (docs/llb.md).
 *
 * A vertex is its encoded pb.Op; its id is the SHA-256 of these bytes.  Ops
 * made here are encoded once, in the field order of BuildKit's encoder; ops
 * that came from outside keep the bytes they came with.
 *
 * A graph belongs to one build.  It is filled by the frontend's thread (calls
 * are serialised by a lock inside) and a vertex is immutable once frozen; all
 * memory lives until the graph is freed. */
#ifndef TENON_GRAPH_GRAPH_H
#define TENON_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

enum tenon_op_type { /* numbers of the oneof member in pb.Op */
    TENON_OP_NONE = 0,
    TENON_OP_EXEC = 2,
    TENON_OP_SOURCE = 3,
    TENON_OP_FILE = 4,
    TENON_OP_BUILD = 5,
    TENON_OP_MERGE = 6,
    TENON_OP_DIFF = 7,
    TENON_OP_PASSTHROUGH = 8,
};

struct tenon_pair { /* map entry; lists are sorted by key */
    const char *key;
    const char *value;
};

struct tenon_edge {
    const struct tenon_vertex *vertex; /* NULL: scratch */
    uint32_t index;                    /* output of it */
};

/* ---- decoded ops; strings never NULL unless said ------------------------ */

struct tenon_op_platform {
    const char *arch, *os, *variant, *os_version;
    const char *const *os_features;
};

enum { TENON_LLB_MOUNT_BIND = 0, TENON_LLB_MOUNT_SECRET = 1,
       TENON_LLB_MOUNT_SSH = 2, TENON_LLB_MOUNT_CACHE = 3,
       TENON_LLB_MOUNT_TMPFS = 4 };
/* Their names, then NULL; other types are plugins'. */
extern const char *const tenon_llb_mount_types[];
enum { TENON_LLB_CACHE_SHARED = 0, TENON_LLB_CACHE_PRIVATE = 1,
       TENON_LLB_CACHE_LOCKED = 2 };
enum { TENON_LLB_NET_SANDBOX = 0, TENON_LLB_NET_HOST = 1,
       TENON_LLB_NET_NONE = 2 };

struct tenon_op_mount {
    int64_t input;  /* index into the op's inputs; -1 empty */
    int64_t output; /* -1 none */
    const char *selector, *dest;
    bool readonly;
    int32_t type;          /* TENON_LLB_MOUNT_* */
    const char *result_id;
    int32_t content_cache; /* 0 default, 1 on, 2 off */
    int64_t tmpfs_size;
    const char *cache_id;
    int32_t cache_sharing;
    const char *id; /* of secret or ssh */
    uint32_t uid, gid, mode;
    bool optional;
    const char *plugin_type; /* field 1000; NULL when not a foreign type */
    const struct tenon_pair *plugin_options;
    size_t plugin_option_count;
};

struct tenon_op_secretenv {
    const char *id, *name;
    bool optional;
};

struct tenon_op_ulimit {
    const char *name;
    int64_t soft, hard;
};

struct tenon_op_exec {
    const char *const *args;
    const char *const *env;
    const char *cwd, *user, *hostname, *cgroup_parent;
    const char *proxy[5]; /* http https ftp no all */
    const struct tenon_pair *extra_hosts; /* host, ip */
    size_t extra_host_count;
    const struct tenon_op_ulimit *ulimits;
    size_t ulimit_count;
    bool remove_stubs_recursive;
    const int64_t *valid_exit_codes;
    size_t valid_exit_code_count;
    const struct tenon_op_mount *mounts;
    size_t mount_count;
    int32_t network, security;
    const struct tenon_op_secretenv *secretenv;
    size_t secretenv_count;
    const struct tenon_pair *devices; /* CDI name, "optional" or "" */
    size_t device_count;
};

struct tenon_op_source {
    const char *identifier;
    const struct tenon_pair *attrs;
    size_t attr_count;
};

struct tenon_op_user { /* one half of an owner */
    enum { TENON_USER_UNSET = 0, TENON_USER_NAME, TENON_USER_ID } how;
    uint32_t id;
    const char *name;
    int64_t input; /* of a name: the op input with its passwd */
};

struct tenon_op_action { /* of a file op */
    enum { TENON_FILE_COPY = 4, TENON_FILE_MKFILE = 5, TENON_FILE_MKDIR = 6,
           TENON_FILE_RM = 7, TENON_FILE_SYMLINK = 8 } type;
    /* Index into the op's inputs, or inputs + number of an earlier action;
     * -1: scratch. */
    int64_t input, secondary;
    int64_t output; /* -1: not an output of the op */
    const char *src, *dest; /* mkfile, mkdir, rm: dest; symlink: src is what it says */
    bool has_owner;
    struct tenon_op_user user, group;
    int64_t mode;     /* -1 unset */
    const char *mode_str;
    int64_t timestamp_ns; /* -1 unset */
    bool follow_symlink, dir_copy_contents, attempt_unpack, create_dest_path;
    bool allow_wildcard, allow_empty_wildcard, always_replace;
    const char *const *include, *const *exclude, *const *required;
    const void *data; /* mkfile */
    size_t data_len;
    bool make_parents, allow_not_found;
};

struct tenon_op_file {
    const struct tenon_op_action *actions;
    size_t count;
};

struct tenon_op_merge {
    const int64_t *inputs; /* as they are; -1: scratch */
    size_t count;
};

struct tenon_op_diff {
    int64_t lower, upper;
};

struct tenon_op_passthrough { /* its outputs are inputs; all of these are built */
    const char *id;
    const int64_t *outputs; /* indexes into the op's inputs */
    size_t count;
};

struct tenon_op {
    enum tenon_op_type type;
    bool has_platform;
    struct tenon_op_platform platform;
    union {
        struct tenon_op_exec exec;
        struct tenon_op_source source;
        struct tenon_op_file file;
        struct tenon_op_merge merge;
        struct tenon_op_diff diff;
        struct tenon_op_passthrough passthrough;
    };
};

struct tenon_range { /* where in a build file */
    uint32_t source; /* number from tenon_graph_source */
    uint32_t line, end_line;
    uint32_t character, end_character; /* of the lines; 0: all of them */
    bool by_line; /* written as a range for each of its lines */
    bool more;    /* of the same location as the one before it */
};

/* What stands beside an op and is not in its digest. */
struct tenon_vertex_meta {
    bool ignore_cache;
    const struct tenon_pair *description;
    size_t description_count;
    const char *group_id, *group_name; /* progress group, or NULL */
    bool group_weak;
    const struct tenon_range *ranges;
    size_t range_count;
    int64_t memory, memory_swap, cpu_shares, cpu_period, cpu_quota;
    const char *cpuset_cpus, *cpuset_mems;
};

struct tenon_graph;
struct tenon_vertex {
    struct tenon_digest digest;
    const void *bytes;
    size_t len;
    struct tenon_op op;
    const struct tenon_edge *inputs;
    size_t input_count;
    const char *name; /* llb.customname, or made from the op */
    struct tenon_vertex_meta meta;
    const struct tenon_graph *graph; /* it belongs to */
};

struct tenon_graph_source {
    const char *filename, *language;
    const void *data;
    size_t len;
    const void *definition; /* it was read from there, an encoded pb.Definition; or NULL */
    size_t definition_len;
};

struct tenon_graph;
struct tenon_graph *tenon_graph_new(void);
void tenon_graph_free(struct tenon_graph *g);
/* Whose graph it is, for those who get only the graph back from a plugin.  Set before it
 * is shared; NULL: nobody's. */
void tenon_graph_set_owner(struct tenon_graph *g, void *owner);
void *tenon_graph_owner(const struct tenon_graph *g);

/* Asked about each source that comes into the graph, before it has a digest: 1 when *source is
 * another one now (its strings in the arena), 0 when it stays as it is; negative keeps it out.
 * more: of tenon_graph_load_held, or NULL.  A node's source is asked about by the thread that uses
 * the node, without the graph's lock; one of a definition with the lock held. */
struct tenon_arena;
typedef int tenon_source_filter(void *data, const void *more, const struct tenon_op *op,
                                struct tenon_arena *arena, struct tenon_op_source *source,
                                struct tenon_error *err);
void tenon_graph_set_filter(struct tenon_graph *g, tenon_source_filter *filter, void *data);

/* Take a marshalled pb.Definition; *out is its result edge (vertex NULL: the
 * empty result).  Digests of inputs are checked; cycles cannot be expressed. */
int tenon_graph_load(struct tenon_graph *g, const void *def, size_t len,
                     struct tenon_edge *out, struct tenon_error *err);
/* The same; the graph's filter gets `more`. */
int tenon_graph_load_held(struct tenon_graph *g, const void *def, size_t len, const void *more,
                          struct tenon_edge *out, struct tenon_error *err);
/* The sources among the ops of a definition; what is wrong with it is for who loads it.  Stops when
 * visit returns anything but 0, and returns that. */
typedef int tenon_graph_source_visit(void *data, const struct tenon_op *op,
                                     struct tenon_error *err);
int tenon_graph_sources(const void *def, size_t len, tenon_graph_source_visit *visit, void *data,
                        struct tenon_error *err);
/* The closure of an edge as a pb.Definition (for --call=convertllb, tests). */
struct tenon_buf;
void tenon_graph_save(struct tenon_graph *g, struct tenon_edge edge,
                      struct tenon_buf *out);
const struct tenon_graph_source *
tenon_graph_get_source(const struct tenon_graph *g, uint32_t number);
const char *tenon_vertex_describe(const struct tenon_vertex *v,
                                  const char *key); /* NULL: absent */
/* NULL: there is none with that digest.  Any thread. */
const struct tenon_vertex *tenon_graph_vertex(struct tenon_graph *g, const char *digest);
/* How many outputs v has; UINT32_MAX when only running it would tell. */
uint32_t tenon_vertex_output_count(const struct tenon_vertex *v);

/* ---- the builder for the host table (node_*, graph_source) --------------
 * Semantics: tenon-plugin.h.  tenon_node_freeze gives the vertex. */
struct tenon_node;
struct tenon_node *tenon_node_new(struct tenon_graph *g, const char *op,
                                  struct tenon_error *err);
/* A node that is v already: to be an input, and nothing else. */
struct tenon_node *tenon_node_of_vertex(struct tenon_graph *g, const struct tenon_vertex *v);
struct tenon_node *tenon_node_part(struct tenon_node *n, const char *part,
                                   struct tenon_error *err);
int tenon_node_set(struct tenon_node *n, const char *attr, const char *value,
                   struct tenon_error *err);
int tenon_node_set_int(struct tenon_node *n, const char *attr, int64_t value,
                       struct tenon_error *err);
int tenon_node_set_bytes(struct tenon_node *n, const char *attr,
                         const void *data, size_t len, struct tenon_error *err);
int tenon_node_input(struct tenon_node *n, const char *slot,
                     struct tenon_node *from, uint32_t output,
                     struct tenon_error *err);
int tenon_node_input_edge(struct tenon_node *n, const char *slot,
                          struct tenon_edge edge, struct tenon_error *err);
int tenon_node_describe(struct tenon_node *n, const char *key,
                        const char *value, struct tenon_error *err);
int tenon_node_at(struct tenon_node *n, uint32_t source, uint32_t line,
                  uint32_t end_line);
uint32_t tenon_graph_source(struct tenon_graph *g, const char *filename,
                            const char *language, const void *data, size_t len);
uint32_t tenon_graph_source_from(struct tenon_graph *g, const char *filename,
                                 const char *language, const void *data, size_t len,
                                 const void *definition, size_t definition_len);
const struct tenon_vertex *tenon_node_freeze(struct tenon_node *n,
                                             struct tenon_error *err);

#endif

/* convert/vertex.h - the graph of one platform before the host gets it.
 *
 * Two things are known only once all instructions have been looked at: which paths
 * of a local directory are used, and which vertices the target needs.  So the
 * graph is planned in these structures first and given to the host by
 * df_plan_emit(), inputs before users. */
#ifndef DF_VERTEX_H
#define DF_VERTEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build.h"
#include "index.h"

enum df_op { DF_OP_SOURCE, DF_OP_INPUT, DF_OP_EXEC, DF_OP_FILE, DF_OP_MERGE };

struct df_vertex;

/* Paths of a tree that are used, absolute; "/" means all. */
struct df_paths {
    struct df_list list;
    struct df_index index;
};
void df_paths_add(struct df_arena *a, struct df_paths *p, const char *path);

struct df_plan_mount {
    const char *type, *dest;
    struct df_vertex *from; /* NULL: scratch */
    const char *selector;   /* or NULL */
    bool read_only, no_output;
    const char *id;         /* cache, secret, ssh */
    const char *sharing;    /* cache */
    int64_t size_bytes;     /* tmpfs */
    uint32_t mode, uid, gid; /* secret, ssh */
    bool optional;
    const char *env;        /* secret: the variable, or NULL */
    const struct df_pairs *options; /* types of plugins */
    struct df_plan_mount *next;
};

struct df_exec {
    const char *const *args, *const *env; /* NULL-terminated */
    const char *cwd, *user, *hostname, *network, *security, *platform;
    struct df_vertex *root;
    struct df_plan_mount *mounts;
    struct df_pairs proxy; /* "http" ... */
    const struct df_device *devices;
    size_t devices_len;
};

enum df_action_kind { DF_DO_COPY, DF_DO_MKFILE, DF_DO_MKDIR };

struct df_action {
    enum df_action_kind kind;
    struct df_action *next;
    const char *user, *group; /* or NULL */
    const int64_t *timestamp_ns;
    int64_t mode;       /* copy: -1 when not given */
    const char *path;   /* dest of a copy */
    /* copy */
    struct df_vertex *from;
    const char *src, *mode_str;
    uint32_t flags; /* TENON_LLB_* */
    struct df_strings include, exclude, required;
    /* mkfile */
    const void *data;
    size_t len;
    /* mkdir */
    bool parents;
};

struct df_source {
    const char *identifier, *platform; /* platform: or NULL */
    struct df_pairs attrs;
    const struct df_paths *follow;     /* local.followpaths unless all */
    const struct df_list *exclude;     /* local.excludepatterns */
};

struct df_vertex {
    enum df_op op;
    const char *name;    /* as progress shows it */
    const char *command; /* BuildKit's description of it, or NULL */
    const char *transfer; /* "context": what its transfer is called, or NULL */
    const char *group_id, *group_name;
    bool group_weak, ignore_cache;
    struct df_lines lines;
    union {
        struct df_source source;
        struct df_exec exec;
        struct {
            struct df_vertex *base; /* NULL: scratch */
            struct df_action *first, **end;
        } file;
        struct {
            struct df_vertex *lower, *upper;
        } merge;
    };
    /* of df_plan_emit() */
    struct df_vertex *prev, *next;
    struct tenon_node *node;
    uint32_t output; /* of node */
    bool needed;
};

struct df_plan {
    struct df_build *build;
    struct df_vertex *first, *last; /* inputs come before their users */
};

struct df_vertex *df_plan_source(struct df_plan *p, const char *identifier,
                                 const char *platform, const char *name);
void df_vertex_attr(struct df_plan *p, struct df_vertex *source,
                    const char *key, const char *value);
/* Of a local source: which session of the client has it, as "local-sessionid:NAME" says, or
 * "local-sessionid" for all.  A definition can be taken to another build, whose session has other
 * directories of that name. */
void df_local_session(struct df_plan *p, struct df_vertex *source, const char *local);
/* What another frontend made; NULL for scratch. */
struct df_vertex *df_plan_input(struct df_plan *p, struct tenon_ref *input);
struct df_vertex *df_plan_exec(struct df_plan *p, const char *name);
struct df_plan_mount *df_vertex_mount(struct df_plan *p, struct df_vertex *exec,
                                      const char *type, const char *dest);
struct df_vertex *df_plan_file(struct df_plan *p, struct df_vertex *base,
                               const char *name);
struct df_action *df_vertex_action(struct df_plan *p, struct df_vertex *file,
                                   enum df_action_kind kind);
struct df_vertex *df_plan_merge(struct df_plan *p, struct df_vertex *lower,
                                struct df_vertex *upper, const char *name);

/* "user[:group]" as the graph wants it. */
void df_owner_split(struct df_arena *a, const char *text, const char **user,
                    const char **group);

/* Give the host what `target` needs, and get the reference to it. */
int df_plan_emit(struct df_plan *p, struct df_vertex *target,
                 struct tenon_ref **ref, struct tenon_error *err);

#endif

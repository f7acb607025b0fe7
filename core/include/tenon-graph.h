/* tenon-graph.h - describing a build, for frontends: typed helpers over the
 * host table's node_* functions.
 *
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Not part of the ABI: everything here is static inline and reaches the core
 * through struct tenon_host only.  C99 and C++.  Functions that make a node
 * return NULL on failure, the others a negative status; err is set.
 *
 * The attribute names, one spelling each (docs/llb.md has LLB's numbers):
 *
 *   op "source"  identifier, platform; attr.KEY (a map)
 *   op "exec"    args*, env* ("K=V"), cwd, user, hostname, cgroup_parent,
 *                network (sandbox|host|none), security (sandbox|insecure),
 *                proxy.http .https .ftp .no .all, valid_exit_code* (int),
 *                remove_stubs_recursive (int; 1 unless set), platform
 *     mount      type (bind|secret|ssh|cache|tmpfs or a plugin's name), dest,
 *                selector, readonly (int), no_output (int), result_id,
 *                content_cache (default|on|off), tmpfs_size (int), cache_id,
 *                cache_sharing (shared|private|locked), id (secret, ssh),
 *                uid, gid, mode, optional (int), option.KEY (plugin types)
 *                slot: input
 *     secretenv  id, name, optional (int)
 *     extrahost  host, ip
 *     ulimit     name, soft (int), hard (int)
 *     device     name, optional (int)
 *   op "file"
 *     copy       src, dest, owner.user, owner.group, mode (int), mode_str,
 *                timestamp (int, ns), include*, exclude*, required*, and as
 *                int: follow_symlink, dir_copy_contents, attempt_unpack,
 *                create_dest_path, allow_wildcard, allow_empty_wildcard,
 *                always_replace
 *                slots: input, secondary, owner.user, owner.group
 *     mkfile     path, data (bytes), mode (int), owner.*, timestamp (int)
 *     mkdir      path, mode (int), make_parents (int), owner.*, timestamp
 *     rm         path, allow_not_found (int), allow_wildcard (int)
 *     symlink    oldpath, newpath, owner.*, timestamp (int)
 *                slots of all: input, owner.user, owner.group
 *   op "merge"   slot: input (repeated)      op "diff"  slots: lower, upper
 *
 * A star marks lists: setting again appends.  Attributes without "(int)" are
 * strings.  "platform" is "os/arch[/variant]", "os(version)/arch" as well.
 *
 * Defaults: an action that is not connected to an input works on the result
 * of the action before it, the first one on scratch.  The last action is the
 * op's output 0.  owner.user and owner.group take a number, "root" (0) or a
 * name; a name is looked up in the tree connected to the slot of that name,
 * else in what the first action of the chain works on.  Mounts
 * are put in order of their targets, then secrets, then ssh sockets, and the
 * outputs of an exec are numbered in that order over the writable binds: "/"
 * is output 0.  Relative paths of actions are taken from "/". */
#ifndef TENON_GRAPH_H
#define TENON_GRAPH_H

#include "tenon-plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sources -------------------------------------------------------------- */

/* identifier: "docker-image://docker.io/library/x:1@sha256:...",
 * "local://context", "https://..."; platform only for images, else NULL. */
static inline struct tenon_node *
tenon_llb_source(const struct tenon_host *h, struct tenon_graph *g,
                 const char *identifier, const char *platform,
                 struct tenon_error *err)
{
    struct tenon_node *n = h->graph->node_new(g, "source", err);
    if (!n || h->graph->node_set(n, "identifier", identifier, err) < 0)
        return NULL;
    if (platform && h->graph->node_set(n, "platform", platform, err) < 0)
        return NULL;
    return n;
}

/* key without "attr.": "local.includepattern"; at most 200 bytes. */
static inline int
tenon_llb_source_attr(const struct tenon_host *h, struct tenon_node *source,
                      const char *key, const char *value,
                      struct tenon_error *err)
{
    char name[208] = "attr.";
    size_t n = 0;
    while (key[n] && n < sizeof name - 6) {
        name[5 + n] = key[n];
        n++;
    }
    if (key[n])
        return h->error->set(err, TENON_E_LIMIT, 0, "attribute name \"%s\": too long",
                             key);
    name[5 + n] = 0;
    return h->graph->node_set(source, name, value, err);
}

/* ---- exec ------------------------------------------------------------------ */

/* args ends with NULL; root NULL: an empty one.  The result is output 0. */
static inline struct tenon_node *
tenon_llb_exec(const struct tenon_host *h, struct tenon_graph *g,
               const char *const *args, const char *cwd, const char *platform,
               struct tenon_node *root, uint32_t root_output,
               struct tenon_error *err)
{
    struct tenon_node *n = h->graph->node_new(g, "exec", err);
    if (!n)
        return NULL;
    for (size_t i = 0; args[i]; i++)
        if (h->graph->node_set(n, "args", args[i], err) < 0)
            return NULL;
    if (h->graph->node_set(n, "cwd", cwd, err) < 0)
        return NULL;
    if (platform && h->graph->node_set(n, "platform", platform, err) < 0)
        return NULL;
    struct tenon_node *m = h->graph->node_part(n, "mount", err);
    if (!m || h->graph->node_set(m, "dest", "/", err) < 0 ||
        h->graph->node_input(m, "input", root, root_output, err) < 0)
        return NULL;
    return n;
}

/* List attributes: env ("K=V"), args.  values ends with NULL or is NULL. */
static inline int
tenon_llb_set_list(const struct tenon_host *h, struct tenon_node *n,
                   const char *attr, const char *const *values,
                   struct tenon_error *err)
{
    for (size_t i = 0; values && values[i]; i++) {
        int r = h->graph->node_set(n, attr, values[i], err);
        if (r < 0)
            return r;
    }
    return TENON_OK;
}

/* A mount of `type` at dest; input may be NULL (scratch).  Further attributes
 * are set on what it returns. */
static inline struct tenon_node *
tenon_llb_mount(const struct tenon_host *h, struct tenon_node *exec,
                const char *type, const char *dest, struct tenon_node *input,
                uint32_t output, struct tenon_error *err)
{
    struct tenon_node *m = h->graph->node_part(exec, "mount", err);
    if (!m || h->graph->node_set(m, "type", type, err) < 0 ||
        h->graph->node_set(m, "dest", dest, err) < 0)
        return NULL;
    if (input && h->graph->node_input(m, "input", input, output, err) < 0)
        return NULL;
    return m;
}

/* RUN --mount=type=bind: readonly, or writable with the writes dropped. */
static inline struct tenon_node *
tenon_llb_bind_mount(const struct tenon_host *h, struct tenon_node *exec,
                     const char *dest, struct tenon_node *input,
                     uint32_t output, const char *selector, bool readonly,
                     struct tenon_error *err)
{
    struct tenon_node *m =
        tenon_llb_mount(h, exec, "bind", dest, input, output, err);
    if (!m)
        return NULL;
    if (selector && h->graph->node_set(m, "selector", selector, err) < 0)
        return NULL;
    if (h->graph->node_set_int(m, readonly ? "readonly" : "no_output", 1, err) < 0)
        return NULL;
    return m;
}

/* sharing: "shared", "private", "locked"; input seeds a new cache. */
static inline struct tenon_node *
tenon_llb_cache_mount(const struct tenon_host *h, struct tenon_node *exec,
                      const char *dest, const char *id, const char *sharing,
                      struct tenon_node *input, uint32_t output,
                      const char *selector, bool readonly,
                      struct tenon_error *err)
{
    struct tenon_node *m =
        tenon_llb_mount(h, exec, "cache", dest, input, output, err);
    if (!m || h->graph->node_set(m, "cache_id", id, err) < 0 ||
        h->graph->node_set(m, "cache_sharing", sharing, err) < 0)
        return NULL;
    if (selector && h->graph->node_set(m, "selector", selector, err) < 0)
        return NULL;
    if (readonly && h->graph->node_set_int(m, "readonly", 1, err) < 0)
        return NULL;
    return m;
}

static inline struct tenon_node *
tenon_llb_tmpfs_mount(const struct tenon_host *h, struct tenon_node *exec,
                      const char *dest, int64_t size_bytes,
                      struct tenon_error *err)
{
    struct tenon_node *m =
        tenon_llb_mount(h, exec, "tmpfs", dest, NULL, 0, err);
    if (!m || h->graph->node_set_int(m, "tmpfs_size", size_bytes, err) < 0)
        return NULL;
    return m;
}

/* type "secret" or "ssh".  dest of an ssh socket may be NULL:
 * /run/buildkit/ssh_agent.N. */
static inline struct tenon_node *
tenon_llb_secret_mount(const struct tenon_host *h, struct tenon_node *exec,
                       const char *type, const char *dest, const char *id,
                       uint32_t mode, uint32_t uid, uint32_t gid,
                       bool optional, struct tenon_error *err)
{
    struct tenon_node *m = h->graph->node_part(exec, "mount", err);
    if (!m || h->graph->node_set(m, "type", type, err) < 0 ||
        (dest && h->graph->node_set(m, "dest", dest, err) < 0) ||
        h->graph->node_set(m, "id", id, err) < 0 ||
        h->graph->node_set_int(m, "mode", mode, err) < 0 ||
        h->graph->node_set_int(m, "uid", uid, err) < 0 ||
        h->graph->node_set_int(m, "gid", gid, err) < 0 ||
        h->graph->node_set_int(m, "optional", optional ? 1 : 0, err) < 0)
        return NULL;
    return m;
}

static inline int
tenon_llb_secret_env(const struct tenon_host *h, struct tenon_node *exec,
                     const char *id, const char *name, bool optional,
                     struct tenon_error *err)
{
    struct tenon_node *p = h->graph->node_part(exec, "secretenv", err);
    if (!p)
        return h->error->code(err);
    int r = h->graph->node_set(p, "id", id, err);
    if (r == 0)
        r = h->graph->node_set(p, "name", name, err);
    if (r == 0)
        r = h->graph->node_set_int(p, "optional", optional ? 1 : 0, err);
    return r;
}

static inline int
tenon_llb_extra_host(const struct tenon_host *h, struct tenon_node *exec,
                     const char *host, const char *ip, struct tenon_error *err)
{
    struct tenon_node *p = h->graph->node_part(exec, "extrahost", err);
    if (!p)
        return h->error->code(err);
    int r = h->graph->node_set(p, "host", host, err);
    return r < 0 ? r : h->graph->node_set(p, "ip", ip, err);
}

static inline int
tenon_llb_ulimit(const struct tenon_host *h, struct tenon_node *exec,
                 const char *name, int64_t soft, int64_t hard,
                 struct tenon_error *err)
{
    struct tenon_node *p = h->graph->node_part(exec, "ulimit", err);
    if (!p)
        return h->error->code(err);
    int r = h->graph->node_set(p, "name", name, err);
    if (r == 0)
        r = h->graph->node_set_int(p, "soft", soft, err);
    if (r == 0)
        r = h->graph->node_set_int(p, "hard", hard, err);
    return r;
}

static inline int
tenon_llb_device(const struct tenon_host *h, struct tenon_node *exec,
                 const char *name, bool optional, struct tenon_error *err)
{
    struct tenon_node *p = h->graph->node_part(exec, "device", err);
    if (!p)
        return h->error->code(err);
    int r = h->graph->node_set(p, "name", name, err);
    return r < 0 ? r : h->graph->node_set_int(p, "optional", optional ? 1 : 0, err);
}

/* ---- file ------------------------------------------------------------------- */

struct tenon_llb_owner { /* both NULL: keep; see owner.user above */
    const char *user, *group;
};

#define TENON_LLB_FOLLOW_SYMLINK (UINT32_C(1) << 0)
#define TENON_LLB_DIR_COPY_CONTENTS (UINT32_C(1) << 1)
#define TENON_LLB_ATTEMPT_UNPACK (UINT32_C(1) << 2)
#define TENON_LLB_CREATE_DEST_PATH (UINT32_C(1) << 3)
#define TENON_LLB_ALLOW_WILDCARD (UINT32_C(1) << 4)
#define TENON_LLB_ALLOW_EMPTY_WILDCARD (UINT32_C(1) << 5)
#define TENON_LLB_ALWAYS_REPLACE (UINT32_C(1) << 6)

struct tenon_llb_copy { /* zeroed: a plain copy that keeps all */
    struct tenon_node *from; /* node, or an action of the same op */
    uint32_t from_output;
    uint32_t flags; /* TENON_LLB_* above */
    const char *src, *dest;
    struct tenon_llb_owner owner;
    bool has_mode, has_timestamp;
    int64_t mode;
    const char *mode_str;  /* symbolic; or NULL */
    int64_t timestamp_ns;
    const char *const *include, *const *exclude, *const *required;
};

/* An empty file op: add actions, and tenon_llb_on for the first. */
static inline struct tenon_node *
tenon_llb_file(const struct tenon_host *h, struct tenon_graph *g,
               struct tenon_error *err)
{
    return h->graph->node_new(g, "file", err);
}

static inline int
tenon_llb_owner_(const struct tenon_host *h, struct tenon_node *action,
                 const struct tenon_llb_owner *o, struct tenon_error *err)
{
    int r = 0;
    if (o && o->user)
        r = h->graph->node_set(action, "owner.user", o->user, err);
    if (r == 0 && o && o->group)
        r = h->graph->node_set(action, "owner.group", o->group, err);
    return r;
}

/* Of the first action only: what the op works on. */
static inline int
tenon_llb_on(const struct tenon_host *h, struct tenon_node *action,
             struct tenon_node *base, uint32_t output, struct tenon_error *err)
{
    return h->graph->node_input(action, "input", base, output, err);
}

static inline struct tenon_node *
tenon_llb_copy(const struct tenon_host *h, struct tenon_node *file,
               const struct tenon_llb_copy *c, struct tenon_error *err)
{
    static const char *const flags[] = {
        "follow_symlink", "dir_copy_contents", "attempt_unpack",
        "create_dest_path", "allow_wildcard", "allow_empty_wildcard",
        "always_replace",
    };
    struct tenon_node *a = h->graph->node_part(file, "copy", err);
    if (!a || h->graph->node_set(a, "src", c->src, err) < 0 ||
        h->graph->node_set(a, "dest", c->dest, err) < 0 ||
        h->graph->node_input(a, "secondary", c->from, c->from_output, err) < 0 ||
        tenon_llb_owner_(h, a, &c->owner, err) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if ((c->flags & (UINT32_C(1) << i)) &&
            h->graph->node_set_int(a, flags[i], 1, err) < 0)
            return NULL;
    if (c->has_mode && h->graph->node_set_int(a, "mode", c->mode, err) < 0)
        return NULL;
    if (c->mode_str && h->graph->node_set(a, "mode_str", c->mode_str, err) < 0)
        return NULL;
    if (c->has_timestamp &&
        h->graph->node_set_int(a, "timestamp", c->timestamp_ns, err) < 0)
        return NULL;
    if (tenon_llb_set_list(h, a, "include", c->include, err) < 0 ||
        tenon_llb_set_list(h, a, "exclude", c->exclude, err) < 0 ||
        tenon_llb_set_list(h, a, "required", c->required, err) < 0)
        return NULL;
    return a;
}

/* timestamp_ns NULL: the time of making it. */
static inline struct tenon_node *
tenon_llb_mkfile(const struct tenon_host *h, struct tenon_node *file,
                 const char *path, uint32_t mode, const void *data, size_t len,
                 const struct tenon_llb_owner *owner,
                 const int64_t *timestamp_ns, struct tenon_error *err)
{
    struct tenon_node *a = h->graph->node_part(file, "mkfile", err);
    if (!a || h->graph->node_set(a, "path", path, err) < 0 ||
        h->graph->node_set_int(a, "mode", mode, err) < 0 ||
        h->graph->node_set_bytes(a, "data", data, len, err) < 0 ||
        tenon_llb_owner_(h, a, owner, err) < 0)
        return NULL;
    if (timestamp_ns && h->graph->node_set_int(a, "timestamp", *timestamp_ns, err) < 0)
        return NULL;
    return a;
}

static inline struct tenon_node *
tenon_llb_mkdir(const struct tenon_host *h, struct tenon_node *file,
                const char *path, uint32_t mode, bool make_parents,
                const struct tenon_llb_owner *owner,
                const int64_t *timestamp_ns, struct tenon_error *err)
{
    struct tenon_node *a = h->graph->node_part(file, "mkdir", err);
    if (!a || h->graph->node_set(a, "path", path, err) < 0 ||
        h->graph->node_set_int(a, "mode", mode, err) < 0 ||
        h->graph->node_set_int(a, "make_parents", make_parents ? 1 : 0, err) < 0 ||
        tenon_llb_owner_(h, a, owner, err) < 0)
        return NULL;
    if (timestamp_ns && h->graph->node_set_int(a, "timestamp", *timestamp_ns, err) < 0)
        return NULL;
    return a;
}

static inline struct tenon_node *
tenon_llb_rm(const struct tenon_host *h, struct tenon_node *file,
             const char *path, bool allow_not_found, bool allow_wildcard,
             struct tenon_error *err)
{
    struct tenon_node *a = h->graph->node_part(file, "rm", err);
    if (!a || h->graph->node_set(a, "path", path, err) < 0 ||
        h->graph->node_set_int(a, "allow_not_found", allow_not_found ? 1 : 0, err) < 0 ||
        h->graph->node_set_int(a, "allow_wildcard", allow_wildcard ? 1 : 0, err) < 0)
        return NULL;
    return a;
}

static inline struct tenon_node *
tenon_llb_symlink(const struct tenon_host *h, struct tenon_node *file,
                  const char *oldpath, const char *newpath,
                  const struct tenon_llb_owner *owner,
                  const int64_t *timestamp_ns, struct tenon_error *err)
{
    struct tenon_node *a = h->graph->node_part(file, "symlink", err);
    if (!a || h->graph->node_set(a, "oldpath", oldpath, err) < 0 ||
        h->graph->node_set(a, "newpath", newpath, err) < 0 ||
        tenon_llb_owner_(h, a, owner, err) < 0)
        return NULL;
    if (timestamp_ns && h->graph->node_set_int(a, "timestamp", *timestamp_ns, err) < 0)
        return NULL;
    return a;
}

/* ---- merge and diff ---------------------------------------------------------- */

/* One layer on top of the other.  Like BuildKit's client a caller leaves scratch
 * inputs out and does not merge one alone.  For more than two inputs: node_new
 * "merge" and node_input "input" for each. */
static inline struct tenon_node *
tenon_llb_merge2(const struct tenon_host *h, struct tenon_graph *g,
                 struct tenon_node *lower, uint32_t lower_output,
                 struct tenon_node *upper, uint32_t upper_output,
                 struct tenon_error *err)
{
    struct tenon_node *n = h->graph->node_new(g, "merge", err);
    if (!n || h->graph->node_input(n, "input", lower, lower_output, err) < 0 ||
        h->graph->node_input(n, "input", upper, upper_output, err) < 0)
        return NULL;
    return n;
}

static inline struct tenon_node *
tenon_llb_diff(const struct tenon_host *h, struct tenon_graph *g,
               struct tenon_node *lower, uint32_t lower_output,
               struct tenon_node *upper, uint32_t upper_output,
               struct tenon_error *err)
{
    struct tenon_node *n = h->graph->node_new(g, "diff", err);
    if (!n || h->graph->node_input(n, "lower", lower, lower_output, err) < 0 ||
        h->graph->node_input(n, "upper", upper, upper_output, err) < 0)
        return NULL;
    return n;
}

/* ---- beside the vertex -------------------------------------------------------- */

static inline int
tenon_llb_name(const struct tenon_host *h, struct tenon_node *n,
               const char *name, struct tenon_error *err)
{
    return h->graph->node_describe(n, "llb.customname", name, err);
}

static inline int
tenon_llb_ignore_cache(const struct tenon_host *h, struct tenon_node *n,
                       struct tenon_error *err)
{
    return h->graph->node_describe(n, "ignore_cache", "true", err);
}

/* Vertices with the same id are shown as one step. */
static inline int
tenon_llb_group(const struct tenon_host *h, struct tenon_node *n,
                const char *id, const char *name, bool weak,
                struct tenon_error *err)
{
    int r = h->graph->node_describe(n, "progress_group.id", id, err);
    if (r == 0)
        r = h->graph->node_describe(n, "progress_group.name", name, err);
    if (r == 0 && weak)
        r = h->graph->node_describe(n, "progress_group.weak", "true", err);
    return r;
}

#ifdef __cplusplus
}
#endif
#endif

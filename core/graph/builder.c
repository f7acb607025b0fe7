/* The string-keyed builder behind the host table. */
#include "graph/builder.h"

#include <string.h>

#include "tools/parse.h"

void *
tenon_arena_grow(struct tenon_arena *a, const void *items, size_t count,
                 size_t size)
{
    /* capacities are 4, 8, 16 ...: full when count + 1 (the zero at the end)
     * reaches one */
    size_t need = count + 1;
    if (items && (need < 4 || (need & (need - 1))))
        return (void *)items;
    void *more = tenon_arena_array(a, need < 4 ? 4 : need * 2, size);
    if (count)
        memcpy(more, items, count * size);
    return more;
}

/* ---- nodes and parts ---------------------------------------------------------- */

static struct tenon_node *
node_alloc(struct tenon_graph *g, enum node_kind kind)
{
    struct tenon_node *n = tenon_arena_alloc(&g->arena, sizeof *n);

    n->graph = g;
    n->kind = kind;
    switch (kind) {
    case NODE_EXEC:
        n->exec.remove_stubs_recursive = true; /* as BuildKit's client */
        n->exec.cwd = "/";
        break;
    case NODE_COPY:
    case NODE_MKFILE:
    case NODE_MKDIR:
    case NODE_RM:
    case NODE_SYMLINK:
        n->action.type = TENON_FILE_COPY + (kind - NODE_COPY);
        n->action.mode = kind == NODE_COPY ? -1 : 0;
        n->action.timestamp_ns = -1;
        n->action.src = n->action.dest = "";
        break;
    case NODE_MOUNT:
        n->mount.dest = "";
        break;
    case NODE_DEVICE:
    case NODE_EXTRAHOST:
        n->pair.key = n->pair.value = "";
        break;
    case NODE_SOURCE:
    case NODE_FILE:
    case NODE_MERGE:
    case NODE_DIFF:
    case NODE_SECRETENV:
    case NODE_ULIMIT:
    case NODE_KINDS:
        break;
    }
    return n;
}

struct tenon_node *
tenon_node_new(struct tenon_graph *g, const char *op, struct tenon_error *err)
{
    for (int k = NODE_SOURCE; k <= NODE_DIFF; k++) {
        if (strcmp(op, tenon_node_kind_names[k]))
            continue;
        pthread_mutex_lock(&g->lock);
        struct tenon_node *n = node_alloc(g, (enum node_kind)k);
        pthread_mutex_unlock(&g->lock);
        return n;
    }
    tenon_error_set(err, TENON_E_INVALID, "op \"%s\" is not known", op);
    return NULL;
}

static int
check_open(const struct tenon_node *n, struct tenon_error *err)
{
    const struct tenon_node *op = n->parent ? n->parent : n;
    if (op->frozen)
        return tenon_error_set(err, TENON_E_BUG,
                               "%s op: already used, it cannot change any more",
                               tenon_node_kind_names[op->kind]);
    return 0;
}

static struct tenon_node *
part_locked(struct tenon_node *n, const char *part, struct tenon_error *err)
{
    int from = n->kind == NODE_EXEC ? NODE_MOUNT : NODE_COPY;
    int to = n->kind == NODE_EXEC ? NODE_DEVICE : NODE_SYMLINK;

    if (check_open(n, err) < 0)
        return NULL;
    for (int k = from; k <= to; k++) {
        if (strcmp(part, tenon_node_kind_names[k]) ||
            (n->kind != NODE_EXEC && n->kind != NODE_FILE))
            continue;
        struct tenon_node *p = node_alloc(n->graph, (enum node_kind)k);
        p->parent = n;
        p->number = n->part_count;
        n->parts = tenon_arena_grow(&n->graph->arena, n->parts, n->part_count,
                                    sizeof *n->parts);
        n->parts[n->part_count++] = p;
        return p;
    }
    tenon_error_set(err, TENON_E_INVALID, "%s has no part \"%s\"",
                    tenon_node_kind_names[n->kind], part);
    return NULL;
}

struct tenon_node *
tenon_node_part(struct tenon_node *n, const char *part, struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    struct tenon_node *p = part_locked(n, part, err);
    pthread_mutex_unlock(&n->graph->lock);
    return p;
}

/* ---- attributes ---------------------------------------------------------------- */

static const struct attr *
find_attr(const struct tenon_node *n, const char *name, struct tenon_error *err)
{
    for (const struct attr *a = tenon_node_attrs[n->kind]; a->name; a++)
        if (a->type == ATTR_MAP ? tenon_has_prefix(name, a->name)
                                : !strcmp(name, a->name))
            return a;
    tenon_error_set(err, TENON_E_INVALID, "%s has no attribute \"%s\"",
                    tenon_node_kind_names[n->kind], name);
    return NULL;
}

static int
wrong_type(const struct tenon_node *n, const char *name, const char *want,
           struct tenon_error *err)
{
    return tenon_error_set(err, TENON_E_INVALID,
                           "attribute \"%s\" of %s takes %s", name,
                           tenon_node_kind_names[n->kind], want);
}

#define FIELD(n, a, T) ((T *)(void *)((char *)(n) + (a)->offset))
#define EXTRA(n, a) ((size_t *)(void *)((char *)(n) + (a)->extra))

static int
set_platform(struct tenon_node *n, const char *value, struct tenon_error *err)
{
    struct tenon_arena *arena = &n->graph->arena;
    char *s = tenon_arena_strdup(arena, value);
    char *arch = strchr(s, '/');
    char *version = strchr(s, '(');

    n->platform = (struct tenon_op_platform){ .os = s, .variant = "",
                                              .os_version = "" };
    if (version && (!arch || version < arch)) {
        char *end = strchr(version, ')');
        if (!end || end[1] != '/')
            arch = NULL;
        else
            arch = end + 1;
        if (arch) {
            *version = *end = 0;
            n->platform.os_version = version + 1;
        }
    }
    if (!arch || !arch[1] || !*s || *s == '/')
        return tenon_error_set(err, TENON_E_INVALID,
                               "platform \"%s\": expected os/arch[/variant]",
                               value);
    *arch++ = 0;
    n->platform.arch = arch;
    char *variant = strchr(arch, '/');
    if (variant) {
        *variant++ = 0;
        n->platform.variant = variant;
    }
    n->has_platform = true;
    return 0;
}

static void
set_user(struct tenon_node *n, struct tenon_op_user *u, const char *value)
{
    uint64_t id;

    if (!strcmp(value, "root")) {
        u->how = TENON_USER_ID;
        u->id = 0;
    } else if (tenon_parse_u64(value, 10, &id) && id <= INT32_MAX) {
        u->how = TENON_USER_ID;
        u->id = (uint32_t)id;
    } else {
        u->how = TENON_USER_NAME;
        u->name = tenon_arena_strdup(&n->graph->arena, value);
    }
    n->action.has_owner = true;
}

static int
set_word(struct tenon_node *n, const struct attr *a, const char *value,
         struct tenon_error *err)
{
    for (int32_t i = 0; a->words[i]; i++) {
        if (!strcmp(a->words[i], value)) {
            *FIELD(n, a, int32_t) = i;
            return 0;
        }
    }
    return tenon_error_set(err, TENON_E_INVALID,
                           "attribute \"%s\": \"%s\" is not known", a->name,
                           value);
}

static void
set_mount_type(struct tenon_node *n, const char *value)
{
    n->mount.type = TENON_LLB_MOUNT_BIND;
    n->mount.plugin_type = NULL;
    for (int32_t i = 0; tenon_mount_type_names[i]; i++) {
        if (!strcmp(tenon_mount_type_names[i], value)) {
            n->mount.type = i;
            return;
        }
    }
    n->mount.plugin_type = tenon_arena_strdup(&n->graph->arena, value);
}

static void
set_map(struct tenon_node *n, const struct attr *a, const char *key,
        const char *value)
{
    struct tenon_arena *arena = &n->graph->arena;
    struct tenon_pair **pairs = FIELD(n, a, struct tenon_pair *);
    size_t *count = EXTRA(n, a);

    *pairs = tenon_arena_grow(arena, *pairs, *count, sizeof **pairs);
    (*pairs)[(*count)++] =
        (struct tenon_pair){ .key = tenon_arena_strdup(arena, key),
                             .value = tenon_arena_strdup(arena, value) };
}

static void
append_string(struct tenon_arena *a, const char ***list, const char *value)
{
    size_t n = 0;

    while (*list && (*list)[n])
        n++;
    *list = tenon_arena_grow(a, *list, n, sizeof **list);
    (*list)[n] = tenon_arena_strdup(a, value);
}

static int
set_locked(struct tenon_node *n, const char *name, const char *value,
           struct tenon_error *err)
{
    const struct attr *a;

    if (check_open(n, err) < 0 || !(a = find_attr(n, name, err)))
        return err->code;
    switch (a->type) {
    case ATTR_STRING:
        *FIELD(n, a, const char *) = tenon_arena_strdup(&n->graph->arena, value);
        return 0;
    case ATTR_LIST:
        append_string(&n->graph->arena, FIELD(n, a, const char **), value);
        return 0;
    case ATTR_MAP:
        set_map(n, a, name + strlen(a->name), value);
        return 0;
    case ATTR_WORD:
        return set_word(n, a, value, err);
    case ATTR_PLATFORM:
        return set_platform(n, value, err);
    case ATTR_USER:
        set_user(n, FIELD(n, a, struct tenon_op_user), value);
        return 0;
    case ATTR_MOUNT_TYPE:
        set_mount_type(n, value);
        return 0;
    case ATTR_BYTES:
        return wrong_type(n, name, "bytes", err);
    case ATTR_INTS:
    case ATTR_INT64:
    case ATTR_INT32:
    case ATTR_UINT32:
    case ATTR_BOOL:
    case ATTR_OPTIONAL:
        return wrong_type(n, name, "a number", err);
    }
    return 0;
}

int
tenon_node_set(struct tenon_node *n, const char *attr, const char *value,
               struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int r = set_locked(n, attr, value ? value : "", err);
    pthread_mutex_unlock(&n->graph->lock);
    return r;
}

static int
set_int_locked(struct tenon_node *n, const char *name, int64_t value,
               struct tenon_error *err)
{
    const struct attr *a;

    if (check_open(n, err) < 0 || !(a = find_attr(n, name, err)))
        return err->code;
    switch (a->type) {
    case ATTR_INT64:
        *FIELD(n, a, int64_t) = value;
        return 0;
    case ATTR_INT32:
    case ATTR_UINT32:
        if (value < 0 || value > (a->type == ATTR_UINT32 ? UINT32_MAX : INT32_MAX))
            return tenon_error_set(err, TENON_E_INVALID,
                                   "attribute \"%s\": %lld is out of range",
                                   name, (long long)value);
        *FIELD(n, a, uint32_t) = (uint32_t)value;
        return 0;
    case ATTR_BOOL:
        *FIELD(n, a, bool) = value != 0;
        return 0;
    case ATTR_OPTIONAL:
        *FIELD(n, a, const char *) = value ? "optional" : "";
        return 0;
    case ATTR_INTS: {
        int64_t **items = FIELD(n, a, int64_t *);
        size_t *count = EXTRA(n, a);
        *items = tenon_arena_grow(&n->graph->arena, *items, *count,
                                  sizeof **items);
        (*items)[(*count)++] = value;
        return 0;
    }
    case ATTR_STRING:
    case ATTR_LIST:
    case ATTR_MAP:
    case ATTR_WORD:
    case ATTR_PLATFORM:
    case ATTR_USER:
    case ATTR_MOUNT_TYPE:
        return wrong_type(n, name, "a string", err);
    case ATTR_BYTES:
        return wrong_type(n, name, "bytes", err);
    }
    return 0;
}

int
tenon_node_set_int(struct tenon_node *n, const char *attr, int64_t value,
                   struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int r = set_int_locked(n, attr, value, err);
    pthread_mutex_unlock(&n->graph->lock);
    return r;
}

static int
set_bytes_locked(struct tenon_node *n, const char *name, const void *data,
                 size_t len, struct tenon_error *err)
{
    const struct attr *a;

    if (check_open(n, err) < 0 || !(a = find_attr(n, name, err)))
        return err->code;
    if (a->type != ATTR_BYTES)
        return wrong_type(n, name, "no bytes", err);
    *FIELD(n, a, const void *) = tenon_arena_dup(&n->graph->arena, data, len);
    *EXTRA(n, a) = len;
    return 0;
}

int
tenon_node_set_bytes(struct tenon_node *n, const char *attr, const void *data,
                     size_t len, struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int r = set_bytes_locked(n, attr, data, len, err);
    pthread_mutex_unlock(&n->graph->lock);
    return r;
}

/* graph/builder.c - the builder for the host table: nodes, their parts and attributes, by
 * name. */
#include "graph/builder.h"

#include <string.h>

#include "tools/parse.h"

enum { LINES_MAX = 10000 }; /* of a place that is told line by line */

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
        if (strcmp(op, tenon_node_kinds[k].name))
            continue;
        pthread_mutex_lock(&g->lock);
        struct tenon_node *n = tenon_graph_check_room(g, err) < 0
                                   ? NULL
                                   : node_alloc(g, (enum node_kind)k);
        pthread_mutex_unlock(&g->lock);
        return n;
    }
    tenon_error_set(err, TENON_E_INVALID, "op \"%s\" is not known", op);
    return NULL;
}

struct tenon_node *
tenon_node_of_vertex(struct tenon_graph *g, const struct tenon_vertex *v)
{
    static const enum node_kind kinds[] = {
        [TENON_OP_EXEC] = NODE_EXEC, [TENON_OP_SOURCE] = NODE_SOURCE, [TENON_OP_FILE] = NODE_FILE,
        [TENON_OP_MERGE] = NODE_MERGE, [TENON_OP_DIFF] = NODE_DIFF,
    };
    const size_t type = (size_t)v->op.type;
    pthread_mutex_lock(&g->lock);
    struct tenon_node *n = node_alloc(g, type < tenon_countof(kinds) ? kinds[type] : NODE_FILE);
    n->frozen = v;
    pthread_mutex_unlock(&g->lock);
    return n;
}

static int
check_open(const struct tenon_node *n, struct tenon_error *err)
{
    const struct tenon_node *op = n->parent ? n->parent : n;
    if (op->frozen || op->asking)
        return tenon_error_set(err, TENON_E_BUG,
                               "%s op: already used, it cannot change any more",
                               tenon_node_kinds[op->kind].name);
    return tenon_graph_check_room(n->graph, err);
}

static struct tenon_node *
part_locked(struct tenon_node *n, const char *part, struct tenon_error *err)
{
    int from = n->kind == NODE_EXEC ? NODE_MOUNT : NODE_COPY;
    int to = n->kind == NODE_EXEC ? NODE_DEVICE : NODE_SYMLINK;

    if (check_open(n, err) < 0)
        return NULL;
    for (int k = from; k <= to; k++) {
        if (strcmp(part, tenon_node_kinds[k].name) ||
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
                    tenon_node_kinds[n->kind].name, part);
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

/* All structs that attributes are in begin at the same place of a node. */
#define FIELD(n, f, T) FIELD_AT(&(n)->source, (f)->offset, T)
#define EXTRA(n, f) FIELD_AT(&(n)->source, (f)->extra, size_t)

static const char *
what_it_takes(enum field_type type)
{
    switch (type) {
    case FIELD_STRING:
    case FIELD_LIST:
    case FIELD_MAP:
    case FIELD_PAIRS:
    case FIELD_WORD:
    case FIELD_PLATFORM:
    case FIELD_USER:
    case FIELD_MOUNT_TYPE:
        return "a string";
    case FIELD_INTS:
    case FIELD_INT64:
    case FIELD_MODE:
    case FIELD_UINT32:
    case FIELD_BOOL:
    case FIELD_OPTIONAL:
    case FIELD_NO_OUTPUT:
        return "a number";
    case FIELD_BYTES:
        return "bytes";
    case FIELD_INDEX:
    case FIELD_INDEXES:
    case FIELD_GROUP:
    case FIELD_ITEMS:
        break; /* not attributes */
    }
    return "nothing";
}

/* The field of an attribute that takes `given`; NULL with an error. */
static const struct field *
find_attr(const struct tenon_node *n, const char *name, const char *given,
          struct tenon_error *err)
{
    const struct node_kind_info *kind = &tenon_node_kinds[n->kind];

    if (check_open(n, err) < 0)
        return NULL;
    const struct field *f = tenon_field_find(kind->message, name);
    if (!f) {
        tenon_error_set(err, TENON_E_INVALID, "%s has no attribute \"%s\"", kind->name, name);
        return NULL;
    }
    const char *want = what_it_takes(f->type);
    if (strcmp(want, given) != 0) {
        tenon_error_set(err, TENON_E_INVALID, "attribute \"%s\" of %s takes %s", name,
                        kind->name, want);
        return NULL;
    }
    return f;
}

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
set_word(struct tenon_node *n, const struct field *f, const char *value,
         struct tenon_error *err)
{
    for (int32_t i = 0; f->words[i]; i++) {
        if (!strcmp(f->words[i], value)) {
            *FIELD(n, f, int32_t) = i;
            return 0;
        }
    }
    return tenon_error_set(err, TENON_E_INVALID,
                           "attribute \"%s\": \"%s\" is not known", f->name,
                           value);
}

static void
set_mount_type(struct tenon_node *n, const char *value)
{
    n->mount.type = TENON_LLB_MOUNT_BIND;
    n->mount.plugin_type = NULL;
    for (int32_t i = 0; tenon_llb_mount_types[i]; i++) {
        if (!strcmp(tenon_llb_mount_types[i], value)) {
            n->mount.type = i;
            return;
        }
    }
    n->mount.plugin_type = tenon_arena_strdup(&n->graph->arena, value);
}

static void
append_pair(struct tenon_arena *a, struct tenon_pair **pairs, size_t *count,
            const char *key, const char *value)
{
    *pairs = tenon_arena_grow(a, *pairs, *count, sizeof **pairs);
    (*pairs)[(*count)++] = (struct tenon_pair){ .key = tenon_arena_strdup(a, key),
                                                .value = tenon_arena_strdup(a, value) };
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
    struct tenon_arena *arena = &n->graph->arena;
    const struct field *f = find_attr(n, name, "a string", err);

    if (!f)
        return err->code;
    if (f->type == FIELD_STRING)
        *FIELD(n, f, const char *) = tenon_arena_strdup(arena, value);
    else if (f->type == FIELD_LIST)
        append_string(arena, FIELD(n, f, const char **), value);
    else if (f->type == FIELD_MAP || f->type == FIELD_PAIRS)
        append_pair(arena, FIELD(n, f, struct tenon_pair *), EXTRA(n, f),
                    name + strlen(f->name), value);
    else if (f->type == FIELD_WORD)
        return set_word(n, f, value, err);
    else if (f->type == FIELD_PLATFORM)
        return set_platform(n, value, err);
    else if (f->type == FIELD_USER)
        set_user(n, FIELD(n, f, struct tenon_op_user), value);
    else if (f->type == FIELD_MOUNT_TYPE)
        set_mount_type(n, value);
    return 0;
}

int
tenon_node_set(struct tenon_node *n, const char *attr, const char *value,
               struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int rc = set_locked(n, attr, value ? value : "", err);
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

static void
append_int(struct tenon_arena *a, int64_t **items, size_t *count, int64_t value)
{
    *items = tenon_arena_grow(a, *items, *count, sizeof **items);
    (*items)[(*count)++] = value;
}

static int
set_int_locked(struct tenon_node *n, const char *name, int64_t value,
               struct tenon_error *err)
{
    const struct field *f = find_attr(n, name, "a number", err);

    if (!f)
        return err->code;
    if (f->type == FIELD_UINT32 && (value < 0 || value > UINT32_MAX))
        return tenon_error_set(err, TENON_E_INVALID, "attribute \"%s\": %lld is out of range",
                               name, (long long)value);
    if (f->type == FIELD_INT64 || f->type == FIELD_MODE)
        *FIELD(n, f, int64_t) = value;
    else if (f->type == FIELD_UINT32)
        *FIELD(n, f, uint32_t) = (uint32_t)value;
    else if (f->type == FIELD_BOOL)
        *FIELD(n, f, bool) = value != 0;
    else if (f->type == FIELD_OPTIONAL)
        *FIELD(n, f, const char *) = value ? "optional" : "";
    else if (f->type == FIELD_INTS)
        append_int(&n->graph->arena, FIELD(n, f, int64_t *), EXTRA(n, f), value);
    else if (f->type == FIELD_NO_OUTPUT)
        n->no_output = value != 0;
    return 0;
}

int
tenon_node_set_int(struct tenon_node *n, const char *attr, int64_t value,
                   struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int rc = set_int_locked(n, attr, value, err);
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

static int
set_bytes_locked(struct tenon_node *n, const char *name, const void *data,
                 size_t len, struct tenon_error *err)
{
    const struct field *f = find_attr(n, name, "bytes", err);

    if (!f)
        return err->code;
    *FIELD(n, f, const void *) = tenon_arena_dup(&n->graph->arena, data, len);
    *EXTRA(n, f) = len;
    return 0;
}

int
tenon_node_set_bytes(struct tenon_node *n, const char *attr, const void *data,
                     size_t len, struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int rc = set_bytes_locked(n, attr, data, len, err);
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

/* ---- what stands beside an op: everything is text ------------------------ */

static int
describe_locked(struct tenon_node *n, const char *key, const char *value,
                struct tenon_error *err)
{
    struct tenon_arena *arena = &n->graph->arena;
    const struct field *f = tenon_field_find(&tenon_message_meta, key);
    void *p = FIELD_AT(&n->meta, f->offset, char);

    if (n->parent || n->frozen)
        return tenon_error_set(err, TENON_E_BUG,
                               "only an op that is not used yet can be described");
    if (f->type == FIELD_BOOL && !tenon_parse_bool(value, p))
        return tenon_error_set(err, TENON_E_INVALID,
                               "%s: \"%s\" is not a boolean", key, value);
    if (f->type == FIELD_INT64 && !tenon_parse_i64(value, p))
        return tenon_error_set(err, TENON_E_INVALID,
                               "%s: \"%s\" is not a number", key, value);
    if (f->type == FIELD_STRING)
        *(const char **)p = tenon_arena_strdup(arena, value);
    if (f->type == FIELD_MAP) {
        size_t *count = FIELD_AT(&n->meta, f->extra, size_t);
        append_pair(arena, p, count, key, value);
        *count = tenon_pairs_sort(*(struct tenon_pair **)p, *count);
    }
    return 0;
}

int
tenon_node_describe(struct tenon_node *n, const char *key, const char *value,
                    struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int rc = describe_locked(n, key, value ? value : "", err);
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

int
tenon_node_at(struct tenon_node *n, uint32_t source, uint32_t line,
              uint32_t end_line)
{
    struct tenon_vertex_meta *m = &n->meta;
    struct tenon_range *ranges = (struct tenon_range *)m->ranges;
    int rc = TENON_E_BUG;

    pthread_mutex_lock(&n->graph->lock);
    if (!n->parent && !n->frozen) {
        const bool more = m->range_count && ranges[m->range_count - 1].source == source;
        ranges = tenon_arena_grow(&n->graph->arena, ranges, m->range_count, sizeof *ranges);
        ranges[m->range_count++] =
            (struct tenon_range){ .source = source, .line = line, .end_line = end_line,
                                  .by_line = end_line - line < LINES_MAX, .more = more };
        m->ranges = ranges;
        rc = 0;
    }
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

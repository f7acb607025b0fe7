/* graph/freeze.c - from a described node to a vertex, with inputs numbered as BuildKit's
 * client numbers them. */
#include <stdlib.h>
#include <string.h>

#include "tools/path.h"
#include "graph/builder.h"

/* ---- encoding ------------------------------------------------------------ */

struct inputs {
    struct tenon_edge *items;
    size_t len, cap;
};

static int64_t
add_input(struct inputs *in, struct tenon_edge e)
{
    if (!e.vertex)
        return -1;
    for (size_t i = 0; i < in->len; i++)
        if (in->items[i].vertex == e.vertex && in->items[i].index == e.index)
            return (int64_t)i;
    tenon_vec_push(in, e);
    return (int64_t)in->len - 1;
}

static unsigned
mount_rank(const struct tenon_node *n)
{
    if (n->kind != NODE_MOUNT)
        return 3;
    return n->mount.type == TENON_LLB_MOUNT_SECRET ? 1
           : n->mount.type == TENON_LLB_MOUNT_SSH  ? 2
                                                    : 0;
}

static int
compare_mounts(const void *a, const void *b)
{
    const struct tenon_node *p = *(const struct tenon_node *const *)a;
    const struct tenon_node *q = *(const struct tenon_node *const *)b;
    unsigned x = mount_rank(p), y = mount_rank(q);
    int r = x < y ? -1 : x > y;

    if (!r && !x)
        r = strcmp(p->mount.dest, q->mount.dest);
    return r ? r : (p->number > q->number) - (p->number < q->number);
}

static bool
has_env(const struct tenon_op_exec *x, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; x->env && x->env[i]; i++)
        if (!strncmp(x->env[i], name, len) && x->env[i][len] == '=')
            return true;
    return false;
}

static void
place_ssh(struct tenon_node *exec, struct tenon_node *m, size_t number)
{
    struct tenon_arena *arena = &exec->graph->arena;

    if (!*m->mount.dest) {
        auto_free char *dest =
            tenon_asprintf("/run/buildkit/ssh_agent.%zu", number);
        m->mount.dest = tenon_arena_strdup(arena, dest);
    }
    if (number == 0 && !has_env(&exec->exec, "SSH_AUTH_SOCK")) {
        auto_free char *env =
            tenon_asprintf("SSH_AUTH_SOCK=%s", m->mount.dest);
        const char **list = (const char **)exec->exec.env;
        size_t n = 0;
        while (list && list[n])
            n++;
        list = tenon_arena_grow(arena, list, n, sizeof *list);
        list[n] = tenon_arena_strdup(arena, env);
        exec->exec.env = list;
    }
}

static void
encode_mounts(struct tenon_node *n, struct inputs *in, struct tenon_op_exec *x)
{
    struct tenon_arena *arena = &n->graph->arena;
    struct tenon_node **sorted =
        tenon_arena_array(arena, n->part_count, sizeof *sorted);
    struct tenon_op_mount *mounts =
        tenon_arena_array(arena, n->part_count, sizeof *mounts);
    int64_t outputs = 0;
    size_t ssh = 0, count = 0;

    for (size_t i = 0; i < n->part_count; i++)
        sorted[i] = n->parts[i];
    if (n->part_count)
        qsort(sorted, n->part_count, sizeof *sorted, compare_mounts);
    for (size_t i = 0; i < n->part_count; i++) {
        struct tenon_node *p = sorted[i];
        struct tenon_op_mount *m = &p->mount;
        if (p->kind != NODE_MOUNT)
            break;
        m->input = add_input(in, p->links[SLOT_INPUT].edge);
        bool id_type = mount_rank(p) != 0;
        bool writable = m->type == TENON_LLB_MOUNT_BIND && !m->plugin_type &&
                        !m->readonly && !p->no_output;
        /* The reference client leaves the output of secrets and ssh sockets
         * at 0 where others without one have -1; ids depend on it. */
        m->output = writable ? outputs++ : id_type ? 0 : -1;
        tenon_pairs_order((struct tenon_pair *)m->plugin_options, m->plugin_option_count);
        if (m->type == TENON_LLB_MOUNT_SSH)
            place_ssh(n, p, ssh++);
        mounts[count++] = *m;
    }
    x->mounts = mounts;
    x->mount_count = count;
}

/* Parts to the lists of the op that hold messages of their kind; the mounts are there. */
static void
encode_parts(struct tenon_node *n, const struct message *m, struct tenon_op_exec *x)
{
    struct tenon_arena *arena = &n->graph->arena;

    for (size_t k = 0; k < m->count; k++) {
        const struct field *f = &m->fields[k];
        if (f->type == FIELD_GROUP)
            encode_parts(n, f->message, x);
        if (f->type != FIELD_ITEMS || f->message == tenon_node_kinds[NODE_MOUNT].message)
            continue;
        size_t *count = FIELD_AT(x, f->extra, size_t), size = f->message->size;
        char *items = tenon_arena_array(arena, n->part_count, size);
        for (size_t i = 0; i < n->part_count; i++)
            if (tenon_node_kinds[n->parts[i]->kind].message == f->message)
                memcpy(items + (*count)++ * size, &n->parts[i]->source, size);
        *FIELD_AT(x, f->offset, void *) = items;
    }
}

static void
encode_exec(struct tenon_node *n, struct inputs *in, struct tenon_op *op)
{
    encode_mounts(n, in, &n->exec);
    op->exec = n->exec; /* after place_ssh */
    encode_parts(n, &tenon_message_exec, &op->exec);
}

/* Absolute and clean; a copy's destination keeps what tells a directory. */
static const char *
normal_path(struct tenon_arena *a, const char *path, bool keep_slash)
{
    auto_free char *joined = tenon_path_join("/", *path ? path : ".");
    bool slash = keep_slash && tenon_has_suffix(path, "/");
    bool dot = keep_slash && tenon_has_suffix(path, "/.");
    bool root = !strcmp(joined, "/");

    if (!dot && !(slash && !root))
        return tenon_arena_strdup(a, joined);
    auto_free char *marked = tenon_asprintf(
        "%s%s%s", joined, root ? "" : "/", dot ? "." : "");
    return tenon_arena_strdup(a, marked);
}

/* Inputs are added in the order in which BuildKit's client meets them: for
 * each action what the chain stands on, then what is copied from; names of
 * owners that have an input of their own come last. */
static void
encode_file(struct tenon_node *n, struct inputs *in, struct tenon_op *op)
{
    struct tenon_arena *arena = &n->graph->arena;
    struct tenon_op_action *actions =
        tenon_arena_array(arena, n->part_count, sizeof *actions);
    struct tenon_edge base = { .vertex = NULL };

    if (n->part_count)
        base = n->parts[0]->links[SLOT_INPUT].edge;
    int64_t base_index = add_input(in, base);
    for (size_t i = 0; i < n->part_count; i++) {
        const struct tenon_node *p = n->parts[i];
        actions[i] = p->action;
        actions[i].input = add_input(in, p->links[SLOT_INPUT].edge);
        actions[i].secondary = add_input(in, p->links[SLOT_SECONDARY].edge);
        actions[i].user.input = p->links[SLOT_USER].set
                                    ? add_input(in, p->links[SLOT_USER].edge)
                                    : base_index;
        actions[i].group.input = p->links[SLOT_GROUP].set
                                     ? add_input(in, p->links[SLOT_GROUP].edge)
                                     : base_index;
        actions[i].dest = normal_path(arena, p->action.dest,
                                      p->kind == NODE_COPY);
        if (p->kind == NODE_COPY)
            actions[i].src = normal_path(arena, p->action.src, false);
    }
    for (size_t i = 0; i < n->part_count; i++) {
        const struct node_link *link = &n->parts[i]->links[SLOT_INPUT];
        const struct node_link *from = &n->parts[i]->links[SLOT_SECONDARY];
        if (link->action)
            actions[i].input = (int64_t)(in->len + link->action->number);
        else if (!link->set && i > 0)
            actions[i].input = (int64_t)(in->len + i - 1);
        if (from->action)
            actions[i].secondary = (int64_t)(in->len + from->action->number);
        actions[i].output = i + 1 == n->part_count ? 0 : -1;
    }
    op->file.actions = actions;
    op->file.count = n->part_count;
}

static int
encode_merge(struct tenon_node *n, struct inputs *in, struct tenon_op *op,
             struct tenon_error *err)
{
    int64_t *indexes =
        tenon_arena_array(&n->graph->arena, n->merged_count, sizeof *indexes);

    for (size_t i = 0; i < n->merged_count; i++) {
        if (!n->merged[i].vertex) {
            indexes[i] = -1;
            continue;
        }
        indexes[i] = (int64_t)in->len; /* repeated inputs stay repeated */
        tenon_vec_push(in, n->merged[i]);
    }
    if (n->merged_count < 2)
        return tenon_error_set(err, TENON_E_INVALID,
                               "a merge needs at least two inputs");
    op->merge.inputs = indexes;
    op->merge.count = n->merged_count;
    return 0;
}

static void
encode_diff(struct tenon_node *n, struct inputs *in, struct tenon_op *op)
{
    const struct tenon_edge lower = n->links[SLOT_LOWER].edge;
    const struct tenon_edge upper = n->links[SLOT_UPPER].edge;

    op->diff.lower = op->diff.upper = -1;
    if (lower.vertex) {
        op->diff.lower = (int64_t)in->len;
        tenon_vec_push(in, lower);
    }
    if (upper.vertex) {
        op->diff.upper = (int64_t)in->len;
        tenon_vec_push(in, upper);
    }
}

static int
encode_node(struct tenon_node *n, struct inputs *in, struct tenon_op *op,
            struct tenon_error *err)
{
    op->has_platform = n->has_platform;
    op->platform = n->platform;
    switch (n->kind) {
    case NODE_SOURCE:
        op->type = TENON_OP_SOURCE;
        n->source.attr_count = tenon_pairs_sort(
            (struct tenon_pair *)n->source.attrs, n->source.attr_count);
        op->source = n->source;
        return 0;
    case NODE_EXEC:
        op->type = TENON_OP_EXEC;
        encode_exec(n, in, op);
        return 0;
    case NODE_FILE:
        op->type = TENON_OP_FILE;
        encode_file(n, in, op);
        return 0;
    case NODE_MERGE:
        op->type = TENON_OP_MERGE;
        return encode_merge(n, in, op, err);
    case NODE_DIFF:
        op->type = TENON_OP_DIFF;
        encode_diff(n, in, op);
        return 0;
    case NODE_MOUNT:
    case NODE_SECRETENV:
    case NODE_EXTRAHOST:
    case NODE_ULIMIT:
    case NODE_DEVICE:
    case NODE_COPY:
    case NODE_MKFILE:
    case NODE_MKDIR:
    case NODE_RM:
    case NODE_SYMLINK:
    case NODE_KINDS:
        break;
    }
    return tenon_error_set(err, TENON_E_BUG, "a part is not a vertex");
}

/* Somebody far away may have a say about a source, and takes their time: they are asked about a
 * copy, without the lock.  Until then the node stays as it is. */
static int
filter_source(struct tenon_node *n, struct tenon_op *op, struct tenon_arena *scratch,
              struct tenon_error *err)
{
    struct tenon_graph *g = n->graph;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct raw_input *in;
    size_t count;

    if (op->type != TENON_OP_SOURCE || !g->filter)
        return 0;
    tenon_op_encode(op, NULL, 0, &bytes);
    n->asking++;
    pthread_mutex_unlock(&g->lock);
    int rc = tenon_op_decode(scratch, bytes.data, bytes.len, op, &in, &count, err);
    if (rc == 0)
        rc = g->filter(g->filter_data, NULL, op, scratch, &op->source, err);
    pthread_mutex_lock(&g->lock);
    n->asking--;
    return rc;
}

/* May release the lock and take it again. */
static const struct tenon_vertex *
freeze_locked(struct tenon_node *n, struct tenon_error *err)
{
    auto_arena struct tenon_arena scratch = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct inputs in = {0};
    struct tenon_op op = {0};

    if (n->frozen)
        return n->frozen;
    if (n->meta.group_id && !n->meta.group_name)
        n->meta.group_name = "";
    int rc = encode_node(n, &in, &op, err);
    if (rc == 0)
        rc = filter_source(n, &op, &scratch, err);
    if (rc >= 0 && !n->frozen) { /* by another thread, while somebody was asked */
        tenon_op_encode(&op, in.items, in.len, &bytes);
        n->frozen = tenon_graph_add_vertex(n->graph, tenon_buf_str(&bytes),
                                           bytes.len, &n->meta, err);
        if (!n->frozen)
            tenon_error_context(err, "%s op", tenon_node_kinds[n->kind].name);
    }
    tenon_vec_release(&in);
    return rc < 0 ? NULL : n->frozen;
}

const struct tenon_vertex *
tenon_node_freeze(struct tenon_node *n, struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    const struct tenon_vertex *v = freeze_locked(n, err);
    pthread_mutex_unlock(&n->graph->lock);
    return v;
}

/* ---- connections ---------------------------------------------------------------- */

static const struct slot_name {
    const char *name;
    enum node_slot slot;
    enum node_kind from, to;
} slots[] = {
    { "input", SLOT_INPUT, NODE_MERGE, NODE_MERGE },
    { "input", SLOT_INPUT, NODE_MOUNT, NODE_MOUNT },
    { "input", SLOT_INPUT, NODE_COPY, NODE_SYMLINK },
    { "secondary", SLOT_SECONDARY, NODE_COPY, NODE_COPY },
    { "owner.user", SLOT_USER, NODE_COPY, NODE_SYMLINK },
    { "owner.group", SLOT_GROUP, NODE_COPY, NODE_SYMLINK },
    { "lower", SLOT_LOWER, NODE_DIFF, NODE_DIFF },
    { "upper", SLOT_UPPER, NODE_DIFF, NODE_DIFF },
};

static int
find_slot(const struct tenon_node *n, const char *name, struct tenon_error *err)
{
    for (size_t i = 0; i < tenon_countof(slots); i++)
        if (!strcmp(slots[i].name, name) && n->kind >= slots[i].from &&
            n->kind <= slots[i].to)
            return slots[i].slot;
    return tenon_error_set(err, TENON_E_INVALID, "%s has no slot \"%s\"",
                           tenon_node_kinds[n->kind].name, name);
}

static int
link_action(const struct tenon_node *n, int slot, const struct tenon_node *from,
            struct node_link *link, struct tenon_error *err)
{
    if (n->kind < NODE_COPY || from->kind < NODE_COPY || from->parent != n->parent)
        return tenon_error_set(err, TENON_E_INVALID,
                               "a part can be an input of its own file op only");
    if (from->number >= n->number)
        return tenon_error_set(err, TENON_E_INVALID,
                               "an action can use earlier actions only");
    if (slot != SLOT_INPUT && slot != SLOT_SECONDARY)
        return tenon_error_set(err, TENON_E_INVALID,
                               "names are looked up in inputs, not in actions");
    link->action = from;
    return 0;
}

/* from NULL: the link is an edge already. */
static int
input_locked(struct tenon_node *n, const char *name, struct tenon_node *from,
             struct tenon_edge edge, struct tenon_error *err)
{
    struct node_link link = { .set = true, .edge = edge };

    int slot = find_slot(n, name, err);
    if (slot < 0)
        return slot;
    if ((from && from->graph != n->graph) || (edge.vertex && edge.vertex->graph != n->graph))
        return tenon_error_set(err, TENON_E_BUG, "a node of another graph");
    if (from && from->parent) {
        int rc = link_action(n, slot, from, &link, err);
        if (rc < 0)
            return rc;
    } else if (from) {
        if (from == (n->parent ? n->parent : n))
            return tenon_error_set(err, TENON_E_INVALID, "an op feeds itself");
        link.edge.vertex = freeze_locked(from, err);
        if (!link.edge.vertex)
            return err->code;
    }
    if ((n->parent ? n->parent : n)->frozen)
        return tenon_error_set(err, TENON_E_BUG,
                               "%s op: already used, it cannot change any more",
                               tenon_node_kinds[n->kind].name);
    if (link.edge.vertex && link.edge.index >= tenon_vertex_output_count(link.edge.vertex))
        return tenon_error_set(err, TENON_E_INVALID, "\"%s\" has no output %u",
                               link.edge.vertex->name, link.edge.index);
    if (n->kind == NODE_MERGE) {
        n->merged = tenon_arena_grow(&n->graph->arena, n->merged,
                                     n->merged_count, sizeof *n->merged);
        n->merged[n->merged_count++] = link.edge;
    } else {
        n->links[slot] = link;
    }
    return 0;
}

int
tenon_node_input(struct tenon_node *n, const char *slot,
                 struct tenon_node *from, uint32_t output,
                 struct tenon_error *err)
{
    const struct tenon_edge edge = { .index = from ? output : 0 };

    pthread_mutex_lock(&n->graph->lock);
    int rc = input_locked(n, slot, from, edge, err);
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

int
tenon_node_input_edge(struct tenon_node *n, const char *slot,
                      struct tenon_edge edge, struct tenon_error *err)
{
    pthread_mutex_lock(&n->graph->lock);
    int rc = input_locked(n, slot, NULL, edge, err);
    pthread_mutex_unlock(&n->graph->lock);
    return rc;
}

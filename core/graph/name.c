/* graph/name.c - names for vertices that nobody named, as BuildKit's solver makes them. */
#include "graph/private.h"

static void
add_input_name(struct tenon_buf *b, const struct tenon_edge *inputs,
               size_t count, int64_t index)
{
    if (index < 0 || (uint64_t)index >= count)
        tenon_buf_adds(b, "scratch");
    else
        tenon_buf_addf(b, "(%s)", inputs[index].vertex->name);
}

static void
add_actions(struct tenon_buf *b, const struct tenon_op *op)
{
    for (size_t i = 0; i < op->file.count; i++) {
        const struct tenon_op_action *a = &op->file.actions[i];
        if (i)
            tenon_buf_adds(b, ", ");
        switch (a->type) {
        case TENON_FILE_COPY:
            tenon_buf_addf(b, "copy %s %s", a->src, a->dest);
            break;
        case TENON_FILE_MKFILE:
            tenon_buf_addf(b, "mkfile %s", a->dest);
            break;
        case TENON_FILE_MKDIR:
            tenon_buf_addf(b, "mkdir %s", a->dest);
            break;
        case TENON_FILE_RM:
            tenon_buf_addf(b, "rm %s", a->dest);
            break;
        case TENON_FILE_SYMLINK:
            tenon_buf_addf(b, "symlink %s %s", a->src, a->dest);
            break;
        }
    }
}

/* A merge of merges of merges would double its name each time. */
#define NAME_MAX_BYTES 4096

char *
tenon_op_name(const struct tenon_op *op, const struct tenon_edge *inputs,
              size_t input_count)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;

    switch (op->type) {
    case TENON_OP_SOURCE:
        tenon_buf_adds(&b, op->source.identifier);
        break;
    case TENON_OP_EXEC:
        for (size_t i = 0; op->exec.args[i]; i++)
            tenon_buf_addf(&b, i ? " %s" : "%s", op->exec.args[i]);
        break;
    case TENON_OP_FILE:
        add_actions(&b, op);
        break;
    case TENON_OP_MERGE:
        tenon_buf_adds(&b, "merge (");
        for (size_t i = 0; i < input_count; i++)
            tenon_buf_addf(&b, i ? ", %s" : "%s", inputs[i].vertex->name);
        tenon_buf_addc(&b, ')');
        break;
    case TENON_OP_DIFF:
        tenon_buf_adds(&b, "diff ");
        add_input_name(&b, inputs, input_count, op->diff.lower);
        tenon_buf_adds(&b, " -> ");
        add_input_name(&b, inputs, input_count, op->diff.upper);
        break;
    case TENON_OP_BUILD:
        tenon_buf_adds(&b, "build");
        break;
    case TENON_OP_PASSTHROUGH:
        tenon_buf_addf(&b, "passthrough %s", op->passthrough.id);
        break;
    case TENON_OP_NONE:
        tenon_buf_adds(&b, "unknown");
        break;
    }
    if (b.len > NAME_MAX_BYTES) {
        tenon_buf_truncate(&b, NAME_MAX_BYTES);
        tenon_buf_adds(&b, "...");
    }
    return tenon_buf_steal(&b);
}

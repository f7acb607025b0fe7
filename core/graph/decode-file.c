/* Bytes to ops: file actions. */
#include "graph/decode.h"

static int
decode_named_user(struct decoder *d, const struct tenon_wire *w,
                  struct tenon_op_user *u)
{
    int r = 0;

    u->how = TENON_USER_NAME;
    u->name = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &u->name);
        else if (f.field == 2)
            u->input = (int64_t)f.value;
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_user(struct decoder *d, const struct tenon_wire *w,
            struct tenon_op_user *u)
{
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1) {
            r = decode_named_user(d, &f, u);
        } else if (f.field == 2) {
            u->how = TENON_USER_ID;
            u->id = (uint32_t)f.value;
        }
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_owner(struct decoder *d, const struct tenon_wire *w,
             struct tenon_op_action *a)
{
    int r = 0;

    a->has_owner = true;
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = decode_user(d, &f, &a->user);
        else if (f.field == 2)
            r = decode_user(d, &f, &a->group);
        if (r < 0)
            return r;
    }
    return f_r;
}

struct copy_lists {
    struct string_list include, exclude, required;
};

static int
decode_copy_field(struct decoder *d, const struct tenon_wire *f,
                  struct tenon_op_action *a, struct copy_lists *l)
{
    switch (f->field) {
    case 1:
        return tenon_decode_string(d, f, &a->src);
    case 2:
        return tenon_decode_string(d, f, &a->dest);
    case 3:
        return decode_owner(d, f, a);
    case 4:
        a->mode = (int32_t)f->value;
        break;
    case 5:
        a->follow_symlink = f->value;
        break;
    case 6:
        a->dir_copy_contents = f->value;
        break;
    case 7:
        a->attempt_unpack = f->value;
        break;
    case 8:
        a->create_dest_path = f->value;
        break;
    case 9:
        a->allow_wildcard = f->value;
        break;
    case 10:
        a->allow_empty_wildcard = f->value;
        break;
    case 11:
        a->timestamp_ns = (int64_t)f->value;
        break;
    case 12:
        return tenon_decode_item(d, f, &l->include);
    case 13:
        return tenon_decode_item(d, f, &l->exclude);
    case 14:
        a->always_replace = f->value;
        break;
    case 15:
        return tenon_decode_string(d, f, &a->mode_str);
    case 16:
        return tenon_decode_item(d, f, &l->required);
    default:
        break;
    }
    return 0;
}

static int
decode_copy(struct decoder *d, const struct tenon_wire *w,
            struct tenon_op_action *a)
{
    struct copy_lists l = {0};
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len)
        if ((r = decode_copy_field(d, &f, a, &l)) < 0)
            break;
    a->include = tenon_decode_list(d, &l.include);
    a->exclude = tenon_decode_list(d, &l.exclude);
    a->required = tenon_decode_list(d, &l.required);
    tenon_vec_release(&l.include);
    tenon_vec_release(&l.exclude);
    tenon_vec_release(&l.required);
    return r < 0 ? r : f_r;
}

/* mkfile, mkdir, rm and symlink: which field means what. */
static const struct member_fields {
    uint32_t src, dest, mode, data, owner, timestamp, parents, not_found,
        wildcard;
} members[] = {
    [TENON_FILE_MKFILE] = { .dest = 1, .mode = 2, .data = 3, .owner = 4,
                            .timestamp = 5 },
    [TENON_FILE_MKDIR] = { .dest = 1, .mode = 2, .parents = 3, .owner = 4,
                           .timestamp = 5 },
    [TENON_FILE_RM] = { .dest = 1, .not_found = 2, .wildcard = 3 },
    [TENON_FILE_SYMLINK] = { .src = 1, .dest = 2, .owner = 3, .timestamp = 4 },
};

static int
decode_simple(struct decoder *d, const struct tenon_wire *w,
              struct tenon_op_action *a)
{
    const struct member_fields *m = &members[a->type];
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == m->src) {
            r = tenon_decode_string(d, &f, &a->src);
        } else if (f.field == m->dest) {
            r = tenon_decode_string(d, &f, &a->dest);
        } else if (f.field == m->mode) {
            a->mode = (int32_t)f.value;
        } else if (f.field == m->data) {
            a->data = tenon_arena_dup(d->arena, f.data, f.len);
            a->data_len = f.len;
        } else if (f.field == m->owner) {
            r = decode_owner(d, &f, a);
        } else if (f.field == m->timestamp) {
            a->timestamp_ns = (int64_t)f.value;
        } else if (f.field == m->parents) {
            a->make_parents = f.value;
        } else if (f.field == m->not_found) {
            a->allow_not_found = f.value;
        } else if (f.field == m->wildcard) {
            a->allow_wildcard = f.value;
        }
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_action(struct decoder *d, const struct tenon_wire *w,
              struct tenon_op_action *a)
{
    static const char *const none[] = { NULL };
    bool found = false;
    int r = 0;

    a->src = a->dest = a->mode_str = "";
    a->user.name = a->group.name = "";
    a->include = a->exclude = a->required = none;
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1) {
            a->input = (int64_t)f.value;
        } else if (f.field == 2) {
            a->secondary = (int64_t)f.value;
        } else if (f.field == 3) {
            a->output = (int64_t)f.value;
        } else if (f.field >= TENON_FILE_COPY && f.field <= TENON_FILE_SYMLINK) {
            if (found)
                return tenon_error_set(d->err, TENON_E_CORRUPT,
                                       "a file action has two kinds");
            found = true;
            a->type = f.field;
            r = f.field == TENON_FILE_COPY ? decode_copy(d, &f, a)
                                           : decode_simple(d, &f, a);
        }
        if (r < 0)
            return r;
    }
    if (f_r == 0 && !found)
        return tenon_error_set(d->err, TENON_E_UNSUPPORTED,
                               "a file action of a kind that is not known");
    return f_r;
}

int
tenon_decode_file(struct decoder *d, const struct tenon_wire *w,
                  struct tenon_op *op)
{
    TENON_VEC(struct tenon_op_action) actions = {0};
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field != 2)
            continue;
        if ((r = tenon_decode_count(d, actions.len)) == 0)
            r = decode_action(d, &f, tenon_vec_add(&actions));
        if (r < 0)
            break;
    }
    op->file.actions = LIST_TAKE(d, &actions);
    op->file.count = actions.len;
    tenon_vec_release(&actions);
    return r < 0 ? r : f_r;
}

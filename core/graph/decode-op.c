/* Bytes to ops: exec. */
#include <string.h>

#include "graph/decode.h"

static int
decode_pairs(struct decoder *d, const struct tenon_wire *w, uint32_t field,
             const char **name, const struct tenon_pair **pairs, size_t *count)
{
    TENON_VEC(struct tenon_pair) list = {0};
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == field && (r = tenon_decode_count(d, list.len)) == 0)
            r = tenon_decode_pair(d, &f, tenon_vec_add(&list));
        else if (f.field == 1)
            r = tenon_decode_string(d, &f, name);
        if (r < 0)
            break;
    }
    *count = tenon_pairs_sort(list.items, list.len);
    *pairs = LIST_TAKE(d, &list);
    tenon_vec_release(&list);
    return r < 0 ? r : f_r;
}

static int
decode_id_opt(struct decoder *d, const struct tenon_wire *w,
              struct tenon_op_mount *m)
{
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        switch (f.field) {
        case 1:
            r = tenon_decode_string(d, &f, &m->id);
            break;
        case 2:
            m->uid = (uint32_t)f.value;
            break;
        case 3:
            m->gid = (uint32_t)f.value;
            break;
        case 4:
            m->mode = (uint32_t)f.value;
            break;
        case 5:
            m->optional = f.value;
            break;
        default:
            break;
        }
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_cache_opt(struct decoder *d, const struct tenon_wire *w,
                 struct tenon_op_mount *m)
{
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &m->cache_id);
        else if (f.field == 2)
            m->cache_sharing = (int32_t)f.value;
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_tmpfs_opt(struct decoder *d, const struct tenon_wire *w,
                 struct tenon_op_mount *m)
{
    EACH_FIELD(d, f, w->data, w->len)
        if (f.field == 1)
            m->tmpfs_size = (int64_t)f.value;
    return f_r;
}

static int
decode_mount(struct decoder *d, const struct tenon_wire *w,
             struct tenon_op_mount *m)
{
    int r = 0;

    m->selector = m->dest = m->result_id = m->cache_id = m->id = "";
    EACH_FIELD(d, f, w->data, w->len) {
        switch (f.field) {
        case 1:
            m->input = (int64_t)f.value;
            break;
        case 2:
            r = tenon_decode_string(d, &f, &m->selector);
            break;
        case 3:
            r = tenon_decode_string(d, &f, &m->dest);
            break;
        case 4:
            m->output = (int64_t)f.value;
            break;
        case 5:
            m->readonly = f.value;
            break;
        case 6:
            m->type = (int32_t)f.value;
            break;
        case 19:
            r = decode_tmpfs_opt(d, &f, m);
            break;
        case 20:
            r = decode_cache_opt(d, &f, m);
            break;
        case 21:
        case 22:
            r = decode_id_opt(d, &f, m);
            break;
        case 23:
            r = tenon_decode_string(d, &f, &m->result_id);
            break;
        case 24:
            m->content_cache = (int32_t)f.value;
            break;
        case 1000:
            m->plugin_type = "";
            r = decode_pairs(d, &f, 2, &m->plugin_type, &m->plugin_options,
                             &m->plugin_option_count);
            break;
        default:
            break;
        }
        if (r < 0)
            return r;
    }
    if (f_r == 0 && (m->type < TENON_LLB_MOUNT_BIND ||
                     m->type > TENON_LLB_MOUNT_TMPFS))
        return tenon_error_set(d->err, TENON_E_UNSUPPORTED,
                               "mount type %d is not known", (int)m->type);
    /* Only binds have outputs; clients leave other types' at 0 as well. */
    if (m->type != TENON_LLB_MOUNT_BIND || m->plugin_type)
        m->output = -1;
    return f_r;
}

static int
decode_exit_codes(struct decoder *d, const struct tenon_wire *w,
                  struct tenon_op_exec *x)
{
    TENON_VEC(int64_t) codes = {0};
    struct tenon_wire item = *w;
    int r = 0;

    for (size_t i = 0; i < x->valid_exit_code_count; i++)
        tenon_vec_push(&codes, x->valid_exit_codes[i]);
    if (w->type == TENON_WIRE_VARINT) {
        tenon_vec_push(&codes, (int64_t)w->value);
    } else {
        /* packed: bare varints; read with a tag's help */
        tenon_wire_init(&item, w->data, w->len);
        while (item.at < item.end && r == 0) {
            uint64_t v = 0;
            unsigned shift = 0;
            for (; item.at < item.end && shift < 64; shift += 7) {
                unsigned char c = *item.at++;
                v |= (uint64_t)(c & 0x7f) << shift;
                if (!(c & 0x80))
                    break;
            }
            if ((r = tenon_decode_count(d, codes.len)) == 0)
                tenon_vec_push(&codes, (int64_t)v);
        }
    }
    x->valid_exit_codes = LIST_TAKE(d, &codes);
    x->valid_exit_code_count = codes.len;
    tenon_vec_release(&codes);
    return r;
}

static int
decode_ulimit(struct decoder *d, const struct tenon_wire *w,
              struct tenon_op_ulimit *u)
{
    int r = 0;

    u->name = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &u->name);
        else if (f.field == 2)
            u->soft = (int64_t)f.value;
        else if (f.field == 3)
            u->hard = (int64_t)f.value;
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_proxy(struct decoder *d, const struct tenon_wire *w,
             struct tenon_op_exec *x)
{
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field >= 1 && f.field <= 5)
            r = tenon_decode_string(d, &f, &x->proxy[f.field - 1]);
        if (r < 0)
            return r;
    }
    return f_r;
}

struct meta_lists {
    struct string_list args, env;
    TENON_VEC(struct tenon_pair) hosts;
    TENON_VEC(struct tenon_op_ulimit) ulimits;
};

static int
decode_meta_field(struct decoder *d, const struct tenon_wire *f,
                  struct tenon_op_exec *x, struct meta_lists *l)
{
    int r;

    switch (f->field) {
    case 1:
        return tenon_decode_item(d, f, &l->args);
    case 2:
        return tenon_decode_item(d, f, &l->env);
    case 3:
        return tenon_decode_string(d, f, &x->cwd);
    case 4:
        return tenon_decode_string(d, f, &x->user);
    case 5:
        return decode_proxy(d, f, x);
    case 6:
        r = tenon_decode_count(d, l->hosts.len);
        return r < 0 ? r : tenon_decode_pair(d, f, tenon_vec_add(&l->hosts));
    case 7:
        return tenon_decode_string(d, f, &x->hostname);
    case 9:
        r = tenon_decode_count(d, l->ulimits.len);
        return r < 0 ? r : decode_ulimit(d, f, tenon_vec_add(&l->ulimits));
    case 10:
        return tenon_decode_string(d, f, &x->cgroup_parent);
    case 11:
        x->remove_stubs_recursive = f->value;
        return 0;
    case 12:
        return decode_exit_codes(d, f, x);
    default:
        return 0;
    }
}

static int
decode_meta(struct decoder *d, const struct tenon_wire *w,
            struct tenon_op_exec *x)
{
    struct meta_lists l = {0};
    int r = 0;

    EACH_FIELD(d, f, w->data, w->len)
        if ((r = decode_meta_field(d, &f, x, &l)) < 0)
            break;
    x->args = tenon_decode_list(d, &l.args);
    x->env = tenon_decode_list(d, &l.env);
    x->extra_hosts = LIST_TAKE(d, &l.hosts);
    x->extra_host_count = l.hosts.len;
    x->ulimits = LIST_TAKE(d, &l.ulimits);
    x->ulimit_count = l.ulimits.len;
    tenon_vec_release(&l.args);
    tenon_vec_release(&l.env);
    tenon_vec_release(&l.hosts);
    tenon_vec_release(&l.ulimits);
    return r < 0 ? r : f_r;
}

static int
decode_secretenv(struct decoder *d, const struct tenon_wire *w,
                 struct tenon_op_secretenv *s)
{
    int r = 0;

    s->id = s->name = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &s->id);
        else if (f.field == 2)
            r = tenon_decode_string(d, &f, &s->name);
        else if (f.field == 3)
            s->optional = f.value;
        if (r < 0)
            return r;
    }
    return f_r;
}

static int
decode_device(struct decoder *d, const struct tenon_wire *w,
              struct tenon_pair *p)
{
    int r = 0;

    p->key = p->value = "";
    EACH_FIELD(d, f, w->data, w->len) {
        if (f.field == 1)
            r = tenon_decode_string(d, &f, &p->key);
        else if (f.field == 2)
            p->value = f.value ? "optional" : "";
        if (r < 0)
            return r;
    }
    return f_r;
}

int
tenon_decode_exec(struct decoder *d, const struct tenon_wire *w,
                  struct tenon_op_exec *x)
{
    TENON_VEC(struct tenon_op_mount) mounts = {0};
    TENON_VEC(struct tenon_op_secretenv) secrets = {0};
    TENON_VEC(struct tenon_pair) devices = {0};
    static const char *const none[] = { NULL };
    int r = 0;

    x->args = x->env = none;
    x->cwd = x->user = x->hostname = x->cgroup_parent = "";
    for (unsigned i = 0; i < 5; i++)
        x->proxy[i] = "";
    EACH_FIELD(d, f, w->data, w->len) {
        switch (f.field) {
        case 1:
            r = decode_meta(d, &f, x);
            break;
        case 2:
            if ((r = tenon_decode_count(d, mounts.len)) == 0)
                r = decode_mount(d, &f, tenon_vec_add(&mounts));
            break;
        case 3:
            x->network = (int32_t)f.value;
            break;
        case 4:
            x->security = (int32_t)f.value;
            break;
        case 5:
            if ((r = tenon_decode_count(d, secrets.len)) == 0)
                r = decode_secretenv(d, &f, tenon_vec_add(&secrets));
            break;
        case 6:
            if ((r = tenon_decode_count(d, devices.len)) == 0)
                r = decode_device(d, &f, tenon_vec_add(&devices));
            break;
        default:
            break;
        }
        if (r < 0)
            break;
    }
    x->mounts = LIST_TAKE(d, &mounts);
    x->mount_count = mounts.len;
    x->secretenv = LIST_TAKE(d, &secrets);
    x->secretenv_count = secrets.len;
    x->devices = LIST_TAKE(d, &devices);
    x->device_count = devices.len;
    tenon_vec_release(&mounts);
    tenon_vec_release(&secrets);
    tenon_vec_release(&devices);
    return r < 0 ? r : f_r;
}

/* solve/file.c - file ops: actions on trees.  Actions that follow one another share one
 * snapshot; one whose result is used twice, or is an output, ends it. */
#include <stdio.h>
#include <string.h>

#include "exec/exec.h"
#include "image/layer.h"
#include "solve/private.h"

struct made { /* the result of one action */
    struct tenon_chain base;          /* below its snapshot */
    struct tenon_snapshot_work *work; /* until committed */
    int dst;                          /* root of the mounted tree, or -1 */
    struct tenon_chain chain;         /* once committed */
    bool committed;
    unsigned uses;
};

struct file_job {
    struct job *j;
    struct state *st;
    struct tenon_store *store;
    const struct tenon_op_action *actions;
    size_t count, inputs;
    struct job_mounts mounts;
    struct made *made;
    int *input_fd; /* of inputs mounted read-only, or -1 */
    TENON_VEC(struct tenon_view *) views;
    size_t at; /* the action that runs */
    struct tenon_error *err;
};

static int
begin_on(struct file_job *f, struct made *m, const struct tenon_chain *base)
{
    int rc = tenon_snapshot_begin(f->store, &m->work, f->err);
    if (rc < 0)
        return rc;
    tenon_chain_copy(&m->base, base);
    /* Without a base the result is written straight to its place. */
    m->dst = base->len ? job_mount(&f->mounts, base, m->work, f->err)
                       : tenon_snapshot_work_fs(m->work);
    return m->dst < 0 ? m->dst : 0;
}

static int
commit_as(struct file_job *f, struct made *m, enum tenon_snapshot_type type,
          struct tenon_error *err)
{
    int64_t id;
    int rc = 0;

    if (m->committed)
        return 0;
    if (m->base.len)
        rc = job_unmount(&f->mounts, m->dst, err);
    m->dst = -1;
    if (rc == 0)
        rc = tenon_snapshot_commit(tenon_steal(&m->work), type, f->st->v->name, &id, err);
    if (rc < 0)
        return rc;
    tenon_chain_copy(&m->chain, &m->base);
    tenon_chain_append(&m->chain, id);
    m->committed = true;
    return 0;
}

static int
commit(struct file_job *f, struct made *m)
{
    return commit_as(f, m, TENON_SNAPSHOT_REGULAR, f->err);
}

/* The tree that action i works on. */
static int
prepare(struct file_job *f, size_t i)
{
    const int64_t input = f->actions[i].input;
    struct made *m = &f->made[i];
    auto_chain struct tenon_chain base = {0};

    if (input < 0)
        return begin_on(f, m, &base);
    if ((uint64_t)input < f->inputs) {
        int rc = input_chain(f->st, (size_t)input, &base, f->err);
        return rc < 0 ? rc : begin_on(f, m, &base);
    }
    struct made *before = &f->made[(size_t)input - f->inputs];
    if (before->uses > 1) {
        int rc = commit(f, before);
        return rc < 0 ? rc : begin_on(f, m, &before->chain);
    }
    m->base = before->base;
    m->work = before->work;
    m->dst = before->dst;
    before->base = (struct tenon_chain){0};
    before->work = NULL;
    before->dst = -1;
    return 0;
}

/* Root of an input's tree, read-only; each is mounted once. */
static int
input_root(struct file_job *f, int64_t input)
{
    const struct state *in = f->st->inputs[input];

    if (in->view)
        return tenon_view_root(in->view);
    if (f->input_fd[input] < 0)
        f->input_fd[input] = job_mount(
            &f->mounts, &in->outputs[f->st->v->inputs[input].index], NULL,
            f->err);
    return f->input_fd[input];
}

static int
source_view(struct file_job *f, int64_t secondary, struct tenon_view **out)
{
    struct tenon_view_options o = { .rootfd = -1 };

    if (secondary >= 0 && (uint64_t)secondary < f->inputs) {
        if (f->st->inputs[secondary]->view) {
            *out = f->st->inputs[secondary]->view;
            return 0;
        }
        o.rootfd = input_root(f, secondary);
    } else if (secondary >= 0) {
        struct made *from = &f->made[(size_t)secondary - f->inputs];
        if (commit(f, from) < 0)
            return f->err->code;
        o.rootfd = job_mount(&f->mounts, &from->chain, NULL, f->err);
    } else {
        const struct tenon_chain none = {0};
        o.rootfd = job_mount(&f->mounts, &none, NULL, f->err);
    }
    if (o.rootfd < 0)
        return o.rootfd;
    int rc = tenon_view_new(&o, out, f->err);
    if (rc == 0)
        tenon_vec_push(&f->views, *out);
    return rc;
}

static int
user_root(struct file_job *f, const struct tenon_op_user *u, char number[16],
          const char **name)
{
    *name = NULL;
    if (u->how == TENON_USER_UNSET)
        return -1;
    if (u->how == TENON_USER_ID) {
        snprintf(number, 16, "%u", u->id);
        *name = number;
        return -1;
    }
    *name = u->name;
    if (u->input < 0)
        return tenon_error_set(f->err, TENON_E_INVALID, "invalid user index: %d",
                               (int)u->input);
    return input_root(f, u->input);
}

static int
find_owner(struct file_job *f, const struct tenon_op_action *a,
           struct tenon_owner *out)
{
    char uid[16], gid[16];
    const char *user, *group;

    *out = (struct tenon_owner){0};
    if (!a->has_owner)
        return 0;
    int user_fd = user_root(f, &a->user, uid, &user);
    if (f->err->code < 0)
        return f->err->code;
    int group_fd = user_root(f, &a->group, gid, &group);
    if (f->err->code < 0)
        return f->err->code;
    if (!user && !group)
        return 0;
    return tenon_user_owner(user_fd, user, group_fd, group, out, f->err);
}

/* LLB has no word for a context that is unpacked, and its bytes, which others know by their
 * digest, get none. Frontends, ours and BuildKit's, do it with a copy onto nothing that makes no
 * directory; each ADD makes the one it goes to. */
static bool
unpacks_context(const struct tenon_op_action *a)
{
    return a->attempt_unpack && a->input < 0 && !a->create_dest_path;
}

static int
run_copy(struct file_job *f, size_t i, const struct tenon_owner *owner)
{
    const struct tenon_op_action *a = &f->actions[i];
    struct tenon_view *view = NULL;

    int rc = source_view(f, a->secondary, &view);
    if (rc < 0)
        return rc;
    const struct tenon_copy copy = {
        .src_view = view,
        .src = a->src,
        .dest = a->dest,
        .owner = *owner,
        .mode = a->mode,
        .mode_str = a->mode_str,
        .timestamp_ns = a->timestamp_ns,
        .follow_symlink = a->follow_symlink,
        .dir_copy_contents = a->dir_copy_contents,
        .attempt_unpack = a->attempt_unpack,
        .create_dest_path = a->create_dest_path,
        .allow_wildcard = a->allow_wildcard,
        .allow_empty_wildcard = a->allow_empty_wildcard,
        .always_replace = a->always_replace,
        .include = a->include,
        .exclude = a->exclude,
        .required = a->required,
        .unpack = unpacks_context(a) ? tenon_context_unpack : tenon_archive_unpack,
        .limits = tenon_store_limits(f->store),
    };
    return tenon_tree_copy(f->made[i].dst, &copy, f->st->cancel, f->err);
}

static int
run_action(struct file_job *f, size_t i)
{
    const struct tenon_op_action *a = &f->actions[i];
    struct tenon_owner owner;

    int rc = prepare(f, i);
    if (rc == 0)
        rc = find_owner(f, a, &owner);
    if (rc < 0)
        return rc;
    const int dst = f->made[i].dst;
    switch (a->type) {
    case TENON_FILE_COPY:
        return run_copy(f, i, &owner);
    case TENON_FILE_MKFILE:
        return tenon_tree_mkfile(dst, a->dest, (uint32_t)a->mode & 07777,
                                 a->data ? a->data : "", a->data_len, &owner,
                                 a->timestamp_ns, f->err);
    case TENON_FILE_MKDIR:
        return tenon_tree_mkdir(dst, a->dest, (uint32_t)a->mode & 07777,
                                a->make_parents, &owner, a->timestamp_ns,
                                f->err);
    case TENON_FILE_RM:
        return tenon_tree_rm(dst, a->dest, a->allow_not_found,
                             a->allow_wildcard, f->err);
    case TENON_FILE_SYMLINK:
        return tenon_tree_symlink(dst, a->src, a->dest, &owner,
                                  a->timestamp_ns, f->err);
    }
    return tenon_error_set(f->err, TENON_E_BUG, "unknown action");
}

static void
count_uses(struct file_job *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct tenon_op_action *a = &f->actions[i];
        if (a->input >= 0 && (uint64_t)a->input >= f->inputs)
            f->made[(size_t)a->input - f->inputs].uses++;
        /* It is read by another action, so it has to be finished. */
        if (a->secondary >= 0 && (uint64_t)a->secondary >= f->inputs)
            f->made[(size_t)a->secondary - f->inputs].uses += 2;
        if (a->output >= 0)
            f->made[i].uses += 2;
    }
}

static int
run_actions(struct file_job *f)
{
    struct job *j = f->j;
    int rc = 0;

    count_uses(f);
    while (f->at < f->count && rc == 0) {
        rc = tenon_cancel_check(f->st->cancel, f->err);
        if (rc == 0)
            rc = run_action(f, f->at);
        f->at += rc == 0;
    }
    j->output_count = tenon_vertex_output_count(f->st->v);
    j->outputs = tenon_calloc(j->output_count, sizeof *j->outputs);
    for (size_t i = 0; i < f->count && rc == 0; i++) {
        if (f->actions[i].output < 0)
            continue;
        rc = commit(f, &f->made[i]);
        if (rc == 0) {
            tenon_chain_release(&j->outputs[f->actions[i].output]);
            tenon_chain_copy(&j->outputs[f->actions[i].output],
                             &f->made[i].chain);
        }
    }
    return rc;
}

/* For frontends: the tree of the action that failed as it is then, and where it took from, when
 * that is another's. */
static void
leave(struct file_job *f)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_engine *engine = f->st->solver->engine;
    if (f->at == f->count || f->err->code == TENON_E_CANCELLED ||
        !tenon_exec_leaves(engine, f->st->v))
        return;
    struct tenon_remains l = { f->st->v, tenon_calloc(f->count, sizeof *l.mounts), f->count,
                                TENON_FAILURE_ACTION, f->at };
    const int64_t secondary = f->actions[f->at].secondary;
    const struct made *from = secondary >= 0 && (uint64_t)secondary >= f->inputs
                                  ? &f->made[(size_t)secondary - f->inputs] : NULL;
    struct made *m = &f->made[f->at];
    if (m->work && commit_as(f, m, TENON_SNAPSHOT_FAILED, &err) == 0)
        tenon_chain_copy(&l.mounts[f->at], &m->chain);
    if (from && from->committed)
        tenon_chain_copy(&l.mounts[from - f->made], &from->chain);
    tenon_exec_leave(engine, &l);
}

int
run_file(struct job *j)
{
    struct state *st = j->state;
    struct file_job f = {
        .j = j, .st = st, .store = st->solver->engine->store,
        .actions = st->v->op.file.actions, .count = st->v->op.file.count,
        .inputs = st->v->input_count, .err = &j->err,
        .mounts = { .store = st->solver->engine->store },
    };

    f.made = tenon_calloc(f.count, sizeof *f.made);
    f.input_fd = tenon_calloc(f.inputs, sizeof *f.input_fd);
    for (size_t i = 0; i < f.count; i++)
        f.made[i].dst = -1;
    for (size_t i = 0; i < f.inputs; i++)
        f.input_fd[i] = -1;
    int rc = run_actions(&f);
    tenon_vec_foreach(v, &f.views)
        tenon_view_free(*v);
    tenon_vec_release(&f.views);
    if (rc < 0)
        leave(&f);
    job_mounts_release(&f.mounts);
    for (size_t i = 0; i < f.count; i++) {
        tenon_snapshot_discard(f.made[i].work);
        tenon_chain_release(&f.made[i].base);
        tenon_chain_release(&f.made[i].chain);
    }
    free(f.made);
    free(f.input_fd);
    return rc;
}

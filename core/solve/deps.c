/* solve/deps.c - which inputs of a vertex are known by their content, and what of it. */
#include <string.h>

#include "tools/path.h"
#include "tools/pattern.h"
#include "solve/private.h"

static struct dep_selector *
add_selector(struct dep *d, const char *path)
{
    struct dep_selector *s = tenon_vec_add(&d->selectors);

    s->path = tenon_strdup(path);
    s->sel.path = s->path;
    return s;
}

/* ---- exec --------------------------------------------------------------- */

/* A mount that cannot carry anything of its source into a result may go by the
 * content it shows: one without an output, a read-only one, or one of the
 * whole source.  The root file system could too, but hashing it costs more
 * than it brings. */
static bool
mount_by_content(const struct tenon_op_mount *m, const char *selector)
{
    bool safe = m->output < 0 || m->readonly || !strcmp(selector, "/");

    if (m->content_cache == 2 || !safe)
        return false;
    return m->content_cache == 1 || strcmp(m->dest, "/") != 0;
}

static void
exec_deps(struct state *st)
{
    const struct tenon_op_exec *x = &st->v->op.exec;

    for (size_t i = 0; i < x->mount_count; i++) {
        const struct tenon_op_mount *m = &x->mounts[i];
        if (m->input < 0 || m->type == TENON_LLB_MOUNT_SECRET ||
            m->type == TENON_LLB_MOUNT_SSH || m->type == TENON_LLB_MOUNT_TMPFS)
            continue;
        struct dep *d = &st->deps[m->input];
        auto_free char *selector = tenon_path_join("/", m->selector);
        add_selector(d, selector)->sel.follow = true;
        /* An input of two mounts goes by content only if both allow it. */
        bool content = mount_by_content(m, selector);
        d->content = d->selectors.len == 1 ? content : d->content && content;
    }
}

/* ---- file --------------------------------------------------------------- */

static bool
has_wildcard(const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (strchr("*?[", *s))
            return true;
    }
    return false;
}

static void
owner_deps(struct state *st, const struct tenon_op_user *u, const char *file)
{
    if (u->how != TENON_USER_NAME || u->input < 0)
        return;
    struct dep *d = &st->deps[u->input];
    add_selector(d, file)->sel.follow = true;
    d->content = true;
}

static void
file_deps(struct state *st)
{
    const struct tenon_op *op = &st->v->op;
    const size_t inputs = st->v->input_count;

    for (size_t i = 0; i < op->file.count; i++) {
        const struct tenon_op_action *a = &op->file.actions[i];
        owner_deps(st, &a->user, "/etc/passwd");
        owner_deps(st, &a->group, "/etc/group");
        if (a->type != TENON_FILE_COPY || a->secondary < 0 ||
            (uint64_t)a->secondary >= inputs)
            continue;
        struct dep *d = &st->deps[a->secondary];
        struct dep_selector *s = add_selector(d, a->src);
        s->sel.wildcard = a->allow_wildcard && has_wildcard(a->src);
        s->sel.follow = a->follow_symlink;
        s->sel.include = a->include;
        s->sel.exclude = a->exclude;
        s->sel.required = a->required;
        d->content = true;
    }
    /* The base of a file op counts as a whole, by its key. */
    for (size_t i = 0; i < op->file.count; i++) {
        const int64_t input = op->file.actions[i].input;
        if (input >= 0 && (uint64_t)input < inputs) {
            st->deps[input].content = false;
            st->deps[input].whole = true;
        }
    }
}

/* ---- all ---------------------------------------------------------------- */

static void
make_text(struct dep *d)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;

    for (size_t i = 0; i < d->selectors.len && !d->whole; i++) {
        if (i)
            tenon_buf_addc(&b, '\n');
        tenon_buf_adds(&b, d->selectors.items[i].path);
    }
    d->selector_text = tenon_buf_steal(&b);
}

void
deps_init(struct state *st)
{
    if (st->v->op.type == TENON_OP_EXEC)
        exec_deps(st);
    else if (st->v->op.type == TENON_OP_FILE)
        file_deps(st);
    for (size_t i = 0; i < st->v->input_count; i++)
        make_text(&st->deps[i]);
}

void
deps_release(struct state *st)
{
    for (size_t i = 0; i < st->v->input_count; i++) {
        tenon_vec_foreach(s, &st->deps[i].selectors)
            free(s->path);
        tenon_vec_release(&st->deps[i].selectors);
        free(st->deps[i].selector_text);
    }
}

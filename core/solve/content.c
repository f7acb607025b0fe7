/* solve/content.c - content digests of inputs, and views in place turned into snapshots. */
#include <string.h>

#include "context/waiting.h"
#include "exec/exec.h"
#include "solve/buildkitkey.h"
#include "solve/private.h"

/* One digest over what all selectors of an input mean. */
typedef int digest_function(struct tenon_view *view, const struct dep *d, bool whole,
                            struct tenon_cancel *cancel, struct tenon_digest *out,
                            struct tenon_error *err);

static int
digest_view(struct tenon_view *view, const struct dep *d, bool whole,
            struct tenon_cancel *cancel, struct tenon_digest *out,
            struct tenon_error *err)
{
    const struct tenon_selector all = { .path = "" };

    if (whole || !d->selectors.len)
        return tenon_view_digest(view, &all, cancel, out, err);
    auto_hash struct tenon_hash *h = tenon_hash_new();
    for (size_t i = 0; i < d->selectors.len; i++) {
        const struct tenon_selector *sel = &d->selectors.items[i].sel;
        struct tenon_digest one;
        int rc = tenon_view_digest(view, sel, cancel, &one, err);
        if (rc < 0)
            return rc;
        tenon_hash_item(h, "selected", one.str, strlen(one.str));
    }
    tenon_hash_final(h, out);
    return 0;
}

static void
add_list(struct tenon_hash *h, const char *label, const char *const *list)
{
    for (size_t i = 0; list && list[i]; i++)
        tenon_hash_item(h, label, list[i], strlen(list[i]));
}

static int
buildkit_of_exec(struct tenon_view *view, const struct dep *d, bool whole,
                 struct tenon_cancel *cancel, struct tenon_digest *out, struct tenon_error *err)
{
    (void)whole;
    return buildkit_content(view, d, true, cancel, out, err);
}

static int
buildkit_of_file(struct tenon_view *view, const struct dep *d, bool whole,
                 struct tenon_cancel *cancel, struct tenon_digest *out, struct tenon_error *err)
{
    (void)whole;
    return buildkit_content(view, d, false, cancel, out, err);
}

/* Under what the digest of these snapshots and selectors is remembered. */
static void
memo_key(const struct tenon_chain *chain, const struct dep *d, bool whole,
         digest_function *digest, struct tenon_digest *out)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();

    if (digest != digest_view)
        tenon_hash_item(h, "buildkit", digest == buildkit_of_exec ? "exec" : "file", 4);
    for (size_t i = 0; i < chain->len; i++)
        tenon_hash_item(h, "snapshot", &chain->ids[i], sizeof chain->ids[i]);
    for (size_t i = 0; i < d->selectors.len && !whole; i++) {
        const struct tenon_selector *s = &d->selectors.items[i].sel;
        const char flags[3] = { (char)s->wildcard, (char)s->follow,
                                (char)s->include_root_name };
        tenon_hash_item(h, "path", s->path, strlen(s->path));
        tenon_hash_item(h, "flags", flags, sizeof flags);
        add_list(h, "include", s->include);
        add_list(h, "exclude", s->exclude);
        add_list(h, "required", s->required);
    }
    tenon_hash_final(h, out);
}

static int
digest_chain(struct state *user, const struct tenon_chain *chain,
             const struct dep *d, bool whole, digest_function *digest, struct tenon_digest *out,
             struct tenon_error *err)
{
    struct tenon_store *store = user->solver->engine->store;
    struct tenon_digest memo;

    memo_key(chain, d, whole, digest, &memo);
    if (tenon_content_digest_get(store, memo.str, out))
        return 0;
    auto_job_mounts struct job_mounts mounts = { .store = store };
    int fd = job_mount(&mounts, chain, NULL, err);
    if (fd < 0)
        return fd;
    const struct tenon_view_options o = { .rootfd = fd };
    struct tenon_view *view = NULL;
    int rc = tenon_view_new(&o, &view, err);
    if (rc == 0)
        rc = digest(view, d, whole, user->cancel, out, err);
    tenon_view_free(view);
    if (rc == 0)
        tenon_content_digest_put(store, memo.str, out);
    return rc;
}

/* For frontends: which input it was. */
static void
leave_input(struct state *user, size_t input)
{
    const struct tenon_remains l = { user->v, NULL, 0, TENON_FAILURE_INPUT, input };
    if (tenon_exec_leaves(user->solver->engine, user->v))
        tenon_exec_leave(user->solver->engine, &l);
}

static int
content_by(struct state *user, size_t input, digest_function *digest, struct tenon_digest *out,
           struct tenon_error *err)
{
    const struct state *in = user->inputs[input];
    const struct dep *d = &user->deps[input];
    const bool whole = d->whole || !d->content;
    int rc = in->view
                ? digest(in->view, d, whole, user->cancel, out, err)
                : digest_chain(user, &in->outputs[user->v->inputs[input].index],
                               d, whole, digest, out, err);

    /* An image without layers, say: as with scratch, which has no content either, it is the step
     * that misses the file. */
    const struct tenon_chain *chain = in->view ? NULL
                                               : &in->outputs[user->v->inputs[input].index];
    if (rc == TENON_E_NOT_FOUND && chain && !chain->len) {
        tenon_error_release(err);
        memo_key(chain, d, whole, digest, out);
        return TENON_OK;
    }
    if (rc < 0 && rc != TENON_E_CANCELLED) {
        leave_input(user, input);
        tenon_error_context(err, "failed to calculate checksum of ref %.25s",
                            tenon_digest_hex(&in->v->digest));
    }
    return rc;
}

int
content_of_input(struct state *user, size_t input, struct tenon_digest *out,
                 struct tenon_error *err)
{
    return content_by(user, input, digest_view, out, err);
}

bool
buildkit_content_known(const struct state *user, size_t input, struct tenon_digest *out)
{
    const struct state *in = user->inputs[input];
    const struct dep *d = &user->deps[input];
    struct tenon_digest memo;
    if (!d->content || d->whole || in->view || in->phase != PHASE_DONE)
        return false;
    memo_key(&in->outputs[user->v->inputs[input].index], d, false,
             user->v->op.type == TENON_OP_EXEC ? buildkit_of_exec : buildkit_of_file, &memo);
    return tenon_content_digest_get(user->solver->engine->store, memo.str, out);
}

int
buildkit_content_of_input(struct state *user, size_t input, struct tenon_digest *out,
                          struct tenon_error *err)
{
    return content_by(user, input, user->v->op.type == TENON_OP_EXEC ? buildkit_of_exec
                                                                     : buildkit_of_file,
                      out, err);
}

/* ---- views in place ----------------------------------------------------- */

static int
copy_view(struct tenon_store *store, struct tenon_view *view,
          struct tenon_cancel *cancel, struct tenon_chain *out,
          struct tenon_error *err)
{
    struct tenon_snapshot_work *work = NULL;
    const struct tenon_copy copy = {
        .src_view = view, .src = "/", .dest = "/", .mode = -1,
        .mode_str = "", .timestamp_ns = -1, .dir_copy_contents = true,
        .create_dest_path = true,
    };
    int64_t id;

    int rc = tenon_snapshot_begin(store, &work, err);
    if (rc == 0)
        rc = tenon_tree_copy(tenon_snapshot_work_fs(work), &copy, cancel, err);
    if (rc == 0)
        rc = tenon_snapshot_commit(tenon_steal(&work), TENON_SNAPSHOT_LOCAL,
                                  "local source", &id, err);
    tenon_snapshot_discard(work);
    if (rc == 0)
        tenon_chain_append(out, id);
    return rc;
}

static int
find_or_copy(struct tenon_store *store, struct tenon_view *view,
             const struct tenon_digest *key, struct tenon_cancel *cancel,
             struct tenon_chain *out, struct tenon_error *err)
{
    const char *const keys[] = { key->str };
    struct tenon_record record = {0};

    int rc = tenon_record_find(store, key->str, &record, err);
    if (rc > 0) {
        tenon_chain_copy(out, &record.outputs[0]);
        tenon_record_release(&record);
        return 0;
    }
    if (rc == 0)
        rc = copy_view(store, view, cancel, out, err);
    const struct tenon_record made = { .id = *key, .output_count = 1,
                                       .outputs = out };
    return rc < 0 ? rc
                 : tenon_record_store(store, keys, 1, &made, NULL,
                                      "local source", NULL, 0, err);
}

/* A context is copied once for each content it ever has. */
static int
view_chain(struct tenon_engine *e, struct tenon_view *view, const char *vertex,
           struct tenon_cancel *cancel, struct tenon_chain *out,
           struct tenon_error *err)
{
    const struct tenon_selector all = { .path = "" };
    struct tenon_digest content, key;
    struct tenon_lock *lock = NULL;
    struct tenon_waiting waiting;

    int rc = tenon_view_digest(view, &all, cancel, &content, err);
    if (rc < 0)
        return rc;
    auto_hash struct tenon_hash *h = tenon_hash_new();
    tenon_hash_item(h, "tenon.key", "view", 4);
    tenon_hash_item(h, "content", content.str, strlen(content.str));
    tenon_hash_final(h, &key);
    auto_free char *name = tenon_asprintf("step-%s", tenon_digest_hex(&key));
    tenon_waiting_init(&waiting, e, vertex, "copies the same files");
    rc = tenon_lock_acquire(e->store, name, false, tenon_cancel_fd(cancel),
                           &waiting.watch, &lock, err);
    if (rc < 0)
        return rc;
    rc = find_or_copy(e->store, view, &key, cancel, out, err);
    tenon_lock_release(lock);
    return rc;
}

int
input_chain(struct state *user, size_t input, struct tenon_chain *out,
            struct tenon_error *err)
{
    const struct state *in = user->inputs[input];

    if (in->view) {
        int rc = view_chain(user->solver->engine, in->view, user->v->digest.str,
                           user->cancel, out, err);
        return rc < 0 ? tenon_error_context(err, "copy \"%s\"", in->v->name) : 0;
    }
    tenon_chain_copy(out, &in->outputs[user->v->inputs[input].index]);
    return 0;
}

int
tenon_solver_make_chain(struct tenon_solver *s, struct tenon_solved *r,
                        struct tenon_cancel *cancel, struct tenon_error *err)
{
    struct tenon_chain chain = {0};

    if (!r->view)
        return TENON_OK;
    int code = view_chain(s->engine, r->view, NULL, cancel, &chain, err);
    if (code < 0) {
        tenon_chain_release(&chain);
        return tenon_error_context(err, "copy a local source");
    }
    tenon_chain_release(&r->chain);
    r->chain = chain;
    r->view = NULL;
    return TENON_OK;
}

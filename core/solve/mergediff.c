/* solve/mergediff.c - merges and diffs of trees.
 *
 * Both take layers from the tree that they were made upon to another one.  A layer may mean
 * something else there: an overlay's directory in the place of a removed one hides all that is
 * below it, and a file that was moved away and back covers a newer one.  Such a layer is made
 * again as the difference that it is. */
#include <string.h>

#include "image/diff.h"
#include "solve/private.h"

/* As many as an image may have.  A merge of merges of one tree doubles it each time. */
enum { LAYERS_MAX = 4096 };

static int
append(struct job *j, int64_t id)
{
    if (j->outputs[0].len == LAYERS_MAX) {
        tenon_error_set(&j->err, TENON_E_LIMIT, "more than %d layers", LAYERS_MAX);
        return tenon_error_hint(&j->err, "a merge or diff has all layers of its inputs, those that "
                                         "come twice too: merge less, or copy files");
    }
    tenon_chain_append(&j->outputs[0], id);
    return 0;
}

/* Upon lower a layer is made that shows upper; that layer is the difference. */
static int
add_difference(struct job *j, const struct tenon_chain *lower, const struct tenon_chain *upper)
{
    struct tenon_store *store = j->state->solver->engine->store;
    struct job_mounts mounts = { .store = store };
    struct tenon_snapshot_work *work = NULL;
    int64_t id;

    if (tenon_snapshot_begin(store, &work, &j->err) < 0)
        return j->err.code;
    const int root = job_mount(&mounts, lower, work, &j->err);
    const int wanted = root < 0 ? root : job_mount(&mounts, upper, NULL, &j->err);
    int rc = wanted < 0 ? wanted : tenon_tree_become(root, wanted, j->state->cancel, &j->err);
    if (rc == 0)
        rc = job_unmount(&mounts, root, &j->err);
    if (rc == 0)
        rc = tenon_snapshot_commit(tenon_steal(&work), TENON_SNAPSHOT_REGULAR, j->state->v->name,
                                   &id, &j->err);
    if (rc == 0)
        rc = tenon_snapshot_set_bare(store, id, &j->err);
    if (rc == 0)
        rc = append(j, id);
    job_mounts_release(&mounts); /* before what is mounted on goes */
    tenon_snapshot_discard(work);
    return rc;
}

/* Layer i of the chain, as it may lie on any tree. */
static int
add_layer(struct job *j, const struct tenon_chain *chain, size_t i)
{
    struct tenon_store *store = j->state->solver->engine->store;
    const struct tenon_chain lower = { chain->ids, i }, upper = { chain->ids, i + 1 };
    const int64_t id = chain->ids[i];

    const int alone = i == 0 ? 1 : tenon_diff_stands_alone(store, id, &lower, j->state->cancel,
                                                           &j->err);
    if (alone < 0)
        return alone;
    if (!alone)
        return add_difference(j, &lower, &upper);
    /* What is below it in the chain of a merge is not what it was made upon: not asked again. */
    if (i > 0 && !tenon_snapshot_is_bare(store, id) &&
        tenon_snapshot_set_bare(store, id, &j->err) < 0)
        return j->err.code;
    return append(j, id);
}

int
run_merge(struct job *j)
{
    const struct tenon_op *op = &j->state->v->op;
    const size_t count = j->state->v->input_count;
    struct tenon_chain *chains = job_input_chains(j);
    int rc = 0;

    if (!chains)
        return j->err.code;
    job_outputs_new(j);
    for (size_t i = 0; i < op->merge.count && rc == 0; i++) {
        const int64_t n = op->merge.inputs[i];
        const bool is_first = j->outputs[0].len == 0; /* it stays upon what it was made upon */
        for (size_t k = 0; n >= 0 && k < chains[n].len && rc == 0; k++)
            rc = is_first ? append(j, chains[n].ids[k]) : add_layer(j, &chains[n], k);
    }
    job_release_chains(chains, count);
    return rc;
}

static int
diff_chains(struct job *j, const struct tenon_chain *lower, const struct tenon_chain *upper)
{
    if (lower->len > upper->len ||
        (lower->len && memcmp(lower->ids, upper->ids,
                              lower->len * sizeof *lower->ids)))
        return add_difference(j, lower, upper);
    for (size_t i = lower->len; i < upper->len; i++)
        if (add_layer(j, upper, i) < 0)
            return j->err.code;
    return 0;
}

int
run_diff(struct job *j)
{
    const struct tenon_op *op = &j->state->v->op;
    const struct tenon_chain none = {0};
    const size_t count = j->state->v->input_count;
    struct tenon_chain *chains = job_input_chains(j);

    if (!chains)
        return j->err.code;
    job_outputs_new(j);
    int rc = diff_chains(j, op->diff.lower < 0 ? &none : &chains[op->diff.lower],
                         op->diff.upper < 0 ? &none : &chains[op->diff.upper]);
    job_release_chains(chains, count);
    return rc;
}

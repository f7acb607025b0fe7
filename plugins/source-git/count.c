/* source-git/count.c - how many entries a tree has, before the first is written.
 *
 * A tree may have the same tree in itself many times over, and that one again: ten names on ten
 * levels are 10^10 files in some kilobytes. Each tree is read once, however often it is there. */
#include <uthash.h>

#include "tools/alloc.h"
#include "checkout.h"

struct known {
    git_oid id;
    uint64_t entries;
    UT_hash_handle hh;
};

struct counting {
    struct gs_conn *conn;
    git_repository *repo;
    struct known *trees;
};

static int count(struct counting *c, const git_oid *id, unsigned depth, uint64_t *out);

static int
count_new(struct counting *c, const git_oid *id, unsigned depth, uint64_t *out)
{
    git_tree *tree = NULL;
    if (depth > GS_DEPTH_MAX)
        return c->conn->host->error->set(c->conn->err, TENON_E_LIMIT, 0,
                                         "directories are nested too deep");
    if (c->conn->host->ctx->cancelled(c->conn->ctx))
        return c->conn->host->error->set(c->conn->err, TENON_E_CANCELLED, 0, "cancelled");
    if (git_tree_lookup(&tree, c->repo, id) < 0)
        return gs_conn_error(c->conn, "failed to checkout remote");
    const size_t n = git_tree_entrycount(tree);
    int rc = TENON_OK;
    *out = n;
    for (size_t i = 0; i < n && rc == TENON_OK; i++) {
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        uint64_t below = 0;
        if (git_tree_entry_type(e) == GIT_OBJECT_TREE)
            rc = count(c, git_tree_entry_id(e), depth + 1, &below);
        if (__builtin_add_overflow(*out, below, out))
            *out = UINT64_MAX;
    }
    git_tree_free(tree);
    return rc;
}

static int
count(struct counting *c, const git_oid *id, unsigned depth, uint64_t *out)
{
    struct known *k;
    HASH_FIND(hh, c->trees, id, sizeof *id, k);
    if (k) {
        *out = k->entries;
        return TENON_OK;
    }
    int rc = count_new(c, id, depth, out);
    if (rc < 0)
        return rc;
    k = tenon_calloc(1, sizeof *k);
    k->id = *id;
    k->entries = *out;
    HASH_ADD(hh, c->trees, id, sizeof k->id, k);
    return TENON_OK;
}

int
gs_count_entries(struct gs_conn *conn, git_repository *repo, const git_oid *id, uint64_t *out)
{
    struct counting c = {.conn = conn, .repo = repo};
    struct known *k, *next;
    int rc = count(&c, id, 0, out);
    HASH_ITER(hh, c.trees, k, next) {
        HASH_DEL(c.trees, k);
        free(k);
    }
    return rc;
}

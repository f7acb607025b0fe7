/* source-git/gitdir.c - the .git directory that --keep-git-dir leaves: a clone of depth
 * one with a detached HEAD. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"
#include "checkout.h"

/* A line of text as a file; directories on the way are made. */
static int
put(struct gs_conn *conn, int dirfd, const char *path, const char *line)
{
    auto_free char *text = tenon_asprintf("%s\n", line);
    for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
        auto_free char *dir = tenon_strndup(path, (size_t)(p - path));
        mkdirat(dirfd, dir, 0755);
    }
    auto_close int fd =
        openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return conn->host->error->set(conn->err, TENON_E_FAILED, errno, "write .git/%s", path);
    return TENON_OK;
}

/* The commit, its tree and, if there is one, the tag, in one pack. */
static int
pack(const struct gs_checkout *c, const char *sha, const char *dir)
{
    git_packbuilder *pb = NULL;
    git_oid id;
    int rc = git_packbuilder_new(&pb, c->repo);
    if (rc == 0)
        git_packbuilder_set_threads(pb, 1);
    if (rc == 0)
        rc = git_packbuilder_insert_commit(pb, git_commit_id(c->commit));
    if (rc == 0 && git_oid_fromstr(&id, sha) == 0 &&
        !git_oid_equal(&id, git_commit_id(c->commit)))
        rc = git_packbuilder_insert(pb, &id, NULL);
    if (rc == 0)
        rc = git_packbuilder_write(pb, dir, 0, NULL, NULL);
    git_packbuilder_free(pb);
    return rc;
}

static int
fill_index(git_repository *repo, const git_oid *commit_id)
{
    git_index *index = NULL;
    git_commit *commit = NULL;
    git_tree *tree = NULL;
    int rc = git_repository_index(&index, repo);
    if (rc == 0)
        rc = git_commit_lookup(&commit, repo, commit_id);
    if (rc == 0)
        rc = git_commit_tree(&tree, commit);
    if (rc == 0)
        rc = git_index_read_tree(index, tree);
    if (rc == 0)
        rc = git_index_write(index);
    git_tree_free(tree);
    git_commit_free(commit);
    git_index_free(index);
    return rc;
}

int
gs_checkout_gitdir(struct gs_conn *conn, const struct gs_checkout *c, const char *ref,
                    const char *sha, int dirfd)
{
    git_repository *repo = NULL;
    git_remote *remote = NULL;
    char commit[GIT_OID_HEXSZ + 1];
    git_oid_tostr(commit, sizeof commit, git_commit_id(c->commit));
    auto_free char *root = tenon_asprintf("/proc/self/fd/%d", dirfd);
    auto_free char *packs = tenon_asprintf("%s/.git/objects/pack", root);
    auto_free char *shown = tenon_url_conceal(conn->url);
    int rc = git_repository_init(&repo, root, 0);
    if (rc == 0)
        rc = pack(c, sha, packs);
    if (rc == 0)
        rc = git_remote_create(&remote, repo, "origin", shown);
    git_remote_free(remote);
    if (rc < 0) {
        git_repository_free(repo);
        return gs_conn_error(conn, "failed to checkout remote");
    }

    auto_close int git = openat(dirfd, ".git", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (git < 0)
        rc = conn->host->error->set(conn->err, TENON_E_FAILED, errno, "open .git");
    if (rc == TENON_OK && git_commit_parentcount(c->commit) > 0)
        rc = put(conn, git, "shallow", commit);
    if (rc == TENON_OK)
        rc = put(conn, git, "HEAD", commit);
    if (rc == TENON_OK && ref && git_reference_is_valid_name(ref))
        rc = put(conn, git, ref, sha);
    if (rc == TENON_OK && fill_index(repo, git_commit_id(c->commit)) < 0)
        rc = gs_conn_error(conn, "failed to checkout remote");
    git_repository_free(repo);
    return rc;
}

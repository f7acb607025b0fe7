/* Chains mounted with the ids of a user namespace: shown and written with those, and on disk with
 * their own; by the mount interfaces of today and of before, as overlays and as copies, and
 * with a root of its own or the machine's. */
#include "refuse.h"
#include "unit.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "base/ids.h"
#include "common/exec/usernamespace.h"
#include "store/private.h"
#include "store/store.h"
#include "store/work.h"

enum { FIRST = 1000000000 };

static char dir_path[64];
static int dir_fd = -1;
static struct tenon_store *store;
static struct tenon_chain chain;
static char *target;

#define OK(call)                                                                     \
    do {                                                                             \
        tenon_error_release(&err);                                                   \
        ck_assert_msg((call) >= 0, "%s: %s", #call, err.message ? err.message : ""); \
    } while (0)

static void
setup(void)
{
    dir_fd = unit_tmpdir(dir_path);
    ck_assert_int_eq(mkdirat(dir_fd, "m", 0700), 0);
    target = tenon_asprintf("%s/m", dir_path);
}

static void
teardown(void)
{
    tenon_chain_release(&chain);
    free(target);
    unit_tmpdir_remove(dir_fd, dir_path);
}

static const struct { int refused, sys; bool has_own_root; } ways[] = {
    { -1, 0, false },           { -1, 0, true },           { SYS_fsopen, ENOSYS, false },
    { SYS_fsopen, ENOSYS, true }, { SYS_fsopen, EPERM, false }, { SYS_fsopen, EPERM, true },
};
static struct usernamespace users = USERNAMESPACE_INIT;

static void
in_own_mounts(void *data)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    void (**run)(void) = data;
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    OK(tenon_store_open(dir_path, &store, &err));
    (*run)();
    tenon_store_close(store);
}

/* users_fd of the way's kind; it is made before anything is refused. */
static int
users_fd(void)
{
    int fd = -1;
    ck_assert_int_eq(usernamespace_get(&users, &fd), 0);
    return fd;
}

static uint32_t
outside(uint32_t id)
{
    return usernamespace_outside(&users, id);
}

static void
in_way(int which, void (*run)(void))
{
    users.first = FIRST;
    users.has_own_root = ways[which].has_own_root;
    (void)users_fd();
    refused(ways[which].refused, ways[which].sys, in_own_mounts, &run);
}

/* ---- trees -------------------------------------------------------------------------- */

static void
make_file(int dir, const char *name, uint32_t uid, uint32_t gid)
{
    unit_write(dir, name, name);
    ck_assert_int_eq(fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW), 0);
}

static void
assert_owner(int dir, const char *name, uint32_t uid, uint32_t gid)
{
    struct stat st;
    ck_assert_msg(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s", name);
    ck_assert_msg(st.st_uid == uid && st.st_gid == gid, "%s is of %u:%u, not %u:%u", name,
                  st.st_uid, st.st_gid, uid, gid);
}

static void
add_layer(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_file(fs, "of-root", 0, 0);
    make_file(fs, "of-user", 5, 6);
    make_file(fs, "goes", 5, 6);
    ck_assert_int_eq(mkdirat(fs, "dir", 0755), 0);
    make_file(fs, "dir/last", 4294967294, 4294901760);
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "layer", &id, &err));
    tenon_chain_append(&chain, id);
}

static int
open_target(void)
{
    int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void
look_at_layer(int root)
{
    assert_owner(root, ".", outside(0), outside(0));
    assert_owner(root, "of-root", outside(0), outside(0));
    assert_owner(root, "of-user", outside(5), outside(6));
    assert_owner(root, "dir/last", 4294967294 - 65536, 4294901760 - 65536);
}

static void
shown_and_written(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    add_layer();
    add_layer();
    OK(tenon_store_map(store, users_fd(), FIRST, outside(0), &err));
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_chain_mount_step(store, &chain, w, TENON_MOUNT_MAPPED | TENON_MOUNT_AS_ROOT, target,
                              &err));
    {
        auto_close int root = open_target();
        look_at_layer(root);
        tenon_ids_act_as(outside(0));
        make_file(root, "new", outside(7), outside(8));
        make_file(root, "new-of-root", outside(0), outside(0));
        ck_assert_int_eq(unlinkat(root, "goes", 0), 0);
        unit_write(root, "dir/last", "changed");
        tenon_ids_act_as(0);
    }
    ck_assert_int_eq(tenon_unmount(target), 0);
    int64_t id = 0;
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "step", &id, &err));
    tenon_chain_append(&chain, id);
    {
        auto_close int fs = tenon_snapshot_open(store, id, &err);
        struct stat st;
        assert_owner(fs, ".", 0, 0);
        assert_owner(fs, "new", 7, 8);
        assert_owner(fs, "new-of-root", 0, 0);
        assert_owner(fs, "dir/last", 4294967294, 4294901760);
        ck_assert_int_eq(fstatat(fs, "goes", &st, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
    }
    /* A view with them, and one with those on disk. */
    OK(tenon_chain_mount_view(store, &chain, NULL, TENON_MOUNT_MAPPED, target, &err));
    {
        auto_close int root = open_target();
        look_at_layer(root);
        assert_owner(root, "new", outside(7), outside(8));
    }
    ck_assert_int_eq(tenon_unmount(target), 0);
    OK(tenon_chain_mount(store, &chain, NULL, target, &err));
    {
        auto_close int root = open_target();
        assert_owner(root, "of-user", 5, 6);
        assert_owner(root, "new", 7, 8);
    }
    ck_assert_int_eq(tenon_unmount(target), 0);
}

START_TEST(test_mapped_is_shown_and_written)
{
    in_way(_i, shown_and_written);
}
END_TEST

static void
nothing_below(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const struct tenon_chain none;
    struct tenon_snapshot_work *w;
    OK(tenon_store_map(store, users_fd(), FIRST, outside(0), &err));
    OK(tenon_chain_mount_view(store, &none, NULL, TENON_MOUNT_MAPPED, target, &err));
    {
        auto_close int root = open_target();
        assert_owner(root, ".", outside(0), outside(0));
    }
    ck_assert_int_eq(tenon_unmount(target), 0);
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_chain_mount_step(store, &none, w, TENON_MOUNT_MAPPED, target, &err));
    {
        auto_close int root = open_target();
        assert_owner(root, ".", outside(0), outside(0));
        tenon_ids_act_as(outside(0));
        make_file(root, "new", outside(7), outside(8));
        tenon_ids_act_as(0);
    }
    ck_assert_int_eq(tenon_unmount(target), 0);
    int64_t id = 0;
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "step", &id, &err));
    auto_close int fs = tenon_snapshot_open(store, id, &err);
    assert_owner(fs, "new", 7, 8);
}

START_TEST(test_mapped_empty_chain)
{
    in_way(_i, nothing_below);
}
END_TEST

/* A kernel without mapped mounts. */
static void
no_maps(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    add_layer();
    for (int i = 0; i < 2; i++) { /* the answer stays */
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_store_map(store, users_fd(), FIRST, 0, &err), TENON_E_UNSUPPORTED);
        ck_assert_msg(strstr(err.message, "map ids") != NULL, "%s", err.message);
    }
    OK(tenon_chain_mount(store, &chain, NULL, target, &err));
    ck_assert_int_eq(tenon_unmount(target), 0);
}

START_TEST(test_mapped_needs_the_kernel)
{
    users.first = FIRST;
    (void)users_fd();
    void (*run)(void) = no_maps;
    refused(SYS_mount_setattr, ENOSYS, in_own_mounts, &run);
}
END_TEST

/* Overlays of mapped layers that cannot be made, here since there are none: found out once,
 * and others are mounted as before. */
static void
no_mapped_overlays(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    add_layer();
    OK(tenon_store_map(store, users_fd(), FIRST, 0, &err));
    ck_assert_int_eq(tenon_unmount(store->mapped.path), 0);
    OK(tenon_snapshot_begin(store, &w, &err));
    ck_assert_int_eq(tenon_chain_mount_step(store, &chain, w, TENON_MOUNT_MAPPED, target, &err),
                     TENON_E_UNSUPPORTED);
    tenon_snapshot_discard(w);
    ck_assert(!tenon_store_copies(store));
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_store_map(store, users_fd(), FIRST, 0, &err), TENON_E_UNSUPPORTED);
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_chain_mount_step(store, &chain, w, 0, target, &err));
    ck_assert_int_eq(tenon_unmount(target), 0);
    tenon_snapshot_discard(w);
}

START_TEST(test_mapped_overlays_that_cannot_be)
{
    in_way(_i, no_mapped_overlays);
}
END_TEST

static void
one_root(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_store_map(store, users_fd(), FIRST, 0, &err));
    OK(tenon_store_map(store, users_fd(), FIRST, 0, &err));
    ck_assert_int_eq(tenon_store_map(store, users_fd(), FIRST, FIRST, &err), TENON_E_UNSUPPORTED);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_store_map(store, users_fd(), FIRST + 1, 0, &err), TENON_E_UNSUPPORTED);
}

START_TEST(test_mapped_once)
{
    in_way(0, one_root);
}
END_TEST

int
main(void)
{
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
    unit_not_tried("mapped mounts: this sanitizer does not bear what shares our memory");
    return 0;
#endif
    struct usernamespace probe = USERNAMESPACE_INIT;
    int fd = -1, e = geteuid() == 0 ? usernamespace_get(&probe, &fd) : EPERM;
    usernamespace_release(&probe);
    if (e) {
        fprintf(stderr, "skipped: needs a user namespace with all ids: %s\n", strerror(e));
        return 77;
    }
    Suite *s = suite_create("store-mapped");
    TCase *t = tcase_create("mapped");
    int all = (int)tenon_countof(ways);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_mapped_is_shown_and_written, 0, all);
    tcase_add_loop_test(t, test_mapped_empty_chain, 0, all);
    tcase_add_test(t, test_mapped_needs_the_kernel);
    tcase_add_loop_test(t, test_mapped_overlays_that_cannot_be, 0, 1);
    tcase_add_test(t, test_mapped_once);
    suite_add_tcase(s, t);
    return unit_run(s);
}

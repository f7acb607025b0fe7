/* Chains as mounts, by the mount interface of today and by that of kernels before
 * 6.5, which is what there is when fsopen() is refused to a thread. */
#include "refuse.h"
#include "unit.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "store/private.h"
#include "store/store.h"
#include "store/work.h"

static char dir_path[64];
static int dir_fd = -1;
static struct tenon_store *store;
static struct tenon_chain chain;
static char *mounted; /* path of the mount point */

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
}

static void
teardown(void)
{
    tenon_chain_release(&chain);
    free(mounted);
    mounted = NULL;
    unit_tmpdir_remove(dir_fd, dir_path);
}

/* ---- a thread with mounts of its own, and with an older kernel ---------------------- */

static void
in_own_mounts(void *data)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    void (**run)(void) = data;
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    OK(tenon_store_open(dir_path, &store, &err)); /* here, as the command does */
    (*run)();
    tenon_store_close(store);
}

static const struct { const char *name; int refused, sys; } kernels[] = {
    { "this kernel", -1, 0 }, { "an older kernel", SYS_fsopen, ENOSYS },
    { "no overlays, so copies", SYS_fsopen, EPERM },
};

static void
with_refused(int call, int sys, void (*run)(void))
{
    if (geteuid() != 0) {
        unit_not_tried("mounts of chains: needs root");
        return;
    }
    refused(call, sys, in_own_mounts, &run);
}

/* Everything about a mount holds on all of them. */
static void
on_kernel(int which, void (*run)(void))
{
    with_refused(kernels[which].refused, kernels[which].sys, run);
}

/* ---- chains --------------------------------------------------------------------------- */

struct entry { /* text NULL: a whiteout; name ending in "/": a directory */
    const char *name, *text;
};

static void
add_layer(const struct entry *entries)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const struct entry *e = entries; e && e->name; e++) {
        if (tenon_has_suffix(e->name, "/"))
            ck_assert_int_eq(mkdirat(fs, e->name, 0755), 0);
        else if (e->text)
            unit_write(fs, e->name, e->text);
        else
            ck_assert_int_eq(mknodat(fs, e->name, S_IFCHR, makedev(0, 0)), 0);
    }
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "layer", &id, &err));
    tenon_chain_append(&chain, id);
}

static int
mount_it(struct tenon_snapshot_work *upper, struct tenon_error *err)
{
    free(mounted);
    mounted = tenon_asprintf("%s/m", dir_path);
    return tenon_chain_mount(store, &chain, upper, mounted, err);
}

static int
open_root(void)
{
    int fd = open(mounted, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void
assert_text(int root, const char *name, const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    auto_close int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
    if (!text) {
        ck_assert_msg(fd < 0 && errno == ENOENT, "%s is there", name);
        struct stat st;
        ck_assert_msg(fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) < 0, "%s is there", name);
        return;
    }
    ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
    ck_assert_int_eq(tenon_read_all(fd, 100, &b, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&b), text);
}

static void
unmount_it(void)
{
    ck_assert_int_eq(tenon_unmount(mounted), 0);
    ck_assert_int_eq(tenon_unmount(mounted), -EINVAL);
}

/* What is uppermost is seen, and what it hides is not. */
static void
upper_wins(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const struct entry bottom[] = { { "a", "1" }, { "b", "1" }, { "c", "1" }, { NULL, NULL } };
    static const struct entry middle[] = { { "b", "2" }, { "c", NULL }, { "d", "2" }, { NULL, NULL } };
    static const struct entry top[] = { { "d", "3" }, { NULL, NULL } };
    add_layer(bottom);
    add_layer(middle);
    add_layer(top);
    OK(mount_it(NULL, &err));
    {
        auto_close int root = open_root();
        assert_text(root, "a", "1");
        assert_text(root, "b", "2");
        assert_text(root, "c", NULL);
        assert_text(root, "d", "3");
        ck_assert_int_lt(openat(root, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
        ck_assert_int_eq(errno, EROFS);
        ck_assert_int_lt(unlinkat(root, "a", 0), 0);
        ck_assert_int_eq(errno, EROFS);
    }
    unmount_it();
}

START_TEST(test_mount_upper_layers_win)
{
    on_kernel(_i, upper_wins);
}
END_TEST

/* A lone layer is no plain directory: its whiteouts hide, and are not shown. */
static void
lone_layer(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const struct entry only[] = { { "a", "1" }, { "gone", NULL }, { NULL, NULL } };
    add_layer(only);
    OK(mount_it(NULL, &err));
    {
        auto_close int root = open_root();
        assert_text(root, "a", "1");
        assert_text(root, "gone", NULL);
        ck_assert_int_lt(unlinkat(root, "a", 0), 0);
        ck_assert_int_eq(errno, EROFS);
    }
    unmount_it();
    struct stat st;
    ck_assert(tenon_store_copies(store) || fstatat(dir_fd, "snapshots/empty", &st, 0) == 0);
}

START_TEST(test_mount_lone_layer)
{
    on_kernel(_i, lone_layer);
}
END_TEST

/* What is written is in the upper, and the layers below are as they were. */
static void
written_to_upper(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const struct entry only[] = { { "a", "1" }, { "b", "1" }, { NULL, NULL } };
    struct tenon_snapshot_work *w;
    add_layer(only);
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(mount_it(w, &err));
    {
        auto_close int root = open_root();
        unit_write(root, "a", "changed");
        unit_write(root, "new", "2");
        ck_assert_int_eq(unlinkat(root, "b", 0), 0);
    }
    unmount_it();
    int64_t id = 0;
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "step", &id, &err));
    ck_assert(!tenon_snapshot_is_bare(store, id));
    ck_assert(tenon_snapshot_is_bare(store, chain.ids[0]));
    {
        auto_close int below = tenon_snapshot_open(store, chain.ids[0], &err);
        assert_text(below, "a", "1");
        assert_text(below, "b", "1");
        auto_close int above = tenon_snapshot_open(store, id, &err);
        assert_text(above, "a", "changed");
    }
    tenon_chain_append(&chain, id);
    OK(mount_it(NULL, &err));
    {
        auto_close int root = open_root();
        assert_text(root, "a", "changed");
        assert_text(root, "b", NULL);
        assert_text(root, "new", "2");
    }
    unmount_it();
}

START_TEST(test_mount_writes_go_to_the_upper)
{
    on_kernel(_i, written_to_upper);
}
END_TEST

/* FROM scratch: nothing, read-only; or the upper itself. */
static void
empty_chain(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    OK(mount_it(NULL, &err));
    {
        auto_close int root = open_root();
        struct stat st;
        ck_assert_int_eq(fstat(root, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0755);
        ck_assert_int_lt(mkdirat(root, "x", 0755), 0);
        ck_assert_int_eq(errno, EROFS);
    }
    unmount_it();
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(mount_it(w, &err));
    {
        auto_close int root = open_root();
        unit_write(root, "new", "1");
    }
    unmount_it();
    int64_t id = 0;
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "step", &id, &err));
    ck_assert(tenon_snapshot_is_bare(store, id));
    auto_close int fs = tenon_snapshot_open(store, id, &err);
    assert_text(fs, "new", "1");
}

START_TEST(test_mount_empty_chain)
{
    on_kernel(_i, empty_chain);
}
END_TEST

/* /etc/hosts and /etc/resolv.conf, where the image has an /etc and not these; they
 * are no part of what the step makes. */
static const struct {
    struct entry layer[4];
    const char *hosts, *resolv; /* as a step sees them */
} etcs[] = {
    { { { "etc/", NULL } }, "", "" },
    { { { "etc/", NULL }, { "etc/hosts", "mine" } }, "mine", "" },
    { { { "usr/", NULL } }, NULL, NULL },
    { { { "etc", "a file" } }, NULL, NULL },
    { { { "etc", NULL } }, NULL, NULL },
};

static void
step_root(void)
{
    for (size_t i = 0; i < tenon_countof(etcs); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_snapshot_work *w;
        tenon_chain_release(&chain);
        add_layer(etcs[i].layer);
        add_layer((const struct entry[]){ { "above", "x" }, { NULL, NULL } });
        OK(tenon_snapshot_begin(store, &w, &err));
        free(mounted);
        mounted = tenon_asprintf("%s/m", dir_path);
        OK(tenon_chain_mount_step(store, &chain, w, TENON_MOUNT_AS_ROOT, mounted, &err));
        {
            auto_close int root = open_root();
            if (etcs[i].hosts) {
                assert_text(root, "etc/hosts", etcs[i].hosts);
                assert_text(root, "etc/resolv.conf", etcs[i].resolv);
            } else {
                ck_assert_int_lt(faccessat(root, "etc/hosts", F_OK, 0), 0);
            }
        }
        unmount_it();
        int64_t id = 0;
        OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "step", &id, &err));
        auto_close int fs = tenon_snapshot_open(store, id, &err);
        ck_assert_int_lt(faccessat(fs, "etc", F_OK, AT_SYMLINK_NOFOLLOW), 0);
        /* Not for others than steps. */
        OK(mount_it(NULL, &err));
        {
            auto_close int root = open_root();
            ck_assert_int_lt(faccessat(root, "etc/resolv.conf", F_OK, 0), 0);
        }
        unmount_it();
    }
    struct stat st;
    ck_assert_int_eq(fstatat(dir_fd, "snapshots/stubs/etc/hosts", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0644);
    ck_assert_int_eq(fstatat(dir_fd, "snapshots/stubs/etc", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0755);
}

START_TEST(test_mount_step_sees_stubs)
{
    umask(077); /* of who builds; files of images do not depend on it */
    on_kernel(_i, step_root);
    umask(022);
}
END_TEST

/* A frontend's process: what is mounted upon is there, whatever the image holds, and its own
 * directory is not written to. */
static void
visited_root(void)
{
    static const char *const wanted[] = { "proc", "sys", "dev", "etc/hosts", "etc/resolv.conf",
                                          "run/config/buildkit/metadata" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    tenon_chain_release(&chain);
    add_layer((const struct entry[]){ { "bin/", NULL }, { "run", "mine" }, { NULL, NULL } });
    for (int visits = 0; visits < 2; visits++) {
        OK(tenon_snapshot_begin(store, &w, &err));
        free(mounted);
        mounted = tenon_asprintf("%s/m", dir_path);
        OK(tenon_chain_mount_step(store, &chain, w,
                                  TENON_MOUNT_AS_ROOT | (visits ? TENON_MOUNT_VISIT : 0), mounted,
                                  &err));
        {
            auto_close int root = open_root();
            for (size_t i = 0; i < tenon_countof(wanted) - 1; i++)
                ck_assert_int_eq(faccessat(root, wanted[i], F_OK, 0), visits - 1);
            assert_text(root, "run", "mine"); /* the image has it otherwise */
        }
        unmount_it();
        int64_t id = 0;
        OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "step", &id, &err));
        auto_close int fs = tenon_snapshot_open(store, id, &err);
        ck_assert_int_lt(faccessat(fs, "proc", F_OK, AT_SYMLINK_NOFOLLOW), 0);
    }
    struct stat st;
    ck_assert_int_eq(fstatat(dir_fd, "snapshots/stubs-visit/run/config/buildkit/metadata", &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0755);
}

START_TEST(test_mount_visit_sees_stubs)
{
    on_kernel(_i, visited_root);
}
END_TEST

/* ---- limits ---------------------------------------------------------------------------- */

enum { OVERLAY_MOST = 500 };

static void
more_than_an_overlay_takes(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const struct entry lowest[] = { { "f", "1" }, { "g", "1" }, { NULL, NULL } };
    static const struct entry highest[] = { { "f", "2" }, { NULL, NULL } };
    add_layer(lowest);
    while (chain.len < OVERLAY_MOST - 1)
        add_layer(NULL);
    add_layer(highest);
    for (int i = 0; i < 2; i++) {
        OK(mount_it(NULL, &err));
        {
            auto_close int root = open_root();
            assert_text(root, "f", "2");
            assert_text(root, "g", "1");
        }
        unmount_it();
        add_layer(NULL);
    }
}

START_TEST(test_mount_more_layers_than_an_overlay_takes)
{
    on_kernel(_i, more_than_an_overlay_takes);
}
END_TEST

/* The old interface has one page for all names. */
static void
long_names(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    add_layer(NULL);
    OK(db_run(store, &err, "UPDATE sqlite_sequence SET seq = 1000000000000000", ""));
    while (chain.len < 250)
        add_layer(NULL);
    ck_assert_int_eq(mount_it(NULL, &err), TENON_E_LIMIT);
    ck_assert_msg(strstr(err.message, "250 layers at once") != NULL, "%s", err.message);
}

START_TEST(test_mount_older_kernel_tells_its_limit)
{
    on_kernel(1, long_names);
}
END_TEST

/* ---- in a user namespace, and what fails --------------------------------------------------- */

static void
user_attributes(void)
{
    store->userxattr = true;
    upper_wins();
    tenon_chain_release(&chain);
    written_to_upper();
}

START_TEST(test_mount_with_attributes_of_users)
{
    on_kernel(_i, user_attributes);
}
END_TEST

static void
missing_layer(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    add_layer(NULL);
    add_layer(NULL);
    tenon_chain_append(&chain, 77);
    ck_assert_int_lt(mount_it(NULL, &err), 0);
    ck_assert_int_eq(err.sys, ENOENT);
    ck_assert_msg(strstr(err.message, tenon_store_copies(store) ? "snapshot 77" : "overlay") != NULL,
                  "%s", err.message);
}

START_TEST(test_mount_missing_layer_is_an_error)
{
    on_kernel(_i, missing_layer);
}
END_TEST

static void
missing_target(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *nowhere = tenon_asprintf("%s/nowhere", dir_path);
    ck_assert_int_lt(tenon_chain_mount(store, &chain, NULL, nowhere, &err), 0);
    ck_assert_msg(strstr(err.message, nowhere) != NULL, "%s", err.message);
    add_layer(NULL);
    tenon_error_release(&err);
    ck_assert_int_lt(tenon_chain_mount(store, &chain, NULL, nowhere, &err), 0);
    ck_assert_int_eq(err.sys, ENOENT);
    auto_buf struct tenon_buf mounts = TENON_BUF_INIT;
    OK(tenon_read_file("/proc/thread-self/mountinfo", 1 << 20, &mounts, &err));
    ck_assert_ptr_null(strstr(tenon_buf_str(&mounts), dir_path));
}

START_TEST(test_mount_missing_target_is_an_error)
{
    on_kernel(_i, missing_target);
}
END_TEST

/* Refused, not missing: by copies, and that is remembered with the reason. */
static void
denied(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf why = TENON_BUF_INIT;
    auto_free char *mark = tenon_asprintf("%s/copies", dir_path);
    ck_assert(!tenon_store_copies(store));
    upper_wins();
    ck_assert(tenon_store_copies(store));
    OK(tenon_read_file(mark, 100, &why, &err));
    ck_assert_str_eq(tenon_buf_str(&why), strerror(EPERM));
    tenon_store_close(store);
    OK(tenon_store_open(dir_path, &store, &err));
    ck_assert(tenon_store_copies(store));
}

START_TEST(test_mount_denied_is_told)
{
    static const int calls[] = { SYS_fsopen, SYS_fsconfig, SYS_fsmount };
    struct utsname kernel;
    int major = 0, minor = 0;
    ck_assert_int_eq(uname(&kernel), 0);
    ck_assert_int_eq(sscanf(kernel.release, "%d.%d", &major, &minor), 2);
    if (calls[_i] == SYS_fsmount && (major < 6 || (major == 6 && minor < 5))) {
        unit_not_tried("fsmount refused: kernels before 6.5 do not get as far");
        return;
    }
    with_refused(calls[_i], EPERM, denied);
}
END_TEST

/* To a process that may mount nothing; another one, of the same store, may. */
static void
without_right(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[2], fewer[2];
    add_layer(NULL);
    add_layer(NULL);
    ck_assert_int_eq((int)syscall(SYS_capget, &head, caps), 0);
    memcpy(fewer, caps, sizeof caps);
    fewer[0].effective &= ~(UINT32_C(1) << CAP_SYS_ADMIN);
    ck_assert_int_eq((int)syscall(SYS_capset, &head, fewer), 0);
    ck_assert_int_lt(mount_it(NULL, &err), 0);
    ck_assert_int_eq((int)syscall(SYS_capset, &head, caps), 0);
    ck_assert_int_eq(err.sys, EPERM);
    ck_assert_msg(strstr(err.message, "overlay") != NULL, "%s", err.message);
    ck_assert(!tenon_store_copies(store));
}

START_TEST(test_mount_without_right_is_told)
{
    with_refused(-1, 0, without_right);
}
END_TEST

/* What another try may have, and what it may not. */
static int passing;

static void
may_pass(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    add_layer(NULL);
    add_layer(NULL);
    ck_assert_int_lt(mount_it(NULL, &err), 0);
    ck_assert_int_eq(err.sys, passing);
    ck_assert_msg(strstr(err.message, "overlay") != NULL, "%s", err.message);
    ck_assert(!tenon_store_copies(store));
}

START_TEST(test_mount_trouble_of_the_moment_is_told)
{
    static const int sys[] = { ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE, EIO, EROFS, EBUSY };
    passing = sys[_i];
    with_refused(SYS_fsopen, passing, may_pass);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-mount");
    TCase *tc = tcase_create("mount");
    int all = (int)tenon_countof(kernels);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_mount_upper_layers_win, 0, all);
    tcase_add_loop_test(tc, test_mount_lone_layer, 0, all);
    tcase_add_loop_test(tc, test_mount_writes_go_to_the_upper, 0, all);
    tcase_add_loop_test(tc, test_mount_empty_chain, 0, all);
    tcase_add_loop_test(tc, test_mount_step_sees_stubs, 0, all);
    tcase_add_loop_test(tc, test_mount_visit_sees_stubs, 0, all);
    tcase_add_loop_test(tc, test_mount_more_layers_than_an_overlay_takes, 0, all);
    tcase_add_test(tc, test_mount_older_kernel_tells_its_limit);
    tcase_add_loop_test(tc, test_mount_with_attributes_of_users, 0, all);
    tcase_add_loop_test(tc, test_mount_missing_layer_is_an_error, 0, all);
    tcase_add_loop_test(tc, test_mount_missing_target_is_an_error, 0, all);
    tcase_add_loop_test(tc, test_mount_denied_is_told, 0, 3);
    tcase_add_test(tc, test_mount_without_right_is_told);
    tcase_add_loop_test(tc, test_mount_trouble_of_the_moment_is_told, 0, 8);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

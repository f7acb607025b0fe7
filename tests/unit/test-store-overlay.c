/* Overlays of a store, in both ways: runs twice, as the kernel has it and with
 * TENON_OLD_MOUNT=1 for the way of kernels before 6.8. */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#include "tools/cleanup.h"
#include "store/store.h"

static char dir_path[64];
static int dir_fd = -1;
static char *store_path;
static struct tenon_store *store;
static struct tenon_tempdir *tempdir;

#define OK(call)                                                                   \
    do {                                                                           \
        tenon_error_release(&err);                                                 \
        ck_assert_msg((call) >= 0, "%s: %s", #call, err.message ? err.message : ""); \
    } while (0)

static void
open_store(const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    dir_fd = unit_tmpdir(dir_path);
    store_path = tenon_asprintf("%s/%s", dir_path, name);
    ck_assert_int_eq(mkdir(store_path, 0700), 0);
    OK(tenon_store_open(store_path, &store, &err));
    OK(tenon_tempdir_new(store, &tempdir, &err));
}

static void
setup(void)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    open_store("store");
}

/* What stands between options, layers and escapes in the old way. */
static void
setup_odd(void)
{
    setup();
    tenon_tempdir_free(tempdir);
    tenon_store_close(store);
    free(store_path);
    unit_tmpdir_remove(dir_fd, dir_path);
    open_store("a,b:c=d e\\f");
}

static void
teardown(void)
{
    tenon_tempdir_free(tempdir);
    tenon_store_close(store);
    unit_tmpdir_remove(dir_fd, dir_path);
    free(store_path);
}

static int64_t
make_snapshot(const char *file, const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY);
    unit_write(fs, file, text);
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
    return id;
}

/* The options of the file system mounted at PATH, which has no blanks. */
static char *
options_of(const char *path)
{
    FILE *f = fopen("/proc/self/mounts", "re");
    ck_assert_ptr_nonnull(f);
    char *line = NULL, *found = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, f) > 0) {
        char *at = strchr(line, ' ');
        if (at && tenon_has_prefix(at + 1, path) && at[1 + strlen(path)] == ' ')
            found = tenon_strdup(at + 1 + strlen(path));
    }
    free(line);
    fclose(f);
    return found;
}

static bool
is_old_way(void)
{
    return getenv("TENON_OLD_MOUNT");
}

static void
mount_layers(size_t count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain chain = {0};
    struct tenon_snapshot_work *w;
    char name[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "f%zu", i);
        tenon_chain_append(&chain, make_snapshot(name, name));
    }
    const char *target = tenon_tempdir_path(tempdir);
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_chain_mount(store, &chain, w, target, &err));
    auto_close int root = open(target, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "f%zu", i);
        ck_assert_int_eq(faccessat(root, name, F_OK, 0), 0);
    }
    ck_assert_int_eq(unlinkat(root, "f0", 0), 0);
    unit_write(root, "new", "n");
    close(tenon_steal_fd(&root));
    ck_assert_int_eq(tenon_unmount(target), 0);
    int64_t id;
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "upper", &id, &err));
    tenon_chain_append(&chain, id);

    OK(tenon_chain_mount(store, &chain, NULL, target, &err));
    auto_close int again = open(target, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ne(faccessat(again, "f0", F_OK, 0), 0);
    ck_assert_int_eq(faccessat(again, "new", F_OK, 0), 0);
    ck_assert_int_eq(unlinkat(again, "new", 0), -1);
    ck_assert_int_eq(errno, EROFS);
    close(tenon_steal_fd(&again));
    ck_assert_int_eq(tenon_unmount(target), 0);
}

static const size_t counts[] = { 1, 2, 200, 400 };

START_TEST(test_layers)
{
    mount_layers(counts[_i]);
}
END_TEST

START_TEST(test_odd_name_of_the_store)
{
    mount_layers(3);
}
END_TEST

/* A lone layer, read-only: what it leaves out must not be seen either. */
START_TEST(test_lone_layer_read_only)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain chain = {0};
    tenon_chain_append(&chain, make_snapshot("a", "a"));
    const char *target = tenon_tempdir_path(tempdir);
    OK(tenon_chain_mount(store, &chain, NULL, target, &err));
    auto_close int root = open(target, O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(faccessat(root, "a", F_OK, 0), 0);
    ck_assert_int_eq(mkdirat(root, "b", 0755), -1);
    ck_assert_int_eq(errno, EROFS);
    close(tenon_steal_fd(&root));
    ck_assert_int_eq(tenon_unmount(target), 0);
}
END_TEST

/* Upper directories are layers by themselves: whole files, nothing of overlayfs's own;
 * and a step waits for no disk. */
START_TEST(test_options)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain chain = {0};
    struct tenon_snapshot_work *w;
    tenon_chain_append(&chain, make_snapshot("a", "a"));
    const char *target = tenon_tempdir_path(tempdir);
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_chain_mount(store, &chain, w, target, &err));
    auto_free char *options = options_of(target);
    ck_assert_ptr_nonnull(options);
    ck_assert_msg(strstr(options, "volatile"), "%s", options);
    ck_assert_msg(!strstr(options, "metacopy=on"), "%s", options);
    ck_assert_msg(!strstr(options, "redirect_dir=on"), "%s", options);
    ck_assert_msg(!strstr(options, "index=on"), "%s", options);
    if (is_old_way())
        ck_assert_msg(!strstr(options, dir_path), "not the old way: %s", options);
    ck_assert_int_eq(tenon_unmount(target), 0);
    tenon_snapshot_discard(w);
}
END_TEST

int
main(int argc, char **argv)
{
    (void)argc;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0) {
        printf("only root may mount\n");
        return 77;
    }
    Suite *suite = suite_create(is_old_way() ? "store, overlays (old way)" : "store, overlays");
    TCase *tc = tcase_create("mounts");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_layers, 0, tenon_countof(counts));
    tcase_add_test(tc, test_lone_layer_read_only);
    tcase_add_test(tc, test_options);
    suite_add_tcase(suite, tc);
    TCase *odd = tcase_create("odd names");
    tcase_add_checked_fixture(odd, setup_odd, teardown);
    tcase_add_test(odd, test_odd_name_of_the_store);
    suite_add_tcase(suite, odd);
    int ret = unit_run(suite);
    if (ret == 0 && !is_old_way()) {
        setenv("TENON_OLD_MOUNT", "1", 1);
        fflush(NULL);
        execv("/proc/self/exe", argv);
        return EXIT_FAILURE;
    }
    return ret;
}

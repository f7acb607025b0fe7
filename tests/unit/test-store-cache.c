/* Cache mounts: who shares them, what a new one starts with, who may drop them. */
#include "storekit.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/xattr.h>

#include "store/private.h"

struct use {
    int fd;
    struct tenon_lock *lock;
    ino_t ino;
};

/* fd TENON_E_CANCELLED: somebody else is in it. */
static struct use
try_to_use(const char *sharing)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct use u = {0};
    struct stat st;
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    close(fds[1]); /* readable: no waiting */
    u.fd = tenon_cache_mount_open(store, "c", sharing, -1, 0755, geteuid(), getegid(), fds[0],
                                  NULL, &u.lock, &err);
    close(fds[0]);
    if (u.fd >= 0) {
        ck_assert_int_eq(fstat(u.fd, &st), 0);
        u.ino = st.st_ino;
    } else {
        ck_assert_int_eq(u.fd, TENON_E_CANCELLED);
    }
    return u;
}

static void
end(struct use *u)
{
    if (u->fd < 0)
        return;
    close(u->fd);
    tenon_lock_release(u->lock);
}

/* The second one beside the first: gets the same, another, or has to wait. */
START_TEST(test_cache_sharing_of_two)
{
    static const struct { const char *first, *second; char result; } pairs[] = {
        { "shared", "shared", 's' },   { "shared", "locked", 'w' },   { "shared", "private", 'o' },
        { "locked", "shared", 'w' },   { "locked", "locked", 'w' },   { "locked", "private", 'o' },
        { "private", "shared", 'w' },  { "private", "locked", 'w' },  { "private", "private", 'o' },
    };
    for (size_t i = 0; i < tenon_countof(pairs); i++) {
        struct use a = try_to_use(pairs[i].first);
        ck_assert_int_ge(a.fd, 0);
        struct use b = try_to_use(pairs[i].second);
        char got = b.fd < 0 ? 'w' : b.ino == a.ino ? 's' : 'o';
        ck_assert_msg(got == pairs[i].result, "%s beside %s: %c", pairs[i].second, pairs[i].first, got);
        end(&b);
        end(&a);
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        ck_assert_int_eq(tenon_cache_mount_drop(store, "c", false, &err), 0);
    }
}
END_TEST

START_TEST(test_cache_unknown_sharing_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *lock = NULL;
    ck_assert_int_eq(tenon_cache_mount_open(store, "c", "mine", -1, 0755, 0, 0, -1, NULL, &lock, &err),
                     TENON_E_INVALID);
    ck_assert_msg(strstr(err.message, "mine") != NULL, "%s", err.message);
}
END_TEST

/* One is dropped by its only user, not by others beside one. */
START_TEST(test_cache_drop_leaves_what_is_used)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct use a = try_to_use("shared");
    ck_assert_int_eq(tenon_cache_mount_drop(store, "c", false, &err), 0);
    struct use b = try_to_use("shared");
    ck_assert_uint_eq(a.ino, b.ino);
    end(&b);
    end(&a);
    ck_assert_int_eq(tenon_cache_mount_drop(store, "c", false, &err), 0);
    ck_assert_int_ne(faccessat(dir_fd, "cache-mounts/1", F_OK, 0), 0);
}
END_TEST

/* The newest of a prefix stay, and what is used however old it is. */
START_TEST(test_cache_trim_leaves_the_newest)
{
    static const char *const ids[] = { "t 1", "t 2", "t 3", "other", "t 4" };
    static const bool stays[] = { true, false, true, true, true };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *locks[tenon_countof(ids)];

    for (size_t i = 0; i < tenon_countof(ids); i++) {
        const int fd = tenon_cache_mount_open(store, ids[i], "private", -1, 0755, geteuid(),
                                              getegid(), -1, NULL, &locks[i], &err);
        ck_assert_int_ge(fd, 0);
        close(fd);
        if (i > 0) /* the first is used on */
            tenon_lock_release(locks[i]);
    }
    ck_assert_int_eq(tenon_cache_mount_trim(store, "t ", 2, &err), 0);
    for (size_t i = 0; i < tenon_countof(ids); i++)
        ck_assert_msg(tenon_cache_mount_exists(store, ids[i]) == stays[i], "%s", ids[i]);
    tenon_lock_release(locks[0]);
}
END_TEST

/* Our descriptors of the file. */
static int
open_here(const char *name)
{
    auto_free char *wanted = tenon_asprintf("%s/%s", dir_path, name);
    auto_dir DIR *d = opendir("/proc/self/fd");
    int n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        char target[256];
        ssize_t len = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        if (len < 0)
            continue;
        target[len] = '\0';
        n += !strcmp(target, wanted);
    }
    return n;
}

/* Who waits for one gets another when it is collected meanwhile. */
static void *
wait_for_it(void *data)
{
    struct use *u = data;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *own = NULL;
    ck_assert_int_eq(tenon_store_open(dir_path, &own, &err), 0);
    u->fd = tenon_cache_mount_open(own, "c", "locked", -1, 0755, geteuid(), getegid(), -1, NULL, &u->lock,
                                   &err);
    if (u->fd >= 0) {
        struct stat st;
        u->ino = fstat(u->fd, &st) == 0 && st.st_nlink > 0 ? st.st_ino : 0;
        end(u);
    }
    tenon_store_close(own);
    return NULL;
}

START_TEST(test_cache_collected_while_waited_for)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct use a = try_to_use("locked"), b = { .fd = -1 };
    pthread_t t;
    ck_assert_int_eq(pthread_create(&t, NULL, wait_for_it, &b), 0);
    while (open_here("locks/cache-1") < 2) /* it has chosen that one, and waits */
        sched_yield();
    ck_assert_int_eq(db_run(store, &err, "DELETE FROM cache", ""), 0);
    ck_assert_int_eq(renameat(dir_fd, "cache-mounts/1", dir_fd, "tmp/gone"), 0);
    end(&a);
    pthread_join(t, NULL);
    ck_assert_int_ge(b.fd, 0);
    ck_assert_uint_ne(b.ino, 0);
}
END_TEST

/* ---- what a new one starts with -------------------------------------------------------- */

START_TEST(test_cache_new_one_has_mode_and_owner)
{
    static const struct { uint32_t mode, uid, gid; } wanted[] = {
        { 0755, 0, 0 }, { 01777, 1, 2 }, { 02750, 1000, 1001 }, { 0, 0, 0 },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (geteuid() != 0) {
        unit_not_tried("owners of cache mounts: needs root");
        return;
    }
    umask(077);
    for (size_t i = 0; i < tenon_countof(wanted); i++) {
        auto_free char *id = tenon_asprintf("c%zu", i);
        struct tenon_lock *lock = NULL;
        struct stat st;
        auto_close int fd = tenon_cache_mount_open(store, id, "shared", -1, wanted[i].mode,
                                                   wanted[i].uid, wanted[i].gid, -1, NULL, &lock, &err);
        ck_assert_msg(fd >= 0, "%s", err.message);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, wanted[i].mode);
        ck_assert_uint_eq(st.st_uid, wanted[i].uid);
        ck_assert_uint_eq(st.st_gid, wanted[i].gid);
        tenon_lock_release(lock);
    }
}
END_TEST

/* Everything of the seed: names of one file, times, modes, owners, attributes. */
START_TEST(test_cache_seed_is_copied_whole)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (geteuid() != 0) {
        unit_not_tried("what a seed is copied with: needs root");
        return;
    }
    umask(077);
    ck_assert_int_eq(mkdirat(dir_fd, "seed", 0700), 0);
    auto_close int seed = openat(dir_fd, "seed", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(fchownat(dir_fd, "seed", 3, 4, 0), 0);
    ck_assert_int_eq(fchmodat(dir_fd, "seed", 02751, 0), 0);
    ck_assert_int_eq(mkdirat(seed, "d", 0755), 0);
    unit_write(seed, "d/a", "text");
    ck_assert_int_eq(linkat(seed, "d/a", seed, "b", 0), 0);
    ck_assert_int_eq(symlinkat("d/a", seed, "link"), 0);
    ck_assert_int_eq(mkfifoat(seed, "fifo", 0600), 0);
    ck_assert_int_eq(fchownat(seed, "d/a", 5, 6, 0), 0);
    ck_assert_int_eq(fchmodat(seed, "d/a", 04711, 0), 0);
    ck_assert_int_eq(fchownat(seed, "link", 7, 8, AT_SYMLINK_NOFOLLOW), 0);
    auto_close int file = openat(seed, "d/a", O_RDONLY);
    auto_close int deep = openat(seed, "d", O_RDONLY | O_DIRECTORY);
    bool attributes = fsetxattr(file, "user.x", "value", 5, 0) == 0 &&
                      fsetxattr(file, "trusted.kept", "t", 1, 0) == 0 &&
                      fsetxattr(deep, "trusted.overlay.opaque", "y", 1, 0) == 0;
    if (!attributes)
        unit_not_tried("extended attributes of a seed: this file system has none");
    const struct timespec times[] = { { 1000, 1 }, { 2000, 123456789 } };
    static const char *const timed[] = { "d/a", "link", "fifo", "d" };
    for (size_t i = 0; i < tenon_countof(timed); i++)
        ck_assert_int_eq(utimensat(seed, timed[i], times, AT_SYMLINK_NOFOLLOW), 0);

    struct tenon_lock *lock = NULL;
    auto_close int fd = tenon_cache_mount_open(store, "s", "shared", seed, 0755, 0, 0, -1, NULL, &lock, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    struct stat st, other;
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 02751);
    ck_assert_uint_eq(st.st_uid, 3);
    ck_assert_uint_eq(st.st_gid, 4);
    for (size_t i = 0; i < tenon_countof(timed); i++) {
        struct stat was;
        ck_assert_int_eq(fstatat(seed, timed[i], &was, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert_int_eq(fstatat(fd, timed[i], &st, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert_msg(st.st_mode == was.st_mode && st.st_uid == was.st_uid && st.st_gid == was.st_gid,
                      "%s", timed[i]);
        ck_assert_msg(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 123456789, "%s", timed[i]);
    }
    ck_assert_int_eq(fstatat(fd, "d/a", &st, 0), 0);
    ck_assert_int_eq(fstatat(fd, "b", &other, 0), 0);
    ck_assert_uint_eq(st.st_ino, other.st_ino);
    ck_assert_int_eq(st.st_nlink, 2);
    ck_assert_int_eq(st.st_size, 4);
    if (attributes) {
        char value[16];
        auto_close int copy = openat(fd, "d/a", O_RDONLY);
        auto_close int dir = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        ck_assert_int_eq(fgetxattr(copy, "user.x", value, sizeof value), 5);
        ck_assert_int_eq(fgetxattr(copy, "trusted.kept", value, sizeof value), 1);
        ck_assert_int_lt(fgetxattr(dir, "trusted.overlay.opaque", value, sizeof value), 0);
    }
    tenon_lock_release(lock);
}
END_TEST

START_TEST(test_cache_seed_too_deep_leaves_nothing)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(mkdirat(dir_fd, "seed", 0755), 0);
    auto_close int seed = openat(dir_fd, "seed", O_RDONLY | O_DIRECTORY);
    int at = dup(seed);
    for (int i = 0; i < 600; i++) {
        ck_assert_int_eq(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
    }
    close(at);
    struct tenon_lock *lock = NULL;
    int fd = tenon_cache_mount_open(store, "s", "shared", seed, 0755, geteuid(), getegid(), -1, NULL, &lock,
                                    &err);
    ck_assert_int_eq(fd, TENON_E_LIMIT);
    ck_assert_ptr_null(lock);
    ck_assert_int_ne(faccessat(dir_fd, "cache-mounts/1", F_OK, 0), 0);
    tenon_error_release(&err);
    fd = tenon_cache_mount_open(store, "s", "shared", -1, 0755, geteuid(), getegid(), -1, NULL, &lock, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    close(fd);
    tenon_lock_release(lock);
}
END_TEST

/* What is made for later: while it is filled it is dropped, and that counts. */
static bool dropped;

static int
fill_and_drop(void *data, int dirfd, struct tenon_error *err)
{
    unit_write(dirfd, "imported", "x");
    dropped = data != NULL;
    return dropped ? tenon_cache_mount_drop(store, "c", false, err) : 0;
}

static bool
is_not_dropped(void *data)
{
    (void)data;
    return !dropped;
}

START_TEST(test_cache_made_for_later)
{
    static char yes[] = "yes";
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_cache_fill f = { fill_and_drop, yes, is_not_dropped };
    ck_assert_int_eq(tenon_cache_mount_make(store, "c", &f, -1, &err), TENON_E_CANCELLED);
    tenon_error_release(&err);
    ck_assert(!tenon_cache_mount_exists(store, "c"));
    f.data = NULL;
    ck_assert_msg(tenon_cache_mount_make(store, "c", &f, -1, &err) == 0, "%s", err.message);
    struct use u = try_to_use("locked"); /* nobody is in it */
    ck_assert_int_ge(u.fd, 0);
    ck_assert_int_eq(faccessat(u.fd, "imported", F_OK, 0), 0);
    f.data = yes; /* there is one: nothing is filled */
    ck_assert_msg(tenon_cache_mount_make(store, "c", &f, -1, &err) == 0, "%s", err.message);
    ck_assert(!dropped);
    end(&u);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-cache");
    TCase *tc = tcase_create("cache");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_cache_sharing_of_two);
    tcase_add_test(tc, test_cache_unknown_sharing_is_refused);
    tcase_add_test(tc, test_cache_drop_leaves_what_is_used);
    tcase_add_test(tc, test_cache_trim_leaves_the_newest);
    tcase_add_test(tc, test_cache_collected_while_waited_for);
    tcase_add_test(tc, test_cache_new_one_has_mode_and_owner);
    tcase_add_test(tc, test_cache_seed_is_copied_whole);
    tcase_add_test(tc, test_cache_seed_too_deep_leaves_nothing);
    tcase_add_test(tc, test_cache_made_for_later);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

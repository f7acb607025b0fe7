/* What du tells, and the locks by which builds tell each other that they are there. */
#include "storekit.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "store/lease.h"

static int64_t
make_snapshot(enum tenon_snapshot_type type)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *text = tenon_calloc(1, 100 * 4096 + 1);
    memset(text, 'x', 100 * 4096);
    unit_write(fs, "f", text);
    ck_assert_int_eq(linkat(fs, "f", fs, "g", 0), 0);
    ck_assert_int_eq(mkdirat(fs, "d", 0755), 0);
    ck_assert_int_eq(linkat(fs, "f", fs, "d/h", 0), 0);
    unit_write(fs, "d/small", "x");
    OK(tenon_snapshot_commit(w, type, "made by a test", &id, &err));
    return id;
}

static void
make_cache(const char *id)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *lock = NULL;
    auto_close int fd = tenon_cache_mount_open(store, id, "shared", -1, 0755, geteuid(), getegid(), -1,
                                               NULL, &lock, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    tenon_lock_release(lock);
}

static void
with_rows(void (*look)(const struct tenon_usage_row *rows, size_t n))
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_usage_row *rows;
    size_t n;
    OK(tenon_usage_list(store, &rows, &n, &err));
    look(rows, n);
    tenon_usage_free(rows, n);
}

/* 100 blocks of one file with three names, a small file, three directories. */
static void
look_at_size(const struct tenon_usage_row *rows, size_t n)
{
    ck_assert_uint_eq(n, 1);
    ck_assert_int_ge(rows[0].size_bytes, 100 * 4096);
    ck_assert_int_lt(rows[0].size_bytes, 150 * 4096);
}

START_TEST(test_usage_links_are_counted_once)
{
    make_snapshot(TENON_SNAPSHOT_REGULAR);
    with_rows(look_at_size);
    with_rows(look_at_size); /* now as remembered */
}
END_TEST

static void
look_at_blobs(const struct tenon_usage_row *rows, size_t n)
{
    static const int64_t sizes[] = { 0, 4096, 4096, 8192 };
    int64_t sum = 0, wanted = 0;
    ck_assert_uint_eq(n, tenon_countof(sizes));
    for (size_t i = 0; i < n; i++) {
        sum += rows[i].size_bytes;
        wanted += sizes[i];
        ck_assert_str_eq(rows[i].type, "regular");
        ck_assert(tenon_has_prefix(rows[i].id, "blob:sha256:"));
        ck_assert(!rows[i].is_mutable);
    }
    ck_assert_int_eq(sum, wanted);
}

START_TEST(test_usage_blobs_take_whole_blocks)
{
    static const size_t lengths[] = { 0, 1, 4096, 4097 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *text = tenon_calloc(1, 4097);
    struct tenon_digest d;
    for (size_t i = 0; i < tenon_countof(lengths); i++)
        OK(tenon_blob_put(store, text, lengths[i], &d, &err));
    with_rows(look_at_blobs);
}
END_TEST

static void
look_at_types(const struct tenon_usage_row *rows, size_t n)
{
    static const struct { const char *id, *type, *description; bool is_mutable; } wanted[] = {
        { "snapshot:1", "regular", "made by a test", false },
        { "snapshot:2", "source.local", "made by a test", false },
        { "snapshot:3", "source.git.checkout", "made by a test", false },
        { "snapshot:4", "internal", "made by a test", false },
        { "snapshot:5", "frontend", "made by a test", false },
        { "snapshot:6", "failed-step", "made by a test", false },
        { "cache:1", "exec.cachemount", "cached mount go", true },
        { "cache:2", "exec.cachemount", "cached mount go", true },
        { "cache:3", "regular", "git:repository", true },
        { "cache:4", "source.local", "local source for the name", true },
    };
    ck_assert_uint_eq(n, tenon_countof(wanted));
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(rows[i].id, wanted[i].id);
        ck_assert_str_eq(rows[i].type, wanted[i].type);
        ck_assert_str_eq(rows[i].description, wanted[i].description);
        ck_assert_msg(rows[i].is_mutable == wanted[i].is_mutable, "%s", rows[i].id);
        ck_assert_int_gt(rows[i].created_ns, 0);
        ck_assert_int_ge(rows[i].last_used_ns, rows[i].created_ns);
    }
}

START_TEST(test_usage_types)
{
    for (int type = TENON_SNAPSHOT_REGULAR; type <= TENON_SNAPSHOT_FAILED; type++)
        make_snapshot((enum tenon_snapshot_type)type);
    make_cache("go");
    make_cache("go" TENON_CACHE_SEEDED "sha256:1");
    make_cache(TENON_CACHE_KEPT "git:repository");
    make_cache(TENON_CACHE_LOCAL "0123abcd the name");
    with_rows(look_at_types);
}
END_TEST

/* Shared: a layer of an image, or of several records.  Counted: each use. */
static void
look_at_sharing(const struct tenon_usage_row *rows, size_t n)
{
    static const bool shared[] = { true, true, false };
    static const int64_t uses[] = { 2, 2, 1 };
    ck_assert_uint_eq(n, tenon_countof(shared));
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(rows[i].shared == shared[i], "%s", rows[i].id);
        ck_assert_msg(rows[i].use_count == uses[i], "%s: %lld", rows[i].id,
                      (long long)rows[i].use_count);
    }
}

START_TEST(test_usage_shared_and_counted)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t ids[3], found = 0;
    for (size_t i = 0; i < tenon_countof(ids); i++)
        ids[i] = make_snapshot(TENON_SNAPSHOT_REGULAR);
    OK(tenon_snapshot_set_chain_id(store, ids[0], "chain", &err));
    for (int i = 0; i < 2; i++)
        ck_assert(tenon_snapshot_by_chain_id(store, "chain", &found));
    ck_assert_int_eq(found, ids[0]);
    for (size_t i = 0; i < 2; i++) {
        const char *key = i ? "a" : "b";
        struct tenon_chain chain = { ids + 1, 2 - i };
        struct tenon_record r = { .output_count = 1, .outputs = &chain };
        tenon_digest_of(key, 1, &r.id);
        OK(tenon_record_store(store, &key, 1, &r, NULL, NULL, NULL, 0, &err));
    }
    with_rows(look_at_sharing);
}
END_TEST

/* In use: since the oldest of the others that are at work began. */
static bool in_use;

static void
look_at_use(const struct tenon_usage_row *rows, size_t n)
{
    ck_assert_uint_eq(n, 1);
    in_use = rows[0].in_use;
}

START_TEST(test_usage_in_use_by_others)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *other = NULL;
    OK(tenon_store_open(dir_path, &other, &err));
    make_snapshot(TENON_SNAPSHOT_REGULAR);
    with_rows(look_at_use);
    ck_assert(in_use);
    tenon_store_close(other);
    with_rows(look_at_use);
    ck_assert(!in_use);
    OK(tenon_store_open(dir_path, &other, &err)); /* one that came later */
    with_rows(look_at_use);
    ck_assert(!in_use);
    tenon_store_close(other);
}
END_TEST

/* ---- leases ---------------------------------------------------------------------- */

/* The file of one who was killed says nothing, and goes. */
START_TEST(test_lease_of_the_dead)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        if (tenon_store_open(dir_path, &own, &e) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    int64_t id = make_snapshot(TENON_SNAPSHOT_REGULAR);
    ck_assert_int_eq(id, 1);
    with_rows(look_at_use);
    ck_assert(!in_use);
    auto_dir DIR *d = fdopendir(openat(dir_fd, "locks", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int leases = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        leases += tenon_has_prefix(e->d_name, "lease-");
    ck_assert_int_eq(leases, 1);
}
END_TEST

/* What is called like one and is none does not hold anything up. */
START_TEST(test_lease_names_that_are_none)
{
    static const char *const names[] = { "lease-", "lease-x", "lease-1", "lease-1-", "lease-1-x",
                                         "lease--1-1", "leasex-1-1", "lease-1-99999999999999999999" };
    make_snapshot(TENON_SNAPSHOT_REGULAR);
    for (size_t i = 0; i < tenon_countof(names); i++) {
        auto_free char *file = tenon_asprintf("locks/%s", names[i]);
        auto_close int fd = openat(dir_fd, file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(flock(fd, LOCK_SH), 0);
        with_rows(look_at_use);
        ck_assert_msg(!in_use, "%s", names[i]);
    }
}
END_TEST

/* ---- locks ------------------------------------------------------------------------ */

static int
try_lock(const char *name, bool shared, struct tenon_lock **l)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    close(fds[1]); /* readable: no waiting */
    int rc = tenon_lock_acquire(store, name, shared, fds[0], NULL, l, &err);
    close(fds[0]);
    return rc;
}

static bool
has_lock_file(const char *name)
{
    auto_free char *file = tenon_asprintf("locks/%s", name);
    return faccessat(dir_fd, file, F_OK, 0) == 0;
}

START_TEST(test_lock_shared_and_alone)
{
    struct tenon_lock *a = NULL, *b = NULL, *c = NULL;
    ck_assert_int_eq(try_lock("x", true, &a), 0);
    ck_assert_int_eq(try_lock("x", true, &b), 0);
    ck_assert_int_eq(try_lock("x", false, &c), TENON_E_CANCELLED);
    ck_assert_int_eq(try_lock("y", false, &c), 0); /* another name, another lock */
    tenon_lock_release(c);
    tenon_lock_release(a);
    ck_assert(has_lock_file("x")); /* b's still */
    ck_assert_int_eq(try_lock("x", false, &c), TENON_E_CANCELLED);
    tenon_lock_release(b);
    ck_assert(!has_lock_file("x"));
    ck_assert_int_eq(try_lock("x", false, &c), 0);
    ck_assert_int_eq(try_lock("x", true, &a), TENON_E_CANCELLED);
    tenon_lock_release(c);
    ck_assert(!has_lock_file("x"));
    tenon_lock_release(NULL);
}
END_TEST

/* A holder whose file somebody removed and made again leaves that one alone, for it
 * is the lock now. */
START_TEST(test_lock_file_that_is_another)
{
    struct tenon_lock *a = NULL, *b = NULL, *c = NULL;
    ck_assert_int_eq(try_lock("x", false, &a), 0);
    ck_assert_int_eq(unlinkat(dir_fd, "locks/x", 0), 0);
    ck_assert_int_eq(try_lock("x", false, &b), 0);
    tenon_lock_release(a);
    ck_assert(has_lock_file("x"));
    ck_assert_int_eq(try_lock("x", false, &c), TENON_E_CANCELLED);
    tenon_lock_release(b);
}
END_TEST

/* Many processes take and remove one lock: at no time two hold it. */
START_TEST(test_lock_never_held_by_two)
{
    enum { MANY = 4, ROUNDS = 400 };
    auto_free char *inside = tenon_asprintf("%s/inside", dir_path);
    pid_t pids[MANY];
    for (int i = 0; i < MANY; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        if (tenon_store_open(dir_path, &own, &e) < 0)
            _exit(1);
        for (int n = 0; n < ROUNDS; n++) {
            struct tenon_lock *l;
            if (tenon_lock_acquire(own, "x", false, -1, NULL, &l, &e) < 0)
                _exit(2);
            int fd = open(inside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (fd < 0 || unlink(inside) < 0)
                _exit(3);
            close(fd);
            tenon_lock_release(l);
        }
        _exit(0);
    }
    for (int i = 0; i < MANY; i++) {
        int status;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-usage");
    TCase *tc = tcase_create("usage");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_usage_links_are_counted_once);
    tcase_add_test(tc, test_usage_blobs_take_whole_blocks);
    tcase_add_test(tc, test_usage_types);
    tcase_add_test(tc, test_usage_shared_and_counted);
    tcase_add_test(tc, test_usage_in_use_by_others);
    tcase_add_test(tc, test_lease_of_the_dead);
    tcase_add_test(tc, test_lease_names_that_are_none);
    tcase_add_test(tc, test_lock_shared_and_alone);
    tcase_add_test(tc, test_lock_file_that_is_another);
    tcase_add_test(tc, test_lock_never_held_by_two);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

/* The store when processes die, disks are full and others are at work. */
#include "storekit.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/lease.h"

static void
reopen(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tenon_store_close(store);
    store = NULL;
    OK(tenon_store_open(dir_path, &store, &err));
}

static int64_t
make_snapshot(const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    {
        auto_close int fs =
            openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        unit_write(fs, "file", text);
    }
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
    return id;
}

static void
store_record(const char *key, int64_t *ids, size_t len)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_chain chain = {ids, len};
    struct tenon_record r = {.output_count = 1, .outputs = &chain};
    tenon_digest_of(key, strlen(key), &r.id);
    OK(tenon_record_store(store, &key, 1, &r, NULL, "step", NULL, 0, &err));
}

static bool
exists(const char *name)
{
    return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
prune_of(struct tenon_store *s, int64_t keep_bytes, size_t *count, struct tenon_error *err)
{
    struct tenon_prune_options o = {.all = true, .keep_bytes = keep_bytes};
    struct tenon_usage_row *rows = NULL;
    size_t n = 0;
    int ret = tenon_prune(s, &o, &rows, &n, err);
    tenon_usage_free(rows, n);
    if (count)
        *count = n;
    return ret;
}

/* Whatever a record leads to is there. */
static void
check_record(const char *key)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_record r = {0};
    int found = tenon_record_find(store, key, &r, &err);
    ck_assert_msg(found >= 0, "%s", err.message);
    for (uint32_t i = 0; i < r.output_count; i++) {
        for (size_t k = 0; k < r.outputs[i].len; k++) {
            auto_close int fd = tenon_snapshot_open(store, r.outputs[i].ids[k], &err);
            ck_assert_msg(fd >= 0, "%s leads to nothing: %s", key, err.message);
        }
    }
    tenon_record_release(&r);
}

/* ---- what the dead leave ------------------------------------------------------ */

/* A container's first process has the number of the one before it. */
START_TEST(test_faults_leftovers_with_our_number_are_passed_by)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (int i = 0; i < 3; i++) {
        auto_free char *name = tenon_asprintf("tmp/work-%ld-%d", (long)getpid(), i);
        ck_assert_int_eq(mkdirat(dir_fd, name, 0700), 0);
    }
    struct tenon_snapshot_work *w;
    OK(tenon_snapshot_begin(store, &w, &err));
    tenon_snapshot_discard(w);
}
END_TEST

START_TEST(test_faults_unrecorded_trees_and_blobs_are_collected)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(mkdirat(dir_fd, "snapshots/77", 0700), 0);
    ck_assert_int_eq(mkdirat(dir_fd, "snapshots/77/fs", 0700), 0);
    struct tenon_digest d;
    tenon_digest_of("x", 1, &d);
    auto_free char *blob = tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
    unit_write(dir_fd, blob, "x");
    OK(prune_of(store, 0, NULL, &err));
    ck_assert(!exists("snapshots/77"));
    ck_assert(!exists(blob));
}
END_TEST

/* The disk is full just when the collector wants to commit. */
START_TEST(test_faults_prune_that_cannot_commit_changes_nothing)
{
    int64_t id = make_snapshot("text");
    store_record("key", &id, 1);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest blob;
    OK(tenon_blob_put(store, "blob", 4, &blob, &err));
    reopen();
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        struct stat st;
        if (tenon_store_open(dir_path, &own, &e) < 0 ||
            fstatat(dir_fd, "tenon.db-wal", &st, 0) < 0)
            _exit(2);
        struct rlimit limit = {(rlim_t)st.st_size, (rlim_t)st.st_size};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(2);
        _exit(prune_of(own, 0, NULL, &e) < 0 ? 0 : 3);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    check_record("key");
    int64_t size = 0;
    ck_assert(tenon_blob_exists(store, blob.str, &size));
}
END_TEST

/* What cannot be committed is an error for whoever asked, and nothing of it is there:
 * each change of the store, when the log of the database cannot grow. */
enum change { SNAPSHOT, BLOB, RECORD, LINK, FIND, CACHE, IMAGE, PIN, CHAIN_ID, CHANGES };

static int
change(struct tenon_store *s, enum change what, struct tenon_snapshot_work *w, struct tenon_error *err)
{
    struct tenon_digest d;
    struct tenon_record r = {0};
    struct tenon_lock *lock = NULL;
    int64_t id;
    const char *key = "new key";
    tenon_digest_of(key, strlen(key), &r.id);
    switch (what) {
    case SNAPSHOT:
        return tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, err);
    case BLOB:
        return tenon_blob_put(s, "new blob", 8, &d, err);
    case RECORD:
        return tenon_record_store(s, &key, 1, &r, NULL, NULL, NULL, 0, err);
    case LINK:
        tenon_digest_of("key", 3, &r.id);
        return tenon_record_link(s, key, r.id.str, err);
    case FIND:
        return tenon_record_find(s, "key", &r, err);
    case CACHE:
        return tenon_cache_mount_open(s, "new", "shared", -1, 0755, geteuid(), getegid(), -1, NULL, &lock, err);
    case IMAGE:
        return tenon_image_set(s, "new", "sha256:1", NULL, 1, err);
    case PIN:
        return tenon_pin_set(s, "new", "text", err);
    case CHAIN_ID:
        return tenon_snapshot_set_chain_id(s, 1, "chain", err);
    case CHANGES:
        break;
    }
    return 0;
}

static int
count(const char *name)
{
    auto_dir DIR *d = fdopendir(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int n = 0;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
        n += e->d_name[0] != '.';
    return n;
}

START_TEST(test_faults_what_cannot_commit_is_an_error)
{
    int64_t id = make_snapshot("text");
    store_record("key", &id, 1);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *lock = NULL;
    int fd = tenon_cache_mount_open(store, "old", "shared", -1, 0755, geteuid(), getegid(), -1, NULL, &lock,
                                    &err);
    ck_assert_int_ge(fd, 0);
    close(fd);
    tenon_lock_release(lock);
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        struct tenon_snapshot_work *w;
        struct stat st;
        if (tenon_store_open(dir_path, &own, &e) < 0 || tenon_snapshot_begin(own, &w, &e) < 0 ||
            fstatat(dir_fd, "tenon.db-wal", &st, 0) < 0)
            _exit(1);
        struct rlimit limit = {(rlim_t)st.st_size, (rlim_t)st.st_size};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(2);
        int rc = change(own, (enum change)_i, w, &e);
        if (rc >= 0 || e.code != rc || !e.message || !strstr(e.message, "tenon.db"))
            _exit(3);
        if (_i != SNAPSHOT)
            tenon_snapshot_discard(w);
        _exit(count("tmp") ? 4 : 0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "change %d: status %d", _i, WEXITSTATUS(status));
    reopen();
    check_record("key");
    struct tenon_record r = {0};
    ck_assert_int_eq(tenon_record_find(store, "new key", &r, &err), 0);
    struct tenon_image_row row = {0};
    ck_assert_int_eq(tenon_image_get(store, "new", &row, &err), TENON_E_NOT_FOUND);
    ck_assert_ptr_null(tenon_pin_get(store, "new"));
    ck_assert(!tenon_snapshot_by_chain_id(store, "chain", &id));
    ck_assert_int_eq(count("snapshots"), 1);
    struct tenon_usage_row *rows;
    size_t n;
    OK(tenon_usage_list(store, &rows, &n, &err));
    ck_assert_uint_eq(n, 2);
    tenon_usage_free(rows, n);
}
END_TEST

/* Killed at some time of its work: no record may lead to nothing. */
START_TEST(test_faults_prune_killed_at_any_time)
{
    enum { STEPS = 40 };
    char keys[STEPS][16];
    for (int i = 0; i < STEPS; i++) {
        int64_t id = make_snapshot("text");
        snprintf(keys[i], sizeof keys[i], "key-%d", i);
        store_record(keys[i], &id, 1);
    }
    for (int round = 0; round < 12; round++) {
        tenon_store_close(store); /* its lease would keep them */
        store = NULL;
        pid_t pid = fork();
        if (pid == 0) {
            struct tenon_error e = TENON_ERROR_INIT;
            struct tenon_store *own;
            if (tenon_store_open(dir_path, &own, &e) == 0)
                prune_of(own, 0, NULL, &e);
            _exit(0);
        }
        usleep((useconds_t)(1200 + round * 250));
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        reopen();
        for (int i = 0; i < STEPS; i++)
            check_record(keys[i]);
    }
}
END_TEST

/* ---- several at once ----------------------------------------------------------- */

START_TEST(test_faults_many_make_the_same_store)
{
    enum { MANY = 6 };
    for (int round = 0; round < 15; round++) {
        auto_free char *path = tenon_asprintf("%s/new-%d", dir_path, round);
        int start[2];
        ck_assert_int_eq(pipe2(start, O_CLOEXEC), 0);
        pid_t pids[MANY];
        for (int i = 0; i < MANY; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct tenon_error e = TENON_ERROR_INIT;
                struct tenon_store *own;
                char c;
                close(start[1]);
                if (read(start[0], &c, 1) != 0)
                    _exit(2);
                if (tenon_store_open(path, &own, &e) < 0) {
                    fprintf(stderr, "%s\n", e.message);
                    _exit(1);
                }
                _exit(0);
            }
        }
        close(start[0]);
        close(start[1]);
        for (int i = 0; i < MANY; i++) {
            int status;
            ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
            ck_assert_int_eq(status, 0);
        }
    }
}
END_TEST

START_TEST(test_faults_begin_while_another_sweeps)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        if (tenon_store_open(dir_path, &own, &e) < 0)
            _exit(1);
        for (;;)
            tenon_store_sweep(own);
    }
    int failed = 0;
    for (int i = 0; i < 3000 && !failed; i++) {
        struct tenon_snapshot_work *w;
        failed = tenon_snapshot_begin(store, &w, &err) < 0;
        if (!failed)
            tenon_snapshot_discard(w);
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_msg(!failed, "%s", err.message);
}
END_TEST

/* A process that begins when a collector has looked for others: what it uses from
 * then on is not older than what the collector may take. */
START_TEST(test_faults_no_lease_is_now_and_not_for_ever)
{
    int64_t before = store_oldest_lease(store);
    ck_assert_int_le(before, (int64_t)tenon_now_ns());
}
END_TEST

/* Processes in other pid namespaces may have our number. */
START_TEST(test_faults_lease_of_another_with_our_number_counts)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id = make_snapshot("text");
    auto_free char *name = tenon_asprintf("locks/lease-%ld-1", (long)getpid());
    auto_close int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(flock(fd, LOCK_SH), 0);
    OK(prune_of(store, 0, NULL, &err));
    auto_close int fs = tenon_snapshot_open(store, id, &err);
    ck_assert_int_ge(fs, 0);
}
END_TEST

/* One wants what another is collecting: it gets all of it, or makes it anew. */
static void
race_with_prune(int (*user)(struct tenon_store *s, struct tenon_error *err), int rounds)
{
    tenon_store_close(store);
    store = NULL;
    for (int round = 0; round < rounds; round++) {
        struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_store *first;
        OK(tenon_store_open(dir_path, &first, &err));
        OK(user(first, &err));
        tenon_store_close(first);
        int start[2];
        ck_assert_int_eq(pipe2(start, O_CLOEXEC), 0);
        pid_t pids[2];
        for (int i = 0; i < 2; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct tenon_store *own;
                char c;
                close(start[1]);
                if (tenon_store_open(dir_path, &own, &err) < 0 ||
                    read(start[0], &c, 1) != 0)
                    _exit(2);
                int ret;
                if (i == 0) {
                    usleep((useconds_t)(round * 37 % 900));
                    ret = user(own, &err);
                    usleep(20000); /* and works with it */
                    if (ret == 0)
                        ret = user(own, &err);
                } else {
                    /* not its own lease: that of the user counts */
                    ret = prune_of(own, 0, NULL, &err);
                }
                if (ret < 0)
                    fprintf(stderr, "round %d: %s\n", round,
                            err.message ? err.message : "lost");
                _exit(ret < 0);
            }
        }
        close(start[0]);
        close(start[1]);
        for (int i = 0; i < 2; i++) {
            int status;
            ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
            ck_assert_msg(status == 0, "round %d, process %d", round, i);
        }
    }
    reopen();
}

static int
use_blob(struct tenon_store *s, struct tenon_error *err)
{
    struct tenon_digest d;
    int64_t size;
    if (tenon_blob_put(s, "the blob", 8, &d, err) < 0)
        return err->code;
    return tenon_blob_exists(s, d.str, &size) ? 0 : TENON_E_FAILED;
}

static int
use_cache(struct tenon_store *s, struct tenon_error *err)
{
    struct tenon_lock *lock = NULL;
    auto_close int fd = tenon_cache_mount_open(s, "id", "locked", -1, 0755, 0, 0,
                                               -1, NULL, &lock, err);
    if (fd < 0)
        return fd;
    usleep(5000); /* the step runs */
    struct stat st;
    int ret = fstat(fd, &st) == 0 && st.st_nlink > 0 ? 0 : TENON_E_FAILED;
    tenon_lock_release(lock);
    return ret;
}

START_TEST(test_faults_blob_wanted_while_collected)
{
    race_with_prune(use_blob, 60);
}
END_TEST

START_TEST(test_faults_cache_mount_wanted_while_collected)
{
    if (geteuid() != 0)
        return; /* it sets owners */
    race_with_prune(use_cache, 60);
}
END_TEST

/* ---- the rest -------------------------------------------------------------------- */

START_TEST(test_faults_prune_takes_the_top_of_a_chain_first)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t ids[12];
    for (size_t i = 0; i < tenon_countof(ids); i++)
        ids[i] = make_snapshot("text");
    store_record("all", ids, tenon_countof(ids)); /* marks them all at once */
    store_record("base", ids, 1);
    struct tenon_usage_row *rows;
    size_t n;
    OK(tenon_usage_list(store, &rows, &n, &err));
    int64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += rows[i].size_bytes;
    tenon_usage_free(rows, n);
    struct tenon_record r = {0};
    OK(tenon_record_find(store, "all", &r, &err)); /* base was used a bit later */
    tenon_record_release(&r);
    OK(prune_of(store, total - 1, &n, &err));
    ck_assert_uint_eq(n, 1);
    for (size_t i = 0; i + 1 < tenon_countof(ids); i++) {
        auto_close int fd = tenon_snapshot_open(store, ids[i], &err);
        ck_assert_msg(fd >= 0, "%s", err.message);
    }
}
END_TEST

START_TEST(test_faults_link_to_no_record_is_not_found)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    tenon_digest_of("none", 4, &d);
    ck_assert_int_eq(tenon_record_link(store, "key", d.str, &err), TENON_E_NOT_FOUND);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-faults");
    TCase *tc = tcase_create("faults");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_faults_leftovers_with_our_number_are_passed_by);
    tcase_add_test(tc, test_faults_unrecorded_trees_and_blobs_are_collected);
    tcase_add_test(tc, test_faults_prune_that_cannot_commit_changes_nothing);
    tcase_add_loop_test(tc, test_faults_what_cannot_commit_is_an_error, 0, CHANGES);
    tcase_add_test(tc, test_faults_prune_killed_at_any_time);
    tcase_add_test(tc, test_faults_many_make_the_same_store);
    tcase_add_test(tc, test_faults_begin_while_another_sweeps);
    tcase_add_test(tc, test_faults_no_lease_is_now_and_not_for_ever);
    tcase_add_test(tc, test_faults_lease_of_another_with_our_number_counts);
    tcase_add_test(tc, test_faults_blob_wanted_while_collected);
    tcase_add_test(tc, test_faults_cache_mount_wanted_while_collected);
    tcase_add_test(tc, test_faults_prune_takes_the_top_of_a_chain_first);
    tcase_add_test(tc, test_faults_link_to_no_record_is_not_found);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

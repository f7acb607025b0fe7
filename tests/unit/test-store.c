/* The store: blobs, snapshots, mounts, records, locks, caches, collection. */
#include "storekit.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/cancel.h"

static int
entries(const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *d = fdopendir(fd);
    int n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    return n;
}

static int64_t
make_snapshot(const char *file, const char *text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    if (file) {
        auto_close int fs = openat(tenon_snapshot_work_fs(w), ".", O_RDONLY | O_DIRECTORY);
        unit_write(fs, file, text);
    }
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
    return id;
}

START_TEST(test_blob_put_and_read)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct tenon_digest d;
    OK(tenon_blob_put(store, "hello", 5, &d, &err));
    ck_assert_str_eq(d.str, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    OK(tenon_blob_put(store, "hello", 5, &d, &err)); /* once more is fine */
    OK(tenon_blob_read(store, d.str, 100, &b, &err));
    ck_assert_str_eq(tenon_buf_str(&b), "hello");
    ck_assert_int_eq(entries("content/blobs/sha256"), 1);
    ck_assert_int_eq(entries("tmp"), 0);
}
END_TEST

START_TEST(test_blob_wrong_digest_leaves_nothing)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_blob_writer *w;
    OK(tenon_blob_writer_new(store, &w, &err));
    OK(tenon_blob_write(w, "x", 1, &err));
    ck_assert_int_eq(tenon_blob_commit(w, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                                       -1, NULL, &err), TENON_E_CORRUPT);
    ck_assert_int_eq(entries("content/blobs/sha256"), 0);
}
END_TEST

START_TEST(test_blob_wrong_size_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_blob_writer *w;
    OK(tenon_blob_writer_new(store, &w, &err));
    OK(tenon_blob_write(w, "xy", 2, &err));
    ck_assert_int_eq(tenon_blob_commit(w, NULL, 3, NULL, &err), TENON_E_CORRUPT);
}
END_TEST

START_TEST(test_blob_size_and_digest_are_checked)
{
    static const struct { const char *digest; int64_t size; bool good; } wanted[] = {
        { NULL, -1, true }, { NULL, 2, true }, { NULL, 1, false }, { NULL, 3, false }, { NULL, 0, false },
        { "sha256:fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603", 2, true },
        { "sha256:fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620604", 2, false },
        { "sha256:fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603", 3, false },
    };
    for (size_t i = 0; i < tenon_countof(wanted); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_blob_writer *w;
        struct tenon_digest d;
        OK(tenon_blob_writer_new(store, &w, &err));
        OK(tenon_blob_write(w, "a", 1, &err));
        OK(tenon_blob_write(w, "b", 1, &err));
        ck_assert_uint_eq(tenon_blob_written(w), 2);
        int rc = tenon_blob_commit(w, wanted[i].digest, wanted[i].size, &d, &err);
        ck_assert_msg(rc == (wanted[i].good ? 0 : TENON_E_CORRUPT), "row %zu: %d", i, rc);
        ck_assert_int_eq(entries("content/blobs/sha256"), wanted[i].good);
        if (wanted[i].good) {
            auto_free char *file = tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
            ck_assert_int_eq(unlinkat(dir_fd, file, 0), 0);
        }
    }
}
END_TEST

/* What a crash of the machine left under the name of a blob, shorter or longer, is
 * no blob, and makes way for it. */
START_TEST(test_blob_of_another_size_is_replaced)
{
    static const char *const leftovers[] = { "", "hell", "hello, world" };
    static const char name[] =
        "content/blobs/sha256/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    for (size_t i = 0; i < tenon_countof(leftovers); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        struct tenon_digest d;
        struct stat st;
        unlinkat(dir_fd, name, 0);
        unit_write(dir_fd, name, leftovers[i]);
        OK(tenon_blob_put(store, "hello", 5, &d, &err));
        OK(tenon_blob_read(store, d.str, 100, &b, &err));
        ck_assert_str_eq(tenon_buf_str(&b), "hello");
        int64_t size = 0;
        ck_assert(tenon_blob_exists(store, d.str, &size));
        ck_assert_int_eq(size, 5);
        ck_assert_int_eq(fstatat(dir_fd, name, &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0444);
    }
}
END_TEST

START_TEST(test_blob_open_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest none;
    tenon_digest_of("none", 4, &none);
    ck_assert_int_eq(tenon_blob_open(store, "md5:1", NULL, &err), TENON_E_INVALID);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_blob_open(store, none.str, NULL, &err), TENON_E_NOT_FOUND);
}
END_TEST

START_TEST(test_modes_are_no_masks)
{
    /* The command has a mask of its own; who uses the library has any. */
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    mode_t masks[] = { 0, 022, 077 }, mine = umask(0);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct tenon_snapshot_work *w;
        struct tenon_digest d;
        struct stat st;
        umask(masks[i]);
        OK(tenon_snapshot_begin(store, &w, &err));
        ck_assert_int_eq(fstat(tenon_snapshot_work_fs(w), &st), 0);
        ck_assert_int_eq(st.st_mode & 07777, 0755);
        tenon_snapshot_discard(w);
        OK(tenon_blob_put(store, &masks[i], sizeof masks[i], &d, &err));
        auto_close int fd = tenon_blob_open(store, d.str, NULL, &err);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_int_eq(st.st_mode & 07777, 0444);
    }
    umask(mine);
}
END_TEST

START_TEST(test_snapshot_commit_and_discard)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = make_snapshot("f", "text");
    ck_assert_int_eq(id, 1);
    OK(tenon_snapshot_begin(store, &w, &err));
    tenon_snapshot_discard(w);
    ck_assert_int_eq(entries("tmp"), 0);
    auto_close int fs = tenon_snapshot_open(store, id, &err);
    ck_assert_int_ge(fs, 0);
    ck_assert_int_eq(faccessat(fs, "f", F_OK, 0), 0);
}
END_TEST

/* A process that dies in the middle: nothing recorded, the sweep finds it. */
START_TEST(test_snapshot_of_a_killed_process_is_swept)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_store *own;
        struct tenon_snapshot_work *w;
        if (tenon_store_open(dir_path, &own, &err) < 0 || tenon_snapshot_begin(own, &w, &err) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(entries("tmp"), 1);
    tenon_store_sweep(store);
    ck_assert_int_eq(entries("tmp"), 0);
    ck_assert_int_eq(make_snapshot(NULL, NULL), 1);
}
END_TEST

/* What a crash between rename and commit leaves does not stop the next one. */
START_TEST(test_snapshot_stale_directory_is_replaced)
{
    ck_assert_int_eq(mkdirat(dir_fd, "snapshots/1", 0700), 0);
    ck_assert_int_eq(mkdirat(dir_fd, "snapshots/1/fs", 0700), 0);
    ck_assert_int_eq(make_snapshot("f", "x"), 1);
    ck_assert_int_eq(entries("snapshots/1/fs"), 1);
}
END_TEST

START_TEST(test_sweep_leaves_the_living_alone)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_tempdir *x;
    OK(tenon_tempdir_new(store, &x, &err));
    tenon_store_sweep(store);
    ck_assert_int_eq(entries("tmp"), 1);
    tenon_tempdir_free(x);
    ck_assert_int_eq(entries("tmp"), 0);
}
END_TEST

START_TEST(test_record_found_under_every_key)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_record r = {0}, got = {0};
    struct tenon_chain chain = {0};
    tenon_chain_append(&chain, make_snapshot("a", "1"));
    tenon_chain_append(&chain, make_snapshot("b", "2"));
    r.outputs = &chain;
    r.output_count = 1;
    tenon_digest_of("k1", 2, &r.id);
    struct tenon_key_part parts[] = { { "args", "make" }, { "env", "A=1" } };
    const char *keys[] = { r.id.str, "k2" };
    OK(tenon_record_store(store, keys, 2, &r, "scope", "RUN make", parts, 2, &err));
    ck_assert_int_eq(tenon_record_find(store, "k2", &got, &err), 1);
    ck_assert_str_eq(got.id.str, r.id.str);
    ck_assert_uint_eq(got.output_count, 1);
    ck_assert_uint_eq(got.outputs[0].len, 2);
    ck_assert_int_eq(got.outputs[0].ids[1], chain.ids[1]);
    tenon_record_release(&got);
    ck_assert_int_eq(tenon_record_find(store, "k3", &got, &err), 0);
    OK(tenon_record_link(store, "k3", r.id.str, &err));
    ck_assert_int_eq(tenon_record_find(store, "k3", &got, &err), 1);
    tenon_record_release(&got);
    tenon_chain_release(&chain);
}
END_TEST

/* One blob a variant: a layer that was asked for with zstd is no gzip. */
START_TEST(test_snapshot_blobs_by_variant)
{
    static const char *const variants[] = { "gzip", "zstd-3", "zstd-4" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_blob b = { .size = 7, .media_type = "type" }, got;
    int64_t id = make_snapshot("f", "x"), other = make_snapshot("f", "x");
    for (size_t i = 0; i < 2; i++) {
        tenon_digest_of(variants[i], strlen(variants[i]), &b.digest);
        tenon_digest_of("tar", 3, &b.diff_id);
        b.size = 7 + (int64_t)i;
        OK(tenon_snapshot_set_blob(store, id, variants[i], &b, &err));
    }
    for (size_t i = 0; i < 2; i++) {
        tenon_digest_of(variants[i], strlen(variants[i]), &b.digest);
        ck_assert(tenon_snapshot_get_blob(store, id, variants[i], &got));
        ck_assert_str_eq(got.digest.str, b.digest.str);
        ck_assert_str_eq(got.diff_id.str, b.diff_id.str);
        ck_assert_int_eq(got.size, 7 + (int64_t)i);
        ck_assert_str_eq(got.media_type, "type");
    }
    ck_assert(!tenon_snapshot_get_blob(store, id, variants[2], &got));
    ck_assert(!tenon_snapshot_get_blob(store, other, variants[0], &got));
}
END_TEST

/* A tree that cannot be moved into place is no snapshot, and is gone. */
START_TEST(test_snapshot_that_cannot_be_moved_is_not_recorded)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id = 0;
    OK(tenon_snapshot_begin(store, &w, &err));
    ck_assert_int_eq(renameat(dir_fd, "snapshots", dir_fd, "away"), 0);
    ck_assert_int_eq(unlinkat(dir_fd, "away", AT_REMOVEDIR), 0);
    ck_assert_int_lt(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err), 0);
    ck_assert_msg(strstr(err.message, "snapshots/1") != NULL, "%s", err.message);
    ck_assert_int_eq(entries("tmp"), 0);
    struct tenon_usage_row *rows;
    size_t n;
    OK(tenon_usage_list(store, &rows, &n, &err));
    ck_assert_uint_eq(n, 0);
    tenon_usage_free(rows, n);
}
END_TEST

/* Of one layer unpacked twice the first is found; a number that is none is no file. */
START_TEST(test_snapshot_first_of_a_chain_id_stays)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t first = make_snapshot("f", "x"), second = make_snapshot("f", "x"), got = 0;
    OK(tenon_snapshot_set_chain_id(store, first, "chain", &err));
    OK(tenon_snapshot_set_chain_id(store, second, "chain", &err));
    ck_assert(tenon_snapshot_by_chain_id(store, "chain", &got));
    ck_assert_int_eq(got, first);
    ck_assert(!tenon_snapshot_by_chain_id(store, "other", &got));
    ck_assert_int_eq(tenon_snapshot_open(store, 99, &err), TENON_E_NOT_FOUND);
}
END_TEST

/* All that a record was stored with comes back. */
START_TEST(test_record_comes_back_whole)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_chain outputs[3] = { {0}, {0}, {0} };
    for (size_t n = 0; n < 4; n++)
        tenon_chain_append(&outputs[n == 3 ? 2 : 0], make_snapshot("f", "x"));
    struct tenon_record r = { .output_count = 3, .outputs = outputs,
                              .extra = (char[]){ "{\"a\":1}" } };
    tenon_digest_of("k", 1, &r.id);
    const char *keys[] = { "k", "l" };
    OK(tenon_record_store(store, keys, 2, &r, "scope", "RUN", NULL, 0, &err));
    struct tenon_record got = {0};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(tenon_record_find(store, keys[i], &got, &err), 1);
        ck_assert_uint_eq(got.output_count, 3);
        for (size_t n = 0; n < 3; n++) {
            ck_assert_uint_eq(got.outputs[n].len, outputs[n].len);
            for (size_t k = 0; k < outputs[n].len; k++)
                ck_assert_int_eq(got.outputs[n].ids[k], outputs[n].ids[k]);
        }
        ck_assert_str_eq(got.extra, "{\"a\":1}");
        ck_assert_int_gt(got.created_ns, 0);
        tenon_record_release(&got);
    }
    char **all = NULL;
    OK(tenon_record_keys(store, r.id.str, &all, &err));
    ck_assert_uint_eq(tenon_strv_len(all), 2);
    ck_assert_str_eq(all[0], "k");
    ck_assert_str_eq(all[1], "l");
    tenon_strv_free(all);
    /* Stored again it is what it was stored as last. */
    r.output_count = 0;
    r.extra = NULL;
    OK(tenon_record_store(store, keys, 1, &r, "scope", "RUN", NULL, 0, &err));
    ck_assert_int_eq(tenon_record_find(store, "l", &got, &err), 1);
    ck_assert_uint_eq(got.output_count, 0);
    ck_assert_ptr_null(got.extra);
    tenon_record_release(&got);
    for (size_t n = 0; n < 3; n++)
        tenon_chain_release(&outputs[n]);
}
END_TEST

struct parts {
    size_t count;
    char text[200];
};

static void
add_part(void *data, const char *label, const char *value)
{
    struct parts *p = data;
    size_t len = strlen(p->text);
    snprintf(p->text + len, sizeof p->text - len, "%s=%s;", label, value);
    p->count++;
}

/* What explain compares with: the newest of that place in the build file. */
START_TEST(test_record_last_parts_are_the_newest)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char id[TENON_DIGEST_STR_LEN + 1];
    struct tenon_record r = {0};
    for (int i = 0; i < 3; i++) {
        static const char *const scopes[] = { "here", "here", "elsewhere" };
        auto_free char *key = tenon_asprintf("k%d", i), *args = tenon_asprintf("make %d", i);
        const struct tenon_key_part parts[] = { { "args", args }, { "env", "A" }, { "cwd", "/" } };
        const char *keys[] = { key };
        tenon_digest_of(key, strlen(key), &r.id);
        OK(tenon_record_store(store, keys, 1, &r, scopes[i], "RUN", parts, 3, &err));
    }
    struct parts seen = {0};
    ck_assert_int_eq(tenon_record_last_parts(store, "here", id, add_part, &seen, &err), 1);
    ck_assert_str_eq(seen.text, "args=make 1;env=A;cwd=/;");
    tenon_digest_of("k1", 2, &r.id);
    ck_assert_str_eq(id, r.id.str);
    seen = (struct parts){0};
    ck_assert_int_eq(tenon_record_last_parts(store, "nowhere", id, add_part, &seen, &err), 0);
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(test_small_tables_keep_the_last)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d, got;
    ck_assert_ptr_null(tenon_pin_get(store, "p"));
    ck_assert(!tenon_content_digest_get(store, "c", &got));
    for (int i = 0; i < 2; i++) {
        OK(tenon_pin_set(store, "p", i ? "two" : "one", &err));
        tenon_digest_of(i ? "two" : "one", 3, &d);
        tenon_content_digest_put(store, "c", &d);
    }
    auto_free char *pin = tenon_pin_get(store, "p");
    ck_assert_str_eq(pin, "two");
    ck_assert(tenon_content_digest_get(store, "c", &got));
    ck_assert_str_eq(got.str, d.str);
}
END_TEST

/* What looks like a password in a name is none: each has its own. In what is for people it is one. */
START_TEST(test_names_stay_apart)
{
    static const char *const names[] = { "app:1@linux:amd64", "app:2@linux:amd64" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *lock;
    for (size_t i = 0; i < 2; i++) {
        struct tenon_digest d;
        tenon_digest_of(names[i], strlen(names[i]), &d);
        OK(tenon_pin_set(store, names[i], names[i], &err));
        OK(tenon_image_set(store, names[i], d.str, NULL, 1, &err));
        tenon_content_digest_put(store, names[i], &d);
        ck_assert(!tenon_cache_mount_exists(store, names[i]));
        close(tenon_cache_mount_open(store, names[i], "shared", -1, 0755, geteuid(), getegid(),
                                     -1, NULL, &lock, &err));
        tenon_lock_release(lock);
    }
    for (size_t i = 0; i < 2; i++) {
        struct tenon_digest d, got;
        struct tenon_image_row row = {0};
        tenon_digest_of(names[i], strlen(names[i]), &d);
        auto_free char *pin = tenon_pin_get(store, names[i]);
        ck_assert_str_eq(pin, names[i]);
        OK(tenon_image_get(store, names[i], &row, &err));
        ck_assert_str_eq(row.digest, d.str);
        tenon_image_row_release(&row);
        ck_assert(tenon_content_digest_get(store, names[i], &got));
        ck_assert_str_eq(got.str, d.str);
        ck_assert(tenon_cache_mount_exists(store, names[i]));
    }
    char **ids = NULL;
    OK(tenon_cache_mount_ids(store, "app:1@linux:", &ids, &err));
    ck_assert_uint_eq(tenon_strv_len(ids), 1);
    ck_assert_str_eq(ids[0], names[0]);
    tenon_strv_free(ids);

    const struct tenon_key_part part = { "args", "git clone me:hush@host:x" };
    struct tenon_record r = {0};
    struct parts seen = {0};
    tenon_digest_of("apart", 5, &r.id);
    const char *key = r.id.str;
    OK(tenon_record_store(store, &key, 1, &r, names[0], "x", &part, 1, &err));
    ck_assert_int_eq(tenon_record_last_parts(store, names[1], NULL, add_part, &seen, &err), 0);
    ck_assert_int_eq(tenon_record_last_parts(store, names[0], NULL, add_part, &seen, &err), 1);
    ck_assert_str_eq(seen.text, "args=git clone me:xxxxx@host:x;");
}
END_TEST

struct watched {
    unsigned looks, ends;
    int64_t pid;
    bool own;
    char log[32];
};

static void
count_looks(void *data, const struct tenon_lock_holder *holder)
{
    struct watched *w = data;
    if (!holder) {
        w->ends++;
        return;
    }
    w->looks++;
    w->pid = holder->pid;
    w->own = holder->own;
    snprintf(w->log, sizeof w->log, "%s", holder->log ? holder->log : "");
}

/* Of several builds in a process each has the store by a handle of its own. */
START_TEST(test_lock_tells_builds_of_a_process_apart)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *other;
    struct tenon_lock *held, *l;
    struct watched watched = {0};
    const struct tenon_lock_watch watch = { count_looks, &watched };
    struct tenon_cancel *over = tenon_cancel_new(NULL);

    tenon_cancel_fire(over);
    OK(tenon_store_open(dir_path, &other, &err));
    OK(tenon_lock_acquire(store, "step", false, -1, NULL, &held, &err));
    for (int i = 0; i < 2; i++) {
        tenon_lock_describe(held, i == 0 ? NULL : "build/step");
        ck_assert_int_lt(tenon_lock_acquire(store, "step", false, tenon_cancel_fd(over), &watch, &l,
                                            &err), 0);
        ck_assert(watched.own && watched.pid == getpid());
        ck_assert_int_lt(tenon_lock_acquire(other, "step", false, tenon_cancel_fd(over), &watch, &l,
                                            &err), 0);
        ck_assert(!watched.own && watched.pid == getpid());
        ck_assert_str_eq(watched.log, i == 0 ? "" : "build/step");
        tenon_error_release(&err);
    }
    tenon_lock_release(held);
    tenon_store_close(other);
    tenon_cancel_free(over);
}
END_TEST

START_TEST(test_lock_excludes_another_process)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *l;
    int ready[2], go[2];
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        struct tenon_lock *held;
        char c;
        close(go[1]);
        if (tenon_store_open(dir_path, &own, &e) < 0 ||
            tenon_lock_acquire(own, "step", false, -1, NULL, &held, &e) < 0 ||
            (tenon_lock_describe(held, "build/step"), write(ready[1], "x", 1) != 1))
            _exit(1);
        _exit(read(go[0], &c, 1) != 0); /* the kernel drops the lock */
    }
    char c;
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    /* While it is held one waits, until that is called off. */
    struct watched watched = {0};
    const struct tenon_lock_watch watch = { count_looks, &watched };
    struct tenon_cancel *over = tenon_cancel_new(NULL);
    tenon_cancel_fire(over);
    ck_assert_int_eq(tenon_lock_acquire(store, "step", false, tenon_cancel_fd(over), &watch, &l,
                                        &err),
                     TENON_E_CANCELLED);
    ck_assert_int_eq(watched.looks, 1);
    ck_assert_int_eq(watched.ends, 1);
    ck_assert_int_eq(watched.pid, pid);
    ck_assert_str_eq(watched.log, "build/step");
    tenon_cancel_free(over);
    tenon_error_release(&err);
    close(go[1]);
    OK(tenon_lock_acquire(store, "step", false, -1, NULL, &l, &err));
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    tenon_lock_release(l);
}
END_TEST

START_TEST(test_lock_wait_can_be_cancelled)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *a, *b;
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    close(fds[1]); /* readable: fired */
    OK(tenon_lock_acquire(store, "step", false, -1, NULL, &a, &err));
    ck_assert_int_eq(tenon_lock_acquire(store, "step", false, fds[0], NULL, &b, &err), TENON_E_CANCELLED);
    tenon_lock_release(a);
    close(fds[0]);
}
END_TEST

START_TEST(test_cache_mount_shared_private_and_drop)
{
    if (geteuid() != 0)
        return; /* it sets owners */
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *l1 = NULL, *l2 = NULL, *l3 = NULL;
    struct stat s1, s2, s3;
    auto_close int a = tenon_cache_mount_open(store, "c", "shared", -1, 0755, 0, 0, -1, NULL, &l1, &err);
    auto_close int b = tenon_cache_mount_open(store, "c", "shared", -1, 0755, 0, 0, -1, NULL, &l2, &err);
    ck_assert_int_ge(a, 0);
    ck_assert_int_ge(b, 0);
    fstat(a, &s1);
    fstat(b, &s2);
    ck_assert_uint_eq(s1.st_ino, s2.st_ino);
    auto_close int c = tenon_cache_mount_open(store, "c", "private", -1, 0755, 0, 0, -1, NULL, &l3, &err);
    ck_assert_msg(c >= 0, "%s", err.message);
    fstat(c, &s3);
    ck_assert_uint_ne(s1.st_ino, s3.st_ino);
    tenon_lock_release(l1);
    tenon_lock_release(l2);
    tenon_lock_release(l3);
    OK(tenon_cache_mount_drop(store, "c", false, &err));
    ck_assert_int_eq(entries("cache-mounts"), 0);
}
END_TEST

START_TEST(test_cache_mount_drop_takes_the_seeded_or_the_others)
{
    static const char *const ids[] = { "d", "d" TENON_CACHE_SEEDED "7/x", "d:7", "dd" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (size_t i = 0; i < tenon_countof(ids); i++) {
        struct tenon_lock *l = NULL;
        auto_close int fd = tenon_cache_mount_open(store, ids[i], "shared", -1, 0755, 0, 0, -1,
                                                   NULL, &l, &err);
        ck_assert_int_ge(fd, 0);
        tenon_lock_release(l);
    }
    OK(tenon_cache_mount_drop(store, "d", true, &err));
    ck_assert_int_eq(entries("cache-mounts"), 3);
    OK(tenon_cache_mount_drop(store, "d", true, &err)); /* gone already */
    ck_assert_int_eq(entries("cache-mounts"), 3);
    OK(tenon_cache_mount_drop(store, "d", false, &err));
    ck_assert_int_eq(entries("cache-mounts"), 2);
    OK(tenon_cache_mount_drop(store, "d:7", false, &err));
    OK(tenon_cache_mount_drop(store, "dd", false, &err));
    ck_assert_int_eq(entries("cache-mounts"), 0);
}
END_TEST

START_TEST(test_cache_mount_is_seeded_once)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *l = NULL;
    ck_assert_int_eq(mkdirat(dir_fd, "seed", 0750), 0);
    auto_close int seed = openat(dir_fd, "seed", O_RDONLY | O_DIRECTORY);
    unit_write(seed, "f", "seeded");
    auto_close int fd = tenon_cache_mount_open(store, "s", "locked", seed, 0755, 0, 0, -1, NULL, &l, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    ck_assert_int_eq(faccessat(fd, "f", F_OK, 0), 0);
    tenon_lock_release(l);
}
END_TEST

START_TEST(test_statcache_keeps_old_files_only)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_stat_cache *c;
    struct tenon_digest d, got;
    struct tenon_stat_key old = { 7, 1, 2, 3, 1000000000, 1000000000 };
    struct tenon_stat_key young = { 8, 1, 3, 3, (int64_t)tenon_now_ns(), (int64_t)tenon_now_ns() };
    tenon_digest_of("x", 1, &d);
    OK(tenon_stat_cache_load(store, "/ctx", &c, &err));
    tenon_stat_cache_put(c, &old, &d);
    tenon_stat_cache_put(c, &young, &d);
    tenon_stat_cache_save(c);
    OK(tenon_stat_cache_load(store, "/ctx", &c, &err));
    ck_assert(tenon_stat_cache_get(c, &old, &got));
    ck_assert_str_eq(got.str, d.str);
    ck_assert(!tenon_stat_cache_get(c, &young, &got));
    old.mtime_ns++;
    ck_assert(!tenon_stat_cache_get(c, &old, &got));
    tenon_stat_cache_steady(c); /* where nobody changes it */
    tenon_stat_cache_put(c, &young, &d);
    tenon_stat_cache_save(c);
    OK(tenon_stat_cache_load(store, "/ctx", &c, &err));
    ck_assert(tenon_stat_cache_get(c, &young, &got));
    tenon_stat_cache_save(c);
}
END_TEST

/* More than one table's worth, in a root of its own; what is written again replaces. */
START_TEST(test_statcache_many_files)
{
    enum { MANY = 5000 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_stat_cache *c;
    struct tenon_digest d, other, got;
    tenon_digest_of("x", 1, &d);
    tenon_digest_of("y", 1, &other);
    for (int round = 0; round < 2; round++) {
        OK(tenon_stat_cache_load(store, "/many", &c, &err));
        for (uint64_t i = 0; i < MANY; i++) {
            auto_free char *name = tenon_asprintf("d/%llu", (unsigned long long)i);
            struct tenon_stat_key key = { tenon_stat_path(name), i % 3, i, 3, 1000000000 + round, 5 };
            ck_assert(!tenon_stat_cache_get(c, &key, &got));
            tenon_stat_cache_put(c, &key, round ? &other : &d);
        }
        tenon_stat_cache_save(c);
    }
    OK(tenon_stat_cache_load(store, "/many", &c, &err));
    for (uint64_t i = 0; i < MANY; i++) {
        auto_free char *name = tenon_asprintf("d/%llu", (unsigned long long)i);
        struct tenon_stat_key key = { tenon_stat_path(name), i % 3, i, 3, 1000000001, 5 };
        ck_assert(tenon_stat_cache_get(c, &key, &got));
        ck_assert_str_eq(got.str, other.str);
        key.ino++; /* written anew: the same line */
        ck_assert(!tenon_stat_cache_get(c, &key, &got));
    }
    tenon_stat_cache_save(c);
    OK(tenon_stat_cache_load(store, "/other", &c, &err));
    ck_assert(!tenon_stat_cache_get(c, &(struct tenon_stat_key){ tenon_stat_path("d/0"), 0, 0, 3, 1000000001, 5 }, &got));
    tenon_stat_cache_save(c);
}
END_TEST

static void
mount_layers(size_t count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_chain struct tenon_chain chain = {0};
    struct tenon_snapshot_work *w;
    struct tenon_tempdir *x;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        return; /* only root may mount */
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%zu", i);
        tenon_chain_append(&chain, make_snapshot(name, "x"));
    }
    const int64_t with = make_snapshot("lowest", "x");
    tenon_chain_append(&chain, with);
    memmove(chain.ids + 1, chain.ids, (chain.len - 1) * sizeof *chain.ids);
    chain.ids[0] = with;
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_tempdir_new(store, &x, &err));
    OK(tenon_chain_mount(store, &chain, w, tenon_tempdir_path(x), &err));
    auto_close int root = open(tenon_tempdir_path(x), O_RDONLY | O_DIRECTORY);
    char last[32];
    snprintf(last, sizeof last, "f%zu", count - 1);
    ck_assert_int_eq(faccessat(root, "f0", F_OK, 0), 0);
    ck_assert_int_eq(faccessat(root, last, F_OK, 0), 0);
    ck_assert_int_eq(unlinkat(root, "f0", 0), 0);
    unit_write(root, "new", "n");
    ck_assert_int_eq(tenon_unmount(tenon_tempdir_path(x)), 0);
    int64_t id;
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "upper", &id, &err));
    tenon_chain_append(&chain, id);
    for (size_t more = 0; more <= count; more += count) { /* what it removed, deep in the chain */
        for (size_t i = 0; i < more; i++)
            tenon_chain_append(&chain, make_snapshot("more", "y"));
        OK(tenon_chain_mount(store, &chain, NULL, tenon_tempdir_path(x), &err));
        auto_close int again = open(tenon_tempdir_path(x), O_RDONLY | O_DIRECTORY);
        ck_assert_int_ne(faccessat(again, "f0", F_OK, 0), 0);
        ck_assert_int_eq(faccessat(again, "new", F_OK, 0), 0);
        ck_assert_int_eq(faccessat(again, "lowest", F_OK, 0), 0);
        ck_assert_int_eq(faccessat(again, "more", F_OK, 0), more ? 0 : -1);
        for (size_t i = 1; i < count; i++) {
            char name[32];
            snprintf(name, sizeof name, "f%zu", i);
            ck_assert_int_eq(faccessat(again, name, F_OK, 0), 0);
        }
        ck_assert_int_eq(unlinkat(again, "new", 0), -1);
        ck_assert_int_eq(errno, EROFS);
        ck_assert_int_eq(tenon_unmount(tenon_tempdir_path(x)), 0);
    }
    /* Another chain: without the lowest layer. */
    chain.len--;
    memmove(chain.ids, chain.ids + 1, chain.len * sizeof *chain.ids);
    tenon_chain_append(&chain, make_snapshot("f0 again", "z"));
    OK(tenon_chain_mount(store, &chain, NULL, tenon_tempdir_path(x), &err));
    auto_close int other = open(tenon_tempdir_path(x), O_RDONLY | O_DIRECTORY);
    ck_assert_int_ne(faccessat(other, "lowest", F_OK, 0), 0);
    ck_assert_int_eq(tenon_unmount(tenon_tempdir_path(x)), 0);
    close(tenon_steal_fd(&other));
    close(tenon_steal_fd(&root));
    tenon_tempdir_free(x);
}

START_TEST(test_mount_one_layer)
{
    mount_layers(1);
}
END_TEST

START_TEST(test_mount_200_layers)
{
    mount_layers(200);
}
END_TEST

START_TEST(test_mount_400_layers)
{
    mount_layers(400);
}
END_TEST

/* An overlay takes 500: of more the lowest lie in a tree of links. */
START_TEST(test_mount_600_layers)
{
    mount_layers(600);
}
END_TEST

/* Of two stores open on one root, a collector leaves alone what was used since
 * the other began. */
START_TEST(test_prune_respects_a_live_lease)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t before = make_snapshot("before", "x");
    int go[2], ready[2];
    ck_assert_int_eq(pipe(go), 0);
    ck_assert_int_eq(pipe(ready), 0);
    usleep(2000);
    pid_t pid = fork();
    if (pid == 0) {
        struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_store *own;
        char c;
        close(go[1]);
        if (tenon_store_open(dir_path, &own, &e) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        _exit(read(go[0], &c, 1) < 0);
    }
    char c;
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    int64_t after = make_snapshot("after", "x");
    struct tenon_prune_options o = { .all = true };
    struct tenon_usage_row *rows;
    size_t n;
    OK(tenon_prune(store, &o, &rows, &n, &err));
    tenon_usage_free(rows, n);
    struct tenon_error ignored = TENON_ERROR_INIT;
    ck_assert_int_lt(tenon_snapshot_open(store, before, &ignored), 0);
    tenon_error_release(&ignored);
    int fd = tenon_snapshot_open(store, after, &err);
    ck_assert_int_ge(fd, 0);
    close(fd);
    close(go[1]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    OK(tenon_prune(store, &o, &rows, &n, &err));
    tenon_usage_free(rows, n);
    ck_assert_int_lt(tenon_snapshot_open(store, after, &ignored), 0);
    tenon_error_release(&ignored);
}
END_TEST

START_TEST(test_prune_keeps_named_images)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest config, manifest, loose;
    OK(tenon_blob_put(store, "{}", 2, &config, &err));
    auto_free char *text = tenon_asprintf("{\"config\":{\"digest\":\"%s\"}}", config.str);
    OK(tenon_blob_put(store, text, strlen(text), &manifest, &err));
    OK(tenon_blob_put(store, "loose", 5, &loose, &err));
    OK(tenon_image_set(store, "docker.io/library/x:latest", manifest.str, NULL, 1, &err));
    struct tenon_prune_options o = { .all = true };
    struct tenon_usage_row *rows;
    size_t n;
    OK(tenon_prune(store, &o, &rows, &n, &err));
    ck_assert_uint_eq(n, 1);
    tenon_usage_free(rows, n);
    ck_assert(tenon_blob_exists(store, config.str, NULL));
    ck_assert(tenon_blob_exists(store, manifest.str, NULL));
    ck_assert(!tenon_blob_exists(store, loose.str, NULL));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store");
    TCase *tc = tcase_create("store");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_blob_put_and_read);
    tcase_add_test(tc, test_blob_wrong_digest_leaves_nothing);
    tcase_add_test(tc, test_blob_wrong_size_is_refused);
    tcase_add_test(tc, test_blob_size_and_digest_are_checked);
    tcase_add_test(tc, test_blob_of_another_size_is_replaced);
    tcase_add_test(tc, test_blob_open_refused);
    tcase_add_test(tc, test_snapshot_blobs_by_variant);
    tcase_add_test(tc, test_snapshot_that_cannot_be_moved_is_not_recorded);
    tcase_add_test(tc, test_snapshot_first_of_a_chain_id_stays);
    tcase_add_test(tc, test_record_comes_back_whole);
    tcase_add_test(tc, test_record_last_parts_are_the_newest);
    tcase_add_test(tc, test_small_tables_keep_the_last);
    tcase_add_test(tc, test_names_stay_apart);
    tcase_add_test(tc, test_modes_are_no_masks);
    tcase_add_test(tc, test_snapshot_commit_and_discard);
    tcase_add_test(tc, test_snapshot_of_a_killed_process_is_swept);
    tcase_add_test(tc, test_snapshot_stale_directory_is_replaced);
    tcase_add_test(tc, test_sweep_leaves_the_living_alone);
    tcase_add_test(tc, test_record_found_under_every_key);
    tcase_add_test(tc, test_lock_excludes_another_process);
    tcase_add_test(tc, test_lock_tells_builds_of_a_process_apart);
    tcase_add_test(tc, test_lock_wait_can_be_cancelled);
    tcase_add_test(tc, test_cache_mount_shared_private_and_drop);
    tcase_add_test(tc, test_cache_mount_drop_takes_the_seeded_or_the_others);
    tcase_add_test(tc, test_cache_mount_is_seeded_once);
    tcase_add_test(tc, test_statcache_keeps_old_files_only);
    tcase_add_test(tc, test_statcache_many_files);
    tcase_add_test(tc, test_mount_one_layer);
    tcase_add_test(tc, test_mount_200_layers);
    tcase_add_test(tc, test_mount_400_layers);
    tcase_add_test(tc, test_mount_600_layers);
    tcase_add_test(tc, test_prune_respects_a_live_lease);
    tcase_add_test(tc, test_prune_keeps_named_images);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

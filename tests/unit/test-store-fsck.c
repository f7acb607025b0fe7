/* The check of a store: each promise broken by hand is found and named, forgotten when that is
 * asked for, and nothing is found after that; what is right, or of others at work, is no fault. */
#include "storekit.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "store/private.h"

static struct tenon_fsck_counts counts;
static struct tenon_buf told;

static void
found(void *data, const struct tenon_fault *f)
{
    (void)data;
    tenon_buf_addf(&told, "%s%s %s%s\n", f->is_leftover ? "leftover " : "", f->object, f->problem,
                   f->is_repaired ? ": repaired" : "");
}

static int
check(bool repair)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_fsck_options o = { repair, found, NULL };
    tenon_buf_release(&told);
    told = (struct tenon_buf)TENON_BUF_INIT;
    tenon_buf_addf(&told, "%s", "");
    return tenon_store_fsck(store, &o, &counts, &err);
}

static void
sql(const char *text)
{
    auto_free char *file = tenon_asprintf("%s/tenon.db", dir_path);
    sqlite3 *db;
    char *why = NULL;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s: %s", text, why);
    sqlite3_close(db);
}

static void
remove_path(const char *path)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_remove_tree(dir_fd, path, &err));
}

/* One of each: snapshot 1 with a record, a blob, an image of a document that names it, a cache
 * mount, a record of a build. */
static void
fill(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    struct tenon_digest layer, manifest;
    struct tenon_lock *lock;
    struct tenon_history_work *h;
    int64_t id;
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
    struct tenon_chain chain = { &id, 1 };
    struct tenon_record r = { .output_count = 1, .outputs = &chain };
    tenon_digest_of("key", 3, &r.id);
    const char *keys[] = { r.id.str };
    const struct tenon_key_part part = { "args", "make" };
    OK(tenon_record_store(store, keys, 1, &r, "scope", "RUN x", &part, 1, &err));
    OK(tenon_blob_put(store, "layer", 5, &layer, &err));
    auto_free char *document = tenon_asprintf("{\"layers\":[{\"digest\":\"%s\"}]}", layer.str);
    OK(tenon_blob_put(store, document, strlen(document), &manifest, &err));
    OK(tenon_image_set(store, "name", manifest.str, NULL, 1, &err));
    int fd = tenon_cache_mount_open(store, "id", "shared", -1, 0755, geteuid(), getegid(), -1, NULL,
                                    &lock, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    close(fd);
    tenon_lock_release(lock);
    OK(tenon_history_begin(store, &h, &err));
    unit_write(tenon_history_work_fd(h), "record", "x");
    struct tenon_digest d;
    tenon_digest_of("log", 3, &d);
    auto_free char *name = tenon_asprintf("sha256-%s", tenon_digest_hex(&d));
    unit_write(tenon_history_work_fd(h), name, "log");
    OK(tenon_history_commit(h, "build", &err));
}

static char *
layer_path(void)
{
    struct tenon_digest d;
    tenon_digest_of("layer", 5, &d);
    return tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
}

static void no_tree(void) { remove_path("snapshots/1/fs"); }
static void no_snapshot(void) { remove_path("snapshots/1"); }
static void half_made(void) { ck_assert_int_eq(mkdirat(dir_fd, "snapshots/1/work", 0700), 0); }
static void other_size(void) { sql("UPDATE snapshot SET size = 1000000000"); }
static void tree_is_file(void) { remove_path("snapshots/1/fs"); unit_write(dir_fd, "snapshots/1/fs", "x"); }
static void no_row(void) { sql("DELETE FROM snapshot"); }
static void unreadable(void) { sql("UPDATE record SET outputs = '1,x'"); }
static void not_kept(void) { sql("DELETE FROM record_snapshot"); }
static void not_led_to(void) { sql("UPDATE record SET outputs = '-'"); }
static void no_key(void) { sql("DELETE FROM key"); }
static void key_of_nothing(void) { sql("INSERT INTO key VALUES ('k', 'r')"); }
static void part_of_nothing(void) { sql("INSERT INTO part VALUES ('r', 1, 'l', 'v')"); }
static void layer_of_nothing(void) { sql("INSERT INTO snapshot_blob VALUES (9,'v','d','i',1,'m')"); }
static void result_of_nothing(void) { sql("INSERT INTO record_snapshot VALUES ('r', 1)"); }
static void no_cache(void) { remove_path("cache-mounts/1/fs"); }
static void no_manifest(void) { sql("UPDATE image SET digest = 'sha256:0'"); }
static void no_history_record(void) { remove_path("history/build/record"); }
static void empty_history_record(void) { unit_write(dir_fd, "history/build/record", ""); }

static void
other_bytes(void)
{
    auto_free char *path = layer_path();
    ck_assert_int_eq(fchmodat(dir_fd, path, 0600, 0), 0);
    unit_write(dir_fd, path, "LAYER");
}

static void
longer(void)
{
    auto_free char *path = layer_path();
    ck_assert_int_eq(fchmodat(dir_fd, path, 0600, 0), 0);
    unit_write(dir_fd, path, "layers");
}

static void
no_blob(void)
{
    auto_free char *path = layer_path();
    remove_path(path);
}

static void
other_content(void)
{
    struct tenon_digest d;
    tenon_digest_of("log", 3, &d);
    auto_free char *path = tenon_asprintf("history/build/sha256-%s", tenon_digest_hex(&d));
    unit_write(dir_fd, path, "gol");
}

static const struct {
    void (*make)(void);
    const char *says[2]; /* in what is told */
    int damaged;
} damages[] = {
    { no_tree, { "snapshot 1 has no tree" }, 1 },
    { no_snapshot, { "snapshot 1 has no tree" }, 1 },
    { tree_is_file, { "snapshot 1 has no tree" }, 1 },
    { half_made, { "snapshot 1 is half made" }, 1 },
    { other_size, { "snapshot 1 takes ", "took 1000000000" }, 1 },
    { no_row, { "leads to snapshot 1, which is not there" }, 1 },
    { unreadable, { "record sha256:", " cannot be read" }, 1 },
    { not_kept, { "leads to snapshot 1, which it does not keep" }, 1 },
    { not_led_to, { "needs snapshot 1, and does not lead to it" }, 1 },
    { no_key, { " has no key" }, 1 },
    { key_of_nothing, { "keys 1 of nothing" }, 1 },
    { part_of_nothing, { "parts of keys 1 of nothing" }, 1 },
    { layer_of_nothing, { "layers 1 of nothing" }, 1 },
    { result_of_nothing, { "results 1 of nothing" }, 1 },
    { other_bytes, { " has other bytes than its digest says", "image name needs blob sha256:" }, 2 },
    { longer, { " has 6 bytes, not 5", "image name needs blob sha256:" }, 2 },
    { no_blob, { " is not there", "image name needs blob sha256:" }, 2 },
    { no_cache, { "cache mount 1 has no directory" }, 1 },
    { no_manifest, { "image name is sha256:0, which is not there" }, 1 },
    { no_history_record, { "history/build has no record" }, 1 },
    { empty_history_record, { "history/build has an empty record" }, 1 },
    { other_content, { "history/build has other bytes in sha256-" }, 1 },
};

START_TEST(test_fsck_finds_and_forgets)
{
    fill();
    ck_assert_int_eq(check(false), 0);
    ck_assert_msg(counts.damaged == 0 && counts.leftovers == 0, "%s", told.data);
    damages[_i].make();
    for (int repair = 0; repair < 2; repair++) {
        ck_assert_int_eq(check(repair), 0);
        ck_assert_msg(counts.damaged == damages[_i].damaged, "%s", told.data);
        ck_assert_int_eq(counts.still_damaged, repair ? 0 : damages[_i].damaged);
        for (size_t i = 0; i < 2 && damages[_i].says[i]; i++)
            ck_assert_msg(strstr(told.data, damages[_i].says[i]) != NULL, "%s", told.data);
    }
    ck_assert_int_eq(check(false), 0);
    ck_assert_msg(counts.damaged == 0 && counts.leftovers == 0, "%s", told.data);
}
END_TEST

START_TEST(test_fsck_counts_what_it_looks_at)
{
    static const int64_t expected[TENON_FSCK_KINDS] = { 1, 1, 2, 1, 1, 1 };
    fill();
    ck_assert_int_eq(check(false), 0);
    for (size_t i = 0; i < TENON_FSCK_KINDS; i++)
        ck_assert_int_eq(counts.looked_at[i], expected[i]);
}
END_TEST

/* No damage: told apart, and removed by a repair. */
START_TEST(test_fsck_leftovers)
{
    static const char *const left[] = { "tmp/work-1-1", "locks/x", "snapshots/77", "cache-mounts/5" };
    fill();
    for (size_t i = 0; i < tenon_countof(left); i++)
        if (strncmp(left[i], "locks", 5) == 0)
            unit_write(dir_fd, left[i], "");
        else
            ck_assert_int_eq(mkdirat(dir_fd, left[i], 0700), 0);
    for (int repair = 0; repair < 2; repair++) {
        ck_assert_int_eq(check(repair), 0);
        ck_assert_int_eq(counts.damaged, 0);
        ck_assert_int_eq(counts.leftovers, tenon_countof(left));
        ck_assert_int_eq(counts.repaired, repair ? tenon_countof(left) : 0);
        for (size_t i = 0; i < tenon_countof(left); i++)
            ck_assert_msg(strstr(told.data, left[i]) != NULL, "%s lacks %s", told.data, left[i]);
    }
    for (size_t i = 0; i < tenon_countof(left); i++)
        ck_assert_int_ne(faccessat(dir_fd, left[i], F_OK, 0), 0);
}
END_TEST

/* A tree that is made, a lock that is held. */
START_TEST(test_fsck_leaves_those_at_work)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    struct tenon_lock *lock;
    int64_t id;
    fill();
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_lock_acquire(store, "mine", false, -1, NULL, &lock, &err));
    ck_assert_int_eq(check(true), 0);
    ck_assert_msg(counts.damaged == 0 && counts.leftovers == 0, "%s", told.data);
    tenon_lock_release(lock);
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
}
END_TEST

/* What a build that goes on has mounted, or reads, stays as it is until it is over. */
START_TEST(test_fsck_repairs_nothing_in_use)
{
    static void (*const damage[])(void) = { half_made, longer, no_cache };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *layer = layer_path();
    struct tenon_store *checks;
    fill();
    damage[_i]();
    OK(tenon_store_open(dir_path, &checks, &err));
    struct tenon_store *builds = store;
    store = checks;
    ck_assert_int_eq(check(true), 0);
    ck_assert_msg(strstr(told.data, "in use: not repaired") != NULL, "%s", told.data);
    ck_assert_int_ge(counts.still_damaged, 1);
    ck_assert_int_eq(faccessat(dir_fd, "snapshots/1/fs", F_OK, 0), 0);
    ck_assert_int_eq(faccessat(dir_fd, layer, F_OK, 0), 0);
    ck_assert_int_eq(faccessat(dir_fd, "cache-mounts/1", F_OK, 0), 0);
    tenon_store_close(builds);
    ck_assert_int_eq(check(true), 0);
    ck_assert_msg(counts.damaged && !counts.still_damaged, "%s", told.data);
    ck_assert_int_eq(check(false), 0);
    ck_assert_msg(counts.damaged == 0 && counts.leftovers == 0, "%s", told.data);
}
END_TEST

/* A result whose snapshot was forgotten meanwhile is made again, not taken. */
START_TEST(test_record_without_snapshots_does_not_count)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest key;
    struct tenon_record got = {0};
    int64_t id = 1;
    struct tenon_chain chain = { &id, 1 };
    fill();
    sql("DELETE FROM snapshot");
    tenon_digest_of("key", 3, &key);
    ck_assert_int_eq(tenon_record_find(store, key.str, &got, &err), 0);
    struct tenon_record r = { .output_count = 1, .outputs = &chain };
    tenon_digest_of("other", 5, &r.id);
    const char *keys[] = { r.id.str };
    OK(tenon_record_store(store, keys, 1, &r, NULL, NULL, NULL, 0, &err));
    ck_assert_int_eq(check(false), 0);
    ck_assert_msg(!strstr(told.data, r.id.str) && counts.damaged == 1, "%s", told.data);
}
END_TEST

/* The database alone is damaged: found, and only when nobody uses it replaced. */
START_TEST(test_fsck_database_starts_over)
{
    enum { PAGE = 4096 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char garbage[3 * PAGE] = { 1 };
    fill();
    tenon_store_close(store);
    sql("PRAGMA wal_checkpoint(TRUNCATE)");
    auto_close int fd = openat(dir_fd, "tenon.db", O_WRONLY);
    ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, 2 * PAGE), sizeof garbage);
    OK(tenon_store_open(dir_path, &store, &err));
    ck_assert_int_eq(check(true), TENON_E_CORRUPT);
    ck_assert_int_eq(tenon_store_start_over(dir_path, &err), TENON_E_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "in use") != NULL, "%s", err.message);
    tenon_store_close(store);
    OK(tenon_store_start_over(dir_path, &err));
    OK(tenon_store_open(dir_path, &store, &err));
    ck_assert_int_eq(check(true), 0);
    ck_assert_int_eq(counts.damaged, 0);
    ck_assert_int_gt(counts.repaired, 0); /* what is nobody's now */
    ck_assert_int_ne(faccessat(dir_fd, "snapshots/1", F_OK, 0), 0);
    ck_assert_int_eq(check(false), 0);
    ck_assert_msg(counts.leftovers == 0, "%s", told.data);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-fsck");
    TCase *tc = tcase_create("fsck");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_fsck_finds_and_forgets, 0, tenon_countof(damages));
    tcase_add_test(tc, test_fsck_counts_what_it_looks_at);
    tcase_add_test(tc, test_fsck_leftovers);
    tcase_add_test(tc, test_fsck_leaves_those_at_work);
    tcase_add_loop_test(tc, test_fsck_repairs_nothing_in_use, 0, 3);
    tcase_add_test(tc, test_record_without_snapshots_does_not_count);
    tcase_add_test(tc, test_fsck_database_starts_over);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

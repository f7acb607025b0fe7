/* What counts when the machine was started anew: what was known to be on disk, and nothing else.
 * The start is played: the rows and the note of it get the id of another one. */
#include "storekit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>

#include "store/private.h"

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

/* The machine goes down, and comes up. */
static int
restart(struct tenon_error *err)
{
    tenon_store_close(store);
    store = NULL;
    sql("UPDATE machine SET value = 'before'; UPDATE snapshot SET unsure = 'before' WHERE unsure IS NOT NULL;"
        "UPDATE blob SET unsure = 'before' WHERE unsure IS NOT NULL;"
        "UPDATE cache SET unsure = 'before' WHERE unsure IS NOT NULL;");
    return tenon_store_open(dir_path, &store, err);
}

static struct tenon_digest key;

static int64_t
make_result(const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_snapshot_work *w;
    int64_t id;
    OK(tenon_snapshot_begin(store, &w, &err));
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, name, &id, &err));
    struct tenon_chain chain = { &id, 1 };
    struct tenon_record r = { .output_count = 1, .outputs = &chain };
    tenon_digest_of(name, strlen(name), &key);
    r.id = key;
    const char *keys[] = { key.str };
    OK(tenon_record_store(store, keys, 1, &r, "scope", name, NULL, 0, &err));
    return id;
}

static bool
has_result(const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_record r = {0};
    tenon_digest_of(name, strlen(name), &key);
    int rc = tenon_record_find(store, key.str, &r, &err);
    ck_assert_msg(rc >= 0, "%s", err.message);
    tenon_record_release(&r);
    return rc == 1;
}

static void
make_image(const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest layer, manifest;
    OK(tenon_blob_put(store, name, strlen(name), &layer, &err));
    auto_free char *document = tenon_asprintf("{\"layers\":[{\"digest\":\"%s\"}]}", layer.str);
    OK(tenon_blob_put(store, document, strlen(document), &manifest, &err));
    OK(tenon_image_set(store, name, manifest.str, NULL, 1, &err));
}

static bool
has_image(const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_image_row row = {0};
    int rc = tenon_image_get(store, name, &row, &err);
    tenon_image_row_release(&row);
    return rc == 0;
}

static bool
has_blob(const char *text)
{
    struct tenon_digest d;
    tenon_digest_of(text, strlen(text), &d);
    return tenon_blob_exists(store, d.str, NULL);
}

static struct tenon_lock *
use_cache(const char *id)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_lock *lock = NULL;
    int fd = tenon_cache_mount_open(store, id, "shared", -1, 0755, geteuid(), getegid(), -1, NULL,
                                    &lock, &err);
    ck_assert_msg(fd >= 0, "%s", err.message);
    close(fd);
    return lock;
}

static void
found(void *data, const struct tenon_fault *f)
{
    (void)data;
    ck_abort_msg("%s %s", f->object, f->problem);
}

static void
all_is_right(void)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_fsck_options o = { .found = found };
    struct tenon_fsck_counts counts;
    OK(tenon_store_fsck(store, &o, &counts, &err));
}

START_TEST(test_restart_forgets_what_was_not_on_disk)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_result("kept");
    make_image("kept");
    tenon_lock_release(use_cache("kept"));
    OK(tenon_store_flush(store, &err));
    int64_t lost = make_result("lost");
    make_image("lost");
    tenon_lock_release(use_cache("lost"));
    OK(restart(&err));
    ck_assert(has_result("kept"));
    ck_assert(has_image("kept"));
    ck_assert(has_blob("kept"));
    ck_assert(tenon_cache_mount_exists(store, "kept"));
    ck_assert(!has_result("lost"));
    ck_assert(!has_image("lost"));
    ck_assert(!has_blob("lost"));
    ck_assert(!tenon_cache_mount_exists(store, "lost"));
    auto_free char *tree = tenon_asprintf("snapshots/%lld", (long long)lost);
    ck_assert_int_ne(faccessat(dir_fd, tree, F_OK, 0), 0);
    all_is_right();
    make_result("lost"); /* and it goes on */
    OK(tenon_store_flush(store, &err));
    OK(restart(&err));
    ck_assert(has_result("lost"));
}
END_TEST

/* A process after another of one start of the machine: all counts. */
START_TEST(test_restart_of_processes_forgets_nothing)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_result("one");
    make_image("one");
    tenon_store_close(store);
    OK(tenon_store_open(dir_path, &store, &err));
    ck_assert(has_result("one"));
    ck_assert(has_image("one"));
}
END_TEST

static void
make_late(void *data)
{
    tenon_lock_release(data); /* nobody works in it any more */
    make_result("late");
    make_image("late");
    tenon_lock_release(use_cache("used again"));
}

/* What comes when the disk was told to write is not known to be there. */
START_TEST(test_flush_is_of_what_was_there_when_it_began)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert(!tenon_store_has_unsure(store));
    make_result("early");
    tenon_lock_release(use_cache("used again"));
    struct tenon_lock *at_work = use_cache("in use");
    ck_assert(tenon_store_has_unsure(store));
    OK(store_flush(store, make_late, at_work, &err));
    OK(restart(&err));
    ck_assert(has_result("early"));
    ck_assert(!has_result("late"));
    ck_assert(!has_image("late"));
    ck_assert(!tenon_cache_mount_exists(store, "used again"));
    ck_assert(!tenon_cache_mount_exists(store, "in use"));
}
END_TEST

/* A mount that was used since it was flushed may be half written. */
START_TEST(test_restart_forgets_caches_used_since)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tenon_lock_release(use_cache("id"));
    OK(tenon_store_flush(store, &err));
    tenon_lock_release(use_cache("id"));
    OK(restart(&err));
    ck_assert(!tenon_cache_mount_exists(store, "id"));
}
END_TEST

/* A collector's deletion was lost, what it removed is gone. */
START_TEST(test_restart_forgets_rows_without_files)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int64_t id = make_result("gone");
    make_image("gone");
    tenon_lock_release(use_cache("gone"));
    OK(tenon_store_flush(store, &err));
    auto_free char *tree = tenon_asprintf("snapshots/%lld", (long long)id);
    OK(tenon_remove_tree(dir_fd, tree, &err));
    OK(tenon_remove_tree(dir_fd, "cache-mounts/1", &err));
    struct tenon_digest d;
    tenon_digest_of("gone", 4, &d);
    auto_free char *blob = tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
    if (_i) {
        ck_assert_int_eq(fchmodat(dir_fd, blob, 0600, 0), 0);
        unit_write(dir_fd, blob, "");
    } else
        ck_assert_int_eq(unlinkat(dir_fd, blob, 0), 0);
    OK(restart(&err));
    ck_assert(!has_result("gone"));
    ck_assert(!has_image("gone"));
    ck_assert(!has_blob("gone"));
    all_is_right();
}
END_TEST

/* A name is on disk, its bytes and its row are not: nobody takes it for the blob. */
START_TEST(test_restart_takes_up_no_blob_without_a_row)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    tenon_digest_of("blob", 4, &d);
    auto_free char *path = tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
    OK(tenon_store_flush(store, &err));
    unit_write(dir_fd, path, "????");
    OK(restart(&err));
    ck_assert(!has_blob("blob"));
    OK(tenon_blob_put(store, "blob", 4, &d, &err));
    all_is_right();
}
END_TEST

/* Bytes that come again under a name that was sure. */
START_TEST(test_restart_forgets_a_blob_that_was_written_again)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_digest d;
    OK(tenon_blob_put(store, "blob", 4, &d, &err));
    OK(tenon_store_flush(store, &err));
    auto_free char *path = tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
    ck_assert_int_eq(unlinkat(dir_fd, path, 0), 0);
    OK(tenon_blob_put(store, "blob", 4, &d, &err));
    OK(restart(&err));
    ck_assert(!has_blob("blob"));
}
END_TEST

static void
record_build(const char *ref, const char *record, const char *content)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_history_work *h;
    struct tenon_digest d;
    OK(tenon_history_begin(store, &h, &err));
    unit_write(tenon_history_work_fd(h), "record", record);
    tenon_digest_of(*record ? "log" : "", *record ? 3 : 0, &d);
    auto_free char *name = tenon_asprintf("sha256-%s", tenon_digest_hex(&d));
    unit_write(tenon_history_work_fd(h), name, content);
    OK(tenon_history_commit(h, ref, &err));
}

/* Records of builds have no rows: those whose bytes are not there go. */
START_TEST(test_restart_forgets_builds_without_bytes)
{
    static const struct { const char *ref, *record, *content; bool stays; } builds[] = {
        { "whole", "x", "log", true }, { "empty", "", "", false }, { "cut", "x", "", false },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (size_t i = 0; i < tenon_countof(builds); i++)
        record_build(builds[i].ref, builds[i].record, builds[i].content);
    OK(restart(&err));
    for (size_t i = 0; i < tenon_countof(builds); i++) {
        auto_error struct tenon_error gone = TENON_ERROR_INIT;
        auto_close int dir = tenon_history_open(store, builds[i].ref, &gone);
        ck_assert_msg((dir >= 0) == builds[i].stays, "%s", builds[i].ref);
    }
    all_is_right();
}
END_TEST

/* A lease that is held, in a store that this start has not seen: somebody elsewhere. */
START_TEST(test_open_beside_another_machine_is_refused)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    make_result("theirs");
    tenon_store_close(store);
    store = NULL;
    sql("UPDATE machine SET value = 'before'; UPDATE snapshot SET unsure = 'before'");
    auto_close int lease = openat(dir_fd, "locks/lease-1-1", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(store_flock(lease, LOCK_SH | LOCK_NB), 0);
    ck_assert_int_eq(tenon_store_open(dir_path, &store, &err), TENON_E_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "another machine") != NULL, "%s", err.message);
    ck_assert_int_eq(faccessat(dir_fd, "snapshots/1/fs", F_OK, 0), 0);
    close(tenon_steal_fd(&lease));
    OK(tenon_store_open(dir_path, &store, &err));
    ck_assert(!has_result("theirs"));
}
END_TEST

/* ---- schemas of before ----------------------------------------------------------- */

static char *
columns(const char *root)
{
    auto_free char *file = tenon_asprintf("%s/tenon.db", root);
    struct tenon_buf b = TENON_BUF_INIT;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT m.name, c.name, c.type, c.\"notnull\" FROM sqlite_master m"
                                        " JOIN pragma_table_xinfo(m.name) c WHERE m.name NOT LIKE 'sqlite%'"
                                        " ORDER BY 1, 2", -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        tenon_buf_addf(&b, "%s.%s %s %d\n", sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1),
                       sqlite3_column_text(stmt, 2), sqlite3_column_int(stmt, 3));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return tenon_buf_steal(&b);
}

/* tests/stores/schema-N.sql: a store of that schema, with a record of key "key", snapshot 1, the
 * blob "layer", and a named image.  It opens, holds that, and is like a new one then. */
START_TEST(test_open_store_of_an_older_schema)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_free char *from = tenon_asprintf("%s/tests/stores/schema-%d.sql",
                                          getenv("abs_top_srcdir") ? getenv("abs_top_srcdir") : ".", _i);
    auto_free char *root = tenon_asprintf("%s/old", dir_path);
    auto_free char *file = tenon_asprintf("%s/tenon.db", root);
    static const char manifest[] = "{\"layers\":[{\"digest\":"
        "\"sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85\"}]}";
    OK(tenon_read_file(from, 1 << 20, &text, &err));
    ck_assert_int_eq(mkdirat(dir_fd, "old", 0700), 0);
    auto_close int old = openat(dir_fd, "old", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OK(tenon_mkdir_p(old, "snapshots/1/fs", 0755, &err));
    OK(tenon_mkdir_p(old, "content/blobs/sha256", 0700, &err));
    struct tenon_digest d;
    static const char *const blobs[] = { "layer", manifest };
    for (size_t i = 0; i < tenon_countof(blobs); i++) {
        tenon_digest_of(blobs[i], strlen(blobs[i]), &d);
        auto_free char *path = tenon_asprintf("content/blobs/sha256/%s", tenon_digest_hex(&d));
        unit_write(old, path, blobs[i]);
    }
    sqlite3 *db;
    char *why = NULL;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, text.data, NULL, NULL, &why) == SQLITE_OK, "%s", why);
    sqlite3_close(db);

    auto_free char *as_new = columns(dir_path);
    tenon_store_close(store);
    OK(tenon_store_open(root, &store, &err));
    auto_free char *as_is = columns(root);
    ck_assert_str_eq(as_is, as_new);
    ck_assert(has_result("key"));
    ck_assert(has_image("name"));
    ck_assert(has_blob("layer"));
    all_is_right();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-boot");
    TCase *tc = tcase_create("boot");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_restart_forgets_what_was_not_on_disk);
    tcase_add_test(tc, test_restart_of_processes_forgets_nothing);
    tcase_add_test(tc, test_flush_is_of_what_was_there_when_it_began);
    tcase_add_test(tc, test_restart_forgets_caches_used_since);
    tcase_add_loop_test(tc, test_restart_forgets_rows_without_files, 0, 2);
    tcase_add_test(tc, test_restart_takes_up_no_blob_without_a_row);
    tcase_add_test(tc, test_restart_forgets_a_blob_that_was_written_again);
    tcase_add_test(tc, test_restart_forgets_builds_without_bytes);
    tcase_add_test(tc, test_open_beside_another_machine_is_refused);
    tcase_add_loop_test(tc, test_open_store_of_an_older_schema, STORE_SCHEMA_OLDEST, STORE_SCHEMA + 1);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

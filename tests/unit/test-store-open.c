/* What a store is on disk, whatever the umask: names, modes, links, versions; logs,
 * names of images, and what is left by the dead. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>

#include "store/private.h"
#include "store/store.h"

static char dir_path[64];
static int dir_fd = -1;

#define OK(call)                                                                     \
    do {                                                                             \
        tenon_error_release(&err);                                                   \
        ck_assert_msg((call) >= 0, "%s: %s", #call, err.message ? err.message : ""); \
    } while (0)

static void
setup(void)
{
    dir_fd = unit_tmpdir(dir_path);
}

static void
teardown(void)
{
    umask(022);
    unit_tmpdir_remove(dir_fd, dir_path);
}

static struct tenon_store *
open_below(const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *root = tenon_asprintf("%s/%s", dir_path, name);
    struct tenon_store *s = NULL;
    OK(tenon_store_open(root, &s, &err));
    return s;
}

static mode_t
mode_of(const char *name)
{
    struct stat st;
    ck_assert_msg(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s is missing", name);
    ck_assert_uint_eq(st.st_uid, geteuid());
    return st.st_mode & 07777;
}

/* The open ones are in rooms that are closed. */
START_TEST(test_open_makes_what_only_its_owner_enters)
{
    static const mode_t masks[] = { 000, 022, 077 };
    static const char *const closed[] = { "s", "s/content", "s/content/blobs", "s/content/blobs/sha256",
                                          "s/snapshots", "s/tmp", "s/locks" };
    umask(masks[_i]);
    struct tenon_store *s = open_below("s");
    for (size_t i = 0; i < tenon_countof(closed); i++)
        ck_assert_msg(mode_of(closed[i]) == 0700, "%s is %o", closed[i], mode_of(closed[i]));
    static const char *const files[] = { "s/tenon.db", "s/tenon.db-wal", "s/tenon.db-shm" };
    for (size_t i = 0; i < tenon_countof(files); i++)
        ck_assert_msg(mode_of(files[i]) == 0600, "%s is %o", files[i], mode_of(files[i]));
    tenon_store_close(s);
}
END_TEST

/* A store of before, and one in a directory that an administrator made. */
START_TEST(test_open_closes_what_others_could_open)
{
    static const char *const parts[] = { "s/tenon.db", "s/tenon.db-wal", "s/tenon.db-shm", "s/tmp",
                                         "s/content", "s/content/blobs", "s/snapshots", "s/locks", "s/logs" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *first = open_below("s");
    int fd = tenon_log_file(first, "build", "step", &err);
    ck_assert_int_ge(fd, 0);
    close(fd);
    for (size_t i = 0; i < tenon_countof(parts); i++)
        ck_assert_int_eq(fchmodat(dir_fd, parts[i], 0777, 0), 0);
    ck_assert_int_eq(fchmodat(dir_fd, "s", 0777, 0), 0);
    struct tenon_store *s = open_below("s"); /* while another has it */
    for (size_t i = 0; i < tenon_countof(parts); i++)
        ck_assert_msg((mode_of(parts[i]) & 077) == 0, "%s is %o", parts[i], mode_of(parts[i]));
    ck_assert_uint_eq(mode_of("s"), 0755);
    tenon_store_close(s);
    tenon_store_close(first);

    /* new, in what everybody may write to */
    ck_assert_int_eq(mkdirat(dir_fd, "n", 0), 0);
    ck_assert_int_eq(fchmodat(dir_fd, "n", 0777, 0), 0);
    tenon_store_close(open_below("n"));
    ck_assert_uint_eq(mode_of("n"), 0755);
}
END_TEST

/* What is everybody's, or has other things in it, is not closed but refused. */
START_TEST(test_open_refuses_a_root_for_everybody)
{
    static const struct { mode_t mode; bool other; } roots[] = {
        { 01777, false }, { 01777, true }, { 0777, true }, { 0775, true }, { 0757, true },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *root = tenon_asprintf("%s/s", dir_path);
    struct tenon_store *s = NULL;
    for (size_t i = 0; i < tenon_countof(roots); i++) {
        ck_assert_int_eq(mkdirat(dir_fd, "s", 0), 0);
        ck_assert_int_eq(fchmodat(dir_fd, "s", roots[i].mode, 0), 0);
        if (roots[i].other)
            unit_write(dir_fd, "s/other", "x");
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_store_open(root, &s, &err), TENON_E_DENIED);
        ck_assert_msg(strstr(err.message, "others may write") != NULL, "%s", err.message);
        ck_assert(err.hint && strstr(err.hint, "chmod go-w"));
        ck_assert_uint_eq(mode_of("s"), roots[i].mode);
        ck_assert_int_eq(faccessat(dir_fd, "s/tenon.db", F_OK, 0), -1);
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_remove_tree(dir_fd, "s", &err), 0);
    }
}
END_TEST

START_TEST(test_open_refuses_what_others_made)
{
    static const char *const parts[] = { "s", "s/tenon.db", "s/tenon.db-wal", "s/snapshots", "s/tmp", "s/locks",
                                         "s/content", "s/content/blobs", "s/content/blobs/sha256", "s/logs" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *root = tenon_asprintf("%s/s", dir_path);
    auto_free char *part = tenon_asprintf("%s/%s", dir_path, parts[_i]);
    struct tenon_store *s = open_below("s"), *again = NULL;
    if (geteuid() != 0) {
        unit_not_tried("parts of a store that belong to others: needs root");
        tenon_store_close(s);
        return;
    }
    int fd = tenon_log_file(s, "build", "step", &err);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(fchownat(dir_fd, parts[_i], 4242, 0, 0), 0);
    ck_assert_int_eq(tenon_store_open(root, &again, &err), TENON_E_DENIED);
    ck_assert_msg(strstr(err.message, "belongs to uid 4242") != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.message, part) != NULL, "%s", err.message);
    tenon_store_close(s);
}
END_TEST

/* A root of the user's is left as it is. */
START_TEST(test_open_leaves_the_mode_of_a_root_that_is_there)
{
    ck_assert_int_eq(mkdirat(dir_fd, "s", 0), 0);
    ck_assert_int_eq(fchmodat(dir_fd, "s", 0711, 0), 0);
    tenon_store_close(open_below("s"));
    ck_assert_uint_eq(mode_of("s"), 0711);
    ck_assert_uint_eq(mode_of("s/snapshots"), 0700);
}
END_TEST

START_TEST(test_open_follows_no_link_inside)
{
    static const char *const inside[] = { "snapshots", "tmp", "locks", "content/blobs/sha256", "content",
                                          "content/blobs", "logs", "cache-mounts", "tenon.db", "tenon.db-wal" };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *s = NULL;
    auto_free char *root = tenon_asprintf("%s/s", dir_path);
    auto_free char *place = tenon_asprintf("%s/s/%s", dir_path, inside[_i]);
    tenon_store_close(open_below("s"));
    OK(tenon_remove_tree(AT_FDCWD, place, &err));
    ck_assert_int_eq(mkdirat(dir_fd, "elsewhere", 0755), 0);
    auto_free char *to = tenon_asprintf("%s/elsewhere", dir_path);
    ck_assert_int_eq(symlink(to, place), 0);
    ck_assert_int_lt(tenon_store_open(root, &s, &err), 0);
    ck_assert_msg(strstr(err.message, inside[_i]) != NULL, "%s", err.message);
}
END_TEST

/* Those of another age are refused with what to do. */
START_TEST(test_open_refuses_other_versions)
{
    static const struct { int version; const char *text, *hint; } others[] = {
        { STORE_SCHEMA + 1, "newer tenon", NULL },
        { STORE_SCHEMA_OLDEST - 1, "older tenon", "remove " },
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *root = tenon_asprintf("%s/s", dir_path);
    auto_free char *file = tenon_asprintf("%s/s/tenon.db", dir_path);
    struct tenon_store *s = open_below("s");
    tenon_store_close(s);
    for (size_t i = 0; i < tenon_countof(others); i++) {
        auto_free char *sql = tenon_asprintf("PRAGMA user_version = %d", others[i].version);
        sqlite3 *db;
        ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        tenon_error_release(&err);
        ck_assert_int_eq(tenon_store_open(root, &s, &err), TENON_E_UNSUPPORTED);
        ck_assert_msg(strstr(err.message, others[i].text) != NULL, "%s", err.message);
        ck_assert(others[i].hint ? err.hint && strstr(err.hint, others[i].hint) : !err.hint);
    }
}
END_TEST

START_TEST(test_open_names_what_cannot_be_opened)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *s = NULL;
    auto_free char *root = tenon_asprintf("%s/file", dir_path);
    unit_write(dir_fd, "file", "text");
    ck_assert_int_lt(tenon_store_open(root, &s, &err), 0);
    ck_assert_msg(strstr(err.message, root) != NULL, "%s", err.message);
    ck_assert_int_eq(err.sys, ENOTDIR);

    tenon_error_release(&err);
    tenon_store_close(open_below("s"));
    unit_write(dir_fd, "s/tenon.db", "this is no database, but long enough to be taken for one");
    auto_free char *broken = tenon_asprintf("%s/s", dir_path);
    (void)!unlinkat(dir_fd, "s/tenon.db-wal", 0);
    (void)!unlinkat(dir_fd, "s/tenon.db-shm", 0);
    ck_assert_int_eq(tenon_store_open(broken, &s, &err), TENON_E_CORRUPT);
    ck_assert_msg(strstr(err.message, "tenon.db") != NULL, "%s", err.message);
}
END_TEST

/* ---- logs -------------------------------------------------------------------------- */

START_TEST(test_log_stays_in_the_store_and_grows)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    umask(0);
    struct tenon_store *s = open_below("s");
    for (int i = 0; i < 2; i++) {
        auto_close int fd = tenon_log_file(s, "build", "sha256:../../x", &err);
        ck_assert_msg(fd >= 0, "%s", err.message);
        ck_assert_int_eq(write(fd, "line\n", 5), 5);
    }
    struct stat st;
    ck_assert_int_eq(fstatat(dir_fd, "s/logs/build/sha256-..-..-x", &st, 0), 0);
    ck_assert_int_eq(st.st_size, 10);
    ck_assert_uint_eq(mode_of("s/logs/build/sha256-..-..-x"), 0600);
    ck_assert_uint_eq(mode_of("s/logs/build"), 0700);
    ck_assert_uint_eq(mode_of("s/logs"), 0700);
    ck_assert_int_eq(symlinkat("/etc/passwd", dir_fd, "s/logs/build/link"), 0);
    ck_assert_int_lt(tenon_log_file(s, "build", "link", &err), 0);
    tenon_store_close(s);
}
END_TEST

/* ---- images by name ------------------------------------------------------------------ */

START_TEST(test_images_last_name_counts_and_lists_are_sorted)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *s = open_below("s");
    static const char *const names[] = { "b", "a", "c", "a" };
    static const char *const digests[] = { "sha256:1", "sha256:2", "sha256:3", "sha256:4" };
    for (size_t i = 0; i < tenon_countof(names); i++)
        OK(tenon_image_set(s, names[i], digests[i], i == 3 ? "type" : NULL, (int64_t)i, &err));
    struct tenon_image_row *rows = NULL;
    size_t n = 0;
    OK(tenon_image_list(s, &rows, &n, &err));
    ck_assert_uint_eq(n, 3);
    static const char *const sorted[] = { "a", "b", "c" };
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(rows[i].name, sorted[i]);
    ck_assert_str_eq(rows[0].digest, "sha256:4");
    ck_assert_str_eq(rows[0].media_type, "type");
    ck_assert_int_eq(rows[0].size_bytes, 3);
    ck_assert_int_gt(rows[0].created_ns, 0);
    ck_assert_ptr_null(rows[1].media_type);
    for (size_t i = 0; i < n; i++)
        tenon_image_row_release(&rows[i]);
    free(rows);
    OK(tenon_image_remove(s, "a", &err));
    struct tenon_image_row row = {0};
    ck_assert_int_eq(tenon_image_get(s, "a", &row, &err), TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_image_remove(s, "a", &err), TENON_E_NOT_FOUND);
    OK(tenon_image_get(s, "b", &row, &err));
    ck_assert_str_eq(row.digest, "sha256:1");
    tenon_image_row_release(&row);
    tenon_store_close(s);
}
END_TEST

/* ---- what stands in the database goes together ----------------------------------------- */

static int64_t
count(struct tenon_store *s, const char *sql)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct db_query q;
    OK(db_begin(s, &q, sql, &err));
    ck_assert_int_eq(db_step(&q, &err), 1);
    int64_t n = db_get_int(&q, 0);
    db_end(&q);
    return n;
}

START_TEST(test_open_record_goes_with_its_keys_and_parts)
{
    static const char *const counts[] = {
        "SELECT count(*) FROM key", "SELECT count(*) FROM part",
        "SELECT count(*) FROM record_snapshot", "SELECT count(*) FROM snapshot_blob",
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *s = open_below("s");
    struct tenon_snapshot_work *w;
    int64_t id;
    OK(tenon_snapshot_begin(s, &w, &err));
    OK(tenon_snapshot_commit(w, TENON_SNAPSHOT_REGULAR, "made", &id, &err));
    struct tenon_snapshot_blob b = {0};
    tenon_digest_of("x", 1, &b.digest);
    b.diff_id = b.digest;
    OK(tenon_snapshot_set_blob(s, id, "gzip", &b, &err));
    struct tenon_chain chain = { &id, 1 };
    struct tenon_record r = { .output_count = 1, .outputs = &chain };
    tenon_digest_of("key", 3, &r.id);
    const char *keys[] = { "key", "other" };
    const struct tenon_key_part part = { "args", "make" };
    OK(tenon_record_store(s, keys, 2, &r, "scope", "RUN x", &part, 1, &err));
    for (size_t i = 0; i < tenon_countof(counts); i++)
        ck_assert_int_gt(count(s, counts[i]), 0);
    OK(db_run(s, &err, "DELETE FROM record", ""));
    OK(db_run(s, &err, "DELETE FROM snapshot", ""));
    for (size_t i = 0; i < tenon_countof(counts); i++)
        ck_assert_msg(count(s, counts[i]) == 0, "%s", counts[i]);
    tenon_store_close(s);
}
END_TEST

/* ---- leftovers -------------------------------------------------------------------------- */

static int
entries(const char *name)
{
    auto_dir DIR *d = fdopendir(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ck_assert_ptr_nonnull(d);
    int n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    return n;
}

/* A build does not wait for thousands of them; the next ones go on with it. */
START_TEST(test_sweep_is_bounded)
{
    enum { LEFT = 300, AT_ONCE = 256 };
    struct tenon_store *s = open_below("s");
    for (int i = 0; i < LEFT; i++) {
        auto_free char *name = tenon_asprintf("s/tmp/work-1-%d", i);
        ck_assert_int_eq(mkdirat(dir_fd, name, 0700), 0);
    }
    tenon_store_sweep(s);
    ck_assert_int_eq(entries("s/tmp"), LEFT - AT_ONCE);
    tenon_store_sweep(s);
    ck_assert_int_eq(entries("s/tmp"), 0);
    tenon_store_close(s);
    ck_assert_int_eq(entries("s/locks"), 0);
}
END_TEST

/* ---- connections that stay -------------------------------------------------------------- */

static struct tenon_store *
open_spared(struct tenon_store_spares *spares, const char *name)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *root = tenon_asprintf("%s/%s", dir_path, name);
    struct tenon_store *s = NULL;
    OK(tenon_store_open_with(spares, root, &s, &err));
    return s;
}

static const char images[] = "SELECT count(*) FROM image";

/* Is it a connection of before, which has that statement? */
static bool
has_counted(const struct tenon_store *s)
{
    for (const struct db_statement *d = s->statements; d; d = d->next)
        if (!strcmp(d->sql, images))
            return true;
    return false;
}

/* What one knows from earlier is not what others have written since. */
START_TEST(test_spares_are_taken_and_see_what_others_wrote)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store_spares *spares = tenon_store_spares_new();
    struct tenon_store *s = open_spared(spares, "s");
    sqlite3 *const db = s->db;
    ck_assert_int_eq(count(s, images), 0);
    tenon_store_close(s);
    ck_assert_int_eq(entries("s/locks"), 0); /* no lease: it holds up nobody's prune */

    struct tenon_store *other = open_below("s");
    OK(tenon_image_set(other, "name", "sha256:1", NULL, 1, &err));
    tenon_store_close(other);

    s = open_spared(spares, "s");
    ck_assert_ptr_eq(s->db, db);
    ck_assert(has_counted(s));
    struct tenon_store *second = open_spared(spares, "s"); /* each has one of its own */
    ck_assert_ptr_ne(second->db, db);
    ck_assert_int_eq(count(s, images), 1);
    tenon_store_close(second);
    tenon_store_close(s);
    tenon_store_spares_free(spares);
}
END_TEST

/* Of another store, of one that was removed and made again, and one that something went wrong
 * with. */
START_TEST(test_spares_that_are_not_of_the_file_are_not_taken)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store_spares *spares = tenon_store_spares_new();
    struct tenon_store *s = open_spared(spares, "s");
    count(s, images);
    tenon_store_close(s);
    s = open_spared(spares, "t");
    ck_assert(!has_counted(s));
    tenon_store_close(s);

    OK(tenon_remove_tree(dir_fd, "s", &err));
    s = open_spared(spares, "s");
    ck_assert(!has_counted(s));
    OK(tenon_image_set(s, "name", "sha256:1", NULL, 1, &err));
    tenon_store_close(s);
    s = open_below("s");
    ck_assert_int_eq(count(s, images), 1);
    tenon_store_close(s);

    tenon_store_spares_free(spares); /* it may have as many as it takes */
    spares = tenon_store_spares_new();
    s = open_spared(spares, "u");
    count(s, images);
    ck_assert_int_lt(db_run(s, &err, "DELETE FROM nothing", ""), 0);
    tenon_store_close(s);
    s = open_spared(spares, "u");
    ck_assert(!has_counted(s));
    tenon_store_close(s);
    tenon_store_spares_free(spares);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store-open");
    TCase *tc = tcase_create("open");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_open_makes_what_only_its_owner_enters, 0, 3);
    tcase_add_test(tc, test_open_leaves_the_mode_of_a_root_that_is_there);
    tcase_add_loop_test(tc, test_open_follows_no_link_inside, 0, 10);
    tcase_add_test(tc, test_open_closes_what_others_could_open);
    tcase_add_test(tc, test_open_refuses_a_root_for_everybody);
    tcase_add_loop_test(tc, test_open_refuses_what_others_made, 0, 10);
    tcase_add_test(tc, test_open_refuses_other_versions);
    tcase_add_test(tc, test_open_names_what_cannot_be_opened);
    tcase_add_test(tc, test_log_stays_in_the_store_and_grows);
    tcase_add_test(tc, test_images_last_name_counts_and_lists_are_sorted);
    tcase_add_test(tc, test_open_record_goes_with_its_keys_and_parts);
    tcase_add_test(tc, test_sweep_is_bounded);
    tcase_add_test(tc, test_spares_are_taken_and_see_what_others_wrote);
    tcase_add_test(tc, test_spares_that_are_not_of_the_file_are_not_taken);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

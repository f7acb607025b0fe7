/* The stat cache: a line answers for one path as it was seen, in all that was
 * seen of it. */
#include "unit.h"

#include "store/private.h"

static char tmp[64];
static int top = -1;
static struct tenon_store *store;
static struct tenon_stat_cache *cache;
static struct tenon_digest one, two;
static struct tenon_error err;

#define OK(e) ck_assert_msg((e) == 0, "%s", err.message ? err.message : "?")

static const struct tenon_stat_key seen = {
    .path = 11, .dev = 22, .ino = 33, .size = 44,
    .mtime_ns = INT64_C(1000000000000000005), .ctime_ns = INT64_C(1000000000000000006),
};

static void
setup(void)
{
    err = (struct tenon_error)TENON_ERROR_INIT;
    top = unit_tmpdir(tmp);
    auto_free char *path = tenon_asprintf("%s/store", tmp);
    OK(tenon_store_open(path, &store, &err));
    tenon_digest_of("1", 1, &one);
    tenon_digest_of("2", 1, &two);
}

static void
teardown(void)
{
    tenon_store_close(store);
    unit_tmpdir_remove(top, tmp);
    tenon_error_release(&err);
}

static void
load(const char *root)
{
    OK(tenon_stat_cache_load(store, root, &cache, &err));
}

/* As the next build finds it. */
static void
reload(const char *root)
{
    tenon_stat_cache_save(cache);
    load(root);
}

static bool
knows(const struct tenon_stat_key *key, const struct tenon_digest *expected)
{
    struct tenon_digest got;

    if (!tenon_stat_cache_get(cache, key, &got))
        return false;
    ck_assert_str_eq(got.str, expected->str);
    return true;
}

/* All fields, each by the least and by a great difference: a key with another
 * value is another file. */
START_TEST(test_statcache_every_field_is_compared)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
#define FIELD(f) { #f, offsetof(struct tenon_stat_key, f) }
        FIELD(path), FIELD(dev), FIELD(ino), FIELD(size), FIELD(mtime_ns),
        FIELD(ctime_ns),
#undef FIELD
    };
    static const int64_t steps[] = { 1, -1, 1000000000, INT64_C(1) << 40 };

    /* A field more is eight bytes more: it needs a line above. */
    ck_assert_uint_eq(sizeof(struct tenon_stat_key), tenon_countof(fields) * 8);
    load("/ctx");
    tenon_stat_cache_put(cache, &seen, &one);
    for (int round = 0; round < 2; round++) { /* in memory, then from the disk */
        for (size_t i = 0; i < tenon_countof(fields); i++) {
            for (size_t k = 0; k < tenon_countof(steps); k++) {
                struct tenon_stat_key other = seen;
                int64_t value;
                memcpy(&value, (char *)&other + fields[i].offset, sizeof value);
                value += steps[k];
                memcpy((char *)&other + fields[i].offset, &value, sizeof value);
                ck_assert_msg(!knows(&other, &one), "%s + %lld", fields[i].name,
                              (long long)steps[k]);
            }
        }
        ck_assert(knows(&seen, &one));
        reload("/ctx");
    }
    tenon_stat_cache_save(cache);
}
END_TEST

START_TEST(test_statcache_what_is_seen_anew_replaces)
{
    struct tenon_stat_key newer = seen;

    load("/ctx");
    tenon_stat_cache_put(cache, &seen, &one);
    reload("/ctx");
    newer.mtime_ns += 7;
    newer.ino++;
    tenon_stat_cache_put(cache, &newer, &two);
    ck_assert(knows(&newer, &two) && !knows(&seen, &one));
    reload("/ctx");
    ck_assert(knows(&newer, &two) && !knows(&seen, &one));
    /* the same file with another digest: the last word counts */
    for (int twice = 0; twice < 2; twice++) {
        tenon_stat_cache_put(cache, &newer, twice ? &one : &two);
        ck_assert(knows(&newer, twice ? &one : &two));
    }
    reload("/ctx");
    ck_assert(knows(&newer, &one));
    tenon_stat_cache_save(cache);
}
END_TEST

START_TEST(test_statcache_roots_are_apart)
{
    static const char *const roots[] = { "/b", "/a", "/ab", "/c", "/" };
    struct tenon_digest digests[tenon_countof(roots)];

    for (size_t i = 0; i < tenon_countof(roots); i++) {
        load(roots[i]);
        ck_assert(!knows(&seen, &one));
        tenon_digest_of(roots[i], strlen(roots[i]), &digests[i]);
        tenon_stat_cache_put(cache, &seen, &digests[i]);
        tenon_stat_cache_save(cache);
    }
    for (size_t i = 0; i < tenon_countof(roots); i++) {
        load(roots[i]);
        ck_assert(knows(&seen, &digests[i]));
        tenon_stat_cache_save(cache);
    }
}
END_TEST

/* A file that was young when the walk began may change without a trace.  Ages in
 * seconds at that time. */
static const struct {
    int mtime, ctime;
    bool kept;
} ages[] = {
    { 60, 60, true }, { 0, 60, false }, { 60, 0, false }, { 0, 0, false },
    { 1, 60, false }, { 60, 1, false },
    { -3600, 60, false }, /* from the future */
    { 60, -3600, false },
    { 3, 3, true }, /* two seconds, whatever the file system's clock */
};

START_TEST(test_statcache_young_files_are_not_kept)
{
    struct tenon_stat_key key = seen;

    /* The cache looks at the clock between these two, however long it takes. */
    const int64_t before = (int64_t)tenon_now_ns();
    load("/ctx");
    const int64_t now = ages[_i].kept ? before : (int64_t)tenon_now_ns();
    key.mtime_ns = now - ages[_i].mtime * INT64_C(1000000000);
    key.ctime_ns = now - ages[_i].ctime * INT64_C(1000000000);
    tenon_stat_cache_put(cache, &key, &one);
    ck_assert_int_eq(knows(&key, &one), ages[_i].kept);
    reload("/ctx");
    ck_assert_int_eq(knows(&key, &one), ages[_i].kept);
    tenon_stat_cache_save(cache);
}
END_TEST

/* A line that was damaged is as good as none. */
START_TEST(test_statcache_damaged_lines_are_left_out)
{
    static const char *const damage[] = {
        "UPDATE stat SET digest = x'0011'", "UPDATE stat SET digest = NULL",
        "UPDATE stat SET digest = ''",
    };

    for (size_t i = 0; i < tenon_countof(damage); i++) {
        struct db_query q;
        load("/ctx");
        tenon_stat_cache_put(cache, &seen, &one);
        tenon_stat_cache_save(cache);
        if (db_begin(store, &q, damage[i], &err) < 0)
            ck_abort_msg("%s", err.message);
        /* A column that takes no such value need not be damaged. */
        int r = db_step(&q, &err);
        db_end(&q);
        tenon_error_release(&err);
        load("/ctx");
        ck_assert_msg(knows(&seen, &one) == (r < 0), "%s", damage[i]);
        tenon_stat_cache_save(cache);
    }
}
END_TEST

/* The last two of one kind stay; what is written to one that has gone in the meantime is nowhere. */
START_TEST(test_statcache_old_roots_go)
{
    static const struct {
        const char *root;
        bool stays;
    } roots[] = { { "client:a", false }, { "/ctx", true }, { "client:b", false },
                  { "client:c", true }, { "client:d", true } };

    for (size_t i = 0; i < tenon_countof(roots); i++) {
        load(roots[i].root);
        tenon_stat_cache_put(cache, &seen, &one);
        tenon_stat_cache_save(cache);
    }
    load("client:a");
    tenon_stat_cache_put(cache, &seen, &two);
    OK(tenon_stat_cache_trim(store, "client:", 2, &err));
    tenon_stat_cache_save(cache);
    struct db_query q;
    OK(db_begin(store, &q, "SELECT count(*) FROM stat", &err));
    ck_assert_int_eq(db_step(&q, &err), 1);
    ck_assert_int_eq(db_get_int(&q, 0), 3);
    db_end(&q);
    for (size_t i = 0; i < tenon_countof(roots); i++) {
        load(roots[i].root);
        ck_assert_msg(knows(&seen, &one) == roots[i].stays, "%s", roots[i].root);
        tenon_stat_cache_save(cache);
    }
}
END_TEST

START_TEST(test_statcache_paths_are_told_apart)
{
    static const char *const paths[] = { "", "a", "b", "ab", "ba", "a/b", "b/a",
                                         "a/", "/a", "\xc3\xa4", "\xc3\xa5" };

    for (size_t i = 0; i < tenon_countof(paths); i++)
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(tenon_stat_path(paths[i]) != tenon_stat_path(paths[k]),
                          "\"%s\" and \"%s\"", paths[i], paths[k]);
    /* FNV-1a, as it is in stores: the offset basis and a published value */
    ck_assert(tenon_stat_path("") == UINT64_C(0xcbf29ce484222325));
    ck_assert(tenon_stat_path("foobar") == UINT64_C(0x85944171f73967e8));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store-statcache");
    TCase *c = tcase_create("statcache");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_statcache_every_field_is_compared);
    tcase_add_test(c, test_statcache_what_is_seen_anew_replaces);
    tcase_add_test(c, test_statcache_roots_are_apart);
    tcase_add_loop_test(c, test_statcache_young_files_are_not_kept, 0,
                        tenon_countof(ages));
    tcase_add_test(c, test_statcache_damaged_lines_are_left_out);
    tcase_add_test(c, test_statcache_old_roots_go);
    tcase_add_test(c, test_statcache_paths_are_told_apart);
    suite_add_tcase(s, c);
    return unit_run(s);
}

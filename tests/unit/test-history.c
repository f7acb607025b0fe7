/* Records of builds: made beside others that make, read and remove them, killed in between, half
 * there, of somebody else's making; found, filtered, kept within bounds; without what is secret. */
#include "storekit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "discreet.h"
#include "history.h"
#include "historyparts.h"
#include "recorder.h"
#include "records.h"
#include "statusmessage.h"
#include "store/private.h"

static const struct tenon_event step = {
    .struct_size = sizeof step, .type = TENON_EVENT_VERTEX, .vertex = "sha256:1", .name = "one",
    .started_ns = 1, .completed_ns = 2, .flags = TENON_EVENT_CACHED,
};
static const struct tenon_event other = {
    .struct_size = sizeof other, .type = TENON_EVENT_VERTEX, .vertex = "sha256:2", .name = "two",
};
static const struct tenon_event line = {
    .struct_size = sizeof line, .type = TENON_EVENT_LOG, .vertex = "sha256:1", .data = "said\n",
    .len = 5, .stream = 1, .timestamp_ns = 2,
};

static void
make(struct tenon_store *s, const char *ref, int64_t seconds)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct recorder *r = recorder_new(s, ref);
    const struct ctl_time created = {seconds, 5};
    const struct ctl_pair option = {"target", "app"};
    struct ctl_record record = {.frontend = "dockerfile.v0", .created = &created,
                                .options = {&option, 1}};

    recorder_event(r, &step);
    recorder_event(r, &line);
    recorder_event(r, &other);
    ck_assert_ptr_nonnull(recorder_add(r, "text/plain", NULL, "hello", 5));
    OK(recorder_finish(r, &record, &err));
    recorder_event(r, &line); /* late: in no log */
    recorder_event(r, &other);
    recorder_free(r);
}

static bool
count_frames(void *data, const void *message, size_t len)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_statuses all = {0};
    const char *why;

    ck_assert(message_decode(&arena, &ctl_statuses_message, message, len, &all, &why));
    ++*(int *)data;
    return true;
}

START_TEST(test_history_there_and_back)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_record one;
    int frames = 0;

    make(store, "build-one", 100);
    make(store, "../odd name", 200); /* a name that is no directory's */
    make(store, "build-one", 300);   /* in place of the first */
    OK(records_list(store, &all, &err));
    ck_assert_uint_eq(all.list.len, 2);
    ck_assert_str_eq(all.list.items[0].ref, "build-one");
    ck_assert_int_eq(all.list.items[0].created->seconds, 300);
    ck_assert_str_eq(all.list.items[1].ref, "../odd name");
    OK(records_read(store, "../odd name", &arena, &one, &err));
    ck_assert_int_eq(one.total, 2);
    ck_assert_int_eq(one.finished, 1);
    ck_assert_int_eq(one.cached, 1);
    ck_assert_str_eq(records_option(&one, "target"), "app");
    OK(records_replay(store, &one, count_frames, &frames, &err));
    ck_assert_int_eq(frames, 3); /* what has no order in a message is not in one */
    auto_close int fd = records_open_any(
        store, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    ck_assert_int_ge(fd, 0);
    OK(records_pin(store, "build-one", true, &arena, &one, &err));
    ck_assert(one.pinned);
    ck_assert_int_eq(one.generation, 2);
    OK(tenon_history_remove(store, "../odd name", &err));
    ck_assert_int_eq(tenon_history_remove(store, "../odd name", &err), TENON_E_NOT_FOUND);
}
END_TEST

START_TEST(test_history_killed_in_between)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};
    int status;

    make(store, "kept", 100);
    const pid_t pid = fork();
    if (pid == 0) {
        struct tenon_store *s = NULL;
        struct tenon_history_work *w = NULL;
        struct tenon_error own = TENON_ERROR_INIT;
        if (tenon_store_open(dir_path, &s, &own) == 0 && tenon_history_begin(s, &w, &own) == 0)
            unit_write(tenon_history_work_fd(w), "record", "half of it");
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    tenon_store_sweep(store);
    auto_close int tmp = openat(dir_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char **names = NULL;
    OK(tenon_dir_names(tmp, &names, &err));
    ck_assert_msg(tenon_strv_len(names) == 0, "%s", names[0]);
    tenon_strv_free(names);
    OK(records_list(store, &all, &err));
    ck_assert_uint_eq(all.list.len, 1);
}
END_TEST

/* Makers of the same names, one that removes, and we who read: what is seen is whole. */
START_TEST(test_history_two_processes)
{
    enum { MAKERS = 3, TIMES = 25 };
    pid_t pids[MAKERS];

    for (int i = 0; i < MAKERS; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        struct tenon_store *s = NULL;
        struct tenon_error err = TENON_ERROR_INIT;
        struct tenon_error gone = TENON_ERROR_INIT;
        OK(tenon_store_open(dir_path, &s, &err));
        for (int n = 0; n < TIMES; n++)
            if (i > 0)
                make(s, n % 2 ? "odd" : "even", 100 + n);
            else if (tenon_history_remove(s, n % 2 ? "odd" : "even", &gone) < 0)
                tenon_error_release(&gone);
        _exit(0);
    }
    for (int n = 0; n < TIMES; n++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT;
        auto_records struct records all = {0};
        OK(records_list(store, &all, &err));
        tenon_vec_foreach(r, &all.list) {
            ck_assert_int_eq(r->total, 2);
            ck_assert_ptr_nonnull(r->logs);
        }
    }
    for (int i = 0; i < MAKERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    make(store, "odd", 500);
    make(store, "even", 501);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};
    OK(records_list(store, &all, &err));
    ck_assert_uint_eq(all.list.len, 2);
}
END_TEST

/* ---- what is not to be believed ------------------------------------------ */

static void
cut_record(int dir)
{
    auto_close int fd = openat(dir, "record", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(ftruncate(fd, 10), 0);
}

static void
empty_record(int dir)
{
    auto_close int fd = openat(dir, "record", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
}

static void
no_record(int dir)
{
    ck_assert_int_eq(unlinkat(dir, "record", 0), 0);
}

static void
record_of_another(int dir)
{
    make(store, "another", 100);
    ck_assert_int_eq(renameat(dir_fd, "history/another/record", dir, "record"), 0);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    OK(tenon_history_remove(store, "another", &err));
}

static void
record_is_a_link(int dir)
{
    ck_assert_int_eq(renameat(dir, "record", dir_fd, "elsewhere"), 0);
    ck_assert_int_eq(symlinkat("../../elsewhere", dir, "record"), 0);
}

static void
record_is_a_pipe(int dir)
{
    no_record(dir);
    ck_assert_int_eq(mkfifoat(dir, "record", 0600), 0);
}

static void
record_is_text(int dir)
{
    unit_write(dir, "record", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff no message");
}

static void
all_is_a_link(int dir)
{
    (void)dir;
    ck_assert_int_eq(renameat(dir_fd, "history/spoiled", dir_fd, "elsewhere"), 0);
    ck_assert_int_eq(symlinkat("../elsewhere", dir_fd, "history/spoiled"), 0);
}

static void (*const spoilings[])(int dir) = {
    cut_record, empty_record, no_record, record_of_another, record_is_a_link, record_is_a_pipe,
    record_is_text, all_is_a_link,
};

START_TEST(test_history_not_believed)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};

    make(store, "spoiled", 100);
    make(store, "good", 50);
    auto_close int dir = tenon_history_open(store, "spoiled", &err);
    spoilings[_i](dir);
    OK(records_list(store, &all, &err));
    ck_assert_uint_eq(all.list.len, 1);
    ck_assert_str_eq(all.list.items[0].ref, "good");
    OK(tenon_history_remove(store, "spoiled", &err));
}
END_TEST

static const struct { const char *data; size_t len; } bad_logs[] = {
    {"\x05\0\0\0ab", 6}, {"\0\0", 2}, {"\xff\xff\xff\xff", 4}, {"\0\0\0\0\x01", 5},
};

/* A record may name what is not there, and contents may be cut off: by the length, and inside. */
START_TEST(test_history_logs_not_believed)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct ctl_record one;
    int frames = 0;

    make(store, "spoiled", 100);
    OK(records_read(store, "spoiled", &arena, &one, &err));
    auto_close int dir = tenon_history_open(store, "spoiled", &err);
    auto_free char *name = tenon_asprintf("sha256-%s", one.logs->digest + strlen("sha256:"));
    auto_close int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
    /* Cut off between messages, it is only too short. */
    ck_assert_int_eq(records_replay(store, &one, count_frames, &frames, &err), TENON_E_CORRUPT);
    tenon_error_release(&err);
    OK(tenon_write_all(fd, bad_logs[_i].data, bad_logs[_i].len, &err));
    ck_assert_int_eq(records_replay(store, &one, count_frames, &frames, &err), TENON_E_CORRUPT);
    tenon_error_release(&err);
    struct ctl_descriptor logs = *one.logs;
    logs.size = (int64_t)bad_logs[_i].len;
    one.logs = &logs;
    ck_assert_int_eq(records_replay(store, &one, count_frames, &frames, &err), TENON_E_CORRUPT);
    tenon_error_release(&err);
    logs.digest = "../../tenon.db";
    ck_assert_int_eq(records_replay(store, &one, count_frames, &frames, &err), TENON_E_CORRUPT);
}
END_TEST

/* ---- bounds -------------------------------------------------------------- */

static void
age(const char *name, int64_t seconds)
{
    auto_free char *path = tenon_asprintf("history/%s/record", name);
    const struct timespec at = {time(NULL) - seconds, 0}, times[2] = {at, at};

    ck_assert_int_eq(utimensat(dir_fd, path, times, 0), 0);
}

START_TEST(test_history_bounds)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_records struct records all = {0};
    const struct tenon_bounds bounds = {2, INT64_C(1) << 30, INT64_C(3600) * 1000000000};
    struct ctl_record one;

    tenon_store_set_bounds(store, TENON_LEFT_HISTORY, &bounds);
    for (int i = 0; i < 5; i++) {
        auto_free char *ref = tenon_asprintf("b%d", i);
        make(store, ref, 100 + i);
        age(ref, 100 - i);
    }
    OK(records_pin(store, "b0", true, &arena, &one, &err));
    age("b0", 100);
    age("b4", 7200); /* the last one that was made, and too old */
    tenon_store_trim(store);
    OK(records_list(store, &all, &err));
    ck_assert_uint_eq(all.list.len, 3);
    ck_assert_str_eq(all.list.items[0].ref, "b3");
    ck_assert_str_eq(all.list.items[1].ref, "b2");
    ck_assert_str_eq(all.list.items[2].ref, "b0");

    struct tenon_usage_row *rows, *removed;
    size_t count, gone;
    OK(tenon_usage_list(store, &rows, &count, &err));
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(rows[0].type, "history");
    ck_assert_int_gt(rows[0].size_bytes, 0);
    tenon_usage_free(rows, count);
    OK(tenon_prune(store, &(struct tenon_prune_options){.all = true}, &removed, &gone, &err));
    ck_assert_uint_eq(gone, 0);
    tenon_usage_free(removed, gone);
}
END_TEST

/* One record that is large is looked at at once; what is pinned, and none, goes. */
START_TEST(test_history_bound_of_bytes)
{
    enum { SIZE = 400 << 10 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};
    const struct tenon_bounds bounds = {100, SIZE * 3 / 2, INT64_C(3600) * 1000000000};
    auto_free char *much = tenon_calloc(1, SIZE);

    tenon_store_set_bounds(store, TENON_LEFT_HISTORY, &bounds);
    make(store, "damaged", 90);
    auto_close int dir = tenon_history_open(store, "damaged", &err);
    unit_write(dir, "pinned", "");
    no_record(dir);
    tenon_store_trim(store); /* the look that there is at first */
    memset(much, 'x', SIZE);
    for (int i = 0; i < 2; i++) {
        auto_free char *ref = tenon_asprintf("b%d", i);
        struct recorder *r = recorder_new(store, ref);
        const struct ctl_time created = {200 + i, 0};
        struct ctl_record record = {.created = &created};
        ck_assert_ptr_nonnull(recorder_add(r, "text/plain", NULL, much, SIZE));
        OK(recorder_finish(r, &record, &err));
        recorder_free(r);
        age(ref, 100 - i);
        tenon_store_trim(store);
    }
    OK(records_list(store, &all, &err));
    ck_assert_uint_eq(all.list.len, 1);
    ck_assert_str_eq(all.list.items[0].ref, "b1");
    ck_assert_int_eq(tenon_history_open(store, "damaged", &err), TENON_E_NOT_FOUND);
}
END_TEST

/* By what the store calls them, where a record is damaged. */
START_TEST(test_history_removed_by_its_directory)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *name = tenon_history_name("../odd");

    make(store, "../odd", 100);
    OK(tenon_history_remove(store, name, &err));
    ck_assert_int_eq(tenon_history_remove(store, name, &err), TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_history_remove(store, "sha256-x/../..", &err), TENON_E_NOT_FOUND);
}
END_TEST

/* Where a build's record is, by its name: no two have one place, and none is elsewhere. */
START_TEST(test_history_names)
{
    auto_free char *of_the_hash = tenon_history_name("a b");
    static const struct { const char *ref; bool is_plain; } names[] = {
        {"abc-1_2.3", true}, {"a b", false}, {"", false}, {"a/b", false}, {"..", false},
        {".a", false}, {"sha256-1", false}, {"sha256", true}, {NULL, false},
    };

    for (size_t i = 0; i < tenon_countof(names); i++) {
        const char *ref = names[i].ref ? names[i].ref : of_the_hash;
        auto_free char *name = tenon_history_name(ref);
        ck_assert_msg(!strcmp(name, ref) == names[i].is_plain, "%s: %s", ref, name);
        ck_assert_msg(*name && *name != '.' && !strchr(name, '/'), "%s: %s", ref, name);
    }
}
END_TEST

/* Records are measured at first, an hour after the last time, and when that is yet to come. */
START_TEST(test_history_looks_now_and_then)
{
    const struct tenon_bounds bounds = {1000, INT64_C(1) << 40, INT64_C(3600) * 1000000000};
    static const struct { int64_t ago; bool due; } looks[] = {
        {10, false}, {3500, false}, {3700, true}, {-1, false}, {-100, true}};

    tenon_store_set_bounds(store, TENON_LEFT_HISTORY, &bounds);
    make(store, "one", 100);
    ck_assert(store_history_is_due(store));
    ck_assert(!store_history_is_due(store));
    for (size_t i = 0; i < tenon_countof(looks); i++) {
        const struct timespec at = {time(NULL) - looks[i].ago, 0}, times[2] = {at, at};
        ck_assert_int_eq(utimensat(dir_fd, "history/.looked", times, 0), 0);
        ck_assert_msg(store_history_is_due(store) == looks[i].due, "%lld s ago",
                      (long long)looks[i].ago);
    }
}
END_TEST

/* ---- looking for some ---------------------------------------------------- */

static const struct { const char *filter; bool passes; } filters[] = {
    {"ref==abc", true}, {"ref!=abc", false}, {"ref~=^a", true}, {"ref~=/^a,?b/", true},
    {"ref", true}, {"repository", true}, {"status==error", true}, {"status==error,ref==x", false},
    {"status==completed", false}, {"repository==https://example.org/a.git", true},
    {"duration>1s", true}, {"duration<=2s", true}, {"duration<2s", false}, {"startedAt>1h", false},
    {"startedAt<1h,duration>=2s", true}, {"completedAt<2001-01-01T00:00:00Z", true}, {"", true},
    {"ref == abc", true}, {"nothing", false}, {"nothing!=x", true},
    {"ref==x,status==error", false}, {"startedAt<1h,duration<1s", false},
    {"duration<1s,startedAt<1h", false}, {"startedAt<500000h", false} /* an age, since 1970 */,
    {"startedAt>=1970-01-01T00:16:40Z", true}, {"startedAt>1970-01-01T00:16:40Z", false},
    {"completedAt<=1970-01-01T00:16:42Z", true}, {"completedAt<1970-01-01T00:16:42Z", false},
};
static const char *const wrong_filters[] = {
    "ref=abc", "ref==", "ref===a", "==a", "ref==a b", "ref~=(", "ref==\"a", "startedAt>soon",
    "duration>2001-01-01T00:00:00Z", "ref==a,", "ref.==a", "ref==\"\\q\"", ",",
};

START_TEST(test_history_filters)
{
    const struct ctl_time created = {1000, 0}, completed = {1002, 0};
    const struct ctl_pair options[] = {{"context", "https://example.org/a.git#main"}};
    const struct ctl_failure error = {2, "it failed"};
    const struct ctl_record r = {.ref = "abc", .created = &created, .completed = &completed,
                                 .error = &error, .options = {options, 1}};

    for (size_t i = 0; i < tenon_countof(filters); i++) {
        char *why;
        struct record_filter *f = record_filter_new(&filters[i].filter, 1, &why);
        ck_assert_msg(f != NULL, "%s: %s", filters[i].filter, why);
        ck_assert_msg(record_filter_passes(f, &r) == filters[i].passes, "%s", filters[i].filter);
        record_filter_free(f);
    }
    for (size_t i = 0; i < tenon_countof(wrong_filters); i++) {
        char *why = NULL;
        ck_assert_msg(!record_filter_new(&wrong_filters[i], 1, &why), "%s", wrong_filters[i]);
        ck_assert_ptr_nonnull(why);
        free(why);
    }
    static const char *const either[] = {"ref==x", "status==error"};
    char *why;
    struct record_filter *f = record_filter_new(either, 2, &why);
    ck_assert(record_filter_passes(f, &r));
    record_filter_free(f);
}
END_TEST

static const struct { const char *word, *found; } words[] = {
    {"", "bcd"}, {"^0", "bcd"}, {"^2", "ab"}, {"^3", NULL}, {"^x", NULL}, {"ab", "ab"},
    {"abc", "abc"}, {"b", "bcd"}, {"a", NULL}, {"x", NULL},
};

START_TEST(test_history_words)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_records struct records all = {0};

    make(store, "ab", 100);
    make(store, "abc", 200);
    make(store, "bcd", 300);
    OK(records_list(store, &all, &err));
    for (size_t i = 0; i < tenon_countof(words); i++) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        const struct ctl_record *r = records_find(&all, words[i].word, &why);
        ck_assert_msg(!r == !words[i].found, "%s", words[i].word);
        ck_assert_msg(!r || !strcmp(r->ref, words[i].found), "%s", words[i].word);
        ck_assert(r || why.code);
    }
}
END_TEST

/* ---- events, as clients of BuildKit know them -------------------------------------- */

static void
said(struct statusmessage *m, struct tenon_event ev, struct tenon_arena *arena,
     struct ctl_statuses *out)
{
    auto_buf struct tenon_buf batch = TENON_BUF_INIT;
    const char *why;

    ev.struct_size = sizeof ev;
    ev.vertex = "sha256:1";
    statusmessage_add(m, &ev, &batch);
    *out = (struct ctl_statuses){0};
    void *bytes = tenon_arena_dup(arena, tenon_buf_str(&batch), batch.len + 1);
    ck_assert(message_decode(arena, &ctl_statuses_message, bytes, batch.len, out, &why));
}

START_TEST(test_history_steps_as_messages)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct statusmessage m = {0};
    struct ctl_statuses all;

    said(&m, (struct tenon_event){.type = TENON_EVENT_VERTEX, .error = "it failed"}, &arena, &all);
    ck_assert_str_eq(((const struct ctl_vertex *)all.vertexes.items)->error, "it failed");
    said(&m, (struct tenon_event){.type = TENON_EVENT_VERTEX, .error = "interrupted",
                                  .flags = TENON_EVENT_CANCELED}, &arena, &all);
    ck_assert_str_eq(((const struct ctl_vertex *)all.vertexes.items)->error, "context canceled");
    said(&m, (struct tenon_event){.type = TENON_EVENT_STATUS, .name = "transferring context:",
                                  .current = 7, .total = 9}, &arena, &all);
    const struct ctl_line *one = all.lines.items;
    ck_assert_str_eq(one->id, "transferring context:");
    ck_assert_str_eq(one->name, "transferring");
    ck_assert_int_eq(one->current, 7);
    ck_assert_int_eq(one->total, 9);
    said(&m, (struct tenon_event){.type = TENON_EVENT_STATUS, .name = "extracting x"}, &arena, &all);
    ck_assert_str_eq(((const struct ctl_line *)all.lines.items)->name, "extracting x");
    statusmessage_release(&m);
}
END_TEST

START_TEST(test_history_places_of_warnings)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct statusmessage m = {0};
    struct ctl_statuses all;
    const struct tenon_lines more[] = {{.line = 9, .end_line = 11}, {.line = 20}};
    static const int64_t lines[][2] = {{3, 7}, {9, 11}, {20, 20}};

    said(&m, (struct tenon_event){.type = TENON_EVENT_WARNING, .name = "so it is",
                                  .filename = "Dockerfile", .line = 3, .end_line = 7,
                                  .more = more, .more_count = 2}, &arena, &all);
    const struct ctl_warning *w = all.warnings.items;
    ck_assert_str_eq(w->source->filename, "Dockerfile");
    ck_assert_uint_eq(w->ranges.len, tenon_countof(lines));
    for (size_t i = 0; i < tenon_countof(lines); i++) {
        const struct ctl_range *r = (const struct ctl_range *)w->ranges.items + i;
        ck_assert_int_eq(r->start->line, lines[i][0]);
        ck_assert_int_eq(r->end->line, lines[i][1]);
    }
    statusmessage_release(&m);
}
END_TEST

/* Of output without end there is the beginning, and a word that says so, once. */
START_TEST(test_history_output_has_an_end)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    struct statusmessage m = {.bytes = STATUS_LOGS_MAX};
    const struct tenon_event output = {.type = TENON_EVENT_LOG, .data = "said\n", .len = 5};
    struct ctl_statuses all;

    said(&m, output, &arena, &all);
    ck_assert_uint_eq(((const struct ctl_log *)all.logs.items)->text.len, 5);
    m.bytes++;
    said(&m, output, &arena, &all);
    ck_assert_ptr_nonnull(strstr(((const struct ctl_log *)all.logs.items)->text.data, "left out"));
    said(&m, output, &arena, &all);
    ck_assert_uint_eq(all.logs.len, 0);
    said(&m, (struct tenon_event){.type = TENON_EVENT_VERTEX, .name = "goes on"}, &arena, &all);
    ck_assert_uint_eq(all.vertexes.len, 1);
    m.bytes = STATUS_MAX + 1;
    said(&m, (struct tenon_event){.type = TENON_EVENT_VERTEX, .name = "no more"}, &arena, &all);
    ck_assert_uint_eq(all.vertexes.len, 0);
    statusmessage_release(&m);
}
END_TEST

/* ---- shown to a person ----------------------------------------------------- */

#define LONG_NAME "a-repository-with-a-long-name/and-a-directory-below-it"

/* What the row of the list has besides the build's name. */
static const struct {
    const char *context, *target, *file;
    int64_t ms; /* that it took; 0: it still runs */
    int32_t code;
    bool pinned;
    const char *name, *status, *duration;
} rows[] = {
    {"/a/b", "", NULL, 1240, 0, false, "b", "Completed", "1.2s"},
    {"/a/b", "", NULL, 1040, 0, true, "b", "Completed", "1.0s  pinned"},
    {"/a/b", "app", NULL, 59999, 2, false, "b (app)", "Error", "59.9s"},
    {"/a/b", "", "other", 60000, 1, false, "b/other", "Canceled", "1m  0s"},
    {"/a/b", "", NULL, 3725000, 0, false, "b", "Completed", "62m  5s"},
    {"/a/b", "", NULL, 0, 0, false, "b", "Running", "0.0s"},
    {"https://example.org/" LONG_NAME, "", NULL, 1000, 0, false,
     "..long-name/and-a-directory-below-it", "Completed", "1.0s"},
    {"", "app", NULL, 1000, 0, false, "app", "Completed", "1.0s"},
};

static char *
row_of(const struct ctl_record *r)
{
    char text[512] = "";
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    fflush(stdout);
    const int before = dup(1);
    ck_assert_int_ge(dup2(fileno(file), 1), 0);
    history_put_row(r);
    fflush(stdout);
    ck_assert_int_ge(dup2(before, 1), 0);
    close(before);
    rewind(file);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    return tenon_strdup(text);
}

START_TEST(test_history_rows)
{
    for (size_t i = 0; i < tenon_countof(rows); i++) {
        const struct ctl_time created = {1000, 0};
        const struct ctl_time completed = {1000 + rows[i].ms / 1000, rows[i].ms % 1000 * 1000000};
        const struct ctl_failure error = {
            rows[i].code, rows[i].code == 1 ? "solve: context canceled" : "it failed"};
        const struct ctl_pair options[] = {
            {"context", rows[i].context}, {"target", rows[i].target},
            {"filename", rows[i].file ? rows[i].file : "Dockerfile"}};
        const struct ctl_record r = {
            .ref = "abc", .context = "", .created = &created,
            .completed = rows[i].ms ? &completed : NULL, .error = rows[i].code ? &error : NULL,
            .options = {options, 3}, .pinned = rows[i].pinned};
        auto_free char *row = row_of(&r), *end = tenon_asprintf(" %s\n", rows[i].duration);
        auto_free char *begin = tenon_asprintf("%-28s %-36s %-10s ", "abc", rows[i].name,
                                               rows[i].status);
        ck_assert_msg(!strncmp(row, begin, strlen(begin)), "%s: %s", rows[i].name, row);
        ck_assert_msg(strlen(row) > strlen(end) && !strcmp(row + strlen(row) - strlen(end), end),
                      "%s: %s", rows[i].duration, row);
    }
}
END_TEST

/* ---- what is secret ------------------------------------------------------ */

static const struct { const char *pair, *value; } secrets[] = {
    {"build-arg:NPM_TOKEN=hush", "xxxxx"}, {"build-arg:PLAIN=shown", "shown"},
    {"build-arg:http_proxy=http://u:hush@h:1/", "http://xxxxx:xxxxx@h:1/"},
    {"context=https://hush@example.org/a.git", "https://xxxxx:xxxxx@example.org/a.git"},
    {"cache-imports=[{\"Type\":\"s3\",\"Attrs\":{\"bucket\":\"b\",\"secret_access_key\":\"hush\","
     "\"session_token\":\"hush\"}}]", "[{\"Type\":\"s3\",\"Attrs\":{\"bucket\":\"b\"}}]"},
    {"cache-imports=hush", "[]"}, {"secret_access_key=hush", "xxxxx"}, {"no-cache=", ""},
    {"build-arg:ghtoken=hush", "xxxxx"}, {"build-arg:APITOKEN=hush", "xxxxx"},
    {"build-arg:DB_PASS=hush", "xxxxx"}, {"build-arg:MYSQL_PWD=hush", "xxxxx"},
    {"build-arg:AUTHOR=shown", "shown"}, {"build-arg:COMPASS=shown", "shown"},
};

START_TEST(test_history_is_discreet)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;

    for (size_t i = 0; i < tenon_countof(secrets); i++) {
        const char *texts[] = {secrets[i].pair, NULL};
        const struct message_list list = discreet_texts(&arena, texts);
        const struct ctl_pair *p = list.items;
        ck_assert_uint_eq(list.len, 1);
        ck_assert_ptr_null(strstr(p->value, "hush"));
        if (strncmp(secrets[i].value, "http", 4)) /* tools/conceal.h says how */
            ck_assert_str_eq(p->value, secrets[i].value);
    }
}
END_TEST

/* Details are of anybody's making. */
static const struct { const char *json, *kept; } details[] = {
    {"{\"info\":{\"data\":null}}", "{\"info\":{}}"},
    {"{\"info\":{\"data\":7}}", "{\"info\":{}}"},
    {"{\"info\":{\"data\":\"**\"}}", "{\"info\":{}}"},
    {"{\"info\":{\"data\":\"aGk=\"}}", "{\"info\":{\"data\":\"aGk=\"}}"},
    {"{\"info\":null}", "{\"info\":null}"}, {"[1]", "[1]"}, {"7", "7"},
};

START_TEST(test_history_details)
{
    for (size_t i = 0; i < tenon_countof(details); i++) {
        auto_error struct tenon_error err = TENON_ERROR_INIT, end = TENON_ERROR_INIT;
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        const struct ctl_time created = {100, 0};
        struct ctl_record record = {.created = &created}, one;
        struct recorder *r = recorder_new(store, "failed");

        tenon_error_set(&end, TENON_E_INVALID, "no");
        tenon_error_detail(&end, "errdefs.Source", details[i].json);
        recorder_failed(r, &record, &end, NULL);
        OK(recorder_finish(r, &record, &err));
        recorder_free(r);
        OK(records_read(store, "failed", &arena, &one, &err));
        auto_close int fd = records_open(store, &one, one.details, &err);
        auto_buf struct tenon_buf all = TENON_BUF_INIT;
        OK(tenon_read_all(fd, 1 << 20, &all, &err));
        const size_t len = strlen(details[i].kept);
        ck_assert_msg(all.len >= len && !memcmp(all.data + all.len - len, details[i].kept, len),
                      "%s: %s", details[i].json, all.data);
    }
}
END_TEST

/* What is long is cut: between characters, and all of it together. */
START_TEST(test_history_long_values)
{
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_free char *text = tenon_asprintf("a=%*s", HISTORY_VALUE_MAX * 2, "");
    const char *texts[200];
    size_t sum = 0;

    for (size_t i = 0; i < tenon_countof(texts); i++)
        texts[i] = text;
    texts[tenon_countof(texts) - 1] = NULL;
    memcpy(text + 2 + HISTORY_VALUE_MAX - 1, "\xc3\xa4", 2);
    const struct message_list list = discreet_texts(&arena, texts);
    const struct ctl_pair *p = list.items;
    ck_assert_uint_eq(strlen(p[0].value), HISTORY_VALUE_MAX - 1);
    for (size_t i = 0; i < list.len; i++)
        sum += strlen(p[i].key) + strlen(p[i].value);
    ck_assert_uint_le(sum, HISTORY_VALUES_MAX);
    ck_assert_uint_ge(sum, HISTORY_VALUES_MAX - 2);
}
END_TEST

/* One that nobody would read is not made. */
START_TEST(test_history_record_too_large)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *much = tenon_asprintf("%*s", HISTORY_RECORD_MAX, "");
    const struct ctl_time created = {100, 0};
    struct ctl_record record = {.created = &created, .frontend = much};
    struct recorder *r = recorder_new(store, "large");

    ck_assert_int_eq(recorder_finish(r, &record, &err), TENON_E_LIMIT);
    recorder_free(r);
    tenon_error_release(&err);
    ck_assert_int_eq(tenon_history_open(store, "large", &err), TENON_E_NOT_FOUND);
}
END_TEST

/* Those of before there was that limit are read. */
START_TEST(test_history_record_of_before)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    auto_free char *much = tenon_asprintf("%*s", HISTORY_RECORD_MAX, "");
    auto_free char *name = tenon_history_name("before");
    const struct ctl_time at = {100, 0};
    struct ctl_record record = {.created = &at}, one;
    struct recorder *r = recorder_new(store, "before");

    OK(recorder_finish(r, &record, &err));
    recorder_free(r);
    record = (struct ctl_record){.ref = "before", .created = &at, .completed = &at,
                                 .frontend = much};
    message_encode(&bytes, &ctl_record_message, &record);
    auto_close int dir = tenon_history_open(store, name, &err);
    ck_assert_int_ge(dir, 0);
    auto_close int fd = openat(dir, "record", O_WRONLY | O_TRUNC | O_CLOEXEC);
    OK(tenon_write_all(fd, bytes.data, bytes.len, &err));
    OK(records_read(store, "before", &arena, &one, &err));
    ck_assert_uint_eq(strlen(one.frontend), HISTORY_RECORD_MAX);
}
END_TEST

/* What is longer than stays in memory. */
START_TEST(test_history_much_output)
{
    enum { PIECE = 64 << 10, PIECES = 40 };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_free char *piece = tenon_calloc(1, PIECE + 1);
    const struct ctl_time created = {100, 0};
    struct ctl_record record = {.created = &created}, one;
    struct recorder *r = recorder_new(store, "much");
    struct tenon_event ev = line;
    int frames = 0;

    memset(piece, 'x', PIECE);
    ev.data = piece;
    ev.len = PIECE;
    for (int i = 0; i < PIECES; i++)
        recorder_event(r, &ev);
    OK(recorder_finish(r, &record, &err));
    recorder_free(r);
    OK(records_read(store, "much", &arena, &one, &err));
    ck_assert_int_gt(one.logs->size, PIECE * PIECES);
    OK(records_replay(store, &one, count_frames, &frames, &err));
    ck_assert_int_gt(frames, 5);
    auto_close int fd = records_open(store, &one, one.logs, &err);
    auto_buf struct tenon_buf all = TENON_BUF_INIT;
    OK(tenon_read_all(fd, 16 << 20, &all, &err));
    struct tenon_digest digest;
    tenon_digest_of(all.data, all.len, &digest);
    ck_assert_str_eq(digest.str, one.logs->digest);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("history");
    TCase *tc = tcase_create("records");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_history_there_and_back);
    tcase_add_test(tc, test_history_killed_in_between);
    tcase_add_test(tc, test_history_two_processes);
    tcase_add_loop_test(tc, test_history_not_believed, 0, (int)tenon_countof(spoilings));
    tcase_add_loop_test(tc, test_history_logs_not_believed, 0, (int)tenon_countof(bad_logs));
    tcase_add_test(tc, test_history_bounds);
    tcase_add_test(tc, test_history_filters);
    tcase_add_test(tc, test_history_names);
    tcase_add_test(tc, test_history_looks_now_and_then);
    tcase_add_test(tc, test_history_steps_as_messages);
    tcase_add_test(tc, test_history_places_of_warnings);
    tcase_add_test(tc, test_history_output_has_an_end);
    tcase_add_test(tc, test_history_words);
    tcase_add_test(tc, test_history_rows);
    tcase_add_test(tc, test_history_is_discreet);
    tcase_add_test(tc, test_history_much_output);
    tcase_add_test(tc, test_history_bound_of_bytes);
    tcase_add_test(tc, test_history_removed_by_its_directory);
    tcase_add_test(tc, test_history_details);
    tcase_add_test(tc, test_history_long_values);
    tcase_add_test(tc, test_history_record_too_large);
    tcase_add_test(tc, test_history_record_of_before);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

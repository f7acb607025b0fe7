#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/cancel.h"
#include "base/log.h"

START_TEST(test_error_context_prefixes)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(tenon_error_set(&err, TENON_E_INVALID, "bad %d", 3),
                     TENON_E_INVALID);
    ck_assert_int_eq(tenon_error_context(&err, "step %d", 4), TENON_E_INVALID);
    ck_assert_int_eq(tenon_error_context(&err, "build"), TENON_E_INVALID);
    ck_assert_str_eq(err.message, "build: step 4: bad 3");
    ck_assert_int_eq(tenon_error_hint(&err, "pass --%s", "x"),
                     TENON_E_INVALID);
    ck_assert_str_eq(err.hint, "pass --x");
}
END_TEST

START_TEST(test_error_set_may_use_its_own_message)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tenon_error_set(&err, TENON_E_FAILED, "inner");
    tenon_error_set(&err, TENON_E_DENIED, "outer (%s)", err.message);
    ck_assert_str_eq(err.message, "outer (inner)");
    ck_assert_int_eq(err.code, TENON_E_DENIED);
}
END_TEST

START_TEST(test_error_sys_has_code_and_text)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    errno = ENOENT;
    ck_assert_int_eq(tenon_error_sys(&err, "open \"%s\"", "f"),
                     TENON_E_NOT_FOUND);
    ck_assert_int_eq(err.sys, ENOENT);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_str_eq(err.message, "open \"f\": No such file or directory");
    ck_assert_int_eq(tenon_error_errno(&err, EACCES, "x"), TENON_E_DENIED);
    ck_assert_str_eq(err.message, "x: Permission denied");
}
END_TEST

START_TEST(test_error_at_keeps_the_innermost)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    tenon_error_set(&err, TENON_E_INVALID, "x");
    tenon_error_at(&err, "Dockerfile", 3, 5);
    tenon_error_at(&err, "Other", 1, 1);
    ck_assert_str_eq(err.file, "Dockerfile");
    ck_assert_uint_eq(err.line, 3);
    ck_assert_uint_eq(err.end_line, 5);
}
END_TEST

START_TEST(test_error_copy_and_move)
{
    auto_error struct tenon_error a = TENON_ERROR_INIT;
    auto_error struct tenon_error b = TENON_ERROR_INIT;
    auto_error struct tenon_error c = TENON_ERROR_INIT;
    tenon_error_set(&a, TENON_E_LIMIT, "m");
    tenon_error_hint(&a, "h");
    tenon_error_at(&a, "f", 1, 2);
    tenon_error_detail(&a, "t1", "{}");
    tenon_error_detail(&a, "t2", "[]");
    tenon_error_set(&b, TENON_E_FAILED, "old");
    ck_assert_int_eq(tenon_error_copy(&b, &a), TENON_E_LIMIT);
    ck_assert_str_eq(b.message, "m");
    ck_assert_str_eq(b.details->type, "t1");
    ck_assert_str_eq(b.details->next->json, "[]");
    ck_assert_int_eq(tenon_error_move(&c, &a), TENON_E_LIMIT);
    ck_assert_ptr_null(a.message);
    ck_assert_int_eq(a.code, 0);
    ck_assert_str_eq(c.hint, "h");
}
END_TEST

START_TEST(test_status_names)
{
    ck_assert_str_eq(tenon_status_name(TENON_E_NOT_FOUND), "not found");
    ck_assert_str_eq(tenon_status_name(0), "ok");
    ck_assert_str_eq(tenon_status_name(-999), "unknown");
    ck_assert_int_lt(tenon_status_from_errno(0), 0);
    static const struct { int sys, code; } codes[] = {
        { ENOSPC, TENON_E_FAILED },        { EIO, TENON_E_FAILED },
        { ENOSYS, TENON_E_UNSUPPORTED },   { EOPNOTSUPP, TENON_E_UNSUPPORTED },
        { ENOENT, TENON_E_NOT_FOUND },     { ENOTDIR, TENON_E_NOT_FOUND },
        { EACCES, TENON_E_DENIED },        { EPERM, TENON_E_DENIED },
        { EROFS, TENON_E_DENIED },         { ECANCELED, TENON_E_CANCELLED },
        { EAGAIN, TENON_E_UNAVAILABLE },   { EBUSY, TENON_E_UNAVAILABLE },
        { ETIMEDOUT, TENON_E_UNAVAILABLE }, { ECONNREFUSED, TENON_E_UNAVAILABLE },
        { ECONNRESET, TENON_E_UNAVAILABLE }, { EINVAL, TENON_E_INVALID },
        { EISDIR, TENON_E_INVALID },       { EEXIST, TENON_E_INVALID },
        { ELOOP, TENON_E_INVALID },        { EFBIG, TENON_E_LIMIT },
        { ENAMETOOLONG, TENON_E_LIMIT },   { EMFILE, TENON_E_LIMIT },
        { ENOMEM, TENON_E_NOMEM },         { EBADF, TENON_E_BUG },
        { EBADMSG, TENON_E_CORRUPT },
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        ck_assert_msg(tenon_status_from_errno(codes[i].sys) == codes[i].code, "%s", strerror(codes[i].sys));
}
END_TEST

static int heard_level;
static char heard[64];

static void
listen(void *data, int level, const char *text)
{
    ck_assert_ptr_eq(data, heard);
    heard_level = level;
    snprintf(heard, sizeof heard, "%s", text);
}

START_TEST(test_log_sink_and_level)
{
    tenon_log_set_sink(listen, heard);
    tenon_log(TENON_LOG_WARNING, "w%d", 1);
    ck_assert_str_eq(heard, "w1");
    ck_assert_int_eq(heard_level, TENON_LOG_WARNING);
    tenon_log(TENON_LOG_DEBUG, "d");
    ck_assert_str_eq(heard, "w1");
    tenon_log_set_level(TENON_LOG_DEBUG);
    tenon_log(TENON_LOG_DEBUG, "d");
    ck_assert_str_eq(heard, "d");
    tenon_log_set_level(TENON_LOG_NOTICE);
    tenon_log_set_sink(NULL, NULL);
}
END_TEST

/* All below, however many and however deep, and nothing beside. */
START_TEST(test_cancel_fires_all_below)
{
    enum { MANY = 7 };
    struct tenon_cancel *top = tenon_cancel_new(NULL), *beside = tenon_cancel_new(top);
    struct tenon_cancel *middle = tenon_cancel_new(top), *below[MANY], *deep[MANY];
    for (size_t i = 0; i < MANY; i++) {
        below[i] = tenon_cancel_new(middle);
        deep[i] = tenon_cancel_new(below[i]);
    }
    tenon_cancel_free(deep[2]); /* one that has ended is no way to stop at */
    tenon_cancel_fire(middle);
    for (size_t i = 0; i < MANY; i++) {
        ck_assert(tenon_cancel_fired(below[i]));
        ck_assert(i == 2 || tenon_cancel_fired(deep[i]));
    }
    ck_assert(!tenon_cancel_fired(top) && !tenon_cancel_fired(beside));
    for (size_t i = MANY; i-- > 0;) {
        if (i != 2)
            tenon_cancel_free(deep[i]);
        tenon_cancel_free(below[i]);
    }
    tenon_cancel_fire(top);
    ck_assert(tenon_cancel_fired(beside));
    tenon_cancel_free(middle);
    tenon_cancel_free(beside);
    tenon_cancel_free(top);
}
END_TEST

START_TEST(test_cancel_fires_children)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_cancel *top = tenon_cancel_new(NULL);
    struct tenon_cancel *a = tenon_cancel_new(top);
    struct tenon_cancel *b = tenon_cancel_new(top);
    struct tenon_cancel *aa = tenon_cancel_new(a);
    tenon_cancel_fire(a);
    ck_assert(tenon_cancel_fired(a) && tenon_cancel_fired(aa));
    ck_assert(!tenon_cancel_fired(top) && !tenon_cancel_fired(b));
    ck_assert_int_eq(tenon_cancel_check(aa, &err), TENON_E_CANCELLED);
    ck_assert_int_eq(tenon_cancel_check(b, &err), 0);
    tenon_cancel_fire(top);
    ck_assert(tenon_cancel_fired(b));
    struct tenon_cancel *late = tenon_cancel_new(top);
    ck_assert(tenon_cancel_fired(late));
    ck_assert_int_ge(tenon_cancel_fd(late), 0);
    ck_assert(!tenon_cancel_fired(NULL));
    tenon_cancel_free(late);
    tenon_cancel_free(aa);
    tenon_cancel_free(a);
    tenon_cancel_free(b);
    tenon_cancel_free(top);
}
END_TEST

START_TEST(test_cancel_changes_parents)
{
    struct tenon_cancel *top = tenon_cancel_new(NULL);
    struct tenon_cancel *first = tenon_cancel_new(top), *c = tenon_cancel_new(first);
    struct tenon_cancel *below = tenon_cancel_new(c);
    tenon_cancel_set_parent(c, top);
    tenon_cancel_fire(first); /* which is not its own any more */
    tenon_cancel_free(first);
    ck_assert(!tenon_cancel_fired(c));
    tenon_cancel_fire(top);
    ck_assert(tenon_cancel_fired(c) && tenon_cancel_fired(below));
    struct tenon_cancel *late = tenon_cancel_new(NULL);
    tenon_cancel_set_parent(late, top);
    ck_assert(tenon_cancel_fired(late));
    tenon_cancel_set_parent(late, NULL);
    tenon_cancel_free(below);
    tenon_cancel_free(c);
    tenon_cancel_free(top);
    tenon_cancel_free(late);
}
END_TEST

static size_t
count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool
is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_int_ge(fd, 0);
    return poll(&p, 1, 0) == 1;
}

/* A descriptor is for who polls: not for each that waits for its turn. */
START_TEST(test_cancel_descriptors_are_made_when_asked_for)
{
    enum { MANY = 3000 };
    struct tenon_cancel *top = tenon_cancel_new(NULL), *many[MANY];
    const size_t before = count_descriptors();

    for (size_t i = 0; i < MANY; i++)
        many[i] = tenon_cancel_new(top);
    ck_assert_uint_eq(count_descriptors(), before);
    const int fd = tenon_cancel_fd(many[1]);
    ck_assert(!is_readable(fd));
    ck_assert_int_eq(tenon_cancel_fd(many[1]), fd);
    ck_assert_uint_eq(count_descriptors(), before + 1);
    tenon_cancel_fire(top);
    ck_assert(is_readable(fd));
    ck_assert(is_readable(tenon_cancel_fd(many[2]))); /* fired before it was asked for */
    tenon_cancel_close_fd(many[1]);
    tenon_cancel_close_fd(many[2]);
    tenon_cancel_close_fd(many[3]);
    tenon_cancel_close_fd(NULL);
    ck_assert_uint_eq(count_descriptors(), before);
    ck_assert(tenon_cancel_fired(many[1]));
    ck_assert(is_readable(tenon_cancel_fd(many[1])));
    for (size_t i = 0; i < MANY; i++)
        tenon_cancel_free(many[i]);
    tenon_cancel_free(top);
    ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

/* Without one of its own, whoever polls hears at least of what ends all of the build. */
START_TEST(test_cancel_without_descriptors)
{
    struct tenon_cancel *top = tenon_cancel_new(NULL), *build = tenon_cancel_new(top);
    struct tenon_cancel *step = tenon_cancel_new(build), *below = tenon_cancel_new(step);
    struct tenon_cancel *alone = tenon_cancel_new(NULL);
    const int fd = tenon_cancel_fd(build);
    struct rlimit old, none;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int got = tenon_cancel_fd(below), lone = tenon_cancel_fd(alone);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(got, fd);
    ck_assert_int_eq(lone, -1);
    tenon_cancel_close_fd(below); /* which is not its own */
    ck_assert(!is_readable(got));
    tenon_cancel_fire(build);
    ck_assert(is_readable(got));
    ck_assert(tenon_cancel_fired(below));
    tenon_cancel_free(alone);
    tenon_cancel_free(below);
    tenon_cancel_free(step);
    tenon_cancel_free(build);
    tenon_cancel_free(top);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("error");
    TCase *c = tcase_create("error");
    tcase_add_test(c, test_error_context_prefixes);
    tcase_add_test(c, test_error_set_may_use_its_own_message);
    tcase_add_test(c, test_error_sys_has_code_and_text);
    tcase_add_test(c, test_error_at_keeps_the_innermost);
    tcase_add_test(c, test_error_copy_and_move);
    tcase_add_test(c, test_status_names);
    tcase_add_test(c, test_log_sink_and_level);
    tcase_add_test(c, test_cancel_fires_children);
    tcase_add_test(c, test_cancel_changes_parents);
    tcase_add_test(c, test_cancel_descriptors_are_made_when_asked_for);
    tcase_add_test(c, test_cancel_fires_all_below);
    tcase_add_test(c, test_cancel_without_descriptors);
    suite_add_tcase(s, c);
    return unit_run(s);
}

/* What is said beside the results: by level, to a sink, and else to standard error,
 * where it does no harm. */
#include "unit.h"

#include <errno.h>

#include "base/log.h"
#include "tools/buf.h"

struct said {
    int level;
    struct tenon_buf text;
};

static void
listen(void *data, int level, const char *text)
{
    struct said *s = data;
    s->level = level;
    tenon_buf_addf(&s->text, "<%s>", text);
}

static void
teardown(void)
{
    tenon_log_set_sink(NULL, NULL);
    tenon_log_set_level(TENON_LOG_NOTICE);
}

START_TEST(test_log_levels)
{
    struct said s = {0, TENON_BUF_INIT};
    tenon_log_set_sink(listen, &s);
    tenon_log(TENON_LOG_INFO, "too quiet");
    ck_assert_uint_eq(s.text.len, 0);
    tenon_log(TENON_LOG_NOTICE, "%d of %s", 2, "three");
    ck_assert_int_eq(s.level, TENON_LOG_NOTICE);
    tenon_log_set_level(TENON_LOG_DEBUG);
    errno = ENOENT;
    tenon_log(TENON_LOG_DEBUG, "more");
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(s.level, TENON_LOG_DEBUG);
    tenon_log_set_level(TENON_LOG_ERROR);
    tenon_log(TENON_LOG_WARNING, "less");
    tenon_log(TENON_LOG_ERROR, "worst");
    ck_assert_str_eq(tenon_buf_str(&s.text), "<2 of three><more><worst>");
    tenon_buf_release(&s.text);
}
END_TEST

START_TEST(test_log_to_standard_error)
{
    static const struct {
        int level;
        const char *text, *line;
    } lines[] = {
        { TENON_LOG_ERROR, "it broke", "tenon: error: it broke\n" },
        { TENON_LOG_WARNING, "it may", "tenon: warning: it may\n" },
        { TENON_LOG_NOTICE, "it is", "tenon: it is\n" },
        { TENON_LOG_INFO, "by the way", "tenon: by the way\n" },
        { TENON_LOG_DEBUG, "detail", "tenon: debug: detail\n" },
        { TENON_LOG_NOTICE, "a\033[31mred\033[0m\007", NULL },
    };
    char path[64];
    int dir = unit_tmpdir(path);
    int file = openat(dir, "stderr", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(file, 0);
    tenon_log_set_level(TENON_LOG_DEBUG);
    for (size_t i = 0; i < tenon_countof(lines); i++) {
        char got[200] = "";
        ck_assert_int_eq(ftruncate(file, 0), 0);
        fflush(stderr);
        int saved = dup(2);
        ck_assert_int_ge(dup2(file, 2), 0);
        tenon_log(lines[i].level, "%s", lines[i].text);
        fflush(stderr);
        dup2(saved, 2);
        close(saved);
        ck_assert_int_gt(pread(file, got, sizeof got - 1, 0), 0);
        if (lines[i].line)
            ck_assert_str_eq(got, lines[i].line);
        ck_assert_ptr_null(strchr(got, '\033'));
        ck_assert_ptr_null(strchr(got, '\007'));
    }
    close(file);
    unit_tmpdir_remove(dir, path);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, test_log_levels);
    tcase_add_test(t, test_log_to_standard_error);
    suite_add_tcase(s, t);
    return unit_run(s);
}

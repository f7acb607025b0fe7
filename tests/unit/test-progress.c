/* What the renderers share: text made safe, the model, the recap. */
#include "unit.h"

#include "progresskit/model.h"
#include "progresskit/recap.h"
#include "progresskit/text.h"

static const struct {
    const char *in, *out;
} texts[] = {
    { "plain", "plain" },
    { "\033[31mred\033[0m", "red" },
    { "\033]0;title\007after", "after" },
    { "\033]0;title\033\\after", "after" },
    { "\033P+q\033\\x", "x" },
    { "10%\r50%\r100%", "100%" },
    { "line\r\nnext", "line\nnext" },
    { "bell\007 back\010space", "bell backspace" },
    { "tab\tstays", "tab\tstays" },
    { "gr\303\274n", "gr\303\274n" },
    { "\302\233" "31mC1", "??31mC1" },
    { "\377\376", "??" },
    { "\355\274\272 \340\200\257 \364\220\200\200", "??? ??? ????" }, /* a surrogate, too long, too high */
    { "cut \033[", "cut " },
    { "cut \033", "cut " },
    { "\033[12", "" },
};

START_TEST(test_text_sanitize)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_sanitize(&b, texts[_i].in, strlen(texts[_i].in));
    ck_assert_str_eq(tenon_buf_str(&b), texts[_i].out);
}
END_TEST

static const struct {
    int64_t ns;
    const char *go, *log;
} times[] = {
    { 1347502967, "1.347502967s", "1.348" },
    { 0, "0s", "0.000" },
    { 500, "500ns", "0.000" },
    { 1500000, "1.5ms", "0.002" },
    { 25000000000, "25s", "25.00" },
    { 60012602525, "1m0.012602525s", "60.01" },
    { 125500000000, "2m5.5s", "125.5" },
    { 3600000000000, "1h0m0s", "3600.0" },
};

START_TEST(test_text_times)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_add_go_duration(&b, times[_i].ns);
    ck_assert_str_eq(tenon_buf_str(&b), times[_i].go);
    tenon_buf_clear(&b);
    pk_add_log_time(&b, times[_i].ns);
    ck_assert_str_eq(tenon_buf_str(&b), times[_i].log);
}
END_TEST

static const struct {
    const char *text;
    size_t columns, room;
    const char *cut;
} columns[] = {
    { "plain", 5, 3, "pla" },
    { "gr\303\274n", 4, 3, "gr\303\274" },
    { "\346\227\245\346\234\254", 4, 3, "\346\227\245" },       /* two wide ones */
    { "ok \360\237\232\200", 5, 4, "ok " },                        /* a rocket */
    { "e\314\201x", 2, 1, "e\314\201" },                           /* a combining accent */
    { "\342\234\205 done", 7, 2, "\342\234\205" },
    { "", 0, 4, "" },
};

START_TEST(test_text_columns)
{
    ck_assert_uint_eq(pk_columns(columns[_i].text), columns[_i].columns);
    auto_free char *cut = tenon_strndup(columns[_i].text,
                                        pk_cut(columns[_i].text, columns[_i].room));
    ck_assert_str_eq(cut, columns[_i].cut);
}
END_TEST

START_TEST(test_text_go_time)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_add_go_time(&b, INT64_C(1535749410703550864));
    ck_assert_str_eq(tenon_buf_str(&b), "2018-08-31 21:03:30.703550864 +0000 UTC");
}
END_TEST

START_TEST(test_text_cut_counts_characters)
{
    ck_assert_uint_eq(pk_columns("gr\303\274n"), 4);
    ck_assert_uint_eq(pk_cut("gr\303\274n", 3), 4);
    ck_assert_uint_eq(pk_cut("gr\303\274n", 9), 5);
}
END_TEST

static struct pk_vertex *
vertex(struct pk_model *m, const char *digest, int64_t start, int64_t end, const char *error)
{
    struct pk_status *s;
    struct tenon_event ev = { .type = TENON_EVENT_VERTEX, .vertex = digest, .name = digest,
                              .started_ns = start };
    struct pk_vertex *v = pk_model_event(m, &ev, &s);
    if (end) {
        ev.completed_ns = end;
        ev.duration_ns = end - start;
        ev.error = error;
        v = pk_model_event(m, &ev, &s);
    }
    return v;
}

static void
log_text(struct pk_model *m, const char *digest, const char *text, int64_t at)
{
    struct pk_status *s;
    struct tenon_event ev = { .type = TENON_EVENT_LOG, .vertex = digest, .data = text,
                              .len = strlen(text), .timestamp_ns = at, .stream = 1 };
    pk_model_event(m, &ev, &s);
}

START_TEST(test_model_joins_partial_lines)
{
    struct pk_model m = {0};
    struct pk_vertex *v = vertex(&m, "a", 1000000000, 0, NULL);
    log_text(&m, "a", "one ", 1500000000);
    log_text(&m, "a", "line\ntwo", 2000000000);
    ck_assert_uint_eq(v->lines.len, 1);
    ck_assert_str_eq(v->lines.items[0].text, "one line");
    ck_assert_int_eq(v->lines.items[0].at_ns, 500000000);
    pk_model_flush_line(&m, v);
    ck_assert_uint_eq(v->lines.len, 2);
    ck_assert_str_eq(v->lines.items[1].text, "two");
    pk_model_release(&m);
}
END_TEST

START_TEST(test_model_keeps_a_bounded_tail)
{
    struct pk_model m = {0};
    struct pk_vertex *v = vertex(&m, "a", 1, 0, NULL);
    const unsigned count = 100000;
    for (unsigned i = 0; i < count; i++) {
        char line[32];
        snprintf(line, sizeof line, "%u\n", i);
        log_text(&m, "a", line, 2);
        ck_assert_uint_le(v->lines_bytes, PK_KEPT_BYTES);
    }
    ck_assert_uint_gt(v->lines.len, 10000);
    ck_assert_uint_eq(v->lines.len + v->lines_lost, count);
    ck_assert_str_eq(v->lines.items[v->lines.len - 1].text, "99999");
    ck_assert_uint_eq(v->pending.len, 0); /* nobody asked for it */
    pk_model_release(&m);
}
END_TEST

START_TEST(test_recap_warnings)
{
    struct pk_model m = {0};
    struct pk_status *st;
    const char *detail[] = { "Why it matters", NULL };
    struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_WARNING, .name = "Rule: text (line 2)",
        .detail = detail, .url = "https://example.com/rule", .filename = "Dockerfile",
        .line = 2, .end_line = 2,
    };
    pk_model_event(&m, &ev, &st);
    static const char file[] = "FROM a\nRUN b\n";
    struct tenon_source_excerpt x = { "Dockerfile", file, sizeof file - 1, 0, 0 };
    struct tenon_progress_end end = { .struct_size = sizeof end, .files = &x, .file_count = 1 };
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    struct pk_warning_style style = { .program = "docker" };
    pk_recap_warnings(&b, &m, &end, &style);
    ck_assert_str_eq(tenon_buf_str(&b),
                     "\n 1 warning found (use docker --debug to expand):\n - Rule: text (line 2)\n");
    tenon_buf_clear(&b);
    style.debug = true;
    pk_recap_warnings(&b, &m, &end, &style);
    ck_assert_str_eq(tenon_buf_str(&b),
                     "\n 1 warning found:\n - Rule: text (line 2)\nWhy it matters\n"
                     "More info: https://example.com/rule\nDockerfile:2\n"
                     "--------------------\n   1 |     FROM a\n   2 | >>> RUN b\n"
                     "--------------------\n\n");
    pk_model_release(&m);
}
END_TEST

START_TEST(test_recap_shows_step_and_lines)
{
    struct pk_model m = {0};
    vertex(&m, "[2/3] RUN false", 1000000000, 0, NULL);
    log_text(&m, "[2/3] RUN false", "said\n", 1123000000);
    static const char file[] = "FROM a\n\nRUN one\nRUN false\nRUN three\nRUN four\nRUN five\n";
    struct tenon_source_excerpt x = { "Dockerfile", file, sizeof file - 1, 4, 4 };
    struct tenon_progress_end end = {
        .status = TENON_E_FAILED, .vertex = "[2/3] RUN false", .error = "failed to solve: x",
        .excerpts = &x, .excerpt_count = 1,
    };
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    pk_recap_failure(&b, &m, &end, 10);
    pk_recap_error(&b, &end);
    ck_assert_str_eq(tenon_buf_str(&b),
                     "------\n > [2/3] RUN false:\n0.123 said\n------\n"
                     "Dockerfile:4\n--------------------\n"
                     "   2 |     \n   3 |     RUN one\n   4 | >>> RUN false\n   5 |     RUN three\n"
                     "   6 |     RUN four\n--------------------\nERROR: failed to solve: x\n");
    pk_model_release(&m);
}
END_TEST

START_TEST(test_model_group_is_one_line)
{
    struct pk_model m = {0};
    struct pk_status *s;
    struct tenon_event ev = { .type = TENON_EVENT_VERTEX, .vertex = "d1", .name = "copy",
                              .group_id = "g", .group_name = "COPY --link a b", .started_ns = 1 };
    pk_model_event(&m, &ev, &s);
    ev.completed_ns = 2;
    pk_model_event(&m, &ev, &s);
    ev = (struct tenon_event){ .type = TENON_EVENT_VERTEX, .vertex = "d2", .name = "merge",
                               .group_id = "g", .group_name = "COPY --link a b", .started_ns = 3 };
    struct pk_vertex *v = pk_model_event(&m, &ev, &s);
    ck_assert_uint_eq(m.vertices.len, 1);
    ck_assert(pk_is_running(v));
    ev.completed_ns = 9;
    v = pk_model_event(&m, &ev, &s);
    ck_assert_int_eq(v->completed_ns, 9);
    ck_assert_str_eq(v->name, "COPY --link a b");
    pk_model_release(&m);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("progress");
    TCase *tc = tcase_create("progress");
    tcase_add_loop_test(tc, test_text_sanitize, 0, (int)tenon_countof(texts));
    tcase_add_loop_test(tc, test_text_times, 0, (int)tenon_countof(times));
    tcase_add_test(tc, test_text_go_time);
    tcase_add_test(tc, test_text_cut_counts_characters);
    tcase_add_test(tc, test_model_joins_partial_lines);
    tcase_add_test(tc, test_model_keeps_a_bounded_tail);
    tcase_add_loop_test(tc, test_text_columns, 0, (int)tenon_countof(columns));
    tcase_add_test(tc, test_recap_warnings);
    tcase_add_test(tc, test_recap_shows_step_and_lines);
    tcase_add_test(tc, test_model_group_is_one_line);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

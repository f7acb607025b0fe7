/* What the renderers share: text made safe, the model, the recap. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>

#include "common/progress/model.h"
#include "common/progress/output.h"
#include "common/progress/recap.h"
#include "common/progress/text.h"

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

/* One that never ends is broken into pieces, none of it is lost. */
START_TEST(test_model_breaks_an_endless_line)
{
    struct pk_model m = {0};
    struct pk_vertex *v = vertex(&m, "a", 1, 0, NULL);
    static char piece[1001];
    memset(piece, 'x', 1000);
    for (int i = 0; i < 200; i++) {
        log_text(&m, "a", piece, 2);
        ck_assert_uint_le(v->partial.len, 70000);
    }
    pk_model_flush_line(&m, v);
    size_t all = 0;
    tenon_vec_foreach(l, &v->lines)
        all += strlen(l->text);
    ck_assert_uint_eq(all, 200000);
    ck_assert_uint_ge(v->lines.len, 3);
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

/* Standard error may be a pipe that somebody has made non-blocking: all of it comes. */
static void *
read_all(void *data)
{
    int fd = *(int *)data;
    char chunk[4096];
    size_t *total = tenon_new0(size_t);
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0; *total += (size_t)n)
        for (ssize_t i = 0; i < n; i++)
            if (chunk[i] != 'x')
                *total += 1 << 30;
    return total;
}

START_TEST(test_output_to_a_pipe_that_is_full)
{
    enum { LEN = 1 << 20 };
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    for (int i = 0; i < LEN; i++)
        tenon_buf_add(&text, "x", 1);
    pthread_t reader;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &fds[0]), 0);
    pk_write(fds[1], &text);
    close(fds[1]);
    void *total;
    pthread_join(reader, &total);
    ck_assert_uint_eq(*(size_t *)total, LEN);
    free(total);
    close(fds[0]);
    /* and where nobody reads it gives up */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    pk_write(fds[1], &text);
    close(fds[1]);
    signal(SIGPIPE, before);
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
    struct tenon_source_excerpt x = { .struct_size = sizeof x, .filename = "Dockerfile", .data = file,
                                      .len = sizeof file - 1, .line = 0, .end_line = 0 };
    const struct tenon_source_excerpt *const list[] = { &x };
    struct tenon_progress_end end = { .struct_size = sizeof end, .files = list, .file_count = 1 };
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

    /* Of lines in two places, the second of them in front, and one that is none. */
    static const struct tenon_lines more[] = { { 1, 2 }, { 0, 0 } };
    static const char longer[] = "1\n2\n3\n4\n5\n6\n7\n";
    ev.line = ev.end_line = 5;
    ev.more = more;
    ev.more_count = tenon_countof(more);
    m = (struct pk_model){0};
    pk_model_event(&m, &ev, &st);
    x.data = longer;
    x.len = sizeof longer - 1;
    tenon_buf_clear(&b);
    pk_recap_warnings(&b, &m, &end, &style);
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&b),
                                 "Dockerfile:1\n--------------------\n   1 | >>> 1\n   2 | >>> 2\n"
                                 "   3 |     3\n   4 |     4\n   5 | >>> 5\n   6 |     6\n   7 |     7\n"));
    pk_model_release(&m);
}
END_TEST

START_TEST(test_recap_shows_step_and_lines)
{
    struct pk_model m = {0};
    vertex(&m, "[2/3] RUN false", 1000000000, 0, NULL);
    log_text(&m, "[2/3] RUN false", "said\n", 1123000000);
    static const char file[] = "FROM a\n\nRUN one\nRUN false\nRUN three\nRUN four\nRUN five\n";
    struct tenon_source_excerpt x = { .struct_size = sizeof x, .filename = "Dockerfile", .data = file,
                                      .len = sizeof file - 1, .line = 4, .end_line = 4 };
    const struct tenon_source_excerpt *const list[] = { &x };
    struct tenon_progress_end end = {
        .status = TENON_E_FAILED, .vertex = "[2/3] RUN false", .error = "failed to solve: x",
        .excerpts = list, .excerpt_count = 1,
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

/* ---- the model's states, as a table -------------------------------------------------- */

/* Events as words, and what the model knows then.  A word is a letter, the
 * digest, or "GROUP/LETTER", then "?" (announced), "+TIME" (begins) or "-TIME" (is over, begun
 * at TIME - 1 if it had not), then letters: c cached, x cancelled, e failed, i internal.
 * "!" forgets what is announced only. */
static const struct {
    const char *events, *state;
} states[] = {
    { "a?", "a planned; 0 of 1" },
    { "a+5", "a since 5; 0 of 1" },
    { "a+5 a-9", "a 5-9 took 4; 1 of 1" },
    { "a+5 a-9c", "a 5-9 took 4 cached; 1 of 1" },
    { "a-9c", "a 8-9 took 1 cached; 1 of 1" },
    { "a+5 a-9e", "a 5-9 took 4 error; 1 of 1" },
    { "a+5 a-9x", "a 5-9 took 4 canceled; 1 of 1" },
    { "a+5 a-9xe", "a 5-9 took 4 canceled error; 1 of 1" },
    { "a+5i", "a since 5 internal; 0 of 1" },
    /* They stand as they began, not as they were announced. */
    { "a? b? c? b+1 a+2", "c planned, b since 1, a since 2; 0 of 3" },
    { "a? b+1 b-2 a+3 a-4", "b 1-2 took 1, a 3-4 took 1; 2 of 2" },
    { "a+1 b+2 b-3 a-4", "a 1-4 took 3 second, b 2-3 took 1; 2 of 2" },
    { "a? b+1 c? b-2 !", "b 1-2 took 1; 1 of 1" },
    /* Again, as a step does that is looked up and then run. */
    { "a+1 a-2c a+3", "a since 1; 0 of 1" },
    { "a+1 a-2c a+3 a-7", "a 1-7 took 4; 1 of 1" },
    /* A group is one: cached if all of it was, whoever comes last; over when all are. */
    { "g/a+1 g/a-2c g/b+3 g/b-4c", "g 1-4 took 3 cached; 1 of 1" },
    { "g/a+1 g/a-2 g/b+3 g/b-4c", "g 1-4 took 3; 1 of 1" },
    { "g/a+1 g/a-2c g/b+3 g/b-4", "g 1-4 took 3; 1 of 1" },
    { "g/a+1 g/b+2 g/a-3c", "g since 1; 0 of 1" },
    { "g/a+1 g/b+2 g/a-3 g/b-4c", "g 1-4 took 3; 1 of 1" },
    { "g/a+1 g/b+2 g/c+2 g/a-3c g/b-4c", "g since 1; 0 of 1" },
    { "g/a+1 g/b+2 g/b-5e g/a-6x", "g 1-6 took 5 canceled error; 1 of 1" },
    { "g/a+4 g/b+2 g/a-5 g/b-6", "g 2-6 took 4; 1 of 1" },
    { "g/a? g/b? h/c+1 g/b+2", "h since 1, g since 2; 0 of 2" },
    { "g/a+1 b+2 g/a-3 b-4c", "g 1-3 took 2, b 2-4 took 2 cached; 2 of 2" },
};

static void
feed(struct pk_model *m, char *word, int64_t *begun)
{
    struct pk_status *s;
    if (*word == '!') {
        pk_model_forget_planned(m);
        return;
    }
    char *op = word + strcspn(word, "?+-");
    char kind = *op;
    *op = '\0';
    char *group = strchr(word, '/') ? word : NULL;
    if (group)
        word = strchr(word, '/');
    if (group)
        *word++ = '\0';
    char *flags = op + 1;
    int64_t at = kind == '?' ? 0 : strtoll(op + 1, &flags, 10);
    struct tenon_event ev = { .type = TENON_EVENT_VERTEX, .vertex = word, .name = word,
                              .group_id = group, .group_name = group };
    int64_t *start = &begun[(unsigned char)*word];
    if (kind == '-' && !*start)
        *start = at - 1;
    ev.started_ns = kind == '+' ? at : kind == '-' ? *start : 0;
    *start = kind == '+' ? at : 0;
    ev.completed_ns = kind == '-' ? at : 0;
    ev.duration_ns = kind == '-' ? at - ev.started_ns : 0;
    ev.flags = (strchr(flags, 'c') ? TENON_EVENT_CACHED : 0) |
               (strchr(flags, 'x') ? TENON_EVENT_CANCELED : 0) |
               (strchr(flags, 'i') ? TENON_EVENT_INTERNAL : 0);
    ev.error = strchr(flags, 'e') ? "broken" : NULL;
    ck_assert_ptr_nonnull(pk_model_event(m, &ev, &s));
}

static void
show(const struct pk_model *m, struct tenon_buf *out)
{
    tenon_vec_foreach(it, &m->vertices) {
        const struct pk_vertex *v = *it;
        tenon_buf_addf(out, "%s%s", out->len ? ", " : "", v->name);
        if (!v->started_ns)
            tenon_buf_adds(out, " planned");
        else if (pk_is_running(v))
            tenon_buf_addf(out, " since %d", (int)v->started_ns);
        else
            tenon_buf_addf(out, " %d-%d took %d%s%s", (int)v->started_ns, (int)v->completed_ns,
                           (int)v->duration_ns, v->cached ? " cached" : "",
                           m->vertices.len > 1 && it == m->vertices.items &&
                                   v->completed_order == 2 ? " second" : "");
        tenon_buf_adds(out, v->internal ? " internal" : "");
        tenon_buf_adds(out, v->canceled ? " canceled" : "");
        tenon_buf_adds(out, v->error ? " error" : "");
    }
    size_t done, total;
    pk_model_count(m, &done, &total);
    tenon_buf_addf(out, "; %zu of %zu", done, total);
}

START_TEST(test_model_states)
{
    struct pk_model m = {0};
    auto_free char *events = tenon_strdup(states[_i].events);
    int64_t begun[256] = {0}; /* by the letter that is the digest */
    for (char *rest = events, *word; (word = strsep(&rest, " "));)
        feed(&m, word, begun);
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    show(&m, &b);
    ck_assert_msg(!strcmp(tenon_buf_str(&b), states[_i].state), "%s: %s, not %s", states[_i].events,
                  tenon_buf_str(&b), states[_i].state);
    pk_model_release(&m);
}
END_TEST

/* Progress within a step: what grows, what is known later, and the end of it. */
static const struct {
    int64_t current, total, started_ns, completed_ns, timestamp_ns;
    int64_t is_current, is_total, is_started, is_completed;
} parts[] = {
    { 0, 0, 0, 0, 10, 0, 0, 10, 0 }, /* no beginning said: it is now */
    { 5, 0, 3, 0, 11, 5, 0, 10, 0 },
    { 7, 50, 3, 0, 12, 7, 50, 10, 0 },
    { 6, 0, 3, 0, 13, 6, 50, 10, 0 },  /* again from an earlier place */
    { 0, 0, 3, 14, 14, 6, 50, 10, 14 }, /* an end without numbers keeps them */
    { 50, 50, 3, 15, 15, 50, 50, 10, 15 },
};

START_TEST(test_model_status)
{
    struct pk_model m = {0};
    struct pk_vertex *v = vertex(&m, "a", 1, 0, NULL);
    struct pk_status *s, *first = NULL;
    for (size_t i = 0; i < tenon_countof(parts); i++) {
        struct tenon_event ev = {
            .type = TENON_EVENT_STATUS, .vertex = "a", .name = "copying",
            .current = parts[i].current, .total = parts[i].total,
            .started_ns = parts[i].started_ns, .completed_ns = parts[i].completed_ns,
            .timestamp_ns = parts[i].timestamp_ns,
        };
        ck_assert_ptr_eq(pk_model_event(&m, &ev, &s), v);
        first = first ? first : s;
        ck_assert_ptr_eq(s, first);
        ck_assert_int_eq(s->current, parts[i].is_current);
        ck_assert_int_eq(s->total, parts[i].is_total);
        ck_assert_int_eq(s->started_ns, parts[i].is_started);
        ck_assert_int_eq(s->completed_ns, parts[i].is_completed);
        ck_assert_int_eq(s->timestamp_ns, parts[i].timestamp_ns);
    }
    struct tenon_event ev = { .type = TENON_EVENT_STATUS, .vertex = "a", .name = "other",
                              .timestamp_ns = 16 };
    pk_model_event(&m, &ev, &s);
    ck_assert_ptr_ne(s, first);
    ck_assert_uint_eq(v->statuses.len, 2);
    ev.vertex = "nobody";
    ck_assert_ptr_null(pk_model_event(&m, &ev, &s));
    ck_assert_ptr_null(s);
    pk_model_release(&m);
}
END_TEST

/* What a step printed is kept while a recap may want it: until it is well over, and for
 * one that prints blocks, until it is printed. */
START_TEST(test_model_keeps_output_of_failures)
{
    static const struct {
        const char *error;
        bool keep_pending;
        size_t lines;
    } kept[] = { { NULL, false, 0 }, { "broken", false, 2 }, { NULL, true, 2 } };
    for (size_t i = 0; i < tenon_countof(kept); i++) {
        struct pk_model m = { .keep_pending = kept[i].keep_pending };
        struct pk_vertex *v = vertex(&m, "a", 1, 0, NULL);
        log_text(&m, "a", "one\ntwo\n", 2);
        ck_assert_uint_eq(v->lines.len, 2);
        struct pk_status *s;
        struct tenon_event ev = { .type = TENON_EVENT_VERTEX, .vertex = "a", .name = "a",
                                  .started_ns = 1, .completed_ns = 3, .error = kept[i].error };
        pk_model_event(&m, &ev, &s);
        ck_assert_uint_eq(v->lines.len, kept[i].lines);
        ck_assert_uint_eq(v->pending_lines, kept[i].keep_pending ? 2 : 0);
        pk_model_release(&m);
    }
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
    tcase_add_test(tc, test_model_breaks_an_endless_line);
    tcase_add_test(tc, test_model_keeps_a_bounded_tail);
    tcase_add_loop_test(tc, test_text_columns, 0, (int)tenon_countof(columns));
    tcase_add_test(tc, test_output_to_a_pipe_that_is_full);
    tcase_add_test(tc, test_recap_warnings);
    tcase_add_test(tc, test_recap_shows_step_and_lines);
    tcase_add_test(tc, test_model_group_is_one_line);
    tcase_add_loop_test(tc, test_model_states, 0, (int)tenon_countof(states));
    tcase_add_test(tc, test_model_status);
    tcase_add_test(tc, test_model_keeps_output_of_failures);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

/* The displays with a fake host: events go in, and what they write is looked
 * at; time is what the events and ticks say.  Where the terminal itself matters,
 * tests/cli/progress-tty.sh has a real one. */
#include "unit.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fakehost.h"

#define SECOND INT64_C(1000000000)
#define START INT64_C(1535749410703550864)

static const struct tenon_plugin *plugin;
static void *self;
static struct tenon_values *values;
static int far = -1, near = -1; /* the user's end and the display's */
static struct tenon_buf text;   /* what was read so far */
static unsigned writes;
static char packet[1 << 20];

#define PLAIN "progress-plain.so", "progress_plain_LTX_tenon_plugin_query"
#define TTY "progress-tty.so", "progress_tty_LTX_tenon_plugin_query"
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* On fd; false: not built. */
static bool
begin_on(const char *file, const char *symbol, const char *const *pairs, bool terminal)
{
    plugin = fake_load(file, symbol);
    if (!plugin) {
        auto_free char *why = tenon_asprintf("%s: not built", file);
        unit_not_tried(why);
        return false;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(plugin->init(&fake_host, NULL, &self, &err), 0);
    ck_assert_int_eq(tenon_values_parse(plugin->options, plugin->param_size, pairs, "test",
                                        &values, &err), 0);
    ck_assert_int_eq(plugin->ops.progress->open(self, near, terminal, values, &err), 0);
    tenon_buf_clear(&text);
    writes = 0;
    return true;
}

/* In a file, which takes all. */
static bool
begin_plain(const char *const *pairs)
{
    near = memfd_create("display", MFD_CLOEXEC);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", near);
    far = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(far, 0);
    return begin_on(PLAIN, pairs, false);
}

/* On a socket that keeps one write apart from the next. */
static bool
begin_frames(const char *const *pairs)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    far = pair[0];
    near = pair[1];
    return begin_on(TTY, pairs, true);
}

static void
set_size(unsigned columns, unsigned rows)
{
    struct winsize w = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows };
    ck_assert_int_eq(ioctl(near, TIOCSWINSZ, &w), 0);
}

static bool
begin_terminal(unsigned columns, unsigned rows, const char *const *pairs)
{
    far = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(far, 0);
    ck_assert_int_eq(grantpt(far) | unlockpt(far), 0);
    near = open(ptsname(far), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(near, 0);
    set_size(columns, rows);
    return begin_on(TTY, pairs, true);
}

/* What was written since the last time. */
static const char *
news(void)
{
    tenon_buf_clear(&text);
    int flags = fcntl(far, F_GETFL);
    fcntl(far, F_SETFL, flags | O_NONBLOCK);
    for (ssize_t n; (n = read(far, packet, sizeof packet)) > 0; writes++)
        tenon_buf_add(&text, packet, (size_t)n);
    return tenon_buf_str(&text);
}

static void
vertex_done(const char *name, int64_t start, int64_t end, const char *error, uint32_t flags)
{
    const struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_VERTEX, .vertex = name, .name = name,
        .started_ns = start, .completed_ns = end, .duration_ns = end ? end - start : 0,
        .error = error, .flags = flags,
    };
    plugin->ops.progress->event(self, &ev);
}

static void
vertex_start(const char *name, int64_t start)
{
    vertex_done(name, start, 0, NULL, 0);
}

static void
output(const char *name, int64_t at, const char *data)
{
    const struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_LOG, .vertex = name, .data = data,
        .len = strlen(data), .timestamp_ns = at, .stream = 1,
    };
    plugin->ops.progress->event(self, &ev);
}

static void
status(const char *name, const char *id, int64_t at, int64_t current, int64_t total, bool done)
{
    const struct tenon_event ev = {
        .struct_size = sizeof ev, .type = TENON_EVENT_STATUS, .vertex = name, .name = id,
        .current = current, .total = total, .started_ns = START, .timestamp_ns = at,
        .completed_ns = done ? at : 0,
    };
    plugin->ops.progress->event(self, &ev);
}

static void
warn(const char *name, const char *what)
{
    const struct tenon_event ev = { .struct_size = sizeof ev, .type = TENON_EVENT_WARNING,
                                    .vertex = name, .name = what };
    plugin->ops.progress->event(self, &ev);
}

static void
tick(int64_t at)
{
    plugin->ops.progress->tick(self, at);
}

static const char *
finish(int rc, const char *failed)
{
    const struct tenon_progress_end end = { .struct_size = sizeof end, .status = rc,
                                            .error = rc ? "failed to solve: it" : NULL,
                                            .vertex = failed };
    plugin->ops.progress->close(self, &end);
    news();
    tenon_values_free(values);
    close(far);
    close(near);
    return tenon_buf_str(&text);
}

/* ---- plain -------------------------------------------------------------------------- */

START_TEST(test_plain_block_has_four_aligned_lines)
{
    if (!begin_plain(LIST("detail=full")))
        return;
    const char *name = "[2/3] RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret";
    vertex_start(name, START);
    output(name, START + 1081 * SECOND / 1000, "WARMACHINEROX\n");
    vertex_done(name, START, START + 1347502967, NULL, 0);
    vertex_start("next", START + 2 * SECOND);
    tick(START + 2 * SECOND);
    auto_free char *want = tenon_asprintf(
        "#1 %s\n"
        "#1       digest: %s\n"
        "#1         name: \"%s\"\n"
        "#1      started: 2018-08-31 21:03:30.703550864 +0000 UTC\n"
        "#1 1.081 WARMACHINEROX\n"
        "#1    completed: 2018-08-31 21:03:32.051053831 +0000 UTC\n"
        "#1     duration: 1.347502967s\n"
        "#1 DONE 1.3s\n"
        "\n"
        "#2 next\n"
        "#2       digest: next\n"
        "#2         name: \"next\"\n"
        "#2      started: 2018-08-31 21:03:32.703550864 +0000 UTC\n", name, name, name);
    ck_assert_str_eq(news(), want);
    finish(0, NULL);
}
END_TEST

START_TEST(test_plain_closing_lines)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_done("a", START, START + 25 * SECOND, NULL, 0);
    vertex_done("b", START, START + 1, NULL, TENON_EVENT_CACHED);
    vertex_start("c", START);
    vertex_done("c", START, START + 2, "exit \033[31mcode: 1", 0);
    vertex_done("d", START, START + 3, NULL, TENON_EVENT_CANCELED);
    ck_assert_str_eq(finish(TENON_E_FAILED, "c"),
                     "#1 a\n#1 DONE 25.0s\n\n#2 b\n#2 CACHED\n\n#3 c\n#3 ERROR: exit code: 1\n\n"
                     "#4 d\n#4 CANCELED\n------\n > c:\n------\nexit code: 1\n"
                     "ERROR: failed to solve: it\n");
}
END_TEST

START_TEST(test_plain_screen_is_kept_then_shared)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_start("a", START);
    vertex_start("b", START);
    output("a", START + SECOND, "a1\n");
    output("b", START + SECOND, "b1\n");
    tick(START + SECOND);
    ck_assert_str_eq(news(), "#1 a\n#1 1.000 a1\n");
    output("a", START + 4 * SECOND, "a2\n");
    output("b", START + 4 * SECOND, "b2\n");
    tick(START + 4 * SECOND);
    ck_assert_str_eq(news(), "#1 4.000 a2\n");
    tick(START + 65 * SECOND / 10);
    ck_assert_str_eq(news(), "#1 ...\n\n#2 b\n#2 1.000 b1\n#2 4.000 b2\n");
    /* Over: at once, and before what still runs; the header comes again. */
    output("b", START + 655 * SECOND / 100, "b3\n");
    vertex_done("a", START, START + 7 * SECOND, NULL, 0);
    tick(START + 7 * SECOND);
    ck_assert_str_eq(news(), "#2 ...\n\n#1 a\n#1 DONE 7.0s\n\n#2 b\n#2 6.550 b3\n");
    finish(0, NULL);
}
END_TEST

START_TEST(test_plain_completed_in_order_of_completion)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_start("a", START); /* has the screen */
    vertex_start("b", START);
    vertex_start("c", START);
    vertex_done("c", START, START + 1, NULL, 0);
    vertex_done("b", START, START + 2, NULL, 0);
    vertex_done("a", START, START + 3, NULL, 0);
    ck_assert_str_eq(finish(0, NULL),
                     "#1 a\n#1 DONE 0.0s\n\n#2 c\n#2 DONE 0.0s\n\n#3 b\n#3 DONE 0.0s\n");
}
END_TEST

START_TEST(test_plain_status_every_5_percent_or_5_seconds)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_start("a", START);
    for (int i = 0; i <= 100; i++) { /* 1 % each 10 ms */
        status("a", "sha256:0", START + i * SECOND / 100, i * 10000, 1000000, i == 100);
        tick(START + i * SECOND / 100);
    }
    size_t lines = 0;
    for (const char *p = news(); (p = strstr(p, "#1 sha256:0 ")) != NULL; p++)
        lines++;
    ck_assert_uint_ge(lines, 10); /* a look each 100 ms sees 10 % more */
    ck_assert_uint_le(lines, 22);
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&text), "#1 sha256:0 1.00MB / 1.00MB 1.0s done\n"));
    status("a", "slow", START + 5 * SECOND, 0, 0, false);
    tick(START + 5 * SECOND);
    ck_assert_str_eq(news(), "#1 slow 5.0s\n");
    status("a", "slow", START + 9 * SECOND, 142, 0, false);
    tick(START + 9 * SECOND);
    ck_assert_str_eq(news(), "");
    status("a", "slow", START + 10 * SECOND, 142, 0, true);
    tick(START + 10 * SECOND);
    ck_assert_str_eq(news(), "#1 slow 142B 10.0s done\n");
    status("a", "context", START, 142, 0, true);
    tick(START + 11 * SECOND);
    ck_assert_str_eq(news(), "#1 context 142B done\n");
    finish(0, NULL);
}
END_TEST

START_TEST(test_plain_warning_of_a_step)
{
    if (!begin_plain(LIST("detail=short", "program=docker")))
        return;
    vertex_start("a", START);
    warn("a", "Rule: text (line 1)");
    vertex_done("a", START, START + 1, NULL, 0);
    ck_assert_str_eq(finish(0, NULL),
                     "#1 a\n#1 WARN: Rule: text (line 1)\n#1 DONE 0.0s\n\n"
                     " 1 warning found (use docker --debug to expand):\n - Rule: text (line 1)\n");
}
END_TEST

START_TEST(test_plain_question_is_seen)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_start("a", START);
    output("a", START + SECOND, "Continue? [Y/n] ");
    tick(START + 2 * SECOND);
    ck_assert_str_eq(news(), "#1 a\n");
    tick(START + 3 * SECOND);
    ck_assert_str_eq(news(), "");
    tick(START + 4 * SECOND);
    ck_assert_str_eq(news(), "#1 1.000 Continue? [Y/n] \n");
    /* What comes late, because somebody reads slowly, is no silence. */
    output("a", START + 2 * SECOND, "half a ");
    tick(START + 10 * SECOND);
    output("a", START + 2 * SECOND, "line\n");
    tick(START + 20 * SECOND);
    ck_assert_str_eq(news(), "#1 2.000 half a line\n");
    finish(0, NULL);
}
END_TEST

START_TEST(test_plain_hidden_step_that_talks_without_end)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_start("a", START);
    vertex_start("b", START);
    output("a", START, "a\n");
    tick(START);
    ck_assert_str_eq(news(), "#1 a\n#1 0.000 a\n");
    char chunk[4001];
    memset(chunk, 'x', 4000);
    chunk[1999] = chunk[3999] = '\n';
    chunk[4000] = 0;
    int given = 0;
    while (!*news() && given++ < 1000) /* 4 MB at most, in no time */
        output("b", START + 1, chunk);
    ck_assert_int_lt(given, 400);
    ck_assert_int_eq(strncmp(tenon_buf_str(&text), "#1 ...\n\n#2 b\n#2 0.000 xx", 24), 0);
    finish(0, NULL);
}
END_TEST

/* A last line without a newline belongs to its step, before the step's end, however it ends. */
START_TEST(test_plain_last_line_without_newline)
{
    static const struct {
        const char *error;
        uint32_t flags;
        const char *end;
    } ends[] = {
        { NULL, 0, "DONE 2.0s" },
        { "exit code: 1", 0, "ERROR: exit code: 1" },
        { NULL, TENON_EVENT_CANCELED, "CANCELED" },
        { NULL, TENON_EVENT_CACHED, "CACHED" },
    };
    for (size_t i = 0; i < tenon_countof(ends); i++) {
        if (!begin_plain(LIST("detail=short")))
            return;
        auto_free char *want = tenon_asprintf(
            "#1 a\n#1 1.000 first\n#1 1.000 last words\n#1 %s\n\n#2 b\n#2 1.000 of another\n#2 DONE 2.0s\n",
            ends[i].end);
        vertex_start("a", START);
        vertex_start("b", START); /* whose turn has not come */
        output("a", START + SECOND, "first\nlast ");
        output("b", START + SECOND, "of another");
        output("a", START + SECOND, "words");
        vertex_done("a", START, START + 2 * SECOND, ends[i].error, ends[i].flags);
        vertex_done("b", START, START + 2 * SECOND, NULL, 0);
        tick(START + 2 * SECOND);
        ck_assert_str_eq(news(), want);
        finish(0, NULL);
    }
}
END_TEST

START_TEST(test_plain_names_are_cut_when_asked)
{
    if (!begin_plain(LIST("detail=short", "truncate=true")))
        return;
    char name[100] = {0}, want[200];
    memset(name, 'n', 99);
    vertex_done(name, START, START + 1, NULL, 0);
    snprintf(want, sizeof want, "#1 %.72s...\n#1 DONE 0.0s\n", name);
    ck_assert_str_eq(finish(0, NULL), want);
}
END_TEST

START_TEST(test_plain_output_is_made_safe)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    vertex_start("a", START);
    output("a", START, "10%\r20%\r30%\n\033]0;title\007\033[2Jclear\n\377\001bin\b\n");
    vertex_done("a", START, START + 1, NULL, 0);
    ck_assert_str_eq(finish(0, NULL),
                     "#1 a\n#1 0.000 30%\n#1 0.000 clear\n#1 0.000 ?bin\n#1 DONE 0.0s\n");
}
END_TEST

/* ---- tty ---------------------------------------------------------------------------- */

/* The last frame without escape sequences and carriage returns. */
static const char *
picture(void)
{
    static char out[1 << 16];
    const char *p = news(), *last = p;
    while ((p = strstr(p, "\033[?25l")) != NULL)
        last = p++;
    size_t n = 0;
    for (p = last; *p && n + 1 < sizeof out; p++) {
        if (*p == '\033')
            p += 1 + strcspn(p + 1, "AJKhlm");
        else if (*p != '\r')
            out[n++] = *p;
    }
    out[n] = 0;
    return out;
}

START_TEST(test_tty_frame_is_one_write_in_place)
{
    if (!begin_frames(LIST("color=true")))
        return;
    vertex_start("a", START);
    output("a", START, "said\n");
    tick(START + SECOND);
    const char *first = news();
    ck_assert_uint_eq(writes, 1);
    ck_assert_int_eq(strncmp(first, "\033[?25l\r[+] Building 1.0s (0/1)\033[K\n", 33), 0);
    ck_assert_ptr_null(strstr(first, "\033[2J"));
    vertex_start("b", START);
    tick(START + 2 * SECOND);
    const char *second = news();
    ck_assert_uint_eq(writes, 2);
    /* Over the three lines that stand there, none of them cleared before. */
    ck_assert_int_eq(strncmp(second, "\033[?25l\033[3A\r[+] Building 2.0s (0/2)\033[K\n", 37), 0);
    size_t n = strlen(second);
    ck_assert_str_eq(second + n - 9, "\033[J\033[?25h");
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_ten_frames_a_second)
{
    if (!begin_frames(LIST("color=true")))
        return;
    vertex_start("a", START);
    for (int i = 0; i < 1000; i++) { /* 10 ms each, all with news */
        output("a", START + i * SECOND / 100, "x\n");
        tick(START + i * SECOND / 100);
        news();
    }
    ck_assert_uint_le(writes, 112);
    ck_assert_uint_ge(writes, 90);
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_rate)
{
    if (!begin_frames(LIST("rate=1000")))
        return;
    vertex_start("a", START);
    for (int i = 0; i < 100; i++) {
        output("a", START + i * SECOND / 10, "x\n");
        tick(START + i * SECOND / 10);
        news();
    }
    ck_assert_uint_le(writes, 11);
    ck_assert_uint_ge(writes, 9);
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_finished_when_all_are)
{
    if (!begin_frames(LIST("color=false")))
        return;
    vertex_done("a", START, START + SECOND, NULL, TENON_EVENT_CACHED);
    vertex_start("b", START);
    vertex_start("c", START);
    vertex_done("b", START, START + 2 * SECOND, "bad", 0);
    vertex_done("c", START, START + 3 * SECOND, NULL, TENON_EVENT_CANCELED);
    tick(START + 4 * SECOND);
    ck_assert_str_eq(picture(),
        "[+] Building 4.0s (3/3)\n"
        " => CACHED a                                                               1.0s\n"
        " => ERROR b                                                                2.0s\n"
        " => CANCELED c                                                             3.0s\n");
    const char *end = finish(TENON_E_FAILED, "b");
    ck_assert_ptr_nonnull(strstr(end, "[+] Building 3.0s (3/3) FINISHED"));
    ck_assert_ptr_nonnull(strstr(end, "------\n > b:\n------\nbad\nERROR: failed to solve: it\n"));
}
END_TEST

START_TEST(test_tty_not_finished)
{
    if (!begin_frames(LIST("color=false")))
        return;
    vertex_done("a", START, START + SECOND, "bad", 0);
    vertex_start("never", 0);
    const char *end = finish(TENON_E_FAILED, "a");
    ck_assert_ptr_nonnull(strstr(end, "[+] Building 1.0s (1/2)"));
    ck_assert_ptr_null(strstr(end, "FINISHED"));
    ck_assert_ptr_null(strstr(end, "=> never"));
}
END_TEST

START_TEST(test_tty_planned_steps_count)
{
    if (!begin_frames(LIST("color=false")))
        return;
    for (const char *const *n = LIST("c", "b", "a", "skipped"); *n; n++)
        vertex_start(*n, 0);
    vertex_done("a", START, START + SECOND, NULL, 0);
    vertex_start("b", START);
    tick(START + SECOND);
    ck_assert_str_eq(picture(),
        "[+] Building 1.0s (1/4)\n"
        " => a                                                                      1.0s\n"
        " => b                                                                      1.0s\n");
    vertex_done("b", START, START + SECOND, NULL, 0);
    vertex_done("c", START, START + SECOND, NULL, 0);
    /* What was not needed after all is not missing. */
    ck_assert_ptr_nonnull(strstr(finish(0, NULL), "(3/3) FINISHED"));
}
END_TEST

static const struct { unsigned width; const char *want; } widths[] = {
    { 60, "[+] Building 2.0s (0/1)\n"
          " => [1/2] RUN make \346\227\245\346\234\254\350\252\236 and more"
          " of a long command   2.0s\n"
          " => => sha256:0123456789abcdef0123456 1.00MB / 25.00MB 2.0s\n"
          " => => # 12345678901234567890123456789012345678901234567890\n" },
    { 30, "[+] Building 2.0s (0/1)\n"
          " => [1/2] RUN make \346\227\245\346\234\254  2.0s\n"
          " => => sha256:0123456789 2.0s\n"
          " => => # 12345678901234567890\n" },
    { 20, "[+] 2.0s (0/1)\n"
          " => [1/2] RUN  2.0s\n"
          " => => sha256: 2.0s\n"
          " => => # 1234567890\n" },
    { 12, "[+] 2.0s (0\n"
          " => [1/2] R\n"
          " => => sha2\n"
          " => => # 12\n" },
    { 1, "[\n \n \n \n" },
};

START_TEST(test_tty_lines_fit)
{
    if (!begin_terminal(widths[_i].width, 24, LIST("color=false")))
        return;
    const char *name = "[1/2] RUN make \346\227\245\346\234\254\350\252\236 and more"
                       " of a long command";
    vertex_start(name, START);
    status(name, "sha256:0123456789abcdef0123456789abcdef", START, 1000000, 25000000, false);
    output(name, START, "12345678901234567890123456789012345678901234567890\n");
    tick(START + 2 * SECOND);
    ck_assert_str_eq(picture(), widths[_i].want);
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_running_steps_stay_in_sight)
{
    if (!begin_terminal(40, 6, LIST("color=false")))
        return;
    vertex_start("compile", START); /* the first of all, and it stays */
    const int count = 60; /* as much as a terminal takes that nobody reads */
    char name[32];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "step %d", i);
        vertex_done(name, START, START + SECOND, NULL, 0);
        if (i > 50)
            status(name, "layer", START, 5, 0, true);
    }
    vertex_start("link", START);
    tick(START + SECOND);
    ck_assert_str_eq(picture(),
        "[+] Building 1.0s (60/62)\n"
        " => compile                        1.0s\n"
        " => step 58                        1.0s\n"
        " => step 59                        1.0s\n"
        " => link                           1.0s\n");
    vertex_done("compile", START, START + SECOND, NULL, 0);
    vertex_done("link", START, START + SECOND, NULL, 0);
    const char *all = finish(0, NULL);
    ck_assert_ptr_nonnull(strstr(all, "(62/62) FINISHED"));
    for (int i = 0; i < count; i++) { /* none is lost */
        snprintf(name, sizeof name, " => step %d ", i);
        ck_assert_ptr_nonnull(strstr(all, name));
    }
}
END_TEST

START_TEST(test_tty_log_tail)
{
    if (!begin_terminal(40, 24, LIST("color=true", "lines=3")))
        return;
    vertex_start("a", START);
    output("a", START, "one\ntwo\nthree\n\033[31mfour\033[0m\n10%\r\t20%\r");
    tick(START + SECOND);
    news();
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&text), "\033[2m => => # three\033[0m"));
    vertex_start("b", START);
    tick(START + 2 * SECOND);
    ck_assert_str_eq(picture(),
        "[+] Building 2.0s (0/2)\n"
        " => a                              2.0s\n"
        " => => # three\n => => # four\n => => #     20%\n"
        " => b                              2.0s\n");
    vertex_done("a", START, START + 2 * SECOND, NULL, 0);
    tick(START + 3 * SECOND);
    ck_assert_ptr_null(strstr(picture(), "#"));
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_no_log_lines_at_all)
{
    if (!begin_terminal(40, 24, LIST("lines=0")))
        return;
    vertex_start("a", START);
    output("a", START, "one\npart");
    tick(START + SECOND);
    ck_assert_ptr_null(strstr(picture(), "#"));
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_narrower_terminal_is_drawn_over)
{
    if (!begin_terminal(80, 24, LIST("color=false")))
        return;
    vertex_start("a", START);
    vertex_start("b", START);
    tick(START + SECOND);
    news();
    set_size(40, 24); /* the two lines with seconds take two rows each now */
    tick(START + 2 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[5A\r"));
    tick(START + 3 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[3A\r"));
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_lower_terminal_and_higher_again)
{
    if (!begin_terminal(80, 24, LIST("color=false")))
        return;
    for (const char *const *n = LIST("a", "b", "c", "d"); *n; n++)
        vertex_start(*n, START);
    tick(START + SECOND);
    news();
    set_size(80, 3); /* of five lines two are left, and are drawn over */
    tick(START + 2 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[2A\r[+]"));
    tick(START + 3 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[2A\r[+]"));
    set_size(80, 4); /* one comes back */
    tick(START + 4 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[3A\r[+]"));
    set_size(80, 24); /* and the two others */
    tick(START + 5 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[5A\r[+]"));
    tick(START + 6 * SECOND);
    ck_assert_ptr_nonnull(strstr(news(), "\033[5A\r[+]"));
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_colors)
{
    if (!begin_frames(LIST("colors=run=green:ERROR=1,2,3:warning=light-Cyan:nonsense:"
                           "cancel=300,0,0")))
        return;
    vertex_done("a", START, START + 1, NULL, 0);
    vertex_done("b", START, START + 1, "bad", 0);
    vertex_done("c", START, START + 1, NULL, TENON_EVENT_CANCELED);
    vertex_start("d", START);
    warn("d", "careful");
    tick(START + SECOND);
    const char *out = news();
    ck_assert_ptr_nonnull(strstr(out, "warning: colors \"run=green:"));
    ck_assert_ptr_nonnull(strstr(out, "\"nonsense\" is ignored\n"));
    ck_assert_ptr_nonnull(strstr(out, "\033[32m => a "));
    ck_assert_ptr_nonnull(strstr(out, "\033[38;2;1;2;3m => ERROR b "));
    ck_assert_ptr_nonnull(strstr(out, "\033[33m => CANCELED c "));
    ck_assert_ptr_nonnull(strstr(out, "\033[K\n => d "));
    ck_assert_ptr_nonnull(strstr(out, "\033[96m => WARN: careful "));
    finish(0, NULL);
}
END_TEST

START_TEST(test_tty_no_colors)
{
    if (!begin_frames(LIST("color=false", "colors=run=green")))
        return;
    vertex_done("a", START, START + 1, NULL, 0);
    vertex_done("b", START, START + 1, "bad", 0);
    warn("b", "careful");
    vertex_start("c", START);
    output("c", START, "text\n");
    tick(START + SECOND);
    for (const char *p = news(); (p = strchr(p, '\033')) != NULL; p++)
        ck_assert_int_ne(p[1 + strcspn(p + 1, "AJKhlm")], 'm');
    ck_assert_ptr_null(strchr(strstr(finish(0, NULL), "1 warning"), '\033'));
}
END_TEST

START_TEST(test_tty_refuses_what_is_no_terminal)
{
    if (!begin_plain(LIST("detail=short")))
        return;
    finish(0, NULL);
    plugin = fake_load(TTY);
    if (!plugin)
        return;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    ck_assert_int_eq(plugin->init(&fake_host, NULL, &self, &err), 0);
    ck_assert_int_eq(plugin->ops.progress->open(self, 2, false, NULL, &err), TENON_E_UNSUPPORTED);
}
END_TEST

/* ---- json ------------------------------------------------------------------------------- */

#define AT "2018-08-31T21:03:30.703550864Z"
static const char *const inputs[] = { "x", "y", NULL }, *const details[] = { "why", NULL };

/* One event and its line; every field of each kind, there and left out. */
static const struct {
    struct tenon_event event;
    const char *line;
} jsons[] = {
    {{.type = TENON_EVENT_VERTEX, .vertex = "d", .name = "n"},
     "{\"vertexes\":[{\"digest\":\"d\",\"name\":\"n\"}]}"},
    {{.type = TENON_EVENT_VERTEX,
      .vertex = "d",
      .name = "n",
      .inputs = inputs,
      .started_ns = START},
     "{\"vertexes\":[{\"digest\":\"d\",\"inputs\":[\"x\",\"y\"],\"name\":\"n\","
     "\"started\":\"" AT "\"}]}"},
    {{.type = TENON_EVENT_VERTEX,
      .vertex = "d",
      .name = "n",
      .completed_ns = START,
      .flags = TENON_EVENT_CACHED},
     "{\"vertexes\":[{\"digest\":\"d\",\"name\":\"n\",\"completed\":\"" AT
     "\",\"cached\":true}]}"},
    {{.type = TENON_EVENT_VERTEX,
      .vertex = "d",
      .name = "n",
      .completed_ns = START,
      .error = "e",
      .flags = TENON_EVENT_CANCELED},
     "{\"vertexes\":[{\"digest\":\"d\",\"name\":\"n\",\"completed\":\"" AT
     "\",\"error\":\"e\"}]}"},
    {{.type = TENON_EVENT_VERTEX,
      .vertex = "d",
      .name = "n",
      .group_id = "g",
      .group_name = "gn"},
     "{\"vertexes\":[{\"digest\":\"d\",\"name\":\"n\",\"progressGroup\":{"
     "\"id\":\"g\",\"name\":\"gn\"}}]}"},
    {{.type = TENON_EVENT_VERTEX,
      .vertex = "d",
      .name = "n",
      .group_id = "g",
      .flags = TENON_EVENT_GROUP_WEAK},
     "{\"vertexes\":[{\"digest\":\"d\",\"name\":\"n\",\"progressGroup\":{"
     "\"id\":\"g\",\"weak\":true}}]}"},
    {{.type = TENON_EVENT_STATUS,
      .vertex = "d",
      .name = "s",
      .current = 0,
      .timestamp_ns = START},
     "{\"statuses\":[{\"id\":\"s\",\"vertex\":\"d\",\"current\":0,"
     "\"timestamp\":\"" AT "\"}]}"},
    {{.type = TENON_EVENT_STATUS,
      .vertex = "d",
      .name = "s",
      .current = 5,
      .total = 9,
      .started_ns = START,
      .completed_ns = START},
     "{\"statuses\":[{\"id\":\"s\",\"vertex\":\"d\",\"total\":9,\"current\":5,"
     "\"started\":\"" AT "\",\"completed\":\"" AT "\"}]}"},
    {{.type = TENON_EVENT_LOG,
      .vertex = "d",
      .data = "a",
      .len = 1,
      .stream = 2,
      .timestamp_ns = START},
     "{\"logs\":[{\"vertex\":\"d\",\"stream\":2,\"data\":\"YQ==\","
     "\"timestamp\":\"" AT "\"}]}"},
    {{.type = TENON_EVENT_LOG, .vertex = "d", .data = "\xff\xfe", .len = 2, .stream = 1},
     "{\"logs\":[{\"vertex\":\"d\",\"stream\":1,\"data\":\"//4=\"}]}"},
    {{.type = TENON_EVENT_LOG, .vertex = "d", .data = "abc", .len = 3, .stream = 1},
     "{\"logs\":[{\"vertex\":\"d\",\"stream\":1,\"data\":\"YWJj\"}]}"},
    {{.type = TENON_EVENT_LOG, .vertex = "d", .data = "abc>", .len = 4, .stream = 1},
     "{\"logs\":[{\"vertex\":\"d\",\"stream\":1,\"data\":\"YWJjPg==\"}]}"},
    {{.type = TENON_EVENT_WARNING,
      .vertex = "d",
      .level = 1,
      .name = "w",
      .detail = details,
      .url = "u"},
     "{\"warnings\":[{\"vertex\":\"d\",\"level\":1,\"short\":\"dw==\","
     "\"detail\":[\"d2h5\"],\"url\":\"u\"}]}"},
    {{.type = TENON_EVENT_WARNING, .vertex = "d", .name = "w"},
     "{\"warnings\":[{\"vertex\":\"d\",\"level\":0,\"short\":\"dw==\","
     "\"detail\":[]}]}"},
};

START_TEST(test_json_line)
{
    plugin = fake_load("progress-json.so", "progress_json_LTX_tenon_plugin_query");
    if (!plugin) {
        unit_not_tried("progress-json.so: not built");
        return;
    }
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    near = memfd_create("display", MFD_CLOEXEC);
    far = near;
    ck_assert_int_eq(plugin->init(&fake_host, NULL, &self, &err), 0);
    ck_assert_int_eq(plugin->ops.progress->open(self, near, false, NULL, &err), 0);
    struct tenon_event ev = jsons[_i].event;
    ev.struct_size = sizeof ev;
    plugin->ops.progress->event(self, &ev);
    char got[1000] = "";
    ck_assert_int_gt(pread(near, got, sizeof got - 1, 0), 0);
    ck_assert_ptr_nonnull(strchr(got, '\n'));
    *strchr(got, '\n') = '\0';
    ck_assert_str_eq(got, jsons[_i].line);
    close(near);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("progress-displays");
    TCase *tc = tcase_create("plain");
    tcase_add_test(tc, test_plain_block_has_four_aligned_lines);
    tcase_add_test(tc, test_plain_closing_lines);
    tcase_add_test(tc, test_plain_screen_is_kept_then_shared);
    tcase_add_test(tc, test_plain_completed_in_order_of_completion);
    tcase_add_test(tc, test_plain_status_every_5_percent_or_5_seconds);
    tcase_add_test(tc, test_plain_warning_of_a_step);
    tcase_add_test(tc, test_plain_question_is_seen);
    tcase_add_test(tc, test_plain_hidden_step_that_talks_without_end);
    tcase_add_test(tc, test_plain_last_line_without_newline);
    tcase_add_test(tc, test_plain_names_are_cut_when_asked);
    tcase_add_test(tc, test_plain_output_is_made_safe);
    suite_add_tcase(suite, tc);
    tc = tcase_create("json");
    tcase_add_loop_test(tc, test_json_line, 0, (int)tenon_countof(jsons));
    suite_add_tcase(suite, tc);
    tc = tcase_create("tty");
    tcase_add_test(tc, test_tty_frame_is_one_write_in_place);
    tcase_add_test(tc, test_tty_ten_frames_a_second);
    tcase_add_test(tc, test_tty_rate);
    tcase_add_test(tc, test_tty_finished_when_all_are);
    tcase_add_test(tc, test_tty_not_finished);
    tcase_add_test(tc, test_tty_planned_steps_count);
    tcase_add_loop_test(tc, test_tty_lines_fit, 0, (int)tenon_countof(widths));
    tcase_add_test(tc, test_tty_running_steps_stay_in_sight);
    tcase_add_test(tc, test_tty_log_tail);
    tcase_add_test(tc, test_tty_no_log_lines_at_all);
    tcase_add_test(tc, test_tty_narrower_terminal_is_drawn_over);
    tcase_add_test(tc, test_tty_lower_terminal_and_higher_again);
    tcase_add_test(tc, test_tty_colors);
    tcase_add_test(tc, test_tty_no_colors);
    tcase_add_test(tc, test_tty_refuses_what_is_no_terminal);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

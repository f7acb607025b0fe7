/* "tenon.process/0": what a program says, gets and leaves, and how it ends. */
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "base/programtext.h"
#include "tools/buf.h"

static struct {
    struct tenon_buf output, lines, statuses;
    struct tenon_cancel *cancel;
    bool cancels_when_heard, is_counted;
    uint64_t count;
} heard;

static void
on_output(void *data, int stream, const void *text, size_t len)
{
    (void)data;
    if (heard.is_counted) {
        heard.count += len;
        ck_assert_uint_lt(heard.count, 32 << 20); /* that is: for ever */
        usleep(5000); /* so that there is more to read */
        return;
    }
    tenon_buf_addf(&heard.output, "%d:%.*s", stream, (int)len, (const char *)text);
    if (heard.cancels_when_heard)
        tenon_cancel_fire(heard.cancel);
}

static void
on_line(void *data, const char *line)
{
    (void)data;
    tenon_buf_addf(&heard.lines, "%s|", line);
}

static void
on_status(void *data, const char *id, int64_t percent)
{
    (void)data;
    tenon_buf_addf(&heard.statuses, "%s %d|", id, (int)percent);
}

static void
on_status_done(void *data, const char *id)
{
    (void)data;
    tenon_buf_addf(&heard.statuses, "%s done", id);
}

static void
teardown(void)
{
    tenon_buf_release(&heard.output);
    tenon_buf_release(&heard.lines);
    tenon_buf_release(&heard.statuses);
    tenon_cancel_free(heard.cancel);
    memset(&heard, 0, sizeof heard);
}

static int
run(struct tenon_program p, const char *script, int32_t *status, struct tenon_error *err)
{
    static const struct tenon_program_talk talk = {on_output, on_line, on_status, on_status_done};
    const char *const argv[] = {"sh", "-c", script, NULL};
    p.struct_size = sizeof p;
    if (!p.argv)
        p.argv = argv;
    return tenon_program_serve(&p, heard.cancel, &talk, NULL, status, err);
}

START_TEST(test_programtext_output_goes_where_it_is_wanted)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *const script = "echo out; printf 'a 7%%\\rb 100%%\\nrest' >&2";
    ck_assert_int_eq(run((struct tenon_program){0}, script, NULL, &err), 0);
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&heard.output), "1:out\n"));
    ck_assert_ptr_nonnull(strstr(tenon_buf_str(&heard.output), "2:a 7%\rb 100%\nrest"));
    ck_assert_int_eq(run((struct tenon_program){.output = TENON_PROGRAM_LOG}, "echo out; echo",
                         NULL, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&heard.lines), "out|");
    const struct tenon_program shows = {.output = TENON_PROGRAM_STATUS, .status_id = "packing"};
    heard.lines.len = 0;
    ck_assert_int_eq(run(shows, "printf 'a 7%%\\rb 100%%\\nrest 700%% %%\\n'", NULL, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&heard.statuses), "packing 7|packing 100|packing done");
    ck_assert_str_eq(tenon_buf_str(&heard.lines), "rest 700% %|");
    heard.lines.len = heard.statuses.len = 0;
    ck_assert_int_eq(run(shows, "printf '12.5%%\\n1050%%\\n1.%%\\n'", NULL, &err), 0);
    ck_assert_str_eq(tenon_buf_str(&heard.statuses), "packing 12|packing done");
    ck_assert_str_eq(tenon_buf_str(&heard.lines), "1050%|1.%|");
    heard.lines.len = heard.output.len = 0;
    ck_assert_int_eq(run((struct tenon_program){.output = TENON_PROGRAM_DROP}, script, NULL, &err),
                     0);
    ck_assert_uint_eq(heard.lines.len + heard.output.len, 0);
}
END_TEST

START_TEST(test_programtext_failure_has_the_last_words)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const struct tenon_program drop = {.output = TENON_PROGRAM_DROP};
    int32_t status = 0;
    ck_assert_int_eq(run(drop, "echo no room >&2; echo at all >&2; exit 3", NULL, &err),
                     TENON_E_FAILED);
    ck_assert_str_eq(err.message, "sh: exit code 3: no room; at all");
    tenon_error_release(&err);
    ck_assert_int_eq(run(drop, "kill -9 $$", NULL, &err), TENON_E_FAILED);
    ck_assert_str_eq(err.message, "sh: killed by signal 9");
    tenon_error_release(&err);
    /* Who wants the status decides what it means. */
    ck_assert_int_eq(run(drop, "exit 3", &status, &err), 0);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    /* Of much the end, from the beginning of a line. */
    ck_assert_int_lt(run(drop, "seq 1000 5000 >&2; exit 1", NULL, &err), 0);
    ck_assert_uint_lt(strlen(err.message), 4096);
    ck_assert_ptr_nonnull(strstr(err.message, "; 5000"));
    ck_assert_int_eq(strncmp(err.message, "sh: exit code 1: 4", 18), 0);
}
END_TEST

START_TEST(test_programtext_surroundings_are_what_was_given)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int back[2];
    char text[64] = "";
    ck_assert_int_eq(pipe2(back, O_CLOEXEC), 0);
    setenv("TENON_TEST_LEAK", "1", 1);
    signal(SIGPIPE, SIG_IGN);
    const struct tenon_program_fd fds[] = {{back[1], 7}};
    /* Nothing of ours but what was given: variables, descriptors, signals that are ignored. */
    ck_assert_msg(run((struct tenon_program){.fds = fds, .fd_count = 1},
                      "echo \"$LC_ALL $TENON_TEST_LEAK $PWD\" >&7; test ! -e /proc/self/fd/3 && "
                      "test -z \"$(cat)\" && grep -q 'SigIgn:.0*$' /proc/self/status",
                      NULL, &err) == 0, "%s", err.message);
    close(back[1]);
    ck_assert_int_gt(read(back[0], text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "C  /\n");
    close(back[0]);
    /* Numbers that are exchanged, in the place of the standard ones. */
    int one[2], two[2];
    ck_assert_int_eq(pipe2(one, O_CLOEXEC) | pipe2(two, O_CLOEXEC), 0);
    const struct tenon_program_fd crossed[] = {{one[1], two[1]}, {two[1], one[1]}, {one[1], 1}};
    auto_free char *script = tenon_asprintf("echo b >&%d; echo a >&%d; echo c", one[1], two[1]);
    const char *const argv[] = {"bash", "-c", script, NULL};
    const char *const env[] = {"A=b", NULL};
    ck_assert_msg(run((struct tenon_program){.argv = argv, .fds = crossed, .fd_count = 3,
                                             .env = env, .directory = "/tmp"},
                      NULL, NULL, &err) == 0, "%s", err.message);
    memset(text, 0, sizeof text);
    ck_assert_int_gt(read(one[0], text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "a\nc\n");
    memset(text, 0, sizeof text);
    ck_assert_int_gt(read(two[0], text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "b\n");
    for (int i = 0; i < 2; i++) {
        close(one[i]);
        close(two[i]);
    }
}
END_TEST

START_TEST(test_programtext_cancel_ends_it_and_what_it_began)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const scripts[] = {
        "sleep 1000 & echo $!; wait",                 /* ends when asked */
        "trap '' TERM; sleep 1000 & echo $!; wait; wait", /* does not */
    };
    heard.cancel = tenon_cancel_new(NULL);
    heard.cancels_when_heard = true;
    ck_assert_int_eq(run((struct tenon_program){0}, scripts[_i], NULL, &err), TENON_E_CANCELLED);
    pid_t left = (pid_t)atoi(tenon_buf_str(&heard.output) + 2);
    ck_assert_int_gt(left, 1);
    auto_free char *exe = tenon_asprintf("/proc/%d/exe", (int)left);
    char what[64];
    for (int i = 0; i < 500 && readlink(exe, what, sizeof what) > 0; i++)
        usleep(10000); /* killed, and its new parent has yet to wait for it */
    ck_assert_int_lt(readlink(exe, what, sizeof what), 0);
    /* And none begins any more. */
    ck_assert_int_eq(run((struct tenon_program){0}, "exit 0", NULL, &err), TENON_E_CANCELLED);
}
END_TEST

START_TEST(test_programtext_leaves_nobody_behind)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    /* It holds the pipe: waiting for its end would take as long as it lives. */
    ck_assert_int_eq(run((struct tenon_program){0}, "sleep 1000 & echo $!", NULL, &err), 0);
    auto_free char *exe = tenon_asprintf("/proc/%d/exe", atoi(tenon_buf_str(&heard.output) + 2));
    char what[64];
    for (int i = 0; i < 500 && readlink(exe, what, sizeof what) > 0; i++)
        usleep(10000);
    ck_assert_int_lt(readlink(exe, what, sizeof what), 0);
}
END_TEST

START_TEST(test_programtext_who_escapes_is_not_heard)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    heard.is_counted = true;
    /* It writes without a pause, in a session of its own, before the program ends. */
    ck_assert_int_eq(run((struct tenon_program){0},
                         "trap 'exit 0' USR1; setsid sh -c "
                         "'yes & yes | head -n 50000; kill -USR1 $0; wait' $$ & wait",
                         NULL, &err), 0);
    ck_assert_uint_ge(heard.count, 100000);
}
END_TEST

START_TEST(test_programtext_numbers_without_room_are_an_error)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct rlimit before;
    int32_t status = 0;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {40, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    const struct tenon_program_fd fds[] = {{0, 50}};
    const int rc = run((struct tenon_program){.fds = fds, .fd_count = 1}, "exit 0", &status, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    /* And not an exit code, which would be the program's. */
    ck_assert_int_lt(rc, 0);
    ck_assert_ptr_nonnull(strstr(err.message, "51: "));
}
END_TEST

START_TEST(test_programtext_what_cannot_be_run_says_so)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    const char *const nobody[] = {"tenon-no-such-program", NULL}, *const dir[] = {"/tmp", NULL};
    ck_assert_int_eq(run((struct tenon_program){.argv = nobody}, NULL, NULL, &err),
                     TENON_E_NOT_FOUND);
    ck_assert_str_eq(err.message, "program \"tenon-no-such-program\" is not there");
    tenon_error_release(&err);
    ck_assert_int_eq(run((struct tenon_program){.argv = dir}, NULL, NULL, &err), TENON_E_NOT_FOUND);
    tenon_error_release(&err);
    /* It is there from here, and would be another one from its directory. */
    const char *const relative[] = {"../../../../../../../../../bin/sh", "-c", "exit 0", NULL};
    ck_assert_int_eq(run((struct tenon_program){.argv = relative}, NULL, NULL, &err), TENON_E_BUG);
    ck_assert_ptr_nonnull(strstr(err.message, "has to be absolute"));
    tenon_error_release(&err);
    ck_assert_int_lt(run((struct tenon_program){.directory = "/nowhere"}, "exit 0", NULL, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "/sh: "));
    tenon_error_release(&err);
    ck_assert_ptr_null(tenon_program_need("tenon-no-such-program", "some-package", &err));
    ck_assert_str_eq(err.hint, "install the package some-package");
    tenon_error_release(&err);
    ck_assert_int_eq(run((struct tenon_program){.flags = 1}, "exit 0", NULL, &err), TENON_E_BUG);
    tenon_error_release(&err);
    ck_assert_int_eq(run((struct tenon_program){.output = 4}, "exit 0", NULL, &err), TENON_E_BUG);
    tenon_error_release(&err);
    const struct tenon_program_fd closed[] = {{-1, 5}};
    ck_assert_int_eq(run((struct tenon_program){.fds = closed, .fd_count = 1}, "exit 0", NULL,
                         &err), TENON_E_BUG);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("programtext");
    TCase *tc = tcase_create("programtext");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, test_programtext_output_goes_where_it_is_wanted);
    tcase_add_test(tc, test_programtext_failure_has_the_last_words);
    tcase_add_test(tc, test_programtext_surroundings_are_what_was_given);
    tcase_add_loop_test(tc, test_programtext_cancel_ends_it_and_what_it_began, 0, 2);
    tcase_add_test(tc, test_programtext_leaves_nobody_behind);
    tcase_add_test(tc, test_programtext_who_escapes_is_not_heard);
    tcase_add_test(tc, test_programtext_numbers_without_room_are_an_error);
    tcase_add_test(tc, test_programtext_what_cannot_be_run_says_so);
    suite_add_tcase(suite, tc);
    return unit_run(suite);
}

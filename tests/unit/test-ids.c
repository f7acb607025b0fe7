/* Which ids there are: in user namespaces with maps of all forms, where users and
 * groups differ, and outside of any; and what is said when one is missing. */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/ids.h"

static const struct map {
    const char *users, *groups;
    uint64_t user_count, group_count;
    bool single;
    const uint32_t have[4][2];   /* pairs that are there; 0:0 ends them, and is */
    const uint32_t lacks[4][2];  /* pairs that are not; 0:0 ends them */
} maps[] = {
    { "0 1000 1", "0 1000 1", 1, 1, true, {{0}}, { { 1, 0 }, { 0, 1 }, { 65534, 65534 } } },
    { "0 1000 1\n1 100000 65536", "0 1000 1\n1 100000 65536", 65537, 65537, false,
      { { 1, 1 }, { 65536, 65536 } }, { { 65537, 0 }, { 0, 65537 }, { 4294967294, 0 } } },
    { "0 1000 1\n1 100000 65536", "0 1000 1", 65537, 1, true, { { 65536, 0 } }, { { 1, 1 }, { 0, 2 } } },
    { "0 1000 1", "0 1000 1\n1 100000 65536", 1, 65537, true, { { 0, 65536 } }, { { 1, 1 }, { 2, 0 } } },
    { "0 1000 1\n1000 2000 10", "0 1000 1\n2000 3000 5", 11, 6, false,
      { { 1000, 2000 }, { 1009, 2004 } },
      { { 999, 2000 }, { 1010, 2000 }, { 1000, 1999 }, { 1000, 2005 } } },
    { "0 1000 2\n5 1005 1\n7 1007 1\n9 1009 1\n11 1011 1\n13 1013 1", "0 1000 20", 7, 20, false,
      { { 1, 1 }, { 13, 19 } }, { { 12, 0 }, { 14, 0 }, { 2, 0 }, { 13, 20 } } },
};

/* In the namespace, which is another process: ids are looked at once a process. */
static int
check_map(const struct map *m)
{
    uint64_t users, groups;
    tenon_ids_totals(&users, &groups);
    if (users != m->user_count || groups != m->group_count)
        return 10;
    if (tenon_ids_single() != m->single || !tenon_ids_mapped())
        return 11;
    if (!tenon_ids_have(0, 0))
        return 12;
    for (size_t i = 0; i < 4 && (m->have[i][0] || m->have[i][1]); i++)
        if (!tenon_ids_have(m->have[i][0], m->have[i][1]))
            return 20 + (int)i;
    for (size_t i = 0; i < 4 && (m->lacks[i][0] || m->lacks[i][1]); i++) {
        struct tenon_error err = TENON_ERROR_INIT;
        auto_free char *pair = tenon_asprintf("%u:%u", m->lacks[i][0], m->lacks[i][1]);
        auto_free char *counts = tenon_asprintf("%llu user ids and %llu group ids",
                                                (unsigned long long)users, (unsigned long long)groups);
        if (tenon_ids_have(m->lacks[i][0], m->lacks[i][1]))
            return 30 + (int)i;
        errno = EINVAL;
        int rc = tenon_error_owner(&err, m->lacks[i][0], m->lacks[i][1], "chown %s", "/x");
        if (rc != TENON_E_UNSUPPORTED || !tenon_has_prefix(err.message, "chown /x: no ids ") ||
            !strstr(err.message, pair) || !err.hint || !strstr(err.hint, "/etc/subuid"))
            return 40 + (int)i;
        if (m->single ? !strstr(err.message, "one id") : !strstr(err.message, counts))
            return 50 + (int)i;
    }
    return 0;
}

static void
write_map(pid_t pid, const char *name, const char *text)
{
    auto_free char *path = tenon_asprintf("/proc/%ld/%s", (long)pid, name);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path, strerror(errno));
}

/* The exit status of check in a namespace with these maps. */
static int
in_namespace(const struct map *m, int (*check)(const struct map *m))
{
    int ready[2], go[2], status;
    char c;
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
            unit_exit(1);
        unit_exit(check(m));
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    write_map(pid, "uid_map", m->users);
    write_map(pid, "gid_map", m->groups);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(ready[0]);
    close(go[0]);
    close(go[1]);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool
can_map(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) < 0);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (geteuid() == 0 && status == 0)
        return true;
    unit_not_tried("maps of ids: needs root, and user namespaces");
    return false;
}

START_TEST(test_ids_of_a_namespace)
{
    if (can_map())
        ck_assert_int_eq(in_namespace(&maps[_i], check_map), 0);
}
END_TEST

/* Who knows a command that would help has it told. */
static int
check_advice(const struct map *m)
{
    struct tenon_error err = TENON_ERROR_INIT;
    (void)m;
    tenon_ids_advise("sudo first");
    tenon_ids_advise("sudo usermod");
    errno = EINVAL;
    tenon_error_owner(&err, 5, 5, "chown");
    return !tenon_streq(err.hint, "sudo usermod") || !tenon_streq(tenon_ids_advice(), "sudo usermod");
}

START_TEST(test_ids_advice)
{
    if (can_map())
        ck_assert_int_eq(in_namespace(&maps[0], check_advice), 0);
}
END_TEST

/* Other reasons than a missing id are told as they are. */
static int
check_other_reasons(const struct map *m)
{
    static const struct { int sys; uint32_t uid; } reasons[] = { { EPERM, 5 }, { EROFS, 5 }, { EINVAL, 0 } };
    (void)m;
    for (size_t i = 0; i < tenon_countof(reasons); i++) {
        struct tenon_error err = TENON_ERROR_INIT;
        errno = reasons[i].sys;
        tenon_error_owner(&err, reasons[i].uid, 0, "chown %d", 7);
        if (err.sys != reasons[i].sys || !tenon_has_prefix(err.message, "chown 7") || err.hint ||
            strstr(err.message, "no ids"))
            return 1 + (int)i;
    }
    return 0;
}

START_TEST(test_ids_other_reasons)
{
    if (can_map())
        ck_assert_int_eq(in_namespace(&maps[0], check_other_reasons), 0);
}
END_TEST

/* Outside of any namespace, or where /proc cannot be read: all of them. */
START_TEST(test_ids_all)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf map = TENON_BUF_INIT;
    uint64_t users, groups;
    if (tenon_read_file("/proc/self/uid_map", 4096, &map, &ignored) < 0 ||
        !strstr(tenon_buf_str(&map), "4294967295")) {
        unit_not_tried("all ids: this is a user namespace");
        return;
    }
    tenon_ids_totals(&users, &groups);
    ck_assert_uint_eq(users, UINT32_MAX);
    ck_assert_uint_eq(groups, UINT32_MAX);
    ck_assert(!tenon_ids_single());
    ck_assert(!tenon_ids_mapped());
    ck_assert(tenon_ids_have(0, 0));
    ck_assert(tenon_ids_have(4294967294, 4294967294));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ids");
    TCase *c = tcase_create("ids");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_ids_of_a_namespace, 0, (int)tenon_countof(maps));
    tcase_add_test(c, test_ids_advice);
    tcase_add_test(c, test_ids_other_reasons);
    tcase_add_test(c, test_ids_all);
    suite_add_tcase(s, c);
    return unit_run(s);
}

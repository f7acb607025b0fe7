/* Control groups of steps on hierarchies of all shapes. Each test is in a mount
 * namespace of its own, with a tree of plain files over /sys/fs/cgroup and a
 * file over /proc/self/cgroup; one mounts the kernel's. */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/exec/cgroup.h"
#include "common/exec/limits.h"

#define ROOT "/sys/fs/cgroup"

static void
run(const char *command)
{
    ck_assert_msg(system(command) == 0, "%s", command);
}

/* self: what /proc/self/cgroup says; dirs and files: below ROOT, each with the
 * interface files of both versions. */
static void
tree(const char *self, const char *dirs, const char *files)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", ROOT, "tmpfs", 0, NULL), 0);
    char command[2000];
    snprintf(command, sizeof command, "cd " ROOT " && for d in %s; do mkdir -p $d && touch %s; done",
             dirs, files);
    if (*dirs)
        run(command);
    FILE *f = fopen(ROOT "/.self", "w");
    ck_assert_ptr_nonnull(f);
    fputs(self, f);
    fclose(f);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)getpid());
    ck_assert_int_eq(mount(ROOT "/.self", path, NULL, MS_BIND, NULL), 0);
}

#define V1 "$d/cgroup.procs $d/memory.limit_in_bytes $d/memory.memsw.limit_in_bytes " \
           "$d/cpu.shares $d/cpu.cfs_period_us $d/cpu.cfs_quota_us $d/cpuset.cpus $d/cpuset.mems"
#define V2 "$d/cgroup.procs $d/cgroup.subtree_control $d/memory.max $d/memory.swap.max "   \
           "$d/cpu.weight $d/cpu.max $d/cpuset.cpus $d/cpuset.mems"

static void
put(const char *file, const char *value)
{
    char path[200];
    snprintf(path, sizeof path, ROOT "/%s", file);
    FILE *f = fopen(path, "w");
    ck_assert_msg(f != NULL, "%s", path);
    fputs(value, f);
    fclose(f);
}

static void
has(const char *file, const char *wanted)
{
    char path[200], text[200] = "";
    snprintf(path, sizeof path, ROOT "/%s", file);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s is missing", path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    ck_assert_msg(!strcmp(text, wanted), "%s: \"%s\", not \"%s\"", file, text, wanted);
}

static struct cgroup group = CGROUP_INIT;
static const char *what;

/* cgroup_make's result; the group is not released: plain directories with files
 * in them could not be removed. */
static int
make(const struct tenon_exec *x)
{
    group = (struct cgroup)CGROUP_INIT;
    return cgroup_make(&group, x, &what);
}

static void
drop(void)
{
    cgroup_release(&group);
}

START_TEST(test_cgroup_v2_is_beside_our_own)
{
    tree("0::/user.slice/session\n", ". user.slice user.slice/session user.slice/tenon-1-2", V2);
    put("cgroup.controllers", "cpu memory");
    struct tenon_exec x = { .id = "tenon-1-2", .memory_bytes = 1 << 20,
                            .memory_swap_bytes = 3 << 20, .cpu_shares = 1024,
                            .cpu_quota = 50000, .cpuset_cpus = "0-1", .cpuset_mems = "0" };
    ck_assert_int_eq(make(&x), 0);
    ck_assert_uint_eq(group.count, 1);
    has("user.slice/tenon-1-2/memory.max", "1048576");
    has("user.slice/tenon-1-2/memory.swap.max", "2097152"); /* without the memory */
    has("user.slice/tenon-1-2/cpu.weight", "39");
    has("user.slice/tenon-1-2/cpu.max", "50000 100000");
    has("user.slice/tenon-1-2/cpuset.cpus", "0-1");
    has("user.slice/tenon-1-2/cpuset.mems", "0");
    /* The last controller written; plain files keep one. */
    has("cgroup.subtree_control", "+cpuset");
    has("user.slice/cgroup.subtree_control", "+cpuset");
    has("user.slice/session/cgroup.subtree_control", "");
    ck_assert_int_eq(write(group.procs[0], "0", 1), 1);
    has("user.slice/tenon-1-2/cgroup.procs", "0");
    drop();
}
END_TEST

START_TEST(test_cgroup_v2_in_the_root_group)
{
    tree("0::/\n", ". tenon-1-2", V2);
    put("cgroup.controllers", "cpu memory");
    struct tenon_exec x = { .id = "tenon-1-2", .memory_bytes = -1, .memory_swap_bytes = -1,
                            .cpu_quota = -1, .cpu_period = 50000 };
    ck_assert_int_eq(make(&x), 0);
    has("tenon-1-2/memory.max", "max");
    has("tenon-1-2/memory.swap.max", "max");
    has("tenon-1-2/cpu.max", "max 50000");
    drop();
}
END_TEST

START_TEST(test_cgroup_v2_parent_hands_on_at_each_level)
{
    tree("0::/own\n", ". own a a/b a/b/tenon-1-2", V2);
    put("cgroup.controllers", "memory");
    struct tenon_exec x = { .id = "tenon-1-2", .cgroup_parent = "a/b", .memory_bytes = 4096 };
    ck_assert_int_eq(make(&x), 0);
    ck_assert_str_eq(group.path, "/a/b/tenon-1-2"); /* from the root of all */
    has("a/b/tenon-1-2/memory.max", "4096");
    has("cgroup.subtree_control", "+cpuset");
    has("a/cgroup.subtree_control", "+cpuset");
    has("a/b/cgroup.subtree_control", "+cpuset");
    drop();
}
END_TEST

START_TEST(test_cgroup_v2_parent_stays_below_the_root)
{
    tree("0::/\n", ". x x/tenon-1-2", V2);
    put("cgroup.controllers", "memory");
    struct tenon_exec x = { .id = "tenon-1-2", .cgroup_parent = "../../../x", .memory_bytes = 4096 };
    ck_assert_int_eq(make(&x), 0);
    has("x/tenon-1-2/memory.max", "4096");
    drop();
}
END_TEST

START_TEST(test_cgroup_v2_bad_limits_are_refused)
{
    tree("0::/\n", ". tenon-1-2", V2);
    put("cgroup.controllers", "memory");
    struct tenon_exec less = { .id = "tenon-1-2", .memory_bytes = 8192, .memory_swap_bytes = 4096 };
    ck_assert_int_eq(make(&less), EINVAL);
    ck_assert_str_eq(what, "set memory.swap.max");
    drop();
    struct tenon_exec alone = { .id = "tenon-1-2", .memory_swap_bytes = 4096 };
    ck_assert_int_eq(make(&alone), EINVAL);
    drop();
    static const struct { int64_t shares; const char *weight; } list[] = {
        { 1, "1" }, { 2, "1" }, { 262144, "10000" }, { 1000000, "10000" } };
    for (size_t i = 0; i < tenon_countof(list); i++) {
        put("tenon-1-2/cpu.weight", "");
        struct tenon_exec x = { .id = "tenon-1-2", .cpu_shares = list[i].shares };
        ck_assert_int_eq(make(&x), 0);
        has("tenon-1-2/cpu.weight", list[i].weight);
        drop();
    }
}
END_TEST

START_TEST(test_cgroup_v2_missing_controller_says_which)
{
    tree("0::/\n", ".", "$d/cgroup.procs $d/cgroup.controllers");
    struct tenon_exec x = { .id = "tenon-1-2", .memory_bytes = 4096 };
    ck_assert_int_eq(make(&x), ENOENT);
    ck_assert_str_eq(what, "set memory.max");
    ck_assert_str_eq(group.path, "tenon-1-2");
    drop();
    ck_assert_int_ne(access(ROOT "/tenon-1-2", F_OK), 0); /* it was made, and is gone */
}
END_TEST

START_TEST(test_cgroup_v1_below_our_own_in_each)
{
    tree("4:memory:/own\n3:cpu,cpuacct:/\n2:cpuset:/\n1:name=systemd:/\n0::/\n",
         "memory/own memory/own/tenon-1-2 cpu,cpuacct cpu,cpuacct/tenon-1-2 cpuset "
         "cpuset/tenon-1-2 systemd systemd/tenon-1-2", V1);
    put("cpuset/cpuset.cpus", "0-3\n");
    put("cpuset/cpuset.mems", "0\n");
    struct tenon_exec x = { .id = "tenon-1-2", .memory_bytes = 4096, .memory_swap_bytes = 8192,
                            .cpu_shares = 7, .cpu_quota = 1000, .cpu_period = 2000,
                            .cpuset_cpus = "1" };
    ck_assert_int_eq(make(&x), 0);
    ck_assert_uint_eq(group.count, 4); /* version 2 is mounted nowhere */
    has("memory/own/tenon-1-2/memory.limit_in_bytes", "4096");
    has("memory/own/tenon-1-2/memory.memsw.limit_in_bytes", "8192");
    has("cpu,cpuacct/tenon-1-2/cpu.shares", "7");
    has("cpu,cpuacct/tenon-1-2/cpu.cfs_quota_us", "1000");
    has("cpu,cpuacct/tenon-1-2/cpu.cfs_period_us", "2000");
    has("cpuset/tenon-1-2/cpuset.cpus", "1");
    has("cpuset/tenon-1-2/cpuset.mems", "0\n"); /* as above */
    drop();
}
END_TEST

START_TEST(test_cgroup_v1_parent_has_a_cpuset_too)
{
    tree("2:cpuset:/\n", "cpuset cpuset/p cpuset/p/q cpuset/p/q/tenon-1-2", V1);
    put("cpuset/cpuset.cpus", "0-3\n");
    put("cpuset/cpuset.mems", "0\n");
    struct tenon_exec x = { .id = "tenon-1-2", .cgroup_parent = "/p/q" };
    ck_assert_int_eq(make(&x), 0);
    has("cpuset/p/cpuset.cpus", "0-3\n");
    has("cpuset/p/q/cpuset.mems", "0\n");
    has("cpuset/p/q/tenon-1-2/cpuset.cpus", "0-3\n");
    drop();
}
END_TEST

START_TEST(test_cgroup_hybrid_limits_by_v1_and_joins_v2)
{
    tree("4:memory:/\n0::/scope\n", "memory memory/tenon-1-2 unified unified/scope "
         "unified/scope/tenon-1-2", V1);
    struct tenon_exec x = { .id = "tenon-1-2", .memory_bytes = 4096 };
    ck_assert_int_eq(make(&x), 0);
    ck_assert_uint_eq(group.count, 2);
    has("memory/tenon-1-2/memory.limit_in_bytes", "4096");
    ck_assert_int_ne(access(ROOT "/unified/scope/tenon-1-2/memory.max", F_OK), 0);
    drop();
}
END_TEST

START_TEST(test_cgroup_knows_who_ran_out_of_memory)
{
    tree("0::/\n", ". tenon-1-2", V2);
    put("cgroup.controllers", "memory");
    ck_assert(!cgroup_ran_out_of_memory("tenon-1-2"));
    put("tenon-1-2/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n");
    ck_assert(!cgroup_ran_out_of_memory("tenon-1-2"));
    put("tenon-1-2/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n");
    ck_assert(cgroup_ran_out_of_memory("tenon-1-2"));
    ck_assert(!cgroup_ran_out_of_memory("tenon-1-3"));
}
END_TEST

START_TEST(test_cgroup_v1_knows_who_ran_out_of_memory)
{
    tree("3:cpu:/\n4:memory:/own\n", "cpu cpu/tenon-1-2 memory/own/tenon-1-2", V1);
    put("memory/own/tenon-1-2/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    ck_assert(!cgroup_ran_out_of_memory("tenon-1-2"));
    put("memory/own/tenon-1-2/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    ck_assert(cgroup_ran_out_of_memory("tenon-1-2"));
}
END_TEST

START_TEST(test_cgroup_sweep_takes_the_dead_alone)
{
    char dirs[200];
    snprintf(dirs, sizeof dirs, "memory/tenon-%d-0 memory/tenon-4194304-1 memory/tenon-x-1 "
             "memory/other", (int)getppid());
    tree("4:memory:/\n", dirs, "memory/cgroup.procs");
    cgroup_sweep(); /* no process has the number 4194304, the first that is too large */
    ck_assert_int_ne(access(ROOT "/memory/tenon-4194304-1", F_OK), 0);
    run("test $(ls -d " ROOT "/memory/tenon-* | wc -l) = 2 && test -d " ROOT "/memory/other");
}
END_TEST

START_TEST(test_cgroup_none_at_all)
{
    tree("", "", "");
    struct tenon_exec x = { .id = "tenon-1-2", .memory_bytes = 4096 };
    ck_assert_int_eq(make(&x), ENOENT);
    ck_assert_str_eq(what, "find control groups");
    drop();
}
END_TEST

/* The kernel's own version 2 at its usual place, as on a machine with it alone. */
START_TEST(test_cgroup_v2_of_the_kernel)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    if (mount("cgroup2", ROOT, "cgroup2", 0, NULL) < 0) {
        fprintf(stderr, "no cgroup2 here, not tried\n");
        return;
    }
    char id[60], path[300];
    snprintf(id, sizeof id, "tenon-%d-7", (int)getpid());
    struct tenon_exec x = { .id = id, .cgroup_parent = "/" };
    ck_assert_int_eq(make(&x), 0);
    snprintf(path, sizeof path, "cat " ROOT "/%s/cgroup.procs >/dev/null", id);
    run(path);
    pid_t pid = fork();
    if (pid == 0) {
        bool joined = false;
        for (size_t i = 0; i < group.count; i++)
            joined = write(group.procs[i], "0", 1) == 1 || joined;
        pause();
        _exit(!joined);
    }
    snprintf(path, sizeof path, "for i in $(seq 1200); do grep -q '^0::/%s$' /proc/%d/cgroup && exit 0; "
             "sleep 0.05; done; exit 1", id, (int)pid);
    int found = system(path);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    auto_free char *relative = tenon_strdup(group.path);
    drop();
    snprintf(path, sizeof path, ROOT "/%s", id);
    for (int i = 0; i < 1200 && access(path, F_OK) == 0; i++) {
        usleep(20000); /* the kernel is not done with the killed at once */
        cgroup_remove(relative);
    }
    ck_assert_int_eq(found, 0);
    ck_assert_int_ne(access(path, F_OK), 0);
    /* Does it have the controllers?  Then limits hold, too. */
    struct tenon_exec limited = { .id = id, .memory_bytes = 64 << 20 };
    int e = make(&limited);
    if (e == 0) {
        char file[200];
        snprintf(file, sizeof file, "%s/memory.max", id);
        has(file, "67108864\n");
    } else {
        ck_assert_str_eq(what, "set memory.max");
    }
    drop();
}
END_TEST

int
main(void)
{
    if (getuid() != 0 || unshare(CLONE_NEWNS) < 0) {
        fprintf(stderr, "skipped: needs root and mount namespaces\n");
        return 77;
    }
    Suite *s = suite_create("exec-cgroup");
    TCase *t = tcase_create("hierarchies");
    tcase_add_test(t, test_cgroup_v2_of_the_kernel); /* before others cover it */
    tcase_add_test(t, test_cgroup_v2_is_beside_our_own);
    tcase_add_test(t, test_cgroup_v2_in_the_root_group);
    tcase_add_test(t, test_cgroup_v2_parent_hands_on_at_each_level);
    tcase_add_test(t, test_cgroup_v2_parent_stays_below_the_root);
    tcase_add_test(t, test_cgroup_v2_bad_limits_are_refused);
    tcase_add_test(t, test_cgroup_v2_missing_controller_says_which);
    tcase_add_test(t, test_cgroup_v1_below_our_own_in_each);
    tcase_add_test(t, test_cgroup_v1_parent_has_a_cpuset_too);
    tcase_add_test(t, test_cgroup_hybrid_limits_by_v1_and_joins_v2);
    tcase_add_test(t, test_cgroup_knows_who_ran_out_of_memory);
    tcase_add_test(t, test_cgroup_v1_knows_who_ran_out_of_memory);
    tcase_add_test(t, test_cgroup_sweep_takes_the_dead_alone);
    tcase_add_test(t, test_cgroup_none_at_all);
    tcase_set_timeout(t, 30);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? 1 : 0;
}

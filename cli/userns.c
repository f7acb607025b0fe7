/* cli/userns.c - an ordinary user's build happens in a user namespace, where the user is
 * root.
 *
 * Entered by unshare(2) in place of another exec of ourselves: that takes a
 * process with one thread, which we are until a verb starts others, and saves
 * the time of a start.  What has to know the machine's own ids comes before it
 * (the choice of the store, the owners of plugins). */
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/vec.h"
#include "cli.h"
#include "subids.h"

/* ---- maps made by newuidmap and newgidmap ------------------------------- */

struct mapping {
    char *programs[2];
    char **argv[2]; /* users, groups */
};

static void
mapping_release(struct mapping *m)
{
    for (int i = 0; i < 2; i++) {
        free(m->programs[i]);
        tenon_strv_free(m->argv[i]);
    }
}

static void
mapping_prepare(struct mapping *m, uid_t uid, gid_t gid)
{
    static const char *const files[] = {"/etc/subuid", "/etc/subgid"};
    static const char *const names[] = {"newuidmap", "newgidmap"};
    for (int i = 0; i < 2; i++) {
        struct subids ids = {0};
        subids_read(&ids, files[i], uid);
        tenon_strv_push(&m->argv[i], tenon_strdup(names[i]));
        tenon_strv_push(&m->argv[i], tenon_asprintf("%ld", (long)getpid()));
        tenon_strv_push(&m->argv[i], tenon_strdup("0"));
        tenon_strv_push(&m->argv[i], tenon_asprintf("%lu", (unsigned long)(i ? gid : uid)));
        tenon_strv_push(&m->argv[i], tenon_strdup("1"));
        for (char **a = ids.args; a && *a; a++)
            tenon_strv_push(&m->argv[i], tenon_strdup(*a));
        subids_release(&ids);
        m->programs[i] = subids_mapper(names[i]);
    }
}

static int
run_mapper(const char *program, char **argv)
{
    static char *const environment[] = {NULL};
    pid_t pid = fork();
    if (pid < 0)
        return 126;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execve(program, argv, environment);
        _exit(127);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

/* In a child that stays outside: our own namespace must be there first. */
static void __attribute__((noreturn))
map_from_outside(const struct mapping *m, int go, int said)
{
    char c;
    ssize_t n;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    do
        n = read(go, &c, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
        _exit(1);
    for (int i = 0; i < 2; i++)
        if (run_mapper(m->programs[i], m->argv[i]) != 0)
            _exit(1);
    _exit(0);
}

/* Why the programs failed; one line. */
static char *
failure(int fd)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    (void)tenon_read_all(fd, 4096, &text, &ignored);
    char *line = text.len ? text.data : NULL;
    if (line)
        line[strcspn(line, "\n")] = '\0';
    return tenon_strdup(line && *line ? line : "newuidmap did not work");
}

/* ---- one id, which needs no helper -------------------------------------- */

static int
write_proc(const char *path, const char *text, struct tenon_error *err)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return tenon_error_sys(err, "write %s", path);
    return 0;
}

/* newuidmap may have succeeded before newgidmap failed. */
static bool
is_mapped(const char *path)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    return tenon_read_file(path, 65536, &text, &ignored) == 0 && text.len > 0;
}

static int
map_one_id(uid_t uid, gid_t gid, struct tenon_error *err)
{
    auto_free char *users = tenon_asprintf("0 %lu 1", (unsigned long)uid);
    auto_free char *groups = tenon_asprintf("0 %lu 1", (unsigned long)gid);
    if (!is_mapped("/proc/self/uid_map") && write_proc("/proc/self/uid_map", users, err) < 0)
        return err->code;
    if (is_mapped("/proc/self/gid_map"))
        return 0;
    if (write_proc("/proc/self/setgroups", "deny", err) < 0)
        return err->code;
    return write_proc("/proc/self/gid_map", groups, err);
}

/* ---- entering ----------------------------------------------------------- */

static bool
file_says(const char *path, char wanted)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    return tenon_read_file(path, 64, &text, &ignored) == 0 && text.len && text.data[0] == wanted;
}

bool
userns_is_restricted(void)
{
    return file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1');
}

const char *
userns_advice(void)
{
    if (userns_is_restricted())
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
    if (file_says("/proc/sys/kernel/unprivileged_userns_clone", '0'))
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1";
    if (file_says("/proc/sys/user/max_user_namespaces", '0'))
        return "sudo sysctl -w user.max_user_namespaces=65536";
    /* Containers forbid them with a filter of system calls. */
    if (access("/run/.containerenv", F_OK) == 0)
        return "podman run --security-opt seccomp=unconfined --security-opt unmask=ALL ...";
    if (access("/.dockerenv", F_OK) == 0)
        return "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
               "--security-opt systempaths=unconfined ...";
    return NULL;
}

const char *
userns_root_advice(void)
{
    return access("/run/.containerenv", F_OK) == 0 ? "podman run --privileged ..."
                                                   : "docker run --privileged ...";
}

const char *
userns_proc_advice(void)
{
    return access("/run/.containerenv", F_OK) == 0
               ? "podman run --security-opt unmask=ALL ..."
               : "docker run --security-opt systempaths=unconfined ...";
}

static int
advise(struct tenon_error *err)
{
    const char *advice = userns_advice();
    if (advice)
        return tenon_error_hint(err, "%s", advice);
    return tenon_error_hint(err, "run \"tenon doctor\" to see what this machine lacks, or build "
                                 "as root");
}

/* The namespace and its maps; *said_why is newuidmap's reason for refusing them. */
static int
enter(struct mapping *m, bool ranges, uid_t uid, gid_t gid, char **said_why,
      struct tenon_error *err)
{
    int go[2] = {-1, -1}, said[2] = {-1, -1};
    pid_t helper = -1;
    bool mapped = false;
    if (ranges) {
        if (pipe2(go, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC) < 0 || (helper = fork()) < 0)
            tenon_error_sys(err, "start newuidmap");
        if (helper == 0) {
            close(go[1]);
            map_from_outside(m, go[0], said[1]);
        }
    }
    if (!err->code && unshare(CLONE_NEWUSER) < 0)
        tenon_error_sys(err, "make a user namespace");
    if (helper > 0) {
        int status = -1;
        if (err->code || write(go[1], "", 1) != 1)
            kill(helper, SIGKILL);
        while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
            ;
        mapped = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        close(tenon_steal_fd(&said[1]));
        if (!mapped && !err->code)
            *said_why = failure(said[0]);
    }
    for (int i = 0; i < 2; i++) {
        if (go[i] >= 0)
            close(go[i]);
        if (said[i] >= 0)
            close(said[i]);
    }
    if (!err->code && !mapped)
        map_one_id(uid, gid, err);
    return err->code;
}

int
userns_enter(struct subids_lack *lack, struct tenon_error *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    subids_look(lack, uid);
    struct mapping m = {0};
    if (!lack->why)
        mapping_prepare(&m, uid, gid);
    int rc = enter(&m, !lack->why, uid, gid, &lack->why, err);
    mapping_release(&m);
    if (rc < 0) {
        tenon_error_context(err, "building as an ordinary user");
        return advise(err);
    }
    return 0;
}

int
cli_enter_user_namespace(struct tenon_error *err)
{
    if (geteuid() == 0)
        return 0;
    struct subids_lack lack = {0};
    int rc = userns_enter(&lack, err);
    if (rc == 0 && lack.why)
        tenon_log(lack.users && lack.groups ? TENON_LOG_WARNING : TENON_LOG_INFO,
                  "building with one id: %s", lack.why);
    if (rc == 0 && lack.advice)
        tenon_ids_advise(lack.advice);
    subids_lack_release(&lack);
    return rc;
}

int
userns_private_mounts(bool ordinary, struct tenon_error *err)
{
    if (unshare(CLONE_NEWNS) < 0) {
        tenon_error_sys(err, "make a mount namespace");
        return ordinary ? advise(err)
                        : tenon_error_hint(err, "root lacks CAP_SYS_ADMIN, as in most "
                                           "containers: %s",
                                           userns_root_advice());
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        tenon_error_sys(err, "make mounts private");
        return ordinary ? advise(err) : err->code;
    }
    return 0;
}

int
cli_private_mounts(struct tenon_error *err)
{
    bool ordinary = geteuid() != 0;
    if (ordinary && cli_enter_user_namespace(err) < 0)
        return err->code;
    if (userns_private_mounts(ordinary, err) < 0)
        return err->code;
    /* Secrets are in our memory soon, and in our guards': no core of it on a disk,
     * and no other process looks into it.  Programs that are run do not inherit this; the
     * maps above could not have been written after it. */
    prctl(PR_SET_DUMPABLE, 0);
    return 0;
}

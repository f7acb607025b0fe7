/* An ordinary user's build happens in a user namespace, where the user is root.
 *
 * Entered by unshare(2) in place of another exec of ourselves: that takes a
 * process with one thread, which we are until a verb starts others, and saves
 * the time of a start.  What has to know the machine's own ids comes before it
 * (the choice of the store, the owners of plugins). */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ids.h"
#include "base/io.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/vec.h"
#include "userns.h"

enum { ETC_MAX_BYTES = 4 << 20, RANGES_MAX = 300 };

/* ---- what the machine sets aside for the user ----------------------------------- */

static const char *
user_name(uid_t uid)
{
    struct passwd *pw = getpwuid(uid);
    return pw ? pw->pw_name : "";
}

/* The kernel takes no map in which a range stands twice. */
static bool
overlaps(const struct userns_ids *ids, uint64_t first, uint64_t count)
{
    uint64_t a, n;
    for (size_t i = 0; i < ids->ranges; i++)
        if (tenon_parse_u64(ids->args[3 * i + 1], 10, &a) &&
            tenon_parse_u64(ids->args[3 * i + 2], 10, &n) && first < a + n && a < first + count)
            return true;
    return false;
}

/* "NAME:FIRST:COUNT" or "UID:FIRST:COUNT"; adds to list as newuidmap's
 * arguments, from id `next` on. */
static void
add_range(struct userns_ids *ids, char *line, const char *name, const char *number)
{
    char *owner = strsep(&line, ":");
    char *first = strsep(&line, ":");
    char *count = line;
    uint64_t a, n;
    if (!count || (strcmp(owner, name) && strcmp(owner, number)) ||
        !tenon_parse_u64(first, 10, &a) || !tenon_parse_u64(count, 10, &n) || !n ||
        a > UINT32_MAX || n > UINT32_MAX - a || ids->count + n >= UINT32_MAX ||
        ids->ranges >= RANGES_MAX || overlaps(ids, a, n))
        return;
    tenon_strv_push(&ids->args, tenon_asprintf("%llu", (unsigned long long)ids->count + 1));
    tenon_strv_push(&ids->args, tenon_strdup(first));
    tenon_strv_push(&ids->args, tenon_strdup(count));
    ids->count += n;
    ids->ranges++;
}

void
userns_ids_read(struct userns_ids *ids, const char *file, uid_t uid)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(file, ETC_MAX_BYTES, &text, &ignored) < 0)
        return;
    auto_free char *number = tenon_asprintf("%lu", (unsigned long)uid);
    auto_free char *name = tenon_strdup(user_name(uid));
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        if (*line && *line != '#')
            add_range(ids, line, *name ? name : number, number);
}

void
userns_ids_release(struct userns_ids *ids)
{
    tenon_strv_free(ids->args);
    *ids = (struct userns_ids){0};
}

/* Not by PATH: they run with root's rights, and where they are is no choice. */
char *
userns_mapper(const char *name)
{
    static const char *const dirs[] = {"/usr/bin", "/bin", "/usr/sbin", "/sbin",
                                       "/usr/local/bin"};
    for (size_t i = 0; i < tenon_countof(dirs); i++) {
        auto_free char *path = tenon_asprintf("%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return tenon_steal(&path);
    }
    return NULL;
}

/* ---- what would get the user more ids -------------------------------------------- */

enum { RANGE_FROM = 100000, RANGE_IDS = 65536 };

void
userns_lack_release(struct userns_lack *lack)
{
    free(lack->why);
    free(lack->advice);
    *lack = (struct userns_lack){0};
}

/* Behind everybody's: who shares a range shares files. */
static uint64_t
first_free(const char *file)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    uint64_t next = RANGE_FROM;
    if (tenon_read_file(file, ETC_MAX_BYTES, &text, &ignored) < 0)
        return next;
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        strsep(&line, ":");
        const char *first = strsep(&line, ":");
        uint64_t a, n;
        if (line && tenon_parse_u64(first, 10, &a) && tenon_parse_u64(line, 10, &n) &&
            a <= UINT32_MAX && n <= UINT32_MAX && a + n > next)
            next = a + n;
    }
    return next;
}

static const char *
install_uidmap(void)
{
    return access("/usr/bin/apt-get", X_OK) == 0 ? "sudo apt-get install uidmap"
           : access("/usr/bin/dnf", X_OK) == 0   ? "sudo dnf install shadow-utils"
                                                 : "install newuidmap and newgidmap";
}

/* "" when there is a range in both files. */
static char *
range_advice(uid_t uid, bool has_users, bool has_groups)
{
    uint64_t u = first_free("/etc/subuid"), g = first_free("/etc/subgid");
    uint64_t first = u > g ? u : g;
    if (has_users && has_groups)
        return tenon_strdup("");
    auto_free char *range = tenon_asprintf("%llu-%llu", (unsigned long long)first,
                                           (unsigned long long)first + RANGE_IDS - 1);
    const char *name = user_name(uid);
    return tenon_asprintf("sudo usermod%s%s%s%s %s", has_users ? "" : " --add-subuids ",
                          has_users ? "" : range, has_groups ? "" : " --add-subgids ",
                          has_groups ? "" : range, *name ? name : "$USER");
}

/* A set-user-id program may not get root's rights. */
static bool
is_powerless(const char *program)
{
    struct stat st;
    return stat(program, &st) == 0 && !(st.st_mode & S_ISUID) &&
           getxattr(program, "security.capability", NULL, 0) <= 0;
}

void
userns_look(struct userns_lack *lack, uid_t uid)
{
    static const char *const names[] = {"newuidmap", "newgidmap"};
    struct userns_ids users = {0}, groups = {0};
    userns_ids_read(&users, "/etc/subuid", uid);
    userns_ids_read(&groups, "/etc/subgid", uid);
    lack->users = users.count;
    lack->groups = groups.count;
    auto_free char *range = range_advice(uid, users.count > 0, groups.count > 0);
    const char *install = NULL;
    for (int i = 0; i < 2; i++) {
        auto_free char *mapper = userns_mapper(names[i]);
        if (!mapper && !lack->why)
            lack->why = tenon_asprintf("%s is not installed", names[i]);
        if (!mapper)
            install = install_uidmap();
        else if (is_powerless(mapper) && !lack->why) {
            lack->why = tenon_asprintf("%s is not set-user-id", mapper);
            lack->advice = tenon_asprintf("sudo chmod u+s %s", mapper);
        }
    }
    if (*range) {
        free(lack->why);
        lack->why = tenon_strdup(users.count    ? "no ids are set aside in /etc/subgid"
                                 : groups.count ? "no ids are set aside in /etc/subuid"
                                                : "no ids are set aside in /etc/subuid and "
                                                  "/etc/subgid");
    } else if (!lack->why && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        lack->why = tenon_strdup("this process may gain no privileges (no_new_privs), as "
                                 "newuidmap would have to");
    }
    if (install || *range) {
        free(lack->advice);
        lack->advice = tenon_asprintf("%s%s%s", install ? install : "",
                                      install && *range ? " && " : "", range);
    }
    userns_ids_release(&users);
    userns_ids_release(&groups);
}

/* ---- maps made by newuidmap and newgidmap ----------------------------------------- */

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
        struct userns_ids ids = {0};
        userns_ids_read(&ids, files[i], uid);
        tenon_strv_push(&m->argv[i], tenon_strdup(names[i]));
        tenon_strv_push(&m->argv[i], tenon_asprintf("%ld", (long)getpid()));
        tenon_strv_push(&m->argv[i], tenon_strdup("0"));
        tenon_strv_push(&m->argv[i], tenon_asprintf("%lu", (unsigned long)(i ? gid : uid)));
        tenon_strv_push(&m->argv[i], tenon_strdup("1"));
        for (char **a = ids.args; a && *a; a++)
            tenon_strv_push(&m->argv[i], tenon_strdup(*a));
        userns_ids_release(&ids);
        m->programs[i] = userns_mapper(names[i]);
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

/* Why the programs did not do it; one line. */
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

/* ---- one id, which needs nobody ---------------------------------------------------- */

static int
write_proc(const char *path, const char *text, struct tenon_error *err)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return tenon_error_sys(err, "write %s", path);
    return 0;
}

/* newuidmap may have done its half before newgidmap failed. */
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

/* ---- entering ----------------------------------------------------------------------- */

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
    /* Containers have them forbidden by a filter of system calls. */
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
    return tenon_error_hint(err, "tenon doctor tells what this machine offers; or build as root");
}

/* The namespace and its maps; *said is what newuidmap had against it. */
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
userns_enter(struct userns_lack *lack, struct tenon_error *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    userns_look(lack, uid);
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
    struct userns_lack lack = {0};
    int rc = userns_enter(&lack, err);
    if (rc == 0 && lack.why)
        tenon_log(lack.users && lack.groups ? TENON_LOG_WARNING : TENON_LOG_INFO,
                  "building with one id: %s", lack.why);
    if (rc == 0 && lack.advice)
        tenon_ids_advise(lack.advice);
    userns_lack_release(&lack);
    return rc;
}

int
userns_private_mounts(bool ordinary, struct tenon_error *err)
{
    if (unshare(CLONE_NEWNS) < 0) {
        tenon_error_sys(err, "make a mount namespace");
        return ordinary ? advise(err)
                        : tenon_error_hint(err, "root lacks CAP_SYS_ADMIN, as in most containers: %s",
                                           userns_root_advice());
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        tenon_error_sys(err, "keep our mounts from the rest of the system");
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
    return userns_private_mounts(ordinary, err);
}

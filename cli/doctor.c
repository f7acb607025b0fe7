/* tenon doctor: what this machine offers to builds, each found out by trying it,
 * and the one command that would improve it most. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/parse.h"
#include "userns.h"

static const char help[] =
    "Usage: PROGRAM doctor [OPTIONS]\n"
    "\n"
    "Tell what this machine offers to builds. Exit status 1 when a build cannot\n"
    "work here.\n"
    "\n"
    "Options:\n"
    "  -h, --help   show this\n";

enum verdict { GOOD, POOR, BAD };

struct report {
    const char *advice; /* the first one wins: checks are in order of weight */
    bool broken;
};

static void
say(struct report *r, enum verdict v, const char *topic, const char *advice,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void
say(struct report *r, enum verdict v, const char *topic, const char *advice,
    const char *fmt, ...)
{
    static const char *const marks[] = {[GOOD] = "ok", [POOR] = "--", [BAD] = "NO"};
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = tenon_vasprintf(fmt, ap);
    va_end(ap);
    printf("%-3s %-16s %s\n", marks[v], topic, text);
    if (v == BAD)
        r->broken = true;
    if (v != GOOD && advice && !r->advice)
        r->advice = advice;
}

/* ---- trying things -------------------------------------------------------------- */

/* Runs try() in a child, which cannot leave anything behind in us: 0, or the
 * errno it returned. */
static int
in_child(int (*try)(const char *arg), const char *arg)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(try(arg));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int
try_user_namespace(const char *arg)
{
    (void)arg;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? errno : 0;
}

/* In directories of its own below dir, in a mount namespace of its own. */
static int
try_overlay(const char *dir)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    bool ordinary = geteuid() != 0;
    if (cli_private_mounts(&err) < 0)
        return err.sys ? err.sys : EPERM;
    if (chdir(dir) < 0)
        return errno;
    if (mkdir("l", 0755) < 0 || mkdir("u", 0755) < 0 || mkdir("w", 0755) < 0 ||
        mkdir("m", 0755) < 0)
        return errno;
    const char *options = ordinary ? "lowerdir=l,upperdir=u,workdir=w,userxattr"
                                    : "lowerdir=l,upperdir=u,workdir=w";
    if (mount("overlay", "m", "overlay", 0, options) < 0)
        return errno;
    return umount2("m", MNT_DETACH) < 0 ? errno : 0;
}

static char *
find_program(const char *name)
{
    const char *path = secure_getenv("PATH");
    auto_free char *copy = tenon_strdup(path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    char *rest = copy;
    for (char *dir = strsep(&rest, ":"); dir; dir = strsep(&rest, ":")) {
        auto_free char *file = tenon_asprintf("%s/%s", *dir ? dir : ".", name);
        if (access(file, X_OK) == 0)
            return tenon_steal(&file);
    }
    return NULL;
}

/* The first of a NULL-terminated list that is installed. */
static char *
find_first(const char *const *names)
{
    for (; *names; names++) {
        char *file = find_program(*names);
        if (file)
            return file;
    }
    return NULL;
}

static char *
read_small(const char *path)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (tenon_read_file(path, 65536, &text, &ignored) < 0)
        return NULL;
    while (text.len && text.data[text.len - 1] == '\n')
        tenon_buf_truncate(&text, text.len - 1);
    tenon_buf_adds(&text, "");
    return tenon_buf_steal(&text);
}

/* ---- checks ------------------------------------------------------------------------ */

static void
check_kernel(struct report *r)
{
    struct utsname u = {0};
    uname(&u);
    say(r, GOOD, "kernel", NULL, "%s %s (%s)", u.sysname, u.release, u.machine);
}

static const char *
file_system_name(const char *path)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {
        {EXT4_SUPER_MAGIC, "ext4"}, {XFS_SUPER_MAGIC, "xfs"}, {BTRFS_SUPER_MAGIC, "btrfs"},
        {TMPFS_MAGIC, "tmpfs"}, {OVERLAYFS_SUPER_MAGIC, "overlay"}, {NFS_SUPER_MAGIC, "nfs"},
        {0x2fc12fc1, "zfs"}, {0xF2F52010, "f2fs"}, {FUSE_SUPER_MAGIC, "fuse"},
    };
    struct statfs fs;
    if (statfs(path, &fs) < 0)
        return strerror(errno);
    for (size_t i = 0; i < tenon_countof(known); i++)
        if ((unsigned long)fs.f_type == known[i].magic)
            return known[i].name;
    return "another one";
}

/* The store may not be there yet: the nearest directory above it that is. */
static char *
existing_parent(const char *path)
{
    char *dir = tenon_strdup(path);
    while (access(dir, F_OK) < 0) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir) {
            free(dir);
            return tenon_strdup("/");
        }
        *slash = '\0';
    }
    return dir;
}

static void
check_root(struct report *r, const char *dir, const char *root)
{
    struct statvfs v = {0};
    statvfs(dir, &v);
    auto_free char *avail = tenon_format_bytes((int64_t)(v.f_bavail * v.f_frsize));
    const char *type = file_system_name(dir);
    bool slow = !strcmp(type, "nfs") || !strcmp(type, "fuse") || !strcmp(type, "overlay");
    say(r, slow ? POOR : GOOD, "store", "tenon --root DIR_ON_A_LOCAL_DISK build ...",
        "%s, on %s, %s free", root, type, avail);
}

static void
check_overlay(struct report *r, const char *dir)
{
    if (access(dir, W_OK) < 0) {
        say(r, BAD, "overlay", "tenon --root DIR build ...", "%s: %s", dir, strerror(errno));
        return;
    }
    auto_free char *tmp = tenon_asprintf("%s/.tenon-doctor-XXXXXX", dir);
    if (!mkdtemp(tmp)) {
        say(r, BAD, "overlay", NULL, "%s: %s", dir, strerror(errno));
        return;
    }
    int sys = in_child(try_overlay, tmp);
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    tenon_remove_tree(AT_FDCWD, tmp, &ignored);
    if (sys == 0)
        say(r, GOOD, "overlay", NULL, "works in the store's file system");
    else
        say(r, BAD, "overlay", sys == ENODEV ? "modprobe overlay"
                                             : "tenon --root DIR_ON_ANOTHER_FILE_SYSTEM build ...",
            "cannot be mounted: %s", strerror(sys));
}

static void
check_user_namespaces(struct report *r)
{
    int sys = in_child(try_user_namespace, NULL);
    if (sys == 0)
        say(r, GOOD, "user namespaces", NULL, "can be made");
    else
        say(r, geteuid() ? BAD : POOR, "user namespaces",
            userns_advice(), "cannot be made: %s", strerror(sys));
}

static void
check_sub_ids(struct report *r)
{
    if (geteuid() == 0) {
        say(r, GOOD, "subordinate ids", NULL, "not needed as root");
        return;
    }
    struct userns_ids users = {0}, groups = {0};
    userns_ids_read(&users, "/etc/subuid", geteuid());
    userns_ids_read(&groups, "/etc/subgid", geteuid());
    auto_free char *mapper = userns_mapper("newuidmap");
    if (!users.count || !groups.count)
        say(r, POOR, "subordinate ids",
            "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER",
            "none in /etc/subuid and /etc/subgid: images with one owner only");
    else if (!mapper)
        say(r, POOR, "subordinate ids", "sudo apt-get install uidmap",
            "newuidmap is missing: images with one owner only");
    else
        say(r, GOOD, "subordinate ids", NULL, "%llu users, %llu groups, by %s",
            (unsigned long long)users.count, (unsigned long long)groups.count, mapper);
    userns_ids_release(&users);
    userns_ids_release(&groups);
}

static void
check_cgroups(struct report *r)
{
    auto_free char *v2 = read_small("/sys/fs/cgroup/cgroup.controllers");
    if (v2)
        say(r, GOOD, "cgroups", NULL, "version 2 (%s)", v2);
    else if (access("/sys/fs/cgroup/memory", F_OK) == 0)
        say(r, POOR, "cgroups", NULL, "version 1: limits of steps may not work");
    else
        say(r, POOR, "cgroups", NULL, "not mounted: no limits for steps");
}

static void
check_runtime(struct report *r)
{
    static const char *const runtimes[] = {"runc", "crun", "youki", NULL};
    auto_free char *runtime = find_first(runtimes);
    if (runtime)
        say(r, GOOD, "runtime", NULL, "%s", runtime);
    else
        say(r, GOOD, "runtime", NULL,
            "no runc, crun or youki: only \"executor\": \"oci\" would need one");
}

static void
check_network(struct report *r)
{
    static const char *const helpers[] = {"pasta", "slirp4netns", NULL};
    auto_free char *helper = find_first(helpers);
    if (helper)
        say(r, GOOD, "network helper", NULL, "%s", helper);
    else
        say(r, POOR, "network helper", "apt-get install passt",
            "none: steps use the host's network, or none");
}

int
cli_doctor(const struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = cli_getopt(argc, argv, "h", options);
    if (option == 'h')
        return cli_help(cli, help);
    if (option != -1)
        return CLI_USAGE;
    if (optind < argc)
        return cli_usage_error("doctor", "unexpected argument \"%s\"", argv[optind]);

    struct report r = {0};
    auto_free char *dir = existing_parent(cli->root);
    check_kernel(&r);
    check_root(&r, dir, cli->root);
    check_overlay(&r, dir);
    check_user_namespaces(&r);
    check_sub_ids(&r);
    check_runtime(&r);
    check_cgroups(&r);
    check_network(&r);
    if (r.advice)
        printf("\nWould help most: %s\n", r.advice);
    return r.broken ? CLI_FAILED : CLI_OK;
}

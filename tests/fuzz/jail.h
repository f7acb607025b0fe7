/* jail.h - for targets that write files: a user and a mount namespace with a root of their own, in
 * memory, so that a finding harms nothing.  What is in it beside the place to write to is noted
 * before an input and compared after it.
 *
 * Of the machine there are, read-only, its programs, /proc and the inputs; the directory that
 * libFuzzer began in, for what it finds, can be written to. */
#ifndef TENON_TESTS_FUZZ_JAIL_H
#define TENON_TESTS_FUZZ_JAIL_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/buf.h"

#define FUZZ_JAIL 1
/* Where inputs may write: below JAIL_ROOM. What is beside it must stay as it is. */
#define JAIL_HALL "/hall"
#define JAIL_ROOM "/hall/room"
#define JAIL_MARK "FUZZ_IN_JAIL" /* libFuzzer starts itself again, for a merge */

__attribute__((noreturn)) static void
jail_failed(const char *what)
{
    fprintf(stderr, "needs a namespace of its own: %s: %s\n", what, strerror(errno));
    _exit(77);
}

static bool
jail_say(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Root maps many ids, which takes somebody outside; others have their own one. */
static void
jail_map_ids(uid_t uid, gid_t gid)
{
    auto_free char *users = tenon_asprintf("0 %u 1", uid);
    auto_free char *groups = tenon_asprintf("0 %u 1", gid);
    if (uid != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
            jail_failed("unshare");
        if (!jail_say("/proc/self/setgroups", "deny") ||
            !jail_say("/proc/self/uid_map", users) || !jail_say("/proc/self/gid_map", groups))
            jail_failed("map ids");
        return;
    }
    static const char many[] = "0 0 1\n1 1000000 65535";
    char uid_map[64], gid_map[64], c = 0;
    int go[2], status = 0;
    snprintf(uid_map, sizeof uid_map, "/proc/%d/uid_map", getpid());
    snprintf(gid_map, sizeof gid_map, "/proc/%d/gid_map", getpid());
    if (pipe2(go, O_CLOEXEC) < 0)
        jail_failed("pipe");
    pid_t helper = fork();
    if (helper == 0) {
        close(go[1]);
        bool ok = read(go[0], &c, 1) == 1 && jail_say(uid_map, many) && jail_say(gid_map, many);
        _exit(ok ? 0 : 1);
    }
    if (helper < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        jail_failed("unshare");
    if (write(go[1], &c, 1) != 1 || waitpid(helper, &status, 0) < 0 || status != 0)
        jail_failed("map ids");
    close(go[0]);
    close(go[1]);
}

/* The same path in the new root; links, /bin to usr/bin, are made again. */
static void
jail_show(const char *root, const char *path, bool writable)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *at = tenon_asprintf("%s%s", root, path);
    auto_free char *parent = tenon_strdup(at);
    char target[4096];
    struct stat st;
    if (lstat(path, &st) < 0)
        return;
    *strrchr(parent, '/') = '\0';
    if (tenon_mkdir_p(AT_FDCWD, parent, 0755, &err) < 0)
        jail_failed(parent);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (symlink(target, at) < 0 && errno != EEXIST)
            jail_failed(at);
        return;
    }
    if (S_ISDIR(st.st_mode) ? mkdir(at, 0755) < 0 && errno != EEXIST
                            : mknod(at, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
        jail_failed(at);
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount(path, at, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        (!writable && syscall(SYS_mount_setattr, AT_FDCWD, at, AT_RECURSIVE, &readonly,
                              sizeof readonly) < 0))
        jail_failed(path);
}

static void
jail_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        jail_failed(path);
    close(fd);
}

/* What attacks would like to reach: by "..", by absolute links, by links that are there. */
static void
jail_furnish(void)
{
    if (mkdir("/canary", 0750) < 0 || mkdir("/canary/dir", 0700) < 0 ||
        mkdir(JAIL_HALL, 0755) < 0 || mkdir(JAIL_HALL "/beside", 0755) < 0 ||
        mkdir(JAIL_ROOM, 0755) < 0 || mkdir("/etc", 0755) < 0)
        jail_failed("furnish");
    if (mkdir("/tmp", 01777) < 0 && errno != EEXIST) /* libFuzzer's directory may be below it */
        jail_failed("/tmp");
    jail_put("/canary/file", "canary");
    jail_put("/canary/dir/file", "canary in a directory");
    jail_put("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    jail_put(JAIL_HALL "/beside/file", "beside");
    if (symlink("/canary", JAIL_HALL "/link") < 0 || mkfifo("/canary/pipe", 0600) < 0)
        jail_failed("furnish");
}

/* Before the first input and the first thread.  Shows `paths`, absolute ones, NULL at the end; work
 * (or NULL) is a directory that stays the current one. */
static void
jail_enter(char *const *paths, const char *work)
{
    char program[4096] = "";
    if (secure_getenv(JAIL_MARK))
        return;
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        jail_failed("/proc/self/exe"); /* of which a sanitizer's report says lines */
    jail_map_ids(getuid(), getgid());
    /* Over /mnt, in a namespace that nobody else sees. */
    static const char root[] = "/mnt";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tenon-fuzz", root, "tmpfs", 0, "mode=755,size=64m,nr_inodes=20000") < 0)
        jail_failed("mount");
    static const char *const always[] = {"/usr", "/bin", "/lib", "/lib64", "/proc"};
    for (size_t i = 0; i < tenon_countof(always); i++)
        jail_show(root, always[i], false);
    for (char *const *p = paths; p && *p; p++)
        jail_show(root, *p, false);
    jail_show(root, program, false);
    if (work)
        jail_show(root, work, true);
    if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        jail_failed("pivot_root");
    umask(022);
    jail_furnish();
    if ((work && chdir(work) < 0) || setenv(JAIL_MARK, "1", 1) < 0)
        jail_failed("chdir");
}

/* ---- what must not change ----------------------------------------------------------- */

static void
jail_note_file(int dirfd, const char *name, const struct stat *st, struct tenon_buf *out)
{
    char text[256];
    ssize_t n = -1;
    if (S_ISLNK(st->st_mode)) {
        n = readlinkat(dirfd, name, text, sizeof text);
    } else if (S_ISREG(st->st_mode)) {
        auto_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof text);
    }
    if (n > 0)
        tenon_buf_add(out, text, (size_t)n);
}

/* All that is on this file system, but for `skip`; by descriptors, so that nothing leads away. */
static void
jail_note_dir(int dirfd, dev_t dev, const char *skip, struct tenon_buf *out)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    char **names = NULL;
    if (tenon_dir_names(dirfd, &names, &err) < 0)
        jail_failed("list");
    for (char **name = names; name && *name; name++) {
        struct stat st;
        if (fstatat(dirfd, *name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev)
            continue;
        if (skip && strcmp(*name, skip) == 0)
            continue;
        /* The change time tells also what was changed and changed back. */
        tenon_buf_addf(out, "\n%s %o %u:%u %lld %llx %ju %lld.%ld %lld.%ld ", *name, st.st_mode,
                       st.st_uid, st.st_gid, (long long)st.st_size,
                       (unsigned long long)st.st_rdev, (uintmax_t)st.st_nlink,
                       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                       (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
        jail_note_file(dirfd, *name, &st, out);
        if (!S_ISDIR(st.st_mode))
            continue;
        auto_close int fd = openat(dirfd, *name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            jail_note_dir(fd, dev, NULL, out);
    }
    tenon_strv_free(names);
}

/* Notes what lies below path, without what is called `skip` in it. */
__attribute__((unused)) static void
jail_note(const char *path, const char *skip, struct tenon_buf *out)
{
    struct stat st;
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        jail_failed(path);
    tenon_buf_addf(out, "%s %o %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
    jail_note_dir(fd, st.st_dev, skip, out);
}

/* Everything but the hall's room. */
__attribute__((unused)) static void
jail_note_all(struct tenon_buf *out)
{
    jail_note("/", "hall", out);
    jail_note(JAIL_HALL, "room", out);
}

/* An attack that succeeded ends the program, as a finding. */
__attribute__((unused)) static void
jail_same(const struct tenon_buf *before, const struct tenon_buf *after)
{
    if (before->len == after->len && memcmp(before->data, after->data, before->len) == 0)
        return;
    fprintf(stderr, "changed outside of the destination:\n%s\n---- before:\n%s\n", after->data,
            before->data);
    abort();
}

#ifdef FUZZ_WITH_LIBFUZZER
/* libFuzzer's directories and files of inputs. */
static void
jail_enter_for(int argc, char **argv)
{
    char **paths = NULL, work[4096];
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '/' && access(argv[i], F_OK) == 0)
            tenon_strv_push(&paths, tenon_strdup(argv[i]));
    if (!getcwd(work, sizeof work))
        jail_failed("getcwd");
    jail_enter(paths, work);
    tenon_strv_free(paths);
}
#endif
#endif

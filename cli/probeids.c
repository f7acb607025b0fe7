/* cli/probeids.c - can steps of root's builds have ids of their own here?  An overlay of mapped
 * directories, in the working directory and in mounts of our own. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#define MAP "0 0 1\n1 2013265921 65535\n"

static int
write_map(pid_t pid, const char *kind)
{
    auto_free char *path = tenon_asprintf("/proc/%ld/%s_map", (long)pid, kind);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, MAP, sizeof MAP - 1) < 0 ? errno : 0;
}

/* Its descriptor; -1 and errno. */
static int
make_namespace(void)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char how = (char)(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
        (void)!write(ready[1], &how, 1);
        pause();
        _exit(0);
    }
    char how = EAGAIN;
    close(ready[1]);
    (void)!read(ready[0], &how, 1);
    close(ready[0]);
    auto_free char *path = tenon_asprintf("/proc/%ld/ns/user", (long)pid);
    int e = how;
    if (!e)
        e = write_map(pid, "uid");
    if (!e)
        e = write_map(pid, "gid");
    int fd = e ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!e && fd < 0)
        e = errno;
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    errno = e;
    return fd;
}

/* An access list of an overlay of mapped directories, read with room to spare. Linux before 6.2
 * takes the room for the list, and translates it if that could be one: 4 bytes and some of 8. */
static bool
shows_lists(const char *file)
{
    enum { ID = 2013265921 };
    struct entry { uint16_t tag, permissions; uint32_t id; };
    struct list { uint32_t version; struct entry entries[5]; };
    const struct list list = { POSIX_ACL_XATTR_VERSION, {
        { ACL_USER_OBJ, 6, ~0u }, { ACL_USER, 4, ID }, { ACL_GROUP_OBJ, 4, ~0u },
        { ACL_MASK, 4, ~0u }, { ACL_OTHER, 4, ~0u } } };
    union { struct list list; char room[256]; } got;
    static const char name[] = "system.posix_acl_access";
    auto_close int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 || fsetxattr(fd, name, &list, sizeof list, 0) < 0 || /* there are none */
           fgetxattr(fd, name, &got, sizeof got) < 0 || got.list.entries[1].id == ID;
}

int
probe_own_ids(bool *lists)
{
    auto_close int users = make_namespace();
    if (users < 0)
        return errno;
    auto_close int tree = (int)syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE | O_CLOEXEC);
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users };
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ||
        mkdir("i", 0755) < 0 ||
        syscall(SYS_move_mount, tree, "", AT_FDCWD, "i", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return errno;
    int e = mkdir("i/below", 0755) < 0 || mkdir("i/above", 0755) < 0 || mkdir("i/work", 0755) < 0 ||
                    mount("overlay", "m", "overlay", 0,
                          "lowerdir=i/below,upperdir=i/above,workdir=i/work") < 0
                ? errno
                : 0;
    if (!e)
        *lists = shows_lists("m/list");
    if (!e && umount2("m", MNT_DETACH) < 0)
        e = errno;
    if (umount2("i", MNT_DETACH) < 0 && !e)
        e = errno;
    return e;
}

/* common/exec/requests.c - see requests.h. */
#include "requests.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/parse.h"

struct requests {
    int ours, theirs; /* over it the step's process gives us its listener */
    int stop;         /* eventfd */
    int proc;         /* of the machine: the thread is in the step's mounts soon */
    pthread_t thread;
    struct seccomp_notif_sizes sizes;
};

/* ---- which calls --------------------------------------------------------- */

enum { NONE = -1, X32_BIT = 0x40000000 };

static const struct entry {
    uint32_t arch;
    int32_t mknod, mknodat, socketcall;
} entries[] = {
#if defined(__x86_64__)
    { AUDIT_ARCH_X86_64, 133, 259, NONE },
    { AUDIT_ARCH_I386, 14, 297, 102 },
#elif defined(__i386__)
    { AUDIT_ARCH_I386, 14, 297, 102 },
#elif defined(__aarch64__)
    { AUDIT_ARCH_AARCH64, NONE, 33, NONE },
    { AUDIT_ARCH_ARM, 14, 324, NONE },
#elif defined(__arm__)
    { AUDIT_ARCH_ARM, 14, 324, NONE },
#elif defined(SYS_mknod)
    { 0, SYS_mknod, SYS_mknodat, NONE }, /* whatever the architecture */
#else
    { 0, NONE, SYS_mknodat, NONE },
#endif
};

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define ASK BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
enum { CODE_MAX = 64 };

static uint32_t
low_half(unsigned argument)
{
    const uint16_t probe = 1;
    return (uint32_t)offsetof(struct seccomp_data, args) + 8 * argument +
           (*(const uint8_t *)&probe ? 0 : 4);
}

static void
add(struct sock_filter *out, size_t *n, const struct sock_filter *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[(*n)++] = list[i];
}
#define ADD(...)                                                          \
    add(out, &n, (const struct sock_filter[]){ __VA_ARGS__ },             \
        sizeof(const struct sock_filter[]){ __VA_ARGS__ } / sizeof *out)

/* Of a character or a block device; other nodes the step makes itself. */
static size_t
add_mknod(struct sock_filter *out, size_t n, int32_t number, unsigned mode)
{
    if (number == NONE)
        return n;
    ADD(LOAD(offsetof(struct seccomp_data, nr)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)~X32_BIT), SKIP_UNLESS((uint32_t)number, 6),
        LOAD(low_half(mode)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, S_IFMT),
        SKIP_UNLESS(S_IFCHR, 1), ASK, SKIP_UNLESS(S_IFBLK, 1), ASK);
    return n;
}

static size_t
program(struct sock_filter out[CODE_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const struct entry *e = &entries[i];
        size_t begin = n;
        if (e->arch)
            ADD(LOAD(offsetof(struct seccomp_data, arch)), SKIP_UNLESS(e->arch, 0));
        n = add_mknod(out, n, e->mknod, 1);
        n = add_mknod(out, n, e->mknodat, 2);
        if (e->socketcall != NONE)
            ADD(LOAD(offsetof(struct seccomp_data, nr)), SKIP_UNLESS((uint32_t)e->socketcall, 3),
                LOAD(low_half(0)), SKIP_UNLESS(1, 1), ASK);
        if (e->arch)
            out[begin + 1].jf = (uint8_t)(n - begin - 2);
    }
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    return n;
}

/* A signal does not make the kernel ask again for what has been made: File exists.
 * SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV. */
#define UNINTERRUPTED (1UL << 5)

/* ---- in the step's process ----------------------------------------------- */

int
requests_install(int fd)
{
    struct sock_filter code[CODE_MAX];
    struct sock_fprog p = { (unsigned short)program(code), code };
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER | UNINTERRUPTED, &p);
    if (listener < 0 && errno == EINVAL) /* before Linux 5.19 */
        listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
    if (listener < 0)
        return errno;
    char byte = 0;
    struct iovec v = { &byte, 1 };
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.space,
                        .msg_controllen = sizeof control.space };
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof listener);
    memcpy(CMSG_DATA(&control.head), &listener, sizeof listener);
    int e = sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? errno : 0;
    close(listener);
    return e;
}

/* ---- who asks ------------------------------------------------------------ */

struct caller {
    int root, at, mounts, network; /* descriptors */
    uint32_t uid, gid;             /* for files */
    uint64_t caps;
    mode_t umask;
    gid_t groups[1024];
    size_t group_count;
};

static void
caller_release(struct caller *c)
{
    const int fds[] = { c->root, c->at, c->mounts, c->network };
    for (size_t i = 0; i < tenon_countof(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int
open_of(const struct requests *r, pid_t pid, const char *name, int flags)
{
    auto_free char *path = tenon_asprintf("%ld/%s", (long)pid, name);
    return openat(r->proc, path, flags | O_CLOEXEC);
}

/* The words after "NAME:" in a status file. */
static const char *
field(const char *status, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = status; p && *p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (!strncmp(p, name, n) && p[n] == ':')
            return p + n + 1 + strspn(p + n + 1, " \t");
    }
    return "";
}

/* The word at p as a number, and what follows it; NULL: there is none. */
static const char *
next_number(const char *p, int base, uint64_t *out)
{
    size_t n = strcspn(p, " \t\n");
    char word[24];
    if (!n || n >= sizeof word)
        return NULL;
    memcpy(word, p, n);
    word[n] = 0;
    if (!tenon_parse_u64(word, base, out))
        return NULL;
    return p + n + strspn(p + n, " \t");
}

static bool
read_status(const struct requests *r, pid_t pid, struct caller *c)
{
    char text[16384];
    auto_close int fd = open_of(r, pid, "status", O_RDONLY);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (len <= 0)
        return false;
    text[len] = 0;
    uint64_t ids[2][4], caps, mask;
    const char *const names[] = { "Uid", "Gid" };
    for (int k = 0; k < 2; k++) {
        const char *p = field(text, names[k]);
        for (int i = 0; i < 4; i++)
            if (!p || !(p = next_number(p, 10, &ids[k][i])))
                return false;
    }
    if (!next_number(field(text, "CapEff"), 16, &caps) ||
        !next_number(field(text, "Umask"), 8, &mask))
        return false;
    uint64_t group;
    const char *p = field(text, "Groups");
    while (c->group_count < tenon_countof(c->groups) && (p = next_number(p, 10, &group)))
        c->groups[c->group_count++] = (gid_t)group;
    c->uid = (uint32_t)ids[0][3];
    c->gid = (uint32_t)ids[1][3];
    c->caps = caps;
    c->umask = (mode_t)mask;
    return true;
}

static bool
caller_find(const struct requests *r, pid_t pid, struct caller *c)
{
    c->at = -1;
    c->root = open_of(r, pid, "root", O_PATH | O_DIRECTORY);
    c->mounts = open_of(r, pid, "ns/mnt", O_RDONLY);
    c->network = open_of(r, pid, "ns/net", O_RDONLY);
    return c->root >= 0 && c->mounts >= 0 && c->network >= 0 && read_status(r, pid, c);
}

/* 0 or an errno. */
static int
read_memory(const struct requests *r, pid_t pid, uint64_t at, void *out, size_t len, bool text)
{
    auto_close int fd = open_of(r, pid, "mem", O_RDONLY);
    if (fd < 0)
        return errno;
    char *to = out;
    for (size_t done = 0; done < len;) {
        size_t page = 4096 - ((at + done) & 4095); /* the next one may not be there */
        ssize_t n = pread(fd, to + done, page < len - done ? page : len - done,
                          (off_t)(at + done));
        if (n <= 0)
            return EFAULT;
        if (text && memchr(to + done, 0, (size_t)n))
            return 0;
        done += (size_t)n;
    }
    return text ? ENAMETOOLONG : 0;
}

/* ---- with whose rights --------------------------------------------------- */

#define BIT(cap) (UINT64_C(1) << (cap))

static int
set_caps(uint64_t effective, const struct __user_cap_data_struct all[2])
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2] = { all[0], all[1] };
    d[0].effective = (uint32_t)effective & all[0].permitted;
    d[1].effective = (uint32_t)(effective >> 32) & all[1].permitted;
    return (int)syscall(SYS_capset, &h, d);
}

/* All by system calls of the kernel's own, which are about this thread; libc's would be about
 * the whole process. */
static int
make_node(const struct caller *c, const char *path, mode_t mode, unsigned long dev)
{
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct all[2];
    if (syscall(SYS_capget, &h, all) < 0 || setns(c->mounts, CLONE_NEWNS) < 0 ||
        fchdir(c->root) < 0 || chroot(".") < 0 || (c->at >= 0 && fchdir(c->at) < 0))
        return errno;
    umask(c->umask);
    int e = 0;
    uint64_t rights = c->caps & (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |
                                 BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_MKNOD));
    if (syscall(SYS_setgroups, c->group_count, c->groups) < 0)
        e = errno;
    (void)syscall(SYS_setfsgid, c->gid);
    (void)syscall(SYS_setfsuid, c->uid);
    if (!e && set_caps(rights, all) < 0)
        e = errno;
    if (!e && syscall(SYS_mknodat, AT_FDCWD, path, mode, dev) < 0)
        e = errno;
    set_caps(all[0].effective | (uint64_t)all[1].effective << 32, all);
    (void)syscall(SYS_setfsuid, 0);
    (void)syscall(SYS_setfsgid, 0);
    return e;
}

static bool
is_still_asked(int listener, uint64_t id)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* 0 or an errno. */
static int
serve_mknod(const struct requests *r, int listener, const struct seccomp_notif *q,
            struct caller *c, bool is_at)
{
    const __u64 *a = q->data.args;
    char path[PATH_MAX];
    pid_t pid = (pid_t)q->pid;
    if (!(c->caps & BIT(CAP_MKNOD)))
        return EPERM;
    int e = read_memory(r, pid, a[is_at], path, sizeof path, true);
    if (e)
        return e;
    if (path[0] != '/') {
        int dir = is_at ? (int)(uint32_t)a[0] : AT_FDCWD;
        auto_free char *name = dir == AT_FDCWD ? tenon_strdup("cwd") : tenon_asprintf("fd/%d", dir);
        c->at = open_of(r, pid, name, O_PATH | O_DIRECTORY);
        if (c->at < 0)
            return errno == ENOENT ? EBADF : errno;
    }
    if (!is_still_asked(listener, q->id))
        return EINTR;
    return make_node(c, path, (mode_t)(uint32_t)a[1 + is_at],
                     (unsigned long)(uint32_t)a[2 + is_at]);
}

/* ---- sockets ------------------------------------------------------------- */

static bool
is_plain_socket(const int32_t a[3])
{
    int type = a[1] & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    switch (a[0]) {
    case AF_UNIX:
        return true;
    case AF_NETLINK:
        return type == SOCK_RAW || type == SOCK_DGRAM;
    case AF_INET:
    case AF_INET6: /* without protocols that ask who makes it */
        return (type == SOCK_STREAM && (!a[2] || a[2] == IPPROTO_TCP)) ||
               (type == SOCK_DGRAM && (!a[2] || a[2] == IPPROTO_UDP));
    default:
        return false;
    }
}

/* 0: it was answered. */
static int
serve_socket(const struct requests *r, int listener, const struct seccomp_notif *q,
             const struct caller *c)
{
    int32_t a[3];
    int e = read_memory(r, (pid_t)q->pid, (uint32_t)q->data.args[1], a, sizeof a, false);
    if (e)
        return e;
    if (!is_plain_socket(a))
        return EPERM;
    if (setns(c->network, CLONE_NEWNET) < 0)
        return errno;
    (void)syscall(SYS_setfsgid, c->gid);
    (void)syscall(SYS_setfsuid, c->uid);
    auto_close int fd = socket(a[0], a[1] | SOCK_CLOEXEC, a[2]);
    e = fd < 0 ? errno : 0;
    (void)syscall(SYS_setfsuid, 0);
    (void)syscall(SYS_setfsgid, 0);
    if (e)
        return e;
    struct seccomp_notif_addfd give = {
        .id = q->id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)fd,
        .newfd_flags = a[1] & SOCK_CLOEXEC ? O_CLOEXEC : 0,
    };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give) < 0 ? errno : 0;
}

/* ---- the thread ---------------------------------------------------------- */

static const struct entry *
entry_of(uint32_t arch)
{
    for (size_t i = 0; i < tenon_countof(entries); i++)
        if (!entries[i].arch || entries[i].arch == arch)
            return &entries[i];
    return NULL;
}

static void
serve(const struct requests *r, int listener, struct seccomp_notif *q,
      struct seccomp_notif_resp *answer)
{
    const struct entry *at = entry_of(q->data.arch);
    int32_t number = q->data.nr & ~X32_BIT;
    const bool is_socket = at && at->socketcall != NONE && number == at->socketcall;
    struct caller *c = tenon_new0(struct caller);
    int e = ENOSYS;
    if (!caller_find(r, (pid_t)q->pid, c))
        e = EPERM;
    else if (is_socket)
        e = serve_socket(r, listener, q, c);
    else if (at && (number == at->mknod || number == at->mknodat))
        e = serve_mknod(r, listener, q, c, number == at->mknodat);
    caller_release(c);
    free(c);
    if (is_socket && !e)
        return; /* with the descriptor */
    memset(answer, 0, r->sizes.seccomp_notif_resp);
    answer->id = q->id;
    answer->error = -e;
    /* ENOENT: whoever asked is gone. */
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
}

static int
take_listener(const struct requests *r)
{
    char byte;
    struct iovec v = { &byte, 1 };
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.space,
                        .msg_controllen = sizeof control.space };
    int fd = -1;
    if (recvmsg(r->ours, &m, MSG_CMSG_CLOEXEC) == 1 && m.msg_controllen >= CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
    return fd;
}

/* Is there something to do?  False: the end. */
static bool
wait_for(const struct requests *r, int fd)
{
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = r->stop, .events = POLLIN } };
    while (poll(p, 2, -1) < 0)
        if (errno != EINTR)
            return false;
    return !p[1].revents && (p[0].revents & POLLIN);
}

static void *
requests_main(void *data)
{
    const struct requests *r = data;
    /* Root, working directory and umask are of this thread alone from here on. */
    if (unshare(CLONE_FS) < 0 || !wait_for(r, r->ours))
        return NULL;
    auto_close int listener = take_listener(r);
    struct seccomp_notif *q = tenon_calloc(1, r->sizes.seccomp_notif);
    struct seccomp_notif_resp *answer = tenon_calloc(1, r->sizes.seccomp_notif_resp);
    while (listener >= 0 && wait_for(r, listener)) {
        memset(q, 0, r->sizes.seccomp_notif);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, q) == 0)
            serve(r, listener, q, answer);
        else if (errno != EINTR && errno != ENOENT)
            break;
    }
    free(q);
    free(answer);
    return NULL;
}

/* ---- can they be had at all? --------------------------------------------- */

/* A process has one listener at most, and whoever started us may have put one around us. */
static pthread_once_t tried = PTHREAD_ONCE_INIT;
static int why_none;

/* In a process of its own, which the filter ends with. */
static int
try_main(void *data)
{
    (void)data;
    if (unshare(CLONE_FS) < 0) /* without it the thread serves nobody, and who asks waits */
        return errno;
    struct sock_filter code[CODE_MAX];
    struct sock_fprog p = { (unsigned short)program(code), code };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p) < 0
               ? errno
               : 0;
}

static void
try_once(void)
{
    enum { STACK_BYTES = 64 << 10 };
    auto_free char *stack = aligned_alloc(64, STACK_BYTES);
    sigset_t all, old;
    sigfillset(&all); /* handlers are for our own process */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = stack ? clone(try_main, stack + STACK_BYTES, CLONE_VM | SIGCHLD, NULL) : -1;
    why_none = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        ;
    if (!why_none && status)
        why_none = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

int
requests_try(void)
{
    pthread_once(&tried, try_once);
    return why_none;
}

int
requests_open(struct requests **out)
{
    if (requests_try())
        return why_none;
    struct requests *r = tenon_new0(struct requests);
    int pair[2] = { -1, -1 };
    r->stop = eventfd(0, EFD_CLOEXEC);
    r->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int e = r->stop < 0 || r->proc < 0 ? errno : 0;
    if (!e && (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &r->sizes) < 0 ||
               socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0))
        e = errno;
    r->ours = pair[0];
    /* Above the standard numbers, which the step's process makes its own. */
    r->theirs = e ? -1 : fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
    if (pair[1] >= 0)
        close(pair[1]);
    if (!e && r->theirs < 0)
        e = errno;
    if (!e)
        e = pthread_create(&r->thread, NULL, requests_main, r);
    if (!e) {
        *out = r;
        return 0;
    }
    const int fds[] = { r->ours, r->theirs, r->stop, r->proc };
    for (size_t i = 0; i < tenon_countof(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(r);
    return e;
}

int
requests_fd(const struct requests *r)
{
    return r ? r->theirs : -1;
}

void
requests_close(struct requests *r)
{
    if (!r)
        return;
    uint64_t one = 1;
    (void)!write(r->stop, &one, sizeof one);
    pthread_join(r->thread, NULL);
    close(r->ours);
    close(r->theirs);
    close(r->stop);
    close(r->proc);
    free(r);
}

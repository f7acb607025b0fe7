/* probe - what a hostile step tries, as a program without libraries.  Each
 * trial prints one line of what it got; the test judges. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

static const char *
name_of(int e)
{
    return e ? strerrorname_np(e) : "works";
}

/* ---- descriptors ------------------------------------------------------------ */

static int
descriptors(void)
{
    for (int i = 0; i < 4096; i++) {
        char path[40], target[4096];
        if (fcntl(i, F_GETFD) < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
        printf("descriptor %d: %s\n", i, target);
    }
    return 0;
}

/* ---- system calls ------------------------------------------------------------- */

static char stack[65536];

static int
nothing(void *data)
{
    (void)data;
    return 0;
}

static long
cloned(int flags)
{
    return clone(nothing, stack + sizeof stack, flags | SIGCHLD, NULL);
}

static int
calls(void)
{
    char page[256] = "";
    union bpf_attr bpf = { 0 };
    struct perf_event_attr perf = { .size = sizeof perf, .type = PERF_TYPE_SOFTWARE };
    struct timespec now = { 1, 0 };
#define TRY(name, call)                                   \
    do {                                                  \
        errno = 0;                                        \
        long r = (call);                                  \
        printf("%s: %s\n", name, name_of(r < 0 ? errno : 0)); \
    } while (0)
    TRY("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
    TRY("umount", umount("/proc"));
    TRY("pivot_root", syscall(SYS_pivot_root, "/", "/"));
    TRY("move_mount", syscall(SYS_move_mount, -1, "", -1, "", 0));
    TRY("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    TRY("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    TRY("mount_setattr", syscall(SYS_mount_setattr, -1, "", 0, NULL, 0));
    TRY("unshare user", unshare(CLONE_NEWUSER));
    TRY("unshare mount", unshare(CLONE_NEWNS));
    TRY("clone user", cloned(CLONE_NEWUSER));
    TRY("clone mount", cloned(CLONE_NEWNS));
    TRY("clone pid", cloned(CLONE_NEWPID));
    TRY("clone net", cloned(CLONE_NEWNET));
    TRY("clone3", syscall(SYS_clone3, NULL, 0));
    TRY("setns", setns(-1, 0));
    TRY("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof bpf));
    TRY("perf_event_open", syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0));
    TRY("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    TRY("init_module", syscall(SYS_init_module, page, 0, ""));
    TRY("finit_module", syscall(SYS_finit_module, -1, "", 0));
    TRY("delete_module", syscall(SYS_delete_module, "none", 0));
    TRY("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
    TRY("swapon", syscall(SYS_swapon, "/none", 0));
    TRY("swapoff", syscall(SYS_swapoff, "/none"));
    TRY("acct", syscall(SYS_acct, "/none"));
    TRY("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL));
    TRY("add_key", syscall(SYS_add_key, "user", "k", "v", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("request_key", syscall(SYS_request_key, "user", "k", NULL, KEY_SPEC_SESSION_KEYRING));
    TRY("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0, 0, 0));
    TRY("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, page, 0));
    TRY("userfaultfd", syscall(SYS_userfaultfd, 0));
    TRY("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
    TRY("syslog", syscall(SYS_syslog, 10, NULL, 0));
    TRY("settimeofday", syscall(SYS_settimeofday, NULL, NULL));
    TRY("clock_settime", clock_settime(CLOCK_REALTIME, &now));
    TRY("sethostname", sethostname("x", 1));
    TRY("fanotify_init", syscall(SYS_fanotify_init, 0, 0));
    TRY("kcmp", syscall(SYS_kcmp, 1, 1, 0, 0, 0));
    TRY("lookup_dcookie", syscall(SYS_lookup_dcookie, 0, page, 1));
#ifdef SYS_iopl
    TRY("iopl", syscall(SYS_iopl, 3));
    TRY("ioperm", syscall(SYS_ioperm, 0, 1, 1));
#endif
    TRY("socket vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
    TRY("socket packet", socket(AF_PACKET, SOCK_DGRAM, 0));
    TRY("socket netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    TRY("chroot", chroot("/"));
    return 0;
}

/* ---- sockets -------------------------------------------------------------------- */

#ifdef __x86_64__
/* As a 32-bit program asks. */
static long
call32(long number, long a, long b, long c)
{
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "r8", "r9", "r10", "r11", "memory");
    return r;
}

static void
sockets32(const char *kind, int family, int type)
{
    unsigned *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    low[0] = (unsigned)family;
    low[1] = (unsigned)type;
    low[2] = 0;
    long r = call32(359, family, type, 0);
    printf("%s, socket of 32 bits: %s\n", kind, name_of(r < 0 ? (int)-r : 0));
    r = call32(102, 1, (long)low, 0);
    printf("%s, socketcall: %s\n", kind, name_of(r < 0 ? (int)-r : 0));
    r = call32(102, (long)(1 | (1ull << 32)), (long)low, 0);
    printf("%s, wide socketcall: %s\n", kind, name_of(r < 0 ? (int)-r : 0));
}
#endif

/* Every kind by every entry that the kernel has. */
static int
sockets(void)
{
    static const struct {
        const char *name;
        int family, type;
    } kinds[] = {
        { "vsock", AF_VSOCK, SOCK_STREAM },  { "packet", AF_PACKET, SOCK_RAW },
        { "packet cooked", AF_PACKET, SOCK_DGRAM }, { "packet of 2.0", AF_INET, SOCK_PACKET },
        { "raw", AF_INET, SOCK_RAW },        { "raw 6", AF_INET6, SOCK_RAW },
        { "inet", AF_INET, SOCK_STREAM },    { "inet 6", AF_INET6, SOCK_DGRAM },
        { "unix", AF_UNIX, SOCK_STREAM },    { "netlink", AF_NETLINK, SOCK_RAW },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int protocol = kinds[i].type == SOCK_RAW && kinds[i].family != AF_NETLINK ? 1 : 0;
        long family = kinds[i].family, type = kinds[i].type;
        long r = syscall(SYS_socket, family, type, protocol);
        printf("%s, socket: %s\n", kinds[i].name, name_of(r < 0 ? errno : 0));
        r = syscall(SYS_socket, family | (1l << 32), type, protocol);
        printf("%s, wide socket: %s\n", kinds[i].name, name_of(r < 0 ? errno : 0));
#ifdef __x86_64__
        r = syscall(SYS_socket | 0x40000000, family, type, protocol);
        printf("%s, socket of x32: %s\n", kinds[i].name, name_of(r < 0 ? errno : 0));
        sockets32(kinds[i].name, kinds[i].family, kinds[i].type);
#endif
    }
    return 0;
}

/* reach WHERE: inet:ADDRESS:PORT, inet6:ADDRESS:PORT, abstract:NAME; what is said there. */
static int
reach(char **a)
{
    char where[200], said[200] = "";
    struct sockaddr_storage at;
    socklen_t len = 0;
    memset(&at, 0, sizeof at);
    snprintf(where, sizeof where, "%s", a[0]);
    char *rest = strchr(where, ':');
    if (!rest)
        return 2;
    *rest++ = 0;
    char *port = strrchr(rest, '%');
    if (port)
        *port++ = 0;
    if (!strcmp(where, "abstract")) {
        struct sockaddr_un *u = (void *)&at;
        u->sun_family = AF_UNIX;
        memcpy(u->sun_path + 1, rest, strlen(rest));
        len = (socklen_t)(sizeof u->sun_family + 1 + strlen(rest));
    } else if (!strcmp(where, "inet")) {
        struct sockaddr_in *i = (void *)&at;
        i->sin_family = AF_INET;
        i->sin_port = htons((uint16_t)atoi(port));
        inet_pton(AF_INET, rest, &i->sin_addr);
        len = sizeof *i;
    } else {
        struct sockaddr_in6 *i = (void *)&at;
        i->sin6_family = AF_INET6;
        i->sin6_port = htons((uint16_t)atoi(port));
        inet_pton(AF_INET6, rest, &i->sin6_addr);
        len = sizeof *i;
    }
    alarm(20);
    int fd = socket(at.ss_family, SOCK_STREAM, 0);
    int e = fd < 0 || connect(fd, (void *)&at, len) < 0 ? errno : 0;
    ssize_t n = e ? 0 : read(fd, said, sizeof said - 1);
    if (n < 0)
        e = errno;
    said[n > 0 ? n : 0] = 0;
    said[strcspn(said, "\n")] = 0;
    printf("%s: %s %s\n", a[0], name_of(e), said);
    return 0;
}

/* port NUMBER: somebody listens there, on both versions of IP. */
static int
port(char **a)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a[0])),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = in.sin_port,
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    printf("port %s: %s\n", a[0], name_of(bind(fd, (void *)&in, sizeof in) < 0 ? errno : 0));
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    printf("port %s of 6: %s\n", a[0], name_of(bind(fd, (void *)&in6, sizeof in6) < 0 ? errno : 0));
    return 0;
}

/* listened COMMAND...: run with a listener for system calls around it, as some containers have. */
static int
listened(char **command)
{
    struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog p = { 1, code };
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
    if (fd < 0 || fcntl(fd, F_SETFD, 0) < 0) /* as long as it is open */
        return 1;
    execv(command[0], command);
    return 1;
}

/* ---- devices -------------------------------------------------------------------- */

/* device TYPE MAJOR MINOR PATH: made, opened, read. */
static int
device(char **a)
{
    mode_t type = *a[0] == 'b' ? S_IFBLK : S_IFCHR;
    char byte;
    int e = 0;
    if (mknod(a[3], type | 0666, makedev((unsigned)atoi(a[1]), (unsigned)atoi(a[2]))) < 0 &&
        errno != EEXIST) {
        printf("mknod %s: %s\n", a[3], name_of(errno));
        return 0;
    }
    int fd = open(a[3], O_RDONLY);
    if (fd < 0 || read(fd, &byte, 1) < 0)
        e = errno;
    printf("read %s: %s\n", a[3], name_of(e));
    fd = open(a[3], O_WRONLY);
    printf("write %s: %s\n", a[3], name_of(fd < 0 ? errno : 0));
    return 0;
}

/* ---- files -------------------------------------------------------------------------- */

/* write PATH...: each opened for writing, and a byte written. */
static int
write_to(char **paths)
{
    for (; *paths; paths++) {
        int fd = open(*paths, O_WRONLY);
        int e = fd < 0 || write(fd, "!", 1) < 0 ? errno : 0;
        printf("write %s: %s\n", *paths, name_of(e));
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

/* swap COUNT A B: the two names change places. */
static int
swap(char **a)
{
    for (long n = atol(a[0]); n > 0; n--)
        if (renameat2(AT_FDCWD, a[1], AT_FDCWD, a[2], RENAME_EXCHANGE) < 0) {
            printf("swap: %s\n", name_of(errno));
            return 1;
        }
    return 0;
}

/* rewrite COUNT: every program that a number of /proc leads to, and what runs
 * this one, opened for writing again and again. */
static int
rewrite(char **a)
{
    long opened = 0, tried = 0;
    for (long n = atol(a[0]); n > 0; n--) {
        DIR *d = opendir("/proc");
        for (struct dirent *e; d && (e = readdir(d));) {
            char path[300];
            if (e->d_name[0] < '1' || e->d_name[0] > '9')
                continue;
            snprintf(path, sizeof path, "/proc/%s/exe", e->d_name);
            int flags[] = { O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC };
            for (int i = 0; i < 3; i++) {
                int fd = open(path, flags[i] | O_NONBLOCK);
                tried++;
                if (fd < 0)
                    continue;
                opened++;
                (void)!write(fd, "#!/bin/false\n", 13);
                close(fd);
            }
        }
        if (d)
            closedir(d);
    }
    printf("rewrite: %ld of %ld\n", opened, tried);
    return 0;
}

/* keep FILE: its descriptor stays open for a program that is run next and
 * writes through it. */
static int
keep(char **a)
{
    int fd = open(a[0], O_RDONLY);
    char path[40];
    if (fd < 0) {
        printf("keep %s: %s\n", a[0], name_of(errno));
        return 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char *argv[] = { a[1], "write", path, NULL };
    execv(a[1], argv);
    return 1;
}

/* ---- processes ------------------------------------------------------------------------ */

static int
trace(char **a)
{
    pid_t pid = (pid_t)atoi(a[0]);
    long r = ptrace(PTRACE_ATTACH, pid, NULL, NULL);
    printf("ptrace %d: %s\n", (int)pid, name_of(r < 0 ? errno : 0));
    return 0;
}

#ifdef PRELOAD
/* As a library of an image: run in whatever program the step was made to start. */
__attribute__((constructor)) static void
loaded(void)
{
    char target[4096];
    ssize_t n = readlink("/proc/self/exe", target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    int fd = open("/proc/self/exe", O_WRONLY);
    printf("loaded: %s for writing: %s\n", target, name_of(fd < 0 ? errno : 0));
    fd = open("/proc/self/exe", O_RDONLY);
    printf("loaded: %s for reading: %s\n", target, fd < 0 ? name_of(errno) : "open");
    fflush(stdout);
    _exit(0);
}
#endif
/* ---- keys --------------------------------------------------------------------- */

/* Is a key of that name found from the session's keyring?  And is there one? */
static int
key(char **argv)
{
    long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    printf("session keyring: %s\n", name_of(id < 0 ? errno : 0));
    id = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", argv[0], 0);
    printf("key of the session: %s\n", name_of(id < 0 ? errno : 0));
    return 0;
}

/* ---- signals -------------------------------------------------------------------- */

static void
ignored(int number)
{
    (void)number;
}

/* interrupted DIR: nodes made there, each once, while signals arrive. */
static int
interrupted(char **argv)
{
    struct sigaction a = { .sa_handler = ignored, .sa_flags = SA_RESTART };
    struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
    int others = 0, first = 0;
    sigaction(SIGALRM, &a, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 2000; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%d", argv[0], i);
        if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0) {
            others++;
            first = first ? first : errno;
        }
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("interrupted: %d not made: %s\n", others, name_of(first));
    return 0;
}

/* ---- attributes that hold ids --------------------------------------------------- */

static void
print_attribute(const char *file, const char *name)
{
    /* Room for an access list of 16, as libacl's: Linux before 6.2 has another answer for other sizes. */
    unsigned char value[132];
    ssize_t n = getxattr(file, name, value, sizeof value);
    printf("%s: ", name);
    if (n < 0)
        printf("%s", name_of(errno));
    for (ssize_t i = 0; i < n; i++)
        printf("%02x", value[i]);
    printf("\n");
}

/* attributes FILE: a file capability (version 2, cap_chown), which is shown as it was set, and an
 * access list with user 1234. */
static int
attributes(char **a)
{
    static const unsigned char capability[20] = { 1, 0, 0, 2, 1 };
    static const struct { uint32_t version; struct { uint16_t tag, perm; uint32_t id; } e[5]; }
        list = { 2, { { 1, 7, ~0u }, { 2, 4, 1234 }, { 4, 5, ~0u }, { 16, 5, ~0u }, { 32, 5, ~0u } } };
    int e = setxattr(a[0], "system.posix_acl_access", &list, sizeof list, 0) < 0 ? errno : 0;
    printf("access list: %s\n", name_of(e));
    e = setxattr(a[0], "security.capability", capability, sizeof capability, 0) < 0 ? errno : 0;
    printf("capability: %s\n", name_of(e));
    print_attribute(a[0], "security.capability");
    print_attribute(a[0], "system.posix_acl_access");
    return 0;
}

/* capable FILE: may we give it away? */
static int
capable(char **a)
{
    printf("capable: %s\n", name_of(chown(a[0], 77, 78) < 0 ? errno : 0));
    return 0;
}

/* A new one: whose is it? */
static int
terminal(char **a)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    struct stat st;
    const char *name = fd >= 0 && unlockpt(fd) == 0 ? ptsname(fd) : NULL;
    int e = name && stat(name, &st) == 0 ? 0 : errno;
    if (e)
        printf("terminal: %s\n", name_of(e));
    else
        printf("terminal %s: %u:%u %o\n", a[0], st.st_uid, st.st_gid, st.st_mode & 07777);
    return 0;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **);
    } verbs[] = {
        { "device", 4, device }, { "write", 1, write_to }, { "swap", 3, swap },
        { "key", 1, key },     { "rewrite", 1, rewrite }, { "keep", 2, keep },    { "trace", 1, trace },
        { "reach", 1, reach }, { "port", 1, port }, { "listened", 1, listened },
        { "interrupted", 1, interrupted }, { "attributes", 1, attributes },
        { "capable", 1, capable }, { "terminal", 1, terminal },
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && !strcmp(argv[1], "descriptors"))
        return descriptors();
    if (argc == 2 && !strcmp(argv[1], "calls"))
        return calls();
    if (argc == 2 && !strcmp(argv[1], "sockets"))
        return sockets();
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(argv[1], verbs[i].name) && argc - 2 >= verbs[i].arguments)
            return verbs[i].run(argv + 2);
    fprintf(stderr, "usage: probe WHAT ...\n");
    return 2;
}

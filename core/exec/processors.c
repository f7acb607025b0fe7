/* exec/processors.c - see processors.h. */
#include "exec/processors.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"

#define CODE(text) text, sizeof text - 1

static const struct tenon_processor known[] = {
    { "amd64", "x86_64", EM_X86_64, true, false, 0, CODE("\xb8\x3c\0\0\0\x31\xff\x0f\x05") },
    { "386", "i386", EM_386, false, false, 0, CODE("\xb8\x01\0\0\0\x31\xdb\xcd\x80") },
    { "arm64", "aarch64", EM_AARCH64, true, false, 0,
      CODE("\xa8\x0b\x80\xd2\0\0\x80\xd2\x01\0\0\xd4") },
    { "arm", "arm", EM_ARM, false, false, 0x5000000 /* EABI 5 */,
      CODE("\x01\x70\xa0\xe3\0\0\xa0\xe3\0\0\0\xef") },
    { "riscv64", "riscv64", EM_RISCV, true, false, 0,
      CODE("\x93\x08\xd0\x05\x13\x05\0\0\x73\0\0\0") },
    { "ppc64le", "ppc64le", EM_PPC64, true, false, 2 /* its second ABI */,
      CODE("\x01\0\0\x38\0\0\x60\x38\x02\0\0\x44") },
    { "s390x", "s390x", EM_S390, true, true, 0, CODE("\xa7\x29\0\0\x0a\x01") },
    { "mips64le", "mips64el", EM_MIPS, true, false, 0x80000007 /* 64r2, pic */,
      CODE("\xc2\x13\x02\x24\0\0\x04\x24\x0c\0\0\0") },
    { "loong64", "loongarch64", 258, true, false, 0x43 /* double float, object ABI 1 */,
      CODE("\x0b\x74\x81\x02\x04\0\x80\x02\0\0\x2b\0") },
};

const struct tenon_processor *
tenon_processor_at(size_t i)
{
    return i < tenon_countof(known) ? &known[i] : NULL;
}

const struct tenon_processor *
tenon_processor_find(const char *arch)
{
    for (size_t i = 0; i < tenon_countof(known); i++)
        if (!strcmp(known[i].arch, arch))
            return &known[i];
    return NULL;
}

static bool
is_arch(const char *platform, const char *arch)
{
    const char *slash = strchr(platform, '/');
    const size_t n = strlen(arch);
    return slash && !strncmp(slash + 1, arch, n) && (!slash[1 + n] || slash[1 + n] == '/');
}

bool
tenon_processor_is_native(const struct tenon_processor *p, const char *host_platform, int sys)
{
    return is_arch(host_platform, p->arch) ||
           (!sys && ((!strcmp(p->arch, "386") && is_arch(host_platform, "amd64")) ||
                     (!strcmp(p->arch, "arm") && is_arch(host_platform, "arm64"))));
}

/* ---- what a program looks like --------------------------------------------------- */

/* n bytes, in the processor's order. */
static void
put(const struct tenon_processor *p, unsigned char *at, size_t n, uint64_t value)
{
    for (size_t i = 0; i < n; i++)
        at[p->is_big ? n - 1 - i : i] = (unsigned char)(value >> (8 * i));
}

static void
put_ident(const struct tenon_processor *p, unsigned char *at)
{
    memcpy(at, ELFMAG, SELFMAG);
    at[EI_CLASS] = p->is_64 ? ELFCLASS64 : ELFCLASS32;
    at[EI_DATA] = p->is_big ? ELFDATA2MSB : ELFDATA2LSB;
    at[EI_VERSION] = EV_CURRENT;
}

void
tenon_processor_magic(const struct tenon_processor *p,
                      unsigned char magic[TENON_PROCESSOR_MAGIC],
                      unsigned char mask[TENON_PROCESSOR_MAGIC])
{
    memset(magic, 0, TENON_PROCESSOR_MAGIC);
    memset(mask, 0xff, TENON_PROCESSOR_MAGIC);
    put_ident(p, magic);
    mask[EI_OSABI] = mask[EI_ABIVERSION] = 0;
    put(p, magic + 16, 2, ET_EXEC);
    put(p, mask + 16, 2, 0xfffe); /* ET_DYN is the next one */
    put(p, magic + 18, 2, p->machine);
}

size_t
tenon_processor_program(const struct tenon_processor *p,
                        unsigned char out[TENON_PROCESSOR_PROGRAM])
{
    const size_t word = p->is_64 ? 8 : 4;
    const size_t head = p->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    const size_t part = p->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    const size_t len = head + part + p->exit_len;
    const uint64_t base = 0x400000;
    memset(out, 0, TENON_PROCESSOR_PROGRAM);
    put_ident(p, out);
    put(p, out + 16, 2, ET_EXEC);
    put(p, out + 18, 2, p->machine);
    put(p, out + 20, 4, EV_CURRENT);
    put(p, out + 24, word, base + head + part); /* where it begins */
    put(p, out + 24 + word, word, head);        /* its one segment's description */
    unsigned char *after = out + 24 + 3 * word;
    put(p, after, 4, p->flags);
    put(p, after + 4, 2, head);
    put(p, after + 6, 2, part);
    put(p, after + 8, 2, 1);
    unsigned char *segment = out + head;
    put(p, segment, 4, PT_LOAD);
    put(p, segment + (p->is_64 ? 4 : 24), 4, PF_R | PF_X);
    unsigned char *sizes = segment + (p->is_64 ? 8 : 4); /* offset, addresses, sizes */
    put(p, sizes + word, word, base);
    put(p, sizes + 2 * word, word, base);
    put(p, sizes + 3 * word, word, len);
    put(p, sizes + 4 * word, word, len);
    put(p, segment + part - (p->is_64 ? 8 : 4), word, 0x10000); /* larger than any page */
    memcpy(out + head + part, p->exit, p->exit_len);
    return len;
}

/* ---- does it run? ---------------------------------------------------------------- */

/* An emulator of a program of three instructions, on a machine with much to do. */
enum { STACK_BYTES = 64 << 10, BUSY_TRIES = 100, PATIENCE_MS = 60000 };

struct attempt {
    const char *dir, *name;
    int null, sys;
    int patience; /* milliseconds */
};

/* Shares our memory until it is another program. */
static int
attempt_main(void *data)
{
    struct attempt *a = data;
    char *const argv[] = { (char *)a->name, NULL }, *const env[] = { NULL };
    for (int i = 0; i < 3; i++)
        if (dup2(a->null, i) < 0)
            _exit(1);
    if (chroot(a->dir) == 0 && chdir("/") == 0)
        execve(a->name, argv, env);
    a->sys = errno;
    _exit(1);
}

/* Kills what does not end in its time: true. */
static bool
is_late(pid_t pid, int pidfd, int patience)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    int rc;
    while ((rc = poll(&p, 1, patience)) < 0 && errno == EINTR)
        ;
    if (rc == 0)
        kill(pid, SIGKILL);
    return rc == 0;
}

static int
run_it(struct attempt *a)
{
    auto_free char *stack = aligned_alloc(64, STACK_BYTES);
    auto_close int pidfd = -1;
    sigset_t all, old;
    int status = 0;
    a->sys = 0;
    sigfillset(&all); /* handlers are for our own process */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = clone(attempt_main, stack + STACK_BYTES,
                      CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, a, &pidfd);
    int e = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (pid > 0 && is_late(pid, pidfd, a->patience))
        e = ETIMEDOUT;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    /* What was started and failed is an emulator that does not work there. */
    return e ? e : a->sys ? a->sys : WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : ENOEXEC;
}

int
tenon_processor_try(const struct tenon_processor *p, const char *dir)
{
    return tenon_processor_try_for(p, dir, PATIENCE_MS);
}

int
tenon_processor_try_for(const struct tenon_processor *p, const char *dir, int milliseconds)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    unsigned char program[TENON_PROCESSOR_PROGRAM];
    size_t len = tenon_processor_program(p, program);
    auto_free char *name = tenon_asprintf("/.try-%s", p->arch);
    auto_close int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (at < 0 || null < 0)
        return errno;
    if (tenon_write_file_at(at, name + 1, program, len, 0755, false, &ignored) < 0)
        return ignored.sys ? ignored.sys : EIO;
    struct attempt a = { .dir = dir, .name = name, .null = null, .patience = milliseconds };
    int e = ETXTBSY;
    /* A process that another thread makes has the descriptor by which it was written for a
     * moment. */
    for (int i = 0; i < BUSY_TRIES && e == ETXTBSY; i++) {
        e = run_it(&a);
        if (e == ETXTBSY)
            nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    unlinkat(at, name + 1, 0);
    return e;
}

/* ---- emulators ------------------------------------------------------------------- */

/* Its libraries would be the root's, of another processor. */
static bool
needs_libraries(const char *path)
{
    ElfW(Ehdr) h;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, &h, sizeof h, 0) != sizeof h || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
        h.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return true;
    for (unsigned i = 0; i < h.e_phnum && i < 64; i++) {
        ElfW(Phdr) ph;
        if (pread(fd, &ph, sizeof ph, (off_t)(h.e_phoff + i * sizeof ph)) != sizeof ph ||
            ph.p_type == PT_INTERP)
            return true;
    }
    return false;
}

/* PATH is not used: it is the invoking user's, and sudo keeps it. */
char *
tenon_processor_emulator(const struct tenon_processor *p, const char *dir)
{
    static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                        "/usr/bin",        "/sbin",          "/bin", NULL };
    static const char *const names[] = { "qemu-%s-static", "buildkit-qemu-%s", "qemu-%s" };
    const char *const own[] = { dir, NULL };
    for (const char *const *d = dir ? own : dirs; *d; d++)
        for (size_t i = 0; i < tenon_countof(names); i++) {
            const char *rest = strstr(names[i], "%s") + 2;
            auto_free char *path = tenon_asprintf("%s/%.*s%s%s", *d, (int)(rest - 2 - names[i]),
                                                  names[i], p->qemu, rest);
            if (access(path, X_OK) == 0 && !needs_libraries(path))
                return tenon_steal(&path);
        }
    return NULL;
}

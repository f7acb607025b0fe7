/* common/exec/sockets.c - see sockets.h. */
#include "sockets.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

enum { NONE = -1, SOCKETCALL_SOCKET = 1, X32_BIT = 0x40000000 };

static const struct {
    uint32_t arch;
    int32_t socket, socketcall; /* numbers of the calls */
} entries[] = {
#if defined(__x86_64__)
    { AUDIT_ARCH_X86_64, 41, NONE }, /* x32, too, without its bit */
    { AUDIT_ARCH_I386, 359, 102 },
#elif defined(__i386__)
    { AUDIT_ARCH_I386, 359, 102 },
#elif defined(__aarch64__)
    { AUDIT_ARCH_AARCH64, 198, NONE },
    { AUDIT_ARCH_ARM, 281, NONE },
#elif defined(__arm__)
    { AUDIT_ARCH_ARM, 281, NONE },
#else
    /* s390x and powerpc have a socketcall(2) that their libraries use for everything. */
    { 0, SYS_socket, NONE }, /* whatever the architecture */
#endif
};

#define LOAD(field) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static void
add(struct sock_filter *out, size_t *n, const struct sock_filter *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[(*n)++] = list[i];
}
#define ADD(...)                                                          \
    add(out, &n, (const struct sock_filter[]){ __VA_ARGS__ },             \
        sizeof(const struct sock_filter[]){ __VA_ARGS__ } / sizeof *out)

/* The lower half of an argument: all that the kernel takes of an int. */
static struct sock_filter
load_argument(void)
{
    const uint16_t probe = 1;
    uint32_t low = *(const uint8_t *)&probe ? 0 : 4;
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                        (uint32_t)offsetof(struct seccomp_data, args) + low);
}

size_t
sockets_program(struct sock_filter out[SOCKETS_MAX], bool shares_network, bool is_served)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        uint8_t call = entries[i].socketcall == NONE || is_served ? 0 : 4;
        uint8_t packet = shares_network ? 2 : 0;
        uint8_t family = (uint8_t)(4 + packet); /* how many look at socket(2) */
        if (entries[i].arch)
            ADD(LOAD(arch), SKIP_UNLESS(entries[i].arch, (uint8_t)(2 + call + family)));
        ADD(LOAD(nr), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)~X32_BIT));
        if (call)
            ADD(SKIP_UNLESS((uint32_t)entries[i].socketcall, 3), load_argument(),
                SKIP_UNLESS(SOCKETCALL_SOCKET, (uint8_t)(family + 1)), REFUSE);
        ADD(SKIP_UNLESS((uint32_t)entries[i].socket, (uint8_t)(family - 1)), load_argument());
        if (packet)
            ADD(SKIP_UNLESS(AF_PACKET, 1), REFUSE);
        ADD(SKIP_UNLESS(AF_VSOCK, 1), REFUSE);
    }
    return n;
}

int
sockets_restrict(bool shares_network, bool is_served)
{
    struct sock_filter code[SOCKETS_MAX];
    size_t n = sockets_program(code, shares_network, is_served);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { (unsigned short)n, code };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

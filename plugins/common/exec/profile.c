/* common/exec/profile.c - see profile.h. */
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "tools/cleanup.h"

const struct profile_cap profile_caps[] = {
    { "CAP_CHOWN", 0, true },
    { "CAP_DAC_OVERRIDE", 1, true },
    { "CAP_DAC_READ_SEARCH", 2, false },
    { "CAP_FOWNER", 3, true },
    { "CAP_FSETID", 4, true },
    { "CAP_KILL", 5, true },
    { "CAP_SETGID", 6, true },
    { "CAP_SETUID", 7, true },
    { "CAP_SETPCAP", 8, true },
    { "CAP_LINUX_IMMUTABLE", 9, false },
    { "CAP_NET_BIND_SERVICE", 10, true },
    { "CAP_NET_BROADCAST", 11, false },
    { "CAP_NET_ADMIN", 12, false },
    { "CAP_NET_RAW", 13, true },
    { "CAP_IPC_LOCK", 14, false },
    { "CAP_IPC_OWNER", 15, false },
    { "CAP_SYS_MODULE", 16, false },
    { "CAP_SYS_RAWIO", 17, false },
    { "CAP_SYS_CHROOT", 18, true },
    { "CAP_SYS_PTRACE", 19, false },
    { "CAP_SYS_PACCT", 20, false },
    { "CAP_SYS_ADMIN", 21, false },
    { "CAP_SYS_BOOT", 22, false },
    { "CAP_SYS_NICE", 23, false },
    { "CAP_SYS_RESOURCE", 24, false },
    { "CAP_SYS_TIME", 25, false },
    { "CAP_SYS_TTY_CONFIG", 26, false },
    { "CAP_MKNOD", 27, true },
    { "CAP_LEASE", 28, false },
    { "CAP_AUDIT_WRITE", 29, true },
    { "CAP_AUDIT_CONTROL", 30, false },
    { "CAP_SETFCAP", 31, true },
    { "CAP_MAC_OVERRIDE", 32, false },
    { "CAP_MAC_ADMIN", 33, false },
    { "CAP_SYSLOG", 34, false },
    { "CAP_WAKE_ALARM", 35, false },
    { "CAP_BLOCK_SUSPEND", 36, false },
    { "CAP_AUDIT_READ", 37, false },
    { "CAP_PERFMON", 38, false },
    { "CAP_BPF", 39, false },
    { "CAP_CHECKPOINT_RESTORE", 40, false },
};
const size_t profile_cap_count = sizeof profile_caps / sizeof *profile_caps;

bool
profile_shares_network(const struct tenon_exec *x)
{
    return !strcmp(x->network, "host");
}

/* Does our network belong to our user namespace, or to one below it?  An ordinary user's is the
 * machine's, whose owner the kernel refuses to show; no other failure proves anything. */
static bool
has_say_in_network(void)
{
    auto_close int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (net < 0)
        return true;
    auto_close int owner = ioctl(net, NS_GET_USERNS);
    return owner >= 0 || errno != EPERM;
}

uint64_t
profile_cap_set(const struct tenon_exec *x, bool has_own_users)
{
    enum { NET_RAW = 13 };
    const bool insecure = x->flags & TENON_EXEC_INSECURE;
    uint64_t set = 0;
    for (size_t i = 0; i < profile_cap_count; i++) {
        const struct profile_cap *c = &profile_caps[i];
        if ((insecure || c->by_default) && prctl(PR_CAPBSET_READ, c->number, 0, 0, 0) == 1)
            set |= UINT64_C(1) << c->number;
    }
    if (!insecure && !has_own_users && profile_shares_network(x) && has_say_in_network())
        set &= ~(UINT64_C(1) << NET_RAW);
    return set;
}

const char *const profile_masked[] = {
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap", NULL,
};
const char *const profile_readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

const struct profile_device profile_devices[] = {
    { "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
    { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};
const size_t profile_device_count = sizeof profile_devices / sizeof *profile_devices;

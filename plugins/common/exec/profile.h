/* common/exec/profile.h - what a step may do, as data: capabilities, system calls, paths
 * that are hidden or read-only, devices.  The same for every executor; the
 * defaults of containerd, which are BuildKit's. */
#ifndef TENON_COMMON_EXEC_PROFILE_H
#define TENON_COMMON_EXEC_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon-plugin.h>

struct profile_cap {
    const char *name; /* "CAP_CHOWN" */
    unsigned number;
    bool by_default;  /* one of the 14 of an ordinary step */
};
extern const struct profile_cap profile_caps[];
extern const size_t profile_cap_count;
/* Has the step the machine's network? */
bool profile_shares_network(const struct tenon_exec *x);
/* Bit n: capability n.  Those that a step gets, of those that we have.  On the machine's
 * network CAP_NET_RAW would read and forge everybody's packets: it is among them only where the
 * step's user namespace has no say in that network.  Programs that have it as a file's capability
 * start then. */
uint64_t profile_cap_set(const struct tenon_exec *x, bool has_own_users);

enum profile_action { PROFILE_ALLOW, PROFILE_ENOSYS };
enum profile_compare { PROFILE_ANY, PROFILE_EQUAL, PROFILE_MASKED };
struct profile_rule { /* what is in no rule fails with EPERM */
    const char *const *names;
    enum profile_action action;
    enum profile_compare compare; /* of one argument */
    unsigned argument;
    uint64_t value, mask; /* MASKED: (argument & mask) == value */
};
extern const struct profile_rule profile_rules[];
extern const size_t profile_rule_count;
/* Further architectures of this machine, libseccomp's and OCI's names. */
extern const char *const profile_arches[]; /* "SCMP_ARCH_X86_64", ..., NULL */

extern const char *const profile_masked[];   /* NULL-terminated paths */
extern const char *const profile_readonly[];

struct profile_device {
    const char *name; /* below /dev */
    unsigned major, minor;
};
extern const struct profile_device profile_devices[];
extern const size_t profile_device_count;

enum { PROFILE_SHM_BYTES = 64 << 20 };

#endif

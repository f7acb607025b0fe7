/* executor-native/callfilter.c - the profile's system calls as a program for the kernel.
 *
 * libseccomp knows the numbers of names.  The program is ours (callprogram.h): the library takes
 * 10 ms to make one, and what it makes is three times as long. */
#include "native.h"

#include <linux/audit.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "callprogram.h"
#include "common/exec/profile.h"
#include "common/exec/sockets.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/cleanup.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sock_fprog programs[2][2]; /* by shares_network, is_served; immutable after `once` */

enum { ARCHES_MAX = 8, NUMBERS_MAX = 512 };

static void
add_call(struct callprogram_arch *a, uint32_t token, int number, const struct profile_rule *r)
{
    bool is_wide = token & __AUDIT_ARCH_64BIT;
    tenon_vec_push(&a->calls, (struct callprogram_call){ (uint32_t)number, is_wide, r });
}

static void
add_named(struct callprogram_arch *a, uint32_t token, const struct profile_rule *r)
{
    for (const char *const *n = r->names; *n; n++) {
        int number = seccomp_syscall_resolve_name_arch(token, *n);
        if (number >= 0) /* else there is none, or the library is older: refused like all unknown */
            add_call(a, token, number, r);
    }
}

/* Where there are socketcall(2) and ipc(2), the library has no numbers for the names of what
 * they do, but names for the numbers. */
static void
add_numbered(struct callprogram_arch *a, uint32_t token)
{
    if (seccomp_syscall_resolve_name_arch(token, "socketcall") < 0)
        return;
    for (int number = 0; number < NUMBERS_MAX; number++) {
        auto_free char *name = seccomp_syscall_resolve_num_arch(token, number);
        if (!name || seccomp_syscall_resolve_name_arch(token, name) >= 0)
            continue;
        for (size_t i = 0; i < profile_rule_count; i++) {
            for (const char *const *n = profile_rules[i].names; *n; n++) {
                if (!strcmp(*n, name))
                    add_call(a, token, number, &profile_rules[i]);
            }
        }
    }
}

/* As the kernel tells it to filters: x32 is x86_64, with numbers of its own. */
static uint32_t
audit_of(uint32_t token)
{
    return token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token;
}

struct arches {
    struct callprogram_arch items[ARCHES_MAX];
    size_t len;
};

static void
add_arch(struct arches *arches, uint32_t token)
{
    size_t i = 0;

    while (i < arches->len && arches->items[i].audit != audit_of(token))
        i++;
    tenon_assert(i < ARCHES_MAX);
    arches->len += i == arches->len;
    arches->items[i].audit = audit_of(token);
    for (size_t r = 0; r < profile_rule_count; r++)
        add_named(&arches->items[i], token, &profile_rules[r]);
    add_numbered(&arches->items[i], token);
}

static void
compile(void)
{
    const uint32_t native = seccomp_arch_native();
    struct arches arches = { .len = 0 };

    add_arch(&arches, native);
    for (const char *const *a = profile_arches; *a; a++) {
        /* "SCMP_ARCH_X86_64" is "x86_64" to the library. */
        auto_free char *name = tenon_lower(tenon_strdup(*a + sizeof "SCMP_ARCH_" - 1));
        uint32_t token = seccomp_arch_resolve_name(name);
        if (token && token != native)
            add_arch(&arches, token);
    }
    for (int i = 0; i < 4; i++) {
        struct callprogram p = { 0 };
        struct sock_filter sockets[SOCKETS_MAX];
        size_t n = sockets_program(sockets, i & 1, i & 2);
        for (size_t k = 0; k < n; k++)
            tenon_vec_push(&p.code, sockets[k]);
        callprogram_add(&p, arches.items, arches.len);
        programs[i & 1][i >> 1] = (struct sock_fprog){ (unsigned short)p.code.len, p.code.items };
    }
    for (size_t i = 0; i < arches.len; i++)
        tenon_vec_release(&arches.items[i].calls);
}

void
native_filter(bool shares_network, bool is_served, struct sock_fprog *out)
{
    pthread_once(&once, compile);
    *out = programs[shares_network][is_served];
}

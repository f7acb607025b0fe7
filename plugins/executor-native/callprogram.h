/* executor-native/callprogram.h - answers to system calls as a program for the kernel.
 *
 * Numbers with the same answer that follow each other are one range, and the ranges are a tree: a
 * call costs about eight tests, and the whole is some 350 instructions, which the kernel checks and
 * translates anew for each step. */
#ifndef EXECUTOR_NATIVE_CALLPROGRAM_H
#define EXECUTOR_NATIVE_CALLPROGRAM_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/exec/profile.h"
#include "tools/vec.h"

struct callprogram_call {
    uint32_t number;
    bool is_wide; /* its arguments have 64 bits */
    const struct profile_rule *rule;
};
struct callprogram_arch {
    uint32_t audit; /* AUDIT_ARCH_... */
    TENON_VEC(struct callprogram_call) calls; /* in any order */
};
struct callprogram {
    TENON_VEC(struct sock_filter) code;
};

/* Appends to p; sorts the calls.  What has no rule fails with EPERM, and on another architecture
 * the caller is killed.  A rule that looks at no argument wins over those that do. */
void callprogram_add(struct callprogram *p, struct callprogram_arch *arches, size_t count);

#endif

/* executor-native/callfilter.c - the profile's system calls as a program for the kernel. */
#include "native.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/exec/profile.h"
#include "common/exec/sockets.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/cleanup.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sock_fprog programs[2][2]; /* by shares_network, is_served; immutable after `once` */
static int failure;

static int
add_rule(scmp_filter_ctx c, const struct profile_rule *r)
{
    uint32_t action = r->action == PROFILE_ALLOW ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS);
    struct scmp_arg_cmp arg = { .arg = r->argument };
    switch (r->compare) {
    case PROFILE_ANY:
        break;
    case PROFILE_EQUAL:
        arg.op = SCMP_CMP_EQ;
        arg.datum_a = r->value;
        break;
    case PROFILE_MASKED:
        arg.op = SCMP_CMP_MASKED_EQ;
        arg.datum_a = r->mask;
        arg.datum_b = r->value;
        break;
    }
    for (const char *const *n = r->names; *n; n++) {
        int number = seccomp_syscall_resolve_name(*n);
        if (number == __NR_SCMP_ERROR)
            continue; /* newer than the library: refused like all unknown */
        int e = seccomp_rule_add_array(c, action, number, r->compare != PROFILE_ANY, &arg);
        if (e < 0)
            return -e;
    }
    return 0;
}

static int
add_all(scmp_filter_ctx c)
{
    for (const char *const *a = profile_arches; *a; a++) {
        /* "SCMP_ARCH_X86_64" is "x86_64" to the library. */
        auto_free char *name = tenon_lower(tenon_strdup(*a + sizeof "SCMP_ARCH_" - 1));
        uint32_t token = seccomp_arch_resolve_name(name);
        int e = token ? seccomp_arch_add(c, token) : 0;
        if (e < 0 && e != -EEXIST)
            return -e;
    }
    for (size_t i = 0; i < profile_rule_count; i++) {
        int e = add_rule(c, &profile_rules[i]);
        if (e)
            return e;
    }
    return 0;
}

/* The library writes programs to descriptors only. */
static int
export_program(scmp_filter_ctx c)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return errno;
    struct stat st;
    int e = -seccomp_export_bpf(c, fd);
    if (!e && fstat(fd, &st) < 0)
        e = errno;
    for (int i = 0; !e && i < 4; i++) {
        size_t len = (size_t)st.st_size;
        struct sock_filter *code = malloc(SOCKETS_MAX * sizeof *code + len);
        size_t n = code ? sockets_program(code, i & 1, i & 2) : 0;
        if (!code || pread(fd, code + n, len, 0) != (ssize_t)len)
            e = code ? EIO : ENOMEM;
        programs[i & 1][i >> 1].filter = code;
        programs[i & 1][i >> 1].len = (unsigned short)(n + len / sizeof *code);
    }
    close(fd);
    return e;
}

static void
compile(void)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    failure = c ? 0 : ENOMEM;
    if (!failure) {
        /* A tree instead of a list: a call costs 9 tests, not 300. */
        (void)seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        failure = add_all(c);
    }
    if (!failure)
        failure = export_program(c);
    if (c)
        seccomp_release(c);
}

int
native_filter(bool shares_network, bool is_served, struct sock_fprog *out)
{
    pthread_once(&once, compile);
    if (!failure)
        *out = programs[shares_network][is_served];
    return failure;
}

/* refuse.h - a thread to which the kernel refuses a system call: what a full disk, a
 * broken one or an older kernel answers, where there is none.  The filter is the
 * thread's own and that of those it starts. */
#ifndef TENON_TEST_REFUSE_H
#define TENON_TEST_REFUSE_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "unit.h"

struct refusal {
    void (*run)(void *data);
    void *data;
    int call; /* SYS_...; -1: none is refused */
    int sys;  /* what it answers */
};

__attribute__((unused)) static void *
refuse_thread(void *data)
{
    const struct refusal *r = data;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)r->call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)r->sys),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (r->call >= 0) {
        ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        ck_assert_int_eq((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
    }
    r->run(r->data);
    return NULL;
}

/* Until it has returned. */
__attribute__((unused)) static void
refused(int call, int sys, void (*run)(void *data), void *data)
{
    struct refusal r = { run, data, call, sys };
    pthread_t t;
    ck_assert_int_eq(pthread_create(&t, NULL, refuse_thread, &r), 0);
    ck_assert_int_eq(pthread_join(t, NULL), 0);
}

#endif

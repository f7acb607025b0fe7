/* common/exec/groupprogram.c - see groupprogram.h. */
#include "groupprogram.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/cleanup.h"

static int
call_bpf(enum bpf_cmd command, union bpf_attr *a)
{
    return (int)syscall(SYS_bpf, command, a, sizeof *a);
}

int
groupprogram_attach(int group_fd, enum bpf_prog_type type, enum bpf_attach_type place,
                    const struct bpf_insn *code, size_t count)
{
    static const char license[] = "GPL"; /* some helpers are for such programs alone */
    union bpf_attr a;
    memset(&a, 0, sizeof a);
    a.prog_type = type;
    if (type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR) /* one type for many places */
        a.expected_attach_type = place;
    a.insns = (uint64_t)(uintptr_t)code;
    a.insn_cnt = (uint32_t)count;
    a.license = (uint64_t)(uintptr_t)license;
    auto_close int program = call_bpf(BPF_PROG_LOAD, &a);
    if (program < 0)
        return errno;
    memset(&a, 0, sizeof a);
    a.target_fd = (uint32_t)group_fd;
    a.attach_bpf_fd = (uint32_t)program;
    a.attach_type = place;
    a.attach_flags = BPF_F_ALLOW_MULTI;
    return call_bpf(BPF_PROG_ATTACH, &a) < 0 ? errno : 0;
}

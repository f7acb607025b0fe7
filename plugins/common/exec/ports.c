/* common/exec/ports.c - see ports.h. */
#include "ports.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"

enum { GO_ON = 1, GO_ON_WITHOUT_CAPABILITY = 3 };

int
ports_allow(int group_fd, uint32_t root_id)
{
    /* return uid == 0 || uid == root_id ? GO_ON_WITHOUT_CAPABILITY : GO_ON */
    const struct bpf_insn code[] = {
        { .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_uid_gid },
        { .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0 }, /* uid */
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = GO_ON },
        { .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_1, .off = 1, .imm = 0 },
        { .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = BPF_REG_1, .off = 1,
          .imm = (int32_t)root_id },
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
          .imm = GO_ON_WITHOUT_CAPABILITY },
        { .code = BPF_JMP | BPF_EXIT },
    };
    static const char license[] = "GPL";
    static const enum bpf_attach_type kinds[] = { BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND };
    for (size_t i = 0; i < tenon_countof(kinds); i++) {
        union bpf_attr a;
        memset(&a, 0, sizeof a);
        a.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
        a.expected_attach_type = kinds[i];
        a.insns = (uint64_t)(uintptr_t)code;
        a.insn_cnt = tenon_countof(code);
        a.license = (uint64_t)(uintptr_t)license;
        auto_close int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof a);
        if (program < 0)
            return errno;
        memset(&a, 0, sizeof a);
        a.target_fd = (uint32_t)group_fd;
        a.attach_bpf_fd = (uint32_t)program;
        a.attach_type = kinds[i];
        a.attach_flags = BPF_F_ALLOW_MULTI;
        if (syscall(SYS_bpf, BPF_PROG_ATTACH, &a, sizeof a) < 0)
            return errno;
    }
    return 0;
}

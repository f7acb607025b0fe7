/* common/exec/ports.c - see ports.h. */
#include "ports.h"

#include <stdint.h>

#include "groupprogram.h"
#include "tools/alloc.h"

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
    static const enum bpf_attach_type places[] = { BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND };
    int e = 0;
    for (size_t i = 0; i < tenon_countof(places) && !e; i++)
        e = groupprogram_attach(group_fd, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, places[i], code,
                                tenon_countof(code));
    return e;
}

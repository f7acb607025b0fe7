/* common/exec/groupprogram.h - programs that the kernel asks for the processes of a group. */
#ifndef TENON_COMMON_EXEC_GROUPPROGRAM_H
#define TENON_COMMON_EXEC_GROUPPROGRAM_H

#include <linux/bpf.h>
#include <stddef.h>

/* Beside those that are there: what is above us counts as well.  0 or an errno. */
int groupprogram_attach(int group_fd, enum bpf_prog_type type, enum bpf_attach_type place,
                        const struct bpf_insn *code, size_t count);

#endif

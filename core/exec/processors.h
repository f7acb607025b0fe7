/* exec/processors.h - programs of other processors: what they look like, and who runs them on this
 * machine: its kernel, an emulator that the kernel has been told of, or one that is installed. */
#ifndef TENON_EXEC_PROCESSORS_H
#define TENON_EXEC_PROCESSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tenon_processor {
    const char *arch; /* as platforms have it: "arm64" */
    const char *qemu; /* as QEMU does: "aarch64" */
    uint16_t machine; /* of ELF */
    bool is_64, is_big;
    uint32_t flags;
    const char *exit; /* instructions: exit(0) */
    size_t exit_len;
};
/* NULL: not one that is known. */
const struct tenon_processor *tenon_processor_find(const char *arch);
/* In order, from 0 on; NULL: no more. */
const struct tenon_processor *tenon_processor_at(size_t i);

/* Does the machine's processor run it by itself?  host_platform: "linux/amd64"; sys: what trying
 * it gave. */
bool tenon_processor_is_native(const struct tenon_processor *p, const char *host_platform,
                               int sys);

/* How its programs begin, where the mask has ones. */
enum { TENON_PROCESSOR_MAGIC = 20 };
void tenon_processor_magic(const struct tenon_processor *p,
                           unsigned char magic[TENON_PROCESSOR_MAGIC],
                           unsigned char mask[TENON_PROCESSOR_MAGIC]);

/* The smallest program, which ends at once; its length. */
enum { TENON_PROCESSOR_PROGRAM = 160 };
size_t tenon_processor_program(const struct tenon_processor *p,
                               unsigned char out[TENON_PROCESSOR_PROGRAM]);
/* Run it with dir as its root, where nothing else needs to be; the privilege to change the root is
 * needed.  0, or an errno: ENOEXEC nobody runs it; ENOENT the kernel was told of an emulator, but
 * to look for it in the root; ETIMEDOUT it does not end, for a minute or so many milliseconds. */
int tenon_processor_try(const struct tenon_processor *p, const char *dir);
int tenon_processor_try_for(const struct tenon_processor *p, const char *dir, int milliseconds);

/* The path of an installed emulator that needs no libraries, to free; NULL: none.  dir: where it
 * has to be; NULL: where programs are. */
char *tenon_processor_emulator(const struct tenon_processor *p, const char *dir);

#endif

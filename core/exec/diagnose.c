/* exec/diagnose.c - why could the program not be started?  Asked after a step failed with a code
 * that runtimes use for it; answered from the root, whatever the executor. */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "base/root.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "exec/private.h"

enum { HEAD_BYTES = 4096, FULL_BYTES = 64 << 10, NEARLY_FULL_BYTES = 16 << 20 };

static void
check_interpreter(const struct tenon_step *s, const char *path, const char *wanted,
                  struct tenon_error *err)
{
    auto_close int fd = tenon_step_open_program(s, wanted);
    if (fd < 0 && !tenon_step_is_mounted_over(s, wanted))
        tenon_error_hint(err, "\"%s\" needs \"%s\", which the image does not have", path,
                         wanted);
}

static uint16_t
own_machine(void)
{
#if defined(__x86_64__)
    return EM_X86_64;
#elif defined(__aarch64__)
    return EM_AARCH64;
#elif defined(__i386__)
    return EM_386;
#elif defined(__arm__)
    return EM_ARM;
#elif defined(__riscv)
    return EM_RISCV;
#elif defined(__powerpc64__)
    return EM_PPC64;
#elif defined(__s390x__)
    return EM_S390;
#else
    return EM_NONE;
#endif
}

static void
check_elf(const struct tenon_step *s, int fd, const char *path, const char *head,
          size_t len, struct tenon_error *err)
{
    Elf64_Ehdr h;
    if (len < sizeof h)
        return;
    memcpy(&h, head, sizeof h); /* e_machine is at the same place in both classes */
    if ((own_machine() == EM_X86_64 && h.e_machine == EM_386) ||
        (s->machine && h.e_machine == s->machine))
        return;
    if (own_machine() != EM_NONE && h.e_machine != own_machine()) {
        tenon_error_hint(err, "\"%s\" is for another processor (exec format error): check "
                         "--platform", path);
        return;
    }
    if (h.e_ident[EI_CLASS] != ELFCLASS64)
        return;
    for (unsigned i = 0; i < h.e_phnum && i < 64; i++) {
        Elf64_Phdr ph;
        char wanted[256];
        if (pread(fd, &ph, sizeof ph, (off_t)(h.e_phoff + i * sizeof ph)) != sizeof ph)
            return;
        if (ph.p_type != PT_INTERP || ph.p_filesz == 0 || ph.p_filesz >= sizeof wanted)
            continue;
        if (pread(fd, wanted, ph.p_filesz, (off_t)ph.p_offset) != (ssize_t)ph.p_filesz)
            return;
        wanted[ph.p_filesz] = 0;
        check_interpreter(s, path, wanted, err);
        return;
    }
}

static bool
has_less(const struct tenon_step *s, uint64_t bytes)
{
    struct statvfs fs;
    if (fstatvfs(tenon_store_fd(s->engine->store), &fs) < 0)
        return false;
    return (fs.f_files && fs.f_favail == 0) || (uint64_t)fs.f_bavail * fs.f_frsize < bytes;
}

/* Some programs take the file back that did not fit, and so leave a little room. */
bool
tenon_step_disk_is_full(const struct tenon_step *s)
{
    return has_less(s, NEARLY_FULL_BYTES);
}

void
tenon_step_diagnose_disk(const struct tenon_step *s, struct tenon_error *err)
{
    if (has_less(s, FULL_BYTES))
        tenon_error_hint(err, "the disk of the store %s is full; \"tenon prune\" makes room",
                         tenon_store_path(s->engine->store));
}

/* What the program misses may be an optional secret or agent. */
static void
check_absent(const struct tenon_step *s, struct tenon_error *err)
{
    tenon_vec_foreach(m, &s->mounts) {
        const char *id = m->op->id;
        if (!m->absent)
            continue;
        if (m->op->type == TENON_LLB_MOUNT_SSH)
            tenon_error_hint(err, "the step ran without an ssh agent: pass --ssh %s",
                             id && *id ? id : "default");
        else
            tenon_error_hint(err, "the step ran without its secret \"%s\": pass "
                             "--secret id=%s,src=FILE", id, id);
        return;
    }
}

static void
check_program(const struct tenon_step *s, int code, struct tenon_error *err)
{
    if ((code != 1 && code != 126 && code != 127 && code != 255) || s->rootfd < 0 ||
        !s->op->args || !s->op->args[0])
        return;
    bool unsure = false;
    auto_free char *path = tenon_step_find_program(s, &unsure);
    if (unsure)
        return;
    if (!path) {
        tenon_error_hint(err, "the image has no program \"%s\"", s->op->args[0]);
        return;
    }
    auto_close int fd = tenon_step_open_program(s, path);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if (S_ISDIR(st.st_mode))
        tenon_error_hint(err, "\"%s\" is a directory", path);
    if (!S_ISREG(st.st_mode))
        return;
    if (!(st.st_mode & 0111)) {
        tenon_error_hint(err, "\"%s\" is not executable", path);
        return;
    }
    char head[HEAD_BYTES + 1];
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    int64_t n = tenon_read_full(fd, head, HEAD_BYTES, &ignored);
    if (n == 0)
        tenon_error_hint(err, "\"%s\" is empty", path);
    if (n < 4)
        return;
    head[n] = 0;
    if (!memcmp(head, ELFMAG, SELFMAG)) {
        check_elf(s, fd, path, head, (size_t)n, err);
    } else if (!memcmp(head, "#!", 2)) {
        const char *p = head + 2 + strspn(head + 2, " \t");
        auto_free char *wanted = tenon_strndup(p, strcspn(p, " \t\r\n"));
        if (p[strlen(wanted)] == '\r')
            tenon_error_hint(err, "\"%s\" has DOS line ends: its first line ends with a "
                             "carriage return", path);
        else
            check_interpreter(s, path, wanted, err);
    }
}

void
tenon_step_diagnose(const struct tenon_step *s, int code, struct tenon_error *err)
{
    if (code == 1 || code == 126 || code == 127 || code == 255)
        tenon_step_diagnose_emulation(s, err);
    if (!err->hint)
        check_program(s, code, err);
    if (!err->hint)
        check_absent(s, err);
}

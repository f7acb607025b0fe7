/* plugin/segments.c - see segments.h. */
#include "plugin/segments.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/alloc.h"

static bool
read_at(int fd, void *data, size_t len, uint64_t at)
{
    return at <= INT64_MAX && pread(fd, data, len, (off_t)at) == (ssize_t)len;
}

int
tenon_segments_check(const char *path, struct tenon_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ElfW(Ehdr) head;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !read_at(fd, &head, sizeof head, 0) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr)))
        return TENON_OK;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) part;
        const bool is_there = read_at(fd, &part, sizeof part, head.e_phoff + i * sizeof part);
        if (is_there && (part.p_type != PT_LOAD || !part.p_filesz)) /* .bss may be "beyond" it */
            continue;
        if (!is_there || part.p_filesz > (uint64_t)st.st_size ||
            part.p_offset > (uint64_t)st.st_size - part.p_filesz)
            return tenon_error_set(err, TENON_E_INVALID, "plugin %s refused: the file is cut off: "
                                   "it has %lld bytes, and says of itself that there are more",
                                   path, (long long)st.st_size);
    }
    return TENON_OK;
}

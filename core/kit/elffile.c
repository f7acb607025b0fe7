/* kit/elffile.c - see elffile.h. A file that is broken is what it is asked
 * about: each offset is checked before it is used. */
#include "kit/elffile.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/buf.h"

enum { ELF_MAX_BYTES = 512 << 20 };

struct file {
    const char *data;
    size_t len;
};

/* count things of `size` bytes from offset on, or NULL: they are not all there. */
static const void *
part(const struct file *f, uint64_t offset, uint64_t count, size_t size)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || offset > f->len ||
        bytes > f->len - offset)
        return NULL;
    return f->data + offset;
}

/* A name in a table of texts; "" where there is none. */
static const char *
text_at(const char *table, size_t len, uint64_t at)
{
    return table && at < len && memchr(table + at, 0, len - at) ? table + at : "";
}

static int
own_header(ElfW(Ehdr) * own, struct tenon_error *err)
{
    auto_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open /proc/self/exe");
    int64_t n = tenon_read_full(fd, own, sizeof *own, err);
    if (n < 0)
        return err->code;
    return n == sizeof *own
               ? TENON_OK
               : tenon_error_set(err, TENON_E_CORRUPT, "/proc/self/exe");
}

static int
check_header(const struct file *f, struct tenon_error *err)
{
    const ElfW(Ehdr) *h = part(f, 0, 1, sizeof *h);
    ElfW(Ehdr) own;
    if (own_header(&own, err) < 0)
        return err->code;
    if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return tenon_error_set(err, TENON_E_INVALID, "it is no ELF file");
    if (memcmp(h->e_ident, own.e_ident, EI_DATA + 1) != 0 ||
        h->e_machine != own.e_machine)
        return tenon_error_set(
            err,
            TENON_E_INVALID, "it is made for another processor (machine %u, class %u; here %u, %u)",
            h->e_machine, h->e_ident[EI_CLASS], own.e_machine,
            own.e_ident[EI_CLASS]);
    if (h->e_type != ET_DYN)
        return tenon_error_set(err, TENON_E_INVALID,
                               "it is no shared object (link with -shared)");
    return TENON_OK;
}

/* The size of the file that the sections and segments ask for. */
static int
check_whole(const struct file *f, struct tenon_error *err)
{
    const ElfW(Ehdr) *h = (const void *)f->data;
    const ElfW(Phdr) *p = part(f, h->e_phoff, h->e_phnum, sizeof *p);
    const ElfW(Shdr) *s = part(f, h->e_shoff, h->e_shnum, sizeof *s);
    bool whole = p && s && h->e_phentsize == sizeof *p;
    for (size_t i = 0; whole && i < h->e_phnum; i++)
        whole = part(f, p[i].p_offset, p[i].p_filesz, 1);
    for (size_t i = 0; whole && i < h->e_shnum; i++)
        whole = s[i].sh_type == SHT_NOBITS ||
                part(f, s[i].sh_offset, s[i].sh_size, 1);
    return whole ? TENON_OK
                 : tenon_error_set(err, TENON_E_INVALID,
                                   "it is cut off, or damaged");
}

static void
read_segments(const struct file *f, struct tenon_elf *e)
{
    const ElfW(Ehdr) *h = (const void *)f->data;
    const ElfW(Phdr) *p = part(f, h->e_phoff, h->e_phnum, sizeof *p);
    e->executable_stack = true; /* which the loader makes where nothing is said */
    for (size_t i = 0; i < h->e_phnum; i++)
        if (p[i].p_type == PT_GNU_STACK)
            e->executable_stack = p[i].p_flags & PF_X;
}

/* The table of texts that section s refers to. */
static const char *
linked_texts(const struct file *f, const ElfW(Shdr) * all, size_t count,
             const ElfW(Shdr) * s, size_t *len)
{
    *len = 0;
    if (s->sh_link >= count)
        return NULL;
    *len = all[s->sh_link].sh_size;
    return part(f, all[s->sh_link].sh_offset, *len, 1);
}

static void
read_symbols(const struct file *f, const ElfW(Shdr) * s, const char *texts,
             size_t len, struct tenon_elf *e)
{
    const ElfW(Sym) *symbols = part(f, s->sh_offset, s->sh_size, 1);
    for (size_t i = 1; i < s->sh_size / sizeof *symbols; i++) {
        const ElfW(Sym) *y = &symbols[i];
        const unsigned bind = y->st_info >> 4, visible = y->st_other & 3;
        if (y->st_shndx != SHN_UNDEF &&
            (bind == STB_GLOBAL || bind == STB_WEAK || bind == STB_GNU_UNIQUE) &&
            (visible == STV_DEFAULT || visible == STV_PROTECTED))
            tenon_strv_push(&e->exports,
                            tenon_strdup(text_at(texts, len, y->st_name)));
    }
}

static void
read_dynamic(const struct file *f, const ElfW(Shdr) * s, const char *texts,
             size_t len, struct tenon_elf *e)
{
    const ElfW(Dyn) *d = part(f, s->sh_offset, s->sh_size, 1);
    for (size_t i = 0; i < s->sh_size / sizeof *d && d[i].d_tag != DT_NULL; i++) {
        const char *text = text_at(texts, len, d[i].d_un.d_val);
        if (d[i].d_tag == DT_NEEDED)
            tenon_strv_push(&e->needed, tenon_strdup(text));
        if ((d[i].d_tag == DT_RUNPATH || d[i].d_tag == DT_RPATH) && !e->search)
            e->search = tenon_strdup(text);
        if (d[i].d_tag == DT_TEXTREL ||
            (d[i].d_tag == DT_FLAGS && d[i].d_un.d_val & DF_TEXTREL))
            e->text_relocations = true;
    }
}

int
tenon_elf_read(const char *path, struct tenon_elf *out, struct tenon_error *err)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    if (tenon_read_file(path, ELF_MAX_BYTES, &bytes, err) < 0)
        return err->code;
    const struct file f = {tenon_buf_str(&bytes), bytes.len};
    if (check_header(&f, err) < 0 || check_whole(&f, err) < 0)
        return err->code;
    memset(out, 0, sizeof *out);
    read_segments(&f, out);
    const ElfW(Ehdr) *h = (const void *)f.data;
    const ElfW(Shdr) *all = part(&f, h->e_shoff, h->e_shnum, sizeof *all);
    for (size_t i = 0; i < h->e_shnum; i++) {
        size_t len;
        const char *texts = linked_texts(&f, all, h->e_shnum, &all[i], &len);
        if (all[i].sh_type == SHT_DYNSYM)
            read_symbols(&f, &all[i], texts, len, out);
        else if (all[i].sh_type == SHT_DYNAMIC)
            read_dynamic(&f, &all[i], texts, len, out);
    }
    return TENON_OK;
}

void
tenon_elf_release(struct tenon_elf *e)
{
    tenon_strv_free(e->exports);
    tenon_strv_free(e->needed);
    free(e->search);
    memset(e, 0, sizeof *e);
}

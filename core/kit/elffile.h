/* kit/elffile.h - what a shared object says to the loader, read without loading it. */
#ifndef TENON_KIT_ELFFILE_H
#define TENON_KIT_ELFFILE_H

#include <stdbool.h>

#include "base/error.h"

struct tenon_elf {
    char **exports; /* defined, and visible to others; for tenon_strv_free, and so are these: */
    char **needed; /* libraries */
    char *search;  /* RUNPATH or RPATH, or NULL */
    bool executable_stack, text_relocations;
};

/* INVALID: no shared object, of another processor, or cut off. */
int tenon_elf_read(const char *path, struct tenon_elf *out,
                   struct tenon_error *err);
void tenon_elf_release(struct tenon_elf *e);
TENON_DEFINE_AUTO_STRUCT(elf, struct tenon_elf, tenon_elf_release);
#define auto_elf __attribute__((cleanup(tenon_auto_elf)))

#endif

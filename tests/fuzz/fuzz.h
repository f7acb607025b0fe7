/* fuzz.h - what fuzz targets share.  A target defines FUZZ_CORPUS, its directory in
 * tests/fuzz/corpus, before it includes this, and LLVMFuzzerTestOneInput().
 *
 * With libFuzzer (tests/fuzz/run) that is all; without, it is a program that reads
 * the files it is given, or its corpus: a test of `make check`. */
#ifndef TENON_TESTS_FUZZ_H
#define TENON_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact copy for free(), so that reading one byte too many is noticed. */
__attribute__((unused)) static char *
fuzz_copy(const void *data, size_t size)
{
    char *text = tenon_malloc(size ? size : 1);
    if (size)
        memcpy(text, data, size);
    return text;
}

/* A target that writes files includes jail.h before this. */
#ifdef FUZZ_WITH_LIBFUZZER
#ifdef FUZZ_JAIL
int LLVMFuzzerInitialize(int *argc, char ***argv);
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_prepare();
    jail_enter_for(*argc, *argv);
    return 0;
}
#endif
#else
struct fuzz_inputs {
    struct tenon_buf *items;
    size_t len;
};

static bool
fuzz_load(const char *path, struct fuzz_inputs *all)
{
    struct tenon_buf b = TENON_BUF_INIT;
    char part[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return false;
    }
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        tenon_buf_add(&b, part, n);
    fclose(f);
    all->items = tenon_reallocarray(all->items, all->len + 1, sizeof *all->items);
    all->items[all->len++] = b;
    return true;
}

static bool
fuzz_load_corpus(struct fuzz_inputs *all)
{
    const char *top = secure_getenv("abs_top_srcdir");
    auto_free char *dir =
        tenon_asprintf("%s/tests/fuzz/corpus/" FUZZ_CORPUS, top ? top : ".");
    auto_dir DIR *d = opendir(dir);
    if (!d) {
        perror(dir);
        return false;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        auto_free char *path = tenon_asprintf("%s/%s", dir, e->d_name);
        if (*e->d_name != '.' && !fuzz_load(path, all))
            return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    struct fuzz_inputs all = {0};

    for (int i = 1; i < argc; i++) {
        if (!fuzz_load(argv[i], &all))
            return EXIT_FAILURE;
    }
    if (argc == 1 && !fuzz_load_corpus(&all))
        return EXIT_FAILURE;
#ifdef FUZZ_JAIL
    fuzz_prepare();
    jail_enter(NULL, NULL);
#endif
    for (size_t i = 0; i < all.len; i++) {
        LLVMFuzzerTestOneInput((const uint8_t *)tenon_buf_str(&all.items[i]), all.items[i].len);
        tenon_buf_release(&all.items[i]);
    }
    printf("%zu inputs\n", all.len);
    free(all.items);
    return all.len ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
#endif

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

#ifndef FUZZ_WITH_LIBFUZZER
static bool
replay(const char *path)
{
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
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
    LLVMFuzzerTestOneInput((const uint8_t *)tenon_buf_str(&b), b.len);
    return true;
}

int
main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++, count++) {
        if (!replay(argv[i]))
            return EXIT_FAILURE;
    }
    if (argc == 1) {
        const char *top = secure_getenv("abs_top_srcdir");
        auto_free char *dir = tenon_asprintf(
            "%s/tests/fuzz/corpus/" FUZZ_CORPUS, top ? top : ".");
        auto_dir DIR *d = opendir(dir);
        if (!d) {
            perror(dir);
            return EXIT_FAILURE;
        }
        for (struct dirent *e; (e = readdir(d)) != NULL;) {
            auto_free char *path = tenon_asprintf("%s/%s", dir, e->d_name);
            if (*e->d_name == '.')
                continue;
            if (!replay(path))
                return EXIT_FAILURE;
            count++;
        }
    }
    printf("%d inputs\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
#endif

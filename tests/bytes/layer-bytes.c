/* layer-bytes - compress the samples in every way and write what comes out.
 *
 *   layer-bytes [-c CUT] [-t THREADS] [-q] DIR
 *   layer-bytes -V                     # the version of libzstd
 *
 * Makes DIR/METHOD-LEVEL-SAMPLE; cli/layer-bytes.sh compares with the digests
 * that are kept.  -c: so many bytes at a time go in.  -t: as if there were so
 * many processors.  -q: less, for processors that are emulated.
 *
 * With -DENCODER_ONLY it is the encoder alone, without threads or a library,
 * and can be built for any machine; the full program writes the same files
 * (deflate-...) beside the others. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "image/encoder.h"
#include "samples.h"

static size_t cut = 65536;
static int dir;
static bool quick;

static int
create(const char *method, int level, const char *sample)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%d-%s", method, level, sample);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        err(1, "%s", name);
    return fd;
}

static void
output(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0)
            err(1, "write");
        p += n;
        len -= (size_t)n;
    }
}

/* An emulated processor takes its time: there, what is large is tried at two
 * levels, and what is larger not at all. */
static bool
leave_out(int level, const struct sample *s)
{
    if (!quick)
        return false;
    return level > 9 || s->len > SAMPLE_BLOCK + 1 ||
           (s->len > 300000 && level != 1 && level != 6);
}

/* One encoder for all samples of a level: the one before must not matter. */
static void
encode_samples(int level)
{
    auto_encoder struct tenon_encoder *e = tenon_encoder_new(level);
    auto_free unsigned char *out = tenon_malloc(TENON_ENCODE_ROOM);
    for (size_t s = 0; s < tenon_countof(samples); s++) {
        if (leave_out(level, &samples[s]) || samples[s].len > SAMPLE_BLOCK + 1)
            continue;
        auto_free unsigned char *data = sample_make(&samples[s]);
        int fd = create("deflate", level, samples[s].name);
        for (size_t at = 0; at < samples[s].len; at += TENON_ENCODE_INPUT) {
            size_t left = samples[s].len - at;
            size_t n = left < TENON_ENCODE_INPUT ? left : TENON_ENCODE_INPUT;
            output(fd, out, tenon_encode(e, data + at, n, out));
        }
        close(fd);
    }
}

#ifdef ENCODER_ONLY

static void
all_layers(void)
{
}

static void
pretend_processors(long n)
{
    (void)n;
}

static void
print_version(void)
{
}

#else

#include <dlfcn.h>
#include <zstd.h>

#include "image/stream.h"

static long processors;

static void
pretend_processors(long n)
{
    processors = n;
}

/* Instead of the C library's: the number of threads is made of it. */
long
sysconf(int name)
{
    if (name == _SC_NPROCESSORS_ONLN && processors > 0)
        return processors;
    long (*real)(int) = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}

static int
sink(void *data, const void *buf, size_t len, struct tenon_error *error)
{
    (void)error;
    output(*(int *)data, buf, len);
    return 0;
}

static void
make_layer(const char *method, int level, const struct sample *s, const unsigned char *data)
{
    auto_error struct tenon_error error = TENON_ERROR_INIT;
    auto_deflate struct tenon_deflate *d = NULL;
    struct tenon_digest raw;
    int fd = create(method, level, s->name);
    if (tenon_deflate_new(method, level, sink, &fd, &d, &error) < 0)
        errx(1, "%s", error.message);
    for (size_t at = 0; at < s->len; at += cut)
        if (tenon_deflate_write(d, data + at, s->len - at < cut ? s->len - at : cut, &error) < 0)
            errx(1, "%s", error.message);
    if (tenon_deflate_finish(d, &raw, &error) < 0)
        errx(1, "%s", error.message);
    close(fd);
}

/* zstd's upper levels take minutes for megabytes, and a gigabyte of memory. */
static bool
too_much(int level, const struct sample *s)
{
    size_t most = level <= 6 ? SAMPLE_BLOCK + 1 : level <= 15 ? 300000 : 11;
    return s->len > most && level != 3;
}

static void
all_layers(void)
{
    for (size_t i = 0; i < tenon_countof(samples); i++) {
        const struct sample *s = &samples[i];
        auto_free unsigned char *data = sample_make(s);
        make_layer("uncompressed", -1, s, data);
        for (int level = -1; level <= 9; level++)
            if (!leave_out(level < 0 ? 1 : level, s))
                make_layer("gzip", level, s, data);
        for (int level = -1; level <= 22; level++)
            if (!too_much(level < 0 ? 3 : level, s) && !leave_out(level < 0 ? 1 : level, s))
                make_layer("zstd", level, s, data);
    }
}

static void
print_version(void)
{
    puts(ZSTD_versionString());
}

#endif

int
main(int argc, char **argv)
{
    for (int o; (o = getopt(argc, argv, "c:t:qV")) != -1;) {
        if (o == 'c')
            cut = (size_t)strtoul(optarg, NULL, 10);
        else if (o == 't')
            pretend_processors(strtol(optarg, NULL, 10));
        else if (o == 'q')
            quick = true;
        else if (o == 'V')
            return print_version(), 0;
        else
            return 2;
    }
    if (optind + 1 != argc || cut == 0)
        errx(2, "usage: layer-bytes [-c CUT] [-t THREADS] [-q] DIR");
    dir = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        err(1, "%s", argv[optind]);
    for (int level = 0; level <= TENON_ENCODE_LEVEL_MAX; level++)
        encode_samples(level);
    all_layers();
    return 0;
}

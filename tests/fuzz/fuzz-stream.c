/* fuzz-stream - compressed layers: gzip (members), zstd (frames, some to be skipped), plain. What
 * is read has the digest that is told, and reads the same in pieces of another size; what begins
 * like an archive is sniffed at. The first byte chooses how it arrives: as a file, or by a pipe. */
#define FUZZ_CORPUS "stream"
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "fuzz.h"
#include "image/stream.h"
#include "tools/sniff.h"

enum { OUT_MAX = 8 << 20, PIPE_MAX = 60 << 10 };

struct outcome {
    int64_t status; /* of the last read */
    uint64_t bytes;
    struct tenon_digest digest; /* of what was read */
};

static void
read_out(int fd, struct outcome *o)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_inflate struct tenon_inflate *in = tenon_inflate_new(fd, NULL);
    struct tenon_hash *hash = tenon_hash_new();
    const void *data;
    while ((o->status = tenon_inflate_read(in, &data, &err)) > 0 && o->bytes < OUT_MAX) {
        tenon_hash_update(hash, data, (size_t)o->status);
        o->bytes += (uint64_t)o->status;
    }
    tenon_hash_final(hash, &o->digest);
    tenon_hash_free(hash);
    if (o->status < 0)
        tenon_assert(err.message);
    struct tenon_digest told;
    if (o->status == 0) {
        tenon_assert(tenon_inflate_finish(in, &told, &err) == 0);
        tenon_assert(strcmp(told.str, o->digest.str) == 0);
    }
}

static int
open_file(const char *text, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fd = memfd_create("stream", MFD_CLOEXEC);
    tenon_assert(fd >= 0 && tenon_write_all(fd, text, size, &err) == 0 &&
                 lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static int
open_pipe(const char *text, size_t size)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    int fds[2];
    tenon_assert(pipe(fds) == 0 && tenon_write_all(fds[1], text, size, &err) == 0);
    close(fds[1]);
    return fds[0];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome once = {0}, again = {0};
    if (size == 0)
        return 0;
    char *text = fuzz_copy(data + 1, size - 1);
    size--;
    bool tar = size >= TENON_SNIFF_BYTES && tenon_has_tar_header(text);
    tenon_assert(!tar || tenon_may_be_archive(text, TENON_SNIFF_BYTES));
    (void)tenon_may_be_archive(text, size < TENON_SNIFF_BYTES ? size : TENON_SNIFF_BYTES);

    auto_close int fd = open_file(text, size);
    read_out(fd, &once);
    auto_close int second = data[0] % 2 && size < PIPE_MAX ? open_pipe(text, size)
                                                           : open_file(text, size);
    read_out(second, &again);
    tenon_assert(once.status == again.status && once.bytes == again.bytes);
    tenon_assert(strcmp(once.digest.str, again.digest.str) == 0);
    free(text);
    return 0;
}

/* source-http/suffixed.c - see suffixed.h. */
#include "suffixed.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/ascii.h"

static const struct algorithm {
    const char *name;
    gnutls_digest_algorithm_t id;
} algorithms[] = {
    {"sha256:", GNUTLS_DIG_SHA256},
    {"sha384:", GNUTLS_DIG_SHA384},
    {"sha512:", GNUTLS_DIG_SHA512},
};

static const struct algorithm *
find(const char *wanted)
{
    for (size_t i = 0; i < tenon_countof(algorithms); i++)
        if (tenon_has_prefix(wanted, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

static const char *
read_suffix(const char *text, struct tenon_buf *out)
{
    if (strlen(text) / 2 > HTTP_SUFFIX_MAX)
        return "the suffix exceeds max size 4096";
    for (; *text; text += 2) {
        const int high = tenon_hex_digit(text[0]), low = high < 0 ? -1 : tenon_hex_digit(text[1]);
        if (low < 0)
            return "the suffix is not in hexadecimal digits";
        const char byte = (char)(high << 4 | low);
        tenon_buf_add(out, &byte, 1);
    }
    return NULL;
}

/* 0 or a negative errno. */
static int
hash_file(int fd, gnutls_hash_hd_t hash)
{
    char chunk[65536];

    for (;;) {
        const ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (gnutls_hash(hash, chunk, (size_t)n) < 0)
            return -EIO;
    }
}

int
http_suffixed_digest(int fd, const char *wanted, struct tenon_buf *out, const char **why)
{
    auto_buf struct tenon_buf suffix = TENON_BUF_INIT;
    const struct algorithm *a = find(wanted);
    unsigned char bin[64];
    gnutls_hash_hd_t hash;

    *why = a ? read_suffix(wanted + strlen(a->name), &suffix) : "unsupported checksum algorithm";
    if (*why)
        return 0;
    if (gnutls_hash_init(&hash, a->id) < 0)
        return -ENOMEM;
    int rc = hash_file(fd, hash);
    if (rc == 0 && suffix.len && gnutls_hash(hash, suffix.data, suffix.len) < 0)
        rc = -EIO;
    gnutls_hash_deinit(hash, bin);
    tenon_buf_adds(out, a->name);
    for (size_t i = 0; i < gnutls_hash_get_len(a->id); i++)
        tenon_buf_addf(out, "%02x", bin[i]);
    return rc;
}

/* cache-s3/sign.c - AWS Signature Version 4 (the S3 API reference, "Authenticating Requests:
 * Using the Authorization Header").  libcurl has it too, but as Debian 12 has it it signs header
 * lines that are only there to take a header away. */
#include "s3.h"

#include <string.h>

#include "common/objects/mac.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

/* "host;x-amz-date" */
static char *
names_of(const char *const *headers)
{
    struct tenon_buf names = TENON_BUF_INIT;
    for (const char *const *h = headers; *h; h++)
        tenon_buf_addf(&names, "%s%.*s", h == headers ? "" : ";", (int)strcspn(*h, ":"), *h);
    return tenon_buf_steal(&names);
}

/* What the signature is over, as its digest. */
static void
canonical(const char *method, const char *path, const char *const *headers, const char *names,
          const char *sha256, char hex[MAC_HEX])
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_addf(&text, "%s\n%s\n\n", method, path);
    for (const char *const *h = headers; *h; h++) {
        size_t name = strcspn(*h, ":");
        tenon_buf_addf(&text, "%.*s:%s\n", (int)name, *h, *h + name + strlen(": "));
    }
    tenon_buf_addf(&text, "\n%s\n%s", names, sha256);
    mac_sha256(text.data, text.len, hex);
}

static void
chain(unsigned char key[MAC_BYTES], const char *text)
{
    unsigned char next[MAC_BYTES];
    mac_hmac(key, MAC_BYTES, text, strlen(text), next);
    memcpy(key, next, sizeof next);
}

char *
s3_authorization(const struct s3_bucket *b, const char *method, const char *path,
                 const char *const *headers, const char *sha256, const char *date)
{
    char request[MAC_HEX], signature[MAC_HEX], day[9];
    unsigned char key[MAC_BYTES];
    auto_free char *names = names_of(headers);
    canonical(method, path, headers, names, sha256, request);

    memcpy(day, date, sizeof day - 1);
    day[sizeof day - 1] = '\0';
    auto_free char *scope = tenon_asprintf("%s/%s/s3/aws4_request", day, b->region);
    auto_free char *text = tenon_asprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, request);
    auto_free char *first = tenon_asprintf("AWS4%s", b->secret);
    mac_hmac(first, strlen(first), day, strlen(day), key);
    chain(key, b->region);
    chain(key, "s3");
    chain(key, "aws4_request");
    chain(key, text);
    mac_hex(key, signature);
    explicit_bzero(first, strlen(first));
    return tenon_asprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                          b->key_id, scope, names, signature);
}

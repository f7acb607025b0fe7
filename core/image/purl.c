/* image/purl.c - package URLs of images (github.com/package-url/purl-spec), as BuildKit writes
 * them. */
#include <string.h>

#include "image/image.h"
#include "tools/alloc.h"

/* Go's url.QueryEscape; a name has no blanks. */
static void
escape(struct tenon_buf *b, const char *s, size_t len)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-_.~";
    for (size_t i = 0; i < len; i++)
        if (strchr(plain, s[i]))
            tenon_buf_addc(b, s[i]);
        else
            tenon_buf_addf(b, "%%%02X", (unsigned char)s[i]);
}

char *
tenon_image_purl(const char *type, const char *name, const struct tenon_platform *platform,
                 struct tenon_error *err)
{
    struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, err) < 0)
        return NULL;
    struct tenon_buf b = TENON_BUF_INIT;
    auto_free char *tag = tenon_steal(&ref.tag), *digest = tenon_steal(&ref.digest);
    auto_free char *familiar = tenon_reference_familiar(&ref);
    tenon_reference_release(&ref);
    tenon_buf_addf(&b, "pkg:%s/", type);
    for (const char *part = familiar;;) {
        size_t len = strcspn(part, "/");
        escape(&b, part, len);
        if (!part[len])
            break;
        tenon_buf_addc(&b, '/');
        part += len + 1;
    }
    if (tag) /* of letters that need no escape */
        tenon_buf_addf(&b, "@%s", tag);
    char separator = '?';
    if (digest) {
        tenon_buf_addf(&b, "%cdigest=", separator);
        escape(&b, digest, strlen(digest));
        separator = '&';
    }
    if (platform) {
        char text[200];
        tenon_platform_format(platform, text);
        tenon_buf_addf(&b, "%cplatform=", separator);
        escape(&b, text, strlen(text));
    }
    return tenon_buf_steal(&b);
}

/* tools/base64.c - three bytes are four letters. */
#include "tools/base64.h"

#include "tools/alloc.h"

char *
tenon_base64(const void *data, size_t len)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    char *out = tenon_calloc(len / 3 + 2, 4), *w = out;
    for (size_t i = 0; i < len; i += 3) {
        unsigned v = 0, n = 0;
        for (; n < 3 && i + n < len; n++)
            v |= (unsigned)p[i + n] << (16 - 8 * n);
        for (unsigned k = 0; k < 4; k++)
            *w++ = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

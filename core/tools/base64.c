/* tools/base64.c - three bytes are four letters. */
#include "tools/base64.h"

#include <stdint.h>

#include "tools/alloc.h"
#include "tools/buf.h"

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

static int
sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
tenon_base64_decode(const char *text, size_t len, struct tenon_buf *out)
{
    uint32_t v = 0;
    unsigned bits = 0;

    if (len % 4 == 0) {
        for (int i = 0; i < 2 && len && text[len - 1] == '='; i++)
            len--;
    }
    if (len % 4 == 1)
        return false;
    tenon_buf_reserve(out, len / 4 * 3 + 3);
    for (size_t i = 0; i < len; i++) {
        int s = sextet(text[i]);
        if (s < 0)
            return false;
        v = v << 6 | (uint32_t)s;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            tenon_buf_addc(out, (char)(v >> bits));
        }
    }
    return true;
}

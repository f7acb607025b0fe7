/* tools/utf8.c - what a character is. */
#include "tools/utf8.h"

size_t
tenon_utf8_len(const void *at, size_t left)
{
    const unsigned char *s = at;
    unsigned char c = s[0], lo = 0x80, hi = 0xbf;
    size_t n;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        n = 2;
    else if (c >= 0xe0 && c <= 0xef)
        n = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        n = 4;
    else
        return 0;
    if (n > left)
        return 0;
    if (c == 0xe0)
        lo = 0xa0;
    else if (c == 0xed)
        hi = 0x9f;
    else if (c == 0xf0)
        lo = 0x90;
    else if (c == 0xf4)
        hi = 0x8f;
    if (s[1] < lo || s[1] > hi)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return n;
}

uint32_t
tenon_utf8_next(const char *p, size_t left, size_t *len)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t n = tenon_utf8_len(p, left);
    *len = n ? n : 1;
    if (n <= 1)
        return n ? s[0] : TENON_UTF8_NONE + s[0];
    uint32_t r = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        r = r << 6 | (s[i] & 0x3f);
    return r;
}

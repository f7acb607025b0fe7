/* tools/text.c - text from elsewhere, made harmless for a terminal. */
#include "tools/text.h"

#include <stdbool.h>
#include <stdint.h>

#include "tools/utf8.h"

/* One character; 0: there is none. */
static size_t
decode(const char *text, size_t left, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = tenon_utf8_len(p, left);
    if (n == 0)
        return 0;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    *out = c;
    return n;
}

static bool
is_control(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } controls[] = {
        { 0x0000, 0x001f },   { 0x007f, 0x009f },  /* C0, DEL, C1: escape sequences */
        { 0x061c, 0x061c },   { 0x200e, 0x200f },  /* marks of direction */
        { 0x2028, 0x202e },   { 0x2066, 0x2069 },  /* separators, overrides, isolates */
        { 0xfff9, 0xfffb },   { 0xe0000, 0xe007f } /* annotations, tags */
    };
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (c >= controls[i].first && c <= controls[i].last)
            return true;
    return false;
}

size_t
tenon_text_printable(const char *p, size_t left)
{
    uint32_t c;
    size_t n = decode(p, left, &c);
    return n && !is_control(c) ? n : 0;
}

void
tenon_text_add(struct tenon_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = text[i] == '\n' || text[i] == '\t' ? 1 : tenon_text_printable(text + i, len - i);
        if (n)
            tenon_buf_add(out, text + i, n);
        else
            tenon_buf_addf(out, "\\x%02x", (unsigned char)text[i]);
        i += n ? n : 1;
    }
}

void
tenon_text_add_json(struct tenon_buf *out, const char *json, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c = 0xfffd; /* not valid UTF-8 */
        size_t n = decode(json + i, len - i, &c);
        if (n && (!is_control(c) || c == '\n' || c == '\t' || c == '\r'))
            tenon_buf_add(out, json + i, n);
        else if (c < 0x10000)
            tenon_buf_addf(out, "\\u%04x", c);
        else
            tenon_buf_addf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                           0xdc00 + ((c - 0x10000) & 0x3ff));
        i += n ? n : 1;
    }
}

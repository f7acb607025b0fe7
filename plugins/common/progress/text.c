/* common/progress/text.c - see text.h. */
#include "text.h"

#include <string.h>
#include <time.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "tools/text.h"

/* Bytes of the escape sequence that starts at p[0] == ESC. */
static size_t
escape_len(const unsigned char *p, size_t left)
{
    if (left < 2)
        return 1;
    if (p[1] == '[') { /* CSI: up to a final byte */
        size_t i = 2;
        while (i < left && p[i] >= 0x20 && p[i] < 0x40)
            i++;
        return i < left ? i + 1 : left;
    }
    if (p[1] == ']' || p[1] == 'P' || p[1] == '_' || p[1] == '^' || p[1] == 'X') {
        size_t i = 2; /* a string: up to BEL or ESC \ */
        while (i < left && p[i] != 7 && p[i] != 0x1b)
            i++;
        if (i < left && p[i] == 0x1b && i + 1 < left && p[i + 1] == '\\')
            i++;
        return i < left ? i + 1 : left;
    }
    return 2;
}

void
pk_sanitize(struct tenon_buf *out, const char *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t line = out->len;
    for (size_t i = 0; i < len;) {
        size_t n = 0;
        while (i + n < len && p[i + n] >= 0x20 && p[i + n] < 0x7f)
            n++;
        if (n) { /* most of it, and much of it */
            tenon_buf_add(out, p + i, n);
            i += n;
        } else if (p[i] == 0x1b) {
            i += escape_len(p + i, len - i);
        } else if (p[i] == '\r') {
            if (i + 1 < len && p[i + 1] != '\n' && p[i + 1] != '\r')
                tenon_buf_truncate(out, line);
            i++;
        } else if (p[i] == '\n' || p[i] == '\t') {
            tenon_buf_addc(out, (char)p[i]);
            if (p[i++] == '\n')
                line = out->len;
        } else if (p[i] < 0x20 || p[i] == 0x7f) {
            i++;
        } else if ((n = tenon_text_printable(data + i, len - i)) > 0) {
            tenon_buf_add(out, p + i, n);
            i += n;
        } else {
            tenon_buf_addc(out, '?');
            i++;
        }
    }
}

void
pk_add_bytes(struct tenon_buf *out, int64_t bytes)
{
    auto_free char *text = tenon_format_bytes(bytes);
    tenon_buf_adds(out, text);
}

void
pk_add_seconds(struct tenon_buf *out, int64_t ns)
{
    tenon_buf_addf(out, "%.1fs", (double)(ns < 0 ? 0 : ns) / 1e9);
}

void
pk_add_log_time(struct tenon_buf *out, int64_t ns)
{
    double s = (double)(ns < 0 ? 0 : ns) / 1e9;
    tenon_buf_addf(out, "%.*f", s < 10 ? 3 : s < 100 ? 2 : 1, s);
}

/* A number with as many decimals as it needs. */
static void
add_fraction(struct tenon_buf *out, int64_t whole, int64_t frac, int digits, const char *unit)
{
    while (digits > 0 && frac % 10 == 0) {
        frac /= 10;
        digits--;
    }
    tenon_buf_addf(out, "%lld", (long long)whole);
    if (digits > 0)
        tenon_buf_addf(out, ".%0*lld", digits, (long long)frac);
    tenon_buf_adds(out, unit);
}

void
pk_add_go_duration(struct tenon_buf *out, int64_t ns)
{
    const int64_t second = 1000000000, minute = 60 * second, hour = 60 * minute;
    if (ns <= 0) {
        tenon_buf_adds(out, "0s");
    } else if (ns < 1000) {
        add_fraction(out, ns, 0, 0, "ns");
    } else if (ns < 1000000) {
        add_fraction(out, ns / 1000, ns % 1000, 3, "\302\265s");
    } else if (ns < second) {
        add_fraction(out, ns / 1000000, ns % 1000000, 6, "ms");
    } else {
        if (ns >= hour)
            tenon_buf_addf(out, "%lldh", (long long)(ns / hour));
        if (ns >= minute)
            tenon_buf_addf(out, "%lldm", (long long)(ns % hour / minute));
        add_fraction(out, ns % minute / second, ns % second, 9, "s");
    }
}

void
pk_add_go_time(struct tenon_buf *out, int64_t ns)
{
    time_t s = (time_t)(ns / 1000000000);
    struct tm tm;
    char text[64];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    tenon_buf_addf(out, "%s.%09lld +0000 UTC", text, (long long)(ns % 1000000000));
}

/* ---- columns -------------------------------------------------------------------- */

/* The locale is "C", so wcwidth() does not know; the terminal is taken for one
 * that speaks UTF-8. */
static const struct { uint32_t first, last; unsigned char columns; } widths[] = {
    { 0x0300, 0x036f, 0 },   { 0x0483, 0x0489, 0 },   { 0x0591, 0x05bd, 0 },
    { 0x0610, 0x061a, 0 },   { 0x064b, 0x065f, 0 },   { 0x1100, 0x115f, 2 },
    { 0x1ab0, 0x1aff, 0 },   { 0x1dc0, 0x1dff, 0 },   { 0x200b, 0x200f, 0 },
    { 0x202a, 0x202e, 0 },   { 0x2060, 0x206f, 0 },   { 0x20d0, 0x20ff, 0 },
    { 0x231a, 0x231b, 2 },   { 0x23e9, 0x23ec, 2 },   { 0x25fd, 0x25fe, 2 },
    { 0x2614, 0x2615, 2 },   { 0x2648, 0x2653, 2 },   { 0x267f, 0x267f, 2 },
    { 0x2693, 0x2693, 2 },   { 0x26a1, 0x26a1, 2 },   { 0x26aa, 0x26ab, 2 },
    { 0x26bd, 0x26be, 2 },   { 0x26c4, 0x26c5, 2 },   { 0x26ce, 0x26ce, 2 },
    { 0x26d4, 0x26d4, 2 },   { 0x26ea, 0x26ea, 2 },   { 0x26f2, 0x26f3, 2 },
    { 0x26f5, 0x26f5, 2 },   { 0x26fa, 0x26fa, 2 },   { 0x26fd, 0x26fd, 2 },
    { 0x2705, 0x2705, 2 },   { 0x270a, 0x270b, 2 },   { 0x2728, 0x2728, 2 },
    { 0x274c, 0x274c, 2 },   { 0x274e, 0x274e, 2 },   { 0x2753, 0x2755, 2 },
    { 0x2757, 0x2757, 2 },   { 0x2795, 0x2797, 2 },   { 0x27b0, 0x27b0, 2 },
    { 0x27bf, 0x27bf, 2 },   { 0x2b1b, 0x2b1c, 2 },   { 0x2b50, 0x2b50, 2 },
    { 0x2b55, 0x2b55, 2 },   { 0x2e80, 0x303e, 2 },   { 0x3041, 0x33ff, 2 },
    { 0x3400, 0x4dbf, 2 },   { 0x4e00, 0xa4cf, 2 },   { 0xa960, 0xa97c, 2 },
    { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },   { 0xfe00, 0xfe0f, 0 },
    { 0xfe20, 0xfe2f, 0 },   { 0xfe30, 0xfe6f, 2 },   { 0xfeff, 0xfeff, 0 },
    { 0xff01, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },   { 0x1f004, 0x1f004, 2 },
    { 0x1f0cf, 0x1f0cf, 2 }, { 0x1f18e, 0x1f18e, 2 }, { 0x1f191, 0x1f19a, 2 },
    { 0x1f1e6, 0x1f1ff, 2 }, { 0x1f200, 0x1f320, 2 }, { 0x1f32d, 0x1f335, 2 },
    { 0x1f337, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 }, { 0x1f7e0, 0x1f7eb, 2 },
    { 0x1f90c, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 }, { 0xe0100, 0xe01ef, 0 },
};

/* The character at s, which is valid UTF-8: its bytes, and how many columns. */
static size_t
next_char(const char *s, size_t *columns)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    *columns = 1;
    for (size_t i = 1; i < n; i++) {
        if (!p[i])
            return i;
        c = c << 6 | (p[i] & 0x3f);
    }
    size_t low = 0, high = tenon_countof(widths);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > widths[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < tenon_countof(widths) && c >= widths[low].first)
        *columns = widths[low].columns;
    return n;
}

size_t
pk_columns(const char *s)
{
    size_t total = 0, one;
    while (*s) {
        s += next_char(s, &one);
        total += one;
    }
    return total;
}

size_t
pk_cut(const char *s, size_t columns)
{
    size_t i = 0;
    while (s[i]) {
        size_t one, n = next_char(s + i, &one);
        if (one > columns)
            break;
        columns -= one;
        i += n;
    }
    return i;
}

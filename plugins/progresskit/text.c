#include "text.h"

#include <string.h>
#include <time.h>

#include "base/parse.h"

/* Length of a valid UTF-8 sequence at p (1..4), or 0. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
             : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* C1 controls (U+0080..U+009F) are escape sequences to some terminals. */
    if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return 0;
    return n;
}

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
        size_t n;
        if (p[i] == 0x1b) {
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
        } else if ((n = utf8_len(p + i, len - i)) > 0) {
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

void
pk_add_go_duration(struct tenon_buf *out, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    if (ns >= 1000000000) {
        int64_t minutes = ns / 60000000000;
        if (minutes >= 60)
            tenon_buf_addf(out, "%lldh", (long long)(minutes / 60));
        if (minutes)
            tenon_buf_addf(out, "%lldm", (long long)(minutes % 60));
        ns %= 60000000000;
    }
    /* the unit as Go picks it: s, ms, µs, ns, without trailing zeros */
    const char *unit = ns >= 1000000000 || out->len == 0 ? "s" : "s";
    int64_t whole = ns / 1000000000, frac = ns % 1000000000;
    int digits = 9;
    if (ns > 0 && ns < 1000000000) {
        unit = ns >= 1000000 ? "ms" : ns >= 1000 ? "\302\265s" : "ns";
        int64_t div = ns >= 1000000 ? 1000000 : ns >= 1000 ? 1000 : 1;
        digits = ns >= 1000000 ? 6 : ns >= 1000 ? 3 : 0;
        whole = ns / div;
        frac = ns % div;
    }
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
pk_add_go_time(struct tenon_buf *out, int64_t ns)
{
    time_t s = (time_t)(ns / 1000000000);
    struct tm tm;
    char text[64];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    tenon_buf_addf(out, "%s.%09lld +0000 UTC", text, (long long)(ns % 1000000000));
}

size_t
pk_columns(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

size_t
pk_cut(const char *s, size_t columns)
{
    size_t i = 0;
    for (; s[i]; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80 && columns-- == 0)
            break;
    return i;
}
